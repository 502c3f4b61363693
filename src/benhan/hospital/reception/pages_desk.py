"""The desk: one field, one person, Enter. `/tiep-don`.

Every step is a plain form or link; scripts only make it quicker. What was scanned travels in bodies, never in an
address.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Interaction, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Invalid, NotFound, Problem
from benhan.core.kit import clock, forms, pages, printing
from benhan.core.kit.matching import Facts, facts_of
from benhan.core.kit.pages import NavItem
from benhan.core.kit.text import fold
from benhan.core.language import _, later
from benhan.core.store.records import new_id
from benhan.hospital.reception import desk, desk_view, eligibility, figures, identify, person_form, rooms
from benhan.hospital.reception.booking_rules import AWAITED, guest_of
from benhan.hospital.visit import PRIORITY_GROUPS, id_of, moment
from benhan.hospital.way import way

#: A desk may switch the printing of each ticket off; the choice stays with its browser.
PRINT_COOKIE: Final = "in-phieu"
#: After so long a page with a ticket no longer shows and prints it (somebody reloads, or comes back).
FRESH_SECONDS: Final = 20
_YEAR: Final = 31_536_000


def identify_fields() -> list[forms.Field]:
    """The one field. `new` asks for a new record whatever was found."""
    return [
        forms.text("q", _("Thẻ, mã, tên hoặc số điện thoại"), most=2000),
        forms.flag("new", _("Hồ sơ mới")),
        forms.hidden("hits", most=1500),
        forms.hidden("scanned", most=20),
    ]


def arrival_fields() -> list[forms.Field]:
    """What receiving somebody takes."""
    groups = [(key, _(name)) for key, name in PRIORITY_GROUPS.items()]
    return [
        forms.text("q", _("Thẻ, mã, tên hoặc số điện thoại"), most=2000),
        forms.hidden("patient", required=True, most=64),
        forms.hidden("booking", most=64),
        forms.hidden("key", required=True, most=64),
        forms.hidden("scanned", most=20),
        forms.hidden("room", required=True, most=64),
        forms.choice("group", _("Ưu tiên"), groups),
        forms.text("reason", _("Lý do khám"), most=300),
    ]


async def desk_page(request: Request, tx: Transaction, who: Subject) -> Response:
    """The desk with nobody before it; `?phieu=` shows the ticket that was just issued."""
    issued = await _just_issued(request, tx, who)
    return await _desk(request, tx, who, issued=issued, expected=await desk_view.expected(tx, who))


async def identify_posted(request: Request, tx: Transaction, who: Subject) -> Response:
    """Something was scanned or typed."""
    form = await forms.read_form(request, identify_fields())
    text = form["q"] or ""
    if (chosen := _chosen_hit(form, text)) is not None:
        return RedirectResponse(chosen, 303)
    return await _identified(request, tx, who, text, new=form["new"])


async def person_page(request: Request, tx: Transaction, who: Subject) -> Response:
    """The desk with one person before it."""
    patient = await store.read(tx, who, r4.Patient, request.path_params["patient"])
    booking = await _booking(tx, who, request.query_params.get("hen"))
    return await _person(request, tx, who, patient, booking, scanned=request.query_params.get("luc"))


async def arrival_posted(request: Request, tx: Transaction, who: Subject) -> Response:
    """Enter: receive the person; or, where the field says something else, do that."""
    form = await forms.read_form(request, arrival_fields())
    text = form["q"] or ""
    places = {room.id: room for room in await rooms.open_rooms(tx, who)}
    room = places.get(form["room"] or "")
    if text:
        named = _room_named(text, list(places.values()), room)
        if named is None:
            return await _identified(request, tx, who, text)
        room = named
    form.require()
    if room is None:
        raise Invalid(_("Chưa chọn phòng khám."), where="room", advice=_("Chọn một phòng bằng phím số."))
    arrival = desk.Arrival(
        key=form_key(form["key"]),
        patient=form["patient"],
        room=room,
        booking=form["booking"],
        group=form["group"],
        reason=form["reason"] or "",
        scanned=desk_view.scanned_at(form["scanned"]),
    )
    ticket = await desk.check_in(tx, who, arrival)
    return RedirectResponse(f"/tiep-don?phieu={ticket.id}", 303)


async def undo_posted(request: Request, tx: Transaction, who: Subject) -> Response:
    """Take a reception back."""
    ticket = await desk.undo(tx, who, request.path_params["ticket"])
    return RedirectResponse(f"/tiep-don?bo={ticket.id}", 303)


async def today_part(request: Request, tx: Transaction, who: Subject) -> Response:
    """The right column by itself: re-fetched when tickets change."""
    return pages.render(request, "reception/desk_today.html", **await _today(tx, who, await rooms.open_rooms(tx, who)))


async def insurance_part(request: Request, tx: Transaction, who: Subject) -> Response:
    """The insurance of a person by itself, while the portal is being asked; a POST asks (again)."""
    patient = await store.read(tx, who, r4.Patient, request.path_params["patient"])
    question = None
    if request.method == "POST":
        question = await eligibility.ask(tx, who, patient, again=True)
    if request.method == "POST" and not pages.is_fragment(request):
        back: Response = RedirectResponse(f"/tiep-don/nguoi/{patient.id}", 303)
        return eligibility.afterwards(back, request.app, who, question)
    standing = await eligibility.standing(tx, who, patient, request.app)
    shown = pages.render(request, "reception/desk_insurance.html", patient=patient.id, insurance=standing)
    return eligibility.afterwards(shown, request.app, who, question)


async def ticket_page(request: Request, tx: Transaction, who: Subject) -> Response:
    """The ticket on paper of 80 mm; with `?in=1` it prints itself."""
    ticket = await store.read(tx, who, r4.Task, request.path_params["ticket"])
    view = desk_view.ticket_view(ticket, await way(tx, who.facility, ticket.location))
    prints = request.query_params.get("in") == "1"
    if prints:
        await _printed(tx, who, ticket, "phieu")
    return pages.render(request, "reception/desk_ticket.html", ticket=view, prints=prints)


async def _printed(tx: Transaction, who: Subject, ticket: r4.Task, what: str) -> None:
    patient = (ticket.for_.reference or "").removeprefix("Patient/") if ticket.for_ else None
    await store.copied(tx, who, Interaction.PRINT, "Task", ticket.id, patient, what)


async def ticket_pdf(request: Request, tx: Transaction, who: Subject) -> Response:
    """The ticket as PDF, for printers that take files."""
    ticket = await store.read(tx, who, r4.Task, request.path_params["ticket"])
    view = desk_view.ticket_view(ticket, await way(tx, who.facility, ticket.location))
    issued = moment(ticket.authoredOn) or clock.now()
    data = {
        "facility": {"name": who.facility_name}, "title": "Phiếu số thứ tự", "number": view.number, "room": view.room,
        "place": view.way or None, "priority": view.priority or None, "name": view.patient,
        "date": issued.date().isoformat(),
        "lines": ["Xin chờ gọi số trước cửa phòng"], "printed": clock.vn_datetime(issued),
    }  # fmt: skip
    await _printed(tx, who, ticket, "phieu.pdf")
    body = await printing.render("ticket", data)
    headers = {"Content-Disposition": f'inline; filename="{view.number}.pdf"', "Cache-Control": "no-store"}
    return Response(body, media_type="application/pdf", headers=headers)


async def printing_posted(request: Request, tx: Transaction, who: Subject) -> Response:
    """Switch the printing of each ticket on or off for this desk."""
    answer = RedirectResponse("/tiep-don", 303)
    value = "0" if _prints(request) else "1"
    answer.set_cookie(
        PRINT_COOKIE, value, max_age=_YEAR, httponly=True, secure=request.url.scheme == "https", samesite="lax"
    )
    return answer


# Steps


async def _identified(request: Request, tx: Transaction, who: Subject, text: str, *, new: bool = False) -> Response:
    """The page after something was typed: the one person, a choice, a form for a new one, or what was wrong."""
    scanned = str(int(time.time() * 1000))
    try:
        found = await identify.identify(tx, who, text)
    except Problem as wrong:
        return await _desk(request, tx, who, status=wrong.status, problem=wrong, typed=text)
    only = found.only
    if only and only.patient and not new:
        question = await eligibility.ask(tx, who, only.patient)
        answer: Response = RedirectResponse(_address(only, scanned), 303)
        return eligibility.afterwards(answer, request.app, who, question)
    if found.hits and not new and (only is None or only.patient):
        shown = [(hit, _address(hit, scanned), _hit_about(hit)) for hit in found.hits]
        return await _desk(request, tx, who, found=found, hits=shown, typed=text, scanned=scanned)
    return await _new_person(request, tx, who, found, scanned, text)


async def _new_person(
    request: Request, tx: Transaction, who: Subject, found: identify.Found, scanned: str, text: str
) -> Response:
    """Nobody found: a form that is filled as far as the card, the booking or the typed text goes."""
    booking = next((hit.booking for hit in found.hits if hit.patient is None and hit.booking), None)
    facts = _completed(found.facts, booking)
    form = person_form.filled(facts, key=new_id(), scanned=scanned, booking=booking.id if booking else None)
    booked = desk_view.booking_view(booking) if booking else None
    shown: dict[str, Any] = {"form": form, "suspects": [], "typed": text, "booking": booked, "searched": bool(text)}
    return pages.render(request, "reception/desk_new.html", **shown)


def _completed(facts: Facts, booking: r4.Appointment | None) -> Facts:
    """What the card says first, then what the guest told when she booked."""
    guest = facts_of(guest_of(booking) or r4.Patient()) if booking else Facts()
    return Facts(**{name: getattr(facts, name) or getattr(guest, name) for name in Facts.__struct_fields__})


async def _person(
    request: Request,
    tx: Transaction,
    who: Subject,
    patient: r4.Patient,
    booking: r4.Appointment | None,
    *,
    scanned: str | None,
) -> Response:
    here = identify.is_today(booking) and booking.status == AWAITED if booking else False
    places = await rooms.open_rooms(tx, who)
    view = await desk_view.person_view(tx, who, request.app, patient, booking if here else None, places)
    notice = None if booking is None or here else _not_now(booking)
    since = scanned if desk_view.scanned_at(scanned) else None
    return await _desk(request, tx, who, places=places, person=view, notice=notice, scanned=since, key=new_id())


async def _desk(
    request: Request,
    tx: Transaction,
    who: Subject,
    *,
    status: int = 200,
    places: Sequence[rooms.Room] | None = None,
    **shown: Any,
) -> Response:
    places = places or await rooms.open_rooms(tx, who)
    blank: dict[str, Any] = {
        "person": None, "hits": [], "found": None, "problem": None, "typed": "", "scanned": None, "issued": None,
        "notice": None, "key": "", "expected": [],
    }  # fmt: skip
    groups = [(key, _(name)) for key, name in PRIORITY_GROUPS.items()]
    own = {
        "prints": _prints(request), "groups": groups, "keyed": desk_view.KEYED, "doctor": desk_view.doctor,
        "elapsed": _elapsed(shown.get("scanned")),
    }  # fmt: skip
    return pages.render(request, "reception/desk.html", status, **blank | shown | await _today(tx, who, places) | own)


async def _today(tx: Transaction, who: Subject, places: Sequence[rooms.Room]) -> dict[str, Any]:
    waiting = sum(room.waiting for room in places)
    return {
        "figures": await figures.figures(tx, who, clock.now(), waiting),
        "tickets": await desk_view.last_tickets(tx, who),
    }


async def _just_issued(request: Request, tx: Transaction, who: Subject) -> dict[str, Any] | None:
    """The ticket of a moment ago, with how long it took; None once it is old."""
    undone = request.query_params.get("bo")
    id_ = request.query_params.get("phieu") or undone
    if not id_:
        return None
    try:
        ticket = await store.read(tx, who, r4.Task, id_)
    except NotFound:
        return None
    changed = moment(ticket.lastModified)
    if changed is None or (clock.now() - changed).total_seconds() > FRESH_SECONDS:
        return None
    view = desk_view.ticket_view(ticket, await way(tx, who.facility, ticket.location))
    visits = await store.read_many(tx, who, r4.Encounter, [id_of(ticket.encounter)])
    seconds = desk_view.seconds_at_desk(next(iter(visits.values()), None))
    return {"ticket": view, "undone": bool(undone), "seconds": seconds, "patient": id_of(ticket.for_) or ""}


async def _booking(tx: Transaction, who: Subject, id_: str | None) -> r4.Appointment | None:
    return await store.read(tx, who, r4.Appointment, id_) if id_ else None


def _address(hit: identify.Hit, scanned: str) -> str:
    booking = f"&hen={hit.booking.id}" if hit.booking else ""
    if hit.patient is None:
        return f"/tiep-don/moi?luc={scanned}{booking}"
    return f"/tiep-don/nguoi/{hit.patient.id}?luc={scanned}{booking}"


def _hit_about(hit: identify.Hit) -> dict[str, str]:
    person = hit.patient or (guest_of(hit.booking) if hit.booking else None) or r4.Patient()
    facts = facts_of(person)
    booked = desk_view.booking_view(hit.booking) if hit.booking else None
    return {
        "name": facts.name,
        "about": desk_view.about(person),
        "number": desk_view.number_of(person) if hit.patient else _("chưa có hồ sơ"),
        "citizen": desk_view.masked_citizen(facts.number),
        "phone": facts.phone or "",
        "address": facts.address or "",
        "booking": f"{booked.time} · {booked.what}" if booked else "",
    }


def _chosen_hit(form: forms.Form, text: str) -> str | None:
    """A digit and Enter choose from the list that was shown, also without JavaScript."""
    listed = (form["hits"] or "").split()
    if not re.fullmatch(r"[1-9]", text) or int(text) > len(listed):
        return None
    patient, _comma, booking = listed[int(text) - 1].partition(",")
    luc = form["scanned"] or ""
    hen = f"&hen={booking}" if booking else ""
    return f"/tiep-don/nguoi/{patient}?luc={luc}{hen}" if patient else f"/tiep-don/moi?luc={luc}{hen}"


def _room_named(text: str, places: list[rooms.Room], selected: rooms.Room | None) -> rooms.Room | None:
    """The room that the field names: its digit in the list as it was shown, or its short name ("pk12")."""
    shown = desk_view.in_reach(places, selected)
    if re.fullmatch(r"[1-9][0-9]?", text) and int(text) <= len(shown):
        return shown[int(text) - 1]
    squeezed = fold(text).replace(" ", "")
    return next((room for room in places if fold(room.short).replace(" ", "") == squeezed), None)


def form_key(key: str) -> str:
    """The id that the form was given: letters, digits and dashes, as FHIR ids are."""
    if not 8 <= len(key) <= 64 or not all(sign.isascii() and (sign.isalnum() or sign == "-") for sign in key):
        raise Invalid(_("Mã biểu mẫu không đúng."), where="key", advice=_("Mở lại trang tiếp đón."))
    return key


def _not_now(booking: r4.Appointment) -> str:
    if booking.status != AWAITED:
        return _("Lịch hẹn này không còn hiệu lực; tiếp đón như người không đặt trước.")
    day = clock.vn_date(clock.local(booking.start or ""))
    return _("Lịch hẹn này là ngày %(day)s, không phải hôm nay; tiếp đón như người không đặt trước.", day=day)


def _elapsed(scanned: str | None) -> int:
    """Milliseconds since the scan, by the server's clock: the browser's may be wrong."""
    since = desk_view.scanned_at(scanned)
    return max(0, int((clock.now() - since).total_seconds() * 1000)) if since else 0


def _prints(request: Request) -> bool:
    return request.cookies.get(PRINT_COOKIE) != "0"


_R = Permission.RECEIVE
DOORS: list[Door] = [
    Door("/tiep-don", desk_page, _R),
    Door("/tiep-don", identify_posted, _R, ("POST",)),
    Door("/tiep-don/nhan", arrival_posted, _R, ("POST",)),
    Door("/tiep-don/hom-nay", today_part, _R),
    Door("/tiep-don/tu-in", printing_posted, _R, ("POST",)),
    Door("/tiep-don/hoan-tac/{ticket}", undo_posted, _R, ("POST",)),
    Door("/tiep-don/phieu/{ticket}", ticket_page, _R),
    Door("/tiep-don/phieu/{ticket}/pdf", ticket_pdf, _R),
    Door("/tiep-don/bao-hiem/{patient}", insurance_part, _R, ("GET", "POST")),
    Door("/tiep-don/nguoi/{patient}", person_page, _R),
]
NAV = [NavItem(later("Tiếp đón"), "/tiep-don", _R, "g t")]
