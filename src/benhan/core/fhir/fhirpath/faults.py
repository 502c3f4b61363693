"""What can be wrong with a FHIRPath expression: how it is written, or what it does with a record."""

from __future__ import annotations

from benhan.core.fhir.outcome import Malformed
from benhan.core.language import _


class Fault(Exception):  # noqa: N818 - becomes a BadExpression when its place is known
    """Raised inside an operator or function, which does not know where in the expression it stands."""


class BadExpression(Malformed):
    """400: the expression cannot be read, or cannot be evaluated on this record; `position` counts from 0."""

    def __init__(self, message: str, expression: str, position: int) -> None:
        near = expression[max(0, position - 20) : position + 30]
        super().__init__(
            _("FHIRPath: %(message)s (ký tự %(at)s, gần “%(near)s”)", message=message, at=position + 1, near=near),
            code="invalid",
        )
        self.expression = expression
        self.position = position
