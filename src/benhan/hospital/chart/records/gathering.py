"""What the record knows of a visit, as the forms' expressions ask for it; and where each value comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit.clock import vn_datetime
from benhan.core.language import _, later
from benhan.hospital.chart.forms.structure import Item
from benhan.hospital.daily import SIGNED, is_entry
from benhan.hospital.visit import display_of, full_name, id_of, identifier

#: Records of one kind that are looked at; more than a stay of weeks has of those a form asks for.
_MOST: Final = "100"
_VOID: Final = frozenset({"entered-in-error", "cancelled", "refuted"})


class Facts(msgspec.Struct, frozen=True):
    """A visit, its patient, and what else is known, by the names of `forms/known.py`."""

    visit: r4.Encounter
    patient: r4.Patient
    found: dict[str, r4.Resource]
    reports: list[r4.DiagnosticReport]
    orders: list[r4.ServiceRequest]
    allergies: list[str]
    asked_for_allergies: bool

    @property
    def daily(self) -> int:
        """How many signed entries its daily sheet (36/BV2) has: they are part of the record."""
        notes = self.found["notes"]
        kept = [one.resource for one in notes.entry or []] if isinstance(notes, r4.Bundle) else []
        return sum(isinstance(one, r4.Composition) and is_entry(one) and one.status == SIGNED for one in kept)

    @property
    def name(self) -> str:
        """Whose record it is."""
        return full_name(self.patient)

    @property
    def number(self) -> str:
        """The number of the visit."""
        return identifier(self.visit, systems.VISIT_NUMBER) or self.visit.id or ""


async def facts(tx: Transaction, who: Subject, visit_id: str) -> Facts:
    """Everything a form is filled in with.

    Raises:
        NotFound, Forbidden: as the store.
    """
    visit = await store.read(tx, who, r4.Encounter, visit_id)
    patient = await store.read(tx, who, r4.Patient, id_of(visit.subject) or "")
    of = {"patient": f"Patient/{patient.id}", "_count": _MOST}
    here = {"encounter": f"Encounter/{visit.id}", "_count": _MOST}
    cover = (await store.search(tx, who, r4.Coverage, {**of, "status": "active"})).resources
    vitals = (
        await store.search(tx, who, r4.Observation, {**here, "category": "vital-signs", "_sort": "-date"})
    ).resources
    conditions = (await store.search(tx, who, r4.Condition, here)).resources
    notes = (await store.search(tx, who, r4.Composition, here)).resources
    reports = (await store.search(tx, who, r4.DiagnosticReport, here)).resources
    orders = (await store.search(tx, who, r4.ServiceRequest, here)).resources
    allergies = (await store.search(tx, who, r4.AllergyIntolerance, of)).resources
    ranked = [id_of(one.condition) for one in sorted(visit.diagnosis or [], key=lambda one: one.rank or 99)]
    live = [one for one in conditions if display_of(one.verificationStatus) not in _VOID and _counts(one)]
    live.sort(key=lambda one: ranked.index(one.id) if one.id in ranked else len(ranked))
    house = await store.first(
        tx, who, r4.Organization, {"identifier": f"{systems.PROVIDER_CODE}|{who.facility_code}"}
    )  # fmt: skip
    released = [one for one in reports if one.status in ("final", "amended", "corrected")]
    found: dict[str, r4.Resource] = {
        "patient": patient, "encounter": visit, "cover": _bundle(cover), "vitals": _bundle(_standing(vitals)),
        "diagnoses": _bundle(live), "notes": _bundle(notes), "results": _bundle(released),
        "facility": _bundle([house] if house else []),
    }  # fmt: skip
    return Facts(
        visit=visit, patient=patient, found=found, reports=reports, orders=orders,
        allergies=[display_of(one.code) for one in allergies if _counts(one) and display_of(one.code)],
        asked_for_allergies=bool(allergies),
    )  # fmt: skip


def _counts(one: r4.Condition | r4.AllergyIntolerance) -> bool:
    codes = [coding.code for coding in (one.verificationStatus.coding or [])] if one.verificationStatus else []
    return not _VOID & set(codes)


def _standing(measured: Sequence[r4.Observation]) -> list[r4.Observation]:
    return [one for one in measured if one.status not in _VOID]


def _bundle(records: Sequence[r4.Resource]) -> r4.Bundle:
    return r4.Bundle(type="searchset", entry=[r4.BundleEntry(resource=one) for one in records])


#: Where a value comes from, by the beginning of its name in `forms/known.py`.
_SOURCES: Final = {
    "patient.": later("hồ sơ người bệnh"),
    "cover.": later("thẻ BHYT"),
    "visit.reason": later("phiếu khám"),
    "visit.illness": later("phiếu khám"),
    "visit.past": later("phiếu khám"),
    "visit.diagnosis": later("chẩn đoán đã ghi"),
    "visit.results": later("kết quả đã trả"),
    "visit.": later("lần vào viện"),
    "vitals.": later("sinh hiệu"),
    "facility.": later("cơ sở"),
    "user.": later("người ghi"),
}


def source(item: Item, found: Facts) -> str:
    """Where the record knows an item's value from, with the time where it was measured."""
    said = next((text for start, text in _SOURCES.items() if item.prefill.startswith(start)), "")
    if item.prefill.startswith("vitals."):
        bundle = found.found["vitals"]
        assert isinstance(bundle, r4.Bundle)
        first = next((one.resource for one in bundle.entry or []), None)
        when = vn_datetime(first.effectiveDateTime) if isinstance(first, r4.Observation) else ""
        return f"{_(said)} {when}".strip()
    return _(said) if said else ""
