"""Behind a reverse proxy: whose word on a caller's address is believed."""

from __future__ import annotations

from secrets import token_hex
from typing import Any
from urllib.parse import urlencode

import pytest

from benhan.app import create_app
from benhan.core.db import Database
from benhan.settings import Settings
from benhan.simulator import House
from tests.asking import Answer, Headers, ask

PROXY, SECOND_PROXY, HER, STRANGER = "10.7.0.5", "10.7.0.6", "203.0.113.9", "198.51.100.7"
FORM = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")]


async def guess(app: Any, client: str, *headers: tuple[str, str]) -> tuple[str, Answer]:
    """One wrong password; gives the login that was tried."""
    login = f"khong-co-{token_hex(6)}"
    body = urlencode({"login": login, "password": "sai sai sai sai"}).encode()
    return login, await ask(app, "POST", "/dang-nhap", [*FORM, *headers], body, client=client)


async def counted(database: Database, address: str) -> int:
    """Failures counted for an address."""
    async with database.transaction() as tx:
        return await tx.fetchval("select failures from back_off where what = $1", f"address:{address}") or 0


@pytest.mark.parametrize(
    ("trusted", "client", "said", "believed"),
    [
        ("", PROXY, [HER], PROXY),
        ("", STRANGER, [HER], STRANGER),
        (PROXY, PROXY, [HER], HER),
        (PROXY, PROXY, [], PROXY),
        (PROXY, STRANGER, [HER], STRANGER),
        (PROXY, PROXY, [f"127.0.0.1, {HER}"], HER),  # she wrote the first herself, the proxy added the last
        (PROXY, PROXY, ["127.0.0.1", HER], HER),  # the same in two lines
        (PROXY, PROXY, [f"{PROXY}, {HER}"], HER),
        ("10.7.0.0/24", SECOND_PROXY, [f"127.0.0.1, {HER}, {PROXY}"], HER),
        (PROXY, SECOND_PROXY, [HER], SECOND_PROXY),
    ],
)
async def test_the_address_that_waits_is_her_own(
    database: Database, hospital: House, trusted: str, client: str, said: list[str], believed: str
) -> None:
    app = create_app(Settings(mode="demo", secure_cookies=False, trusted_proxies=trusted), database)
    before = {one: await counted(database, one) for one in (PROXY, SECOND_PROXY, HER, STRANGER, "127.0.0.1")}
    await guess(app, client, *(("x-forwarded-for", one) for one in said))
    after = {one: await counted(database, one) for one in before}
    assert [one for one in before if after[one] != before[one]] == [believed]


async def test_no_header_changes_where_links_lead(database: Database, hospital: House) -> None:
    forged: Headers = [
        ("x-forwarded-host", "evil.example"), ("x-forwarded-proto", "https"), ("forwarded", "host=evil.example"),
        ("x-forwarded-for", HER), ("x-original-url", "/quan-tri/tai-khoan"),
    ]  # fmt: skip
    app = create_app(Settings(mode="demo", secure_cookies=False, trusted_proxies=PROXY), database)
    answer = await ask(app, "GET", "/fhir/metadata", forged, client=PROXY)
    assert answer.status == 200
    assert b"evil.example" not in answer.body
    assert (await ask(app, "GET", "/tai-khoan", forged, client=PROXY)).header(
        "location"
    ) == "/dang-nhap?next=/tai-khoan"
