"""The inverted index of one list: which entries have a word, begin so, or have a code that begins so.

Sets of entries are Python ints used as bit sets: entry n is bit n. 20,000 entries are 2.5 kB, and AND and OR
of two such sets take a microsecond. The postings of a word become a bit set when they are first asked for.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from struct import unpack

from benhan.core.kit.codes.query import code_key
from benhan.core.kit.text import fold

_LAST = "\U0010ffff"


class Index:
    """Made from codes, their names and their other names ("; " between them), in the order of the list."""

    def __init__(self, codes: list[str], names: list[str], others: list[str]) -> None:
        self._size = len(codes)
        self.places = {code: place for place, code in enumerate(codes)}
        self.keys = {code_key(code): place for place, code in enumerate(codes)}
        self._sorted_keys = sorted(self.keys)
        self._in_code_order = [self.keys[key] for key in self._sorted_keys]
        titles = [(folded, place) for place, folded in enumerate(_folded(names))]
        titles += [
            (folded, place) for place, other in enumerate(others) if other for folded in _folded(other.split(";"))
        ]
        self._postings = _postings(titles)
        self._text = " " + " ".join(f"{folded} \n" for folded, _ in titles)
        self._starts = _starts(titles)
        self._owners = [place for _, place in titles]
        self._vocabulary = sorted(self._postings)
        self._titles = sorted(titles)
        self._words: dict[str, int] = {}
        self._prefixes: dict[str, int] = {}

    def having(self, word: str) -> int:
        """Entries with this whole word."""
        bits = self._words.get(word)
        if bits is None:
            bits = self._words[word] = bits_of(self._postings.get(word, ()), self._size)
        return bits

    def beginning(self, prefix: str) -> int:
        """Entries with a word that begins so. Short prefixes are many words: they are kept."""
        if prefix in self._prefixes:
            return self._prefixes[prefix]
        bits = 0
        for word in self._vocabulary[_run(self._vocabulary, prefix)]:
            bits |= self.having(word)
        if len(prefix) <= 3:
            self._prefixes[prefix] = bits
        return bits

    def coded(self, key: str) -> list[int]:
        """Entries whose code key begins so, in the order of the codes."""
        return self._in_code_order[_run(self._sorted_keys, key)]

    def titled(self, folded: str) -> int:
        """Entries with exactly this name or other name."""
        return bits_of(self._between((folded, -1), (folded, self._size)), self._size)

    def starting(self, folded: str) -> int:
        """Entries with a name or other name that starts so."""
        return bits_of(self._between((folded, -1), (folded + _LAST, -1)), self._size)

    def phrased(self, folded: str, wanted: int) -> list[int]:
        """The first entries with these words side by side, the last of them perhaps unfinished."""
        found: list[int] = []
        at = self._text.find(f" {folded}")
        while at >= 0 and len(found) < wanted:
            title = bisect_right(self._starts, at) - 1
            found.append(self._owners[title])
            at = self._text.find(f" {folded}", at + 1)
        return found

    def bits(self, places: list[int]) -> int:
        """A set of these entries."""
        return bits_of(places, self._size)

    def _between(self, first: tuple[str, int], last: tuple[str, int]) -> list[int]:
        start = bisect_left(self._titles, first)
        return [place for _, place in self._titles[start : bisect_left(self._titles, last, start)]]


def bits_of(places: list[int] | tuple[int, ...], size: int) -> int:
    """The bit set of these places."""
    if len(places) < 8:
        bits = 0
        for place in places:
            bits |= 1 << place
        return bits
    buffer = bytearray(size // 8 + 1)
    for place in places:
        buffer[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(buffer, "little")


def places_of(bits: int) -> Iterator[int]:
    """The places in a bit set, lowest first; whoever has enough stops asking."""
    words = (bits.bit_length() + 63) // 64
    for at, word in enumerate(unpack(f"<{words}Q", bits.to_bytes(words * 8, "little"))):
        rest = word
        while rest:
            low = rest & -rest
            yield at * 64 + low.bit_length() - 1
            rest ^= low


def member_of(bits: int, size: int) -> Callable[[int], int]:
    """A quick test whether a place is in the set: shifting a long int for each of many places is not."""
    octets = bits.to_bytes(size // 8 + 1, "little")
    return lambda place: octets[place >> 3] >> (place & 7) & 1


def _run(ordered: list[str], prefix: str) -> slice:
    """Where in a sorted list the strings are that begin so."""
    start = bisect_left(ordered, prefix)
    return slice(start, bisect_left(ordered, prefix + _LAST, start))


def _starts(titles: list[tuple[str, int]]) -> list[int]:
    """Where each title begins in the text of all of them: a space, the title, a space, an end of line."""
    starts, at = [], 0
    for title, _ in titles:
        starts.append(at)
        at += len(title) + 3
    return starts


def _postings(titles: list[tuple[str, int]]) -> dict[str, list[int]]:
    postings: dict[str, list[int]] = {}
    for title, place in titles:
        for word in set(title.split()):
            if word in postings:
                postings[word].append(place)
            else:
                postings[word] = [place]
    return postings


class _FoldedWords(dict[str, str]):
    def __missing__(self, word: str) -> str:
        folded = self[word] = fold(word)
        return folded


_WORDS = _FoldedWords()
"""Words of the lists, folded once: names repeat theirs. Bounded by the lists; queries never come here."""


def _folded(lines: list[str]) -> list[str]:
    word = _WORDS.__getitem__
    return [" ".join(" ".join(map(word, line.split())).split()) for line in lines]
