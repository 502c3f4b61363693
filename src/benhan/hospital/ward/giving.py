"""Medicines at the bedside: which dose is due by the signed orders; given, refused, omitted; by two where it must.

A dose is one hour of one order. What was done with it is a MedicationAdministration whose id follows from both, so
nobody gives it twice. A medicine of high alert is prepared by one person and given by another. Source: TT
31/2021/TT-BYT, TT 23/2011/TT-BYT (five rights, what is not given is told why); ISMP list of high-alert medications.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid, NotFound
from benhan.core.kit import clock
from benhan.core.language import _, later
from benhan.core.store.records import version_of
from benhan.hospital import ingredients
from benhan.hospital.visit import code_of, id_of, moment, stamp
from benhan.hospital.ward import dosing, entries, order_lines

#: Not given so long after its hour a dose is late.
LATE: Final = timedelta(minutes=60)
#: Shifts: when each begins and ends (the night's on the next day).
SHIFTS: Final = {"sang": (time(6), time(14)), "chieu": (time(14), time(22)), "dem": (time(22), time(6))}
SHIFT_NAMES: Final = {"sang": later("Ca sáng"), "chieu": later("Ca chiều"), "dem": later("Ca đêm")}
#: What was done.
GIVEN, REFUSED, OMITTED, PREPARED = "da-cho", "tu-choi", "khong-dung", "chuan-bi"
DUE, OVERDUE, AHEAD = "den-gio", "muon", "chua-den"
STATES: Final = {
    GIVEN: later("đã dùng"), REFUSED: later("người bệnh từ chối"), OMITTED: later("không dùng"),
    PREPARED: later("chờ người thứ hai"), DUE: later("đến giờ"), OVERDUE: later("muộn"), AHEAD: later("chưa đến giờ"),
}  # fmt: skip
TONES: Final = {
    GIVEN: "ok", REFUSED: "warn", OMITTED: "warn", PREPARED: "info", DUE: "accent", OVERDUE: "bad", AHEAD: "grey"
}  # fmt: skip
_REFUSED, _OMITTED = "refused", "omitted"
#: Ingredients of high alert, beside narcotics and psychotropics. Source: ISMP, acute care (2024), what is common here.
_HIGH_ALERT: Final = frozenset(map(ingredients.key, (
    "Insulin", "Insulin glargin", "Insulin aspart", "Heparin", "Enoxaparin", "Warfarin", "Kali clorid", "Digoxin",
    "Adrenalin", "Noradrenalin", "Dopamin", "Dobutamin", "Amiodaron", "Methotrexat", "Oxytocin", "Magnesi sulfat",
    "Propofol", "Midazolam", "Ketamin", "Fentanyl", "Morphin", "Pethidin", "Natri nitroprussid", "Alteplase",
)))  # fmt: skip
_VERIFIER: Final = "verifier"


class Dose(msgspec.Struct, frozen=True, kw_only=True):
    """One hour of one order, and what was done with it."""

    order: str
    stay: str
    due: datetime
    title: str
    how: str
    code: str
    state: str
    high_alert: bool
    by: str = ""
    at: datetime | None = None
    why: str = ""

    @property
    def key(self) -> str:
        """What a form sends: order and hour."""
        return f"{self.order} {self.due.isoformat(timespec='minutes')}"

    @property
    def open(self) -> bool:
        """Whether something is still to be done."""
        return self.state in (DUE, OVERDUE, AHEAD, PREPARED)

    @property
    def name(self) -> str:
        """Its state, as a person reads it."""
        return _(STATES[self.state])

    @property
    def tone(self) -> str:
        """Its colour."""
        return TONES[self.state]


def shift_of(at: datetime) -> tuple[date, str]:
    """The shift that a moment is in: its day and name. Pure."""
    here = clock.local(at)
    for name in ("sang", "chieu"):
        begins, ends = SHIFTS[name]
        if begins <= here.time() < ends:
            return here.date(), name
    return (here.date() if here.time() >= SHIFTS["dem"][0] else here.date() - timedelta(days=1)), "dem"


def bounds(day: date, shift: str) -> tuple[datetime, datetime]:
    """When a shift begins and ends. Pure."""
    begins, ends = SHIFTS[shift]
    until = day if ends > begins else day + timedelta(days=1)
    return datetime.combine(day, begins, clock.ZONE), datetime.combine(until, ends, clock.ZONE)


def hours(order: r4.MedicationRequest, since: datetime, until: datetime) -> list[datetime]:
    """The hours of an order in a time: from when it was signed to its end, or until it was stopped. Pure."""
    line = order_lines.line(order)
    if line.at is None or line.until is None or order.status not in ("active", "completed", "stopped"):
        return []
    changed = moment(order.meta.lastUpdated) if order.meta and order.status != "active" else None
    ends = min(one for one in (line.until, changed) if one)
    found, day = [], clock.local(since).date()
    while day <= clock.local(until).date():
        for hour in dosing.dosing_of(order).hours:
            due = datetime.combine(day, time.fromisoformat(hour), clock.ZONE)
            if since <= due < until and line.at <= due < ends:
                found.append(due)
        day += timedelta(days=1)
    return sorted(found)


def administration_id(order: str, due: datetime) -> str:
    """The id of what is done with a dose: another record of it cannot be."""
    return (
        "lt-" + sha256(f"{order} {due.astimezone(clock.ZONE).isoformat(timespec='minutes')}".encode()).hexdigest()[:40]
    )


def is_high_alert(order: r4.MedicationRequest) -> bool:
    """Whether two people give it: a narcotic, a psychotropic, or of the list."""
    kinds = [code_of(one, systems.PRESCRIPTION_KIND) for one in order.category or []]
    named = {
        one.code for one in (order.medicationCodeableConcept or r4.CodeableConcept()).coding or []
        if one.system == systems.INGREDIENT
    }  # fmt: skip
    return bool({"N", "H"} & set(kinds)) or bool(_HIGH_ALERT & {one for one in named if one})


async def of_stays(
    tx: Transaction, who: Subject, stays: Sequence[str], since: datetime, until: datetime
) -> dict[str, list[Dose]]:  # fmt: skip
    """The doses of these stays in a time, by stay, in the order of their hours."""
    if not stays:
        return {}
    here = ",".join(f"Encounter/{one}" for one in stays)
    asked = {
        "encounter": here, "status": "active,completed,stopped", "_count": "1000", "_sort": "-authoredon",
        "authoredon": f"ge{stamp(since - timedelta(days=dosing.MOST_DAYS))}",
    }  # fmt: skip
    orders = (await store.search(tx, who, r4.MedicationRequest, asked)).resources
    due = [
        (one, at) for one in orders if dosing.is_inpatient(one) for at in hours(one, since, until)
    ]  # fmt: skip
    ids = [administration_id(one.id or "", at) for one, at in due]
    done = await store.read_many(tx, who, r4.MedicationAdministration, ids)
    found: dict[str, list[Dose]] = {}
    for (order, at), id_ in zip(due, ids, strict=True):
        found.setdefault(id_of(order.encounter) or "", []).append(_dose(order, at, done.get(id_)))
    return {stay: sorted(doses, key=lambda one: (one.due, one.title)) for stay, doses in found.items()}


def _dose(order: r4.MedicationRequest, due: datetime, done: r4.MedicationAdministration | None) -> Dose:
    line = order_lines.line(order)
    people = [one.actor.display or "" for one in done.performer or []] if done else []
    return Dose(
        order=order.id or "", stay=id_of(order.encounter) or "", due=due, title=line.title, how=line.how,
        code=line.code, state=_state(due, done, clock.now()), high_alert=is_high_alert(order), by=", ".join(people),
        at=moment(done.effectiveDateTime) if done else None,
        why=next((one.text or "" for one in done.note or []), "") if done else "",
    )  # fmt: skip


def _state(due: datetime, done: r4.MedicationAdministration | None, at: datetime) -> str:
    if done is None:
        return OVERDUE if at - due > LATE else DUE if due - at <= LATE else AHEAD
    if done.status == "in-progress":
        return PREPARED
    if done.status == "completed":
        return GIVEN
    why = next((code_of(one) for one in done.statusReason or []), "")
    return REFUSED if why == _REFUSED else OMITTED


# ── What is done ────────────────────────────────────────────────────────────────────────────────────────────────


async def give(tx: Transaction, who: Subject, key: str, *, patient: str = "") -> r4.MedicationAdministration:
    """A dose is given, now. Of a medicine of high alert the first person prepares it, another one gives it.

    `patient`: whose wristband was read; it must be hers. Given by the same person twice changes nothing.

    Raises:
        Conflict: it was given, refused or omitted already; it is not her medicine; nobody else has confirmed.
        Invalid: its hour has not come.
        NotFound: there is no such dose.
    """
    order, due = await _the(tx, who, key)
    if patient and patient != id_of(order.subject):
        raise Conflict(_("Sai người bệnh: thuốc này không phải của người đang quét."), where="quet")
    if due - clock.now() > LATE:
        raise Invalid(_("Chưa đến giờ: cho dùng sớm nhất trước 60 phút."), where="lieu")
    id_, me = administration_id(order.id or "", due), entries.writer(who)
    there = (await store.read_many(tx, who, r4.MedicationAdministration, [id_])).get(id_)
    if there is None:
        status = "in-progress" if is_high_alert(order) else "completed"
        return await _kept(tx, who, _made(order, due, id_, me, status))
    first = there.performer[0].actor if there.performer else r4.Reference()
    if there.status == "completed" and me.reference in [one.actor.reference for one in there.performer or []]:
        return there
    if there.status != "in-progress":
        raise Conflict(_("Liều này đã được ghi: %(state)s.", state=_(STATES[_state(due, there, clock.now())])))
    if first.reference == me.reference:
        raise Conflict(_("Thuốc nguy cơ cao: một người khác phải xác nhận rồi mới cho dùng."), where="nguoi-hai")
    second = r4.MedicationAdministrationPerformer(actor=me, function=r4.CodeableConcept(text=_VERIFIER))
    done = msgspec.structs.replace(
        there, status="completed", effectiveDateTime=stamp(clock.now()), performer=[*(there.performer or []), second]
    )
    return await store.update(tx, who, done, if_match=version_of(there))


async def not_given(
    tx: Transaction, who: Subject, key: str, why: str, *, refused: bool
) -> r4.MedicationAdministration:  # fmt: skip
    """A dose is refused by the patient, or omitted, for a reason.

    Raises:
        Invalid: no reason; Conflict: something was done with it already; NotFound.
    """
    said = " ".join(why.split())[:300]
    if not said:
        raise Invalid(_("Ghi lý do không dùng thuốc."), where="ly-do")
    order, due = await _the(tx, who, key)
    code = _REFUSED if refused else _OMITTED
    id_ = administration_id(order.id or "", due)
    made = _made(order, due, id_, entries.writer(who), "not-done")
    told = msgspec.structs.replace(
        made, statusReason=[r4.CodeableConcept(coding=[r4.Coding(system=systems.STAY, code=code)], text=said)],
        note=[r4.Annotation(text=said, authorString=who.name, time=stamp(clock.now()))],
    )  # fmt: skip
    return await _kept(tx, who, told)


def _made(
    order: r4.MedicationRequest, due: datetime, id_: str, me: r4.Reference, status: str
) -> r4.MedicationAdministration:  # fmt: skip
    first = order.dosageInstruction[0] if order.dosageInstruction else r4.Dosage()
    given = next(iter(first.doseAndRate or []), r4.DosageDoseAndRate())
    return r4.MedicationAdministration(
        id=id_, status=status, medicationCodeableConcept=order.medicationCodeableConcept, subject=order.subject,
        context=order.encounter, effectiveDateTime=stamp(clock.now()), request=store.reference(order),
        performer=[r4.MedicationAdministrationPerformer(actor=me)],
        dosage=r4.MedicationAdministrationDosage(
            text=first.text, route=first.route, dose=given.doseQuantity, rateQuantity=given.rateQuantity
        ),
        extension=[r4.Extension(url=systems.EXTENSION_DOSE_DUE, valueDateTime=stamp(due))],
    )  # fmt: skip


async def _kept(tx: Transaction, who: Subject, made: r4.MedicationAdministration) -> r4.MedicationAdministration:
    try:
        async with tx.savepoint():
            return await store.create(tx, who, made)
    except (store.AlreadyExists, Conflict):
        raise Conflict(_("Liều này vừa được ghi."), advice=_("Tải lại trang.")) from None


async def _the(tx: Transaction, who: Subject, key: str) -> tuple[r4.MedicationRequest, datetime]:
    """The order and hour of a dose. Raises: NotFound."""
    id_, _space, hour = key.partition(" ")
    try:
        due = datetime.fromisoformat(hour)
    except ValueError:
        raise NotFound(_("Không có liều này.")) from None
    order = await store.read(tx, who, r4.MedicationRequest, id_ or "?")
    if due.tzinfo is None or due not in hours(order, due, due + timedelta(minutes=1)):
        raise NotFound(_("Không có liều này: y lệnh đã ngừng hoặc hết hạn."))
    return order, due


def found_by_scan(code: str, people: Mapping[str, Iterable[str]], doses: Sequence[Dose]) -> tuple[str, list[Dose]]:
    """What a scanned code means: somebody of the ward (her stay), else open doses of a medicine. Pure."""
    said = code.strip().upper()
    stay = next((stay for stay, numbers in people.items() if said in {one.upper() for one in numbers if one}), "")
    return stay, [] if stay else [one for one in doses if one.code.upper() == said and one.open]
