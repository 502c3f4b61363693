"""Search: FHIR parameters → conditions on index rows → one statement → a page of records.

What is asked is parsed by `query/` into conditions; `lead.py` finds out which of them to begin with; `statement.py`
writes the SQL; `along.py` fetches what comes along. Several types (a system search, a compartment) are as many
statements, merged in one order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic

import msgspec

from benhan.core.access import Decision, Interaction, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import codec, compartments, r4
from benhan.core.fhir.outcome import Malformed
from benhan.core.language import _
from benhan.core.store import one_statement
from benhan.core.store.along import along, ways
from benhan.core.store.bodies import told, whole
from benhan.core.store.found import Found, found_of
from benhan.core.store.lead import Lead, leading
from benhan.core.store.narrowed import conditions
from benhan.core.store.one_statement import Traced
from benhan.core.store.order import MOST_SORTED, cursor, is_behind, letters, position, sort
from benhan.core.store.pending import settle
from benhan.core.store.query import Params, Query, parse
from benhan.core.store.query.clauses import Tokens
from benhan.core.store.query.combined import Ids, either
from benhan.core.store.records import audited, audited_many, permit, reaches
from benhan.core.store.rows import hash64
from benhan.core.store.statement import Statement


class Page(msgspec.Struct, Generic[r4.R]):
    """One page of an answer."""

    resources: list[r4.R]
    included: list[r4.Resource] = []
    total: int | None = None
    next: str | None = None
    ignored: list[str] = []
    #: More came along than one page may carry.
    cut: bool = False


class Answer(msgspec.Struct):
    """One page of an answer as stored bytes, and how it was asked."""

    query: Query
    found: list[Found]
    included: list[Found] = []
    total: int | None = None
    next: str | None = None
    cut: bool = False


class Within(msgspec.Struct, frozen=True):
    """A compartment: `Patient` and the id of one."""

    name: str
    id: str


class Part(msgspec.Struct):
    """One statement of a search: records of a type at a facility."""

    facility: int
    query: Query
    decision: Decision
    lead: Lead | None = None


async def search(tx: Transaction, who: Subject, type_: type[r4.R], params: Params) -> Page[r4.R]:
    """Records of a type that meet all parameters, newest first unless `_sort` says otherwise.

    Raises:
        Forbidden: the type, or one that a link leads to, may not be searched;
        Malformed: a parameter is unknown or cannot be read.
    """
    answer = await find(tx, who, [codec.type_name(type_)], params)
    return Page(
        resources=[codec.kept(one.body, type_) for one in answer.found],
        included=[codec.kept(one.body, codec.resource_type(one.type)) for one in answer.included],
        total=answer.total,
        next=answer.next,
        cut=answer.cut,
    )


async def first(tx: Transaction, who: Subject, type_: type[r4.R], params: Params) -> r4.R | None:
    """The first record that meets all parameters, if any."""
    page = await search(tx, who, type_, {**params, "_count": "1"})
    return page.resources[0] if page.resources else None


async def count(tx: Transaction, who: Subject, type_: type[r4.Resource], params: Params) -> int:
    """How many records meet all parameters.

    Raises:
        Forbidden, Malformed: as `search`.
    """
    answer = await find(tx, who, [codec.type_name(type_)], {**params, "_summary": "count"})
    assert answer.total is not None
    return answer.total


async def find(
    tx: Transaction, who: Subject, types: Sequence[str], params: Params, *, within: Within | None = None,
    lenient: bool = False, alone: bool = False,
) -> Answer:  # fmt: skip
    """Like `search`, over several types, in a compartment, as stored bytes.

    `alone`: the search is all its request does, so it may be found and traced in one statement.

    Raises:
        Forbidden, Malformed: as `search`; `lenient` lists unknown parameters in `Query.ignored` instead.
    """
    parts = [part for name in types for part in await _parts(tx, who, name, params, within, lenient=lenient)]
    query = _common(parts)
    after = position(query.after, query.order) if query.after else None
    said = "search" if not within else f"search {within.name}/{within.id}"
    came = None
    if alone and tx.only_looks and (statement := _one_statement(parts, after)):
        traced = Traced(who, query.type, parts[0].decision.rule, query.patient, query.said, said)
        found, total, came = await one_statement.page(tx, statement, query, traced, ways(who, query))
    else:
        found, total = await _pages(tx, parts, after), await _total(tx, parts)
        _traced(tx, who, parts, found[: query.count], said)
    more = len(found) > query.count
    last = found[: query.count][-1] if more else None
    found = [one for one in found[: query.count] if one.is_whole]
    if came is None:
        came = await along(tx, who, found, query.include, query.revinclude)
    answer = Answer(query, found, came.records, total, cut=came.cut)
    answer.next = cursor([*last.sort, last.key], query.order) if last else None
    return answer


def _one_statement(parts: Sequence[Part], after: Sequence[Any] | None) -> Statement | None:
    """The one statement that answers a search, if one does."""
    part, query = parts[0], parts[0].query
    if len(parts) > 1 or query.counts_only or query.total == "estimate" or _by_letters(query):
        return None
    statement = Statement(part.facility, query, part.decision, part.lead, after)
    return None if statement.along_the_order else statement


async def _pages(tx: Transaction, parts: Sequence[Part], after: Sequence[Any] | None) -> list[Found]:
    """The rows of a page and one more, of all parts in one order."""
    query = parts[0].query
    found: list[Found] = []
    if not query.counts_only:
        for part in parts:
            found += await _page(tx, part, after)
        if len(parts) > 1:
            found = sort(found, query.order, descending=query.descending)
    return found


async def _parts(
    tx: Transaction, who: Subject, name: str, params: Params, within: Within | None, *, lenient: bool
) -> list[Part]:
    decision = permit(who, Interaction.SEARCH, name, where=True)
    query = parse(
        name, params, lambda linked: permit(who, Interaction.SEARCH, linked), facility=who.facility, lenient=lenient
    )
    if query.pending:
        await settle(tx, who, query)
    if within is not None:
        query.clauses.append(_in_compartment(within, name))
        query.patient = within.id if within.name == "Patient" else query.patient
    query.clauses += conditions(who.facility, name, decision)
    parts = [Part(facility, query, decision) for facility in reaches(who, name)]
    for part in parts:
        whole = query.counts_only or query.total == "accurate"
        part.lead = await leading(tx, part.facility, query, decision, whole=whole)
    return parts


def _in_compartment(within: Within, name: str) -> Any:
    """The condition of belonging to a compartment.

    Raises:
        Malformed: records of this type never do.
    """
    params = [one.id for one in compartments.parameters(within.name, name)]
    clauses: list[Any] = [Ids([within.id])] if name == within.name else []
    if params:
        hashes = [hash64(f"{within.name}/{within.id}")]
        clauses.append(Tokens(params, hashes, rare=within.name in ("Patient", "Encounter", "RelatedPerson")))
    if not clauses:
        raise Malformed(
            _("%(type)s không thuộc phần hồ sơ của %(name)s.", type=name, name=within.name), where=name,
            code="not-supported",
        )  # fmt: skip
    return either(clauses)


def _common(parts: Sequence[Part]) -> Query:
    """What the statements of one search have in common.

    Raises:
        Malformed: nothing to search; or a parameter means something in one type and nothing in another.
    """
    if not parts:
        raise Malformed(_("Không có loại bản ghi nào để tìm."), where="_type")
    query = parts[0].query
    for part in parts:
        if part.query.ignored != query.ignored:
            odd = sorted({*part.query.ignored} ^ {*query.ignored})
            raise Malformed(
                _("Điều kiện %(names)s không có ở mọi loại được tìm.", names=", ".join(odd)[:200]), where="_type"
            )
        if [key.kind for key in part.query.order] != [key.kind for key in query.order]:
            raise Malformed(_("Các loại được tìm không sắp xếp chung được."), where="_sort")
    return query


async def _page(tx: Transaction, part: Part, after: Sequence[Any] | None) -> list[Found]:
    """The rows of a page and one more."""
    query = part.query
    if _by_letters(query):
        return await _sorted_by_letters(tx, part, after)
    most = query.count + 1
    statement = Statement(part.facility, query, part.decision, part.lead, after)
    walked = statement.along_the_order
    found: list[Found] = []
    if not walked or after is None or after[0] is not None:
        found = await _rows(tx, statement, query, most)
    if walked and len(found) < most:  # then come those that have no value to be sorted by
        behind = after if after is not None and after[0] is None else None
        absent = statement.without_first_key()
        rest = Statement(part.facility, absent, part.decision, part.lead, behind)
        found += await _rows(tx, rest, absent, most - len(found))
    return found


async def _rows(tx: Transaction, statement: Statement, query: Query, most: int) -> list[Found]:
    sql = statement.page(most)
    rows = await tx.look(sql, *statement.values)
    return [found_of(row, query.type, len(query.order)) for row in told(tx, rows)]


def _by_letters(query: Query) -> bool:
    """Whether it is sorted by letters that the index does not hold."""
    return any(key.kind == "text" for key in query.order)


async def _sorted_by_letters(tx: Transaction, part: Part, after: Sequence[Any] | None) -> list[Found]:
    """The same where the index does not hold what is sorted by: the found records are read, MOST_SORTED at most.

    Raises:
        Malformed: more than that are found.
    """
    query, type_ = part.query, codec.resource_type(part.query.type)
    statement = Statement(part.facility, query, part.decision, part.lead)
    sql = statement.all(MOST_SORTED + 1)
    rows = await tx.look(sql, *statement.values)
    if len(rows) > MOST_SORTED:
        raise Malformed(
            _("Có hơn %(n)s bản ghi, không sắp xếp được theo khoá này.", n=MOST_SORTED), where="_sort",
            code="too-costly", advice=_("Thêm điều kiện tìm, hoặc sắp xếp theo ngày, số hay tên."),
        )  # fmt: skip
    found = []
    for row in whole(tx, rows):
        one = found_of(row, query.type)
        resource = codec.kept(one.body, type_)
        one.sort = tuple(
            letters(resource, key) if key.kind == "text" else row[f"s{n}"] for n, key in enumerate(query.order)
        )
        found.append(one)
    found = sort(found, query.order, descending=query.descending)
    if after is not None:
        found = [one for one in found if is_behind(one, after, query.order, descending=query.descending)]
    return found[: query.count + 1]


async def _total(tx: Transaction, parts: Sequence[Part]) -> int | None:
    query = parts[0].query
    if query.total == "none" and not query.counts_only:
        return None
    total = 0
    for part in parts:
        statement = Statement(part.facility, part.query, part.decision, part.lead)
        if query.total == "estimate":
            sql = statement.estimate()
            [row] = await tx.look(sql, *statement.values)
            total += row["total"]
        else:
            sql = statement.total()
            [row] = await tx.look(sql, *statement.values)
            total += row["count"]
    return total


def _traced(tx: Transaction, who: Subject, parts: Sequence[Part], found: Sequence[Found], detail: str) -> None:
    """The search itself, and whose records were shown."""
    by_type: dict[str, list[Found]] = {}
    for one in found:
        by_type.setdefault(one.type, []).append(one)
    decisions: Mapping[str, Decision] = {part.query.type: part.decision for part in parts}
    for name, records in by_type.items():
        audited_many(tx, who, decisions[name], name, ((one.id, one.patient) for one in records), detail)
    query = parts[0].query
    names = ",".join(dict.fromkeys(part.query.type for part in parts))
    text = query.said if not query.counts_only else f"count {query.said}"
    audited(tx, who, Interaction.SEARCH, parts[0].decision, names[:200], None, query.patient, text)
