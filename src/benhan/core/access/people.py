"""A person's account of her own: which records are hers, for whom she acts, her sessions (ADR 17).

A person belongs to the platform, what joins her to a record to its facility. A session is of one facility and one
record at a time: hers, or that of a patient for whom she acts, or of none before she chose.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec

from benhan.core.access.accounts import hashed, new_token
from benhan.core.access.acting import Kind, Part
from benhan.core.access.audit import Event, record
from benhan.core.access.phone_steps import all_of_phone
from benhan.core.access.sessions import Session, Visitor
from benhan.core.access.subject import Subject
from benhan.core.db import PLATFORM, Transaction
from benhan.core.fhir.outcome import NotFound
from benhan.core.language import _

#: A session of a person: at most so long, and not so long without a request.
SESSION_HOURS: Final = 12
IDLE_MINUTES: Final = 30
_MINE = """
select m.facility, f.name as house, f.code, m.patient, p.name as about, null as relation, null as kind,
       null::text[] as parts, null::date as ends, true as open
from person_record m join facility f on f.key = m.facility join person p on p.id = m.person where m.person = $1
union all
select r.facility, f.name, f.code, r.patient, r.about, r.id, r.kind, r.parts, r.ends, r.accepted is not null
from relation r join facility f on f.key = r.facility
where r.person = $1 and r.ended is null
    and (r.ends is null or r.ends > (now() at time zone 'Asia/Ho_Chi_Minh')::date)
order by relation nulls first, house, about
"""


#: A patient and her guardians; of each the account where Zalo opens it.
_CONTACTS = """
select 'Patient' as type, $2 as id, (select p.id from person_record o join person p on p.id = o.person
    where o.facility = $1 and o.patient = $2 and p.zalo is not null) as person
union all
(select 'RelatedPerson', r.id, case when p.zalo is not null then p.id end
    from relation r join person p on p.id = r.person
    where r.facility = $1 and r.patient = $2 and r.kind = $3 and relation_stands(r) order by r.id)
"""


class Contact(msgspec.Struct, frozen=True):
    """Somebody who may be told of a record: which record is hers (`type`, `id`), her account where Zalo opens it."""

    type: str
    id: str
    person: str | None


class Record(msgspec.Struct, frozen=True):
    """A record that she may open: her own, or in a relation (`open`: she accepted it)."""

    facility: int
    house: str
    code: str
    patient: str
    about: str
    relation: str | None
    kind: Kind | None
    parts: tuple[Part, ...]
    ends: date | None
    open: bool

    @property
    def key(self) -> str:
        """What names it in a form. It opens nothing that is not hers."""
        return self.relation or f"{self.facility}:{self.patient}"


async def of_record(tx: Transaction, facility: int, patient: str) -> str | None:
    """The person whose own record this is."""
    await tx.reach(PLATFORM)
    found: str | None = await tx.fetchval(
        "select person from person_record where facility = $1 and patient = $2", facility, patient
    )
    return found


async def contacts(tx: Transaction, facility: int, patient: str) -> list[Contact]:
    """The patient, then her guardians. Reaches over the platform: a person is no facility's."""
    await tx.reach(PLATFORM)
    rows = await tx.fetch(_CONTACTS, facility, patient, Kind.GUARDIAN)
    await tx.reach(facility)
    return [Contact(row["type"], row["id"], row["person"]) for row in rows]


async def of_zalo(tx: Transaction, zalo: str) -> tuple[str, str] | None:
    """The person whom Zalo calls so, and her name."""
    await tx.reach(PLATFORM)
    row = await tx.fetchrow("select id, name from person where facility = 0 and zalo = $1", zalo)
    return (row["id"], row["name"]) if row else None


async def add(tx: Transaction, name: str) -> str:
    """A new person; gives her id."""
    id_ = secrets.token_hex(8)
    await tx.execute("insert into person (id, name) values ($1, $2)", id_, name)
    return id_


async def own(tx: Transaction, person: str, facility: int, patient: str) -> None:
    """Note that a record is hers. Whose it is already does not change."""
    await tx.execute(
        "insert into person_record (facility, patient, person) values ($1, $2, $3) on conflict do nothing",
        facility, patient, person,
    )  # fmt: skip


async def invited(tx: Transaction, facility: int, phone: str, birth: date) -> list[tuple[str, str, str | None]]:
    """Relations (id, name, person) that wait for, or are of, somebody with this telephone and birth date."""
    rows = await tx.fetch(
        "select id, name, person from relation where facility = $1 and phone_hash = any($2) and birth = $3"
        " and ended is null and (ends is null or ends > (now() at time zone 'Asia/Ho_Chi_Minh')::date)",
        facility, await all_of_phone(tx, facility, phone), birth,
    )  # fmt: skip
    return [(row["id"], row["name"], row["person"]) for row in rows]


async def waits(tx: Transaction, facility: int, phone: str) -> bool:
    """Whether a relation of somebody with this telephone stands here: then a code is sent to it too."""
    return bool(
        await tx.fetchval(
            "select true from relation where facility = $1 and phone_hash = any($2) and ended is null limit 1",
            facility, await all_of_phone(tx, facility, phone),
        )
    )  # fmt: skip


async def take(tx: Transaction, person: str, relations: Sequence[str]) -> None:
    """These relations are hers: whether she accepts them she says next."""
    await tx.execute("update relation set person = $1 where id = any($2)", person, list(relations))


async def note_use(tx: Transaction, person: str, zalo: str | None) -> None:
    """She came in; with Zalo, which is a key to her account from now on. One key opens one account."""
    await tx.execute(
        "update person set used = now(), zalo = case when $2::text is null or exists"
        " (select from person o where o.facility = 0 and o.zalo = $2) then zalo else $2 end where id = $1",
        person, zalo,
    )  # fmt: skip


async def records(tx: Transaction, person: str) -> list[Record]:
    """The records that she may open, at every facility: her own first."""
    await tx.reach(PLATFORM)
    return [_record(row) for row in await tx.fetch(_MINE, person)]


async def open_session(
    tx: Transaction, person: str, facility: int, chosen: Record | None, who_comes: Visitor, how: str
) -> str:
    """Open a session with one record (None: none yet) at its facility; gives its token."""
    token = new_token()
    at = chosen.facility if chosen else facility
    await tx.execute(
        "insert into session (token_hash, facility, patient, person, relation, ends, idle, device, place)"
        " values ($1, $2, $3, $4, $5, now() + $6, $7, $8, $9)",
        hashed(token), at, chosen.patient if chosen else None, person, chosen.relation if chosen else None,
        timedelta(hours=SESSION_HOURS), timedelta(minutes=IDLE_MINUTES), who_comes.device, who_comes.place,
    )  # fmt: skip
    name = await tx.fetchval("select name from person where id = $1", person)
    herself = Subject(account=f"person:{person}", name=name, facility=at, facility_name="", roles=frozenset())
    where = " · ".join(filter(None, (who_comes.device, who_comes.place)))
    patient = chosen.patient if chosen else None
    rule = f"{how} ({chosen.kind} {chosen.relation})" if chosen and chosen.relation else how
    record(tx, herself, Event("sign-in", "Patient" if patient else None, patient, patient, rule=rule, detail=where))
    return token


async def change_record(tx: Transaction, who: Subject, token: str, key: str, who_comes: Visitor) -> str:
    """Go on with another record of hers: another session instead of this one; gives its token.

    Raises:
        NotFound: that is no record of hers, or she has not accepted the relation.
    """
    chosen = next((one for one in await records(tx, who.person or "") if one.key == key and one.open), None)
    if chosen is None:
        raise NotFound(_("Không có hồ sơ này trong những hồ sơ của bạn."))
    await tx.execute("delete from session where token_hash = $1", hashed(token))
    return await open_session(tx, who.person or "", chosen.facility, chosen, who_comes, "changed record")


async def sessions(tx: Transaction, who: Subject) -> Sequence[Session]:
    """Her sessions that have not ended, at every facility, the last used first."""
    await tx.reach(PLATFORM)
    rows = await tx.fetch(
        "select * from session where person = $1 and ends > now() and (idle is null or seen > now() - idle)"
        " order by seen desc limit 100",
        who.person,
    )  # fmt: skip
    return [Session(row["token_hash"].hex()[:16], row["device"], row["place"], row["started"], row["seen"])
            for row in rows]  # fmt: skip


async def end_sessions(tx: Transaction, who: Subject, *, but: str | None = None, one: str | None = None) -> int:
    """End one session of hers, or all but one; gives how many."""
    await tx.reach(PLATFORM)
    rows = await tx.fetch(
        "delete from session where person = $1 and ($2::text is null or left(encode(token_hash, 'hex'), 16) = $2)"
        " and ($3::text is null or left(encode(token_hash, 'hex'), 16) <> $3) returning 1",
        who.person, one, but,
    )  # fmt: skip
    if rows:
        record(tx, who, Event("end-session", detail=_("%(n)s phiên", n=len(rows))))
    return len(rows)


class Sight(msgspec.Struct, frozen=True):
    """Her account as she sees it."""

    name: str
    zalo: bool
    made: datetime


async def herself(tx: Transaction, who: Subject) -> Sight:
    """Her account."""
    await tx.reach(PLATFORM)
    row = await tx.fetchrow("select name, zalo, made from person where id = $1", who.person)
    if row is None:
        raise NotFound(_("Tài khoản không còn nữa."))
    return Sight(row["name"], row["zalo"] is not None, row["made"])


async def unlink_zalo(tx: Transaction, who: Subject) -> None:
    """Zalo opens her account no more; a code still does."""
    await tx.reach(PLATFORM)
    await tx.execute("update person set zalo = null where id = $1", who.person)
    record(tx, who, Event("zalo-unlink"))


async def forget_zalo(tx: Transaction, zalo: str) -> str | None:
    """Zalo opens no account by this id any more, and whoever came in by it is signed out; gives whose it was."""
    await tx.reach(PLATFORM)
    person: str | None = await tx.fetchval(
        "update person set zalo = null where facility = 0 and zalo = $1 returning id", zalo
    )
    await tx.execute("delete from session where person = $1", person)
    return person


def _record(row: Any) -> Record:
    return Record(
        row["facility"], row["house"], row["code"], row["patient"], row["about"], row["relation"],
        Kind(row["kind"]) if row["kind"] else None, tuple(Part(one) for one in row["parts"] or ()), row["ends"],
        row["open"],
    )  # fmt: skip
