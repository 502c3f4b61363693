"""Keys of each hospital, wrapped by the master key; without it nothing is written."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from benhan.core import store
from benhan.core.db import Database
from benhan.core.vault import MasterError, keys_of, rotating, use
from benhan.core.vault.master import HeldMaster
from tests.core.store.elsewhere import Elsewhere
from tests.core.store.encryption.lying import MASTER, keep, owner, read, somebody


async def test_the_serving_role_adds_keys_and_changes_none(place: Elsewhere) -> None:
    await keep(place, somebody())
    await place.run("insert into facility (key, code, name) values (2, '01998', 'BV Khác')")
    async with place.database.transaction(2) as tx:
        assert await tx.fetch("select * from data_key") == []
    for statement in ("update data_key set complete = true", "delete from data_key", "delete from history"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with place.database.transaction(place.loader.facility) as tx:
                await tx.execute(statement)


async def test_each_hospital_has_keys_of_its_own_and_they_lie_wrapped(place: Elsewhere) -> None:
    await place.run("insert into facility (key, code, name) values (2, '01998', 'BV Khác')")
    first, second = await keys_of(place.database, 1), await keys_of(place.database, 2)
    assert len({first.id, second.id}) == 2
    assert first.index != second.index
    assert await place.value("select count(*) from data_key where position($1 in wrapped) > 0", first.index) == 0
    assert await place.value("select count(*) from data_key") == 4


async def test_processes_that_begin_at_the_same_moment_agree(place: Elsewhere) -> None:
    others = [await Database.connect(place.dsn("benhan_app"), size=2) for _ in range(3)]
    made = await asyncio.gather(*(keys_of(one, 1) for one in others))
    assert len({one.id for one in made}) == len({one.index for one in made}) == 1
    for one in others:
        await one.close()


async def test_without_the_master_key_nothing_is_written_unencrypted(place: Elsewhere, without_master: None) -> None:
    database = await Database.connect(place.dsn("benhan_app"), size=2)
    try:
        use(MASTER)
        await keep(place, somebody())
        use(None)
        with pytest.raises(MasterError, match="BENHAN_MASTER_KEY"):
            async with database.transaction(1) as tx:
                await store.create(tx, place.loader, somebody("9", "9"))
        use(HeldMaster(bytes(32)))
        database.kept.clear()
        with pytest.raises(MasterError, match="wrapped by master key"):
            await keys_of(database, 1)
    finally:
        await database.close()


async def test_another_master_key_wraps_what_is_there(place: Elsewhere) -> None:
    [kept] = await keep(place, somebody())
    new = HeldMaster(b"n" * 32)
    database = await owner(place)
    assert await rotating.wrap(database, MASTER, new) == 2
    await database.close()
    assert await read(place, kept.id)  # who has the keys in memory goes on
    place.database.kept.clear()
    with pytest.raises(Exception, match=r"khoá chính"):
        await read(place, kept.id)
