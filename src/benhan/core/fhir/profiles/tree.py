"""A profile's differential as a tree: elements below elements, slices beside them. Standard: FHIR R4, section 5.1."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Invalid
from benhan.core.language import _

MAX_ELEMENTS = 5_000
MAX_DEPTH = 24

_PART = re.compile(r"([^:]+)(?::(.+))?")


class Node:
    """One element, or one slice of it: what the profile says of it, its children by name, its slices."""

    __slots__ = ("children", "name", "rules", "slice", "slices")

    def __init__(self, name: str, slice_: str | None = None) -> None:
        self.name = name
        self.slice = slice_
        self.rules = r4.ElementDefinition(path=name)
        self.children: dict[str, Node] = {}
        self.slices: dict[str, Node] = {}

    @property
    def fixed(self) -> Any:
        """The value that the element must be, whole."""
        return _variant(self.rules, "fixed")

    @property
    def pattern(self) -> Any:
        """The value that the element must hold at least."""
        return _variant(self.rules, "pattern")

    @property
    def least(self) -> Any:
        """The smallest value allowed."""
        return _variant(self.rules, "minValue")

    @property
    def greatest(self) -> Any:
        """The largest value allowed."""
        return _variant(self.rules, "maxValue")

    @property
    def most(self) -> int | None:
        """The maximum, None for many or not said."""
        return int(self.rules.max) if self.rules.max and self.rules.max != "*" else None

    def walk(self, path: list[str]) -> Iterator[Node]:
        """The nodes that speak of `path` below this one, on all ways through slices."""
        if not path:
            yield self
            return
        first, *rest = path
        for child in (self.children.get(first), self.children.get(f"{first}[x]")):
            if child is not None:
                yield from child.walk(rest)
                for one in child.slices.values():
                    yield from one.walk(rest)


def tree_of(profile: r4.StructureDefinition) -> Node:
    """The tree of a profile: its differential, or its snapshot when it has only that.

    Raises:
        Invalid: too many elements, or ids that cannot be read.
    """
    said = profile.differential.element if profile.differential else None
    said = said or (profile.snapshot.element if profile.snapshot else None) or []
    if len(said) > MAX_ELEMENTS:
        raise Invalid(_("Hồ sơ chuẩn dài quá %(n)s phần tử.", n=MAX_ELEMENTS), where="StructureDefinition")
    root = Node(profile.type or "")
    slices: dict[str, str] = {}
    for element in said:
        node = root
        parts = _parts(element, slices)
        if len(parts) > MAX_DEPTH:
            raise Invalid(_("Hồ sơ chuẩn lồng nhau quá %(n)s tầng.", n=MAX_DEPTH), where="StructureDefinition")
        for name, slice_ in parts:
            node = node.children.setdefault(name, Node(name))
            if slice_:
                node = node.slices.setdefault(slice_, Node(name, slice_))
        node.rules = element
    return root


def _parts(element: r4.ElementDefinition, slices: dict[str, str]) -> list[tuple[str, str | None]]:
    """`Patient.identifier:CCCD.system` → identifier of slice CCCD, system; without ids from path and slice name.

    `slices` remembers, by path, the slice that the elements after it belong to.
    """
    if element.id and element.id.split(".")[0].split(":")[0] == (element.path or "").split(".")[0]:
        return [_part(text) for text in element.id.split(".")[1:]]
    path = element.path or ""
    for known in [one for one in slices if not path.startswith(f"{one}.")]:
        del slices[known]
    if element.sliceName:
        slices[path] = element.sliceName
    names, found = path.split("."), []
    for at in range(1, len(names)):
        found.append((names[at], slices.get(".".join(names[: at + 1]))))
    return found


def _part(text: str) -> tuple[str, str | None]:
    found = _PART.fullmatch(text)
    return (found.group(1), found.group(2)) if found else (text, None)


def _variant(rules: r4.ElementDefinition, prefix: str) -> Any:
    """The one `fixed[x]` or `pattern[x]` that is given."""
    for name in rules.__struct_fields__:
        if name.startswith(prefix) and (value := getattr(rules, name)) is not None:
            return value
    return None
