"""`/kham/{visit}/nhan-dinh/{note}`: a former assessment of the patient, opened from the consultation."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject, signature
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import NotFound
from benhan.core.kit import pages
from benhan.core.language import _
from benhan.hospital.clinic import assessments, conclusion
from benhan.hospital.clinic.heading import heading
from benhan.hospital.visit import id_of, plain


async def page(request: Request, tx: Transaction, who: Subject) -> Response:
    """What was asked, what the doctor assessed, and whether her signature holds.

    Raises:
        Forbidden; NotFound: there is none, or it is of somebody else than whose visit this is.
    """
    visit = await store.read(tx, who, r4.Encounter, request.path_params["visit"])
    note = await store.read(tx, who, r4.Composition, request.path_params["note"])
    if not assessments.is_one(note) or id_of(note.subject) != id_of(visit.subject):
        raise NotFound(_("Không có nhận định này."))
    found = await store.search(tx, who, r4.Provenance, {"target": f"Composition/{note.id}", "_count": "10"})
    signed = next((given for one in found.resources if (given := signature.read(one))), None)
    records = (await conclusion.as_signed(tx, who, signed))[0] if signed else []
    return pages.render(
        request, "clinic/assessment.html", heading=await heading(tx, who, visit), title=note.title or "",
        parts=[(one.title or "", plain(one.text)) for one in note.section or []], signed=signed,
        intact=await asyncio.to_thread(signed.matches, records) if signed else False,
    )  # fmt: skip


DOORS = [Door("/kham/{visit}/nhan-dinh/{note}", page, Permission.READ_CHART)]
