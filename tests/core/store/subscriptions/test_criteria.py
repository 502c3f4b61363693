"""Subscriptions by criteria: who is told of what, in which order, and what happens when nobody answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Forbidden, Problem
from benhan.core.store import feed
from benhan.core.store.subscriptions import endpoints, follower, outbox
from benhan.core.store.subscriptions.matching import meets, state_of
from benhan.core.store.subscriptions.plan import ask
from benhan.core.vault import keys_of
from tests.core.store.people import person
from tests.core.store.subscriptions.conftest import FACILITY, OTHER, enrolled
from tests.core.store.subscriptions.hooks import QUICK, deliver, state, subscribe
from tests.settled import settled
from tests.standins.hook_receiver import Receiver


async def write(database: Database, who: Subject, resource: r4.R, **changes: Any) -> r4.R:
    """Create a record, or update one with changes."""
    async with database.transaction(who.facility) as tx:
        if not changes:
            return await store.create(tx, who, resource)
        return await store.update(tx, who, msgspec.structs.replace(resource, **changes), if_match=None)


async def test_a_record_that_meets_the_criteria_is_sent_and_no_other(
    quiet: Database, staff: Subject, program: Subject, hook: str, receiver: Receiver
) -> None:
    made = await subscribe(quiet, program, "Patient?gender=female&name=Lan", f"{hook}/a", header=["X-Khoa: abc"])
    assert made.status == "requested"
    told = await write(quiet, staff, person("Nguyễn Thị Lan"))
    await write(quiet, staff, person("Nguyễn Thị Mai"))
    await deliver(quiet)
    (one,) = receiver.of_path("/a")
    assert (one.method, one.path) == ("PUT", f"/a/Patient/{told.id}")
    assert one.body == codec.encode(told)
    assert one.headers["x-khoa"] == "abc"
    assert await state(quiet, program, made.id) == ("active", None)


async def test_without_payload_nothing_of_the_record_is_sent(
    quiet: Database, staff: Subject, program: Subject, hook: str, receiver: Receiver
) -> None:
    await subscribe(quiet, program, "Patient?name=Không", f"{hook}/none", payload=None)
    await write(quiet, staff, person("Không Nội Dung"))
    await deliver(quiet)
    (one,) = receiver.of_path("/none")
    assert (one.method, one.path, one.body) == ("POST", "/none", b"")


async def test_each_version_is_judged_as_it_was_and_told_in_order(
    quiet: Database, staff: Subject, program: Subject, hook: str, receiver: Receiver
) -> None:
    await subscribe(quiet, program, "Patient?gender=female&name=Thứ", f"{hook}/order")
    first = await write(quiet, staff, person("Thứ Tự"))
    for gender, birth in [("male", "1980-01-01"), ("female", "1980-01-02"), ("female", "1980-01-03")]:
        await write(quiet, staff, first, gender=gender, birthDate=birth)
    await deliver(quiet)
    assert [one.json["meta"]["versionId"] for one in receiver.of_path("/order")] == ["1", "3", "4"]


async def test_what_happened_before_the_subscription_is_not_told(
    quiet: Database, staff: Subject, program: Subject, hook: str, receiver: Receiver
) -> None:
    await write(quiet, staff, person("Trước Đó"))
    await subscribe(quiet, program, "Patient?name=Trước", f"{hook}/before")
    after = await write(quiet, staff, person("Trước Sau"))
    await deliver(quiet)
    assert [one.json["id"] for one in receiver.of_path("/before")] == [after.id]


async def test_a_change_is_told_once_however_often_the_feed_is_read(
    quiet: Database, staff: Subject, program: Subject, hook: str, receiver: Receiver
) -> None:
    await subscribe(quiet, program, "Patient?name=Hai", f"{hook}/twice")
    async with quiet.transaction(PLATFORM) as tx:
        before = await feed.position(tx, follower.READER)
    await write(quiet, staff, person("Hai Lần"))
    await deliver(quiet)
    async with quiet.transaction(PLATFORM) as tx:
        await feed.advance(tx, follower.READER, before)
    await deliver(quiet)
    assert len(receiver.of_path("/twice")) == 1


async def test_another_facility_is_told_nothing(quiet: Database, staff: Subject, hook: str, receiver: Receiver) -> None:
    other = await enrolled(quiet, "máy cơ sở khác", facility=OTHER)
    await subscribe(quiet, other, "Patient?name=Riêng", f"{hook}/other")
    await write(quiet, staff, person("Riêng Tư"))
    await deliver(quiet)
    assert receiver.of_path("/other") == []


async def test_an_owner_cut_off_receives_nothing_more(
    quiet: Database, staff: Subject, program: Subject, hook: str, receiver: Receiver
) -> None:
    made = await subscribe(quiet, program, "Patient?name=Cắt", f"{hook}/cut")
    await write(quiet, staff, person("Cắt Một"))
    await deliver(quiet)
    receiver.refuse = 503
    await write(quiet, staff, person("Cắt Hai"))
    await settled(quiet)
    while await follower.Follower(quiet).read():
        continue
    async with quiet.transaction(FACILITY) as tx:
        await tx.execute("update client set revoked = now() where name = $1", program.name)
    receiver.refuse = 0
    await write(quiet, staff, person("Cắt Ba"))
    await deliver(quiet)
    assert [one.json["name"][0]["text"] for one in receiver.of_path("/cut")] == ["Cắt Một"]
    status, error = await state(quiet, staff, made.id)
    assert (status, "no longer" in (error or "")) == ("off", True)


async def test_fewer_scopes_are_asked_when_it_is_sent(
    quiet: Database, staff: Subject, program: Subject, hook: str, receiver: Receiver
) -> None:
    await subscribe(quiet, program, "Patient?name=Thu", f"{hook}/less")
    await enrolled(quiet, program.name, "system/Observation.rs")
    await write(quiet, staff, person("Thu Hẹp"))
    await deliver(quiet)
    assert receiver.of_path("/less") == []


async def test_what_nobody_takes_becomes_a_dead_letter_and_the_next_one_has_its_turn(
    quiet: Database, staff: Subject, program: Subject, hook: str, receiver: Receiver
) -> None:
    made = await subscribe(quiet, program, "Patient?name=Chết", f"{hook}/dead")
    receiver.refuse, receiver.refuses = 500, lambda one: "Chết Một" in one.body.decode()
    dead = await write(quiet, staff, person("Chết Một"))
    await deliver(quiet)
    status, error = await state(quiet, program, made.id)
    assert (status, (error or "").startswith("HTTP 500")) == ("error", True)
    assert len([one for one in receiver.arrived if one.path == f"/dead/Patient/{dead.id}"]) == 3
    next_one = await write(quiet, staff, person("Chết Hai"))
    await deliver(quiet)
    assert [one.json["id"] for one in receiver.of_path("/dead")] == [next_one.id]
    assert await state(quiet, program, made.id) == ("active", None)
    async with quiet.transaction(FACILITY) as tx:
        rows = await tx.fetch(
            "select state, tries, error from delivery where subscription = $1 order by number", made.id
        )
    assert [(row["state"], row["tries"]) for row in rows] == [(b"x", 3), (b"d", 1)]
    assert rows[0]["error"].startswith("HTTP 500")


async def test_a_failed_delivery_keeps_the_later_ones_waiting(
    quiet: Database, staff: Subject, program: Subject, hook: str, receiver: Receiver
) -> None:
    await subscribe(quiet, program, "Patient?name=Chờ", f"{hook}/wait")
    failures = iter([True, True])
    receiver.refuse, receiver.refuses = 500, lambda _one: next(failures, False)
    names = ["Chờ Một", "Chờ Hai", "Chờ Ba"]
    for name in names:
        await write(quiet, staff, person(name))
    await deliver(quiet)
    assert [one.json["name"][0]["text"] for one in receiver.of_path("/wait")] == names


async def test_its_end_turns_it_off(
    quiet: Database, staff: Subject, program: Subject, hook: str, receiver: Receiver
) -> None:
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="seconds")
    made = await subscribe(quiet, program, "Patient?name=Hết", f"{hook}/end", end=ends)
    async with quiet.transaction(FACILITY) as tx:
        await tx.execute("update subscription set ends = now() where id = $1", made.id)
    await write(quiet, staff, person("Hết Hạn"))
    await deliver(quiet)
    assert receiver.of_path("/end") == []
    assert (await state(quiet, program, made.id))[0] == "off"


async def test_a_client_stops_and_starts_again(
    quiet: Database, staff: Subject, program: Subject, hook: str, receiver: Receiver
) -> None:
    made = await subscribe(quiet, program, "Patient?name=Dừng", f"{hook}/stop")
    await write(quiet, program, made, status="off")
    await write(quiet, staff, person("Dừng Một"))
    await deliver(quiet)
    await write(quiet, program, made, status="active")  # the server says so itself: this asks for it
    assert (await state(quiet, program, made.id))[0] == "requested"
    await write(quiet, staff, person("Dừng Hai"))
    await deliver(quiet)
    assert [one.json["name"][0]["text"] for one in receiver.of_path("/stop")] == ["Dừng Hai"]


async def test_a_deleted_subscription_is_told_nothing(
    quiet: Database, staff: Subject, program: Subject, hook: str, receiver: Receiver
) -> None:
    made = await subscribe(quiet, program, "Patient?name=Xoá", f"{hook}/gone")
    async with quiet.transaction(FACILITY) as tx:
        await store.delete(tx, program, r4.Subscription, made.id or "")
    await write(quiet, staff, person("Xoá Rồi"))
    await deliver(quiet)
    assert receiver.of_path("/gone") == []


async def test_redirects_are_not_followed(
    quiet: Database, staff: Subject, program: Subject, hook: str, receiver: Receiver
) -> None:
    await subscribe(quiet, program, "Patient?name=Vòng", f"{hook}/redirect")
    receiver.redirect = f"{hook}/elsewhere"
    await write(quiet, staff, person("Vòng Vèo"))
    await deliver(quiet)
    assert {one.path.split("/")[1] for one in receiver.arrived} == {"redirect"}


async def test_the_address_is_checked_again_when_it_is_used(
    quiet: Database, staff: Subject, program: Subject, hook: str, receiver: Receiver
) -> None:
    await subscribe(quiet, program, "Patient?name=Đổi", f"{hook}/moved")
    endpoints.allow([])
    await write(quiet, staff, person("Đổi Ý"))
    await deliver(quiet)
    assert receiver.arrived == []


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:9/x", "https://127.0.0.1/x", "https://localhost/x", "https://[::1]/x", "https://10.0.0.8/x",
        "https://169.254.169.254/latest", "https://[::ffff:127.0.0.1]/", "https://[64:ff9b::7f00:1]/", "https://0/",
        "http://93.184.216.34/x", "ftp://a.example/x", "https://u:p@93.184.216.34/x", "file:///etc/passwd", "khong",
        "https://2130706433/", "https://0x7f.1/", "https://[fd00::1]/",
    ],
)  # fmt: skip
async def test_addresses_of_the_inside_are_refused(quiet: Database, program: Subject, endpoint: str) -> None:
    endpoints.allow([])
    with pytest.raises(Problem) as refused:
        await subscribe(quiet, program, "Patient?name=x", endpoint)
    assert refused.value.status == 422


@pytest.mark.parametrize(
    ("criteria", "channel"),
    [
        ("Patient?khong-co=1", {}),
        ("Patient?birthdate=hôm nay", {}),
        ("Bệnhnhân?name=a", {}),
        ("Subscription?status=active", {}),
        ("Patient?_count=3", {}),
        ("Patient?_id=a%00", {}),
        ("Patient?_has:Observation:patient:khong=1", {}),
        ("https://benhan.vn/fhir/SubscriptionTopic/khong-co", {}),
        ("Patient?name=a", {"type": "email"}),
        ("Patient?name=a", {"type": "websocket"}),
        ("Patient?name=a", {"payload": "text/plain"}),
        ("Patient?name=a", {"header": ["Host: evil"]}),
        ("Patient?name=a", {"header": ["X-A: b\r\nX-B: c"]}),
        ("Patient?name=a", {"header": ["khong co hai cham"]}),
        ("Patient?name=a", {"end": "2020-01-01T00:00:00Z"}),
    ],
)
async def test_what_cannot_be_delivered_is_refused_at_once(
    quiet: Database, program: Subject, hook: str, criteria: str, channel: dict[str, Any]
) -> None:
    with pytest.raises(Problem) as refused:
        await subscribe(quiet, program, criteria, f"{hook}/x", **channel)
    assert refused.value.status == 422


async def test_nobody_subscribes_to_what_she_may_not_read(quiet: Database, hook: str) -> None:
    reader = await enrolled(quiet, "máy chỉ đọc chỗ", "system/Subscription.cruds system/Location.rs")
    with pytest.raises(Forbidden):
        await subscribe(quiet, reader, "Patient?name=a", f"{hook}/x")
    with pytest.raises(Forbidden):
        await subscribe(quiet, reader, "Location?organization.name=a", f"{hook}/x")


CRITERIA = (
    "gender=female", "gender=male,female", "gender:not=male", "name=lan", "name:exact=Trần Thị Lan", "name:contains=ra",
    "birthdate=1990", "birthdate=ge1985", "birthdate=lt1985-06-01", "identifier=urn:x|7", "identifier=7",
    "identifier:missing=true", "active=true", "_id=khong-co", "general-practitioner=Practitioner/a",
    "general-practitioner:missing=false", "_tag=urn:t|x", "phone=0901", "organization.name=Hồng",
)  # fmt: skip


async def test_criteria_mean_the_same_as_a_search(quiet: Database, staff: Subject, program: Subject) -> None:
    house = await write(quiet, staff, r4.Organization(name="Bệnh viện Hồng"))
    people = [
        r4.Patient(gender="female", name=[r4.HumanName(text="Trần Thị Lan")], birthDate="1990-05-01"),
        r4.Patient(gender="male", name=[r4.HumanName(text="Lê Văn Lân")], birthDate="1985", active=True),
        r4.Patient(identifier=[r4.Identifier(system="urn:x", value="7")], birthDate="1970-01-01"),
        r4.Patient(
            generalPractitioner=[r4.Reference(reference="Practitioner/a")],
            meta=r4.Meta(tag=[r4.Coding(system="urn:t", code="x")]),
            telecom=[r4.ContactPoint(system="phone", value="0901")],
            managingOrganization=r4.Reference(reference=f"Organization/{house.id}"),
        ),
    ]
    kept = [await write(quiet, staff, one) for one in people]
    told = 0
    for criteria in CRITERIA:
        wanted = ask(f"Patient?{criteria}", "x")
        async with quiet.transaction(FACILITY) as tx:
            found = await store.search(tx, program, r4.Patient, {**wanted.grouped(), "_count": "500"})
            matched = {one.id for one in found.resources}
            for one in kept:
                met = await meets(tx, program, state_of(await keys_of(tx, FACILITY), codec.encode(one)), wanted)
                assert met == (one.id in matched), criteria
                told += one.id in matched
    assert told > len(CRITERIA)


async def test_one_subscription_is_taken_at_a_time(
    quiet: Database, staff: Subject, program: Subject, hook: str
) -> None:
    for n in range(4):
        await subscribe(quiet, program, f"Patient?name=Lấy{n}", f"{hook}/take")
    async with quiet.transaction(PLATFORM) as tx:
        assert await outbox.take(tx, "một người", QUICK)
        held = await tx.fetchval("select count(*) from subscription where claim = 'một người'")
        await tx.execute("update subscription set claim = null, claimed = null")
    assert held == 1


@pytest.mark.parametrize("name", ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]"])
async def test_a_mapped_address_is_the_address_it_maps(name: str) -> None:
    endpoints.allow(["127.0.0.0/8"])
    await endpoints.check(f"http://{name}/x")
    endpoints.allow([])
    with pytest.raises(Problem):
        await endpoints.check(f"https://{name}/x")
