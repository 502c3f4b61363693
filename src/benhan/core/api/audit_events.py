"""`/fhir/AuditEvent`: who did what, for programs that review access (an inspector's, a security centre's). Read-only.

The audit is not a record of the store: nobody creates, changes or deletes an AuditEvent, and these doors read the table
the acts were written to. They understand few parameters and refuse the others, lest an answer say more than was asked.
Standard: HL7 FHIR R4 AuditEvent; IHE BALP for its shape (`access/audit_event.py`).
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.access.acts import LAST, Asked, Page, Place, accounts_of, act, acts
from benhan.core.access.audit_event import actions_of, audit_event
from benhan.core.api import messages
from benhan.core.api.searching import Params, asked
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Malformed, NotFound
from benhan.core.language import _
from benhan.core.store.query.values import span, whole

NAME: Final = "AuditEvent"
USUAL, MOST = 100, 1000
#: What may be asked, with the type of the parameter.
PARAMETERS: Final = {"patient": "reference", "agent": "reference", "date": "date", "action": "token"}
_SHAPE: Final = frozenset({"_count", "_after", "_format", "_pretty"})
_PLACE = re.compile(r"(\d{1,19})-(\d{1,19})", re.ASCII)


async def search(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET AuditEvent?patient=…&agent=…&date=…&action=…`, newest first, in pages; asking is itself audited."""
    params = await asked(request)
    if unknown := sorted(set(params) - set(PARAMETERS) - _SHAPE):
        raise Malformed(
            _("Không có điều kiện tìm “%(name)s” ở sổ vết.", name=unknown[0][:60]), where=unknown[0][:60],
            advice=_("Dùng %(names)s.", names=", ".join(PARAMETERS)),
        )  # fmt: skip
    count = min(max(whole("_count", params.get("_count", [str(USUAL)])[-1]), 1), MOST)
    page = await acts(tx, who, await _asked(tx, who, params), _after(params), count)
    bundle = _bundle(messages.base(request), who, params, page)
    return Response(codec.encode(bundle), 200, {"Cache-Control": "no-store"}, messages.JSON)


async def read(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET AuditEvent/[id]`: one act by the place of its row."""
    id_ = request.path_params["id"]
    place = _place(id_)
    found = await act(tx, who, place) if place else None
    if found is None:
        raise NotFound(_("Không có AuditEvent/%(id)s.", id=id_[:64]), where=NAME)
    event = audit_event(found, who.facility_code, who.facility_name)
    return Response(codec.encode(event), 200, {"Cache-Control": "no-store"}, messages.JSON)


async def _asked(tx: Transaction, who: Subject, params: Params) -> Asked:
    since, until = _period(params.get("date", []))
    letters = frozenset(one.rpartition("|")[2] for value in params.get("action", []) for one in value.split(","))
    if not letters <= set("CRUDE"):
        raise Malformed(_("action là một trong C, R, U, D, E."), where="action")
    return Asked(
        patient=_one(params, "patient", "Patient"),
        accounts=await _accounts(tx, who, params.get("agent")),
        actions=actions_of(letters) if letters else None,
        since=since,
        until=until,
    )


async def _accounts(tx: Transaction, who: Subject, agents: list[str] | None) -> tuple[str, ...] | None:
    """`agent=Practitioner/x` is every account of hers, `Patient/x` the patient herself, anything else an account."""
    if agents is None:
        return None
    named = [one for value in agents for one in value.split(",") if one]
    people = [one.removeprefix("Practitioner/") for one in named if one.startswith("Practitioner/")]
    others = [one for one in named if not one.startswith("Practitioner/")]
    patients = [f"patient:{one.removeprefix('Patient/')}" for one in others if one.startswith("Patient/")]
    plain = [one for one in others if not one.startswith("Patient/")]
    return (*plain, *patients, *(await accounts_of(tx, who, people) if people else ()))


def _period(dates: list[str]) -> tuple[datetime | None, datetime | None]:
    """The half-open period that all `date` parameters leave."""
    since, until = None, None
    for text in dates:
        prefix, lo, hi = span("date", text)
        if prefix not in ("eq", "ge", "gt", "sa", "le", "lt", "eb"):
            raise Malformed(_("date ở sổ vết nhận eq, ge, gt, le, lt."), where="date")
        first = {"eq": lo, "ge": lo, "gt": hi, "sa": hi}.get(prefix)
        behind = {"eq": hi, "le": hi, "lt": lo, "eb": lo}.get(prefix)
        since = max(filter(None, (since, first)), default=None)
        until = min(filter(None, (until, behind)), default=None)
    return since, until


def _one(params: Params, name: str, type_: str) -> str | None:
    values = params.get(name)
    if values is None:
        return None
    if len(values) > 1 or not re.fullmatch(rf"({type_}/)?[A-Za-z0-9.-]{{1,64}}", values[0]):
        raise Malformed(_("%(name)s cần đúng một tham chiếu.", name=name), where=name)
    return values[0].removeprefix(f"{type_}/")


def _after(params: Params) -> Place | None:
    if "_after" not in params:
        return None
    place = _place(params["_after"][-1])
    if place is None:
        raise Malformed(_("Vị trí trang không đọc được."), where="_after")
    return place


def _place(text: str) -> Place | None:
    """`734-99812`: where a row stands; None for anything else."""
    found = _PLACE.fullmatch(text)
    place = (int(found[1]), int(found[2])) if found else LAST
    return place if max(place) < LAST[0] else None


def _bundle(base: str, who: Subject, params: Params, page: Page) -> r4.Bundle:
    used = [(name, value) for name, values in params.items() for value in values]
    links = [("self", used)]
    if page.next:
        links.append(
            ("next", [*(one for one in used if one[0] != "_after"), ("_after", f"{page.next[0]}-{page.next[1]}")])
        )
    return r4.Bundle(
        type="searchset",
        link=[r4.BundleLink(relation=name, url=f"{base}/{NAME}?{urlencode(pairs)}") for name, pairs in links],
        entry=[
            r4.BundleEntry(
                fullUrl=f"{base}/{NAME}/{one.key}",
                resource=audit_event(one, who.facility_code, who.facility_name),
                search=r4.BundleEntrySearch(mode="match"),
            )
            for one in page.acts
        ]
        or None,
    )


_MAY = Permission.READ_AUDIT
DOORS = [
    Door(f"/fhir/{NAME}", search, _MAY),
    Door(f"/fhir/{NAME}/_search", search, _MAY, ("POST",)),
    Door(f"/fhir/{NAME}/{{id:one}}", read, _MAY),
]
