"""The papers of a visit: prescription and visit sheet, as data for their Typst templates.

Source: TT 26/2025/TT-BYT, appendices I–III (prescriptions: ordinary, narcotic, psychotropic); TT 32/2023/TT-BYT.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from benhan.core import store
from benhan.core.access import Subject, signature
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict
from benhan.core.kit import marks, printing
from benhan.core.kit.clock import age, age_months, local, now, today, vn_date, vn_date_in_words, vn_datetime
from benhan.core.kit.money import quantity_in_words
from benhan.core.kit.text import phone_shown
from benhan.core.language import _, speaking
from benhan.hospital import medicine_warnings, readings
from benhan.hospital import visit as words
from benhan.hospital.clinic import conclusion, prescribing
from benhan.hospital.clinic import prescribing_lines as lines
from benhan.hospital.clinic import prescribing_rules as limits
from benhan.hospital.clinic.conclusion_rules import Content
from benhan.hospital.clinic.diagnoses import listed
from benhan.hospital.clinic.heading import SEXES
from benhan.hospital.clinic.prescribing_lines import Line
from benhan.hospital.papers import Certified
from benhan.hospital.vital_rules import figure

PRESCRIPTION = Path(__file__).parent / "prescription.typ"
VISIT_SHEET = Path(__file__).parent / "visit_sheet.typ"
#: Titles of the three kinds of prescription.
TITLES = {"C": "Đơn thuốc", "N": "Đơn thuốc gây nghiện", "H": "Đơn thuốc hướng thần và tiền chất"}
HASH_SHOWN = 16


async def prescription(
    tx: Transaction, who: Subject, visit: r4.Encounter, verify: str, certified: Certified | None = None
) -> bytes:
    """The prescriptions of a signed visit as one PDF on A5, one page or more for each kind; `verify` goes in the QR.

    Raises:
        Conflict: not signed yet, or nothing was prescribed.
    """
    return await printing.render(PRESCRIPTION, await prescription_data(tx, who, visit, verify, certified))


async def prescription_data(
    tx: Transaction, who: Subject, visit: r4.Encounter, verify: str, certified: Certified | None = None
) -> dict[str, Any]:
    """What stands on the prescriptions.

    Raises:
        Conflict: not signed yet, or nothing was prescribed.
    """
    found = await conclusion.content(tx, who, visit)
    signed = await _signed(tx, who, visit)
    if signed is None:
        raise Conflict(_("Đơn chưa ký nên chưa có mã đơn để in."), advice=_("Ký và kết thúc lượt khám rồi in."))
    written = [lines.line(one) for one in found.requests if one.status != "draft"]
    if not written:
        raise Conflict(_("Lượt khám này không kê đơn."))
    shared = await _shared(tx, who, found, signed, verify, certified)
    kinds = limits.by_kind([line.kind for line in written])
    sheets = [shared | _sheet(kind, [line for line in written if line.kind == kind]) for kind in kinds]
    return {**sheets[0], "sheets": sheets}


async def visit_sheet(
    tx: Transaction, who: Subject, visit: r4.Encounter, verify: str, certified: Certified | None = None
) -> bytes:
    """The visit as one PDF on A4; marked as a draft until it is signed."""
    return await printing.render(VISIT_SHEET, await visit_sheet_data(tx, who, visit, verify, certified))


async def visit_sheet_data(
    tx: Transaction, who: Subject, visit: r4.Encounter, verify: str, certified: Certified | None = None
) -> dict[str, Any]:
    """What stands on the sheet of the visit."""
    found = await conclusion.content(tx, who, visit)
    data = await _shared(tx, who, found, await _signed(tx, who, visit), verify, certified)
    data["numbers"] = [["Mã lượt khám", words.identifier(visit, systems.VISIT_NUMBER) or visit.id]]
    data["vitals"] = _vitals(found, data["months"])
    data["sections"] = _sections(found.note)
    data["results"] = _results(found, data["months"])
    data["lines"] = [_printed(number, lines.line(one)) for number, one in enumerate(found.requests, 1)]
    data["addenda"] = [
        {"text": conclusion.addendum_text(one), "by": one.author[0].display or "", "when": vn_datetime(one.date)}
        for one in await conclusion.addenda(tx, who, visit)
    ]
    return data


async def _shared(
    tx: Transaction, who: Subject, found: Content, signed: signature.Signed | None, verify: str,
    certified: Certified | None,
) -> dict[str, Any]:  # fmt: skip
    visit = found.visit
    patient = await store.read(tx, who, r4.Patient, words.id_of(visit.subject) or "")
    signed_on = local(signed.when) if signed else None
    day = signed_on.date() if signed_on else today()
    weight = await prescribing.weight_of(tx, who, visit)
    allergies = await medicine_warnings.allergies(tx, who, patient.id or "")
    with speaking("vi"):  # papers are Vietnamese whatever the screen speaks
        return {
            "facility": await _facility(tx, who, visit),
            "date": day.isoformat(),
            "day": vn_date_in_words(day),
            "months": age_months(patient.birthDate, day) if patient.birthDate else None,
            "patient": _patient(patient, day, weight, [one.shown for one in allergies]),
            "diagnoses": [[one.code, one.name] for one in listed(visit, found.conditions)],
            "advice": words.section_text(found.note, words.ADVICE) if found.note else "",
            "outcome": _outcome(found.note, visit),
            "signer": signed.name if signed else "",
            "signed": _signature_note(signed, certified) if signed else "",
            "footer": _footer(signed, certified, who.facility_name) if signed else "",
            **({"qr": certified.link if certified else verify, "qr_label": "Mã QR kiểm tra chữ ký"} if signed else {}),
        }


def _signature_note(signed: signature.Signed, certified: Certified | None) -> str:
    if certified:
        when = vn_datetime(certified.when.isoformat())
        return f"Ký số bằng chứng thư\n{certified.name}\n{when}\nSố chứng thư {certified.serial}"
    return (
        f"Đã ký điện tử bằng mật khẩu\n{signed.name}\n{vn_datetime(signed.when)}\nSHA-256 {signed.hash[:HASH_SHOWN]}…"
    )


def _footer(signed: signature.Signed, certified: Certified | None, owner: str) -> str:
    if certified is None:
        return f"Ký điện tử {vn_datetime(signed.when)} · SHA-256 {signed.hash[:HASH_SHOWN]}…"
    if not certified.copied_by:
        return f"Văn bản điện tử ký số · kiểm tra: {certified.link}"
    at = vn_datetime(now().isoformat())
    return (
        f"Bản giấy chuyển đổi từ hồ sơ bệnh án điện tử · Hệ thống Bệnh Án · {owner} · {certified.copied_by}, {at}"
        f" · {certified.link}"
    )


async def _signed(tx: Transaction, who: Subject, visit: r4.Encounter) -> signature.Signed | None:
    return next((signed for signed, _made in await conclusion.signatures(tx, who, visit)), None)


async def _facility(tx: Transaction, who: Subject, visit: r4.Encounter) -> dict[str, str]:
    token = f"{systems.PROVIDER_CODE}|{who.facility_code}"
    house = await store.first(tx, who, r4.Organization, {"identifier": token})
    room = visit.location[0].location.display if visit.location else ""
    if house is None:
        return {"name": who.facility_name, "department": room or ""}
    address = next(iter(house.address or []), r4.Address())
    city = (address.city or "").removeprefix("Thành phố ").removeprefix("Tỉnh ")
    phone = next((one.value for one in house.telecom or [] if one.system == "phone" and one.value), "")
    return {
        "authority": f"Sở Y tế {city}" if city else "",
        "name": house.name or who.facility_name,
        "department": room or "",
        "address": address.text or "",
        "phone": phone_shown(phone) if phone else "",
    }


def _patient(patient: r4.Patient, day: date, weight: r4.Observation | None, allergies: Sequence[str]) -> dict[str, str]:
    kilograms = weight.valueQuantity.value if weight and weight.valueQuantity else None
    address = next((one.text or ", ".join(filter(None, one.line or [])) for one in patient.address or []), "")
    guardian = next((one.name.text or "" for one in patient.contact or [] if one.name), "")
    phone = words.phone_of(patient)
    young = bool(patient.birthDate) and age_months(patient.birthDate or "", day) < limits.CHILD_MONTHS
    return {
        "name": words.full_name(patient),
        "birth": vn_date(patient.birthDate),
        "age": age(patient.birthDate, day),
        "gender": SEXES.get(patient.gender or "", ""),
        "number": words.identifier(patient, systems.PATIENT_NUMBER) or "",
        "cccd": words.identifier(patient, systems.CCCD) or "",
        "insurance": words.identifier(patient, systems.BHYT) or "",
        "phone": phone_shown(phone) if phone else "",
        "weight": f"{figure(kilograms)} kg" if kilograms is not None else "",
        "guardian": guardian if young else "",
        "address": address,
        "allergies": "; ".join(allergies),
    }


def _sheet(kind: str, written: Sequence[Line]) -> dict[str, Any]:
    code = written[0].prescription
    return {
        "title": TITLES[kind],
        "code": code,
        "barcode": marks.code128_svg(code, label=f"Mã đơn {code}"),
        "numbers": [["Mã đơn", code]],
        "lines": [_printed(number, line) for number, line in enumerate(written, 1)],
        "count": f"{len(written):02d}",
    }


def _printed(number: int, line: Line) -> dict[str, Any]:
    said = quantity_in_words(line.quantity) if line.kind == "N" else ""
    return {
        "number": number,
        "title": line.title,
        "quantity": f"{line.quantity_shown} {line.unit}",
        "words": f"{said} {line.unit}" if said else "",
        "directions": line.directions,
        "days": line.days,
    }


def _vitals(found: Content, months: int | None) -> list[list[str]]:
    measured = [one for one in found.results if isinstance(one, r4.Observation) and readings.is_vital(one)]
    shown = [readings.reading(one, months) for one in readings.latest(measured).values()]
    return [[one.name, f"{one.value} {one.unit}".strip()] for one in shown]


def _sections(written: r4.Composition | None) -> list[list[str]]:
    if written is None:
        return []
    texts = ((title, words.section_text(written, code)) for code, title in words.SECTIONS.items())
    return [[title, text] for title, text in texts if text]


def _results(found: Content, months: int | None) -> list[list[str]]:
    rows = []
    for one in found.results:
        if isinstance(one, r4.DiagnosticReport) and one.conclusion:
            rows.append([words.display_of(one.code), one.conclusion, ""])
        elif isinstance(one, r4.Observation) and not readings.is_vital(one):
            shown = readings.reading(one, months)
            rows.append([shown.name, f"{shown.value} {shown.unit}".strip(), shown.range])
    return rows


def _outcome(written: r4.Composition | None, visit: r4.Encounter) -> str:
    for section in (written.section or []) if written else []:
        if section.title == conclusion.OUTCOME_SECTION:
            return words.plain(section.text)
    stay = visit.hospitalization
    return words.display_of(stay.dischargeDisposition) if stay else ""
