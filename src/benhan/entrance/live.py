"""`/live`: one event stream for every live screen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator

from starlette.requests import Request

from benhan.core.access import LiveDoor, Permission, Subject
from benhan.core.fhir.outcome import Malformed
from benhan.core.language import _
from benhan.core.store.feed import Position, token
from benhan.core.store.live import Live, since
from benhan.core.store.records import NUMBERS

MAX_TYPES = 10
#: A line now and then keeps proxies from closing the stream, and tells us when the screen is gone.
BREATH_SECONDS = 15


async def live(request: Request, who: Subject) -> AsyncGenerator[str, None]:
    """Events named by resource type, `{"type", "id", "patient"}`, of changes in my facility that I may read.

    `types` names the resource types; `patient` limits them to one patient. `since` is where the page stands (its
    `data-feed`), or Last-Event-ID, where a line that broke was: what came after it is told first.

    Raises:
        Malformed: `types` names no resource type, or too many; `since` is no position.
    """
    types = frozenset(request.query_params.get("types", "").split(","))
    if not types <= NUMBERS.keys() or len(types) > MAX_TYPES:
        raise Malformed(_("Tham số types cần tên loại tài nguyên, ví dụ types=Task,Observation."), where="types")
    hub: Live = request.app.state.live
    patient = request.query_params.get("patient")
    return _events(hub, who, types, patient, since(request.headers, request.query_params))


async def _events(
    hub: Live, who: Subject, types: frozenset[str], patient: str | None, missed: Position | None
) -> AsyncGenerator[str, None]:
    async with hub.watch(who, types, patient, missed) as queue:
        yield "retry: 2000\n\n"
        while not hub.stopping.is_set():
            try:
                async with asyncio.timeout(BREATH_SECONDS):
                    change = await queue.get()
            except TimeoutError:
                yield ": \n\n"
                continue
            if change is None:
                return
            data = json.dumps({"type": change.type, "id": change.id, "patient": change.patient})
            yield f"id: {token(change.position)}\nevent: {change.type}\ndata: {data}\n\n"


DOORS = [LiveDoor("/live", live, Permission.SIGNED_IN)]
