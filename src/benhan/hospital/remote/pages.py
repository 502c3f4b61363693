"""`/kham-tu-xa`: the video desk: who asks and since when, answering, the call beside the consultation."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.access.callers import session_hash
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Invalid, NotFound
from benhan.core.kit import clock, forms, json_forms, pages
from benhan.core.kit.forms import Form
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.hospital import emergency, remote_paper
from benhan.hospital.remote import actions, app, offers, room
from benhan.hospital.remote.rules import STATE_NAMES, State
from benhan.hospital.remote.rules import Request as Asked
from benhan.hospital.remote_conditions import listed
from benhan.settings import Settings

pages.register("remote", "benhan.hospital.remote")

PATH: Final = "/kham-tu-xa"
TONES: Final = {
    State.ASKED: "warn", State.ACCEPTED: "info", State.GOING_ON: "ok", State.OVER: "grey", State.DECLINED: "grey",
    State.TAKEN_BACK: "grey",
}  # fmt: skip
SIDES: Final = {room.DOCTOR: later("Bác sĩ"), room.PATIENT: later("Người bệnh")}


async def desk(request: Request, tx: Transaction, who: Subject) -> Response:
    """Who waits for an answer, and whom she has accepted."""
    found = await actions.desk(tx, who)
    here = await room.presences(tx, who, [one.id for one in found])
    waiting = {id_ for id_, seats in here.items() if any(s.side == room.PATIENT and s.left is None for s in seats)}
    template = "remote/_desk.html" if pages.is_fragment(request) else "remote/desk.html"
    return pages.render(
        request, template, path=PATH, asked=[one for one in found if one.state is State.ASKED],
        accepted=sorted((one for one in found if one.state is not State.ASKED), key=lambda one: one.start or one.asked),
        names=STATE_NAMES, tones=TONES, waiting=waiting, administers=who.may(Permission.ADMINISTER),
    )  # fmt: skip


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """One request: what she tells, and the answer."""
    found = await actions.asked_of(tx, who, request.path_params["request"])
    at = found.start or found.wished or clock.now()
    return await _page(request, tx, who, found, forms.blank(_accepting(), ngay=at.date(), gio=at.time()))


async def accept(request: Request, tx: Transaction, who: Subject) -> Response:
    """See her at a time."""
    form = await forms.read_form(request, _accepting())
    found = await actions.asked_of(tx, who, request.path_params["request"])
    if not form.errors:
        try:
            async with tx.savepoint():
                await actions.accept(
                    tx, who, found.id, datetime.combine(form["ngay"], form["gio"], tzinfo=clock.ZONE)
                )  # fmt: skip
        except Invalid as wrong:
            form.errors.add(wrong.where or "gio", wrong.message)
    return await _page(request, tx, who, found, form, 422) if form.errors else _back(found)


async def decline(request: Request, tx: Transaction, who: Subject) -> Response:
    """Not to see her, and why."""
    form = await forms.read_form(request, _declining())
    found = await actions.asked_of(tx, who, request.path_params["request"])
    if form.errors:
        return await _page(request, tx, who, found, form, 422)
    await actions.decline(tx, who, found.id, form["ly-do"])
    return RedirectResponse(PATH, 303)


async def picture(request: Request, tx: Transaction, who: Subject) -> Response:
    """A picture that was sent with it."""
    number = request.path_params["number"]
    if not number.isdigit():
        raise NotFound(_("Không có ảnh này."))
    found = await actions.asked_of(tx, who, request.path_params["request"])
    body = await actions.picture(tx, who, found, int(number))
    return Response(body, media_type="image/jpeg", headers={"Content-Disposition": "inline"})


async def begin(request: Request, tx: Transaction, who: Subject) -> Response:
    """The visit begins, and with it the call."""
    found = await actions.begin(tx, who, request.path_params["request"])
    return RedirectResponse(f"{PATH}/{found.id}/goi", 303)


async def call(request: Request, tx: Transaction, who: Subject) -> Response:
    """The call, with the consultation beside it."""
    found = await actions.asked_of(tx, who, request.path_params["request"])
    if found.state is not State.GOING_ON or found.doctor != who.practitioner:
        return _back(found)
    settings: Settings = request.app.state.settings
    said = await actions.told(tx, who, found)
    return pages.render(
        request, "remote/call.html", one=found, path=PATH, told=said, relayed=bool(settings.relays()), listed=listed(),
        sure=len(listed().sure((await remote_paper.compared(tx, who)).codes)),
    )  # fmt: skip


async def sit_down(request: Request, tx: Transaction, who: Subject) -> Response:
    """The doctor's seat in the room, as her page asks for it."""
    seat, secret = await room.take(tx, who, request.path_params["request"], session_hash(request))
    return json_forms.answer(app.seated(request, seat, secret), 201)


async def end(request: Request, tx: Transaction, who: Subject) -> Response:
    """The call is over; on to the record, which is still to be signed."""
    found = await actions.end(tx, who, request.path_params["request"])
    await room.close(tx, who, found.id)
    return RedirectResponse(f"/kham/{found.id}", 303)


async def services(request: Request, tx: Transaction, who: Subject) -> Response:
    """Which specialties the facility offers at a distance, and what it has compared of the list with the paper."""
    return await _offers(request, tx, who)


async def offer(request: Request, tx: Transaction, who: Subject) -> Response:
    """These and no others."""
    found = await offers.services(tx, who)
    form = await forms.read_form(request, _offering([(one.id or "", one.name or "") for one in found]))
    form.require()
    await offers.offer(tx, who, form["chuyen-khoa"] or [])
    return RedirectResponse(f"{PATH}/dich-vu?xong", 303)


async def compare(request: Request, tx: Transaction, who: Subject) -> Response:
    """These entries, and these codes, stand in the signed paper of the list."""
    form = await forms.read_form(request, _comparing())
    if not form.errors:
        try:
            await remote_paper.compare(tx, who, form["muc"] or [], form["ma-khac"] or "")
        except Invalid as wrong:
            form.errors.add(wrong.where or "ma-khac", wrong.message)
    if form.errors:
        return await _offers(request, tx, who, form)
    return RedirectResponse(f"{PATH}/dich-vu?doi-chieu#danh-muc", 303)


async def _offers(request: Request, tx: Transaction, who: Subject, refused: Form | None = None) -> Response:
    found, paper = await offers.services(tx, who), await remote_paper.compared(tx, who)
    return pages.render(
        request, "remote/services.html", 422 if refused else 200, path=PATH, listed=listed(), paper=paper,
        form=forms.blank(_offering([(one.id or "", one.name or "") for one in found])),
        comparing=refused or forms.blank(_comparing(), **{"ma-khac": ", ".join(paper.others)}),
        chosen={one.id for one in found if offers.is_offered(one)}, saved="xong" in request.query_params,
        said="doi-chieu" in request.query_params,
    )  # fmt: skip


def _accepting() -> list[forms.Field]:
    return [forms.day("ngay", _("Ngày"), required=True), forms.time_of_day("gio", _("Giờ"), required=True)]


def _declining() -> list[forms.Field]:
    return [forms.long_text("ly-do", _("Lý do, và người bệnh nên làm gì"), required=True, most=500)]


def _offering(found: list[tuple[str, str]]) -> list[forms.Field]:
    return [forms.choices("chuyen-khoa", _("Chuyên khoa khám từ xa"), found)]


def _comparing() -> list[forms.Field]:
    entries = [(one.codes[0], one.name) for one in listed().entries if not one.read]
    return [
        forms.choices("muc", _("Mục có trong bản gốc"), entries),
        forms.text(
            "ma-khac",
            _("Mã ICD-10 khác có trong bản gốc"),
            most=300,
            hint=_("Cách nhau bằng dấu phẩy, ví dụ J10, J11"),
        ),
    ]


def _back(found: Asked) -> Response:
    return RedirectResponse(f"{PATH}/{found.id}", 303)


async def _page(
    request: Request, tx: Transaction, who: Subject, found: Asked, form: Form, status: int = 200
) -> Response:  # fmt: skip
    accepting = "gio" in form.fields
    seats = (await room.presences(tx, who, [found.id])).get(found.id, [])
    told = await actions.told(tx, who, found)
    return pages.render(
        request, "remote/one.html", status, one=found, path=PATH, told=told, urgent=emergency.heard(told.words),
        form=form, accepting=form if accepting else forms.blank(_accepting(), ngay=clock.today()),
        declining=forms.blank(_declining()) if accepting else form, names=STATE_NAMES, tones=TONES, seats=seats,
        sides=SIDES, early=found.opens(clock.now()), states=State, mine=bool(found.doctor == who.practitioner),
    )  # fmt: skip


_MAY = Permission.CONSULT
DOORS = [
    Door(PATH, desk, _MAY),
    Door(f"{PATH}/dich-vu", services, Permission.ADMINISTER),
    Door(f"{PATH}/dich-vu", offer, Permission.ADMINISTER, ("POST",)),
    Door(f"{PATH}/danh-muc", compare, Permission.ADMINISTER, ("POST",)),
    Door(f"{PATH}/{{request}}", show, _MAY),
    Door(f"{PATH}/{{request}}/nhan", accept, _MAY, ("POST",)),
    Door(f"{PATH}/{{request}}/tu-choi", decline, _MAY, ("POST",)),
    Door(f"{PATH}/{{request}}/anh/{{number}}", picture, _MAY),
    Door(f"{PATH}/{{request}}/bat-dau", begin, _MAY, ("POST",)),
    Door(f"{PATH}/{{request}}/goi", call, _MAY),
    Door(f"{PATH}/{{request}}/cho", sit_down, _MAY, ("POST",)),
    Door(f"{PATH}/{{request}}/ket-thuc", end, _MAY, ("POST",)),
]
NAV = [
    NavItem(later("Khám từ xa"), PATH, _MAY, "g v"),
    NavItem(later("Khám từ xa"), f"{PATH}/dich-vu", Permission.ADMINISTER),
]
