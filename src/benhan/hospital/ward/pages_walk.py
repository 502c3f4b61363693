"""`/noi-tru/khoa/…/di-buong`: a round in the order of the beds, who is not written yet; the sheet on paper."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Interaction, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import forms, pages
from benhan.core.language import _
from benhan.hospital import papers, signing
from benhan.hospital.papers import ToSign, Wanted
from benhan.hospital.visit import id_of
from benhan.hospital.ward import bedside, daily_paper, entries, moves, written
from benhan.hospital.ward.pages_board import PATH


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """Everybody in bed order, whose sheet is written, whose is not; my drafts."""
    return await _page(request, tx, who, forms.blank(_fields()))


async def sign_all(request: Request, tx: Transaction, who: Subject) -> Response:
    """Sign my drafts in this department with one confirmation."""
    at = (await store.read(tx, who, r4.Organization, request.path_params["department"])).id or ""
    form = await forms.read_form(request, _fields())
    if not form.errors:
        rows = await bedside.round_of(tx, who, at)
        stays = [await moves.read(tx, who, one.person.stay) for one in rows if one.mine]
        try:
            done = await entries.sign_all(tx, who, stays, form["password"])
            return RedirectResponse(f"{PATH}/khoa/{at}/di-buong?ky={done}", 303)
        except Invalid as wrong:
            form.errors.add("password" if wrong.where == "password" else "", wrong.message)
    return await _page(request, tx, who, form)


def _fields() -> list[forms.Field]:
    return [forms.secret("password", _("Mật khẩu của bạn"))]


async def _page(request: Request, tx: Transaction, who: Subject, form: forms.Form) -> Response:
    at = await store.read(tx, who, r4.Organization, request.path_params["department"])
    rows = await bedside.round_of(tx, who, at.id or "")
    done = request.query_params.get("ky", "")
    return pages.render(
        request, "ward/walk.html", 422 if form.errors else 200, rows=rows, form=form, path=PATH, department=at,
        open=[one for one in rows if one.written.state != written.DONE], mine=[one for one in rows if one.mine],
        may=who.may(Permission.CONSULT), done=int(done) if done.isdigit() and len(done) < 4 else None,
        certificate=await signing.signs(tx, who),
    )  # fmt: skip


# ── On paper ────────────────────────────────────────────────────────────────────────────────────────────────────


async def pdf(request: Request, tx: Transaction, who: Subject) -> Response:
    """The signed entries of a stay on paper."""
    stay = request.path_params["stay"]
    return papers.pdf(await paper(tx, who, Wanted(stay, "", str(request.base_url))), f"{papers.DAILY_SHEET}-{stay}")


async def paper(tx: Transaction, who: Subject, of: Wanted) -> bytes:
    """The sheet of a stay, and the trace of its copy."""
    stay = await moves.read(tx, who, of.visit)
    name = f"{papers.DAILY_SHEET}.pdf"
    await store.copied(tx, who, Interaction.PRINT, "Encounter", of.visit, id_of(stay.subject), name)
    certified = await signing.of_paper(tx, who, of, papers.DAILY_SHEET)
    return await daily_paper.made(tx, who, stay, _link(of), certified)


async def to_sign(tx: Transaction, who: Subject, of: Wanted) -> ToSign:
    """The sheet of a stay, for the certificate of who wrote in it."""
    stay = await moves.read(tx, who, of.visit)
    records = tuple(await daily_paper.confirmed(tx, who, stay))
    return ToSign(await daily_paper.made(tx, who, stay, _link(of), of.certified), records)


def _link(of: Wanted) -> str:
    return f"{of.base.rstrip('/')}{PATH}/luot/{of.visit}/to-dieu-tri"


_ROUND: Final = f"{PATH}/khoa/{{department}}/di-buong"
DOORS = [
    Door(_ROUND, show, Permission.WATCH_BEDS),
    Door(_ROUND, sign_all, Permission.SIGN, ("POST",)),
    Door(f"{PATH}/luot/{{stay}}/to-dieu-tri.pdf", pdf, Permission.PRINT),
]
