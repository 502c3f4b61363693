"""A closed record is opened again only with a reason and by two people: a doctor asks, somebody of Phòng KHTH decides.

What is asked is a Task. Granted, the record begins anew with the answers of the closed one: that one stays, signed.
Source: TT 13/2025/TT-BYT Đ3; Luật KCB 15/2023 Đ7k10.
"""

from __future__ import annotations

from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid, NotFound
from benhan.core.kit.clock import now
from benhan.core.kit.text import nfc
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital.chart.records.gathering import Facts
from benhan.hospital.chart.records.kept import Kept, must_belong, the, writer
from benhan.hospital.chart.records.life import Event, must_allow
from benhan.hospital.visit import concept, stamp

REOPEN: Final = "reopen"
ASKED, GRANTED, REFUSED, DONE = "requested", "accepted", "rejected", "completed"
#: The longest reason.
MOST_WORDS: Final = 500


async def ask(tx: Transaction, who: Subject, found: Facts, reason: str) -> r4.Task:
    """Ask that the closed record is opened again. Asked already, it is that request.

    Raises:
        Invalid: no reason; Conflict: the record is not closed; Forbidden: not of the department.
    """
    await must_belong(tx, who, found.visit)
    kept = await the(tx, who, found.visit.id or "")
    must_allow(kept.state, Event.REOPEN)
    said = nfc(reason).strip()
    if not said or len(said) > MOST_WORDS:
        raise Invalid(_("Ghi lý do mở lại, tối đa %(n)s ký tự.", n=MOST_WORDS), where="reason")
    for one in await requests(tx, who, kept):
        if one.status in (ASKED, GRANTED):
            return one
    return await store.create(tx, who, r4.Task(
        status=ASKED, intent="proposal", code=concept(systems.RECORD_REQUEST, REOPEN, "Mở lại hồ sơ"),
        focus=store.reference(kept.record), for_=kept.record.subject, encounter=kept.record.encounter,
        authoredOn=stamp(now()), lastModified=stamp(now()), requester=_person(who),
        reasonCode=r4.CodeableConcept(text=said),
    ))  # fmt: skip


async def requests(tx: Transaction, who: Subject, kept: Kept) -> list[r4.Task]:
    """What was asked about this record as it stands, the oldest first."""
    asked = {"focus": f"QuestionnaireResponse/{kept.record.id}", "code": f"{systems.RECORD_REQUEST}|{REOPEN}"}
    found = await store.search(tx, who, r4.Task, {**asked, "_count": "20"})
    return sorted(found.resources, key=lambda one: one.authoredOn or "")


async def waiting(tx: Transaction, who: Subject) -> list[r4.Task]:
    """Every request that waits for a decision."""
    asked = {"code": f"{systems.RECORD_REQUEST}|{REOPEN}", "status": ASKED, "_count": "50"}
    return (await store.search(tx, who, r4.Task, asked)).resources


async def decide(tx: Transaction, who: Subject, visit: str, *, granted: bool) -> r4.Task:
    """Grant or refuse what is asked about the record of a visit.

    Raises:
        NotFound: nothing waits; Forbidden: it is not hers to decide, or she asked for it herself.
    """
    if not who.may(Permission.ARCHIVE):
        raise Forbidden(_("Chỉ phòng KHTH duyệt mở lại hồ sơ."), where="Task")
    kept = await the(tx, who, visit)
    asked = next((one for one in await requests(tx, who, kept) if one.status == ASKED), None)
    if asked is None:
        raise NotFound(_("Không có đề nghị mở lại nào đang chờ."))
    if _account(asked.requester) == who.account:
        raise Forbidden(_("Người đề nghị không tự duyệt: cần người thứ hai."), where="Task")
    decided = msgspec.structs.replace(
        asked, status=GRANTED if granted else REFUSED, owner=_person(who), lastModified=stamp(now())
    )
    return await store.update(tx, who, decided, if_match=version_of(asked))


async def reopen(tx: Transaction, who: Subject, found: Facts) -> Kept:
    """Begin the record anew with the answers of the closed one, after it was granted.

    Raises:
        Conflict: it is not closed, or nobody granted it; Forbidden: not of the department.
    """
    await must_belong(tx, who, found.visit)
    kept = await the(tx, who, found.visit.id or "")
    must_allow(kept.state, Event.REOPEN)
    granted = next((one for one in await requests(tx, who, kept) if one.status == GRANTED), None)
    if granted is None:
        raise Conflict(_("Chưa ai duyệt mở lại hồ sơ này."), advice=_("Đề nghị phòng KHTH, nêu lý do."))
    number = len(kept.former) + 2
    anew = msgspec.structs.replace(
        kept.record, id=f"{kept.visit}-{number}", meta=None, status="in-progress", author=writer(who),
        authored=stamp(now()),
    )  # fmt: skip
    made = await store.create(tx, who, anew)
    done = msgspec.structs.replace(granted, status=DONE, lastModified=stamp(now()))
    await store.update(tx, who, done, if_match=version_of(granted))
    return Kept(made, kept.form, [*kept.former, kept.record])


def _person(who: Subject) -> r4.Reference:
    """Who acts, with her account: a person of Phòng KHTH may be no practitioner."""
    me = writer(who)
    return r4.Reference(reference=me.reference, display=me.display, identifier=r4.Identifier(value=who.account))


def _account(person: r4.Reference | None) -> str | None:
    return person.identifier.value if person and person.identifier else None
