"""Whatever bytes arrive, reading them gives a resource or a Problem, never anything else."""

from __future__ import annotations

import json
import os
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from benhan.core.fhir import codec, search, validation
from benhan.core.fhir.outcome import Problem

#: `BENHAN_FUZZ=10000` in the nightly run.
CASES = int(os.environ.get("BENHAN_FUZZ", "500"))
KEYS = st.sampled_from(
    ["resourceType", "id", "name", "family", "given", "birthDate", "_birthDate", "extension", "url",
     "valueDecimal", "valueString", "contained", "reference", "subject", "code", "coding", "status",
     "system", "value", "period", "start", "meta", "deceasedBoolean", "item", "answer", "entry", "resource"]
)  # fmt: skip
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["Patient", "Observation", "Bundle", "2026-02-30", "9999-12-31", "0001", "Patient/1"]),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=6)),
    max_leaves=25,
)


def _whole_way(body: bytes) -> None:
    try:
        resource = codec.decode(body)
        assert codec.decode(codec.encode(resource)) == resource
        validation.check(resource)
        search.index(resource)
    except Problem as problem:
        assert codec.encode(problem.outcome())


@settings(max_examples=CASES)
@given(st.binary(max_size=200))
def test_any_bytes(body: bytes) -> None:
    _whole_way(body)


@settings(max_examples=CASES)
@given(st.sampled_from(["Patient", "Observation", "Bundle", "Encounter"]), st.dictionaries(KEYS, JSON))
def test_any_json_that_looks_like_a_resource(kind: str, content: dict[str, Any]) -> None:
    _whole_way(json.dumps({**content, "resourceType": kind}).encode())
