"""Handing something of a record out to a browser that holds no session: by an address that opens it once.

The app's session travels in a header, and a webview saves no files: the phone's browser fetches them (`openOutApp`). So
the app asks for an address, which is bound to one thing and to her session, and is over after minutes. Who opens it is
she, as she is at that moment: where her session or the relation in which she acts has ended, it opens nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import msgspec

from benhan.core.access.accounts import hashed, new_token
from benhan.core.access.audit import Event, record
from benhan.core.access.callers import holder_of
from benhan.core.access.subject import Subject
from benhan.core.db import PLATFORM, Transaction

#: So long somebody may take from asking for it to opening it.
MINUTES: Final = 5
#: An address that was opened or is over is known for so long, so that who tries it again leaves a trace.
KNOWN: Final = timedelta(days=7)
#: Her session, by facility and what a Subject says of it.
SESSION: Final = "session s where s.facility = $1 and left(encode(s.token_hash, 'hex'), 16) = $2"


class Taken(msgspec.Struct, frozen=True):
    """Who is at the address, and what it is for; `who` None: it opens nothing (any more)."""

    who: Subject | None
    what: str = ""


async def give(tx: Transaction, who: Subject, what: str) -> str:
    """The token of an address that opens `what` for her, once."""
    token = new_token()
    await tx.execute("delete from handout where facility = $1 and ends < now() - $2::interval", who.facility, KNOWN)
    await tx.execute(
        "insert into handout (token_hash, facility, session, patient, what, ends)"
        f" select $3, s.facility, s.token_hash, $4, $5, now() + $6 from {SESSION}",
        who.facility, who.session, hashed(token), who.patient, what, timedelta(minutes=MINUTES),
    )  # fmt: skip
    record(tx, who, Event("hand-out", "Patient", who.patient, who.patient, rule="own session", detail=what))
    return token


async def take(tx: Transaction, token: str) -> Taken:
    """Open an address; the transaction is bound to its facility, where it is one. Whoever is refused leaves a trace."""
    await tx.reach(PLATFORM)
    row = await tx.fetchrow(
        "select facility, session, patient, what, ends > now() as fresh, used from handout"
        " where token_hash = $1 for update",
        hashed(token),
    )
    if row is None:
        return Taken(None)
    who = await holder_of(tx, row["session"])
    await tx.reach(row["facility"])
    if who is None or not row["fresh"] or row["used"] or who.patient != row["patient"]:
        rule = "used" if row["used"] else "too late" if not row["fresh"] else "her session is over"
        someone = Subject(account="unknown", name="", facility=row["facility"], facility_name="", roles=frozenset())
        refused = Event("hand-out", "Patient", row["patient"], row["patient"], False, rule, row["what"])
        record(tx, someone, refused)
        return Taken(None, row["what"])
    await tx.execute("update handout set used = now() where token_hash = $1", hashed(token))
    return Taken(who, row["what"])
