"""Saying something of the house, and answering it: FHIR Communications, in the caller's transaction.

Who wants to stay unknown is: neither the record, nor its history, nor the audit names her or from where she asked. She
reads the answer by the code that she was given.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Interaction, Permission, Role, Subject, may, service
from benhan.core.access.audit import Event, record
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid, NotFound, VersionConflict
from benhan.core.kit import clock
from benhan.core.kit.persons import full_name
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.core.vault import keys_of
from benhan.hospital.feedback import rules
from benhan.hospital.feedback.rules import ANSWERED, NEW, Feedback, Said

#: What a list shows at most.
MOST: Final = "1000"
_OURS: Final = {"category": f"{systems.FEEDBACK}|"}


async def leave(tx: Transaction, who: Subject, said: Said, key: str) -> Feedback:
    """Keep what she says; `key` names the intention: said twice it is kept once.

    Raises:
        Forbidden: she acts for another and does not want to stay unknown. Invalid: no words. Problem: too often.
    """
    if not said.words.strip() or len(said.words) > rules.MOST_WORDS:
        raise Invalid(_("Viết điều bạn muốn nói, tối đa %(n)s ký tự.", n=rules.MOST_WORDS), where="words")
    named = None if said.anonymous else await _herself(tx, who)
    behind = await _behind(tx, who, anonymous=said.anonymous)
    index = (await keys_of(tx, who.facility)).index
    id_ = blake2b(f"feedback\n{who.patient if named else ''}\n{key}".encode(), digest_size=16, key=index).hexdigest()
    if made := (await store.read_many(tx, behind, r4.Communication, [id_])).get(id_):
        return rules.of_record(made)
    of = who.session or who.account
    await store.tried(tx, behind, f"feedback {of}", rules.MOST_A_DAY, f"{clock.today()}")
    pictures = [await _picture(tx, behind, one) for one in said.pictures]
    at = clock.fhir_instant(clock.now())
    return rules.of_record(await store.create(tx, behind, r4.Communication(
        id=id_, status=NEW, subject=named, sender=named, sent=at, received=at,
        identifier=[r4.Identifier(system=systems.FEEDBACK_CODE, value=secrets.token_hex(8))],
        category=[_coded(systems.FEEDBACK, said.kind)], topic=_coded(systems.FEEDBACK_TOPIC, said.topic),
        about=[r4.Reference(reference=f"Organization/{said.place[0]}", display=said.place[1])] if said.place else None,
        extension=[r4.Extension(url=systems.EXTENSION_RATING, valueInteger=said.rating)] if said.rating else None,
        payload=[
            r4.CommunicationPayload(contentString=said.words.strip()),
            *(r4.CommunicationPayload(contentReference=one) for one in pictures),
        ],
    )))  # fmt: skip


async def mine(tx: Transaction, who: Subject) -> list[Feedback]:
    """What she has said under her name, the newest first."""
    if who.relation is not None or not may(who, Interaction.SEARCH, "Communication"):
        return []
    asked = {"subject": f"Patient/{who.patient}", **_OURS, "_count": "50"}
    found = (await store.search(tx, who, r4.Communication, asked)).resources
    return sorted(map(rules.of_record, found), key=lambda one: one.sent, reverse=True)


async def by_code(tx: Transaction, who: Subject, code: str) -> Feedback:
    """What was said under a code: whoever has the code has said it.

    Raises:
        NotFound: nothing was.
    """
    behind = await _behind(tx, who, anonymous=True)
    asked = {"identifier": f"{systems.FEEDBACK_CODE}|{code}", **_OURS}
    found = await store.first(tx, behind, r4.Communication, asked) if code.isalnum() else None
    if found is None:
        raise NotFound(_("Không có góp ý này."))
    return rules.of_record(found)


async def places(tx: Transaction, who: Subject) -> list[tuple[str, str]]:
    """The departments that can be meant, by name."""
    behind = service(Role.FEEDBACK_SERVICE, who.facility)
    found = await store.search(tx, behind, r4.Organization, {"partof:missing": "false", "_count": "500"})
    return sorted(((one.id or "", one.name or "") for one in found.resources), key=lambda one: one[1])


async def board(tx: Transaction, who: Subject) -> list[Feedback]:
    """Everything that was said, lately first.

    Raises:
        Forbidden: she does not answer feedback.
    """
    asked = {**_OURS, "_sort": "-sent", "_count": MOST}
    found = await store.search(tx, _office(who), r4.Communication, asked)
    return [rules.of_record(one) for one in found.resources]


async def one(tx: Transaction, who: Subject, id_: str) -> Feedback:
    """One of them.

    Raises:
        Forbidden, NotFound.
    """
    return rules.of_record(await store.read(tx, _office(who), r4.Communication, id_))


async def answer(tx: Transaction, who: Subject, id_: str, words: str) -> Feedback:
    """Answer it; what was answered before stays.

    Raises:
        Forbidden, NotFound; Invalid: no words; Conflict: somebody answered at the same moment.
    """
    kept = await store.read(tx, _office(who), r4.Communication, id_)
    rules.of_record(kept)
    if not words.strip() or len(words) > rules.MOST_WORDS:
        raise Invalid(_("Viết câu trả lời, tối đa %(n)s ký tự.", n=rules.MOST_WORDS), where="tra-loi")
    note = r4.Annotation(text=words.strip(), time=clock.fhir_instant(clock.now()), authorString=who.name)
    done = msgspec.structs.replace(kept, status=ANSWERED, note=[*(kept.note or []), note])
    try:
        made = await store.update(tx, _office(who), done, if_match=version_of(kept))
    except VersionConflict:
        raise Conflict(_("Vừa có người khác trả lời."), advice=_("Mở lại để đọc.")) from None
    record(tx, who, Event("feedback-answered", "Communication", id_))
    return rules.of_record(made)


async def picture(tx: Transaction, who: Subject, id_: str, number: int) -> bytes:
    """A picture of one of them.

    Raises:
        Forbidden, NotFound.
    """
    found = await one(tx, who, id_)
    if not 0 <= number < len(found.pictures):
        raise NotFound(_("Không có ảnh này."))
    kept = await store.read(tx, _office(who), r4.Binary, found.pictures[number])
    return base64.b64decode(kept.data or "")


def _office(who: Subject) -> Subject:
    if not who.may(Permission.FEEDBACK):
        raise Forbidden(_("Chỉ bộ phận trả lời góp ý mở được trang này."))
    return in_name_of(who, Role.FEEDBACK_SERVICE)


async def _behind(tx: Transaction, who: Subject, *, anonymous: bool) -> Subject:
    """The program's service: in her name, or in nobody's; then the trace does not say from where, either."""
    if not anonymous:
        return in_name_of(who, Role.FEEDBACK_SERVICE)
    await tx.verify()
    tx.address = None
    return service(Role.FEEDBACK_SERVICE, who.facility, who.facility_name)


async def _herself(tx: Transaction, who: Subject) -> r4.Reference:
    if who.patient is None or who.relation is not None:
        raise Forbidden(_("Chỉ người bệnh góp ý dưới tên mình."), where="anonymous", advice=_("Gửi ẩn danh."))
    person = await store.read(tx, who, r4.Patient, who.patient)
    return store.reference(person, full_name(person))


async def _picture(tx: Transaction, behind: Subject, picture: bytes) -> r4.Reference:
    data = base64.b64encode(picture).decode()
    return store.reference(await store.create(tx, behind, r4.Binary(contentType="image/jpeg", data=data)))


def _coded(system: str, code: str) -> r4.CodeableConcept:
    return r4.CodeableConcept(coding=[r4.Coding(system=system, code=code)])


def overdue(found: Sequence[Feedback]) -> int:
    """How many should have been answered by now."""
    return sum(one.late(clock.today()) for one in found)
