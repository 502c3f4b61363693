"""The papers of a visit: each department says which it makes, and who may have one asks here without knowing it.

The patient's side prints what the hospital prints, by the same templates, as the patient: the store decides what she
may copy, and leaves the trace. Law 15/2023 art. 12 (a patient's copies of her own record).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import msgspec
from starlette.responses import Response

from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.language import later

VISIT_SHEET: Final = "phieu-kham"
PRESCRIPTION: Final = "don-thuoc"
RESULTS: Final = "xet-nghiem"
READING: Final = "hinh-anh"
DAILY_SHEET: Final = "to-dieu-tri"
NAMES: Final = {
    VISIT_SHEET: later("Phiếu khám"),
    PRESCRIPTION: later("Đơn thuốc"),
    RESULTS: later("Phiếu kết quả xét nghiệm"),
    READING: later("Phiếu kết quả chẩn đoán hình ảnh"),
    DAILY_SHEET: later("Tờ điều trị"),
}
#: Papers of a stay that goes on: their signature names the patient alone, since who signs a stay closes it (ADR 29).
OF_A_STAY: Final = frozenset({DAILY_SHEET})


class Certified(msgspec.Struct, frozen=True):
    """Who signs a paper with a certificate, and the address at which anybody checks that (its QR).

    `copied_by`: who prints it; on paper it is then a conversion of the electronic one, and says so.
    Source: NĐ 137/2024/NĐ-CP art. 5 (system, owner, code, time, person).
    """

    name: str
    serial: str
    when: datetime
    link: str
    copied_by: str = ""


class Wanted(msgspec.Struct, frozen=True):
    """Which paper: of a visit, of one order where each has a paper of its own; `base`: the address of this server.

    `certified`: it is made to be signed.
    """

    visit: str
    order: str
    base: str
    certified: Certified | None = None


class ToSign(msgspec.Struct, frozen=True):
    """A paper that is to be signed, and the records that it tells of, as they were confirmed."""

    pdf: bytes
    records: tuple[r4.Resource, ...]


#: Makes a paper as PDF and leaves the trace of the copy.
#: Raises NotFound, Conflict (there is none, or not yet), Forbidden.
Make = Callable[[Transaction, Subject, Wanted], Awaitable[bytes]]


#: Makes a paper to be signed; leaves no trace of a copy. Raises as `Make`.
MakeToSign = Callable[[Transaction, Subject, Wanted], Awaitable[ToSign]]


def pdf(made: bytes, name: str, *, kept: bool = False) -> Response:
    """A paper as an answer; `kept`: to be saved under its name rather than shown in the browser."""
    how = "attachment" if kept else "inline"
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'{how}; filename="{name}.pdf"'}
    return Response(made, 200, headers, "application/pdf")
