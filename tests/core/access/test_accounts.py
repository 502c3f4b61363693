"""Accounts: what is accepted, and how guessing is slowed down."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benhan.core.access import Role, Subject
from benhan.core.access.accounts import confirm_password, create_account
from benhan.core.db import Database
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid
from benhan.simulator import House
from benhan.simulator.accounts import DEMO_PASSWORD

GOOD = "đủ dài mười bốn"


@pytest.mark.parametrize(
    ("login", "password", "where"),
    [("Có Dấu", GOOD, "login"), ("x", GOOD, "login"), ("ngan", "ngắn quá", "password")],
)
async def test_an_account_that_cannot_be_accepted_is_refused_by_field(
    database: Database, hospital: House, login: str, password: str, where: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        async with database.transaction(hospital.key) as tx:
            await create_account(tx, hospital.key, login, password, "Thử", [Role.NURSE])
    assert refusal.value.where == where


async def test_a_login_exists_once_on_the_platform(database: Database, hospital: House) -> None:
    with pytest.raises(Conflict):
        async with database.transaction(hospital.key) as tx:
            await create_account(tx, hospital.key, "bacsi", GOOD, "Thử", [Role.NURSE])


async def test_the_password_is_never_stored(database: Database, hospital: House) -> None:
    async with database.transaction(hospital.key) as tx:
        digests = [row["password_hash"] for row in await tx.fetch("select password_hash from account")]
    assert digests
    assert all(digest.startswith("$argon2id$") and DEMO_PASSWORD not in digest for digest in digests)


async def test_guessing_a_signature_is_slowed_down_like_signing_in(
    database: Database, subject: Callable[..., Subject]
) -> None:
    signer = subject("planning")
    for _ in range(5):
        async with database.transaction(signer.facility) as tx:
            assert not await confirm_password(tx, signer, "đoán mò đoán mò")
    with pytest.raises(Forbidden, match="Thử lại sau"):
        async with database.transaction(signer.facility) as tx:
            await confirm_password(tx, signer, DEMO_PASSWORD)
