"""Websockets as declared doors: like `Door`, one that names no permission is not published."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import msgspec
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from benhan.core.access.roles import Permission

SocketEndpoint = Callable[[WebSocket], Awaitable[None]]


class SocketDoor(msgspec.Struct, frozen=True):
    """A route for websockets.

    A websocket brings no credentials of its own (browsers cannot add a header, and a cookie would let any page on the
    web open it), so its permission is ANYONE and the endpoint lets nobody hear anything who has not shown a token.
    """

    path: str
    endpoint: SocketEndpoint
    permission: Permission


def socket_routes(doors: Iterable[object]) -> list[BaseRoute]:
    """Starlette routes of the socket doors among these.

    Raises:
        TypeError: one declares no permission, or another than ANYONE.
    """
    routes: list[BaseRoute] = []
    for door in doors:
        if isinstance(door, SocketDoor):
            if door.permission is not Permission.ANYONE:
                raise TypeError(f"{door!r}: a websocket is open to anyone and asks for a token itself")
            routes.append(WebSocketRoute(door.path, door.endpoint))
    return routes
