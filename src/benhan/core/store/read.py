"""Read one, several, a former version, the whole history."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from benhan.core.access import Decision, Interaction, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Gone, NotFound
from benhan.core.store.records import NUMBERS, audited, audited_many, permit


class Stored(msgspec.Struct, frozen=True):
    """A record as it lies in the store: the bytes to send, no JSON work done."""

    id: str
    version: int
    updated: datetime
    patient: str | None
    body: bytes


class Version(msgspec.Struct, frozen=True):
    """One state in the life of a record; `body` is None where it was deleted."""

    id: str
    version: int
    updated: datetime
    action: str
    account: str
    body: bytes | None


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
    row = await tx.fetchrow(
        "select version, updated, patient, body from resource where facility = $1 and type = $2 and id = $3",
        who.facility, NUMBERS[name], id_,
    )  # fmt: skip
    if row is None or _beyond(decision, row["patient"]):
        raise NotFound(f"Không có {name}/{id_[:64]}.", where=name)
    if row["body"] is None:
        raise Gone(f"{name}/{id_} đã bị xoá.", where=name, advice="Lịch sử của bản ghi vẫn xem được.")
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
    rows = await tx.fetch(
        "select id, patient, body from resource"
        " where facility = $1 and type = $2 and id = any($3) and body is not null",
        who.facility, NUMBERS[name], wanted,
    )  # fmt: skip
    mine = [row for row in rows if not _beyond(decision, row["patient"])]
    audited_many(tx, who, decision, name, ((row["id"], row["patient"]) for row in mine))
    return {row["id"]: codec.kept(row["body"], type_) for row in mine}


async def vread(tx: Transaction, who: Subject, type_: type[r4.R], id_: str, version: str) -> r4.R:
    """A former state of a record.

    Raises:
        Forbidden, NotFound; Gone: that version is its deletion.
    """
    for state in await history(tx, who, type_, id_):
        if str(state.version) == version:
            if state.body is None:
                raise Gone(f"Bản {version} là lúc bản ghi bị xoá.")
            return codec.kept(state.body, type_)
    raise NotFound(f"Không có bản {version[:20]} của {codec.type_name(type_)}/{id_[:64]}.")


async def history(tx: Transaction, who: Subject, type_: type[r4.R], id_: str) -> list[Version]:
    """Every state of a record, newest first.

    Raises:
        Forbidden, NotFound.
    """
    name = codec.type_name(type_)
    decision = permit(who, Interaction.READ, name)
    key = (who.facility, NUMBERS[name], id_)
    patient = await tx.fetchrow("select patient from resource where facility = $1 and type = $2 and id = $3", *key)
    if patient is None or _beyond(decision, patient["patient"]):
        raise NotFound(f"Không có {name}/{id_[:64]}.", where=name)
    rows = await tx.fetch(
        "select version, updated, action, account, body from history"
        " where facility = $1 and type = $2 and id = $3 order by version desc",
        *key,
    )
    audited(tx, who, Interaction.READ, decision, name, id_, patient["patient"], "history")
    return [
        Version(id_, row["version"], row["updated"], row["action"].decode(), row["account"], row["body"])
        for row in rows
    ]


def _beyond(decision: Decision, patient: str | None) -> bool:
    """Outside the one compartment this caller is limited to."""
    return decision.only_patient is not None and decision.only_patient != patient
