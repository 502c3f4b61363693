"""`/app/bookings`: booking in the patient's app. Contract: docs/reference/app-api.md.

The verbs and limits of the public page (`booking.py`, `booking_rules.py`). A signed-in patient types nothing: the
booking is of the record that her session has open; anybody else books as a guest and keeps the pass that shows it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from hashlib import blake2b
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from benhan.core import store
from benhan.core.access import Door, Interaction, Permission, Role, Subject, may, phone_steps, service
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid, NotFound, SignInNeeded
from benhan.core.kit import clock, forms, json_forms, marks
from benhan.core.kit.json_forms import House, Said
from benhan.core.kit.text import fold
from benhan.core.language import _
from benhan.core.vault import keys_of
from benhan.hospital import booking_code, packages, way
from benhan.hospital.reception import arrival, booking, booking_rules
from benhan.hospital.reception.booking_public import fields, guest, proof_fields
from benhan.hospital.reception.booking_rules import Known, Payer, actor
from benhan.hospital.visit import PRIORITY_GROUPS, full_name, id_of, moment, ticket_number

BOOKINGS: Final = "/app/bookings"
#: What the app calls the fields of the public form.
_NAMES: Final = {"birthDate": "birth"}
_SLOT: Final = forms.hidden("slot", required=True)
_PACKAGE: Final = forms.hidden("package", most=64)
_PAYER: Final = forms.choice("payer", "payer", [(one, one) for one in Payer])
_KEY: Final = re.compile(r"[A-Za-z0-9-]{8,64}")


class Booking(Said):
    """A booking; `way`: how one finds the room; `pass_`: what shows a guest's again."""

    code: str
    facility: House
    state: str
    state_name: str
    start: datetime | None
    end: datetime | None
    day: date | None
    name: str
    service: str
    service_id: str
    doctor: str
    room: str
    way: str
    reason: str
    payer: str
    package: str
    changeable: bool
    today: bool
    qr: marks.Qr | None
    pass_: str = msgspec.field(default="", name="pass")


async def book(request: Request, tx: Transaction, who: Subject) -> Response:
    """Book, for the record of the session or for a guest. The same `Idempotency-Key` gives the same booking.

    What was wrong is answered, not raised: the try is counted all the same.
    """
    said = await json_forms.read_object(request)
    asked = said.pop("guest", None)
    form = json_forms.of_object(said, [_SLOT, _PAYER, _PACKAGE, forms.long_text("reason", _("Lý do khám"), most=300)])
    form.require()
    here = await phone_steps.at(tx, who, request.path_params["code"])
    booker = _guest(asked) if asked is not None else await _known(tx, who, here)
    if here.facility != who.facility:
        await tx.reach(here.facility)
    served = _served(who, here, herself=asked is None)
    slot, key = form["slot"], await _key_of(request, tx, served, booker)
    try:
        made = await booking.made_by(tx, served, key, slot)
        if made is None:
            of = booker.patient if isinstance(booker, Known) else booker.phone
            await store.tried(tx, served, f"book {of}", booking_rules.MOST_TRIES, f"{clock.today()}")
            made = await booking.book(
                tx, served, slot, booker, channel="zalo" if _in_zalo(request) else "web", reason=form["reason"] or "",
                payer=Payer(form["payer"]) if form["payer"] else None, key=key,
                package=await _package(tx, served, form["package"]),
            )  # fmt: skip
    except (Invalid, Conflict, NotFound) as problem:
        return json_forms.refused(problem)
    return json_forms.answer(await _said(tx, made, here, shown=asked is not None), 201)


async def mine(request: Request, tx: Transaction, who: Subject) -> Response:
    """The bookings of the record of the session: those ahead, the next one first; then those of before."""
    if not may(who, Interaction.SEARCH, "Appointment"):
        return json_forms.answer({"bookings": []})
    params = {"patient": f"Patient/{who.patient}", "_sort": "-date", "_count": "50"}
    found = [await _said(tx, one, who) for one in (await store.search(tx, who, r4.Appointment, params)).resources]
    today = clock.today()
    ahead = [one for one in found if one.day and one.day >= today]
    ahead.sort(key=lambda one: (one.day or today, one.start.timestamp() if one.start else 0))
    return json_forms.answer({"bookings": [*ahead, *(one for one in found if one not in ahead)]})


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """One booking: hers, or a guest's with its pass."""
    found, served = await _one(request, tx, who)
    return json_forms.answer(await _said(tx, found, served))


async def prove(request: Request, tx: Transaction, who: Subject) -> Response:
    """Telephone or birth date of a guest's booking give its pass again. Every try counts, also the right ones."""
    form = _renamed(await json_forms.read_object(request), proof_fields())
    if not (form["phone"] or form["birth"]):
        raise Invalid(_("Nhập số điện thoại hoặc ngày sinh"), where="phone")
    here = await _facility(request, tx, who)
    served, code = service(Role.BOOKING_SERVICE, here.facility, here.facility_name), _code(request)
    found = await _by_code(tx, served, code)
    hour = f"{clock.now():%Y-%m-%dT%H}"
    what, most = (f"proof {code}", 1) if found else ("unknown codes", 100)
    await store.tried(tx, served, what, most * booking_rules.MOST_PROOFS, hour)
    if found is None or not booking_rules.proves(found, form["phone"], form["birth"]):
        wrong = _("Mã đặt khám không khớp với số điện thoại hoặc ngày sinh này")
        return json_forms.refused(Invalid(wrong, where="phone"))
    return json_forms.answer(await _said(tx, found, here, shown=True))


async def move(request: Request, tx: Transaction, who: Subject) -> Response:
    """Another time."""
    slot = (await json_forms.read(request, [_SLOT]))["slot"]
    found, served = await _one(request, tx, who)
    if id_of(found.slot[0] if found.slot else None) == slot:  # it was moved already
        return json_forms.answer(await _said(tx, found, served))
    try:
        await store.tried(tx, served, f"change {_code(request)}", booking_rules.MOST_TRIES, f"{clock.today()}")
        moved = await booking.move(tx, served, booking.changeable(found, clock.now()), slot)
    except (Invalid, Conflict, NotFound) as problem:
        return json_forms.refused(problem)
    return json_forms.answer(await _said(tx, moved, served))


async def cancel(request: Request, tx: Transaction, who: Subject) -> Response:
    """She does not come."""
    form = await json_forms.read(request, [forms.text("reason", _("Lý do"), most=200)])
    found, served = await _one(request, tx, who)
    if found.status != "cancelled":
        reason = form["reason"] or "Người bệnh huỷ trên ứng dụng"
        found = await booking.cancel(tx, served, booking.changeable(found, clock.now()), reason)
    return json_forms.answer(await _said(tx, found, served))


async def arrive(request: Request, tx: Transaction, who: Subject) -> Response:
    """She stands at the entrance: a booking of her record, of today, with the code that is shown there now."""
    form = await json_forms.read(request, [
        forms.text("door", _("Mã ở cửa"), required=True, most=100),
        forms.choice("group", _("Ưu tiên"), [(one, _(PRIORITY_GROUPS[one])) for one in arrival.DECLARED]),
    ])  # fmt: skip
    found, _served_by = await _one(request, tx, who)
    if who.patient is None or id_of(actor(found, "Patient")) != who.patient:
        raise Conflict(_("Lịch hẹn này chưa gắn với hồ sơ nào."), where="code", advice=_("Đến quầy tiếp đón."))
    ticket = await arrival.arrive(tx, who, found, form["door"], form["group"], clock.now())
    room = ticket.location
    return json_forms.answer({"ticket": {
        "number": ticket_number(ticket), "room": (room.display or "") if room else "",
        "way": await way.way(tx, who.facility, room), "state": "waiting",
    }})  # fmt: skip


# Who, where, which


async def _facility(request: Request, tx: Transaction, who: Subject) -> Subject:
    """The caller at the facility that `?facility=` names, else where she is."""
    here = await phone_steps.at(tx, who, request.query_params.get("facility"))
    if here.facility != who.facility:
        await tx.reach(here.facility)
    return here


def _served(who: Subject, here: Subject, *, herself: bool) -> Subject:
    """The booking service: in her name for her record, for nobody in particular else."""
    if herself:
        return in_name_of(who, Role.BOOKING_SERVICE)
    named = service(Role.BOOKING_SERVICE, here.facility, here.facility_name)
    return msgspec.structs.replace(named, facility_code=here.facility_code)


async def _one(request: Request, tx: Transaction, who: Subject) -> tuple[r4.Appointment, Subject]:
    """The booking of the address and the service that changes it: for who shows its pass, or whose record it is in.

    Raises:
        SignInNeeded: neither pass nor session. NotFound: there is none, or it is another's.
    """
    code = _code(request)
    if shown := request.headers.get("booking-pass"):
        here = await _facility(request, tx, who)
        served = _served(who, here, herself=False)
        found = await _by_code(tx, served, code)
        if found and booking_code.pass_holds(found, shown):
            return found, served
        raise _none()
    if not who.may(Permission.OWN_RECORD):
        raise SignInNeeded(_("Cần đăng nhập để mở trang này."))
    _may_book(who)
    hers = await store.first(tx, who, r4.Appointment, {"identifier": f"{systems.BOOKING_CODE}|{code}"})
    if hers is None:
        raise _none()
    return hers, in_name_of(who, Role.BOOKING_SERVICE)


async def _by_code(tx: Transaction, served: Subject, code: str) -> r4.Appointment | None:
    return await store.first(tx, served, r4.Appointment, {"identifier": f"{systems.BOOKING_CODE}|{code}"})


async def _known(tx: Transaction, who: Subject, here: Subject) -> Known:
    """The patient of the session, as she books.

    Raises:
        SignInNeeded: nobody is signed in. Invalid: her record is at another facility, or none is open.
    """
    if not who.may(Permission.OWN_SESSION):
        raise SignInNeeded(_("Cần đăng nhập để mở trang này."))
    if who.patient is None or here.facility != who.facility:
        raise Invalid(_("Chưa mở hồ sơ nào ở cơ sở này."), where="guest", advice=_("Chọn hồ sơ, hoặc đặt như khách."))
    _may_book(who)
    return Known(who.patient, full_name(await store.read(tx, who, r4.Patient, who.patient)))


async def _package(tx: Transaction, served: Subject, id_: str | None) -> packages.Package | None:
    """The package that is asked for.

    Raises:
        NotFound: there is none that can be booked.
    """
    found = await packages.one(tx, served, id_) if id_ else None
    if found and not found.active:
        raise NotFound(_("Gói khám này không còn nhận đặt."), where="package")
    return found


def _may_book(who: Subject) -> None:
    """A relative books where visits are among her parts.

    Raises:
        Forbidden: they are not.
    """
    if not may(who, Interaction.SEARCH, "Appointment"):
        raise Forbidden(_("Quan hệ này không gồm lịch hẹn."), where="Appointment")


def _guest(asked: object) -> booking_rules.Guest:
    if not isinstance(asked, dict):
        raise Invalid(_("Trường này không đúng kiểu."), where="guest")
    kept = [one for one in fields() if one.name not in ("slot", "reason", "website")]
    return guest(_renamed(asked, kept))


def _renamed(said: dict[str, Any], kept: Sequence[forms.Field]) -> forms.Form:
    """The object checked by the fields of the public form, whose names the app has in English."""
    form = json_forms.of_object({_NAMES.get(name, name): value for name, value in said.items()}, kept)
    back = {name: called for called, name in _NAMES.items()}
    for name, message in form.errors.items():
        raise Invalid(message, where=back.get(name, name))
    return form


async def _key_of(request: Request, tx: Transaction, who: Subject, booker: booking_rules.Guest | Known) -> str:
    """The id of the booking that this key makes for this person: nobody who does not know both can name it."""
    said = request.headers.get("idempotency-key", "")
    if not _KEY.fullmatch(said):
        raise Invalid(_("Thiếu khoá của lần gửi này."), where="Idempotency-Key")
    of = booker.patient if isinstance(booker, Known) else f"{booker.phone} {booker.birth} {fold(booker.name)}"
    index = (await keys_of(tx, who.facility)).index
    return blake2b(f"booking\n{of}\n{said}".encode(), digest_size=16, key=index).hexdigest()


def _code(request: Request) -> str:
    code = booking_code.read_code(str(request.path_params["booking"]))
    if code is None:
        raise _none()
    return code


def _none() -> NotFound:
    return NotFound(_("Không có lịch hẹn nào mang mã này."), where="code")


def _in_zalo(request: Request) -> bool:
    return "Zalo" in request.headers.get("user-agent", "")


async def _said(tx: Transaction, one: r4.Appointment, at: Subject, *, shown: bool = False) -> Booking:
    code, start = booking_rules.code_of_booking(one), moment(one.start)
    day = start.date() if start else booking_rules.wished_day(one)
    named = actor(one, "HealthcareService")
    return Booking(
        code=code, facility=House(code=at.facility_code, name=at.facility_name), state=one.status or "",
        state_name=_(booking_rules.STATES.get(one.status or "", "")), start=start, end=moment(one.end), day=day,
        name=booking_rules.booker_name(one), service=named.display or "", service_id=id_of(named) or "",
        doctor=actor(one, "Practitioner").display or "", room=actor(one, "Location").display or "",
        way=await way.way(tx, at.facility, actor(one, "Location")),
        reason=next((reason.text or "" for reason in one.reasonCode or []), ""),
        payer=booking_rules.payer_of(one) or "", package=packages.name_of(one),
        changeable=start is not None and booking_rules.may_change(one, clock.now()), today=day == clock.today(),
        qr=marks.qr_drawn(code), pass_=booking_code.pass_for(one) if shown else "",
    )  # fmt: skip


_ANYONE = Permission.ANYONE
DOORS = [
    Door("/app/facilities/{code}/bookings", book, _ANYONE, ("POST",), app=True),
    Door(BOOKINGS, mine, Permission.OWN_RECORD, app=True),
    Door(f"{BOOKINGS}/{{booking}}", show, _ANYONE, app=True),
    Door(f"{BOOKINGS}/{{booking}}/proof", prove, _ANYONE, ("POST",), app=True),
    Door(f"{BOOKINGS}/{{booking}}/move", move, _ANYONE, ("POST",), app=True),
    Door(f"{BOOKINGS}/{{booking}}/cancel", cancel, _ANYONE, ("POST",), app=True),
    Door(f"{BOOKINGS}/{{booking}}/arrival", arrive, Permission.OWN_RECORD, ("POST",), app=True),
]
