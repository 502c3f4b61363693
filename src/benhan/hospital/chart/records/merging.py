"""Two people write the same record: field by field, and never silently over each other. Pure.

A page carries a seal: a fingerprint of each unit as its writer saw it. A unit is taken over when only she changed
it; where somebody else changed the same unit meanwhile, both go back and a person chooses (as the consultation's
note does).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b

import msgspec

from benhan.hospital.chart.records.answers import Flat
from benhan.hospital.chart.records.entries import Said, Unit, texts


class Merged(msgspec.Struct, frozen=True):
    """The units to be written, and those that two people changed."""

    found: dict[str, Said]
    clashes: list[Unit]


def seal(units: Iterable[Unit], said: Flat) -> str:
    """The fingerprints of these units, in their order: what the field `version` of a page carries."""
    return "-".join(_fingerprint(texts(one, said)) for one in units)


def merge(units: list[Unit], stored: Flat, typed: Mapping[str, Said], seen: str) -> Merged:
    """Three ways: what stands there, what was typed, what the writer had seen (a seal of the same units)."""
    before = dict(zip((one.key for one in units), seen.split("-"), strict=False))
    found: dict[str, Said] = {}
    clashes = []
    for one in units:
        if one.key not in typed:
            continue
        mine, theirs = (_fingerprint(texts(one, said)) for said in (typed[one.key], stored))
        seen_then = before.get(one.key, "")
        if mine in (seen_then, theirs):
            continue
        if theirs != seen_then:
            clashes.append(one)
        found[one.key] = typed[one.key]
    return Merged(found, clashes)


def _fingerprint(written: tuple[str, ...]) -> str:
    return blake2b("\x1f".join(written).encode(), digest_size=4).hexdigest()
