"""Whom the glass is broken for: found by the record that was refused, or by a number that stands on paper.

The program looks itself (`service`), because the record is closed to who asks; she is told nothing before it is open.
The reviewer of access finds a patient by number in the same way (`of_number`).
"""

from __future__ import annotations

import re

from benhan.core.access import Role, Subject, service
from benhan.core.access.glass import Whom
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import NotFound
from benhan.core.kit.persons import full_name
from benhan.core.language import _
from benhan.core.store.read import read
from benhan.core.store.records import NUMBERS
from benhan.core.store.search import first


async def whom(tx: Transaction, who: Subject, record: str, number: str) -> Whom:
    """The patient of a record (`Type/id`), or of a record number, citizen number or visit number.

    Raises:
        NotFound: there is none.
    """
    patient = await _of_record(tx, who.facility, record) if record else await of_number(tx, who.facility, number)
    if patient is None:
        raise NotFound(_("Không có người bệnh mang số này ở cơ sở."), where="number")
    found = await read(tx, service(Role.FINDER_SERVICE, who.facility), r4.Patient, patient)
    numbers = (one.value for one in found.identifier or () if one.system == systems.PATIENT_NUMBER)
    return Whom(patient, " · ".join(filter(None, (full_name(found), next(numbers, None)))))


async def _of_record(tx: Transaction, facility: int, record: str) -> str | None:
    name, _slash, id_ = record.partition("/")
    patient: str | None = await tx.fetchval(
        "select patient from resource where facility = $1 and type = $2 and id = $3",
        facility, NUMBERS.get(name, 0), id_,
    )  # fmt: skip
    return patient


async def of_number(tx: Transaction, facility: int, number: str) -> str | None:
    """The patient of a record number, a citizen number or the number of a visit, whatever her labels."""
    finder, number = service(Role.FINDER_SERVICE, facility), number.strip()
    if not re.fullmatch(r"[\w./-]{3,64}", number):
        return None
    for system in (systems.PATIENT_NUMBER, systems.CCCD):
        if found := await first(tx, finder, r4.Patient, {"identifier": f"{system}|{number}"}):
            return found.id
    visit = await first(tx, finder, r4.Encounter, {"identifier": f"{systems.VISIT_NUMBER}|{number}"})
    return visit.subject.reference.rpartition("/")[2] if visit and visit.subject and visit.subject.reference else None
