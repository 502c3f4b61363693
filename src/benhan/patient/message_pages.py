"""`/nguoi-benh/tin-nhan`: which messages she wants, one switch each."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.kit import forms, pages
from benhan.core.language import _, later
from benhan.patient import outbox
from benhan.patient.outbox import REFUSABLE

PATH: Final = "/nguoi-benh/tin-nhan"
WORDS: Final = {
    "reminder": later("Nhắc tôi trước lịch hẹn"), "turn": later("Báo khi sắp tới lượt tôi"),
    "results": later("Báo khi có kết quả mới"), "revisit": later("Nhắc tôi tái khám"),
    "changed": later("Báo khi bệnh viện dời hoặc huỷ lịch"),
    "medicine": later("Nhắc giờ dùng thuốc của những đơn tôi đã bật"),
    "answer": later("Báo khi bác sĩ trả lời câu hỏi"),
    "survey": later("Hỏi tôi lượt khám thế nào"),
    "remote": later("Báo khi bác sĩ trả lời yêu cầu gọi video"),
    "call": later("Nhắc tôi khi sắp đến giờ gọi video"),
}  # fmt: skip


async def choose(request: Request, tx: Transaction, who: Subject) -> Response:
    """What she gets now."""
    unwanted = await outbox.refused(tx, who.facility, who.patient or "")
    form = forms.blank(_fields(), **{kind: kind not in unwanted for kind in REFUSABLE})
    return pages.render(
        request, "patient/messages.html", form=form, kinds=REFUSABLE, facility=who.facility_name, path=PATH,
        done=request.query_params.get("xong") == "luu",
    )  # fmt: skip


async def keep(request: Request, tx: Transaction, who: Subject) -> Response:
    """As she wants it, from now on."""
    form = await forms.read_form(request, _fields())
    form.require()
    await outbox.refuse(tx, who, [kind for kind in REFUSABLE if not form[kind]])
    return RedirectResponse(f"{PATH}?xong=luu", 303)


def _fields() -> list[forms.Field]:
    return [forms.flag(kind, _(WORDS[kind])) for kind in REFUSABLE]


DOORS = [Door(PATH, choose, Permission.OWN_RIGHTS), Door(PATH, keep, Permission.OWN_RIGHTS, ("POST",))]
