"""What the structs cannot say, read once from the generated `r4/rules.json` (data, not code)."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec


class Field(msgspec.Struct, frozen=True):
    """One element: its FHIR type, whether it repeats, is required, its value set and reference targets."""

    type: str
    list: int = 0
    min: int = 0
    binding: str | None = None
    targets: tuple[str, ...] = ()


class Rule(msgspec.Struct, frozen=True):
    """One struct: fields by wire name; choices as `value` → (minimum, wire names of the variants)."""

    fields: dict[str, Field]
    choices: dict[str, tuple[int, tuple[str, ...]]] = {}


class Rules(msgspec.Struct, frozen=True):
    """Everything generated: code lists by value set (a string names an open format), rules by struct."""

    source: str
    valueSets: dict[str, dict[str, tuple[str, ...]] | str]  # noqa: N815 - the wire's name
    structs: dict[str, Rule]


@cache
def rules() -> Rules:
    """The table; about 8 ms at first use."""
    body = files("benhan.core.fhir.r4").joinpath("rules.json").read_bytes()
    return msgspec.json.decode(body, type=Rules)


def rule_of(struct: str) -> Rule:
    """The rules of one struct, by its Python name."""
    return rules().structs[struct]
