"""The parameters of a search → a Query: conditions, order, what comes along. Pure but for two questions it may ask.

`may` is asked before a search follows a link to another type (a chain, `_has`); what only the store can answer (the
codes of a value set, the ids in a List) is left in `Query.pending`. Standard: HL7 FHIR R4, 3.1.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from benhan.core.access import Decision
from benhan.core.fhir.definitions import SearchParameter
from benhan.core.fhir.outcome import Forbidden, Malformed
from benhan.core.language import _
from benhan.core.store.parameters import known, parameter
from benhan.core.store.query import values as read
from benhan.core.store.query.clauses import Tokens
from benhan.core.store.query.combined import Compartment, Every, Ids, Updated, either
from benhan.core.store.query.kinds import Asked, Pending, clause
from benhan.core.store.query.links import link
from benhan.core.store.query.results import RESULT, Include, Query, result_parameter
from benhan.core.store.records import NUMBERS
from benhan.core.store.rows import SELF, hash64

MAX_CLAUSES = 40
#: Links of a chain or of nested `_has`, laid end to end.
MAX_LINKS = 5
#: Types that a link without a named type may lead to.
MAX_TYPES = 12
#: Types of which few records hang on one: a person's, a visit's.
NARROW = frozenset({"Patient", "Encounter", "RelatedPerson"})

Params = Mapping[str, str | Sequence[str]]
May = Callable[[str], Decision]


class UnknownParameter(Malformed):
    """A type has no search parameter of this name."""


def nobody(type_name: str) -> Decision:
    """Follows no link: the answer where nobody was named who asks.

    Raises:
        Forbidden: always.
    """
    raise Forbidden(_("Không có quyền tìm %(type)s.", type=type_name[:60]), where=type_name[:60])


def parse(type_name: str, params: Params, may: May = nobody, *, facility: int = 0, lenient: bool = False) -> Query:
    """Understand the parameters of a search.

    Raises:
        Malformed: a parameter is unknown (`lenient` puts it into `Query.ignored` instead), or cannot be read.
        Forbidden: a link leads to a type the caller may not search.
    """
    pairs = list(_pairs(params, lenient))
    if len(pairs) > MAX_CLAUSES:
        raise Malformed(
            _("Quá %(n)s điều kiện tìm.", n=MAX_CLAUSES), code="too-costly", advice=_("Chia thành nhiều lần tìm.")
        )
    query = Query(type=type_name, facility=facility, text="&".join(f"{name}={value}" for name, value in pairs))
    reader = _Reader(facility, may, query)
    for name, value in pairs:
        try:
            if not result_parameter(query, name, value):
                found = reader.condition(type_name, name, value)
                query.clauses += found.clauses if isinstance(found, Every) else [found]
        except UnknownParameter:
            if not lenient:
                raise
            query.ignored.append(name)
        else:
            query.used.append((name, value))
    return query


def _pairs(params: Params, lenient: bool) -> Iterator[tuple[str, str]]:
    for name, given in params.items():
        for value in [given] if isinstance(given, str) else given:
            if value == "" and not lenient:
                raise Malformed(
                    _("Điều kiện %(name)s để trống.", name=name[:60]), where=name[:60], advice=_("Bỏ điều kiện này.")
                )
            if value != "":
                yield name, value


class _Reader:
    """Reads conditions, following links."""

    def __init__(self, facility: int, may: May, query: Query) -> None:
        self._facility = facility
        self._may = may
        self._query = query

    def condition(self, type_name: str, name: str, text: str, links: int = 0) -> Any:
        """One condition on records of a type; `links` have been followed to come here."""
        if links > MAX_LINKS:
            raise Malformed(_("Quá %(n)s lần nối.", n=MAX_LINKS), where=name[:60], code="too-costly")
        if name.startswith("_has:"):
            return self._reverse(type_name, name, text, links)
        head, dot, rest = name.partition(".")
        if dot:
            return self._chain(type_name, head, rest, text, links)
        code, colon, modifier = name.partition(":")
        if colon and not modifier:
            raise Malformed(_("Điều kiện %(name)s thiếu phần sau dấu hai chấm.", name=name[:60]), where=name[:60])
        if code in ("_id", "_lastUpdated", "_list"):
            return self._of_record(code, modifier, name, text, type_name)
        found = clause(
            Asked(type_name, self._parameter(type_name, code), modifier, text, self._query.pending, not links)
        )
        if isinstance(found, Compartment):
            self._query.patient = found.patients[0]
        return found

    def _of_record(self, code: str, modifier: str, name: str, text: str, type_name: str) -> Any:
        if modifier:
            raise Malformed(
                _("%(code)s không nhận cách tìm :%(modifier)s.", code=code, modifier=modifier[:40]), where=name[:60],
                code="not-supported",
            )  # fmt: skip
        if code == "_lastUpdated":
            return Updated([read.span(name, one) for one in read.alternatives(name, text)])
        if code == "_id":
            return Ids([read.plain(one) for one in read.alternatives(name, text)])
        ids = Ids([])
        self._query.pending.append(Pending("list", read.plain(text), ids, type_name))
        return ids

    def _parameter(self, type_name: str, code: str) -> SearchParameter:
        found = parameter(self._facility, type_name, code)
        if found is None:
            names = ", ".join(sorted(known(self._facility, type_name))[:60])
            raise UnknownParameter(
                _("%(type)s không có điều kiện tìm “%(code)s”.", type=type_name, code=code[:60]), where=code[:60],
                code="not-supported", advice=_("Có: %(names)s.", names=names),
            )  # fmt: skip
        if not found.indexed:
            raise Malformed(
                _("Không hỗ trợ điều kiện tìm “%(code)s” (%(kind)s).", code=code[:60], kind=found.kind),
                where=code[:60], code="not-supported", advice=_("Xem CapabilityStatement tại /fhir/metadata."),
            )  # fmt: skip
        return found

    # ── links ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _chain(self, type_name: str, head: str, rest: str, text: str, links: int) -> Any:
        """`subject:Patient.name=x`: a record it points at meets the rest."""
        code, _colon, target = head.partition(":")
        found = self._parameter(type_name, code)
        if found.kind != "reference":
            raise Malformed(
                _("“%(code)s” không phải tham chiếu nên không nối tiếp được.", code=code[:60]), where=code[:60]
            )
        if target and found.targets and target not in found.targets:
            raise Malformed(_("%(code)s không trỏ tới %(type)s.", code=code[:60], type=target[:60]), where=head[:60])
        if target and target not in NUMBERS:
            raise Malformed(_("Không có loại bản ghi %(type)s.", type=target[:60]), where=head[:60])
        targets = [target] if target else self._meant(found, rest)
        if rest == "_id":
            ids = [read.plain(one) for one in read.alternatives(rest, text)]
            for one in targets:
                self._may(one)
            return Tokens([found.id], [hash64(f"{one}/{id_}") for one in targets for id_ in ids])
        return either([self._link(found, one, rest, text, links) for one in targets])

    def _link(self, found: SearchParameter, target: str, rest: str, text: str, links: int) -> Any:
        decision = self._may(target)
        inner = self.condition(target, rest, text, links + 1)
        return link(found.id, SELF, NUMBERS[target], inner, decision, narrow=target in NARROW)

    def _meant(self, found: SearchParameter, rest: str) -> list[str]:
        """The types that a link without a named one leads to: those that have what is asked, and may be searched.

        Raises:
            UnknownParameter: none has it; Malformed: too many have it; Forbidden: none of them may be searched.
        """
        code = rest.partition(".")[0].partition(":")[0]
        have = [one for one in found.targets if code in ("_has", "_id") or parameter(self._facility, one, code)]
        if not have:
            raise UnknownParameter(
                _("%(ref)s không trỏ tới loại nào có điều kiện tìm “%(code)s”.", ref=found.code, code=code[:60]),
                where=rest[:60], code="not-supported",
            )  # fmt: skip
        if len(have) > MAX_TYPES:
            raise Malformed(
                _("Cần nói rõ loại, ví dụ %(one)s.", one=f"{found.code}:{have[0]}.{code[:40]}"), where=found.code
            )
        allowed, refused = [], None
        for one in have:
            try:
                self._may(one)
                allowed.append(one)
            except Forbidden as problem:
                refused = problem
        if not allowed and refused:
            raise refused
        return allowed

    def _reverse(self, type_name: str, name: str, text: str, links: int) -> Any:
        """`_has:Observation:patient:code=x`: a record that points at it meets the rest."""
        parts = name.split(":", 3)
        if len(parts) != 4 or not all(parts):
            raise Malformed(
                _("_has cần dạng _has:Loại:tham-chiếu:điều-kiện."), where=name[:60],
                advice=_("Ví dụ _has:Observation:patient:code=8867-4."),
            )  # fmt: skip
        _has, source, code, rest = parts
        if source not in NUMBERS:
            raise Malformed(_("Không có loại bản ghi %(type)s.", type=source[:60]), where=name[:60])
        found = self._parameter(source, code)
        if found.kind != "reference" or (found.targets and type_name not in found.targets):
            raise Malformed(
                _("%(source)s:%(code)s không trỏ tới %(type)s.", source=source, code=code[:60], type=type_name),
                where=name[:60],
            )
        decision = self._may(source)
        if rest == "_id":
            rest_clause: Any = Ids([read.plain(one) for one in read.alternatives(rest, text)])
        else:
            rest_clause = self.condition(source, rest, text, links + 1)
        return link(SELF, found.id, NUMBERS[source], rest_clause, decision, narrow=True)


__all__ = ["MAX_CLAUSES", "RESULT", "Include", "May", "Params", "Query", "UnknownParameter", "nobody", "parse"]
