"""One line of a prescription as FHIR keeps it (`MedicationRequest`) and as a screen shows it. Pure.

Times of day are EventTiming codes; a dose that differs between times is a `dosageInstruction` of its own. What a doctor
prescribed against a recorded allergy stands in a contained DetectedIssue with her reason. Source: HL7 FHIR R4.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from benhan.core.fhir import r4, systems
from benhan.core.kit.money import quantity as figures
from benhan.core.store.records import version_of
from benhan.hospital import medicines
from benhan.hospital import visit as words
from benhan.hospital.clinic import prescribing_rules as rules
from benhan.hospital.clinic.prescribing_rules import TIMES, Course
from benhan.hospital.doses import dose_unit
from benhan.hospital.medicine_warnings import Warned, reason_of
from benhan.hospital.medicines import KINDS, Medicine

#: States of a line that stands on the prescription.
LIVE = frozenset({"draft", "active", "completed", "on-hold"})
_TIME_OF = {event: time for time, (_name, event) in TIMES.items()}
_CONTINUOUS = r4.CodeableConcept(
    coding=[
        r4.Coding(
            system="http://terminology.hl7.org/CodeSystem/medicationrequest-course-of-therapy",
            code="continuous",
            display="Continuous long term therapy",
        )
    ]
)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line as a screen or a sheet shows it."""

    id: str
    version: str
    title: str
    directions: str
    days: int
    quantity: int
    unit: str
    status: str
    kind: str = "C"
    code: str = ""
    prescription: str = ""
    reason: str = ""
    sample: bool = False
    course: Course
    warnings: tuple[Warned, ...] = ()

    @property
    def quantity_shown(self) -> str:
        """In two digits below ten: "05"."""
        return figures(self.quantity)


def line(request: r4.MedicationRequest, warnings: Sequence[Warned] = (), *, sample: bool = False) -> Line:
    """A MedicationRequest as it is shown."""
    concept = request.medicationCodeableConcept
    title = words.display_of(concept) or (request.medicationReference and request.medicationReference.display) or ""
    supply = request.dispenseRequest
    handed_out = supply.quantity if supply else None
    return Line(
        id=request.id or "",
        version=version_of(request) or "",
        title=title,
        directions=next((one.text for one in request.dosageInstruction or [] if one.text), ""),
        days=_days(request),
        quantity=int(handed_out.value) if handed_out and handed_out.value is not None else 0,
        unit=(handed_out.unit or "") if handed_out else "",
        status=request.status or "",
        kind=kind_of(request),
        code=words.code_of(concept, systems.MEDICINE_CODE) or "",
        prescription=(request.groupIdentifier.value or "") if request.groupIdentifier else "",
        reason=reason_of(request),
        sample=sample,
        course=course_of(request),
        warnings=tuple(warnings),
    )


def kind_of(request: r4.MedicationRequest) -> str:
    """Which prescription the line belongs on: N narcotic, H psychotropic, C other."""
    for category in request.category or []:
        if code := words.code_of(category, systems.PRESCRIPTION_KIND):
            return code
    return "C"


def course_of(request: r4.MedicationRequest) -> Course:
    """How the medicine is taken, read back from the dosage instructions."""
    doses: dict[str, Decimal] = {}
    for dosage in request.dosageInstruction or []:
        amount = next((one.doseQuantity.value for one in dosage.doseAndRate or [] if one.doseQuantity), None)
        for event in (dosage.timing.repeat.when or []) if dosage.timing and dosage.timing.repeat else []:
            if event in _TIME_OF:
                doses[_TIME_OF[event]] = amount or Decimal(1)
    first = request.dosageInstruction[0] if request.dosageInstruction else r4.Dosage()
    return Course(
        doses={time: doses[time] for time in TIMES if time in doses},
        days=_days(request),
        route=words.display_of(first.route) or "Uống",
        note=first.patientInstruction or "",
        as_needed=bool(first.asNeededBoolean),
        long_term=words.code_of(request.courseOfTherapyType) == "continuous",
        quantity=None,
    )


def filled(request: r4.MedicationRequest, medicine: Medicine, course: Course) -> r4.MedicationRequest:
    """The line with this medicine and course; everything else of it stays."""
    return msgspec.structs.replace(
        request,
        medicationCodeableConcept=medicines.concept(medicine),
        category=[words.concept(systems.PRESCRIPTION_KIND, medicine.kind, KINDS.get(medicine.kind))],
        courseOfTherapyType=_CONTINUOUS if course.long_term else None,
        dosageInstruction=_dosages(medicine, course),
        dispenseRequest=r4.MedicationRequestDispenseRequest(
            quantity=r4.Quantity(value=Decimal(rules.given(medicine, course) or 0), unit=medicine.unit),
            expectedSupplyDuration=r4.Duration(value=Decimal(course.days), unit="ngày", system=systems.UCUM, code="d"),
        ),
    )


def _dosages(medicine: Medicine, course: Course) -> list[r4.Dosage]:
    said = rules.directions(medicine, course)
    groups: dict[Decimal, list[str]] = {}
    for time in TIMES:
        if time in course.doses:
            groups.setdefault(course.doses[time], []).append(TIMES[time][1])
    made = []
    for number, (dose, events) in enumerate(groups.items(), 1):
        repeat = r4.TimingRepeat(
            boundsDuration=r4.Duration(value=Decimal(course.days), unit="ngày", system=systems.UCUM, code="d"),
            frequency=len(events), period=Decimal(1), periodUnit="d", when=events,
        )  # fmt: skip
        amount = r4.Quantity(value=dose, unit=dose_unit(medicine))
        made.append(
            r4.Dosage(
                sequence=number,
                text=said if number == 1 else None,
                timing=r4.Timing(repeat=repeat),
                route=r4.CodeableConcept(text=course.route),
                patientInstruction=course.note or None,
                asNeededBoolean=True if course.as_needed else None,
                doseAndRate=[r4.DosageDoseAndRate(doseQuantity=amount)],
            )
        )
    return made


def _days(request: r4.MedicationRequest) -> int:
    duration = request.dispenseRequest.expectedSupplyDuration if request.dispenseRequest else None
    return int(duration.value) if duration and duration.value is not None else 0
