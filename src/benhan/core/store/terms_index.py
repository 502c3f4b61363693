"""The index of concepts, kept in the transaction that writes the CodeSystem.

A CodeSystem lists its concepts itself, or (`content` = not-present) they are carried in the program (`terms_carried`).
`behind` finds every CodeSystem whose concepts are not those of its current version, whatever way it came in, and
`catch_up` mends it: so nothing is lost to a program of before, or to a load that goes around this file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.store.records import NUMBERS
from benhan.core.store.terms_concepts import Concepts, Row, concepts_of

#: Rows in one statement.
BATCH: Final = 5000
_TABLES: Final = ("concept_property", "concept_above", "concept_word", "concept_title", "concept")
_ROOT = """
insert into code_system (rid, facility, resource_version, id, url, version, dated, title, value_set, active,
    case_sensitive, complete, carried, concepts)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
on conflict (rid) do update set resource_version = excluded.resource_version, url = excluded.url,
    version = excluded.version, dated = excluded.dated, title = excluded.title, value_set = excluded.value_set,
    active = excluded.active, case_sensitive = excluded.case_sensitive, complete = excluded.complete,
    carried = excluded.carried, concepts = excluded.concepts
"""
_CONCEPTS = """
insert into concept (facility, rid, seq, code, key, display, words, abstract, inactive, body)
select $1, $2, * from unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bool[], $9::bool[],
    $10::bytea[])
"""
_TITLES = "insert into concept_title (facility, rid, title, seq) select $1, $2, * from unnest($3::text[], $4::int[])"
_WORDS = "insert into concept_word (facility, rid, word, seq) select $1, $2, * from unnest($3::text[], $4::int[])"
_ABOVE = (
    "insert into concept_above (facility, rid, child, parent, depth)"
    " select $1, $2, * from unnest($3::int[], $4::int[], $5::smallint[])"
)
_PROPERTIES = (
    "insert into concept_property (facility, rid, seq, property, value)"
    " select $1, $2, * from unnest($3::int[], $4::text[], $5::text[])"
)
_BEHIND = """
select r.key, r.id, r.version, r.body from resource r left join code_system s on s.rid = r.key
where r.facility = $1 and r.type = $2 and case when r.body is null then s.rid is not null
    else s.resource_version is distinct from r.version end limit $3
"""


_FACILITIES = """
select f.key from facility f where exists (select from resource r left join code_system s on s.rid = r.key
    where r.facility = f.key and r.type = $1 and case when r.body is null then s.rid is not null
    else s.resource_version is distinct from r.version end)
"""


async def written(tx: Transaction, who: Subject, resource: r4.Resource, rid: int, version: int) -> None:
    """Bring the index up to a CodeSystem that was just written; other types have nothing here.

    Raises:
        Invalid: a code stands twice, or the hierarchy is a circle.
    """
    if not isinstance(resource, r4.CodeSystem):
        return
    if resource.content == "not-present" and (carried := await _carried(tx, rid)) is not None:
        await _root(tx, who, resource, rid, version, *carried)
        return
    await fill(tx, who, resource, rid, version, concepts_of(resource))


async def removed(tx: Transaction, name: str, facility: int, id_: str) -> None:
    """Forget the concepts of a CodeSystem that was just deleted; other types have nothing here."""
    if name == "CodeSystem":
        rid = await tx.fetchval("select rid from code_system where facility = $1 and id = $2", facility, id_)
        await _clear(tx, rid)
        await tx.execute("delete from code_system where rid = $1", rid)


async def fill(
    tx: Transaction, who: Subject, system: r4.CodeSystem, rid: int, version: int, concepts: Concepts, carried: str = ""
) -> None:
    """Replace the concepts of a CodeSystem; `carried` names where they came from if not from the record."""
    await _clear(tx, rid)
    await _root(tx, who, system, rid, version, carried, len(concepts.rows))
    place = (who.facility, rid)
    for start in range(0, len(concepts.rows), BATCH):
        await _rows(tx, place, concepts.rows[start : start + BATCH])
    await _many(tx, _ABOVE, place, concepts.above)


async def catch_up(tx: Transaction, who: Subject, most: int = 20) -> int:
    """Index CodeSystems of this facility whose concepts are of another version, or missing; gives how many."""
    rows = await tx.fetch(_BEHIND, who.facility, NUMBERS["CodeSystem"], most)
    for row in rows:
        if row["body"] is None:
            await removed(tx, "CodeSystem", who.facility, row["id"])
        else:
            await written(tx, who, codec.kept(row["body"], r4.CodeSystem), row["key"], row["version"])
    return len(rows)


async def behind(tx: Transaction) -> list[int]:
    """The facilities that have something to catch up with; the transaction must reach the platform."""
    return [row["key"] for row in await tx.fetch(_FACILITIES, NUMBERS["CodeSystem"])]


async def _carried(tx: Transaction, rid: int) -> tuple[str, int] | None:
    """Where the concepts came from, and how many, if they are not the record's own."""
    row = await tx.fetchrow("select carried, concepts from code_system where rid = $1 and carried <> ''", rid)
    return (row["carried"], row["concepts"]) if row else None


async def _root(
    tx: Transaction, who: Subject, system: r4.CodeSystem, rid: int, version: int, carried: str, size: int
) -> None:
    await tx.execute(
        _ROOT, rid, who.facility, version, system.id, system.url or "", system.version or "", system.date or "",
        system.title or system.name or system.url or "", system.valueSet, system.status == "active",
        system.caseSensitive is not False, _is_whole(system, carried), carried, size,
    )  # fmt: skip


def _is_whole(system: r4.CodeSystem, carried: str) -> bool:
    """Whether a code that is not in the index does not exist."""
    return system.content == "complete" or (bool(carried) and system.content == "not-present")


async def _clear(tx: Transaction, rid: int) -> None:
    for table in _TABLES:
        await tx.execute(f"delete from {table} where rid = $1", rid)


async def _rows(tx: Transaction, place: tuple[int, int], rows: Sequence[Row]) -> None:
    await _many(
        tx, _CONCEPTS, place,
        [(r.seq, r.code, r.key, r.display, " " + " ".join(r.words), r.abstract, r.inactive, r.body) for r in rows],
    )  # fmt: skip
    await _many(tx, _TITLES, place, [(title, r.seq) for r in rows for title in r.titles])
    await _many(tx, _WORDS, place, [(word, r.seq) for r in rows for word in r.words])
    await _many(tx, _PROPERTIES, place, [(r.seq, *one) for r in rows for one in r.properties])


async def _many(tx: Transaction, sql: str, place: tuple[int, int], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert by arrays, a bounded number of rows a statement."""
    for start in range(0, len(rows), 4 * BATCH):
        columns = [list(column) for column in zip(*rows[start : start + 4 * BATCH], strict=True)]
        await tx.execute(sql, *place, *columns)
