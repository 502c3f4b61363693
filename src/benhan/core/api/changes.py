"""`GET /fhir/_changes`: the change feed for programs, in pages and as an event stream.

It tells that a record changed, never what it holds: the program reads the record through its own door.
Every committed change is told at least once and none is skipped; docs/howto/follow-changes.md shows how to follow.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Interaction, Permission, Subject, decide
from benhan.core.access.audit import Event, record
from benhan.core.access.doors import identify
from benhan.core.api import messages
from benhan.core.api.streams import EventStream
from benhan.core.db import PLATFORM, Database, Transaction
from benhan.core.fhir.outcome import Forbidden, Malformed, Problem
from benhan.core.language import _
from benhan.core.store import feed
from benhan.core.store.live import Live
from benhan.core.store.records import ACTIONS, NUMBERS, instant, permit

USUAL_COUNT, MOST_COUNT = 100, 1000
EVENTS = "text/event-stream"
#: A line while nothing happens keeps proxies from closing the stream.
HEARTBEAT_SECONDS = 15.0
#: How often a stream asks whether the caller still has its right.
RECHECK_SECONDS = 60.0
#: A change of another process is found after so long, where the hub of this one has not told of it.
IDLE_SECONDS = 1.0

_ACTIONS = {interaction.value: action for interaction, action in ACTIONS.items()}


class Asked(msgspec.Struct, frozen=True):
    """What a program wants to hear of, and from where on."""

    types: tuple[str, ...]
    named: bool
    after: feed.Position
    count: int


async def changes(request: Request, tx: Transaction, who: Subject) -> Response:
    """The next changes of types the caller may read, at its facility; a program of the platform hears of all.

    `since`: the position to go on from (`now`: from here; absent: from the beginning). `_type`, `_count`.

    Raises:
        Forbidden: a type may not be read; Malformed: a parameter cannot be read; Problem: 429, too many streams.
    """
    asked = await _asked(request, tx, who)
    if EVENTS in request.headers.get("accept", ""):
        record(tx, who, Event("follow-changes", rule="read", detail=",".join(asked.types) if asked.named else "*"))
        return EventStream(who, _events(request, who, asked))
    page = await _page(tx, who, asked)
    names = await _facilities(tx, who)
    answer = {
        "changes": [_told(change, names) for change in page.changes],
        "position": feed.token(page.position),
        "more": page.more,
        "next": _next(request, asked, page.position),
    }
    return Response(msgspec.json.encode(answer), media_type="application/json", headers={"Cache-Control": "no-store"})


async def _asked(request: Request, tx: Transaction, who: Subject) -> Asked:
    given = request.query_params
    known = {"since", "_type", "_count", "_format"}
    if unknown := sorted(set(given) - known):
        raise Malformed(_("Không có tham số “%(name)s”.", name=unknown[0][:60]), where=unknown[0][:60])
    named = [name for name in given.get("_type", "").split(",") if name]
    since = request.headers.get("last-event-id") or given.get("since")
    after = await feed.end(tx) if since == "now" else feed.position_of(since) if since else feed.Position()
    return Asked(_types(who, named), bool(named), after, _count(given.get("_count")))


def _types(who: Subject, named: Sequence[str]) -> tuple[str, ...]:
    """The types to tell of: those named, each asked of the policy, or all the caller may read."""
    for name in named:
        if name not in NUMBERS:
            raise Malformed(_("Không có loại tài nguyên “%(name)s”.", name=name[:60]), where="_type")
        if permit(who, Interaction.READ, name).only_patient is not None:
            raise Forbidden(_("Nguồn thay đổi chỉ dành cho chương trình."), where=name)
    decisions = {name: decide(who, Interaction.READ, name) for name in named or NUMBERS}
    types = tuple(name for name, one in decisions.items() if one.allowed and one.only_patient is None)
    if not types:
        raise Forbidden(
            _("Không có quyền đọc loại tài nguyên nào."), where="_type", advice=_("Cần phạm vi system/[Loại].r.")
        )
    return types


def _count(text: str | None) -> int:
    if text is None:
        return USUAL_COUNT
    if not text.isascii() or not text.isdigit() or not 0 < len(text) < 7 or int(text) == 0:
        raise Malformed(_("%(name)s cần một số nguyên dương.", name="_count"), where="_count")
    return min(int(text), MOST_COUNT)


async def _page(tx: Transaction, who: Subject, asked: Asked) -> feed.Page:
    """The next page, audited; in the reach of the platform for a program of the platform alone."""
    if _of_platform(who):
        await tx.reach(PLATFORM)
    page = await feed.page(tx, None if _of_platform(who) else who.facility, asked.types, asked.after, asked.count)
    page = msgspec.structs.replace(page, changes=await feed.open_to(tx, who, page.changes))
    if page.changes:
        types = ",".join(sorted({change.type for change in page.changes}))
        record(tx, who, Event("read-changes", rule="read", detail=f"{len(page.changes)} {types}"))
    return page


def _of_platform(who: Subject) -> bool:
    return who.facility == 0 and who.known


async def _facilities(tx: Transaction, who: Subject) -> dict[int, str]:
    """Codes of facilities, for those who hear of more than one."""
    if not _of_platform(who):
        return {}
    return {row["key"]: row["code"] for row in await tx.fetch("select key, code from facility")}


def _told(change: feed.Change, facilities: dict[int, str]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "position": feed.token(change.position),
        "type": change.type,
        "id": change.id,
        "version": str(change.version),
        "action": _ACTIONS[change.action],
        "at": instant(change.at),
    }
    return {**told, "facility": facilities.get(change.facility, "")} if facilities else told


def _next(request: Request, asked: Asked, behind: feed.Position) -> str:
    types = ",".join(asked.types) if asked.named else ""
    given = {"since": feed.token(behind), "_type": types, "_count": str(asked.count)}
    return f"{messages.base(request)}/_changes?{urlencode({name: value for name, value in given.items() if value})}"


async def _events(request: Request, who: Subject, asked: Asked) -> AsyncIterator[str]:
    """The feed as events; ends when the caller's right does."""
    yield f"retry: 2000\nid: {feed.token(asked.after)}\n\n"
    hub: Live = request.app.state.live
    clock = asyncio.get_running_loop().time
    told, checked = clock(), clock()
    while not hub.stopping.is_set():
        if clock() - checked >= RECHECK_SECONDS:
            if not await _still(request, who, asked):
                yield "event: end\ndata: {}\n\n"
                return
            checked = clock()
        news = hub.news()
        page, text = await _batch(request.app.state.database, who, asked)
        asked = msgspec.structs.replace(asked, after=page.position)
        if text:
            yield text
            told = clock()
        elif not page.more:
            if clock() - told >= HEARTBEAT_SECONDS:
                yield f": \nid: {feed.token(asked.after)}\n\n"
                told = clock()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(IDLE_SECONDS, HEARTBEAT_SECONDS)):
                    await news.wait()


async def _batch(database: Database, who: Subject, asked: Asked) -> tuple[feed.Page, str]:
    async with database.transaction(who.facility) as tx:
        page = await _page(tx, who, asked)
        names = await _facilities(tx, who) if page.changes else {}
    lines = []
    for change in page.changes:
        data = msgspec.json.encode(_told(change, names)).decode()
        lines.append(f"id: {feed.token(change.position)}\nevent: change\ndata: {data}\n\n")
    return page, "".join(lines)


async def _still(request: Request, who: Subject, asked: Asked) -> bool:
    """Whether the caller is still known, at the same facility, and may still read every type it hears of."""
    try:
        async with request.app.state.database.transaction() as tx:
            now = await identify(request, tx)
    except Problem:
        return False
    same = (now.account, now.facility) == (who.account, who.facility) and now.may(Permission.FHIR)
    return same and all(decide(now, Interaction.READ, name).allowed for name in asked.types)


DOORS = [Door("/fhir/_changes", changes, Permission.FHIR)]
