"""What a visit counts for, and that counting survives everything that happens to a process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Forbidden
from benhan.core.store import feed
from benhan.province.population import figures, rules
from benhan.province.population.figures import Figures
from benhan.province.population.follower import READER, Follower
from benhan.province.population.rules import Facts
from benhan.simulator import House
from tests.province import visits

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def of_day(database: Database, who: Subject, day: datetime, kind: str = "ngay") -> Figures:
    await visits.counted(database)
    async with database.transaction(who.facility) as tx:
        places = await figures.facilities(tx, who)
        return await figures.figures(tx, who, rules.period(kind, day.date()), places)


async def test_a_visit_is_counted_as_it_goes_on(
    database: Database, hospital: House, subject: Callable[..., Subject]
) -> None:
    who, day = subject("province"), visits.a_day()
    async with database.transaction(hospital.key) as tx:
        visit = await visits.arrive(tx, hospital, day, "zalo")
    found = await of_day(database, who, day)
    assert (found.channels.visits, found.channels.online, found.diagnosed) == (1, 1, 0)
    async with database.transaction(hospital.key) as tx:
        visit = await visits.see(tx, hospital, visit, day + timedelta(minutes=17))
        await visits.end(tx, hospital, visit, day + timedelta(minutes=30), "J06.9")
    found = await of_day(database, who, day)
    assert (found.channels.visits, found.diagnosed, found.outcomes) == (1, 1, {"home": 1})
    assert [one.code for one in found.diagnoses] == ["J06.9"]
    assert found.diagnoses[0].name.startswith("Nhiễm trùng đường hô hấp trên")


async def test_the_share_booked_online_is_told_as_the_news_tells_it() -> None:
    assert round(figures.Channels(online=1431, booked=0, walk_in=23981 - 1431).online_percent or 0) == 6


async def test_online_booked_and_walk_in_are_told_apart(
    database: Database, hospital: House, subject: Callable[..., Subject]
) -> None:
    day = visits.a_day()
    async with database.transaction(hospital.key) as tx:
        for channel in ("web", "zalo", "phone", "desk", None, None, None):
            await visits.arrive(tx, hospital, day, channel)
    found = (await of_day(database, subject("province"), day)).channels
    assert (found.online, found.booked, found.walk_in) == (2, 2, 3)


async def test_waiting_is_the_median_and_the_ninetieth_percentile(
    database: Database, hospital: House, subject: Callable[..., Subject]
) -> None:
    day = visits.a_day()
    async with database.transaction(hospital.key) as tx:
        for wait in range(1, 101):
            await visits.see(tx, hospital, await visits.arrive(tx, hospital, day), day + timedelta(minutes=wait))
    found = await of_day(database, subject("province"), day)
    assert abs((found.waiting.median or 0) - 50) <= 2
    assert abs((found.waiting.p90 or 0) - 90) <= 2
    assert list(found.by_hour) == [7]


async def test_a_cancelled_or_deleted_visit_is_taken_back(
    database: Database, hospital: House, subject: Callable[..., Subject]
) -> None:
    who, day = subject("province"), visits.a_day()
    async with database.transaction(hospital.key) as tx:
        undone = await visits.arrive(tx, hospital, day)
        removed = await visits.arrive(tx, hospital, day)
        await visits.whole(tx, hospital, day, 10, "I10")
    assert (await of_day(database, who, day)).channels.visits == 3
    async with database.transaction(hospital.key) as tx:
        undone.status = "cancelled"
        await store.update(tx, hospital.loader, undone, if_match=None)
        await tx.execute("update resource set body = null where id = $1", removed.id)
        await tx.execute(
            "insert into feed (facility, type, id, version, action) select facility, type, id, version + 1, 'd'"
            " from resource where id = $1", removed.id,
        )  # fmt: skip
    found = await of_day(database, who, day)
    assert (found.channels.visits, found.diagnosed) == (1, 1)


async def test_a_changed_diagnosis_moves_to_its_new_code(
    database: Database, hospital: House, subject: Callable[..., Subject]
) -> None:
    who, day = subject("province"), visits.a_day()
    async with database.transaction(hospital.key) as tx:
        visit = await visits.whole(tx, hospital, day, 10, "I10")
    assert [one.code for one in (await of_day(database, who, day)).diagnoses] == ["I10"]
    async with database.transaction(hospital.key) as tx:
        id_ = (visit.diagnosis or [])[0].condition.reference or ""
        condition = await store.read(tx, hospital.loader, r4.Condition, id_.partition("/")[2])
        condition.code = r4.CodeableConcept(coding=[r4.Coding(system="http://hl7.org/fhir/sid/icd-10", code="E11.9")])
        await store.update(tx, hospital.loader, condition, if_match=None)
    assert [(one.code, one.n) for one in (await of_day(database, who, day)).diagnoses] == [("E11.9", 1)]


async def test_reading_the_whole_feed_again_changes_nothing(
    database: Database, hospital: House, subject: Callable[..., Subject]
) -> None:
    who, day = subject("province"), visits.a_day()
    async with database.transaction(hospital.key) as tx:
        for code in ("I10", "I10", "I10", "J06.9"):
            await visits.whole(tx, hospital, day, 12, code, "web")
    before = await of_day(database, who, day)
    async with database.transaction(PLATFORM) as tx:
        await feed.position(tx, READER)
        await feed.advance(tx, READER, feed.Position())
    assert await of_day(database, who, day) == before


async def test_several_readers_at_once_count_each_visit_once(
    database: Database, hospital: House, subject: Callable[..., Subject]
) -> None:
    day = visits.a_day()
    readers = [Follower(database) for _ in range(4)]
    for _ in range(5):
        async with database.transaction(hospital.key) as tx:
            await visits.whole(tx, hospital, day, 10, "I10")
        await asyncio.gather(*(reader.read() for reader in readers))
    found = await of_day(database, subject("province"), day)
    assert (found.channels.visits, found.diagnoses[0].n) == (5, 5)


async def test_a_batch_that_dies_is_read_again(
    database: Database, hospital: House, subject: Callable[..., Subject]
) -> None:
    day = visits.a_day()
    await visits.counted(database)
    async with database.transaction(hospital.key) as tx:
        await visits.whole(tx, hospital, day, 10, "I10")
    for pause in (0.0, 0.002, 0.005, 0.01, 0.02):
        reading = asyncio.ensure_future(Follower(database).read())
        await asyncio.sleep(pause)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    found = await of_day(database, subject("province"), day)
    assert (found.channels.visits, found.diagnosed) == (1, 1)


async def test_sums_of_weeks_months_and_of_the_province_agree(
    database: Database, hospital: House, other_hospital: House, subject: Callable[..., Subject]
) -> None:
    who, day = subject("province"), visits.a_day().replace(day=15)
    for house, n in ((hospital, 3), (other_hospital, 2)):
        async with database.transaction(house.key) as tx:
            for _ in range(n):
                await visits.arrive(tx, house, day)
    for kind in ("ngay", "tuan", "thang"):
        found = await of_day(database, who, day, kind)
        assert found.channels.visits == 5 == sum(found.series.values()), kind
        assert sorted(place.channels.visits for place in found.places if place.channels.visits) == [2, 3]
    year = await of_day(database, who, day, "nam")
    assert year.channels.visits == sum(year.series.values()) >= 5


async def test_the_tables_hold_no_personal_data(database: Database) -> None:
    async with database.transaction(PLATFORM) as tx:
        rows = await tx.fetch(
            "select column_name as name from information_schema.columns where table_name in ('visit_fact', 'figure')"
        )
    names = {row["name"] for row in rows}
    assert names.isdisjoint({"patient", "name", "birth", "phone", "identifier", "address"})
    assert {"facility", "visit", "measure", "key", "n"} <= names


async def test_facts_of_a_facility_are_behind_the_second_wall(
    database: Database, hospital: House, other_hospital: House
) -> None:
    async with database.transaction(hospital.key) as tx:
        await visits.arrive(tx, hospital, visits.a_day())
    await visits.counted(database)
    async with database.transaction(other_hospital.key) as tx:
        assert await tx.fetchval("select count(*) from visit_fact where facility = $1", hospital.key) == 0


async def test_only_the_province_may_ask(database: Database, subject: Callable[..., Subject]) -> None:
    for role in (Role.DOCTOR, Role.ADMINISTRATOR, Role.PLANNING):
        who = subject(role)
        async with database.transaction(who.facility) as tx:
            with pytest.raises(Forbidden):
                await figures.facilities(tx, who)
            with pytest.raises(Forbidden):
                await figures.figures(tx, who, rules.period("ngay", visits.a_day().date()), [])
            with pytest.raises(Forbidden):
                await figures.changed(tx, who)


async def test_small_counts_are_hidden_and_none_is_told_as_none() -> None:
    assert [rules.shown(n) for n in (0, 1, 2, 3, 40)] == ["0", "<3", "<3", "3", "40"]
    assert rules.quantile({10: 2}, 0.5) is None
    assert rules.quantile({}, 0.9) is None


async def test_what_changes_is_only_the_difference() -> None:
    before = Facts(visits.a_day().date(), 7, "web")
    assert not rules.change(before, before)
    after = Facts(before.day, 7, "web", wait=12)
    assert {measure for _grain, measure, _start, _key in rules.change(before, after)} == {"wait", "wait-hour"}
    assert set(rules.change(after, None).values()) == {-1}
