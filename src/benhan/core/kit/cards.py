"""What the scanner at the desk types: citizen cards (CCCD, căn cước), insurance cards (BHYT), booking codes.

Formats as observed on cards (no public standard): CCCD fields divided by "|", at least seven, more since
2024; BHYT paper card with names in hexadecimal UTF-8; card numbers of 15 characters (QĐ 1351/QĐ-BHXH)
or the 10 digits of the BHXH number. Nothing here asks anybody whether the card is real.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from benhan.core.fhir.outcome import Invalid
from benhan.core.kit.clock import fhir_date, fhir_date_bounds, today
from benhan.core.kit.text import fold, nfc, phone_or_none, title_name
from benhan.core.language import _

#: No card says more than this.
LIMIT: Final = 2000
_FIELD_LIMIT: Final = 300

#: Where a booking code stands in the QR of a booking: bare, or the last part of its link. It has capital
#: letters and digits, at least one of each, so that no name and no number is taken for one.
_BOOKING: Final = re.compile(
    r"(?:https?://[^\s?#|]{1,200}/)?(?P<code>(?=[A-Z-]*\d)(?=[\d-]*[A-Z])[A-Z0-9][A-Z0-9-]{4,13}[A-Z0-9])",
    re.ASCII,
)
_CARD: Final = re.compile(r"[A-Z]{2}[1-5]\d{12}", re.ASCII)
_BHXH_NUMBER: Final = re.compile(r"\d{10}", re.ASCII)


class CitizenCard(msgspec.Struct, frozen=True):
    """A CCCD or căn cước. `birth` and `issued` are FHIR dates; `gender` is FHIR's male or female."""

    number: str
    name: str
    birth: str
    gender: str | None
    address: str
    issued: str | None = None
    former_number: str | None = None


class InsuranceCard(msgspec.Struct, frozen=True):
    """A BHYT card, or its number alone. `facility` is the five characters of where care is registered."""

    number: str
    name: str | None = None
    birth: str | None = None
    gender: str | None = None
    address: str | None = None
    facility: str | None = None
    start: str | None = None
    end: str | None = None
    zone: str | None = None
    five_years: str | None = None


class BookingCode(msgspec.Struct, frozen=True):
    """The code of a booking."""

    code: str


def read(text: str) -> CitizenCard | InsuranceCard | BookingCode | None:
    """What the scanned or typed text is; None where it is none of these (a name, a telephone number).

    Raises:
        Invalid: it is a card, but one of its fields cannot be true.
    """
    scanned = nfc(text[: LIMIT + 1])
    if len(scanned) > LIMIT:
        raise Invalid(_("Mã quét quá dài, không phải mã của thẻ."), advice=_("Quét lại mã QR trên thẻ."))
    if "|" in scanned:
        fields = [field.strip()[:_FIELD_LIMIT] for field in scanned.split("|")]
        return _insurance_card(fields) if _is_insurance(fields) else _citizen_card(fields)
    typed = scanned.upper().replace(" ", "").replace("-", "")
    if _CARD.fullmatch(typed) or (_BHXH_NUMBER.fullmatch(typed) and phone_or_none(typed) is None):
        return InsuranceCard(number=typed)
    found = _BOOKING.fullmatch(scanned.strip())
    return BookingCode(found["code"]) if found else None


# Numbers


def citizen_number(text: str, *, where: str | None = None) -> str:
    """A citizen number (CCCD): 12 digits = province of birth registration, century and sex, year, six more.

    Source: TT 59/2021/TT-BCA art. 4; NĐ 137/2015/NĐ-CP art. 13.

    Raises:
        Invalid: not 12 digits, or no province has this code, or a year of birth still to come.
    """
    digits = re.sub(r"[\s.\-]", "", text[:64])
    if not re.fullmatch(r"\d{12}", digits, re.ASCII):
        raise Invalid(_("Số căn cước phải có đúng 12 chữ số."), where=where, advice=_("Kiểm tra lại số trên thẻ."))
    if int(digits[:3]) not in _PROVINCES:
        raise Invalid(
            _("Số căn cước bắt đầu bằng %(digits)s: không có mã tỉnh này.", digits=digits[:3]),
            where=where,
            advice=_("Kiểm tra lại ba số đầu."),
        )
    if citizen_birth_year(digits) > today().year:
        raise Invalid(
            _("Số căn cước ghi năm sinh ở tương lai."), where=where, advice=_("Kiểm tra lại số thứ 4 đến số thứ 6.")
        )
    return digits


def citizen_birth_year(number: str) -> int:
    """The year of birth that a citizen number says."""
    return 1900 + int(number[3]) // 2 * 100 + int(number[4:6])


def citizen_gender(number: str) -> str:
    """The sex that a citizen number says: even is male, odd is female."""
    return "female" if int(number[3]) % 2 else "male"


#: Codes of the 63 provinces that citizen numbers begin with, kept after the merger of 2025; and 99, which was
#: never given out: the people of the demo have it, so that none of them is anybody.
_PROVINCES: Final = frozenset(
    [1, 2, 4, 6, 8, 10, 11, 12, 14, 15, 17, 19, 20, 22, 24, 25, 26, 27, 30, 31, 33, 34, 35, 36, 37, 38, 40, 42,
     44, 45, 46, 48, 49, 51, 52, 54, 56, 58, 60, 62, 64, 66, 67, 68, 70, 72, 74, 75, 77, 79, 80, 82, 83, 84, 86,
     87, 89, 91, 92, 93, 94, 95, 96, 99]
)  # fmt: skip


def insurance_number(text: str, *, where: str | None = None) -> str:
    """A BHYT number: 15 characters "GD4797912345678", or the 10 digits of the BHXH number, or 12 of the CCCD.

    Raises:
        Invalid: none of the three.
    """
    number = re.sub(r"[\s.\-]", "", text[:64]).upper()
    if _CARD.fullmatch(number) or _BHXH_NUMBER.fullmatch(number):
        return number
    if re.fullmatch(r"\d{12}", number, re.ASCII):
        return citizen_number(number, where=where)
    raise Invalid(
        _("Số thẻ BHYT phải có 15 ký tự (ví dụ GD4 79 79 12345678), hoặc 10 số của mã BHXH."),
        where=where,
        advice=_("Kiểm tra lại số trên thẻ."),
    )


# Cards

_GENDERS: Final = {"nam": "male", "nu": "female", "1": "male", "2": "female"}


def _citizen_card(fields: list[str]) -> CitizenCard | None:
    """`cccd|cmnd|HỌ TÊN|ddmmyyyy|Nam/Nữ|địa chỉ|ddmmyyyy`, and whatever follows."""
    if not re.fullmatch(r"\d{9}|\d{12}", fields[0], re.ASCII):
        return None
    if len(fields) < 7:
        raise Invalid(_("Mã QR của căn cước bị thiếu."), advice=_("Quét lại, giữ thẻ thẳng và đủ sáng, hoặc nhập tay."))
    number, former, name, birth, gender, address, issued = fields[:7]
    card = CitizenCard(
        number=citizen_number(number, where="cccd"),
        name=title_name(name),
        birth=_birth(birth),
        gender=_GENDERS.get(fold(gender)),
        address=address,
        issued=_day(issued),
        former_number=former or None,
    )
    if not card.name:
        raise Invalid(_("Mã QR của căn cước không có họ tên."), where="name", advice=_("Quét lại hoặc nhập tay."))
    return card


def _is_insurance(fields: list[str]) -> bool:
    first = fields[0].upper()
    return bool(_CARD.fullmatch(first) or _BHXH_NUMBER.fullmatch(first))


def _insurance_card(fields: list[str]) -> InsuranceCard:
    """Fields of the paper card; what comes after the seventh may be missing."""
    if len(fields) < 7:
        raise Invalid(_("Mã QR của thẻ BHYT bị thiếu."), advice=_("Quét lại hoặc nhập số thẻ."))
    facility = re.sub(r"[^0-9A-Za-z]", "", fields[5]).upper()
    return InsuranceCard(
        number=fields[0].upper(),
        name=title_name(_hex(fields[1])) or None,
        birth=_birth(fields[2]),
        gender=_GENDERS.get(fields[3]),
        address=_hex(fields[4]) or None,
        facility=facility if len(facility) == 5 else None,
        start=_day(fields[6]),
        end=_day(fields[7]) if len(fields) > 7 else None,
        zone=_zone(fields[11]) if len(fields) > 11 else None,
        five_years=_day(fields[12]) if len(fields) > 12 else None,
    )


def _hex(field: str) -> str:
    """Text in hexadecimal UTF-8; a field that is not is taken as it stands: some printers write it plain."""
    try:
        return nfc(bytes.fromhex(field).decode("utf-8"))
    except ValueError:
        return field


def _birth(field: str) -> str:
    """The day of birth as a FHIR date, of which a part may be missing ("00")."""
    known = re.sub(r"^(?:00/?){1,2}(?=\d{2}/?\d{4}$|\d{4}$)", "", field)
    born = fhir_date(f"{known[:2]}/{known[2:]}" if len(known) == 6 else known, where="birth")
    if fhir_date_bounds(born)[0] > today():
        raise Invalid(_("Ngày sinh trên thẻ ở tương lai."), where="birth", advice=_("Kiểm tra lại thẻ."))
    return born


def _day(field: str) -> str | None:
    """A day of issue or validity; None where it is empty or a dash, or not a day."""
    try:
        return fhir_date(field) if field.strip("- ") else None
    except Invalid:
        return None


def _zone(field: str) -> str | None:
    return field if field in {"K1", "K2", "K3"} else None
