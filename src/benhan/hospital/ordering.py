"""Orders: what can be ordered, what would be done twice, and when an order may still be taken back. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import codes
from benhan.core.kit.clock import local, vn_date
from benhan.core.kit.codes import Code
from benhan.core.language import _
from benhan.hospital.queue_rules import CANCELLED
from benhan.hospital.usage import weights
from benhan.hospital.visit import DONE, IMAGING, LABORATORY, SERVED, code_of, display_of, id_of, moment

#: Kinds of the service list that are ordered here.
KINDS: Final = frozenset({LABORATORY, IMAGING})
#: A result not older than this is shown before the same is ordered again. Law 15/2023 art. 7 and TT 46/2018 ask to
#: use what is there; the number of days is the hospital's choice, these are Benhan's.
RECENT: Final = {LABORATORY: timedelta(days=7), IMAGING: timedelta(days=30)}
REPORTED: Final = frozenset({"final", "amended", "corrected", "preliminary", "partial", "registered"})
WITHDRAWN: Final = frozenset({"revoked", "entered-in-error"})

WAITING, RUNNING, READY = "waiting", "running", "ready"


class NeedsConfirmation(Invalid):
    """422: the same was ordered today, or has a recent result; the doctor must say that she wants it again."""


class Repeat(msgspec.Struct, frozen=True):
    """Why an order looks like a repetition."""

    message: str
    when: datetime | None = None


def kind_of(order: r4.ServiceRequest) -> str:
    """Laboratory or imaging."""
    return next((code for one in order.category or [] if (code := code_of(one)) in KINDS), LABORATORY)


def live(orders: Iterable[r4.ServiceRequest]) -> list[r4.ServiceRequest]:
    """Orders that nobody took back."""
    return [one for one in orders if one.status not in WITHDRAWN]


def repeats(
    service: Code,
    visit_id: str,
    orders: Iterable[r4.ServiceRequest],
    reports: Iterable[r4.DiagnosticReport],
    at: datetime,
) -> list[Repeat]:
    """What says that this service was ordered today already, or has a recent result."""
    same = [one for one in live(orders) if code_of(one.code, systems.SERVICES) == service.code]
    found = []
    for order in same:
        when = moment(order.authoredOn)
        if id_of(order.encounter) == visit_id or (when and when.date() == local(at).date()):
            found.append(Repeat(_("%(what)s đã được chỉ định hôm nay", what=service.name), when))
    if found:
        return found[:1]
    since = at - RECENT.get(service["kind"], RECENT[LABORATORY])
    ids = {one.id for one in same}
    for report in reports:
        when = moment(report.effectiveDateTime or report.issued)
        about = any(id_of(order) in ids for order in report.basedOn or []) or (
            code_of(report.code, systems.SERVICES) == service.code
        )
        if about and when and when >= since and report.status not in ("cancelled", "entered-in-error"):
            message = _("%(what)s đã có kết quả ngày %(day)s", what=service.name, day=vn_date(when))
            found.append(Repeat(message, when))
    return found[:1]


def state(order: r4.ServiceRequest, reports: Iterable[r4.DiagnosticReport], ticket: r4.Task | None) -> str:
    """Where an order stands: "ready" (result is there), "running" (begun), "waiting"."""
    mine = [one for one in reports if any(id_of(basis) == order.id for basis in one.basedOn or [])]
    if any(one.status in ("final", "amended", "corrected") for one in mine) or order.status == "completed":
        return READY
    if any(one.status in REPORTED for one in mine):
        return RUNNING
    begun = ticket is not None and ticket.status in (SERVED, DONE)
    return RUNNING if begun else WAITING


def may_cancel(order: r4.ServiceRequest, where: str) -> bool:
    """An order can be taken back until somebody began with it."""
    return order.status in ("active", "draft", "on-hold") and where == WAITING


def ticket_for(kind: str, tickets: Iterable[r4.Task], rooms: dict[str, str]) -> r4.Task | None:
    """The newest ticket of the visit for a kind of room (`rooms`: room id → kind) that was not cancelled."""
    mine = [one for one in tickets if one.status != CANCELLED and rooms.get(id_of(one.location) or "") == kind]
    return max(mine, key=lambda one: one.authoredOn or "", default=None)


def title(order: r4.ServiceRequest) -> str:
    """What was ordered, as it is read."""
    return display_of(order.code)


async def find(tx: Transaction, who: Subject, query: str, limit: int = 12) -> list[Code]:
    """Services for laboratory and imaging that a person means, the most used here first."""
    book = codes.services()
    used = await weights(tx, who, r4.ServiceRequest, systems.SERVICES, book)
    return book.find(query, limit, within={"kind": KINDS}, weights=used)


def look_up(code: str) -> Code:
    """A service that can be ordered here.

    Raises:
        Invalid: the list has no such code, or it is not done in a laboratory or by imaging.
    """
    service = codes.services().get(code.strip())
    if service is None or service["kind"] not in KINDS:
        raise Invalid(
            _("Không có dịch vụ mã %(code)s để chỉ định.", code=code[:30] or "?"),
            where="service",
            advice=_("Gõ tên xét nghiệm hoặc kỹ thuật rồi chọn trong danh sách."),
        )
    return service
