"""`/quan-tri/tai-khoan`: the accounts of the house. Who there is, who is invited, whose access is due for review."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Role, Subject, licences, lock, staff
from benhan.core.access.audit import Event, record
from benhan.core.access.roles import ROLE_NAMES
from benhan.core.access.staff import Person, Staff
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Problem
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.pages import NavItem
from benhan.core.kit.persons import full_name
from benhan.core.kit.text import clip, fold
from benhan.core.language import _, later
from benhan.entrance import licence_record, staff_sheet
from benhan.entrance.staff_words import STATES, entrance_words

PATH: Final = "/quan-tri/tai-khoan"
REVIEW: Final = f"{PATH}/ra-soat"
SHOWN: Final = 200
_KINDS: Final = {
    "csv": (staff_sheet.as_csv, "text/csv; charset=utf-8"),
    "xlsx": (staff_sheet.as_excel, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}


async def listing(request: Request, tx: Transaction, who: Subject) -> Response:
    """Who has an account, searched while typing, by role, department and state."""
    return await _list(request, tx, who, None)


async def _list(request: Request, tx: Transaction, who: Subject, rule: forms.Form | None) -> Response:
    names = await departments(tx, who)
    form = forms.read_query(request, _filters(names))
    minutes = await lock.lock_minutes(tx, who.facility, request.app.state.settings.lock_minutes)
    everybody = await staff.everybody(tx, who)
    found = [one for one in everybody if _wanted(one, form)]
    template = "entrance/_staff_rows.html" if pages.is_fragment(request) else "entrance/staff.html"
    return pages.render(
        request, template, 422 if rule else 200, form=form, found=found[:SHOWN], count=len(found),
        departments=names, rule=rule or forms.blank([_minutes_field()], minutes=minutes), toast=toast(request),
        licences=len(licences.troubled(everybody, clock.today())), **words(),
    )  # fmt: skip


async def lock_rule(request: Request, tx: Transaction, who: Subject) -> Response:
    """After how many idle minutes screens of the house are covered."""
    form = await forms.read_form(request, [_minutes_field()])
    if not form.errors:
        try:
            await lock.set_lock_minutes(tx, who, form["minutes"])
            return back(PATH, xong="luu")
        except Problem as problem:
            form.errors.add("minutes", problem.message)
    return await _list(request, tx, who, form)


async def invitation_form(request: Request, tx: Transaction, who: Subject) -> Response:
    """Whom to invite."""
    form = forms.blank(await person_fields(tx, who, new=True))
    return pages.render(request, "entrance/staff_invite.html", form=form, path=PATH)


async def invite(request: Request, tx: Transaction, who: Subject) -> Response:
    """Make the account; the link is shown once."""
    form = await forms.read_form(request, await person_fields(tx, who, new=True))
    if not form.errors:
        try:
            account, token = await staff.invite(tx, who, form["login"].lower(), person_of(form))
            await licence_record.keep(tx, who, person_of(form))
            return link_page(request, await staff.one(tx, who, account), token)
        except Problem as problem:
            form.errors.add(problem.where or "", problem.message)
    return pages.render(request, "entrance/staff_invite.html", 422, form=form, path=PATH)


def link_page(request: Request, one: Staff, token: str) -> Response:
    """The invitation, to be handed over: its link and QR code. It is not kept anywhere in this form."""
    link = f"{request.app.state.settings.public_url.rstrip('/')}/loi-moi/{token}"
    return pages.render(
        request, "entrance/staff_link.html", one=one, link=link, hours=staff.INVITATION_HOURS, path=PATH
    )


async def review_list(request: Request, tx: Transaction, who: Subject) -> Response:
    """Everybody's access, the longest unreviewed first."""
    today = clock.today()
    found = _by_review(await staff.everybody(tx, who))
    return pages.render(
        request, "entrance/staff_review.html", found=found, today=today, departments=await departments(tx, who),
        due=sum(one.review_due(today) for one in found), toast=toast(request), review=REVIEW, **words(),
    )  # fmt: skip


async def reviewed(request: Request, tx: Transaction, who: Subject) -> Response:
    """Looked over today; or, to take that back, on the day it was before."""
    form = await forms.read_form(request, [forms.hidden("tai-khoan", required=True), forms.day("ngay", _("Ngày"))])
    form.require()
    before = await staff.one(tx, who, form["tai-khoan"])
    undo = "hoan-tac" in request.query_params
    await staff.review(tx, who, before.id, form["ngay"] if undo else clock.today())
    said = {} if undo else {"xong": "ra-soat", "ai": before.id, "truoc": clock.vn_date(before.reviewed)}
    return back(REVIEW, **said)


async def as_csv(request: Request, tx: Transaction, who: Subject) -> Response:
    """The review list as CSV."""
    return await _sheet(tx, who, "csv")


async def as_excel(request: Request, tx: Transaction, who: Subject) -> Response:
    """The review list for Excel."""
    return await _sheet(tx, who, "xlsx")


async def _sheet(tx: Transaction, who: Subject, kind: str) -> Response:
    table = staff_sheet.table(_by_review(await staff.everybody(tx, who)), await departments(tx, who))
    record(tx, who, Event("export", "Account", rule="permission administer", detail=f"{len(table)} lines, {kind}"))
    make, media = _KINDS[kind]
    name = f"ra-soat-tai-khoan-{clock.today().isoformat()}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(make(table), 200, headers, media)


async def departments(tx: Transaction, who: Subject) -> dict[str, str]:
    """The departments of the house: id of the Organization → its name."""
    page = await store.search(tx, who, r4.Organization, {"partof:missing": "false", "_count": "500"})
    found = [(one.id or "", one.name or "") for one in page.resources]
    return dict(sorted(found, key=lambda pair: fold(pair[1])))


async def person_fields(tx: Transaction, who: Subject, *, new: bool = False) -> list[forms.Field]:
    """What is asked about somebody."""
    people = await store.search(tx, who, r4.Practitioner, {"_count": "1000"})
    practitioners = sorted(((one.id or "", full_name(one)) for one in people.resources), key=lambda pair: fold(pair[1]))
    login = forms.text(
        "login", _("Tên đăng nhập"), required=True, most=64, hint=_("chữ thường không dấu, chữ số, dấu chấm")
    )
    roles = [(str(role), _(ROLE_NAMES[role])) for role in staff.STAFF_ROLES]
    return [
        forms.text("name", _("Họ và tên"), required=True, most=100),
        *([login] if new else []),
        forms.choices("roles", _("Vai trò"), roles),
        forms.choices("departments", _("Khoa, phòng"), list((await departments(tx, who)).items())),
        forms.choice("practitioner", _("Người hành nghề"), practitioners, hint=_("để trống nếu không khám chữa bệnh")),
        forms.text("licence", _("Số giấy phép hành nghề"), most=40),
        forms.text("licence_issuer", _("Nơi cấp"), most=200),
        forms.day("licence_issued", _("Ngày cấp")),
        forms.day("licence_ends", _("Hạn giấy phép"), hint=_("5 năm từ ngày cấp hoặc gia hạn")),
        forms.long_text("licence_scope", _("Phạm vi hành nghề"), most=500),
    ]


def person_of(form: forms.Form) -> Person:
    """What was said about somebody."""
    return Person(
        name=form["name"], roles=frozenset(map(Role, form["roles"])), departments=frozenset(form["departments"]),
        practitioner=form["practitioner"], licence=form["licence"] or "", licence_scope=form["licence_scope"] or "",
        licence_ends=form["licence_ends"], licence_issuer=form["licence_issuer"] or "",
        licence_issued=form["licence_issued"],
    )  # fmt: skip


def words() -> dict[str, Any]:
    """What the templates call roles and states."""
    return {
        "path": PATH,
        "entrance_words": entrance_words(),
        "role_names": {role: _(name) for role, name in ROLE_NAMES.items()},
        "states": {name: (_(text), tone) for name, (text, tone) in STATES.items()},
    }


def back(path: str, **said: object) -> Response:
    """To a page, with what was done in its address."""
    return RedirectResponse(f"{path}?{urlencode(said)}" if said else path, 303)


def toast(request: Request) -> dict[str, Any] | None:
    """What was just done, and how it is taken back."""
    asked = request.query_params
    account = clip(asked.get("ai", ""), 40)
    match asked.get("xong"):
        case "ra-soat":
            fields = {"tai-khoan": account, "ngay": clip(asked.get("truoc", ""), 10)}
            return {"text": _("Đã ghi rà soát hôm nay"), "undo": f"{REVIEW}?hoan-tac", "fields": fields}
        case "ngung":
            return {"text": _("Đã ngừng tài khoản"), "undo": f"{PATH}/{account}/mo-lai", "fields": {}}
        case "mo-lai":
            return {"text": _("Tài khoản dùng được trở lại"), "undo": "", "fields": {}}
        case "luu":
            return {"text": _("Đã lưu"), "undo": "", "fields": {}}
        case "phien":
            return {"text": _("Đã kết thúc phiên làm việc"), "undo": "", "fields": {}}
    return None


def _minutes_field() -> forms.Field:
    hint = _("từ 3 đến 120; 0: không tự khoá; áp dụng từ lần đăng nhập sau")
    return forms.number(
        "minutes", _("Tự khoá sau"), required=True, lowest=0, highest=lock.MOST, unit=_("phút"), hint=hint
    )


def _filters(names: dict[str, str]) -> list[forms.Field]:
    roles = [(str(role), _(ROLE_NAMES[role])) for role in staff.STAFF_ROLES]
    return [
        forms.text("q", _("Tìm"), most=100),
        forms.choice("vai-tro", _("Vai trò"), roles),
        forms.choice("khoa", _("Khoa, phòng"), list(names.items())),
        forms.choice("tinh-trang", _("Tình trạng"), [(name, _(text)) for name, (text, _tone) in STATES.items()]),
    ]


def _wanted(one: Staff, form: forms.Form) -> bool:
    """Each typed word begins a word of the name or stands in the login; roles for a time count while they last."""
    here = fold(one.person.name).split()
    typed = fold(form["q"] or "").split()
    named = all(any(word.startswith(part) for word in here) or part in one.login for part in typed)
    role, department, state = form["vai-tro"], form["khoa"], form["tinh-trang"]
    return (
        named
        and (not role or Role(role) in one.person.roles | one.roles_now)
        and (not department or department in one.person.departments)
        and (not state or state == one.state)
    )


def _by_review(found: Sequence[Staff]) -> list[Staff]:
    never = datetime.min.date()
    return sorted(found, key=lambda one: (not one.active, one.reviewed or never, fold(one.person.name)))


_MAY = Permission.ADMINISTER
DOORS = [
    Door(PATH, listing, _MAY),
    Door(f"{PATH}/khoa-man-hinh", lock_rule, _MAY, ("POST",)),
    Door(f"{PATH}/moi", invitation_form, _MAY),
    Door(f"{PATH}/moi", invite, _MAY, ("POST",)),
    Door(REVIEW, review_list, _MAY),
    Door(REVIEW, reviewed, _MAY, ("POST",)),
    Door(f"{REVIEW}.csv", as_csv, _MAY),
    Door(f"{REVIEW}.xlsx", as_excel, _MAY),
]
NAV = [NavItem(later("Tài khoản"), PATH, _MAY)]
