"""A reading: technique, findings and conclusion, preliminary while it is written, final when released, then corrected.

Shape in FHIR: the conclusion is `DiagnosticReport.conclusion`; findings are one `Observation` of category imaging with
the text as `valueString` and the technique as `method`, named in `DiagnosticReport.result` (see docs/why/results.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Interaction, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid, VersionConflict
from benhan.core.kit import clock, codes
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital import orders
from benhan.hospital.imaging.normal import NORMAL, Normal, blanks
from benhan.hospital.visit import IMAGING, code_of, concept, display_of, full_name, id_of, moment, observation, stamp

RELEASED: Final = frozenset({"final", "amended", "corrected"})
GONE: Final = frozenset({"cancelled", "entered-in-error"})
DRAFT, FINAL, CORRECTED = "preliminary", "final", "corrected"
FRESH: Final = "0"
PAST_SHOWN: Final = "8"


class Text(msgspec.Struct, frozen=True):
    """What a reader writes."""

    technique: str = ""
    findings: str = ""
    conclusion: str = ""

    def __bool__(self) -> bool:
        return any((self.technique, self.findings, self.conclusion))


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The screen of one order."""

    order: r4.ServiceRequest
    visit: r4.Encounter
    patient: r4.Patient
    report: r4.DiagnosticReport | None
    findings: r4.Observation | None
    siblings: list[r4.ServiceRequest]
    past: list[r4.DiagnosticReport]
    tickets: list[r4.Task]
    rooms: dict[str, orders.Place]
    allergies: list[str]
    allergies_known: bool
    diagnoses: list[str]
    #: What she may do now with the report once it is released: correct it, print it.
    may: frozenset[Interaction] = frozenset()

    @property
    def name(self) -> str:
        """Whose pictures they are."""
        return full_name(self.patient)

    @property
    def title(self) -> str:
        """What was ordered."""
        return orders.title(self.order)

    @property
    def service(self) -> str:
        """The code of what was ordered."""
        return code_of(self.order.code, systems.SERVICES) or ""

    @property
    def modality(self) -> str:
        """DICOM's word for the machine; "" where it has none."""
        service = codes.services().get(self.service)
        return service["modality"] if service else ""

    @property
    def released(self) -> bool:
        """Whether the doctor has the final report."""
        return self.order.status == "completed" or bool(self.report and self.report.status in RELEASED)

    @property
    def version(self) -> str:
        """The version of the report the screen shows; "0" before there is one."""
        return (version_of(self.report) or FRESH) if self.report else FRESH

    @property
    def text(self) -> Text:
        """What is stored."""
        found = self.findings
        technique = display_of(found.method) if found else ""
        conclusion = (self.report.conclusion or "") if self.report else ""
        return Text(technique, (found.valueString or "") if found else "", conclusion)

    @property
    def notes(self) -> list[str]:
        """Why it was corrected."""
        return [one.text for one in (self.findings.note or []) if one.text] if self.findings else []

    @property
    def ticket(self) -> r4.Task | None:
        """The ticket under which this order is done."""
        return orders.ticket_for(self.order, self.tickets, self.rooms)


class Clash(VersionConflict):
    """Somebody else wrote another report for this order in the meantime; nothing was changed."""

    def __init__(self) -> None:
        super().__init__(
            _("Người khác vừa ghi kết quả khác cho chỉ định này."),
            advice=_("So với bản đang lưu rồi lưu lại nếu bản của bạn đúng."),
        )


async def gather(tx: Transaction, who: Subject, order_id: str) -> Reading:
    """Read what the screen of an imaging order shows.

    Raises:
        NotFound: no such order, or it is not for imaging.
    """
    order = await store.read(tx, who, r4.ServiceRequest, order_id)
    if not any(code_of(one) == IMAGING for one in order.category or []):
        raise Conflict(_("Chỉ định này không thuộc chẩn đoán hình ảnh."))
    visit = await store.read(tx, who, r4.Encounter, id_of(order.encounter) or "?")
    patient = await store.read(tx, who, r4.Patient, id_of(order.subject) or "?")
    mine = {"patient": f"Patient/{patient.id}"}
    category = f"{systems.OBSERVATION_CATEGORY}|{IMAGING}"
    siblings = await store.search(
        tx, who, r4.ServiceRequest, {**mine, "encounter": f"Encounter/{visit.id}", "category": category}
    )
    based = f"ServiceRequest/{order.id}"
    reports = await store.search(tx, who, r4.DiagnosticReport, {**mine, "based-on": based})
    found = await store.search(tx, who, r4.Observation, {**mine, "based-on": based})
    past = await store.search(
        tx, who, r4.DiagnosticReport,
        {**mine, "category": f"{systems.DIAGNOSTIC_SERVICE}|RAD", "status": "final,corrected,amended",
         "_sort": "-date", "_count": PAST_SHOWN},
    )  # fmt: skip
    conditions = await store.search(tx, who, r4.Condition, {**mine, "encounter": f"Encounter/{visit.id}"})
    allergies = await store.search(tx, who, r4.AllergyIntolerance, {**mine, "_count": "50"})
    standing = [one for one in allergies.resources if code_of(one.verificationStatus) not in GONE | {"refuted"}]
    places = await orders.rooms(tx, who, IMAGING)
    report = next((one for one in reports.resources if one.status not in GONE), None)
    letters = (Interaction.UPDATE, Interaction.PRINT)
    return Reading(
        order=order, visit=visit, patient=patient, report=report,
        may=await store.may_now(tx, who, "DiagnosticReport", report.id or "", *letters) if report else frozenset(),
        findings=next((one for one in found.resources if one.status not in GONE), None),
        siblings=sorted(
            (one for one in siblings.resources if one.status in ("active", "completed")),
            key=orders.in_time,
        ),
        past=[one for one in past.resources if not any(id_of(basis) == order.id for basis in one.basedOn or [])],
        tickets=await orders.tickets_of(tx, who, [visit.id], places),
        rooms=places,
        allergies=[name for one in standing if (name := display_of(one.code))],
        allergies_known=bool(standing),
        diagnoses=[name for one in conditions.resources if (name := display_of(one.code))],
    )  # fmt: skip


async def save_draft(tx: Transaction, who: Subject, reading: Reading, text: Text, version: str) -> bool:
    """Keep the text as preliminary; gives whether anything changed.

    Raises:
        Clash: somebody else wrote in the meantime, or released it.
    """
    return await _write(tx, who, reading, text, version, DRAFT)


async def release(tx: Transaction, who: Subject, reading: Reading, text: Text, version: str) -> bool:
    """Give the report to the doctor: report final, order done, ticket closed. Twice changes nothing.

    Raises:
        Invalid: findings or conclusion are empty, or places of a template ("…") are not filled in.
        Clash: somebody else wrote in the meantime.
    """
    _must_be_whole(text)
    changed = await _write(tx, who, reading, text, version, FINAL)
    if changed:
        await orders.complete(tx, who, [reading.order], reading.siblings)
    return changed


async def correct(tx: Transaction, who: Subject, reading: Reading, text: Text, version: str, reason: str) -> bool:
    """Change a released report: a new version with status corrected and the reason; the former one stays.

    Raises:
        Conflict: nothing is released; Invalid: no reason, or not whole; Clash.
    """
    if not reading.released or reading.report is None:
        raise Conflict(_("Chỉ sửa được kết quả đã trả."), advice=_("Kết quả chưa trả thì viết và lưu như thường."))
    if len(reason.split()) < 2:
        raise Invalid(_("Ghi lý do sửa kết quả"), where="reason")
    _must_be_whole(text)
    return await _write(tx, who, reading, text, version, CORRECTED, reason)


def begin_from(text: Text, template: Normal) -> Text:
    """A normal report put where nothing is written, or where another one still stands untouched.

    What the reader wrote herself is never replaced.
    """

    def begun(written: str, name: str) -> str:
        untouched = written in {"", *(getattr(one, name) for one in NORMAL)}
        return str(getattr(template, name)) if untouched else written

    return Text(*(begun(getattr(text, name), name) for name in ("technique", "findings", "conclusion")))


def _must_be_whole(text: Text) -> None:
    for name, said, what in (
        ("findings", text.findings, _("Nhập mô tả hình ảnh")),
        ("conclusion", text.conclusion, _("Nhập kết luận")),
    ):
        if not said:
            raise Invalid(what, where=name)
        if n := blanks(said):
            raise Invalid(_("Còn %(n)s chỗ “…” của mẫu chưa điền", n=n), where=name)


async def _write(
    tx: Transaction, who: Subject, reading: Reading, text: Text, version: str, status: str, reason: str = ""
) -> bool:
    if reading.report is None and not text:
        return False
    if text == reading.text and reading.report is not None and (reading.report.status == status or reading.released):
        return False
    if version != reading.version or (reading.released and status != CORRECTED):
        raise Clash
    at = clock.now()
    kept = await _write_findings(tx, who, reading, text, status, at, reason)
    report = _report(who, reading, text, status, at, kept)
    if reading.report is None:
        await store.create(tx, who, report)
    else:
        await store.update(tx, who, report, if_match=version_of(reading.report))
    return True


async def _write_findings(
    tx: Transaction, who: Subject, reading: Reading, text: Text, status: str, at: datetime, reason: str
) -> r4.Observation:
    stored = reading.findings
    blank = observation(
        reading.patient.id or "", reading.visit.id or "", reading.order.code or r4.CodeableConcept(text=reading.title),
        IMAGING, _done(reading, at), performer=[orders.writer(who)],
    )  # fmt: skip
    notes = list(stored.note or []) if stored else []
    if reason:
        said = f"Sửa kết quả: {reason}"
        notes.append(r4.Annotation(authorReference=orders.writer(who), time=stamp(at), text=said))
    record = msgspec.structs.replace(
        blank,
        id=stored.id if stored else _id(reading.order.id or "", "mo-ta"),
        meta=stored.meta if stored else None,
        basedOn=[r4.Reference(reference=f"ServiceRequest/{reading.order.id}")],
        status=status,
        issued=clock.fhir_instant(at),
        valueString=text.findings or None,
        method=r4.CodeableConcept(text=text.technique) if text.technique else None,
        note=notes or None,
    )
    if stored is None:
        return await store.create(tx, who, record)
    return await store.update(tx, who, record, if_match=version_of(stored))


def _report(
    who: Subject, reading: Reading, text: Text, status: str, at: datetime, findings: r4.Observation
) -> r4.DiagnosticReport:
    stored, by = reading.report, orders.writer(who)
    return r4.DiagnosticReport(
        id=stored.id if stored else _id(reading.order.id or "", "kq"),
        meta=stored.meta if stored else None,
        basedOn=[r4.Reference(reference=f"ServiceRequest/{reading.order.id}")],
        status=status,
        category=[concept(systems.DIAGNOSTIC_SERVICE, "RAD", "Chẩn đoán hình ảnh")],
        code=reading.order.code or r4.CodeableConcept(text=reading.title),
        subject=r4.Reference(reference=f"Patient/{reading.patient.id}", display=reading.name),
        encounter=r4.Reference(reference=f"Encounter/{reading.visit.id}"),
        effectiveDateTime=stamp(_done(reading, at)),
        issued=clock.fhir_instant(at),
        performer=(stored.performer if stored else None) or [by],
        resultsInterpreter=[by] if status != DRAFT else None,
        result=[store.reference(findings)],
        conclusion=text.conclusion or None,
    )


def _done(reading: Reading, at: datetime) -> datetime:
    """When the picture was taken: as recorded, else when the person was served, else now."""
    kept = reading.report.effectiveDateTime if reading.report else None
    begun = reading.ticket.executionPeriod.start if reading.ticket and reading.ticket.executionPeriod else None
    return moment(kept) or moment(begun) or at


def _id(order: str, part: str) -> str:
    """The id of a record of an order: the same whoever makes it, so that nothing is made twice."""
    whole = f"{order}-{part}"
    return whole if len(whole) <= 64 else f"{blake2b(order.encode(), digest_size=12).hexdigest()}-{part}"


def left(siblings: Sequence[r4.ServiceRequest]) -> int:
    """How many orders of the visit still wait for their report."""
    return sum(one.status == "active" for one in siblings)
