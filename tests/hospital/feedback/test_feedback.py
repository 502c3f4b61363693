"""Praise and complaints from the phone: kept once, answered on the board, and unknown stays who wants to."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest

from benhan.core import store
from benhan.core.access import Role, service
from benhan.core.access.accounts import open_session
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import pictures
from benhan.hospital.feedback import rules
from benhan.simulator import House
from tests.patient import people
from tests.patient.app.phone import Phone

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
SAID = {"kind": "complaint", "topic": "waiting", "words": "Chờ ba giờ ở phòng 5 <b>", "rating": "2", "anonymous": False}
#: What is refused, and at which field.
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"kind": "rant"}, "kind"), ({"words": ""}, "words"), ({"rating": "6"}, "rating"), ({"place": "khong-co"}, "place"),
    ({"photos": ["x"]}, "photos"), ({"photos": ["eA=="]}, "photos"),
]  # fmt: skip
#: A picture of one pixel that tells where it was taken; and the same without.
PLACE = b"\xff\xe1\x00\x1aExif\x00\x00GPS 21.02N 105.85E"
BARE = b"\xff\xd8\xff\xe0\x00\x04JF\xff\xda\x00\x02\x01\x02\x03\xff\xd9"
PICTURE = BARE[:2] + PLACE + BARE[2:]


async def patient(client: Client, database: Database, house: House) -> tuple[r4.Patient, Phone]:
    """Somebody with the app, signed in."""
    async with database.transaction(house.key) as tx:
        person = await people.patient(tx, house)
        phone = Phone(await client(None))
        phone.token = await open_session(tx, house.key, patient=person.id, hours=1)
    return person, phone


async def left(phone: Phone, key: str, **more: Any) -> httpx.Response:
    """She says something."""
    return await phone.post("/feedback", SAID | {"photos": []} | more, Idempotency_Key=key)


async def test_a_complaint_is_kept_once_answered_on_the_board_and_read_on_the_phone(
    client: Client, database: Database, hospital: House, other_hospital: House
) -> None:
    person, hers = await patient(client, database, hospital)
    place = (await hers.read("/feedback"))["places"][0]
    photos = [base64.b64encode(PICTURE).decode()]
    first = await left(hers, "gop-y-cua-toi-0001", place=place["code"], photos=photos)
    assert first.status_code == 201, first.text
    assert (await left(hers, "gop-y-cua-toi-0001", place=place["code"], photos=photos)).json() == first.json()
    [kept] = (await hers.read("/feedback"))["feedback"]
    assert (kept["place"], kept["rating"], kept["pictures"], kept["answered"]) == (place["name"], 2, 1, False)

    office = await client("planning")
    page = await office.get("/gop-y")
    assert "Chờ ba giờ ở phòng 5 &lt;b&gt;" in page.text and "Đặng Thị Tâm" in page.text
    async with database.transaction(hospital.key) as tx:
        behind = service(Role.FEEDBACK_SERVICE, hospital.key)
        [one] = (await store.search(tx, behind, r4.Communication, {"identifier": kept["code"]})).resources
    address = one.id or ""
    assert f'href="/gop-y/{address}"' in page.text
    picture = await office.get(f"/gop-y/{address}/anh/0")
    assert (picture.headers["content-type"], picture.content) == ("image/jpeg", BARE)
    assert (await office.get(f"/gop-y/{address}/anh/1")).status_code == 404
    assert (await office.post(f"/gop-y/{address}", data={"tra-loi": ""})).status_code == 422
    assert (await office.post(f"/gop-y/{address}", data={"tra-loi": "Đã thêm bàn khám."})).status_code == 303
    assert address not in (await office.get("/gop-y")).text
    assert address in (await office.get("/gop-y?xem=xong")).text
    answered = await hers.read(f"/feedback/{kept['code']}")
    assert answered["answered"] and answered["answers"][0]["words"] == "Đã thêm bàn khám."

    for role in (Role.DOCTOR, Role.RECEPTION):
        assert (await (await client(role)).get(f"/gop-y/{address}")).status_code == 403
    assert (await (await client("planning", other_hospital)).get(f"/gop-y/{address}")).status_code == 404
    _other, stranger = await patient(client, database, hospital)
    assert (await stranger.read("/feedback"))["feedback"] == []
    assert "Chờ ba giờ" not in (await (await client("planning")).get("/yeu-cau-du-lieu")).text
    assert person.id


async def test_who_wants_to_stay_unknown_does(client: Client, database: Database, hospital: House) -> None:
    person, hers = await patient(client, database, hospital)
    answer = await left(hers, "gop-y-an-danh-0001", words="Không ai chào hỏi", anonymous=True)
    kept = answer.json()
    assert (answer.status_code, kept["anonymous"]) == (201, True)
    assert (await hers.read("/feedback"))["feedback"] == []
    assert (await hers.read(f"/feedback/{kept['code']}"))["words"] == "Không ai chào hỏi"
    async with database.transaction(hospital.key) as tx:
        behind = service(Role.FEEDBACK_SERVICE, hospital.key)
        found = await store.search(tx, behind, r4.Communication, {"identifier": kept["code"]})
        [one] = found.resources
        assert (one.subject, one.sender) == (None, None)
        assert (await store.history(tx, behind, r4.Communication, one.id or ""))[
            0
        ].account == "service:feedback-service"
    async with database.transaction(PLATFORM) as tx:
        rows = await tx.fetch("select account, session, address from audit where id = $1", one.id)
    assert rows and {tuple(row.values()) for row in rows} == {("service:feedback-service", None, None)}
    assert person.id not in str(rows)


async def test_what_is_no_feedback_changes_nothing_and_nobody_floods_the_board(
    client: Client, database: Database, hospital: House
) -> None:
    _person, hers = await patient(client, database, hospital)
    for wrong, where in WRONG:
        refused = await left(hers, "gop-y-khong-dung-1", **wrong)
        assert (refused.status_code, refused.json()["where"]) == (422, where)
    assert (await left(hers, "ngan")).json()["where"] == "Idempotency-Key"
    for n in range(rules.MOST_A_DAY):
        assert (await left(hers, f"gop-y-lien-tuc-{n:04d}", kind="praise")).status_code == 201
    assert (await left(hers, "gop-y-lien-tuc-9999", kind="praise")).status_code == 429


async def test_pictures_tell_nothing_and_months_tell_how_content_people_are() -> None:
    assert pictures.bare(PICTURE) == BARE
    for wrong in (b"", b"\x89PNG", PICTURE[:20] + b"\xff\xd9", b"\xff\xd8\xff\xe1\xff\xff\xff\xd9"):
        with pytest.raises(Invalid):
            pictures.bare(wrong)
    at = datetime.fromisoformat("2026-11-23T09:00:00+07:00")
    one = rules.Feedback(
        id="1", code="", kind=rules.Kind.PRAISE, topic="care", place="", words="", rating=5, patient="", name="",
        sent=at, answered=False, pictures=(), answers=(),
    )  # fmt: skip
    assert one.due.day.isoformat() == "2026-11-30"
    months = [one, msgspec.structs.replace(one, rating=2), msgspec.structs.replace(one, sent=at - timedelta(days=60))]
    assert rules.by_month(months) == [("09/2026", 5.0, 1), ("11/2026", 3.5, 2)]
    assert one.late(one.due.day + timedelta(days=1)) and not one.late(one.due.day)
