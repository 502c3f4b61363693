"""Nobody hears what is not hers: random questions of everybody, and no mark ever where it does not belong.

2,000 questions in every run; `BENHAN_QUESTIONS=300000 pytest -n 0 tests/security/test_leaks.py` asks as many as you
like, `BENHAN_SEED=7` other ones. Every byte of every answer is looked at: bodies, headers, error texts, the text of
PDFs, what lies in spreadsheets, the files of an export.
"""

from __future__ import annotations

import asyncio
import io
import os
import zipfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pypdf
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from benhan.app import create_app
from benhan.core.db import Database
from benhan.settings import Settings
from tests.asking import Answer, ask
from tests.security import world as four
from tests.security.askers import Asker, askers
from tests.security.conftest import Dsn, Platform
from tests.security.marks import found
from tests.security.questions import Question, Questions
from tests.security.world import World

QUESTIONS = int(os.environ.get("BENHAN_QUESTIONS", "2000"))
SEED = int(os.environ.get("BENHAN_SEED", "20261122"))
#: Asked at once: Python reads one answer while PostgreSQL works at the next. Order and content do not depend on it.
AT_ONCE = 6


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


def leaks(who: Asker, asked: Question, answer: Answer, world: World) -> list[str]:
    """Marks in an answer that do not belong there. What stood in the question is no news."""
    headers = [value for _name, value in answer.headers]
    heard = found(*readable(answer.body), *headers) - found(asked.address.encode(), asked.body)
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
    """The hospital a stranger asks about: the one she names, else the first."""
    code = parse_qs(urlsplit(address).query).get("co-so", [""])[0]
    return next((letter for letter, house in world.houses.items() if house.code == code), "a")


@pytest.mark.timeout(0 if QUESTIONS > 20_000 else 300)
async def test_questions_at_random_tell_nobody_what_is_not_hers(
    app: Starlette, world: World, everybody: list[Asker]
) -> None:
    questions, statuses, heard = Questions(SEED, app, world), Counter[int](), 0
    for start in range(0, QUESTIONS, AT_ONCE):
        turn = [everybody[n * 7 % len(everybody)] for n in range(start, start + AT_ONCE)]
        asked = [questions.next(who) for who in turn]
        answers = await asyncio.gather(*(_answered(app, who, one) for who, one in zip(turn, asked, strict=True)))
        for who, one, answer in zip(turn, asked, answers, strict=True):
            assert not (wrong := leaks(who, one, answer, world)), wrong
            statuses[answer.status] += 1
            heard += bool(found(answer.body))
            questions.learn(answer)
    assert statuses[500] == 0
    # A test that heard nothing would find nothing.
    assert heard > QUESTIONS / 8, (heard, statuses)


async def _answered(app: Starlette, who: Asker, one: Question) -> Answer:
    return await ask(app, one.method, one.address, [*who.headers, *one.headers], one.body)
