"""A FHIRPath tree to closures: each takes the `Context` of an evaluation and gives a collection."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec

from benhan.core.fhir.fhirpath import functions
from benhan.core.fhir.fhirpath.context import Context, Items
from benhan.core.fhir.fhirpath.faults import BadExpression, Fault
from benhan.core.fhir.fhirpath.members import member, reader
from benhan.core.fhir.fhirpath.operators import EMPTY, FALSE, LOGIC, OPERATORS, TRUE, answer, single, truth
from benhan.core.fhir.fhirpath.parser import (
    Binary,
    Call,
    Index,
    Literal,
    Member,
    Node,
    TypeTest,
    Unary,
    Variable,
    written_type,
)
from benhan.core.fhir.fhirpath.quantities import Quantity
from benhan.core.fhir.fhirpath.values import is_type, known_type
from benhan.core.language import _

Run = Callable[[Context], Items]

_CONSTANTS = {
    "%ucum": "http://unitsofmeasure.org",
    "%sct": "http://snomed.info/sct",
    "%loinc": "http://loinc.org",
}


def compile_node(node: Node, expression: str) -> Run:
    """The closure of a tree.

    Raises:
        BadExpression: a function that FHIRPath does not have, or wrong arguments.
    """
    return _Compiler(expression).run(node)


class _Compiler:
    """Knows the text of the expression, to say where something is wrong."""

    def __init__(self, expression: str) -> None:
        self._expression = expression

    def run(self, node: Node) -> Run:  # noqa: PLR0911 - one line for each kind of node
        match node:
            case Literal(value):
                found = EMPTY if value is None else [value]
                return lambda _: found
            case Variable(name):
                return _variable(name, self.wrong(node.at))
            case Member(focus, name):
                return _type_or_member(name) if focus is None else _member(self.run(focus), name)
            case Call():
                return self.call(node)
            case Index(focus, position):
                return self.guarded(_indexed(self.run(focus), self.run(position)), node.at)
            case Unary(sign, operand):
                return self.guarded(_signed(sign, self.run(operand)), node.at)
            case TypeTest(operator, operand, type_):
                return self.typed(operator, self.run(operand), type_, node.at)
            case Binary():
                return self.binary(node)

    def wrong(self, at: int) -> Callable[[str], BadExpression]:
        return lambda message: BadExpression(message, self._expression, at)

    def guarded(self, run: Run, at: int) -> Run:
        """The same closure; what goes wrong inside names the place."""
        expression = self._expression

        def checked(context: Context) -> Items:
            try:
                return run(context)
            except Fault as fault:
                raise BadExpression(str(fault), expression, at) from None

        return checked

    def binary(self, node: Binary) -> Run:
        left, right = self.run(node.left), self.run(node.right)
        if node.operator in LOGIC:
            return self.guarded(_logical(node.operator, left, right), node.at)
        apply = OPERATORS[node.operator]
        return self.guarded(lambda context: apply(left(context), right(context)), node.at)

    def typed(self, operator: str, operand: Run, type_: str, at: int) -> Run:
        if not known_type(type_):
            raise self.wrong(at)(_("Không có kiểu “%(type)s”.", type=type_[:80]))
        if operator == "is":

            def test(context: Context) -> Items:
                items = operand(context)
                if len(items) > 1:
                    raise Fault(_("is chỉ nhận một giá trị"))
                return EMPTY if not items else answer(is_type(items[0], type_))

            return self.guarded(test, at)
        return lambda context: [item for item in operand(context) if is_type(item, type_)]

    def call(self, node: Call) -> Run:
        focus: Run = self.run(node.focus) if node.focus is not None else _this
        if node.name in ("is", "as", "ofType"):
            type_ = written_type(node.args[0]) if len(node.args) == 1 else None
            if type_ is None:
                raise self.wrong(node.at)(_("%(name)s() cần tên một kiểu.", name=node.name))
            return self.typed(node.name, focus, type_, node.at)
        if node.name in ("exists", "empty") and not node.args:
            return _presence(node, focus, self.run)
        function = functions.FUNCTIONS.get(node.name)
        if function is None:
            raise self.wrong(node.at)(_("Không có hàm “%(name)s”.", name=node.name[:80]))
        if not function.least <= len(node.args) <= function.most:
            raise self.wrong(node.at)(_("Sai số tham số của %(name)s().", name=node.name))
        args = tuple(self.run(arg) for arg in node.args)
        apply = function.apply
        if function.lazy:
            return self.guarded(lambda context: apply(context, focus(context), *args), node.at)
        if not args:
            return self.guarded(lambda context: apply(context, focus(context)), node.at)
        return self.guarded(lambda context: apply(context, focus(context), *(arg(context) for arg in args)), node.at)


def _this(context: Context) -> Items:
    return context.this


def _presence(node: Call, focus: Run, run: Callable[[Node], Run]) -> Run:
    """`a.b.exists()` and `.empty()`: for one struct only its attributes are asked, nothing is built."""
    full, none = (TRUE, FALSE) if node.name == "exists" else (FALSE, TRUE)
    inner = node.focus
    if not isinstance(inner, Member) or (inner.focus is None and inner.name[0].isupper()):
        return lambda context: full if focus(context) else none
    before: Run = run(inner.focus) if inner.focus is not None else _this
    name = inner.name

    def present(context: Context) -> Items:
        for item in before(context):
            if member(item, name):
                return full
        return none

    return present


def _member(focus: Run, name: str) -> Run:
    def read(context: Context) -> Items:
        items = focus(context)
        if len(items) == 1:
            item = items[0]
            if isinstance(item, msgspec.Struct):
                return reader(type(item), name)(item)
            return member(item, name)
        found: Items = []
        for item in items:
            found += member(item, name)
        return found

    return read


def _type_or_member(name: str) -> Run:
    """`Patient` at the start of a path is the record itself if it is one."""
    plain = _member(_this, name)
    if not name[0].isupper():
        return plain

    def read(context: Context) -> Items:
        return [item for item in context.this if is_type(item, name)]

    return read


def _variable(name: str, wrong: Callable[[str], BadExpression]) -> Run:  # noqa: PLR0911 - a table
    match name:
        case "$this":
            return _this
        case "$index":
            return lambda context: context.index
        case "$total":
            return lambda context: context.total
        case "%context":
            return lambda context: context.context
        case "%resource":
            return lambda context: [] if context.resource is None else [context.resource]
        case "%rootResource":
            return lambda context: [] if context.root is None else [context.root]
    if name in _CONSTANTS:
        constant = [_CONSTANTS[name]]
        return lambda _: constant
    return _from_outside(name[1:], wrong)


def _from_outside(name: str, wrong: Callable[[str], BadExpression]) -> Run:
    """A variable that the caller gives; `vs-name` and `ext-name` are addresses of HL7."""
    for start, address in (
        ("vs-", "http://hl7.org/fhir/ValueSet/"),
        ("ext-", "http://hl7.org/fhir/StructureDefinition/"),
    ):
        if name.startswith(start):
            found = [address + name.removeprefix(start)]
            return lambda _: found

    def read(context: Context) -> Items:
        if name not in context.variables:
            raise wrong(_("Không có biến %%%(name)s.", name=name[:80]))
        value = context.variables[name]
        return [] if value is None else value if isinstance(value, list) else [value]

    return read


def _indexed(focus: Run, index: Run) -> Run:
    def read(context: Context) -> Items:
        items, at = focus(context), single(index(context))
        if at is None:
            return EMPTY
        if type(at) is not int:
            raise Fault(_("chỉ số phải là số nguyên"))
        return items[at : at + 1] if at >= 0 else EMPTY

    return read


def _signed(sign: str, operand: Run) -> Run:
    def read(context: Context) -> Items:
        value = single(operand(context))
        if value is None:
            return EMPTY
        if type(value) is Quantity:
            return [value if sign == "+" else Quantity(-value.value, value.unit)]
        if type(value) not in (int, Decimal):
            raise Fault(_("dấu chỉ dùng cho số"))
        return [value if sign == "+" else -value]

    return read


def _logical(operator: str, left: Run, right: Run) -> Run:
    combine, decides = LOGIC[operator]
    if operator == "implies":

        def implied(context: Context) -> Items:
            first = truth(left(context))
            return TRUE if first is False else answer(combine(first, truth(right(context))))

        return implied

    def read(context: Context) -> Items:
        first = truth(left(context))
        if first is decides and decides is not None:
            return answer(first)
        return answer(combine(first, truth(right(context))))

    return read
