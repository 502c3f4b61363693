"""Making and changing the record of a person: registered, unknown for now, corrected at the desk."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import codes
from benhan.core.kit.clock import today
from benhan.core.kit.matching import Facts, Likeness, insurance_forms, near_numbers, ranked, swapped
from benhan.core.kit.text import fold, title_name
from benhan.core.language import _
from benhan.core.store.rows import hash64
from benhan.hospital.visit import concept, full_name, human_name, identifier

#: The wards of VN Core's address drafts have no place in FHIR's Address of their own.
WARD: Final = f"{systems.EXTENSION}/ward"
INSURER: Final = "Bảo hiểm xã hội Việt Nam"
UNKNOWN_NAME: Final = "Chưa rõ danh tính"


class Person(msgspec.Struct, frozen=True):
    """Administrative data as the form gives it. Codes are of `kit.codes`."""

    name: str
    gender: str
    birth: str | None = None
    phone: str | None = None
    number: str | None = None
    street: str | None = None
    ward: str | None = None
    ethnic_group: str | None = None
    occupation: str | None = None

    @property
    def facts(self) -> Facts:
        """What is compared with other records."""
        return Facts(name=self.name, birth=self.birth, gender=self.gender, phone=self.phone, number=self.number)


class PossibleDuplicates(Conflict):
    """Records that may be the same person; nothing was made. `found` are they, the most alike first."""

    def __init__(self, found: list[tuple[r4.Patient, Likeness]]) -> None:
        super().__init__(
            "Có thể người này đã có hồ sơ.", code="duplicate", advice="Mở hồ sơ đã có, hoặc ghi lý do rồi vẫn tạo mới."
        )
        self.found = found


async def register(
    tx: Transaction, who: Subject, person: Person, *, key: str, insurance: str | None = None, despite: str | None = None
) -> r4.Patient:
    """Make the record of a new person. Idempotent by `key`, the id of the form that was filled.

    Raises:
        PossibleDuplicates: records that may be the same person, and no reason (`despite`) was given.
        Conflict: another record has this citizen number; no reason helps.
    """
    await alone(tx, f"register {who.facility} {key}")
    made = await store.read_many(tx, who, r4.Patient, [key])
    if key in made:
        return made[key]
    suspects = await duplicates(tx, who, person.facts)
    holder = next(
        (one for one, _ in suspects if person.number and identifier(one, systems.CCCD) == person.number), None
    )
    if suspects and (holder or not despite):
        raise PossibleDuplicates(suspects)
    number = await _patient_number(tx, who)
    patient = with_person(r4.Patient(id=key, active=True, identifier=[number]), person)
    kept = await store.create(tx, who, patient)
    if suspects and despite:
        others = " ".join(str(one.id) for one, _ in suspects)
        record(tx, who, Event("register-despite-likeness", "Patient", key, key, detail=f"{despite} [{others}]"))
    if insurance:
        await insure(tx, who, key, insurance)
    return kept


async def temporary(tx: Transaction, who: Subject, *, key: str, gender: str, seen: str) -> r4.Patient:
    """Make a record for somebody nobody can name yet. Idempotent by `key`. `seen` is what can be seen of them.

    The code in place of a number has letters and a check digit, so that nobody takes it for a citizen number.
    """
    await alone(tx, f"register {who.facility} {key}")
    made = await store.read_many(tx, who, r4.Patient, [key])
    if key in made:
        return made[key]
    month = f"{today():%y%m}"
    count = await store.number(tx, who, f"temporary:{month}")
    code = temporary_code(month, count)
    return await store.create(
        tx, who,
        r4.Patient(
            id=key,
            active=True,
            identifier=[r4.Identifier(use="temp", system=systems.PATIENT_NUMBER, value=code)],
            name=[r4.HumanName(use="temp", text=f"{UNKNOWN_NAME} {code}", given=[seen] if seen else None)],
            gender=gender,
        ),
    )  # fmt: skip


async def correct(
    tx: Transaction, who: Subject, id_: str, person: Person, *, version: str, insurance: str | None = None
) -> r4.Patient:
    """Change administrative data. Somebody who had a temporary code gets a patient number; the code is kept as old.

    Raises:
        VersionConflict: somebody else changed the record since it was opened.
        Conflict: another record has this citizen number.
    """
    patient = await store.read(tx, who, r4.Patient, id_)
    changed = with_person(patient, person)
    if is_temporary(patient):
        old = [
            msgspec.structs.replace(one, use="old") if one.use == "temp" else one for one in changed.identifier or []
        ]
        changed = msgspec.structs.replace(changed, identifier=[await _patient_number(tx, who), *old])
    try:
        kept = await store.update(tx, who, changed, if_match=version)
    except store.AlreadyExists:
        raise Conflict(
            _("Số căn cước này đã có ở hồ sơ khác."), where="number", advice=_("Tìm hồ sơ đó bằng số căn cước.")
        ) from None
    if insurance:
        await insure(tx, who, id_, insurance)
    return kept


async def duplicates(tx: Transaction, who: Subject, facts: Facts) -> list[tuple[r4.Patient, Likeness]]:
    """Records that may be the same person, the most alike first, at most nine."""
    asked: list[dict[str, str]] = []
    births = [day for day in (facts.birth, swapped(facts.birth)) if day]
    if births and fold(facts.name):
        asked += [
            {"name": word, "birthdate": ",".join(births)}
            for word in {fold(facts.name).split()[-1], fold(facts.name).split()[0]}
        ]
    if facts.phone:
        asked.append({"phone": facts.phone})
    if facts.number:
        asked.append({"identifier": ",".join(f"{systems.CCCD}|{number}" for number in near_numbers(facts.number))})
    found: dict[str | None, r4.Patient] = {}
    for params in asked:
        page = await store.search(tx, who, r4.Patient, params | {"_count": "30"})
        found |= {patient.id: patient for patient in page.resources if patient.active is not False}
    return ranked(facts, found.values())[:9]


async def insure(tx: Transaction, who: Subject, patient: str, number: str) -> r4.Coverage:
    """The insurance card of a patient as a Coverage; the one there is, where it has this number already."""
    forms = insurance_forms(number)
    mine = await store.search(
        tx, who, r4.Coverage,
        {"patient": patient, "identifier": ",".join(f"{systems.BHYT}|{form}" for form in forms), "status": "active"},
    )  # fmt: skip
    for cover in mine.resources:
        if number in {one.value for one in cover.identifier or []}:
            return cover
    return await store.create(
        tx, who,
        r4.Coverage(
            status="active",
            identifier=[r4.Identifier(system=systems.BHYT, value=form) for form in forms],
            subscriberId=number,
            beneficiary=r4.Reference(reference=f"Patient/{patient}"),
            payor=[r4.Reference(display=INSURER)],
        ),
    )  # fmt: skip


async def alone(tx: Transaction, what: str) -> None:
    """Until this transaction ends nobody else does this: double presses queue up and then find it done."""
    await tx.execute("select pg_advisory_xact_lock($1)", hash64(what))


def is_temporary(patient: r4.Patient) -> bool:
    """Whether the person is not identified yet."""
    return any(one.use == "temp" for one in patient.identifier or [])


def temporary_code(month: str, count: int) -> str:
    """The code of somebody unknown: "TMP-2611-0007-5", the last a check digit (ISO 7064 MOD 11,10)."""
    body = f"{month}{count:04d}"
    return f"TMP-{month}-{count:04d}-{check_digit(body)}"


def check_digit(digits: str) -> int:
    """The check digit that ISO 7064 MOD 11,10 gives: finds every wrong digit and nearly every swap."""
    rest = 10
    for digit in digits:
        rest = ((rest + int(digit)) % 10 or 10) * 2 % 11
    return (11 - rest) % 10


def patient_number(facility: str, day: date, count: int) -> str:
    """A patient number: initials of the last two words of the hospital's name, year, count: "SH-26-000123"."""
    letters = "".join(word[0] for word in fold(facility).split()[-2:] if word[0].isalpha()).upper()
    return f"{letters or 'BN'}-{day:%y}-{count:06d}"


def with_person(patient: r4.Patient, person: Person) -> r4.Patient:
    """The record with this administrative data; everything else stays as it was."""
    kept = [one for one in patient.identifier or [] if one.system != systems.CCCD]
    if person.number:
        kept.append(r4.Identifier(use="official", system=systems.CCCD, value=person.number))
    telecom = [one for one in patient.telecom or [] if one.system != "phone"]
    if person.phone:
        telecom.append(r4.ContactPoint(system="phone", value=person.phone, use="mobile"))
    return msgspec.structs.replace(
        patient,
        identifier=kept,
        name=[human_name(title_name(person.name) if person.name.isupper() else person.name)],
        gender=person.gender,
        birthDate=person.birth,
        telecom=telecom or None,
        address=[_address(person)] if person.street or person.ward else None,
        extension=_extensions(patient, person),
    )


def person_of(patient: r4.Patient) -> Person:
    """The administrative data of a record, to show in the form."""
    address = next(iter(patient.address or []), None)
    unknown = is_temporary(patient)
    return Person(
        name="" if unknown else full_name(patient),
        gender=patient.gender or "unknown",
        birth=patient.birthDate,
        phone=next((one.value for one in patient.telecom or [] if one.system == "phone"), None),
        number=identifier(patient, systems.CCCD),
        street=(" ".join(filter(None, address.line)) if address.line else None if address.district else address.text)
        if address
        else None,
        ward=_coded(address.extension, WARD) if address else None,
        ethnic_group=_coded(patient.extension, systems.EXTENSION_ETHNICITY),
        occupation=_coded(patient.extension, systems.EXTENSION_OCCUPATION),
    )


async def _patient_number(tx: Transaction, who: Subject) -> r4.Identifier:
    count = await store.number(tx, who, f"patient:{today():%Y}")
    return r4.Identifier(
        use="usual", system=systems.PATIENT_NUMBER, value=patient_number(who.facility_name, today(), count)
    )


def _address(person: Person) -> r4.Address:
    ward = codes.wards().get(person.ward) if person.ward else None
    if person.ward and ward is None:
        raise Invalid(_("Không có xã/phường này."), where="ward", advice=_("Chọn trong danh sách."))
    province = ward["province_name"] if ward else None
    return r4.Address(
        use="home",
        text=", ".join(part for part in (person.street, ward.name if ward else None, province) if part),
        line=[person.street] if person.street else None,
        district=ward.name if ward else None,
        city=province,
        country="VN",
        extension=[
            r4.Extension(url=WARD, valueCoding=r4.Coding(system=systems.ADDRESS, code=ward.code, display=ward.name))
        ]
        if ward
        else None,
    )


def _extensions(patient: r4.Patient, person: Person) -> list[r4.Extension] | None:
    said: tuple[tuple[str, str, str | None, codes.CodeList], ...] = (
        (systems.EXTENSION_ETHNICITY, systems.ETHNICITY, person.ethnic_group, codes.ethnic_groups()),
        (systems.EXTENSION_OCCUPATION, systems.OCCUPATION, person.occupation, codes.occupations()),
    )
    urls = {url for url, _, _, _ in said}
    kept = [one for one in patient.extension or [] if one.url not in urls]
    for url, system, code, names in said:
        if code and (entry := names.get(code)):
            kept.append(r4.Extension(url=url, valueCodeableConcept=concept(system, code, entry.name)))
    return kept or None


def _coded(extensions: list[Any] | None, url: str) -> str | None:
    for one in extensions or []:
        if one.url == url:
            if one.valueCoding:
                return str(one.valueCoding.code)
            if one.valueCodeableConcept and one.valueCodeableConcept.coding:
                return str(one.valueCodeableConcept.coding[0].code)
    return None
