"""Who opened whose record, by person, patient and day: what a reviewer of access looks through.

Lists in which a name only went by are not counted, nor the patient herself, nor the program's own services.
Source: Law 15/2023 art. 69, TT 13/2025/TT-BYT art. 5.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec

from benhan.core.access.acts import Asked, bounds, refuse_unless_reviewer
from benhan.core.access.audit import Event, record
from benhan.core.access.roles import Permission
from benhan.core.access.subject import Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Forbidden
from benhan.core.language import _

#: Openings that are looked through at once; a longer period is to be narrowed.
MOST: Final = 5_000
#: What counts as opening a record, and what as taking something out of it.
OPENED: Final = ("read", "search", "create", "update", "delete", "history", "print", "break-glass")
_ROWS = """
with seen as materialized (
    select at, account, action, type, patient, rule, detail, (at at time zone 'Asia/Ho_Chi_Minh') as here from audit
    where facility = $1 and (xid, seq) > ($2::text::xid8, $3) and (xid, seq) < ($4::text::xid8, $5)
        and at >= $6 and at < $7 and allowed and patient is not null and action = any($8)
        and account not like 'patient:%' and account not like 'service:%'
        and not (action = 'read' and starts_with(detail, 'search'))
), hourly as (
    select account, date_trunc('hour', here) as hour, count(distinct patient) as patients from seen group by 1, 2
), nights as (
    select account, (here - interval '6 hours')::date as night, bool_or(action in ('create', 'update')) as duty
    from seen where extract(hour from here) >= 22 or extract(hour from here) < 6 group by 1, 2
), grouped as (
    select account, patient, here::date as day, min(at) as first, max(at) as last, count(*) as acts,
        string_to_array(string_agg(distinct type, ','), ',') as types, array_agg(distinct action) as actions,
        bool_or(action = 'break-glass' or rule like '%lifted by break-glass%') as glass,
        min(here) filter (where extract(hour from here) >= 22 or extract(hour from here) < 6) as night,
        max(here) as until, min(here) as since
    from seen where ($9::text is null or patient = $9) and ($10::text[] is null or account = any($10))
        and ($11::text[] is null or action = any($11))
    group by 1, 2, 3
)
select g.account, g.patient, g.day, g.first, g.last, g.acts, g.glass, coalesce(g.types, '{}') as types,
    g.actions, g.night,
    coalesce((select bool_or(n.duty) from nights n
        where n.account = g.account and n.night = (g.night - interval '6 hours')::date), false) as duty,
    (select max(h.patients) from hourly h where h.account = g.account
        and h.hour between date_trunc('hour', g.since) and g.until) as in_an_hour,
    coalesce(a.name, (select r.name from relation r where r.facility = $1 and r.patient = g.patient
        and 'person:' || r.person = g.account limit 1), '') as name, coalesce(a.roles, '{}') as roles, a.practitioner,
    coalesce(a.departments, '{}') as departments
from grouped g left join account a on a.id = g.account
order by g.last desc, g.account, g.patient limit $12
"""
_PEOPLE = "select id, name, roles, departments, practitioner from account where facility = $1 order by name, id"


class Opening(msgspec.Struct, frozen=True):
    """Somebody who opened a patient's record on a day: when, how often, what, and what else is known of her that day.

    `night`: her first opening of it between 22 and 6 o'clock, local time; `duty`: she wrote in some record that night.
    `glass`: she broke the glass for it, or read what only that opened.
    `in_an_hour`: how many patients' records she opened in the busiest hour in which she opened this one.
    """

    account: str
    patient: str
    first: datetime
    last: datetime
    acts: int
    types: tuple[str, ...]
    actions: tuple[str, ...]
    night: datetime | None
    duty: bool
    in_an_hour: int
    name: str
    roles: tuple[str, ...]
    practitioner: str | None
    glass: bool = False
    departments: tuple[str, ...] = ()

    @property
    def wrote(self) -> bool:
        """Whether she wrote in the record."""
        return bool({"create", "update", "delete"} & set(self.actions))


class Person(msgspec.Struct, frozen=True):
    """Somebody with an account at the facility."""

    account: str
    name: str
    roles: tuple[str, ...]
    departments: tuple[str, ...]
    practitioner: str | None


async def openings(tx: Transaction, who: Subject, asked: Asked) -> list[Opening]:
    """The openings of a period (`asked.since` and `asked.until`), the newest first, at most MOST; asking is an act.

    Raises:
        Forbidden: the caller may not read the audit.
    """
    refuse_unless_reviewer(who)
    record(tx, who, Event("read-audit", "AuditEvent", None, asked.patient, rule="read-audit", detail=asked.said()))
    first, behind = await bounds(tx, who.facility, asked)
    rows = await tx.fetch(
        _ROWS, who.facility, str(first[0]), first[1], str(behind[0]), behind[1], asked.since, asked.until, OPENED,
        asked.patient, None if asked.accounts is None else list(asked.accounts),
        None if asked.actions is None else list(asked.actions), MOST,
    )  # fmt: skip
    return [_opening(row) for row in rows]


async def people(tx: Transaction, who: Subject) -> list[Person]:
    """The accounts of the facility.

    Raises:
        Forbidden: the caller may not read the audit.
    """
    refuse_unless_reviewer(who)
    rows = await tx.look(_PEOPLE, who.facility)
    return [
        Person(row["id"], row["name"], tuple(row["roles"]), tuple(row["departments"]), row["practitioner"])
        for row in rows
    ]


def exported(tx: Transaction, who: Subject, asked: Asked, kind: str, rows: int) -> None:
    """Leave the trace of taking a list of openings out.

    Raises:
        Forbidden: reading is not copying; that is a permission of its own.
    """
    if not who.may(Permission.EXPORT_AUDIT):
        raise Forbidden(_("Tài khoản của bạn được xem sổ vết nhưng không được xuất ra tệp."), where="AuditEvent")
    detail = f"{kind}, {rows} rows, {asked.said()}"
    record(tx, who, Event("export-audit", "AuditEvent", None, asked.patient, rule="export-audit", detail=detail))


def _opening(row: Any) -> Opening:
    return Opening(
        row["account"], row["patient"], row["first"], row["last"], row["acts"], tuple(dict.fromkeys(row["types"])),
        tuple(row["actions"]), row["night"], row["duty"], row["in_an_hour"] or 0, row["name"], tuple(row["roles"]),
        row["practitioner"], row["glass"], tuple(row["departments"]),
    )  # fmt: skip
