"""`/lich-kham/phong`: the way to every room in words, written once by the administrator, shown wherever one is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, LiveDoor, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit import forms, pages
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.core.store.records import version_of
from benhan.hospital import way
from benhan.hospital.reception.pages_queue import by_number
from benhan.hospital.visit import CLINIC, EMERGENCY, IMAGING, LABORATORY, RECEPTION, code_of

PATH: Final = "/lich-kham/phong"
#: What is done in a room, in the order in which rooms are listed.
KINDS: Final = {
    CLINIC: later("Khám"), EMERGENCY: later("Cấp cứu"), LABORATORY: later("Xét nghiệm"),
    IMAGING: later("Chẩn đoán hình ảnh"), RECEPTION: later("Tiếp đón"),
}  # fmt: skip


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET`: every open room with its words."""
    places = await _rooms(tx, who)
    return _page(request, places, forms.blank(_fields(places), **_kept(places)))


async def keep(request: Request, tx: Transaction, who: Subject) -> Response:
    """`POST`: the words that were changed; one that somebody else changed meanwhile is shown and nothing is kept."""
    places = await _rooms(tx, who)
    form = await forms.read_form(request, _fields(places))
    changed = [one for one in places if (form[_words(one)] or "") != (one.description or "")]
    for one in changed:
        if form[_version(one)] != version_of(one):
            form.errors.add(_words(one), _("Vừa có người sửa thành: %(words)s", words=one.description or "–"))
    if form.errors:
        return _page(request, places, form)
    for one in changed:
        said = msgspec.structs.replace(one, description=form[_words(one)] or None)
        await store.update(tx, who, said, if_match=version_of(one))
    way.forget(who.facility)
    return RedirectResponse(f"{PATH}?xong={len(changed)}", 303)


async def _rooms(tx: Transaction, who: Subject) -> list[r4.Location]:
    kinds = ",".join(f"{systems.ROOM_TYPE}|{kind}" for kind in KINDS)
    found = await store.search(tx, who, r4.Location, {"status": "active", "type": kinds, "_count": "500"})
    order = list(KINDS)
    return sorted(found.resources, key=lambda one: (order.index(_kind(one)), by_number(one.name or "")))


def _kind(place: r4.Location) -> str:
    return next(kind for one in place.type or [] if (kind := code_of(one, systems.ROOM_TYPE) or "") in KINDS)


def _words(place: r4.Location) -> str:
    return f"duong-{place.id}"


def _version(place: r4.Location) -> str:
    return f"ban-{place.id}"


def _fields(places: Sequence[r4.Location]) -> list[forms.Field]:
    return [
        field for one in places
        for field in (
            forms.text(_words(one), _("Đường đến %(room)s", room=one.name or ""), most=way.MOST_WORDS),
            forms.hidden(_version(one), most=10),
        )
    ]  # fmt: skip


def _kept(places: Sequence[r4.Location]) -> dict[str, str]:
    said = {_words(one): one.description or "" for one in places}
    return said | {_version(one): version_of(one) or "" for one in places}


def _page(request: Request, places: Sequence[r4.Location], form: forms.Form) -> Response:
    rows = [(one, _(KINDS[_kind(one)]), _words(one), _version(one)) for one in places]
    done = request.query_params.get("xong", "")
    return pages.render(
        request, "reception/rooms.html", 422 if form.errors else 200, rows=rows, form=form,
        most=way.MOST_WORDS,         done=int(done) if done.isdecimal() and len(done) < 5 else None,
    )  # fmt: skip


DOORS: list[Door | LiveDoor] = [
    Door(PATH, show, Permission.ADMINISTER),
    Door(PATH, keep, Permission.ADMINISTER, ("POST",)),
]
NAV = [NavItem(later("Đường đến phòng"), PATH, Permission.ADMINISTER)]
