"""From one department to another: asked with what is handed over, accepted (or refused) by the receiving one.

The paper is 43/BV2 (doctor) and 44/BV2 (nurse) of TT 32/2023/TT-BYT: their items are kept as inputs of a Task that the
receiving department owns. On accepting she leaves her bed and waits for one there; her stay goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import clock
from benhan.core.language import _, later
from benhan.core.store.records import version_of
from benhan.hospital import stay as words
from benhan.hospital.visit import code_of, concept, id_of, stamp
from benhan.hospital.ward import moves, places

CODE: Final = "transfer"
ASKED, ACCEPTED, REFUSED, WITHDRAWN = "requested", "completed", "rejected", "cancelled"
#: What is handed over: field → text. The first three are the doctor's (43/BV2), the others the nurse's (44/BV2).
HANDED: Final = {
    "chan-doan": later("Chẩn đoán"), "tom-tat": later("Tóm tắt diễn biến, điều trị đã làm"),
    "huong": later("Hướng điều trị tiếp"), "tinh-trang": later("Tình trạng lúc bàn giao"),
    "kem-theo": later("Thuốc, dịch, ống dẫn lưu đang dùng"), "giay-to": later("Giấy tờ, phim, tư trang kèm theo"),
}  # fmt: skip


async def ask(
    tx: Transaction, who: Subject, stay_id: str, to: str, reason: str, handed: Mapping[str, str]
) -> r4.Task:  # fmt: skip
    """Ask another department to take her. Asked twice gives the first.

    Raises:
        Invalid: it is her own department; Conflict: she does not lie here. NotFound: no such department.
    """
    stay = await moves.read(tx, who, stay_id)
    if stay.status != words.PRESENT:
        raise Conflict(_("Chỉ chuyển khoa người đang nằm viện."), where="luot")
    if to == words.department(stay):
        raise Invalid(_("Người bệnh đang ở khoa này."), where="khoa")
    if open_one := await of_stay(tx, who, stay_id):
        return open_one
    department = await store.read(tx, who, r4.Organization, to)
    at = stamp(clock.now())
    made = r4.Task(
        status=ASKED, intent="order", code=concept(systems.STAY, CODE, "Chuyển khoa"), for_=stay.subject,
        focus=store.reference(stay), encounter=store.reference(stay), authoredOn=at, lastModified=at,
        requester=_person(who), owner=store.reference(department, department.name),
        reasonCode=r4.CodeableConcept(text=reason),
        input=[
            r4.TaskInput(type=concept(systems.STAY, field, name), valueString=handed[field])
            for field, name in HANDED.items()
            if handed.get(field)
        ] or None,
    )  # fmt: skip
    return await store.create(tx, in_name_of(who, Role.WARD_SERVICE), made)


async def accept(tx: Transaction, who: Subject, task_id: str) -> r4.Encounter:
    """She is the receiving department's from now on, without a bed yet; the one she had is to be cleaned.

    Raises:
        Conflict: it was answered already, or she has left meanwhile.
    """
    at, task = clock.now(), await _open(tx, who, task_id)
    stay = await moves.read(tx, who, id_of(task.focus) or "?")
    if stay.status != words.PRESENT or task.owner is None:
        raise Conflict(_("Người bệnh không còn nằm ở khoa chuyển."), where="luot")
    left = words.bed(stay)
    ward = r4.Reference(
        reference=f"Location/{places.ward_id(id_of(task.owner) or '')}", display=task.owner.display or ""
    )
    behind = in_name_of(who, Role.WARD_SERVICE)
    moved = words.in_place(_without_doctor(stay, stamp(at)), ward, words.WARD, at)
    moved = msgspec.structs.replace(moved, serviceProvider=task.owner)
    kept = await store.update(tx, behind, moves.attended(who, moved, at), if_match=version_of(stay))
    if left:
        await places.put(tx, who, await places.read(tx, who, left), words.TO_CLEAN)
    await _answered(tx, who, task, ACCEPTED)
    return kept


async def refuse(tx: Transaction, who: Subject, task_id: str, reason: str) -> r4.Task:
    """The receiving department does not take her, and says why.

    Raises:
        Conflict: it was answered already.
    """
    task = await _open(tx, who, task_id)
    said = msgspec.structs.replace(task, statusReason=r4.CodeableConcept(text=reason))
    return await _answered(tx, who, said, REFUSED)


async def withdraw(tx: Transaction, who: Subject, task_id: str) -> r4.Task:
    """Who asked thinks better of it.

    Raises:
        Conflict: it was answered already.
    """
    return await _answered(tx, who, await _open(tx, who, task_id), WITHDRAWN)


async def of_stay(tx: Transaction, who: Subject, stay_id: str) -> r4.Task | None:
    """What is asked for a stay and not answered."""
    asked = {"focus": f"Encounter/{stay_id}", "code": f"{systems.STAY}|{CODE}", "status": ASKED}
    return await store.first(tx, who, r4.Task, asked)


async def to_department(tx: Transaction, who: Subject, department: str) -> list[r4.Task]:
    """Who shall come here, the longest waiting first."""
    asked = {
        "owner": f"Organization/{department}", "code": f"{systems.STAY}|{CODE}", "status": ASKED, "_count": "100",
    }  # fmt: skip
    found = (await store.search(tx, who, r4.Task, asked)).resources
    return sorted(found, key=lambda one: one.authoredOn or "")


def handed_over(task: r4.Task) -> list[tuple[str, str]]:
    """(what, words) of what is handed over."""
    return [
        (_(HANDED[code]), one.valueString or "")
        for one in task.input or []
        if (code := code_of(one.type, systems.STAY)) in HANDED and code
    ]


async def _open(tx: Transaction, who: Subject, task_id: str) -> r4.Task:
    task = await store.read(tx, who, r4.Task, task_id)
    if code_of(task.code, systems.STAY) != CODE or task.status != ASKED:
        raise Conflict(_("Yêu cầu chuyển khoa này đã được trả lời."), where="yeu-cau")
    return task


async def _answered(tx: Transaction, who: Subject, task: r4.Task, status: str) -> r4.Task:
    said = msgspec.structs.replace(task, status=status, lastModified=stamp(clock.now()))
    return await store.update(tx, in_name_of(who, Role.WARD_SERVICE), said, if_match=version_of(task))


def _without_doctor(stay: r4.Encounter, at: str) -> r4.Encounter:
    """Who treated her does no more; the receiving doctor takes over."""
    people = [
        msgspec.structs.replace(one, period=msgspec.structs.replace(one.period or r4.Period(), end=at))
        if any(code_of(kind) == "ATND" for kind in one.type or []) and not (one.period and one.period.end)
        else one
        for one in stay.participant or []
    ]
    return msgspec.structs.replace(stay, participant=people or None)


def _person(who: Subject) -> r4.Reference | None:
    return r4.Reference(reference=f"Practitioner/{who.practitioner}", display=who.name) if who.practitioner else None
