"""Counting without reading: by room, by quarter of an hour, by how long; and who may."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Database, Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Forbidden, Malformed
from benhan.core.kit.clock import ZONE
from benhan.core.store import counting
from benhan.core.store.counting import ByTime, ByToken
from benhan.simulator import House


async def visit(
    tx: Transaction, who: Subject, day: str, at: str, room: str, *, desk: tuple[str, str] | None = None
) -> None:
    """A visit that began at a time of a day; `desk`: from when to when it stood at the desk."""
    stays = [r4.EncounterLocation(location=r4.Reference(reference=f"Location/{room}"))]
    if desk:
        told = r4.Period(start=f"{day}T{desk[0]}+07:00", end=f"{day}T{desk[1]}+07:00")
        stays.append(r4.EncounterLocation(location=r4.Reference(display="Quầy"), period=told))
    period = r4.Period(start=f"{day}T{at}+07:00")
    made = r4.Encounter(status="arrived", class_=r4.Coding(code="AMB"), period=period, location=stays)
    await store.create(tx, who, made)


async def test_visits_are_counted_by_quarter_and_room(database: Database, loader: Subject) -> None:
    day, start = {"date": ["sa2051-05-05", "lt2051-05-07"]}, datetime(2051, 5, 6, tzinfo=ZONE)
    quarter = ByTime("date", start, timedelta(minutes=15))
    async with database.transaction(loader.facility) as tx:
        for at, room in (("07:00:00", "dem-a"), ("07:14:59", "dem-a"), ("07:15:00", "dem-b"), ("00:00:00", "dem-b")):
            await visit(tx, loader, "2051-05-06", at, room)
        await visit(tx, loader, "2051-05-05", "23:59:59", "dem-a")
        await visit(tx, loader, "2051-05-07", "00:00:00", "dem-a")
        assert await counting.tally(tx, loader, r4.Encounter, day, quarter) == {(28,): 2, (29,): 1, (0,): 1}
        rooms = await counting.tally(tx, loader, r4.Encounter, day, ByToken("location"))
        assert rooms[counting.reference_key("Location/dem-a"),] == 2
        both = await counting.tally(tx, loader, r4.Encounter, day, quarter, ByToken("location"))
        assert both[29, counting.reference_key("Location/dem-b")] == 1
        assert await counting.tally(tx, loader, r4.Encounter, day) == {(): 4}
        assert await counting.tally(tx, loader, r4.Encounter, day, newest=3) == {(): 3}


async def test_how_long_people_stood_at_the_desk(database: Database, loader: Subject) -> None:
    day = {"date": ["sa2052-05-05", "lt2052-05-07"]}
    async with database.transaction(loader.facility) as tx:
        await visit(tx, loader, "2052-05-06", "08:00:06", "dem-c", desk=("08:00:00.000", "08:00:06.000"))
        await visit(tx, loader, "2052-05-06", "08:10:00", "dem-c")
        await visit(tx, loader, "2052-05-06", "08:20:00", "dem-c", desk=("08:21:00.000", "08:29:00.000"))
        times = await counting.durations(tx, loader, r4.Encounter, day, "location-period", before="date")
    assert times == [pytest.approx(6, abs=0.01)]


async def test_another_hospital_counts_nothing_of_ours(
    database: Database, loader: Subject, other_hospital: House
) -> None:
    async with database.transaction(loader.facility) as tx:
        await visit(tx, loader, "2053-05-06", "08:00:00", "dem-d")
    async with database.transaction(other_hospital.key) as tx:
        asked = {"location": "Location/dem-d"}
        assert await counting.tally(tx, other_hospital.loader, r4.Encounter, asked) == {(): 0}


async def test_who_may_not_search_may_not_count(database: Database, subject: Callable[..., Subject]) -> None:
    who = subject("display")
    async with database.transaction(who.facility) as tx:
        with pytest.raises(Forbidden):
            await counting.tally(tx, who, r4.Condition, {})
        with pytest.raises(Forbidden):
            await counting.durations(tx, who, r4.Condition, {}, "onset-date", before="recorded-date")


async def test_a_count_leaves_its_trace(database: Database, loader: Subject) -> None:
    async with database.transaction(loader.facility) as tx:
        await counting.tally(tx, loader, r4.Encounter, {"location": "Location/dem-vet"})
    async with database.transaction(loader.facility) as tx:
        traces = await tx.fetch("select action, type from audit where detail = 'tally location=Location/dem-vet'")
    assert [tuple(one) for one in traces] == [("search", "Encounter")]


async def test_what_cannot_be_counted_by_is_refused_by_name(database: Database, loader: Subject) -> None:
    async with database.transaction(loader.facility) as tx:
        with pytest.raises(Malformed, match="khong-co"):
            await counting.tally(tx, loader, r4.Encounter, {}, ByToken("khong-co"))
