"""Whether a primitive is written as its FHIR type says; each check gives None or what is wrong.

Answers are remembered, so a text is only marked (`later`); whoever reports it translates it.
Standard: FHIR R4, section 2.24.0.1 (primitive types). Real calendar dates only: 2026-02-30 is refused.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import lru_cache

from benhan.core.fhir.narrative import narrative
from benhan.core.language import _, later

Check = Callable[[str], str | None]

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_ZONE = r"(?:Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d{1,9})?"
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_DATE_TIME = re.compile(rf"(\d{{4}})(?:-(\d\d)(?:-(\d\d)(?:T{_TIME}{_ZONE})?)?)?", re.ASCII)
_INSTANT = re.compile(rf"(\d{{4}})-(\d\d)-(\d\d)T{_TIME}{_ZONE}", re.ASCII)
_MAX_DIGITS = 400
_SPACES = re.compile(r"\s")


def text(value: str) -> str | None:
    """Not blank, and without control characters (PostgreSQL and printers choke on them)."""
    if not value or value.isspace():
        return later("chuỗi rỗng")
    if not value.isprintable() and _CONTROL.search(value):
        return later("chuỗi chứa ký tự điều khiển")
    return None


def _pattern(expression: str, message: str) -> Check:
    matches = re.compile(expression, re.ASCII).fullmatch

    @lru_cache(maxsize=4096)
    def check(value: str) -> str | None:
        return None if matches(value) else message

    return check


def _calendar(pattern: re.Pattern[str], message: str) -> Check:
    @lru_cache(maxsize=4096)
    def check(value: str) -> str | None:
        found = pattern.fullmatch(value)
        if not found:
            return message
        year, month, day = found.groups()
        try:
            date(int(year), int(month or 1), int(day or 1))
        except ValueError:
            return later("ngày không có trong lịch")
        return None

    return check


@lru_cache(maxsize=4096)
def uri(value: str) -> str | None:
    """Anything without spaces: FHIR asks no more of a URI."""
    return later("URI không được chứa khoảng trắng") if not value or _SPACES.search(value) else None


def base64(value: str) -> str | None:
    """Padded base64; line breaks are allowed."""
    try:
        binascii.a2b_base64(_SPACES.sub("", value).encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        return later("không phải base64 hợp lệ")
    return None


def decimal(value: Decimal) -> str | None:
    """At most 400 digits on each side of the point: more is no measurement, and would cost memory when written out."""
    _sign, digits, exponent = value.as_tuple()
    if len(digits) > _MAX_DIGITS or not -_MAX_DIGITS <= int(exponent) <= _MAX_DIGITS:
        return _("số thập phân quá %(n)s chữ số", n=_MAX_DIGITS)
    return None


_DATES = later("ngày viết dạng 2026, 2026-11 hoặc 2026-11-21")
_MOMENTS = later("thời điểm viết dạng 2026-11-21 hoặc 2026-11-21T07:30:00+07:00 (có giây và múi giờ)")
_INSTANTS = later("thời điểm phải đủ ngày, giờ, giây và múi giờ, ví dụ 2026-11-21T07:30:00+07:00")

code: Check = lru_cache(maxsize=4096)(
    lambda value: (
        text(value)
        if value == value.strip() and "  " not in value and not re.search(r"[\t\r\n]", value)
        else later("mã không có khoảng trắng ở đầu, cuối hay hai khoảng trắng liền nhau")
    )
)

FORMATS: dict[str, Check] = {
    "string": text,
    "markdown": text,
    "code": code,
    "id": _pattern(r"[A-Za-z0-9\-.]{1,64}", later("id gồm 1–64 chữ, số, dấu - hoặc dấu chấm")),
    "uri": uri,
    "url": uri,
    "canonical": uri,
    "oid": _pattern(r"urn:oid:[0-2](\.(0|[1-9]\d*))+", later("OID viết dạng urn:oid:1.2.3")),
    "uuid": _pattern(
        r"urn:uuid:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", later("UUID viết dạng urn:uuid:…")
    ),
    "date": _calendar(_DATE, _DATES),
    "dateTime": _calendar(_DATE_TIME, _MOMENTS),
    "instant": _calendar(_INSTANT, _INSTANTS),
    "time": _pattern(_TIME, later("giờ viết dạng 07:30:00")),
    "base64Binary": base64,
    "xhtml": narrative,
}

#: Value sets that are open: a pattern stands for their codes.
OPEN_SETS: dict[str, Check] = {
    "currency": _pattern(r"[A-Z]{3}", later("mã tiền tệ ISO 4217 gồm ba chữ hoa, ví dụ VND")),
    "mimetype": _pattern(r"[^\s/]+(/[^\s/]+.*)?", later("kiểu nội dung viết dạng application/pdf")),
    "ucum": _pattern(r"\S+", later("đơn vị UCUM không có khoảng trắng")),
}
