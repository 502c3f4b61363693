"""Orders and results of a visit, as they come in: where each order stands, and what came back for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.kit.clock import now
from benhan.hospital import ordering
from benhan.hospital.clinic.orders import kinds_of_rooms
from benhan.hospital.queue_rules import CANCELLED
from benhan.hospital.readings import Reading, is_vital, reading
from benhan.hospital.visit import (
    SERVED,
    code_of,
    display_of,
    id_of,
    moment,
    ticket_number,
)
from benhan.hospital.way import ways

#: How many records of a visit are looked at, of each type.
MOST = "200"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order of this visit and where it stands."""

    id: str
    title: str
    kind: str
    state: str
    urgent: bool
    place: str
    way: str
    number: str
    cancellable: bool


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """What came back for one order: values and a conclusion."""

    title: str
    at: datetime | None
    final: bool
    readings: list[Reading]
    conclusion: str
    fresh: bool


class Orders(msgspec.Struct, frozen=True):
    """The right-hand column: orders and results of the visit."""

    orders: list[Order]
    results: list[Results]


async def of_visit(tx: Transaction, who: Subject, visit: r4.Encounter, type_: type[r4.R]) -> list[r4.R]:
    """The newest records of a type that belong to a visit."""
    params = {"patient": visit.subject.reference or "" if visit.subject else "", "encounter": f"Encounter/{visit.id}"}
    return (await store.search(tx, who, type_, {**params, "_count": MOST})).resources


async def orders_of(
    tx: Transaction,
    who: Subject,
    visit: r4.Encounter,
    observations: Sequence[r4.Observation] | None = None,
    reports: Sequence[r4.DiagnosticReport] | None = None,
) -> Orders:
    """Orders and results of a visit; what is not given is searched."""
    if observations is None:
        observations = await of_visit(tx, who, visit, r4.Observation)
    if reports is None:
        reports = await of_visit(tx, who, visit, r4.DiagnosticReport)
    requests = ordering.live(await of_visit(tx, who, visit, r4.ServiceRequest))
    requests.sort(key=lambda one: one.authoredOn or "")
    tickets = [
        t for t in await of_visit(tx, who, visit, r4.Task) if t.status != CANCELLED and code_of(t.code) == "ticket"
    ]
    rooms = await kinds_of_rooms(tx, who, [id_of(one.location) for one in tickets])
    by_kind = {kind: ordering.ticket_for(kind, tickets, rooms) for kind in ordering.KINDS}
    words = await ways(tx, who.facility, {id_of(one.location) for one in by_kind.values() if one})
    shown = [_order(one, reports, by_kind.get(ordering.kind_of(one)), words) for one in requests]
    return Orders(shown, _results(requests, observations, reports))


def _order(
    order: r4.ServiceRequest, reports: Sequence[r4.DiagnosticReport], ticket: r4.Task | None, words: Mapping[str, str]
) -> Order:
    state = ordering.state(order, reports, ticket)
    return Order(
        id=order.id or "",
        title=ordering.title(order),
        kind=ordering.kind_of(order),
        state=state,
        urgent=order.priority in ("urgent", "stat", "asap"),
        place=(ticket.location.display or "") if ticket and ticket.location else "",
        way=words.get(id_of(ticket.location) or "", "") if ticket else "",
        number=ticket_number(ticket) if ticket and ticket.status != SERVED else "",
        cancellable=ordering.may_cancel(order, state),
    )


def _results(
    requests: Sequence[r4.ServiceRequest],
    observations: Sequence[r4.Observation],
    reports: Sequence[r4.DiagnosticReport],
) -> list[Results]:
    """One group for each report, and one for each order with values that have no report yet; the newest first."""
    by_id = {one.id: one for one in observations}
    taken_up: set[str | None] = set()
    found = []
    for report in reports:
        if report.status in ("entered-in-error", "cancelled", "registered"):
            continue
        orders = {id_of(one) for one in report.basedOn or []}
        ids = [id_of(one) for one in report.result or []]
        ids += [o.id for o in observations if o.id not in ids and orders & {id_of(b) for b in o.basedOn or []}]
        taken_up |= set(ids)
        values = [reading(by_id[id_]) for id_ in ids if id_ in by_id and _counts(by_id[id_])]
        at = moment(report.issued or report.effectiveDateTime)
        final = report.status in ("final", "amended", "corrected")
        found.append(_group(display_of(report.code), at, final, values, report.conclusion or ""))
    for request in requests:
        early = [
            one
            for one in observations
            if one.id not in taken_up and _counts(one) and any(id_of(b) == request.id for b in one.basedOn or [])
        ]
        if early:
            at = moment(max(one.issued or one.effectiveDateTime or "" for one in early) or None)
            found.append(_group(display_of(request.code), at, False, [reading(one) for one in early], ""))
    return sorted(found, key=lambda one: one.at.timestamp() if one.at else 0, reverse=True)


def _group(title: str, at: datetime | None, final: bool, values: list[Reading], conclusion: str) -> Results:
    fresh = at is not None and now() - at < timedelta(minutes=10)
    return Results(title=title, at=at, final=final, readings=values, conclusion=conclusion, fresh=fresh)


def _counts(observation: r4.Observation) -> bool:
    return observation.status not in ("entered-in-error", "cancelled") and not is_vital(observation)
