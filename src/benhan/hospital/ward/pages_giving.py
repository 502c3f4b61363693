"""`/noi-tru/khoa/…/phat-thuoc`: the medicines of a shift at the bedside: scan or choose, give, write why not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid, NotFound
from benhan.core.kit import clock, forms, pages
from benhan.core.language import _
from benhan.hospital.visit import id_of, identifier
from benhan.hospital.ward import bedside, board, giving
from benhan.hospital.ward.giving import Dose
from benhan.hospital.ward.pages_board import PATH

GIVE, REFUSE, OMIT = "cho", "tu-choi", "khong"


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """The doses of a shift by person, in the order of the beds; `?quet=`: a wristband, then a medicine."""
    return await _page(request, tx, who, forms.blank(_fields()))


async def act(request: Request, tx: Transaction, who: Subject) -> Response:
    """A dose is given, refused or omitted."""
    form = await forms.read_form(request, _fields())
    form.require()
    try:
        async with tx.savepoint():
            if form["viec"] == GIVE:
                await giving.give(tx, who, form["lieu"], patient=form["ai"] or "")
            else:
                refused = form["viec"] == REFUSE
                await giving.not_given(tx, who, form["lieu"], form["ly-do"] or "", refused=refused)
    except (Invalid, Conflict, NotFound) as wrong:
        form.errors.add("", f"{wrong.message} {wrong.advice or ''}".strip())
        return await _page(request, tx, who, form, wrong.status)
    asked = {name: value for name in ("ca", "ngay", "luot") if (value := request.query_params.get(name))}
    at = f"{PATH}/khoa/{request.path_params['department']}/phat-thuoc"
    return RedirectResponse(f"{at}{'?' + urlencode(asked) if asked else ''}", 303)


def _fields() -> list[forms.Field]:
    choices = [(GIVE, GIVE), (REFUSE, REFUSE), (OMIT, OMIT)]
    return [
        forms.hidden("lieu", required=True, most=120), forms.hidden("ai", most=64),
        forms.choice("viec", _("Việc"), choices, required=True), forms.text("ly-do", _("Lý do"), most=300),
    ]  # fmt: skip


async def _page(request: Request, tx: Transaction, who: Subject, form: forms.Form, status: int = 200) -> Response:
    department = await store.read(tx, who, r4.Organization, request.path_params["department"])
    asked = forms.read_query(request, [
        forms.choice("ca", _("Ca"), [(one, one) for one in giving.SHIFTS]), forms.day("ngay", _("Ngày")),
        forms.text("luot", "luot", most=64), forms.text("quet", "quet", most=80),
    ])  # fmt: skip
    today, shift = giving.shift_of(clock.now())
    day, shift = asked.values.get("ngay") or today, asked.values.get("ca") or shift
    since, until = giving.bounds(day, shift)
    found = await bedside.in_bed_order(tx, who, department.id or "")
    stays = [stay for _bed, stay in found]
    doses = await giving.of_stays(tx, who, [one.id or "" for one in stays], since, until)
    every = [one for each in doses.values() for one in each]
    people, numbers = await board.lying(tx, who, stays), await _numbers(tx, who, stays)
    chosen, scanned = _scanned(asked.values, numbers, doses, every)
    rows = [
        (bed, person, doses.get(person.stay, [])) for (bed, _stay), person in zip(found, people, strict=True)
        if doses.get(person.stay) and chosen in ("", person.stay)
    ]  # fmt: skip
    return pages.render(
        request, "ward/giving.html", status, department=department, rows=rows, form=form, path=PATH, day=day,
        shift=shift, shifts=giving.SHIFT_NAMES, before=day - timedelta(days=1), after=day + timedelta(days=1),
        late=sum(one.state == giving.OVERDUE for one in every), left=sum(one.open for one in every), chosen=chosen,
        all=len(every), scanned=scanned, code=asked.values.get("quet") or "", may=who.may(Permission.WARD),
    )  # fmt: skip


def _scanned(
    asked: dict[str, Any], numbers: dict[str, list[str]], doses: dict[str, list[Dose]], every: list[Dose]
) -> tuple[str, list[Dose] | None]:  # fmt: skip
    """Whose doses are shown, and the ones of the medicine that was read (None: none was)."""
    code, chosen = asked.get("quet") or "", asked.get("luot") or ""
    if not code:
        return chosen, None
    stay, found = giving.found_by_scan(code, numbers, doses.get(chosen, []) if chosen else every)
    return stay or chosen, None if stay else found


async def _numbers(tx: Transaction, who: Subject, stays: list[r4.Encounter]) -> dict[str, list[str]]:
    """What may stand on a wristband, by stay: number of the stay, of the patient."""
    people = await store.read_many(tx, who, r4.Patient, [id_of(one.subject) for one in stays])
    found = {}
    for one in stays:
        person = people.get(id_of(one.subject) or "")
        said = [identifier(one, systems.VISIT_NUMBER), identifier(person, systems.PATIENT_NUMBER) if person else None]
        found[one.id or ""] = [each for each in said if each]
    return found


_SHIFT: Final = f"{PATH}/khoa/{{department}}/phat-thuoc"
DOORS = [
    Door(_SHIFT, show, Permission.WATCH_BEDS),
    Door(_SHIFT, act, Permission.WARD, ("POST",)),
]
