"""A bank's notice pays by itself, once; what it cannot place waits for the cashier; a lost callback is asked about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from secrets import token_hex

import httpx
import pytest

from benhan.core.db import Database
from benhan.core.kit import clock
from benhan.hospital.cashier import notices, status
from benhan.hospital.cashier.payee import Payee, payee
from benhan.simulator import House
from tests.hospital.cashier.test_prepayment import BANK, CALLBACK, NUMBER, booked, code_of, set_up, traces
from tests.patient.app.phone import Phone
from tests.standins.bank import SECRET, Bank
from tests.standins.zalo.server import ZaloStandIn, zalo_stand_in

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
DOOR = "/thu-tien/bao-co"


async def told_by(client: Client, house: House, contract: str = "sepay") -> Bank:
    """A facility whose bank's money is told of, as its administrator sets it up."""
    await set_up(client, house)
    admin = await client("administrator", house)
    account = {"bank": BANK, "number": NUMBER, "holder": "BVDK THU TRUOC"}
    without = await admin.post("/quan-tri/thu-tien", data=account | {"contract": contract})
    assert (without.status_code, "Nhập khoá bí mật" in without.text) == (422, True)
    kept = await admin.post("/quan-tri/thu-tien", data=account | {"contract": contract, "secret": SECRET})
    assert kept.status_code == 303
    page = (await admin.get("/quan-tri/thu-tien")).text
    assert f"{DOOR}/{house.code}" in page and SECRET not in page
    return Bank(await client(None), f"{DOOR}/{house.code}", NUMBER, contract)


async def asked(client: Client, database: Database, house: House) -> tuple[Phone, str, str]:
    """Somebody's phone, the address of her payment, and its reference."""
    _person, booking, hers = await booked(client, database, house, days=2)
    path = f"/bookings/{code_of(booking)}/payment"
    return hers, path, (await hers.post(path)).json()["reference"]


async def test_a_notice_pays_what_it_names_once_and_what_is_not_the_banks_is_refused_and_audited(
    client: Client, database: Database, house: House, other_hospital: House
) -> None:
    bank, now = await told_by(client, house), clock.now()
    hers, path, reference = await asked(client, database, house)
    good = bank.money(f"MBVCB.327.{reference.lower()}.CT tu 0071 NGUYEN VAN A", 150_000, f"FT{token_hex(4)}")
    refused = len([one for one in await traces(database, house, "bank-notice") if not one[0]])
    other = Bank(bank.to, bank.path, NUMBER, secret="khoa-khac")
    for forged in (
        await other.send(good, now),
        await bank.send(good, now, raw=b'{"id": 1}'),
        await bank.send(good, now - timedelta(hours=7)),
        await bank.send(good, now + timedelta(minutes=10)),
        (await bank.to.post(bank.path, json=good)).status_code,
        await Bank(bank.to, bank.path, NUMBER, "casso").send(good, now),
    ):
        assert forged == 401
    assert await bank.send({"hello": "bank"}, now) == 422
    assert len([one for one in await traces(database, house, "bank-notice") if not one[0]]) == refused + 7
    assert await bank.send(good, now, path=f"{DOOR}/{other_hospital.code}") == 401
    assert await bank.send(good, now, path=f"{DOOR}/99999") == 404
    assert (await hers.read(path))["state"] == "asked"

    for late in (timedelta(), timedelta(minutes=33), timedelta(hours=5)):  # again until it was answered, or replayed
        assert await bank.send(good, now - late) == 200
    assert (await hers.read(path))["state"] == "paid"
    assert [rule for _ok, rule in await traces(database, house, "bank-notice")][-3:] == ["paid", "known", "known"]
    assert await bank.send(bank.money(reference, 150_000, "FT-RA", out=True), now) == 200
    assert await bank.send(bank.money("tien dien", 900_000, "FT-KHAC", account="999"), now) == 200
    cashier = await client("cashier", house)
    assert "ngân hàng báo có" in (await cashier.get(f"/thu-ngan/{reference}")).text
    listed = (await cashier.get("/thu-ngan")).text
    assert "FT-RA" not in listed and "FT-KHAC" not in listed
    for typed in (reference.lower(), path.split("/")[2]):  # of the statement; of her phone
        assert (await cashier.get("/thu-ngan", params={"ma": typed})).headers["location"] == f"/thu-ngan/{reference}"
    assert "Không có khoản thanh toán" in (await cashier.get("/thu-ngan", params={"ma": "x' or"})).text


async def test_money_that_nobody_can_place_waits_for_the_cashier_who_matches_it_or_gives_it_back(
    client: Client, database: Database, house: House, other_hospital: House
) -> None:
    bank, now = await told_by(client, house), clock.now()
    hers, path, reference = await asked(client, database, house)
    mark = token_hex(3).upper()
    apart = {
        "little": bank.money(reference, 100_000, f"IT-{mark}"),
        "unknown": bank.money("tien kham cho me", 150_000, f"LA-{mark}"),
        "elsewhere": bank.money(reference, 150_000, f"TK-{mark}", account="555"),
    }
    for said in apart.values():
        for _ in range(2):
            assert await bank.send(said, now) == 200
    assert (await hers.read(path))["state"] == "asked"
    cashier = await client("cashier", house)
    page = (await cashier.get("/thu-ngan")).text
    for number, why in (
        (f"IT-{mark}", "khác với số phải trả"),
        (f"LA-{mark}", "không có mã"),
        (f"TK-{mark}", "khoản khác"),
    ):
        assert page.count(f">{number}</a>") == 1 and why in page

    def at(number: str) -> str:
        return page.split(f">{number}</a>")[0].rsplit('href="', 1)[1].split('"')[0]

    little, unknown = at(f"IT-{mark}"), at(f"LA-{mark}")
    for role in ("reception", "administrator", None):
        assert (await (await client(role, house)).get(little)).status_code in (303, 403)
    assert (
        await (await client("cashier", other_hospital)).post(f"{little}/khop", data={"reference": reference})
    ).status_code == 404
    assert (await cashier.get("/thu-ngan/chua-khop/khong-co")).status_code == 404
    wrong = await cashier.post(f"{little}/khop", data={"reference": reference})
    assert (wrong.status_code, "Số tiền khác" in wrong.text) == (409, True)
    assert (await cashier.post(f"{little}/hoan", data={"number": ""})).status_code == 422
    assert (await cashier.post(f"{unknown}/khop", data={"reference": ""})).status_code == 422
    assert (await cashier.post(f"{unknown}/khop", data={"reference": "BH2222222222"})).status_code == 422
    by_hand = await cashier.post(f"/thu-ngan/{reference}/nhan", data={"amount": "150.000", "number": f"LA-{mark}"})
    assert (by_hand.status_code, "danh sách chưa khớp" in by_hand.text) == (409, True)
    assert reference in (await cashier.get(unknown)).text  # it is offered, being of this amount

    assert (await cashier.post(f"{unknown}/khop", data={"asked": reference})).status_code == 303
    assert (await hers.read(path))["state"] == "paid"
    assert (await cashier.post(f"{unknown}/khop", data={"asked": reference})).status_code == 409
    assert (await cashier.post(f"{little}/hoan", data={"number": "FT-TRA"})).status_code == 303
    assert (await cashier.post(f"{little}/hoan", data={"number": "FT-TRA"})).status_code == 409
    second = bank.money(f"lan hai {reference}", 150_000, f"L2-{mark}")
    for said in (*apart.values(), second):  # what was dealt with stays so; more money for the same waits
        assert await bank.send(said, now) == 200
    page = (await cashier.get("/thu-ngan")).text
    assert f"IT-{mark}" not in page and f"LA-{mark}" not in page and "Khoản này đã có tiền" in page
    assert (await cashier.post(f"{at(f'L2-{mark}')}/khop", data={"reference": reference})).status_code == 409
    assert (True, "matched") in await traces(database, house, "payment")
    assert (await hers.read(path))["state"] == "paid"


async def test_what_the_cashier_noted_by_hand_and_the_bank_tells_too_is_counted_once(
    client: Client, database: Database, house: House
) -> None:
    bank, now = await told_by(client, house, "casso"), clock.now()
    cashier, mark = await client("cashier", house), token_hex(3).upper()
    hers, path, reference = await asked(client, database, house)
    assert "báo có không tới" in (await cashier.get(f"/thu-ngan/{reference}")).text
    noted = {"amount": "150.000", "number": f"ft {mark}"}
    assert (await cashier.post(f"/thu-ngan/{reference}/nhan", data=noted)).status_code == 303
    assert await bank.send(bank.money(reference, 150_000, f"FT{mark}"), now) == 200
    theirs, way, another = await asked(client, database, house)
    mistyped = {"amount": "150.000", "number": f"SAI-{mark}"}
    assert (await cashier.post(f"/thu-ngan/{another}/nhan", data=mistyped)).status_code == 303
    assert await bank.send(bank.money(another, 150_000, f"DUNG-{mark}"), now) == 200
    page = (await cashier.get("/thu-ngan")).text
    assert f"FT{mark}" not in page and f">DUNG-{mark}</a>" in page
    one = page.split(f">DUNG-{mark}</a>")[0].rsplit('href="', 1)[1].split('"')[0]
    assert (await cashier.post(f"{one}/khop", data={"reference": another})).status_code == 303
    assert f"DUNG-{mark}" not in (await cashier.get("/thu-ngan")).text
    for phone, address, of in ((hers, path, reference), (theirs, way, another)):
        assert (await phone.read(address))["state"] == "paid"
        assert "ngân hàng báo có" in (await cashier.get(f"/thu-ngan/{of}")).text
    # banks use their numbers again: other money, which is not lost
    third, there, more = await asked(client, database, house)
    assert await bank.send(bank.money(more, 150_000, f"FT{mark}"), now) == 200
    assert (await third.read(there))["state"] == "paid"


async def test_the_words_of_a_transfer_are_read_as_banks_leave_them() -> None:
    code = "BH7F4K2Q9MXY"
    for words in (
        code,
        code.lower(),
        f"MBVCB.1.{code}.CT",
        f"{code}-080923",
        "BH7F4K 2Q9MXY",
        f"BH{code}",
        f"BHBH{code}22",
    ):
        assert code in notices.codes(words)
    assert notices.codes("chuyen tien kham benh BH") == []


async def test_zalo_is_asked_about_an_order_whose_callback_was_lost(
    client: Client, database: Database, house: House, other_hospital: House
) -> None:
    nobody = await set_up(client, house)
    hers, path, reference = await asked(client, database, house)
    order = (await hers.read(path))["order"]
    zalo, mark = ZaloStandIn(), token_hex(4)
    app = (await _payee(database, house)).app
    lost, foreign, heard = (f"{name}-{mark}" for name in ("mat", "nguoi-khac", "co-bao"))
    assert (await Phone(nobody).post(f"{path}/orders", {"order": lost})).status_code == 401
    stranger, _path, _reference = await asked(client, database, house)
    assert (await stranger.post(f"{path}/orders", {"order": lost})).status_code == 404
    assert (await hers.post(f"{path}/orders", {"order": ""})).status_code == 422
    for one in (lost, lost, foreign, heard):
        assert (await hers.post(f"{path}/orders", {"order": one})).status_code == 204
    failed = zalo.paid(heard, app, 150_000, result=-1, extradata=order["extradata"])
    assert (await nobody.post(f"{CALLBACK}/{house.code}", json=failed)).json()["returnCode"] == 1

    with zalo_stand_in(zalo) as base:
        asking = status.Asking(database, base)
        await asking.turn()
        assert zalo.asked == []  # its callback has twenty minutes
        await _due(database, house, reference)
        await asking.turn()
        await asking.turn()
        assert (await hers.read(path))["state"] == "asked" and len(zalo.asked) == 2  # nobody has paid yet
        zalo.paid(foreign, app, 150_000, extradata=order["extradata"].replace(reference, "BH2222222222"))
        zalo.paid(lost, app, 150_000, extradata=order["extradata"])  # and the callback is lost
        await asking.turn()
        assert len(zalo.asked) == 2  # not before the next pause is over
        zalo.fault = "500"
        await _due(database, house, reference)
        for _ in range(2):
            await asking.turn()
        zalo.fault = ""
        await _due(database, house, reference)
        for _ in range(3):
            await asking.turn()
    assert (await hers.read(path))["state"] == "paid"
    assert (False, "of another payment") in await traces(database, house, "payment-status")
    assert await _waiting(database, house, reference) == 0
    paid = zalo.paid(lost, app, 150_000, extradata=order["extradata"])  # it comes after all, and changes nothing
    assert (await nobody.post(f"{CALLBACK}/{house.code}", json=paid)).json()["returnCode"] == 1
    assert (await hers.read(path))["state"] == "paid"


async def test_zalo_is_not_asked_for_ever(client: Client, database: Database, house: House) -> None:
    await set_up(client, house)
    hers, path, reference = await asked(client, database, house)
    for n in range(status.MOST_ORDERS + 1):
        answer = await hers.post(f"{path}/orders", {"order": f"{reference}-{n}"})
        assert answer.status_code == (409 if n == status.MOST_ORDERS else 204)
    with zalo_stand_in(ZaloStandIn()) as base:
        asking = status.Asking(database, base)
        for _ in range(status.MOST_ASKED):
            await _due(database, house, reference)
            for _n in range(status.MOST_ORDERS):
                await asking.turn()
    assert await _waiting(database, house, reference) == 0
    assert (False, "never answered") in await traces(database, house, "payment-status")
    assert (await hers.read(path))["state"] == "asked"


async def _payee(database: Database, house: House) -> Payee:
    async with database.transaction(house.key) as tx:
        return await payee(tx, house.key)


async def _due(database: Database, house: House, reference: str) -> None:
    """Time passes until Zalo is asked again."""
    async with database.transaction(house.key) as tx:
        await tx.execute("update checkout_order set due = now() - interval '1 second' where reference = $1", reference)


async def _waiting(database: Database, house: House, reference: str) -> int:
    async with database.transaction(house.key) as tx:
        return int(await tx.fetchval("select count(*) from checkout_order where reference = $1", reference))
