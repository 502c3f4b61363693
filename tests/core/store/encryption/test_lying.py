"""As it lies in the tables, and as it is read and found."""

from __future__ import annotations

import pytest

from benhan.core import store
from benhan.core.fhir import codec, r4, systems
from benhan.core.store import reindex
from benhan.core.store.rows import KEYED, hash64, rows_of
from benhan.core.vault.envelope import MARK
from tests.core.store.elsewhere import Elsewhere
from tests.core.store.encryption.lying import NUMBER, PHONE, body_in, finding, found, keep, read, somebody


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


async def test_indexing_again_keeps_the_keyed_hashes(place: Elsewhere) -> None:
    [kept] = await keep(place, somebody())
    await place.run("update resource set indexed = 0")
    while await reindex.step(place.database):
        pass
    assert await found(place, {"phone": PHONE}) == [kept.id]
