"""`/quan-tri/zalo`: the facility's Official Account. Connecting it, its templates, what rests, and letting it go."""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject, steps
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Conflict, NotFound
from benhan.core.kit import forms, pages
from benhan.core.kit.outside import NoAnswer
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.patient import outbox
from benhan.patient.messages import WORDINGS
from benhan.patient.oa import connecting
from benhan.patient.oa.accounts import App
from benhan.patient.oa.sending import PARAMETERS

PATH: Final = "/quan-tri/zalo"
STEP: Final = "official-account"
#: So long she may be at Zalo.
MINUTES: Final = 10
KINDS: Final = {
    "code": later("Mã đăng nhập"), "glass": later("Hồ sơ được mở khẩn cấp"), "reminder": later("Nhắc lịch hẹn"),
    "turn": later("Sắp tới lượt"), "results": later("Có kết quả mới"), "revisit": later("Tái khám"),
    "changed": later("Bệnh viện dời, huỷ lịch"), "medicine": later("Giờ dùng thuốc"),
    "answer": later("Bác sĩ đã trả lời"), "survey": later("Khảo sát sau lượt khám"),
    "remote": later("Trả lời yêu cầu gọi video"), "call": later("Sắp đến giờ gọi video"),
}  # fmt: skip
WHY: Final = {
    "back-off": later("gửi quá nhanh, đang chậm lại"), "morning": later("giờ yên lặng, đợi đến 6 giờ"),
    "tomorrow": later("hết hạn mức hôm nay của tài khoản"), "kind-tomorrow": later("hết hạn mức hôm nay của mẫu tin"),
    "template": later("mẫu tin chưa được duyệt hoặc đã bị khoá"), "balance": later("tài khoản Zalo Cloud hết tiền"),
}  # fmt: skip
ROADS: Final = {"user": later("tin theo tài khoản Zalo"), "phone": later("tin theo số điện thoại")}
_SAID: Final = {
    "noi": later("Đã nối tài khoản"), "mau": later("Đã lưu mẫu tin"), "ngat": later("Đã ngắt tài khoản"),
}  # fmt: skip
_TOLD: Final = {
    "slow": later("Zalo trả lời quá chậm; chưa nối. Thử lại."),
    "down": later("Không nối được tới Zalo; chưa nối. Thử lại."),
    "refused": later("Zalo không nhận lần nối này. Nối lại từ đầu."),
    "unreadable": later("Zalo trả lời không đọc được; chưa nối. Thử lại."),
}


class Question(msgspec.Struct, frozen=True):
    """What is remembered until she is back from Zalo."""

    verifier: str
    session: str


async def overview(request: Request, tx: Transaction, who: Subject) -> Response:
    """How things stand."""
    return await _page(request, tx, who)


async def go(request: Request, tx: Transaction, who: Subject) -> Response:
    """A page with the way to Zalo: a form of ours may not lead to other sites."""
    app, verifier = _app(request), secrets.token_urlsafe(48)
    asked = msgspec.json.encode(Question(verifier, who.session or "")).decode()
    state = await steps.begin(tx, who.facility, who.account, STEP, secret=asked, minutes=MINUTES)
    challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    query = {"app_id": app.id, "redirect_uri": _back_here(request), "code_challenge": challenge, "state": state}
    address = f"{app.permission}?{urlencode(query)}"
    return pages.render(request, "patient/official_account_go.html", address=address, path=PATH)


async def come_back(request: Request, tx: Transaction, who: Subject) -> Response:
    """From Zalo, with a code: tokens for it, and whose they are, before anything is kept."""
    app, said = _app(request), request.query_params
    step = await steps.take_first(tx, said.get("state", "")[:200], STEP)
    asked = msgspec.json.decode(step.secret, type=Question) if step and step.secret else None
    if step is None or asked is None or (step.account, asked.session) != (who.account, who.session):
        return await _page(request, tx, who, _("Lần nối này đã cũ hoặc không phải của bạn. Nối lại từ đầu."))
    try:
        tokens = await app.with_code(said.get("code", "")[:2000], asked.verifier)
        oa, name = await app.about(tokens.access)
        await connecting.connect(tx, who, oa, name, tokens)
    except NoAnswer as trouble:
        connecting.not_connected(tx, who, str(trouble))
        return await _page(request, tx, who, _(_TOLD[trouble.kind]))
    except Conflict as wrong:
        connecting.not_connected(tx, who, wrong.message)
        return await _page(request, tx, who, wrong.message)
    return _back("noi")


async def set_templates(request: Request, tx: Transaction, who: Subject) -> Response:
    """Which approved template carries which kind of message."""
    form = await forms.read_form(request, _fields())
    if form.errors:
        return await _page(request, tx, who, form=form)
    templates: dict[str, str] = {kind: form[kind] for kind in WORDINGS if form[kind]}
    await connecting.set_templates(tx, who, templates, form["hours"] or "")
    return _back("mau")


async def let_go(request: Request, tx: Transaction, who: Subject) -> Response:
    """It carries no message any more; its tokens are gone from here."""
    await connecting.let_go(tx, who)
    return _back("ngat")


async def _page(
    request: Request, tx: Transaction, who: Subject, problem: str = "", form: forms.Form | None = None
) -> Response:
    app: App | None = request.app.state.oa
    found = await connecting.standing(tx, who.facility)
    written = form or forms.blank(_fields(), **(found.templates | {"hours": found.hours} if found else {}))
    shared = app.shared if app and app.shared != who.facility_code else ""
    context: dict[str, Any] = {
        "set_up": app is not None, "found": found, "form": written, "problem": problem, "path": PATH,
        "resting": await connecting.resting(tx, who.facility), "shared": shared, "toast": _toast(request),
        "counts": await outbox.counts(tx, who.facility),
        "kinds": _said(KINDS), "why": _said(WHY), "roads": _said(ROADS), "wordings": WORDINGS,
    }  # fmt: skip
    return pages.render(request, "patient/official_account.html", 422 if problem or form else 200, **context)


def _said(words: Mapping[str, str]) -> dict[str, str]:
    return {name: _(text) for name, text in words.items()}


def _fields() -> list[forms.Field]:
    named = {
        kind: ", ".join(PARAMETERS.get(kind, {}).get(name, name) for name in wording.parameters)
        for kind, wording in WORDINGS.items()
    }
    fields = [
        forms.text(kind, _(KINDS[kind]), most=40, hint=_("tham số: %(names)s", names=told))
        for kind, told in named.items()
    ]
    hours = forms.text("hours", _("Giờ làm việc"), most=200, hint=_("câu trả lời khi người bệnh hỏi ở Zalo"))
    return [*fields, hours]


def _app(request: Request) -> App:
    found: App | None = request.app.state.oa
    if found is None:
        raise NotFound(_("Nơi này chưa có ứng dụng Zalo."), advice=_("Người vận hành đặt BENHAN_ZALO_APP_ID."))
    return found


def _back_here(request: Request) -> str:
    return f"{request.app.state.settings.public_url.rstrip('/')}{PATH}/ve"


def _back(done: str) -> Response:
    return RedirectResponse(f"{PATH}?xong={done}", 303)


def _toast(request: Request) -> dict[str, str] | None:
    done = request.query_params.get("xong", "")
    return {"text": _(_SAID[done])} if done in _SAID else None


_MAY = Permission.ADMINISTER
DOORS = [
    Door(PATH, overview, _MAY),
    Door(f"{PATH}/noi", go, _MAY, ("POST",)),
    Door(f"{PATH}/ve", come_back, _MAY),
    Door(f"{PATH}/mau", set_templates, _MAY, ("POST",)),
    Door(f"{PATH}/ngat", let_go, _MAY, ("POST",)),
]
NAV = [NavItem(later("Zalo của cơ sở"), PATH, _MAY)]
