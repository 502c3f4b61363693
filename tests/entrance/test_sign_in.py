"""Coming in: the right password opens, everything else does not, and says so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx

from benhan.simulator.accounts import DEMO_PASSWORD

Client = Callable[..., Awaitable[httpx.AsyncClient]]


async def test_the_right_password_leads_to_the_first_page_of_the_role(client: Client) -> None:
    browser = await client(None)
    answer = await browser.post("/dang-nhap", data={"login": "bacsi", "password": DEMO_PASSWORD})
    assert answer.status_code == 303
    home = await browser.get("/")
    assert home.headers["location"] == "/kham"


async def test_a_wrong_password_is_told_and_opens_nothing(client: Client) -> None:
    browser = await client(None)
    answer = await browser.post("/dang-nhap", data={"login": "bacsi2", "password": "không phải mật khẩu"})
    assert answer.status_code == 422
    assert "không đúng" in answer.text
    assert "benhan" not in answer.cookies


async def test_after_five_wrong_passwords_even_the_right_one_waits(client: Client) -> None:
    browser = await client(None)
    for _ in range(5):
        await browser.post("/dang-nhap", data={"login": "thungan", "password": "sai sai sai sai"})
    answer = await browser.post("/dang-nhap", data={"login": "thungan", "password": DEMO_PASSWORD})
    assert answer.status_code == 422
    assert "Thử lại sau" in answer.text


async def test_signing_in_never_leads_to_another_site(client: Client) -> None:
    for target in ("https://evil.example/", "//evil.example", "/\\evil.example"):
        browser = await client(None)
        answer = await browser.post("/dang-nhap", data={"login": "bacsi", "password": DEMO_PASSWORD, "next": target})
        assert answer.headers["location"] == "/"


async def test_signing_out_ends_the_session_at_the_server(client: Client) -> None:
    browser = await client("nurse")
    kept = dict(browser.cookies)
    await browser.post("/dang-xuat")
    browser.cookies.update(kept)
    answer = await browser.get("/")
    assert answer.status_code == 200  # the page of somebody unknown


async def test_a_form_sent_from_another_site_is_refused(client: Client) -> None:
    browser = await client("nurse")
    answer = await browser.post("/dang-xuat", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    answer = await browser.post("/dang-xuat", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
