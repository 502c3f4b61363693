"""`Observation/$lastn`: of each kind of measurement of a patient, the last ones.

Standard: HL7 FHIR R4, Observation/$lastn. Two codes are one kind when they share a coding; without codings, when they
share the text.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.api import messages
from benhan.core.api.operations.everything import entry
from benhan.core.api.operations.inputs import inputs
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Invalid, Malformed
from benhan.core.kit.text import fold
from benhan.core.language import _

MAX_LAST = 100
PAGE = 500
#: So many measurements of one patient are looked at; more of them than a hospital takes in years of care.
LOOKED_AT = 20_000


async def lastn(request: Request, tx: Transaction, who: Subject) -> Response:
    """The last `max` (1) of each code, newest first; every search parameter of Observation narrows it."""
    asked = await inputs(request)
    most = asked.number("max", least=1, most=MAX_LAST) or 1
    params: dict[str, list[str]] = {}
    for name, value in asked.pairs():
        if name not in ("max", "_format", "_pretty"):
            params.setdefault(name, []).append(value)
    if not {"patient", "subject"} & {name.partition(":")[0] for name in params} and who.patient is None:
        raise Malformed(
            _("$lastn cần biết người bệnh."), code="required", where="patient", advice=_("Thêm patient=[mã].")
        )
    if any(name in params for name in ("_sort", "_count", "_after")):
        raise Malformed(_("$lastn tự sắp xếp và tự đếm."), code="not-supported", where="_sort")
    found = await _last(tx, who, params, most)
    base = messages.base(request)
    entries = [entry(base, one, "match") for one in found]
    return messages.answer(r4.Bundle(type="searchset", total=len(entries), entry=entries or None))


async def _last(tx: Transaction, who: Subject, params: dict[str, list[str]], most: int) -> list[r4.Observation]:
    kinds, kept, after = Kinds(), list[r4.Observation](), None
    for _page in range(LOOKED_AT // PAGE):
        asked = {**params, "_sort": "-date", "_count": str(PAGE)} | ({"_after": after} if after else {})
        page = await store.search(tx, who, r4.Observation, asked)
        kept += [one for one in page.resources if kinds.counted(one.code) <= most]
        after = page.next
        if after is None:
            return kept
    raise Invalid(
        _("Người bệnh có quá %(n)s chỉ số.", n=LOOKED_AT), code="too-costly", advice=_("Thu hẹp theo loại hoặc ngày.")
    )


class Kinds:
    """How many of each kind were seen; kinds that turn out to share a coding become one."""

    def __init__(self) -> None:
        self._kind: dict[str, list[int]] = {}

    def counted(self, code: r4.CodeableConcept | None) -> int:
        """Count one more of the kind of this code; gives how many there are now."""
        names = _names(code)
        known = list({id(self._kind[name]): self._kind[name] for name in names if name in self._kind}.values())
        count = known[0] if known else [0]
        for other in known[1:]:
            count[0] = max(count[0], other[0])
            self._kind = {name: count if kind is other else kind for name, kind in self._kind.items()}
        self._kind |= dict.fromkeys(names, count)
        count[0] += 1
        return count[0]


def _names(code: r4.CodeableConcept | None) -> list[str]:
    if code is None:
        return [""]
    coded = [f"{one.system or ''}|{one.code}" for one in code.coding or [] if one.code]
    return coded or [f"text {fold(code.text or '')}"]
