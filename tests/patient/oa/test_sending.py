"""The ways of a message, one after the other; what each error means for the next one; and what may stand in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
import pytest_asyncio

from benhan.core.db import PLATFORM, Database
from benhan.core.kit import clock
from benhan.patient.messages import WORDINGS, Message, Sender, To, send, written
from benhan.patient.oa.sending import Verdict, morning, rests_until, senders
from benhan.simulator import House
from tests.patient import telephones
from tests.patient.oa import official
from tests.standins.sms_gateway import GatewayStandIn, sms_gateway
from tests.standins.zalo import ZaloStandIn

pytestmark = pytest.mark.asyncio(loop_scope="session")
USER, PERSON = "oa-user-1", "person-who-follows"
PHONE, PLACE = "/message/template", "BVĐK Sông Hồng"
EXAMPLES = {
    "code": "123456", "facility": PLACE, "time": "07:30 22/11/2026", "day": "22/11/2026", "whose": "của bạn",
    "number": "A-012", "ahead": "2", "change": "đã dời", "answer": "chưa nhận được", "address": "https://benhan.example/kham-tu-xa/phong",
}  # fmt: skip
RESULTS = Message("results", {"facility": PLACE, "time": "07:30 22/11/2026"})


class World:
    """A facility, its ways, and who follows its account."""

    def __init__(
        self, house: House, database: Database, there: ZaloStandIn, gateway: GatewayStandIn, by: list[Sender]
    ) -> None:
        self.house, self.database, self.there, self.gateway, self.by = house, database, there, gateway, by
        self.to = To(house.key, telephones.number(), PERSON)

    def left(self) -> tuple[int, int, int]:
        """How many messages left by user id, by telephone, by the gateway."""
        return len(self.there.sent_to_users), len(self.there.sent), len(self.gateway.sent)

    async def rests(self) -> list[tuple[str, str, str]]:
        async with self.database.transaction(self.house.key) as tx:
            rows = await tx.fetch("select road, kind, why from oa_rest where until > now() order by road, kind")
        return [(one["road"], one["kind"], one["why"]) for one in rows]


@pytest_asyncio.fixture
async def world(database: Database, hospital: House) -> AsyncIterator[World]:
    gateway = GatewayStandIn()
    async with official.account(database, hospital) as (there, settings):
        async with database.transaction(PLATFORM) as tx:
            await tx.execute(
                "insert into person (id, name, zalo) values ($1, 'Bàn Thị Tin', 'z-follows') on conflict do nothing",
                PERSON,
            )
            await tx.execute(
                "insert into oa_user (facility, id, by_app, follows) values ($1, $2, 'z-follows', true)",
                hospital.key, USER,
            )  # fmt: skip
        with sms_gateway(gateway) as sms:
            by = senders(official.with_gateway(settings, sms), database)
            yield World(hospital, database, there, gateway, by)


async def test_by_her_id_then_by_her_telephone_then_by_a_short_message(world: World) -> None:
    sent = await send(world.by, world.to, RESULTS)
    assert (sent.by, sent.number, world.left()) == ("zalo", "v1", (1, 0, 0))
    assert world.there.sent_to_users[0]["user_id"] == USER
    world.there.refusing[USER] = -213
    assert (await send(world.by, world.to, RESULTS)).by == "zalo"
    assert world.left() == (1, 1, 0)
    world.there.refusing[telephones.international(world.to.phone)] = -118
    sent = await send(world.by, world.to, RESULTS)
    assert (sent.by, sent.troubles) == ("sms", ["zalo refused: -213", "zalo refused: -118"])
    assert "co ket qua moi" in world.gateway.sent[0]["text"]
    world.gateway.down = True
    sent = await send(world.by, world.to, RESULTS)
    assert (sent.by, sent.troubles[-1]) == (None, "sms down: HTTP 503")
    stranger = await send(world.by, To(world.house.key, telephones.number()), RESULTS)
    assert (stranger.by, world.left()) == ("zalo", (1, 2, 1))  # no id at the account: by her telephone


async def test_a_token_that_zalo_does_not_take_is_exchanged_and_the_message_goes(world: World) -> None:
    world.there.access.clear()
    assert (await send(world.by, world.to, RESULTS)).by == "zalo"
    assert (world.there.refreshed, world.left()) == (1, (1, 0, 0))
    world.there.access.clear()
    world.there.refresh.clear()
    sent = await send(world.by, world.to, RESULTS)
    assert (sent.by, world.there.refreshed) == ("sms", 1)


async def test_what_rests_and_for_how_long(world: World) -> None:
    """Too fast: it waits, an urgent one goes by the next way. Quota, template and balance: the next way."""
    user, phone = "/v3.0/oa/message/template", PHONE
    world.there.next_errors = {user: [-32]}
    sent = await send(world.by, world.to, RESULTS)
    assert (sent.by, sent.until is not None, world.left()) == (None, True, (0, 0, 0))
    sent = await send(world.by, world.to, RESULTS)  # nobody asks again meanwhile
    assert (sent.until is not None, world.there.asked.count(user)) == (True, 1)
    turn = Message("turn", {"facility": PLACE, "number": "A-012", "ahead": "2"})
    assert (await send(world.by, world.to, turn)).by == "zalo"
    assert world.left() == (0, 1, 0)
    world.there.next_errors = {phone: [-147]}
    nobody = To(world.house.key, world.to.phone)
    assert (await send(world.by, nobody, RESULTS)).by == "sms"
    assert (await send(world.by, nobody, turn)).by == "zalo"  # another template
    world.there.next_errors = {phone: [-115]}
    assert (await send(world.by, nobody, turn)).by == "sms"
    assert (await send(world.by, nobody, turn)).by == "sms"
    assert world.there.asked.count(phone) == 4
    assert await world.rests() == [
        ("phone", "", "balance -115"), ("phone", "results", "kind-tomorrow -147"), ("user", "", "back-off -32"),
    ]  # fmt: skip


async def test_where_nobody_knows_whether_it_left_it_is_not_sent_again_but_what_must_arrive_is(world: World) -> None:
    nobody = To(world.house.key, world.to.phone)
    world.there.faults[PHONE] = "lost"
    sent = await send(world.by, nobody, RESULTS)
    assert (sent.by, sent.perhaps, world.left()) == (None, True, (0, 1, 0))
    code = await send(world.by, nobody, Message("code", {"code": "123456"}))
    assert (code.by, world.left()) == ("sms", (0, 2, 1))


@pytest.mark.parametrize("kind", WORDINGS)
async def test_a_message_says_what_its_kind_may_say_and_nothing_else(kind: str) -> None:
    wording = WORDINGS[kind]  # type: ignore[index]
    values = {name: EXAMPLES[name] for name in wording.parameters}
    text = written(wording.text, values)
    assert text.isascii() and len(text) <= 160 and "{" not in text
    for wrong in (
        values | {"diagnosis": "E11.9"}, {}, values | {wording.parameters[0]: "Đái tháo đường\nE11.9"},
        values | {wording.parameters[-1]: "x" * 61},
    ):  # fmt: skip
        with pytest.raises(ValueError, match="a message of"):
            Message(kind, wrong)  # type: ignore[arg-type]


async def test_nights_and_days_of_the_house() -> None:
    at = datetime(2026, 11, 22, 23, 30, tzinfo=clock.ZONE)
    assert morning(at) == datetime(2026, 11, 23, 6, tzinfo=clock.ZONE)
    assert morning(at + timedelta(hours=3)) == datetime(2026, 11, 23, 6, tzinfo=clock.ZONE)
    assert morning(at - timedelta(hours=2)) is None
    assert rests_until(Verdict.TOMORROW, at) == datetime(2026, 11, 23, tzinfo=clock.ZONE)
    assert rests_until(Verdict.NEXT, at) is None
