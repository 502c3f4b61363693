"""What a verification found, in words: what was done to which rows, where and when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from benhan.core.language import later, speaking, translate


class Fault(StrEnum):
    """What can be wrong."""

    CHANGED = "changed"
    REMOVED = "removed"
    INSERTED = "inserted"
    MOVED = "moved"
    BACKDATED = "backdated"
    CUT = "cut"
    UNSEALED = "unsealed"
    SEAL_MISSING = "seal-missing"
    SEAL_CHANGED = "seal-changed"
    TREE_CHANGED = "tree-changed"
    REWRITTEN = "rewritten"
    KEEPER_DAMAGED = "keeper-damaged"


TEXTS: Final[Mapping[Fault, str]] = {
    Fault.CHANGED: later("Dòng %(rows)s của sổ vết đã bị sửa sau khi niêm phong."),
    Fault.REMOVED: later("Dòng %(rows)s của sổ vết đã bị xoá sau khi niêm phong."),
    Fault.INSERTED: later("Dòng %(rows)s bị chèn vào đoạn sổ vết đã niêm phong."),
    Fault.MOVED: later("Dòng %(rows)s của sổ vết đã bị đổi chỗ, nay mang số %(to)s."),
    Fault.BACKDATED: later("Dòng %(rows)s mang giờ lùi về trước lúc niêm phong trước đó: ghi sau mà đề ngày trước."),
    Fault.CUT: later(
        "Sổ vết bị cắt: nơi giữ bên ngoài biết đến dòng thứ %(to)s (niêm phong %(seal)s), trong cơ sở dữ liệu chỉ "
        "còn niêm phong đến dòng thứ %(from)s."
    ),
    Fault.UNSEALED: later("%(count)s dòng chưa được niêm phong dù đã quá một giờ, từ dòng %(rows)s."),
    Fault.SEAL_MISSING: later("Thiếu niêm phong số %(seal)s; %(count)s dòng trong sổ không còn niêm phong che chở."),
    Fault.SEAL_CHANGED: later("Niêm phong số %(seal)s đã bị sửa: %(why)s."),
    Fault.TREE_CHANGED: later("Cây băm của niêm phong số %(seal)s (dòng %(rows)s) đã bị sửa; %(why)s."),
    Fault.REWRITTEN: later("Niêm phong số %(seal)s khác với bản ở nơi giữ bên ngoài: sổ vết đã bị viết lại."),
    Fault.KEEPER_DAMAGED: later("Nơi giữ bên ngoài có một dòng không đọc được hoặc chữ ký sai (%(why)s)."),
}
#: Why, in the finding of a seal or of its tree.
BAD_SIGNATURE: Final = later("chữ ký không đúng với khoá nào đã biết")
BAD_CHAIN: Final = later("không nối tiếp niêm phong trước")
BAD_ROOT: Final = later("gốc cây không khớp với các dòng")
TABLE_WHOLE: Final = later("các dòng của sổ vẫn đúng như đã niêm phong")
TABLE_TOO: Final = later("các dòng của sổ cũng không còn đúng")
WHYS: Final = frozenset({BAD_SIGNATURE, BAD_CHAIN, BAD_ROOT, TABLE_WHOLE, TABLE_TOO})


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong at a facility; `since` and `until`: when what it is about was sealed."""

    fault: Fault
    facility: int
    values: dict[str, str]
    since: datetime | None = None
    until: datetime | None = None

    def said(self, language: str) -> str:
        """The finding as a sentence in "vi" or "en"."""
        with speaking(language):
            values = {name: translate(value) if value in WHYS else value for name, value in self.values.items()}
            return translate(TEXTS[self.fault]) % values


#: Findings of a facility that are kept; more are counted.
MOST: Final = 500


class Verdict(msgspec.Struct):
    """What is to be said of one facility."""

    facility: int
    seals: int = 0
    rows: int = 0
    waiting: int = 0
    handed: int = 0
    findings: list[Finding] = []
    further: int = 0

    def add(self, finding: Finding) -> None:
        """Note a finding."""
        if len(self.findings) < MOST:
            self.findings.append(finding)
        else:
            self.further += 1
