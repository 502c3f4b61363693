"""What stands on every answer, whatever it is: page, record, error, file, or nothing."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette

from benhan.app import create_app
from benhan.core.access.accounts import create_client
from benhan.core.db import Database
from benhan.settings import Settings
from benhan.simulator import House
from tests.asking import as_program, ask

ANSWERS = [
    "/",
    "/dang-nhap",
    "/khong-co",
    "/tai-khoan",
    "/fhir/metadata",
    "/fhir/Patient",
    "/fhir/Patient/x",
    "/healthz",
]


@pytest.mark.parametrize("address", ANSWERS)
async def test_every_answer_says_how_it_may_be_used(app: Starlette, hospital: House, address: str) -> None:
    answer = await ask(app, "GET", address)
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("referrer-policy") == "same-origin"
    policy = answer.header("content-security-policy")
    for part in ("default-src 'none'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'self'"):
        assert part in policy
    assert "unsafe" not in policy
    assert answer.header("cache-control") == "no-store"
    assert answer.header("server") == answer.header("x-powered-by") == ""


async def test_a_record_is_kept_by_who_asked_alone_and_asked_for_each_time(
    app: Starlette, database: Database, hospital: House
) -> None:
    async with database.transaction(hospital.key) as tx:
        token = await create_client(tx, hospital.key, "thử lưu", "system/Organization.rs")
    found = await ask(app, "GET", f"/fhir/Organization/{hospital.organization}", as_program(token))
    assert (found.status, found.header("cache-control")) == (200, "private, no-cache")
    assert (await ask(app, "GET", "/fhir/Organization", as_program(token))).header("cache-control") == "no-store"


@pytest.mark.parametrize(("url", "told"), [("https://benhan.example", True), ("http://127.0.0.1:8400", False)])
async def test_browsers_come_back_by_https_alone_where_there_is_https(
    database: Database, hospital: House, url: str, told: bool
) -> None:
    app = create_app(Settings(mode="demo", secure_cookies=False, public_url=url), database)
    for address in ("/dang-nhap", "/fhir/metadata", "/khong-co"):
        said = (await ask(app, "GET", address)).header("strict-transport-security")
        assert said == ("max-age=31536000; includeSubDomains" if told else "")


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND"])
async def test_methods_that_nobody_needs_are_refused(app: Starlette, hospital: House, method: str) -> None:
    assert (await ask(app, method, "/dang-nhap", [("cookie", "benhan=geheim")])).status == 405
