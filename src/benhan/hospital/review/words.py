"""How an opening is told: who, what she did, what she saw."""

from __future__ import annotations

from typing import Final

from benhan.core.access.glass_review import Broken
from benhan.core.access.reviewing import Opening
from benhan.core.access.roles import ROLE_NAMES, Role
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
