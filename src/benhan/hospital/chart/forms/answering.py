"""Whether answers fit their form: items that exist, values of their type, boxes that are printed, what is asked. Pure.

For the Questionnaires made here: `enableWhen` has one condition with "=". Standard: FHIR R4, QuestionnaireResponse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from benhan.core.fhir import r4
from benhan.core.fhir.outcome import issue
from benhan.core.language import _

Issues = Iterator[r4.OperationOutcomeIssue]
Answers = dict[str, list[r4.QuestionnaireResponseItemAnswer]]

_VALUES: Final[dict[str, tuple[str, ...]]] = {
    "string": ("valueString",),
    "text": ("valueString",),
    "integer": ("valueInteger",),
    "decimal": ("valueDecimal",),
    "date": ("valueDate",),
    "dateTime": ("valueDateTime",),
    "time": ("valueTime",),
    "boolean": ("valueBoolean",),
    "choice": ("valueCoding",),
    "open-choice": ("valueCoding", "valueString"),
    "attachment": ("valueAttachment",),
    "reference": ("valueReference",),
}
_MOST: Final = 100
#: Letters of an answer: a page and a half of the paper.
_LONGEST: Final = 10_000


def wrong(asked: r4.Questionnaire, response: r4.QuestionnaireResponse) -> list[r4.OperationOutcomeIssue]:
    """What of the answers does not fit, at most 100, each with its place; an empty list fits."""
    if response.questionnaire != f"{asked.url}|{asked.version}":
        where = "QuestionnaireResponse.questionnaire"
        return [issue("invalid", _("Bản ghi không thuộc mẫu này hoặc phiên bản này của mẫu."), where=where)]
    found = _below(asked.item or [], response.item or [], answers(response), "QuestionnaireResponse")
    return list(islice(found, _MOST))


def answers(response: r4.QuestionnaireResponse) -> Answers:
    """The answers by address; of a table with many rows those of all rows."""
    said: Answers = {}
    waiting = list(response.item or [])
    while waiting:
        one = waiting.pop()
        said.setdefault(one.linkId or "", []).extend(one.answer or [])
        waiting += below(one)
    return said


def below(one: r4.QuestionnaireResponseItem) -> list[r4.QuestionnaireResponseItem]:
    """What stands below an item: in a group the items, below an answered question those of its answers (qrs-1)."""
    return [*(one.item or []), *(item for answer in one.answer or [] for item in answer.item or [])]


def is_asked(item: r4.QuestionnaireItem, said: Answers) -> bool:
    """Whether the condition of an item holds."""
    return all(any(_meets(when, one) for one in said.get(when.question or "", [])) for when in item.enableWhen or [])


def _meets(when: r4.QuestionnaireItemEnableWhen, answer: r4.QuestionnaireResponseItemAnswer) -> bool:
    if when.answerCoding:
        return answer.valueCoding is not None and answer.valueCoding.code == when.answerCoding.code
    return answer.valueBoolean == when.answerBoolean


def _below(
    asked: Sequence[r4.QuestionnaireItem], given: Sequence[r4.QuestionnaireResponseItem], said: Answers, place: str
) -> Issues:
    """The items below one of the form, or below the form."""
    known = {one.linkId: one for one in asked}
    met: set[str | None] = set()
    for at, one in enumerate(given):
        where = f"{place}.item[{at}]"
        item = known.get(one.linkId)
        if item is None:
            yield issue("not-found", _("Mẫu không có mục %(link)s ở đây.", link=one.linkId or "?"), where=where)
            continue
        if one.linkId in met and not (item.type == "group" and item.repeats):
            yield issue("duplicate", _("Mục này có hai lần."), where=where)
        met.add(one.linkId)
        yield from _answered(item, one, said, where)
        yield from _below(item.item or [], below(one), said, where)


def _answered(item: r4.QuestionnaireItem, given: r4.QuestionnaireResponseItem, said: Answers, where: str) -> Issues:
    if (given.answer or given.item) and not is_asked(item, said):
        yield issue("business-rule", _("Mục này không được hỏi với các câu trả lời khác."), where=where)
    if len(given.answer or []) > 1 and not item.repeats:
        yield issue("structure", _("Mục này chỉ có một câu trả lời."), where=where)
    for at, answer in enumerate(given.answer or []):
        yield from _valued(item, answer, f"{where}.answer[{at}]")


def _valued(item: r4.QuestionnaireItem, answer: r4.QuestionnaireResponseItemAnswer, where: str) -> Issues:
    fitting = _VALUES.get(item.type or "", ())
    if all(getattr(answer, name) is None for name in fitting):
        yield issue("value", _("Câu trả lời không đúng loại: mục này cần %(kind)s.", kind=item.type or ""), where=where)
        return
    coding = answer.valueCoding
    boxes = {(one.valueCoding.system, one.valueCoding.code) for one in item.answerOption or [] if one.valueCoding}
    if coding and boxes and (coding.system, coding.code) not in boxes:
        yield issue("code-invalid", _("Mục này không có ô %(code)s.", code=coding.code or "?"), where=where)
    if answer.valueString and len(answer.valueString) > _LONGEST:
        yield issue("too-long", _("Câu trả lời dài hơn %(most)s chữ.", most=_LONGEST), where=where)
