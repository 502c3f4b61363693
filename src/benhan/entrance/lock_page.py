"""`/khoa-man-hinh`: the locked screen. Over the page while somebody is in it, a page of its own otherwise."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject, lock
from benhan.core.access.doors import COOKIE, LOCKED
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Problem, SignInNeeded
from benhan.core.kit import forms, pages
from benhan.core.language import _
from benhan.entrance.sign_in import inside, let_in, passkey_fields, site, told

PATH: Final = LOCKED


async def lock_now(request: Request, tx: Transaction, who: Subject) -> Response:
    """Lock, at once and in every window of the session."""
    form = await forms.read_form(request, [forms.hidden("next", most=4000)])
    await lock.lock(tx, who)
    if pages.is_fragment(request):
        return Response(status_code=204)
    return RedirectResponse(f"{PATH}?next={quote(inside(form['next'] or '/'))}", 303)


async def still_here(request: Request, tx: Transaction, who: Subject) -> Response:
    """Somebody is typing or reading: the session was seen."""
    return Response(status_code=204)


async def lock_page(request: Request, tx: Transaction, who: Subject) -> Response:
    """What stands over a locked screen."""
    return await _locked(request, tx, inside(request.query_params.get("next", "/")))


async def unlock(request: Request, tx: Transaction, who: Subject) -> Response:
    """PIN, password or passkey."""
    form = await forms.read_form(request, [
        *passkey_fields(), forms.secret("pin", _("Mã PIN"), required=False),
        forms.secret("password", _("Mật khẩu"), required=False, most=1000), forms.hidden("next", most=4000),
    ])  # fmt: skip
    target = inside(form["next"] or "/")
    try:
        token = await lock.unlock(
            tx, request.cookies.get(COOKIE, ""), site(request), pin=form["pin"] or "", password=form["password"] or "",
            question=form["step"] or "", said=form["credential"] or "",
        )  # fmt: skip
    except SignInNeeded:
        return _gone(request, target)
    except Problem as problem:
        return await _locked(request, tx, target, told(problem))
    if token is None:
        return await _locked(request, tx, target, _("Không đúng. Sai mã PIN 5 lần thì phải đăng nhập lại."))
    answer = let_in(request, token, target)
    if pages.is_fragment(request):
        answer.status_code = 204
        del answer.headers["location"]
    return answer


async def passkey_question(request: Request, tx: Transaction, who: Subject) -> Response:
    """What the browser needs to unlock with a passkey."""
    try:
        asked = await lock.passkey_question(tx, request.cookies.get(COOKIE, ""), site(request))
    except SignInNeeded:
        return JSONResponse({"go": "/dang-nhap"})
    return JSONResponse(asked, headers={"Cache-Control": "no-store"})


async def _locked(request: Request, tx: Transaction, target: str, error: str | None = None) -> Response:
    found = await lock.locked(tx, request.cookies.get(COOKIE, ""))
    if found is None:
        return _gone(request, target)
    template = "entrance/_lock.html" if pages.is_fragment(request) else "entrance/lock.html"
    return pages.render(request, template, 422 if error else 200, locked=found, error=error, next=target, path=PATH)


def _gone(request: Request, target: str) -> Response:
    """There is nothing locked any more: where she wanted to go asks who she is."""
    if pages.is_fragment(request):
        return Response(status_code=401, headers={"HX-Redirect": f"/dang-nhap?next={quote(target)}"})
    return RedirectResponse(target, 303)


_ANYONE = Permission.ANYONE
DOORS = [
    Door(PATH, lock_page, _ANYONE),
    Door(PATH, lock_now, Permission.SIGNED_IN, ("POST",)),
    Door(f"{PATH}/con-day", still_here, Permission.SIGNED_IN),
    Door(f"{PATH}/mo", unlock, _ANYONE, ("POST",)),
    Door(f"{PATH}/khoa", passkey_question, _ANYONE, ("POST",)),
]
