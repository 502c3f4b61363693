"""Rules of a prescription: quantities, days, allergies, doubles, codes, and how a line reads. Pure.

Source: TT 26/2025/TT-BYT (from 01/07/2025): codes, days, quantities below ten with a zero, weight of children.
"""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Final

import msgspec

from benhan.core.fhir.outcome import Invalid
from benhan.core.language import _
from benhan.hospital.doses import by_hand, dose_unit, not_split, shown_dose, units_in
from benhan.hospital.medicines import Medicine

#: Times of day: name on screens, FHIR EventTiming.
TIMES: Final = {"sang": ("sáng", "MORN"), "trua": ("trưa", "NOON"), "chieu": ("chiều", "AFT"), "toi": ("tối", "NIGHT")}
#: Longest course in days, by kind of medicine, for an acute illness; then for a listed long-term disease.
#: Source: TT 26/2025/TT-BYT. The list of App. VII (252 diseases) is not carried here: the doctor confirms it.
MOST_DAYS: Final = {"N": (7, 7), "H": (10, 30), "C": (30, 90)}
#: Children younger than this need age in months and weight on the prescription.
CHILD_MONTHS: Final = 72
#: What pharmacies count.
DROPS_A_MILLILITRE: Final = 20

CODE: Final = re.compile(r"[0-9A-Za-z]{5}[0-9a-z]{7}-[NHCT]")
_ALPHABET: Final = string.digits + string.ascii_lowercase
Doses = Mapping[str, Decimal]


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """How a medicine is to be taken: a dose at each time of day, for some days. `quantity` only where typed by hand."""

    doses: Doses
    days: int
    route: str = "Uống"
    note: str = ""
    as_needed: bool = False
    long_term: bool = False
    quantity: int | None = None


# ── Quantities ─────────────────────────────────────────────────────────────────────────────────────────────────


def quantity(medicine: Medicine, doses: Doses, days: int) -> int | None:
    """Whole units to hand out: tablets rounded up; millilitres, drops and IU turned into bottles and pens, rounded up.

    None where it cannot be worked out (a cream, a spray, a bottle of unknown size): then it is typed.
    """
    if by_hand(medicine):
        return None
    total = sum(doses.values(), Decimal(0)) * days
    match dose_unit(medicine):
        case "IU":
            total /= units_in(medicine) or 1
        case "ml" if medicine.pack_ml:
            total /= medicine.pack_ml
        case "giọt" if medicine.pack_ml:
            total /= DROPS_A_MILLILITRE * medicine.pack_ml
        case "ml" | "giọt":
            return None
    return int(total.to_integral_value(ROUND_CEILING))


def given(medicine: Medicine, course: Course) -> int | None:
    """The quantity on the prescription: typed by hand, else worked out."""
    return course.quantity if course.quantity is not None else quantity(medicine, course.doses, course.days)


# ── What is wrong with a line ──────────────────────────────────────────────────────────────────────────────────


def wrong(medicine: Medicine, course: Course) -> list[tuple[str, str]]:
    """(field, message) of everything that must be corrected before the line can stand."""
    found = []
    if not course.doses:
        found.append(("sang", _("Ghi liều cho ít nhất một buổi")))
    if any(dose % 1 for dose in course.doses.values()) and (why := not_split(medicine)):
        found.append((next(t for t, dose in course.doses.items() if dose % 1), why))
    if any(dose % Decimal("0.25") for dose in course.doses.values()) and dose_unit(medicine) == "viên":
        found.append((next(iter(course.doses)), _("Viên chỉ chia được đôi hoặc tư")))
    if why := too_long(medicine.kind, course.days, long_term=course.long_term):
        found.append(("days", why))
    if course.doses and given(medicine, course) in (None, 0):
        found.append(("quantity", _("Không tính được số lượng cho dạng này: nhập số %(unit)s", unit=medicine.unit)))
    return found


def too_long(kind: str, days: int, *, long_term: bool) -> str | None:
    """Why a medicine of this kind may not be given for so many days; None where it may."""
    usual, longest = MOST_DAYS[kind]
    if days < 1:
        return _("Ghi số ngày dùng")
    if kind == "N" and days > usual:
        return _(
            "Thuốc gây nghiện: tối đa 7 ngày với bệnh cấp tính (TT 26/2025). Đơn cho người bệnh ung thư chưa có ở đây."
        )
    if days > longest:
        return _("Không quá %(n)s ngày, kể cả bệnh mạn tính (TT 26/2025)", n=longest)
    if days > usual and not long_term:
        return _(
            "Quá %(usual)s ngày chỉ khi bệnh có trong danh mục kê dài ngày (Phụ lục VII TT 26/2025), tối đa %(most)s"
            " ngày: đánh dấu “bệnh mạn tính” nếu đúng",
            usual=usual, most=longest,
        )  # fmt: skip
    return None


def needs_weight(age_months: int | None, weight_known: bool, lines: int) -> str | None:
    """What is missing for a child's prescription; None where nothing is."""
    if lines and age_months is not None and age_months < CHILD_MONTHS and not weight_known:
        return _("cân nặng (trẻ dưới 72 tháng)")
    return None


# ── How a line reads ───────────────────────────────────────────────────────────────────────────────────────────


def directions(medicine: Medicine, course: Course) -> str:
    """A line as the patient reads it: "Uống: ngày 2 lần, mỗi lần 1 viên (sáng, tối), sau ăn"."""
    unit, times = dose_unit(medicine), [time for time in TIMES if time in course.doses]
    doses = {course.doses[time] for time in times}
    if len(doses) == 1:
        each = f"{shown_dose(doses.pop())} {unit}" if unit != "lần" else ""
        named = ", ".join(TIMES[time][0] for time in times)
        said = f"ngày {len(times)} lần, mỗi lần {each} ({named})" if each else f"ngày {len(times)} lần ({named})"
    else:
        said = "ngày " + ", ".join(f"{TIMES[time][0]} {shown_dose(course.doses[time])} {unit}" for time in times)
    parts = [f"{course.route}: {said}", course.note, "chỉ dùng khi cần" if course.as_needed else ""]
    return ", ".join(part for part in parts if part)


# ── Codes ──────────────────────────────────────────────────────────────────────────────────────────────────────


def new_code(facility_code: str, kind: str) -> str:
    """A prescription code of 14 characters: facility (5), seven drawn by a CSPRNG, "-", kind.

    Raises:
        Invalid: the facility's code has not five letters or digits.
    """
    code = facility_code[:5] + "".join(secrets.choice(_ALPHABET) for _n in range(7)) + f"-{kind}"
    if len(facility_code) != 5 or not CODE.fullmatch(code):
        raise Invalid(
            _("Mã cơ sở “%(code)s” không đủ 5 ký tự nên không tạo được mã đơn thuốc.", code=facility_code),
            advice=_("Người quản trị ghi mã cơ sở khám chữa bệnh 5 ký tự trong phần cấu hình."),
        )
    return code


def by_kind(kinds: Sequence[str]) -> list[str]:
    """The prescriptions that lines of these kinds make: narcotics and psychotropics each on their own, first."""
    return [kind for kind in "NHC" if kind in kinds]
