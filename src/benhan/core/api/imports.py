"""Bulk import over HTTP: NDJSON as the body, or Parameters that name where it lies.

`POST /fhir/$import` with `Content-Type: application/fhir+ndjson` streams the records in and answers when all are in.
With a Parameters body and `Prefer: respond-async` the server fetches them by itself, from the addresses that
`BENHAN_IMPORT_SOURCES` allows. Follows the community's proposal for bulk import (smart-on-fhir/bulk-import).
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.api import messages
from benhan.core.api.bulk import has_preference, imported
from benhan.core.api.capability import Operation
from benhan.core.api.operations.inputs import inputs, value_of
from benhan.core.api.wire import LINES
from benhan.core.db import Database, Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Forbidden, Malformed
from benhan.core.language import _
from benhan.core.store import importing, jobs

NDJSON = "application/fhir+ndjson"
MAX_INPUTS = 500


async def import_(request: Request, tx: Transaction, who: Subject) -> Response:
    """`$import`: at once from the body, or later from addresses."""
    if messages.content_type(request) in LINES:
        return await _from_body(request, tx, who)
    return await _from_addresses(request, tx, who)


async def _from_body(request: Request, tx: Transaction, who: Subject) -> Response:
    """Each batch is a transaction of its own, so the request's own stays empty however long the body is."""
    await tx.verify()
    packing = request.headers.get("content-encoding", "identity").strip().lower()
    body = request.stream()
    if packing in ("gzip", "x-gzip"):
        body = importing.unpacked(body)  # type: ignore[assignment]
    elif packing != "identity":
        raise Malformed(_("Chỉ nhận nội dung nén gzip."), code="not-supported", where="Content-Encoding")
    database: Database = request.app.state.database
    id_, tally = await importing.upload(database, who, f"{messages.base(request)}/$import", body)
    async with database.transaction(who.facility) as later:
        return await imported(request, later, await jobs.job(later, who, id_), tally)


async def _from_addresses(request: Request, tx: Transaction, who: Subject) -> Response:
    if not has_preference(request, "respond-async"):
        raise Malformed(
            _("Nạp từ địa chỉ chỉ làm không đồng bộ."), where="Prefer", advice=_("Gửi header Prefer: respond-async.")
        )
    given = (await inputs(request)).only("inputFormat", "inputSource", "input", "storageDetail")
    if given.text("inputFormat") not in (None, *LINES):
        raise Malformed(_("Chỉ nạp được dạng %(format)s.", format=NDJSON), code="not-supported", where="inputFormat")
    sources = [_source(request, one) for one in given.all("input")]
    if not 0 < len(sources) <= MAX_INPUTS:
        raise Malformed(_("Cần từ 1 đến %(n)s tham số input.", n=MAX_INPUTS), code="required", where="input")
    id_ = await importing.kick_off(tx, who, f"{messages.base(request)}/$import", sources)
    return Response(status_code=202, headers={"Content-Location": f"{messages.base(request)}/_bulk/{id_}"})


def _source(request: Request, given: object) -> str:
    """The address of an input.

    Raises:
        Malformed: it names none; Forbidden: the server may not fetch from there.
    """
    parts = given if isinstance(given, list) else []
    named = {one.name: value_of(one) for one in parts if isinstance(one, r4.ParametersParameter)}
    address = named.get("url")
    if not isinstance(address, str) or not address.startswith(("https://", "http://")):
        raise Malformed(_("Mỗi input cần một url."), code="required", where="input.url")
    allowed = request.app.state.settings.import_sources.split()
    if not any(one.endswith("/") and address.startswith(one) for one in allowed):
        raise Forbidden(
            _("Máy chủ không được lấy dữ liệu từ địa chỉ này."), where="input.url",
            advice=_("Quản trị thêm địa chỉ vào BENHAN_IMPORT_SOURCES, hoặc gửi thẳng NDJSON lên."),
        )  # fmt: skip
    return address


DOORS = [Door("/fhir/$import", import_, Permission.IMPORT, ("POST",))]
OPERATIONS = [Operation("import", "https://github.com/smart-on-fhir/bulk-import", ())]


def importer(database: Database) -> jobs.Worker:
    """The follower that fetches and brings in."""
    return jobs.Worker(database, importing.work)


FOLLOWERS = [importer]
