"""Subscriptions over HTTP and websocket, with the whole application running."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
import websockets

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.api import sockets
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.store.subscriptions import topics
from benhan.simulator import House
from tests.core.api.programs import machine, token_of
from tests.core.store.people import person
from tests.core.store.subscriptions.hooks import until
from tests.standins.hook_receiver import Receiver

Client = Callable[..., Awaitable[httpx.AsyncClient]]
PATIENTS = f"{topics.BASE}/patient-change"
CONTENT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content"


def subscription(criteria: str, **channel: Any) -> dict[str, Any]:
    """A Subscription as a program sends it."""
    given = {"type": "rest-hook", "payload": "application/fhir+json", **channel}
    if "content" in given:
        given["_payload"] = {"extension": [{"url": CONTENT, "valueCode": given.pop("content")}]}
    return {
        "resourceType": "Subscription", "status": "requested", "reason": "thử", "criteria": criteria, "channel": given,
    }  # fmt: skip


async def active(fhir: httpx.AsyncClient, id_: str) -> None:
    """Wait until the server says so."""
    async with asyncio.timeout(20):
        while (await fhir.get(f"Subscription/{id_}")).json()["status"] != "active":  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def create(database: Database, who: Subject, name: str) -> r4.Patient:
    """Somebody new."""
    async with database.transaction(who.facility) as tx:
        return await store.create(tx, who, person(name))


async def test_only_programs_with_the_scope_subscribe(
    client: Client, database: Database, loader: Subject, address: str, hook: str
) -> None:
    body = subscription("Patient?name=a", endpoint=hook)
    nobody = await client(None)
    assert (await nobody.post("/fhir/Subscription", json=body)).status_code == 401
    assert (await nobody.get("/fhir/Subscription/x/$status")).status_code == 401
    assert (await (await client("doctor")).get("/fhir/Subscription/$topic-list")).status_code == 403
    token = await token_of(database, loader.facility, "system/Patient.rs system/Subscription.r")
    async with machine(address, token) as fhir:
        assert (await fhir.post("Subscription", json=body)).status_code == 403
    token = await token_of(database, loader.facility, "system/Location.rs system/Subscription.cruds")
    async with machine(address, token) as fhir:
        assert (await fhir.post("Subscription", json=body)).status_code == 403


async def test_a_subscription_comes_to_life_and_tells(
    database: Database, loader: Subject, address: str, hook: str, receiver: Receiver
) -> None:
    async with machine(address, await token_of(database, loader.facility, "system/*.cruds")) as fhir:
        made = await fhir.post("Subscription", json=subscription("Patient?name=Sống", endpoint=f"{hook}/live"))
        assert (made.status_code, made.json()["status"]) == (201, "requested")
        id_ = made.json()["id"]
        await active(fhir, id_)
        kept = await create(database, loader, "Sống Động")
        await until(lambda: bool(receiver.of_path("/live")), 40)
        assert receiver.of_path("/live")[0].path == f"/live/Patient/{kept.id}"
        assert (await fhir.delete(f"Subscription/{id_}")).status_code == 204


async def test_status_and_events_can_be_asked(
    database: Database, loader: Subject, other_hospital: House, address: str, hook: str, receiver: Receiver
) -> None:
    async with machine(address, await token_of(database, loader.facility, "system/*.cruds")) as fhir:
        body = subscription(PATIENTS, endpoint=f"{hook}/asked", content="id-only")
        id_ = (await fhir.post("Subscription", json=body)).json()["id"]
        await active(fhir, id_)
        kept = await create(database, loader, "Hỏi Lại")
        await until(lambda: any(str(kept.id) in one.body.decode() for one in receiver.of_path("/asked")), 40)
        said = (await fhir.get(f"Subscription/{id_}/$status")).json()["entry"][0]["resource"]["parameter"]
        values = {one["name"]: next(v for k, v in one.items() if k.startswith("value")) for one in said}
        assert (values["status"], values["type"], values["topic"]) == ("active", "query-status", PATIENTS)
        assert int(values["events-since-subscription-start"]) >= 1
        answer = (await fhir.get(f"Subscription/{id_}/$events", params={"content": "full-resource"})).json()
        assert kept.id in [entry["resource"].get("id") for entry in answer["entry"][1:]]
        last = values["events-since-subscription-start"]
        later = await fhir.get(f"Subscription/{id_}/$events", params={"eventsSinceNumber": str(int(last) + 1000)})
        assert len(later.json()["entry"]) == 1
        assert (await fhir.get(f"Subscription/{id_}/$events", params={"content": "x"})).status_code == 422
        assert (await fhir.get("Subscription/khong-co/$status")).status_code == 404
        assert (await fhir.get("Subscription/$status", params={"id": "\x00"})).json().get("total") == 0
        assert (await fhir.get("Subscription/$status", params={"status": "\x00"})).status_code < 500
        blind = await token_of(database, loader.facility, "system/Subscription.rs")
        async with machine(address, blind) as other:
            assert (await other.get(f"Subscription/{id_}/$events")).status_code == 403
        theirs = await token_of(database, other_hospital.key, "system/*.cruds")
        async with machine(address, theirs) as other:
            assert (await other.get(f"Subscription/{id_}/$status")).status_code == 404
            assert (await other.get(f"Subscription/{id_}/$events")).status_code == 404
        await fhir.delete(f"Subscription/{id_}")


async def test_topics_are_listed(database: Database, loader: Subject, address: str) -> None:
    async with machine(address, await token_of(database, loader.facility, "system/*.r")) as fhir:
        listed = (await fhir.get("Subscription/$topic-list")).json()
        assert {entry["resource"]["resourceType"] for entry in listed["entry"]} == {"Basic"}
        assert len(listed["entry"]) == len(topics.OFFERED)


async def _listening(fhir: httpx.AsyncClient) -> tuple[str, str]:
    """A subscription over websocket, and a token for it."""
    body = subscription(PATIENTS, type="websocket", content="id-only")
    id_: str = (await fhir.post("Subscription", json=body)).json()["id"]
    said = (await fhir.get(f"Subscription/{id_}/$get-ws-binding-token")).json()["parameter"]
    values = {one["name"]: next(v for k, v in one.items() if k.startswith("value")) for one in said}
    assert values["subscription"] == id_
    assert values["websocket-url"].startswith("ws")
    return id_, str(values["token"])


async def test_a_websocket_hears_what_happened_before_and_what_happens(
    database: Database, loader: Subject, address: str
) -> None:
    url = address.replace("http", "ws") + "/fhir/_socket"
    async with machine(address, await token_of(database, loader.facility, "system/*.cruds")) as fhir:
        id_, token = await _listening(fhir)
        before = await create(database, loader, "Trước Khi Nghe")
        async with websockets.connect(url) as socket, asyncio.timeout(60):
            await socket.send(f"bind-with-token: {token}")
            shake = json.loads(await socket.recv())
            assert {"name": "type", "valueCode": "handshake"} in shake["entry"][0]["resource"]["parameter"]
            await _hear(socket, before.id)
            after = await create(database, loader, "Đang Nghe")
            await _hear(socket, after.id)
        await fhir.delete(f"Subscription/{id_}")


async def _hear(socket: websockets.ClientConnection, id_: str | None) -> None:
    while True:
        told = json.loads(await socket.recv())
        if any(entry["fullUrl"].endswith(f"/Patient/{id_}") for entry in told["entry"][1:]):
            return


async def test_a_websocket_without_a_token_hears_nothing(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "BIND_SECONDS", 0.2)
    url = address.replace("http", "ws") + "/fhir/_socket"
    for said in ("bind-with-token: khong-phai", "ping", None):
        async with websockets.connect(url) as socket, asyncio.timeout(20):
            with pytest.raises(websockets.ConnectionClosed):
                if said:
                    await socket.send(said)
                await socket.recv()


async def test_a_websocket_ends_with_the_right_to_it(database: Database, loader: Subject, address: str) -> None:
    url = address.replace("http", "ws") + "/fhir/_socket"
    bearer = await token_of(database, loader.facility, "system/*.cruds", "máy websocket mất quyền")
    async with machine(address, bearer) as fhir:
        _id, token = await _listening(fhir)
        async with websockets.connect(url) as socket, asyncio.timeout(60):
            await socket.send(f"bind-with-token: {token}")
            await socket.recv()
            async with database.transaction(loader.facility) as tx:
                await tx.execute("update client set revoked = now() where name = 'máy websocket mất quyền'")
            with pytest.raises(websockets.ConnectionClosed):
                while True:
                    await socket.recv()


async def test_somebody_elses_subscription_gives_no_token(database: Database, loader: Subject, address: str) -> None:
    async with machine(address, await token_of(database, loader.facility, "system/*.cruds")) as fhir:
        id_, _token = await _listening(fhir)
        async with machine(address, await token_of(database, loader.facility, "system/*.cruds")) as other:
            assert (await other.get(f"Subscription/{id_}/$get-ws-binding-token")).status_code == 403
        await fhir.delete(f"Subscription/{id_}")
