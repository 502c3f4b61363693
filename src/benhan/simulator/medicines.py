"""The sample formulary as the clinic's medicines, and what is usually given for what."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Final

import msgspec

from benhan.core.fhir import r4, systems
from benhan.core.kit import codes
from benhan.hospital.clinic import prescribing_rules as rules
from benhan.hospital.clinic.prescribing_lines import filled
from benhan.hospital.clinic.prescribing_rules import Course
from benhan.hospital.medicines import Medicine, resource

SAMPLE: Final = r4.Coding(system=systems.TAG, code="sample", display="Danh mục mẫu")
_ROUTES: Final = {"bôi da": "Bôi", "xịt mũi": "Xịt", "đặt âm đạo": "Đặt"}

# reason | choices, one of which is given: code of the sample list / doses sáng-trưa-chiều-tối / days / note
_REGIMENS: Final = """
hasot|MAU-001 1-0-1-0 5 khi sốt trên 38,5 °C hoặc đau
longdom|MAU-182 1-0-0-1 7 pha nước, sau ăn;MAU-183 1-0-1-1 7 sau ăn;MAU-184 1-0-1-1 7 sau ăn
khanghistamin|MAU-168 0-0-0-1 10 buổi tối;MAU-169 0-0-0-1 10 buổi tối;MAU-171 1-0-0-0 10 buổi sáng
khangsinhhohap|MAU-033 1-0-0-1 7 ngay đầu bữa ăn;MAU-042 1-0-0-1 7 sau ăn;MAU-050 1-0-0-0 3 trước ăn 1 giờ
khangsinhtieu|MAU-056 1-0-0-1 5 sau ăn;MAU-044 1-0-0-1 5 sau ăn
khangsinhrang|MAU-054 1-0-1-1 5 sau ăn;MAU-033 1-0-0-1 5 ngay đầu bữa ăn
khangsinhda|MAU-039 1-1-0-1 7 sau ăn;MAU-055 1-0-0-1 7 sau ăn
daday|MAU-142 1-0-0-0 14 trước ăn sáng 30 phút;MAU-143 1-0-0-0 14 trước ăn sáng 30 phút
daybung|MAU-150 1-1-0-1 7 trước ăn 15 phút;MAU-147 1-0-1-1 7 sau ăn 1 giờ
oresol|MAU-160 1-0-1-0 3 pha đúng lượng nước ghi trên gói, uống dần
smecta|MAU-158 1-1-0-1 3 pha với nước
menvisinh|MAU-162 1-0-0-1 5 pha với nước
tiendinh|MAU-189 1-0-0-1 10 sau ăn;MAU-190 0-0-0-1 10 buổi tối
vitamin|MAU-211 1-0-0-1 14 sau ăn
sat|MAU-208 1-0-0-0 30 trước ăn 1 giờ
canxi|MAU-209 1-0-0-0 30 nhai, sau ăn sáng
haap|MAU-085 1-0-0-0 30 buổi sáng;MAU-088 1-0-0-0 30 buổi sáng;MAU-090 1-0-0-0 30 buổi sáng;MAU-095 1-0-0-0 30 buổi sáng
vanh|MAU-021 0-1-0-0 30 sau ăn trưa;MAU-022 0-1-0-0 30 sau ăn trưa
suytim|MAU-099 1-0-0-0 30 buổi sáng;MAU-105 1-0-0-0 30 buổi sáng
motmau|MAU-116 0-0-0-1 30 buổi tối;MAU-117 0-0-0-1 30 buổi tối
tinhmach|MAU-167 1-0-0-1 30 trong bữa ăn
tieuduong|MAU-122 1-0-0-1 30 trong bữa ăn;MAU-124 1-0-0-0 30 trước ăn sáng
suygiap|MAU-134 1-0-0-0 30 sáng sớm, lúc đói
cuonggiap|MAU-136 1-0-0-1 30 sau ăn
gout|MAU-024 1-0-0-0 30 sau ăn;MAU-023 1-0-0-1 5 sau ăn
giamdau|MAU-017 1-0-0-1 7 sau ăn no;MAU-015 1-0-0-0 7 sau ăn no;MAU-001 1-1-0-1 5 sau ăn
gianco|MAU-026 1-1-0-1 7 sau ăn;MAU-153 1-0-1-1 5 khi đau
khop|MAU-028 1-0-1-1 30 sau ăn
hen|MAU-178 1-0-0-1 30 hít xong súc miệng
montelukast|MAU-174 0-0-0-1 30 buổi tối
hasotnhi|MAU-004 1-1-0-1 3 khi sốt trên 38,5 °C, cách nhau ít nhất 4 giờ;MAU-003 1-0-1-1 3 khi sốt trên 38,5 °C
longdomnhi|MAU-182 1-0-0-1 5 pha nước
khangsinhnhi|MAU-031 1-0-0-1 7 pha nước;MAU-045 1-0-0-1 7 pha nước;MAU-051 1-0-0-0 3 trước ăn 1 giờ
muinhi|MAU-187 2-2-0-2 5 mỗi bên mũi
nguanhi|MAU-170 2.5-0-0-0 7 buổi tối
hennhi|MAU-175 0-0-0-1 30 nhai, buổi tối
kem|MAU-161 5-0-0-0 14 sau ăn
taobon|MAU-163 1-0-0-0 14 pha với nước;MAU-164 1-0-0-0 14 pha với nước
xitmui|MAU-180 1-0-0-0 30 mỗi bên mũi 2 nhát
nhomat|MAU-067 1-1-1-1 7 cách nhau 4 giờ
khomat|MAU-188 1-1-1-1 30 cách nhau 4 giờ
ho|MAU-185 1-0-1-1 5 khi ho nhiều
phukhoa|MAU-074 0-0-0-1 1 đặt âm đạo trước khi ngủ;MAU-071 1-0-0-0 1 liều duy nhất
kemviem|MAU-213 1-0-0-1 7 bôi lớp mỏng
kembeo|MAU-214 1-0-0-1 7 bôi lớp mỏng
mun|MAU-061 1-0-0-0 30 sau ăn;MAU-216 1-0-0-1 10 bôi lớp mỏng
namda|MAU-075 1-0-0-1 21 bôi lớp mỏng
zona|MAU-077 1-1-1-1 7 cách nhau 4 giờ
"""


class Given(msgspec.Struct, frozen=True):
    """A medicine, how it is to be taken, and the line of a prescription that says so (without patient)."""

    medicine: Medicine
    course: Course
    line: r4.MedicationRequest


@cache
def formulary() -> dict[str, Medicine]:
    """The sample medicines by code."""
    return {entry.code: _medicine(entry) for entry in codes.medicines_sample()}


def sample() -> Iterator[r4.Medication]:
    """The sample list as Medication records, each marked as a sample."""
    for medicine in formulary().values():
        yield msgspec.structs.replace(resource(medicine), meta=r4.Meta(tag=[SAMPLE]))


@cache
def choices(reason: str) -> tuple[Given, ...]:
    """What may be given for a reason (a word of the table of diseases)."""
    return _regimens()[reason]


@cache
def _regimens() -> dict[str, tuple[Given, ...]]:
    found = {}
    for line in _REGIMENS.strip().split("\n"):
        reason, _, rest = line.partition("|")
        found[reason] = tuple(_given(choice) for choice in rest.split(";"))
    return found


def _given(text: str) -> Given:
    code, doses, days, note = text.split(" ", 3)
    medicine = formulary()[code]
    amounts = zip(rules.TIMES, map(Decimal, doses.split("-")), strict=True)
    route = "Nhỏ mũi" if note.endswith("mũi") and medicine.route.startswith("Nhỏ") else medicine.route
    course = Course(
        doses={time: amount for time, amount in amounts if amount}, days=int(days), route=route, note=note,
        long_term=int(days) >= 30,
    )  # fmt: skip
    if rules.quantity(medicine, course.doses, course.days) is None:
        course = msgspec.structs.replace(course, quantity=1)
    blank = r4.MedicationRequest(status="draft", intent="order", subject=r4.Reference())
    return Given(medicine, course, filled(blank, medicine, course))


def _medicine(entry: codes.Code) -> Medicine:
    names = " + ".join(entry["ingredients"].split("; "))
    return Medicine(
        code=entry.code, name=names[0].upper() + names[1:], strength=entry["strength"], form=entry["form"],
        unit=entry["unit"], route=_ROUTES.get(entry["route"], entry["route"].capitalize()), atc=entry["atc"],
        pack_ml=Decimal(entry["volume_ml"].replace(",", ".")) if entry["volume_ml"] else None, sample=True,
    )  # fmt: skip
