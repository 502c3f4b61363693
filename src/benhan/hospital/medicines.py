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
from benhan.core.kit.text import fold
from benhan.core.language import _
from benhan.hospital import ingredients
from benhan.hospital import visit as words

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

#: How many codes one search asks for.
CHUNK: Final = 400
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
    label: str = ""

    @property
    def title(self) -> str:
        """As a prescription names it: "Amoxicilin 500 mg", with a brand "Amoxicilin (Clamoxyl) 500 mg"."""
        if self.label:
            return self.label
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
    """The line of the list that a Medication holds; one written by another program is read as far as it goes."""
    own = _own_values(medication)
    title = words.display_of(medication.code)
    names = " + ".join(words.display_of(one.itemCodeableConcept) for one in medication.ingredient or [])
    form = words.display_of(medication.form)
    return Medicine(
        code=words.identifier(medication, systems.MEDICINE_CODE) or medication.id or "",
        name=own.get("name") or names or title,
        strength=own.get("strength", ""),
        form=form,
        unit=own.get("unit") or _unit_of(medication, form),
        route=own.get("route") or _route_of(form),
        brand=own.get("brand", ""),
        pack_ml=_millilitres(medication),
        kind=own.get("kind", "C"),
        atc=words.code_of(medication.code, systems.ATC) or "",
        sample=any(tag.code == "sample" for tag in (medication.meta.tag if medication.meta else None) or []),
        id=medication.id or "",
        label="" if own.get("name") else title,
    )


def concept(medicine: Medicine) -> r4.CodeableConcept:
    """A medicine as a request names it: code of the list, ATC, ingredients."""
    coding = [r4.Coding(system=systems.MEDICINE_CODE, code=medicine.code, display=medicine.title)]
    if medicine.atc:
        coding.append(r4.Coding(system=systems.ATC, code=medicine.atc))
    coding += [r4.Coding(system=systems.INGREDIENT, code=ingredients.key(name)) for name in medicine.ingredients]
    return r4.CodeableConcept(coding=coding, text=medicine.title)


async def read(tx: Transaction, who: Subject, id_: str) -> Medicine:
    """One medicine of the facility.

    Raises:
        NotFound: there is none with this id, or it is no longer used.
    """
    medication = await store.read(tx, who, r4.Medication, id_)
    if medication.status != "active":
        raise NotFound(_("Thuốc này không còn trong danh mục."), where="medicine")
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
    """Medicines of the facility by their codes, in one question for 400."""
    found: dict[str, Medicine] = {}
    for start in range(0, len(wanted), CHUNK):
        tokens = ",".join(f"{systems.MEDICINE_CODE}|{escaped(code)}" for code in wanted[start : start + CHUNK])
        page = await store.search(tx, who, r4.Medication, {"identifier": tokens, "_count": str(CHUNK)})
        found |= {one.code: one for one in map(of, page.resources)}
    return found


def escaped(token: str) -> str:
    """A value as a search takes it: its commas are no separators."""
    return token.replace(",", "\\,")


def _rank(one: Medicine, query: str, spelled: str) -> tuple[bool, bool, bool, str, Decimal]:
    """What begins as was typed first; tablets before liquids; infusions, which nobody takes home, last."""
    first = query.split(maxsplit=1)[0]
    starts = fold(one.name).startswith(first) or ingredients.key(one.name).startswith(spelled.split(maxsplit=1)[0])
    number = _STRENGTH.search(one.strength)
    strength = Decimal(number[1].replace(",", ".")) if number else Decimal(0)
    return not starts, one.route.startswith(("Tiêm", "Truyền")), one.unit != "viên", fold(one.name), strength


def _own(medicine: Medicine) -> list[r4.Extension]:
    values = {
        "name": medicine.name, "brand": medicine.brand, "strength": medicine.strength, "unit": medicine.unit,
        "route": medicine.route, "kind": medicine.kind,
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


#: Words of a dosage form → what is counted, how it is given. The first that fits.
_FORMS: Final = (
    ("nho mat", "lọ", "Nhỏ mắt"), ("nho mui", "lọ", "Nhỏ mũi"), ("nho tai", "lọ", "Nhỏ tai"),
    ("xit mui", "lọ xịt", "Xịt"), ("khi dung", "ống", "Khí dung"), ("xit", "bình xịt", "Hít"), ("hit", "bình", "Hít"),
    ("suc mieng", "chai", "Súc miệng"),
    ("kem", "tuýp", "Bôi"), ("gel", "tuýp", "Bôi"), ("mo boi", "tuýp", "Bôi"), ("vien dat", "viên", "Đặt"),
    ("bot", "gói", "Uống"), ("com", "gói", "Uống"), ("siro", "chai", "Uống"), ("hon dich", "chai", "Uống"),
    ("dung dich", "chai", "Uống"), ("tiem", "ống", "Tiêm"), ("vien", "viên", "Uống"),
)  # fmt: skip


def _unit_of(medication: r4.Medication, form: str) -> str:
    if medication.amount and medication.amount.denominator and medication.amount.denominator.unit:
        return medication.amount.denominator.unit
    folded = fold(form)
    return next((unit for word, unit, _route in _FORMS if word in folded), "viên")


def _route_of(form: str) -> str:
    folded = fold(form)
    return next((route for word, _unit, route in _FORMS if word in folded), "Uống")


def _millilitres(medication: r4.Medication) -> Decimal | None:
    quantity = medication.amount.numerator if medication.amount else None
    return quantity.value if quantity and "mL" in (quantity.code, quantity.unit) else None


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
