"""`/giay/{token}`: what the app asked an address for, opened once by the phone's browser (`access/handouts.py`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Permission, Subject, handouts
from benhan.core.db import Transaction
from benhan.core.kit import json_forms, pages
from benhan.core.kit.json_forms import Said

PATH: Final = "/giay"
#: Gives what an address is for; its last argument says which, behind the word by which the room is known.
Opens = Callable[[Request, Transaction, Subject, str], Awaitable[Response]]


class Address(Said):
    """Where something is fetched, once, and for how many minutes."""

    address: str
    minutes: int


async def given(request: Request, tx: Transaction, who: Subject, what: str) -> Response:
    """An address that opens `what` once."""
    token = await handouts.give(tx, who, what)
    base = request.app.state.settings.public_url.rstrip("/")
    return json_forms.answer(Address(address=f"{base}{PATH}/{token}", minutes=handouts.MINUTES), 201)


async def open_(request: Request, tx: Transaction, who: Subject) -> Response:
    """What the address is for, or that it is over. To ask without fetching (HEAD) uses nothing up."""
    if request.method == "HEAD":
        return Response(media_type="application/octet-stream")
    taken = await handouts.take(tx, request.path_params["token"])
    if taken.who is None:
        return pages.render(request, "patient/over.html", 410, facility="")
    kind, _slash, rest = taken.what.partition("/")
    opens: Opens = request.app.state.handed_out[kind]
    return await opens(request, tx, taken.who, rest)


DOORS = [Door(f"{PATH}/{{token}}", open_, Permission.ANYONE, foreign=True)]
