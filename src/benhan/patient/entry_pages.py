"""`/nguoi-benh/dang-nhap`: signing in with a code sent to the telephone, or through Zalo.

Telephone → code → birth date. Between them a step of five minutes under its own cookie, which opens nothing. Every
telephone gets the same answer at the same time: the message leaves after it, and only where somebody has the number.
"""

from __future__ import annotations

from typing import Final

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject, phone_steps
from benhan.core.access.callers import COOKIE
from benhan.core.access.people import SESSION_HOURS
from benhan.core.access.sessions import visitor
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Invalid, NotFound, Problem, SignInNeeded
from benhan.core.kit import forms, pages
from benhan.core.kit.outside import NoAnswer
from benhan.core.language import _
from benhan.patient import entry
from benhan.patient.entry import Came
from benhan.patient.zalo import Zalo

PATH: Final = "/nguoi-benh/dang-nhap"
CHOOSE: Final = "/nguoi-benh/chon"
#: Binds the steps to the browser in which they began.
STEP: Final = "benhan_ma"


def _phone() -> list[forms.Field]:
    return [forms.phone("phone", _("Số điện thoại"), required=True, hint=_("số đã cho bệnh viện"))]


def _code() -> list[forms.Field]:
    return [forms.text("code", _("Mã gồm 6 chữ số"), required=True, most=20)]


def _facts(*, named: bool) -> list[forms.Field]:
    born = forms.day("birth", _("Ngày sinh"), required=True, hint=_("ngày/tháng/năm, ví dụ 03/02/1956"))
    return [born, forms.text("name", _("Họ và tên"), required=True)] if named else [born]


async def ask(request: Request, tx: Transaction, who: Subject) -> Response:
    """Which telephone."""
    who = await _here(request, tx, who)
    return _page(request, who, "phone", forms.blank(_phone()))


async def send(request: Request, tx: Transaction, who: Subject) -> Response:
    """A code on its way, if somebody here has this telephone; the answer is the same if nobody has."""
    who = await _here(request, tx, who)
    by = request.app.state.senders
    if not by:
        raise NotFound(_("Nơi này chưa gửi được mã về điện thoại."), advice=_("Dùng liên kết của bệnh viện."))
    form = await forms.read_form(request, _phone())
    if form.errors:
        return _page(request, who, "phone", form, 422)
    try:
        token, code = await phone_steps.begin(tx, who.facility, form["phone"], visitor(request))
    except Problem as problem:
        return _held_back(request, who, "phone", form, problem)
    answer = _stepping(request, RedirectResponse(f"{PATH}/ma?co-so={who.facility_code}", 303), token)
    answer.background = BackgroundTask(entry.deliver, request.app.state.database, by, who.facility, form["phone"], code)
    return answer


async def ask_code(request: Request, tx: Transaction, who: Subject) -> Response:
    """Which code."""
    who = await _here(request, tx, who)
    return _page(request, who, "code", forms.blank(_code()))


async def take_code(request: Request, tx: Transaction, who: Subject) -> Response:
    """The code, shown."""
    who = await _here(request, tx, who)
    form = await forms.read_form(request, _code())
    if form.errors:
        return _page(request, who, "code", form, 422)
    try:
        good = await phone_steps.show_code(tx, _step(request), form["code"], visitor(request))
    except Problem as problem:
        return _held_back(request, who, "code", form, problem)
    if good is None:
        return _over(request, who)
    if not good:
        form.errors.add("code", _("Mã không đúng"))
        return _page(request, who, "code", form, 422)
    return RedirectResponse(f"{PATH}/xac-nhan?co-so={who.facility_code}", 303)


async def ask_facts(request: Request, tx: Transaction, who: Subject) -> Response:
    """Which birth date."""
    who = await _here(request, tx, who)
    named = "ten" in request.query_params
    return _page(request, who, "facts", forms.blank(_facts(named=named)), named=named)


async def take_facts(request: Request, tx: Transaction, who: Subject) -> Response:
    """The birth date, given: to her record, to a choice among hers, or the form again."""
    who = await _here(request, tx, who)
    named = "ten" in request.query_params
    form = await forms.read_form(request, _facts(named=named))
    came = None
    if not form.errors:
        name = form["name"] if named else ""
        try:
            came = await entry.come_in(tx, _step(request), form["birth"], name, who, visitor(request))
        except SignInNeeded:
            return _over(request, who)
        if came is None:
            form.errors.add("birth", _("Không khớp với hồ sơ nào của số điện thoại này"))
    if came is None:
        return _page(request, who, "facts", form, 422, named=named)
    if came.asks:
        again = forms.blank(_facts(named=True), birth=form["birth"])
        return _page(request, who, "facts" if came.asks == "name" else "guardian", again, named=True)
    return _inside(request, came)


async def through_zalo(request: Request, tx: Transaction, who: Subject) -> Response:
    """With the tokens of Zalo's Mini App: JSON that says where to go on. Known there: inside; else the birth date."""
    who = await _here(request, tx, who)
    line: Zalo | None = request.app.state.zalo
    fields = [forms.secret("access_token", "access_token", most=4000),
              forms.secret("phone_token", "phone_token", required=False, most=4000)]  # fmt: skip
    form = await forms.read_form(request, fields)
    if line is None:
        return JSONResponse({"error": _("Nơi này chưa nối với Zalo.")}, 404)
    try:
        form.require()
    except Invalid as wrong:
        return JSONResponse({"error": wrong.message}, 422)
    came = await entry.through_zalo(
        tx, line, who.facility, form["access_token"], form["phone_token"] or "", visitor(request)
    )
    if isinstance(came, NoAnswer):
        return JSONResponse({"error": _(entry.TROUBLES[came.kind])}, 422)
    if came.token:
        return _inside(request, came, JSONResponse({"next": _onward(came)}))
    if not came.step:
        return JSONResponse({"needs": "phone_token"})
    return _stepping(request, JSONResponse({"next": f"{PATH}/xac-nhan?co-so={who.facility_code}"}), came.step)


async def _here(request: Request, tx: Transaction, who: Subject) -> Subject:
    """Where she wants in, wherever she is signed in already."""
    return await phone_steps.at(tx, who, request.query_params.get("co-so"))


def _page(
    request: Request, who: Subject, asks: str, form: forms.Form, status: int = 200, *, named: bool = False
) -> Response:
    return pages.render(
        request, "patient/sign_in.html", status, asks=asks, form=form, facility=who.facility_name,
        code=who.facility_code, path=PATH, sends=bool(request.app.state.senders), minutes=phone_steps.MINUTES,
        named=named,
    )  # fmt: skip


def _held_back(request: Request, who: Subject, asks: str, form: forms.Form, problem: Problem) -> Response:
    form.errors.add("", problem.message)
    return _page(request, who, asks, form, 403)


def _over(request: Request, who: Subject) -> Response:
    form = forms.blank(_phone())
    form.errors.add("", entry.over().message)
    return _page(request, who, "phone", form, 401)


def _step(request: Request) -> str:
    return request.cookies.get(STEP, "")


def _stepping(request: Request, answer: Response, token: str) -> Response:
    secure = request.app.state.settings.secure_cookies
    answer.set_cookie(
        STEP, token, httponly=True, secure=secure, samesite="strict", path=PATH,
        max_age=2 * phone_steps.MINUTES * 60,
    )  # fmt: skip
    return answer


def _onward(came: Came) -> str:
    return "/nguoi-benh" if came.chosen else CHOOSE


def _inside(request: Request, came: Came, answer: Response | None = None) -> Response:
    answer = answer or RedirectResponse(_onward(came), 303)
    answer.delete_cookie(STEP, path=PATH)
    return keep(request, answer, came.token)


def keep(request: Request, answer: Response, token: str) -> Response:
    """The session of a person, in her browser."""
    secure = request.app.state.settings.secure_cookies
    answer.set_cookie(
        COOKIE, token, httponly=True, secure=secure, samesite="lax", max_age=SESSION_HOURS * 3600
    )  # fmt: skip
    return answer


_ANYONE = Permission.ANYONE
DOORS = [
    Door(PATH, ask, _ANYONE),
    Door(PATH, send, _ANYONE, ("POST",)),
    Door(f"{PATH}/ma", ask_code, _ANYONE),
    Door(f"{PATH}/ma", take_code, _ANYONE, ("POST",)),
    Door(f"{PATH}/xac-nhan", ask_facts, _ANYONE),
    Door(f"{PATH}/xac-nhan", take_facts, _ANYONE, ("POST",)),
    Door(f"{PATH}/zalo", through_zalo, _ANYONE, ("POST",)),
]
