"""Naming who acts for a patient: a RelatedPerson of her record, and the relation that the policy asks for."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject, acting, relations, service
from benhan.core.access.acting import KIND_NAMES, Kind, Part
from benhan.core.access.relations import Naming
from benhan.core.db import PLATFORM, Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Gone, Invalid, NotFound
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.hospital.visit import concept, full_name, human_name

#: Codes of v3-RoleCode for the kinds.
CODES = {Kind.GUARDIAN: "GUARD", Kind.COURT_GUARDIAN: "GUARD", Kind.NAMED: "POWATT"}
#: What a guardian has: all of it, and labelled records too (never a minor's own affairs).
WHOLE = frozenset({Part.CHART})


async def name(
    tx: Transaction, who: Subject, called: str, phone: str, born: date, parts: frozenset[Part], *, labelled: bool,
    ends: date | None,
) -> None:  # fmt: skip
    """The patient names somebody; it opens nothing before the other signed in and accepted.

    Raises:
        Invalid: no part is named, or it would last longer than a year.
    """
    if not parts:
        raise Invalid(_("Chọn ít nhất một phần của hồ sơ."), where="parts")
    at_most = acting.last_end(Kind.NAMED, None, clock.today()) or clock.today()
    if ends is not None and not clock.today() < ends <= at_most:
        raise Invalid(_("Chọn một ngày sau hôm nay, trong vòng một năm."), where="ends")
    person = await store.read(tx, who, r4.Patient, who.patient or "")
    of = Naming(
        name=called,
        phone=phone,
        birth=born,
        kind=Kind.NAMED,
        parts=parts,
        labelled=labelled,
        ends=ends or at_most,
        proof=_("người bệnh tự cử trên trang của mình"),
    )
    await _keep(tx, who, person, of)


async def record_guardian(
    tx: Transaction, who: Subject, patient: str, called: str, phone: str, born: date, kind: Kind, seen: str,
    ends: date | None,
) -> None:  # fmt: skip
    """Staff saw the paper by which somebody is a guardian. A minor's is none from her eighteenth birthday on.

    Raises:
        Invalid: the patient is no minor, or nobody knows when she was born, or the end lies behind.
        Forbidden, NotFound: not a patient of whom `who` may know.
    """
    person = await store.read(tx, who, r4.Patient, patient)
    try:
        latest = acting.last_end(kind, _birth(person), clock.today())
    except ValueError:
        raise Invalid(
            _("Người bệnh đã đủ 18 tuổi, hoặc hồ sơ chưa có đủ ngày sinh."), where="kind",
            advice=_("Người đã đủ 18 tuổi tự cử người thân trên trang của mình."),
        ) from None  # fmt: skip
    if ends is not None and ends <= clock.today():
        raise Invalid(_("Chọn một ngày sau hôm nay."), where="ends")
    of = Naming(
        name=called,
        phone=phone,
        birth=born,
        kind=kind,
        parts=WHOLE,
        labelled=True,
        ends=min(filter(None, (ends, latest)), default=None),
        proof=f"{seen} · {who.name}",
    )
    await _keep(tx, who, person, of)


async def end(tx: Transaction, who: Subject, patient: str, relation: str) -> None:
    """End it, at once, with its record.

    Raises:
        Forbidden: it is another's. NotFound: there is none that stands.
    """
    await relations.end(tx, who, patient, relation)
    await store.change(tx, who, r4.RelatedPerson, relation, _over)


async def leave(tx: Transaction, who: Subject, relation: str) -> None:
    """Who acts, or was asked to, does not want it (any more): it ends at once, with its record, at whatever hospital.

    The transaction reaches over the platform afterwards, where her account is.

    Raises:
        NotFound: there is none of hers that stands.
    """
    there = await relations.leave(tx, who, relation)
    door = msgspec.structs.replace(
        service(Role.RELATION_SERVICE, there.facility), account=there.account, name=who.name, session=who.session
    )
    await tx.reach(there.facility)
    with suppress(NotFound, Gone):  # somebody removed the record: she is free all the same
        await store.change(tx, door, r4.RelatedPerson, relation, _over)
    await tx.reach(PLATFORM)


def _over(one: r4.RelatedPerson) -> r4.RelatedPerson:
    one.active = False
    one.period = r4.Period(start=one.period.start if one.period else None, end=clock.now().isoformat())
    return one


async def _keep(tx: Transaction, who: Subject, person: r4.Patient, of: Naming) -> None:
    made = await store.create(
        tx, who,
        r4.RelatedPerson(
            active=True, patient=r4.Reference(reference=f"Patient/{person.id}"), name=[human_name(of.name)],
            relationship=[concept(systems.ROLE_CODE, CODES[of.kind], _(KIND_NAMES[of.kind]))],
            telecom=[r4.ContactPoint(system="phone", value=of.phone, use="mobile")], birthDate=of.birth.isoformat(),
            period=r4.Period(start=clock.today().isoformat(), end=of.ends.isoformat() if of.ends else None),
        ),
    )  # fmt: skip
    await relations.add(tx, who, made.id or "", person.id or "", full_name(person), of)


def _birth(person: r4.Patient) -> date | None:
    """The whole date; where only a year is known, nobody's majority can be told."""
    try:
        return date.fromisoformat(person.birthDate or "")
    except ValueError:
        return None
