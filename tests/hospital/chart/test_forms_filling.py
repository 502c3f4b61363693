"""What the record knows stands in a form that is opened; what is missing before closing is named."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from pypdf import PdfReader

from benhan.core.fhir import codec, fhirpath, r4, systems, validation
from benhan.core.kit.printing import render_now
from benhan.core.kit.text import fold
from benhan.hospital.chart.forms import form, forms
from benhan.hospital.chart.forms.answering import wrong
from benhan.hospital.chart.forms.filling import filled_in, missing
from benhan.hospital.chart.forms.known import PREFILL, age, bmi, days, weeks
from benhan.hospital.chart.forms.questionnaires import questionnaire
from benhan.hospital.chart.forms.sheets import TEMPLATE, sheet
from benhan.hospital.visit import SYSTOLIC, human_name, narrative

WARD = r4.Coding(system=systems.ADDRESS, code="00070", display="Phường Hoàn Kiếm")


def bundle(*resources: r4.Resource) -> r4.Bundle:
    return r4.Bundle(type="searchset", entry=[r4.BundleEntry(resource=one) for one in resources])


def observed(code: str, value: str, component: str | None = None) -> r4.Observation:
    said = r4.Quantity(value=Decimal(value))
    concept = r4.CodeableConcept(coding=[r4.Coding(system=systems.LOINC, code=component or code)])
    return r4.Observation(
        status="final",
        code=r4.CodeableConcept(coding=[r4.Coding(system=systems.LOINC, code=code)]),
        valueQuantity=None if component else said,
        component=[r4.ObservationComponent(code=concept, valueQuantity=said)] if component else None,
    )


def known() -> dict[str, r4.Resource]:
    """A stay of five days as the store gives it."""
    return {
        "patient": r4.Patient(
            name=[human_name("Trần Thị Hoa")],
            gender="female",
            birthDate="1958-11-23",
            identifier=[r4.Identifier(system=systems.CCCD, value="001158000001")],
            address=[
                r4.Address(
                    line=["12 Hàng Bạc"],
                    city="Hà Nội",
                    extension=[r4.Extension(url=f"{systems.EXTENSION}/ward", valueCoding=WARD)],
                )
            ],
            extension=[
                r4.Extension(
                    url=systems.EXTENSION_ETHNICITY,
                    valueCodeableConcept=r4.CodeableConcept(
                        coding=[r4.Coding(system=systems.ETHNICITY, code="1", display="Kinh")]
                    ),
                )
            ],
        ),
        "encounter": r4.Encounter(
            status="finished",
            class_=r4.Coding(system=systems.ACT_CODE, code="IMP"),
            period=r4.Period(start="2026-11-21T23:30:00+07:00", end="2026-11-25T18:00:00Z"),
        ),
        "vitals": bundle(
            observed("8867-4", "88"),
            observed("85354-9", "130", SYSTOLIC),
            observed("29463-7", "50"),
            observed("8302-2", "160"),
        ),
        "diagnoses": bundle(
            r4.Condition(
                subject=r4.Reference(reference="Patient/p"),
                code=r4.CodeableConcept(coding=[r4.Coding(system=systems.ICD10, code="I10", display="Tăng huyết áp")]),
            )
        ),
        "notes": bundle(
            r4.Composition(
                status="final",
                type=r4.CodeableConcept(text="Phiếu khám"),
                date="2026-11-21",
                author=[r4.Reference(reference="Practitioner/d")],
                title="Phiếu khám",
                section=[
                    r4.CompositionSection(
                        code=r4.CodeableConcept(coding=[r4.Coding(system=systems.LOINC, code="10154-3")]),
                        text=narrative("Đau đầu,\nhuyết áp > 180"),
                    )
                ],
            )
        ),
    }


def said(response: r4.QuestionnaireResponse) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def look(items: list[r4.QuestionnaireResponseItem]) -> None:
        for one in items:
            for answer in one.answer or []:
                coding = answer.valueCoding
                found[one.linkId or ""] = (coding.code if coding else None) or next(
                    value
                    for value in (
                        answer.valueString,
                        answer.valueInteger,
                        answer.valueDecimal,
                        answer.valueDate,
                        answer.valueDateTime,
                    )
                    if value is not None
                )
            look(one.item or [])

    look(response.item or [])
    return found


def test_what_the_record_knows_is_never_typed_again() -> None:
    response = filled_in(form("01/BV1"), known())
    assert said(response) == {
        "patient-name": "Trần Thị Hoa",
        "patient-birth": "1958-11-23",
        "patient-age": 67,  # two days before her birthday
        "patient-sex": "2",
        "patient-ethnicity": "1",
        "patient-street": "12 Hàng Bạc",
        "patient-ward": "00070",
        "patient-province": "Hà Nội",
        "admitted": "2026-11-21T23:30:00+07:00",
        "discharged": "2026-11-25T18:00:00Z",
        "days": 5,  # she left at one in the morning of the 26th in Vietnam
        "dx-ward": "I10",
        "dx-entry": "I10",
        "reason": "Đau đầu,\nhuyết áp > 180",
        "pulse": 88,
        "systolic": 130,
        "weight": Decimal("50"),
    }
    assert validation.validate(response) == []
    assert codec.decode(codec.encode(response)) == response


def test_a_form_that_prints_them_has_height_and_index() -> None:
    found = said(filled_in(form("18/BV1"), known()))
    assert (found["height"], found["bmi"], found["citizen-id"]) == (Decimal("160"), Decimal("19.5"), "001158000001")


def test_nothing_known_is_an_empty_form() -> None:
    assert said(filled_in(form("01/BV1"), {})) == {}


def test_what_is_missing_is_named_in_the_order_of_the_paper_and_only_what_is_asked() -> None:
    response = filled_in(form("01/BV1"), known())
    before = [one.link for one in missing(form("01/BV1"), response)]
    assert before[:4] == ["payer", "entered-by", "discharge-way", "dx-main"]
    assert "died" not in before  # nobody has said that she died
    died = r4.QuestionnaireResponseItem(
        linkId="outcome",
        answer=[r4.QuestionnaireResponseItemAnswer(valueCoding=r4.Coding(system=systems.FORM_BOX, code="5"))],
    )
    response.item = [*(response.item or []), died]
    after = [one.link for one in missing(form("01/BV1"), response)]
    assert set(after) - set(before) == {"died", "death-by", "death-when", "death-cause"}
    assert set(before) - set(after) == {"outcome"}


def item(link: str, *answers: dict[str, Any], below: list[Any] | None = None) -> r4.QuestionnaireResponseItem:
    return r4.QuestionnaireResponseItem(
        linkId=link,
        answer=[r4.QuestionnaireResponseItemAnswer(**one) for one in answers] or None,
        item=below,
    )


def box(code: str) -> dict[str, Any]:
    return {"valueCoding": r4.Coding(system=systems.FORM_BOX, code=code)}


def test_answers_that_do_not_fit_are_named_with_their_place() -> None:
    made = questionnaire(form("01/BV1"))
    response = filled_in(form("01/BV1"), known())
    assert wrong(made, response) == []
    response.item = [
        item("nobody", {"valueString": "?"}),
        item("bed", {"valueInteger": 5}),
        item("I", below=[item("patient-sex", box("3")), item("payer", box("1"), box("2"))]),
        item("IV", below=[item("died", {"valueDateTime": "2026-11-22"}), item("outcome", box("1"))]),
        item("bed", {"valueString": "x" * 10_001}),
    ]
    assert [(one.code, (one.expression or [""])[0]) for one in wrong(made, response)] == [
        ("not-found", "QuestionnaireResponse.item[0]"),
        ("value", "QuestionnaireResponse.item[1].answer[0]"),
        ("code-invalid", "QuestionnaireResponse.item[2].item[0].answer[0]"),
        ("structure", "QuestionnaireResponse.item[2].item[1]"),
        ("business-rule", "QuestionnaireResponse.item[3].item[0]"),  # she is well
        ("duplicate", "QuestionnaireResponse.item[4]"),
        ("too-long", "QuestionnaireResponse.item[4].answer[0]"),
    ]
    response.questionnaire = f"{made.url}|TT32-2023.0"
    assert [one.expression for one in wrong(made, response)] == [["QuestionnaireResponse.questionnaire"]]


def test_a_form_is_printed_with_every_word_of_the_paper_and_every_answer() -> None:
    """The order of the words in a PDF is the order of reading aloud; here only that none is missing."""
    surgery = form("10/BV1")
    response = filled_in(surgery, known())
    row = item("operations", below=[item("operations/bac-sy-phau-thuat", {"valueString": "BS Lê Văn Cường"})])
    response.item = [*(response.item or []), item("IV", below=[item("outcome", box("2"))]), row]
    pdf = PdfReader(BytesIO(render_now(TEMPLATE, sheet(surgery, response))))
    lines = [line for page in pdf.pages for line in page.extract_text().splitlines()]
    assert re.findall(r"☑\s(\d\. \w+)", "\n".join(lines)) == ["2. Nữ", "2. Đỡ"]
    text = " ".join(map(fold, lines))
    answered = ["Trần Thị Hoa", "23/11/1958", "Phường Hoàn Kiếm", "23 giờ 30, 21/11/2026", "01 giờ 00, 26/11/2026"]
    answered += ["Tăng huyết áp", "Mã: I10", "BS Lê Văn Cường"]
    left_out = {"code-left", "code-right", "patient-district", "transfer"}
    labels = [one.printed for one in surgery.walk() if one.printed and one.link not in left_out]
    lost = [words for words in [*answered, *labels] if fold(words) not in text]
    assert lost == []
    assert len(pdf.pages) == 4


@pytest.mark.parametrize("code", forms())
def test_every_form_can_be_laid_out_empty(code: str) -> None:
    """Kinds of blocks that the page knows, and every box of the paper among them."""

    def kinds(blocks: list[dict[str, Any]]) -> set[str]:
        below = [part for one in blocks for part in (one.get("blocks", []), *one.get("columns", []))]
        sides = [side["blocks"] for one in blocks for side in one.get("sides", [])]
        return {one["kind"] for one in blocks}.union(*map(kinds, [*below, *sides]))

    known_to_the_page = set(re.findall(r'one\.kind == "(\w+)"', TEMPLATE.read_text("utf-8")))
    assert kinds(sheet(form(code))["blocks"]) <= known_to_the_page


@pytest.mark.parametrize("name", PREFILL)
def test_every_name_can_be_asked_for(name: str) -> None:
    """Of records that say nothing, a name says nothing; it is no mistake."""
    nothing = {key: [] for key in ("questionnaire", "patient", "encounter", "user", "cover", "vitals", "notes")}
    expression = fhirpath.compile(PREFILL[name])
    assert expression([], variables={**nothing, "diagnoses": [], "results": [], "facility": []}) == []


def test_calculations() -> None:
    assert age(date(1958, 11, 23), date(2026, 11, 23)) == 68
    assert age(date(2026, 11, 23), date(2026, 11, 22)) is None
    assert (days(date(2026, 11, 21), date(2026, 11, 21)), days(date(2026, 11, 22), date(2026, 11, 21))) == (0, None)
    assert weeks(date(2026, 2, 1), date(2026, 11, 7)) == 39
    assert bmi(Decimal(50), Decimal(0)) is None
