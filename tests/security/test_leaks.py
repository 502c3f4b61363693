"""Nobody hears what is not hers: random questions of everybody, and no mark ever where it does not belong.

2,000 questions in every run, 20,000 in CI (`.ci/run`); as many as you like, and other ones:
`BENHAN_QUESTIONS=300000 BENHAN_SEED=7 pytest -n 0 tests/security/test_leaks.py`. Every byte of every answer is looked
at: bodies, headers, error texts, the text of PDFs, what lies in spreadsheets, the files of an export.
"""

from __future__ import annotations

import asyncio
import io
import os
import zipfile
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pypdf
import pytest
import pytest_asyncio
import websockets
from starlette.applications import Starlette

from benhan.app import create_app
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Conflict
from benhan.core.language import APP
from benhan.core.store import feed, write
from benhan.core.store.read import read
from benhan.core.store.records import NUMBERS
from benhan.settings import Settings
from benhan.simulator import House
from tests.asking import Answer, as_app, ask
from tests.browser import serve
from tests.core.api.programs import machine, token_of
from tests.core.api.test_subscriptions import PATIENTS, subscription
from tests.security import world as four
from tests.security.askers import Asker, askers
from tests.security.conftest import Dsn, Platform
from tests.security.marks import ID, Mark, found
from tests.security.questions import Question, Questions
from tests.security.world import World
from tests.settled import settled

QUESTIONS = int(os.environ.get("BENHAN_QUESTIONS", "2000"))
SEED = int(os.environ.get("BENHAN_SEED", "20261122"))
#: Asked at once: Python reads one answer while PostgreSQL works at the next. Order and content do not depend on it.
AT_ONCE = 6
#: Addresses that show the audit.
AUDIT = ("/fhir/AuditEvent", "/quan-tri/nhat-ky")


@pytest_asyncio.fixture(scope="module")
async def platform(fresh_platform: Platform) -> AsyncIterator[Dsn]:
    """A database of its own."""
    async with fresh_platform("leaks") as dsn:
        yield dsn


@pytest_asyncio.fixture(scope="module")
async def store(platform: Dsn) -> AsyncIterator[Database]:
    """The record store of the four hospitals."""
    made = await Database.connect(platform("benhan_app"), size=24)
    yield made
    await made.close()


@pytest_asyncio.fixture(scope="module")
async def world(store: Database, platform: Dsn, official_examples: list[Path]) -> World:
    """The four hospitals and their records."""
    return await four.build(store, platform, official_examples)


@pytest_asyncio.fixture(scope="module")
async def app(store: Database, world: World) -> AsyncIterator[Starlette]:
    """The whole application."""
    made = create_app(Settings(mode="demo", secure_cookies=False), store)
    async with made.router.lifespan_context(made):
        yield made


@pytest_asyncio.fixture(scope="module")
async def everybody(store: Database, world: World) -> list[Asker]:
    """Whoever asks."""
    return await askers(store, world)


@pytest_asyncio.fixture(scope="module")
async def since(app: Starlette, store: Database, world: World) -> str:
    """A position in the feed; behind it every hospital changed what it alone has, and the live screens know of it."""
    here: str = app.state.live.here
    for letter, house in world.houses.items():
        for name, id_ in world.own[letter]:
            with suppress(Conflict):  # what is signed stays as it is
                await _changed(store, house, codec.resource_type(name), id_)
    await settled(store)
    async with store.transaction(PLATFORM) as tx:
        last = (await feed.changes(tx, feed.position_of(here)))[-1].position
    async with asyncio.timeout(60):
        while feed.position_of(app.state.live.here) < last:  # noqa: ASYNC110 - the hub has no event for a position
            await asyncio.sleep(0.05)
    return here


async def _changed(store: Database, house: House, type_: type[r4.Resource], id_: str) -> None:
    async with store.transaction(house.key) as tx:
        one = msgspec.structs.replace(await read(tx, house.loader, type_, id_), language="vi")
        await write.update(tx, house.loader, one, if_match=None)


def leaks(who: Asker, asked: Question, answer: Answer, world: World, known: set[Mark]) -> list[str]:
    """Marks in an answer that do not belong there. What stood in the question is no news, nor what is `known`."""
    headers = [value for _name, value in answer.headers]
    heard = found(*readable(answer.body), *headers) - found(asked.address.encode(), asked.body) - known
    path, house = asked.address.partition("?")[0], _asked_about(asked.address, world)
    wrong = [mark for mark in heard if not who.may_hear(mark, path, house)]
    return [f"{who.name}: {asked.method} {asked.address}: {mark}" for mark in wrong]


def readable(body: bytes) -> Iterator[bytes]:
    """The bytes that a person would read in them."""
    yield body
    if body.startswith(b"%PDF"):
        yield from (page.extract_text().encode() for page in pypdf.PdfReader(io.BytesIO(body)).pages)
    elif body.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            yield from map(packed.read, packed.namelist())


def _asked_about(address: str, world: World) -> str:
    """The hospital a stranger asks about: the one she names, in the path of the app's doors, else the first."""
    parts = urlsplit(address)
    named = parts.path.removeprefix("/app/facilities/").partition("/")[0]
    code = named if named in parts.path.split("/")[3:4] else parse_qs(parts.query).get("co-so", [""])[0]
    return next((letter for letter, house in world.houses.items() if house.code == code), "a")


@pytest.mark.timeout(0 if QUESTIONS > 20_000 else 300)
async def test_questions_at_random_tell_nobody_what_is_not_hers(
    app: Starlette, world: World, everybody: list[Asker], since: str
) -> None:
    questions, statuses, heard, streamed = Questions(SEED, app, world, since), Counter[int](), 0, 0
    traced: defaultdict[str, set[Mark]] = defaultdict(set)  # what was asked at a hospital stands in its audit
    for start in range(0, QUESTIONS, AT_ONCE):
        turn = [everybody[n * 7 % len(everybody)] for n in range(start, start + AT_ONCE)]
        asked = [questions.next(who) for who in turn]
        for who, one in zip(turn, asked, strict=True):
            for at in {who.hospital, _asked_about(one.address, world)}:
                traced[at] |= found(one.address.encode(), one.body)
        answers = await asyncio.gather(*(_answered(app, who, one) for who, one in zip(turn, asked, strict=True)))
        for who, one, answer in zip(turn, asked, answers, strict=True):
            known = traced[who.hospital] | _ids(who.hospital) if one.address.startswith(AUDIT) else set[Mark]()
            assert not (wrong := leaks(who, one, answer, world, known)), wrong
            statuses[answer.status] += 1
            heard += bool(found(answer.body))
            streamed += one.hear is not None and bool(found(answer.body))
            questions.learn(answer)
    assert statuses[500] == 0
    # A test that heard nothing would find nothing.
    assert heard > QUESTIONS / 8, (heard, statuses)
    assert streamed, "no stream told of anything"


def _ids(hospital: str) -> set[Mark]:
    """The ids at a hospital: its audit names the record that was opened, of whatever type."""
    return {Mark(hospital, name, ID) for name in NUMBERS}


async def _answered(app: Starlette, who: Asker, one: Question) -> Answer:
    hers = as_app(who.headers) if one.address.startswith(APP) else who.headers
    return await ask(app, one.method, one.address, [*hers, *one.headers], one.body, hear=one.hear)


async def test_a_websocket_tells_each_hospital_of_its_own(app: Starlette, store: Database, world: World) -> None:
    """A program at each of them hears whole records of what changes at all four; another's subscription gives none."""
    async with serve(app) as address, AsyncExitStack() as stack, asyncio.timeout(120):
        programs, listening = {}, {}
        for letter, house in world.houses.items():
            token = await token_of(store, house.key, "system/*.cruds")
            programs[letter] = await stack.enter_async_context(machine(address, token))
            id_, bound = await _subscribed(programs[letter])
            listening[letter] = await stack.enter_async_context(websockets.connect(_socket(address)))
            await listening[letter].send(f"bind-with-token: {bound}")
            for other, program in programs.items():
                status = (await program.get(f"Subscription/{id_}/$get-ws-binding-token")).status_code
                assert (status == 200) is (other == letter)
        patients = sorted(world.patients)[:5]
        for house in world.houses.values():
            for patient in patients:
                await _changed(store, house, r4.Patient, patient)
        for letter, socket in listening.items():
            heard: set[Mark] = set()
            while {mark.patient for mark in heard} < {world.patients[patient] for patient in patients}:
                heard |= found(str(await socket.recv()).encode())
                assert {mark.hospital for mark in heard} <= {letter}


def _socket(address: str) -> str:
    return address.replace("http", "ws", 1) + "/fhir/_socket"


async def _subscribed(program: httpx.AsyncClient) -> tuple[str, str]:
    """A subscription to every change of a patient, with the whole record, and a token to hear it by."""
    body = subscription(PATIENTS, type="websocket", content="full-resource")
    id_: str = (await program.post("Subscription", json=body)).json()["id"]
    said = (await program.get(f"Subscription/{id_}/$get-ws-binding-token")).json()["parameter"]
    return id_, next(one["valueString"] for one in said if one["name"] == "token")
