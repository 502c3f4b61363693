"""Bookings that lie ahead: guests who booked on the web, by Zalo or by telephone and have not come yet."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from random import Random

from benhan.core import store
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.kit.clock import day_bounds
from benhan.hospital.visit import id_of, moment, stamp
from benhan.simulator import plan
from benhan.simulator.appointments import appointment, guest_of
from benhan.simulator.diseases import diseases
from benhan.simulator.house import House, bookable, schedule_id, slot, slot_times
from benhan.simulator.population import Population
from benhan.simulator.timeline import CHANNELS

Given = set[tuple[str, datetime]]


def booked_ahead(
    crowd: Population, day: date, now: datetime, given: Given
) -> tuple[list[r4.Slot], list[r4.Appointment]]:
    """The slots taken on a day from `now` on, and who took them; nearer days are fuller."""
    chance = Random(f"{crowd.seed} bookings {day}")  # noqa: S311 - a seed, no secret
    share = max(0.04, 0.3 - 0.025 * (day - now.date()).days)
    slots, bookings = [], []
    taken: set[int] = set()
    times = [at for at in slot_times(day) if at > now] if day.weekday() in plan.BOOKING_WEEKDAYS else []
    for doctor, room in bookable():
        cases = [one for one in diseases() if one.specialty == doctor.specialty]
        for start in times:
            if (doctor.key, start) in given or chance.random() > share:
                continue
            disease = chance.choices(cases, weights=[one.weight for one in cases])[0]
            if one := crowd.somebody(chance, disease, taken):
                slots.append(slot(doctor, start, "busy"))
                bookings.append(
                    appointment(
                        doctor, room, start, id_=f"hen-{schedule_id(doctor)}-{start:%Y%m%d-%H%M}", status="booked",
                        channel=chance.choices(list(CHANNELS), weights=list(CHANNELS.values()))[0],
                        reason=disease.complaint, guest=guest_of(one),
                        person=r4.AppointmentParticipant(
                            actor=r4.Reference(reference="#guest", display=one.name), required="required",
                            status="accepted",
                        ),
                        created=now - timedelta(hours=chance.uniform(1, 90)),
                    )
                )  # fmt: skip
    return slots, bookings


async def busy_slots(tx: Transaction, house: House, day: date) -> Given:
    """(doctor, time) of every slot of a day that is no longer free."""
    first, after = day_bounds(day)
    params = {"start": [f"ge{stamp(first)}", f"lt{stamp(after)}"], "status": "busy,busy-unavailable", "_count": "1000"}
    page = await store.search(tx, house.loader, r4.Slot, params)
    found = ((id_of(one.schedule) or "", moment(one.start)) for one in page.resources)
    return {(schedule.removeprefix("lich-"), at) for schedule, at in found if at}
