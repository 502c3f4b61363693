"""How a medicine is given to somebody who lies here: dose, hours, route, rate, days. Pure.

Unlike a prescription to take home (`clinic`), a dose has an hour, for a nurse gives it. Source: TT 32/2023/TT-BYT
(36/BV2); HL7 FHIR R4 Dosage, Timing.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

import msgspec

from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Invalid
from benhan.core.language import _
from benhan.hospital import medicines
from benhan.hospital.doses import dose_unit, not_split, shown_dose
from benhan.hospital.medicines import KINDS, Medicine
from benhan.hospital.visit import code_of, concept, display_of

INFUSED: Final = "Truyền tĩnh mạch"
ROUTES: Final = (*medicines.ROUTES, INFUSED, "Khí dung")
#: Units of a rate, as they are ordered.
RATES: Final = ("giọt/phút", "ml/giờ")
MOST_DAYS: Final = 30
_HOUR: Final = re.compile(r"(\d{1,2})(?:[h:g]\s*(\d{2})?)?", re.IGNORECASE)


class Dosing(msgspec.Struct, frozen=True, kw_only=True):
    """How it is given. `hours`: "08:00"; none where it is given when needed."""

    amount: Decimal
    unit: str
    hours: tuple[str, ...]
    route: str
    days: int = 1
    rate: Decimal | None = None
    rate_unit: str = RATES[0]
    as_needed: bool = False
    note: str = ""


def parse_hours(text: str) -> tuple[str, ...]:
    """Hours as typed: "8 14 20", "8h, 20h30", "08:00".

    Raises:
        Invalid: not hours of a day.
    """
    found = set()
    for word in re.split(r"[\s,;–-]+", text.strip()[:120]):
        read = _HOUR.fullmatch(word)
        hour, minute = (int(read[1]), int(read[2] or 0)) if read else (99, 0)
        if hour > 23 or minute > 59:
            raise Invalid(_("Nhập giờ như 8 14 20 hoặc 8h30"))
        found.add(f"{hour:02d}:{minute:02d}")
    return tuple(sorted(found))


def shown_hours(hours: tuple[str, ...]) -> str:
    """As a ward writes them: "8h, 20h30"."""
    return ", ".join(f"{int(one[:2])}h{one[3:] if one[3:] != '00' else ''}" for one in hours)


def wrong(medicine: Medicine, dosing: Dosing) -> list[tuple[str, str]]:
    """(field, message) of everything that must be corrected before it can be ordered."""
    found = []
    if dosing.amount <= 0:
        found.append(("lieu", _("Ghi liều mỗi lần")))
    if dosing.amount % 1 and (why := not_split(medicine)):
        found.append(("lieu", why))
    if not dosing.hours and not dosing.as_needed:
        found.append(("gio", _("Ghi giờ dùng, hoặc đánh dấu khi cần")))
    if dosing.route == INFUSED and dosing.rate is None:
        found.append(("toc-do", _("Ghi tốc độ truyền")))
    if not 1 <= dosing.days <= MOST_DAYS:
        found.append(("ngay", _("Từ 1 đến %(n)s ngày", n=MOST_DAYS)))
    return found


def said(dosing: Dosing) -> str:
    """As it is read: "Tiêm tĩnh mạch: mỗi lần 1 lọ, ngày 2 lần (8h, 20h)". In Vietnamese whatever the screen speaks."""
    times = f"ngày {len(dosing.hours)} lần ({shown_hours(dosing.hours)})" if dosing.hours else ""
    rate = f"{shown_dose(dosing.rate)} {dosing.rate_unit}" if dosing.rate is not None else ""
    needed = "khi cần" if dosing.as_needed else ""
    parts = [f"mỗi lần {shown_dose(dosing.amount)} {dosing.unit}", times, rate, needed, dosing.note]
    return f"{dosing.route}: {', '.join(part for part in parts if part)}"


def ordered(request: r4.MedicationRequest, medicine: Medicine, dosing: Dosing) -> r4.MedicationRequest:
    """The request with this medicine and dosing; everything else of it stays."""
    days = r4.Duration(value=Decimal(dosing.days), unit="ngày", system=systems.UCUM, code="d")
    return msgspec.structs.replace(
        request,
        medicationCodeableConcept=medicines.concept(medicine),
        category=[
            concept(systems.MEDICATION_CATEGORY, "inpatient", "Inpatient"),
            concept(systems.PRESCRIPTION_KIND, medicine.kind, KINDS.get(medicine.kind)),
        ],
        dosageInstruction=[_dosage(dosing)],
        dispenseRequest=r4.MedicationRequestDispenseRequest(expectedSupplyDuration=days),
    )


def _dosage(dosing: Dosing) -> r4.Dosage:
    repeat = r4.TimingRepeat(
        boundsDuration=r4.Duration(value=Decimal(dosing.days), unit="ngày", system=systems.UCUM, code="d"),
        frequency=len(dosing.hours) or None, period=Decimal(1) if dosing.hours else None,
        periodUnit="d" if dosing.hours else None, timeOfDay=[f"{one}:00" for one in dosing.hours] or None,
    )  # fmt: skip
    rate = r4.Quantity(value=dosing.rate, unit=dosing.rate_unit) if dosing.rate is not None else None
    given = r4.DosageDoseAndRate(doseQuantity=r4.Quantity(value=dosing.amount, unit=dosing.unit), rateQuantity=rate)
    return r4.Dosage(
        text=said(dosing), timing=r4.Timing(repeat=repeat), route=r4.CodeableConcept(text=dosing.route),
        patientInstruction=dosing.note or None, asNeededBoolean=True if dosing.as_needed else None,
        doseAndRate=[given],
    )  # fmt: skip


def dosing_of(request: r4.MedicationRequest) -> Dosing:
    """How a medicine is given, read back from its request."""
    first = request.dosageInstruction[0] if request.dosageInstruction else r4.Dosage()
    repeat = (first.timing.repeat if first.timing else None) or r4.TimingRepeat()
    given = next(iter(first.doseAndRate or []), r4.DosageDoseAndRate())
    dose, rate = given.doseQuantity or r4.Quantity(), given.rateQuantity
    return Dosing(
        amount=dose.value or Decimal(0), unit=dose.unit or "", hours=tuple(one[:5] for one in repeat.timeOfDay or []),
        route=display_of(first.route), days=int(repeat.boundsDuration.value or 1) if repeat.boundsDuration else 1,
        rate=rate.value if rate else None, rate_unit=(rate.unit if rate else None) or RATES[0],
        as_needed=bool(first.asNeededBoolean), note=first.patientInstruction or "",
    )  # fmt: skip


def unit_of(medicine: Medicine) -> str:
    """What a dose of it is counted in."""
    unit = dose_unit(medicine)
    return medicine.unit if unit == "lần" else unit


def is_inpatient(request: r4.MedicationRequest) -> bool:
    """Whether it was ordered for somebody who lies here."""
    return any(code_of(one, systems.MEDICATION_CATEGORY) == "inpatient" for one in request.category or [])
