"""The room of a consultation at a distance: one seat for the doctor, one for the patient, and what their browsers say.

A seat is taken with a session and hangs on it: whenever it is used the session is asked again (`holder_of`), so it is
over with it, with the relation in which somebody acts, or when somebody takes the same seat anew. A patient who sits
there is awake: her session does not idle away. Words lie in the
database until they are heard, so that both may be at different processes; in the same process they are heard at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from weakref import WeakValueDictionary

import msgspec

from benhan.core.access import Subject
from benhan.core.access.accounts import hashed, new_token
from benhan.core.access.audit import Event, record
from benhan.core.access.callers import holder_of
from benhan.core.access.sessions import keep_awake
from benhan.core.db import PLATFORM, Transaction
from benhan.core.fhir.outcome import Conflict, Forbidden
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.hospital.remote import actions

DOCTOR, PATIENT = "doctor", "patient"
#: Somebody who was not heard of for so long has left.
GONE: Final = timedelta(seconds=20)
PASS_MINUTES: Final = 10
#: Words that may wait for one seat; more is no call.
MOST_WORDS: Final = 500


class Seat(msgspec.Struct, frozen=True):
    """A seat somebody has taken."""

    facility: int
    id: str
    room: str
    side: str
    account: str


class Presence(msgspec.Struct, frozen=True):
    """Who was in the room, and from when to when (None: she is there)."""

    side: str
    relation: str
    by_link: bool
    taken: datetime
    left: datetime | None


# Taking a seat


async def take(
    tx: Transaction, who: Subject, room: str, session: bytes, *, by_link: bool = False
) -> tuple[Seat, str]:  # fmt: skip
    """Sit down: as the doctor of the request, or as its patient (who acts for her). Who sat there before stands up.

    Gives the seat, and the secret by which it is used.

    Raises:
        Forbidden, NotFound: it is not hers, by the rules of records. Conflict: the room is not open.
    """
    found = await actions.one(tx, who, room)
    side = PATIENT if who.patient else DOCTOR
    if found.patient != who.patient and (side is PATIENT or found.doctor != who.practitioner or not who.practitioner):
        raise Forbidden(_("Phòng khám này không phải của bạn."), where="room")
    if not found.opens(clock.now()):
        raise Conflict(
            _("Phòng chưa mở hoặc đã đóng."), where="room", advice=_("Phòng mở 15 phút trước giờ hẹn.")
        )  # fmt: skip
    await _leave(tx, who.facility, room, side, "replaced")
    seat, secret = Seat(who.facility, new_token()[:16], room, side, who.account), new_token()
    await tx.execute(
        "insert into room_seat (facility, id, room, side, secret, session, account, relation, by_link)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        seat.facility, seat.id, room, side, hashed(secret), session, who.account,
        str(who.relation.kind) if who.relation else "", by_link,
    )  # fmt: skip
    record(tx, who, Event("room-entered", "Task", room, found.patient, rule="link" if by_link else "session"))
    return seat, secret


async def lend(tx: Transaction, who: Subject, room: str, session: bytes) -> str:
    """A link's secret: once, within ten minutes, it opens the patient's seat in another browser.

    Raises:
        Forbidden, NotFound: it is not her room.
    """
    found = await actions.one(tx, who, room)
    if who.patient is None or found.patient != who.patient:
        raise Forbidden(_("Phòng khám này không phải của bạn."), where="room")
    secret = new_token()
    await tx.execute("delete from room_pass where facility = $1 and ends < now() - interval '1 day'", who.facility)
    await tx.execute(
        "insert into room_pass (hash, facility, room, session, ends) values ($1, $2, $3, $4, now() + $5)",
        hashed(secret), who.facility, room, session, timedelta(minutes=PASS_MINUTES),
    )  # fmt: skip
    record(tx, who, Event("room-link", "Task", room, found.patient))
    return secret


async def redeem(tx: Transaction, secret: str) -> tuple[Seat, str]:
    """Sit down by a link, which opens nothing afterwards. It opens what the session opens that it was made in.

    Raises:
        Forbidden: it is none, was used, is too old, or its session is over. Conflict: the room is not open.
    """
    await tx.reach(PLATFORM)
    row = await tx.fetchrow(
        "update room_pass set used = now() where hash = $1 and used is null and ends > now()"
        " returning facility, room, session", hashed(secret),
    )  # fmt: skip
    who = await holder_of(tx, row["session"]) if row else None
    if row is None or who is None or who.facility != row["facility"]:
        raise _no_link()
    return await take(tx, who, row["room"], row["session"], by_link=True)


async def lent_by(tx: Transaction, secret: str) -> tuple[int, str] | None:
    """The facility and room of a link, for the trace of who tries it in vain."""
    await tx.reach(PLATFORM)
    row = await tx.fetchrow("select facility, room from room_pass where hash = $1", hashed(secret))
    return (row["facility"], row["room"]) if row else None


# Using it


async def seat_of(tx: Transaction, secret: str) -> Seat:
    """The seat of who shows this secret, if she may still sit there; she was heard of now.

    Raises:
        Forbidden: it is none, somebody sits there now, or her session or relation is over.
    """
    await tx.reach(PLATFORM)
    row = await tx.fetchrow("select * from room_seat where secret = $1 and left_at is null", hashed(secret))
    who = await holder_of(tx, row["session"]) if row else None
    if row is None or who is None or not _same(who, row):
        raise _no_seat()
    await tx.reach(row["facility"])
    if row["side"] == PATIENT:
        await keep_awake(tx, row["session"])
    await tx.execute(
        "update room_seat set heard = now() where facility = $1 and id = $2", row["facility"], row["id"]
    )  # fmt: skip
    return Seat(row["facility"], row["id"], row["room"], row["side"], row["account"])


async def held(tx: Transaction, secret: str) -> Seat | None:
    """Whose seat a secret is or was, for the trace of who is refused."""
    await tx.reach(PLATFORM)
    row = await tx.fetchrow("select * from room_seat where secret = $1", hashed(secret))
    return Seat(row["facility"], row["id"], row["room"], row["side"], row["account"]) if row else None


async def say(tx: Transaction, seat: Seat, said: str) -> bool:
    """Say something to who sits opposite; whether somebody does.

    Raises:
        Conflict: too much waits to be heard.
    """
    other = await opposite(tx, seat)
    if other is None:
        return False
    count = await tx.fetchval(
        "select count(*) from room_word where facility = $1 and seat = $2", seat.facility, other
    )  # fmt: skip
    if count >= MOST_WORDS:
        raise Conflict(_("Bên kia không nghe được."), where="room")
    await tx.execute(
        "insert into room_word (facility, seat, said) values ($1, $2, $3)", seat.facility, other, said
    )  # fmt: skip
    return True


async def hear(tx: Transaction, seat: Seat) -> list[str]:
    """What was said to her since she heard last, in its order; each is heard once."""
    rows = await tx.fetch(
        "delete from room_word where facility = $1 and seat = $2 returning number, said", seat.facility, seat.id
    )  # fmt: skip
    return [row["said"] for row in sorted(rows, key=lambda row: row["number"])]


async def opposite(tx: Transaction, seat: Seat) -> str | None:
    """The seat of who sits opposite now, if anybody does."""
    found: str | None = await tx.fetchval(
        "select id from room_seat where facility = $1 and room = $2 and side <> $3 and left_at is null"
        " and heard > now() - $4::interval", seat.facility, seat.room, seat.side, GONE,
    )  # fmt: skip
    return found


async def leave(tx: Transaction, seat: Seat) -> None:
    """Stand up. Twice changes nothing."""
    await _leave(tx, seat.facility, seat.room, seat.side, "left")


async def close(tx: Transaction, who: Subject, room: str) -> None:
    """Nobody is in the room any more."""
    for side in (DOCTOR, PATIENT):
        await _leave(tx, who.facility, room, side, "over")


async def presences(tx: Transaction, who: Subject, rooms: Sequence[str]) -> dict[str, list[Presence]]:
    """Who was in these rooms and when, by room, in order; the caller may read their requests."""
    rows = await tx.fetch(
        "select room, side, relation, by_link, taken, heard, coalesce(left_at, case when heard < now() - $3::interval"
        " then heard end) as gone from room_seat where facility = $1 and room = any($2::text[]) order by taken",
        who.facility, list(rooms), GONE,
    )  # fmt: skip
    found: dict[str, list[Presence]] = {}
    for row in rows:
        one = Presence(row["side"], row["relation"], row["by_link"], clock.local(row["taken"]),
                       clock.local(row["gone"]) if row["gone"] else None)  # fmt: skip
        found.setdefault(row["room"], []).append(one)
    return found


# Waking who listens in the same process

_bells: Final[WeakValueDictionary[tuple[int, str], asyncio.Event]] = WeakValueDictionary()


def bell(seat: Seat) -> asyncio.Event:
    """Rings when somebody in this process says something in her room."""
    key = seat.facility, seat.room
    if (found := _bells.get(key)) is None:
        found = _bells[key] = asyncio.Event()
    return found


def ring(seat: Seat) -> None:
    """Something was said; call it when that is committed."""
    if found := _bells.pop((seat.facility, seat.room), None):
        found.set()


async def _leave(tx: Transaction, facility: int, room: str, side: str, why: str) -> None:
    rows = await tx.fetch(
        "update room_seat set left_at = now(), why = $4 where facility = $1 and room = $2 and side = $3"
        " and left_at is null returning id", facility, room, side, why,
    )  # fmt: skip
    for row in rows:
        await tx.execute("delete from room_word where facility = $1 and seat = $2", facility, row["id"])


def _same(who: Subject, row: object) -> bool:
    """Whether who holds the session is who she was when she sat down."""
    relation = str(who.relation.kind) if who.relation else ""
    said = {name: row[name] for name in ("facility", "account", "relation")}  # type: ignore[index]
    return said == {"facility": who.facility, "account": who.account, "relation": relation}


def _no_seat() -> Forbidden:
    return Forbidden(
        _("Chỗ của bạn trong phòng này đã hết: phòng mở ở nơi khác, hoặc phiên đã kết thúc."), where="seat",
        advice=_("Mở lại phòng khám."),
    )  # fmt: skip


def _no_link() -> Forbidden:
    return Forbidden(
        _("Đường dẫn này đã dùng hoặc đã hết hạn."), where="pass", advice=_("Lấy đường dẫn mới trong ứng dụng.")
    )
