"""What the desk and the patient's own page share about consent: the questions, the words, a consent as it is shown."""

from __future__ import annotations

import base64
from datetime import date, datetime
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.access.consents import Giver, Purpose, in_force, proof_of, purpose_of, wording
from benhan.core.access.programs.registry import names_of_programs
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.moments import moment_range
from benhan.core.kit import clock, forms
from benhan.core.kit.forms import Field, Form
from benhan.core.kit.persons import full_name
from benhan.core.language import _, current, later
from benhan.core.store import consents
from benhan.core.store.consents import Given, Recipient

#: Labels as a patient reads them.
LABELS: Final = {
    "HIV": later("HIV"),
    "PSY": later("Sức khoẻ tâm thần"),
    "ETH": later("Rượu, chất gây nghiện"),
    "SUD": later("Cai nghiện"),
    "STD": later("Bệnh lây qua đường tình dục"),
    "SEX": later("Sức khoẻ tình dục, sinh sản"),
    "SDV": later("Bạo lực, xâm hại"),
    "ADOL": later("Việc riêng của người chưa thành niên"),
    "R": later("Bản ghi hạn chế khác"),
    "V": later("Bản ghi rất hạn chế"),
    "EMP": later("Hồ sơ của người làm việc tại đây"),
    "CEL": later("Hồ sơ của người nhiều người biết"),
    "ARCHIVED": later("Hồ sơ đã lưu trữ"),
}
GIVERS: Final = {
    Giver.PATIENT: later("Người bệnh"),
    Giver.REPRESENTATIVE: later("Người đại diện"),
    Giver.BOTH: later("Người bệnh và người đại diện"),
}
CHANNELS: Final = {
    "personal-page": later("trang cá nhân của người bệnh"),
    "desk": later("tại quầy, có nhân viên làm chứng"),
}
#: What each purpose does today.
TODAY: Final = {
    Purpose.LABELLED: later("Có hiệu lực ngay: người được chọn mở được những bản ghi ấy."),
    Purpose.FACILITIES: later("Ghi nhận; phần gửi hồ sơ sang cơ sở khác chưa có, nên chưa gửi gì."),
    Purpose.RESEARCH: later("Ghi nhận; phần trích dữ liệu nghiên cứu chưa có, nên chưa dùng gì."),
    Purpose.CONTACT: later("Ghi nhận; phần gửi tin chưa có, nên chưa gửi gì."),
    Purpose.REMOTE: later("Có hiệu lực ngay: bạn gửi được yêu cầu khám từ xa. Cuộc gọi không được ghi âm, ghi hình."),
}


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A consent as a page shows it."""

    id: str
    purpose: Purpose
    title: str
    in_force: bool
    state: str
    given: datetime | None
    giver: str
    channel: str
    witness: str
    recipients: str
    labels: str
    until: str
    text: str
    language: str
    sha256: str
    #: Whether the text that is kept is the one whose hash is.
    whole: bool
    ended: str


async def choosing(tx: Transaction, who: Subject, purpose: Purpose) -> list[Field]:
    """The questions of a purpose before its text can be shown; most have none."""
    if purpose is not Purpose.LABELLED:
        return []
    return [
        forms.choice("nguoi-nhan", _("Ai được xem"), await recipients(tx, who), required=True),
        forms.choices("nhom", _("Nhóm bản ghi nào"), [(k, _(v)) for k, v in LABELS.items()], required=True),
        forms.day("den-ngay", _("Đến hết ngày"), hint=_("để trống: đến khi rút lại")),
    ]


def agreeing(label: str = "") -> list[Field]:
    """What is answered under the text. Nothing is ticked before."""
    return [forms.hidden("van-ban", most=64), forms.flag("dong-y", label or _("Tôi đã đọc và đồng ý"))]


def giving() -> list[Field]:
    """Who gives it, where staff ask. Nothing is chosen before."""
    return [
        forms.choice("nguoi-cho", _("Ai cho đồng ý"), [(k, _(v)) for k, v in GIVERS.items()], required=True),
        forms.text("dai-dien", _("Họ tên người đại diện"), most=100),
        forms.text("quan-he", _("Quan hệ với người bệnh, giấy tờ chứng minh"), most=200),
    ]


async def recipients(tx: Transaction, who: Subject) -> list[tuple[str, str]]:
    """Whom a consent may name: departments, people who work here, programs that come for themselves."""
    acting = consents.acting_for(who)
    places = await store.search(tx, acting, r4.Organization, {"partof:missing": "false", "_count": "500"})
    people = await store.search(tx, acting, r4.Practitioner, {"_count": "1000"})
    named = [(f"Organization/{one.id}", one.name or "") for one in places.resources if one.name]
    named.sort(key=lambda one: one[1])
    persons = sorted(((f"Practitioner/{one.id}", full_name(one)) for one in people.resources), key=lambda one: one[1])
    programs = [(f"client:{name}", _("Ứng dụng %(name)s", name=name)) for name in await names_of_programs(tx, who)]
    return [*named, *persons, *programs]


def purpose_named(text: str) -> Purpose | None:
    """The purpose of an address."""
    return Purpose(text) if text in set(Purpose) else None


def drafted(who: Subject, patient: str, purpose: Purpose, form: Form) -> Given:
    """The consent that a form asks for, with its text as it is to be shown; by the patient until said otherwise."""
    text = wording(purpose, clock.today())
    until: date | None = None
    to_whom: tuple[Recipient, ...] = ()
    labels: tuple[str, ...] = ()
    if purpose is Purpose.LABELLED:
        names = dict(form.fields["nguoi-nhan"].choices)
        until, labels = form["den-ngay"], tuple(form["nhom"])
        to_whom = (Recipient(form["nguoi-nhan"], names[form["nguoi-nhan"]]),)
    ends = clock.vn_date(until) if until else _("đến khi rút lại")
    said = text.said(
        current(), facility=who.facility_name, recipient=", ".join(one.display for one in to_whom),
        labels=", ".join(_(LABELS[one]) for one in labels), until=ends,
    )  # fmt: skip
    return Given(
        patient=patient, wording=text, language=current(), text=said, giver=Giver.PATIENT,
        recipients=to_whom, labels=labels, until=until,
    )  # fmt: skip


def agreed(form: Form, given: Given) -> bool:
    """Whether the form agrees to this very text; what is missing stands in its errors."""
    if form["van-ban"] != proof_of(given.text):
        return False
    if not form["dong-y"]:
        form.errors.add("dong-y", _("Đánh dấu nếu đồng ý; không đồng ý thì rời trang này"))
    return not form.errors


def carried(form: Form) -> list[tuple[str, str]]:
    """What was answered before the text, to be sent along with the agreement."""
    kept = []
    for name in ("nguoi-cho", "dai-dien", "quan-he", "nguoi-nhan", "nhom", "den-ngay"):
        typed = form.typed(name) if name in form.fields else []
        kept += [(name, one) for one in ([typed] if isinstance(typed, str) else typed) if one]
    return kept


def shown(consent: r4.Consent, person: str) -> Shown:
    """A consent in words; `person`: the patient's name."""
    proofs = [_parts(one) for one in consent.extension or () if one.url == systems.EXTENSION_CONSENT_PROOF]
    first = next((one for one in proofs if "sha256" in one), {})
    last = next((one for one in proofs if "withdrawn" in one), None)
    attachment = consent.sourceAttachment or r4.Attachment()
    text = base64.b64decode(attachment.data or "").decode("utf-8", "replace")
    rule, holds = consent.provision or r4.ConsentProvision(), in_force(consent, clock.now())
    purpose = purpose_of(consent) or Purpose.LABELLED
    end = rule.period.end if rule.period else None
    return Shown(
        id=consent.id or "", purpose=purpose, title=wording(purpose, clock.today()).title(current()), in_force=holds,
        state=_("đang có hiệu lực") if holds else _("đã rút") if consent.status != "active" else _("đã hết hạn"),
        given=moment_range(consent.dateTime)[0] if consent.dateTime else None,
        giver=_giver(consent, person), channel=_channel(first),
        witness=first.get("witness", ""),
        recipients=", ".join(one.reference.display or "" for one in rule.actor or ()),
        labels=", ".join(_(LABELS[one.code]) for one in rule.securityLabel or () if one.code in LABELS),
        until=clock.vn_date(end) if end else _("đến khi rút lại"), text=text, language=attachment.language or "vi",
        sha256=first.get("sha256", ""), whole=proof_of(text) == first.get("sha256"), ended=_ended(last),
    )  # fmt: skip


def _parts(one: r4.Extension) -> dict[str, str]:
    found = {}
    for part in one.extension or ():
        witness = part.valueReference.display if part.valueReference else None
        found[part.url or ""] = part.valueCode or part.valueString or witness or ""
    return found


def _giver(consent: r4.Consent, person: str) -> str:
    deputies = [
        f"{one.name[0].text} ({one.relationship[0].text})"
        for one in consent.contained or () if isinstance(one, r4.RelatedPerson) and one.name and one.relationship
    ]  # fmt: skip
    herself = any((one.reference or "").startswith("Patient/") for one in consent.performer or ())
    return ", ".join([*([person] if herself else []), *deputies])


def _ended(proof: dict[str, str] | None) -> str:
    if proof is None:
        return ""
    return _("rút lúc %(at)s, %(channel)s", at=clock.vn_datetime(proof["withdrawn"]), channel=_channel(proof))


def _channel(proof: dict[str, str]) -> str:
    known = CHANNELS.get(proof.get("channel", ""), "")
    return _(known) if known else ""
