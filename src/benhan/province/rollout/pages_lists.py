"""`/so-y-te/so-hoa/nhap` and `…/phan-cong`: the leader brings a list in, and says whose work which facilities are."""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.access.roles import ROLE_NAMES
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Invalid, Malformed
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.province.rollout import bringing, evidence, imports, lists, reach, sheets, sites
from benhan.province.rollout.bringing import Plan
from benhan.province.rollout.evidence import Evidence
from benhan.province.rollout.lists import Checked
from benhan.province.rollout.pages import LIST, PATH

BRING: Final = f"{PATH}/nhap"
SHARE: Final = f"{PATH}/phan-cong"
_STEPS: Final = (later("Đọc và kiểm tra từng dòng"), later("So với danh sách đang có"), later("Ghi lịch sử"),
                 later("Ghi tình trạng"))  # fmt: skip
#: Rows of each sort that a page shows.
SHOWN: Final = 100


async def bring(request: Request, tx: Transaction, who: Subject) -> Response:
    """Choose a file; POST shows what it would do, `confirm` does it."""
    if request.method == "GET":
        return pages.render(request, "rollout/bring.html", path=BRING, list_path=LIST, most=lists.MOST_BYTES // 1024**2)
    fields = [forms.hidden("packed", most=lists.MOST_BYTES * 4 // 3 + 4), forms.hidden("name"), forms.hidden("confirm"),
              forms.flag("verified", "")]  # fmt: skip
    form = await forms.read_form(request, fields, most_bytes=lists.MOST_BYTES * 4 // 3 + forms.MOST_BYTES)
    content, name = await _sent(form)
    checked = await asyncio.to_thread(_checked, content, name)  # a large sheet takes seconds
    if form["confirm"] == "1" and not checked.wrong:
        file = Evidence(None, name, imports.media_of(content), content)
        if len(checked.lines) > imports.AT_ONCE:
            return RedirectResponse(f"{BRING}/{await imports.begin(tx, who, file, verified=form['verified'])}", 303)
        plan = await bringing.bring(tx, who, checked, file, verified=form["verified"])
        return RedirectResponse(f"{LIST}?moi={len(plan.new)}&sua={len(plan.changed)}&sot={len(plan.unplaced)}", 303)
    plan = await bringing.compare(tx, who, checked)
    return _preview(request, checked, plan, content, name)


async def watch(request: Request, tx: Transaction, who: Subject) -> Response:
    """How far a long list is; for htmx, and for browsers without scripts by loading it again, until it is done."""
    job = await imports.look(tx, who, request.path_params["job"][:40])
    template = "rollout/_progress.html" if pages.is_fragment(request) else "rollout/progress.html"
    return pages.render(request, template, job=job, address=request.url.path, path=BRING, list_path=LIST, steps=_STEPS)


def _preview(request: Request, checked: Checked, plan: Plan, content: bytes, name: str) -> Response:
    return pages.render(
        request, "rollout/preview.html", 422 if checked.wrong else 200, path=BRING, checked=checked, plan=plan,
        name=name, packed=base64.b64encode(content).decode(), shown=SHOWN, columns=lists.COLUMNS, list_path=LIST,
    )  # fmt: skip


def _checked(content: bytes, name: str) -> Checked:
    return lists.check(lists.read(content, name), clock.today())


async def _sent(form: forms.Form) -> tuple[bytes, str]:
    """The file that was chosen, or the one that the preview carries.

    Raises:
        Invalid: none was chosen. Malformed: the preview's is damaged.
    """
    files = {name: await one.read() for name, one in form.files.items()}
    for one in form.files.values():
        await one.close()
    if form["packed"]:
        try:
            return base64.b64decode(form["packed"], validate=True), form["name"] or ""
        except binascii.Error:
            raise Malformed(_("Bản xem trước không còn dùng được."), advice=_("Tải tệp lên lại.")) from None
    file = form.files.get("file")
    if file is None or not file.filename:
        raise Invalid(_("Chọn một tệp Excel (.xlsx) hoặc CSV."), where="file")
    return files["file"], file.filename[:200]


async def template(request: Request, tx: Transaction, who: Subject) -> Response:
    """An empty list to fill in."""
    headers = {"Content-Disposition": 'attachment; filename="danh-sach-co-so.xlsx"'}
    return Response(sheets.template(), 200, headers, evidence.EXCEL)


async def share(request: Request, tx: Transaction, who: Subject) -> Response:
    """Who works on what; POST gives one of them her part."""
    form, status = forms.blank(_fields()), 200
    if request.method == "POST":
        form = await forms.read_form(request, _fields())
        try:
            form.require()
            said = [(form[name] or "").replace(",", " ").split() for name in ("areas", "sites")]
            await reach.share_out(tx, who, form["account"], said[0], [one.upper() for one in said[1]])
            return RedirectResponse(f"{SHARE}?xong=luu", 303)
        except Invalid as wrong:
            form.errors.add(wrong.where or "", wrong.message)
            status = 422
    found = await reach.colleagues(tx, who)
    known = {one.id: one for one in await sites.some(tx, who, sorted({s for one in found for s in one.reach.sites}))}
    return pages.render(
        request, "rollout/share.html", status, form=form, found=found, known=known, path=SHARE,
        role_text=lambda roles: ", ".join(_(ROLE_NAMES[role]) for role in sorted(roles)),
        codes_of=lambda one: sorted(known[s].code or "" for s in one.reach.sites if s in known),
        place_name=lambda code: sites.place_name(code, "") or sites.place_name("", code),
    )  # fmt: skip


def _fields() -> list[forms.Field]:
    return [
        forms.hidden("account", required=True),
        forms.text("areas", _("Xã, phường, tỉnh"), most=4000, hint=_("mã 5 số của xã hoặc 2 số của tỉnh, cách nhau")),
        forms.text("sites", _("Cơ sở"), most=4000, hint=_("mã 5 ký tự, cách nhau")),
    ]


_LEAD: Final = Permission.ROLLOUT_LEAD
DOORS: list[Door] = [
    Door(BRING, bring, _LEAD, ("GET", "POST")),
    Door(f"{BRING}/mau.xlsx", template, _LEAD),
    Door(f"{BRING}/{{job}}", watch, _LEAD),
    Door(SHARE, share, _LEAD, ("GET", "POST")),
]
NAV = [
    NavItem(later("Nhập danh sách"), BRING, _LEAD, "g n"),
    NavItem(later("Phân công"), SHARE, _LEAD, "g p"),
]
#: Long lists are brought in beside the requests.
FOLLOWERS = [imports.Bringing]
