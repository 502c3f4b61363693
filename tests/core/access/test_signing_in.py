"""Signing in: guessing is slowed down, an unknown login looks like a wrong password, and when she may not come in."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest
from argon2 import PasswordHasher

from benhan.core.access import Role, Subject, grants, staff
from benhan.core.access.back_off import ADDRESS_FAILURES
from benhan.core.access.hours import Hours
from benhan.core.access.idle import stop_idle
from benhan.core.access.sessions import Terms, Visitor
from benhan.core.access.signing_in import sign_in
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir.outcome import Forbidden
from benhan.core.kit import clock
from benhan.simulator import House
from tests.core.access.staff_people import PASSWORD, Somebody, somebody

TERMS = Terms(hours=12, idle_days=45)
#: A Wednesday, at nine in the morning.
WEDNESDAY = datetime(2026, 11, 25, 9, 0, tzinfo=clock.ZONE)


async def tries(
    database: Database, login: str, password: str = PASSWORD, *, place: str = "10.1.1.1", at: datetime | None = None
) -> str | None:
    async with database.transaction() as tx:
        came = await sign_in(tx, login, password, TERMS, Visitor("Chrome", place), at or clock.now())
    return came.token if came else None


async def refused(database: Database, login: str, password: str = PASSWORD, *, at: datetime | None = None) -> str:
    """The words of a refusal. What was counted or stopped is kept, as at the door."""
    async with database.transaction() as tx:
        try:
            await sign_in(tx, login, password, TERMS, Visitor("Chrome", "10.1.1.1"), at or clock.now())
        except Forbidden as problem:
            return problem.message
    raise AssertionError("she came in")


@pytest.fixture
def admin(hospital: House) -> Subject:
    return hospital.subject(Role.ADMINISTRATOR)


async def test_the_right_password_opens_a_session_and_a_wrong_one_none(database: Database, hospital: House) -> None:
    one = await somebody(database, hospital.key)
    assert await tries(database, one.login, "không phải cái này") is None
    assert await tries(database, f"  {one.login.upper()} ")


@pytest.mark.parametrize("there", [True, False])
async def test_a_login_is_held_back_after_five_wrong_passwords_whether_it_exists_or_not(
    database: Database, hospital: House, *, there: bool
) -> None:
    one = await somebody(database, hospital.key)
    login = one.login if there else f"x{one.login}"
    for _ in range(5):
        assert await tries(database, login, "sai sai sai sai") is None
    assert "Thử lại sau" in await refused(database, login)


async def test_an_unknown_login_costs_the_same_work_as_a_wrong_password(
    database: Database, hospital: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not measured by the clock: what is counted is the work, one comparison by Argon2id with the same parameters."""
    one = await somebody(database, hospital.key)
    work: list[str] = []
    verify = PasswordHasher.verify

    def counted(self: PasswordHasher, hash: str, password: str) -> bool:  # noqa: A002 - its name
        work.append(hash.rpartition("$")[0].rpartition("$")[0])
        return bool(verify(self, hash, password))

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    for login in (one.login, f"y{one.login}"):
        assert await tries(database, login, "sai sai sai sai") is None
    assert len(work) == 2
    assert work[0] == work[1]


async def test_each_further_wrong_password_doubles_the_wait(database: Database, hospital: House) -> None:
    one = await somebody(database, hospital.key)
    waits = []
    for _ in range(8):
        async with database.transaction(PLATFORM) as tx:
            await tx.execute("update back_off set until = null where what = $1", f"login:{one.login}")
        await tries(database, one.login, "sai sai sai sai")
        async with database.transaction(PLATFORM) as tx:
            left = await tx.fetchval(
                "select extract(epoch from until - now()) from back_off where what = $1", f"login:{one.login}"
            )
        waits.append(None if left is None else round(float(left) / 60))
    assert waits == [None] * 4 + [1, 2, 4, 8]


async def test_coming_in_forgets_the_failures_of_the_login(database: Database, hospital: House) -> None:
    one = await somebody(database, hospital.key)
    for _ in range(3):
        for _again in range(4):
            assert await tries(database, one.login, "sai sai sai sai") is None
        assert await tries(database, one.login)


async def test_one_address_that_tries_many_logins_is_held_back(database: Database, hospital: House) -> None:
    one = await somebody(database, hospital.key)
    place = f"10.9.{one.id[:8]}"
    async with database.transaction(PLATFORM) as tx:
        await tx.execute(
            "insert into back_off (what, failures) values ($1, $2)", f"address:{place}", ADDRESS_FAILURES - 1
        )
    assert await tries(database, one.login, place=place)  # her own success does not wipe what the address did
    assert await tries(database, f"khac{one.login}", "sai sai sai sai", place=place) is None
    with pytest.raises(Forbidden, match="Thử lại sau"):
        await tries(database, one.login, place=place)
    assert await tries(database, one.login, place="10.1.1.2")


async def test_a_whole_house_behind_one_address_waits_a_minute_at_most(database: Database, hospital: House) -> None:
    one = await somebody(database, hospital.key)
    place = f"10.8.{one.id[:8]}"
    async with database.transaction(PLATFORM) as tx:
        await tx.execute("insert into back_off (what, failures) values ($1, $2)", f"address:{place}", 5000)
    assert await tries(database, one.login, "sai sai sai sai", place=place) is None
    with pytest.raises(Forbidden) as waiting:
        await tries(database, one.login, place=place)
    assert int("".join(filter(str.isdigit, waiting.value.message))) <= 61


async def test_failures_of_an_address_are_forgotten_after_a_quarter_of_an_hour(
    database: Database, hospital: House
) -> None:
    one = await somebody(database, hospital.key)
    place = f"10.8.{one.id[:8]}"
    async with database.transaction(PLATFORM) as tx:
        await tx.execute(
            "insert into back_off (what, failures, first) values ($1, $2, now() - interval '16 minutes')",
            f"address:{place}", ADDRESS_FAILURES - 1,
        )  # fmt: skip
    assert await tries(database, one.login, "sai sai sai sai", place=place) is None
    assert await tries(database, one.login, place=place)


async def test_every_try_leaves_a_trace_with_where_it_came_from(database: Database, hospital: House) -> None:
    one = await somebody(database, hospital.key)
    await tries(database, one.login, "sai sai sai sai")
    await tries(database, one.login)
    async with database.transaction(hospital.key) as tx:
        rows = await tx.fetch(
            "select allowed, rule, detail from audit where account = $1 and action = 'sign-in' order by seq", one.id
        )
    assert [tuple(row.values()) for row in rows] == [
        (False, "wrong password", "Chrome · 10.1.1.1"),
        (True, "password", "Chrome · 10.1.1.1"),
    ]


async def test_a_stopped_account_is_told_why_but_only_to_who_knows_the_password(
    database: Database, hospital: House, admin: Subject
) -> None:
    one = await somebody(database, hospital.key)
    async with database.transaction(hospital.key) as tx:
        await staff.stop(tx, admin, one.id, "nghỉ thai sản")
    assert await tries(database, one.login, "sai sai sai sai") is None
    assert "nghỉ thai sản" in await refused(database, one.login)


async def test_forty_five_idle_days_stop_an_account_at_the_door(
    database: Database, hospital: House, admin: Subject
) -> None:
    one = await somebody(database, hospital.key)
    soon, late = clock.now() + timedelta(days=44), clock.now() + timedelta(days=46)
    assert "45 ngày" in await refused(database, one.login, at=late)
    assert "không dùng quá 45 ngày" in await refused(database, one.login)  # stopped for good, not for this try
    async with database.transaction(hospital.key) as tx:
        await staff.restart(tx, admin, one.id)
    assert await tries(database, one.login, at=soon)


async def test_the_daily_round_stops_idle_accounts_and_ends_their_sessions(
    database: Database, hospital: House, admin: Subject
) -> None:
    idle, fresh = await somebody(database, hospital.key), await somebody(database, hospital.key)
    assert await tries(database, idle.login)
    assert await tries(database, fresh.login, at=clock.now() + timedelta(days=20))
    with pytest.raises(_Enough):  # what it would do to the other tests' accounts is rolled back
        async with database.transaction() as tx:
            assert await stop_idle(tx, 45, clock.now() + timedelta(days=46)) > 0
            await tx.reach(hospital.key)
            found = {one.id: one for one in await staff.everybody(tx, admin)}
            assert (found[idle.id].state, found[idle.id].sessions) == ("stopped", 0)
            assert (found[fresh.id].state, found[fresh.id].sessions) == ("active", 1)
            raise _Enough
    async with database.transaction() as tx:
        assert await stop_idle(tx, 0, clock.now() + timedelta(days=4000)) == 0


class _Enough(Exception):  # noqa: N818 - not an error
    pass


@pytest.mark.parametrize(
    ("hours", "at", "open_"),
    [
        (Hours(0b0011111), WEDNESDAY, True),
        (Hours(0b0011111), WEDNESDAY + timedelta(days=3), False),  # Saturday
        (Hours(127, time(7), time(17)), WEDNESDAY, True),
        (Hours(127, time(7), time(9)), WEDNESDAY, False),  # the end is not within
        (Hours(127, time(9), time(17)), WEDNESDAY, True),
        (Hours(0b0000100, time(19), time(7)), WEDNESDAY.replace(hour=20), True),
        (Hours(0b0000100, time(19), time(7)), WEDNESDAY.replace(hour=6) + timedelta(days=1), True),  # Wednesday's night
        (Hours(0b0000100, time(19), time(7)), WEDNESDAY.replace(hour=6), False),  # Tuesday's night
        (Hours(0b0000100, time(19), time(7)), WEDNESDAY.replace(hour=7) + timedelta(days=1), False),
    ],
)
async def test_an_account_opens_within_its_hours_only(
    database: Database, hospital: House, admin: Subject, hours: Hours, at: datetime, *, open_: bool
) -> None:
    one = await somebody(database, hospital.key)
    async with database.transaction(hospital.key) as tx:
        await staff.set_hours(tx, admin, one.id, hours)
        await tx.execute("update account set used = $2 where id = $1", one.id, at)
    if open_:
        assert await tries(database, one.login, at=at)
    else:
        assert hours.in_words() in await refused(database, one.login, at=at)


async def test_an_account_of_grants_only_opens_while_one_runs(
    database: Database, hospital: House, admin: Subject
) -> None:
    one = await _inspector(database, hospital, admin)
    now = clock.now()
    assert "chưa bắt đầu" in await refused(database, one.login, at=now)
    assert await tries(database, one.login, at=now + timedelta(hours=1, minutes=1))
    assert "hết hạn" in await refused(database, one.login, at=now + timedelta(hours=3))


async def _inspector(database: Database, hospital: House, admin: Subject) -> Somebody:
    """Of no role, except for an hour from in an hour."""
    one = await somebody(database, hospital.key)
    now = clock.now()
    async with database.transaction(hospital.key) as tx:
        await tx.execute("update account set roles = '{}' where id = $1", one.id)
        start, end = now + timedelta(hours=1), now + timedelta(hours=2)
        await grants.give(tx, admin, one.id, Role.PLANNING, "Đoàn kiểm tra Sở Y tế", start, end)
    return one
