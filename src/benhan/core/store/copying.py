"""Copies of records that leave the store: printed, exported, shared. Reading a record is not the right to copy it.

Source: Law 15/2023 art. 69 (copies of a record), TT 13/2025/TT-BYT art. 5 (each leaves its trace).
"""

from __future__ import annotations

from benhan.core.access import Interaction, Subject
from benhan.core.db import Transaction
from benhan.core.store import guarding
from benhan.core.store.records import audited, permit


async def copied(
    tx: Transaction, who: Subject, how: Interaction, name: str, id_: str | None, patient: str | None, detail: str = ""
) -> None:
    """Note that a record (None: those of a type) is copied so; nothing may leave before this returns.

    Raises:
        Forbidden: records of this type, or this one, may not be copied so by her.
    """
    decision = permit(who, how, name)
    if id_ is not None:
        said = await guarding.asked(tx, decision, who.facility, name, id_)
        decision = guarding.ruled(decision, said, f"{name}/{id_}")
    audited(tx, who, how, decision, name, id_, patient, detail)
