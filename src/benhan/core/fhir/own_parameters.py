"""Benhan's own search parameters, in the form of R4's: what Vietnamese reception and queues ask for.

Numbers are given here by hand, from 10001 on, and never given twice: index rows carry them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class Own(NamedTuple):
    """One parameter of our own; `title` says for the CapabilityStatement what it finds."""

    number: int
    type: str
    code: str
    kind: Literal["token", "string", "reference"]
    expression: str
    title: str
    targets: tuple[str, ...] = ()


_GUEST = "Appointment.contained.ofType(Patient)"

OWN_PARAMETERS: tuple[Own, ...] = (
    Own(10001, "Task", "location", "reference", "Task.location", "Phòng phục vụ của phiếu", ("Location",)),
    Own(10002, "Appointment", "guest-name", "string", f"{_GUEST}.name", "Họ tên khách đặt khám chưa có hồ sơ"),
    Own(
        10003,
        "Appointment",
        "guest-phone",
        "token",
        f"{_GUEST}.telecom.where(system='phone')",
        "Số điện thoại của khách đặt khám chưa có hồ sơ",
    ),
    Own(
        10004,
        "Appointment",
        "guest-cccd",
        "token",
        f"{_GUEST}.identifier",
        "Giấy tờ (CCCD, thẻ BHYT) của khách đặt khám chưa có hồ sơ",
    ),
    Own(10005, "Task", "reason", "token", "Task.reasonCode", "Đối tượng ưu tiên của phiếu"),
    Own(10006, "Medication", "name", "string", "Medication.code", "Tên thuốc trong danh mục của cơ sở"),
    Own(
        10007,
        "MedicationRequest",
        "group-identifier",
        "token",
        "MedicationRequest.groupIdentifier",
        "Mã đơn thuốc mà các dòng thuốc dùng chung",
    ),
)
