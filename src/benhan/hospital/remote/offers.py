"""What is offered at a distance: the specialties that the administrator has declared, and who sees people in them.

Source: NĐ 96/2023/NĐ-CP art. 87 clause 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit.persons import full_name
from benhan.core.store.records import version_of
from benhan.hospital.visit import code_of, concept, id_of

#: A specialty (HealthcareService) that the facility has declared to be offered at a distance carries this code.
OFFERED: Final = "offered"
MOST: Final = "200"


class Doctor(msgspec.Struct, frozen=True):
    """Somebody who sees people at a distance."""

    id: str
    name: str


class Specialty(msgspec.Struct, frozen=True):
    """A specialty that is offered at a distance; `code` is that of the specialty."""

    service: str
    code: str
    name: str
    doctors: tuple[Doctor, ...]


async def offered(tx: Transaction, who: Subject) -> list[Specialty]:
    """The specialties that the facility sees people in at a distance, with their doctors, by name."""
    behind = in_name_of(who, Role.REMOTE_SERVICE)
    services = [one for one in await _services(tx, behind) if is_offered(one)]
    roles = (await store.search(tx, behind, r4.PractitionerRole, {"active": "true", "_count": "1000"})).resources
    people = await store.read_many(tx, behind, r4.Practitioner, [id_of(one.practitioner) for one in roles])
    names = {id_: full_name(one) for id_, one in people.items()}
    found = [
        Specialty(one.id or "", _specialty_code(one), one.name or "", _doctors(roles, names, one)) for one in services
    ]
    return sorted((one for one in found if one.doctors), key=lambda one: one.name)


async def services(tx: Transaction, who: Subject) -> list[r4.HealthcareService]:
    """All specialties of the house, by name.

    Raises:
        Forbidden: she does not administer the facility.
    """
    who.must_administer("HealthcareService")
    return sorted(await _services(tx, who), key=lambda one: one.name or "")


async def offer(tx: Transaction, who: Subject, chosen: Sequence[str]) -> None:
    """These specialties and no others are offered at a distance. Source: NĐ 96/2023/NĐ-CP art. 87 clause 2.

    Raises:
        Forbidden: she does not administer the facility.
    """
    for one in await services(tx, who):
        if is_offered(one) is not (one.id in chosen):
            others = [kind for kind in one.characteristic or [] if code_of(kind, systems.REMOTE) != OFFERED]
            mark = [concept(systems.REMOTE, OFFERED, "Khám từ xa")] if one.id in chosen else []
            changed = msgspec.structs.replace(one, characteristic=[*others, *mark] or None)
            await store.update(tx, who, changed, if_match=version_of(one))


def is_offered(service: r4.HealthcareService) -> bool:
    """Whether the facility has declared this specialty to be offered at a distance."""
    return any(code_of(one, systems.REMOTE) == OFFERED for one in service.characteristic or [])


async def _services(tx: Transaction, who: Subject) -> list[r4.HealthcareService]:
    return list((await store.search(tx, who, r4.HealthcareService, {"active": "true", "_count": MOST})).resources)


def _specialty_code(service: r4.HealthcareService) -> str:
    return next((code for one in service.specialty or [] if (code := code_of(one))), "")


def _doctors(
    roles: Sequence[r4.PractitionerRole], names: Mapping[str, str], service: r4.HealthcareService
) -> tuple[Doctor, ...]:
    found = {
        id_: Doctor(id_, names[id_])
        for one in roles
        if any(id_of(of) == service.id for of in one.healthcareService or [])
        and any(code_of(work) == "doctor" for work in one.code or [])
        and (id_ := id_of(one.practitioner) or "") in names
    }
    return tuple(sorted(found.values(), key=lambda one: one.name))
