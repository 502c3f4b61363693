"""Requests that arrive together share questions and commits, and nothing else: each has its own caller and outcome."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette

from benhan.core.access import Role
from benhan.core.access.accounts import create_account, hashed, open_session
from benhan.core.access.doors import COOKIE
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir import systems
from benhan.simulator import House

Program = Callable[..., Awaitable[httpx.AsyncClient]]
Client = Callable[..., Awaitable[httpx.AsyncClient]]
Dsn = Callable[..., str]


def person(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"text": "Sùng Thị Cùng"}], **more}


async def kept(fhir: httpx.AsyncClient) -> str:
    answer = await fhir.post("Patient", json=person())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def _as_owner(dsn: Dsn, sql: str, *values: Any) -> None:
    owner = await asyncpg.connect(dsn())
    await owner.execute(sql, *values)
    await owner.close()


async def _name_of(fhir: httpx.AsyncClient, database: Database) -> str:
    """The account under which a program leaves its traces."""
    id_ = await kept(fhir)
    async with database.transaction(PLATFORM) as tx:
        return str(await tx.fetchval("select account from audit where id = $1 and action = 'create'", id_))


@asynccontextmanager
async def _audit_that_refuses(dsn: Dsn, account: str) -> AsyncIterator[None]:
    """A broken audit, for one account: its rows cannot be written."""
    name = f"refuse_{uuid4().hex}"
    await _as_owner(
        dsn,
        f"create function {name}() returns trigger language plpgsql as $$"
        f" begin raise exception 'the disk of the audit is full'; end $$;"
        f" create trigger {name} before insert on audit for each row"
        f" when (new.account = '{account}') execute function {name}()",
    )
    try:
        yield
    finally:
        await _as_owner(dsn, f"drop trigger {name} on audit; drop function {name}()")


# ── who is asking ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_token_that_was_revoked_opens_nothing_from_the_next_request_on(program: Program, dsn: Dsn) -> None:
    fhir = await program("system/*.cruds")
    id_ = await kept(fhir)
    assert (await fhir.get(f"Patient/{id_}")).status_code == 200
    header = fhir.headers["authorization"].removeprefix("Bearer ")
    await _as_owner(dsn, "update client set revoked = now() where token_hash = sha256($1::bytea)", header.encode())
    answers = [
        await fhir.get(f"Patient/{id_}"),
        await fhir.get("Patient", params={"name": "Sùng"}),
        await fhir.post("Patient", json=person()),
        await fhir.get("Patient/khong-co"),
    ]
    assert [answer.status_code for answer in answers] == [401] * 4


@pytest.mark.parametrize(
    "meanwhile",
    [
        "update session set seen = now() - interval '5 minutes' where token_hash = $1",
        "insert into back_off (what, failures) select 'login:' || a.login, 1 from session s"
        " join account a on a.id = s.account where s.token_hash = $1 on conflict (what) do update set failures = 2",
        "update account set name = 'Tên mới' where id = (select account from session where token_hash = $1)",
    ],
)
async def test_what_a_person_writes_is_taken_whatever_happened_to_her_session_meanwhile(
    database: Database, hospital: House, app: Starlette, dsn: Dsn, meanwhile: str
) -> None:
    who = hospital.subject(Role.RECEPTION)
    async with database.transaction(hospital.key) as tx:
        id_ = await create_account(
            tx, hospital.key, f"ghi-{uuid4().hex[:12]}", "mật khẩu dài lắm", "Cô Ghi", list(who.roles)
        )
        token = await open_session(tx, hospital.key, account=id_, hours=1)
    site = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=site, base_url="http://benhan.test", cookies={COOKIE: token}) as desk:
        for _twice in range(2):
            said = await desk.post(
                "/tiep-don", data={"q": "Vừ Thị Ghi Hai Lần"}, headers={"Sec-Fetch-Site": "same-origin"}
            )
            assert said.status_code == 200, said.text
            await _as_owner(dsn, meanwhile, hashed(token))


async def test_fewer_scopes_hold_from_the_next_request_on(program: Program, dsn: Dsn) -> None:
    fhir = await program("system/*.cruds")
    id_ = await kept(fhir)
    header = fhir.headers["authorization"].removeprefix("Bearer ")
    await _as_owner(
        dsn, "update client set scopes = 'system/Patient.r' where token_hash = sha256($1::bytea)", header.encode()
    )
    assert (await fhir.post("Patient", json=person())).status_code == 403
    assert (await fhir.get(f"Patient/{id_}")).status_code == 200


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("update account set active = false where id = $1", 303),
        ("update account set roles = '{display}' where id = $1", 403),
        ("delete from session where account = $1", 303),
        ("update session set ends = now() - interval '1 second' where account = $1", 303),
    ],
)
async def test_a_person_who_is_no_longer_what_she_was_is_no_longer_let_in(
    change: str, expected: int, client: Client, database: Database, hospital: House, dsn: Dsn
) -> None:
    browser = await client(None)
    async with database.transaction(hospital.key) as tx:
        login = f"u{uuid4().hex[:12]}"
        account = await create_account(tx, hospital.key, login, "một mật khẩu dài", "Lò Thị Tạm", [Role.RECEPTION])
        browser.cookies.set(COOKIE, await open_session(tx, hospital.key, account=account, hours=1))
    assert (await browser.get("/tiep-don")).status_code == 200
    assert (await browser.get("/tiep-don")).status_code == 200
    await _as_owner(dsn, change, account)
    assert (await browser.get("/tiep-don")).status_code == expected


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "Patient", '{"resourceType": "Patient", "gender": "khác"}'),
        ("POST", "Patient", "không phải JSON"),
        ("PUT", "Patient/x", '{"resourceType": "Patient", "id": "y"}'),
        ("PATCH", "Patient/x", "[]"),
        ("POST", "", '{"resourceType": "Bundle", "type": "collection"}'),
        ("GET", "Patient?khong=co&_sort=khong", None),
    ],
)
async def test_who_was_revoked_is_not_even_told_what_is_wrong_with_what_she_sent(
    program: Program, dsn: Dsn, method: str, path: str, body: str | None
) -> None:
    fhir = await program("system/*.cruds")
    await kept(fhir)
    header = fhir.headers["authorization"].removeprefix("Bearer ")
    await _as_owner(dsn, "update client set revoked = now() where token_hash = sha256($1::bytea)", header.encode())
    answer = await fhir.request(method, path, content=body and body.encode(), headers={"Prefer": "handling=strict"})
    assert answer.status_code == 401, answer.text


async def test_what_a_program_sends_while_its_rights_change_is_read_again_and_kept_once(
    program: Program, dsn: Dsn
) -> None:
    fhir = await program("system/*.cruds")
    id_ = await kept(fhir)
    header = fhir.headers["authorization"].removeprefix("Bearer ")
    for scopes in ("system/Patient.cruds", "system/*.cruds"):
        mark = uuid4().hex
        change = "update client set scopes = $2 where token_hash = sha256($1::bytea)"
        await _as_owner(dsn, change, header.encode(), scopes)
        sent = person(identifier=[{"system": "urn:t", "value": mark}])
        made = await fhir.post("Patient", json=sent)
        assert made.status_code == 201, made.text
        found = (await fhir.get("Patient", params={"identifier": mark, "_total": "accurate"})).json()
        assert found["total"] == 1
        await _as_owner(dsn, change, header.encode(), scopes.replace("cruds", "crus"))
        changed = await fhir.put(f"Patient/{id_}", json=person(id=id_, identifier=sent["identifier"]))
        assert changed.status_code == 200, changed.text


async def test_of_many_who_write_at_once_only_the_one_who_was_revoked_is_refused(program: Program, dsn: Dsn) -> None:
    programs = [await program("system/*.cruds") for _ in range(6)]
    await asyncio.gather(*(kept(fhir) for fhir in programs))
    header = programs[3].headers["authorization"].removeprefix("Bearer ")
    await _as_owner(dsn, "update client set revoked = now() where token_hash = sha256($1::bytea)", header.encode())
    answers = await asyncio.gather(*(fhir.post("Patient", json=person()) for fhir in programs))
    assert [answer.status_code for answer in answers] == [201, 201, 201, 401, 201, 201]


async def test_of_many_who_ask_at_once_only_the_one_who_was_revoked_is_refused(program: Program, dsn: Dsn) -> None:
    programs = [await program("system/*.cruds") for _ in range(6)]
    id_ = await kept(programs[0])
    await asyncio.gather(*(fhir.get(f"Patient/{id_}") for fhir in programs))
    header = programs[3].headers["authorization"].removeprefix("Bearer ")
    await _as_owner(dsn, "update client set revoked = now() where token_hash = sha256($1::bytea)", header.encode())
    answers = await asyncio.gather(*(fhir.get(f"Patient/{id_}") for fhir in programs))
    assert [answer.status_code for answer in answers] == [200, 200, 200, 401, 200, 200]


async def test_two_hospitals_that_ask_at_once_see_each_their_own(
    program: Program, hospital: House, other_hospital: House
) -> None:
    ours, theirs = await program("system/*.cruds"), await program("system/*.cruds", at=other_hospital)
    id_, other = await kept(ours), await kept(theirs)
    asked = [(fhir, one) for _ in range(4) for fhir in (ours, theirs) for one in (id_, other)]
    answers = await asyncio.gather(*(fhir.get(f"Patient/{one}") for fhir, one in asked))
    assert [answer.status_code for answer in answers] == [200, 404, 404, 200] * 4


# ── what leaves a trace ────────────────────────────────────────────────────────────────────────────────────────────


async def test_each_of_many_reads_at_once_leaves_its_own_trace(program: Program, database: Database) -> None:
    programs = [await program("system/*.cruds") for _ in range(3)]
    ids = [await kept(programs[0]) for _ in range(4)]
    await asyncio.gather(*(fhir.get(f"Patient/{id_}") for fhir in programs for id_ in ids))
    async with database.transaction(PLATFORM) as tx:
        rows = await tx.fetch("select id, account from audit where id = any($1) and action = 'read'", ids)
    assert len(rows) == len({(row["id"], row["account"]) for row in rows}) == 12


async def test_what_cannot_be_audited_is_not_answered(program: Program, database: Database, dsn: Dsn) -> None:
    fhir, other = await program("system/*.cruds"), await program("system/*.cruds")
    id_, account = await kept(fhir), await _name_of(fhir, database)
    async with _audit_that_refuses(dsn, account):
        for asked in (f"Patient/{id_}", "Patient?name=Sùng", f"Patient/{id_}/_history"):
            with pytest.raises(asyncpg.PostgresError, match="audit is full"):
                await fhir.get(asked)
        with pytest.raises(asyncpg.PostgresError, match="audit is full"):
            await fhir.post("Patient", json=person(id="x", gender="other"))
        both = await asyncio.gather(fhir.get(f"Patient/{id_}"), other.get(f"Patient/{id_}"), return_exceptions=True)
        assert isinstance(both[0], asyncpg.PostgresError)
        assert isinstance(both[1], httpx.Response) and both[1].status_code == 200
    async with database.transaction(PLATFORM) as tx:
        assert await tx.fetchval("select count(*) from audit where account = $1 and action = 'read'", account) == 0


async def test_what_cannot_be_audited_is_not_kept(program: Program, database: Database, dsn: Dsn) -> None:
    fhir = await program("system/*.cruds")
    account, mark = await _name_of(fhir, database), uuid4().hex
    async with _audit_that_refuses(dsn, account):
        with pytest.raises(asyncpg.PostgresError, match="audit is full"):
            await fhir.post("Patient", json=person(identifier=[{"system": "urn:t", "value": mark}]))
    found = (await fhir.get("Patient", params={"identifier": mark, "_total": "accurate"})).json()
    assert found["total"] == 0


# ── new records ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_many_records_created_at_once_are_each_kept_whole(program: Program, database: Database) -> None:
    fhir = await program("system/*.cruds")
    await kept(fhir)  # the first write of a process reads the facility's rules, and goes by itself
    marks = [uuid4().hex for _ in range(20)]
    answers = await asyncio.gather(
        *(fhir.post("Patient", json=person(identifier=[{"system": "urn:t", "value": mark}])) for mark in marks)
    )
    ids = [answer.json()["id"] for answer in answers]
    for mark, id_ in zip(marks, ids, strict=True):
        found = (await fhir.get("Patient", params={"identifier": f"urn:t|{mark}"})).json()
        assert [entry["resource"]["id"] for entry in found["entry"]] == [id_]
    async with database.transaction(PLATFORM) as tx:
        for table, condition in (("history", "version = 1"), ("feed", "action = 'c'"), ("audit", "action = 'create'")):
            assert await tx.fetchval(f"select count(*) from {table} where id = any($1) and {condition}", ids) == 20


async def test_of_many_at_once_with_one_citizen_number_one_is_kept_and_the_others_are_no_worse_off(
    program: Program,
) -> None:
    fhir = await program("system/*.cruds")
    await kept(fhir)
    number = str(uuid4().int)[:12]
    same = person(identifier=[{"system": systems.CCCD, "value": number}])
    answers = await asyncio.gather(*(fhir.post("Patient", json=one) for one in [same, person(), same, person(), same]))
    codes = [answer.status_code for answer in answers]
    assert sorted(codes[n] for n in (0, 2, 4)) == [201, 409, 409]
    assert [codes[1], codes[3]] == [201, 201]


async def test_after_its_end_a_transaction_takes_no_more(database: Database) -> None:
    tx = database.request()
    await tx.commit()
    with pytest.raises(RuntimeError, match="over"):
        await tx.fetchval("select 1")
