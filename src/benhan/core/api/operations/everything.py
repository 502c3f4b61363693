"""`Patient/[id]/$everything`, `Patient/$everything`, `Encounter/[id]/$everything`: a searchset, page after page."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Subject
from benhan.core.api import messages
from benhan.core.api.operations.inputs import Inputs, inputs
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Malformed
from benhan.core.language import _
from benhan.core.store.everything import Bounds, Everything, everything

USUAL_COUNT = 200
MAX_COUNT = 1000


async def patient_everything(request: Request, tx: Transaction, who: Subject) -> Response:
    """`Patient/[id]/$everything`: the record of one patient."""
    return await _answer(request, tx, who, "Patient", request.path_params["id"])


async def all_patients_everything(request: Request, tx: Transaction, who: Subject) -> Response:
    """`Patient/$everything`: the records of every patient the caller may see."""
    return await _answer(request, tx, who, "Patient", None)


async def encounter_everything(request: Request, tx: Transaction, who: Subject) -> Response:
    """`Encounter/[id]/$everything`: the records of one visit."""
    return await _answer(request, tx, who, "Encounter", request.path_params["id"])


async def _answer(request: Request, tx: Transaction, who: Subject, focus: str, id_: str | None) -> Response:
    asked = (await inputs(request)).only("start", "end", "_since", "_type", "_count", "_after")
    page = await everything(tx, who, focus, id_, bounds(asked))
    return messages.answer(_bundle(request, page, asked.pairs()))


def bounds(asked: Inputs) -> Bounds:
    """What of it is wanted.

    Raises:
        Malformed: a bound cannot be read.
    """
    start, end, since = asked.moments("start"), asked.moments("end"), asked.moments("_since")
    after = asked.text("_after") or "0"
    if not after.isascii() or not after.isdigit() or len(after) > 18:
        raise Malformed(_("Vị trí trang không đọc được."), where="_after", advice=_("Tìm lại từ trang đầu."))
    return Bounds(
        start=start[0] if start else None,
        end=end[1] if end else None,
        since=since[0] if since else None,
        types=tuple(asked.texts("_type")),
        count=min(asked.number("_count", least=1, most=10**6) or USUAL_COUNT, MAX_COUNT),
        after=int(after),
    )


def _bundle(request: Request, page: Everything, pairs: list[tuple[str, str]]) -> r4.Bundle:
    base, here = messages.base(request), request.url.path.removeprefix("/fhir")
    asked = [(key, value) for key, value in pairs if key != "_after"]
    links = [r4.BundleLink(relation="self", url=f"{base}{here}" + (f"?{urlencode(asked)}" if asked else ""))]
    if page.next is not None:
        links.append(
            r4.BundleLink(relation="next", url=f"{base}{here}?{urlencode([*asked, ('_after', str(page.next))])}")
        )
    found = [(one, "match") for one in page.resources] + [(one, "include") for one in page.supporting]
    return r4.Bundle(type="searchset", link=links, entry=[entry(base, one, mode) for one, mode in found] or None)


def entry(base: str, resource: r4.Resource, mode: str | None = None) -> r4.BundleEntry:
    """A record as an entry of a Bundle, under its full address."""
    return r4.BundleEntry(
        fullUrl=f"{base}/{codec.type_name(resource)}/{resource.id}",
        resource=resource,
        search=r4.BundleEntrySearch(mode=mode) if mode else None,
    )
