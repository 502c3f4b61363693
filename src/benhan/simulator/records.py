"""A visit as records, as they stand at a moment: what has not happened yet is not written, what is under way is open.

The forms are those that reception, clinic, laboratory and imaging write themselves; where a department has a pure
function for one, it is called.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Final

import msgspec

from benhan.core.access import signature
from benhan.core.fhir import r4, systems
from benhan.core.kit import codes
from benhan.core.kit.clock import age_months, fhir_instant, vn_date
from benhan.hospital.clinic.prescribing_rules import Allergy, against_allergies
from benhan.hospital.visit import (
    ADVICE,
    CALLED,
    DONE,
    EMERGENCY,
    EXAMINATION,
    ILLNESS,
    IMAGING,
    LABORATORY,
    NOTE,
    ORDER_CATEGORIES,
    OUTCOMES,
    PAST,
    PRIORITY_GROUPS,
    REASON,
    SECTIONS,
    SERVED,
    TICKET,
    WAITING,
    concept,
    human_name,
    narrative,
    stamp,
    ticket_identifier,
)
from benhan.simulator import measures, medicines, plan, services
from benhan.simulator.house import House, schedule_id, service_id, slot, specialty_name
from benhan.simulator.people import ALLERGIES, Person
from benhan.simulator.timeline import Stop, Visit

CHANNEL_NAMES: Final = {"web": "qua mạng", "zalo": "qua Zalo", "phone": "gọi điện"}
NURSE: Final = r4.Reference(reference="Practitioner/nv-dd01", display="CNĐD Nguyễn Thị Hoa")
WORKERS: Final = {
    LABORATORY: r4.Reference(reference="Practitioner/nv-kt01", display="KTV Đoàn Văn Sơn"),
    IMAGING: r4.Reference(reference="Practitioner/nv-bs17", display="BSCKI Mai Xuân Trường"),
}
#: Codes that the list of TT 06/2026 divides further, and one that the list before did not take as main diagnosis.
SINCE_2026: Final = {
    "B18.1": "B18.19", "M10.9": "M10.97", "M54.5": "M54.56", "M54.2": "M54.22", "M47.8": "M47.86", "M81.9": "M81.90",
    "S06.0": "S06.00",
}  # fmt: skip
BEFORE_2026: Final = {"Z34.9": "O26.9"}


class Writer:
    """Writes visits of a house as they stand at `now`."""

    def __init__(self, house: House, now: datetime) -> None:
        self._house = house
        self._now = now
        self._accounts = {account.practitioner: account.id for account in house.accounts if account.practitioner}

    def records(self, visit: Visit) -> Iterator[r4.Resource]:
        """Everything that the visit has left in the record so far."""
        subject = r4.Reference(reference=f"Patient/{visit.person.id}", display=visit.person.name)
        encounter = r4.Reference(reference=f"Encounter/{visit.id}")
        draft = _Draft(visit, subject, encounter, _doctor(visit.doctor))
        if visit.slot:
            yield slot(visit.doctor, visit.slot, "busy")
            yield self._appointment(draft, visit.slot)
        yield self._encounter(draft)
        yield self._ticket(draft)
        if self._now >= visit.arrived + (visit.called - visit.arrived) * 0.5:
            yield from _vitals(draft)
        if self._now >= visit.started:
            yield from self._consultation(draft)

    def _appointment(self, draft: _Draft, start: datetime) -> r4.Appointment:
        visit = draft.visit
        status = "fulfilled" if visit.ended <= self._now else "arrived"
        person = r4.AppointmentParticipant(actor=draft.subject, required="required", status="accepted")
        return appointment(
            visit.doctor, visit.room, start, id_=f"{visit.id}-hen", status=status, channel=visit.channel,
            code=booking_code(visit.chance.getrandbits(35)), reason=visit.disease.complaint, person=person,
            created=start - timedelta(hours=visit.chance.uniform(3, 160)),
        )  # fmt: skip

    def _encounter(self, draft: _Draft) -> r4.Encounter:
        visit, now = draft.visit, self._now
        emergency = visit.room.kind == EMERGENCY
        ended = visit.ended if visit.ended <= now else None
        states = [("arrived", visit.arrived, visit.started), ("in-progress", visit.started, visit.ended)]
        outcome = _outcome(visit)
        return r4.Encounter(
            id=visit.id,
            identifier=[r4.Identifier(system=systems.VISIT_NUMBER, value=visit.number)],
            status="finished" if ended else "in-progress" if visit.started <= now else "arrived",
            statusHistory=[
                r4.EncounterStatusHistory(status=status, period=r4.Period(start=stamp(start), end=stamp(end)))
                for status, start, end in states
                if end <= now
            ]
            or None,
            class_=_class("EMER" if emergency else "AMB"),
            serviceType=_specialty(visit.doctor.specialty),
            subject=draft.subject,
            participant=[draft.participant()] if visit.started <= now else None,
            appointment=[r4.Reference(reference=f"Appointment/{visit.id}-hen")] if visit.slot else None,
            period=r4.Period(start=stamp(visit.arrived), end=stamp(ended) if ended else None),
            reasonCode=[r4.CodeableConcept(text=visit.disease.complaint)],
            diagnosis=draft.diagnoses() if self._concluding(visit) else None,
            hospitalization=r4.EncounterHospitalization(dischargeDisposition=_disposition(outcome)) if ended else None,
            location=_locations(visit),
            serviceProvider=r4.Reference(reference=f"Organization/khoa-{visit.room.department.lower()}"),
        )

    def _ticket(self, draft: _Draft) -> r4.Task:
        visit, now = draft.visit, self._now
        status = DONE if visit.ended <= now else SERVED if visit.started <= now else CALLED
        if visit.called > now:
            status = WAITING
        return _task(
            draft, f"{visit.id}-so", visit.ticket, visit.room, status, visit.priority, visit.group,
            (visit.arrived, visit.called, visit.started, visit.ended), now,
            owner=draft.doctor if visit.called <= now else None,
        )  # fmt: skip

    def _consultation(self, draft: _Draft) -> Iterator[r4.Resource]:
        visit = draft.visit
        for stop in visit.stops:
            if stop.queued <= self._now:
                yield from self._stop(draft, stop)
        note = _note(draft, whole=self._concluding(visit), signed=visit.ended <= self._now)
        signed: list[r4.Resource] = [note]
        if self._concluding(visit):
            signed += _conditions(draft)
            signed += self._prescription(draft)
        yield from signed
        if visit.ended <= self._now:
            yield self._signature(draft, signed)

    def _concluding(self, visit: Visit) -> bool:
        """Diagnosis and prescription stand once the doctor has everything she asked for."""
        known = max((stop.result for stop in visit.stops), default=visit.started)
        return known + timedelta(minutes=2) <= self._now

    def _stop(self, draft: _Draft, stop: Stop) -> Iterator[r4.Resource]:
        visit, now = draft.visit, self._now
        status = DONE if stop.done <= now else SERVED if stop.called <= now else WAITING
        yield _task(
            draft, f"{visit.id}-{stop.kind[:2]}", stop.ticket, stop.room, status,
            "stat" if visit.room.kind == EMERGENCY else "routine", "",
            (stop.queued, stop.called, stop.called, stop.done), now,
            owner=WORKERS[stop.kind] if stop.called <= now else None,
        )  # fmt: skip
        for number, service in enumerate(stop.services):
            id_ = f"{visit.id}-{stop.kind[:2]}{number}"
            done = stop.result <= now
            order = _order(draft, id_, stop, number, done)
            yield order
            if done:
                yield from _result(draft, stop, order, service)

    def _prescription(self, draft: _Draft) -> Iterator[r4.MedicationRequest]:
        visit = draft.visit
        code = f"{self._house.code}{_base36(visit.chance.getrandbits(36))}-C"
        status = "active" if visit.ended <= self._now else "draft"
        for number, given in enumerate(_chosen(visit)):
            yield msgspec.structs.replace(
                given.line,
                id=f"{visit.id}-t{number}",
                status=status,
                subject=draft.subject,
                encounter=draft.encounter,
                authoredOn=stamp(min(visit.ended, self._now)),
                requester=draft.doctor,
                groupIdentifier=r4.Identifier(system=systems.PRESCRIPTION_CODE, value=code),
            )

    def _signature(self, draft: _Draft, signed: list[r4.Resource]) -> r4.Provenance:
        first = r4.Meta(versionId="1")
        made = signature.provenance(
            [msgspec.structs.replace(one, meta=first) for one in signed],
            account=self._accounts.get(draft.visit.doctor.id, draft.visit.doctor.id),
            signer=draft.doctor,
            when=fhir_instant(draft.visit.ended),
            about=[draft.subject, draft.encounter],
        )
        return msgspec.structs.replace(made, id=f"{draft.visit.id}-ky")


class _Draft(msgspec.Struct, frozen=True):
    """A visit with the references that all its records carry."""

    visit: Visit
    subject: r4.Reference
    encounter: r4.Reference
    doctor: r4.Reference

    @property
    def months(self) -> int:
        """The patient's age on the day, in whole months."""
        return age_months(self.visit.person.born, self.visit.arrived.date())

    def participant(self) -> r4.EncounterParticipant:
        """The doctor, from the start."""
        period = r4.Period(start=stamp(self.visit.started))
        return r4.EncounterParticipant(type=[_examiner()], period=period, individual=self.doctor)

    def diagnoses(self) -> list[r4.EncounterDiagnosis]:
        """The main one first."""
        return [
            r4.EncounterDiagnosis(
                condition=r4.Reference(reference=f"Condition/{self.visit.id}-c{n}", display=f"{code.code} {code.name}"),
                use=_rank_name(n == 0),
                rank=n + 1,
            )
            for n, code in enumerate(_icd(self.visit))
        ]


def appointment(
    doctor: plan.Staff, room: plan.Room, start: datetime, *, id_: str, status: str, channel: str, code: str, reason: str,
    person: r4.AppointmentParticipant, created: datetime, guest: r4.Patient | None = None,
) -> r4.Appointment:  # fmt: skip
    """A booking, as the public page makes it."""
    return r4.Appointment(
        id=id_,
        meta=r4.Meta(tag=[r4.Coding(system=systems.CHANNEL, code=channel, display=CHANNEL_NAMES[channel])]),
        contained=[guest] if guest else None,
        identifier=[r4.Identifier(system=systems.BOOKING_CODE, value=code)],
        status=status,
        serviceType=[_specialty(doctor.specialty)],
        specialty=[_specialty(doctor.specialty)],
        appointmentType=concept(systems.APPOINTMENT_REASON, "ROUTINE", "Khám thường"),
        reasonCode=[r4.CodeableConcept(text=reason)],
        start=stamp(start),
        end=stamp(start + timedelta(minutes=plan.SLOT_MINUTES)),
        minutesDuration=plan.SLOT_MINUTES,
        slot=[r4.Reference(reference=f"Slot/{schedule_id(doctor)}-{start:%Y%m%d-%H%M}")],
        created=stamp(created),
        participant=[person, *_actors(doctor.key, room.code)],
    )


def guest_of(one: Person) -> r4.Patient:
    """What somebody tells of herself when she books."""
    return r4.Patient(
        id="guest",
        identifier=[r4.Identifier(system=systems.CCCD, value=one.citizen_number)] if one.number % 3 else None,
        name=[human_name(one.name)],
        telecom=[r4.ContactPoint(system="phone", value=one.phone, use="mobile")],
        gender=one.gender,
        birthDate=one.born.isoformat(),
    )


_BOOKING_LETTERS: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


def booking_code(bits: int) -> str:
    """A booking code with its check character, as `reception.booking_rules` reads it."""
    from benhan.hospital.reception.booking_rules import _check

    body = ""
    for _ in range(7):
        bits, rest = divmod(bits, len(_BOOKING_LETTERS))
        body += _BOOKING_LETTERS[rest]
    whole = body + _check(body)
    return f"DK-{whole[:4]}-{whole[4:]}"


def icd_on(code: str, day: date) -> codes.Code:
    """A diagnosis in the list that is in force on the day."""
    other = SINCE_2026 if day >= codes.ICD10_CHANGE else BEFORE_2026
    return _named(other.get(code, code), day >= codes.ICD10_CHANGE)


@cache
def _named(code: str, new: bool) -> codes.Code:
    found = codes.icd10(codes.ICD10_CHANGE if new else date(2026, 1, 1)).get(code)
    assert found, code
    return found


def _icd(visit: Visit) -> list[codes.Code]:
    others = [code for code in visit.person.long_illnesses if code != visit.disease.code][:2]
    day = visit.ended.date()
    return [icd_on(code, day) for code in (visit.disease.code, *others)]


def _task(
    draft: _Draft, id_: str, ticket: str, room: plan.Room, status: str, priority: str, group: str,
    times: tuple[datetime, datetime, datetime, datetime], now: datetime, owner: r4.Reference | None,
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
        location=_room(room.code),
        reasonCode=_group(group) if group else None,
        authoredOn=stamp(issued),
        lastModified=stamp(max(at for at in times if at <= now)),
        owner=owner,
        executionPeriod=period,
        output=[r4.TaskOutput(type=_called(), valueDateTime=stamp(called))] if status != WAITING else None,
    )


def _vitals(draft: _Draft) -> Iterator[r4.Observation]:
    visit = draft.visit
    at = stamp(visit.arrived + (visit.called - visit.arrived) * 0.5)
    values = measures.taken(visit.chance, visit.person, visit.disease, draft.months)
    for number, one in enumerate(measures.observations(values, draft.months)):
        one.id = f"{visit.id}-v{number}"
        one.subject, one.encounter = draft.subject, draft.encounter
        one.effectiveDateTime, one.performer = at, [NURSE]
        yield one


def _note(draft: _Draft, *, whole: bool, signed: bool) -> r4.Composition:
    visit = draft.visit
    texts = {REASON: visit.disease.complaint, ILLNESS: _illness(visit), PAST: _past(visit)}
    if whole:
        texts |= {EXAMINATION: f"Tỉnh, tiếp xúc tốt. {visit.disease.examination}", ADVICE: _advice(visit)}
    return r4.Composition(
        id=visit.id,
        status="final" if signed else "preliminary",
        type=_note_type(),
        subject=draft.subject,
        encounter=draft.encounter,
        date=stamp(visit.ended if signed else visit.started),
        author=[draft.doctor],
        title="Phiếu khám bệnh",
        section=[
            r4.CompositionSection(
                title=SECTIONS[code], code=_section(code), author=[draft.doctor], text=narrative(text)
            )
            for code, text in texts.items()
        ],
    )


def _illness(visit: Visit) -> str:
    history = visit.disease.history
    if visit.disease.long:
        return f"Đang điều trị ngoại trú, tái khám theo hẹn. Hiện tại {history}."
    days = visit.chance.choice((1, 2, 2, 3, 3, 4, 5, 7))
    tried = visit.chance.choice(("chưa dùng thuốc gì", "đã tự mua thuốc uống, đỡ ít", "ở nhà chưa điều trị"))
    return f"Bệnh {days} ngày nay: {history}; {tried}, nay đến khám."


def _past(visit: Visit) -> str:
    day = visit.arrived.date()
    known = [icd_on(code, day).name for code in visit.person.long_illnesses]
    allergies = [ALLERGIES[n][1] for n in visit.person.allergies]
    own = "; ".join(known) if known else "Khỏe mạnh"
    return f"{own}. {'Dị ứng: ' + ', '.join(allergies) if allergies else 'Chưa ghi nhận dị ứng'}."


def _advice(visit: Visit) -> str:
    if _outcome(visit) == "revisit":
        day = visit.arrived.date() + timedelta(weeks=4 if visit.disease.long else 1)
        return f"Uống thuốc đều theo đơn. Tái khám ngày {vn_date(day)}, mang theo đơn cũ."
    if _outcome(visit) == "admit":
        return "Nhập viện điều trị nội trú."
    return "Uống thuốc theo đơn, nghỉ ngơi, uống nhiều nước. Khám lại ngay nếu sốt cao, khó thở hoặc mệt nhiều."


def _conditions(draft: _Draft) -> Iterator[r4.Condition]:
    visit = draft.visit
    for number, code in enumerate(_icd(visit)):
        yield r4.Condition(
            id=f"{visit.id}-c{number}",
            clinicalStatus=_active(),
            verificationStatus=_confirmed(),
            category=[_encounter_diagnosis()],
            code=concept(systems.ICD10, code.code, code.name),
            subject=draft.subject,
            encounter=draft.encounter,
            recordedDate=stamp(visit.ended),
            recorder=draft.doctor,
        )


def _order(draft: _Draft, id_: str, stop: Stop, number: int, done: bool) -> r4.ServiceRequest:
    return r4.ServiceRequest(
        id=id_,
        identifier=[r4.Identifier(system=systems.ORDER_NUMBER, value=stop.numbers[number])],
        status="completed" if done else "active",
        intent="order",
        category=[_category(stop.kind)],
        priority="urgent" if draft.visit.room.kind == EMERGENCY else "routine",
        code=_service(stop.services[number].code),
        subject=draft.subject,
        encounter=draft.encounter,
        authoredOn=stamp(stop.queued),
        requester=draft.doctor,
        reasonCode=[r4.CodeableConcept(text=draft.visit.disease.complaint)],
    )


def _result(draft: _Draft, stop: Stop, order: r4.ServiceRequest, service: codes.Code) -> Iterator[r4.Resource]:
    visit = draft.visit
    about = r4.Reference(reference=f"ServiceRequest/{order.id}")
    found: list[r4.Observation] = []
    conclusion = None
    if stop.kind == LABORATORY:
        values = services.measured(visit.chance, service.code, visit.disease.code, visit.person.gender, draft.months)
        found = [_value(draft, stop, about, f"{order.id}-{n}", value) for n, value in enumerate(values)]
    else:
        findings, conclusion = services.seen(visit.chance, service.code, visit.disease.code)
        found = [_findings(draft, stop, about, f"{order.id}-0", service, findings)]
    yield from found
    yield r4.DiagnosticReport(
        id=f"{order.id}-kq",
        basedOn=[about],
        status="final",
        category=[_report_category(stop.kind)],
        code=_service(service.code),
        subject=draft.subject,
        encounter=draft.encounter,
        effectiveDateTime=stamp(stop.done),
        issued=fhir_instant(stop.result),
        performer=[WORKERS[stop.kind]],
        resultsInterpreter=[WORKERS[stop.kind]],
        result=[r4.Reference(reference=f"Observation/{one.id}") for one in found] or None,
        conclusion=conclusion,
    )


def _value(draft: _Draft, stop: Stop, about: r4.Reference, id_: str, value: services.Value) -> r4.Observation:
    one = value.analyte
    bounds = one.range_for(draft.visit.person.gender, draft.months) if value.number is not None else None
    return r4.Observation(
        id=id_,
        basedOn=[about],
        status="final",
        category=[_observed("laboratory")],
        code=_analyte(one.loinc, one.name),
        subject=draft.subject,
        encounter=draft.encounter,
        effectiveDateTime=stamp(stop.done),
        issued=fhir_instant(stop.result),
        performer=[WORKERS[stop.kind]],
        valueQuantity=_quantity(value.number, one) if value.number is not None else None,
        valueCodeableConcept=r4.CodeableConcept(text=value.word) if value.word else None,
        interpretation=[_flag(value.flag)] if value.flag else None,
        referenceRange=[
            r4.ObservationReferenceRange(
                low=_quantity(bounds.low, one) if bounds.low is not None else None,
                high=_quantity(bounds.high, one) if bounds.high is not None else None,
                text=bounds.shown(),
            )
        ]
        if bounds and bounds.shown()
        else None,
    )


def _findings(
    draft: _Draft, stop: Stop, about: r4.Reference, id_: str, service: codes.Code, text: str
) -> r4.Observation:
    return r4.Observation(
        id=id_,
        basedOn=[about],
        status="final",
        category=[_observed("imaging")],
        code=_service(service.code),
        subject=draft.subject,
        encounter=draft.encounter,
        effectiveDateTime=stamp(stop.done),
        issued=fhir_instant(stop.result),
        performer=[WORKERS[stop.kind]],
        valueString=text,
    )


def _outcome(visit: Visit) -> str:
    drawn = visit.person.number % 97 / 97
    if visit.disease.specialty == "capcuu" and drawn < 0.3:
        return "admit"
    if visit.disease.code == "J18.9" and drawn < 0.15:
        return "admit"
    if drawn > 0.985:
        return "refer"
    return "revisit" if visit.disease.long or visit.disease.code in ("A97.0", "Z34.9") else "home"


def _chosen(visit: Visit) -> Iterator[medicines.Given]:
    """What is prescribed: nothing that a recorded allergy forbids, no ingredient twice."""
    allergies = [Allergy(substance=ALLERGIES[n][1]) for n in visit.person.allergies]
    given: set[str] = set()
    for reason in visit.disease.medicines:
        allowed = [one for one in medicines.choices(reason) if not against_allergies(one.medicine, allergies)]
        fresh = [one for one in allowed if not given & set(one.medicine.ingredients)]
        if fresh:
            chosen = visit.chance.choice(fresh)
            given.update(chosen.medicine.ingredients)
            yield chosen


def _base36(bits: int) -> str:
    letters = "0123456789abcdefghijklmnopqrstuvwxyz"
    return "".join(letters[bits // 36**n % 36] for n in range(7))


def _locations(visit: Visit) -> list[r4.EncounterLocation]:
    at_desk = timedelta(seconds=visit.person.number % 17 + 7)
    stay = r4.Period(start=fhir_instant(visit.arrived - at_desk), end=fhir_instant(visit.arrived))
    desk = r4.EncounterLocation(location=r4.Reference(display="Quầy tiếp đón"), status="completed", period=stay)
    return [r4.EncounterLocation(location=_room(visit.room.code), status="planned"), desk]


def _quantity(value: Decimal, one: codes.Analyte) -> r4.Quantity:
    return r4.Quantity(
        value=value, unit=one.unit or None, system=systems.UCUM if one.ucum else None, code=one.ucum or None
    )


def _doctor(one: plan.Staff) -> r4.Reference:
    return r4.Reference(reference=f"Practitioner/{one.id}", display=f"{one.title} {one.name}")


# What is the same in every record is made once.


@cache
def _actors(doctor: str, room: str) -> list[r4.AppointmentParticipant]:
    who = next(one for one in plan.STAFF if one.key == doctor)
    found = [
        r4.Reference(reference=f"HealthcareService/{service_id(who.specialty)}", display=specialty_name(who.specialty)),
        r4.Reference(reference=f"Practitioner/{who.id}", display=who.name),
        _room(room),
    ]
    return [r4.AppointmentParticipant(actor=one, required="required", status="accepted") for one in found]


@cache
def _room(code: str) -> r4.Reference:
    room = next(room for room in plan.ROOMS if room.code == code)
    return r4.Reference(reference=f"Location/{room.id}", display=room.name)


@cache
def _specialty(key: str) -> r4.CodeableConcept:
    return concept(systems.SPECIALTY, key, specialty_name(key))


@cache
def _class(code: str) -> r4.Coding:
    return r4.Coding(system=systems.ACT_CODE, code=code, display={"AMB": "ambulatory", "EMER": "emergency"}[code])


@cache
def _disposition(outcome: str) -> r4.CodeableConcept:
    return concept(systems.OUTCOME, outcome, OUTCOMES[outcome])


@cache
def _service(code: str) -> r4.CodeableConcept:
    return concept(systems.SERVICES, code, services.service(code).name)


@cache
def _category(kind: str) -> r4.CodeableConcept:
    return concept(systems.OBSERVATION_CATEGORY, kind, ORDER_CATEGORIES[kind])


@cache
def _report_category(kind: str) -> r4.CodeableConcept:
    return concept(systems.DIAGNOSTIC_SERVICE, "LAB" if kind == LABORATORY else "RAD", ORDER_CATEGORIES[kind])


@cache
def _observed(kind: str) -> r4.CodeableConcept:
    return concept(systems.OBSERVATION_CATEGORY, kind)


@cache
def _analyte(loinc: str, name: str) -> r4.CodeableConcept:
    return concept(systems.LOINC, loinc, name)


@cache
def _flag(code: str) -> r4.CodeableConcept:
    names = {"H": "Cao", "L": "Thấp", "HH": "Rất cao", "LL": "Rất thấp", "A": "Bất thường"}
    return concept(systems.INTERPRETATION, code, names[code])


@cache
def _group(key: str) -> r4.CodeableConcept:
    return concept(systems.PRIORITY_GROUP, key, PRIORITY_GROUPS[key])


@cache
def _section(code: str) -> r4.CodeableConcept:
    return concept(systems.LOINC, code, SECTIONS[code])


@cache
def _rank_name(main: bool) -> r4.CodeableConcept:
    return concept(systems.DIAGNOSIS_ROLE, *(("DD", "Chẩn đoán chính") if main else ("CM", "Chẩn đoán kèm theo")))


@cache
def _note_type() -> r4.CodeableConcept:
    return concept(systems.LOINC, NOTE, "Phiếu khám bệnh")


@cache
def _called() -> r4.CodeableConcept:
    return concept(systems.QUEUE, "called", "Đã gọi")


@cache
def _examiner() -> r4.CodeableConcept:
    return concept(systems.PARTICIPATION, "PPRF", "Bác sĩ khám")


@cache
def _active() -> r4.CodeableConcept:
    return concept(systems.CONDITION_CLINICAL, "active")


@cache
def _confirmed() -> r4.CodeableConcept:
    return concept(systems.CONDITION_VERIFICATION, "confirmed")


@cache
def _encounter_diagnosis() -> r4.CodeableConcept:
    return concept(systems.CONDITION_CATEGORY, "encounter-diagnosis")
