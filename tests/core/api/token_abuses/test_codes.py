"""Codes and refresh tokens: shown wrongly, twice, by another program, or never given out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benhan.core.access.accounts import hashed
from benhan.core.access.programs.registry import Program
from tests.core.api import smart_kit as kit
from tests.core.api.smart_kit import GONE, REDIRECT, VERIFIER, bearer, for_code, for_refresh
from tests.core.api.token_abuses.place import Place

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: What is sent with a code that is good, and the error.
CODES: list[tuple[dict[str, Any], str]] = [
    *(({"code_verifier": one}, "invalid_grant") for one in (
        GONE, "x", "w" * 43, "v" * 42, "v" * 44, "v" * 129, kit.CHALLENGE, VERIFIER.upper(), VERIFIER + " ", "é" * 43)),
    *(({"redirect_uri": one}, "invalid_grant") for one in (
        GONE, REDIRECT + "/", REDIRECT + "?x", "https://evil.example/ve", REDIRECT.upper(), REDIRECT[:-1])),
    *(({"grant_type": one}, "unsupported_grant_type") for one in (
        "password", "implicit", "authorization-code", "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange", "Authorization_code")),
    ({"grant_type": GONE}, "invalid_request"),
    *(({"client_assertion": one}, "invalid_client") for one in (GONE, "x", "a.b.c")),
    *(({"client_assertion_type": one}, "invalid_client") for one in (
        GONE, "x", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer")),
    ({"client_id": "người khác"}, "invalid_client"),
    ({"client_secret": "bí mật"}, "invalid_client"),
]  # fmt: skip

#: Codes and refresh tokens that nobody gave out.
INVENTED: list[tuple[Callable[[Program, str], dict[str, Any]], str]] = [
    (shown, one)
    for one in ("x", "0" * 43, "bhr_" + "A" * 43, "' or 1=1 --", "%00", "../", "é")
    for shown in (for_code, for_refresh)
]
#: Scopes of a refreshed token that are more than was allowed.
WIDER = [
    "patient/*.rs", "patient/Patient.cruds", "user/Patient.rs", "system/Patient.rs", "patient/Encounter.rs",
    "openid fhirUser", "patient/Patient.rs patient/Condition.rs", "online_access", "bulk/export", "x",
]  # fmt: skip


async def test_good_codes_shown_in_the_wrong_way(place: Place) -> None:
    for changes, error in CODES:
        await place.is_refused(for_code(place.app, await place.code(), **changes), error)


async def test_codes_and_tokens_that_nobody_gave_out(place: Place) -> None:
    for shown, one in INVENTED:
        await place.is_refused(shown(place.app, one), "invalid_grant")


async def test_a_wrong_showing_uses_the_code_up(place: Place) -> None:
    code = await place.code()
    await place.is_refused(for_code(place.app, code, code_verifier="w" * 43), "invalid_grant")
    await place.is_refused(for_code(place.app, code), "invalid_grant")


async def test_a_code_is_good_once_and_its_second_showing_takes_the_tokens_back(place: Place) -> None:
    code = await place.code()
    said = (await place.web.post("/oauth/token", data=for_code(place.app, code))).json()
    address, headers = f"/fhir/Patient/{place.patient}", bearer(said["access_token"])
    assert (await place.web.get(address, headers=headers)).status_code == 200
    await place.is_refused(for_code(place.app, code), "invalid_grant")
    assert (await place.web.get(address, headers=headers)).status_code == 401
    await place.is_refused(for_refresh(place.app, said["refresh_token"]), "invalid_grant")


async def test_another_programs_code_and_refresh_token_are_void_for_both(place: Place) -> None:
    code = await place.code()
    await place.is_refused(for_code(place.stranger, code), "invalid_grant")
    await place.is_refused(for_code(place.app, code), "invalid_grant")
    token = (await place.tokens())["refresh_token"]
    await place.is_refused(for_refresh(place.stranger, token), "invalid_grant")
    await place.is_refused(for_refresh(place.app, token), "invalid_grant")


async def test_a_code_ends_after_a_minute_and_is_kept_as_a_hash(place: Place) -> None:
    code = await place.code()
    async with place.database.transaction(place.app.facility) as tx:
        left = await tx.fetchval(
            "select extract(epoch from ends - now()) from program_token where hash = $1", hashed(code)
        )
        assert 0 < left <= 60
        assert not await tx.fetchval("select count(*) from program_token where encode(hash, 'escape') = $1", code)
        await tx.execute("update program_token set ends = now() where hash = $1", hashed(code))
    await place.is_refused(for_code(place.app, code), "invalid_grant")


async def test_refresh_tokens_widen_nothing(place: Place) -> None:
    token = (await place.tokens())["refresh_token"]
    for scope in WIDER:
        await place.is_refused(for_refresh(place.app, token, scope=scope), "invalid_scope")
    answer = await place.web.post("/oauth/token", data=for_refresh(place.app, token, scope="patient/Patient.r"))
    assert answer.status_code == 200
