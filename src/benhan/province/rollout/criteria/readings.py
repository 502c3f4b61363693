"""Figures of a followed facility that is on this platform, counted by the program: sums leave it, records do not.

What the platform cannot know yet is said so. Hours after leaving: no law in force sets them for electronic records; 24
were the most of TT 46/2018, which is repealed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.kit import clock
from benhan.core.kit.money import figures
from benhan.core.language import _, later
from benhan.core.signing import certificates
from benhan.core.store import counting
from benhan.hospital.visit import moment
from benhan.province.rollout.rules import Entry, What, standing
from benhan.province.rollout.sites import Site

DAYS: Final = 90
HOURS: Final = 24
SOON_DAYS: Final = 30
#: Stays that are looked at, the last to leave first.
_MOST: Final = 500
#: Readings by how criteria name them: what it is, and why it cannot be read where it cannot.
NAMES: Final = {
    "electronic": later("Đợt nội trú có hồ sơ điện tử"),
    "signed": later("Hồ sơ đóng và ký trong 24 giờ sau ra viện"),
    "certificates": later("Chứng thư số còn hạn"),
    "prescriptions": later("Đơn thuốc điện tử có mã"),
    "book": later("Lượt gửi Sổ sức khoẻ điện tử"),
    "drill": later("Diễn tập khôi phục"),
}
UNREADABLE: Final = {
    "book": later("chưa đọc được: nền tảng chưa gửi Sổ sức khoẻ điện tử"),
    "drill": later("chưa đọc được: nền tảng chưa ghi các lần diễn tập; cơ sở đính kèm biên bản"),
}


class Reading(msgspec.Struct, frozen=True):
    """One figure as the page shows it; `known` is False where the platform cannot tell."""

    code: str
    name: str
    value: str
    how: str
    known: bool = True


async def read(tx: Transaction, who: Subject, site: Site) -> dict[str, Any] | None:
    """The figures of the facility with the site's code, in the Department's province; None: not on this platform."""
    row = await tx.fetchrow(
        "select f.key, f.code from facility f join facility d on d.province = f.province"
        " where d.key = $1 and f.code = $2 and f.key <> d.key and f.treats",
        who.facility, site.code,
    )  # fmt: skip
    if row is None:
        return None
    async with tx.database.transaction(row["key"]) as theirs:
        values = await _counted(theirs, service(Role.FIGURES_SERVICE, row["key"]), clock.now())
    return {"facility": row["code"], "day": clock.today().isoformat(), "values": values}


async def _counted(tx: Transaction, counter: Subject, now: datetime) -> dict[str, list[int]]:
    since = f"ge{(now - timedelta(days=DAYS)).date()}"
    asked = {"class": "IMP", "status": "finished", "date": since, "_sort": "-date", "_count": str(_MOST)}
    stays = (await store.search(tx, counter, r4.Encounter, asked)).resources
    ids = [f"{one.id}-{n}" for one in stays for n in (1, 2)]
    records = await store.read_many(tx, counter, r4.QuestionnaireResponse, ids)
    kept = [(one, records.get(f"{one.id}-2") or records.get(f"{one.id}-1")) for one in stays]
    over = [(stay, one) for stay, one in kept if (left := _left(stay)) and now - left >= timedelta(hours=HOURS)]
    codes = await counting.tally(
        tx, counter, r4.MedicationRequest, {"authoredon": since, "intent": "order"},
        counting.ByToken("group-identifier"),
    )  # fmt: skip
    valid = [one for one in await certificates.everybody(tx, counter.facility) if one.begins <= now < one.ends]
    soon = sum(one.ends < now + timedelta(days=SOON_DAYS) for one in valid)
    return {
        "electronic": [sum(one is not None for _stay, one in kept), len(kept)],
        "signed": [sum(_in_time(stay, one) for stay, one in over), len(over)],
        "certificates": [len(valid), soon],
        "prescriptions": [len(codes)],
    }


def _left(stay: r4.Encounter) -> datetime | None:
    return moment(stay.period.end) if stay.period else None


def _in_time(stay: r4.Encounter, record: r4.QuestionnaireResponse | None) -> bool:
    left, signed = _left(stay), moment(record.authored) if record and record.status == "completed" else None
    return left is not None and signed is not None and signed - left <= timedelta(hours=HOURS)


def last(entries: Sequence[Entry]) -> Entry | None:
    """The last reading of a site."""
    return next((one for one in reversed(standing(entries)) if one.what is What.READING), None)


def shown(entry: Entry | None, only: Sequence[str] = tuple(NAMES)) -> list[Reading]:
    """A reading in words; what it does not hold is said to be unknown."""
    values: dict[str, list[int]] = entry.said["values"] if entry else {}
    return [_shown(code, values.get(code)) for code in only]


def _shown(code: str, value: list[int] | None) -> Reading:
    name = _(NAMES[code])
    if value is None:
        return Reading(code, name, "–", _(UNREADABLE[code]) if code in UNREADABLE else _("chưa đọc"), known=False)
    if code == "certificates":
        how = _("%(n)s hết hạn trong %(days)s ngày tới", n=value[1], days=SOON_DAYS)
        return Reading(code, name, figures(value[0]), how)
    if code == "prescriptions":
        how = _("trong %(days)s ngày; nền tảng chưa gửi lên Hệ thống đơn thuốc quốc gia", days=DAYS)
        return Reading(code, name, figures(value[0]), how)
    part, of = value
    share = f"{figures(part)}/{figures(of)}" + (f" ({(200 * part + of) // (2 * of)} %)" if of else "")
    return Reading(
        code, name, share, _("đợt ra viện trong %(days)s ngày, tối đa %(n)s đợt gần nhất", days=DAYS, n=_MOST)
    )
