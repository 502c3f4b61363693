"""The concepts that a typed text means, best first, read along indexes and only as far as a page needs.

Ranks: 0 the code itself or a whole name; 1 codes that begin so; 2 names that begin so; 3 names that hold all the words,
by their beginnings, in any order, without accents; within a rank in the order of the code system. Nothing here leaves
PostgreSQL a choice of plan: what is rare is counted first, what is common is walked in blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from benhan.core.db import Transaction
from benhan.core.kit.codes.query import code_key, has_digit
from benhan.core.kit.text import fold
from benhan.core.store.terms_compose import Node, Values, takes_all
from benhan.core.store.terms_concepts import MOST_WORD
from benhan.core.store.terms_find import System

MOST_TYPED: Final = 120
MOST_WORDS: Final = 12
#: A word that so few names have leads the search; where all words are commoner, the concepts are walked in order.
FEW: Final = 1500
#: Concepts in the first block of a walk; each further block is four times as large.
BLOCK: Final = 4000
END: Final = "\U0010ffff"
COLUMNS: Final = "c.rid, c.seq, c.code, c.display, c.abstract, c.inactive, c.body"

Hit = tuple[int, int]


class Typed:
    """A typed text, taken apart once."""

    def __init__(self, text: str) -> None:
        self.folded = fold(text[:MOST_TYPED])
        self.words = [word[:MOST_WORD] for word in self.folded.split()[:MOST_WORDS]]
        self.key = code_key(text[:MOST_TYPED])
        self.is_code = has_digit(self.key)
        #: One or two letters begin so many names that their order says nothing.
        self.is_long = len(self.folded) > 2

    def rank(self, key: str, titles: Sequence[str], words: str) -> int | None:
        """How well a concept fits; None: not at all. The same as the statements say."""
        if key == self.key or self.folded in titles:
            return 0
        if self.is_code and key.startswith(self.key):
            return 1
        if self.is_long and any(title.startswith(self.folded) for title in titles):
            return 2
        return 3 if all(f" {word}" in words for word in self.words) else None


class Ranked:
    """One search in the systems that a value set chooses from; `extra` are further conditions on `concept c`."""

    def __init__(self, node: Node, systems: list[System], typed: Typed, extra: Sequence[str] = ()) -> None:
        self._node = node
        self._systems = systems
        self._typed = typed
        self._extra = extra

    async def first(self, tx: Transaction, depth: int) -> list[Any]:
        """The first `depth` concepts, with their rank."""
        words, titles = await self._met(tx)
        rarest = min(range(len(words)), key=words.__getitem__)
        values = Values([one.rid for one in self._systems])
        most, where = values(depth), chosen_where(self._node, values, self._extra)
        parts = self._by_code(values, where, most)
        parts += self._by_title(values, where, most, begins=self._typed.is_long and titles <= FEW)
        if words[rarest] <= FEW:
            parts.append(self._by_word(values, where, most, rarest))
        else:
            hits = await self._walk(tx, depth)
            rids, seqs = values([rid for rid, _seq in hits]), values([seq for _rid, seq in hits])
            parts.append(f"(select w.rid, w.seq, 3, '' from unnest({rids}::bigint[], {seqs}::int[]) w(rid, seq))")
        return await tx.fetch(_statement(parts, most), *values.all)

    async def _met(self, tx: Transaction) -> tuple[list[int], int]:
        """How many names have a word that begins so, for each word, and how many begin so; up to FEW + 1."""
        values = Values([one.rid for one in self._systems])
        counts = []
        for column, text in [*(("word", word) for word in self._typed.words), ("title", self._typed.folded)]:
            place = values(text)
            rows = f"concept_{column} where rid = any($1) and {column} >= {place} and {column} < {place} || '{END}'"
            counts.append(f"(select count(*) from (select from {rows} limit {FEW + 1}) few)")
        row = await tx.fetchrow(f"select {', '.join(counts)}", *values.all)
        assert row
        *words, titles = row.values()
        return words, titles

    def _by_code(self, values: Values, where: str, most: str) -> list[str]:
        key, and_where = values(self._typed.key), f" and {where}" if where else ""
        exact = "select c.rid, c.seq, 0 as rank, '' as key from concept c where c.rid = any($1) and c.key = "
        parts = [f"({exact}{key}{and_where} limit {most})"]
        if self._typed.is_code:
            begins = f"c.key > {key} and c.key < {key} || '{END}'{and_where} order by c.key limit {most}"
            parts += [
                f"(select c.rid, c.seq, 1, c.key from concept c where c.rid = {values(one.rid)}::bigint and {begins})"
                for one in self._systems
            ]
        return parts

    def _by_title(self, values: Values, where: str, most: str, *, begins: bool) -> list[str]:
        folded = values(self._typed.folded)
        rows = (
            "(select t.rid, t.seq, {rank}, '' from (select rid, seq from concept_title where rid = any($1) and {title}"
            f" order by array_position($1, rid), seq offset 0) t{_checked('t', where)} limit {most})"
        )
        longer = rows.format(rank=2, title=f"title > {folded} and title < {folded} || '{END}'")
        return [rows.format(rank=0, title=f"title = {folded}"), *([longer] * begins)]

    def _by_word(self, values: Values, where: str, most: str, rarest: int) -> str:
        """Led by the rarest word; the others are looked for in the names that have it."""
        others = [word for n, word in enumerate(self._typed.words) if n != rarest]
        word = values(self._typed.words[rarest])
        return (
            "(select w.rid, w.seq, 3, '' from"
            " (select distinct array_position($1, rid) as at, rid, seq from concept_word"
            f" where rid = any($1) and word >= {word} and word < {word} || '{END}' order by 1, 3 offset 0) w"
            f"{_checked('w', _held(others, values), where)} limit {most})"
        )

    async def _walk(self, tx: Transaction, depth: int) -> list[Hit]:
        """All words are common: the concepts are tried in order, block by block, until there are enough."""
        found: list[Hit] = []
        for one in self._systems:
            start, size = 0, BLOCK
            while start < one.concepts and len(found) < depth:
                values = Values(one.rid, start, start + size, depth - len(found))
                meets = [_held(self._typed.words, values), chosen_where(self._node, values, self._extra)]
                rows = await tx.fetch(
                    "select c.rid, c.seq from concept c where c.rid = $1 and c.seq >= $2 and c.seq < $3"
                    f" and {' and '.join(part for part in meets if part)} order by c.seq limit $4",
                    *values.all,
                )
                found += [(row["rid"], row["seq"]) for row in rows]
                start, size = start + size, size * 4
        return found


def chosen_where(node: Node, values: Values, extra: Sequence[str]) -> str:
    """What a chosen concept must meet, "" for nothing; the listed ones are shown already."""
    parts = [] if takes_all(node) else [node.sql(values)]
    by_rid: dict[int, list[str]] = {}
    for code, of in node.listed():
        if of is not None:
            by_rid.setdefault(of.rid, []).append(code.code)
    parts += [
        f"not (c.rid = {values(rid)}::bigint and c.code = any({values(codes)}::text[]))"
        for rid, codes in by_rid.items()
    ]
    return " and ".join([*parts, *extra])


def _held(words: Sequence[str], values: Values) -> str:
    return " and ".join(f"position({values(' ' + word)} in c.words) > 0" for word in words)


def _checked(of: str, *conditions: str) -> str:
    """Each row of `of` tried on its concept, one look into the index each; `offset 0` keeps PostgreSQL to that."""
    if not any(conditions):
        return ""
    meets = " and ".join(one for one in conditions if one)
    place = f"c.rid = {of}.rid and c.seq = {of}.seq"
    return f" cross join lateral (select from concept c where {place} and {meets} offset 0) c"


def _statement(parts: list[str], most: str) -> str:
    """The best rank of each concept found, the first of them with all that is shown."""
    return (
        "with hit as materialized"
        " (select rid, seq, min(rank) as rank, max(key) as key"
        f" from ({' union all '.join(parts)}) x group by rid, seq),"
        " best as materialized (select rid, seq, rank, case rank when 1 then key else '' end as key from hit"
        f" order by rank, array_position($1, rid), 4, seq limit {most})"
        f" select {COLUMNS}, b.rank from best b cross join lateral"
        " (select * from concept c where c.rid = b.rid and c.seq = b.seq offset 0) c"
        " order by b.rank, array_position($1, b.rid), b.key, b.seq"
    )
