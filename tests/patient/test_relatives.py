"""Who acts for a patient: named by her or recorded at the desk, accepted, kept to its part, ended at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.access.acting import ADULT, Kind, Part, Relation, birthday
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Forbidden
from benhan.core.kit.clock import today, vn_date
from benhan.simulator import House
from tests.patient import people, telephones
from tests.standins.sms_gateway import GatewayStandIn

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
MINE, DESK, CHOOSE = "/nguoi-benh/nguoi-than", "/nguoi-benh/than-nhan", "/nguoi-benh/chon"
SON_BORN = "15/08/1985"


@pytest.fixture
def gateway(app: Starlette) -> Iterator[GatewayStandIn]:
    with telephones.messages_to(app) as one:
        yield one


class Family(msgspec.Struct):
    """A patient with a visit, a result and a prescription; her browser; the telephone of her son."""

    person: r4.Patient
    visit: r4.Encounter
    hers: httpx.AsyncClient
    sons_phone: str


@pytest.fixture
async def family(client: Client, database: Database, hospital: House, gateway: GatewayStandIn) -> Family:
    phone = telephones.number()
    person = await telephones.patient(database, hospital, phone)
    async with database.transaction(hospital.key) as tx:
        visit = await people.visit(tx, hospital, person)
        await people.note(tx, hospital, visit, "Uống nhiều nước", "final")
        await people.prescription(tx, hospital, visit, "Metformin 500 mg", "active")
        await people.glucose(tx, hospital, visit, "7.1")
    hers = await client(None)
    await telephones.signed_in(hers, hospital, gateway, phone)
    return Family(person, visit, hers, telephones.number())


async def named(of: Family, *parts: str, **more: str) -> None:
    """She names her son."""
    said = {"name": "Đặng Văn Sơn", "phone": of.sons_phone, "birth": SON_BORN, "parts": list(parts)} | more
    answer = await of.hers.post(MINE, data=said)
    assert answer.status_code == 303, answer.text


async def accepted(client: Client, of: Family, house: House, gateway: GatewayStandIn) -> httpx.AsyncClient:
    """He signs in, accepts, and opens her record."""
    his = await client(None)
    answer = await telephones.signed_in(his, house, gateway, of.sons_phone, SON_BORN)
    assert answer.headers["location"] == CHOOSE
    key = _key(await his.get(CHOOSE))
    assert (await his.post(CHOOSE, data={"key": key})).status_code == 404  # not before he accepted
    assert (await his.post(f"{CHOOSE}/nhan", data={"key": key})).status_code == 303
    assert (await his.post(CHOOSE, data={"key": key})).headers["location"] == "/nguoi-benh"
    return his


def _key(page: httpx.Response) -> str:
    return page.text.split('name="key" value="')[1].split('"')[0]


async def test_whom_she_names_reads_her_record_and_the_page_says_for_whom(
    client: Client, hospital: House, gateway: GatewayStandIn, family: Family
) -> None:
    await named(family, "chart")
    his = await accepted(client, family, hospital, gateway)
    page = (await his.get("/nguoi-benh/ket-qua")).text
    assert "Bạn đang thay mặt" in page
    assert "Đặng Thị Tâm" in page
    assert "Glucose máu" in page


@pytest.mark.parametrize(
    ("part", "shown", "hidden"),
    [
        ("results", "/nguoi-benh/ket-qua", ["Metformin"]),
        ("medicines", "/nguoi-benh/thuoc", ["Glucose"]),
        ("visits", "/nguoi-benh/luot-kham", ["Glucose", "Metformin", "Uống nhiều nước"]),
    ],
)
async def test_a_relation_shows_its_part_and_no_more(
    client: Client, hospital: House, gateway: GatewayStandIn, family: Family, part: str, shown: str, hidden: list[str]
) -> None:
    await named(family, part)
    his = await accepted(client, family, hospital, gateway)
    assert (await his.get(shown)).status_code == 200
    paths = ["/nguoi-benh", "/nguoi-benh/ket-qua", "/nguoi-benh/thuoc", "/nguoi-benh/luot-kham"]
    for path in (*paths, f"/nguoi-benh/luot-kham/{family.visit.id}"):
        text = (await his.get(path, follow_redirects=True)).text
        assert not [word for word in hidden if word in text], path
    assert (await his.get("/nguoi-benh/ai-da-mo")).status_code == 403


async def test_a_relation_that_ended_opens_nothing_from_the_next_request_on(
    client: Client, hospital: House, gateway: GatewayStandIn, family: Family
) -> None:
    await named(family, "chart")
    his = await accepted(client, family, hospital, gateway)
    assert (await his.get("/nguoi-benh")).status_code == 200
    ended = await family.hers.post(f"{MINE}/thoi", data={"key": _key(await family.hers.get(MINE))})
    assert ended.status_code == 303
    for path in ("/nguoi-benh", "/nguoi-benh/ket-qua", f"/nguoi-benh/luot-kham/{family.visit.id}"):
        assert (await his.get(path)).headers["location"].startswith("/nguoi-benh/mo-lai")


async def test_a_relation_ends_by_the_calendar(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn, family: Family
) -> None:
    await named(family, "chart", ends=vn_date(today() + timedelta(days=1)))
    his = await accepted(client, family, hospital, gateway)
    assert "chấm dứt ngày" in (await his.get(CHOOSE)).text  # he is told before
    async with database.transaction(hospital.key) as tx:
        await tx.execute("update relation set ends = $2 where patient = $1", family.person.id, today())
    assert (await his.get("/nguoi-benh")).status_code == 303


async def test_she_sees_that_it_was_he_and_in_which_relation_the_audit_says(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn, family: Family
) -> None:
    await named(family, "chart")
    his = await accepted(client, family, hospital, gateway)
    await his.get("/nguoi-benh/ket-qua")
    page = (await family.hers.get("/nguoi-benh/ai-da-mo")).text
    assert "Đặng Văn Sơn" in page
    assert "thay mặt người bệnh" in page
    async with database.transaction(hospital.key) as tx:
        row = await tx.fetchrow(
            "select account, rule from audit where patient = $1 and account like 'person:%' and action = 'read'"
            " order by seq desc limit 1",
            family.person.id,
        )
    assert row is not None
    assert "relative-reads-chart (named " in row["rule"]


async def test_he_gets_no_further_than_she_said(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn, family: Family
) -> None:
    """What he may not: name others in her place, end what she named, allow a program, open another's record."""
    await named(family, "chart")
    his = await accepted(client, family, hospital, gateway)
    said = {"name": "Ai Đó", "phone": telephones.number(), "birth": SON_BORN, "parts": ["chart"]}
    assert (await his.post(MINE, data=said)).status_code == 403
    assert (await his.get(MINE)).status_code == 403
    other = await telephones.patient(database, hospital, telephones.number(), "Người Khác", "1970-01-01")
    assert (await his.post(CHOOSE, data={"key": f"{hospital.key}:{other.id}"})).status_code == 404
    assert (await his.post(CHOOSE, data={"key": f"{hospital.key}:{family.person.id}"})).status_code == 404
    assert (await his.get("/oauth/authorize?client_id=x")).status_code == 403


async def test_the_telephone_alone_does_not_accept_for_him(
    client: Client, hospital: House, gateway: GatewayStandIn, family: Family
) -> None:
    await named(family, "chart")
    stranger = await client(None)
    await telephones.proved(stranger, hospital, gateway, family.sons_phone)
    assert (await telephones.told(stranger, hospital, "16/08/1985")).status_code == 422


async def test_who_named_nobody_cannot_end_anothers(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn, family: Family
) -> None:
    await named(family, "chart")
    key = _key(await family.hers.get(MINE))
    phone = telephones.number()
    hoa = await telephones.patient(database, hospital, phone, "Lê Thị Hoa")
    other = await client(None)
    await telephones.signed_in(other, hospital, gateway, phone)
    assert (await other.post(f"{MINE}/thoi", data={"key": key})).status_code == 404
    assert key not in (await other.get(MINE)).text
    desk = await client("reception")  # who may end it does so on its own patient's page
    assert (await desk.post(f"{DESK}/{hoa.id}/thoi", data={"key": key})).status_code == 404
    assert key in (await family.hers.get(MINE)).text


async def test_he_can_leave(client: Client, hospital: House, gateway: GatewayStandIn, family: Family) -> None:
    await named(family, "chart")
    his = await accepted(client, family, hospital, gateway)
    key = _key(await family.hers.get(MINE))
    assert (await his.post(f"{CHOOSE}/thoi", data={"key": key})).headers["location"] == CHOOSE
    assert (await his.get("/nguoi-benh")).status_code in (303, 403)
    assert "Đặng Thị Tâm" not in (await his.get(CHOOSE)).text


async def record_of(database: Database, house: House, relation: str) -> r4.RelatedPerson:
    async with database.transaction(house.key) as tx:
        return await store.read(tx, house.loader, r4.RelatedPerson, relation)


async def in_one_transaction(database: Database, house: House, relation: str) -> bool:
    """Whether the relation and its record were written last by the same transaction."""
    async with database.transaction(house.key) as tx:
        same = await tx.fetchval(
            "select r.xmin = x.xmin from relation r join resource x on x.facility = r.facility and x.id = r.id"
            " where r.id = $1",
            relation,
        )
    return bool(same)


async def test_who_leaves_ends_the_record_of_it_with_the_relation(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn, family: Family
) -> None:
    await named(family, "chart")
    his = await accepted(client, family, hospital, gateway)
    key = _key(await family.hers.get(MINE))
    assert (await record_of(database, hospital, key)).active
    await his.post(f"{CHOOSE}/thoi", data={"key": key})
    kept = await record_of(database, hospital, key)
    assert not kept.active and kept.period and (kept.period.end or "")[:10] == today().isoformat()
    assert await in_one_transaction(database, hospital, key)
    async with database.transaction(hospital.key) as tx:
        [act] = await tx.fetch("select account, patient, rule from audit where id = $1 and action = 'update'", key)
    assert act["account"].startswith("person:") and act["patient"] == family.person.id
    assert act["rule"] == "relation-left"


async def test_whom_she_ends_has_the_record_of_it_ended_with_the_relation(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn, family: Family
) -> None:
    await named(family, "chart")
    await accepted(client, family, hospital, gateway)
    key = _key(await family.hers.get(MINE))
    await family.hers.post(f"{MINE}/thoi", data={"key": key})
    kept = await record_of(database, hospital, key)
    assert not kept.active and kept.period and (kept.period.end or "")[:10] == today().isoformat()
    assert await in_one_transaction(database, hospital, key)


async def test_he_leaves_from_another_hospital_than_that_of_the_patient(
    client: Client, database: Database, hospital: House, other_hospital: House, gateway: GatewayStandIn, family: Family
) -> None:
    await named(family, "chart")
    own = await telephones.patient(database, other_hospital, family.sons_phone, "Đặng Văn Sơn", "1985-08-15")
    his = await accepted(client, family, hospital, gateway)
    await telephones.signed_in(his, other_hospital, gateway, family.sons_phone, SON_BORN)
    assert (await his.post(CHOOSE, data={"key": f"{other_hospital.key}:{own.id}"})).status_code == 303
    key = _key(await family.hers.get(MINE))
    assert (await his.post(f"{CHOOSE}/thoi", data={"key": key})).headers["location"] == CHOOSE
    assert (await his.get("/nguoi-benh")).status_code == 200  # his own record stays open
    assert not (await record_of(database, hospital, key)).active


async def test_he_can_leave_where_somebody_removed_the_record(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn, family: Family
) -> None:
    await named(family, "chart")
    his = await accepted(client, family, hospital, gateway)
    key = _key(await family.hers.get(MINE))
    async with database.transaction(hospital.key) as tx:
        await tx.execute("delete from resource where id = $1", key)
    assert (await his.post(f"{CHOOSE}/thoi", data={"key": key})).headers["location"] == CHOOSE
    assert "Đặng Thị Tâm" not in (await his.get(CHOOSE)).text


async def test_a_wrong_naming_says_what_is_wrong_and_names_nobody(
    client: Client, hospital: House, gateway: GatewayStandIn, family: Family
) -> None:
    for change in ({"parts": []}, {"ends": "01/01/2020"}, {"ends": "01/01/2090"}, {"phone": "12"}, {"birth": ""}):
        said = {"name": "Sơn", "phone": family.sons_phone, "birth": SON_BORN, "parts": ["chart"]} | change
        answer = await family.hers.post(MINE, data=said)
        assert answer.status_code == 422, change
        assert "Chưa có ai" in answer.text


# Guardians


async def child(database: Database, house: House, years: int, days: int = 0) -> r4.Patient:
    """A child who is so old, and so many days less."""
    born = today().replace(month=1, day=1) if years == 0 else birthday(today(), -years)
    return await telephones.patient(
        database, house, telephones.number(), "Đỗ Bé Na", (born + timedelta(days=days)).isoformat()
    )


async def recorded(desk: httpx.AsyncClient, of: r4.Patient, phone: str, **more: str) -> httpx.Response:
    """The desk records the mother of a child."""
    said = {
        "name": "Đỗ Thị Mẹ", "phone": phone, "birth": SON_BORN, "kind": "guardian",
        "seen": "Giấy khai sinh số 12/2019",
    }  # fmt: skip
    return await desk.post(f"{DESK}/{of.id}", data=said | more)


async def test_a_mother_recorded_at_the_desk_opens_her_childs_record(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    na, phone = await child(database, hospital, 9), telephones.number()
    desk = await client("reception")
    assert (await recorded(desk, na, phone)).status_code == 303
    page = (await desk.get(f"{DESK}/{na.id}")).text
    assert "Giấy khai sinh số 12/2019" in page
    her = await client(None)
    await telephones.signed_in(her, hospital, gateway, phone, SON_BORN)
    key = _key(await her.get(CHOOSE))
    await her.post(f"{CHOOSE}/nhan", data={"key": key})
    await her.post(CHOOSE, data={"key": key})
    assert "Đỗ Bé Na" in (await her.get("/nguoi-benh")).text
    assert (await her.get("/nguoi-benh/ai-da-mo")).status_code == 200  # a guardian asks for the child


async def test_a_guardian_is_none_from_the_eighteenth_birthday_on(
    client: Client, database: Database, hospital: House
) -> None:
    na = await child(database, hospital, 17)
    desk = await client("reception")
    assert (await recorded(desk, na, telephones.number(), ends="01/01/2090")).status_code == 303
    async with database.transaction(hospital.key) as tx:
        ends = await tx.fetchval("select ends from relation where patient = $1", na.id)
    assert ends.isoformat()[:4] == str(int((na.birthDate or "")[:4]) + ADULT)


@pytest.mark.parametrize("birth", ["1990-01-01", "2020", None])
async def test_who_is_grown_or_nobody_knows_how_old_has_no_guardian_by_law(
    client: Client, database: Database, hospital: House, birth: str | None
) -> None:
    person = await telephones.patient(database, hospital, telephones.number(), birth=birth)
    desk = await client("reception")
    assert (await recorded(desk, person, telephones.number())).status_code == 422
    court = await recorded(desk, person, telephones.number(), kind="court-guardian", seen="QĐ 5/2026 TAND")
    assert court.status_code == 303


async def test_who_may_record_a_guardian(
    client: Client, database: Database, hospital: House, other_hospital: House
) -> None:
    na = await child(database, hospital, 9)
    for role, house, status in (
        (None, hospital, 303), ("doctor", hospital, 403), ("cashier", hospital, 403), ("administrator", hospital, 403),
        ("reception", other_hospital, 404),
    ):  # fmt: skip
        desk = await client(role, house)
        assert (await desk.get(f"{DESK}/{na.id}")).status_code == status, role
        assert (await recorded(desk, na, telephones.number())).status_code == status, role


# Labels


@pytest.mark.parametrize(
    ("kind", "labelled", "label", "open_"),
    [
        (Kind.NAMED, False, None, True), (Kind.NAMED, False, "HIV", False), (Kind.NAMED, True, "HIV", True),
        (Kind.GUARDIAN, True, "PSY", True), (Kind.GUARDIAN, True, "ADOL", False), (Kind.NAMED, True, "ADOL", False),
    ],
)  # fmt: skip
async def test_labelled_records_open_to_whom_the_patient_lets_and_a_minors_own_affairs_to_nobody(
    database: Database, hospital: House, kind: Kind, labelled: bool, label: str | None, open_: bool
) -> None:
    async with database.transaction(hospital.key) as tx:
        person = await people.patient(tx, hospital)
        security = [r4.Coding(system="http://terminology.hl7.org/CodeSystem/v3-ActCode", code=label)] if label else None
        made = await store.create(
            tx, hospital.loader,
            r4.Condition(
                subject=store.reference(person), code=r4.CodeableConcept(text="x"),
                meta=r4.Meta(security=security) if security else None,
            ),
        )  # fmt: skip
        who = Subject(
            account="person:x", name="", facility=hospital.key, facility_name="", roles=frozenset({"relative"}),  # type: ignore[arg-type]
            patient=person.id, person="x", relation=Relation("r", kind, frozenset({Part.CHART}), labelled),
        )  # fmt: skip
        found = (await store.search(tx, who, r4.Condition, {"patient": f"Patient/{person.id}"})).resources
        along = await store.search(tx, who, r4.Patient, {"_id": person.id or "", "_revinclude": "Condition:subject"})
        assert [one.id for one in found] == ([made.id] if open_ else [])
        assert bool(along.included) is open_
        if open_:
            assert (await store.read(tx, who, r4.Condition, made.id or "")).id == made.id
        else:
            with pytest.raises(Forbidden):
                await store.read(tx, who, r4.Condition, made.id or "")
