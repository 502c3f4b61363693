"""Everything the page of a consultation shows, gathered in a bounded number of searches, all limited to the patient."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock
from benhan.core.kit.clock import age_months, minutes_between, today
from benhan.core.language import _, later
from benhan.hospital import medicine_warnings, packages, referral
from benhan.hospital.clinic import diagnoses, note
from benhan.hospital.clinic.consultation import IN_PROGRESS
from benhan.hospital.clinic.past import Past, began, former
from benhan.hospital.clinic.results import Orders, of_visit, orders_of
from benhan.hospital.clinic.rules import chronic, closed
from benhan.hospital.clinic.worklist import facts, reason
from benhan.hospital.packages import Package
from benhan.hospital.readings import Reading, is_vital, latest, pressure, reading, taken
from benhan.hospital.visit import (
    BLOOD_PRESSURE,
    BMI,
    HEIGHT,
    NOTE,
    SPO2,
    TEMPERATURE,
    VITALS,
    WEIGHT,
    code_of,
    display_of,
    full_name,
    id_of,
    identifier,
    moment,
    state_began,
)

#: How many of each are looked at; a page never reads more.
VISITS, CONDITIONS, MEDICINES, NOTES = "12", "80", "40", "24"


class Vitals(msgspec.Struct, frozen=True, kw_only=True):
    """The vital signs of the visit, the newest of each."""

    readings: list[Reading]
    at: datetime | None
    by: str

    @property
    def tiles(self) -> list[Reading]:
        """As the page shows them: a unit where the figure needs one, weight and BMI in one tile, no height."""
        by_code = {one.code: one for one in self.readings}
        mass = by_code.get(BMI)
        shown = []
        for one in self.readings:
            if one.code == WEIGHT and mass:
                value, name = f"{one.value} · {mass.value}", later("Cân nặng · BMI")
                shown.append(msgspec.structs.replace(mass, name=name, value=value))
            elif one.code not in (BMI, HEIGHT):
                unit = f" {one.unit}" if one.code in (TEMPERATURE, SPO2, WEIGHT) else ""
                shown.append(msgspec.structs.replace(one, value=one.value + unit))
        return shown


class Overview(msgspec.Struct, kw_only=True):
    """The page."""

    visit: r4.Encounter
    patient: r4.Patient
    note: r4.Composition | None
    closed: bool
    name: str
    facts: list[str]
    months: int | None
    allergies: list[str]
    allergies_known: bool
    chronic: list[str]
    insurance: str | None
    insurance_tone: str
    reason: str
    vitals: Vitals
    texts: dict[str, str]
    authors: dict[str, str]
    diagnoses: list[diagnoses.Diagnosis]
    orders: Orders
    past: list[Past]
    pressures: list[tuple[str, float | None, float | None]]
    last_history: str
    room: str
    #: Photos of papers that she sent with the booking (Media), and the package that was booked.
    papers: list[str]
    package: Package | None

    @property
    def began(self) -> datetime | None:
        """When the person was received."""
        return moment(self.visit.period.start) if self.visit.period else None

    @property
    def is_today(self) -> bool:
        """Whether the visit began today."""
        return self.began is not None and self.began.date() == today()

    @property
    def waited(self) -> int | None:
        """Minutes from reception to the consultation."""
        start = state_began(self.visit, IN_PROGRESS)
        return minutes_between(self.began, start) if self.began and start else None

    @property
    def vitals_end(self) -> str:
        """Who measured last, and when: "ĐD Mai · 07:34"."""
        return " · ".join(part for part in (self.vitals.by, clock.vn_time(self.vitals.at)) if part)

    @property
    def systolics(self) -> list[float | None]:
        """The upper line of the chart."""
        return [high for _day, high, _low in self.pressures]

    @property
    def diastolics(self) -> list[float | None]:
        """The lower line of the chart."""
        return [low for _day, _high, low in self.pressures]


async def gather(tx: Transaction, who: Subject, visit_id: str) -> Overview:
    """Read the visit, its patient and what surrounds them.

    Raises:
        NotFound, Forbidden: as the store.
    """
    visit = await store.read(tx, who, r4.Encounter, visit_id)
    patient = await store.read(tx, who, r4.Patient, id_of(visit.subject) or "")
    of = {"patient": f"Patient/{patient.id}"}
    visits = (await store.search(tx, who, r4.Encounter, {**of, "_sort": "-date", "_count": VISITS})).resources
    conditions = (
        await store.search(tx, who, r4.Condition, {**of, "_sort": "-recorded-date", "_count": CONDITIONS})
    ).resources
    observations = await of_visit(tx, who, visit, r4.Observation)
    pressures = await _pressures(tx, who, of)
    reports = (
        await store.search(tx, who, r4.DiagnosticReport, {**of, "_sort": "-date", "_count": MEDICINES})
    ).resources
    medicines = (
        await store.search(tx, who, r4.MedicationRequest, {**of, "_sort": "-date", "_count": MEDICINES})
    ).resources
    notes = (
        await store.search(
            tx, who, r4.Composition, {**of, "type": f"{systems.LOINC}|{NOTE}", "_sort": "-date", "_count": NOTES}
        )
    ).resources
    months = age_months(patient.birthDate, _day(visit)) if patient.birthDate else None
    mine = note.the_note([one for one in notes if id_of(one.encounter) == visit.id]) or await note.find(tx, who, visit)
    allergies = await _allergies(tx, who, of)
    insurance, tone = await _insurance(tx, who, of)
    past = former(visit, visits, conditions, medicines, reports, notes)
    booked = await booked_for(tx, who, visit)
    codes = [code for one in booked if (code := identifier(one, systems.BOOKING_CODE))]
    return Overview(
        visit=visit,
        patient=patient,
        note=mine,
        closed=closed(visit, mine),
        name=full_name(patient),
        facts=_facts(patient),
        months=months,
        allergies=[text for one in allergies if (text := _allergy(one))],
        allergies_known=bool(allergies),
        chronic=chronic(one for one in conditions if id_of(one.encounter) != visit.id),
        insurance=insurance,
        insurance_tone=tone,
        reason=reason(visit),
        vitals=vitals_of(observations, months),
        texts=note.texts_of(mine),
        authors=note.authors_of(mine),
        diagnoses=diagnoses.listed(visit, conditions),
        orders=await orders_of(tx, who, visit, observations, [r for r in reports if id_of(r.encounter) == visit.id]),
        past=past,
        pressures=pressures,
        last_history=next((one.history for one in past if one.history), ""),
        room=next((one.location.display or "" for one in visit.location or []), ""),
        papers=[one.id or "" for code in codes for one in await referral.of_booking(tx, who, code)],
        package=await packages.among(tx, who, booked),
    )


async def booked_for(tx: Transaction, who: Subject, visit: r4.Encounter) -> list[r4.Appointment]:
    """The booking of this visit, if it had one."""
    ids = [id_of(one) for one in visit.appointment or []]
    return list((await store.read_many(tx, who, r4.Appointment, ids)).values()) if ids else []


def vitals_of(observations: Sequence[r4.Observation], months: int | None) -> Vitals:
    """The newest vital signs, in the order of the form."""
    newest = latest(one for one in observations if is_vital(one))
    found = [reading(newest[code], months) for code in VITALS if code in newest]
    last = max(newest.values(), key=taken, default=None)
    by = next((one.display or "" for one in (last.performer or [])), "") if last else ""
    return Vitals(readings=found, at=moment(last.effectiveDateTime) if last else None, by=by)


async def _pressures(
    tx: Transaction, who: Subject, of: Mapping[str, str]
) -> list[tuple[str, float | None, float | None]]:
    """Blood pressures of twelve months, the oldest first: day, systolic, diastolic."""
    since = (today() - timedelta(days=365)).isoformat()
    params = {**of, "code": f"{systems.LOINC}|{BLOOD_PRESSURE}", "date": f"ge{since}", "_sort": "-date", "_count": "24"}
    page = await store.search(tx, who, r4.Observation, params)
    rows = []
    for one in sorted((o for o in page.resources if o.status != "entered-in-error"), key=taken):
        high, low = pressure(one)
        day = clock.vn_date(moment(one.effectiveDateTime))
        rows.append((day, float(high) if high is not None else None, float(low) if low is not None else None))
    return rows


async def _allergies(tx: Transaction, who: Subject, of: Mapping[str, str]) -> list[r4.AllergyIntolerance]:
    page = await store.search(tx, who, r4.AllergyIntolerance, {**of, "_count": "50"})
    return [
        one
        for one in page.resources
        if code_of(one.verificationStatus) not in ("entered-in-error", "refuted")
        and code_of(one.clinicalStatus) not in ("inactive", "resolved")
    ]


def _allergy(one: r4.AllergyIntolerance) -> str:
    """ "Penicillin (phản vệ 2019)"; "" for the statement that there is none."""
    if {coding.code for coding in (one.code.coding or [])} & medicine_warnings.NO_KNOWN_ALLERGY if one.code else False:
        return ""
    first = one.reaction[0] if one.reaction else None
    said = ""
    if first is not None:
        said = first.description or ", ".join(display_of(what) for what in first.manifestation)
    year = (one.onsetDateTime or (first.onset if first else None) or one.lastOccurrence or "")[:4]
    detail = " ".join(part for part in (said, year) if part)
    name = display_of(one.code)
    return f"{name} ({detail})" if detail else name


async def _insurance(tx: Transaction, who: Subject, of: Mapping[str, str]) -> tuple[str | None, str]:
    """What stands on the insurance pill, and its tone."""
    coverages = (await store.search(tx, who, r4.Coverage, {**of, "status": "active", "_count": "5"})).resources
    if not coverages:
        return None, "grey"
    answer = await store.first(tx, who, r4.CoverageEligibilityResponse, {**of, "_sort": "-created"})
    said = (answer.disposition or "") if answer else ""
    share = re.search(r"(\d{2,3})\s*%", said)
    valid = next((one.inforce for one in (answer.insurance or []) if one.inforce is not None), None) if answer else None
    if valid is False:
        return _("BHYT không dùng được"), "warn"
    return (_("BHYT %(n)s %%", n=share[1]) if share else _("BHYT")), "ok"


def _day(visit: r4.Encounter) -> date:
    return max(began(visit), datetime(1900, 1, 1, tzinfo=clock.ZONE)).date()


def _facts(patient: r4.Patient) -> list[str]:
    number = identifier(patient, systems.PATIENT_NUMBER)
    return [part for part in (facts(patient), number or "") if part]
