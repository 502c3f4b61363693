"""To be seen at a distance: asked for, answered, the room and its seats, what may be prescribed; who is refused."""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.accounts import hashed, open_session
from benhan.core.access.acting import Kind
from benhan.core.access.consents import Giver, Purpose, wording
from benhan.core.access.doors import COOKIE
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import clock
from benhan.core.store import consents
from benhan.core.store.consents import Given
from benhan.hospital import remote_conditions, remote_paper
from benhan.hospital.clinic import conclusion_rules, diagnoses, prescribing
from benhan.hospital.clinic.conclusion_rules import Content
from benhan.hospital.remote import room
from benhan.hospital.visit import ROOM_OPENS
from benhan.patient import causes, relatives
from benhan.patient.messages import WORDINGS, Message, written
from benhan.patient.outbox import Due
from benhan.simulator import House
from tests.hospital.clinic.rooms import AMOXICILLIN, MORPHINE, stocked, twice
from tests.patient import people, telephones
from tests.patient.app.conftest import gateway  # noqa: F401 - a fixture
from tests.patient.app.phone import Phone
from tests.standins.sms_gateway import GatewayStandIn

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
BASE = "https://benh-an.example.vn"
PICTURE = base64.b64encode(b"\xff\xd8\xff\xe0\x00\x04JF\xff\xda\x00\x02\x01\x02\x03\xff\xd9").decode()


async def patient(client: Client, database: Database, house: House) -> tuple[r4.Patient, Phone]:
    """Somebody with the app, signed in."""
    async with database.transaction(house.key) as tx:
        person = await people.patient(tx, house)
        phone = Phone(await client(None))
        phone.token = await open_session(tx, house.key, patient=person.id, hours=1)
    return person, phone


async def agrees(phone: Phone) -> None:
    """She consents to be seen at a distance, to the very text."""
    asked = (await phone.read("/consents"))["asked"]
    text = next(one for one in asked if one["purpose"] == "remote")
    assert (await phone.post("/consents", {"purpose": "remote", "sha256": text["sha256"]})).status_code == 201


async def asks(phone: Phone, key: str, **more: Any) -> httpx.Response:
    """She asks to be seen."""
    offered = (await phone.read("/remote"))["specialties"]
    said = {
        "specialty": offered[0]["id"],
        "doctor": "",
        "words": "Đau vai gáy 3 ngày, hơi khó thở <b>",
        "wished": "",
        "photos": [],
    }
    return await phone.post("/remote", said | more, Idempotency_Key=key)


async def accepts(doctor: httpx.AsyncClient, id_: str, at: datetime | None = None) -> httpx.Response:
    """The doctor sets a time."""
    at = at or clock.now()
    return await doctor.post(f"/kham-tu-xa/{id_}/nhan", data={"ngay": f"{at:%d/%m/%Y}", "gio": f"{at:%H:%M}"})


async def appointed(client: Client, database: Database, house: House, key: str) -> tuple[Phone, httpx.AsyncClient, str]:
    """Somebody who was accepted for now, the doctor who did, and the request."""
    _person, hers = await patient(client, database, house)
    await agrees(hers)
    id_ = (await asks(hers, key)).json()["id"]
    doctor = await client("doctor")
    assert (await accepts(doctor, id_)).status_code == 303
    return hers, doctor, id_


async def audited(database: Database, id_: str) -> list[tuple[str, str, bool]]:
    """What the audit says of a request: account, act, whether it was allowed."""
    async with database.transaction(PLATFORM) as tx:
        rows = await tx.fetch("select account, action, allowed from audit where id = $1 order by seq", id_)
    return [tuple(row.values()) for row in rows]


async def test_asked_accepted_told_seen_and_in_the_record(
    client: Client, database: Database, hospital: House
) -> None:  # fmt: skip
    person, hers = await patient(client, database, hospital)
    seen = await hers.read("/remote")
    assert not seen["consented"] and [one["name"] for one in seen["specialties"]] == ["Nội tổng quát"]
    refused = await asks(hers, "tu-xa-cua-toi-0001")
    assert (refused.status_code, refused.json()["where"]) == (403, "consent")
    await agrees(hers)
    first = await asks(hers, "tu-xa-cua-toi-0001", photos=[PICTURE])
    assert first.status_code == 201, first.text
    made = first.json()
    assert (made["state"], made["open"], made["visit"]) == ("requested", False, "")
    assert (await asks(hers, "tu-xa-cua-toi-0001", photos=[PICTURE])).json() == made
    id_ = made["id"]

    doctor = await client("doctor")
    assert f'href="/kham-tu-xa/{id_}"' in (await doctor.get("/kham-tu-xa")).text
    page = await doctor.get(f"/kham-tu-xa/{id_}")
    assert "hơi khó thở &lt;b&gt;" in page.text and "Có dấu hiệu cấp cứu: khó thở" in page.text
    picture = await doctor.get(f"/kham-tu-xa/{id_}/anh/0")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")
    assert (await doctor.get(f"/kham-tu-xa/{id_}/anh/1")).status_code == 404
    assert (await doctor.post(f"/kham-tu-xa/{id_}/bat-dau")).status_code == 403  # it is nobody's yet
    assert (await doctor.post(f"/kham-tu-xa/{id_}/nhan", data={"ngay": "1/1/2020", "gio": "08:00"})).status_code == 422
    tomorrow = clock.now() + timedelta(days=1)
    assert (await accepts(doctor, id_, tomorrow)).status_code == 303
    waiting = await hers.read(f"/remote/{id_}")
    assert (waiting["state"], waiting["doctor"], waiting["open"]) == ("accepted", "BS Nguyễn Thu Hà", False)
    assert (await hers.post(f"/remote/{id_}/seat")).status_code == 409  # the waiting room opens later
    await told_of_it(database, hospital, id_, person, tomorrow)
    assert (await accepts(doctor, id_)).status_code == 303
    assert (await hers.read(f"/remote/{id_}"))["open"]

    for _twice in range(2):
        begun = await doctor.post(f"/kham-tu-xa/{id_}/bat-dau")
        assert begun.headers["location"] == f"/kham-tu-xa/{id_}/goi"
    call = await doctor.get(f"/kham-tu-xa/{id_}/goi")
    assert f'src="/kham/{id_}"' in call.text and "Không ai ghi âm" in call.text
    assert "microphone=(self)" in call.headers["permissions-policy"]
    visit = await doctor.get(f"/kham/{id_}")
    assert visit.status_code == 200 and "Đau vai gáy" in visit.text and "chưa có chẩn đoán chính" in visit.text
    async with database.transaction(hospital.key) as tx:
        kept = await store.read(tx, hospital.loader, r4.Encounter, id_)
    assert (kept.class_.code, kept.status, kept.subject and kept.subject.reference) == (
        "VR", "in-progress", f"Patient/{person.id}",
    )  # fmt: skip
    assert (await hers.read(f"/remote/{id_}"))["visit"] == id_
    assert (await hers.read(f"/visits/{id_}"))["id"] == id_
    assert (await hers.post(f"/remote/{id_}/cancel")).status_code == 409
    ended = await doctor.post(f"/kham-tu-xa/{id_}/ket-thuc")
    assert ended.headers["location"] == f"/kham/{id_}"
    assert (await hers.read(f"/remote/{id_}"))["state"] == "completed"
    async with database.transaction(hospital.key) as tx:
        later = await people.visit(tx, hospital, person, at=clock.now())
    beside = (await doctor.get(f"/kham/{later.id}")).text
    assert f'href="/kham/{id_}"' in beside and "· Khám từ xa" in beside
    acts = [act for _account, act, _allowed in await audited(database, id_)]
    assert [act for act in acts if act.startswith("remote-")] == [
        "remote-accepted", "remote-accepted", "remote-begun", "remote-ended",
    ]  # fmt: skip


async def told_of_it(database: Database, house: House, id_: str, person: r4.Patient, at: datetime) -> None:
    """The message that is put in says when, and nothing of why."""
    async with database.transaction(house.key) as tx:
        now, start = clock.now(), at.replace(second=0, microsecond=0)
        due = Due(house.key, house.name, "1", "remote", f"Task/{id_}", now, now, now)
        made = await causes.made_of(tx, due, BASE)
        opens = Due(house.key, house.name, "2", "call", f"Task/{id_}", now, start, now)
        soon = await causes.made_of(tx, opens, BASE)
        moved = msgspec.structs.replace(opens, ends=start + timedelta(hours=1))
        assert await causes.made_of(tx, moved, BASE) is None
        await causes._remote(tx, house.key, await store.read(tx, house.loader, r4.Task, id_), now)
        asked = "select kind, next from message where facility = $1 and subject = $2 order by kind desc"
        put = await tx.fetch(asked, house.key, f"Task/{id_}")
    assert made is not None and made.patient == person.id
    assert made.values == {"facility": house.name, "answer": f"đã nhận, lúc {clock.vn_datetime(at)}"}
    assert soon is not None and soon.patient == person.id
    address = f"{BASE}/di-dong/kham-tu-xa/{id_}"
    assert soon.values == {"facility": house.name, "time": clock.vn_datetime(at), "address": address}
    assert address in written(WORDINGS["call"].text, Message("call", soon.values).values)
    assert [(row["kind"], row["next"]) for row in put] == [("remote", now), ("call", start - ROOM_OPENS)]


async def test_declined_with_a_reason_and_taken_back(
    client: Client, database: Database, hospital: House
) -> None:  # fmt: skip
    _person, hers = await patient(client, database, hospital)
    await agrees(hers)
    first, second = [(await asks(hers, f"tu-xa-tu-choi-000{n}")).json()["id"] for n in (1, 2)]
    doctor = await client("doctor")
    assert (await doctor.post(f"/kham-tu-xa/{first}/tu-choi", data={"ly-do": ""})).status_code == 422
    assert (await doctor.post(f"/kham-tu-xa/{first}/tu-choi", data={"ly-do": "Cần khám tại chỗ"})).status_code == 303
    seen = await hers.read(f"/remote/{first}")
    assert (seen["state"], seen["reason"]) == ("rejected", "Cần khám tại chỗ")
    assert (await accepts(doctor, first)).status_code == 409
    for _twice in range(2):
        assert (await hers.post(f"/remote/{second}/cancel")).json()["state"] == "cancelled"
    assert (await accepts(doctor, second)).status_code == 409


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"specialty": "dv-tim-mach"}, "specialty"), ({"doctor": "nv-bs04"}, "doctor"), ({"words": " "}, "words"),
    ({"photos": ["eA=="]}, "photos"), ({"wished": "2020-01-01T08:00:00+07:00"}, "wished"), ({"wished": "x"}, "wished"),
]  # fmt: skip


async def test_what_is_no_request_changes_nothing(client: Client, database: Database, hospital: House) -> None:
    _person, hers = await patient(client, database, hospital)
    await agrees(hers)
    for wrong, where in WRONG:
        answer = await asks(hers, "tu-xa-khong-dung-1", **wrong)
        assert (answer.status_code, answer.json()["where"]) == (422, where), answer.text
    assert (await asks(hers, "ngan")).json()["where"] == "Idempotency-Key"
    assert (await hers.read("/remote"))["requests"] == []


async def test_only_those_two_sit_in_the_room_each_once(
    client: Client, app: Starlette, database: Database, hospital: House, other_hospital: House
) -> None:
    hers, doctor, id_ = await appointed(client, database, hospital, "tu-xa-cho-ngoi-0001")
    first = (await hers.post(f"/remote/{id_}/seat")).json()
    assert (first["side"], first["ways"]) == ("patient", {"iceServers": [], "iceTransportPolicy": "all"})
    taken = await doctor.post(f"/kham-tu-xa/{id_}/cho")
    assert (taken.status_code, taken.json()["side"]) == (201, "doctor")
    assert "đang ở phòng chờ" in (await doctor.get("/kham-tu-xa")).text
    assert "Người bệnh" in (await doctor.get(f"/kham-tu-xa/{id_}")).text

    # what one says the other hears, once and in order
    assert (await hers.post("/room", {"call": "1"}, Room_Seat=first["seat"])).json() == {"heard": True}
    await hers.post("/room", {"call": "2"}, Room_Seat=first["seat"])
    async with database.transaction() as tx:
        seat = await room.seat_of(tx, taken.json()["seat"])
        assert await room.hear(tx, seat) == ['{"call":"1"}', '{"call":"2"}']
        assert await room.hear(tx, seat) == []

    assert (
        await hers.browser.post("/app/room", content=b"[1]", headers={"Room-Seat": first["seat"]})
    ).status_code == 400

    # one seat each: the same side anew, and the first is nobody's
    again = (await hers.post(f"/remote/{id_}/seat")).json()
    lost = await hers.post("/room", {"call": "3"}, Room_Seat=first["seat"])
    assert (lost.status_code, lost.json()["where"]) == (403, "seat")
    assert (await hers.post("/room", {"call": "3"}, Room_Seat=again["seat"])).status_code == 200

    # nobody, another patient, another doctor, another hospital's, another role
    nobody = Phone(await client(None))
    assert (await nobody.post(f"/remote/{id_}/seat")).status_code == 401
    assert (await nobody.post("/room", {}, Room_Seat="x")).status_code == 403
    assert (await nobody.get("/room")).status_code == 403
    _other, stranger = await patient(client, database, hospital)
    assert (await stranger.post(f"/remote/{id_}/seat")).status_code in (403, 404)
    assert (await stranger.post(f"/remote/{id_}/link")).status_code in (403, 404)
    assert (await stranger.get(f"/remote/{id_}")).status_code in (403, 404)
    async with database.transaction(hospital.key) as tx:
        account = next(one.id for one in hospital.accounts if one.login == "bacsi2")
        colleague = await client(None)
        colleague.cookies.set(COOKIE, await open_session(tx, hospital.key, account=account, hours=1))
    for what in ("", "/anh/0"):  # what she tells is told to the doctor who has accepted
        assert (await colleague.get(f"/kham-tu-xa/{id_}{what}")).status_code == 403
    assert (await accepts(colleague, id_)).status_code == 403
    assert (await colleague.post(f"/kham-tu-xa/{id_}/cho")).status_code == 403
    assert (await colleague.post(f"/kham-tu-xa/{id_}/bat-dau")).status_code == 403
    assert (await (await client("doctor", other_hospital)).post(f"/kham-tu-xa/{id_}/cho")).status_code == 404
    for role in (Role.NURSE, Role.RECEPTION, Role.PLANNING):
        assert (await (await client(role)).get(f"/kham-tu-xa/{id_}")).status_code == 403
    refused = [(act, allowed) for _account, act, allowed in await audited(database, id_) if not allowed]
    assert ("refused", False) in refused

    # who was there and when is kept; the end closes the room
    await doctor.post(f"/kham-tu-xa/{id_}/bat-dau")
    await doctor.post(f"/kham-tu-xa/{id_}/ket-thuc")
    assert (await hers.post("/room", {}, Room_Seat=again["seat"])).status_code == 403
    assert (await hers.post(f"/remote/{id_}/seat")).status_code == 409
    async with database.transaction(hospital.key) as tx:
        kept = (await room.presences(tx, hospital.loader, [id_]))[id_]
    assert [one.side for one in kept] == ["patient", "doctor", "patient"]
    assert all(one.left for one in kept)


async def test_a_link_opens_her_seat_once_and_falls_with_her_session(
    client: Client, database: Database, hospital: House
) -> None:
    hers, _doctor, id_ = await appointed(client, database, hospital, "tu-xa-duong-dan-001")
    link = (await hers.post(f"/remote/{id_}/link")).json()["link"]
    secret = link.partition("/di-dong/phong#")[2]
    outside = Phone(await client(None))
    seated = await outside.post("/room/pass", {"pass": secret})
    assert (seated.status_code, seated.json()["side"]) == (201, "patient")
    again = await outside.post("/room/pass", {"pass": secret})
    assert (again.status_code, again.json()["where"]) == (403, "pass")
    assert ("public", "refused", False) in await audited(database, id_)
    seat = seated.json()["seat"]
    assert (await outside.post("/room/ways", Room_Seat=seat)).status_code == 200
    idle = "update session set seen = now() - interval '20 minutes' where token_hash = $1"
    async with database.transaction(hospital.key) as tx:
        await tx.execute(idle, hashed(hers.token))
    await outside.post("/room/ways", Room_Seat=seat)  # who sits there is awake
    async with database.transaction(hospital.key) as tx:
        asked = "select now() - seen < interval '1 minute' from session where token_hash = $1"
        assert await tx.fetchval(asked, hashed(hers.token))
    late = (await hers.post(f"/remote/{id_}/link")).json()["link"].partition("#")[2]
    async with database.transaction(hospital.key) as tx:
        await tx.execute("update room_pass set ends = now() where hash = $1", hashed(late))
    assert (await outside.post("/room/pass", {"pass": late})).status_code == 403
    unused = (await hers.post(f"/remote/{id_}/link")).json()["link"].partition("#")[2]
    await hers.delete("/session")
    assert (await outside.post("/room/ways", Room_Seat=seat)).status_code == 403
    assert (await outside.post("/room/pass", {"pass": unused})).status_code == 403


async def test_a_guardian_sits_for_a_child_until_the_relation_ends(
    client: Client,
    database: Database,
    hospital: House,
    app: Starlette,
    gateway: GatewayStandIn,  # noqa: F811
) -> None:
    phone = telephones.number()
    child = await telephones.patient(database, hospital, telephones.number(), "Đặng Gia Bảo", "2021-05-06")
    desk = hospital.subject(Role.RECEPTION)
    async with database.transaction(hospital.key) as tx:
        await relatives.record_guardian(
            tx, desk, child.id or "", "Đặng Thị Tâm", phone, date.fromisoformat(people.BIRTH), Kind.GUARDIAN,
            "Giấy khai sinh 12/2019", None,
        )  # fmt: skip
        await consents.give(tx, desk, Given(
            patient=child.id or "", wording=wording(Purpose.REMOTE, clock.today()), language="vi", text="…",
            giver=Giver.REPRESENTATIVE, representative=("Đặng Thị Tâm", "mẹ"),
        ))  # fmt: skip
    mother = Phone(await client(None))
    await mother.come(hospital, gateway, phone)
    [record] = [one for one in (await mother.read("/records"))["records"] if one["name"] == "Đặng Gia Bảo"]
    await mother.post("/records/accept", {"key": record["key"]})
    await mother.change(record["key"])
    id_ = (await asks(mother, "tu-xa-cho-con-0001")).json()["id"]
    doctor = await client("doctor")
    await accepts(doctor, id_)
    seat = (await mother.post(f"/remote/{id_}/seat")).json()["seat"]
    bare = Phone(await client(None))  # the room asks for the seat alone
    assert (await bare.post("/room/ways", Room_Seat=seat)).status_code == 200
    assert "người thay mặt" in (await doctor.get(f"/kham-tu-xa/{id_}")).text
    async with database.transaction(hospital.key) as tx:
        hers = {"patient": f"Patient/{child.id}"}
        [relation] = (await store.search(tx, hospital.loader, r4.RelatedPerson, hers)).resources
        await relatives.end(tx, desk, child.id or "", relation.id or "")
    assert (await bare.post("/room/ways", Room_Seat=seat)).status_code == 403
    assert (await mother.post(f"/remote/{id_}/seat")).status_code in (401, 403)
    assert any(act == "refused" and not allowed for _account, act, allowed in await audited(database, id_))


async def test_the_office_says_which_specialties_are_offered(
    client: Client, database: Database, hospital: House
) -> None:  # fmt: skip
    office = await client("administrator")
    page = (await office.get("/kham-tu-xa/dich-vu")).text
    values = re.findall(r'name="chuyen-khoa" value="([^"]+)"( checked)?', page)
    [internal] = [value for value, checked in values if checked]
    other = next(value for value, checked in values if not checked)
    try:
        assert (await office.post("/kham-tu-xa/dich-vu", data={"chuyen-khoa": [internal, other]})).status_code == 303
        _person, hers = await patient(client, database, hospital)
        assert len((await hers.read("/remote"))["specialties"]) == 2
    finally:
        await office.post("/kham-tu-xa/dich-vu", data={"chuyen-khoa": [internal]})
    assert (await (await client("doctor")).get("/kham-tu-xa/dich-vu")).status_code == 403


async def test_whoever_holds_the_paper_confirms_the_rest_of_the_list(
    client: Client, database: Database, hospital: House, other_hospital: House, subject: Callable[..., Subject]
) -> None:
    office, door = await client("administrator"), "/kham-tu-xa/danh-muc"
    asthma = r4.Encounter(status="in-progress", class_=r4.Coding(system=systems.ACT_CODE, code="VR"))

    async def treated(house: House) -> bool:
        async with database.transaction(house.key) as tx:
            found = await remote_paper.of_visit(tx, subject("doctor", house), asthma)
        return remote_conditions.objection(asthma, "J45.0", [""], found) is None

    assert "Hen" in (await office.get("/kham-tu-xa/dich-vu")).text and not await treated(hospital)
    refused = await office.post(door, data={"muc": ["J45"], "ma-khac": "J10, cúm"})
    assert refused.status_code == 422 and "“CÚM” không phải mã ICD-10" in refused.text and not await treated(hospital)
    for who in ("doctor", "planning", None):
        answer = await (await client(who)).post(door, data={"muc": ["J45"]})
        assert answer.status_code == (403 if who else 303)
    try:
        assert (await office.post(door, data={"muc": ["J45"], "ma-khac": "J10"})).status_code == 303
        page = (await office.get("/kham-tu-xa/dich-vu")).text
        assert "37 trên 50 mục" in page and "Đối chiếu lần cuối" in page and 'value="J10"' in page
        assert await treated(hospital) and not await treated(other_hospital)
    finally:
        assert (await office.post(door, data={})).status_code == 303
    assert not await treated(hospital)


async def test_at_a_distance_only_what_is_on_the_list_is_prescribed_for(
    client: Client, database: Database, hospital: House, subject: Callable[..., Subject]
) -> None:
    _hers, doctor, id_ = await appointed(client, database, hospital, "tu-xa-ke-don-00001")
    await doctor.post(f"/kham-tu-xa/{id_}/bat-dau")
    await stocked(database, hospital.loader)
    who = subject("doctor")
    async with database.transaction(hospital.key) as tx:
        visit = await store.read(tx, who, r4.Encounter, id_)
        person = await store.read(tx, who, r4.Patient, ((visit.subject and visit.subject.reference) or "")[8:])
        visit = await diagnoses.add(tx, who, visit, person, "J18.9")
        with pytest.raises(Invalid, match="danh mục TT 30/2023"):
            await prescribing.add(tx, who, id_, AMOXICILLIN, twice())
        visit = await diagnoses.add(tx, who, visit, person, "I10", main=True)
        line = await prescribing.add(tx, who, id_, AMOXICILLIN, twice())
        with pytest.raises(Invalid, match="gây nghiện"):
            await prescribing.add(tx, who, id_, MORPHINE, twice())
        conditions_ = list((await store.search(tx, who, r4.Condition, {"encounter": f"Encounter/{id_}"})).resources)
        lawful = Content(visit=visit, note=None, conditions=conditions_, requests=[line])
        assert not [one for one in conclusion_rules.missing(lawful) if "từ xa" in one]
        back = await diagnoses.make_main(tx, who, visit, person, next(
            one.id or "" for one in conditions_ if one.code and one.code.coding and one.code.coding[0].code == "J18.9"
        ), confirmed=True)  # fmt: skip
        unlawful = msgspec.structs.replace(lawful, visit=back)
        assert [one for one in conclusion_rules.missing(unlawful) if "từ xa" in one]
    assert "ngoài danh mục: chỉ tư vấn" in (await doctor.get(f"/kham/{id_}")).text
