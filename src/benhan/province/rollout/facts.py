"""What is known of a facility: fields of its page, columns of a list, and what lists from elsewhere call them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import codes, forms
from benhan.core.kit.text import fold
from benhan.core.language import _, later
from benhan.province.rollout.words import listed

#: Field → its name, and how headings elsewhere call it (folded, the likeliest first).
COLUMNS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "code": (later("Mã cơ sở (5 ký tự)"), ("ma cskcb", "ma co so", "ma co so kcb", "ma kcb", "ma")),
    "gln": (later("Mã 13 số"), ("ma 13 so", "gln", "ma dinh danh co so", "ma gln")),
    "name": (later("Tên cơ sở"), ("ten co so", "ten co so kcb", "ten benh vien", "ten", "co so")),
    "kind": (later("Loại hình"), ("loai hinh", "hinh thuc to chuc", "loai co so", "loai")),
    "owner": (later("Khối quản lý"), ("khoi quan ly", "so huu", "hinh thuc so huu", "cong tu", "khoi")),
    "level": (later("Cấp chuyên môn"), ("cap chuyen mon", "cap chuyen mon ky thuat", "cap")),
    "ward": (later("Xã, phường"), ("xa phuong", "phuong xa", "xa phuong dac khu", "xa", "phuong")),
    "district": (later("Quận, huyện (cũ)"), ("quan huyen", "quan huyen cu", "huyen", "quan")),
    "province": (later("Tỉnh, thành phố"), ("tinh thanh pho", "tinh thanh", "tinh tp", "tinh")),
    "address": (later("Địa chỉ"), ("dia chi", "so nha duong")),
    "licence": (later("Giấy phép hoạt động"), ("giay phep hoat dong", "so gphd", "gphd")),
    "wave": (later("Đợt triển khai"), ("dot trien khai", "dot", "nhom trien khai")),
    "beds": (later("Giường kế hoạch"), ("giuong ke hoach", "so giuong", "giuong")),
    "beds_actual": (later("Giường thực kê"), ("giuong thuc ke", "thuc ke")),
    "outpatients": (later("Lượt ngoại trú một năm"), ("luot ngoai tru mot nam", "luot ngoai tru", "luot kham")),
    "inpatients": (later("Lượt nội trú một năm"), ("luot noi tru mot nam", "luot noi tru")),
    "doctors": (later("Số bác sĩ"), ("so bac si", "bac si")),
    "nurses": (later("Số điều dưỡng"), ("so dieu duong", "dieu duong")),
    "director": (later("Người đứng đầu"), ("nguoi dung dau", "giam doc")),
    "contact": (later("Đầu mối CNTT"), ("dau moi cntt", "dau moi", "can bo cntt")),
    "phone": (later("Điện thoại đầu mối"), ("dien thoai dau moi", "dien thoai", "so dien thoai", "dt")),
    "closed": (later("Ngừng hoạt động từ"), ("ngung hoat dong tu", "ngay ngung", "ngung hoat dong")),
}
NUMBERS: Final = ("beds", "beds_actual", "outpatients", "inpatients", "doctors", "nurses")
#: Letters of the name of a wave ("Đợt 1", "Quý IV/2026").
MOST_WAVE: Final = 30
CHOSEN: Final = ("kind", "owner", "level")
_CODE, _GLN = re.compile(r"[0-9A-Z]{5}"), re.compile(r"\d{13}")


class Where(msgspec.Struct, frozen=True):
    """A place of today. `old`: its name before 01/07/2025; `unsure`: that one was divided, the likeliest is taken."""

    ward: str = ""
    province: str = ""
    old: str = ""
    unsure: bool = False


def fields() -> list[forms.Field]:
    """The form of a facility's facts."""
    made = {
        **{name: forms.number(name, label(name), lowest=0, highest=100_000_000) for name in NUMBERS},
        **{name: forms.choice(name, label(name), [(one.code, str(one)) for one in listed(name).values()],
                              required=name != "level") for name in CHOSEN},
        "phone": forms.phone("phone", label("phone")),
        "closed": forms.day("closed", label("closed")),
        "wave": forms.text("wave", label("wave"), most=MOST_WAVE),
        "name": forms.text("name", label("name"), required=True),
        "ward": forms.text("ward", label("ward"), required=True, hint=_("tên, cũ hay mới; hoặc mã 5 số")),
        "province": forms.text("province", label("province"), hint=_("tên hoặc mã")),
    }  # fmt: skip
    return [made.get(name) or forms.text(name, label(name)) for name in COLUMNS]


def label(name: str) -> str:
    """What a fact is called."""
    return _(COLUMNS[name][0])


def of_form(form: forms.Form) -> dict[str, Any]:
    """The facts of a form that has been read, or its errors added to it."""
    raw = {name: form[name] for name in COLUMNS}
    if raw["closed"]:
        raw["closed"] = raw["closed"].isoformat()
    place = where(raw["ward"] or "", raw["district"] or "", raw["province"] or "")
    if place is None:
        form.errors.add("ward", _("Không tìm thấy xã, phường này; ghi cả tỉnh."))
        return {}
    try:
        must_be_codes(raw)
    except Invalid as wrong:
        form.errors.add(wrong.where or "", wrong.message)
    return placed(raw, place)


def placed(raw: Mapping[str, Any], place: Where) -> dict[str, Any]:
    """Facts with the place of today in them."""
    said = {name: value for name, value in raw.items() if name not in ("ward", "district", "province")}
    return {name: "" if value is None else value for name, value in said.items()} | {
        "ward": place.ward, "province": place.province, "old_ward": place.old
    }  # fmt: skip


def shown(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as the form shows them: the ward by its code."""
    return {name: value for name in COLUMNS if (value := facts.get(name)) not in (None, "")}


def must_be_codes(facts: Mapping[str, Any]) -> None:
    """Refuse codes that are none.

    Raises:
        Invalid: about the field.
    """
    if (code := facts.get("code")) and not _CODE.fullmatch(code):
        raise Invalid(
            _("Mã cơ sở “%(code)s” không đủ 5 ký tự chữ, số (Excel có thể đã bỏ số 0 ở đầu)", code=code[:20]),
            where="code",
        )
    if (gln := facts.get("gln")) and not _GLN.fullmatch(gln):
        raise Invalid(_("Mã “%(code)s” không đủ 13 chữ số", code=gln[:20]), where="gln")


@lru_cache(8192)
def where(ward: str, district: str, province: str) -> Where | None:
    """The place of today that is meant, by names or codes, old or new; None where it cannot be told."""
    if ward.isdigit():
        return _by_code(ward.zfill(5))
    of = _province(province)
    if ward and district and of:
        found = codes.place(f"{ward}, {district}, {of.name}")
        if found.old and found.wards:
            first = found.wards[0]
            return Where(first.code, first["province"], f"{ward}, {district}, {province}", len(found.wards) > 1)
    if ward and of:
        found = codes.place(f"{ward}, {of.name}")
        same = [one for one in found.wards if one["province"] == of.code]
        exact = [one for one in same if fold(one.name) == fold(ward)] or same
        return Where(exact[0].code, of.code) if len(exact) == 1 else None
    return Where("", of.code) if of and not ward else None


def _by_code(code: str) -> Where | None:
    if found := codes.wards().get(code):
        return Where(found.code, found["province"])
    old, now = codes.wards_before_2025().get(code), codes.new_wards(code)
    return Where(now[0].code, now[0]["province"], old.name, len(now) > 1) if old and now else None


def _province(written: str) -> codes.Code | None:
    if written.isdigit():
        return codes.provinces().get(written.zfill(2))
    wanted = _bare(written)
    return next((one for one in codes.provinces() if _bare(one.name) == wanted), None)


def _bare(name: str) -> str:
    folded = re.sub(r"^(thanh pho|tp|tinh) ", "", fold(name))
    return {"hcm": "ho chi minh", "tphcm": "ho chi minh", "hn": "ha noi"}.get(folded, folded)
