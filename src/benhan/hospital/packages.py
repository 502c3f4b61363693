"""Packages of examinations ("gói khám"): an examination in a specialty with services, at one price. PlanDefinitions.

Booking one reserves a time of its specialty and says in the appointment which package it is; its services are ordered
by the doctor, who may order them all at once. Its price stands in the price list under the id of the package.
Source: Luật KCB 15/2023 Đ110 (services and prices are posted).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Invalid, NotFound
from benhan.core.kit import codes
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital.visit import IMAGING, LABORATORY, code_of, concept, display_of, id_of

MOST_SERVICES: Final = 60
_KINDS: Final = frozenset({LABORATORY, IMAGING})
_ORDER_SET: Final = concept("http://terminology.hl7.org/CodeSystem/plan-definition-type", "order-set", "Order Set")


class Package(msgspec.Struct, frozen=True):
    """A package: its specialty (a code of SPECIALTY) and its services, as code and name."""

    id: str
    name: str
    note: str
    specialty: str
    specialty_name: str
    services: tuple[tuple[str, str], ...]
    active: bool

    @property
    def codes(self) -> frozenset[str]:
        """The codes of its services."""
        return frozenset(code for code, _name in self.services)


async def every(tx: Transaction, who: Subject, *, retired: bool = False) -> list[Package]:
    """The packages that can be booked, by name; with those that no longer can."""
    status = "active,retired" if retired else "active"
    found = (await store.search(tx, who, r4.PlanDefinition, {"status": status, "_count": "500"})).resources
    return sorted((_package(one) for one in found if _is_package(one)), key=lambda one: (not one.active, one.name))


async def one(tx: Transaction, who: Subject, id_: str) -> Package:
    """A package.

    Raises:
        NotFound: there is none of this id.
    """
    found = (await store.read_many(tx, who, r4.PlanDefinition, [id_])).get(id_)
    if found is None or not _is_package(found):
        raise NotFound(_("Không có gói khám này."), where="package")
    return _package(found)


async def among(tx: Transaction, who: Subject, booked: Iterable[r4.Appointment]) -> Package | None:
    """The package that one of these bookings is of."""
    ids = [id_ for one in booked if (id_ := chosen(one))]
    return await one(tx, who, ids[0]) if ids else None


def chosen(booking: r4.Appointment) -> str | None:
    """The id of the package that was booked."""
    said = (one.valueReference for one in booking.extension or [] if one.url == systems.EXTENSION_PACKAGE)
    return id_of(next(said, None))


def name_of(booking: r4.Appointment) -> str:
    """The name of the package that was booked, as it was then."""
    said = (one.valueReference for one in booking.extension or [] if one.url == systems.EXTENSION_PACKAGE)
    return next((one.display or "" for one in said if one), "")


def said(package: Package) -> r4.Extension:
    """The package, as the booking carries it."""
    to = r4.Reference(reference=f"PlanDefinition/{package.id}", display=package.name)
    return r4.Extension(url=systems.EXTENSION_PACKAGE, valueReference=to)


def check_specialty(package: str, specialty: str, slot: r4.Slot) -> None:
    """A package is booked at a time of its specialty.

    Raises:
        Invalid: this is one of another.
    """
    if specialty not in {code_of(one, systems.SPECIALTY) for one in slot.specialty or []}:
        raise Invalid(_("Giờ này không thuộc chuyên khoa của gói khám."), where=package)


async def keep(
    tx: Transaction, who: Subject, former: str, name: str, note: str, specialty: r4.CodeableConcept,
    services: Sequence[str], *, active: bool,
) -> str:  # fmt: skip
    """Write a package, `former` or a new one; gives its id.

    Raises:
        Forbidden; Invalid: no services, too many, or one that is not ordered here; NotFound: there is no former one.
    """
    if not 0 < len(services) <= MOST_SERVICES:
        raise Invalid(_("Gói khám gồm 1 đến %(n)s dịch vụ.", n=MOST_SERVICES), where="services")
    actions = [_action(code) for code in dict.fromkeys(services)]
    id_ = former or f"goi-{secrets.token_hex(5)}"
    made = r4.PlanDefinition(
        id=id_, type=_ORDER_SET, status="active" if active else "retired", title=name, description=note or None,
        topic=[specialty], action=actions,
    )  # fmt: skip
    if not former:
        return (await store.create(tx, who, made)).id or ""
    kept = await store.read(tx, who, r4.PlanDefinition, former)
    await store.update(tx, who, made, if_match=version_of(kept))
    return id_


def _action(code: str) -> r4.PlanDefinitionAction:
    service = codes.services().get(code)
    if service is None or service["kind"] not in _KINDS:
        raise Invalid(
            _("Không có xét nghiệm hay kỹ thuật hình ảnh mã %(code)s.", code=code[:20]), where="services",
            advice=_("Mỗi dòng một mã của TT 23/2024."),
        )  # fmt: skip
    return r4.PlanDefinitionAction(title=service.name, code=[concept(systems.SERVICES, service.code, service.name)])


def _is_package(kept: r4.PlanDefinition) -> bool:
    return code_of(kept.type) == "order-set" and bool(kept.topic)


def _package(kept: r4.PlanDefinition) -> Package:
    specialty = (kept.topic or [r4.CodeableConcept()])[0]
    named = [
        (code_of(next(iter(one.code or []), None), systems.SERVICES) or "", one.title or "")
        for one in kept.action or []
    ]
    return Package(
        kept.id or "", kept.title or "", kept.description or "", code_of(specialty, systems.SPECIALTY) or "",
        display_of(specialty), tuple(named), kept.status == "active",
    )  # fmt: skip
