"""What comes along with an answer: records that the found ones point at, and those that point at them.

References are joined by their hashes inside PostgreSQL; no record is read to find out what it points at. Every type
is asked of the policy, on every page: what the caller may not read is left out; a patient sees her own records only.
Standard: HL7 FHIR R4, 3.1.1.5.4 (`_include`, `_revinclude`, `:iterate`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from benhan.core.access import Decision, Interaction, Subject, decide
from benhan.core.db import Transaction, unseen
from benhan.core.fhir.search import SearchParameter
from benhan.core.store import guarding
from benhan.core.store.bodies import body_of, whole
from benhan.core.store.found import Found, found_of
from benhan.core.store.narrowed import meeting
from benhan.core.store.parameters import known
from benhan.core.store.query.results import Include, Query
from benhan.core.store.records import NAMES, NUMBERS, audited_many
from benhan.core.store.rows import SELF, hash64

#: Records that come along with one page at most.
MOST = 1000
#: Ways that one statement follows from a page: a reference, and a type it may lead to.
MOST_WAYS = 100
#: How often what came along may bring something along itself.
ROUNDS = 6


def _array(n: int, kind: str) -> str:
    return f"{unseen(f'${n}::{kind}[]')}::{kind}[]"


_ROW = (
    " cross join lateral (select * from resource r where r.key = s.rid and r.facility = $1 and r.body is not null"
    f" and (r.type = any({_array(3, 'smallint')}) or (r.type = any({_array(4, 'smallint')}) and r.patient = $5))"
    f" and {guarding.is_open('$8::text')} offset 0) r where r.key <> all({_array(6, 'bigint')})"
    f" order by r.key desc limit {MOST + 1}"
)
_COLUMNS = "select distinct on (r.key) r.key, r.type, r.id, r.version, r.updated, r.patient, " + body_of("r")
_FORWARD = (
    f"{_COLUMNS} from (select distinct x.hash from token x where x.rid = any({_array(7, 'bigint')})"
    f" and x.param = any({_array(2, 'smallint')}) offset 0) t cross join lateral"
    " (select x.rid from token x where x.facility = $1 and x.param = $9::smallint and x.hash = t.hash offset 0) s"
    f"{_ROW}"
)
_BACKWARD = (
    f"{_COLUMNS} from (select x.rid from token x where x.facility = $1 and x.param = any({_array(2, 'smallint')})"
    f" and x.hash = any({_array(7, 'bigint')}) offset 0) s{_ROW}"
)


class Ways(msgspec.Struct, frozen=True):
    """Where the references of a page lead: of each the parameter, the type there, by which rule she may read it, the
    one patient whose records those must be, and the pass that opens them (`guarding.py`)."""

    params: tuple[int, ...]
    types: tuple[int, ...]
    names: tuple[str, ...]
    rules: tuple[str, ...]
    patients: tuple[str | None, ...]
    held: tuple[str | None, ...]


class Along(msgspec.Struct):
    """What came along, and whether there was more than is sent."""

    records: list[Found]
    cut: bool = False


def ways(who: Subject, query: Query) -> Ways | None:
    """The ways from a page, where following its references once is all there is to do; else None.

    What she may read by conditions of its own (`narrowed.py`) is asked in a step of its own.
    """
    if not query.include or query.revinclude or any(rule.iterate for rule in query.include):
        return None
    found = {
        (one.id, name): decision
        for rule in query.include
        for one, targets in _forward(who.facility, {query.type}, rule)
        for name in targets
        if name in NUMBERS and (decision := decide(who, Interaction.READ, name, where=True)).allowed
    }
    if not 0 < len(found) <= MOST_WAYS or any(one.where for one in found.values()):
        return None
    params, names = zip(*found, strict=True)
    said = found.values()
    return Ways(
        params, tuple(NUMBERS[name] for name in names), names,
        tuple(one.rule for one in said), tuple(one.only_patient for one in said),
        tuple(guarding.pass_of(one.guard) for one in said),
    )  # fmt: skip


#: The types of the arrays of `Ways`.
WAYS = ("smallint", "smallint", "text", "text", "text", "text")


def following(first: int) -> str:
    """What the references of `shown` lead to: the records `came`, of each search `n` up to MOST and one more.

    `shown` has the keys of each page; from `$first` on stand the arrays of `Ways`.
    """
    params, *others = (f"${n}::{kind}[]" for n, kind in enumerate(WAYS, first))
    ways_ = ", ".join(unseen(array) for array in (params, *others))
    return f"""
came as materialized (
    select page.n, hit.* from (select n, array_agg(key) as keys from shown group by n) page cross join lateral (
        select row_number() over () as place, one.* from (
            select distinct on (r.key) r.key, r.id, r.version, r.updated, r.patient, {body_of("r")}, way.name, way.rule
            from (select x.param, r.* from (
                    select distinct x.param, x.hash from token x
                    where x.rid = any(page.keys) and x.param = any({unseen(params)}::smallint[]) offset 0) x
                cross join lateral (select s.rid from token s
                                    where s.facility = $1 and s.param = {SELF} and s.hash = x.hash offset 0) s
                cross join lateral (select * from resource r
                                    where r.key = s.rid and r.facility = $1 and r.body is not null offset 0) r
                offset 0) r
            join unnest({ways_}) way(param, type, name, rule, patient, held)
                on way.param = r.param and way.type = r.type and (way.patient is null or way.patient = r.patient)
            where r.key <> all(page.keys) and {guarding.is_open("way.held")}
            order by r.key desc limit {MOST + 1}) one) hit)"""


async def along(
    tx: Transaction, who: Subject, found: Sequence[Found], include: Sequence[Include], revinclude: Sequence[Include]
) -> Along:
    """Records that come along with the found ones, each once, none of the found ones."""
    came = Along([])
    seen = {one.key for one in found}
    fresh: Sequence[Found] = found
    for turn in range(ROUNDS):
        if not fresh:
            break
        rules = [(rule, True) for rule in include] + [(rule, False) for rule in revinclude]
        new: list[Found] = []
        for rule, forward in rules:
            if turn == 0 or rule.iterate:
                got = await _followed(tx, who, fresh, rule, seen, forward=forward)
                seen |= {one.key for one in got}
                new += got
        came.records += new
        if len(came.records) > MOST:
            return _noted(tx, who, Along(came.records[:MOST], cut=True))
        fresh = new
    return _noted(tx, who, came)


async def _followed(
    tx: Transaction, who: Subject, fresh: Sequence[Found], rule: Include, seen: set[int], *, forward: bool
) -> list[Found]:
    """One rule followed from some records."""
    kinds = {one.type for one in fresh}
    if forward:
        led = _forward(who.facility, kinds, rule)
        parameters = [one for one, _targets in led]
        wanted = {target for _one, targets in led for target in targets}
    else:
        sources = NUMBERS if rule.source is None else (rule.source,)
        parameters = [one for one in _references(who.facility, sources, rule) if kinds & set(one.targets)]
        wanted = {one.type for one in parameters}
        if rule.target is not None:
            fresh = [one for one in fresh if one.type == rule.target]
    if not parameters or not wanted or not fresh:
        return []
    came: list[Found] = []
    for held, decisions in _readable(who, wanted).items():
        free, own, patient = _limits(decisions)
        common: list[Any] = [who.facility, [one.id for one in parameters], free, own, patient, sorted(seen)]
        if forward:
            rows = await tx.look(_FORWARD, *common, [one.key for one in fresh], held, SELF)
        else:
            rows = await tx.look(_BACKWARD, *common, [hash64(f"{one.type}/{one.id}") for one in fresh], held)
        came += [found_of(row, NAMES[row["type"]]) for row in whole(tx, rows)]
    return await _meeting(tx, who, came)


async def _meeting(tx: Transaction, who: Subject, found: Sequence[Found]) -> list[Found]:
    """Those that the caller may read by the conditions of her scopes too."""
    kept: set[tuple[str, str]] = set()
    for name in {one.type for one in found}:
        decision = decide(who, Interaction.READ, name, where=True)
        ids = [one.id for one in found if one.type == name]
        kept |= {(name, id_) for id_ in await meeting(tx, who.facility, name, decision, ids)}
    return [one for one in found if (one.type, one.id) in kept]


def _forward(facility: int, kinds: set[str], rule: Include) -> list[tuple[SearchParameter, list[str]]]:
    """The references of these types that a rule names, each with the types it may lead to."""
    parameters = _references(facility, kinds if rule.source is None else kinds & {rule.source}, rule)
    return [(one, [name for name in one.targets or NUMBERS if rule.target in (None, name)]) for one in parameters]


def _references(facility: int, types: Iterable[str], rule: Include) -> list[SearchParameter]:
    """The references a rule names."""
    return [
        one
        for name in sorted(types)
        for one in known(facility, name).values()
        if one.kind == "reference" and (rule.params is None or one.id in rule.params)
    ]


def _readable(who: Subject, types: Iterable[str]) -> dict[str | None, dict[str, Decision]]:
    """The types the caller may read, by the pass that opens their records."""
    found: dict[str | None, dict[str, Decision]] = {}
    for name in types:
        if name in NUMBERS and (said := decide(who, Interaction.READ, name, where=True)).allowed:
            found.setdefault(guarding.pass_of(said.guard), {})[name] = said
    return found


def _limits(decisions: Mapping[str, Decision]) -> tuple[list[int], list[int], str | None]:
    """The numbers of the types she may read, of those she may read of one patient, and that patient."""
    free = [NUMBERS[name] for name, said in decisions.items() if said.only_patient is None]
    own = {NUMBERS[name]: said.only_patient for name, said in decisions.items()}
    limited = {number: patient for number, patient in own.items() if patient is not None}
    return free, list(limited), next(iter(limited.values()), None)


def _noted(tx: Transaction, who: Subject, came: Along) -> Along:
    """The trace of what came along, one event a type and patient."""
    by_type: dict[str, list[Found]] = {}
    for one in came.records:
        by_type.setdefault(one.type, []).append(one)
    for name, records in by_type.items():
        decision: Decision = decide(who, Interaction.READ, name, where=True)
        audited_many(tx, who, decision, name, ((one.id, one.patient) for one in records), "included")
    return came
