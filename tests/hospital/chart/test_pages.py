"""Planning hands a signed visit to the archive and takes it out; who else comes to those doors stays outside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.accounts import create_client
from benhan.core.access.doors import COOKIE
from benhan.core.access.vocabulary import State
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.kit.clock import today, vn_date
from benhan.core.store import archive
from benhan.hospital.clinic import conclusion
from benhan.simulator import House
from tests.asking import as_program
from tests.browser import DESK, PHONE, Axe, OpenPage, looks
from tests.hospital.clinic.rooms import HOME, Room, room

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
PATH = "/luu-tru"


@pytest.fixture
async def signed(database: Database, loader: Subject, subject: Callable[..., Subject], hospital: House) -> Room:
    """A visit that its doctor signed."""
    made = await room(database, loader, subject("doctor"))
    shown = await made.seal()
    async with database.transaction(hospital.key) as tx:
        await conclusion.sign(tx, made.doctor, made.visit, HOME, shown, hospital.password)
    return made


async def state_of(made: Room, hospital: House) -> State:
    async with made.database.transaction(hospital.key) as tx:
        return (await archive.states(tx, hospital.subject(Role.PLANNING), [made.visit]))[made.visit]


async def refusals(made: Room, hospital: House, rule: str) -> int:
    async with made.database.transaction(hospital.key) as tx:
        found: int = await tx.fetchval(
            "select count(*) from audit where action = 'refused' and rule = $1 and detail like '%' || $2 || '%'",
            rule, made.visit,
        )  # fmt: skip
        return found


async def test_nobody_another_hospital_and_the_wrong_role_come_through_no_door(
    client: Client, signed: Room, hospital: House, other_hospital: House
) -> None:
    one, out = f"{PATH}/{signed.visit}", f"{PATH}/{signed.visit}/lay-ra"
    unknown = await client(None)
    assert {(await unknown.get(path)).status_code for path in (PATH, one)} == {303}
    assert {(await unknown.post(path)).status_code for path in (one, out)} == {303}
    for role in ("doctor", "nurse", "reception", "administrator", "reviewer", "laboratory", "cashier"):
        inside = await client(role)
        assert {(await inside.get(path)).status_code for path in (PATH, one)} == {403}, role
        assert {(await inside.post(path, data={"ly-do": "x"})).status_code for path in (one, out)} == {403}, role
    stranger = await client("planning", other_hospital)
    assert (await stranger.get(one)).status_code == 404
    assert {(await stranger.post(path, data={"ly-do": "x"})).status_code for path in (one, out)} == {404}
    assert signed.visit not in (await stranger.get(PATH)).text
    assert await state_of(signed, hospital) is State.CLOSED


async def test_a_signed_visit_goes_into_the_archive_and_comes_out_with_a_reason(
    client: Client, signed: Room, hospital: House
) -> None:
    planning = await client("planning")
    one = f"{PATH}/{signed.visit}"
    day = (await planning.get(PATH, params={"ngay": vn_date(today())})).text
    assert signed.visit in day and "chờ lưu trữ" in day
    sent = await planning.post(one)
    assert sent.status_code == 303 and "xong=cat" in sent.headers["location"]
    assert "Đã đưa hồ sơ vào lưu trữ" in (await planning.get(sent.headers["location"])).text
    assert await state_of(signed, hospital) is State.ARCHIVED
    assert (await planning.post(f"{one}/lay-ra", data={"ly-do": " "})).status_code == 422
    assert (await planning.post(f"{one}/lay-ra", data={"ly-do": "Toà án yêu cầu"})).status_code == 303
    page = (await planning.get(one)).text
    assert "Toà án yêu cầu" in page and "chờ lưu trữ" in page
    assert await state_of(signed, hospital) is State.CLOSED


async def test_a_visit_that_is_not_signed_does_not(
    client: Client, database: Database, loader: Subject, subject: Callable[..., Subject], hospital: House
) -> None:
    made = await room(database, loader, subject("doctor"))
    planning = await client("planning")
    assert (await planning.post(f"{PATH}/{made.visit}")).status_code == 409
    assert "chưa lưu trữ được" in (await planning.get(f"{PATH}/{made.visit}")).text
    assert await state_of(made, hospital) is State.TREATED


async def test_the_buttons_say_what_the_doors_do(client: Client, signed: Room, hospital: House) -> None:
    planning, doctor = await client("planning"), await client("doctor")
    signatures, paper = f"/kham/{signed.visit}/chu-ky", f"/kham/{signed.visit}/phieu-kham.pdf"
    for inside in (planning, doctor):
        assert "phieu-kham.pdf" in (await inside.get(signatures)).text
    assert (await planning.post(f"{PATH}/{signed.visit}")).status_code == 303
    assert "phieu-kham.pdf" in (await planning.get(signatures)).text
    assert (await planning.get(paper)).status_code == 200
    closed = await doctor.get(signatures)
    assert closed.status_code == 403 and "archived-opens-to-care" in closed.text
    async with signed.database.transaction(hospital.key) as tx:  # she sees the patient again
        await store.create(tx, hospital.loader, _today(signed))
    open_ = await doctor.get(signatures)
    assert open_.status_code == 200 and "phieu-kham.pdf" not in open_.text
    for page in (f"/kham/{signed.visit}", f"/kham/{signed.visit}/ket-thuc/thanh"):
        assert "phieu-kham.pdf" not in (await doctor.get(page)).text
    refused = await doctor.get(paper)
    assert refused.status_code == 403 and "archived-copied-by-planning" in refused.text
    assert await refusals(signed, hospital, "archived-copied-by-planning") == 1
    assert await refusals(signed, hospital, "archived-opens-to-care") == 1


async def test_a_program_that_changes_what_is_signed_is_refused_by_its_rule_and_leaves_its_trace(
    client: Client, signed: Room, hospital: House
) -> None:
    (condition,) = await signed.all(r4.Condition)
    async with signed.database.transaction(hospital.key) as tx:
        token = await create_client(tx, hospital.key, f"sửa {signed.visit}", "system/*.cruds")
    program = await client(None)
    kind = {"Content-Type": "application/json-patch+json", **dict(as_program(token))}
    body = b'[{"op":"replace","path":"/code/text","value":"x"}]'
    address = f"/fhir/Condition/{condition.id}"
    refused = await program.patch(address, content=body, headers=kind)
    assert refused.status_code == 409 and "signed-not-changed" in refused.text
    async with signed.database.transaction(hospital.key) as tx:
        traces = await tx.fetch("select rule from audit where action = 'refused' and detail = $1", f"PATCH {address}")
    assert [one["rule"] for one in traces] == ["signed-not-changed"]


def _today(made: Room) -> r4.Encounter:
    return r4.Encounter(
        status="in-progress", class_=r4.Coding(code="AMB"), subject=r4.Reference(reference=f"Patient/{made.patient}"),
        period=r4.Period(start=f"{today().isoformat()}"),
        participant=[
            r4.EncounterParticipant(individual=r4.Reference(reference=f"Practitioner/{made.doctor.practitioner}"))
        ],
    )  # fmt: skip


@pytest.mark.parametrize("size", [DESK, PHONE])
async def test_the_pages_are_open_to_everybody_and_work_by_keyboard(
    open_page: OpenPage, axe: Axe, address: str, client: Client, signed: Room, hospital: House,
    size: tuple[int, int],
) -> None:  # fmt: skip
    async def violations() -> list[str]:
        return [one async for _look in looks(page, (size, False), (size, True)) for one in await axe(page)]

    cookies = {COOKIE: (await client("planning")).cookies[COOKIE]}
    page = await open_page(f"{address}{PATH}", size=size, cookies=cookies)
    for path in (PATH, f"{PATH}/{signed.visit}"):
        await page.goto(address + path)
        assert await violations() == [], path
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
    await page.keyboard.press("Shift+Enter")
    await page.wait_for_url(f"{address}{PATH}?*xong=cat")
    await page.goto(f"{address}{PATH}/{signed.visit}")
    await page.focus("#f-ly-do")
    await page.keyboard.type("Toà án yêu cầu")
    assert await violations() == []
    await page.keyboard.press("Shift+Enter")
    await page.wait_for_url(f"{address}{PATH}/{signed.visit}?xong=ra")
    assert await violations() == []
    assert await state_of(signed, hospital) is State.CLOSED


async def test_without_scripts_it_works_too(
    open_page: OpenPage, address: str, client: Client, signed: Room, hospital: House
) -> None:
    cookies = {COOKIE: (await client("planning")).cookies[COOKIE]}
    page = await open_page(f"{address}{PATH}/{signed.visit}", javascript=False, cookies=cookies)
    await page.click("main button:has-text('Lưu trữ')")
    await page.wait_for_url(f"{address}{PATH}?*xong=cat")
    await page.goto(f"{address}{PATH}/{signed.visit}")
    await page.fill("#f-ly-do", "Toà án yêu cầu")
    await page.click("main button:has-text('Lấy ra')")
    await page.wait_for_url(f"{address}{PATH}/{signed.visit}?xong=ra")
    assert await state_of(signed, hospital) is State.CLOSED
