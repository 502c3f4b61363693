"""Hospitals that never were, on their way to paperless: made up one by one, their totals those of the reports.

Source of the totals: the reports that issue 7 names (a city: 153 of 164, five months earlier 7, and 20 % begun; the
country: 566 of 1,700). That "20 %" means begun, and that the 64 % of "public" counts hospitals of ministries too (of 60
there is no 64 %), is how we read them. No name, code or date here is a real hospital's.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

import msgspec

from benhan.core.access import Role
from benhan.core.db import Database
from benhan.core.kit import clock, codes
from benhan.province.rollout import bringing, lists, sites
from benhan.province.rollout.evidence import Evidence
from benhan.province.rollout.words import listed
from benhan.simulator.house import DEMO_PROVINCE, House

#: The reports look back so many days ("five months earlier").
EARLIER: Final = 150
_DELAYS: Final = ("money", "tender", "signatures", "software", "people")
_VENDORS: Final = ("Nhà cung cấp A (mẫu)", "Nhà cung cấp B (mẫu)", "Nhà cung cấp C (mẫu)")
_FIELDS: Final = ("code", "name", "kind", "owner", "level", "ward", "beds", "begun", "decided", "number", "planned",
                  "delay", "scope", "way", "emr", "wave", "price", "months")  # fmt: skip


class Sort(msgspec.Struct, frozen=True):
    """Hospitals of one owner: all, paperless, and of these with the whole hospital as scope."""

    owner: str
    all: int
    done: int
    whole: int


CITY: Final = (Sort("public", 60, 60, 39), Sort("ministry", 14, 13, 8), Sort("private", 90, 80, 52))
COUNTRY: Final = (Sort("public", 1100, 399, 250), Sort("ministry", 60, 27, 20), Sort("private", 540, 140, 90))


def city(today: date) -> bytes:
    """A list of 164 hospitals of one city."""
    wards = [one.code for one in codes.wards() if one["province"] == DEMO_PROVINCE]
    return made_up(today, CITY, wards, early=7, begun=33)


def country(today: date) -> bytes:
    """A list of 1,700 hospitals of all provinces."""
    wards = [one.code for one in codes.wards()][::2]
    return made_up(today, COUNTRY, wards, early=90, begun=340)


def made_up(today: date, sorts: Sequence[Sort], wards: Sequence[str], *, early: int, begun: int) -> bytes:
    """A CSV as a Department would bring it: `early` paperless, and `begun` begun, five months ago."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([lists.COLUMNS[name][0] for name in _FIELDS])
    rows = [row for one in sorts for row in _rows(one)]
    done = 0
    for at, said in enumerate(rows):
        row = said | {
            "code": f"{chr(ord('M') + (at + 1) // 10_000)}{(at + 1) % 10_000:04d}",
            "name": f"Bệnh viện mẫu số {at + 1}",
            "ward": wards[at * 7 % len(wards)],
        }
        row |= _days(today, done, at, early=early, begun=begun, is_done=row["done"] == "1")
        done += row["done"] == "1"
        writer.writerow([row.get(name, "") for name in _FIELDS])
    return buffer.getvalue().encode("utf-8-sig")


async def bring_hospitals(database: Database, department: House, made: bytes) -> None:
    """Bring a made-up list in as the Department's leader; where there are facilities already, nothing."""
    who = department.subject(Role.PROVINCE)
    async with database.transaction(department.key) as tx:
        if await sites.count(tx, who, sites.Wanted(), clock.today()):
            return
        checked = lists.check(lists.read(made, "so-lieu-dung.csv"), clock.today())
        await bringing.bring(tx, who, checked, Evidence(None, "so-lieu-dung.csv", "text/csv", made), verified=True)


def _rows(one: Sort) -> Iterator[dict[str, str]]:
    kinds, ways = ("general", "special", "traditional"), list(listed("way"))
    for at in range(one.all):
        scope = "whole" if at < one.whole else ("inpatient", "some")[at % 2]
        yield {
            "owner": one.owner, "kind": kinds[(at * 5) % 7 % 3], "level": ("basic", "advanced")[at % 2],
            "beds": str(60 + at * 37 % 900), "scope": scope if at < one.done else "", "done": str(int(at < one.done)),
            "way": ways[at % len(ways)], "emr": _VENDORS[at % len(_VENDORS)],
            "wave": f"Đợt {1 + at // 2 % 3}", "months": str((36, 60)[at % 2]) if at % 5 else "",
            "price": str((60 + at * 37 % 900) * (2 + at % 4) * 1_000_000) if at % 5 else "",
        }  # fmt: skip


def _days(today: date, done: int, at: int, *, early: int, begun: int, is_done: bool) -> dict[str, str]:
    """When it began and decided, or why it is late. The first `early` paperless ones were so five months ago."""
    if is_done and done < early:
        decided, start = today - timedelta(days=EARLIER + 10 + done % 90), today - timedelta(days=EARLIER + 250)
    elif is_done:
        decided = today - timedelta(days=1 + done * 11 % (EARLIER - 20))
        long_ago = done < begun
        start = today - timedelta(days=EARLIER + 20 if long_ago else EARLIER - 1)
    else:
        said = {"delay": _DELAYS[at % len(_DELAYS)], "planned": clock.vn_date(today + timedelta(days=at % 60 - 20))}
        return {**said, "begun": clock.vn_date(today - timedelta(days=at % 100))} if at % 3 else said
    return {"begun": clock.vn_date(start), "decided": clock.vn_date(decided), "number": f"{at + 1}/QĐ-MẪU"}
