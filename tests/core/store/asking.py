"""The same search asked in both ways: step by step in a transaction, and in one statement as a request asks it."""

from __future__ import annotations

from typing import Any

from benhan.core.access import Subject
from benhan.core.access.accounts import create_client, hashed
from benhan.core.db import Database, Entry, Transaction
from benhan.core.store.search import Answer, find

_entries: dict[tuple[Database, int], Entry] = {}


async def asked(database: Database, who: Subject, type_name: str, params: dict[str, Any]) -> Answer:
    """The answer, which is the same in both ways."""
    async with database.transaction(who.facility) as tx:
        steps = await find(tx, who, [type_name], params)
    request = Transaction(database, await _entry(database, who.facility))
    whole = await find(request, who, [type_name], params, alone=True)
    await request.commit()
    assert [one.key for one in whole.found] == [one.key for one in steps.found]
    assert {(one.type, one.body) for one in whole.included} == {(one.type, one.body) for one in steps.included}
    assert (whole.total, whole.next, whole.cut) == (steps.total, steps.next, steps.cut)
    return whole


async def _entry(database: Database, facility: int) -> Entry:
    """How a program of the facility comes in."""
    if (database, facility) not in _entries:
        async with database.transaction(facility) as tx:
            token = await create_client(tx, facility, "hai cách", "system/*.cruds")
        row = await Transaction(database).first("select stamp from holder($1, true)", hashed(token))
        assert row
        _entries[database, facility] = Entry(hashed(token), row["stamp"], facility)
    return _entries[database, facility]
