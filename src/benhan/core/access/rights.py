"""Requests of patients about their data: which there are, until when each is answered, its steps, why one is refused.

Source: Luật 91/2025/QH15, NĐ 356/2025/NĐ-CP: an answer within 2 working days; then 10 days to let see, copy and
correct, 15 to restrict, 20 to delete. The decree counts the first in working days and the others in days; a term that
would end on a day off ends on the next working day (BLDS 2015 art. 148). For a complaint it names the answer alone.
Pure.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Final

import msgspec

from benhan.core.kit.working_days import End, after, after_days
from benhan.core.language import later

#: Working days until the patient hears that her request has come in and what follows.
ANSWER_WITHIN: Final = 2


class Kind(StrEnum):
    """What a patient asks for."""

    VIEW = "view"
    COPY = "copy"
    CORRECT = "correct"
    RESTRICT = "restrict"
    DELETE = "delete"
    COMPLAIN = "complain"


class State(StrEnum):
    """Where a request stands. Values: FHIR Communication.status."""

    FILED = "preparation"
    ANSWERED = "in-progress"
    DONE = "completed"
    REFUSED = "not-done"
    TAKEN_BACK = "stopped"


class Step(StrEnum):
    """What is done with a request; the name of its event in the audit."""

    FILE = "request-filed"
    ANSWER = "request-answered"
    DO = "request-done"
    REFUSE = "request-refused"
    TAKE_BACK = "request-taken-back"


#: Life of a request. What is not here cannot be done.
STEPS: Final = {
    (State.FILED, Step.ANSWER): State.ANSWERED,
    (State.FILED, Step.DO): State.DONE,
    (State.FILED, Step.REFUSE): State.REFUSED,
    (State.FILED, Step.TAKE_BACK): State.TAKEN_BACK,
    (State.ANSWERED, Step.DO): State.DONE,
    (State.ANSWERED, Step.REFUSE): State.REFUSED,
    (State.ANSWERED, Step.TAKE_BACK): State.TAKEN_BACK,
}
OPEN: Final = (State.FILED, State.ANSWERED)
#: Days until it is done, from the day it came in.
DAYS: Final = {Kind.VIEW: 10, Kind.COPY: 10, Kind.CORRECT: 10, Kind.RESTRICT: 15, Kind.DELETE: 20}

KIND_NAMES: Final = {
    Kind.VIEW: later("Xem dữ liệu của tôi"),
    Kind.COPY: later("Nhận bản sao hồ sơ"),
    Kind.CORRECT: later("Sửa thông tin sai"),
    Kind.RESTRICT: later("Hạn chế dùng hồ sơ ngoài chữa bệnh"),
    Kind.DELETE: later("Xoá dữ liệu"),
    Kind.COMPLAIN: later("Khiếu nại"),
}
STATE_NAMES: Final = {
    State.FILED: later("mới nhận"),
    State.ANSWERED: later("đang làm"),
    State.DONE: later("đã làm xong"),
    State.REFUSED: later("từ chối"),
    State.TAKEN_BACK: later("người bệnh rút"),
}


class Reason(msgspec.Struct, frozen=True):
    """A reason that a law gives to refuse requests of some kinds."""

    text: str
    law: str
    kinds: tuple[Kind, ...]


REASONS: Final = {
    "retention": Reason(
        later("Luật buộc lưu hồ sơ bệnh án đủ thời hạn; chưa hết hạn nên không xoá được"),
        "Luật 91/2025/QH15; TT 33/2025/TT-BYT", (Kind.DELETE,),
    ),
    "signed": Reason(
        later("Phần đã ký không sửa, xoá được; chỉ ghi bổ sung"),
        "Luật KCB 15/2023 Đ7k10; Luật 20/2023 Đ10", (Kind.CORRECT, Kind.DELETE),
    ),
    "care": Reason(
        later("Việc dùng này luật cho phép không cần đồng ý (chữa bệnh, thanh toán BHYT, báo cáo bắt buộc)"),
        "Luật 91/2025/QH15; Luật KCB 15/2023 Đ69", (Kind.RESTRICT, Kind.DELETE),
    ),
    "summary-only": Reason(
        later("Người đại diện này chỉ được nhận bản tóm tắt hồ sơ"),
        "Luật KCB 15/2023 Đ69k4", (Kind.VIEW, Kind.COPY),
    ),
    "identity": Reason(
        later("Không xác định được người yêu cầu là người bệnh hoặc người đại diện"),
        "NĐ 356/2025/NĐ-CP", tuple(Kind),
    ),
    "not-here": Reason(
        later("Cơ sở này không giữ dữ liệu được yêu cầu"), "NĐ 356/2025/NĐ-CP", tuple(Kind),
    ),
    "accurate": Reason(
        later("Đã kiểm tra: thông tin đang ghi là đúng"), "Luật 91/2025/QH15", (Kind.CORRECT,),
    ),
    "unfounded": Reason(
        later("Đã kiểm tra: không có việc bị khiếu nại"), "Luật 91/2025/QH15", (Kind.COMPLAIN,),
    ),
}  # fmt: skip


class Deadlines(msgspec.Struct, frozen=True):
    """Until when a request is answered, and until when it is done (None: the law names no day)."""

    answer: End
    done: End | None

    def next(self, state: State) -> End | None:
        """The one that comes next; None for what is over, or where no day is named."""
        if state is State.FILED:
            return self.answer
        return self.done if state is State.ANSWERED else None


def deadlines(kind: Kind, filed: date) -> Deadlines:
    """The deadlines of a request that came in on this day."""
    days = DAYS.get(kind)
    return Deadlines(after(filed, ANSWER_WITHIN), after_days(filed, days) if days else None)
