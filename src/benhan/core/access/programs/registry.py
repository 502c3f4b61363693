"""The register of programs: who they are, what they may at most, and cutting them off. Administrators write it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msgspec

from benhan.core.access import scopes
from benhan.core.access.audit import Event, record
from benhan.core.access.programs.keys import public_keys
from benhan.core.access.roles import Role
from benhan.core.access.subject import Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Conflict, Invalid, NotFound
from benhan.core.language import _

#: `token`: a lasting bearer token, made at the command line; `public`: PKCE alone; `key`: PKCE and its own key;
#: `backend`: comes for itself, with its own key.
Kind = Literal["token", "public", "key", "backend"]
#: What the scopes of each may speak of.
CONTEXTS: Final[dict[str, tuple[str, ...]]] = {
    "token": ("system",), "backend": ("system",), "public": ("patient", "user"), "key": ("patient", "user"),
}  # fmt: skip
MOST: Final = 500
MOST_REDIRECTS: Final = 10
_SELECT: Final = """
select c.*, f.name as facility_name, f.code as facility_code,
       (select count(*) from program_grant g left join account a on a.id = g.account
        left join session s on s.token_hash = g.session
        where g.client = c.id and program_stands(g, c, a, s)) as grants
from client c join facility f on f.key = c.facility
"""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What an administrator says of a program."""

    name: str
    kind: Kind
    scopes: str
    redirects: tuple[str, ...] = ()
    launch_url: str = ""
    keys: str = ""
    keys_url: str = ""


class Program(Draft, frozen=True, kw_only=True):
    """A registered program."""

    id: str
    facility: int
    facility_name: str
    facility_code: str
    created: datetime
    revoked: datetime | None
    grants: int

    @property
    def contexts(self) -> tuple[str, ...]:
        """What its scopes may speak of."""
        return CONTEXTS[self.kind]

    @property
    def rights(self) -> tuple[scopes.Scope, ...]:
        """What it may do at most."""
        return scopes.readable(self.scopes, self.contexts)

    def itself(self) -> Subject:
        """The program as who acts: for the trace of what it does before anybody is known."""
        return Subject(
            account=f"client:{self.name}", name=self.name, facility=self.facility, facility_name=self.facility_name,
            facility_code=self.facility_code, roles=frozenset({Role.CLIENT}),
        )  # fmt: skip


async def found(tx: Transaction, client_id: str) -> Program | None:
    """The program of a client_id, of any facility the transaction reaches."""
    row = await tx.fetchrow(f"{_SELECT} where c.id = $1", client_id)
    return _program(row) if row else None


async def everything(tx: Transaction, who: Subject) -> Sequence[Program]:
    """All programs of the facility, those in use first."""
    who.must_administer("Client")
    rows = await tx.fetch(
        f"{_SELECT} where c.facility = $1 order by c.revoked is not null, c.name limit {MOST}", who.facility
    )
    return [_program(row) for row in rows]


async def names_of_programs(tx: Transaction, who: Subject) -> Sequence[str]:
    """The names of the programs in use that come to the caller's facility for themselves: whom a consent may name."""
    rows = await tx.fetch(
        "select name from client where facility = $1 and revoked is null and kind in ('token', 'backend')"
        f" order by name limit {MOST}",
        who.facility,
    )  # fmt: skip
    return [row["name"] for row in rows]


async def launchable(tx: Transaction, who: Subject) -> Sequence[Program]:
    """The programs that can be started from a patient's record."""
    rows = await tx.fetch(
        f"{_SELECT} where c.facility = $1 and c.revoked is null and c.launch_url <> '' order by c.name limit {MOST}",
        who.facility,
    )
    return [_program(row) for row in rows]


async def one(tx: Transaction, who: Subject, id_: str) -> Program:
    """A program of the facility.

    Raises:
        NotFound: there is none, or it is another facility's.
    """
    who.must_administer("Client")
    row = await tx.fetchrow(f"{_SELECT} where c.facility = $1 and c.id = $2", who.facility, id_)
    if row is None:
        raise NotFound(_("Cơ sở này không có ứng dụng đó."))
    return _program(row)


async def register(tx: Transaction, who: Subject, draft: Draft) -> Program:
    """Register a program.

    Raises:
        Invalid: something of it cannot be taken; Conflict: there is one of this name.
    """
    who.must_administer("Client")
    check(draft)
    id_ = await tx.fetchval(
        "insert into client (name, facility, scopes, kind, redirects, launch_url, keys, keys_url, made_by)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing returning id",
        draft.name, who.facility, draft.scopes, draft.kind, list(draft.redirects), draft.launch_url, draft.keys,
        draft.keys_url, who.account,
    )  # fmt: skip
    if id_ is None:
        raise Conflict(_("Đã có ứng dụng tên %(name)s.", name=draft.name), where="name")
    record(tx, who, Event("program-register", "Client", id_, detail=f"{draft.name} ({draft.kind}): {draft.scopes}"))
    return await one(tx, who, id_)


async def change(tx: Transaction, who: Subject, id_: str, draft: Draft) -> None:
    """Change what is said of a program. Tokens that are out hold no more than it says from now on.

    Raises:
        Invalid: something cannot be taken, or another kind is named.
    """
    before = await one(tx, who, id_)
    if draft.kind != before.kind or draft.name != before.name:
        raise Invalid(_("Tên và loại của ứng dụng không đổi được."), where="name", advice=_("Đăng ký ứng dụng mới."))
    if before.kind == "token":
        scopes.parse_scopes(draft.scopes) if draft.scopes else None
    check(draft)
    await tx.execute(
        "update client set scopes = $3, redirects = $4, launch_url = $5, keys = $6, keys_url = $7"
        " where facility = $1 and id = $2",
        who.facility, id_, draft.scopes, list(draft.redirects), draft.launch_url, draft.keys, draft.keys_url,
    )  # fmt: skip
    record(tx, who, Event("program-change", "Client", id_, detail=f"{before.scopes} → {draft.scopes}"))


async def cut_off(tx: Transaction, who: Subject, id_: str, reason: str) -> None:
    """Let a program in no more, from this moment on; what it holds is void for good.

    Raises:
        Invalid: no reason is given.
    """
    if not reason.strip():
        raise Invalid(_("Nhập lý do ngắt ứng dụng."), where="reason")
    await one(tx, who, id_)
    await tx.execute("update client set revoked = now() where facility = $1 and id = $2", who.facility, id_)
    await tx.execute(
        "update program_grant set cut = now(), cut_why = $3 where facility = $1 and client = $2 and cut is null",
        who.facility, id_, "the program was cut off",
    )  # fmt: skip
    record(tx, who, Event("program-cut-off", "Client", id_, rule=reason.strip()[:200]))


async def let_in(tx: Transaction, who: Subject, id_: str) -> None:
    """Let a program in again; what it held before stays void."""
    before = await one(tx, who, id_)
    if before.kind == "token":
        raise Invalid(_("Mã truy cập dài hạn đã ngắt thì không dùng lại; tạo mã mới."), where="kind")
    await tx.execute("update client set revoked = null where facility = $1 and id = $2", who.facility, id_)
    record(tx, who, Event("program-let-in", "Client", id_))


def check(draft: Draft) -> None:
    """Whether a program can be registered so.

    Raises:
        Invalid: which part cannot be taken, and why.
    """
    if not 2 <= len(draft.name) <= 80 or draft.name != draft.name.strip():
        raise Invalid(_("Tên ứng dụng cần 2–80 ký tự."), where="name")
    try:
        rights = scopes.parse(draft.scopes, CONTEXTS[draft.kind])
    except ValueError as error:
        raise Invalid(_("Phạm vi không đọc được: %(why)s", why=str(error)), where="scopes") from None
    if not rights:
        raise Invalid(_("Cần ít nhất một phạm vi đọc hoặc ghi hồ sơ."), where="scopes")
    if scopes.words(draft.scopes) and draft.kind in ("backend", "token"):
        raise Invalid(_("Dịch vụ nền không có người dùng: bỏ openid, launch, offline_access."), where="scopes")
    _check_addresses(draft)
    _check_keys(draft)


def _check_addresses(draft: Draft) -> None:
    if draft.kind in ("public", "key"):
        if not 0 < len(draft.redirects) <= MOST_REDIRECTS:
            raise Invalid(_("Cần từ 1 đến %(n)s địa chỉ quay về.", n=MOST_REDIRECTS), where="redirects")
    elif draft.redirects or draft.launch_url:
        raise Invalid(_("Dịch vụ nền không có địa chỉ quay về hay địa chỉ mở."), where="redirects")
    for one_ in draft.redirects:
        if not sound(one_):
            raise Invalid(
                _("Địa chỉ quay về %(one)s không dùng được.", one=one_[:100]), where="redirects",
                advice=_("Dùng https://, hoặc http://127.0.0.1 trên máy của người dùng; không có # hay dấu *."),
            )  # fmt: skip
    if draft.launch_url and not sound(draft.launch_url):
        raise Invalid(_("Địa chỉ mở ứng dụng không dùng được."), where="launch_url")


def _check_keys(draft: Draft) -> None:
    if draft.kind in ("key", "backend"):
        if bool(draft.keys) == bool(draft.keys_url):
            raise Invalid(_("Dán khoá công khai (JWKS) hoặc cho địa chỉ của nó: một trong hai."), where="keys")
        if draft.keys:
            public_keys(draft.keys)
        elif not sound(draft.keys_url):
            raise Invalid(_("Địa chỉ khoá cần dạng https://…"), where="keys_url")
    elif draft.keys or draft.keys_url:
        raise Invalid(_("Loại ứng dụng này không dùng khoá."), where="keys")


def sound(address: str) -> bool:
    """Whether an address can be registered: https, or plain http on the user's own machine (RFC 8252, 7.3)."""
    try:
        parts = urlsplit(address)
        _port = parts.port
    except ValueError:
        return False
    own = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
    plain = address.isascii() and address.isprintable() and not set(address) & set(" \"'<>\\*#")
    whole = bool(parts.hostname) and "@" not in parts.netloc and len(address) <= 500
    return (parts.scheme == "https" or own) and plain and whole


def _program(row: Any) -> Program:
    return Program(
        id=row["id"], name=row["name"], kind=row["kind"], scopes=row["scopes"], redirects=tuple(row["redirects"]),
        launch_url=row["launch_url"], keys=row["keys"], keys_url=row["keys_url"], facility=row["facility"],
        facility_name=row["facility_name"], facility_code=row["facility_code"], created=row["created"],
        revoked=row["revoked"], grants=row["grants"],
    )  # fmt: skip
