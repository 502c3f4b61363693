"""The audit as it is read: by whom, about whom, when, what. Newest first, in pages; reading it is itself an act.

A page looks at a bounded number of rows, so a rare question costs no more than a common one: it may come back short,
with the place to go on from. The seals are the index of time: what a seal holds was written before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from benhan.core.access.audit import Event, record
from benhan.core.access.roles import Permission
from benhan.core.access.subject import Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Forbidden
from benhan.core.language import _

#: Rows looked at for one page.
MOST_SEEN: Final = 20_000
#: A row is sealed so long after it was written at most (a transaction that writes takes minutes).
LATE: Final = timedelta(hours=1)
#: Later than anything that is written; time cannot be added to what lies behind it.
FAR: Final = datetime(9000, 1, 1, tzinfo=UTC)
FIRST, LAST = (0, 0), (2**63 - 1, 2**63 - 1)

Place = tuple[int, int]

_COLUMNS = "xid, seq, at, account, session, action, type, id, patient, allowed, rule, detail, address"
_SHOWN = "xid::text as place, w." + ", w.".join(_COLUMNS.split(", ")[1:])
#: Staff by their account; who acts for a patient by the relation.
_WHO = (
    "coalesce(a.name, (select r.name from relation r where r.facility = $1 and 'person:' || r.person = w.account"
    " limit 1), '') as name, coalesce(a.roles, '{}') as roles, a.practitioner"
)
_PAGE = f"""
with seen as materialized (
    select {_COLUMNS} from audit where facility = $1
        and (xid, seq) < ($2::text::xid8, $3) and (xid, seq) > ($4::text::xid8, $5) PATIENT
    order by xid desc, seq desc limit {MOST_SEEN}
), wanted as (
    select * from seen where at >= $6 and at < $7 and ($8::text[] is null or account = any($8))
        and ($9::text[] is null or action = any($9)) and ($10::boolean is null or allowed = $10)
    order by xid desc, seq desc limit $11
), last as (select * from seen order by xid, seq limit 1)
select w.xid, 0 as looked, w.{_SHOWN}, {_WHO} from wanted w left join account a on a.id = w.account
union all
select w.xid, (select count(*) from seen), w.{_SHOWN}, '', '{{}}', null from last w
order by 2, 1 desc, seq desc
"""
_SEALED_BEFORE = "select xid::text as xid, seq from seal where facility = $1 and at <= $2 order by at desc limit 1"
_SEALED_AFTER = "select xid::text as xid, seq from seal where facility = $1 and at >= $2 order by at limit 1"
_ONE = f"""
select w.{_SHOWN}, {_WHO} from (
    select * from audit where facility = $1 and xid = $2::text::xid8 and seq = $3) w
left join account a on a.id = w.account
"""
_OF_PRACTITIONER = "select id from account where facility = $1 and practitioner = any($2)"


class Act(msgspec.Struct, frozen=True):
    """One row of the audit, with who the account belongs to."""

    place: Place
    at: datetime
    account: str
    session: str | None
    action: str
    type: str | None
    id: str | None
    patient: str | None
    allowed: bool
    rule: str
    detail: str
    name: str
    roles: tuple[str, ...]
    practitioner: str | None
    #: From where it was asked for.
    address: str | None = None

    @property
    def key(self) -> str:
        """The place as it is written: of the transaction, and in it."""
        return f"{self.place[0]}-{self.place[1]}"


class Asked(msgspec.Struct, frozen=True):
    """Which acts: all conditions together; None stands for any."""

    patient: str | None = None
    accounts: tuple[str, ...] | None = None
    actions: tuple[str, ...] | None = None
    allowed: bool | None = None
    since: datetime | None = None
    until: datetime | None = None

    def said(self) -> str:
        """The question in a line, for the trace of asking it."""
        parts = {
            "patient": self.patient,
            "account": " ".join(self.accounts or ()),
            "action": " ".join(self.actions or ()),
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
        }
        return " ".join(f"{name}={value}" for name, value in parts.items() if value)


class Page(msgspec.Struct, frozen=True):
    """Some acts, and the place to go on from; None at the end."""

    acts: list[Act]
    next: Place | None


def refuse_unless_reviewer(who: Subject) -> None:
    """Only who reviews access may read what others did.

    Raises:
        Forbidden: she may not.
    """
    if not who.may(Permission.READ_AUDIT):
        raise Forbidden(_("Chỉ người giám sát truy cập được xem sổ vết."), where="AuditEvent")


async def acts(tx: Transaction, who: Subject, asked: Asked, after: Place | None = None, count: int = 100) -> Page:
    """A page of the acts at the caller's facility, the newest first; the question leaves its own trace.

    Raises:
        Forbidden: the caller may not read the audit.
    """
    refuse_unless_reviewer(who)
    record(tx, who, Event("read-audit", "AuditEvent", None, asked.patient, rule="read-audit", detail=asked.said()))
    return await _page(tx, who.facility, asked, after, count)


async def act(tx: Transaction, who: Subject, place: Place) -> Act | None:
    """One act by its place.

    Raises:
        Forbidden: the caller may not read the audit.
    """
    refuse_unless_reviewer(who)
    row = await tx.fetchrow(_ONE, who.facility, str(place[0]), place[1])
    found = _act(row) if row else None
    key, patient = (found.key, found.patient) if found else (None, None)
    record(tx, who, Event("read-audit", "AuditEvent", key, patient, rule="read-audit"))
    return found


async def all_acts(tx: Transaction, facility: int, asked: Asked, after: Place | None, count: int) -> Page:
    """As `acts`, for the operator's own export; who calls it leaves the trace."""
    return await _page(tx, facility, asked, after, count)


async def _page(tx: Transaction, facility: int, asked: Asked, after: Place | None, count: int) -> Page:
    first, behind = await bounds(tx, facility, asked)
    before = min(after, behind) if after else behind
    values: list[Any] = [
        facility, str(before[0]), before[1], str(first[0]), first[1],
        asked.since or datetime.min.replace(tzinfo=UTC), asked.until or datetime.max.replace(tzinfo=UTC),
        _listed(asked.accounts), _listed(asked.actions), asked.allowed, count + 1,
    ]  # fmt: skip
    if asked.patient is not None:
        values.append(asked.patient)
    of_patient = "" if asked.patient is None else "and patient = $12"
    rows = await tx.fetch(_PAGE.replace("PATIENT", of_patient), *values)
    found = [_act(row) for row in rows if not row["looked"]]
    if len(found) > count:
        return Page(found[:count], found[count - 1].place)
    last = next((row for row in rows if row["looked"] == MOST_SEEN), None)
    return Page(found, (int(last["place"]), last["seq"]) if last else None)


async def bounds(tx: Transaction, facility: int, asked: Asked) -> tuple[Place, Place]:
    """Places between which every row of the period stands, by what was sealed when."""
    first, behind = FIRST, LAST
    if asked.since and (row := await tx.fetchrow(_SEALED_BEFORE, facility, asked.since)):
        first = int(row["xid"]), row["seq"]
    if asked.until and asked.until < FAR and (row := await tx.fetchrow(_SEALED_AFTER, facility, asked.until + LATE)):
        behind = int(row["xid"]), row["seq"] + 1
    return first, behind


async def accounts_of(tx: Transaction, who: Subject, practitioners: Sequence[str]) -> tuple[str, ...]:
    """The accounts of these practitioners at the caller's facility."""
    refuse_unless_reviewer(who)
    return tuple(row["id"] for row in await tx.fetch(_OF_PRACTITIONER, who.facility, list(practitioners)))


def _listed(values: Sequence[str] | None) -> list[str] | None:
    return None if values is None else list(values)


def _act(row: Any) -> Act:
    return Act(
        (int(row["place"]), row["seq"]), row["at"], row["account"], row["session"], row["action"], row["type"],
        row["id"], row["patient"], row["allowed"], row["rule"], row["detail"], row["name"], tuple(row["roles"]),
        row["practitioner"], row["address"],
    )  # fmt: skip
