"""What a reviewer of access must know to see that an opening is unusual: who is who, and whether there was a visit.

It reads the identity of patients and staff and the dates of visits, nothing of a chart. Only who reviews access may
ask; the trace is that of her question (`access/reviewing.py`), not one for each name in the list.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from benhan.core.access import Subject
from benhan.core.access.acts import refuse_unless_reviewer
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4, systems
from benhan.core.fhir.search import PARAMETERS
from benhan.core.store import guarding
from benhan.core.store.bodies import body_of, whole
from benhan.core.store.records import NUMBERS
from benhan.core.store.rows import MARK, hash64

#: A visit explains an opening from so long before it (an appointment) to so long after (results, letters, claims).
BEFORE: Final = timedelta(days=30)
AFTER: Final = timedelta(days=30)
_OF_TYPE = f"select id, {body_of('r')} from resource r where facility = $1 and type = $2 and body is not null"
_BODIES = f"{_OF_TYPE} and id = any($3)"
_ALL = f"{_OF_TYPE} order by key limit 5000"
_VISITED = """
select asked.n from unnest($2::text[], $3::timestamptz[], $4::timestamptz[]) with ordinality asked(patient, lo, hi, n)
where exists (
    select from resource r join span s on s.rid = r.key
    where r.facility = $1 and r.patient = asked.patient and r.type = any($5::smallint[]) and r.body is not null
        and s.facility = $1 and s.param = any($6::smallint[]) and s.lo < asked.hi and s.hi > asked.lo)
"""
#: Of people who opened a record of somebody everybody knows (CEL), those who did not care for her, nor her department.
_NO_CARE = """
select asked.n from unnest($2::text[], $3::bigint[], $4::text[]) with ordinality asked(patient, mine, departments, n)
where exists (
    select from word w where w.facility = $1 and w.param = $5 and w.word = asked.patient and w.whole = '*CEL')
and not in_care($1, asked.patient, array[asked.mine] || rooms_of($1,
    array(select jsonb_array_elements_text(asked.departments::jsonb)::bigint), $6::smallint), $7::jsonb)
"""


class Reader(NamedTuple):
    """Whose record somebody opened, and who she is."""

    patient: str
    practitioner: str | None
    departments: tuple[str, ...]


class Face(msgspec.Struct, frozen=True):
    """Who somebody is, as a record says it."""

    id: str
    name: str
    birth: str
    number: str
    citizen: str
    phone: str
    street: str
    ward: str


async def patients(tx: Transaction, who: Subject, ids: Iterable[str]) -> dict[str, Face]:
    """Who these patients are.

    Raises:
        Forbidden: the caller may not read the audit.
    """
    refuse_unless_reviewer(who)
    rows = await tx.fetch(_BODIES, who.facility, NUMBERS["Patient"], sorted(set(ids)))
    return {row["id"]: _face(row["id"], codec.kept(row["body"], r4.Patient)) for row in whole(tx, rows)}


async def staff(tx: Transaction, who: Subject) -> dict[str, Face]:
    """Who works at the facility, by the id of the Practitioner.

    Raises:
        Forbidden: the caller may not read the audit.
    """
    refuse_unless_reviewer(who)
    rows = await tx.fetch(_ALL, who.facility, NUMBERS["Practitioner"])
    return {row["id"]: _face(row["id"], codec.kept(row["body"], r4.Practitioner)) for row in whole(tx, rows)}


async def visited(
    tx: Transaction, who: Subject, openings: Sequence[tuple[str, datetime, datetime]]
) -> set[tuple[str, datetime, datetime]]:
    """Which of these (patient, from, to) have a visit or an appointment around that time.

    Raises:
        Forbidden: the caller may not read the audit.
    """
    refuse_unless_reviewer(who)
    rows = await tx.fetch(
        _VISITED, who.facility, [one[0] for one in openings], [one[1] - AFTER for one in openings],
        [one[2] + BEFORE for one in openings], [NUMBERS["Encounter"], NUMBERS["Appointment"]],
        [PARAMETERS["Encounter"]["date"].id, PARAMETERS["Appointment"]["date"].id],
    )  # fmt: skip
    return {openings[row["n"] - 1] for row in rows}


async def without_care(tx: Transaction, who: Subject, readers: Sequence[Reader]) -> set[Reader]:
    """Which of these opened the record of somebody everybody knows without a care relation, as it is now.

    Raises:
        Forbidden: the caller may not read the audit.
    """
    refuse_unless_reviewer(who)
    rows = await tx.fetch(
        _NO_CARE, who.facility, [one.patient for one in readers],
        [hash64(f"Practitioner/{one.practitioner or ''}") for one in readers],
        [json.dumps([hash64(f"Organization/{id_}") for id_ in one.departments]) for one in readers], MARK,
        guarding.CARE["place"], json.dumps(guarding.CARE),
    )  # fmt: skip
    return {readers[row["n"] - 1] for row in rows}


def _face(id_: str, one: r4.Patient | r4.Practitioner) -> Face:
    name = next(iter(one.name or ()), None)
    address = next(iter(one.address or ()), None)
    numbers = {found.system: found.value or "" for found in one.identifier or ()}
    phone = next((found.value or "" for found in one.telecom or () if found.system == "phone"), "")
    parts = (name.family, *(name.given or ())) if name else ()
    ward = (address.city, address.district, address.state) if address else ()
    return Face(
        id=id_,
        name=(name.text or " ".join(part for part in parts if part)) if name else "",
        birth=one.birthDate or "",
        number=numbers.get(systems.PATIENT_NUMBER, ""),
        citizen=numbers.get(systems.CCCD, ""),
        phone=phone,
        street=" ".join(line for line in (address.line or ()) if line) if address else "",
        ward=" ".join(part for part in ward if part),
    )
