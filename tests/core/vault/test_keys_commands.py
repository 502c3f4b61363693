"""`benhan keys …` as an operator types it, on a database with somebody in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from typer.testing import CliRunner

from benhan.cli import cli
from benhan.core import store
from benhan.core.db.embedded import EmbeddedPostgres
from benhan.core.fhir import r4
from benhan.core.vault import master_of, use
from tests.core.store.elsewhere import Elsewhere, elsewhere

Run = Callable[..., Awaitable[str]]


@pytest_asyncio.fixture
async def place(
    postgres: EmbeddedPostgres, dsn: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Elsewhere]:
    """A hospital with one person, and the settings of its operator."""
    async with elsewhere(postgres.dsn) as made:
        monkeypatch.setenv("BENHAN_OWNER_DSN", made.dsn("postgres"))
        async with made.database.transaction(1) as tx:
            await store.create(tx, made.loader, r4.Patient(id="a", name=[r4.HumanName(text="Lò Thị Ban")]))
        yield made
        use(master_of("env:BENHAN_TEST_MASTER"))


@pytest.fixture
def run(place: Elsewhere) -> Run:
    async def invoke(*words: str, code: int = 0) -> str:
        done = await asyncio.to_thread(CliRunner().invoke, cli, ["keys", *words])
        assert done.exit_code == code, done.output
        return done.output

    return invoke


async def test_keys_are_rotated_and_how_they_stand_is_said(run: Run) -> None:
    assert "01999: 2 dòng" in await run("rotate", "--facility", "01999")
    said = await run("status")
    assert "01999" in said
    assert "xong" in said
    assert "01999: 0 dòng" in await run("encrypt", "--facility", "01999")
    await run("encrypt", "--facility", "00000-none", code=2)


async def test_the_search_key_is_exchanged(run: Run, place: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benhan.core.store.index_key.REFRESH_SECONDS", 0)  # nobody else is there to hear of it
    assert "01999: đã thay khoá tìm kiếm" in await run("rotate", "--index", "--facility", "01999")
    assert await place.value("select count(*) from data_key where purpose = 'index' and complete") == 2
    assert await place.value("select count(*) from data_key where purpose = 'data'") == 1
    await run("rotate", "--index", "--facility", "00000-none", code=2)


async def test_another_master_key_is_made_and_taken(
    run: Run, place: Elsewhere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "master.key"
    assert f"BENHAN_MASTER_KEY=file:{path}" in (await run("make", str(path))).replace("\n", "")
    assert "2 khoá" in await run("wrap", "--to", f"file:{path}")
    monkeypatch.setenv("BENHAN_MASTER_KEY", f"file:{path}")
    assert "01999" in await run("status")
    assert "01999: 2 dòng" in await run("rotate", "--facility", "01999")
    await run("wrap", "--to", "file:/no/such", code=2)
