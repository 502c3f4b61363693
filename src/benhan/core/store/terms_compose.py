"""What a value set is made of: `compose` as a tree of sets, each of which is a condition on `concept c` in SQL and,
for codes of systems that are not in the store, a test in memory.

Standard: HL7 FHIR R4, ValueSet.compose (include, exclude, filters, imported value sets).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

import asyncpg
import msgspec

from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Invalid, Malformed, NotFound
from benhan.core.language import _
from benhan.core.store import terms_find, terms_grammar
from benhan.core.store.terms_find import System

#: Takes a value and gives its place in the statement.
Value = Callable[[Any], str]

MOST_IMPORTS: Final = 100
MOST_FILTERS: Final = 20
MOST_PATTERN: Final = 200


class Values:
    """The values of a statement; calling it gives the place of one."""

    def __init__(self, *first: Any) -> None:
        self.all: list[Any] = list(first)

    def __call__(self, given: Any) -> str:
        self.all.append(given)
        return f"${len(self.all)}"


class Code(msgspec.Struct, frozen=True):
    """A code that a value set lists itself, with what it says about it."""

    system: str
    code: str
    display: str | None = None
    designation: Sequence[r4.ValueSetComposeIncludeConceptDesignation] = ()


class Node(Protocol):
    """A set of codes."""

    def sql(self, value: Value) -> str:
        """The condition on `concept c`."""
        ...

    def has(self, system: str, code: str) -> bool:
        """Whether a code of a system that is not in the store (or not whole there) belongs to it."""
        ...

    def listed(self) -> Iterator[tuple[Code, System | None]]:
        """The codes listed one by one anywhere in it, in their order; some may be taken out again elsewhere."""
        ...

    def chosen(self) -> Iterator[System]:
        """The systems from which it may take more than the codes listed."""
        ...


class Filtered(msgspec.Struct):
    """The codes of a system that pass all tests; without tests all of them."""

    of: System
    tests: list[Callable[[Value], str]]
    grammar: Callable[[str], bool] | None = None

    def sql(self, value: Value) -> str:
        """The condition."""
        return " and ".join([f"c.rid = {value(self.of.rid)}::bigint", *(test(value) for test in self.tests)])

    def has(self, system: str, code: str) -> bool:
        """Only where the codes follow a grammar."""
        return system == self.of.url and not self.tests and self.grammar is not None and self.grammar(code)

    def listed(self) -> Iterator[tuple[Code, System | None]]:
        """None."""
        return iter(())

    def chosen(self) -> Iterator[System]:
        """Its system."""
        yield self.of


class Listed(msgspec.Struct):
    """Codes named one by one."""

    of: System | None
    codes: dict[str, Code]
    system: str

    def sql(self, value: Value) -> str:
        """The condition; nothing where the system is not in the store."""
        if self.of is None:
            return "false"
        return f"(c.rid = {value(self.of.rid)}::bigint and c.code = any({value(list(self.codes))}::text[]))"

    def has(self, system: str, code: str) -> bool:
        """Whether it is one of them."""
        return system == self.system and code in self.codes

    def listed(self) -> Iterator[tuple[Code, System | None]]:
        """All of them."""
        return ((code, self.of) for code in self.codes.values())

    def chosen(self) -> Iterator[System]:
        """None."""
        return iter(())


class Either(msgspec.Struct):
    """In one of them; without any, nothing."""

    parts: list[Any]

    def sql(self, value: Value) -> str:
        """The condition."""
        return f"({' or '.join(f'({part.sql(value)})' for part in self.parts) or 'false'})"

    def has(self, system: str, code: str) -> bool:
        """Whether one of them has it."""
        return any(part.has(system, code) for part in self.parts)

    def listed(self) -> Iterator[tuple[Code, System | None]]:
        """Of all of them."""
        return (one for part in self.parts for one in part.listed())

    def chosen(self) -> Iterator[System]:
        """Of all of them."""
        return (one for part in self.parts for one in part.chosen())


class Both(Either):
    """In every one of them."""

    def sql(self, value: Value) -> str:
        """The condition."""
        return f"({' and '.join(f'({part.sql(value)})' for part in self.parts)})"

    def has(self, system: str, code: str) -> bool:
        """Whether all of them have it."""
        return all(part.has(system, code) for part in self.parts)


class Without(msgspec.Struct):
    """In the first, not in the second."""

    keep: Any
    drop: Any

    def sql(self, value: Value) -> str:
        """The condition."""
        return f"({self.keep.sql(value)} and not {self.drop.sql(value)})"

    def has(self, system: str, code: str) -> bool:
        """Whether it is in the first and not in the second."""
        return bool(self.keep.has(system, code) and not self.drop.has(system, code))

    def listed(self) -> Iterator[tuple[Code, System | None]]:
        """Of the first."""
        return iter(self.keep.listed())

    def chosen(self) -> Iterator[System]:
        """Of the first."""
        return iter(self.keep.chosen())


def takes_all(node: Node) -> bool:
    """Whether it takes every concept of the systems it chooses from."""
    match node:
        case Filtered(tests=tests):
            return not tests
        case Both() | Without() | Listed():
            return False
        case Either(parts=parts):
            return all(takes_all(part) for part in parts if not isinstance(part, Listed))
    return False


async def compiled(tx: Transaction, who: Subject, value_set: r4.ValueSet) -> Node:
    """The set that a value set describes.

    Raises:
        NotFound: a code system or value set that it needs is not in the store.
        Invalid: it imports itself. Malformed: a filter cannot be read.
    """
    return await _Compiler(tx, who).value_set(value_set, ())


async def unknown(tx: Transaction, node: Node) -> list[Code]:
    """The codes of a set that the store does not hold itself: of systems that are not here, or only in part."""
    listed = list(node.listed())
    partial = sorted({of.rid for _code, of in listed if of and not of.complete})
    held: set[tuple[int, str]] = set()
    if partial:
        asked = [code.code for code, of in listed if of and not of.complete]
        sql = "select rid, code from concept where rid = any($1) and code = any($2)"
        held = {(row["rid"], row["code"]) for row in await tx.fetch(sql, partial, asked)}
    return [
        code
        for code, of in listed
        if (of is None or (not of.complete and (of.rid, code.code) not in held)) and node.has(code.system, code.code)
    ]


class _Compiler:
    def __init__(self, tx: Transaction, who: Subject) -> None:
        self._tx = tx
        self._who = who
        self._imported = 0

    async def value_set(self, given: r4.ValueSet, inside: tuple[str, ...]) -> Node:
        if given.compose is None:
            return await self._stored_expansion(given)
        inside = (*inside, given.url) if given.url else inside
        keep = Either([await self._part(one, inside) for one in given.compose.include])
        if not given.compose.exclude:
            return keep
        return Without(keep, Either([await self._part(one, inside) for one in given.compose.exclude]))

    async def _stored_expansion(self, given: r4.ValueSet) -> Node:
        """A value set that is published as its expansion only."""
        by_system: dict[str, dict[str, Code]] = {}
        stack = list(reversed((given.expansion and given.expansion.contains) or ()))
        while stack:
            one = stack.pop()
            stack += reversed(one.contains or ())
            if one.system and one.code and not one.abstract:
                code = Code(one.system, one.code, one.display, one.designation or ())
                by_system.setdefault(one.system, {})[one.code] = code
        return Either([Listed(await self._system(url, None), codes, url) for url, codes in by_system.items()])

    async def _part(self, part: r4.ValueSetComposeInclude, inside: tuple[str, ...]) -> Node:
        sets: list[Node] = [await self._import(url, inside) for url in part.valueSet or ()]
        if part.system is not None:
            sets.insert(0, await self._of_system(part, part.system))
        if not sets:
            raise Invalid(_("Mỗi phần của danh mục cần một hệ mã hoặc một danh mục khác."), where="ValueSet.compose")
        return sets[0] if len(sets) == 1 else Both(sets)

    async def _of_system(self, part: r4.ValueSetComposeInclude, url: str) -> Node:
        found = await self._system(url, part.version)
        if part.concept:
            codes = {
                one.code: Code(url, one.code, one.display, one.designation or ()) for one in part.concept if one.code
            }
            return Listed(found, codes, url)
        if found is None:
            raise NotFound(
                _("Không có hệ mã %(url)s trong kho.", url=url[:200]), where="ValueSet.compose",
                advice=_("Nạp CodeSystem này trước, hoặc liệt kê từng mã trong danh mục."),
            )  # fmt: skip
        if len(part.filter or ()) > MOST_FILTERS:
            raise Malformed(_("Quá %(n)s điều kiện lọc.", n=MOST_FILTERS), code="too-costly")
        for one in part.filter or ():
            await self._try_pattern(one)
        return Filtered(found, [_test(one) for one in part.filter or ()], terms_grammar.GRAMMARS.get(url))

    async def _try_pattern(self, one: r4.ValueSetComposeIncludeFilter) -> None:
        """PostgreSQL knows best whether it can read a pattern."""
        if one.op != "regex":
            return
        _test(one)
        try:
            await self._tx.fetchval("select '' ~ ('^(?:' || $1 || ')$')", one.value)
        except asyncpg.InvalidRegularExpressionError:
            raise Malformed(_("Mẫu lọc của danh mục không đúng."), where="ValueSet.compose.include.filter") from None

    async def _import(self, canonical: str, inside: tuple[str, ...]) -> Node:
        url = canonical.partition("|")[0]
        if url in inside:
            raise Invalid(
                _("Danh mục %(url)s gọi lại chính nó.", url=url[:200]), where="ValueSet.compose.include.valueSet"
            )
        self._imported += 1
        if self._imported > MOST_IMPORTS:
            raise Invalid(_("Danh mục gọi quá %(n)s danh mục khác.", n=MOST_IMPORTS), code="too-costly")
        found = await terms_find.value_set(self._tx, self._who, canonical)
        if found is None:
            raise NotFound(_("Không có danh mục %(url)s trong kho.", url=canonical[:200]), where="ValueSet")
        return await self.value_set(found, inside)

    async def _system(self, url: str, version: str | None) -> System | None:
        return await terms_find.system(self._tx, self._who, url, version)


_ABOVE = (
    "select from concept_above a join concept x on x.rid = a.rid and x.seq = a.{to}"
    " where a.rid = c.rid and a.{of} = c.seq and x.code = {value}"
)
_BELOW_IT = _ABOVE.replace("{to}", "parent").replace("{of}", "child")
_ABOVE_IT = _ABOVE.replace("{to}", "child").replace("{of}", "parent")
_HAS = "select from concept_property p where p.rid = c.rid and p.seq = c.seq and p.property = {name}"
#: Properties of every code system that are columns here.
_COLUMNS: Final = {"code": "c.code", "concept": "c.code", "display": "c.display"}


def _test(one: r4.ValueSetComposeIncludeFilter) -> Callable[[Value], str]:
    """A filter as a condition.

    Raises:
        Malformed: an operator is unknown, or a pattern is too long.
    """
    name, op, given = one.property or "", one.op or "", one.value or ""
    if op == "regex" and (len(given) > MOST_PATTERN or any(c.isdigit() for c in _escaped(given))):
        raise Malformed(_("Mẫu lọc dài quá %(n)s ký tự hoặc có tham chiếu ngược.", n=MOST_PATTERN), code="too-costly")
    if op in _HIERARCHY:
        return lambda value: _HIERARCHY[op].format(value=value(given))
    if name in ("parent", "child") and op == "=":
        link = _BELOW_IT if name == "parent" else _ABOVE_IT
        return lambda value: f"exists ({link.format(value=value(given))} and a.depth = 1)"
    if op not in _OPERATORS:
        raise Malformed(
            _("Cách lọc “%(op)s” chưa được hỗ trợ.", op=op[:40]), code="not-supported", where="ValueSet.compose",
            advice=_("Có: %(known)s.", known=", ".join([*_HIERARCHY, *_OPERATORS])),
        )  # fmt: skip
    return lambda value: _OPERATORS[op](name, given, value)


def _escaped(pattern: str) -> Iterator[str]:
    """The characters after each backslash: a digit there refers back, which no index of states can bound."""
    at = pattern.find("\\")
    while 0 <= at < len(pattern) - 1:
        yield pattern[at + 1]
        at = pattern.find("\\", at + 2)


_HIERARCHY: Final = {
    "is-a": f"(c.code = {{value}} or exists ({_BELOW_IT}))",
    "descendent-of": f"exists ({_BELOW_IT})",
    "is-not-a": f"not (c.code = {{value}} or exists ({_BELOW_IT}))",
    "generalizes": f"(c.code = {{value}} or exists ({_ABOVE_IT}))",
}


def _compared(condition: Callable[[str, str], str], turned: bool = False) -> Callable[[str, str, Value], str]:
    """A comparison of a column, or of any value of a property."""

    def sql(name: str, given: str, value: Value) -> str:
        if name in _COLUMNS:
            found = condition(_COLUMNS[name], value(given))
        else:
            found = f"exists ({_HAS.format(name=value(name))} and {condition('p.value', value(given))})"
        return f"not ({found})" if turned else found

    return sql


def _exists(name: str, given: str, value: Value) -> str:
    found = "true" if name in _COLUMNS else f"exists ({_HAS.format(name=value(name))})"
    return found if given == "true" else f"not ({found})"


def _one_of(column: str, place: str) -> str:
    return f"{column} = any(regexp_split_to_array({place}, '\\s*,\\s*'))"


_OPERATORS: Final[dict[str, Callable[[str, str, Value], str]]] = {
    "=": _compared(lambda column, place: f"{column} = {place}"),
    "in": _compared(_one_of),
    "not-in": _compared(_one_of, turned=True),
    "regex": _compared(lambda column, place: f"{column} ~ ('^(?:' || {place} || ')$')"),
    "exists": _exists,
}
