"""The life of a record as a table: what may happen to it in which state, who does it, and by which law. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from benhan.core.access import Permission
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict
from benhan.core.language import _, later


class State(StrEnum):
    """Where a record stands."""

    DRAFT = "draft"
    ACTIVE = "active"
    CLOSED = "closed"
    ARCHIVED = "archived"


class Event(StrEnum):
    """What happens to it."""

    CHANGE_FORM = "change-form"
    WRITE = "write"
    ADMIT = "admit"
    CLOSE = "close"
    ADD = "add"
    REOPEN = "reopen"
    ARCHIVE = "archive"
    TAKE_OUT = "take-out"


class Step(msgspec.Struct, frozen=True):
    """What follows, who may do it, and the law it rests on."""

    to: State
    may: Permission
    law: str


_RECORD: Final = "Luật KCB 15/2023 Đ69k1; TT 32/2023/TT-BYT Đ52"
_SIGNED: Final = "TT 13/2025/TT-BYT Đ3; Luật KCB 15/2023 Đ7k10"
_ARCHIVE: Final = "Luật KCB 15/2023 Đ69k4; TT 33/2025/TT-BYT"

#: Nothing else happens to a record. A reopened record is a new one that begins with the answers of the closed one
#: (`kept.reopen`): what is signed stays as it was signed. Destruction (TT 33/2025/TT-BYT) is not built.
TRANSITIONS: Final = {
    (State.DRAFT, Event.CHANGE_FORM): Step(State.DRAFT, Permission.CONSULT, _RECORD),
    (State.DRAFT, Event.WRITE): Step(State.DRAFT, Permission.CONSULT, _RECORD),
    (State.DRAFT, Event.ADMIT): Step(State.ACTIVE, Permission.CONSULT, _RECORD),
    (State.ACTIVE, Event.WRITE): Step(State.ACTIVE, Permission.CONSULT, _RECORD),
    (State.ACTIVE, Event.CLOSE): Step(State.CLOSED, Permission.SIGN, _SIGNED),
    (State.CLOSED, Event.ADD): Step(State.CLOSED, Permission.SIGN, _SIGNED),
    (State.CLOSED, Event.REOPEN): Step(State.ACTIVE, Permission.ARCHIVE, _SIGNED),
    (State.CLOSED, Event.ARCHIVE): Step(State.ARCHIVED, Permission.ARCHIVE, _ARCHIVE),
    (State.ARCHIVED, Event.ADD): Step(State.ARCHIVED, Permission.SIGN, _ARCHIVE),
    (State.ARCHIVED, Event.TAKE_OUT): Step(State.CLOSED, Permission.ARCHIVE, _ARCHIVE),
}
#: What screens call the states, and their tone.
NAMES: Final = {
    State.DRAFT: (later("nháp"), "warn"),
    State.ACTIVE: (later("đang điều trị"), "info"),
    State.CLOSED: (later("đã đóng"), "ok"),
    State.ARCHIVED: (later("đã lưu trữ"), "grey"),
}


def state_of(record: r4.QuestionnaireResponse, *, archived: bool = False) -> State:
    """Where a record stands: a draft has no responsible doctor yet (`author`), a closed one is completed."""
    if record.status in ("completed", "amended"):
        return State.ARCHIVED if archived else State.CLOSED
    return State.ACTIVE if record.author else State.DRAFT


def allows(state: State, event: Event) -> bool:
    """Whether this may happen now."""
    return (state, event) in TRANSITIONS


def must_allow(state: State, event: Event) -> Step:
    """The step that the table gives.

    Raises:
        Conflict: it gives none.
    """
    step = TRANSITIONS.get((state, event))
    if step is None:
        raise Conflict(_(_REFUSED[event], state=_(NAMES[state][0])), advice=_(_ADVICE.get(event, "")) or None)
    return step


_REFUSED: Final = {
    Event.CHANGE_FORM: later("Hồ sơ %(state)s nên không đổi mẫu được."),
    Event.WRITE: later("Hồ sơ %(state)s nên không sửa được nữa."),
    Event.ADMIT: later("Hồ sơ %(state)s, không lập lại được."),
    Event.CLOSE: later("Hồ sơ %(state)s nên không đóng được."),
    Event.ADD: later("Hồ sơ %(state)s: ghi thẳng vào hồ sơ, không cần phần bổ sung."),
    Event.REOPEN: later("Hồ sơ %(state)s nên không mở lại được."),
    Event.ARCHIVE: later("Hồ sơ %(state)s nên không lưu trữ được."),
    Event.TAKE_OUT: later("Hồ sơ %(state)s, không nằm trong lưu trữ."),
}
_ADVICE: Final = {
    Event.WRITE: later("Cần thêm điều gì thì ghi phần bổ sung và ký."),
    Event.CLOSE: later("Bác sĩ lập bệnh án trước, rồi đóng khi người bệnh đã ra viện."),
    Event.REOPEN: later("Hồ sơ đã lưu trữ thì phòng KHTH lấy ra trước."),
}
