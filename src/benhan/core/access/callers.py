"""Who is asking: the holder of a bearer token, of a session cookie, or the public at a facility.

What was read of a holder is kept in the process, under the stamp of the rows it was read from. It opens nothing by
itself: the first statement of every request verifies token and stamp in the database (`enter`, migration 0007), so a
revoked token, a closed session or a changed role holds from the next request on, in every process.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request

from benhan.core.access.accounts import hashed
from benhan.core.access.acting import Relation
from benhan.core.access.glass import SHOWN
from benhan.core.access.roles import Role
from benhan.core.access.scopes import Scope, meet, readable
from benhan.core.access.subject import Subject
from benhan.core.db import PLATFORM, Entry, Transaction
from benhan.core.fhir.outcome import NotFound, SignInNeeded
from benhan.core.language import _

COOKIE = "benhan"
#: Holders of a token that a process remembers.
MOST_KNOWN = 10_000


class Known:
    """The callers a process has met, by their token as it was sent."""

    def __init__(self) -> None:
        self._callers: dict[str, tuple[Subject, Entry]] = {}

    def get(self, token: str) -> tuple[Subject, Entry] | None:
        """Who held the token when it was last read."""
        return self._callers.get(token)

    def keep(self, token: str, who: Subject, entry: Entry) -> None:
        """Remember a holder; when there are too many, all are read again."""
        if len(self._callers) >= MOST_KNOWN:
            self._callers.clear()
        self._callers[token] = who, entry

    def forget(self, entry: Entry | None) -> None:
        """Read the holder of this entry again next time."""
        for token, (_who, one) in list(self._callers.items()):
            if one is entry:
                del self._callers[token]


async def identify(request: Request, tx: Transaction, known: Known | None = None) -> Subject:
    """Who is asking. The transaction enters as her, and is bound to her facility, when it begins.

    Without `known` she is read from the database.

    Raises:
        SignInNeeded: a bearer token that nobody holds.
        NotFound: the public asks for a facility that does not exist.
    """
    header = request.headers.get("authorization")
    if header:
        who = await _holder(tx, header, known, cookie=False)
        if who is None:
            raise SignInNeeded(_("Mã truy cập không đúng hoặc đã bị thu hồi."))
        return who
    if (token := request.cookies.get(COOKIE)) and (who := await _holder(tx, token, known, cookie=True)):
        return who
    return await public(tx, request.query_params.get("co-so"))


async def of_app(request: Request, tx: Transaction, known: Known | None = None) -> Subject:
    """Who asks through the patient's app: who holds the session that is sent as a bearer token, or the public.

    A webview keeps no cookies of ours, and none is looked at here. Tokens of programs open nothing.

    Raises:
        SignInNeeded: a token that is no session's (any more).
        NotFound: the public asks for a facility that does not exist.
    """
    if "authorization" not in request.headers:
        return await public(tx, request.query_params.get("facility"))
    token = bearer_of(request)
    if token and (who := await _holder(tx, token, known, cookie=True)):
        return who
    raise SignInNeeded(_("Phiên đăng nhập đã hết hạn hoặc đã kết thúc."), advice=_("Đăng nhập lại."))


def bearer_of(request: Request) -> str:
    """The bearer token of a request; "" where there is none."""
    kind, _blank, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def session_hash(request: Request) -> bytes:
    """The hash of the session's token that a request was sent with: of the app's bearer, else of the cookie."""
    return hashed(bearer_of(request) or request.cookies.get(COOKIE, ""))


#: Whose a token was that opens no door of the app: a session that is over, what belongs to a program.
_FORMER = """
select facility, coalesce(account, case when relation is null and patient is not null
    then 'patient:' || patient else 'person:' || person end) as account from session where token_hash = $1
union all select facility, 'client:' || name from client where token_hash = $1
union all select g.facility, 'client:' || c.name from program_token t join program_grant g on g.id = t.program_grant
    join client c on c.id = g.client where t.hash = $1
"""


async def former(request: Request, tx: Transaction) -> Subject | None:
    """Who a refused token of the app names, for the trace; she has no role by it. None: it was never one of ours."""
    if not (token := bearer_of(request)):
        return None
    await tx.reach(PLATFORM)
    row = await tx.fetchrow(_FORMER, hashed(token))
    if row is None:
        return None
    return Subject(
        account=row["account"], name="", facility=row["facility"], facility_name="", roles=frozenset(),
        session=hashed(token).hex()[:16],
    )  # fmt: skip


async def _holder(tx: Transaction, said: str, known: Known | None, *, cookie: bool) -> Subject | None:
    """Who holds the token of a cookie, or of a whole `Authorization: Bearer …`."""
    if known and (met := known.get(said)):
        who, tx.entry = met
        return who
    kind, _blank, bearer = ("bearer", "", said) if cookie else said.partition(" ")
    token = bearer.strip()
    row = await tx.first("select * from holder($1, $2)", hashed(token), not cookie)
    if row is None or kind.lower() != "bearer":
        return None
    who = _subject(tx, row, token if cookie else None)
    tx.entry = Entry(hashed(token), row["stamp"], row["facility"])
    if known:
        known.keep(said, who, tx.entry)
    return who


async def holder_of(tx: Transaction, session: bytes) -> Subject | None:
    """Who holds a session now, by the hash of its token, for what hangs on it. Nothing is kept of her.

    None: it is over, or its screen is locked. The transaction is bound to her facility afterwards.
    """
    row = await tx.fetchrow("select * from holder($1, false)", session)
    if row is None:
        return None
    who = _subject(tx, row, None)
    return msgspec.structs.replace(who, session=session.hex()[:16])


async def is_locked(tx: Transaction, token: str) -> bool:
    """Whether the session of a cookie holds for nobody only because its screen is locked."""
    await tx.reach(PLATFORM)
    return bool(
        await tx.fetchval(
            "select session_stands(s, a) and session_locked(s) from session s join account a on a.id = s.account"
            " where s.token_hash = $1",
            hashed(token),
        )
    )


async def public(tx: Transaction, code: str | None) -> Subject:
    """Somebody unknown, at the named facility or at the first one."""
    row = await tx.first(
        "select key, name, code from facility where key > 0 and treats and ($1::text is null or code = $1)"
        " order by key limit 1",
        code,
    )
    if row is None and code:
        raise NotFound(_("Không có cơ sở khám chữa bệnh mang mã %(code)s.", code=code[:20]))
    key = row["key"] if row else 0
    tx.bind(key)
    return Subject(
        account="public",
        name="",
        facility=key,
        facility_name=row["name"] if row else "",
        facility_code=row["code"] if row else "",
        roles=frozenset({Role.PUBLIC}),
    )


def nobody() -> Subject:
    """Who is not known yet, nor where she belongs."""
    return Subject(account="unknown", name="", facility=0, facility_name="", roles=frozenset({Role.PUBLIC}))


def _scopes(row: Any) -> tuple[Scope, ...]:
    """What a program may do now: what was granted, as far as its registration still says so."""
    if row["scopes"] is None:
        return ()
    contexts = ("system",) if row["program"] is None else ("patient", "user")
    registered = readable(row["scopes"], contexts)
    return registered if row["granted"] is None else meet(readable(row["granted"], contexts), registered)


def _subject(tx: Transaction, row: Any, token: str | None) -> Subject:
    roles = frozenset(Role(role) for role in row["roles"])
    return Subject(
        account=row["account"] or _outside_staff(row),
        name=row["name"],
        facility=row["facility"],
        facility_name=row["facility_name"],
        facility_code=row["facility_code"],
        roles=roles,
        departments=frozenset(row["departments"]),
        practitioner=row["practitioner"],
        patient=row["patient"],
        person=row["person"],
        relation=msgspec.json.decode(row["acting"], type=Relation) if row["acting"] else None,
        scopes=_scopes(row),
        program=row["program"],
        launched=row["launched"],
        lock_minutes=row["lock_minutes"],
        licence=row["licence"],
        broken_glass=frozenset({row["glass"]}) if row["glass"] else frozenset(),
        glass_ends=row["glass_ends"],
        glass_shown=SHOWN.show(tx, row["facility"], row["glass"], row["glass_shown"]) if row["glass"] else "",
        session=hashed(token).hex()[:16] if token else row["program_grant"] and f"app:{row['program_grant']}",
    )


def _outside_staff(row: Any) -> str:
    """How the audit calls who has no account of a facility: the patient of her record; who acts for another."""
    return f"person:{row['person']}" if row["acting"] or not row["patient"] else f"patient:{row['patient']}"
