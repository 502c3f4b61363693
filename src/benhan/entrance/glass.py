"""`/mo-khan-cap`: break the glass for one patient: say why, show a second factor, have it for hours, end it.

It is offered by the page of a refusal (`problem.html`), and stands in the menu of who may.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject, glass, second_factors
from benhan.core.access.glass import Asked, Whom
from benhan.core.access.glass_review import deadline
from benhan.core.access.vocabulary import GLASS_HOURS
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Problem, SignInNeeded
from benhan.core.kit import clock, forms, pages
from benhan.core.language import _
from benhan.core.store import emergency
from benhan.entrance.sign_in import inside, passkey_fields, site, told

PATH: Final = "/mo-khan-cap"
VISITS: Final = 10


async def glass_page(request: Request, tx: Transaction, who: Subject) -> Response:
    """What is open, with the patient's visits; or the form."""
    if who.broken_glass:
        return await _open(request, tx, who)
    said = request.query_params
    form = forms.blank(_fields(), record=said.get("ban-ghi", "")[:100], next=inside(said.get("next", PATH)), hours="1")
    return await _form(request, tx, who, form)


async def declare(request: Request, tx: Transaction, who: Subject) -> Response:
    """Why and for whom; then the second factor is asked for."""
    form = await forms.read_form(request, _fields())
    found = await _said(tx, who, form)
    return await (_form(request, tx, who, form) if found is None else _confirm(request, tx, who, form))


async def passkey_question(request: Request, tx: Transaction, who: Subject) -> Response:
    """What the browser needs to show one of her passkeys."""
    asked = await glass.passkey_question(tx, who, site(request))
    return JSONResponse(asked, headers={"Cache-Control": "no-store"})


async def break_glass(request: Request, tx: Transaction, who: Subject) -> Response:
    """The second factor: it opens, and leads to where she wanted to go."""
    form = await forms.read_form(request, [*_fields(), forms.text("code", _("Mã"), most=40), *passkey_fields()])
    found = await _said(tx, who, form)
    if found is None:
        return await _form(request, tx, who, form)
    asked, whom = found
    try:
        factor = await glass.show_factor(
            tx, who, site(request), clock.now(), code=form["code"] or "", question=form["step"] or "",
            said=form["credential"] or "",
        )  # fmt: skip
        if factor is None:
            return await _confirm(request, tx, who, form, _("Mã không đúng, đã dùng, hoặc hết hạn."))
        await glass.break_glass(
            tx, who, whom, asked, factor, deadline(clock.now(), request.app.state.settings.glass_review_days)
        )
    except SignInNeeded:
        raise  # nothing of it is kept
    except Problem as problem:
        return await _confirm(request, tx, who, form, told(problem))
    return RedirectResponse(inside(form["next"] or PATH), 303)


async def end(request: Request, tx: Transaction, who: Subject) -> Response:
    """Closed again, before its time."""
    await glass.end(tx, who)
    return RedirectResponse("/", 303)


async def _said(tx: Transaction, who: Subject, form: forms.Form) -> tuple[Asked, Whom] | None:
    """What she asks for, where it is complete and she may; what is wrong stands in the form."""
    if form.errors:
        return None
    asked = Asked(form["reason"], form["words"], int(form["hours"]))
    try:
        glass.check(asked)
        await glass.refuse_unless_may(tx, who)
        return asked, await emergency.whom(tx, who, form["record"] or "", form["number"] or "")
    except Problem as problem:
        form.errors.add(problem.where if problem.where in form.fields else "", told(problem))
        return None


async def _form(request: Request, tx: Transaction, who: Subject, form: forms.Form) -> Response:
    return pages.render(
        request, "entrance/glass.html", 422 if form.errors else 200, form=form, path=PATH, hours=GLASS_HOURS,
        factors=await second_factors.of_account(tx, who.account),
    )  # fmt: skip


async def _confirm(
    request: Request, tx: Transaction, who: Subject, form: forms.Form, error: str | None = None
) -> Response:
    reason = glass.REASONS[form["reason"]]
    return pages.render(
        request, "entrance/glass_confirm.html", 422 if error else 200, form=form, path=PATH, error=error,
        reason=_(reason), factors=await second_factors.of_account(tx, who.account),
    )  # fmt: skip


async def _open(request: Request, tx: Transaction, who: Subject) -> Response:
    [patient] = who.broken_glass
    asked = {"patient": f"Patient/{patient}", "_sort": "-date", "_count": str(VISITS)}
    visits = await store.search(tx, who, r4.Encounter, asked)
    return pages.render(request, "entrance/glass_open.html", visits=visits.resources, path=PATH)


def offer(record: str, target: str) -> str:
    """The address that offers to break the glass for a record that was refused."""
    return f"{PATH}?ban-ghi={quote(record)}&next={quote(target)}"


def _fields() -> list[forms.Field]:
    hours = [(str(n), _("%(n)s giờ", n=n)) for n in range(1, GLASS_HOURS + 1)]
    return [
        forms.hidden("record"), forms.hidden("next", most=4000),
        forms.text("number", _("Người bệnh"), most=64, hint=_("số hồ sơ, số căn cước hoặc số lượt khám")),
        forms.choice("reason", _("Lý do"), [(key, _(text)) for key, text in glass.REASONS.items()], required=True),
        forms.long_text("words", _("Viết rõ"), required=True, most=glass.MOST_WORDS,
                        hint=_("vì sao cần mở ngay, không viết nội dung bệnh án")),
        forms.choice("hours", _("Trong"), hours, required=True),
    ]  # fmt: skip


_MAY = Permission.BREAK_GLASS
DOORS = [
    Door(PATH, glass_page, _MAY),
    Door(PATH, declare, _MAY, ("POST",)),
    Door(f"{PATH}/khoa", passkey_question, _MAY, ("POST",)),
    Door(f"{PATH}/xac-nhan", break_glass, _MAY, ("POST",)),
    Door(f"{PATH}/ket-thuc", end, _MAY, ("POST",)),
]
