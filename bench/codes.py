"""How fast reference data is loaded and searched: `python bench/codes.py`.

Claim (issue 2): a search in any list, with or without accents, answers within 50 ms.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import date

from benhan.core.kit import codes
from benhan.core.kit.codes import CodeList
from benhan.core.kit.text import fold

LISTS: dict[str, Callable[[], CodeList]] = {
    "ICD-10 2026": lambda: codes.icd10(date(2026, 11, 21)),
    "ICD-10 2020": lambda: codes.icd10(date(2026, 6, 30)),
    "services": codes.services,
    "services, appendix 2": codes.services_appendix_2,
    "wards": codes.wards,
    "wards before 2025": codes.wards_before_2025,
    "provinces": codes.provinces,
    "ethnic groups": codes.ethnic_groups,
    "occupations": codes.occupations,
    "departments": codes.departments,
}


def queries(entries: CodeList, many: int, chance: random.Random) -> list[str]:
    """What people type: the first letters of words of a name, with and without accents, and codes."""
    every = list(entries)
    typed = ["a", "t", "b", "ph", "h", "x q", "t t t", "c d", "k", "1"]
    while len(typed) < many:
        code = chance.choice(every)
        words = code.name.split()
        chosen = chance.sample(words, min(len(words), chance.randint(1, 4)))
        text = " ".join(word[: chance.randint(1, len(word))] for word in chosen)
        typed.append(chance.choice([text, fold(text), code.code[: chance.randint(1, 6)], code.name]))
    return typed


def main() -> None:
    chance = random.Random(2)
    print(f"{'list':22}{'rows':>8}{'load ms':>9}{'first ms':>10}{'p50 ms':>9}{'p95 ms':>9}{'worst ms':>10}")
    for name, load in LISTS.items():
        start = time.perf_counter()
        entries = load()
        loaded = time.perf_counter()
        entries.find("viem")
        first = time.perf_counter()
        weights = {code.code: chance.random() for code in chance.sample(list(entries), min(500, len(entries)))}
        taken = []
        for query in queries(entries, 2000, chance):
            began = time.perf_counter()
            entries.find(query, weights=weights)
            taken.append((time.perf_counter() - began) * 1000)
        taken.sort()
        print(
            f"{name:22}{len(entries):8}{(loaded - start) * 1000:9.1f}{(first - loaded) * 1000:10.1f}"
            f"{taken[1000]:9.3f}{taken[1900]:9.3f}{taken[-1]:10.2f}"
        )


if __name__ == "__main__":
    main()
