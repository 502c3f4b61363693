"""What a record may do, and every field of every form: typed, read, kept as FHIR, shown again."""

from __future__ import annotations

from datetime import date

import pytest
from starlette.datastructures import FormData

from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict
from benhan.hospital.chart.forms import form
from benhan.hospital.chart.forms.answering import wrong
from benhan.hospital.chart.forms.questionnaires import questionnaire
from benhan.hospital.chart.forms.structure import Item
from benhan.hospital.chart.records import kept, life
from benhan.hospital.chart.records.answers import flat, nested
from benhan.hospital.chart.records.entries import Said, Unit, typed, units
from benhan.hospital.chart.records.kept import kept_form
from benhan.hospital.chart.records.life import Event, State
from benhan.hospital.chart.records.sections import sections


def test_nothing_happens_to_a_record_but_what_the_table_says() -> None:
    assert all(step.law and step.may for step in life.TRANSITIONS.values())
    for event in Event:
        for state in State:
            assert life.allows(state, event) == ((state, event) in life.TRANSITIONS)
    for state, event in ((State.DRAFT, Event.CLOSE), (State.CLOSED, Event.WRITE), (State.ARCHIVED, Event.REOPEN)):
        with pytest.raises(Conflict):
            life.must_allow(state, event)


TYPED = {
    "integer": "3", "decimal": "3,5", "date": "01/02/2020", "datetime": "7h30 01/02/2020", "time": "7h30", "tick": "1",
}  # fmt: skip


@pytest.mark.parametrize("code", [one.code for one in kept.record_forms()])
def test_every_field_of_a_form_stands_on_one_page_and_takes_what_is_typed(code: str) -> None:
    """All of it typed, page by page, is an answer that fits the form, and is read back from FHIR as it was typed."""
    asked = form(code)
    every = [one.key for page in sections(asked) for one in units(page.items)]
    assert every == [one.key for one in units(asked.items)] and len(set(every)) == len(every)
    said: Said = {}
    for page in sections(asked):
        sent = [part for one in units(page.items) for part in _typed(one)]
        read, checked = typed(page.items, FormData(sent), {}, date(2026, 11, 21))
        assert not checked.errors, checked.errors
        for given in read.values():
            said.update(given)
    response = r4.QuestionnaireResponse(
        questionnaire=f"{kept_form(asked).url}|{asked.version}", status="in-progress", item=nested(asked, said)
    )
    assert wrong(questionnaire(asked), response) == []
    back = flat(asked, response)
    assert {key: given for key, given in said.items() if key in back} == back
    asks_less = {item.link for top in asked.walk() if top.condition for item in top.walk()}
    blanks = {f"{item.link}:{box.code}" for item in asked.walk() for box in item.options if box.blank}
    assert {key for key in said.keys() - back.keys() if key.partition(":")[0] not in asks_less} <= blanks


def _typed(unit: Unit) -> list[tuple[str, str]]:
    if unit.kind == "table":
        cells = [(f"{one.link}@1", _words(one)) for one in unit.item.items]  # the first row stays empty
        return [(unit.key, ""), *cells]
    return [(unit.key, ""), (unit.key, "chữ" if unit.blank else _words(unit.item))]


def _words(item: Item) -> str:
    boxes = item.kind in ("choice", "choices")
    return item.options[0].code if boxes else TYPED.get(item.kind.value, "chữ")
