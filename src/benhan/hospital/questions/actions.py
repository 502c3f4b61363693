"""Asking and answering: a question is a FHIR Communication, every further line one that is `partOf` it.

Who writes does it by the program's service in her own name, after the policy let her read the patient (staff) or the
thread (the patient's side). What a doctor calls an assessment becomes a signed Composition of the record, under the
rules of every other document. Source: docs/adr/0023.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec

from benhan.core import store
from benhan.core.access import Interaction, Permission, Role, Subject, may, signature
from benhan.core.access.accounts import confirm_password
from benhan.core.access.acting import KIND_NAMES
from benhan.core.access.audit import Event, record
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid, NotFound
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.core.vault import keys_of
from benhan.hospital import emergency
from benhan.hospital.questions import roster, rules
from benhan.hospital.questions.rules import LINE, QUESTION, Line, Question, Registered, State
from benhan.hospital.visit import NOTE, concept, full_name, narrative, stamp
from benhan.hospital.weekly import Session

#: What a list shows at most, and a thread.
MOST: Final = "500"
OPEN: Final = ",".join(one for one in State if one is not State.CLOSED)
#: What a patient or a doctor may send along.
JPEG, PDF = "image/jpeg", "application/pdf"
_OURS: Final = {"category": f"{systems.QUESTION}|{QUESTION}"}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What she asks: of which specialty, about which of her visits (""), in words and pictures."""

    service: str
    words: str
    visit: str = ""
    pictures: tuple[bytes, ...] = ()


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a doctor writes. `files`: kind, name, body. `password`: "" unless she signs it as an assessment."""

    words: str
    files: tuple[tuple[str, str, bytes], ...] = ()
    password: str = ""


class WrongPassword(Invalid):
    """422: the password is not the signer's; nothing was written."""

    def __init__(self) -> None:
        super().__init__(_("Mật khẩu không đúng. Chưa ký, chưa gửi."), where="password")


# The patient's side


async def mine(tx: Transaction, who: Subject) -> list[Question]:
    """The questions about this patient, the newest first.

    Raises:
        Forbidden: she acts for the patient with less than the whole record.
    """
    _patients_side(who)
    asked = {"subject": f"Patient/{who.patient}", **_OURS, "_count": "100"}
    found = (await store.search(tx, who, r4.Communication, asked)).resources
    return sorted(map(rules.question, found), key=lambda one: one.sent, reverse=True)


async def ask(tx: Transaction, who: Subject, asked: Asked, key: str) -> Question:
    """A question, and who has it from now on; `key` names the intention: sent twice it is asked once.

    Raises:
        Forbidden, Invalid; Conflict: as many are open as may be; Problem: too often today.
    """
    _patients_side(who)
    _worded(asked.words)
    behind, id_ = _behind(who), await _id(tx, who, QUESTION, key)
    if made := (await store.read_many(tx, behind, r4.Communication, [id_])).get(id_):
        return rules.question(made)
    if sum(one.state is not State.CLOSED for one in await mine(tx, who)) >= rules.MOST_OPEN:
        raise Conflict(
            _("Bạn đang có %(n)s câu hỏi chưa đóng.", n=rules.MOST_OPEN), advice=_("Đóng bớt câu hỏi đã được trả lời.")
        )
    await _count(tx, who)
    visit = await store.read(tx, who, r4.Encounter, asked.visit) if asked.visit else None
    given, window = await _routed(tx, who, asked.service, _doctor_of(visit))
    person = await store.read(tx, who, r4.Patient, who.patient or "")
    about = [r4.Reference(reference=f"HealthcareService/{given.service}", display=given.specialty)]
    made = await store.create(tx, behind, r4.Communication(
        id=id_, status=State.WAITING, category=[_coded(QUESTION)],
        priority=rules.URGENT if emergency.heard(asked.words) else "routine",
        subject=store.reference(person, full_name(person)), sender=_asker(who, person),
        recipient=[r4.Reference(reference=f"Practitioner/{given.practitioner}", display=given.doctor)],
        about=[*about, store.reference(visit)] if visit else about, sent=_now(), received=_now(),
        extension=[r4.Extension(url=systems.EXTENSION_DUE, valueDateTime=stamp(window.end))],
        payload=await _payload(tx, behind, person.id or "", asked.words, _pictures(asked.pictures)),
    ))  # fmt: skip
    return rules.question(made)


async def read(tx: Transaction, who: Subject, id_: str) -> tuple[Question, list[Line]]:
    """A question of this patient, and all that was written.

    Raises:
        Forbidden, NotFound.
    """
    _patients_side(who)
    found = rules.question(await store.read(tx, who, r4.Communication, id_))
    return found, await _lines(tx, who, found)


async def say_more(
    tx: Transaction, who: Subject, id_: str, words: str, pictures: Sequence[bytes], key: str
) -> Question:
    """She answers what the doctor asked back, or asks on; the doctor owes an answer again.

    Raises:
        Forbidden, NotFound, Invalid; Conflict: it is closed; Problem: too often today.
    """
    found, _said = await read(tx, who, id_)
    _worded(words)
    behind, line = _behind(who), await _id(tx, who, f"{LINE} {id_}", key)
    if line in await store.read_many(tx, behind, r4.Communication, [line]):
        return found
    _must_be_open(found)
    await _count(tx, who)
    window = rules.answered_in(await _sessions(tx, who, found), clock.now())
    person = await store.read(tx, who, r4.Patient, found.patient)
    await _write(tx, behind, found, line, _asker(who, person), words, _pictures(pictures))
    urgent = found.urgent or bool(emergency.heard(words))

    def turned(kept: r4.Communication) -> r4.Communication:
        kept = msgspec.structs.replace(kept, priority=rules.URGENT if urgent else "routine")
        if kept.status in rules.DOCTORS_TURN:  # the house owes an answer since before
            return kept
        kept = _with(kept, systems.EXTENSION_DUE, valueDateTime=stamp(window.end) if window else None)
        return msgspec.structs.replace(kept, status=State.TAKEN, received=_now())

    return rules.question(await store.change(tx, behind, r4.Communication, id_, turned))


async def close(tx: Transaction, who: Subject, id_: str, rating: int | None) -> Question:
    """She needs no more, and says how content she is; a second time it changes the rating alone.

    Raises:
        Forbidden, NotFound.
    """
    await read(tx, who, id_)

    def closed(kept: r4.Communication) -> r4.Communication:
        rated = _with(kept, systems.EXTENSION_RATING, valueInteger=rating) if rating else kept
        return msgspec.structs.replace(rated, status=State.CLOSED)

    return rules.question(await store.change(tx, _behind(who), r4.Communication, id_, closed))


async def file(tx: Transaction, who: Subject, id_: str, file_id: str) -> tuple[str, bytes]:
    """What was sent along: its kind and body. The patient's side and staff who may open the thread.

    Raises:
        Forbidden, NotFound.
    """
    found, lines = await (read if who.patient else opened)(tx, who, id_)
    if file_id not in {one.id for line in [found.first, *lines] for one in line.files}:
        raise NotFound(_("Không có tệp này."))
    kept = (await store.read(tx, _behind(who), r4.DocumentReference, file_id)).content[0].attachment
    return kept.contentType or JPEG, base64.b64decode(kept.data or "")


# The doctors' side


async def inbox(tx: Transaction, who: Subject, *, closed: bool = False) -> list[Question]:
    """The questions that she may open: those that wait for a doctor first, or the closed ones, the latest first.

    Where the policy closes the patient's record to her, that there is one, and nothing of it.

    Raises:
        Forbidden: she answers none.
    """
    _doctors_side(who)
    state = {"status": State.CLOSED, "_sort": "-sent"} if closed else {"status": OPEN}
    found = (await store.search(tx, _behind(who), r4.Communication, {**_OURS, **state, "_count": MOST})).resources
    answering = await roster.everybody(tx, who)
    hers = [one for one in map(rules.question, found) if rules.may_open(who, one, answering)]
    shut = {one for one in {each.patient for each in hers} if not await _may_read(tx, who, one)}
    shown = [rules.covered(one) if one.patient in shut else one for one in hers]
    return shown if closed else rules.in_order(shown)


async def opened(tx: Transaction, who: Subject, id_: str) -> tuple[Question, list[Line]]:
    """A thread, for somebody of the house: the policy lets her read the patient, and it is hers or of her specialty.

    Raises:
        Forbidden, NotFound.
    """
    _doctors_side(who)
    found = rules.question(await store.read(tx, _behind(who), r4.Communication, id_))
    if not rules.may_open(who, found, await roster.everybody(tx, who)):
        raise Forbidden(_("Câu hỏi này được giao cho bác sĩ khác."), advice=_("Nhờ người ấy chuyển cho bạn."))
    await store.read(tx, who, r4.Patient, found.patient)
    record(tx, who, Event("read-question", "Communication", id_, found.patient, rule="given to her"))
    return found, await _lines(tx, _behind(who), found)


async def take(tx: Transaction, who: Subject, id_: str) -> None:
    """It is hers.

    Raises:
        Forbidden, NotFound; Conflict: it is closed, or a colleague has it in hand.
    """
    found, _said = await opened(tx, who, id_)
    _must_be_open(found)
    if found.state is State.TAKEN and found.practitioner != who.practitioner:
        raise Conflict(_("%(who)s đang xem câu hỏi này.", who=found.doctor), advice=_("Nhờ người ấy chuyển cho bạn."))
    me = r4.Reference(reference=f"Practitioner/{who.practitioner}", display=who.name)
    state = State.TAKEN if found.state is State.WAITING else found.state
    await _change(tx, who, found, "question-taken", lambda kept: _given(kept, me, state))


async def hand_over(tx: Transaction, who: Subject, id_: str, practitioner: str) -> None:
    """To a colleague who answers for this specialty.

    Raises:
        Forbidden, NotFound; Invalid: nobody such answers for it; Conflict: it is closed.
    """
    found, _said = await opened(tx, who, id_)
    _must_be_open(found)
    able = {one.practitioner: one for one in await roster.everybody(tx, who) if one.service == found.service}
    if practitioner not in able:
        raise Invalid(_("Chọn một bác sĩ trả lời chuyên khoa này."), where="bac-si")
    to = r4.Reference(reference=f"Practitioner/{practitioner}", display=able[practitioner].doctor)
    state = State.WAITING if found.state is State.TAKEN else found.state
    await _change(tx, who, found, "question-handed", lambda kept: _given(kept, to, state))


async def answer(tx: Transaction, who: Subject, id_: str, said: Answer, key: str) -> None:
    """Answer, or ask back: it is her turn to write then. With a password it is an assessment, signed into the record.

    Raises:
        Forbidden, NotFound, Invalid, WrongPassword: nothing is written; Conflict: closed.
    """
    found, _said = await opened(tx, who, id_)
    behind, line = _behind(who), await _id(tx, who, f"{LINE} {id_}", key)
    if line in await store.read_many(tx, behind, r4.Communication, [line]):
        return
    _must_be_open(found)
    _worded(said.words)
    if said.password and not await confirm_password(tx, who, said.password):
        raise WrongPassword
    me = r4.Reference(reference=f"Practitioner/{who.practitioner}", display=who.name)
    async with tx.savepoint():
        composed = await _assessment(tx, who, found, me, said.words) if said.password else None
        await _write(tx, behind, found, line, me, said.words, said.files, composed)
        await _change(tx, who, found, "question-answered", lambda kept: _given(kept, me, State.ANSWERED))


async def close_for(tx: Transaction, who: Subject, id_: str) -> None:
    """The house closes it.

    Raises:
        Forbidden, NotFound; Conflict: nobody has answered.
    """
    found, lines = await opened(tx, who, id_)
    if not any(one.by == "doctor" for one in lines):
        raise Conflict(_("Chưa ai trả lời câu hỏi này."))
    await _change(
        tx, who, found, "question-closed", lambda kept: msgspec.structs.replace(kept, status=State.CLOSED)
    )  # fmt: skip


# Parts


async def _may_read(tx: Transaction, who: Subject, patient: str) -> bool:
    return bool(await store.may_now(tx, who, "Patient", patient, Interaction.READ))


async def _assessment(tx: Transaction, who: Subject, found: Question, me: r4.Reference, words: str) -> r4.Composition:
    """The signed note: written and signed as herself, so every rule of documents holds (her role, her licence)."""
    at = clock.now()
    about = r4.Reference(reference=f"Patient/{found.patient}", display=found.name)
    made = await store.create(tx, who, r4.Composition(
        status="final", type=concept(systems.LOINC, NOTE, "Nhận định qua câu hỏi"), category=[_coded(QUESTION)],
        subject=about, date=stamp(at), author=[me], title="Nhận định của bác sĩ qua câu hỏi của người bệnh",
        attester=[r4.CompositionAttester(mode="legal", time=stamp(at), party=me)],
        event=[r4.CompositionEvent(detail=[r4.Reference(reference=f"Communication/{found.id}")])],
        section=[
            r4.CompositionSection(title="Câu hỏi", text=narrative(found.first.words)),
            r4.CompositionSection(title="Nhận định", author=[me], text=narrative(words)),
        ],
    ))  # fmt: skip
    signed = await store.create(tx, who, signature.provenance(
        [made], account=who.account, signer=me, when=at.isoformat(timespec="milliseconds"), about=[about]
    ))  # fmt: skip
    record(tx, who, Event(
        "sign", "Provenance", signed.id, found.patient, rule="password", detail=f"Composition/{made.id}"
    ))  # fmt: skip
    return made


async def _write(
    tx: Transaction, behind: Subject, found: Question, id_: str, sender: r4.Reference, words: str,
    files: Sequence[tuple[str, str, bytes]], composed: r4.Composition | None = None,
) -> None:  # fmt: skip
    payload = await _payload(tx, behind, found.patient, words, files)
    if composed:
        payload.append(r4.CommunicationPayload(contentReference=store.reference(composed, composed.title)))
    await store.create(tx, behind, r4.Communication(
        id=id_, status="completed", category=[_coded(LINE)], sender=sender, sent=_now(), payload=payload,
        partOf=[r4.Reference(reference=f"Communication/{found.id}")],
        subject=r4.Reference(reference=f"Patient/{found.patient}", display=found.name),
    ))  # fmt: skip


async def _payload(
    tx: Transaction, behind: Subject, patient: str, words: str, files: Sequence[tuple[str, str, bytes]]
) -> list[r4.CommunicationPayload]:
    """Words, and what is sent along: DocumentReferences of the patient (R5 gave Media's work to them)."""
    kept = [
        await store.create(tx, behind, r4.DocumentReference(
            status="current", subject=r4.Reference(reference=f"Patient/{patient}"), date=_now(),
            content=[r4.DocumentReferenceContent(attachment=r4.Attachment(
                contentType=kind, data=base64.b64encode(body).decode(), title=name
            ))],
        ))
        for kind, name, body in files
    ]  # fmt: skip
    return [
        r4.CommunicationPayload(contentString=words.strip()),
        *(
            r4.CommunicationPayload(contentReference=store.reference(one, one.content[0].attachment.title))
            for one in kept
        ),
    ]


async def _lines(tx: Transaction, who: Subject, found: Question) -> list[Line]:
    asked = {"part-of": f"Communication/{found.id}", "subject": f"Patient/{found.patient}", "_count": MOST}
    kept = (await store.search(tx, who, r4.Communication, asked)).resources
    return sorted(map(rules.line, kept), key=lambda one: one.at)


async def _change(
    tx: Transaction, who: Subject, found: Question, what: str, edit: Callable[[r4.Communication], r4.Communication]
) -> None:
    await store.change(tx, _behind(who), r4.Communication, found.id, edit)
    record(tx, who, Event(what, "Communication", found.id, found.patient))


async def _routed(
    tx: Transaction, who: Subject, service: str, wish: str
) -> tuple[Registered, rules.Window]:  # fmt: skip
    able = [one for one in await roster.everybody(tx, who) if one.service == service]
    waiting = await store.search(tx, _behind(who), r4.Communication, {**_OURS, "status": OPEN, "_count": MOST})
    load = Counter(one.practitioner for one in map(rules.question, waiting.resources))
    chosen = rules.choose(able, load, clock.now(), wish)
    if chosen is None:
        raise Invalid(_("Chuyên khoa này chưa có bác sĩ trả lời câu hỏi."), where="service")
    return chosen


async def _sessions(tx: Transaction, who: Subject, found: Question) -> tuple[Session, ...]:
    those = [one for one in await roster.everybody(tx, who) if one.service == found.service]
    hers = [one for one in those if one.practitioner == found.practitioner] or those
    return tuple(session for one in hers for session in one.sessions)


async def _id(tx: Transaction, who: Subject, what: str, key: str) -> str:
    """The id of what she means by this key: the same each time it is sent."""
    index = (await keys_of(tx, who.facility)).index
    return blake2b(f"{what}\n{who.account}\n{who.patient}\n{key}".encode(), digest_size=16, key=index).hexdigest()


async def _count(tx: Transaction, who: Subject) -> None:
    await store.tried(tx, _behind(who), f"question {who.patient}", rules.MOST_A_DAY, f"{clock.today()}")


def _given(kept: r4.Communication, to: r4.Reference, state: State) -> r4.Communication:
    return msgspec.structs.replace(kept, recipient=[to], status=state)


def _with(kept: r4.Communication, url: str, **value: Any) -> r4.Communication:
    """With this extension; without it where its value is None."""
    rest = [one for one in kept.extension or [] if one.url != url]
    new = [r4.Extension(url=url, **value)] if None not in value.values() else []
    return msgspec.structs.replace(kept, extension=[*rest, *new] or None)


def _patients_side(who: Subject) -> None:
    if not rules.may_ask(who) or not may(who, Interaction.SEARCH, "Communication"):
        raise Forbidden(_("Việc này cần quyền xem toàn bộ hồ sơ."), advice=_("Nhờ người bệnh cử bạn xem toàn bộ."))


def _doctors_side(who: Subject) -> None:
    if not who.may(Permission.ANSWER_QUESTIONS):
        raise Forbidden(_("Chỉ bác sĩ trả lời câu hỏi mở được trang này."))


def _must_be_open(found: Question) -> None:
    if found.state is State.CLOSED:
        raise Conflict(_("Câu hỏi này đã đóng."), advice=_("Đặt câu hỏi mới."))


def _worded(words: str) -> None:
    if not words.strip() or len(words) > rules.MOST_WORDS:
        raise Invalid(_("Viết nội dung, tối đa %(n)s ký tự.", n=rules.MOST_WORDS), where="words")


def _asker(who: Subject, person: r4.Patient) -> r4.Reference:
    if who.relation is None:
        return store.reference(person, full_name(person))
    shown = f"{who.name} ({_(KIND_NAMES[who.relation.kind])})"
    return r4.Reference(reference=f"RelatedPerson/{who.relation.id}", display=shown)


def _doctor_of(visit: r4.Encounter | None) -> str:
    seen = (one.individual.reference or "" for one in (visit.participant or [] if visit else []) if one.individual)
    return next((name.removeprefix("Practitioner/") for name in seen if name.startswith("Practitioner/")), "")


def _pictures(pictures: Sequence[bytes]) -> list[tuple[str, str, bytes]]:
    return [(JPEG, f"Ảnh {n}", body) for n, body in enumerate(pictures, 1)]


def _behind(who: Subject) -> Subject:
    return in_name_of(who, Role.QUESTION_SERVICE)


def _now() -> str:
    return clock.fhir_instant(clock.now())


def _coded(code: str) -> r4.CodeableConcept:
    return r4.CodeableConcept(coding=[r4.Coding(system=systems.QUESTION, code=code)])
