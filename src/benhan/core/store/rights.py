"""Requests of patients about their data, as FHIR Communications from her to the facility, in the caller's transaction.

Written, and for the office read, by the program's service in the name of who asks: the office answers everybody's
request, whatever labels her record carries, and sees nothing else of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

import msgspec

from benhan.core.access import Permission, Role, Subject
from benhan.core.access.audit import Event, record
from benhan.core.access.labels import SENSITIVITY
from benhan.core.access.rights import OPEN, REASONS, STEPS, Deadlines, Kind, State, Step, deadlines
from benhan.core.access.vocabulary import RESTRICTED
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.moments import moment_range
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid, NotFound
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.core.store.consents import acting_for
from benhan.core.store.read import read, read_many
from benhan.core.store.search import search
from benhan.core.store.write import create, update

#: Requests on the office's list at most.
MOST: Final = 1000
MOST_WORDS: Final = 4000


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it stands."""

    id: str
    patient: str
    kind: Kind
    state: State
    filed: datetime
    words: str
    #: Filed by staff for her.
    at_desk: bool
    reason: str
    #: What was answered, by whom and when, the first first.
    notes: tuple[tuple[str, datetime | None, str], ...]

    @property
    def deadlines(self) -> Deadlines:
        """Until when the law wants it answered and done."""
        return deadlines(self.kind, clock.local(self.filed).date())

    def late(self, on: date) -> bool:
        """Whether its next deadline is over."""
        due = self.deadlines.next(self.state)
        return due is not None and due.day < on


async def file(tx: Transaction, who: Subject, patient: str, kind: Kind, words: str) -> Request:
    """File a request: the patient on her own page, or staff for her.

    Raises:
        Forbidden: neither of them; Invalid: no words; Conflict: the same is open already.
    """
    at_desk = _filing(who, patient)
    if not words.strip() or len(words) > MOST_WORDS:
        raise Invalid(_("Ghi rõ yêu cầu, tối đa %(n)s ký tự.", n=MOST_WORDS), where="words")
    if any(one.kind is kind and one.state in OPEN for one in await of_patient(tx, acting_for(who), patient)):
        raise Conflict(_("Yêu cầu này đang được xử lý."), advice=_("Chờ trả lời, hoặc rút yêu cầu cũ."))
    at, subject = clock.fhir_instant(clock.now()), r4.Reference(reference=f"Patient/{patient}")
    kept = await create(
        tx, acting_for(who),
        r4.Communication(
            status=State.FILED, subject=subject, sender=subject, sent=at, received=at,
            category=[r4.CodeableConcept(coding=[r4.Coding(system=systems.RIGHTS, code=kind)])],
            medium=[r4.CodeableConcept(coding=[r4.Coding(system=systems.RIGHTS, code="desk")])] if at_desk else None,
            payload=[r4.CommunicationPayload(contentString=words.strip())],
        ),
    )  # fmt: skip
    _trace(tx, who, Step.FILE, kept.id or "", patient, kind)
    return request_of(kept)


async def step(
    tx: Transaction, who: Subject, id_: str, what: Step, text: str, reason: str | None = None
) -> Request:  # fmt: skip
    """The office takes a step: `text` is what the patient reads. A restriction closes her record with the commit.

    Raises:
        Forbidden: not the office; Invalid: no text, or a reason that no law gives for this kind;
        Conflict: the request is past this step; NotFound.
    """
    if not who.may(Permission.ANSWER_REQUESTS) or what in (Step.FILE, Step.TAKE_BACK):
        raise Forbidden(_("Chỉ bộ phận phụ trách dữ liệu cá nhân trả lời yêu cầu của người bệnh."))
    kept = await _kept(tx, who, id_)
    found = request_of(kept)
    if not text.strip() or len(text) > MOST_WORDS:
        raise Invalid(_("Ghi câu trả lời cho người bệnh, tối đa %(n)s ký tự.", n=MOST_WORDS), where="text")
    if what is Step.REFUSE and (reason not in REASONS or found.kind not in REASONS[reason or ""].kinds):
        raise Invalid(_("Chọn lý do luật cho phép từ chối yêu cầu này."), where="reason")
    made = await _moved(tx, who, kept, what, text, reason if what is Step.REFUSE else None)
    if what is Step.DO and found.kind is Kind.RESTRICT:
        await _label(tx, who, found.patient, closed=True)
    return made


async def take_back(tx: Transaction, who: Subject, patient: str, id_: str) -> Request:
    """The patient takes her request back, or staff for her.

    Raises:
        Forbidden, NotFound; Conflict: it is over.
    """
    _filing(who, patient)
    kept = await _kept(tx, who, id_)
    if request_of(kept).patient != patient:
        raise NotFound(_("Người bệnh này không có yêu cầu đó."))
    return await _moved(tx, who, kept, Step.TAKE_BACK, "", None)


async def end_restriction(tx: Transaction, who: Subject, patient: str) -> None:
    """Open a restricted record again, on the patient's wish.

    Raises:
        Forbidden: neither the patient nor staff who file for her.
    """
    _filing(who, patient)
    await _label(tx, who, patient, closed=False)


async def of_patient(tx: Transaction, who: Subject, patient: str) -> list[Request]:
    """A patient's requests as far as the caller may see them, the newest first."""
    page = await search(tx, who, r4.Communication, {"subject": f"Patient/{patient}", **_OURS, "_count": "200"})
    return [request_of(one) for one in page.resources]


async def worklist(tx: Transaction, who: Subject, states: Sequence[State]) -> list[tuple[Request, r4.Patient | None]]:
    """The requests in these states with their patients: what is overdue first, then by the next deadline.

    Raises:
        Forbidden: the caller does not answer requests.
    """
    if not who.may(Permission.ANSWER_REQUESTS):
        raise Forbidden(_("Chỉ bộ phận phụ trách dữ liệu cá nhân xem danh sách yêu cầu."))
    acting = acting_for(who)
    page = await search(tx, acting, r4.Communication, {"status": ",".join(states), **_OURS, "_count": str(MOST)})
    found = sorted((request_of(one) for one in page.resources), key=_order)
    people = await read_many(tx, acting, r4.Patient, {one.patient for one in found})
    return [(one, people.get(one.patient)) for one in found]


async def request(tx: Transaction, who: Subject, id_: str) -> tuple[Request, r4.Patient]:
    """One request and its patient, for the office.

    Raises:
        Forbidden: the caller does not answer requests; NotFound.
    """
    if not who.may(Permission.ANSWER_REQUESTS):
        raise Forbidden(_("Chỉ bộ phận phụ trách dữ liệu cá nhân xem yêu cầu."))
    found = request_of(await _kept(tx, who, id_))
    return found, await read(tx, acting_for(who), r4.Patient, found.patient)


def is_restricted(person: r4.Patient) -> bool:
    """Whether her record is closed to uses other than care."""
    return any(one.code == RESTRICTED for one in (person.meta and person.meta.security) or ())


def request_of(kept: r4.Communication) -> Request:
    """A Communication read as a request.

    Raises:
        NotFound: it is none of ours.
    """
    codes = {
        one.code or "" for place in kept.category or () for one in place.coding or () if one.system == systems.RIGHTS
    }
    kind = next((Kind(code) for code in codes if code in set(Kind)), None)
    if kind is None or kept.status not in set(State) or not kept.sent:
        raise NotFound(_("Không có yêu cầu này."))
    reasons = (kept.statusReason and kept.statusReason.coding) or [r4.Coding()]
    return Request(
        id=kept.id or "", kind=kind, state=State(kept.status), filed=moment_range(kept.sent)[0],
        patient=((kept.subject and kept.subject.reference) or "").removeprefix("Patient/"),
        words=(kept.payload[0].contentString or "") if kept.payload else "", at_desk=bool(kept.medium),
        reason=reasons[0].code or "",
        notes=tuple(
            (one.text or "", moment_range(one.time)[0] if one.time else None, one.authorString or "")
            for one in kept.note or ()
        ),
    )  # fmt: skip


_OURS: Final = {"category": f"{systems.RIGHTS}|"}


def _order(one: Request) -> tuple[bool, date, datetime]:
    due = one.deadlines.next(one.state)
    return not one.late(clock.today()), due.day if due else date.max, one.filed


def _filing(who: Subject, patient: str) -> bool:
    """Whether staff file it (True) or she herself (False); nobody else does."""
    if who.program is None and Role.PATIENT in who.roles and who.patient == patient:
        return False
    if who.may(Permission.CONSENTS):
        return True
    raise Forbidden(_("Chỉ người bệnh, hoặc nhân viên thay người bệnh, gửi yêu cầu."))


async def _kept(tx: Transaction, who: Subject, id_: str) -> r4.Communication:
    return await read(tx, acting_for(who), r4.Communication, id_)


async def _moved(
    tx: Transaction, who: Subject, kept: r4.Communication, what: Step, text: str, reason: str | None
) -> Request:  # fmt: skip
    found = request_of(kept)
    state = STEPS.get((found.state, what))
    if state is None:
        raise Conflict(_("Yêu cầu này đã xong, không làm thêm được."))
    said = r4.Annotation(text=text.strip(), time=clock.fhir_instant(clock.now()), authorString=who.name)
    why = r4.CodeableConcept(coding=[r4.Coding(system=systems.RIGHTS, code=reason)]) if reason else None
    moved = msgspec.structs.replace(
        kept, status=state, statusReason=why, note=[*(kept.note or ()), said] if text.strip() else kept.note
    )
    made = await update(tx, acting_for(who), moved, if_match=kept.meta.versionId if kept.meta else None)
    _trace(tx, who, what, found.id, found.patient, f"{found.kind}{f' {reason}' if reason else ''}")
    return request_of(made)


async def _label(tx: Transaction, who: Subject, patient: str, *, closed: bool) -> None:
    """Close or open a record to uses other than care, by a label that the rules know."""
    acting = acting_for(who)
    person = await read(tx, acting, r4.Patient, patient)
    if is_restricted(person) is closed:
        return
    meta = person.meta or r4.Meta()
    others = [one for one in meta.security or () if one.code != RESTRICTED]
    ours = [r4.Coding(system=SENSITIVITY, code=RESTRICTED)] if closed else []
    labelled = msgspec.structs.replace(meta, security=[*others, *ours] or None)
    await update(tx, acting, msgspec.structs.replace(person, meta=labelled), if_match=meta.versionId)
    _trace(tx, who, "restriction-begun" if closed else "restriction-ended", patient, patient, "restrict", "Patient")


def _trace(
    tx: Transaction, who: Subject, action: str, id_: str, patient: str, rule: str, type_: str = "Communication"
) -> None:  # fmt: skip
    record(tx, who, Event(action, type_, id_, patient, rule=rule))
