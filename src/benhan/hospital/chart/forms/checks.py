"""What must hold of a form that was read: addresses once, names that exist, conditions that can be met. Pure."""

from __future__ import annotations

from typing import Final

from benhan.hospital.chart.forms.known import CALCULATIONS, LISTS, PREFILL
from benhan.hospital.chart.forms.structure import HOLDERS, Form, FormError, Item, Kind, Option

_LINK: Final = 255
_ASKS_NOTHING: Final = HOLDERS | {Kind.NOTE, Kind.ROW, Kind.SIGN}


def check(form: Form) -> Form:
    """The form itself, if all of it holds.

    Raises:
        FormError: the first thing that does not; names file, line and what to do.
    """
    items: dict[str, Item] = {}
    for item in form.walk():
        if item.link in items:
            other = items[item.link].line
            raise FormError(item.line, f"the address {item.link} is taken by {other}.", "Give one of them a #name.")
        if len(item.link) > _LINK:
            raise FormError(item.line, f"the address is longer than {_LINK} letters.", "Give it a #name.")
        items[item.link] = item
    for item in items.values():
        _names(item)
        _shape(item)
        _condition(item, items)
        _calculation(item, items)
    return form


def _names(item: Item) -> None:
    if item.prefill and item.prefill not in PREFILL:
        raise FormError(item.line, f"the record knows no {item.prefill}.", "Take a name of known.PREFILL.")
    if item.kind is Kind.LIST and item.list not in LISTS:
        raise FormError(item.line, f"there is no list {item.list}.", f"There are: {', '.join(LISTS)}.")
    if item.prefill and item.kind in _ASKS_NOTHING - {Kind.SIGN}:
        raise FormError(item.line, f"a {item.kind} is not filled in.", "Write <- where something is.")


def _shape(item: Item) -> None:
    if item.kind in {Kind.TABLE, Kind.ROWS} and any(one.items for one in item.items):
        raise FormError(item.line, "a column of a table holds items.", "Write the columns as single lines.")
    if item.kind is Kind.ROW or (item.kind not in HOLDERS and item.items):
        if item.kind is Kind.ROW and not item.items:
            return
        raise FormError(item.line, f"items stand below a {item.kind}.", "Put them below a line without braces.")


def _condition(item: Item, items: dict[str, Item]) -> None:
    if item.condition is None:
        return
    asked = items.get(item.condition.link)
    if asked is None:
        raise FormError(item.line, f"there is no item {item.condition.link}.", "Write the address after `if`.")
    if item.condition.code is None and asked.kind is Kind.TICK:
        return
    if asked.kind not in {Kind.CHOICE, Kind.CHOICES} or _no_code(asked.options, item.condition.code):
        raise FormError(item.line, f"{asked.link} has no box {item.condition.code}.", "Write `if address = code`.")


def _no_code(options: tuple[Option, ...], code: str | None) -> bool:
    return all(one.code != code for one in options)


def _calculation(item: Item, items: dict[str, Item]) -> None:
    if item.calculation is None:
        return
    rule = CALCULATIONS.get(item.calculation.name)
    if rule is None or len(rule.kinds) != len(item.calculation.links):
        known = ", ".join(f"{name}({len(rule.kinds)})" for name, rule in CALCULATIONS.items())
        raise FormError(item.line, f"cannot calculate {item.calculation.name}.", f"There are: {known}.")
    for link, kinds in zip(item.calculation.links, rule.kinds, strict=True):
        if link not in items or items[link].kind not in kinds:
            raise FormError(item.line, f"{link} is no {' or '.join(sorted(kinds))}.", "Write the address of one.")
