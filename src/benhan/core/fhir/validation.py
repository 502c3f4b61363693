"""Rules of R4 that the structs cannot say, compiled per type at first use.

Required bindings, choices (`value[x]`), cardinality, primitive formats and reference targets, through every
nested element and resource. Standard: FHIR R4, sections 2.6, 2.24 and 4.1. FHIRPath invariants are not
checked here.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable
from functools import cache
from typing import Any

from msgspec.structs import astuple

from benhan.core.fhir import r4
from benhan.core.fhir.bindings import Binding, binding_check
from benhan.core.fhir.formats import FORMATS
from benhan.core.fhir.outcome import Invalid, issue
from benhan.core.fhir.references import target_check
from benhan.core.fhir.rules import Field, rule_of

Path = tuple[Any, ...]
Report = list[r4.OperationOutcomeIssue]
Visit = Callable[[Any, Path, Report], None]
Check = Callable[[Any], str | None]

_INTEGERS = {"integer": -(2**31), "unsignedInt": 0, "positiveInt": 1}
_MAX_ISSUES = 100


def validate(resource: r4.Resource) -> list[r4.OperationOutcomeIssue]:
    """Every error found, at most 100, each with its FHIRPath expression; an empty list is valid."""
    report: Report = []
    name = type(resource).__name__
    _checker(name).visit(resource, (None, name, None), report)
    return report[:_MAX_ISSUES]


def check(resource: r4.Resource) -> None:
    """Refuse an invalid resource.

    Raises:
        Invalid: with all the issues.
    """
    issues = validate(resource)
    if issues:
        first = issues[0]
        message = (first.details and first.details.text) or "Dữ liệu không hợp lệ"
        where = first.expression[0] if first.expression else None
        raise Invalid(message, code=first.code, where=where, issues=issues)


def expression(path: Path) -> str:
    """`Patient.name[0].given` from the linked path made while visiting."""
    parent, name, at = path
    here = name if at is None else f"{name}[{at}]"
    return f"{expression(parent)}.{here}" if parent else here


def _say(report: Report, code: str, path: Path, message: str) -> None:
    where = expression(path)
    report.append(issue(code, f"{where}: {message}", where=where))


class _Checker:
    """The rules of one struct. Compiled when first visited, since structs contain one another."""

    __slots__ = ("_choices", "_name", "_required", "_visits")

    def __init__(self, name: str) -> None:
        self._name = name
        self._visits: tuple[Visit, ...] | None = None
        self._required: tuple[tuple[str, int, int], ...] = ()
        self._choices: tuple[_Choice, ...] = ()

    def visit(self, value: Any, path: Path, report: Report) -> None:
        """Report what is wrong in `value`, which stands at `path`."""
        visits = self._visits or self._compile()
        items = astuple(value)
        empty = True
        for item, visit in zip(items, visits):  # noqa: B905 - same length by construction, and hot
            if item is not None:
                empty = False
                visit(item, path, report)
        if empty and path[0]:
            _say(report, "required", path, "phần tử rỗng, không có giá trị nào")
        for wire, at, sibling in self._required:
            if items[at] is None and items[sibling] is None:
                _say(report, "required", (path, wire, None), "thiếu phần tử bắt buộc")
        for choice in self._choices:
            choice.visit(items, path, report)

    def _compile(self) -> tuple[Visit, ...]:
        rule = rule_of(self._name)
        names: tuple[str, ...] = getattr(r4, self._name).__struct_fields__
        at = {name: position for position, name in enumerate(names)}
        visits: dict[str, Visit] = {f"_{wire}": _sibling_visit(f"_{wire}") for wire in rule.fields}
        visits |= {_python(wire): _field_visit(wire, field) for wire, field in rule.fields.items()}
        self._required = tuple(
            (wire, at[_python(wire)], at.get(f"_{wire}", at[_python(wire)]))
            for wire, field in rule.fields.items()
            if field.min
        )
        self._choices = tuple(
            _Choice(wire, minimum, [n for n in names if n.lstrip("_") in wires], at)
            for wire, (minimum, wires) in rule.choices.items()
        )
        self._visits = tuple(visits[name] for name in names)
        return self._visits


class _Choice:
    """One `value[x]`: the variants stand side by side in the struct, so counting them is one slice."""

    __slots__ = ("_from", "_minimum", "_names", "_to", "_wire")

    def __init__(self, wire: str, minimum: int, names: list[str], at: dict[str, int]) -> None:
        self._wire = wire
        self._minimum = minimum
        self._names = names
        self._from, self._to = at[names[0]], at[names[-1]] + 1

    def visit(self, items: tuple[Any, ...], path: Path, report: Report) -> None:
        """At most one variant (a primitive and its `_sibling` are one); at least `minimum`."""
        variants = items[self._from : self._to]
        absent = variants.count(None)
        if absent < len(variants) - 1:
            pairs = zip(self._names, variants, strict=True)
            given = sorted({name.lstrip("_") for name, item in pairs if item is not None})
            if len(given) > 1:
                message = f"{self._wire}[x] chỉ được có một giá trị, đang có {', '.join(given)}"
                _say(report, "structure", (path, self._wire, None), message)
        elif self._minimum and absent == len(variants):
            _say(report, "required", (path, self._wire, None), f"thiếu {self._wire}[x]")


@cache
def _checker(name: str) -> _Checker:
    return _Checker(name)


def _python(wire: str) -> str:
    return f"{wire}_" if keyword.iskeyword(wire) else wire


def _field_visit(wire: str, field: Field) -> Visit:
    """How one element is checked: every item of a list, or the value itself."""
    one = _value_visit(field)
    if not field.list:
        return lambda value, path, report: one(value, (path, wire, None), report)

    def visit(values: Any, path: Path, report: Report) -> None:
        if not values:
            _say(report, "structure", (path, wire, None), "mảng rỗng; hãy bỏ phần tử")
        for at, value in enumerate(values):
            if value is None:
                _say(report, "structure", (path, wire, at), "giá trị null không được phép")
            else:
                one(value, (path, wire, at), report)

    return visit


def _value_visit(field: Field) -> Visit:
    bound = binding_check(field.binding, field.type) if field.binding else None
    if field.type[0].islower():
        return _primitive_visit(_primitive_check(field.type), bound)
    if field.type == "Resource":
        return lambda value, path, report: _checker(type(value).__name__).visit(value, path, report)
    inner = _checker(field.type).visit
    if field.targets:
        return _with_check(inner, target_check(field.targets), "value")
    if field.type == "Reference":
        return _with_check(inner, target_check(()), "value")
    return _with_check(inner, bound, "code-invalid") if bound else inner


def _primitive_check(kind: str) -> Check | None:
    if kind in _INTEGERS:
        least = _INTEGERS[kind]
        return lambda value: None if least <= value < 2**31 else f"số ngoài khoảng của {kind}"
    return FORMATS.get(kind)


def _primitive_visit(form: Check | None, bound: Binding | None) -> Visit:
    def visit(value: Any, path: Path, report: Report) -> None:
        if form and (wrong := form(value)):
            _say(report, "value", path, wrong)
        elif bound and (wrong := bound(value)):
            _say(report, "code-invalid", path, wrong)

    return visit


def _with_check(inner: Visit, extra: Check, code: str) -> Visit:
    def visit(value: Any, path: Path, report: Report) -> None:
        inner(value, path, report)
        if wrong := extra(value):
            _say(report, code, path, wrong)

    return visit


def _sibling_visit(name: str) -> Visit:
    """`_birthDate`: the id and extensions of a primitive; in a list `null` holds the place."""
    inner = _checker("Element").visit

    def visit(value: Any, path: Path, report: Report) -> None:
        if not isinstance(value, list):
            inner(value, (path, name, None), report)
            return
        for at, item in enumerate(value):
            if item is not None:
                inner(item, (path, name, at), report)

    return visit
