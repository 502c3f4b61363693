"""From a code of one system to that of another, by the concept maps in the store, in both directions.

Standard: HL7 FHIR R4, ConceptMap $translate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from benhan.core.access import Interaction, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.store import terms_find
from benhan.core.store.records import audited, permit

#: What an equivalence is when the map is read backwards.
_TURNED: Final = {
    "wider": "narrower", "narrower": "wider", "subsumes": "specializes", "specializes": "subsumes",
}  # fmt: skip
#: No translation, in so many words.
_NONE: Final = frozenset({"unmatched", "disjoint"})


class Match(msgspec.Struct, frozen=True):
    """One translation of a code."""

    equivalence: str
    system: str | None
    code: str | None
    display: str | None
    source: str
    version: str | None = None

    @property
    def good(self) -> bool:
        """Whether it names a code that stands for the other one."""
        return self.equivalence not in _NONE


class Route(msgspec.Struct, frozen=True):
    """Which translations are wanted; None leaves it open."""

    source: str | None = None
    target: str | None = None
    target_system: str | None = None
    backwards: bool = False


async def maps(tx: Transaction, who: Subject, codings: Sequence[r4.Coding], route: Route) -> list[r4.ConceptMap]:
    """The maps that may translate these codes, the facility's own first."""
    systems = sorted({one.system for one in codings if one.system})
    parameter = "target-system" if route.backwards else "source-system"
    return await terms_find.having(tx, who, r4.ConceptMap, parameter, systems)


async def translate(
    tx: Transaction, who: Subject, codings: Sequence[r4.Coding], route: Route, given: r4.ConceptMap | None = None
) -> list[Match]:
    """Every translation of these codes: by the map given, else by all that lead from their systems.

    Raises:
        Forbidden.
    """
    decision = permit(who, Interaction.READ, "ConceptMap")
    asked = " ".join(f"{one.system}|{one.code}" for one in codings)
    audited(
        tx,
        who,
        Interaction.READ,
        decision,
        "ConceptMap",
        given.id if given else None,
        None,
        f"$translate {asked}"[:300],
    )
    chosen = [given] if given else await maps(tx, who, codings, route)
    found = [match for one in chosen if given or _fits(one, route) for match in _by(one, codings, route)]
    return list(dict.fromkeys(found))


def _fits(one: r4.ConceptMap, route: Route) -> bool:
    ends = (one.sourceUri or one.sourceCanonical, one.targetUri or one.targetCanonical)
    source, target = reversed(ends) if route.backwards else ends
    return route.source in (None, source) and route.target in (None, target)


def _by(one: r4.ConceptMap, codings: Sequence[r4.Coding], route: Route) -> Iterator[Match]:
    for coding in codings:
        for group in one.group or ():
            from_, to = (group.target, group.source) if route.backwards else (group.source, group.target)
            if coding.system not in (None, from_) or route.target_system not in (None, to):
                continue
            matches = list(_backwards(one, group, coding) if route.backwards else _forwards(one, group, coding))
            yield from matches
            if not matches and not route.backwards:
                yield from _unmapped(one, group, coding)


def _forwards(one: r4.ConceptMap, group: r4.ConceptMapGroup, coding: r4.Coding) -> Iterator[Match]:
    for element in group.element or ():
        if element.code == coding.code:
            for target in element.target or ():
                yield Match(
                    target.equivalence or "equivalent", group.target, target.code, target.display, one.url or "",
                    group.targetVersion,
                )  # fmt: skip


def _backwards(one: r4.ConceptMap, group: r4.ConceptMapGroup, coding: r4.Coding) -> Iterator[Match]:
    for element in group.element or ():
        for target in element.target or ():
            if target.code == coding.code:
                said = target.equivalence or "equivalent"
                yield Match(
                    _TURNED.get(said, said), group.source, element.code, element.display, one.url or "",
                    group.sourceVersion,
                )  # fmt: skip


def _unmapped(one: r4.ConceptMap, group: r4.ConceptMapGroup, coding: r4.Coding) -> Iterator[Match]:
    """What the map says of codes it does not list: the same code, or one for all."""
    rule = group.unmapped
    if rule is None or rule.mode == "other-map":
        return
    code, display = (coding.code, coding.display) if rule.mode == "provided" else (rule.code, rule.display)
    yield Match("equal" if rule.mode == "provided" else "inexact", group.target, code, display, one.url or "")
