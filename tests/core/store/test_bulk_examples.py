"""HL7's own examples through `benhan load`: they come back as they went in."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from benhan.core.access import Role, Subject, service
from benhan.core.db import Database
from benhan.core.store.bodies import body_of, opened
from benhan.core.store.bulk import load_paths
from benhan.core.store.records import NUMBERS
from benhan.simulator import House

WANTED = 1200
LARGEST = 60_000


def parsed(body: bytes | str) -> Any:
    """JSON with the digits of numbers kept."""
    return json.loads(body, parse_float=Decimal)


def content(record: Any) -> Any:
    """A record without what the server must set."""
    meta = {key: value for key, value in record.get("meta", {}).items() if key not in ("versionId", "lastUpdated")}
    bare = {key: value for key, value in record.items() if key != "meta"}
    return {**bare, "meta": meta} if meta else bare


async def test_more_than_a_thousand_official_examples_come_back_unchanged(
    database: Database,
    other_hospital: House,
    official_examples: list[Path],
    tmp_path: Path,
) -> None:
    who: Subject = service(Role.LOADER, other_hospital.key, other_hospital.name)
    chosen = [path for path in official_examples if path.stat().st_size < LARGEST]
    chosen = [path for path in chosen if parsed(path.read_bytes()).get("resourceType") not in ("Bundle", None)][:WANTED]
    rejects = tmp_path / "rejects.ndjson"
    tally = await load_paths(database, who, chosen, rejects=rejects)
    refused = [parsed(line) for line in rejects.read_text().splitlines()] if rejects.exists() else []
    assert tally.created + tally.rejected + tally.updated + tally.unchanged == len(chosen)
    assert tally.created > 1000
    assert all(row["outcome"]["issue"][0]["details"]["text"] for row in refused)
    named = {row["file"] for row in refused}
    unlike = await _unlike(database, who, [path for path in chosen if str(path) not in named])
    assert not unlike
    again = await load_paths(database, who, chosen, rejects=rejects)
    assert (again.created, again.updated, again.rejected) == (0, 0, tally.rejected)


async def _unlike(database: Database, who: Subject, paths: list[Path]) -> list[str]:
    """Examples whose content no stored version has."""
    found = []
    async with database.transaction(who.facility) as tx:
        for path in paths:
            sent = parsed(path.read_bytes())
            rows = await tx.fetch(
                f"select {body_of('h')} from history h where facility = $1 and type = $2 and id = $3",
                who.facility, NUMBERS[sent["resourceType"]], sent["id"],
            )  # fmt: skip
            if content(sent) not in [content(parsed(row["body"])) for row in opened(tx, rows)]:
                found.append(path.name)
    return found
