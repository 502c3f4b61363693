"""Questions to a person that must not be asked, and answers that allow nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from benhan.core.access import Subject
from benhan.core.access.accounts import hashed, open_session
from benhan.core.access.doors import COOKIE
from benhan.simulator import House
from tests.core.api import smart_kit as kit
from tests.core.api.smart_kit import GONE, HERE, REDIRECT, VERIFIER, bearer, for_itself
from tests.core.api.token_abuses.place import Place

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
Who = Callable[..., Subject]

#: What is sent to the authorization page, and the error the program hears; None: she is told, and nothing is sent.
QUESTIONS: list[tuple[dict[str, Any], str | None]] = [
    *(({"redirect_uri": one}, None) for one in (
        GONE, "", REDIRECT + "/", REDIRECT + "?", REDIRECT + "?x=1", REDIRECT + "#x", REDIRECT.upper(), REDIRECT[:-1],
        REDIRECT.replace("https", "http"), REDIRECT.replace("app.", ""), REDIRECT.replace(".vn/", ".vn:443/"),
        "https://evil.example/ve", "https://app.example.vn@evil.example/ve", "https://app.example.vn.evil.example/ve",
        REDIRECT + "/../khac", REDIRECT + "%2f", REDIRECT + "\\", "//app.example.vn/ve", "javascript:alert(1)", "/ve",
        "https://app.example.vn/ve\r\nX: y", REDIRECT + " ", "https://äpp.example.vn/ve")),
    *(({"client_id": one}, None) for one in (GONE, "", "không có", "0" * 32, "' or 1=1 --")),
    *(({"response_type": one}, "unsupported_response_type") for one in (
        GONE, "", "token", "id_token", "code token", "code id_token", "Code", "none")),
    *(({"code_challenge": one}, "invalid_request") for one in (
        GONE, "", "x", VERIFIER[:42], "a" * 44, "a" * 42 + "=", "a" * 42 + " ", "é" * 43)),
    *(({"code_challenge_method": one}, "invalid_request") for one in (GONE, "", "plain", "PLAIN", "s256", "none")),
    *(({"aud": one}, "invalid_request") for one in (
        GONE, "", HERE, f"{HERE}/fhirx", f"{HERE}/FHIR", "https://evil.example/fhir", "http://test/fhir")),
    *(({"state": one}, "invalid_request") for one in (GONE, "")),
    *(({"scope": one}, "invalid_scope") for one in (
        GONE, "", "system/*.rs", "system/Patient.rs", "user/*.rs", "user/Patient.rs", "patient/Encounter.rs",
        "patient/Patient.u", "patient/Patient.write", "bulk/export", "patient/patient.rs", "../patient/Patient.rs",
        "online_access", "launch", "patient/Patient.sr", "patient/Patient.rs?name=x", "admin")),
    *(({"launch": one}, "invalid_request") for one in ("x", "' or 1=1 --", "0" * 43)),
    *(({"nonce": "n" * 3000}, one) for one in ("invalid_request",)),
]  # fmt: skip


async def test_questions_that_are_not_asked(place: Place) -> None:
    for changes, error in QUESTIONS:
        before = await place.refusals()
        said = kit.question(place.app, **changes)
        for answer in (
            await place.doctor.get("/oauth/authorize", params=said),
            await place.doctor.post("/oauth/authorize", data={**said, "answer": "allow", "patient": place.patient}),
        ):
            assert "code=" not in answer.headers.get("location", ""), changes
            if error is None:
                assert answer.status_code == 400 and "location" not in answer.headers, changes
            else:
                back = kit.back(answer)
                assert back["error"] == error and answer.headers["location"].startswith(f"{REDIRECT}?"), changes
        assert await place.refusals() >= before + 2, changes


async def test_a_parameter_that_stands_there_twice(place: Place) -> None:
    said = [*kit.question(place.app).items(), ("aud", "https://evil.example/fhir")]
    answer = await place.doctor.get(f"/oauth/authorize?{urlencode(said)}")
    assert kit.back(answer)["error"] == "invalid_request"
    form = for_itself(place.backend, "system/Patient.rs")
    body = urlencode([*form.items(), ("scope", "system/*.cruds")]).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    await place.is_refused(body, "invalid_request", headers=kind)


async def test_a_program_allows_itself_nothing(place: Place) -> None:
    said = await place.tokens()
    question = {**kit.question(place.app), "answer": "allow", "patient": place.patient}
    for headers in (bearer(said["access_token"]),):
        answer = await place.web.post("/oauth/authorize", data=question, headers=headers)
        assert answer.status_code == 403
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert (await place.doctor.post("/oauth/authorize", data=question, headers=foreign)).status_code == 403
    framed = {"Origin": "https://evil.example"}
    assert (await place.doctor.post("/oauth/authorize", data=question, headers=framed)).status_code == 403


async def test_another_facilitys_patient_is_nobody(place: Place) -> None:
    for patient in (place.foreign, "", "không có", "x" * 300):
        said = {**kit.question(place.app), "answer": "allow", "patient": patient}
        answer = await place.doctor.post("/oauth/authorize", data=said)
        assert answer.status_code == 422 and "location" not in answer.headers
    said = await place.tokens()
    gone = await place.web.get(f"/fhir/Patient/{place.foreign}", headers=bearer(said["access_token"]))
    assert gone.status_code == 404


async def test_a_launch_is_of_one_session_one_program_and_once(place: Place, client: Client, subject: Who) -> None:
    admin = subject("administrator")
    scopes = "launch patient/Patient.rs"
    program, other = [
        await kit.registered(place.database, admin, "public", scopes, launch_url="https://app.example.vn/mo")
        for _n in range(2)
    ]
    started = await place.doctor.post(f"/ung-dung/{program.id}/mo", data={"nguoi-benh": place.patient})
    word = kit.back(started)["launch"]
    colleague = await client("doctor")
    for who, which in ((colleague, program), (place.doctor, other)):
        answer = await who.get("/oauth/authorize", params=kit.question(which, launch=word))
        assert kit.back(answer)["error"] == "invalid_request"
    bare = await place.doctor.get("/oauth/authorize", params=kit.question(program))
    assert kit.back(bare)["error"] == "invalid_request"
    assert (
        await place.doctor.post(f"/ung-dung/{program.id}/mo", data={"nguoi-benh": place.foreign})
    ).status_code == 404
    async with place.database.transaction(program.facility) as tx:
        await tx.execute("update program_launch set ends = now() where hash = $1", hashed(word))
    over = await place.doctor.get("/oauth/authorize", params=kit.question(program, launch=word))
    assert kit.back(over)["error"] == "invalid_request"


async def test_what_she_denies_is_denied(place: Place) -> None:
    before = await place.refusals()
    for answer in ("deny", "", "Allow", "1"):
        said = {**kit.question(place.app), "answer": answer, "patient": place.patient}
        back = kit.back(await place.doctor.post("/oauth/authorize", data=said))
        assert back["error"] == "access_denied" and back["state"] == "s-1" and "code" not in back
    assert await place.refusals() == before + 4


async def test_a_patient_of_nobody_is_not_offered(place: Place, hospital: House, client: Client) -> None:
    herself = await client(None)
    async with place.database.transaction(hospital.key) as tx:
        herself.cookies.set(COOKIE, await open_session(tx, hospital.key, patient=place.patient, hours=1))
    said = await herself.get("/oauth/authorize", params={**kit.question(place.app), "tim": "Nông"})
    assert said.status_code == 200 and "Nông Thị Thử" in said.text and "Nông Thị Nơi Khác" not in said.text
