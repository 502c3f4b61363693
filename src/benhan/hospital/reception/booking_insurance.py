"""`/dat-kham/{code}/the-bhyt`: who booked without a record asks whether her insurance card is good.

The portal is asked behind her back, by the name and birth date of her booking and the number that she types; so she
learns nothing that these three do not open elsewhere. Of what she typed the last four
signs are kept; the desk asks again when she comes.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core import store
from benhan.core.access import Door, Permission, Role, Subject, service
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import cards, clock, forms
from benhan.core.language import _
from benhan.hospital.benefit import registered_at
from benhan.hospital.reception import eligibility
from benhan.hospital.reception.booking_public import CARD, PATH, asked_of, code_asked, mine, page
from benhan.hospital.reception.booking_rules import guest_of
from benhan.hospital.reception.insurance_app import MOST_CHECKS, card_number, line_of
from benhan.hospital.reception.portal import Holder
from benhan.hospital.visit import full_name, id_of


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """What the portal said today, and a form for a number."""
    await mine(request, tx, asked_of(request, who), code_asked(request))
    return await _page(request, tx, who, forms.blank(_fields()))


async def check(request: Request, tx: Transaction, who: Subject) -> Response:
    """Ask about a number."""
    code = code_asked(request)
    booking = await mine(request, tx, asked_of(request, who), code)
    form, behind = await forms.read_form(request, _fields()), _behind(who)
    question = None
    try:
        form.require()
        number, guest = card_number(form["card"]), guest_of(booking)
        if guest is None or not guest.birthDate or eligibility.portal_of(request.app) is None:
            raise Conflict(_("Chưa tra được thẻ qua mạng. Mang thẻ hoặc căn cước đến quầy tiếp đón."))
        await store.tried(tx, behind, f"insurance {code}", MOST_CHECKS, f"{clock.today()}")
        holder = Holder(number, full_name(guest), clock.vn_date(guest.birthDate))
        question = await eligibility.guest_asks(tx, behind, code, holder)
        form = forms.blank(_fields())
    except (Invalid, Conflict) as wrong:
        form.errors.add("card", f"{wrong.message} {wrong.advice}" if wrong.advice else wrong.message)
    answer = await _page(request, tx, who, form, 422 if form.errors else 200)
    return eligibility.afterwards(answer, request.app, behind, question, officer_name=who.facility_name)


def _fields() -> list[forms.Field]:
    return [
        forms.text(
            "card", _("Số thẻ BHYT"), required=True, most=cards.LIMIT,
            hint=_("15 ký tự trên thẻ, 10 số cuối, hoặc số căn cước"),
        ),
    ]  # fmt: skip


def _behind(who: Subject) -> Subject:
    return service(Role.ELIGIBILITY_SERVICE, who.facility, who.facility_name)


async def _page(request: Request, tx: Transaction, who: Subject, form: forms.Form, status: int = 200) -> Response:
    shown = await _standing(tx, who, code_asked(request))
    return page(request, "booking_insurance.html", status, code=code_asked(request), form=form, card=CARD, **shown)


_ASKING: Final = {"pending": True, "said": None, "line": ""}


async def _standing(tx: Transaction, who: Subject, code: str) -> dict[str, Any]:
    """What is known today: `pending` while the portal is asked, `said` what it answered, `line` what that means."""
    behind = _behind(who)
    asked = {"identifier": f"{systems.OF_BOOKING}|{code}", "created": clock.today().isoformat()}
    request = await store.first(tx, behind, r4.CoverageEligibilityRequest, asked)
    answer = await store.first(tx, behind, r4.CoverageEligibilityResponse, asked)
    if answer is None or request is None or id_of(answer.request) != request.id:
        return _ASKING if request and eligibility.is_fresh(request) else _ASKING | {"pending": False}
    said = eligibility.answered(answer, None, who.facility_code)
    line = line_of(registered_at(answer), who.facility_code, None)[1] if said.tone == "ok" else ""
    return {"pending": False, "said": said, "line": line}


_ANYONE = Permission.ANYONE
DOORS = [
    Door(f"{PATH}/{{code}}/{CARD}", show, _ANYONE),
    Door(f"{PATH}/{{code}}/{CARD}", check, _ANYONE, ("POST",)),
]
