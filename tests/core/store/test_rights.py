"""Requests of patients: filed by her or for her, answered by the office, and what a restriction closes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.access.rights import OPEN, Kind, State, Step
from benhan.core.access.scopes import parse_scopes
from benhan.core.db import Database, Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid, NotFound
from benhan.core.kit import clock
from benhan.core.store import rights
from benhan.simulator.house import found_facility
from tests.core.store.guarded import label

Place = tuple[int, Callable[[], str]]


@pytest_asyncio.fixture(scope="session")
async def place(database: Database, dsn: Callable[..., str]) -> Place:
    key = await found_facility(dsn(), "79784", "Bệnh viện Trả Lời", "79")
    number = itertools.count(1)
    return key, lambda: f"yc{next(number)}"


def staff(place: Place, *roles: Role, **more: Any) -> Subject:
    return Subject(
        account=f"nv-{roles[0]}", name="Trần Thị Bàn", facility=place[0], facility_name="BV", roles=frozenset(roles),
        **more,
    )  # fmt: skip


def herself(place: Place, patient: str) -> Subject:
    return msgspec.structs.replace(staff(place, Role.PATIENT), account=f"patient:{patient}", patient=patient)


async def patient(tx: Transaction, place: Place, *codes: str) -> str:
    id_, loader = place[1](), service(Role.LOADER, place[0])
    await store.create(tx, loader, r4.Patient(id=id_, meta=label(*codes)))
    return id_


async def test_she_files_it_the_office_answers_and_does_it_and_she_reads_the_answer(
    database: Database, place: Place
) -> None:
    office = staff(place, Role.PLANNING)
    async with database.transaction(place[0]) as tx:
        id_ = await patient(tx, place)
        made = await rights.file(tx, herself(place, id_), id_, Kind.COPY, " Xin bản sao hồ sơ ")
        assert (made.state, made.words, made.at_desk) == (State.FILED, "Xin bản sao hồ sơ", False)
        with pytest.raises(Conflict):
            await rights.file(tx, herself(place, id_), id_, Kind.COPY, "lần nữa")
        await rights.step(tx, office, made.id, Step.ANSWER, "Đã nhận, đang sao.")
        done = await rights.step(tx, office, made.id, Step.DO, "Mời lên nhận.")
        assert done.state is State.DONE
        with pytest.raises(Conflict):
            await rights.step(tx, office, made.id, Step.REFUSE, "Thôi.", "identity")
        (hers,) = await rights.of_patient(tx, herself(place, id_), id_)
        assert [(text, by) for text, _at, by in hers.notes] == [
            ("Đã nhận, đang sao.", "Trần Thị Bàn"), ("Mời lên nhận.", "Trần Thị Bàn"),
        ]  # fmt: skip


@pytest.mark.parametrize("role", [Role.DOCTOR, Role.RECEPTION, Role.ADMINISTRATOR, Role.REVIEWER, Role.PUBLIC])
async def test_only_the_office_lists_reads_and_answers(database: Database, place: Place, role: Role) -> None:
    who = staff(place, role)
    async with database.transaction(place[0]) as tx:
        id_ = await patient(tx, place)
        made = await rights.file(tx, herself(place, id_), id_, Kind.VIEW, "Xem")
        for attempt in (
            rights.worklist(tx, who, OPEN), rights.request(tx, who, made.id),
            rights.step(tx, who, made.id, Step.DO, "x"), store.read(tx, who, r4.Communication, made.id),
        ):  # fmt: skip
            with pytest.raises(Forbidden):
                await attempt
        for what in (Step.FILE, Step.TAKE_BACK):
            with pytest.raises(Forbidden):
                await rights.step(tx, staff(place, Role.PLANNING), made.id, what, "x")


async def test_nobody_files_or_takes_back_for_another(database: Database, place: Place) -> None:
    async with database.transaction(place[0]) as tx:
        mine, other = await patient(tx, place), await patient(tx, place)
        made = await rights.file(tx, staff(place, Role.RECEPTION), other, Kind.VIEW, "Xem")
        assert made.at_desk
        app = msgspec.structs.replace(herself(place, other), program="app", scopes=parse_scopes("system/*.cruds"))
        for who in (herself(place, mine), staff(place, Role.CASHIER), app):
            for attempt in (
                rights.file(tx, who, other, Kind.DELETE, "x"), rights.take_back(tx, who, other, made.id),
                rights.end_restriction(tx, who, other),
            ):  # fmt: skip
                with pytest.raises(Forbidden):
                    await attempt
        with pytest.raises(NotFound):
            await rights.take_back(tx, herself(place, mine), mine, made.id)
        assert await rights.of_patient(tx, herself(place, mine), other) == []
        assert (await rights.take_back(tx, herself(place, other), other, made.id)).state is State.TAKEN_BACK


async def test_another_hospital_sees_none_of_it(database: Database, place: Place, dsn: Callable[..., str]) -> None:
    elsewhere = (await found_facility(dsn(), "79785", "Bệnh viện Khác", "79"), place[1])
    async with database.transaction(place[0]) as tx:
        id_ = await patient(tx, place)
        made = await rights.file(tx, herself(place, id_), id_, Kind.VIEW, "Xem")
    async with database.transaction(elsewhere[0]) as tx:
        office = staff(elsewhere, Role.PLANNING)
        assert await rights.worklist(tx, office, list(State)) == []
        with pytest.raises(NotFound):
            await rights.step(tx, office, made.id, Step.DO, "x")


@pytest.mark.parametrize("reason", [None, "", "nothing", "retention"])
async def test_it_is_refused_only_for_a_reason_of_the_law_with_words(
    database: Database, place: Place, reason: str | None
) -> None:
    office = staff(place, Role.PLANNING)
    async with database.transaction(place[0]) as tx:
        id_ = await patient(tx, place)
        made = await rights.file(tx, herself(place, id_), id_, Kind.CORRECT, "Sai tên")
        with pytest.raises(Invalid):
            await rights.step(tx, office, made.id, Step.REFUSE, "Không được.", reason)
        with pytest.raises(Invalid):
            await rights.step(tx, office, made.id, Step.REFUSE, "  ", "signed")
        refused = await rights.step(tx, office, made.id, Step.REFUSE, "Ghi bổ sung được.", "signed")
        assert (refused.state, refused.reason) == (State.REFUSED, "signed")


async def test_the_list_has_the_overdue_first_and_the_labelled_too(database: Database, place: Place) -> None:
    office = staff(place, Role.PLANNING)
    async with database.transaction(place[0]) as tx:
        fresh, late = await patient(tx, place), await patient(tx, place, "EMP")
        await rights.file(tx, herself(place, fresh), fresh, Kind.VIEW, "Xem")
        made = await rights.file(tx, herself(place, late), late, Kind.VIEW, "Xem")
        kept = await store.read(tx, service(Role.RIGHTS_SERVICE, place[0]), r4.Communication, made.id)
        kept = msgspec.structs.replace(kept, sent="2026-01-05T08:00:00+07:00")
        await store.update(tx, service(Role.LOADER, place[0]), kept, if_match=None)
        found = await rights.worklist(tx, office, OPEN)
    patients = [one.patient for one, _person in found]
    assert patients.index(late) < patients.index(fresh)
    assert found[patients.index(late)][0].late(clock.today()) and found[patients.index(late)][1] is not None
    assert not found[patients.index(fresh)][0].late(clock.today())


async def test_a_restriction_closes_the_record_to_all_but_care_and_ends_on_her_wish(
    database: Database, place: Place
) -> None:
    office = staff(place, Role.PLANNING)
    program = msgspec.structs.replace(
        staff(place, Role.CLIENT), account="client:x", scopes=parse_scopes("system/*.rs labelled/read")
    )
    carers = [staff(place, one) for one in (Role.DOCTOR, Role.NURSE, Role.CASHIER, Role.RECEPTION)]

    async def readers(tx: Transaction, id_: str) -> list[bool]:
        found = []
        for who in [office, program, *carers]:
            page = await store.search(tx, who, r4.Patient, {"_id": id_})
            found.append(bool(page.resources))
        return found

    async with database.transaction(place[0]) as tx:
        id_ = await patient(tx, place)
        made = await rights.file(tx, herself(place, id_), id_, Kind.RESTRICT, "Chỉ để chữa bệnh")
        assert await readers(tx, id_) == [True] * 6
        await rights.step(tx, office, made.id, Step.DO, "Đã hạn chế.")
        assert await readers(tx, id_) == [False, False, True, True, True, True]
        with pytest.raises(Forbidden):
            await store.read(tx, office, r4.Patient, id_)
        assert rights.is_restricted(await store.read(tx, herself(place, id_), r4.Patient, id_))
        await rights.end_restriction(tx, herself(place, id_), id_)
        assert await readers(tx, id_) == [True] * 6


async def test_a_restriction_leaves_other_labels(database: Database, place: Place) -> None:
    async with database.transaction(place[0]) as tx:
        id_ = await patient(tx, place, "EMP")
        made = await rights.file(tx, herself(place, id_), id_, Kind.RESTRICT, "x")
        await rights.step(tx, staff(place, Role.PLANNING), made.id, Step.DO, "x")
        await rights.end_restriction(tx, herself(place, id_), id_)
        person = await store.read(tx, herself(place, id_), r4.Patient, id_)
    assert person.meta and [one.code for one in person.meta.security or ()] == ["EMP"]


async def test_every_step_stands_in_the_audit_or_did_not_happen(database: Database, place: Place) -> None:
    office = staff(place, Role.PLANNING)
    async with database.transaction(place[0]) as tx:
        id_ = await patient(tx, place)
    with pytest.raises(ZeroDivisionError):
        async with database.transaction(place[0]) as tx:
            await rights.file(tx, herself(place, id_), id_, Kind.RESTRICT, "x")
            raise ZeroDivisionError
    async with database.transaction(place[0]) as tx:
        made = await rights.file(tx, herself(place, id_), id_, Kind.RESTRICT, "x")
    async with database.transaction(place[0]) as tx:
        await rights.step(tx, office, made.id, Step.ANSWER, "x")
        await rights.step(tx, office, made.id, Step.DO, "x")
        await rights.end_restriction(tx, herself(place, id_), id_)
    async with database.transaction(place[0]) as tx:
        rows = await tx.fetch(
            "select action, account from audit where patient = $1"
            " and (action like 'request-%' or action like 'restriction-%') order by xid, seq", id_,
        )  # fmt: skip
    assert [(row["action"], row["account"]) for row in rows] == [
        ("request-filed", f"patient:{id_}"), ("request-answered", "nv-planning"), ("request-done", "nv-planning"),
        ("restriction-begun", "nv-planning"), ("restriction-ended", f"patient:{id_}"),
    ]  # fmt: skip
