"""From before there were keys, and after a rotation: everything is encrypted anew while the server runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from benhan.core import store
from benhan.core.fhir import r4
from benhan.core.store import encrypting
from benhan.core.store.records import NUMBERS
from benhan.core.vault import keys_of, ring_of, rotating, use
from benhan.core.vault.envelope import MARK, key_of
from tests.core.store.elsewhere import Elsewhere
from tests.core.store.encryption.lying import MASTER, NUMBER, body_in, finding, found, keep, owner, read, somebody


async def test_rows_of_an_earlier_time_stay_readable_and_are_encrypted_by_the_operator(
    place: Elsewhere, without_master: None
) -> None:
    former, labelled, plain = await keep(place, somebody(), finding("HIV"), finding(None))
    assert (await body_in(place, "history", former.id)).startswith(b"{")
    use(MASTER)
    place.database.kept.clear()
    [later] = await keep(place, somebody("079301234599", "0911111111"))
    assert await read(place, former.id)
    assert await found(place, {"identifier": NUMBER}) == [former.id]
    assert await found(place, {"identifier": "079301234599"}) == [later.id]
    for number in (NUMBER, "079301234599"):
        with pytest.raises(store.AlreadyExists):
            await keep(place, somebody(number, "1"))
    await place.run("update resource set indexed = 1; update search_rules set version = 1")
    database = await owner(place)
    done = await encrypting.encrypt(database, 1, lambda _turn: None)
    await database.close()
    assert done.changed == 4  # two records, in `resource` and in `history`
    for table in ("resource", "history"):
        for one in (former, labelled):
            assert (await body_in(place, table, one.id)).startswith(MARK)
        assert (await body_in(place, table, plain.id)).startswith(b"{")
    assert await place.value("select count(*) from once where what like '%' || $1 || '%'", NUMBER) == 0
    await ring_of(place.database).refresh()
    assert (await keys_of(place.database, 1)).complete
    assert await found(place, {"identifier": NUMBER}) == [former.id]
    with pytest.raises(store.AlreadyExists):
        await keep(place, somebody(NUMBER, "1"))


async def test_keys_are_rotated_while_everybody_goes_on_writing(place: Elsewhere) -> None:
    people = await keep(place, *(somebody(str(n), str(n)) for n in range(60)))
    old = (await keys_of(place.database, 1)).id
    database = await owner(place)
    stop, wrote, written = asyncio.Event(), asyncio.Event(), 0

    async def write() -> None:
        nonlocal written
        while not stop.is_set():
            await keep(place, somebody(f"9{written}", f"9{written}"))
            one = people[written % len(people)]
            async with place.database.transaction(1) as tx:
                await store.change(tx, place.loader, r4.Patient, one.id or "", _other_gender)
            assert await found(place, {"identifier": f"9{written}"})
            written += 1
            wrote.set()

    writer = asyncio.create_task(write())
    await rotating.rotate(database, MASTER, 1)
    await encrypting.encrypt(database, 1, lambda _turn: None)
    wrote.clear()
    await wrote.wait()
    await ring_of(place.database).refresh()
    stop.set()
    await writer
    done = await encrypting.encrypt(database, 1, lambda _turn: None)
    new = (await keys_of(place.database, 1)).id
    assert new != old
    assert done.damaged == []
    assert written > 0
    for table in ("resource", "history"):
        kept = await place.value(f"select array_agg(body) from {table} where type = $1", NUMBERS["Patient"])
        assert isinstance(kept, list)
        assert {key_of(body) for body in kept} == {new}
    for one in people:
        assert (await read(place, one.id)).id == one.id
    await database.close()


def _other_gender(one: r4.Patient) -> r4.Patient:
    one.gender = "male" if one.gender == "female" else "female"
    return one


async def test_a_run_that_was_killed_is_gone_on_with(place: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    await keep(place, *(somebody(str(n), str(n)) for n in range(12)))
    monkeypatch.setattr(encrypting, "BATCH", 5)
    database = await owner(place)
    await rotating.rotate(database, MASTER, 1)
    keys = await keys_of(database, 1)
    turns = encrypting._one_pass(database, keys)
    await anext(turns)
    assert (await anext(turns)).changed == 5
    await turns.aclose()
    first = await anext(aiter(_after_small(encrypting._one_pass(database, keys))))
    assert (first.part, first.changed) == ("resource", 5)
    assert await place.value("select seen from encryption") == 10
    await database.close()


async def _after_small(turns: Any) -> AsyncIterator[Any]:
    async for turn in turns:
        if turn.part != "secrets":
            yield turn


async def test_a_key_that_another_process_made_is_learned_when_it_is_met(place: Elsewhere) -> None:
    [kept] = await keep(place, somebody())
    database = await owner(place)
    await rotating.rotate(database, MASTER, 1)
    await encrypting.encrypt(database, 1, lambda _turn: None)
    await database.close()
    assert key_of(await body_in(place, "resource", kept.id)) != (await keys_of(place.database, 1)).id
    assert await read(place, kept.id)
