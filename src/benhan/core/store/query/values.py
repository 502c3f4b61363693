"""What stands right of the equals sign: alternatives, escapes, prefixes, numbers to their precision. Pure.

Standard: HL7 FHIR R4, 3.1.1.4.1 (prefixes), 3.1.1.4.6 (number), 3.1.1.4.8 (quantity), 3.1.1.5 (escaping).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from benhan.core.fhir.moments import moment_range
from benhan.core.fhir.outcome import Malformed
from benhan.core.kit.text import fold
from benhan.core.language import _
from benhan.core.store.query.clauses import PREFIXES
from benhan.core.store.rows import WORD_LIMIT

MAX_VALUES = 500
MAX_WORDS = 20
_NUMBER = re.compile(r"([+-]?)(\d{1,30})(?:\.(\d{1,30}))?(?:[eE]([+-]?\d{1,3}))?", re.ASCII)
_ESCAPED = re.compile(r"\\([\\,|$])")
#: `ap` means within a tenth: of the number, or of the time between then and now.
ABOUT = 10
LARGEST = 1e300


class Amount(NamedTuple):
    """A searched number: its prefix, itself, and the range it stands for by the digits written."""

    prefix: str
    exact: Decimal
    lo: Decimal
    hi: Decimal


def pieces(text: str, separator: str) -> list[str]:
    """Cut at a separator that is not escaped; the pieces keep their escapes."""
    found, start, n = [], 0, 0
    while n < len(text):
        if text[n] == "\\":
            n += 2
            continue
        if text[n] == separator:
            found.append(text[start:n])
            start = n + 1
        n += 1
    return [*found, text[start:]]


def plain(text: str) -> str:
    """Without escapes: `\\,` is a comma, `\\|` a bar, `\\$` a dollar, `\\\\` a backslash."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def alternatives(name: str, text: str) -> list[str]:
    """The values between commas, escapes kept.

    Raises:
        Malformed: too many, or an empty one.
    """
    values = pieces(text, ",")
    if len(values) > MAX_VALUES:
        raise Malformed(
            _("Quá %(n)s giá trị.", n=MAX_VALUES),
            where=name[:60],
            code="too-costly",
            advice=_("Chia thành nhiều lần tìm."),
        )
    if "" in values:
        raise Malformed(_("Điều kiện %(name)s có giá trị trống.", name=name[:60]), where=name[:60])
    return values


def token(name: str, text: str) -> str:
    """What a token row is the hash of: `code`, `system|code`, `|code` (no system) or `system|` (any code of it).

    Raises:
        Malformed: two bars, or nothing at all.
    """
    parts = [plain(part) for part in pieces(text, "|")]
    if len(parts) > 2 or not any(parts):
        raise Malformed(_("“%(given)s” không có dạng mã hoặc hệ|mã.", given=text[:60]), where=name[:60])
    return "|".join(parts)


def words(name: str, text: str) -> list[str]:
    """The folded words of a text.

    Raises:
        Malformed: none, or too many.
    """
    found = [word[:WORD_LIMIT] for word in fold(plain(text)).split()]
    if not found or len(found) > MAX_WORDS:
        raise Malformed(_("Điều kiện %(name)s cần từ 1 đến %(n)s chữ.", name=name[:60], n=MAX_WORDS), where=name[:60])
    return found


def prefixed(name: str, text: str) -> tuple[str, str]:
    """`ge2026` → ("ge", "2026"); no prefix is `eq`.

    Raises:
        Malformed: a prefix that does not exist.
    """
    if len(text) < 2 or not text[:2].isalpha():
        return "eq", text
    if text[:2] not in PREFIXES:
        raise Malformed(
            _("“%(given)s” có tiền tố so sánh không đúng.", given=text[:40]), where=name[:60],
            advice=_("Dùng eq, ne, gt, lt, ge, le, sa, eb hoặc ap."),
        )  # fmt: skip
    return text[:2], text[2:]


def span(name: str, text: str) -> tuple[str, datetime, datetime]:
    """A searched date as prefix and half-open range; `ap` is a tenth of the time to now wider at both ends.

    Raises:
        Malformed: it is none.
    """
    prefix, rest = prefixed(name, plain(text))
    lo, hi = moment_range(rest.replace(" ", "+"))
    if prefix == "ap":
        wider = abs(datetime.now(UTC) - lo) / ABOUT
        try:
            lo, hi = lo - wider, hi + wider
        except OverflowError:
            lo, hi = datetime.min.replace(tzinfo=UTC) + timedelta(1), datetime.max.replace(tzinfo=UTC) - timedelta(1)
    return prefix, lo, hi


def amount(name: str, text: str) -> Amount:
    """A searched number: `5.40` stands for 5.395 up to 5.405, `1e2` for 95 up to 105 (both as the standard prints).

    Raises:
        Malformed: it is no number, or larger than any quantity.
    """
    prefix, rest = prefixed(name, text)
    found = _NUMBER.fullmatch(rest.replace(" ", "+"))
    if not found:
        raise Malformed(_("“%(given)s” không phải số hợp lệ.", given=text[:40]), where=name[:60], code="value")
    exact = Decimal(rest.replace(" ", "+"))
    if abs(exact) > Decimal(LARGEST):
        raise Malformed(_("Số %(given)s quá lớn.", given=text[:40]), where=name[:60], code="value")
    if prefix == "ap":
        half = abs(exact) / ABOUT
    else:
        power = int(exact.as_tuple().exponent)
        half = Decimal(5).scaleb(power - (2 if power > 0 else 1))
    return Amount(prefix, exact, exact - half, exact + half)


def truth(name: str, text: str) -> bool:
    """`true` or `false`.

    Raises:
        Malformed: anything else.
    """
    if text not in ("true", "false"):
        raise Malformed(_("%(name)s cần true hoặc false.", name=name[:60]), where=name[:60])
    return text == "true"


def whole(name: str, text: str) -> int:
    """A whole number, not negative.

    Raises:
        Malformed: it is none.
    """
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise Malformed(_("%(name)s cần một số nguyên không âm.", name=name[:60]), where=name[:60])
    return int(text)
