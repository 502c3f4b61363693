"""The words of the daily sheet (36/BV2) that the ward writes and others read: an entry, its parts, its orders.

An entry is a Composition (LOINC 11506-3, progress note) of the stay: the course as S, O, A, P, and its orders.
`preliminary` is a draft of its author, `final` is signed. Source: TT 32/2023/TT-BYT (36/BV2); LOINC; ADR 36.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from benhan.core.fhir import r4, systems
from benhan.core.language import later
from benhan.hospital.visit import code_of, concept, id_of, moment, narrative, plain, section_text

PROGRESS: Final = "11506-3"
TITLE: Final = "Tờ điều trị"
SUBJECTIVE, OBJECTIVE, ASSESSMENT, PLAN, ORDERS = "61150-9", "61149-1", "51848-0", "18776-5", "46209-3"
#: Parts of the course: LOINC → name on screens, its letter on the paper.
COURSE: Final = {
    SUBJECTIVE: (later("Hỏi bệnh"), "S"), OBJECTIVE: (later("Khám thấy"), "O"),
    ASSESSMENT: (later("Nhận định"), "A"), PLAN: (later("Kế hoạch"), "P"),
}  # fmt: skip
#: A section that stops an order (code in STAY), and why.
STOPPED: Final = "stopped"

Order = r4.MedicationRequest | r4.ServiceRequest | r4.NutritionOrder
DRAFT, SIGNED, VOID = "preliminary", "final", "entered-in-error"


class Stop(msgspec.Struct, frozen=True):
    """An order that an entry stops (`Type/id`), what it was, and why."""

    order: str
    what: str
    why: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as it is read."""

    id: str
    status: str
    at: datetime | None
    author: str
    by: str
    course: dict[str, str]
    #: The orders of it, `Type/id`, and as they were when it was signed, line by line.
    orders: tuple[str, ...]
    told: tuple[str, ...]
    stops: tuple[Stop, ...]
    verbal: datetime | None = None
    #: The entry that this one takes the place of, or adds to.
    replaces: str = ""
    adds: str = ""

    @property
    def empty(self) -> bool:
        """Whether nothing is written in it."""
        return not (any(self.course.values()) or self.orders or self.stops)


def is_entry(one: r4.Composition) -> bool:
    """Whether a Composition is an entry of a daily sheet that counts: no paper of an outage, entered afterwards."""
    late = any(part.url == systems.EXTENSION_LATE for part in one.extension or [])
    return code_of(one.type, systems.LOINC) == PROGRESS and one.status in (DRAFT, SIGNED) and not late


def entry(one: r4.Composition) -> Entry:
    """An entry."""
    related = {link.code: id_of(link.targetReference) or "" for link in one.relatesTo or []}
    orders = next((part for part in one.section or [] if code_of(part.code, systems.LOINC) == ORDERS), None)
    return Entry(
        id=one.id or "", status=one.status or "", at=moment(one.date), author=one.author[0].reference or "",
        by=one.author[0].display or "", course={code: section_text(one, code) for code in COURSE},
        orders=tuple(part.reference or "" for part in (orders.entry or []) if part.reference) if orders else (),
        told=tuple(plain(orders.text).split("\n")) if orders and orders.text else (),
        stops=tuple(_stops(one.section or [])), verbal=verbal(one.extension),
        replaces=related.get("replaces", ""), adds=related.get("appends", ""),
    )  # fmt: skip


def _stops(parts: Iterable[r4.CompositionSection]) -> Iterable[Stop]:
    for part in parts:
        if code_of(part.code, systems.STAY) == STOPPED and part.entry and part.entry[0].reference:
            yield Stop(part.entry[0].reference, part.entry[0].display or "", plain(part.text))


def sections(
    course: dict[str, str], orders: Sequence[str], told: Sequence[str], stops: Sequence[Stop]
) -> list[r4.CompositionSection] | None:
    """The sections of an entry; `told`: its orders in words, where it is signed."""
    made = [
        r4.CompositionSection(
            title=COURSE[code][1], code=concept(systems.LOINC, code, COURSE[code][0]), text=narrative(text)
        )
        for code, text in course.items() if text
    ]  # fmt: skip
    if orders:
        made.append(r4.CompositionSection(
            title="Chỉ định", code=concept(systems.LOINC, ORDERS, "Y lệnh"),
            text=narrative("\n".join(told)) if told else None, entry=[r4.Reference(reference=one) for one in orders],
        ))  # fmt: skip
    for one in stops:
        reference = r4.Reference(reference=one.order, display=one.what)
        made.append(r4.CompositionSection(
            title="Ngừng", code=concept(systems.STAY, STOPPED, "Ngừng y lệnh"), text=narrative(one.why),
            entry=[reference],
        ))  # fmt: skip
    return made or None


def verbal(extensions: Iterable[r4.Extension] | None) -> datetime | None:
    """When it was ordered by word of mouth; None where it was written at once."""
    said = next((one for one in extensions or [] if one.url == systems.EXTENSION_VERBAL), None)
    return moment(said.valueDateTime) if said else None


def of_sheet(order: r4.ServiceRequest) -> bool:
    """Whether an order was written down in an entry of a daily sheet."""
    return any((one.reference or "").startswith("Composition/") for one in order.supportingInfo or [])
