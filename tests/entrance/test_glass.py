"""Breaking the glass: who may, what it opens, when it ends, and that it is told and written down."""

from __future__ import annotations

import asyncpg
import pytest
from playwright.async_api import expect

from benhan.core import store
from benhan.core.access import Interaction, Role, Subject, glass
from benhan.core.access.doors import COOKIE
from benhan.core.access.glass import WORDS, Asked, Whom
from benhan.core.access.passkeys import Site
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Forbidden
from benhan.core.kit import clock
from benhan.core.vault import keys_of
from benhan.simulator import House
from tests.browser import DESK, PHONE, Axe, OpenPage, looks
from tests.core.access.authenticator import Authenticator
from tests.core.access.staff_people import session_of, somebody
from tests.entrance import emergency as kit
from tests.entrance.emergency import PATH, Client
from tests.patient import people

pytestmark = pytest.mark.asyncio(loop_scope="session")
DOORS = (("GET", PATH), ("POST", PATH), ("POST", f"{PATH}/khoa"), ("POST", f"{PATH}/xac-nhan"),
         ("POST", f"{PATH}/ket-thuc"))  # fmt: skip


# ── who may ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("method", "path"), DOORS)
async def test_nobody_unknown_and_no_other_role_comes_through(client: Client, method: str, path: str) -> None:
    nobody = await (await client(None)).request(method, path)
    assert nobody.status_code == 303 and nobody.headers["location"].startswith("/dang-nhap")
    for role in ("reception", "laboratory", "pharmacy", "planning", "administrator", "reviewer", "province"):
        assert (await (await client(role)).request(method, path)).status_code == 403, role


async def test_nobody_opens_a_record_of_another_hospital(
    client: Client, database: Database, hospital: House, other_hospital: House
) -> None:
    theirs = await kit.closed(database, hospital)
    browser, one = await kit.at_work(client, database, other_hospital)
    for record in ("", f"Patient/{theirs.id}", f"Encounter/{theirs.visit}"):
        answer = await kit.breaks(browser, database, one, theirs, record=record)
        assert answer.status_code == 422 and "Vi Thị Kín" not in answer.text
    assert await kit.rows(database, hospital, theirs) == [(0,)]
    assert await kit.rows(database, other_hospital, theirs) == [(0,)]


async def test_the_refusal_offers_it_to_whom_it_would_open_the_record(
    client: Client, database: Database, hospital: House
) -> None:
    whom = await kit.closed(database, hospital)
    for role, offered in ((Role.DOCTOR, True), (Role.NURSE, True), (Role.PLANNING, False)):
        browser, _one = await kit.at_work(client, database, hospital, role)
        answer = await browser.get(f"/kham/{whom.visit}")
        assert answer.status_code == 403
        assert (f"{PATH}?ban-ghi=Encounter/{whom.visit}&amp;next=/kham/{whom.visit}" in answer.text) is offered, role
        assert "Vi Thị Kín" not in answer.text and whom.id not in answer.text
    open_to_her = await browser.get("/kham/khong-co")
    assert PATH not in open_to_her.text.partition("<main")[2]


# ── what it opens, and when it ends ───────────────────────────────────────────────────────────────────────────────


async def test_one_record_opens_in_this_session_alone_and_every_page_says_so(
    client: Client, database: Database, hospital: House
) -> None:
    whom, another = await kit.closed(database, hospital), await kit.closed(database, hospital, "Vi Thị Khác")
    browser, one = await kit.at_work(client, database, hospital)
    elsewhere = await client(None)
    elsewhere.cookies.set(COOKIE, await session_of(database, one))
    assert not await kit.sees(browser, whom)
    answer = await kit.breaks(browser, database, one, whom, number="", record=f"Encounter/{whom.visit}",
                              next=f"/kham/{whom.visit}")  # fmt: skip
    assert (answer.status_code, answer.headers["location"]) == (303, f"/kham/{whom.visit}")
    assert await kit.sees(browser, whom)
    assert not await kit.sees(browser, another)
    assert not await kit.sees(elsewhere, whom)
    for path in (PATH, f"/kham/{whom.visit}", "/tai-khoan", "/kham/khong-co"):
        assert "Đang mở khẩn cấp hồ sơ của Vi Thị Kín" in (await browser.get(path)).text, path
    assert f'href="/kham/{whom.visit}"' in (await browser.get(PATH)).text
    assert "Đang mở khẩn cấp" not in (await elsewhere.get("/tai-khoan")).text


async def test_she_ends_it_herself(client: Client, database: Database, hospital: House) -> None:
    whom = await kit.closed(database, hospital)
    browser, one = await kit.at_work(client, database, hospital, Role.NURSE)
    await kit.breaks(browser, database, one, whom)
    assert await kit.sees(browser, whom)
    assert (await browser.post(f"{PATH}/ket-thuc")).status_code == 303
    assert not await kit.sees(browser, whom)
    assert "Đang mở khẩn cấp" not in (await browser.get("/tai-khoan")).text
    assert await kit.rows(database, hospital, whom, "ended <= ends") == [(True,)]


async def test_it_ends_by_the_clock_and_with_the_session(client: Client, database: Database, hospital: House) -> None:
    whom = await kit.closed(database, hospital)
    browser, one = await kit.at_work(client, database, hospital)
    await kit.breaks(browser, database, one, whom)
    assert await kit.sees(browser, whom)
    async with database.transaction(hospital.key) as tx:
        await tx.execute(
            "update broken_glass set begun = begun - interval '3 hours', ends = now() - interval '1 second'"
            " where patient = $1", whom.id,
        )  # fmt: skip
    assert not await kit.sees(browser, whom)
    assert (await kit.breaks(browser, database, one, whom)).status_code == 303
    assert await kit.sees(browser, whom)
    await browser.post("/dang-xuat")
    browser.cookies.set(COOKIE, await session_of(database, one))
    assert not await kit.sees(browser, whom)
    assert await kit.rows(database, hospital, whom) == [(2,)]  # what was done stays, for its reviewer


async def test_no_more_than_four_hours_whoever_writes_it(database: Database, hospital: House) -> None:
    one = await somebody(database, hospital.key, Role.DOCTOR)
    with pytest.raises(asyncpg.CheckViolationError):
        async with database.transaction(hospital.key) as tx:
            await tx.execute(
                "insert into broken_glass (id, facility, account, patient, shown, reason, words, factor, ends,"
                " review_by) values ('lâu', $1, $2, 'x', '', '', '', '', now() + interval '5 hours', now())",
                hospital.key, one.id,
            )  # fmt: skip


async def test_it_copies_nothing(database: Database, hospital: House) -> None:
    whom = await kit.closed(database, hospital)
    doctor = Subject(
        account="x", name="", facility=hospital.key, facility_name="", roles=frozenset({Role.DOCTOR}),
        broken_glass=frozenset({whom.id}),
    )  # fmt: skip
    async with database.transaction(hospital.key) as tx:
        assert await store.read(tx, doctor, r4.Encounter, whom.visit)
        for how, name, id_ in (
            (Interaction.PRINT, "Encounter", whom.visit), (Interaction.SHARE, "Patient", whom.id)
        ):  # fmt: skip
            with pytest.raises(Forbidden):
                await store.copied(tx, doctor, how, name, id_, whom.id)


async def test_one_at_a_time_and_another_after_it(client: Client, database: Database, hospital: House) -> None:
    first, second = await kit.closed(database, hospital), await kit.closed(database, hospital, "Vi Thị Hai")
    browser, one = await kit.at_work(client, database, hospital)
    elsewhere = await client(None)
    elsewhere.cookies.set(COOKIE, await session_of(database, one))
    assert (await kit.breaks(browser, database, one, first)).status_code == 303
    for window in (browser, elsewhere):
        answer = await kit.breaks(window, database, one, second)
        assert answer.status_code == 422 and "Kết thúc lần ấy trước" in answer.text
    await browser.post(f"{PATH}/ket-thuc")
    assert (await kit.breaks(elsewhere, database, one, second)).status_code == 303
    assert await kit.sees(elsewhere, second) and not await kit.sees(elsewhere, first)


async def test_a_program_that_comes_for_her_carries_none(client: Client, database: Database, hospital: House) -> None:
    """`holder` gives it to her session alone; whoever comes with a token gets the columns empty."""
    whom = await kit.closed(database, hospital)
    browser, one = await kit.at_work(client, database, hospital)
    await kit.breaks(browser, database, one, whom)
    async with database.transaction(hospital.key) as tx:
        await tx.execute(
            "insert into client (id, name, facility, scopes, kind) values ($1, $1, $2, 'user/*.rs', 'public')",
            f"kính {one.id}", hospital.key,
        )  # fmt: skip
        await tx.execute(
            "insert into program_grant (id, facility, client, account, session, scopes, ends) select $1, $2, $1, $3,"
            " token_hash, 'user/*.rs', now() + interval '1 hour' from session where account = $3",
            f"kính {one.id}", hospital.key, one.id,
        )  # fmt: skip
        await tx.execute(
            "insert into program_token (hash, facility, program_grant, kind, scopes, ends)"
            " values (sha256(convert_to($1, 'UTF8')), $2, $1, 'access', 'user/*.rs', now() + interval '1 hour')",
            f"kính {one.id}", hospital.key,
        )  # fmt: skip
    async with database.transaction() as tx:
        row = await tx.fetchrow("select * from holder(sha256(convert_to($1, 'UTF8')), true)", f"kính {one.id}")
    assert row["account"] == one.id and row["glass"] is None and row["glass_ends"] is None


# ── the second factor, and what is said ───────────────────────────────────────────────────────────────────────────


async def test_a_fresh_second_factor_or_nothing(client: Client, database: Database, hospital: House) -> None:
    whom = await kit.closed(database, hospital)
    browser, one = await kit.at_work(client, database, hospital)
    once = await kit.code(database, one)
    for wrong in ("", "000000", "ABCDE-FGHJK"):
        answer = await browser.post(f"{PATH}/xac-nhan", data=kit.asked(whom, code=wrong))
        assert answer.status_code == 422 and "Mã không đúng" in answer.text
    assert await kit.rows(database, hospital, whom) == [(0,)]
    assert (await browser.post(f"{PATH}/xac-nhan", data=kit.asked(whom, code=once))).status_code == 303
    await browser.post(f"{PATH}/ket-thuc")
    assert (await browser.post(f"{PATH}/xac-nhan", data=kit.asked(whom, code=once))).status_code == 422  # taken once
    for _try in range(5):
        answer = await browser.post(f"{PATH}/xac-nhan", data=kit.asked(whom, code="000000"))
    assert "Tạm khoá sau nhiều lần sai" in answer.text
    assert "Tạm khoá" in (await kit.breaks(browser, database, one, whom)).text
    assert await kit.rows(database, hospital, whom) == [(1,)]


async def test_a_passkey_of_hers_is_one_and_another_persons_is_none(
    client: Client, database: Database, hospital: House
) -> None:
    whom = await kit.closed(database, hospital)
    address = Site.of("http://127.0.0.1:8400")
    devices = []
    for _n in range(2):
        browser, one = await kit.at_work(client, database, hospital, factor=False)
        device = Authenticator(address.origin, address.host)
        question = (await browser.post("/tai-khoan/khoa-truy-cap/bat-dau")).json()
        await browser.post("/tai-khoan/khoa-truy-cap", data={
            "step": question["step"], "credential": device.create(question["options"]), "name": "máy",
        })  # fmt: skip
        devices.append(device)
    for device, status in ((devices[0], 422), (devices[1], 303)):
        question = (await browser.post(f"{PATH}/khoa")).json()
        said = {"step": question["step"], "credential": device.get(question["options"])}
        answer = await browser.post(f"{PATH}/xac-nhan", data=kit.asked(whom) | said)
        assert answer.status_code == status
    assert await kit.rows(database, hospital, whom, "account, factor") == [(one.id, "passkey")]


async def test_without_a_second_factor_it_is_refused_and_says_how_to_get_one(
    client: Client, database: Database, hospital: House
) -> None:
    whom = await kit.closed(database, hospital)
    browser, _one = await kit.at_work(client, database, hospital, factor=False)
    page = await browser.get(PATH)
    assert 'href="/tai-khoan"' in page.text.partition("<main")[2] and 'name="reason"' not in page.text
    for path in (PATH, f"{PATH}/xac-nhan"):
        answer = await browser.post(path, data=kit.asked(whom, code="123456"))
        assert answer.status_code == 422 and "lớp bảo vệ thứ hai" in answer.text
    assert (await browser.post(f"{PATH}/khoa")).status_code == 403
    assert await kit.rows(database, hospital, whom) == [(0,)]


@pytest.mark.parametrize(
    "wrong",
    [{"reason": "tò mò"}, {"reason": ""}, {"words": "gấp"}, {"words": ""}, {"hours": "5"}, {"hours": "0"},
     {"number": "BN-khong-co"}, {"number": ""}, {"number": "", "record": "Encounter/khong-co"}],
)  # fmt: skip
async def test_who_why_and_how_long_are_said_first(
    client: Client, database: Database, hospital: House, wrong: dict[str, str]
) -> None:
    whom = await kit.closed(database, hospital)
    browser, one = await kit.at_work(client, database, hospital)
    assert (await browser.post(PATH, data=kit.asked(whom) | wrong)).status_code == 422
    assert (await kit.breaks(browser, database, one, whom, **wrong)).status_code == 422
    assert await kit.rows(database, hospital, whom) == [(0,)]
    confirm = await browser.post(PATH, data=kit.asked(whom))
    assert confirm.status_code == 200 and "Vi Thị Kín" not in confirm.text  # her name is told once it is open


# ── it is written down, and the patient is told ───────────────────────────────────────────────────────────────────


async def test_each_act_leaves_one_trace_in_its_own_transaction(
    client: Client, database: Database, hospital: House
) -> None:
    whom = await kit.closed(database, hospital)
    browser, one = await kit.at_work(client, database, hospital)
    await browser.post(f"{PATH}/xac-nhan", data=kit.asked(whom, code="000000"))
    await kit.breaks(browser, database, one, whom)
    await kit.sees(browser, whom)
    await browser.post(f"{PATH}/ket-thuc")
    async with database.transaction(hospital.key) as tx:
        acts = await tx.fetch(
            "select action, allowed, patient, rule, detail from audit where account = $1 and action like '%-glass'"
            " order by xid, seq", one.id,
        )  # fmt: skip
        opened = await tx.fetchval(
            "select count(*) from audit where account = $1 and patient = $2 and rule like '%lifted by break-glass%'",
            one.id, whom.id,
        )  # fmt: skip
    assert [tuple(act.values())[:4] for act in acts] == [
        ("break-glass", False, None, "wrong code"),
        ("break-glass", True, whom.id, "emergency-opens"),
        ("end-glass", True, whom.id, "by herself"),
    ]
    assert opened
    [(broken, words)] = await kit.rows(database, hospital, whom, "id, words")
    async with database.transaction(hospital.key) as tx:
        said = (await keys_of(tx, hospital.key)).digest(kit.WHY).hex()[:16]
        assert WORDS.show(tx, hospital.key, str(broken), str(words)) == kit.WHY
    assert acts[1]["detail"] == f"cap-cuu · 2 h · code · {broken} · #{said}"  # her words lie encrypted, in one place
    who = Subject(account=one.id, name="", facility=hospital.key, facility_name="", roles=frozenset({Role.DOCTOR}),
                  session=(await _sessions(database, one))[0])  # fmt: skip
    with pytest.raises(RuntimeError, match="hỏng"):
        async with database.transaction(hospital.key) as tx:
            asked = Asked("cap-cuu", kit.WHY, 1)
            await glass.break_glass(tx, who, Whom(whom.id, ""), asked, "code", clock.now())
            raise RuntimeError("hỏng")
    assert await kit.rows(database, hospital, whom) == [(1,)]
    async with database.transaction(hospital.key) as tx:
        left = await tx.fetchval("select count(*) from audit where account = $1 and action = 'break-glass'", one.id)
    assert left == 2


async def _sessions(database: Database, one: kit.Somebody) -> list[str]:
    async with database.transaction(one.facility) as tx:
        rows = await tx.fetch(
            "select left(encode(token_hash, 'hex'), 16) as id from session where account = $1", one.id
        )
    return [row["id"] for row in rows]


async def test_the_patient_sees_it_at_once(client: Client, database: Database, hospital: House) -> None:
    whom = await kit.closed(database, hospital)
    hers, other = await client(None), await client(None)
    await people.opened(hers, await people.link(database, hospital, whom.person))
    async with database.transaction(hospital.key) as tx:
        neighbour = await people.patient(tx, hospital, "Hàng Xóm")
    await people.opened(other, await people.link(database, hospital, neighbour))
    assert "Mở khẩn cấp" not in (await hers.get("/nguoi-benh/ai-da-mo")).text
    browser, one = await kit.at_work(client, database, hospital)
    await kit.breaks(browser, database, one, whom)
    assert "Lò Thị Mẩy đã mở khẩn cấp hồ sơ của bạn" in (await hers.get("/nguoi-benh")).text
    page = (await hers.get("/nguoi-benh/ai-da-mo")).text
    assert "Cấp cứu, nguy hiểm tính mạng" in page and "đang chờ xét" in page
    assert kit.WHY not in page  # what the reviewer reads may name others
    for path in ("/nguoi-benh", "/nguoi-benh/ai-da-mo"):
        assert "khẩn cấp" not in (await other.get(path)).text


async def test_what_she_is_told_and_how_to_get_a_factor_are_accessible(
    open_page: OpenPage, client: Client, address: str, database: Database, hospital: House, axe: Axe
) -> None:
    whom = await kit.closed(database, hospital)
    browser, one = await kit.at_work(client, database, hospital)
    await kit.breaks(browser, database, one, whom)
    hers = await client(None)
    await people.opened(hers, await people.link(database, hospital, whom.person))
    without = await somebody(database, hospital.key, Role.NURSE)
    for path, token in (
        ("/nguoi-benh", hers.cookies[COOKIE]), ("/nguoi-benh/ai-da-mo", hers.cookies[COOKIE]),
        (PATH, await session_of(database, without)),
    ):  # fmt: skip
        page = await open_page(address + path, cookies={COOKIE: token})
        async for look in looks(page, (DESK, True), (PHONE, False)):
            assert await axe(page) == [], (path, look)
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (path, look)


# ── screens ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("size", "dark"), [(DESK, False), (PHONE, True)])
async def test_with_the_keyboard_alone_and_without_a_violation(
    open_page: OpenPage,
    address: str,
    database: Database,
    hospital: House,
    axe: Axe,
    size: tuple[int, int],
    *,
    dark: bool,
) -> None:
    whom = await kit.closed(database, hospital)
    one = await somebody(database, hospital.key, Role.DOCTOR)
    await kit.with_application(database, one)
    page = await open_page(
        f"{address}/kham/{whom.visit}", size=size, dark=dark, cookies={COOKIE: await session_of(database, one)}
    )
    await page.keyboard.press("k")
    await expect(page.get_by_role("heading", name="Mở khẩn cấp hồ sơ")).to_be_visible()
    assert await axe(page) == []
    await page.get_by_label("Lý do").focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Tab")
    await page.keyboard.type(kit.WHY)
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_role("heading", name="Xác nhận mở khẩn cấp")).to_be_visible()
    assert await axe(page) == []
    await page.get_by_label("Mã sáu chữ số").focus()
    await page.keyboard.type(await kit.code(database, one))
    await page.keyboard.press("Enter")
    banner = page.get_by_role("region", name="Mở khẩn cấp")
    await expect(banner).to_contain_text("Vi Thị Kín")
    assert page.url.endswith(f"/kham/{whom.visit}")
    assert await axe(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.goto(f"{address}{PATH}")
    assert await axe(page) == []
    await page.keyboard.press("Alt+k")
    await expect(banner).to_have_count(0)
