"""The form of administrative data: its fields, how it is filled from a record, a card or a booking, and read."""

from __future__ import annotations

from typing import Any

from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import cards, clock, codes, forms
from benhan.core.kit.matching import Facts
from benhan.core.kit.text import fold, title_name
from benhan.core.language import _
from benhan.hospital.reception.desk_view import GENDERS
from benhan.hospital.reception.people import Person


def fields() -> list[forms.Field]:
    """Everything the desk asks of a person. `ward_text` is what was typed, `ward` the code that was picked."""
    genders = [(code, _(GENDERS[code])) for code in ("female", "male", "other", "unknown")]
    return [
        forms.text("name", _("Họ và tên"), required=True, most=80),
        forms.birth_date("birth", _("Ngày sinh")),
        forms.choice("gender", _("Giới tính"), genders, required=True),
        forms.phone("phone", _("Điện thoại")),
        forms.text("number", _("Số căn cước (CCCD)"), most=20),
        forms.text("insurance", _("Số thẻ BHYT"), most=20, hint=_("15 ký tự, 10 số BHXH, hoặc để trống")),
        forms.text("street", _("Số nhà, đường, thôn"), most=120),
        forms.text("ward_text", _("Xã, phường"), most=120),
        forms.hidden("ward", most=10),
        forms.choice("ethnic_group", _("Dân tộc"), [(one.code, one.name) for one in codes.ethnic_groups()]),
        forms.choice("occupation", _("Nghề nghiệp"), [(one.code, one.name) for one in codes.occupations()]),
        forms.text("despite", _("Lý do vẫn tạo mới"), most=200),
        forms.hidden("key", most=64),
        forms.hidden("booking", most=64),
        forms.hidden("scanned", most=20),
        forms.hidden("version", most=20),
    ]


def filled(facts: Facts, **hidden: str | None) -> forms.Form:
    """The form with what a card, a booking or the typed text says; its ward is looked up, old ones too."""
    place = codes.place(facts.address) if facts.address else None
    ward = place.wards[0] if place and len(place.wards) == 1 else None
    return forms.blank(
        fields(),
        name=title_name(facts.name) if facts.name else None,
        birth=clock.vn_date(facts.birth) or None,
        gender=facts.gender or (cards.citizen_gender(facts.number) if facts.number else None),
        phone=facts.phone,
        number=facts.number,
        insurance=facts.insurance,
        street=place.street if place and place.wards else facts.address,
        ward=ward.code if ward else None,
        ward_text=ward_words(ward) if ward else place.old if place else None,
        **hidden,
    )


def of_person(person: Person, insurance: str | None, version: str) -> forms.Form:
    """The form with the data of a record."""
    ward = codes.wards().get(person.ward) if person.ward else None
    return forms.blank(
        fields(),
        name=person.name,
        birth=clock.vn_date(person.birth) or None,
        gender=person.gender,
        phone=person.phone,
        number=person.number,
        insurance=insurance,
        street=person.street,
        ward=person.ward,
        ward_text=ward_words(ward) if ward else None,
        ethnic_group=person.ethnic_group,
        occupation=person.occupation,
        version=version,
    )


def person_in(form: forms.Form) -> Person:
    """The data of a form that was read, checked further; what is wrong stands in `form.errors`."""
    number = _checked(form, "number", cards.citizen_number)
    form.values["insurance"] = _checked(form, "insurance", cards.insurance_number)
    birth: str | None = form["birth"]
    if birth and clock.fhir_date_bounds(birth)[0] > clock.today():
        form.errors.add("birth", _("Ngày sinh ở tương lai"))
    if birth and clock.age_years(birth, clock.today()) > 130:
        form.errors.add("birth", _("Quá 130 tuổi: xem lại năm sinh"))
    if form["name"] and sum(letter.isalpha() for letter in form["name"]) < 2:
        form.errors.add("name", _("Họ tên cần ít nhất hai chữ cái"))
    return Person(
        name=form["name"] or "",
        gender=form["gender"] or "unknown",
        birth=birth,
        phone=form["phone"],
        number=number,
        street=form["street"],
        ward=_ward(form),
        ethnic_group=form["ethnic_group"],
        occupation=form["occupation"],
    )


def ward_words(ward: codes.Code) -> str:
    """A ward as it is read and typed: "Xã Phú Xuyên, Thành phố Hà Nội"."""
    return f"{ward.name}, {ward['province_name']}"


def wards_like(typed: str, limit: int = 8) -> list[tuple[codes.Code, str]]:
    """Wards of today for what was typed, with the old ward it was found by ("" where it is the name of today)."""
    found = {ward.code: (ward, "") for ward in codes.wards().find(typed, limit)}
    for old in codes.wards_before_2025().find(typed, limit):
        for ward in codes.new_wards(old.code)[:2]:
            found.setdefault(ward.code, (ward, old.name))
    return list(found.values())[:limit]


def _checked(form: forms.Form, name: str, read: Any) -> str | None:
    written = form[name]
    if not written:
        return None
    try:
        value: str = read(written)
    except Invalid as wrong:
        form.errors.add(name, wrong.message)
        return None
    return value


def _ward(form: forms.Form) -> str | None:
    """The ward that was picked; else the one that was typed in full (without JavaScript), or what it may be."""
    typed, picked = form["ward_text"], form["ward"]
    if not typed:
        return None
    if picked and picked in codes.wards():
        return str(picked)
    found = [ward for ward, _old in wards_like(typed)]
    exact = [ward for ward in found if fold(ward_words(ward)) == fold(typed)]
    if len(exact) == 1:
        return exact[0].code
    shown = "; ".join(ward_words(ward) for ward in found[:4])
    form.errors.add(
        "ward_text",
        _("Viết đủ xã và tỉnh, ví dụ: %(names)s", names=shown) if shown else _("Không có xã, phường này"),
    )
    return None
