"""What the entries of a self-assessment come to, and what may be done about it next. Pure.

An answer is an entry; another answer to the same criterion names it and takes its place (ADR 33). Whatever was accepted
or approved was so of one entry: a new answer is looked at anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.language import _, later
from benhan.province.rollout.criteria.grid import criteria, of_law
from benhan.province.rollout.rules import Entry, What, standing


class Standing(StrEnum):
    """How far a self-assessment is."""

    NONE = ""
    FILLING = "filling"
    SENT = "sent"
    RETURNED = "returned"
    APPROVED = "approved"


NAMES: Final = {
    Standing.NONE: later("Chưa tự đánh giá"), Standing.FILLING: later("Đang tự đánh giá"),
    Standing.SENT: later("Đã gửi, Sở đang xem"), Standing.RETURNED: later("Có tiêu chí bị trả lại"),
    Standing.APPROVED: later("Đã được duyệt"),
}  # fmt: skip


class Answer(msgspec.Struct, frozen=True):
    """The answer of a criterion that counts: whether it was sent, and what was said of it."""

    entry: Entry
    sent: bool
    review: Entry | None = None

    @property
    def accepted(self) -> bool:
        """Whether the Department took it as it is."""
        return self.review is not None and bool(self.review.said["good"])

    @property
    def returned(self) -> bool:
        """Whether it came back with a remark."""
        return self.review is not None and not self.review.said["good"]


class Assessment(msgspec.Struct, frozen=True):
    """A self-assessment as it stands."""

    answers: Mapping[str, Answer]
    sent: Entry | None
    approved: Entry | None

    @property
    def standing(self) -> Standing:
        """How far it is."""
        if not self.answers:
            return Standing.NONE
        if any(one.returned for one in self.answers.values()):
            return Standing.RETURNED
        if not all(one.sent for one in self.answers.values()) or self.sent is None:
            return Standing.FILLING
        return Standing.APPROVED if self.approved else Standing.SENT

    @property
    def missing(self) -> list[str]:
        """Criteria without an answer."""
        return [code for code in criteria() if code not in self.answers]

    @property
    def returned(self) -> list[str]:
        """Criteria that came back."""
        return [code for code in criteria() if code in self.answers and self.answers[code].returned]

    @property
    def accepted(self) -> list[str]:
        """Criteria whose answer the Department took."""
        return [code for code in criteria() if code in self.answers and self.answers[code].accepted]

    def said(self, answer: str) -> int:
        """How many criteria are answered so."""
        return sum(one.entry.said["answer"] == answer for one in self.answers.values())

    @property
    def lacking(self) -> list[str]:
        """Criteria of a circular that are not answered with "met" or "does not apply"."""
        kept = {code for code, one in self.answers.items() if one.entry.said["answer"] in ("met", "na")}
        return [code for code in criteria() if code in of_law() and code not in kept]


def assessment_of(entries: Iterable[Entry]) -> Assessment:
    """What the entries of a site say of its self-assessment."""
    counting = sorted(standing(entries), key=lambda one: one.id)
    answers: dict[str, Entry] = {}
    reviews: dict[int, Entry] = {}
    sent: Entry | None = None
    approved: Entry | None = None
    for one in counting:
        if one.what is What.CRITERION:
            answers[one.said["code"]] = one
        elif one.what is What.REVIEWED:
            reviews[one.said["answer"]] = one
        elif one.what is What.SENT:
            sent = one
        elif one.what is What.APPROVED:
            approved = one
    last = max((one.id for one in answers.values()), default=0)
    return Assessment(
        {
            code: Answer(answers[code], sent is not None and answers[code].id < sent.id, reviews.get(answers[code].id))
            for code in criteria() if code in answers
        },
        sent, approved if approved and approved.id > last else None,
    )  # fmt: skip


def must_answer(now: Assessment, code: str, answer: str, *, remark: str, proof: bool, why: str) -> None:
    """Refuse an answer that may not be given.

    Raises:
        Invalid: what is missing. Conflict: the Department is looking at the former one.
    """
    criterion = criteria().get(code)
    if criterion is None or answer not in criterion.answers:
        raise Invalid(_("Chọn một trong các mức của tiêu chí."), where="answer")
    if answer == "met" and not proof:
        raise Invalid(_("“Đạt” cần minh chứng: %(what)s.", what=criterion.proof), where="file")
    if answer in ("partly", "not", "na") and not remark:
        raise Invalid(_("Ghi còn thiếu gì, hoặc vì sao không áp dụng."), where="remark")
    former = now.answers.get(code)
    if former is None or not former.sent or former.returned:
        return
    if not former.accepted and not now.approved:
        raise Conflict(_("Sở đang xem tiêu chí này."), where="answer", advice=_("Chờ kết quả, hoặc nhờ Sở trả lại."))
    if not why:
        raise Invalid(_("Sở đã nhận mức này: ghi vì sao sửa."), where="why")


def must_send(now: Assessment) -> None:
    """Refuse to send what is not whole.

    Raises:
        Conflict: nothing new. Invalid: criteria without an answer, or still returned.
    """
    if now.missing:
        raise Invalid(_("Còn %(n)s tiêu chí chưa trả lời: %(codes)s.", n=len(now.missing), codes=_few(now.missing)))
    if now.returned:
        raise Invalid(_("Còn %(n)s tiêu chí bị trả lại: %(codes)s.", n=len(now.returned), codes=_few(now.returned)))
    if now.standing is not Standing.FILLING:
        raise Conflict(_("Bản này đã gửi rồi."), advice=_("Tải lại trang."))


def must_review(now: Assessment, code: str, answer: int, *, good: bool, remark: str) -> Answer:
    """The answer that may be judged.

    Raises:
        Conflict: it is not the one that was sent. Invalid: returned without a remark.
    """
    found = now.answers.get(code)
    if found is None or found.entry.id != answer or not found.sent or now.approved:
        raise Conflict(_("Mức này không còn chờ xem."), advice=_("Tải lại trang."))
    if not good and not remark:
        raise Invalid(_("Ghi cần bổ sung gì."), where="remark")
    return found


def must_approve(now: Assessment) -> Entry:
    """What was sent, where all of it was accepted.

    Raises:
        Conflict: it was not sent, or answers are left.
    """
    if now.standing is not Standing.SENT or now.sent is None:
        raise Conflict(_("Bản tự đánh giá không còn chờ duyệt."), advice=_("Tải lại trang."))
    left = [code for code, one in now.answers.items() if not one.accepted]
    if left:
        raise Conflict(_("Còn %(n)s tiêu chí chưa nhận: %(codes)s.", n=len(left), codes=_few(left)))
    return now.sent


def _few(codes: list[str]) -> str:
    return ", ".join(codes[:6]) + (" …" if len(codes) > 6 else "")
