"""Bulk export, as another hospital's software meets it: kick-off, status, manifest, files."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import msgspec
import pytest
import pytest_asyncio

from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir import r4
from benhan.core.store import export, job_files, jobs
from benhan.simulator import House

Program = Callable[..., Awaitable[httpx.AsyncClient]]
ASYNC = {"Prefer": "respond-async"}
PATIENCE = 30.0


class Ward(msgspec.Struct, frozen=True):
    """A facility with nothing but what these tests write, so that they know what an export of everything holds."""

    key: int
    name: str = "BVĐK Xuất Khẩu"


@pytest_asyncio.fixture(scope="session")
async def ward(hospital: House, dsn: Callable[..., str]) -> Ward:
    """It."""
    connection = await asyncpg.connect(dsn())
    try:
        key = await connection.fetchval("select max(key) + 1000 from facility")
        await connection.execute("insert into facility (key, code, name) values ($1, '79003', 'BVĐK Xuất Khẩu')", key)
    finally:
        await connection.close()
    return Ward(key)


async def keep(fhir: httpx.AsyncClient, type_: str, **content: Any) -> str:
    made = await fhir.post(type_, json={"resourceType": type_, **content})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def measured(fhir: httpx.AsyncClient, who: str, text: str = "mạch") -> str:
    subject = {"reference": f"Patient/{who}"}
    return await keep(fhir, "Observation", status="final", code={"text": text}, subject=subject)


def here(address: str) -> str:
    return address.partition("/fhir/")[2]


async def started(fhir: httpx.AsyncClient, address: str) -> str:
    answer = await fhir.get(address, headers=ASYNC)
    assert answer.status_code == 202, answer.text
    return here(answer.headers["Content-Location"])


async def manifest(fhir: httpx.AsyncClient, address: str) -> dict[str, Any]:
    """Wait as the server asks, at most half a minute."""
    async with asyncio.timeout(PATIENCE):
        while (answer := await fhir.get(address)).status_code == 202:
            assert answer.headers["X-Progress"]
            assert int(answer.headers["Retry-After"]) >= 1
            await asyncio.sleep(0.1)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def exported(fhir: httpx.AsyncClient, address: str) -> dict[str, list[dict[str, Any]]]:
    """Type → records of a whole export; counts and types of the manifest are checked on the way."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in (await manifest(fhir, await started(fhir, address)))["output"]:
        file = await fhir.get(here(one["url"]))
        assert file.headers["Content-Type"].startswith("application/fhir+ndjson")
        lines = [json.loads(line) for line in file.text.splitlines()]
        assert (len(lines), {line["resourceType"] for line in lines}) == (one["count"], {one["type"]})
        found.setdefault(one["type"], []).extend(lines)
    return found


def ids(found: dict[str, list[dict[str, Any]]], type_: str) -> list[str]:
    return [one["id"] for one in found.get(type_, [])]


async def test_an_export_of_the_house_holds_every_record_once(program: Program, ward: Ward) -> None:
    fhir = await program("system/*.cruds", at=ward)
    mine = await keep(fhir, "Patient", name=[{"text": "Hà Thị Xuất"}])
    house, pulse = await keep(fhir, "Organization", name="Nhà"), await measured(fhir, mine)
    gone = await keep(fhir, "Patient", name=[{"text": "Hà Văn Xoá"}])
    await fhir.delete(f"Patient/{gone}")
    found = await exported(fhir, "$export")
    assert mine in ids(found, "Patient")
    assert pulse in ids(found, "Observation")
    assert gone not in ids(found, "Patient")
    everything = Counter((type_, one["id"]) for type_, many in found.items() for one in many)
    assert set(everything.values()) == {1}
    assert house in ids(found, "Organization")


async def test_the_files_show_the_records_as_they_were_when_the_export_was_asked_for(
    program: Program, ward: Ward
) -> None:
    fhir = await program("system/*.cruds", at=ward)
    changed, gone = [await keep(fhir, "Patient", name=[{"text": text}]) for text in ("Trước", "Còn")]
    address = await started(fhir, "$export?_type=Patient")
    await asyncio.sleep(0.002)  # the moment of the kick-off is over
    late = await keep(fhir, "Patient", name=[{"text": "Sau"}])
    await fhir.put(f"Patient/{changed}", json={"resourceType": "Patient", "id": changed, "name": [{"text": "Sau"}]})
    await fhir.delete(f"Patient/{gone}")
    said = await manifest(fhir, address)
    lines = [json.loads(line) for line in (await fhir.get(here(said["output"][0]["url"]))).text.splitlines()]
    by_id = {one["id"]: one for one in lines}
    assert late not in by_id
    assert (by_id[changed]["name"][0]["text"], by_id[changed]["meta"]["versionId"]) == ("Trước", "1")
    assert gone in by_id
    following = await exported(fhir, f"$export?_type=Patient&_since={said['transactionTime']}")
    assert sorted(ids(following, "Patient")) == sorted([changed, late])


async def test_an_export_of_a_group_holds_its_members_only(program: Program, ward: Ward) -> None:
    fhir = await program("system/*.cruds", at=ward)
    one, two, other = [await keep(fhir, "Patient", name=[{"text": "Hà Thị Nhóm"}]) for _ in range(3)]
    pulses = [await measured(fhir, who) for who in (one, two, other)]
    members = [{"entity": {"reference": f"Patient/{id_}"}} for id_ in (one, two)]
    group = await keep(fhir, "Group", type="person", actual=True, member=members)
    found = await exported(fhir, f"Group/{group}/$export?_type=Patient,Observation")
    assert (sorted(ids(found, "Patient")), sorted(ids(found, "Observation"))) == (
        sorted([one, two]),
        sorted(pulses[:2]),
    )
    only = await exported(fhir, f"Group/{group}/$export?patient=Patient/{one},Patient/{other}")
    assert ids(only, "Patient") == [one]


async def test_an_export_of_patients_leaves_the_house_out(program: Program, ward: Ward) -> None:
    fhir = await program("system/*.cruds", at=ward)
    await keep(fhir, "Patient", name=[{"text": "Hà Thị Người"}])
    found = await exported(fhir, "Patient/$export")
    assert "Patient" in found
    assert not {"Organization", "Practitioner", "Location"} & set(found)


async def test_filters_choose_among_the_records_of_a_type(program: Program, ward: Ward) -> None:
    fhir = await program("system/*.cruds", at=ward)
    mine = await keep(fhir, "Patient", name=[{"text": "Hà Thị Lọc"}], gender="female")
    kept = await measured(fhir, mine)
    final = f"Observation?patient={mine}%26status=final"
    found = await exported(fhir, f"$export?_type=Observation&_typeFilter={final}&_typeFilter={final}")
    assert ids(found, "Observation") == [kept]
    none = await exported(fhir, f"$export?_type=Observation&_typeFilter=Observation?patient={mine}%26status=amended")
    assert none == {}


async def test_files_come_packed_to_who_takes_gzip(
    program: Program, ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "BATCH", 2)
    fhir = await program("system/*.cruds", at=ward)
    for _ in range(5):
        await keep(fhir, "Patient", name=[{"text": "Hà Thị Nén"}])
    file = here((await manifest(fhir, await started(fhir, "$export?_type=Patient")))["output"][0]["url"])
    plain = await fhir.get(file, headers={"Accept-Encoding": "identity"})
    async with fhir.stream("GET", file, headers={"Accept-Encoding": "gzip"}) as packed:
        assert packed.headers["Content-Encoding"] == "gzip"
        raw = b"".join([part async for part in packed.aiter_raw()])
    assert gzip.decompress(raw) == plain.content


async def test_an_export_is_its_askers_alone(program: Program, ward: Ward, other_hospital: House) -> None:
    fhir = await program("system/*.cruds", at=ward)
    await keep(fhir, "Organization", name="Khoa")
    address = await started(fhir, "$export?_type=Organization")
    said = await manifest(fhir, address)
    for stranger in (await program("system/*.cruds", at=ward), await program("system/*.cruds", at=other_hospital)):
        assert (await stranger.get(address)).status_code == 404
        assert (await stranger.get(here(said["output"][0]["url"]))).status_code == 404
        assert (await stranger.delete(address)).status_code == 404
    assert (await fhir.get(address)).status_code == 200


async def test_a_cancelled_export_is_gone(program: Program, ward: Ward) -> None:
    fhir = await program("system/*.cruds", at=ward)
    address = await started(fhir, "$export")
    assert (await fhir.delete(address)).status_code == 202
    assert (await fhir.get(address)).status_code == 404


async def test_exporting_is_a_right_of_its_own(program: Program, client: Callable[..., Any], ward: Ward) -> None:
    nobody = await client(None)
    assert (await nobody.get("/fhir/$export", headers=ASYNC)).status_code == 401
    reader = await program("system/Patient.rs", at=ward)
    assert (await reader.get("$export", headers=ASYNC)).status_code == 403
    exporter = await program("bulk/export system/Patient.rs", at=ward)
    assert (await exporter.get("$export?_type=Observation", headers=ASYNC)).status_code == 403
    assert set(await exported(exporter, "$export")) <= {"Patient"}


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("$export", {}), ("$export?_type=Khong", ASYNC), ("$export?_outputFormat=text/csv", ASYNC),
        ("$export?_since=hom-qua", ASYNC), ("$export?khac=1", ASYNC), ("Group/khong-co/$export", ASYNC),
        ("$export?_typeFilter=Observation?khong=1", ASYNC), ("$export?patient=Patient/x", ASYNC),
        ("$export?_typeFilter=Observation?_sort=date", ASYNC),
    ],
)  # fmt: skip
async def test_what_cannot_be_understood_is_refused_at_the_door(
    program: Program, ward: Ward, address: str, headers: dict[str, str]
) -> None:
    fhir = await program("system/*.rs", at=ward)
    assert (await fhir.get(address, headers=headers)).status_code in (400, 404)


async def test_too_many_exports_at_once_are_refused(program: Program, ward: Ward) -> None:
    fhir = await program("system/*.rs", at=ward)
    running = [await started(fhir, "$export?_type=Organization") for _ in range(jobs.AT_ONCE)]
    assert (await fhir.get("$export", headers=ASYNC)).status_code == 429
    for address in running:
        await fhir.delete(address)


async def test_workers_killed_at_any_moment_repeat_and_lose_nothing(
    database: Database, ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "BATCH", 3)
    who = service(Role.LOADER, ward.key, ward.name)
    async with database.transaction(ward.key) as tx:
        expected = [
            (await store.create(tx, who, r4.Location(name=f"Buồng {uuid4()}"))).id for _ in range(40)
        ]  # fmt: skip
    id_ = await _asked(database, who, "Location")
    seconds = 0.01
    async with asyncio.timeout(PATIENCE):
        while not await _is_done(database, who, id_):
            worker = asyncio.create_task(_worked(database))
            await asyncio.sleep(seconds := seconds * 1.2)  # also on a slow machine one of them ends a batch
            worker.cancel()
            with suppress(asyncio.CancelledError):
                await worker
    lines = await _lines(database, who, id_)
    found = [json.loads(line)["id"] for line in lines]
    assert len(found) == len(set(found))
    assert {*expected} <= {*found}


async def _asked(database: Database, who: Subject, name: str) -> str:
    async with database.transaction(who.facility) as tx:
        return await export.kick_off(tx, who, "test", export.Asked(level="system", types=(name,)))


async def _worked(database: Database) -> None:
    while True:
        await export.work(database)


async def _is_done(database: Database, who: Subject, id_: str) -> bool:
    async with database.transaction(who.facility) as tx:
        return (await jobs.job(tx, who, id_)).state == "done"


async def _lines(database: Database, who: Subject, id_: str) -> list[str]:
    async with database.transaction(who.facility) as tx:
        names = [one.name for one in await job_files.files(tx, id_)]
    facility = who.facility
    text = [piece for name in names async for piece in job_files.pieces(database, facility, id_, name, packed=False)]
    return b"".join(text).decode().splitlines()


async def test_an_expired_export_is_removed(database: Database, ward: Ward) -> None:
    who = service(Role.LOADER, ward.key, ward.name)
    id_ = await _asked(database, who, "Location")
    async with database.transaction(PLATFORM) as tx:
        await jobs.end(tx, id_, "done")
        await tx.execute("update bulk_job set expires = now() - interval '1 second' where id = $1", id_)
        assert await jobs.forget_expired(tx) >= 1
    async with database.transaction(PLATFORM) as tx:
        assert await tx.fetchval("select count(*) from bulk_job where id = $1", id_) == 0


async def test_every_export_leaves_who_asked_what_and_how_many(
    program: Program, database: Database, ward: Ward
) -> None:
    fhir = await program("system/*.cruds", at=ward)
    await keep(fhir, "Organization", name="Khoa")
    await exported(fhir, "$export?_type=Organization")
    async with database.transaction(ward.key) as tx:
        rows = await tx.fetch(
            "select account, detail from audit where facility = $1 and action in ('export', 'download')"
            " order by seq desc limit 3",
            ward.key,
        )
    assert [row["detail"].split()[0] for row in rows][:1] == ["Organization:"]
    assert any(row["detail"].endswith(" records") for row in rows)
    assert len({row["account"] for row in rows}) == 1
