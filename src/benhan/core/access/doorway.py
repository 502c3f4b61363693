"""All doors as one route: which of them an address and a method lead to.

Starlette tries one regular expression after the other, some two hundred for an address at the end of the list. Here
only the doors with the same first word, as many words and the same last one (or any) are tried, in the order in which
they were published.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.convertors import Convertor, PathConvertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, compile_path
from starlette.types import Receive, Scope, Send

Answer = Callable[[Request], Awaitable[Response]]


class Way:
    """An address with places to fill in, its methods, and what answers there."""

    def __init__(self, path: str, methods: Sequence[str], answer: Answer) -> None:
        self.path = path
        self.methods = {*methods, *(("HEAD",) if "GET" in methods else ())}
        self.answer = answer
        self.pattern: re.Pattern[str]
        self.convertors: dict[str, Convertor[Any]]
        self.pattern, _format, self.convertors = compile_path(path)
        first, last = path.split("/", 2)[1], path.rpartition("/")[2]
        self.first = None if "{" in first else first
        self.last = None if "{" in last else last
        several = any(isinstance(one, PathConvertor) for one in self.convertors.values())
        self.words = None if several else path.count("/")

    def may_be_meant(self, first: str, words: int, last: str | None) -> bool:
        """Whether an address of so many words may be this one; `last` None: a last word that no door names."""
        if self.first not in (None, first):
            return False
        return self.words is None or (self.words == words and self.last in (None, last))


class Doorway(BaseRoute):
    """The one route of all doors."""

    def __init__(self, ways: Sequence[Way]) -> None:
        self._ways = ways
        #: By first word, with those that take any; None: those that take any.
        self._under = {
            first: [way for way in ways if way.first in (None, first)] for first in {None, *(way.first for way in ways)}
        }
        #: By first word, number of words and last word; None: any that no door names.
        self._near: dict[tuple[str, int, str | None], list[Way]] = {}
        for way in ways:
            if way.first is not None and way.words is not None:
                for key in ((way.first, way.words, way.last), (way.first, way.words, None)):
                    if key not in self._near:
                        self._near[key] = self._found(*key)

    @property
    def paths(self) -> set[str]:
        """The addresses of all doors."""
        return {way.path for way in self._ways}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """The first door of this address and method; PARTIAL where there are doors for other methods only."""
        if scope["type"] != "http":
            return Match.NONE, {}
        path: str = scope["path"]
        first, words, last = path[1:].partition("/")[0], path.count("/"), path.rpartition("/")[2]
        near = self._near.get((first, words, last)) or self._near.get((first, words, None))
        partial: dict[str, Any] = {}
        for way in self._found(first, words, last) if near is None else near:
            match = way.pattern.match(path)
            if match is None:
                continue
            if scope["method"] in way.methods:
                filled = match.groupdict()
                for name, value in filled.items():
                    filled[name] = way.convertors[name].convert(value)
                return Match.FULL, {"way": way, "path_params": filled}
            partial = partial or {"way": None, "allow": set()}
            partial["allow"] |= way.methods
        return (Match.PARTIAL, partial) if partial else (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the door does.

        Raises:
            HTTPException: 405, there is no door for this method.
        """
        way: Way | None = scope["way"]
        if way is None:
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(scope["allow"]))})
        response = await way.answer(Request(scope, receive, send))
        await response(scope, receive, send)

    def _found(self, first: str, words: int, last: str | None) -> list[Way]:
        return [way for way in self._under.get(first, self._under[None]) if way.may_be_meant(first, words, last)]
