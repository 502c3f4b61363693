"""The doors of subscriptions beside `/fhir/Subscription` itself: status, events, topics, websockets.

Standard: Subscriptions R5 Backport 1.1.0, operations `$status`, `$events`, `$get-ws-binding-token`.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.access.sockets import SocketDoor
from benhan.core.api import messages, sockets
from benhan.core.api.capability import Operation
from benhan.core.api.operations.inputs import Inputs, inputs
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Invalid
from benhan.core.language import _
from benhan.core.store.records import instant
from benhan.core.store.subscriptions import told
from benhan.core.store.subscriptions.deliverer import Deliverer
from benhan.core.store.subscriptions.follower import Follower
from benhan.core.store.subscriptions.notifications import bundle, parameters
from benhan.core.store.subscriptions.plan import BACKPORT, CONTENTS
from benhan.core.store.subscriptions.topics import OFFERED, basic

#: What HTTP and the type's own searches may bring along is not an input of ours.
_HIGHEST: Final = 2**62


async def status(request: Request, tx: Transaction, who: Subject) -> Response:
    """`$status` of one subscription, or of those asked for: a searchset of status Parameters."""
    asked = (await inputs(request)).only("id", "status")
    ids = [request.path_params["id"]] if "id" in request.path_params else asked.texts("id")
    if "id" in request.path_params:
        await told.one(tx, who, ids[0])
    found = await told.subscribed(tx, who, ids or None, asked.texts("status") or None)
    base = messages.base(request)
    entries = [
        r4.BundleEntry(
            fullUrl=f"{base}/Subscription/{one.id}/$status",
            resource=parameters(one.standing(base), "query-status"),
            search=r4.BundleEntrySearch(mode="match"),
        )
        for one in found
    ]
    return messages.answer(r4.Bundle(type="searchset", total=len(entries), entry=entries or None))


async def events(request: Request, tx: Transaction, who: Subject) -> Response:
    """`$events`: what happened, by number, as a notification Bundle.

    Raises:
        Forbidden, NotFound; Malformed, Invalid: an input cannot be read.
    """
    asked = (await inputs(request)).only("eventsSinceNumber", "eventsUntilNumber", "content")
    sub = await told.one(tx, who, request.path_params["id"])
    content = asked.text("content") or sub.plan.content
    if content not in CONTENTS:
        raise Invalid(_("Mức nội dung cần là empty, id-only hoặc full-resource."), where="content")
    since, until = _number(asked, "eventsSinceNumber", 1), _number(asked, "eventsUntilNumber", _HIGHEST)
    found = await told.events(tx, who, sub, since, until, content)
    return messages.answer(bundle(sub.standing(messages.base(request)), "query-event", found, content))


async def topic_list(request: Request, tx: Transaction, who: Subject) -> Response:
    """`$topic-list`: the topics this server offers, each as the Basic resource that describes it."""
    base = messages.base(request)
    entries = [r4.BundleEntry(fullUrl=f"{base}/Basic/{topic.id}", resource=basic(topic)) for topic in OFFERED]
    return messages.answer(r4.Bundle(type="collection", entry=entries))


async def binding_token(request: Request, tx: Transaction, who: Subject) -> Response:
    """`$get-ws-binding-token`: what a websocket shows to hear of subscriptions.

    Raises:
        Forbidden, NotFound.
    """
    asked = (await inputs(request)).only("id")
    ids = [request.path_params["id"]] if "id" in request.path_params else asked.texts("id")
    token, ends, named = await told.socket_token(tx, who, ids)
    address = messages.base(request).replace("http", "ws", 1) + "/_socket"
    said = [
        r4.ParametersParameter(name="token", valueString=token),
        r4.ParametersParameter(name="expiration", valueDateTime=instant(ends)),
        *(r4.ParametersParameter(name="subscription", valueString=id_) for id_ in named),
        r4.ParametersParameter(name="websocket-url", valueUrl=address),
    ]
    return messages.answer(r4.Parameters(parameter=said))


def _number(asked: Inputs, name: str, usual: int) -> int:
    text = asked.text(name)
    if text is None:
        return usual
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Invalid(_("%(name)s cần một số nguyên không âm.", name=name), where=name)
    return int(text)


_DEFINITIONS: Final = f"{BACKPORT.replace('StructureDefinition', 'OperationDefinition')}/backport-subscription"
OPERATIONS = [
    Operation("status", f"{_DEFINITIONS}-status", ("Subscription",)),
    Operation("events", f"{_DEFINITIONS}-events", ("Subscription",), "Delivered events are kept for seven days."),
    Operation("get-ws-binding-token", f"{_DEFINITIONS}-get-ws-binding-token", ("Subscription",)),
    Operation(
        "topic-list", "https://benhan.vn/fhir/OperationDefinition/topic-list", ("Subscription",),
        "The topics this server offers, each as a Basic resource.",
    ),
]  # fmt: skip

_P, _BOTH = Permission.FHIR, ("GET", "POST")
DOORS = [
    Door("/fhir/Subscription/$status", status, _P, _BOTH),
    Door("/fhir/Subscription/{id:one}/$status", status, _P, _BOTH),
    Door("/fhir/Subscription/{id:one}/$events", events, _P, _BOTH),
    Door("/fhir/Subscription/$topic-list", topic_list, _P, _BOTH),
    Door("/fhir/Subscription/$get-ws-binding-token", binding_token, _P, _BOTH),
    Door("/fhir/Subscription/{id:one}/$get-ws-binding-token", binding_token, _P, _BOTH),
    SocketDoor("/fhir/_socket", sockets.listen, Permission.ANYONE),
]
FOLLOWERS = [Follower, Deliverer]
