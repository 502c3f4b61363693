"""Vital signs: what a nurse or doctor measures, kept as Observations with the normal range of that age."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import forms
from benhan.core.kit.clock import age_months, now
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital.clinic.note import writer
from benhan.hospital.clinic.rules import ENDED
from benhan.hospital.readings import is_vital, latest
from benhan.hospital.visit import (
    BLOOD_PRESSURE,
    BMI,
    BREATHING,
    DIASTOLIC,
    HEIGHT,
    PULSE,
    SPO2,
    SYSTOLIC,
    TEMPERATURE,
    VITALS,
    WEIGHT,
    id_of,
    moment,
)
from benhan.hospital.vital_records import measured, observations, read_pressure
from benhan.hospital.vital_rules import ADULT_MONTHS, POSSIBLE, UNITS, Range, body_mass_index, doubts, normal

#: Field of the form → LOINC.
FIELDS = {
    "pulse": PULSE,
    "temperature": TEMPERATURE,
    "breathing": BREATHING,
    "spo2": SPO2,
    "weight": WEIGHT,
    "height": HEIGHT,
}
#: Digits after the comma that are measured.
PLACES = {"temperature": 1, "weight": 2, "height": 1}
#: How long an adult's height still counts for the BMI.
HEIGHT_DAYS = 730


class NeedsConfirmation(Invalid):
    """422: possible, but so rare that it must be confirmed; `doubts` says what."""

    def __init__(self, doubts: list[str]) -> None:
        super().__init__("; ".join(doubts), advice=_("Nếu đúng, đánh dấu xác nhận rồi lưu lại."))
        self.doubts = doubts


def fields(months: int | None = None) -> list[forms.Field]:
    """The form of one measurement, with the normal range at an age in months beside; every field may stay empty."""
    made = [_blood_pressure_field(months)]
    for name, code in FIELDS.items():
        label, unit = VITALS[code]
        low, high = (Decimal(str(bound)) for bound in POSSIBLE[code])
        hint = _hint(normal(code, months))
        made.append(
            forms.number(
                name, _(label), lowest=low, highest=high, places=PLACES.get(name, 0), unit=UNITS[unit], hint=hint
            )
        )
    order = ("pulse", "temperature", "pressure", "breathing", "spo2", "weight", "height")
    return [*sorted(made, key=lambda one: order.index(one.name)), forms.flag("confirmed", _("Đã đo lại, đúng như vậy"))]


def values_of(form: forms.Form) -> dict[str, Decimal]:
    """What was measured, by LOINC; says in the form when nothing was."""
    found = {code: Decimal(form[name]) for name, code in FIELDS.items() if form[name] is not None}
    if form["pressure"] is not None:
        found[SYSTOLIC], found[DIASTOLIC] = form["pressure"]
    if not found and not form.errors:
        form.errors.add("", _("Nhập ít nhất một số đo"))
    return found


async def record(
    tx: Transaction,
    who: Subject,
    visit: r4.Encounter,
    patient: r4.Patient,
    values: Mapping[str, Decimal],
    *,
    confirmed: bool = False,
    at: datetime | None = None,
) -> list[r4.Observation]:
    """Keep one measurement: an Observation for each value, blood pressure as one, BMI worked out.

    `values`: LOINC → number in the unit of VITALS, already within POSSIBLE.

    Raises:
        NeedsConfirmation: something is so rare that it must be confirmed first.
        Conflict: the visit has ended.
    """
    if visit.status in ENDED:
        raise Conflict(_("Lượt khám đã kết thúc, không ghi thêm sinh hiệu được."))
    at = at or now()
    months = age_months(patient.birthDate, at.date()) if patient.birthDate else None
    if not confirmed and (found := doubts(values, months)):
        raise NeedsConfirmation(found)
    kept = [await store.create(tx, who, one) for one in observations(writer(who), visit, values, months, at)]
    if mass := await _mass(tx, who, patient, values, months, at):
        one = measured(writer(who), visit, BMI, mass, months, at)
        kept.append(await store.create(tx, who, one))
    return kept


async def withdraw(tx: Transaction, who: Subject, visit: r4.Encounter, id_: str) -> r4.Observation:
    """Take back a value that was entered by mistake; it stays in the history. Twice is no error.

    Raises:
        Conflict: it belongs to another visit, is no vital sign, or the visit has ended.
    """
    one = await store.read(tx, who, r4.Observation, id_)
    if id_of(one.encounter) != visit.id or visit.status in ENDED:
        raise Conflict(_("Số đo này không thuộc lượt khám đang mở."))
    if one.status == "entered-in-error":
        return one
    if not is_vital(one):
        raise Conflict(_("Chỉ rút lại được sinh hiệu ở đây."))
    changed = msgspec.structs.replace(one, status="entered-in-error")
    return await store.update(tx, who, changed, if_match=version_of(one))


async def _mass(
    tx: Transaction, who: Subject, patient: r4.Patient, values: Mapping[str, Decimal], months: int | None, at: datetime
) -> Decimal | None:
    """The BMI, with the last height on record where an adult was only weighed."""
    weight, height = values.get(WEIGHT), values.get(HEIGHT)
    if weight is not None and height is None and (months or 0) >= ADULT_MONTHS:
        params = {
            "patient": f"Patient/{patient.id}",
            "code": f"{systems.LOINC}|{HEIGHT}",
            "_sort": "-date",
            "_count": "5",
        }
        page = await store.search(tx, who, r4.Observation, params)
        last = latest(one for one in page.resources if one.status == "final").get(HEIGHT)
        when = moment(last.effectiveDateTime) if last else None
        if last and last.valueQuantity and when and (at - when).days <= HEIGHT_DAYS:
            height = last.valueQuantity.value
    return body_mass_index(weight, height)


def _blood_pressure_field(months: int | None) -> forms.Field:
    high, low = normal(SYSTOLIC, months), normal(DIASTOLIC, months)
    hint = f"{high}/{low}" if high and low else _("ví dụ 120/80")
    return forms.Field("pressure", _(VITALS[BLOOD_PRESSURE][0]), "text", read_pressure, hint=hint, most=12, unit="mmHg")


def _hint(bounds: Range | None) -> str:
    return str(bounds) if bounds else ""
