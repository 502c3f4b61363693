"""A value set as the list of its codes: all of them in pages, or those that a typed text means, best first.

Order without a text: the codes that the value set lists, as listed; then those it chooses from code systems, in the
order of each system. With a text by rank (`terms_ranked`). Standard: HL7 FHIR R4, ValueSet $expand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import msgspec

from benhan.core.access import Interaction, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit.codes.query import code_key
from benhan.core.kit.text import fold
from benhan.core.language import _
from benhan.core.store.records import audited, instant, new_id, now, permit
from benhan.core.store.terms_compose import Code, Node, Values, compiled, unknown
from benhan.core.store.terms_concepts import concept_of
from benhan.core.store.terms_find import System
from benhan.core.store.terms_ranked import COLUMNS, Ranked, Typed, chosen_where

#: A page holds so many codes at most; without `count`, a larger value set is refused as too costly.
MOST_PAGE: Final = 1000
#: How far a filtered expansion can be paged.
MOST_FILTERED: Final = 5000
#: Code systems that one value set may choose from.
MOST_SYSTEMS: Final = 20
UNCLOSED: Final = "http://hl7.org/fhir/StructureDefinition/valueset-unclosed"


class Asked(msgspec.Struct, frozen=True):
    """What somebody wants of an expansion."""

    text: str = ""
    offset: int = 0
    count: int | None = None
    active_only: bool = False
    selectable_only: bool = False
    designations: bool = False
    definition: bool = False
    language: str | None = None


class Member(msgspec.Struct):
    """A code of an expansion; `rank` and `order` say where it stands."""

    system: str
    code: str
    display: str
    rank: int
    order: tuple[int, str, int]
    version: str | None = None
    abstract: bool = False
    inactive: bool = False
    concept: r4.CodeSystemConcept | None = None
    said: Code | None = None


class Expansion(msgspec.Struct):
    """One page of a value set; `total` is None where counting would cost more than it is worth."""

    members: list[Member]
    total: int | None
    unclosed: bool


async def expand(tx: Transaction, who: Subject, value_set: r4.ValueSet, asked: Asked) -> r4.ValueSet:
    """The value set with its expansion.

    Raises:
        Forbidden; NotFound: something it is made of is not here. Invalid: too costly, or it imports itself.
    """
    decision = permit(who, Interaction.READ, "ValueSet")
    node = await compiled(tx, who, value_set)
    if value_set.compose and value_set.compose.inactive is False:
        asked = msgspec.structs.replace(asked, active_only=True)
    found = await page(tx, node, asked)
    audited(tx, who, Interaction.READ, decision, "ValueSet", value_set.id, None, f"$expand {value_set.url or ''}"[:300])
    compose = value_set.compose if asked.definition else None
    return msgspec.structs.replace(value_set, text=None, compose=compose, expansion=_expansion(found, asked))


async def page(tx: Transaction, node: Node, asked: Asked) -> Expansion:
    """One page of the codes of a compiled value set.

    Raises:
        Invalid: too costly.
    """
    systems = list({one.rid: one for one in node.chosen()}.values())
    if len(systems) > MOST_SYSTEMS:
        raise _too_costly(_("Danh mục chọn từ quá %(n)s hệ mã.", n=MOST_SYSTEMS))
    wanted = MOST_PAGE if asked.count is None else min(asked.count, MOST_PAGE)
    typed = Typed(asked.text)
    if typed.words and asked.offset + wanted > MOST_FILTERED:
        raise _too_costly(_("Chỉ xem được %(n)s mã đầu của một lần tìm.", n=MOST_FILTERED))
    listed = [one for one in await _listed(tx, node, typed) if _wanted(one, asked)]
    chosen, total = await _chosen(tx, node, systems, typed, asked, len(listed), wanted)
    if typed.words:
        both = sorted([*listed, *chosen], key=lambda one: (one.rank, one.order))
        members = both[asked.offset : asked.offset + wanted]
    else:
        members = [*listed[asked.offset : asked.offset + wanted], *chosen][:wanted]
    total = None if total is None else total + len(listed)
    if asked.count is None and (total is None or total > asked.offset + wanted):
        raise _too_costly(_("Danh mục có hơn %(n)s mã.", n=MOST_PAGE))
    return Expansion(members, total, any(not one.complete for one in systems))


async def _listed(tx: Transaction, node: Node, typed: Typed) -> list[Member]:
    """The codes that the value set lists itself, in their order, as far as they belong and fit the text."""
    listed = list(dict.fromkeys((code.system, code.code, of.rid if of else 0) for code, of in node.listed()))
    if not listed:
        return []
    by_place = {(code.system, code.code): (code, of) for code, of in node.listed()}
    here = await _held(tx, node, {of.rid: of for _code, of in by_place.values() if of}, by_place)
    outside = {(code.system, code.code) for code in await unknown(tx, node)}
    found: list[Member] = []
    for n, place in enumerate(dict.fromkeys((system, code) for system, code, _rid in listed)):
        said = by_place[place][0]
        member = here.get(place)
        if member is None and place in outside:
            member = Member(said.system, said.code, said.display or said.code, 0, (0, "", n))
        if member is not None:
            member.said, member.order = said, (0, "", n)
            member.display = said.display or member.display
            rank = _rank_of(member, typed)
            if rank is not None:
                member.rank = rank
                found.append(member)
    return found


def _rank_of(member: Member, typed: Typed) -> int | None:
    if not typed.words:
        return 0
    names = [member.display, *(one.value or "" for one in (member.said.designation if member.said else ()))]
    if member.concept:
        names += [member.concept.display or "", *(one.value or "" for one in member.concept.designation or ())]
    titles = [fold(name) for name in names]
    key = code_key(member.code)
    return typed.rank(key, titles, f" {key} {fold(member.code)} {' '.join(titles)}")


async def _held(
    tx: Transaction, node: Node, systems: dict[int, System], by_place: dict[tuple[str, str], Any]
) -> dict[tuple[str, str], Member]:
    """The listed codes that the store knows and that belong."""
    if not systems:
        return {}
    values = Values(list(systems), [code for _system, code in by_place])
    rows = await tx.fetch(
        f"select {COLUMNS} from concept c where c.rid = any($1) and c.code = any($2) and {node.sql(values)}",
        *values.all,
    )
    return {(systems[row["rid"]].url, row["code"]): _member(row, systems[row["rid"]], 0) for row in rows}


async def _chosen(
    tx: Transaction, node: Node, systems: list[System], typed: Typed, asked: Asked, listed: int, wanted: int
) -> tuple[list[Member], int | None]:
    """The page of what is chosen from code systems, and how many there are in all.

    With a text: as many of the first as a page may need, for the listed ones to be sorted in.
    """
    if not systems:
        return [], 0
    by_rid = {one.rid: one for one in systems}
    values = Values([one.rid for one in systems])
    extra = [*(["not c.inactive"] * asked.active_only), *(["not c.abstract"] * asked.selectable_only)]
    if not typed.words:
        where = chosen_where(node, values, extra) or "true"
        total = await tx.fetchval(f"select count(*) from concept c where c.rid = any($1) and {where}", *values.all)
        skip, most = values(max(0, asked.offset - listed)), values(wanted)
        rows = await tx.fetch(
            f"select {COLUMNS} from concept c where c.rid = any($1) and {where}"
            f" order by array_position($1, c.rid), c.seq offset {skip} limit {most}",
            *values.all,
        )
        return [_member(row, by_rid[row["rid"]], 0) for row in rows], total
    depth = asked.offset + wanted
    rows = await Ranked(node, systems, typed, extra).first(tx, depth + 1)
    total = len(rows) if len(rows) <= depth else None
    return [_member(row, by_rid[row["rid"]], row["rank"]) for row in rows[:depth]], total


def _member(row: asyncpg.Record, of: System, rank: int) -> Member:
    return Member(
        of.url, row["code"], row["display"], rank, (1, row["code"] if rank == 1 else "", row["seq"]),
        of.version or None, row["abstract"], row["inactive"], concept_of(row["body"]),
    )  # fmt: skip


def _wanted(one: Member, asked: Asked) -> bool:
    return not (asked.active_only and one.inactive) and not (asked.selectable_only and one.abstract)


def _expansion(found: Expansion, asked: Asked) -> r4.ValueSetExpansion:
    said: list[tuple[str, Any]] = [
        ("filter", asked.text or None), ("offset", asked.offset or None), ("count", asked.count),
        ("activeOnly", asked.active_only or None), ("excludeNotForUI", asked.selectable_only or None),
        ("includeDesignations", asked.designations or None), ("displayLanguage", asked.language),
    ]  # fmt: skip
    versions = dict.fromkeys(f"{one.system}|{one.version}" for one in found.members if one.version)
    parameters = [_parameter(name, value) for name, value in said if value is not None]
    parameters += [r4.ValueSetExpansionParameter(name="version", valueUri=uri) for uri in versions]
    return r4.ValueSetExpansion(
        extension=[r4.Extension(url=UNCLOSED, valueBoolean=True)] if found.unclosed else None,
        identifier=f"urn:uuid:{new_id()}",
        timestamp=instant(now()),
        total=found.total,
        offset=asked.offset,
        parameter=parameters or None,
        contains=[_contains(one, asked) for one in found.members] or None,
    )


def _parameter(name: str, value: object) -> r4.ValueSetExpansionParameter:
    match value:
        case bool():
            return r4.ValueSetExpansionParameter(name=name, valueBoolean=value)
        case int():
            return r4.ValueSetExpansionParameter(name=name, valueInteger=value)
        case _:
            return r4.ValueSetExpansionParameter(name=name, valueString=str(value))


def _contains(one: Member, asked: Asked) -> r4.ValueSetExpansionContains:
    designations = [
        r4.ValueSetComposeIncludeConceptDesignation(language=name.language, use=name.use, value=name.value)
        for name in (one.concept.designation if one.concept else None) or ()
    ]
    designations += one.said.designation if one.said else ()
    return r4.ValueSetExpansionContains(
        system=one.system, code=one.code, display=in_language(one.display, designations, asked.language),
        abstract=one.abstract or None, inactive=one.inactive or None,
        designation=(designations or None) if asked.designations else None,
    )  # fmt: skip


def in_language(display: str, designations: Sequence[Any], language: str | None) -> str:
    """The name in a language (`vi`, also of `vi-VN`), where there is one; else the display."""
    if language:
        for one in designations:
            if one.language and one.value and one.language.partition("-")[0] == language.partition("-")[0]:
                return str(one.value)
    return display


def _too_costly(message: str) -> Invalid:
    return Invalid(
        message, code="too-costly", where="ValueSet.expansion",
        advice=_("Dùng filter để tìm theo chữ, hoặc count và offset để xem từng trang (tối đa %(n)s mã).", n=MOST_PAGE),
    )  # fmt: skip
