"""Values to index rows: what each FHIR type gives a token, string, date, reference, number or URI search.

Standard: FHIR R4, section 3.1.1.4 (search parameter types and the data types they apply to).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from benhan.core.fhir import r4
from benhan.core.fhir.moments import Range, moment_range, period_range, timing_range


class Index(msgspec.Struct, kw_only=True):
    """The index rows of one resource; the first member of each is the parameter's number.

    `references` hold `Type/id`, or a URL as written when it is absolute. The token of an identifier in a
    Reference stands in `tokens` under the number of the reference parameter (`subject:identifier`).
    """

    tokens: list[tuple[int, str | None, str | None]] = []
    references: list[tuple[int, str]] = []
    strings: list[tuple[int, str]] = []
    dates: list[tuple[int, datetime, datetime]] = []
    numbers: list[tuple[int, Decimal]] = []
    quantities: list[tuple[int, Decimal, str | None, str | None]] = []
    uris: list[tuple[int, str]] = []


Emit = Callable[[Index, int, Any], None]

_QUANTITIES = ("Quantity", "Age", "Count", "Distance", "Duration")
_URIS = ("uri", "url", "canonical", "oid", "uuid")
_TEXTS = ("string", "markdown", "code", "id", *_URIS)


def emitter(kind: str, fhir_type: str) -> Emit | None:
    """How a value of `fhir_type` is indexed for a parameter of `kind`; None when it is not."""
    return _EMITTERS.get((kind, fhir_type))


def relative_reference(text: str) -> str | None:
    """`Patient/1/_history/3` → `Patient/1`; absolute URLs keep their base; `#contained` gives None."""
    if text.startswith("#"):
        return None
    return text.partition("/_history/")[0]


def _coding(index: Index, number: int, value: r4.Coding) -> None:
    if value.code is not None:
        index.tokens.append((number, value.system, value.code))


def _concept(index: Index, number: int, value: r4.CodeableConcept) -> None:
    for coding in value.coding or ():
        _coding(index, number, coding)


def _identifier(index: Index, number: int, value: r4.Identifier) -> None:
    if value.value is not None:
        index.tokens.append((number, value.system, value.value))


def _contact(index: Index, number: int, value: r4.ContactPoint) -> None:
    if value.value is not None:
        index.tokens.append((number, None, value.value))


def _code(index: Index, number: int, value: str) -> None:
    index.tokens.append((number, None, value))


def _boolean(index: Index, number: int, value: bool) -> None:
    index.tokens.append((number, None, "true" if value else "false"))


def _reference(index: Index, number: int, value: r4.Reference) -> None:
    if value.reference is not None and (target := relative_reference(value.reference)):
        index.references.append((number, target))
    if value.identifier is not None:
        _identifier(index, number, value.identifier)


def _canonical(index: Index, number: int, value: str) -> None:
    """A canonical is found with and without its version."""
    index.references.append((number, value))
    if "|" in value:
        index.references.append((number, value.partition("|")[0]))


def _string(index: Index, number: int, value: str) -> None:
    index.strings.append((number, value))


def _name(index: Index, number: int, value: r4.HumanName) -> None:
    """The whole name in the Vietnamese order (family first), then its parts."""
    given = value.given or []
    whole = value.text or " ".join([*([value.family] if value.family else []), *given])
    parts = [whole, value.family, *given, *(value.prefix or ()), *(value.suffix or ())]
    index.strings.extend((number, part) for part in parts if part)


def _address(index: Index, number: int, value: r4.Address) -> None:
    parts = [value.text, *(value.line or ()), value.city, value.district, value.state]
    parts += [value.postalCode, value.country]
    index.strings.extend((number, part) for part in parts if part)


def _concept_text(index: Index, number: int, value: r4.CodeableConcept) -> None:
    parts = [value.text, *(coding.display for coding in value.coding or ())]
    index.strings.extend((number, part) for part in parts if part)


def _dates(read: Callable[[Any], Range | None]) -> Emit:
    def emit(index: Index, number: int, value: Any) -> None:
        if found := read(value):
            index.dates.append((number, *found))

    return emit


def _number(index: Index, number: int, value: int | Decimal) -> None:
    index.numbers.append((number, Decimal(value)))


def _quantity(index: Index, number: int, value: r4.Quantity) -> None:
    """By its code; a quantity that has only a printed unit is found by that."""
    if value.value is not None:
        index.quantities.append((number, value.value, value.system, value.code or value.unit))


def _money(index: Index, number: int, value: r4.Money) -> None:
    if value.value is not None:
        index.quantities.append((number, value.value, "urn:iso:std:iso:4217", value.currency))


def _range(index: Index, number: int, value: r4.Range) -> None:
    """Both ends, so that a search for either finds it."""
    for end in (value.low, value.high):
        if end is not None:
            _quantity(index, number, end)


def _uri(index: Index, number: int, value: str) -> None:
    index.uris.append((number, value))


_EMITTERS: dict[tuple[str, str], Emit] = {
    ("token", "Coding"): _coding,
    ("token", "CodeableConcept"): _concept,
    ("token", "Identifier"): _identifier,
    ("token", "ContactPoint"): _contact,
    ("token", "boolean"): _boolean,
    **{("token", kind): _code for kind in _TEXTS},
    ("reference", "Reference"): _reference,
    **{("reference", kind): _canonical for kind in ("uri", "url", "canonical")},
    **{("string", kind): _string for kind in _TEXTS},
    ("string", "HumanName"): _name,
    ("string", "Address"): _address,
    ("string", "CodeableConcept"): _concept_text,
    **{("date", kind): _dates(moment_range) for kind in ("date", "dateTime", "instant")},
    ("date", "Period"): _dates(period_range),
    ("date", "Timing"): _dates(timing_range),
    **{("number", kind): _number for kind in ("integer", "decimal", "positiveInt", "unsignedInt")},
    **{("quantity", kind): _quantity for kind in _QUANTITIES},
    ("quantity", "Money"): _money,
    ("quantity", "Range"): _range,
    **{("uri", kind): _uri for kind in _URIS},
}
