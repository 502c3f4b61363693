"""Booking on the phone: for her record nothing is typed; sent twice it is one booking; another's is nobody's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from benhan.core import store
from benhan.core.access import Role
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock
from benhan.hospital.booking_code import new_code
from benhan.hospital.reception import arrival
from benhan.hospital.visit import stamp
from benhan.simulator import House
from tests.patient import telephones
from tests.patient.app.phone import Phone, refusals
from tests.standins.sms_gateway import GatewayStandIn

pytestmark = pytest.mark.asyncio(loop_scope="session")
NewPhone = Callable[[], Awaitable[Phone]]
GUEST = {"name": "Phạm Thị Ổn", "birthDate": "1962-05-12", "gender": "female", "cccd": ""}
#: A specialty whose slots no other test counts.
SERVICE = "ck-tmh"


async def times(phone: Phone, house: House, least: int) -> list[dict[str, Any]]:
    """Free times of a day that has enough of them, found as the app finds them."""
    [one] = [s for s in (await phone.read(f"/facilities/{house.code}/services"))["services"] if s["id"] == SERVICE]
    assert one["doctors"]
    path = f"/facilities/{house.code}/services/{SERVICE}"
    since = (clock.today() + timedelta(days=2)).isoformat()
    days = (await phone.read(f"{path}/days", **{"from": since}))["days"]
    day = next(one["day"] for one in days if one["free"] >= least)
    found: list[dict[str, Any]] = (await phone.read(f"{path}/times", day=day))["times"]
    assert len(found) >= least
    return found


async def test_she_books_for_her_record_moves_and_cancels_and_sent_twice_it_is_once(
    a_phone: NewPhone,
    database: Database,
    hospital: House,
    other_hospital: House,
    province: House,
    gateway: GatewayStandIn,
) -> None:
    number = telephones.number()
    person = await telephones.patient(database, hospital, number)
    hers, stranger = await a_phone(), await a_phone()
    found = (await hers.read("/facilities", q="song hong"))["facilities"]
    assert province.code not in {one["code"] for one in (await hers.read("/facilities"))["facilities"]}
    nobodys = {"facility": province.code, "phone": "0912345678"}
    assert (await hers.post("/session/phone", nobodys)).status_code == 404  # it treats nobody
    assert {"code": hospital.code, "name": "BVĐK Sông Hồng"} in found
    offered = await hers.read(f"/facilities/{hospital.code}/services", q="con bi u tai, sot")
    meant = offered["services"]
    assert "khó thở" in offered["emergency"]
    assert {one["id"] for one in meant} == {"ck-tmh", "ck-noi", "ck-nhi"} and "ù tai" in meant[-1]["symptoms"]
    assert not any(one["name"] == "BVĐK Cửu Long" for one in found)
    first, second, *_more = await times(hers, hospital, 4)
    path, said = (
        f"/facilities/{hospital.code}/bookings",
        {"slot": first["slot"], "reason": "Ù tai", "payer": "self", "guest": None},
    )
    assert (await hers.post(path, said, Idempotency_Key="dat-lich-01")).status_code == 401
    await hers.come(hospital, gateway, number)
    assert (await hers.post(path, said)).json()["where"] == "Idempotency-Key"
    made = await hers.post(path, said, Idempotency_Key="dat-lich-01")
    assert made.status_code == 201, made.text
    booked = made.json()
    assert (booked["name"], booked["state"], booked["changeable"], booked["pass"]) == (
        "Đặng Thị Tâm", "booked", True, "",
    )  # fmt: skip
    assert (booked["qr"]["text"], booked["payer"]) == (booked["code"], "self")
    assert (await hers.post(path, said, Idempotency_Key="dat-lich-01")).json() == booked
    other = await hers.post(path, said | {"slot": second["slot"]}, Idempotency_Key="dat-lich-01")
    assert (other.status_code, other.json()["where"]) == (422, "Idempotency-Key")
    assert [one["code"] for one in (await hers.read("/bookings"))["bookings"]] == [booked["code"]]
    elsewhere = await hers.post(
        f"/facilities/{other_hospital.code}/bookings", said, Idempotency_Key="dat-lich-02"
    )  # fmt: skip
    assert (elsewhere.status_code, elsewhere.json()["where"]) == (422, "guest")

    mine = f"/bookings/{booked['code']}"
    moved = (await hers.post(f"{mine}/move", {"slot": second["slot"]})).json()
    assert moved["start"] == second["start"]
    assert (await hers.post(f"{mine}/move", {"slot": second["slot"]})).json() == moved
    assert (await hers.post(path, said, Idempotency_Key="dat-lich-01")).json()["start"] == second["start"]
    for verb, asked in (("", {}), ("/move", {"slot": first["slot"]}), ("/cancel", {"reason": ""})):
        answer = await (stranger.post(mine + verb, asked) if verb else stranger.get(mine))
        assert answer.status_code == 401
    assert (await hers.post(f"{mine}/cancel", {"reason": "Bận"})).json()["state"] == "cancelled"
    assert (await hers.post(f"{mine}/cancel", {"reason": ""})).json()["state"] == "cancelled"
    assert not await refusals(database, f"patient:{person.id}")


async def test_another_patients_booking_is_nothing_to_her_and_nobody_hoards(
    a_phone: NewPhone, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phones = []
    for _ in "ab":
        number = telephones.number()
        await telephones.patient(database, hospital, number)
        phones.append(await a_phone())
        await phones[-1].come(hospital, gateway, number)
    hers, other = phones
    path, free = f"/facilities/{hospital.code}/bookings", await times(hers, hospital, 5)
    for n, one in enumerate(free[:4]):
        said = {"slot": one["slot"], "reason": "", "guest": None}
        answer = await hers.post(path, said, Idempotency_Key=f"nhieu-lich-{n}")
        assert answer.status_code == (201 if n < 3 else 409), answer.text
    assert answer.json()["where"] == "patient"
    booked, *_ = (await hers.read("/bookings"))["bookings"]
    assert (await other.get(f"/bookings/{booked['code']}")).status_code == 404
    taken = {"slot": free[0]["slot"], "reason": "", "guest": None}
    refused = await other.post(path, taken, Idempotency_Key="da-co-nguoi")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")


async def test_a_guest_books_and_her_pass_or_her_proof_shows_it_again(
    a_phone: NewPhone, hospital: House, other_hospital: House
) -> None:
    guest, stranger = await a_phone(), await a_phone()
    [first, *_] = await times(guest, other_hospital, 2)
    said = {"slot": first["slot"], "reason": "", "guest": GUEST | {"phone": "+84 911 000 555"}}
    path = f"/facilities/{other_hospital.code}/bookings"
    assert (await guest.post(path, said | {"guest": GUEST}, Idempotency_Key="khach-dat-1")).json()["where"] == "phone"
    booked = (await guest.post(path, said, Idempotency_Key="khach-dat-1")).json()
    assert booked["pass"] and booked["facility"]["code"] == other_hospital.code
    asked = f"?facility={other_hospital.code}"
    mine = f"/bookings/{booked['code']}"
    shown = await guest.browser.get(f"/app{mine}{asked}", headers={"Booking-Pass": booked["pass"]})
    assert shown.json()["name"] == "Phạm Thị Ổn"
    for wrong in ("x", ""):
        answer = await stranger.browser.get(f"/app{mine}{asked}", headers={"Booking-Pass": wrong})
        assert answer.status_code in (401, 404)
    assert (await stranger.post(f"{mine}/proof{asked}", {"phone": "0911000556", "birthDate": ""})).status_code == 422
    proved = (await stranger.post(f"{mine}/proof{asked}", {"phone": "", "birthDate": "1962-05-12"})).json()
    assert proved["pass"] == booked["pass"]
    done = await stranger.post(f"{mine}/cancel{asked}", {"reason": ""}, Booking_Pass=proved["pass"])
    assert done.json()["state"] == "cancelled"


async def of_today(database: Database, house: House, person: r4.Patient) -> str:
    """A booking of hers for a later minute of today, or one that has just passed; gives its code."""
    code, at = new_code(), stamp(clock.now())
    async with database.transaction(house.key) as tx:
        await store.create(
            tx, house.loader,
            r4.Appointment(
                status="booked", start=at, end=at, created=at,
                identifier=[r4.Identifier(system=systems.BOOKING_CODE, value=code)],
                participant=[
                    r4.AppointmentParticipant(actor=store.reference(person, "Đặng Thị Tâm"), status="accepted"),
                    r4.AppointmentParticipant(actor=r4.Reference(reference="Location/phong-pk05"), status="accepted"),
                ],
            ),
        )  # fmt: skip
    return code


async def test_at_the_entrance_the_code_of_now_gives_her_number_once_and_an_old_one_none(
    a_phone: NewPhone, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    number = telephones.number()
    person = await telephones.patient(database, hospital, number)
    code = await of_today(database, hospital, person)
    hers, stranger = await a_phone(), await a_phone()
    await hers.come(hospital, gateway, number)
    display = hospital.subject(Role.DISPLAY)
    async with database.transaction(hospital.key) as tx:
        now = await arrival.code_now(tx, display, clock.now())
        old = await arrival.code_now(tx, display, clock.now() - timedelta(seconds=2.1 * arrival.WINDOW_SECONDS))
    path = f"/bookings/{code}/arrival"
    assert (await stranger.post(path, {"door": now, "group": ""})).status_code == 401
    for wrong in (old, "0123456789abcdef0123"):
        refused = await hers.post(path, {"door": wrong, "group": ""})
        assert (refused.status_code, refused.json()["where"]) == (422, "door")
    assert await refusals(database, f"patient:{person.id}") == [f"POST /app{path}"] * 2
    came = await hers.post(path, {"door": now, "group": "khuyet-tat"})
    assert came.status_code == 200, came.text
    ticket = came.json()["ticket"]
    assert ticket["number"].startswith("U-")
    assert (await hers.post(path, {"door": now, "group": ""})).json()["ticket"] == ticket
    assert (await hers.read("/day"))["ticket"] == ticket
    assert (await hers.read(f"/bookings/{code}"))["state"] == "arrived"


async def test_a_consent_is_one_switch_to_the_very_text(
    a_phone: NewPhone, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    number = telephones.number()
    await telephones.patient(database, hospital, number)
    hers = await a_phone()
    await hers.come(hospital, gateway, number)
    said = await hers.read("/consents")
    assert (said["consents"], said["alone"]) == ([], True)
    asked = {one["purpose"]: one for one in said["asked"]}
    assert set(asked) == {"facilities", "research", "contact", "remote"}
    other = await hers.post("/consents", {"purpose": "contact", "sha256": asked["research"]["sha256"]})
    assert (other.status_code, other.json()["where"]) == (409, "sha256")
    assert (await hers.post("/consents", {"purpose": "labelled", "sha256": "x"})).status_code == 422
    given = await hers.post("/consents", {"purpose": "contact", "sha256": asked["contact"]["sha256"]})
    assert given.status_code == 201
    [kept] = given.json()["consents"]
    assert (kept["purpose"], kept["inForce"], kept["text"]) == ("contact", True, asked["contact"]["text"])
    [ended] = (await hers.post(f"/consents/{kept['id']}/withdraw")).json()["consents"]
    assert ended["inForce"] is False
