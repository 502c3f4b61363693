"""`CapabilityStatement`: what is true, read off the tables the server works by."""

from __future__ import annotations

from functools import cache

import msgspec

import benhan
from benhan.core.fhir import codec, r4
from benhan.core.fhir.search import PARAMETERS


class Operation(msgspec.Struct, frozen=True):
    """One `$name`, as the CapabilityStatement declares it. API modules list theirs as `OPERATIONS`.

    `types`: resource types it stands under; ("*",) for every type; () for the system alone (`/fhir/$name`).
    """

    name: str
    definition: str
    types: tuple[str, ...] = ()
    documentation: str | None = None


INTERACTIONS = ("read", "vread", "update", "delete", "history-instance", "create", "search-type")
#: Kinds of search parameters that the store answers today.
SUPPORTED = frozenset({"token", "string", "date", "reference", "uri"})


@cache
def capability_statement(base: str, operations: tuple[Operation, ...] = ()) -> r4.CapabilityStatement:
    """This server's CapabilityStatement, with the operations of the modules that publish doors."""
    types = sorted(codec.type_name(type_) for type_ in r4.RESOURCES)
    return r4.CapabilityStatement(
        status="active",
        date="2026-11-21",
        kind="instance",
        publisher="Benhan",
        software=r4.CapabilityStatementSoftware(name="Benhan", version="0.1.0"),
        implementation=r4.CapabilityStatementImplementation(description=benhan.__doc__ or "Benhan", url=base),
        fhirVersion="4.0.1",
        format=["json"],
        rest=[
            r4.CapabilityStatementRest(
                mode="server",
                security=r4.CapabilityStatementRestSecurity(
                    description="Bearer token with SMART v2 system scopes; every act is audited."
                ),
                resource=[_resource(name, operations) for name in types],
                interaction=[r4.CapabilityStatementRestInteraction(code=code) for code in ("transaction", "batch")],
                operation=[_operation(one) for one in operations if not one.types] or None,
            )
        ],
    )


def _operation(one: Operation) -> r4.CapabilityStatementRestResourceOperation:
    return r4.CapabilityStatementRestResourceOperation(
        name=one.name, definition=one.definition, documentation=one.documentation
    )


def _resource(name: str, operations: tuple[Operation, ...]) -> r4.CapabilityStatementRestResource:
    parameters = [p for p in PARAMETERS.get(name, {}).values() if p.kind in SUPPORTED and p.indexed]
    return r4.CapabilityStatementRestResource(
        type=name,
        interaction=[r4.CapabilityStatementRestResourceInteraction(code=code) for code in INTERACTIONS],
        versioning="versioned-update",
        readHistory=True,
        updateCreate=True,
        conditionalCreate=True,
        conditionalUpdate=True,
        conditionalDelete="not-supported",
        searchParam=[
            r4.CapabilityStatementRestResourceSearchParam(name=p.code, type=p.kind)
            for p in sorted(parameters, key=lambda p: p.code)
        ]
        or None,
        operation=[_operation(one) for one in operations if name in one.types or "*" in one.types] or None,
        searchInclude=[f"{name}:{p.code}" for p in parameters if p.kind == "reference"] or None,
    )
