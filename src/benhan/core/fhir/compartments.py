"""Compartments: which records belong to a patient, a visit, a practitioner, a device, a related person.

Standard: HL7 FHIR R4, 2.31 (CompartmentDefinition). Asked by `$everything` and by searches such as
`Patient/[id]/Observation`.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from benhan.core.fhir.search import PARAMETERS, SearchParameter


@cache
def compartments() -> dict[str, dict[str, list[str]]]:
    """Compartment → type → codes of the search parameters that make a record part of it."""
    body = files("benhan.core.fhir.r4").joinpath("compartments.json").read_bytes()
    table: dict[str, Any] = msgspec.json.decode(body)
    return {name: members for name, members in table.items() if name != "source"}


@cache
def parameters(compartment: str, type_name: str) -> tuple[SearchParameter, ...]:
    """The search parameters by which a record of a type belongs to a compartment; none when it cannot.

    The record that a compartment is named for (the Patient of the patient's) belongs to it by its own id.
    """
    codes = compartments().get(compartment, {}).get(type_name, ())
    return tuple(PARAMETERS[type_name][code] for code in codes if code in PARAMETERS[type_name])


@cache
def types(compartment: str) -> tuple[str, ...]:
    """The types of records a compartment may hold, its own among them."""
    return tuple(sorted({compartment, *compartments().get(compartment, {})}))
