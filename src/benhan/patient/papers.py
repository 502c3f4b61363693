"""Her papers: what the hospital prints of a visit, as PDF, on her page and on her phone.

The app gets an address that opens one paper once (`core/access/handouts.py`) and gives it to the phone's browser; her
page, which has a cookie, opens the paper itself. Contract: docs/reference/app-api.md.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Interaction, Permission, Subject, may
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import NotFound
from benhan.core.kit import clock
from benhan.core.kit.json_forms import Said
from benhan.core.language import _
from benhan.hospital import papers
from benhan.hospital.papers import PRESCRIPTION, READING, RESULTS, VISIT_SHEET, Wanted
from benhan.patient import addresses, record
from benhan.patient.record import Told


class Paper(Said):
    """A paper of a visit. `id` says which: `phieu-kham`, `hinh-anh.ORDER`."""

    id: str
    name: str


def of_visit(who: Subject, told: Told) -> list[Paper]:
    """The papers that there are of a visit and that she may copy, signed and released ones only."""
    found = []
    if may(who, Interaction.PRINT, "Encounter") and told.signed:
        found.append(Paper(id=VISIT_SHEET, name=_(papers.NAMES[VISIT_SHEET])))
        if told.medicines:
            found.append(Paper(id=PRESCRIPTION, name=_(papers.NAMES[PRESCRIPTION])))
    if may(who, Interaction.PRINT, "DiagnosticReport"):
        if told.sheet:
            found.append(Paper(id=RESULTS, name=_(papers.NAMES[RESULTS])))
        found += [Paper(id=f"{READING}.{one.order}", name=one.name) for one in told.findings if one.order]
    return found


async def address(request: Request, tx: Transaction, who: Subject) -> Response:
    """An address for a paper of hers."""
    visit, id_ = request.path_params["visit"], request.path_params["paper"]
    _named(who, await record.told(tx, who, visit), id_)
    return await addresses.given(request, tx, who, f"visit/{visit}/{id_}")


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """A paper, on her page."""
    return await _made(request, tx, who, request.path_params["visit"], request.path_params["paper"], kept=False)


async def open_paper(request: Request, tx: Transaction, who: Subject, rest: str) -> Response:
    """A paper, at an address that opens once."""
    visit, _slash, id_ = rest.partition("/")
    return await _made(request, tx, who, visit, id_, kept=True)


async def _made(request: Request, tx: Transaction, who: Subject, visit: str, id_: str, *, kept: bool) -> Response:
    told = await record.told(tx, who, visit)
    _named(who, told, id_)
    kind, _dot, order = id_.partition(".")
    wanted = Wanted(visit, order, request.app.state.settings.public_url)
    made = await request.app.state.papers[kind](tx, who, wanted)
    day = f"-{clock.local(told.when):%Y-%m-%d}" if told.when else ""
    return papers.pdf(made, f"{kind}{day}", kept=kept)


def _named(who: Subject, told: Told, id_: str) -> None:
    """Raises NotFound: there is no such paper of this visit, or none for her."""
    if id_ not in {one.id for one in of_visit(who, told)}:
        raise NotFound(_("Lượt khám này không có giấy ấy."), where="paper")


HANDED_OUT = {"visit": open_paper}
_OWN = Permission.OWN_RECORD
DOORS = [
    Door("/app/visits/{visit}/papers/{paper}", address, _OWN, ("POST",), app=True),
    Door("/nguoi-benh/luot-kham/{visit}/giay/{paper}", show, _OWN),
]
