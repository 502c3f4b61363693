"""The edge: every route is a Door with a declared permission; one transaction per request, opened and closed here."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from urllib.parse import quote, urlsplit

import asyncpg
import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from benhan.core.access.audit import Event, record
from benhan.core.access.callers import COOKIE, Known, former, identify, is_locked, nobody, of_app, public
from benhan.core.access.doorway import Doorway, Way
from benhan.core.access.roles import Permission
from benhan.core.access.subject import Subject
from benhan.core.db import Busy, Database, EntryLapsed, Transaction
from benhan.core.fhir.outcome import Forbidden, Malformed, Problem, SignInNeeded
from benhan.core.language import _

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
#: From here on an answer says that the request was refused.
BAD = 400
#: Where somebody unknown is sent, by what the door asks for; staff have an account, patients a personal link.
SIGN_IN = "/dang-nhap"
#: Where somebody is sent whose screen is locked.
LOCKED = "/khoa-man-hinh"
SIGN_IN_FOR = {Permission.OWN_RECORD: "/nguoi-benh/mo-lai", Permission.OWN_RIGHTS: "/nguoi-benh/mo-lai"}

__all__ = [
    "COOKIE", "Door", "Edge", "HalfDoneError", "LiveDoor", "identify", "public", "refuse_other_origins",
]  # fmt: skip

Endpoint = Callable[[Request, Transaction, Subject], Awaitable[Response]]
#: Its answer is what the stream says: whole events, and a line now and then while there are none.
LiveEndpoint = Callable[[Request, Subject], Awaitable[AsyncGenerator[str, None]]]
#: Turns an error into what the person or program gets to see.
Refuse = Callable[[Request, Problem], Response]


class HalfDoneError(RuntimeError):
    """A door refused a request after it had written for it. Bad input changes nothing: it is rolled back, loudly."""


class Door(msgspec.Struct, frozen=True):
    """A route: where it is, what it does, what it asks for.

    `again`: what is sent here is kept as long as the request (`messages.read_body`) and can be read a second time.
    `foreign`: asked by programs from pages of their own. No cookie and no token is looked at: the door asks for proof
    itself.
    `app`: asked by the patient's app: her session comes as a bearer token, and no cookie is looked at (`of_app`). So no
    other page can ask in her name, and who is not known is told so instead of being led to a page.
    """

    path: str
    endpoint: Endpoint
    permission: Permission
    methods: tuple[str, ...] = ("GET",)
    again: bool = False
    foreign: bool = False
    app: bool = False


class LiveDoor(msgspec.Struct, frozen=True):
    """A route that stays open (an event stream), for as long as its caller is who she was; it holds no transaction.

    Standard: HTML, section 9.2 (server-sent events).
    """

    path: str
    endpoint: LiveEndpoint
    permission: Permission
    app: bool = False


class Edge:
    """Stands between Starlette and the doors."""

    def __init__(self, database: Callable[[], Database], refuse: Refuse) -> None:
        self._database = database
        self._refuse = refuse
        self._known = Known()

    def routes(self, doors: Sequence[Door | LiveDoor]) -> list[Doorway]:
        """The Starlette route of all doors.

        Raises:
            TypeError: a door declares no permission, or something is not a door.
        """
        return [Doorway([self._way(door) for door in doors])]

    def _way(self, door: Door | LiveDoor) -> Way:
        if not isinstance(door, Door | LiveDoor) or not isinstance(door.permission, Permission):
            raise TypeError(f"{door!r} declares no permission: it may not be published")
        if isinstance(door, LiveDoor):
            return Way(door.path, ("GET",), self._live(door))
        return Way(door.path, door.methods, self._request(door))

    def _request(self, door: Door) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                return await self._through(request, door)
            except EntryLapsed:
                # She is not who she was when we last read it: once more, with what is true now. What she sent was not
                # read yet (see `_enter`), or can be read again.
                return await self._through(request, door)

        return answer

    async def _through(self, request: Request, door: Door) -> Response:
        """One request, one transaction."""
        tx = self._database().request()
        tx.address = _address(request)
        who: Subject | None = None
        try:
            if door.foreign:
                who = nobody()
            else:
                if not door.app:
                    refuse_other_origins(request)
                who = await self._enter(request, tx, door)
            response = await self._answered(request, tx, who, door)
            if response.status_code >= BAD and tx.wrote:
                raise HalfDoneError(f"{request.method} {door.path}: {response.status_code} after writing")
            await tx.verify()
            await tx.commit()
            return response
        except EntryLapsed:
            self._known.forget(tx.entry)
            await tx.roll_back()
            raise
        except Problem as problem:
            await tx.roll_back()
            return await self._refused(request, problem, who, door)
        except asyncpg.QueryCanceledError:
            await tx.roll_back()
            return self._refuse(request, _too_slow())
        except asyncpg.CharacterNotInRepertoireError:  # a NUL in an address or a value: PostgreSQL keeps none
            await tx.roll_back()
            return self._refuse(request, Malformed(_("Yêu cầu có ký tự không dùng được (NUL)."), code="value"))
        except Busy:
            await tx.roll_back()
            return self._refuse(request, _too_busy())
        except asyncpg.DeadlockDetectedError:  # two requests wanted the same records in another order
            await tx.roll_back()
            return self._refuse(request, _crossed())
        except BaseException:
            await tx.roll_back()
            raise

    async def _answered(self, request: Request, tx: Transaction, who: Subject, door: Door) -> Response:
        try:
            return await door.endpoint(request, tx, who)
        except Problem:
            await tx.verify()  # whoever is told what is wrong with a question is somebody who may ask
            raise
        except EntryLapsed:
            if request.method in SAFE or door.again:
                raise
            self._known.forget(tx.entry)  # between being verified and writing: what she sent is read only once
            raise SignInNeeded(_("Phiên làm việc vừa thay đổi; chưa ghi gì. Gửi lại.")) from None

    def _live(self, door: LiveDoor) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                who = self._permitted(request, await self._caller(request, door), door.permission)
                said = await door.endpoint(request, who)
            except Problem as problem:
                return await self._refused(request, problem, None, door)
            headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
            return StreamingResponse(self._told(request, door, who, said), 200, headers, "text/event-stream")

        return answer

    async def _told(
        self, request: Request, door: LiveDoor, who: Subject, said: AsyncGenerator[str, None]
    ) -> AsyncGenerator[str, None]:
        """What a stream says, asking before each word who its caller is now. To ask keeps no session awake.

        While her screen is locked it only breathes; once it is unlocked her browser has another cookie, and asks at the
        door for what it missed. It ends when she is not the same any more: signed out, stopped, with other roles.
        """
        async with aclosing(said):
            async for word in said:
                if await self._is(request, door, who):
                    yield word
                elif not await self._locked(request.cookies.get(COOKIE, "")):
                    return
                elif word.startswith(":"):
                    yield word

    async def _is(self, request: Request, door: LiveDoor, who: Subject) -> bool:
        try:
            return await self._caller(request, door) == who
        except Problem:  # nobody holds this token any more
            return False

    async def _caller(self, request: Request, door: LiveDoor) -> Subject:
        async with self._database().transaction() as tx:
            return await (of_app if door.app else identify)(request, tx)

    async def _enter(self, request: Request, tx: Transaction, door: Door) -> Subject:
        """Know who asks. Her first question verifies it, but that comes too late where she sends what is read once."""
        who = await (of_app if door.app else identify)(request, tx, self._known)
        once = request.method not in SAFE and not door.again
        if once or (who.known and not who.may(door.permission)):
            await tx.verify()
        return self._permitted(request, who, door.permission)

    def _permitted(self, request: Request, who: Subject, permission: Permission) -> Subject:
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
        if who is None and door.app:
            async with self._database().transaction() as tx:
                who = await former(request, tx)
        if (problem.status in (401, 403) or problem.rule) and who is not None and who.facility:
            said = f"{request.method} {request.url.path}"
            event = Event("refused", allowed=False, rule=problem.rule or problem.message, detail=said)
            async with self._database().transaction(who.facility) as tx:
                tx.address = _address(request)
                record(tx, who, event)
        if problem.status == 401 and not door.app and not request.url.path.startswith("/fhir"):
            if (token := request.cookies.get(COOKIE)) and await self._locked(token):
                return _to_lock(request)
            return _to_sign_in(request, SIGN_IN_FOR.get(door.permission, SIGN_IN))
        return self._refuse(request, problem)

    async def _locked(self, token: str) -> bool:
        async with self._database().transaction() as tx:
            return await is_locked(tx, token)


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


def _to_lock(request: Request) -> Response:
    """A page goes to the lock; a part of a page is told, and covers what is there without losing it."""
    if request.headers.get("hx-request"):
        return Response(status_code=401, headers={"Benhan-Locked": "1"})
    return RedirectResponse(_asking(request, LOCKED), 303)


def _address(request: Request) -> str | None:
    """From where a request comes: the connection's address, or what a trusted proxy says it was."""
    return request.client.host[:45] if request.client else None


def _asking(request: Request, page: str) -> str:
    """A page that leads on to where somebody wanted to go."""
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"{page}?next={quote(target if request.method in SAFE else '/')}"


def _to_sign_in(request: Request, page: str) -> Response:
    address = _asking(request, page)
    if request.headers.get("hx-request"):
        return Response(status_code=401, headers={"HX-Redirect": address})
    return RedirectResponse(address, 303)


def _too_slow() -> Problem:
    return Problem(
        503, "timeout", _("Câu hỏi mất quá nhiều thời gian."), advice=_("Thu hẹp điều kiện tìm rồi thử lại.")
    )


def _crossed() -> Problem:
    return Problem(
        503, "transient", _("Có người khác ghi cùng các bản ghi này đúng lúc đó; chưa có gì được lưu."),
        advice=_("Gửi lại yêu cầu."),
    )  # fmt: skip


def _too_busy() -> Problem:
    return Problem(503, "throttled", _("Máy chủ đang quá bận."), advice=_("Thử lại sau ít giây."))
