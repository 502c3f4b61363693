"""`/nguoi-benh/dong-y`: to what she consents, in which words; giving it, withdrawing it, the proof on paper."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Interaction, Permission, Subject
from benhan.core.access.consents import ALONE, Giver, Purpose, proof_of, who_gives, wording
from benhan.core.access.rules import NO_CONSENT_NEEDED
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import NotFound
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.persons import full_name
from benhan.core.language import _, current
from benhan.core.store import consents
from benhan.hospital import consenting
from benhan.patient import record

ROOT = "/nguoi-benh/dong-y"


async def overview(request: Request, tx: Transaction, who: Subject) -> Response:
    """What is in force, what can be given, what needs no consent."""
    person = await record.person(tx, who)
    found = [consenting.shown(one, full_name(person)) for one in await consents.of_patient(tx, who, who.patient or "")]
    kept = {one.purpose for one in found if one.in_force}
    asked = [
        (purpose, wording(purpose, clock.today()).title(current()), _(consenting.TODAY[purpose]))
        for purpose in Purpose if purpose is Purpose.LABELLED or purpose not in kept
    ]  # fmt: skip
    return pages.render(
        request, "patient/consents.html", facility=who.facility_name, tab="dong-y", root=ROOT,
        found=found, asked=asked, alone=stands_alone(person),
        years=ALONE, unasked=NO_CONSENT_NEEDED, done=request.query_params.get("xong"),
    )  # fmt: skip


async def ask(request: Request, tx: Transaction, who: Subject) -> Response:
    """A purpose: its questions, or its text where it has none."""
    purpose = _purpose(request)
    fields = await consenting.choosing(tx, who, purpose)
    if fields:
        return _questions(request, who, purpose, forms.blank(fields), 200)
    return _text(request, who, purpose, forms.blank(consenting.agreeing()), 200)


async def answer(request: Request, tx: Transaction, who: Subject) -> Response:
    """The questions answered: the text; the text agreed to: the consent is kept."""
    purpose = _purpose(request)
    fields = await consenting.choosing(tx, who, purpose)
    form = await forms.read_form(request, [*fields, *consenting.agreeing()])
    if form.errors:
        return _questions(request, who, purpose, form, 422)
    given = consenting.drafted(who, who.patient or "", purpose, form)
    if not consenting.agreed(form, given):
        return _text(request, who, purpose, form, 422 if form.errors else 200)
    await consents.give(tx, who, given)
    return RedirectResponse(f"{ROOT}?xong=cho", 303)


async def withdraw(request: Request, tx: Transaction, who: Subject) -> Response:
    """At once, without a question."""
    await consents.withdraw(tx, who, who.patient or "", request.path_params["consent"])
    return RedirectResponse(f"{ROOT}?xong=rut", 303)


async def proof(request: Request, tx: Transaction, who: Subject) -> Response:
    """One consent with its text and its proof, to print."""
    person = await record.person(tx, who)
    kept = await consents.one(tx, who, who.patient or "", request.path_params["consent"])
    await store.copied(tx, who, Interaction.PRINT, "Consent", kept.id, who.patient)
    return pages.render(
        request, "patient/consent_proof.html", one=consenting.shown(kept, full_name(person)), name=full_name(person),
        root=ROOT,
    )  # fmt: skip


def _purpose(request: Request) -> Purpose:
    if purpose := consenting.purpose_named(request.path_params["purpose"]):
        return purpose
    raise NotFound(_("Không hỏi đồng ý cho việc này."))


def stands_alone(person: r4.Patient) -> bool:
    """Whether she is old enough to consent alone."""
    return not person.birthDate or who_gives(clock.age_years(person.birthDate, clock.today())) is Giver.PATIENT


def _questions(request: Request, who: Subject, purpose: Purpose, form: forms.Form, status: int) -> Response:
    title = wording(purpose, clock.today()).title(current())
    return pages.render(
        request, "patient/consent_ask.html", status, title=title, form=form, root=ROOT, tab="dong-y",
        facility=who.facility_name,
    )  # fmt: skip


def _text(request: Request, who: Subject, purpose: Purpose, form: forms.Form, status: int) -> Response:
    given = consenting.drafted(who, who.patient or "", purpose, form)
    form.raw["dong-y"] = ""  # never ticked before she ticks it
    return pages.render(
        request, "patient/consent_text.html", status, form=form, given=given, proof=proof_of(given.text), root=ROOT,
        kept=consenting.carried(form), tab="dong-y", facility=who.facility_name,
    )  # fmt: skip


_OWN = Permission.OWN_RIGHTS
DOORS = [
    Door(ROOT, overview, _OWN),
    Door(f"{ROOT}/cho/{{purpose}}", ask, _OWN),
    Door(f"{ROOT}/cho/{{purpose}}", answer, _OWN, ("POST",)),
    Door(f"{ROOT}/{{consent}}/rut", withdraw, _OWN, ("POST",)),
    Door(f"{ROOT}/{{consent}}", proof, _OWN),
]
