"""What an expression says of a struct in which an element is absent: lets invariants be skipped or asked cheaply.

`needed` runs the expression without values, on four answers: empty, true, false, unknown. `presence` turns one that
asks only `exists()` and `empty()` of the struct's own elements into tests of positions among its values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from benhan.core.fhir.fhirpath.operators import LOGIC
from benhan.core.fhir.fhirpath.parser import Binary, Call, Index, Literal, Member, Node, TypeTest, Unary

EMPTY: Final = "empty"
UNKNOWN: Final = "unknown"
Answer = str | bool
Ask = Callable[[Sequence[Any]], bool]

#: Functions that give nothing for nothing.
_EMPTY_FOR_EMPTY = frozenset(
    {"where", "select", "first", "last", "tail", "skip", "take", "single", "ofType", "as", "is", "not"}
    | {"startsWith", "endsWith", "contains", "matches", "substring", "upper", "lower", "length", "replaceMatches"}
    | {"toInteger", "toString", "toDecimal", "trace", "distinct", "descendants", "children", "extension", "resolve"}
    | {"repeat", "trim", "getValue"}
)
_OF_EMPTY: dict[str, Answer] = {
    "exists": False, "empty": True, "all": True, "allTrue": True, "isDistinct": True, "hasValue": False,
    "anyTrue": False, "allFalse": True, "anyFalse": False,
}  # fmt: skip
_EMPTY_IF_EITHER = frozenset(["=", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "div", "mod"])


def needed(tree: Node) -> list[str]:
    """The elements without which the expression can never be false."""
    return [name for name in sorted(_own(tree)) if _without(tree, name) in (True, EMPTY)]


def _own(node: Any) -> set[str]:
    """The elements of the struct itself that the expression starts from."""
    if isinstance(node, Member) and node.focus is None:
        return {node.name}
    if isinstance(node, Call):  # arguments of where() speak of another struct; those of others are not needed either
        return _own(node.focus) if node.focus is not None else set()
    if isinstance(node, tuple):
        return {name for part in node for name in _own(part)}
    return set()


def _without(node: Node, absent: str) -> Answer:  # noqa: PLR0911 - a line for each kind of node
    """The answer when the element is absent and nothing is known of the others."""
    match node:
        case Literal(value):
            return EMPTY if value is None else value if isinstance(value, bool) else UNKNOWN
        case Member(focus, name):
            if focus is None:
                return EMPTY if name == absent else UNKNOWN
            return EMPTY if _without(focus, absent) == EMPTY else UNKNOWN
        case Call():
            return _called(node, absent)
        case Index(focus) | Unary(_, focus) | TypeTest(_, focus):
            return EMPTY if _without(focus, absent) == EMPTY else UNKNOWN
        case Binary(operator, left, right):
            return _combined(operator, _without(left, absent), _without(right, absent))
        case _:
            return UNKNOWN


def _called(node: Call, absent: str) -> Answer:
    focus = UNKNOWN if node.focus is None else _without(node.focus, absent)
    if node.name == "not" and isinstance(focus, bool):
        return not focus
    if focus != EMPTY:
        return UNKNOWN
    if node.name in _OF_EMPTY:
        return _OF_EMPTY[node.name]
    return EMPTY if node.name in _EMPTY_FOR_EMPTY else UNKNOWN


def _combined(operator: str, left: Answer, right: Answer) -> Answer:
    if operator in LOGIC:
        combine, _decides = LOGIC[operator]
        possible = {combine(a, b) for a in _cases(left) for b in _cases(right)}
        if possible == {None}:
            return EMPTY
        if len(possible) == 1:
            [only] = possible
            return UNKNOWN if only is None else only
        return EMPTY if False not in possible else UNKNOWN
    if operator in _EMPTY_IF_EITHER:
        return EMPTY if EMPTY in (left, right) else UNKNOWN
    if operator in ("in", "|"):
        return EMPTY if left == EMPTY and (operator == "in" or right == EMPTY) else UNKNOWN
    return UNKNOWN


def _cases(said: Answer) -> tuple[bool | None, ...]:
    return (said,) if isinstance(said, bool) else (None,) if said == EMPTY else (True, False, None)


def presence(tree: Node, positions: Callable[[str], tuple[int, ...]]) -> Ask | None:
    """The same condition on the values of the struct by position, or None when it asks for more than presence."""
    match tree:
        case Binary(operator, left, right) if operator in (*LOGIC, "=", "!="):
            sides = presence(left, positions), presence(right, positions)
            return None if sides[0] is None or sides[1] is None else _joined(operator, sides[0], sides[1])
        case Call(focus, "not", ()) if focus is not None:
            inner = presence(focus, positions)
            return None if inner is None else lambda items: not inner(items)
        case Call(Member(None, name), ("exists" | "empty") as asked, ()) if positions(name):
            return _present(positions(name)) if asked == "exists" else _absent(positions(name))
        case _:
            return None


def _joined(operator: str, left: Ask, right: Ask) -> Ask:
    match operator:
        case "and":
            return lambda items: left(items) and right(items)
        case "or":
            return lambda items: left(items) or right(items)
        case "implies":
            return lambda items: not left(items) or right(items)
        case "=":
            return lambda items: left(items) is right(items)
        case _:  # xor, !=
            return lambda items: left(items) is not right(items)


def _present(at: tuple[int, ...]) -> Ask:
    if len(at) == 1:
        [only] = at
        return lambda items: items[only] is not None
    first, *others = _ranges(at)
    if not others:
        return lambda items: _filled(items, first)
    if len(others) == 1:
        [second] = others
        return lambda items: _filled(items, first) or _filled(items, second)
    return lambda items: any(_filled(items, one) for one in (first, *others))


def _filled(items: Sequence[Any], at: tuple[int, int]) -> bool:
    """Whether something stands in a run of positions: one count at the speed of C."""
    start, end = at
    return items[start:end].count(None) < end - start


def _ranges(at: tuple[int, ...]) -> list[tuple[int, int]]:
    """Neighbouring positions as runs."""
    found: list[tuple[int, int]] = []
    for one in sorted(at):
        if found and found[-1][1] == one:
            found[-1] = (found[-1][0], one + 1)
        else:
            found.append((one, one + 1))
    return found


def _absent(at: tuple[int, ...]) -> Ask:
    present = _present(at)
    return lambda items: not present(items)
