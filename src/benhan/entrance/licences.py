"""`/quan-tri/tai-khoan/giay-phep`: practice licences that are missing, over, or soon over; whether the house asks."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Permission, Subject, licences, staff
from benhan.core.db import Transaction
from benhan.core.kit import clock, forms, pages
from benhan.core.language import _, later
from benhan.entrance.staff import PATH, back, toast, words

LICENCES: Final = f"{PATH}/giay-phep"
#: State → what it is called, and its tone.
STATES: Final = {
    "missing": (later("Chưa có"), "bad"),
    "ended": (later("Hết hạn"), "bad"),
    "ending": (later("Sắp hết hạn"), "warn"),
}


async def listing(request: Request, tx: Transaction, who: Subject) -> Response:
    """Who works here and may soon not practise, the worst first."""
    today = clock.today()
    found = licences.troubled(await staff.everybody(tx, who), today)
    rule = forms.blank([_rule()], asked="1" if await licences.asked_for(tx, who.facility) else "")
    return pages.render(
        request, "entrance/licences.html", found=found, today=today, days=licences.DAYS, licence_states=STATES,
        rule=rule, here=LICENCES, toast=toast(request), **words(),
    )  # fmt: skip


async def ask_for(request: Request, tx: Transaction, who: Subject) -> Response:
    """Whether who has none may diagnose, prescribe and sign."""
    form = await forms.read_form(request, [_rule()])
    await licences.ask_for(tx, who, asked=form["asked"])
    return back(LICENCES, xong="luu")


def _rule() -> forms.Field:
    return forms.flag("asked", _("Chỉ người có giấy phép hành nghề còn hạn mới chẩn đoán, kê đơn, ký"))


DOORS = [
    Door(LICENCES, listing, Permission.ADMINISTER),
    Door(LICENCES, ask_for, Permission.ADMINISTER, ("POST",)),
]
