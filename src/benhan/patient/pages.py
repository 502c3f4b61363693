"""The doors of the patient: opening the link, her day, results, visits, who looked; and the desk that makes a link."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, LiveDoor, Permission, Subject
from benhan.core.access.accounts import sign_out
from benhan.core.access.audit import openings, refused_dates
from benhan.core.access.doors import COOKIE
from benhan.core.access.glass import REASONS
from benhan.core.access.glass_review import of_patient
from benhan.core.access.personal_links import LINK_DAYS, SESSION_HOURS
from benhan.core.db import Transaction
from benhan.core.kit import forms, marks, pages
from benhan.core.kit.clock import local, now
from benhan.core.language import _
from benhan.core.store.live import since
from benhan.hospital.visit import OUTCOMES, full_name, ticket_number
from benhan.patient import links, live, papers, record, rules
from benhan.patient.whys import role_of, what_seen, why

pages.register("patient", "benhan.patient")


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
    template = "patient/_today.html" if pages.is_fragment(request) else "patient/today.html"
    return _shown(
        request, template, "hom-nay", person=person, number=rules.number_of(person), name=full_name(person), day=day,
        told=told, last=last, coming=coming, coming_at=rules.day_of(coming) if coming else None,
        coming_code=record.booking_code(coming) if coming else "", ticket_number=ticket_number,
        broken=await record.emergencies(tx, who),
        curves=rules.curves(told.results) if told else [], here_at=request.app.state.settings.public_url,
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
    return _shown(
        request, "patient/visit.html", "luot-kham", told=told, curves=rules.curves(told.results),
        papers=papers.of_visit(who, told),
    )  # fmt: skip


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
    return live.words(request.app, who, since(request.headers, request.query_params), moved="mine")


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
