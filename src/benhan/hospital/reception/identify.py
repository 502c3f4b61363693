"""Who stands at the desk: from what a scanner or a person typed to records and today's bookings.

The order is the issue's: CCCD, then insurance number, then unaccented name with birth date, then telephone. The
first of them that finds somebody decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import cards
from benhan.core.kit.clock import fhir_date, today
from benhan.core.kit.matching import Facts, facts_of, insurance_forms, is_same, likeness
from benhan.core.kit.text import fold, name_key, nfc, phone_or_none, title_name
from benhan.core.language import _, later
from benhan.hospital.booking_code import read_code
from benhan.hospital.reception.booking_rules import AWAITED, actor, guest_of
from benhan.hospital.visit import id_of, moment

#: As many as there are digits to choose them by.
MOST: Final = 9
BY_NUMBER: Final = later("khớp số căn cước")
BY_INSURANCE: Final = later("khớp thẻ BHYT")
BY_NAME: Final = later("khớp họ tên và ngày sinh")
BY_PHONE: Final = later("khớp số điện thoại")
BY_CODE: Final = later("khớp mã người bệnh")
BY_TYPED: Final = later("tên gần đúng")
BY_BOOKING: Final = later("theo lịch hẹn")

_DATE: Final = re.compile(r"(?<!\d)(?:\d{1,2}[/.\-]\d{1,2}[/.\-]\d{4}|(?:18|19|20)\d{2})(?!\d)", re.ASCII)
_HOSPITAL_NUMBER: Final = re.compile(r"[A-Z]{2,5}-\d{2,4}-[\d-]{4,8}", re.ASCII)


class Hit(msgspec.Struct, frozen=True):
    """Somebody it may be: a record, a booking of today, or both; and what made us think so."""

    why: str
    patient: r4.Patient | None = None
    booking: r4.Appointment | None = None


class Found(msgspec.Struct, frozen=True):
    """What became of the typed text: the hits, best first, and what it said itself (to prefill a new record)."""

    hits: list[Hit]
    facts: Facts
    card: cards.CitizenCard | cards.InsuranceCard | None = None
    #: A booking whose code was given but which is not for today or no longer stands.
    other_booking: r4.Appointment | None = None

    @property
    def only(self) -> Hit | None:
        """The one hit, when there is no choice to make."""
        return self.hits[0] if len(self.hits) == 1 else None


async def identify(tx: Transaction, who: Subject, text: str) -> Found:
    """Find whom this text means among the records and today's bookings.

    Raises:
        Invalid: nothing was typed, or it is a card with a field that cannot be true.
    """
    typed = nfc(text)
    if not typed:
        raise Invalid(
            _("Chưa quét hoặc gõ gì."), where="q", advice=_("Quét thẻ, hoặc gõ tên, số điện thoại, mã đặt khám.")
        )
    read = cards.read(typed)
    if isinstance(read, cards.BookingCode) or (read is None and read_code(typed)):
        code = read_code(typed) or (read.code if read else typed)
        return await _by_code(tx, who, code, typed)
    if read is not None:
        facts = facts_of_card(read)
        return await _with_bookings(tx, who, facts, await by_facts(tx, who, facts), card=read)
    return await _by_typed(tx, who, typed)


def facts_of_card(card: cards.CitizenCard | cards.InsuranceCard) -> Facts:
    """What a card says of its holder."""
    if isinstance(card, cards.CitizenCard):
        return Facts(
            name=card.name, birth=card.birth, gender=card.gender, number=card.number,
            former_number=card.former_number, address=card.address,
        )  # fmt: skip
    return Facts(
        name=card.name or "", birth=card.birth, gender=card.gender, insurance=card.number, address=card.address
    )


async def by_facts(tx: Transaction, who: Subject, facts: Facts) -> list[Hit]:
    """Records that these facts open: the first kind of fact that finds somebody decides."""
    if facts.number:
        numbers = [f"{systems.CCCD}|{facts.number}"]
        numbers += [f"{systems.CMND}|{facts.former_number}"] if facts.former_number else []
        if found := await _patients(tx, who, {"identifier": ",".join(numbers)}):
            return [Hit(BY_NUMBER, patient) for patient in found]
    if facts.insurance and (found := await _by_insurance(tx, who, facts.insurance)):
        return [Hit(BY_INSURANCE, patient) for patient in found]
    if facts.name and facts.birth:
        alike = await _patients(tx, who, {"name": _query(facts.name), "birthdate": facts.birth})
        if same := [patient for patient in alike if is_same(facts, facts_of(patient))]:
            return [Hit(BY_NAME, patient) for patient in same]
    if facts.phone and (found := await _patients(tx, who, {"phone": facts.phone})):
        return [Hit(BY_PHONE, patient) for patient in found]
    return []


async def search_people(tx: Transaction, who: Subject, text: str, limit: int = 30) -> list[r4.Patient]:
    """Patients by name (any order, no accents, beginnings of words), birth date, telephone or any number of theirs."""
    typed = nfc(text)
    if phone := _phone(typed):
        return await _patients(tx, who, {"phone": phone}, limit)
    if numbers := _identifiers(typed):
        if found := await _patients(tx, who, {"identifier": numbers}, limit):
            return found
        return await _by_insurance(tx, who, typed.upper())
    name, birth = _name_and_birth(typed)
    params = ({"name": _query(name)} if fold(name) else {}) | ({"birthdate": birth} if birth else {})
    return _best_first(name, await _patients(tx, who, params, limit)) if params else []


def is_today(booking: r4.Appointment) -> bool:
    """Whether a booking is for today, at the hospital."""
    start = moment(booking.start)
    return start is not None and start.date() == today()


def patient_of(booking: r4.Appointment) -> str | None:
    """The id of the record a booking was made for."""
    return id_of(actor(booking, "Patient"))


async def _by_code(tx: Transaction, who: Subject, code: str, typed: str) -> Found:
    """A code of letters and digits: of a booking, else of a patient of this hospital."""
    booking = await store.first(tx, who, r4.Appointment, {"identifier": f"{systems.BOOKING_CODE}|{code}"})
    if booking is None:
        return await _by_typed(tx, who, typed)
    guest = guest_of(booking)
    facts = facts_of(guest) if guest else Facts()
    if patient := patient_of(booking):
        hits = [Hit(BY_BOOKING, await store.read(tx, who, r4.Patient, patient))]
    else:
        hits = await by_facts(tx, who, facts)
    if booking.status != AWAITED or not is_today(booking):
        return Found(hits[:MOST], facts, other_booking=booking)
    kept = [Hit(hit.why, hit.patient, booking) for hit in hits[:MOST]]
    return Found(kept or [Hit(BY_BOOKING, None, booking)], facts)


async def _by_typed(tx: Transaction, who: Subject, typed: str) -> Found:
    if phone := _phone(typed):
        facts = Facts(phone=phone)
        return await _with_bookings(tx, who, facts, await by_facts(tx, who, facts))
    if numbers := _identifiers(typed):
        digits = re.sub(r"[\s.\-]", "", typed)
        facts = Facts(number=digits) if re.fullmatch(r"\d{12}", digits, re.ASCII) else Facts()
        why = BY_NUMBER if digits.isdigit() else BY_CODE
        found = [Hit(why, patient) for patient in await _patients(tx, who, {"identifier": numbers})]
        return await _with_bookings(tx, who, facts, found)
    name, birth = _name_and_birth(typed)
    if sum(letter.isalpha() for letter in name) < 2:
        raise Invalid(
            _("“%(typed)s” không đọc được.", typed=typed[:40]),
            where="q",
            advice=_("Quét lại thẻ, hoặc gõ tên hay số điện thoại."),
        )
    facts = Facts(name=title_name(name), birth=birth)
    hits = await by_facts(tx, who, facts) if birth else []
    hits = hits or [Hit(BY_TYPED, patient) for patient in await search_people(tx, who, typed, MOST)]
    return await _with_bookings(tx, who, facts, hits)


async def _with_bookings(
    tx: Transaction,
    who: Subject,
    facts: Facts,
    hits: list[Hit],
    card: cards.CitizenCard | cards.InsuranceCard | None = None,
) -> Found:
    """The hits with their bookings of today, and bookings of people without a record; who has booked comes first."""
    bookings = await _todays_bookings(tx, who, facts, [hit.patient for hit in hits if hit.patient])
    rest = {booking.id: booking for booking in bookings}
    kept = []
    for hit in hits:
        mine = next((one for one in rest.values() if hit.patient and _belongs(one, hit.patient)), None)
        if mine:
            rest.pop(mine.id)
        kept.append(Hit(hit.why, hit.patient, mine))
    kept += [Hit(BY_BOOKING, None, booking) for booking in rest.values() if guest_of(booking)]
    return Found(sorted(kept, key=lambda hit: hit.booking is None)[:MOST], facts, card)


def _belongs(booking: r4.Appointment, patient: r4.Patient) -> bool:
    guest = guest_of(booking)
    if patient_of(booking) is not None or guest is None:
        return patient_of(booking) == patient.id
    return likeness(facts_of(guest), facts_of(patient)).suspicious


async def _todays_bookings(
    tx: Transaction, who: Subject, facts: Facts, patients: Sequence[r4.Patient]
) -> list[r4.Appointment]:
    """Today's open bookings of these records, and of guests with this number, telephone or name."""
    today_ = {"date": today().isoformat(), "status": AWAITED, "_count": str(MOST)}
    asked: list[dict[str, str]] = []
    if patients:
        asked.append({"patient": ",".join(f"Patient/{patient.id}" for patient in patients)})
    if facts.number:
        asked.append({"guest-cccd": f"{systems.CCCD}|{facts.number}"})
    if facts.insurance:
        asked.append({"guest-cccd": ",".join(f"{systems.BHYT}|{form}" for form in insurance_forms(facts.insurance))})
    if facts.phone:
        asked.append({"guest-phone": facts.phone})
    if fold(facts.name):
        asked.append({"guest-name": _query(facts.name)})
    found: dict[str | None, r4.Appointment] = {}
    for params in asked:
        page = await store.search(tx, who, r4.Appointment, today_ | params)
        found |= {booking.id: booking for booking in page.resources if _agrees(booking, facts)}
    return sorted(found.values(), key=lambda booking: booking.start or "")


def _agrees(booking: r4.Appointment, facts: Facts) -> bool:
    """A guest of the same name with another birth date or number is somebody else."""
    guest = guest_of(booking)
    if guest is None:
        return True
    said = facts_of(guest)
    other_birth = facts.birth and said.birth and not said.birth.startswith(facts.birth)
    other_number = facts.number and said.number and facts.number != said.number
    return not other_birth and not other_number


async def _by_insurance(tx: Transaction, who: Subject, number: str) -> list[r4.Patient]:
    forms = ",".join(f"{systems.BHYT}|{form}" for form in insurance_forms(number))
    covers = await store.search(tx, who, r4.Coverage, {"identifier": forms, "_count": str(MOST)})
    owners = await store.read_many(tx, who, r4.Patient, [id_of(cover.beneficiary) for cover in covers.resources])
    return list(owners.values()) or await _patients(tx, who, {"identifier": forms})


async def _patients(tx: Transaction, who: Subject, params: dict[str, str], limit: int = MOST) -> list[r4.Patient]:
    page = await store.search(tx, who, r4.Patient, {**params, "_count": str(limit)})
    return [patient for patient in page.resources if patient.active is not False]


def _phone(typed: str) -> str | None:
    """The telephone number that was typed. Twelve digits are a citizen number: "00" before it calls nobody abroad."""
    return None if re.fullmatch(r"\d{12}", re.sub(r"[\s.\-]", "", typed), re.ASCII) else phone_or_none(typed)


def _identifiers(typed: str) -> str | None:
    """What was typed as identifiers to look for: citizen number, old number, number of this hospital."""
    digits = re.sub(r"[\s.\-]", "", typed)
    if re.fullmatch(r"\d{12}", digits, re.ASCII):
        return f"{systems.CCCD}|{digits}"
    if re.fullmatch(r"\d{9}", digits, re.ASCII):
        return f"{systems.CMND}|{digits}"
    if _HOSPITAL_NUMBER.fullmatch(typed.upper()):
        return f"{systems.PATIENT_NUMBER}|{typed.upper()}"
    return None


def _name_and_birth(typed: str) -> tuple[str, str | None]:
    found = _DATE.search(typed)
    if not found:
        return typed, None
    return nfc(typed[: found.start()] + " " + typed[found.end() :]), fhir_date(found[0], where="q")


def _best_first(name: str, patients: list[r4.Patient]) -> list[r4.Patient]:
    """The very name first, then names that hold the words as whole words."""
    words = set(fold(name).split())

    def rank(patient: r4.Patient) -> tuple[bool, int]:
        theirs = facts_of(patient).name
        return name_key(theirs) != name_key(name), -len(words & set(fold(theirs).split()))

    return sorted(patients, key=rank)


def _query(name: str) -> str:
    """A name as the value of a string parameter, in which a comma would mean "or"."""
    return fold(name)
