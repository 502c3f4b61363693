"""`/dat-kham`: the public books, moves and cancels. Plain links and forms; no account, no script needed.

The booking service acts for whoever asks; a booking is shown only to somebody who proved that it is hers.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Role, Subject, service
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict, Invalid, NotFound
from benhan.core.kit import clock, forms, marks, pages
from benhan.core.language import _
from benhan.hospital import booking_code, prepaid
from benhan.hospital.reception import booking, booking_choice, booking_rules
from benhan.hospital.reception.booking_rules import Guest, SlotTaken
from benhan.hospital.visit import id_of
from benhan.hospital.way import way

PATH = booking_code.PATH
#: Below the page of a booking: photos of a referral; the insurance card of who booked without a record.
PAPERS, CARD = "giay-to", "the-bhyt"
PASS_MINUTES = 60
ANY = ""


def fields() -> list[forms.Field]:
    """What is asked of somebody who books. `website` is left empty by everybody but robots."""
    sexes = [("female", _("Nữ")), ("male", _("Nam"))]
    return [
        forms.hidden("slot", required=True),
        forms.text("name", _("Họ và tên người đi khám"), required=True, most=80),
        forms.birth_date("birth", _("Ngày sinh"), required=True),
        forms.choice("gender", _("Giới tính"), sexes),
        forms.phone("phone", _("Số điện thoại"), required=True, hint=_("Để bệnh viện báo khi lịch thay đổi")),
        forms.text(
            "cccd", _("Số CCCD (không bắt buộc)"), most=20, hint=_("12 chữ số; có số này thì tiếp đón nhanh hơn")
        ),
        forms.long_text("reason", _("Lý do khám (không bắt buộc)"), most=300),
        forms.text("website", _("Để trống ô này"), most=100),
    ]


def proof_fields() -> list[forms.Field]:
    """What proves that a booking is hers."""
    return [
        forms.phone("phone", _("Số điện thoại đã đặt")),
        forms.birth_date("birth", _("hoặc ngày sinh của người đi khám")),
    ]


async def choose(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET /dat-kham`: specialty → doctor, day and time → the form."""
    asked, now, served = request.query_params, clock.now(), asked_of(request, who)
    if slot_id := asked.get("gio"):
        slot, schedule = await booking_choice.described(tx, served, slot_id)
        booking_rules.check_slot(slot, now)
        if slot.status != booking_rules.FREE:
            raise SlotTaken(slot, await booking.next_free(tx, served, slot, now))
        form = forms.blank(fields(), slot=slot_id)
        return page(request, "booking_form.html", form=form, slot=slot, schedule=schedule, others=[])
    services = await booking_choice.services(tx, served)
    if not (chosen := asked.get("ck")):
        first = await booking_choice.first_days(tx, served, services, now)
        return page(request, "booking_services.html", services=services, first=first)
    chosen_service = booking_choice.service_of(services, chosen)
    shown = await choice_of_times(request, tx, served, chosen_service)
    return page(request, "booking_times.html", service=chosen_service, **shown)


async def book(request: Request, tx: Transaction, who: Subject) -> Response:
    """`POST /dat-kham`: the form is sent."""
    form, served = await forms.read_form(request, fields()), asked_of(request, who)
    if form.values.get("website"):
        raise Invalid(_("Biểu mẫu này do máy tự điền nên không được nhận."), advice=_("Để trống ô cuối cùng."))
    slot, schedule = await booking_choice.described(tx, served, form["slot"] or "")
    others: list[r4.Slot] = []
    if not form.errors:
        try:
            made = await _book(tx, served, form)
            return _admitted(_to(request, made), made, request)
        except SlotTaken as taken:
            form.errors.add("", taken.message)
            others = taken.others
        except (Invalid, Conflict) as wrong:
            form.errors.add(wrong.where if wrong.where in form.fields else "", said(wrong))
    return page(request, "booking_form.html", 422, form=form, slot=slot, schedule=schedule, others=others)


async def _book(tx: Transaction, served: Subject, form: forms.Form) -> r4.Appointment:
    await store.tried(tx, served, f"book {form['phone']}", booking_rules.MOST_TRIES, f"{clock.today()}")
    return await booking.book(tx, served, form["slot"], guest(form), channel="web", reason=form["reason"] or "")


def guest(form: forms.Form) -> Guest:
    """Who is to be examined, as the form tells."""
    return Guest(
        name=form["name"],
        birth=form["birth"],
        phone=form["phone"],
        gender=form["gender"],
        cccd="".join((form["cccd"] or "").split()) or None,
    )


async def look_up(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET /dat-kham/tra-cuu?ma=…`: to the page of a code; without one, the question for it."""
    asked_of(request, who)
    typed = request.query_params.get("ma", "")
    code = booking_code.read_code(typed)
    if code:
        return RedirectResponse(at(request, f"{PATH}/{code}"), 303)
    return page(request, "booking_look_up.html", 422 if typed else 200, typed=typed[:40])


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET /dat-kham/<code>`: the booking, to whoever proved that it is hers; the question for the proof to others."""
    code = code_asked(request)
    found = await _passed(request, tx, asked_of(request, who), code)
    if found is None:
        return page(request, "booking_proof.html", code=code, form=forms.blank(proof_fields()))
    qr = marks.qr_svg(code, label=_("Mã QR đặt khám %(code)s", code=code))
    changeable = booking_rules.may_change(found, clock.now())
    shown: dict[str, Any] = {
        "booking": found, "code": code, "qr": qr, "changeable": changeable, "prepay": prepaid.PAGE,
        "paid": await prepaid.amount(tx, service(Role.PAYMENT_SERVICE, who.facility), code),
        "papers": PAPERS, "card": CARD if found.contained else "",
        "payable": found.status == booking_rules.AWAITED and await prepaid.by_transfer(tx, who.facility),
    }  # fmt: skip
    shown["way"] = await way(tx, who.facility, booking_rules.actor(found, "Location"))
    return page(request, "booking_shown.html", fresh=_fresh(request), **shown)


async def prove(request: Request, tx: Transaction, who: Subject) -> Response:
    """`POST /dat-kham/<code>`: telephone number or birth date. Every try counts, also the right ones."""
    code, served = code_asked(request), asked_of(request, who)
    form = await forms.read_form(request, proof_fields())
    if not form.errors and not (form["phone"] or form["birth"]):
        form.errors.add("phone", _("Nhập số điện thoại hoặc ngày sinh"))
    if not form.errors:
        found = await _found(tx, served, code)
        hour = f"{clock.now():%Y-%m-%dT%H}"
        if found is None:
            await store.tried(tx, served, "unknown codes", 100 * booking_rules.MOST_PROOFS, hour)
        else:
            await store.tried(tx, served, f"proof {code}", booking_rules.MOST_PROOFS, hour)
        if found and booking_rules.proves(found, form["phone"], form["birth"]):
            return _admitted(at(request, f"{PATH}/{code}"), found, request)
        form.errors.add("", _("Mã đặt khám không khớp với số điện thoại hoặc ngày sinh này"))
    return page(request, "booking_proof.html", 422, code=code, form=form)


async def move(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET, POST /dat-kham/<code>/doi`: another time in the same specialty."""
    served, code = asked_of(request, who), code_asked(request)
    found = await mine(request, tx, served, code)
    problem = ""
    if request.method == "POST":
        form = await forms.read_form(request, [forms.hidden("slot", required=True)])
        try:
            form.require()
            await store.tried(tx, served, f"change {code}", booking_rules.MOST_TRIES, f"{clock.today()}")
            await booking.move(tx, served, booking.changeable(found, clock.now()), form["slot"])
            return RedirectResponse(at(request, f"{PATH}/{code}", xong="doi"), 303)
        except (SlotTaken, Invalid, Conflict) as wrong:
            problem = said(wrong)
    services = await booking_choice.services(tx, served)
    wanted = id_of(booking_rules.actor(found, "HealthcareService")) or ""
    chosen = booking_choice.service_of(services, wanted)
    shown = await choice_of_times(request, tx, served, chosen)
    shown |= {"service": chosen, "code": code, "booking": found, "problem": problem}
    return page(request, "booking_move.html", 422 if problem else 200, **shown)


async def cancel(request: Request, tx: Transaction, who: Subject) -> Response:
    """`POST /dat-kham/<code>/huy`."""
    served, code = asked_of(request, who), code_asked(request)
    found = await mine(request, tx, served, code)
    if found.status != "cancelled":
        await booking.cancel(tx, served, booking.changeable(found, clock.now()), "Người bệnh huỷ qua mạng")
    return RedirectResponse(at(request, f"{PATH}/{code}", xong="huy"), 303)


async def restore(request: Request, tx: Transaction, who: Subject) -> Response:
    """`POST /dat-kham/<code>/khoi-phuc`: she cancelled by mistake."""
    served, code = asked_of(request, who), code_asked(request)
    await booking.restore(tx, served, await mine(request, tx, served, code))
    return RedirectResponse(at(request, f"{PATH}/{code}", xong="dat"), 303)


async def calendar(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET /dat-kham/<code>/lich.ics`: the booking for the calendar of her phone."""
    code = code_asked(request)
    found = await mine(request, tx, asked_of(request, who), code)
    body = booking_rules.calendar(found, who.facility_name, clock.now())
    headers = {"Content-Disposition": f'attachment; filename="{code}.ics"', "Cache-Control": "no-store"}
    return Response(body, media_type="text/calendar; charset=utf-8", headers=headers)


# What the endpoints share


async def choice_of_times(
    request: Request, tx: Transaction, who: Subject, chosen: booking_choice.Service
) -> dict[str, Any]:
    """Doctor, week and day as the query says, with what is free."""
    asked, now = request.query_params, clock.now()
    doctors = [one for one in chosen.doctors if one.schedule == asked.get("bs")] or chosen.doctors
    wanted = read_day(asked.get("ngay"), now.date())
    last = (now + booking_rules.FURTHEST).date()
    first = max(now.date(), wanted - timedelta(days=(wanted - now.date()).days % booking_choice.WEEK))
    days = await booking_choice.week(tx, who, [one.schedule for one in doctors], first, now)
    if not asked.get("ngay"):
        wanted = next((one.day for one in days if one.free), wanted)
    return {
        "doctor": asked.get("bs") if len(doctors) == 1 and len(chosen.doctors) > 1 else ANY,
        "days": days,
        "day": wanted,
        "times": await booking_choice.times(tx, who, doctors, wanted, now),
        "earlier": first - timedelta(days=7) if first > now.date() else None,
        "later": first + timedelta(days=7) if first + timedelta(days=7) <= last else None,
    }


def read_day(text: str | None, today: date) -> date:
    """A day of the query (ISO), from today to as far as one may book; today where there is none."""
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return today
    return min(max(day, today), today + booking_rules.FURTHEST)


def asked_of(request: Request, who: Subject) -> Subject:
    """The booking service of the facility that is asked; its pages show the facility's name."""
    request.state.facility = who.facility_name
    if not who.facility:
        raise NotFound(_("Chưa có cơ sở nào nhận đặt khám."))
    return service(Role.BOOKING_SERVICE, who.facility, who.facility_name)


def code_asked(request: Request) -> str:
    """The code of the address.

    Raises:
        NotFound: it is none.
    """
    code = booking_code.read_code(str(request.path_params["code"]))
    if code is None:
        raise NotFound(_("Mã đặt khám này không đúng."), advice=_("Mã có dạng DK-7F4K-2Q9M."))
    return code


async def _found(tx: Transaction, served: Subject, code: str) -> r4.Appointment | None:
    try:
        return await booking.by_code(tx, served, code)
    except NotFound:
        return None


async def _passed(request: Request, tx: Transaction, served: Subject, code: str) -> r4.Appointment | None:
    """The booking, if this browser proved it."""
    shown = request.cookies.get(booking_code.cookie(code))
    found = await _found(tx, served, code) if shown else None
    return found if found and booking_code.pass_holds(found, shown) else None


async def mine(request: Request, tx: Transaction, served: Subject, code: str) -> r4.Appointment:
    """The booking, if this browser proved that it is hers.

    Raises:
        NotFound: it did not.
    """
    found = await _passed(request, tx, served, code)
    if found is None:
        raise NotFound(_("Cần xác nhận lại trước khi đổi lịch."), advice=_("Mở lại trang của mã đặt khám."))
    return found


def _admitted(address: str, made: r4.Appointment, request: Request) -> Response:
    """To the booking, with the pass that shows it."""
    response = RedirectResponse(address, 303)
    name = booking_code.cookie(booking_rules.code_of_booking(made))
    response.set_cookie(
        name, booking_code.pass_for(made), max_age=60 * PASS_MINUTES,
        path=PATH, httponly=True, secure=request.app.state.settings.secure_cookies, samesite="lax",
    )  # fmt: skip
    return response


def _to(request: Request, made: r4.Appointment) -> str:
    return at(request, f"{PATH}/{booking_rules.code_of_booking(made)}", xong="dat")


def _fresh(request: Request) -> str:
    said = request.query_params.get("xong", "")
    return said if said in {"dat", "doi", "huy"} else ""


def said(problem: Invalid | Conflict) -> str:
    """A problem and what to do about it, as one text beside the form."""
    return f"{problem.message} {problem.advice}" if problem.advice else problem.message


def at(request: Request, path: str, **query: str) -> str:
    """An address of ours; the facility that was asked for stays named."""
    if facility := request.query_params.get("co-so"):
        query["co-so"] = facility
    return f"{path}?{urlencode(query)}" if query else path


def page(request: Request, template: str, status: int = 200, **context: Any) -> Response:
    """A page for the public."""

    def from_here(path: str, **query: object) -> str:
        return at(request, path, **{name.replace("_", "-"): str(value) for name, value in query.items() if value})

    context |= {"at": from_here, "rules": booking_rules, "facility": request.state.facility}
    return pages.render(request, f"reception/{template}", status, **context)


_ANYONE = Permission.ANYONE
DOORS = [
    Door(PATH, choose, _ANYONE),
    Door(PATH, book, _ANYONE, ("POST",)),
    Door(f"{PATH}/tra-cuu", look_up, _ANYONE),
    Door(f"{PATH}/{{code}}", show, _ANYONE),
    Door(f"{PATH}/{{code}}", prove, _ANYONE, ("POST",)),
    Door(f"{PATH}/{{code}}/doi", move, _ANYONE, ("GET", "POST")),
    Door(f"{PATH}/{{code}}/huy", cancel, _ANYONE, ("POST",)),
    Door(f"{PATH}/{{code}}/khoi-phuc", restore, _ANYONE, ("POST",)),
    Door(f"{PATH}/{{code}}/lich.ics", calendar, _ANYONE),
]
