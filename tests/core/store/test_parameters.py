"""Search parameters brought in at run time: checked, indexed in the background, asked by, retired."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict, Invalid, Problem
from benhan.core.store import parameters, reindex
from benhan.simulator import House


def definition(**changes: Any) -> r4.SearchParameter:
    """A parameter that finds devices by their serial number, under a code of its own."""
    code = f"serial-{uuid4().hex[:8]}"
    made = r4.SearchParameter(
        url=f"http://vi.du/SearchParameter/{code}",
        name="Serial",
        status="active",
        description="Số máy",
        code=code,
        base=["Device"],
        type="token",
        expression="Device.serialNumber",
    )
    return msgspec.structs.replace(made, **changes)


def device(serial: str, **more: Any) -> r4.Device:
    return r4.Device(serialNumber=serial, **more)


async def keep(database: Database, who: Subject, *resources: r4.Resource) -> list[Any]:
    async with database.transaction(who.facility) as tx:
        return [await store.create(tx, who, one) for one in resources]


async def find(database: Database, who: Subject, params: dict[str, str]) -> list[str | None]:
    async with database.transaction(who.facility) as tx:
        return [one.id for one in (await store.search(tx, who, r4.Device, params)).resources]


async def complete(database: Database) -> None:
    """Until no job is open (the application's own may be at work too)."""
    for _ in range(2000):
        await reindex.step(database)
        async with database.transaction(PLATFORM) as tx:
            if not await tx.fetchval(
                "select exists(select from search_parameter where active and not complete)"
                " or exists(select from reindex where ended is null)"
            ):
                await parameters.refresh(tx)
                return
    pytest.fail("it is never complete")


@asynccontextmanager
async def nobody_plans(dsn: Callable[..., str]) -> AsyncIterator[None]:
    """No process begins to index while this lasts."""
    connection = await asyncpg.connect(dsn("postgres"))
    try:
        await connection.execute("select pg_advisory_lock($1)", reindex.LOCK)
        yield
    finally:
        await connection.close()


async def test_records_from_before_and_after_are_found_by_a_parameter_brought_in_at_run_time(
    database: Database, loader: Subject
) -> None:
    serial, wanted = uuid4().hex, definition()
    [before] = await keep(database, loader, device(serial))
    await keep(database, loader, wanted)
    await complete(database)
    [after, _other] = await keep(database, loader, device(serial), device("khác"))
    found = await find(database, loader, {wanted.code or "": serial})
    assert sorted(found, key=str) == sorted([before.id, after.id], key=str)


async def test_a_search_is_refused_until_every_record_is_indexed(
    database: Database, loader: Subject, dsn: Callable[..., str]
) -> None:
    wanted = definition()
    async with nobody_plans(dsn):
        await keep(database, loader, wanted)
        async with database.transaction(PLATFORM) as tx:
            await parameters.refresh(tx)
        with pytest.raises(Problem) as refused:
            await find(database, loader, {wanted.code or "": "x"})
        assert refused.value.status == 503
        assert (wanted.code or "?") in refused.value.message
    await complete(database)
    assert await find(database, loader, {wanted.code or "": "x"}) == []


async def test_a_process_that_has_not_heard_of_it_loses_no_record(
    database: Database, loader: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    serial, wanted = uuid4().hex, definition()
    before = parameters._known
    await keep(database, loader, wanted)
    await complete(database)
    learned = parameters._known
    monkeypatch.setattr(parameters, "_known", before)
    [missed] = await keep(database, loader, device(serial))
    monkeypatch.setattr(parameters, "_known", learned)
    await complete(database)
    assert await find(database, loader, {wanted.code or "": serial}) == [missed.id]


async def test_a_changed_expression_is_indexed_anew_under_the_same_number(database: Database, loader: Subject) -> None:
    serial, wanted = uuid4().hex, definition()
    [kept] = await keep(database, loader, wanted)
    [one] = await keep(database, loader, device(serial, lotNumber=f"lô{serial}"))
    await complete(database)
    number = parameters.known(loader.facility, "Device")[wanted.code or ""].id
    async with database.transaction(loader.facility) as tx:
        await store.update(tx, loader, msgspec.structs.replace(kept, expression="Device.lotNumber"), if_match=None)
    await complete(database)
    assert parameters.known(loader.facility, "Device")[wanted.code or ""].id == number
    assert await find(database, loader, {wanted.code or "": serial}) == []
    assert await find(database, loader, {wanted.code or "": f"lô{serial}"}) == [one.id]


async def test_a_retired_or_deleted_parameter_is_no_longer_known(
    database: Database, loader: Subject, subject: Callable[..., Subject]
) -> None:
    first, second = definition(), definition()
    [kept, other] = await keep(database, loader, first, second)
    await complete(database)
    async with database.transaction(loader.facility) as tx:
        await store.update(tx, loader, msgspec.structs.replace(kept, status="retired"), if_match=None)
        await store.delete(tx, subject("administrator"), r4.SearchParameter, other.id)
    await complete(database)
    known = parameters.known(loader.facility, "Device")
    assert first.code not in known and second.code not in known


async def test_a_parameter_of_one_hospital_is_unknown_in_another_and_one_of_the_platform_is_known_in_all(
    database: Database, loader: Subject, other_hospital: House
) -> None:
    own, everybodys, serial = definition(), definition(), uuid4().hex
    elsewhere = service(Role.LOADER, other_hospital.key)
    [there] = await keep(database, elsewhere, device(serial))
    await keep(database, loader, own)
    await keep(database, service(Role.LOADER, 0), everybodys)
    await complete(database)
    assert own.code not in parameters.known(other_hospital.key, "Device")
    assert await find(database, elsewhere, {everybodys.code or "": serial}) == [there.id]
    assert await find(database, loader, {everybodys.code or "": serial}) == []


@pytest.mark.parametrize(
    ("changes", "element"),
    [
        ({"expression": "Device.nothing"}, "expression"),
        ({"expression": "Device.serialNumber.where("}, "expression"),
        ({"expression": "Observation.code"}, "expression"),
        ({"expression": "Device.serialNumber", "type": "quantity"}, "expression"),
        ({"expression": None}, "expression"),
        ({"expression": "Device." + "a" * 1000}, "expression"),
        ({"code": "identifier"}, "code"),
        ({"code": "_tag"}, "code"),
        ({"code": "x y"}, "code"),
        ({"base": ["Resource"]}, "base"),
        ({"type": "special"}, "type"),
        ({"type": "composite"}, "component"),
    ],
)
async def test_a_definition_that_cannot_be_served_is_refused_with_its_element(
    database: Database, loader: Subject, changes: dict[str, Any], element: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await keep(database, loader, definition(**changes))
    assert refused.value.where == f"SearchParameter.{element}"


async def test_two_parameters_of_a_hospital_never_share_a_code(database: Database, loader: Subject) -> None:
    first = definition()
    await keep(database, loader, first)
    with pytest.raises(Conflict):
        await keep(database, loader, definition(code=first.code))


async def test_one_of_r4_may_be_kept_as_text(database: Database, loader: Subject) -> None:
    url = "http://hl7.org/fhir/SearchParameter/Device-type"
    await keep(database, loader, definition(url=url, code="type", expression="Device.type"))


async def test_more_than_a_path_is_evaluated_as_fhirpath(database: Database, loader: Subject) -> None:
    serial = uuid4().hex
    wanted = definition(expression="Device.property.where(type.text = 'kg').valueQuantity.first()", type="quantity")
    await keep(database, loader, wanted)
    await complete(database)
    weight = r4.DeviceProperty(
        type=r4.CodeableConcept(text="kg"),
        valueQuantity=[r4.Quantity(value=Decimal("2.5"), system="http://unitsofmeasure.org", code="kg")],
    )
    [one] = await keep(database, loader, device(serial, property=[weight]))
    assert await find(database, loader, {wanted.code or "": "2500|http://unitsofmeasure.org|g"}) == [one.id]


async def test_there_is_a_bound_to_how_many(
    database: Database, loader: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parameters, "MOST_OWN", 0)
    with pytest.raises(Invalid) as refused:
        await keep(database, loader, definition())
    assert refused.value.code == "too-costly"
