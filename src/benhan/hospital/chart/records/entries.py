"""What stands in the fields of a page of a form: answers as they are typed, and what was typed as answers. Pure.

A unit is what one person writes at a time: an item, the blank behind a box, a cell of a printed row, a whole table
of added rows. Bad input names its field and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

import msgspec
from starlette.datastructures import FormData

from benhan.core.fhir import r4, systems
from benhan.core.kit import clock, forms
from benhan.core.kit.money import quantity
from benhan.core.language import _
from benhan.hospital.chart.forms.structure import HOLDERS, Item, Kind
from benhan.hospital.chart.records import lists
from benhan.hospital.chart.records.answers import MOST_ROWS, Flat, rows_of

Answer = r4.QuestionnaireResponseItemAnswer
Said = dict[str, list[Answer]]

_WORDS, _LINE = 10_000, 2000
#: FHIR's integer.
_MOST: Final = 2**31 - 1
#: What no hand writes here: words of the paper, what follows from others, signatures, drawings.
_NOT_WRITTEN: Final = frozenset({Kind.NOTE, Kind.ROW, Kind.SIGN, Kind.DRAWING})
#: Rows without words at the end of a table, to write on.
EMPTY_ROWS: Final = 2


class Unit(msgspec.Struct, frozen=True):
    """What is written at a time; its key is the name of its field. `blank`: the words behind a box."""

    key: str
    item: Item
    blank: bool = False

    @property
    def kind(self) -> Kind:
        """What is typed."""
        return Kind.TEXT if self.blank else self.item.kind


def units(items: Iterable[Item]) -> Iterator[Unit]:
    """What can be written below these items, in the order of the paper."""
    for item in items:
        if item.kind is Kind.TABLE:
            yield Unit(item.link, item)
        elif item.kind is Kind.ROWS:
            columns = [one for one in item.items if one.kind is not Kind.ROW]
            yield from (Unit(f"{one.link}:{row.code}", one) for row in item.options for one in columns)
        elif item.kind in HOLDERS:
            yield from units(item.items)
        elif is_written(item):
            yield Unit(item.link, item)
            yield from (Unit(f"{item.link}:{one.code}", item, blank=True) for one in item.options if one.blank)


def is_written(item: Item) -> bool:
    """Whether a hand writes it: neither words, nor calculated, nor asked no more."""
    return item.kind not in _NOT_WRITTEN and item.calculation is None and item.hidden_since is None


# ── Shown ───────────────────────────────────────────────────────────────────────────────────────────────────────


def texts(unit: Unit, said: Flat) -> tuple[str, ...]:
    """What stands in the fields of a unit."""
    if unit.kind is not Kind.TABLE:
        return tuple(shown(one) for one in said.get(unit.key, []))
    keys = [f"{one.link}@{row}" for row in range(rows_of(unit.item, said)) for one in unit.item.items]
    return tuple(";".join(shown(one) for one in said.get(key, [])) for key in keys)


def shown(answer: Answer) -> str:
    """An answer as it is typed: 07:30 21/11/2026, 38,5, J18.9 Viêm phổi; of a box its code."""
    return next((show(value) for name, show in _SHOWN.items() if (value := getattr(answer, name)) is not None), "")


_SHOWN: Final[dict[str, Callable[[Any], str]]] = {
    "valueCoding": lambda one: (one.code or "") if one.system == systems.FORM_BOX else lists.label(one),
    "valueDate": clock.vn_date,
    "valueDateTime": clock.vn_datetime,
    "valueDecimal": quantity,
    "valueInteger": str,
    "valueBoolean": lambda ticked: "1" if ticked else "",
    "valueTime": lambda time: time[:5],
    "valueString": str,
}


# ── Typed ───────────────────────────────────────────────────────────────────────────────────────────────────────


def typed(items: Iterable[Item], posted: FormData, said: Flat, on: date) -> tuple[dict[str, Said], forms.Form]:
    """The units that were sent, each with its answers by key; and the form as it was read, with what is wrong in it.

    What reads as it stands stays as it stands: a moment keeps seconds that no field shows. `on`: the day whose lists
    count.
    """
    sent = [one for one in units(items) if one.key in posted]
    cells = {one.key: list(_cells(one, posted)) for one in sent if one.kind is Kind.TABLE}
    wanted = [(one.key, one) for one in sent if one.kind is not Kind.TABLE] + [
        (key, Unit(key, column)) for held in cells.values() for key, column in held
    ]
    form = forms.check(posted, [_field(key, one) for key, one in wanted])
    read: Said = {}
    for key, unit in wanted:
        given = _answers(unit, form, key, on)
        before = said.get(key, [])
        read[key] = before if [shown(one) for one in given] == [shown(one) for one in before] else given
    found = {}
    for unit in sent:
        found[unit.key] = _packed(unit.item, read) if unit.kind is Kind.TABLE else {unit.key: read[unit.key]}
    return found, form


def _cells(table: Unit, posted: FormData) -> Iterator[tuple[str, Item]]:
    for row in range(MOST_ROWS):
        for column in table.item.items:
            if (key := f"{column.link}@{row}") in posted:
                yield key, column


def _packed(table: Item, read: Said) -> Said:
    """The rows of a table without those that say nothing."""
    kept: Said = {}
    row = 0
    for number in range(MOST_ROWS):
        cells = {one.link: given for one in table.items if (given := read.get(f"{one.link}@{number}"))}
        kept.update({f"{link}@{row}": given for link, given in cells.items()})
        row += bool(cells)
    return kept


def _field(key: str, unit: Unit) -> forms.Field:
    item, label = unit.item, unit.item.text or unit.item.prefix or _("mục này")
    if unit.kind in (Kind.CHOICE, Kind.CHOICES):
        made = forms.choice if unit.kind is Kind.CHOICE else forms.choices
        return made(key, label, [(one.code, one.text) for one in item.options])
    if unit.kind in _FIELDS:
        return _FIELDS[unit.kind](key, label)
    return replace(forms.text(key, label, most=_LINE), many=item.several and not unit.blank)


def _answers(unit: Unit, form: forms.Form, key: str, on: date) -> list[Answer]:
    value = form[key]
    if isinstance(value, list):
        return [_answer(unit, one, on) for one in value if one]
    return [] if value is None or value is False or value == "" else [_answer(unit, value, on)]


def _answer(unit: Unit, value: Any, on: date) -> Answer:
    if unit.kind in (Kind.CHOICE, Kind.CHOICES):
        text = next((one.text for one in unit.item.options if one.code == value), None)
        return Answer(valueCoding=r4.Coding(system=systems.FORM_BOX, code=value, display=text or None))
    if unit.kind is Kind.LIST:
        return lists.answer(unit.item.list, value, on)
    return _ANSWERS.get(unit.kind, lambda words: Answer(valueString=words))(value)


_ANSWERS: Final[dict[Kind, Callable[[Any], Answer]]] = {
    Kind.INTEGER: lambda value: Answer(valueInteger=int(value)),
    Kind.DECIMAL: lambda value: Answer(valueDecimal=Decimal(value)),
    Kind.DATE: lambda value: Answer(valueDate=value),
    Kind.DATETIME: lambda value: Answer(valueDateTime=value),
    Kind.TIME: lambda value: Answer(valueTime=f"{value:%H:%M:%S}"),
    Kind.TICK: lambda _value: Answer(valueBoolean=True),
}
_CLOCK: Final = re.compile(r"(?P<time>\d{1,2}\s?[:hg]\s?(?:\d{2})?)")


def _moment(written: str, field: forms.Field) -> str:
    """Time and day as a FHIR dateTime; a day alone is taken too: "07:30 21/11/2026", "21/11/2026 7h30"."""
    found = _CLOCK.search(written)
    if found is None:
        return clock.fhir_date(written, where=field.name)
    at = forms.time_of_day(field.name, "").read(found["time"].replace(" ", ""), field)
    day = clock.parse_date(f"{written[: found.start()]} {written[found.end() :]}".strip(" ,"), where=field.name)
    return f"{day.isoformat()}T{at:%H:%M}:00+07:00"


def whole(said: Flat, found: Mapping[str, Said], tables: Mapping[str, Item]) -> Said:
    """The answers with these units put in place of what they said before. `tables`: the form's, by key."""
    kept = {key: list(given) for key, given in said.items()}
    for key, given in found.items():
        for old in _keys(key, kept, tables):
            kept.pop(old, None)
        kept.update({name: value for name, value in given.items() if value})
    return kept


def _keys(key: str, said: Flat, tables: Mapping[str, Item]) -> list[str]:
    """The keys of answers that a unit holds."""
    if key not in tables:
        return [key]
    return [f"{one.link}@{row}" for row in range(rows_of(tables[key], said)) for one in tables[key].items]


_FIELDS: Final[dict[Kind, Callable[[str, str], forms.Field]]] = {
    Kind.PROSE: lambda key, label: forms.long_text(key, label, most=_WORDS),
    Kind.INTEGER: lambda key, label: forms.number(key, label, lowest=-_MOST, highest=_MOST),
    Kind.DECIMAL: lambda key, label: forms.number(key, label, lowest=-_MOST, highest=_MOST, places=4),
    Kind.DATE: forms.birth_date,
    Kind.TIME: forms.time_of_day,
    Kind.DATETIME: lambda key, label: forms.Field(key, label, "text", _moment, most=40),
    Kind.TICK: forms.flag,
}
