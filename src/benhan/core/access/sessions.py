"""Sessions of an account: what each was opened with and where, and how they end.

Source: OWASP ASVS 5.0 chapter 7 (opaque tokens kept as a hash, listed, ended by their holder or an administrator).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from starlette.requests import Request

from benhan.core.access.accounts import hashed, new_token
from benhan.core.access.audit import Event, record
from benhan.core.access.roles import Role
from benhan.core.access.subject import Subject
from benhan.core.db import Transaction
from benhan.core.language import _

#: Words of a browser's own description, the more particular first.
_SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "macOS"),
            ("CrOS", "ChromeOS"), ("Linux", "Linux"))  # fmt: skip
_BROWSERS = (("Zalo", "Zalo"), ("Edg/", "Edge"), ("OPR/", "Opera"), ("coc_coc", "Cốc Cốc"), ("Firefox/", "Firefox"),
             ("Chrome/", "Chrome"), ("Safari/", "Safari"))  # fmt: skip


class Visitor(msgspec.Struct, frozen=True):
    """From where somebody comes: her device in words, the address."""

    device: str = ""
    place: str = ""


class Terms(msgspec.Struct, frozen=True):
    """How long a session may last; after how many idle minutes it ends, and after how many idle days its account is
    stopped (0: never)."""

    hours: int
    idle_minutes: int = 0
    idle_days: int = 0
    #: A screen is covered after so many idle minutes, where the house has not said otherwise (0: never).
    lock_minutes: int = 0
    #: Roles that must have a second factor.
    second_factor: frozenset[Role] = frozenset()


class Session(msgspec.Struct, frozen=True):
    """A session as its holder sees it. `id` says which, and opens nothing."""

    id: str
    device: str
    place: str
    started: datetime
    seen: datetime


class Entrance(msgspec.Struct, frozen=True):
    """One sign-in that was tried."""

    at: datetime
    allowed: bool
    how: str
    where: str


def visitor(request: Request) -> Visitor:
    """From where a request comes. The address is that of the connection, or what a trusted proxy says it was."""
    said = request.headers.get("user-agent", "")[:400]
    system = next((name for mark, name in _SYSTEMS if mark in said), "")
    browser = next((name for mark, name in _BROWSERS if mark in said), "")
    words = " · ".join(filter(None, (browser, system)))
    place = request.client.host if request.client else ""
    return Visitor(words or re.sub(r"[^\w ./-]", "", said)[:40], place[:45])


async def open_for(tx: Transaction, facility: int, account: str, terms: Terms, who_comes: Visitor) -> str:
    """Open a session for an account; gives its token. A display on a wall is never locked: nobody stands at it."""
    token = new_token()
    await tx.execute(
        "insert into session (token_hash, facility, account, ends, idle, device, place, lock_after)"
        " select $1, $2, $3, now() + $4, $5, $6, $7, case when not $9 = any(a.roles) then nullif("
        "coalesce((select lock_minutes from facility_rule where facility = $2), $8), 0) * interval '1 minute' end"
        " from account a where a.id = $3",
        hashed(token), facility, account, timedelta(hours=terms.hours),
        timedelta(minutes=terms.idle_minutes) if terms.idle_minutes else None, who_comes.device, who_comes.place,
        terms.lock_minutes, str(Role.DISPLAY),
    )  # fmt: skip
    return token


async def renew(tx: Transaction, token: str) -> str:
    """Another token for the same session: what somebody may have copied before opens nothing any more."""
    fresh = new_token()
    await tx.execute(
        "update session set token_hash = $2, proved = now() where token_hash = $1", hashed(token), hashed(fresh)
    )
    return fresh


async def keep_awake(tx: Transaction, token_hash: bytes) -> None:
    """Its holder is there, though she asks for nothing (a call by video); once a minute is enough."""
    await tx.execute(
        "update session set seen = now() where token_hash = $1 and seen < now() - interval '1 minute'", token_hash
    )


async def of_account(tx: Transaction, facility: int, account: str) -> Sequence[Session]:
    """The sessions of an account that have not ended, the last used first."""
    rows = await tx.fetch(
        "select s.* from session s join account a on a.id = s.account"
        " where s.facility = $1 and s.account = $2 and s.ends > now()"
        " and (s.idle is null or s.seen > now() - s.idle) order by s.seen desc limit 100",
        facility, account,
    )  # fmt: skip
    return [
        Session(row["token_hash"].hex()[:16], row["device"], row["place"], row["started"], row["seen"]) for row in rows
    ]


async def end(tx: Transaction, who: Subject, account: str, session: str) -> bool:
    """End one session of an account of this facility; whether there was one."""
    done = await tx.fetchval(
        "delete from session where facility = $1 and account = $2 and encode(token_hash, 'hex') like $3 || '%'"
        " returning true",
        who.facility, account, _plain(session),
    )  # fmt: skip
    if done:
        record(tx, who, Event("end-session", "Account", account, detail=session))
    return bool(done)


async def end_all(tx: Transaction, who: Subject, account: str, *, but: str | None = None) -> int:
    """End every session of an account, except one, and what programs may do for her; gives how many sessions."""
    rows = await tx.fetch(
        "delete from session where facility = $1 and account = $2"
        " and ($3::text is null or encode(token_hash, 'hex') not like $3 || '%') returning 1",
        who.facility, account, _plain(but) if but else None,
    )  # fmt: skip
    await tx.execute(
        "update program_grant set cut = now(), cut_why = 'her sessions were ended'"
        " where facility = $1 and account = $2 and session is null and cut is null",
        who.facility, account,
    )  # fmt: skip
    if rows:
        record(tx, who, Event("end-session", "Account", account, detail=_("%(n)s phiên", n=len(rows))))
    return len(rows)


async def entrances(tx: Transaction, facility: int, account: str, most: int = 20) -> Sequence[Entrance]:
    """With what an account was signed in to lately, or was tried to be."""
    rows = await tx.fetch(
        "select at, allowed, rule, detail from audit where facility = $1 and account = $2 and action = 'sign-in'"
        " order by seq desc limit $3",
        facility, account, most,
    )  # fmt: skip
    return [Entrance(row["at"], row["allowed"], row["rule"], row["detail"]) for row in rows]


def _plain(session: str) -> str:
    """The id of a session, which is sixteen hexadecimal figures; anything else is nobody's."""
    return session if re.fullmatch(r"[0-9a-f]{16}", session) else "-"
