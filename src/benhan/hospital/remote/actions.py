"""Asking to be seen at a distance and answering it; the visit that comes of it. In the caller's transaction.

The request is a Task that patient and doctor read by the rules of their own records; what she tells with it lies in a
Communication that opens through the request alone. The visit is an Encounter of class VR with the id of its request:
note, diagnoses, prescription and signature are the clinic's.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Interaction, Role, Subject, may
from benhan.core.access.audit import Event, record
from benhan.core.access.consents import Purpose
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Forbidden, Invalid, NotFound
from benhan.core.kit import clock
from benhan.core.kit.persons import full_name
from benhan.core.language import _
from benhan.core.store import consents
from benhan.core.vault import keys_of
from benhan.hospital.remote import rules
from benhan.hospital.remote.offers import Doctor, Specialty, offered
from benhan.hospital.remote.rules import Request, State, Step
from benhan.hospital.remote_conditions import REMOTE
from benhan.hospital.visit import REMOTE_REQUEST, ROOM_OPENS, code_of, concept, id_of, stamp

_OURS: Final = {"code": f"{systems.QUEUE}|{REMOTE_REQUEST}"}
MOST: Final = "200"


class Told(msgspec.Struct, frozen=True):
    """What she tells with a request: her words, and the ids of the pictures."""

    words: str
    pictures: tuple[str, ...]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What she asks for."""

    specialty: str
    doctor: str
    words: str
    wished: datetime | None = None
    #: As `kit.pictures.read` leaves them.
    pictures: tuple[bytes, ...] = ()


# The patient


async def ask(tx: Transaction, who: Subject, asked: Asked, key: str) -> Request:
    """Ask; `key` names the intention: asked twice it is one request.

    Raises:
        Forbidden: she has no record here, or has not consented to be seen at a distance.
        Invalid: nothing is said, no such specialty or doctor, a time that is over. Problem: too often.
    """
    patient = _patient(who)
    index = (await keys_of(tx, who.facility)).index
    id_ = blake2b(f"remote\n{patient}\n{key}".encode(), digest_size=16, key=index).hexdigest()
    behind = _behind(who)
    if made := (await store.read_many(tx, behind, r4.Task, [id_])).get(id_):
        return rules.of_record(made)
    if not await consents.holds(tx, who, patient, Purpose.REMOTE):
        raise Forbidden(
            _("Chưa có đồng ý khám từ xa cho hồ sơ này."), where="consent",
            advice=_("Đọc và đồng ý trước; người dưới 18 tuổi đồng ý cùng người đại diện tại quầy."),
        )  # fmt: skip
    specialty, doctor = _chosen(await offered(tx, who), asked)
    _check(asked)
    await store.tried(tx, behind, f"remote {patient}", rules.MOST_A_DAY, f"{clock.today()}")
    person = await store.read(tx, behind, r4.Patient, patient)
    subject = store.reference(person, full_name(person))
    said = await _say(tx, behind, id_, subject, asked)
    at = stamp(clock.now())
    return rules.of_record(await store.create(tx, behind, r4.Task(
        id=id_, status=State.ASKED, intent="order", code=concept(systems.QUEUE, REMOTE_REQUEST, "Khám từ xa"),
        for_=subject, focus=store.reference(said), authoredOn=at, lastModified=at,
        performerType=[concept(systems.SPECIALTY, specialty.code, specialty.name)],
        owner=r4.Reference(reference=f"Practitioner/{doctor.id}", display=doctor.name) if doctor else None,
        restriction=r4.TaskRestriction(period=r4.Period(start=stamp(asked.wished))) if asked.wished else None,
    )))  # fmt: skip


async def mine(tx: Transaction, who: Subject) -> list[Request]:
    """The requests of her record, the newest first; none where her relation does not reach so far."""
    if who.patient is None or not may(who, Interaction.SEARCH, "Task"):
        return []
    asked = {"patient": f"Patient/{who.patient}", **_OURS, "_count": "50"}
    found = (await store.search(tx, who, r4.Task, asked)).resources
    return sorted(map(rules.of_record, found), key=lambda one: one.asked, reverse=True)


async def one(tx: Transaction, who: Subject, id_: str) -> Request:
    """One of them, as far as the caller may read it: her own, or at her facility.

    Raises:
        Forbidden, NotFound.
    """
    return rules.of_record(await store.read(tx, who, r4.Task, id_))


async def take_back(tx: Transaction, who: Subject, id_: str) -> Request:
    """She does not want it any more. Twice changes nothing.

    Raises:
        Forbidden, NotFound; Conflict: it has begun, or was declined.
    """
    found = await one(tx, who, id_)
    if found.state is State.TAKEN_BACK:
        return found
    return await _step(tx, _behind(who), who, found, Step.TAKE_BACK)


# The doctor


async def desk(tx: Transaction, who: Subject) -> list[Request]:
    """What is asked of her or of her specialties, and what she has accepted: the longest waiting first."""
    asked = {**_OURS, "status": ",".join(rules.OPEN), "_sort": "authored-on", "_count": MOST}
    found = [rules.of_record(one) for one in (await store.search(tx, who, r4.Task, asked)).resources]
    hers = await _specialties(tx, who)
    return [one for one in found if _is_for(one, who, hers)]


async def asked_of(tx: Transaction, who: Subject, id_: str) -> Request:
    """A request that is hers to answer or to hold: asked of her, or of nobody and of her specialty.

    Raises:
        Forbidden: it is asked of somebody else; NotFound.
    """
    found = await one(tx, who, id_)
    if not who.practitioner or not _is_for(found, who, await _specialties(tx, who)):
        raise Forbidden(_("Yêu cầu này gửi bác sĩ khác."), where="request", advice=_("Về danh sách khám từ xa."))
    return found


async def told(tx: Transaction, who: Subject, request: Request) -> Told:
    """What she told with a request, which is the caller's (`asked_of`)."""
    said = (await store.read_many(tx, _behind(who), r4.Communication, [request.said])).get(request.said)
    parts = said.payload or [] if said else []
    return Told(
        next((one.contentString for one in parts if one.contentString), ""),
        tuple(id_ for one in parts if (id_ := id_of(one.contentReference))),
    )


async def picture(tx: Transaction, who: Subject, request: Request, number: int) -> bytes:
    """A picture that was sent with it.

    Raises:
        NotFound.
    """
    found = (await told(tx, who, request)).pictures
    if not 0 <= number < len(found):
        raise NotFound(_("Không có ảnh này."))
    kept = await store.read(tx, _behind(who), r4.Binary, found[number])
    return base64.b64decode(kept.data or "")


async def accept(tx: Transaction, who: Subject, id_: str, start: datetime) -> Request:
    """See her at a time; a time that was set may be set anew.

    Raises:
        Forbidden, NotFound; Conflict: it is over; Invalid: the time is over or too far.
    """
    found = await asked_of(tx, who, id_)
    now = clock.now()
    if not now - ROOM_OPENS <= start <= now + rules.FURTHEST:
        raise Invalid(_("Chọn giờ từ bây giờ đến 30 ngày tới."), where="gio")
    period = r4.Period(start=stamp(start), end=stamp(start + rules.LASTS))
    me = r4.Reference(reference=f"Practitioner/{who.practitioner}", display=who.name)
    return await _step(tx, who, who, found, Step.ACCEPT, executionPeriod=period, owner=me)


async def decline(tx: Transaction, who: Subject, id_: str, reason: str) -> Request:
    """Not to see her at a distance, and why.

    Raises:
        Forbidden, NotFound; Conflict; Invalid: no reason.
    """
    found = await asked_of(tx, who, id_)
    if not reason.strip():
        raise Invalid(_("Ghi lý do để người bệnh biết phải làm gì."), where="ly-do")
    return await _step(tx, who, who, found, Step.DECLINE, statusReason=r4.CodeableConcept(text=reason.strip()[:500]))


async def begin(tx: Transaction, who: Subject, id_: str) -> Request:
    """The visit begins: an Encounter of class VR, in progress. Twice changes nothing.

    Raises:
        Forbidden, NotFound; Conflict: it is not hers, was not accepted, or is over.
    """
    found = await _hers(tx, who, id_)
    begun = await _step(tx, who, who, found, Step.BEGIN) if found.state is not State.GOING_ON else found
    if not (await store.read_many(tx, who, r4.Encounter, [id_])).get(id_):
        await store.create(tx, who, await _visit(tx, who, begun))
    return begun


async def end(tx: Transaction, who: Subject, id_: str) -> Request:
    """The call is over; the visit goes on until it is signed. Twice changes nothing.

    Raises:
        Forbidden, NotFound; Conflict: it is not hers, or has not begun.
    """
    found = await _hers(tx, who, id_)
    return found if found.state is State.OVER else await _step(tx, who, who, found, Step.END)


# Behind


def _behind(who: Subject) -> Subject:
    return in_name_of(who, Role.REMOTE_SERVICE)


def _patient(who: Subject) -> str:
    """Whose record it is, where she may follow its visits.

    Raises:
        Forbidden: none is open, or the relation in which she acts does not include visits.
    """
    if who.patient is None or not may(who, Interaction.SEARCH, "Task"):
        raise Forbidden(_("Mở hồ sơ của người cần khám trước."), where="record")
    return who.patient


def _chosen(found: Sequence[Specialty], asked: Asked) -> tuple[Specialty, Doctor | None]:
    specialty = next((one for one in found if one.service == asked.specialty), None)
    if specialty is None:
        raise Invalid(_("Chuyên khoa này không khám từ xa."), where="specialty")
    if not asked.doctor:
        return specialty, None
    doctor = next((one for one in specialty.doctors if one.id == asked.doctor), None)
    if doctor is None:
        raise Invalid(_("Bác sĩ này không khám từ xa."), where="doctor")
    return specialty, doctor


def _check(asked: Asked) -> None:
    if not asked.words.strip() or len(asked.words) > rules.MOST_WORDS:
        raise Invalid(_("Kể triệu chứng, tối đa %(n)s ký tự.", n=rules.MOST_WORDS), where="words")
    now = clock.now()
    if asked.wished and not now - ROOM_OPENS <= asked.wished <= now + rules.FURTHEST:
        raise Invalid(_("Chọn giờ từ bây giờ đến 30 ngày tới."), where="wished")


async def _say(
    tx: Transaction, behind: Subject, id_: str, subject: r4.Reference, asked: Asked
) -> r4.Communication:  # fmt: skip
    kept = [await _picture(tx, behind, one) for one in asked.pictures]
    at = clock.fhir_instant(clock.now())
    return await store.create(tx, behind, r4.Communication(
        id=id_, status="completed", subject=subject, sender=subject, sent=at,
        category=[r4.CodeableConcept(coding=[r4.Coding(system=systems.REMOTE, code="symptoms")])],
        payload=[
            r4.CommunicationPayload(contentString=asked.words.strip()),
            *(r4.CommunicationPayload(contentReference=one) for one in kept),
        ],
    ))  # fmt: skip


async def _picture(tx: Transaction, behind: Subject, picture: bytes) -> r4.Reference:
    data = base64.b64encode(picture).decode()
    return store.reference(await store.create(tx, behind, r4.Binary(contentType="image/jpeg", data=data)))


async def _step(
    tx: Transaction, acting: Subject, who: Subject, found: Request, step: Step, **more: object
) -> Request:  # fmt: skip
    """Do a step, as `acting`; the trace names `who`."""
    state = rules.after(found, step)
    kept = await store.read(tx, acting, r4.Task, found.id)
    changed = msgspec.structs.replace(kept, status=state, lastModified=stamp(clock.now()), **more)
    made = await store.update(tx, acting, changed, if_match=found.version)
    record(tx, who, Event(step, "Task", found.id, found.patient))
    return rules.of_record(made)


async def _hers(tx: Transaction, who: Subject, id_: str) -> Request:
    found = await one(tx, who, id_)
    if not who.practitioner or found.doctor != who.practitioner:
        raise Forbidden(_("Chỉ bác sĩ đã nhận yêu cầu này vào được phòng."), where="room")
    return found


def _is_for(found: Request, who: Subject, specialties: frozenset[str]) -> bool:
    return found.doctor == who.practitioner if found.doctor else found.specialty in specialties


async def _specialties(tx: Transaction, who: Subject) -> frozenset[str]:
    """The codes of the specialties in which she works here."""
    if not who.practitioner:
        return frozenset()
    asked = {"practitioner": f"Practitioner/{who.practitioner}", "active": "true", "_count": "50"}
    roles = (await store.search(tx, who, r4.PractitionerRole, asked)).resources
    return frozenset(code for role in roles for one in role.specialty or [] if (code := code_of(one)))


async def _visit(tx: Transaction, who: Subject, found: Request) -> r4.Encounter:
    now = clock.now()
    number = await store.number(tx, who, f"visit:{now:%Y}")
    words = (await told(tx, who, found)).words
    me = r4.Reference(reference=f"Practitioner/{who.practitioner}", display=who.name)
    doctor = r4.EncounterParticipant(
        type=[concept(systems.PARTICIPATION, "PPRF", "Bác sĩ khám")], period=r4.Period(start=stamp(now)), individual=me
    )
    return r4.Encounter(
        id=found.id,
        identifier=[r4.Identifier(system=systems.VISIT_NUMBER, value=f"LK-{now:%y}-{number:06d}")],
        status="in-progress",
        class_=r4.Coding(system=systems.ACT_CODE, code=REMOTE, display="virtual"),
        serviceType=concept(systems.SPECIALTY, found.specialty, found.specialty_name),
        subject=r4.Reference(reference=f"Patient/{found.patient}", display=found.name),
        participant=[doctor],
        period=r4.Period(start=stamp(now)),
        reasonCode=[r4.CodeableConcept(text=words)] if words else None,
    )
