"""What keeps a record from being closed, as a list to be clicked through. Pure.

Source: TT 32/2023/TT-BYT Đ52; CV 365 (a, e). What is needed at closing stands in the forms (`!`); it is our choice
(ADR 27).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

import msgspec

from benhan.core.fhir import r4, systems
from benhan.core.kit.clock import vn_datetime
from benhan.core.language import _, later
from benhan.hospital.chart.forms.filling import missing
from benhan.hospital.chart.forms.structure import Form, Item, Kind
from benhan.hospital.chart.records.gathering import Facts
from benhan.hospital.chart.records.sections import Section, section_of
from benhan.hospital.visit import code_of, display_of, id_of


class Sort(StrEnum):
    """What sort of obstacle it is."""

    MISSING = "missing"
    RESULT = "result"
    PAPER = "paper"
    STAY = "stay"


TITLES: Final = {
    Sort.STAY: later("Lượt điều trị"),
    Sort.MISSING: later("Mục còn thiếu"),
    Sort.RESULT: later("Kết quả chưa có"),
    Sort.PAPER: later("Phiếu chưa ký"),
}
_DONE: Final = frozenset({"completed", "revoked", "entered-in-error"})
_RELEASED: Final = frozenset({"final", "amended", "corrected", "appended", "cancelled", "entered-in-error"})


class Obstacle(msgspec.Struct, frozen=True):
    """One line: what it is, where on the form it stands (its page and field), a word more."""

    kind: Sort
    text: str
    page: int = 0
    link: str = ""
    note: str = ""


def obstacles(
    form: Form, record: r4.QuestionnaireResponse, found: Facts, notes: list[r4.Composition]
) -> list[Obstacle]:
    """All of it, in the order of the paper; an empty list may be closed."""
    return [*_stay(found), *_missing(form, record), *_results(found), *_unsigned(notes)]


def signatures(form: Form) -> list[Item]:
    """Who signs on the paper, in its order: told beside the list. The doctor who closes signs; others on paper."""
    return [item for item in form.walk() if item.kind is Kind.SIGN]


def missing_on(form: Form, record: r4.QuestionnaireResponse, pages: tuple[Section, ...]) -> dict[int, int]:
    """How many needed fields each page still lacks."""
    lacking = {item.link for item in missing(form, record)}
    return {one.number: sum(item.link in lacking for item in one.walk()) for one in pages}


def _stay(found: Facts) -> Iterator[Obstacle]:
    if found.visit.status != "finished" and not (found.visit.period and found.visit.period.end):
        yield Obstacle(Sort.STAY, _("Người bệnh chưa ra viện, lượt điều trị chưa kết thúc"))


def _missing(form: Form, record: r4.QuestionnaireResponse) -> Iterator[Obstacle]:
    for item in missing(form, record):
        page = section_of(form, item.link)
        where = page.title if page else ""
        yield Obstacle(Sort.MISSING, item.text or item.prefix, page.number if page else 0, item.link, where)


def _results(found: Facts) -> Iterator[Obstacle]:
    reported = {id_of(ref) for one in found.reports if one.status in _RELEASED for ref in one.basedOn or []}
    for order in found.orders:
        if order.status not in _DONE and order.id not in reported and _has_result(order):
            yield Obstacle(Sort.RESULT, display_of(order.code), note=vn_datetime(order.authoredOn))


def _has_result(order: r4.ServiceRequest) -> bool:
    """Whether a result is awaited of it: not of nursing care, nor of a draft that its entry tells of."""
    nursing = any(code_of(one, systems.CARE_ORDER) for one in order.category or [])
    return order.status != "draft" and not nursing


def _unsigned(notes: list[r4.Composition]) -> Iterator[Obstacle]:
    for one in notes:
        if one.status == "preliminary":
            yield Obstacle(Sort.PAPER, one.title or "", note=vn_datetime(one.date))
