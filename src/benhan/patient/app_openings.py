"""`/app/openings`: who opened her record, when, what and why, as the app reads it.

Contract: docs/reference/app-api.md.
"""

from __future__ import annotations

from datetime import date, datetime

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.access.audit import Opening, openings, refused_dates
from benhan.core.access.glass import REASONS
from benhan.core.access.glass_review import Broken, of_patient
from benhan.core.db import Transaction
from benhan.core.kit import json_forms
from benhan.core.kit.clock import local
from benhan.core.kit.json_forms import Said
from benhan.core.language import _
from benhan.patient import record
from benhan.patient.whys import role_of, what_seen, why


class Seen(Said):
    """Somebody who opened the record on a day."""

    name: str
    role: str
    first: datetime
    last: datetime
    what: str
    wrote: bool
    printed: bool
    why: str
    strange: bool


class Emergency(Said):
    """A time that the glass was broken; `justified` null: a reviewer has not judged it yet."""

    name: str
    role: str
    began: datetime
    ended: datetime
    reason: str
    justified: bool | None


async def opened(request: Request, tx: Transaction, who: Subject) -> Response:
    """Who opened the record, when, what, and why."""
    found, broken = await openings(tx, who, who.patient or ""), await of_patient(tx, who, who.patient or "")
    days, wrong = await record.days(tx, who), await refused_dates(tx, who, who.patient or "")
    return json_forms.answer({
        "openings": [_seen(one, days) for one in found], "emergencies": [_emergency(one) for one in broken],
        "wrongDates": wrong,
    })  # fmt: skip


def _seen(one: Opening, days: list[date]) -> Seen:
    reason = why(one, days)
    return Seen(
        name=one.name or one.account, role=role_of(one), first=local(one.first), last=local(one.last),
        what=what_seen(one), wrote=one.wrote, printed=one.printed, why=reason.text, strange=reason.strange,
    )  # fmt: skip


def _emergency(one: Broken) -> Emergency:
    return Emergency(
        name=one.name or one.account, role=role_of(one), began=local(one.begun), ended=local(one.ended),
        reason=_(REASONS[one.reason]), justified=one.justified,
    )  # fmt: skip


DOORS = [Door("/app/openings", opened, Permission.OWN_RECORD, app=True)]
