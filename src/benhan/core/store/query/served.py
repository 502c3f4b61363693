"""What may be asked of a type, for the CapabilityStatement: read off the same table that answers it."""

from __future__ import annotations

from benhan.core.fhir.definitions import SearchParameter
from benhan.core.store.parameters import known
from benhan.core.store.query.kinds import TABLE
from benhan.core.store.records import NUMBERS

#: Kept as columns of the record: no index rows, always asked.
ON_RECORD = ("_id", "_lastUpdated")


def served(facility: int, type_name: str) -> list[tuple[SearchParameter, tuple[str, ...]]]:
    """The search parameters of a type that are answered, by code, with the modifiers each takes."""
    return [
        (one, () if code in ON_RECORD else tuple(name for name in TABLE[one.kind] if name))
        for code, one in sorted(known(facility, type_name).items())
        if code in ON_RECORD or (one.indexed and TABLE[one.kind])
    ]


def includes(facility: int, type_name: str) -> list[str]:
    """What `_include` takes for a type: `*` and each reference as `Type:code`."""
    return ["*", *(f"{type_name}:{one.code}" for one in _references(facility, type_name))]


def revincludes(facility: int, type_name: str) -> list[str]:
    """What `_revinclude` takes for a type: each reference of any type that may point at it."""
    return [
        f"{source}:{one.code}"
        for source in NUMBERS
        for one in _references(facility, source)
        if type_name in one.targets
    ]


def _references(facility: int, type_name: str) -> list[SearchParameter]:
    found = [one for one in known(facility, type_name).values() if one.kind == "reference" and one.indexed]
    return sorted(found, key=lambda one: one.code)
