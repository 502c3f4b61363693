"""Signing in to the app, by telephone and through Zalo; whom it refuses, and that each refusal is written down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

import httpx
import pytest
from starlette.applications import Starlette

from benhan.core.access import Role
from benhan.core.access.accounts import create_client
from benhan.core.access.callers import COOKIE
from benhan.core.db import PLATFORM, Database
from benhan.patient.zalo import Zalo
from benhan.simulator import House
from tests.patient import people, telephones
from tests.patient.app.phone import Phone, refusals
from tests.standins.sms_gateway import GatewayStandIn
from tests.standins.zalo import SECRET, ZaloStandIn, zalo_stand_in

pytestmark = pytest.mark.asyncio(loop_scope="session")
NewPhone = Callable[[], Awaitable[Phone]]
Client = Callable[..., Awaitable[httpx.AsyncClient]]
MINI_APP = "https://h5.zdn.vn"


async def test_telephone_code_and_birth_date_give_a_token_that_opens_her_day(
    a_phone: NewPhone, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    number = telephones.number()
    person = await telephones.patient(database, hospital, number)
    hers = await a_phone()
    begun = (await hers.post("/session/phone", {"facility": hospital.code, "phone": number})).json()
    wrong = await hers.post("/session/code", {"step": begun["step"], "code": f"{int(gateway.code()) ^ 1:06d}"})
    assert (wrong.status_code, wrong.json()["where"]) == (422, "code")
    said = await hers.come(hospital, gateway, number)
    assert (said["chosen"], said["step"], said["asks"]) == (True, "", "")
    assert not hers.browser.cookies
    me = await hers.read("/session")
    assert (me["name"], me["person"], me["facility"]["code"]) == ("Đặng Thị Tâm", True, hospital.code)
    assert me["record"] == {
        "key": f"{hospital.key}:{person.id}", "name": "Đặng Thị Tâm", "relation": "", "parts": ["chart"],
    }  # fmt: skip
    assert [one["current"] for one in (await hers.read("/sessions"))["sessions"]] == [True]
    hers.browser.cookies.set(COOKIE, hers.token)  # a cookie opens nothing here, also where it is hers
    token, hers.token = hers.token, ""
    assert (await hers.get("/day")).status_code == 401
    hers.token = token
    assert (await hers.delete("/session")).status_code == 204
    assert (await hers.get("/day")).status_code == 401


async def test_what_is_no_step_or_no_object_changes_nothing(a_phone: NewPhone, hospital: House) -> None:
    hers = await a_phone()
    over = await hers.post("/session/facts", {"step": "x", "birthDate": "1956-02-03", "name": ""})
    assert (over.status_code, over.json()["code"], over.json()["where"]) == (401, "login", "step")
    unknown = await hers.post("/session/code", {"step": "x", "code": "1", "patient": "p"})
    assert (unknown.status_code, unknown.json()["where"]) == (400, "patient")
    typed = await hers.post("/session/code", {"step": {"a": 1}, "code": "1"})
    assert (typed.status_code, typed.json()["where"]) == (400, "step")
    assert (await hers.browser.post("/app/session/code", content=b"[")).status_code == 400
    assert (await hers.browser.post("/app/session/code", content=b"{" + b" " * 70_000)).status_code == 413
    assert (await hers.get("/nothing")).json()["code"] == "not-found"


async def test_the_desks_link_and_the_birth_date_open_the_record_alone(
    a_phone: NewPhone, database: Database, hospital: House
) -> None:
    async with database.transaction(hospital.key) as tx:
        person = await people.patient(tx, hospital)
    address = f"https://benhan.example/nguoi-benh/{await people.link(database, hospital, person)}"
    hers = await a_phone()
    wrong = await hers.post("/session/link", {"link": address, "birthDate": "1956-02-04"})
    assert (wrong.status_code, wrong.json()["where"]) == (422, "birthDate")
    hers.token = (await hers.post("/session/link", {"link": address, "birthDate": "1956-02-03"})).json()["token"]
    assert (await hers.read("/session"))["person"] is False
    assert (await hers.read("/day"))["person"]["name"] == "Đặng Thị Tâm"
    assert (await hers.get("/records")).status_code == 403


@pytest.fixture
def there(app: Starlette) -> Iterator[ZaloStandIn]:
    one = ZaloStandIn()
    with zalo_stand_in(one) as base:
        app.state.zalo = Zalo(base, SECRET)
        yield one
        app.state.zalo = None


async def test_zalo_and_the_birth_date_open_her_record_and_a_phone_token_serves_once(
    a_phone: NewPhone, database: Database, hospital: House, there: ZaloStandIn
) -> None:
    number = telephones.number()
    await telephones.patient(database, hospital, number)
    phone_token = there.person("app-1", f"z-{number}", telephones.international(number))
    hers, said = await a_phone(), {"facility": hospital.code, "accessToken": "app-1", "phoneToken": ""}
    assert (await hers.post("/session/zalo", said)).json()["asks"] == "phoneToken"
    step = (await hers.post("/session/zalo", said | {"phoneToken": phone_token})).json()
    assert (step["asks"], step["token"]) == ("birthDate", "")
    twice = await hers.post("/session/zalo", said | {"phoneToken": phone_token})
    assert (twice.status_code, twice.json()["where"]) == (422, "accessToken")
    of_another_app = await hers.post("/session/zalo", said | {"accessToken": "app-9"})
    assert of_another_app.status_code == 422
    async with database.transaction(hospital.key) as tx:
        rows = await tx.fetch(
            "select rule from audit where facility = $1 and action = 'sign-in' and not allowed and rule like 'Zalo%'"
            " order by seq desc limit 2",
            hospital.key,
        )  # fmt: skip
    assert [row["rule"] for row in rows] == ["Zalo: refused: 452", "Zalo: refused: -1"]
    facts = {"step": step["step"], "birthDate": "1956-02-03", "name": ""}
    hers.token = (await hers.post("/session/facts", facts)).json()["token"]
    assert (await hers.read("/session"))["zalo"] is True
    again = await a_phone()
    again.token = (await again.post("/session/zalo", said)).json()["token"]
    assert (await again.read("/session"))["name"] == "Đặng Thị Tâm"


async def test_tokens_of_others_open_nothing_and_the_audit_says_whose(
    a_phone: NewPhone, client: Client, database: Database, hospital: House, other_hospital: House
) -> None:
    nobody = await a_phone()
    refused = await nobody.get("/day")
    assert (refused.status_code, refused.json()["code"]) == (401, "login")
    assert refused.headers["www-authenticate"] == "Bearer"
    nobody.token = "made up"
    assert (await nobody.get("/day")).status_code == 401
    program = await a_phone()
    async with database.transaction(hospital.key) as tx:
        program.token = await create_client(tx, hospital.key, "app lạ", "system/*.cruds")
    assert (await program.get("/day")).status_code == 401
    assert await refusals(database, "client:app lạ") == ["GET /app/day"]
    for role, house in ((Role.DOCTOR, hospital), (Role.RECEPTION, other_hospital)):
        staff = await a_phone()
        staff.token = (await client(role, house)).cookies[COOKIE]
        before = len(await refusals(database, house.subject(role).account))
        for path in ("/day", "/records", "/session", "/relatives", "/live"):
            assert (await staff.get(path)).status_code == 403
        assert len(await refusals(database, house.subject(role).account)) == before + 5


async def test_a_session_that_is_over_is_refused_and_written_down(
    a_phone: NewPhone, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    number = telephones.number()
    person = await telephones.patient(database, hospital, number)
    hers = await a_phone()
    await hers.come(hospital, gateway, number)
    async with database.transaction(PLATFORM) as tx:
        await tx.execute("update session set seen = now() - interval '31 minutes' where patient = $1", person.id)
    assert (await hers.get("/results")).status_code == 401
    assert await refusals(database, f"patient:{person.id}") == ["GET /app/results"]


async def test_only_pages_of_the_app_may_ask_from_elsewhere_and_it_speaks_as_asked(
    client: Client, hospital: House
) -> None:
    browser = await client(None)
    asks = {"Access-Control-Request-Method": "POST"}
    for origin, opened in ((MINI_APP, True), ("zbrowser://h5.zdn.vn", True), ("https://evil.example", False)):
        ahead = await browser.options("/app/session/phone", headers=asks | {"Origin": origin})
        answer = await browser.get("/app/session", headers={"Origin": origin, "Accept-Language": "en"})
        for one in (ahead, answer):
            assert one.headers.get("access-control-allow-origin") == (origin if opened else None)
            assert "access-control-allow-credentials" not in one.headers
        assert not opened or "Idempotency-Key" in ahead.headers["access-control-allow-headers"]
        assert answer.json()["message"] == "Sign in to open this page."
