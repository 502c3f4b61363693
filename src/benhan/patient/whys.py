"""Who opened the record and why, in the patient's words: from her role, and whether there was a visit around that day.

The rule by which it was allowed stands in the audit; this is what it means. Law 15/2023 art. 69: who treats, keeps the
record, or settles its cost may read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

import msgspec

from benhan.core.access.acting import KIND_NAMES, Kind
from benhan.core.access.audit import Opening
from benhan.core.access.glass_review import Broken
from benhan.core.access.roles import ROLE_NAMES, Role
from benhan.core.kit.clock import local, vn_date
from benhan.core.language import _, later

#: What each role opens a record for.
PURPOSES: Final = {
    Role.RECEPTION: later("tiếp đón, đặt lịch"),
    Role.DOCTOR: later("khám, điều trị"),
    Role.NURSE: later("chăm sóc, theo dõi"),
    Role.LABORATORY: later("làm xét nghiệm"),
    Role.IMAGING: later("chụp, siêu âm, đọc kết quả"),
    Role.PHARMACY: later("cấp thuốc"),
    Role.CASHIER: later("thu phí"),
    Role.PLANNING: later("kiểm tra, lưu trữ hồ sơ"),
    Role.ADMINISTRATOR: later("quản trị hệ thống"),
    Role.REVIEWER: later("giám sát truy cập"),
}
#: Types of records as she would call them; others are not named.
KINDS: Final = {
    "Patient": later("hành chính"),
    "Encounter": later("lượt khám"),
    "Composition": later("phiếu khám"),
    "Condition": later("chẩn đoán"),
    "Observation": later("sinh hiệu, kết quả"),
    "DiagnosticReport": later("kết quả"),
    "ServiceRequest": later("chỉ định"),
    "MedicationRequest": later("đơn thuốc"),
    "AllergyIntolerance": later("dị ứng"),
    "Immunization": later("tiêm chủng"),
    "Media": later("ảnh của kết quả"),
    "Appointment": later("lịch hẹn"),
    "Coverage": later("thẻ BHYT"),
    "CoverageEligibilityResponse": later("thẻ BHYT"),
    "Task": later("số thứ tự"),
    "Consent": later("đồng ý"),
    "Communication": later("yêu cầu, câu hỏi"),
}
#: How an account begins that is of somebody to whom the record was shown.
SHARED: Final = "share:"
#: A visit explains an opening so long before it (preparing) and after it (results, insurance).
BEFORE, AFTER = timedelta(days=3), timedelta(days=30)


class Why(msgspec.Struct, frozen=True):
    """The reason in words; `strange`: there was no visit around that day, so she may well ask."""

    text: str
    strange: bool


def why(opening: Opening, visits: Sequence[date]) -> Why:
    """Why this opening; `visits` are the days of her visits."""
    if opening.relation:
        return Why(_("thay mặt người bệnh"), False)
    if opening.account.startswith(SHARED):
        return Why(_("xem bằng mã chia sẻ của bạn; tên do người xem tự khai"), False)
    day = local(opening.first).date()
    near = [visit for visit in visits if visit - BEFORE <= day <= visit + AFTER]
    purpose = _purpose(opening)
    if near:
        nearest = min(near, key=lambda visit: abs(visit - day))
        return Why(_("%(purpose)s – lượt khám ngày %(day)s", purpose=purpose, day=vn_date(nearest)), False)
    if opening.wrote:
        return Why(purpose, False)
    return Why(_("%(purpose)s – không có lượt khám nào quanh ngày này", purpose=purpose), True)


def role_of(opening: Opening | Broken) -> str:
    """What somebody is, in words."""
    if opening.account.startswith("client:"):
        return _("chương trình của bệnh viện")
    if opening.account.startswith(SHARED):
        return _("nơi khám khác, được bạn chia sẻ")
    if isinstance(opening, Opening) and opening.relation:
        return _(KIND_NAMES[Kind(opening.relation)])
    known = [_(ROLE_NAMES[Role(role)]) for role in opening.roles if role in ROLE_NAMES]
    return ", ".join(known) or _("tài khoản đã đóng")


def what_seen(opening: Opening) -> str:
    """What somebody looked at, in words, each once."""
    return ", ".join(dict.fromkeys(_(KINDS[type_]) for type_ in opening.types if type_ in KINDS))


def _purpose(opening: Opening) -> str:
    if opening.account.startswith("client:"):
        return _("phần mềm của bệnh viện lấy dữ liệu")
    known = [_(PURPOSES[Role(role)]) for role in opening.roles if role in PURPOSES]
    return "; ".join(known) or _("tài khoản đã đóng, không rõ việc")
