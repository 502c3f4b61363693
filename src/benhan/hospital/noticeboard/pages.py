"""`/trang-co-so`: the board as the planning office writes it: address, hours, position; news with drafts and undo."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.forms import Form
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.hospital import weekly
from benhan.hospital.noticeboard import actions, rules
from benhan.hospital.noticeboard.rules import STATE_NAMES, Details, News, State

pages.register("noticeboard", "benhan.hospital.noticeboard")

PATH: Final = "/trang-co-so"
TONES: Final = {"preparation": "grey", "completed": "ok", "stopped": "warn"}
_SAID: Final = {
    "luu": later("Đã lưu"), "lai": later("Đã hoàn tác"), "nhap": later("Đã lưu bản nháp"), "dang": later("Đã đăng"),
    "go": later("Đã gỡ"),
}  # fmt: skip
#: What takes a step back.
_BACK: Final = {"dang": "go", "go": "dang"}


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """All of it."""
    return await _page(request, tx, who, None)


async def keep(request: Request, tx: Transaction, who: Subject) -> Response:
    """Where, when."""
    form = await forms.read_form(request, _fields())
    if not form.errors:
        try:
            await actions.keep_details(tx, who, _details(form))
            return RedirectResponse(f"{PATH}?xong=luu", 303)
        except Invalid as wrong:
            form.errors.add(wrong.where or "", wrong.message)
    return await _page(request, tx, who, form)


async def undo(request: Request, tx: Transaction, who: Subject) -> Response:
    """As it was before."""
    await actions.undo_details(tx, who)
    return RedirectResponse(f"{PATH}?xong=lai", 303)


async def new(request: Request, tx: Transaction, who: Subject) -> Response:
    """A piece of news that is not written yet."""
    today = clock.today()
    return _writing(request, None, forms.blank(_news_fields(), tu=today, den=today))


async def edit(request: Request, tx: Transaction, who: Subject) -> Response:
    """A piece of news."""
    one = await actions.one(tx, who, request.path_params["news"])
    filled = forms.blank(
        _news_fields(), **{"tieu-de": one.title, "noi-dung": one.words, "tu": one.first, "den": one.last}
    )  # fmt: skip
    return _writing(request, one, filled)


async def write(request: Request, tx: Transaction, who: Subject) -> Response:
    """Keep it: a new one as a draft."""
    id_ = request.path_params.get("news", "")
    before = await actions.one(tx, who, id_) if id_ else None
    form = await forms.read_form(request, _news_fields())
    if not form.errors:
        try:
            kept = await actions.write(tx, who, News(
                id=id_, state=State.DRAFT, title=form["tieu-de"], words=form["noi-dung"], first=form["tu"],
                last=form["den"],
            ))  # fmt: skip
            done = "nhap" if kept.state is State.DRAFT else "luu"
            return RedirectResponse(f"{PATH}/tin/{kept.id}?xong={done}", 303)
        except Invalid as wrong:
            form.errors.add(wrong.where or "", wrong.message)
    return _writing(request, before, form)


async def publish(request: Request, tx: Transaction, who: Subject) -> Response:
    """Out."""
    return await _put(request, tx, who, State.OUT, "dang")


async def take_back(request: Request, tx: Transaction, who: Subject) -> Response:
    """Nobody sees it any more."""
    return await _put(request, tx, who, State.TAKEN_BACK, "go")


async def _put(request: Request, tx: Transaction, who: Subject, state: State, done: str) -> Response:
    id_ = request.path_params["news"]
    await actions.put(tx, who, id_, state)
    return RedirectResponse(f"{PATH}?xong={done}&tin={id_}", 303)


async def _page(request: Request, tx: Transaction, who: Subject, form: Form | None) -> Response:
    house, news = await actions.every(tx, who)
    done, which = request.query_params.get("xong", ""), request.query_params.get("tin", "")
    back = f"{PATH}/hoan-tac" if done == "luu" else None
    if done in _BACK and any(one.id == which for one in news):
        back = f"{PATH}/tin/{which}/{_BACK[done]}"
    return pages.render(
        request, "noticeboard/board.html", 422 if form else 200, form=form or _filled(house), news=news, path=PATH,
        sessions=weekly.SESSIONS, today=clock.today(), states=STATE_NAMES, tones=TONES, toast=_toast(request),
        undo=back,
    )  # fmt: skip


def _writing(request: Request, one: News | None, form: Form) -> Response:
    return pages.render(
        request, "noticeboard/news.html", 422 if form.errors else 200, one=one, form=form, path=PATH,
        states=STATE_NAMES, tones=TONES, toast=_toast(request),
    )  # fmt: skip


def _toast(request: Request) -> str:
    return _(_SAID.get(request.query_params.get("xong", ""), ""))


def _fields() -> list[forms.Field]:
    return [
        forms.long_text("gioi-thieu", _("Giới thiệu"), most=1000),
        forms.text("dia-chi", _("Địa chỉ"), most=300),
        forms.phone("dien-thoai", _("Điện thoại")),
        *weekly.fields(_("Mở cửa"), _("Đóng cửa")),
        forms.number("vi-do", _("Vĩ độ"), lowest=-90, highest=90, places=6, hint=_("ví dụ 21,028511")),
        forms.number("kinh-do", _("Kinh độ"), lowest=-180, highest=180, places=6, hint=_("ví dụ 105,804817")),
    ]


def _news_fields() -> list[forms.Field]:
    return [
        forms.text("tieu-de", _("Tiêu đề"), required=True, most=rules.MOST_TITLE),
        forms.long_text("noi-dung", _("Nội dung"), required=True, most=rules.MOST_WORDS),
        forms.day("tu", _("Hiện từ ngày"), required=True), forms.day("den", _("đến hết ngày"), required=True),
    ]  # fmt: skip


def _details(form: Form) -> Details:
    return Details(
        about=form["gioi-thieu"] or "", address=form["dia-chi"] or "", phone=form["dien-thoai"] or "",
        latitude=form["vi-do"], longitude=form["kinh-do"], sessions=weekly.typed(form),
    )  # fmt: skip


def _filled(house: Details) -> Form:
    values: dict[str, Any] = {
        "gioi-thieu": house.about, "dia-chi": house.address, "dien-thoai": house.phone, "vi-do": house.latitude,
        "kinh-do": house.longitude,
    }  # fmt: skip
    return forms.blank(_fields(), **values, **weekly.filled(house.sessions))


_MAY = Permission.FACILITY_PAGE
_NEWS = f"{PATH}/tin/{{news}}"
DOORS = [
    Door(PATH, show, _MAY),
    Door(PATH, keep, _MAY, ("POST",)),
    Door(f"{PATH}/hoan-tac", undo, _MAY, ("POST",)),
    Door(f"{PATH}/tin", new, _MAY),
    Door(f"{PATH}/tin", write, _MAY, ("POST",)),
    Door(_NEWS, edit, _MAY),
    Door(_NEWS, write, _MAY, ("POST",)),
    Door(f"{_NEWS}/dang", publish, _MAY, ("POST",)),
    Door(f"{_NEWS}/go", take_back, _MAY, ("POST",)),
]
NAV = [NavItem(later("Trang cơ sở"), PATH, _MAY)]
