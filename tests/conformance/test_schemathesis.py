"""Schemathesis plays our OpenAPI description against a live server, as whoever may come: whatever it sends, no answer
is a server error, and none holds a word of another hospital."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.access.accounts import open_session
from benhan.core.access.doors import COOKIE
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.simulator import House
from tests.browser import serve
from tests.core.api import smart_kit as kit
from tests.core.api.programs import token_of

#: Stands in every text of the other hospital's records, and nowhere else.
CANARY = "chimhoangyen7"
#: Ids that come to mind, also to a machine.
IDS = ("0", "1", "a", "A", "00", "-", "0.0")
#: Who may everything tries for so many seconds; the others a few times at each address, every one the same.
LONG, FEW = ("--max-time", "25"), ("--max-examples", "2")
OTHERS = ("little program", "program for a doctor", "patient", "nobody")
#: How somebody is known.
KNOWN_BY = (b"authorization", b"cookie")

Client = Callable[..., Awaitable[httpx.AsyncClient]]


class Overheard:
    """An application whose every answer is listened to; packed ones are asked for unpacked.

    What is asked is asked again by each of `others` (name → header, None for nobody): to think of it is the dear part.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self.others: dict[str, str | None] = {}
        self.answers: Counter[str] = Counter()
        self.told: set[str] = set()
        self.broke: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass on what is asked and said."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        unpacked = {**scope, "headers": [one for one in scope["headers"] if one[0] != b"accept-encoding"]}
        if self.others:
            sent = [message := await receive()]
            while message.get("more_body"):
                sent.append(message := await receive())
            for name, header in self.others.items():
                await self._again(unpacked, sent, name, header)
            receive = _before(sent, receive)
        await self._heard("who came", unpacked, receive, send)

    async def _again(self, scope: Any, sent: list[Any], name: str, header: str | None) -> None:
        """The same from somebody else; her answer is heard, and goes nowhere."""

        async def over() -> Any:
            return {"type": "http.disconnect"}

        async def nowhere(message: Any) -> None:
            if message.get("status", 0) >= 500:
                self.broke.append(f"{name}: {scope['method']} {scope['path']}?{scope['query_string'].decode()}")

        key, _colon, value = (header or "").partition(": ")
        known = [(key.lower().encode(), value.encode())] if header else []
        hers = {**scope, "headers": [one for one in scope["headers"] if one[0] not in KNOWN_BY] + known}
        await self._heard(name, hers, _before(sent, over), nowhere)

    async def _heard(self, name: str, scope: Any, receive: Any, send: Any) -> None:
        heard = b""

        async def listen(message: Any) -> None:
            nonlocal heard
            for _name, value in message.get("headers", ()):
                heard += value
            heard += message.get("body", b"")
            if CANARY.encode() in heard:
                self.told.add(f"{name}: {scope['method']} {scope['path']}?{scope['query_string'].decode()}")
            heard = heard[1 - len(CANARY) :]
            self.answers[name] += message["type"] == "http.response.start"
            await send(message)

        await self._app(dict(scope), receive, listen)


def _before(sent: list[Any], receive: Any) -> Any:
    """What was received already, and then what comes."""
    left = iter(sent)

    async def again() -> Any:
        return next(left, None) or await receive()

    return again


@pytest_asyncio.fixture(scope="module")
async def overheard(app: Starlette, database: Database, other_hospital: House) -> AsyncIterator[tuple[Overheard, str]]:
    """The application on a port of its own, and a hospital beside whose every record would be recognised."""
    async with database.transaction(other_hospital.key) as tx:
        await store.load(tx, other_hospital.loader, [one for id_ in IDS for one in _records(id_)])
    listening = Overheard(app)
    async with serve(listening) as address:
        yield listening, address


def _records(id_: str) -> list[r4.Resource]:
    patient, word = r4.Reference(reference=f"Patient/{id_}"), r4.CodeableConcept(text=CANARY)
    return [
        r4.Patient(id=id_, name=[r4.HumanName(text=CANARY, family=CANARY)]),
        r4.Observation(id=id_, status="final", code=word, subject=patient, valueString=CANARY),
        r4.Condition(id=id_, subject=patient, code=word),
        r4.Encounter(id=id_, status="finished", class_=r4.Coding(code="AMB", display=CANARY), subject=patient),
        r4.ServiceRequest(id=id_, status="active", intent="order", subject=patient, code=word),
        r4.Practitioner(id=id_, name=[r4.HumanName(text=CANARY)]),
        r4.Organization(id=id_, name=CANARY), r4.Location(id=id_, name=CANARY),
        r4.Basic(id=id_, code=word, subject=patient),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("who", "others", "much"), [("program", (), LONG), ("doctor", OTHERS, FEW)], ids=["program", "all"]
)
async def test_nothing_that_is_sent_breaks_the_server_or_tells_of_another_hospital(
    overheard: tuple[Overheard, str], database: Database, hospital: House, client: Client,
    subject: Callable[..., Subject], who: str, others: tuple[str, ...], much: tuple[str, ...], tmp_path: Path,
) -> None:  # fmt: skip
    listening, address = overheard
    listening.answers.clear()
    header = await _header(who, database, hospital, client, subject)
    listening.others = {one: await _header(one, database, hospital, client, subject) for one in others}
    ran = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "run",
        f"{address}/fhir/openapi.json", "--url", address, "--header", str(header),
        "--checks", "not_a_server_error", "--phases", "fuzzing", *much, "--no-shrink",
        "--generation-deterministic", "--seed", "3", "--suppress-health-check", "all", "--no-color",
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    told, _nothing = await ran.communicate()
    listening.others = {}
    assert ran.returncode == 0, told.decode()[-6000:]
    assert "fuzzing" in told.decode().lower(), told.decode()[-3000:]
    assert listening.answers["who came"] > 100
    assert {listening.answers[one] for one in others} <= {listening.answers["who came"]}
    assert not listening.broke
    assert not listening.told


async def test_a_word_of_the_other_hospital_would_be_noticed(
    overheard: tuple[Overheard, str], database: Database, other_hospital: House
) -> None:
    """Its own program finds it by the ids that the machine tries."""
    listening, address = overheard
    token = await token_of(database, other_hospital.key, "system/*.r")
    async with httpx.AsyncClient(headers=kit.bearer(token)) as web:
        for id_ in IDS:
            assert CANARY in (await web.get(f"{address}/fhir/Observation/{id_}")).text
    assert len(listening.told) == len(IDS)
    listening.told.clear()


async def _header(
    who: str, database: Database, hospital: House, client: Client, subject: Callable[..., Subject]
) -> str | None:
    """How she is known."""
    match who:
        case "nobody":
            return None
        case "program":
            return f"Authorization: Bearer {await token_of(database, hospital.key, 'system/*.cruds')}"
        case "little program":
            scopes = "system/Observation.rs system/Location.s"
            return f"Authorization: Bearer {await token_of(database, hospital.key, scopes)}"
        case "program for a doctor":
            doctor, web = await client("doctor"), await client(None)
            program = await kit.registered(database, subject("administrator"), "key", "user/*.rs")
            code = (await kit.allowed(doctor, program))["code"]
            answer = await web.post("/oauth/token", data=kit.for_code(program, code))
            return f"Authorization: Bearer {answer.json()['access_token']}"
    async with database.transaction(hospital.key) as tx:
        if who == "doctor":
            token = await open_session(tx, hospital.key, account=subject("doctor").account, hours=1)
        else:
            patient = await store.create(tx, hospital.loader, r4.Patient(name=[r4.HumanName(text="Người bệnh")]))
            token = await open_session(tx, hospital.key, patient=patient.id, hours=1)
    return f"Cookie: {COOKIE}={token}"
