"""The trace of every act, written in the transaction of the act.

Source: TT 13/2025/TT-BYT art. 5 (who, when, what); the shape of IHE BALP follows with the policy engine.
"""

from __future__ import annotations

import msgspec

from benhan.core.access.subject import Subject
from benhan.core.db import Transaction

_NOTE = "audit"
_INSERT = """
insert into audit (facility, account, session, action, type, id, patient, allowed, rule, detail)
select * from unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bool[],
                     $9::text[], $10::text[])
"""


class Event(msgspec.Struct, frozen=True):
    """One act: what was done to which record, by which rule."""

    action: str
    type: str | None = None
    id: str | None = None
    patient: str | None = None
    allowed: bool = True
    rule: str = ""
    detail: str = ""


def record(tx: Transaction, who: Subject, event: Event) -> None:
    """Leave an audit event; it is written with the transaction or the act does not happen."""
    if _NOTE not in tx.notes:
        tx.notes[_NOTE] = []
        tx.before_commit.append(_write)
    tx.notes[_NOTE].append(
        (
            who.facility, who.account, who.session, event.action, event.type, event.id, event.patient,
            event.allowed, event.rule, event.detail[:2000],
        )
    )  # fmt: skip


async def _write(tx: Transaction) -> None:
    rows = tx.notes[_NOTE]
    await tx.execute(_INSERT, *(list(column) for column in zip(*rows, strict=True)))
