"""What a subscriber may ask: how its subscription stands, which events there were, a token for a websocket."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from benhan.core.access import Interaction, Subject, decide
from benhan.core.access.accounts import hashed
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Forbidden, NotFound
from benhan.core.language import _
from benhan.core.store.bodies import body_of
from benhan.core.store.records import permit
from benhan.core.store.subscriptions import outbox
from benhan.core.store.subscriptions.notifications import Event, Standing
from benhan.core.store.subscriptions.plan import Plan, plan_of

#: Events of one answer.
MOST_EVENTS = 1000
TOKEN_MINUTES = 30

#: What a FHIR id may be.
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_STANDING = """
select id, owner, plan, status, events, error from subscription where facility = $1
    and ($2::text[] is null or id = any($2)) and ($3::text[] is null or status = any($3)) order by id limit 1000
"""
_EVENTS = f"""
select d.*, {body_of("h")} from (select * from delivery where facility = $1 and subscription = $2
    and number between $3 and $4 order by number limit $5) d
left join history h on (h.facility, h.type, h.id, h.version) = (d.facility, d.type, d.id, d.version) order by d.number
"""


class Subscribed(msgspec.Struct, frozen=True):
    """A subscription as its owner may know it."""

    id: str
    owner: str
    plan: Plan
    status: str
    events: int
    error: str | None

    def standing(self, base: str) -> Standing:
        """What notifications say of it."""
        topic = self.plan.topic.url if self.plan.topic else None
        return Standing(base, self.id, topic, self.status, self.events, self.error)


async def subscribed(
    tx: Transaction, who: Subject, ids: Sequence[str] | None, statuses: Sequence[str] | None = None
) -> list[Subscribed]:
    """Subscriptions of the caller's facility (those named, or all).

    Raises:
        Forbidden: the caller may not read Subscriptions.
    """
    permit(who, Interaction.READ, "Subscription")
    if not (all(_ID.fullmatch(one) for one in [*(ids or ()), *(statuses or ())])):
        return []
    rows = await tx.fetch(_STANDING, who.facility, list(ids) if ids else None, list(statuses) if statuses else None)
    return [
        Subscribed(
            row["id"], row["owner"], plan_of(tx, who.facility, row["id"], row["plan"]), row["status"], row["events"],
            row["error"],
        )
        for row in rows
    ]  # fmt: skip


async def one(tx: Transaction, who: Subject, id_: str) -> Subscribed:
    """One of them.

    Raises:
        Forbidden; NotFound: there is none of this id.
    """
    found = await subscribed(tx, who, [id_])
    if not found:
        raise NotFound(_("Không có %(name)s/%(id)s.", name="Subscription", id=id_[:64]), where="Subscription")
    return found[0]


async def events(tx: Transaction, who: Subject, asked: Subscribed, since: int, until: int, content: str) -> list[Event]:
    """Events of a subscription by number, kept for a week after delivery; each is asked of the policy and traced.

    Raises:
        Forbidden: the caller may not read what they are about.
    """
    decision = permit(who, Interaction.READ, asked.plan.type)
    rows = await tx.fetch(_EVENTS, who.facility, asked.id, since, until, MOST_EVENTS)
    rows = await outbox.open_rows(tx, who, rows)
    found = [outbox.event(row, row["body"] if content == "full-resource" else None) for row in rows]
    mine = [event for event in found if decision.only_patient in (None, event.patient)]
    for event in mine:
        outbox.trace(tx, who, asked.id, event)
    return mine


async def socket_token(tx: Transaction, who: Subject, ids: Sequence[str]) -> tuple[str, datetime, list[str]]:
    """A token for a websocket that tells of these subscriptions of the caller (none named: all of its websocket ones).

    Raises:
        Forbidden: one belongs to somebody else; NotFound: one is not there, or goes over no websocket.
    """
    found = [sub for sub in await subscribed(tx, who, ids) if sub.plan.channel == "websocket" and sub.status != "off"]
    if others := [sub.id for sub in found if sub.owner != who.account]:
        if ids:
            raise Forbidden(_("Đăng ký %(id)s là của tài khoản khác.", id=others[0]), where="Subscription")
        found = [sub for sub in found if sub.owner == who.account]
    missing = set(ids) - {sub.id for sub in found}
    if missing or not found:
        raise NotFound(_("Không có đăng ký qua websocket “%(id)s”.", id=min(missing, default="")), where="Subscription")
    token = secrets.token_urlsafe(32)
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=TOKEN_MINUTES)
    named = [sub.id for sub in found]
    await tx.execute(
        "insert into socket_token (token_hash, facility, account, subscriptions, ends) values ($1, $2, $3, $4, $5)",
        hashed(token), who.facility, who.account, named, ends,
    )  # fmt: skip
    return token, ends, named


class Bound(msgspec.Struct, frozen=True):
    """Whom a token lets hear of what."""

    facility: int
    account: str
    subscriptions: tuple[str, ...]


async def bound(tx: Transaction, token: str) -> Bound | None:
    """What a token is good for; None when nobody holds it or it has run out. The transaction reaches the platform."""
    row = await tx.fetchrow(
        "select facility, account, subscriptions from socket_token where token_hash = $1 and ends > now()",
        hashed(token),
    )
    return Bound(row["facility"], row["account"], tuple(row["subscriptions"])) if row else None


def may_still(who: Subject | None, type_name: str) -> bool:
    """Whether an owner, as it stands now, may hear of records of this type."""
    return who is not None and decide(who, Interaction.READ, type_name).allowed
