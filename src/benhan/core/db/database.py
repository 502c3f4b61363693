"""The pool and the transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

#: The reach of a transaction that may see every facility: signing in, the change feed, the province's counts.
PLATFORM = -1

Flush = Callable[["Transaction"], Coroutine[Any, Any, None]]


class Transaction:
    """One database transaction, bound to the facility whose records it may touch.

    The facility is `SET LOCAL`, so it ends with the transaction; row-level security reads it.
    """

    def __init__(self, connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record]) -> None:
        self._connection = connection
        #: Rows that must be written before the commit (the audit trail puts itself here).
        self.before_commit: list[Flush] = []
        #: What a floor above keeps for the length of the transaction, by its own key.
        self.notes: dict[str, Any] = {}
        #: Whether records were written that the commit will keep.
        self.wrote = False

    async def reach(self, facility: int) -> None:
        """Bind the transaction to a facility (or to PLATFORM)."""
        await self.execute("select set_config('app.facility', $1, true)", str(facility))

    async def execute(self, sql: str, *values: Any) -> str:
        """Run a statement; gives PostgreSQL's command tag."""
        return await self._connection.execute(sql, *values)

    async def fetch(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        """All rows of a query."""
        return await self._connection.fetch(sql, *values)

    async def fetchrow(self, sql: str, *values: Any) -> asyncpg.Record | None:
        """The first row of a query, if any."""
        return await self._connection.fetchrow(sql, *values)

    async def fetchval(self, sql: str, *values: Any) -> Any:
        """The first column of the first row."""
        return await self._connection.fetchval(sql, *values)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part that may fail without failing the whole (one entry of a batch)."""
        before = self.wrote
        try:
            async with self._connection.transaction():
                yield
        except BaseException:
            self.wrote = before
            raise


class Database:
    """The connections of this process to the record store."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    @classmethod
    async def connect(cls, dsn: str, *, size: int = 10, statement_seconds: int = 10) -> Database:
        """Open the pool.

        Raises:
            OSError, asyncpg.PostgresError: the database cannot be reached or refuses us.
        """
        pool = await asyncpg.create_pool(
            dsn,
            min_size=min(2, size),
            max_size=size,
            server_settings={
                "application_name": "benhan",
                "statement_timeout": f"{statement_seconds}s",
                "idle_in_transaction_session_timeout": "60s",
            },
            reset=_as_it_was,
        )
        return cls(pool)

    @asynccontextmanager
    async def transaction(self, facility: int | None = None) -> AsyncIterator[Transaction]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Without a facility it reaches nothing until `reach` is called.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            tx = Transaction(connection)
            if facility is not None:
                await tx.reach(facility)
            yield tx
            for flush in tx.before_commit:
                await flush(tx)

    async def role_can_bypass(self) -> str | None:
        """Why the connected role must not serve requests: it could step around row-level security."""
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(
                "select rolname, rolsuper, rolbypassrls,"
                " exists(select from pg_class where relname = 'resource' and relowner = r.oid) as owner"
                " from pg_roles r where rolname = current_user"
            )
        assert row is not None
        reasons = [word for word in ("rolsuper", "rolbypassrls", "owner") if row[word]]
        return f"{row['rolname']}: {', '.join(reasons)}" if reasons else None

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    def terminate(self) -> None:
        """Drop every connection at once, without a farewell."""
        self._pool.terminate()


async def _as_it_was(_connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """What a connection needs before the next request: nothing. Settings and locks end with the transaction.

    asyncpg would ask the server to forget them, one more round trip a request.
    """
