"""Rules of the house that neither the linter nor the types can hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "benhan"
#: The tables of the store, of access, and of what lies beside them.
TABLES = (
    "resource|history|token|word|span|quantity|once|series|feed|feed_reader|audit|account|session|client|personal_link"
)
TOUCHES = re.compile(rf"\b(?:from|join|into|update|delete from)\s+(?:{TABLES})\b(?!\s+import)")
#: The only rooms that may: each filters by facility in one place and asks the policy.
KEEPERS = ("core/db", "core/access", "core/store")

OTHERS = [
    path
    for path in sorted([*SOURCE.rglob("*.py"), *SOURCE.rglob("*.sql")])
    if not path.relative_to(SOURCE).as_posix().startswith(KEEPERS) and "/r4/" not in path.as_posix()
]


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_only_the_store_touches_the_tables_of_records(path: Path) -> None:
    """A filter by facility that is written by hand is one that can be forgotten (house.md, rule 7)."""
    strings = (
        re.findall(r'"(?:[^"\\\n]|\\.)*"|"""[\s\S]*?"""', path.read_text("utf-8"))
        if path.suffix == ".py"
        else [path.read_text()]
    )
    touched = [
        text for text in strings if re.search(r"\b(select|insert|update|delete)\b", text) and TOUCHES.search(text)
    ]
    assert not touched


def test_no_two_tests_share_a_hospital_by_chance() -> None:
    """Tests of one worker share a database: a code stands in one file alone."""
    found: dict[str, set[str]] = {}
    for path in Path(__file__).parent.rglob("*.py"):
        for code in re.findall(r'(?:found_facility\(\w+\(\), |code=)"(\d{5})"', path.read_text()):
            found.setdefault(code, set()).add(path.name)
    assert {code: files for code, files in found.items() if len(files) > 1} == {}
