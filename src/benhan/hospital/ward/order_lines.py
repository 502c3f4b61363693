"""An order of the daily sheet as a screen shows it, whatever FHIR calls it; and how each kind is written. Pure.

Medicines are MedicationRequests (inpatient), tests and imaging ServiceRequests by the service list as the clinic orders
them, nursing and monitoring ServiceRequests of their own codes, diets NutritionOrders. Source: TT 32/2023/TT-BYT
(36/BV2); HL7 FHIR R4; levels of care: TT 31/2021/TT-BYT.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from benhan.core.fhir import codec, r4, systems
from benhan.core.kit import clock
from benhan.core.kit.codes import Code
from benhan.core.language import later
from benhan.core.store.records import version_of
from benhan.hospital.daily import Order, verbal
from benhan.hospital.medicine_warnings import reason_of
from benhan.hospital.visit import (
    IMAGING,
    LABORATORY,
    ORDER_CATEGORIES,
    code_of,
    concept,
    display_of,
    id_of,
    moment,
    stamp,
)  # fmt: skip
from benhan.hospital.ward import dosing


class Kind(StrEnum):
    """What is ordered."""

    MEDICINE = "thuoc"
    INFUSION = "truyen"
    LABORATORY = "xet-nghiem"
    IMAGING = "hinh-anh"
    DIET = "che-do-an"
    CARE = "cham-soc"
    MONITOR = "theo-doi"
    OTHER = "khac"


NAMES: Final = {
    Kind.MEDICINE: later("Thuốc"), Kind.INFUSION: later("Dịch truyền"), Kind.LABORATORY: later("Xét nghiệm"),
    Kind.IMAGING: later("Chẩn đoán hình ảnh"), Kind.DIET: later("Chế độ ăn"), Kind.CARE: later("Chăm sóc"),
    Kind.MONITOR: later("Y lệnh theo dõi"), Kind.OTHER: later("Y lệnh khác"),
}  # fmt: skip
#: Levels of nursing care. Source: TT 31/2021/TT-BYT Đ4.
LEVELS: Final = {
    "cap-1": later("Chăm sóc cấp 1"), "cap-2": later("Chăm sóc cấp 2"), "cap-3": later("Chăm sóc cấp 3"),
}  # fmt: skip
#: Kinds that are carried on from day to day; a test is ordered anew.
LASTING: Final = frozenset({Kind.MEDICINE, Kind.INFUSION, Kind.DIET, Kind.CARE, Kind.MONITOR, Kind.OTHER})
#: Of these one is in force at a time: a new one takes the place of the former.
SINGLE: Final = frozenset({Kind.DIET, Kind.CARE})
_SERVICES: Final = {LABORATORY: Kind.LABORATORY, IMAGING: Kind.IMAGING}
_CARE: Final = "nursing"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it is read."""

    ref: str
    version: str
    kind: Kind
    title: str
    how: str
    status: str
    at: datetime | None
    until: datetime | None
    code: str = ""
    began: date | None = None
    urgent: bool = False
    reason: str = ""
    by: str = ""
    verbal: datetime | None = None
    prior: str = ""
    #: Ordered on a daily sheet or as one is; what other software asks for in its own words is not carried on.
    known: bool = True

    @property
    def name(self) -> str:
        """In one line, as the paper has it. In Vietnamese whatever the screen speaks."""
        day = f" (ngày thứ {self.day})" if self.day > 1 else ""
        urgent = " (khẩn)" if self.urgent else ""
        return f"{self.title}{day}{urgent}{' – ' + self.how if self.how else ''}"

    @property
    def day(self) -> int:
        """Which day of the medicine this is, from 1."""
        on = clock.local(self.at).date() if self.at else clock.today()
        return (on - self.began).days + 1 if self.began else 1

    @property
    def lasting(self) -> bool:
        """Whether it is carried on from day to day."""
        return self.kind in LASTING and self.known

    def over(self, at: datetime) -> bool:
        """Whether its time has run out."""
        return self.until is not None and self.until <= at

    def ends_soon(self, at: datetime) -> bool:
        """Whether it ends within a day, so that it must be carried on to go on."""
        return self.until is not None and self.until <= at + timedelta(days=1)


def line(order: Order) -> Line:
    """An order as it is read."""
    match order:
        case r4.MedicationRequest():
            return _medicine(order)
        case r4.ServiceRequest():
            return _service(order)
        case _:
            return _diet(order)


def ref(order: Order) -> str:
    """`Type/id`."""
    return f"{codec.type_name(order)}/{order.id}"


def _medicine(order: r4.MedicationRequest) -> Line:
    how, at = dosing.dosing_of(order), moment(order.authoredOn)
    began = next((one.valueDate for one in order.extension or [] if one.url == systems.EXTENSION_COURSE_BEGAN), None)
    return Line(
        ref=ref(order), version=version_of(order) or "", kind=Kind.INFUSION if how.rate is not None else Kind.MEDICINE,
        title=display_of(order.medicationCodeableConcept), how=dosing.said(how), status=order.status or "", at=at,
        until=at + timedelta(days=how.days) if at else None, reason=reason_of(order),
        code=code_of(order.medicationCodeableConcept, systems.MEDICINE_CODE) or "",
        began=date.fromisoformat(began) if began else None, by=_name(order.requester), verbal=verbal(order.extension),
        prior=(order.priorPrescription.reference or "") if order.priorPrescription else "",
    )  # fmt: skip


def _service(order: r4.ServiceRequest) -> Line:
    category = next((code for one in order.category or [] if (code := code_of(one))), "")
    code = code_of(order.code, systems.CARE_ORDER) or ""
    kind = _SERVICES.get(category) or (Kind.CARE if code in LEVELS else Kind(code) if code in NAMES else Kind.OTHER)
    at, known = moment(order.authoredOn), bool(code) or category in _SERVICES
    return Line(
        ref=ref(order), version=version_of(order) or "", kind=kind, known=known, title=display_of(order.code),
        how=order.patientInstruction or "", status=order.status or "", at=at,
        until=at + timedelta(days=1) if at and known and kind in LASTING else None,
        urgent=order.priority in ("urgent", "stat"),
        code=code_of(order.code) or "", by=_name(order.requester), verbal=verbal(order.extension),
        prior=next((one.reference or "" for one in order.replaces or []), ""),
    )  # fmt: skip


def _diet(order: r4.NutritionOrder) -> Line:
    at, diet = moment(order.dateTime), order.oralDiet or r4.NutritionOrderOralDiet()
    replaces = (one.valueReference for one in order.extension or [] if one.url == systems.EXTENSION_REPLACES)
    prior = next((one.reference or "" for one in replaces if one), "")
    return Line(
        ref=ref(order), version=version_of(order) or "", kind=Kind.DIET,
        title=display_of(next(iter(diet.type or []), None)), how=diet.instruction or "", status=order.status or "",
        at=at, until=at + timedelta(days=1) if at else None, by=_name(order.orderer), verbal=verbal(order.extension),
        prior=prior,
    )  # fmt: skip


def _name(person: r4.Reference | None) -> str:
    return (person.display or "") if person else ""


# ── How each is written ─────────────────────────────────────────────────────────────────────────────────────────


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """In whose stay, by whom, in which entry, when."""

    stay: r4.Encounter
    by: r4.Reference
    entry: str
    at: datetime

    @property
    def patient(self) -> r4.Reference:
        """Whom it is for."""
        return self.stay.subject or r4.Reference()

    @property
    def visit(self) -> r4.Reference:
        """Her stay."""
        return r4.Reference(reference=f"Encounter/{self.stay.id}")

    @property
    def info(self) -> list[r4.Reference]:
        """The entry in which it is written down."""
        return [r4.Reference(reference=f"Composition/{self.entry}")]


def blank_medicine(given: Given) -> r4.MedicationRequest:
    """A request for a medicine, without it."""
    return r4.MedicationRequest(
        status="draft", intent="order", subject=given.patient, encounter=given.visit, authoredOn=stamp(given.at),
        requester=given.by, supportingInformation=given.info,
    )  # fmt: skip


def service(given: Given, code: Code, *, urgent: bool) -> r4.ServiceRequest:
    """A test or a picture by the service list."""
    one = _request(given, concept(systems.SERVICES, code.code, code.name))
    category = concept(systems.OBSERVATION_CATEGORY, code["kind"], ORDER_CATEGORIES[code["kind"]])
    return msgspec.structs.replace(one, category=[category], priority="urgent" if urgent else "routine")


def care(given: Given, kind: Kind, text: str) -> r4.ServiceRequest:
    """A level of care (`text` is its code), monitoring, or anything else in words."""
    code = text if kind is Kind.CARE else kind.value
    one = _request(given, concept(systems.CARE_ORDER, code, LEVELS.get(code, text)))
    return msgspec.structs.replace(one, category=[concept(systems.CARE_ORDER, _CARE, "Điều dưỡng")])


def diet(given: Given, text: str) -> r4.NutritionOrder:
    """What she eats."""
    return r4.NutritionOrder(
        status="draft", intent="order", patient=given.patient, encounter=given.visit, dateTime=stamp(given.at),
        orderer=given.by, oralDiet=r4.NutritionOrderOralDiet(type=[r4.CodeableConcept(text=text)]),
    )  # fmt: skip


def _request(given: Given, code: r4.CodeableConcept) -> r4.ServiceRequest:
    subject = r4.Reference(reference=given.patient.reference, display=given.patient.display)
    return r4.ServiceRequest(
        status="draft", intent="order", code=code, subject=subject, encounter=given.visit, authoredOn=stamp(given.at),
        requester=given.by, supportingInfo=given.info, reasonCode=given.stay.reasonCode,
    )  # fmt: skip


def again(given: Given, former: Order) -> Order:
    """The same order for another term; it says what it takes the place of."""
    prior = r4.Reference(reference=ref(former))
    match former:
        case r4.MedicationRequest():
            since = line(former).began or clock.local(former.authoredOn or stamp(given.at)).date()
            return msgspec.structs.replace(
                blank_medicine(given), medicationCodeableConcept=former.medicationCodeableConcept,
                category=former.category, dosageInstruction=former.dosageInstruction, priorPrescription=prior,
                dispenseRequest=former.dispenseRequest, contained=former.contained, detectedIssue=former.detectedIssue,
                extension=[r4.Extension(url=systems.EXTENSION_COURSE_BEGAN, valueDate=since.isoformat())],
            )  # fmt: skip
        case r4.ServiceRequest():
            one = _request(given, former.code or r4.CodeableConcept())
            return msgspec.structs.replace(
                one, category=former.category, patientInstruction=former.patientInstruction, replaces=[prior]
            )  # fmt: skip
        case _:
            return replacing(msgspec.structs.replace(diet(given, ""), oralDiet=former.oralDiet), prior)


def replacing(order: r4.NutritionOrder, prior: r4.Reference) -> r4.NutritionOrder:
    """A diet that takes the place of another."""
    return msgspec.structs.replace(
        order, extension=[r4.Extension(url=systems.EXTENSION_REPLACES, valueReference=prior)]
    )  # fmt: skip


def in_force(order: Order, at: datetime, said: datetime | None) -> Order:
    """The order as it is when its entry is signed; `said`: when it was given by word of mouth."""
    given = [one for one in order.extension or [] if one.url != systems.EXTENSION_VERBAL]
    if said:
        given.append(r4.Extension(url=systems.EXTENSION_VERBAL, valueDateTime=stamp(said)))
    if isinstance(order, r4.NutritionOrder):
        return msgspec.structs.replace(order, status="active", dateTime=stamp(at), extension=given or None)
    return msgspec.structs.replace(order, status="active", authoredOn=stamp(at), extension=given or None)


def ended(order: Order, why: str = "", by: str = "", at: datetime | None = None) -> Order:
    """An order that is over: stopped for a reason, else run out or carried on."""
    if not why:
        return msgspec.structs.replace(order, status="completed")
    if isinstance(order, r4.MedicationRequest):
        return msgspec.structs.replace(order, status="stopped", statusReason=r4.CodeableConcept(text=why))
    note = r4.Annotation(text=why, authorString=by or None, time=stamp(at or clock.now()))
    return msgspec.structs.replace(order, status="revoked", note=[*(order.note or []), note])


def id_in(reference: str, kind: str) -> str:
    """The id in `Type/id`; "" where it is of another type."""
    name, _slash, id_ = reference.partition("/")
    return id_ if name == kind else ""


def entry_of(order: Order) -> str:
    """The entry in which an order is written down; "" for a diet, which has no element for it."""
    info = getattr(order, "supportingInformation", None) or getattr(order, "supportingInfo", None) or []
    return next((id_of(one) or "" for one in info), "")
