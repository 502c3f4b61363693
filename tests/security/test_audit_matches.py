"""Every act leaves its trace and every trace is of an act: counted one against the other, also where connections die.

2,000 acts and 200 crashes in every run; `BENHAN_ACTS=100000 pytest tests/security/test_audit_matches.py -k acts`.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import AsyncIterator
from random import Random
from typing import Any, NamedTuple

import asyncpg
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from benhan.app import create_app
from benhan.core.access.accounts import create_client
from benhan.core.db import Database
from benhan.core.store.records import NAMES
from benhan.settings import Settings
from benhan.simulator.house import found_facility
from tests.asking import Answer, Headers, as_program, ask
from tests.security.conftest import Platform

ACTS = int(os.environ.get("BENHAN_ACTS", "2000"))
CRASHES = 200
SEED = 20261122
WRITES = ("create", "update", "delete")
_JSON = ("content-type", "application/fhir+json")
#: Where a connection dies: (table, when, of which rows). Every write passes all of them, every read those of the audit.
POINTS = {
    "the row is there": ("resource", "after insert or update", ""),
    "the history is there": ("history", "after insert", ""),
    "before the trace": ("audit", "before insert", ""),
    "the trace is there": ("audit", "after insert", ""),
    "at the end": ("audit", "after insert", "deferrable initially deferred"),
}

Trace = tuple[str, str | None, str | None, bool]


class Ward(NamedTuple):
    """An application, programs of its one hospital, and the owner of the database."""

    app: Starlette
    program: Headers
    #: A program that may read nothing but Practitioners.
    reader: Headers
    owner: asyncpg.Connection[asyncpg.Record]

    async def traces(self) -> Counter[Trace]:
        """What the audit says: act, type, id, allowed."""
        rows = await self.owner.fetch("select action, type, id, allowed from audit")
        return Counter((row["action"], row["type"], row["id"], row["allowed"]) for row in rows)

    async def versions(self) -> Counter[Trace]:
        """What was written, as the traces that it must have left."""
        rows = await self.owner.fetch("select type, id, version, body is null as gone from history")
        return Counter(
            (_act(row["version"], row["gone"]), NAMES[row["type"]], row["id"], True) for row in rows
        )  # fmt: skip


def _act(version: int, gone: bool) -> str:
    return "create" if version == 1 else "delete" if gone else "update"


@pytest_asyncio.fixture
async def ward(fresh_platform: Platform) -> AsyncIterator[Ward]:
    """A hospital where nothing has happened yet."""
    async with fresh_platform("acts") as dsn:
        key = await found_facility(dsn(), "79200", "BV Sổ Vết", "79")
        database = await Database.connect(dsn("benhan_app"), size=8)
        async with database.transaction(key) as tx:
            token = await create_client(tx, key, "người ghi", "system/*.cruds")
            narrow = await create_client(tx, key, "người đọc", "system/Practitioner.r")
        owner = await asyncpg.connect(dsn())
        yield Ward(_app(database), as_program(token), as_program(narrow), owner)
        await owner.close()
        await database.close()


def _app(database: Database) -> Starlette:
    """The application without its background: nothing is done but what is asked for."""
    app = create_app(Settings(mode="demo", secure_cookies=False), database)
    app.state.live = None
    return app


class Acts:
    """Acts at random; what each must leave is known before it is asked for."""

    def __init__(self, ward: Ward, seed: int) -> None:
        self._ward, self._chance = ward, Random(seed)
        self._ids: list[str] = []
        self.expected: Counter[Trace] = Counter()

    async def act(self, number: int) -> None:
        """Do one."""
        acts = [self._read, self._update, self._delete, self._old, self._find, self._missing, self._refused]
        await (self._chance.choice([self._create, *acts]) if len(self._ids) > 20 else self._create)(number)

    async def _create(self, number: int) -> None:
        made = await self._ask(
            201, "POST", "Patient", {"resourceType": "Patient", "name": [{"text": f"Người {number}"}]}
        )
        self._ids.append(json.loads(made.body)["id"])
        self._expect("create", self._ids[-1])

    async def _read(self, _number: int) -> None:
        id_ = self._some()
        await self._ask(200, "GET", f"Patient/{id_}")
        self._expect("read", id_)

    async def _update(self, number: int) -> None:
        id_ = self._some()
        body = {"resourceType": "Patient", "id": id_, "name": [{"text": f"Đổi {number}"}]}
        await self._ask(200, "PUT", f"Patient/{id_}", body)
        self._expect("update", id_)

    async def _delete(self, _number: int) -> None:
        id_ = self._ids.pop(self._chance.randrange(len(self._ids)))
        await self._ask(204, "DELETE", f"Patient/{id_}")
        self._expect("delete", id_)

    async def _old(self, _number: int) -> None:
        id_ = self._some()
        await self._ask(200, "GET", f"Patient/{id_}/_history/1")
        self._expect("read", id_)

    async def _find(self, _number: int) -> None:
        id_ = self._some()
        found = await self._ask(200, "GET", f"Patient?_id={id_}")
        assert len(json.loads(found.body)["entry"]) == 1
        self.expected["search", "Patient", None, True] += 1
        self._expect("read", id_)  # shown to the asker, by name

    async def _missing(self, _number: int) -> None:
        await self._ask(404, "GET", "Patient/khong-co")  # nothing was shown, nobody was refused

    async def _refused(self, _number: int) -> None:
        answer = await ask(self._ward.app, "GET", "/fhir/Patient", self._ward.reader)
        assert answer.status == 403
        self.expected["refused", None, None, False] += 1

    async def _ask(self, status: int, method: str, path: str, body: Any = None) -> Answer:
        content = json.dumps(body).encode() if body is not None else b""
        answer = await ask(self._ward.app, method, f"/fhir/{path}", [*self._ward.program, _JSON], content)
        assert answer.status == status, f"{method} {path}: {answer.body.decode()}"
        return answer

    def _some(self) -> str:
        return self._chance.choice(self._ids)

    def _expect(self, action: str, id_: str) -> None:
        self.expected[action, "Patient", id_, True] += 1


@pytest.mark.timeout(0 if ACTS > 10_000 else 300)
async def test_so_many_acts_leave_exactly_so_many_traces(ward: Ward) -> None:
    acts = Acts(ward, SEED)
    for number in range(ACTS):
        await acts.act(number)
    assert await ward.traces() == acts.expected
    written = {trace: count for trace, count in acts.expected.items() if trace[0] in WRITES}
    assert await ward.versions() == written


_CRASH = """
create table crash (at text);
insert into crash values (null);
grant select on crash to public;
create function crash() returns trigger language plpgsql as $$
begin
    if (select at from crash) = tg_argv[0] then
        perform pg_terminate_backend(pg_backend_pid());
        perform pg_sleep(10);
    end if;
    return new;
end $$;
"""


async def test_where_a_connection_dies_there_is_neither_act_without_trace_nor_trace_without_act(ward: Ward) -> None:
    """Between the data and its trace, before, after, and as both are made to last: two hundred times."""
    await ward.owner.execute(_CRASH)
    for number, (point, (table, when, how)) in enumerate(POINTS.items()):
        constraint = "constraint" if how else ""
        await ward.owner.execute(
            f"create {constraint} trigger crash{number} {when} on {table} {how}"
            f" for each row execute function crash('{point}')"
        )
    chance, points, told, crashes = Random(SEED), list(POINTS), Counter[str](), 0
    ids = [json.loads((await _told(ward, "POST", "Patient", {"resourceType": "Patient"})).body)["id"] for _ in range(8)]
    while crashes < CRASHES:
        await ward.owner.execute("update crash set at = $1", chance.choice(points))
        method, path, body = _act_on(chance, chance.choice(ids))
        answer = await _told(ward, method, path, body)
        await ward.owner.execute("update crash set at = null")
        crashes += answer.status >= 500
        if answer.status < 400:
            told[method] += 1
        again = await _told(ward, method, path, body)
        assert again.status in (200, 201), again.body
        told[method] += 1
    traces = await ward.traces()
    written = Counter({trace: count for trace, count in traces.items() if trace[0] in WRITES})
    assert written == await ward.versions()
    assert sum(traces.values()) - written.total() == told["GET"]
    assert told["POST"] + told["PUT"] + len(ids) == written.total()


def _act_on(chance: Random, id_: str) -> tuple[str, str, Any]:
    """A new record, a changed one, or a look."""
    name = [{"text": f"Người {chance.random()}"}]
    return chance.choice([
        ("POST", "Patient", {"resourceType": "Patient", "name": name}),
        ("PUT", f"Patient/{id_}", {"resourceType": "Patient", "id": id_, "name": name}),
        ("GET", f"Patient/{id_}", None),
    ])  # fmt: skip


async def _told(ward: Ward, method: str, path: str, body: Any = None) -> Answer:
    """What the asker is told; a broken connection is an error of the server like any other."""
    content = json.dumps(body).encode() if body is not None else b""
    try:
        return await ask(ward.app, method, f"/fhir/{path}", [*ward.program, _JSON], content)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        return Answer(500, [], b"")
