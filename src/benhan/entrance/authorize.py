"""`/oauth/authorize`: a program asks, she allows or not. What it may do is said in plain words before she answers.

An unknown program or address is told to her, never to the address; everything else goes back to the program in the
words of OAuth. Source: SMART App Launch 2.2, 2.1; RFC 6749, 4.1; RFC 9207 (iss); RFC 9700, 4.16 (clickjacking).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Role, Subject, scopes
from benhan.core.access.audit import Event, record
from benhan.core.access.doors import COOKIE
from benhan.core.access.programs import grants, launches, registry
from benhan.core.access.programs.grants import CHALLENGE, Asked
from benhan.core.access.programs.refused import Refused
from benhan.core.access.programs.registry import Program
from benhan.core.api import messages
from benhan.core.api.smart import AUTHORIZE
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Forbidden, Problem, SignInNeeded
from benhan.core.kit import clock, pages
from benhan.core.kit.persons import full_name
from benhan.core.language import _
from benhan.entrance.program_words import in_words

#: What a program sends along; each at most once.
PARAMS: Final = (
    "response_type", "client_id", "redirect_uri", "scope", "state", "aud", "code_challenge", "code_challenge_method",
    "launch", "nonce",
)  # fmt: skip
MOST_ALL: Final = 2500
SHOWN: Final = 10


class Question(msgspec.Struct):
    """What a program asks of her, understood."""

    program: Program
    said: dict[str, str]
    scopes: str
    launch: launches.Launch | None = None

    @property
    def needs_patient(self) -> bool:
        """Whether it is about one patient."""
        rights = scopes.readable(self.scopes, self.program.contexts)
        return "launch/patient" in self.scopes.split() or any(one.context == "patient" for one in rights)


class Turned(Exception):  # noqa: N818 - what happened
    """The program is told that it gets nothing."""

    def __init__(self, program: Program, said: dict[str, str], refused: Refused) -> None:
        super().__init__(str(refused))
        self.program = program
        self.said = said
        self.refused = refused


async def ask(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET`: what the program wants, and of which patient."""
    pairs = request.query_params.multi_items()
    try:
        question = await _understood(request, tx, who, pairs)
        return await _page(request, tx, who, question, request.query_params.get("tim", "")[:100])
    except Refused as refused:
        return _told(request, tx, who, refused)
    except Turned as turned:
        return _back(request, tx, who, turned)


async def answer(request: Request, tx: Transaction, who: Subject) -> Response:
    """`POST`: she allowed it, or not."""
    form = await request.form(max_files=0, max_fields=20)
    pairs = [(name, str(value)) for name, value in form.multi_items() if value]
    try:
        question = await _understood(request, tx, who, pairs)
        if form.get("answer") != "allow":
            raise Turned(question.program, question.said, Refused("access_denied", "she did not allow it"))
        return await _allowed(request, tx, who, question, str(form.get("patient", ""))[:64])
    except Refused as refused:
        return _told(request, tx, who, refused)
    except Turned as turned:
        return _back(request, tx, who, turned)


async def _understood(request: Request, tx: Transaction, who: Subject, pairs: list[tuple[str, str]]) -> Question:
    """The question, whole and allowed to be asked.

    Raises:
        SignInNeeded: nobody is here to be asked.
        Refused: the program or its address is unknown: she is told.
        Turned: anything else: the program is told.
    """
    if not who.known:
        raise SignInNeeded(_("Cần đăng nhập để trả lời ứng dụng này."))
    if who.program is not None or not request.cookies.get(COOKIE) or not _for_herself(who):
        raise Forbidden(_("Chỉ người đã đăng nhập mới cho phép được ứng dụng."))
    said = {name: value for name, value in pairs if name in PARAMS}
    program = await registry.found(tx, said.get("client_id", "")[:64])
    if program is None or program.facility != who.facility or program.revoked or not program.redirects:
        raise Refused("invalid_client", _("Cơ sở này không có ứng dụng đó, hoặc ứng dụng đã bị ngắt."))
    if said.get("redirect_uri") not in program.redirects:
        raise Refused("invalid_request", _("Địa chỉ quay về không phải địa chỉ đã đăng ký."))
    try:
        return await _sound(request, tx, program, pairs, said)
    except Refused as refused:
        raise Turned(program, said, refused) from None


def _for_herself(who: Subject) -> bool:
    """Staff, or a patient of her own record: who acts for another gives no program a right to it."""
    return who.relation is None and (who.person is None or who.patient is not None) and Role.CLIENT not in who.roles


async def _sound(
    request: Request, tx: Transaction, program: Program, pairs: list[tuple[str, str]], said: dict[str, str]
) -> Question:
    names = [name for name, _value in pairs if name in PARAMS]
    if len(set(names)) != len(names) or sum(map(len, said.values())) > MOST_ALL or "\0" in "".join(said.values()):
        raise Refused("invalid_request", "a parameter stands there twice, is too long, or holds a NUL")
    if said.get("response_type") != "code":
        raise Refused("unsupported_response_type", "response_type must be code")
    if not said.get("state"):
        raise Refused("invalid_request", "state is missing")
    if said.get("code_challenge_method") != "S256" or not CHALLENGE.fullmatch(said.get("code_challenge", "")):
        raise Refused("invalid_request", "PKCE is needed: code_challenge_method S256 and its code_challenge")
    if said.get("aud", "").removesuffix("/") != messages.base(request):
        raise Refused("invalid_request", "aud must be the address of this FHIR service")
    granted = grants.granted(said.get("scope", ""), program)
    if not granted:
        raise Refused("invalid_scope", "none of these scopes is registered for this client")
    return await _launched(request, tx, Question(program, said, granted))


async def _launched(request: Request, tx: Transaction, question: Question) -> Question:
    """With what it was started on, where it was started from a record."""
    word = question.said.get("launch")
    if "launch" in question.scopes.split() and not word:
        raise Refused("invalid_request", "scope launch needs the launch parameter; use launch/patient without")
    if word:
        question.launch = await launches.peek(tx, question.program, word, request.cookies[COOKIE])
        if question.launch is None:
            raise Refused("invalid_request", "launch is unknown, used, over, or was started in another session")
    return question


async def _allowed(request: Request, tx: Transaction, who: Subject, question: Question, chosen: str) -> Response:
    """The code, on the way to the program."""
    patient = question.launch.patient if question.launch else who.patient or chosen
    if question.launch or question.needs_patient:
        try:
            await store.read(tx, who, r4.Patient, patient)
        except Problem:
            return await _page(request, tx, who, question, "", error=_("Chọn người bệnh mà ứng dụng được xem."))
    else:
        patient = ""
    asked = Asked(
        scopes=question.scopes, redirect=question.said["redirect_uri"], challenge=question.said["code_challenge"],
        nonce=question.said.get("nonce"), patient=patient or None,
        encounter=question.launch.encounter if question.launch else None,
    )  # fmt: skip
    code = await grants.allow(tx, who, question.program, asked, request.cookies[COOKIE])
    if word := question.said.get("launch"):
        await launches.use_up(tx, word)
    return _to(request, question.said, {"code": code})


async def _page(
    request: Request, tx: Transaction, who: Subject, question: Question, looked_for: str, error: str = ""
) -> Response:
    needs = question.needs_patient or question.launch is not None
    fixed = question.launch.patient if question.launch else who.patient
    shown = await _patients(tx, who, fixed if needs else None, looked_for if needs else "")
    page = pages.render(
        request, "entrance/authorize.html", 422 if error else 200, program=question.program, said=question.said,
        may=in_words(question.scopes, question.program.contexts), needs_patient=needs, fixed=fixed, patients=shown,
        looked_for=looked_for, error=error, path=AUTHORIZE, host=urlsplit(question.said["redirect_uri"]).netloc,
        offline="offline_access" in question.scopes.split() and Role.PATIENT not in who.roles,
    )  # fmt: skip
    return _guarded(page, question.said["redirect_uri"])


async def _patients(tx: Transaction, who: Subject, fixed: str | None, looked_for: str) -> list[tuple[str, str, str]]:
    """Id, name, birth date of whom the program may be about."""
    if fixed:
        found = [await store.read(tx, who, r4.Patient, fixed)]
    elif looked_for.strip():
        asked = {"name": looked_for.strip(), "_count": str(SHOWN)}
        found = (await store.search(tx, who, r4.Patient, asked)).resources
    else:
        found = []
    return [
        (one.id or "", full_name(one) or "", clock.vn_date(one.birthDate) if one.birthDate else "") for one in found
    ]


def _guarded(page: Response, redirect: str) -> Response:
    """In no frame of anybody; the form may lead on to the program."""
    parts = urlsplit(redirect)
    policy = pages.CSP.replace("form-action 'self'", f"form-action 'self' {parts.scheme}://{parts.netloc}")
    page.headers["Content-Security-Policy"] = policy.replace("frame-ancestors 'self'", "frame-ancestors 'none'")
    page.headers["X-Frame-Options"] = "DENY"
    return page


def _told(request: Request, tx: Transaction, who: Subject, refused: Refused) -> Response:
    """She is told; nothing is sent anywhere."""
    record(tx, who, Event("program-refused", "Client", None, allowed=False, rule=f"{refused.code}: {refused.why}"))
    return pages.render(
        request, "kit/problem.html", 400, what=refused.why, where=None, glass=None,
        advice=_("Không gửi gì cho ứng dụng. Hỏi người quản trị hoặc nơi làm ra ứng dụng."),
    )  # fmt: skip


def _back(request: Request, tx: Transaction, who: Subject, turned: Turned) -> Response:
    """The program is told, at its registered address."""
    refused = turned.refused
    record(tx, who, grants.refusal(who, turned.program, refused.code, refused.why))
    return _to(request, turned.said, {"error": refused.code, "error_description": refused.why})


def _to(request: Request, said: dict[str, str], more: dict[str, str]) -> Response:
    """To the program's address, with its `state` and who we are (`iss`)."""
    pairs = {**more, **({"state": said["state"]} if said.get("state") else {}), "iss": messages.base(request)}
    redirect = said["redirect_uri"]
    mark = "&" if urlsplit(redirect).query else "?"
    return RedirectResponse(f"{redirect}{mark}{urlencode(pairs)}", 303, {"Cache-Control": "no-store"})


DOORS = [
    Door(AUTHORIZE, ask, Permission.ANYONE),
    Door(AUTHORIZE, answer, Permission.ANYONE, ("POST",)),
]
