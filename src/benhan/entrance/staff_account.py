"""`/quan-tri/tai-khoan/…`: one account. What she may do, when, for a time, and what ends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Permission, Role, Subject, grants, sessions, staff
from benhan.core.access.hours import Hours, day_names
from benhan.core.access.outside import links
from benhan.core.access.roles import ROLE_NAMES
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Problem
from benhan.core.kit import clock, forms, pages
from benhan.core.language import _
from benhan.entrance import licence_record
from benhan.entrance.own_account import end_chosen
from benhan.entrance.staff import PATH, back, departments, link_page, person_fields, person_of, toast, words

ONE: Final = f"{PATH}/{{account}}"


async def account_page(request: Request, tx: Transaction, who: Subject) -> Response:
    """Everything about one account."""
    return await _page(request, tx, who, {})


async def change(request: Request, tx: Transaction, who: Subject) -> Response:
    """Name, roles, departments, licence."""

    async def said(form: forms.Form) -> None:
        await staff.change(tx, who, _account(request), person_of(form))
        await licence_record.keep(tx, who, person_of(form))

    return await _sent(request, tx, who, "person", await person_fields(tx, who), said)


async def set_hours(request: Request, tx: Transaction, who: Subject) -> Response:
    """When the account may be used."""

    async def said(form: forms.Form) -> None:
        days = sum(1 << int(day) for day in form["days"])
        await staff.set_hours(tx, who, _account(request), Hours(days, form["opens"], form["closes"]))

    return await _sent(request, tx, who, "hours", _hours_fields(), said)


async def grant(request: Request, tx: Transaction, who: Subject) -> Response:
    """A role for a time and a purpose."""

    async def said(form: forms.Form) -> None:
        starts, ends = (_moment(form, name) for name in ("starts", "ends"))
        await grants.give(tx, who, _account(request), Role(form["role"]), form["purpose"], starts, ends)

    return await _sent(request, tx, who, "grant", _grant_fields(), said)


async def end_grant(request: Request, tx: Transaction, who: Subject) -> Response:
    """End a grant before its time."""
    form = await forms.read_form(request, [forms.hidden("quyen", required=True)])
    form.require()
    await grants.end(tx, who, _account(request), form["quyen"])
    return back(f"{PATH}/{_account(request)}", xong="luu")


async def stop(request: Request, tx: Transaction, who: Subject) -> Response:
    """Let her in no more; it can be taken back."""

    async def said(form: forms.Form) -> None:
        await staff.stop(tx, who, _account(request), form["reason"])

    return await _sent(request, tx, who, "stop", _stop_fields(), said, xong="ngung", ai=_account(request))


async def restart(request: Request, tx: Transaction, who: Subject) -> Response:
    """Let her in again."""
    await staff.restart(tx, who, _account(request))
    return back(f"{PATH}/{_account(request)}", xong="mo-lai")


async def reset(request: Request, tx: Transaction, who: Subject) -> Response:
    """A new invitation: the old password is void."""
    token = await staff.reset(tx, who, _account(request))
    return link_page(request, await staff.one(tx, who, _account(request)), token)


async def end_sessions(request: Request, tx: Transaction, who: Subject) -> Response:
    """End one session of hers, or all."""
    one = await staff.one(tx, who, _account(request))
    await end_chosen(request, tx, who, one.id)
    return back(f"{PATH}/{one.id}", xong="phien")


async def _sent(
    request: Request, tx: Transaction, who: Subject, name: str, fields: list[forms.Field],
    act: Callable[[forms.Form], Awaitable[None]], **done: object,
) -> Response:  # fmt: skip
    """Do what a form of the page says; refused, the page again with the reason beside its field."""
    form = await forms.read_form(request, fields)
    if not form.errors:
        try:
            await act(form)
            return back(f"{PATH}/{_account(request)}", **(done or {"xong": "luu"}))
        except Problem as problem:
            where = "ends_day" if problem.where == "ends" else problem.where
            form.errors.add(where if where in form.fields else "", problem.message)
    return await _page(request, tx, who, {name: form})


async def _page(request: Request, tx: Transaction, who: Subject, given: dict[str, forms.Form]) -> Response:
    one = await staff.one(tx, who, _account(request))
    person, now = one.person, clock.now()
    shown = {
        "person": forms.blank(
            await person_fields(tx, who), name=person.name, roles=sorted(person.roles),
            departments=sorted(person.departments), practitioner=person.practitioner, licence=person.licence,
            licence_scope=person.licence_scope, licence_ends=person.licence_ends,
            licence_issuer=person.licence_issuer, licence_issued=person.licence_issued,
        ),
        "hours": forms.blank(
            _hours_fields(), days=one.hours.on(), opens=one.hours.opens, closes=one.hours.closes
        ),
        "grant": forms.blank(_grant_fields(), starts_day=now.date(), starts_time=now.time()),
        "stop": forms.blank(_stop_fields()),
    } | given  # fmt: skip
    return pages.render(
        request, "entrance/staff_account.html", 422 if given else 200, one=one, forms=shown,
        departments=await departments(tx, who), myself=one.id == who.account, at=now,
        grants=await grants.of_account(tx, who, one.id), review_due=one.review_due(now.date()),
        sessions=await sessions.of_account(tx, who.facility, one.id), mine=who.session,
        entrances=await sessions.entrances(tx, who.facility, one.id), toast=toast(request),
        links=await links.of_account(tx, who.facility, one.id), **words(),
    )  # fmt: skip


def _hours_fields() -> list[forms.Field]:
    return [
        forms.choices("days", _("Ngày"), [(str(n), name) for n, name in enumerate(day_names())], required=True),
        forms.time_of_day("opens", _("Từ giờ"), hint=_("để trống cả hai: cả ngày")),
        forms.time_of_day("closes", _("Đến giờ"), hint=_("trước giờ bắt đầu: sang hôm sau")),
    ]


def _grant_fields() -> list[forms.Field]:
    roles = [(str(role), _(ROLE_NAMES[role])) for role in staff.STAFF_ROLES if role is not Role.DISPLAY]
    return [
        forms.choice("role", _("Vai trò tạm thời"), roles, required=True),
        forms.text(
            "purpose", _("Mục đích"), required=True, most=200, hint=_("trực thay, đoàn kiểm tra, giám định BHXH…")
        ),
        forms.day("starts_day", _("Từ ngày"), required=True),
        forms.time_of_day("starts_time", _("Lúc"), required=True),
        forms.day("ends_day", _("Đến ngày"), required=True),
        forms.time_of_day("ends_time", _("Đến lúc"), required=True),
    ]


def _stop_fields() -> list[forms.Field]:
    return [forms.text("reason", _("Lý do ngừng"), required=True, most=200)]


def _moment(form: forms.Form, name: str) -> datetime:
    return datetime.combine(form[f"{name}_day"], form[f"{name}_time"], tzinfo=clock.ZONE)


def _account(request: Request) -> str:
    return str(request.path_params["account"])


_MAY = Permission.ADMINISTER
DOORS = [
    Door(ONE, account_page, _MAY),
    Door(ONE, change, _MAY, ("POST",)),
    Door(f"{ONE}/gio", set_hours, _MAY, ("POST",)),
    Door(f"{ONE}/quyen-tam", grant, _MAY, ("POST",)),
    Door(f"{ONE}/thoi-quyen-tam", end_grant, _MAY, ("POST",)),
    Door(f"{ONE}/ngung", stop, _MAY, ("POST",)),
    Door(f"{ONE}/mo-lai", restart, _MAY, ("POST",)),
    Door(f"{ONE}/dat-lai", reset, _MAY, ("POST",)),
    Door(f"{ONE}/phien", end_sessions, _MAY, ("POST",)),
]
