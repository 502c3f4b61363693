"""The hospital's own medicines: what one is, how it lies in the record (`Medication`), how it is found.

The list is the facility's: a short sample of generic names comes with the program and says that it is one; the
hospital replaces it by an import. Source: TT 26/2025/TT-BYT (naming of medicines on prescriptions).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import NotFound
from benhan.core.kit import codes
from benhan.core.kit.text import fold
from benhan.hospital import visit as words
from benhan.hospital.clinic import ingredients

#: Kinds of prescription a medicine needs. Source: TT 26/2025/TT-BYT.
KINDS: Final = {"N": "Gây nghiện", "H": "Hướng thần, tiền chất", "C": "Thường"}
ROUTES: Final = (
    "Uống",
    "Ngậm",
    "Bôi",
    "Nhỏ mắt",
    "Nhỏ mũi",
    "Nhỏ tai",
    "Xịt",
    "Hít",
    "Đặt",
    "Dán",
    "Tiêm dưới da",
    "Tiêm bắp",
    "Tiêm tĩnh mạch",
)

_STRENGTH: Final = re.compile(r"(\d+(?:[.,]\d+)?)\s*(mg|mcg|µg|g|ml|IU|UI|%)", re.IGNORECASE)


class Medicine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list. `unit` is what is counted (viên, gói, chai); `pack_ml` the millilitres in one such unit."""

    code: str
    name: str
    strength: str
    form: str
    unit: str
    route: str = "Uống"
    brand: str = ""
    pack_ml: Decimal | None = None
    kind: str = "C"
    atc: str = ""
    sample: bool = False
    id: str = ""

    @property
    def title(self) -> str:
        """As a prescription names it: "Amoxicilin 500 mg", with a brand "Amoxicilin (Clamoxyl) 500 mg"."""
        return " ".join(part for part in (self.name, f"({self.brand})" if self.brand else "", self.strength) if part)

    @property
    def ingredients(self) -> list[str]:
        """Its active ingredients by name."""
        return ingredients.split(self.name)


def medicine_id(code: str) -> str:
    """The record id of a code of the list: an import that runs twice meets its own records."""
    return "thuoc-" + sha256(code.strip().upper().encode()).hexdigest()[:32]


def resource(medicine: Medicine) -> r4.Medication:
    """A line of the list as FHIR keeps it."""
    strengths = _STRENGTH.findall(medicine.strength)
    names = medicine.ingredients
    paired = strengths if len(strengths) == len(names) else [None] * len(names)
    coding = [
        r4.Coding(system=systems.INGREDIENT, code=ingredients.key(name), display=ingredients.key(name))
        for name in names
    ]
    if medicine.atc:
        coding.append(r4.Coding(system=systems.ATC, code=medicine.atc))
    return r4.Medication(
        id=medicine.id or medicine_id(medicine.code),
        identifier=[r4.Identifier(system=systems.MEDICINE_CODE, value=medicine.code)],
        status="active",
        code=r4.CodeableConcept(coding=coding or None, text=medicine.title),
        form=r4.CodeableConcept(text=medicine.form),
        amount=_pack(medicine),
        ingredient=[
            r4.MedicationIngredient(
                itemCodeableConcept=r4.CodeableConcept(text=name), isActive=True, strength=_ratio(one, medicine.unit)
            )
            for name, one in zip(names, paired, strict=True)
        ],
        extension=[r4.Extension(url=systems.EXTENSION_MEDICINE, extension=_own(medicine))],
    )


def of(medication: r4.Medication) -> Medicine:
    """The line of the list that a Medication holds; one that came from elsewhere is read as far as it goes."""
    own = _own_values(medication)
    title = words.display_of(medication.code)
    names = " + ".join(words.display_of(one.itemCodeableConcept) for one in medication.ingredient or [])
    return Medicine(
        code=words.identifier(medication, systems.MEDICINE_CODE) or medication.id or "",
        name=own.get("name") or names or title,
        strength=own.get("strength", ""),
        form=words.display_of(medication.form),
        unit=own.get("unit", "viên"),
        route=own.get("route", "Uống"),
        brand=own.get("brand", ""),
        pack_ml=_millilitres(medication),
        kind=own.get("kind", "C"),
        atc=words.code_of(medication.code, systems.ATC) or "",
        sample=own.get("sample") == "1",
        id=medication.id or "",
    )


async def read(tx: Transaction, who: Subject, id_: str) -> Medicine:
    """One medicine of the facility.

    Raises:
        NotFound: there is none with this id, or it is no longer used.
    """
    medication = await store.read(tx, who, r4.Medication, id_)
    if medication.status != "active":
        raise NotFound("Thuốc này không còn trong danh mục.", where="medicine")
    return of(medication)


async def find(tx: Transaction, who: Subject, text: str, most: int = 12) -> list[Medicine]:
    """Medicines whose names and strength begin with all words of `text`, without accents and in any spelling."""
    query = fold(text)
    if not query:
        return []
    spelled = " ".join(ingredients.key(word) for word in query.split())
    asked = query if spelled == query else f"{query},{spelled}"
    page = await store.search(tx, who, r4.Medication, {"name": asked, "status": "active", "_count": "60"})
    found = [of(one) for one in page.resources]
    return sorted(found, key=lambda one: _rank(one, query, spelled))[:most]


async def by_codes(tx: Transaction, who: Subject, wanted: Sequence[str]) -> dict[str, Medicine]:
    """Medicines of the facility by their codes, in one question."""
    ids = {medicine_id(code): code for code in wanted}
    found = await store.read_many(tx, who, r4.Medication, ids)
    return {one.code: one for one in map(of, found.values())}


def samples() -> list[r4.Medication]:
    """The short list that comes with the program, every line marked as a sample."""
    return [resource(_sample(entry)) for entry in codes.medicines_sample()]


def _sample(entry: codes.Code) -> Medicine:
    return Medicine(
        code=entry.code, name=entry.name, strength=entry["strength"], form=entry["form"], unit=entry["unit"],
        route=entry["route"] or "Uống", pack_ml=_decimal(entry["pack_ml"]), kind=entry["kind"] or "C",
        atc=entry["atc"], sample=True,
    )  # fmt: skip


def _rank(one: Medicine, query: str, spelled: str) -> tuple[bool, str, Decimal]:
    first = query.split(maxsplit=1)[0]
    starts = fold(one.name).startswith(first) or ingredients.key(one.name).startswith(spelled.split(maxsplit=1)[0])
    number = _STRENGTH.search(one.strength)
    return not starts, fold(one.name), Decimal(number[1].replace(",", ".")) if number else Decimal(0)


def _own(medicine: Medicine) -> list[r4.Extension]:
    values = {
        "name": medicine.name, "brand": medicine.brand, "strength": medicine.strength, "unit": medicine.unit,
        "route": medicine.route, "kind": medicine.kind, "sample": "1" if medicine.sample else "",
    }  # fmt: skip
    return [r4.Extension(url=name, valueString=value) for name, value in values.items() if value]


def _own_values(medication: r4.Medication) -> dict[str, str]:
    for extension in medication.extension or []:
        if extension.url == systems.EXTENSION_MEDICINE:
            return {one.url: one.valueString for one in extension.extension or [] if one.url and one.valueString}
    return {}


def _pack(medicine: Medicine) -> r4.Ratio | None:
    if medicine.pack_ml is None:
        return None
    millilitres = r4.Quantity(value=medicine.pack_ml, unit="ml", system=systems.UCUM, code="mL")
    return r4.Ratio(numerator=millilitres, denominator=r4.Quantity(value=Decimal(1), unit=medicine.unit))


def _millilitres(medication: r4.Medication) -> Decimal | None:
    quantity = medication.amount.numerator if medication.amount else None
    return quantity.value if quantity and quantity.code == "mL" else None


def _ratio(strength: tuple[str, str] | None, unit: str) -> r4.Ratio | None:
    number = _decimal(strength[0]) if strength else None
    if strength is None or number is None:
        return None
    return r4.Ratio(
        numerator=r4.Quantity(value=number, unit=strength[1]), denominator=r4.Quantity(value=Decimal(1), unit=unit)
    )


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text.replace(",", "."))
    except InvalidOperation:
        return None
    return number if number.is_finite() and number > 0 else None
