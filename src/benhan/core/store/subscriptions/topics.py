"""The topics this server offers, and those a facility defines itself as `Basic` resources. Pure but for `find`.

A topic says when an event happens: a record was created or updated, its former state met one search and its new state
another. Standard: FHIR R5 SubscriptionTopic; in R4 a Basic with its elements as extensions (R5 Backport, "Topics").
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Invalid, NotFound
from benhan.core.fhir.systems import BENHAN
from benhan.core.language import _, later

EXTENSION: Final = "http://hl7.org/fhir/5.0/StructureDefinition/extension-SubscriptionTopic"
CODE: Final = r4.Coding(system="http://hl7.org/fhir/fhir-types", code="SubscriptionTopic")
BASE: Final = f"{BENHAN}/SubscriptionTopic"
#: What a topic of a facility's own is looked for among.
MOST_TOPICS = 200


class Ask(msgspec.Struct, frozen=True):
    """A search on one type, as names and values."""

    type: str
    params: tuple[tuple[str, str], ...]

    def grouped(self) -> dict[str, list[str]]:
        """As the store's searches take it."""
        found: dict[str, list[str]] = {}
        for name, value in self.params:
            found.setdefault(name, []).append(value)
        return found


class Topic(msgspec.Struct, frozen=True):
    """When an event happens. `previous` and `current` are searches that the state before and after must meet."""

    url: str
    title: str
    type: str
    on: tuple[str, ...] = ("create", "update")
    previous: Ask | None = None
    current: Ask | None = None
    both: bool = True
    on_create: bool = True
    filters: tuple[str, ...] = ("_id",)
    id: str | None = None


def _became(name: str, title: str, type_name: str, query: str, *filters: str, id_: str | None = None) -> Topic:
    """Something that a record became: it was not so before, or it is new."""
    (code, value), *_more = parse_qsl(query)
    return Topic(
        f"{BASE}/{name}", title, type_name,
        previous=Ask(type_name, ((f"{code}:not", value),)), current=Ask(type_name, ((code, value),)),
        filters=("_id", *filters), id=id_ or f"topic-{name}",
    )  # fmt: skip


OFFERED: Final = (
    _became("encounter-start", later("Lượt khám bắt đầu"), "Encounter", "status=in-progress", "patient", "class"),
    _became("encounter-complete", later("Lượt khám kết thúc"), "Encounter", "status=finished", "patient", "class"),
    _became(
        "report-final", later("Có kết quả"), "DiagnosticReport", "status=final,amended,corrected", "patient", "category"
    ),
    _became("order-active", later("Có chỉ định mới"), "ServiceRequest", "status=active", "patient", "category", "code"),
    _became("prescription-active", later("Có thuốc mới kê"), "MedicationRequest", "status=active", "patient"),
    _became("appointment-booked", later("Có lịch hẹn mới"), "Appointment", "status=booked", "patient", "actor"),
    _became(
        "appointment-cancelled", later("Lịch hẹn bị huỷ"), "Appointment", "status=cancelled,noshow", "patient", "actor"
    ),
    Topic(
        f"{BASE}/patient-change", later("Hồ sơ hành chính thay đổi"), "Patient", both=False,
        filters=("_id", "identifier"), id="topic-patient-change",
    ),
)  # fmt: skip
#: Names under which the same topics are known to other software; a subscriber is told under the name it asked for.
#: Source: sekmet-fhir 0.1.1 (subscriptions/backport.py), whose triggers and filters are ours.
ELSEWHERE: Final = {
    f"http://sekmet.dev/fhir/SubscriptionTopic/{name}": f"{BASE}/{name}"
    for name in ("encounter-start", "encounter-complete", "appointment-booked", "patient-change")
}
_OURS: Final = {topic.url: topic for topic in OFFERED}
_BY_URL: Final = _OURS | {
    theirs: msgspec.structs.replace(_OURS[ours], url=theirs) for theirs, ours in ELSEWHERE.items()
}


async def find(tx: Transaction, who: Subject, url: str) -> Topic:
    """The topic of a canonical URL: one of ours, or a Basic of the caller's facility.

    Raises:
        NotFound: there is none; Forbidden: the caller may not search Basic; Invalid: the Basic cannot be understood.
    """
    from benhan.core.store.search import search

    bare = url.partition("|")[0]
    if bare in _BY_URL:
        return _BY_URL[bare]
    page = await search(tx, who, r4.Basic, {"code": f"{CODE.system}|{CODE.code}", "_count": str(MOST_TOPICS)})
    for basic in page.resources:
        if _text(basic.extension, "url") == bare:
            return of_basic(basic)
    raise NotFound(
        _("Không có chủ đề “%(url)s”.", url=url[:200]), where="Subscription.criteria",
        advice=_("Các chủ đề có tại Subscription/$topic-list."),
    )  # fmt: skip


def basic(topic: Topic) -> r4.Basic:
    """A topic as the resource that describes it to other software."""
    parts = [
        r4.Extension(url="resource", valueUri=f"http://hl7.org/fhir/StructureDefinition/{topic.type}"),
        *(r4.Extension(url="supportedInteraction", valueCode=one) for one in topic.on),
    ]
    if topic.previous or topic.current:
        parts.append(r4.Extension(url="queryCriteria", extension=_criteria(topic)))
    filters = [
        r4.Extension(
            url=f"{EXTENSION}.canFilterBy",
            extension=[
                r4.Extension(url="resource", valueUri=topic.type),
                r4.Extension(url="filterParameter", valueString=name),
            ],
        )
        for name in topic.filters
    ]
    return r4.Basic(
        id=topic.id,
        code=r4.CodeableConcept(coding=[CODE]),
        modifierExtension=[r4.Extension(url=f"{EXTENSION}.status", valueCode="active")],
        extension=[
            r4.Extension(url=f"{EXTENSION}.url", valueUri=topic.url),
            r4.Extension(url=f"{EXTENSION}.title", valueString=_(topic.title)),
            r4.Extension(url=f"{EXTENSION}.resourceTrigger", extension=parts),
            *filters,
        ],
    )


def _criteria(topic: Topic) -> list[r4.Extension]:
    found = []
    if topic.previous:
        found += [
            r4.Extension(url="previous", valueString=_query(topic.previous)),
            r4.Extension(url="resultForCreate", valueCode="test-passes" if topic.on_create else "test-fails"),
        ]
    if topic.current:
        found.append(r4.Extension(url="current", valueString=_query(topic.current)))
    return [*found, r4.Extension(url="requireBoth", valueBoolean=topic.both)]


def _query(ask: Ask) -> str:
    return f"{ask.type}?" + "&".join(f"{name}={value}" for name, value in ask.params)


def of_basic(given: r4.Basic) -> Topic:
    """A topic that a facility wrote itself: one resource trigger, by searches.

    Raises:
        Invalid: it has none or several triggers, or one that is told by FHIRPath or by an event.
    """
    triggers = [one for one in given.extension or [] if one.url == f"{EXTENSION}.resourceTrigger"]
    if len(triggers) != 1:
        raise Invalid(_("Chủ đề cần đúng một resourceTrigger."), code="not-supported", where="Basic.extension")
    parts = triggers[0].extension or []
    if any(one.url == "fhirPathCriteria" for one in parts):
        raise Invalid(_("Chủ đề theo FHIRPath chưa dùng được."), code="not-supported", where="Basic.extension")
    type_name = (_text(parts, "resource", "") or "").rpartition("/")[2]
    criteria = next((one.extension or [] for one in parts if one.url == "queryCriteria"), [])
    on = tuple(one.valueCode for one in parts if one.url == "supportedInteraction" and one.valueCode)
    return Topic(
        url=_text(given.extension, "url") or "",
        title=_text(given.extension, "title") or "",
        type=type_name,
        on=tuple(one for one in on or ("create", "update") if one in ("create", "update")),
        previous=_asked(criteria, "previous", type_name),
        current=_asked(criteria, "current", type_name),
        both=next((bool(one.valueBoolean) for one in criteria if one.url == "requireBoth"), False),
        on_create=_text(criteria, "resultForCreate", "") != "test-fails",
        filters=("_id", *_parameters(given)),
    )


def _asked(criteria: list[r4.Extension], name: str, type_name: str) -> Ask | None:
    from benhan.core.store.subscriptions.plan import ask

    text = _text(criteria, name, "")
    return ask(text, "Basic.extension", type_name) if text else None


def _parameters(given: r4.Basic) -> Iterator[str]:
    for one in given.extension or []:
        if one.url == f"{EXTENSION}.canFilterBy" and (name := _text(one.extension, "filterParameter", "")):
            yield name


def _text(extensions: list[r4.Extension] | None, name: str, base: str = f"{EXTENSION}.") -> str | None:
    for one in extensions or []:
        if one.url == f"{base}{name}":
            value: Any = one.valueString or one.valueUri or one.valueCode or one.valueCanonical or one.valueUrl
            return str(value) if value else None
    return None
