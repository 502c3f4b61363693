"""People who wait, and what somebody reads on a page: for the tests of queues."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import httpx

from benhan.core import store
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.kit import clock
from benhan.hospital import queue
from benhan.hospital.visit import human_name
from benhan.simulator import House


async def waits(database: Database, hospital: House, room_id: str, name: str, **how: object) -> r4.Task:
    """Somebody with a ticket for a room."""
    who = hospital.loader
    async with database.transaction(hospital.key) as tx:
        patient = await store.create(tx, who, r4.Patient(name=[human_name(name)], gender="female"))
        room = await store.read(tx, who, r4.Location, room_id)
        at = clock.now() - timedelta(seconds=30)
        return await queue.issue(tx, who, store.reference(patient, name), None, room, at=at, **how)  # type: ignore[arg-type]


def text_of(answer: httpx.Response) -> str:
    """What a person reads."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())
