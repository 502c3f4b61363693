"""What inside a Bundle points at another entry of it: found once, pointed anew as often as needed.

Standard: HL7 FHIR R4, 3.1.0.11.2 (references, elements of type uri, url, oid and uuid, links of narratives; canonicals
are left as they are), 3.1.0.11.3 (conditional references).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import msgspec

from benhan.core.fhir import r4
from benhan.core.fhir.fhirpath.members import attribute
from benhan.core.fhir.rules import rule_of

POINTING = frozenset({"uri", "url", "oid", "uuid"})


class Link(msgspec.Struct):
    """One text that may point: where it stands, what it was, how it is replaced."""

    owner: Any
    name: str
    text: str
    #: References and addresses are replaced whole, links of a narrative inside it.
    whole: bool = True
    at: int | None = None

    @property
    def condition(self) -> str:
        """`Patient?identifier=…` where this is a conditional reference, else nothing."""
        return self.text if isinstance(self.owner, r4.Reference) and "?" in self.text and ":" not in self.path else ""

    @property
    def path(self) -> str:
        return self.text.partition("?")[0]

    def point(self, places: Mapping[str, str]) -> None:
        """Let it point at where its target is kept; what is not known stays as it was."""
        if self.whole:
            target, mark, part = self.text.partition("#")
            said = places.get(self.text) or (places[target] + mark + part if target in places else self.text)
        else:
            said = self.text
            for place in places:
                said = said.replace(f'"{place}"', f'"{places[place]}"')
        if self.at is None:
            setattr(self.owner, self.name, said)
        else:
            getattr(self.owner, self.name)[self.at] = said


def links(value: Any) -> Iterator[Link]:
    """Everything inside a resource that may point."""
    for name, how in _fields(type(value).__name__):
        found = getattr(value, name)
        if found is None:
            continue
        if how == "inside":
            for item in found if isinstance(found, list) else (found,):
                yield from links(item)
        elif isinstance(found, list):
            yield from (Link(value, name, text, at=at) for at, text in enumerate(found) if text is not None)
        elif how == "pointing" or "href=" in found or "src=" in found:
            yield Link(value, name, found, how == "pointing")


@cache
def _fields(struct: str) -> list[tuple[str, str]]:
    """The elements of a struct that point, and those that may hold some that do."""
    found = []
    for wire, field in rule_of(struct).fields.items():
        if field.type in POINTING or (struct == "Reference" and wire == "reference"):
            found.append((attribute(wire), "pointing"))
        elif field.type == "xhtml":
            found.append((wire, "narrative"))
        elif not field.type[0].islower():
            found.append((attribute(wire), "inside"))
    return found
