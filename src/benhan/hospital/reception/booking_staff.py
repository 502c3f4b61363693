"""`/lich-hen`: staff book for a caller, find bookings, move and cancel them, with undo."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, LiveDoor, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid, NotFound, VersionConflict
from benhan.core.kit import clock, forms, pages, text
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.core.store.records import version_of
from benhan.hospital import booking_code
from benhan.hospital.reception import booking, booking_choice, booking_public
from benhan.hospital.reception import booking_rules as rules
from benhan.hospital.reception.booking_rules import SlotTaken, actor
from benhan.hospital.reception.pages_schedules import WEEKDAYS, read_day
from benhan.hospital.visit import id_of, phone_of, stamp

PATH = "/lich-hen"
MOST = "500"
DONE = {
    "dat": later("Đã đặt lịch %(code)s"),
    "doi": later("Đã đổi lịch %(code)s"),
    "huy": later("Đã huỷ lịch %(code)s"),
    "lai": later("Đã lấy lại lịch %(code)s"),
    "vang": later("Đã ghi không tới: %(code)s"),
}


async def day_list(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET /lich-hen?ngay=&q=`: the bookings of a day; with `q` those of a name, number or code from that day on."""
    day, asked = read_day(request), request.query_params.get("q", "").strip()[:80]
    found = await _sought(tx, who, day, asked) if asked else await _of_day(tx, who, day)
    shown: dict[str, Any] = {"rows": found, "day": day, "asked": asked, "step": timedelta(days=1), "days": WEEKDAYS}
    return await _page(request, tx, who, "booking_day.html", **shown)


async def choose(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET /lich-hen/dat`: specialty, doctor, day, time; then the form of the caller."""
    if slot_id := request.query_params.get("gio"):
        slot, schedule = await booking_choice.described(tx, who, slot_id)
        form = forms.blank(booking_public.fields(), slot=slot_id)
        return await _page(request, tx, who, "booking_caller.html", form=form, slot=slot, schedule=schedule, others=[])
    services = await booking_choice.services(tx, who)
    asked = request.query_params.get("ck") or (services[0].id if services else "")
    chosen = booking_choice.service_of(services, asked)
    times = await booking_public.choice_of_times(request, tx, who, chosen)
    return await _page(request, tx, who, "booking_find.html", services=services, service=chosen, **times)


async def book(request: Request, tx: Transaction, who: Subject) -> Response:
    """`POST /lich-hen/dat`: book for the caller."""
    form = await forms.read_form(request, booking_public.fields())
    slot, schedule = await booking_choice.described(tx, who, form["slot"] or "")
    others: list[r4.Slot] = []
    if not form.errors:
        try:
            made = await booking.book(
                tx, who, form["slot"], booking_public.guest(form), channel="phone", reason=form["reason"] or ""
            )
            return _back(made, "dat")
        except SlotTaken as taken:
            form.errors.add("", taken.message)
            others = taken.others
        except (Invalid, Conflict) as wrong:
            form.errors.add(wrong.where if wrong.where in form.fields else "", booking_public.said(wrong))
    shown = {"form": form, "slot": slot, "schedule": schedule, "others": others}
    return await _page(request, tx, who, "booking_caller.html", 422, **shown)


async def one(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET /lich-hen/<id>`: a booking."""
    found = await _booking(request, tx, who)
    shown: dict[str, Any] = {"booking": found, "guest": rules.guest_of(found), "passed": _passed(found)}
    return await _page(request, tx, who, "booking_one.html", **shown)


async def move(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET, POST /lich-hen/<id>/doi`: another time; the answer offers the way back."""
    found, problem = await _booking(request, tx, who), ""
    if request.method == "POST":
        form = await forms.read_form(request, [forms.hidden("slot", required=True), forms.hidden("version", most=10)])
        try:
            form.require()
            _seen(found, form["version"])
            former = id_of(found.slot[0]) if found.slot else ""
            return _back(await booking.move(tx, who, found, form["slot"]), "doi", former or "")
        except (SlotTaken, Invalid, Conflict) as wrong:
            problem = booking_public.said(wrong)
    services = await booking_choice.services(tx, who)
    wanted = request.query_params.get("ck") or id_of(actor(found, "HealthcareService")) or ""
    chosen = booking_choice.service_of(services, wanted)
    times = await booking_public.choice_of_times(request, tx, who, chosen)
    return await _page(
        request, tx, who, "booking_find.html", 422 if problem else 200, services=services, service=chosen,
        booking=found, problem=problem, **times,
    )  # fmt: skip


async def cancel(request: Request, tx: Transaction, who: Subject) -> Response:
    """`POST /lich-hen/<id>/huy`."""
    found = await _booking(request, tx, who)
    fields = [forms.hidden("version", most=10), forms.text("reason", _("Lý do"), most=200)]
    form = await forms.read_form(request, fields)
    if found.status != "cancelled":
        _seen(found, form["version"])
    return _back(await booking.cancel(tx, who, found, form["reason"] or ""), "huy")


async def missed(request: Request, tx: Transaction, who: Subject) -> Response:
    """`POST /lich-hen/<id>/vang`: nobody came."""
    return _back(await booking.did_not_come(tx, who, await _booking(request, tx, who)), "vang")


async def restore(request: Request, tx: Transaction, who: Subject) -> Response:
    """`POST /lich-hen/<id>/khoi-phuc`: the undo of a cancellation."""
    return _back(await booking.restore(tx, who, await _booking(request, tx, who)), "lai")


async def _of_day(tx: Transaction, who: Subject, day: date) -> list[r4.Appointment]:
    start, end = clock.day_bounds(day)
    params = {"date": [f"ge{stamp(start)}", f"lt{stamp(end)}"], "_sort": "date", "_count": MOST}
    return (await store.search(tx, who, r4.Appointment, params)).resources


async def _sought(tx: Transaction, who: Subject, day: date, asked: str) -> list[r4.Appointment]:
    """Bookings from a day on that a code, a telephone number or the words of a name find."""
    since = {"date": f"ge{stamp(clock.day_bounds(day)[0])}", "_sort": "date", "_count": "50"}
    if code := booking_code.read_code(asked):
        params = {"identifier": f"{systems.BOOKING_CODE}|{code}"}
    elif phone := text.phone_or_none(asked):
        params = since | {"guest-phone": phone}
    elif text.fold(asked):
        params = since | {"guest-name": asked}
    else:
        return []
    found = (await store.search(tx, who, r4.Appointment, params)).resources
    known = {one.id for one in found}
    received = [one for one in await _of_day(tx, who, day) if text.name_matches(asked, rules.booker_name(one))]
    return sorted([*found, *(one for one in received if one.id not in known)], key=rules.start_of)


async def _booking(request: Request, tx: Transaction, who: Subject) -> r4.Appointment:
    """The booking of the address.

    Raises:
        NotFound: there is none, or it is a doctor's wish to see somebody again, which has no time yet.
    """
    found = await store.read(tx, who, r4.Appointment, str(request.path_params["id"]))
    if found.start is None:
        raise NotFound(_("Lời hẹn tái khám này chưa có giờ."), advice=_("Đặt lịch cho người bệnh như thường."))
    return found


def _passed(found: r4.Appointment) -> bool:
    return rules.start_of(found) <= clock.now()


def _seen(found: r4.Appointment, version: str | None) -> None:
    if version and version != version_of(found):
        raise VersionConflict(_("Lịch hẹn này vừa có người khác sửa."), advice=_("Mở lại lịch hẹn rồi làm tiếp."))


def _back(made: r4.Appointment, done: str, former: str = "") -> Response:
    day = rules.start_of(made).date().isoformat()
    said = {"ngay": day, "xong": done, "lich": made.id or ""} | ({"cu": former} if former else {})
    return RedirectResponse(f"{PATH}?{urlencode(said)}", 303)


async def _toast(request: Request, tx: Transaction, who: Subject) -> dict[str, Any] | None:
    """What was just done, and what undoes it."""
    asked = request.query_params
    word, id_, former = asked.get("xong", ""), asked.get("lich", ""), asked.get("cu", "")
    found = await store.read_many(tx, who, r4.Appointment, [id_]) if word in DONE and id_ else {}
    if id_ not in found:
        return None
    undo, fields = "", {"version": version_of(found[id_])}
    if word == "huy":
        undo = f"{PATH}/{id_}/khoi-phuc"
    elif word == "doi" and former:
        undo, fields = f"{PATH}/{id_}/doi", fields | {"slot": former}
    elif word in ("dat", "lai"):
        undo = f"{PATH}/{id_}/huy"
    return {"text": _(DONE[word], code=rules.code_of_booking(found[id_])), "undo": undo, "fields": fields}


async def _page(
    request: Request, tx: Transaction, who: Subject, template: str, status: int = 200, **context: Any
) -> Response:
    def at(path: str, **query: object) -> str:
        kept = {name: str(value) for name, value in query.items() if value}
        return f"{path}?{urlencode(kept)}" if kept else path

    context |= {
        "at": at, "rules": rules, "actor": actor, "version": version_of, "phone_of": phone_of,
        "toast": await _toast(request, tx, who), "path": PATH,
    }  # fmt: skip
    return pages.render(request, f"reception/{template}", status, **context)


_MAY = Permission.SCHEDULE
DOORS: list[Door | LiveDoor] = [
    Door(PATH, day_list, _MAY),
    Door(f"{PATH}/dat", choose, _MAY),
    Door(f"{PATH}/dat", book, _MAY, ("POST",)),
    Door(f"{PATH}/{{id}}", one, _MAY),
    Door(f"{PATH}/{{id}}/doi", move, _MAY, ("GET", "POST")),
    Door(f"{PATH}/{{id}}/huy", cancel, _MAY, ("POST",)),
    Door(f"{PATH}/{{id}}/vang", missed, _MAY, ("POST",)),
    Door(f"{PATH}/{{id}}/khoi-phuc", restore, _MAY, ("POST",)),
]
NAV = [NavItem(later("Lịch hẹn"), PATH, _MAY, "g h")]
