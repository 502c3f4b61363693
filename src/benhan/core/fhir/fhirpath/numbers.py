"""Mathematics, on Integer, Decimal and (some) Quantity. Standard: FHIRPath 2.0, section 5.7."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal, DecimalException
from typing import Any

from benhan.core.fhir.fhirpath.context import Context, Items
from benhan.core.fhir.fhirpath.faults import Fault
from benhan.core.fhir.fhirpath.operators import EMPTY, single
from benhan.core.fhir.fhirpath.quantities import Quantity
from benhan.core.fhir.fhirpath.registry import eager
from benhan.core.fhir.fhirpath.values import is_number
from benhan.core.language import _


def _number(items: Items) -> Any:
    value = single(items)
    if value is None or is_number(value):
        return value
    raise Fault(_("cần một số"))


def _given(compute: Callable[[Decimal], Any], items: Items) -> Items:
    value = _number(items)
    if value is None:
        return EMPTY
    try:
        return [compute(Decimal(value))]
    except (DecimalException, ValueError, OverflowError):
        return EMPTY


@eager("abs")
def abs_(_context: Context, items: Items) -> Items:
    value = single(items)
    if type(value) is Quantity:
        return [Quantity(abs(value.value), value.unit)]
    return EMPTY if _number(items) is None else [abs(value)]


@eager("ceiling")
def ceiling(_context: Context, items: Items) -> Items:
    return _given(lambda value: int(value.to_integral_value(ROUND_CEILING)), items)


@eager("floor")
def floor(_context: Context, items: Items) -> Items:
    return _given(lambda value: int(value.to_integral_value(ROUND_FLOOR)), items)


@eager("truncate")
def truncate(_context: Context, items: Items) -> Items:
    return _given(lambda value: int(value.to_integral_value(ROUND_DOWN)), items)


@eager("round", 0, 1)
def round_(_context: Context, items: Items, digits: Items = EMPTY) -> Items:
    places = _number(digits) or 0
    if type(places) is not int or places < 0:
        raise Fault(_("số chữ số phải là số nguyên không âm"))
    exponent = Decimal(1).scaleb(-min(places, 20))
    return _given(lambda value: value.quantize(exponent, ROUND_HALF_UP), items)


@eager("exp")
def exp(_context: Context, items: Items) -> Items:
    return _given(lambda value: Decimal(repr(math.exp(value))), items)


@eager("ln")
def ln(_context: Context, items: Items) -> Items:
    return _given(lambda value: Decimal(repr(math.log(value))), items)


@eager("log", 1)
def log(_context: Context, items: Items, base: Items) -> Items:
    by = _number(base)
    return EMPTY if by is None else _given(lambda value: Decimal(repr(math.log(value, by))), items)


@eager("sqrt")
def sqrt(_context: Context, items: Items) -> Items:
    return _given(lambda value: value.sqrt(), items)


@eager("power", 1)
def power(_context: Context, items: Items, exponent: Items) -> Items:
    value, by = _number(items), _number(exponent)
    if value is None or by is None:
        return EMPTY
    try:
        if type(value) is int and type(by) is int and by >= 0:
            if by and abs(value) > 1 and by * abs(value).bit_length() > 128:
                return EMPTY
            return [value**by]
        return [Decimal(repr(math.pow(value, by)))]
    except (ValueError, OverflowError):
        return EMPTY


@eager("sum")
def sum_(_context: Context, items: Items) -> Items:
    return [sum(_number([item]) or 0 for item in items)]
