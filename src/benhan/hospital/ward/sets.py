"""Order sets of a department: made of a draft's orders, named, used again. A PlanDefinition each (type order-set).

Each order of a set is an ActivityDefinition inside it. Nothing in a set names a patient. Source: HL7 FHIR R4
PlanDefinition, ActivityDefinition.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid, NotFound
from benhan.core.kit import codes
from benhan.core.kit.text import fold
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital import medicine_warnings, medicines
from benhan.hospital.daily import Order
from benhan.hospital.medicine_warnings import NeedsReason, Warned
from benhan.hospital.medicines import Medicine
from benhan.hospital.visit import code_of, display_of, id_of
from benhan.hospital.ward import entries, order_lines, orders
from benhan.hospital.ward.entries import Sheet
from benhan.hospital.ward.order_lines import Given, Kind, Line

MOST_NAME: Final = 80
_TYPE: Final = "http://terminology.hl7.org/CodeSystem/plan-definition-type"
_CONTEXT: Final = "http://terminology.hl7.org/CodeSystem/usage-context-type"


class OrderSet(msgspec.Struct, frozen=True):
    """A set: its orders in words."""

    id: str
    name: str
    department: str
    lines: tuple[str, ...]
    kept: r4.PlanDefinition


async def of_department(tx: Transaction, who: Subject, department: str) -> list[OrderSet]:
    """The sets of a department, by name."""
    found = (await store.search(tx, who, r4.PlanDefinition, {"status": "active", "_count": "500"})).resources
    mine = [one for kept in found if (one := _set(kept)) and one.department == department]
    return sorted(mine, key=lambda one: fold(one.name))


async def make(tx: Transaction, who: Subject, department: str, name: str, found: Sheet) -> OrderSet:
    """Keep the orders of her draft as a set of the department.

    Raises:
        Invalid: no name, no orders; Conflict: the department has a set of this name.
    """
    said = " ".join(name.split())[:MOST_NAME]
    written = [found.orders[one.ref] for one in found.lines]
    if not said or not written:
        raise Invalid(_("Ghi tên bộ y lệnh; bản nháp phải có ít nhất một y lệnh."), where="ten-bo")
    if any(fold(one.name) == fold(said) for one in await of_department(tx, who, department)):
        raise Conflict(_("Khoa đã có bộ y lệnh tên “%(name)s”.", name=said), where="ten-bo")
    inside = [_definition(one, f"y{number}") for number, one in enumerate(written, 1)]
    made = r4.PlanDefinition(
        id=f"bo-{secrets.token_hex(8)}", status="active", title=said, contained=list(inside),
        type=r4.CodeableConcept(coding=[r4.Coding(system=_TYPE, code="order-set")]), publisher=who.name,
        useContext=[r4.UsageContext(
            code=r4.Coding(system=_CONTEXT, code="venue"),
            valueReference=r4.Reference(reference=f"Organization/{department}"),
        )],
        action=[
            r4.PlanDefinitionAction(title=order_lines.line(order).title, definitionCanonical=f"#{one.id}")
            for order, one in zip(written, inside, strict=True)
        ],
    )  # fmt: skip
    kept = await store.create(tx, in_name_of(who, Role.WARD_SERVICE), made)
    named = _set(kept)
    assert named
    return named


async def retire(tx: Transaction, who: Subject, department: str, id_: str) -> None:
    """A set is used no more. Twice is once. Raises: NotFound."""
    kept = await _read(tx, who, department, id_)
    if kept.status == "active":
        gone = msgspec.structs.replace(kept, status="retired")
        await store.update(tx, in_name_of(who, Role.WARD_SERVICE), gone, if_match=version_of(kept))


async def use(tx: Transaction, who: Subject, stay: r4.Encounter, department: str, id_: str) -> list[Line]:
    """Write the orders of a set into her draft.

    Raises:
        NotFound; NeedsReason: an allergy speaks against one of them, and nothing of the set is written.
    """
    kept = await _read(tx, who, department, id_)
    await entries.hold(tx, who, stay.id or "")
    found = await entries.sheet(tx, who, stay)
    given = await orders.given(tx, who, found)
    made = [_order(given, one) for one in kept.contained or [] if isinstance(one, r4.ActivityDefinition)]
    await _must_be_safe(tx, who, found, made)
    return await orders.add(tx, who, await entries.sheet(tx, who, stay), made)


async def _must_be_safe(tx: Transaction, who: Subject, found: Sheet, made: Sequence[Order]) -> None:
    named = {line.code: line.title for one in made if (line := order_lines.line(one)).kind in _MEDICINES}
    known = await medicines.by_codes(tx, who, sorted(named)) if named else {}
    allergies = await medicine_warnings.allergies(tx, who, id_of(found.stay.subject) or "") if known else []
    given = await orders.others(tx, who, found)
    warned = [each for one in known.values() for each in _against(one, allergies, given)]
    if any(one.blocks for one in warned):
        raise NeedsReason([one for one in warned if one.blocks])


_MEDICINES: Final = frozenset({Kind.MEDICINE, Kind.INFUSION})


def _against(
    one: Medicine, allergies: Sequence[medicine_warnings.Allergy], given: Sequence[Medicine]
) -> list[Warned]:  # fmt: skip
    found = orders.against(one, allergies, given)
    return [msgspec.structs.replace(each, text=f"{one.title}: {each.text}") for each in found]


async def _read(tx: Transaction, who: Subject, department: str, id_: str) -> r4.PlanDefinition:
    kept = (await store.read_many(tx, who, r4.PlanDefinition, [id_])).get(id_)
    named = _set(kept) if kept else None
    if kept is None or named is None or named.department != department:
        raise NotFound(_("Khoa không có bộ y lệnh này."))
    return kept


def _set(kept: r4.PlanDefinition) -> OrderSet | None:
    """A set of a department; a package of examinations, which is an order-set too, is none."""
    venue = next((id_of(one.valueReference) for one in kept.useContext or [] if one.valueReference), None)
    if code_of(kept.type) != "order-set" or not venue:
        return None
    return OrderSet(
        kept.id or "", kept.title or "", venue, tuple(_told(one) for one in kept.contained or []), kept
    )  # fmt: skip


def _told(one: r4.Resource) -> str:
    if not isinstance(one, r4.ActivityDefinition):
        return ""
    how = next((dosage.text or "" for dosage in one.dosage or []), "")
    named = display_of(one.productCodeableConcept or one.code)
    return f"{named} – {how}" if how else named


def _definition(order: Order, id_: str) -> r4.ActivityDefinition:
    match order:
        case r4.MedicationRequest():
            return r4.ActivityDefinition(
                id=id_, status="active", kind="MedicationRequest", dosage=order.dosageInstruction,
                productCodeableConcept=order.medicationCodeableConcept, topic=order.category,
            )  # fmt: skip
        case r4.ServiceRequest():
            return r4.ActivityDefinition(
                id=id_, status="active", kind="ServiceRequest", code=order.code, topic=order.category,
                priority=order.priority,
            )  # fmt: skip
        case _:
            diet = order.oralDiet or r4.NutritionOrderOralDiet()
            code = next(iter(diet.type or []), None)
            return r4.ActivityDefinition(id=id_, status="active", kind="NutritionOrder", code=code)


def _order(given: Given, one: r4.ActivityDefinition) -> Order:
    if one.kind == "MedicationRequest":
        return msgspec.structs.replace(
            order_lines.blank_medicine(given), medicationCodeableConcept=one.productCodeableConcept,
            category=one.topic, dosageInstruction=one.dosage,
        )  # fmt: skip
    if one.kind == "NutritionOrder":
        return order_lines.diet(given, display_of(one.code))
    code = code_of(one.code, systems.SERVICES)
    if code and (service := codes.services().get(code)):
        return order_lines.service(given, service, urgent=one.priority == "urgent")
    said = code_of(one.code, systems.CARE_ORDER) or ""
    kind = Kind.CARE if said in order_lines.LEVELS else Kind(said)
    return order_lines.care(given, kind, said if kind is Kind.CARE else display_of(one.code))
