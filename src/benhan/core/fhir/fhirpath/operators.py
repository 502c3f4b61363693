"""Operators, with the three values of FHIRPath's logic: true, false and empty. Standard: FHIRPath 2.0, section 6."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal, DecimalException
from typing import Any

from benhan.core.fhir.fhirpath import moments, quantities
from benhan.core.fhir.fhirpath.context import Items
from benhan.core.fhir.fhirpath.faults import Fault
from benhan.core.fhir.fhirpath.moments import Moment
from benhan.core.fhir.fhirpath.quantities import Quantity
from benhan.core.fhir.fhirpath.values import Primitive, equal, equivalent, is_number, key, system
from benhan.core.language import _

TRUE: Items = [True]
FALSE: Items = [False]
EMPTY: Items = []
_MAX_TEXT = 1_000_000

Operator = Callable[[Items, Items], Items]


def truth(items: Items) -> bool | None:
    """A collection as a logical value: a single item that is no boolean counts as true.

    Raises:
        Fault: several items.
    """
    if not items:
        return None
    if len(items) > 1:
        raise Fault(_("cần một giá trị đúng/sai, có %(n)s giá trị", n=len(items)))
    value = system(items[0])
    return value if type(value) is bool else True


def answer(value: bool | None) -> Items:
    """A logical value as a collection."""
    return EMPTY if value is None else TRUE if value else FALSE


def single(items: Items) -> Any:
    """The system value of the only item, or None.

    Raises:
        Fault: several items.
    """
    if not items:
        return None
    if len(items) > 1:
        raise Fault(_("cần một giá trị, có %(n)s giá trị", n=len(items)))
    value = system(items[0])
    return None if type(value) is Primitive else value


def and_(left: bool | None, right: bool | None) -> bool | None:
    """Three-valued and."""
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def or_(left: bool | None, right: bool | None) -> bool | None:
    """Three-valued or."""
    if left or right:
        return True
    return None if left is None or right is None else False


def xor_(left: bool | None, right: bool | None) -> bool | None:
    """Three-valued exclusive or."""
    return None if left is None or right is None else left is not right


def implies_(left: bool | None, right: bool | None) -> bool | None:
    """Three-valued implication."""
    return or_(None if left is None else not left, right)


def equals(left: Items, right: Items) -> Items:
    """`=`: empty when either side is; else same number, each pair equal."""
    if not left or not right:
        return EMPTY
    if len(left) != len(right):
        return FALSE
    said: bool | None = True
    for a, b in zip(left, right, strict=True):
        said = and_(said, equal(a, b))
        if said is False:
            return FALSE
    return answer(said)


def differs(left: Items, right: Items) -> Items:
    """`!=`."""
    return negated(equals(left, right))


def alike(left: Items, right: Items) -> Items:
    """`~`: in any order; two empty collections are alike."""
    if len(left) != len(right):
        return FALSE
    rest = list(right)
    for a in left:
        at = next((n for n, b in enumerate(rest) if equivalent(a, b)), None)
        if at is None:
            return FALSE
        del rest[at]
    return TRUE


def unlike(left: Items, right: Items) -> Items:
    """`!~`."""
    return negated(alike(left, right))


def negated(items: Items) -> Items:
    """`not()`."""
    value = truth(items)
    return answer(None if value is None else not value)


def _ordered(test: Callable[[int], bool]) -> Operator:
    def compare(left: Items, right: Items) -> Items:
        a, b = single(left), single(right)
        if a is None or b is None:
            return EMPTY
        order = _order(a, b)
        return EMPTY if order is None else answer(test(order))

    return compare


def _order(a: Any, b: Any) -> int | None:
    """-1, 0, 1, or None.

    Raises:
        Fault: the types have no order.
    """
    if (is_number(a) and is_number(b)) or (type(a) is str and type(b) is str):
        return int(a > b) - int(a < b)
    if type(a) is str and type(b) is Moment:
        a = _moment(a)
    if type(b) is str and type(a) is Moment:
        b = _moment(b)
    if type(a) is Moment and type(b) is Moment:
        return moments.compare(a, b)
    a, b = (Quantity(Decimal(side)) if is_number(side) else side for side in (a, b))
    if type(a) is Quantity and type(b) is Quantity:
        return quantities.compare(a, b)
    raise Fault(_("không so sánh được %(a)s với %(b)s", a=type(a).__name__, b=type(b).__name__))


def _moment(text: str) -> Moment:
    try:
        return moments.moment(text)
    except ValueError as error:
        raise Fault(str(error)) from None


def within(left: Items, right: Items) -> Items:
    """`left in right`."""
    if not left:
        return EMPTY
    if len(left) > 1:
        raise Fault(_("bên trái của in chỉ được có một giá trị"))
    return answer(any(equal(left[0], item) for item in right))


def holds(left: Items, right: Items) -> Items:
    """`left contains right`."""
    return within(right, left)


def union(left: Items, right: Items) -> Items:
    """`|`: everything once."""
    return once([*left, *right])


def once(items: Items) -> Items:
    """Without what is equal to something before it."""
    if len(items) < 2:
        return items
    seen = set()
    found = []
    for item in items:
        mark = key(item)
        if mark not in seen:
            seen.add(mark)
            found.append(item)
    return found


def joined(left: Items, right: Items) -> Items:
    """`&`: texts one after the other, an empty one as ''."""
    a, b = single(left), single(right)
    return [bounded(("" if a is None else _text(a)) + ("" if b is None else _text(b)))]


def bounded(text: str) -> str:
    """The text itself.

    Raises:
        Fault: it grew too long.
    """
    if len(text) > _MAX_TEXT:
        raise Fault(_("chuỗi quá dài"))
    return text


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    raise Fault(_("cần một chuỗi"))


def _calculated(operator: str, compute: Callable[[Any, Any], Any]) -> Operator:
    def calculate(left: Items, right: Items) -> Items:
        a, b = single(left), single(right)
        if a is None or b is None:
            return EMPTY
        try:
            found = compute(a, b)
        except (DecimalException, ZeroDivisionError, OverflowError):
            return EMPTY
        except (ValueError, TypeError) as error:
            text = str(error) if type(error) is ValueError else _("không tính được với hai kiểu này")
            raise Fault(f"{operator}: {text}") from None
        return EMPTY if found is None else [found]

    return calculate


def _plus(a: Any, b: Any) -> Any:
    if type(a) is str and type(b) is str:
        return bounded(a + b)
    if type(a) is Moment and type(b) is Quantity:
        return moments.shift(a, b.value, quantities.time_unit(b.unit))
    if type(a) is Quantity and type(b) is Quantity:
        return _sum(a, b, 1)
    return _numbers(a, b, lambda x, y: x + y)


def _minus(a: Any, b: Any) -> Any:
    if type(a) is Moment and type(b) is Quantity:
        return moments.shift(a, -b.value, quantities.time_unit(b.unit))
    if type(a) is Quantity and type(b) is Quantity:
        return _sum(a, b, -1)
    return _numbers(a, b, lambda x, y: x - y)


def _sum(a: Quantity, b: Quantity, sign: int) -> Quantity | None:
    if a.unit == b.unit:
        return Quantity(a.value + sign * b.value, a.unit)
    moved = quantities.converted(b, a.unit)
    return None if moved is None else Quantity(a.value + sign * moved, a.unit)


def _times(a: Any, b: Any) -> Any:
    if type(a) is Quantity or type(b) is Quantity:
        a, b = (q if type(q) is Quantity else Quantity(_number(q)) for q in (a, b))
        units = [q.unit for q in (a, b) if q.unit != "1"]
        return Quantity(a.value * b.value, ".".join(units) or "1")
    return _numbers(a, b, lambda x, y: x * y)


def _divided(a: Any, b: Any) -> Any:
    if type(a) is Quantity or type(b) is Quantity:
        a, b = (q if type(q) is Quantity else Quantity(_number(q)) for q in (a, b))
        unit = "1" if a.unit == b.unit else a.unit if b.unit == "1" else f"{a.unit}/{b.unit}"
        return Quantity(a.value / b.value, unit)
    return _numbers(Decimal(_number(a)), Decimal(_number(b)), lambda x, y: x / y)


def _whole(a: Any, b: Any) -> int:
    return int((Decimal(_number(a)) / Decimal(_number(b))).to_integral_value(ROUND_DOWN))


def _rest(a: Any, b: Any) -> Any:
    if type(a) is int and type(b) is int:
        return a - b * int(Decimal(a) / Decimal(b))
    return Decimal(_number(a)) % Decimal(_number(b))


def _number(value: Any) -> Any:
    if is_number(value):
        return value
    raise TypeError


def _numbers(a: Any, b: Any, compute: Callable[[Any, Any], Any]) -> Any:
    found = compute(_number(a), _number(b))
    if type(found) is int and abs(found) > 2**63:
        raise OverflowError
    return found


OPERATORS: dict[str, Operator] = {
    "=": equals, "!=": differs, "~": alike, "!~": unlike,
    "<": _ordered(lambda n: n < 0), "<=": _ordered(lambda n: n <= 0),
    ">": _ordered(lambda n: n > 0), ">=": _ordered(lambda n: n >= 0),
    "in": within, "contains": holds, "|": union, "&": joined,
    "+": _calculated("+", _plus), "-": _calculated("-", _minus), "*": _calculated("*", _times),
    "/": _calculated("/", _divided), "div": _calculated("div", _whole), "mod": _calculated("mod", _rest),
}  # fmt: skip
#: Logical operators: the right side is not looked at when the left decides.
LOGIC: dict[str, tuple[Callable[[bool | None, bool | None], bool | None], bool | None]] = {
    "and": (and_, False), "or": (or_, True), "implies": (implies_, None), "xor": (xor_, None),
}  # fmt: skip
