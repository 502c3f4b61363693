"""One list of codes, searched with or without accents, by the beginnings of words in any order, or by code.

An inverted index of folded words; the postings of a word become a bit set (a Python int) when they are first
asked for, so that a query is a few ANDs and ORs of 20,000 bits, and the best answers are the lowest bits,
because the lists are stored in the order in which they should be shown.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Final

import msgspec

from benhan.core.kit.text import fold, nfc

#: The longest query that is looked at, in characters and in words.
QUERY_LIMIT: Final = 120
WORD_LIMIT: Final = 12

#: What clinicians type for longer words. Folded on both sides.
ABBREVIATIONS: Final = {
    "xq": "x quang", "xquang": "x quang", "sa": "sieu am", "ctm": "tong phan tich te bao mau",
    "clvt": "cat lop vi tinh", "ct": "cat lop vi tinh", "mri": "cong huong tu", "cht": "cong huong tu",
    "ecg": "dien tim", "dtd": "dai thao duong", "tha": "tang huyet ap", "nk": "nhiem khuan",
    "nmct": "nhoi mau co tim", "tbmmn": "tai bien mach mau nao", "sxh": "sot xuat huyet", "vp": "viem phoi",
    "vdd": "viem da day", "rlth": "roi loan tieu hoa", "thk": "thoai hoa khop", "copd": "phoi tac nghen man tinh",
    "tnmc": "thieu nang mach", "tp": "thanh pho", "hcm": "ho chi minh", "hn": "ha noi",
}  # fmt: skip


class Code(msgspec.Struct, frozen=True):
    """One entry of a list: its code, Vietnamese name, flags such as "not_principal", and other columns."""

    code: str
    name: str
    flags: frozenset[str] = frozenset()
    attributes: Mapping[str, str] = {}

    def __getitem__(self, attribute: str) -> str:
        """A column of the list, "" where it is empty."""
        return self.attributes.get(attribute, "")


_NO_FLAGS: Final[frozenset[str]] = frozenset()


class CodeList:
    """A list of codes in the order in which it was stored: the likelier first."""

    def __init__(self, name: str, columns: list[str], lines: list[list[str]]) -> None:
        self.name = name
        self._lines = lines
        self._code, self._title = columns.index("code"), columns.index("name")
        self._also = columns.index("also") if "also" in columns else None
        self._flags = columns.index("flags") if "flags" in columns else None
        kept = {"code", "name", "also", "flags"}
        self._columns = [(column, place) for place, column in enumerate(columns) if column not in kept]
        self._seen_flags: dict[str, frozenset[str]] = {"": _NO_FLAGS}
        self._bits: dict[str, int] = {}
        self._limits: dict[tuple[str, str], int] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[Code]:
        return (self._at(place) for place in range(len(self._lines)))

    def __contains__(self, code: object) -> bool:
        return code in self._places

    def get(self, code: str) -> Code | None:
        """The entry with exactly this code, or None."""
        place = self._places.get(code)
        return None if place is None else self._at(place)

    def find(
        self,
        query: str,
        limit: int = 20,
        within: Mapping[str, str | set[str] | frozenset[str]] | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> list[Code]:
        """The entries that a person means by `query`, best first.

        The order: the exact code, the exact name, what is used most (`weights`: code → how often), names
        that start with the query, names that hold all its words. `within` keeps entries whose columns have
        one of the values given: `{"kind": {"laboratory", "imaging"}}`. An empty query gives nothing.
        """
        words = _Query(query)
        if not words.key or limit < 1:
            return []
        allowed = self._allowed(within)
        found: dict[int, None] = {}
        for place in self._best(words, allowed, weights or {}):
            found[place] = None
            if len(found) >= limit and not words.accented:
                break
            if len(found) >= limit * 4:
                break
        places = self._accents_first(list(found), words) if words.accented else list(found)
        return [self._at(place) for place in places[:limit]]

    def _best(self, words: _Query, allowed: int, weights: Mapping[str, float]) -> Iterator[int]:
        """Places from best to worst; some may come twice."""
        by_code = self._code_bits(words.key) & allowed if words.key[:1].isalnum() else 0
        exact = self._keys.get(words.key)
        if exact is not None and allowed >> exact & 1:
            yield exact
        yield from _ones(self._exact_name_bits(words.folded) & allowed)
        variants = [self._all_words(variant) & allowed for variant in words.variants()]
        everything = by_code
        for bits in variants:
            everything |= bits
        if weights and everything:
            yield from self._used_most(everything, weights)
        if words.has_digit:
            yield from self._in_code_order(words.key, by_code)
        for bits in variants:
            if bits:
                yield from _ones(bits & self._starting_bits(words.folded))
                yield from _ones(bits & self._whole_words(words.words))
                yield from _ones(bits)

    def _used_most(self, bits: int, weights: Mapping[str, float]) -> list[int]:
        places = self._places
        used = [(weight, places[code]) for code, weight in weights.items() if weight > 0 and code in places]
        return [place for _, place in sorted(used, key=lambda pair: (-pair[0], pair[1])) if bits >> place & 1]

    def _accents_first(self, places: list[int], words: _Query) -> list[int]:
        """Where the query has accents, names with the same accents come before names that fold alike."""

        def lacking(place: int) -> int:
            written = set(_WORDS.findall(self._lines[place][self._title].lower()))
            return sum(word not in written for word in words.accented)

        first = [place for place in places if self._is_exact(place, words)]
        others = [place for place in places if place not in first]
        return first + sorted(others, key=lacking)

    def _is_exact(self, place: int, words: _Query) -> bool:
        return self._keys.get(words.key) == place

    # The index. All of it is made when it is first asked for.

    @cached_property
    def _places(self) -> dict[str, int]:
        return {line[self._code]: place for place, line in enumerate(self._lines)}

    @cached_property
    def _keys(self) -> dict[str, int]:
        return {code_key(line[self._code]): place for place, line in enumerate(self._lines)}

    @cached_property
    def _sorted_keys(self) -> list[str]:
        return sorted(self._keys)

    @cached_property
    def _names(self) -> list[str]:
        return _folded([line[self._title] for line in self._lines])

    @cached_property
    def _other_names(self) -> list[str]:
        if self._also is None:
            return [""] * len(self._lines)
        return _folded([line[self._also] for line in self._lines])

    @cached_property
    def _postings(self) -> dict[str, list[int]]:
        postings: dict[str, list[int]] = {}
        for place, (name, other) in enumerate(zip(self._names, self._other_names, strict=True)):
            for word in {*name.split(), *other.split()}:
                if word in postings:
                    postings[word].append(place)
                else:
                    postings[word] = [place]
        return postings

    @cached_property
    def _vocabulary(self) -> list[str]:
        return sorted(self._postings)

    @cached_property
    def _sorted_names(self) -> list[tuple[str, int]]:
        named = list(zip(self._names, range(len(self._names)), strict=True))
        if self._also is not None:
            named += [(line, place) for place, line in enumerate(self._other_names) if line]
        return sorted(named)

    def _word_bits(self, word: str) -> int:
        bits = self._bits.get(word)
        if bits is None:
            bits = self._bits[word] = _bits_of(self._postings.get(word, []), len(self._lines))
        return bits

    def _prefix_bits(self, prefix: str) -> int:
        """Entries with a word that begins so. Kept for prefixes of up to three letters: the costly ones."""
        kept = f"{prefix}*"
        if kept in self._bits:
            return self._bits[kept]
        vocabulary, bits = self._vocabulary, 0
        for place in range(bisect_left(vocabulary, prefix), len(vocabulary)):
            if not vocabulary[place].startswith(prefix):
                break
            bits |= self._word_bits(vocabulary[place])
        if len(prefix) <= 3:
            self._bits[kept] = bits
        return bits

    def _all_words(self, words: list[str]) -> int:
        bits = -1
        for word in words:
            here = self._prefix_bits(word)
            if any(letter.isdigit() for letter in word):
                here |= self._code_bits(word)
            bits &= here
            if not bits:
                return 0
        return bits if words else 0

    def _whole_words(self, words: list[str]) -> int:
        bits = -1
        for word in words:
            bits &= self._word_bits(word) if word in self._postings else 0
        return bits

    def _code_places(self, key: str) -> list[int]:
        keys, start = self._sorted_keys, bisect_left(self._sorted_keys, key)
        end = bisect_left(keys, key + "\U0010ffff", start)
        return [self._keys[found] for found in keys[start:end]]

    def _code_bits(self, key: str) -> int:
        if not any(letter.isdigit() for letter in key):
            return 0
        return _bits_of(self._code_places(key), len(self._lines))

    def _in_code_order(self, key: str, allowed: int) -> Iterator[int]:
        return (place for place in self._code_places(key) if allowed >> place & 1)

    def _exact_name_bits(self, folded: str) -> int:
        places = []
        for at in range(bisect_left(self._sorted_names, (folded, -1)), len(self._sorted_names)):
            if self._sorted_names[at][0] != folded:
                break
            places.append(self._sorted_names[at][1])
        return _bits_of(places, len(self._lines))

    def _starting_bits(self, folded: str) -> int:
        start = bisect_left(self._sorted_names, (folded, -1))
        end = bisect_left(self._sorted_names, (folded + "\U0010ffff", -1), start)
        return _bits_of([place for _, place in self._sorted_names[start:end]], len(self._lines))

    def _allowed(self, within: Mapping[str, str | set[str] | frozenset[str]] | None) -> int:
        allowed = (1 << len(self._lines)) - 1
        for column, values in (within or {}).items():
            bits = 0
            for value in {values} if isinstance(values, str) else values:
                bits |= self._limit_bits(column, value)
            allowed &= bits
        return allowed

    def _limit_bits(self, column: str, value: str) -> int:
        if (column, value) not in self._limits:
            at = dict(self._columns)[column]
            places = [place for place, line in enumerate(self._lines) if line[at] == value]
            self._limits[column, value] = _bits_of(places, len(self._lines))
        return self._limits[column, value]

    def _at(self, place: int) -> Code:
        line = self._lines[place]
        flags = _NO_FLAGS if self._flags is None else self._flag_set(line[self._flags])
        return Code(
            line[self._code], line[self._title], flags, {name: line[at] for name, at in self._columns}
        )

    def _flag_set(self, written: str) -> frozenset[str]:
        if written not in self._seen_flags:
            self._seen_flags[written] = frozenset(written.split())
        return self._seen_flags[written]


class _Query:
    """What was typed, taken apart once."""

    def __init__(self, typed: str) -> None:
        typed = nfc(typed[:QUERY_LIMIT])
        self.folded = fold(typed)
        self.words = self.folded.split()[:WORD_LIMIT]
        self.key = code_key(typed)
        self.has_digit = any(letter.isdigit() for letter in self.key)
        self.accented = [word for word in _WORDS.findall(typed.lower()) if not word.isascii()]

    def variants(self) -> list[list[str]]:
        """The words with abbreviations written out (if there are any), then the words as typed."""
        long = [part for word in self.words for part in ABBREVIATIONS.get(word, word).split()]
        return [self.words] if long == self.words else [long, self.words]


_WORDS: Final = re.compile(r"\w+")


def code_key(code: str) -> str:
    """A code as it is compared: small letters, no spaces; ICD-10 without its dot ("J18.0" and "j180")."""
    key = code.strip().lower().replace(" ", "")
    return key.replace(".", "") if key[:1].isalpha() else key


class _FoldedWords(dict[str, str]):
    def __missing__(self, word: str) -> str:
        folded = self[word] = fold(word)
        return folded


def _folded(lines: list[str]) -> list[str]:
    """Each line folded, each different word only once: names repeat theirs, so this is three times as fast."""
    words = _FoldedWords()
    return [" ".join(" ".join(map(words.__getitem__, line.split())).split()) for line in lines]


def _bits_of(places: list[int], size: int) -> int:
    if not places:
        return 0
    if len(places) < 8:
        bits = 0
        for place in places:
            bits |= 1 << place
        return bits
    buffer = bytearray(size // 8 + 1)
    for place in places:
        buffer[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(buffer, "little")


def _ones(bits: int) -> Iterator[int]:
    """Places of the ones, lowest first; the consumer stops when it has enough."""
    for at, byte in enumerate(bits.to_bytes((bits.bit_length() + 7) // 8, "little")):
        while byte:
            low = byte & -byte
            yield at * 8 + low.bit_length() - 1
            byte ^= low
