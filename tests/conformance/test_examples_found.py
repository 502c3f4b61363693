"""Every official example is found by the values in it, by every search parameter of its type."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from benhan.core import store
from benhan.core.db.embedded import EmbeddedPostgres
from benhan.core.fhir import codec, r4, search, validation
from benhan.core.fhir.moments import EARLIEST, LATEST
from benhan.core.fhir.search import PARAMETERS, Index, SearchParameter
from benhan.core.kit.text import fold
from benhan.core.store.load import load
from benhan.core.store.rows import hides_text
from tests.core.store.elsewhere import Elsewhere, elsewhere

#: Of each type the first few that are valid; a few types have hundreds.
OF_EACH = 2
MAX_BYTES = 60_000
#: Written by the program alone, and read at doors of its own (tests/core/api/test_audit_events.py).
NOT_KEPT = frozenset({"AuditEvent"})
#: A query of more words is refused.
MAX_WORDS = 20
Question = tuple[type[r4.Resource], str, str, str]


@pytest_asyncio.fixture(scope="module")
async def place(
    postgres: EmbeddedPostgres, dsn: Callable[..., str], official_examples: list[Path]
) -> AsyncIterator[Elsewhere]:
    """A hospital that keeps the examples."""
    async with elsewhere(postgres.dsn) as made:
        examples = _examples(tuple(official_examples))
        for start in range(0, len(examples), 100):
            async with made.database.transaction(made.loader.facility) as tx:
                await load(tx, made.loader, examples[start : start + 100])
        yield made


@cache
def _examples(files: tuple[Path, ...]) -> list[r4.Resource]:
    kept: dict[str, list[r4.Resource]] = {}
    for file in files:
        name = file.name.partition("-")[0]
        mine = kept.setdefault(name, [])
        if name not in NOT_KEPT and len(mine) < OF_EACH and file.stat().st_size < MAX_BYTES:
            body = file.read_bytes()
            resource = codec.decode(body)
            if (
                b"modifierExtension" not in body
                and not _claims(resource)
                and resource.id
                and not validation.validate(resource)
            ):
                mine.append(resource)
    return [one for mine in kept.values() for one in mine]


def _claims(resource: r4.Resource) -> bool:
    """Whether it must meet a profile too, which is not what is asked here."""
    return bool(resource.meta and resource.meta.profile)


@cache
def _questions(files: tuple[Path, ...]) -> list[Question]:
    return [(type(one), one.id or "", *asked) for one in _examples(files) for asked in _asked_of(one)]


def _asked_of(resource: r4.Resource) -> Iterator[tuple[str, str]]:
    """Every (parameter with modifier, value) by which the resource must be found."""
    index = search.index(resource)
    if hides_text(resource):
        index.strings = []
    for code, parameter in PARAMETERS[codec.type_name(resource)].items():
        if code in search.COLUMNS or not parameter.indexed:
            continue
        for modifier, value in _values(index, parameter):
            if value.strip() and len(fold(value).split()) <= MAX_WORDS:
                yield f"{code}:{modifier}" if modifier else code, value


def _values(index: Index, parameter: SearchParameter) -> Iterator[tuple[str, str]]:
    wanted = parameter.numbers
    if parameter.code == "_content":
        yield from (
            ("", _plain(text)) for number, text in (*index.strings, *index.texts) if number in wanted and fold(text)
        )
        return
    if parameter.kind == "composite":
        yield from _pairs(index, parameter)
    for number, system, code in index.tokens:
        if number in wanted and code:
            yield "", _plain(code)
            yield "", f"{_plain(system or '')}|{_plain(code)}"
            if system:
                yield "", f"{_plain(system)}|"
    for number, target in index.references:
        if number in wanted:
            yield "", _plain(target)
    for number, system, value in index.identifiers:
        if number in wanted:
            yield "identifier", f"{_plain(system or '')}|{_plain(value)}"
    for number, system, code, value in index.typed:
        if number in wanted and system:
            yield "of-type", f"{_plain(system)}|{_plain(code)}|{_plain(value)}"
    for number, text in index.strings:
        if number in wanted and fold(text):
            yield "", _plain(text)
            if parameter.code != "phonetic":
                yield "exact", _plain(text)
                yield "contains", _plain(text[len(text) // 3 :][:20])
    for number, text in index.texts:
        if number in wanted and fold(text) and parameter.kind == "token":
            yield "text", _plain(text)
    yield from _measures(index, wanted)
    for number, uri in index.uris:
        if number in wanted:
            yield "", _plain(uri)
            yield "above", _plain(f"{uri}/x/y")
            if "/" in uri.rstrip("/"):
                yield "below", _plain(uri.rstrip("/").rpartition("/")[0])


def _measures(index: Index, wanted: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    for number, lo, hi in index.dates:
        if number in wanted:
            yield "", f"ge{_instant(lo)}"
            yield "", f"le{_instant(hi)}"
            if lo > EARLIEST and hi < LATEST:
                yield "", f"sa{_instant(lo.replace(year=lo.year - 1, day=1))}"
    for number, low, high in index.numbers:
        if number in wanted and low is not None and low == high:
            yield "", str(low)
            yield "", f"le{low}"
    for number, low, high, system, code in index.quantities:
        if number in wanted:
            yield from (("", text) for text in _amounts(low, high, system, code))


def _amounts(low: Decimal | None, high: Decimal | None, system: str | None, code: str | None) -> Iterator[str]:
    if low is not None and low == high:
        yield f"{low}"
        if code:
            yield f"{low}||{_plain(code)}"
        if code and system:
            yield f"ge{low}|{_plain(system)}|{_plain(code)}"
    elif high is not None:
        yield f"le{high}"


def _pairs(index: Index, parameter: SearchParameter) -> Iterator[tuple[str, str]]:
    """Of composites that have rows of their own: the first token with the first value of the last part."""
    for number, (first, *between, last) in index.composites:
        if number not in parameter.numbers or between or not first.tokens:
            continue
        head = f"{_plain(first.tokens[0][1] or '')}|{_plain(first.tokens[0][2] or '')}"
        if last.tokens:
            yield "", f"{head}${_plain(last.tokens[0][2] or '')}"
        if last.quantities:
            _number, low, high, system, code = last.quantities[0]
            for text in _amounts(low, high, system, code):
                yield "", f"{head}${text}"


def _plain(text: str) -> str:
    """As it stands in a query: with what separates values escaped."""
    return re.sub(r"([\\,|$])", r"\\\1", text)


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


@settings(max_examples=200)
@given(pick=st.integers(min_value=0, max_value=1_000_000))
async def test_an_example_is_found_by_each_value_in_it(
    place: Elsewhere, official_examples: list[Path], pick: int
) -> None:
    questions = _questions(tuple(official_examples))
    kind, id_, name, value = questions[pick % len(questions)]
    async with place.database.transaction(place.loader.facility) as tx:
        found = await store.search(tx, place.loader, kind, {name: value, "_count": "1000"})
    assert id_ in {one.id for one in found.resources}, f"{kind.__name__}?{name}={value}"
