"""What a question is, who answers it, until when, and who may see it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from benhan.core.access import Subject
from benhan.core.access.acting import Part
from benhan.core.fhir import r4, systems
from benhan.core.fhir.moments import moment_range
from benhan.core.fhir.outcome import NotFound
from benhan.core.kit import clock
from benhan.core.kit.working_days import is_holiday
from benhan.core.language import _, later
from benhan.hospital import weekly
from benhan.hospital.weekly import Session

MOST_WORDS: Final = 2000
#: Questions of one patient that are open at a time; and what she, or who acts for her, writes in a day.
MOST_OPEN: Final = 3
MOST_A_DAY: Final = 15
RATINGS: Final = (1, 2, 3, 4, 5)
#: A session with less left than this does not promise an answer any more.
LEAST_LEFT: Final = timedelta(minutes=30)
#: So far ahead a session is looked for.
AHEAD_DAYS: Final = 14
QUESTION, LINE, URGENT = "question", "line", "urgent"


class State(StrEnum):
    """Where a question stands. Values: FHIR Communication.status (event-status)."""

    WAITING = "preparation"
    TAKEN = "in-progress"
    ANSWERED = "on-hold"
    CLOSED = "completed"


STATE_NAMES: Final = {
    State.WAITING: later("chờ bác sĩ"), State.TAKEN: later("bác sĩ đang xem"),
    State.ANSWERED: later("đã có trả lời"), State.CLOSED: later("đã đóng"),
}  # fmt: skip
#: In whose turn it is to write: the doctor's, where it waits for an answer.
DOCTORS_TURN: Final = frozenset({State.WAITING, State.TAKEN})


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """A doctor who answers questions of a specialty."""

    id: str
    practitioner: str
    doctor: str
    service: str
    specialty: str
    sessions: tuple[Session, ...]


class Window(msgspec.Struct, frozen=True):
    """When a question is answered at the earliest, and at the latest."""

    start: datetime
    end: datetime


class File(msgspec.Struct, frozen=True):
    """Something sent along: a DocumentReference by its id, and what it is called."""

    id: str
    name: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wrote. `by`: patient, relative or doctor. `assessment`: the signed Composition, if it is one."""

    id: str
    at: datetime
    by: str
    name: str
    words: str
    files: tuple[File, ...]
    assessment: str = ""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A question as it is kept. `since`: from when the house owes an answer; `due`: until when, as she was told."""

    id: str
    state: State
    urgent: bool
    patient: str
    name: str
    service: str
    specialty: str
    visit: str
    practitioner: str
    doctor: str
    sent: datetime
    since: datetime
    due: datetime | None
    rating: int | None
    first: Line

    def late(self, now: datetime) -> bool:
        """Whether the answer should be there by now."""
        return self.state in DOCTORS_TURN and self.due is not None and self.due < now


def registered(role: r4.PractitionerRole) -> Registered:
    """A PractitionerRole read as a registration."""
    service = next(iter(role.healthcareService or []), r4.Reference())
    doctor = role.practitioner or r4.Reference()
    return Registered(
        id=role.id or "", practitioner=(doctor.reference or "").rpartition("/")[2], doctor=doctor.display or "",
        service=(service.reference or "").rpartition("/")[2], specialty=service.display or "",
        sessions=tuple(
            found for one in role.availableTime or []
            if (found := weekly.session(one.daysOfWeek, one.availableStartTime, one.availableEndTime))
        ),
    )  # fmt: skip


def windows(sessions: Iterable[Session], now: datetime) -> Iterator[Window]:
    """The sessions of the days ahead that are not over, the soonest first; none on a holiday."""
    kept = tuple(sessions)
    today = clock.local(now).date()
    for day in (today + timedelta(days=ahead) for ahead in range(AHEAD_DAYS + 1)):
        if is_holiday(day):
            continue
        of_day = [one for one in kept if day.weekday() in one.days]
        for one in sorted(of_day, key=lambda session: session.start):
            start, end = (datetime.combine(day, at, clock.ZONE) for at in (one.start, one.end))
            if end - now >= LEAST_LEFT:
                yield Window(max(start, now), end)


def answered_in(sessions: Iterable[Session], now: datetime) -> Window | None:
    """When a question of now is answered; None: nobody knows yet."""
    return next(windows(sessions, now), None)


def choose(
    found: Sequence[Registered], open_: Mapping[str, int], now: datetime, wish: str = ""
) -> tuple[Registered, Window] | None:
    """Who answers: whom she wishes (or who saw her), else who answers soonest, of these who has the fewest open.

    None: nobody does in the days ahead.
    """
    those = [one for one in found if one.practitioner == wish] or list(found)
    able = [(one, window) for one in those if (window := answered_in(one.sessions, now))]
    return min(
        able, key=lambda pair: (pair[1].start, open_.get(pair[0].practitioner, 0), pair[0].doctor), default=None
    )  # fmt: skip


def may_open(who: Subject, one: Question, roster: Iterable[Registered]) -> bool:
    """Whether somebody of the house may see it: whom it was given to, and who answers for this specialty."""
    mine = [each for each in roster if each.practitioner == who.practitioner]
    return bool(who.practitioner) and (
        one.practitioner == who.practitioner or any(each.service == one.service for each in mine)
    )


def may_ask(who: Subject) -> bool:
    """Whether she may ask and read answers: herself, or who acts for the patient with her whole record."""
    return bool(who.patient) and (who.relation is None or Part.CHART in who.relation.parts)


def question(kept: r4.Communication) -> Question:
    """A Communication read as a question.

    Raises:
        NotFound: it is none.
    """
    if _code(kept) != QUESTION or not kept.sent:
        raise NotFound(_("Không có câu hỏi này."))
    recipient = next(iter(kept.recipient or []), r4.Reference())
    about = {type_: one for one in kept.about or [] for type_ in [(one.reference or "").partition("/")[0]]}
    service = about.get("HealthcareService", r4.Reference())
    due = next((one.valueDateTime for one in kept.extension or [] if one.url == systems.EXTENSION_DUE), None)
    return Question(
        id=kept.id or "", state=State(kept.status or ""), urgent=kept.priority == URGENT,
        patient=_id(kept.subject), name=(kept.subject and kept.subject.display) or "", service=_id(service),
        specialty=service.display or "", visit=_id(about.get("Encounter")), practitioner=_id(recipient),
        doctor=recipient.display or "", sent=moment_range(kept.sent)[0],
        since=moment_range(kept.received or kept.sent)[0], due=moment_range(due)[0] if due else None,
        rating=next((one.valueInteger for one in kept.extension or [] if one.url == systems.EXTENSION_RATING), None),
        first=line(kept),
    )  # fmt: skip


def line(kept: r4.Communication) -> Line:
    """A Communication read as a line of the thread."""
    sender = kept.sender or r4.Reference()
    payload = kept.payload or []
    named = [one.contentReference for one in payload if one.contentReference]
    return Line(
        id=kept.id or "", at=moment_range(kept.sent or "")[0], name=sender.display or "",
        by=_BY.get((sender.reference or "").partition("/")[0], "doctor"),
        words=next((one.contentString for one in payload if one.contentString), ""),
        files=tuple(
            File(_id(one), one.display or "") for one in named if (one.reference or "").startswith("DocumentReference/")
        ),
        assessment=next((_id(one) for one in named if (one.reference or "").startswith("Composition/")), ""),
    )  # fmt: skip


_BY: Final = {"Patient": "patient", "RelatedPerson": "relative"}


def covered(one: Question) -> Question:
    """The question as somebody sees it to whom the patient's record is closed: when, how urgent, nothing else."""
    first = msgspec.structs.replace(one.first, words="", files=(), name="")
    return msgspec.structs.replace(one, name="", first=first, visit="")


def in_order(found: Iterable[Question]) -> list[Question]:
    """What is answered next: the urgent, then by their deadline, then the oldest."""
    last = datetime.max.replace(tzinfo=clock.ZONE)
    return sorted(found, key=lambda one: (not one.urgent, one.due or last, one.since))


def _code(kept: r4.Communication) -> str:
    found = (one for place in kept.category or [] for one in place.coding or [] if one.system == systems.QUESTION)
    return next((one.code or "" for one in found), "")


def _id(reference: r4.Reference | None) -> str:
    return ((reference and reference.reference) or "").rpartition("/")[2]
