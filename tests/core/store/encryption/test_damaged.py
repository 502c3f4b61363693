"""A body that was moved or changed is refused by name, and stops nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from benhan.core import store
from benhan.core.access import Role, service
from benhan.core.fhir import r4
from benhan.core.store import encrypting
from benhan.core.store.bodies import DamagedRecord
from benhan.core.vault import rotating
from tests.core.store.elsewhere import Elsewhere
from tests.core.store.encryption.lying import MASTER, found, keep, owner, read, somebody

COPY = "update {table} t set body = s.body from {table} s where s.id = '{one}' and t.id = '{other}'"


@pytest.mark.parametrize("table", ["resource", "history"])
async def test_a_body_copied_to_another_row_is_refused_by_name(place: Elsewhere, table: str) -> None:
    one, other, third = await keep(place, somebody("1", "1"), somebody("2", "2"), somebody("3", "3"))
    await place.run(COPY.format(table=table, one=one.id, other=other.id))
    with pytest.raises(DamagedRecord, match=f"Patient/{other.id}"):
        if table == "resource":
            await read(place, other.id)
        else:
            async with place.database.transaction(place.loader.facility) as tx:
                await store.vread(tx, place.loader, r4.Patient, other.id or "", "1")
    left = {one.id, third.id} if table == "resource" else {one.id, other.id, third.id}
    assert set(await found(place, {"name": "my"})) == left


async def test_a_page_with_a_damaged_record_goes_on_to_the_next(place: Elsewhere) -> None:
    kept = await keep(place, *(somebody(str(n), str(n)) for n in range(5)))
    await place.run(f"update resource set body = body || 'x'::bytea where id = '{kept[2].id}'")
    seen: list[str | None] = []
    params: dict[str, Any] = {"name": "my", "_count": "2"}
    for _ in range(4):
        async with place.database.transaction(place.loader.facility) as tx:
            page = await store.search(tx, place.loader, r4.Patient, params)
        seen += [one.id for one in page.resources]
        if not page.next:
            break
        params["_after"] = page.next
    assert set(seen) == {one.id for n, one in enumerate(kept) if n != 2}


async def test_a_body_copied_to_another_hospital_is_refused(place: Elsewhere) -> None:
    await place.run("insert into facility (key, code, name) values (2, '01998', 'BV Khác')")
    there = service(Role.LOADER, 2)
    [mine] = await keep(place, somebody())
    async with place.database.transaction(2) as tx:
        theirs = await store.create(tx, there, somebody("5", "5"))
    await place.run(COPY.format(table="resource", one=mine.id, other=theirs.id))
    with pytest.raises(DamagedRecord, match=theirs.id):
        async with place.database.transaction(2) as tx:
            await store.read(tx, there, r4.Patient, theirs.id or "")


async def test_an_older_version_put_in_the_place_of_the_newest_is_refused(place: Elsewhere) -> None:
    [kept] = await keep(place, somebody())
    async with place.database.transaction(place.loader.facility) as tx:
        await store.update(tx, place.loader, _renamed(kept), if_match=None)
    await place.run(
        f"update resource r set body = h.body from history h where h.id = r.id and h.version = 1 and r.id = '{kept.id}'"
    )
    with pytest.raises(DamagedRecord, match="_history/2"):
        await read(place, kept.id)


def _renamed(kept: r4.Resource) -> r4.Patient:
    assert isinstance(kept, r4.Patient)
    kept.gender = "female"
    return kept


async def test_a_damaged_row_is_named_and_stops_nothing(place: Elsewhere) -> None:
    kept = await keep(place, *(somebody(str(n), str(n)) for n in range(3)))
    await place.run(f"update history set body = body || 'x'::bytea where id = '{kept[1].id}'")
    database = await owner(place)
    await rotating.rotate(database, MASTER, 1)
    done = await encrypting.encrypt(database, 1, lambda _turn: None)
    await database.close()
    assert done.damaged == [f"Patient/{kept[1].id}/_history/1"]
    assert done.changed == 5
