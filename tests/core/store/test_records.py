"""The life of a record: kept, read, changed, deleted; its versions and its trace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.scopes import parse_scopes
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Forbidden, Gone, Invalid, NotFound, VersionConflict
from benhan.simulator import House
from tests.core.store.people import cccd, person


async def test_a_record_comes_back_as_given_with_what_the_server_sets(database: Database, loader: Subject) -> None:
    given = person("Đặng Thị Tâm")
    async with database.transaction(loader.facility) as tx:
        kept = await store.create(tx, loader, given)
    async with database.transaction(loader.facility) as tx:
        found = await store.read(tx, loader, r4.Patient, kept.id or "")
    assert found == kept
    assert found.meta and found.meta.versionId == "1"
    assert msgspec.structs.replace(found, id=None, meta=None) == given


async def test_each_change_is_a_version_and_old_ones_stay_readable(database: Database, loader: Subject) -> None:
    async with database.transaction(loader.facility) as tx:
        first = await store.create(tx, loader, person("Lê Văn Một"))
        second = await store.update(tx, loader, msgspec.structs.replace(first, gender="male"), if_match="1")
        assert second.meta and second.meta.versionId == "2"
        states = await store.history(tx, loader, r4.Patient, first.id or "")
        assert [state.version for state in states] == [2, 1]
        assert (await store.vread(tx, loader, r4.Patient, first.id or "", "1")).gender == first.gender


async def test_a_change_made_on_an_old_version_is_refused_and_changes_nothing(
    database: Database, loader: Subject
) -> None:
    async with database.transaction(loader.facility) as tx:
        first = await store.create(tx, loader, person("Lê Văn Hai"))
        await store.update(tx, loader, msgspec.structs.replace(first, gender="male"), if_match="1")
    with pytest.raises(VersionConflict):
        async with database.transaction(loader.facility) as tx:
            await store.update(tx, loader, msgspec.structs.replace(first, gender="other"), if_match="1")
    async with database.transaction(loader.facility) as tx:
        assert (await store.read(tx, loader, r4.Patient, first.id or "")).gender == "male"


async def test_of_many_who_change_the_same_version_at_once_one_succeeds(database: Database, loader: Subject) -> None:
    async with database.transaction(loader.facility) as tx:
        first = await store.create(tx, loader, person("Lê Văn Ba"))

    async def change() -> bool:
        try:
            async with database.transaction(loader.facility) as tx:
                await store.update(tx, loader, msgspec.structs.replace(first, gender="male"), if_match="1")
        except VersionConflict:
            return False
        return True

    assert sum(await asyncio.gather(*(change() for _ in range(12)))) == 1


async def test_a_deleted_record_is_gone_from_reads_and_searches_but_not_from_history(
    database: Database, loader: Subject
) -> None:
    client = msgspec.structs.replace(loader, roles=frozenset({Role.CLIENT}), scopes=parse_scopes("system/*.cruds"))
    number = cccd()
    async with database.transaction(loader.facility) as tx:
        kept = await store.create(tx, loader, person("Lê Văn Bốn", number))
        await store.delete(tx, client, r4.Patient, kept.id or "")
        with pytest.raises(Gone):
            await store.read(tx, loader, r4.Patient, kept.id or "")
        page = await store.search(tx, loader, r4.Patient, {"identifier": f"{systems.CCCD}|{number}"})
        assert page.resources == []
        assert [s.action for s in await store.history(tx, loader, r4.Patient, kept.id or "")] == ["d", "c"]
        await store.create(tx, loader, person("Người khác", number))  # the number is free again


async def test_an_invalid_record_is_refused_with_the_element_named(database: Database, loader: Subject) -> None:
    wrong = msgspec.structs.replace(person("Lê Văn Năm"), gender="nam")
    with pytest.raises(Invalid) as refusal:
        async with database.transaction(loader.facility) as tx:
            await store.create(tx, loader, wrong)
    issue = refusal.value.outcome().issue[0]
    assert issue.expression == ["Patient.gender"]


async def test_what_may_exist_once_exists_once_even_when_twenty_try_together(
    database: Database, loader: Subject
) -> None:
    number = cccd()

    async def register() -> bool:
        try:
            async with database.transaction(loader.facility) as tx:
                await store.create(tx, loader, person("Trần Thị Đôi", number))
        except store.AlreadyExists as refusal:
            assert systems.CCCD in refusal.what
            return False
        return True

    assert sum(await asyncio.gather(*(register() for _ in range(20)))) == 1


async def test_a_conditional_create_gives_the_existing_record_even_under_a_race(
    database: Database, loader: Subject
) -> None:
    phone = "0987" + cccd()[-6:]

    async def register() -> str | None:
        async with database.transaction(loader.facility) as tx:
            new = msgspec.structs.replace(person("Vũ Thị Sáu"), telecom=[r4.ContactPoint(system="phone", value=phone)])
            return (await store.create(tx, loader, new, if_none_exist={"phone": phone})).id

    assert len(set(await asyncio.gather(*(register() for _ in range(10))))) == 1


async def test_numbers_of_a_series_have_no_gap_and_no_twin(database: Database, loader: Subject) -> None:
    async def take(fails: bool) -> int | None:
        try:
            async with database.transaction(loader.facility) as tx:
                number = await store.number(tx, loader, "thử")
                if fails:
                    raise RuntimeError
                return number
        except RuntimeError:
            return None

    taken = await asyncio.gather(*(take(n % 3 == 0) for n in range(30)))
    assert sorted(n for n in taken if n) == list(range(1, 21))


async def test_another_hospital_sees_nothing_and_learns_nothing(
    database: Database, loader: Subject, other_hospital: House
) -> None:
    number = cccd()
    async with database.transaction(loader.facility) as tx:
        kept = await store.create(tx, loader, person("Bí Mật", number))
    stranger = other_hospital.loader
    async with database.transaction(stranger.facility) as tx:
        with pytest.raises(NotFound):
            await store.read(tx, stranger, r4.Patient, kept.id or "")
        assert not (await store.search(tx, stranger, r4.Patient, {"identifier": number})).resources
        await store.create(tx, stranger, person("Người cùng số", number))  # says nothing of the first hospital's


async def test_the_second_wall_stands_where_the_first_is_broken(
    database: Database, loader: Subject, other_hospital: House
) -> None:
    """A Subject of one facility in a transaction of another: row-level security gives nothing and takes nothing."""
    async with database.transaction(loader.facility) as tx:
        kept = await store.create(tx, loader, person("Sau Bức Tường"))
    async with database.transaction(other_hospital.key) as tx:
        assert await tx.fetchval("select count(*) from resource where id = $1", kept.id) == 0
        assert await tx.execute("delete from token where facility = $1", loader.facility) == "DELETE 0"
    with pytest.raises(Exception, match="row-level security"):
        async with database.transaction(other_hospital.key) as tx:
            await store.create(tx, loader, person("Xuyên Tường"))


async def test_somebody_without_the_right_is_refused(database: Database, subject: Callable[..., Subject]) -> None:
    cashier = subject("cashier")
    async with database.transaction(cashier.facility) as tx:
        with pytest.raises(Forbidden):
            await store.create(tx, cashier, person("Không Được"))
        with pytest.raises(Forbidden):
            await store.search(tx, cashier, r4.Observation, {})


async def test_every_act_leaves_its_trace_in_the_same_transaction(
    database: Database, loader: Subject, subject: Callable[..., Subject]
) -> None:
    doctor = subject("doctor")
    async with database.transaction(loader.facility) as tx:
        kept = await store.create(tx, loader, person("Có Dấu Vết"))
    async with database.transaction(loader.facility) as tx:
        await store.read(tx, doctor, r4.Patient, kept.id or "")
    with pytest.raises(RuntimeError):
        async with database.transaction(loader.facility) as tx:
            await store.update(tx, loader, kept, if_match=None)
            raise RuntimeError("undone")
    async with database.transaction(loader.facility) as tx:
        rows = await tx.fetch("select action, account, patient from audit where id = $1 order by seq", kept.id)
    assert [(row["action"], row["account"]) for row in rows] == [("create", loader.account), ("read", doctor.account)]
    assert {row["patient"] for row in rows} == {kept.id}


async def test_the_trace_cannot_be_changed_by_the_program(database: Database, loader: Subject) -> None:
    for statement in ("update audit set account = 'x'", "delete from audit", "delete from history"):
        with pytest.raises(Exception, match="permission denied"):
            async with database.transaction(loader.facility) as tx:
                await tx.execute(statement)
