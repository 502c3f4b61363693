"""The pages of a pack: a patient as HTML and as a sheet of paper, and an empty sheet to write on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec

from benhan.core.kit import clock, pages
from benhan.core.language import speaking
from benhan.hospital.chart.packs.bedside import Bedside

pages.register("chart", "benhan.hospital.chart")

SHEET: Final = Path(__file__).with_name("bedside.typ")
BLANK: Final = Path(__file__).with_name("blank.typ")
_PAGE: Final = "chart/pack_patient.html"


@cache
def edition() -> str:
    """Which drawing this is: pages that another one drew are drawn again."""
    here = Path(__file__).parent
    sources = (SHEET, here / "bedside.py", here.parent / "templates" / "pack_patient.html")
    return sha256(b"".join(one.read_bytes() for one in sources)).hexdigest()[:16]


def page(side: Bedside, tone: str) -> bytes:
    """The page of a patient, to be put into the viewer's frame."""
    with speaking("vi"):
        return pages.environment().get_template(_PAGE).render(side=side, tone=tone).encode()


def paper(side: Bedside, facility: str, department: str) -> dict[str, Any]:
    """The data of `bedside.typ`."""
    said: dict[str, Any] = msgspec.to_builtins(side)
    now = clock.now()
    return said | {
        "facility": {"name": facility, "department": department}, "date": now.date().isoformat(),
        "subtitle": f"Theo hồ sơ lúc {clock.vn_datetime(now)}",
        "patient": person(side.name, " · ".join(side.facts), side.number, ", ".join(side.allergies)),
        "footer": f"Gói dự phòng của khoa · {facility} · không thay bệnh án",
    }  # fmt: skip


def blank(facility: str, department: str, patient: Mapping[str, str], bed: str, number: str) -> dict[str, Any]:
    """The data of `blank.typ`."""
    now = clock.now()
    return {
        "facility": {"name": facility, "department": department}, "date": now.date().isoformat(),
        "subtitle": f"In lúc {clock.vn_datetime(now)}", "patient": dict(patient), "bed": bed, "number": number,
        "qr": number, "qr_label": "Số phiếu", "footer": f"Giấy ghi khi mất hệ thống · {facility}",
    }  # fmt: skip


def person(name: str, facts: str, number: str, allergies: str) -> dict[str, str]:
    """Who it is, in the head of a sheet."""
    return {"name": name, "birth": facts, "number": number, "allergies": allergies}
