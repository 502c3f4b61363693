"""Whatever bytes arrive, reading them gives a resource or a Problem, never anything else."""

from __future__ import annotations

import json
import os
import struct
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from benhan.core.fhir import codec, search, validation
from benhan.core.fhir.outcome import Problem

#: `BENHAN_FUZZ=10000` in the nightly run.
CASES = int(os.environ.get("BENHAN_FUZZ", "500"))
KEYS = (
    "resourceType", "id", "name", "family", "given", "birthDate", "_birthDate", "extension", "url", "valueDecimal",
    "valueString", "contained", "reference", "subject", "code", "coding", "status", "system", "value", "period",
    "start", "meta", "deceasedBoolean", "item", "answer", "entry", "resource",
)  # fmt: skip
KINDS = ("Patient", "Observation", "Bundle", "Encounter")
WORDS = ("Patient", "Observation", "Bundle", "2026-02-30", "9999-12-31", "0001", "Patient/1", "", "\x00", "\ud7ff", "ắ")


def _scalar(chance: Random) -> Any:
    """A value without parts: empty, true or false, a number of any size, words that mean something or nothing."""
    match chance.randrange(6):
        case 0:
            return None
        case 1:
            return chance.random() < 0.5
        case 2:
            return chance.randrange(-(10 ** chance.randrange(1, 40)), 10 ** chance.randrange(1, 40))
        case 3:
            return struct.unpack("d", chance.randbytes(8))[0]
        case 4:
            return "".join(map(chr, (chance.randrange(1, 0xD800) for _ in range(chance.randrange(20)))))
    return chance.choice(WORDS)


def _json(chance: Random, depth: int = 4) -> Any:
    """Any JSON, with the names of FHIR."""
    shape = chance.random()
    if not depth or shape < 0.4:
        return _scalar(chance)
    if shape < 0.7:
        return [_json(chance, depth - 1) for _ in range(chance.randrange(4))]
    return {chance.choice(KEYS): _json(chance, depth - 1) for _ in range(chance.randrange(6))}


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


def test_any_json_that_looks_like_a_resource() -> None:
    """Made from one seed, four times as many: hypothesis takes a hundred times as long to think of them."""
    chance = Random(20261123)
    for _ in range(4 * CASES):
        content = {chance.choice(KEYS): _json(chance) for _ in range(chance.randrange(4))}
        body = json.dumps({**content, "resourceType": chance.choice(KINDS)}).encode()
        try:
            _whole_way(body)
        except Exception as error:
            raise AssertionError(body) from error
