"""`/quan-tri/ung-dung`: programs of other software. Who they are, what they may at most, what they hold, cutting off.

`/ung-dung`: for everybody who reads records, starting such a program on a patient (EHR launch).
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject
from benhan.core.access.doors import COOKIE
from benhan.core.access.programs import grants, launches, registry
from benhan.core.access.programs.registry import Draft
from benhan.core.api import messages
from benhan.core.api.smart import DISCOVERY
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Forbidden, NotFound, Problem
from benhan.core.kit import forms, pages
from benhan.core.kit.pages import NavItem
from benhan.core.kit.persons import full_name
from benhan.core.language import _, later
from benhan.entrance.program_words import in_words

PATH: Final = "/quan-tri/ung-dung"
LAUNCH: Final = "/ung-dung"
KINDS: Final = {
    "public": later("Ứng dụng trên máy người dùng (không giữ được bí mật)"),
    "key": later("Ứng dụng có máy chủ, ký bằng khoá riêng"),
    "backend": later("Dịch vụ nền, không có người dùng, ký bằng khoá riêng"),
    "token": later("Mã truy cập dài hạn (tạo ở dòng lệnh)"),
}
_SAID: Final = {
    "moi": later("Đã đăng ký ứng dụng"), "luu": later("Đã lưu"), "ngat": later("Đã ngắt ứng dụng"),
    "mo": later("Ứng dụng dùng được trở lại"), "quyen": later("Đã ngắt một lần cho phép"),
}  # fmt: skip


async def listing(request: Request, tx: Transaction, who: Subject) -> Response:
    """All programs of the house."""
    found = await registry.everything(tx, who)
    return pages.render(
        request, "entrance/programs.html", found=found, kinds=_kinds(), path=PATH, toast=_toast(request)
    )


async def blank(request: Request, tx: Transaction, who: Subject) -> Response:
    """What is asked about a new one."""
    return _new(request, forms.blank(_fields(new=True), kind="public", scopes="openid fhirUser launch patient/*.rs"))


async def register(request: Request, tx: Transaction, who: Subject) -> Response:
    """Register it."""
    form = await forms.read_form(request, _fields(new=True))
    if not form.errors:
        try:
            made = await registry.register(tx, who, _draft(form, form["name"], form["kind"]))
            return _to(f"{PATH}/{made.id}", xong="moi")
        except Problem as problem:
            form.errors.add(problem.where or "name", _told(problem))
    return _new(request, form)


async def sheet(request: Request, tx: Transaction, who: Subject) -> Response:
    """One program: what it may, what it holds now."""
    return await _sheet(request, tx, who)


async def change(request: Request, tx: Transaction, who: Subject) -> Response:
    """Change what it may, where it is, what it signs with."""
    before = await registry.one(tx, who, request.path_params["id"])
    form = await forms.read_form(request, _fields())
    if not form.errors:
        try:
            await registry.change(tx, who, before.id, _draft(form, before.name, before.kind))
            return _to(f"{PATH}/{before.id}", xong="luu")
        except Problem as problem:
            form.errors.add(problem.where if problem.where in form.fields else "scopes", _told(problem))
    return await _sheet(request, tx, who, form)


async def cut_off(request: Request, tx: Transaction, who: Subject) -> Response:
    """Let it in no more, from this moment on."""
    form = await forms.read_form(request, [_reason()])
    if not form.errors:
        try:
            await registry.cut_off(tx, who, request.path_params["id"], form["reason"])
            return _to(f"{PATH}/{request.path_params['id']}", xong="ngat")
        except Problem as problem:
            if isinstance(problem, NotFound | Forbidden):
                raise
            form.errors.add("reason", problem.message)
    return await _sheet(request, tx, who, reason=form)


async def let_in(request: Request, tx: Transaction, who: Subject) -> Response:
    """Let it in again; what it held stays void."""
    await registry.let_in(tx, who, request.path_params["id"])
    return _to(f"{PATH}/{request.path_params['id']}", xong="mo")


async def cut_grant(request: Request, tx: Transaction, who: Subject) -> Response:
    """Cut what one person allowed it."""
    program = await registry.one(tx, who, request.path_params["id"])
    form = await forms.read_form(request, [forms.hidden("quyen", required=True)])
    form.require()
    if not await grants.cut(tx, who, program, form["quyen"]):
        raise NotFound(_("Lần cho phép này đã hết hoặc đã bị ngắt."))
    return _to(f"{PATH}/{program.id}", xong="quyen")


async def startable(request: Request, tx: Transaction, who: Subject) -> Response:
    """The programs that can be started on this patient."""
    id_ = request.query_params.get("nguoi-benh", "")[:64]
    patient = await store.read(tx, who, r4.Patient, id_) if id_ else None
    found = await registry.launchable(tx, who)
    page = pages.render(
        request, "entrance/program_start.html", found=found, patient=patient, path=LAUNCH,
        name=full_name(patient) if patient else "", visit=request.query_params.get("luot-kham", "")[:64],
    )  # fmt: skip
    origins = sorted({"{0.scheme}://{0.netloc}".format(urlsplit(one.launch_url)) for one in found})
    form_action = " ".join(["form-action 'self'", *origins])
    page.headers["Content-Security-Policy"] = pages.CSP.replace("form-action 'self'", form_action)
    return page


async def start(request: Request, tx: Transaction, who: Subject) -> Response:
    """Start one: to its address, with our name and a word that stands for the patient."""
    form = await forms.read_form(request, [forms.hidden("nguoi-benh", required=True), forms.hidden("luot-kham")])
    form.require()
    if not (session := request.cookies.get(COOKIE)):
        raise Forbidden(_("Chỉ người đã đăng nhập mới cho phép được ứng dụng."))
    program = next((one for one in await registry.launchable(tx, who) if one.id == request.path_params["id"]), None)
    if program is None:
        raise NotFound(_("Cơ sở này không có ứng dụng đó, hoặc ứng dụng đã bị ngắt."))
    patient = await store.read(tx, who, r4.Patient, form["nguoi-benh"])
    if visit := form["luot-kham"]:
        of = (await store.read(tx, who, r4.Encounter, visit)).subject
        if of is None or of.reference != f"Patient/{patient.id}":
            raise NotFound(_("Lượt khám này không phải của người bệnh."))
    word = await launches.begin(tx, who, program, session, patient.id or "", visit or None)
    mark = "&" if urlsplit(program.launch_url).query else "?"
    said = urlencode({"iss": messages.base(request), "launch": word})
    return RedirectResponse(f"{program.launch_url}{mark}{said}", 303, {"Cache-Control": "no-store"})


async def _sheet(
    request: Request, tx: Transaction, who: Subject, form: forms.Form | None = None, reason: forms.Form | None = None
) -> Response:
    one = await registry.one(tx, who, request.path_params["id"])
    written = form or forms.blank(
        _fields(), scopes=one.scopes, redirects="\n".join(one.redirects), launch_url=one.launch_url, keys=one.keys,
        keys_url=one.keys_url,
    )  # fmt: skip
    return pages.render(
        request, "entrance/program.html", 422 if form or reason else 200, one=one, form=written, path=PATH,
        reason=reason or forms.blank([_reason()]), kinds=_kinds(), may=in_words(one.scopes, one.contexts),
        live=await grants.live(tx, who, one), base=messages.base(request),
        discovery=messages.base(request).removesuffix("/fhir") + DISCOVERY, toast=_toast(request),
    )  # fmt: skip


def _new(request: Request, form: forms.Form) -> Response:
    return pages.render(request, "entrance/program_new.html", 422 if form.errors else 200, form=form, path=PATH)


def _fields(*, new: bool = False) -> list[forms.Field]:
    """What is asked about a program. Its name and kind stay what they were."""
    kinds = [(name, _(KINDS[name])) for name in ("public", "key", "backend")]
    first = [
        forms.text("name", _("Tên ứng dụng"), required=True, most=80),
        forms.choice("kind", _("Loại"), kinds, required=True),
    ]
    return [
        *(first if new else []),
        forms.text(
            "scopes", _("Phạm vi tối đa"), required=True, most=2000,
            hint=_("ví dụ openid fhirUser launch patient/Observation.rs, hoặc system/Patient.rs cho dịch vụ nền"),
        ),
        forms.long_text("redirects", _("Địa chỉ quay về"), hint=_("mỗi dòng một địa chỉ, so từng chữ một")),
        forms.text("launch_url", _("Địa chỉ mở từ hồ sơ"), most=500, hint=_("để trống nếu không mở từ hồ sơ")),
        forms.long_text("keys", _("Khoá công khai (JWKS)"), most=40_000, hint=_("chỉ cho loại ký bằng khoá riêng")),
        forms.text("keys_url", _("hoặc địa chỉ của khoá"), most=500),
    ]  # fmt: skip


def _reason() -> forms.Field:
    return forms.text("reason", _("Lý do ngắt"), required=True, most=200)


def _draft(form: forms.Form, name: str, kind: Any) -> Draft:
    return Draft(
        name=name, kind=kind, scopes=form["scopes"], redirects=tuple((form["redirects"] or "").split()),
        launch_url=form["launch_url"] or "", keys=form["keys"] or "", keys_url=form["keys_url"] or "",
    )  # fmt: skip


def _kinds() -> dict[str, str]:
    return {name: _(text) for name, text in KINDS.items()}


def _told(problem: Problem) -> str:
    return " ".join(filter(None, (problem.message, problem.advice)))


def _toast(request: Request) -> dict[str, Any] | None:
    said = _SAID.get(request.query_params.get("xong", ""))
    return {"text": _(said), "undo": "", "fields": {}} if said else None


def _to(path: str, **said: str) -> Response:
    return RedirectResponse(f"{path}?{urlencode(said)}", 303)


_MAY = Permission.ADMINISTER
DOORS = [
    Door(PATH, listing, _MAY),
    Door(f"{PATH}/moi", blank, _MAY),
    Door(f"{PATH}/moi", register, _MAY, ("POST",)),
    Door(f"{PATH}/{{id}}", sheet, _MAY),
    Door(f"{PATH}/{{id}}", change, _MAY, ("POST",)),
    Door(f"{PATH}/{{id}}/ngat", cut_off, _MAY, ("POST",)),
    Door(f"{PATH}/{{id}}/mo-lai", let_in, _MAY, ("POST",)),
    Door(f"{PATH}/{{id}}/ngat-quyen", cut_grant, _MAY, ("POST",)),
    Door(LAUNCH, startable, Permission.SIGNED_IN),
    Door(f"{LAUNCH}/{{id}}/mo", start, Permission.SIGNED_IN, ("POST",)),
]
NAV = [NavItem(later("Ứng dụng"), PATH, _MAY)]
