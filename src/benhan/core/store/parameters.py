"""Search parameters as a facility knows them: R4's, ours, and those brought in at run time.

A SearchParameter that is written to the store is compiled in the same transaction and gets a number for each of its
types, for life. The number of its change (`search_rules.generation`) makes every process read it again; a process that
has not done so yet writes its records as behind (`put` compares), so none is lost. The records that are there already
are indexed in the background (`store/reindex.py`); until that is done a search by it is refused with 503, because an
incomplete answer would look like a complete one.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import asyncpg
import msgspec

from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import custom, fhirpath, r4
from benhan.core.fhir.outcome import Conflict, Invalid, Problem
from benhan.core.fhir.paths import UnsupportedPath
from benhan.core.fhir.search import PARAMETERS, Plan, SearchParameter, compiled
from benhan.core.language import _
from benhan.core.store.rows import Rows, rows_of
from benhan.core.vault import Keys

#: Parameters a facility may have beside R4's, and the whole platform for everybody (facility 0).
MOST_OWN = 100
MOST_OF_PLATFORM = 500
#: From 20001 to the last smallint; for life, so a retired one is not given again.
NUMBERS_IN_ALL = 12_767

_ALL = "select number, facility, definition, complete from search_parameter where active order by number"
_RULES = """
select generation, (select count(*) from search_parameter where active and not complete) as pending from search_rules
"""
_OWN = "select number, definition, active, source from search_parameter where facility = $1 and type = $2 and code = $3"
_INSERT = """
insert into search_parameter (facility, type, code, source, definition) values ($1, $2, $3, $4, $5)
"""
_UPDATE = """
update search_parameter set source = $2, definition = $3, active = true, changed = clock_timestamp(),
    complete = complete and active and definition = $3::jsonb,
    xid = case when active and definition = $3::jsonb then xid else pg_current_xact_id() end
where number = $1
"""
_RETIRE = """
update search_parameter set active = false, complete = false, changed = clock_timestamp(), xid = pg_current_xact_id()
where facility = $1 and source = $2 and active and not (type || '.' || code) = any($3::text[])
"""
_log = logging.getLogger(__name__)
_DECODER = msgspec.json.Decoder(SearchParameter)


class Known(msgspec.Struct):
    """What this process knows: the generation it is of, the parameters of each facility by type, the incomplete."""

    generation: int = 1
    pending: int = 0
    own: dict[int, dict[str, dict[str, SearchParameter]]] = {}
    plans: dict[tuple[int, str], Plan] = {}
    incomplete: frozenset[int] = frozenset()
    merged: dict[tuple[int, str], Mapping[str, SearchParameter]] = {}


_known = Known()


def generation() -> int:
    """The generation of the rules this process indexes by; `put` compares it with the database's."""
    return _known.generation


def parameter(facility: int, type_name: str, code: str) -> SearchParameter | None:
    """The search parameter of a type by its code, if there is one.

    Raises:
        Problem: 503, the records that were there before it are still being indexed.
    """
    found = known(facility, type_name).get(code)
    if found and found.id in _known.incomplete:
        raise Problem(
            503, "transient", _("Điều kiện tìm “%(code)s” còn đang được lập chỉ mục.", code=code), where=code,
            advice=_("Thử lại sau; tiến độ ở GET /fhir/$reindex."),
        )  # fmt: skip
    return found


def known(facility: int, type_name: str) -> Mapping[str, SearchParameter]:
    """Every search parameter of a type, by code."""
    if not _known.own:
        return PARAMETERS.get(type_name, {})
    if (facility, type_name) not in _known.merged:
        own = {code: one for at in (0, facility) for code, one in _known.own.get(at, {}).get(type_name, {}).items()}
        _known.merged[facility, type_name] = {**PARAMETERS.get(type_name, {}), **own}
    return _known.merged[facility, type_name]


def own(facility: int) -> list[SearchParameter]:
    """The parameters of a facility's own and of the whole platform beside R4's, by number."""
    types = [codes for at in {0, facility} for codes in _known.own.get(at, {}).values()]
    return sorted((one for codes in types for one in codes.values()), key=lambda one: one.id)


def further(facility: int, type_name: str) -> Plan:
    """What to index of a type beside R4's and our own parameters: those of the platform and of the facility."""
    if not _known.plans:
        return ()
    if facility == 0:
        return _known.plans.get((0, type_name), ())
    return _known.plans.get((0, type_name), ()) + _known.plans.get((facility, type_name), ())


def rows(keys: Keys, resource: r4.Resource) -> Rows:
    """The index rows of a record of the facility of these keys, with the generation they are of."""
    own = further(keys.facility, type(resource).__name__)
    found = rows_of(resource, own, keys.index, keys.others)
    found.generation = _known.generation
    return found


async def refresh(tx: Transaction) -> bool:
    """Learn of parameters that others have changed; the transaction must reach the platform. Gives whether any was."""
    global _known  # noqa: PLW0603 - what the process knows; replaced as a whole
    row = await tx.fetchrow(_RULES)
    assert row
    if (row["generation"], row["pending"]) == (_known.generation, _known.pending):
        return False
    _known = _learned(row["generation"], row["pending"], await tx.fetch(_ALL))
    return True


def _learned(generation: int, pending: int, rows: list[asyncpg.Record]) -> Known:
    learned = Known(generation=generation, pending=pending, own={}, plans={}, merged={})
    for row in rows:
        one = msgspec.structs.replace(_DECODER.decode(row["definition"]), id=row["number"])
        place = row["facility"], one.type
        try:
            learned.plans[place] = learned.plans.get(place, ()) + compiled([one])
        except (UnsupportedPath, fhirpath.BadExpression):
            _log.exception("search parameter %s of %s can no longer be read", one.code, one.type)
            continue
        learned.own.setdefault(row["facility"], {}).setdefault(one.type, {})[one.code] = one
    learned.incomplete = frozenset(row["number"] for row in rows if not row["complete"])
    return learned


async def written(tx: Transaction, who: Subject, resource: r4.Resource) -> None:
    """Take up a SearchParameter that was just written; other types have nothing here.

    Raises:
        Invalid: it cannot be served, or there are too many; Conflict: another one has its code.
    """
    if not isinstance(resource, r4.SearchParameter):
        return
    wanted = custom.read(resource) if resource.status == "active" and not custom.is_base(resource) else []
    assert resource.id
    for one in wanted:
        await _keep(tx, who, resource.id, one)
    await _retire(tx, who, resource.id, [f"{one.type}.{one.code}" for one in wanted])
    if wanted:
        await _bounded(tx, who)
        await tx.execute("update search_rules set generation = generation + 1")


async def removed(tx: Transaction, who: Subject, id_: str) -> None:
    """A SearchParameter was deleted: what it brought is no longer asked for. Its numbers are not given again."""
    await _retire(tx, who, id_, [])


async def _keep(tx: Transaction, who: Subject, source: str, one: SearchParameter) -> None:
    definition = msgspec.json.encode(one).decode()
    await tx.execute("select pg_advisory_xact_lock(hashtext($1))", f"search_parameter {who.facility}")
    row = await tx.fetchrow(_OWN, who.facility, one.type, one.code)
    if row is None:
        try:
            await tx.execute(_INSERT, who.facility, one.type, one.code, source, definition)
        except asyncpg.SequenceGeneratorLimitExceededError:
            raise _too_many(NUMBERS_IN_ALL) from None
        return
    if row["active"] and row["source"] != source:
        raise Conflict(
            _("%(name)s đã có điều kiện tìm “%(code)s”.", name=one.type, code=one.code), code="duplicate",
            where="SearchParameter.code", advice=_("Xem SearchParameter/%(id)s.", id=row["source"]),
        )  # fmt: skip
    await tx.execute(_UPDATE, row["number"], source, definition)


async def _retire(tx: Transaction, who: Subject, source: str, but: list[str]) -> None:
    done = await tx.execute(_RETIRE, who.facility, source, but)
    if done != "UPDATE 0":
        await tx.execute("update search_rules set generation = generation + 1")


async def _bounded(tx: Transaction, who: Subject) -> None:
    most = MOST_OF_PLATFORM if who.facility == 0 else MOST_OWN
    row = await tx.fetchrow(
        "select count(*) filter (where active) as n from search_parameter where facility = $1",
        who.facility,
    )
    assert row
    if row["n"] > most:
        raise _too_many(most)


def _too_many(most: int) -> Invalid:
    return Invalid(
        _("Không quá %(n)s điều kiện tìm riêng.", n=most), code="too-costly", where="SearchParameter",
        advice=_("Bỏ bớt điều kiện không dùng nữa."),
    )  # fmt: skip
