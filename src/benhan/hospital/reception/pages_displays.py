"""`/man-hinh`: what the waiting hall and the door of a room show. Live by nature; readable from ten metres.

Names are cut to the family name and initials, and stand only beside who is called (Law 15/2023 art. 10: privacy).
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, LiveDoor, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.kit import clock, pages
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.hospital import queue
from benhan.hospital import queue_rules as rules
from benhan.hospital.reception import arrival
from benhan.hospital.reception.pages_queue import room_of, rooms_with_queues
from benhan.hospital.visit import id_of, ticket_number
from benhan.hospital.way import ways

PATH = "/man-hinh"
#: Rooms on one picture; more of them take turns, each picture for so many seconds.
ROOMS_SHOWN, TURN_SECONDS = 7, 12
#: How many calls stand large, how many come next, and how long a call is new.
CALLS_SHOWN, NEXT_SHOWN, NEW_SECONDS = 3, 3, 25
#: Somebody called longer ago than this stands no more among the large ones.
CALL_STANDS = timedelta(minutes=20)


class Call(msgspec.Struct, frozen=True):
    """A call as the hall sees it."""

    number: str
    name: str
    room: str
    way: str
    at: datetime
    new: bool

    @property
    def said(self) -> str:
        """The sentence for a voice, and for those who cannot see."""
        spoken = self.number.replace("-", " ")
        return _("Mời số %(number)s, %(name)s, vào %(room)s", number=spoken, name=self.name, room=self.room)


class Row(msgspec.Struct, frozen=True):
    """A room as the hall sees it."""

    room: str
    now: str
    state: str
    next: list[str]
    waiting: int


async def hall(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET /man-hinh`: all rooms, or those of `?phong=a,b` (one screen for each side of the hall)."""
    now = clock.now()
    wanted = [one for one in request.query_params.get("phong", "").split(",") if one][:50]
    rooms = [room for room in await rooms_with_queues(tx, who) if not wanted or room.id in wanted]
    lines = await queue.lines(tx, who, [room.id or "" for room in rooms], now)
    rows = [_row(room, lines[room.id or ""]) for room in rooms if _busy(lines[room.id or ""]) or wanted]
    turns = max(1, math.ceil(len(rows) / ROOMS_SHOWN))
    turn = int(now.timestamp() // TURN_SECONDS) % turns
    words = await ways(tx, who.facility, lines)
    calls = [call for id_, line in lines.items() for call in _calls(line, words[id_], now)]
    calls.sort(key=lambda call: call.at, reverse=True)
    template = "display_hall_live.html" if pages.is_fragment(request) else "display_hall.html"
    return pages.render(
        request, f"reception/{template}", facility=who.facility_name, calls=calls[:CALLS_SHOWN],
        rows=rows[turn * ROOMS_SHOWN : (turn + 1) * ROOMS_SHOWN], turn=turn + 1, turns=turns,
        here_path=_here(request), turn_seconds=TURN_SECONDS,
    )  # fmt: skip


async def entrance(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET /man-hinh/loi-vao`: the code by which who is booked says on her phone that she has come."""
    template = "display_entrance_live.html" if pages.is_fragment(request) else "display_entrance.html"
    code = await arrival.code_now(tx, who, clock.now())
    return pages.render(
        request, f"reception/{template}", facility=who.facility_name, here_path=_here(request),
        code=arrival.address(request.app.state.settings.public_url, code), turn_seconds=arrival.SHOWN_SECONDS,
    )  # fmt: skip


async def door(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET /man-hinh/<room>`: one room, for the screen at its door."""
    now = clock.now()
    place = await room_of(tx, who, str(request.path_params["room"]))
    line = (await queue.lines(tx, who, [place.id or ""], now))[place.id or ""]
    pace = (await queue.paces(tx, who, [place], now))[place.id or ""]
    calls = _calls(line, "", now) or [_call(ticket, "", now) for ticket in line.serving[:1]]
    template = "display_door_live.html" if pages.is_fragment(request) else "display_door.html"
    coming = [
        (ticket_number(ticket), _hidden(ticket), rules.expected_minutes(line.ahead_of(ticket) or 0, pace))
        for ticket in line.waiting[:NEXT_SHOWN]
    ]
    return pages.render(
        request, f"reception/{template}", facility=who.facility_name, room=place.name or "", calls=calls[:1],
        coming=coming, waiting=len(line.waiting), expected=rules.expected_minutes(len(line.waiting), pace),
        skipped=[ticket_number(ticket) for ticket in line.skipped][:6], here_path=_here(request),
        serving=[ticket_number(ticket) for ticket in line.serving], turn_seconds=TURN_SECONDS,
    )  # fmt: skip


def _busy(line: queue.Line) -> bool:
    return bool(line.waiting or line.called or line.serving)


def _row(room: r4.Location, line: queue.Line) -> Row:
    current = next(iter(line.called or line.serving[:1]), None)
    return Row(
        room=room.name or "",
        now=ticket_number(current) if current else "",
        state="called" if line.called else "serving" if line.serving else "",
        next=[ticket_number(ticket) for ticket in line.waiting[:NEXT_SHOWN]],
        waiting=len(line.waiting),
    )


def _calls(line: queue.Line, way: str, now: datetime) -> list[Call]:
    return [call for ticket in line.called if (call := _call(ticket, way, now)).at >= now - CALL_STANDS]


def _call(ticket: r4.Task, way: str, now: datetime) -> Call:
    at = max(rules.calls(ticket), default=rules.issued(ticket))
    place = ticket.location.display if ticket.location else ""
    new = (now - at).total_seconds() < NEW_SECONDS
    return Call(ticket_number(ticket), _hidden(ticket), place or id_of(ticket.location) or "", way, at, new)


def _hidden(ticket: r4.Task) -> str:
    return rules.shown_name((ticket.for_.display if ticket.for_ else None) or "")


def _here(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


DOORS: list[Door | LiveDoor] = [
    Door(PATH, hall, Permission.WATCH_QUEUE),
    Door(f"{PATH}/loi-vao", entrance, Permission.WATCH_QUEUE),
    Door(f"{PATH}/{{room}}", door, Permission.WATCH_QUEUE),
]
NAV = [
    NavItem(later("Màn hình sảnh"), PATH, Permission.ADMINISTER),
    NavItem(later("Mã ở lối vào"), f"{PATH}/loi-vao", Permission.ADMINISTER),
]
