"""The part of FHIRPath that search parameters use, compiled into closures.

Types are known when compiling: `Observation.value` becomes one branch per type of the choice, so that
running a branch is attribute reads only. Standard: FHIRPath (ANSI/HL7 N1), as used in R4 SearchParameter.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from benhan.core.fhir import r4
from benhan.core.fhir.rules import rule_of

Step = Callable[[list[Any]], list[Any]]

_TOKEN = re.compile(r"\s*('[^']*'|!=|[|().\[\]=]|\d+|\w+)")
#: Nobody writes a longer path; reading one must not cost.
MAX_LENGTH = 4000
_ANY_RESOURCE = "Resource"


class Branch(NamedTuple):
    """One typed way through a resource: the fields read, and the FHIR type at the end.

    `way` is the same in words: two branches with the same way give the same values.
    """

    type: str
    steps: tuple[Step, ...]
    first: str | None = None
    way: str = ""


class UnsupportedPath(Exception):  # noqa: N818 - said at compile time, to the developer
    """The expression uses more of FHIRPath than is compiled here."""


class UnknownElement(UnsupportedPath):
    """The expression names an element that the type does not have."""


def compile_path(expression: str, root: str, *, relative: bool = False) -> list[Branch]:
    """Every branch of `expression` that starts at the type `root`; a relative one begins with an element of it.

    Raises:
        UnsupportedPath: the expression is outside the subset.
        UnknownElement: it names an element R4 does not have.
    """
    parser = _Parser(_tokens(expression), root, relative)
    branches = parser.union()
    if parser.peek() is not None:
        raise UnsupportedPath(f"{expression}: cannot read from {parser.peek()}")
    return branches


def run(branch: Branch, resource: Any) -> list[Any]:
    """The values of one branch."""
    values = [resource]
    for step in branch.steps:
        values = step(values)
    return values


@cache
def field_step(wire: str, repeats: bool) -> Step:
    """Read one element of every value; absent ones give nothing."""
    name = f"{wire}_" if keyword.iskeyword(wire) else wire
    if repeats:
        return lambda values: [item for value in values for item in (getattr(value, name) or ()) if item is not None]
    return lambda values: [item for value in values if (item := getattr(value, name)) is not None]


class _Parser:
    """Recursive descent over: union = path ('|' path)*; path = head ('.' step)*, with `as`, `and`, `!=`."""

    def __init__(self, tokens: list[str], root: str, relative: bool = False) -> None:
        self._tokens = tokens
        self._at = 0
        self._root = root
        self._relative = relative

    def peek(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def take(self, expected: str | None = None) -> str:
        word = self.peek()
        if word is None or (expected is not None and word != expected):
            raise UnsupportedPath(f"expected {expected}, found {word}")
        self._at += 1
        return word

    def union(self) -> list[Branch]:
        branches = self.conjunction()
        while self.peek() == "|":
            self.take()
            branches += self.conjunction()
        return branches

    def conjunction(self) -> list[Branch]:
        """`a.exists() and a != false`: one boolean that needs both."""
        branches = self.comparison()
        while self.peek() == "and":
            self.take()
            branches = [_both(branches, self.comparison())]
        return branches

    def comparison(self) -> list[Branch]:
        branches = self.path()
        if self.peek() == "!=":
            self.take()
            return [_differs(branches, _literal(self.take()))]
        return branches

    def path(self) -> list[Branch]:
        branches = self.head()
        while self.peek() in (".", "[", "as"):
            branches = self.step(branches, self.take())
        return branches

    def head(self) -> list[Branch]:
        word = self.take()
        if word == "(":
            branches = self.union()
            self.take(")")
            return branches
        if word in (self._root, "Resource", "DomainResource"):
            return [Branch(self._root, ())]
        if self._relative:
            return _fields(Branch(self._root, ()), word)
        return []  # the part of a shared definition that speaks of another resource type

    def step(self, branches: list[Branch], word: str) -> list[Branch]:
        if word == "[":
            at = int(self.take())
            self.take("]")
            return [_then(b, b.type, lambda values: values[at : at + 1], way=f"[{at}]") for b in branches]
        name = self.take()
        if word == "as":
            return _of_type(branches, name)
        if self.peek() != "(":
            return [found for branch in branches for found in _fields(branch, name)]
        return self.call(branches, name)

    def call(self, branches: list[Branch], name: str) -> list[Branch]:
        self.take("(")
        if name in ("ofType", "as"):
            branches = _of_type(branches, self.take())
        elif name == "exists":
            branches = [_exists(branches)]
        elif name == "where":
            begin = self._at
            test = self.condition()
            way = f".where({''.join(self._tokens[begin : self._at])})"
            branches = [_then(b, b.type, test(b.type), way=way) for b in branches]
        else:
            raise UnsupportedPath(f"function {name}()")
        self.take(")")
        return branches

    def condition(self) -> Callable[[str], Step]:
        """`resolve() is Patient` or `system='phone'`."""
        name = self.take()
        if name == "resolve":
            for word in ("(", ")", "is"):
                self.take(word)
            target = self.take()
            return lambda _: lambda values: [v for v in values if points_at(v, target)]
        self.take("=")
        wanted = _literal(self.take())
        return lambda kind: _equals(kind, name, wanted)


def points_at(value: Any, target: str) -> bool:
    """Whether a Reference says it points at a resource of type `target`."""
    if not isinstance(value, r4.Reference):
        return False
    text = value.reference or ""
    return value.type == target or text.startswith(f"{target}/") or f"/{target}/" in text


def _tokens(expression: str) -> list[str]:
    if len(expression) > MAX_LENGTH:
        raise UnsupportedPath(expression[:80])
    found = _TOKEN.findall(expression)
    if "".join(found) != re.sub(r"\s+", "", expression):
        raise UnsupportedPath(expression)
    return list(found)


def _literal(word: str) -> Any:
    if word in ("true", "false"):
        return word == "true"
    if word.startswith("'"):
        return word[1:-1]
    raise UnsupportedPath(f"literal {word}")


def _then(branch: Branch, kind: str, step: Step, first: str | None = None, way: str = "") -> Branch:
    return Branch(kind, (*branch.steps, step), branch.first or first, branch.way + way)


def _fields(branch: Branch, name: str) -> list[Branch]:
    """The element `name`: one branch, or one per type of a choice."""
    rule = rule_of(branch.type)
    wires = rule.choices[name][1] if name in rule.choices else (name,)
    found = []
    for wire in wires:
        if wire not in rule.fields:
            # What a contained resource has is known only when it is there.
            raise (UnsupportedPath if branch.type == _ANY_RESOURCE else UnknownElement)(f"{branch.type}.{name}")
        field = rule.fields[wire]
        found.append(_then(branch, field.type, field_step(wire, bool(field.list)), first=wire, way=f".{wire}"))
    return found


def _of_type(branches: list[Branch], name: str) -> list[Branch]:
    found = [b for b in branches if b.type == name]
    if hasattr(r4, name):
        kind = getattr(r4, name)
        found += [
            _then(b, name, lambda values: [v for v in values if isinstance(v, kind)], way=f".ofType({name})")
            for b in branches
            if b.type == _ANY_RESOURCE
        ]
    return found


def _equals(kind: str, name: str, wanted: Any) -> Step:
    """Keep the values whose element `name` is `wanted`."""
    field = rule_of(kind).fields.get(name)
    if field is None or field.list:
        raise UnsupportedPath(f"where({name}=…) on {kind}")
    return lambda values: [v for v in values if getattr(v, name) == wanted]


def _exists(branches: list[Branch]) -> Branch:
    way = " or ".join(b.way for b in branches) + " exists"
    return Branch("boolean", (lambda values: [any(run(b, v) for b in branches for v in values)],), way=way)


def _differs(branches: list[Branch], unwanted: Any) -> Branch:
    def step(values: list[Any]) -> list[Any]:
        return [all(item != unwanted for b in branches for v in values for item in run(b, v))]

    return Branch("boolean", (step,), way=" or ".join(b.way for b in branches) + f" != {unwanted}")


def _both(left: list[Branch], right: list[Branch]) -> Branch:
    def step(values: list[Any]) -> list[Any]:
        return [all(item for b in (*left, *right) for v in values for item in run(b, v))]

    return Branch("boolean", (step,), way=" and ".join(b.way for b in (*left, *right)))
