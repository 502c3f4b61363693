"""What a visit must hold before it is signed, what was seen when somebody decided to sign, what changed since. Pure.

Source: TT 32/2023/TT-BYT (contents of the outpatient record); TT 13/2025/TT-BYT (a signed record is only added to).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import msgspec

from benhan.core.fhir import codec, r4, systems
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital import remote_conditions
from benhan.hospital import visit as words
from benhan.hospital.clinic import prescribing_lines as lines
from benhan.hospital.medicine_warnings import Warned

#: States of an order that still waits for its result.
NO_RESULT_YET = frozenset({"active", "draft", "on-hold"})


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of a visit that a signature covers, and what decides whether it may be signed.

    `compared`: of a visit at a distance, the codes that the facility found in the list's paper itself.
    """

    visit: r4.Encounter
    note: r4.Composition | None
    conditions: Sequence[r4.Condition] = ()
    requests: Sequence[r4.MedicationRequest] = ()
    results: Sequence[r4.Observation | r4.DiagnosticReport] = ()
    orders: Sequence[r4.ServiceRequest] = ()
    against: Sequence[Warned] = ()
    weight: str | None = None
    compared: frozenset[str] = frozenset()

    @property
    def records(self) -> list[r4.Resource]:
        """The records themselves."""
        return [self.visit, *([self.note] if self.note else []), *self.conditions, *self.requests, *self.results]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """How the visit ends: an outcome and what it needs."""

    outcome: str
    revisit: date | None = None
    slot: str | None = None
    place: str = ""
    reason: str = ""
    department: str | None = None
    department_name: str = ""


def missing(content: Content) -> list[str]:
    """What is still missing before the visit may be signed, in the words of the bar: "chẩn đoán chính"."""
    found = []
    ranked = {words.id_of(one.condition) for one in content.visit.diagnosis or [] if one.rank == 1}
    if not any(one.id in ranked for one in content.conditions):
        found.append(_("chẩn đoán chính"))
    if content.note is None or not words.section_text(content.note, words.EXAMINATION):
        found.append(_("phần khám"))
    found += [_("lý do kê thuốc dù %(what)s", what=_small(one.text)) for one in content.against]
    if content.weight:
        found.append(content.weight)
    main = remote_conditions.main_code(content.visit, content.conditions)
    kinds = [lines.kind_of(one) for one in content.requests]
    if kinds and remote_conditions.objection(content.visit, main, kinds, content.compared):
        found.append(_("chẩn đoán chính cho phép kê đơn từ xa (hoặc bỏ đơn, chỉ tư vấn)"))
    return found


def cautions(content: Content) -> list[str]:
    """What does not stop a signature but should be seen: orders without a result."""
    waiting = [one for one in content.orders if one.status in NO_RESULT_YET]
    names = ", ".join(words.display_of(one.code) for one in waiting[:3])
    return [_("%(n)s chỉ định chưa có kết quả: %(names)s", n=len(waiting), names=names)] if waiting else []


def incomplete(decision: Decision, today: date) -> list[tuple[str, str]]:
    """(field, message) of what a decision still needs."""
    match decision.outcome:
        case "revisit" if decision.revisit is None:
            return [("revisit", _("Ghi ngày hẹn tái khám"))]
        case "revisit" if decision.revisit and decision.revisit <= today:
            return [("revisit", _("Ngày hẹn phải sau hôm nay"))]
        case "refer":
            asked = [
                ("place", decision.place, _("Ghi nơi chuyển đến")),
                ("reason", decision.reason, _("Ghi lý do chuyển")),
            ]
            return [(field, message) for field, value, message in asked if not value]
        case "admit" if not decision.department:
            return [("department", _("Chọn khoa nhập viện"))]
        case outcome if outcome not in words.OUTCOMES:
            return [("outcome", _("Chọn hướng xử trí"))]
    return []


def said(decision: Decision, appointment: str = "") -> str:
    """The decision as the record keeps it in words."""
    text = words.OUTCOMES[decision.outcome]
    match decision.outcome:
        case "revisit":
            return f"{text} {appointment}".strip()
        case "refer":
            return f"{text}: {decision.place}. Lý do: {decision.reason}"
        case "admit":
            return f"{text}: {decision.department_name}"
    return text


def seal(content: Content) -> str:
    """What was on the page, to be sent back with the password: every record with its version."""
    return " ".join(sorted(f"{_named(one)}@{version_of(one)}" for one in content.records))


def changes(seen: str, content: Content) -> list[str]:
    """What is different now from what was on the page, in words. Empty: nothing."""
    before = dict(one.rpartition("@")[::2] for one in seen.split())
    now = {_named(one): one for one in content.records}
    found = [
        _("mới: %(what)s", what=title(one)) if name not in before else _("đã sửa: %(what)s", what=title(one))
        for name, one in now.items()
        if before.get(name) != version_of(one)
    ]
    gone = len([name for name in before if name not in now])
    return [*found, *([_("đã bỏ: %(n)s mục", n=gone)] if gone else [])]


def title(record: r4.Resource) -> str:
    """What a record is called when somebody must be told of it."""
    match record:
        case r4.Composition():
            return _("phiếu khám")
        case r4.Encounter():
            return _("lượt khám")
        case r4.Condition():
            return f"{words.code_of(record.code, systems.ICD10) or ''} {words.display_of(record.code)}".strip()
        case r4.MedicationRequest():
            return words.display_of(record.medicationCodeableConcept)
        case r4.Observation() | r4.DiagnosticReport():
            return words.display_of(record.code)
    return codec.type_name(record)


def order(records: Iterable[r4.Resource]) -> list[r4.Resource]:
    """Records by their ids, so that two signatures of the same list them alike."""
    return sorted(records, key=lambda one: (codec.type_name(one), one.id or ""))


def _named(record: r4.Resource) -> str:
    return f"{codec.type_name(record)}/{record.id}"


def _small(text: str) -> str:
    return text[:1].lower() + text[1:].partition(":")[0]
