"""Read one record, or several by their ids. Former versions: `history.py`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from benhan.core.access import Decision, Interaction, Subject
from benhan.core.access.audit import PASSING
from benhan.core.db import Database, Entry, Row, Transaction, entered, unseen
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Gone, NotFound
from benhan.core.language import _
from benhan.core.store import guarding
from benhan.core.store.bodies import body_of, opened_one, whole
from benhan.core.store.narrowed import meeting
from benhan.core.store.records import NUMBERS, audited, audited_many, permit, reaches

_ONE = (
    f"select version, updated, patient, {body_of('r')}, {guarding.said('$4::text')} as said from resource r"
    " where facility = $1 and type = $2 and id = $3"
)
#: Several at once, each for its own caller and all that its request does: verified, read, and traced in one statement.
_SHARED = f"""
with found as materialized (
    select asked.n, r.* from unnest({unseen("$2::smallint[]")}, {unseen("$3::text[]")}, {unseen("$10::text[]")})
        with ordinality asked(type, id, pass, n) cross join lateral (
        select version, updated, patient, {body_of("r")}, {guarding.said("asked.pass")} as said from resource r
        where facility = $1 and type = asked.type and id = asked.id offset 0) r
    {entered(4)}),
noted as (
    insert into audit (facility, account, session, action, type, id, patient, allowed, rule, address)
    select $1, act.account, act.session, 'read', act.type, act.id, found.patient, true,
        act.rule || coalesce(found.said, ''), act.address
    from found join unnest({", ".join(unseen(f"${n}::text[]") for n in (6, 7, 8, 3, 9, 11))}) with ordinality
        act(account, session, type, id, rule, address, n) on act.n = found.n
    where found.body is not null and coalesce(left(found.said, 1) <> '!', true))
select * from found
"""


class Stored(msgspec.Struct, frozen=True):
    """A record as it lies in the store: the bytes to send, no JSON work done."""

    id: str
    version: int
    updated: datetime
    patient: str | None
    body: bytes


class _Asked(msgspec.Struct):
    """A record that a request wants to read, and by which rule it may."""

    entry: Entry
    who: Subject
    name: str
    id: str
    rule: str
    held: str | None
    address: str | None


async def read(tx: Transaction, who: Subject, type_: type[r4.R], id_: str) -> r4.R:
    """The current state of a record.

    Raises:
        Forbidden, NotFound, Gone.
    """
    return codec.kept((await read_stored(tx, who, codec.type_name(type_), id_)).body, type_)


async def read_stored(tx: Transaction, who: Subject, name: str, id_: str, *, alone: bool = False) -> Stored:
    """Like `read`, as the stored bytes.

    `alone`: the read is all its request does, so it may be found and traced in one statement, with those of others.
    What else a request looks at is traced with its end: one flush of the disk, whatever it reads.

    Raises:
        Forbidden, NotFound, Gone.
    """
    decision = permit(who, Interaction.READ, name, where=True)
    held = guarding.pass_of(decision.guard)
    shared = alone and tx.only_looks and decision.only_patient is None and not decision.where
    if shared:
        assert tx.entry
        row = await tx.shared("read", _Asked(tx.entry, who, name, id_, decision.rule, held, tx.address), _read_shared)
    else:
        row = await _one(tx, who.facility, name, id_, held)
    if row is None and 0 in reaches(who, name)[1:]:  # a definition of the platform's
        shared, row = False, await _one(tx, 0, name, id_, held)
    if row is None or _beyond(decision, row["patient"]) or not await _meets(tx, who, name, decision, id_):
        raise NotFound(_("Không có %(name)s/%(id)s.", name=name, id=id_[:64]), where=name)
    decision, row = guarding.ruled(decision, row["said"], f"{name}/{id_}"), opened_one(tx, row)
    if row["body"] is None:
        raise Gone(
            _("%(name)s/%(id)s đã bị xoá.", name=name, id=id_),
            where=name,
            advice=_("Lịch sử của bản ghi vẫn xem được."),
        )
    if not shared:
        audited(tx, who, Interaction.READ, decision, name, id_, row["patient"])
    return Stored(id_, row["version"], row["updated"], row["patient"], row["body"])


async def _one(tx: Transaction, facility: int, name: str, id_: str, held: str | None) -> Row | None:
    rows = await tx.look(_ONE, facility, NUMBERS[name], id_, held)
    return rows[0] if rows else None


async def _read_shared(database: Database, facility: int, asked: Sequence[_Asked]) -> list[Row | None]:
    """What requests want to read at the same moment."""
    callers = list({one.entry: None for one in asked})
    rows = await database.ask(
        _SHARED, facility, [NUMBERS[one.name] for one in asked], [one.id for one in asked],
        [one.token for one in callers], [one.stamp for one in callers], [one.who.account for one in asked],
        [one.who.session for one in asked], [one.name for one in asked], [one.rule for one in asked],
        [one.held for one in asked], [one.address for one in asked],
    )  # fmt: skip
    found: list[Row | None] = [None] * len(asked)
    for row in rows:
        found[row["n"] - 1] = row
    return found


async def read_many(tx: Transaction, who: Subject, type_: type[r4.R], ids: Iterable[str | None]) -> dict[str, r4.R]:
    """Several records by id at once; those that are not there (or not yours) are left out.

    Those of several patients are a list: a name that goes by in it does not count as a record that was opened.

    Raises:
        Forbidden: the type may not be read.
    """
    wanted = sorted({id_ for id_ in ids if id_})
    name = codec.type_name(type_)
    decision = permit(who, Interaction.READ, name, where=True)
    wanted = sorted(await meeting(tx, who.facility, name, decision, wanted))
    if not wanted:
        return {}
    rows = await tx.look(
        f"select id, patient, {body_of('r')} from resource r where facility = any($1) and type = $2 and id = any($3)"
        f" and body is not null and {guarding.is_open('$4::text')} order by facility",
        reaches(who, name), NUMBERS[name], wanted, guarding.pass_of(decision.guard),
    )  # fmt: skip
    mine = [row for row in whole(tx, rows) if not _beyond(decision, row["patient"])]
    in_a_list = len({row["patient"] for row in mine}) > 1
    audited_many(tx, who, decision, name, ((row["id"], row["patient"]) for row in mine), PASSING if in_a_list else "")
    return {row["id"]: codec.kept(row["body"], type_) for row in mine}


async def _meets(tx: Transaction, who: Subject, name: str, decision: Decision, id_: str) -> bool:
    return not decision.where or bool(await meeting(tx, who.facility, name, decision, [id_]))


def _beyond(decision: Decision, patient: str | None) -> bool:
    """Outside the one compartment this caller is limited to."""
    return decision.only_patient is not None and decision.only_patient != patient
