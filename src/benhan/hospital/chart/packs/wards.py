"""Which wards have a pack, and the work that writes them every few minutes beside the requests."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import PLATFORM, Database, Transaction
from benhan.core.db.background import Background
from benhan.core.fhir import r4
from benhan.hospital.chart.packs import writing
from benhan.hospital.chart.packs.folder import Folder
from benhan.hospital.chart.packs.writing import Ward, Written

#: Older than this a pack is late, on every screen.
LATE_MINUTES: Final = 5
#: Seconds between two looks for a pack that is due.
_REST: Final = 5.0
#: The ward whose pack is due: on, and not begun for so long; or off, and still there. One process takes it.
_DUE: Final = """
update ward_pack p set tried = now() from facility f
where f.key = p.facility and (p.facility, p.department) = (
    select facility, department from ward_pack
    where (active and (tried is null or tried < now() - $1 * interval '1 minute'))
       or (not active and written is not null)
    order by tried nulls first limit 1 for update skip locked)
returning p.facility, p.department, p.active, f.code, f.name
"""


class State(msgspec.Struct, frozen=True):
    """How the pack of a department stands."""

    active: bool
    written: datetime | None
    patients: int
    readers: int
    trouble: str


async def states(tx: Transaction, who: Subject) -> dict[str, State]:
    """The departments of her facility that have or had a pack."""
    rows = await tx.look(
        "select department, active, written, patients, readers, trouble from ward_pack where facility = $1",
        who.facility,
    )  # fmt: skip
    return {row["department"]: State(*(row[name] for name in State.__struct_fields__)) for row in rows}


async def switch(tx: Transaction, who: Subject, department: str, *, on: bool) -> None:
    """Say whether a department has a pack; it is written, or taken away, by the next turn.

    Raises:
        Forbidden: she does not administer the facility; NotFound: there is no such department.
    """
    who.must_administer("Organization")
    await store.read(tx, who, r4.Organization, department)
    await tx.execute(
        "insert into ward_pack (facility, department, active, changed_by) values ($1, $2, $3, $4)"
        " on conflict (facility, department) do update set active = $3, changed_by = $4, changed = now(), tried = null",
        who.facility, department, on, who.account,
    )  # fmt: skip
    record(tx, who, Event("pack-on" if on else "pack-off", "Organization", department, rule="administrator"))


def folder_of(base: Path, ward: Ward) -> Folder:
    """Where the pack of a ward lies below the folder of all."""
    return Folder(base / ward.code / ward.department)


class Packing(Background):
    """Writes the packs that are due, for as long as the process runs; several processes share them."""

    failure = "ward pack: the turn failed"
    rest_seconds = 20.0

    def __init__(self, database: Database, base: Path, minutes: int) -> None:
        super().__init__(database)
        self._base, self._minutes = base, minutes

    async def turn(self) -> float:
        """One pack, if one is due."""
        async with self._database.transaction() as tx:
            await tx.reach(PLATFORM)
            row = await tx.fetchrow(_DUE, self._minutes)
        if row is None:
            return _REST
        ward = Ward(row["facility"], row["code"], row["name"], row["department"])
        await write_one(self._database, ward, folder_of(self._base, ward), on=row["active"])
        return 0


async def write_one(database: Database, ward: Ward, folder: Folder, *, on: bool = True) -> Written:
    """Write a pack, or take it away, and say how it went where the administrator sees it.

    Raises:
        Exception: what went wrong, after it was noted.
    """
    try:
        if not on:
            folder.clear()
        done = await writing.write(database, ward, folder) if on else Written()
    except Exception as wrong:
        logging.getLogger(__name__).warning("ward pack of %s: %s", ward.department, wrong)
        await _noted(database, ward, f"{type(wrong).__name__}: {wrong}"[:300])
        raise
    await _noted(database, ward, "", done, on=on and done.readers > 0)
    return done


async def _noted(
    database: Database, ward: Ward, trouble: str, done: Written | None = None, *, on: bool = False
) -> None:  # fmt: skip
    async with database.transaction(ward.facility) as tx:
        await tx.execute(
            "update ward_pack set trouble = $3, patients = coalesce($4, patients), readers = coalesce($5, readers),"
            " written = case when $3 <> '' then written when $6 then now() end"
            " where facility = $1 and department = $2",
            ward.facility, ward.department, trouble, done and done.patients, done and done.readers, on,
        )  # fmt: skip
