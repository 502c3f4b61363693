"""The invariants of R4's types and resources, by struct: part of `generate_fhir.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: Held elsewhere: `ele-1` and `txt-*` by the rules of structs and of narratives.
HELD = frozenset({"ele-1", "txt-1", "txt-2"})
#: Expressions that do not say what their text says: key → (published, ours).
ERRATA = {
    # System.Boolean is not the type of an answer.
    "que-7": ("(answer is Boolean)", "(answer is boolean)"),
}


def compile_invariants(
    definitions: dict[str, dict[str, Any]], struct_name: Callable[[str], str]
) -> dict[str, list[list[str | None]]]:
    """Struct → `[key, severity, element or null, human, expression]`; only DomainResource's do not stand with heirs."""
    found: dict[str, list[list[str | None]]] = {}
    for name, definition in definitions.items():
        if definition.get("abstract") and name != "DomainResource":
            continue
        for element in definition["snapshot"]["element"]:
            for said in element.get("constraint", []):
                if said["key"] in HELD or "expression" not in said or not _own(said, element, name):
                    continue
                where = _place(element, definition["snapshot"]["element"], struct_name)
                found.setdefault(where[0], []).append(
                    [said["key"], said["severity"], where[1], said["human"], _right(said)]
                )
    return {struct: found[struct] for struct in sorted(found)}


def _own(said: dict[str, Any], element: dict[str, Any], name: str) -> bool:
    """Not one that the type of the element brings along: those are checked where the type is."""
    source = str(said.get("source", name)).rpartition("/")[2]
    if element["path"] != name:
        return "source" not in said
    return name == "DomainResource" or source != "DomainResource"


def _place(
    element: dict[str, Any], elements: list[dict[str, Any]], struct_name: Callable[[str], str]
) -> tuple[str, str | None]:
    """The struct it stands at, or the struct of the parent and the element inside."""
    path = element["path"]
    if "." not in path or any(other["path"].startswith(f"{path}.") for other in elements):
        return struct_name(path), None
    parent, _dot, last = path.rpartition(".")
    return struct_name(parent), last


def _right(said: dict[str, Any]) -> str:
    published, ours = ERRATA.get(said["key"], ("", ""))
    expression: str = said["expression"]
    return expression.replace(published, ours) if published else expression
