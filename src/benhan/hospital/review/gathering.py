"""What the reviewer asked for, gathered: openings, who is who, visits, and each opening judged."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.access.acts import Asked
from benhan.core.access.reviewing import MOST, Opening, openings, people
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.kit import clock
from benhan.core.kit.forms import Form
from benhan.core.language import later
from benhan.core.store import acquaintance, emergency
from benhan.core.store.acquaintance import Face, Reader
from benhan.hospital.review import rules

#: Kinds of acts as the page asks for them.
KINDS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "xem": (later("Xem"), ("read", "search", "history")),
    "ghi": (later("Ghi, sửa, xoá"), ("create", "update", "delete")),
    "in": (later("In"), ("print",)),
}


class Review(msgspec.Struct, frozen=True):
    """The openings of a period, the most unusual first, and whose they are."""

    asked: Asked
    judged: list[rules.Judged]
    patients: dict[str, Face]
    cut: bool

    def counts(self) -> dict[rules.Reason, int]:
        """How many openings there are of each reason."""
        every = [reason for one in self.judged for reason, _text in one.reasons]
        return {reason: every.count(reason) for reason in rules.Reason if reason in every}


async def gather(tx: Transaction, who: Subject, form: Form) -> Review:
    """Gather what the filters ask for.

    Raises:
        Forbidden: she may not read the audit.
    """
    asked = await _asked(tx, who, form)
    found = await openings(tx, who, asked)
    faces = await acquaintance.patients(tx, who, (one.patient for one in found))
    keys = [(one.patient, one.first, one.last) for one in found]
    visited = await acquaintance.visited(tx, who, keys)
    readers = [Reader(one.patient, one.practitioner, one.departments) for one in found]
    strangers = await acquaintance.without_care(tx, who, readers)
    facts = rules.Facts(
        faces, await acquaintance.staff(tx, who),
        frozenset(one for one, key in zip(found, keys, strict=True) if key in visited),
        frozenset(one for one, reader in zip(found, readers, strict=True) if reader in strangers),
    )  # fmt: skip
    judged = [one for one in rules.judged(found, facts) if _wanted(one, form["ly-do"])]
    return Review(asked, judged, faces, len(found) == MOST)


def _wanted(one: rules.Judged, reason: str | None) -> bool:
    return reason is None or any(found == reason for found, _text in one.reasons)


async def _asked(tx: Transaction, who: Subject, form: Form) -> Asked:
    since, until = _period(form)
    accounts: tuple[str, ...] | None = None if form["nguoi"] is None else (form["nguoi"],)
    if form["khoa"]:
        inside = await _accounts_of(tx, who, form["khoa"])
        accounts = inside if accounts is None else tuple(one for one in accounts if one in inside)
    patient = await _patient(tx, who, form["benh-nhan"]) if form["benh-nhan"] else None
    actions = KINDS[form["viec"]][1] if form["viec"] else None
    return Asked(patient=patient, accounts=accounts, actions=actions, since=since, until=until)


def _period(form: Form) -> tuple[datetime, datetime]:
    """From the first day to the end of the last; yesterday and today where none is named."""
    last = form["den"] or clock.today()
    first = form["tu"] or last - timedelta(days=1)
    return clock.day_bounds(first)[0], clock.day_bounds(last)[1]


async def _patient(tx: Transaction, who: Subject, typed: str) -> str:
    """The patient of a record number, a citizen number, or an id as it stands in the audit."""
    return await emergency.of_number(tx, who.facility, typed) or typed


async def _accounts_of(tx: Transaction, who: Subject, department: str) -> tuple[str, ...]:
    page = await store.search(
        tx, who, r4.PractitionerRole, {"organization": f"Organization/{department}", "_count": "500"}
    )
    inside = {
        role.practitioner.reference.rpartition("/")[2]
        for role in page.resources
        if role.practitioner and role.practitioner.reference
    }
    every = await people(tx, who)
    return tuple(one.account for one in every if department in one.departments or one.practitioner in inside)


async def departments(tx: Transaction, who: Subject) -> list[tuple[str, str]]:
    """The departments to choose from: id and name."""
    page = await store.search(tx, who, r4.Organization, {"partof:missing": "false", "_count": "500"})
    return sorted(((one.id or "", one.name or "") for one in page.resources), key=lambda one: one[1])


def times(one: Opening) -> str:
    """When an opening was, as the list shows it."""
    first, last = clock.local(one.first), clock.local(one.last)
    said = f"{clock.vn_date(first)} {clock.vn_time(first)}"
    return said if clock.vn_time(first) == clock.vn_time(last) else f"{said}–{clock.vn_time(last)}"
