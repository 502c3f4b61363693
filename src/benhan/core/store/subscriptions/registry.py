"""Taking a Subscription in: checked while its writer waits, kept as a plan in the same transaction.

`store.write` calls `accepted` before a Subscription is written and `removed` when one is deleted. A client asks
(`requested`) or stops (`off`); `active` and `error` are the server's to say.
"""

from __future__ import annotations

import msgspec

from benhan.core.access import Interaction, Role, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Invalid, Malformed, NotFound, Problem
from benhan.core.language import _
from benhan.core.store.records import permit
from benhan.core.store.subscriptions import endpoints, plan, topics
from benhan.core.store.subscriptions.matching import understood

#: Subscriptions of one account that are not off.
MOST = 100

_KEEP = """
insert into subscription (facility, id, owner, channel, plan, status, heartbeat, ends)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (facility, id) do update set owner = $3, channel = $4, plan = $5, status = $6, heartbeat = $7, ends = $8,
    shaken = false, tries = 0, given_up = 0, next_try = now(), claim = null, claimed = null, error = null,
    born = case when subscription.status in ('off', 'error') then pg_current_snapshot() else subscription.born end
"""


async def accepted(tx: Transaction, who: Subject, given: r4.R) -> r4.R:
    """Check a Subscription that is about to be written and keep its plan; gives it as it is to be written.

    Raises:
        Invalid: criteria, topic, channel or address cannot be used; Forbidden: its records may not be read.
    """
    if not isinstance(given, r4.Subscription) or Role.SUBSCRIPTION_SERVICE in who.roles:
        return given
    assert given.id
    status = "off" if given.status == "off" else "requested"
    made = await _plan(tx, who, given, checked=status != "off")
    await _not_too_many(tx, who, given.id)
    limits = plan.limits(given) if status != "off" else plan.Limits(None, None)
    kept = await plan.hidden(tx, who.facility, given.id, made)
    await tx.execute(
        _KEEP, who.facility, given.id, who.account, made.channel, kept, status, limits.heartbeat, limits.ends
    )
    return msgspec.structs.replace(given, status=status, error=None)


async def removed(tx: Transaction, facility: int, id_: str) -> None:
    """Forget a Subscription that is deleted, and whatever it was still to be told."""
    await tx.execute("delete from subscription where facility = $1 and id = $2", facility, id_)


async def _plan(tx: Transaction, who: Subject, given: r4.Subscription, *, checked: bool) -> plan.Plan:
    url = plan.topic_url(given)
    try:
        topic = await topics.find(tx, who, url) if url else None
    except NotFound as problem:
        raise Invalid(problem.message, where=problem.where, advice=problem.advice) from None
    made = plan.read(given, topic)
    permit(who, Interaction.READ, made.type)
    asks = [*made.asks, *((topic.previous, topic.current) if topic else ())]
    for ask in asks:
        if ask is not None:
            await _understood(tx, who, ask)
    if checked and made.channel == "rest-hook":
        await endpoints.check(made.endpoint)
    return made


async def _understood(tx: Transaction, who: Subject, ask: topics.Ask) -> None:
    try:
        await understood(tx, who, ask)
    except Malformed as problem:
        raise Invalid(problem.message, where="Subscription.criteria", advice=problem.advice) from None


async def _not_too_many(tx: Transaction, who: Subject, id_: str) -> None:
    found: int = await tx.fetchval(
        "select count(*) from subscription where facility = $1 and owner = $2 and id <> $3 and status <> 'off'",
        who.facility, who.account, id_,
    )  # fmt: skip
    if found >= MOST:
        raise Problem(
            422, "too-costly", _("Tài khoản này đã có %(n)s đăng ký.", n=MOST), where="Subscription",
            advice=_("Tắt hoặc xoá những đăng ký không dùng nữa."),
        )  # fmt: skip
