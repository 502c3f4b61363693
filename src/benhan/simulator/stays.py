"""Some stays with their records in each state: a draft, some being written (one late), a closed one.

A few people in beds of the internal department on the demo's first day, so that `/benh-an` and the board of what is
late have something to show. They are not of the simulator's year.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from benhan.core.access import signature
from benhan.core.fhir import r4, systems
from benhan.core.kit.clock import fhir_instant
from benhan.hospital.chart.forms import form
from benhan.hospital.chart.forms.filling import filled_in
from benhan.hospital.chart.forms.structure import Form, Kind
from benhan.hospital.chart.records.answers import flat, nested
from benhan.hospital.chart.records.kept import kept_form
from benhan.hospital.visit import concept, human_name, stamp
from benhan.simulator import words
from benhan.simulator.house import House, department_id
from benhan.simulator.plan import STAFF

#: Name, sex, born, disease, form, hours since admission, hours since discharge, what the record is at.
_PEOPLE: Final = (
    ("Vũ Thị Nhàn", "female", "1957-03-12", ("J18.9", "Viêm phổi, tác nhân không xác định"), "01/BV1", 3, None, "none"),
    ("Ngô Văn Thuận", "male", "1949-08-30", ("I50.0", "Suy tim sung huyết"), "01/BV1", 30, None, "none"),
    ("Lý Thị Hường", "female", "1971-01-05", ("K25.4", "Loét dạ dày mạn có chảy máu"), "01/BV1", 6, None, "draft"),
    ("Đỗ Mạnh Cường", "male", "1983-11-19", ("A97.0", "Sốt xuất huyết Dengue không có dấu hiệu cảnh báo"), "03/BV1", 50,
     None, "active"),
    ("Phan Thị Lụa", "female", "1962-06-02", ("E11.9", "Đái tháo đường típ 2 chưa có biến chứng"), "01/BV1", 96, 20,
     "active"),
    ("Hoàng Đình Khải", "male", "1955-12-24", ("J44.1", "Bệnh phổi tắc nghẽn mạn tính đợt cấp"), "01/BV1", 170, 48,
     "closed"),
)  # fmt: skip
_DOCTOR: Final = "bs01"
_INPATIENT: Final = r4.Coding(system=systems.ACT_CODE, code="IMP", display="inpatient encounter")
_REASON: Final = "Theo dõi, điều trị nội trú"


def stays(house: House, now: datetime) -> Iterator[r4.Resource]:
    """The people, their stays and their records."""
    for code in sorted({one[4] for one in _PEOPLE if one[7] != "none"}):
        yield kept_form(form(code))
    for number, one in enumerate(_PEOPLE, 1):
        yield from _stay(house, now, number, *one)


def _stay(
    house: House, now: datetime, number: int, name: str, sex: str, born: str, disease: tuple[str, str], code: str,
    came: int, left: int | None, state: str,
) -> Iterator[r4.Resource]:  # fmt: skip
    doctor = next(one for one in STAFF if one.key == _DOCTOR)
    me = words.doctor(doctor)
    at = now - timedelta(hours=came)
    gone = now - timedelta(hours=left) if left is not None else None
    id_ = f"noi-tru-{now:%Y%m%d}-{number}"
    subject = r4.Reference(reference=f"Patient/{id_}", display=name)
    here = r4.Reference(reference=f"Encounter/{id_}")
    person = r4.Patient(
        id=id_, active=True, name=[human_name(name)], gender=sex, birthDate=born,
        identifier=[r4.Identifier(system=systems.PATIENT_NUMBER, value=f"SH-NT-{now:%y%m%d}-{number}")],
    )  # fmt: skip
    visit = r4.Encounter(
        id=id_, status="finished" if gone else "in-progress", class_=_INPATIENT, subject=subject,
        identifier=[r4.Identifier(system=systems.VISIT_NUMBER, value=f"NT-{now:%y%m%d}-{number:02d}")],
        period=r4.Period(start=stamp(at), end=stamp(gone) if gone else None),
        participant=[r4.EncounterParticipant(individual=me)],
        serviceProvider=r4.Reference(reference=f"Organization/{department_id(doctor.department)}"),
        location=[
            r4.EncounterLocation(
                location=r4.Reference(display="Khoa Nội tổng hợp"),
                physicalType=concept(systems.LOCATION_PHYSICAL_TYPE, "wa", "Khoa"),
            )
        ],
        reasonCode=[r4.CodeableConcept(text=_REASON)],
    )  # fmt: skip
    ill = r4.Condition(
        id=f"{id_}-cd", subject=subject, encounter=here, code=concept(systems.ICD10, *disease), recordedDate=stamp(at),
        clinicalStatus=concept(systems.CONDITION_CLINICAL, "active"),
        verificationStatus=concept(systems.CONDITION_VERIFICATION, "confirmed"),
        category=[concept(systems.CONDITION_CATEGORY, "encounter-diagnosis")],
    )  # fmt: skip
    yield from (person, visit, ill)
    if state != "none":
        yield from _record(house, now, person, visit, ill, me, form(code), state)


def _record(
    house: House, now: datetime, person: r4.Patient, visit: r4.Encounter, ill: r4.Condition, me: r4.Reference,
    asked: Form, state: str,
) -> Iterator[r4.Resource]:  # fmt: skip
    ills = r4.Bundle(type="searchset", entry=[r4.BundleEntry(resource=ill)])
    made = filled_in(asked, {"patient": person, "encounter": visit, "diagnoses": ills})
    came = visit.period.start if visit.period else None
    gone = visit.period.end if visit.period else None
    closed = state == "closed"
    record = msgspec.structs.replace(
        made, id=f"{visit.id}-1", subject=visit.subject, encounter=r4.Reference(reference=f"Encounter/{visit.id}"),
        authored=gone if closed else came, source=me, author=None if state == "draft" else me,
        status="completed" if closed else "in-progress",
        item=nested(asked, _all(asked, flat(asked, made))) if closed else made.item,
    )  # fmt: skip
    yield record
    if closed:
        account = next((one.id for one in house.accounts if f"Practitioner/{one.practitioner}" == me.reference), "")
        first = msgspec.structs.replace(record, meta=r4.Meta(versionId="1"))
        signed = signature.provenance(
            [first], account=account, signer=me, when=fhir_instant(now - timedelta(hours=40)),
            about=[r4.Reference(reference=f"Encounter/{visit.id}"), visit.subject or r4.Reference()],
        )  # fmt: skip
        yield msgspec.structs.replace(signed, id=f"{visit.id}-ky")


def _all(
    asked: Form, said: dict[str, list[r4.QuestionnaireResponseItemAnswer]]
) -> dict[str, list[r4.QuestionnaireResponseItemAnswer]]:  # fmt: skip
    """The answers with words or the first box wherever something is needed at closing."""
    for item in asked.walk():
        if not item.closing or item.condition or said.get(item.link):
            continue
        if item.kind in (Kind.CHOICE, Kind.CHOICES):
            box = r4.Coding(system=systems.FORM_BOX, code=item.options[0].code, display=item.options[0].text or None)
            said[item.link] = [r4.QuestionnaireResponseItemAnswer(valueCoding=box)]
        elif item.kind in (Kind.TEXT, Kind.PROSE, Kind.LIST):
            said[item.link] = [r4.QuestionnaireResponseItemAnswer(valueString=_WORDS.get(item.link, "Bình thường"))]
        elif item.kind is Kind.INTEGER:
            said[item.link] = [r4.QuestionnaireResponseItemAnswer(valueInteger=_NUMBERS[item.link])]
        elif item.kind is Kind.DECIMAL:
            said[item.link] = [r4.QuestionnaireResponseItemAnswer(valueDecimal=Decimal(_NUMBERS[item.link]))]
    return said


_NUMBERS: Final = {"pulse": 96, "temperature": 37, "systolic": 138, "diastolic": 82, "breathing": 24, "weight": 56}
_WORDS: Final = {
    "reason": "Khó thở tăng, ho đờm đục ba ngày nay",
    "illness": "Ho khạc đờm nhiều năm, ba ngày nay khó thở tăng, đờm đục, không sốt.",
    "dx-main": "J44.1 Bệnh phổi tắc nghẽn mạn tính đợt cấp",
    "summary-treatment": "Giãn phế quản khí dung, corticosteroid, kháng sinh, thở oxy gọng kính.",
    "summary-state": "Đỡ khó thở, SpO₂ 95 % khí trời.",
    "summary-next": "Thuốc hít hằng ngày, tái khám sau hai tuần.",
}
