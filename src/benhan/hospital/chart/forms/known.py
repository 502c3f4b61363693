"""The names that forms may use: what the record knows already, the code lists, the calculations, the units. Pure.

A form names `patient.name`; here stands, once, where that comes from. Standard: HL7 SDC (launch context,
initialExpression, calculatedExpression), FHIRPath; CQL where FHIRPath cannot subtract two dates.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from benhan.core.fhir import systems
from benhan.hospital.chart.forms.structure import Kind
from benhan.hospital.visit import BLOOD_PRESSURE, BREATHING, DIASTOLIC, HEIGHT, PULSE, SYSTOLIC, TEMPERATURE, WEIGHT

#: Which of a questionnaire's contexts a name begins with: SDC's code, the type, what it is.
CONTEXTS: Final = {
    "patient": ("patient", "Patient", "Người bệnh"),
    "visit": ("encounter", "Encounter", "Lần vào viện"),
    "user": ("user", "Practitioner", "Người đang ghi"),
}

#: What is asked of the store beside the contexts: variable → FHIR search. Filled in with the contexts' values.
QUERIES: Final = {
    "cover": "Coverage?beneficiary=Patient/{{%patient.id}}&status=active",
    "vitals": "Observation?encounter=Encounter/{{%encounter.id}}&category=vital-signs&_sort=-date",
    "diagnoses": "Condition?encounter=Encounter/{{%encounter.id}}",
    "notes": "Composition?encounter=Encounter/{{%encounter.id}}",
    "results": "DiagnosticReport?encounter=Encounter/{{%encounter.id}}&_include=DiagnosticReport:result",
    "facility": "Organization?_id={{%encounter.serviceProvider.reference.getIdPart()}}",
}


def _vital(code: str, component: str | None = None) -> str:
    found = f"%vitals.entry.resource.where(code.coding.code='{code}').first()"
    part = f".component.where(code.coding.code='{component}')" if component else ""
    return f"{found}{part}.value.value"


def _place(kind: str) -> str:
    """The last place of a kind: wa a ward, bd a bed (HL7 location-physical-type)."""
    return f"%encounter.location.where(physicalType.coding.code='{kind}').last().location.display"


def _section(code: str) -> str:
    """A narrative: who fills in the form makes plain text of it (`filling.py`)."""
    return f"%notes.entry.resource.section.where(code.coding.code='{code}').first().text.div"


def _extension(url: str) -> str:
    return f"%patient.extension.where(url='{url}').value.coding.first()"


def _box(link: str, code: str) -> str:
    """The box of this form's item whose printed code is so: FHIRPath of R4 makes no Coding of its own."""
    return f"%questionnaire.repeat(item).where(linkId='{link}').answerOption.value.where(code={code})"


#: Conclusions of reports, and values that lie outside their range, a line each.
_RESULTS: Final = (
    "(%results.entry.resource.where(conclusion.exists()).select(code.text & ': ' & conclusion)"
    " | %results.entry.resource.where(interpretation.coding.where(code!='N').exists())"
    ".select(code.text & ' ' & value.value.toString().replace('.', ',') & ' ' & value.unit)).join('\\n')"
)


def _identifier(system: str) -> str:
    return f"%patient.identifier.where(system='{system}').value.first()"


#: What the record knows already → FHIRPath. A name that no form may use yet does not stand here.
PREFILL: Final = {
    "facility.name": "%facility.entry.resource.name",
    "facility.department": _place("wa"),
    "patient.name": "%patient.name.first().text",
    "patient.birth": "%patient.birthDate",
    "patient.sex": _box("patient-sex", "iif(%patient.gender='male', '1', iif(%patient.gender='female', '2', ''))"),
    "patient.occupation": _extension(systems.EXTENSION_OCCUPATION),
    "patient.ethnicity": _extension(systems.EXTENSION_ETHNICITY),
    "patient.nationality": f"{_extension(systems.EXTENSION_NATIONALITY)}.display",
    "patient.street": "%patient.address.first().line.first()",
    "patient.ward": f"%patient.address.first().extension.where(url='{systems.EXTENSION}/ward').value",
    "patient.province": "%patient.address.first().city",
    "patient.number": _identifier(systems.PATIENT_NUMBER),
    "patient.citizen-id": _identifier(systems.CCCD),
    "patient.relative": "%patient.contact.first().name.text",
    "patient.relative-phone": "%patient.contact.first().telecom.where(system='phone').value.first()",
    "patient.mother": "%patient.contact.where(relationship.coding.code='MTH').first().name.text",
    "patient.father": "%patient.contact.where(relationship.coding.code='FTH').first().name.text",
    "cover.number": "%cover.entry.resource.subscriberId.first()",
    "cover.from": "%cover.entry.resource.period.start.first()",
    "cover.until": "%cover.entry.resource.period.end.first()",
    "visit.number": f"%encounter.identifier.where(system='{systems.VISIT_NUMBER}').value.first()",
    "visit.admitted": "%encounter.period.start",
    "visit.discharged": "%encounter.period.end",
    "visit.bed": _place("bd"),
    "visit.reason": _section("10154-3"),
    "visit.illness": _section("10164-2"),
    "visit.past": _section("11348-0"),
    "visit.results": _RESULTS,
    "visit.diagnosis": f"%diagnoses.entry.resource.code.coding.where(system='{systems.ICD10}').first()",
    "user.name": "%user.name.first().text",
    "vitals.pulse": _vital(PULSE),
    "vitals.temperature": _vital(TEMPERATURE),
    "vitals.systolic": _vital(BLOOD_PRESSURE, SYSTOLIC),
    "vitals.diastolic": _vital(BLOOD_PRESSURE, DIASTOLIC),
    "vitals.breathing": _vital(BREATHING),
    "vitals.weight": _vital(WEIGHT),
    "vitals.height": _vital(HEIGHT),
}


class CalculationRule(NamedTuple):
    """How a value comes from others: by our own function, and as others may read it (`{0}`: the first one's value)."""

    make: Callable[..., int | Decimal | None]
    language: str
    expression: str
    kinds: tuple[frozenset[Kind], ...]
    says: str


def age(birth: date, day: date) -> int | None:
    """Whole years on a day; None before the birth."""
    return None if day < birth else day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def days(first: date, last: date) -> int | None:
    """Days from the one to the other, none for the same day; None if the last comes first."""
    return None if last < first else (last - first).days


def weeks(first: date, last: date) -> int | None:
    """Whole weeks from the one to the other."""
    return None if last < first else (last - first).days // 7


def bmi(weight: Decimal, height: Decimal) -> Decimal | None:
    """Body mass index of kilograms and centimetres, to one place; None without a height."""
    return round(weight / (height / 100) ** 2, 1) if height > 0 else None


_DAY: Final = frozenset({Kind.DATE, Kind.DATETIME})
_NUMBER: Final = frozenset({Kind.INTEGER, Kind.DECIMAL})

CALCULATIONS: Final = {
    "age": CalculationRule(age, "text/cql", "years between {0} and {1}", (_DAY, _DAY), "Tuổi tròn năm vào ngày ấy"),
    "days": CalculationRule(
        days, "text/cql", "difference in days between {0} and {1}", (_DAY, _DAY), "Số ngày giữa hai ngày"
    ),
    "weeks": CalculationRule(
        weeks, "text/cql", "weeks between {0} and {1}", (_DAY, _DAY), "Số tuần tròn giữa hai ngày"
    ),
    "bmi": CalculationRule(
        bmi,
        "text/fhirpath",
        "({0} / ({1} / 100).power(2)).round(1)",
        (_NUMBER, _NUMBER),
        "Cân nặng (kg) / chiều cao² (m²)",
    ),
}

#: Code lists that a box takes its code from → the value set's address.
LISTS: Final = {
    "icd10": f"{systems.BENHAN}/ValueSet/icd-10-vn",
    "yhct": f"{systems.BENHAN}/ValueSet/benh-yhct",
    "occupation": f"{systems.BENHAN}/ValueSet/nghe-nghiep",
    "ethnicity": f"{systems.BENHAN}/ValueSet/dan-toc",
    "ward": f"{systems.BENHAN}/ValueSet/don-vi-hanh-chinh",
}

#: Units as they are printed → UCUM. A unit that is not here is words after the blank, no unit.
UNITS: Final = {
    "lần/ph": "/min",
    "lần/phút": "/min",
    "lần / phút": "/min",
    "°C": "Cel",
    "mmHg": "mm[Hg]",
    "kg": "kg",
    "g": "g",
    "gr": "g",
    "gam": "g",
    "gram": "g",
    "cm": "cm",
    "mm": "mm",
    "ml": "mL",
    "tuần": "wk",
    "tháng": "mo",
    "ngày": "d",
    "phút": "min",
    "Gy": "Gy",
    "kg/m²": "kg/m2",
}
