"""Facts for pure checks: which coded values of a record are in which value sets, asked of the store beforehand.

`fhir/validation` and FHIRPath's `memberOf` do no input or output. Whoever checks a record against bindings asks here
first, with the value sets concerned and the record; the answer is a function that only looks up what was found. One
statement a value set, whatever its size: only the codes of the record are asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Problem
from benhan.core.store import terms_find, terms_grammar
from benhan.core.store.terms_compose import Node, Values, compiled, unknown

#: Whether a coded item is in a value set; None where the store does not know the value set (or all of it).
MemberOf = Callable[[Any, str], bool | None]
Pair = tuple[str | None, str]

#: Codes of one record that are asked about.
MOST_ASKED: Final = 2000


async def member_of(tx: Transaction, who: Subject, value_sets: Iterable[str], resource: object) -> MemberOf:
    """What the store knows of the codes of a resource (or of single coded items) in these value sets."""
    asked = list(dict.fromkeys(pair for item in _coded(resource) for pair in pairs(item)))[:MOST_ASKED]
    found = {url: await _members(tx, who, url, asked) for url in dict.fromkeys(value_sets)}

    def known(item: object, url: str) -> bool | None:
        members, here = found.get(url), pairs(item)
        if members is None or not here or any(pair not in members for pair in here):
            return None
        return any(members[pair] for pair in here)

    return known


def pairs(item: object) -> list[Pair]:
    """The (system, code) of a coded item: a Coding, a CodeableConcept (several), a Quantity, or a bare code."""
    match item:
        case str():
            return [(None, item)]
        case r4.Coding(system=system, code=str(code)) | r4.Quantity(system=system, code=str(code)):
            return [(system, code)]
        case r4.CodeableConcept(coding=list(codings)):
            return [(one.system, one.code) for one in codings if one.code]
    return []


def _coded(value: object) -> Iterator[object]:
    """Every coded item inside; bare codes are strings, so every short string is one until it is asked about."""
    if isinstance(value, list):
        for one in value:
            yield from _coded(one)
    elif isinstance(value, str):
        if len(value) <= 60 and " " not in value:
            yield value
    elif isinstance(value, msgspec.Struct):
        if pairs(value):
            yield value
        for one in msgspec.structs.astuple(value):
            if one is not None:
                yield from _coded(one)


async def _members(tx: Transaction, who: Subject, url: str, asked: list[Pair]) -> dict[Pair, bool] | None:
    """Each code with whether it is in a value set; None where that cannot be told."""
    value_set = await terms_find.value_set(tx, who, url)
    if value_set is None:
        return None
    try:
        node = await compiled(tx, who, value_set)
    except Problem:  # it needs a code system that is not here
        return None
    held = await _held(tx, node, {code for _system, code in asked})
    outside = {(one.system, one.code) for one in await unknown(tx, node)}
    by_code = {code for _system, code in held | outside}
    return {
        (system, code): (code in by_code) if system is None else _has(node, held | outside, system, code)
        for system, code in asked
    }


def _has(node: Node, members: set[tuple[str, str]], system: str, code: str) -> bool:
    return (system, code) in members or (node.has(system, code) and system in terms_grammar.GRAMMARS)


async def _held(tx: Transaction, node: Node, codes: set[str]) -> set[tuple[str, str]]:
    systems = {of.rid: of.url for of in node.chosen()} | {of.rid: of.url for _code, of in node.listed() if of}
    if not systems or not codes:
        return set()
    values = Values(list(systems), sorted(codes))
    sql = f"select c.rid, c.code from concept c where c.rid = any($1) and c.code = any($2) and {node.sql(values)}"
    return {(systems[row["rid"]], row["code"]) for row in await tx.fetch(sql, *values.all)}
