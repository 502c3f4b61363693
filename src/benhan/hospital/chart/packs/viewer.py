"""The viewer of a pack: a small server on this computer alone, with nothing behind it but a folder.

No database, no other server, no account of the system: who works on the ward signs in with her own pass-phrase, which
opens her key, which opens the pack. Every look is in the log before it is shown (`book`); where the log cannot be
written nothing opens. It shows, it keeps nothing: no write but the log.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from granian.constants import Interfaces
from granian.server.embed import Server
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from benhan.core.access import offline_keys
from benhan.core.kit import clock, pages, printing
from benhan.core.language import LanguageMiddleware, _, chosen, speaking
from benhan.core.vault import Damaged, carried
from benhan.hospital.chart.packs import drawing
from benhan.hospital.chart.packs.book import Book, Opened
from benhan.hospital.chart.packs.folder import LOG, Contents, Entry, Folder, Header, Seat, opened, place

COOKIE: Final = "benhan-goi"
#: Nobody looks for so long: she signs in again.
IDLE_SECONDS: Final = 15 * 60
#: Older than this the age is red.
LATE: Final = timedelta(minutes=5)
#: Seconds that a login waits after its first wrong pass-phrase; twice as long after each other one, up to the most.
_WAIT, _MOST_WAIT = 1.0, 300.0
_MOST_FORM: Final = 4096
_HERE: Final = Path(__file__).parent
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
}  # fmt: skip
#: A paper that is signed keeps what a browser needs to show it.
_PDF: Final = {"Content-Security-Policy": "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'"}


class Session(msgspec.Struct):
    """Somebody who opened it: her key, whom to believe, when she last looked."""

    account: str
    name: str
    private: bytes
    signer: bytes
    seen: float


class Failed(msgspec.Struct):
    """Wrong pass-phrases of a login."""

    times: int
    until: float


class Shut(Exception):  # noqa: N818 - what the door is
    """She must sign in, and why."""


class Viewer:
    """What one viewer holds: its folder, its log, who is signed in."""

    def __init__(self, folder: Folder, log: Path, device: str) -> None:
        """Begin.

        Raises:
            Damaged, FileNotFoundError: there is no pack; OSError: the log cannot be written.
        """
        header = folder.header()
        if header is None:
            raise FileNotFoundError(folder.path)
        self.folder, self.device = folder, device
        self._book = Book(log, header.department, header.log)
        self._sessions: dict[str, Session] = {}
        self._failed: dict[str, Failed] = {}

    def header(self) -> Header:
        """The pack as it lies there now.

        Raises:
            Shut: it was taken away, or cannot be read.
        """
        try:
            found = self.folder.header()
        except Damaged:
            found = None
        if found is None:
            raise Shut(_("Gói dự phòng không còn ở đây."))
        return found

    def enter(self, login: str, words: str) -> tuple[str, Contents]:
        """Sign in; gives the token of the session and the pack.

        Raises:
            Shut: wrong, too many wrong ones, or no seat in this pack.
        """
        header, key = self.header(), login.strip().casefold()
        failed = self._failed.get(key)
        if failed and time.monotonic() < failed.until:
            raise Shut(_("Sai nhiều lần: đợi %(n)s giây rồi thử lại.", n=int(failed.until - time.monotonic()) + 1))
        seat = next((one for one in header.seats if one.login.casefold() == key), None)
        session = self._opened(seat, words)
        if session is None or seat is None:
            times = (failed.times if failed else 0) + 1
            self._failed[key] = Failed(times, time.monotonic() + min(_WAIT * 2 ** (times - 1), _MOST_WAIT))
            self._noted("refused", header.written, login[:60], "")
            raise Shut(_("Tên đăng nhập hoặc cụm mật khẩu dự phòng không đúng, hoặc bạn không thuộc khoa này."))
        found = self._contents(header, session)
        self._failed.pop(key, None)
        self._noted("signed-in", found.written, session.account, session.name)
        token = secrets.token_urlsafe(32)
        self._sessions[token] = session
        return token, found

    def _opened(self, seat: Seat | None, words: str) -> Session | None:
        """Her session, if this is her pass-phrase; where there is no such person it takes as long."""
        where = offline_keys.place(seat.account if seat else "")
        try:
            both = carried.unwrapped(words, where, seat.wrapped if seat else b"\0" * 64)
        except Damaged:
            return None
        assert seat is not None
        return Session(seat.account, seat.name, both[: carried.KEY], both[carried.KEY :], time.monotonic())

    def leave(self, token: str) -> None:
        """Sign out."""
        self._sessions.pop(token, None)

    def now(self, token: str) -> tuple[Session, Contents]:
        """Who looks, and the pack as it lies there now.

        Raises:
            Shut: nobody is signed in, or she has no seat in the pack any more.
        """
        session = self._sessions.get(token)
        if session is None:
            raise Shut("")
        if time.monotonic() - session.seen > IDLE_SECONDS:
            self.leave(token)
            raise Shut(_("Lâu không dùng: đăng nhập lại."))
        session.seen = time.monotonic()
        return session, self._contents(self.header(), session)

    def _contents(self, header: Header, session: Session) -> Contents:
        seat = next((one for one in header.seats if one.account == session.account), None)
        try:
            if seat is None:
                raise Damaged(session.account, "no seat")
            key = carried.unsealed(session.private, place(header.department, session.account), seat.sealed)
            return opened(header, key, session.signer)
        except Damaged:
            raise Shut(_("Gói này không mở được bằng khoá của bạn, hoặc chữ ký của cơ sở không đúng.")) from None

    def note(self, session: Session, act: str, written: datetime, entry: Entry | None = None, what: str = "") -> None:
        """Into the log, before it is shown."""
        self._noted(act, written, session.account, session.name, entry, what)

    def _noted(
        self, act: str, written: datetime, account: str, name: str, entry: Entry | None = None, what: str = ""
    ) -> None:  # fmt: skip
        self._book.note(Opened(
            act=act, at=clock.now(), account=account, name=name, device=self.device, written=written,
            patient=entry.patient if entry else "", stay=entry.stay if entry else "", what=what,
        ))  # fmt: skip


# ── Pages ───────────────────────────────────────────────────────────────────────────────────────────────────────


Look = Callable[[Request, Viewer, Session, Contents], Awaitable[Response]]


def inside(look: Look) -> Callable[[Request], Awaitable[Response]]:
    """A page for who is signed in."""

    async def shown(request: Request) -> Response:
        viewer: Viewer = request.app.state.viewer
        with speaking(chosen(request)):
            try:
                session, found = await asyncio.to_thread(viewer.now, request.cookies.get(COOKIE, ""))
                return await look(request, viewer, session, found)
            except Shut as shut:
                return _door(request, viewer, str(shut))
            except OSError:
                return _door(request, viewer, _("Không ghi được sổ mở hồ sơ trên máy này nên không mở."), 503)

    return shown


@inside
async def ward(request: Request, viewer: Viewer, session: Session, found: Contents) -> Response:
    """Who lies in the ward."""
    await asyncio.to_thread(viewer.note, session, "list", found.written)
    return _page(request, "chart/pack_ward.html", found, session)


@inside
async def patient(request: Request, viewer: Viewer, session: Session, found: Contents) -> Response:
    """A patient's page."""
    entry = _entry(request, found)
    if entry is None:
        return _page(request, "chart/pack_ward.html", found, session, 404, gone=True)
    await asyncio.to_thread(viewer.note, session, "patient", found.written, entry)
    body = await asyncio.to_thread(viewer.folder.read, found.department, entry.page)
    return _page(request, "chart/pack_bedside.html", found, session, entry=entry, body=body.decode())


@inside
async def paper(request: Request, viewer: Viewer, session: Session, found: Contents) -> Response:
    """A paper of a patient as PDF; the first is the sheet of the pack itself."""
    entry, number = _entry(request, found), request.path_params["number"]
    if entry is None or number > len(entry.papers):
        return _page(request, "chart/pack_ward.html", found, session, 404, gone=True)
    one = entry.papers[number - 1].stored if number else entry.sheet
    said = entry.papers[number - 1].title if number else "bedside sheet"
    await asyncio.to_thread(viewer.note, session, "paper", found.written, entry, said)
    return _pdf(await asyncio.to_thread(viewer.folder.read, found.department, one))


@inside
async def blank(request: Request, viewer: Viewer, session: Session, found: Contents) -> Response:
    """An empty sheet for a patient, with a number of its own."""
    entry = _entry(request, found)
    if entry is None:
        return _page(request, "chart/pack_ward.html", found, session, 404, gone=True)
    number = f"GT-{clock.now():%y%m%d}-{secrets.token_hex(3).upper()}"
    await asyncio.to_thread(viewer.note, session, "paper", found.written, entry, f"blank {number}")
    person = drawing.person(entry.name, entry.facts, "", ", ".join(entry.allergies))
    data = drawing.blank(found.facility_name, found.department_name, person, entry.bed, number)
    return _pdf(await printing.render(drawing.BLANK, data))


async def enter(request: Request) -> Response:
    """Sign in."""
    viewer: Viewer = request.app.state.viewer
    with speaking(chosen(request)):
        if not _own(request) or int(request.headers.get("content-length") or _MOST_FORM + 1) > _MOST_FORM:
            return _door(request, viewer, _("Yêu cầu không hợp lệ."), 403)
        form = await request.form()
        try:
            token, _found = await asyncio.to_thread(
                viewer.enter, str(form.get("login", "")), str(form.get("words", ""))
            )  # fmt: skip
        except Shut as shut:
            return _door(request, viewer, str(shut), 403)
        except OSError:
            return _door(request, viewer, _("Không ghi được sổ mở hồ sơ trên máy này nên không mở."), 503)
    answer = RedirectResponse("/", 303, _HEADERS)
    answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", path="/")
    return answer


async def leave(request: Request) -> Response:
    """Sign out."""
    if _own(request):
        request.app.state.viewer.leave(request.cookies.get(COOKIE, ""))
    return RedirectResponse("/", 303, _HEADERS)


async def age(request: Request) -> Response:
    """Of when the pack is that lies there now: for the page that stands open."""
    try:
        return JSONResponse({"written": request.app.state.viewer.header().written.isoformat()}, headers=_HEADERS)
    except Shut:
        return JSONResponse({}, 404, _HEADERS)


def _file(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    content = (_HERE / name).read_bytes()

    async def given(_request: Request) -> Response:
        return Response(content, 200, _HEADERS, kind)

    return given


def _door(request: Request, viewer: Viewer, said: str, status: int = 200) -> Response:
    try:
        header = viewer.header()
    except Shut as gone:
        header, said, status = None, str(gone), 404
    return _render(request, "chart/pack_door.html", status, said=said, header=header, **_old(header))


def _page(
    request: Request, template: str, found: Contents, session: Session, status: int = 200, **also: Any
) -> Response:  # fmt: skip
    return _render(request, template, status, pack=found, who=session.name, **{"gone": False, **also}, **_old(found))


def _old(pack: Contents | Header | None) -> dict[str, Any]:
    """How old it is: minutes, and whether that is late; a clock that is wrong is late too."""
    gone = clock.now() - pack.written if pack else timedelta()
    return {
        "written": pack.written if pack else None, "minutes": int(gone.total_seconds() // 60),
        "seconds": int(gone.total_seconds()), "late": gone > LATE or gone < timedelta(minutes=-1),
    }  # fmt: skip


def _render(request: Request, template: str, status: int, **said: Any) -> HTMLResponse:
    with speaking(chosen(request)):
        body = pages.environment().get_template(template).render(lang=chosen(request), **said)
    return HTMLResponse(body, status, _HEADERS)


def _pdf(content: bytes) -> Response:
    return Response(content, 200, {**_HEADERS, **_PDF, "Content-Disposition": "inline"}, "application/pdf")


def _entry(request: Request, found: Contents) -> Entry | None:
    return next((one for one in found.entries if one.stay == request.path_params["stay"]), None)


def _own(request: Request) -> bool:
    """Whether it is our own page that asks."""
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


def create_viewer(folder: Path, log: Path | None = None, device: str = "") -> Starlette:
    """The viewer of a folder.

    Raises:
        FileNotFoundError, Damaged: there is no pack in it; OSError: the log cannot be written.
    """
    made = Starlette(
        routes=[
            Route("/", ward), Route("/vao", enter, methods=["POST"]), Route("/ra", leave, methods=["POST"]),
            Route("/nguoi/{stay}", patient), Route("/nguoi/{stay}/giay/{number:int}.pdf", paper),
            Route("/nguoi/{stay}/phieu-trang.pdf", blank), Route("/tuoi", age),
            Route("/viewer.css", _file("viewer.css", "text/css; charset=utf-8")),
            Route("/viewer.js", _file("viewer.js", "text/javascript; charset=utf-8")),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"]),
            Middleware(LanguageMiddleware),
        ],
    )  # fmt: skip
    made.state.viewer = Viewer(Folder(folder), log or folder / LOG, device or socket.gethostname())
    return made


async def serve(app: Starlette, port: int) -> None:
    """Serve a viewer on this computer alone, in this process: nothing is started twice."""
    await Server(app, address="127.0.0.1", port=port, interface=Interfaces.ASGINL, log_enabled=False).serve()
