"""The trace of every act, written in the transaction of the act.

Source: TT 13/2025/TT-BYT art. 5 (who, when, what). Read as FHIR: `audit_event.py`; kept from being changed: `seals/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from benhan.core.access.acting import Kind
from benhan.core.access.roles import Permission, Role
from benhan.core.access.subject import Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Forbidden
from benhan.core.language import _

#: Begins the detail of what a list showed: a name that went by is no record that was opened.
PASSING = "search"
#: Characters kept of a detail: the ids of some five hundred records.
MOST_DETAIL = 20_000
_COLUMNS = ("int", "text", "text", "text", "text", "text", "text", "bool", "text", "text", "text")
_NAMES = "facility, account, session, action, type, id, patient, allowed, rule, detail, address"

_PLACES = {name: place for place, name in enumerate(_NAMES.split(", "))}


def inserting(first: int, kept: str = "") -> str:
    """The statement that inserts events from one array for each column, the first of them `$first`.

    `kept`: an array of what became of each act, by its place; the trace of one that is null there is left out.
    """
    arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(_COLUMNS, first))
    if not kept:
        return f"insert into audit ({_NAMES}) select * from unnest({arrays})"
    return (
        f"insert into audit ({_NAMES}) select {_NAMES} from unnest({arrays}) with ordinality act({_NAMES}, n)"
        f" where ({kept})[n] is not null"
    )


_INSERT = inserting(1)


class Event(msgspec.Struct, frozen=True):
    """One act: what was done to which record, by which rule."""

    action: str
    type: str | None = None
    id: str | None = None
    patient: str | None = None
    allowed: bool = True
    rule: str = ""
    detail: str = ""


def record(tx: Transaction, who: Subject, event: Event) -> None:
    """Leave an audit event; it is written with the transaction or the act does not happen."""
    tx.leave(_INSERT, row_of(who, event, tx.address))


def record_shown(
    tx: Transaction, who: Subject, patient: str, type_: str, ids: Sequence[str], rule: str, said: str = ""
) -> None:
    """Leave the trace of a patient's records that were shown: one event for all that a request shows of her alike.

    Its detail is what is `said` of them, and names them where they are several. Written as `record` writes.
    """
    gathered: dict[tuple[str, str | None, str, str], _Shown] = tx.notes.setdefault(_Shown, {})
    key = who.account, who.session, patient, said
    one = gathered.get(key)
    if one is None:
        one = gathered[key] = _Shown(list(row_of(who, Event("read", patient=patient), tx.address)))
        tx.leave(_INSERT, one.row)
    one.add(type_, ids, rule, said)


class _Shown(msgspec.Struct):
    """The row of what a request shows of a patient, and what it names so far."""

    row: list[Any]
    rules: list[str] = []
    records: list[tuple[str, str]] = []

    def add(self, type_: str, ids: Sequence[str], rule: str, said: str) -> None:
        """Name more records."""
        self.rules.append(rule)
        self.records += [(type_, id_) for id_ in ids]
        types = list(dict.fromkeys(type_ for type_, _id in self.records))
        named = [id_ if len(types) == 1 else f"{type_}/{id_}" for type_, id_ in self.records]
        alone = named[0] if len(named) == 1 else None
        detail = said if alone else " ".join([said, *named]).strip()
        for column, value in (
            ("type", ",".join(types)), ("id", alone), ("rule", ", ".join(dict.fromkeys(self.rules))),
            ("detail", detail[:MOST_DETAIL]),
        ):  # fmt: skip
            self.row[_PLACES[column]] = value


def row_of(who: Subject, event: Event, address: str | None) -> tuple[Any, ...]:
    """An event as a row, in the order of `inserting`; `address`: from where it was asked for."""
    return (
        who.facility, who.account, who.session, event.action, event.type, event.id, event.patient, event.allowed,
        event.rule, event.detail[:MOST_DETAIL], address,
    )  # fmt: skip


#: Who touched a patient's records, by person and day, newest first: $1 facility, $2 patient, $3 most.
#: Not counted: the patient herself, the program's own services, and lists in which her name went by.
_OPENINGS = """
select a.account, coalesce(p.name, r.name, d.name, '') as name, coalesce(p.roles, '{}') as roles, r.kind as relation,
       min(a.at) as first, max(a.at) as last, string_to_array(string_agg(distinct a.type, ','), ',') as types,
       bool_or(a.action in ('create', 'update', 'delete')) as wrote, bool_or(a.action in ('print', 'export')) as printed
from audit a left join account p on p.id = a.account
left join lateral (select name, kind from relation r where r.facility = $1 and r.patient = $2
    and a.account = 'person:' || r.person order by made desc limit 1) r on true
left join lateral (select concat_ws(' · ', d.name, nullif(d.place, '')) as name from share_reader d
    where d.facility = $1 and a.account = 'share:' || d.id) d on true
where a.facility = $1 and a.patient = $2 and a.allowed
  and a.account not like 'patient:%' and a.account not like 'service:%'
  and a.action = any(array['read', 'create', 'update', 'delete', 'search', 'print', 'export', 'sign', 'share-opened'])
  and not (a.action = 'read' and starts_with(a.detail, 'search'))
group by a.account, p.name, p.roles, r.name, r.kind, d.name, (a.at at time zone 'Asia/Ho_Chi_Minh')::date
order by max(a.at) desc limit $3
"""
_REFUSED_DATES = (
    "select count(*) from audit where facility = $1 and patient = $2 and action = 'sign-in' and not allowed"
)


class Opening(msgspec.Struct, frozen=True):
    """Somebody who opened a patient's record on a day: from when to when, what, whether she wrote in it or printed."""

    account: str
    name: str
    roles: tuple[str, ...]
    first: datetime
    last: datetime
    types: tuple[str, ...]
    wrote: bool
    printed: bool
    #: In which relation, where somebody acted for the patient.
    relation: str | None = None


async def openings(tx: Transaction, who: Subject, patient: str, most: int = 100) -> Sequence[Opening]:
    """Who opened a patient's record, newest first; asking is itself an event.

    Raises:
        Forbidden: only the patient herself and who reviews access at the facility may ask.
    """
    may_ask(who, patient)
    rows = await tx.fetch(_OPENINGS, who.facility, patient, most)
    record(tx, who, Event("read-audit", "AuditEvent", None, patient, rule="own record"))
    return [
        Opening(
            row["account"], row["name"], tuple(row["roles"]), row["first"], row["last"],
            tuple(dict.fromkeys(row["types"] or ())), row["wrote"], row["printed"], row["relation"],
        )
        for row in rows
    ]  # fmt: skip


async def refused_dates(tx: Transaction, who: Subject, patient: str) -> int:
    """How often somebody gave a wrong birth date at a personal link of this patient.

    Raises:
        Forbidden: as `openings`.
    """
    may_ask(who, patient)
    count: int = await tx.fetchval(_REFUSED_DATES, who.facility, patient)
    return count


def may_ask(who: Subject, patient: str) -> None:
    """Only the patient herself and who reviews access may know who opened her record.

    Raises:
        Forbidden: she is neither.
    """
    guardian = who.relation is not None and who.relation.kind is not Kind.NAMED
    herself = (Role.PATIENT in who.roles or guardian) and who.patient == patient
    if not herself and not who.may(Permission.READ_AUDIT):
        raise Forbidden(_("Chỉ người bệnh và người giám sát được xem ai đã mở hồ sơ."), where="AuditEvent")
