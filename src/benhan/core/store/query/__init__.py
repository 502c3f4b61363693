"""What is asked of the record store: parameters → conditions → the SQL of each. Pure: nothing here touches a database.

`parse` understands a search; `clauses`, `combined` and `links` are the conditions; `kinds` says which modifiers each
kind of parameter takes. Called by `store/search.py` and `store/counting.py`. Standard: HL7 FHIR R4, 3.1.1 (search).
"""

from benhan.core.store.query.clauses import Clause, IndexClause
from benhan.core.store.query.combined import is_on_record
from benhan.core.store.query.kinds import TABLE, Pending
from benhan.core.store.query.parse import May, Params, UnknownParameter, parse
from benhan.core.store.query.results import MAX_COUNT, Include, Query, SortKey
from benhan.core.store.query.served import includes, revincludes, served

__all__ = [
    "MAX_COUNT",
    "TABLE",
    "Clause",
    "Include",
    "IndexClause",
    "May",
    "Params",
    "Pending",
    "Query",
    "SortKey",
    "UnknownParameter",
    "includes",
    "is_on_record",
    "parse",
    "revincludes",
    "served",
]
