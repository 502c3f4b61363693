"""Profiles (StructureDefinitions that constrain), checked on top of R4's own rules.

Called by the store before a write and by `$validate`. Which ones are known is the caller's matter: a `Known` is made
of the project's own (VN Core, HL7's vital signs) and those stored as resources. Standard: FHIR R4, section 5.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from benhan.core.fhir import codec, r4
from benhan.core.fhir.profiles.checking import Question, Visit
from benhan.core.fhir.profiles.tree import Node, tree_of
from benhan.core.language import _

__all__ = ["HL7", "Known", "Question", "Visit", "carried", "claimed", "tree_of"]

#: Where HL7's own definitions of types live.
HL7 = "http://hl7.org/fhir/StructureDefinition/"
_MAX_BASES = 10


class Known:
    """The profiles that can be asked for, by address. Trees are made at first use and kept."""

    def __init__(self, definitions: Iterable[r4.StructureDefinition] = (), above: Known | None = None) -> None:
        self._own = {str(one.url): one for one in definitions if one.url}
        self._above = above
        self._named: frozenset[str] | None = None
        self._asked: set[tuple[int, str]] = set()
        self._trees: dict[str, list[tuple[str, Node]]] = {}

    def get(self, address: str) -> r4.StructureDefinition | None:
        """The definition at an address; a version after `|` must be its own."""
        url, _bar, version = address.partition("|")
        found = self._own.get(url)
        if found is None:
            return self._above.get(address) if self._above else None
        return found if not version or found.version == version else None

    def extensions(self, url: str) -> bool:
        """Whether an extension of this address is defined, or named by a profile."""
        if self._named is None:
            kinds = (k for one in self._own.values() for e in _said(one) for k in e.type or () if k.code == "Extension")
            self._named = frozenset(address.partition("|")[0] for kind in kinds for address in kind.profile or ())
        found = self._own.get(url)
        here = url in self._named or (found is not None and found.type == "Extension")
        return here or (self._above is not None and self._above.extensions(url))

    def base_type(self, address: str) -> str | None:
        """The R4 type that a profile is about."""
        found = self.get(address)
        if found is not None:
            return found.type
        name = address.partition("|")[0].removeprefix(HL7)
        return name if hasattr(r4, name) else None

    def trees(self, address: str) -> list[tuple[str, Node]] | None:
        """The profile and the profiles it builds on, as trees; None when it is not known.

        Raises:
            Invalid: a definition that cannot be used.
        """
        if address in self._trees:
            return self._trees[address]
        found = self.get(address)
        chain: list[tuple[str, Node]] = []
        while found is not None and len(chain) < _MAX_BASES:
            chain.append((str(found.url), tree_of(found)))
            found = self.get(found.baseDefinition) if found.baseDefinition else None
        if chain:
            self._trees[address] = chain
        return chain or None

    def missing(self, address: str) -> list[str]:
        """Profiles that this one builds on and that are not known."""
        found, absent = self.get(address), []
        for _step in range(_MAX_BASES):
            base = found.baseDefinition if found else None
            if not base or (base.startswith(HL7) and self.get(base) is None and hasattr(r4, base.removeprefix(HL7))):
                break
            found = self.get(base)
            if found is None:
                absent.append(base)
        return absent

    def check(self, item: Any, address: str, record: Any = None) -> Visit | None:
        """An item (a record, or an element of one) against a profile; None when the profile is not known.

        Raises:
            Invalid: a definition that cannot be used.
        """
        trees = self.trees(address)
        if trees is None:
            return None
        visit = Visit(record if record is not None else item, self)
        name = type(item).__name__
        for url, tree in trees:
            if tree.name != name and tree.name in vars(r4) and isinstance(item, r4.Resource):
                message = _("hồ sơ %(url)s dành cho %(type)s", url=url, type=tree.name)
                visit.say("structure", (None, name, None), message)
                break
            visit.item(item, tree, (None, name, None))
        return visit

    def conforms(self, item: Any, address: str) -> bool | None:
        """Whether an item conforms to a profile or a type; None when it is not known."""
        bare = address.partition("|")[0]
        if bare.startswith(HL7) and hasattr(r4, bare.removeprefix(HL7)):
            return type(item).__name__ == bare.removeprefix(HL7)
        asked = (id(item), bare)
        if asked in self._asked:  # profiles that name each other, on the same item
            return None
        self._asked.add(asked)
        try:
            visit = self.check(item, address)
        finally:
            self._asked.discard(asked)
        return None if visit is None else not any(one.severity == "error" for one in visit.issues)


@cache
def carried() -> Known:
    """The profiles that the project brings along: `src/benhan/data/fhir`."""
    folder = files("benhan").joinpath("data", "fhir")
    found: list[r4.StructureDefinition] = []
    for place in ("hl7", "vn-core"):
        for file in sorted(folder.joinpath(place).iterdir(), key=lambda one: one.name):
            if file.name.startswith("StructureDefinition") and file.name.endswith(".json"):
                found.append(codec.decode(file.read_bytes(), r4.StructureDefinition))
    return Known(found)


def _said(definition: r4.StructureDefinition) -> list[r4.ElementDefinition]:
    found = definition.differential or definition.snapshot
    return (found.element or []) if found else []


def claimed(resource: r4.Resource) -> tuple[str, ...]:
    """The profiles that a record says it follows."""
    return tuple(resource.meta.profile or ()) if resource.meta else ()
