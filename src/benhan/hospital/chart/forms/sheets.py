"""A form as a page for `sheet.typ`: what stands on which line, with its answers or room for a pen. Pure.

The order, words and boxes are the paper's; its exact places are not (ADR 27). What the paper prints in two columns is
printed in two columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from benhan.core.fhir import r4
from benhan.core.kit import clock
from benhan.core.kit.text import fold
from benhan.hospital.chart.forms.answering import Answers, answers
from benhan.hospital.chart.forms.structure import HOLDERS, Form, Item, Kind, Option
from benhan.hospital.visit import moment

TEMPLATE: Final = Path(__file__).with_name("sheet.typ")

Block = dict[str, Any]
#: Groups of so many lines that are printed beside each other stand in two columns.
_COLUMNS: Final = 6
#: Letters on a line of the page; what a blank leaves room for; fields that make one line of a group.
_PAGE, _ROOM_TO_WRITE, _FEW = 100, 14, 4
#: “MÃ” over the boxes of codes: each diagnosis has its box.
_COLUMN_HEADS: Final = frozenset({"code-left", "code-right"})
#: The house in the head: key of the shared paper → address, what is printed where it is empty.
_FACILITY: Final = {
    "authority": ("authority", "Sở Y tế"),
    "name": ("hospital", "Bệnh viện"),
    "department": ("department", "Khoa"),
}
_CODE: Final = "MS:"
#: Rows of an empty table.
_ROOM: Final = 3


class Said(NamedTuple):
    """The answers by address; those of tables once more, row by row."""

    answers: Answers
    rows: dict[str, list[Answers]]


def sheet(form: Form, response: r4.QuestionnaireResponse | None = None) -> Block:
    """The data of the print, for `printing.render(TEMPLATE, …)`."""
    said = Said(answers(response), _rows_of(response.item or [])) if response else Said({}, {})
    head = form.items[: _over(form.items)]
    named = {link for link, _words in _FACILITY.values()}
    numbers = [one for one in head if one.kind is not Kind.NOTE and one.link not in named]
    code = next((one.text.removeprefix(_CODE).strip() for one in head if one.text.startswith(_CODE)), form.code)
    mottos = [one.text for one in head if one.kind is Kind.NOTE and fold(one.text) not in fold(form.title)]
    return {
        "title": form.title,
        "facility": {key: _text(said, link) or f"{words}: ……………" for key, (link, words) in _FACILITY.items()},
        "numbers": [("MS", code), *((_label(one), _text(said, one.link) or "…………") for one in numbers)],
        "mottos": [text for text in mottos if not text.startswith(_CODE)],
        "date": form.in_force.isoformat(),
        "footer": f"Mẫu {form.code}, phiên bản {form.version}",
        "blocks": list(_blocks(form.items[len(head) :], said)),
    }


def _over(items: tuple[Item, ...]) -> int:
    """How many items stand in the head: what is printed beside the title, the title, the form's code."""
    titled = False
    for at, one in enumerate(items):
        note = one.kind is Kind.NOTE
        if one.kind in HOLDERS or (not note and (titled or not one.beside)):
            return at
        titled = titled or (note and not one.beside and not one.text.startswith(_CODE))
    return len(items)


def _label(item: Item) -> str:
    """Number and words, on both sides of a table of two eyes too."""
    return f"{item.prefix} {item.printed}".strip()


def _blocks(items: Iterable[Item], said: Said, width: int = _PAGE) -> Iterator[Block]:
    """The items in their order; short ones that follow each other share a line as long as they fit."""
    lines: list[list[Block]] = []
    signs: list[Block] = []
    room = 0
    for item in (one for one in items if not _left_out(one, said)):
        short = _short(item, said, width)
        if item.kind is Kind.SIGN:
            signs.append({"role": _label(item), "under": item.unit})
        elif short is None:
            yield from _flushed(lines, signs)
            yield from _LONG[item.kind](item, said, width)
            room = 0
        else:
            needed = sum(_letters(one) for one in short)
            if item.prefix or needed > room:
                lines.append([])
                room = width
            lines[-1] += short
            room -= needed
    yield from _flushed(lines, signs)


def _left_out(item: Item, said: Said) -> bool:
    """Heads of columns that stand elsewhere here, and what is asked no more and has no answer."""
    return item.link in _COLUMN_HEADS or (item.hidden_since is not None and item.link not in said.answers)


def _short(item: Item, said: Said, width: int) -> list[Block] | None:
    """The item as fields of one line; None if it needs more. A group of few fields is one line: blood pressure."""
    if item.kind is Kind.GROUP and len(item.items) <= _FEW and not any(one.kind in _ALONE for one in item.items):
        fields = [_field(one, said) for one in item.items]
        heading = {"label": _label(item), "printed": True, "boxes": [], "blanks": [], "tick": None, "unit": ""}
        made = [{**heading, "text": None}, *fields]
        return made if sum(_letters(one) for one in made) <= width else None
    return None if item.kind in _LONG else [_field(item, said)]


def _letters(field: Block) -> int:
    """About how many letters a field takes, room to write counted."""
    boxes = sum(len(one["text"]) + (_ROOM_TO_WRITE if one["blank"] else 4) for one in field["boxes"])
    blanks = sum(len(words) + _ROOM_TO_WRITE for words, _text in field["blanks"])
    free = 0 if boxes or blanks or field["text"] is None else max(len(field["text"]), _ROOM_TO_WRITE)
    return len(field["label"]) + boxes + blanks + free + len(field["unit"])


def _flushed(lines: list[list[Block]], signs: list[Block]) -> Iterator[Block]:
    yield from ({"kind": "line", "fields": fields} for fields in lines)
    if signs:
        yield {"kind": "signs", "signs": list(signs)}
    lines.clear()
    signs.clear()


def _group(item: Item, said: Said, width: int) -> Iterator[Block]:
    """A heading and what stands below it, in two columns where the paper has two."""
    two = width == _PAGE and bool(item.items) and all(one.beside for one in item.items)
    below = list(_blocks(item.items, said, _PAGE // 2 if two else width))
    if two and len(below) >= _COLUMNS:
        yield {"kind": "group", "label": _label(item), "blocks": [{"kind": "columns", "columns": _halves(below)}]}
    else:
        yield {"kind": "group", "label": _label(item), "blocks": list(_blocks(item.items, said, width))}


def _halves(blocks: list[Block]) -> list[list[Block]]:
    """The blocks in their order, about as many lines on the left as on the right."""
    heights = [_height(one) for one in blocks]
    at = min(range(1, len(blocks)), key=lambda n: abs(sum(heights[:n]) - sum(heights[n:])))
    return [blocks[:at], blocks[at:]]


def _height(block: Block) -> int:
    below = sum(_height(one) for one in block.get("blocks", []))
    return 1 + below + len(block.get("rows", [])) + (2 if block["kind"] == "prose" else 0)


def _prose(item: Item, said: Said, width: int) -> Iterator[Block]:
    yield {"kind": "prose", "label": _label(item), "text": _text(said, item.link)}


def _note(item: Item, said: Said, width: int) -> Iterator[Block]:
    yield {"kind": "note", "label": _label(item)}


def _drawing(item: Item, said: Said, width: int) -> Iterator[Block]:
    yield {"kind": "drawing", "label": _label(item)}


def _sides(item: Item, said: Said, width: int) -> Iterator[Block]:
    first, second = item.items
    sides = [{"label": one.text, "blocks": list(_blocks(one.items, said, width // 2))} for one in (first, second)]
    yield {"kind": "sides", "label": _label(item), "sides": sides}


def _table(item: Item, said: Said, width: int) -> Iterator[Block]:
    heads = [one.text for one in item.items]
    rows = [[_text(Said(row, {}), one.link) for one in item.items] for row in said.rows.get(item.link, [])]
    room = [[""] * len(heads)] * max(0, _ROOM - len(rows))
    yield {"kind": "table", "label": _label(item), "heads": heads, "rows": [*rows, *room]}


def _rows_of(items: Iterable[r4.QuestionnaireResponseItem]) -> dict[str, list[Answers]]:
    """Each group that is answered, as often as it is: of tables the rows."""
    found: dict[str, list[Answers]] = {}
    for one in items:
        if one.item:
            row = {cell.linkId or "": cell.answer or [] for cell in one.item}
            found.setdefault(one.linkId or "", []).append(row)
            for link, rows in _rows_of(one.item).items():
                found.setdefault(link, []).extend(rows)
    return found


def _rows(item: Item, said: Said, width: int) -> Iterator[Block]:
    named = any(one.kind is Kind.ROW for one in item.items)
    heads = [one.text for one in item.items] if named else ["", *(one.text for one in item.items)]
    rows = [
        [row.text if not at else _cell(said, item, row, at - (not named)) for at in range(len(heads))]
        for row in item.options
    ]
    yield {"kind": "table", "label": _label(item), "heads": heads, "rows": rows}


def _cell(said: Said, table: Item, row: Option, column: int) -> str:
    return _text(said, f"{table.items[column].link}:{row.code}")


_LONG: Final = {
    Kind.GROUP: _group,
    Kind.PROSE: _prose,
    Kind.NOTE: _note,
    Kind.DRAWING: _drawing,
    Kind.SIDES: _sides,
    Kind.TABLE: _table,
    Kind.ROWS: _rows,
}
#: What is no field of a line.
_ALONE: Final = {*_LONG, Kind.SIGN}


# ── One field ──────────────────────────────────────────────────────────────────────────────────────────────────


def _field(item: Item, said: Said) -> Block:
    """Words, then boxes, or an answer, or a blank; the words behind it."""
    dated = item.kind is Kind.DATE and not item.printed and item.unit.startswith("Ngày")
    return {
        "label": "Ngày" if dated else _label(item) if item.printed else item.text,
        "printed": bool(dated or item.printed or item.prefix),
        "boxes": [_box(item, one, said) for one in item.options] if item.kind in {Kind.CHOICE, Kind.CHOICES} else [],
        "blanks": [[one.text, _text(said, one.link)] for one in item.items] if item.kind is Kind.BLANKS else [],
        "tick": _ticked(said, item.link) if item.kind is Kind.TICK else None,
        "text": _text(said, item.link),
        "unit": _after(item, said),
    }


def _after(item: Item, said: Said) -> str:
    """What stands behind the blank: the unit, or the code of a diagnosis."""
    if item.list in _CODED:
        codes = [one.valueCoding.code or "" for one in said.answers.get(item.link, []) if one.valueCoding]
        return f"Mã: {', '.join(codes) or '……'}"
    return "" if item.kind in {Kind.DATE, Kind.DATETIME} else item.unit.strip("‹›")


def _box(item: Item, option: Option, said: Said) -> Block:
    chosen = any(one.valueCoding and one.valueCoding.code == option.code for one in said.answers.get(item.link, []))
    return {
        "text": option.printed or option.text,
        "chosen": chosen,
        "blank": option.blank,
        "after": _text(said, f"{item.link}:{option.code}"),
    }


_CODED: Final = frozenset({"icd10", "yhct"})


def _ticked(said: Said, link: str) -> bool:
    return any(one.valueBoolean for one in said.answers.get(link, []))


def _text(said: Said, link: str) -> str:
    """The answers as they are written on paper."""
    return "; ".join(_written(one) for one in said.answers.get(link, []))


def _written(answer: r4.QuestionnaireResponseItemAnswer) -> str:
    if answer.valueCoding:
        return answer.valueCoding.display or answer.valueCoding.code or ""
    if answer.valueDate:
        return clock.vn_date(answer.valueDate)
    if answer.valueDateTime:
        when = moment(answer.valueDateTime)
        return f"{when:%H} giờ {when:%M}, {when:%d/%m/%Y}" if when else clock.vn_date(answer.valueDateTime)
    values = (answer.valueString, answer.valueInteger, answer.valueDecimal, answer.valueTime)
    return next((str(one).replace(".", ",") if one is values[2] else str(one) for one in values if one is not None), "")
