"""What somebody typed into a code search, taken apart once: folded words, a code key, abbreviations."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Final

from benhan.core.kit.text import fold, nfc

#: The longest query that is looked at, in characters and in words.
QUERY_LIMIT: Final = 120
WORD_LIMIT: Final = 12

#: What clinicians type for longer words (folded); each may be written in several ways in the lists.
ABBREVIATIONS: Final[dict[str, tuple[str, ...]]] = {
    "xq": ("x quang",),
    "xquang": ("x quang",),
    "sa": ("sieu am",),
    "ctm": ("tong phan tich te bao mau",),
    "ct": ("clvt", "cat lop vi tinh"),
    "clvt": ("cat lop vi tinh",),
    "mri": ("cong huong tu",),
    "cht": ("cong huong tu",),
    "ecg": ("dien tim",),
    "dtd": ("dai thao duong",),
    "tha": ("tang huyet ap",),
    "nk": ("nhiem khuan", "nhiem trung"),
    "nmct": ("nhoi mau co tim",),
    "sxh": ("sot xuat huyet",),
    "copd": ("phoi tac nghen man tinh",),
    "typ": ("tip",),
    "type": ("tip",),
    "tp": ("thanh pho",),
    "hcm": ("ho chi minh",),
    "hn": ("ha noi",),
}

_WRITTEN: Final = re.compile(r"\w+")


class Query:
    """A query of at most `QUERY_LIMIT` characters."""

    def __init__(self, typed: str) -> None:
        self.typed = nfc(typed[:QUERY_LIMIT])
        self.folded = fold(self.typed)
        self.words = self.folded.split()[:WORD_LIMIT]
        self.key = code_key(self.typed)

    @cached_property
    def accented(self) -> list[str]:
        """The words that were typed with accents, small letters."""
        return [word for word in _WRITTEN.findall(self.typed.lower()) if not word.isascii()]

    @cached_property
    def is_abbreviated(self) -> bool:
        """Whether a word has a longer meaning."""
        return any(word in ABBREVIATIONS for word in self.words)

    def misses(self, name: str) -> int:
        """How many of the accented words a name does not have just so: 0 is best."""
        written = set(_WRITTEN.findall(name.lower()))
        return sum(word not in written for word in self.accented)


def code_key(code: str) -> str:
    """A code as it is compared: small letters, no spaces; ICD-10 without its dot ("J18.0" and "j180")."""
    key = code.strip().lower().replace(" ", "")
    return key.replace(".", "") if key[:1].isalpha() else key


def has_digit(text: str) -> bool:
    """Whether it may be (the beginning of) a code."""
    return any(letter.isdigit() for letter in text)
