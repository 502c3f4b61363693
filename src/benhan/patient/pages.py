"""The doors of the patient: opening the link, her day, results, visits, who looked; and the desk that makes a link."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, LiveDoor, Permission, Subject
from benhan.core.access.accounts import sign_out
from benhan.core.access.acting import KIND_NAMES, Kind
from benhan.core.access.audit import Opening, openings, refused_dates
from benhan.core.access.doors import COOKIE
from benhan.core.access.glass import REASONS
from benhan.core.access.glass_review import Broken, of_patient
from benhan.core.access.personal_links import LINK_DAYS, SESSION_HOURS
from benhan.core.access.roles import ROLE_NAMES, Role
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.kit import forms, marks, pages
from benhan.core.kit.clock import local, now
from benhan.core.language import _, later
from benhan.core.store import feed
from benhan.core.store.live import Live, since
from benhan.hospital.visit import OUTCOMES, full_name, ticket_number
from benhan.patient import links, record, rules
from benhan.patient.position import Position, position
from benhan.patient.whys import why

pages.register("patient", "benhan.patient")

#: Changes of her own record that her open page follows; and how often her place in the queue is looked at.
WATCHED: Final = frozenset(
    {"Encounter", "Task", "ServiceRequest", "DiagnosticReport", "MedicationRequest", "Composition", "Appointment"}
)
LOOK_SECONDS: Final = 8.0
#: So long her first page says that her record was opened in an emergency.
TOLD: Final = timedelta(days=30)
BREATHS: Final = 2
#: Types of records as she would call them; others are not named.
KINDS: Final = {
    "Patient": later("hành chính"),
    "Encounter": later("lượt khám"),
    "Composition": later("phiếu khám"),
    "Condition": later("chẩn đoán"),
    "Observation": later("sinh hiệu, kết quả"),
    "DiagnosticReport": later("kết quả"),
    "ServiceRequest": later("chỉ định"),
    "MedicationRequest": later("đơn thuốc"),
    "AllergyIntolerance": later("dị ứng"),
    "Appointment": later("lịch hẹn"),
    "Coverage": later("thẻ BHYT"),
    "CoverageEligibilityResponse": later("thẻ BHYT"),
    "Task": later("số thứ tự"),
    "Consent": later("đồng ý"),
    "Communication": later("yêu cầu về dữ liệu"),
}


def _birth() -> list[forms.Field]:
    return [forms.day("birth", _("Ngày sinh"), required=True, hint=_("ngày/tháng/năm, ví dụ 03/02/1956"))]


async def closed(request: Request, tx: Transaction, who: Subject) -> Response:
    """`/nguoi-benh/mo-lai`: for somebody whose session is over."""
    return pages.render(
        request, "patient/closed.html", facility=who.facility_name, code=who.facility_code, links_days=LINK_DAYS
    )


async def ask(request: Request, tx: Transaction, who: Subject) -> Response:
    """`/nguoi-benh/{token}`: ask for the birth date."""
    facility = await links.facility_of(tx, request.path_params["token"])
    return pages.render(request, "patient/birth.html", form=forms.blank(_birth()), facility=facility)


async def answer(request: Request, tx: Transaction, who: Subject) -> Response:
    """The birth date, given: to the page, or the same form with what was wrong."""
    token = request.path_params["token"]
    facility = await links.facility_of(tx, token)
    form = await forms.read_form(request, _birth())
    session = None if form.errors else await links.enter(tx, token, form["birth"])
    if session is None:
        if not form.errors:
            form.errors.add("birth", _("Ngày sinh không khớp với hồ sơ của liên kết này"))
        return pages.render(request, "patient/birth.html", 422, form=form, facility=facility)
    opened = RedirectResponse(links.ROOT, 303)
    secure = request.app.state.settings.secure_cookies
    opened.set_cookie(
        COOKIE, session, httponly=True, secure=secure, samesite="lax", max_age=SESSION_HOURS * 3600
    )  # fmt: skip
    return opened


async def my_day(request: Request, tx: Transaction, who: Subject) -> Response:
    """`/nguoi-benh`: today's visit, or that there is none; for htmx the part that is alive."""
    if who.relation and (elsewhere := rules.first_page(who.relation.parts)) != links.ROOT:
        return RedirectResponse(elsewhere, 303)
    day = await record.today(tx, who)
    told = await record.told(tx, who, day.visit.id or "") if day else None
    last = None if day else next(iter(await record.lines(tx, who)), None)
    coming = await record.appointment(tx, who)
    person = await record.person(tx, who)
    named = who.relation is not None and who.relation.kind is Kind.NAMED  # who opened it is not among her parts
    broken = [] if named else [one for one in await of_patient(tx, who, who.patient or "") if one.begun > now() - TOLD]
    template = "patient/_today.html" if pages.is_fragment(request) else "patient/today.html"
    return _shown(
        request, template, "hom-nay", person=person, number=rules.number_of(person), name=full_name(person), day=day,
        told=told, last=last, coming=coming, coming_at=rules.day_of(coming) if coming else None,
        coming_code=record.booking_code(coming) if coming else "", ticket_number=ticket_number,
        broken=broken, curves=rules.curves(told.results) if told else [], here_at=request.app.state.settings.public_url,
    )  # fmt: skip


async def my_results(request: Request, tx: Transaction, who: Subject) -> Response:
    """`/nguoi-benh/ket-qua`: everything measured, with its course, and the imaging reports."""
    curves, findings = await record.reports(tx, who)
    return _shown(request, "patient/results.html", "ket-qua", curves=curves, findings=findings)


async def my_visits(request: Request, tx: Transaction, who: Subject) -> Response:
    """`/nguoi-benh/luot-kham`: all visits, newest first."""
    return _shown(request, "patient/visits.html", "luot-kham", lines=await record.lines(tx, who))


async def my_visit(request: Request, tx: Transaction, who: Subject) -> Response:
    """`/nguoi-benh/luot-kham/{visit}`: one visit."""
    told = await record.told(tx, who, request.path_params["visit"])
    return _shown(request, "patient/visit.html", "luot-kham", told=told, curves=rules.curves(told.results))


async def my_medicines(request: Request, tx: Transaction, who: Subject) -> Response:
    """`/nguoi-benh/thuoc`: what was prescribed, for who may see that and not the visits."""
    return _shown(request, "patient/medicines.html", "thuoc", found=await record.medicines(tx, who))


async def who_opened(request: Request, tx: Transaction, who: Subject) -> Response:
    """`/nguoi-benh/ai-da-mo`: who opened the record, when, what, and why."""
    found = await openings(tx, who, who.patient or "")
    wrong = await refused_dates(tx, who, who.patient or "")
    days = await record.days(tx, who)
    return _shown(
        request, "patient/opened.html", "ai-da-mo", openings=found, wrong=wrong, role_of=role_of, seen=what_seen,
        local=local, why=lambda one: why(one, days), broken=await of_patient(tx, who, who.patient or ""),
        reasons=REASONS,
    )  # fmt: skip


async def leave(request: Request, tx: Transaction, who: Subject) -> Response:
    """`/nguoi-benh/thoat`: end the session."""
    await sign_out(tx, who, request.cookies.get(COOKIE, ""))
    gone = RedirectResponse(f"{links.ROOT}/mo-lai", 303)
    gone.delete_cookie(COOKIE)
    return gone


async def make_link(request: Request, tx: Transaction, who: Subject) -> Response:
    """`/nguoi-benh/lien-ket/{patient}` (staff): a new personal link to print, or to scan from the screen."""
    base = request.app.state.settings.public_url
    person, address = await links.personal_link(tx, who, request.path_params["patient"], base)
    return pages.render(
        request, "patient/link.html", name=full_name(person), address=address, facility=who.facility_name,
        days=LINK_DAYS, qr=marks.qr_svg(address, label=_("Liên kết cá nhân của người bệnh")),
    )  # fmt: skip


async def stream(request: Request, who: Subject) -> AsyncGenerator[str, None]:
    """`/nguoi-benh/truc-tiep`: an event `mine` when her record or her place in the queue has changed."""
    return _events(request.app, who, since(request.headers, request.query_params))


async def _events(app: Any, who: Subject, missed: feed.Position | None = None) -> AsyncGenerator[str, None]:
    hub: Live = app.state.live
    async with hub.watch(who, WATCHED, who.patient, missed) as queue:
        yield "retry: 3000\n\n"
        ticket = await _ticket(app, who)
        place, quiet = await _place(app, who, ticket), 0
        while not hub.stopping.is_set():
            try:
                if await asyncio.wait_for(queue.get(), LOOK_SECONDS) is None:
                    return
                while not queue.empty():
                    queue.get_nowait()
                changed, ticket = True, await _ticket(app, who)
            except TimeoutError:
                changed = False
            before, place, quiet = place, await _place(app, who, ticket), quiet + 1
            if changed or place != before:
                quiet = 0
                yield "event: mine\ndata: {}\n\n"
            elif quiet >= BREATHS:
                quiet = 0
                yield ": \n\n"


async def _ticket(app: Any, who: Subject) -> r4.Task | None:
    """The ticket that her page shows."""
    async with app.state.database.transaction(who.facility) as tx:
        day = await record.today(tx, who)
    return day.ticket if day else None


async def _place(app: Any, who: Subject, ticket: r4.Task | None) -> Position | None:
    """Her place in the queue now."""
    if ticket is None:
        return None
    async with app.state.database.transaction(who.facility) as tx:
        return await position(tx, who.facility, ticket)


def role_of(opening: Opening | Broken) -> str:
    """What somebody is, in words."""
    if opening.account.startswith("client:"):
        return _("chương trình của bệnh viện")
    if isinstance(opening, Opening) and opening.relation:
        return _(KIND_NAMES[Kind(opening.relation)])
    known = [_(ROLE_NAMES[Role(role)]) for role in opening.roles if role in ROLE_NAMES]
    return ", ".join(known) or _("tài khoản đã đóng")


def what_seen(opening: Opening) -> str:
    """What somebody looked at, in words, each once."""
    return ", ".join(dict.fromkeys(_(KINDS[type_]) for type_ in opening.types if type_ in KINDS))


def _shown(request: Request, template: str, tab: str, **context: Any) -> Response:
    return pages.render(request, template, tab=tab, rules=rules, outcomes=OUTCOMES, at_now=now(), **context)


_OWN, _ANYONE = Permission.OWN_RECORD, Permission.ANYONE
DOORS: list[Door | LiveDoor] = [
    Door("/nguoi-benh", my_day, _OWN),
    Door("/nguoi-benh/ket-qua", my_results, _OWN),
    Door("/nguoi-benh/luot-kham", my_visits, _OWN),
    Door("/nguoi-benh/luot-kham/{visit}", my_visit, _OWN),
    Door("/nguoi-benh/thuoc", my_medicines, _OWN),
    Door("/nguoi-benh/ai-da-mo", who_opened, _OWN),
    Door("/nguoi-benh/thoat", leave, _OWN, ("POST",)),
    LiveDoor("/nguoi-benh/truc-tiep", stream, _OWN),
    Door("/nguoi-benh/mo-lai", closed, _ANYONE),
    Door("/nguoi-benh/lien-ket/{patient}", make_link, Permission.SHARE, ("POST",)),
    Door("/nguoi-benh/{token}", ask, _ANYONE),
    Door("/nguoi-benh/{token}", answer, _ANYONE, ("POST",)),
]
