"""The embedded PostgreSQL: starts, stops, and starts again after the worst."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from benhan.core.db.embedded import EmbeddedPostgres


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="benhan-pg-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path
        EmbeddedPostgres(path).stop()


async def _count(postgres: EmbeddedPostgres) -> int:
    connection = await asyncpg.connect(postgres.dsn(database="postgres"))
    try:
        await connection.execute("create table if not exists kept (n int); insert into kept values (1)")
        found: int = await connection.fetchval("select count(*) from kept")
        return found
    finally:
        await connection.close()


async def test_it_keeps_its_data_over_a_clean_stop(folder: Path) -> None:
    for expected in (1, 2):
        postgres = EmbeddedPostgres(folder)
        postgres.start()
        assert await _count(postgres) == expected
        postgres.stop()
        assert postgres.pid() is None


async def test_it_starts_again_after_being_killed_with_its_pid_file_left(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder)
    postgres.start()
    await _count(postgres)
    pid = postgres.pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    _wait_gone(pid)
    assert (folder / "pg18" / "postmaster.pid").exists()
    again = EmbeddedPostgres(folder)
    again.start()
    assert await _count(again) == 2


async def test_it_starts_again_where_a_child_of_the_killed_server_waits_for_ever(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder)
    postgres.start()
    connection = await asyncpg.connect(postgres.dsn(database="postgres"))
    stuck = psutil.Process(await connection.fetchval("select pg_backend_pid()"))
    server = psutil.Process(postgres.pid())
    others = [one for one in server.children() if one.pid != stuck.pid]
    stuck.suspend()  # as one that waits for a lock of somebody who was killed: it holds the shared memory
    for process in [server, *others]:
        process.kill()
    _wait_gone(server.pid)
    postgres.start()
    assert await _count(postgres) == 1
    assert not stuck.is_running() or stuck.status() == psutil.STATUS_ZOMBIE
    connection.terminate()


async def test_a_pid_file_whose_number_another_process_took_is_not_believed(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder)
    postgres.start()
    postgres.stop()
    (folder / "pg18" / "postmaster.pid").write_text(f"{os.getpid()}\n{folder}/pg18\n0\n5432\n/tmp\n\n\nready\n")
    postgres.start()
    assert await _count(postgres) == 1


async def test_a_server_that_outlived_its_program_is_taken_over(folder: Path) -> None:
    first = EmbeddedPostgres(folder)
    first.start()
    second = EmbeddedPostgres(folder)
    second.start()
    assert second.pid() == first.pid()


def test_only_its_owner_may_enter_its_folders(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder)
    postgres.start()
    for path in (postgres.cluster, postgres.sockets):
        assert path.stat().st_mode & 0o077 == 0


def _wait_gone(pid: int) -> None:
    until = time.monotonic() + 10
    while psutil.pid_exists(pid) and time.monotonic() < until:
        if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.05)
