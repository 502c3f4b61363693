"""The edge: every route is a Door with a declared permission; one transaction per request, opened and closed here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import asyncpg
import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from benhan.core.access.accounts import hashed
from benhan.core.access.audit import Event, record
from benhan.core.access.roles import Permission, Role
from benhan.core.access.subject import Subject, parse_scopes
from benhan.core.db import Database, Transaction
from benhan.core.fhir.outcome import Forbidden, NotFound, Problem, SignInNeeded
from benhan.core.language import _

COOKIE = "benhan"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
#: From here on an answer says that the request was refused.
BAD = 400
#: Where somebody unknown is sent, by what the door asks for; staff have an account, patients a personal link.
SIGN_IN = "/dang-nhap"
SIGN_IN_FOR = {Permission.OWN_RECORD: "/nguoi-benh/mo-lai"}

Endpoint = Callable[[Request, Transaction, Subject], Awaitable[Response]]
LiveEndpoint = Callable[[Request, Subject], Awaitable[Response]]
#: Turns an error into what the person or program gets to see.
Refuse = Callable[[Request, Problem], Response]


class HalfDoneError(RuntimeError):
    """A door refused a request after it had written for it. Bad input changes nothing: it is rolled back, loudly."""


class Door(msgspec.Struct, frozen=True):
    """A route: where it is, what it does, what it asks for."""

    path: str
    endpoint: Endpoint
    permission: Permission
    methods: tuple[str, ...] = ("GET",)


class LiveDoor(msgspec.Struct, frozen=True):
    """A route that stays open (an event stream); it holds no transaction once the caller is known."""

    path: str
    endpoint: LiveEndpoint
    permission: Permission


class Edge:
    """Stands between Starlette and the doors."""

    def __init__(self, database: Callable[[], Database], refuse: Refuse) -> None:
        self._database = database
        self._refuse = refuse

    def routes(self, doors: Sequence[Door | LiveDoor]) -> list[Route]:
        """Starlette routes of the doors.

        Raises:
            TypeError: a door declares no permission, or something is not a door.
        """
        return [self._route(door) for door in doors]

    def _route(self, door: Door | LiveDoor) -> Route:
        if not isinstance(door, Door | LiveDoor) or not isinstance(door.permission, Permission):
            raise TypeError(f"{door!r} declares no permission: it may not be published")
        if isinstance(door, LiveDoor):
            return Route(door.path, self._live(door), methods=["GET"])
        return Route(door.path, self._request(door), methods=list(door.methods))

    def _request(self, door: Door) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            who: Subject | None = None
            try:
                refuse_other_origins(request)
                async with self._database().transaction() as tx:
                    who = await self._enter(request, tx, door.permission)
                    response = await door.endpoint(request, tx, who)
                    if response.status_code >= BAD and tx.wrote:
                        raise HalfDoneError(f"{request.method} {door.path}: {response.status_code} after writing")
                    return response
            except Problem as problem:
                return await self._refused(request, problem, who, door)
            except asyncpg.QueryCanceledError:
                return self._refuse(request, _too_slow())

        return answer

    def _live(self, door: LiveDoor) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                async with self._database().transaction() as tx:
                    who = await self._enter(request, tx, door.permission)
                return await door.endpoint(request, who)
            except Problem as problem:
                return await self._refused(request, problem, None, door)

        return answer

    async def _enter(self, request: Request, tx: Transaction, permission: Permission) -> Subject:
        who = await identify(request, tx)
        request.state.who = who if who.known else None
        if not who.may(permission):
            if not who.known:
                raise SignInNeeded(_("Cần đăng nhập để mở trang này."))
            raise Forbidden(
                _("Tài khoản của bạn không được mở trang này."),
                advice=_("Hỏi người quản trị nếu công việc của bạn cần."),
            )
        return who

    async def _refused(
        self, request: Request, problem: Problem, who: Subject | None, door: Door | LiveDoor
    ) -> Response:
        who = who or getattr(request.state, "who", None)
        if problem.status in (401, 403) and who is not None and who.facility:
            event = Event("refused", allowed=False, rule=problem.message, detail=f"{request.method} {request.url.path}")
            async with self._database().transaction(who.facility) as tx:
                record(tx, who, event)
        if problem.status == 401 and not request.url.path.startswith("/fhir"):
            return _to_sign_in(request, SIGN_IN_FOR.get(door.permission, SIGN_IN))
        return self._refuse(request, problem)


async def identify(request: Request, tx: Transaction) -> Subject:
    """Who is asking: the holder of a bearer token, of a session cookie, or the public at a facility.

    Binds the transaction to the facility of the answer.

    Raises:
        SignInNeeded: a bearer token that nobody holds.
        NotFound: the public asks for a facility that does not exist.
    """
    header = request.headers.get("authorization", "")
    if header:
        kind, _space, bearer = header.partition(" ")
        row = await tx.fetchrow("select * from open_client($1)", hashed(bearer.strip()))
        if kind.lower() != "bearer" or row is None:
            raise SignInNeeded(_("Mã truy cập không đúng hoặc đã bị thu hồi."))
        return _subject(row, None)
    if token := request.cookies.get(COOKIE):
        row = await tx.fetchrow("select * from open_session($1)", hashed(token))
        if row is not None:
            return _subject(row, token)
    return await public(tx, request.query_params.get("co-so"))


async def public(tx: Transaction, code: str | None) -> Subject:
    """Somebody unknown, at the named facility or at the first one."""
    row = await tx.fetchrow(
        "select key, name, code from facility where key > 0 and ($1::text is null or code = $1) order by key limit 1",
        code,
    )
    if row is None and code:
        raise NotFound(_("Không có cơ sở khám chữa bệnh mang mã %(code)s.", code=code[:20]))
    await tx.reach(row["key"] if row else 0)
    return Subject(
        account="public",
        name="",
        facility=row["key"] if row else 0,
        facility_name=row["name"] if row else "",
        facility_code=row["code"] if row else "",
        roles=frozenset({Role.PUBLIC}),
    )


def refuse_other_origins(request: Request) -> None:
    """Cross-site request forgery: a write with a cookie must come from our own pages.

    Source: OWASP ASVS 5.0 3.5.1; Fetch Metadata (Sec-Fetch-Site), with Origin where it is missing.
    """
    if request.method in SAFE or "authorization" in request.headers:
        return
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site in ("same-origin", "none"):
        return
    if site is None and (origin is None or urlsplit(origin).netloc == request.headers.get("host")):
        return
    raise Forbidden(_("Yêu cầu đến từ một trang khác nên bị từ chối."), advice=_("Mở lại trang và làm lại."))


def _subject(row: Any, token: str | None) -> Subject:
    roles = frozenset(Role(role) for role in row["roles"])
    return Subject(
        account=row["account"] or f"patient:{row['patient']}",
        name=row["name"],
        facility=row["facility"],
        facility_name=row["facility_name"],
        facility_code=row["facility_code"],
        roles=roles,
        practitioner=row["practitioner"],
        patient=row["patient"],
        scopes=parse_scopes(row["scopes"]) if row["scopes"] else (),
        session=hashed(token).hex()[:16] if token else None,
    )


def _to_sign_in(request: Request, page: str) -> Response:
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    address = f"{page}?next={quote(target if request.method in SAFE else '/')}"
    if request.headers.get("hx-request"):
        return Response(status_code=401, headers={"HX-Redirect": address})
    return RedirectResponse(address, 303)


def _too_slow() -> Problem:
    return Problem(
        503, "timeout", _("Câu hỏi mất quá nhiều thời gian."), advice=_("Thu hẹp điều kiện tìm rồi thử lại.")
    )
