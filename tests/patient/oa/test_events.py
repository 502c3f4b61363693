"""Events of Zalo: proved, kept once, dealt with; conversations that the program answers and staff take over."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from starlette.applications import Starlette

from benhan.core import store
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock
from benhan.hospital import queue
from benhan.hospital.visit import CLINIC, concept
from benhan.patient import outbox
from benhan.patient.oa import inbox, talk, webhooks
from benhan.patient.oa.accounts import Accounts, App
from benhan.patient.oa.events import Hearing
from benhan.patient.oa.talk import Wish, wish_of
from benhan.simulator import House
from tests.patient import people, telephones
from tests.patient.oa import official
from tests.standins.zalo import APP, MINI_APP_KEY, OA_SECRET, ZaloStandIn, event, signature, withdrawal
from tests.standins.zalo.events import received

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]


class World:
    """A connected account, the webhook, and the task that deals with what came."""

    def __init__(self, house: House, database: Database, there: ZaloStandIn, zalo: httpx.AsyncClient) -> None:
        self.house, self.database, self.there, self.zalo = house, database, there, zalo
        self.number = 0

    async def hears(self, raw: bytes, headers: dict[str, str] | None = None) -> int:
        """Zalo sends an event; gives the status of the answer."""
        answer = await self.zalo.post(webhooks.PATH, content=raw, headers=headers or signature(raw))
        return answer.status_code

    async def writes(self, user: str, text: str, by_app: str = "") -> list[str]:
        """Somebody writes; gives what she is answered."""
        self.number += 1
        message = {"msg_id": f"{user}-{self.number}", "text": text}
        before = len(self.there.replies)
        assert await self.hears(event("user_send_text", user, by_app=by_app, message=message)) == 200
        await self.goes_on()
        return [one["message"]["text"] for one in self.there.replies[before:]]

    async def goes_on(self) -> None:
        """Everything that came is dealt with."""
        app = App(official.settings(self.base))
        hearing = Hearing(self.database, Accounts(app, self.database))
        while await hearing.turn() == 0:
            pass

    base = ""

    async def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        async with self.database.transaction(PLATFORM) as tx:
            return [tuple(row.values()) for row in await tx.fetch(sql, *values)]


@pytest_asyncio.fixture
async def world(app: Starlette, client: Client, database: Database, hospital: House) -> AsyncIterator[World]:
    before = app.state.settings
    async with official.account(database, hospital) as (there, settings):
        more = {"zalo_oa_secret": SecretStr(OA_SECRET), "zalo_mini_app_key": SecretStr(MINI_APP_KEY)}
        app.state.settings = before.model_copy(update={"zalo_app_id": APP, **more})
        made = World(hospital, database, there, await client(None))
        made.base = settings.zalo_openapi
        try:
            yield made
        finally:
            app.state.settings = before


# ── the door ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_only_zalo_itself_is_heard_and_each_event_once(world: World) -> None:
    good = event("follow", "u-door", by_app="z-door")
    stale, future = event("follow", "u-door", at=time.time() - 11000), event("follow", "u-door", at=time.time() + 900)
    for raw, headers in (
        (good, {}), (good, signature(good, "another secret")), (good, signature(good, app="1")),
        (good + b" ", signature(good)), (stale, signature(stale)), (future, signature(future)),
        (good, {"X-ZEvent-Signature": "mac=é"}),
    ):  # fmt: skip
        encoded = {name: value.encode() for name, value in (headers or {"X-None": "1"}).items()}
        answer = await world.zalo.post(webhooks.PATH, content=raw, headers=encoded)
        assert answer.status_code == 403
    assert [await world.hears(raw, {"X-None": "1"}) for raw in (b"[]", b"{", b"\xff")] == [400, 400, 400]
    assert (await world.zalo.post(webhooks.PATH, content=b"x" * 70_000)).status_code == 413
    refused = await world.rows("select count(*) from audit where action = 'zalo-event' and not allowed")
    assert refused[0][0] >= 7
    assert await world.rows("select id from oa_event where next is not null") == []
    for _again in range(3):
        assert await world.hears(good) == 200
    assert len(await world.rows("select id from oa_event where next is not null")) == 1
    await world.goes_on()
    assert await world.hears(good) == 200  # replayed after it was dealt with
    await world.goes_on()
    met = await world.rows("select by_app, follows from oa_user where id = 'u-door'")
    assert (met, await world.rows("select body from oa_event where body is not null")) == ([("z-door", True)], [])
    await world.hears(event("unfollow", "u-door"))
    await world.goes_on()
    assert await world.rows("select by_app, follows from oa_user where id = 'u-door'") == [("z-door", False)]
    assert await world.hears(event("follow", "u-door", oa="1", recipient={"id": "1"})) == 200  # not connected here
    assert await world.rows("select id from oa_event where next is not null") == []


async def test_a_receipt_is_kept(world: World, hospital: House) -> None:
    at = clock.now()
    async with world.database.transaction(hospital.key) as tx:
        await outbox.put(tx, hospital.key, "results", "a receipt", "Patient/none", due=at, ends=at + timedelta(days=1))
        await tx.execute(
            "insert into message_sent (facility, message, whom, sent, by, number)"
            " select facility, id, 'Patient/none', now(), 'zalo', 'm-1' from message where cause = 'results a receipt'"
        )
        await tx.execute("update message set next = null where cause = 'results a receipt'")
    assert await world.hears(received("m-1", "u-1")) == 200
    await world.goes_on()
    assert await world.rows("select received is not null from message_sent where number = 'm-1'") == [(True,)]


# ── what is said ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("Số của tôi còn bao lâu nữa ạ?", Wish.TICKET), ("LICH HEN", Wish.APPOINTMENT), ("mấy giờ mở cửa", Wish.HOURS),
        ("tôi muốn gặp nhân viên", Wish.STAFF), ("con tôi khó thở, số thứ tự?", Wish.EMERGENCY), ("alo", None),
    ],
)  # fmt: skip
async def test_plain_words_are_understood(text: str, wish: Wish | None) -> None:
    assert wish_of(text) is wish


async def test_the_program_answers_hers_to_who_is_linked_and_nothing_of_health_to_anybody(
    world: World, hospital: House
) -> None:
    person = await telephones.patient(world.database, hospital, telephones.number())
    room = r4.Location(status="active", name="Phòng tâm thần", type=[concept(systems.ROOM_TYPE, CLINIC)])
    async with world.database.transaction(hospital.key) as tx:
        room = await store.create(tx, hospital.loader, room)
        visit = await people.visit(tx, hospital, person)
        ticket = await queue.issue(tx, hospital.loader, store.reference(person, "Bàn"), store.reference(visit), room)
        await tx.reach(PLATFORM)
        await tx.execute("insert into person (id, name, zalo) values ('p-talk', 'Bàn Thị Tin', 'z-talk')")
        await tx.execute(
            "insert into person_record (facility, patient, person) values ($1, $2, 'p-talk')", hospital.key, person.id
        )
        await tx.execute("update oa_connection set hours = '7:00 đến 16:30' where facility = $1", hospital.key)
    assert ticket.identifier
    number = (ticket.identifier[0].value or "").split("/")[-1]
    [said] = await world.writes("u-linked", "Số thứ tự của tôi?", "z-talk")
    assert said.endswith("còn 0 người trước bạn.") and number.split("-")[-1] in said
    assert await world.writes("u-linked", "lịch hẹn") == [talk.SAID["no-appointment"]]
    assert await world.writes("u-linked", "mấy giờ làm việc") == ["Giờ làm việc: 7:00 đến 16:30"]
    assert await world.writes("u-stranger", "số thứ tự") == [talk.SAID["unknown"]]
    said_all = json.dumps(world.there.replies, ensure_ascii=False)
    assert not any(word in said_all for word in ("tâm thần", "Ho, sốt", "Tin"))


async def test_what_it_does_not_understand_staff_answer_within_the_window(
    world: World, client: Client, hospital: House, other_hospital: House
) -> None:
    user, text = "u-asks", "Tôi để quên ô ở phòng chờ"
    assert await world.writes(user, text) == [talk.SAID["staff"]]
    assert await world.writes(user, "lịch hẹn") == []  # staff have it now
    assert "gọi 115" in (await world.writes(user, "tôi đau ngực quá"))[0]
    nobody, doctor, elsewhere = await client(None), await client("doctor"), await client("reception", other_hospital)
    page = f"{inbox.PATH}/{user}"
    for method, path in (("GET", inbox.PATH), ("GET", page), ("POST", f"{page}/tra-loi"), ("POST", f"{page}/xong")):
        assert (await nobody.request(method, path)).headers["location"].startswith("/dang-nhap")
        assert (await doctor.request(method, path)).status_code == 403
    assert user[-4:] not in (await elsewhere.get(inbox.PATH)).text
    assert (await elsewhere.get(page)).status_code == 404
    assert (await elsewhere.post(f"{page}/tra-loi", data={"text": "x"})).status_code == 404
    desk = await client("reception")
    assert "chờ từ" in (await desk.get(inbox.PATH)).text
    assert text in (await desk.get(page)).text
    assert (await desk.post(f"{page}/tra-loi", data={"text": ""})).status_code == 422
    assert (await desk.post(f"{page}/tra-loi", data={"text": "Ô của bạn ở quầy 2."})).status_code == 303
    await world.goes_on()
    assert world.there.replies[-1] == {"recipient": {"user_id": user}, "message": {"text": "Ô của bạn ở quầy 2."}}
    world.there.faults[talk.REPLY] = "lost"
    await desk.post(f"{page}/tra-loi", data={"text": "Đến trước 16 giờ nhé."})
    await world.goes_on()
    world.there.faults.clear()
    await world.goes_on()
    assert [one["message"]["text"] for one in world.there.replies].count("Đến trước 16 giờ nhé.") == 1
    assert "không rõ đã tới chưa" in (await desk.get(page)).text
    assert (await desk.post(f"{page}/xong")).status_code == 303
    assert await world.writes(user, "lịch hẹn") == [talk.SAID["unknown"]]
    assert await world.rows("select count(*) from oa_line where text like '%quên%'") == [(0,)]  # encrypted
    async with world.database.transaction(hospital.key) as tx:
        await tx.execute("update oa_user set spoke = now() - interval '8 days' where id = $1", user)
    assert (await desk.post(f"{page}/tra-loi", data={"text": "Còn đó không?"})).status_code == 422
    acts = await world.rows("select distinct action from audit where action like '%-talk' and detail = $1", user)
    assert {one for (one,) in acts} == {"read-talk", "reply-talk", "hand-back-talk"}


async def test_who_withdraws_is_forgotten_as_far_as_the_law_lets(world: World, hospital: House) -> None:
    async with world.database.transaction(PLATFORM) as tx:
        await tx.execute("insert into person (id, name, zalo) values ('p-leaves', 'Bàn Thị Đi', 'z-leaves')")
    await world.writes("u-leaves", "xin chào", "z-leaves")
    raw, headers = withdrawal("z-leaves")
    forged = await world.zalo.post(webhooks.MINI_APP, content=raw, headers=headers | {"X-ZEvent-Signature": "0" * 64})
    assert forged.status_code == 403
    for _again in range(2):
        assert (await world.zalo.post(webhooks.MINI_APP, content=raw, headers=headers)).status_code == 200
        await world.goes_on()
    for table in ("oa_line", "oa_talk"):
        assert await world.rows(f"select * from {table} where oa_user = 'u-leaves'") == []
    assert await world.rows("select * from oa_user where by_app = 'z-leaves'") == []
    assert await world.rows("select name, zalo from person where id = 'p-leaves'") == [("Bàn Thị Đi", None)]
    [said] = await world.rows("select detail from audit where action = 'zalo-withdrawn' and detail like '%p-leaves%'")
    assert "stays: record, audit" in said[0]
