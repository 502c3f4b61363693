"""One line of a `.form` file, taken apart: mark, words, answer in braces, what is said about it. Pure.

As `3. Giới {1. Nam | 2. Nữ} <- patient.sex ! #sex`; docs/howto/forms.md has all of it.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

import msgspec

from benhan.core.kit.text import fold
from benhan.hospital.chart.forms.structure import Calculation, Condition, FormError, Kind, Option

#: What is printed before an item: 12. 4.1 a) III- + - and *. for "the next number" of a block.
_MARK: Final = re.compile(r"(\*\.|[IVX]+[.-]|[A-Z][.-]|\d{1,2}(?:\.\d{1,2})*[.)]?|[a-z][.)-]|[+⬩*-])\s+")
_LINE: Final = re.compile(r"([^{\[]*)(?:\{([^{}]*)\}|\[([^\[\]]*)\])?(.*)")
_UNPRINTED: Final = re.compile(r"‹([^›]*)›")
_SAID: Final = re.compile(
    r"""\s*(?:
      <-\s*(?P<prefill>[a-z][\w.-]*)
    | =\s*(?P<calculation>[a-z]+)\((?P<arguments>[^()]*)\)
    | if\s+(?P<asked>[\w./-]+)(?:\s*=\s*(?P<answer>[\w-]+))?
    | hidden\ since\s+(?P<hidden>\d{4}-\d{2}-\d{2})
    | (?P<closing>!)
    | \#(?P<name>[A-Za-z][\w-]*)
    )(?=\s|$)""",
    re.VERBOSE,
)
_CODE: Final = re.compile(r"(‹?)([0-9]{1,2}|[a-z])[.)]›?\s*(?=\S)")
_WORD: Final = re.compile(r"[a-z]+")
_TIMES: Final = re.compile(r"x([2-9])")
_ONCE: Final = {"": "", "labels once": "labels", "headings once": "headings"}
_SLUG: Final = 48


class Line(msgspec.Struct, kw_only=True):
    """An item as it stands in one line, before its place and its children are known."""

    prefix: str
    text: str
    printed: str
    kind: Kind
    unit: str = ""
    list: str = ""
    several: bool = False
    options: tuple[Option, ...] = ()
    halves: int = 1
    once: str = ""  # SIDES: "labels" or "headings" are printed once for both
    prefill: str = ""
    calculation: Calculation | None = None
    condition: Condition | None = None
    closing: bool = False
    hidden_since: date | None = None
    name: str = ""  # written by hand as #name


def taken_apart(where: str, text: str) -> Line:
    """An item line.

    Raises:
        FormError: it is not one.
    """
    mark = _MARK.match(text)
    rest = text[mark.end() :] if mark else text
    found = _LINE.fullmatch(rest)
    if found is None:
        raise FormError(where, f"cannot read “{text}”.", "Write: mark, words, one {answer}, then what is said of it.")
    words, one, many, said = found.groups()
    printed, clean = _UNPRINTED.sub("", words).strip(), _UNPRINTED.sub(r"\1", words).strip()
    line = Line(prefix=mark[1] if mark else "", text=clean, printed=printed, kind=Kind.GROUP)
    if many is not None and many.startswith("list "):
        line.kind, line.list, line.several = Kind.LIST, many.removeprefix("list ").strip(), True
    elif many is not None:
        line.kind, line.options, line.several = Kind.CHOICES, _options(where, many), True
    elif one:
        _answer(where, one.strip(), line)
    _say(where, said, line)
    return line


def day_of(where: str, text: str) -> date:
    """A day as 2025-07-01."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise FormError(where, f"“{text}” is no day.", "Write year, month and day: 2025-07-01.") from None


def slug(text: str) -> str:
    """An address made of words: "Thận- Tiết niệu" as "than-tiet-nieu"."""
    return "-".join(fold(text).split())[:_SLUG].rstrip("-")


def _answer(where: str, answer: str, line: Line) -> None:
    word = _WORD.match(answer)
    kind = word[0] if word else ""
    rest = answer[len(kind) :].strip()
    if kind in {Kind.ROWS, Kind.SIDES}:
        _printed_rows(where, Kind(kind), rest, line)
    elif kind == Kind.BLANKS:
        line.kind, line.options = Kind.BLANKS, _options(where, rest)
    elif "|" in answer:
        line.kind, line.options = Kind.CHOICE, _options(where, answer)
    elif kind == Kind.LIST:
        line.kind, line.list = Kind.LIST, rest
    elif kind in set(Kind) - {Kind.GROUP, Kind.CHOICE, Kind.CHOICES}:
        line.kind, line.unit = Kind(kind), rest
    else:
        kinds = ", ".join(sorted(set(Kind) - {Kind.GROUP, Kind.CHOICE, Kind.CHOICES}))
        raise FormError(where, f"“{answer}” is no answer.", f"Write one of {kinds}, or {{1. One | 2. Other}}.")


def _printed_rows(where: str, kind: Kind, rest: str, line: Line) -> None:
    """`rows: …`, `rows x2: …` (heads printed twice), `sides: …`, `sides labels once: …`, `sides headings once: …`."""
    how, colon, names = (part.strip() for part in rest.partition(":"))
    times = _TIMES.fullmatch(how)
    if not colon or not (times or how in _ONCE):
        raise FormError(where, f"“{rest}” names no {kind}.", f"Write {{{kind}: one | other}} or {{{kind} x2: …}}.")
    line.kind, line.options = kind, _options(where, names)
    line.halves, line.once = int(times[1]) if times else 1, _ONCE.get(how, "")


def _options(where: str, text: str) -> tuple[Option, ...]:
    options = tuple(_option(one.strip()) for one in text.split("|"))
    codes = [one.code for one in options]
    twice = {code for code in codes if codes.count(code) > 1 or not code}
    if twice:
        raise FormError(where, f"two boxes have the code {sorted(twice)}.", "Write ‹9.› before one, unprinted.")
    return options


def _option(text: str) -> Option:
    blank = text.endswith("…")
    code = _CODE.match(text)
    words = text[code.end() :] if code else text
    clean = _UNPRINTED.sub(r"\1", words).rstrip("… ")
    return Option(
        code=code[2] if code else slug(clean),
        text=clean,
        printed=_UNPRINTED.sub("", text).rstrip("… ").lstrip(),
        blank=blank,
    )


def _say(where: str, said: str, line: Line) -> None:
    at = 0
    while said[at:].strip():
        found = _SAID.match(said, at)
        if found is None:
            raise FormError(
                where, f"cannot read “{said[at:].strip()}”.", "After the braces stand <- = if ! # and hidden since."
            )
        at = found.end()
        line.prefill = found["prefill"] or line.prefill
        line.closing = line.closing or bool(found["closing"])
        line.name = found["name"] or line.name
        if found["hidden"]:
            line.hidden_since = day_of(where, found["hidden"])
        if found["asked"]:
            line.condition = Condition(link=found["asked"], code=found["answer"])
        if found["calculation"]:
            links = tuple(one.strip() for one in found["arguments"].split(",") if one.strip())
            line.calculation = Calculation(name=found["calculation"], links=links)
