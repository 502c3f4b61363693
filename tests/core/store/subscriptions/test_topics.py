"""Topic-based subscriptions (R5 Backport): handshake, events that are numbered, heartbeats, topics of one's own."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Database
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Invalid
from benhan.core.fhir.validation import check
from benhan.core.store.subscriptions import topics
from tests.core.store.people import person
from tests.core.store.subscriptions.conftest import FACILITY
from tests.core.store.subscriptions.hooks import deliver, state, subscribe
from tests.standins.hook_receiver import Receiver

COMPLETE = f"{topics.BASE}/encounter-complete"


def visit(patient: str | None, status: str = "in-progress") -> r4.Encounter:
    """A visit of somebody."""
    return r4.Encounter(
        status=status, class_=r4.Coding(code="AMB"), subject=r4.Reference(reference=f"Patient/{patient}")
    )


async def write(database: Database, who: Subject, resource: r4.R, **changes: Any) -> r4.R:
    """Create a record, or update one with changes."""
    async with database.transaction(who.facility) as tx:
        if not changes:
            return await store.create(tx, who, resource)
        return await store.update(tx, who, msgspec.structs.replace(resource, **changes), if_match=None)


async def test_the_handshake_comes_first_and_an_event_when_the_visit_ends(
    quiet: Database, staff: Subject, program: Subject, hook: str, receiver: Receiver
) -> None:
    patient = await write(quiet, staff, person("Chủ Đề"))
    mine = f"Encounter?patient=Patient/{patient.id}"
    made = await subscribe(quiet, program, COMPLETE, f"{hook}/topic", filters=[mine], content="id-only")
    await deliver(quiet)
    (shake,) = receiver.of_path("/topic")
    assert (shake.method, shake.kind, shake.said("events-since-subscription-start")) == ("POST", "handshake", "0")
    assert shake.said("topic") == COMPLETE
    assert await state(quiet, program, made.id) == ("active", None)
    kept = await write(quiet, staff, visit(patient.id))
    other = await write(quiet, staff, visit("ai-do"))
    await write(quiet, staff, other, status="finished")
    kept = await write(quiet, staff, kept, status="finished")
    await write(quiet, staff, kept, priority=r4.CodeableConcept(text="thường"))  # finished before already
    await deliver(quiet)
    _shake, event = receiver.of_path("/topic")
    assert (event.kind, event.numbers) == ("event-notification", [1])
    assert event.json["type"] == "history"
    status, record = event.json["entry"]
    assert record["fullUrl"] == f"https://benhan.test/fhir/Encounter/{kept.id}"
    assert "resource" not in record
    assert status["resource"]["parameter"][-1]["part"][2]["valueReference"]["reference"] == record["fullUrl"]


async def test_a_new_record_that_is_so_from_the_beginning_counts(
    quiet: Database, staff: Subject, program: Subject, hook: str, receiver: Receiver
) -> None:
    await subscribe(quiet, program, COMPLETE, f"{hook}/new", content="full-resource", payload="application/fhir+json")
    kept = await write(quiet, staff, visit("moi", "finished"))
    await deliver(quiet)
    _shake, event = receiver.of_path("/new")
    assert codec.decode(json.dumps(event.json["entry"][1]["resource"]).encode()) == kept


async def test_notifications_are_valid_resources(
    quiet: Database, staff: Subject, program: Subject, hook: str, receiver: Receiver
) -> None:
    await subscribe(quiet, program, COMPLETE, f"{hook}/valid", content="full-resource")
    await write(quiet, staff, visit("dung", "finished"))
    await deliver(quiet)
    assert len(receiver.of_path("/valid")) == 2
    for one in receiver.of_path("/valid"):
        check(codec.decode(one.body, r4.Bundle))
    for topic in topics.OFFERED:
        check(topics.basic(topic))


async def test_empty_content_names_no_record(
    quiet: Database, staff: Subject, program: Subject, hook: str, receiver: Receiver
) -> None:
    await subscribe(quiet, program, COMPLETE, f"{hook}/empty", content="empty")
    kept = await write(quiet, staff, visit("trong", "finished"))
    await deliver(quiet)
    _shake, event = receiver.of_path("/empty")
    assert len(event.json["entry"]) == 1
    assert (kept.id or "-") not in event.body.decode()


async def test_several_events_may_come_in_one_notification(
    quiet: Database, staff: Subject, program: Subject, hook: str, receiver: Receiver
) -> None:
    url = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-max-count"
    most = [{"url": url, "valuePositiveInt": 3}]
    await subscribe(quiet, program, COMPLETE, f"{hook}/many", content="id-only", extension=most)
    for n in range(5):
        await write(quiet, staff, visit(f"nhieu-{n}", "finished"))
    await deliver(quiet)
    assert [one.numbers for one in receiver.of_path("/many")] == [[], [1, 2, 3], [4, 5]]


async def test_a_quiet_subscription_sends_heartbeats(
    quiet: Database, program: Subject, hook: str, receiver: Receiver
) -> None:
    url = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-heartbeat-period"
    period = [{"url": url, "valueUnsignedInt": 60}]
    made = await subscribe(quiet, program, COMPLETE, f"{hook}/beat", content="id-only", extension=period)
    await deliver(quiet)
    await deliver(quiet)
    async with quiet.transaction(FACILITY) as tx:
        await tx.execute("update subscription set sent = now() - interval '61 seconds' where id = $1", made.id)
    await deliver(quiet)
    assert [one.kind for one in receiver.of_path("/beat")] == ["handshake", "heartbeat"]


async def test_an_endpoint_that_never_shakes_hands_is_an_error(
    quiet: Database, staff: Subject, program: Subject, hook: str, receiver: Receiver
) -> None:
    receiver.refuse = 404
    made = await subscribe(quiet, program, COMPLETE, f"{hook}/deaf", content="id-only")
    await write(quiet, staff, visit("diec", "finished"))
    await deliver(quiet)
    status, error = await state(quiet, program, made.id)
    assert (status, error) == ("error", "HTTP 404")
    assert {one.kind for one in receiver.arrived} == {"handshake"}


@pytest.mark.parametrize("wrong", ["Encounter?status=finished", "Patient?_id=x", "class:text=x&khong=1"])
async def test_only_filters_of_the_topic_are_taken(quiet: Database, program: Subject, hook: str, wrong: str) -> None:
    with pytest.raises(Invalid):
        await subscribe(quiet, program, COMPLETE, f"{hook}/x", filters=[wrong])


async def test_a_facility_writes_topics_of_its_own(
    quiet: Database, staff: Subject, program: Subject, hook: str, receiver: Receiver
) -> None:
    own = topics.Topic(
        "http://q1.example/topic/vip", "VIP", "Patient", on=("update",),
        current=topics.Ask("Patient", (("name", "Vip"),)), both=False, filters=("gender",), id="topic-vip",
    )  # fmt: skip
    async with quiet.transaction(FACILITY) as tx:
        await store.update(tx, staff, topics.basic(own), if_match=None)
    await subscribe(quiet, program, own.url, f"{hook}/own", content="id-only", filters=["gender=female"])
    kept = await write(quiet, staff, person("Vip Một"))
    await write(quiet, staff, kept, birthDate="1999-01-01")
    await deliver(quiet)
    assert [one.numbers for one in receiver.of_path("/own")] == [[], [1]]


async def test_a_topic_is_told_under_the_name_that_was_asked_for(
    quiet: Database, staff: Subject, program: Subject, hook: str, receiver: Receiver
) -> None:
    name = next(theirs for theirs, ours in topics.ELSEWHERE.items() if ours == COMPLETE)
    await subscribe(quiet, program, name, f"{hook}/name", content="id-only")
    await write(quiet, staff, visit("ten", "finished"))
    await deliver(quiet)
    assert [(one.kind, one.said("topic")) for one in receiver.of_path("/name")] == [
        ("handshake", name), ("event-notification", name),
    ]  # fmt: skip


def test_a_topic_reads_back_as_it_was_written() -> None:
    for topic in topics.OFFERED:
        read = topics.of_basic(topics.basic(topic))
        assert (read.url, read.type, read.previous, read.current, read.both) == (
            topic.url, topic.type, topic.previous, topic.current, topic.both,
        )  # fmt: skip
        assert set(read.filters) == set(topic.filters)
