"""What an open page or app of a patient hears: that something of hers changed, or that her place in the queue moved.

It is never told what. The queues are looked at once for everybody who waits in them (`Halls`): a thousand who watch a
hall cost one look when its queue moves, not a thousand.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any, Final

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.db import Database, Transaction
from benhan.core.db.background import Background
from benhan.core.fhir import r4
from benhan.core.kit import clock
from benhan.core.store import feed
from benhan.core.store.feed import Change
from benhan.core.store.live import Live
from benhan.hospital.visit import id_of
from benhan.patient import record
from benhan.patient.position import Position, differs, last_seen, look

#: Changes of her own record that her open page follows.
WATCHED: Final = frozenset(
    {
        "Encounter",
        "Task",
        "ServiceRequest",
        "DiagnosticReport",
        "MedicationRequest",
        "Composition",
        "Appointment",
        "Communication",
    }
)
#: After so long without a word the line says that it is there.
BREATH_SECONDS: Final = 15.0
#: What happens in the queues within so long is looked at together.
GATHER_SECONDS: Final = 0.3
#: With nothing happening, time itself moves what is expected.
LOOK_SECONDS: Final = 20.0

News = asyncio.Queue[Change | None]


async def words(
    app: Any, who: Subject, missed: feed.Position | None = None, *, moved: str
) -> AsyncGenerator[str, None]:
    """Events: `mine` when her record changed, `moved` when her place did and nothing else.

    Standard: HTML, section 9.2 (server-sent events).
    """
    hub: Live = app.state.live
    halls: Halls = app.state.halls
    async with hub.watch(who, WATCHED, who.patient, missed) as news:
        with halls.seat(who, news) as seat:
            halls.take(seat, await _ticket(app, who))
            yield "retry: 3000\n\n"
            while not hub.stopping.is_set():
                try:
                    async with asyncio.timeout(BREATH_SECONDS):
                        heard = [await news.get()]
                except TimeoutError:
                    yield ": \n\n"
                    continue
                while not news.empty():
                    heard.append(news.get_nowait())
                if None in heard:
                    return
                mine = any(one and one.type in WATCHED for one in heard)
                if mine:
                    halls.take(seat, await _ticket(app, who))
                yield f"event: {'mine' if mine else moved}\ndata: {{}}\n\n"


async def _ticket(app: Any, who: Subject) -> r4.Task | None:
    """The ticket that her page shows."""
    async with app.state.database.transaction(who.facility) as tx:
        return await record.ticket_now(tx, who)


class Seat(msgspec.Struct, eq=False):
    """Somebody who waits and looks on: with which ticket, at which place; `news` is where she hears of it."""

    facility: int
    news: News
    ticket: r4.Task | None = None
    #: What she was told last.
    place: Position | None = None

    @property
    def room(self) -> str | None:
        """Where she waits."""
        return id_of(self.ticket.location) if self.ticket else None


class Halls(Background):
    """The queues of every facility where somebody looks on, in this process."""

    failure = "halls: the queues could not be looked at"

    def __init__(self, database: Database, live: Live) -> None:
        super().__init__(database)
        self._live = live
        self._watching = AsyncExitStack()
        self._seats: dict[int, set[Seat]] = {}
        #: The seat of each session.
        self._of: dict[str | None, Seat] = {}
        self._changes: dict[int, News] = {}
        self._looked: dict[int, float] = {}
        #: Where somebody came whose place nobody has looked at yet: facility and room.
        self._came: set[tuple[int, str]] = set()

    @contextmanager
    def seat(self, who: Subject, news: News) -> Iterator[Seat]:
        """A seat for as long as the block lasts."""
        seat = Seat(who.facility, news)
        self._seats.setdefault(who.facility, set()).add(seat)
        self._of[who.session] = seat
        try:
            yield seat
        finally:
            self._seats[who.facility].discard(seat)
            if self._of.get(who.session) is seat:
                del self._of[who.session]

    def ticket_of(self, who: Subject) -> r4.Task | None:
        """The ticket with which this very session looks on in this process, as it was read last; None: it does not."""
        seat = self._of.get(who.session) if who.session else None
        return seat.ticket if seat and seat.facility == who.facility else None

    def take(self, seat: Seat, ticket: r4.Task | None) -> None:
        """This is her ticket from now on."""
        seat.ticket = ticket
        seat.place = last_seen(seat.facility, ticket) if ticket else None
        if seat.room and seat.place is None:
            self._came.add((seat.facility, seat.room))

    async def stop(self) -> None:
        """Stop looking."""
        await super().stop()
        await self._watching.aclose()

    async def turn(self) -> float:
        """Look wherever something happened, or somebody came."""
        for facility, seats in list(self._seats.items()):
            changed = await self._changed(facility)
            if seats:
                async with self._database.transaction(facility) as tx:
                    if rooms := await self._stirred(tx, facility, changed):
                        await look(tx, facility, rooms)
                        self._tell(facility, rooms)
        return GATHER_SECONDS

    async def _changed(self, facility: int) -> set[str]:
        """The tickets that changed since they were asked for last."""
        if facility not in self._changes:
            behind = service(Role.DISPLAY, facility)
            watching = self._live.watch(behind, frozenset({"Task"}))
            self._changes[facility] = await self._watching.enter_async_context(watching)
        changes, found = self._changes[facility], set[str]()
        while not changes.empty():
            if change := changes.get_nowait():
                found.add(change.id)
        return found

    async def _stirred(self, tx: Transaction, facility: int, changed: set[str]) -> set[str]:
        """The rooms to look at now: of these tickets, of who came; all where somebody waits, when it is time."""
        came = {room for at, room in self._came if at == facility}
        self._came -= {(facility, room) for room in came}
        due = self._looked.get(facility, 0.0) + LOOK_SECONDS < time.monotonic()
        if not (due or came or changed):
            return set()
        watched = {room for seat in self._seats[facility] if (room := seat.room)}
        if due:
            self._looked[facility] = time.monotonic()
            return watched
        tickets = await store.read_many(tx, service(Role.DISPLAY, facility), r4.Task, changed)
        return came | {room for one in tickets.values() if (room := id_of(one.location)) in watched and room}

    def _tell(self, facility: int, rooms: set[str]) -> None:
        """Wake those whose place has moved."""
        moved = Change(feed.Position(), facility, "Location", "", 0, "update", None, clock.now())
        for seat in self._seats[facility]:
            if seat.ticket and seat.room in rooms:
                place = last_seen(facility, seat.ticket)
                if differs(seat.place, place) and not seat.news.full():
                    seat.place = place
                    seat.news.put_nowait(moved)
