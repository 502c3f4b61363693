"""Whoever changes the audit is found out, and told in words: what, where, when."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from benhan.cli import cli
from benhan.core.access.seals.findings import BAD_CHAIN, BAD_SIGNATURE
from benhan.core.access.seals.gather import last_seal
from benhan.core.access.seals.rows import COLUMNS, leaf_of, pack
from benhan.core.access.seals.statement import make_key
from tests.core.access.seals.conftest import Ledger

#: Random edits tried; `BENHAN_EDITS=10000 pytest tests/core/access/seals/test_verify.py -k random` tries as many.
EDITS = int(os.environ.get("BENHAN_EDITS", "300"))


@pytest.fixture
async def sealed(ledger: Ledger) -> Ledger:
    """Three hundred rows of ten transactions under six seals, all handed over."""
    for _n in range(10):
        await ledger.write(30)
    await ledger.seal(most=50)
    await ledger.hand_over()
    return ledger


async def test_an_audit_as_it_was_sealed_is_found_whole(sealed: Ledger) -> None:
    verdict = await sealed.verdict()
    assert (verdict.findings, verdict.rows, verdict.seals, verdict.handed) == ([], 300, 6, 1)


async def test_a_changed_row_is_named(sealed: Ledger, superuser: Any, ids: Callable[[], Any]) -> None:
    seq = (await ids())[123]
    await superuser.execute("update audit set account = 'nobody' where seq = $1", seq)
    assert await sealed.faults() == [("changed", {"rows": str(seq)})]
    (finding,) = (await sealed.verdict()).findings
    assert f"Dòng {seq} " in finding.said("vi") and f"Row {seq} " in finding.said("en")
    assert finding.since and finding.until and finding.since <= finding.until


@pytest.mark.parametrize(
    "column",
    ["at", "account", "session", "action", "type", "id", "patient", "allowed", "rule", "detail", "address", "xid"],
)
async def test_every_column_of_a_row_is_sealed(
    sealed: Ledger, superuser: Any, ids: Callable[[], Any], column: str
) -> None:
    await superuser.execute(f"update audit set {column} = {_VALUES[column]} where seq = $1", (await ids())[45])
    assert await sealed.faults() != []


async def test_a_seal_that_does_not_follow_on_the_one_before_is_named(
    sealed: Ledger, superuser: Any, tmp_path: Path
) -> None:
    """Signed by the right key, but about another past."""
    row = await superuser.fetchrow("select * from seal where facility = $1 and number = 6", sealed.facility)
    async with sealed.database.transaction(sealed.facility) as tx:
        last = await last_seal(tx, sealed.facility)
    assert last and row
    other = sealed.key.sign(msgspec.structs.replace(last.statement, previous=bytes(32)))
    await superuser.execute(
        "update seal set previous = $2, signature = $3 where facility = $1 and number = 6", sealed.facility,
        bytes(32), other.signature,
    )  # fmt: skip
    faults = await sealed.faults()
    assert ("seal-changed", {"seal": "6", "why": BAD_CHAIN}) in faults


async def test_a_removed_row_is_named(sealed: Ledger, superuser: Any, ids: Callable[[], Any]) -> None:
    seq = (await ids())[7]
    await superuser.execute("delete from audit where seq = $1", seq)
    assert await sealed.faults() == [("removed", {"rows": str(seq)})]


async def test_an_inserted_row_is_named(sealed: Ledger, superuser: Any, ids: Callable[[], Any]) -> None:
    seq = await superuser.fetchval(
        "insert into audit (facility, xid, account, action, allowed, rule)"
        " select facility, xid, 'nobody', 'read', true, '' from audit where seq = $1 returning seq", (await ids())[0],
    )  # fmt: skip
    assert ("inserted", {"rows": str(seq)}) in await sealed.faults()


async def test_rows_that_changed_places_are_named(sealed: Ledger, superuser: Any, ids: Callable[[], Any]) -> None:
    one, other = (await ids())[60:62]
    await _swapped(superuser, one, other)
    moved = [("moved", {"rows": str(one), "to": str(other)}), ("moved", {"rows": str(other), "to": str(one)})]
    assert sorted(await sealed.faults(), key=str) == sorted(moved, key=str)


async def test_a_row_written_later_and_back_dated_is_named(sealed: Ledger, superuser: Any) -> None:
    seq = await superuser.fetchval(
        "insert into audit (facility, at, account, action, allowed, rule)"
        " values ($1, now() - interval '3 days', 'nobody', 'read', true, '') returning seq", sealed.facility,
    )  # fmt: skip
    sealed.written += 1
    await sealed.seal()
    assert await sealed.faults() == [("backdated", {"rows": str(seq)})]


async def test_an_end_that_was_cut_off_with_its_seals_is_known_outside(
    sealed: Ledger, superuser: Any, ids: Callable[[], Any]
) -> None:
    await superuser.execute("delete from audit where seq = any($1)", (await ids())[100:])
    await superuser.execute("delete from seal where facility = $1 and number > 2", sealed.facility)
    assert await sealed.faults() == [("cut", {"seal": "6", "to": "300", "from": "100"})]


async def test_an_audit_that_is_gone_altogether_is_known_outside(sealed: Ledger, superuser: Any) -> None:
    for table in ("audit", "seal", "seal_node"):
        await superuser.execute(f"delete from {table} where facility = $1", sealed.facility)
    assert await sealed.faults() == [("cut", {"seal": "6", "to": "300", "from": "0"})]


async def test_a_missing_seal_is_named_and_its_rows_are_counted(sealed: Ledger, superuser: Any) -> None:
    await superuser.execute("delete from seal where facility = $1 and number = 3", sealed.facility)
    assert await sealed.faults() == [("seal-missing", {"seal": "3", "count": "50"})]


async def test_a_row_forged_together_with_its_tree_lacks_the_signature(
    sealed: Ledger, superuser: Any, ids: Callable[[], Any]
) -> None:
    await _forge(sealed, superuser, (await ids())[120])
    assert ("seal-changed", {"seal": "3", "why": BAD_SIGNATURE}) in await sealed.faults()


async def test_an_audit_sealed_anew_by_who_has_the_key_is_not_the_one_outside(sealed: Ledger, superuser: Any) -> None:
    from benhan.core.access.seals.gather import Edges

    for table in ("audit", "seal", "seal_node"):
        await superuser.execute(f"delete from {table} where facility = $1", sealed.facility)
    sealed.sealed, sealed.written, sealed.edges = 0, 0, Edges()
    await sealed.write(300)
    await sealed.seal(most=50)
    assert await sealed.faults() == [("rewritten", {"seal": "6"})]


async def test_a_stored_tree_that_was_changed_is_told_from_changed_rows(sealed: Ledger, superuser: Any) -> None:
    await superuser.execute(
        "update seal set leaves = set_byte(leaves, 20, get_byte(leaves, 20) # 1) where facility = $1 and number = 2",
        sealed.facility,
    )
    ((fault, values),) = await sealed.faults()
    assert (fault, values["rows"], values["why"]) == (
        "tree-changed",
        "51–100",
        "các dòng của sổ vẫn đúng như đã niêm phong",
    )


async def test_a_seal_by_a_stranger_is_refused(sealed: Ledger, superuser: Any, tmp_path: Any) -> None:
    sealed.key = make_key(tmp_path / "stranger.pem")
    assert {fault for fault, _values in await sealed.faults()} == {"seal-changed", "keeper-damaged"}


async def test_rows_that_nobody_seals_are_missed(ledger: Ledger, superuser: Any) -> None:
    await superuser.execute(
        "insert into audit (facility, at, account, action, allowed, rule)"
        " values ($1, now() - interval '2 hours', 'bs.lan', 'read', true, '')", ledger.facility,
    )  # fmt: skip
    ((fault, values),) = await ledger.faults()
    assert (fault, values["count"]) == ("unsealed", "1")


async def test_a_line_of_the_keeper_that_was_changed_is_named(sealed: Ledger) -> None:
    file = sealed.keeper.folder / f"{sealed.facility}.ndjson"
    told = re.search(r"rows (\d+)-(\d+)", text := file.read_text())
    assert told
    file.write_text(text.replace(told[0], f"rows {told[1]}-{int(told[2]) + 1}", 1))
    assert [fault for fault, _values in await sealed.faults()] == ["keeper-damaged"]


# ── at random ────────────────────────────────────────────────────────────────────────────────────────────────────

Edit = Callable[[Any, int, random.Random, list[int]], Awaitable[object]]
_VALUES = {
    "account": "account || 'x'", "session": "coalesce(session, '') || 'x'", "action": "action || 'x'",
    "type": "coalesce(type, '') || 'x'", "id": "coalesce(id, '') || 'x'", "patient": "coalesce(patient, '') || 'x'",
    "allowed": "not allowed", "rule": "rule || ' '", "detail": "detail || '.'", "at": "at + interval '1 microsecond'",
    "address": "coalesce(address, '') || 'x'", "xid": "(xid::text::bigint + 1)::text::xid8",
    "facility": "facility + 100000",
}  # fmt: skip
_MOVE = """
with gone as (delete from audit where seq = $1 returning *)
insert into audit (facility, seq, at, account, session, action, type, id, patient, allowed, rule, detail, address, xid)
overriding system value
select facility, $2::bigint, at, account, session, action, type, id, patient, allowed, rule, detail, address, xid
from gone
"""


async def _swapped(db: Any, one: int, other: int) -> None:
    for seq, to in ((one, -1), (other, one), (-1, other)):
        await db.execute(_MOVE, seq, to)


async def _change(db: Any, facility: int, chance: random.Random, ids: list[int]) -> None:
    column = chance.choice(sorted(_VALUES))
    await db.execute(f"update audit set {column} = {_VALUES[column]} where seq = $1", chance.choice(ids))


async def _blank(db: Any, facility: int, chance: random.Random, ids: list[int]) -> None:
    column = chance.choice(["session", "type", "id", "patient"])
    await db.execute(f"update audit set {column} = null where seq = $1", chance.choice(ids))


async def _remove(db: Any, facility: int, chance: random.Random, ids: list[int]) -> None:
    await db.execute("delete from audit where seq = any($1)", chance.sample(ids, chance.choice([1, 1, 1, 2, 20])))


async def _cut(db: Any, facility: int, chance: random.Random, ids: list[int]) -> None:
    await db.execute("delete from audit where seq = any($1)", ids[chance.randrange(len(ids)) :])


async def _cut_with_seals(db: Any, facility: int, chance: random.Random, ids: list[int]) -> None:
    number = chance.randrange(6)
    await db.execute("delete from audit where seq = any($1)", ids[number * 50 :])
    await db.execute("delete from seal where facility = $1 and number > $2", facility, number)


async def _insert(db: Any, facility: int, chance: random.Random, ids: list[int]) -> None:
    """Not into the last transaction: there a row stands behind the last seal, as any new one does."""
    await db.execute(
        "insert into audit (facility, xid, at, account, session, action, type, id, patient, allowed, rule, detail)"
        " select facility, xid, at, account || 'x', session, action, type, id, patient, allowed, rule, detail"
        " from audit where seq = $1 and facility = $2", chance.choice(ids[:270]), facility,
    )  # fmt: skip


async def _back_date(db: Any, facility: int, chance: random.Random, ids: list[int]) -> None:
    await db.execute(
        "insert into audit (facility, at, account, action, allowed, rule)"
        " values ($1, now() - make_interval(hours => $2), 'x', 'read', true, '')", facility, chance.randint(2, 9000),
    )  # fmt: skip


async def _renumber(db: Any, facility: int, chance: random.Random, ids: list[int]) -> None:
    await db.execute(_MOVE, chance.choice(ids), -chance.randint(1, 10**9))


async def _swap(db: Any, facility: int, chance: random.Random, ids: list[int]) -> None:
    one, other = chance.sample(ids, 2)
    await _swapped(db, one, other)


async def _seal(db: Any, facility: int, chance: random.Random, ids: list[int]) -> None:
    column = chance.choice(["leaves", "digest", "root", "previous", "signature", "key"])
    await db.execute(
        f"update seal set {column} = set_byte({column}, 3, get_byte({column}, 3) # 4)"
        " where facility = $1 and number = $2",
        facility, chance.randint(1, 6),
    )  # fmt: skip


async def _unseal(db: Any, facility: int, chance: random.Random, ids: list[int]) -> None:
    await db.execute("delete from seal where facility = $1 and number = $2", facility, chance.randint(1, 6))


async def _node(db: Any, facility: int, chance: random.Random, ids: list[int]) -> None:
    await db.execute("update seal_node set hash = sha256(hash) where facility = $1", facility)


async def _forge_one(db: Any, facility: int, chance: random.Random, ids: list[int]) -> None:
    await _forged(db, facility, chance.choice(ids))


KINDS: list[Edit] = [
    _change, _change, _change, _change, _blank, _remove, _remove, _cut, _cut_with_seals, _insert, _insert, _back_date,
    _swap, _renumber, _seal, _unseal, _node, _forge_one,
]  # fmt: skip


async def test_every_random_edit_of_a_superuser_is_found(
    sealed: Ledger, superuser: Any, ids: Callable[[], Any]
) -> None:
    chance = random.Random(20261122)
    tables = {"audit": "overriding system value", "seal": "", "seal_node": ""}
    rows = await ids()
    for table in tables:
        await superuser.execute(
            f"create temp table kept_{table} as select * from {table} where facility = $1", sealed.facility
        )
    missed = []
    for n in range(EDITS):
        edit = chance.choice(KINDS)
        await edit(superuser, sealed.facility, chance, rows)
        if not (await sealed.verdict()).findings:
            missed.append((n, edit.__name__))
        await superuser.execute("begin")
        for table, how in tables.items():
            mine = (sealed.facility, sealed.facility + 100_000)
            await superuser.execute(f"delete from {table} where facility = any($1)", mine)
            await superuser.execute(f"insert into {table} {how} select * from kept_{table}")
        await superuser.execute("commit")
    assert missed == []
    assert (await sealed.verdict()).findings == []


async def _forge(ledger: Ledger, superuser: Any, seq: int) -> None:
    await _forged(superuser, ledger.facility, seq)


async def _forged(db: Any, facility: int, seq: int) -> None:
    """Change a row, and everything in the database that speaks of it; only the key is missing."""
    await db.execute("update audit set account = account || 'x' where seq = $1", seq)
    seal = await db.fetchrow(
        "select number, first, size from seal where facility = $1 and size >= (select count(*) from audit a, audit b"
        " where b.seq = $2 and a.facility = $1 and (a.xid, a.seq) <= (b.xid, b.seq))"
        " order by number limit 1", facility, seq,
    )  # fmt: skip
    rows = await db.fetch(
        f"select {COLUMNS} from audit where facility = $1 order by audit.xid, audit.seq offset $2 limit $3",
        facility, seal["first"], seal["size"] - seal["first"],
    )  # fmt: skip
    leaves = pack(rows, map(leaf_of, rows))
    await db.execute(
        "update seal set leaves = $3, digest = $4, root = sha256(root) where facility = $1 and number = $2",
        facility, seal["number"], leaves, sha256(leaves).digest(),
    )  # fmt: skip


# ── by the command ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_command_says_it_in_both_languages_and_by_its_exit_code(
    sealed: Ledger, superuser: Any, ids: Callable[[], Any], dsn: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENHAN_DSN", dsn("benhan_app"))
    code = await superuser.fetchval("select code from facility where key = $1", sealed.facility)
    command = ["audit", "verify", "--keeper", str(sealed.keeper.folder), "--facility", code]
    whole = await asyncio.to_thread(CliRunner().invoke, cli, command)
    seals = await superuser.fetchval("select count(*) from seal where facility = $1", sealed.facility)
    assert (whole.exit_code, f"300 dòng, {seals} niêm phong" in whole.output) == (0, True), whole.output
    seq = (await ids())[5]
    await superuser.execute("delete from audit where seq = $1", seq)
    broken = await asyncio.to_thread(CliRunner().invoke, cli, command)
    assert broken.exit_code == 1
    assert f"Dòng {seq} của sổ vết đã bị xoá" in broken.output
    assert f"Row {seq} of the audit was removed" in broken.output


async def test_an_inspector_gets_all_of_it_and_the_export_is_in_the_audit(
    sealed: Ledger, superuser: Any, dsn: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BENHAN_DSN", dsn("benhan_app"))
    monkeypatch.setattr("benhan.cli_audit.PAGE", 70)
    code = await superuser.fetchval("select code from facility where key = $1", sealed.facility)
    command = ["audit", "export", str(tmp_path / "out"), "--facility", code]
    done = await asyncio.to_thread(CliRunner().invoke, cli, command)
    assert done.exit_code == 0, done.output
    events = [json.loads(line) for line in (tmp_path / "out" / f"audit-{code}.ndjson").read_text().splitlines()]
    assert len({event["id"] for event in events}) == len(events) == 300
    assert {event["resourceType"] for event in events} == {"AuditEvent"}
    assert len((tmp_path / "out" / f"audit-{code}.csv").read_text("utf-8-sig").splitlines()) == 301
    trace = await superuser.fetchrow(
        "select account, detail from audit where facility = $1 and action = 'export-audit'", sealed.facility
    )
    assert trace["account"].startswith("operator:") and trace["detail"].startswith("300 rows")
    day = ["--from", "2020-01-01", "--to", "2020-01-02"]
    assert "0 dòng" in (await asyncio.to_thread(CliRunner().invoke, cli, [*command, *day])).output
