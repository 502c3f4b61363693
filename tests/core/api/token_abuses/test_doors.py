"""What opens no door: other words than an access token, people who may not come, programs that were cut off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest

from benhan.core.access import Role, Subject
from benhan.core.access.accounts import hashed
from benhan.core.access.doors import COOKIE
from benhan.core.access.programs import registry
from tests.core.access.staff_people import session_of, somebody
from tests.core.api import smart_kit as kit
from tests.core.api.smart_kit import bearer, claims, for_code, for_itself, for_refresh
from tests.core.api.token_abuses.place import Place

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
Who = Callable[..., Subject]


async def test_no_other_word_opens_a_door(place: Place) -> None:
    said = await place.tokens()
    code, address = await place.code(), f"/fhir/Patient/{place.patient}"
    for word in (
        code, said["refresh_token"], said["id_token"], said["access_token"] + "x", said["access_token"][:-1],
        said["access_token"].upper(), place.app.id, kit.signed(claims(place.app)), "", "null", "undefined",
    ):  # fmt: skip
        assert (await place.web.get(address, headers=bearer(word))).status_code == 401, word
    for header in (said["access_token"], f"Basic {said['access_token']}", f"DPoP {said['access_token']}"):
        assert (await place.web.get(address, headers={"Authorization": header})).status_code == 401
    place.web.cookies.set(COOKIE, said["access_token"])
    assert (await place.web.get("/kham")).status_code == 303
    place.web.cookies.clear()
    assert (await place.web.get(f"{address}?access_token={said['access_token']}")).status_code == 401
    assert (await place.doctor.get("/oauth/token")).status_code == 405
    async with place.database.transaction(place.app.facility) as tx:
        await tx.execute("update program_token set ends = now() where hash = $1", hashed(said["access_token"]))
    assert (await place.web.get(address, headers=bearer(said["access_token"]))).status_code == 401


async def test_half_signed_in_locked_stopped_and_out_of_hours_are_nobody(place: Place, client: Client) -> None:
    for harm in (
        "update session set locked = now() where account = $1",
        "update session set ends = now() where account = $1",
        "update account set active = false where id = $1",
        "update account set days = 0 where id = $1",
        "delete from session where account = $1",
    ):
        one = await somebody(place.database, place.app.facility, Role.DOCTOR)
        web = await client(None)
        web.cookies.set(COOKIE, await session_of(place.database, one))
        scopes = "openid launch/patient online_access patient/Patient.rs"
        program = place.public
        async with place.database.transaction(program.facility) as tx:
            await tx.execute("update client set scopes = $2 where id = $1", program.id, scopes)
        code = (await kit.allowed(web, program, place.patient, scope=scopes))["code"]
        said = (await place.web.post("/oauth/token", data=for_code(program, code))).json()
        waiting = (await kit.allowed(web, program, place.patient, scope=scopes))["code"]
        async with place.database.transaction(program.facility) as tx:
            await tx.execute(harm, one.id)
        address = f"/fhir/Patient/{place.patient}"
        assert (await place.web.get(address, headers=bearer(said["access_token"]))).status_code == 401, harm
        await place.is_refused(for_refresh(program, said["refresh_token"]), "invalid_grant")
        await place.is_refused(for_code(program, waiting), "invalid_grant")
        asked = await web.get("/oauth/authorize", params=kit.question(program, scope=scopes))
        assert asked.status_code == 303 and asked.headers["location"].startswith(("/dang-nhap", "/khoa-man-hinh"))


async def test_a_program_that_was_cut_off_gets_nothing_at_any_door(place: Place, subject: Who) -> None:
    said, code = await place.tokens(), await place.code()
    async with place.database.transaction(place.app.facility) as tx:
        await registry.cut_off(tx, subject("administrator"), place.app.id, "thử")
        await registry.cut_off(tx, subject("administrator"), place.backend.id, "thử")
    for form in (
        for_code(place.app, code), for_refresh(place.app, said["refresh_token"]),
        for_itself(place.backend, "system/Patient.rs"),
    ):  # fmt: skip
        await place.is_refused(form, "invalid_client")
    for path in ("introspect", "revoke"):
        await place.is_refused({"token": said["access_token"], **kit.proof(place.app)}, "invalid_client", path)
    async with place.database.transaction(place.app.facility) as tx:
        await registry.let_in(tx, subject("administrator"), place.app.id)
    await place.is_refused(for_refresh(place.app, said["refresh_token"]), "invalid_grant")
