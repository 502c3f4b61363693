"""What is typed becomes records: preliminary while it is entered, final when it is released, corrected with a reason.

An order has one `DiagnosticReport` and one `Observation` for each line; both keep their ids for life, so the same form
sent twice writes once, and a correction is a new version whose former one stays in the history.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid, VersionConflict
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital import orders
from benhan.hospital.lab import rules
from benhan.hospital.lab.entry import GONE, RELEASED, Entry, Line, Sheet, of_order
from benhan.hospital.visit import LABORATORY, code_of, concept, moment, observation, stamp

ID_MOST: Final = 64
DRAFT, FINAL, CORRECTED = "preliminary", "final", "corrected"


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed for one order: results by field, what stands beside them, the version it was typed on."""

    values: Mapping[str, rules.Value | None]
    comment: str = ""
    unit: str = ""
    odd: bool = False
    version: str = ""


class Told(msgspec.Struct, frozen=True):
    """Who was told of critical values, and when."""

    name: str
    at: datetime


class Clash(VersionConflict):
    """Somebody else wrote other results for these orders in the meantime; nothing was changed."""

    def __init__(self, titles: list[str]) -> None:
        super().__init__(
            _("Người khác vừa ghi kết quả khác cho: %(orders)s.", orders=", ".join(titles)),
            advice=_("So với số đang lưu rồi lưu lại nếu số của bạn đúng."),
        )


class Questions(Invalid):
    """Something must be confirmed before the release: empty lines, critical values."""

    def __init__(self, empty: list[str], critical: list[str]) -> None:
        super().__init__(_("Cần xác nhận trước khi trả kết quả."))
        self.empty, self.critical = empty, critical


async def save_draft(
    tx: Transaction, who: Subject, entry: Entry, typed: Mapping[str, Typed], taken: datetime
) -> list[Sheet]:
    """Keep what is typed as preliminary; gives the sheets that changed.

    Raises:
        Clash: somebody else wrote other results.
    """
    return await _write(tx, who, entry, typed, taken, DRAFT)


async def release(
    tx: Transaction,
    who: Subject,
    entry: Entry,
    typed: Mapping[str, Typed],
    taken: datetime,
    *,
    told: Told | None = None,
    incomplete: bool = False,
) -> list[Sheet]:
    """Give the results to the doctor: every order with a value becomes final and is done, with its ticket.

    An order of which nothing is typed stays open. Sent twice, the second changes nothing.

    Raises:
        Clash: somebody else wrote other results.
        Questions: lines are empty and `incomplete` is not said, or a critical value has nobody `told`.
        Invalid: nothing is typed at all.
    """
    filled = {id_: one for id_, one in typed.items() if any(one.values.values())}
    if not filled:
        raise Invalid(_("Chưa có kết quả nào để trả."), advice=_("Nhập ít nhất một kết quả rồi trả lại."))
    _ask(entry, filled, told=told, incomplete=incomplete)
    changed = await _write(tx, who, entry, filled, taken, FINAL, told=told)
    if changed:
        done = [one.order for one in changed]
        await orders.complete(tx, who, done, [one.order for one in entry.sheets])
    return changed


async def correct(
    tx: Transaction,
    who: Subject,
    entry: Entry,
    order: str,
    typed: Typed,
    *,
    reason: str,
    told: Told | None = None,
) -> list[Sheet]:
    """Change a released result: a new version with status corrected and the reason; the former one stays.

    Raises:
        Conflict: the order has no released result; Invalid: no reason; Clash, Questions: as `release`.
    """
    sheet = entry.sheet(order)
    if sheet is None or not sheet.released or sheet.report is None:
        raise Conflict(_("Chỉ sửa được kết quả đã trả."), advice=_("Kết quả chưa trả thì nhập và lưu như thường."))
    if len(reason.split()) < 2:
        raise Invalid(_("Ghi lý do sửa kết quả"), where="reason")
    if not any(typed.values.values()):
        raise Invalid(_("Kết quả đã trả không thể sửa thành trống."), advice=_("Ghi lý do bằng chữ ở ô kết quả."))
    _ask(entry, {order: typed}, told=told, incomplete=True)
    taken = moment(sheet.report.effectiveDateTime) or clock.now()
    return await _write(tx, who, entry, {order: typed}, taken, CORRECTED, told=told, reason=reason)


def flags(entry: Entry, sheet: Sheet, typed: Typed) -> dict[str, str | None]:
    """How each typed value stands to what is normal, by field."""
    return {
        line.field: _flag(entry, line, value, typed)
        for line in sheet.lines
        if (value := typed.values.get(line.field)) is not None
    }


def _flag(entry: Entry, line: Line, value: rules.Value, typed: Typed) -> str | None:
    if line.analyte is None:
        return "A" if typed.odd else None
    return rules.flag(value, line.analyte, entry.sex, entry.months)


def _ask(entry: Entry, typed: Mapping[str, Typed], *, told: Told | None, incomplete: bool) -> None:
    empty, critical = [], []
    for id_, one in typed.items():
        sheet = entry.sheet(id_)
        if sheet is None:
            continue
        found = flags(entry, sheet, one)
        empty += [line.name for line in sheet.lines if one.values.get(line.field) is None and not sheet.released]
        critical += [
            f"{line.name} {value.shown()} {line.unit}".strip()
            for line in sheet.lines
            if found.get(line.field) in rules.CRITICAL
            and (value := one.values[line.field]) is not None
            and not (value == line.value and sheet.released)
        ]
    if (empty and not incomplete) or (critical and told is None):
        raise Questions([] if incomplete else empty, critical if told is None else [])


async def _write(
    tx: Transaction,
    who: Subject,
    entry: Entry,
    typed: Mapping[str, Typed],
    taken: datetime,
    status: str,
    *,
    told: Told | None = None,
    reason: str = "",
) -> list[Sheet]:
    """Compare all sheets first, then write those that differ; nothing is written where one of them clashes."""
    at = clock.now()
    changed: list[tuple[Sheet, Typed]] = []
    clashes: list[tuple[Sheet, Typed]] = []
    for id_, one in typed.items():
        sheet = entry.sheet(id_)
        if sheet is None or (sheet.report is None and not any(one.values.values()) and not one.comment):
            continue
        if _same(entry, sheet, one, status):
            continue
        late = sheet.released and status != CORRECTED
        (clashes if late or one.version != sheet.version else changed).append((sheet, one))
    if clashes:
        raise Clash([sheet.title for sheet, _one in clashes])
    for sheet, one in changed:
        await _write_sheet(tx, who, entry, sheet, one, _Moment(who, at, taken, status, told, reason))
    return [sheet for sheet, _one in changed]


class _Moment(msgspec.Struct, frozen=True):
    """What all records of one saving have in common."""

    who: Subject
    at: datetime
    taken: datetime
    status: str
    told: Told | None
    reason: str


def _same(entry: Entry, sheet: Sheet, typed: Typed, status: str) -> bool:
    """Whether this is what is stored already (the form was sent twice, or nothing was changed)."""
    reached = sheet.report is not None and (
        sheet.report.status == status or (sheet.released and status in (DRAFT, FINAL, CORRECTED))
    )
    found = flags(entry, sheet, typed)
    return (
        reached
        and typed.comment == sheet.comment
        and all(_unchanged(line, typed.values.get(line.field), found.get(line.field)) for line in sheet.lines)
    )


async def _write_sheet(
    tx: Transaction, who: Subject, entry: Entry, sheet: Sheet, typed: Typed, moment: _Moment
) -> None:
    kept = []
    found = flags(entry, sheet, typed)
    for line in sheet.lines:
        value = typed.values.get(line.field)
        record = _record(entry, sheet, line, value, found.get(line.field), typed, moment)
        if record is None:
            continue
        if record is not line.stored:
            if line.stored is None:
                record = await store.create(tx, who, record)
            else:
                record = await store.update(tx, who, record, if_match=version_of(line.stored))
        if record.status not in GONE:
            kept.append(store.reference(record))
    report = _report(entry, sheet, typed, kept, moment)
    if sheet.report is None:
        await store.create(tx, who, report)
    else:
        await store.update(tx, who, report, if_match=version_of(sheet.report))


def _record(
    entry: Entry,
    sheet: Sheet,
    line: Line,
    value: rules.Value | None,
    flag: str | None,
    typed: Typed,
    moment: _Moment,
) -> r4.Observation | None:
    """The Observation of a line as it is to be; the stored one itself where nothing changes."""
    stored = line.stored
    if value is None:
        if stored is None or stored.status in GONE:
            return stored
        return msgspec.structs.replace(stored, status="cancelled")
    unchanged = _unchanged(line, value, flag)
    if stored is not None and unchanged and (stored.status in RELEASED or stored.status == moment.status):
        return stored
    blank = observation(
        entry.patient.id or "", entry.visit.id or "", _code(sheet, line), LABORATORY, moment.taken,
        performer=[orders.writer(moment.who)],
    )  # fmt: skip
    return msgspec.structs.replace(
        blank,
        id=stored.id if stored else record_id(sheet.id, code_of(blank.code) or "value"),
        meta=stored.meta if stored else None,
        basedOn=[r4.Reference(reference=f"ServiceRequest/{sheet.id}")],
        status=CORRECTED if stored is not None and stored.status in RELEASED else _settled(moment.status),
        issued=clock.fhir_instant(moment.at),
        performer=stored.performer if stored and unchanged else blank.performer,
        interpretation=[concept(systems.INTERPRETATION, flag, rules.FLAGS[flag])] if flag else None,
        referenceRange=_reference(entry, line),
        note=_notes(stored, flag, moment) or None,
        **_value(line, value, typed),
    )


def _unchanged(line: Line, value: rules.Value | None, flag: str | None) -> bool:
    """The same result; the flag of a free line is typed too, every other follows from the value."""
    return value == line.value and (line.analyte is not None or (flag or "") == line.flag)


def _settled(status: str) -> str:
    """A line that was empty before a correction is new, so it is final, not corrected."""
    return FINAL if status == CORRECTED else status


def _code(sheet: Sheet, line: Line) -> r4.CodeableConcept:
    if line.analyte is None:
        return sheet.order.code or r4.CodeableConcept(text=sheet.title)
    return concept(systems.LOINC, line.analyte.loinc, line.analyte.name)


def _value(line: Line, value: rules.Value, typed: Typed) -> dict[str, object]:
    if value.number is not None:
        analyte = line.analyte
        unit, code = (analyte.unit, analyte.ucum) if analyte else (typed.unit, "")
        quantity = r4.Quantity(
            value=value.number, comparator=value.comparator, unit=unit or None,
            system=systems.UCUM if code else None, code=code or None,
        )  # fmt: skip
        return {"valueQuantity": quantity}
    if value.chosen:
        return {"valueCodeableConcept": r4.CodeableConcept(text=value.text)}
    if line.analyte is None:
        return {"valueString": value.text}
    return {"dataAbsentReason": r4.CodeableConcept(text=value.text)}


def _reference(entry: Entry, line: Line) -> list[r4.ObservationReferenceRange] | None:
    analyte = line.analyte
    if analyte is None or not line.range:
        return None
    bounds = analyte.range_for(entry.sex, entry.months) if entry.months is not None else None
    if bounds is None:
        return [r4.ObservationReferenceRange(text=line.range)]

    def quantity(bound: Decimal | None) -> r4.Quantity | None:
        if bound is None:
            return None
        code = analyte.ucum or None
        system = systems.UCUM if code else None
        return r4.Quantity(value=bound, unit=analyte.unit or None, system=system, code=code)

    low, high = quantity(bounds.low), quantity(bounds.high)
    return [r4.ObservationReferenceRange(low=low, high=high, text=bounds.shown() or None)]


def _notes(stored: r4.Observation | None, flag: str | None, moment: _Moment) -> list[r4.Annotation]:
    """What must stay beside the value: who was told of a critical one, why it was corrected."""
    notes = list(stored.note or []) if stored else []
    by = orders.writer(moment.who)
    if flag in rules.CRITICAL and moment.told:
        said = f"Đã báo giá trị nguy kịch cho {moment.told.name} lúc {clock.vn_datetime(moment.told.at)}."
        notes.append(r4.Annotation(authorReference=by, time=stamp(moment.at), text=said))
    if moment.reason and stored is not None and stored.status in RELEASED:
        notes.append(r4.Annotation(authorReference=by, time=stamp(moment.at), text=f"Sửa kết quả: {moment.reason}"))
    return notes


def _report(
    entry: Entry, sheet: Sheet, typed: Typed, results: list[r4.Reference], moment: _Moment
) -> r4.DiagnosticReport:
    stored = sheet.report
    by = orders.writer(moment.who)
    report = r4.DiagnosticReport(
        id=stored.id if stored else record_id(sheet.id, "kq"),
        meta=stored.meta if stored else None,
        basedOn=[r4.Reference(reference=f"ServiceRequest/{sheet.id}")],
        status=moment.status,
        category=[concept(systems.DIAGNOSTIC_SERVICE, "LAB", "Xét nghiệm")],
        code=sheet.order.code or r4.CodeableConcept(text=sheet.title),
        subject=r4.Reference(reference=f"Patient/{entry.patient.id}", display=entry.name),
        encounter=r4.Reference(reference=f"Encounter/{entry.visit.id}"),
        effectiveDateTime=stamp(moment.taken),
        issued=clock.fhir_instant(moment.at),
        performer=(stored.performer if stored else None) or [by],
        result=results or None,
        conclusion=typed.comment or None,
    )
    if moment.status != DRAFT:
        report.resultsInterpreter = [by]
    return report


def record_id(order: str, part: str) -> str:
    """The id of a record of an order: the same whoever makes it, so that nothing is made twice."""
    whole = f"{order}-{part}"
    return whole if len(whole) <= ID_MOST else f"{blake2b(order.encode(), digest_size=12).hexdigest()}-{part}"


__all__ = ["Clash", "Questions", "Told", "Typed", "correct", "flags", "of_order", "record_id", "release", "save_draft"]
