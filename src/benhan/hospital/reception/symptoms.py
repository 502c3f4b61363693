"""Which specialty somebody may mean who says what is wrong: a suggestion, from `symptoms.toml`. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from benhan.core.kit.text import fold

#: Letters from which on the beginning of a word counts.
LEAST = 3


@cache
def by_specialty() -> Mapping[str, tuple[str, ...]]:
    """The words of each specialty (its code), those for which it is the likeliest first."""
    table: dict[str, list[str]] = tomllib.loads(Path(__file__).with_name("symptoms.toml").read_text("utf-8"))["words"]
    found: dict[str, list[tuple[int, str]]] = {}
    for word, specialties in table.items():
        for place, code in enumerate(specialties):
            found.setdefault(code, []).append((place, word))
    return {code: tuple(word for _place, word in sorted(words)) for code, words in found.items()}


def said(text: str, words: Iterable[str]) -> list[str]:
    """The words among these that stand in a text, or begin with all of it (3 letters); accents need not be typed."""
    spoken = fold(text)
    folded = [(word, fold(word)) for word in words]
    return [
        word for word, bare in folded
        if f" {bare} " in f" {spoken} " or (len(spoken) >= LEAST and bare.startswith(spoken))
    ]  # fmt: skip
