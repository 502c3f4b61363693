"""The transaction, and the connections it goes over.

A transaction of a request begins when it is needed: a request that only looks (`look`, `shared`) never begins one. Each
of its questions is a transaction of its own, in one round trip that verifies the caller and binds the facility; the
rows it leaves (its audit) are committed together with those of other requests, before its answer leaves.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg

from benhan.core.db import wall
from benhan.core.db.entry import Entry, EntryLapsed, bound, columns, entered, entered_one, lapsed, unseen
from benhan.core.db.lanes import Busy, Connection, Lanes
from benhan.core.db.together import Together

#: The reach of a transaction that may see every facility: signing in, the change feed, the province's counts.
PLATFORM = -1
#: Failures that are not of one piece of work: the database is away, or does not keep up.
EVERYBODYS = OSError, asyncpg.InterfaceError, asyncpg.QueryCanceledError

_REFUSED = (
    "Phân quyền theo dòng không giữ được, từ chối chạy ({why}). Kết nối bằng vai trò như benhan_app."
    " Row-level security would not hold ({why}): connect as a role like benhan_app."
)

Row = asyncpg.Record
Q = TypeVar("Q")
A = TypeVar("A")
#: Does what arrived together in a facility, gives what became of each.
Do = Callable[["Database", int, Sequence[Q]], Awaitable[Sequence[A]]]


class Transaction:
    """One database transaction, bound to the facility whose records it may touch.

    The facility is `SET LOCAL`, so it ends with the transaction; row-level security reads it.
    """

    def __init__(self, database: Database, entry: Entry | None = None) -> None:
        self.database = database
        self._connection: Connection | None = None
        self._savepoints = 0
        self._over = False
        self._facility: int | None = None
        #: Who came in, where that was read before and is verified with the first question.
        self.entry = entry
        #: Whether the caller was verified by a statement of this transaction.
        self.verified = False
        #: Rows that go in with the commit, by the statement that inserts them (see `leave`).
        self.left: dict[str, list[Sequence[Any]]] = {}
        #: What a floor above keeps for the length of the transaction, by its own key.
        self.notes: dict[Any, Any] = {}
        #: From where it is asked for; the traces it leaves say so.
        self.address: str | None = None
        #: Whether records were written that the commit will keep.
        self.wrote = False

    async def reach(self, facility: int) -> None:
        """Bind the transaction to a facility (or to PLATFORM)."""
        await self.execute("select set_config('app.facility', $1, true)", str(facility))

    def bind(self, facility: int) -> None:
        """Bind the transaction to a facility when it begins."""
        self._facility = facility

    async def first(self, sql: str, *values: Any) -> Row | None:
        """The first row of a question by which the caller is found: before a facility is known, and her name."""
        if self._connection is not None:
            return await self.fetchrow(sql, *values)
        rows = await self.database.ask(sql, *values)
        return rows[0] if rows else None

    async def execute(self, sql: str, *values: Any) -> str:
        """Run a statement; gives PostgreSQL's command tag."""
        connection = self._connection or await self._begin()
        return await connection.execute(sql, *values)

    async def fetch(self, sql: str, *values: Any) -> list[Row]:
        """All rows of a query."""
        connection = self._connection or await self._begin()
        return await connection.fetch(sql, *values)

    async def fetchrow(self, sql: str, *values: Any) -> Row | None:
        """The first row of a query, if any."""
        connection = self._connection or await self._begin()
        return await connection.fetchrow(sql, *values)

    async def fetchval(self, sql: str, *values: Any) -> Any:
        """The first column of the first row."""
        connection = self._connection or await self._begin()
        return await connection.fetchval(sql, *values)

    async def look(self, sql: str, *values: Any) -> list[Row]:
        """All rows of a SELECT that locks nothing and calls nothing that writes."""
        if self._connection is not None or self.entry is None or self._over:
            return await self.fetch(sql, *values)
        self.verified = True
        return await self.database.look(self.entry, sql, values)

    @property
    def only_looks(self) -> bool:
        """Whether nothing has been begun so far, and questions may go each for itself."""
        return self._connection is None and self.entry is not None and not self._over

    async def shared(self, kind: str | None, piece: Q, do: Do[Q, A], at_once: int = 2) -> A:
        """A question (a look) asked together with like ones of other requests of the facility at this moment.

        `do` gets all that arrived together and gives the answer of each; it verifies the callers, and leaves the
        traces, in the same statement. Without a `kind` it is asked with nobody else.
        """
        if not self.only_looks:
            raise RuntimeError("shared() is for a request that has begun nothing")
        assert self.entry
        self.verified = True
        if kind is None:
            [answer] = await do(self.database, self.entry.facility, [piece])
            return answer
        return await self.database.together(kind, self.entry.facility, piece, do, at_once)

    async def alone(self, kind: str, piece: Q, do: Do[Q, A]) -> A:
        """As `shared`, for the one thing this request writes: committed when this returns. Nothing may follow.

        One batch at a time: while it is written and flushed to the disk, the next one gathers.
        """
        answer = await self.shared(kind, piece, do, at_once=1)
        self._over = True
        return answer

    def leave(self, sql: str, row: Sequence[Any]) -> None:
        """Leave a row to be inserted with the commit, as it is then. `sql` inserts from unnest of an array a column."""
        rows = self.left.get(sql)
        if rows is None:
            self.left[sql] = [row]
        else:
            rows.append(row)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part that may fail without failing the whole (one entry of a batch)."""
        connection = self._connection or await self._begin()
        before = self.wrote
        self._savepoints += 1
        name = f"part{self._savepoints}"
        await connection.execute(f"savepoint {name}")
        try:
            yield
        except BaseException:
            self.wrote = before
            await connection.execute(f"rollback to savepoint {name}; release savepoint {name}")
            raise
        await connection.execute(f"release savepoint {name}")

    async def verify(self) -> None:
        """Make sure that the caller still is who she was, if no question has done so yet.

        Raises:
            EntryLapsed: she is not.
        """
        if self.entry is not None and not self.verified:
            await self.look("select 1 as one")

    async def commit(self) -> None:
        """Keep what was written and what was left; the transaction is over."""
        self._over = True
        if (connection := self._connection) is None:
            if self.left:
                facility = self.entry.facility if self.entry else self._facility
                assert facility is not None, "rows are left for a facility"
                await self.database.leave(facility, self.left)
            return
        for sql, rows in self.left.items():
            await connection.execute(sql, *columns(rows))
        await connection.execute("commit")
        self._connection = None
        self.database.lanes.give_back(connection)

    async def roll_back(self) -> None:
        """Take back what was written; the transaction is over."""
        self._over = True
        if (connection := self._connection) is not None:
            self._connection = None
            await self.database.lanes.take_back(connection)

    async def _begin(self) -> Connection:
        if self._over:
            raise RuntimeError("this transaction is over")
        connection = await self.database.lanes.take()
        self._connection = connection
        if self.entry is None:
            bound = "" if self._facility is None else f"; select reach({self._facility:d})"
            await connection.execute(f"begin{bound}")
            return connection
        # A hash and a number of our own: nothing of the caller's is in this text.
        enter = rf"select enter('\x{self.entry.token.hex()}'::bytea, {self.entry.stamp})"
        try:
            await connection.execute(f"begin; {enter}")
        except asyncpg.PostgresError as error:
            raise lapsed(error) from None
        self.verified = True
        return connection


class Database:
    """The connections of this process to the record store."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        #: What a floor above keeps for as long as the connections, by its own key.
        self.kept: dict[Any, Any] = {}
        self._kinds: dict[tuple[str, int], Together[Any, Any]] = {}
        self._left: dict[tuple[int, str], Together[list[Sequence[Any]], None]] = {}

    @classmethod
    async def connect(cls, dsn: str, *, size: int = 10, statement_seconds: int = 10) -> Database:
        """Open the first connection; more are made as they are needed.

        Raises:
            OSError, asyncpg.PostgresError: the database cannot be reached or refuses us.
            WallOpen: the role could step around row-level security, or a table stands open.
        """
        made = await cls.as_owner(dsn, size=size, statement_seconds=statement_seconds)
        if why := await wall.hole(made.ask):
            await made.close()
            raise wall.WallOpen(_REFUSED.format(why=why))
        return made

    @classmethod
    async def as_owner(cls, dsn: str, *, size: int = 2, statement_seconds: int = 600) -> Database:
        """As `connect`, for an operator's command as the owner of the tables. It serves nobody.

        Raises:
            OSError, asyncpg.PostgresError: the database cannot be reached or refuses us.
        """
        settings = {
            "application_name": "benhan",
            "statement_timeout": f"{statement_seconds}s",
            "idle_in_transaction_session_timeout": "60s",
        }
        lanes = Lanes(dsn, size, settings)
        lanes.give_back(await lanes.take())
        return cls(lanes)

    def request(self) -> Transaction:
        """The transaction of a request. Whoever opens it ends it by `commit` or `roll_back`."""
        return Transaction(self)

    @asynccontextmanager
    async def transaction(self, facility: int | None = None) -> AsyncIterator[Transaction]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Without a facility it reaches nothing until `reach` is called.
        """
        tx = Transaction(self)
        try:
            if facility is not None:
                tx.bind(facility)
            yield tx
            await tx.commit()
        except BaseException:
            await tx.roll_back()
            raise

    async def look(self, entry: Entry, sql: str, values: Sequence[Any]) -> list[Row]:
        """A SELECT in a transaction of its own, in one round trip; the caller is verified in it.

        Raises:
            EntryLapsed: she is not who she was.
        """
        return await self.ask(entered_one(sql, len(values)), *values, entry.token, entry.stamp)

    async def together(self, kind: str, facility: int, piece: Q, do: Do[Q, A], at_once: int) -> A:
        """Do something with what others of the facility want done of the same kind at this moment.

        `at_once` batches of a kind go at a time.
        """
        together = self._kinds.get((kind, facility))
        if together is None:

            async def all_of(pieces: Sequence[Q]) -> Sequence[A]:
                return await do(self, facility, pieces)

            together = self._kinds[kind, facility] = Together(all_of, at_once, EVERYBODYS)
        try:
            answer: A = await together.ask(piece)
        finally:
            if together.idle and self._kinds.get((kind, facility)) is together:
                del self._kinds[kind, facility]  # a kind may be the text of a search: there is no end of them
        return answer

    async def leave(self, facility: int, left: dict[str, list[Sequence[Any]]]) -> None:
        """Insert rows that requests leave, together with those of others, in one commit for all."""
        for sql, rows in left.items():
            together = self._left.get((facility, sql))
            if together is None:
                together = self._left[facility, sql] = Together(self._inserter(facility, sql), fate=EVERYBODYS)
            await together.ask(rows)

    async def close(self) -> None:
        """Close every connection."""
        await self.lanes.close()

    def terminate(self) -> None:
        """Drop every connection at once, without a farewell."""
        self.lanes.terminate()

    async def ask(self, sql: str, *values: Any) -> list[Row]:
        """One statement, one transaction, one round trip."""
        connection = await self.lanes.take()
        try:
            return await connection.fetch(sql, *values)
        except asyncpg.PostgresError as error:
            raise lapsed(error) from None
        finally:
            self.lanes.give_back(connection)

    def _inserter(self, facility: int, sql: str) -> Callable[[Sequence[list[Sequence[Any]]]], Any]:
        statement = bound(sql)

        async def insert(left: Sequence[list[Sequence[Any]]]) -> list[None]:
            rows = [row for one in left for row in one]
            await self.ask(statement, *columns(rows), facility)
            return [None] * len(left)

        return insert


__all__ = ["PLATFORM", "Busy", "Database", "Entry", "EntryLapsed", "Row", "Transaction", "entered", "unseen"]
