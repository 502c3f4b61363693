"""`/loi-moi/…`: somebody who was invited chooses her password."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject, invitations
from benhan.core.access.outside import links
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import forms, pages
from benhan.core.language import _
from benhan.entrance.sign_in import offered


async def invitation(request: Request, tx: Transaction, who: Subject) -> Response:
    """The form. Looking at it (a preview of the link, say) does not use the invitation up."""
    return await _form(request, tx, forms.blank(new_password_fields()))


async def accept(request: Request, tx: Transaction, who: Subject) -> Response:
    """The password, chosen."""
    form = await forms.read_form(request, new_password_fields())
    same_twice(form)
    if not form.errors:
        try:
            login = await invitations.accept(tx, request.path_params["token"], form["password"])
            return RedirectResponse(f"/dang-nhap?{urlencode({'xong': 'mat-khau', 'ten': login})}", 303)
        except Invalid as problem:
            form.errors.add("password", problem.message)
    return await _form(request, tx, form)


def new_password_fields() -> list[forms.Field]:
    """A new password, twice. A machine that remembers passwords may fill both."""
    hint = _("ít nhất 14 ký tự; vài từ không liên quan thì dễ nhớ; dán được")
    return [
        forms.secret("password", _("Mật khẩu mới"), most=1000, hint=hint),
        forms.secret("again", _("Nhập lại mật khẩu mới"), most=1000),
    ]


def same_twice(form: forms.Form) -> None:
    """Both fields say the same."""
    if not form.errors and form["password"] != form["again"]:
        form.errors.add("again", _("Hai lần nhập khác nhau."))


async def _form(request: Request, tx: Transaction, form: forms.Form) -> Response:
    who = await invitations.invited(tx, request.path_params["token"])
    linked = await links.of_account(tx, who.facility, who.account)
    return pages.render(
        request, "entrance/invitation.html", 422 if form.errors else 200, form=form, invited=who,
        address=request.url.path, links=linked, providers=offered(request, who.facility_code),
    )  # fmt: skip


DOORS = [
    Door("/loi-moi/{token}", invitation, Permission.ANYONE),
    Door("/loi-moi/{token}", accept, Permission.ANYONE, ("POST",)),
]
