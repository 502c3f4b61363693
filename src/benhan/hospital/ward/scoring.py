"""Early-warning scores as they are kept: an Observation for each, the last of each stay, and the call they raise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital.visit import code_of, concept, id_of, moment, observation, stamp
from benhan.hospital.ward import scores
from benhan.hospital.ward.scores import Score

#: A score is shown so long.
SHOWN: Final = timedelta(hours=24)
CALL: Final = "escalation"
CALLED, ANSWERED = "requested", "completed"
_KINDS: Final = ",".join(f"{systems.STAY}|{kind}" for kind in scores.NAMES)


class Warned(msgspec.Struct, frozen=True):
    """The last score of somebody."""

    name: str
    total: int
    risk: str
    at: datetime | None

    @property
    def tone(self) -> str:
        """Its colour."""
        return scores.TONES[self.risk]

    @property
    def asks(self) -> str:
        """What it asks for."""
        return _(scores.ASKS[self.risk])


def kept(stay: r4.Encounter, score: Score, at: datetime, by: r4.Reference) -> r4.Observation:
    """A score as a record: its sum, the points of each parameter, the risk."""
    code = concept(systems.STAY, score.kind, scores.NAMES[score.kind])
    one = observation(id_of(stay.subject) or "", stay.id or "", code, "survey", at, performer=[by])
    return msgspec.structs.replace(
        one, valueInteger=score.total, interpretation=[concept(systems.STAY, score.risk, scores.ASKS[score.risk])],
        component=[
            r4.ObservationComponent(code=concept(systems.STAY, what), valueInteger=points)
            for what, points in score.points.items()
        ],
    )  # fmt: skip


async def latest(tx: Transaction, who: Subject, stays: Sequence[str]) -> dict[str, Warned]:
    """The last score of each stay within a day."""
    if not stays:
        return {}
    asked = {
        "encounter": ",".join(f"Encounter/{one}" for one in stays), "code": _KINDS, "status": "final",
        "date": f"ge{stamp(clock.now() - SHOWN)}", "_sort": "-date", "_count": "1000",
    }  # fmt: skip
    found: dict[str, Warned] = {}
    for one in (await store.search(tx, who, r4.Observation, asked)).resources:
        found.setdefault(id_of(one.encounter) or "", warned(one))
    return found


def warned(one: r4.Observation) -> Warned:
    """A kept score."""
    kind, total = code_of(one.code, systems.STAY) or scores.NEWS2, one.valueInteger or 0
    points = [part.valueInteger or 0 for part in one.component or []]
    return Warned(scores.NAMES.get(kind, kind), total, scores.risk(kind, total, points), moment(one.effectiveDateTime))


async def call(tx: Transaction, who: Subject, stay: r4.Encounter, score: Score) -> r4.Task | None:
    """A doctor is to come: one open call for a stay, the more urgent one; none where the score asks for nobody."""
    if score.risk == scores.LOW or stay.serviceProvider is None:
        return None
    asked = {"focus": f"Encounter/{stay.id}", "code": f"{systems.STAY}|{CALL}", "status": CALLED}
    priority, said = "stat" if score.risk == scores.HIGH else "urgent", f"{scores.NAMES[score.kind]} {score.total}"
    at = stamp(clock.now())
    if open_one := await store.first(tx, who, r4.Task, asked):
        if open_one.priority in (priority, "stat"):
            return None
        worse = msgspec.structs.replace(open_one, priority=priority, description=said, lastModified=at)
        return await store.update(tx, in_name_of(who, Role.WARD_SERVICE), worse, if_match=version_of(open_one))
    return await store.create(tx, in_name_of(who, Role.WARD_SERVICE), r4.Task(
        status=CALLED, intent="order", code=concept(systems.STAY, CALL, "Báo bác sĩ"),
        priority=priority, for_=stay.subject, focus=store.reference(stay),
        encounter=store.reference(stay), owner=stay.serviceProvider, authoredOn=at, lastModified=at,
        description=said,
    ))  # fmt: skip


async def calls(tx: Transaction, who: Subject, department: str) -> list[r4.Task]:
    """Who waits for a doctor in a department, the longest first."""
    asked = {
        "owner": f"Organization/{department}", "code": f"{systems.STAY}|{CALL}", "status": CALLED, "_count": "200",
    }  # fmt: skip
    found = (await store.search(tx, who, r4.Task, asked)).resources
    return sorted(found, key=lambda one: (one.priority != "stat", one.authoredOn or ""))


async def answer(tx: Transaction, who: Subject, task_id: str, done: str) -> r4.Task:
    """A doctor came, or what else was done.

    Raises:
        Conflict: it was answered already.
    """
    task = await store.read(tx, who, r4.Task, task_id)
    if code_of(task.code, systems.STAY) != CALL or task.status != CALLED:
        raise Conflict(_("Cuộc báo này đã được trả lời."), where="bao")
    said = msgspec.structs.replace(
        task, status=ANSWERED, lastModified=stamp(clock.now()),
        note=[r4.Annotation(text=done, authorString=who.name, time=stamp(clock.now()))],
    )  # fmt: skip
    return await store.update(tx, in_name_of(who, Role.WARD_SERVICE), said, if_match=version_of(task))
