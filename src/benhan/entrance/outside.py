"""`/dang-nhap/qua/…`: to an OpenID Connect provider and back; linking what it says to an account, and unlinking.

Signing in goes there by a link, which changes nothing here. A signed-in person links by a form of ours, with her
password fresh: nobody else can make her browser do it.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject, signing_in
from benhan.core.access.outside import links
from benhan.core.access.outside.exchange import Exchange, Question
from benhan.core.access.outside.provider import Identity, Provider, Trouble
from benhan.core.access.own import ProofNeeded
from benhan.core.access.sessions import visitor
from benhan.core.access.steps import Step
from benhan.core.db import PLATFORM, Transaction
from benhan.core.fhir.outcome import NotFound, Problem
from benhan.core.kit import clock, forms, pages
from benhan.core.language import _
from benhan.entrance import own_account
from benhan.entrance.sign_in import OUTSIDE, inside, onward, sign_in_form, terms, told
from benhan.settings import Settings

#: Binds a question to the browser it was asked in.
COOKIE: Final = "benhan_qua"
LINK: Final = f"{own_account.PATH}/noi"


def exchanges(settings: Settings) -> dict[str, Exchange]:
    """The providers of this installation, by name."""
    return {one.name: Exchange(Provider(
        name=one.name, issuer=one.issuer, client_id=one.client_id, secret=one.secret(), facility=one.facility,
        claim=one.claim, scopes=one.scopes, label_vietnamese=one.label, label_english=one.label_english,
        second_factor=frozenset(one.second_factor), prompt=one.prompt,
    )) for one in settings.sign_in_providers}  # fmt: skip


async def go(request: Request, tx: Transaction, who: Subject) -> Response:
    """To the provider, to sign in."""
    exchange, target = _exchange(request), inside(request.query_params.get("next", "/")[:2000])
    asked = Question.new(exchange.provider, clock.now(), onward=target)
    try:
        address = await exchange.address(asked, _back_here(request, exchange))
    except Trouble as trouble:
        return await _no_sign_in(request, tx, exchange.provider, trouble, target)
    return _away(request, address, await links.remember(tx, asked))


async def go_invited(request: Request, tx: Transaction, who: Subject) -> Response:
    """To the provider, with an invitation in hand."""
    exchange, invitation = _exchange(request), str(request.path_params["token"])
    asked = Question.new(exchange.provider, clock.now(), invitation=invitation)
    try:
        address = await exchange.address(asked, _back_here(request, exchange))
    except Trouble as trouble:
        return await _no_sign_in(request, tx, exchange.provider, trouble, "/")
    return _away(request, address, await links.begin_invited(tx, exchange.provider, asked))


async def go_linking(request: Request, tx: Transaction, who: Subject) -> Response:
    """To the provider, to link: a page with the way there, since a form of ours may not lead to other sites."""
    exchange = _exchange(request)
    if not exchange.provider.serves(who.facility_code):
        raise _unknown()
    asked = Question.new(exchange.provider, clock.now(), session=who.session)
    try:
        token = await links.begin(tx, who, asked)
        address = await exchange.address(asked, _back_here(request, exchange))
    except ProofNeeded:
        return own_account.to_proof()
    except Trouble as trouble:
        return await _no_link(request, tx, who, exchange.provider, trouble)
    page = pages.render(
        request, "entrance/outside.html", provider=exchange.provider, address=address, onward=own_account.PATH
    )
    return _bound(request, page, token)


async def come_back(request: Request, tx: Transaction, who: Subject) -> Response:
    """From the provider, with its answer."""
    exchange, said = _exchange(request), dict(request.query_params)
    asked = None
    try:
        step, asked = await links.recall(tx, request.cookies.get(COOKIE, ""))
        if asked.provider != exchange.provider.name or len(said) != len(request.query_params.multi_items()):
            raise Trouble("stale", "not what was asked")
        identity = await exchange.identity(asked, said, _back_here(request, exchange), clock.now())
        if asked.session is None and asked.invitation is None:
            return _forgotten(await _sign_in(request, tx, exchange.provider, asked, identity))
        return _forgotten(await _link(tx, who, exchange.provider, step, asked, identity))
    except Trouble as trouble:
        if asked and asked.session and who.session == asked.session:
            return _forgotten(await _no_link(request, tx, who, exchange.provider, trouble))
        return _forgotten(await _no_sign_in(request, tx, exchange.provider, trouble, asked.onward if asked else "/"))


async def unlink(request: Request, tx: Transaction, who: Subject) -> Response:
    """Take a link away."""
    form = await forms.read_form(request, [forms.hidden("noi", required=True, most=500)])
    return await own_account.changing(request, tx, who, links.unlink(tx, who, form["noi"] or ""), "go-noi")


async def _sign_in(
    request: Request, tx: Transaction, provider: Provider, asked: Question, identity: Identity
) -> Response:
    here = terms(request), visitor(request), clock.now()
    try:
        came = await signing_in.show_identity(tx, provider, identity, *here)
    except Problem as problem:
        return sign_in_form(request, "", told(problem), asked.onward)
    if came is None:
        message = _(
            "%(label)s: “%(shown)s” chưa nối với tài khoản nào ở đây."
            " Đăng nhập bằng mật khẩu, rồi nối ở trang Tài khoản của tôi.",
            label=provider.label, shown=identity.shown,
        )  # fmt: skip
        return sign_in_form(request, "", message, asked.onward)
    return onward(request, came, asked.onward)


async def _link(
    tx: Transaction, who: Subject, provider: Provider, step: Step, asked: Question, identity: Identity
) -> Response:
    if asked.invitation is not None:
        await links.link_invited(tx, provider, step, asked, identity)
        return RedirectResponse(f"/loi-moi/{asked.invitation}", 303)
    await links.link(tx, who, provider, step, asked, identity)
    return own_account.back("noi")


async def _no_sign_in(request: Request, tx: Transaction, provider: Provider, trouble: Trouble, target: str) -> Response:
    """What went wrong, above the form: a password still opens."""
    await tx.reach(PLATFORM)
    signing_in.not_vouched_for(tx, provider, trouble, visitor(request))
    return sign_in_form(request, "", trouble.told(provider), target)


async def _no_link(request: Request, tx: Transaction, who: Subject, provider: Provider, trouble: Trouble) -> Response:
    links.not_linked(tx, who, provider, trouble)
    return await own_account.own_page(request, tx, who, trouble.told(provider))


def _away(request: Request, address: str, token: str) -> Response:
    return _bound(request, RedirectResponse(address, 303), token)


def _bound(request: Request, answer: Response, token: str) -> Response:
    """Only the browser that leaves may come back. Lax: it comes back from another site, by a link."""
    settings: Settings = request.app.state.settings
    answer.set_cookie(
        COOKIE, token, httponly=True, secure=settings.secure_cookies, samesite="lax", path=OUTSIDE,
        max_age=links.MINUTES * 60,
    )  # fmt: skip
    return answer


def _forgotten(answer: Response) -> Response:
    answer.delete_cookie(COOKIE, path=OUTSIDE)
    return answer


def _exchange(request: Request) -> Exchange:
    found: Exchange | None = request.app.state.providers.get(request.path_params["provider"])
    if found is None:
        raise _unknown()
    return found


def _unknown() -> NotFound:
    return NotFound(_("Ở đây không đăng nhập qua nơi này được."))


def _back_here(request: Request, exchange: Exchange) -> str:
    """The address that is registered with the provider, each its own. Source: RFC 9700, section 4.4.2."""
    settings: Settings = request.app.state.settings
    return f"{settings.public_url.rstrip('/')}{OUTSIDE}/{exchange.provider.name}/ve"


_ANYONE, _MAY = Permission.ANYONE, Permission.SIGNED_IN
DOORS = [
    Door(f"{OUTSIDE}/{{provider}}", go, _ANYONE),
    Door(f"{OUTSIDE}/{{provider}}/ve", come_back, _ANYONE),
    Door("/loi-moi/{token}/qua/{provider}", go_invited, _ANYONE),
    Door(f"{LINK}/{{provider}}", go_linking, _MAY, ("POST",)),
    Door(f"{own_account.PATH}/go-noi", unlink, _MAY, ("POST",)),
]
