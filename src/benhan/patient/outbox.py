"""The outbox: which messages are due, who has them, which kinds a patient does not want.

A message is put in once for each cause, by the transaction that reads the change feed. Who takes it has it alone until
its next try. For each of those whom it goes to a row is committed before it is sent and taken back only where it
surely did not leave: over restarts and several processes nobody gets it twice.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from benhan.core.access import Role, service
from benhan.core.access.audit import Event, record
from benhan.core.access.subject import Subject
from benhan.core.db import Transaction
from benhan.patient.messages import Kind, Sent

#: The first pause between two tries; it doubles until it is an hour. Longer than all ways together take.
FIRST_PAUSE: Final = timedelta(minutes=2)
LONGEST_PAUSE: Final = timedelta(hours=1)
#: What a patient may refuse. A code she asks for; that her record was opened the law orders to tell.
REFUSABLE: Final[tuple[Kind, ...]] = (
    "reminder",
    "turn",
    "results",
    "revisit",
    "changed",
    "medicine",
    "answer",
    "remote",
    "call",
    "survey",
)
#: Why a message never leaves: it came too late, its cause is over, she does not want it.
LATE, OVER, REFUSED = "late", "over", "refused"

_PUT: Final = """
insert into message (facility, id, kind, cause, subject, next, ends) values ($1, $2, $3, $4, $5, $6, $7)
on conflict (facility, cause) do nothing
"""
_TAKE: Final = """
with due as materialized (
    select facility, id from message where next <= now() order by next limit 1 for update skip locked
)
update message m set tries = tries + 1, next = now() + least($2::interval, $1::interval * 2 ^ least(tries, 10))
from due, facility f where m.facility = due.facility and m.id = due.id and f.key = m.facility
returning m.facility, f.name as house, m.id, m.kind, m.subject, m.made, m.ends, m.next
"""
_COUNTS: Final = """
select m.kind, count(*) as made, count(*) filter (where m.next is not null) as waiting,
    count(*) filter (where s.by like 'zalo%') as zalo, count(*) filter (where s.by = 'sms') as sms,
    count(*) filter (where s.received is not null) as received,
    count(*) filter (where s.begun is not null and s.sent is null) as unknown,
    count(*) filter (where m.next is null and s.begun is null) as never
from message m left join message_sent s on s.facility = m.facility and s.message = m.id
where m.facility = $1 and m.made > now() - interval '7 days' group by m.kind order by m.kind
"""


class Due(msgspec.Struct, frozen=True):
    """A message in hand. `subject`: the record that it is made of (`Type/id`)."""

    facility: int
    house: str
    id: str
    kind: Kind
    subject: str
    made: datetime
    ends: datetime
    next: datetime

    def reference(self, whom: str) -> str:
        """Under which number it goes to one of them, the same each time. Zalo: `tracking_id`, 48 signs at most."""
        return hashlib.sha256(f"{self.facility} {self.id} {whom}".encode()).hexdigest()[:32]


class Count(msgspec.Struct, frozen=True):
    """What became of the messages of one kind in seven days."""

    kind: Kind
    made: int
    waiting: int
    zalo: int
    sms: int
    received: int
    unknown: int
    never: int


async def put(
    tx: Transaction, facility: int, kind: Kind, cause: str, subject: str, *, due: datetime, ends: datetime
) -> None:
    """A message is to leave at a time, once for its cause; a later call with the same cause changes nothing."""
    await tx.execute(_PUT, facility, secrets.token_hex(8), kind, f"{kind} {cause}", subject, due, ends)


async def take(tx: Transaction) -> Due | None:
    """The next one that is due, in hand until its next try; None: none is. Reaches over the platform."""
    row = await tx.fetchrow(_TAKE, FIRST_PAUSE, LONGEST_PAUSE)
    return Due(*row.values()) if row else None


async def wait(tx: Transaction, one: Due, until: datetime, trouble: str = "") -> None:
    """It is tried again then."""
    await tx.execute(
        "update message set next = $3, trouble = $4 where facility = $1 and id = $2",
        one.facility, one.id, until, trouble[:300],
    )  # fmt: skip


async def end(tx: Transaction, one: Due, trouble: str = "") -> None:
    """Nothing more is to be done for it; with what was in the way, if it was."""
    await tx.execute(
        "update message set next = null, trouble = $3 where facility = $1 and id = $2",
        one.facility, one.id, trouble[:300],
    )  # fmt: skip


async def begin(tx: Transaction, one: Due, whom: str) -> bool:
    """It is about to be sent to one of them. False: it was before."""
    return bool(
        await tx.fetchval(
            "insert into message_sent (facility, message, whom) values ($1, $2, $3) on conflict do nothing"
            " returning true", one.facility, one.id, whom,
        )
    )  # fmt: skip


async def note(tx: Transaction, one: Due, whom: str, patient: str | None, sent: Sent) -> None:
    """What became of it for one of them. Where it surely did not leave she may be sent it again."""
    key = one.facility, one.id, whom
    if sent.by:
        await tx.execute(
            "update message_sent set sent = now(), by = $4, number = $5"
            " where facility = $1 and message = $2 and whom = $3", *key, sent.by, sent.number,
        )  # fmt: skip
    elif not sent.perhaps:
        await tx.execute("delete from message_sent where facility = $1 and message = $2 and whom = $3", *key)
    type_, _slash, id_ = whom.partition("/")
    rule = sent.by or ("perhaps sent" if sent.perhaps else "not sent")
    detail = " ".join([one.kind, one.subject, *sent.troubles])
    event = Event("message-sent", type_, id_, patient, allowed=sent.by is not None, rule=rule, detail=detail)
    record(tx, service(Role.TELLING_SERVICE, one.facility), event)


async def note_received(tx: Transaction, facility: int, number: str) -> bool:
    """It came to a telephone; whether we know of it."""
    return bool(
        await tx.fetchval(
            "update message_sent set received = coalesce(received, now()) where facility = $1 and number = $2"
            " returning true", facility, number,
        )
    )  # fmt: skip


async def counts(tx: Transaction, facility: int) -> list[Count]:
    """What became of the messages of the last seven days, by kind."""
    return [Count(*row.values()) for row in await tx.fetch(_COUNTS, facility)]


async def refused(tx: Transaction, facility: int, patient: str) -> frozenset[Kind]:
    """The kinds that she does not want."""
    rows = await tx.fetch(
        "select kind from message_refused where facility = $1 and patient = $2", facility, patient
    )  # fmt: skip
    return frozenset(row["kind"] for row in rows)


async def refuse(tx: Transaction, who: Subject, kinds: Sequence[Kind]) -> None:
    """She wants every kind but these; what waits is asked again when it is due."""
    before = await refused(tx, who.facility, who.patient or "")
    wanted = frozenset(kinds) & frozenset(REFUSABLE)
    if wanted == before:
        return
    await tx.execute(
        "delete from message_refused where facility = $1 and patient = $2", who.facility, who.patient
    )  # fmt: skip
    await tx.execute(
        "insert into message_refused (facility, patient, kind) select $1, $2, unnest($3::text[])",
        who.facility, who.patient, sorted(wanted),
    )  # fmt: skip
    said = f"not: {' '.join(sorted(wanted)) or 'nothing'}"
    record(tx, who, Event("messages-chosen", "Patient", who.patient, who.patient, rule="own-messages", detail=said))
