"""`Patient/$match`: who of our patients may be the person described, from most to least likely, each with a grade.

Standard: HL7 FHIR R4, Patient/$match (MPI query). What makes two people alike is `core.kit.matching`, the same that
warns the desk before a second record is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.api import messages
from benhan.core.api.operations.everything import entry
from benhan.core.api.operations.inputs import inputs
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit.matching import Facts, Likeness, facts_of, grade, insurance_forms, near_numbers, ranked, swapped
from benhan.core.kit.text import fold
from benhan.core.language import _

GRADE_URL: Final = "http://hl7.org/fhir/StructureDefinition/match-grade"
USUAL_COUNT, MAX_COUNT = 10, 50
#: Records looked at for each question.
LOOKED_AT: Final = "50"
MAX_IDENTIFIERS: Final = 20


async def match(request: Request, tx: Transaction, who: Subject) -> Response:
    """The patients that may be the one described. Only what the caller may search is looked at."""
    asked = (await inputs(request)).only("resource", "onlyCertainMatches", "count")
    wanted = asked.resource("resource", r4.Patient)
    count = asked.number("count", least=1, most=10**6) or USUAL_COUNT
    found = ranked(facts_of(wanted), (await _candidates(tx, who, wanted)).values())
    if asked.flag("onlyCertainMatches"):
        found = [one for one in found if grade(one[1].score) == "certain"]
        found = found if len(found) == 1 else []  # two certain ones are no certainty
    base = messages.base(request)
    entries = [_graded(base, patient, likeness) for patient, likeness in found[: min(count, MAX_COUNT)]]
    return messages.answer(r4.Bundle(type="searchset", total=len(entries), entry=entries or None))


def _graded(base: str, patient: r4.Patient, likeness: Likeness) -> r4.BundleEntry:
    made = entry(base, patient)
    made.search = r4.BundleEntrySearch(
        mode="match",
        score=Decimal(min(likeness.score, 100)) / 100,
        extension=[r4.Extension(url=GRADE_URL, valueCode=grade(likeness.score))],
    )
    return made


async def _candidates(tx: Transaction, who: Subject, wanted: r4.Patient) -> dict[str | None, r4.Patient]:
    """Records worth comparing: each question finds those that share something rare with the person described.

    Raises:
        Forbidden: patients may not be searched; Invalid: nothing was said that anybody could be found by.
    """
    questions = _questions(wanted, facts_of(wanted))
    if not questions:
        raise Invalid(
            _("Chưa có gì để so khớp."),
            code="required",
            where="resource",
            advice=_("Cần ít nhất một mã định danh, họ tên hoặc số điện thoại."),
        )
    found: dict[str | None, r4.Patient] = {}
    for params in questions:
        page = await store.search(tx, who, r4.Patient, {**params, "_count": LOOKED_AT})
        found |= {patient.id: patient for patient in page.resources if patient.active is not False}
    return found


def _questions(wanted: r4.Patient, facts: Facts) -> list[Mapping[str, str]]:
    asked: list[Mapping[str, str]] = []
    said = [(one.system, one.value) for one in wanted.identifier or [] if one.value and "," not in one.value]
    tokens = [f"{system}|{value}" if system else value for system, value in said][:MAX_IDENTIFIERS]
    if facts.number:
        tokens += [f"{systems.CCCD}|{number}" for number in near_numbers(facts.number[:20])]
    if facts.insurance:
        tokens += [f"{systems.BHYT}|{form}" for form in insurance_forms(facts.insurance)]
    if tokens:
        asked.append({"identifier": ",".join(dict.fromkeys(tokens))})
    words = fold(facts.name).split()[:10]
    births = ",".join(day for day in (facts.birth, swapped(facts.birth)) if day)
    if words and births:
        asked += [{"name": word, "birthdate": births} for word in dict.fromkeys((words[-1], words[0]))]
    if len(words) > 1:
        asked.append({"name": " ".join(words)})
    if facts.phone:
        asked.append({"phone": facts.phone.replace(",", "")})
    return asked
