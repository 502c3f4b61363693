"""`/lich-kham`: who receives booked patients when; the weekly template, the slots of a day, closing and opening."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, LiveDoor, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid, NotFound, VersionConflict
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.core.store.records import version_of
from benhan.hospital import overbooking
from benhan.hospital.reception import booking_choice, displaced, schedules
from benhan.hospital.reception import booking_rules as rules
from benhan.hospital.reception.booking_rules import BUSY, CLOSED, FREE, actor
from benhan.hospital.reception.displaced import Keep
from benhan.hospital.visit import CLINIC, code_of

PATH = "/lich-kham"
WEEKDAYS = (later("T2"), later("T3"), later("T4"), later("T5"), later("T6"), later("T7"), later("CN"))


async def day_list(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET /lich-kham?ngay=`: every schedule with what is free, booked and closed on a day."""
    day = read_day(request)
    found = (await store.search(tx, who, r4.Schedule, {"_count": "500"})).resources
    ids, span = [one.id or "" for one in found], clock.day_bounds(day)
    states = (FREE, BUSY, CLOSED)
    numbers = {state: await booking_choice.counts(tx, who, ids, span, status=state) for state in states}
    rows = [(one, [numbers[state].get((day, one.id or ""), 0) for state in states]) for one in found]
    rows.sort(key=lambda row: [actor(row[0], type_).display or "" for type_ in ("HealthcareService", "Practitioner")])
    return pages.render(
        request, "reception/schedule_list.html", rows=rows, day=day, actor=actor, step=timedelta(days=1), days=WEEKDAYS
    )


async def one(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET /lich-kham/<schedule>?ngay=`: template and the slots of a day."""
    return await _page(request, tx, who, await _schedule(request, tx, who))


async def template(request: Request, tx: Transaction, who: Subject) -> Response:
    """`POST /lich-kham/<schedule>/tuan`: keep the weekly template."""
    schedule = await _schedule(request, tx, who)
    form = await forms.read_form(request, template_fields())
    if form.errors or not (sessions := _sessions(form)):
        return await _page(request, tx, who, schedule, weekly=form)
    if form["version"] != version_of(schedule):
        raise VersionConflict(_("Lịch này vừa có người khác sửa."), advice=_("Mở lại trang rồi sửa tiếp."))
    try:
        await schedules.keep_template(tx, who, schedule, sessions, active=form["active"])
    except Invalid as wrong:
        form.errors.add(wrong.where if wrong.where in form.fields else "", wrong.message)
        return await _page(request, tx, who, schedule, weekly=form)
    return _back(schedule, read_day(request), "tuan")


async def make(request: Request, tx: Transaction, who: Subject) -> Response:
    """`POST /lich-kham/<schedule>/tao`: slots for a range of days."""
    schedule = await _schedule(request, tx, who)
    form = await forms.read_form(request, range_fields())
    if not form.errors:
        try:
            made = await schedules.make_slots(tx, who, schedule, form["first"], form["last"], holidays=form["holidays"])
            return await _page(request, tx, who, schedule, made=made, day=form["first"])
        except Invalid as wrong:
            form.errors.add(wrong.where if wrong.where in form.fields else "", wrong.message)
    return await _page(request, tx, who, schedule, ranged=form)


async def close(request: Request, tx: Transaction, who: Subject) -> Response:
    """`POST /lich-kham/<schedule>/dong?ngay=`: a slot, or the whole day."""
    schedule, day = await _schedule(request, tx, who), read_day(request)
    chosen = await _chosen(request, tx, who, schedule, day)
    await schedules.close(tx, who, [slot for slot in chosen if rules.start_of(slot) > clock.now()])
    return _back(schedule, day, "dong")


async def reopen(request: Request, tx: Transaction, who: Subject) -> Response:
    """`POST /lich-kham/<schedule>/mo?ngay=`: a slot, or the whole day."""
    schedule, day = await _schedule(request, tx, who), read_day(request)
    await schedules.reopen(tx, who, await _chosen(request, tx, who, schedule, day))
    return _back(schedule, day, "mo")


async def rehouse(request: Request, tx: Transaction, who: Subject) -> Response:
    """`POST /lich-kham/<schedule>/doi?ngay=`: other times for everybody who is awaited at a closed one."""
    schedule, day = await _schedule(request, tx, who), read_day(request)
    form = await forms.read_form(request, [forms.hidden("giu", required=True)])
    if form["giu"] not in list(Keep):
        raise Invalid(_("Chọn giữ bác sĩ hay giữ ngày."), where="giu")
    slots = await schedules.slots_between(tx, who, schedule.id or "", day, day)
    closed = [slot for slot in slots if slot.status == CLOSED]
    stranded = [one for one in await schedules.bookings_of(tx, who, closed) if one.status == rules.AWAITED]
    done = await displaced.rehouse(tx, who, schedule, stranded, Keep(form["giu"]))
    return await _page(request, tx, who, schedule, rehoused=done)


async def new(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET, POST /lich-kham/moi`: a schedule for a doctor in a specialty and a room."""
    services = (await store.search(tx, who, r4.HealthcareService, {"active": "true", "_count": "200"})).resources
    kinds = {"status": "active", "type": f"{systems.ROOM_TYPE}|{CLINIC}", "_count": "200"}
    rooms = (await store.search(tx, who, r4.Location, kinds)).resources
    roles = (await store.search(tx, who, r4.PractitionerRole, {"active": "true", "_count": "500"})).resources
    doctors = {
        role.practitioner.reference: role.practitioner
        for role in roles
        if role.practitioner and role.practitioner.reference and code_of(next(iter(role.code or []), None)) == "doctor"
    }
    fields = new_fields(services, rooms, list(doctors.values()))
    form = forms.blank(fields)
    if request.method == "POST":
        form = await forms.read_form(request, fields)
        if not form.errors:
            place = next(room for room in rooms if room.id == form["room"])
            offer = next(service for service in services if service.id == form["service"])
            try:
                made = await _new_schedule(tx, who, offer, doctors[form["doctor"]], place)
                return _back(made, clock.today(), "moi")
            except Conflict as wrong:
                form.errors.add("doctor", wrong.message)
    return pages.render(request, "reception/schedule_new.html", 422 if form.errors else 200, form=form)


async def _new_schedule(
    tx: Transaction, who: Subject, service: r4.HealthcareService, doctor: r4.Reference, room: r4.Location
) -> r4.Schedule:
    existing = await store.search(tx, who, r4.Schedule, {"actor": doctor.reference or "", "_count": "50"})
    if any(schedules.same(one, service.id or "", doctor, room.id or "") for one in existing.resources):
        raise Conflict(_("Bác sĩ này đã có lịch ở phòng và chuyên khoa này."))
    return await store.create(tx, who, schedules.new_schedule(service, doctor, room))


def template_fields() -> list[forms.Field]:
    """Four sessions a week at most; one without a start does not count."""
    days = [(name, _(label)) for name, label in zip(schedules.DAYS, WEEKDAYS, strict=True)]
    fields = [forms.hidden("version", most=10), forms.flag("active", _("Nhận đặt lịch"))]
    for n in range(1, schedules.MOST_SESSIONS + 1):
        fields += [
            forms.choices(f"days{n}", _("Buổi %(n)s", n=n), days),
            forms.text(f"start{n}", _("Từ"), most=5),
            forms.text(f"end{n}", _("Đến"), most=5),
            forms.number(
                f"minutes{n}", _("Mỗi lượt"), lowest=schedules.SHORTEST, highest=schedules.LONGEST, unit=_("phút")
            ),
            forms.number(f"kept{n}", _("Giữ cho quầy"), lowest=0, highest=100, unit="%"),
            forms.number(f"extra{n}", _("Nhận thêm khi đầy"), lowest=0, highest=schedules.MOST_EXTRA, unit=_("người")),
            forms.choice(
                f"extra_for{n}", _("Nhận thêm cho"), [(one, _(name)) for one, name in overbooking.FOR.items()]
            ),
        ]
    return fields


def range_fields() -> list[forms.Field]:
    """The days to make slots for."""
    return [
        forms.day("first", _("Từ ngày"), required=True),
        forms.day("last", _("Đến ngày"), required=True),
        forms.flag("holidays", _("Cả ngày nghỉ lễ")),
    ]


def new_fields(
    services: Sequence[r4.HealthcareService], rooms: Sequence[r4.Location], doctors: Sequence[r4.Reference]
) -> list[forms.Field]:
    """Specialty, doctor, room."""
    return [
        forms.choice("service", _("Chuyên khoa"), sorted((s.id or "", s.name or "") for s in services), required=True),
        forms.choice("doctor", _("Bác sĩ"), [(d.reference or "", d.display or "") for d in doctors], required=True),
        forms.choice("room", _("Phòng"), [(r.id or "", r.name or "") for r in rooms], required=True),
    ]


def read_day(request: Request) -> date:
    """The day of the query (ISO or dd/mm/yyyy); today where there is none."""
    text = request.query_params.get("ngay", "")
    try:
        return clock.parse_date(text) if text else clock.today()
    except Invalid:
        return clock.today()


async def _page(
    request: Request,
    tx: Transaction,
    who: Subject,
    schedule: r4.Schedule,
    *,
    weekly: forms.Form | None = None,
    ranged: forms.Form | None = None,
    made: schedules.Made | None = None,
    rehoused: displaced.Rehoused | None = None,
    day: date | None = None,
) -> Response:
    day = day or read_day(request)
    slots = await schedules.slots_between(tx, who, schedule.id or "", day, day)
    bookings = {one.slot[0].reference: one for one in await schedules.bookings_of(tx, who, slots) if one.slot}
    stranded = [bookings[f"Slot/{s.id}"] for s in slots if s.status == CLOSED and f"Slot/{s.id}" in bookings]
    ends = clock.today(), clock.today() + timedelta(days=13)
    wrong = bool((weekly and weekly.errors) or (ranged and ranged.errors))
    return pages.render(
        request, "reception/schedule_one.html", 422 if wrong else 200, schedule=schedule, day=day, slots=slots,
        bookings=bookings, stranded=stranded, made=made, rehoused=rehoused, actor=actor, rules=rules, days=WEEKDAYS,
        step=timedelta(days=1), weekly=weekly or _filled(schedule, await schedules.week_of(tx, who, schedule)),
        ranged=ranged or forms.blank(range_fields(), first=ends[0], last=ends[1]),
        path=f"{PATH}/{schedule.id}", done=request.query_params.get("xong", ""), sessions=schedules.MOST_SESSIONS,
        now_moment=clock.now(), more=overbooking,
    )  # fmt: skip


def _filled(schedule: r4.Schedule, week: Sequence[schedules.Session]) -> forms.Form:
    values: dict[str, Any] = {"version": version_of(schedule), "active": schedule.active is not False}
    for n, session in enumerate(week[: schedules.MOST_SESSIONS], 1):
        values[f"days{n}"] = [schedules.DAYS[day] for day in session.days]
        values[f"start{n}"], values[f"end{n}"] = f"{session.start:%H:%M}", f"{session.end:%H:%M}"
        values[f"minutes{n}"], values[f"kept{n}"] = session.minutes, session.kept or None
        if session.extra:
            values[f"extra{n}"], values[f"extra_for{n}"] = session.extra, session.extra_for
    return forms.blank(template_fields(), **values)


def _sessions(form: forms.Form) -> list[schedules.Session]:
    """The sessions that were typed; errors go to the form."""
    found = []
    for n in range(1, schedules.MOST_SESSIONS + 1):
        if not form[f"start{n}"] and not form[f"days{n}"]:
            continue
        start, end = _time(form, f"start{n}"), _time(form, f"end{n}")
        if form[f"minutes{n}"] is None:
            form.errors.add(f"minutes{n}", _("Nhập số phút mỗi lượt"))
        if not form.errors and start and end:
            days = tuple(schedules.DAYS.index(day) for day in form[f"days{n}"])
            more = form[f"extra{n}"] or 0, form[f"extra_for{n}"] or overbooking.DESK
            found.append(schedules.Session(days, start, end, form[f"minutes{n}"], form[f"kept{n}"] or 0, *more))
    if not found and not form.errors:
        form.errors.add("", _("Nhập ít nhất một buổi"))
    return [] if form.errors else found


def _time(form: forms.Form, name: str) -> time | None:
    written = (form[name] or "").replace("h", ":").replace(".", ":").strip(":")
    hours, _colon, minutes = written.partition(":")
    try:
        return time(int(hours), int(minutes or 0))
    except ValueError:
        form.errors.add(name, _("Nhập giờ, ví dụ 07:30"))
        return None


async def _schedule(request: Request, tx: Transaction, who: Subject) -> r4.Schedule:
    return await store.read(tx, who, r4.Schedule, str(request.path_params["schedule"]))


async def _chosen(request: Request, tx: Transaction, who: Subject, schedule: r4.Schedule, day: date) -> list[r4.Slot]:
    """The slot that the form names, or all of the day."""
    form = await forms.read_form(request, [forms.hidden("slot")])
    slots = await schedules.slots_between(tx, who, schedule.id or "", day, day)
    if not form["slot"]:
        return slots
    if not (found := [slot for slot in slots if slot.id == form["slot"]]):
        raise NotFound(_("Không có giờ khám này trong ngày."))
    return found


def _back(schedule: r4.Schedule, day: date, done: str) -> Response:
    return RedirectResponse(f"{PATH}/{schedule.id}?{urlencode({'ngay': day.isoformat(), 'xong': done})}", 303)


_MAY = Permission.SCHEDULE
DOORS: list[Door | LiveDoor] = [
    Door(PATH, day_list, _MAY),
    Door(f"{PATH}/moi", new, _MAY, ("GET", "POST")),
    Door(f"{PATH}/{{schedule}}", one, _MAY),
    Door(f"{PATH}/{{schedule}}/tuan", template, _MAY, ("POST",)),
    Door(f"{PATH}/{{schedule}}/tao", make, _MAY, ("POST",)),
    Door(f"{PATH}/{{schedule}}/dong", close, _MAY, ("POST",)),
    Door(f"{PATH}/{{schedule}}/mo", reopen, _MAY, ("POST",)),
    Door(f"{PATH}/{{schedule}}/doi", rehouse, _MAY, ("POST",)),
]
NAV = [NavItem(later("Lịch khám"), PATH, _MAY, "g l")]
