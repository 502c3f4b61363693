"""Functions on collections. Standard: FHIRPath 2.0, sections 5.1 to 5.4, 5.8, 5.9, 7."""

from __future__ import annotations

from typing import Any

from benhan.core.fhir.fhirpath import members
from benhan.core.fhir.fhirpath.context import Context, Items
from benhan.core.fhir.fhirpath.faults import Fault
from benhan.core.fhir.fhirpath.operators import EMPTY, FALSE, TRUE, answer, negated, once, single, truth
from benhan.core.fhir.fhirpath.registry import Run, eager, for_each, lazy
from benhan.core.fhir.fhirpath.values import key, system, type_info
from benhan.core.language import _


@eager("empty")
def empty(_context: Context, items: Items) -> Items:
    return FALSE if items else TRUE


@lazy("exists", 0, 1)
def exists(context: Context, items: Items, test: Run | None = None) -> Items:
    if test is None:
        return TRUE if items else FALSE
    return answer(any(truth(said) for _item, said in for_each(context, items, test)))


@lazy("all", 1)
def all_(context: Context, items: Items, test: Run) -> Items:
    return answer(all(truth(said) for _item, said in for_each(context, items, test)))


def _booleans(items: Items) -> list[bool]:
    values = [system(item) for item in items]
    if any(type(value) is not bool for value in values):
        raise Fault(_("cần các giá trị đúng/sai"))
    return values


@eager("allTrue")
def all_true(_context: Context, items: Items) -> Items:
    return answer(all(_booleans(items)))


@eager("anyTrue")
def any_true(_context: Context, items: Items) -> Items:
    return answer(any(_booleans(items)))


@eager("allFalse")
def all_false(_context: Context, items: Items) -> Items:
    return answer(not any(_booleans(items)))


@eager("anyFalse")
def any_false(_context: Context, items: Items) -> Items:
    return answer(not all(_booleans(items)))


@eager("subsetOf", 1)
def subset_of(_context: Context, items: Items, other: Items) -> Items:
    return answer({key(item) for item in items} <= {key(item) for item in other})


@eager("supersetOf", 1)
def superset_of(_context: Context, items: Items, other: Items) -> Items:
    return answer({key(item) for item in items} >= {key(item) for item in other})


@eager("count")
def count(_context: Context, items: Items) -> Items:
    return [len(items)]


@eager("distinct")
def distinct(_context: Context, items: Items) -> Items:
    return once(items)


@eager("isDistinct")
def is_distinct(_context: Context, items: Items) -> Items:
    return answer(len(once(items)) == len(items))


@eager("not")
def not_(_context: Context, items: Items) -> Items:
    return negated(items)


@lazy("where", 1)
def where(context: Context, items: Items, test: Run) -> Items:
    return [item for item, said in for_each(context, items, test) if truth(said)]


@lazy("select", 1)
def select(context: Context, items: Items, projection: Run) -> Items:
    return [found for _item, said in for_each(context, items, projection) for found in said]


@lazy("repeat", 1)
def repeat(context: Context, items: Items, projection: Run) -> Items:
    found: Items = []
    seen: set[Any] = set()
    new = items
    while new:
        said = [item for _item, below in for_each(context, new, projection) for item in below]
        new = [item for item in once(said) if key(item) not in seen]
        seen |= {key(item) for item in new}
        found += new
    return found


@lazy("aggregate", 1, 2)
def aggregate(context: Context, items: Items, step: Run, start: Run | None = None) -> Items:
    before = context.total
    total = start(context) if start is not None else EMPTY
    this, index = context.this, context.index
    context.spend(len(items))
    try:
        for at, item in enumerate(items):
            context.this, context.index, context.total = [item], [at], total
            total = step(context)
    finally:
        context.this, context.index, context.total = this, index, before
    return total


@eager("single")
def only(_context: Context, items: Items) -> Items:
    if len(items) > 1:
        raise Fault(_("single() gặp %(n)s giá trị", n=len(items)))
    return items


@eager("first")
def first(_context: Context, items: Items) -> Items:
    return items[:1]


@eager("last")
def last(_context: Context, items: Items) -> Items:
    return items[-1:]


@eager("tail")
def tail(_context: Context, items: Items) -> Items:
    return items[1:]


def _number(said: Items) -> int:
    value = single(said)
    if type(value) is not int:
        raise Fault(_("cần một số nguyên"))
    return value


@eager("skip", 1)
def skip(_context: Context, items: Items, number: Items) -> Items:
    return items[max(0, _number(number)) :]


@eager("take", 1)
def take(_context: Context, items: Items, number: Items) -> Items:
    return items[: max(0, _number(number))]


@eager("intersect", 1)
def intersect(_context: Context, items: Items, other: Items) -> Items:
    both = {key(item) for item in other}
    return once([item for item in items if key(item) in both])


@eager("exclude", 1)
def exclude(_context: Context, items: Items, other: Items) -> Items:
    without = {key(item) for item in other}
    return [item for item in items if key(item) not in without]


@eager("union", 1)
def union(_context: Context, items: Items, other: Items) -> Items:
    return once([*items, *other])


@eager("combine", 1)
def combine(_context: Context, items: Items, other: Items) -> Items:
    return [*items, *other]


@lazy("iif", 2, 3)
def iif(context: Context, items: Items, test: Run, then: Run, otherwise: Run | None = None) -> Items:
    """The arguments see the collection before the dot as `$this`, as dom and ctm invariants write it."""
    if len(items) > 1:
        raise Fault(_("iif() chỉ nhận một giá trị"))
    this = context.this
    context.this = items
    try:
        if truth(test(context)):
            return then(context)
        return otherwise(context) if otherwise is not None else EMPTY
    finally:
        context.this = this


@eager("children")
def children(context: Context, items: Items) -> Items:
    found = [child for item in items for child in members.children(item)]
    context.spend(len(found))
    return found


@eager("descendants")
def descendants(context: Context, items: Items) -> Items:
    found: Items = []
    for item in members.descendants(items):
        found.append(item)
        if len(found) % 1024 == 0:
            context.spend(1024)
    return found


@eager("type")
def type_(_context: Context, items: Items) -> Items:
    return [type_info(item) for item in items]


@lazy("trace", 1, 2)
def trace(context: Context, items: Items, name: Run, projection: Run | None = None) -> Items:
    if context.trace is not None:
        shown = items
        if projection is not None:
            shown = [found for _item, said in for_each(context, items, projection) for found in said]
        context.trace(str(single(name(context))), shown)
    return items
