"""Extensions of a record whose definition nobody here knows. Standard: FHIR R4, section 2.5 (extensibility).

A modifier extension changes what the rest of the record means: an unknown one is always refused. For the others the
operator decides (`BENHAN_UNKNOWN_EXTENSIONS`). Parts of complex extensions have short names, which are not looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from benhan.core.fhir import r4
from benhan.core.fhir.fhirpath.members import attribute, elements, member
from benhan.core.fhir.fhirpath.values import Primitive
from benhan.core.fhir.outcome import issue
from benhan.core.fhir.profiles.checking import Path, expression
from benhan.core.fhir.systems import BENHAN
from benhan.core.language import _

#: Whose extensions are known without a list: our own, and HL7's for elements of other editions.
_OURS: tuple[str, ...] = (
    f"{BENHAN}/",
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-",
    "http://hl7.org/fhir/uv/subscriptions-backport/",
)
_NAMES = ("extension", "modifierExtension")

Defined = Callable[[str], bool]


class _File(msgspec.Struct):
    source: str
    base: str
    names: list[str]


@cache
def published() -> frozenset[str]:
    """The addresses of HL7's extensions for R4."""
    body = files("benhan").joinpath("data", "fhir", "hl7", "extensions.json").read_bytes()
    file = msgspec.json.decode(body, type=_File)
    return frozenset(name if ":" in name else file.base + name for name in file.names)


def unknown(record: r4.Resource, defined: Defined, policy: str) -> list[r4.OperationOutcomeIssue]:
    """What is not defined: modifiers as errors; others as the policy says ("ignore", "warn", "error")."""
    found = []
    for extension, path, modifier in _extensions(record, (None, type(record).__name__, None)):
        url = extension.url or ""
        if url in published() or url.startswith(_OURS) or defined(url):
            continue
        if modifier:
            message = _("phần mở rộng làm đổi nghĩa “%(url)s” không rõ là gì, không được bỏ qua", url=url)
            found.append(issue("extension", f"{expression(path)}: {message}", where=expression(path)))
        elif policy != "ignore":
            severity = "error" if policy == "error" else "warning"
            message = _("không rõ phần mở rộng “%(url)s”", url=url)
            found.append(
                issue("extension", f"{expression(path)}: {message}", where=expression(path), severity=severity)
            )
    return found


def _extensions(item: Any, path: Path) -> Iterator[tuple[r4.Extension, Path, bool]]:
    """Every extension inside with its place; those inside extensions are parts of them and are left out."""
    if type(item) is Primitive:
        if item.element is not None:
            yield from _extensions(item.element, path)
        return
    if not isinstance(item, msgspec.Struct):
        return
    for name in elements(type(item)):
        for at, value in enumerate(member(item, name)):
            below = (path, name, at if _many(item, name) else None)
            if name in _NAMES:
                yield value, below, name == "modifierExtension"
            else:
                yield from _extensions(value, below)


def _many(item: Any, name: str) -> bool:
    return isinstance(getattr(item, attribute(name), None), list)
