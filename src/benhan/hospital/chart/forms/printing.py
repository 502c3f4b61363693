"""The words of a form in the order they stand on the paper: what the source is compared with. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from benhan.hospital.chart.forms.structure import Form, Item, Kind


def words(form: Form) -> Iterator[tuple[Item, str]]:
    """Each printed piece with the item it belongs to."""
    for item in form.items:
        yield from _of(item)


def label(item: Item) -> str:
    """Number and words of an item as they are printed, without its boxes."""
    return "" if item.silent else f"{item.prefix} {item.printed}".strip()


def _of(item: Item) -> Iterator[tuple[Item, str]]:
    yield item, label(item)
    if item.kind in {Kind.CHOICE, Kind.CHOICES}:
        for option in item.options:
            yield item, option.printed
    elif item.kind is Kind.ROWS:
        yield from _table(item)
        return
    if item.unit and not item.unit.startswith("‹"):
        yield item, item.unit
    for one in item.items:
        yield from _of(one)


def _table(item: Item) -> Iterator[tuple[Item, str]]:
    """The heads, once for each of the columns a table is printed in, then the names of its rows."""
    for _half in range(item.halves):
        for column in item.items:
            yield from _of(column)
    for row in item.options:
        yield item, row.printed


def outline(form: Form) -> Iterator[str]:
    """The form with its blocks in place, a line for each item: to be read beside the paper."""
    yield f"{form.code}  {form.title}  ({form.version}, {form.in_force})"
    if form.unclear:
        yield f"? {form.unclear}"
    for item in form.items:
        yield from _outlined(item, 0)


def _outlined(item: Item, depth: int) -> Iterator[str]:
    text = f"‹{item.text}›" if item.text and not item.printed else item.text
    yield "  " * depth + " ".join(filter(None, (item.prefix, text, _answer(item), *_marks(item))))
    if item.unclear:
        yield "  " * (depth + 1) + f"? {item.unclear}"
    for one in item.items:
        yield from _outlined(one, depth + 1)


def _marks(item: Item) -> Iterator[str]:
    if item.prefill:
        yield f"<- {item.prefill}"
    if item.calculation:
        yield f"= {item.calculation.name}({', '.join(item.calculation.links)})"
    if item.condition:
        yield f"if {item.condition.link}" + (f" = {item.condition.code}" if item.condition.code else "")
    if item.hidden_since:
        yield f"hidden since {item.hidden_since}"
    if item.closing:
        yield "!"


def _answer(item: Item) -> str:
    if item.options and item.kind not in {Kind.BLANKS, Kind.SIDES}:
        boxes = " | ".join(one.printed or f"‹{one.text}›" for one in item.options)
        return f"[{boxes}]" if item.kind is Kind.CHOICES else f"{{{boxes}}}"
    if item.kind in {Kind.GROUP, Kind.NOTE, Kind.BLANKS, Kind.SIDES}:
        return ""
    said = " ".join(filter(None, (item.kind, item.list, item.unit)))
    return f"[{said}]" if item.several else f"{{{said}}}"
