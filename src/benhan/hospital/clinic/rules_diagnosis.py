"""Which ICD-10 code may stand where: the flags of the Ministry's list, as objections with a reason.

Source: TT 06/2026/TT-BYT (list in force since 01/07/2026); QĐ 4469/QĐ-BYT 2020 (visits that ended before).
"""

from __future__ import annotations

from datetime import date
from typing import Final

import msgspec

from benhan.core.fhir import r4
from benhan.core.kit.clock import day_of
from benhan.core.kit.codes import Code
from benhan.core.language import _

NOT_PRINCIPAL, DEATH_ONLY, MALE, FEMALE = "not_principal", "death_only", "male", "female"
NEEDS_DETAIL, DISCOURAGED = "needs_detail", "discouraged_principal"
#: Whom a code of one sex may not be given to.
ONLY: Final = {MALE: "nam", FEMALE: "nữ"}


class Objection(msgspec.Struct, frozen=True):
    """Why a code may not stand there (`refused`), or should be thought over (not refused)."""

    flag: str
    message: str
    refused: bool = True


def objections(code: Code, *, main: bool, gender: str | None) -> list[Objection]:
    """What speaks against this code as main or accompanying diagnosis of a living outpatient."""
    found = []
    if DEATH_ONLY in code.flags:
        found.append(Objection(DEATH_ONLY, _("%(code)s chỉ dùng làm nguyên nhân tử vong", code=code.code)))
    if NEEDS_DETAIL in code.flags:
        found.append(Objection(NEEDS_DETAIL, _("%(code)s cần chọn mã chi tiết hơn", code=code.code)))
    for flag, sex in ONLY.items():
        if flag in code.flags and gender in (MALE, FEMALE) and gender != flag:
            found.append(Objection(flag, _("%(code)s chỉ dùng cho người bệnh %(sex)s", code=code.code, sex=_(sex))))
    if main and NOT_PRINCIPAL in code.flags:
        found.append(Objection(NOT_PRINCIPAL, _("%(code)s không được làm chẩn đoán chính", code=code.code)))
    elif main and DISCOURAGED in code.flags:
        message = _("%(code)s không nên làm chẩn đoán chính", code=code.code)
        found.append(Objection(DISCOURAGED, message, refused=False))
    return found


def may_be_main(code: Code, gender: str | None) -> bool:
    """Whether nothing speaks against this code as the main diagnosis."""
    return not objections(code, main=True, gender=gender)


def list_day(visit: r4.Encounter, today: date) -> date:
    """The day whose list of codes is in force for a visit: its end, or today while it goes on."""
    return day_of(visit.period.end if visit.period else None) or today
