"""A form filled in with what the record knows already, and what is still missing before it may be closed. Pure.

Who calls brings the records (`Known`); nothing is read here. Standard: HL7 SDC population, R4 QuestionnaireResponse.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from benhan.core.fhir import fhirpath, r4
from benhan.hospital.chart.forms.answering import Answers, answers, is_asked
from benhan.hospital.chart.forms.known import CALCULATIONS, PREFILL
from benhan.hospital.chart.forms.questionnaires import questionnaire, when
from benhan.hospital.chart.forms.structure import HOLDERS, Calculation, Form, Item, Kind
from benhan.hospital.visit import moment, plain

#: The contexts and searches of `known.py` by name: patient, encounter, user; cover, vitals, diagnoses … as Bundles.
Known = Mapping[str, r4.Resource]

_REPEATED: Final = frozenset({Kind.TABLE, Kind.ROWS})
_FULL: Final = len("2026-11-22")


def filled_in(form: Form, known: Known) -> r4.QuestionnaireResponse:
    """The form as it is opened for the first time: nothing that the record knows is left to be typed again."""
    asked = questionnaire(form)
    variables: dict[str, Any] = {**dict.fromkeys(_named()), **known, "questionnaire": asked}
    said = {
        item.link: answer
        for item in form.walk()
        if item.prefill and (answer := _prefilled(item, variables)) is not None
    }
    return r4.QuestionnaireResponse(
        questionnaire=f"{asked.url}|{asked.version}",
        status="in-progress",
        item=_said_below(form.items, calculated(form, said)) or None,
    )


def calculated(form: Form, said: Mapping[str, r4.QuestionnaireResponseItemAnswer]) -> dict[str, Any]:
    """The answers with every value that follows from others made anew."""
    anew = dict(said)
    for item in form.walk():
        if item.calculation:
            made = _made(item.calculation, anew)
            anew.pop(item.link, None)
            if made is not None:
                anew[item.link] = _answer(item.kind, made)
    return anew


def missing(form: Form, response: r4.QuestionnaireResponse) -> list[Item]:
    """What must still be written before the record is closed, in the order of the paper. Signatures are not here."""
    said = answers(response)
    return [
        item
        for item in form.walk()
        if item.closing and item.kind is not Kind.SIGN and not said.get(item.link) and _asked(item, said)
    ]


def _asked(item: Item, said: Answers) -> bool:
    return is_asked(r4.QuestionnaireItem(enableWhen=[when(item.condition)]), said) if item.condition else True


# ── What the record knows ──────────────────────────────────────────────────────────────────────────────────────


def _named() -> tuple[str, ...]:
    return ("patient", "encounter", "user", "cover", "vitals", "diagnoses", "notes", "results", "facility")


def _prefilled(item: Item, variables: Mapping[str, Any]) -> r4.QuestionnaireResponseItemAnswer | None:
    found = fhirpath.compile(PREFILL[item.prefill])([], variables=dict(variables))
    return _answer(item.kind, found[0]) if found and found[0] != "" else None


def _answer(kind: Kind, value: Any) -> r4.QuestionnaireResponseItemAnswer:
    """A value as an answer of the item's type."""
    answer = r4.QuestionnaireResponseItemAnswer()
    if isinstance(value, r4.Coding):
        answer.valueCoding = value
    elif kind is Kind.INTEGER:
        answer.valueInteger = int(value)
    elif kind is Kind.DECIMAL:
        answer.valueDecimal = Decimal(str(value))
    elif kind is Kind.DATE:
        answer.valueDate = str(_day(str(value)) or value)
    elif kind is Kind.DATETIME:
        answer.valueDateTime = str(value)
    else:
        answer.valueString = plain(r4.Narrative(div=str(value))) if str(value).startswith("<div") else str(value)
    return answer


# ── What follows from it ───────────────────────────────────────────────────────────────────────────────────────


def _made(calculation: Calculation, said: Mapping[str, r4.QuestionnaireResponseItemAnswer]) -> Any:
    """The value of a calculation; None while one of its sources is unknown."""
    values = [_value(said.get(link)) for link in calculation.links]
    return None if None in values else CALCULATIONS[calculation.name].make(*values)


def _value(answer: r4.QuestionnaireResponseItemAnswer | None) -> date | Decimal | None:
    if answer is None:
        return None
    if said := answer.valueDate or answer.valueDateTime:
        return _day(said)
    number = answer.valueDecimal if answer.valueDecimal is not None else answer.valueInteger
    return None if number is None else Decimal(str(number))


def _day(text: str) -> date | None:
    """The day in Vietnam; None where only a month or a year is known."""
    when = moment(text)
    if when:
        return when.date()
    return date.fromisoformat(text) if len(text) == _FULL else None


def _said_below(items: tuple[Item, ...], said: Mapping[str, Any]) -> list[r4.QuestionnaireResponseItem]:
    """The answers in the groups of the paper; a group that says nothing is left out, and so are tables."""
    made = []
    for item in items:
        below = [] if item.kind in _REPEATED else _said_below(item.items, said)
        answer = said.get(item.link) if item.kind not in HOLDERS else None
        if below or answer:
            made.append(
                r4.QuestionnaireResponseItem(
                    linkId=item.link, text=item.text or None, answer=[answer] if answer else None, item=below or None
                )
            )
    return made
