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

    `references` hold `Type/id`, or a URL as written when it is absolute; `identifiers` what a Reference says instead
    (`subject:identifier`). `texts` is what a token says in words (`:text`). Numbers and quantities are from lo to hi,
    both included; None is an open end. A composite is what each of its components finds in one place.
    """

    tokens: list[tuple[int, str | None, str | None]] = []
    identifiers: list[tuple[int, str | None, str]] = []
    typed: list[tuple[int, str | None, str, str]] = []
    references: list[tuple[int, str]] = []
    strings: list[tuple[int, str]] = []
    texts: list[tuple[int, str]] = []
    dates: list[tuple[int, datetime, datetime]] = []
    numbers: list[tuple[int, Decimal | None, Decimal | None]] = []
    quantities: list[tuple[int, Decimal | None, Decimal | None, str | None, str | None]] = []
    uris: list[tuple[int, str]] = []
    composites: list[tuple[int, tuple[Index, ...]]] = []


Emit = Callable[[Index, int, Any], None]

#: Words of a comparator: the value is only one end.
_BELOW, _ABOVE = ("<", "<="), (">", ">=")
#: A measured curve longer than this is indexed by its limits only.
MAX_SAMPLES = 20_000

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
    if value.display is not None:
        index.texts.append((number, value.display))


def _concept(index: Index, number: int, value: r4.CodeableConcept) -> None:
    for coding in value.coding or ():
        _coding(index, number, coding)
    if value.text is not None:
        index.texts.append((number, value.text))


def _identifier(index: Index, number: int, value: r4.Identifier) -> None:
    """By its value; by its type and value (`:of-type`); by the words of its type (`:text`)."""
    if value.value is not None:
        index.tokens.append((number, value.system, value.value))
    if value.type is not None:
        for coding in value.type.coding or ():
            if coding.code is not None and value.value is not None:
                index.typed.append((number, coding.system, coding.code, value.value))
        if value.type.text is not None:
            index.texts.append((number, value.type.text))


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
    if value.identifier is not None and value.identifier.value is not None:
        index.identifiers.append((number, value.identifier.system, value.identifier.value))


def _attachment_reference(index: Index, number: int, value: r4.Attachment) -> None:
    if value.url is not None:
        index.references.append((number, value.url))


def _resource_reference(index: Index, number: int, value: Any) -> None:
    """A resource that stands in the place of a reference (`Bundle.entry[0].resource`)."""
    if value.id is not None:
        index.references.append((number, f"{type(value).__name__}/{value.id}"))


def _canonical(index: Index, number: int, value: str) -> None:
    """A canonical is found with and without its version; one that points into its own record is nothing."""
    if value.startswith("#"):
        return
    index.references.append((number, value))
    if "|" in value:
        index.references.append((number, value.partition("|")[0]))


def _string(index: Index, number: int, value: str) -> None:
    index.strings.append((number, value))


def _name(index: Index, number: int, value: r4.HumanName) -> None:
    """The whole name in the Vietnamese order (family first), then its parts."""
    given = [part for part in value.given or () if part]  # null may hold a place
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
    exact = Decimal(value)
    index.numbers.append((number, exact, exact))


def _number_range(index: Index, number: int, value: r4.Range) -> None:
    low, high = (end.value if end else None for end in (value.low, value.high))
    if low is not None or high is not None:
        index.numbers.append((number, low, high))


def _quantity(index: Index, number: int, value: r4.Quantity) -> None:
    """By its code; a quantity that has only a printed unit is found by that. “< 5” reaches down without end."""
    amount = value.value
    if amount is None:
        return
    low = None if value.comparator in _BELOW else amount
    high = None if value.comparator in _ABOVE else amount
    index.quantities.append((number, low, high, value.system, value.code or value.unit))


def _money(index: Index, number: int, value: r4.Money) -> None:
    if value.value is not None:
        index.quantities.append((number, value.value, value.value, "urn:iso:std:iso:4217", value.currency))


def _range(index: Index, number: int, value: r4.Range) -> None:
    """From the low to the high end; both have one unit (FHIR, rng-2)."""
    low, high = value.low, value.high
    unit = low or high
    if unit is not None and (unit.value is not None or (high is not None and high.value is not None)):
        ends = (low.value if low else None, high.value if high else None)
        index.quantities.append((number, *ends, unit.system, unit.code or unit.unit))


def _samples(index: Index, number: int, value: r4.SampledData) -> None:
    """From the least to the greatest measured value."""
    measured = _measured(value)
    low = min(measured, default=value.lowerLimit)
    high = max(measured, default=value.upperLimit)
    if low is not None or high is not None:
        index.quantities.append((number, low, high, value.origin.system, value.origin.code or value.origin.unit))


def _measured(value: r4.SampledData) -> list[Decimal]:
    """The values of a curve, corrected by factor and origin; E, U and L are no values."""
    words = value.data.split(" ", MAX_SAMPLES)[:MAX_SAMPLES] if value.data else []
    factor, origin = value.factor or Decimal(1), value.origin.value or Decimal(0)
    found = []
    for word in words:
        if word not in ("E", "U", "L", ""):
            try:
                found.append(Decimal(word) * factor + origin)
            except ArithmeticError:
                return []
    return found


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
    ("reference", "Attachment"): _attachment_reference,
    ("reference", "Resource"): _resource_reference,
    **{("reference", kind): _canonical for kind in ("uri", "url", "canonical")},
    **{("string", kind): _string for kind in _TEXTS},
    ("string", "HumanName"): _name,
    ("string", "Address"): _address,
    ("string", "CodeableConcept"): _concept_text,
    **{("date", kind): _dates(moment_range) for kind in ("date", "dateTime", "instant")},
    ("date", "Period"): _dates(period_range),
    ("date", "Timing"): _dates(timing_range),
    ("number", "Range"): _number_range,
    **{("number", kind): _number for kind in ("integer", "decimal", "positiveInt", "unsignedInt")},
    **{("quantity", kind): _quantity for kind in _QUANTITIES},
    ("quantity", "Money"): _money,
    ("quantity", "Range"): _range,
    ("quantity", "SampledData"): _samples,
    **{("uri", kind): _uri for kind in _URIS},
}
