"""Doses of medicines: as they are typed, as they are read, what one is counted in. Pure.

Shared by the clinic's prescription and the ward's orders. Source: TT 26/2025/TT-BYT (quantities in whole units).
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Final

from benhan.core.fhir.outcome import Invalid
from benhan.core.kit.text import fold
from benhan.core.language import _
from benhan.hospital.medicines import Medicine

#: Forms that must be swallowed whole.
_WHOLE: Final = ("nang", "bao tan trong ruot", "bao tan o ruot", "phong thich", "giai phong", "tac dung keo dai", "sui")
_UNITS: Final = re.compile(r"([\d.,]+)\s*(?:IU|UI)\s*/\s*ml", re.IGNORECASE)
_FRACTIONS: Final = {"½": "1/2", "¼": "1/4", "¾": "3/4"}
_DOSE: Final = re.compile(r"(?:(\d{1,4}(?:[.,]\d{1,2})?)|(?:(\d{1,2})\s+)?(\d)/([248]))", re.ASCII)


def parse_dose(text: str) -> Decimal:
    """A dose as typed: "1", "0,5", "1/2", "½", "1 1/2", "1½".

    Raises:
        Invalid: not a dose.
    """
    written = text.strip()[:20]
    for sign, fraction in _FRACTIONS.items():
        written = written.replace(sign, f" {fraction}")
    found = _DOSE.fullmatch(written.strip())
    if not found:
        raise Invalid(_("Nhập liều như 1, 0,5 hoặc 1/2"))
    number, whole, over, under = found.groups()
    try:
        dose = Decimal(number.replace(",", ".")) if number else Decimal(whole or 0) + Decimal(over) / Decimal(under)
    except InvalidOperation:  # pragma: no cover - the pattern leaves nothing unreadable
        raise Invalid(_("Nhập liều như 1, 0,5 hoặc 1/2")) from None
    return dose


def shown_dose(dose: Decimal) -> str:
    """A dose as it is read: "1", "½", "1½", "7,5"."""
    whole, rest = divmod(dose, 1)
    for sign, value in (("½", Decimal("0.5")), ("¼", Decimal("0.25")), ("¾", Decimal("0.75"))):
        if rest == value and whole < 5:
            return f"{whole:f}{sign}" if whole else sign
    return f"{dose.normalize():f}".replace(".", ",")


def dose_unit(medicine: Medicine) -> str:
    """What one dose is counted in: viên, ml, giọt, IU (insulin), or the unit of the list."""
    if units_in(medicine):
        return "IU"
    form = fold(f"{medicine.form} {medicine.route}")
    if medicine.unit in ("viên", "gói", "ống"):
        return medicine.unit
    if "nho" in form.split():
        return "giọt"
    if medicine.unit in ("chai", "lọ") and not medicine.route.startswith("Tiêm"):
        return "ml"
    return "lần" if by_hand(medicine) else medicine.unit


def units_in(medicine: Medicine) -> Decimal | None:
    """International units in one pen or vial: 100 IU/mL in 3 ml are 300. None where it is not dosed in them."""
    found = _UNITS.search(medicine.strength)
    if not found or medicine.pack_ml is None or not medicine.route.startswith("Tiêm"):
        return None
    return Decimal(found[1].replace(".", "").replace(",", ".")) * medicine.pack_ml


def by_hand(medicine: Medicine) -> bool:
    """Whether what is handed out is typed, for it cannot be worked out (a cream, a spray)."""
    return medicine.unit in ("tuýp", "bình xịt", "lọ xịt", "bình", "miếng") or medicine.route in (
        "Bôi",
        "Xịt",
        "Hít",
        "Dán",
    )


def not_split(medicine: Medicine) -> str | None:
    """Why a dose of it must be a whole number; None where it may be a part."""
    if dose_unit(medicine) == "giọt":
        return _("Giọt không chia được")
    if dose_unit(medicine) == "viên" and any(word in fold(medicine.form) for word in _WHOLE):
        return _("%(form)s không bẻ được: ghi số viên nguyên", form=medicine.form)
    return None
