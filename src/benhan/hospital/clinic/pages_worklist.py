"""`/kham`: the list of a doctor's or nurse's room."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, LiveDoor, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import forms, pages
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital import queue
from benhan.hospital.clinic import worklist
from benhan.hospital.clinic.consultation import begin
from benhan.hospital.visit import id_of, ticket_number

#: The room somebody works in today, remembered by her browser.
ROOM_COOKIE = "phong"
ROOM_SECONDS = 16 * 3600
ACTIONS = {"goi": queue.call, "goi-lai": queue.recall, "bo-qua": queue.skip, "tra-lai": queue.restore}


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """The list; htmx asks for its live part only."""
    board = await worklist.board(tx, who, request.cookies.get(ROOM_COOKIE))
    template = "clinic/_worklist.html" if pages.is_fragment(request) else "clinic/worklist.html"
    return pages.render(request, template, board=board, may_consult=who.may(Permission.CONSULT))


async def choose_room(request: Request, tx: Transaction, who: Subject) -> Response:
    """Remember the room.

    Raises:
        NotFound: there is no such room.
    """
    form = await forms.read_form(request, [forms.hidden("room", most=64)])
    room = await store.read(tx, who, r4.Location, form["room"] or "?")
    response = RedirectResponse("/kham", 303)
    secure = request.url.scheme == "https"
    response.set_cookie(
        ROOM_COOKIE, room.id or "", max_age=ROOM_SECONDS, path="/kham", httponly=True, secure=secure, samesite="lax"
    )
    return response


async def call_next(request: Request, tx: Transaction, who: Subject) -> Response:
    """Call whoever is next in the room.

    Raises:
        Invalid: no room is chosen; Conflict: nobody waits.
    """
    form = await forms.read_form(request, [forms.hidden("room", most=64)])
    room = form["room"] or request.cookies.get(ROOM_COOKIE)
    if not room:
        raise Invalid(_("Chưa chọn phòng."), advice=_("Chọn phòng đang làm việc rồi gọi tiếp."))
    ticket = await queue.call_next(tx, who, room)
    if ticket is None:
        raise Conflict(_("Không còn ai chờ ở phòng này."))
    return RedirectResponse("/kham", 303)


async def ticket(request: Request, tx: Transaction, who: Subject) -> Response:
    """Call again, lay aside or put back one ticket.

    Raises:
        Invalid: no such action; Conflict, VersionConflict: the ticket moved on.
    """
    fields = [forms.hidden("ticket", required=True, most=64), forms.hidden("action", required=True)]
    form = await forms.read_form(request, fields)
    form.require()
    action = ACTIONS.get(form["action"])
    if action is None:
        raise Invalid(_("Không có việc này."), where="action")
    await action(tx, who, await store.read(tx, who, r4.Task, form["ticket"]))
    return RedirectResponse("/kham", 303)


async def start(request: Request, tx: Transaction, who: Subject) -> Response:
    """Begin the consultation of a ticket and open its page.

    Raises:
        Conflict: the ticket has no visit, or was served already.
    """
    form = await forms.read_form(request, [forms.hidden("ticket", required=True, most=64)])
    form.require()
    found = await store.read(tx, who, r4.Task, form["ticket"])
    visit = await store.read(tx, who, r4.Encounter, id_of(found.encounter) or "?")
    if found.status in ("completed", "cancelled"):
        raise Conflict(_("Số %(number)s đã xong hoặc đã huỷ.", number=ticket_number(found)))
    await begin(tx, who, visit)
    again = await store.read(tx, who, r4.Task, found.id or "")
    if version_of(again) == version_of(found):  # the visit was open already: only the ticket begins
        await queue.start(tx, who, again)
    return RedirectResponse(f"/kham/{visit.id}", 303)


DOORS: list[Door | LiveDoor] = [
    Door("/kham", show, Permission.VITALS),
    Door("/kham/phong", choose_room, Permission.VITALS, ("POST",)),
    Door("/kham/goi", call_next, Permission.CALL_QUEUE, ("POST",)),
    Door("/kham/phieu", ticket, Permission.CALL_QUEUE, ("POST",)),
    Door("/kham/bat-dau", start, Permission.CONSULT, ("POST",)),
]
