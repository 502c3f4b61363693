"""`/hang-doi`: how long the queues are, and for the staff of a room: call, recall, skip, restore, start, finish."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, LiveDoor, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import NotFound, VersionConflict
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.core.store.records import version_of
from benhan.hospital import queue
from benhan.hospital import queue_rules as rules
from benhan.hospital.visit import CLINIC, EMERGENCY, IMAGING, LABORATORY, code_of, id_of, ticket_number

PATH = "/hang-doi"
KINDS = (CLINIC, EMERGENCY, LABORATORY, IMAGING)
#: Minutes after which a wait is shown as long.
LONG_WAIT = 60
#: How many of a long queue the staff sees at once.
SHOWN = 30

Verb = Callable[[Transaction, Subject, r4.Task], Awaitable[r4.Task]]
#: The word in the address → what is done, what is said, and the word that undoes it.
VERBS: dict[str, tuple[Verb, str, str | None]] = {
    "goi": (queue.call, later("Đã gọi số %(number)s"), "tra-lai"),
    "goi-lai": (queue.recall, later("Đã gọi lại số %(number)s"), None),
    "bo-qua": (queue.skip, later("Đã bỏ qua số %(number)s"), "tra-lai"),
    "tra-lai": (queue.restore, later("Số %(number)s trở lại hàng đợi"), None),
    "bat-dau": (queue.start, later("Bắt đầu số %(number)s"), "tra-lai"),
    "xong": (queue.finish, later("Số %(number)s đã xong"), None),
}


async def rooms_with_queues(tx: Transaction, who: Subject) -> list[r4.Location]:
    """Every open room people are called into, in the order of their doors."""
    types = ",".join(f"{systems.ROOM_TYPE}|{kind}" for kind in KINDS)
    found = await store.search(tx, who, r4.Location, {"status": "active", "type": types, "_count": "200"})
    return sorted(found.resources, key=lambda room: (KINDS.index(kind_of(room)), by_number(room.name or "")))


async def room_of(tx: Transaction, who: Subject, id_: str) -> r4.Location:
    """The room of an address.

    Raises:
        NotFound: there is none, or nobody is called into it.
    """
    room = await store.read(tx, who, r4.Location, id_)
    if not any(code_of(one) in KINDS for one in room.type or []):
        raise NotFound(_("Phòng này không có hàng đợi."), advice=_("Chọn phòng trong danh sách hàng đợi."))
    return room


def kind_of(room: r4.Location) -> str:
    """What is done in a room."""
    return next((kind for one in room.type or [] if (kind := code_of(one) or "") in KINDS), CLINIC)


def by_number(name: str) -> list[tuple[int, str]]:
    """Sorts "Phòng khám 2" before "Phòng khám 10"."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


async def overview(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET /hang-doi`: every room with its queue; the list alone for the live part."""
    rooms, now = await rooms_with_queues(tx, who), clock.now()
    lines = await queue.lines(tx, who, [room.id or "" for room in rooms], now)
    services = (await store.search(tx, who, r4.HealthcareService, {"active": "true", "_count": "200"})).resources
    specialty = {id_of(place): service.name for service in services for place in service.location or []}
    template = "queue_rooms.html" if pages.is_fragment(request) else "queue_overview.html"
    return pages.render(
        request, f"reception/{template}", moment=now, rooms=rooms, lines=lines, long_wait=LONG_WAIT,
        minutes=_minutes, number=ticket_number, specialty=specialty,
    )  # fmt: skip


async def room(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET /hang-doi/<room>`: the queue of a room, for whoever calls there."""
    place, now = await room_of(tx, who, str(request.path_params["room"])), clock.now()
    line = (await queue.lines(tx, who, [place.id or ""], now))[place.id or ""]
    pace = (await queue.paces(tx, who, [place], now))[place.id or ""]
    template = "queue_line.html" if pages.is_fragment(request) else "queue_room.html"
    return pages.render(
        request, f"reception/{template}", room=place, line=line, pace=pace, moment=now, rules=rules, shown=SHOWN,
        number=ticket_number, version=version_of, minutes=_minutes, calls=who.may(Permission.CALL_QUEUE),
        toast=await _toast(request, tx, who), path=f"{PATH}/{place.id}", long_wait=LONG_WAIT,
    )  # fmt: skip


async def call_next(request: Request, tx: Transaction, who: Subject) -> Response:
    """`POST /hang-doi/<room>/goi-tiep`."""
    place = await room_of(tx, who, str(request.path_params["room"]))
    called = await queue.call_next(tx, who, place.id or "")
    return _back(place.id or "", called, "goi" if called else "het")


async def act(request: Request, tx: Transaction, who: Subject) -> Response:
    """`POST /hang-doi/<room>/<ticket>/<verb>`: one of VERBS, on the version of the ticket that was shown.

    Raises:
        NotFound: no such ticket in this room, or no such verb; Conflict, VersionConflict: somebody was faster.
    """
    place, word = str(request.path_params["room"]), str(request.path_params["verb"])
    if word not in VERBS:
        raise NotFound(_("Không có việc này."))
    form = await forms.read_form(request, [forms.hidden("version", most=10)])
    ticket = await store.read(tx, who, r4.Task, str(request.path_params["ticket"]))
    if id_of(ticket.location) != place:
        raise NotFound(_("Số này không ở phòng này."))
    if form["version"] and form["version"] != version_of(ticket):
        raise VersionConflict(
            _("Người khác vừa làm việc với số %(number)s.", number=ticket_number(ticket)),
            advice=_("Xem lại hàng đợi rồi làm tiếp."),
        )
    return _back(place, await VERBS[word][0](tx, who, ticket), word)


def _back(place: str, ticket: r4.Task | None, word: str) -> Response:
    said = {"viec": word} | ({"so": ticket.id or ""} if ticket else {})
    return RedirectResponse(f"{PATH}/{place}?{urlencode(said)}", 303)


async def _toast(request: Request, tx: Transaction, who: Subject) -> dict[str, str] | None:
    """What was just done, and how to undo it."""
    word, id_ = request.query_params.get("viec", ""), request.query_params.get("so", "")
    if word == "het":
        return {"text": _("Không còn ai chờ ở phòng này"), "undo": "", "version": ""}
    found = await store.read_many(tx, who, r4.Task, [id_]) if word in VERBS and id_ else {}
    if id_ not in found or pages.is_fragment(request):
        return None
    _verb, text, undo = VERBS[word]
    address = f"{PATH}/{id_of(found[id_].location)}/{id_}/{undo}" if undo else ""
    said = _(text, number=ticket_number(found[id_]))
    return {"text": said, "undo": address, "version": version_of(found[id_]) or ""}


def _minutes(since: datetime | None, now: datetime) -> int:
    return clock.minutes_between(since, now) if since else 0


DOORS: list[Door | LiveDoor] = [
    Door(PATH, overview, Permission.WATCH_QUEUE),
    Door(f"{PATH}/{{room}}", room, Permission.WATCH_QUEUE),
    Door(f"{PATH}/{{room}}/goi-tiep", call_next, Permission.CALL_QUEUE, ("POST",)),
    Door(f"{PATH}/{{room}}/{{ticket}}/{{verb}}", act, Permission.CALL_QUEUE, ("POST",)),
]
NAV = [NavItem(later("Hàng đợi"), PATH, Permission.WATCH_QUEUE, "g q")]
