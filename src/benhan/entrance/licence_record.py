"""A practice licence in the record: `Practitioner.qualification` says the same as the account, and is written with it.

Source: Law 15/2023/QH15 art. 27; VN Core (identifier system of the practice certificate).
"""

from __future__ import annotations

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.access.staff import Person
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.store.records import version_of


async def keep(tx: Transaction, who: Subject, person: Person) -> None:
    """Write the licence into the record of the practitioner that the account belongs to; other qualifications stay."""
    if person.practitioner is None:
        return
    former = await store.read(tx, who, r4.Practitioner, person.practitioner)
    others = [one for one in former.qualification or [] if not _is_licence(one)]
    told = [*others, *([_qualification(person)] if person.licence else [])]
    changed = msgspec.structs.replace(former, qualification=told or None)
    if changed != former:
        await store.update(tx, who, changed, if_match=version_of(former))


def _is_licence(one: r4.PractitionerQualification) -> bool:
    return any(said.system == systems.PRACTICE_CERTIFICATE for said in one.identifier or [])


def _qualification(person: Person) -> r4.PractitionerQualification:
    start, end = (day.isoformat() if day else None for day in (person.licence_issued, person.licence_ends))
    return r4.PractitionerQualification(
        identifier=[r4.Identifier(system=systems.PRACTICE_CERTIFICATE, value=person.licence)],
        code=r4.CodeableConcept(text=person.licence_scope or "Giấy phép hành nghề"),
        period=r4.Period(start=start, end=end) if start or end else None,
        issuer=r4.Reference(display=person.licence_issuer) if person.licence_issuer else None,
    )
