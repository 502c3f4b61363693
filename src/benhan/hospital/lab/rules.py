"""Values as they are typed: what counts as a result, what cannot be, how it stands to what is normal. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from benhan.core.fhir.outcome import Invalid
from benhan.core.kit.codes import Analyte, Range
from benhan.core.kit.text import fold
from benhan.core.language import _, later

#: HL7 v3 ObservationInterpretation → what it is called.
FLAGS: Final = {
    "N": later("Bình thường"),
    "L": later("Thấp"),
    "H": later("Cao"),
    "LL": later("Thấp nguy kịch"),
    "HH": later("Cao nguy kịch"),
    "A": later("Bất thường"),
}
#: These must reach the doctor by voice at once. Source: TT 49/2018/TT-BYT; ISO 15189:2022, 7.4.1.3.
CRITICAL: Final = frozenset({"LL", "HH"})

#: What no living person's sample can give, in the unit of the analyte: taken for a slip of the keys and refused.
#: From the extremes that case reports describe, widened; the measuring ranges of analysers are narrower.
POSSIBLE: Final[Mapping[str, tuple[str, str]]] = {
    "6690-2": ("0", "1000"), "789-8": ("0.2", "12"), "718-7": ("5", "300"), "4544-3": ("2", "90"),
    "787-2": ("30", "200"), "785-6": ("5", "70"), "786-4": ("100", "600"), "788-0": ("5", "60"),
    "777-3": ("0", "6000"), "30341-2": ("0", "200"), "14749-6": ("0.1", "120"), "14743-9": ("0.1", "60"),
    "4548-4": ("2", "25"), "22664-7": ("0.1", "150"), "14682-9": ("5", "5000"), "14933-6": ("5", "3000"),
    "2951-2": ("80", "220"), "2823-3": ("0.8", "15"), "2075-0": ("40", "180"), "2000-8": ("0.3", "6"),
    "1995-0": ("0.1", "4"), "14631-6": ("0", "1500"), "14629-0": ("0", "1200"), "1751-7": ("3", "80"),
    "2885-2": ("10", "200"), "14647-2": ("0.2", "50"), "14927-8": ("0.05", "200"), "14646-4": ("0.02", "10"),
    "22748-8": ("0", "40"), "1988-5": ("0", "1000"), "30522-7": ("0", "1000"), "33959-8": ("0", "2000"),
    "3016-3": ("0", "1000"), "14920-3": ("0", "200"), "14928-6": ("0", "100"), "5902-2": ("5", "300"),
    "5894-1": ("0", "250"), "6301-6": ("0.3", "30"), "14979-9": ("5", "400"), "3255-7": ("0", "25"),
    "14798-3": ("0", "500"), "2276-4": ("0", "200000"), "5803-2": ("3", "11"), "5811-5": ("1", "1.1"),
}  # fmt: skip
#: Enzymes and markers of the heart: anything up to this.
MOST: Final = Decimal(500_000)

_NUMBER: Final = re.compile(r"(<=|>=|<|>|≤|≥)?\s*(\d{1,9}(?:[.,]\d{1,6})?)")
_COMPARATORS: Final = {"≤": "<=", "≥": ">="}
_SHORT: Final = {"am": "Âm tính", "-": "Âm tính", "duong": "Dương tính", "+": "Dương tính"}
TEXT_MOST: Final = 500


class Value(msgspec.Struct, frozen=True):
    """One result: a number with the digits typed (and a comparator), one of the choices, or words."""

    number: Decimal | None = None
    comparator: str | None = None
    text: str = ""
    chosen: bool = False

    def shown(self) -> str:
        """As it is typed and read: "5,60", "<0,01", "Âm tính"."""
        if self.number is None:
            return self.text
        return f"{self.comparator or ''}{self.number:f}".replace(".", ",")


def read(written: str, analyte: Analyte | None) -> Value | None:
    """What was typed as a result of this analyte (None: a service without a table); None where nothing was typed.

    Raises:
        Invalid: not a number, not one of the choices, or nothing that a sample can give.
    """
    typed = " ".join(written.split())
    if not typed:
        return None
    if len(typed) > TEXT_MOST:
        raise Invalid(_("Dài quá: tối đa %(n)s ký tự", n=TEXT_MOST))
    if analyte is not None and analyte.choices:
        return Value(text=_choice(typed, analyte), chosen=True)
    match = _NUMBER.fullmatch(typed)
    if match is None:
        return _words(typed, analyte)
    sign, number = match[1], Decimal(match[2].replace(",", "."))
    if analyte is not None:
        _must_be_possible(number, analyte)
    return Value(number, _COMPARATORS.get(sign, sign) if sign else None)


def flag(value: Value, analyte: Analyte | None, sex: str | None, age_months: int | None) -> str | None:
    """N, L, H, LL, HH or A; None where nothing is known about what is normal, or a "<" leaves it open."""
    if analyte is None:
        return None
    if value.chosen:
        return "A" if analyte.expected and value.text not in analyte.expected else "N" if analyte.expected else None
    bounds = analyte.range_for(sex, age_months) if age_months is not None else None
    if value.number is None or bounds is None:
        return None
    if value.comparator is None:
        return bounds.flag(value.number) or "N"
    return _bounded(value.number, value.comparator, bounds)


def _choice(typed: str, analyte: Analyte) -> str:
    folded = fold(typed) or typed
    for one in analyte.choices:
        if typed == one or fold(one) == folded:
            return one
    short = _SHORT.get(folded)
    if short in analyte.choices:
        return short
    raise Invalid(_("Chọn một trong: %(choices)s", choices=", ".join(analyte.choices)))


def _words(typed: str, analyte: Analyte | None) -> Value:
    """Words: a result of a free line, or why a measured one has no number ("mẫu vỡ hồng cầu")."""
    if analyte is not None and not (typed[0].isalpha() and sum(letter.isalpha() for letter in typed) > 2):
        raise Invalid(_("Nhập số, ví dụ 5,6 hoặc <0,01; nếu không có kết quả, viết lý do bằng chữ"))
    return Value(text=typed)


def _must_be_possible(number: Decimal, analyte: Analyte) -> None:
    low, high = (Decimal(bound) for bound in POSSIBLE.get(analyte.loinc, ("0", "100" if analyte.unit == "%" else MOST)))
    if not low <= number <= high:
        unit = f" {analyte.unit}" if analyte.unit else ""
        shown = f"{number:f}".replace(".", ",")
        raise Invalid(_("%(value)s%(unit)s không thể có: xem lại dấu phẩy", value=shown, unit=unit))


def _bounded(number: Decimal, comparator: str, bounds: Range) -> str | None:
    """A value known only to lie below or above: what it certainly is."""
    if comparator.startswith("<"):
        if bounds.critical_low is not None and number <= bounds.critical_low:
            return "LL"
        if bounds.low is not None:
            return "L" if number <= bounds.low else None
        return "N" if bounds.high is not None and number <= bounds.high else None
    if bounds.critical_high is not None and number >= bounds.critical_high:
        return "HH"
    if bounds.high is not None:
        return "H" if number >= bounds.high else None
    return "N" if bounds.low is not None and number >= bounds.low else None
