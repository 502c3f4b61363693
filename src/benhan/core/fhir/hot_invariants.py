"""The invariants met in nearly every record, or by the thousand in a definition, by hand.

Key → (elements without which they hold, whether broken).

`tests/core/fhir/test_invariants.py` compares each with its FHIRPath expression.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import regex  # type: ignore[import-untyped]

from benhan.core.fhir.fhirpath import conversions, moments
from benhan.core.fhir.fhirpath.members import descendants

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_ZONE_AT = 19
_NAMED = regex.compile(r"""[^\s\.,:;\'"\/|?!@#$%&*()\[\]{}]""")


def ref_1(struct: Any, _items: Sequence[Any], around: Any) -> bool:
    """`#id` names something that the root contains; `#` alone is the root itself."""
    text = struct.reference
    return text is not None and text[:1] == "#" and len(text) > 1 and text[1:] not in around.contained


def per_1(struct: Any, _items: Sequence[Any], _around: Any) -> bool:
    """A period does not end before it starts."""
    start, end = struct.start, struct.end
    if start is None or end is None or (start <= end and start[_ZONE_AT:] == end[_ZONE_AT:]):
        return False
    try:
        return moments.compare(moments.moment(start), moments.moment(end)) == 1
    except ValueError:
        return False


def dom_2(struct: Any, _items: Sequence[Any], _around: Any) -> bool:
    """What is contained contains nothing."""
    return any(getattr(one, "contained", None) for one in struct.contained)


def dom_3(struct: Any, _items: Sequence[Any], _around: Any) -> bool:
    """What is contained is referred to, or refers to its container; asked of the text, where `#id` stands whole."""
    body = _ENCODER.encode(struct)
    return any(
        one.id and f'"#{one.id}"'.encode() not in body and b'"#"' not in _ENCODER.encode(one)
        for one in struct.contained
    )


def dom_4(struct: Any, _items: Sequence[Any], _around: Any) -> bool:
    """What is contained has no version of its own."""
    return any(one.meta and (one.meta.versionId or one.meta.lastUpdated) for one in struct.contained)


def dom_5(struct: Any, _items: Sequence[Any], _around: Any) -> bool:
    """What is contained has no security label of its own."""
    return any(one.meta and one.meta.security for one in struct.contained)


def _besides(struct: Any, name: str, kinds: frozenset[str]) -> bool:
    """Whether some entry has `name` and should not, or has it not and should."""
    wanted = struct.type in kinds
    return any((getattr(entry, name) is not None) is not wanted for entry in struct.entry)


def bdl_3(struct: Any, _items: Sequence[Any], _around: Any) -> bool:
    """Entries carry a request in batches, transactions and histories only."""
    return struct.type is not None and _besides(struct, "request", _ASKED)


def bdl_4(struct: Any, _items: Sequence[Any], _around: Any) -> bool:
    """Entries carry a response in answers to batches and transactions, and in histories only."""
    return struct.type is not None and _besides(struct, "response", _ANSWERED)


def bdl_7(struct: Any, _items: Sequence[Any], _around: Any) -> bool:
    """No full URL twice for one version, but in a history."""
    if struct.type == "history":
        return False
    named = [(entry.fullUrl, _version(entry.resource)) for entry in struct.entry if entry.fullUrl is not None]
    return len(set(named)) != len(named)


def bdl_8(struct: Any, _items: Sequence[Any], _around: Any) -> bool:
    """A full URL names no version."""
    return struct.fullUrl is not None and "/_history/" in struct.fullUrl


def csd_1(struct: Any, _items: Sequence[Any], _around: Any) -> bool:
    """No code twice in a code system. What is contained may have concepts too (a value set's), and they count."""
    codes = [one.code for one in struct.concept]
    below = descendants([struct]) if struct.contained else _below(struct.concept)
    codes += [inner.code for one in below for inner in getattr(one, "concept", None) or ()]
    codes = [code for code in codes if code is not None]
    return len(set(codes)) != len(codes)


def _below(concepts: Sequence[Any]) -> list[Any]:
    left, found = list(concepts), []
    while left:
        found.append(one := left.pop())
        left += one.concept or ()
    return found


def eld_2(struct: Any, _items: Sequence[Any], _around: Any) -> bool:
    """The least number of an element is not more than the most."""
    if struct.min is None or struct.max is None or struct.max == "*":
        return False
    most = conversions.to_integer(struct.max)
    return most is not None and struct.min > most


def eld_19(struct: Any, _items: Sequence[Any], _around: Any) -> bool:
    """A path has a letter or figure at least: the expression looks for its pattern anywhere in it."""
    return struct.path is not None and _NAMED.search(struct.path) is None


def _version(resource: Any) -> str | None:
    meta = resource.meta if resource is not None else None
    version: str | None = meta.versionId if meta is not None else None
    return version


_ASKED = frozenset({"batch", "transaction", "history"})
_ANSWERED = frozenset({"batch-response", "transaction-response", "history"})

Broken = Callable[[Any, Sequence[Any], Any], bool]
BROKEN: dict[str, tuple[tuple[str, ...], Broken]] = {
    "ref-1": (("reference",), ref_1),
    "per-1": (("start", "end"), per_1),
    "dom-2": (("contained",), dom_2),
    "dom-3": (("contained",), dom_3),
    "dom-4": (("contained",), dom_4),
    "dom-5": (("contained",), dom_5),
    "bdl-3": (("entry",), bdl_3),
    "bdl-4": (("entry",), bdl_4),
    "bdl-7": (("entry",), bdl_7),
    "bdl-8": (("fullUrl",), bdl_8),
    "csd-1": (("concept",), csd_1),
    "eld-2": (("min", "max"), eld_2),
    "eld-19": (("path",), eld_19),
}
