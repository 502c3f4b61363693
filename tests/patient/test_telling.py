"""The patient is told of a broken glass by message: once, whoever dies or is down meanwhile, and nobody else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from starlette.applications import Starlette

from benhan.app import create_app
from benhan.core import store
from benhan.core.access import glass_told
from benhan.core.access.acting import birthday
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir import r4
from benhan.core.kit.clock import today
from benhan.patient.messages import ONE_PART, WORDINGS, Sender, written
from benhan.patient.oa.sending import senders
from benhan.patient.telling import Telling
from benhan.patient.zalo import Zalo
from benhan.settings import Settings
from benhan.simulator import House
from tests.entrance import emergency as kit
from tests.entrance.emergency import Closed
from tests.patient import people, telephones
from tests.patient.oa import official
from tests.standins.sms_gateway import TOKEN, GatewayStandIn, sms_gateway
from tests.standins.zalo import SECRET, ZaloStandIn

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
QUEUE, CHOOSE = "/quan-tri/nhat-ky/khan-cap", "/nguoi-benh/chon"
MOTHER_BORN = "15/08/1985"


@pytest.fixture
def gateway(app: Starlette) -> Iterator[GatewayStandIn]:
    with telephones.messages_to(app) as one:
        yield one


def by(app: Starlette) -> list[Sender]:
    found: list[Sender] = app.state.senders
    return found


async def opened(
    client: Client, database: Database, house: House, phone: str | None, birth: str | None = people.BIRTH,
    name: str = "Bàn Thị Tin",
) -> Closed:  # fmt: skip
    """Somebody broke the glass for a patient with this telephone."""
    person = await telephones.patient(database, house, phone or telephones.number(), name, birth)
    if phone is None:
        async with database.transaction(house.key) as tx:
            person.telecom = None
            person = await store.update(tx, house.loader, person, if_match=None)
    whom = Closed(person, "")
    await broken(client, database, house, whom)
    return whom


async def broken(client: Client, database: Database, house: House, whom: Closed) -> None:
    browser, one = await kit.at_work(client, database, house)
    assert (await kit.breaks(browser, database, one, whom)).status_code == 303


async def told(database: Database, by: list[Sender]) -> None:
    """A process tells all that are due."""
    process = Telling(database, by)
    while await process.turn() == 0:
        pass


async def due(database: Database, house: House, whom: Closed) -> None:
    """The time of the next try has come."""
    async with database.transaction(house.key) as tx:
        await tx.execute(
            "update broken_glass set tell_next = now() where patient = $1 and tell_next is not null", whom.id
        )


def to(gateway: GatewayStandIn, phone: str) -> list[str]:
    """What came to a telephone."""
    return [one["text"] for one in gateway.sent if one["to"] == telephones.international(phone)]


async def in_queue(client: Client, whom: Closed) -> str:
    """What the reviewer reads of it."""
    page = (await (await client("reviewer")).get(QUEUE)).text
    [article] = [part.partition("</article>")[0] for part in page.split("<article")[1:] if whom.number in part]
    return article


async def test_she_is_told_once_where_and_when_and_nothing_of_her_record(
    client: Client, app: Starlette, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    whom = await opened(client, database, hospital, phone)
    assert to(gateway, phone) == []  # who breaks it waits for nobody
    assert "đang nhắn" in await in_queue(client, whom)
    await told(database, by(app))
    [text] = to(gateway, phone)
    begun = (
        await kit.rows(database, hospital, whom, "to_char(begun at time zone 'Asia/Ho_Chi_Minh', 'HH24:MI DD/MM/YYYY')")
    )[0][0]
    assert text.startswith(f"BVDK Song Hong: ho so cua ban duoc mo khan cap luc {begun}.")
    assert "ban co quyen hoi" in text
    for nobodys in ("Tin", "May", "Cap cuu", "hon me"):
        assert nobodys not in text
    await due(database, hospital, whom)
    await told(database, by(app))
    assert len(to(gateway, phone)) == 1
    assert "đã nhắn qua SMS lúc" in await in_queue(client, whom)
    async with database.transaction(hospital.key) as tx:
        acts = await tx.fetch(
            "select account, type, id, allowed, rule from audit where action = 'glass-told' and patient = $1", whom.id
        )
    assert [tuple(act.values()) for act in acts] == [("service:telling-service", "Patient", whom.id, True, "sms")]


async def test_a_gateway_that_is_down_stops_nothing_and_is_asked_again(
    client: Client, app: Starlette, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    gateway.down = True
    whom = await opened(client, database, hospital, phone)
    await told(database, by(app))
    assert "chưa nhắn được, đang thử lại: sms down: HTTP 503" in await in_queue(client, whom)
    gateway.down = False
    await told(database, by(app))
    assert to(gateway, phone) == []  # not before its time
    await due(database, hospital, whom)
    await told(database, by(app))
    assert len(to(gateway, phone)) == 1
    assert "đã nhắn qua SMS" in await in_queue(client, whom)


async def test_after_three_days_nobody_tries_any_more_and_the_reviewer_sees_it(
    client: Client, app: Starlette, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    gateway.refusing.add(telephones.international(phone))
    whom = await opened(client, database, hospital, phone)
    await told(database, by(app))
    gateway.refusing.clear()
    async with database.transaction(hospital.key) as tx:
        await tx.execute(
            "update broken_glass set begun = begun - interval '73 hours', ends = ends - interval '73 hours'"
            " where patient = $1", whom.id,
        )  # fmt: skip
    await due(database, hospital, whom)
    await told(database, by(app))
    assert to(gateway, phone) == []
    assert "không nhắn được: sms refused: no such number" in await in_queue(client, whom)


async def test_who_died_with_it_in_hand_leaves_it_to_another(
    client: Client, app: Starlette, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    await told(database, by(app))
    whom = await opened(client, database, hospital, phone)
    async with database.transaction(PLATFORM) as tx:
        taken = await glass_told.take(tx)
    assert taken and taken.patient == whom.id
    await told(database, by(app))
    assert to(gateway, phone) == []  # it may be sending yet
    await due(database, hospital, whom)
    await told(database, by(app))
    assert len(to(gateway, phone)) == 1


async def test_several_processes_send_it_once(
    client: Client, app: Starlette, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    await opened(client, database, hospital, phone)
    await asyncio.gather(*(told(database, by(app)) for _process in range(4)))
    assert len(to(gateway, phone)) == 1


async def test_a_server_that_starts_again_tells_what_was_left(
    client: Client, database: Database, hospital: House
) -> None:
    """The application's own sender, from its settings; a second start sends nothing again."""
    phone = telephones.number()
    gateway = GatewayStandIn()
    whom = await opened(client, database, hospital, phone)
    with sms_gateway(gateway) as address:
        settings = Settings(
            mode="demo", secure_cookies=False, sms_gateway=address, sms_token=TOKEN,  # type: ignore[arg-type]
        )  # fmt: skip
        for _start in range(2):
            again = create_app(settings, database)
            async with again.router.lifespan_context(again), asyncio.timeout(60):
                while True:
                    if await kit.rows(database, hospital, whom, "told is null") == [(False,)]:
                        break
                    await asyncio.sleep(0.05)
        await told(database, again.state.senders)
    assert len(to(gateway, phone)) == 1


async def test_without_a_telephone_the_reviewer_sees_that_she_does_not_know(
    client: Client, app: Starlette, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    before = len(gateway.sent)
    whom = await opened(client, database, hospital, None)
    await told(database, by(app))
    assert "không nhắn được: hồ sơ không có số điện thoại" in await in_queue(client, whom)
    assert await kit.rows(database, hospital, whom, "tell_next is null") == [(True,)]
    assert len(gateway.sent) == before


async def test_where_no_message_can_be_sent_the_queue_says_so(
    client: Client, database: Database, hospital: House
) -> None:
    whom = await opened(client, database, hospital, telephones.number())
    assert "chưa nhắn: nơi này chưa nối kênh nhắn tin" in await in_queue(client, whom)


async def test_the_dead_are_not_written_to(
    client: Client, app: Starlette, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    person = await telephones.patient(database, hospital, phone)
    async with database.transaction(hospital.key) as tx:
        person.deceasedBoolean = True
        person = await store.update(tx, hospital.loader, person, if_match=None)
    await broken(client, database, hospital, Closed(person, ""))
    await told(database, by(app))
    assert to(gateway, phone) == []
    assert "người bệnh đã mất" in await in_queue(client, Closed(person, ""))


# ── through which channel ─────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def both(
    app: Starlette, database: Database, house: House
) -> AsyncIterator[tuple[ZaloStandIn, GatewayStandIn, list[Sender]]]:
    """An installation with Zalo and a gateway."""
    gateway = GatewayStandIn()
    async with official.account(database, house) as (there, settings):
        with sms_gateway(gateway) as sms:
            app.state.zalo = Zalo(settings.zalo_graph, SECRET)
            yield there, gateway, senders(official.with_gateway(settings, sms), database)
            app.state.zalo = None


async def come_through_zalo(browser: httpx.AsyncClient, house: House, there: ZaloStandIn, phone: str) -> None:
    token = f"uat-{phone}"
    said = {"access_token": token, "phone_token": there.person(token, f"z-{phone}", telephones.international(phone))}
    await browser.post(f"{telephones.ENTRY}/zalo", params={"co-so": house.code}, data=said)
    assert (await telephones.told(browser, house, "03/02/1956")).headers["location"] == "/nguoi-benh"


async def test_whose_account_zalo_opens_has_it_there_and_everybody_else_a_short_message(
    client: Client, app: Starlette, database: Database, hospital: House
) -> None:
    hers, others = telephones.number(), telephones.number()
    async with both(app, database, hospital) as (there, gateway, senders):
        person = await telephones.patient(database, hospital, hers)
        await come_through_zalo(await client(None), hospital, there, hers)
        await broken(client, database, hospital, Closed(person, ""))
        await opened(client, database, hospital, others)
        await told(database, senders)
        [message] = [one for one in there.sent if one["phone"] == telephones.international(hers)]
        assert message["template_data"].keys() == {"facility", "time", "whose"}
        assert (message["template_data"]["facility"], message["template_data"]["whose"]) == (
            "BVĐK Sông Hồng",
            "của bạn",
        )
        assert (len(to(gateway, hers)), len(to(gateway, others))) == (0, 1)
        assert [one for one in there.sent if one["phone"] == telephones.international(others)] == []


async def test_where_zalo_does_not_take_it_a_short_message_goes(
    client: Client, app: Starlette, database: Database, hospital: House
) -> None:
    phone = telephones.number()
    async with both(app, database, hospital) as (there, gateway, senders):
        person = await telephones.patient(database, hospital, phone)
        await come_through_zalo(await client(None), hospital, there, phone)
        there.refusing[telephones.international(phone)] = -118
        await broken(client, database, hospital, Closed(person, ""))
        await told(database, senders)
        assert len(to(gateway, phone)) == 1


# ── nobody else ───────────────────────────────────────────────────────────────────────────────────────────────────


async def accepts(browser: httpx.AsyncClient, house: House, gateway: GatewayStandIn, phone: str) -> str:
    """Somebody who was named signs in and accepts; gives the key of the relation."""
    await telephones.signed_in(browser, house, gateway, phone, MOTHER_BORN)
    key = (await browser.get(CHOOSE)).text.split('name="key" value="')[1].split('"')[0]
    assert (await browser.post(f"{CHOOSE}/nhan", data={"key": key})).status_code == 303
    return key


async def test_a_relative_whom_she_named_is_not_told(
    client: Client, app: Starlette, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    hers, his = telephones.number(), telephones.number()
    person = await telephones.patient(database, hospital, hers)
    browser = await client(None)
    await telephones.signed_in(browser, hospital, gateway, hers)
    said = {"name": "Đặng Văn Sơn", "phone": his, "birth": MOTHER_BORN, "parts": ["chart"]}
    assert (await browser.post("/nguoi-benh/nguoi-than", data=said)).status_code == 303
    await accepts(await client(None), hospital, gateway, his)
    gateway.sent.clear()
    await broken(client, database, hospital, Closed(person, ""))
    await told(database, by(app))
    assert (len(to(gateway, hers)), to(gateway, his)) == (1, [])


async def child(database: Database, house: House, phone: str, years: int = 9) -> r4.Patient:
    born = birthday(today(), -years) + timedelta(days=1)
    return await telephones.patient(database, house, phone, "Bàn Bé Na", born.isoformat())


async def with_guardian(client: Client, person: r4.Patient, phone: str, name: str) -> None:
    said = {"name": name, "phone": phone, "birth": MOTHER_BORN, "kind": "guardian", "seen": "Giấy khai sinh 12/2019"}
    desk = await client("reception")
    assert (await desk.post(f"/nguoi-benh/than-nhan/{person.id}", data=said)).status_code == 303


async def test_of_a_child_her_guardians_are_told_each_once(
    client: Client, app: Starlette, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    on_record, mother, father = (telephones.number() for _ in range(3))
    person = await child(database, hospital, on_record)
    whom = Closed(person, "")
    for phone, name in ((mother, "Bàn Thị Mẹ"), (father, "Bàn Văn Cha")):
        await with_guardian(client, person, phone, name)
        await accepts(await client(None), hospital, gateway, phone)
    gateway.sent.clear()
    gateway.refusing.add(telephones.international(father))
    await broken(client, database, hospital, whom)
    await told(database, by(app))
    assert "đang thử lại" in await in_queue(client, whom)
    gateway.refusing.clear()
    await due(database, hospital, whom)
    await told(database, by(app))
    assert [len(to(gateway, phone)) for phone in (on_record, mother, father)] == [0, 1, 1]
    assert "cua nguoi ban giam ho" in to(gateway, mother)[0]
    assert "Na" not in to(gateway, mother)[0].replace("Song Hong", "")
    assert len({one["reference"] for one in gateway.sent}) == 2
    assert "đã nhắn qua SMS" in await in_queue(client, whom)


@pytest.mark.parametrize("birth", ["a child's", "only a year"])
async def test_a_child_whose_guardian_nobody_knows_is_not_told_and_nobody_is(
    client: Client, app: Starlette, database: Database, hospital: House, gateway: GatewayStandIn, birth: str
) -> None:
    on_record, mother = telephones.number(), telephones.number()
    if birth == "a child's":
        person = await child(database, hospital, on_record)
        await with_guardian(client, person, mother, "Bàn Thị Mẹ")  # who has not accepted
    else:
        person = await telephones.patient(database, hospital, on_record, "Bàn Bé Na", str(today().year - 15))
    await broken(client, database, hospital, Closed(person, ""))
    await told(database, by(app))
    assert (to(gateway, on_record), to(gateway, mother)) == ([], [])
    assert "chưa có người giám hộ" in await in_queue(client, Closed(person, ""))


async def test_a_guardian_who_left_is_told_no_more(
    client: Client, app: Starlette, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    mother = telephones.number()
    person = await child(database, hospital, telephones.number())
    await with_guardian(client, person, mother, "Bàn Thị Mẹ")
    her = await client(None)
    key = await accepts(her, hospital, gateway, mother)
    assert (await her.post(f"{CHOOSE}/thoi", data={"key": key})).status_code == 303
    gateway.sent.clear()
    await broken(client, database, hospital, Closed(person, ""))
    await told(database, by(app))
    assert to(gateway, mother) == []
    assert "chưa có người giám hộ" in await in_queue(client, Closed(person, ""))


async def test_from_fifteen_on_she_is_told_herself(
    client: Client, app: Starlette, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    hers, mother = telephones.number(), telephones.number()
    person = await child(database, hospital, hers, years=16)
    await with_guardian(client, person, mother, "Bàn Thị Mẹ")
    await accepts(await client(None), hospital, gateway, mother)
    gateway.sent.clear()
    await broken(client, database, hospital, Closed(person, ""))
    await told(database, by(app))
    assert (len(to(gateway, hers)), to(gateway, mother)) == (1, [])


# ── as it is written ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_short_message_is_one_part_however_long_the_name_of_the_hospital_is() -> None:
    values = {
        "facility": "Bệnh viện đa khoa khu vực " * 4,
        "time": "07:30 22/11/2026",
        "whose": "của người bạn giám hộ",
    }
    text = written(WORDINGS["glass"].text, values)
    assert text.isascii()
    assert len(text) <= ONE_PART
    assert text.startswith("Benh vien da khoa khu vuc Benh vien")
    assert "22/11/2026" in text and text.endswith("hoi benh vien.")
