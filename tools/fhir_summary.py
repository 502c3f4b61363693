"""What a summary of each struct holds: the elements that HL7 marks `isSummary`, and those that must not be missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Definition = dict[str, Any]


def compile_summary(
    definitions: dict[str, Definition], struct_name: Callable[[str], str]
) -> dict[str, dict[str, list[str]]]:
    """Struct → its elements in a summary (`summary`) and its mandatory ones (`mandatory`); choices as `value[x]`."""
    found: dict[str, dict[str, list[str]]] = {}
    for definition in definitions.values():
        for element in definition["snapshot"]["element"]:
            parent, dot, name = element["path"].rpartition(".")
            if not dot:
                continue
            row = found.setdefault(struct_name(parent), {"summary": [], "mandatory": []})
            if element.get("isSummary"):
                row["summary"].append(name)
            if element["min"] > 0:
                row["mandatory"].append(name)
    return found
