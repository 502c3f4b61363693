"""`/quan-tri/bang-gia`, `/quan-tri/thu-tien`: the price list, and where the facility receives money."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.forms import Form
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.hospital import prices
from benhan.hospital.cashier import notice_door, notices, payee
from benhan.hospital.cashier.pages_packages import PATH
from benhan.hospital.cashier.payee import Payee
from benhan.hospital.visit import code_of

PRICES: Final = "/quan-tri/bang-gia"
PAYEE: Final = "/quan-tri/thu-tien"
CALLBACK: Final = "/zalo/thanh-toan"


async def price_list(request: Request, tx: Transaction, who: Subject) -> Response:
    """The list, and a form for a new price."""
    return await _prices(request, tx, who, forms.blank(await _price_fields(tx, who), since=clock.today()))


async def set_price(request: Request, tx: Transaction, who: Subject) -> Response:
    """From a day on something costs so much."""
    form = await forms.read_form(request, await _price_fields(tx, who))
    try:
        form.require()
        code = form["specialty"] or form["code"]
        if not code:
            raise Invalid(_("Chọn chuyên khoa hoặc nhập mã dịch vụ."), where="code")
        await prices.keep(tx, who, code, form["amount"], form["since"])
    except (Invalid, Conflict) as wrong:
        form.errors.add(wrong.where or "", wrong.message)
        return await _prices(request, tx, who, form, 422)
    return RedirectResponse(PRICES, 303)


async def show_payee(request: Request, tx: Transaction, who: Subject) -> Response:
    """Where money goes."""
    kept = await payee.payee(tx, who.facility)
    names = ("bank", "number", "holder", "app", "contract")
    shown = {name: getattr(kept, name) for name in names}
    return _payee(request, who, forms.blank(_payee_fields(), **shown), kept)


async def set_payee(request: Request, tx: Transaction, who: Subject) -> Response:
    """Keep it."""
    form = await forms.read_form(request, _payee_fields())
    try:
        form.require()
        said = {name: form[name] or "" for name in ("bank", "number", "holder", "app", "key", "contract", "secret")}
        await payee.keep(tx, who, Payee(**said))
    except Invalid as wrong:
        form.errors.add(wrong.where or "", wrong.message)
        return _payee(request, who, form, await payee.payee(tx, who.facility), 422)
    return RedirectResponse(PAYEE, 303)


async def _price_fields(tx: Transaction, who: Subject) -> list[forms.Field]:
    found = (await store.search(tx, who, r4.HealthcareService, {"active": "true", "_count": "200"})).resources
    named = {
        code: one.name or ""
        for one in found
        for kind in one.specialty or []
        if (code := code_of(kind, systems.SPECIALTY))
    }
    return [
        forms.choice("specialty", _("Khám chuyên khoa"), sorted(named.items(), key=lambda one: one[1])),
        forms.text("code", _("hoặc mã dịch vụ (TT 23/2024)"), most=20),
        forms.amount("amount", _("Giá"), required=True),
        forms.day("since", _("Áp dụng từ ngày"), required=True),
    ]


async def _prices(request: Request, tx: Transaction, who: Subject, form: Form, status: int = 200) -> Response:
    every = await prices.every(tx, who)
    held = prices.in_force(every, clock.today())
    return pages.render(
        request, "cashier/prices.html", status, every=every, held=held, form=form, payee=PAYEE, packages=PATH
    )


def _payee_fields() -> list[forms.Field]:
    return [
        forms.text("bank", _("Mã ngân hàng (BIN)"), most=6, hint=_("6 chữ số, ví dụ 970436")),
        forms.text("number", _("Số tài khoản"), most=19),
        forms.text("holder", _("Chủ tài khoản"), most=100),
        forms.text("app", _("Mã Mini App dùng Checkout"), most=40, hint=_("để trống: không nhận qua Checkout")),
        forms.secret(
            "key", _("Khoá riêng (private key) của Checkout"), required=False, hint=_("để trống: giữ khoá đang có")
        ),
        forms.choice("contract", _("Bên báo có"), list(notices.NAMES.items())),
        forms.secret("secret", _("Khoá bí mật ký báo có"), required=False, hint=_("để trống: giữ khoá đang có")),
    ]


def _payee(request: Request, who: Subject, form: Form, kept: Payee, status: int = 200) -> Response:
    base = request.app.state.settings.public_url.rstrip("/")
    return pages.render(
        request, "cashier/payee.html", status, form=form, prices=PRICES, keyed=bool(kept.key), told=kept.told,
        callback=f"{base}{CALLBACK}/{who.facility_code}", notice=f"{base}{notice_door.PATH}/{who.facility_code}",
    )  # fmt: skip


_MAY = Permission.ADMINISTER
DOORS = [
    Door(PRICES, price_list, _MAY),
    Door(PRICES, set_price, _MAY, ("POST",)),
    Door(PAYEE, show_payee, _MAY),
    Door(PAYEE, set_payee, _MAY, ("POST",)),
]
NAV = [NavItem(later("Bảng giá"), PRICES, _MAY)]
