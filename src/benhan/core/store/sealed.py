"""What is signed stays as it was signed: no door changes or deletes it, additions are records of their own.

The rules stand in `rules/` under `State.CLOSED`; whether a record is closed is read from the signatures themselves,
in the statement that locks it to be changed: nothing is kept twice, and nobody who only reads pays for it.
"""

from __future__ import annotations

from typing import Final

from benhan.core.access import Decision
from benhan.core.access.vocabulary import State
from benhan.core.fhir.outcome import Conflict
from benhan.core.fhir.search import PARAMETERS
from benhan.core.language import _
from benhan.core.store.records import NUMBERS
from benhan.core.store.rows import SELF, hash64

_SIGNATURE: Final = PARAMETERS["Provenance"]["signature-type"].id
_TARGET: Final = PARAMETERS["Provenance"]["target"].id
_STATUS: Final = PARAMETERS["Encounter"]["status"].id
#: A form of the record is written until it is signed itself: it is summed up after its visit has ended (ADR 29).
_OUTLIVES: Final = NUMBERS["QuestionnaireResponse"]
#: Whether a record `r` is closed: a signature, signed itself, or of a visit that is finished and signed. Each step is
#: fenced: from the record's own tokens to signatures of them, never from all signatures there are.
CLOSED: Final = f"""(
exists (select from public.token t where t.rid = {{r}}.key and t.param = {_SIGNATURE}::smallint offset 0)
or exists (
    select from (select own.hash, own.param from public.token own where own.rid = {{r}}.key offset 0) own
    cross join lateral (select target.rid from public.token target where target.facility = {{r}}.facility
        and target.param = {_TARGET}::smallint and target.hash = own.hash offset 0) target
    cross join lateral (select from public.token signature where signature.rid = target.rid
        and signature.param = {_SIGNATURE}::smallint offset 0) signature
    where own.param = {SELF}::smallint or {{r}}.type <> {_OUTLIVES}::smallint and exists (
        select from (select visit.rid from public.token visit where visit.facility = {{r}}.facility
            and visit.param = {SELF}::smallint and visit.hash = own.hash offset 0) visit
        cross join lateral (select from public.token state where state.rid = visit.rid
            and state.param = {_STATUS}::smallint and state.hash = {hash64("finished")} offset 0) state offset 0)
    offset 0))"""


def closing(decision: Decision) -> str | None:
    """The rule that keeps a closed record from what was decided about; None: no rule asks."""
    closed = decision.guard.closed if decision.guard else ()
    return next((one.rule for one in closed if State.CLOSED in one.labels), None)


def refuse_if_closed(decision: Decision, closed: bool | None, record: str) -> None:
    """Refuse to change or delete a closed record (`Type/id`).

    Raises:
        Conflict: it is closed, and a rule keeps it; the refusal names the rule.
    """
    rule = closing(decision)
    if rule is None or not closed:
        return
    told = Conflict(
        _("%(record)s đã được ký nên không sửa, xoá được.", record=record), where=record.partition("/")[0],
        advice=_("Ghi bổ sung và ký bổ sung. Quy tắc: %(rule)s.", rule=rule),
    )  # fmt: skip
    told.rule = rule
    raise told
