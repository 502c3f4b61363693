"""A Subscription resource as a plan: what to look for, whom to tell, and how. Pure, but for the key it is kept under.

Standard: HL7 FHIR R4, Subscription; Subscriptions R5 Backport 1.1.0 (backport-subscription on R4).
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final, Literal, cast
from urllib.parse import parse_qsl, unquote

import msgspec

from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.moments import moment_of
from benhan.core.fhir.outcome import Invalid
from benhan.core.language import _
from benhan.core.store.records import NUMBERS
from benhan.core.store.subscriptions.topics import Ask, Topic
from benhan.core.vault import Column

BACKPORT: Final = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"
PROFILE: Final = f"{BACKPORT}/backport-subscription"
JSON: Final = "application/fhir+json"
CONTENTS: Final = ("empty", "id-only", "full-resource")
MOST_HEADERS, MOST_HEADER, MOST_EVENTS = 10, 4096, 100
LEAST_HEARTBEAT = 5
#: A notification waits for its answer no longer than this.
MOST_SECONDS = 10
#: What HTTP itself needs, and what would let a subscriber speak for somebody else.
OURS: Final = frozenset(
    [
        "host",
        "content-length",
        "content-type",
        "transfer-encoding",
        "connection",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "keep-alive",
        "cookie",
    ]
)
_HEADER: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}):[ \t]*([\x20-\x7e]{0,2048})")

_PLAN: Final = Column("subscription", "plan")

Channel = Literal["rest-hook", "websocket"]
Content = Literal["empty", "id-only", "full-resource"]


class Plan(msgspec.Struct, frozen=True):
    """What was read from a Subscription when it was accepted."""

    channel: Channel
    endpoint: str
    content: Content
    #: By criteria: what a record must meet. By topic: the topic, and what its events must meet besides.
    topic: Topic | None
    asks: tuple[Ask, ...]
    headers: tuple[tuple[str, str], ...] = ()
    seconds: int = MOST_SECONDS
    most: int = 1

    @property
    def type(self) -> str:
        """The type of the records it is about."""
        return self.topic.type if self.topic else self.asks[0].type


async def hidden(tx: Transaction, facility: int, id_: str, plan: Plan) -> bytes:
    """A plan as it is kept: headers and addresses may hold secrets of the subscriber."""
    return await _PLAN.hide_bytes(tx, facility, id_, msgspec.json.encode(plan))


def plan_of(tx: Transaction, facility: int, id_: str, kept: bytes) -> Plan:
    """A plan that was kept.

    Raises:
        Damaged: it does not open in its row.
    """
    return msgspec.json.decode(_PLAN.show_bytes(tx, facility, id_, kept), type=Plan)


class Limits(msgspec.Struct, frozen=True):
    """What the server itself keeps beside the plan."""

    heartbeat: int | None
    ends: datetime | None


def topic_url(resource: r4.Subscription) -> str | None:
    """The canonical URL of the topic, where the Subscription is topic-based."""
    criteria = resource.criteria or ""
    declared = PROFILE in ((resource.meta and resource.meta.profile) or [])
    url = re.match(r"(https?://|urn:)", criteria) and "?" not in criteria
    if declared and not url:
        raise Invalid(_("Đăng ký theo chủ đề cần địa chỉ của chủ đề."), where="Subscription.criteria")
    return criteria if url else None


def read(resource: r4.Subscription, topic: Topic | None) -> Plan:
    """The plan of a Subscription; `topic` is what its criteria name, if it is topic-based.

    Raises:
        Invalid: something in it cannot be done; the element is named.
    """
    channel = resource.channel
    if channel.type not in (("rest-hook", "websocket") if topic else ("rest-hook",)):
        raise Invalid(
            _("Kênh “%(channel)s” chưa dùng được ở đây.", channel=(channel.type or "")[:40]), code="not-supported",
            where="Subscription.channel.type",
            advice=_("Có: rest-hook; websocket cho đăng ký theo chủ đề."),
        )  # fmt: skip
    return Plan(
        channel=cast(Channel, channel.type),
        endpoint=channel.endpoint or "",
        content=_content(channel, topic),
        topic=topic,
        asks=_filters(resource, topic) if topic else (ask(resource.criteria or "", "Subscription.criteria"),),
        headers=_headers(channel.header or []),
        seconds=min(_extension(channel, "backport-timeout", "valueUnsignedInt") or MOST_SECONDS, MOST_SECONDS),
        most=min(_extension(channel, "backport-max-count", "valuePositiveInt") or 1, MOST_EVENTS),
    )


def limits(resource: r4.Subscription) -> Limits:
    """Heartbeat and end.

    Raises:
        Invalid: it ends in the past.
    """
    ends = moment_of(resource.end) if resource.end else None
    if ends is not None and ends <= datetime.now(ends.tzinfo):
        raise Invalid(_("Đăng ký đã hết hạn."), where="Subscription.end", advice=_("Chọn một lúc trong tương lai."))
    heartbeat = _extension(resource.channel, "backport-heartbeat-period", "valueUnsignedInt")
    return Limits(max(heartbeat, LEAST_HEARTBEAT) if heartbeat else None, ends)


def ask(text: str, where: str, usual: str = "") -> Ask:
    """`Type?name=value&…` understood as far as its letters go.

    Raises:
        Invalid: it is not of this form, or the type cannot be watched.
    """
    type_name, mark, query = text.partition("?")
    if not mark and usual:
        type_name, query = usual, text
    if type_name not in NUMBERS:
        raise Invalid(
            _("Điều kiện cần dạng Loại?tham-số=giá-trị."), where=where, advice=_("Ví dụ Encounter?status=finished.")
        )
    if type_name in ("Subscription", "AuditEvent"):
        raise Invalid(_("Không nhận đăng ký trên %(type)s.", type=type_name), code="not-supported", where=where)
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=40)
    except ValueError:
        raise Invalid(_("Quá nhiều điều kiện."), code="too-costly", where=where) from None
    if "\x00" in unquote(query):
        raise Invalid(_("Điều kiện cần dạng Loại?tham-số=giá-trị."), where=where)
    for name, _value in pairs:
        if name.partition(":")[0] in RESULT:
            raise Invalid(_("%(name)s không phải điều kiện.", name=name[:40]), where=where)
    return Ask(type_name, tuple(pairs))


#: Parameters that shape an answer; a subscription has none.
RESULT: Final = frozenset(
    [
        "_count",
        "_sort",
        "_include",
        "_revinclude",
        "_total",
        "_summary",
        "_elements",
        "_contained",
        "_containedType",
        "_format",
        "_pretty",
        "_after",
        "_score",
    ]
)


def _filters(resource: r4.Subscription, topic: Topic) -> tuple[Ask, ...]:
    where = "Subscription.criteria.extension(backport-filter-criteria)"
    found = []
    for extension in (resource._criteria and resource._criteria.extension) or []:
        if extension.url != f"{BACKPORT}/backport-filter-criteria" or not extension.valueString:
            continue
        one = ask(extension.valueString, where, topic.type)
        names = {name.partition(":")[0] for name, _value in one.params}
        if one.type != topic.type or not names <= set(topic.filters):
            raise Invalid(
                _("Chủ đề này không lọc được theo “%(filter)s”.", filter=extension.valueString[:100]), where=where,
                advice=_("Lọc được theo: %(names)s.", names=", ".join(topic.filters)),
            )  # fmt: skip
        found.append(one)
    return tuple(found)


def _content(channel: r4.SubscriptionChannel, topic: Topic | None) -> Content:
    payload = channel.payload or ""
    if payload.partition(";")[0].strip() not in ("", JSON, "application/json"):
        raise Invalid(
            _("Nội dung gửi chỉ có dạng %(json)s.", json=JSON), code="not-supported",
            where="Subscription.channel.payload",
        )  # fmt: skip
    if not topic:
        return "full-resource" if payload else "empty"
    extensions = (channel._payload and channel._payload.extension) or []
    told = next((one.valueCode for one in extensions if one.url == f"{BACKPORT}/backport-payload-content"), None)
    if told is not None and told not in CONTENTS:
        raise Invalid(_("Mức nội dung cần là empty, id-only hoặc full-resource."), where="Subscription.channel.payload")
    return cast(Content, told or ("id-only" if payload else "empty"))


def _headers(given: list[str]) -> tuple[tuple[str, str], ...]:
    found = []
    for n, line in enumerate(given):
        match = _HEADER.fullmatch(line)
        if not match or match[1].lower() in OURS or match[1].lower().startswith(("proxy-", "sec-")):
            raise Invalid(
                _("Dòng đầu thư “%(name)s” không dùng được.", name=line.partition(":")[0][:40]),
                where=f"Subscription.channel.header[{n}]",
            )
        found.append((match[1], match[2].strip()))
    if len(found) > MOST_HEADERS or sum(len(name) + len(value) for name, value in found) > MOST_HEADER:
        raise Invalid(_("Quá nhiều dòng đầu thư."), code="too-long", where="Subscription.channel.header")
    return tuple(found)


def _extension(channel: r4.SubscriptionChannel, name: str, field: str) -> int | None:
    for extension in channel.extension or []:
        if extension.url == f"{BACKPORT}/{name}":
            value: Any = getattr(extension, field, None) or extension.valueUnsignedInt or extension.valuePositiveInt
            return int(value) if value is not None else None
    return None
