"""`/quan-tri/goi-kham`: packages: name, specialty, services, price."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.forms import Form
from benhan.core.language import _
from benhan.hospital import packages, prices
from benhan.hospital.packages import Package
from benhan.hospital.visit import code_of

PATH: Final = "/quan-tri/goi-kham"
NEW: Final = "moi"


async def overview(request: Request, tx: Transaction, who: Subject) -> Response:
    """All packages with their prices."""
    found = await packages.every(tx, who, retired=True)
    held = await prices.at(tx, who, [one.id for one in found], clock.today())
    return pages.render(request, "cashier/packages.html", found=found, held=held, path=PATH, new=NEW)


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """One, or a form for a new one."""
    one = await _asked(request, tx, who)
    filled: dict[str, Any] = {"active": True, "since": clock.today()}
    if one:
        held = (await prices.at(tx, who, [one.id], clock.today())).get(one.id)
        filled |= {
            "name": one.name, "note": one.note, "specialty": one.specialty, "active": one.active,
            "services": "\n".join(code for code, _name in one.services), "amount": held.amount if held else None,
        }  # fmt: skip
    return _page(request, one, forms.blank(_fields(await _specialties(tx, who)), **filled))


async def keep(request: Request, tx: Transaction, who: Subject) -> Response:
    """Keep it, and its price where that has changed."""
    one, specialties = await _asked(request, tx, who), await _specialties(tx, who)
    form = await forms.read_form(request, _fields(specialties))
    try:
        form.require()
        async with tx.savepoint():
            id_ = await packages.keep(
                tx, who, one.id if one else "", form["name"], form["note"] or "", specialties[form["specialty"]],
                [line.split()[0] for line in form["services"].splitlines() if line.strip()], active=form["active"],
            )  # fmt: skip
            held = (await prices.at(tx, who, [id_], form["since"])).get(id_)
            if held is None or held.amount != form["amount"]:
                await prices.keep(tx, who, id_, form["amount"], form["since"], name=f"Gói {form['name']}")
    except (Invalid, Conflict) as wrong:
        form.errors.add(wrong.where if wrong.where in form.fields else "", wrong.message)
        return _page(request, one, form, 422)
    return RedirectResponse(PATH, 303)


async def _asked(request: Request, tx: Transaction, who: Subject) -> Package | None:
    id_ = str(request.path_params["package"])
    return None if id_ == NEW else await packages.one(tx, who, id_)


async def _specialties(tx: Transaction, who: Subject) -> dict[str, r4.CodeableConcept]:
    """The specialties of the house, by code."""
    found = (await store.search(tx, who, r4.HealthcareService, {"active": "true", "_count": "200"})).resources
    kinds = [kind for one in found for kind in one.specialty or []]
    return {code: kind for kind in kinds if (code := code_of(kind, systems.SPECIALTY))}


def _fields(specialties: dict[str, r4.CodeableConcept]) -> list[forms.Field]:
    named = sorted(((code, kind.text or code) for code, kind in specialties.items()), key=lambda one: one[1])
    return [
        forms.text("name", _("Tên gói"), required=True, most=100),
        forms.choice("specialty", _("Khám chuyên khoa"), named, required=True),
        forms.long_text("note", _("Dành cho ai, cần chuẩn bị gì"), most=500),
        forms.long_text("services", _("Dịch vụ"), required=True, most=4000, hint=_("Mỗi dòng một mã của TT 23/2024.")),
        forms.amount("amount", _("Giá trọn gói"), required=True),
        forms.day("since", _("Áp dụng từ ngày"), required=True),
        forms.flag("active", _("Cho đặt qua mạng")),
    ]


def _page(request: Request, one: Package | None, form: Form, status: int = 200) -> Response:
    return pages.render(request, "cashier/package.html", status, one=one, form=form, path=PATH)


_MAY = Permission.ADMINISTER
DOORS = [
    Door(PATH, overview, _MAY),
    Door(f"{PATH}/{{package}}", show, _MAY),
    Door(f"{PATH}/{{package}}", keep, _MAY, ("POST",)),
]
