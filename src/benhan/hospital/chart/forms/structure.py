"""What a form is made of once it is read: items in the order of the paper, with what is to be filled in. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from typing import Final

import msgspec


class Kind(StrEnum):
    """What an item asks for. The word is the one written between the braces of a `.form` file."""

    GROUP = "group"
    NOTE = "note"  # printed words that ask for nothing
    TEXT = "text"
    PROSE = "prose"  # several lines
    INTEGER = "integer"
    DECIMAL = "decimal"
    DATE = "date"
    TIME = "time"
    DATETIME = "datetime"
    TICK = "tick"  # one empty box
    LIST = "list"  # a code of a list, or words where the list has none (`lists.py`)
    CHOICE = "choice"  # one of the printed boxes
    CHOICES = "choices"  # any of the printed boxes
    BLANKS = "blanks"  # several blanks on one line, each with its own printed word
    TABLE = "table"  # rows as many as there are, its items the columns
    ROWS = "rows"  # a table whose rows are printed
    ROW = "row"  # the column that holds the printed name of the row
    SIDES = "sides"  # the same items for the right and for the left
    DRAWING = "drawing"
    SIGN = "sign"


#: Kinds that hold items and no answer of their own.
HOLDERS: Final = frozenset({Kind.GROUP, Kind.BLANKS, Kind.TABLE, Kind.ROWS, Kind.SIDES})


class Option(msgspec.Struct, frozen=True):
    """A printed box. `code` is what the paper prints before it, else its words; `blank`: words follow it."""

    code: str
    text: str
    printed: str
    blank: bool = False


class Condition(msgspec.Struct, frozen=True):
    """Asked only if the item `link` has this answer: an option's code, or ticked."""

    link: str
    code: str | None


class Calculation(msgspec.Struct, frozen=True):
    """A value made of other items (`calculations.py`)."""

    name: str
    links: tuple[str, ...]


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the paper. `text` is what a screen says, `printed` what of it stands on the paper."""

    link: str
    prefix: str
    text: str
    printed: str
    kind: Kind
    line: str  # file and line, for those who look for it
    unit: str = ""  # the words printed after or between the blanks
    list: str = ""
    several: bool = False  # more than one answer
    options: tuple[Option, ...] = ()
    items: tuple[Item, ...] = ()
    halves: int = 1  # a table printed in so many columns beside each other
    prefill: str = ""
    calculation: Calculation | None = None
    condition: Condition | None = None
    closing: bool = False  # a record is not closed without it
    hidden_since: date | None = None
    unclear: str = ""  # what the source leaves open
    silent: bool = False  # stands on the paper once for both sides, and this is the second
    beside: bool = False  # printed in two columns: its place in the text of the source says nothing

    def walk(self) -> Iterator[Item]:
        """The item and all below it, in the order of the paper."""
        yield self
        for one in self.items:
            yield from one.walk()


class Misprint(msgspec.Struct, frozen=True):
    """Words of the source text that the form writes differently, and why."""

    source: str
    form: str
    reason: str
    line: str


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """A form of the Ministry. `source`: the file in tests/hospital/chart/sources it is compared with."""

    code: str
    title: str
    source: str
    in_force: date
    version: str
    items: tuple[Item, ...]
    misprints: tuple[Misprint, ...] = ()
    page_numbers: tuple[str, ...] = ()
    unclear: str = ""

    def walk(self) -> Iterator[Item]:
        """Every item in the order of the paper."""
        for one in self.items:
            yield from one.walk()


class FormError(ValueError):
    """A `.form` file says what cannot be: where, what, and what to do."""

    def __init__(self, line: str, problem: str, advice: str) -> None:
        super().__init__(f"{line}: {problem} {advice}")
