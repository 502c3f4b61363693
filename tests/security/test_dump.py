"""Whoever copies the whole database, as its superuser, and has no master key learns nobody's number or telephone.

Somebody with marks for numbers goes through everything that keeps something: doors, searches, a booking, an export, a
subscription, a second factor, the audit. Then every column of every table is looked through for the marks.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime, timedelta

import asyncpg
import httpx
import pyotp
import pytest
import pytest_asyncio

from benhan.core import store
from benhan.core.access import Role, Subject, glass, phone_steps, second_factors, service
from benhan.core.access.accounts import create_client, hashed
from benhan.core.access.glass import Asked
from benhan.core.access.sessions import Visitor
from benhan.core.db import PLATFORM, Database
from benhan.core.db.embedded import EmbeddedPostgres
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock
from benhan.core.store import emergency as find
from benhan.core.store import export
from benhan.hospital.reception import booking, people
from benhan.hospital.reception.booking_rules import Guest
from benhan.hospital.reception.people import Person
from benhan.hospital.visit import stamp
from benhan.simulator import House
from tests.core.access.staff_people import session_of, somebody
from tests.entrance import emergency

pytestmark = pytest.mark.asyncio(loop_scope="session")

CCCD, OTHER_CCCD, CARD = "079086123459", "079086123467", "DN4797912345678"
PHONES = ("0867123459", "0867123467", "0867123475")
SECRET, TOTP = "Bearer kha-mat-cua-nguoi-nghe", "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U"
#: Nobody may find one of these; a telephone also as it is spoken.
MARKS = (CCCD, OTHER_CCCD, CARD, CARD[-10:], *PHONES, "+84867123459", SECRET, TOTP, "không nói với ai")


@pytest_asyncio.fixture(loop_scope="session")
async def owner(dsn: Callable[..., str]) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """The database, as whoever rules it."""
    connection = await asyncpg.connect(dsn())
    yield connection
    await connection.close()


async def test_a_dump_gives_nobody_away(
    database: Database, hospital: House, address: str, owner: asyncpg.Connection[asyncpg.Record],
    postgres: EmbeddedPostgres, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG, logger="benhan")
    desk = hospital.subject(Role.RECEPTION)
    await _registered(database, desk)
    await _booked(database, hospital)
    await _by_program(database, hospital, address)
    await _exported(database, hospital.loader)
    await _second_factor(database, hospital)
    await _in_an_emergency(database, hospital)
    await _at_the_entry(database, hospital)
    assert await _leaks(owner, ["trinh thi giau"]) != []  # names are not hidden: so the looking works
    assert await _leaks(owner, MARKS) == []
    ours = [one.getMessage() for one in caplog.records if not one.name.startswith("http")]
    said = "\n".join(ours) + postgres.log.read_text(errors="replace")
    assert [mark for mark in MARKS if mark in said] == []


async def _registered(database: Database, desk: Subject) -> None:
    """At the desk: registered, insured, corrected, found, and refused a second time."""
    person = Person("Trịnh Thị Giấu", "female", "1986-05-04", PHONES[0], CCCD)
    async with database.transaction(desk.facility) as tx:
        made = await people.register(tx, desk, person, key="giau-1", insurance=CARD)
        await people.correct(tx, desk, "giau-1", person, version=(made.meta or r4.Meta()).versionId or "")
    for params in ({"identifier": CCCD}, {"phone": PHONES[0]}, {"identifier": f"{systems.CCCD}|{CCCD}"}):
        async with database.transaction(desk.facility) as tx:
            page = await store.search(tx, desk, r4.Patient, params)
        assert [one.id for one in page.resources] == ["giau-1"]
    with pytest.raises(people.PossibleDuplicates):
        async with database.transaction(desk.facility) as tx:
            await people.register(tx, desk, person, key="giau-2")


async def _booked(database: Database, hospital: House) -> None:
    who = service(Role.BOOKING_SERVICE, hospital.key)
    guest = Guest(name="Trịnh Thị Giấu", birth="1986-05-04", phone=PHONES[1], gender="female")
    params = {"status": "free", "start": f"ge{stamp(clock.now() + timedelta(days=2))}", "_sort": "start", "_count": "1"}
    async with database.transaction(hospital.key) as tx:
        [slot] = (await store.search(tx, who, r4.Slot, params)).resources
        await store.tried(tx, who, f"book {PHONES[1]}", 100, "today")
        await booking.book(tx, who, slot.id or "", guest, channel="web")
        assert await booking.open_bookings(tx, who, Guest(name="", birth="", phone=PHONES[1]))


async def _by_program(database: Database, hospital: House, address: str) -> None:
    """Over FHIR: written under conditions, in a transaction, searched in every way; a labelled note, a subscription."""
    async with database.transaction(hospital.key) as tx:
        token = await create_client(tx, hospital.key, "máy chép", "system/*.cruds labelled/read")
    relative = {
        "resourceType": "RelatedPerson", "patient": {"reference": "Patient/giau-1"},
        "telecom": [{"system": "phone", "value": PHONES[2]}], "identifier": [{"system": "urn:x", "value": OTHER_CCCD}],
        "name": [{"text": "Trịnh Văn Giấu"}],
    }  # fmt: skip
    note = {
        "resourceType": "Observation", "status": "final", "code": {"text": "Ghi chú"},
        "subject": {"reference": "Patient/giau-1"}, "meta": {"security": [{"code": "PSY"}]},
        "valueString": "không nói với ai", "note": [{"text": "không nói với ai"}],
    }  # fmt: skip
    told = {
        "resourceType": "Subscription", "status": "off", "reason": "x", "criteria": f"Patient?identifier={CCCD}",
        "channel": {"type": "rest-hook", "endpoint": "https://hook.example/x", "header": [f"Authorization: {SECRET}"]},
    }  # fmt: skip
    entry = {
        "resource": relative | {"id": "giau-r"},
        "request": {"method": "POST", "url": "RelatedPerson", "ifNoneExist": f"identifier=urn:x|{OTHER_CCCD}&phone=9"},
    }
    asked = [
        f"Patient?identifier={CCCD}", f"Patient?phone={PHONES[0]}&_total=accurate", f"Patient?identifier:not={CCCD}",
        f"Observation?subject:Patient.identifier={CCCD}", f"Patient?_has:RelatedPerson:patient:phone={PHONES[2]}",
        f"RelatedPerson?telecom={PHONES[2]}&_include=*", f"Patient?_content={CCCD}&_summary=count",
        f"Patient?identifier={CCCD}|x|y", "Patient/giau-1/_history", f"Coverage?identifier={CARD}",
        f"Patient?identifier:of-type=urn:x|MR|{CCCD}", f"Observation?subject:identifier={CCCD}",
    ]  # fmt: skip
    async with httpx.AsyncClient(base_url=f"{address}/fhir", headers={"Authorization": f"Bearer {token}"}) as http:
        for one in (relative, note, told):
            given = {"If-None-Exist": f"identifier={OTHER_CCCD}"} if one is relative else {}
            made = await http.post(f"/{one['resourceType']}", json=one, headers=given)
            assert made.status_code == 201, made.text
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        assert (await http.post("/", json=bundle)).status_code == 200
        for url in asked:
            await http.get(f"/{url}")
        found = await http.get(f"/Patient?identifier={CCCD}")
        assert found.json()["entry"][0]["resource"]["id"] == "giau-1"


async def _exported(database: Database, loader: Subject) -> None:
    """An export whose files wait to be fetched."""
    who = Subject(
        account="client:sao chép", name="x", facility=loader.facility, facility_name="", roles=frozenset({Role.LOADER})
    )
    async with database.transaction(who.facility) as tx:
        asked = export.Asked(
            level="system", types=("Patient", "Coverage"),
            filters={"Patient": [{"identifier": [CCCD]}, {"name": ["Giấu"]}]},
        )  # fmt: skip
        id_ = await export.kick_off(tx, who, f"/$export?_typeFilter=Patient%3Fidentifier%3D{CCCD}", asked)
    async with asyncio.timeout(60):
        while True:
            async with database.transaction(who.facility) as tx:
                if await tx.fetchval("select count(*) from bulk_chunk where job = $1", id_):
                    return
            if not await export.work(database):  # it waits until nothing older can be written any more
                await asyncio.sleep(0.05)


async def _second_factor(database: Database, hospital: House) -> None:
    one = await somebody(database, hospital.key, Role.NURSE)
    who = Subject(account=one.id, name="x", facility=hospital.key, facility_name="", roles=frozenset())
    at = datetime.now(clock.ZONE)
    async with database.transaction(hospital.key) as tx:
        assert await second_factors.set_application(tx, who, TOTP, pyotp.TOTP(TOTP).at(at), at)
        assert await second_factors.take_code(
            tx, who.account, pyotp.TOTP(TOTP).at(at + timedelta(seconds=30)), at + timedelta(seconds=30)
        )


async def _in_an_emergency(database: Database, hospital: House) -> None:
    """Somebody breaks the glass for her, by her number, and says more than she should."""
    one = await somebody(database, hospital.key, Role.DOCTOR)
    await emergency.with_application(database, one)
    session = hashed(await session_of(database, one)).hex()[:16]
    who = Subject(account=one.id, name="x", facility=hospital.key, facility_name="", roles=frozenset({Role.DOCTOR}),
                  session=session)  # fmt: skip
    async with database.transaction(hospital.key) as tx:
        whom = await find.whom(tx, who, "", CCCD)
        asked = Asked("cap-cuu", f"không nói với ai, số {CCCD}", 1)
        await glass.break_glass(tx, who, whom, asked, "code", clock.now())


async def _at_the_entry(database: Database, hospital: House) -> None:
    """She asks for a code and is on her way in."""
    async with database.transaction(PLATFORM) as tx:
        await phone_steps.begin(tx, hospital.key, PHONES[0], Visitor())


async def _leaks(owner: asyncpg.Connection[asyncpg.Record], marks: tuple[str, ...] | list[str]) -> list[str]:
    """Tables in which a mark stands: as text, or in bytes, which a row shows as hexadecimal digits."""
    shapes = [f"%{shape}%" for mark in marks for shape in (mark, mark.encode().hex())]
    found = []
    tables = await owner.fetch(
        "select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where c.relkind in ('r', 'p') and n.nspname = 'public'"
    )
    for table in tables:
        row = await owner.fetchval(
            f"select left(t::text, 300) from {table['name']} t where t::text like any($1) limit 1", shapes
        )
        if row is not None:
            found.append(f"{table['name']}: {row}")
    for row in await owner.fetch("select body from bulk_chunk"):
        with suppress(zlib.error):
            text = zlib.decompressobj(-zlib.MAX_WBITS).decompress(row["body"]).decode(errors="replace")
            found += [f"bulk_chunk: {mark}" for mark in marks if mark in text]
    return found
