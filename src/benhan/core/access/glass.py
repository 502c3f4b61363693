"""Breaking the glass: in an emergency somebody opens one patient's record that a rule closes to her.

She says why, shows a second factor now, and has it for hours, in this session alone. It opens what `rules.BREAKING`
says; programs never carry it. The patient sees it at once, a reviewer judges it (`glass_review`), and all of it is
written in the transaction that does it. Source: Law 91/2025 art. 19; Law 15/2023 art. 69; issue 4, item 6.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import msgspec

from benhan.core.access import own, passkeys, second_factors
from benhan.core.access.audit import Event, record
from benhan.core.access.back_off import count_failure, forget_failures, of_login, refuse_waiting
from benhan.core.access.passkeys import Site
from benhan.core.access.policy import breaking
from benhan.core.access.subject import Subject
from benhan.core.access.vocabulary import GLASS_HOURS
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid, SignInNeeded
from benhan.core.language import _, later
from benhan.core.vault import Column, keys_of

#: Why, to choose from; she says it in her own words as well.
REASONS: Final = {
    "cap-cuu": later("Cấp cứu, nguy hiểm tính mạng"),
    "truc": later("Trực hoặc thay người, chưa có tên trong lượt khám"),
    "hoi-chan": later("Được mời hội chẩn"),
    "thuoc": later("Tránh tai biến: thuốc, dị ứng, bệnh nền"),
    "khac": later("Lý do khác"),
}
LEAST_WORDS, MOST_WORDS = 10, 500
#: The kind of step in which a passkey is asked for.
KIND: Final = "glass"
#: Her own words, and whose record it is; that is bound to the patient whom it names: `holder` tells her, not the row.
WORDS: Final = Column("broken_glass", "words")
SHOWN: Final = Column("broken_glass", "shown")
#: Columns of `session` by which this one is found.
_MINE: Final = "facility = $1 and account = $2 and left(encode(token_hash, 'hex'), 16) = $3"


class Asked(msgspec.Struct, frozen=True):
    """Why, and for how many hours."""

    reason: str
    words: str
    hours: int


class Whom(msgspec.Struct, frozen=True):
    """The one patient: her id, and what she is called while it is open."""

    patient: str
    shown: str


def check(asked: Asked) -> None:
    """Refuse what says too little.

    Raises:
        Invalid: no reason of the list, too few words, or too long.
    """
    if asked.reason not in REASONS:
        raise Invalid(_("Chọn lý do."), where="reason")
    if len(asked.words.strip()) < LEAST_WORDS:
        raise Invalid(_("Viết rõ lý do, ít nhất %(n)s ký tự.", n=LEAST_WORDS), where="words")
    if len(asked.words) > MOST_WORDS:
        raise Invalid(_("Viết gọn trong %(n)s ký tự.", n=MOST_WORDS), where="words")
    if not 1 <= asked.hours <= GLASS_HOURS:
        raise Invalid(_("Từ 1 đến %(n)s giờ.", n=GLASS_HOURS), where="hours")


async def refuse_unless_may(tx: Transaction, who: Subject) -> None:
    """Refuse who may not break the glass at all, or not now.

    Raises:
        Forbidden: no rule lets her; a verdict took it from her; she has no second factor.
        Conflict: she has one open: it has to be ended first.
    """
    if breaking(who) is None:
        raise Forbidden(_("Chỉ bác sĩ, điều dưỡng được mở khẩn cấp hồ sơ."), where="Patient")
    await tx.fetchval("select 1 from account where id = $1 for update", who.account)  # two windows at once
    if await _barred(tx, who):
        raise Forbidden(
            _("Một lần mở khẩn cấp của bạn bị kết luận là không chính đáng."),
            advice=_("Người giám sát truy cập mở lại quyền này cho bạn."),
        )
    if not (await second_factors.of_account(tx, who.account)).any:
        raise Forbidden(
            _("Mở khẩn cấp cần lớp bảo vệ thứ hai, tài khoản của bạn chưa có."),
            advice=_("Thêm ứng dụng xác thực hoặc khoá truy cập ở trang Tài khoản của tôi, rồi làm lại."),
        )
    open_ = await tx.fetchrow(
        "select b.patient, b.shown from session s join broken_glass b on b.id = s.glass and glass_holds(b)"
        " where s.facility = $1 and s.account = $2 and s.ends > now() limit 1",
        who.facility, who.account,
    )  # fmt: skip
    if open_ is not None:
        shown = SHOWN.show(tx, who.facility, open_["patient"], open_["shown"])
        raise Conflict(
            _("Bạn đang mở khẩn cấp hồ sơ của %(who)s.", who=shown), advice=_("Kết thúc lần ấy trước khi mở lần khác.")
        )


async def passkey_question(tx: Transaction, who: Subject, site: Site) -> dict[str, Any]:
    """What the browser needs to show one of her passkeys for this.

    Raises:
        Forbidden, Conflict: as `refuse_unless_may`.
    """
    await refuse_unless_may(tx, who)
    return await passkeys.options_to_show(tx, site, who.facility, who.account, KIND)


async def show_factor(
    tx: Transaction, who: Subject, site: Site, at: datetime, *, code: str = "", question: str = "", said: str = ""
) -> str | None:
    """Which second factor she has just shown; None: a wrong one, counted in this transaction, which is committed.

    A recovery code is none here: it stands in for a lost telephone at the sign-in, and somebody else may have the list.

    Raises:
        Forbidden: too many wrong ones; she has to wait.
    """
    login = await own.login_of(tx, who)
    await refuse_waiting(tx, of_login(login))
    if said:
        how, good = "passkey", await passkeys.holder(tx, question, said, site, KIND) == who.account
    else:
        how, good = "code", await second_factors.take_code(tx, who.account, code, at)
    if good:
        await forget_failures(tx, login)
        return how
    await count_failure(tx, of_login(login))
    record(tx, who, Event("break-glass", allowed=False, rule=f"wrong {how}"))
    return None


async def break_glass(
    tx: Transaction, who: Subject, whom: Whom, asked: Asked, factor: str, review_by: datetime
) -> None:
    """Open the record of one patient to her, in this session, from her next request on.

    Raises:
        Forbidden, Conflict: as `refuse_unless_may`; Invalid: as `check`.
        SignInNeeded: the session has ended meanwhile.
    """
    check(asked)
    await refuse_unless_may(tx, who)
    rule, id_ = breaking(who), uuid4().hex
    assert rule
    await tx.execute(
        "insert into broken_glass (id, facility, account, patient, shown, reason, words, factor, ends, review_by)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, now() + $9, $10)",
        id_, who.facility, who.account, whom.patient,
        await SHOWN.hide(tx, who.facility, whom.patient, whom.shown), asked.reason,
        await WORDS.hide(tx, who.facility, id_, asked.words.strip()), factor,
        timedelta(hours=asked.hours), review_by,
    )  # fmt: skip
    done = await tx.fetchval(
        f"update session set glass = $4 where {_MINE} returning true", who.facility, who.account, who.session, id_
    )
    if not done:
        raise SignInNeeded(_("Phiên làm việc đã hết. Đăng nhập lại."))
    words = (await keys_of(tx, who.facility)).digest(asked.words.strip()).hex()[:16]
    detail = f"{asked.reason} · {asked.hours} h · {factor} · {id_} · #{words}"  # what she wrote, none the wiser
    record(tx, who, Event("break-glass", "Patient", whom.patient, whom.patient, rule=rule.name, detail=detail))


async def end(tx: Transaction, who: Subject) -> bool:
    """End what she has open in this session; whether there was something."""
    row = await tx.fetchrow(
        "update broken_glass b set ended = now() from (select glass from session"
        f" where {_MINE}) s where b.id = s.glass and glass_holds(b) returning b.patient",
        who.facility, who.account, who.session,
    )  # fmt: skip
    await tx.execute(f"update session set glass = null where {_MINE}", who.facility, who.account, who.session)
    if row:
        record(tx, who, Event("end-glass", "Patient", row["patient"], row["patient"], rule="by herself"))
    return row is not None


async def _barred(tx: Transaction, who: Subject) -> bool:
    return bool(
        await tx.fetchval(
            "select exists (select from broken_glass where facility = $1 and account = $2 and not justified"
            " and cleared is null)",
            who.facility, who.account,
        )
    )  # fmt: skip
