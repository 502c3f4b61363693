"""Into a bed, into another, two people changing beds, out with leave and back; and a move taken back.

A bed holds one person: the store keeps it by a primary key (`core.store.uniqueness`), whoever else tries at the same
moment is told so. She reads a stay as herself; it is written by the program in her name (`stays-kept`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import asyncpg
import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.audit import Event, record
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital import stay as words
from benhan.hospital.visit import concept, id_of, in_state, moment, stamp
from benhan.hospital.ward import places
from benhan.hospital.ward.places import Bed

#: How long a move may be taken back.
UNDO: Final = timedelta(minutes=5)


async def read(tx: Transaction, who: Subject, id_: str) -> r4.Encounter:
    """A stay.

    Raises:
        NotFound, Forbidden; Invalid: the visit is no stay.
    """
    stay = await store.read(tx, who, r4.Encounter, id_)
    if not words.is_stay(stay):
        raise Invalid(_("Lượt này không phải đợt nằm viện."), where="luot")
    return stay


async def place(
    tx: Transaction, who: Subject, stay_id: str, bed_id: str, *, at: datetime | None = None
) -> r4.Encounter:  # fmt: skip
    """Put somebody into a bed of her department: from the waiting list, or from another bed. Twice changes nothing.

    Raises:
        Conflict: the bed is taken, not ready, or another department's; she has left, or is out.
    """
    at, stay, bed = at or clock.now(), await read(tx, who, stay_id), await places.read(tx, who, bed_id)
    if words.bed(stay) == bed.id:
        return stay
    if stay.status not in (words.WAITING, words.PRESENT):
        raise Conflict(_("Người bệnh đang ra ngoài hoặc đã ra viện: không xếp giường được."), where="luot")
    if id_of(bed.place.managingOrganization) != words.department(stay):
        raise Conflict(_("Giường %(name)s của khoa khác: chuyển khoa trước.", name=bed.name), where="giuong")
    if bed.state not in words.READY:
        state = _(words.BED_STATES[bed.state]).lower()
        raise Conflict(_("Giường %(name)s: %(state)s.", name=bed.name, state=state), where="giuong")
    former = words.bed(stay)
    entered = words.in_place(_admitted(who, stay, at), bed.reference, words.BED, at)
    kept = await _kept(tx, who, entered, bed)
    await places.put(tx, who, bed, words.TAKEN)
    if former:
        await places.put(tx, who, await places.read(tx, who, former), words.TO_CLEAN)
    return kept


async def swap(tx: Transaction, who: Subject, one_id: str, other_id: str) -> r4.Encounter:
    """Two people of a department change beds; gives the first. Between the two writes the first lies nowhere.

    Raises:
        Conflict: one of them has no bed, is out, or they lie in different departments.
    """
    at, one, other = clock.now(), await read(tx, who, one_id), await read(tx, who, other_id)
    here, there = words.bed(one), words.bed(other)
    same = words.department(one) == words.department(other) and one.id != other.id
    if not (here and there and same and one.status == other.status == words.PRESENT):
        raise Conflict(_("Chỉ đổi giường được giữa hai người đang nằm cùng khoa."), where="luot")
    first, second = await places.read(tx, who, here), await places.read(tx, who, there)
    out = await _kept(tx, who, words.without_place(one, at, words.BED), None)
    await _kept(tx, who, words.in_place(other, first.reference, words.BED, at), first)
    return await _kept(tx, who, words.in_place(out, second.reference, words.BED, at), second)


async def undo(tx: Transaction, who: Subject, stay_id: str, version: str) -> r4.Encounter:
    """The stay as it was before the move that made this version, by who made it, while nothing else happened to it.

    Raises:
        Conflict: it was moved on since, by another, or too long ago; the bed before is taken by now.
    """
    stay = await read(tx, who, stay_id)
    versions = await store.history(tx, who, r4.Encounter, stay_id)
    mine = versions[0].account == who.account and versions[0].updated > clock.now() - UNDO
    if version_of(stay) != version or not mine or len(versions) < 2 or versions[1].body is None:
        raise Conflict(_("Không hoàn tác được nữa: đã có thay đổi sau đó, hoặc đã quá 5 phút."), where="luot")
    before = codec.kept(versions[1].body, r4.Encounter)
    if stay.status not in words.LYING or words.department(before) != words.department(stay):
        raise Conflict(_("Chỉ hoàn tác được việc xếp giường."), where="luot")
    now, then = words.bed(stay), words.bed(before)
    bed = await places.read(tx, who, then) if then and then != now else None
    kept = await _kept(tx, who, before, bed, version)
    if bed:
        await places.put(tx, who, bed, words.TAKEN)
    if now and now != then:
        await places.put(tx, who, await places.read(tx, who, now), words.FREE)
    return kept


async def leave(tx: Transaction, who: Subject, stay_id: str, until: datetime, reason: str) -> r4.Encounter:
    """Out with leave until then; the bed is kept.

    Raises:
        Invalid: until is past; Conflict: she is not here.
    """
    at, stay = clock.now(), await read(tx, who, stay_id)
    if until <= at:
        raise Invalid(_("Giờ hẹn về phải sau bây giờ."), where="ve-luc")
    if stay.status != words.PRESENT or not words.bed(stay):
        raise Conflict(_("Chỉ người đang nằm giường mới ra ngoài có phép."), where="luot")
    awaited = r4.Extension(url=systems.EXTENSION_AWAITED, valueDateTime=stamp(until))
    out = words.away(stay, at)
    kept = await _kept(tx, who, msgspec.structs.replace(out, extension=[*_others(stay), awaited]), None)
    _noted(tx, who, kept, "stay-leave", reason)
    return kept


async def back(tx: Transaction, who: Subject, stay_id: str) -> r4.Encounter:
    """Come back to her bed. Twice changes nothing.

    Raises:
        Conflict: she was not out.
    """
    stay = await read(tx, who, stay_id)
    if stay.status == words.PRESENT:
        return stay
    if stay.status != words.AWAY:
        raise Conflict(_("Người bệnh không ở trạng thái ra ngoài."), where="luot")
    here = msgspec.structs.replace(words.back(stay, clock.now()), extension=_others(stay) or None)
    return await _kept(tx, who, here, None)


async def cancel(tx: Transaction, who: Subject, stay_id: str, reason: str) -> r4.Encounter:
    """She does not come: off the waiting list.

    Raises:
        Conflict: she lies here already.
    """
    stay = await read(tx, who, stay_id)
    if stay.status != words.WAITING:
        raise Conflict(_("Chỉ bỏ được người còn chờ giường."), where="luot")
    kept = await _kept(tx, who, in_state(stay, words.CANCELLED, clock.now()), None)
    _noted(tx, who, kept, "stay-cancel", reason)
    return kept


def awaited(stay: r4.Encounter) -> datetime | None:
    """When somebody on leave is to be back."""
    said = next((one for one in stay.extension or [] if one.url == systems.EXTENSION_AWAITED), None)
    return moment(said.valueDateTime) if said else None


def _admitted(who: Subject, stay: r4.Encounter, at: datetime) -> r4.Encounter:
    """In the department from now on, where she only waited until now."""
    if stay.status == words.PRESENT:
        return stay
    department = words.department(stay) or ""
    ward = r4.Reference(reference=f"Location/{places.ward_id(department)}", display=words.department_name(stay))
    here = msgspec.structs.replace(in_state(stay, words.PRESENT, at), period=r4.Period(start=stamp(at)))
    return attended(who, words.in_place(here, ward, words.WARD, at), at)


def attended(who: Subject, stay: r4.Encounter, at: datetime) -> r4.Encounter:
    """Treated by the caller from now on, if she is a doctor and nobody is named."""
    if words.attending(stay) or Role.DOCTOR not in who.roles or not who.practitioner:
        return stay
    person = r4.EncounterParticipant(
        type=[concept(systems.PARTICIPATION, "ATND", "attender")], period=r4.Period(start=stamp(at)),
        individual=r4.Reference(reference=f"Practitioner/{who.practitioner}", display=who.name),
    )  # fmt: skip
    return msgspec.structs.replace(stay, participant=[*(stay.participant or []), person])


def _others(stay: r4.Encounter) -> list[r4.Extension]:
    return [one for one in stay.extension or [] if one.url != systems.EXTENSION_AWAITED]


async def _kept(
    tx: Transaction, who: Subject, stay: r4.Encounter, bed: Bed | None, version: str | None = None
) -> r4.Encounter:
    try:
        async with tx.savepoint():
            behind = in_name_of(who, Role.WARD_SERVICE)
            return await store.update(tx, behind, stay, if_match=version or version_of(stay))
    except (store.AlreadyExists, asyncpg.DeadlockDetectedError):
        name = bed.name if bed else ""
        raise Conflict(
            _("Giường %(name)s vừa có người khác.", name=name), where="giuong", advice=_("Chọn giường khác.")
        ) from None


def _noted(tx: Transaction, who: Subject, stay: r4.Encounter, action: str, reason: str) -> None:
    record(tx, who, Event(action, "Encounter", stay.id, id_of(stay.subject), detail=reason))


__all__ = ["attended", "awaited", "back", "cancel", "leave", "place", "read", "swap", "undo"]
