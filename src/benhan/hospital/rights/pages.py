"""`/quyen-rieng-tu/{patient}`: a patient's consents at the desk: taken with her, withdrawn on her wish, printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Interaction, Permission, Subject, decide
from benhan.core.access.consents import Giver, Purpose, proof_of, who_gives, wording
from benhan.core.access.rights import KIND_NAMES, Kind
from benhan.core.access.rules import NO_CONSENT_NEEDED
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import NotFound
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.persons import full_name, identifier
from benhan.core.language import _, current
from benhan.core.store import consents, rights
from benhan.hospital import consenting

pages.register("rights", "benhan.hospital.rights")

ROOT: Final = "/quyen-rieng-tu"


async def person_page(
    request: Request, tx: Transaction, who: Subject, form: forms.Form | None = None
) -> Response:  # fmt: skip
    """Her consents as far as this member of staff may see them, what can be asked, and filing a request for her."""
    person = await _person(request, tx, who)
    found = await consents.of_patient(tx, who, person.id or "")
    return _rendered(
        request, "rights/person.html", person, 422 if form else 200,
        found=[consenting.shown(one, full_name(person)) for one in found], unasked=NO_CONSENT_NEEDED,
        asked=[(one, wording(one, clock.today()).title(current()), _(consenting.TODAY[one])) for one in Purpose],
        may_print=decide(who, Interaction.PRINT, "Consent").allowed, done=request.query_params.get("xong"),
        form=form or forms.blank(_requesting()), restricted=rights.is_restricted(person),
    )  # fmt: skip


async def ask(request: Request, tx: Transaction, who: Subject) -> Response:
    """A purpose: who gives it, and its questions."""
    person, purpose = await _person(request, tx, who), _purpose(request)
    fields = [*consenting.giving(), *await consenting.choosing(tx, who, purpose)]
    return _questions(request, person, purpose, forms.blank(fields), 200)


async def answer(request: Request, tx: Transaction, who: Subject) -> Response:
    """The questions answered: the text to read to her; agreed: the consent is kept, who asks is the witness."""
    person, purpose = await _person(request, tx, who), _purpose(request)
    fields = [*consenting.giving(), *await consenting.choosing(tx, who, purpose)]
    form = await forms.read_form(
        request, [*fields, *consenting.agreeing(_("Người bệnh đã đọc hoặc nghe đọc, và đồng ý"))]
    )
    _check_giver(form, person)
    if form.errors:
        return _questions(request, person, purpose, form, 422)
    given = consenting.drafted(who, person.id or "", purpose, form)
    if not consenting.agreed(form, given):
        form.raw["dong-y"] = ""  # never ticked before somebody ticks it
        return _rendered(
            request, "rights/text.html", person, 422 if form.errors else 200, form=form, given=given,
            proof=proof_of(given.text), kept=consenting.carried(form), purpose=purpose,
        )  # fmt: skip
    deputy = (form["dai-dien"], form["quan-he"]) if form["dai-dien"] else None
    given = msgspec.structs.replace(given, giver=Giver(form["nguoi-cho"]), representative=deputy)
    await consents.give(tx, who, given)
    return RedirectResponse(f"{ROOT}/{person.id}?xong=cho", 303)


async def withdraw(request: Request, tx: Transaction, who: Subject) -> Response:
    """On her wish, at once."""
    await consents.withdraw(tx, who, request.path_params["patient"], request.path_params["consent"])
    return RedirectResponse(f"{ROOT}/{request.path_params['patient']}?xong=rut", 303)


async def withdraw_all(request: Request, tx: Transaction, who: Subject) -> Response:
    """Every consent of hers, also those that this member of staff may not see."""
    person = await _person(request, tx, who)
    await consents.withdraw_all(tx, who, person.id or "")
    return RedirectResponse(f"{ROOT}/{person.id}?xong=rut", 303)


async def proof(request: Request, tx: Transaction, who: Subject) -> Response:
    """One consent with its text and its proof, to print."""
    person = await _person(request, tx, who)
    kept = await consents.one(tx, who, person.id or "", request.path_params["consent"])
    await store.copied(tx, who, Interaction.PRINT, "Consent", kept.id, person.id)
    return _rendered(request, "rights/proof.html", person, one=consenting.shown(kept, full_name(person)))


async def file(request: Request, tx: Transaction, who: Subject) -> Response:
    """A request of hers, filed for her."""
    form = await forms.read_form(request, _requesting())
    if form.errors:
        return await person_page(request, tx, who, form)
    person = await _person(request, tx, who)
    await rights.file(tx, who, person.id or "", Kind(form["viec"]), form["noi-dung"])
    return RedirectResponse(f"{ROOT}/{person.id}?xong=gui", 303)


async def end_restriction(request: Request, tx: Transaction, who: Subject) -> Response:
    """The restriction of her record ends, on her wish."""
    person = await _person(request, tx, who)
    await rights.end_restriction(tx, who, person.id or "")
    return RedirectResponse(f"{ROOT}/{person.id}?xong=mo", 303)


def _requesting() -> list[forms.Field]:
    return [
        forms.choice("viec", _("Người bệnh muốn"), [(one, _(text)) for one, text in KIND_NAMES.items()], required=True),
        forms.long_text("noi-dung", _("Lời của người bệnh"), required=True, most=rights.MOST_WORDS),
    ]


async def _person(request: Request, tx: Transaction, who: Subject) -> r4.Patient:
    return await store.read(tx, who, r4.Patient, request.path_params["patient"])


def _purpose(request: Request) -> Purpose:
    if purpose := consenting.purpose_named(request.path_params["purpose"]):
        return purpose
    raise NotFound(_("Không hỏi đồng ý cho việc này."))


def _check_giver(form: forms.Form, person: r4.Patient) -> None:
    """Say beside the field what `consents.give` would refuse."""
    said = form.values.get("nguoi-cho")
    needed = who_gives(clock.age_years(person.birthDate, clock.today())) if person.birthDate else Giver.PATIENT
    if said and needed is not Giver.PATIENT and said != needed:
        form.errors.add("nguoi-cho", _("Theo tuổi, người cho phải là: %(who)s", who=_(consenting.GIVERS[needed])))
    if said and said != Giver.PATIENT:
        for name in ("dai-dien", "quan-he"):
            if not form.values.get(name):
                form.errors.add(name, _("Cần khi người đại diện cho đồng ý"))


def _questions(request: Request, person: r4.Patient, purpose: Purpose, form: forms.Form, status: int) -> Response:
    title, asked = wording(purpose, clock.today()).title(current()), purpose is Purpose.LABELLED
    return _rendered(request, "rights/ask.html", person, status, title=title, form=form, choosing=asked)


def _rendered(
    request: Request, template: str, person: r4.Patient, status: int = 200, **context: object
) -> Response:  # fmt: skip
    number = identifier(person, systems.PATIENT_NUMBER) or ""
    facts: Sequence[str] = [one for one in (clock.vn_date(person.birthDate) if person.birthDate else "", number) if one]
    return pages.render(
        request, template, status, person=person, name=full_name(person), facts=facts, path=f"{ROOT}/{person.id}",
        **context,
    )  # fmt: skip


_MAY = Permission.CONSENTS
DOORS = [
    Door(f"{ROOT}/{{patient}}", person_page, _MAY),
    Door(f"{ROOT}/{{patient}}/dong-y/{{purpose}}", ask, _MAY),
    Door(f"{ROOT}/{{patient}}/dong-y/{{purpose}}", answer, _MAY, ("POST",)),
    Door(f"{ROOT}/{{patient}}/yeu-cau", file, _MAY, ("POST",)),
    Door(f"{ROOT}/{{patient}}/mo-lai-ho-so", end_restriction, _MAY, ("POST",)),
    Door(f"{ROOT}/{{patient}}/rut-tat-ca", withdraw_all, _MAY, ("POST",)),
    Door(f"{ROOT}/{{patient}}/rut/{{consent}}", withdraw, _MAY, ("POST",)),
    Door(f"{ROOT}/{{patient}}/bang-chung/{{consent}}", proof, _MAY),
]
