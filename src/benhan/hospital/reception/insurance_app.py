"""`/app/insurance`: the card is checked while she books, with the answer in plain words. Contract: app-api.md.

The portal is asked behind her back, as at the desk; whoever books never waits for it. It is asked about the record of
the session alone, by the name and birth date that stand there, so nobody learns anything of another's card.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core import store
from benhan.core.access import Door, Interaction, Permission, Role, Subject, may
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Forbidden, Invalid
from benhan.core.kit import cards, clock, forms, json_forms
from benhan.core.kit.json_forms import Said
from benhan.core.language import _
from benhan.hospital import benefit
from benhan.hospital.reception import eligibility
from benhan.hospital.visit import moment

PATH: Final = "/app/insurance"
#: Checks of one record a day.
MOST_CHECKS: Final = 10
_BARE: Final = re.compile(r"\d{10}|\d{12}", re.ASCII)


class Shown(Said):
    """What the portal says today. `state`: "none", "asking", "good", "bad", "unknown"; `line`: "here", "elsewhere"."""

    state: str
    text: str
    card: str = ""
    until: date | None = None
    percent: int | None = None
    line: str = ""
    line_text: str = ""
    asked: datetime | None = None


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """What is known today."""
    return json_forms.answer(await _standing(request, tx, who, await _person(tx, who)))


async def check(request: Request, tx: Transaction, who: Subject) -> Response:
    """Ask the portal about her card: the one of her record, or the number that she typed or scanned."""
    form = await json_forms.read(request, [forms.text("card", _("Số thẻ BHYT"), most=cards.LIMIT)])
    person, behind = await _person(tx, who), _behind(who)
    typed = card_number(form["card"]) if form["card"] else ""
    if eligibility.portal_of(request.app) is None:
        return json_forms.answer(await _standing(request, tx, who, person))
    await store.tried(tx, behind, f"insurance {who.patient}", MOST_CHECKS, f"{clock.today()}")
    question = await eligibility.ask(tx, behind, person, typed=typed, again=bool(typed))
    said = json_forms.answer(await _standing(request, tx, who, person))
    return eligibility.afterwards(said, request.app, behind, question, officer_name=who.facility_name)


def card_number(text: str) -> str:
    """The number that the portal takes, from what was typed or scanned: card, BHXH number, CCCD.

    Raises:
        Invalid: it is none of them.
    """
    found = cards.read(text)
    if isinstance(found, cards.InsuranceCard | cards.CitizenCard):
        return found.number
    typed = re.sub(r"[\s.\-]", "", text)
    if not _BARE.fullmatch(typed):
        raise Invalid(
            _("Không đọc được số thẻ này."), where="card",
            advice=_("Nhập 15 ký tự trên thẻ, 10 số cuối, hoặc số căn cước; hoặc quét mã trên VssID, căn cước."),
        )  # fmt: skip
    return typed


async def _person(tx: Transaction, who: Subject) -> r4.Patient:
    """The record of the session.

    Raises:
        Forbidden: this relation does not book.
    """
    if who.patient is None or not may(who, Interaction.SEARCH, "Appointment"):
        raise Forbidden(_("Quan hệ này không gồm lịch hẹn."), where="Appointment")
    return await store.read(tx, who, r4.Patient, who.patient)


def _behind(who: Subject) -> Subject:
    return in_name_of(who, Role.ELIGIBILITY_SERVICE)


async def _standing(request: Request, tx: Transaction, who: Subject, person: r4.Patient) -> Shown:
    behind = _behind(who)
    asked, answer = await eligibility.latest(tx, behind, person.id or "")
    if answer is None and asked and eligibility.is_fresh(asked) and eligibility.portal_of(request.app):
        return Shown(state="asking", text=_("đang tra cứu…"))
    told = await eligibility.standing(tx, behind, person, request.app)
    if answer is None:
        return Shown(state="none", text=told.text, card=told.detail)
    cover = await eligibility.current_cover(tx, behind, person.id or "")
    said = Shown(
        state={"ok": "good", "bad": "bad"}.get(told.tone, "unknown"), text=told.text, asked=moment(answer.created),
        card=eligibility.masked(cover.subscriberId) if cover else "",
    )  # fmt: skip
    insurance = next(iter(answer.insurance or []), None)
    if said.state == "good" and insurance:
        end = insurance.benefitPeriod.end if insurance.benefitPeriod else None
        said.until = date.fromisoformat(end[:10]) if end and len(end) >= 10 else None
        said.percent = benefit.level_percent(cover.subscriberId if cover else None)
        said.line, said.line_text = line_of(benefit.registered_at(answer), who.facility_code, said.percent)
    return said


def line_of(registered: str | None, here: str, percent: int | None) -> tuple[str, str]:
    """Whether she comes to where her card is registered, as far as the portal says, and what that means.

    Source: Luật BHYT (sửa đổi 51/2024) Đ22, Đ26, Đ27: elsewhere it takes a paper of transfer, or one of the exceptions
    that only the desk can see.
    """
    if not registered:
        return "", _("Cổng BHYT không cho biết nơi đăng ký khám ban đầu; quầy tiếp đón sẽ xem thẻ.")
    if registered == here:
        pays = _(" Quỹ trả %(n)s %% phần được hưởng.", n=percent) if percent else ""
        return "here", _("Đúng tuyến: thẻ đăng ký khám ban đầu ở đây.") + pays
    pays = _(" Khi đúng tuyến quỹ trả %(n)s %%.", n=percent) if percent else ""
    return "elsewhere", _(
        "Thẻ đăng ký ở cơ sở mã %(code)s: mang giấy chuyển cơ sở khám bệnh; không có giấy có thể là trái tuyến.",
        code=registered,
    ) + pays


_MAY = Permission.OWN_RECORD
DOORS = [Door(PATH, show, _MAY, app=True), Door(PATH, check, _MAY, ("POST",), app=True)]
