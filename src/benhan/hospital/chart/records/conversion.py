"""What a print of an electronic record says of itself at its foot. Source: NĐ 137/2024/NĐ-CP Đ5."""

from __future__ import annotations

from typing import Any

from benhan.core.access import Subject
from benhan.core.kit.clock import now, vn_datetime
from benhan.hospital.chart.records.kept import Kept


def footer(who: Subject, kept: Kept) -> dict[str, Any]:
    """The keys of the shared paper that make a print a converted one: system, owner, who and when, its number.

    A code that checks the paper (`qr`, `qr_label`) is not there yet.
    """
    said = (
        "Bản giấy chuyển đổi từ hồ sơ bệnh án điện tử", f"Hệ thống Bệnh Án · {who.facility_name}",
        f"{who.name} in lúc {vn_datetime(now())}", f"Mã hồ sơ {kept.record.id}",
        f"Mẫu {kept.form.code}, phiên bản {kept.form.version}",
    )  # fmt: skip
    return {"footer": " · ".join(said)}
