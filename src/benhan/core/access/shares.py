"""Sharing a record with a doctor elsewhere: an address as a QR, a code of six digits, an end.

The address travels by QR or message and opens nothing without the code, which the patient says or shows. Both together
are kept as one hash: who has the database has neither. Five wrong codes end it; so do the patient, at once, the clock
and the end of the relation in which it was made. Who comes in says a name, which nobody checks: the patient reads it,
with every opening. Law 15/2023 art. 12 (a patient's record is hers to show); Law 91/2025/QH15.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from benhan.core.access.accounts import hashed, new_token
from benhan.core.access.acting import Kind, Part, Relation
from benhan.core.access.audit import Event, record
from benhan.core.access.roles import Role
from benhan.core.access.subject import Subject
from benhan.core.db import PLATFORM, Transaction
from benhan.core.fhir.outcome import Conflict, NotFound
from benhan.core.language import _

#: For how long it may be, in minutes: a quarter of an hour, an hour, a day, three days, a week.
MINUTES: Final = (15, 60, 1440, 4320, 10080)
#: Open ones of a record at a time, and wrong codes before one ends.
MOST_OPEN, MOST_GUESSES = 5, 5
#: A doctor's browser is asked for the code again after so long.
READER_HOURS: Final = 8

State = Literal["open", "ended", "over", "guessed", "relation"]
_STATE: Final = """
case when s.ended is not null then case when s.ended_by = 'guesses' then 'guessed' else 'ended' end
     when s.ends <= now() then 'over'
     when s.relation is not null and not coalesce(relation_stands(r), false) then 'relation' else 'open' end as state
"""


class Made(msgspec.Struct, frozen=True):
    """A share at the moment it is made: what opens it is told now and never again."""

    id: str
    token: str
    code: str
    ends: datetime


class Share(msgspec.Struct, frozen=True):
    """A share as the patient sees it; `readers`: who said the right code."""

    id: str
    visit: str | None
    labelled: bool
    made: datetime
    ends: datetime
    state: State
    readers: tuple[str, ...]


class Door(msgspec.Struct, frozen=True):
    """A share as its address shows it."""

    id: str
    facility: int
    house: str
    facility_code: str
    patient: str
    visit: str | None
    labelled: bool
    ends: datetime
    state: State
    #: In which relation it was made, as that is now.
    relation: Relation | None


async def make(tx: Transaction, who: Subject, visit: str | None, minutes: int, *, labelled: bool) -> Made:
    """Share her record, or one visit of it; whether she may was asked before (`store.copied`).

    Raises:
        Conflict: there are too many open ones; ValueError: no such length of time.
    """
    if minutes not in MINUTES:
        raise ValueError(f"a share lasts {MINUTES} minutes")
    await tx.execute("select pg_advisory_xact_lock(hashtext($1))", f"share {who.facility} {who.patient}")
    running = await tx.fetchval(
        "select count(*) from share where facility = $1 and patient = $2 and ended is null and ends > now()",
        who.facility, who.patient,
    )  # fmt: skip
    if running >= MOST_OPEN:
        raise Conflict(_("Đang có %(n)s lần chia sẻ còn mở.", n=running), advice=_("Kết thúc bớt rồi chia sẻ lại."))
    id_, token, code = secrets.token_hex(8), new_token(), f"{secrets.randbelow(10**6):06d}"
    ends = await tx.fetchval(
        "insert into share (facility, id, address_hash, code_hash, patient, visit, labelled, relation, made_by, ends)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + $10) returning ends",
        who.facility, id_, hashed(token), hashed(f"{token} {code}"), who.patient, visit, labelled,
        who.relation.id if who.relation else None, who.account, timedelta(minutes=minutes),
    )  # fmt: skip
    said = f"{id_}: {f'visit {visit}' if visit else 'whole'}, {minutes} minutes{', labelled' if labelled else ''}"
    record(tx, who, Event("share-made", "Patient", who.patient, who.patient, rule="own record", detail=said))
    return Made(id_, token, code, ends)


async def of_patient(tx: Transaction, who: Subject) -> Sequence[Share]:
    """The shares of the record that is open, the newest first. Whom she named for it sees those that she made."""
    rows = await tx.fetch(
        f"select s.id, s.visit, s.labelled, s.made, s.ends, {_STATE},"
        " array(select name || case when place <> '' then ' · ' || place else '' end from share_reader d"
        " where d.facility = s.facility and d.share = s.id order by begun) as readers"
        " from share s left join relation r on r.id = s.relation"
        " where s.facility = $1 and s.patient = $2 and ($3::text is null or s.made_by = $3)"
        " order by s.made desc limit 30",
        who.facility, who.patient, _only(who),
    )  # fmt: skip
    return [
        Share(row["id"], row["visit"], row["labelled"], row["made"], row["ends"], row["state"], tuple(row["readers"]))
        for row in rows
    ]


async def end(tx: Transaction, who: Subject, id_: str) -> None:
    """It opens nothing from the next request on. Twice changes nothing.

    Raises:
        NotFound: there is none of this record, or it is not hers to end.
    """
    row = await tx.fetchrow(
        "update share set ended = coalesce(ended, now()), ended_by = coalesce(ended_by, $4)"
        " where facility = $1 and patient = $2 and id = $3 and ($5::text is null or made_by = $5) returning 1",
        who.facility, who.patient, id_, who.account, _only(who),
    )  # fmt: skip
    if row is None:
        raise NotFound(_("Không có lần chia sẻ này."))
    record(tx, who, Event("share-ended", "Patient", who.patient, who.patient, rule="own record", detail=id_))


async def at(tx: Transaction, token: str) -> Door | None:
    """The share of an address; the transaction is bound to its facility. To try what is over leaves a trace."""
    await tx.reach(PLATFORM)
    row = await tx.fetchrow(
        f"select s.*, f.name as house, f.code, {_STATE}, r.id as acting, r.kind, r.parts, r.labelled as acting_labelled"
        " from share s join facility f on f.key = s.facility left join relation r on r.id = s.relation"
        " where s.address_hash = $1 for update of s",
        hashed(token),
    )
    if row is None:
        return None
    await tx.reach(row["facility"])
    relation = None
    if row["acting"]:
        parts = frozenset(map(Part, row["parts"]))
        relation = Relation(row["acting"], Kind(row["kind"]), parts, row["labelled"] and row["acting_labelled"])
    door = Door(
        row["id"], row["facility"], row["house"], row["code"], row["patient"], row["visit"], row["labelled"],
        row["ends"], row["state"], relation,
    )  # fmt: skip
    if door.state != "open":
        _note(tx, door, _subject(door, door.id, ""), allowed=False, rule=door.state)
    return door


async def enter(tx: Transaction, door: Door, token: str, code: str, name: str, place: str) -> str | None:
    """Somebody says the code and who she is; gives what her browser keeps, None where the code is wrong.

    The share was locked by `at`, so guesses come one after the other. The last wrong one ends it.
    """
    right = await tx.fetchval(
        "select code_hash = $3 from share where facility = $1 and id = $2 and failures < $4",
        door.facility, door.id, hashed(f"{token} {code}"), MOST_GUESSES,
    )  # fmt: skip
    if not right:
        await tx.execute(
            "update share set failures = failures + 1, ended = case when failures + 1 >= $3 then now() end,"
            " ended_by = case when failures + 1 >= $3 then 'guesses' end where facility = $1 and id = $2",
            door.facility, door.id, MOST_GUESSES,
        )  # fmt: skip
        _note(tx, door, _subject(door, door.id, name), allowed=False, rule="wrong code")
        return None
    id_, kept = secrets.token_hex(8), new_token()
    await tx.execute(
        "insert into share_reader (facility, id, share, hash, name, place, ends)"
        " values ($1, $2, $3, $4, $5, $6, least(now() + $7, $8))",
        door.facility, id_, door.id, hashed(kept), name, place, timedelta(hours=READER_HOURS), door.ends,
    )  # fmt: skip
    _note(tx, door, _subject(door, id_, name), allowed=True, rule="address and code", detail=f"{name} · {place}")
    return kept


async def reader(tx: Transaction, door: Door, kept: str) -> Subject | None:
    """Who comes with what her browser keeps: she reads what was shared, as far as whoever shared it may now."""
    row = await tx.fetchrow(
        "select id, name from share_reader where hash = $1 and facility = $2 and share = $3 and ends > now()",
        hashed(kept), door.facility, door.id,
    )  # fmt: skip
    return _subject(door, row["id"], row["name"]) if row and door.state == "open" else None


def _subject(door: Door, id_: str, name: str) -> Subject:
    """The reader. A relative's share opens what is the relative's to see, the patient's own the whole record."""
    own = Relation(door.id, Kind.NAMED, frozenset({Part.CHART}), door.labelled)
    return Subject(
        account=f"share:{id_}", name=name, facility=door.facility, facility_name=door.house,
        facility_code=door.facility_code, roles=frozenset({Role.SHARED}), patient=door.patient,
        relation=door.relation or own,
    )  # fmt: skip


def _only(who: Subject) -> str | None:
    """Whose shares alone she sees and ends: her own, where the patient named her."""
    return who.account if who.relation and who.relation.kind is Kind.NAMED else None


def _note(tx: Transaction, door: Door, who: Subject, *, allowed: bool, rule: str, detail: str = "") -> None:
    said = f"{door.id} {detail}".strip()
    record(tx, who, Event("share-opened", "Patient", door.patient, door.patient, allowed, rule, said))
