"""The patient's side: a question is a FHIR Communication, every further line one that is `partOf` it.

Who writes does it by the program's service in her own name, after the policy let her read the thread. Source:
docs/adr/0023.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from benhan.core import store
from benhan.core.access import Interaction, Subject, may
from benhan.core.access.acting import KIND_NAMES
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.hospital import emergency
from benhan.hospital.questions import roster, rules, thread
from benhan.hospital.questions.rules import LINE, QUESTION, Line, Question, Registered, State
from benhan.hospital.visit import full_name, stamp
from benhan.hospital.weekly import Session


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What she asks: of which specialty, about which of her visits (""), in words and pictures."""

    service: str
    words: str
    visit: str = ""
    pictures: tuple[bytes, ...] = ()


async def mine(tx: Transaction, who: Subject) -> list[Question]:
    """The questions about this patient, the newest first.

    Raises:
        Forbidden: she acts for the patient with less than the whole record.
    """
    _patients_side(who)
    asked = {"subject": f"Patient/{who.patient}", **thread.OURS, "_count": "100"}
    found = (await store.search(tx, who, r4.Communication, asked)).resources
    return sorted(map(rules.question, found), key=lambda one: one.sent, reverse=True)


async def ask(tx: Transaction, who: Subject, asked: Asked, key: str) -> Question:
    """A question, and who has it from now on; `key` names the intention: sent twice it is asked once.

    Raises:
        Forbidden, Invalid; Conflict: as many are open as may be; Problem: too often today.
    """
    _patients_side(who)
    thread.worded(asked.words)
    behind, id_ = thread.behind(who), await thread.intended(tx, who, QUESTION, key)
    if made := (await store.read_many(tx, behind, r4.Communication, [id_])).get(id_):
        return rules.question(made)
    if sum(one.state is not State.CLOSED for one in await mine(tx, who)) >= rules.MOST_OPEN:
        raise Conflict(
            _("Bạn đang có %(n)s câu hỏi chưa đóng.", n=rules.MOST_OPEN), advice=_("Đóng bớt câu hỏi đã được trả lời.")
        )
    await thread.count(tx, who)
    visit = await store.read(tx, who, r4.Encounter, asked.visit) if asked.visit else None
    given, window = await _routed(tx, who, asked.service, _doctor_of(visit))
    person = await store.read(tx, who, r4.Patient, who.patient or "")
    about = [r4.Reference(reference=f"HealthcareService/{given.service}", display=given.specialty)]
    made = await store.create(tx, behind, r4.Communication(
        id=id_, status=State.WAITING, category=[thread.coded(QUESTION)],
        priority=rules.URGENT if emergency.heard(asked.words) else "routine",
        subject=store.reference(person, full_name(person)), sender=_asker(who, person),
        recipient=[r4.Reference(reference=f"Practitioner/{given.practitioner}", display=given.doctor)],
        about=[*about, store.reference(visit)] if visit else about, sent=thread.now(), received=thread.now(),
        extension=[r4.Extension(url=systems.EXTENSION_DUE, valueDateTime=stamp(window.end))],
        payload=await thread.payload(tx, behind, person.id or "", asked.words, _pictures(asked.pictures)),
    ))  # fmt: skip
    return rules.question(made)


async def read(tx: Transaction, who: Subject, id_: str) -> tuple[Question, list[Line]]:
    """A question of this patient, and all that was written.

    Raises:
        Forbidden, NotFound.
    """
    _patients_side(who)
    found = rules.question(await store.read(tx, who, r4.Communication, id_))
    return found, await thread.lines(tx, who, found)


async def say_more(
    tx: Transaction, who: Subject, id_: str, words: str, pictures: Sequence[bytes], key: str
) -> Question:
    """She answers what the doctor asked back, or asks on; the doctor owes an answer again.

    Raises:
        Forbidden, NotFound, Invalid; Conflict: it is closed; Problem: too often today.
    """
    found, _said = await read(tx, who, id_)
    thread.worded(words)
    behind, line = thread.behind(who), await thread.intended(tx, who, f"{LINE} {id_}", key)
    if line in await store.read_many(tx, behind, r4.Communication, [line]):
        return found
    thread.must_be_open(found)
    await thread.count(tx, who)
    window = rules.answered_in(await _sessions(tx, who, found), clock.now())
    person = await store.read(tx, who, r4.Patient, found.patient)
    await thread.write(tx, behind, found, line, _asker(who, person), words, _pictures(pictures))
    urgent = found.urgent or bool(emergency.heard(words))

    def turned(kept: r4.Communication) -> r4.Communication:
        kept = msgspec.structs.replace(kept, priority=rules.URGENT if urgent else "routine")
        if kept.status in rules.DOCTORS_TURN:  # the house owes an answer since before
            return kept
        kept = _with(kept, systems.EXTENSION_DUE, valueDateTime=stamp(window.end) if window else None)
        return msgspec.structs.replace(kept, status=State.TAKEN, received=thread.now())

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

    return rules.question(await store.change(tx, thread.behind(who), r4.Communication, id_, closed))


async def _routed(
    tx: Transaction, who: Subject, service: str, wish: str
) -> tuple[Registered, rules.Window]:  # fmt: skip
    able = [one for one in await roster.everybody(tx, who) if one.service == service]
    waiting = await store.search(
        tx, thread.behind(who), r4.Communication, {**thread.OURS, "status": thread.OPEN, "_count": thread.MOST}
    )
    load = Counter(one.practitioner for one in map(rules.question, waiting.resources))
    chosen = rules.choose(able, load, clock.now(), wish)
    if chosen is None:
        raise Invalid(_("Chuyên khoa này chưa có bác sĩ trả lời câu hỏi."), where="service")
    return chosen


async def _sessions(tx: Transaction, who: Subject, found: Question) -> tuple[Session, ...]:
    those = [one for one in await roster.everybody(tx, who) if one.service == found.service]
    hers = [one for one in those if one.practitioner == found.practitioner] or those
    return tuple(session for one in hers for session in one.sessions)


def _with(kept: r4.Communication, url: str, **value: Any) -> r4.Communication:
    """With this extension; without it where its value is None."""
    rest = [one for one in kept.extension or [] if one.url != url]
    new = [r4.Extension(url=url, **value)] if None not in value.values() else []
    return msgspec.structs.replace(kept, extension=[*rest, *new] or None)


def _patients_side(who: Subject) -> None:
    if not rules.may_ask(who) or not may(who, Interaction.SEARCH, "Communication"):
        raise Forbidden(_("Việc này cần quyền xem toàn bộ hồ sơ."), advice=_("Nhờ người bệnh cử bạn xem toàn bộ."))


def _asker(who: Subject, person: r4.Patient) -> r4.Reference:
    if who.relation is None:
        return store.reference(person, full_name(person))
    shown = f"{who.name} ({_(KIND_NAMES[who.relation.kind])})"
    return r4.Reference(reference=f"RelatedPerson/{who.relation.id}", display=shown)


def _doctor_of(visit: r4.Encounter | None) -> str:
    seen = (one.individual.reference or "" for one in (visit.participant or [] if visit else []) if one.individual)
    return next((name.removeprefix("Practitioner/") for name in seen if name.startswith("Practitioner/")), "")


def _pictures(pictures: Sequence[bytes]) -> list[tuple[str, str, bytes]]:
    return [(thread.JPEG, f"Ảnh {n}", body) for n, body in enumerate(pictures, 1)]
