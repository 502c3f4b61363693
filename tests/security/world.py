"""Four hospitals on one platform, alike to the last id: only the marks in their texts tell them apart.

Whatever one hospital asks by an id that it knows, the other three have a record under the same id. The people, visits
and the morning under way are the simulator's; beside them stands one of HL7's examples of each other type.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from benhan.core.access.accounts import create_account
from benhan.core.db import Database
from benhan.core.fhir import codec, r4, validation
from benhan.core.kit import clock
from benhan.core.store.records import NUMBERS
from benhan.core.store.rows import rows_of
from benhan.hospital.visit import SERIES
from benhan.simulator import House, build_province, people
from benhan.simulator.accounts import HOSPITAL_ACCOUNTS, Account
from benhan.simulator.house import _people, _places, _schedules, found_facility, load_all, slots
from benhan.simulator.medicines import sample
from benhan.simulator.population import Population
from benhan.simulator.records import Writer
from benhan.simulator.timeline import Visit, past_day, this_morning
from tests.security.marks import ID, LETTERS, Mark, marked

SEED = 2026
PEOPLE, PAST_DAYS, VISITS_A_DAY, CROWD = 60, 2, 6, 0.15
#: Types that say how the platform works; their records would change it. AuditEvents are the program's.
_OF_THE_PLATFORM = frozenset([
    "AuditEvent", "Subscription", "CodeSystem", "ValueSet", "ConceptMap", "StructureDefinition", "SearchParameter",
    "Parameters", "Bundle", "OperationOutcome", "CapabilityStatement", "TerminologyCapabilities", "ImplementationGuide",
    "Binary",
])  # fmt: skip
_LONGEST_EXAMPLE = 12_000


class World(msgspec.Struct, frozen=True):
    """What stands, and what there is to ask by."""

    houses: dict[str, House]
    province: House
    #: Type → ids; the same in every hospital, but for `own`.
    ids: dict[str, list[str]]
    #: Ids that one hospital alone has: hospital → (type, id).
    own: dict[str, list[tuple[str, str]]]
    #: Patient id → her number in the marks.
    patients: dict[str, int]
    #: Those of them who came lately.
    seen: frozenset[str]


async def build(database: Database, owner: Callable[[], str], examples: Iterable[Path]) -> World:
    """Found and fill them."""
    today = clock.today()
    crowd = Population(SEED, PEOPLE, today)
    numbers = {crowd[n].id: n + 1 for n in range(crowd.size)}
    shown = list(_one_of_each(examples))
    houses, ids, own = {}, dict[str, dict[str, None]](), dict[str, list[tuple[str, str]]]()
    for n, letter in enumerate(LETTERS):
        code = f"{79100 + n}"
        key = await found_facility(owner(), code, f"BV {letter.upper()}", "79")
        house = House(key=key, code=code, name=f"BV {letter.upper()}")
        house = msgspec.structs.replace(house, accounts=await _accounts(database, key, letter))
        houses[letter] = house
        records = [_marked(one, letter, numbers) for one in [*_house(house), *_charts(house, crowd)]]
        foreign = [_example(one, letter, sorted(numbers)[0], numbers) for one in shown]
        await load_all(database, house.loader, [*records, *foreign])
        for one in records:
            ids.setdefault(codec.type_name(one), {})[one.id or ""] = None
        own[letter] = [(codec.type_name(one), one.id or "") for one in foreign]
    province = await build_province(database, owner())
    seen = frozenset(patient for one in records if isinstance(one, r4.Encounter) if (patient := rows_of(one).patient))
    return World(houses, province, {name: list(some) for name, some in ids.items()}, own, numbers, seen)


async def _accounts(database: Database, key: int, letter: str) -> tuple[Account, ...]:
    """One for each role, without a password: whoever asks has a session."""
    made = []
    async with database.transaction(key) as tx:
        for one in HOSPITAL_ACCOUNTS:
            login = f"{letter}.{one.login}"
            id_ = await create_account(tx, key, login, None, one.login, [one.role], one.practitioner)
            made.append(msgspec.structs.replace(one, login=login, id=id_))
    return tuple(made)


def _house(house: House) -> Iterator[r4.Resource]:
    yield from _places(house)
    yield from _people(house)
    yield from islice(sample(), 40)
    yield from _schedules()
    yield from slots(clock.today(), 1)


def _charts(house: House, crowd: Population) -> list[r4.Resource]:
    """Who is known, who came on the last days, and whoever is here this morning."""
    now, first = clock.now(), clock.today()
    found = {
        (type(one), one.id): one for n in range(crowd.size) for one in people.records(crowd[n], house.organization)
    }
    for ago in range(PAST_DAYS, 0, -1):
        past = past_day(SEED, first - timedelta(days=ago), VISITS_A_DAY, crowd)
        found |= _written(house, past, ago * 1000, datetime(9000, 1, 1, tzinfo=now.tzinfo))
    found |= _written(house, this_morning(SEED, now, crowd, CROWD, set()), 0, now)
    return list(found.values())


def _written(house: House, visits: list[Visit], base: int, now: datetime) -> dict[Any, r4.Resource]:
    writer, order = Writer(house, now), base
    for number, visit in enumerate(visits, base):
        visit.number, visit.ticket = f"LK-26-{number:06d}", f"{SERIES[visit.priority]}-{number:03d}"
        for place, stop in enumerate(visit.stops):
            stop.ticket = f"X-{number * 2 + place:03d}"
            stop.numbers = [f"26-{order + n:06d}" for n in range(len(stop.services))]
            order += len(stop.services)
    # A slot of the day is there already, free; the visit that took it says so in its own records.
    made = (one for visit in visits for one in writer.records(visit) if not isinstance(one, r4.Slot))
    return {(type(one), one.id): one for one in made}


def _marked(one: r4.Resource, letter: str, numbers: dict[str, int]) -> r4.Resource:
    patient = rows_of(one).patient
    return marked(one, Mark(letter, codec.type_name(one), numbers[patient] if patient else 0))


def _one_of_each(examples: Iterable[Path]) -> Iterator[r4.Resource]:
    """HL7's first short example of each type."""
    seen: set[str] = set(_OF_THE_PLATFORM)
    for path in examples:
        name = path.name.partition("-")[0]
        if name in seen or name not in NUMBERS or path.stat().st_size > _LONGEST_EXAMPLE:
            continue
        one = codec.decode(path.read_bytes())
        if not validation.validate(marked(one, Mark(LETTERS[0], name, 0))):
            seen.add(name)
            yield one


def _example(one: r4.Resource, letter: str, patient: str, numbers: dict[str, int]) -> r4.Resource:
    """An example as a record of a hospital: its own id, about a patient there."""
    name = codec.type_name(one)
    body = json.loads(codec.encode(one))
    body["id"] = str(Mark(letter, name, ID))
    body.pop("contained", None)
    _about(body, patient)
    moved = codec.decode(json.dumps(body).encode(), type(one))
    owner = patient if name == "Patient" else rows_of(moved).patient
    return marked(moved, Mark(letter, name, numbers.get(owner or "", 0)))


def _about(node: Any, patient: str) -> None:
    """Patients it speaks of are this one; what it contained is gone."""
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        if isinstance(value, dict) and isinstance(value.get("reference"), str):
            if value["reference"].startswith("Patient/"):
                value["reference"] = f"Patient/{patient}"
            elif value["reference"].startswith("#"):
                del value["reference"]
                value.setdefault("display", "kèm theo")
        _about(value, patient)
