"""Reminding her of her medicines: switched on for a prescription, off by one switch, over with its last day.

A message says that it is time, and of nothing. One for each time of a day, however many prescriptions: all of them are
put into the outbox when she switches it on, and each asks when it is due whether one of them still wants it. Whether
she took it is written nowhere but on her phone: it is nobody's business, and a record that asks would be lied to.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Final

import msgspec

from benhan.core.access import Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Conflict
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.patient import outbox
from benhan.patient.rules import Medicine

#: When each time of a day is, outside the quiet hours (`oa/sending.py`).
CLOCK: Final = {"MORN": time(7), "NOON": time(11, 30), "AFT": time(17), "NIGHT": time(20, 30)}
#: A message is of no use longer than this after its time.
HOLDS: Final = timedelta(hours=1)
#: So far ahead at most: a longer course is switched on again.
MOST_DAYS: Final = 92


class Course(msgspec.Struct, frozen=True):
    """What of a visit is still to be taken by the clock: at which times, until which day."""

    visit: str
    times: tuple[str, ...]
    until: date


def courses(found: Iterable[Medicine]) -> list[Course]:
    """The prescriptions that can be reminded of; what is taken only when needed is not."""
    of: dict[str, list[Medicine]] = {}
    for one in found:
        if one.running and one.doses and one.visit and not one.as_needed:
            of.setdefault(one.visit, []).append(one)
    return [
        Course(
            visit, tuple(time for time in CLOCK if any(time in one.doses for one in mine)),
            max(one.until for one in mine if one.until),
        ) for visit, mine in of.items()
    ]  # fmt: skip


async def on(tx: Transaction, who: Subject) -> frozenset[str]:
    """The visits of whose prescriptions she is reminded."""
    rows = await tx.fetch(
        "select visit from medicine_reminder where facility = $1 and patient = $2 and until >= $3",
        who.facility, who.patient, clock.today(),
    )  # fmt: skip
    return frozenset(row["visit"] for row in rows)


async def switch(tx: Transaction, who: Subject, course: Course | None, visit: str, *, wanted: bool) -> None:
    """Remind her of a prescription, or do not any more. Twice changes nothing.

    Raises:
        Conflict: nothing of it is to be taken by the clock (any more).
    """
    said = Event("reminders", "Encounter", visit, who.patient, rule="own record", detail="on" if wanted else "off")
    if not wanted:
        await tx.execute(
            "delete from medicine_reminder where facility = $1 and patient = $2 and visit = $3",
            who.facility, who.patient, visit,
        )  # fmt: skip
        record(tx, who, said)
        return
    if course is None:
        raise Conflict(_("Đơn này không còn thuốc dùng theo giờ để nhắc."))
    until = min(course.until, clock.today() + timedelta(days=MOST_DAYS))
    await tx.execute(
        "insert into medicine_reminder (facility, patient, visit, times, until, made_by)"
        " values ($1, $2, $3, $4, $5, $6) on conflict (facility, patient, visit) do update set times = $4, until = $5",
        who.facility, who.patient, visit, list(course.times), until, who.account,
    )  # fmt: skip
    await _put(tx, who, course.times, until, clock.now())
    record(tx, who, said)


async def wanted_now(tx: Transaction, facility: int, patient: str, due: datetime) -> bool:
    """Whether any prescription still wants a message of this time."""
    here = clock.local(due)
    at = next((name for name, when in CLOCK.items() if when == here.time().replace(second=0, microsecond=0)), "")
    return bool(await tx.fetchval(
        "select true from medicine_reminder where facility = $1 and patient = $2 and $3 = any(times) and until >= $4"
        " limit 1", facility, patient, at, here.date(),
    ))  # fmt: skip


async def _put(tx: Transaction, who: Subject, times: Iterable[str], until: date, now: datetime) -> None:
    subject, today = f"Patient/{who.patient}", clock.local(now).date()
    for ahead in range((until - today).days + 1):
        day = today + timedelta(days=ahead)
        for name in times:
            due = datetime.combine(day, CLOCK[name], clock.ZONE)
            if due > now:
                cause = f"{subject} {day} {name}"
                await outbox.put(tx, who.facility, "medicine", cause, subject, due=due, ends=due + HOLDS)
