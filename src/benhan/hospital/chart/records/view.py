"""A page of a form as its template draws it: what stands in each line, where from, and what is wrong. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from benhan.core.fhir import systems
from benhan.core.kit.forms import Form as Typed
from benhan.hospital.chart.forms.answering import Answers
from benhan.hospital.chart.forms.structure import HOLDERS, Item, Kind
from benhan.hospital.chart.records.answers import Flat, asked, rows_of
from benhan.hospital.chart.records.entries import EMPTY_ROWS, Answer, shown

#: Fields that take the width of the page.
_WIDE: Final = frozenset({Kind.PROSE, Kind.TABLE, Kind.ROWS, Kind.SIDES, Kind.GROUP, Kind.NOTE, Kind.DRAWING})
#: Boxes with so many letters altogether stand below each other, not in a row.
_ROW: Final = 46


class Box(msgspec.Struct, frozen=True):
    """A printed box: its code, words, whether it is chosen; name and words of the blank behind it."""

    code: str
    text: str
    chosen: bool
    blank: str = ""
    after: str = ""


class Line(msgspec.Struct, kw_only=True):
    """One item on the screen. `name` is the field's; `id` is short and safe in an address."""

    kind: str
    label: str
    prefix: str = ""
    name: str = ""
    id: str = ""
    values: list[str] = []
    unit: str = ""
    codes: str = ""
    several: bool = False
    wide: bool = False
    boxes: list[Box] = []
    segment: bool = False
    closing: bool = False
    focus: bool = False
    error: str = ""
    #: What the record knows: where from; and, where something else stands here, what it would be.
    source: str = ""
    offer: str = ""
    #: Asked only if this field has this value; `on`: it has it now.
    when: str = ""
    value: str = ""
    on: bool = True
    condition: str = ""
    heads: list[str] = []
    #: Rows of a table: its name (printed rows) and its cells.
    rows: list[tuple[str, list[Line]]] = []
    below: list[Line] = []

    @property
    def text(self) -> str:
        """What stands in a field of one line."""
        return self.values[0] if self.values else ""


def words(answer: Answer) -> str:
    """An answer as it is read: a box by its words."""
    coding = answer.valueCoding
    return coding.display or coding.code or "" if coding and coding.system == systems.FORM_BOX else shown(answer)


class Page:
    """Draws the lines of one page: its answers, what the record knows, what was typed wrongly."""

    def __init__(
        self,
        said: Flat,
        plain: Answers,
        known: Flat,
        source: Callable[[Item], str],
        typed: Typed | None = None,
        focus: str = "",
    ) -> None:
        self._said, self._plain, self._known, self._source, self._typed = said, plain, known, source, typed
        self._focus, self._number = focus, 0
        self._here: dict[str, Item] = {}

    def lines(self, items: Iterable[Item]) -> list[Line]:
        """The items below each other, in the order of the paper."""
        held = list(items)
        self._here = {one.link: one for item in held for one in item.walk()}
        return list(self._lines(held))

    def _lines(self, items: Iterable[Item]) -> Iterator[Line]:
        for item in items:
            if (line := self._line(item)) is not None:
                yield line

    def _line(self, item: Item) -> Line | None:
        on = asked(item, self._plain)
        if not on and item.condition and item.condition.link not in self._here:
            return None  # what it depends on stands on another page
        if item.hidden_since and not self._said.get(item.link):
            return None
        line = self._made(item)
        if item.condition:
            line.when, line.value, line.on = item.condition.link, item.condition.code or "1", on
            line.condition = self._condition(item.condition.link, item.condition.code)
        return line

    def _condition(self, link: str, code: str | None) -> str:
        """What must be answered for it, in words: "Kết quả điều trị: Tử vong"."""
        other = self._here.get(link)
        if other is None:
            return ""
        answer = next((one.text for one in other.options if one.code == code), "")
        return f"{other.text}: {answer}" if answer else other.text

    def _made(self, item: Item) -> Line:
        line = self._plain_line(item)
        if item.kind is Kind.TABLE:
            written = rows_of(item, self._said)
            line.heads = [one.text for one in item.items]
            line.rows = [("", self._cells(item, f"@{row}")) for row in range(written + EMPTY_ROWS)]
        elif item.kind is Kind.ROWS:
            line.heads = [one.text for one in item.items if one.kind is not Kind.ROW]
            line.rows = [(row.text or row.printed, self._cells(item, f":{row.code}")) for row in item.options]
        elif item.kind in HOLDERS:
            line.below = list(self._lines(item.items))
        elif item.calculation or item.hidden_since:
            line.kind = "shown"
            line.values = [words(one) for one in self._said.get(item.link, [])]
        elif item.kind not in (Kind.NOTE, Kind.SIGN, Kind.DRAWING):
            self._filled(line, item, item.link)
            self._offered(line, item)
        return line

    def _plain_line(self, item: Item) -> Line:
        self._number += 1
        return Line(
            kind=item.kind.value, label=item.text, prefix=item.prefix, name=item.link, id=f"m{self._number}",
            unit="" if item.kind in (Kind.DATE, Kind.DATETIME, Kind.SIGN) else item.unit.strip("‹›"), codes=item.list,
            several=item.several, closing=item.closing, wide=item.kind in _WIDE,
        )  # fmt: skip

    def _filled(self, line: Line, item: Item, key: str) -> None:
        """What stands in the field: as it was typed, where it was sent just now; else as it is kept."""
        line.name, line.focus = key, bool(key == self._focus)
        line.values = [shown(one) for one in self._said.get(key, [])]
        if self._typed is not None and key in self._typed.fields:
            raw = self._typed.raw.get(key, "")
            line.values = [one for one in (raw if isinstance(raw, list) else [raw]) if one]
            line.error = self._typed.errors.get(key) or ""
        if item.kind in (Kind.CHOICE, Kind.CHOICES):
            line.boxes = [
                self._box(item, key, one.code, one.text or one.printed, one.blank, line) for one in item.options
            ]
            line.segment = item.kind is Kind.CHOICE and sum(len(one.text) + 3 for one in line.boxes) <= _ROW * 2
            line.wide = sum(len(one.text) + 3 for one in line.boxes) > _ROW

    def _box(self, item: Item, key: str, code: str, text: str, blank: bool, line: Line) -> Box:
        after = f"{key}:{code}" if blank else ""
        behind = next((shown(one) for one in self._said.get(after, [])), "") if after else ""
        if after and self._typed is not None and after in self._typed.fields:
            behind = str(self._typed.raw.get(after, ""))
        return Box(code, text, code in line.values, after, behind)

    def _offered(self, line: Line, item: Item) -> None:
        """What the record knows: whence, where it stands here so; else what it would be."""
        known = self._known.get(item.link)
        if not item.prefill or not known:
            return
        line.source = self._source(item)
        would = [shown(one) for one in known]
        if would != line.values:
            line.offer = "; ".join(words(one) for one in known)

    def _cells(self, table: Item, mark: str) -> list[Line]:
        cells = []
        for column in table.items:
            if column.kind is Kind.ROW:
                continue
            line = self._plain_line(column)
            self._filled(line, column, f"{column.link}{mark}")
            cells.append(line)
        return cells
