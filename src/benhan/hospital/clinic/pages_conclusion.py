"""Doors of the conclusion: the bar, the signing page, addenda, the check of a signature, the papers."""

from __future__ import annotations

from datetime import date, timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Interaction, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import forms, pages
from benhan.core.kit.clock import parse_date, today, vn_date
from benhan.core.language import _, later
from benhan.hospital import papers, signing
from benhan.hospital import visit as words
from benhan.hospital.clinic import conclusion, conclusion_rules, documents, prescribing
from benhan.hospital.clinic import conclusion_appointment as appointment
from benhan.hospital.clinic import prescribing_lines as lines
from benhan.hospital.clinic.conclusion import ChangedMeanwhile
from benhan.hospital.clinic.conclusion_rules import Content, Decision
from benhan.hospital.clinic.diagnoses import listed
from benhan.hospital.clinic.heading import heading
from benhan.hospital.clinic.note import texts_of
from benhan.hospital.papers import ToSign, Wanted

#: Short names of the outcomes, for a narrow column.
TABS = {"home": later("Về"), "revisit": later("Tái khám"), "refer": later("Chuyển"), "admit": later("Nhập viện")}
#: Days until somebody comes again when nothing says otherwise.
USUAL_DAYS = 7


def decision_fields(outcome: str, departments: forms.Choices = ()) -> list[forms.Field]:
    """The fields that an outcome asks for, what was on the page, and the password."""
    asked = {
        "revisit": [forms.day("revisit", _("Ngày hẹn tái khám"), required=True), forms.text("slot", _("Giờ hẹn"))],
        "refer": [
            forms.text("place", _("Nơi chuyển đến"), required=True, most=200),
            forms.text("reason", _("Lý do chuyển"), required=True, most=500),
        ],
        "admit": [forms.choice("department", _("Khoa nhập viện"), departments, required=True)],
    }
    return [
        *asked.get(outcome, []),
        forms.hidden("seal", required=True, most=60_000),
        forms.secret("password", _("Mật khẩu của bạn")),
    ]


def slot_field(slots: forms.Choices) -> forms.Field:
    """The free times of a day to choose from."""
    return forms.choice("slot", _("Giờ hẹn"), slots, hint=_("để trống: tiếp đón xếp giờ"))


async def show_bar(request: Request, tx: Transaction, who: Subject) -> Response:
    """The bar of the consultation page, for refreshing it alone."""
    visit = await store.read(tx, who, r4.Encounter, request.path_params["visit"])
    return pages.render(request, "clinic/conclusion_bar.html", conclusion=await conclusion.bar(tx, who, visit))


async def sign(request: Request, tx: Transaction, who: Subject) -> Response:
    """What is going to be signed, how the visit ends, and the password; POST signs."""
    visit = await store.read(tx, who, r4.Encounter, request.path_params["visit"])
    found = await conclusion.content(tx, who, visit)
    if conclusion.closed(visit, found.note):
        return RedirectResponse(_signed_at(visit), 303)
    outcome = request.query_params.get("ket-qua", "home")
    outcome = outcome if outcome in words.OUTCOMES else "home"
    departments = await _departments(tx, who) if outcome == "admit" else []
    form = forms.blank(decision_fields(outcome, departments))
    if request.method == "POST":
        form = await forms.read_form(request, decision_fields(outcome, departments))
        if not form.errors:
            try:
                decision = _decision(outcome, form, departments)
                signed = await conclusion.sign(tx, who, visit.id or "", decision, form["seal"], form["password"])
                onward = f"{signing.PATH}?luot={signed.id}" if await signing.signs(tx, who) else _signed_at(signed)
                return RedirectResponse(onward, 303)
            except (Invalid, ChangedMeanwhile) as wrong:
                form.errors.add(wrong.where if wrong.where in form.fields else "", wrong.message)
                found = await conclusion.content(tx, who, visit)
    return await _signing_page(request, tx, who, found, outcome, form)


async def free_times(request: Request, tx: Transaction, who: Subject) -> Response:
    """The doctor's free times on a day, for the field beside it."""
    day = _day(request.query_params.get("revisit"))
    slots = await appointment.free_slots(tx, who, day) if day else []
    form = forms.blank([slot_field(slots)])
    return pages.render(request, "clinic/conclusion_times.html", form=form, visit=request.path_params["visit"])


async def addendum(request: Request, tx: Transaction, who: Subject) -> Response:
    """Add to a signed visit."""
    visit = await store.read(tx, who, r4.Encounter, request.path_params["visit"])
    if not await conclusion.signatures(tx, who, visit):
        raise Conflict(_("Lượt khám chưa ký: sửa ngay trong phiếu khám."))
    fields = [
        forms.long_text("text", _("Nội dung bổ sung"), required=True, most=4000),
        forms.secret("password", _("Mật khẩu của bạn")),
    ]
    form = forms.blank(fields)
    if request.method == "POST":
        form = await forms.read_form(request, fields)
        if not form.errors:
            try:
                await conclusion.add(tx, who, visit.id or "", form["text"], form["password"])
                return RedirectResponse(_signed_at(visit), 303)
            except Invalid as wrong:
                form.errors.add(wrong.where if wrong.where in form.fields else "", wrong.message)
    about = await heading(tx, who, visit)
    status = 422 if form.errors else 200
    return pages.render(request, "clinic/conclusion_addendum.html", status, form=form, heading=about)


async def signatures(request: Request, tx: Transaction, who: Subject) -> Response:
    """Who signed the visit, when, over what; each hash is taken again while the page is made."""
    visit = await store.read(tx, who, r4.Encounter, request.path_params["visit"])
    verdicts = await conclusion.verify(tx, who, visit)
    about = await heading(tx, who, visit)
    requests = await prescribing.requests_of(tx, who, visit)
    return pages.render(
        request, "clinic/conclusion_signatures.html", verdicts=verdicts, heading=about,
        codes=sorted({line.prescription for one in requests if (line := lines.line(one)).prescription}),
        may_add=who.may(Permission.SIGN), may_print=await conclusion.may_print(tx, who, visit),
        may_archive=who.may(Permission.ARCHIVE),
    )  # fmt: skip


async def visit_sheet(request: Request, tx: Transaction, who: Subject) -> Response:
    """The visit on paper."""
    visit = request.path_params["visit"]
    made = await paper_of_visit(tx, who, Wanted(visit, "", str(request.base_url)))
    return papers.pdf(made, f"{papers.VISIT_SHEET}-{visit}")


async def prescription_sheet(request: Request, tx: Transaction, who: Subject) -> Response:
    """The prescriptions of the visit on paper, one page for each kind."""
    visit = request.path_params["visit"]
    made = await paper_of_prescription(tx, who, Wanted(visit, "", str(request.base_url)))
    return papers.pdf(made, f"{papers.PRESCRIPTION}-{visit}")


async def paper_of_visit(tx: Transaction, who: Subject, of: Wanted) -> bytes:
    """The sheet of a visit, and the trace of its copy."""
    visit = await _copied(tx, who, of, papers.VISIT_SHEET)
    certified = await signing.of_paper(tx, who, of, papers.VISIT_SHEET)
    return await documents.visit_sheet(tx, who, visit, _verify_link(of, visit), certified)


async def paper_of_prescription(tx: Transaction, who: Subject, of: Wanted) -> bytes:
    """The prescriptions of a visit, and the trace of their copy."""
    visit = await _copied(tx, who, of, papers.PRESCRIPTION)
    certified = await signing.of_paper(tx, who, of, papers.PRESCRIPTION)
    return await documents.prescription(tx, who, visit, _verify_link(of, visit), certified)


async def visit_to_sign(tx: Transaction, who: Subject, of: Wanted) -> ToSign:
    """The sheet of a visit, for its doctor's certificate."""
    visit = await store.read(tx, who, r4.Encounter, of.visit)
    records = await _confirmed(tx, who, visit)
    return ToSign(await documents.visit_sheet(tx, who, visit, _verify_link(of, visit), of.certified), records)


async def prescription_to_sign(tx: Transaction, who: Subject, of: Wanted) -> ToSign:
    """The prescriptions of a visit, for its doctor's certificate."""
    visit = await store.read(tx, who, r4.Encounter, of.visit)
    records = await _confirmed(tx, who, visit)
    return ToSign(await documents.prescription(tx, who, visit, _verify_link(of, visit), of.certified), records)


async def _confirmed(tx: Transaction, who: Subject, visit: r4.Encounter) -> tuple[r4.Resource, ...]:
    """The records of a visit as its doctor confirmed them: what her certificate signs. Raises: Conflict."""
    signed = next((one for one, _made in await conclusion.signatures(tx, who, visit) if not one.jws), None)
    if signed is None:
        raise Conflict(_("Lượt khám chưa ký: sửa ngay trong phiếu khám."))
    return tuple((await conclusion.as_signed(tx, who, signed))[0])


async def _copied(tx: Transaction, who: Subject, of: Wanted, name: str) -> r4.Encounter:
    visit = await store.read(tx, who, r4.Encounter, of.visit)
    patient = words.id_of(visit.subject)
    await store.copied(tx, who, Interaction.PRINT, "Encounter", visit.id, patient, f"{name}.pdf")
    return visit


async def _signing_page(
    request: Request, tx: Transaction, who: Subject, found: Content, outcome: str, form: forms.Form
) -> Response:
    visit = found.visit
    day = None
    if outcome == "revisit":
        day = _day(str(form.raw.get("revisit") or request.query_params.get("revisit", ""))) or _usual_day(found)
        form.raw.setdefault("revisit", vn_date(day))
        form.fields["slot"] = slot_field(await appointment.free_slots(tx, who, day))
    outcomes = [(name, _(text), f"{_address(visit)}?ket-qua={name}") for name, text in TABS.items()]
    return pages.render(
        request,
        "clinic/conclusion_sign.html",
        422 if form.errors else 200,
        certificate=await signing.signs(tx, who),
        heading=await heading(tx, who, visit),
        form=form,
        outcome=outcome,
        outcomes=outcomes,
        days=[(n, vn_date(today() + timedelta(days=n))) for n in (3, 5, 7, 10, 14, 28)],
        missing=conclusion_rules.missing(found),
        cautions=conclusion_rules.cautions(found),
        seal=conclusion_rules.seal(found),
        diagnoses=listed(visit, found.conditions),
        lines=[lines.line(one) for one in found.requests],
        texts=[(words.SECTIONS[code], text) for code, text in texts_of(found.note).items() if text],
        results=len([one for one in found.results if isinstance(one, r4.DiagnosticReport)]),
    )


def _decision(outcome: str, form: forms.Form, departments: forms.Choices) -> Decision:
    chosen = form["department"] if "department" in form.fields else None
    return Decision(
        outcome=outcome,
        revisit=form["revisit"] if "revisit" in form.fields else None,
        slot=(form["slot"] or None) if "slot" in form.fields else None,
        place=(form["place"] or "") if "place" in form.fields else "",
        reason=(form["reason"] or "") if "reason" in form.fields else "",
        department=chosen,
        department_name=dict(departments).get(chosen or "", ""),
    )


async def _departments(tx: Transaction, who: Subject) -> list[tuple[str, str]]:
    page = await store.search(tx, who, r4.Organization, {"partof:missing": "false", "_count": "500"})
    found = [(one.id or "", one.name or "") for one in page.resources]
    return sorted(found, key=lambda pair: pair[1])


def _usual_day(found: Content) -> date:
    """The day after the last tablet, else in a week."""
    days = max((lines.line(one).days for one in found.requests), default=USUAL_DAYS)
    return today() + timedelta(days=days)


def _day(text: str | None) -> date | None:
    try:
        return parse_date(text) if text else None
    except Invalid:
        return None


def _address(visit: r4.Encounter) -> str:
    return f"/kham/{visit.id}/ket-thuc"


def _signed_at(visit: r4.Encounter) -> str:
    return f"/kham/{visit.id}/chu-ky"


def _verify_link(of: Wanted, visit: r4.Encounter) -> str:
    return f"{of.base.rstrip('/')}{_signed_at(visit)}"


_VISIT = "/kham/{visit}"
DOORS: list[Door] = [
    Door(f"{_VISIT}/ket-thuc", sign, Permission.SIGN, ("GET", "POST")),
    Door(f"{_VISIT}/ket-thuc/thanh", show_bar, Permission.CONSULT),
    Door(f"{_VISIT}/ket-thuc/gio-trong", free_times, Permission.SIGN),
    Door(f"{_VISIT}/bo-sung", addendum, Permission.SIGN, ("GET", "POST")),
    Door(f"{_VISIT}/chu-ky", signatures, Permission.READ_CHART),
    Door(f"{_VISIT}/phieu-kham.pdf", visit_sheet, Permission.PRINT),
    Door(f"{_VISIT}/don-thuoc.pdf", prescription_sheet, Permission.PRINT),
]
