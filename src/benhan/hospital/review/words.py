"""How an opening is told: who, what she did, what she saw."""

from __future__ import annotations

from typing import Final

from benhan.core.access.glass_review import Broken
from benhan.core.access.glass_told import DEAD, NO_GUARDIAN, NO_PHONE
from benhan.core.access.reviewing import Opening
from benhan.core.access.roles import ROLE_NAMES, Role
from benhan.core.kit.clock import vn_datetime
from benhan.core.language import _, later

#: Types of records as a hospital calls them; others by their FHIR name.
TYPES: Final = {
    "Patient": later("hành chính"),
    "Encounter": later("lượt khám"),
    "Composition": later("phiếu khám"),
    "Condition": later("chẩn đoán"),
    "Observation": later("sinh hiệu, kết quả"),
    "DiagnosticReport": later("kết quả"),
    "ServiceRequest": later("chỉ định"),
    "MedicationRequest": later("đơn thuốc"),
    "AllergyIntolerance": later("dị ứng"),
    "Appointment": later("lịch hẹn"),
    "Coverage": later("thẻ BHYT"),
    "CoverageEligibilityResponse": later("thẻ BHYT"),
    "Task": later("số thứ tự"),
}
#: Why nobody has the message of a broken glass, and none will be sent.
UNTOLD: Final = {
    NO_PHONE: later("hồ sơ không có số điện thoại"),
    NO_GUARDIAN: later("người bệnh còn nhỏ, chưa có người giám hộ nào nhận quyền thay mặt"),
    DEAD: later("người bệnh đã mất"),
}
SENDERS: Final = {"zalo": "Zalo", "sms": "SMS"}


def doer(one: Opening) -> str:
    """The person, or the program, that opened."""
    return one.name or one.account.removeprefix("client:")


def role_of(one: Opening | Broken) -> str:
    """What she is."""
    if one.account.startswith("client:"):
        return _("phần mềm")
    if one.account.startswith("person:"):
        return _(ROLE_NAMES[Role.RELATIVE])
    return ", ".join(_(ROLE_NAMES[Role(role)]) for role in one.roles if role in ROLE_NAMES) or _("tài khoản đã đóng")


def what_done(one: Opening) -> str:
    """Whether she looked, wrote, printed."""
    said = [_("ghi")] if one.wrote else []
    said += [_("in")] if "print" in one.actions else []
    return ", ".join([_("xem"), *said])


def kinds_seen(one: Opening) -> str:
    """What kinds of records, each once."""
    return ", ".join(dict.fromkeys(_(TYPES[name]) if name in TYPES else name for name in one.types))


def telling(one: Broken, *, sends: bool) -> tuple[str, str]:
    """Whether the patient has the message of a broken glass, and how loud that is; `sends`: whether any leaves here."""
    if one.told:
        by = SENDERS.get(one.told_by, one.told_by)
        return _("đã nhắn qua %(by)s lúc %(at)s", by=by, at=vn_datetime(one.told)), "ok"
    if one.tell_trouble in UNTOLD:
        return _("không nhắn được: %(why)s", why=_(UNTOLD[one.tell_trouble])), "bad"
    if not sends:
        return _("chưa nhắn: nơi này chưa nối kênh nhắn tin"), "bad"
    if not one.tell_again:
        return _("không nhắn được: %(why)s", why=one.tell_trouble or _("quá hạn gửi")), "bad"
    if one.tell_trouble:
        return _("chưa nhắn được, đang thử lại: %(why)s", why=one.tell_trouble), "warn"
    return _("đang nhắn"), "warn"
