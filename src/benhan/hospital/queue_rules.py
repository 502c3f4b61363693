"""Who is called next, and what may happen to a ticket. Pure: tickets and a moment in, decisions out.

The rule of order, as it hangs on the wall of the waiting hall:

1. Emergencies (cấp cứu) come first, in the order they came.
2. Everybody else is ordered by *place*: the moment one is counted from.
   - Whoever comes without booking is counted from the moment of her ticket.
   - A priority group (Law 15/2023 art. 3: children under 6, 75 and older, pregnancy …) is counted from
     `HEAD_START` earlier.
   - Whoever booked and is not later than `BOOKED_WINDOW` after her time is counted from `HEAD_START` before her
     time (or from her ticket, if that is earlier); she is not called sooner than `BOOKED_WINDOW` before it, unless
     nobody else waits. Who comes later than that is counted like one without booking.
   - A skipped person who returns has her old place.

So nobody starves: a place is a fixed moment, and apart from emergencies only those can pass somebody who came (or
booked) within `HEAD_START` after her. A test holds this for any sequence of arrivals.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median

from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict
from benhan.core.language import _, later
from benhan.hospital import visit
from benhan.hospital.visit import CALLED, DONE, SERIES, SERVED, SKIPPED, WAITING, code_of, moment, ticket_number

STAT, URGENT, ROUTINE = "stat", "urgent", "routine"
CANCELLED = "cancelled"
#: States in which a ticket is still somebody's in the hall.
OPEN = (WAITING, CALLED, SERVED, SKIPPED)

#: How much earlier a priority group, and who booked, is counted.
HEAD_START = timedelta(minutes=60)
#: How far from the booked time somebody is still on time.
BOOKED_WINDOW = timedelta(minutes=15)
#: Minutes a person takes where the room has not served enough people today to tell.
USUAL_MINUTES = {visit.CLINIC: 6.0, visit.LABORATORY: 3.0, visit.IMAGING: 8.0}
#: So many people must have been served before their median counts.
ENOUGH_SERVED = 3


class Event(StrEnum):
    """What happens to a ticket."""

    CALL = "call"
    RECALL = "recall"
    SKIP = "skip"
    RESTORE = "restore"
    START = "start"
    FINISH = "finish"
    CANCEL = "cancel"


#: Life of a ticket. Where the state stays the same the event is harmless to repeat.
TRANSITIONS: dict[tuple[str, Event], str] = {
    (WAITING, Event.CALL): CALLED,
    (CALLED, Event.RECALL): CALLED,
    (SKIPPED, Event.RECALL): CALLED,
    (CALLED, Event.SKIP): SKIPPED,
    (WAITING, Event.SKIP): SKIPPED,
    (SKIPPED, Event.RESTORE): WAITING,
    (CALLED, Event.RESTORE): WAITING,
    (SERVED, Event.RESTORE): WAITING,
    (WAITING, Event.START): SERVED,
    (CALLED, Event.START): SERVED,
    (SKIPPED, Event.START): SERVED,
    (SERVED, Event.START): SERVED,
    (SERVED, Event.FINISH): DONE,
    (CALLED, Event.FINISH): DONE,
    (DONE, Event.FINISH): DONE,
    (WAITING, Event.CANCEL): CANCELLED,
    (CALLED, Event.CANCEL): CANCELLED,
    (SKIPPED, Event.CANCEL): CANCELLED,
    (CANCELLED, Event.CANCEL): CANCELLED,
}

STATE_NAMES = {
    WAITING: later("đang chờ"),
    CALLED: later("đã gọi"),
    SERVED: later("đang phục vụ"),
    DONE: later("đã xong"),
    SKIPPED: later("đã bỏ qua"),
    CANCELLED: later("đã huỷ"),
}


def next_state(ticket: r4.Task, event: Event) -> str:
    """The state after the event.

    Raises:
        Conflict: that cannot happen to a ticket in this state.
    """
    try:
        return TRANSITIONS[ticket.status or "", event]
    except KeyError:
        name = STATE_NAMES.get(ticket.status or "", ticket.status or "")
        raise Conflict(
            _("Số %(ticket)s %(name)s nên không làm được việc này.", ticket=ticket_number(ticket), name=_(name)),
            advice=_("Xem lại hàng đợi."),
        ) from None


def series_of(kind: str, priority: str) -> str:
    """The letter of a ticket: by priority in a clinic, by kind elsewhere."""
    return SERIES.get(kind) or SERIES[priority]


def issued(ticket: r4.Task) -> datetime:
    """When the ticket was given; where whoever made it did not say so, when it was kept.

    Raises:
        ValueError: the ticket has no time, and was never kept.
    """
    when = moment(ticket.authoredOn) or moment(ticket.meta.lastUpdated if ticket.meta else None)
    if when is None:
        raise ValueError(f"ticket {ticket.id} without a time")
    return when


def booked_for(ticket: r4.Task) -> datetime | None:
    """The booked time of somebody who came on time."""
    wanted = ticket.restriction.period if ticket.restriction else None
    return moment(wanted.start) if wanted else None


def on_time(booked: datetime | None, came: datetime) -> datetime | None:
    """The booked time if it still counts for somebody who comes now."""
    return booked if booked and came <= booked + BOOKED_WINDOW else None


def calls(ticket: r4.Task) -> list[datetime]:
    """When the person was called, the first time first."""
    times = [moment(one.valueDateTime) for one in ticket.output or [] if code_of(one.type) == "called"]
    return [when for when in times if when]


def place(ticket: r4.Task) -> datetime:
    """The moment from which a ticket is counted."""
    came = issued(ticket) - (HEAD_START if ticket.priority == URGENT else timedelta())
    booked = booked_for(ticket)
    return min(came, booked - HEAD_START) if booked else came


def early(ticket: r4.Task, now: datetime) -> bool:
    """Booked, and her time has not come yet. Priority groups are never too early."""
    booked = booked_for(ticket)
    return booked is not None and ticket.priority == ROUTINE and now < booked - BOOKED_WINDOW


def in_order(tickets: Iterable[r4.Task], now: datetime) -> list[r4.Task]:
    """Waiting tickets in the order they will be called."""
    return sorted(
        tickets,
        key=lambda t: (t.priority != STAT, early(t, now), place(t), issued(t), ticket_number(t)),
    )


def started(ticket: r4.Task) -> datetime | None:
    """When the person began to be served."""
    return moment(ticket.executionPeriod.start) if ticket.executionPeriod else None


def service_minutes(ticket: r4.Task) -> float | None:
    """How long the person was served, in minutes."""
    period = ticket.executionPeriod
    start, end = (moment(period.start), moment(period.end)) if period else (None, None)
    return (end - start).total_seconds() / 60 if start and end and end > start else None


def pace(served: Iterable[r4.Task], kind: str = visit.CLINIC) -> float:
    """Minutes that a person takes of this room: the median of today, or what is usual for such a room.

    A person takes the room until she is done or until the next one starts, whichever is earlier: somebody who is sent
    to the laboratory is still being served, but does not hold up the queue.
    """
    times = [(start, ticket) for ticket in served if (start := started(ticket))]
    began = sorted(times, key=lambda one: one[0])
    known = []
    for number, (start, ticket) in enumerate(began, 1):
        own = service_minutes(ticket)
        gap = (began[number][0] - start).total_seconds() / 60 if number < len(began) else None
        known += [min(minutes for minutes in (own, gap) if minutes is not None)] if own or gap is not None else []
    return median(known) if len(known) >= ENOUGH_SERVED else USUAL_MINUTES.get(kind, USUAL_MINUTES[visit.CLINIC])


def expected_minutes(ahead: int, minutes_each: float) -> int:
    """How long somebody with so many people before her will wait, in whole minutes."""
    return round(ahead * minutes_each)


def queue_begins(now: datetime) -> datetime:
    """Tickets from this moment on belong to the queue of now: the day's, and before six those of the evening."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(hours=6) if now.hour < 6 else midnight


def shown_name(name: str) -> str:
    """A name as a hall may read it: the family name, then initials ("Đặng T. T.")."""
    family, *rest = name.split() or [""]
    return " ".join([family, *(f"{word[0].upper()}." for word in rest)])
