"""What an administrator does holds from the next request on, in her own hospital only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest

from benhan.core.access import Role, Subject, grants, invitations, staff
from benhan.core.access.accounts import hashed
from benhan.core.access.doors import COOKIE
from benhan.core.access.hours import Hours
from benhan.core.access.staff import Person
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir.outcome import Forbidden, Invalid, NotFound
from benhan.core.kit import clock
from benhan.simulator import House
from tests.core.access.staff_people import PASSWORD, Somebody, session_of, somebody

Client = Callable[..., Awaitable[httpx.AsyncClient]]
NURSE = Person(name="Lò Thị Mẩy", roles=frozenset({Role.NURSE}))


@pytest.fixture
def admin(hospital: House) -> Subject:
    return hospital.subject(Role.ADMINISTRATOR)


async def at_work(client: Client, database: Database, one: Somebody) -> httpx.AsyncClient:
    """Her browser, which has been to a page already: the process knows her."""
    browser = await client(None)
    browser.cookies.set(COOKIE, await session_of(database, one))
    return browser


async def test_a_role_for_a_time_opens_doors_and_closes_them_by_itself(
    client: Client, database: Database, hospital: House, admin: Subject
) -> None:
    one = await somebody(database, hospital.key, Role.CASHIER)
    browser, now = await at_work(client, database, one), clock.now()
    assert (await browser.get("/tiep-don")).status_code == 403
    async with database.transaction(hospital.key) as tx:
        grant = await grants.give(
            tx, admin, one.id, Role.RECEPTION, "Trực thay", now - timedelta(hours=1), now + timedelta(hours=1)
        )
    assert (await browser.get("/tiep-don")).status_code == 200
    async with database.transaction(hospital.key) as tx:  # an hour later, as the database sees it
        await tx.execute("update account_grant set ends = now() - interval '1 second' where id = $1", grant)
    assert (await browser.get("/tiep-don")).status_code == 403
    assert (await browser.get("/hang-doi")).status_code == 200


async def test_a_grant_that_is_ended_closes_at_once_and_one_to_come_never_opens(
    client: Client, database: Database, hospital: House, admin: Subject
) -> None:
    one = await somebody(database, hospital.key, Role.CASHIER)
    browser, now = await at_work(client, database, one), clock.now()
    for start in (now - timedelta(minutes=5), now + timedelta(hours=5)):
        async with database.transaction(hospital.key) as tx:
            grant = await grants.give(tx, admin, one.id, Role.RECEPTION, "Trực", start, now + timedelta(hours=9))
        assert (await browser.get("/tiep-don")).status_code == (200 if start < now else 403)
        async with database.transaction(hospital.key) as tx:
            await grants.end(tx, admin, one.id, grant)
        assert (await browser.get("/tiep-don")).status_code == 403


async def test_leaving_the_permitted_hours_closes_an_open_session(
    client: Client, database: Database, hospital: House, admin: Subject
) -> None:
    one = await somebody(database, hospital.key, Role.RECEPTION)
    browser = await at_work(client, database, one)
    assert (await browser.get("/tiep-don")).status_code == 200
    today = clock.today().weekday()
    other_days = 127 & ~(1 << today) & ~(1 << (today + 1) % 7) & ~(1 << (today - 1) % 7)
    async with database.transaction(hospital.key) as tx:
        await staff.set_hours(tx, admin, one.id, Hours(other_days))
    assert (await browser.get("/tiep-don")).status_code == 303
    async with database.transaction(hospital.key) as tx:
        await staff.set_hours(tx, admin, one.id, Hours())
    assert (await browser.get("/tiep-don")).status_code == 200


@pytest.mark.parametrize("how", ["stop", "reset", "roles", "departments"])
async def test_stopping_resetting_and_changing_roles_end_her_sessions_at_once(
    client: Client, database: Database, hospital: House, admin: Subject, how: str
) -> None:
    one = await somebody(database, hospital.key, Role.RECEPTION)
    browser = await at_work(client, database, one)
    assert (await browser.get("/tiep-don")).status_code == 200
    async with database.transaction(hospital.key) as tx:
        if how == "stop":
            await staff.stop(tx, admin, one.id, "thôi việc")
        elif how == "reset":
            await staff.reset(tx, admin, one.id)
        elif how == "roles":
            roles = frozenset({Role.RECEPTION, Role.CASHIER})
            await staff.change(tx, admin, one.id, Person(name="Lò Thị Mẩy", roles=roles))
        else:
            here = Person(name="Lò Thị Mẩy", roles=frozenset({Role.RECEPTION}), departments=frozenset({"khoa-k39"}))
            await staff.change(tx, admin, one.id, here)
    assert (await browser.get("/tiep-don")).status_code == 303
    async with database.transaction(hospital.key) as tx:
        assert (await staff.one(tx, admin, one.id)).sessions == 0


async def test_a_session_that_was_idle_too_long_is_over(client: Client, database: Database, hospital: House) -> None:
    one = await somebody(database, hospital.key, Role.RECEPTION)
    browser = await at_work(client, database, one)
    token = hashed(browser.cookies[COOKIE])
    for seen, expected in (("3 hours", 200), ("5 hours", 303)):
        async with database.transaction(hospital.key) as tx:
            await tx.execute(
                f"update session set idle = '4 hours', seen = now() - interval '{seen}' where token_hash = $1", token
            )
        assert (await browser.get("/tiep-don")).status_code == expected


async def test_an_invitation_works_once_and_the_newest_alone(
    database: Database, hospital: House, admin: Subject
) -> None:
    async with database.transaction(hospital.key) as tx:
        id_, first = await staff.invite(tx, admin, f"moi{hashed(repr(tx)).hex()[:10]}", NURSE)
        second = await staff.reset(tx, admin, id_)
    async with database.transaction() as tx:
        with pytest.raises(NotFound):
            await invitations.invited(tx, first)
        assert (await invitations.invited(tx, second)).name == "Lò Thị Mẩy"
        await invitations.accept(tx, second, PASSWORD)
        with pytest.raises(NotFound):
            await invitations.accept(tx, second, PASSWORD)


async def test_an_invitation_ends_after_72_hours_and_with_its_account(
    database: Database, hospital: House, admin: Subject
) -> None:
    one = await somebody(database, hospital.key)
    async with database.transaction(hospital.key) as tx:
        token = await staff.reset(tx, admin, one.id)
        left = await tx.fetchval("select ends - now() from invitation where account = $1", one.id)
        assert left == timedelta(hours=72)
        await staff.stop(tx, admin, one.id, "nhầm người")
    async with database.transaction() as tx:
        with pytest.raises(NotFound):
            await invitations.invited(tx, token)
    async with database.transaction(PLATFORM) as tx:
        await tx.execute("update account set active = true where id = $1", one.id)
        await tx.execute("update invitation set ends = now() where account = $1", one.id)
        with pytest.raises(NotFound):
            await invitations.invited(tx, token)


async def test_nobody_gives_more_than_a_hospital_has_to_give(
    database: Database, hospital: House, admin: Subject
) -> None:
    one = await somebody(database, hospital.key)
    now = clock.now()
    for role in (Role.PROVINCE, Role.ROLLOUT_OFFICER, Role.LOADER, Role.CLIENT, Role.PATIENT):
        with pytest.raises(Invalid):
            async with database.transaction(hospital.key) as tx:
                await staff.change(tx, admin, one.id, Person(name="Ai", roles=frozenset({role})))
        with pytest.raises(Invalid):
            async with database.transaction(hospital.key) as tx:
                await grants.give(tx, admin, one.id, role, "Thử", now, now + timedelta(hours=1))


async def test_an_administrator_cannot_shut_herself_out(database: Database, hospital: House, admin: Subject) -> None:
    async with database.transaction(hospital.key) as tx:
        for act in (
            staff.stop(tx, admin, admin.account, "đùa"),
            staff.reset(tx, admin, admin.account),
            staff.change(tx, admin, admin.account, NURSE),
        ):
            with pytest.raises(Forbidden):
                await act


async def test_an_administrator_of_another_hospital_meets_nobody_here(
    database: Database, hospital: House, other_hospital: House
) -> None:
    one = await somebody(database, hospital.key)
    stranger = other_hospital.subject(Role.ADMINISTRATOR)
    now = clock.now()
    async with database.transaction(stranger.facility) as tx:
        assert one.id not in {account.id for account in await staff.everybody(tx, stranger)}
        for act in (
            staff.one(tx, stranger, one.id),
            staff.stop(tx, stranger, one.id, "phá"),
            staff.reset(tx, stranger, one.id),
            staff.set_hours(tx, stranger, one.id, Hours()),
            grants.give(tx, stranger, one.id, Role.DOCTOR, "phá", now, now + timedelta(hours=1)),
        ):
            with pytest.raises(NotFound):
                await act


async def test_another_hospitals_accounts_are_hidden_by_the_question_itself(
    database: Database, hospital: House, other_hospital: House
) -> None:
    """Also in a transaction that reaches the whole platform: row-level security is the second wall, not the first."""
    one = await somebody(database, hospital.key)
    stranger = other_hospital.subject(Role.ADMINISTRATOR)
    async with database.transaction(PLATFORM) as tx:
        assert one.id not in {account.id for account in await staff.everybody(tx, stranger)}
        with pytest.raises(NotFound):
            await staff.one(tx, stranger, one.id)


@pytest.mark.parametrize("role", [role for role in staff.STAFF_ROLES if role is not Role.ADMINISTRATOR])
async def test_no_other_role_keeps_accounts(database: Database, hospital: House, role: Role) -> None:
    who = hospital.subject(role)
    async with database.transaction(hospital.key) as tx:
        with pytest.raises(Forbidden):
            await staff.everybody(tx, who)
        with pytest.raises(Forbidden):
            await staff.invite(tx, who, "lot-vao", NURSE)
