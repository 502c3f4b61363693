"""The doctors' side: whose a question is, taking it, answering, signing an assessment.

The policy must let her read the patient. What a doctor calls an assessment becomes a signed Composition of the record,
under the rules of every other document. Source: docs/adr/0023.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from benhan.core import store
from benhan.core.access import Interaction, Permission, Subject, signature
from benhan.core.access.accounts import confirm_password
from benhan.core.access.audit import Event, record
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.hospital.questions import roster, rules, thread
from benhan.hospital.questions.rules import LINE, QUESTION, Line, Question, State
from benhan.hospital.visit import NOTE, concept, narrative, stamp


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a doctor writes. `files`: kind, name, body. `password`: "" unless she signs it as an assessment."""

    words: str
    files: tuple[tuple[str, str, bytes], ...] = ()
    password: str = ""


class WrongPassword(Invalid):
    """422: the password is not the signer's; nothing was written."""

    def __init__(self) -> None:
        super().__init__(_("Mật khẩu không đúng. Chưa ký, chưa gửi."), where="password")


async def inbox(tx: Transaction, who: Subject, *, closed: bool = False) -> list[Question]:
    """The questions that she may open: those that wait for a doctor first, or the closed ones, the latest first.

    Where the policy closes the patient's record to her, that there is one, and nothing of it.

    Raises:
        Forbidden: she answers none.
    """
    _doctors_side(who)
    state = {"status": State.CLOSED, "_sort": "-sent"} if closed else {"status": thread.OPEN}
    found = (
        await store.search(tx, thread.behind(who), r4.Communication, {**thread.OURS, **state, "_count": thread.MOST})
    ).resources
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
    found = rules.question(await store.read(tx, thread.behind(who), r4.Communication, id_))
    if not rules.may_open(who, found, await roster.everybody(tx, who)):
        raise Forbidden(_("Câu hỏi này được giao cho bác sĩ khác."), advice=_("Nhờ người ấy chuyển cho bạn."))
    await store.read(tx, who, r4.Patient, found.patient)
    record(tx, who, Event("read-question", "Communication", id_, found.patient, rule="given to her"))
    return found, await thread.lines(tx, thread.behind(who), found)


async def take(tx: Transaction, who: Subject, id_: str) -> None:
    """It is hers.

    Raises:
        Forbidden, NotFound; Conflict: it is closed, or a colleague has it in hand.
    """
    found, _said = await opened(tx, who, id_)
    thread.must_be_open(found)
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
    thread.must_be_open(found)
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
    behind, line = thread.behind(who), await thread.intended(tx, who, f"{LINE} {id_}", key)
    if line in await store.read_many(tx, behind, r4.Communication, [line]):
        return
    thread.must_be_open(found)
    thread.worded(said.words)
    if said.password and not await confirm_password(tx, who, said.password):
        raise WrongPassword
    me = r4.Reference(reference=f"Practitioner/{who.practitioner}", display=who.name)
    async with tx.savepoint():
        composed = await _assessment(tx, who, found, me, said.words) if said.password else None
        await thread.write(tx, behind, found, line, me, said.words, said.files, composed)
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


async def _may_read(tx: Transaction, who: Subject, patient: str) -> bool:
    return bool(await store.may_now(tx, who, "Patient", patient, Interaction.READ))


async def _assessment(tx: Transaction, who: Subject, found: Question, me: r4.Reference, words: str) -> r4.Composition:
    """The signed note: written and signed as herself, so every rule of documents holds (her role, her licence)."""
    at = clock.now()
    about = r4.Reference(reference=f"Patient/{found.patient}", display=found.name)
    made = await store.create(tx, who, r4.Composition(
        status="final", type=concept(systems.LOINC, NOTE, "Nhận định qua câu hỏi"), category=[thread.coded(QUESTION)],
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


async def _change(
    tx: Transaction, who: Subject, found: Question, what: str, edit: Callable[[r4.Communication], r4.Communication]
) -> None:
    await store.change(tx, thread.behind(who), r4.Communication, found.id, edit)
    record(tx, who, Event(what, "Communication", found.id, found.patient))


def _given(kept: r4.Communication, to: r4.Reference, state: State) -> r4.Communication:
    return msgspec.structs.replace(kept, recipient=[to], status=state)


def _doctors_side(who: Subject) -> None:
    if not who.may(Permission.ANSWER_QUESTIONS):
        raise Forbidden(_("Chỉ bác sĩ trả lời câu hỏi mở được trang này."))
