"""What of the records is late: each clock says since when something is due, and the facility how long it may take.

No law in force sets hours for an electronic record: 12 hours, at most 24, were TT 46/2018's, which is repealed; they
are the defaults of two settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit.clock import now
from benhan.core.language import later
from benhan.hospital.chart.records.life import State, state_of
from benhan.hospital.daily import of_sheet
from benhan.hospital.visit import code_of, full_name, id_of, identifier, moment

#: Stays that began so many days ago are looked at, and so many records at once.
_DAYS: Final = 60
_MOST: Final = "500"
_INPATIENT: Final = "IMP"
_BEGUN: Final = frozenset({"in-progress", "onleave", "finished"})


class Clock(StrEnum):
    """What is waited for."""

    OPEN = "open"
    ADMIT = "admit"
    WRITE = "write"
    CLOSE = "close"


#: What screens say of each clock: what is due, and since when it runs.
SAYS: Final = {
    Clock.OPEN: (later("Mở hồ sơ"), later("từ lúc vào viện")),
    Clock.ADMIT: (later("Lập bệnh án"), later("từ lúc mở hồ sơ")),
    Clock.WRITE: (later("Ghi theo y lệnh"), later("từ y lệnh chưa ghi")),
    Clock.CLOSE: (later("Tổng kết, đóng hồ sơ"), later("từ lúc ra viện")),
}


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the board."""

    visit: str
    name: str
    number: str
    department: str
    doctor: str
    clock: Clock
    since: datetime
    hours: int
    late: bool


class Limits(msgspec.Struct, frozen=True):
    """Hours after which something is due, and after which it is late."""

    due: int
    late: int


async def board(tx: Transaction, who: Subject, limits: Limits, at: datetime | None = None) -> list[Due]:
    """What is due or late, the longest first.

    Raises:
        Forbidden: she may not read records.
    """
    at = at or now()
    begun = {"date": f"ge{(at - timedelta(days=_DAYS)).date()}", "_count": _MOST}
    stays = (await store.search(tx, who, r4.Encounter, {**begun, "class": _INPATIENT})).resources
    records = await written(tx, who, "in-progress")
    closed = await written(tx, who, "completed")
    others = await store.read_many(
        tx, who, r4.Encounter, {id_of(one.encounter) for one in records} - {one.id for one in stays}
    )  # fmt: skip
    visits = {one.id or "": one for one in [*stays, *others.values()] if one.status in _BEGUN}
    by_visit = {id_of(one.encounter) or "": one for one in [*closed, *records]}
    orders = await _orders(tx, who, [id_ for id_ in visits if id_ in by_visit])
    people = await store.read_many(tx, who, r4.Patient, {id_of(one.subject) for one in visits.values()})
    lines = (
        _due(visit, by_visit.get(id_), orders.get(id_, []), people, limits, at)
        for id_, visit in visits.items()
    )  # fmt: skip
    return sorted((one for one in lines if one), key=lambda one: one.since)


async def written(tx: Transaction, who: Subject, status: str) -> list[r4.QuestionnaireResponse]:
    """Records in a state, the last written first; other papers and answers are none."""
    asked = {"status": status, "encounter:missing": "false", "_sort": "-authored", "_count": _MOST}
    found = (await store.search(tx, who, r4.QuestionnaireResponse, asked)).resources
    return [one for one in found if is_record(one)]


def is_record(one: r4.QuestionnaireResponse) -> bool:
    """Whether it is the record of its visit, and no other form that was filled in there."""
    return (one.id or "").rpartition("-")[0] == id_of(one.encounter)


def due_since(
    visit: r4.Encounter, record: r4.QuestionnaireResponse | None, orders: Iterable[r4.ServiceRequest]
) -> tuple[Clock, datetime] | None:
    """Which clock runs for a visit, and since when; None where nothing is waited for. Pure."""
    came = moment(visit.period.start) if visit.period else None
    if record is None:
        return (Clock.OPEN, came) if came else None
    state = state_of(record)
    last = moment(record.authored)
    if state is State.DRAFT:
        began = last or came
        return (Clock.ADMIT, began) if began else None
    left = moment(visit.period.end) if visit.period else None
    if state is State.ACTIVE and left:
        return Clock.CLOSE, left
    counted = [one for one in orders if one.status != "revoked" and not of_sheet(one)]  # those of a sheet are written
    given = [when for one in counted if (when := moment(one.authoredOn))]
    unwritten = [when for when in given if last is None or when > last]
    return (Clock.WRITE, min(unwritten)) if state is State.ACTIVE and unwritten else None


def _due(
    visit: r4.Encounter, record: r4.QuestionnaireResponse | None, orders: list[r4.ServiceRequest],
    people: Mapping[str, r4.Patient], limits: Limits, at: datetime,
) -> Due | None:  # fmt: skip
    found = due_since(visit, record, orders)
    if found is None or at - found[1] < timedelta(hours=limits.due):
        return None
    clock, since = found
    person = people.get(id_of(visit.subject) or "")
    return Due(
        visit=visit.id or "", name=full_name(person) if person else "", department=department(visit),
        number=identifier(visit, systems.VISIT_NUMBER) or visit.id or "", clock=clock, since=since,
        doctor=(record.author.display or "") if record and record.author else "",
        hours=int((at - since).total_seconds() // 3600), late=at - since >= timedelta(hours=limits.late),
    )  # fmt: skip


async def _orders(tx: Transaction, who: Subject, visits: list[str]) -> dict[str, list[r4.ServiceRequest]]:
    found: dict[str, list[r4.ServiceRequest]] = {}
    for some in _parts(visits, 100):
        asked = {"encounter": ",".join(f"Encounter/{one}" for one in some), "_count": _MOST, "_sort": "-authored"}
        for one in (await store.search(tx, who, r4.ServiceRequest, asked)).resources:
            found.setdefault(id_of(one.encounter) or "", []).append(one)
    return found


def _parts(of: list[str], size: int) -> Iterator[list[str]]:
    return (of[at : at + size] for at in range(0, len(of), size))


def department(visit: r4.Encounter) -> str:
    """Where the patient lies: the last ward, else the last place, by name."""
    places = visit.location or []
    wards = [one for one in places if code_of(one.physicalType) == "wa"] or places
    return (wards[-1].location.display or "") if wards else ""
