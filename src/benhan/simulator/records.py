"""A visit as records, as they stand at a moment: what has not happened yet is not written, what is under way is open.

The forms are those that reception, clinic, laboratory and imaging write themselves; where a department has a pure
function for one, it is called.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from benhan.core.access import signature
from benhan.core.fhir import r4, systems
from benhan.core.kit.clock import fhir_instant
from benhan.core.kit.clock import now as this_moment
from benhan.hospital.clinic.conclusion_rules import order as in_order
from benhan.hospital.visit import CALLED, DONE, EMERGENCY, SERVED, TICKET, WAITING, stamp, ticket_identifier
from benhan.simulator import charts, plan, words
from benhan.simulator.appointments import appointment, follow_up
from benhan.simulator.drafts import WORKERS, Draft, draft_of
from benhan.simulator.house import House, slot
from benhan.simulator.results import order, result
from benhan.simulator.timeline import Stop, Visit

#: Signatures of so many last days cover everything a doctor's does; older ones leave out values and vital signs,
#: because hashing them would take a third of the time of a large fill.
WHOLE_SIGNATURES = timedelta(days=30)


class Writer:
    """Writes visits of a house as they stand at `now`."""

    def __init__(self, house: House, now: datetime) -> None:
        self._house = house
        self._now = now
        self._today = min(now, this_moment())
        self._accounts = {account.practitioner: account.id for account in house.accounts if account.practitioner}

    def records(self, visit: Visit) -> list[r4.Resource]:
        """Everything that the visit has left in the record so far."""
        draft = draft_of(visit, self._now)
        encounter = _encounter(draft)
        found: list[r4.Resource] = [*_booking(draft), encounter, _ticket(draft)]
        if self._now >= visit.arrived + (visit.called - visit.arrived) * 0.5:
            found += charts.vitals(draft)
        if self._now < visit.started:
            return found
        for stop in visit.stops:
            if stop.queued <= self._now:
                found += _stop(draft, stop)
        lines: list[r4.Resource] = []
        if draft.concluding:
            lines += [*charts.conditions(draft), *charts.prescription(draft, self._house.code)]
        note = charts.note(draft, [r4.Reference(reference=f"{type(one).__name__}/{one.id}") for one in lines])
        found += [*lines, note]
        if draft.ended:
            found += self._ending(draft, encounter, note, found)
        return found

    def _ending(
        self, draft: Draft, encounter: r4.Encounter, note: r4.Composition, found: list[r4.Resource]
    ) -> Iterator[r4.Resource]:
        kinds: tuple[type[r4.Resource], ...] = (r4.Condition, r4.MedicationRequest, r4.DiagnosticReport)
        if self._today - draft.visit.ended < WHOLE_SIGNATURES:
            kinds = (*kinds, r4.Observation)
        yield self._signature(draft, [encounter, note, *(one for one in found if isinstance(one, kinds))])
        day = charts.revisit(draft.visit)
        if day and day > self._today.date():
            yield follow_up(draft, day)

    def _signature(self, draft: Draft, signed: list[r4.Resource]) -> r4.Provenance:
        first = r4.Meta(versionId="1")
        made = signature.provenance(
            in_order(msgspec.structs.replace(one, meta=first) for one in signed),
            account=self._accounts.get(draft.visit.doctor.id, draft.visit.doctor.id),
            signer=draft.doctor,
            when=fhir_instant(draft.visit.ended),
            about=[draft.encounter, draft.subject],
        )
        return msgspec.structs.replace(made, id=f"{draft.visit.id}-ky")


def _booking(draft: Draft) -> Iterator[r4.Resource]:
    visit = draft.visit
    if visit.slot:
        person = r4.AppointmentParticipant(actor=draft.subject, required="required", status="accepted")
        yield slot(visit.doctor, visit.slot, "busy")
        yield appointment(
            visit.doctor, visit.room, visit.slot, id_=f"{visit.id}-hen", channel=visit.channel,
            status="fulfilled" if draft.ended else "arrived",
            reason=visit.disease.complaint, person=person,
            created=visit.slot - timedelta(hours=visit.chance.uniform(3, 160)),
        )  # fmt: skip


def _encounter(draft: Draft) -> r4.Encounter:
    visit, now, ended = draft.visit, draft.now, draft.ended
    states = [("arrived", visit.arrived, visit.started), ("in-progress", visit.started, visit.ended)]
    former = [
        r4.EncounterStatusHistory(status=status, period=r4.Period(start=stamp(start), end=stamp(end)))
        for status, start, end in states
        if end <= now
    ]
    outcome = r4.EncounterHospitalization(dischargeDisposition=words.disposition(charts.outcome(visit)))
    return r4.Encounter(
        id=visit.id,
        identifier=[r4.Identifier(system=systems.VISIT_NUMBER, value=visit.number)],
        status="finished" if ended else "in-progress" if visit.started <= now else "arrived",
        statusHistory=former or None,
        class_=words.visit_class("EMER" if visit.room.kind == EMERGENCY else "AMB"),
        serviceType=words.specialty(visit.doctor.specialty),
        subject=draft.subject,
        participant=[_examiner(draft)] if visit.started <= now else None,
        appointment=[r4.Reference(reference=f"Appointment/{visit.id}-hen")] if visit.slot else None,
        period=r4.Period(start=stamp(visit.arrived), end=stamp(visit.ended) if ended else None),
        reasonCode=[r4.CodeableConcept(text=visit.disease.complaint)],
        diagnosis=charts.encounter_diagnoses(visit) if draft.concluding else None,
        hospitalization=outcome if ended else None,
        location=_locations(visit),
        serviceProvider=r4.Reference(reference=f"Organization/khoa-{visit.room.department.lower()}"),
    )


def _examiner(draft: Draft) -> r4.EncounterParticipant:
    period = r4.Period(start=stamp(draft.visit.started))
    return r4.EncounterParticipant(type=[words.examiner()], period=period, individual=draft.doctor)


def _ticket(draft: Draft) -> r4.Task:
    visit, now = draft.visit, draft.now
    status = DONE if draft.ended else SERVED if visit.started <= now else CALLED if visit.called <= now else WAITING
    return _task(
        draft, f"{visit.id}-so", visit.ticket, visit.room, status, visit.priority, visit.group,
        (visit.arrived, visit.called, visit.started, visit.ended), draft.doctor,
    )  # fmt: skip


def _stop(draft: Draft, stop: Stop) -> Iterator[r4.Resource]:
    visit, now = draft.visit, draft.now
    status = DONE if stop.done <= now else SERVED if stop.called <= now else WAITING
    yield _task(
        draft, f"{visit.id}-{stop.kind[:2]}", stop.ticket, stop.room, status,
        "stat" if visit.room.kind == EMERGENCY else "routine", "",
        (stop.queued, stop.called, stop.called, stop.done), WORKERS[stop.kind],
    )  # fmt: skip
    for number, service in enumerate(stop.services):
        done = stop.result <= now
        asked = order(draft, f"{visit.id}-{stop.kind[:2]}{number}", stop, number, done)
        yield asked
        if done:
            yield from result(draft, stop, asked, service)


def _task(
    draft: Draft, id_: str, ticket: str, room: plan.Room, status: str, priority: str, group: str,
    times: tuple[datetime, datetime, datetime, datetime], owner: r4.Reference,
) -> r4.Task:  # fmt: skip
    issued, called, started, ended = times
    period = None
    if status in (SERVED, DONE):
        period = r4.Period(start=stamp(started), end=stamp(ended) if status == DONE else None)
    return r4.Task(
        id=id_,
        identifier=[ticket_identifier(issued.date(), ticket)],
        status=status,
        intent="order",
        priority=priority,
        code=TICKET,
        focus=draft.encounter,
        encounter=draft.encounter,
        for_=draft.subject,
        location=words.room(room.code),
        reasonCode=words.group(group) if group else None,
        authoredOn=stamp(issued),
        lastModified=stamp(max(at for at in times if at <= draft.now)),
        owner=owner if status != WAITING else None,
        executionPeriod=period,
        output=[r4.TaskOutput(type=words.called(), valueDateTime=stamp(called))] if status != WAITING else None,
    )


def _locations(visit: Visit) -> list[r4.EncounterLocation]:
    at_desk = timedelta(seconds=visit.person.number % 17 + 7)
    stay = r4.Period(start=fhir_instant(visit.arrived - at_desk), end=fhir_instant(visit.arrived))
    desk = r4.EncounterLocation(location=r4.Reference(display="Quầy tiếp đón"), status="completed", period=stay)
    return [r4.EncounterLocation(location=words.room(visit.room.code), status="planned"), desk]
