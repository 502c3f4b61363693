"""What scopes mean, for people: one sentence for each, what is read first, what is written behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from benhan.core.access import scopes
from benhan.core.access.scopes import Scope
from benhan.core.language import _, later

#: What records are called on the page; others by the name of their type.
_TYPES: Final = {
    "*": later("toàn bộ hồ sơ"),
    "Patient": later("thông tin hành chính"),
    "Observation": later("kết quả và chỉ số"),
    "Condition": later("chẩn đoán"),
    "Encounter": later("lượt khám"),
    "AllergyIntolerance": later("dị ứng"),
    "MedicationRequest": later("đơn thuốc"),
    "DiagnosticReport": later("phiếu kết quả"),
    "ServiceRequest": later("chỉ định"),
    "Composition": later("tài liệu bệnh án"),
    "Appointment": later("lịch hẹn"),
    "Coverage": later("bảo hiểm y tế"),
    "Practitioner": later("người hành nghề"),
    "Organization": later("cơ sở, khoa phòng"),
    "Location": later("phòng"),
    "Task": later("việc cần làm"),
}
_WORDS: Final = {
    "openid": later("Biết bạn là ai (tên tài khoản dạng mã)"),
    "fhirUser": later("Biết hồ sơ người hành nghề hoặc người bệnh của bạn"),
    "online_access": later("Dùng tiếp trong lúc bạn còn đăng nhập"),
    "offline_access": later("Dùng tiếp cả khi bạn đã ra về, đến 90 ngày"),
}
_BULK: Final = {
    "bulk/export": later("Chép ra mọi hồ sơ của cơ sở"),
    "bulk/import": later("Nạp hồ sơ vào hàng loạt"),
    scopes.LABELLED: later("Gặp cả hồ sơ mang nhãn mật"),
}


def in_words(text: str, contexts: Sequence[str]) -> list[str]:
    """What scopes let a program do, in sentences; what writes comes last."""
    rights = sorted(scopes.readable(text, contexts), key=lambda one: bool(one.letters & {"c", "u", "d"}))
    said = [_sentence(one) for one in rights]
    return list(dict.fromkeys([*said, *(_(_WORDS[word]) for word in _WORDS if word in text.split())]))


def _sentence(one: Scope) -> str:
    if one.type in scopes.BULK:
        return _(_BULK[one.type])
    name = _(_TYPES[one.type]) if one.type in _TYPES else one.type
    acts = {
        "rs": _("xem"), "c": _("thêm"), "u": _("sửa"), "d": _("xoá"),
    }  # fmt: skip
    said = ", ".join(word for letters, word in acts.items() if one.letters & set(letters))
    whose = {
        "patient": _("của người bệnh này"), "user": _("mà bạn được xem"), "system": _("của mọi người bệnh"),
    }[one.context]  # fmt: skip
    limit = ", ".join(f"{code} = {value}" for code, value in one.where)
    sentence = f"{said} {name} {whose}"
    return sentence[:1].upper() + sentence[1:] + (f" ({_('chỉ')} {limit})" if limit else "")
