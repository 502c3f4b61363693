"""`…/bao-cao.pdf`, `…/trinh-chieu.pdf`: the Department's view on paper and on a wall; `…/di-tham.pdf`: a facility's."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import Transaction
from benhan.core.kit import clock, printing
from benhan.core.language import speaking
from benhan.province.rollout import actions, papers
from benhan.province.rollout.pages import LIST, PATH, asked_view, place_name


async def report(request: Request, tx: Transaction, who: Subject) -> Response:
    """The report of a day."""
    return await _made(request, tx, who, "bao-cao")


async def slides(request: Request, tx: Transaction, who: Subject) -> Response:
    """Its slides."""
    return await _made(request, tx, who, "trinh-chieu")


_TEMPLATES: Final = {"bao-cao": papers.REPORT, "trinh-chieu": papers.SLIDES}


async def _made(request: Request, tx: Transaction, who: Subject, name: str) -> Response:
    found = await asked_view(request, tx, who)
    with speaking("vi"):  # papers are Vietnamese whatever the screen speaks
        said = papers.report(found, who.facility_name, place_name(found.part.area))
    file = f"{name}-so-hoa-{found.part.group}-{found.day.isoformat()}.pdf"
    record(tx, who, Event("export", "Site", rule="permission rollout-overview", detail=file))
    return _pdf(await printing.render(_TEMPLATES[name], said), file)


async def to_visit(request: Request, tx: Transaction, who: Subject) -> Response:
    """One page about a facility."""
    kept = await actions.look(tx, who, request.path_params["site"])
    with speaking("vi"):
        said = papers.visit(kept, who.facility_name, clock.today())
    return _pdf(await printing.render(papers.VISIT, said), f"di-tham-{kept.site.code or kept.site.id}.pdf")


def _pdf(body: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'inline; filename="{name}"', "Cache-Control": "no-store"}
    return Response(body, 200, headers, "application/pdf")


_SEE: Final = Permission.ROLLOUT_OVERVIEW
DOORS: list[Door] = [
    Door(f"{PATH}/bao-cao.pdf", report, _SEE),
    Door(f"{PATH}/trinh-chieu.pdf", slides, _SEE),
    Door(f"{LIST}/{{site}}/di-tham.pdf", to_visit, _SEE),
]
