"""Whether a value is what a profile fixes, and which slice an item belongs to.

Standard: FHIR R4, ElementDefinition `fixed[x]`, `pattern[x]`; section 5.1.0.15 (discriminators).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from benhan.core.fhir import fhirpath, r4
from benhan.core.fhir.fhirpath.values import plain, type_info
from benhan.core.fhir.profiles.tree import Node
from benhan.core.fhir.references import pointed_type

#: Whether an item conforms to a profile, by its address; None when the profile is not known.
Conforms = Callable[[Any, str], bool | None]

_EXTENSION = re.compile(r"extension\('([^']+)'\)\.?")


def same(value: Any, wanted: Any) -> bool:
    """Whether the value is exactly the one that is fixed."""
    return bool(plain(value) == wanted)


def holds(value: Any, wanted: Any) -> bool:
    """Whether the value has at least what the pattern has: each list item of the pattern is matched by some item."""
    value = plain(value)
    if isinstance(wanted, msgspec.Struct):
        if type(value) is not type(wanted):
            return False
        names = [name for name in wanted.__struct_fields__ if getattr(wanted, name) is not None]
        return all(holds(getattr(value, name), getattr(wanted, name)) for name in names)
    if isinstance(wanted, list):
        return isinstance(value, list) and all(any(holds(item, one) for item in value) for one in wanted)
    return bool(value == wanted)


def sort_of(node: Node, discriminators: list[r4.ElementDefinitionSlicingDiscriminator], conforms: Conforms) -> Any:
    """A test whether an item belongs to the slice `node`: every discriminator that the slice speaks of agrees."""
    tests = [test for said in discriminators if (test := _test(node, said, conforms)) is not None]
    return (lambda item: all(test(item) for test in tests)) if tests else (lambda _item: False)


def _test(node: Node, said: r4.ElementDefinitionSlicingDiscriminator, conforms: Conforms) -> Any:
    path = said.path or "$this"
    if said.type in ("value", "pattern"):
        return _by_value(node, path)
    if said.type == "exists":
        return _by_existence(node, path)
    if said.type == "type":
        return _by_type(node, path)
    return _by_profile(node, path, conforms)


def _by_value(node: Node, path: str) -> Any:
    """Fixed values and patterns at the path, and at the elements on the way there."""
    parts = [] if path == "$this" else path.split(".")
    wanted: list[tuple[fhirpath.Compiled, bool, list[Any]]] = []
    for length in range(len(parts) + 1):
        reached = list(node.walk(parts[:length]))
        read = fhirpath.compile(".".join(parts[:length]) or "$this")
        for exact in (True, False):
            values = [value for one in reached if (value := one.fixed if exact else one.pattern) is not None]
            if values:
                wanted.append((read, exact, values))
    if not wanted and path == "url" and (address := _extension_url(node)):
        wanted.append((fhirpath.compile("url"), True, [address]))
    if not wanted:
        return None
    return lambda item: all(
        any((same if exact else holds)(found, value) for found in read.nodes(item) for value in values)
        for read, exact, values in wanted
    )


def _extension_url(node: Node) -> str | None:
    profiles = [address for kind in node.rules.type or () for address in kind.profile or ()]
    return profiles[0].split("|")[0] if profiles else None


def _by_existence(node: Node, path: str) -> Any:
    reached = list(node.walk(path.split(".")))
    if not reached:
        return None
    absent = any(one.rules.max == "0" for one in reached)
    read = fhirpath.compile(path)
    return lambda item: bool(read.nodes(item)) is not absent


def _by_type(node: Node, path: str) -> Any:
    """The type of the value, or with `resolve()` of what it points at."""
    parts = [part for part in path.split(".") if part not in ("$this", "resolve()")]
    reached = list(node.walk(parts))
    read = fhirpath.compile(".".join(parts) or "$this")
    if path.endswith("resolve()"):
        targets = {address.rpartition("/")[2].split("|")[0] for one in reached for kind in one.rules.type or ()
                   for address in kind.targetProfile or ()}  # fmt: skip
        return lambda item: any(_points_at(found, targets) for found in read.nodes(item)) if targets else None
    codes = {kind.code for one in reached for kind in one.rules.type or ()}
    if not codes and node.slice and path == "$this":  # `valueQuantity` names its type itself
        codes = {_named_type(node)}
    return (lambda item: any(type_info(found).name in codes for found in read.nodes(item))) if codes else None


def _named_type(node: Node) -> str:
    rest = (node.slice or "").removeprefix(node.name.removesuffix("[x]"))
    return rest if hasattr(r4, rest) else rest[:1].lower() + rest[1:]


def _points_at(found: Any, targets: set[str]) -> bool:
    if not isinstance(found, r4.Reference):
        return type(found).__name__ in targets
    return (pointed_type(found.reference) if found.reference else found.type) in targets


def _by_profile(node: Node, path: str, conforms: Conforms) -> Any:
    reached = [node] if path == "$this" else list(node.walk([part for part in path.split(".") if part != "resolve()"]))
    addresses = [address for one in reached for kind in one.rules.type or ()
                 for address in (*(kind.profile or ()), *(kind.targetProfile or ()))]  # fmt: skip
    if not addresses:
        return None
    read = fhirpath.compile(path)
    return lambda item: any(conforms(found, address) for found in read.nodes(item) for address in addresses)
