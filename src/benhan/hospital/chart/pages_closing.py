"""`/benh-an/{visit}/kiem-tra`: what a record lacks, closing it, adding to it, opening it again; and its print."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Interaction, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import forms, pages, printing
from benhan.core.language import _
from benhan.hospital import papers
from benhan.hospital.chart.forms.sheets import TEMPLATE, sheet
from benhan.hospital.chart.pages_record import PATH, context
from benhan.hospital.chart.records import checking, closing, conversion, gathering, kept, life, reopening
from benhan.hospital.chart.records.life import Event
from benhan.hospital.visit import id_of


async def check(request: Request, tx: Transaction, who: Subject) -> Response:
    """What keeps the record from being closed; of a closed one its signatures and what was added."""
    return await _show(request, tx, who)


async def close(request: Request, tx: Transaction, who: Subject) -> Response:
    """Close and sign."""
    form = await forms.read_form(request, _sign_fields())
    return await _done(request, tx, who, form, "close", "dong")


async def add(request: Request, tx: Transaction, who: Subject) -> Response:
    """Add to a closed record, signed."""
    form = await forms.read_form(request, _add_fields())
    return await _done(request, tx, who, form, "add", "bo-sung")


async def ask(request: Request, tx: Transaction, who: Subject) -> Response:
    """Ask that the record is opened again."""
    form = await forms.read_form(request, _ask_fields())
    return await _done(request, tx, who, form, "ask", "de-nghi")


async def decide(request: Request, tx: Transaction, who: Subject) -> Response:
    """Grant or refuse what a doctor asks."""
    choices = [("dong-y", _("Đồng ý")), ("tu-choi", _("Từ chối"))]
    form = await forms.read_form(request, [forms.choice("tra-loi", _("Trả lời"), choices, required=True)])
    form.require()
    visit = request.path_params["visit"]
    await reopening.decide(tx, who, visit, granted=form["tra-loi"] == "dong-y")
    return _back(visit, "duyet")


async def reopen(request: Request, tx: Transaction, who: Subject) -> Response:
    """Begin the record anew, after it was granted."""
    found = await gathering.facts(tx, who, request.path_params["visit"])
    await reopening.reopen(tx, who, found)
    return RedirectResponse(f"{PATH}/{found.visit.id}", 303)


async def paper(request: Request, tx: Transaction, who: Subject) -> Response:
    """The record as PDF in the Ministry's form; with `lan=1` as it was signed the first time."""
    found = await kept.the(tx, who, request.path_params["visit"])
    wanted = request.query_params.get("lan", "")
    record = next((one for one in found.former if (one.id or "").endswith(f"-{wanted}")), found.record)
    patient = id_of(record.subject)
    await store.copied(tx, who, Interaction.PRINT, "QuestionnaireResponse", record.id, patient, "benh-an.pdf")
    printed = kept.Kept(record, await kept.form_of(tx, who, record), [])
    data = {**sheet(printed.form, record), **conversion.footer(who, printed)}
    return papers.pdf(await printing.render(TEMPLATE, data), f"benh-an-{record.id}")


async def _done(
    request: Request, tx: Transaction, who: Subject, form: forms.Form, act: str, done: str
) -> Response:  # fmt: skip
    """Do it, or show the page again with what was wrong."""
    found = await gathering.facts(tx, who, request.path_params["visit"])
    if not form.errors:
        try:
            match act:
                case "close":
                    await closing.close(tx, who, found, form["version"] or "", form["password"])
                case "add":
                    await closing.add(tx, who, found, form["text"], form["password"])
                case _:
                    await reopening.ask(tx, who, found, form["reason"])
            return _back(found.visit.id or "", done)
        except Invalid as wrong:
            form.errors.add(wrong.where or "", wrong.message)
    return await _show(request, tx, who, **{f"{act}_form": form})


async def _show(request: Request, tx: Transaction, who: Subject, **typed: Any) -> Response:
    found = await gathering.facts(tx, who, request.path_params["visit"])
    there = await kept.the(tx, who, found.visit.id or "")
    held = await context(tx, who, found, there)
    open_ = life.allows(there.state, Event.CLOSE) or life.allows(there.state, Event.ADMIT)
    signs = held["mine"] and who.may(Permission.SIGN)
    asked = await reopening.requests(tx, who, there)
    shown = {
        "obstacles": _grouped(await closing.check(tx, who, there, found)) if open_ else [],
        "signs": checking.signatures(there.form), "open": open_,
        "may_close": signs and life.allows(there.state, Event.CLOSE),
        "may_add": signs and life.allows(there.state, Event.ADD),
        "signatures": await closing.signed(tx, who, there.record), "titles": checking.TITLES,
        "addenda": [(one, closing.addendum_text(one)) for one in await closing.addenda(tx, who, there.visit)],
        "asked": asked, "may_ask": signs and not any(one.status in ("requested", "accepted") for one in asked),
        "waits": next((one for one in asked if one.status == reopening.ASKED), None),
        "granted": signs and any(one.status == reopening.GRANTED for one in asked),
        "may_decide": who.may(Permission.ARCHIVE), "done": request.query_params.get("xong"),
        "law": [(event, step) for (state, event), step in life.TRANSITIONS.items() if state is there.state],
    }  # fmt: skip
    blank = {
        "close_form": forms.blank(_sign_fields(), version=held["stored"]), "add_form": forms.blank(_add_fields()),
        "ask_form": forms.blank(_ask_fields()),
    }  # fmt: skip
    wrong = any(form.errors for form in typed.values())
    return pages.render(request, "chart/check.html", 422 if wrong else 200, **held, **shown, **{**blank, **typed})


def _grouped(found: list[checking.Obstacle]) -> list[tuple[str, list[checking.Obstacle]]]:
    return [(kind, held) for kind in checking.TITLES if (held := [one for one in found if one.kind is kind])]


def _sign_fields() -> list[forms.Field]:
    return [forms.hidden("version", most=20), forms.secret("password", _("Mật khẩu để ký"))]


def _add_fields() -> list[forms.Field]:
    text = forms.long_text("text", _("Nội dung bổ sung"), required=True, most=closing.MOST_WORDS)
    return [text, forms.secret("password", _("Mật khẩu để ký"))]


def _ask_fields() -> list[forms.Field]:
    return [forms.long_text("reason", _("Lý do mở lại"), required=True, most=reopening.MOST_WORDS)]


def _back(visit: str, done: str) -> Response:
    return RedirectResponse(f"{PATH}/{visit}/kiem-tra?xong={done}", 303)


_R, _S = Permission.READ_CHART, Permission.SIGN
DOORS = [
    Door(f"{PATH}/{{visit}}/kiem-tra", check, _R),
    Door(f"{PATH}/{{visit}}/dong", close, _S, ("POST",)),
    Door(f"{PATH}/{{visit}}/bo-sung", add, _S, ("POST",)),
    Door(f"{PATH}/{{visit}}/de-nghi", ask, _S, ("POST",)),
    Door(f"{PATH}/{{visit}}/duyet", decide, Permission.ARCHIVE, ("POST",)),
    Door(f"{PATH}/{{visit}}/mo-lai", reopen, _S, ("POST",)),
    Door(f"{PATH}/{{visit}}/benh-an.pdf", paper, Permission.PRINT),
]
