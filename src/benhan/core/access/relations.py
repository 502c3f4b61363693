"""Who acts for a patient: named by her, or recorded at the desk; accepted by the other, ended at once by either side.

The relation is asked in the statement that verifies every request (`session_stands`, migration 0021): one that has
ended, by somebody or by the calendar, opens nothing from the next request on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from benhan.core.access.acting import Kind, Part
from benhan.core.access.audit import Event, record
from benhan.core.access.phone_steps import of_phone
from benhan.core.access.subject import Subject
from benhan.core.db import PLATFORM, Transaction
from benhan.core.fhir.outcome import Forbidden, NotFound
from benhan.core.language import _


class Naming(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of somebody who shall act for a patient. `proof`: the paper that was seen, and by whom."""

    name: str
    phone: str
    birth: date
    kind: Kind
    parts: frozenset[Part]
    labelled: bool
    ends: date | None
    proof: str


class Acting(msgspec.Struct, frozen=True):
    """Somebody who acts, or may once she accepts, for a patient."""

    id: str
    name: str
    kind: Kind
    parts: tuple[Part, ...]
    labelled: bool
    proof: str
    made: datetime
    accepted: datetime | None
    ends: date | None
    ended: datetime | None
    over: bool


async def add(tx: Transaction, who: Subject, id_: str, patient: str, about: str, of: Naming) -> None:
    """Keep a relation under the id of its RelatedPerson; it opens nothing before the other accepts."""
    await tx.execute(
        "insert into relation (id, facility, patient, about, name, phone_hash, birth, kind, parts, labelled, proof,"
        " made_by, ends) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        id_, who.facility, patient, about, of.name, await of_phone(tx, who.facility, of.phone), of.birth, of.kind,
        sorted(of.parts), of.labelled, of.proof, who.account, of.ends,
    )  # fmt: skip
    said = f"{of.kind}: {' '.join(sorted(of.parts))}{' labelled' if of.labelled else ''}; {of.proof}"
    record(tx, who, Event("relation-name", "RelatedPerson", id_, patient, rule=str(of.kind), detail=said))


async def of_patient(tx: Transaction, who: Subject, patient: str) -> Sequence[Acting]:
    """Who acts, acted or may act for a patient of the caller's facility, those who do first.

    Raises:
        Forbidden: a patient asks about another.
    """
    _hers(who, patient)
    rows = await tx.fetch(
        "select r.*, r.ended is not null or r.ends <= (now() at time zone 'Asia/Ho_Chi_Minh')::date as over"
        " from relation r where facility = $1 and patient = $2 order by over nulls first, made desc limit 100",
        who.facility, patient,
    )  # fmt: skip
    return [_acting(row) for row in rows]


async def accept(tx: Transaction, who: Subject, relation: str) -> None:
    """She says yes: from now on it opens what it says.

    Raises:
        NotFound: nothing of that name waits for her.
    """
    await tx.reach(PLATFORM)
    row = await tx.fetchrow(
        "update relation set accepted = now() where id = $1 and person = $2 and accepted is null and ended is null"
        " returning facility, patient, kind",
        relation, who.person,
    )  # fmt: skip
    if row is None:
        raise NotFound(_("Không có lời mời này, hoặc đã chấm dứt."))
    there = msgspec.structs.replace(who, facility=row["facility"], account=f"person:{who.person}")
    record(tx, there, Event("relation-accept", "RelatedPerson", relation, row["patient"], rule=row["kind"]))


async def end(tx: Transaction, who: Subject, patient: str, relation: str) -> None:
    """End a relation of a patient, at once.

    Raises:
        Forbidden: a patient ends another's. NotFound: there is none that stands.
    """
    _hers(who, patient)
    row = await tx.fetchrow(
        "update relation set ended = now(), ended_by = $4 where facility = $1 and patient = $2 and id = $3"
        " and ended is null returning kind",
        who.facility, patient, relation, who.account,
    )  # fmt: skip
    if row is None:
        raise NotFound(_("Quan hệ này không có, hoặc đã chấm dứt."))
    record(tx, who, Event("relation-end", "RelatedPerson", relation, patient, rule=row["kind"]))


async def leave(tx: Transaction, who: Subject, relation: str) -> Subject:
    """Who acts, or was asked to, does not want it (any more); gives her at the facility of the relation.

    Raises:
        NotFound: there is none of hers that stands.
    """
    await tx.reach(PLATFORM)
    row = await tx.fetchrow(
        "update relation set ended = now(), ended_by = $3 where id = $1 and person = $2 and ended is null"
        " returning facility, patient, kind",
        relation, who.person, f"person:{who.person}",
    )  # fmt: skip
    if row is None:
        raise NotFound(_("Quan hệ này không có, hoặc đã chấm dứt."))
    there = msgspec.structs.replace(who, facility=row["facility"], account=f"person:{who.person}")
    record(tx, there, Event("relation-end", "RelatedPerson", relation, row["patient"], rule=row["kind"]))
    return there


def _hers(who: Subject, patient: str) -> None:
    if who.patient is not None and (who.patient != patient or who.relation is not None):
        raise Forbidden(_("Chỉ người bệnh, hoặc quầy tiếp đón, xem và đổi được người thay mặt."))


def _acting(row: Any) -> Acting:
    return Acting(
        row["id"], row["name"], Kind(row["kind"]), tuple(Part(one) for one in row["parts"]), row["labelled"],
        row["proof"], row["made"], row["accepted"], row["ends"], row["ended"], row["over"],
    )  # fmt: skip
