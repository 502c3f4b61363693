"""Code systems, value sets and concept maps by their canonical address: the facility's own before the platform's.

Of several editions the one whose version is named, else the active one of the latest date; one without concepts (a mere
announcement of a code system) stands behind those that have some. What was decoded is kept
by record and version, so it is never stale. Standard: HL7 FHIR R4, 2.24.0.1 (canonical references).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final, TypeVar

import msgspec

from benhan.core.access import Interaction, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import NotFound
from benhan.core.fhir.search import PARAMETERS
from benhan.core.language import _
from benhan.core.store.records import NUMBERS, permit, reaches
from benhan.core.store.rows import hash64

Terms = TypeVar("Terms", r4.ValueSet, r4.ConceptMap, r4.CodeSystem)

#: Bytes of decoded value sets and maps that a process keeps, by the size of their JSON.
MOST_KEPT: Final = 16_000_000
#: The value set of all codes of a system, where it declares none: `<system>?fhir_vs`, or `?fhir_vs=isa/<code>`.
IMPLICIT: Final = "?fhir_vs"
#: Maps that translate from one system are looked through up to this many.
MOST_MAPS: Final = 50

_SYSTEMS = """
select rid, facility, id, url, version, title, complete, case_sensitive, carried, concepts, coalesce(value_set, '') as
    value_set from code_system
where facility = any($1) and {where} order by concepts > 0 desc, facility desc, active desc, dated desc, version desc
"""
_BY_ADDRESS = _SYSTEMS.format(where="url = $2")
_BY_VALUE_SET = _SYSTEMS.format(where="value_set = $2")
_BY_ID = _SYSTEMS.format(where="id = $2")
_PLACES = """
select distinct r.key, r.version, r.facility from token t join resource r on r.key = t.rid
where t.facility = any($1) and t.param = $2 and t.hash = any($3::bigint[]) and r.body is not null
order by r.facility desc, r.key limit $4
"""
_kept: OrderedDict[tuple[int, int], tuple[int, r4.Resource]] = OrderedDict()


class System(msgspec.Struct, frozen=True):
    """A code system as the index knows it; `rid` is the key of its concepts."""

    rid: int
    facility: int
    id: str
    url: str
    version: str
    title: str
    complete: bool
    case_sensitive: bool
    carried: str
    concepts: int
    value_set: str


async def systems(tx: Transaction, who: Subject, url: str) -> list[System]:
    """Every edition of a code system within reach, the one that is meant first."""
    return [System(**row) for row in await tx.fetch(_BY_ADDRESS, reaches(who, "CodeSystem"), url)]


async def system(tx: Transaction, who: Subject, canonical: str, version: str | None = None) -> System | None:
    """The code system of an address (`url` or `url|version`)."""
    url, _bar, said = canonical.partition("|")
    wanted = version or said or None
    found = await systems(tx, who, url)
    return next((one for one in found if wanted in (None, one.version)), None)


async def system_of_id(tx: Transaction, who: Subject, id_: str) -> System:
    """The code system of a record.

    Raises:
        NotFound: there is none of this id.
    """
    row = await tx.fetchrow(_BY_ID, reaches(who, "CodeSystem"), id_)
    if row is None:
        raise NotFound(_("Không có %(what)s.", what=f"CodeSystem/{id_[:64]}"), where="CodeSystem")
    return System(**row)


async def stored(tx: Transaction, who: Subject, type_: type[Terms], id_: str) -> Terms:
    """A record of the facility, else the platform's of this id.

    Raises:
        Forbidden, NotFound.
    """
    name = codec.type_name(type_)
    permit(who, Interaction.READ, name)
    body = await tx.fetchval(
        "select body from resource where facility = any($1) and type = $2 and id = $3 and body is not null"
        " order by facility desc limit 1",
        reaches(who, name), NUMBERS[name], id_,
    )  # fmt: skip
    if body is None:
        raise NotFound(_("Không có %(what)s.", what=f"{name}/{id_[:64]}"), where=name)
    return codec.kept(body, type_)


async def value_set(tx: Transaction, who: Subject, canonical: str) -> r4.ValueSet | None:
    """The value set of an address; also that of all codes of a system, declared or implicit."""
    url, _bar, version = canonical.partition("|")
    if found := await by_address(tx, who, r4.ValueSet, url, version or None):
        return found
    if row := await tx.fetchrow(_BY_VALUE_SET, reaches(who, "CodeSystem"), url):
        return _all_of(url, System(**row))
    base, implicit, rest = url.partition(IMPLICIT)
    if not implicit or (one := await system(tx, who, base, version or None)) is None:
        return None
    return _all_of(url, one, rest.removeprefix("=isa/") if rest.startswith("=isa/") else None)


def _all_of(url: str, one: System, below: str | None = None) -> r4.ValueSet:
    chosen = [r4.ValueSetComposeIncludeFilter(property="concept", op="is-a", value=below)] if below else None
    include = r4.ValueSetComposeInclude(system=one.url, version=one.version or None, filter=chosen)
    return r4.ValueSet(
        url=url, title=one.title, status="active", compose=r4.ValueSetCompose(include=[include]),
        version=one.version or None,
    )  # fmt: skip


async def by_address(
    tx: Transaction, who: Subject, type_: type[Terms], url: str, version: str | None = None
) -> Terms | None:
    """The record of a canonical address."""
    found = await having(tx, who, type_, "url", [url])
    fitting = [one for one in found if version in (None, one.version)]
    return fitting[0] if fitting else None


async def having(tx: Transaction, who: Subject, type_: type[Terms], code: str, uris: list[str]) -> list[Terms]:
    """Records with one of these addresses under a search parameter, the best first: own, active, latest."""
    name = codec.type_name(type_)
    param = PARAMETERS[name][code].id
    hashes = [hash64(uri) for uri in uris]
    places = await tx.fetch(_PLACES, reaches(who, name), param, hashes, MOST_MAPS)
    keys = [(row["key"], row["version"]) for row in places]
    missing = [key for key in keys if key not in _kept]
    if missing:
        sql = "select key, version, body from resource where key = any($1) and facility = any($2)"
        for row in await tx.fetch(sql, [key for key, _v in missing], reaches(who, name)):
            _keep((row["key"], row["version"]), row["body"], type_)
    found: list[tuple[Any, Terms]] = []
    for row, key in zip(places, keys, strict=True):
        if (kept := _kept.get(key)) is not None:
            _kept.move_to_end(key)
            one: Terms = kept[1]  # type: ignore[assignment]
            found.append(((row["facility"], one.status == "active", one.date or "", one.version or ""), one))
    return [one for _rank, one in sorted(found, key=lambda pair: pair[0], reverse=True)]


def _keep(key: tuple[int, int], body: bytes, type_: type[Terms]) -> None:
    _kept[key] = (len(body), codec.kept(body, type_))
    while len(_kept) > 1 and sum(size for size, _one in _kept.values()) > MOST_KEPT:
        _kept.popitem(last=False)
