"""Notification bundles of topic-based subscriptions. Pure.

Standard: Subscriptions R5 Backport 1.1.0, "Notifications": a history Bundle whose first entry is a Parameters resource
with the status (backport-subscription-status-r4), followed by the records where the content is full-resource.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import uuid4

import msgspec

from benhan.core.fhir import codec, r4
from benhan.core.store.records import instant, now
from benhan.core.store.subscriptions.plan import BACKPORT

STATUS_PROFILE: Final = f"{BACKPORT}/backport-subscription-status-r4"
BUNDLE_PROFILE: Final = f"{BACKPORT}/backport-subscription-notification-r4"


class Event(msgspec.Struct, frozen=True):
    """One event of a subscription; `body` is the record's version, where it may be shown."""

    number: int
    type: str
    id: str
    version: int
    action: str
    at: datetime
    patient: str | None = None
    tries: int = 0
    body: bytes | None = None


class Standing(msgspec.Struct, frozen=True):
    """What a notification says of the subscription itself."""

    base: str
    id: str
    topic: str | None
    status: str
    events: int
    error: str | None = None

    @property
    def reference(self) -> str:
        """Its address."""
        return f"{self.base}/Subscription/{self.id}"


def parameters(standing: Standing, kind: str, events: Sequence[Event] = (), content: str = "empty") -> r4.Parameters:
    """The status: handshake, heartbeat, event-notification, query-status or query-event."""
    said = [
        r4.ParametersParameter(name="subscription", valueReference=r4.Reference(reference=standing.reference)),
        r4.ParametersParameter(name="status", valueCode=standing.status),
        r4.ParametersParameter(name="type", valueCode=kind),
        r4.ParametersParameter(name="events-since-subscription-start", valueString=str(standing.events)),
    ]
    if standing.topic:
        said.insert(1, r4.ParametersParameter(name="topic", valueCanonical=standing.topic))
    if standing.error:
        said.append(r4.ParametersParameter(name="error", valueCodeableConcept=r4.CodeableConcept(text=standing.error)))
    said += [_event(standing, event, content) for event in events]
    return r4.Parameters(id=str(uuid4()), meta=r4.Meta(profile=[STATUS_PROFILE]), parameter=said)


def bundle(standing: Standing, kind: str, events: Sequence[Event] = (), content: str = "empty") -> r4.Bundle:
    """A notification as it is sent."""
    status = parameters(standing, kind, events, content)
    first = r4.BundleEntry(
        fullUrl=f"urn:uuid:{status.id}",
        resource=status,
        request=r4.BundleEntryRequest(method="GET", url=f"{standing.reference}/$status"),
        response=r4.BundleEntryResponse(status="200"),
    )
    shown = [_record(standing, event, content) for event in events] if content != "empty" else []
    return r4.Bundle(
        id=str(uuid4()), meta=r4.Meta(profile=[BUNDLE_PROFILE]), type="history", timestamp=instant(now()),
        entry=[first, *shown],
    )  # fmt: skip


def _event(standing: Standing, event: Event, content: str) -> r4.ParametersParameter:
    parts = [
        r4.ParametersParameter(name="event-number", valueString=str(event.number)),
        r4.ParametersParameter(name="timestamp", valueInstant=instant(event.at)),
    ]
    if content != "empty":
        focus = r4.Reference(reference=f"{standing.base}/{event.type}/{event.id}")
        parts.append(r4.ParametersParameter(name="focus", valueReference=focus))
    return r4.ParametersParameter(name="notification-event", part=parts)


def _record(standing: Standing, event: Event, content: str) -> r4.BundleEntry:
    created = event.action == "c"
    full = content == "full-resource" and event.body is not None
    return r4.BundleEntry(
        fullUrl=f"{standing.base}/{event.type}/{event.id}",
        resource=codec.kept(event.body, r4.Resource) if full and event.body else None,
        request=r4.BundleEntryRequest(
            method="POST" if created else "PUT", url=event.type if created else f"{event.type}/{event.id}"
        ),
        response=r4.BundleEntryResponse(status="201" if created else "200", etag=f'W/"{event.version}"'),
    )
