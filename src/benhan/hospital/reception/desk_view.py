"""What the desk shows of somebody who stands before it, in words ready to print. No decision is made here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from starlette.applications import Starlette

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock, money
from benhan.core.kit.text import phone_shown
from benhan.core.language import _, later
from benhan.hospital import packages, prepaid, referral
from benhan.hospital.reception import booking_rules, desk, eligibility, rooms
from benhan.hospital.reception.people import is_temporary
from benhan.hospital.reception.rooms import Room
from benhan.hospital.visit import (
    EMERGENCY,
    PRIORITY_GROUPS,
    SERIES,
    code_of,
    display_of,
    full_name,
    id_of,
    identifier,
    moment,
    phone_of,
    ticket_number,
)

GENDERS: Final = {"male": later("Nam"), "female": later("Nữ"), "other": later("Khác"), "unknown": later("Chưa rõ")}
#: Tickets of the laboratory and of imaging are issued by the clinic.
DESK_SERIES: Final = frozenset(SERIES[priority] for priority in ("routine", "urgent", "stat"))
#: As many rooms as there are digits; the emergency room is always among them.
KEYED: Final = 9


class Note(msgspec.Struct, frozen=True):
    """Something to mind, as a pill."""

    text: str
    tone: str = "grey"


class PersonView(msgspec.Struct, frozen=True):
    """One person at the desk."""

    id: str
    name: str
    about: str
    number: str
    citizen: str
    phone: str
    address: str
    allergies: tuple[str, ...]
    temporary: bool
    insurance: eligibility.Standing
    notes: tuple[Note, ...]
    booking: BookingView | None
    #: Photos of papers that she sent with the booking (Media).
    papers: tuple[str, ...]
    rooms: tuple[Room, ...]
    room: str
    group: str
    reason: str


class BookingView(msgspec.Struct, frozen=True):
    """The booking that is honoured."""

    id: str
    time: str
    what: str
    channel: str
    payer: str
    code: str


class TicketView(msgspec.Struct, frozen=True):
    """A ticket in the list of those received last, and on paper."""

    id: str
    number: str
    patient: str
    room: str
    way: str
    time: str
    priority: str
    status: str
    seconds_left: int


async def person_view(
    tx: Transaction,
    who: Subject,
    app: Starlette,
    patient: r4.Patient,
    booking: r4.Appointment | None,
    places: Sequence[Room],
) -> PersonView:
    """Everything the desk shows of one person: six searches; `places` are the rooms that may be chosen."""
    allergies = await store.search(tx, who, r4.AllergyIntolerance, {"patient": str(patient.id), "_count": "20"})
    visits = await store.search(
        tx,
        who,
        r4.Encounter,
        {"patient": str(patient.id), "status": "arrived,in-progress,finished", "_sort": "-date", "_count": "5"},
    )
    place = id_of(booking_rules.actor(booking, "Location")) if booking else None
    default = rooms.default_room(places, booked=place, specialty=_specialty(booking, visits.resources))
    if is_temporary(patient):
        default = next((room for room in places if room.kind == EMERGENCY), default)
    now = clock.now()
    return PersonView(
        id=str(patient.id),
        name=full_name(patient),
        about=about(patient),
        number=number_of(patient),
        citizen=masked_citizen(identifier(patient, systems.CCCD)),
        phone=phone_shown(phone_of(patient) or ""),
        address=next((one.text for one in patient.address or [] if one.text), ""),
        allergies=tuple(display_of(one.code) for one in allergies.resources if _is_active(one)),
        temporary=is_temporary(patient),
        insurance=await eligibility.standing(tx, who, patient, app),
        notes=(
            *await _paid(tx, who, booking),
            *await _checked(tx, who, patient, booking, now),
            *await _revisits(tx, who, patient, now),
            *_notes(patient, visits.resources, now),
        ),
        booking=(booked := booking_view(booking) if booking else None),
        papers=tuple(one.id or "" for one in await referral.of_booking(tx, who, booked.code)) if booked else (),
        rooms=tuple(in_reach(places, default)),
        room=default.id if default else "",
        group=desk.priority_by_age(patient.birthDate, now) or ("cap-cuu" if is_temporary(patient) else ""),
        reason=_reason(booking),
    )


def booking_view(booking: r4.Appointment) -> BookingView:
    """A booking as the desk says it: time, specialty, doctor, and how it was made."""
    parts = (
        display_of(next(iter(booking.specialty or []), None)),
        booking_rules.actor(booking, "Practitioner").display,
        packages.name_of(booking),
    )
    channel = booking_rules.CHANNELS.get(booking_rules.channel_of(booking), "")
    return BookingView(
        id=str(booking.id),
        time=clock.vn_time(booking.start),
        what=" · ".join(part for part in parts if part),
        channel=_("đặt %(how)s", how=_(channel)) if channel else "",
        code=booking_rules.code_of_booking(booking),
        payer=_(booking_rules.PAYERS[payer]) if (payer := booking_rules.payer_of(booking)) else "",
    )


class Expected(msgspec.Struct, frozen=True):
    """Somebody who booked for today and has not come yet."""

    code: str
    time: str
    name: str
    what: str


async def expected(tx: Transaction, who: Subject, count: int = 10) -> list[Expected]:
    """Who is expected next, from half an hour ago on."""
    since = clock.now() - timedelta(minutes=30)
    from_now_on = f"ge{since.isoformat(timespec='seconds')}"
    params: dict[str, str | list[str]] = {
        "date": [clock.today().isoformat(), from_now_on], "status": booking_rules.AWAITED,
        "_sort": "date", "_count": str(count),
    }  # fmt: skip
    page = await store.search(tx, who, r4.Appointment, params)
    return [
        Expected(
            booking_rules.code_of_booking(one),
            clock.vn_time(one.start),
            booking_rules.booker_name(one),
            booking_view(one).what,
        )
        for one in page.resources
    ]


async def last_tickets(tx: Transaction, who: Subject, count: int = 6) -> list[TicketView]:
    """The tickets that the desk issued last today, newest first; those taken back are left out."""
    page = await store.search(tx, who, r4.Task, {"code": "ticket", "_count": str(6 * count)})  # the newest first
    today = clock.today()
    shown = [ticket_view(one, "") for one in page.resources if clock.day_of(one.authoredOn) == today]
    mine = [one for one in shown if one.number[:1] in DESK_SERIES and one.status != "cancelled"]
    return mine[:count]


def ticket_view(ticket: r4.Task, way: str) -> TicketView:
    """One ticket in words; `way`: how one finds the room, where that is shown."""
    group = code_of(ticket.reasonCode, systems.PRIORITY_GROUP) or ""
    return TicketView(
        id=str(ticket.id),
        number=ticket_number(ticket),
        patient=(ticket.for_.display if ticket.for_ else None) or "",
        room=(ticket.location.display if ticket.location else None) or "",
        way=way,
        time=clock.vn_time(ticket.authoredOn),
        priority=PRIORITY_GROUPS.get(group, ""),
        status=ticket.status or "",
        seconds_left=desk.seconds_left(ticket, clock.now()),
    )


def about(patient: r4.Patient) -> str:
    """ "Nữ · 03/02/1980 · 46 tuổi"."""
    born = clock.vn_date(patient.birthDate)
    parts = (_(GENDERS.get(patient.gender or "", "")), born, clock.age(patient.birthDate, clock.today()))
    return " · ".join(part for part in parts if part)


def number_of(patient: r4.Patient) -> str:
    """The patient number, or the temporary code."""
    return identifier(patient, systems.PATIENT_NUMBER) or ""


def seconds_at_desk(visit: r4.Encounter | None) -> str:
    """From the scan to Enter as people say it: "6,2"; "" where it was not timed."""
    for stay in (visit.location or []) if visit else []:
        if stay.location.reference is None and stay.period:
            start, end = moment(stay.period.start), moment(stay.period.end)
            if start and end:
                return f"{(end - start).total_seconds():.1f}".replace(".", ",")
    return ""


def masked_citizen(number: str | None) -> str:
    """A citizen number as a screen in a public hall may show it: "0011 80•• ••34"."""
    return f"{number[:4]} {number[4:6]}•• ••{number[-2:]}" if number and len(number) == 12 else number or ""


def in_reach(places: Sequence[Room], default: Room | None) -> list[Room]:
    """The rooms as the digits choose them: the default, its specialty, the others; emergency within the first nine."""
    code = default.specialty_code if default else ""
    near = sorted(places, key=lambda room: (room is not default, room.specialty_code != code))
    urgent = [room for room in near[KEYED:] if room.kind == EMERGENCY][:1]
    rest = [room for room in near if room not in urgent]
    return [*rest[: KEYED - len(urgent)], *urgent, *rest[KEYED - len(urgent) :]]


def doctor(room: Room) -> str:
    """Who examines in a room, as the board says it: "BS Lâm"."""
    names = [name.split()[-1] for name in room.doctors if name]
    return _("BS %(names)s", names=", ".join(names[:2])) if names else ""


def scanned_at(milliseconds: str | None) -> datetime | None:
    """The moment of the scan as the form carries it, in milliseconds since 1970; None where it cannot be one."""
    if not milliseconds or not milliseconds.isascii() or not milliseconds.isdigit() or len(milliseconds) > 14:
        return None
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


async def _paid(tx: Transaction, who: Subject, booking: r4.Appointment | None) -> list[Note]:
    """What she has paid for the booking before she came."""
    paid = await prepaid.amount(tx, who, booking_rules.code_of_booking(booking)) if booking else 0
    return [Note(_("Đã trả trước %(amount)s", amount=money.vnd(paid)), "ok")] if paid else []


async def _checked(
    tx: Transaction, who: Subject, patient: r4.Patient, booking: r4.Appointment | None, now: datetime
) -> list[Note]:
    """What the insurance portal said on the day she booked, where that was before today."""
    if booking is None or booking_rules.payer_of(booking) is not booking_rules.Payer.INSURANCE:
        return []
    day = clock.day_of(booking.created)
    if day is None or day >= now.date():
        return []
    asked = {"patient": str(patient.id), "created": day.isoformat()}
    answer = await store.first(tx, who, r4.CoverageEligibilityResponse, asked)
    if answer is None:
        return []
    cover = await eligibility.current_cover(tx, who, str(patient.id))
    said = eligibility.answered(answer, cover, who.facility_code)
    return [Note(_("Tra thẻ lúc đặt: %(what)s", what=said.text), said.tone)]


async def _revisits(tx: Transaction, who: Subject, patient: r4.Patient, now: datetime) -> list[Note]:
    """Days around today for which a doctor asked her to come again without giving a time."""
    asked = {"patient": str(patient.id), "status": booking_rules.PROPOSED, "_count": "20"}
    page = await store.search(tx, who, r4.Appointment, asked)
    days = sorted(day for one in page.resources if (day := booking_rules.wished_day(one)))
    near = [day for day in days if abs(day - now.date()) <= booking_rules.AROUND]
    return [Note(_("Hẹn tái khám %(day)s", day=clock.vn_date(day)), "info") for day in near]


def _notes(patient: r4.Patient, visits: Sequence[r4.Encounter], now: datetime) -> list[Note]:
    """Other visits of today, the last one before, and that nobody knows who it is."""
    notes = []
    if is_temporary(patient):
        notes.append(Note(_("Chưa rõ danh tính"), "warn"))
    for visit in visits:
        start = moment(visit.period.start if visit.period else None)
        place = visit.location[0].location.display if visit.location else ""
        if start and start.date() == now.date():
            notes.append(
                Note(
                    _("Hôm nay đã có lượt khám: %(place)s lúc %(time)s", place=place, time=clock.vn_time(start)), "warn"
                )
            )
    days = (clock.day_of(one.period.start) for one in visits if one.period)
    if former := next((day for day in days if day and day < now.date()), None):
        notes.append(Note(_("Khám lần trước %(day)s", day=clock.vn_date(former))))
    elif not notes:
        notes.append(Note(_("Chưa từng khám ở đây"), "info"))
    return notes


def _specialty(booking: r4.Appointment | None, visits: Sequence[r4.Encounter]) -> str | None:
    """The specialty that is booked, else that of the visit before."""
    if booking and booking.specialty:
        return code_of(booking.specialty[0])
    return next((code for visit in visits if (code := code_of(visit.serviceType))), None)


def _reason(booking: r4.Appointment | None) -> str:
    return display_of(next(iter(booking.reasonCode or []), None)) if booking else ""


def _is_active(allergy: r4.AllergyIntolerance) -> bool:
    refuted = code_of(allergy.verificationStatus) in ("refuted", "entered-in-error")
    return not refuted and code_of(allergy.clinicalStatus) in (None, "active")
