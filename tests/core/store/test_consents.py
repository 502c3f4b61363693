"""Consent given, proved, withdrawn: what it opens in lists, reads and histories, and to whom."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.access.consents import Channel, Giver, Purpose, proof_of, wording
from benhan.core.access.scopes import parse_scopes
from benhan.core.db import Database, Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid, NotFound
from benhan.core.kit import clock
from benhan.core.store import consents
from benhan.core.store.consents import Given, Recipient, give, withdraw, withdraw_all
from benhan.core.store.history import history, vread
from benhan.simulator.house import found_facility
from tests.core.access.reference_policy import Consent
from tests.core.store.guarded import NOW, consent, label, to

#: The facility, and the next of its patients.
Place = tuple[int, Callable[[], str]]
DAY = timedelta(days=1)


@pytest_asyncio.fixture(scope="session")
async def place(database: Database, dsn: Callable[..., str]) -> Place:
    key = await found_facility(dsn(), "79782", "Bệnh viện Đồng Ý", "79")
    number = itertools.count(1)
    return key, lambda: f"dy{next(number)}"


def staff(place: Place, role: Role, practitioner: str | None = None, departments: str = "") -> Subject:
    return Subject(
        account=f"nv-{role}", name="Lê Thị Chứng", facility=place[0], facility_name="BV", roles=frozenset({role}),
        practitioner=practitioner, departments=frozenset(departments.split()),
    )  # fmt: skip


def herself(place: Place, patient: str) -> Subject:
    return msgspec.structs.replace(staff(place, Role.PATIENT), account=f"patient:{patient}", patient=patient)


def program(place: Place, name: str = "client:thử") -> Subject:
    return msgspec.structs.replace(
        staff(place, Role.CLIENT), account=name, scopes=parse_scopes("system/*.cruds")
    )  # fmt: skip


async def patient(tx: Transaction, place: Place, birth: str = "1980-05-01") -> str:
    """A patient with an ordinary reading, one labelled HIV, and one labelled HIV and PSY."""
    id_, loader = place[1](), service(Role.LOADER, place[0])
    await store.create(tx, loader, r4.Patient(id=id_, birthDate=birth))
    for name, codes in (("thuong", ()), ("hiv", ("HIV",)), ("hai", ("HIV", "PSY"))):
        await store.create(tx, loader, _reading(f"{id_}-{name}", id_, *codes))
    return id_


def _reading(id_: str, patient_: str, *codes: str) -> r4.Observation:
    return r4.Observation(
        id=id_, status="final", code=r4.CodeableConcept(text="x"), subject=to(f"Patient/{patient_}"),
        meta=label(*codes), effectiveDateTime="2026-02-01",
    )  # fmt: skip


def given(patient_: str, *labels: str, to_whom: str = "Practitioner/b1", **more: Any) -> Given:
    text = wording(Purpose.LABELLED, clock.today())
    said = text.said("vi", facility="BV", recipient="Bác sĩ B", labels=", ".join(labels), until="đến khi rút")
    return Given(**{
        "patient": patient_, "wording": text, "language": "vi", "text": said, "giver": Giver.PATIENT,
        "recipients": (Recipient(to_whom, "Bác sĩ B"),), "labels": labels, **more,
    })  # fmt: skip


async def seen(tx: Transaction, who: Subject, patient_: str) -> set[str]:
    """Her readings that a search shows; each read agrees."""
    page = await store.search(tx, who, r4.Observation, {"patient": f"Patient/{patient_}"})
    found = {(one.id or "").removeprefix(f"{patient_}-") for one in page.resources}
    for name in ("thuong", "hiv", "hai"):
        try:
            await store.read(tx, who, r4.Observation, f"{patient_}-{name}")
        except Forbidden:
            assert name not in found
        else:
            assert name in found
    return found


async def test_it_opens_what_it_names_to_whom_it_names_and_closes_with_the_next_statement(
    database: Database, place: Place
) -> None:
    named, neighbour = staff(place, Role.DOCTOR, "b1"), staff(place, Role.DOCTOR, "b2")
    async with database.transaction(place[0]) as tx:
        id_ = await patient(tx, place)
        assert await seen(tx, named, id_) == {"thuong"}
        kept = await give(tx, herself(place, id_), given(id_, "HIV"))
        assert await seen(tx, named, id_) == {"thuong", "hiv"}, "PSY is not named"
        assert await seen(tx, neighbour, id_) == {"thuong"}
        await give(tx, herself(place, id_), given(id_, "PSY"))
        assert await seen(tx, named, id_) == {"thuong", "hiv", "hai"}, "two consents together name both"
        await withdraw(tx, herself(place, id_), id_, kept.id or "")
        assert await seen(tx, named, id_) == {"thuong"}


@pytest.mark.parametrize(("begins", "ends", "withdrawn"), [(-9, -1, False), (1, 9, False), (-9, 9, True)])
async def test_over_not_begun_or_withdrawn_it_opens_nothing(
    database: Database, place: Place, begins: int, ends: int, withdrawn: bool
) -> None:
    async with database.transaction(place[0]) as tx:
        id_ = await patient(tx, place)
        one = Consent(
            id_, frozenset(["Practitioner/b1"]), frozenset(["HIV", "PSY"]), NOW + begins * DAY, NOW + ends * DAY,
            withdrawn,
        )  # fmt: skip
        kept = await store.create(tx, service(Role.LOADER, place[0]), consent(one))
        assert await seen(tx, staff(place, Role.DOCTOR, "b1"), id_) == {"thuong"}
        held = msgspec.structs.replace(one, begins=NOW - DAY, ends=NOW + DAY, withdrawn=False)
        await store.update(tx, service(Role.LOADER, place[0]), consent(held, kept.id), if_match=None)
        assert await seen(tx, staff(place, Role.DOCTOR, "b1"), id_) == {"thuong", "hiv", "hai"}


@pytest.mark.parametrize("to_whom", ["Organization/k7", "client:thử"])
async def test_a_department_or_a_program_is_named_as_a_whole(database: Database, place: Place, to_whom: str) -> None:
    async with database.transaction(place[0]) as tx:
        id_ = await patient(tx, place)
        await give(tx, herself(place, id_), given(id_, "HIV", to_whom=to_whom))
        nurse, other = staff(place, Role.NURSE, "d1", "k7"), staff(place, Role.NURSE, "d1", "k8")
        opened = nurse if to_whom.startswith("Organization") else program(place)
        assert await seen(tx, opened, id_) == {"thuong", "hiv"}
        for one in (other, program(place, "client:khác"), *({nurse, program(place)} - {opened})):
            assert await seen(tx, one, id_) == {"thuong"}, one.account


async def test_it_gives_no_letter_to_a_role(database: Database, place: Place) -> None:
    cashier = staff(place, Role.CASHIER, "b1")
    async with database.transaction(place[0]) as tx:
        id_ = await patient(tx, place)
        await give(tx, herself(place, id_), given(id_, "HIV"))
        with pytest.raises(Forbidden):
            await store.read(tx, cashier, r4.Observation, f"{id_}-thuong")
        with pytest.raises(Forbidden):
            await store.update(tx, cashier, _reading(f"{id_}-hiv", id_), if_match=None)


async def test_a_former_version_opens_by_consent_too(database: Database, place: Place) -> None:
    who, loader = staff(place, Role.DOCTOR, "b1"), service(Role.LOADER, place[0])
    async with database.transaction(place[0]) as tx:
        id_ = await patient(tx, place)
        await store.update(tx, loader, _reading(f"{id_}-hiv", id_), if_match="1")
        assert [one.version for one in await history(tx, who, r4.Observation, f"{id_}-hiv")] == [2]
        kept = await give(tx, herself(place, id_), given(id_, "HIV"))
        assert [one.version for one in await history(tx, who, r4.Observation, f"{id_}-hiv")] == [2, 1]
        await withdraw(tx, herself(place, id_), id_, kept.id or "")
        with pytest.raises(Forbidden):
            await vread(tx, who, r4.Observation, f"{id_}-hiv", "1")


async def test_the_consent_itself_tells_no_stranger_what_the_records_are_about(
    database: Database, place: Place
) -> None:
    named, other, desk = staff(place, Role.DOCTOR, "b1"), staff(place, Role.DOCTOR, "b2"), staff(place, Role.RECEPTION)
    async with database.transaction(place[0]) as tx:
        id_ = await patient(tx, place)
        await give(tx, herself(place, id_), given(id_, "HIV"))
        assert [len(await consents.of_patient(tx, who, id_)) for who in (named, herself(place, id_))] == [1, 1]
        assert [len(await consents.of_patient(tx, who, id_)) for who in (other, desk)] == [0, 0]
        assert await withdraw_all(tx, desk, id_) == 1
        assert await seen(tx, named, id_) == {"thuong"}


async def test_it_is_proved_by_the_text_its_hash_the_time_the_channel_and_the_witness(
    database: Database, place: Place
) -> None:
    desk = staff(place, Role.RECEPTION, "td1")
    async with database.transaction(place[0]) as tx:
        id_ = await patient(tx, place, "2015-06-01")
        mother = given(id_, "HIV", giver=Giver.BOTH, representative=("Lê Thị Mẹ", "mẹ"))
        kept = await give(tx, desk, mother)
    assert kept.sourceAttachment and kept.sourceAttachment.data and kept.extension
    assert base64.b64decode(kept.sourceAttachment.data).decode() == mother.text
    proof = {one.url: one for one in kept.extension[0].extension or ()}
    assert kept.extension[0].url == systems.EXTENSION_CONSENT_PROOF
    assert proof["sha256"].valueString == proof_of(mother.text)
    assert (proof["channel"].valueCode, proof["account"].valueString) == (Channel.DESK, desk.account)
    assert proof["witness"].valueReference and proof["witness"].valueReference.display == "Lê Thị Chứng"
    assert [one.reference for one in kept.performer or ()] == [f"Patient/{id_}", f"#{consents.REPRESENTATIVE}"]
    assert kept.policy and kept.policy[0].uri == mother.wording.uri and kept.dateTime


@pytest.mark.parametrize(
    ("age", "giver", "allowed"),
    [
        (6, Giver.PATIENT, False), (6, Giver.BOTH, False), (6, Giver.REPRESENTATIVE, True), (12, Giver.PATIENT, False),
        (12, Giver.REPRESENTATIVE, False), (12, Giver.BOTH, True), (18, Giver.PATIENT, True),
        (80, Giver.REPRESENTATIVE, True),
    ],
)  # fmt: skip
async def test_who_is_young_gives_it_with_who_stands_for_her(
    database: Database, place: Place, age: int, giver: Giver, allowed: bool
) -> None:
    day = clock.today()
    birth = day.replace(year=day.year - age, day=min(day.day, 28)).isoformat()
    async with database.transaction(place[0]) as tx:
        id_ = await patient(tx, place, birth)
        one = given(id_, "HIV", giver=giver, representative=("A", "mẹ") if giver is not Giver.PATIENT else None)
        if allowed:
            assert await give(tx, staff(place, Role.NURSE), one)
        else:
            with pytest.raises(Invalid):
                await give(tx, staff(place, Role.NURSE), one)
        if age < 18:
            with pytest.raises(Forbidden):
                await give(tx, herself(place, id_), one)


@pytest.mark.parametrize("role", [Role.CASHIER, Role.LABORATORY, Role.REVIEWER, Role.PUBLIC, Role.CLIENT, Role.DISPLAY])
async def test_who_takes_no_consents_neither_gives_nor_withdraws_one(
    database: Database, place: Place, role: Role
) -> None:
    who = program(place) if role is Role.CLIENT else staff(place, role)
    async with database.transaction(place[0]) as tx:
        id_ = await patient(tx, place)
        kept = await give(tx, herself(place, id_), given(id_, "HIV"))
        for attempt in (
            give(tx, who, given(id_, "PSY")), withdraw(tx, who, id_, kept.id or ""), withdraw_all(tx, who, id_),
        ):  # fmt: skip
            with pytest.raises(Forbidden):
                await attempt
        app = msgspec.structs.replace(herself(place, id_), program="app", scopes=parse_scopes("system/*.cruds"))
        with pytest.raises(Forbidden):
            await give(tx, app, given(id_, "PSY"))


async def test_a_patient_gives_and_withdraws_for_nobody_else(database: Database, place: Place) -> None:
    async with database.transaction(place[0]) as tx:
        mine, other = await patient(tx, place), await patient(tx, place)
        kept = await give(tx, herself(place, other), given(other, "HIV"))
        with pytest.raises(Forbidden):
            await give(tx, herself(place, mine), given(other, "HIV"))
        with pytest.raises(Forbidden):
            await withdraw(tx, herself(place, mine), other, kept.id or "")
        with pytest.raises(NotFound):
            await withdraw(tx, herself(place, mine), mine, kept.id or "")


async def test_a_consent_of_another_hospital_opens_nothing_and_is_not_found_here(
    database: Database, place: Place, dsn: Callable[..., str]
) -> None:
    elsewhere = (await found_facility(dsn(), "79783", "Bệnh viện Bên Cạnh", "79"), place[1])
    async with database.transaction(place[0]) as tx:
        id_ = await patient(tx, place)
    async with database.transaction(elsewhere[0]) as tx:
        await store.create(tx, service(Role.LOADER, elsewhere[0]), r4.Patient(id=id_, birthDate="1980-05-01"))
        kept = await give(tx, herself(elsewhere, id_), given(id_, "HIV"))
    async with database.transaction(place[0]) as tx:
        assert await seen(tx, staff(place, Role.DOCTOR, "b1"), id_) == {"thuong"}
        with pytest.raises(NotFound):
            await withdraw(tx, herself(place, id_), id_, kept.id or "")


async def test_a_purpose_is_in_force_once_and_asked_by_whoever_needs_it(database: Database, place: Place) -> None:
    text = wording(Purpose.CONTACT, clock.today())
    async with database.transaction(place[0]) as tx:
        id_ = await patient(tx, place)
        who = herself(place, id_)
        one = Given(patient=id_, wording=text, language="en", text="shown", giver=Giver.PATIENT)
        assert not await consents.holds(tx, who, id_, Purpose.CONTACT)
        kept = await give(tx, who, one)
        assert await consents.holds(tx, who, id_, Purpose.CONTACT)
        assert not await consents.holds(tx, who, id_, Purpose.RESEARCH)
        with pytest.raises(Conflict):
            await give(tx, who, one)
        await withdraw(tx, who, id_, kept.id or "")
        assert not await consents.holds(tx, who, id_, Purpose.CONTACT)
        assert await seen(tx, staff(place, Role.DOCTOR, "b1"), id_) == {"thuong"}


@pytest.mark.parametrize(
    "change", [{"recipients": ()}, {"labels": ()}, {"until": clock.today() - DAY}, {"giver": Giver.REPRESENTATIVE}]
)
async def test_what_cannot_be_meant_is_not_kept(database: Database, place: Place, change: dict[str, Any]) -> None:
    async with database.transaction(place[0]) as tx:
        id_ = await patient(tx, place)
        with pytest.raises(Invalid):
            await give(tx, staff(place, Role.NURSE), msgspec.structs.replace(given(id_, "HIV"), **change))
        assert await consents.of_patient(tx, herself(place, id_), id_) == []


async def test_both_acts_stand_in_the_audit_or_did_not_happen(database: Database, place: Place) -> None:
    async def acts(id_: str) -> list[tuple[str, str]]:
        async with database.transaction(place[0]) as tx:
            rows = await tx.fetch(
                "select action, rule, account, detail from audit where patient = $1 and action like 'consent%'"
                " order by xid, seq", id_,
            )  # fmt: skip
        assert {row["account"] for row in rows} <= {f"patient:{id_}"}
        assert all("sha256" in row["detail"] for row in rows if row["action"] == "consent")
        return [(row["action"], row["rule"]) for row in rows]

    async with database.transaction(place[0]) as tx:
        id_ = await patient(tx, place)
    with pytest.raises(ZeroDivisionError):
        async with database.transaction(place[0]) as tx:
            await give(tx, herself(place, id_), given(id_, "HIV"))
            raise ZeroDivisionError
    assert await acts(id_) == []
    async with database.transaction(place[0]) as tx:
        kept = await give(tx, herself(place, id_), given(id_, "HIV"))
    async with database.transaction(place[0]) as tx:
        await withdraw(tx, herself(place, id_), id_, kept.id or "")
        await withdraw(tx, herself(place, id_), id_, kept.id or "")
    version = wording(Purpose.LABELLED, clock.today()).version
    assert await acts(id_) == [("consent", f"labelled {version}"), ("consent-withdrawn", "labelled")]
