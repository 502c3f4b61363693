"""Order and pages: several keys of every kind, nothing repeated or skipped while others write; totals; includes."""

from __future__ import annotations

import random
from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.db import Database
from benhan.core.fhir import codec, r4
from benhan.core.fhir.moments import moment_range
from benhan.core.fhir.outcome import Malformed
from benhan.core.kit.text import fold
from benhan.core.store import order
from benhan.core.store.along import MOST
from benhan.simulator.house import found_facility
from tests.core.store.asking import asked
from tests.core.store.people import person
from tests.core.store.ward import Ward


async def walked(database: Database, who: Subject, type_name: str, params: dict[str, Any]) -> list[str | None]:
    """The ids of all pages, in order."""
    seen: list[str | None] = []
    after: dict[str, str] = {}
    for _page in range(200):
        async with database.transaction(who.facility) as tx:
            page = await store.search(tx, who, codec.resource_type(type_name), {**params, **after})
        seen += [one.id for one in page.resources]
        if page.next is None:
            return seen
        after = {"_after": page.next}
    raise AssertionError("pages without end")


def amount(one: Any) -> float | None:
    return float(one.valueQuantity.value) if one.valueQuantity else None


SORTS: list[tuple[str, str, Callable[[Any], tuple[Any, ...]]]] = [
    ("Observation", "date", lambda o: (moment_range(o.effectiveDateTime)[0],)),
    ("Observation", "status,-date", lambda o: (o.status, down(moment_range(o.effectiveDateTime)[0].timestamp()))),
    ("Observation", "value-quantity,_id", lambda o: (last(amount(o)), o.id)),
    ("Observation", "-value-quantity,-_id", lambda o: (last(amount(o) and down(amount(o))), down(o.id))),
    ("Observation", "code,subject,_id", lambda o: (o.code.coding[0].code, o.subject.reference, o.id)),
    ("Observation", "value-string,_id", lambda o: (last(o.valueString and fold(o.valueString)), o.id)),
    ("Patient", "family,given,_id", lambda p: (fold(p.name[0].family), fold(p.name[0].given[0]), p.id)),
    ("Patient", "-gender,birthdate,_id", lambda p: (down(p.gender), moment_range(p.birthDate)[0], p.id)),
    ("Patient", "phone,-_id", lambda p: (last(p.telecom and p.telecom[0].value), down(p.id))),
]  # fmt: skip


class down:  # noqa: N801 - reads like a word of the order
    """Turns the order of a value round."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: down) -> bool:
        return bool(self.value > other.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, down) and bool(self.value == other.value)


def last(value: Any) -> tuple[bool, Any]:
    """No value comes last, whichever way the order goes."""
    return (value is None, value)


@pytest.mark.parametrize(("type_name", "sort", "key"), SORTS)
@pytest.mark.parametrize("count", ["7", "1000"])
async def test_the_order_is_that_of_all_keys_on_every_page(
    database: Database, clinic: Ward, type_name: str, sort: str, key: Callable[[Any], Any], count: str
) -> None:
    seen = await walked(database, clinic.who, type_name, {"_sort": sort, "_count": count})
    keys = [key(clinic.records[f"{type_name}/{id_}"]) for id_ in seen]
    assert all(not later < earlier for earlier, later in pairwise(keys))
    assert len(seen) == len(set(seen)) == len(clinic.of(type_name))


@pytest.mark.parametrize("params", [{}, {"status": "final"}, {"code": "8867-4,8310-5"}, {"patient.gender": "female"}])
async def test_pages_of_every_plan_hold_each_record_once(
    database: Database, clinic: Ward, params: dict[str, str]
) -> None:
    at_once = await walked(database, clinic.who, "Observation", {**params, "_count": "1000"})
    assert await walked(database, clinic.who, "Observation", {**params, "_count": "9"}) == at_once


@pytest.mark.parametrize("lead", ["few", "common"])
async def test_both_ways_of_reading_a_token_give_the_same_pages(
    database: Database, clinic: Ward, monkeypatch: pytest.MonkeyPatch, lead: str
) -> None:
    monkeypatch.setattr("benhan.core.store.lead.FEW", 10**6 if lead == "few" else 1)
    monkeypatch.setattr("benhan.core.store.lead._counts", {})
    expected = [one.id for one in reversed(clinic.of("Observation")) if one.status == "final"]
    for params in ({"status": "final"}, {"status": "final", "code:missing": "false"}):
        assert sorted(await walked(database, clinic.who, "Observation", {**params, "_count": "8"})) == sorted(expected)


@pytest.mark.parametrize("sort", [None, "birthdate", "-name,birthdate", "gender,-birthdate"])
async def test_nothing_is_repeated_or_skipped_while_others_write(
    database: Database, dsn: Callable[..., str], sort: str | None
) -> None:
    key = await found_facility(dsn(), "79778", "Phòng khám Lật Trang", "79")
    who = service(Role.LOADER, key, "Phòng khám Lật Trang")
    chance, name = random.Random(7), "Lat" + "".join(chr(97 + n % 26) for n in range(len(sort or "")))
    async with database.transaction(key) as tx:
        made = [await store.create(tx, who, born(f"{name} Người", chance)) for _ in range(30)]
    params = {"name": name, "_count": "4", **({"_sort": sort} if sort else {})}
    seen: list[str | None] = []
    after: dict[str, str] = {}
    while True:
        async with database.transaction(key) as tx:
            page = await store.search(tx, who, r4.Patient, {**params, **after})
            await store.create(tx, who, born(f"{name} Mới", chance))
            touched = chance.choice(made)  # a change of something that is not sorted by
            kept = await store.read(tx, who, r4.Patient, touched.id or "")
            await store.update(tx, who, msgspec.structs.replace(kept, active=not kept.active), if_match=None)
        seen += [one.id for one in page.resources]
        if page.next is None:
            break
        after = {"_after": page.next}
    assert len(seen) == len(set(seen)), "repeated"
    assert {one.id for one in made} <= set(seen), "skipped"


def born(name: str, chance: random.Random) -> r4.Patient:
    return msgspec.structs.replace(
        person(name), birthDate=f"{chance.randrange(1940, 1960)}-01-01", gender=chance.choice(["male", "female"])
    )


@pytest.mark.parametrize("bad", ["rác", "W10", "WyJ4IiwxXQ", "W251bGwsbnVsbF0", "WzEsMiwzXQ", "🙂", "e30"])
def test_a_cursor_that_is_none_is_refused(bad: str) -> None:
    with pytest.raises(Malformed):
        order.position(bad, [])


async def test_a_cursor_of_another_order_is_refused(database: Database, clinic: Ward) -> None:
    async with database.transaction(clinic.who.facility) as tx:
        page = await store.search(tx, clinic.who, r4.Patient, {"_sort": "birthdate", "_count": "3"})
        for sort in ("name", "birthdate,name", "_id"):
            with pytest.raises(Malformed):
                await store.search(tx, clinic.who, r4.Patient, {"_sort": sort, "_after": page.next or ""})


async def test_sorting_by_letters_is_refused_over_too_many(
    database: Database, clinic: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("benhan.core.store.search"), "MOST_SORTED", 10)
    async with database.transaction(clinic.who.facility) as tx:
        with pytest.raises(Malformed) as refused:
            await store.search(tx, clinic.who, r4.Observation, {"_sort": "code"})
    assert refused.value.code == "too-costly"


@pytest.mark.parametrize(
    "params",
    [{}, {"status": "final"}, {"code": "8867-4", "status": "final"}, {"patient": "nb-3"}, {"patient.gender": "male"}],
)
async def test_totals_count_what_is_found(database: Database, clinic: Ward, params: dict[str, str]) -> None:
    everything = len(await walked(database, clinic.who, "Observation", {**params, "_count": "1000"}))
    async with database.transaction(clinic.who.facility) as tx:
        for kind in ("accurate", "estimate"):
            page = await store.search(tx, clinic.who, r4.Observation, {**params, "_total": kind, "_count": "1"})
            assert page.total == everything
        only = await store.search(tx, clinic.who, r4.Observation, {**params, "_count": "0"})
        assert (only.total, only.resources) == (everything, [])


async def along(database: Database, clinic: Ward, type_name: str, params: dict[str, Any]) -> set[str]:
    answer = await asked(database, clinic.who, type_name, params)
    return {f"{one.type}/{one.id}" for one in answer.included}


async def test_includes_follow_references_out_and_back(database: Database, clinic: Ward) -> None:
    visit: Any = clinic.records["Encounter/lk-5"]
    patient = visit.subject.reference
    asked = {"_id": "lk-5"}
    assert await along(database, clinic, "Encounter", {**asked, "_include": "Encounter:patient"}) == {patient}
    assert await along(database, clinic, "Encounter", {**asked, "_include": "Encounter:subject:Group"}) == set()
    everything = {patient, visit.serviceProvider.reference, visit.participant[0].individual.reference}
    assert await along(database, clinic, "Encounter", {**asked, "_include": "*"}) == everything
    assert await along(database, clinic, "Encounter", {**asked, "_include": "Encounter:*"}) == everything
    readings = {
        f"Observation/{one.id}"
        for one in clinic.of("Observation")
        if one.encounter and clinic.at(one.encounter) == visit
    }
    assert await along(database, clinic, "Encounter", {**asked, "_revinclude": "Observation:encounter"}) == readings


async def test_what_came_along_brings_more_only_when_asked_to(database: Database, clinic: Ward) -> None:
    reading: Any = next(o for o in clinic.of("Observation") if o.encounter)
    visit: Any = clinic.at(reading.encounter)
    once = {"_id": reading.id, "_include": ["Observation:encounter", "Encounter:service-provider"]}
    assert await along(database, clinic, "Observation", once) == {reading.encounter.reference}
    further = {
        "_id": reading.id, "_include": "Observation:encounter", "_include:iterate": "Encounter:service-provider",
    }  # fmt: skip
    expected = {reading.encounter.reference, visit.serviceProvider.reference}
    assert await along(database, clinic, "Observation", further) == expected


async def test_too_much_along_is_cut_and_said(
    database: Database, clinic: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benhan.core.store.along.MOST", 5)
    async with database.transaction(clinic.who.facility) as tx:
        page = await store.search(tx, clinic.who, r4.Patient, {"_revinclude": "Observation:patient"})
    assert page.cut
    assert len(page.included) == 5


async def test_too_much_on_one_page_is_cut_and_said(database: Database, loader: Subject) -> None:
    one, *houses = (f"dau-moi-{n}" for n in range(MOST + 2))
    records: list[r4.Resource] = [r4.Organization(id=id_, name=id_) for id_ in houses]
    entries = [r4.ListEntry(item=r4.Reference(reference=f"Organization/{id_}")) for id_ in houses]
    records.append(r4.List(id=one, status="current", mode="working", entry=entries))
    async with database.transaction(loader.facility) as tx:
        await store.load(tx, loader, records)
    answer = await asked(database, loader, "List", {"_id": one, "_include": "List:item:Organization"})
    assert (len(answer.included), answer.cut) == (MOST, True)
