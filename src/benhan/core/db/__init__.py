"""PostgreSQL: pool, transactions, migrations, and the embedded server.

One `Transaction` per request, opened by the edge (`core.access.doors`); nobody else commits.
"""

from benhan.core.db.database import PLATFORM, Busy, Database, Entry, EntryLapsed, Row, Transaction, entered, unseen
from benhan.core.db.migrate import create_database, migrate, pending
from benhan.core.db.wall import WallOpen

__all__ = [
    "PLATFORM",
    "Busy",
    "Database",
    "Entry",
    "EntryLapsed",
    "Row",
    "Transaction",
    "WallOpen",
    "create_database",
    "entered",
    "migrate",
    "pending",
    "unseen",
]
