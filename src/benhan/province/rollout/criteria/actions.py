"""What is done about a self-assessment: answered, sent, accepted or returned, approved. Each an entry, row and trace.

Source: TT 13/2025/TT-BYT art. 1–3 leave the assessment to the facility; that the Department looks at it, answer by
answer, is practice (ADR 34). Four eyes: nobody judges what she answered herself.
"""

from __future__ import annotations

from benhan.core.access import Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Forbidden, Invalid
from benhan.core.language import _
from benhan.province.rollout import evidence, progress, reach, sites
from benhan.province.rollout.criteria import rules
from benhan.province.rollout.criteria.readings import read
from benhan.province.rollout.criteria.rules import assessment_of
from benhan.province.rollout.evidence import Evidence
from benhan.province.rollout.rules import What
from benhan.province.rollout.sites import Kept


async def answer(
    tx: Transaction, who: Subject, site: str, code: str, said: str, remark: str, *, file: Evidence | None, why: str
) -> Kept:
    """Answer a criterion, or answer it anew; the former answer stays to be read, and its evidence goes along.

    Raises:
        NotFound, Forbidden: not hers. Invalid, Conflict: it may not be said so (`rules.must_answer`).
    """
    before = await sites.locked(tx, who, site)
    await reach.must_write(tx, who, before.site)
    now = assessment_of(before.entries)
    former = now.answers.get(code)
    kept = former.entry.evidence if former else None
    rules.must_answer(now, code, said, remark=remark, proof=bool(file or kept), why=why)
    if file:
        kept = await evidence.keep(tx, who, site, file)
    if former and former.review and not why:
        why = _("theo mục #%(n)s", n=former.review.id)
    told = {"code": code, "answer": said, "remark": remark}
    corrects = former.entry.id if former else None
    entry = await progress.new(tx, What.CRITERION, told, corrects=corrects, why=why, evidence=kept)
    return await progress.write(tx, who, before, entry)


async def send(tx: Transaction, who: Subject, site: str) -> Kept:
    """Send the self-assessment to the Department, with the platform's figures of this moment.

    Raises:
        NotFound, Forbidden: not hers. Invalid: not whole; Conflict: nothing new.
    """
    before = await sites.locked(tx, who, site)
    await reach.must_write(tx, who, before.site)
    rules.must_send(assessment_of(before.entries))
    told = await read(tx, who, before.site)
    readings = [await progress.new(tx, What.READING, told)] if told else []
    sent = await progress.new(tx, What.SENT, {})
    return await progress.write(tx, who, before, *readings, sent)


async def read_again(tx: Transaction, who: Subject, site: str) -> Kept:
    """Ask the platform for the facility's figures, and keep them with their day.

    Raises:
        NotFound, Forbidden: not hers. Invalid: it is no facility of this platform.
    """
    before = await sites.locked(tx, who, site)
    await reach.must_see(tx, who, before.site)
    told = await read(tx, who, before.site)
    if told is None:
        raise Invalid(_("Cơ sở này chưa dùng nền tảng nên không có số liệu để đọc."))
    return await progress.write(tx, who, before, await progress.new(tx, What.READING, told))


async def review(
    tx: Transaction, who: Subject, site: str, code: str, of: int, *, good: bool, remark: str
) -> Kept:  # fmt: skip
    """Accept the answer of a criterion, or return it with a remark. Judged anew, the former judgement stays to be read.

    Raises:
        NotFound, Forbidden: not the Department's, not her area, or her own answer. Invalid: returned without a remark.
        Conflict: another answer than she saw.
    """
    before = await sites.locked(tx, who, site)
    await _must_judge(tx, who, before)
    found = rules.must_review(assessment_of(before.entries), code, of, good=good, remark=remark)
    if found.entry.account == who.account:
        raise Forbidden(_("Người trả lời không tự xem được."), advice=_("Nhờ một người khác của Sở."))
    said = {"code": code, "answer": of, "good": good, "remark": remark}
    corrects = found.review.id if found.review else None
    return await progress.write(tx, who, before, await progress.new(tx, What.REVIEWED, said, corrects=corrects))


async def approve(tx: Transaction, who: Subject, site: str) -> Kept:
    """Approve the whole, once every answer was accepted.

    Raises:
        NotFound, Forbidden: no verifier, or she answered part of it. Conflict: it does not wait, or answers are left.
    """
    if not who.may(Permission.ROLLOUT_VERIFY):
        raise Forbidden(_("Chỉ người xác minh của Sở được làm việc này."))
    before = await sites.locked(tx, who, site)
    await reach.must_see(tx, who, before.site)
    now = assessment_of(before.entries)
    sent = rules.must_approve(now)
    if who.account in {sent.account, *(one.entry.account for one in now.answers.values())}:
        raise Forbidden(_("Người trả lời không tự duyệt được."), advice=_("Nhờ một người xác minh khác."))
    return await progress.write(tx, who, before, await progress.new(tx, What.APPROVED, {"sent": sent.id}))


async def may_judge(tx: Transaction, who: Subject, found: Kept) -> bool:
    """Whether she is of the Department, and the facility is her work: a verifier's all, an officer's her area's."""
    if not who.may(Permission.ROLLOUT_OVERVIEW):
        return False
    return who.may(Permission.ROLLOUT_VERIFY) or (await reach.reach_of(tx, who)).holds(found.site)


async def _must_judge(tx: Transaction, who: Subject, found: Kept) -> None:
    await reach.must_see(tx, who, found.site)
    if not await may_judge(tx, who, found):
        raise Forbidden(_("Cơ sở này không thuộc phần việc của bạn."), advice=_("Hỏi lãnh đạo Sở."))
