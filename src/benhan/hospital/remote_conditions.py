"""What may be treated at a distance, and what only advised on: the list of TT 30/2023/TT-BYT, as far as it is sure.

The list itself, where it comes from and how much of it is sure: `remote_conditions.toml`; what a facility has compared
with the paper itself: `remote_paper.py`. Pure.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from benhan.core.fhir import r4, systems
from benhan.core.language import _, current, later
from benhan.hospital.visit import code_of

#: The class of a visit at a distance. HL7 v3-ActCode.
REMOTE: Final = "VR"
#: Narcotics and psychotropics: not prescribed to somebody whom the doctor sees on a screen alone.
AT_A_DESK: Final = frozenset("NH")


class Standing(Enum):
    """What a diagnosis allows at a distance."""

    TREATED = later("trong danh mục: được chữa bệnh, kê đơn từ xa")
    UNCONFIRMED = later("có thể thuộc danh mục nhưng chưa đối chiếu được với bản gốc: chỉ tư vấn")
    ADVISED = later("ngoài danh mục: chỉ tư vấn")


class Entry(msgspec.Struct, frozen=True):
    """A disease of the list. `read`: the second reading that agrees, "" where there is none."""

    codes: tuple[str, ...]
    vi: str
    en: str
    read: str = ""

    @property
    def name(self) -> str:
        """Its name in the language of the request."""
        return self.en if current() == "en" else self.vi


class Listed(msgspec.Struct, frozen=True):
    """The list, as far as it is carried here."""

    law: str
    rows: int
    entries: tuple[Entry, ...]

    def sure(self, compared: Collection[str] = ()) -> list[Entry]:
        """The entries that a second reading confirms, or the facility's own look at the paper (`compared`: codes)."""
        return [one for one in self.entries if one.read or set(one.codes) <= set(compared)]


@cache
def listed() -> Listed:
    """The list as it is carried here."""
    text = (files("benhan.hospital") / "remote_conditions.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Listed)


def standing(code: str | None, compared: Collection[str] = ()) -> Standing:
    """What a main diagnosis allows where the facility has found the codes `compared` in the paper itself."""
    if not code:
        return Standing.ADVISED
    if _among(code, compared) or any(one.read and _among(code, one.codes) for one in listed().entries):
        return Standing.TREATED
    return Standing.UNCONFIRMED if any(_among(code, one.codes) for one in listed().entries) else Standing.ADVISED


def is_remote(visit: r4.Encounter) -> bool:
    """Whether the visit is held at a distance."""
    return visit.class_.system == systems.ACT_CODE and visit.class_.code == REMOTE


def main_code(visit: r4.Encounter, conditions: Iterable[r4.Condition]) -> str | None:
    """The ICD-10 code of the visit's main diagnosis."""
    main = {one.condition.reference for one in visit.diagnosis or [] if one.rank == 1}
    found = (code_of(one.code, systems.ICD10) for one in conditions if f"Condition/{one.id}" in main)
    return next(found, None)


def objection(
    visit: r4.Encounter, main: str | None, kinds: Iterable[str], compared: Collection[str] = ()
) -> str | None:
    """Why medicines of these kinds may not be prescribed at this visit; None where they may.

    Source: Law 15/2023/QH15 art. 80 clause 1 a (treatment at a distance by the list alone). That narcotics and
    psychotropics need the patient in the house is the rule of this program: no article names it.
    """
    if not is_remote(visit):
        return None
    if AT_A_DESK & set(kinds):
        return _("Thuốc gây nghiện, hướng thần không kê qua khám từ xa: hẹn người bệnh đến khám.")
    if standing(main, compared) is not Standing.TREATED:
        return _(
            "Khám từ xa chỉ kê đơn khi chẩn đoán chính thuộc danh mục %(law)s; ngoài ra chỉ tư vấn.", law=listed().law
        )
    return None


def _among(code: str, codes: Iterable[str]) -> bool:
    return any(code == one or code.startswith(one if "." in one else f"{one}.") for one in codes)
