"""When doctors receive booked patients: a weekly template on the Schedule, Slots made from it, slots closed and opened.

Nothing is silently lost: a closed slot that somebody booked keeps its booking, and whoever closes it is shown whom to
call. Making slots again changes nothing that is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import clock
from benhan.core.kit.working_days import is_holiday
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital import overbooking
from benhan.hospital.reception.booking_rules import (
    AWAITED,
    BUSY,
    CLOSED,
    FREE,
    FURTHEST,
    KEPT_FOR_DESK,
    actor,
    start_of,
)
from benhan.hospital.visit import stamp

SESSION = f"{systems.EXTENSION}/weekly-session"
MOST_SESSIONS = 4
MOST_DAYS = 62
SHORTEST, LONGEST = 5, 120
#: Places beyond what a session holds.
MOST_EXTRA = 20
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Session(msgspec.Struct, frozen=True):
    """On these weekdays (Monday is 0) from `start` to `end`, a patient every so many minutes.

    `kept`: percent of the times that are kept for the desk and the telephone. `extra`: how many more the session may
    take once it is full, and for whom (`overbooking.FOR`).
    """

    days: tuple[int, ...]
    start: time
    end: time
    minutes: int
    kept: int = 0
    extra: int = 0
    extra_for: str = overbooking.DESK

    def times(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """Start and end of each slot of a day; none where it is not one of its weekdays."""
        if day.weekday() not in self.days:
            return
        at = datetime.combine(day, self.start, clock.ZONE)
        end, step = datetime.combine(day, self.end, clock.ZONE), timedelta(minutes=self.minutes)
        while at + step <= end:
            yield at, at + step
            at += step

    def kept_back(self, day: date) -> Iterator[datetime]:
        """The slots of a day that nobody books by herself: spread evenly."""
        for number, (start, _end) in enumerate(self.times(day)):
            if (number + 1) * self.kept // 100 > number * self.kept // 100:
                yield start

    def extra_times(self, day: date) -> Iterator[datetime]:
        """At which times of a day somebody more may come: spread evenly, one a time."""
        times = [start for start, _end in self.times(day)]
        extra = min(self.extra, len(times))
        yield from (times[n * len(times) // extra] for n in range(extra))


class Made(msgspec.Struct, frozen=True):
    """What came of making slots: new ones, those that were there, free ones closed because the template changed, the
    bookings that lie outside the template now, and the holidays that were left out."""

    made: int
    kept: int
    closed: int
    outside: list[r4.Appointment]
    holidays: list[date]


def sessions_of(schedule: r4.Schedule) -> list[Session]:
    """The weekly template of a schedule."""
    return [_session(one) for one in schedule.extension or [] if one.url == SESSION]


async def week_of(tx: Transaction, who: Subject, schedule: r4.Schedule) -> list[Session]:
    """The template; where none was written, the week that the slots of the next seven days look like."""
    if written := sessions_of(schedule):
        return written
    first = clock.today() + timedelta(days=1)
    return inferred(await slots_between(tx, who, schedule.id or "", first, first + timedelta(days=6)))


def inferred(slots: Sequence[r4.Slot]) -> list[Session]:
    """The week that slots of some days look like: to begin from where no template was ever written."""
    runs: dict[tuple[time, time, int], set[int]] = {}
    begun: tuple[datetime, datetime, int] | None = None
    for slot in [*sorted((one for one in slots if not one.overbooked), key=start_of), None]:
        if slot is not None:
            start, end = start_of(slot), _end(slot)
            minutes = clock.minutes_between(start, end)
            if begun and begun[1] == start and begun[2] == minutes:
                begun = begun[0], end, minutes
                continue
        if begun:
            runs.setdefault((begun[0].time(), begun[1].time(), begun[2]), set()).add(begun[0].weekday())
        begun = (start, end, minutes) if slot is not None else None
    return [Session(tuple(sorted(days)), *run) for run, days in sorted(runs.items())][:MOST_SESSIONS]


def with_sessions(schedule: r4.Schedule, sessions: Sequence[Session]) -> r4.Schedule:
    """The schedule with another weekly template."""
    others = [one for one in schedule.extension or [] if one.url != SESSION]
    return msgspec.structs.replace(schedule, extension=[*others, *map(_extension, sessions)] or None)


def check_sessions(sessions: Sequence[Session]) -> None:
    """A template must be possible.

    Raises:
        Invalid: no day, an end before its start, too short or too long, or two sessions at the same time.
    """
    for number, one in enumerate(sessions, 1):
        if not one.days:
            raise Invalid(_("Buổi %(n)s chưa chọn ngày nào.", n=number), where=f"days{number}")
        if one.start >= one.end:
            raise Invalid(_("Buổi %(n)s kết thúc trước khi bắt đầu.", n=number), where=f"end{number}")
        if not SHORTEST <= one.minutes <= LONGEST:
            message = _("Mỗi lượt từ %(least)s đến %(most)s phút.", least=SHORTEST, most=LONGEST)
            raise Invalid(message, where=f"minutes{number}")
        for other in sessions[: number - 1]:
            if set(one.days) & set(other.days) and one.start < other.end and other.start < one.end:
                raise Invalid(_("Buổi %(n)s trùng giờ với một buổi khác.", n=number), where=f"start{number}")


def planned(sessions: Iterable[Session], first: date, last: date) -> Iterator[tuple[datetime, datetime]]:
    """Start and end of each slot that the template gives from `first` to `last`, in time order within a day."""
    sessions = sorted(sessions, key=lambda one: one.start)
    for offset in range((last - first).days + 1):
        for one in sessions:
            yield from one.times(first + timedelta(days=offset))


def holidays_among(times: Iterable[datetime]) -> list[date]:
    """The holidays on which some of these times lie."""
    return sorted({start.date() for start in times if is_holiday(start.date())})


async def keep_template(
    tx: Transaction, who: Subject, schedule: r4.Schedule, sessions: Sequence[Session], *, active: bool
) -> r4.Schedule:
    """Write the weekly template, on the version that was seen.

    Raises:
        Invalid: the template is not possible; VersionConflict: somebody changed it in between.
    """
    check_sessions(sessions)
    changed = msgspec.structs.replace(with_sessions(schedule, sessions), active=active)
    return await store.update(tx, who, changed, if_match=version_of(schedule))


async def make_slots(
    tx: Transaction, who: Subject, schedule: r4.Schedule, first: date, last: date, *, holidays: bool = False
) -> Made:
    """Make the slots of a range of days from the template; on holidays only where `holidays` says so.

    Slots that are there stay. Free ones that no longer fit the template are closed; booked ones are told.

    Raises:
        Invalid: the range is empty, too long, past or too far ahead, or there is no template.
    """
    _check_range(first, last)
    sessions = sessions_of(schedule)
    if not sessions:
        raise Invalid(_("Bác sĩ này chưa có lịch tuần."), advice=_("Nhập lịch tuần trước, rồi tạo giờ khám."))
    times = dict(planned(sessions, first, last))
    off = [] if holidays else holidays_among(times)
    wanted = {start: end for start, end in times.items() if start > clock.now() and start.date() not in off}
    days = {start.date() for start in wanted}
    beside = {start: session for session in sessions for day in days for start in session.extra_times(day)}
    extras = {start: session for start, session in beside.items() if start in wanted}
    found = await slots_between(tx, who, schedule.id or "", first, last)
    there = {(start_of(slot), bool(slot.overbooked)): slot for slot in found}
    misfits = [
        slot for (start, more), slot in there.items()
        if start not in (extras if more else wanted) and start > clock.now()
    ]  # fmt: skip
    booked = [slot for slot in misfits if slot.status == BUSY]
    fixed = [(start_of(slot), _end(slot)) for slot in booked]
    kept = {start for session in sessions for day in days for start in session.kept_back(day)}
    new = [
        _slot(schedule, start, end, kept=start in kept)
        for start, end in wanted.items()
        if (start, False) not in there and not any(start < busy_end and busy < end for busy, busy_end in fixed)
    ]
    new += [
        _extra(schedule, session, start, wanted[start])
        for start, session in extras.items() if (start, True) not in there
    ]  # fmt: skip
    made = await store.load(tx, who, new) if new else 0
    await set_status(tx, who, [slot for slot in misfits if slot.status == FREE], CLOSED)
    closed = sum(slot.status == FREE for slot in misfits)
    return Made(made, len(wanted) + len(extras) - len(new), closed, await bookings_of(tx, who, booked), off)


async def slots_between(tx: Transaction, who: Subject, schedule_id: str, first: date, last: date) -> list[r4.Slot]:
    """All slots of a schedule from `first` to `last`, a week at a time, in the order of their times."""
    found: list[r4.Slot] = []
    day = first
    while day <= last:
        until = min(day + timedelta(days=7), last + timedelta(days=1))
        span = [f"ge{stamp(clock.day_bounds(day)[0])}", f"lt{stamp(clock.day_bounds(until)[0])}"]
        params = {"schedule": f"Schedule/{schedule_id}", "start": span, "_sort": "start", "_count": "1000"}
        found += (await store.search(tx, who, r4.Slot, params)).resources
        day = until
    return found


async def bookings_of(tx: Transaction, who: Subject, slots: Sequence[r4.Slot]) -> list[r4.Appointment]:
    """Who is awaited in these slots."""
    if not slots:
        return []
    wanted = ",".join(f"Slot/{slot.id}" for slot in slots[:500])
    params = {"slot": wanted, "status": f"{AWAITED},arrived", "_count": "500"}
    found = (await store.search(tx, who, r4.Appointment, params)).resources
    return sorted(found, key=start_of)


async def close(tx: Transaction, who: Subject, slots: Sequence[r4.Slot]) -> list[r4.Appointment]:
    """Close slots: nobody can book them any more. Gives the bookings that stand in them all the same."""
    await set_status(tx, who, [slot for slot in slots if slot.status in (FREE, BUSY)], CLOSED)
    return [one for one in await bookings_of(tx, who, slots) if one.status == AWAITED]


async def reopen(tx: Transaction, who: Subject, slots: Sequence[r4.Slot]) -> None:
    """Open closed slots again; those that are booked stay taken."""
    closed = [slot for slot in slots if slot.status == CLOSED]
    taken = {one.slot[0].reference for one in await bookings_of(tx, who, closed) if one.slot}
    await set_status(tx, who, [slot for slot in closed if f"Slot/{slot.id}" in taken], BUSY)
    await set_status(tx, who, [slot for slot in closed if f"Slot/{slot.id}" not in taken], FREE)


async def set_status(tx: Transaction, who: Subject, slots: Iterable[r4.Slot], status: str) -> None:
    """Write a status on slots as they were read.

    Raises:
        VersionConflict: one of them was booked or changed in between.
    """
    for slot in slots:
        await store.update(tx, who, msgspec.structs.replace(slot, status=status), if_match=version_of(slot))


def new_schedule(service: r4.HealthcareService, doctor: r4.Reference, room: r4.Location) -> r4.Schedule:
    """The schedule of a doctor in a specialty and a room."""
    return r4.Schedule(
        active=True,
        serviceType=service.type,
        specialty=service.specialty,
        actor=[store.reference(service, service.name), doctor, store.reference(room, room.name)],
    )


def same(schedule: r4.Schedule, service_id: str, doctor: r4.Reference, room_id: str) -> bool:
    """Whether a schedule is of this doctor in this specialty and room."""
    return (
        actor(schedule, "HealthcareService").reference == f"HealthcareService/{service_id}"
        and actor(schedule, "Practitioner").reference == doctor.reference
        and actor(schedule, "Location").reference == f"Location/{room_id}"
    )


def _check_range(first: date, last: date) -> None:
    today = clock.today()
    if last < first:
        raise Invalid(_("Ngày cuối đứng trước ngày đầu."), where="last")
    if first < today:
        raise Invalid(_("Chỉ tạo giờ khám từ hôm nay trở đi."), where="first")
    if last > today + FURTHEST + timedelta(days=31):
        raise Invalid(_("Ngày cuối quá xa (nhiều nhất ba tháng tới)."), where="last")
    if (last - first).days >= MOST_DAYS:
        raise Invalid(_("Mỗi lần tạo nhiều nhất %(n)s ngày.", n=MOST_DAYS), where="last")


def _slot(schedule: r4.Schedule, start: datetime, end: datetime, *, kept: bool) -> r4.Slot:
    return r4.Slot(
        appointmentType=KEPT_FOR_DESK if kept else None,
        id=f"{schedule.id}-{start:%Y%m%d-%H%M}",
        serviceType=schedule.serviceType,
        specialty=schedule.specialty,
        schedule=r4.Reference(reference=f"Schedule/{schedule.id}"),
        status=FREE,
        start=stamp(start),
        end=stamp(end),
    )


def _extra(schedule: r4.Schedule, session: Session, start: datetime, end: datetime) -> r4.Slot:
    """A place more at a time of a session."""
    day = start.date()
    first, last = (datetime.combine(day, at, clock.ZONE) for at in (session.start, session.end))
    return overbooking.beyond(_slot(schedule, start, end, kept=False), first, last, session.extra_for)


def _end(slot: r4.Slot) -> datetime:
    return clock.local(slot.end or slot.start or "")


def _session(extension: r4.Extension) -> Session:
    parts = extension.extension or []
    days = tuple(DAYS.index(part.valueCode) for part in parts if part.url == "day" and part.valueCode in DAYS)
    values = {part.url: part for part in parts}
    return Session(
        days,
        time.fromisoformat(values["start"].valueTime or "00:00"),
        time.fromisoformat(values["end"].valueTime or "00:00"),
        values["minutes"].valuePositiveInt or SHORTEST,
        (values["kept"].valueUnsignedInt or 0) if "kept" in values else 0,
        (values["extra"].valueUnsignedInt or 0) if "extra" in values else 0,
        (values["extra-for"].valueCode or overbooking.DESK) if "extra-for" in values else overbooking.DESK,
    )


def _extension(session: Session) -> r4.Extension:
    return r4.Extension(
        url=SESSION,
        extension=[
            *(r4.Extension(url="day", valueCode=DAYS[day]) for day in session.days),
            r4.Extension(url="start", valueTime=session.start.isoformat("seconds")),
            r4.Extension(url="end", valueTime=session.end.isoformat("seconds")),
            r4.Extension(url="minutes", valuePositiveInt=session.minutes),
            *([r4.Extension(url="kept", valueUnsignedInt=session.kept)] if session.kept else []),
            *([r4.Extension(url="extra", valueUnsignedInt=session.extra)] if session.extra else []),
            *([r4.Extension(url="extra-for", valueCode=session.extra_for)] if session.extra else []),
        ],
    )
