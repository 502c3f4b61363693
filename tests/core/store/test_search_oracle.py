"""What the store finds is what a plain filter over all records finds: for every kind, prefix and modifier."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from benhan.core import store
from benhan.core.db import Database
from benhan.core.fhir import codec, r4, units
from benhan.core.fhir.moments import moment_range, period_range
from benhan.core.kit.text import fold
from tests.core.store import ward
from tests.core.store.ward import Ward

Test = Callable[[Any], bool]


# ── the plain filter ───────────────────────────────────────────────────────────────────────────────────────────────


def within(span: tuple[datetime, datetime] | None, prefix: str, text: str) -> bool:
    if span is None:
        return False
    lo, hi = moment_range(text)
    return {
        "eq": span[0] >= lo and span[1] <= hi,
        "ne": not (span[0] >= lo and span[1] <= hi),
        "gt": span[1] > hi,
        "lt": span[0] < lo,
        "ge": span[1] > lo,
        "le": span[0] < hi,
        "sa": span[0] >= hi,
        "eb": span[1] <= lo,
    }[prefix]


def number(value: Decimal | None, prefix: str, text: str) -> bool:
    if value is None:
        return False
    asked = Decimal(text)
    half = Decimal(5).scaleb(int(asked.as_tuple().exponent) - 1)
    return {
        "eq": asked - half <= value < asked + half,
        "ne": not asked - half <= value < asked + half,
        "gt": value > asked,
        "lt": value < asked,
        "ge": value >= asked,
        "le": value <= asked,
        "sa": value > asked,
        "eb": value < asked,
        "ap": abs(asked - value) <= abs(asked) / 10,
    }[prefix]


def code(one: Any) -> str:
    return one.code.coding[0].code


def named(one: Any, query: str) -> bool:
    words = {
        w
        for name in one.name
        for part in (name.text, name.family, *(name.given or ()))
        for w in fold(part or "").split()
    }
    return all(any(word.startswith(asked) for word in words) for asked in fold(query).split())


def value(one: Any) -> Decimal | None:
    return one.valueQuantity.value if one.valueQuantity else None


def in_unit(one: Any, unit: str) -> Decimal | None:
    return one.valueQuantity.value if one.valueQuantity and one.valueQuantity.code == unit else None


def is_(type_name: str, id_: str, reference: r4.Reference | None) -> bool:
    return reference is not None and reference.reference == f"{type_name}/{id_}"


V, F, L = f"{ward.CATEGORY}|vital-signs", "final", ward.LOINC
PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")
CASES: list[tuple[str, dict[str, str | list[str]], Test]] = [
    # token
    ("Observation", {"code": "8867-4"}, lambda o: code(o) == "8867-4"),
    ("Observation", {"code": f"{L}|8867-4"}, lambda o: code(o) == "8867-4"),
    ("Observation", {"code": "|8867-4"}, lambda o: False),
    ("Observation", {"code": f"{L}|"}, lambda o: True),
    ("Observation", {"code": "http://khac.example|"}, lambda o: False),
    ("Observation", {"code": f"8867-4,{L}|8310-5"}, lambda o: code(o) in ("8867-4", "8310-5")),
    ("Observation", {"code:not": "8867-4"}, lambda o: code(o) != "8867-4"),
    ("Observation", {"code:not": "8867-4,8310-5"}, lambda o: code(o) not in ("8867-4", "8310-5")),
    ("Observation", {"code:text": "do 8867"}, lambda o: code(o) == "8867-4"),
    ("Observation", {"code:text": "chi so"}, lambda o: True),
    (
        "Observation",
        {"category": "laboratory", "status": F},
        lambda o: o.category[0].coding[0].code == "laboratory" and o.status == F,
    ),
    ("Observation", {"status": ["final", "amended"]}, lambda o: False),
    ("Patient", {"active": "true"}, lambda p: p.active is True),
    ("Patient", {"active:missing": "true"}, lambda p: p.active is None),
    ("Patient", {"active:missing": "false"}, lambda p: p.active is not None),
    ("Patient", {"gender": "male,female"}, lambda p: p.gender in ("male", "female")),
    ("Patient", {"identifier": f"{ward.IDS}|NB003"}, lambda p: p.id == "nb-3"),
    ("Patient", {"identifier": "NB003"}, lambda p: p.id == "nb-3"),
    (
        "Patient",
        {"identifier:of-type": "http://terminology.hl7.org/CodeSystem/v2-0203|MR|NB004"},
        lambda p: p.id == "nb-4",
    ),
    ("Patient", {"identifier:of-type": "http://terminology.hl7.org/CodeSystem/v2-0203|SS|NB004"}, lambda p: False),
    ("Patient", {"phone": "0900000004"}, lambda p: p.id == "nb-4"),
    ("Patient", {"_tag": f"{ward.IDS}|thử"}, lambda p: p.meta is not None),
    ("Patient", {"_tag:missing": "true"}, lambda p: p.meta is None),
    ("Patient", {"_id": "nb-1,nb-2,nb-99"}, lambda p: p.id in ("nb-1", "nb-2")),
    # string
    *[
        ("Patient", {"name": q}, lambda p, q=q: named(p, q))
        for q in ("Nguyen", "tam", "thi nguyen", "ĐẶNG", "van an le", "khong")
    ],
    ("Patient", {"family": "Tr"}, lambda p: p.name[0].family == "Trần"),
    ("Patient", {"family:exact": "Trần"}, lambda p: p.name[0].family == "Trần"),
    ("Patient", {"family:exact": "Tran"}, lambda p: False),
    ("Patient", {"family:exact": "trần"}, lambda p: False),
    ("Patient", {"family:contains": "uye"}, lambda p: p.name[0].family == "Nguyễn"),
    ("Patient", {"given:contains": "hanh"}, lambda p: "hanh" in fold(" ".join(p.name[0].given))),
    ("Patient", {"name:contains": "en thi"}, lambda p: "en thi" in fold(p.name[0].text)),
    ("Observation", {"value-string": "duong tinh"}, lambda o: (o.valueString or "").startswith("Dương")),
    ("Observation", {"value-string:exact": "Dương tính (1+)"}, lambda o: o.valueString == "Dương tính (1+)"),
    ("Observation", {"value-string:exact": "Không rõ\\, xem lại"}, lambda o: o.valueString == "Không rõ, xem lại"),
    ("Observation", {"value-string:missing": "true"}, lambda o: o.valueString is None),
    # date
    *[
        ("Observation", {"date": f"{p}{d}"}, lambda o, p=p, d=d: within(moment_range(o.effectiveDateTime), p, d))
        for p in PREFIXES
        for d in ("2026", "2026-05", "2026-05-10", "2026-05-10T08:15:00+07:00")
    ],
    *[
        ("Patient", {"birthdate": f"{p}{d}"}, lambda o, p=p, d=d: within(moment_range(o.birthDate), p, d))
        for p in PREFIXES
        for d in ("1980", "1980-06")
    ],
    *[
        ("Encounter", {"date": f"{p}2026-05-03"}, lambda o, p=p: within(period_range(o.period), p, "2026-05-03"))
        for p in PREFIXES
    ],
    (
        "Observation",
        {"date": ["ge2026-03", "lt2026-06"]},
        lambda o: (
            within(moment_range(o.effectiveDateTime), "ge", "2026-03")
            and within(moment_range(o.effectiveDateTime), "lt", "2026-06")
        ),
    ),
    # quantity
    *[
        ("Observation", {"value-quantity": f"{p}{n}"}, lambda o, p=p, n=n: number(value(o), p, n))
        for p in (*PREFIXES, "ap")
        for n in ("80", "37.5", "100.0")
    ],
    *[
        (
            "Observation",
            {"value-quantity": f"{p}37.5|{ward.UCUM}|Cel"},
            lambda o, p=p: number(in_unit(o, "Cel"), p, "37.5"),
        )
        for p in ("eq", "gt", "le", "ne")
    ],
    ("Observation", {"value-quantity": "gt60000||g"}, lambda o: number(in_unit(o, "kg"), "gt", "60")),
    ("Observation", {"value-quantity": f"lt60|{ward.UCUM}|kg"}, lambda o: number(in_unit(o, "kg"), "lt", "60")),
    ("Observation", {"value-quantity": f"gt2|{ward.UCUM}|g/L"}, lambda o: number(in_unit(o, "mg/dL"), "gt", "200")),
    ("Observation", {"value-quantity:missing": "true"}, lambda o: o.valueQuantity is None),
    # composite
    (
        "Observation",
        {"code-value-quantity": "8867-4$gt100"},
        lambda o: code(o) == "8867-4" and number(value(o), "gt", "100"),
    ),
    (
        "Observation",
        {"code-value-quantity": f"{L}|8310-5$ge39||Cel,29463-7$lt50"},
        lambda o: (
            (code(o) == "8310-5" and number(value(o), "ge", "39"))
            or (code(o) == "29463-7" and number(value(o), "lt", "50"))
        ),
    ),
    (
        "Observation",
        {"combo-code-value-quantity": "8867-4$gt100"},
        lambda o: code(o) == "8867-4" and number(value(o), "gt", "100"),
    ),
    ("Observation", {"combo-code": "8867-4"}, lambda o: code(o) == "8867-4"),
    (
        "Observation",
        {"code-value-string": "8867-4$am"},
        lambda o: code(o) == "8867-4" and (o.valueString or "").startswith("Âm"),
    ),
    # reference
    ("Observation", {"subject": "Patient/nb-3"}, lambda o: is_("Patient", "nb-3", o.subject)),
    (
        "Observation",
        {"patient": "nb-3,nb-4"},
        lambda o: is_("Patient", "nb-3", o.subject) or is_("Patient", "nb-4", o.subject),
    ),
    ("Observation", {"subject:Patient": "nb-3"}, lambda o: is_("Patient", "nb-3", o.subject)),
    ("Observation", {"encounter:missing": "true"}, lambda o: o.encounter is None),
    ("Observation", {"performer": "bs-1"}, lambda o: is_("Practitioner", "bs-1", o.performer[0])),
    (
        "Encounter",
        {"service-provider": "Organization/khoa-1", "status": "finished"},
        lambda e: is_("Organization", "khoa-1", e.serviceProvider) and e.status == "finished",
    ),
]


@pytest.mark.parametrize(("type_name", "params", "test"), CASES, ids=lambda v: str(v) if isinstance(v, dict) else None)
async def test_the_store_finds_what_a_plain_filter_finds(
    database: Database, clinic: Ward, type_name: str, params: dict[str, str], test: Test
) -> None:
    assert await ids(database, clinic, type_name, params) == {one.id for one in clinic.of(type_name) if test(one)}


async def ids(database: Database, clinic: Ward, type_name: str, params: dict[str, Any]) -> set[str | None]:
    async with database.transaction(clinic.who.facility) as tx:
        page = await store.search(tx, clinic.who, codec.resource_type(type_name), {**params, "_count": "1000"})
    found = [one.id for one in page.resources]
    assert len(found) == len(set(found)), "found twice"
    return set(found)


def practitioner(clinic: Ward, one: Any) -> Any:
    return clinic.at((one.generalPractitioner or [None])[0])


LINKS: list[tuple[str, dict[str, str], Callable[[Ward, Any], bool]]] = [
    ("Observation", {"subject:Patient.name": "tam"}, lambda w, o: named(w.at(o.subject), "tam")),
    ("Observation", {"patient.gender": "male"}, lambda w, o: w.at(o.subject).gender == "male"),
    ("Observation", {"patient.gender:not": "male"}, lambda w, o: w.at(o.subject).gender != "male"),
    ("Observation", {"patient.identifier": "NB003"}, lambda w, o: o.subject.reference == "Patient/nb-3"),
    ("Observation", {"subject.identifier": "NB003"}, lambda w, o: o.subject.reference == "Patient/nb-3"),
    (
        "Observation",
        {"patient.birthdate": "lt1980", "code": "8867-4"},
        lambda w, o: code(o) == "8867-4" and within(moment_range(w.at(o.subject).birthDate), "lt", "1980"),
    ),
    ("Observation", {"patient.active:missing": "true"}, lambda w, o: w.at(o.subject).active is None),
    (
        "Observation",
        {"encounter.status": "finished"},
        lambda w, o: o.encounter is not None and w.at(o.encounter).status == "finished",
    ),
    (
        "Observation",
        {"encounter.patient.gender": "female"},
        lambda w, o: o.encounter is not None and w.at(w.at(o.encounter).subject).gender == "female",
    ),
    (
        "Observation",
        {"patient.organization.name": "Khoa số 1"},
        lambda w, o: w.at(o.subject).managingOrganization.reference == "Organization/khoa-1",
    ),
    (
        "Observation",
        {"patient.general-practitioner:Practitioner.identifier": "BS1"},
        lambda w, o: getattr(practitioner(w, w.at(o.subject)), "id", "") == "bs-1",
    ),
    ("Observation", {"patient._id": "nb-5"}, lambda w, o: o.subject.reference == "Patient/nb-5"),
    (
        "Patient",
        {"_has:Observation:patient:code": "8310-5"},
        lambda w, p: any(code(o) == "8310-5" for o in w.of("Observation") if is_("Patient", p.id, o.subject)),
    ),
    (
        "Patient",
        {"_has:Observation:patient:value-quantity": "gt250"},
        lambda w, p: any(number(value(o), "gt", "250") for o in w.of("Observation") if is_("Patient", p.id, o.subject)),
    ),
    (
        "Patient",
        {"_has:Observation:patient:status": "amended", "gender": "male"},
        lambda w, p: (
            p.gender == "male"
            and any(o.status == "amended" for o in w.of("Observation") if is_("Patient", p.id, o.subject))
        ),
    ),
    (
        "Patient",
        {"_has:Encounter:patient:_id": "lk-3"},
        lambda w, p: is_("Patient", p.id, w.records["Encounter/lk-3"].subject),
    ),
    (
        "Patient",
        {"_has:Encounter:patient:_has:Observation:encounter:status": "amended"},
        lambda w, p: any(
            o.status == "amended" and o.encounter and is_("Patient", p.id, w.at(o.encounter).subject)
            for o in w.of("Observation")
        ),
    ),
    (
        "Encounter",
        {"patient._has:Observation:patient:value-quantity": "gt250"},
        lambda w, e: any(
            number(value(o), "gt", "250") for o in w.of("Observation") if o.subject.reference == e.subject.reference
        ),
    ),
    (
        "Practitioner",
        {"_has:Patient:general-practitioner:_id": "nb-5,nb-7"},
        lambda w, d: any(
            p.id in ("nb-5", "nb-7") and is_("Practitioner", d.id, (p.generalPractitioner or [None])[0])
            for p in w.of("Patient")
        ),
    ),
]


@pytest.mark.parametrize(("type_name", "params", "test"), LINKS, ids=lambda v: str(v) if isinstance(v, dict) else None)
async def test_chains_and_has_find_what_a_walk_over_all_records_finds(
    database: Database, clinic: Ward, type_name: str, params: dict[str, str], test: Callable[[Ward, Any], bool]
) -> None:
    expected = {one.id for one in clinic.of(type_name) if test(clinic, one)}
    assert await ids(database, clinic, type_name, params) == expected
    assert 0 < len(expected) < len(clinic.of(type_name)), "the case shows nothing"


async def test_units_agree_with_the_index() -> None:
    unit = units.canonical("mg/dL")
    assert unit and unit.convert(Decimal(200)) == units.canonical("g/L").convert(Decimal(2))  # type: ignore[union-attr]
