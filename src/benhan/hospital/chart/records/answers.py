"""Answers of a form as one flat table, for the page that shows and reads them; and back as FHIR nests them. Pure.

A key is an item's address; of the blank behind a box `address:code`, of a cell in a printed row `column:row`, of a
cell in a row that was added `column@n`. Standard: FHIR R4 QuestionnaireResponse (qrs-1: below a question items stand
in its answers).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from benhan.core.fhir import r4
from benhan.hospital.chart.forms.answering import Answers, answers, below, is_asked
from benhan.hospital.chart.forms.questionnaires import when
from benhan.hospital.chart.forms.structure import HOLDERS, Form, Item, Kind

Flat = Mapping[str, list[r4.QuestionnaireResponseItemAnswer]]
#: Rows that a table holds at most.
MOST_ROWS: Final = 60
_ROW: Final = re.compile(r"@\d+$")


def flat(form: Form, response: r4.QuestionnaireResponse) -> dict[str, list[r4.QuestionnaireResponseItemAnswer]]:
    """Every answer by its key."""
    tables = {item.link for item in form.walk() if item.kind is Kind.TABLE}
    found: dict[str, list[r4.QuestionnaireResponseItemAnswer]] = {}
    _gather(response.item or [], tables, found)
    return found


def _gather(
    items: Iterable[r4.QuestionnaireResponseItem], tables: set[str],
    found: dict[str, list[r4.QuestionnaireResponseItemAnswer]],
) -> None:  # fmt: skip
    rows: dict[str, int] = {}
    for one in items:
        link = one.linkId or ""
        if link in tables:
            number = rows[link] = rows.get(link, -1) + 1
            found.update({f"{cell.linkId}@{number}": _bare(cell) for cell in one.item or [] if cell.answer})
            continue
        if one.answer:
            found[link] = _bare(one)
        _gather(below(one), tables, found)


def _bare(item: r4.QuestionnaireResponseItem) -> list[r4.QuestionnaireResponseItemAnswer]:
    """The answers without what stands below them: that has keys of its own."""
    return [msgspec.structs.replace(one, item=None) for one in item.answer or []]


def nested(form: Form, said: Flat) -> list[r4.QuestionnaireResponseItem] | None:
    """The answers in the groups of the paper. What is not asked with the other answers is left out."""
    return list(_below(form.items, said, _counting(form, said))) or None


def _counting(form: Form, said: Flat) -> Answers:
    """The answers that conditions may look at: one that is not asked itself asks for nothing."""
    plain: Answers = {key: list(value) for key, value in said.items()}
    dropped = True
    while dropped:
        out = [one.link for item in form.walk() if not asked(item, plain) for one in item.walk() if one.link in plain]
        dropped = bool(out)
        for link in out:
            plain.pop(link, None)
    return plain


def _below(items: Iterable[Item], said: Flat, plain: Answers) -> Iterator[r4.QuestionnaireResponseItem]:
    for item in items:
        if not asked(item, plain):
            continue
        if item.kind is Kind.TABLE:
            yield from _rows_added(item, said)
        elif item.kind is Kind.ROWS:
            yield from _rows_printed(item, said)
        elif item.kind in HOLDERS:
            if held := list(_below(item.items, said, plain)):
                yield _group(item.link, item.text, held)
        elif given := said.get(item.link):
            yield _question(item, given, said)


def _question(
    item: Item, given: list[r4.QuestionnaireResponseItemAnswer], said: Flat
) -> r4.QuestionnaireResponseItem:  # fmt: skip
    """An answered item; words behind a chosen box stand in the answer that chose it."""
    made = []
    for answer in given:
        code = answer.valueCoding.code if answer.valueCoding else None
        blank = next((one for one in item.options if one.blank and one.code == code), None)
        words = said.get(f"{item.link}:{code}") if blank else None
        after = [_leaf(f"{item.link}:{code}", blank.text, words)] if blank and words else None
        made.append(msgspec.structs.replace(answer, item=after))
    return _leaf(item.link, item.text, made)


def _rows_added(table: Item, said: Flat) -> Iterator[r4.QuestionnaireResponseItem]:
    for number in range(rows_of(table, said)):
        cells = [
            _leaf(one.link, one.text, given)
            for one in table.items
            if (given := said.get(f"{one.link}@{number}"))
        ]  # fmt: skip
        if cells:
            yield _group(table.link, table.text, cells)


def _rows_printed(table: Item, said: Flat) -> Iterator[r4.QuestionnaireResponseItem]:
    rows = []
    for row in table.options:
        keys = ((f"{one.link}:{row.code}", one) for one in table.items)
        cells = [_leaf(key, one.text, given) for key, one in keys if (given := said.get(key))]
        if cells:
            rows.append(_group(f"{table.link}:{row.code}", row.text, cells))
    if rows:
        yield _group(table.link, table.text, rows)


def rows_of(table: Item, said: Flat) -> int:
    """How many rows of a table are written."""
    links = {one.link for one in table.items}
    numbers = [int(key.rpartition("@")[2]) for key in said if _ROW.search(key) and key.rpartition("@")[0] in links]
    return min(max(numbers, default=-1) + 1, MOST_ROWS)


def asked(item: Item, plain: Answers) -> bool:
    """Whether the item's condition holds."""
    if item.condition is None:
        return True
    return is_asked(r4.QuestionnaireItem(enableWhen=[when(item.condition)]), plain)


def all_of(response: r4.QuestionnaireResponse) -> Answers:
    """The answers by address, as conditions ask them."""
    return answers(response)


def _leaf(link: str, text: str, given: list[r4.QuestionnaireResponseItemAnswer]) -> r4.QuestionnaireResponseItem:
    return r4.QuestionnaireResponseItem(linkId=link, text=text or None, answer=given)


def _group(link: str, text: str, held: list[r4.QuestionnaireResponseItem]) -> r4.QuestionnaireResponseItem:
    return r4.QuestionnaireResponseItem(linkId=link, text=text or None, item=held)
