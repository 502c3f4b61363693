"""Terminology as the rest of the store asks for it: the codes of a value set, what lies below and above a code.

`core/store/search` calls these for `:in`, `:not-in`, `:below` and `:above`; `docs/why/terminology.md` has the whole.
Terminology is no patient's data: whoever may search may ask what a value set holds.
"""

from __future__ import annotations

from typing import Final

from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Invalid, NotFound
from benhan.core.language import _
from benhan.core.store import terms_find
from benhan.core.store.terms_compose import Node, Values, compiled, unknown
from benhan.core.store.terms_index import catch_up, removed, written

__all__ = ["MOST_CODES", "above", "below", "catch_up", "codes_in", "members", "removed", "written"]

#: A search by more codes than these is refused.
MOST_CODES: Final = 20_000

Pair = tuple[str, str]

_RELATED = """
select distinct x.code from concept c join concept_above a on a.rid = c.rid and a.{of} = c.seq
    join concept x on x.rid = a.rid and x.seq = a.{to}
where c.rid = any($1) and c.code = $2 limit $3
"""
_BELOW = _RELATED.format(of="parent", to="child")
_ABOVE = _RELATED.format(of="child", to="parent")


async def codes_in(tx: Transaction, who: Subject, value_set_url: str) -> list[Pair]:
    """Every (system, code) of a value set, by its canonical address.

    Raises:
        NotFound: there is no such value set, or it needs a code system that is not here.
        Invalid: it holds more than `MOST_CODES`.
    """
    found = await terms_find.value_set(tx, who, value_set_url)
    if found is None:
        raise NotFound(
            _("Không có danh mục %(url)s trong kho.", url=value_set_url[:200]), where="ValueSet",
            advice=_("Xem các danh mục tại /fhir/ValueSet."),
        )  # fmt: skip
    return await members(tx, await compiled(tx, who, found))


async def members(tx: Transaction, node: Node) -> list[Pair]:
    """Every (system, code) of a compiled value set.

    Raises:
        Invalid: it holds more than `MOST_CODES`.
    """
    chosen = {one.rid: one.url for one in node.chosen()}
    found = {(code.system, code.code) for code in await unknown(tx, node)}
    chosen |= {of.rid: of.url for _code, of in node.listed() if of}
    values = Values(list(chosen))
    sql = f"select c.rid, c.code from concept c where c.rid = any($1) and {node.sql(values)} limit {MOST_CODES + 1}"
    found |= {(chosen[row["rid"]], row["code"]) for row in await tx.fetch(sql, *values.all)}
    if len(found) > MOST_CODES:
        raise Invalid(
            _("Danh mục có hơn %(n)s mã, quá nhiều để tìm.", n=MOST_CODES), code="too-costly", where="ValueSet",
            advice=_("Thu hẹp danh mục, hoặc tìm theo nhánh mã (:below)."),
        )  # fmt: skip
    return sorted(found)


async def below(tx: Transaction, who: Subject, system: str, code: str) -> list[Pair]:
    """A code and all that it subsumes, in every edition of its system within reach."""
    return await _related(tx, who, _BELOW, system, code)


async def above(tx: Transaction, who: Subject, system: str, code: str) -> list[Pair]:
    """A code and all that subsume it, in every edition of its system within reach."""
    return await _related(tx, who, _ABOVE, system, code)


async def _related(tx: Transaction, who: Subject, sql: str, system: str, code: str) -> list[Pair]:
    """An unknown system or code has no relations: the code alone is searched."""
    rids = [one.rid for one in await terms_find.systems(tx, who, system)]
    rows = await tx.fetch(sql, rids, code, MOST_CODES) if rids else []
    return [(system, code), *sorted((system, row["code"]) for row in rows)]
