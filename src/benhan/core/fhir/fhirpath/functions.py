"""All functions, by importing the rooms where they are."""

from __future__ import annotations

from benhan.core.fhir.fhirpath import collections, conversions, numbers, records, texts
from benhan.core.fhir.fhirpath.registry import FUNCTIONS

__all__ = ["FUNCTIONS", "collections", "conversions", "numbers", "records", "texts"]
