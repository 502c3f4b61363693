"""The bindings of R4 that advise (extensible, preferred), by struct and element: part of `generate_fhir.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def compile_advice(
    definitions: dict[str, dict[str, Any]], struct_name: Callable[[str], str]
) -> dict[str, dict[str, list[str]]]:
    """Struct → element on the wire → `[value set, strength]`."""
    found: dict[str, dict[str, list[str]]] = {}
    for definition in definitions.values():
        for element in definition["snapshot"]["element"]:
            binding = element.get("binding", {})
            if binding.get("strength") not in ("extensible", "preferred") or "valueSet" not in binding:
                continue
            parent, _dot, last = element["path"].rpartition(".")
            codes = [kind["code"] for kind in element.get("type", [])]
            wires = [last[:-3] + code[0].upper() + code[1:] for code in codes] if last.endswith("[x]") else [last]
            if parent:
                said = [binding["valueSet"].partition("|")[0], binding["strength"]]
                found.setdefault(struct_name(parent), {}).update(dict.fromkeys(wires, said))
    return {struct: found[struct] for struct in sorted(found)}
