"""Read one record, or several by their ids. Former versions: `history.py`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from benhan.core.access import Decision, Interaction, Subject
from benhan.core.db import Lookup, Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Gone, NotFound
from benhan.core.language import _
from benhan.core.store.records import NUMBERS, audited, audited_many, permit, reaches

_ONE = Lookup(
    "select version, updated, patient, body from resource where facility = {facility} and type = {0} and id = {1}",
    ("smallint", "text"),
)
_ONE_ALONE = _ONE.alone()


class Stored(msgspec.Struct, frozen=True):
    """A record as it lies in the store: the bytes to send, no JSON work done."""

    id: str
    version: int
    updated: datetime
    patient: str | None
    body: bytes


async def read(tx: Transaction, who: Subject, type_: type[r4.R], id_: str) -> r4.R:
    """The current state of a record.

    Raises:
        Forbidden, NotFound, Gone.
    """
    return codec.kept((await read_stored(tx, who, codec.type_name(type_), id_)).body, type_)


async def read_stored(tx: Transaction, who: Subject, name: str, id_: str) -> Stored:
    """Like `read`, as the stored bytes.

    Raises:
        Forbidden, NotFound, Gone.
    """
    decision = permit(who, Interaction.READ, name)
    key = NUMBERS[name], id_
    row = await (tx.row(_ONE, *key) if tx.only_looks else tx.fetchrow(_ONE_ALONE, who.facility, *key))
    if row is None and 0 in (reach := reaches(who, name)) and len(reach) > 1:
        row = next(iter(await tx.look(_ONE_ALONE, 0, *key)), None)
    if row is None or _beyond(decision, row["patient"]):
        raise NotFound(_("Không có %(name)s/%(id)s.", name=name, id=id_[:64]), where=name)
    if row["body"] is None:
        raise Gone(
            _("%(name)s/%(id)s đã bị xoá.", name=name, id=id_),
            where=name,
            advice=_("Lịch sử của bản ghi vẫn xem được."),
        )
    audited(tx, who, Interaction.READ, decision, name, id_, row["patient"])
    return Stored(id_, row["version"], row["updated"], row["patient"], row["body"])


async def read_many(tx: Transaction, who: Subject, type_: type[r4.R], ids: Iterable[str | None]) -> dict[str, r4.R]:
    """Several records by id at once; those that are not there (or not yours) are left out.

    Raises:
        Forbidden: the type may not be read.
    """
    wanted = sorted({id_ for id_ in ids if id_})
    name = codec.type_name(type_)
    decision = permit(who, Interaction.READ, name)
    if not wanted:
        return {}
    rows = await tx.look(
        "select id, patient, body from resource"
        " where facility = any($1) and type = $2 and id = any($3) and body is not null order by facility",
        reaches(who, name), NUMBERS[name], wanted,
    )  # fmt: skip
    mine = [row for row in rows if not _beyond(decision, row["patient"])]
    audited_many(tx, who, decision, name, ((row["id"], row["patient"]) for row in mine))
    return {row["id"]: codec.kept(row["body"], type_) for row in mine}


def _beyond(decision: Decision, patient: str | None) -> bool:
    """Outside the one compartment this caller is limited to."""
    return decision.only_patient is not None and decision.only_patient != patient
