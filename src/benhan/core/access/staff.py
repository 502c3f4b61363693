"""Accounts of a facility's staff, as its administrator keeps them: invited, changed, stopped, reviewed.

Each verb asks whether `who` is an administrator, touches accounts of her own facility only, and leaves an audit event.
A change of roles or departments, a stop and a reset end the sessions of the account at once.
Source: TCVN 14423:2026 (access review every six months); TT 13/2025/TT-BYT art. 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

import asyncpg
import msgspec

from benhan.core.access import second_factors, sessions
from benhan.core.access.accounts import create_account, hashed, new_token
from benhan.core.access.audit import Event, record
from benhan.core.access.hours import EVERY_DAY, Hours
from benhan.core.access.outside import links
from benhan.core.access.roles import PROVINCE_ROLES, ROLE_NAMES, Permission, Role
from benhan.core.access.subject import Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid, NotFound
from benhan.core.kit.text import nfc
from benhan.core.language import _

INVITATION_HOURS = 72
#: A review is due so many days after the last one: six months.
REVIEW_DAYS = 182
MOST = 5000
#: What an administrator of a hospital can give. The province's accounts are made by the operator.
STAFF_ROLES = tuple(role for role in ROLE_NAMES if role not in (Role.PATIENT, Role.RELATIVE, *PROVINCE_ROLES))

_SELECT = """
select a.*, roles_at(a, now()) as roles_now,
       (select count(*) from session s where s.account = a.id and s.ends > now()) as sessions
from account a where a.facility = $1
"""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """What an administrator says of somebody."""

    name: str
    roles: frozenset[Role]
    departments: frozenset[str] = frozenset()
    practitioner: str | None = None
    licence: str = ""
    licence_scope: str = ""
    licence_ends: date | None = None
    licence_issuer: str = ""
    licence_issued: date | None = None


class Staff(msgspec.Struct, frozen=True, kw_only=True):
    """An account as its administrator sees it."""

    id: str
    login: str
    person: Person
    roles_now: frozenset[Role]
    active: bool
    invited: bool
    stopped: str | None
    hours: Hours
    used: datetime
    created: datetime
    reviewed: date | None
    sessions: int

    @property
    def state(self) -> str:
        """One of `active`, `invited` (no password yet), `stopped`."""
        if not self.active:
            return "stopped"
        return "invited" if self.invited else "active"

    def review_due(self, today: date) -> bool:
        """Whether her access was not looked over for half a year."""
        since = self.reviewed or self.created.date()
        return today - since > timedelta(days=REVIEW_DAYS)


async def everybody(tx: Transaction, who: Subject) -> Sequence[Staff]:
    """All accounts of the facility, by name."""
    who.must_administer("Account")
    rows = await tx.fetch(f"{_SELECT} order by a.name, a.login limit {MOST}", who.facility)
    return [_staff(row) for row in rows]


async def of_rollout(tx: Transaction, who: Subject) -> list[tuple[str, str, frozenset[Role]]]:
    """Id, name and roles of the Department's officers and reporters, by name, for who shares out the work.

    Raises:
        Forbidden: the asker does not lead.
    """
    if not who.may(Permission.ROLLOUT_LEAD):
        raise Forbidden(_("Chỉ lãnh đạo Sở được làm việc này."), where="Account")
    wanted = [Role.ROLLOUT_OFFICER, Role.ROLLOUT_REPORTER]
    rows = await tx.fetch(
        "select id, name, roles from account where facility = $1 and active and roles && $2 order by name limit $3",
        who.facility, wanted, MOST,
    )  # fmt: skip
    return [(row["id"], row["name"], frozenset(map(Role, row["roles"]))) for row in rows]


async def one(tx: Transaction, who: Subject, account: str) -> Staff:
    """An account of the facility.

    Raises:
        NotFound: there is none, or it is another facility's.
    """
    who.must_administer("Account")
    row = await tx.fetchrow(f"{_SELECT} and a.id = $2", who.facility, account)
    if row is None:
        raise NotFound(_("Cơ sở này không có tài khoản đó."))
    return _staff(row)


async def invite(
    tx: Transaction, who: Subject, login: str, person: Person, givable: Iterable[Role] = STAFF_ROLES
) -> tuple[str, str]:
    """Make an account without a password; gives its id and the token of the invitation, shown once.

    `givable`: the roles that `who` may give; the operator alone may give the province's.

    Raises:
        Invalid, Conflict: as `accounts.create_account`; a role that is not hers to give.
    """
    who.must_administer("Account")
    _dated(person)
    _givable(person.roles, givable)
    account = await create_account(tx, who.facility, login, None, nfc(person.name), person.roles, person.practitioner)
    await _describe(tx, account, person)
    record(tx, who, Event("account-invite", "Account", account, detail=f"{login}: {_listed(person)}"))
    return account, await _invitation(tx, who, account)


async def change(tx: Transaction, who: Subject, account: str, person: Person) -> Staff:
    """Change what is said of somebody. Other roles or departments end her sessions; gives her as she was.

    Raises:
        Invalid: a role that is not hers to give; a licence that ends before it begins, or has no number.
        Forbidden: an administrator takes her own right away.
    """
    before = await one(tx, who, account)
    _dated(person)
    _givable(person.roles - before.person.roles)
    if account == who.account and Role.ADMINISTRATOR not in person.roles:
        raise Forbidden(
            _("Không tự bỏ quyền quản trị của mình được."), where="roles", advice=_("Nhờ một quản trị khác làm.")
        )
    await _describe(tx, account, person)
    detail = f"{_listed(before.person)} → {_listed(person)}"
    record(tx, who, Event("account-change", "Account", account, detail=detail))
    if (person.roles, person.departments) != (before.person.roles, before.person.departments):
        await sessions.end_all(tx, who, account, but=who.session if account == who.account else None)
    return before


async def stop(tx: Transaction, who: Subject, account: str, reason: str) -> None:
    """Let an account in no more, from this moment on.

    Raises:
        Forbidden: one's own.
        Invalid: no reason is given.
    """
    _not_oneself(who, account, _("Không tự ngừng tài khoản của mình được."))
    if not reason.strip():
        raise Invalid(_("Nhập lý do ngừng tài khoản."), where="reason")
    await one(tx, who, account)
    await tx.execute(
        "update account set active = false, stopped = $3 where facility = $1 and id = $2",
        who.facility, account, nfc(reason),
    )  # fmt: skip
    record(tx, who, Event("account-stop", "Account", account, rule=nfc(reason)))
    await sessions.end_all(tx, who, account)


async def restart(tx: Transaction, who: Subject, account: str) -> None:
    """Let a stopped account in again; its idle days begin anew."""
    await one(tx, who, account)
    await tx.execute(
        "update account set active = true, stopped = null, used = now() where facility = $1 and id = $2",
        who.facility, account,
    )  # fmt: skip
    record(tx, who, Event("account-restart", "Account", account))


async def reset(tx: Transaction, who: Subject, account: str) -> str:
    """Void the password, every second factor and link, end the sessions; gives the token of a new invitation.

    Raises:
        Forbidden: one's own.
        Conflict: the account is stopped.
    """
    _not_oneself(who, account, _("Đổi mật khẩu của mình ở trang “Tài khoản của tôi”."))
    if not (await one(tx, who, account)).active:
        raise Conflict(_("Tài khoản đang ngừng."), advice=_("Mở lại tài khoản trước."))
    await tx.execute("update account set password_hash = null where facility = $1 and id = $2", who.facility, account)
    await second_factors.remove_all(tx, account)
    await links.unlink_all(tx, who, account)
    record(tx, who, Event("account-reset", "Account", account))
    await sessions.end_all(tx, who, account)
    return await _invitation(tx, who, account)


async def set_hours(tx: Transaction, who: Subject, account: str, hours: Hours) -> None:
    """Say when an account may be used. It holds from the next request on, also for a session that is open.

    Raises:
        Invalid: no day, or only one end of a span, or an empty span.
    """
    await one(tx, who, account)
    if not 0 < hours.days <= EVERY_DAY:
        raise Invalid(_("Chọn ít nhất một ngày."), where="days")
    if (hours.opens is None) != (hours.closes is None):
        raise Invalid(_("Nhập cả giờ bắt đầu và giờ kết thúc, hoặc để trống cả hai."), where="opens")
    if hours.opens is not None and hours.opens == hours.closes:
        raise Invalid(_("Giờ bắt đầu và giờ kết thúc trùng nhau."), where="closes")
    await tx.execute(
        "update account set days = $3, opens = $4, closes = $5 where facility = $1 and id = $2",
        who.facility, account, hours.days, hours.opens, hours.closes,
    )  # fmt: skip
    record(tx, who, Event("account-hours", "Account", account, detail=hours.in_words()))


async def review(tx: Transaction, who: Subject, account: str, on: date | None) -> None:
    """Note that her access was looked over on a day; None takes the note back."""
    await one(tx, who, account)
    await tx.execute("update account set reviewed = $3 where facility = $1 and id = $2", who.facility, account, on)
    record(tx, who, Event("account-review", "Account", account, detail=on.isoformat() if on else "taken back"))


async def _describe(tx: Transaction, account: str, person: Person) -> None:
    await tx.execute(
        "update account set name = $2, roles = $3, departments = $4, practitioner = $5, licence = $6,"
        " licence_scope = $7, licence_ends = $8, licence_issuer = $9, licence_issued = $10 where id = $1",
        account, nfc(person.name), sorted(person.roles), sorted(person.departments), person.practitioner,
        person.licence, person.licence_scope, person.licence_ends, person.licence_issuer, person.licence_issued,
    )  # fmt: skip


async def _invitation(tx: Transaction, who: Subject, account: str) -> str:
    """A new one; those before it open nothing any more."""
    token = new_token()
    await tx.execute("delete from invitation where facility = $1 and account = $2", who.facility, account)
    await tx.execute(
        "insert into invitation (token_hash, facility, account, made_by, ends) values ($1, $2, $3, $4, now() + $5)",
        hashed(token), who.facility, account, who.account, timedelta(hours=INVITATION_HOURS),
    )  # fmt: skip
    return token


def _not_oneself(who: Subject, account: str, message: str) -> None:
    if account == who.account:
        raise Forbidden(message, where="Account")


def _givable(roles: frozenset[Role], givable: Iterable[Role] = STAFF_ROLES) -> None:
    if beyond := roles - set(givable):
        raise Invalid(_("Không cấp được vai trò %(role)s ở đây.", role=", ".join(sorted(beyond))), where="roles")


def _dated(person: Person) -> None:
    """A licence begins before it ends, and has a number."""
    if person.licence_issued and person.licence_ends and person.licence_ends <= person.licence_issued:
        raise Invalid(_("Ngày hết hạn phải sau ngày cấp."), where="licence_ends")
    if not person.licence and (person.licence_issued or person.licence_ends or person.licence_issuer):
        raise Invalid(_("Nhập số giấy phép hành nghề."), where="licence")


def _listed(person: Person) -> str:
    return "+".join(sorted(person.roles)) + (f" @ {'+'.join(sorted(person.departments))}" if person.departments else "")


def _staff(row: asyncpg.Record) -> Staff:
    return Staff(
        id=row["id"], login=row["login"],
        person=Person(
            name=row["name"], roles=frozenset(map(Role, row["roles"])), departments=frozenset(row["departments"]),
            practitioner=row["practitioner"], licence=row["licence"], licence_scope=row["licence_scope"],
            licence_ends=row["licence_ends"], licence_issuer=row["licence_issuer"],
            licence_issued=row["licence_issued"],
        ),
        roles_now=frozenset(map(Role, row["roles_now"])), active=row["active"],
        invited=row["password_hash"] is None, stopped=row["stopped"],
        hours=Hours(row["days"], row["opens"], row["closes"]), used=row["used"], created=row["created"],
        reviewed=row["reviewed"], sessions=row["sessions"],
    )  # fmt: skip
