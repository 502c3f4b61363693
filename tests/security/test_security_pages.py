"""What the pages on security say can be looked up: each requirement of ASVS 5.0 has a line, each test named is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ["docs/why/security.md", "docs/reference/asvs.md", "SECURITY.md"]
#: Section → the last requirement of it that concerns levels 1 and 2 (3 too in chapters 7, 8 and 16), and those of level
#: 3 that lie between. Source: OWASP ASVS 5.0.0.
LAST = {
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2, "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1, "3.2": 2, "3.3": 4,
    "3.4": 6, "3.5": 5, "3.7": 2, "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4, "5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3,
    "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4, "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5,
    "7.5": 3, "7.6": 2, "8.1": 4, "8.2": 4, "8.3": 3, "8.4": 2, "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1,
    "11.6": 1, "12.1": 3, "12.2": 2, "12.3": 4, "13.1": 1, "13.2": 5, "13.3": 2, "13.4": 5, "14.1": 2, "14.2": 4,
    "14.3": 3, "15.1": 3, "15.2": 3, "15.3": 7, "16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 4,
}  # fmt: skip


def told() -> list[str]:
    """The numbers in the first column, ranges written out."""
    found = []
    for line in (ROOT / "docs/reference/asvs.md").read_text("utf-8").splitlines():
        if re.match(r"\| \d", line):
            for one in line.split("|")[1].split(","):
                first, _dash, last = one.strip().partition("–")
                section, _dot, number = first.rpartition(".")
                if last and not last.startswith(f"{section}."):
                    continue  # over several sections: those of tokens, OAuth
                until = int(last.rpartition(".")[2]) if last else int(number)
                found += [f"{section}.{n}" for n in range(int(number), until + 1)]
    return found


def test_every_requirement_has_one_line() -> None:
    expected = {f"{section}.{n}" for section, last in LAST.items() for n in range(1, last + 1)}
    lines = [one for one in told() if one.rpartition(".")[0] in LAST]
    assert sorted(lines) == sorted(expected)


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_is_named_is_there(page: str) -> None:
    files = list((ROOT / "tests").rglob("test_*.py"))
    known = {path.stem for path in files}
    known |= {name for path in files for name in re.findall(r"def (test_\w+)", path.read_text("utf-8"))}
    named = set(re.findall(r"`(?:[\w/]*/)?(test_\w+)(?:\.py)?`", (ROOT / page).read_text("utf-8")))
    assert named - known == set()
