"""Part of a resource: `_summary` and `_elements`. Pure.

What is left out is told by the tag SUBSETTED, so that nobody writes the part back as the whole.
Standard: HL7 FHIR R4, 3.1.1.5.8 and 3.1.1.5.9.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, Literal, TypeVar

import msgspec

from benhan.core.fhir import r4

S = TypeVar("S", bound=msgspec.Struct)
Summary = Literal["true", "text", "data", "count", "false"]
SUBSETTED = r4.Coding(
    system="http://terminology.hl7.org/CodeSystem/v3-ObservationValue", code="SUBSETTED", display="subsetted"
)
#: Always there.
_HEAD = frozenset({"id", "meta", "implicitRules"})


class _Rule(msgspec.Struct, frozen=True):
    summary: frozenset[str]
    mandatory: frozenset[str]


def part(resource: r4.R, summary: str = "false", elements: list[str] | None = None) -> r4.R:
    """A copy with what is asked for: a summary (true, text, data) or elements, and what must not be missing."""
    if elements:
        kept = _only(resource, {_top(name) for name in elements} | _HEAD)
    elif summary == "true":
        kept = _summarised(resource, top=True)
    elif summary == "text":
        kept = _only(resource, _HEAD | {"text"})
    elif summary == "data":
        kept = msgspec.structs.replace(resource, text=None) if hasattr(resource, "text") else resource
    else:
        return resource
    meta = kept.meta or r4.Meta()
    tags = [tag for tag in meta.tag or [] if tag.code != SUBSETTED.code]
    return msgspec.structs.replace(kept, meta=msgspec.structs.replace(meta, tag=[*tags, SUBSETTED]))


def has_element(type_: type[r4.Resource], name: str) -> bool:
    """Whether a resource type has a top element of this name (`value` for `value[x]`)."""
    return any(_base(field) == name or _chosen(field, {f"{name}[x]"}) for field in type_.__struct_fields__)


def _top(name: str) -> str:
    """`Patient.name.family`, `name.family` → `name`."""
    first, _dot, rest = name.partition(".")
    return rest.partition(".")[0] if first[:1].isupper() and rest else first


def _only(resource: r4.R, names: set[str] | frozenset[str]) -> r4.R:
    wanted = set(names) | _rule(type(resource).__name__).mandatory | {f"{name}[x]" for name in names}
    return _without(resource, lambda field: _base(field) in wanted or _chosen(field, wanted))


def _summarised(value: Any, *, top: bool = False) -> Any:
    """What HL7 marks as summary, down through its parts."""
    if isinstance(value, list):
        return [_summarised(item) for item in value]
    if not isinstance(value, msgspec.Struct):
        return value
    rule = _rules().get(type(value).__name__)
    if rule is None:
        return value
    wanted = rule.summary | rule.mandatory | (_HEAD if top else {"id", "extension"})
    kept = _without(value, lambda field: _base(field) in wanted or _chosen(field, wanted))
    changed = {
        field: _summarised(inner)
        for field in kept.__struct_fields__
        if isinstance(inner := getattr(kept, field), msgspec.Struct | list)
    }
    return msgspec.structs.replace(kept, **changed)


def _without(value: S, wanted: Callable[[str], bool]) -> S:
    absent = {
        field: None for field in value.__struct_fields__ if getattr(value, field) is not None and not wanted(field)
    }
    return msgspec.structs.replace(value, **absent)


def _base(field: str) -> str:
    """The element of a field: `_status` is `status`, `class_` is `class`."""
    return field.strip("_")


def _chosen(field: str, wanted: Any) -> bool:
    """Whether a field such as `valueQuantity` is a variant of a wanted `value[x]`."""
    base = _base(field)
    return any(
        base.startswith(name[:-3]) and base[len(name) - 3 : len(name) - 2].isupper()
        for name in wanted
        if name.endswith("[x]")
    )


def _rule(name: str) -> _Rule:
    return _rules().get(name) or _Rule(frozenset(), frozenset())


@cache
def _rules() -> dict[str, _Rule]:
    body = files("benhan.core.fhir.r4").joinpath("summary.json").read_bytes()
    table = msgspec.json.decode(body)
    return {
        name: _Rule(frozenset(row["summary"]), frozenset(row["mandatory"])) for name, row in table["structs"].items()
    }
