"""The administrator's page of programs, and the page on which a person allows one: in a browser, keys alone."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from playwright.async_api import expect

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.access.doors import COOKIE
from benhan.core.access.programs import registry
from benhan.core.db import Database
from tests.browser import DESK, PHONE, Axe, OpenPage, looks, serve
from tests.core.api import smart_kit as kit
from tests.core.store.people import person

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
Who = Callable[..., Subject]
PATH = "/quan-tri/ung-dung"
SCOPES = (
    "openid fhirUser launch/patient offline_access patient/Patient.rs patient/MedicationRequest.crus "
    "patient/Observation.rs?category=laboratory"
)


async def test_an_administrator_registers_narrows_and_cuts_off(
    client: Client, database: Database, subject: Who, loader: Subject
) -> None:
    admin, doctor, web = await client("administrator"), await client("doctor"), await client(None)
    said = {"name": "Sổ thuốc Mường", "kind": "public", "scopes": "launch/patient patient/*.rs", "redirects": "x"}
    wrong = await admin.post(f"{PATH}/moi", data=said)
    assert wrong.status_code == 422 and "Địa chỉ quay về x" in wrong.text
    made = await admin.post(f"{PATH}/moi", data={**said, "redirects": kit.REDIRECT})
    assert made.status_code == 303
    sheet = made.headers["location"].partition("?")[0]
    assert (await admin.post(f"{PATH}/moi", data={**said, "redirects": kit.REDIRECT})).status_code == 422
    assert "Sổ thuốc Mường" in (await admin.get(PATH)).text
    async with database.transaction(loader.facility) as tx:
        patient = (await store.create(tx, loader, person("Đèo Thị Sổ"))).id or ""
        program = await registry.found(tx, sheet.rpartition("/")[2])
    assert program
    code = (await kit.allowed(doctor, program, patient))["code"]
    token = (await web.post("/oauth/token", data=kit.for_code(program, code))).json()["access_token"]
    reading = f"/fhir/Patient/{patient}"
    assert (await web.get(reading, headers=kit.bearer(token))).status_code == 200
    page = (await admin.get(sheet)).text
    grant = re.search(r'name="quyen" value="(\w+)"', page)
    assert grant and program.id in page
    assert (await admin.post(f"{sheet}/ngat-quyen", data={"quyen": grant[1]})).status_code == 303
    assert (await web.get(reading, headers=kit.bearer(token))).status_code == 401
    assert (await admin.post(f"{sheet}/ngat-quyen", data={"quyen": grant[1]})).status_code == 404
    assert (await admin.post(sheet, data={"scopes": "system/*.rs", "redirects": kit.REDIRECT})).status_code == 422
    assert (await admin.post(f"{sheet}/ngat", data={"reason": ""})).status_code == 422
    assert (await admin.post(f"{sheet}/ngat", data={"reason": "hết hợp đồng"})).status_code == 303
    assert "đã ngắt" in (await admin.get(sheet)).text
    assert (await admin.post(f"{sheet}/mo-lai")).status_code == 303


async def test_only_administrators_see_the_page(client: Client) -> None:
    for role in ("doctor", "reviewer", "reception"):
        assert (await (await client(role)).get(PATH)).status_code == 403
    assert (await (await client(None)).get(PATH)).status_code == 303


async def _app(scope: Any, receive: Any, send: Any) -> None:
    """The program's own page, on another port: another site to the browser."""
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": b"<!doctype html><title>app</title>"})


async def test_a_person_allows_a_program_with_keys_alone(
    client: Client, open_page: OpenPage, axe: Axe, address: str, database: Database, subject: Who, loader: Subject
) -> None:
    async with database.transaction(loader.facility) as tx:
        patient = (await store.create(tx, loader, person("Điêu Thị Phím"))).id or ""
    doctor, web = await client("doctor"), await client(None)
    async with serve(_app) as there:
        redirect = f"{there}/ve"
        program = await kit.registered(
            database, subject("administrator"), "public", SCOPES, name="Sổ thuốc của tôi", redirects=(redirect,)
        )
        asked = kit.question(program, redirect_uri=redirect)
        question = f"{address}/oauth/authorize?{httpx.QueryParams(asked)}"
        page = await open_page(question, cookies={COOKIE: doctor.cookies[COOKIE]})
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Sổ thuốc của tôi")
        assert await axe(page) == []
        assert not await page.get_by_role("button", name=re.compile("^Cho phép")).count()
        await page.get_by_label("Tìm người bệnh theo tên").press_sequentially("Điêu Thị Phím")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("radio", name="Điêu Thị Phím")).to_be_checked()
        assert await axe(page) == []
        await page.keyboard.press("Control+Enter")
        await expect(page).to_have_title("app")
        back = httpx.URL(page.url).params
        assert back["state"] == "s-1"
        form = kit.for_code(program, back["code"], redirect_uri=redirect)
        assert (await web.post("/oauth/token", data=form)).json()["patient"] == patient
        small = await open_page(f"{question}&lang=en", size=PHONE, cookies={COOKIE: doctor.cookies[COOKIE]})
        await expect(small.get_by_role("button", name="Do not allow")).to_be_visible()
        assert await axe(small) == []
        await small.get_by_role("button", name="Do not allow").focus()
        await small.keyboard.press("Enter")
        await expect(small).to_have_title("app")
        assert httpx.URL(small.url).params["error"] == "access_denied"


async def test_the_pages_of_programs_are_accessible(
    client: Client, open_page: OpenPage, axe: Axe, address: str, database: Database, subject: Who, loader: Subject
) -> None:
    admin, doctor = await client("administrator"), await client("doctor")
    program = await kit.registered(
        database, subject("administrator"), "key", SCOPES, launch_url="https://app.example.vn/mo"
    )
    async with database.transaction(loader.facility) as tx:
        patient = (await store.create(tx, loader, person("Điêu Thị Trang"))).id or ""
    await kit.allowed(doctor, program, patient)
    for cookie, paths in (
        (admin.cookies[COOKIE], (PATH, f"{PATH}/moi", f"{PATH}/{program.id}")),
        (doctor.cookies[COOKIE], ("/ung-dung", f"/ung-dung?nguoi-benh={patient}")),
    ):
        page = await open_page(address, cookies={COOKIE: cookie})
        for path in paths:
            await page.goto(f"{address}{path}")
            async for look in looks(page, (DESK, False), (PHONE, False)):
                assert await axe(page) == [], (path, look)
