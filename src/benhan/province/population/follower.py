"""The reader of the change feed that counts: changed visits → facts → what the figures gain and lose.

One process at a time reads under the name (its row is locked); position, facts and figures are written in one
transaction, so that a crash at any moment leaves all three as they were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.db import PLATFORM, Transaction, background
from benhan.core.fhir import r4
from benhan.core.store import feed
from benhan.hospital.visit import id_of
from benhan.province.population import rules
from benhan.province.population.rules import Cell, Facts

READER: Final = "figures"
BATCH: Final = 1000
IDLE_SECONDS: Final = 0.5

_TYPES: Final = frozenset({"Encounter", "Condition", "Appointment"})
_FACTS_BEFORE = "select visit, day, hour, channel, wait, diagnosis, outcome from visit_fact where visit = any($1)"
_FORGET = "delete from visit_fact where facility = $1 and visit = any($2)"
_REMEMBER = """
insert into visit_fact (facility, visit, day, hour, channel, wait, diagnosis, outcome)
select $1, * from unnest($2::text[], $3::date[], $4::smallint[], $5::text[], $6::smallint[], $7::text[], $8::text[])
on conflict (facility, visit) do update set day = excluded.day, hour = excluded.hour, channel = excluded.channel,
    wait = excluded.wait, diagnosis = excluded.diagnosis, outcome = excluded.outcome
"""
#: Facility 0 gains what any facility of the province gains.
_ADD = """
insert into figure (province, facility, grain, measure, start, key, n)
select $1, place, g, m, s, k, d
from unnest($3::"char"[], $4::text[], $5::date[], $6::text[], $7::int[]) as u(g, m, s, k, d),
     unnest(array[0, $2::int]) as place
on conflict (province, facility, grain, measure, start, key) do update set n = figure.n + excluded.n
"""


class Follower(background.Follower):
    """Counts for as long as the process runs."""

    failure = "figures: a batch of the change feed could not be counted"
    batch, idle_seconds = BATCH, IDLE_SECONDS

    async def read(self) -> int:
        """Count one batch of changes; gives how many changes it held."""
        async with self._database.transaction(PLATFORM) as tx:
            if not await feed.has_news(tx, READER):
                return 0
            position = await feed.position(tx, READER)
            changes = await feed.changes(tx, position, BATCH)
            for facility, mine in _by_facility(changes).items():
                await count(tx, service(Role.FIGURES_SERVICE, facility), mine)
            await tx.reach(PLATFORM)  # the trace of reading several facilities is written at the commit
            if changes:
                await feed.advance(tx, READER, changes[-1].position)
        return len(changes)


async def count(tx: Transaction, who: Subject, changes: Iterable[feed.Change]) -> None:
    """Bring facts and figures of one facility up to these changes. Counting them again changes nothing."""
    await tx.reach(who.facility)
    touched = await _visits(tx, who, changes)
    after = await _facts(tx, who, touched)
    before = {
        row["visit"]: Facts(row["day"], row["hour"], row["channel"], row["wait"], row["diagnosis"], row["outcome"])
        for row in await tx.fetch(_FACTS_BEFORE, sorted(touched))
    }
    changed = {visit for visit in touched if before.get(visit) != after.get(visit)}
    if not changed:
        return
    gains: Counter[Cell] = Counter()
    for visit in changed:
        gains.update(rules.change(before.get(visit), after.get(visit)))
    await tx.execute(_FORGET, who.facility, sorted(changed - after.keys()))
    await _remember(tx, who, {visit: after[visit] for visit in sorted(changed & after.keys())})
    await _add(tx, who, gains)


async def _visits(tx: Transaction, who: Subject, changes: Iterable[feed.Change]) -> set[str]:
    """The visits that these changes may have changed: themselves, their diagnoses, their bookings."""
    ids: dict[str, set[str]] = {name: set() for name in _TYPES}
    for change in changes:
        ids[change.type].add(change.id)
    found = set(ids["Encounter"])
    conditions = await store.read_many(tx, who, r4.Condition, ids["Condition"])
    found |= {visit for one in conditions.values() if (visit := id_of(one.encounter))}
    return found | await _of_bookings(tx, who, ids["Appointment"], found)


async def _of_bookings(tx: Transaction, who: Subject, bookings: set[str], known: set[str]) -> set[str]:
    """Visits of changed bookings. Most bookings have none yet, and those of a check-in come with their visit."""
    came = await store.read_many(tx, who, r4.Appointment, bookings)
    waiting = sorted(id_ for id_, one in came.items() if one.status in ("arrived", "fulfilled"))
    found: set[str] = set()
    for start in range(0, len(waiting), 50):
        asked = ",".join(f"Appointment/{id_}" for id_ in waiting[start : start + 50])
        page = await store.search(tx, who, r4.Encounter, {"appointment": asked, "_count": "50"})
        found |= {visit.id for visit in page.resources if visit.id}
    return found - known


async def _facts(tx: Transaction, who: Subject, visits: set[str]) -> dict[str, Facts]:
    found = await store.read_many(tx, who, r4.Encounter, visits)
    bookings = await store.read_many(
        tx, who, r4.Appointment, [id_of(one) for visit in found.values() for one in visit.appointment or []]
    )
    diagnoses = await store.read_many(tx, who, r4.Condition, map(rules.main_condition, found.values()))
    made = {}
    for id_, visit in found.items():
        booking = bookings.get(id_of(visit.appointment[0]) or "") if visit.appointment else None
        if known := rules.facts(visit, booking, diagnoses):
            made[id_] = known
    return made


async def _remember(tx: Transaction, who: Subject, facts: Mapping[str, Facts]) -> None:
    if facts:
        columns = zip(*(msgspec.structs.astuple(one) for one in facts.values()), strict=True)
        await tx.execute(_REMEMBER, who.facility, list(facts), *map(list, columns))


async def _add(tx: Transaction, who: Subject, gains: Counter[Cell]) -> None:
    cells = sorted((cell, n) for cell, n in gains.items() if n)
    if not cells:
        return
    province = await tx.fetchval("select province from facility where key = $1", who.facility)
    columns = [list(column) for column in zip(*(cell for cell, _n in cells), strict=True)]
    await tx.execute(_ADD, int(province or 0), who.facility, *columns, [n for _cell, n in cells])
    await tx.execute("update figure_news set at = clock_timestamp()")


def _by_facility(changes: Iterable[feed.Change]) -> dict[int, list[feed.Change]]:
    found: dict[int, list[feed.Change]] = {}
    for change in changes:
        if change.type in _TYPES:
            found.setdefault(change.facility, []).append(change)
    return found
