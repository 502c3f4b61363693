"""The administrator's page of subscriptions: what is late or broken, dead letters tried again or dropped."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
import pytest_asyncio

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.access.accounts import create_client
from benhan.core.access.doors import COOKIE
from benhan.core.access.standing import standing
from benhan.core.db import Database
from benhan.core.store.records import NUMBERS
from benhan.simulator import House
from tests.browser import DESK, PHONE, Axe, OpenPage, looks
from tests.core.store.people import person
from tests.core.store.subscriptions.hooks import subscribe, until
from tests.standins.hook_receiver import Receiver

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
PATH = "/quan-tri/dang-ky"
ACCOUNT = "LIS Bình Minh"


@pytest_asyncio.fixture(loop_scope="session")
async def letters(database: Database, loader: Subject, address: str, hook: str) -> AsyncIterator[str]:
    """A subscription with three events that could not be told; gives its id."""
    async with database.transaction(loader.facility) as tx:
        await create_client(tx, loader.facility, ACCOUNT, "system/*.cruds")
        owner = await standing(tx, loader.facility, f"client:{ACCOUNT}")
    assert owner
    made = await subscribe(database, owner, "Patient?name=Thư&_tag=urn:x|khong-bao-gio", f"{hook}/thu")
    async with database.transaction(loader.facility) as tx:
        for number in (1, 2, 3):
            kept = await store.create(tx, loader, person(f"Thư Chết {number}"))
            await tx.execute(
                "insert into delivery (facility, subscription, number, type, id, version, action, at, state, tries, "
                "done, error) values ($1, $2, $3, $4, $5, 1, 'c', now(), 'x', 12, now(), 'HTTP 503 đang bảo trì')",
                loader.facility, made.id, number, NUMBERS["Patient"], kept.id,
            )  # fmt: skip
    assert made.id
    yield made.id
    async with database.transaction(loader.facility) as tx:
        await store.delete(tx, owner, type(made), made.id)


async def states(database: Database, loader: Subject, id_: str) -> str:
    """The states of the three events."""
    async with database.transaction(loader.facility) as tx:
        rows = await tx.fetch("select state from delivery where subscription = $1 order by number", id_)
    return "".join(row["state"].decode() for row in rows)


async def test_only_an_administrator_of_the_hospital_sees_them(
    client: Client, other_hospital: House, letters: str
) -> None:
    assert (await (await client(None)).get(PATH)).status_code == 303
    assert (await (await client("doctor")).get(PATH)).status_code == 403
    assert (await (await client("doctor")).post(f"{PATH}/gui-lai")).status_code == 403
    other = await client("administrator", other_hospital)
    assert ACCOUNT not in (await other.get(PATH)).text
    assert (await other.post(f"{PATH}/gui-lai")).status_code == 404
    assert (await other.post(f"{PATH}/bo", data={"dang-ky": letters, "so": "1"})).status_code == 404


async def test_the_page_says_what_is_broken_and_why(client: Client, letters: str) -> None:
    page = (await (await client("administrator")).get(f"{PATH}?dang-ky={letters}")).text
    assert ACCOUNT in page
    assert page.count("HTTP 503 đang bảo trì") == 3
    assert "Patient?name=Thư" in page
    assert "Thư Chết" not in page  # what the record holds


async def test_one_is_sent_again_and_arrives(
    client: Client, database: Database, loader: Subject, receiver: Receiver, letters: str
) -> None:
    admin = await client("administrator")
    answer = await admin.post(f"{PATH}/gui-lai", data={"dang-ky": letters, "so": "2"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PATH}?xong=gui-lai&n=1")
    await until(lambda: bool(receiver.taken), 40)
    assert "Thư Chết 2" in receiver.taken[0].body.decode()


async def test_all_are_sent_again_in_their_order(
    client: Client, database: Database, loader: Subject, receiver: Receiver, letters: str
) -> None:
    admin = await client("administrator")
    await admin.post(f"{PATH}/gui-lai", data={"dang-ky": letters})
    await until(lambda: len(receiver.taken) == 3, 40)
    assert [one.numbers for one in receiver.taken] == [[1], [2], [3]]


async def test_one_is_dropped_and_taken_back(client: Client, database: Database, loader: Subject, letters: str) -> None:
    admin = await client("administrator")
    answer = await admin.post(f"{PATH}/bo", data={"dang-ky": letters, "so": "1"})
    assert await states(database, loader, letters) == "oxx"
    page = (await admin.get(answer.headers["location"])).text
    undo = re.search(r'action="([^"]*/hoan-tac)"', page)
    assert undo
    await admin.post(undo[1], data={"dang-ky": letters, "so": "1"})
    assert await states(database, loader, letters) == "xxx"
    assert (await admin.post(f"{PATH}/bo", data={"dang-ky": letters})).status_code == 400


async def test_a_subscription_that_is_off_sends_nothing_again(
    client: Client, database: Database, loader: Subject, letters: str
) -> None:
    async with database.transaction(loader.facility) as tx:
        await tx.execute("update subscription set status = 'off' where id = $1", letters)
    answer = await (await client("administrator")).post(f"{PATH}/gui-lai", data={"dang-ky": letters})
    assert answer.status_code == 409


async def test_the_page_is_open_to_everybody(
    open_page: OpenPage, axe: Axe, client: Client, address: str, letters: str
) -> None:
    cookies = {COOKIE: (await client("administrator")).cookies[COOKIE]}
    page = await open_page(f"{address}{PATH}", cookies=cookies)
    async for look in looks(page, (DESK, False), (DESK, True), (PHONE, False)):
        assert await axe(page) == [], look
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), look


async def test_by_keyboard_alone_and_without_scripts(
    open_page: OpenPage, client: Client, address: str, receiver: Receiver, letters: str
) -> None:
    cookies = {COOKIE: (await client("administrator")).cookies[COOKIE]}
    page = await open_page(f"{address}{PATH}?dang-ky={letters}", cookies=cookies, javascript=False)
    again = page.get_by_role("button", name="Gửi lại tất cả")
    await again.focus()
    await page.keyboard.press("Enter")
    await page.get_by_text("Sẽ gửi lại 3 thông báo").wait_for()
    await until(lambda: len(receiver.taken) == 3, 40)
