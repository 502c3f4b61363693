"""People and labelled records lie encrypted, are read and found as ever, and open only in the row they stand in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from benhan.core import store
from benhan.core.access import Role, service
from benhan.core.db import Database
from benhan.core.db.embedded import EmbeddedPostgres
from benhan.core.fhir import codec, r4, systems
from benhan.core.store import encrypting, reindex
from benhan.core.store.bodies import DamagedRecord
from benhan.core.store.records import NUMBERS
from benhan.core.store.rows import KEYED, hash64, rows_of
from benhan.core.vault import MasterError, keys_of, master_of, ring_of, rotating, use
from benhan.core.vault.envelope import MARK, key_of
from benhan.core.vault.master import HeldMaster
from tests.core.store.elsewhere import Elsewhere, elsewhere

MASTER = master_of("env:BENHAN_TEST_MASTER")
XHTML = "http://www.w3.org/1999/xhtml"
NUMBER, PHONE = "079301234567", "0907654321"


@pytest_asyncio.fixture
async def place(postgres: EmbeddedPostgres, dsn: Callable[..., str]) -> AsyncIterator[Elsewhere]:
    """A database of each test's own, its hospital with keys."""
    async with elsewhere(postgres.dsn) as made:
        yield made


@pytest.fixture
def without_master(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program from before there were keys."""
    monkeypatch.setattr("benhan.core.vault.keyring._master", None)


def somebody(number: str = NUMBER, phone: str = PHONE) -> r4.Patient:
    return r4.Patient(
        identifier=[r4.Identifier(system=systems.CCCD, value=number)],
        name=[r4.HumanName(text="Vàng Thị Mỷ")],
        telecom=[r4.ContactPoint(system="phone", value=phone)],
        text=r4.Narrative(status="generated", div=f'<div xmlns="{XHTML}">Mỷ {number} {phone}</div>'),
    )


def finding(label: str | None) -> r4.Observation:
    security = [r4.Coding(code=label)] if label else None
    return r4.Observation(
        status="final", code=r4.CodeableConcept(text="Ghi chú"), valueString="khó nói ra lời",
        meta=r4.Meta(security=security),
    )  # fmt: skip


async def keep(place: Elsewhere, *records: r4.Resource) -> list[r4.Resource]:
    async with place.database.transaction(place.loader.facility) as tx:
        return [await store.create(tx, place.loader, one) for one in records]


async def found(place: Elsewhere, params: dict[str, Any]) -> list[str | None]:
    async with place.database.transaction(place.loader.facility) as tx:
        return [one.id for one in (await store.search(tx, place.loader, r4.Patient, params)).resources]


async def body_in(place: Elsewhere, table: str, id_: str | None) -> bytes:
    kept = await place.value(f"select body from {table} where id = $1 order by version desc limit 1", id_)
    assert isinstance(kept, bytes)
    return kept


async def read(place: Elsewhere, id_: str | None, type_: type[r4.R] = r4.Patient) -> r4.R:  # type: ignore[assignment]
    async with place.database.transaction(place.loader.facility) as tx:
        return await store.read(tx, place.loader, type_, id_ or "")


def owner(place: Elsewhere) -> Any:
    """The database as the owner of its tables."""
    return Database.as_owner(place.dsn("postgres"))


# ── as it lies, and as it is read ──────────────────────────────────────────────────────────────────────────────────


async def test_a_person_lies_encrypted_in_record_and_history_and_is_read_as_written(place: Elsewhere) -> None:
    [kept] = await keep(place, somebody())
    for table in ("resource", "history"):
        stored = await body_in(place, table, kept.id)
        assert stored.startswith(MARK)
        assert NUMBER.encode() not in stored
    assert codec.encode(await read(place, kept.id)) == codec.encode(kept)


async def test_only_people_and_labelled_records_are_encrypted(place: Elsewhere) -> None:
    plain, labelled = await keep(place, finding(None), finding("PSY"))
    assert (await body_in(place, "resource", plain.id)).startswith(b"{")
    assert (await body_in(place, "resource", labelled.id)).startswith(MARK)
    words = await place.value(
        "select count(*) from word w join resource r on r.key = w.rid where r.id = $1 and word like 'kho%'", labelled.id
    )
    assert words == 0


async def test_a_load_is_encrypted_like_every_write(place: Elsewhere) -> None:
    one = somebody()
    one.id = "nap"
    async with place.database.transaction(place.loader.facility) as tx:
        assert await store.load(tx, place.loader, [one, finding(None)]) == 2
    assert (await body_in(place, "resource", "nap")).startswith(MARK)
    assert await found(place, {"identifier": NUMBER}) == ["nap"]
    assert (await read(place, "nap")).id == "nap"


async def test_a_guest_inside_a_booking_is_hidden_with_it(place: Elsewhere) -> None:
    guest = somebody()
    guest.id = "guest"
    [kept] = await keep(
        place,
        r4.Appointment(
            status="proposed", contained=[guest],
            participant=[r4.AppointmentParticipant(actor=r4.Reference(reference="#guest"), status="accepted")],
        ),
    )  # fmt: skip
    assert (await body_in(place, "resource", kept.id)).startswith(MARK)
    async with place.database.transaction(place.loader.facility) as tx:
        page = await store.search(tx, place.loader, r4.Appointment, {"guest-phone": PHONE, "guest-cccd": NUMBER})
    assert [one.id for one in page.resources] == [kept.id]


async def test_a_person_is_found_by_number_and_telephone(place: Elsewhere) -> None:
    [kept] = await keep(place, somebody())
    await keep(place, somebody("079301234568", "0907654322"))
    asked = [
        {"identifier": f"{systems.CCCD}|{NUMBER}"}, {"identifier": NUMBER}, {"phone": PHONE}, {"telecom": PHONE},
        {"identifier": f"{NUMBER},{PHONE}"}, {"identifier:not": "079301234568"}, {"name": "my", "phone": PHONE},
    ]  # fmt: skip
    for params in asked:
        assert await found(place, params) == [kept.id], params
    assert len(await found(place, {"identifier": f"{systems.CCCD}|"})) == 2
    assert await found(place, {"identifier": "079301234569"}) == []


async def test_no_row_of_the_index_can_be_guessed_from_a_number(place: Elsewhere) -> None:
    """Whoever has the tables and tries all numbers there are finds none of them."""
    [kept] = await keep(place, somebody())
    guessed = {hashed for param, hashed in rows_of(kept).tokens if param in KEYED} - {hash64(f"{systems.CCCD}|")}
    assert len(guessed) == 4
    assert await place.value("select count(*) from token where hash = any($1)", [*guessed]) == 0
    assert await place.value("select count(*) from once where what like '%' || $1 || '%'", NUMBER) == 0
    for piece in (NUMBER, PHONE):
        assert await place.value("select count(*) from word where word || whole like '%' || $1 || '%'", piece) == 0


async def test_a_number_is_given_once_and_may_be_kept_by_its_owner(place: Elsewhere) -> None:
    [kept] = await keep(place, somebody())
    with pytest.raises(store.AlreadyExists) as taken:
        await keep(place, somebody())
    assert NUMBER not in str(taken.value)
    async with place.database.transaction(place.loader.facility) as tx:
        await store.update(tx, place.loader, kept, if_match="1")


async def test_what_a_search_was_for_is_in_no_trace(place: Elsewhere) -> None:
    await keep(place, somebody())
    await found(place, {"identifier": f"{systems.CCCD}|{NUMBER}", "phone": PHONE})
    said = await place.value("select string_agg(detail, ' ') from audit")
    assert isinstance(said, str)
    assert "identifier=#" in said
    assert NUMBER not in said
    assert PHONE not in said


# ── moved and changed ──────────────────────────────────────────────────────────────────────────────────────────────

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


# ── keys ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_serving_role_adds_keys_and_changes_none(place: Elsewhere) -> None:
    await keep(place, somebody())
    await place.run("insert into facility (key, code, name) values (2, '01998', 'BV Khác')")
    async with place.database.transaction(2) as tx:
        assert await tx.fetch("select * from data_key") == []
    for statement in ("update data_key set complete = true", "delete from data_key", "delete from history"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with place.database.transaction(place.loader.facility) as tx:
                await tx.execute(statement)


async def test_each_hospital_has_keys_of_its_own_and_they_lie_wrapped(place: Elsewhere) -> None:
    await place.run("insert into facility (key, code, name) values (2, '01998', 'BV Khác')")
    first, second = await keys_of(place.database, 1), await keys_of(place.database, 2)
    assert len({first.id, second.id}) == 2
    assert first.index != second.index
    assert await place.value("select count(*) from data_key where position($1 in wrapped) > 0", first.index) == 0
    assert await place.value("select count(*) from data_key") == 4


async def test_processes_that_begin_at_the_same_moment_agree(place: Elsewhere) -> None:
    others = [await Database.connect(place.dsn("benhan_app"), size=2) for _ in range(3)]
    made = await asyncio.gather(*(keys_of(one, 1) for one in others))
    assert len({one.id for one in made}) == len({one.index for one in made}) == 1
    for one in others:
        await one.close()


async def test_without_the_master_key_nothing_is_written_unencrypted(place: Elsewhere, without_master: None) -> None:
    database = await Database.connect(place.dsn("benhan_app"), size=2)
    try:
        use(MASTER)
        await keep(place, somebody())
        use(None)
        with pytest.raises(MasterError, match="BENHAN_MASTER_KEY"):
            async with database.transaction(1) as tx:
                await store.create(tx, place.loader, somebody("9", "9"))
        use(HeldMaster(bytes(32)))
        database.kept.clear()
        with pytest.raises(MasterError, match="wrapped by master key"):
            await keys_of(database, 1)
    finally:
        await database.close()


async def test_another_master_key_wraps_what_is_there(place: Elsewhere) -> None:
    [kept] = await keep(place, somebody())
    new = HeldMaster(b"n" * 32)
    database = await owner(place)
    assert await rotating.wrap(database, MASTER, new) == 2
    await database.close()
    assert await read(place, kept.id)  # who has the keys in memory goes on
    place.database.kept.clear()
    with pytest.raises(Exception, match=r"khoá chính"):
        await read(place, kept.id)


# ── from before there were keys, and after a rotation ──────────────────────────────────────────────────────────────


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


async def test_a_damaged_row_is_named_and_stops_nothing(place: Elsewhere) -> None:
    kept = await keep(place, *(somebody(str(n), str(n)) for n in range(3)))
    await place.run(f"update history set body = body || 'x'::bytea where id = '{kept[1].id}'")
    database = await owner(place)
    await rotating.rotate(database, MASTER, 1)
    done = await encrypting.encrypt(database, 1, lambda _turn: None)
    await database.close()
    assert done.damaged == [f"Patient/{kept[1].id}/_history/1"]
    assert done.changed == 5


async def test_a_key_that_another_process_made_is_learned_when_it_is_met(place: Elsewhere) -> None:
    [kept] = await keep(place, somebody())
    database = await owner(place)
    await rotating.rotate(database, MASTER, 1)
    await encrypting.encrypt(database, 1, lambda _turn: None)
    await database.close()
    assert key_of(await body_in(place, "resource", kept.id)) != (await keys_of(place.database, 1)).id
    assert await read(place, kept.id)


async def test_indexing_again_keeps_the_keyed_hashes(place: Elsewhere) -> None:
    [kept] = await keep(place, somebody())
    await place.run("update resource set indexed = 0")
    while await reindex.step(place.database):
        pass
    assert await found(place, {"phone": PHONE}) == [kept.id]
