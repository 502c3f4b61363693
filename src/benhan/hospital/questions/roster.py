"""Who answers questions of which specialty, in which hours: PractitionerRoles of their own, kept by planning.

Not the role by which a doctor works in her room: FHIR gives a PractitionerRole its own hours, and who stops answering
goes on working.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Invalid, NotFound
from benhan.core.language import _
from benhan.hospital.questions import rules
from benhan.hospital.questions.rules import Registered
from benhan.hospital.visit import code_of
from benhan.hospital.weekly import DAYS, Session

ANSWERS: Final = "answers-questions"
_OURS: Final = {"role": f"{systems.DUTY}|{ANSWERS}", "_count": "500"}


async def everybody(tx: Transaction, who: Subject) -> list[Registered]:
    """Who is registered now, by specialty and name."""
    behind = service(Role.QUESTION_SERVICE, who.facility)
    found = await store.search(tx, behind, r4.PractitionerRole, {**_OURS, "active": "true"})
    return sorted(map(rules.registered, found.resources), key=lambda one: (one.specialty, one.doctor))


async def choices(tx: Transaction, who: Subject) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The doctors and the specialties that can be registered: id and name."""
    roles = (await store.search(tx, who, r4.PractitionerRole, {"active": "true", "_count": "500"})).resources
    doctors = {
        role.practitioner.reference.rpartition("/")[2]: role.practitioner.display or ""
        for role in roles
        if role.practitioner and role.practitioner.reference and code_of(next(iter(role.code or []), None)) == "doctor"
    }
    offered = await store.search(tx, who, r4.HealthcareService, {"active": "true", "_count": "200"})
    services = {one.id or "": one.name or "" for one in offered.resources}
    return [sorted(named.items(), key=lambda pair: pair[1]) for named in (doctors, services)]  # type: ignore[return-value]


async def register(
    tx: Transaction, who: Subject, doctor: tuple[str, str], offered: tuple[str, str], sessions: Sequence[Session]
) -> None:
    """She answers in these hours from now on; registered before, the hours change.

    Raises:
        Forbidden: `who` keeps no roster; Invalid: no hours, or one ends before it begins.
    """
    if not sessions or not all(one.sound for one in sessions):
        raise Invalid(_("Mỗi buổi cần ngày trong tuần, giờ bắt đầu trước giờ kết thúc."), where="days1")
    await store.update(tx, who, r4.PractitionerRole(
        id=_id(doctor[0], offered[0]), active=True,
        practitioner=r4.Reference(reference=f"Practitioner/{doctor[0]}", display=doctor[1]),
        code=[r4.CodeableConcept(coding=[r4.Coding(system=systems.DUTY, code=ANSWERS)])],
        healthcareService=[r4.Reference(reference=f"HealthcareService/{offered[0]}", display=offered[1])],
        availableTime=[
            r4.PractitionerRoleAvailableTime(
                daysOfWeek=[DAYS[day] for day in one.days], availableStartTime=f"{one.start:%H:%M:%S}",
                availableEndTime=f"{one.end:%H:%M:%S}",
            )
            for one in sessions
        ],
    ), if_match=None)  # fmt: skip


async def set_active(tx: Transaction, who: Subject, id_: str, *, active: bool) -> None:
    """She answers no more, or again; questions that she has stay hers.

    Raises:
        Forbidden, NotFound.
    """

    def edited(kept: r4.PractitionerRole) -> r4.PractitionerRole:
        if code_of(next(iter(kept.code or []), None), systems.DUTY) != ANSWERS:
            raise NotFound(_("Không có đăng ký này."))
        return msgspec.structs.replace(kept, active=active)

    await store.change(tx, who, r4.PractitionerRole, id_, edited)


def _id(practitioner: str, offered: str) -> str:
    return blake2b(f"{practitioner}\n{offered}".encode(), digest_size=16).hexdigest()
