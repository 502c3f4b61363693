"""How fast the store searches terminology: `python -m bench.terms`.

Claim (issue 3): `$expand` with a filter in Vietnamese without accents answers within 50 ms over 20,000 concepts.
Measured in the process (permission, search, audit, commit, answer as bytes), one request a transaction, over two code
systems together of 20,000 and of 200,000 concepts: the names of ICD-10 and of the services; at the larger size halves
of two names joined. Typed are the beginnings of words in any order, with and without accents, and codes. Statistics
are forgotten before each run (`--statistics` keeps them), so that no plan rests on them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path

import asyncpg

from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.db import Database, Transaction, create_database, migrate
from benhan.core.db.embedded import EmbeddedPostgres
from benhan.core.fhir import codec, r4
from benhan.core.kit import codes
from benhan.core.kit.text import fold
from benhan.core.store import terms, terms_ask, terms_expand, terms_index
from benhan.core.store.records import NUMBERS
from benhan.core.store.terms_concepts import concepts_of

SIZES = (20_000, 200_000)
FORGET = "delete from pg_statistic where starelid in (select oid from pg_class where relname like 'concept%')"
Ask = Callable[[Transaction, Subject, str], Awaitable[object]]


def concepts(size: int, chance: random.Random) -> list[r4.CodeSystemConcept]:
    """So many concepts, named as ICD-10 and the services are, in a tree of hundreds."""
    names = [one.name for one in codes.icd10(date(2026, 11, 22))] + [one.name for one in codes.services()]
    chance.shuffle(names)
    made = []
    for n in range(size):
        name = names[n] if n < len(names) else _joined(chance.choice(names), chance.choice(names))
        parent = [r4.CodeSystemConceptProperty(code="parent", valueCode=f"T{n % 200:06d}")] if n >= 200 else None
        made.append(r4.CodeSystemConcept(code=f"T{n:06d}", display=name, property=parent))
    return made


def _joined(first: str, second: str) -> str:
    one, other = first.split(), second.split()
    return " ".join(one[: len(one) // 2 + 1] + other[len(other) // 2 :])


def typed(made: list[r4.CodeSystemConcept], many: int, chance: random.Random) -> list[str]:
    """What people type."""
    asked = ["a", "t", "b", "ph", "h", "x q", "t t t", "c d", "k", "1", "viem", "viem phoi", "khong xac dinh"]
    while len(asked) < many:
        one = chance.choice(made)
        words = (one.display or "").split()
        chosen = chance.sample(words, min(len(words), chance.randint(1, 4)))
        text = " ".join(word[: chance.randint(1, len(word))] for word in chosen)
        asked.append(chance.choice([text, fold(text), fold(text), (one.code or "")[: chance.randint(2, 7)]]))
    return [one for one in asked if fold(one)]


def value_set(names: list[str]) -> r4.ValueSet:
    """All codes of these code systems."""
    include = [r4.ValueSetComposeInclude(system=f"urn:bench:{name}") for name in names]
    return r4.ValueSet(url="urn:bench:all", status="active", compose=r4.ValueSetCompose(include=include))


async def fill(database: Database, who: Subject, size: int) -> tuple[r4.ValueSet, list[r4.CodeSystemConcept], float]:
    """Two code systems of half the size each; gives the seconds of indexing them."""
    made = concepts(size, random.Random(size))
    names, half, began = [f"{size}-a", f"{size}-b"], len(made) // 2, time.perf_counter()
    for name, part in zip(names, (made[:half], made[half:]), strict=True):
        system = r4.CodeSystem(id=name, url=f"urn:bench:{name}", status="active", content="not-present")
        rows = concepts_of(r4.CodeSystem(status="active", content="complete", concept=part))
        async with database.transaction(0) as tx:
            kept = await store.update(tx, who, system, if_match=None)
            sql = "select key from resource where facility = 0 and type = $1 and id = $2"
            rid = await tx.fetchval(sql, NUMBERS["CodeSystem"], name)
            await terms_index.fill(tx, who, kept, rid, 1, rows, "bench")
    return value_set(names), made, time.perf_counter() - began


async def measure(database: Database, who: Subject, ask: Ask, asked: list[str]) -> dict[str, float]:
    """Milliseconds of one request after another."""
    taken = []
    for text in asked:
        began = time.perf_counter()
        async with database.transaction(0) as tx:
            await ask(tx, who, text)
        taken.append((time.perf_counter() - began) * 1000)
    taken.sort()
    return {"n": len(taken), "p50": taken[len(taken) // 2], "p95": taken[len(taken) * 95 // 100], "worst": taken[-1]}


async def run(dsn: Callable[..., str], sizes: list[int], many: int, keep_statistics: bool) -> dict[str, object]:
    """Every size in turn."""
    await create_database(dsn(database="postgres"), "benhan")
    await migrate(dsn())
    database, who, results = (
        await Database.connect(dsn("benhan_app"), statement_seconds=60),
        service(Role.LOADER, 0),
        {},
    )
    for size in sizes:
        whole, made, seconds = await fill(database, who, size)
        owner = await asyncpg.connect(dsn())
        await owner.execute("vacuum (analyze) concept" if keep_statistics else FORGET)
        await owner.close()
        chance = random.Random(5)

        async def expand(tx: Transaction, who: Subject, text: str, of: r4.ValueSet = whole) -> object:
            return codec.encode(await terms_expand.expand(tx, who, of, terms_expand.Asked(text=text, count=20)))

        async def below(tx: Transaction, who: Subject, code: str, system: str = f"urn:bench:{size}-a") -> object:
            return await terms.below(tx, who, system, code)

        async def lookup(tx: Transaction, who: Subject, code: str, system: str = f"urn:bench:{size}-a") -> object:
            return await terms_ask.lookup(tx, who, system, code)

        some = [one.code or "" for one in made[:200]]
        for name, ask, asked in (
            ("$expand filter", expand, typed(made, many, chance)), ("$lookup", lookup, some), (":below", below, some),
        ):  # fmt: skip
            await measure(database, who, ask, asked[:20])
            found = await measure(database, who, ask, asked)
            results[f"{name} {size}"] = found
            shown = "  ".join(f"{key} {value:.1f}" for key, value in found.items())
            print(f"{size:>8} {name:16} {shown}   (indexed in {seconds:.1f} s)", flush=True)
    await database.close()
    return {"rows": results}


def main() -> None:
    """Measure, print, and keep the figures in `bench/results/terms.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, action="append", help="concepts; may be repeated")
    parser.add_argument("--many", type=int, default=400, help="texts typed")
    parser.add_argument("--statistics", action="store_true", help="let PostgreSQL keep its statistics")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="benhan-terms-"))
    folder.chmod(0o755)
    postgres = EmbeddedPostgres(folder)
    postgres.start()
    try:
        found = asyncio.run(run(postgres.dsn, asked.size or list(SIZES), asked.many, asked.statistics))
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
    target = Path("bench/results/terms.json")
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
