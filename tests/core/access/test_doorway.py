"""An address leads to the first door published for it, whichever way it is looked up."""

from __future__ import annotations

import itertools

from starlette.applications import Starlette
from starlette.routing import Match

from benhan.core.access.doorway import Doorway

#: What may stand where a door leaves a place to fill in.
WORDS = ("Patient", "x-1", "_history", "_search", "$validate", "metadata", "2026-01-02")


def addresses(paths: set[str]) -> set[str]:
    """Every address of a door, its places filled in by each word."""
    found = set()
    for path in paths:
        places = [part for part in path.split("/") if "{" in part]
        for words in itertools.product(WORDS, repeat=min(len(places), 3)):
            fill = iter([*words, *["x-1"] * len(places)])
            found.add("/".join(next(fill) if "{" in part else part for part in path.split("/")))
    return found


def test_every_address_leads_to_the_first_door_that_was_published_for_it(app: Starlette) -> None:
    [doorway] = [route for route in app.routes if isinstance(route, Doorway)]
    ways = doorway._ways
    for path, method in itertools.product(sorted(addresses(doorway.paths)), ("GET", "POST", "DELETE")):
        meant = [way for way in ways if way.pattern.match(path)]
        first = next((way for way in meant if method in way.methods), None)
        match, found = doorway.matches({"type": "http", "path": path, "method": method})
        assert (match is Match.FULL, found.get("way")) == (first is not None, first), f"{method} {path}"
        if match is Match.PARTIAL:
            assert found["allow"] == {one for way in meant for one in way.methods}
        assert bool(meant) is (match is not Match.NONE)
