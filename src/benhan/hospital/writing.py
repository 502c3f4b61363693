"""Texts in sections that several people write: nobody overwrites another silently. Pure.

A form carries a seal: a fingerprint of each section as its writer saw it. A section is taken over when only she
changed it; when somebody else changed the same section meanwhile, both texts go back and a person chooses.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import blake2b
from typing import Final

import msgspec

from benhan.core.kit.text import nfc

#: The longest text of one section.
MOST: Final = 8000

Texts = Mapping[str, str]


class Merged(msgspec.Struct, frozen=True):
    """What the note says after a save, and the sections where a person must choose."""

    texts: dict[str, str]
    clashes: list[str]


def seal(texts: Texts, sections: Collection[str]) -> str:
    """The fingerprints of all sections, in their order: what the `version` field of the form carries."""
    return "-".join(fingerprint(texts.get(code, "")) for code in sections)


def merge(stored: Texts, typed: Texts, seen: str, sections: Collection[str]) -> Merged:
    """Three ways, section by section: what stands there, what was typed, what the writer had seen (a seal)."""
    fingerprints = dict(zip(sections, seen.split("-"), strict=False))
    texts, clashes = {}, []
    for code in sections:
        theirs, mine = stored.get(code, ""), typed.get(code, stored.get(code, ""))
        before = fingerprints.get(code, "")
        i_changed, they_changed = (fingerprint(text) != before for text in (mine, theirs))
        if i_changed and they_changed and mine != theirs:
            clashes.append(code)
        texts[code] = mine if i_changed else theirs
    return Merged(texts, clashes)


def clean(text: str) -> str:
    """A section as it is stored: composed letters, no blanks at the ends of lines, line breaks kept."""
    lines = (nfc(line) for line in text.replace("\r\n", "\n").split("\n"))
    return "\n".join(lines).strip()[:MOST]


def fingerprint(text: str) -> str:
    """What tells one text of a section from another."""
    return blake2b(clean(text).encode(), digest_size=5).hexdigest()
