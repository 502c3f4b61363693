"""The pack of a ward: written by the program, opened by who works there with nothing else running, and traced."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

from benhan.core import store
from benhan.core.access import Role, Subject, offline_keys
from benhan.core.access.accounts import create_account
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import clock
from benhan.hospital import daily
from benhan.hospital.chart.packs import keys, wards
from benhan.hospital.chart.packs.folder import HEADER, LOG, Folder
from benhan.hospital.chart.packs.viewer import create_viewer
from benhan.hospital.chart.packs.writing import Ward, Written
from benhan.hospital.visit import concept, human_name, stamp
from benhan.simulator import House
from benhan.simulator.accounts import DEMO_PASSWORD
from tests.conftest import free_port
from tests.hospital.chart.stays import stay
from tests.hospital.ward.house import Inside

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
WORDS = "mùa thu lá bay 2026"
#: Seconds in which a pack is open. Source: issue 6.
OPENS = 10


@dataclass
class Night:
    """A ward with two patients and one nurse of its own, and the folder of its pack."""

    inside: Inside
    folder: Folder
    ward: Ward
    nurse: Subject
    login: str
    stays: list[r4.Encounter]

    async def writes(self) -> Written:
        """The program writes the pack."""
        return await wards.write_one(self.inside.database, self.ward, self.folder)

    async def leaves(self, stay: r4.Encounter) -> None:
        """The patient goes home."""
        left = await self.inside.stay(stay.id or "")
        async with self.inside.tx() as tx:
            ended = msgspec.structs.replace(left, status="finished")
            await store.update(tx, self.inside.house.loader, ended, if_match=None)

    async def traces(self, action: str) -> list[str]:
        """What the audit tells of the nurse's acts of this kind."""
        async with self.inside.tx() as tx:
            rows = await tx.fetch(
                "select detail from audit where account = $1 and action = $2 and rule = 'ward-pack' order by seq",
                self.nurse.account, action,
            )  # fmt: skip
        return [row["detail"] for row in rows]


def allergy(patient: r4.Reference | None, what: str) -> r4.AllergyIntolerance:
    assert patient
    return r4.AllergyIntolerance(
        patient=patient, code=r4.CodeableConcept(text=what),
        clinicalStatus=concept(systems.ALLERGY_CLINICAL, "active"),
    )  # fmt: skip


@pytest.fixture
async def night(database: Database, hospital: House, tmp_path: Path) -> Night:
    inside = Inside(database, hospital)
    department = await inside.department("Khoa gói dự phòng")
    beds = await inside.beds(department, 2)
    stays = [await inside.lies(department, bed) for bed in beds]
    patient = stays[0].subject
    here = r4.Reference(reference=f"Encounter/{stays[0].id}")
    await inside.keep(allergy(patient, "Ceftriaxon"))
    await inside.keep(r4.MedicationRequest(
        status="active", intent="order", subject=patient, encounter=here, authoredOn=stamp(clock.now()),
        medicationCodeableConcept=r4.CodeableConcept(text="Furosemid 20 mg"),
        dosageInstruction=[r4.Dosage(text="1 ống tiêm tĩnh mạch 8 giờ")],
    ))  # fmt: skip
    for name, label in (("Nhiễm HIV", "HIV"), ("Điều rất riêng", "V")):
        await inside.keep(r4.Condition(
            subject=patient, encounter=here, code=r4.CodeableConcept(text=name),
            clinicalStatus=concept(systems.CONDITION_CLINICAL, "active"),
            meta=r4.Meta(security=[r4.Coding(code=label)]),
        ))  # fmt: skip
    person = await inside.keep(r4.Practitioner(name=[human_name("Hoàng Thị Trực Đêm")]))
    await inside.keep(r4.PractitionerRole(
        practitioner=store.reference(person), organization=store.reference(department), active=True
    ))  # fmt: skip
    login = f"truc.{(department.id or '')[-12:]}"
    async with inside.tx() as tx:
        account = await create_account(
            tx, hospital.key, login, DEMO_PASSWORD, "Hoàng Thị Trực Đêm", [Role.NURSE], person.id
        )
        nurse = msgspec.structs.replace(
            inside.who(Role.NURSE), account=account, name="Hoàng Thị Trực Đêm", practitioner=person.id
        )
        await offline_keys.set_words(tx, nurse, WORDS, (await keys.of_facility(tx, hospital.key)).verifier)
    ward = Ward(hospital.key, "79001", hospital.name, department.id or "")
    return Night(inside, Folder(tmp_path / "goi"), ward, nurse, login, stays)


class Screen:
    """The viewer, seen from a browser of the ward's computer."""

    def __init__(self, client: httpx.AsyncClient, login: str) -> None:
        self.client, self.login = client, login

    async def enters(self, words: str = WORDS) -> httpx.Response:
        """Signs in."""
        return await self.client.post("/vao", data={"login": self.login, "words": words})

    async def sees(self, path: str = "/") -> str:
        """What stands on a page, without its markup."""
        text = re.sub(r"<[^>]+>", " ", (await self.client.get(path)).text)
        return re.sub(r"\s+", " ", text)


@pytest.fixture
async def screen(night: Night) -> AsyncIterator[Screen]:
    await night.writes()
    app = create_viewer(night.folder.path, device="may-khoa-1")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8470") as client:
        yield Screen(client, night.login)


async def test_nobody_another_hospital_and_the_wrong_role_come_through_no_door(
    client: Client, database: Database, hospital: House, other_hospital: House
) -> None:
    bed = await stay(database, hospital)
    late, admin = f"{bed.address}/ghi-muon", "/quan-tri/goi-du-phong"
    own = [("GET", "/goi-du-phong"), ("POST", "/goi-du-phong"), ("POST", "/goi-du-phong/bo")]
    ruled = [("GET", admin), ("POST", f"{admin}/{hospital.organization}")]
    entered = [("GET", late), ("POST", late)]
    unknown = await client(None)
    assert {(await unknown.request(*one)).status_code for one in own + ruled + entered} == {303}
    for role in ("reception", "cashier", "reviewer"):
        inside = await client(role)
        assert {(await inside.request(*one)).status_code for one in own + ruled + entered} == {403}, role
    doctor, nurse = await client("doctor"), await client("nurse")
    assert {(await doctor.request(*one)).status_code for one in ruled} == {403}
    assert (await nurse.get(late)).status_code == 200 and (await nurse.post(late)).status_code == 403
    assert {(await (await client("administrator")).request(*one)).status_code for one in own} == {403}
    stranger = await client("doctor", other_hospital)
    said = {"day": "22/11/2026", "time": "08:00", "by": "x", "text": "x", "password": "x"}
    assert (await stranger.get(late)).status_code == (await stranger.post(late, data=said)).status_code == 404
    elsewhere = await client("administrator", other_hospital)
    assert (await elsewhere.post(ruled[1][1], data={"goi": "bat"})).status_code == 404


async def test_who_works_there_opens_it_and_sees_what_the_ward_may_see(night: Night, screen: Screen) -> None:
    every = b"".join(one.read_bytes() for one in night.folder.path.rglob("*") if one.is_file())
    assert b"Furosemid" not in every and "Đặng Thị Tâm".encode() not in every
    assert "Cụm mật khẩu dự phòng" in await screen.sees()
    wrong = await screen.enters(DEMO_PASSWORD)
    assert wrong.status_code == 403 and "Đặng Thị Tâm" not in wrong.text
    waits = await screen.enters()
    assert waits.status_code == 403 and "đợi" in waits.text
    async with asyncio.timeout(60):
        while (await screen.enters()).status_code != 303:  # noqa: ASYNC110 - the pause after a wrong one ends by itself
            await asyncio.sleep(0.2)
    listed = await screen.sees()
    assert "cách đây 0 phút" in listed and "2 người đang nằm" in listed and "Ceftriaxon" in listed
    said = await screen.sees(f"/nguoi/{night.stays[0].id}")
    assert "Furosemid 20 mg" in said and "1 ống tiêm tĩnh mạch 8 giờ" in said and "Viêm phổi" in said
    assert "Nhiễm HIV" in said and "Điều rất riêng" not in said
    for path in ("giay/0.pdf", "phieu-trang.pdf"):
        pdf = await screen.client.get(f"/nguoi/{night.stays[0].id}/{path}")
        assert pdf.content.startswith(b"%PDF")
    assert (await screen.client.get("/", headers={"host": "evil.example"})).status_code == 400
    for origin, said in (("http://127.0.0.1:8470", 303), ("http://evil.example", 403), ("null", 403)):
        asked = {"login": night.login, "words": WORDS}
        assert (await screen.client.post("/vao", data=asked, headers={"origin": origin})).status_code == said
    async with night.inside.tx() as tx:
        await offline_keys.remove(tx, night.nurse)
    assert await night.writes() == Written()
    assert not list(night.folder.path.glob("*.bin")) and "không còn" in await screen.sees()


async def test_only_what_changed_is_written_again_and_who_left_leaves_it(night: Night, screen: Screen) -> None:
    assert (await screen.enters()).status_code == 303
    first = {one.name for one in night.folder.path.glob("*.bin")}
    assert await night.writes() == Written(2, 0, 1)
    assert {one.name for one in night.folder.path.glob("*.bin")} == first
    await night.inside.keep(allergy(night.stays[1].subject, "Tôm"))
    night.folder.put(night.ward.department, b"half a pack: its writer died here")
    assert "Tôm" not in await screen.sees()
    assert await night.writes() == Written(2, 1, 1)
    now = {one.name for one in night.folder.path.glob("*.bin")}
    assert "Tôm" in await screen.sees() and len(first & now) == len(now) - len(first - now) == 2
    await night.leaves(night.stays[0])
    assert await night.writes() == Written(1, 0, 1)
    assert "1 người đang nằm" in await screen.sees() and len(list(night.folder.path.glob("*.bin"))) == 2
    assert (await screen.client.get(f"/nguoi/{night.stays[0].id}")).status_code == 404
    await night.leaves(night.stays[1])
    nobody = Folder(night.folder.path / "moi")
    assert await wards.write_one(night.inside.database, night.ward, nobody) == Written(0, 0, 1) and nobody.header()


async def test_who_opened_what_comes_into_the_audit_once_and_a_changed_log_shows(night: Night, screen: Screen) -> None:
    await screen.enters()
    await screen.sees(f"/nguoi/{night.stays[0].id}")
    await screen.client.get(f"/nguoi/{night.stays[0].id}/giay/0.pdf")
    (log,) = (night.folder.path / LOG).glob("*.log")
    assert (night.stays[0].id or "").encode() not in log.read_bytes()
    assert await night.traces("read") == []
    for _again in range(2):
        await night.writes()
    assert len(await night.traces("pack-opened")) == 1
    looked, printed = await night.traces("read")
    assert "on may-khoa-1, pack of" in looked and printed.endswith(": bedside sheet")
    await screen.sees()
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*lines[:-2], lines[-1]]))
    for _again in range(2):
        await night.writes()
    async with night.inside.tx() as tx:
        broken = await tx.fetchval(
            "select count(*) from audit where action = 'pack-log-broken' and id = $1", night.ward.department
        )
    assert broken == 1


async def test_a_pack_that_somebody_else_made_does_not_open(night: Night, screen: Screen) -> None:
    assert (await screen.enters()).status_code == 303
    header = night.folder.path / HEADER
    whole = header.read_bytes()
    changed = msgspec.json.decode(whole)
    changed["contents"] = changed["contents"][:-8] + "AAAAAAA="
    header.write_bytes(msgspec.json.encode(changed))
    assert "chữ ký của cơ sở" in await screen.sees()
    header.write_bytes(whole[: len(whole) // 2])
    assert "không còn" in await screen.sees()
    header.write_bytes(whole)
    assert "2 người đang nằm" in await screen.sees()


async def test_a_pass_phrase_is_none_that_signs_in(night: Night, client: Client) -> None:
    async with night.inside.tx() as tx:
        for words in ("ngắn", DEMO_PASSWORD):
            with pytest.raises(Invalid):
                await offline_keys.set_words(tx, night.nurse, words, b"")
    nurse = await client("nurse")
    typed = {"current": "sai", "words": WORDS, "again": WORDS}
    assert (await nurse.post("/goi-du-phong", data=typed)).status_code == 422
    assert (await nurse.post("/goi-du-phong", data=typed | {"current": DEMO_PASSWORD})).status_code == 303
    assert "đã đặt" in (await nurse.get("/goi-du-phong")).text
    assert (await nurse.post("/goi-du-phong/bo")).status_code == 303
    admin, path = await client("administrator"), "/quan-tri/goi-du-phong"
    for which, said in (("bat", "trễ"), ("tat", "Bật")):
        await admin.post(f"{path}/{night.ward.department}", data={"goi": which})
        assert said in (await admin.get(path)).text


def opened_by_itself(folder: Path, port: int) -> subprocess.Popen[str]:
    """The viewer as the ward's computer starts it: no settings, no database, no server."""
    bare = {name: os.environ[name] for name in ("PATH", "PYTHONPYCACHEPREFIX", "HOME") if name in os.environ}
    command = [sys.executable, "-m", "benhan.cli", "pack", "open", str(folder), "--port", str(port)]
    return subprocess.Popen(command, env=bare, stdout=subprocess.PIPE, text=True)


async def test_with_nothing_else_running_it_opens_within_ten_seconds(night: Night) -> None:
    await night.writes()
    port, began = free_port(), time.monotonic()
    viewer = opened_by_itself(night.folder.path, port)
    try:
        assert viewer.stdout and viewer.stdout.readline().startswith("READY")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            screen = Screen(client, night.login)
            assert (await screen.enters()).status_code == 303
            assert "2 người đang nằm" in await screen.sees()
            assert time.monotonic() - began < OPENS
            assert "Furosemid" in await screen.sees(f"/nguoi/{night.stays[0].id}")
    finally:
        viewer.terminate()
        viewer.communicate(timeout=20)


async def test_papers_written_meanwhile_are_entered_once_with_both_times(
    database: Database, hospital: House, client: Client
) -> None:
    bed = await stay(database, hospital)
    await bed.opens()
    doctor, number = await client("doctor"), f"GT-{bed.visit[:6]}"
    written = clock.local(bed.admitted) + timedelta(hours=2)
    said = {
        "number": number, "day": clock.vn_date(written), "time": f"{written:%H:%M}", "by": "ĐD Hoa",
        "text": "22:10 khó thở, thở oxy 3 lít", "password": DEMO_PASSWORD,
    }  # fmt: skip
    path = f"{bed.address}/ghi-muon"
    early = clock.vn_date(written - timedelta(days=3))
    for wrong in ({"day": early}, {"password": "sai"}, {"text": " "}):
        assert (await doctor.post(path, data=said | wrong)).status_code == 422
    for _twice in range(2):
        assert (await doctor.post(path, data=said)).status_code == 303
    refused = await doctor.post(path, data=said | {"text": "Nội dung khác"})
    assert refused.status_code == 422 and "nội dung khác" in refused.text
    page = (await doctor.get(path)).text
    assert page.count("22:10 khó thở") == 1 and f"viết {clock.vn_datetime(written)}" in page and "nhập " in page
    async with database.transaction(hospital.key) as tx:
        asked = {"encounter": f"Encounter/{bed.visit}", "type": f"{systems.LOINC}|11506-3"}
        (entry,) = (await store.search(tx, bed.doctor, r4.Composition, asked)).resources
        signed = await store.search(tx, bed.doctor, r4.Provenance, {"target": f"Composition/{entry.id}"})
        # The stay goes on: a late paper closes nothing, and is no entry of the daily sheet.
        going_on = await store.read(tx, hospital.loader, r4.Encounter, bed.visit)
        going_on.reasonCode = [r4.CodeableConcept(text="Khó thở")]
        await store.update(tx, hospital.loader, going_on, if_match=None)
    assert len(signed.resources) == 1 and not daily.is_entry(entry)
