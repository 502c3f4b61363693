"""`/noi-tru`: the house as a map, a department's board, a bed; who is put where, and what is taken back."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.kit import forms, pages
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.core.store.records import version_of
from benhan.hospital import admission
from benhan.hospital import stay as words
from benhan.hospital.visit import id_of
from benhan.hospital.ward import board, moves, places, scoring

PATH: Final = "/noi-tru"
SAID: Final = {
    "xep": later("Đã xếp giường"), "doi": later("Đã đổi giường"), "lai": later("Đã hoàn tác"),
    "nhan": later("Đã nhận vào khoa: xếp giường"), "khong": later("Đã từ chối chuyển khoa"),
    "cho": later("Đã đưa vào danh sách chờ"), "bo": later("Đã bỏ khỏi danh sách chờ"), "ra": later("Đã cho ra viện"),
    "bao": later("Đã ghi việc xử trí"), "do": later("Đã ghi sinh hiệu"),
}  # fmt: skip
#: Colours of the states of a bed.
TONES: Final = {"U": "ok", "O": "grey", "H": "warn", "K": "bad", "I": "info", "C": "grey"}


async def house(request: Request, tx: Transaction, who: Subject) -> Response:
    """Every department: beds, who lies in them, what is free."""
    found = await board.house(tx, who)
    template = "ward/_house.html" if pages.is_fragment(request) else "ward/house.html"
    return pages.render(request, template, shares=found, path=PATH, states=words.BED_STATES)


async def department(request: Request, tx: Transaction, who: Subject) -> Response:
    """A department's board."""
    found = await board.of_department(tx, who, request.path_params["department"])
    template = "ward/_board.html" if pages.is_fragment(request) else "ward/board.html"
    return pages.render(
        request, template, board=found, path=PATH, states=words.BED_STATES, tones=TONES, stays=words.STATES,
        may=who.may(Permission.WARD), urgencies=admission.URGENCIES, toast=_toast(request),
    )  # fmt: skip


async def bed(request: Request, tx: Transaction, who: Subject) -> Response:
    """A bed: what it is like, who could be put into it."""
    one = await places.read(tx, who, request.path_params["bed"])
    at = id_of(one.place.managingOrganization) or "?"
    return pages.render(
        request, "ward/bed.html", bed=one, board=await board.of_department(tx, who, at), path=PATH,
        states=words.BED_STATES, tones=TONES, by_hand=[s for s in words.BED_STATES if s in places.BY_HAND],
        may=who.may(Permission.WARD), ready=one.state in words.READY,
    )  # fmt: skip


async def place(request: Request, tx: Transaction, who: Subject) -> Response:
    """Put somebody into a bed; where somebody lies in it, the two change."""
    form = await forms.read_form(request, _fields("luot", "giuong"))
    form.require()
    one = await places.read(tx, who, form["giuong"])
    other = await _holder(tx, who, one) if one.state == words.TAKEN else None
    if other is not None and other.id != form["luot"]:
        kept = await moves.swap(tx, who, form["luot"], other.id or "")
        return to_board(words.department(kept), "doi", luot=kept.id, voi=other.id)
    kept = await moves.place(tx, who, form["luot"], form["giuong"])
    return to_board(words.department(kept), "xep", luot=kept.id, ban=version_of(kept))


async def swap(request: Request, tx: Transaction, who: Subject) -> Response:
    """Two people change beds; a second time is as before."""
    form = await forms.read_form(request, _fields("luot", "voi"))
    form.require()
    kept = await moves.swap(tx, who, form["luot"], form["voi"])
    return to_board(words.department(kept), "doi", luot=form["luot"], voi=form["voi"])


async def undo(request: Request, tx: Transaction, who: Subject) -> Response:
    """As it was before the last move."""
    form = await forms.read_form(request, _fields("luot", "ban"))
    form.require()
    kept = await moves.undo(tx, who, form["luot"], form["ban"])
    return to_board(words.department(kept), "lai")


async def mark(request: Request, tx: Transaction, who: Subject) -> Response:
    """Say what a bed is like."""
    form = await forms.read_form(request, _fields("trang-thai"))
    form.require()
    one = await places.mark(tx, who, request.path_params["bed"], form["trang-thai"])
    return to_board(id_of(one.place.managingOrganization), "")


async def answer(request: Request, tx: Transaction, who: Subject) -> Response:
    """What was done about a warning."""
    form = await forms.read_form(request, [forms.text("viec", _("Đã xử trí"), required=True, most=300)])
    form.require()
    task = await scoring.answer(tx, who, request.path_params["task"], form["viec"])
    return to_board(id_of(task.owner), "bao")


def to_board(department: str | None, done: str, **more: str | None) -> Response:
    """Back to the board of a department."""
    said = {"xong": done, **{name: value for name, value in more.items() if value}} if done else {}
    return RedirectResponse(f"{PATH}/khoa/{department or ''}{'?' if said else ''}{urlencode(said)}", 303)


async def _holder(tx: Transaction, who: Subject, bed: places.Bed) -> r4.Encounter | None:
    at = id_of(bed.place.managingOrganization) or ""
    return next((one for one in await board.stays_of(tx, who, at) if words.bed(one) == bed.id), None)


def _fields(*names: str) -> list[forms.Field]:
    return [forms.hidden(name, required=True, most=64) for name in names]


def _toast(request: Request) -> tuple[str, str | None, dict[str, str]] | None:
    """What was done, where it is taken back, with what."""
    said = request.query_params
    done = said.get("xong", "")
    if done not in SAID:
        return None
    back = {"xep": ("hoan-tac", ("luot", "ban")), "doi": ("doi", ("luot", "voi"))}.get(done)
    if back is None or any(not said.get(name) for name in back[1]):
        return _(SAID[done]), None, {}
    return _(SAID[done]), f"{PATH}/{back[0]}", {name: said[name] for name in back[1]}


_LOOK, _DO = Permission.WATCH_BEDS, Permission.WARD
DOORS = [
    Door(PATH, house, _LOOK),
    Door(f"{PATH}/khoa/{{department}}", department, _LOOK),
    Door(f"{PATH}/giuong/{{bed}}", bed, _LOOK),
    Door(f"{PATH}/giuong/{{bed}}", mark, _DO, ("POST",)),
    Door(f"{PATH}/xep", place, _DO, ("POST",)),
    Door(f"{PATH}/doi", swap, _DO, ("POST",)),
    Door(f"{PATH}/hoan-tac", undo, _DO, ("POST",)),
    Door(f"{PATH}/bao/{{task}}", answer, _DO, ("POST",)),
]
NAV = [NavItem(later("Nội trú"), PATH, _LOOK)]
