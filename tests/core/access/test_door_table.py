"""The table of doors (`benhan/doors.md`): it is what the program has, and every door keeps to it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator
from contextvars import ContextVar
from typing import Any, NamedTuple

import msgspec
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from benhan.app import PLAIN_PATHS, REVIEWED, create_app, published, refuse
from benhan.core.access import Door, Edge, LiveDoor, Permission, Role, Subject, door_table, service
from benhan.core.access.accounts import create_account, create_client, open_session
from benhan.core.access.door_table import IN, OUT, SCOPE, UnreviewedError
from benhan.core.access.doors import SIGN_IN, SIGN_IN_FOR
from benhan.core.access.doorway import Doorway
from benhan.core.db import Database, Transaction
from benhan.core.language import APP
from benhan.settings import Settings
from benhan.simulator.house import found_facility
from tests.asking import Answer, Headers, as_app, as_program, as_session, ask

NOBODY = "nobody"
#: One account with every role of the program's own.
THEM_ALL = "them all"
EVERYTHING = "system/*.cruds bulk/export bulk/import"


class Row(NamedTuple):
    """A line of the reviewed table."""

    marks: dict[str, str]
    methods: list[str]
    path: str


def reviewed() -> Iterator[Row]:
    """The lines of the file, read without the code that wrote them; a websocket answers no request."""
    lines = [line for line in REVIEWED.read_text("utf-8").splitlines() if line.startswith("|")]
    head, _rule, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    for *marks, _permission, methods, path in rows:
        if methods != "websocket":
            who = dict(zip(head, marks, strict=False))
            yield Row(who, methods.removesuffix(" stream").split(), path.strip("`"))


def test_the_program_has_the_doors_that_were_reviewed() -> None:
    assert door_table.drawn(published(), PLAIN_PATHS) == REVIEWED.read_text("utf-8")
    door_table.compare(published(), PLAIN_PATHS, REVIEWED.read_text("utf-8"))


async def _anything(request: Request, tx: Transaction, who: Subject) -> Response:
    return Response()


@pytest.mark.parametrize(
    "change",
    [
        lambda doors: [*doors, Door("/kho-bau", _anything, Permission.ANYONE)],
        lambda doors: doors[1:],
        lambda doors: [*doors[:-1], msgspec.structs.replace(doors[-1], permission=Permission.SIGNED_IN)],
        lambda doors: [*doors[:-1], msgspec.structs.replace(doors[-1], methods=("GET", "DELETE"))],
    ],
    ids=["a new door", "a door gone", "another permission", "another method"],
)
def test_a_door_that_nobody_reviewed_stops_the_program_and_says_what_to_do(
    change: Callable[[list[Any]], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    doors = change(published())
    monkeypatch.setattr("benhan.app.published", lambda: doors)
    with pytest.raises(UnreviewedError, match=re.escape(door_table.COMMAND)):
        create_app(Settings(mode="demo", secure_cookies=False))


def test_a_role_that_gets_another_permission_stops_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benhan.core.access.subject.PERMISSIONS", {role: frozenset(Permission) for role in Role})
    with pytest.raises(UnreviewedError):
        create_app(Settings(mode="demo", secure_cookies=False))


#: What rang for the request that is asked here.
RUNG: ContextVar[list[str]] = ContextVar("RUNG")
#: So many ask at once: the program shares their round trips.
AT_ONCE = 24


@pytest_asyncio.fixture(scope="module")
async def bells(database: Database) -> Starlette:
    """The application with a bell in place of every room: the real edge, routes and doors; who comes through rings."""
    app = create_app(Settings(mode="demo", secure_cookies=False), database)

    def bell(door: Door | LiveDoor) -> Any:
        async def live(request: Request, who: Subject) -> AsyncGenerator[str, None]:
            RUNG.get().append(door.path)
            return _nothing()

        async def usual(request: Request, tx: Transaction, who: Subject) -> Response:
            RUNG.get().append(door.path)
            return Response(status_code=204)

        return msgspec.structs.replace(door, endpoint=live if isinstance(door, LiveDoor) else usual)

    routes = app.router.routes
    [place] = [n for n, route in enumerate(routes) if isinstance(route, Doorway)]
    [routes[place]] = Edge(lambda: database, refuse).routes([bell(door) for door in app.state.doors])
    app.state.live = None
    return app


async def _nothing() -> AsyncGenerator[str, None]:
    for word in ():
        yield word


@pytest_asyncio.fixture(scope="module")
async def columns(database: Database, dsn: Callable[..., str]) -> dict[str, Headers]:
    """Somebody for every column of the table, at a hospital of their own."""
    key = await found_facility(dsn(), "79555", "BV Bảng Cửa", "79")
    found: dict[str, Headers] = {NOBODY: []}
    async with database.transaction(key) as tx:
        for role in Role:
            if role in (Role.PUBLIC, Role.CLIENT):
                continue
            if role is Role.PATIENT:
                token = await open_session(tx, key, patient="ai-do", hours=1)
            else:
                account = await create_account(tx, key, f"cua.{role}", None, str(role), [role])
                token = await open_session(tx, key, account=account, hours=1)
            found[role] = as_session(token)
        account = await create_account(tx, key, "cua.moi-dich-vu", None, THEM_ALL, sorted(map(Role, INSIDE)))
        found[THEM_ALL] = as_session(await open_session(tx, key, account=account, hours=1))
        found[Role.CLIENT] = as_program(await create_client(tx, key, "cua hẹp", "system/Patient.r"))
        found["every scope"] = as_program(await create_client(tx, key, "cua rộng", EVERYTHING))
    return found


def address(path: str) -> str:
    """A door's address with something in place of its parameters."""
    words = {"resource": "Patient", "compartment": "Patient", "members": "Observation"}
    return re.sub(r"{(\w+)(?::(\w+))?}", lambda found: words.get(found[2] or found[1], "khong-co"), path)


async def test_every_door_lets_in_and_refuses_as_the_table_says(bells: Starlette, columns: dict[str, Headers]) -> None:
    wrong = await _all_wrong(
        _against(bells, row.path, method, who, mark, columns)
        for row in reviewed()
        for who, mark in row.marks.items()
        for method in row.methods
    )
    assert wrong == []
    assert {who for row in reviewed() for who in row.marks} >= {*map(str, columns)} - {"every scope", THEM_ALL} - INSIDE


#: Accounts never have these roles; they come in nowhere but where anybody may.
INSIDE = {
    "booking-service", "figures-service", "finder-service", "subscription-service", "rights-service", "loader",
    "phone-service", "telling-service", "relation-service", "archive-service",
    "arrival-service", "feedback-service", "question-service", "notice-service", "payment-service",
    "eligibility-service", "shared",
    "remote-service", "ward-service", "signing-service", "pack-service",
}  # fmt: skip


async def test_the_programs_own_roles_open_no_door_from_outside(bells: Starlette, columns: dict[str, Headers]) -> None:
    """Who has them all at once comes in nowhere; so does who has one, for what roles open only adds up."""
    wrong = await _all_wrong(
        _against(bells, row.path, method, THEM_ALL, IN if row.marks[NOBODY] == IN else OUT, columns)
        for row in reviewed()
        for method in row.methods
    )
    assert wrong == []
    for role in map(Role, sorted(INSIDE)):
        who = service(role, 1)
        assert not [permission for permission in Permission if permission != Permission.ANYONE and who.may(permission)]
        assert not await _against(bells, "/tai-khoan", "GET", role, OUT, columns), role


async def _all_wrong(questions: Iterable[Coroutine[Any, Any, str | None]]) -> list[str]:
    """What is wrong with any of them, some asked at once."""
    ahead, wrong = list(questions), list[str | None]()
    while ahead:
        now, ahead = ahead[:AT_ONCE], ahead[AT_ONCE:]
        wrong += await asyncio.gather(*now)
    return [one for one in wrong if one]


async def _against(
    bells: Starlette, path: str, method: str, who: str, mark: str, columns: dict[str, Headers]
) -> str | None:  # fmt: skip
    """What is wrong with how this door received somebody, and where."""
    problem = await _problem(bells, path, method, who, mark, columns)
    return problem and f"{who}: {method} {path}: {problem}"


async def _problem(
    bells: Starlette, path: str, method: str, who: str, mark: str, columns: dict[str, Headers]
) -> str | None:  # fmt: skip
    came, answer = await _asked(bells, path, method, columns[who])
    if mark == SCOPE:
        came_wide, _answer = await _asked(bells, path, method, columns["every scope"])
        if not came_wide:
            return "refuses a program with every scope"
    if mark == IN:
        return None if came else f"refused with {answer.status}"
    if came:
        return "let in"
    return _refusal(answer, path, who)


async def _asked(bells: Starlette, path: str, method: str, headers: Headers) -> tuple[bool, Answer]:
    RUNG.set(rung := [])
    headers = as_app(headers) if path.startswith(APP) else headers
    answer = await ask(bells, method, address(path), headers)
    assert answer.status < 500, f"{method} {path}"
    return (path if path == "/" else path.rstrip("/")) in rung, answer  # `wire.py` takes a last slash away


def _refusal(answer: Answer, path: str, who: str) -> str | None:
    """A known one is told no; a stranger is sent to where she can sign in."""
    if path.startswith(APP) and who in (NOBODY, Role.CLIENT):  # a program's token is no session
        return None if answer.status == 401 else f"refused with {answer.status}, not 401"
    if who != NOBODY:
        return None if answer.status == 403 else f"refused with {answer.status}, not 403"
    if path.startswith("/fhir"):
        return None if answer.status == 401 else f"refused with {answer.status}, not 401"
    page = SIGN_IN_FOR[Permission.OWN_RECORD] if path.startswith("/nguoi-benh") else SIGN_IN
    to = answer.header("location")
    return None if answer.status == 303 and to.startswith((page, SIGN_IN)) else f"{answer.status} to {to}"
