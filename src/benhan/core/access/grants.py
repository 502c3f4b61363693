"""Roles for a time and a purpose: on call, an inspector, the insurance's auditor. They end by themselves.

A grant opens at its first moment and closes at its last without anybody doing anything (`roles_at` in the database).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from benhan.core.access import staff
from benhan.core.access.audit import Event, record
from benhan.core.access.roles import Role
from benhan.core.access.subject import Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Invalid, NotFound
from benhan.core.kit.text import nfc
from benhan.core.language import _

MOST_DAYS = 92
#: `account.grants_end` tells at a glance whether grants must be looked at.
_NOTE_END = "update account set grants_end = (select max(ends) from account_grant where account = $1) where id = $1"


class Grant(msgspec.Struct, frozen=True):
    """One role, for what, from when to when."""

    id: str
    role: Role
    purpose: str
    starts: datetime
    ends: datetime

    def state(self, at: datetime) -> str:
        """`running`, `coming` or `over`."""
        if at < self.starts:
            return "coming"
        return "running" if at < self.ends else "over"


async def of_account(tx: Transaction, who: Subject, account: str) -> Sequence[Grant]:
    """The grants of an account, the last to end first."""
    await staff.one(tx, who, account)
    rows = await tx.fetch(
        "select * from account_grant where facility = $1 and account = $2 order by ends desc limit 50",
        who.facility, account,
    )  # fmt: skip
    return [Grant(row["id"], Role(row["role"]), row["purpose"], row["starts"], row["ends"]) for row in rows]


async def give(
    tx: Transaction, who: Subject, account: str, role: Role, purpose: str, starts: datetime, ends: datetime
) -> str:
    """Give a role for a time; gives the grant's id.

    Raises:
        Invalid: no purpose, a role that is not hers to give, an end before the start, in the past or too far away.
    """
    await staff.one(tx, who, account)
    if role not in staff.STAFF_ROLES or role is Role.DISPLAY:
        raise Invalid(_("Chọn vai trò."), where="role")
    if not purpose.strip():
        raise Invalid(_("Nhập mục đích."), where="purpose")
    now: datetime = await tx.fetchval("select now()")
    if ends <= starts or ends <= now:
        raise Invalid(_("Lúc kết thúc phải sau lúc bắt đầu và sau bây giờ."), where="ends")
    if ends - starts > timedelta(days=MOST_DAYS):
        raise Invalid(_("Dài nhất %(n)s ngày; cần lâu hơn thì đổi vai trò của tài khoản.", n=MOST_DAYS), where="ends")
    id_ = secrets.token_hex(8)
    await tx.execute(
        "insert into account_grant (id, facility, account, role, purpose, starts, ends, made_by)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8)",
        id_, who.facility, account, str(role), nfc(purpose), starts, ends, who.account,
    )  # fmt: skip
    await tx.execute(_NOTE_END, account)
    span = f"{role} {starts.isoformat()}/{ends.isoformat()}"
    record(tx, who, Event("grant", "Account", account, rule=nfc(purpose), detail=span))
    return id_


async def end(tx: Transaction, who: Subject, account: str, grant: str) -> None:
    """End a grant now; one that has not begun is gone.

    Raises:
        NotFound: there is none that has not ended.
    """
    await staff.one(tx, who, account)
    row = await tx.fetchrow(
        "update account_grant set starts = least(starts, now() - interval '1 second'), ends = now()"
        " where facility = $1 and account = $2 and id = $3 and ends > now() returning role",
        who.facility, account, grant,
    )  # fmt: skip
    if row is None:
        raise NotFound(_("Không có quyền tạm thời nào đang chờ hoặc đang hiệu lực như vậy."))
    await tx.execute(_NOTE_END, account)
    record(tx, who, Event("grant-end", "Account", account, detail=row["role"]))
