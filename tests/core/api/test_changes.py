"""The change feed through its door: whole, bounded, and only what the program may hear of."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import msgspec
import pytest

from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.api import changes, streams
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir import r4
from benhan.core.store import feed
from benhan.simulator import House
from tests.core.api.programs import machine, token_of
from tests.core.store.people import person
from tests.settled import settled

Client = Callable[..., Awaitable[httpx.AsyncClient]]


async def events(stream: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """The changes of an event stream, each with its `id`."""
    last = ""
    async for line in stream.aiter_lines():
        if line.startswith("id: "):
            last = line.removeprefix("id: ")
        if line.startswith("event: end"):
            return
        if line.startswith("data: "):
            yield {**json.loads(line.removeprefix("data: ")), "id_of_event": last}


def changed(kept: r4.Patient, gender: str) -> r4.Patient:
    """The same record with something else in it: writing what is there already is no change."""
    return msgspec.structs.replace(kept, gender=gender)


async def here(fhir: httpx.AsyncClient) -> str:
    """The position of now."""
    answer = await fhir.get("_changes", params={"since": "now"})
    assert answer.status_code == 200, answer.text
    position: str = answer.json()["position"]
    return position


async def test_nobody_without_a_token_hears_anything(client: Client) -> None:
    assert (await (await client(None)).get("/fhir/_changes")).status_code == 401
    assert (await (await client("doctor")).get("/fhir/_changes")).status_code == 403


async def test_a_page_tells_what_changed_and_where_to_go_on(database: Database, loader: Subject, address: str) -> None:
    async with machine(address, await token_of(database, loader.facility, "system/*.rs")) as fhir:
        start = await here(fhir)
        async with database.transaction(loader.facility) as tx:
            kept = await store.create(tx, loader, person("Trang Một"))
        async with database.transaction(loader.facility) as tx:
            await store.update(tx, loader, changed(kept, "male"), if_match="1")
        await settled(database)
        page = (await fhir.get("_changes", params={"since": start, "_type": "Patient"})).json()
        mine = [one for one in page["changes"] if one["id"] == kept.id]
        assert [(one["type"], one["version"], one["action"]) for one in mine] == [
            ("Patient", "1", "create"), ("Patient", "2", "update"),
        ]  # fmt: skip
        assert set(mine[0]) == {"position", "type", "id", "version", "action", "at"}
        after_the_first = (await fhir.get("_changes", params={"since": mine[0]["position"]})).json()
        assert kept.id in [one["id"] for one in after_the_first["changes"]]
        behind = (await fhir.get("_changes", params={"since": page["position"]})).json()
        assert kept.id not in [one["id"] for one in behind["changes"]]


async def test_nothing_is_skipped_while_hundreds_of_transactions_interleave(
    database: Database, loader: Subject, address: str
) -> None:
    written: set[str | None] = set()
    seen: list[str] = []
    done = asyncio.Event()

    async def write(n: int) -> None:
        chance = random.Random(n)
        async with database.transaction(loader.facility) as tx:
            kept = await store.create(tx, loader, person("Qua Cửa"))
            await asyncio.sleep(chance.random() * 0.05)  # commits in another order than it wrote
        written.add(kept.id)

    async def follow(fhir: httpx.AsyncClient, since: str) -> None:
        while True:
            last_round = done.is_set()
            page = (await fhir.get("_changes", params={"since": since, "_type": "Patient", "_count": "7"})).json()
            since = page["position"]
            seen.extend(one["id"] for one in page["changes"])
            if not page["changes"] and last_round:
                return

    async with machine(address, await token_of(database, loader.facility, "system/Patient.r")) as fhir:
        reader = asyncio.create_task(follow(fhir, await here(fhir)))
        for start in range(0, 300, 15):
            await asyncio.gather(*(write(n) for n in range(start, start + 15)))
        await settled(database)
        done.set()
        await asyncio.wait_for(reader, 60)
    ours = [id_ for id_ in seen if id_ in written]
    assert set(ours) == written
    assert len(ours) == len(set(ours))


async def test_only_types_that_may_be_read_are_told(database: Database, loader: Subject, address: str) -> None:
    async with machine(address, await token_of(database, loader.facility, "system/Location.rs")) as fhir:
        start = await here(fhir)
        async with database.transaction(loader.facility) as tx:
            await store.create(tx, loader, person("Không Nghe"))
            room = await store.create(tx, loader, r4.Location(name="Phòng nghe được"))
        await settled(database)
        page = (await fhir.get("_changes", params={"since": start})).json()
        assert {one["type"] for one in page["changes"]} == {"Location"}
        assert room.id in [one["id"] for one in page["changes"]]
        assert (await fhir.get("_changes", params={"_type": "Patient"})).status_code == 403


async def test_another_hospital_hears_nothing_and_the_platform_hears_of_all(
    database: Database, loader: Subject, hospital: House, other_hospital: House, address: str
) -> None:
    theirs = await token_of(database, other_hospital.key, "system/*.r")
    platform = await token_of(database, 0, "system/Patient.r")
    async with machine(address, theirs) as other, machine(address, platform) as hub:
        starts = await here(other), await here(hub)
        async with database.transaction(loader.facility) as tx:
            kept = await store.create(tx, loader, person("Của Riêng"))
        await settled(database)
        heard = (await other.get("_changes", params={"since": starts[0]})).json()["changes"]
        assert kept.id not in [one["id"] for one in heard]
        told = (await hub.get("_changes", params={"since": starts[1]})).json()["changes"]
        assert [one["facility"] for one in told if one["id"] == kept.id] == [hospital.code]


async def test_reading_the_feed_leaves_a_trace(database: Database, loader: Subject, address: str) -> None:
    token = await token_of(database, loader.facility, "system/Patient.r", "máy để lại dấu")
    async with machine(address, token) as fhir:
        start = await here(fhir)
        async with database.transaction(loader.facility) as tx:
            await store.create(tx, loader, person("Có Dấu"))
        await settled(database)
        await fhir.get("_changes", params={"since": start})
    async with database.transaction(loader.facility) as tx:
        details = await tx.fetch(
            "select detail from audit where account = 'client:máy để lại dấu' and action = 'read-changes'"
        )
    assert any("Patient" in row["detail"] for row in details)


@pytest.mark.parametrize(
    "asked",
    [
        {"since": "hôm qua"},
        {"since": "AAAA"},
        {"_type": "Benhnhan"},
        {"_count": "0"},
        {"_count": "nhiều"},
        {"_sort": "x"},
        {"since": "_" * 22},
    ],
)
async def test_what_cannot_be_read_is_refused(
    database: Database, loader: Subject, address: str, asked: dict[str, str]
) -> None:
    async with machine(address, await token_of(database, loader.facility, "system/*.r")) as fhir:
        assert (await fhir.get("_changes", params=asked)).status_code == 400


async def test_a_stream_tells_as_it_happens_and_goes_on_from_the_last_event(
    database: Database, loader: Subject, address: str
) -> None:
    headers = {"Accept": "text/event-stream"}
    async with machine(address, await token_of(database, loader.facility, "system/Patient.r")) as fhir:

        async def create(name: str) -> str | None:
            async with database.transaction(loader.facility) as tx:
                return (await store.create(tx, loader, person(name))).id

        async with fhir.stream("GET", "_changes", params={"since": "now"}, headers=headers) as stream:
            told = events(stream)
            first = await create("Luồng Một")
            event = await anext(told)
            while event["id"] != first:
                event = await anext(told)
        second = await create("Luồng Hai")
        again = {**headers, "Last-Event-ID": event["id_of_event"]}
        async with fhir.stream("GET", "_changes", headers=again) as stream:
            seen = []
            async for event in events(stream):
                seen.append(event["id"])
                if event["id"] == second:
                    break
        assert first not in seen


async def test_a_quiet_stream_breathes(
    database: Database, loader: Subject, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "HEARTBEAT_SECONDS", 0.05)
    async with machine(address, await token_of(database, loader.facility, "system/Basic.r")) as fhir:
        params = {"since": "now", "_type": "Basic"}
        async with fhir.stream("GET", "_changes", params=params, headers={"Accept": "text/event-stream"}) as stream:
            lines = stream.aiter_lines()
            breath = await anext(line async for line in lines if line.startswith(":"))  # a stream that ends has none
    assert breath.strip() == ":"


async def test_a_stream_ends_with_the_right_to_it(
    database: Database, loader: Subject, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "RECHECK_SECONDS", 0.1)
    token = await token_of(database, loader.facility, "system/Patient.r", "máy mất quyền")
    async with machine(address, token) as fhir:
        headers = {"Accept": "text/event-stream"}
        async with fhir.stream("GET", "_changes", params={"since": "now"}, headers=headers) as stream:
            async with database.transaction(loader.facility) as tx:
                await tx.execute("update client set revoked = now() where name = 'máy mất quyền'")
            async with asyncio.timeout(20):
                lines = [line async for line in stream.aiter_lines()]
    assert "event: end" in lines


async def test_an_account_holds_a_bounded_number_of_streams(
    database: Database, loader: Subject, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST_STREAMS", 1)
    headers = {"Accept": "text/event-stream"}
    async with machine(address, await token_of(database, loader.facility, "system/Patient.r")) as fhir:
        async with fhir.stream("GET", "_changes", params={"since": "now"}, headers=headers) as first:
            assert first.status_code == 200
            assert (await fhir.get("_changes", headers=headers)).status_code == 429
        async with asyncio.timeout(20):
            while True:  # the place is free again once the server has noticed
                async with fhir.stream("GET", "_changes", params={"since": "now"}, headers=headers) as again:
                    if again.status_code == 200:
                        break


async def test_a_reader_that_takes_nothing_is_cut_off(
    database: Database, loader: Subject, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "SLOW_SECONDS", 0.2)
    token = await token_of(database, loader.facility, "system/*.r", "máy chậm")
    host, _, port = address.removeprefix("http://").partition(":")
    with socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        lazy.setblocking(False)
        await asyncio.get_running_loop().sock_connect(lazy, (host, int(port)))
        asked = f"GET /fhir/_changes?_count=1000 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        await asyncio.get_running_loop().sock_sendall(lazy, f"{asked}Accept: text/event-stream\r\n\r\n".encode())
        key = (loader.facility, "client:máy chậm")
        async with asyncio.timeout(20):
            await _until(lambda: streams._open[key] == 1)
            monkeypatch.setattr(changes, "_batch", _plenty)
            await _until(lambda: not streams._open[key])
        assert key not in streams._open


async def _until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0.01)


async def _plenty(database: Database, who: Subject, asked: changes.Asked) -> tuple[feed.Page, str]:
    return feed.Page([], asked.after, True), ": " + "x" * 100_000 + "\n\n"


async def test_versions_of_a_record_are_told_in_their_order(database: Database, hospital: House) -> None:
    """A transaction that began first writes last: the feed has the later version before the earlier one."""
    who = service(Role.LOADER, hospital.key)
    async with database.transaction(hospital.key) as tx:
        kept = await store.create(tx, who, person("Đảo Thứ Tự"))
    await settled(database)
    async with database.transaction(PLATFORM) as tx:
        start = await feed.end(tx)
    async with database.transaction(hospital.key) as early:
        await store.create(early, who, person("Bắt Đầu Trước"))
        async with database.transaction(hospital.key) as late:
            await store.update(late, who, changed(kept, "male"), if_match="1")
        await store.update(early, who, changed(kept, "other"), if_match="2")
    await settled(database)
    async with database.transaction(PLATFORM) as tx:
        plain = [one.version for one in await feed.changes(tx, start, 100) if one.id == kept.id]
        assert plain == [3, 2]
        told: list[int] = []
        position, behind = start, None
        while position != behind:
            behind = position
            found, position = await feed.in_version_order(tx, position, 2)
            told += [one.version for one in found if one.id == kept.id]
    assert list(dict.fromkeys(told)) == [2, 3]
