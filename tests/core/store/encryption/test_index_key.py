"""The key by which identifiers and telephones are found is exchanged while everybody finds and writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import date
from typing import Any

import pytest
import pytest_asyncio

from benhan.core import store
from benhan.core.access import people, relations
from benhan.core.access.acting import Kind, Part
from benhan.core.access.relations import Naming
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir import r4, systems
from benhan.core.store import encrypting, index_key
from benhan.core.store.rows import claims
from benhan.core.vault import keys_of, ring_of, rotating, use
from tests.core.store.elsewhere import Elsewhere
from tests.core.store.encryption.lying import MASTER

NUMBER, PHONE, BORN = "079301234567", "0907654321", date(1985, 8, 15)


@pytest_asyncio.fixture
async def owner(place: Elsewhere) -> AsyncIterator[Database]:
    """The operator's process."""
    made = await Database.as_owner(place.dsn("postgres"))
    yield made
    await made.close()


def somebody(number: str) -> r4.Patient:
    return r4.Patient(
        identifier=[r4.Identifier(system=systems.CCCD, value=number)],
        telecom=[r4.ContactPoint(system="phone", value=f"0{number[3:]}")],
    )


async def keep(place: Elsewhere, number: str, by: Database | None = None) -> r4.Patient:
    async with (by or place.database).transaction(1) as tx:
        return await store.create(tx, place.loader, somebody(number))


async def found(place: Elsewhere, number: str, by: Database | None = None) -> list[str | None]:
    """Who is found by number and by telephone."""
    async with (by or place.database).transaction(1) as tx:
        asked: list[dict[str, Any]] = [{"identifier": f"{systems.CCCD}|{number}"}, {"phone": f"0{number[3:]}"}]
        pages = [await store.search(tx, place.loader, r4.Patient, params) for params in asked]
    first, second = ([one.id for one in page.resources] for page in pages)
    assert first == second
    return first


async def relative(place: Elsewhere) -> str:
    """Somebody acts for a patient, and waits to be found by her telephone."""
    async with place.database.transaction(1) as tx:
        patient = await store.create(tx, place.loader, somebody("079000000001"))
        made = await store.create(
            tx, place.loader,
            r4.RelatedPerson(
                patient=r4.Reference(reference=f"Patient/{patient.id}"),
                telecom=[r4.ContactPoint(system="phone", value=PHONE)],
            ),
        )  # fmt: skip
        naming = Naming(name="Con", phone=PHONE, birth=BORN, kind=Kind.NAMED, parts=frozenset({Part.CHART}),
                        labelled=False, ends=None, proof="")  # fmt: skip
        await relations.add(tx, place.loader, made.id or "", patient.id or "", "Mẹ", naming)
    return made.id or ""


async def invited(place: Elsewhere) -> list[str]:
    async with place.database.transaction(PLATFORM) as tx:
        hers = await people.invited(tx, 1, PHONE, BORN)
        assert await people.waits(tx, 1, PHONE) == bool(hers)
    return [id_ for id_, _name, _person in hers]


async def test_everybody_is_found_by_everybody_at_each_step(place: Elsewhere, owner: Database) -> None:
    """Two servers, one of which hears of each step later than the other, write and find; nobody is taken twice."""
    kept = {n: await keep(place, n) for n in (f"0793{n:08d}" for n in range(20))}
    acts, late = await relative(place), await Database.connect(place.dsn("benhan_app"), size=2)
    before, steps = (await keys_of(place.database, 1)).index, 0
    assert (await keys_of(late, 1)).index == before

    async def heard() -> None:
        nonlocal steps
        steps += 1
        await ring_of(place.database).refresh()
        for by, other in ((place.database, late), (late, place.database)):
            number = f"07940000{steps}{by is late:03d}"
            kept[number] = await keep(place, number, by)
            for one in (by, other):
                assert await found(place, number, one) == [kept[number].id], (steps, number)
            with pytest.raises(store.AlreadyExists):
                await keep(place, number, other)
        for number, one in list(kept.items()):
            assert await found(place, number) == await found(place, number, late) == [one.id], (steps, number)
            with pytest.raises(store.AlreadyExists):
                await keep(place, number)
        assert await invited(place) == [acts]
        await ring_of(late).refresh()

    assert await index_key.exchange(owner, MASTER, [1], heard) == []
    assert steps == 3
    now = await keys_of(place.database, 1)
    assert now.index != before and now.complete
    for number, one in kept.items():
        assert await found(place, number) == [one.id]
        with pytest.raises(store.AlreadyExists):
            await keep(place, number)
    assert await invited(place) == [acts]
    await late.close()
    said = [what for one in kept.values() for what in claims(one, before)]
    assert await place.value("select count(*) from once where what = any($1)", said) == 0  # none of the old ones


async def test_while_people_are_written_nobody_is_lost(place: Elsewhere, owner: Database) -> None:
    people = {n: await keep(place, n) for n in (f"0793{n:08d}" for n in range(250))}
    stop, wrote, written = asyncio.Event(), asyncio.Event(), 0

    async def write() -> None:
        nonlocal written
        numbers = list(people)
        while not stop.is_set():
            number = f"0795{written:08d}"
            people[number] = await keep(place, number)
            one = people[numbers[written % len(numbers)]]
            async with place.database.transaction(1) as tx:
                await store.change(tx, place.loader, r4.Patient, one.id or "", _other_gender)
            assert await found(place, number) == [people[number].id]
            assert await found(place, numbers[written % len(numbers)]) == [one.id]
            written += 1
            wrote.set()

    async def heard() -> None:
        wrote.clear()
        await wrote.wait()
        await ring_of(place.database).refresh()
        wrote.clear()
        await wrote.wait()

    writer = asyncio.create_task(write())
    assert await index_key.exchange(owner, MASTER, [1], heard) == []
    stop.set()
    await writer
    assert (await keys_of(place.database, 1)).complete
    for number, one in people.items():
        assert await found(place, number) == [one.id]


def _other_gender(one: r4.Patient) -> r4.Patient:
    one.gender = "male" if one.gender == "female" else "female"
    return one


async def test_killed_at_any_step_it_is_run_again_with_the_same_key(place: Elsewhere, owner: Database) -> None:
    one = await keep(place, NUMBER)
    for last in range(3):
        left = iter(range(last))

        async def killed(left: Iterator[int] = left) -> None:
            await ring_of(place.database).refresh()
            if next(left, None) is None:
                raise RuntimeError("hỏng")

        with pytest.raises(RuntimeError, match="hỏng"):
            await index_key.exchange(owner, MASTER, [1], killed)
        await encrypting.encrypt(owner, 1, lambda _turn: None)  # which thinks nothing done that is not
        await ring_of(place.database).refresh()
        assert await found(place, NUMBER) == [one.id]
        with pytest.raises(store.AlreadyExists):
            await keep(place, NUMBER)
    assert await place.value("select count(*) from data_key where purpose = 'index'") == 2
    assert await found(place, NUMBER) == [one.id]


async def test_before_the_first_key_is_complete_it_is_refused(
    place: Elsewhere, owner: Database, without_master: None
) -> None:
    await keep(place, NUMBER)
    use(MASTER)
    place.database.kept.clear()
    owner.kept.clear()
    with pytest.raises(rotating.NotEncryptedYet, match="keys encrypt"):
        await index_key.exchange(owner, MASTER, [1])
    assert await place.value("select count(*) from data_key where purpose = 'index'") == 1


async def test_a_damaged_person_is_named_and_stops_nothing(place: Elsewhere, owner: Database) -> None:
    one, other = await keep(place, NUMBER), await keep(place, "079301234568")
    await place.run(f"update resource set body = body || 'x'::bytea where id = '{other.id}'")

    async def heard() -> None:
        await ring_of(place.database).refresh()

    assert await index_key.exchange(owner, MASTER, [1], heard) == [f"Patient/{other.id}"]
    assert await found(place, NUMBER) == [one.id]
