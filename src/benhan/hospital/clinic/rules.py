"""Rules of the consultation that need no record store: when a visit is closed, what is chronic, who is whom."""

from __future__ import annotations

from collections.abc import Iterable

from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict
from benhan.core.language import _
from benhan.hospital.visit import code_of, display_of

#: Diseases that stay with a person, by the first three characters of ICD-10: shown in her banner at every visit.
#: Source: QĐ 3756/QĐ-BYT 2018, QĐ 1246/QĐ-BYT 2025 (chronic diseases managed by primary care).
CHRONIC = frozenset(
    [f"I{n}" for n in (10, 11, 12, 13, 15, 20, 25, 48, 50, 69)]
    + [f"E{n:02d}" for n in (3, 5, 10, 11, 12, 13, 14, 66, 78)]
    + ["J44", "J45", "J47", "N18", "K74", "B18", "B20", "B24", "G20", "G40", "F20", "M05", "M06", "M10", "M32", "D56"]
    + [f"C{n:02d}" for n in range(98)]
)  # fmt: skip
ENDED = frozenset({"finished", "cancelled", "entered-in-error"})


def closed(visit: r4.Encounter, note: r4.Composition | None) -> bool:
    """A visit that ended or whose note is signed: it may be read and added to, not changed."""
    return visit.status in ENDED or (note is not None and note.status != "preliminary")


def must_be_open(visit: r4.Encounter, note: r4.Composition | None) -> None:
    """Refuse a change of a closed visit.

    Raises:
        Conflict: it is closed.
    """
    if closed(visit, note):
        raise Conflict(
            _("Lượt khám đã ký hoặc đã kết thúc, không sửa được nữa."), advice=_("Cần thêm điều gì thì viết phụ lục.")
        )


def is_live(condition: r4.Condition) -> bool:
    """A diagnosis that nobody took back."""
    return code_of(condition.verificationStatus) not in ("entered-in-error", "refuted")


def chronic(conditions: Iterable[r4.Condition]) -> list[str]:
    """Names of the long-lasting diseases among these Conditions, each disease once, as last named."""
    found: dict[str, str] = {}
    for condition in conditions:
        code = code_of(condition.code, systems.ICD10) or ""
        listed = any(code_of(c) == "problem-list-item" for c in condition.category or [])
        over = code_of(condition.clinicalStatus) in ("inactive", "remission", "resolved")
        if is_live(condition) and not over and (listed or code[:3] in CHRONIC):
            found.setdefault(code[:3] or display_of(condition.code), display_of(condition.code))
    return list(found.values())
