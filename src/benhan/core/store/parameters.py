"""Search parameters as a facility knows them: R4's and our own."""

from __future__ import annotations

from collections.abc import Mapping

from benhan.core.fhir.search import PARAMETERS, SearchParameter


def parameter(facility: int, type_name: str, code: str) -> SearchParameter | None:
    """The search parameter of a type by its code, if there is one."""
    return known(facility, type_name).get(code)


def known(_facility: int, type_name: str) -> Mapping[str, SearchParameter]:
    """Every search parameter of a type, by code."""
    return PARAMETERS.get(type_name, {})
