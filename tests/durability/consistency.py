"""Does everything in the store still say the same? Rows, history, feed, index, uniqueness."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import asyncpg

from benhan.core.fhir import codec
from benhan.core.store.rows import rows_of
from tests.reading import bodies, keys

QUESTIONS = {
    "a version of a record without its history, or the other way round": """
        select r.type, r.id, r.version from resource r where r.version <> (
            select count(*) from history h where (h.facility, h.type, h.id) = (r.facility, r.type, r.id))
        union all
        select h.type, h.id, h.version from history h where not exists (select from resource r
            where (r.facility, r.type, r.id) = (h.facility, h.type, h.id) and r.version >= h.version)""",
    "a record whose bytes differ from the last of its history": """
        select r.type, r.id, r.version from resource r join history h using (facility, type, id, version)
        where r.body is distinct from h.body""",
    "a version that was not told exactly once to the feed": """
        select h.type, h.id, h.version from history h left join feed f using (facility, type, id, version)
        group by h.facility, h.type, h.id, h.version having count(f.seq) <> 1""",
    "an index row of no record": """
        select rid::text, 'x', 0 from (select rid from token union select rid from word union select rid from span
            union select rid from quantity union select rid from once) i
        where not exists (select from resource r where r.key = i.rid)""",
}


async def contradictions(dsn: str) -> list[str]:
    """Every contradiction found, in words; an empty list when the store is whole."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):  # others go on writing
            found = []
            for name, sql in QUESTIONS.items():
                found += [f"{name}: {tuple(row)}" for row in await connection.fetch(sql)]
            return found + await _index_differs(dsn, connection)
    finally:
        await connection.close()


#: Index table → its columns beside the record it belongs to.
INDEX = {
    "token": "param, hash", "word": "param, word, whole", "span": "param, lo, hi", "quantity": "param, unit, lo, hi",
    "once": "what",
}  # fmt: skip
#: A conditional create claims its condition beside what the record itself holds.
CLAIM = " unless "


async def _index_differs(dsn: str, connection: asyncpg.Connection[asyncpg.Record]) -> list[str]:
    stored: dict[str, dict[int, list[Any]]] = {table: defaultdict(list) for table in INDEX}
    for table, columns in INDEX.items():
        for row in await connection.fetch(f"select rid, {columns} from {table}"):
            if table != "once" or CLAIM not in row["what"]:
                stored[table][row["rid"]].append(tuple(row)[1:])
    found = []
    records = await bodies(dsn, connection)
    index = {key: one.index for key, one in (await keys(dsn, sorted({row["facility"] for row in records}))).items()}
    for row in records:
        rows = rows_of(codec.decode(row["body"]), key=index[row["facility"]])
        given: dict[str, list[Any]] = {
            "token": rows.tokens, "word": rows.words, "span": rows.spans, "quantity": rows.quantities,
            "once": [(what,) for what in rows.once],
        }  # fmt: skip
        for table, expected in given.items():
            if sorted(stored[table][row["key"]]) != sorted(expected):
                found.append(f"{table} rows of {row['id']} are not what its content gives")
    return found
