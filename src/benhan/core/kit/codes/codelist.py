"""One list of codes, searched with or without accents, by the beginnings of words in any order, or by code.

The lists are stored in the order in which a search should show them, so the best answers of a set of
entries are its first ones, and nothing is sorted while somebody types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from functools import cached_property
from itertools import islice

import msgspec

from benhan.core.kit.codes.index import Index, member_of, places_of
from benhan.core.kit.codes.query import ABBREVIATIONS, Query, has_digit

Within = Mapping[str, str | Set[str]]


class Code(msgspec.Struct, frozen=True):
    """One entry of a list: its code, Vietnamese name, flags such as "not_principal", and other columns."""

    code: str
    name: str
    flags: frozenset[str] = frozenset()
    attributes: Mapping[str, str] = {}

    def __getitem__(self, attribute: str) -> str:
        """A column of the list, "" where it is empty or the list has no such column."""
        return self.attributes.get(attribute, "")


class CodeList:
    """A list of codes in the order in which it was stored: the likelier first."""

    def __init__(self, name: str, columns: list[str], lines: list[list[str]]) -> None:
        self.name = name
        self._lines = lines
        self._at_column = {column: place for place, column in enumerate(columns)}
        self._shown = [(c, at) for c, at in self._at_column.items() if c not in {"code", "name", "flags"}]
        self._limits: dict[tuple[str, str], int] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[Code]:
        return (self._entry(place) for place in range(len(self._lines)))

    def __contains__(self, code: object) -> bool:
        return code in self._index.places

    def get(self, code: str) -> Code | None:
        """The entry with exactly this code, or None."""
        place = self._index.places.get(code)
        return None if place is None else self._entry(place)

    def find(
        self,
        query: str,
        limit: int = 20,
        within: Within | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> list[Code]:
        """The entries that a person means by `query`, best first.

        The order: the exact code, the exact name, what is used most (`weights`: code → how often), codes that
        begin so, what everybody uses, names that start so, names that hold all the words. `within` keeps
        entries whose column has a value given: `{"kind": {"laboratory", "imaging"}}`; "flags" are one column.
        An empty query finds nothing.
        """
        asked = Query(query)
        if not asked.key or limit < 1:
            return []
        best = dict.fromkeys(self._best(asked, self._allowed(within), weights or {}, limit))
        places = list(islice(best, limit)) if not asked.accented else self._by_accents(best, asked)[:limit]
        return [self._entry(place) for place in places]

    def warm(self) -> None:
        """Make the index now (0.1 s for the largest list) instead of at the first search."""
        _ = self._index

    def _best(self, asked: Query, allowed: int, weights: Mapping[str, float], limit: int) -> Iterator[int]:
        """Places, best first, some more than once; enough of each rank for `limit` answers."""
        index, wanted = self._index, limit * (4 if asked.accented else 1)
        exact = index.keys.get(asked.key)
        if exact is not None and allowed >> exact & 1:
            yield exact
        yield from islice(places_of(index.titled(asked.folded) & allowed), wanted)
        coded = self._coded(asked.key, allowed)
        matches = self._meant(asked.words) & allowed if asked.is_abbreviated else 0
        typed = self._typed(asked.words) & allowed
        yield from self._used_most(matches | typed | index.bits(coded), weights, wanted)
        yield from coded[:wanted]
        starting, everyday = index.starting(asked.folded), self._everyday
        for found in (matches, typed):
            if found:
                whole, near = self._whole(asked.words), self._near(asked, wanted)
                best = (everyday & starting, everyday & whole, everyday, starting & whole, starting, near, whole)
                for rank in (*best, found):
                    yield from islice(places_of(found & rank), wanted)

    def _coded(self, key: str, allowed: int) -> list[int]:
        """Entries whose code begins so, in the order of the codes."""
        places = self._index.coded(key) if has_digit(key) else []
        return list(filter(member_of(allowed, len(self._lines)), places)) if places else []

    def _near(self, asked: Query, wanted: int) -> int:
        """The first entries that have the words side by side in the order typed."""
        return self._index.bits(self._index.phrased(asked.folded, 4 * wanted)) if len(asked.words) > 1 else 0

    def _by_accents(self, places: Mapping[int, None], asked: Query) -> list[int]:
        """Where accents were typed, names that have them come before names that only fold alike."""
        title, also = self._at_column["name"], self._at_column.get("also")
        exact = self._index.keys.get(asked.key)

        def misses(place: int) -> int:
            line = self._lines[place]
            return -1 if place == exact else asked.misses(f"{line[title]} {line[also]}" if also else line[title])

        return sorted(places, key=misses)

    def _used_most(self, matches: int, weights: Mapping[str, float], wanted: int) -> list[int]:
        if not matches or not weights:
            return []
        places = self._index.places
        used = ((weight, places[code]) for code, weight in weights.items() if weight > 0 and code in places)
        matched = member_of(matches, len(self._lines))
        hits = [(-weight, place) for weight, place in used if matched(place)]
        return [place for _, place in sorted(hits)[:wanted]]

    def _typed(self, words: list[str]) -> int:
        """Entries with each word as it was typed: the beginning of a word, or of the code."""
        found = -1
        for word in words:
            here = self._index.beginning(word)
            if has_digit(word):
                here |= self._index.bits(self._index.coded(word))
            found &= here
        return found if words else 0

    def _meant(self, words: list[str]) -> int:
        """Entries with what the abbreviations stand for."""
        found = -1
        for word in words:
            readings = ABBREVIATIONS.get(word)
            if readings is None:
                found &= self._index.beginning(word)
                continue
            here = 0
            for reading in readings:
                here |= self._typed(reading.split())
            found &= here
        return found

    def _whole(self, words: list[str]) -> int:
        found = -1
        for word in words:
            found &= self._index.having(word)
        return found

    def _allowed(self, within: Within | None) -> int:
        allowed = (1 << len(self._lines)) - 1
        for column, values in (within or {}).items():
            bits = 0
            for value in {values} if isinstance(values, str) else values:
                bits |= self._limit(column, value)
            allowed &= bits
        return allowed

    def _limit(self, column: str, value: str) -> int:
        bits = self._limits.get((column, value))
        if bits is None:
            at, is_flags = self._at_column[column], column == "flags"
            places = [
                place
                for place, line in enumerate(self._lines)
                if line[at] == value or (is_flags and value in line[at].split())
            ]
            bits = self._limits[column, value] = self._index.bits(places)
        return bits

    @cached_property
    def _everyday(self) -> int:
        return self._limit("flags", "everyday") if "flags" in self._at_column else 0

    @cached_property
    def _index(self) -> Index:
        also = self._at_column.get("also")
        return Index(
            [line[self._at_column["code"]] for line in self._lines],
            [line[self._at_column["name"]] for line in self._lines],
            [] if also is None else [line[also] for line in self._lines],
        )

    def _entry(self, place: int) -> Code:
        line, at = self._lines[place], self._at_column
        flags = frozenset(line[at["flags"]].split()) - {"everyday"} if "flags" in at else frozenset[str]()
        return Code(line[at["code"]], line[at["name"]], flags, {column: line[n] for column, n in self._shown})
