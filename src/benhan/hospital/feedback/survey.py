"""How a visit was: a few questions after its end, answered once, naming nobody; how content people are over time.

The answers are a QuestionnaireResponse without a subject, under an id that only the facility's key gives for the visit:
once is once, and no screen tells whose they are. That she read her own visit stands in the audit.
Source: QĐ 3869/QĐ-BYT (2019), form 2: parts A to E of what outpatients are asked; scale 1 to 5.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from hashlib import blake2b
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Interaction, Role, Subject, may, service
from benhan.core.access.labels import CONFIDENTIALITY
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.moments import moment_range
from benhan.core.fhir.outcome import Conflict
from benhan.core.kit import clock
from benhan.core.language import _, later
from benhan.core.vault import keys_of
from benhan.hospital.visit import moment

#: So long after its end a visit is asked about.
ASKED_FOR: Final = timedelta(days=30)
MOST_WORDS: Final = 1000
QUESTIONS: Final = {
    "access": later("Dễ tìm đường, dễ tìm người hỏi"),
    "waiting": later("Thủ tục, thời gian chờ"),
    "place": later("Cơ sở vật chất, vệ sinh"),
    "staff": later("Thái độ của nhân viên"),
    "result": later("Kết quả khám, được giải thích rõ"),
}
_WORDS: Final = "words"
#: Doctors read the forms of a record, which are answers too; these are nobody's but the program's.
_OURS_ALONE: Final = r4.Meta(security=[r4.Coding(system=CONFIDENTIALITY, code="R")])
_OURS: Final = {"questionnaire": systems.SURVEY, "_sort": "-authored", "_count": "1000"}


class Answers(msgspec.Struct, frozen=True):
    """What somebody answered on a day: question → 1 to 5."""

    on: date
    ratings: Mapping[str, int]
    words: str


class Month(msgspec.Struct, frozen=True):
    """A month: how content people were with each thing (None: nobody said), altogether, and how many answered."""

    first: date
    means: Mapping[str, float | None]
    mean: float
    count: int


async def pending(tx: Transaction, who: Subject) -> list[r4.Encounter]:
    """Her visits that ended lately and that nobody has answered for, the latest first."""
    if not may(who, Interaction.SEARCH, "Encounter"):
        return []
    asked = {"patient": f"Patient/{who.patient}", "status": "finished", "_sort": "-date", "_count": "20"}
    ended = [one for one in (await store.search(tx, who, r4.Encounter, asked)).resources if _lately(one)]
    ids = {await _id(tx, who, one.id or ""): one for one in ended}
    said = await store.read_many(tx, _behind(who), r4.QuestionnaireResponse, set(ids))
    return [one for id_, one in ids.items() if id_ not in said]


async def answer(tx: Transaction, who: Subject, visit: str, ratings: Mapping[str, int], words: str) -> None:
    """How this visit was; a second time changes nothing.

    Raises:
        Forbidden, NotFound: no visit of hers; Conflict: it has not ended, or long ago.
    """
    if not _lately(await store.read(tx, who, r4.Encounter, visit)):
        raise Conflict(_("Lượt khám này chưa xong, hoặc đã quá 30 ngày."))
    id_ = await _id(tx, who, visit)
    await tx.verify()
    tx.address = None  # nor from where
    if id_ in await store.read_many(tx, _behind(who), r4.QuestionnaireResponse, [id_]):
        return
    said = [
        r4.QuestionnaireResponseItem(
            linkId=code, answer=[r4.QuestionnaireResponseItemAnswer(valueInteger=ratings[code])]
        )
        for code in QUESTIONS if code in ratings
    ]  # fmt: skip
    if words.strip():
        text = r4.QuestionnaireResponseItemAnswer(valueString=words.strip())
        said.append(r4.QuestionnaireResponseItem(linkId=_WORDS, answer=[text]))
    await store.create(tx, _behind(who), r4.QuestionnaireResponse(
        id=id_, meta=_OURS_ALONE, status="completed", questionnaire=systems.SURVEY,
        authored=clock.fhir_instant(clock.now()), item=said,
    ))  # fmt: skip


async def every(tx: Transaction, who: Subject) -> list[Answers]:
    """What was answered, the latest first; for the board of feedback, which asks who comes."""
    found = (await store.search(tx, _behind(who), r4.QuestionnaireResponse, _OURS)).resources
    return [_answers(one) for one in found]


def by_month(found: Iterable[Answers]) -> list[Month]:
    """The months in which somebody answered, the oldest first."""
    months: dict[date, list[Answers]] = defaultdict(list)
    for one in found:
        if one.ratings:
            months[one.on.replace(day=1)].append(one)
    return [_month(first, those) for first, those in sorted(months.items())]


def _month(first: date, those: list[Answers]) -> Month:
    given = {code: [one.ratings[code] for one in those if code in one.ratings] for code in QUESTIONS}
    every_one = [value for values in given.values() for value in values]
    means = {code: sum(values) / len(values) if values else None for code, values in given.items()}
    return Month(first, means, sum(every_one) / len(every_one), len(those))


def _answers(kept: r4.QuestionnaireResponse) -> Answers:
    said = {one.linkId: one.answer[0] for one in kept.item or [] if one.answer}
    return Answers(
        on=clock.local(moment_range(kept.authored or "")[0]).date(),
        ratings={code: said[code].valueInteger or 0 for code in QUESTIONS if code in said},
        words=(said[_WORDS].valueString or "") if _WORDS in said else "",
    )


def _lately(visit: r4.Encounter) -> bool:
    end = moment(visit.period.end) if visit.period else None
    return visit.status == "finished" and end is not None and end > clock.now() - ASKED_FOR


async def _id(tx: Transaction, who: Subject, visit: str) -> str:
    index = (await keys_of(tx, who.facility)).index
    return blake2b(f"survey\n{visit}".encode(), digest_size=16, key=index).hexdigest()


def _behind(who: Subject) -> Subject:
    return service(Role.FEEDBACK_SERVICE, who.facility, who.facility_name)
