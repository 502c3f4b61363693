"""What was written on paper while the system was away, entered afterwards: once, signed, with both times.

A paper has a number (`packs/blank.typ`), and with it goes in once at a facility; without one it is known by its words,
its time and its visit. It says when it was written and by whom, and when and by whom it was entered.
Source: TT 13/2025/TT-BYT Đ3; Luật KCB 15/2023 Đ69k1; CV 365 (đ: every entry is traced).
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import clock
from benhan.core.kit.text import nfc
from benhan.core.language import _
from benhan.hospital.chart.records.closing import confirmed, sign
from benhan.hospital.chart.records.kept import must_belong, writer
from benhan.hospital.visit import concept, id_of, moment, narrative, plain, stamp

#: LOINC: a progress note.
PROGRESS: Final = "11506-3"
MOST_WORDS: Final = 8000
_MOST: Final = "200"


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """What stands on the paper: when and by whom it was written, its words, its number where it has one."""

    at: datetime
    by: str
    text: str
    number: str = ""


class Entered(msgspec.Struct, frozen=True, kw_only=True):
    """A paper as it was entered."""

    written: datetime | None
    written_by: str
    entered: datetime | None
    entered_by: str
    number: str
    text: str


async def enter(tx: Transaction, who: Subject, visit: r4.Encounter, paper: Paper, password: str) -> r4.Composition:
    """Enter a paper and sign it. The same paper again gives what was entered first.

    Raises:
        Invalid: no words or too many, a time before the visit or in the future, a wrong password; nothing is written.
        Conflict: a paper of this number was entered with other words, or for another visit.
        Forbidden: not of the department.
    """
    await must_belong(tx, who, visit)
    said = _checked(visit, paper)
    id_ = _id(visit, said)
    if there := (await store.read_many(tx, who, r4.Composition, [id_])).get(id_):
        return _same(there, visit, said)
    await confirmed(tx, who, password)
    try:
        async with tx.savepoint():
            made = await store.create(tx, who, _made(who, visit, said, id_))
    except store.AlreadyExists:  # somebody entered it between our look and our write
        return _same(await store.read(tx, who, r4.Composition, id_), visit, said)
    await sign(tx, who, visit, [made], closes=False)
    return made


async def entries(tx: Transaction, who: Subject, visit: str) -> list[Entered]:
    """The papers that were entered for a visit, in the order in which they were written."""
    asked = {"encounter": f"Encounter/{visit}", "type": f"{systems.LOINC}|{PROGRESS}", "_count": _MOST}
    found = (await store.search(tx, who, r4.Composition, asked)).resources
    late = [one for one in map(read, found) if one]
    return sorted(late, key=lambda one: one.written or one.entered or clock.now())


def read(one: r4.Composition) -> Entered | None:
    """A Composition as the paper that it was entered from; None: it was written here."""
    said = next((part for part in one.extension or [] if part.url == systems.EXTENSION_LATE), None)
    if said is None:
        return None
    parts = {part.url: part for part in said.extension or []}
    written, by = parts.get("written"), parts.get("by")
    return Entered(
        written=moment(written.valueDateTime) if written else None, written_by=(by.valueString or "") if by else "",
        entered=moment(one.date), entered_by=(one.author[0].display or "") if one.author else "",
        number=(one.identifier.value or "") if one.identifier else "",
        text="\n".join(plain(section.text) for section in one.section or []),
    )  # fmt: skip


def _checked(visit: r4.Encounter, paper: Paper) -> Paper:
    text = "\n".join(nfc(line).strip() for line in paper.text.splitlines()).strip()
    if not text or len(text) > MOST_WORDS:
        raise Invalid(_("Chép nội dung trên giấy, tối đa %(n)s ký tự.", n=MOST_WORDS), where="text")
    began = moment(visit.period.start) if visit.period else None
    if paper.at > clock.now():
        raise Invalid(_("Giấy không thể viết ở tương lai."), where="time")
    if began and paper.at < began:
        raise Invalid(_("Giấy viết trước khi người bệnh vào (%(when)s).", when=clock.vn_datetime(began)), where="time")
    return Paper(at=paper.at, by=nfc(paper.by).strip(), text=text, number=nfc(paper.number).strip().upper())


def _id(visit: r4.Encounter, paper: Paper) -> str:
    """One id for one paper: two who enter it at once meet there."""
    known = paper.number or f"{visit.id}\n{stamp(paper.at)}\n{paper.text}"
    return f"giay-{sha256(known.encode()).hexdigest()[:40]}"


def _same(there: r4.Composition, visit: r4.Encounter, paper: Paper) -> r4.Composition:
    found = read(there)
    if id_of(there.encounter) != visit.id:
        raise Conflict(_("Phiếu số %(number)s đã nhập cho lượt điều trị khác.", number=paper.number), where="number")
    if found is None or found.text != paper.text:
        raise Conflict(
            _("Phiếu số %(number)s đã nhập với nội dung khác.", number=paper.number), where="number",
            advice=_("Xem bản đã nhập; cần thêm thì ghi phần bổ sung."),
        )  # fmt: skip
    return there


def _made(who: Subject, visit: r4.Encounter, paper: Paper, id_: str) -> r4.Composition:
    me = writer(who)
    late = r4.Extension(url=systems.EXTENSION_LATE, extension=[
        r4.Extension(url="written", valueDateTime=stamp(paper.at)), r4.Extension(url="by", valueString=paper.by),
    ])  # fmt: skip
    return r4.Composition(
        id=id_, status="final", type=concept(systems.LOINC, PROGRESS, "Ghi muộn"), subject=visit.subject,
        encounter=store.reference(visit), date=stamp(clock.now()), author=[me], title="Ghi muộn", extension=[late],
        identifier=r4.Identifier(system=systems.LATE_PAPER, value=paper.number) if paper.number else None,
        event=[r4.CompositionEvent(period=r4.Period(start=stamp(paper.at), end=stamp(paper.at)))],
        section=[r4.CompositionSection(title="Nội dung trên giấy", author=[me], text=narrative(paper.text))],
    )  # fmt: skip
