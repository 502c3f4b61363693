"""Names that sound alike: what `phonetic` finds. Pure.

A receptionist hears “Dung” and the card says “Zung” or “Giung”. The folded word (no accents, no tones) is reduced to
what is told apart by ear across the regions of Vietnam: tr = ch, s = x, d = gi = r = v (đ too, as accents are gone),
l = n, c = k = q, ph = f, g = gh, ng = ngh; at the end n = ng = nh and t = c = ch; i = y. Names with the same
reduced words, in any order, are found for each other. More is found than sounds alike to one ear: a net, not a proof.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from benhan.core.kit.text import fold

_INITIALS: Final = (
    ("ngh", "N"), ("ng", "N"), ("nh", "J"), ("gh", "g"), ("gi", "z"), ("kh", "K"), ("ph", "f"), ("th", "T"),
    ("tr", "C"), ("ch", "C"), ("qu", "kw"), ("d", "z"), ("r", "z"), ("v", "z"), ("s", "x"), ("n", "l"), ("c", "k"),
    ("q", "k"), ("y", "i"),
)  # fmt: skip
_FINAL: Final = re.compile(r"(ng|nh|n)$|(ch|c|t)$")


@lru_cache(16384)
def sound(word: str) -> str:
    """What is heard of one folded word: "nguyen" and "nguyeng" are one, "tran" and "chang" too."""
    begun = next((key + word[len(written) :] for written, key in _INITIALS if word.startswith(written)), word)
    head, rest = begun[:1], begun[1:].replace("y", "i")
    return head + _FINAL.sub(lambda end: "n" if end[1] else "t", rest)


def sound_words(text: str) -> list[str]:
    """What is heard of each word of a text as it was written."""
    return [sound(word) for word in fold(text).split()]
