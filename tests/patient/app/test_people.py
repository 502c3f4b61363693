"""Who acts for whom, on the phone: named, accepted, kept to a part, ended; and nobody by a telephone alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from benhan.core.db import Database
from benhan.simulator import House
from tests.patient import people, telephones
from tests.patient.app.phone import Phone, refusals
from tests.standins.sms_gateway import GatewayStandIn

pytestmark = pytest.mark.asyncio(loop_scope="session")
NewPhone = Callable[[], Awaitable[Phone]]
SON_BORN = "1985-08-15"


async def test_a_mother_names_her_son_who_reads_his_part_until_she_ends_it(
    a_phone: NewPhone, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    number, sons = telephones.number(), telephones.number()
    person = await telephones.patient(database, hospital, number)
    async with database.transaction(hospital.key) as tx:
        visit = await people.visit(tx, hospital, person)
        await people.note(tx, hospital, visit, "Uống nhiều nước", "final")
        await people.glucose(tx, hospital, visit, "7.1")
    hers, his = await a_phone(), await a_phone()
    await hers.come(hospital, gateway, number)
    naming = {"name": "Đặng Văn Sơn", "phone": sons, "birthDate": SON_BORN, "parts": ["results"], "labelled": False}
    assert (await hers.post("/relatives", naming | {"parts": []})).json()["where"] == "parts"
    made = await hers.post("/relatives", naming | {"ends": None})
    assert made.status_code == 201, made.text
    [relation] = made.json()["relatives"]

    assert (await his.come(hospital, gateway, sons, SON_BORN))["chosen"] is False
    [record] = (await his.read("/records"))["records"]
    assert (record["relation"], record["accepted"], record["parts"]) == ("named", False, ["results"])
    assert (await his.post("/session/record", {"key": record["key"]})).status_code == 404  # not before he accepts
    assert (await his.get("/results")).status_code == 403
    assert (await his.post("/records/accept", {"key": record["key"]})).json()["records"][0]["accepted"] is True
    former = his.token
    await his.change(record["key"])
    [curve] = (await his.read("/results"))["curves"]
    assert (curve["last"]["name"], curve["last"]["plain"]) == ("Glucose máu", "cao hơn bình thường")
    assert (await his.read("/visits"))["visits"] == []
    assert (await his.read("/day"))["visit"] is None
    assert (await his.get(f"/visits/{visit.id}")).status_code == 403
    assert (await his.get("/openings")).status_code == 403
    assert (await his.get("/relatives")).status_code == 403
    other = Phone(his.browser)
    other.token = former
    assert (await other.get("/session")).status_code == 401  # another record was another session

    ended = await hers.post("/relatives/end", {"id": relation["id"]})
    assert ended.json()["relatives"][0]["over"] is True
    assert (await his.get("/results")).status_code == 401
    account = f"person:{(await _person_of(database, relation['id']))}"
    assert (await refusals(database, account))[-1] == "GET /app/results"


async def test_a_telephone_alone_adds_nobody_and_anothers_key_opens_nothing(
    a_phone: NewPhone, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    number, others = telephones.number(), telephones.number()
    await telephones.patient(database, hospital, number)
    mother = await telephones.patient(database, hospital, number, "Lê Thị Bình", "1930-05-06")
    stranger = await telephones.patient(database, hospital, others, "Trần Văn Xa", "1950-01-02")
    hers = await a_phone()
    await hers.come(hospital, gateway, number)
    assert [one["name"] for one in (await hers.read("/records"))["records"]] == ["Đặng Thị Tâm"]
    for key in (f"{hospital.key}:{mother.id}", f"{hospital.key}:{stranger.id}"):
        assert (await hers.post("/session/record", {"key": key})).status_code == 404
        assert (await hers.post("/records/accept", {"key": key})).status_code == 404


async def _person_of(database: Database, relation: str) -> str:
    from benhan.core.db import PLATFORM

    async with database.transaction(PLATFORM) as tx:
        return str(await tx.fetchval("select person from relation where id = $1", relation))
