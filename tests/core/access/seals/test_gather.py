"""Rows are sealed once each, in an order nothing can slip into, whoever gathers and whoever dies."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from benhan.core.access.audit import Event, record
from benhan.core.access.seals.gather import NEWS, Broken, Edges, gather, last_seal, subtree
from benhan.core.access.seals.keeper import Directory
from benhan.core.access.seals.merkle import consistency, consistent, includes, inclusion
from benhan.core.access.seals.rows import COLUMNS, leaf_of
from benhan.core.access.seals.sealer import Sealer, sealer
from benhan.core.db import PLATFORM, Database
from tests.core.access.seals.conftest import Ledger

_SEALED = "select first, size, leaves from seal where facility = $1 order by number"


async def sealed_seqs(superuser: Any, facility: int) -> list[int]:
    from benhan.core.access.seals.rows import unpack

    return [leaf.seq for row in await superuser.fetch(_SEALED, facility) for leaf in unpack(row["leaves"])]


async def test_rows_are_sealed_once_each_in_their_order(ledger: Ledger, superuser: Any, ids: Callable[[], Any]) -> None:
    for rows in (3, 1, 40):
        await ledger.write(rows)
        await ledger.seal(most=7)
    assert await sealed_seqs(superuser, ledger.facility) == await ids()
    assert (await ledger.verdict()).findings == []


async def test_whether_there_is_something_to_seal_is_one_look_a_facility(ledger: Ledger, database: Database) -> None:
    """Under row-level security only what is leakproof enters an index: another position scans the audit."""
    await ledger.write(3000)
    await ledger.seal()
    await ledger.write(1)
    async with database.transaction(PLATFORM) as tx:
        await tx.execute("set local enable_sort = off")  # the few rows of a test; else they are read and sorted
        rows = await tx.fetch(f"explain (analyze, costs off, timing off, format json) {NEWS}")
    looked = [node for node in nodes(json.loads(rows[0][0])[0]["Plan"]) if node.get("Relation Name") == "audit"]
    assert looked
    assert all(node.get("Rows Removed by Filter", 0) + node["Actual Rows"] <= 1 for node in looked), looked


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


async def test_a_row_of_an_older_transaction_is_waited_for(
    ledger: Ledger, database: Database, superuser: Any, ids: Callable[[], Any]
) -> None:
    """It commits later, with a lower number; sealed behind it, it would look as if it had been slipped in."""
    slow = database.request()
    slow.bind(ledger.facility)
    act = "insert into audit (facility, account, action, allowed, rule) values ($1, 'slow', 'read', true, '')"
    await slow.execute(act, ledger.facility)
    ledger.written += 1
    async with database.transaction(ledger.facility) as tx:
        record(tx, ledger.who, Event("read", rule="x"))
    ledger.written += 1
    assert await gather(database, ledger.facility, ledger.key, ledger.edges) is None
    await slow.commit()
    await ledger.seal()
    assert await sealed_seqs(superuser, ledger.facility) == await ids()
    assert (await ledger.verdict()).findings == []


async def test_two_processes_seal_no_row_twice(ledger: Ledger, superuser: Any, ids: Callable[[], Any]) -> None:
    await ledger.write(200)
    await ledger.seal(most=1)
    await ledger.write(200)
    both = Edges(), Edges()
    async with asyncio.timeout(60):
        while len(await sealed_seqs(superuser, ledger.facility)) < 400:
            await asyncio.gather(*(gather(ledger.database, ledger.facility, ledger.key, one, 9) for one in both))
    assert await sealed_seqs(superuser, ledger.facility) == await ids()
    assert (await ledger.verdict()).findings == []


KILLED = """
import asyncio, sys
from pathlib import Path
from benhan.core.access.seals import gather as g
from benhan.core.access.seals.statement import read_key
from benhan.core.db import PLATFORM, Database

async def main():
    database = await Database.connect(sys.argv[1])
    made = g._keep
    async def keep(tx, batch):
        if sys.argv[4] == "after":
            await made(tx, batch)
        print("here", flush=True)
        await asyncio.sleep(600)
    g._keep = keep
    await g.gather(database, int(sys.argv[2]), read_key(Path(sys.argv[3])), g.Edges(), 5)

asyncio.run(main())
"""


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_gatherer_killed_between_reading_and_sealing_leaves_nothing_undone_and_nothing_twice(
    ledger: Ledger, superuser: Any, ids: Callable[[], Any], dsn: Callable[..., str], tmp_path: Path, moment: str
) -> None:
    await ledger.write(12)
    await ledger.seal(most=5)
    await ledger.write(12)
    from tests.settled import settled

    await settled(ledger.database)
    command = [sys.executable, "-c", KILLED, dsn("benhan_app"), str(ledger.facility), str(tmp_path / "key.pem"), moment]
    child = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert child.stdout
    assert (await asyncio.wait_for(child.stdout.readline(), 60)).strip() == b"here"
    assert await gather(ledger.database, ledger.facility, ledger.key, ledger.edges) is None  # it holds the right
    child.send_signal(signal.SIGKILL)
    await child.wait()
    await ledger.seal(most=5)
    assert await sealed_seqs(superuser, ledger.facility) == await ids()
    assert (await ledger.verdict()).findings == []


async def test_a_process_that_takes_over_reads_the_tree_and_proves_what_is_in_it(
    ledger: Ledger, superuser: Any
) -> None:
    await ledger.write(700)
    await ledger.seal(most=300)
    async with ledger.database.transaction(ledger.facility) as tx:
        before = await last_seal(tx, ledger.facility)
    ledger.edges = Edges()
    await ledger.write(30)
    await ledger.seal()

    async with ledger.database.transaction(ledger.facility) as tx:
        last = await last_seal(tx, ledger.facility)
        assert before and last and last.statement.size == 730

        async def of(height: int, place: int) -> bytes:
            return await subtree(tx, ledger.facility, height, place)

        row = await superuser.fetchrow(
            f"select {COLUMNS} from audit where facility = $1 order by audit.xid, audit.seq offset 411 limit 1",
            ledger.facility,
        )
        assert includes(leaf_of(row), 411, 730, await inclusion(411, 730, of), last.statement.root)
        proof = await consistency(before.statement.size, 730, of)
        assert consistent(before.statement.size, 730, before.statement.root, last.statement.root, proof)


async def test_nothing_is_built_on_a_tree_that_was_changed(ledger: Ledger, superuser: Any) -> None:
    await ledger.write(300)
    await ledger.seal()
    await superuser.execute("update seal_node set hash = sha256(hash) where facility = $1", ledger.facility)
    await ledger.write(1)
    from tests.settled import settled

    await settled(ledger.database)
    with pytest.raises(Broken, match="root of seal"):
        await gather(ledger.database, ledger.facility, ledger.key, Edges())


async def test_who_serves_requests_cannot_change_a_seal(ledger: Ledger) -> None:
    await ledger.write(1)
    await ledger.seal()
    for act in ("update seal set root = ''", "delete from seal", "delete from seal_node", "update audit set rule = ''"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with ledger.database.transaction(ledger.facility) as tx:
                await tx.execute(act)


async def test_a_facility_sees_no_seal_of_another(ledger: Ledger, hospital: Any) -> None:
    await ledger.write(1)
    await ledger.seal()
    async with ledger.database.transaction(hospital.key) as tx:
        assert await tx.fetchval("select count(*) from seal where facility = $1", ledger.facility) == 0


async def test_the_last_rows_are_sealed_and_handed_over_when_the_program_ends(ledger: Ledger) -> None:
    made = Sealer(ledger.database, ledger.key, ledger.keeper)
    await made.start()
    await ledger.write(5)
    from tests.settled import settled

    await settled(ledger.database)
    await made.stop()
    last = ledger.keeper.last(ledger.facility)
    assert last and last.statement.size == 5
    assert last.good(ledger.keeper.keys())


async def test_what_the_keeper_knows_better_is_not_written_over(ledger: Ledger, superuser: Any) -> None:
    made = Sealer(ledger.database, ledger.key, ledger.keeper)
    await ledger.write(5)
    await ledger.seal(most=2)
    await made.hand_over()
    for table in ("seal", "audit"):
        await superuser.execute(f"delete from {table} where facility = $1", ledger.facility)
    ledger.sealed, ledger.written, ledger.edges = 0, 0, Edges()
    await ledger.write(9)
    await ledger.seal(most=1)
    await made.hand_over()
    last = ledger.keeper.last(ledger.facility)
    assert last and last.statement.size == 5


def test_without_a_key_nothing_is_sealed(database: Database) -> None:
    assert sealer(database, None, None) is None


async def test_a_line_that_a_power_cut_tore_is_left_out_and_the_next_one_is_kept(ledger: Ledger) -> None:
    await ledger.write(4)
    await ledger.seal(most=2)
    await ledger.hand_over()
    file = ledger.keeper.folder / f"{ledger.facility}.ndjson"
    with file.open("ab") as torn:
        torn.write(b'{"statement":"benhan-au')
    await ledger.write(1)
    await ledger.seal()
    await ledger.hand_over()
    assert [one.statement.size for one in ledger.keeper.kept(ledger.facility) if not isinstance(one, ValueError)] == [
        4,
        5,
    ]
    assert (await ledger.verdict()).findings == []


def test_a_keeper_that_holds_nothing_says_so(tmp_path: Path) -> None:
    keeper = Directory(tmp_path / "nowhere")
    assert (keeper.facilities(), keeper.keys(), keeper.last(1), list(keeper.kept(1))) == ([], {}, None, [])
