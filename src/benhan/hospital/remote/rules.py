"""A request to be seen at a distance: its states, its times, what may be sent with it. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, NotFound
from benhan.core.kit import clock
from benhan.core.language import _, later
from benhan.hospital.visit import REMOTE_REQUEST, ROOM_OPENS, code_of, display_of, id_of, moment

MOST_WORDS: Final = 2000
#: Requests that somebody may send in a day.
MOST_A_DAY: Final = 5
LASTS: Final = timedelta(minutes=15)
#: How far ahead one may wish, and a doctor accept.
FURTHEST: Final = timedelta(days=30)


class State(StrEnum):
    """Where a request stands. Values: FHIR Task.status."""

    ASKED = "requested"
    ACCEPTED = "accepted"
    DECLINED = "rejected"
    TAKEN_BACK = "cancelled"
    GOING_ON = "in-progress"
    OVER = "completed"


class Step(StrEnum):
    """What is done with a request; the name of its event in the audit."""

    ACCEPT = "remote-accepted"
    DECLINE = "remote-declined"
    TAKE_BACK = "remote-taken-back"
    BEGIN = "remote-begun"
    END = "remote-ended"


#: Life of a request. What is not here cannot be done.
STEPS: Final = {
    (State.ASKED, Step.ACCEPT): State.ACCEPTED,
    (State.ACCEPTED, Step.ACCEPT): State.ACCEPTED,
    (State.ASKED, Step.DECLINE): State.DECLINED,
    (State.ACCEPTED, Step.DECLINE): State.DECLINED,
    (State.ASKED, Step.TAKE_BACK): State.TAKEN_BACK,
    (State.ACCEPTED, Step.TAKE_BACK): State.TAKEN_BACK,
    (State.ACCEPTED, Step.BEGIN): State.GOING_ON,
    (State.GOING_ON, Step.BEGIN): State.GOING_ON,
    (State.GOING_ON, Step.END): State.OVER,
    (State.OVER, Step.END): State.OVER,
}
OPEN: Final = (State.ASKED, State.ACCEPTED, State.GOING_ON)
STATE_NAMES: Final = {
    State.ASKED: later("chờ bác sĩ trả lời"),
    State.ACCEPTED: later("đã hẹn"),
    State.DECLINED: later("không nhận được"),
    State.TAKEN_BACK: later("đã rút"),
    State.GOING_ON: later("đang khám"),
    State.OVER: later("đã khám"),
}


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it is kept. `doctor` "": any of the specialty."""

    id: str
    version: str
    state: State
    patient: str
    name: str
    specialty: str
    specialty_name: str
    doctor: str
    doctor_name: str
    asked: datetime
    wished: datetime | None
    start: datetime | None
    reason: str
    #: The Communication in which she says what she has.
    said: str

    @property
    def waits(self) -> int:
        """Minutes since she asked."""
        return clock.minutes_between(self.asked, clock.now())

    def opens(self, now: datetime) -> bool:
        """Whether the waiting room is open."""
        if self.state is State.GOING_ON:
            return True
        return self.state is State.ACCEPTED and self.start is not None and now >= self.start - ROOM_OPENS


def of_record(kept: r4.Task) -> Request:
    """A Task read as a request.

    Raises:
        NotFound: it is another kind of Task.
    """
    asked = moment(kept.authoredOn)
    if code_of(kept.code, systems.QUEUE) != REMOTE_REQUEST or asked is None or kept.status not in set(State):
        raise NotFound(_("Không có yêu cầu khám từ xa này."))
    wished = kept.restriction.period if kept.restriction else None
    specialty = next(iter(kept.performerType or []), None)
    return Request(
        id=kept.id or "", version=(kept.meta.versionId or "") if kept.meta else "", state=State(kept.status),
        patient=id_of(kept.for_) or "", name=(kept.for_.display or "") if kept.for_ else "",
        specialty=code_of(specialty) or "", specialty_name=display_of(specialty),
        doctor=id_of(kept.owner) or "", doctor_name=(kept.owner.display or "") if kept.owner else "", asked=asked,
        wished=moment(wished.start) if wished else None,
        start=moment(kept.executionPeriod.start) if kept.executionPeriod else None,
        reason=kept.statusReason.text or "" if kept.statusReason else "", said=id_of(kept.focus) or "",
    )  # fmt: skip


def after(one: Request, step: Step) -> State:
    """The state that a step leads to.

    Raises:
        Conflict: it cannot be done any more.
    """
    if (found := STEPS.get((one.state, step))) is None:
        raise Conflict(_("Yêu cầu này %(state)s.", state=_(STATE_NAMES[one.state])), advice=_("Tải lại trang."))
    return found
