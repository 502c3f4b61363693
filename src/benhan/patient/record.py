"""Her record, read as herself: the store narrows every call to her own compartment."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Interaction, Subject, may
from benhan.core.access.acting import Kind
from benhan.core.access.glass_review import Broken, of_patient
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import NotFound
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.hospital.immunizations import Given
from benhan.hospital.immunizations import read as given
from benhan.hospital.visit import ADVICE, code_of, display_of, id_of, moment, plain, section_text
from benhan.hospital.way import ways
from benhan.patient import rules
from benhan.patient.position import Position, position
from benhan.patient.rules import Allergy, Curve, Finding, Medicine, Result

#: Visits and reports that one page shows at most, newest first.
MOST_VISITS, MOST_REPORTS = "60", "100"
#: Values that one course has at most, the newest.
MOST_VALUES: Final = "500"
#: A picture's length as Base64, and how one begins: JPEG, PNG.
MOST_PICTURE: Final = 8_000_000
PICTURES: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n")
#: So long her first page says that her record was opened in an emergency.
TOLD: Final = timedelta(days=30)
_REPORTED = ",".join(sorted(rules.FINAL))


class Day(msgspec.Struct, kw_only=True):
    """The visit of today while it goes on: where she is, and what comes."""

    visit: r4.Encounter
    ticket: r4.Task | None
    position: Position | None
    steps: list[rules.Step]
    #: How one finds the room of her ticket.
    way: str

    @property
    def open(self) -> bool:
        """Whether anything can still change."""
        return self.visit.status != "finished"


class Told(msgspec.Struct, kw_only=True):
    """What a visit has brought: diagnosis and advice once signed, results once final, medicines once prescribed."""

    visit: r4.Encounter
    note: r4.Composition | None
    when: datetime | None
    reason: str
    place: str
    doctor: str
    diagnoses: list[str]
    advice: str
    addenda: list[str]
    outcome: str
    results: list[Result]
    findings: list[Finding]
    medicines: list[Medicine]
    #: The laboratory printed its results: they answer orders of this visit.
    sheet: bool

    @property
    def signed(self) -> bool:
        """Whether the doctor has concluded it: its papers can be had from then on."""
        return self.note is not None


class Line(msgspec.Struct, frozen=True):
    """A visit in the list of all."""

    id: str
    when: datetime | None
    what: str
    diagnosis: str
    open: bool


async def person(tx: Transaction, who: Subject) -> r4.Patient:
    """Herself.

    Raises:
        NotFound: her record is not there any more.
    """
    return await store.read(tx, who, r4.Patient, who.patient or "")


async def visits(tx: Transaction, who: Subject, most: str = MOST_VISITS) -> list[r4.Encounter]:
    """Her visits, newest first, without those that did not take place."""
    params = {"patient": f"Patient/{who.patient}", "_sort": "-date", "_count": most}
    found = await _found(tx, who, r4.Encounter, params)
    return [visit for visit in found if visit.status not in ("cancelled", "entered-in-error")]


async def days(tx: Transaction, who: Subject) -> list[date]:
    """The days of her visits."""
    starts = [moment(one.period.start) for one in await visits(tx, who) if one.period]
    return [clock.local(start).date() for start in starts if start]


async def today(tx: Transaction, who: Subject, now: datetime | None = None) -> Day | None:
    """The visit of today, if she has one."""
    visit = rules.current(await visits(tx, who, "5"), now or clock.now())
    if visit is None:
        return None
    of_visit = {"encounter": f"Encounter/{visit.id}", "_count": "60"}
    tickets = await _tickets(tx, who, visit)
    orders = await _found(tx, who, r4.ServiceRequest, of_visit)
    ticket = rules.shown_ticket(tickets) if visit.status != "finished" else None
    words = await ways(tx, who.facility, {id_of(one.location) for one in tickets})
    told = words.pop(id_of(ticket.location) or "", "") if ticket else ""
    return Day(
        visit=visit,
        ticket=ticket,
        position=await position(tx, who.facility, ticket) if ticket else None,
        steps=rules.steps(visit, tickets, orders, words),
        way=told,
    )


async def ticket_now(tx: Transaction, who: Subject, now: datetime | None = None) -> r4.Task | None:
    """The ticket that her day shows, alone."""
    visit = rules.current(await visits(tx, who, "5"), now or clock.now())
    if visit is None or visit.status == "finished":
        return None
    return rules.shown_ticket(await _tickets(tx, who, visit))


async def _tickets(tx: Transaction, who: Subject, visit: r4.Encounter) -> list[r4.Task]:
    of_visit = {"encounter": f"Encounter/{visit.id}", "_count": "60"}
    tickets = [one for one in await _found(tx, who, r4.Task, of_visit) if code_of(one.code) == "ticket"]
    return sorted(tickets, key=lambda ticket: ticket.authoredOn or "")


async def told(tx: Transaction, who: Subject, visit_id: str) -> Told:
    """What a visit of hers has brought.

    Raises:
        NotFound: she has no such visit.
    """
    visit = await store.read(tx, who, r4.Encounter, visit_id)
    if visit.status in ("cancelled", "entered-in-error"):
        raise NotFound(_("Không có lượt khám này."), where="Encounter")
    of_visit = {"encounter": f"Encounter/{visit.id}", "_count": "100"}
    main, addenda = rules.note_of(await _found(tx, who, r4.Composition, of_visit))
    reported = await _found(tx, who, r4.DiagnosticReport, {**of_visit, "status": _REPORTED})
    results, findings = await _read_reports(tx, who, reported)
    prescribed = await _found(tx, who, r4.MedicationRequest, {**of_visit, "status": ",".join(rules.GIVEN)})
    leaving = visit.hospitalization.dischargeDisposition if visit.hospitalization else None
    return Told(
        visit=visit,
        note=main,
        when=moment(visit.period.start) if visit.period else None,
        reason=next((display_of(reason) for reason in visit.reasonCode or []), ""),
        place=_place(visit),
        doctor=next((one.individual.display or "" for one in visit.participant or [] if one.individual), ""),
        diagnoses=await _diagnoses(tx, who, visit) if main else [],
        advice=section_text(main, ADVICE) if main else "",
        addenda=[text for note in addenda if (text := _text(note))],
        outcome=code_of(leaving) or "" if main else "",
        results=results,
        findings=findings,
        sheet=any(one.basedOn and not rules.is_imaging(one) for one in reported),
        medicines=rules.medicines(sorted(prescribed, key=lambda one: one.id or "")) if main else [],
    )


async def reports(tx: Transaction, who: Subject) -> tuple[list[Curve], list[Finding]]:
    """Everything ever measured with its course over time, and the imaging reports, newest first."""
    params = {"patient": f"Patient/{who.patient}", "status": _REPORTED, "_sort": "-date", "_count": MOST_REPORTS}
    found = await _found(tx, who, r4.DiagnosticReport, params)
    results, findings = await _read_reports(tx, who, found)
    return rules.curves(results), findings


async def course(tx: Transaction, who: Subject, code: str) -> Curve:
    """Everything measured under a code, over all years.

    Raises:
        NotFound: nothing of hers.
    """
    params = {"patient": f"Patient/{who.patient}", "code": code, "status": _REPORTED, "_sort": "-date"}
    found = await _found(tx, who, r4.Observation, {**params, "_count": MOST_VALUES})
    curves = rules.curves(one for one in rules.results(found) if one.code == code)
    if not curves:
        raise NotFound(_("Không có kết quả này."), where="code")
    return curves[0]


async def picture(tx: Transaction, who: Subject, id_: str) -> bytes:
    """A picture of a released report of hers, as JPEG or PNG.

    Raises:
        NotFound: there is none, or it is in no report that was released; or not kept as a picture.
    """
    of_report = {"patient": f"Patient/{who.patient}", "media": f"Media/{id_}", "status": _REPORTED, "_count": "1"}
    if not await _found(tx, who, r4.DiagnosticReport, of_report):
        raise NotFound(_("Không có ảnh này."), where="Media")
    kept = (await store.read(tx, who, r4.Media, id_)).content.data or ""
    body = base64.b64decode(kept) if len(kept) <= MOST_PICTURE else b""
    if not body.startswith(PICTURES):
        raise NotFound(_("Ảnh này không xem được ở đây."), where="Media.content")
    return body


async def lines(tx: Transaction, who: Subject) -> list[Line]:
    """All her visits, each in a line; a diagnosis stands there only where its note is signed."""
    found = await visits(tx, who)
    params = {"patient": f"Patient/{who.patient}", "status": _REPORTED, "_count": "100"}
    notes = await _found(tx, who, r4.Composition, params)
    signed = {id_of(note.encounter) for note in notes if not note.relatesTo}
    mains = {visit.id: id_of(visit.diagnosis[0].condition) for visit in found if visit.diagnosis}
    known = await _read(tx, who, r4.Condition, [mains[id_] for id_ in mains if id_ in signed])
    return [
        Line(
            id=visit.id or "",
            when=moment(visit.period.start) if visit.period else None,
            what=display_of(visit.serviceType) or _place(visit),
            diagnosis=_named(known[main]) if (main := mains.get(visit.id) or "") in known else "",
            open=visit.status != "finished",
        )
        for visit in found
    ]


async def appointment(tx: Transaction, who: Subject, now: datetime | None = None) -> r4.Appointment | None:
    """Her next appointment, if she has one."""
    params = {"patient": f"Patient/{who.patient}", "status": "booked,proposed,pending", "_count": "50"}
    return rules.follow_up(await _found(tx, who, r4.Appointment, params), now or clock.now())


async def medicines(tx: Transaction, who: Subject) -> list[Medicine]:
    """What was prescribed, the newest first."""
    params = {"patient": f"Patient/{who.patient}", "status": ",".join(rules.GIVEN), "_count": MOST_REPORTS}
    return rules.medicines(await _found(tx, who, r4.MedicationRequest, params))


async def emergencies(tx: Transaction, who: Subject) -> list[Broken]:
    """When her record was opened in an emergency lately; whom she named for a part is not told who opened it."""
    if who.relation is not None and who.relation.kind is Kind.NAMED:
        return []
    return [one for one in await of_patient(tx, who, who.patient or "") if one.begun > clock.now() - TOLD]


async def allergies(tx: Transaction, who: Subject) -> list[Allergy]:
    """What she does not bear."""
    params = {"patient": f"Patient/{who.patient}", "_count": MOST_REPORTS}
    return rules.allergies(await _found(tx, who, r4.AllergyIntolerance, params))


async def immunizations(tx: Transaction, who: Subject) -> list[Given]:
    """What she was vaccinated with, the newest first."""
    params = {"patient": f"Patient/{who.patient}", "_count": MOST_REPORTS}
    return given(await _found(tx, who, r4.Immunization, params))


async def _found(tx: Transaction, who: Subject, type_: type[r4.R], params: dict[str, str]) -> Sequence[r4.R]:
    """What she finds; nothing where the relation in which she acts leaves this part of the record out."""
    if not may(who, Interaction.SEARCH, type_.__name__):
        return []
    return (await store.search(tx, who, type_, params)).resources


async def _read(tx: Transaction, who: Subject, type_: type[r4.R], ids: Iterable[str | None]) -> dict[str, r4.R]:
    """The same for records by id."""
    return await store.read_many(tx, who, type_, ids) if may(who, Interaction.READ, type_.__name__) else {}


def booking_code(appointment: r4.Appointment) -> str:
    """The code that the desk scans; "" where it has none yet."""
    return next((i.value for i in appointment.identifier or [] if i.system == systems.BOOKING_CODE and i.value), "")


async def _read_reports(
    tx: Transaction, who: Subject, found: Sequence[r4.DiagnosticReport]
) -> tuple[list[Result], list[Finding]]:
    ids = [id_of(one) for report in found for one in report.result or []]
    known = await _read(tx, who, r4.Observation, ids)
    results: list[Result] = []
    findings: list[Finding] = []
    for report in found:
        mine = {id_: known[id_] for one in report.result or [] if (id_ := id_of(one) or "") in known}
        if rules.is_imaging(report):
            findings.append(rules.finding(report, mine))
        else:
            results += rules.results(mine.values())
    return results, findings


async def _diagnoses(tx: Transaction, who: Subject, visit: r4.Encounter) -> list[str]:
    ranked = sorted(visit.diagnosis or [], key=lambda one: one.rank or 99)
    ids = [id_of(one.condition) or "" for one in ranked]
    known = await _read(tx, who, r4.Condition, ids)
    return [_named(known[id_]) for id_ in ids if id_ in known]


def _named(condition: r4.Condition) -> str:
    code, name = code_of(condition.code, systems.ICD10), display_of(condition.code)
    return f"{name} ({code})" if code and code not in name else name


def _place(visit: r4.Encounter) -> str:
    return next((one.location.display for one in visit.location or [] if one.location.display), "") or ""


def _text(note: r4.Composition) -> str:
    return "\n".join(text for section in note.section or [] if (text := plain(section.text)))
