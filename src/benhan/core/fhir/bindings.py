"""Value sets that are bound as required: a code outside is an error.

Standard: FHIR R4, section 4.1.5 (binding strengths). Extensible and preferred bindings refuse nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benhan.core.fhir.formats import OPEN_SETS
from benhan.core.fhir.rules import rules
from benhan.core.language import _

Binding = Callable[[Any], str | None]


def binding_check(value_set: str, fhir_type: str) -> Binding:
    """A check of a code, Coding, CodeableConcept or Quantity against a value set of `rules.json`."""
    content = rules().valueSets[value_set]
    if isinstance(content, str):
        check = OPEN_SETS[content]
        return check if fhir_type == "code" else lambda value: check(value.code) if value.code else None
    codes = codes_of(value_set)
    if fhir_type == "Coding":
        pairs = _pairs(content)
        return lambda value: None if (value.system, value.code) in pairs else _outside(value.code, value_set)
    if fhir_type == "CodeableConcept":
        return _concept_check(_pairs(content), value_set)
    if fhir_type == "Quantity":
        return lambda value: None if value.code in codes else _outside(value.code, value_set)
    return lambda value: None if value in codes else _outside(value, value_set)


def codes_of(value_set: str) -> frozenset[str]:
    """The codes of a value set whatever their system; empty for an open one."""
    content = rules().valueSets[value_set]
    return frozenset() if isinstance(content, str) else frozenset(c for g in content.values() for c in g)


def _pairs(content: dict[str, tuple[str, ...]]) -> frozenset[tuple[str, str]]:
    return frozenset((system, code) for system, group in content.items() for code in group)


def _concept_check(pairs: frozenset[tuple[str, str]], value_set: str) -> Binding:
    def check(value: Any) -> str | None:
        codings = value.coding or ()
        if any((coding.system, coding.code) in pairs for coding in codings):
            return None
        return _outside(codings[0].code if codings else None, value_set)

    return check


def _outside(code: str | None, value_set: str) -> str:
    if code:
        return _("mã “%(code)s” không thuộc danh mục bắt buộc %(set)s", code=code, set=value_set)
    return _("thiếu mã của %(set)s", set=value_set)
