"""Sign in, sign out, and the way from `/` to the page where somebody's work begins."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Role, Subject
from benhan.core.access.accounts import sign_out
from benhan.core.access.doors import COOKIE
from benhan.core.access.sessions import Terms, visitor
from benhan.core.access.signing_in import sign_in
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Problem
from benhan.core.kit import clock, pages
from benhan.core.kit.components import components_page
from benhan.core.kit.text import clip
from benhan.core.language import _
from benhan.settings import Settings

pages.register("entrance", "benhan.entrance")

#: Where a role's day begins, in the order of preference for somebody with several roles.
FIRST_PAGE = {
    Role.RECEPTION: "/tiep-don",
    Role.DOCTOR: "/kham",
    Role.NURSE: "/kham",
    Role.LABORATORY: "/xet-nghiem",
    Role.IMAGING: "/chan-doan-hinh-anh",
    Role.PHARMACY: "/thuoc",
    Role.PROVINCE: "/so-y-te",
    Role.PLANNING: "/lich-hen",
    Role.ADMINISTRATOR: "/lich-kham",
    Role.CASHIER: "/hang-doi",
    Role.DISPLAY: "/man-hinh",
    Role.PATIENT: "/nguoi-benh",
}


async def home(request: Request, tx: Transaction, who: Subject) -> Response:
    """`/`: to the first page of the role; the public gets the choice of booking or signing in."""
    for role, path in FIRST_PAGE.items():
        if role in who.roles:
            return RedirectResponse(path, 303)
    return pages.render(request, "entrance/home.html", facility=who.facility_name)


async def sign_in_page(request: Request, tx: Transaction, who: Subject) -> Response:
    """`/dang-nhap`: the form."""
    return _form(request, clip(request.query_params.get("ten", ""), 64))


async def sign_in_answer(request: Request, tx: Transaction, who: Subject) -> Response:
    """The form, sent."""
    form = await request.form(max_files=0, max_fields=10)
    login, password = str(form.get("login", ""))[:64], str(form.get("password", ""))[:1024]
    settings = request.app.state.settings
    try:
        token = await sign_in(tx, login, password, terms(settings), visitor(request), clock.now())
    except Problem as problem:
        return _form(request, login, " ".join(filter(None, (problem.message, problem.advice))))
    if token is None:
        return _form(request, login, _("Tên đăng nhập hoặc mật khẩu không đúng."))
    answer = RedirectResponse(_inside(str(form.get("next", "/"))), 303)
    answer.set_cookie(
        COOKIE,
        token,
        httponly=True,
        secure=settings.secure_cookies,
        samesite="lax",
        max_age=settings.session_hours * 3600,
    )
    return answer


async def sign_out_answer(request: Request, tx: Transaction, who: Subject) -> Response:
    """`/dang-xuat`: end the session."""
    await sign_out(tx, who, request.cookies.get(COOKIE, ""))
    answer = RedirectResponse("/dang-nhap", 303)
    answer.delete_cookie(COOKIE)
    return answer


def _form(request: Request, login: str, error: str | None = None) -> Response:
    asked = request.query_params.get("next", "/")
    chosen = request.query_params.get("xong") == "mat-khau"
    return pages.render(
        request, "entrance/sign_in.html", 422 if error else 200, login=login, error=error, next=_inside(asked),
        password_chosen=chosen,
    )  # fmt: skip


def terms(settings: Settings) -> Terms:
    """How long a session of staff may last here."""
    return Terms(settings.session_hours, settings.session_idle_minutes, settings.idle_account_days)


def _inside(target: str) -> str:
    """A path on this server, never another site."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or not target.startswith("/") or target.startswith(("//", "/\\")):
        return "/"
    return target


DOORS = [
    Door("/", home, Permission.ANYONE),
    Door("/kit", components_page, Permission.ANYONE, ("GET", "POST")),
    Door("/dang-nhap", sign_in_page, Permission.ANYONE),
    Door("/dang-nhap", sign_in_answer, Permission.ANYONE, ("POST",)),
    Door("/dang-xuat", sign_out_answer, Permission.ANYONE, ("POST",)),
]
