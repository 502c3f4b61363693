"""Vietnamese text: one form in the record, many forms in the search field.

A name is stored as it is written (NFC). It is looked for without accents, in any word order and by the
beginnings of words, because a receptionist types "tam dang" for "Đặng Thị Tâm" with a queue in front of her.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from benhan.core.fhir.outcome import Invalid
from benhan.core.language import _

#: Longest text that is folded; a name or a code title is far shorter, and a pasted book costs nothing.
FOLD_LIMIT: Final = 4096

#: Letters that carry a bar or are typed for another and have no decomposition in Unicode.
#: Digits that may be a telephone or an identifier, but the last three.
_UUID_OR_LONG_NUMBER: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})|(?<![#0-9a-f])\d{6,}(?=\d{3})")
_BARRED: Final = {"đ": "d", "ð": "d", "ɖ": "d", "ł": "l", "ø": "o", "ħ": "h", "ı": "i"}


class _FoldTable(dict[int, str | None]):
    """Code point → folded letters, " " or None (dropped); worked out once for each code point met."""

    def __missing__(self, code: int) -> str | None:
        folded = _fold_character(chr(code))
        self[code] = folded
        return folded


def _fold_character(character: str) -> str | None:
    if unicodedata.category(character) in {"Mn", "Mc", "Me", "Cf"}:
        return None  # a combining accent, or a mark nobody sees
    bare = character
    for _round in range(3):  # some letters decompose into letters that decompose again
        bare = unicodedata.normalize("NFKD", _BARRED.get(bare.lower(), bare)).casefold()
        bare = "".join(_BARRED.get(c, c) for c in bare if unicodedata.category(c)[0] != "M")
    return "".join(c if c.isalnum() else " " for c in bare)


_ASCII: Final = str.maketrans({chr(c): chr(c).lower() if chr(c).isalnum() else " " for c in range(128)})
_FOLD: Final = _FoldTable(_ASCII)
for _code in (*range(0x80, 0x250), *range(0x300, 0x370), *range(0x1E00, 0x1F00)):
    _FOLD[_code]


def nfc(text: str) -> str:
    """The stored form: composed letters, one space between words, none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def fold(text: str) -> str:
    """The searched form: lower case, no accents, đ as d, punctuation and runs of spaces as one space.

    Composed and decomposed input give the same. Reads at most `FOLD_LIMIT` characters.
    """
    table = _ASCII if text.isascii() else _FOLD
    return " ".join(text[:FOLD_LIMIT].translate(table).split())


def unaccented(text: str) -> str:
    """The same in ASCII: "Đặng Thị Tâm" as "Dang Thi Tam"; what has no such letter is left out."""
    bare = unicodedata.normalize("NFKD", text.replace("đ", "d").replace("Đ", "D"))
    return bare.encode("ascii", "ignore").decode()


def name_words(name: str) -> list[str]:
    """The folded words of a name in the order written."""
    return fold(name).split()


def name_key(name: str) -> str:
    """A key that is equal for the same words in any order: "dang tam thi" for "Đặng Thị Tâm"."""
    return " ".join(sorted(name_words(name)))


def name_matches(query: str, name: str) -> bool:
    """Whether each word of `query` begins a word of `name` of its own. An empty query matches nothing."""
    wanted = sorted(name_words(query), key=len, reverse=True)
    free = name_words(name)
    for word in wanted:  # longest first: its candidates are a part of any shorter word's candidates
        found = next((candidate for candidate in free if candidate.startswith(word)), None)
        if found is None:
            return False
        free.remove(found)
    return bool(wanted)


def title_name(name: str) -> str:
    """A name as it is written on paper: "ĐẶNG THỊ TÂM" → "Đặng Thị Tâm", "h'hen niê" → "H'Hen Niê"."""
    return _WORD_START.sub(lambda found: found[0].upper(), nfc(name).lower())


_WORD_START: Final = re.compile(r"(?<![^\W_])[^\W\d_]")


def initials(name: str) -> str:
    """First letters of the family and the given name, which a Vietnamese name has first and last: "ĐT"."""
    words = [word for word in nfc(name).split() if word[0].isalpha()]
    ends = words if len(words) < 2 else [words[0], words[-1]]
    return "".join(word[0].upper() for word in ends)


def clip(text: str, length: int) -> str:
    """At most `length` characters, cut between words where it can be, with "…" for what is left out."""
    if len(text) <= length:
        return text
    kept = text[: max(length - 1, 0)]
    cut = kept.rfind(" ")
    return (kept[:cut] if cut > length // 2 else kept).rstrip(" ,;.-") + "…"


# Telephone numbers. Source: Quy hoạch kho số viễn thông, TT 22/2014/TT-BTTTT, and the 2018 change of
# 11-digit mobile numbers to 10 digits (QĐ 798/QĐ-BTTTT): old records still carry the old prefixes.

_OLD_MOBILE: Final = {
    "0120": "070", "0121": "079", "0122": "077", "0126": "076", "0128": "078",
    "0123": "083", "0124": "084", "0125": "085", "0127": "081", "0129": "082",
    "0162": "032", "0163": "033", "0164": "034", "0165": "035", "0166": "036",
    "0167": "037", "0168": "038", "0169": "039", "0186": "056", "0188": "058", "0199": "059",
}  # fmt: skip
_MOBILE: Final = re.compile(r"0[35789]\d{8}", re.ASCII)
_LANDLINE: Final = re.compile(r"02\d{9}", re.ASCII)
_FOREIGN: Final = re.compile(r"\+(?!84)[1-9]\d{6,14}", re.ASCII)
_WRITTEN: Final = re.compile(r"\+?[\d\s().\-]{3,40}", re.ASCII)


def numbers_hidden(text: str) -> str:
    """As a trace or a log may keep it: of a long number the last three digits; our ids and keyed hashes (#…) whole."""
    return _UUID_OR_LONG_NUMBER.sub(lambda found: found[1] or "…", text)


def phone(text: str) -> str:
    """A telephone number in its one stored form: "0912345678", "02438251234", or "+…" from abroad.

    Understands +84, 84 and 0084, spaces, dots, dashes and brackets, the zero that a spreadsheet drops,
    and mobile numbers from before 2018.

    Raises:
        Invalid: no telephone has this number.
    """
    found = phone_or_none(text)
    if found is None:
        raise Invalid(
            _("Số điện thoại “%(typed)s” không đúng.", typed=clip(text.strip(), 30)),
            advice=_("Nhập 10 số của máy di động (0912 345 678) hoặc 11 số của máy bàn (024 3825 1234)."),
        )
    return found


def phone_or_none(text: str) -> str | None:
    """As `phone`, but None where there is no such number: to try what was typed into a search field."""
    written = text[:64].strip().replace("\u00a0", " ")
    if not _WRITTEN.fullmatch(written):
        return None
    digits = re.sub(r"[^+\d]", "", written)
    return next((n for n in _readings(digits) if _is_telephone(n)), None)


def phone_shown(number: str) -> str:
    """A stored number as people read it: "0912 345 678", "024 3825 1234", "0203 3825 123"."""
    if _MOBILE.fullmatch(number):
        return f"{number[:4]} {number[4:7]} {number[7:]}"
    if _LANDLINE.fullmatch(number):
        area = 3 if number[:3] in {"024", "028"} else 4
        return f"{number[:area]} {number[area : area + 4]} {number[area + 4 :]}"
    return number


def _readings(digits: str) -> list[str]:
    """The numbers that these digits may mean, the likeliest first."""
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    if digits.startswith("+84"):
        national = "0" + digits[3:].removeprefix("0")  # "+84 (0) 912…" is common on paper
        return [_renumbered(national)]
    if digits.startswith("+"):
        return [digits]
    if digits.startswith("0"):
        return [_renumbered(digits)]
    readings = [_renumbered("0" + digits)]
    return [_renumbered("0" + digits[2:]), *readings] if digits.startswith("84") else readings


def _renumbered(number: str) -> str:
    if len(number) == 11 and number[:4] in _OLD_MOBILE:
        return _OLD_MOBILE[number[:4]] + number[4:]
    return number


def _is_telephone(number: str) -> bool:
    return any(form.fullmatch(number) for form in (_MOBILE, _LANDLINE, _FOREIGN))


def sheet_cell(text: str) -> str:
    """A cell that a spreadsheet shows and does not run. Source: OWASP, CSV injection."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text
