"""A vaccination that the nurse writes stands in the record, and on the patient's phone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest

from benhan.core import store
from benhan.core.access.accounts import open_session
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.kit.clock import today, vn_date
from benhan.simulator import House
from tests.patient import people

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]


async def test_what_the_nurse_writes_the_patient_sees_and_what_was_wrong_she_takes_back(
    client: Client, database: Database, hospital: House, other_hospital: House
) -> None:
    async with database.transaction(hospital.key) as tx:
        person = await people.patient(tx, hospital)
        visit = await people.visit(tx, hospital, person)
        token = await open_session(tx, hospital.key, patient=person.id, hours=1)
    page = f"/kham/{visit.id}/tiem-chung"
    nurse = await client("nurse")
    assert "Chưa ghi mũi tiêm nào" in (await nurse.get(page)).text
    given = {"vaccine": "112", "day": vn_date(today()), "dose": "2", "lot": "TT-77", "where": "day", "place": ""}
    told = given | {"vaccine": "19", "day": "03/02/1956", "dose": "", "where": "noi-khac", "place": "Trạm y tế xã"}
    for said in (given, given, told):  # a double click is one
        assert (await nurse.post(page, data=said)).status_code == 303
    tomorrow = vn_date(today() + timedelta(days=1))
    assert (await nurse.post(page, data=given | {"day": tomorrow})).status_code == 422
    assert (await nurse.post(page, data=given | {"vaccine": "x"})).status_code == 422

    async with database.transaction(hospital.key) as tx:
        found = await store.search(tx, hospital.loader, r4.Immunization, {"patient": f"Patient/{person.id}"})
    kept = {one.primarySource: one for one in found.resources}
    assert len(found.resources) == 2
    here = kept[True]
    assert here.encounter and here.performer and here.vaccineCode.coding
    assert here.vaccineCode.coding[0].code == "112"
    assert not kept[False].encounter and not kept[False].performer

    phone = await client(None)
    answer = await phone.get("/app/immunizations", headers={"Authorization": f"Bearer {token}"})
    assert [(one["name"], one["dose"], one["told"], one["place"]) for one in answer.json()["immunizations"]] == [
        ("Uốn ván", 2, False, hospital.name), ("Lao (BCG)", 0, True, "Trạm y tế xã"),
    ]  # fmt: skip

    for _ in range(2):
        assert (await nurse.post(f"{page}/{here.id}/rut-lai")).status_code == 303
    answer = await phone.get("/app/immunizations", headers={"Authorization": f"Bearer {token}"})
    assert [one["name"] for one in answer.json()["immunizations"]] == ["Lao (BCG)"]

    assert (await (await client("pharmacy")).post(page, data=given)).status_code == 403
    assert (await phone.post(page, data=given)).status_code in (303, 401)  # led to sign in
    elsewhere = await client("nurse", other_hospital)
    assert (await elsewhere.post(page, data=given)).status_code == 404
    assert (await elsewhere.get(page)).status_code == 404
