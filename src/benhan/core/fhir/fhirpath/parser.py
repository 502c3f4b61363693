"""FHIRPath text to a tree, bounded in length and depth. Standard: FHIRPath 2.0, grammar and section 6.8."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from benhan.core.fhir.fhirpath.faults import BadExpression
from benhan.core.fhir.fhirpath.moments import moment
from benhan.core.fhir.fhirpath.quantities import CALENDAR, Quantity
from benhan.core.fhir.fhirpath.tokens import Token, tokens
from benhan.core.language import _

MAX_DEPTH = 60


class Literal(NamedTuple):
    """A value written out; None is the empty collection `{}`."""

    value: Any
    at: int


class Variable(NamedTuple):
    """`%resource`, `$this`: the name carries its sign."""

    name: str
    at: int


class Member(NamedTuple):
    """`focus.name`; no focus: of `$this`."""

    focus: Node | None
    name: str
    at: int


class Call(NamedTuple):
    """`focus.name(args)`; no focus: on `$this`."""

    focus: Node | None
    name: str
    args: tuple[Node, ...]
    at: int


class Index(NamedTuple):
    """`focus[index]`."""

    focus: Node
    position: Node
    at: int


class Unary(NamedTuple):
    """`-operand`."""

    sign: str
    operand: Node
    at: int


class Binary(NamedTuple):
    """`left operator right`."""

    operator: str
    left: Node
    right: Node
    at: int


class TypeTest(NamedTuple):
    """`operand is type`, `operand as type`."""

    operator: str
    operand: Node
    type: str
    at: int


Node: TypeAlias = Literal | Variable | Member | Call | Index | Unary | Binary | TypeTest

_PRECEDENCE = {
    operator: strength
    for strength, operators in enumerate(
        ("implies", "or xor", "and", "in contains", "= ~ != !~", "is as", "<= < > >=", "|", "+ - &", "* / div mod")
    )
    for operator in operators.split()
}
_WORDS = frozenset(operator for operator in _PRECEDENCE if operator.isalpha())


@lru_cache(maxsize=4096)
def parse(expression: str) -> Node:
    """The tree of an expression.

    Raises:
        BadExpression: with the position.
    """
    parser = _Parser(expression)
    node = parser.expression()
    if parser.token.kind != "end":
        raise parser.wrong()
    return node


class _Parser:
    """Precedence climbing over the tokens."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = tokens(expression)
        self._next = 0
        self._depth = 0

    @property
    def token(self) -> Token:
        return self._tokens[self._next]

    def wrong(self) -> BadExpression:
        said = self.token.text[:40] or _("hết biểu thức")
        return BadExpression(_("Không ngờ gặp “%(said)s”.", said=said), self._expression, self.token.at)

    def take(self) -> Token:
        self._next += 1
        return self._tokens[self._next - 1]

    def sign(self, *signs: str) -> bool:
        return self.token.kind == "sign" and self.token.text in signs

    def expect(self, sign: str) -> None:
        if not self.sign(sign):
            raise self.wrong()
        self._next += 1

    def operator(self) -> str | None:
        token = self.token
        if token.kind == "sign" or (token.kind == "name" and token.text in _WORDS):
            return token.text if token.text in _PRECEDENCE else None
        return None

    def expression(self, weakest: int = 0) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            text = _("Biểu thức lồng nhau quá %(n)s tầng.", n=MAX_DEPTH)
            raise BadExpression(text, self._expression, self.token.at)
        left = self.unary()
        links = 0
        while (operator := self.operator()) and _PRECEDENCE[operator] >= weakest:
            links += 1
            if links > 200:  # a tree that leans left is as deep as it is long
                raise BadExpression(_("Quá nhiều phép tính nối nhau."), self._expression, self.token.at)
            at = self.take().at
            if operator in ("is", "as"):
                left = TypeTest(operator, left, self.type_name(), at)
            else:
                left = Binary(operator, left, self.expression(_PRECEDENCE[operator] + 1), at)
        self._depth -= 1
        return left

    def unary(self) -> Node:
        if self.sign("+", "-"):
            token = self.take()
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise self.wrong()
            node = Unary(token.text, self.unary(), token.at)
            self._depth -= 1
            return node
        return self.path()

    def path(self) -> Node:
        node = self.term()
        steps = 0
        while self.sign(".", "["):
            steps += 1
            if steps > 100:
                raise BadExpression(_("Đường dẫn quá dài."), self._expression, self.token.at)
            token = self.take()
            if token.text == "[":
                node = Index(node, self.expression(), token.at)
                self.expect("]")
            else:
                node = self.invocation(node)
        return node

    def term(self) -> Node:
        token = self.token
        if token.kind == "sign":
            return self.marked(token)
        if token.kind in ("name", "quoted"):
            if token.kind == "name" and token.text in ("true", "false"):
                self.take()
                return Literal(token.text == "true", token.at)
            return self.invocation(None)
        if token.kind == "end":
            raise self.wrong()
        return self.literal()

    def marked(self, token: Token) -> Node:
        """`(…)`, `{}`, `%name`, `$this`."""
        starts: dict[str, Callable[[], Node]] = {
            "(": self.parenthesis, "{": self.nothing, "%": self.constant, "$": self.special,
        }  # fmt: skip
        if token.text not in starts:
            raise self.wrong()
        self.take()
        return starts[token.text]()

    def parenthesis(self) -> Node:
        node = self.expression()
        self.expect(")")
        return node

    def nothing(self) -> Node:
        self.expect("}")
        return Literal(None, self.token.at)

    def constant(self) -> Node:
        if self.token.kind not in ("name", "text", "quoted"):
            raise self.wrong()
        token = self.take()
        return Variable(f"%{token.text}", token.at - 1)

    def special(self) -> Node:
        token = self.take()
        if token.text not in ("this", "index", "total"):
            raise BadExpression(_("Không ngờ gặp “%(said)s”.", said=f"${token.text}"), self._expression, token.at)
        return Variable(f"${token.text}", token.at - 1)

    def literal(self) -> Node:
        token = self.take()
        try:
            if token.kind == "text":
                return Literal(token.text, token.at)
            if token.kind == "moment":
                return Literal(moment(token.text), token.at)
            return self.number(token)
        except ValueError as error:
            raise BadExpression(str(error), self._expression, token.at) from None

    def number(self, token: Token) -> Node:
        """A number, or a quantity when a unit follows."""
        unit = self.token
        if unit.kind == "text":
            self.take()
            return Literal(Quantity(Decimal(token.text), unit.text), token.at)
        if unit.kind == "name" and unit.text in CALENDAR:
            self.take()
            return Literal(Quantity(Decimal(token.text), CALENDAR[unit.text]), token.at)
        value = Decimal(token.text) if "." in token.text else int(token.text)
        return Literal(value, token.at)

    def invocation(self, focus: Node | None) -> Node:
        """A member or a function, after a dot or at the start."""
        if focus is not None and self.sign("$"):
            raise self.wrong()
        if self.token.kind not in ("name", "quoted"):
            raise self.wrong()
        token = self.take()
        if not self.sign("("):
            return Member(focus, token.text, token.at)
        self.take()
        args: list[Node] = []
        while not self.sign(")"):
            args.append(self.expression())
            if not self.sign(")"):
                self.expect(",")
        self.take()
        return Call(focus, token.text, tuple(args), token.at)

    def type_name(self) -> str:
        """`Patient`, `FHIR.Patient`, `System.String`."""
        parts = [self.type_part()]
        while self.sign("."):
            self.take()
            parts.append(self.type_part())
        return ".".join(parts)

    def type_part(self) -> str:
        if self.token.kind not in ("name", "quoted"):
            raise self.wrong()
        return self.take().text


def written_type(node: Node) -> str | None:
    """The type that the argument of `ofType(…)` names, or None if it is another expression."""
    if isinstance(node, Member):
        if node.focus is None:
            return node.name
        before = written_type(node.focus)
        return f"{before}.{node.name}" if before else None
    return None
