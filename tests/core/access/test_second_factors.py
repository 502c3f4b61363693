"""Codes, recovery codes and passkeys: each taken once, by its holder, from our own page; and guessing them is slow."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pyotp
import pytest
from webauthn.helpers import bytes_to_base64url

from benhan.core.access import Role, Subject, own, passkeys, second_factors, signing_in, staff
from benhan.core.access.accounts import hashed
from benhan.core.access.passkeys import Site
from benhan.core.access.second_factors import step_of, take_code
from benhan.core.access.sessions import Terms, Visitor
from benhan.core.access.signing_in import Came
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid, SignInNeeded
from benhan.core.kit import clock
from benhan.simulator import House
from tests.core.access.authenticator import Authenticator
from tests.core.access.staff_people import PASSWORD, Somebody, somebody

TERMS = Terms(hours=12)
SITE = Site.of("https://benhan.example:8443")
HERE = Visitor("Chrome", "10.2.2.2")
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NOON = datetime(2026, 11, 25, 12, 0, 0, tzinfo=clock.ZONE)
Passkey = Callable[[Somebody], Awaitable[Authenticator]]


def code(at: datetime) -> str:
    return pyotp.TOTP(SECRET).at(at)


def as_subject(one: Somebody) -> Subject:
    return Subject(account=one.id, name="Lò Thị Mẩy", facility=one.facility, facility_name="", roles=frozenset())


@pytest.fixture
async def one(database: Database, hospital: House) -> Somebody:
    return await somebody(database, hospital.key, Role.DOCTOR)


@pytest.fixture
async def with_application(database: Database, one: Somebody) -> Somebody:
    async with database.transaction(one.facility) as tx:
        assert await second_factors.set_application(tx, as_subject(one), SECRET, code(NOON), NOON)
    return one


@pytest.fixture
def passkey(database: Database) -> Passkey:
    async def make(one: Somebody) -> Authenticator:
        device, who = Authenticator(SITE.origin, SITE.host), as_subject(one)
        async with database.transaction(one.facility) as tx:
            asked = await passkeys.options_to_add(tx, who, one.login, SITE)
            await passkeys.add(tx, who, asked["step"], device.create(asked["options"]), "điện thoại", SITE)
        return device

    return make


async def password(database: Database, one: Somebody, terms: Terms = TERMS, at: datetime = NOON) -> Came:
    async with database.transaction() as tx:
        came = await signing_in.sign_in(tx, one.login, PASSWORD, terms, HERE, at)
    assert came is not None
    return came


async def shows(database: Database, step: str, said: str, at: datetime = NOON) -> str | None:
    async with database.transaction() as tx:
        return await signing_in.show_code(tx, step, said, TERMS, HERE, at)


# ── codes of an application ────────────────────────────────────────────────────────────────────────────────────────


def test_the_codes_are_those_of_rfc_6238() -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for second, said in ((59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")):
        at = datetime.fromtimestamp(second, clock.ZONE)
        assert step_of(secret, said, at) == second // 30


@pytest.mark.parametrize(("late", "taken"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_code_is_good_thirty_seconds_before_and_after_its_own(late: int, *, taken: bool) -> None:
    assert (step_of(SECRET, code(NOON), NOON + timedelta(seconds=late)) is not None) is taken


@pytest.mark.parametrize("junk", ["", "12345", "1234567", "٠١٢٣٤٥", "abcdef", "000 00"])
def test_junk_is_no_code(junk: str) -> None:
    assert step_of(SECRET, junk, NOON) is None


async def test_a_password_alone_opens_nothing_where_there_is_a_second_factor(
    database: Database, with_application: Somebody
) -> None:
    came = await password(database, with_application)
    assert came.step == signing_in.SECOND
    async with database.transaction(PLATFORM) as tx:
        assert await tx.fetchval("select count(*) from session where account = $1", with_application.id) == 0
        assert await tx.fetchrow("select * from holder($1, false)", hashed(came.token)) is None
    token = await shows(database, came.token, code(NOON + timedelta(seconds=30)), NOON + timedelta(seconds=30))
    assert token and token != came.token
    async with database.transaction(PLATFORM) as tx:
        assert await tx.fetchrow("select * from holder($1, false)", hashed(token)) is not None


async def test_a_code_is_never_taken_twice_nor_one_before_it(database: Database, with_application: Somebody) -> None:
    later = NOON + timedelta(seconds=60)
    for said, taken in ((code(NOON), False), (code(later), True), (code(later), False), (code(NOON), False)):
        came = await password(database, with_application)
        assert bool(await shows(database, came.token, said, later)) is taken


async def test_of_two_who_show_one_code_at_the_same_moment_one_comes_in(
    database: Database, with_application: Somebody
) -> None:
    later = NOON + timedelta(seconds=60)
    async with database.transaction(PLATFORM) as first:
        assert await take_code(first, with_application.id, code(later), later)
    async with database.transaction(PLATFORM) as second:
        assert not await take_code(second, with_application.id, code(later), later)


async def test_a_step_is_used_once_and_ends_after_five_minutes(database: Database, with_application: Somebody) -> None:
    later = NOON + timedelta(seconds=60)
    came = await password(database, with_application)
    assert await shows(database, came.token, code(later), later)
    with pytest.raises(SignInNeeded):
        await shows(database, came.token, code(later + timedelta(seconds=30)), later + timedelta(seconds=30))
    came = await password(database, with_application)
    async with database.transaction(PLATFORM) as tx:
        left = await tx.fetchval("select ends - now() from sign_in_step where token_hash = $1", hashed(came.token))
        assert timedelta(minutes=4) < left <= timedelta(minutes=5)
        await tx.execute("update sign_in_step set ends = now() where token_hash = $1", hashed(came.token))
    with pytest.raises(SignInNeeded):
        await shows(database, came.token, code(later + timedelta(seconds=60)), later + timedelta(seconds=60))


async def test_guessing_codes_is_held_back_and_knowing_the_password_does_not_help(
    database: Database, with_application: Somebody
) -> None:
    for _ in range(5):
        came = await password(database, with_application)
        assert await shows(database, came.token, "000000") is None
    async with database.transaction() as tx:
        with pytest.raises(Forbidden, match="Thử lại sau"):
            await signing_in.sign_in(tx, with_application.login, PASSWORD, TERMS, HERE, NOON)


async def test_the_second_step_too_is_refused_to_an_account_that_was_stopped_meanwhile(
    database: Database, hospital: House, with_application: Somebody
) -> None:
    came = await password(database, with_application)
    async with database.transaction(hospital.key) as tx:
        await staff.stop(tx, hospital.subject(Role.ADMINISTRATOR), with_application.id, "vừa nghỉ việc")
    later = NOON + timedelta(seconds=30)
    with pytest.raises(Forbidden, match="vừa nghỉ việc"):
        await shows(database, came.token, code(later), later)


# ── recovery codes ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_each_of_ten_recovery_codes_opens_once_however_it_is_typed(
    database: Database, with_application: Somebody
) -> None:
    async with database.transaction(with_application.facility) as tx:
        codes = await second_factors.new_recovery_codes(tx, as_subject(with_application))
        kept = [bytes(row["hash"]) for row in await tx.fetch(
            "select hash from recovery_code where account = $1", with_application.id)]  # fmt: skip
    assert len(set(codes)) == len(set(kept)) == 10
    assert not any(one.replace("-", "").encode() in digest for one in codes for digest in kept)
    for said, taken in ((codes[0], True), (codes[0], False), (codes[1].lower().replace("-", " "), True)):
        came = await password(database, with_application)
        assert bool(await shows(database, came.token, said)) is taken


async def test_new_recovery_codes_make_the_old_ones_void(database: Database, with_application: Somebody) -> None:
    who = as_subject(with_application)
    async with database.transaction(who.facility) as tx:
        old = await second_factors.new_recovery_codes(tx, who)
        await second_factors.new_recovery_codes(tx, who)
    came = await password(database, with_application)
    assert await shows(database, came.token, old[0]) is None


# ── a second factor that a role must have ──────────────────────────────────────────────────────────────────────────


async def test_a_role_that_must_have_one_sets_it_up_before_she_comes_in(database: Database, one: Somebody) -> None:
    terms = Terms(hours=12, second_factor=frozenset({Role.DOCTOR}))
    came = await password(database, one, terms)
    assert came.step == signing_in.ENROL
    async with database.transaction() as tx:
        secret, login, _house = await signing_in.to_enrol(tx, came.token)
        assert login == one.login
        assert await signing_in.enrol(tx, came.token, "000000", terms, HERE, NOON) is None
    async with database.transaction() as tx:
        done = await signing_in.enrol(tx, came.token, pyotp.TOTP(secret).at(NOON), terms, HERE, NOON)
    assert done and len(done.recovery_codes) == 10
    assert (await password(database, one, terms)).step == signing_in.SECOND
    async with database.transaction(one.facility) as tx:
        with pytest.raises(Conflict, match="lớp bảo vệ"):
            await second_factors.remove_application(tx, as_subject(one), needed=True)


async def test_other_roles_come_in_as_before(database: Database, one: Somebody) -> None:
    assert (await password(database, one, Terms(hours=12, second_factor=frozenset({Role.PHARMACY})))).step is None


async def test_a_short_password_stands_only_beside_a_second_factor(
    database: Database, with_application: Somebody
) -> None:
    who = as_subject(with_application)
    async with database.transaction(who.facility) as tx:
        assert await own.change_password(tx, who, PASSWORD, "mèo đen9")
        with pytest.raises(Conflict, match="14"):
            await second_factors.remove_application(tx, who, needed=False)
        assert await own.change_password(tx, who, "mèo đen9", "bốn con mèo đen ngủ")
        await second_factors.remove_application(tx, who, needed=False)
        with pytest.raises(Invalid, match="14"):
            await own.change_password(tx, who, "bốn con mèo đen ngủ", "mèo đen9")


async def test_an_administrators_reset_takes_every_second_factor_away(
    database: Database, hospital: House, with_application: Somebody, passkey: Passkey
) -> None:
    device = await passkey(with_application)
    async with database.transaction(hospital.key) as tx:
        await staff.reset(tx, hospital.subject(Role.ADMINISTRATOR), with_application.id)
        assert not (await second_factors.of_account(tx, with_application.id)).any
    assert await alone(database, device) is None


# ── passkeys ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def question(database: Database, step: str | None = None) -> dict[str, Any]:
    async with database.transaction() as tx:
        return await signing_in.passkey_question(tx, SITE, step)


async def answered(database: Database, asked: dict[str, Any], said: str, step: str | None = None) -> str | None:
    async with database.transaction() as tx:
        return await signing_in.show_passkey(tx, asked["step"], said, SITE, TERMS, HERE, clock.now(), step)


async def alone(database: Database, device: Authenticator, **lies: Any) -> str | None:
    asked = await question(database)
    return await answered(database, asked, device.get(asked["options"], **lies))


async def test_a_passkey_alone_opens(database: Database, one: Somebody, passkey: Passkey) -> None:
    device = await passkey(one)
    token = await alone(database, device)
    assert token
    async with database.transaction(PLATFORM) as tx:
        row = await tx.fetchrow("select account from holder($1, false)", hashed(token))
        assert row and row["account"] == one.id
        how = await tx.fetchval(
            "select rule from audit where account = $1 and action = 'sign-in' order by seq desc", one.id
        )
    assert how == "passkey"


@pytest.mark.parametrize(
    "lies",
    [
        {"origin": "https://benhan.example.evil.test"},
        {"origin": "http://benhan.example:8443"},
        {"origin": "https://benhan.example"},  # another port
        {"host": "evil.test"},
        {"challenge": bytes_to_base64url(b"x" * 64)},
        {"type": "webauthn.create"},
        {"verified": False},
        {"count": 0},
    ],
    ids=lambda lies: next(iter(lies)),
)
async def test_a_passkey_that_signed_something_else_opens_nothing(
    database: Database, one: Somebody, passkey: Passkey, lies: dict[str, Any]
) -> None:
    device = await passkey(one)
    assert await alone(database, device)
    assert await alone(database, device, **lies) is None


async def test_a_passkeys_answer_is_taken_once_and_a_copied_device_is_noticed(
    database: Database, one: Somebody, passkey: Passkey
) -> None:
    device = await passkey(one)
    asked = await question(database)
    said = device.get(asked["options"])
    assert await answered(database, asked, said)
    assert await answered(database, asked, said) is None
    other = await question(database)
    assert await answered(database, other, said) is None
    assert await alone(database, device, count=1) is None  # its copy was used meanwhile


async def test_a_question_is_used_up_by_a_wrong_answer_too(database: Database, one: Somebody, passkey: Passkey) -> None:
    device = await passkey(one)
    asked = await question(database)
    assert await answered(database, asked, device.get(asked["options"], origin="https://evil.test")) is None
    assert await answered(database, asked, device.get(asked["options"])) is None


async def test_a_signature_by_another_key_opens_nothing(database: Database, one: Somebody, passkey: Passkey) -> None:
    device, forger = await passkey(one), Authenticator(SITE.origin, SITE.host)
    forger.id, forger.user = device.id, device.user
    assert await alone(database, forger) is None


@pytest.mark.parametrize("junk", ["", "{}", "[]", "null", '{"id": 1}', '{"id": "AAAA", "response": {}}', "không"])
async def test_junk_is_no_passkey(database: Database, junk: str) -> None:
    assert await answered(database, await question(database), junk) is None


async def test_after_a_password_only_her_own_passkey_opens(
    database: Database, hospital: House, one: Somebody, passkey: Passkey
) -> None:
    device = await passkey(one)
    other = await passkey(await somebody(database, hospital.key))
    for shown, taken in ((other, False), (device, True)):
        came = await password(database, one, at=clock.now())
        asked = await question(database, came.token)
        allowed = [entry["id"] for entry in asked["options"]["allowCredentials"]]
        assert allowed == [bytes_to_base64url(device.id)]
        token = await answered(database, asked, shown.get(asked["options"]), came.token)
        assert bool(token) is taken


async def test_a_passkey_shown_for_another_account_does_not_finish_her_sign_in(
    database: Database, hospital: House, one: Somebody, passkey: Passkey
) -> None:
    """The thief knows her password, and has a passkey of his own and a question asked of nobody in particular."""
    await passkey(one)
    thief = await passkey(await somebody(database, hospital.key))
    came = await password(database, one, at=clock.now())
    asked = await question(database)
    assert await answered(database, asked, thief.get(asked["options"]), came.token) is None


async def test_a_question_for_one_purpose_is_no_good_for_another(
    database: Database, one: Somebody, passkey: Passkey
) -> None:
    await passkey(one)
    device, who = Authenticator(SITE.origin, SITE.host), as_subject(one)
    async with database.transaction(one.facility) as tx:
        asked = await passkeys.options_to_add(tx, who, one.login, SITE)
    device.create(asked["options"])
    assert await answered(database, asked, device.get(asked["options"])) is None


@pytest.mark.parametrize(
    "lies",
    [{"origin": "https://evil.test"}, {"host": "evil.test"}, {"challenge": "AAAA"}, {"verified": False}],
    ids=lambda lies: next(iter(lies)),
)
async def test_a_new_passkey_must_answer_our_own_question(
    database: Database, one: Somebody, lies: dict[str, Any]
) -> None:
    device, who = Authenticator(SITE.origin, SITE.host), as_subject(one)
    async with database.transaction(one.facility) as tx:
        asked = await passkeys.options_to_add(tx, who, one.login, SITE)
        with pytest.raises(Invalid):
            await passkeys.add(tx, who, asked["step"], device.create(asked["options"], **lies), "", SITE)
        assert not (await second_factors.of_account(tx, one.id)).any


async def test_nobody_adds_a_passkey_to_anothers_account(database: Database, hospital: House, one: Somebody) -> None:
    other = as_subject(await somebody(database, hospital.key))
    device = Authenticator(SITE.origin, SITE.host)
    async with database.transaction(one.facility) as tx:
        asked = await passkeys.options_to_add(tx, as_subject(one), one.login, SITE)
        with pytest.raises(Invalid):
            await passkeys.add(tx, other, asked["step"], device.create(asked["options"]), "", SITE)
        with pytest.raises(Invalid):  # and the question is used up
            await passkeys.add(tx, as_subject(one), asked["step"], device.create(asked["options"]), "", SITE)


async def test_a_passkey_that_was_removed_opens_nothing(database: Database, one: Somebody, passkey: Passkey) -> None:
    device = await passkey(one)
    async with database.transaction(one.facility) as tx:
        (kept,) = await passkeys.of_account(tx, one.id)
        await passkeys.remove(tx, as_subject(one), kept.id, needed=False)
    assert await alone(database, device) is None


def test_a_site_is_what_the_settings_say() -> None:
    assert json.dumps([SITE.host, SITE.origin]) == '["benhan.example", "https://benhan.example:8443"]'
