"""The record store: write, read, search, history, change feed, over FHIR R4 resources.

Every function takes the transaction and the Subject, asks `core.access`, and leaves an audit event in the same
transaction. Called by every department, by the API and by the loader. Source: house.md, "The record store";
HL7 FHIR R4 RESTful API.
"""

from benhan.core.store.buttons import may_now
from benhan.core.store.copying import copied
from benhan.core.store.history import Version, history, vread
from benhan.core.store.load import load
from benhan.core.store.read import read, read_many
from benhan.core.store.records import reference
from benhan.core.store.search import Page, first, search
from benhan.core.store.series import number, tried
from benhan.core.store.together import create_alone, write_all
from benhan.core.store.write import AlreadyExists, change, create, delete, put, update

__all__ = [
    "AlreadyExists",
    "Page",
    "Version",
    "change",
    "copied",
    "create",
    "create_alone",
    "delete",
    "first",
    "history",
    "load",
    "may_now",
    "number",
    "put",
    "read",
    "read_many",
    "reference",
    "search",
    "tried",
    "update",
    "vread",
    "write_all",
]
