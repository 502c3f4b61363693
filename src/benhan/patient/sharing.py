"""Showing the record to a doctor elsewhere: the patient's side in the app, the doctor's page behind address and code.

The address carries no id but its own token, and what it shows stands in its row: a doctor can name nothing else.
Rules: core/access/shares.py. Contract: docs/reference/app-api.md; threats: docs/why/security.md.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Interaction, Permission, Subject, shares
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.kit import clock, forms, json_forms, marks, pages
from benhan.core.kit.json_forms import Said
from benhan.core.language import _, later
from benhan.hospital.visit import OUTCOMES, full_name
from benhan.patient import record, rules
from benhan.patient.whole import bundle_of

PATH: Final = "/chia-se"
COOKIE: Final = "benhan_chia_se"
#: So many visits, the newest, are shown in full; the data holds them all.
MOST_TOLD: Final = 12
#: What the page says of an address that opens nothing.
OVER: Final = {
    "ended": later("Người bệnh đã kết thúc lần chia sẻ này."),
    "over": later("Lần chia sẻ này đã hết hạn."),
    "guessed": later("Mã bị nhập sai quá nhiều lần nên lần chia sẻ này đã đóng."),
    "relation": later("Người chia sẻ không còn thay mặt người bệnh."),
}


class Shared(Said):
    """A share. `visit` "": the whole record; `state`: open, ended, over, guessed, relation."""

    id: str
    visit: str
    labelled: bool
    made: datetime
    ends: datetime
    state: str
    readers: list[str]


class Opens(Said):
    """What opens a new share, told once: the phone keeps it."""

    id: str
    address: str
    code: str
    ends: datetime
    qr: marks.Qr | None


async def mine(request: Request, tx: Transaction, who: Subject) -> Response:
    """What is shared, and was."""
    return json_forms.answer({
        "shares": [_shared(one) for one in await shares.of_patient(tx, who)], "minutes": list(shares.MINUTES),
    })  # fmt: skip


async def make(request: Request, tx: Transaction, who: Subject) -> Response:
    """Share the record, or one visit, for so long."""
    form = await json_forms.read(request, [
        forms.text("visit", _("Lượt khám"), most=64),
        forms.choice("minutes", _("Trong bao lâu"), [(str(one), str(one)) for one in shares.MINUTES], required=True),
        forms.flag("labelled", _("Cả những bản ghi nhạy cảm (HIV, tâm thần, …)")),
    ])  # fmt: skip
    if form["visit"]:
        await store.read(tx, who, r4.Encounter, form["visit"])
    await store.copied(tx, who, Interaction.SHARE, "Patient", who.patient, who.patient, form["visit"] or "whole")
    labelled = form["labelled"] and (who.relation is None or who.relation.labelled)
    made = await shares.make(tx, who, form["visit"] or None, int(form["minutes"]), labelled=labelled)
    address = f"{request.app.state.settings.public_url.rstrip('/')}{PATH}/{made.token}"
    return json_forms.answer(
        Opens(id=made.id, address=address, code=made.code, ends=made.ends, qr=marks.qr_drawn(address)), 201
    )


async def end(request: Request, tx: Transaction, who: Subject) -> Response:
    """No more."""
    await shares.end(tx, who, request.path_params["share"])
    return await mine(request, tx, who)


async def ask(request: Request, tx: Transaction, who: Subject) -> Response:
    """`/chia-se/{token}`: who are you, and which code; for whoever has said so, the record."""
    door = await shares.at(tx, request.path_params["token"])
    if door is None or door.state != "open":
        return _over(request, door)
    if await _reader(request, tx, door):
        return RedirectResponse(f"{request.url.path}/ho-so", 303)
    return _asked(request, door, forms.blank(_fields()))


async def answer(request: Request, tx: Transaction, who: Subject) -> Response:
    """The code, said."""
    token = request.path_params["token"]
    door = await shares.at(tx, token)
    if door is None or door.state != "open":
        return _over(request, door)
    form = await forms.read_form(request, _fields())
    if form.errors:
        return _asked(request, door, form, 422)
    kept = await shares.enter(tx, door, token, form["code"].replace(" ", ""), form["name"], form["place"] or "")
    if kept is None:
        form.errors.add("code", _("Mã không đúng. Sai 5 lần thì địa chỉ này đóng hẳn."))
        return _asked(request, door, form, 422)
    opened = RedirectResponse(f"{request.url.path}/ho-so", 303)
    opened.set_cookie(
        COOKIE, kept, httponly=True, secure=request.app.state.settings.secure_cookies, samesite="strict",
        path=request.url.path, max_age=shares.READER_HOURS * 3600,
    )  # fmt: skip
    return opened


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """`/chia-se/{token}/ho-so`: what is shared, to read."""
    door, reader = await _come(request, tx)
    if door is None or door.state != "open":
        return _over(request, door)
    if reader is None:
        return _to_code(request)
    return pages.render(request, "patient/shared.html", **await _told(tx, door, reader))


async def data(request: Request, tx: Transaction, who: Subject) -> Response:
    """`/chia-se/{token}/ho-so.json`: the same for the doctor's software, as a FHIR Bundle."""
    door, reader = await _come(request, tx)
    if door is None or door.state != "open":
        return _over(request, door)
    if reader is None:
        return _to_code(request)
    type_, id_ = ("Encounter", door.visit) if door.visit else ("Patient", door.patient)
    await store.copied(tx, reader, Interaction.EXPORT, type_, id_, door.patient, "shared")
    made = await bundle_of(tx, reader, request.app.state.settings.public_url, door.visit)
    headers = {"Content-Disposition": 'attachment; filename="ho-so.json"', "Cache-Control": "no-store"}
    return Response(codec.encode(made), 200, headers, "application/fhir+json")


async def _told(tx: Transaction, door: shares.Door, reader: Subject) -> dict[str, Any]:
    person = await record.person(tx, reader)
    lines = [] if door.visit else await record.lines(tx, reader)
    ids = [door.visit] if door.visit else [one.id for one in lines[:MOST_TOLD]]
    curves, findings = ([], []) if door.visit else await record.reports(tx, reader)
    told = [await record.told(tx, reader, id_) for id_ in ids]
    return {
        "door": door, "person": person, "name": full_name(person), "number": rules.number_of(person),
        "allergies": await record.allergies(tx, reader),
        "vaccinated": [] if door.visit else await record.immunizations(tx, reader),
        "told": told, "lines": lines[MOST_TOLD:], "curves": curves,
        "findings": findings, "measured": rules.curves, "rules": rules, "outcomes": OUTCOMES,
        "address": f"{PATH}/", "facility": door.house,
    }  # fmt: skip


async def _come(request: Request, tx: Transaction) -> tuple[shares.Door | None, Subject | None]:
    door = await shares.at(tx, request.path_params["token"])
    return door, await _reader(request, tx, door) if door else None


async def _reader(request: Request, tx: Transaction, door: shares.Door) -> Subject | None:
    kept = request.cookies.get(COOKIE)
    return await shares.reader(tx, door, kept) if kept else None


def _fields() -> list[forms.Field]:
    return [
        forms.text("name", _("Họ tên của bạn"), required=True, most=80, hint=_("người bệnh đọc được tên này")),
        forms.text("place", _("Nơi khám"), required=True, most=120),
        forms.text("code", _("Mã 6 chữ số trên máy người bệnh"), required=True, most=20),
    ]


def _asked(request: Request, door: shares.Door, form: forms.Form, status: int = 200) -> Response:
    return pages.render(request, "patient/shared_code.html", status, form=form, facility=door.house, ends=door.ends)


def _over(request: Request, door: shares.Door | None) -> Response:
    said = _(OVER[door.state]) if door else _("Địa chỉ này không mở được gì.")
    return pages.render(request, "patient/shared_over.html", 410 if door else 404, said=said, facility="")


def _to_code(request: Request) -> Response:
    return RedirectResponse(f"{PATH}/{request.path_params['token']}", 303)


def _shared(one: shares.Share) -> Shared:
    return Shared(
        id=one.id, visit=one.visit or "", labelled=one.labelled, made=clock.local(one.made), ends=clock.local(one.ends),
        state=one.state, readers=list(one.readers),
    )  # fmt: skip


_OWN, _ANYONE = Permission.OWN_RECORD, Permission.ANYONE
DOORS = [
    Door("/app/shares", mine, _OWN, app=True),
    Door("/app/shares", make, _OWN, ("POST",), app=True),
    Door("/app/shares/{share}/end", end, _OWN, ("POST",), app=True),
    Door(f"{PATH}/{{token}}", ask, _ANYONE, foreign=True),
    Door(f"{PATH}/{{token}}", answer, _ANYONE, ("POST",), foreign=True),
    Door(f"{PATH}/{{token}}/ho-so", show, _ANYONE, foreign=True),
    Door(f"{PATH}/{{token}}/ho-so.json", data, _ANYONE, foreign=True),
]
