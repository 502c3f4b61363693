"""`CapabilityStatement`: what is true, read off the tables the server works by.

Interactions come from the doors that are open, search parameters from the table that understands searches, operations
from the modules that publish them. What is not in those tables is not declared, and is refused.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import version
from typing import Any

import msgspec

import benhan
from benhan.core.api import audit_events
from benhan.core.api.smart import AUTHORIZE, INTROSPECT, REVOKE, TOKEN
from benhan.core.fhir import codec, r4
from benhan.core.fhir.definitions import SearchParameter
from benhan.core.store.parameters import generation
from benhan.core.store.query import served
from benhan.core.store.subscriptions.plan import BACKPORT, PROFILE
from benhan.core.store.subscriptions.topics import OFFERED


class Operation(msgspec.Struct, frozen=True):
    """One `$name`, as the CapabilityStatement declares it. API modules list theirs as `OPERATIONS`.

    `types`: resource types it stands under; ("*",) for every type; () for the system alone (`/fhir/$name`).
    """

    name: str
    definition: str
    types: tuple[str, ...] = ()
    documentation: str | None = None


#: The search parameters of a type, with the modifiers each takes.
Asked = list[tuple[SearchParameter, tuple[str, ...]]]

#: Method and address of a door → the interaction it is. In the order of the standard.
OF_TYPES = {
    ("GET", "/fhir/{type}/{id}"): "read",
    ("GET", "/fhir/{type}/{id}/_history/{vid}"): "vread",
    ("PUT", "/fhir/{type}/{id}"): "update",
    ("PATCH", "/fhir/{type}/{id}"): "patch",
    ("DELETE", "/fhir/{type}/{id}"): "delete",
    ("GET", "/fhir/{type}/{id}/_history"): "history-instance",
    ("GET", "/fhir/{type}/_history"): "history-type",
    ("POST", "/fhir/{type}"): "create",
    ("GET", "/fhir/{type}"): "search-type",
}
OF_SYSTEM = {
    ("POST", "/fhir"): ("transaction", "batch"),
    ("GET", "/fhir"): ("search-system",),
    ("GET", "/fhir/_history"): ("history-system",),
}
#: What the wire speaks (`wire.py`) and which patches are read (`patches.py`).
FORMATS = ["json", "xml", "application/fhir+json", "application/fhir+xml"]
PATCH_FORMATS = ["application/json-patch+json", "application/fhir+json", "application/fhir+xml"]
#: When the answers below last changed their meaning.
DATE = "2026-11-22"


def statement(app: Any, base: str, facility: int = 0) -> bytes:
    """The CapabilityStatement as bytes, made anew where the search parameters of the facility changed."""
    return _kept(app, base, facility, generation())


@lru_cache(64)
def _kept(app: Any, base: str, facility: int, _generation: int) -> bytes:
    return codec.encode(capability_statement(app, base, facility))


def capability_statement(app: Any, base: str, facility: int = 0) -> r4.CapabilityStatement:
    """This server's CapabilityStatement: of the doors that the application `app` has open."""
    open_ = {(method, plain(door.path)) for door in app.state.doors for method in getattr(door, "methods", ("GET",))}
    operations: tuple[Operation, ...] = app.state.operations
    system = [code for place, codes in OF_SYSTEM.items() if place in open_ for code in codes]
    asked = {name: served(facility, name) for name in TYPES}
    pointing: dict[str, list[str]] = {name: [] for name in TYPES}
    for name, parameters in asked.items():
        for target, code in ((target, one.code) for one, _modifiers in parameters for target in one.targets):
            pointing[target].append(f"{name}:{code}")
    return r4.CapabilityStatement(
        status="active",
        date=DATE,
        kind="instance",
        publisher="Benhan",
        software=r4.CapabilityStatementSoftware(name="Benhan", version=version("benhan")),
        implementation=r4.CapabilityStatementImplementation(description=benhan.__doc__ or "Benhan", url=base),
        fhirVersion="4.0.1",
        format=FORMATS,
        patchFormat=PATCH_FORMATS if ("PATCH", "/fhir/{type}/{id}") in open_ else None,
        rest=[
            r4.CapabilityStatementRest(
                mode="server",
                security=_security(base),
                resource=[_resource(name, open_, operations, asked[name], pointing[name]) for name in TYPES],
                interaction=[r4.CapabilityStatementRestInteraction(code=code) for code in system],
                operation=[_operation(one) for one in operations if not one.types] or None,
            )
        ],
    )


def _security(base: str) -> r4.CapabilityStatementRestSecurity:
    """How programs come in (SMART App Launch 2.2, 2.1.2; the same as `.well-known/smart-configuration`)."""
    here = base.removesuffix("/fhir")
    places = {"authorize": AUTHORIZE, "token": TOKEN, "introspect": INTROSPECT, "revoke": REVOKE}
    return r4.CapabilityStatementRestSecurity(
        extension=[
            r4.Extension(
                url="http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
                extension=[r4.Extension(url=name, valueUri=here + path) for name, path in places.items()],
            )
        ],
        cors=True,
        service=[
            r4.CodeableConcept(
                coding=[
                    r4.Coding(
                        system="http://terminology.hl7.org/CodeSystem/restful-security-service",
                        code="SMART-on-FHIR",
                    )
                ]
            )
        ],
        description="SMART App Launch 2.2; bearer tokens of minutes; every act is audited, refusals too.",
    )


TYPES = sorted(codec.type_name(type_) for type_ in r4.RESOURCES)


def plain(path: str) -> str:
    """The address of a door without the kinds of its parameters: `/fhir/{type}/{id}`."""
    return path.replace(":resource}", "}").replace(":one}", "}")


def _operation(one: Operation) -> r4.CapabilityStatementRestResourceOperation:
    return r4.CapabilityStatementRestResourceOperation(
        name=one.name, definition=one.definition, documentation=one.documentation
    )


def _resource(
    name: str,
    open_: set[tuple[str, str]],
    operations: tuple[Operation, ...],
    asked: Asked,
    pointing: list[str],
) -> r4.CapabilityStatementRestResource:
    if name == audit_events.NAME:
        return _audit_events()
    codes = [code for place, code in OF_TYPES.items() if place in open_]
    parameters = [_parameter(one, modifiers) for one, modifiers in asked]
    follows = [f"{name}:{one.code}" for one, _modifiers in asked if one.kind == "reference"]
    return r4.CapabilityStatementRestResource(
        type=name,
        profile=f"http://hl7.org/fhir/StructureDefinition/{name}",
        supportedProfile=[PROFILE] if name == "Subscription" else None,
        extension=_topics() if name == "Subscription" else None,
        interaction=[r4.CapabilityStatementRestResourceInteraction(code=code) for code in codes],
        versioning="versioned-update",
        readHistory="vread" in codes,
        updateCreate="update" in codes,
        conditionalCreate="create" in codes,
        conditionalRead="full-support",
        conditionalUpdate=("PUT", "/fhir/{type}") in open_,
        conditionalDelete="multiple" if ("DELETE", "/fhir/{type}") in open_ else "not-supported",
        referencePolicy=["literal", "logical", "local"],
        searchParam=parameters or None,
        searchInclude=["*", *follows],
        searchRevInclude=pointing or None,
        operation=[_operation(one) for one in operations if name in one.types or "*" in one.types] or None,
    )


def _audit_events() -> r4.CapabilityStatementRestResource:
    """The audit: read at doors of its own, written by the program alone."""
    return r4.CapabilityStatementRestResource(
        type=audit_events.NAME,
        profile=f"http://hl7.org/fhir/StructureDefinition/{audit_events.NAME}",
        documentation="Read-only; newest first; the shape of IHE BALP. Reading it is itself audited.",
        interaction=[r4.CapabilityStatementRestResourceInteraction(code=code) for code in ("read", "search-type")],
        versioning="no-version",
        searchParam=[
            r4.CapabilityStatementRestResourceSearchParam(
                name=name, type=kind, definition=f"http://hl7.org/fhir/SearchParameter/{audit_events.NAME}-{name}"
            )
            for name, kind in audit_events.PARAMETERS.items()
        ],
    )


def _topics() -> list[r4.Extension]:
    """The topics that can be subscribed to (Subscriptions R5 Backport)."""
    url = f"{BACKPORT}/capabilitystatement-subscriptiontopic-canonical"
    return [r4.Extension(url=url, valueCanonical=topic.url) for topic in OFFERED]


def _parameter(one: SearchParameter, modifiers: tuple[str, ...]) -> r4.CapabilityStatementRestResourceSearchParam:
    return r4.CapabilityStatementRestResourceSearchParam(
        name=one.code,
        type=one.kind,
        definition=f"http://hl7.org/fhir/SearchParameter/{one.definition}" if one.definition else None,
        documentation=f"Modifiers: {' '.join(f':{modifier}' for modifier in modifiers)}" if modifiers else None,
    )
