"""What is done about a site: reported, planned, verified, corrected. Each verb writes an entry, the row and a trace.

Source: TT 13/2025/TT-BYT (the director's decision). What is reported is the facility's; what counts was verified by
somebody else.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from benhan.core.access import Permission, Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid, NotFound
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.province.rollout import evidence, reach, rules, sites
from benhan.province.rollout.evidence import Evidence
from benhan.province.rollout.plan.rules import plan_of
from benhan.province.rollout.rules import Entry, What, state_of
from benhan.province.rollout.sites import Kept
from benhan.province.rollout.words import stages

#: What the Department says of a facility, and no facility of itself.
DEPARTMENTS: Final = (What.FACTS, What.TASK, What.REMINDER)


async def look(tx: Transaction, who: Subject, site: str) -> Kept:
    """A site with its history; that it was looked at is kept.

    Raises:
        NotFound: there is none, or it is not hers to see.
    """
    found = await sites.one(tx, who, site)
    await reach.must_see(tx, who, found.site)
    record(tx, who, Event("read", "Site", site, rule="permission rollout"))
    return found


async def report(
    tx: Transaction, who: Subject, site: str, what: What, said: dict[str, Any], on: date,
    *, file: Evidence | None = None, corrects: int | None = None, why: str = "",
) -> Kept:  # fmt: skip
    """Say something of a site, or say it instead of a former entry (`corrects`, with `why`).

    Raises:
        NotFound, Forbidden: not hers. Invalid, Conflict: it may not be said so (`rules`), nothing can be corrected so.
    """
    before = await sites.locked(tx, who, site)
    await reach.must_write(tx, who, before.site)
    former = _corrected(before, what, corrects, why)
    _must_be_hers(who, what, former)
    given = _given(said, why, file or (former.evidence if former else None))
    if what is What.STAGE:
        if former is None:
            rules.must_follow(before.state, said["stage"], given, on, clock.today())
        else:
            _must_correct(said["stage"], given, on)
    kept = await evidence.keep(tx, who, site, file) if file else (former.evidence if former else None)
    [number] = await sites.numbers(tx, 1)
    entry = Entry(id=number, what=what, said=said, holds=on, corrects=corrects, why=why, evidence=kept)
    return await _add(tx, who, before, entry)


async def withdraw(tx: Transaction, who: Subject, site: str, entry: int, why: str) -> Kept:
    """Take an entry back; it stays to be read.

    Raises:
        NotFound, Forbidden: not hers. Invalid: no reason, or it cannot be taken back.
    """
    before = await sites.locked(tx, who, site)
    await reach.must_write(tx, who, before.site)
    former = _corrected(before, None, entry, why)
    assert former
    if former.what in rules.ELSEWHERE:
        raise Invalid(_("Mục này sửa ở trang của nó."))
    _must_be_hers(who, former.what, former)
    if former.what is What.FACTS and not any(
        one.what is What.FACTS for one in rules.standing(before.entries) if one.id != entry
    ):
        raise Invalid(_("Mục này lập nên cơ sở: sửa chứ không rút được."), where="why")
    [number] = await sites.numbers(tx, 1)
    gone = Entry(id=number, what=What.WITHDRAWN, said={}, holds=former.holds, corrects=entry, why=why)
    return await _add(tx, who, before, gone)


async def judge(tx: Transaction, who: Subject, site: str, of: int, *, good: bool, remark: str) -> Kept:
    """Verify the decision that waits, or return it with a remark. Not by who reported it: four eyes.

    Raises:
        Forbidden: no verifier, or her own report. Conflict: nothing waits, another decision than she saw, or the
            facility has a plan and its gate is shut (the Department's practice, ADR 34).
        Invalid: returned without a remark, or there is no evidence to look at.
    """
    if not who.may(Permission.ROLLOUT_VERIFY):
        raise Forbidden(_("Chỉ người xác minh của Sở được làm việc này."))
    before = await sites.locked(tx, who, site)
    waiting = before.state.waiting
    if waiting is None or waiting.id != of:
        raise Conflict(_("Quyết định này không còn chờ xác minh."), advice=_("Tải lại trang."))
    if waiting.account == who.account:
        raise Forbidden(_("Người ghi không tự xác minh được."), advice=_("Nhờ một người xác minh khác."))
    if good and not waiting.evidence:
        raise Invalid(_("Chưa có minh chứng nên chưa xác minh được."), where="remark")
    if good and (left := plan_of(before.entries).gate.left):
        raise Conflict(
            _("Cổng vận hành còn đóng: %(n)s việc trong kế hoạch chưa xong, thiếu minh chứng hoặc chưa xác minh.",
              n=len(left)),
            advice=_("Mở trang kế hoạch của cơ sở."),
        )  # fmt: skip
    if not good and not remark:
        raise Invalid(_("Ghi cần bổ sung gì."), where="remark")
    [number] = await sites.numbers(tx, 1)
    what = What.VERIFIED if good else What.RETURNED
    said = {"of": of, "remark": remark}
    return await _add(tx, who, before, Entry(id=number, what=what, said=said, holds=clock.today()))


async def found(tx: Transaction, who: Subject, facts: dict[str, Any]) -> str:
    """Begin to follow a facility; gives its id.

    Raises:
        Forbidden: not the leader. Conflict: another site has the code.
    """
    if not who.may(Permission.ROLLOUT_LEAD):
        raise Forbidden(_("Chỉ lãnh đạo Sở thêm cơ sở."))
    await must_be_free(tx, who, "", facts)
    site = sites.new_id()
    [number] = await sites.numbers(tx, 1)
    entry = Entry(id=number, what=What.FACTS, said=facts, holds=clock.today())
    await sites.add(tx, who, {site: [entry]})
    await sites.keep(tx, who, {site: state_of([entry])})
    record(tx, who, Event("rollout-facts", "Site", site, rule="permission rollout-lead", detail=facts["name"]))
    return site


async def must_be_free(tx: Transaction, who: Subject, site: str, facts: dict[str, Any]) -> None:
    """Refuse a code that another site has.

    Raises:
        Conflict: it is taken.
    """
    row = await tx.fetchrow(
        "select name, code = $3 as by_code from rollout_site where facility = $1 and id <> $2"
        " and (code = $3 or gln = $4) limit 1",
        who.facility, site, facts.get("code"), facts.get("gln"),
    )  # fmt: skip
    if row:
        raise Conflict(_("Mã này đang là của %(name)s.", name=row["name"]), where="code" if row["by_code"] else "gln")


async def open_evidence(tx: Transaction, who: Subject, id_: str) -> Evidence:
    """A file, to whom its site is open; that it was looked at is kept.

    Raises:
        NotFound: there is none, or not for her.
    """
    file = await evidence.show(tx, who, id_)
    if file.site is not None:
        await reach.must_see(tx, who, (await sites.one(tx, who, file.site)).site)
    elif not who.may(Permission.ROLLOUT_OVERVIEW):
        raise NotFound(_("Không có tệp này."))
    record(tx, who, Event("read", "Evidence", id_, rule="permission rollout", detail=file.site or ""))
    return file


async def _add(tx: Transaction, who: Subject, before: Kept, entry: Entry) -> Kept:
    after = [*before.entries, entry]
    await sites.add(tx, who, {before.site.id: [entry]})
    await sites.keep(tx, who, {before.site.id: state_of(after)})
    detail = f"{entry.id} {entry.said.get('stage', '')}".strip()
    if entry.corrects:
        detail += f" corrects {entry.corrects}"
    record(tx, who, Event(f"rollout-{entry.what}", "Site", before.site.id, detail=detail))
    return await sites.one(tx, who, before.site.id)


def _corrected(before: Kept, what: What | None, corrects: int | None, why: str) -> Entry | None:
    """The entry that another one stands for from now on.

    Raises:
        Invalid: there is none that counts, of another sort, a judgement, or no reason is said.
    """
    if corrects is None:
        return None
    former = next((one for one in rules.standing(before.entries) if one.id == corrects), None)
    if former is None or (what and former.what is not what):
        raise Invalid(_("Mục này đã được sửa hoặc rút lại."), advice=_("Tải lại trang."))
    if former.what in (What.VERIFIED, What.RETURNED):
        raise Invalid(_("Kết quả xác minh không sửa được: sửa mục đã xác minh, rồi xác minh lại."))
    if not why:
        raise Invalid(_("Ghi vì sao sửa."), where="why")
    return former


def _must_be_hers(who: Subject, what: What, former: Entry | None) -> None:
    """Refuse a facility what the Department says of it, visits among that.

    Raises:
        Forbidden: it is the Department's.
    """
    theirs = what in DEPARTMENTS or (former is not None and former.said.get("visit"))
    if theirs and not who.may(Permission.ROLLOUT_OVERVIEW):
        raise Forbidden(_("Mục này do Sở ghi."))


def _must_correct(stage: str, given: set[str], on: date) -> None:
    if stage not in stages():
        raise Invalid(_("Chọn giai đoạn trong danh sách."), where="stage")
    if on > clock.today():
        raise Invalid(_("Ngày ở tương lai: ghi ngày đó vào kế hoạch."), where="on")
    rules.must_have(stages()[stage], given)


def _given(said: dict[str, Any], why: str, file: Evidence | str | None) -> set[str]:
    given = {name for name, value in said.items() if value}
    return given | ({"evidence"} if file else set()) | ({"why"} if why else set())
