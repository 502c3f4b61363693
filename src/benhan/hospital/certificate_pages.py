"""`/quan-tri/chung-thu`: the certificates that sign here, registered by an administrator."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.core.signing import certificates
from benhan.core.signing.certificates import Means
from benhan.core.signing.signers import RemoteSigner, Signer, TokenSigner
from benhan.core.signing.trust import Trust
from benhan.hospital.signing_pages import KINDS
from benhan.settings import Settings

PATH: Final = "/quan-tri/chung-thu"


def signing_means(settings: Settings) -> Means | None:
    """What an installation signs with, by its settings; None: with nothing.

    Raises:
        ValueError: the file of roots cannot be used.
    """
    if settings.signing_roots is None:
        return None
    signers: dict[str, Signer] = {}
    if settings.signing_token:
        signers["token"] = TokenSigner(settings.signing_token)
    if settings.signing_provider:
        secret = settings.signing_provider_secret.get_secret_value()
        signers["remote"] = RemoteSigner(settings.signing_provider, secret)
    return Means(Trust.of_file(settings.signing_roots), settings.signing_tsa, signers)


async def listing(request: Request, tx: Transaction, who: Subject) -> Response:
    """Who signs with which certificate, those first that end first."""
    return await _page(request, tx, who, forms.blank(_fields(request)))


async def register(request: Request, tx: Transaction, who: Subject) -> Response:
    """Register a certificate: its issuers are asked, its key is tried."""
    form = await forms.read_form(request, _fields(request))
    means: Means | None = request.app.state.signing
    if not form.errors and means is not None:
        try:
            await certificates.register(tx, who, means, form["login"], form["kind"], form["key"])
            return RedirectResponse(PATH, 303)
        except (Invalid, Conflict) as wrong:
            form.errors.add(wrong.where if wrong.where in form.fields else "", wrong.message)
    return await _page(request, tx, who, form)


async def end(request: Request, tx: Transaction, who: Subject) -> Response:
    """It signs no more here."""
    await certificates.end(tx, who, request.path_params["certificate"])
    return RedirectResponse(PATH, 303)


async def _page(request: Request, tx: Transaction, who: Subject, form: forms.Form) -> Response:
    return pages.render(
        request, "hospital/certificates.html", 422 if form.errors else 200, form=form, path=PATH, kinds=KINDS,
        found=await certificates.everybody(tx, who.facility), ready=request.app.state.signing is not None,
        today=clock.now(),
    )  # fmt: skip


def _fields(request: Request) -> list[forms.Field]:
    means: Means | None = request.app.state.signing
    kinds = [(kind, _(text)) for kind, text in KINDS.items() if means and kind in means.signers]
    return [
        forms.text("login", _("Tên đăng nhập"), required=True, most=80),
        forms.choice("kind", _("Khoá ở đâu"), kinds, required=True),
        forms.text(
            "key", _("Tên khoá"), required=True, most=120,
            hint=_("nhãn trong thiết bị ký, hoặc người dùng ở nơi ký số từ xa"),
        ),
    ]  # fmt: skip


NAV = [NavItem(later("Chứng thư số"), PATH, Permission.ADMINISTER)]
DOORS = [
    Door(PATH, listing, Permission.ADMINISTER),
    Door(PATH, register, Permission.ADMINISTER, ("POST",)),
    Door(f"{PATH}/{{certificate}}/ngung", end, Permission.ADMINISTER, ("POST",)),
]
