"""`/ky-so`: what waits for a doctor's certificate, and many papers signed with one confirmation."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject
from benhan.core.access.accounts import confirm_password
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict, NotFound
from benhan.core.kit import forms, pages
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.core.signing import certificates
from benhan.core.signing.certificates import Means
from benhan.core.signing.trust import CannotSign
from benhan.hospital import papers, signing, signing_batches
from benhan.hospital.signing import PATH, Waiting
from benhan.hospital.visit import full_name

pages.register("hospital", "benhan.hospital")

#: Where keys are held, as a person reads it.
KINDS: Final = {"token": later("Thiết bị ký (PKCS#11)"), "remote": later("Ký số từ xa, xác nhận trên điện thoại")}


async def waits(request: Request, tx: Transaction, who: Subject) -> Response:
    """Her certificate, and the papers that wait for it."""
    return await _list(request, tx, who, forms.blank(_fields()))


async def sign(request: Request, tx: Transaction, who: Subject) -> Response:
    """Sign the chosen papers: their hashes go to where her key is."""
    form = await forms.read_form(request, _fields())
    certificate = await certificates.of_account(tx, who.facility, who.account)
    if certificate and certificate.kind == "token" and not await confirm_password(tx, who, form["password"] or ""):
        return await _list(request, tx, who, form, _("Mật khẩu không đúng. Chưa ký."), status=200)
    state = request.app.state
    try:
        made = await signing_batches.begin(
            tx, who, _means(request), state.to_sign, state.settings.public_url, form.raw["giay"]
        )
    except (CannotSign, Conflict) as wrong:
        said = " ".join(filter(None, [wrong.message, wrong.advice]))
        return await _list(request, tx, who, form, said, status=200)
    return RedirectResponse(f"{PATH}/lo/{made}", 303)


async def batch(request: Request, tx: Transaction, who: Subject) -> Response:
    """How far a confirmation has come."""
    return await _shown(request, tx, who, await signing_batches.state(tx, who, request.path_params["batch"]))


async def go_on(request: Request, tx: Transaction, who: Subject) -> Response:
    """The next papers, or whether she has confirmed."""
    found = await signing_batches.proceed(tx, who, _means(request), request.path_params["batch"])
    if not pages.is_fragment(request):
        return RedirectResponse(f"{PATH}/lo/{found.id}", 303)
    return await _shown(request, tx, who, found)


async def signed_pdf(request: Request, tx: Transaction, who: Subject) -> Response:
    """The signed PDF of a visit, byte by byte as it was signed."""
    visit, kind = request.path_params["visit"], request.path_params["kind"]
    if kind not in papers.NAMES:
        raise NotFound(_("Không có loại giấy này."))
    return papers.pdf(await signing.original(tx, who, visit, kind), f"{kind}-{visit}-ky-so", kept=True)


async def _list(
    request: Request, tx: Transaction, who: Subject, form: forms.Form, refused: str = "", *, status: int = 200
) -> Response:
    found = await signing.waiting(tx, who)
    only = request.query_params.get("luot")
    return pages.render(
        request, "hospital/signing.html", status, form=form, refused=refused, path=PATH, kinds=KINDS,
        ready=request.app.state.signing is not None, most=signing_batches.MOST,
        certificate=await certificates.of_account(tx, who.facility, who.account),
        found=found, names=await _names(tx, who, found), paper_names=papers.NAMES,
        chosen={one.id for one in found if not only or one.visit == only},
    )  # fmt: skip


async def _shown(request: Request, tx: Transaction, who: Subject, found: signing_batches.Batch) -> Response:
    failed = await signing_batches.troubles(tx, who, found.id) if found.state == "ended" else []
    template = "hospital/_signing_batch.html" if pages.is_fragment(request) else "hospital/signing_batch.html"
    return pages.render(
        request, template, batch=found, failed=failed, names=await _names(tx, who, failed), path=PATH,
        paper_names=papers.NAMES,
    )  # fmt: skip


async def _names(tx: Transaction, who: Subject, found: list[Waiting]) -> dict[str, str]:
    ids = sorted({one.patient for one in found})
    names: dict[str, str] = {}
    for begin in range(0, len(ids), 100):
        asked: dict[str, Any] = {"_id": ",".join(ids[begin : begin + 100]), "_count": "100"}
        people = await store.search(tx, who, r4.Patient, asked)
        names |= {one.id or "": full_name(one) for one in people.resources}
    return names


def _fields() -> list[forms.Field]:
    return [
        forms.choices("giay", _("Phiếu"), []),
        forms.secret("password", _("Mật khẩu của bạn"), required=False),
    ]


def _means(request: Request) -> Means:
    found: Means | None = request.app.state.signing
    if found is None:
        raise CannotSign("no-means", _("Cơ sở chưa cấu hình ký số."))
    return found


NAV = [NavItem(later("Ký số"), PATH, Permission.SIGN)]
DOORS = [
    Door(PATH, waits, Permission.SIGN),
    Door(PATH, sign, Permission.SIGN, ("POST",)),
    Door(f"{PATH}/lo/{{batch}}", batch, Permission.SIGN),
    Door(f"{PATH}/lo/{{batch}}/tiep", go_on, Permission.SIGN, ("POST",)),
    Door(f"{PATH}/ban-ky/{{visit}}/{{kind}}", signed_pdf, Permission.PRINT),
]
