"""Links between an account here and an identity elsewhere: made by their owner, or by whoever holds her invitation.

Never by an address of mail, a name, or what else merely looks alike: only the issuer and its unchanging name count.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from benhan.core.access import invitations, steps
from benhan.core.access.audit import Event, record
from benhan.core.access.outside.exchange import Question
from benhan.core.access.outside.provider import Identity, Provider, Trouble
from benhan.core.access.own import require_proof
from benhan.core.access.steps import Step
from benhan.core.access.subject import Subject
from benhan.core.db import PLATFORM, Transaction
from benhan.core.fhir.outcome import NotFound
from benhan.core.language import _

STEP: Final = "provider"
#: So long she may be at the provider: longer than a step of ours, she may have to fetch her telephone.
MINUTES: Final = 10
_LINK = """
insert into outside_link (issuer, claim, subject, facility, account, shown)
values ($1, $2, $3, $4, $5, $6) on conflict do nothing returning true
"""
_HOLDER = """
select l.account from outside_link l join facility f on f.key = l.facility
where l.issuer = $1 and l.claim = $2 and l.subject = $3 and ($4 = '' or f.code = $4)
"""
_USED = "update outside_link set used = $4 where issuer = $1 and claim = $2 and subject = $3"


class Link(msgspec.Struct, frozen=True):
    """An identity of somebody, as she and her administrator see it."""

    issuer: str
    shown: str
    made: datetime
    used: datetime | None


async def remember(tx: Transaction, question: Question, facility: int = 0, account: str | None = None) -> str:
    """Keep a question until she is back; gives the token for her browser. Without an account nobody is known yet."""
    if account is None:
        await tx.reach(PLATFORM)
    secret = msgspec.json.encode(question).decode()
    return await steps.begin(tx, facility, account, STEP, secret=secret, minutes=MINUTES)


async def recall(tx: Transaction, token: str) -> tuple[Step, Question]:
    """The question that her browser was sent away with. It is used up, whatever comes of it.

    Raises:
        Trouble: there is none, or no more.
    """
    found = await steps.take_first(tx, token, STEP)
    if found is None or found.secret is None:
        raise Trouble("stale", "step")
    return found, msgspec.json.decode(found.secret, type=Question)


async def begin(tx: Transaction, who: Subject, question: Question) -> str:
    """She wants to link; gives the token for her browser.

    Raises:
        ProofNeeded: she has to give her password first.
    """
    await require_proof(tx, who)
    return await remember(tx, question, who.facility, who.account)


async def begin_invited(tx: Transaction, provider: Provider, question: Question) -> str:
    """Somebody with an invitation wants to link; gives the token for her browser.

    Raises:
        NotFound: the invitation is over, or the provider is not for its house.
    """
    invited = await invitations.invited(tx, question.invitation or "")
    if not provider.serves(invited.facility_code):
        raise NotFound(_("Cơ sở này không dùng %(label)s.", label=provider.label))
    return await remember(tx, question, invited.facility, invited.account)


async def link(tx: Transaction, who: Subject, provider: Provider, step: Step, asked: Question, one: Identity) -> None:
    """Link what the provider said to the account that asked for it, in the same session.

    Raises:
        Trouble: somebody else is signed in by now; or as `_keep`.
    """
    if step.account != who.account or asked.session is None or asked.session != who.session:
        raise Trouble("stale", "another session")
    await _keep(tx, who, provider, one)


async def link_invited(tx: Transaction, provider: Provider, step: Step, asked: Question, one: Identity) -> None:
    """Link what the provider said to the account whose invitation she holds. It goes on: a password follows.

    Raises:
        NotFound: the invitation is over.
        Trouble: as `_keep`.
    """
    invited = await invitations.invited(tx, asked.invitation or "")
    if step.account != invited.account:
        raise Trouble("stale", "another invitation")
    herself = Subject(
        account=invited.account, name=invited.name, facility=invited.facility, facility_name=invited.facility_name,
        roles=frozenset(),
    )  # fmt: skip
    await _keep(tx, herself, provider, one)


async def unlink(tx: Transaction, who: Subject, issuer: str) -> None:
    """Take the link to an identity of hers away.

    Raises:
        NotFound: she has none of this issuer.
    """
    shown = await tx.fetchval(
        "delete from outside_link where facility = $1 and account = $2 and issuer = $3 returning shown",
        who.facility, who.account, issuer,
    )  # fmt: skip
    if shown is None:
        raise NotFound(_("Không có tài khoản ngoài này."))
    record(tx, who, Event("provider-unlink", "Account", who.account, detail=f"{issuer}: {shown}"))


async def unlink_all(tx: Transaction, who: Subject, account: str) -> None:
    """An administrator's reset: whoever came in from elsewhere comes in no more."""
    rows = await tx.fetch(
        "delete from outside_link where facility = $1 and account = $2 returning issuer, shown", who.facility, account
    )
    for row in rows:
        detail = f"{row['issuer']}: {row['shown']}"
        record(tx, who, Event("provider-unlink", "Account", account, rule="reset", detail=detail))


async def of_account(tx: Transaction, facility: int, account: str) -> Sequence[Link]:
    """The identities that an account is linked to, the oldest first."""
    rows = await tx.fetch(
        "select issuer, shown, made, used from outside_link where facility = $1 and account = $2 order by made",
        facility, account,
    )  # fmt: skip
    return [Link(row["issuer"], row["shown"], row["made"], row["used"]) for row in rows]


async def holder(tx: Transaction, provider: Provider, one: Identity) -> str | None:
    """The account that an identity is linked to, at a facility that the provider is for. Reaches the platform."""
    await tx.reach(PLATFORM)
    found = await tx.fetchval(_HOLDER, one.issuer, one.claim, one.subject, provider.facility)
    return str(found) if found else None


async def note_use(tx: Transaction, one: Identity, at: datetime) -> None:
    """She came in with it."""
    await tx.execute(_USED, one.issuer, one.claim, one.subject, at)


def not_linked(tx: Transaction, who: Subject, provider: Provider, trouble: Trouble) -> None:
    """Leave the trace of a link that did not come about."""
    detail = f"{provider.name}: {trouble.detail}"
    event = Event("provider-link", "Account", who.account, allowed=False, rule=trouble.kind, detail=detail)
    record(tx, who, event)


async def _keep(tx: Transaction, who: Subject, provider: Provider, one: Identity) -> None:
    """Keep a link.

    Raises:
        Trouble: the identity is somebody's already, or the account has another of this provider.
    """
    if not await tx.fetchval(_LINK, one.issuer, one.claim, one.subject, who.facility, who.account, one.shown):
        raise Trouble("taken", one.shown)
    event = Event("provider-link", "Account", who.account, rule="linked", detail=f"{one.issuer}: {one.shown}")
    record(tx, who, event)
