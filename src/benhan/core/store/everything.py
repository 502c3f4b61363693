"""Everything of one patient, of one visit, or of all patients: `$everything`, page after page.

Standard: HL7 FHIR R4, Patient/$everything and Encounter/$everything; what belongs to whom is the compartment's
(2.31). A record is shown when the policy lets the caller read it, like any read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final

import msgspec

from benhan.core.access import Decision, Interaction, Subject, decide
from benhan.core.db import Transaction
from benhan.core.fhir import codec, compartments, r4
from benhan.core.fhir.search import PARAMETERS
from benhan.core.store import guarding
from benhan.core.store.bodies import body_of, whole
from benhan.core.store.read import read_many, read_stored
from benhan.core.store.records import NAMES, NUMBERS, audited, audited_many, permit
from benhan.core.store.rows import hash64

#: What records of a compartment point at and a reader needs beside them; none of them is about the patient.
SUPPORTING: Final = (
    "Device", "Endpoint", "HealthcareService", "Location", "Medication", "Organization", "Practitioner",
    "PractitionerRole", "Substance",
)  # fmt: skip
#: Which date says when the care took place: the first of these that a type has.
CARE_DATES: Final = (
    "date", "occurrence", "effective-time", "effective", "period", "onset-date", "authored", "authoredon",
    "authored-on", "service-period", "created", "started", "sent", "issued", "recorded-date", "recorded", "start-date",
)  # fmt: skip
_REFERENCE: Final = re.compile(rb'"reference":"([A-Z][A-Za-z]{1,40})/([A-Za-z0-9\-.]{1,64})["/]')

_OWN = f"""
with own as (
    select key from resource where facility = $1 and patient = $2 and type = any($3)
    union select t.rid from token t where t.facility = $1 and t.hash = $4 and t.param = any($5)
    union select key from resource where facility = $1 and type = $6 and id = $7
)
select r.key, r.type, r.id, r.patient, {body_of("r")} from own o join resource r on r.key = o.key
"""
_EVERYBODY = f"select r.key, r.type, r.id, r.patient, {body_of('r')} from resource r"


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What of it is wanted: dates of care [start, end), written since, types, how many, behind which key."""

    start: datetime | None = None
    end: datetime | None = None
    since: datetime | None = None
    types: tuple[str, ...] = ()
    count: int = 200
    after: int = 0


class Everything(msgspec.Struct):
    """One page: records of the compartment, what they point at, and the key the next page begins behind."""

    resources: list[r4.Resource]
    supporting: list[r4.Resource]
    next: int | None


async def everything(tx: Transaction, who: Subject, focus: str, id_: str | None, bounds: Bounds) -> Everything:
    """A page of everything in the compartment of a Patient or an Encounter (`focus`); `id_` None: of every patient.

    Raises:
        Forbidden: the focus, or a type asked for by name, may not be read; NotFound, Gone: there is no such record.
    """
    permit(who, Interaction.SEARCH, focus)
    if id_ is not None:
        await read_stored(tx, who, focus, id_)
    readable = _readable(who, focus, bounds.types)
    if id_ is None and focus == "Patient":
        id_ = readable[focus].only_patient  # everybody whom she may see is herself
    statement = _Statement(who, focus, id_, readable, bounds)
    rows = await tx.look(statement.sql, *statement.values)
    more, rows = len(rows) > bounds.count, rows[: bounds.count]
    mine = [row for row in whole(tx, rows) if _within(readable[NAMES[row["type"]]], row["patient"])]
    for name in sorted({NAMES[row["type"]] for row in mine}):
        shown = ((row["id"], row["patient"]) for row in mine if NAMES[row["type"]] == name)
        audited_many(tx, who, readable[name], name, shown, "everything")
    audited(tx, who, Interaction.SEARCH, readable[focus], focus, id_, id_ if focus == "Patient" else None, "everything")
    resources = [codec.kept(row["body"], codec.resource_type(NAMES[row["type"]])) for row in mine]
    pointed_at = await _supporting(tx, who, [row["body"] for row in mine], bounds.types)
    return Everything(resources, pointed_at, rows[-1]["key"] if more else None)


def _readable(who: Subject, focus: str, wanted: tuple[str, ...]) -> dict[str, Decision]:
    """The types of the compartment that may be read, each with its decision.

    Raises:
        Forbidden: a type was asked for by name and may not; NotFound: there is no such type.
    """
    members = compartments.types(focus)
    for name in wanted:
        codec.resource_type(name)
    asked = [name for name in members if name in wanted] if wanted else members
    found = {focus: permit(who, Interaction.READ, focus)}
    for name in asked:
        decision = permit(who, Interaction.READ, name) if wanted else decide(who, Interaction.READ, name)
        if decision.allowed:
            found[name] = decision
    return found


def _within(decision: Decision, patient: str | None) -> bool:
    return decision.only_patient is None or decision.only_patient == patient


class _Statement:
    """The SQL of one page. Every value travels as a parameter."""

    def __init__(
        self, who: Subject, focus: str, id_: str | None, readable: Mapping[str, Decision], bounds: Bounds
    ) -> None:
        wanted = [name for name in readable if not bounds.types or name in bounds.types]
        numbers = [NUMBERS[name] for name in wanted]
        self.values: list[Any] = [who.facility]
        if id_ is None:
            source, limits = _EVERYBODY, ["r.patient is not null"]
        else:
            params = [one.id for name in wanted for one in compartments.parameters(focus, name)]
            patient = id_ if focus == "Patient" else None
            self.values += [patient, numbers, hash64(f"{focus}/{id_}"), params, NUMBERS[focus], id_]
            source, limits = _OWN, []
        limits += ["r.facility = $1", "r.body is not null", f"r.type = any({self._value(numbers)}::smallint[])"]
        limits.append(f"r.key > {self._value(bounds.after)}::bigint")
        limits += [self._open(held, names) for held, names in _by_pass(readable, wanted).items() if held is not None]
        if bounds.since:
            limits.append(f"r.updated >= {self._value(bounds.since)}::timestamptz")
        if bounds.start or bounds.end:
            limits.append(self._cared(bounds, wanted))
        count = self._value(bounds.count + 1)
        self.sql = f"{source} where {' and '.join(limits)} order by r.key limit {count}"

    def _open(self, held: str, names: list[str]) -> str:
        """Records of these types are open to the pass."""
        numbers = self._value([NUMBERS[name] for name in names])
        return f"(r.type <> all({numbers}::smallint[]) or {guarding.is_open(f'{self._value(held)}::text')})"

    def _cared(self, bounds: Bounds, names: list[str]) -> str:
        """Care within the dates; what has no date of care belongs to every time."""
        dates = self._value(sorted({param for name in names if (param := care_date(name))}))
        dated = f"select from span s where s.rid = r.key and s.param = any({dates}::smallint[])"
        within = dated
        if bounds.start:
            within += f" and s.hi > {self._value(bounds.start)}::timestamptz"
        if bounds.end:
            within += f" and s.lo < {self._value(bounds.end)}::timestamptz"
        return f"(not exists ({dated}) or exists ({within}))"

    def _value(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"


def _by_pass(readable: Mapping[str, Decision], names: Iterable[str]) -> dict[str | None, list[str]]:
    found: dict[str | None, list[str]] = {}
    for name in names:
        found.setdefault(guarding.pass_of(readable[name].guard), []).append(name)
    return found


@cache
def care_date(type_name: str) -> int | None:
    """The number of the search parameter that says when the care of a record took place."""
    known = PARAMETERS[type_name]
    return next((known[code].id for code in CARE_DATES if code in known and known[code].kind == "date"), None)


async def _supporting(
    tx: Transaction, who: Subject, bodies: Iterable[bytes], types: tuple[str, ...]
) -> list[r4.Resource]:
    """What these records point at (organisations, people who work here, rooms, medicines), where it may be read."""
    wanted: dict[str, set[str]] = {}
    for body in bodies:
        for name, id_ in references(body):
            if name in SUPPORTING and (not types or name in types):
                wanted.setdefault(name, set()).add(id_)
    found: list[r4.Resource] = []
    for name in sorted(wanted):
        if decide(who, Interaction.READ, name).allowed:
            found += (await read_many(tx, who, codec.resource_type(name), wanted[name])).values()
    return found


def references(body: bytes) -> list[tuple[str, str]]:
    """Every relative reference (type, id) in stored bytes, which are compact JSON: a quote in a text is escaped."""
    return [(name.decode(), id_.decode()) for name, id_ in _REFERENCE.findall(body) if name.decode() in NUMBERS]


async def resolve(tx: Transaction, who: Subject, wanted: Iterable[tuple[str, str]]) -> dict[str, r4.Resource]:
    """Records by `Type/id`, those that are there and may be read.

    What may not be read is left out, as if it were not there.
    """
    by_type: dict[str, set[str]] = {}
    for name, id_ in wanted:
        by_type.setdefault(name, set()).add(id_)
    found: dict[str, r4.Resource] = {}
    for name in sorted(by_type):
        if decide(who, Interaction.READ, name).allowed:
            read = await read_many(tx, who, codec.resource_type(name), by_type[name])
            found |= {f"{name}/{id_}": one for id_, one in read.items()}
    return found


__all__ = ["Bounds", "Everything", "everything", "references", "resolve"]
