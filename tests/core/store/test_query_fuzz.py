"""Whatever is asked ends in a Query or a refusal, and nothing of it stands in the SQL."""

from __future__ import annotations

import os
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from benhan.core.access import Decision
from benhan.core.fhir.outcome import Problem
from benhan.core.fhir.search import PARAMETERS
from benhan.core.store.lead import Lead
from benhan.core.store.query import IndexClause, parse
from benhan.core.store.query.kinds import TABLE
from benhan.core.store.statement import Statement

#: `BENHAN_FUZZ=10000` in the nightly run.
CASES = int(os.environ.get("BENHAN_FUZZ", "800"))
TYPES = ("Patient", "Observation", "Encounter", "ValueSet", "MolecularSequence", "Location")
CODES = sorted({code for name in TYPES for code in PARAMETERS[name]})
MODIFIERS = sorted({name for row in TABLE.values() for name in row} | {"Patient", "khong", "iterate"})
MARK = "zqxjkv"

words = st.text(max_size=12)
pieces = st.one_of(
    words, st.sampled_from(CODES), st.sampled_from(TYPES), st.sampled_from(MODIFIERS), st.just(f"x{MARK}' or 1=1 --")
)
names = st.one_of(
    st.sampled_from(CODES),
    st.tuples(st.sampled_from(CODES), st.sampled_from(MODIFIERS)).map(":".join),
    st.lists(pieces, min_size=1, max_size=5).flatmap(
        lambda parts: st.lists(st.sampled_from(":."), min_size=4, max_size=4).map(
            lambda marks: "".join(a + b for a, b in zip(parts, [*marks[: len(parts) - 1], ""], strict=False))
        )
    ),
    st.tuples(st.just("_has"), *[pieces] * 3).map(":".join),
    st.sampled_from(["_sort", "_include", "_revinclude", "_count", "_after", "_elements", "_total", "_summary"]),
)
values = st.one_of(
    words,
    st.text(alphabet="0123456789-.:|,$\\eETZglst/* '\"", max_size=16),
    st.sampled_from(["2026-05", "ge2026", "ap5.4", "1e2", "-1.10|http://unitsofmeasure.org|mg", "Patient/1", "true"]),
    st.just(f"{MARK}'; drop table token; --"),
)
#: What a statement is made of: our own words, numbers, places and the few quoted constants of ours.
OURS = re.compile(r"[a-z0-9_ .,()$:<>=*\[\]+/-]*", re.ASCII)


@given(st.sampled_from(TYPES), st.lists(st.tuples(names, values), min_size=1, max_size=3))
@settings(max_examples=CASES)
def test_anything_asked_is_understood_or_refused_and_never_becomes_sql(
    type_: str, asked: list[tuple[str, str]]
) -> None:
    params: dict[str, list[str]] = {}
    for name, value in asked:
        params.setdefault(name, []).append(value)
    try:
        query = parse(type_, params, lambda _name: Decision(True, "test", only_patient=MARK))
    except Problem as refusal:
        assert 400 <= refusal.status < 500
        return
    leading = next((one for one in query.clauses if isinstance(one, IndexClause)), None)
    statement = Statement(1, query, Decision(True, "test"), Lead(leading, few=True) if leading else None)
    by_letters = any(key.kind == "text" for key in query.order)
    sql = statement.all(50) if by_letters else statement.page(50)
    assert MARK not in sql
    assert OURS.fullmatch(sql.replace(r"E'\x02'", "")), sql
