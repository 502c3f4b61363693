"""Insurance eligibility, asked in the background: the desk never waits for the portal.

A question is a CoverageEligibilityRequest, written with the page that asks; the answer, or that there was none, is a
CoverageEligibilityResponse, written later in a transaction of its own. Screens look at these two records only, so
it does not matter which process asked. Source: CV 1923/BHXH-CNTT.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import Response

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Database, Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import clock, codes
from benhan.core.kit.matching import insurance_forms
from benhan.core.kit.outside import NoAnswer
from benhan.core.language import _, later
from benhan.core.store.records import version_of
from benhan.hospital.benefit import REGISTERED_AT, level_percent, registered_at
from benhan.hospital.reception.people import INSURER, insure
from benhan.hospital.reception.portal import CardAnswer, Holder, Officer, Portal
from benhan.hospital.visit import code_of, concept, full_name, id_of, identifier, moment, stamp

CARD_CHECK: Final = f"{systems.BENHAN}/CodeSystem/kiem-tra-the-bhyt"
#: A question without an answer after so long was asked by a process that is gone: ask again.
FORGOTTEN: Final = timedelta(seconds=30)
#: With these the card is good (003 and 004 through the new card that the portal names; 001 and 002: army, police).
GOOD: Final = frozenset({"000", "001", "002", "003", "004"})
RENEWED: Final = frozenset({"003", "004"})
#: Not about the card at all: the portal or our account has a trouble.
PORTAL_TROUBLES: Final = frozenset({"054", "055", "100", "101", "205", "401", "500"})
TROUBLES: Final = {
    "slow": later("Cổng BHYT trả lời chậm, chưa tra được"),
    "down": later("Không nối được cổng BHYT, chưa tra được"),
    "refused": later("Cổng BHYT từ chối tài khoản của bệnh viện"),
    "unreadable": later("Cổng BHYT trả lời không đọc được"),
}

log = logging.getLogger(__name__)


class Question(msgspec.Struct, frozen=True):
    """What the background is to ask: the request that was written, and whose card.

    `typed`: the patient told the number herself. That it is wrong says nothing of the card that her record has.
    `booking`: the code of a guest's booking, who has no record (`patient` is empty) and so no Coverage.
    """

    request: str
    patient: str
    holder: Holder
    typed: bool = False
    booking: str = ""


class Standing(msgspec.Struct, frozen=True):
    """What the desk shows of somebody's insurance: a pill and a line below it; `pending` while the portal is asked."""

    tone: str
    text: str
    detail: str = ""
    pending: bool = False
    asked: bool = True


async def ask(
    tx: Transaction, who: Subject, patient: r4.Patient, *, again: bool = False, typed: str = ""
) -> Question | None:
    """Write down a question about the patient's card (or CCCD); None when today's answer is there or on its way.

    `again` asks although there is an answer; `typed` is a number that is asked about instead of the record's. None also
    when there is nothing to ask with.
    """
    cover = None if typed else await current_cover(tx, who, str(patient.id))
    card = typed or card_of(patient, cover)
    if card is None or not patient.birthDate:
        return None
    request, answer = await latest(tx, who, str(patient.id))
    waiting = request is not None and answer is None and is_fresh(request)
    if waiting or (answer is not None and not again and answer.outcome == "complete"):
        return None
    written = await store.create(
        tx, who,
        r4.CoverageEligibilityRequest(
            status="active",
            purpose=["validation"],
            patient=store.reference(patient),
            created=stamp(clock.now()),
            insurer=r4.Reference(display=INSURER),
            insurance=[r4.CoverageEligibilityRequestInsurance(coverage=store.reference(cover))] if cover else None,
        ),
    )  # fmt: skip
    holder = Holder(card, full_name(patient), clock.vn_date(patient.birthDate))
    return Question(str(written.id), str(patient.id), holder, bool(typed))


def afterwards(
    response: Response, app: Starlette, who: Subject, question: Question | None, officer_name: str = ""
) -> Response:
    """The response, with the question asked of the portal once it is sent (and the page's transaction committed).

    `officer_name`: who asks, where that is not `who`.
    """
    portal = portal_of(app)
    if question is not None and portal is not None:
        settings = app.state.settings
        named = settings.insurance_staff_name or officer_name or who.name
        officer = Officer(named, settings.insurance_staff_number)
        response.background = BackgroundTask(settle, app.state.database, portal, who, question, officer)
    return response


async def settle(database: Database, portal: Portal, who: Subject, question: Question, officer: Officer) -> None:
    """Ask the portal and keep what it says, or that it said nothing. Never raises: nobody is there to hear it."""
    answer: CardAnswer | NoAnswer
    try:
        answer = await portal.check(question.holder, officer)
    except NoAnswer as trouble:
        log.warning("insurance portal: %s", trouble)
        answer = trouble
    try:
        async with database.transaction(who.facility) as tx:
            await keep(tx, who, question, answer)
    except Exception:
        log.exception("the portal's answer could not be kept")


async def keep(
    tx: Transaction, who: Subject, question: Question, answer: CardAnswer | NoAnswer
) -> r4.CoverageEligibilityResponse:
    """Write the answer as a CoverageEligibilityResponse and bring the Coverage up to date."""
    kept = r4.CoverageEligibilityResponse(
        status="active",
        purpose=["validation"],
        identifier=of_booking(question.booking),
        patient=_whose(question),
        created=stamp(clock.now()),
        request=r4.Reference(reference=f"CoverageEligibilityRequest/{question.request}"),
        insurer=r4.Reference(display=INSURER),
        outcome="error",
    )
    if isinstance(answer, NoAnswer) or answer.ma_ket_qua in PORTAL_TROUBLES:
        code = answer.kind if isinstance(answer, NoAnswer) else answer.ma_ket_qua
        kept = msgspec.structs.replace(kept, disposition=_sentence(code), error=[_error(code)])
        return await store.create(tx, who, kept)
    good = answer.ma_ket_qua in GOOD
    if question.typed and not good:
        said = answer.ghi_chu or _sentence(answer.ma_ket_qua)
        kept = msgspec.structs.replace(kept, disposition=said, error=[_error(answer.ma_ket_qua)])
        return await store.create(tx, who, kept)
    cover = await _cover(tx, who, question, answer, good=good)
    registered = _registered(answer)
    kept = msgspec.structs.replace(
        kept,
        outcome="complete",
        disposition=answer.ghi_chu or _sentence(answer.ma_ket_qua),
        insurance=[_insurance(cover, answer, good)] if cover else None,
        error=None if answer.ma_ket_qua == "000" else [_error(answer.ma_ket_qua)],
        extension=[r4.Extension(url=REGISTERED_AT, valueString=registered)] if registered else None,
    )
    return await store.create(tx, who, kept)


async def guest_asks(tx: Transaction, who: Subject, booking: str, holder: Holder) -> Question:
    """Write down a question about the card that a guest typed; booking: the code of hers."""
    written = await store.create(tx, who, r4.CoverageEligibilityRequest(
        status="active", purpose=["validation"], identifier=of_booking(booking), created=stamp(clock.now()),
        patient=r4.Reference(display=holder.name), insurer=r4.Reference(display=INSURER),
    ))  # fmt: skip
    return Question(str(written.id), "", holder, typed=True, booking=booking)


def of_booking(code: str) -> list[r4.Identifier] | None:
    """How what a guest asked, and the answer, name her booking."""
    return [r4.Identifier(system=systems.OF_BOOKING, value=code)] if code else None


def _whose(question: Question) -> r4.Reference:
    if question.booking:
        return r4.Reference(display=question.holder.name)
    return r4.Reference(reference=f"Patient/{question.patient}")


async def _cover(
    tx: Transaction, who: Subject, question: Question, answer: CardAnswer, *, good: bool
) -> r4.Reference | None:
    """The card that the answer is about, brought up to date; of a guest's the last four signs alone are kept."""
    if question.booking:
        return r4.Reference(display=f"•••• {question.holder.card[-4:]}")
    if good:
        cover = await _update_cover(tx, who, question.patient, answer)
    else:
        cover = await current_cover(tx, who, question.patient)
    return store.reference(cover) if cover else None


async def standing(tx: Transaction, who: Subject, patient: r4.Patient, app: Starlette) -> Standing:
    """What is known today of the patient's insurance."""
    cover = await current_cover(tx, who, str(patient.id))
    request, answer = await latest(tx, who, str(patient.id))
    card = card_of(patient, cover)
    if answer is not None:
        return answered(answer, cover, who.facility_code)
    shown = masked(card) if cover and card else ""
    if card is None:
        return Standing("grey", _("Không có thẻ BHYT"), _("nhập số thẻ hoặc CCCD để tra cứu"))
    if portal_of(app) is None:
        return Standing("grey", _("Chưa nối cổng BHYT"), shown)
    if request is not None and is_fresh(request):
        return Standing("info", _("đang tra cứu…"), shown, pending=True)
    return Standing("grey", _("Chưa tra cứu hôm nay"), shown, asked=False)


def answered(answer: r4.CoverageEligibilityResponse, cover: r4.Coverage | None, facility: str) -> Standing:
    """The portal's answer as a pill: until when, how many percent; or what is wrong with the card."""
    when = moment(answer.created)
    at = _("tra lúc %(time)s", time=f"{when:%H:%M:%S}") if when else ""
    card = masked(cover.subscriberId) if cover and cover.subscriberId else ""
    code = next((code_of(one.code) for one in answer.error or []), None) or "000"
    if answer.outcome == "error":
        said = answer.disposition or TROUBLES["down"]
        return Standing("warn", _(said), _join(card, at), asked=False)
    insurance = next(iter(answer.insurance or []), None)
    if insurance is None or not insurance.inforce:
        return Standing("bad", answer.disposition or _sentence(code), _join(card, at))
    end = insurance.benefitPeriod.end if insurance.benefitPeriod else None
    level = level_percent(cover.subscriberId if cover else None)
    parts = [_("Còn hạn %(day)s", day=clock.vn_date(end)) if end else _("Thẻ còn giá trị")]
    parts += [_("hưởng %(n)s %%", n=level)] if level else []
    place = _where_registered(registered_at(answer), facility)
    renewed = _("đã cấp thẻ mới") if code in RENEWED else ""
    return Standing("ok", " · ".join(parts), _join(card, renewed, place, at))


def _where_registered(chosen: str | None, facility: str) -> str:
    """Whether the card is registered here, in words."""
    if not chosen:
        return ""
    return _("đúng nơi đăng ký") if chosen == facility else _("đăng ký tại %(code)s", code=chosen)


def masked(card: str | None) -> str:
    """A card number as a screen in a public hall may show it: "DN 4 01 •••• ••5678"."""
    if not card:
        return ""
    if len(card) == 15:
        return f"{card[:2]} {card[2]} {card[3:5]} •••• ••{card[-4:]}"
    return f"{'•' * (len(card) - 4)}{card[-4:]}"


def portal_of(app: Starlette) -> Portal | None:
    """The portal of this process, made when first needed; None where no address is set."""
    settings = app.state.settings
    if not settings.insurance_portal:
        return None
    if not hasattr(app.state, "insurance"):
        app.state.insurance = Portal(
            settings.insurance_portal, settings.insurance_user, settings.insurance_password.get_secret_value()
        )
    portal: Portal = app.state.insurance
    return portal


async def current_cover(tx: Transaction, who: Subject, patient: str) -> r4.Coverage | None:
    """The newest insurance card of a patient that still counts."""
    return await store.first(tx, who, r4.Coverage, {"patient": patient, "status": "active"})


async def latest(
    tx: Transaction, who: Subject, patient: str
) -> tuple[r4.CoverageEligibilityRequest | None, r4.CoverageEligibilityResponse | None]:
    """Today's last question about a patient, and its answer."""
    asked = {"patient": patient, "created": clock.today().isoformat()}
    request = await store.first(tx, who, r4.CoverageEligibilityRequest, asked)
    answer = await store.first(tx, who, r4.CoverageEligibilityResponse, asked)
    if request is not None and answer is not None and id_of(answer.request) != request.id:
        answer = None
    return request, answer


async def _update_cover(tx: Transaction, who: Subject, patient: str, answer: CardAnswer) -> r4.Coverage | None:
    """The Coverage with the number and dates that hold now; a renewed card replaces the old one."""
    number = (answer.ma_the_moi if answer.ma_ket_qua in RENEWED else "") or answer.ma_the
    if not number:
        return await current_cover(tx, who, patient)
    former = await current_cover(tx, who, patient)
    cover = await insure(tx, who, patient, number)
    if former is not None and former.id != cover.id:
        ended = msgspec.structs.replace(former, status="cancelled")
        await store.update(tx, who, ended, if_match=version_of(former))
    start, end = _validity(answer)
    changed = msgspec.structs.replace(cover, period=r4.Period(start=start, end=end))
    return cover if changed == cover else await store.update(tx, who, changed, if_match=version_of(cover))


def _insurance(cover: r4.Reference, answer: CardAnswer, good: bool) -> r4.CoverageEligibilityResponseInsurance:
    start, end = _validity(answer)
    start = None if start and end and start > end else start  # the portal may tell a beginning after the end
    in_time = end is None or end >= clock.today().isoformat()
    return r4.CoverageEligibilityResponseInsurance(
        coverage=cover, inforce=good and in_time, benefitPeriod=r4.Period(start=start, end=end)
    )


def _validity(answer: CardAnswer) -> tuple[str | None, str | None]:
    if answer.ma_ket_qua in RENEWED and answer.gt_the_den_moi:
        return _day(answer.gt_the_tu_moi), _day(answer.gt_the_den_moi)
    return _day(answer.gt_the_tu), _day(answer.gt_the_den)


def _registered(answer: CardAnswer) -> str:
    return (answer.registered_new if answer.ma_ket_qua in RENEWED else "") or answer.registered


def _day(text: str) -> str | None:
    try:
        return clock.fhir_date(text) if text else None
    except Invalid:
        return None


def card_of(patient: r4.Patient, cover: r4.Coverage | None) -> str | None:
    """What to ask with: the card, else the number in the record, else the CCCD (CV 1923 takes all three)."""
    card = (cover.subscriberId or identifier(cover, systems.BHYT)) if cover else None
    own = identifier(patient, systems.BHYT)
    return card or (insurance_forms(own)[0] if own else None) or identifier(patient, systems.CCCD)


def is_fresh(request: r4.CoverageEligibilityRequest) -> bool:
    """Whether its answer may still be on its way."""
    created: datetime | None = moment(request.created)
    return created is not None and clock.now() - created < FORGOTTEN


def _error(code: str) -> r4.CoverageEligibilityResponseError:
    return r4.CoverageEligibilityResponseError(code=concept(CARD_CHECK, code, _sentence(code)))


def _sentence(code: str) -> str:
    entry = codes.card_checks().get(code)
    return entry.name if entry else TROUBLES.get(code, f"Cổng BHYT trả lời mã {code[:10]}")


def _join(*parts: str) -> str:
    return " · ".join(part for part in parts if part)
