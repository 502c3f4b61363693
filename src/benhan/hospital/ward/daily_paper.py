"""The daily sheet on paper: 36/BV2, its three columns, each entry with who signed it and when.

What was corrected stays on the paper, struck through and readable. Source: TT 32/2023/TT-BYT (36/BV2).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benhan.core import store
from benhan.core.access import Subject, signature
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict
from benhan.core.kit import clock, printing
from benhan.core.kit.clock import vn_datetime
from benhan.core.language import _, speaking
from benhan.hospital import stay as words
from benhan.hospital.daily import COURSE, Entry
from benhan.hospital.papers import Certified
from benhan.hospital.visit import code_of, display_of, full_name, id_of, identifier
from benhan.hospital.ward import entries

SHEET: Final = Path(__file__).parent / "daily_sheet.typ"
_HASH_SHOWN: Final = 16
_SEXES: Final = {"male": "Nam", "female": "Nữ"}


async def made(
    tx: Transaction, who: Subject, stay: r4.Encounter, verify: str, certified: Certified | None = None
) -> bytes:
    """The signed entries of a stay as one PDF on A4; `verify` goes into the QR.

    Raises:
        Conflict: nothing is signed yet.
    """
    found = await entries.sheet(tx, who, stay)
    if not found.signed:
        raise Conflict(_("Chưa có lần ghi nào đã ký để in."))
    signed = await entries.signatures(tx, who, found.signed)
    with speaking("vi"):  # papers are Vietnamese whatever the screen speaks
        data = await _data(tx, who, stay, found, signed)
        if certified:
            data["footer"] = _footer(certified, who.facility_name)
        data |= {"qr": certified.link if certified else verify, "qr_label": "Mã QR kiểm tra chữ ký"}
    return await printing.render(SHEET, data)


async def _data(
    tx: Transaction, who: Subject, stay: r4.Encounter, found: entries.Sheet, signed: dict[str, signature.Signed]
) -> dict[str, Any]:
    patient = await store.read(tx, who, r4.Patient, id_of(stay.subject) or "")
    rooms = words.stretches(stay, words.BED)
    day = clock.today()
    return {
        "facility": {"name": who.facility_name, "department": words.department_name(stay)},
        "numbers": [
            ["MS", "36/BV2"], ["Số vào viện", identifier(stay, systems.VISIT_NUMBER) or ""],
            ["Mã người bệnh", identifier(patient, systems.PATIENT_NUMBER) or ""],
        ],
        "date": day.isoformat(), "name": full_name(patient), "age": clock.age(patient.birthDate, day),
        "sex": _SEXES.get(patient.gender or "", ""), "department": words.department_name(stay),
        "bed": words.bed_name(stay) or (rooms[-1].name if rooms else ""),
        "diagnoses": await _diagnoses(tx, who, stay),
        "entries": [_row(one, found.corrected, signed.get(one.id)) for one in reversed(found.signed)],
        "footer": f"{who.facility_name} · in lúc {vn_datetime(clock.now())}",
    }  # fmt: skip


def _row(one: Entry, corrected: set[str], signed: signature.Signed | None) -> dict[str, Any]:
    notes = [
        f"Y lệnh miệng lúc {vn_datetime(one.verbal)}, ghi lại sau" if one.verbal else "",
        "Ghi thay lần ghi bị gạch" if one.replaces else "", "Ghi bổ sung" if one.adds else "",
    ]  # fmt: skip
    return {
        "at": vn_datetime(one.at), "course": [[COURSE[code][1], text] for code, text in one.course.items() if text],
        "orders": list(one.told), "stops": [f"Ngừng: {stop.what}. Lý do: {stop.why}" for stop in one.stops],
        "notes": [note for note in notes if note], "struck": one.id in corrected, "by": one.by,
        "signed": f"Ký {vn_datetime(signed.when)} · {signed.hash[:_HASH_SHOWN]}…" if signed else "",
    }  # fmt: skip


async def _diagnoses(tx: Transaction, who: Subject, stay: r4.Encounter) -> str:
    ids = [id_of(one.condition) for one in stay.diagnosis or []]
    kept = await store.read_many(tx, who, r4.Condition, ids)
    named = [
        f"{code_of(one.code, systems.ICD10) or ''} {display_of(one.code)}".strip()
        for i in ids if i and (one := kept.get(i))
    ]  # fmt: skip
    return "; ".join(dict.fromkeys(named)) or "; ".join(one.text or "" for one in stay.reasonCode or [])


def _footer(certified: Certified, owner: str) -> str:
    if not certified.copied_by:
        return f"Văn bản điện tử ký số · {certified.name} · kiểm tra: {certified.link}"
    at = vn_datetime(clock.now())
    return (
        f"Bản giấy chuyển đổi từ hồ sơ bệnh án điện tử · Hệ thống Bệnh Án · {owner} · {certified.copied_by}, {at}"
        f" · {certified.link}"
    )


async def confirmed(tx: Transaction, who: Subject, stay: r4.Encounter) -> Sequence[r4.Resource]:
    """The entries that she signed with her password, as they were: what her certificate signs. Raises: Conflict."""
    found = await entries.sheet(tx, who, stay)
    mine = {one.id for one in found.signed if one.author == f"Practitioner/{who.practitioner}"}
    signed = await entries.signatures(tx, who, found.signed)
    records = {
        signature.versioned(each): each
        for id_, one in signed.items() if id_ in mine for each in await entries.as_signed(tx, who, one)
    }  # fmt: skip
    if not records:
        raise Conflict(_("Bạn chưa ký lần ghi nào của tờ này."))
    return tuple(records.values())
