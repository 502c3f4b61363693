"""`/dang-nhap`: the password, what stands beside it, or a passkey alone; `/dang-xuat`."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from benhan.core.access import Door, Permission, Role, Subject, second_factors, signing_in
from benhan.core.access.accounts import sign_out
from benhan.core.access.doors import COOKIE
from benhan.core.access.outside.provider import Provider
from benhan.core.access.passkeys import Site
from benhan.core.access.roles import PROVINCE_ROLES
from benhan.core.access.sessions import Terms, visitor
from benhan.core.access.signing_in import Came
from benhan.core.access.staff import STAFF_ROLES
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Problem, SignInNeeded
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.text import clip
from benhan.core.language import _
from benhan.settings import Settings

PATH: Final = "/dang-nhap"
#: The step after a right password. It is no session, and ends with the browser.
STEP_COOKIE: Final = "benhan_buoc"
SECOND: Final = f"{PATH}/buoc-hai"
ENROL: Final = f"{PATH}/lap-ung-dung"
PASSKEY: Final = f"{PATH}/khoa-truy-cap"
OUTSIDE: Final = f"{PATH}/qua"


async def sign_in_page(request: Request, tx: Transaction, who: Subject) -> Response:
    """The form."""
    return sign_in_form(request, clip(request.query_params.get("ten", ""), 64))


async def sign_in_answer(request: Request, tx: Transaction, who: Subject) -> Response:
    """The form, sent."""
    form = await request.form(max_files=0, max_fields=10)
    login, password = str(form.get("login", ""))[:64], str(form.get("password", ""))[:1024]
    target = inside(str(form.get("next", "/")))
    try:
        came = await signing_in.sign_in(tx, login, password, terms(request), visitor(request), clock.now())
    except Problem as problem:
        return sign_in_form(request, login, told(problem), target)
    if came is None:
        return sign_in_form(request, login, _("Tên đăng nhập hoặc mật khẩu không đúng."), target)
    return onward(request, came, target)


async def second_page(request: Request, tx: Transaction, who: Subject) -> Response:
    """What she has beside her password."""
    return _second(request, inside(request.query_params.get("next", "/")))


async def second_answer(request: Request, tx: Transaction, who: Subject) -> Response:
    """A code, or what her passkey signed."""
    form = await forms.read_form(request, [*_code_fields(), *passkey_fields(), forms.hidden("next", most=4000)])
    target, step = inside(form["next"] or "/"), request.cookies.get(STEP_COOKIE, "")
    here = terms(request), visitor(request), clock.now()
    try:
        if form["credential"]:
            token = await signing_in.show_passkey(
                tx, form["step"] or "", form["credential"], site(request), *here, step=step
            )
        else:
            token = await signing_in.show_code(tx, step, form["code"] or "", *here)
    except SignInNeeded as problem:
        return sign_in_form(request, "", problem.message, target)
    except Problem as problem:
        return _second(request, target, told(problem))
    if token is None:
        return _second(request, target, _("Mã không đúng, đã dùng, hoặc hết hạn."))
    return let_in(request, token, target)


async def second_passkey(request: Request, tx: Transaction, who: Subject) -> Response:
    """What the browser needs to show one of her passkeys."""
    step = request.cookies.get(STEP_COOKIE, "")
    return JSONResponse(await signing_in.passkey_question(tx, site(request), step), headers=_NO_STORE)


async def passkey_question(request: Request, tx: Transaction, who: Subject) -> Response:
    """What the browser needs to show any passkey."""
    return JSONResponse(await signing_in.passkey_question(tx, site(request)), headers=_NO_STORE)


async def passkey_answer(request: Request, tx: Transaction, who: Subject) -> Response:
    """A passkey alone: no login, no password."""
    form = await forms.read_form(request, [*passkey_fields(), forms.hidden("next", most=4000)])
    target = inside(form["next"] or "/")
    here = terms(request), visitor(request), clock.now()
    try:
        token = await signing_in.show_passkey(tx, form["step"] or "", form["credential"] or "", site(request), *here)
    except Problem as problem:
        return sign_in_form(request, "", told(problem), target)
    if token is None:
        return sign_in_form(request, "", _("Không nhận ra khoá truy cập này."), target)
    return let_in(request, token, target)


async def enrol_page(request: Request, tx: Transaction, who: Subject) -> Response:
    """Her role asks for a second factor: set an application up first."""
    return await _enrolling(request, tx, inside(request.query_params.get("next", "/")))


async def enrol_answer(request: Request, tx: Transaction, who: Subject) -> Response:
    """The first code of the application; then the recovery codes, shown once."""
    form = await forms.read_form(request, [*_code_fields(), forms.hidden("next", most=4000)])
    target, step = inside(form["next"] or "/"), request.cookies.get(STEP_COOKIE, "")
    try:
        done = await signing_in.enrol(tx, step, form["code"] or "", terms(request), visitor(request), clock.now())
    except SignInNeeded as problem:
        return sign_in_form(request, "", problem.message, target)
    except Problem as problem:
        return await _enrolling(request, tx, target, told(problem))
    if done is None:
        return await _enrolling(request, tx, target, _("Mã không đúng, đã dùng, hoặc hết hạn."))
    page = pages.render(request, "entrance/recovery_codes.html", codes=done.recovery_codes, onward=target)
    return _keep(request, page, done.token)


async def sign_out_answer(request: Request, tx: Transaction, who: Subject) -> Response:
    """`/dang-xuat`: end the session."""
    await sign_out(tx, who, request.cookies.get(COOKIE, ""))
    answer = RedirectResponse(PATH, 303)
    answer.delete_cookie(COOKIE)
    return answer


def onward(request: Request, came: Came, target: str) -> Response:
    """In, or to the step that is still to be taken."""
    if came.step is None:
        return let_in(request, came.token, target)
    page = SECOND if came.step == signing_in.SECOND else ENROL
    answer = RedirectResponse(f"{page}?next={quote(target)}", 303)
    secure = request.app.state.settings.secure_cookies
    # lax: she may be on her way back from a provider, and a strict cookie would stay behind
    answer.set_cookie(STEP_COOKIE, came.token, httponly=True, secure=secure, samesite="lax", path=PATH)
    return answer


def let_in(request: Request, token: str, target: str) -> Response:
    """To where she wanted to go, with her session."""
    return _keep(request, RedirectResponse(target, 303), token)


def terms(request: Request) -> Terms:
    """How staff come in here, and for how long."""
    settings: Settings = request.app.state.settings
    return Terms(
        settings.session_hours, settings.session_idle_minutes, settings.idle_account_days,
        settings.lock_minutes, second_factor_roles(settings),
    )  # fmt: skip


def second_factor_roles(settings: Settings) -> frozenset[Role]:
    """The roles that must have a second factor.

    Raises:
        ValueError: a name in the setting is no role of staff.
    """
    known = {*STAFF_ROLES, *PROVINCE_ROLES}
    named = settings.require_second_factor.split()
    if unknown := set(named) - {*known, "*"}:
        raise ValueError(f"BENHAN_REQUIRE_SECOND_FACTOR: no role of staff: {', '.join(sorted(unknown))}")
    return frozenset(known - {Role.DISPLAY}) if "*" in named else frozenset(map(Role, named))


def site(request: Request) -> Site:
    """Where passkeys are good."""
    return Site.of(request.app.state.settings.public_url)


def offered(request: Request, facility_code: str | None = None) -> list[Provider]:
    """The providers that people of a facility may use; without one, of the facility that the address names, or any."""
    code = facility_code or request.query_params.get("co-so")
    every: list[Provider] = [one.provider for one in request.app.state.providers.values()]
    return [one for one in every if code is None or one.serves(code)]


def passkey_fields() -> list[forms.Field]:
    """What the browser says of a passkey, and which question of ours it answers."""
    return [forms.hidden("step"), forms.hidden("credential", most=20_000)]


def inside(target: str) -> str:
    """A path on this server, never another site."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or not target.startswith("/") or target.startswith(("//", "/\\")):
        return "/"
    return target


def told(problem: Problem) -> str:
    """A refusal and what can be done, in one line."""
    return " ".join(filter(None, (problem.message, problem.advice)))


_NO_STORE: Final = {"Cache-Control": "no-store"}


def _keep(request: Request, answer: Response, token: str) -> Response:
    settings: Settings = request.app.state.settings
    answer.set_cookie(
        COOKIE, token, httponly=True, secure=settings.secure_cookies, samesite="lax",
        max_age=settings.session_hours * 3600,
    )  # fmt: skip
    answer.delete_cookie(STEP_COOKIE, path=PATH)
    return answer


def _code_fields() -> list[forms.Field]:
    return [forms.text("code", _("Mã"), most=40)]


def sign_in_form(request: Request, login: str, error: str | None = None, target: str | None = None) -> Response:
    """The form, with what was wrong."""
    return pages.render(
        request, "entrance/sign_in.html", 422 if error else 200, login=login, error=error,
        next=target or inside(request.query_params.get("next", "/")), passkey=PASSKEY,
        password_chosen=request.query_params.get("xong") == "mat-khau", providers=offered(request), outside=OUTSIDE,
    )  # fmt: skip


def _second(request: Request, target: str, error: str | None = None) -> Response:
    return pages.render(
        request, "entrance/sign_in_second.html", 422 if error else 200, error=error, next=target, path=SECOND
    )


async def _enrolling(request: Request, tx: Transaction, target: str, error: str | None = None) -> Response:
    try:
        secret, login, house = await signing_in.to_enrol(tx, request.cookies.get(STEP_COOKIE, ""))
    except SignInNeeded as problem:
        return sign_in_form(request, "", problem.message, target)
    return pages.render(
        request, "entrance/application.html", 422 if error else 200, error=error, next=target, action=ENROL, step="",
        secret=secret, address=second_factors.address(secret, login, house), must=True,
    )  # fmt: skip


_ANYONE = Permission.ANYONE
DOORS = [
    Door(PATH, sign_in_page, _ANYONE),
    Door(PATH, sign_in_answer, _ANYONE, ("POST",)),
    Door(SECOND, second_page, _ANYONE),
    Door(SECOND, second_answer, _ANYONE, ("POST",)),
    Door(f"{SECOND}/khoa", second_passkey, _ANYONE, ("POST",)),
    Door(f"{PASSKEY}/bat-dau", passkey_question, _ANYONE, ("POST",)),
    Door(PASSKEY, passkey_answer, _ANYONE, ("POST",)),
    Door(ENROL, enrol_page, _ANYONE),
    Door(ENROL, enrol_answer, _ANYONE, ("POST",)),
    Door("/dang-xuat", sign_out_answer, _ANYONE, ("POST",)),
]
