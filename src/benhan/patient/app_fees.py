"""`/app/fees`: what today's visit costs so far, an estimate until the cashier has charged it. Contract: app-api.md."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Interaction, Permission, Subject, may
from benhan.core.db import Transaction
from benhan.core.kit import json_forms
from benhan.core.kit.json_forms import Said
from benhan.core.language import _, later
from benhan.hospital import fees
from benhan.patient import record

PATH: Final = "/app/fees"
#: Why nothing of insurance is counted.
WHYS: Final = {
    "unchecked": later("Chưa tra thẻ BHYT hôm nay: chưa trừ phần bảo hiểm."),
    "invalid": later("Thẻ BHYT không dùng được: không trừ phần bảo hiểm."),
    "elsewhere": later("Thẻ đăng ký ở nơi khác: thu ngân tính phần bảo hiểm theo giấy chuyển cơ sở."),
    "unknown": later("Chưa rõ mức hưởng hoặc nơi đăng ký: thu ngân tính phần bảo hiểm."),
}


class Line(Said):
    """One service; `amount` null: the list has no price."""

    name: str
    amount: int | None
    insured: int


class Shown(Said):
    """The lines and their sums in đồng; `note` says why insurance is not counted."""

    lines: list[Line]
    total: int
    insured: int
    prepaid: int
    due: int
    percent: int
    note: str


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """Today's visit; null where there is none, or this relation does not read orders."""
    today = await record.today(tx, who) if may(who, Interaction.SEARCH, "ServiceRequest") else None
    if today is None:
        return json_forms.answer({"fees": None})
    found = await fees.of_visit(tx, who, today.visit)
    return json_forms.answer({"fees": Shown(
        lines=[Line(name=one.name, amount=one.amount, insured=one.insured) for one in found.lines],
        total=found.total, insured=found.insured, prepaid=found.prepaid, due=found.due, percent=found.right.percent,
        note=_(WHYS[found.right.why]) if found.right.why else "",
    )})  # fmt: skip


DOORS = [Door(PATH, show, Permission.OWN_RECORD, app=True)]
