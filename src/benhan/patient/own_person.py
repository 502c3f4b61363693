"""The doors of a person's own account: whose record now, for whom she acts, her sessions."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject, people, relations
from benhan.core.access.accounts import sign_out
from benhan.core.access.acting import KIND_NAMES, PART_NAMES, ends_soon
from benhan.core.access.callers import COOKIE
from benhan.core.access.sessions import visitor
from benhan.core.db import Transaction
from benhan.core.kit import forms, pages
from benhan.core.kit.clock import today
from benhan.patient import relatives
from benhan.patient.entry_pages import CHOOSE, keep

ACCOUNT: Final = "/nguoi-benh/tai-khoan"
_KEY: Final = [forms.hidden("key", required=True)]


async def choose(request: Request, tx: Transaction, who: Subject) -> Response:
    """Whose record: her own at each hospital, those of whom she acts for, and who asks her to."""
    return pages.render(
        request, "patient/choose.html", facility=who.facility_name, name=who.name, path=CHOOSE,
        records=await people.records(tx, who.person or ""), now=_now(who), kinds=KIND_NAMES, parts=PART_NAMES,
        soon=lambda day: ends_soon(day, today()),
    )  # fmt: skip


async def chosen(request: Request, tx: Transaction, who: Subject) -> Response:
    """Go on with this one."""
    form = await forms.read_form(request, _KEY)
    form.require()
    token = await people.change_record(tx, who, request.cookies.get(COOKIE, ""), form["key"], visitor(request))
    return keep(request, RedirectResponse("/nguoi-benh", 303), token)


async def accept(request: Request, tx: Transaction, who: Subject) -> Response:
    """She acts for somebody from now on."""
    form = await forms.read_form(request, _KEY)
    form.require()
    await relations.accept(tx, who, form["key"])
    return RedirectResponse(CHOOSE, 303)


async def leave(request: Request, tx: Transaction, who: Subject) -> Response:
    """She does not act for somebody (any more)."""
    form = await forms.read_form(request, _KEY)
    form.require()
    await relatives.leave(tx, who, form["key"])
    ended = who.relation is not None and who.relation.id == form["key"]
    if not ended:
        return RedirectResponse(CHOOSE, 303)
    token = await people.open_session(tx, who.person or "", who.facility, None, visitor(request), "left a relation")
    return keep(request, RedirectResponse(CHOOSE, 303), token)


async def account(request: Request, tx: Transaction, who: Subject) -> Response:
    """Her account: her sessions, and whether Zalo opens it."""
    return pages.render(
        request, "patient/account.html", facility=who.facility_name, sight=await people.herself(tx, who),
        sessions=await people.sessions(tx, who), path=ACCOUNT,
    )  # fmt: skip


async def end_session(request: Request, tx: Transaction, who: Subject) -> Response:
    """End one of her sessions, or all others."""
    form = await forms.read_form(request, [forms.hidden("session", most=16)])
    one = form["session"]
    await people.end_sessions(tx, who, one=one, but=None if one else who.session)
    return RedirectResponse(ACCOUNT, 303)


async def unlink(request: Request, tx: Transaction, who: Subject) -> Response:
    """Zalo opens her account no more."""
    await people.unlink_zalo(tx, who)
    return RedirectResponse(ACCOUNT, 303)


async def leave_account(request: Request, tx: Transaction, who: Subject) -> Response:
    """End this session."""
    await sign_out(tx, who, request.cookies.get(COOKIE, ""))
    gone = RedirectResponse("/nguoi-benh/mo-lai", 303)
    gone.delete_cookie(COOKIE)
    return gone


def _now(who: Subject) -> str:
    """The key of the record that is open."""
    return who.relation.id if who.relation else f"{who.facility}:{who.patient}"


_MAY = Permission.OWN_PERSON
DOORS = [
    Door(CHOOSE, choose, _MAY),
    Door(CHOOSE, chosen, _MAY, ("POST",)),
    Door(f"{CHOOSE}/nhan", accept, _MAY, ("POST",)),
    Door(f"{CHOOSE}/thoi", leave, _MAY, ("POST",)),
    Door(ACCOUNT, account, _MAY),
    Door(f"{ACCOUNT}/thoat", leave_account, _MAY, ("POST",)),
    Door(f"{ACCOUNT}/phien", end_session, _MAY, ("POST",)),
    Door(f"{ACCOUNT}/zalo", unlink, _MAY, ("POST",)),
]
