"""What somebody does with her own account. What changes how she is known asks that she proved lately to be her."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from benhan.core.access import passwords, second_factors, sessions, steps
from benhan.core.access.accounts import confirm_password
from benhan.core.access.audit import Event, record
from benhan.core.access.subject import Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Invalid
from benhan.core.language import _

#: So long after a sign-in or a password nothing more is asked.
PROOF_MINUTES: Final = 10
APPLICATION: Final = "application"


class ProofNeeded(Exception):  # noqa: N818 - what is needed
    """She must give her password again first."""


async def require_proof(tx: Transaction, who: Subject) -> None:
    """Whether she proved lately, in this session, to be her.

    Raises:
        ProofNeeded: she did not.
    """
    fresh = await tx.fetchval(
        "select true from session where facility = $1 and account = $2"
        " and left(encode(token_hash, 'hex'), 16) = $3 and proved > now() - $4 * interval '1 minute'",
        who.facility, who.account, who.session, PROOF_MINUTES,
    )  # fmt: skip
    if not fresh:
        raise ProofNeeded


async def note_proof(tx: Transaction, who: Subject) -> None:
    """She has just given her password."""
    await tx.execute(
        "update session set proved = now() where facility = $1 and account = $2"
        " and left(encode(token_hash, 'hex'), 16) = $3",
        who.facility, who.account, who.session,
    )  # fmt: skip


async def login_of(tx: Transaction, who: Subject) -> str:
    """Her login."""
    return str(await tx.fetchval("select login from account where id = $1", who.account))


async def change_password(tx: Transaction, who: Subject, current: str, new: str) -> bool:
    """A new password instead of the current one; every other session of hers ends. False: the current one is wrong.

    Raises:
        Forbidden: too many wrong ones.
        Invalid: the new one cannot be taken.
    """
    row = await tx.fetchrow("select login, name from account where id = $1 for update", who.account)
    if row is None or not await confirm_password(tx, who, current):
        return False
    factors = await second_factors.of_account(tx, who.account)
    passwords.check(new, row["login"], row["name"], second_factor=factors.any)
    await tx.execute(
        "update account set password_hash = $2, short_password = $3 where id = $1",
        who.account, await passwords.hash_of(new), len(new) < passwords.LONG,
    )  # fmt: skip
    record(tx, who, Event("password-change", "Account", who.account))
    await sessions.end_all(tx, who, who.account, but=who.session)
    return True


async def begin_application(tx: Transaction, who: Subject) -> tuple[str, str]:
    """A step and the secret of an application; nothing is asked of it yet.

    Raises:
        ProofNeeded: she must give her password first.
    """
    await require_proof(tx, who)
    secret = second_factors.new_secret()
    return await steps.begin(tx, who.facility, who.account, APPLICATION, secret=secret), secret


async def pending_secret(tx: Transaction, who: Subject, step: str) -> str:
    """The secret of an application that is being set up by her.

    Raises:
        Invalid: the step has ended, or is not hers.
    """
    found = await steps.peek(tx, step, APPLICATION)
    if found is None or found.account != who.account or not found.secret:
        raise Invalid(_("Đã quá lâu từ lúc bắt đầu."), advice=_("Bắt đầu lại."))
    return found.secret


async def finish_application(tx: Transaction, who: Subject, step: str, code: str, at: datetime) -> list[str] | None:
    """Keep an application that shows a right code: new recovery codes if she has none (else []); None: a wrong code.

    Raises:
        Invalid: the step has ended, or is not hers.
        Conflict: she has an application already.
    """
    secret = await pending_secret(tx, who, step)
    if not await second_factors.set_application(tx, who, secret, code, at):
        return None
    await steps.take(tx, step, APPLICATION)
    factors = await second_factors.of_account(tx, who.account)
    return [] if factors.recovery_codes else await second_factors.new_recovery_codes(tx, who)
