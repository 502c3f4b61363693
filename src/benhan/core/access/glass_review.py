"""What becomes of a broken glass: the patient sees it, and a reviewer judges it before its deadline.

"Not justified" ends it at once where it is still open, and its holder breaks none again until a reviewer lets her.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import msgspec

from benhan.core.access.acts import refuse_unless_reviewer
from benhan.core.access.audit import Event, may_ask, record
from benhan.core.access.glass import SHOWN, WORDS
from benhan.core.access.glass_told import PATIENCE
from benhan.core.access.roles import Permission
from benhan.core.access.subject import Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid, NotFound
from benhan.core.language import _

#: Judged ones stay on the page so long.
KEPT: Final = timedelta(days=90)
MOST: Final = 200
MOST_REMARK: Final = 1000
_SATURDAY: Final = 5
_ROWS = f"""
select b.*, glass_holds(b) and exists (select from session s where s.glass = b.id and s.ends > now()) as open,
    b.tell_next is not null and b.begun > now() - interval '{PATIENCE.days} days' as tell_again,
    a.name, a.roles, coalesce(r.name, '') as reviewer_name,
    (select count(*) from audit x where x.facility = b.facility and x.patient = b.patient and x.account = b.account
        and x.at >= b.begun and x.at <= coalesce(b.ended, b.ends) and x.allowed
        and x.action not in ('break-glass', 'end-glass')) as acts
from broken_glass b join account a on a.id = b.account left join account r on r.id = b.reviewer
"""


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """One time that the glass was broken, and what was said of it afterwards. `acts`: what she did meanwhile."""

    id: str
    account: str
    name: str
    roles: tuple[str, ...]
    patient: str
    shown: str
    reason: str
    words: str
    begun: datetime
    ended: datetime
    open: bool
    review_by: datetime
    acts: int
    justified: bool | None = None
    reviewed: datetime | None = None
    reviewer: str = ""
    remark: str = ""
    cleared: datetime | None = None
    #: Since when everybody whom it concerns has the message, and by which sender; else what was in the way, if anything
    #: was (`glass_told.NOBODY`, or what a sender said), and whether it is tried again.
    told: datetime | None = None
    told_by: str = ""
    tell_trouble: str = ""
    tell_again: bool = False

    def overdue(self, at: datetime) -> bool:
        """Whether it should have been judged by now."""
        return self.reviewed is None and self.review_by < at


def deadline(at: datetime, days: int) -> datetime:
    """The end of the last of so many working days after a day. Public holidays are not known here, so they count."""
    day: date = at.date()
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < _SATURDAY
    return datetime.combine(day, time(23, 59, 59), at.tzinfo)


async def waiting(tx: Transaction, who: Subject) -> Sequence[Broken]:
    """Those that nobody has judged, the most urgent first, which are those that are overdue; asking is an act.

    Raises:
        Forbidden: the caller may not read the audit.
    """
    refuse_unless_reviewer(who)
    record(tx, who, Event("read-audit", "AuditEvent", rule="read-audit", detail="break-glass"))
    return await _broken(tx, "where b.facility = $1 and b.reviewed is null order by b.review_by, b.id", who.facility)


async def judged(tx: Transaction, who: Subject, now: datetime) -> Sequence[Broken]:
    """Those judged lately, and whoever may not break the glass since, however long ago.

    Raises:
        Forbidden: the caller may not read the audit.
    """
    refuse_unless_reviewer(who)
    return await _broken(
        tx, "where b.facility = $1 and (b.reviewed > $2 or not b.justified and b.cleared is null)"
        " order by b.reviewed desc, b.id", who.facility, now - KEPT,
    )  # fmt: skip


async def of_patient(tx: Transaction, who: Subject, patient: str) -> Sequence[Broken]:
    """Every time the glass was broken for a patient, the newest first; asked beside `audit.openings`.

    Raises:
        Forbidden: as `audit.openings`.
    """
    may_ask(who, patient)
    return await _broken(
        tx, "where b.facility = $1 and b.patient = $2 order by b.begun desc, b.id", who.facility, patient
    )


async def judge(tx: Transaction, who: Subject, id_: str, *, justified: bool, remark: str) -> None:
    """Say that it was justified, or not; then it ends, and its holder breaks none until she is let again.

    Raises:
        Forbidden: she may not judge, or it was herself.
        NotFound: there is none; Conflict: somebody has judged it; Invalid: a "no" needs its reason.
    """
    row = await _to_judge(tx, who, id_)
    remark = remark.strip()[:MOST_REMARK]
    if row["reviewed"] is not None:
        raise Conflict(_("Lần mở khẩn cấp này đã được xét."))
    if not justified and not remark:
        raise Invalid(_("Viết vì sao không chính đáng."), where="remark")
    await tx.execute(
        "update broken_glass b set reviewed = now(), reviewer = $2, justified = $3, remark = $4,"
        " ended = case when not $3 and glass_holds(b) then now() else ended end where id = $1",
        id_, who.account, justified, remark,
    )  # fmt: skip
    verdict = "justified" if justified else "not justified"
    event = Event("judge-glass", "Patient", row["patient"], row["patient"], rule=verdict)
    record(tx, who, msgspec.structs.replace(event, detail=f"{row['account']}: {remark}"))


async def clear(tx: Transaction, who: Subject, id_: str) -> None:
    """Let somebody break the glass again after a verdict of "not justified".

    Raises:
        Forbidden, NotFound: as `judge`; Conflict: nothing bars her.
    """
    row = await _to_judge(tx, who, id_)
    if row["justified"] is not False or row["cleared"] is not None:
        raise Conflict(_("Không có gì để mở lại."))
    await tx.execute("update broken_glass set cleared = now() where id = $1", id_)
    record(tx, who, Event("clear-glass", "Account", row["account"], rule="judge-access", detail=id_))


async def _to_judge(tx: Transaction, who: Subject, id_: str) -> Any:
    if not who.may(Permission.JUDGE_ACCESS):
        raise Forbidden(_("Chỉ người giám sát truy cập được xét việc mở khẩn cấp."), where="AuditEvent")
    row = await tx.fetchrow("select * from broken_glass where facility = $1 and id = $2 for update", who.facility, id_)
    if row is None:
        raise NotFound(_("Không có lần mở khẩn cấp này."))
    if row["account"] == who.account:
        raise Forbidden(_("Không ai tự xét việc của chính mình."), where="AuditEvent")
    return row


async def _broken(tx: Transaction, asked: str, *values: Any) -> list[Broken]:
    rows = await tx.fetch(f"{_ROWS} {asked} limit {MOST}", *values)
    return [
        Broken(
            id=row["id"], account=row["account"], name=row["name"], roles=tuple(row["roles"]), patient=row["patient"],
            shown=SHOWN.show(tx, row["facility"], row["patient"], row["shown"]), reason=row["reason"],
            words=WORDS.show(tx, row["facility"], row["id"], row["words"]), begun=row["begun"],
            ended=row["ended"] or row["ends"], open=row["open"], review_by=row["review_by"], acts=row["acts"],
            justified=row["justified"], reviewed=row["reviewed"], reviewer=row["reviewer_name"], remark=row["remark"],
            cleared=row["cleared"], told=row["told"], told_by=row["told_by"], tell_trouble=row["tell_trouble"],
            tell_again=row["tell_again"],
        )
        for row in rows
    ]  # fmt: skip
