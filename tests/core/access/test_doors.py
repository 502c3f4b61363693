"""Every door of the running program, tried by everybody who should not come in."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import httpx
from starlette.applications import Starlette

from benhan.core.access import Permission, Role
from benhan.core.access.doors import SIGN_IN, SIGN_IN_FOR
from benhan.core.access.roles import PERMISSIONS
from benhan.core.db import Database
from benhan.simulator import House

Client = Callable[..., Awaitable[httpx.AsyncClient]]
PEOPLE = [
    Role.RECEPTION, Role.DOCTOR, Role.NURSE, Role.LABORATORY, Role.IMAGING, Role.PHARMACY, Role.CASHIER, Role.PLANNING,
    Role.ADMINISTRATOR, Role.PROVINCE, Role.DISPLAY,
]  # fmt: skip


def _address(path: str) -> str:
    """A door's address with something in place of its parameters."""
    return re.sub(r"{[^}]+}", "khong-co", path)


async def test_nobody_signed_in_comes_through_any_door_that_asks_for_a_permission(
    app: Starlette, client: Client
) -> None:
    anybody = await client(None)
    for door in app.state.doors:
        if door.permission is Permission.ANYONE:
            continue
        for method in getattr(door, "methods", ("GET",)):
            answer = await anybody.request(method, _address(door.path))
            assert answer.status_code in (303, 401), f"{method} {door.path}: {answer.status_code}"
            if answer.status_code == 303:
                page = SIGN_IN_FOR.get(door.permission, SIGN_IN)
                assert answer.headers["location"].startswith(page), door.path


async def test_the_wrong_role_is_refused_at_every_door(app: Starlette, client: Client) -> None:
    for role in PEOPLE:
        somebody = await client(role)
        for door in app.state.doors:
            if door.permission is Permission.ANYONE or door.permission in PERMISSIONS[role]:
                continue
            for method in getattr(door, "methods", ("GET",)):
                answer = await somebody.request(method, _address(door.path))
                assert answer.status_code == 403, f"{role} {method} {door.path}: {answer.status_code}"


async def test_a_refusal_leaves_its_trace(client: Client, database: Database, hospital: House) -> None:
    cashier = await client("cashier")
    await cashier.get("/fhir/Patient")
    async with database.transaction(hospital.key) as tx:
        details = {row["detail"] for row in await tx.fetch("select detail from audit where action = 'refused'")}
    assert "GET /fhir/Patient" in details


async def test_an_event_stream_asks_like_every_door(client: Client) -> None:
    anybody = await client(None)
    assert (await anybody.get("/live", params={"types": "Task"})).status_code == 303
    nurse = await client("nurse")
    assert (await nurse.get("/live", params={"types": "Rác"})).status_code == 400
