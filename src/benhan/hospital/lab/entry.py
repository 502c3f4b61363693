"""The entry screen of a visit: its laboratory orders as sheets of lines, what is stored, what was measured before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Interaction, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock, codes
from benhan.core.kit.codes import Analyte
from benhan.core.store.records import version_of
from benhan.hospital import orders
from benhan.hospital.lab import rules
from benhan.hospital.visit import (
    LABORATORY,
    code_of,
    display_of,
    full_name,
    id_of,
    moment,
)

#: Former values of an analyte that stand beside the field.
PAST_SHOWN: Final = 5
PAST_READ: Final = "200"
#: Records that no longer count.
GONE: Final = frozenset({"cancelled", "entered-in-error"})
RELEASED: Final = frozenset({"final", "amended", "corrected"})
FRESH: Final = "0"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One field of the screen: an analyte of an order, or the free result of a service without a table."""

    field: str
    order: str
    name: str
    analyte: Analyte | None
    stored: r4.Observation | None
    unit: str = ""
    range: str = ""
    band: tuple[float, float] | None = None
    past: list[tuple[datetime, str, float | None]] = []

    @property
    def value(self) -> rules.Value | None:
        """What is stored as its result."""
        return value_of(self.stored) if self.stored and self.stored.status not in GONE else None

    @property
    def shown(self) -> str:
        """The stored result as it is typed."""
        return self.value.shown() if self.value else ""

    @property
    def flag(self) -> str:
        """The stored interpretation; "" where there is none."""
        stored = self.stored if self.stored and self.stored.status not in GONE else None
        return next((code_of(one) or "" for one in (stored.interpretation or [])), "") if stored else ""

    @property
    def notes(self) -> list[str]:
        """What was written beside the value: who was told, why it was corrected."""
        return [one.text for one in (self.stored.note or []) if one.text] if self.stored else []

    @property
    def numbers(self) -> list[float | None]:
        """Former values, the oldest first, for the sparkline."""
        return [number for _at, _shown, number in reversed(self.past)]


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """One order: its lines and its report."""

    order: r4.ServiceRequest
    report: r4.DiagnosticReport | None
    lines: list[Line]

    @property
    def id(self) -> str:
        """The id of the order."""
        return self.order.id or ""

    @property
    def title(self) -> str:
        """What was ordered."""
        return orders.title(self.order)

    @property
    def version(self) -> str:
        """The version of the report the screen shows; "0" before there is one."""
        return (version_of(self.report) or FRESH) if self.report else FRESH

    @property
    def released(self) -> bool:
        """Whether the doctor has the final result."""
        return self.order.status == "completed" or bool(self.report and self.report.status in RELEASED)

    @property
    def filled(self) -> int:
        """How many lines have a stored result."""
        return sum(line.value is not None for line in self.lines)

    @property
    def single(self) -> bool:
        """One measured analyte: such orders share a table."""
        return len(self.lines) == 1 and self.lines[0].analyte is not None

    @property
    def comment(self) -> str:
        """What the laboratory says about the whole."""
        return (self.report.conclusion or "") if self.report else ""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """The screen."""

    visit: r4.Encounter
    patient: r4.Patient
    sheets: list[Sheet]
    tickets: list[r4.Task]
    rooms: dict[str, orders.Place]
    allergies: list[str]
    allergies_known: bool
    #: What she may do now with the reports that were released: correct them, print them.
    may: frozenset[Interaction] = frozenset()

    @property
    def name(self) -> str:
        """Whose samples they are."""
        return full_name(self.patient)

    @property
    def sex(self) -> str | None:
        """For the reference ranges."""
        return self.patient.gender

    @property
    def months(self) -> int | None:
        """Age for the reference ranges; None where the birth date is unknown."""
        return months_of(self.patient)

    @property
    def open(self) -> list[Sheet]:
        """Sheets that wait for their result."""
        return [one for one in self.sheets if not one.released]

    @property
    def taken(self) -> datetime:
        """When the sample was taken: as recorded, else when the person was served, else now."""
        kept = [one.report.effectiveDateTime for one in self.open if one.report]
        begun = [one.executionPeriod.start for one in self.tickets if one.executionPeriod]
        return next((when for text in [*kept, *begun] if (when := moment(text))), clock.now())

    def sheet(self, order: str) -> Sheet | None:
        """The sheet of an order."""
        return next((one for one in self.sheets if one.id == order), None)


async def gather(tx: Transaction, who: Subject, visit_id: str) -> Entry:
    """Read what the entry screen of a visit shows; ten searches whatever was ordered.

    Raises:
        NotFound, Forbidden: as the store.
    """
    visit = await store.read(tx, who, r4.Encounter, visit_id)
    patient = await store.read(tx, who, r4.Patient, id_of(visit.subject) or "?")
    of_visit = {"patient": f"Patient/{patient.id}", "encounter": f"Encounter/{visit.id}"}
    category = f"{systems.OBSERVATION_CATEGORY}|{LABORATORY}"
    found = await store.search(tx, who, r4.ServiceRequest, {**of_visit, "category": category, "_count": "100"})
    requests = [one for one in found.resources if one.status in ("active", "on-hold", "completed")]
    requests.sort(key=orders.in_time)
    reports = await store.search(tx, who, r4.DiagnosticReport, {**of_visit, "_count": "200"})
    stored = await store.search(tx, who, r4.Observation, {**of_visit, "category": category, "_count": "500"})
    past = await _past(tx, who, patient, visit, requests)
    places = await orders.rooms(tx, who, LABORATORY)
    allergies = await _allergies(tx, who, patient)
    report = next((one for one in reports.resources if one.status in RELEASED), None)
    letters = (Interaction.UPDATE, Interaction.PRINT)
    return Entry(
        visit=visit,
        patient=patient,
        sheets=[_sheet(one, reports.resources, stored.resources, past, patient) for one in requests],
        tickets=await orders.tickets_of(tx, who, [visit.id], places),
        rooms=places,
        allergies=[name for one in allergies if (name := display_of(one.code))],
        allergies_known=bool(allergies),
        may=await store.may_now(tx, who, "DiagnosticReport", report.id or "", *letters) if report else frozenset(),
    )


def field_name(order: str, code: str) -> str:
    """The name of a field on the form."""
    return f"{order}.{code}"


def months_of(patient: r4.Patient) -> int | None:
    """Age in months today; None where the birth date is unknown."""
    return clock.age_months(patient.birthDate, clock.today()) if patient.birthDate else None


def value_of(observation: r4.Observation) -> rules.Value | None:
    """The result that a record holds."""
    quantity = observation.valueQuantity
    if quantity is not None and quantity.value is not None:
        return rules.Value(quantity.value, quantity.comparator)
    if observation.valueCodeableConcept:
        return rules.Value(text=display_of(observation.valueCodeableConcept), chosen=True)
    text = observation.valueString or display_of(observation.dataAbsentReason)
    return rules.Value(text=text) if text else None


def of_order(order: r4.ServiceRequest, records: Iterable[r4.R]) -> list[r4.R]:
    """Records that are based on this order."""
    return [one for one in records if any(id_of(basis) == order.id for basis in getattr(one, "basedOn", None) or [])]


def _sheet(
    order: r4.ServiceRequest,
    reports: Sequence[r4.DiagnosticReport],
    stored: Sequence[r4.Observation],
    past: dict[str, list[r4.Observation]],
    patient: r4.Patient,
) -> Sheet:
    report = next((one for one in of_order(order, reports) if one.status not in GONE), None)
    mine = {code_of(one.code): one for one in of_order(order, stored)}
    service = code_of(order.code, systems.SERVICES) or ""
    lines = [
        _line(order, one, mine.get(one.loinc), past.get(one.loinc, []), patient) for one in codes.analytes(service)
    ]
    return Sheet(order=order, report=report, lines=lines or [_free_line(order, mine.get(service))])


def _free_line(order: r4.ServiceRequest, stored: r4.Observation | None) -> Line:
    """The one field of a service without a table of analytes."""
    id_ = order.id or ""
    unit = (stored.valueQuantity.unit or "") if stored and stored.valueQuantity else ""
    name = display_of(order.code)
    return Line(field=field_name(id_, "value"), order=id_, name=name, analyte=None, stored=stored, unit=unit)


def _line(
    order: r4.ServiceRequest,
    analyte: Analyte,
    stored: r4.Observation | None,
    past: list[r4.Observation],
    patient: r4.Patient,
) -> Line:
    months = months_of(patient)
    bounds = analyte.range_for(patient.gender, months) if months is not None else None
    normal = bounds.shown() if bounds else ", ".join(analyte.expected)
    band = (float(bounds.low or 0), float(bounds.high)) if bounds and bounds.high is not None else None
    return Line(
        field=field_name(order.id or "", analyte.loinc),
        order=order.id or "",
        name=analyte.name,
        analyte=analyte,
        stored=stored,
        unit=analyte.unit,
        range=normal,
        band=band,
        past=[_former(one) for one in past[:PAST_SHOWN]],
    )


def _former(one: r4.Observation) -> tuple[datetime, str, float | None]:
    value = value_of(one)
    number = float(value.number) if value and value.number is not None else None
    return moment(one.effectiveDateTime or one.issued) or clock.now(), value.shown() if value else "", number


async def _past(
    tx: Transaction, who: Subject, patient: r4.Patient, visit: r4.Encounter, requests: Sequence[r4.ServiceRequest]
) -> dict[str, list[r4.Observation]]:
    """Released values of the same analytes from other visits, by LOINC, the newest first; one search."""
    wanted = {one.loinc for order in requests for one in codes.analytes(code_of(order.code, systems.SERVICES) or "")}
    if not wanted:
        return {}
    since = (clock.today() - timedelta(days=3 * 365)).isoformat()
    params = {
        "patient": f"Patient/{patient.id}",
        "code": ",".join(f"{systems.LOINC}|{loinc}" for loinc in sorted(wanted)),
        "status": "final,corrected,amended",
        "date": f"ge{since}",
        "_sort": "-date",
        "_count": PAST_READ,
    }
    found: dict[str, list[r4.Observation]] = {}
    for one in (await store.search(tx, who, r4.Observation, params)).resources:
        if id_of(one.encounter) != visit.id:
            found.setdefault(code_of(one.code) or "", []).append(one)
    return found


async def _allergies(tx: Transaction, who: Subject, patient: r4.Patient) -> list[r4.AllergyIntolerance]:
    page = await store.search(tx, who, r4.AllergyIntolerance, {"patient": f"Patient/{patient.id}", "_count": "50"})
    gone = {"entered-in-error", "refuted"}
    return [one for one in page.resources if code_of(one.verificationStatus) not in gone]
