"""The SearchParameter resources we show: valid, and of exactly what is served."""

from __future__ import annotations

from benhan.core.fhir import custom, validation
from benhan.core.fhir.search import PARAMETERS
from benhan.core.store import published_parameters


def test_each_is_valid_and_is_not_taken_for_a_facilitys_own() -> None:
    for one in published_parameters.resources():
        assert validation.validate(one) == [], one.id
        assert custom.is_base(one)


def test_everything_that_is_served_is_shown_and_what_is_not_is_not() -> None:
    shown = {(base, one.code) for one in published_parameters.resources() for base in one.base or ()}
    for name, own in PARAMETERS.items():
        for code, one in own.items():
            general = {("Resource", code), ("DomainResource", code)} & shown
            served = one.indexed or code in published_parameters.ON_RECORD
            assert bool({(name, code)} & shown or general) == served, f"{name}.{code}"
