"""A morning's papers are signed with one confirmation, and anybody sees of a paper that it is what was signed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from io import BytesIO

import httpx
import pytest
import pytest_asyncio
from pypdf import PdfReader
from starlette.applications import Starlette

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.access.vocabulary import State
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Forbidden
from benhan.core.store import archive
from benhan.hospital.clinic import conclusion, prescribing
from benhan.hospital.signing import original
from benhan.simulator import House
from tests.browser import Axe, OpenPage
from tests.hospital.ward.house import Inside
from tests.hospital.ward.test_daily import EMPTY, at, signs
from tests.signing_house import House as Signing
from tests.signing_house import house, key_in
from tests.softhsm import Token

from .conftest import Clinic
from .rooms import HOME, Room, room, stocked, twice

Client = Callable[..., Awaitable[httpx.AsyncClient]]
Subjects = Callable[..., Subject]
LABEL = "bs.huong"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def signing(app: Starlette, database: Database, hospital: House, token: Token) -> AsyncIterator[Signing]:
    """The hospital can sign; afterwards nobody has a certificate any more."""
    with house(token) as made:
        key_in(token, made.authority, LABEL, "BS. Nguyễn Thu Hà")
        app.state.signing = made.means
        yield made
    app.state.signing = None
    async with database.transaction(hospital.key) as tx:
        await tx.execute("update certificate set ended = now() where facility = $1 and ended is null", hospital.key)


async def registered(client: Client, login: str, kind: str, key: str) -> httpx.Response:
    admin = await client("administrator")
    return await admin.post("/quan-tri/chung-thu", data={"login": login, "kind": kind, "key": key})


async def concluded(here: Room, password: str) -> str:
    async with here.database.transaction(here.doctor.facility) as tx:
        visit = await conclusion.sign(tx, here.doctor, here.visit, HOME, seen=await here.seal(), password=password)
    return visit.id or ""


@asynccontextmanager
async def a_doctor(client: Client, hospital: House, signing: Signing, user: str) -> AsyncIterator[httpx.AsyncClient]:
    """The doctor of the rooms, with a certificate at the provider."""
    signing.remote(user, "BS. Nguyễn Thu Hà")
    assert (await registered(client, login(hospital), "remote", user)).status_code == 303
    yield await client("doctor")


def login(hospital: House) -> str:
    return next(one.login for one in hospital.accounts if one.role == "doctor")


async def to_the_end(browser: httpx.AsyncClient, batch: str) -> str:
    for _ in range(20):
        page = (await browser.post(f"{batch}/tiep", headers={"HX-Request": "true"})).text
        if "/tiep" not in page:
            return page
    raise AssertionError(page)


async def begin(browser: httpx.AsyncClient, **more: str) -> str:
    """Sign all that waits; gives the batch."""
    page = (await browser.get("/ky-so")).text
    chosen = re.findall(r'name="giay" value="(\w+)"', page)
    made = await browser.post("/ky-so", data={"giay": chosen, **more})
    assert made.status_code == 303, made.text
    return made.headers["location"]


async def test_one_confirmation_signs_a_mornings_papers_and_anybody_can_check_them(
    signing: Signing, database: Database, loader: Subject, subject: Subjects, hospital: House, client: Client
) -> None:
    assert (await registered(client, login(hospital), "token", LABEL)).status_code == 303
    visits = []
    for _ in range(2):
        here = await room(database, loader, subject("doctor"))
        medicines = await stocked(database, loader)
        async with database.transaction(hospital.key) as tx:
            await prescribing.add(tx, here.doctor, here.visit, medicines["Paracetamol"], twice())
        visits.append(await concluded(here, hospital.password))
    doctor = await client("doctor")
    refused = await doctor.post("/ky-so", data={"giay": ["x"], "password": "sai rồi"})
    assert "Mật khẩu không đúng" in refused.text
    done = await to_the_end(doctor, await begin(doctor, password=hospital.password))
    assert "Đã ký 4 trên 4 phiếu" in done and "kiểm tra đạt" in done

    pdf = (await doctor.get(f"/ky-so/ban-ky/{visits[0]}/phieu-kham")).content
    text = "".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)
    assert "Ký số bằng chứng thư" in text
    (code,) = re.findall(r"/xac-thuc/([0-9a-f]{24})", re.sub(r"\s", "", text))[:1]
    anybody = await client(None)
    page = (await anybody.get(f"/xac-thuc/{code}")).text
    assert "bản ký không thay đổi" in page and "BS. Nguyễn Thu Hà" in page and hospital.name in page
    assert "Đặng Thị Tâm" not in page and "Viêm phổi" not in page
    sent = await anybody.post("/xac-thuc", files={"tep": ("a.pdf", pdf, "application/pdf")})
    assert "bản ký không thay đổi" in sent.text
    changed = bytearray(pdf)
    changed[2000] ^= 1
    sent = await anybody.post("/xac-thuc", files={"tep": ("a.pdf", bytes(changed), "application/pdf")})
    assert "KHÔNG HỢP LỆ" in sent.text

    printed = (await doctor.get(f"/kham/{visits[0]}/don-thuoc.pdf")).content
    text = "".join(page.extract_text() for page in PdfReader(BytesIO(printed)).pages)
    assert "Bản giấy chuyển đổi từ hồ sơ bệnh án điện tử" in text
    verdicts = (await doctor.get(f"/kham/{visits[0]}/chu-ky")).text
    assert verdicts.count("nội dung không đổi từ lúc ký") == 3 and verdicts.count("Chứng thư số (JWS)") == 2
    here = Room(database, subject("doctor"), "", visits[0])
    given = await here.all(r4.Provenance, target=f"Encounter/{visits[0]}")
    evidence = [one.extension[0] for one in given if one.extension]
    assert {one.url for one in evidence} == {systems.EXTENSION_SIGNING} and len(evidence) == 2
    assert {"method", "pdf-sha256", "certificate", "time-stamp", "revocation"} <= {
        one.url for one in evidence[0].extension or []
    }


async def test_what_is_refused_late_or_signed_wrong_on_a_telephone_waits_again(
    signing: Signing, database: Database, loader: Subject, subject: Subjects, hospital: House, client: Client
) -> None:
    async with a_doctor(client, hospital, signing, "0912") as doctor:
        await concluded(await room(database, loader, subject("doctor")), hospital.password)
        for state, wrong, said in (
            ("refused", False, "Đã từ chối trên điện thoại"), ("expired", False, "Quá thời gian xác nhận"),
            ("signed", True, "không phải của văn bản này"),
        ):  # fmt: skip
            batch = await begin(doctor)
            waits = await doctor.post(f"{batch}/tiep", headers={"HX-Request": "true"})
            assert "Xác nhận trên điện thoại: 1 phiếu" in waits.text
            signing.provider.last.state, signing.provider.wrong = state, wrong
            assert said in await to_the_end(doctor, batch)
            assert said in (await doctor.get("/ky-so")).text
        signing.provider.wrong = False
        batch = await begin(doctor)
        assert len(signing.provider.last.hashes) == 2 and "Đặng" not in signing.provider.last.text
        signing.provider.last.state = "signed"
        assert "kiểm tra đạt" in await to_the_end(doctor, batch)


async def test_a_revoked_certificate_signs_nothing_and_cannot_be_registered(
    signing: Signing, database: Database, loader: Subject, subject: Subjects, hospital: House, client: Client
) -> None:
    async with a_doctor(client, hospital, signing, "0913") as doctor:
        await concluded(await room(database, loader, subject("doctor")), hospital.password)
        made = signing.remote("0914", "BS. Bị Thu Hồi")
        signing.authority.revoked.add(made.serial_number)
        assert "thu hồi" in (await registered(client, login(hospital), "remote", "0914")).text
        (current,) = [int(one, 16) for one in re.findall(r"số ([0-9a-f]+) ·", (await doctor.get("/ky-so")).text)]
        signing.authority.revoked.add(current)
        waiting = re.findall(r'name="giay" value="(\w+)"', (await doctor.get("/ky-so")).text)
        assert "đã bị thu hồi" in (await doctor.post("/ky-so", data={"giay": waiting})).text


async def test_others_come_to_no_door_of_hers(
    signing: Signing, database: Database, loader: Subject, subject: Subjects, hospital: House, other_hospital: House,
    client: Client, enter: Client,
) -> None:  # fmt: skip
    async with a_doctor(client, hospital, signing, "0915") as doctor:
        visit = await concluded(await room(database, loader, subject("doctor")), hospital.password)
        batch = await begin(doctor)
    signed = f"/ky-so/ban-ky/{visit}/phieu-kham"
    for path in ("/ky-so", batch, signed, "/quan-tri/chung-thu"):
        assert (await (await client(None)).get(path)).status_code in (303, 401)
        assert (await (await client("laboratory" if path != signed else "cashier")).get(path)).status_code == 403
    stranger = await client("doctor", other_hospital)
    for other in (stranger, await enter("bacsi2")):
        assert (await other.get(batch)).status_code == 404
        assert (await other.post(f"{batch}/tiep")).status_code == 404
    assert (await stranger.get(signed)).status_code == 404
    assert (await (await client(None)).get("/xac-thuc/khong-co")).status_code == 404


async def test_the_pages_are_readable_by_everybody(
    signing: Signing, database: Database, loader: Subject, subject: Subjects, hospital: House, client: Client,
    open_page: OpenPage, axe: Axe, address: str,
) -> None:  # fmt: skip
    async with a_doctor(client, hospital, signing, "0916") as doctor:
        await concluded(await room(database, loader, subject("doctor")), hospital.password)
        page = await open_page(f"{address}/ky-so", cookies=dict(doctor.cookies))
        assert await axe(page) == []
        await page.get_by_role("button", name="Ký số các phiếu đã chọn").click()
        await page.get_by_text("Xác nhận trên điện thoại: ").wait_for()
        assert await axe(page) == []
        signing.provider.last.state = "signed"
        await page.get_by_text("Mọi phiếu đã ký").wait_for()
    page = await open_page(f"{address}/xac-thuc")
    assert await axe(page) == []


async def test_a_signed_paper_opens_to_whom_every_record_in_it_is_open(
    signing: Signing, database: Database, loader: Subject, subject: Subjects, hospital: House, client: Client,
    clinic: Clinic,
) -> None:  # fmt: skip
    here = await room(database, loader, subject("doctor"))
    medicines = await stocked(database, loader)
    visit = await here.encounter()
    me = r4.Reference(reference=f"Practitioner/{here.doctor.practitioner}")
    visit.participant = [r4.EncounterParticipant(individual=me)]
    async with database.transaction(hospital.key) as tx:
        await store.update(tx, loader, visit, if_match=None)
        await prescribing.add(tx, here.doctor, here.visit, medicines["Paracetamol"], twice())
    (medicine,) = await here.all(r4.MedicationRequest)
    medicine.meta = r4.Meta(security=[r4.Coding(system=systems.ACT_CODE, code="HIV")])
    async with database.transaction(hospital.key) as tx:
        await store.update(tx, loader, medicine, if_match=None)
    async with a_doctor(client, hospital, signing, "0917") as doctor:
        await concluded(here, hospital.password)
        batch = await begin(doctor)
        signing.provider.last.state = "signed"
        assert "Đã ký 2 trên 2 phiếu" in await to_the_end(doctor, batch)
        assert (await doctor.get(f"/ky-so/ban-ky/{here.visit}/don-thuoc")).content.startswith(b"%PDF")
    colleague = clinic.doctor("bacsi2")
    async with database.transaction(hospital.key) as tx:
        assert (await store.read(tx, colleague, r4.Encounter, here.visit)).id
        with pytest.raises(Forbidden):
            await original(tx, colleague, here.visit, "don-thuoc")


async def test_a_daily_sheet_signed_with_a_certificate_does_not_close_the_stay(
    signing: Signing, database: Database, hospital: House, client: Client, subject: Subjects
) -> None:
    inside = Inside(database, hospital)
    department = await inside.department("Khoa Ký số")
    (bed,) = await inside.beds(department, 1)
    stay = await inside.lies(department, bed)
    async with a_doctor(client, hospital, signing, "0918") as doctor:
        await doctor.post(at(stay), data={"s": "Đỡ ho", "version": EMPTY, "di": "ky"})
        assert (await signs(doctor, stay)).status_code == 303
        batch = await begin(doctor)
        signing.provider.last.state = "signed"
        assert "Đã ký 1 trên 1 phiếu" in await to_the_end(doctor, batch)
        assert (await doctor.get(f"/ky-so/ban-ky/{stay.id}/to-dieu-tri")).content.startswith(b"%PDF")
    ended = await inside.stay(stay.id or "")
    ended.status = "finished"
    async with database.transaction(hospital.key) as tx:
        await store.update(tx, hospital.loader, ended, if_match=None)
        planning = subject("planning")
        assert await archive.states(tx, planning, [stay.id or ""]) == {stay.id: State.TREATED}
