"""Bulk export over HTTP: kick-off, status, manifest, files, cancelling.

Standard: HL7 Bulk Data Access 2.0 with the asynchronous pattern of FHIR R4 (3.1.6). Files are given only to the program
that asked, with its token (`requiresAccessToken`), packed when it takes gzip.
"""

from __future__ import annotations

import re
from email.utils import format_datetime
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from benhan.core.access import Door, Permission, Subject
from benhan.core.access.audit import Event, record
from benhan.core.api import messages
from benhan.core.api.capability import Operation
from benhan.core.api.operations.inputs import Inputs, inputs
from benhan.core.db import Database, Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Malformed, NotFound, Problem
from benhan.core.language import _
from benhan.core.store import export, jobs
from benhan.core.store.bringing import Tally
from benhan.core.store.export import Asked
from benhan.core.store.job_files import File, files, pieces
from benhan.core.store.query import parse
from benhan.core.store.records import instant

NDJSON = "application/fhir+ndjson"
FORMATS = frozenset({NDJSON, "application/ndjson", "ndjson"})
KNOWN = ("_outputFormat", "_since", "_until", "_type", "_typeFilter", "patient")
MAX_PATIENTS = 10_000
RETRY_SECONDS = "1"
_FILE = re.compile(r"(\d{1,4}-\d{1,6})\.ndjson")


async def kick_off_system(request: Request, tx: Transaction, who: Subject) -> Response:
    """`/fhir/$export`: every record of the facility."""
    return await _kick_off(request, tx, who, "system")


async def kick_off_patients(request: Request, tx: Transaction, who: Subject) -> Response:
    """`Patient/$export`: the records of all patients."""
    return await _kick_off(request, tx, who, "patient")


async def kick_off_group(request: Request, tx: Transaction, who: Subject) -> Response:
    """`Group/[id]/$export`: the records of the members of a group."""
    return await _kick_off(request, tx, who, "group", request.path_params["id"])


async def _kick_off(request: Request, tx: Transaction, who: Subject, level: str, group: str | None = None) -> Response:
    if not has_preference(request, "respond-async"):
        raise Malformed(
            _("$export chỉ làm không đồng bộ."), where="Prefer", advice=_("Gửi header Prefer: respond-async.")
        )
    given = await inputs(request)
    _refuse_unknown(request, given)
    if (wanted := given.text("_outputFormat")) and wanted not in FORMATS:
        raise Malformed(_("Chỉ xuất được dạng %(format)s.", format=NDJSON), code="not-supported", where="_outputFormat")
    until = given.moments("_until")
    address = f"{messages.base(request)}{request.url.path.removeprefix('/fhir')}"
    asked = _pairs(given)
    address += f"?{urlencode(asked)}" if asked else ""
    id_ = await export.kick_off(tx, who, address, _asked(given, level), group, until[0] if until else None)
    return Response(status_code=202, headers={"Content-Location": f"{messages.base(request)}/_bulk/{id_}"})


def _refuse_unknown(request: Request, given: Inputs) -> None:
    """What would be left unheeded is refused, unless the caller said that this is all right (`handling=lenient`)."""
    if not has_preference(request, "handling=lenient"):
        given.only(*KNOWN)


def has_preference(request: Request, preference: str) -> bool:
    """Whether the caller's `Prefer` says this, among whatever else."""
    return any(
        word.strip() == preference
        for line in request.headers.getlist("prefer")
        for word in line.replace(";", ",").split(",")
    )


def _pairs(given: Inputs) -> list[tuple[str, str]]:
    """The inputs as a query string has them; references by what they point at."""
    return [(name, value if isinstance(value, str) else _said(value)) for name, value in given.items()]


def _said(value: object) -> str:
    if isinstance(value, r4.Reference):
        return value.reference or ""
    raise Malformed(_("Tham số của $export cần một giá trị đơn."), where="Parameters.parameter")


def _asked(given: Inputs, level: str) -> Asked:
    since = given.moments("_since")
    patients = [_said(one) if not isinstance(one, str) else one for one in given.all("patient")]
    named = sorted({one.removeprefix("Patient/") for many in patients for one in many.split(",") if one})
    if named and level == "system":
        raise Malformed(_("patient chỉ dùng với Patient/$export và Group/[mã]/$export."), where="patient")
    if len(named) > MAX_PATIENTS:
        raise Malformed(_("Quá %(n)s người bệnh.", n=MAX_PATIENTS), code="too-costly", where="patient")
    return Asked(
        level=level,
        types=tuple(dict.fromkeys(given.texts("_type"))),
        since=since[0] if since else None,
        patients=tuple(named) if named else None,
        filters=_filters(given),
    )


def _filters(given: Inputs) -> dict[str, list[dict[str, list[str]]]]:
    """`_typeFilter=Observation?category=laboratory`, each understood before the work begins.

    Raises:
        Malformed: a filter is no search of its type, or asks for paging, sorting or inclusion.
    """
    found: dict[str, list[dict[str, list[str]]]] = {}
    for text in given.all("_typeFilter"):
        name, _mark, question = str(text).partition("?")
        params: dict[str, list[str]] = {}
        for key, value in parse_qsl(question, keep_blank_values=True, max_num_fields=40):
            if key.partition(":")[0] in ("_include", "_revinclude", "_sort", "_count", "_total", "_after"):
                raise Malformed(_("_typeFilter không nhận %(name)s.", name=key[:40]), where="_typeFilter")
            params.setdefault(key, []).append(value)
        codec.resource_type(name)
        parse(name, params)
        found.setdefault(name, []).append(params)
    return found


async def status(request: Request, tx: Transaction, who: Subject) -> Response:
    """202 with the progress while the work goes on, the manifest when it is done."""
    job = await jobs.job(tx, who, request.path_params["job"])
    if job.state == "failed":
        raise Problem(500, "exception", _("Việc hàng loạt bị lỗi."), advice=job.error)
    if job.state != "done":
        done = await jobs.progress(tx, job.id)
        said = f"{done.seen} of about {done.total} records" if job.state == "working" else "waiting"
        return Response(status_code=202, headers={"X-Progress": said, "Retry-After": RETRY_SECONDS})
    assert job.expires
    if job.kind == "import":
        return await imported(request, tx, job)
    found = await files(tx, job.id)
    manifest = {
        "transactionTime": instant(job.moment),
        "request": job.request,
        "requiresAccessToken": True,
        "output": [_output(request, job.id, one) for one in found],
        "deleted": [],
        "error": [],
    }
    return JSONResponse(manifest, headers={"Expires": format_datetime(job.expires, usegmt=True)})


async def imported(request: Request, tx: Transaction, job: jobs.Job, tally: Tally | None = None) -> Response:
    """What an import has done: how many records were taken, and where the refused lines are."""
    done = await jobs.progress(tx, job.id)
    base = f"{messages.base(request)}/_bulk/{job.id}"
    said: dict[str, object] = {
        "transactionTime": instant(job.moment),
        "request": job.request,
        "requiresAccessToken": True,
        "output": [{"count": done.count}],
        "error": [
            {"type": one.type, "url": f"{base}/{one.name}.ndjson", "count": one.count}
            for one in await files(tx, job.id)
        ],
    }
    if tally:
        said["extension"] = {
            "created": tally.created, "updated": tally.updated, "unchanged": tally.unchanged,
            "rejected": tally.rejected,
        }  # fmt: skip
    return JSONResponse(said, headers={"Content-Location": base})


def _output(request: Request, id_: str, file: File) -> dict[str, object]:
    url = f"{messages.base(request)}/_bulk/{id_}/{file.name}.ndjson"
    return {"type": file.type, "url": url, "count": file.count}


async def cancel(request: Request, tx: Transaction, who: Subject) -> Response:
    """Stop the work, or throw its files away."""
    job = await jobs.cancel(tx, who, request.path_params["job"])
    record(tx, who, Event(job.kind, None, job.id, rule="own job", detail="cancelled"))
    return Response(status_code=202)


async def download(request: Request, tx: Transaction, who: Subject) -> Response:
    """A file, piece by piece; packed where the caller takes it so."""
    named = _FILE.fullmatch(request.path_params["file"])
    job = await jobs.job(tx, who, request.path_params["job"])
    known = {one.name: one for one in await files(tx, job.id)} if named and job.state == "done" else {}
    file = known.get(named[1]) if named else None
    if file is None:
        raise NotFound(_("Không có tệp này."))
    detail = f"{file.type}: {file.count} records, file {file.name}"
    record(tx, who, Event("download", file.type, job.id, rule="own job", detail=detail))
    packed = "gzip" in request.headers.get("accept-encoding", "")
    body = pieces(request.app.state.database, who.facility, job.id, file.name, packed=packed)
    headers = {"Vary": "Accept-Encoding"} | ({"Content-Encoding": "gzip"} if packed else {})
    return StreamingResponse(body, headers=headers, media_type=NDJSON)


def exporter(database: Database) -> jobs.Worker:
    """The follower that does the work."""
    return jobs.Worker(database, export.work)


_P = Permission.EXPORT
_BOTH = ("GET", "POST")
_IG = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition"
DOORS = [
    Door("/fhir/$export", kick_off_system, _P, _BOTH),
    Door("/fhir/Patient/$export", kick_off_patients, _P, _BOTH),
    Door("/fhir/Group/{id}/$export", kick_off_group, _P, _BOTH),
    Door("/fhir/_bulk/{job}", status, _P),
    Door("/fhir/_bulk/{job}", cancel, _P, ("DELETE",)),
    Door("/fhir/_bulk/{job}/{file}", download, _P),
]
OPERATIONS = [
    Operation("export", f"{_IG}/export", ()),
    Operation("export", f"{_IG}/patient-export", ("Patient",)),
    Operation("export", f"{_IG}/group-export", ("Group",)),
]
FOLLOWERS = [exporter]
