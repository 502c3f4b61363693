"""Closing a record: what is missing, the doctor's signature of its exact answers, and what is added afterwards.

Source: TT 13/2025/TT-BYT Đ3 (signing), Luật KCB 15/2023 Đ7k10 (nothing signed is changed: additions are papers of
their own).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject, signature
from benhan.core.access.accounts import confirm_password
from benhan.core.access.audit import Event as Trace
from benhan.core.access.audit import record as leave
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4, systems
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit.clock import now
from benhan.core.kit.text import nfc
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital.chart.records import checking
from benhan.hospital.chart.records.gathering import Facts
from benhan.hospital.chart.records.kept import Kept, must_belong, the, writer
from benhan.hospital.chart.records.life import Event, State, must_allow
from benhan.hospital.visit import concept, narrative, plain, stamp

#: LOINC: a paper that adds to another one.
ADDENDUM: Final = "55107-7"
#: The longest addition.
MOST_WORDS: Final = 8000


class Signed(msgspec.Struct, frozen=True):
    """A signature of this record: who, when, and whether what it covers is still what was signed."""

    name: str
    when: str
    hash: str
    intact: bool


async def check(tx: Transaction, who: Subject, kept: Kept, found: Facts) -> list[checking.Obstacle]:
    """What keeps the record from being closed."""
    notes = await _notes(tx, who, kept.visit)
    return checking.obstacles(kept.form, kept.record, found, notes)


async def close(tx: Transaction, who: Subject, found: Facts, seen: str, password: str) -> Kept:
    """Close the record and sign its answers. `seen`: the version that the check was shown for. Twice is once.

    Raises:
        Conflict: it is no open record; Forbidden: not of the department.
        Invalid: something is missing, it changed since it was checked, or the password is wrong; nothing is written.
    """
    await must_belong(tx, who, found.visit)
    kept = await the(tx, who, found.visit.id or "")
    if kept.state is State.CLOSED:
        return kept
    must_allow(kept.state, Event.CLOSE)
    if seen != version_of(kept.record):
        raise Invalid(_("Hồ sơ đã thay đổi từ lúc kiểm tra: xem lại danh sách rồi ký."))
    if lacking := await check(tx, who, kept, found):
        raise Invalid(_("Chưa đóng được: còn %(n)s chỗ.", n=len(lacking)))
    await confirmed(tx, who, password)
    done = msgspec.structs.replace(kept.record, status="completed", authored=stamp(now()))
    closed = await store.update(tx, who, done, if_match=version_of(kept.record))
    await sign(tx, who, found.visit, [closed])
    return Kept(closed, kept.form, kept.former)


async def add(tx: Transaction, who: Subject, found: Facts, text: str, password: str) -> r4.Composition:
    """Add to a closed record, signed. The same words a second time (a double click) give the first.

    Raises:
        Invalid: no words, too many, or a wrong password; Conflict: it is still open; Forbidden: not of the department.
    """
    await must_belong(tx, who, found.visit)
    kept = await the(tx, who, found.visit.id or "")
    must_allow(kept.state, Event.ADD)
    said = "\n".join(nfc(line).strip() for line in text.splitlines()).strip()
    if not said or len(said) > MOST_WORDS:
        raise Invalid(_("Ghi nội dung bổ sung, tối đa %(n)s ký tự.", n=MOST_WORDS), where="text")
    for one in await addenda(tx, who, kept.visit):
        if addendum_text(one) == said:
            return one
    await confirmed(tx, who, password)
    me = writer(who)
    made = await store.create(tx, who, r4.Composition(
        status="final", type=concept(systems.LOINC, ADDENDUM, "Bổ sung hồ sơ bệnh án"), subject=kept.record.subject,
        encounter=kept.record.encounter, date=stamp(now()), author=[me], title="Bổ sung hồ sơ bệnh án",
        event=[r4.CompositionEvent(detail=[store.reference(kept.record)])],
        section=[r4.CompositionSection(title="Bổ sung", author=[me], text=narrative(said))],
    ))  # fmt: skip
    await sign(tx, who, found.visit, [made])
    return made


async def addenda(tx: Transaction, who: Subject, visit: str) -> list[r4.Composition]:
    """What was added to the record, the oldest first."""
    found = await store.search(
        tx, who, r4.Composition,
        {"encounter": f"Encounter/{visit}", "type": f"{systems.LOINC}|{ADDENDUM}", "_count": "50"},
    )  # fmt: skip
    return sorted((one for one in found.resources if one.status == "final"), key=lambda one: one.date or "")


def addendum_text(one: r4.Composition) -> str:
    """What an addition says."""
    return "\n".join(plain(section.text) for section in one.section or [])


async def signed(tx: Transaction, who: Subject, record: r4.QuestionnaireResponse) -> list[Signed]:
    """The signatures of a record, its hash taken again over what stands there now."""
    found = await store.search(
        tx, who, r4.Provenance, {"target": f"QuestionnaireResponse/{record.id}", "_count": "20"}
    )  # fmt: skip
    given = [one for made in found.resources if (one := signature.read(made)) is not None]
    return [
        Signed(one.name, one.when, one.hash, await asyncio.to_thread(one.matches, [record]))
        for one in sorted(given, key=lambda one: one.when)
    ]


async def _notes(tx: Transaction, who: Subject, visit: str) -> list[r4.Composition]:
    found = await store.search(tx, who, r4.Composition, {"encounter": f"Encounter/{visit}", "_count": "100"})
    return sorted(found.resources, key=lambda one: one.date or "")


async def confirmed(tx: Transaction, who: Subject, password: str) -> None:
    """Go on only with her password.

    Raises:
        Invalid: it is another.
    """
    if not await confirm_password(tx, who, password):
        raise Invalid(_("Mật khẩu không đúng. Chưa ký."), where="password")


async def sign(
    tx: Transaction, who: Subject, visit: r4.Encounter, records: Sequence[r4.Resource], *, closes: bool = True
) -> None:
    """Sign these records of a visit by her password, and leave the trace of it.

    A signature that names the visit closes it; not `closes`: it names the patient alone, and the visit goes on.
    """
    about = [visit.subject or r4.Reference()]
    if closes:
        about.append(r4.Reference(reference=f"Encounter/{visit.id}"))
    made = signature.provenance(
        records, account=who.account, signer=writer(who), when=now().isoformat(timespec="milliseconds"), about=about
    )
    kept = await store.create(tx, who, made)
    patient = (visit.subject.reference or "").removeprefix("Patient/") if visit.subject else None
    named = ", ".join(f"{codec.type_name(one)}/{one.id}" for one in records)
    leave(tx, who, Trace("sign", "Provenance", kept.id, patient, rule="password", detail=named))
