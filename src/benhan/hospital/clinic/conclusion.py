"""The conclusion: how a visit ends, the doctor's signature of its exact content, addenda, and checking a signature.

Everything happens in one transaction: outcome, codes of the prescriptions, signed note, next appointment, ticket,
signature. Source: TT 13/2025/TT-BYT (signed records are only added to); TT 26/2025/TT-BYT (prescription codes).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

import msgspec

from benhan.core import store
from benhan.core.access import Interaction, Subject, signature
from benhan.core.access.accounts import confirm_password
from benhan.core.access.audit import Event, record
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid, VersionConflict
from benhan.core.kit.clock import now, today, vn_date, vn_time
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital import admission, papers, remote_paper, signing
from benhan.hospital import visit as words
from benhan.hospital.clinic import conclusion_appointment as appointment
from benhan.hospital.clinic import conclusion_rules, note, prescribing, rules
from benhan.hospital.clinic import prescribing_lines as lines
from benhan.hospital.clinic import prescribing_rules as limits
from benhan.hospital.clinic.conclusion_rules import Content, Decision
from benhan.hospital.writing import clean

#: How often a prescription code is drawn before we say that something is wrong with the dice.
DRAWS = 5
#: Results that a signature can cover; more than any outpatient visit has.
MOST_RESULTS = "300"


#: The section that signing adds to the note.
OUTCOME_SECTION = "Xử trí"


class WrongPassword(Invalid):
    """422: the password is not the signer's; nothing was written."""

    def __init__(self) -> None:
        super().__init__(_("Mật khẩu không đúng. Chưa ký."), where="password")


class Incomplete(Invalid):
    """422: something is still missing."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__(_("Còn thiếu: %(what)s", what=", ".join(missing)))


class ChangedMeanwhile(VersionConflict):
    """412: the visit is not what it was when the page was shown; `changes` says what is different."""

    def __init__(self, changes: list[str]) -> None:
        super().__init__(
            _("Nội dung đã thay đổi từ lúc mở trang ký: %(what)s", what="; ".join(changes)),
            advice=_("Xem lại rồi ký."),
        )
        self.changes = changes


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A signature, checked: whether the signed versions still give its hash, and what has newer versions."""

    signed: signature.Signed
    intact: bool
    newer: list[str]
    addendum: bool = False
    text: str = ""


class ConclusionBar(msgspec.Struct, frozen=True, kw_only=True):
    """The bottom of the consultation page: what is missing, or who signed."""

    visit: str
    closed: bool
    missing: list[str]
    cautions: list[str]
    signed: signature.Signed | None = None
    lines: int = 0
    may_print: bool = True


def closed(visit: r4.Encounter, written: r4.Composition | None = None) -> bool:
    """A visit that ended or is signed: it is only added to."""
    return rules.closed(visit, written)


async def content(tx: Transaction, who: Subject, visit: r4.Encounter) -> Content:
    """Everything of a visit that a signature covers.

    Raises:
        Forbidden: `who` may not read it.
    """
    held = await prescribing.draft(tx, who, visit)
    here = {"encounter": f"Encounter/{visit.id}"}
    conditions = await store.search(tx, who, r4.Condition, {**here, "_count": "50"})
    measured = await store.search(tx, who, r4.Observation, {**here, "_count": MOST_RESULTS})
    reports = await store.search(tx, who, r4.DiagnosticReport, {**here, "_count": "50"})
    orders = await store.search(tx, who, r4.ServiceRequest, {**here, "_count": "100"})
    results: list[r4.Observation | r4.DiagnosticReport] = [*measured.resources, *reports.resources]
    return Content(
        visit=visit,
        note=held.note,
        conditions=[one for one in conditions.resources if rules.is_live(one)],
        requests=held.requests,
        results=[one for one in results if one.status not in ("entered-in-error", "cancelled")],
        orders=orders.resources,
        against=[
            warned
            for request in held.requests
            if (medicine := held.known.get((line := lines.line(request)).code)) and not line.reason
            for warned in held.warnings(medicine, request.id)
            if warned.blocks
        ],
        weight=await prescribing.missing_weight(tx, who, held),
        compared=await remote_paper.of_visit(tx, who, visit),
    )


async def bar(tx: Transaction, who: Subject, visit: r4.Encounter) -> ConclusionBar:
    """What the bottom of the consultation page shows."""
    found = await content(tx, who, visit)
    ended = rules.closed(visit, found.note)
    signed = next((one for one, _made in await signatures(tx, who, visit)), None) if ended else None
    return ConclusionBar(
        visit=visit.id or "",
        closed=ended,
        missing=[] if ended else conclusion_rules.missing(found),
        cautions=[] if ended else conclusion_rules.cautions(found),
        signed=signed,
        lines=len(found.requests),
        may_print=await may_print(tx, who, visit),
    )


async def may_print(tx: Transaction, who: Subject, visit: r4.Encounter) -> bool:
    """Whether the papers of the visit may be printed by her now."""
    return bool(await store.may_now(tx, who, "Encounter", visit.id or "", Interaction.PRINT))


async def sign(
    tx: Transaction, who: Subject, visit_id: str, decision: Decision, seen: str, password: str
) -> r4.Encounter:
    """End the visit as decided and sign its content. A visit that is signed already is given back (double click).

    Raises:
        Incomplete, WrongPassword, Invalid: nothing is written; ChangedMeanwhile: the content is not what was `seen`.
        Conflict: the visit ended without a signature (cancelled).
    """
    found = await content(tx, who, await prescribing.open_visit(tx, who, visit_id))
    if found.note is not None and rules.closed(found.visit, found.note) and found.note.status == "final":
        return found.visit
    rules.must_be_open(found.visit, found.note)
    if different := conclusion_rules.changes(seen, found):
        raise ChangedMeanwhile(different)
    if lacking := conclusion_rules.missing(found):
        raise Incomplete(lacking)
    for field, message in conclusion_rules.incomplete(decision, today()):
        raise Invalid(message, where=field)
    if not await confirm_password(tx, who, password):
        raise WrongPassword
    async with tx.savepoint():
        return await _conclude(tx, who, found, decision, now())


async def _conclude(tx: Transaction, who: Subject, found: Content, decision: Decision, at: datetime) -> r4.Encounter:
    # The visit first: if somebody else wrote it meanwhile, nothing at all has been written yet.
    visit = await store.update(tx, who, _ended(found.visit, decision, at), if_match=version_of(found.visit))
    next_visit = None
    if decision.outcome == "revisit" and decision.revisit:
        next_visit = await appointment.make(tx, who, visit, decision.revisit, decision.slot)
    requests = await _issued(tx, who, found.requests, at)
    signed = await _signed_note(tx, who, found, requests, _words(decision, next_visit), at)
    records = [visit, signed, *found.conditions, *requests, *found.results]
    await _sign(tx, who, visit, records, at)
    await _leave_queue(tx, who, visit, at)
    if decision.outcome == "admit":
        await _ask_for_a_bed(tx, who, visit, found, decision)
    kinds = [papers.VISIT_SHEET, *([papers.PRESCRIPTION] if requests else [])]
    await signing.expect(tx, who, visit, kinds)
    return visit


async def _ask_for_a_bed(
    tx: Transaction, who: Subject, visit: r4.Encounter, found: Content, decision: Decision
) -> None:
    """On the waiting list of the ward, unless she is on one, or lies here, already."""
    patient = words.id_of(visit.subject) or ""
    if visit.subject is None or await admission.open_stay(tx, who, patient):
        return
    main = sorted(found.conditions, key=lambda one: words.display_of(one.code))
    await admission.ask(tx, who, admission.Request(
        patient=visit.subject,
        department=r4.Reference(reference=f"Organization/{decision.department}", display=decision.department_name),
        source="emd" if visit.class_.code == "EMER" else "outp",
        reason="; ".join(words.display_of(one.code) for one in main),
        urgency="EM" if visit.class_.code == "EMER" else "R",
        conditions=[store.reference(one) for one in main],
        visit=words.identifier(visit, systems.VISIT_NUMBER) or "",
    ))  # fmt: skip


async def addenda(tx: Transaction, who: Subject, visit: r4.Encounter) -> list[r4.Composition]:
    """What was added to the note after it was signed, oldest first."""
    page = await store.search(tx, who, r4.Composition, {"encounter": f"Encounter/{visit.id}", "_count": "50"})
    added = [one for one in page.resources if one.relatesTo and one.status == "final"]
    return sorted(added, key=lambda one: one.date or "")


async def add(tx: Transaction, who: Subject, visit_id: str, text: str, password: str) -> r4.Composition:
    """Add to a signed visit, signed the same way. The same words a second time (a double click) give the first.

    Raises:
        Invalid, WrongPassword: nothing is written; Conflict: the visit is not signed, so its note is still open.
    """
    visit = await prescribing.open_visit(tx, who, visit_id)
    written = await note.find(tx, who, visit)
    if written is None or written.status != "final":
        raise Conflict(_("Lượt khám chưa ký: sửa ngay trong phiếu khám."))
    if not (said := clean(text)):
        raise Invalid(_("Ghi nội dung bổ sung"), where="text")
    for one in await addenda(tx, who, visit):
        if addendum_text(one) == said:
            return one
    if not await confirm_password(tx, who, password):
        raise WrongPassword
    at = now()
    made = await store.create(tx, who, _addendum(who, visit, written, said, at))
    await _sign(tx, who, visit, [made], at)
    await signing.expect(tx, who, visit, [papers.VISIT_SHEET])
    return made


def addendum_text(addendum: r4.Composition) -> str:
    """What an addendum says."""
    return "\n".join(words.plain(section.text) for section in addendum.section or [])


async def signatures(
    tx: Transaction, who: Subject, visit: r4.Encounter
) -> list[tuple[signature.Signed, r4.Provenance]]:
    """The signatures of a visit, oldest first: its own, then those of addenda."""
    page = await store.search(tx, who, r4.Provenance, {"target": f"Encounter/{visit.id}", "_count": "50"})
    found = [(signed, one) for one in page.resources if (signed := signature.read(one)) is not None]
    return sorted(found, key=lambda pair: pair[0].when)


async def verify(tx: Transaction, who: Subject, visit: r4.Encounter) -> list[Verdict]:
    """Every signature of the visit, its hash taken again over the signed versions."""
    added = {f"Composition/{one.id}": one for one in await addenda(tx, who, visit)}
    verdicts = []
    for signed, _made in await signatures(tx, who, visit):
        records, newer = await as_signed(tx, who, signed)
        mine = next((added[name] for name in map(_unversioned, signed.records) if name in added), None)
        verdicts.append(
            Verdict(
                signed=signed,
                intact=await asyncio.to_thread(signing.holds, signed, records),
                newer=newer,
                addendum=mine is not None,
                text=addendum_text(mine) if mine else "",
            )
        )
    return verdicts


async def as_signed(tx: Transaction, who: Subject, signed: signature.Signed) -> tuple[list[r4.Resource], list[str]]:
    """The signed versions, and what those that changed since are called."""
    records, newer = [], []
    for name in signed.records:
        type_name, id_, _history, version = name.split("/")
        states = await store.history(tx, who, codec.resource_type(type_name), id_)
        then = next((one for one in states if str(one.version) == version and one.body is not None), None)
        if then is None or then.body is None:
            newer.append(name)
            continue
        record = codec.decode(then.body)
        records.append(record)
        if str(states[0].version) != version:
            newer.append(conclusion_rules.title(record))
    return records, newer


async def _sign(
    tx: Transaction, who: Subject, visit: r4.Encounter, records: Sequence[r4.Resource], at: datetime
) -> r4.Provenance:
    made = signature.provenance(
        conclusion_rules.order(records),
        account=who.account,
        signer=note.writer(who),
        when=at.isoformat(timespec="milliseconds"),
        about=[r4.Reference(reference=f"Encounter/{visit.id}"), visit.subject or r4.Reference()],
    )
    kept = await store.create(tx, who, made)
    patient = (visit.subject.reference or "").removeprefix("Patient/") if visit.subject else None
    signed = ", ".join(f"{codec.type_name(one)}/{one.id}" for one in records)
    record(tx, who, Event("sign", "Provenance", kept.id, patient, rule="password", detail=signed))
    return kept


def _ended(visit: r4.Encounter, decision: Decision, at: datetime) -> r4.Encounter:
    destination = None
    if decision.outcome == "admit":
        destination = r4.Reference(reference=f"Organization/{decision.department}", display=decision.department_name)
    elif decision.outcome == "refer":
        destination = r4.Reference(display=decision.place)
    period = msgspec.structs.replace(visit.period or r4.Period(), end=words.stamp(at))
    hospitalization = r4.EncounterHospitalization(
        dischargeDisposition=words.concept(systems.OUTCOME, decision.outcome, words.OUTCOMES[decision.outcome]),
        destination=destination,
    )
    ended = words.in_state(visit, "finished", at)
    return msgspec.structs.replace(ended, period=period, hospitalization=hospitalization)


async def _issued(
    tx: Transaction, who: Subject, requests: Sequence[r4.MedicationRequest], at: datetime
) -> list[r4.MedicationRequest]:
    """The lines in force, each on the prescription of its kind, with that prescription's code."""
    codes = {kind: await _free_code(tx, who, kind) for kind in limits.by_kind([lines.kind_of(one) for one in requests])}
    issued = []
    for request in requests:
        code = r4.Identifier(system=systems.PRESCRIPTION_CODE, value=codes[lines.kind_of(request)])
        active = msgspec.structs.replace(request, status="active", groupIdentifier=code, authoredOn=words.stamp(at))
        issued.append(await store.update(tx, who, active, if_match=version_of(request)))
    return issued


async def _free_code(tx: Transaction, who: Subject, kind: str) -> str:
    for _draw in range(DRAWS):
        code = limits.new_code(who.facility_code, kind)
        token = f"{systems.PRESCRIPTION_CODE}|{code}"
        if await store.first(tx, who, r4.MedicationRequest, {"group-identifier": token}) is None:
            return code
    raise Conflict(_("Không tạo được mã đơn thuốc duy nhất."), advice=_("Thử lại; nếu vẫn gặp, báo phòng CNTT."))


async def _signed_note(
    tx: Transaction,
    who: Subject,
    found: Content,
    requests: Sequence[r4.MedicationRequest],
    said: str,
    at: datetime,
) -> r4.Composition:
    assert found.note is not None
    me = note.writer(who)
    section = r4.CompositionSection(
        title=OUTCOME_SECTION,
        code=r4.CodeableConcept(text=OUTCOME_SECTION),
        author=[me],
        text=words.narrative(said),
        entry=[store.reference(one) for one in (*found.conditions, *requests, *found.results)] or None,
    )
    attester = r4.CompositionAttester(mode="legal", time=words.stamp(at), party=me if me.reference else None)
    final = msgspec.structs.replace(
        found.note,
        status="final",
        date=words.stamp(at),
        section=[*(found.note.section or []), section],
        attester=[attester],
    )
    return await store.update(tx, who, final, if_match=version_of(found.note))


def _addendum(who: Subject, visit: r4.Encounter, written: r4.Composition, text: str, at: datetime) -> r4.Composition:
    me = note.writer(who)
    return r4.Composition(
        status="final",
        type=words.concept(systems.LOINC, words.NOTE, "Phiếu khám bệnh"),
        subject=visit.subject,
        encounter=store.reference(visit),
        date=words.stamp(at),
        author=[me],
        title="Bổ sung phiếu khám bệnh",
        relatesTo=[r4.CompositionRelatesTo(code="appends", targetReference=store.reference(written))],
        attester=[r4.CompositionAttester(mode="legal", time=words.stamp(at), party=me if me.reference else None)],
        section=[r4.CompositionSection(title="Bổ sung", author=[me], text=words.narrative(text))],
    )


async def _leave_queue(tx: Transaction, who: Subject, visit: r4.Encounter, at: datetime) -> None:
    """The ticket of the doctor's room is done, and the booking fulfilled; tickets of other rooms stay as they are."""
    page = await store.search(tx, who, r4.Task, {"encounter": f"Encounter/{visit.id}", "_count": "20"})
    room = words.id_of(visit.location[0].location) if visit.location else None
    open_ = (words.WAITING, words.CALLED, words.SERVED, words.SKIPPED)
    for ticket in page.resources:
        if ticket.status in open_ and words.id_of(ticket.location) == room:
            done = msgspec.structs.replace(ticket, status=words.DONE, lastModified=words.stamp(at))
            await store.update(tx, who, done, if_match=version_of(ticket))
    for reference in visit.appointment or []:
        booking = await store.read(tx, who, r4.Appointment, words.id_of(reference) or "")
        if booking.status in ("booked", "arrived", "checked-in"):
            fulfilled = msgspec.structs.replace(booking, status="fulfilled")
            await store.update(tx, who, fulfilled, if_match=version_of(booking))


def _words(decision: Decision, next_visit: r4.Appointment | None) -> str:
    when = ""
    if decision.revisit:
        when = vn_date(decision.revisit)
        if next_visit is not None and next_visit.start:
            when = f"{vn_time(next_visit.start)} {when}"
    return conclusion_rules.said(decision, f"ngày {when}" if when else "")


def _unversioned(name: str) -> str:
    return name.partition("/_history/")[0]
