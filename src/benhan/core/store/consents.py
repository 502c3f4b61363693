"""Giving and withdrawing consent: FHIR Consents with their proof, in the caller's transaction.

Nobody writes a Consent otherwise: no role may, and no program (`rules/`). Here the program's own service does, with
the account of who asked, so that history and audit name her.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from benhan.core.access import Permission, Role, Subject
from benhan.core.access.audit import Event, record
from benhan.core.access.consents import (
    ALONE,
    PROGRAM,
    Channel,
    Giver,
    Purpose,
    Wording,
    in_force,
    proof_of,
    purpose_of,
    who_gives,
)  # fmt: skip
from benhan.core.access.labels import CONFIDENTIALITY, SENSITIVITY
from benhan.core.access.subject import in_name_of
from benhan.core.access.vocabulary import State
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid, NotFound
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.core.store.read import read
from benhan.core.store.search import search
from benhan.core.store.write import create, update

#: The id, inside a Consent, of who stands for the patient.
REPRESENTATIVE = "nguoi-dai-dien"
_SCOPE = r4.CodeableConcept(
    coding=[r4.Coding(system="http://terminology.hl7.org/CodeSystem/consentscope", code="patient-privacy")]
)
_RECIPIENT = r4.CodeableConcept(coding=[r4.Coding(system=systems.PARTICIPATION, code="IRCP")])


class Recipient(msgspec.Struct, frozen=True):
    """To whom a consent opens labelled records: `Practitioner/…`, `Organization/…`, or the account of a program."""

    name: str
    display: str


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """A consent as it is given: the text that was shown, to the letter, and what it says as data."""

    patient: str
    wording: Wording
    language: str
    text: str
    giver: Giver
    #: Who stands for the patient: name, and what she is to the patient or the paper that says so.
    representative: tuple[str, str] | None = None
    recipients: tuple[Recipient, ...] = ()
    labels: tuple[str, ...] = ()
    until: date | None = None


async def give(tx: Transaction, who: Subject, given: Given) -> r4.Consent:
    """Keep a consent with its proof; it opens what it says with the commit.

    Raises:
        Forbidden: neither the patient on her own page nor staff who take consents.
        Invalid: who gives it may not alone; a consent to open labelled records names nobody or no label.
        Conflict: there is one in force for this purpose that says the same of nobody in particular.
    """
    channel = _channel(who, given.patient)
    acting = acting_for(who)
    person = await read(tx, acting, r4.Patient, given.patient)
    _check(given, channel, person)
    if not given.recipients and await holds(tx, who, given.patient, given.wording.purpose):
        raise Conflict(_("Đồng ý này đang có hiệu lực."), advice=_("Rút đồng ý cũ trước khi cho lại."))
    kept = await create(tx, acting, _written(who, given, channel))
    rule = f"{given.wording.purpose} {given.wording.version.isoformat()}"
    detail = f"{channel} {given.giver} sha256 {proof_of(given.text)}"
    record(tx, who, Event("consent", "Consent", kept.id, given.patient, rule=rule, detail=detail))
    return kept


async def withdraw(tx: Transaction, who: Subject, patient: str, id_: str) -> r4.Consent:
    """End a consent of this patient; from the next statement on it opens nothing. Ending it again changes nothing.

    Raises:
        Forbidden: neither the patient on her own page nor staff who take consents; NotFound: it is not this patient's.
    """
    channel = _channel(who, patient)
    acting = acting_for(who)
    kept = await one(tx, acting, patient, id_)
    if kept.status != "active":
        return kept
    proof = _proof(who, channel, withdrawn=clock.fhir_instant(clock.now()))
    ended = msgspec.structs.replace(kept, status="inactive", extension=[*(kept.extension or ()), proof])
    ended = await update(tx, acting, ended, if_match=kept.meta.versionId if kept.meta else None)
    record(tx, who, Event("consent-withdrawn", "Consent", id_, patient, rule=str(purpose_of(kept)), detail=channel))
    return ended


async def withdraw_all(tx: Transaction, who: Subject, patient: str) -> int:
    """End every consent of a patient, also those that the caller may not see; gives how many.

    Raises:
        Forbidden: as `withdraw`.
    """
    _channel(who, patient)
    found = [one for one in await of_patient(tx, acting_for(who), patient) if one.status == "active"]
    for kept in found:
        await withdraw(tx, who, patient, kept.id or "")
    return len(found)


async def of_patient(tx: Transaction, who: Subject, patient: str) -> Sequence[r4.Consent]:
    """A patient's consents as far as the caller may see them, the newest first."""
    page = await search(tx, who, r4.Consent, {"patient": f"Patient/{patient}", "_count": "500"})
    return [one for one in page.resources if purpose_of(one)]


async def one(tx: Transaction, who: Subject, patient: str, id_: str) -> r4.Consent:
    """A consent of this patient's.

    Raises:
        Forbidden, NotFound: it is not hers, or not one of ours.
    """
    kept = await read(tx, who, r4.Consent, id_)
    if patient_of(kept) != patient or purpose_of(kept) is None:
        raise NotFound(_("Người bệnh này không có đồng ý đó."))
    return kept


async def holds(tx: Transaction, who: Subject, patient: str, purpose: Purpose, at: datetime | None = None) -> bool:
    """Whether a consent of the patient for this purpose is in force: what every door asks that needs one."""
    moment = at or clock.now()
    found = await of_patient(tx, acting_for(who), patient)
    return any(purpose_of(one) is purpose and in_force(one, moment) for one in found)


def acting_for(who: Subject) -> Subject:
    """The program's service for patients' rights, in the name of who asks."""
    return in_name_of(who, Role.RIGHTS_SERVICE)


def patient_of(consent: r4.Consent) -> str:
    """The id of whose consent it is."""
    return ((consent.patient and consent.patient.reference) or "").removeprefix("Patient/")


def _channel(who: Subject, patient: str) -> Channel:
    """By which way she comes; every verb begins with it."""
    if who.program is None and Role.PATIENT in who.roles and who.patient == patient:
        return Channel.PERSONAL_PAGE
    if who.may(Permission.CONSENTS):
        return Channel.DESK
    raise Forbidden(_("Chỉ người bệnh, hoặc nhân viên tại quầy cùng người bệnh, được cho và rút đồng ý."))


def _check(given: Given, channel: Channel, person: r4.Patient) -> None:
    if given.wording.purpose is Purpose.LABELLED and not (given.recipients and given.labels):
        raise Invalid(_("Chọn ai được xem và nhóm bản ghi nào."), where="recipient")
    if given.until and given.until < clock.today():
        raise Invalid(_("Ngày hết hạn đã qua."), where="until")
    needed = who_gives(clock.age_years(person.birthDate, clock.today())) if person.birthDate else Giver.PATIENT
    if channel is Channel.PERSONAL_PAGE and (needed is not Giver.PATIENT or given.giver is not Giver.PATIENT):
        raise Forbidden(
            _("Người dưới %(n)s tuổi cho đồng ý cùng người đại diện, tại quầy.", n=ALONE), where="giver",
        )  # fmt: skip
    if needed is Giver.BOTH and given.giver is not Giver.BOTH:
        raise Invalid(_("Từ 7 đến dưới 18 tuổi, cả người bệnh và người đại diện cùng đồng ý."), where="giver")
    if needed is Giver.REPRESENTATIVE and given.giver is not Giver.REPRESENTATIVE:
        raise Invalid(_("Dưới 7 tuổi, người đại diện đồng ý."), where="giver")
    if given.giver is not Giver.PATIENT and given.representative is None:
        raise Invalid(_("Ghi họ tên người đại diện và quan hệ với người bệnh."), where="representative")


def _written(who: Subject, given: Given, channel: Channel) -> r4.Consent:
    """The Consent as it is kept; the text itself lies in it."""
    at, patient = clock.fhir_instant(clock.now()), r4.Reference(reference=f"Patient/{given.patient}")
    deputy = r4.Reference(reference=f"#{REPRESENTATIVE}")
    performers = {
        Giver.PATIENT: [patient], Giver.REPRESENTATIVE: [deputy], Giver.BOTH: [patient, deputy],
    }[given.giver]  # fmt: skip
    text = r4.Attachment(
        contentType="text/plain; charset=utf-8", language=given.language, title=given.wording.title(given.language),
        data=base64.b64encode(given.text.encode()).decode(), creation=at,
    )  # fmt: skip
    labels = [r4.Coding(system=_system(label), code=label) for label in given.labels]
    return r4.Consent(
        meta=r4.Meta(security=labels) if labels else None,
        status="active",
        scope=_SCOPE,
        category=[r4.CodeableConcept(coding=[r4.Coding(system=systems.CONSENT, code=given.wording.purpose)])],
        patient=patient,
        dateTime=at,
        performer=performers,
        contained=[_deputy(patient, *given.representative)] if given.representative else None,
        policy=[r4.ConsentPolicy(uri=given.wording.uri)],
        sourceAttachment=text,
        extension=[_proof(who, channel, sha256=proof_of(given.text))],
        provision=r4.ConsentProvision(
            type="permit",
            period=r4.Period(start=at, end=given.until.isoformat() if given.until else None),
            actor=[_actor(one) for one in given.recipients] or None,
            securityLabel=labels or None,
        ),
    )  # fmt: skip


def _deputy(patient: r4.Reference, name: str, relation: str) -> r4.RelatedPerson:
    return r4.RelatedPerson(
        id=REPRESENTATIVE, patient=patient, name=[r4.HumanName(text=name)],
        relationship=[r4.CodeableConcept(text=relation)],
    )  # fmt: skip


def _actor(one: Recipient) -> r4.ConsentProvisionActor:
    if "/" in one.name and one.name.partition("/")[0] in ("Practitioner", "Organization"):
        reference = r4.Reference(reference=one.name, display=one.display)
    else:
        program = r4.Identifier(system=PROGRAM, value=one.name)
        reference = r4.Reference(type="Device", identifier=program, display=one.display)
    return r4.ConsentProvisionActor(role=_RECIPIENT, reference=reference)


def _system(label: str) -> str:
    if label == State.ARCHIVED:
        return systems.RECORD_STATE
    return CONFIDENTIALITY if label in ("R", "V") else SENSITIVITY


def _proof(who: Subject, channel: Channel, **said: str) -> r4.Extension:
    """Channel, who asked the program to write this, and what else is said."""
    parts = [
        r4.Extension(url="channel", valueCode=channel),
        r4.Extension(url="account", valueString=who.account),
        *(r4.Extension(url=name, valueString=value) for name, value in said.items()),
    ]
    if channel is Channel.DESK:
        practitioner = f"Practitioner/{who.practitioner}" if who.practitioner else None
        witness = r4.Reference(reference=practitioner, display=who.name)
        parts.append(r4.Extension(url="witness", valueReference=witness))
    return r4.Extension(url=systems.EXTENSION_CONSENT_PROOF, extension=parts)
