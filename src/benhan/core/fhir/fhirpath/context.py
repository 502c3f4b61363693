"""One evaluation: what is looked at, the variables around it, the doors to the world, and how much is left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from benhan.core.fhir.fhirpath import moments
from benhan.core.fhir.fhirpath.faults import Fault
from benhan.core.language import _

#: How many items one evaluation may look at.
MAX_ITEMS = 100_000

Items = list[Any]
#: Where a reference points: the resource, or None.
Resolve = Callable[[str, Any], Any]
#: Whether a coded item is in a value set; None when it is not known.
MemberOf = Callable[[Any, str], bool | None]
ConformsTo = Callable[[Any, str], bool | None]
#: Whether code `a` subsumes `b`; None when it is not known.
Subsumes = Callable[[Any, Any], bool | None]


class Context:
    """Mutable, for one evaluation only: functions set `this` for their argument and set it back."""

    __slots__ = (
        "conforms_to", "context", "index", "left", "member_of", "now", "resolve", "resource", "root", "subsumes",
        "this", "total", "trace", "variables",
    )  # fmt: skip

    def __init__(
        self,
        items: Items,
        *,
        resource: Any = None,
        root: Any = None,
        variables: dict[str, Any] | None = None,
        resolve: Resolve | None = None,
        member_of: MemberOf | None = None,
        conforms_to: ConformsTo | None = None,
        subsumes: Subsumes | None = None,
        now: datetime | None = None,
        most: int = MAX_ITEMS,
        trace: Callable[[str, Items], None] | None = None,
    ) -> None:
        self.this = items
        self.context = items
        self.resource = resource if resource is not None else (items[0] if items else None)
        self.root = root if root is not None else self.resource
        self.variables = variables or {}
        self.resolve = resolve
        self.member_of = member_of
        self.conforms_to = conforms_to
        self.subsumes = subsumes
        self.now = now or moments.now()
        self.trace = trace
        self.index: Items = []
        self.total: Items = []
        self.left = most

    def spend(self, items: int) -> None:
        """Count items looked at.

        Raises:
            Fault: too many.
        """
        self.left -= items
        if self.left < 0:
            raise Fault(_("biểu thức duyệt quá nhiều phần tử"))
