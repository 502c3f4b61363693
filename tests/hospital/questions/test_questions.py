"""Questions to a doctor: asked once, given to who is registered, answered, signed, kept; and opened to nobody else."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, time, timedelta
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from benhan.core import store
from benhan.core.access import Role, Subject, signature
from benhan.core.access.accounts import open_session
from benhan.core.access.acting import Kind, Part, Relation
from benhan.core.access.doors import COOKIE
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Forbidden
from benhan.core.kit import clock
from benhan.hospital import emergency
from benhan.hospital.questions import asking, roster, rules
from benhan.hospital.questions.rules import Registered
from benhan.hospital.weekly import Session
from benhan.simulator import House, build_house
from benhan.simulator.accounts import DEMO_PASSWORD
from tests.hospital.feedback.test_feedback import BARE, PICTURE
from tests.patient import people, telephones
from tests.patient.app.phone import Phone

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
ALWAYS = (Session(tuple(range(7)), time(0), time(23, 59)),)
PDF = b"%PDF-1.4 what the doctor sends along"
#: The doctor who answers for another specialty.
THIRD = "Hoàng Mai Anh"
WORDS = "Uống thuốc này có được ăn bưởi không <b>"


class Place(msgspec.Struct):
    """A hospital where two doctors answer for one specialty, and who they are."""

    house: House
    service: str
    first: Subject
    second: Subject
    third: Subject


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(database: Database, dsn: Callable[..., str]) -> Place:
    house = await build_house(database, dsn(), code="79561", name="BVĐK Hỏi Đáp", days=0)
    first, second, third = (_doctor(house, login) for login in ("bacsi", "bacsi2", "bacsi.nhi"))
    planning = house.subject(Role.PLANNING)
    async with database.transaction(house.key) as tx:
        doctors, services = await roster.choices(tx, planning)
        offered = next(one for one in services if one[1] == "Nội tổng quát")
        for one in (first, second):
            doctor = next(each for each in doctors if each[0] == one.practitioner)
            await roster.register(tx, planning, doctor, offered, ALWAYS)
    return Place(house, offered[0], first, second, third)


@pytest_asyncio.fixture(loop_scope="session")
async def she(client: Client, database: Database, place: Place) -> AsyncIterator[tuple[r4.Patient, Phone]]:
    """Somebody with the app, signed in."""
    yield await _patient(client, database, place.house)


async def _patient(client: Client, database: Database, house: House) -> tuple[r4.Patient, Phone]:
    person = await telephones.patient(database, house, telephones.number())
    phone = Phone(await client(None))
    async with database.transaction(house.key) as tx:
        phone.token = await open_session(tx, house.key, patient=person.id, hours=1)
    return person, phone


def _doctor(house: House, login: str) -> Subject:
    account = next(one for one in house.accounts if one.login.endswith(f".{login}"))
    return msgspec.structs.replace(
        house.subject(Role.DOCTOR), account=account.id, name=account.name, practitioner=account.practitioner
    )  # fmt: skip


async def asked(phone: Phone, place: Place, key: str, **more: Any) -> httpx.Response:
    """She asks."""
    said = {"service": place.service, "visit": "", "words": WORDS, "photos": []} | more
    return await phone.post("/questions", said, Idempotency_Key=key)


async def browser_of(client: Client, database: Database, who: Subject) -> httpx.AsyncClient:
    """Somebody of the house at her screen."""
    made = await client(None)
    async with database.transaction(who.facility) as tx:
        made.cookies.set(COOKIE, await open_session(tx, who.facility, account=who.account, hours=1))
    return made


async def test_a_question_is_asked_once_taken_answered_signed_into_the_record_closed_and_rated(
    client: Client, database: Database, place: Place, she: tuple[r4.Patient, Phone], other_hospital: House
) -> None:
    person, hers = she
    async with database.transaction(place.house.key) as tx:
        visit = await people.visit(tx, place.house, person)
    overview = await hers.read("/questions")
    assert [one["name"] for one in overview["services"]] == ["Nội tổng quát"]
    assert len(overview["services"][0]["doctors"]) == 2 and "khó thở" in overview["emergency"]
    photos = [base64.b64encode(PICTURE).decode()]
    first = await asked(hers, place, "hoi-lan-thu-nhat-01", photos=photos, visit=visit.id)
    assert first.status_code == 201, first.text
    assert (await asked(hers, place, "hoi-lan-thu-nhat-01", photos=photos, visit=visit.id)).json() == first.json()
    [kept] = (await hers.read("/questions"))["questions"]
    assert (kept["state"], kept["urgent"], kept["visit"]) == ("waiting", False, visit.id)
    assert datetime.fromisoformat(kept["due"]) > clock.now()
    path = f"/hoi-dap/{kept['id']}"

    # Whose it is: hers to whom it was given, and her colleagues' of the specialty; nobody else's.
    given, other = sorted((place.first, place.second), key=lambda one: not one.name.endswith(kept["doctor"]))
    doctor, colleague = await browser_of(client, database, given), await browser_of(client, database, other)
    assert "ăn bưởi không &lt;b&gt;" in (await doctor.get("/hoi-dap")).text
    page = (await doctor.get(path)).text
    picture = await doctor.get(f"{path}/tep/{first.json()['lines'][0]['files'][0]['id']}")
    assert (picture.headers["content-type"], picture.content) == ("image/jpeg", BARE)
    assert (await (await browser_of(client, database, place.third)).get(path)).status_code == 403
    for role in (Role.NURSE, Role.RECEPTION, Role.PLANNING):
        assert (await (await client(role, place.house)).get(path)).status_code == 403
    assert (await (await client(Role.DOCTOR, other_hospital)).get(path)).status_code in (403, 404)

    # Handed over, taken, answered.
    assert (await doctor.post(f"{path}/chuyen", data={"bac-si": place.third.practitioner})).status_code == 422
    assert (await doctor.post(f"{path}/chuyen", data={"bac-si": other.practitioner})).status_code == 303
    assert (await colleague.post(f"{path}/nhan")).status_code == 303
    assert (await doctor.post(f"{path}/nhan")).status_code == 409
    said = {"lan": "a" * 32, "words": "Được, nhưng cách thuốc hai giờ."}
    answered = await colleague.post(f"{path}/tra-loi", data=said, files={"tep": ("huong-dan.pdf", PDF)})
    assert answered.status_code == 303, answered.text
    assert (await colleague.post(f"{path}/tra-loi", data=said)).status_code == 303  # the same, sent again
    thread = await hers.read(f"/questions/{kept['id']}")
    assert [(one["by"], one["words"]) for one in thread["lines"]] == [("patient", WORDS), ("doctor", said["words"])]
    assert (thread["state"], thread["doctor"]) == ("answered", other.name)
    sent = thread["lines"][1]["files"][0]
    file = await hers.read(f"/questions/{kept['id']}/files/{sent['id']}")
    assert (sent["name"], base64.b64decode(file["data"])) == ("huong-dan.pdf", PDF)

    # She asks on; the doctor assesses, and signs.
    more = await hers.post(
        f"/questions/{kept['id']}/lines", {"words": "Tôi bị nổi mẩn.", "photos": []}, Idempotency_Key="viet-them-000001"
    )
    assert (more.status_code, more.json()["state"]) == (201, "taken")
    assessed = {"lan": "b" * 32, "words": "Dị ứng nhẹ, ngừng thuốc.", "nhan-dinh": "1"}
    assert (await colleague.post(f"{path}/tra-loi", data=assessed)).status_code == 422
    assert (await colleague.post(f"{path}/tra-loi", data=assessed | {"password": "sai"})).status_code == 422
    assert len((await hers.read(f"/questions/{kept['id']}"))["lines"]) == 3
    signed = await colleague.post(f"{path}/tra-loi", data=assessed | {"password": DEMO_PASSWORD})
    assert signed.status_code == 303, signed.text
    assert (await hers.read(f"/questions/{kept['id']}"))["lines"][3]["assessment"] is True
    async with database.transaction(place.house.key) as tx:
        note = await store.first(tx, other, r4.Composition, {"subject": f"Patient/{person.id}"})
        assert note and note.status == "final"
        [proof] = (await store.search(tx, other, r4.Provenance, {"target": f"Composition/{note.id}"})).resources
        given_signature = signature.read(proof)
        assert given_signature and given_signature.matches([note]) and given_signature.name == other.name
        with pytest.raises(Conflict):
            await store.update(tx, other, msgspec.structs.replace(note, title="khác"), if_match=None)

    # Whoever sees her next finds it among what was before, and its signature.
    beside = (await colleague.get(f"/kham/{visit.id}")).text
    assert "· Hỏi đáp, đã ký" in beside and f'href="/kham/{visit.id}/nhan-dinh/{note.id}"' in beside
    nurse = await client(Role.NURSE, place.house)
    there = (await nurse.get(f"/kham/{visit.id}/nhan-dinh/{note.id}")).text
    assert assessed["words"] in there and WORDS[:20] in there and "Chữ ký hợp lệ" in there
    async with database.transaction(place.house.key) as tx:
        others = await people.visit(tx, place.house, await people.patient(tx, place.house))
    assert (await nurse.get(f"/kham/{others.id}/nhan-dinh/{note.id}")).status_code == 404
    assert (await (await client(None)).get(f"/kham/{visit.id}/nhan-dinh/{note.id}")).status_code == 303
    for role, at, code in ((Role.RECEPTION, place.house, 403), (Role.DOCTOR, other_hospital, 404)):
        assert (await (await client(role, at)).get(f"/kham/{visit.id}/nhan-dinh/{note.id}")).status_code == code

    closed = await hers.post(f"/questions/{kept['id']}/close", {"rating": "5"})
    assert (closed.json()["state"], closed.json()["rating"]) == ("closed", 5)
    assert (await colleague.post(f"{path}/tra-loi", data=said | {"lan": "c" * 32})).status_code == 409
    assert "5/5" in (await colleague.get("/hoi-dap?xem=dong")).text and "Nhận câu hỏi này" in page
    opened = (await hers.read("/openings"))["openings"]
    assert {given.name, other.name} <= {one["name"] for one in opened}


async def test_who_acts_for_her_asks_while_the_relation_lasts_and_is_shown(
    client: Client, app: Starlette, database: Database, place: Place, she: tuple[r4.Patient, Phone]
) -> None:
    person, hers = she
    sons, son = telephones.number(), Phone(await client(None))
    naming = {"name": "Đặng Văn Sơn", "phone": sons, "birthDate": "1985-08-15", "labelled": False, "ends": None}
    made = await hers.post("/relatives", naming | {"parts": ["chart"]})
    assert made.status_code == 201, made.text
    with telephones.messages_to(app) as gateway:
        await son.come(place.house, gateway, sons, "1985-08-15")
    key = (await son.read("/records"))["records"][0]["key"]
    await son.post("/records/accept", {"key": key})
    await son.change(key)
    sent = await asked(son, place, "con-trai-hoi-thay-me", words="Mẹ tôi bi co giat")
    assert sent.status_code == 201, sent.text
    assert sent.json()["urgent"] is True
    [line] = sent.json()["lines"]
    assert line["by"] == "relative" and line["name"].startswith("Đặng Văn Sơn (")
    assert [one["id"] for one in (await hers.read("/questions"))["questions"]] == [sent.json()["id"]]
    page = (await (await browser_of(client, database, place.first)).get(f"/hoi-dap/{sent.json()['id']}")).text
    assert "Có từ cấp cứu: co giật" in page and "Đặng Văn Sơn" in page
    assert (await son.read("/feedback"))["feedback"] == []
    await hers.post("/relatives/end", {"id": made.json()["relatives"][0]["id"]})
    assert (await son.get("/questions")).status_code == 401
    assert (await asked(son, place, "sau-khi-het-quyen-01")).status_code == 401

    part = Relation("r-1", Kind.NAMED, frozenset({Part.VISITS, Part.RESULTS}), labelled=False)
    some = Subject(
        account="person:p-1", name="Ai đó", facility=place.house.key, facility_name="", person="p-1",
        roles=frozenset({Role.RELATIVE}), patient=person.id, relation=part,
    )  # fmt: skip
    async with database.transaction(place.house.key) as tx:
        with pytest.raises(Forbidden):
            await asking.mine(tx, some)
        with pytest.raises(Forbidden):
            await asking.read(tx, some, sent.json()["id"])


async def test_others_questions_are_nothing_to_her_nobody_floods_and_wrong_ones_change_nothing(
    client: Client, database: Database, place: Place, she: tuple[r4.Patient, Phone]
) -> None:
    person, hers = she
    _other, stranger = await _patient(client, database, place.house)
    for wrong, where in (
        ({"words": " "}, "words"), ({"service": "khong-co"}, "service"), ({"photos": ["eA=="]}, "photos"),
    ):  # fmt: skip
        refused = await asked(hers, place, "hoi-khong-dung-0001", **wrong)
        assert (refused.status_code, refused.json()["where"]) == (422, where)
    assert (await asked(hers, place, "ngan")).json()["where"] == "Idempotency-Key"
    assert (await asked(hers, place, "cua-nguoi-khac-0001", visit="khong-co")).status_code == 404
    ids = [(await asked(hers, place, f"hoi-nhieu-lan-{n:06d}")).json()["id"] for n in range(rules.MOST_OPEN)]
    assert (await asked(hers, place, "hoi-nhieu-lan-999999")).status_code == 409
    assert (await stranger.get(f"/questions/{ids[0]}")).status_code == 404
    more = {"words": "xin chào", "photos": []}
    answer = await stranger.post(f"/questions/{ids[0]}/lines", more, Idempotency_Key="nguoi-la-viet-0001")
    assert answer.status_code == 404
    assert (await stranger.post(f"/questions/{ids[0]}/close", {"rating": None})).status_code == 404
    assert (await (await client(None)).get("/app/questions")).status_code == 401
    assert (await hers.post(f"/questions/{ids[0]}/close", {"rating": None})).json()["state"] == "closed"
    assert (await asked(hers, place, "hoi-nhieu-lan-999999")).status_code == 201
    closed = await hers.post(f"/questions/{ids[0]}/lines", more, Idempotency_Key="sau-khi-dong-00001")
    assert closed.status_code == 409
    # A colleague as patient: her question opens to who cares for her alone.
    doctor = await browser_of(client, database, place.first)
    assert (await doctor.get(f"/hoi-dap/{ids[1]}")).status_code == 200
    async with database.transaction(place.house.key) as tx:
        kept = await store.read(tx, place.house.loader, r4.Patient, person.id or "")
        kept.meta = r4.Meta(security=[r4.Coding(system=systems.ACT_CODE, code="EMP")])
        await store.update(tx, place.house.loader, kept, if_match=None)
    assert (await doctor.get(f"/hoi-dap/{ids[1]}")).status_code == 403
    inbox = (await doctor.get("/hoi-dap")).text
    assert f'href="/hoi-dap/{ids[1]}">Hồ sơ hạn chế' in inbox
    async with database.transaction(PLATFORM) as tx:
        rows = await tx.fetch("select account, action from audit where id = $1 order by seq", ids[0])
    assert ("create" in {row["action"] for row in rows}) and all(row["account"] for row in rows)


async def test_planning_keeps_the_roster_and_who_stops_gets_no_more_questions(
    client: Client, database: Database, place: Place, she: tuple[r4.Patient, Phone]
) -> None:
    _person, hers = she
    office = await client(Role.PLANNING, place.house)
    form = {"bac-si": place.third.practitioner, "chuyen-khoa": place.service, "days1": "mon", "start1": "19:00"}
    assert (await office.post("/bac-si-tra-loi", data=form | {"end1": "7:00"})).status_code == 422
    assert (await office.post("/bac-si-tra-loi", data=form | {"end1": "21:00"})).status_code == 303
    page = (await office.get("/bac-si-tra-loi")).text
    assert "T2 19:00–21:00" in page and THIRD in page
    async with database.transaction(place.house.key) as tx:
        mine = [one for one in await roster.everybody(tx, place.third) if one.practitioner == place.third.practitioner]
        work = await store.first(
            tx, place.third, r4.PractitionerRole,
            {"practitioner": f"Practitioner/{place.third.practitioner}", "location:missing": "false"},
        )  # fmt: skip
    assert work and work.id
    stopped = await office.post(f"/bac-si-tra-loi/{mine[0].id}/thoi")
    assert THIRD not in (await office.get("/bac-si-tra-loi")).text.partition("Đăng ký bác sĩ")[0]
    assert f"{mine[0].id}/lai" in (await office.get(stopped.headers["location"])).text
    assert (await office.post(f"/bac-si-tra-loi/{work.id}/thoi")).status_code == 404  # her work is not of this roster
    for role in (Role.DOCTOR, Role.RECEPTION):
        assert (await (await client(role, place.house)).get("/bac-si-tra-loi")).status_code == 403
    answering = (await hers.read("/questions"))["services"][0]["doctors"]
    assert THIRD not in {one["name"] for one in answering}


async def test_questions_go_to_who_answers_soonest_and_has_least_to_do() -> None:
    monday = datetime(2026, 11, 23, 18, 40, tzinfo=clock.ZONE)
    evening, morning = Session((0, 1, 2, 3, 4), time(17), time(19)), Session((1,), time(7), time(8))

    def one(name: str, *sessions: Session) -> Registered:
        return Registered(id=name, practitioner=name, doctor=name, service="s", specialty="S", sessions=sessions)

    late, soon, twin = one("late", evening), one("soon", morning), one("twin", morning)
    chosen = rules.choose([late, soon, twin], {"soon": 2, "twin": 1}, monday)
    assert chosen and chosen[0] is twin and (chosen[1].start.day, chosen[1].end.hour) == (24, 8)
    wished = rules.choose([late, soon], {}, monday, "late")  # 20 minutes are left: the next evening
    assert wished and wished[0] is late and wished[1].start == monday.replace(hour=17, minute=0) + timedelta(days=1)
    holiday = datetime(2027, 1, 1, 6, 0, tzinfo=clock.ZONE)
    window = rules.answered_in([evening], holiday)
    assert window and window.start.day == 4
    assert rules.choose([one("never")], {}, monday) is None


async def test_emergency_words_are_heard_with_and_without_accents_and_others_are_not() -> None:
    for text in (
        "Tôi bị khó thở", "TOI BI KHO THO", "đau ngưc quá", "con co  giật!", "ngat", "chảy máu\nnhiều",
        "liet nua nguoi", "I can’t breathe", "chest PAIN", "muốn tự tử",
    ):  # fmt: skip
        assert emergency.heard(text), text
    for text in ("ngạt mũi ba ngày", "Ho, sốt nhẹ", "khó tiêu", "fainter", "", "thở khó"):
        assert emergency.heard(text) == [], text
