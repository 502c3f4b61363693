"""The contract with the BHYT portal, against the stand-in that speaks it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator

import httpx
import pytest

from benhan.core.kit.outside import NoAnswer
from benhan.hospital.reception.portal import CHECK_PATH, TOKEN_PATH, Holder, Officer, Portal
from tests.standins.insurance_portal import OFFICER, PASSWORD, USER, YEAR, Fault, PortalStandIn, portal_stand_in

pytestmark = pytest.mark.asyncio(loop_scope="session")
TAM = Holder("DN4010000000001", "Đặng Thị Tâm", "03/02/1980")
HA = Officer("Trần Thu Hà", OFFICER)


@pytest.fixture
def stand_in() -> PortalStandIn:
    return PortalStandIn()


@pytest.fixture
def address(stand_in: PortalStandIn) -> Iterator[str]:
    with portal_stand_in(stand_in) as base:
        yield base


@pytest.fixture
def portal(address: str) -> Portal:
    return Portal(address, USER, PASSWORD, seconds=3.0)


async def test_a_good_card_is_000_with_its_dates(portal: Portal, stand_in: PortalStandIn) -> None:
    answer = await portal.check(TAM, HA)
    assert (answer.ma_ket_qua, answer.ma_the, answer.gt_the_den) == ("000", TAM.card, f"31/12/{YEAR}")
    assert stand_in.asked == [
        {"maThe": TAM.card, "hoTen": TAM.name, "ngaySinh": TAM.birth, "hoTenCb": HA.name, "cccdCb": HA.number}
    ]


async def test_one_token_serves_many_questions(portal: Portal, stand_in: PortalStandIn) -> None:
    for _ in range(3):
        await portal.check(TAM, HA)
    assert stand_in.tokens_given == 1


async def test_a_token_that_ended_is_renewed_once_without_a_word(portal: Portal, stand_in: PortalStandIn) -> None:
    await portal.check(TAM, HA)
    stand_in.fault = "token-ends"
    assert (await portal.check(TAM, HA)).ma_ket_qua == "000"
    assert stand_in.tokens_given == 2


@pytest.mark.parametrize("code", ["003", "004"])
async def test_a_renewed_card_names_the_new_one(portal: Portal, code: str) -> None:
    answer = await portal.check(Holder(f"DN4010000000{code}", TAM.name, TAM.birth), HA)
    assert answer.ma_ket_qua == code
    assert answer.ma_the_moi != answer.ma_the
    assert answer.gt_the_den_moi == f"31/12/{YEAR + 1}"


async def test_a_cccd_is_answered_with_its_card(portal: Portal) -> None:
    assert len((await portal.check(Holder("001180000001", TAM.name, TAM.birth), HA)).ma_the) == 15


async def test_an_officer_who_is_not_registered_is_told_so(portal: Portal) -> None:
    assert (await portal.check(TAM, Officer("Ai Đó", "000"))).ma_ket_qua == "054"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("500", "down"), ("garbage", "unreadable"), ("drop", "down"), ("no-token", "refused"), ("slow", "slow")],
)
async def test_every_fault_has_its_name_and_takes_no_longer_than_allowed(
    portal: Portal, stand_in: PortalStandIn, fault: Fault, kind: str
) -> None:
    stand_in.fault, stand_in.seconds = fault, 6.0
    began = time.monotonic()
    with pytest.raises(NoAnswer) as told:
        await portal.check(TAM, HA)
    assert told.value.kind == kind
    assert time.monotonic() - began < 5.5


async def test_nobody_listening_is_down() -> None:
    portal = Portal("http://127.0.0.1:1", USER, PASSWORD, seconds=3.0)
    with pytest.raises(NoAnswer, match="down"):
        await portal.check(TAM, HA)


async def test_a_wrong_password_is_refused(address: str) -> None:
    portal = Portal(address, USER, "sai", seconds=3.0)
    with pytest.raises(NoAnswer, match="refused"):
        await portal.check(TAM, HA)


async def test_json_and_form_bodies_are_both_taken(address: str) -> None:
    async with httpx.AsyncClient(base_url=address) as client:
        account = {"username": USER, "password": hashlib.md5(PASSWORD.encode()).hexdigest().upper()}
        for kind in ("data", "json"):
            key = (await client.post(TOKEN_PATH, **{kind: account})).json()["APIKey"]
            asked = {
                "maThe": TAM.card,
                "hoTen": TAM.name,
                "ngaySinh": TAM.birth,
                "hoTenCb": HA.name,
                "cccdCb": HA.number,
            }
            query = {"token": key["access_token"], "id_token": key["id_token"]}
            assert (await client.post(CHECK_PATH, params=query, **{kind: asked})).json()["maKetQua"] == "000"
