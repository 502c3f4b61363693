"""A program that is started from a patient's record (EHR launch): whose, by whom, on which visit.

What the program gets is an opaque word, good for a few minutes, once, in the session that started it and for no other.
Source: SMART App Launch 2.2, 2.1.1.
"""

from __future__ import annotations

import secrets
from typing import Final

import msgspec

from benhan.core.access.accounts import hashed
from benhan.core.access.audit import Event, record
from benhan.core.access.programs.registry import Program
from benhan.core.access.subject import Subject
from benhan.core.db import Transaction

MINUTES: Final = 5


class Launch(msgspec.Struct, frozen=True):
    """On what a program was started."""

    patient: str
    encounter: str | None


async def begin(
    tx: Transaction, who: Subject, program: Program, session: str, patient: str, encounter: str | None
) -> str:
    """Start a program on a patient whom she may read (the caller asked the store); gives the word for it."""
    word = secrets.token_urlsafe(32)
    await tx.execute(
        "insert into program_launch (hash, facility, client, session, patient, encounter, ends)"
        " values ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 minute')",
        hashed(word), who.facility, program.id, hashed(session), patient, encounter, MINUTES,
    )  # fmt: skip
    record(tx, who, Event("program-launch", "Client", program.id, patient, detail=program.name))
    return word


async def peek(tx: Transaction, program: Program, word: str, session: str) -> Launch | None:
    """What a word stands for, in this session and for this program."""
    row = await tx.fetchrow(
        "select patient, encounter from program_launch where hash = $1 and client = $2 and session = $3"
        " and ends > now() for update",
        hashed(word), program.id, hashed(session),
    )  # fmt: skip
    return Launch(row["patient"], row["encounter"]) if row else None


async def use_up(tx: Transaction, word: str) -> None:
    """The word is good no more."""
    await tx.execute("delete from program_launch where hash = $1", hashed(word))
