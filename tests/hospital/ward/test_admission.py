"""Asking for a bed: on the waiting list once, whoever asks, and one stay for a person."""

from __future__ import annotations

import pytest

from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict
from benhan.hospital import stay
from benhan.hospital.visit import identifier
from tests.hospital.ward.house import Inside

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_who_is_to_be_admitted_waits_once(inside: Inside) -> None:
    department, person = await inside.department("Khoa Chờ"), await inside.person()
    asked = await inside.asks(person, department)
    assert (asked.status, stay.department_name(asked)) == (stay.WAITING, department.name)
    assert (identifier(asked, systems.VISIT_NUMBER) or "").startswith("NT-")
    with pytest.raises(Conflict):
        await inside.asks(person, await inside.department("Khoa Khác"))
    assert len(await inside.found(r4.Encounter, patient=f"Patient/{person.id}")) == 1
