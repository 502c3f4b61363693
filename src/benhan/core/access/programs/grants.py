"""Grants, and the codes and tokens that come of them. A code and a refresh token are good once.

Whoever shows one twice, or another program's, cuts the whole family: what was copied is worth nothing to either.
Source: RFC 6749, 4.1, 6, 10.4; RFC 7636; RFC 9700 (security best current practice), 2.1.1, 4.14; RFC 7009, RFC 7662.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import msgspec

from benhan.core.access import scopes
from benhan.core.access.accounts import hashed
from benhan.core.access.audit import Event, record
from benhan.core.access.programs.refused import Code, Refused
from benhan.core.access.programs.registry import Program
from benhan.core.access.roles import Role
from benhan.core.access.subject import Subject
from benhan.core.db import Row, Transaction

CODE_SECONDS: Final = 60
ACCESS_SECONDS: Final = 300
#: A grant that goes with its session ends with it, after this at the latest; one that outlives it, after these days.
SESSION_HOURS: Final = 24
OFFLINE_DAYS: Final = 90
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")
CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_FOUND: Final = """
select t.kind, t.hash, t.scopes, t.made, t.ends, t.used, t.redirect, t.challenge, t.nonce, t.ends <= now() as over,
       g.id, g.client, g.account, g.herself, g.patient, g.encounter, g.ends as grant_ends, g.facility, g.cut,
       c.scopes as registered, a.practitioner, program_stands(g, c, a, s) as stands
from program_token t join program_grant g on g.id = t.program_grant join client c on c.id = g.client
    left join account a on a.id = g.account left join session s on s.token_hash = g.session
where t.hash = $1 and t.kind = any($2) for update of t
"""
_LIVE: Final = """
select g.id, g.account, g.herself, coalesce(a.name, '') as name, g.scopes, g.patient, g.made, g.used, g.ends,
       g.session is null and (g.account is not null) as offline
from program_grant g join client c on c.id = g.client left join account a on a.id = g.account
    left join session s on s.token_hash = g.session
where g.facility = $1 and g.client = $2 and program_stands(g, c, a, s) order by g.used desc limit 200
"""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a program asked for and she allowed; of the patient and visit that she chose or it was started for."""

    scopes: str
    redirect: str
    challenge: str
    nonce: str | None = None
    patient: str | None = None
    encounter: str | None = None


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """What a program gets. `about`: who she is, for an id_token."""

    access: str
    scopes: str
    refresh: str | None = None
    patient: str | None = None
    encounter: str | None = None
    subject: str | None = None
    user: str | None = None
    nonce: str | None = None


class Grant(msgspec.Struct, frozen=True):
    """A grant that is good now, as an administrator sees it."""

    id: str
    account: str | None
    name: str
    herself: str | None
    scopes: str
    patient: str | None
    made: datetime
    used: datetime
    ends: datetime
    offline: bool


class Known(msgspec.Struct, frozen=True):
    """What is told of a token to the program that holds it (RFC 7662)."""

    scopes: str
    made: datetime
    ends: datetime
    subject: str
    patient: str | None
    user: str | None


def granted(asked: str, program: Program) -> str:
    """What remains of the scopes asked for, by the registration: never more."""
    rights = scopes.meet(scopes.readable(asked, program.contexts), program.rights)
    words = [one for one in scopes.WORDS if one in asked.split() and one in program.scopes.split()]
    return " ".join([*words, *map(str, rights)])


async def allow(tx: Transaction, who: Subject, program: Program, asked: Asked, session: str) -> str:
    """She allows a program what it asked; gives the code, good for a minute and once.

    `session`: the token of her session. What may not outlive it goes with it.
    """
    offline = "offline_access" in asked.scopes.split() and Role.PATIENT not in who.roles
    grant = await _grant(tx, program, who, asked, None if offline else hashed(session))
    code = secrets.token_urlsafe(32)
    await tx.execute(
        "insert into program_token (hash, facility, program_grant, kind, scopes, ends, redirect, challenge, nonce)"
        " values ($1, $2, $3, 'code', $4, now() + $5 * interval '1 second', $6, $7, $8)",
        hashed(code), program.facility, grant, asked.scopes, CODE_SECONDS, asked.redirect, asked.challenge, asked.nonce,
    )  # fmt: skip
    said = f"{program.name}: {asked.scopes}"
    record(tx, who, Event("program-grant", "Client", program.id, asked.patient, rule=f"grant {grant}", detail=said))
    return code


async def exchange(tx: Transaction, program: Program, code: str, redirect: str, verifier: str) -> Issued:
    """A code for tokens.

    Raises:
        Refused: invalid_grant; the code is used up by it.
    """
    row = await _once(tx, program, code, "code")
    await tx.execute("update program_token set used = now() where hash = $1", row["hash"])
    if why := _wrong(row, redirect, verifier):
        await _cut(tx, row["id"], why)
        raise Refused("invalid_grant", why)
    return await _issue(tx, program, row, row["scopes"], nonce=row["nonce"])


async def refresh(tx: Transaction, program: Program, token: str, narrower: str | None) -> Issued:
    """A refresh token for new tokens; the one shown is used up.

    Raises:
        Refused: invalid_grant, or invalid_scope where more is asked than was granted.
    """
    row = await _once(tx, program, token, "refresh")
    if row["over"] or not row["stands"]:
        raise Refused("invalid_grant", "the grant has ended, or she may not come in now")
    said = row["scopes"] if not narrower else _narrower(narrower, row["scopes"])
    await tx.execute("update program_token set used = now() where hash = $1", row["hash"])
    return await _issue(tx, program, row, said)


async def for_itself(tx: Transaction, program: Program, asked: str) -> Issued:
    """An access token for a program that comes for itself.

    Raises:
        Refused: it is registered for people, or nothing of what it asks is its own.
    """
    if program.kind != "backend":
        raise Refused("unauthorized_client", "this client is not registered as a backend service")
    said = granted(asked, program)
    if not said:
        raise Refused("invalid_scope", "none of these scopes is registered for this client")
    grant = await _grant(tx, program, None, Asked(scopes=said, redirect="", challenge=""), None)
    token = await _token(tx, program, grant, "access", said, ACCESS_SECONDS)
    record(tx, program.itself(), Event("program-token", "Client", program.id, rule=f"grant {grant}", detail=said))
    return Issued(access=token, scopes=said)


async def known(tx: Transaction, program: Program, token: str) -> Known | None:
    """What is to be told of a token of this program; None where it is not good, or not its own."""
    row = await tx.fetchrow(_FOUND, hashed(token), ["access", "refresh"])
    good = row is not None and row["client"] == program.id and row["stands"] and not row["over"] and not row["used"]
    told = Event("program-introspect", "Client", program.id, allowed=bool(good), rule="own token" if good else "none")
    record(tx, program.itself(), told)
    if row is None or not good:
        return None
    return Known(row["scopes"], row["made"], row["ends"], subject_of(row), row["patient"], user_of(row))


async def revoke(tx: Transaction, program: Program, token: str) -> None:
    """A program gives back a token; with a refresh token the whole grant. One that nobody has is given back already.

    Raises:
        Refused: it is another program's.
    """
    row = await tx.fetchrow(_FOUND, hashed(token), ["access", "refresh"])
    if row is None:
        return
    if row["client"] != program.id:
        raise Refused("invalid_grant", "the token is another client's")
    if row["kind"] == "refresh":
        await _cut(tx, row["id"], "given back by the program")
    await tx.execute("update program_token set ends = now() where hash = $1", row["hash"])
    said = Event("program-revoke", "Client", program.id, row["patient"], rule=f"grant {row['id']}", detail=row["kind"])
    record(tx, program.itself(), said)


async def live(tx: Transaction, who: Subject, program: Program) -> Sequence[Grant]:
    """The grants of a program that are good now, the last used first."""
    rows = await tx.fetch(_LIVE, who.facility, program.id)
    return [Grant(*(row[name] for name in Grant.__struct_fields__)) for row in rows]


async def cut(tx: Transaction, who: Subject, program: Program, grant: str) -> bool:
    """An administrator cuts one grant; whether there was one."""
    done = await tx.fetchval(
        "update program_grant set cut = now(), cut_why = 'cut by an administrator'"
        " where facility = $1 and client = $2 and id = $3 and cut is null returning true",
        who.facility, program.id, grant,
    )  # fmt: skip
    if done:
        record(tx, who, Event("program-cut-grant", "Client", program.id, rule=f"grant {grant}"))
    return bool(done)


async def clear(tx: Transaction) -> None:
    """Forget what ended long ago; a used refresh token stays with its grant, to be known when it comes again."""
    await tx.execute("delete from program_assertion where ends < now() - interval '1 hour'")
    await tx.execute("delete from program_launch where ends < now() - interval '1 hour'")
    await tx.execute("delete from program_grant where ends < now() - interval '7 days'")
    await tx.execute("delete from program_token where kind <> 'refresh' and ends < now() - interval '1 day'")


def subject_of(row: Any) -> str:
    """Who she is to a program: an id that opens nothing."""
    return row["account"] or (f"patient:{row['herself']}" if row["herself"] else f"client:{row['client']}")


def user_of(row: Any) -> str | None:
    """The record that stands for her (`fhirUser`), where there is one."""
    if row["herself"]:
        return f"Patient/{row['herself']}"
    return f"Practitioner/{row['practitioner']}" if row["practitioner"] else None


async def _once(tx: Transaction, program: Program, token: str, kind: str) -> Row:
    """The row of a code or refresh token that was not shown before, by the program that it was given to."""
    row = await tx.fetchrow(_FOUND, hashed(token), [kind])
    if row is None:
        raise Refused("invalid_grant", f"there is no such {kind}")
    why = f"a {kind} was shown by another client" if row["client"] != program.id else ""
    if row["used"] is not None:
        why = f"a {kind} was shown twice"
    if why:
        await _cut(tx, row["id"], why)
        said = Event("program-reuse", "Client", row["client"], row["patient"], False, why, f"grant {row['id']} cut")
        record(tx, program.itself(), said)
        raise Refused("invalid_grant", f"{why}: the whole grant is void")
    return row


def _wrong(row: Row, redirect: str, verifier: str) -> str:
    """What is wrong with the showing of a code, if anything."""
    if row["over"]:
        return "the code has ended"
    if not hmac.compare_digest(row["redirect"].encode(), redirect.encode()):
        return "redirect_uri is not the one the code was asked for"
    if not _VERIFIER.fullmatch(verifier) or not hmac.compare_digest(row["challenge"], challenge_of(verifier)):
        return "code_verifier is not the challenge's"
    return "" if row["stands"] else "the grant has ended, or she may not come in now"


def challenge_of(verifier: str) -> str:
    """S256 of a verifier (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _narrower(asked: str, held: str) -> str:
    """Scopes asked for at a refresh.

    Raises:
        Refused: one is not within what was granted.
    """
    rights = scopes.readable(held, ("patient", "user"))
    for word in asked.split():
        mine = scopes.readable(word, ("patient", "user"))
        within = bool(mine) and scopes.meet(mine, rights) == mine
        if word not in held.split() and not within:
            raise Refused("invalid_scope", "more is asked than was granted")
    return " ".join(asked.split())


async def _grant(tx: Transaction, program: Program, who: Subject | None, asked: Asked, session: bytes | None) -> str:
    """Note a grant; gives its id."""
    id_ = secrets.token_hex(8)
    herself = who.patient if who and Role.PATIENT in who.roles else None
    lasts = f"{OFFLINE_DAYS} days" if who and session is None else f"{SESSION_HOURS} hours"
    await tx.execute(
        "insert into program_grant (id, facility, client, account, herself, session, scopes, patient, encounter, ends)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + case when $10 then $12 * interval '1 second'"
        " else $11::text::interval end)",
        id_, program.facility, program.id, who.account if who and not herself else None, herself, session, asked.scopes,
        asked.patient, asked.encounter, who is None, lasts, ACCESS_SECONDS,
    )  # fmt: skip
    return id_


async def _issue(tx: Transaction, program: Program, row: Row, said: str, nonce: str | None = None) -> Issued:
    access = await _token(tx, program, row["id"], "access", said, ACCESS_SECONDS)
    words = scopes.words(row["scopes"])
    again = None
    if words & {"online_access", "offline_access"}:
        again = await _token(tx, program, row["id"], "refresh", row["scopes"], None)
    await tx.execute("update program_grant set used = now() where id = $1", row["id"])
    action = "program-refresh" if row["kind"] == "refresh" else "program-token"
    rule = f"grant {row['id']}"
    record(tx, program.itself(), Event(action, "Client", program.id, row["patient"], rule=rule, detail=said))
    opened = scopes.words(said)
    return Issued(
        access=access, scopes=said, refresh=again, patient=row["patient"], encounter=row["encounter"], nonce=nonce,
        subject=subject_of(row) if "openid" in opened else None,
        user=user_of(row) if "fhirUser" in opened else None,
    )  # fmt: skip


async def _token(tx: Transaction, program: Program, grant: str, kind: str, said: str, seconds: int | None) -> str:
    """A new token under a grant, never beyond its end."""
    token = f"bh{kind[0]}_" + secrets.token_urlsafe(32)
    await tx.execute(
        "insert into program_token (hash, facility, program_grant, kind, scopes, ends)"
        " select $1, $2, g.id, $4, $5, coalesce(least(now() + $6 * interval '1 second', g.ends), g.ends)"
        " from program_grant g where g.id = $3",
        hashed(token), program.facility, grant, kind, said, seconds,
    )  # fmt: skip
    return token


async def _cut(tx: Transaction, grant: str, why: str) -> None:
    await tx.execute(
        "update program_grant set cut = now(), cut_why = $2 where id = $1 and cut is null", grant, why[:200]
    )


def refusal(who: Subject, program: Program | None, code: Code, why: str) -> Event:
    """The trace of a refusal."""
    name = program.id if program else None
    return Event("program-refused", "Client", name, allowed=False, rule=f"{code}: {why}"[:300])
