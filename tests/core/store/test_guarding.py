"""Labelled records: a list, an include, a link, a history, an export show what a read would, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from benhan.core import store
from benhan.core.access import Interaction, Role, Subject, service
from benhan.core.access.scopes import parse_scopes
from benhan.core.db import Database
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Forbidden
from benhan.core.store import counting, export, feed, guarding, lead
from benhan.core.store.bodies import body_of, opened
from benhan.core.store.everything import Bounds, everything
from benhan.core.store.history import Span, history, of_types, vread
from benhan.core.store.read import read_many
from benhan.core.store.records import NUMBERS, permit
from benhan.core.store.search import count
from benhan.simulator.house import found_facility
from tests.core.access import reference_policy
from tests.core.store import guarded as kit
from tests.core.store.asking import asked
from tests.core.store.guarded import NOW, Guarded, label, to
from tests.settled import settled

PERSONAL = ("Patient", "Consent", "Observation", "Condition", "Encounter", "Appointment", "Task", "ServiceRequest")
Place = tuple[int, Guarded]


@pytest_asyncio.fixture(scope="session")
async def place(database: Database, dsn: Callable[..., str]) -> Place:
    """The facility, and what is in it."""
    key = await found_facility(dsn(), "79781", "Bệnh viện Kín Đáo", "79")
    made = kit.made()
    async with database.transaction(key) as tx:
        await store.load(tx, service(Role.LOADER, key), list(made.records.values()))
    return key, made


def staff(place: Place, *roles: Role, practitioner: str | None = None, departments: str = "", **more: Any) -> Subject:
    """Somebody who works there."""
    return Subject(
        account="nv", name="", facility=place[0], facility_name="", roles=frozenset(roles), practitioner=practitioner,
        departments=frozenset(departments.split()), **more,
    )  # fmt: skip


def program(place: Place, scopes: str) -> Subject:
    """A program of the facility's."""
    return msgspec.structs.replace(staff(place, Role.CLIENT), account="client:thử", scopes=parse_scopes(scopes))


def callers(place: Place) -> list[Subject]:
    """People of every kind, and programs."""
    chance, found = random.Random(7), []
    roles = [Role.DOCTOR, Role.NURSE, Role.LABORATORY, Role.RECEPTION, Role.CASHIER, Role.PLANNING, Role.PHARMACY,
             Role.ADMINISTRATOR, Role.REVIEWER, Role.FIGURES_SERVICE]  # fmt: skip
    for n in range(24):
        found.append(
            staff(
                place, *chance.sample(roles, chance.choice([1, 1, 2])) if n > 9 else [roles[n]],
                practitioner=chance.choice([None, "b0", "b1", "b2", "b3"]),
                departments=chance.choice(["", "k0", "k1", "k2", "k0 k2"]),
                broken_glass=frozenset([f"n{chance.randrange(kit.PATIENTS)}"]) if n % 6 == 5 else frozenset(),
            )
        )  # fmt: skip
    found += [staff(place, Role.DOCTOR, broken_glass=frozenset(["n2"])),
              staff(place, Role.NURSE, practitioner="b1", broken_glass=frozenset(["n1"]))]  # fmt: skip
    return [*found, program(place, "system/*.rs"), program(place, "system/*.rs labelled/read")]


def readable(place: Place, who: Subject, letter: str = "r") -> set[str]:
    """What the plain reading of the rules lets her read."""
    made = place[1]
    return {
        name for name in made.records
        if name.partition("/")[0] in PERSONAL
        and reference_policy.may(who, letter, made.case(name), made.care, made.rooms, NOW, made.consents)
    }  # fmt: skip


async def names_of(database: Database, who: Subject, type_name: str, params: dict[str, Any]) -> set[str]:
    """What a search shows, page after page, with what comes along: in steps and in one statement the same."""
    shown: set[str] = set()
    while True:
        answer = await asked(database, who, type_name, params)
        shown |= {f"{one.type}/{one.id}" for one in [*answer.found, *answer.included]}
        if answer.next is None:
            return shown
        params = {**params, "_after": answer.next}


def of_type(names: set[str], type_name: str) -> set[str]:
    return {one for one in names if one.startswith(f"{type_name}/")}


async def test_a_list_shows_exactly_what_single_reads_permit(database: Database, place: Place) -> None:
    """For every caller and type; the plain reading of the rules agrees with both."""
    compared = 0
    for who in callers(place):
        may = readable(place, who)
        for type_name in PERSONAL:
            if not await _searches(who, type_name):
                continue
            listed = await names_of(database, who, type_name, {"_count": "7"})
            assert listed == of_type(may, type_name), (who, type_name)
            ids = [one.partition("/")[2] for one in place[1].records if one.startswith(f"{type_name}/")]
            async with database.transaction(who.facility) as tx:
                several = await read_many(tx, who, codec.resource_type(type_name), ids)
                assert {f"{type_name}/{one}" for one in several} == listed
                for id_ in random.Random(len(ids)).sample(ids, min(4, len(ids))):
                    assert await _reads(tx, who, type_name, id_) is (f"{type_name}/{id_}" in listed)
            compared += len(ids)
    assert compared > 300


async def _searches(who: Subject, type_name: str) -> bool:
    try:
        permit(who, Interaction.SEARCH, type_name)
    except Forbidden:
        return False
    return True


async def _reads(tx: Any, who: Subject, type_name: str, id_: str) -> bool:
    try:
        await store.read(tx, who, codec.resource_type(type_name), id_)
    except Forbidden:
        return False
    return True


@pytest.mark.parametrize(
    ("type_name", "params"),
    [
        ("Observation", {"status": "final"}),
        ("Observation", {"code": "c0", "_sort": "date"}),
        ("Observation", {"code": "c0", "_sort": "-date", "_count": "3"}),
        ("Observation", {"patient": "n1,n2,n3,n4"}),
        ("Observation", {"_id": ",".join(f"{n}-{turn}" for n in range(12) for turn in range(8))}),
        ("Observation", {"_lastUpdated": "gt2020-01-01", "_sort": "_lastUpdated"}),
        ("Condition", {"code:text": "x", "_sort": "code"}),
        ("Patient", {"gender": "male,female", "_sort": "_id"}),
        ("Patient", {"_has:Observation:patient:status": "final"}),
        ("Patient", {"_has:Condition:patient:code": "c1"}),
        ("Condition", {"patient.gender": "male,female"}),
        ("Condition", {"encounter.status": "finished"}),
        ("Encounter", {"_has:Condition:encounter:code": "c1"}),
        ("Observation", {"_include": "Observation:patient", "_count": "5"}),
        ("Observation", {"_id": ",".join(f"{n}-6" for n in range(12)), "_include": "Observation:derived-from"}),
        ("Condition", {"_include": ["Condition:patient", "Condition:encounter"]}),
        ("Patient", {"_revinclude": ["Observation:patient", "Condition:patient", "Encounter:patient"], "_count": "4"}),
        ("Encounter", {"_include": "Encounter:patient", "_revinclude:iterate": "Observation:patient"}),
    ],
)  # fmt: skip
async def test_no_search_shows_what_a_read_would_refuse(
    database: Database, place: Place, type_name: str, params: dict[str, Any]
) -> None:
    who = staff(place, Role.DOCTOR, practitioner="b1", departments="k0")
    everything_shown = await names_of(database, service(Role.LOADER, place[0]), type_name, params)
    shown, may = await names_of(database, who, type_name, params), readable(place, who)
    assert shown <= may | of_type(shown, "Organization")
    assert shown < everything_shown, "somebody else is shown more"
    if not any("." in name or "_has" in name or "clude" in name for name in params):
        assert shown == everything_shown & may


@pytest.mark.parametrize("few", [lead.FEW, 0], ids=["few", "many"])
@pytest.mark.parametrize("params", [{}, {"status": "final"}, {"code": "c0"}, {"code": "c0", "_sort": "-date"}])
async def test_a_total_counts_what_is_shown(
    database: Database, place: Place, params: dict[str, str], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lead, "FEW", few)
    monkeypatch.setattr(lead, "_counts", {})
    who = staff(place, Role.NURSE, practitioner="b2", departments="k1")
    async with database.transaction(who.facility) as tx:
        counted = await count(tx, who, r4.Observation, params)
        grouped = await counting.tally(tx, who, r4.Observation, params, counting.ByToken("status"))
    answer = await asked(database, who, "Observation", {**params, "_total": "accurate", "_count": "2"})
    shown = await names_of(database, who, "Observation", params)
    assert counted == answer.total == len(shown) == max(grouped.values(), default=0)
    assert len(shown) < len(await names_of(database, service(Role.LOADER, place[0]), "Observation", params))


async def test_a_link_teaches_nothing_of_what_is_closed(database: Database, place: Place) -> None:
    """A patient whose only matching record is closed is not found by it."""
    who = staff(place, Role.DOCTOR, practitioner="b1", departments="k0")
    made, may = place[1], readable(place, who)
    for code in ("c0", "c1"):
        name = "Observation" if code == "c0" else "Condition"
        found = await names_of(database, who, "Patient", {f"_has:{name}:patient:code": code})
        open_ones = {
            f"Patient/{made.case(one).patient}" for one in of_type(may, name)
            if made.records[one].code.coding[0].code == code
        }  # fmt: skip
        assert found == open_ones & may


async def test_everything_of_a_patient_is_what_may_be_read_of_it(database: Database, place: Place) -> None:
    who = staff(place, Role.DOCTOR, practitioner="b1", departments="k0")
    may = readable(place, who)
    for id_ in ("n4", "n5", "n6", None):
        shown: set[str] = set()
        async with database.transaction(who.facility) as tx:
            after: int | None = 0
            while after is not None:
                page = await everything(tx, who, "Patient", id_, Bounds(count=11, after=after))
                shown |= {f"{codec.type_name(one)}/{one.id}" for one in page.resources}
                after = page.next
        hers = {one for one in may if id_ in (None, place[1].case(one).patient)}
        assert shown == hers - of_type(hers, "Task")  # no part of R4's compartment of a patient


async def test_a_patient_closed_as_a_whole_has_no_everything(database: Database, place: Place) -> None:
    who = staff(place, Role.DOCTOR, practitioner=None)
    async with database.transaction(who.facility) as tx:
        with pytest.raises(Forbidden):
            await everything(tx, who, "Patient", "n0", Bounds())


async def test_history_of_what_is_closed_is_closed(database: Database, place: Place) -> None:
    who = staff(place, Role.DOCTOR, practitioner="b1", departments="k0")
    may = readable(place, who)
    async with database.transaction(who.facility) as tx:
        for name in sorted(of_type(set(place[1].records), "Observation")):
            id_ = name.partition("/")[2]
            if name in may:
                assert len(await history(tx, who, r4.Observation, id_)) == 1
                continue
            with pytest.raises(Forbidden):
                await history(tx, who, r4.Observation, id_)
            with pytest.raises(Forbidden):
                await vread(tx, who, r4.Observation, id_, "1")
        page = await of_types(tx, who, ["Observation", "Condition"], Span(count=1000))
    assert {f"{one.type}/{one.id}" for one in page.states} == of_type(may, "Observation") | of_type(may, "Condition")


async def test_a_former_version_is_judged_by_what_it_carried(database: Database, place: Place) -> None:
    """A label taken off opens what is written from then on, not what was written under it; nor does deleting."""
    key, loader = place[0], service(Role.LOADER, place[0])
    who = program(place, "system/*.cruds")
    async with database.transaction(key) as tx:
        first = await store.create(tx, loader, _reading("phiên-bản", "HIV"))
        await store.update(tx, loader, msgspec.structs.replace(first, meta=None), if_match="1")
    async with database.transaction(key) as tx:
        assert [one.version for one in await history(tx, who, r4.Observation, str(first.id))] == [2]
        with pytest.raises(Forbidden):
            await vread(tx, who, r4.Observation, str(first.id), "1")
        page = await of_types(tx, who, ["Observation"], Span(count=1000))
        assert [one.version for one in page.states if one.id == first.id] == [2]


async def test_a_deleted_record_stays_as_closed_as_it_was(database: Database, place: Place) -> None:
    key, loader = place[0], program(place, "system/*.cruds labelled/read")
    async with database.transaction(key) as tx:
        made = await store.create(tx, loader, _reading("bị xoá", "PSY"))
        await store.delete(tx, loader, r4.Observation, str(made.id))
    who = staff(place, Role.DOCTOR)
    async with database.transaction(key) as tx:
        with pytest.raises(Forbidden):
            await history(tx, who, r4.Observation, str(made.id))
        assert (
            await guarding.open_among(
                tx, permit(who, Interaction.READ, "Observation"), key, [("Observation", str(made.id))]
            )
            == set()
        )


def _reading(id_: str, *codes: str) -> r4.Observation:
    return r4.Observation(
        status="final", code=r4.CodeableConcept(text=id_), subject=to("Patient/n9"), meta=label(*codes),
        effectiveDateTime="2026-02-01",
    )  # fmt: skip


async def test_what_is_closed_is_neither_changed_nor_deleted(database: Database, place: Place) -> None:
    key, loader = place[0], service(Role.LOADER, place[0])
    async with database.transaction(key) as tx:
        made = await store.create(tx, loader, _reading("không sửa", "V"))
    for who in (staff(place, Role.DOCTOR), program(place, "system/*.cruds")):
        async with database.transaction(key) as tx:
            with pytest.raises(Forbidden):
                await store.update(tx, who, msgspec.structs.replace(made, meta=None), if_match=None)
            with pytest.raises(Forbidden):
                await store.change(tx, who, r4.Observation, str(made.id), lambda one: one)
    async with database.transaction(key) as tx:
        with pytest.raises(Forbidden):
            await store.delete(tx, program(place, "system/*.cruds"), r4.Observation, str(made.id))


async def test_a_label_closes_at_once_and_care_opens_at_once(database: Database, place: Place) -> None:
    """No job, no cache: the next read of everybody knows."""
    key, loader = place[0], service(Role.LOADER, place[0])
    who = staff(place, Role.DOCTOR, practitioner="b-moi", departments="k-moi")
    async with database.transaction(key) as tx:
        patient = await store.create(tx, loader, r4.Patient(id="nv-moi"))
        assert await store.read(tx, who, r4.Patient, "nv-moi")
        await store.update(tx, loader, msgspec.structs.replace(patient, meta=label("EMP")), if_match="1")
        with pytest.raises(Forbidden):
            await store.read(tx, who, r4.Patient, "nv-moi")
        await store.create(
            tx, loader,
            r4.Encounter(
                status="arrived", class_=r4.Coding(code="AMB"), subject=to("Patient/nv-moi"),
                period=r4.Period(start=NOW.isoformat()), serviceProvider=to("Organization/k-moi"),
            ),
        )  # fmt: skip
        assert await store.read(tx, who, r4.Patient, "nv-moi")
        other = staff(place, Role.DOCTOR, practitioner="b0", departments="k1")
        with pytest.raises(Forbidden):
            await store.read(tx, other, r4.Patient, "nv-moi")


async def test_the_audit_says_what_opened_a_labelled_record(database: Database, place: Place) -> None:
    key, made = place
    who = msgspec.structs.replace(staff(place, Role.DOCTOR, broken_glass=frozenset(["n2"])), account="nv-kính")
    name = next(one for one in sorted(made.records) if one.startswith("Observation/2-"))
    async with database.transaction(key) as tx:
        await store.read(tx, who, r4.Observation, name.partition("/")[2])
    async with database.transaction(key) as tx:
        rule = await tx.fetchval("select rule from audit where account = 'nv-kính' and action = 'read'")
    assert rule.startswith("doctor-reads-chart; sensitive-outside-care lifted by break-glass")


async def test_the_feed_names_no_closed_record(database: Database, place: Place) -> None:
    who = program(place, "system/*.rs")
    await settled(database)
    async with database.transaction(place[0]) as tx:
        page = await feed.page(tx, who.facility, list(NUMBERS), feed.Position(), 1000)
        told = {f"{one.type}/{one.id}" for one in await feed.open_to(tx, who, page.changes)}
    assert told & set(place[1].records) >= readable(place, who)
    assert {one for one in told & set(place[1].records) if one.partition("/")[0] in PERSONAL} == readable(place, who)


async def test_an_export_leaves_out_what_is_closed(database: Database, place: Place) -> None:
    who = program(place, "system/*.rs")
    may = readable(place, who)
    async with database.transaction(place[0]) as tx:
        rows = await tx.fetch(
            f"select id, patient, {body_of('r')} from resource r where facility = $1 and type = $2",
            place[0], NUMBERS["Observation"],
        )  # fmt: skip
        kept = await export.open_to(tx, who, "Observation", opened(tx, rows))
    names = {f"Observation/{row['id']}" for row in kept}
    assert {one for one in names if one in place[1].records} == of_type(may, "Observation")


async def test_changes_are_told_of_what_may_be_read_alone(database: Database, place: Place) -> None:
    """Whatever a door asked the feed for: types that her scopes do not name, people whom she does not stand for."""
    async with database.transaction(place[0]) as tx:
        found = [
            feed.Change(feed.Position(), place[0], name, f"{name}-{patient}", 1, "C", patient, NOW)
            for name in ("Patient", "Observation")
            for patient in ("of-her", "of-him")
        ]
        herself = staff(place, Role.PATIENT, patient="of-her")
        told = [await feed.open_to(tx, who, found) for who in (program(place, "system/Patient.r"), herself)]
    assert [one.id for one in told[0]] == ["Patient-of-her", "Patient-of-him"]
    assert [one.id for one in told[1]] == ["Patient-of-her", "Observation-of-her"]
