"""What FHIR adds to FHIRPath. References, value sets and profiles are asked of the caller's hooks.

Standard: FHIR R4, section 2.9.1 (FHIRPath in FHIR), 2.9.1.4 (additional functions).
"""

from __future__ import annotations

from benhan.core.fhir import r4
from benhan.core.fhir.fhirpath import members, moments
from benhan.core.fhir.fhirpath.context import Context, Items
from benhan.core.fhir.fhirpath.faults import Fault
from benhan.core.fhir.fhirpath.operators import EMPTY, answer, single
from benhan.core.fhir.fhirpath.registry import eager
from benhan.core.fhir.fhirpath.texts import text_of
from benhan.core.fhir.fhirpath.values import Primitive, system
from benhan.core.fhir.narrative import narrative
from benhan.core.language import _


@eager("extension", 1)
def extension(_context: Context, items: Items, url: Items) -> Items:
    wanted = text_of(url)
    return [found for item in items for found in members.member(item, "extension") if found.url == wanted]


@eager("hasValue")
def has_value(_context: Context, items: Items) -> Items:
    if len(items) != 1:
        return answer(False)
    item = items[0]
    return answer(item.value is not None if type(item) is Primitive else not isinstance(item, r4.Struct))


@eager("getValue")
def get_value(_context: Context, items: Items) -> Items:
    if len(items) == 1 and type(items[0]) is Primitive and items[0].value is not None:
        return [system(items[0])]
    return EMPTY


@eager("resolve")
def resolve(context: Context, items: Items) -> Items:
    """What references and canonicals point at: contained, in the same Bundle, or what the caller's hook finds."""
    found: Items = []
    for item in items:
        said = item.reference if isinstance(item, r4.Reference) else system(item)
        if isinstance(said, str) and (target := _resolved(context, said, item)) is not None:
            found.append(target)
    return found


def _resolved(context: Context, said: str, item: object) -> object:
    if said.startswith("#"):
        contained = getattr(context.root, "contained", None) or ()
        if said == "#":
            return context.root
        return next((one for one in contained if one.id == said[1:]), None)
    if isinstance(context.root, r4.Bundle):
        for entry in context.root.entry or ():
            inside = entry.resource
            if inside is not None and (entry.fullUrl == said or said == f"{type(inside).__name__}/{inside.id}"):
                return inside
    return context.resolve(said, item) if context.resolve is not None else None


@eager("memberOf", 1)
def member_of(context: Context, items: Items, value_set: Items) -> Items:
    url = text_of(value_set)
    if not items or url is None:
        return EMPTY
    if context.member_of is None:
        return EMPTY
    if len(items) > 1:
        raise Fault(_("memberOf() chỉ nhận một giá trị"))
    return answer(context.member_of(items[0], url))


@eager("conformsTo", 1)
def conforms_to(context: Context, items: Items, profile: Items) -> Items:
    url = text_of(profile)
    if len(items) != 1 or url is None or context.conforms_to is None:
        return EMPTY
    return answer(context.conforms_to(items[0], url))


@eager("subsumes", 1)
def subsumes(context: Context, items: Items, other: Items) -> Items:
    if len(items) != 1 or len(other) != 1 or context.subsumes is None:
        return EMPTY
    return answer(context.subsumes(items[0], other[0]))


@eager("subsumedBy", 1)
def subsumed_by(context: Context, items: Items, other: Items) -> Items:
    return subsumes(context, other, items)


@eager("htmlChecks")
def html_checks(_context: Context, items: Items) -> Items:
    text = single(items)
    return EMPTY if text is None else answer(isinstance(text, str) and narrative(text) is None)


@eager("now")
def now(context: Context, _items: Items) -> Items:
    return [moments.moment(context.now.isoformat(timespec="milliseconds"))]


@eager("today")
def today(context: Context, _items: Items) -> Items:
    return [moments.moment(context.now.date().isoformat())]


@eager("timeOfDay")
def time_of_day(context: Context, _items: Items) -> Items:
    return [moments.moment(context.now.time().isoformat(timespec="milliseconds"))]
