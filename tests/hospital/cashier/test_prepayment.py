"""Paying before a visit: Zalo's server and the bank's statement are believed, once; the cashier gives back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from benhan.core import store
from benhan.core.access.accounts import open_session
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock
from benhan.hospital import prices
from benhan.hospital.booking_code import new_code
from benhan.hospital.cashier import follower
from benhan.hospital.cashier.payee import payee
from benhan.hospital.prices import Price
from benhan.hospital.visit import concept, full_name, stamp
from benhan.simulator import House
from tests.patient import people
from tests.patient.app.phone import Phone
from tests.standins.zalo.payment import PRIVATE_KEY, Payment, mac

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
BANK, NUMBER, APP = "970403", "0011012345678", "1234567890"
CALLBACK = "/zalo/thanh-toan"


async def set_up(client: Client, house: House) -> httpx.AsyncClient:
    """Prices and payee through the administrator's pages; twice is once. Gives nobody's browser."""
    admin = await client("administrator", house)
    price = {"specialty": "tmh", "code": "", "amount": "150.000", "since": clock.vn_date(clock.today())}
    await admin.post("/quan-tri/bang-gia", data=price)
    told = {"bank": BANK, "number": NUMBER, "holder": "BVDK THU TRUOC", "app": APP, "key": PRIVATE_KEY}
    assert (await admin.post("/quan-tri/thu-tien", data=told)).status_code == 303
    page = await admin.get("/quan-tri/thu-tien")
    assert f"{CALLBACK}/{house.code}" in page.text and PRIVATE_KEY not in page.text
    return await client(None)


async def booked(
    client: Client, database: Database, house: House, days: int = 0
) -> tuple[r4.Patient, r4.Appointment, Phone]:
    """Somebody with the app who has booked an examination of ear, nose and throat."""
    start = clock.now() + timedelta(days=days)
    async with database.transaction(house.key) as tx:
        person = await people.patient(tx, house)
        made = await store.create(tx, house.loader, r4.Appointment(
            status="booked", identifier=[r4.Identifier(system=systems.BOOKING_CODE, value=new_code())],
            specialty=[concept(systems.SPECIALTY, "tmh", "Tai Mũi Họng")], start=stamp(start),
            end=stamp(start + timedelta(minutes=15)),
            participant=[
                r4.AppointmentParticipant(actor=store.reference(person, full_name(person)), status="accepted")
            ],
        ))  # fmt: skip
        phone = Phone(await client(None))
        phone.token = await open_session(tx, house.key, patient=person.id, hours=1)
    return person, made, phone


def code_of(booking: r4.Appointment) -> str:
    """Its code."""
    return (booking.identifier or [])[0].value or ""


async def traces(database: Database, house: House, action: str) -> list[tuple[bool, str]]:
    """What the audit of the hospital says of an act: allowed, why."""
    async with database.transaction(PLATFORM) as tx:
        rows = await tx.fetch(
            "select allowed, rule from audit where facility = $1 and action = $2 order by seq", house.key, action
        )
    return [(row["allowed"], row["rule"]) for row in rows]


async def test_a_callback_of_zalos_server_pays_once_and_every_other_one_is_refused_and_audited(
    client: Client, database: Database, house: House, other_hospital: House
) -> None:
    nobody = await set_up(client, house)
    person, booking, hers = await booked(client, database, house)
    path = f"/bookings/{code_of(booking)}/payment"
    before = await hers.read(path)
    assert (before["amount"], before["ways"], before["reference"]) == (150_000, ["qr", "checkout"], "")
    asked = (await hers.post(path)).json()
    assert (await hers.post(path)).json() == asked and asked["state"] == "asked"
    assert asked["reference"] in asked["qr"]["text"] and asked["account"]["number"] == NUMBER
    order = asked["order"]
    plain = {name: msgspec.json.encode(order[name]).decode() if name == "item" else order[name]
             for name in ("amount", "desc", "extradata", "item")}  # fmt: skip
    assert order["mac"] == mac(plain)

    zalo = Payment()
    refused = len([one for one in await traces(database, house, "payment") if not one[0]])
    once = (await traces(database, house, "payment")).count((True, "checkout")) + 1

    def paid(name: str, amount: int = 150_000, **more: Any) -> dict[str, Any]:
        return zalo.paid(
            name, more.pop("app", APP), amount, extradata=more.pop("extradata", order["extradata"]), **more
        )

    async def call(said: Any, code: str = house.code) -> tuple[int, int]:
        answer = await nobody.post(f"{CALLBACK}/{code}", json=said)
        return answer.status_code, answer.json()["returnCode"]

    forged = paid("o-1")
    forged["data"]["amount"] = 1
    swapped = paid("o-1")
    swapped["data"]["extradata"] = order["extradata"]  # `mac` alone does not cover it
    not_zalos: list[Any] = [forged, swapped, paid("o-1", key="khoa-khac"), {"data": {}}, [], None]
    for said in not_zalos:
        assert await call(said) == (403, -1)
    elsewhere = order["extradata"].replace(house.code, other_hospital.code)
    unknown = order["extradata"].replace(asked["reference"], "BHKHONGCO22")
    for said in (
        paid("o-1", app="999"), paid("o-1", extradata=elsewhere), paid("o-1", extradata=unknown),
        paid("o-1", amount=1000), paid("o-1", extradata=""),
    ):  # fmt: skip
        assert await call(said) == (200, -1)
    assert await call(paid("o-1"), other_hospital.code) == (403, -1)
    assert await call(paid("o-0", result=-1)) == (200, 1)
    assert (await hers.read(path))["state"] == "asked"
    assert len([one for one in await traces(database, house, "payment") if not one[0]]) == refused + 11
    assert (False, "not Zalo's") in await traces(database, other_hospital, "payment")

    for _ in range(3):  # Zalo sends it again until it is answered; somebody else may, too
        assert await call(paid("o-1")) == (200, 1)
    shown = await hers.read(path)
    assert (shown["state"], shown["qr"], shown["order"]) == ("paid", None, None)
    assert (await traces(database, house, "payment")).count((True, "checkout")) == once
    desk = await (await client("reception", house)).get(
        f"/tiep-don/nguoi/{person.id}", params={"hen": booking.id or ""}
    )
    assert "Đã trả trước 150.000" in desk.text

    assert await call(paid("o-2")) == (200, 1)  # a second order of the same payment: the money came twice
    assert (await hers.read(path))["state"] == "refund-asked"
    cashier = await client("cashier", house)
    assert asked["reference"] in (await cashier.get("/thu-ngan")).text
    one = f"/thu-ngan/{asked['reference']}"
    assert (await cashier.post(f"{one}/da-hoan", data={"number": ""})).status_code == 422
    assert (await cashier.post(f"{one}/da-hoan", data={"number": "FT-HOAN-1"})).status_code == 303
    assert (await hers.read(path))["state"] == "paid"  # the other money stays

    _other, _booking, stranger = await booked(client, database, house)
    assert (await stranger.get(path)).status_code == 404
    assert (await stranger.post(path)).status_code == 404
    assert (await Phone(nobody).get(path)).status_code == 401


async def test_the_cashier_finds_a_transfer_on_the_statement_and_gives_back_what_a_cancelled_booking_cost(
    client: Client, database: Database, house: House, other_hospital: House
) -> None:
    await set_up(client, house)
    _person, booking, hers = await booked(client, database, house, days=3)
    path = f"/bookings/{code_of(booking)}/payment"
    reference = (await hers.post(path)).json()["reference"]
    cashier, one = await client("cashier", house), f"/thu-ngan/{reference}"
    assert reference in (await cashier.get("/thu-ngan")).text
    wrong = await cashier.post(f"{one}/nhan", data={"amount": "149.000", "number": "FT-1"})
    assert (wrong.status_code, "Số tiền khác với số phải trả" in wrong.text) == (409, True)
    for _ in range(2):
        assert (await cashier.post(f"{one}/nhan", data={"amount": "150.000", "number": "FT-1"})).status_code == 303
    assert (await hers.read(path))["state"] == "paid"
    _other, second, theirs = await booked(client, database, house, days=3)
    another = (await theirs.post(f"/bookings/{code_of(second)}/payment")).json()["reference"]
    taken = await cashier.post(f"/thu-ngan/{another}/nhan", data={"amount": "150.000", "number": "FT-1"})
    assert (taken.status_code, "đã ghi cho một khoản khác" in taken.text) == (409, True)

    for role in ("reception", "doctor", "administrator"):
        assert (await (await client(role, house)).get(one)).status_code == 403
    assert (await (await client("cashier", other_hospital)).get(one)).status_code == 404
    assert (await (await client("cashier", other_hospital)).post(f"{one}/can-hoan")).status_code == 404
    assert (await (await client("cashier", house)).get("/quan-tri/thu-tien")).status_code == 403

    async with database.transaction(house.key) as tx:
        for cancelled in (booking, second):
            ended = msgspec.structs.replace(cancelled, status="cancelled")
            await store.update(tx, house.loader, ended, if_match=None)
        for _ in range(2):
            await follower.hear(tx, house.key, {booking.id or "", second.id or ""})
    assert (await hers.read(path))["state"] == "refund-asked"
    assert (await theirs.read(f"/bookings/{code_of(second)}/payment"))["state"] == "ended"
    assert (await theirs.post(f"/bookings/{code_of(second)}/payment")).status_code == 409
    async with database.transaction(house.key) as tx:  # it is wanted after all: another payment, another reference
        await store.update(tx, house.loader, msgspec.structs.replace(second, status="booked"), if_match=None)
    anew = (await theirs.post(f"/bookings/{code_of(second)}/payment")).json()
    assert anew["state"] == "asked" and anew["reference"] != another
    assert (await cashier.post(f"{one}/da-hoan", data={"number": "FT-2"})).status_code == 303
    assert (await hers.read(path))["state"] == "refunded"
    assert (True, "") in await traces(database, house, "refund")


async def test_a_price_begins_on_a_day_and_the_key_lies_encrypted(
    client: Client, database: Database, house: House
) -> None:
    await set_up(client, house)
    admin, today = await client("administrator", house), clock.today()
    price = {"specialty": "", "code": "khong-co", "amount": "1", "since": clock.vn_date(today)}
    assert (await admin.post("/quan-tri/bang-gia", data=price)).status_code == 422
    past = price | {"specialty": "tmh", "since": clock.vn_date(today - timedelta(days=1))}
    begun = price | {"specialty": "tmh"}
    for said in (past, begun):
        assert (await admin.post("/quan-tri/bang-gia", data=said)).status_code == 422
    later = price | {"specialty": "mat", "amount": "90.000", "since": clock.vn_date(today + timedelta(days=5))}
    for amount in ("90.000", "95.000"):
        assert (await admin.post("/quan-tri/bang-gia", data=later | {"amount": amount})).status_code == 303
    async with database.transaction(house.key) as tx:
        assert await prices.at(tx, house.loader, ["mat"], today) == {}
        found = await prices.at(tx, house.loader, ["mat", "tmh"], today + timedelta(days=5))
        assert {code: one.amount for code, one in found.items()} == {"mat": 95_000, "tmh": 150_000}
        kept = await tx.fetchval("select key from payee where facility = $1", house.key)
        assert PRIVATE_KEY not in kept and (await payee(tx, house.key)).key == PRIVATE_KEY
    first = Price("Khám", "tmh", today, 1)
    second = Price("Khám", "tmh", today + timedelta(days=1), 2)
    assert prices.in_force([second, first], today) == {"tmh": first}
    assert prices.in_force([first, second], second.since) == {"tmh": second}
