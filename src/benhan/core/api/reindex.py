"""`$reindex`: have the records of the facility indexed again, and see how far it is.

Answers at once with 202 and where to look (the asynchronous pattern of FHIR R4, 3.1.6); the work is done in the
background by `store/reindex.py`, which also does what a new program or a new search parameter makes necessary.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.api import messages
from benhan.core.api.capability import Operation
from benhan.core.api.operations.inputs import inputs
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Malformed
from benhan.core.language import _
from benhan.core.store import reindex
from benhan.core.store.records import NUMBERS, instant
from benhan.core.store.reindex import Reindexer, Status

RETRY_SECONDS = "2"


async def ask(request: Request, tx: Transaction, who: Subject) -> Response:
    """Index all records of the facility again, or those of the types named by `type`."""
    given = await inputs(request)
    given.only("type")
    types = [name for text in given.texts("type") for name in text.split(",") if name]
    for name in types:
        if name not in NUMBERS:
            raise Malformed(_("Không có loại bản ghi “%(name)s”.", name=name[:60]), where="type")
    job = await reindex.ask(tx, who, types)
    return Response(status_code=202, headers={"Content-Location": f"{messages.base(request)}/$reindex/{job}"})


async def one(request: Request, tx: Transaction, who: Subject) -> Response:
    """One job: 202 with its progress while it lasts, 200 when it has ended."""
    job = request.path_params["job"]
    found = (await reindex.status(tx, who.facility, int(job) if job.isdecimal() and len(job) < 18 else 0))[0]
    parameters = r4.Parameters(parameter=_parts(found))
    if found.ended:
        return messages.answer(parameters)
    progress = {"X-Progress": f"{found.redone}/{found.total}", "Retry-After": RETRY_SECONDS}
    return messages.answer(parameters, 202, progress)


async def every(_request: Request, tx: Transaction, who: Subject) -> Response:
    """The jobs of the facility and of the whole platform, the newest first."""
    found = await reindex.status(tx, who.facility)
    return messages.answer(
        r4.Parameters(parameter=[r4.ParametersParameter(name="job", part=_parts(one)) for one in found] or None)
    )


def _parts(status: Status) -> list[r4.ParametersParameter]:
    parts = [
        r4.ParametersParameter(name="number", valueString=str(status.job)),
        r4.ParametersParameter(name="reason", valueCode=status.reason),
        r4.ParametersParameter(name="started", valueInstant=instant(status.started)),
        r4.ParametersParameter(name="total", valueUnsignedInt=status.total),
        r4.ParametersParameter(name="done", valueUnsignedInt=status.redone),
        r4.ParametersParameter(name="failed", valueUnsignedInt=status.failed),
    ]
    if status.ended:
        parts.append(r4.ParametersParameter(name="ended", valueInstant=instant(status.ended)))
    if status.parameter:
        parts.append(r4.ParametersParameter(name="parameter", valueInteger=status.parameter))
    return parts + [r4.ParametersParameter(name="problem", valueString=text) for text in status.named]


DOORS = [
    Door("/fhir/$reindex", ask, Permission.REINDEX, ("POST",)),
    Door("/fhir/$reindex", every, Permission.REINDEX),
    Door("/fhir/$reindex/{job}", one, Permission.REINDEX),
]
OPERATIONS = [Operation("reindex", f"{systems.BENHAN}/OperationDefinition/reindex")]
FOLLOWERS = [Reindexer]
