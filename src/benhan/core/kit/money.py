"""Đồng and quantities, in figures and in words, as invoices and prescriptions must carry them.

Amounts are whole đồng (int). Rules of reading: "mốt", "tư", "lăm" after a ten, "linh" for an empty ten,
"không trăm" inside a number. Quantities below 10 are printed with a zero before them (TT 26/2025/TT-BYT).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from benhan.core.fhir.outcome import Invalid
from benhan.core.language import _

_DIGITS: Final = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
_GROUPS: Final = ("", "nghìn", "triệu")

#: Largest number that is put in words: one billion billions less one.
LIMIT: Final = 10**18 - 1


def figures(amount: int) -> str:
    """A whole number with dots between thousands: 1234567 → "1.234.567"."""
    return f"{amount:,}".replace(",", ".")


def vnd(amount: int) -> str:
    """An amount of đồng in figures: "1.234.567 ₫"."""
    return f"{figures(amount)}\u00a0₫"


def vnd_in_words(amount: int) -> str:
    """An amount of đồng in words, with a capital: "Một triệu hai trăm ba mươi tư nghìn … đồng".

    Raises:
        Invalid: longer than 18 digits.
    """
    words = f"{number_in_words(amount)} đồng"
    return words[0].upper() + words[1:]


def number_in_words(number: int) -> str:
    """A whole number in words, small letters: 105 → "một trăm linh năm".

    Raises:
        Invalid: longer than 18 digits.
    """
    if abs(number) > LIMIT:
        raise Invalid(_("Số quá lớn để đọc thành chữ."), advice=_("Kiểm tra lại số tiền."))
    if number < 0:
        return f"âm {number_in_words(-number)}"
    return " ".join(_read(number)) if number else _DIGITS[0]


def quantity(number: int | Decimal) -> str:
    """A quantity on a prescription: "05" below ten, so that no digit can be put before it; "0,5"; "20"."""
    if number == int(number):
        whole = int(number)
        return f"{whole:02d}" if 0 <= whole < 10 else figures(whole)
    before, _, after = f"{number:f}".rstrip("0").partition(".")
    return f"{figures(int(before))},{after}"


def quantity_in_words(number: int | Decimal) -> str:
    """A quantity in words with a capital, as narcotics need it: "Năm", "Không phẩy năm"."""
    whole, _, part = f"{Decimal(number):f}".partition(".")
    words = number_in_words(int(whole))
    if part := part.rstrip("0"):
        words += " phẩy " + " ".join(_DIGITS[int(digit)] for digit in part)
    return words[0].upper() + words[1:]


def parse_vnd(text: str, *, where: str | None = None) -> int:
    """An amount typed by a person: "1.234.567 ₫", "1234567", "1 234 567 đ".

    Raises:
        Invalid: not an amount of whole đồng of at most 15 digits.
    """
    bare = re.sub(r"(?:đồng|vnđ|vnd|₫|đ)\s*$", "", text[:40].strip().lower()).strip()
    if not re.fullmatch(r"\d{1,3}(?:([., \u00a0])\d{3})(?:\1\d{3})*|\d{1,15}", bare, re.ASCII):
        raise Invalid(
            _("Số tiền “%(value)s” không đúng.", value=text[:40].strip()),
            where=where,
            advice=_("Nhập số đồng, ví dụ 150.000."),
        )
    return int(re.sub(r"\D", "", bare))


def _read(number: int) -> list[str]:
    """Words of a positive number: billions as a number of their own, then millions, thousands, ones."""
    words: list[str] = []
    billions, rest = divmod(number, 10**9)
    if billions:
        words = [*_read(billions), "tỷ"]
    for power in (2, 1, 0):
        group = rest // 1000**power % 1000
        if group:
            words += _read_group(group, inside=bool(words))
            words += [_GROUPS[power]] if power else []
    return words


def _read_group(group: int, *, inside: bool) -> list[str]:
    """Words of 1 to 999; inside a longer number the hundred is always said."""
    hundred, ten, one = group // 100, group // 10 % 10, group % 10
    words = [_DIGITS[hundred], "trăm"] if hundred or inside else []
    if ten == 0:
        return words + ([*(["linh"] if words else []), _DIGITS[one]] if one else [])
    words += ["mười"] if ten == 1 else [_DIGITS[ten], "mươi"]
    if one:
        words.append(_unit_after_ten(ten, one))
    return words


def _unit_after_ten(ten: int, one: int) -> str:
    special = {5: "lăm"} if ten == 1 else {1: "mốt", 4: "tư", 5: "lăm"}
    return special.get(one, _DIGITS[one])
