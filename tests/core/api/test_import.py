"""Bulk import, as another hospital's software meets it."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.applications import Starlette

from benhan.core.access import Role, service
from benhan.core.db import Database
from benhan.core.store import importing, jobs
from benhan.simulator import House

Program = Callable[..., Awaitable[httpx.AsyncClient]]
NDJSON = {"Content-Type": "application/fhir+ndjson"}
PATIENCE = 30.0


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting processes takes a second; that they do the same work is one test's business."""
    monkeypatch.setattr(importing, "helpers", lambda: 0)


def person(id_: str, name: str = "Mùa Thị Nạp", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id_, "name": [{"text": name}], **more}


def pulse(id_: str, who: str) -> dict[str, Any]:
    subject = {"reference": f"Patient/{who}"}
    return {"resourceType": "Observation", "id": id_, "status": "final", "code": {"text": "x"}, "subject": subject}


def lines(*records: dict[str, Any] | str) -> bytes:
    return "\n".join(one if isinstance(one, str) else json.dumps(one) for one in records).encode()


def fresh(count: int) -> list[str]:
    mark = uuid4().hex[:12]
    return [f"nap-{mark}-{n}" for n in range(count)]


async def imported(fhir: httpx.AsyncClient, body: bytes, **headers: str) -> dict[str, Any]:
    answer = await fhir.post("$import", content=body, headers={**NDJSON, **headers})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def refused(fhir: httpx.AsyncClient, said: dict[str, Any]) -> list[dict[str, Any]]:
    """The issues of every refused line."""
    files = [(await fhir.get(one["url"].partition("/fhir/")[2])).text for one in said["error"]]
    return [json.loads(line)["issue"][0] for text in files for line in text.splitlines()]


async def test_lines_come_in_are_found_and_sent_again_change_nothing(program: Program) -> None:
    fhir = await program("system/*.cruds")
    who, seen = fresh(2)
    body = lines(person(who), "", pulse(seen, who))
    assert (await imported(fhir, body))["extension"] == {"created": 2, "updated": 0, "unchanged": 0, "rejected": 0}
    found = (await fhir.get(f"Observation?patient={who}")).json()
    assert [one["resource"]["id"] for one in found["entry"]] == [seen]
    assert (await imported(fhir, body))["extension"]["unchanged"] == 2
    assert (await fhir.get(f"Patient/{who}")).json()["meta"]["versionId"] == "1"
    changed = await imported(fhir, lines(person(who, "Tên khác")))
    assert changed["extension"]["updated"] == 1
    history = (await fhir.get(f"Patient/{who}/_history")).json()
    assert len(history["entry"]) == 2


async def test_what_comes_in_stands_in_history_and_feed_like_any_write(
    program: Program, database: Database, hospital: House
) -> None:
    who, seen = fresh(2)
    await imported(await program("system/*.cruds"), lines(person(who), pulse(seen, who)))
    async with database.transaction(hospital.key) as tx:
        told = await tx.fetch(
            "select id, version, action, patient from feed where facility = $1 and id = any($2) order by seq",
            hospital.key, [who, seen],
        )  # fmt: skip
        kept = await tx.fetchval(
            "select count(*) from history h join resource r using (facility, type, id, version)"
            " where r.facility = $1 and r.id = any($2) and h.body = r.body",
            hospital.key, [who, seen],
        )  # fmt: skip
    assert [tuple(row) for row in told] == [(who, 1, b"c", who), (seen, 1, b"c", who)]
    assert kept == 2


async def test_every_bad_line_is_told_with_its_number_and_the_others_come_in(program: Program) -> None:
    fhir = await program("system/*.cruds")
    good, bad, last = fresh(3)
    body = lines(person(good), "{", person(bad, gender="khong-co"), person(last, birthDate="2020-02-31"), person(last))
    said = await imported(fhir, body)
    assert (said["output"][0]["count"], said["error"][0]["count"]) == (2, 3)
    told = await refused(fhir, said)
    assert [one["location"][0].rpartition(":")[2] for one in told] == ["2", "3", "4"]
    assert told[1]["expression"] == ["Patient.gender"]
    assert told[1]["location"][1] == f"Patient/{bad}"
    assert (await fhir.get(f"Patient/{last}")).status_code == 200
    assert (await fhir.get(f"Patient/{bad}")).status_code == 404


async def test_a_packed_body_is_unpacked_and_a_broken_one_refused(program: Program) -> None:
    fhir = await program("system/*.cruds")
    ids = fresh(4)
    packed = gzip.compress(lines(*map(person, ids[:2])) + b"\n") + gzip.compress(lines(*map(person, ids[2:])))
    assert (await imported(fhir, packed, **{"Content-Encoding": "gzip"}))["output"][0]["count"] == 4
    for broken in (packed[:-9], b"not gzip"):
        answer = await fhir.post("$import", content=broken, headers={**NDJSON, "Content-Encoding": "gzip"})
        assert answer.status_code == 400


async def test_importing_is_a_right_of_its_own_and_every_type_is_asked(
    program: Program, client: Callable[..., Any]
) -> None:
    nobody = await client(None)
    assert (await nobody.post("/fhir/$import", content=b"", headers=NDJSON)).status_code == 401
    assert (await (await program("system/*.rs")).post("$import", content=b"", headers=NDJSON)).status_code == 403
    who, seen = fresh(2)
    narrow = await program("bulk/import system/Patient.crus")
    said = await imported(narrow, lines(person(who), pulse(seen, who)))
    assert said["output"][0]["count"] == 1
    assert [one["code"] for one in await refused(narrow, said)] == ["forbidden"]


async def test_other_hospitals_records_stay_untouched(program: Program, other_hospital: House) -> None:
    (who,) = fresh(1)
    ours, theirs = await program("system/*.cruds"), await program("system/*.cruds", at=other_hospital)
    await imported(ours, lines(person(who, "Của ta")))
    assert (await imported(theirs, lines(person(who, "Của họ"))))["extension"]["created"] == 1
    assert (await ours.get(f"Patient/{who}")).json()["name"][0]["text"] == "Của ta"


class Shelf(BaseHTTPRequestHandler):
    """A source of NDJSON; breaks off once after `breaks` bytes, and knows ranges."""

    content: bytes = b""
    breaks: int | None = None
    asked: list[str | None]

    def do_GET(self) -> None:
        said = self.headers.get("Range")
        self.asked.append(said)
        start = int(said.removeprefix("bytes=").rstrip("-")) if said else 0
        body = self.content[start:]
        self.send_response(206 if said else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if type(self).breaks is not None:
            body, type(self).breaks = body[: type(self).breaks], None
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def shelf(content: bytes, breaks: int | None = None) -> Iterator[tuple[str, list[str | None]]]:
    """An address that gives this content."""
    asked: list[str | None] = []
    handler = type("One", (Shelf,), {"content": content, "breaks": breaks, "asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", asked
    finally:
        server.shutdown()
        server.server_close()


def parameters(*urls: str) -> dict[str, Any]:
    inputs = [{"name": "input", "part": [{"name": "url", "valueUri": url}]} for url in urls]
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": "inputFormat", "valueCode": NDJSON["Content-Type"]}, *inputs],
    }


async def test_the_server_fetches_by_itself_and_goes_on_where_a_source_broke_off(
    app: Starlette, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 2)
    fhir, ids = await program("system/*.cruds"), fresh(9)
    content = lines(*map(person, ids), "{")
    with shelf(content, breaks=len(content) // 2) as (address, asked):
        monkeypatch.setattr(app.state.settings, "import_sources", address)
        answer = await fhir.post("$import", json=parameters(f"{address}a.ndjson"), headers={"Prefer": "respond-async"})
        assert answer.status_code == 202, answer.text
        place = answer.headers["Content-Location"].partition("/fhir/")[2]
        async with asyncio.timeout(PATIENCE):
            while (status := await fhir.get(place)).status_code == 202:  # noqa: ASYNC110 - over HTTP
                await asyncio.sleep(0.1)
    said = status.json()
    assert (said["output"], [one["count"] for one in said["error"]]) == ([{"count": 9}], [1])
    assert (asked[0], len(asked)) == (None, 2)
    assert asked[1] is not None
    assert [one["location"][0].rpartition(":")[2] for one in await refused(fhir, said)] == ["10"]


async def test_only_sources_that_the_administrator_named_are_fetched(program: Program) -> None:
    fhir = await program("system/*.cruds")
    for url in ("http://127.0.0.1:1/x", "https://example.org/a.ndjson", "file:///etc/passwd"):
        answer = await fhir.post("$import", json=parameters(url), headers={"Prefer": "respond-async"})
        assert answer.status_code in (400, 403)
    assert (await fhir.post("$import", json=parameters("http://x/"))).status_code == 400


async def test_an_import_killed_at_any_moment_repeats_and_loses_nothing(
    database: Database, hospital: House, monkeypatch: pytest.MonkeyPatch, app: Starlette
) -> None:
    monkeypatch.setattr(importing, "BATCH", 3)
    who = service(Role.LOADER, hospital.key, hospital.name)
    ids = fresh(60)
    with shelf(lines(*map(person, ids))) as (address, _asked):
        async with database.transaction(hospital.key) as tx:
            id_ = await importing.kick_off(tx, who, "test", [address])
        seconds = 0.02
        async with asyncio.timeout(PATIENCE):
            while not await _is_done(database, who.facility, id_):
                worker = asyncio.create_task(importing.work(database))
                # Also on a slow machine one of them ends a batch.
                await asyncio.wait({worker}, timeout=(seconds := seconds * 1.2))
                worker.cancel()
                with suppress(asyncio.CancelledError):
                    await worker
    async with database.transaction(hospital.key) as tx:
        done = await jobs.progress(tx, id_)
        versions = await tx.fetchval(
            "select count(*) from history where facility = $1 and id = any($2)", hospital.key, ids
        )
    assert (done.seen, done.count, versions) == (60, 60, 60)


async def _is_done(database: Database, facility: int, id_: str) -> bool:
    async with database.transaction(facility) as tx:
        return bool(await tx.fetchval("select state = 'done' from bulk_job where id = $1", id_))


async def test_other_processes_prepare_the_same(
    database: Database, hospital: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "helpers", lambda: 1)
    who, ids = service(Role.LOADER, hospital.key, hospital.name), fresh(3)

    async def body() -> AsyncIterator[bytes]:
        yield lines(*map(person, ids), '{"resourceType": "Patient", "x": 1}')

    _id, tally = await importing.upload(database, who, "test", body())
    assert (tally.created, tally.rejected) == (3, 1)
