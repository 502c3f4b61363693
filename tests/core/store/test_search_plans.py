"""How much a search reads: no more for many records than for few, right after a bulk load, before any statistics."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from benhan.core.access import Decision, Role, Subject, service
from benhan.core.access.policy import Guard
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir.search import PARAMETERS
from benhan.core.store import feed
from benhan.core.store.lead import leading
from benhan.core.store.query import parse
from benhan.core.store.records import NUMBERS
from benhan.core.store.rows import MARK, SELF, hash64
from benhan.core.store.sealed import CLOSED
from benhan.core.store.statement import Statement
from benhan.simulator.house import found_facility
from tests.settled import settled

MANY = 20_000
#: Rows that any step of a plan may touch for a page of ten.
MOST = 6_000
ALLOWED = Decision(True, "test")
#: Each record is asked whether a mark touches it.
GUARDED = Decision(True, "test", guard=Guard(()))
#: More readings than are tried one by one; the newest records are not among them.
A_BUSY_TIME = f"ge{datetime.now(UTC) - timedelta(hours=3_000):%Y-%m-%d}"
P = PARAMETERS["Observation"]
#: Observations of 2,000 patients: half of them `common`, one in 10,000 `rare`, each with a date; nothing analysed. Each
#: patient has a former visit in the archive.
LOAD = f"""
with made as (
    insert into resource (facility, type, id, version, updated, patient, body, indexed)
    select $1::int, $2::smallint, 'kh-' || n, 1, now(), 'nb-' || n % 2000, convert_to('{{}}', 'UTF8'), 1
    from generate_series(1, {MANY}) n returning key, substr(id, 4)::int as n
), marks as (
    insert into word (facility, param, word, rid, whole)
    select $1::int, {MARK}, 'nb-' || n, 0, '@ARCHIVED 1' from generate_series(0, 1999) n
), tokens as (
    insert into token
    select $1::int, $3::smallint,
        case when n % 10000 = 7 then $5::bigint when n % 2 = 0 then $4::bigint else $6::bigint end, key from made
    union all select $1, $7::smallint, $8::bigint, key from made
    union all select $1, $9::smallint, n % 2000, key from made
    union all select $1, {SELF}, 10000000 + n, key from made
)
insert into span select $1, $10::smallint, now() - n * interval '1 hour', now() - n * interval '1 hour', key from made
"""


@pytest_asyncio.fixture(scope="module")
async def full(database: Database, dsn: Callable[..., str]) -> Subject:
    key = await found_facility(dsn(), "79780", "Bệnh viện Vừa Nạp", "79")
    owner = await asyncpg.connect(dsn())
    await owner.execute(
        LOAD, key, NUMBERS["Observation"], P["code"].id, hash64("common"), hash64("rare"), hash64("other"),
        P["status"].id, hash64("final"), P["subject"].id, P["date"].id,
    )  # fmt: skip
    await owner.close()
    return service(Role.LOADER, key)


@pytest.mark.parametrize(
    "params",
    [
        {"code": "common"},
        {"code": "rare"},
        {"code": "common", "status": "final"},
        {"code": "rare", "status": "final"},
        {"code": "common", "_sort": "-date"},
        {"code": "rare", "_sort": "-date"},
        {"code": "common", "status": "final", "_sort": "date"},
        {"_sort": "-date"},
        {"code": "common", "date": A_BUSY_TIME},
        {"status": "final", "code": "common", "date": A_BUSY_TIME},
        {"date": A_BUSY_TIME},
        {},
    ],
    ids=str,
)
@pytest.mark.parametrize("decision", [ALLOWED, GUARDED], ids=["allowed", "guarded"])
async def test_a_page_of_ten_reads_little_whatever_it_asks(
    database: Database, full: Subject, params: dict[str, str], decision: Decision
) -> None:
    query = parse("Observation", {**params, "_count": "10"})
    async with database.transaction(full.facility) as tx:
        lead = await leading(tx, full.facility, query, decision)
        statement = Statement(full.facility, query, decision, lead)
        sql = statement.page(11)
        rows = await tx.fetch(f"explain (analyze, costs off, timing off, format json) {sql}", *statement.values)
    plan = json.loads(rows[0][0])[0]["Plan"]
    assert max(touched(plan)) <= MOST, json.dumps(plan, indent=1)
    assert plan["Actual Rows"] == (2 if params.get("code") == "rare" else 11)


@pytest.mark.parametrize("params", [{"date": "ge{0}"}, {"status": "final", "date": "ge{0}"}], ids=str)
async def test_a_count_reads_what_its_narrowest_condition_meets(
    database: Database, full: Subject, params: dict[str, str]
) -> None:
    since = datetime.now(UTC) - timedelta(hours=3000)
    asked = {name: value.format(since.isoformat()) for name, value in params.items()}
    query = parse("Observation", asked | {"_summary": "count"})
    async with database.transaction(full.facility) as tx:
        lead = await leading(tx, full.facility, query, ALLOWED, whole=True)
        assert lead
        assert not lead.few
        statement = Statement(full.facility, query, ALLOWED, lead)
        sql = statement.total()
        [row] = await tx.fetch(sql, *statement.values)
        rows = await tx.fetch(f"explain (analyze, costs off, timing off, format json) {sql}", *statement.values)
    assert 2990 <= row["count"] <= 3000
    plan = json.loads(rows[0][0])[0]["Plan"]
    assert max(touched(plan)) <= MOST, json.dumps(plan, indent=1)


async def test_a_change_asks_for_signatures_of_its_record_alone(
    database: Database, full: Subject, dsn: Callable[..., str]
) -> None:
    """Also where there are many, each of a record of its own."""
    signed, target = PARAMETERS["Provenance"]["signature-type"].id, PARAMETERS["Provenance"]["target"].id
    owner = await asyncpg.connect(dsn())
    await owner.execute(
        "insert into token select $1::int, one.param, case when one.param = $3 then 20000000 + n else 1 end, -n"
        f" from generate_series(1, {MANY}) n, unnest(array[$2::smallint, $3]) one(param)",
        full.facility, signed, target,
    )  # fmt: skip
    key = await owner.fetchval("select key from resource where facility = $1 and id = 'kh-77'", full.facility)
    sql = f"select {CLOSED.format(r='r')} from resource r where r.key = $1 for update"
    async with database.transaction(full.facility) as tx:
        rows = await tx.fetch(f"explain (analyze, costs off, timing off, format json) {sql}", key)
    await owner.execute("delete from token where facility = $1 and rid < 0", full.facility)
    await owner.close()
    plan = json.loads(rows[0][0])[0]["Plan"]
    assert max(touched(plan)) <= 50, json.dumps(plan, indent=1)


async def test_whether_the_feed_has_news_is_one_look(database: Database, dsn: Callable[..., str]) -> None:
    """Under row-level security an index is entered only by what is leakproof: a position that is not scans the feed."""
    key = await found_facility(dsn(), "79786", "Bệnh viện Nhiều Tin", "79")
    owner = await asyncpg.connect(dsn())
    await owner.execute(
        "insert into feed (facility, type, id, version, action) select $1, $2, 'tin-' || n, 1, 'C'"
        f" from generate_series(1, {MANY}) n", key, NUMBERS["Observation"],
    )  # fmt: skip
    behind = await owner.fetchrow(
        "select xid, seq from feed where facility = $1 order by xid, seq offset $2 limit 1", key, MANY - 2
    )
    await owner.close()
    await settled(database)
    async with database.transaction(PLATFORM) as tx:  # the reader is gone with the test: nobody waits for it
        await tx.execute("insert into feed_reader (name, xid, seq) values ('behind', $1, $2)", *behind)
        rows = await tx.fetch(f"explain (analyze, costs off, timing off, format json) {feed.NEWS}", "behind")
        assert await feed.has_news(tx, "behind")
        await tx.execute("delete from feed_reader where name = 'behind'")
    plan = json.loads(rows[0][0])[0]["Plan"]
    assert max(touched(plan)) <= 10, json.dumps(plan, indent=1)


def touched(node: dict[str, Any]) -> Iterator[float]:
    """Rows that each step gave or threw away."""
    thrown = sum(count for name, count in node.items() if name.startswith("Rows Removed"))
    yield (node["Actual Rows"] + thrown) * node["Actual Loops"]
    for inner in node.get("Plans", ()):
        yield from touched(inner)
