"""Index rows on their way to PostgreSQL: they arrive as they were made, each with its own record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from math import inf
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as any_

from benhan.core import store
from benhan.core.db import Database
from benhan.core.db.embedded import EmbeddedPostgres
from benhan.core.store.columns import _INDEX, index_texts
from benhan.core.store.rows import Rows
from tests.core.store.elsewhere import elsewhere
from tests.core.store.people import person

#: The calls of the program before 0013, without their values.
FORMER = {
    "put_many": "select put_many(1, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',"
    " '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', 1::smallint, 1)",
    "put_new": "select put_new(1, now(), 'old', 1::smallint, 1, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',"
    " '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')",
}
_TEXT = any_.text(any_.characters(exclude_characters="\0", exclude_categories=("Cs",)) | any_.sampled_from('"\\{},\n '))


def rows(words: list[tuple[int, str, str]], **more: Any) -> Rows:
    empty: dict[str, Any] = {"tokens": [], "spans": [], "quantities": [], "once": []}
    return Rows(patient=None, words=words, **(empty | more))


async def _arrived(database: Database, *records: Rows) -> list[Any]:
    """The columns as PostgreSQL reads them."""
    columns = ", ".join(f"${n}::text::{kind}" for n, kind in enumerate(_INDEX, 1))
    return list((await database.ask(f"select {columns}", *index_texts(records)))[0])


async def test_every_kind_of_row_arrives_with_its_record(database: Database) -> None:
    lo, hi = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 1, 2, 3, 456, tzinfo=UTC)
    first = rows([(7, "an", " an"), (7, "an", "")], tokens=[(1, -(2**63)), (2, 2**63 - 1)], once=["CCCD |1"])
    last = rows([(8, "", "x")], spans=[(3, lo, hi)], quantities=[(4, -5, -inf, 0.1), (4, 0, 1e300, inf)])
    assert await _arrived(database, first, rows([]), last) == [
        [1, 1], [1, 2], [-(2**63), 2**63 - 1],
        [1, 1, 3], [7, 7, 8], ["an", "an", ""], [" an", "", "x"],
        [3], [3], [lo], [hi],
        [3, 3], [4, 4], [-5, 0], [-inf, 1e300], [0.1, inf],
        [1], ["CCCD |1"],
    ]  # fmt: skip


@given(any_.lists(any_.tuples(_TEXT, _TEXT), min_size=1, max_size=8))
def test_a_text_is_written_as_one_item_whatever_stands_in_it(texts: list[tuple[str, str]]) -> None:
    written = index_texts([rows([(1, word, whole) for word, whole in texts])])
    assert _read(written[5]) == [word for word, _ in texts]
    assert _read(written[6]) == [whole for _, whole in texts]


def _read(literal: str) -> list[str]:
    """An array literal as PostgreSQL reads one whose items are all quoted (manual, 8.15.6)."""
    found, at = [], 2
    while at < len(literal):
        item = ""
        while literal[at] != '"':
            at += literal[at] == "\\"
            item += literal[at]
            at += 1
        found.append(item)
        assert literal[at : at + 3] in ('","', '"}')
        at += 3
    return found


async def test_a_text_that_no_database_keeps_is_refused_and_not_cut_into_two(database: Database) -> None:
    bad = rows([(1, "a\0b", "c\0d"), (2, "an", "an")])
    with pytest.raises(asyncpg.CharacterNotInRepertoireError):
        await _arrived(database, bad)


@pytest.mark.usefixtures("dsn")
async def test_the_index_rows_of_a_record_lie_together(postgres: EmbeddedPostgres) -> None:
    """What one points at, and what else it meets, is then read from one page, as many as came with it."""
    people = [person(f"Nguyễn Thị Nằm Cạnh {number}") for number in range(300)]
    pages = "select count(*), count(distinct (ctid::text::point)[0]) from {} group by rid"
    async with elsewhere(postgres.dsn) as place:
        for table in ("token", "word"):
            await place.run(f"vacuum full {table}")  # no room on the pages of what came with the template
        async with place.database.transaction(place.loader.facility) as tx:
            await store.load(tx, place.loader, people)
            for table in ("token", "word"):
                on_pages = await tx.fetch(pages.format(table))
                assert len(on_pages) == len(people)
                assert min(rows_ for rows_, _on in on_pages) > 3
                assert sum(on for _rows, on in on_pages) <= 2 * len(people)


async def test_the_program_before_goes_on_writing_until_it_is_taken_away(
    postgres: EmbeddedPostgres, dsn: Callable[..., str]
) -> None:
    from benhan.core.db.migrate import contract

    async with elsewhere(postgres.dsn) as place:
        for call in FORMER.values():
            async with place.database.transaction(1) as tx:
                assert not await tx.fetchval(call)
        assert "0013_put_all.after" in await contract(place.dsn("postgres"))
        for call in FORMER.values():
            with pytest.raises(asyncpg.UndefinedFunctionError):
                async with place.database.transaction(1) as tx:
                    await tx.fetchval(call)
