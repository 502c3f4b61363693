"""What a record says in plain words: steps of the day, results, doses, who opened it. Pure.

Whatever is not signed (a preliminary note, a draft prescription) or not final (a result) is left out here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from benhan.core.access.acting import Part
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock
from benhan.core.language import _, later
from benhan.hospital.queue_rules import OPEN, issued
from benhan.hospital.visit import (
    CALLED,
    DONE,
    IMAGING,
    LABORATORY,
    SERIES,
    SERVED,
    SKIPPED,
    code_of,
    display_of,
    id_of,
    moment,
    ticket_number,
)

#: States in which a result, a note and a line of a prescription may be shown to the person they are about.
FINAL: Final = frozenset({"final", "amended", "corrected", "appended"})
GIVEN: Final = frozenset({"active", "completed"})

#: How long a visit begun before midnight stays the day's: while it is open, and after its end.
A_NIGHT: Final = timedelta(hours=18)
JUST_OVER: Final = timedelta(hours=6)
#: Times of day of a prescription (FHIR EventTiming), in their order.
TIMES: Final = {"MORN": later("sáng"), "NOON": later("trưa"), "AFT": later("chiều"), "NIGHT": later("tối")}
#: Interpretation of a result → what she reads, and how loud it is.
PLAIN: Final = {
    "HH": (later("rất cao, hỏi bác sĩ ngay"), "bad"),
    "LL": (later("rất thấp, hỏi bác sĩ ngay"), "bad"),
    "H": (later("cao hơn bình thường"), "warn"),
    "L": (later("thấp hơn bình thường"), "warn"),
    "A": (later("khác thường"), "warn"),
    "N": (later("bình thường"), "ok"),
}


def first_page(parts: frozenset[Part]) -> str:
    """Where who acts for a patient begins, by the parts of the record that are hers to see."""
    if parts & {Part.CHART, Part.VISITS}:
        return "/nguoi-benh"
    return "/nguoi-benh/ket-qua" if Part.RESULTS in parts else "/nguoi-benh/thuoc"


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One measured value as she reads it."""

    name: str
    code: str
    value: str
    unit: str
    range: str
    flag: str
    when: datetime
    number: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def plain(self) -> tuple[str, str] | None:
        """What the value means, with its tone; None where nothing is known of what is normal."""
        return PLAIN.get(self.flag)


class Curve(msgspec.Struct, frozen=True):
    """The newest value of something measured, with those before it, oldest first."""

    last: Result
    #: Those that can be drawn in one line: numbers, in the unit of the last.
    course: tuple[Result, ...]
    since: datetime

    @property
    def values(self) -> tuple[float, ...]:
        """The numbers of the course."""
        return tuple(one.number for one in self.course if one.number is not None)

    @property
    def band(self) -> tuple[float, float] | None:
        """The range that is normal, where it has two ends."""
        return (self.last.low, self.last.high) if self.last.low is not None and self.last.high is not None else None


class Finding(msgspec.Struct, frozen=True):
    """An imaging report: what was done, found, and means; the `order` it answers; ids of its `pictures` (Media)."""

    name: str
    text: str
    conclusion: str
    when: datetime | None
    order: str = ""
    pictures: tuple[str, ...] = ()


class Medicine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a signed prescription."""

    title: str
    directions: str
    doses: Mapping[str, str]
    days: int
    quantity: str
    until: date | None
    #: As it was written: with food or not, and the like.
    note: str = ""
    as_needed: bool = False
    #: In which visit it was prescribed.
    visit: str = ""

    @property
    def running(self) -> bool:
        """Whether it is still to be taken."""
        return self.until is not None and self.until >= clock.today()


class Allergy(msgspec.Struct, frozen=True):
    """What she does not bear; `severe`: it may be life-threatening."""

    name: str
    severe: bool
    since: datetime | None


def current(visits: Sequence[r4.Encounter], now: datetime) -> r4.Encounter | None:
    """The visit of today, or of last night while it is open or just over; visits are given newest first."""
    for visit in visits:
        began = moment(visit.period.start) if visit.period else None
        if began is None or visit.status in ("cancelled", "entered-in-error"):
            continue
        ended = moment(visit.period.end) if visit.period else None
        lately = now - ended < JUST_OVER if ended else visit.status != "finished" and now - began < A_NIGHT
        return visit if lately or now.date() in (began.date(), ended and ended.date()) else None
    return None


def shown_ticket(tickets: Iterable[r4.Task]) -> r4.Task | None:
    """The ticket that matters now: the one that is called, else the latest that waits, else one being served."""
    rank = {CALLED: 0, SKIPPED: 1, "requested": 2, SERVED: 3}
    live = [ticket for ticket in tickets if ticket.status in OPEN]
    return min(live, key=lambda t: (rank[t.status or ""], -issued(t).timestamp()), default=None)


def kind_of(ticket: r4.Task) -> str:
    """laboratory, imaging, or clinic: by the letter of the number."""
    letter = ticket_number(ticket)[:1]
    return next((kind for kind in (LABORATORY, IMAGING) if SERIES[kind] == letter), "clinic")


class Step(NamedTuple):
    """A step of the day: done, on or "" (still to come); and while she has to go there, how one finds the room."""

    text: str
    state: str
    way: str = ""


def steps(
    visit: r4.Encounter, tickets: Sequence[r4.Task], orders: Sequence[r4.ServiceRequest], ways: Mapping[str, str]
) -> list[Step]:
    """What the day holds for her, in its order. `ways`: the words of the rooms that are to be told, by room id."""
    began = moment(visit.period.start) if visit.period else None
    found = [Step(_("Đã tiếp đón %(time)s", time=clock.vn_time(began)), "done")]
    clinics = [ticket for ticket in tickets if kind_of(ticket) == "clinic" and ticket.status != "cancelled"]
    ordered = [order for order in orders if order.status in ("active", "completed")]
    examined = visit.status == "finished" or bool(ordered)
    room = next((t.location.display for t in clinics if t.location and t.location.display), "")
    doctor = next((p.individual.display for p in visit.participant or [] if p.individual), "") or ""
    where = _way(clinics, ways)
    text = " · ".join(filter(None, [_("Khám"), room, doctor]))
    found.append(Step(text, "done") if examined else Step(text, "on", where))
    waiting = False
    for kind, name in ((LABORATORY, _("Xét nghiệm")), (IMAGING, _("Chẩn đoán hình ảnh, thăm dò"))):
        mine = [order for order in ordered if any(code_of(c) == kind for c in order.category or [])]
        if mine:
            done = all(order.status == "completed" for order in mine)
            there = [t for t in tickets if kind_of(t) == kind and t.status != "cancelled"]
            found.append(Step(_place(name, there), "done" if done else "on", "" if done else _way(there, ways)))
            waiting = waiting or not done
    last = "done" if visit.status == "finished" else "on" if examined and not waiting else ""
    return [*found, Step(_("Kết luận và đơn thuốc"), last)]


def _place(name: str, tickets: Sequence[r4.Task]) -> str:
    for ticket in tickets[:1]:
        room = ticket.location.display if ticket.location else None
        number = _("số %(number)s", number=ticket_number(ticket)) if ticket.status != DONE else ""
        taken = _("đã lấy mẫu") if ticket.status == DONE and kind_of(ticket) == LABORATORY else ""
        return " · ".join(filter(None, [name, room, number, taken]))
    return name


def _way(tickets: Sequence[r4.Task], ways: Mapping[str, str]) -> str:
    """To the room of the first of them that is not over."""
    return next((ways.get(id_of(one.location) or "", "") for one in tickets if one.status != DONE), "")


def results(observations: Iterable[r4.Observation]) -> list[Result]:
    """Measured values that are final, in the order given."""
    return [found for one in observations if one.status in FINAL and (found := _result(one))]


def _result(one: r4.Observation) -> Result | None:
    when = moment(one.effectiveDateTime) or moment(one.issued)
    if when is None:
        return None
    quantity = one.valueQuantity
    number = float(quantity.value) if quantity and quantity.value is not None else None
    said = _figure(quantity.value) if quantity and quantity.value is not None else ""
    normal = (one.referenceRange or [r4.ObservationReferenceRange()])[0]
    flag = next((code for c in one.interpretation or [] if (code := code_of(c))), "")
    low, high = _bound(normal.low), _bound(normal.high)
    if not flag and number is not None and (low is not None or high is not None):
        flag = "N"
    return Result(
        name=display_of(one.code),
        code=code_of(one.code) or display_of(one.code),
        value=said or display_of(one.valueCodeableConcept) or one.valueString or "",
        unit=(quantity.unit or "") if quantity else "",
        range=normal.text or _range(low, high),
        flag=flag,
        when=when,
        number=number,
        low=low,
        high=high,
    )


def curves(found: Iterable[Result]) -> list[Curve]:
    """Each thing measured once, with its values over time in the same unit; the newest first."""
    by_code: dict[str, list[Result]] = {}
    for one in sorted(found, key=lambda one: one.when):
        by_code.setdefault(one.code, []).append(one)
    made = []
    for series in by_code.values():
        last = series[-1]
        course = tuple(one for one in series if one.number is not None and one.unit == last.unit)
        made.append(Curve(last, course, series[0].when))
    return sorted(made, key=lambda curve: (-curve.last.when.timestamp(), curve.last.flag in ("", "N")))


def medicines(requests: Iterable[r4.MedicationRequest]) -> list[Medicine]:
    """Lines of signed prescriptions."""
    return [_medicine(one) for one in requests if one.status in GIVEN]


def _medicine(one: r4.MedicationRequest) -> Medicine:
    supply = one.dispenseRequest or r4.MedicationRequestDispenseRequest()
    length = supply.expectedSupplyDuration
    days = int(length.value) if length and length.value is not None else 0
    written = moment(one.authoredOn)
    amount = supply.quantity
    given = f"{_figure(amount.value)} {amount.unit or ''}".strip() if amount and amount.value is not None else ""
    return Medicine(
        title=display_of(one.medicationCodeableConcept)
        or ((one.medicationReference.display or "") if one.medicationReference else ""),
        directions=next((dose.text for dose in one.dosageInstruction or [] if dose.text), ""),
        doses=_doses(one.dosageInstruction or []),
        days=days,
        quantity=given,
        until=written.date() + timedelta(days=days - 1) if written and days else None,
        note=next((dose.patientInstruction for dose in one.dosageInstruction or [] if dose.patientInstruction), ""),
        as_needed=any(dose.asNeededBoolean for dose in one.dosageInstruction or []),
        visit=id_of(one.encounter) or "",
    )


def _doses(dosages: Iterable[r4.Dosage]) -> dict[str, str]:
    found: dict[str, str] = {}
    for dosage in dosages:
        dose = next((one.doseQuantity for one in dosage.doseAndRate or [] if one.doseQuantity), None)
        said = f"{_figure(dose.value)} {dose.unit or ''}".strip() if dose and dose.value is not None else "×"
        repeat = dosage.timing.repeat if dosage.timing else None
        for event in (repeat.when or []) if repeat else []:
            if event in TIMES:
                found[event] = said
    return {event: found[event] for event in TIMES if event in found}


def allergies(found: Iterable[r4.AllergyIntolerance]) -> list[Allergy]:
    """Allergies that stand, those that may be grave first."""
    standing = [
        Allergy(display_of(one.code), one.criticality == "high", moment(one.recordedDate))
        for one in found
        if code_of(one.clinicalStatus) in (None, "active")
        and code_of(one.verificationStatus) not in ("entered-in-error", "refuted")
    ]
    return sorted(standing, key=lambda one: (not one.severe, one.name))


def finding(report: r4.DiagnosticReport, observations: Mapping[str, r4.Observation]) -> Finding:
    """An imaging report with the text of what was found."""
    texts = [one.valueString for one in observations.values() if one.valueString]
    when = moment(report.issued) or moment(report.effectiveDateTime)
    order = next((id_ for one in report.basedOn or [] if (id_ := id_of(one))), "")
    pictures = tuple(id_ for one in report.media or [] if (id_ := id_of(one.link)))
    return Finding(display_of(report.code), "\n".join(texts), report.conclusion or "", when, order, pictures)


def is_imaging(report: r4.DiagnosticReport) -> bool:
    """Whether a report is of imaging or a functional test: what has words instead of numbers."""
    codes = {code_of(category) for category in report.category or []}
    return bool(codes & {"RAD", IMAGING, "EC", "CT", "RUS", "RX", "CUS"}) or (
        not codes & {"LAB", LABORATORY} and not report.result
    )


def follow_up(appointments: Iterable[r4.Appointment], now: datetime) -> r4.Appointment | None:
    """The next appointment that stands: the earliest booked one, else a day that a doctor has proposed."""
    coming = [(when, one) for one in appointments if (when := day_of(one)) and when.date() >= now.date()]
    standing = [(when, one) for when, one in coming if one.status in ("booked", "proposed", "pending")]
    return min(standing, key=lambda pair: (pair[0], pair[1].status != "booked"), default=(None, None))[1]


def day_of(appointment: r4.Appointment) -> datetime | None:
    """When an appointment is: its start, or the day that was wished."""
    wished = next((period.start for period in appointment.requestedPeriod or []), None)
    return moment(appointment.start) or moment(wished)


def note_of(notes: Iterable[r4.Composition]) -> tuple[r4.Composition | None, list[r4.Composition]]:
    """The signed note of a visit and its addenda; unsigned ones are as if they were not there."""
    signed = [note for note in notes if note.status in FINAL]
    main = next((note for note in signed if not note.relatesTo), None)
    return main, [note for note in signed if note.relatesTo] if main else []


def number_of(patient: r4.Patient) -> str:
    """The hospital's number of a patient, or "" where there is none."""
    return next(
        (one.value for one in patient.identifier or [] if one.system == systems.PATIENT_NUMBER and one.value), ""
    )


def _figure(value: Decimal) -> str:
    written = f"{value:f}"
    return (written.rstrip("0").rstrip(".") if "." in written else written).replace(".", ",")


def _bound(quantity: r4.Quantity | None) -> float | None:
    return float(quantity.value) if quantity and quantity.value is not None else None


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return "" if high is None else f"≤ {high:g}".replace(".", ",")
    return (f"≥ {low:g}" if high is None else f"{low:g} – {high:g}").replace(".", ",")
