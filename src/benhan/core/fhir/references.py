"""Where a Reference may point: the type in `Type/id` must be one the element allows.

Standard: FHIR R4, section 2.3.0 (references). A URN, a `#contained` id or an unknown URL is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from benhan.core.fhir import r4
from benhan.core.language import _

_TYPES = frozenset(kind.__name__ for kind in r4.RESOURCES)
_LOCAL = re.compile(r"([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(/_history/[A-Za-z0-9\-.]{1,64})?")
_ABSOLUTE = re.compile(r"https?://.*/([A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(/_history/[A-Za-z0-9\-.]{1,64})?")


def target_check(targets: tuple[str, ...]) -> Callable[[r4.Reference], str | None]:
    """A check of one Reference; no `targets` means any resource type."""
    allowed = frozenset(targets)

    def check(value: r4.Reference) -> str | None:
        kind = pointed_type(value.reference) if value.reference else value.type
        if kind is None:
            return None
        if kind == "":
            return _("tham chiếu “%(said)s” phải có dạng Loại/id", said=value.reference)
        if kind not in _TYPES:
            return _("không có loại tài nguyên “%(kind)s”", kind=kind) if value.reference else None
        if allowed and kind not in allowed:
            types = ", ".join(sorted(allowed))
            return _("chỉ được tham chiếu tới %(types)s, không phải %(kind)s", types=types, kind=kind)
        return None

    return check


def pointed_type(text: str) -> str | None:
    """The type a reference names; "" when it is malformed, None when it does not say."""
    if found := _LOCAL.fullmatch(text):
        return found.group(1)
    if text.startswith("#"):
        return None
    if found := _ABSOLUTE.fullmatch(text):
        return found.group(1) if found.group(1) in _TYPES else None
    return None if ":" in text else ""
