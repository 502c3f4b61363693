"""`/quan-tri/dang-ky`: which programs are told of changes, how far behind they are, and what could not be delivered."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Malformed
from benhan.core.kit import pages
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.core.store.subscriptions import letters
from benhan.core.store.subscriptions.states import SAID

PATH: Final = "/quan-tri/dang-ky"
#: State → what it is called, and the tone it is shown in.
STATES: Final = {
    "requested": (later("Đang xác nhận"), "info"),
    "active": (later("Hoạt động"), "ok"),
    "error": (later("Có lỗi"), "bad"),
    "off": (later("Đã tắt"), "grey"),
}


async def overview(request: Request, tx: Transaction, who: Subject) -> Response:
    """The page: subscriptions and dead letters; `?dang-ky=` shows the letters of one."""
    one = _id(request.query_params.get("dang-ky"))
    after = _place(request.query_params.get("sau"))
    found = await letters.letters(tx, who, one, after)
    more = len(found) > letters.PAGE
    found = found[: letters.PAGE]
    return pages.render(
        request,
        "entrance/subscriptions.html",
        path=PATH,
        subscriptions=await letters.overview(tx, who),
        states={name: (_(text), tone) for name, (text, tone) in STATES.items()},
        said={text: _(vietnamese) for text, vietnamese in SAID.items()},
        letters=found,
        one=one,
        next=_next(one, found[-1]) if more else None,
        first=f"{PATH}?{urlencode({'dang-ky': one})}" if one else PATH,
        later_page=after is not None,
        toast=_toast(request),
    )


async def replay(request: Request, tx: Transaction, who: Subject) -> Response:
    """Try again: one dead letter, those of a subscription, or all."""
    form = await request.form(max_files=0, max_fields=5)
    subscription, number = _id(form.get("dang-ky")), _whole(str(form.get("so") or ""))
    if subscription is None and form.get("dang-ky"):
        raise Malformed(_("Cần chỉ rõ thông báo nào."))
    moved = await letters.replay(tx, who, subscription, number)
    return _back(request, xong="gui-lai", n=moved)


async def drop(request: Request, tx: Transaction, who: Subject) -> Response:
    """Give one dead letter up; it can be taken back."""
    subscription, number = await _named(request)
    await letters.drop(tx, who, subscription, number)
    return _back(request, xong="bo", dk=subscription, so=number)


async def restore(request: Request, tx: Transaction, who: Subject) -> Response:
    """Take back what was dropped."""
    await letters.restore(tx, who, *await _named(request))
    return _back(request, xong="hoan-tac")


def _toast(request: Request) -> dict[str, Any] | None:
    asked = request.query_params
    match asked.get("xong"):
        case "gui-lai":
            return {"text": _("Sẽ gửi lại %(n)s thông báo", n=asked.get("n", "")[:9]), "undo": "", "fields": {}}
        case "bo":
            fields = {"dang-ky": asked.get("dk", ""), "so": asked.get("so", "")}
            return {"text": _("Đã bỏ một thông báo"), "undo": f"{PATH}/hoan-tac", "fields": fields}
        case "hoan-tac":
            return {"text": _("Đã lấy lại thông báo"), "undo": "", "fields": {}}
    return None


async def _named(request: Request) -> tuple[str, int]:
    form = await request.form(max_files=0, max_fields=5)
    number = _whole(str(form.get("so") or ""))
    subscription = _id(form.get("dang-ky"))
    if number is None or subscription is None:
        raise Malformed(_("Cần chỉ rõ thông báo nào."))
    return subscription, number


def _id(given: object) -> str | None:
    """The id of a subscription, where it is one."""
    return given if isinstance(given, str) and re.fullmatch(r"[A-Za-z0-9.-]{1,64}", given) else None


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _place(text: str | None) -> tuple[str, int] | None:
    subscription, _dot, number = (text or "").rpartition(".")
    found = _whole(number)
    return (subscription, found) if _id(subscription) and found is not None else None


def _next(one: str | None, last: letters.Letter) -> str:
    asked = {"dang-ky": one or "", "sau": f"{last.subscription}.{last.number}"}
    return f"{PATH}?{urlencode({name: value for name, value in asked.items() if value})}"


def _back(request: Request, **said: object) -> Response:
    return RedirectResponse(f"{PATH}?{urlencode(said)}", 303)


_MAY = Permission.ADMINISTER
DOORS = [
    Door(PATH, overview, _MAY),
    Door(f"{PATH}/gui-lai", replay, _MAY, ("POST",)),
    Door(f"{PATH}/bo", drop, _MAY, ("POST",)),
    Door(f"{PATH}/hoan-tac", restore, _MAY, ("POST",)),
]
NAV = [NavItem(later("Đăng ký thông báo"), PATH, _MAY)]
