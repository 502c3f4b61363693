"""A facility without anybody: the operator invites its first administrator from the command line."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from uuid import uuid4

import httpx
import pytest
from typer.testing import CliRunner

from benhan.cli import cli
from benhan.simulator import House
from tests.core.access.staff_people import PASSWORD

Client = Callable[..., Awaitable[httpx.AsyncClient]]


async def test_the_operator_invites_the_first_administrator(
    client: Client, dsn: Callable[..., str], hospital: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENHAN_DSN", dsn("benhan_app"))
    login = f"dau{uuid4().hex[:8]}"
    command = ["invite", "--login", login, "--name", "Bàn Thị Đầu", "--facility", hospital.code]
    answer = await asyncio.to_thread(CliRunner().invoke, cli, command)
    assert answer.exit_code == 0, answer.output
    link = re.search(r"(/loi-moi/[\w-]{43})\s*$", answer.output)
    assert link
    browser = await client(None)
    taken = await browser.post(link[1], data={"password": PASSWORD, "again": PASSWORD})
    assert taken.status_code == 303
    await browser.post("/dang-nhap", data={"login": login, "password": PASSWORD})
    assert (await browser.get("/quan-tri/tai-khoan")).status_code == 200


async def test_a_role_that_is_not_for_a_first_account_is_refused() -> None:
    command = ["invite", "--login", "ai", "--name", "Ai", "--role", "doctor"]
    assert (await asyncio.to_thread(CliRunner().invoke, cli, command)).exit_code == 2
