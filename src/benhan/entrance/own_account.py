"""`/tai-khoan`: one's own account. Password, second factors, sessions, and with what one signed in lately.

What changes how she is known asks for the password again, unless she gave it a few minutes ago (ASVS 5.0 7.5.1).
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject, lock, own, passkeys, second_factors, sessions, signing_in
from benhan.core.access.accounts import confirm_password
from benhan.core.access.doors import COOKIE
from benhan.core.access.outside import links
from benhan.core.access.own import ProofNeeded
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Invalid, Problem
from benhan.core.kit import clock, forms, pages
from benhan.core.language import _, later
from benhan.entrance.invitation import new_password_fields, same_twice
from benhan.entrance.sign_in import inside, let_in, offered, passkey_fields, site, terms, told
from benhan.entrance.staff_words import entrance_words

PATH: Final = "/tai-khoan"
PROOF: Final = f"{PATH}/xac-nhan"
_DONE: Final = {
    "mat-khau": later("Đã đổi mật khẩu; các phiên khác đã kết thúc"),
    "ung-dung": later("Đã gỡ ứng dụng xác thực"),
    "khoa": later("Đã thêm khoá truy cập"),
    "go-khoa": later("Đã gỡ khoá truy cập"),
    "ten": later("Đã đổi tên"),
    "pin": later("Đã đặt mã PIN mở khoá"),
    "phien": later("Đã kết thúc phiên làm việc"),
    "noi": later("Đã nối tài khoản ngoài"),
    "go-noi": later("Đã gỡ tài khoản ngoài"),
}


async def own_page(request: Request, tx: Transaction, who: Subject, refused: str | None = None) -> Response:
    """Everything about one's own account; with what was just refused."""
    return await _page(request, tx, who, forms.blank(_password_fields()), refused)


async def change_password(request: Request, tx: Transaction, who: Subject) -> Response:
    """A new password; other sessions end, this one gets another token."""
    form = await forms.read_form(request, _password_fields())
    same_twice(form)
    if not form.errors:
        try:
            if await own.change_password(tx, who, form["current"], form["password"]):
                token = await sessions.renew(tx, request.cookies[COOKIE])
                return let_in(request, token, f"{PATH}?xong=mat-khau")
            form.errors.add("current", _("Mật khẩu hiện tại không đúng."))
        except Problem as problem:
            form.errors.add(problem.where if problem.where in form.fields else "password", told(problem))
    return await _page(request, tx, who, form)


async def begin_application(request: Request, tx: Transaction, who: Subject) -> Response:
    """A secret for an application: shown here as a QR code, and never again."""
    try:
        step, secret = await own.begin_application(tx, who)
    except ProofNeeded:
        return to_proof()
    return await _application(request, tx, who, step, secret)


async def set_application(request: Request, tx: Transaction, who: Subject) -> Response:
    """The application's first code; then recovery codes, if she has none."""
    form = await forms.read_form(request, [forms.hidden("step", required=True), forms.text("code", _("Mã"), most=40)])
    try:
        codes = await own.finish_application(tx, who, form["step"] or "", form["code"] or "", clock.now())
    except Problem as problem:
        return await own_page(request, tx, who, told(problem))
    if codes is None:
        secret = await own.pending_secret(tx, who, form["step"] or "")
        return await _application(request, tx, who, form["step"], secret, _("Mã không đúng, đã dùng, hoặc hết hạn."))
    return _codes(request, codes) if codes else back("")


async def remove_application(request: Request, tx: Transaction, who: Subject) -> Response:
    """Codes are asked for no more."""
    return await changing(
        request, tx, who, second_factors.remove_application(tx, who, needed=_needed(request, who)), "ung-dung"
    )


async def passkey_question(request: Request, tx: Transaction, who: Subject) -> Response:
    """What the browser needs to make a passkey; 401 when the password is to be given again first."""
    try:
        await own.require_proof(tx, who)
    except ProofNeeded:
        return JSONResponse({"go": PROOF}, 409)
    options = await passkeys.options_to_add(tx, who, await own.login_of(tx, who), site(request))
    return JSONResponse(options, headers={"Cache-Control": "no-store"})


async def add_passkey(request: Request, tx: Transaction, who: Subject) -> Response:
    """Keep the passkey the browser made; then recovery codes, if she has none."""
    form = await forms.read_form(request, [*passkey_fields(), forms.text("name", _("Tên"), most=60)])
    try:
        await own.require_proof(tx, who)
        await passkeys.add(tx, who, form["step"] or "", form["credential"] or "", form["name"] or "", site(request))
    except ProofNeeded:
        return to_proof()
    except Problem as problem:
        return await own_page(request, tx, who, told(problem))
    factors = await second_factors.of_account(tx, who.account)
    return back("khoa") if factors.recovery_codes else _codes(request, await second_factors.new_recovery_codes(tx, who))


async def remove_passkey(request: Request, tx: Transaction, who: Subject) -> Response:
    """Take a passkey no more."""
    form = await forms.read_form(request, [forms.hidden("khoa", required=True)])
    act = passkeys.remove(tx, who, form["khoa"] or "", needed=_needed(request, who))
    return await changing(request, tx, who, act, "go-khoa")


async def rename_passkey(request: Request, tx: Transaction, who: Subject) -> Response:
    """Call a passkey by another name."""
    form = await forms.read_form(request, [forms.hidden("khoa", required=True), forms.text("name", _("Tên"), most=60)])
    try:
        await passkeys.rename(tx, who, form["khoa"] or "", form["name"] or "")
    except Problem as problem:
        return await own_page(request, tx, who, told(problem))
    return back("ten")


async def new_codes(request: Request, tx: Transaction, who: Subject) -> Response:
    """Ten new recovery codes, shown once; those before are void."""
    try:
        await own.require_proof(tx, who)
    except ProofNeeded:
        return to_proof()
    if not (await second_factors.of_account(tx, who.account)).any:
        return back("")
    return _codes(request, await second_factors.new_recovery_codes(tx, who))


async def set_pin(request: Request, tx: Transaction, who: Subject) -> Response:
    """The PIN that unlocks a screen of hers."""
    form = await forms.read_form(request, [forms.secret("pin", _("Mã PIN")), forms.secret("again", _("Nhập lại"))])
    try:
        await own.require_proof(tx, who)
        if form["pin"] != form["again"]:
            raise Invalid(_("Hai lần nhập khác nhau."))
        await lock.set_pin(tx, who, form["pin"] or "")
    except ProofNeeded:
        return to_proof()
    except Problem as problem:
        return await own_page(request, tx, who, told(problem))
    return back("pin")


async def end_sessions(request: Request, tx: Transaction, who: Subject) -> Response:
    """End one of one's sessions, or all others."""
    await end_chosen(request, tx, who, who.account)
    return back("phien")


async def end_chosen(request: Request, tx: Transaction, who: Subject, account: str) -> None:
    """End the session of an account that the form names; where it names none, all but the one in use."""
    form = await forms.read_form(request, [forms.hidden("phien")])
    if form["phien"]:
        await sessions.end(tx, who, account, form["phien"])
    else:
        await sessions.end_all(tx, who, account, but=who.session)


async def proof(request: Request, tx: Transaction, who: Subject) -> Response:
    """The password again."""
    form = forms.blank([forms.secret("password", _("Mật khẩu"), most=1000)])
    if request.method == "POST":
        form = await forms.read_form(request, list(form.fields.values()))
        if not form.errors:
            try:
                if await confirm_password(tx, who, form["password"]):
                    await own.note_proof(tx, who)
                    return RedirectResponse(inside(request.query_params.get("next", PATH)), 303)
                form.errors.add("password", _("Mật khẩu không đúng."))
            except Problem as problem:
                form.errors.add("password", told(problem))
    return pages.render(request, "entrance/own_proof.html", 422 if form.errors else 200, form=form, action=PROOF)


async def changing(request: Request, tx: Transaction, who: Subject, act: Any, done: str) -> Response:
    """Do what changes how she is known, once she has proved to be her."""
    try:
        await own.require_proof(tx, who)
        await act
    except ProofNeeded:
        act.close()
        return to_proof()
    except Problem as problem:
        return await own_page(request, tx, who, told(problem))
    return back(done)


async def _page(
    request: Request, tx: Transaction, who: Subject, form: forms.Form, refused: str | None = None
) -> Response:
    said = _DONE.get(request.query_params.get("xong", ""))
    return pages.render(
        request, "entrance/own.html", 422 if form.errors or refused else 200, path=PATH, form=form, refused=refused,
        login=await own.login_of(tx, who), factors=await second_factors.of_account(tx, who.account),
        passkeys=await passkeys.of_account(tx, who.account), mine=who.session,
        sessions=await sessions.of_account(tx, who.facility, who.account),
        entrances=await sessions.entrances(tx, who.facility, who.account), entrance_words=entrance_words(),
        said=_(said) if said else None, links=await links.of_account(tx, who.facility, who.account),
        providers=offered(request, who.facility_code),
    )  # fmt: skip


async def _application(
    request: Request, tx: Transaction, who: Subject, step: str | None, secret: str, error: str | None = None
) -> Response:
    address = second_factors.address(secret, await own.login_of(tx, who), who.facility_name)
    return pages.render(
        request, "entrance/application.html", 422 if error else 200, error=error, next="", must=False, step=step or "",
        action=f"{PATH}/ung-dung/xac-nhan", secret=secret, address=address,
    )  # fmt: skip


def _codes(request: Request, codes: list[str]) -> Response:
    return pages.render(request, "entrance/recovery_codes.html", codes=codes, onward=PATH)


def _password_fields() -> list[forms.Field]:
    return [forms.secret("current", _("Mật khẩu hiện tại"), most=1000), *new_password_fields()]


def _needed(request: Request, who: Subject) -> bool:
    return signing_in.needs_second(who.roles, terms(request))


def to_proof() -> Response:
    """To where she gives her password again."""
    return RedirectResponse(f"{PROOF}?next={quote(PATH)}", 303)


def back(done: str) -> Response:
    """To her account, with a word on what was done."""
    return RedirectResponse(f"{PATH}?xong={done}" if done else PATH, 303)


_MAY = Permission.SIGNED_IN
DOORS = [
    Door(PATH, own_page, _MAY),
    Door(f"{PATH}/mat-khau", change_password, _MAY, ("POST",)),
    Door(f"{PATH}/ung-dung", begin_application, _MAY, ("POST",)),
    Door(f"{PATH}/ung-dung/xac-nhan", set_application, _MAY, ("POST",)),
    Door(f"{PATH}/ung-dung/go", remove_application, _MAY, ("POST",)),
    Door(f"{PATH}/khoa-truy-cap/bat-dau", passkey_question, _MAY, ("POST",)),
    Door(f"{PATH}/khoa-truy-cap", add_passkey, _MAY, ("POST",)),
    Door(f"{PATH}/khoa-truy-cap/go", remove_passkey, _MAY, ("POST",)),
    Door(f"{PATH}/khoa-truy-cap/ten", rename_passkey, _MAY, ("POST",)),
    Door(f"{PATH}/ma-du-phong", new_codes, _MAY, ("POST",)),
    Door(f"{PATH}/pin", set_pin, _MAY, ("POST",)),
    Door(f"{PATH}/phien", end_sessions, _MAY, ("POST",)),
    Door(PROOF, proof, _MAY, ("GET", "POST")),
]
