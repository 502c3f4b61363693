"""Code systems whose codes are not listed but built by a grammar: units (UCUM), media types, languages, currencies.

Standard: UCUM 2.1; RFC 2046; BCP 47; ISO 4217.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from benhan.core.fhir import systems, units

_MEDIA: Final = re.compile(r"[a-z]+/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}(\s*;.*)?")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z]{4})?(-([A-Z]{2}|[0-9]{3}))?(-[A-Za-z0-9]{4,8})*")

#: Code system → whether a code is built right.
GRAMMARS: Final[dict[str, Callable[[str], bool]]] = {
    units.SYSTEM: lambda code: units.canonical(code) is not None,
    systems.BCP13: lambda code: _MEDIA.fullmatch(code) is not None,
    "urn:ietf:bcp:47": lambda code: _LANGUAGE.fullmatch(code) is not None,
}
