"""Questions about one code: what it means, whether it is in a set, which of two is the wider.

Standard: HL7 FHIR R4, CodeSystem $lookup, $validate-code and $subsumes, ValueSet $validate-code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

from benhan.core.access import Interaction, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Invalid, NotFound
from benhan.core.kit.codes.query import code_key
from benhan.core.kit.text import fold
from benhan.core.language import _
from benhan.core.store import terms_find, terms_grammar
from benhan.core.store.records import audited, permit
from benhan.core.store.terms_compose import Node, Values, compiled
from benhan.core.store.terms_concepts import concept_of
from benhan.core.store.terms_find import System

_COLUMNS = "c.rid, c.seq, c.code, c.display, c.abstract, c.inactive, c.body"
_FOUND = f"select {_COLUMNS} from concept c where c.rid = $1 and c.code = $2"
_ALIKE = f"select {_COLUMNS} from concept c where c.rid = $1 and c.key = $2 and lower(c.code) = lower($3) limit 1"
_NEAR = """
select x.code, x.display from concept_above a join concept x on x.rid = a.rid and x.seq = a.{to}
where a.rid = $1 and a.{of} = $2 and a.depth = 1 order by x.seq limit 500
"""
_PARENTS = _NEAR.format(of="child", to="parent")
_CHILDREN = _NEAR.format(of="parent", to="child")
_RELATION = """
select exists (select from concept_above a join concept p on p.rid = a.rid and p.seq = a.parent
    join concept k on k.rid = a.rid and k.seq = a.child where a.rid = $1 and p.code = $2 and k.code = $3)
"""


class Known(msgspec.Struct):
    """A concept as the store knows it."""

    of: System
    seq: int
    code: str
    display: str
    abstract: bool
    inactive: bool
    concept: r4.CodeSystemConcept
    parents: list[tuple[str, str]] = []
    children: list[tuple[str, str]] = []


class Verdict(msgspec.Struct):
    """Whether a code is good, the name it has, and what is wrong."""

    good: bool
    display: str | None = None
    message: str | None = None
    code: str | None = None
    system: str | None = None


async def lookup(
    tx: Transaction, who: Subject, system: str, code: str, version: str | None = None, *, near: bool = True
) -> Known:
    """A concept with its direct parents and children.

    Raises:
        Forbidden; NotFound: the code system or the code is not here.
    """
    decision = permit(who, Interaction.READ, "CodeSystem")
    of = await _the_system(tx, who, system, version)
    audited(tx, who, Interaction.READ, decision, "CodeSystem", of.id or None, None, f"$lookup {system}|{code}"[:300])
    known = await find(tx, of, code)
    if known is None:
        raise NotFound(
            _("Hệ mã %(system)s không có mã “%(code)s”.", system=system[:200], code=code[:60]), where="code",
            advice=_("Tìm mã bằng ValueSet/$expand với filter."),
        )  # fmt: skip
    if near:
        known.parents = [(row["code"], row["display"]) for row in await tx.fetch(_PARENTS, of.rid, known.seq)]
        known.children = [(row["code"], row["display"]) for row in await tx.fetch(_CHILDREN, of.rid, known.seq)]
    return known


async def find(tx: Transaction, of: System, code: str) -> Known | None:
    """A concept by its code; where case does not matter, by a code that differs in case only."""
    row = await tx.fetchrow(_FOUND, of.rid, code) if of.rid else None
    if row is None and of.rid and not of.case_sensitive:
        row = await tx.fetchrow(_ALIKE, of.rid, code_key(code), code)
    if row is None:
        built = terms_grammar.GRAMMARS.get(of.url)
        if built is None or not built(code):
            return None
        return Known(of, -1, code, code, False, False, r4.CodeSystemConcept(code=code))
    return _known(row, of)


def _known(row: asyncpg.Record, of: System) -> Known:
    concept = concept_of(row["body"])
    return Known(of, row["seq"], row["code"], row["display"], row["abstract"], row["inactive"], concept)


async def _the_system(tx: Transaction, who: Subject, url: str, version: str | None) -> System:
    found = await terms_find.system(tx, who, url, version)
    if found is not None:
        return found
    if url in terms_grammar.GRAMMARS:
        return System(0, 0, "", url, "", url, True, True, "", 0, "")
    raise NotFound(
        _("Không có hệ mã %(url)s trong kho.", url=f"{url}|{version}"[:200] if version else url[:200]), where="system",
        advice=_("Xem các hệ mã tại /fhir/CodeSystem."),
    )  # fmt: skip


async def validate_in_system(
    tx: Transaction, who: Subject, system: str, code: str, display: str | None = None, version: str | None = None
) -> Verdict:
    """Whether a code system has a code, and whether the display is a name of it.

    Raises:
        Forbidden; NotFound: the code system is not here.
    """
    decision = permit(who, Interaction.READ, "CodeSystem")
    of = await _the_system(tx, who, system, version)
    audited(
        tx, who, Interaction.READ, decision, "CodeSystem", of.id or None, None, f"$validate-code {system}|{code}"[:300]
    )
    known = await find(tx, of, code)
    if known is None:
        partly = "" if of.complete else " " + _("(kho chỉ có một phần hệ mã này)")
        message = _("Hệ mã %(system)s không có mã “%(code)s”.", system=system[:200], code=code[:60]) + partly
        return Verdict(False, message=message, code=code, system=system)
    return _named(known, display)


async def validate_in_set(
    tx: Transaction,
    who: Subject,
    value_set: r4.ValueSet,
    codings: Sequence[r4.Coding],
    *,
    infer: bool = False,
    abstract: bool = False,
) -> Verdict:
    """Whether one of these codings is in a value set: with `infer` also one that names no system, with `abstract` also
    a heading, which no record of a patient may use.

    Raises:
        Forbidden; NotFound: something the value set is made of is not here. Invalid: it imports itself.
    """
    decision = permit(who, Interaction.READ, "ValueSet")
    audited(
        tx, who, Interaction.READ, decision, "ValueSet", value_set.id, None, f"$validate-code {value_set.url}"[:300]
    )
    node = await compiled(tx, who, value_set)
    verdict = Verdict(False, message=_("Không có mã nào để kiểm tra."))
    for coding in codings:
        known, listed = await member(tx, node, coding.system, coding.code or "", infer=infer)
        verdict = _judged(coding, known, listed, value_set.url or "")
        if verdict.good and known and known.abstract and not abstract:
            verdict.good, verdict.message = False, _("Mã “%(code)s” chỉ để phân nhóm.", code=known.code)
        if verdict.good:
            return verdict
    return verdict


def _judged(coding: r4.Coding, known: Known | None, listed: str | None, url: str) -> Verdict:
    code, system = coding.code or "", coding.system
    if known is None and listed is None:
        message = _(
            "Mã “%(code)s” (%(system)s) không thuộc danh mục %(url)s.",
            code=code[:60], system=(system or "-")[:200], url=url[:200],
        )  # fmt: skip
        return Verdict(False, message=message, code=code, system=system)
    if known is not None:
        return _named(known, coding.display)
    good = coding.display is None or not listed or fold(coding.display) == fold(listed)
    return Verdict(good, listed or coding.display, None if good else _wrong_name(coding.display, listed), code, system)


async def member(
    tx: Transaction, node: Node, system: str | None, code: str, *, infer: bool = False
) -> tuple[Known | None, str | None]:
    """A code in a compiled value set: as the store knows it, or the name the set itself gives ("" if none)."""
    here = {of.rid: of for of in node.chosen()} | {of.rid: of for _code, of in node.listed() if of}
    rids = [rid for rid, of in here.items() if of.url == system or (infer and not system)]
    if rids:
        values = Values(rids, code, code_key(code))
        row = await tx.fetchrow(
            f"select {_COLUMNS} from concept c where c.rid = any($1) and c.key = $3 and {node.sql(values)}"
            " order by c.code = $2 desc limit 1",
            *values.all,
        )
        if row is not None and (row["code"] == code or _same_but_case(here[row["rid"]], row["code"], code)):
            return _known(row, here[row["rid"]]), None
    of = next((here[rid] for rid in rids), None)
    unknown_here = of is None or not of.complete or of.url in terms_grammar.GRAMMARS
    for one, _of in node.listed():
        if one.code == code and (one.system == system or (infer and not system)) and unknown_here:
            return None, one.display or ""
    if system and unknown_here and node.has(system, code):
        return None, ""
    return None, None


def _same_but_case(of: System, known: str, given: str) -> bool:
    return not of.case_sensitive and known.lower() == given.lower()


def _named(known: Known, display: str | None) -> Verdict:
    """The display given must be the concept's, or one of its other names; case and accents do not matter."""
    names = [known.display, *(one.value or "" for one in known.concept.designation or ())]
    good = display is None or known.seq < 0 or fold(display) in {fold(name) for name in names}
    message = None if good else _wrong_name(display, known.display)
    return Verdict(good, known.display, message, known.code, known.of.url)


def _wrong_name(given: str | None, right: str | None) -> str:
    return _("Tên “%(given)s” không phải tên của mã này (“%(right)s”).", given=(given or "")[:120], right=right or "")


async def subsumes(tx: Transaction, who: Subject, system: str, a: str, b: str, version: str | None = None) -> str:
    """How code A stands to code B: equivalent, subsumes, subsumed-by, not-subsumed.

    Raises:
        Forbidden; NotFound: the code system or a code is not here.
    """
    first = await lookup(tx, who, system, a, version, near=False)
    second = await lookup(tx, who, system, b, version, near=False)
    if first.code == second.code:
        return "equivalent"
    if first.seq < 0 or second.seq < 0:
        raise Invalid(_("Hệ mã %(url)s không có phân cấp.", url=system[:200]), code="not-supported", where="system")
    if await tx.fetchval(_RELATION, first.of.rid, first.code, second.code):
        return "subsumes"
    return "subsumed-by" if await tx.fetchval(_RELATION, first.of.rid, second.code, first.code) else "not-subsumed"


def shown(known: Known, language: str | None) -> str:
    """The name of a concept in a language, where it has one."""
    from benhan.core.store.terms_expand import in_language

    names: Sequence[Any] = known.concept.designation or ()
    return in_language(known.display, names, language)
