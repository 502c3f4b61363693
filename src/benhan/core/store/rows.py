"""A record as rows: what `put` and COPY write. Pure."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec

from benhan.core.fhir import codec, r4, search
from benhan.core.kit.text import fold
from benhan.core.store.uniqueness import once

#: The version of the rules below and in `core.fhir.search`. Raise it with every change of what is indexed: at the next
#: start the records are indexed again in the background (`store/reindex.py`).
INDEX_VERSION = 1
WORD_LIMIT = 64
#: Codes of the search parameters that name the patient whose compartment a record is in.
COMPARTMENT = ("patient", "subject")


class Rows(msgspec.Struct):
    """The index rows of one record, by table."""

    patient: str | None
    tokens: list[tuple[int, int]]
    words: list[tuple[int, str, str]]
    spans: list[tuple[int, datetime, datetime]]
    quantities: list[tuple[int, int, float, float]]
    once: list[str]


@lru_cache(65536)
def hash64(text: str) -> int:
    """64 signed bits of a token; two of 10⁸ different tokens collide with probability 3·10⁻⁴."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


def token_hashes(system: str | None, code: str) -> tuple[int, int]:
    """A token is found by `code` alone and by `system|code` (`|code` when it has no system)."""
    return hash64(code), hash64(f"{system or ''}|{code}")


def rows_of(resource: r4.Resource) -> Rows:
    """Index a record; `resource.id` must be set."""
    index = search.index(resource)
    tokens = {(param, h) for param, system, code in index.tokens if code for h in token_hashes(system, code)}
    tokens |= {(param, hash64(target)) for param, target in index.references}
    tokens |= {(param, hash64(uri)) for param, uri in index.uris}
    return Rows(
        patient=_compartment(resource, index.references),
        tokens=sorted(tokens),
        words=_words(index.strings),
        spans=sorted(set(index.dates)),
        quantities=_quantities(index),
        once=once(resource),
    )


def _words(strings: list[tuple[int, str]]) -> list[tuple[int, str, str]]:
    """One row a word; `whole` holds all words of that parameter, each after a blank, for further words of a query."""
    found: dict[int, set[str]] = {}
    for param, text in strings:
        found.setdefault(param, set()).update(word[:WORD_LIMIT] for word in fold(text).split())
    rows = []
    for param, words in found.items():
        whole = " " + " ".join(sorted(words))
        rows += [(param, word, whole) for word in sorted(words)]
    return rows


def _quantities(index: search.Index) -> list[tuple[int, int, float, float]]:
    """One row for each way the unit may be asked for; 0 is any unit."""
    found = {(param, 0, float(value), float(value)) for param, value in index.numbers}
    for param, value, system, code in index.quantities:
        units = {0} if code is None else {0, *token_hashes(system, code)}
        found |= {(param, unit, float(value), float(value)) for unit in units}
    return sorted(found)


def _compartment(resource: r4.Resource, references: list[tuple[int, str]]) -> str | None:
    if isinstance(resource, r4.Patient):
        return resource.id
    parameters = search.PARAMETERS.get(codec.type_name(resource), {})
    for code in COMPARTMENT:
        if code in parameters:
            for param, target in references:
                if param == parameters[code].id and target.startswith("Patient/"):
                    return target.removeprefix("Patient/")
    return None


def columns(rows: Rows) -> tuple[Any, ...]:
    """The index rows as the arrays that `put` takes."""
    return (
        [param for param, _ in rows.tokens],
        [value for _, value in rows.tokens],
        [param for param, _, _ in rows.words],
        [word for _, word, _ in rows.words],
        [whole for _, _, whole in rows.words],
        [param for param, _, _ in rows.spans],
        [lo for _, lo, _ in rows.spans],
        [hi for _, _, hi in rows.spans],
        [param for param, _, _, _ in rows.quantities],
        [unit for _, unit, _, _ in rows.quantities],
        [lo for _, _, lo, _ in rows.quantities],
        [hi for _, _, _, hi in rows.quantities],
        rows.once,
    )
