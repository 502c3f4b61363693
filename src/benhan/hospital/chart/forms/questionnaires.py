"""A form as a FHIR R4 Questionnaire, as HL7's Structured Data Capture (SDC 3.0) writes them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benhan.core.fhir import r4, systems
from benhan.hospital.chart.forms.known import CALCULATIONS, CONTEXTS, LISTS, PREFILL, QUERIES, UNITS
from benhan.hospital.chart.forms.structure import Calculation, Condition, Form, Item, Kind, Option

_SDC: Final = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire"
_R4: Final = "http://hl7.org/fhir/StructureDefinition"
_CONTROL: Final = "http://hl7.org/fhir/questionnaire-item-control"
_LAUNCH: Final = "http://hl7.org/fhir/uv/sdc/CodeSystem/launchContext"
#: "Author's Signature" of ASTM E1762, the code that questionnaire-signatureRequired gives as its example.
_AUTHOR: Final = r4.Coding(system="urn:iso-astm:E1762-95:2013", code="1.2.840.10065.1.12.1.1")

_TYPES: Final = {
    Kind.NOTE: "display",
    Kind.ROW: "display",
    Kind.TEXT: "string",
    Kind.PROSE: "text",
    Kind.INTEGER: "integer",
    Kind.DECIMAL: "decimal",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.DATETIME: "dateTime",
    Kind.TICK: "boolean",
    Kind.LIST: "open-choice",
    Kind.CHOICE: "choice",
    Kind.CHOICES: "choice",
    Kind.DRAWING: "attachment",
    Kind.SIGN: "reference",
}
_CONTROLS: Final = {Kind.TABLE: "gtable", Kind.ROWS: "table", Kind.SIDES: "htable"}


def questionnaire(form: Form) -> r4.Questionnaire:
    """The form, ready for the store: `url|version` names it for ever, `linkId` an item."""
    name = form.code.replace("/", "-")
    return r4.Questionnaire(
        url=f"{systems.BENHAN}/Questionnaire/{name}",
        version=form.version,
        identifier=[r4.Identifier(system=systems.FORM, value=form.code)],
        name=f"Form{form.code[3:]}_{form.code[:2]}",
        title=form.title,
        status="active",
        subjectType=["Patient"],
        language="vi",
        publisher="Bộ Y tế",
        description=form.unclear or None,
        effectivePeriod=r4.Period(start=form.in_force.isoformat()),
        extension=[*_contexts(form), *_variables(form)] or None,
        item=[_item(one) for one in form.items],
    )


def _item(item: Item) -> r4.QuestionnaireItem:
    """An item of the paper. A table with printed rows is a group of one group for each row."""
    if item.kind is Kind.ROWS:
        below = [_row(item, row) for row in item.options]
    else:
        below = [_item(one) for one in item.items] + [_after(item, one) for one in item.options if one.blank]
    return r4.QuestionnaireItem(
        linkId=item.link,
        prefix=item.prefix or None,
        text=item.text or None,
        type=_TYPES.get(item.kind, "group"),
        repeats=True if item.several or item.kind is Kind.TABLE else None,
        readOnly=True if item.calculation else None,
        answerOption=_boxes(item),
        answerValueSet=LISTS[item.list] if item.list else None,
        enableWhen=[when(item.condition)] if item.condition else None,
        item=below or None,
        extension=list(_said(item)) or None,
    )


def _boxes(item: Item) -> list[r4.QuestionnaireItemAnswerOption] | None:
    if item.kind not in {Kind.CHOICE, Kind.CHOICES}:
        return None
    return [
        r4.QuestionnaireItemAnswerOption(
            valueCoding=r4.Coding(system=systems.FORM_BOX, code=one.code, display=one.text)
        )
        for one in item.options
    ]


def _after(item: Item, option: Option) -> r4.QuestionnaireItem:
    """The blank that follows a box, asked when the box is chosen."""
    return r4.QuestionnaireItem(
        linkId=f"{item.link}:{option.code}",
        text=option.text,
        type="string",
        enableWhen=[when(Condition(link=item.link, code=option.code))],
    )


def _row(table: Item, row: Option) -> r4.QuestionnaireItem:
    return r4.QuestionnaireItem(
        linkId=f"{table.link}:{row.code}",
        text=row.text,
        type="group",
        item=[_cell(one, row) for one in table.items if one.kind is not Kind.ROW],
    )


def _cell(column: Item, row: Option) -> r4.QuestionnaireItem:
    cell = _item(column)
    cell.linkId = f"{column.link}:{row.code}"
    return cell


def when(condition: Condition) -> r4.QuestionnaireItemEnableWhen:
    """A condition as FHIR says it."""
    asked = r4.QuestionnaireItemEnableWhen(question=condition.link, operator="=")
    if condition.code is None:
        asked.answerBoolean = True
    else:
        asked.answerCoding = r4.Coding(system=systems.FORM_BOX, code=condition.code)
    return asked


# ── What is said of an item beside its type ────────────────────────────────────────────────────────────────────


def _said(item: Item) -> Iterator[r4.Extension]:
    if control := _CONTROLS.get(item.kind):
        yield r4.Extension(
            url=f"{_R4}/questionnaire-itemControl",
            valueCodeableConcept=r4.CodeableConcept(coding=[r4.Coding(system=_CONTROL, code=control)]),
        )
    if item.prefill:
        yield _expression("initialExpression", "text/fhirpath", PREFILL[item.prefill], item.prefill)
    if item.calculation:
        yield _calculated(item.calculation)
    if item.kind is Kind.SIGN:
        yield r4.Extension(
            url=f"{_R4}/questionnaire-signatureRequired", valueCodeableConcept=r4.CodeableConcept(coding=[_AUTHOR])
        )
    if item.hidden_since:
        yield r4.Extension(url=f"{_R4}/questionnaire-hidden", valueBoolean=True)
        yield r4.Extension(url=systems.EXTENSION_HIDDEN_SINCE, valueDate=item.hidden_since.isoformat())
    if item.closing:
        yield r4.Extension(url=systems.EXTENSION_REQUIRED_AT_CLOSING, valueBoolean=True)
    if (printed := item.unit.strip("‹›")) in UNITS:
        unit = r4.Coding(system=systems.UCUM, code=UNITS[printed], display=printed)
        yield r4.Extension(url=f"{_R4}/questionnaire-unit", valueCoding=unit)
    if item.unclear:
        yield r4.Extension(url=systems.EXTENSION_UNCLEAR, valueString=item.unclear)


def _calculated(calculation: Calculation) -> r4.Extension:
    rule = CALCULATIONS[calculation.name]
    values = [f"%resource.repeat(item).where(linkId='{link}').answer.value" for link in calculation.links]
    return _expression("calculatedExpression", rule.language, rule.expression.format(*values), rule.says)


def _expression(what: str, language: str, expression: str, says: str) -> r4.Extension:
    return r4.Extension(
        url=f"{_SDC}-{what}",
        valueExpression=r4.Expression(language=language, expression=expression, description=says),
    )


def _contexts(form: Form) -> Iterator[r4.Extension]:
    """What whoever fills in the form must bring: SDC's launch context."""
    if any(item.prefill for item in form.walk()):
        for code, type_, says in CONTEXTS.values():
            parts = [
                r4.Extension(url="name", valueCoding=r4.Coding(system=_LAUNCH, code=code)),
                r4.Extension(url="type", valueCode=type_),
                r4.Extension(url="description", valueString=says),
            ]
            yield r4.Extension(url=f"{_SDC}-launchContext", extension=parts)


def _variables(form: Form) -> Iterator[r4.Extension]:
    """The searches that the form's expressions look into, and no others."""
    asked = " ".join(PREFILL[item.prefill] for item in form.walk() if item.prefill)
    for name, query in QUERIES.items():
        if f"%{name}." in asked:
            yield r4.Extension(
                url=f"{_R4}/variable",
                valueExpression=r4.Expression(name=name, language="application/x-fhir-query", expression=query),
            )
