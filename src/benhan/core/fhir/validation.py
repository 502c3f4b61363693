"""Rules of R4 that the structs cannot say, compiled per type at first use.

Required bindings, choices (`value[x]`), cardinality, primitive formats and reference targets, through every
nested element and resource, and the invariants (`invariants`). Standard: FHIR R4, sections 2.6, 2.9, 2.24 and 4.1.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable
from functools import cache
from typing import Any

from msgspec.structs import astuple

from benhan.core.fhir import r4
from benhan.core.fhir.bindings import binding_check, codes_of
from benhan.core.fhir.formats import FORMATS, decimal
from benhan.core.fhir.invariants import Invariant, Surroundings, Test, said_of, tests_of
from benhan.core.fhir.outcome import Invalid, issue
from benhan.core.fhir.references import target_check
from benhan.core.fhir.rules import Field, rule_of
from benhan.core.language import _, later

Path = tuple[Any, ...]


class Report(list[r4.OperationOutcomeIssue]):
    """The issues found, and where the visit is: what `%resource` and `%rootResource` are, if warnings are wanted."""

    __slots__ = ("around", "warnings")

    def __init__(self, resource: r4.Resource, *, warnings: bool) -> None:
        super().__init__()
        self.around = Surroundings(resource, resource)
        self.warnings = warnings


Visit = Callable[[Any, Path, Report], None]
Check = Callable[[Any], str | None]

_INTEGERS = {"integer": -(2**31), "unsignedInt": 0, "positiveInt": 1}
_MAX_ISSUES = 100


def validate(resource: r4.Resource, *, warnings: bool = False) -> list[r4.OperationOutcomeIssue]:
    """Every error found, at most 100, each with its FHIRPath expression; an empty list is valid.

    With `warnings`, also the invariants that only advise.
    """
    report = Report(resource, warnings=warnings)
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
        message = (first.details and first.details.text) or _("Dữ liệu không hợp lệ")
        where = first.expression[0] if first.expression else None
        raise Invalid(message, code=first.code, where=where, issues=issues)


def expression(path: Path) -> str:
    """`Patient.name[0].given` from the linked path made while visiting."""
    parent, name, at = path
    here = name if at is None else f"{name}[{at}]"
    return f"{expression(parent)}.{here}" if parent else here


def _say(report: Report, code: str, path: Path, message: str) -> None:
    where = expression(path)
    report.append(issue(code, f"{where}: {_(message)}", where=where))


def _hold(tests: tuple[Test, ...], value: Any, items: tuple[Any, ...], path: Path, report: Report) -> None:
    """Run the invariants whose elements are there; loops without generators, for this runs in every struct."""
    for test in tests:
        for need in test.needs:
            for at in need:
                if items[at] is not None:
                    break
            else:
                break
        else:
            if test.broken(value, items, report.around):
                _say_broken(report, test.invariant, path)


def _say_broken(report: Report, invariant: Invariant, path: Path) -> None:
    where = expression(path if invariant.element is None else (path, invariant.element, None))
    severity = "warning" if invariant.severity == "warning" else "error"
    message = _("không đúng quy tắc %(key)s của FHIR: %(human)s", key=invariant.key, human=said_of(invariant))
    report.append(issue("invariant", f"{where}: {message}", where=where, severity=severity))


class _Checker:
    """The rules of one struct. Compiled when first visited, since structs contain one another.

    A struct's fields stand in three runs: elements, variants of choices, siblings of primitives. The last
    two are mostly absent and are skipped in one count.
    """

    __slots__ = ("_choices", "_name", "_paired", "_plain", "_required", "_runs", "_tests")

    def __init__(self, name: str) -> None:
        self._name = name
        self._plain: tuple[Visit, ...] | None = None
        self._runs: tuple[tuple[int, int, tuple[Visit, ...]], ...] = ()
        self._required: tuple[tuple[str, int, int], ...] = ()
        self._choices: tuple[_Choice, ...] = ()
        self._tests: tuple[Test, ...] = ()
        self._paired: tuple[tuple[str, int, int], ...] = ()

    def visit(self, value: Any, path: Path, report: Report) -> None:
        """Report what is wrong in `value`, which stands at `path`."""
        plain = self._plain or self._compile()
        items = astuple(value)
        empty = True
        for item, visit in zip(items, plain):  # noqa: B905 - stops where the choices begin
            if item is not None:
                empty = False
                visit(item, path, report)
        for start, end, visits in self._runs:
            run = items[start:end]
            if run.count(None) < end - start:
                empty = False
                _visit_present(run, visits, path, report)
        if empty and not isinstance(value, r4.Resource):
            _say(report, "required", path, later("phần tử rỗng, không có giá trị nào"))
        for wire, at, sibling in self._required:
            if items[at] is None and items[sibling] is None:
                _say(report, "required", (path, wire, None), later("thiếu phần tử bắt buộc"))
        for choice in self._choices:
            choice.visit(items, path, report)
        for wire, at, sibling in self._paired:
            if items[sibling] is not None or (items[at] is not None and None in items[at]):
                _check_places(items[at] or (), items[sibling] or (), (path, wire, None), report)
        if self._tests:
            _hold(self._tests, value, items, path, report)
        if report.warnings:
            _hold(tests_of(self._name, "warning"), value, items, path, report)

    def _compile(self) -> tuple[Visit, ...]:
        rule = rule_of(self._name)
        names: tuple[str, ...] = getattr(r4, self._name).__struct_fields__
        at = {name: position for position, name in enumerate(names)}
        variants = {wire for _, wires in rule.choices.values() for wire in wires}
        visits: dict[str, Visit] = {f"_{wire}": _sibling_visit(f"_{wire}") for wire in rule.fields}
        visits |= {_python(wire): _field_visit(wire, field) for wire, field in rule.fields.items()}
        self._required = tuple(
            (wire, at[_python(wire)], at.get(f"_{wire}", at[_python(wire)]))
            for wire, field in rule.fields.items()
            if field.min
        )
        self._tests = tests_of(self._name, "error")
        self._paired = tuple(
            (wire, at[_python(wire)], at[f"_{wire}"])
            for wire, field in rule.fields.items()
            if field.list and f"_{wire}" in at
        )
        self._choices = tuple(_Choice(wire, *choice, at) for wire, choice in rule.choices.items())
        siblings = [name for name in names if name.startswith("_")]
        first, second = len(names) - len(siblings) - len(variants), len(names) - len(siblings)
        ordered = tuple(visits[name] for name in names)
        runs = ((first, second), (second, len(names)))
        self._runs = tuple((start, end, ordered[start:end]) for start, end in runs if start < end)
        self._plain = ordered[:first]
        return self._plain


def _check_places(values: Any, besides: Any, path: Path, report: Report) -> None:
    """`null` in a list of primitives holds the place of one that is told beside, and in the list beside the reverse."""
    parent, wire, _at = path
    for at in range(max(len(values), len(besides))):
        if (at >= len(values) or values[at] is None) and (at >= len(besides) or besides[at] is None):
            _say(report, "structure", (parent, wire, at), _("null chỉ giữ chỗ cho phần tử có id hoặc extension đi kèm"))


def _visit_present(items: tuple[Any, ...], visits: tuple[Visit, ...], path: Path, report: Report) -> None:
    for item, visit in zip(items, visits, strict=True):
        if item is not None:
            visit(item, path, report)


class _Choice:
    """One `value[x]`: its variants stand side by side in the struct, so counting them is one slice."""

    __slots__ = ("_from", "_minimum", "_siblings", "_to", "_wire", "_wires")

    def __init__(self, wire: str, minimum: int, wires: tuple[str, ...], at: dict[str, int]) -> None:
        self._wire = wire
        self._minimum = minimum
        self._wires = wires
        self._from, self._to = at[wires[0]], at[wires[-1]] + 1
        self._siblings = tuple((name, at[f"_{name}"]) for name in wires if f"_{name}" in at)

    def visit(self, items: tuple[Any, ...], path: Path, report: Report) -> None:
        """At most one variant (a primitive and its `_sibling` are one); at least `minimum`."""
        variants = items[self._from : self._to]
        present = len(variants) - variants.count(None)
        if present == 1 or (present == 0 and not self._minimum):
            return
        given = {name for name, item in zip(self._wires, variants, strict=True) if item is not None}
        given |= {name for name, at in self._siblings if items[at] is not None}
        if len(given) > 1:
            names = ", ".join(sorted(given))
            message = _("%(name)s[x] chỉ được có một giá trị, đang có %(given)s", name=self._wire, given=names)
            _say(report, "structure", (path, self._wire, None), message)
        elif not given:
            _say(report, "required", (path, self._wire, None), _("thiếu %(name)s[x]", name=self._wire))


@cache
def _checker(name: str) -> _Checker:
    return _Checker(name)


def _python(wire: str) -> str:
    return f"{wire}_" if keyword.iskeyword(wire) else wire


def _field_visit(wire: str, field: Field) -> Visit:
    """How one element is checked: every item of a list, or the value itself."""
    if field.type[0].islower() and not field.list:
        return _primitive_visit(wire, field)
    one = _item_visit(field)
    if not field.list:
        return lambda value, path, report: one(value, (path, wire, None), report)

    def visit(values: Any, path: Path, report: Report) -> None:
        if not values:
            _say(report, "structure", (path, wire, None), later("mảng rỗng; hãy bỏ phần tử"))
        for at, value in enumerate(values):
            if value is not None:
                one(value, (path, wire, at), report)

    return visit


def _primitive_visit(wire: str, field: Field) -> Visit:
    """A single primitive, the commonest element: its path is made only when it is wrong."""
    wrong_with = _primitive_check(field)
    right = _certainly_right(field)

    def visit(value: Any, path: Path, report: Report) -> None:
        if not right(value) and (wrong := wrong_with(value)):
            _say(report, wrong[0], (path, wire, None), wrong[1])

    def visit_text(value: Any, path: Path, report: Report) -> None:
        if not (value.isprintable() and value and not value.isspace()):
            visit(value, path, report)

    return visit_text if field.type in ("string", "markdown") and not field.binding else visit


def _certainly_right(field: Field) -> Callable[[Any], bool]:
    """A test at the speed of C that most values pass; the others are looked at in full."""
    if field.binding and field.type == "code" and (codes := codes_of(field.binding)):
        return codes.__contains__
    if field.type == "boolean":
        return lambda _: True
    return lambda _: False


def _item_visit(field: Field) -> Visit:
    if field.type[0].islower():
        wrong_with = _primitive_check(field)

        def visit(value: Any, path: Path, report: Report) -> None:
            if wrong := wrong_with(value):
                _say(report, wrong[0], path, wrong[1])

        return visit
    if field.type == "Resource":
        return _resource_visit
    inner = _checker(field.type).visit
    if field.type == "Reference":
        return _with_check(inner, target_check(field.targets), "value")
    if field.binding:
        return _with_check(inner, binding_check(field.binding, field.type), "code-invalid")
    return inner


def _resource_visit(value: Any, path: Path, report: Report) -> None:
    """A resource inside: contained ones keep the root, those of a Bundle are roots of their own."""
    outer = report.around
    parent = path[0]
    contained = parent is not None and path[1] == "contained"
    report.around = Surroundings(value, outer.root if contained else value)
    _checker(type(value).__name__).visit(value, path, report)
    report.around = outer


def _primitive_check(field: Field) -> Callable[[Any], tuple[str, str] | None]:
    """What is wrong with a primitive, as (issue code, message): its form first, then its value set."""
    form = _form(field.type)
    bound = binding_check(field.binding, field.type) if field.binding else None

    def check(value: Any) -> tuple[str, str] | None:
        if wrong := form(value):
            return "value", wrong
        if bound and (wrong := bound(value)):
            return "code-invalid", wrong
        return None

    return check


def _form(kind: str) -> Check:
    if kind in _INTEGERS:
        least = _INTEGERS[kind]
        return lambda value: None if least <= value < 2**31 else _("số ngoài khoảng của %(kind)s", kind=kind)
    return decimal if kind == "decimal" else FORMATS.get(kind, lambda _: None)


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
