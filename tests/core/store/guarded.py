"""A hospital with labels: colleagues as patients, sensitive records, and care of every kind and age."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from benhan.core.access.consents import PROGRAM
from benhan.core.access.labels import LABELS, OPENABLE, RECORD_FILE, WHOLE_RECORD, labels_of
from benhan.core.access.vocabulary import State
from benhan.core.fhir import codec, r4, systems
from tests.core.access.reference_policy import Care, Case, Consent

DEPARTMENTS, ROOMS, DOCTORS, PATIENTS = 3, 5, 4, 12
NOW = datetime.now(UTC).replace(microsecond=0)
#: When care was: now, lately, long ago, tomorrow evening, in a month.
WHEN = (timedelta(0), timedelta(days=-20), timedelta(days=-90), timedelta(hours=20), timedelta(days=30))


class Guarded(msgspec.Struct):
    """The records by name, and what a plain reader needs to judge them."""

    records: dict[str, r4.Resource]
    care: list[Care]
    rooms: dict[str, str]
    consents: list[Consent] = []

    def case(self, name: str) -> Case:
        one = self.records[name]
        patient = one.id if isinstance(one, r4.Patient) else _patient(one)
        hers = self.records.get(f"Patient/{patient}")
        wide = frozenset(one.removeprefix(WHOLE_RECORD) for one in labels_of(hers)) if hers else frozenset()
        own = set() if isinstance(one, r4.Patient) else set(labels_of(one))
        visit = f"Encounter/{one.id}" if isinstance(one, r4.Encounter) else _visit(one)
        own |= {State.ARCHIVED for file in self.records.values() if visit in _handed_in(file)}
        return Case(codec.type_name(one), patient, frozenset(own), wide)


def to(name: str) -> r4.Reference:
    return r4.Reference(reference=name)


def label(*codes: str) -> r4.Meta | None:
    return r4.Meta(security=[r4.Coding(code=code) for code in codes]) if codes else None


def _patient(one: Any) -> str | None:
    reference = getattr(one, "subject", None) or getattr(one, "patient", None) or getattr(one, "for_", None)
    if isinstance(one, r4.Appointment):
        reference = next(
            p.actor for p in one.participant if p.actor and (p.actor.reference or "").startswith("Patient/")
        )
    return (reference.reference or "").removeprefix("Patient/") if reference else None


def _handed_in(file: r4.Resource) -> set[str | None]:
    """The visits that a record file says to be in the archive."""
    if not isinstance(file, r4.DocumentManifest) or file.status != "current" or not file.type:
        return set()
    ours = [one.code for one in file.type.coding or () if one.system == systems.RECORD_FILE] == ["record-file"]
    return {one.reference for one in file.content} if ours else set()


def _visit(one: Any) -> str | None:
    reference = getattr(one, "encounter", None)
    return reference.reference if reference else None


def made() -> Guarded:
    """The same hospital every time, counted from now."""
    chance = random.Random(4)
    found = Guarded({}, [], {f"Location/r{n}": f"Organization/k{n % DEPARTMENTS}" for n in range(ROOMS)})
    for one in [*_records(chance, found.care), *_consents(found.consents), *_archive()]:
        found.records[f"{codec.type_name(one)}/{one.id}"] = one
    return found


def _records(chance: random.Random, care: list[Care]) -> Iterator[r4.Resource]:
    for n in range(DEPARTMENTS):
        yield r4.Organization(id=f"k{n}", name=f"Khoa {n}")
    for n in range(ROOMS):
        yield r4.Location(id=f"r{n}", name=f"Buồng {n}", managingOrganization=to(f"Organization/k{n % DEPARTMENTS}"))
    for n in range(DOCTORS):
        yield r4.Practitioner(id=f"b{n}")
    for n in range(PATIENTS):
        codes = ("EMP",) if n == 0 else ("V",) if n == 1 else ("HIV",) if n == 2 else ()
        yield r4.Patient(id=f"n{n}", meta=label(*codes), gender="female" if n % 2 else "male")
        for turn in range(3):
            yield from _care(chance, f"n{n}", f"{n}-{turn}", care)
        for turn in range(8):
            codes = tuple(chance.sample(sorted(LABELS), 1)) if chance.random() < 0.4 else ()
            yield _written(turn, f"n{n}", f"{n}-{turn}", label(*codes))


def _written(turn: int, patient: str, id_: str, meta: r4.Meta | None) -> r4.Resource:
    subject, code = to(f"Patient/{patient}"), r4.CodeableConcept(text="x", coding=[r4.Coding(code=f"c{turn % 2}")])
    if turn % 2:
        encounter = to(f"Encounter/{id_.partition('-')[0]}-0")
        return r4.Condition(id=id_, subject=subject, encounter=encounter, code=code, meta=meta)
    return r4.Observation(
        id=id_, status="final", code=code, subject=subject, effectiveDateTime=f"2026-01-0{turn + 1}", meta=meta,
        valueString=f"bí mật {id_}",
        derivedFrom=[to(f"Observation/{id_.partition('-')[0]}-{turn - 2}")] if turn else None,
    )  # fmt: skip


def _care(chance: random.Random, patient: str, id_: str, care: list[Care]) -> Iterator[r4.Resource]:
    """Something that makes a relation, or not any more, or never did."""
    at, void = NOW + chance.choice(WHEN), chance.random() < 0.2
    ends, who, whom = at + timedelta(hours=1), f"Practitioner/b{chance.randrange(DOCTORS)}", to(f"Patient/{patient}")
    room, department = f"Location/r{chance.randrange(ROOMS)}", f"Organization/k{chance.randrange(DEPARTMENTS)}"
    visit = id_.endswith("-0")
    kind = "Encounter" if visit else chance.choice(["Encounter", "Task", "ServiceRequest", "Appointment"])
    names = {"Encounter": {who, department}, "Task": {room}, "ServiceRequest": {who}, "Appointment": {who, room}}[kind]
    if kind in ("Task", "ServiceRequest"):
        ends = at
    care.append(Care(patient, frozenset(names), at, ends, void))
    if kind == "Encounter":
        yield r4.Encounter(
            id=id_, status="cancelled" if void else "finished", class_=r4.Coding(code="AMB"), subject=whom,
            period=r4.Period(start=at.isoformat(), end=ends.isoformat()), serviceProvider=to(department),
            participant=[r4.EncounterParticipant(individual=to(who))],
        )  # fmt: skip
    elif kind == "Task":
        yield r4.Task(
            id=id_, status="rejected" if void else "requested", intent="order", for_=whom, location=to(room),
            authoredOn=at.isoformat(),
        )  # fmt: skip
    elif kind == "ServiceRequest":
        yield r4.ServiceRequest(
            id=id_, status="revoked" if void else "active", intent="order", subject=whom, requester=to(who),
            code=r4.CodeableConcept(text="y"), authoredOn=at.isoformat(),
        )  # fmt: skip
    else:
        yield r4.Appointment(
            id=id_, status="noshow" if void else "booked", start=at.isoformat(), end=ends.isoformat(),
            participant=[
                r4.AppointmentParticipant(actor=one, status="accepted") for one in (whom, to(who), to(room))
            ],
        )  # fmt: skip


def _archive() -> Iterator[r4.Resource]:
    """Record files of visits: in the archive; taken out again; a manifest of another kind, which archives nothing."""
    for n in range(3, PATIENTS):
        status = "superseded" if n % 4 == 0 else "current"
        yield record_file(f"{n}-0", f"n{n}", status, "x" if n % 5 == 0 else RECORD_FILE)


def record_file(visit: str, patient: str, status: str = "current", kind: str = RECORD_FILE) -> r4.Resource:
    """The record file of a visit."""
    coding = r4.Coding(system=systems.RECORD_FILE, code=kind)
    return r4.DocumentManifest(
        id=visit, status=status, subject=to(f"Patient/{patient}"), type=r4.CodeableConcept(coding=[coding]),
        content=[to(f"Encounter/{visit}")],
    )  # fmt: skip


def _consents(kept: list[Consent]) -> Iterator[r4.Resource]:
    """In force, over, not begun, withdrawn; of nine patients, to people, departments and a program."""
    chance = random.Random(5)
    recipients = ["Practitioner/b2", "Organization/k1", "client:thử", "Practitioner/b1", "Organization/k0"]
    days = timedelta(days=1)
    for n in range(27):
        known = recipients[: 3 if n % 9 < 3 else 5]
        to_whom, labels = frozenset(chance.sample(known, 2)), frozenset(chance.sample(sorted(OPENABLE), 5))
        begins, ends = chance.choice([(-9, 9), (-9, 9), (-9, 9), (-9, -1), (1, 9)])
        withdrawn = chance.random() < 0.2
        one = Consent(f"n{n % 9}", to_whom, labels, NOW + begins * days, NOW + ends * days, withdrawn)
        kept.append(one)
        yield consent(one, f"dy-{n}")


def consent(one: Consent, id_: str | None = None) -> r4.Consent:
    """A consent as a record."""
    return r4.Consent(
        id=id_, status="inactive" if one.withdrawn else "active", scope=r4.CodeableConcept(text="x"),
        category=[r4.CodeableConcept(coding=[r4.Coding(system=systems.CONSENT, code="labelled")])],
        patient=to(f"Patient/{one.patient}"), policy=[r4.ConsentPolicy(uri="urn:thử")],
        provision=r4.ConsentProvision(
            type="permit", period=r4.Period(start=one.begins.isoformat(), end=one.ends.isoformat()),
            securityLabel=[r4.Coding(code=code) for code in sorted(one.labels)],
            actor=[_actor(name) for name in sorted(one.recipients)],
        ),
    )  # fmt: skip


def _actor(name: str) -> r4.ConsentProvisionActor:
    program = r4.Reference(identifier=r4.Identifier(system=PROGRAM, value=name))
    role = r4.CodeableConcept(coding=[r4.Coding(system=systems.PARTICIPATION, code="IRCP")])
    return r4.ConsentProvisionActor(role=role, reference=program if name.startswith("client:") else to(name))
