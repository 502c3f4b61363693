"""What a doctor sees beside somebody's sheet on her round: who is next, vital signs, new results. Read, not kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.kit import clock
from benhan.hospital import readings
from benhan.hospital import stay as words
from benhan.hospital.readings import Reading
from benhan.hospital.visit import VITALS, display_of, id_of, moment, stamp
from benhan.hospital.ward import board, places, written
from benhan.hospital.ward.board import Lying
from benhan.hospital.ward.written import Written

#: Vital signs and results of so long are shown beside the sheet.
SHOWN: Final = timedelta(hours=72)
_RELEASED: Final = "final,amended,corrected,preliminary"


class Next(msgspec.Struct, frozen=True):
    """Where somebody stands in the round: "7/30", who was before, who comes, who comes that is not written yet."""

    place: int
    of: int
    before: str = ""
    after: str = ""
    unwritten: str = ""
    left: int = 0


class Result(msgspec.Struct, frozen=True):
    """What came back: values that are out of range first said, the conclusion."""

    title: str
    at: datetime | None
    readings: list[Reading]
    conclusion: str

    @property
    def odd(self) -> bool:
        """Whether something in it is out of range."""
        return any(one.flag for one in self.readings)


class Row(msgspec.Struct, frozen=True):
    """Somebody of the round, and whether her sheet is written."""

    bed: str
    person: Lying
    written: Written
    mine: bool


async def in_bed_order(tx: Transaction, who: Subject, department: str) -> list[tuple[str, r4.Encounter]]:
    """Who lies in a department with her bed's name, as one walks; those without a bed and on leave last."""
    stays = [one for one in await board.stays_of(tx, who, department) if one.status in words.LYING]
    beds = {one.id: number for number, one in enumerate(await places.beds(tx, who, department))}
    last = len(beds)
    rank = {
        one.id: (one.status != words.PRESENT, beds.get(words.bed(one) or "", last), one.id or "") for one in stays
    }  # fmt: skip
    return [(words.bed_name(one), one) for one in sorted(stays, key=lambda one: rank[one.id])]


async def round_of(tx: Transaction, who: Subject, department: str) -> list[Row]:
    """Everybody who lies in a department, in the order of the beds."""
    found = await in_bed_order(tx, who, department)
    stays = [stay for _bed, stay in found]
    people, me = await board.lying(tx, who, stays), f"Practitioner/{who.practitioner}"
    return [
        Row(bed, one, one.written, me in one.written.drafts)
        for (bed, _stay), one in zip(found, people, strict=True) if one.written
    ]  # fmt: skip


async def next_of(tx: Transaction, who: Subject, stay: r4.Encounter) -> Next:
    """Who is before and after somebody in the round of her department."""
    stays = [one for _bed, one in await in_bed_order(tx, who, words.department(stay) or "?")]
    ids = [one.id or "" for one in stays]
    if (stay.id or "") not in ids:
        return Next(0, len(ids))
    at = ids.index(stay.id or "")
    state = await written.of_stays(tx, who, stays)
    me = f"Practitioner/{who.practitioner}"
    open_ = [one for one in ids if state[one].state != written.DONE and me not in state[one].drafts]
    ahead = [one for one in ids[at + 1 :] + ids[:at] if one in open_]
    return Next(
        at + 1, len(ids), ids[at - 1] if at else "", ids[at + 1] if at + 1 < len(ids) else "",
        ahead[0] if ahead else "", len([one for one in ids if state[one].state != written.DONE]),
    )  # fmt: skip


async def measured(tx: Transaction, who: Subject, stay: r4.Encounter, months: int | None) -> list[Reading]:
    """The last of each vital sign."""
    asked = {**_lately(stay), "category": "vital-signs", "_count": "200"}
    found = (await store.search(tx, who, r4.Observation, asked)).resources
    last = readings.latest(one for one in found if readings.is_vital(one))
    order = list(VITALS)
    return sorted(
        (readings.reading(one, months) for code, one in last.items() if code in order),
        key=lambda one: order.index(one.code),
    )


async def results(tx: Transaction, who: Subject, stay: r4.Encounter) -> list[Result]:
    """What came back lately, the newest first."""
    asked = {**_lately(stay), "status": _RELEASED, "_count": "40"}
    reports = (await store.search(tx, who, r4.DiagnosticReport, asked)).resources
    ids = [id_of(one) for report in reports for one in report.result or []]
    values = await store.read_many(tx, who, r4.Observation, ids)
    made = [_result(report, [values[i] for one in report.result or [] if (i := id_of(one) or "") in values])
            for report in reports]  # fmt: skip
    return sorted(made, key=lambda one: one.at.timestamp() if one.at else 0, reverse=True)


def _result(report: r4.DiagnosticReport, values: Sequence[r4.Observation]) -> Result:
    counted = [readings.reading(one) for one in values if one.status not in ("entered-in-error", "cancelled")]
    at = moment(report.issued or report.effectiveDateTime)
    return Result(display_of(report.code), at, counted, report.conclusion or "")


def _lately(stay: r4.Encounter) -> dict[str, str]:
    return {"encounter": f"Encounter/{stay.id}", "date": f"ge{stamp(clock.now() - SHOWN)}", "_sort": "-date"}
