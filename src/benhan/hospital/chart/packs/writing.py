"""Writing the pack of a ward: who lies there now, drawn anew where something changed, for who works there.

Reading, copying and the trace of both are one transaction; the pack takes its place when that is committed. The feed
says of whom something changed since the last pack; once a day everybody is drawn anew. Source: CV 365 III.1.2.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Interaction, Role, Subject, offline_keys
from benhan.core.access.audit import Event, record
from benhan.core.access.offline_keys import Holder
from benhan.core.db import Database, Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Malformed
from benhan.core.kit import clock, printing
from benhan.core.store import feed
from benhan.core.store.records import NUMBERS, version_of
from benhan.core.vault import Damaged, carried
from benhan.hospital.chart.packs import contents, drawing, keys, logs
from benhan.hospital.chart.packs.bedside import Records, bedside, tone
from benhan.hospital.chart.packs.folder import (
    FORMAT,
    Contents,
    Entry,
    Folder,
    Header,
    Paper,
    Seat,
    closed,
    opened,
    place,
)
from benhan.hospital.visit import id_of

#: Whose work a pack is for.
READERS: Final = frozenset({Role.DOCTOR, Role.NURSE})
#: Pages of the feed that are looked at; where more changed, everybody is drawn anew.
_PAGES: Final = 20


class Ward(msgspec.Struct, frozen=True):
    """A department of a facility."""

    facility: int
    code: str
    facility_name: str
    department: str


class Written(msgspec.Struct, frozen=True):
    """What came of a writing."""

    patients: int = 0
    anew: int = 0
    readers: int = 0


async def write(database: Database, ward: Ward, folder: Folder) -> Written:
    """Write the pack of a ward now, and bring in who opened the one before. Nobody may open it: no pack.

    Raises:
        NotFound, Forbidden: there is no such department; OSError: the folder cannot be written.
    """
    async with database.transaction(ward.facility) as tx:
        who = contents.eyes(ward.facility, ward.facility_name, ward.department)
        mine = await keys.of_facility(tx, ward.facility)
        await logs.bring(tx, who, ward.department, mine.log, folder)
        readers = await _readers(tx, who, ward.department)
        if not readers:
            record(tx, who, Event("pack", "Organization", ward.department, rule="pack-copied", detail="no reader"))
            await asyncio.to_thread(folder.clear)
            return Written()
        made, anew = await _contents(tx, who, ward, mine, folder)
        said = f"{len(made.entries)} patients, {anew} anew, {len(readers)} readers"
        record(tx, who, Event("pack", "Organization", ward.department, rule="pack-copied", detail=said))
    header = await asyncio.to_thread(_header, made, readers, mine)
    names = {one.file for entry in made.entries for one in entry.files}
    await asyncio.to_thread(folder.publish, header, names)
    return Written(len(made.entries), anew, len(readers))


async def _contents(
    tx: Transaction, who: Subject, ward: Ward, mine: keys.Keys, folder: Folder
) -> tuple[Contents, int]:  # fmt: skip
    here, at = await feed.end(tx), clock.now()
    department = await store.read(tx, who, r4.Organization, ward.department)
    before = await asyncio.to_thread(_before, folder, ward.department, mine)
    stays = await contents.lying(tx, who, ward.department)
    stale = await _stale(tx, ward.facility, before)
    kept = {
        one.stay: one for one in (before.entries if before else [])
        if stale is not None and one.patient not in stale and folder.whole(one)
    }  # fmt: skip
    fresh = [one for one in stays if _same(kept.get(one.id or ""), one) is None]
    drawn: dict[str, Entry] = {}
    for at_ in range(0, len(fresh), contents.TOGETHER):
        for of in await contents.records(tx, who, fresh[at_ : at_ + contents.TOGETHER]):
            drawn[of.stay.id or ""] = await _entry(tx, who, ward, department.name or "", of, folder)
    found = ((drawn.get(one.id or "") or _same(kept.get(one.id or ""), one)) for one in stays)
    made = Contents(
        facility=ward.code, facility_name=ward.facility_name, department=ward.department,
        department_name=department.name or "", written=at, feed=feed.token(here), day=clock.today().isoformat(),
        edition=drawing.edition(), entries=[one for one in found if one],
    )  # fmt: skip
    return made, len(drawn)


def _same(entry: Entry | None, stay: r4.Encounter) -> Entry | None:
    return entry if entry and entry.version == (version_of(stay) or "") else None


def _before(folder: Folder, department: str, mine: keys.Keys) -> Contents | None:
    """The pack that lies there, if it is one of ours that this program can go on with."""
    try:
        header = folder.header()
        if header is None or header.department != department:
            return None
        key = carried.unsealed(mine.log, place(department, "server"), header.server)
        found = opened(header, key, mine.verifier)
    except (Damaged, OSError):
        return None
    today = clock.today().isoformat()
    return found if (found.edition, found.day, found.department) == (drawing.edition(), today, department) else None


async def _stale(tx: Transaction, facility: int, before: Contents | None) -> set[str] | None:
    """The patients of whom something changed since the pack before; None: everybody."""
    if before is None:
        return None
    try:
        position = feed.position_of(before.feed)
    except Malformed:
        return None
    found: set[str] = set()
    for _turn in range(_PAGES):
        page = await feed.page(tx, facility, NUMBERS, position, feed.MOST_SEEN)
        found |= {one.patient or one.id for one in page.changes if one.patient or one.type == "Patient"}
        if not page.more:
            return found
        position = page.position
    return None


async def _entry(tx: Transaction, who: Subject, ward: Ward, department: str, of: Records, folder: Folder) -> Entry:
    """A patient, drawn and put into the folder, with the trace of the copy."""
    stay, patient = of.stay.id or "", of.patient.id or ""
    side, risk = bedside(of, clock.today()), tone(of)
    await store.copied(tx, who, Interaction.EXPORT, "Encounter", stay, patient, f"ward pack of {department}")
    sheet = await printing.render(drawing.SHEET, drawing.paper(side, ward.facility_name, department))
    printed = await contents.printed(tx, who, stay)
    page = drawing.page(side, risk)

    def put() -> Entry:
        return Entry(
            stay=stay, version=version_of(of.stay) or "", patient=patient, name=side.name,
            facts=" · ".join([*side.facts, side.number]), bed=side.bed, allergies=side.allergies,
            allergies_known=side.allergies_known, warning=side.warning, tone=risk,
            page=folder.put(ward.department, page), sheet=folder.put(ward.department, sheet),
            papers=[Paper(one.title, one.when, one.signer, folder.put(ward.department, one.pdf)) for one in printed],
        )  # fmt: skip

    return await asyncio.to_thread(put)


async def _readers(tx: Transaction, who: Subject, department: str) -> list[Holder]:
    """Doctors and nurses of the department who have a key: by their account, or by where they are registered."""
    asked = {"organization": f"Organization/{department}", "_count": "500"}
    works = (await store.search(tx, who, r4.PractitionerRole, asked)).resources
    registered = {id_of(one.practitioner) for one in works if one.active is not False}
    return [
        one for one in await offline_keys.holders(tx, who.facility)
        if one.roles & READERS
        and (department in one.departments or (not one.departments and one.practitioner in registered))
    ]  # fmt: skip


def _header(made: Contents, readers: Sequence[Holder], mine: keys.Keys) -> Header:
    key, log = secrets.token_bytes(carried.KEY), carried.public_of(mine.log)
    seats = [
        Seat(
            one.account, one.login, one.name, one.wrapped,
            carried.sealed(one.public, place(made.department, one.account), key),
        )
        for one in readers
    ]  # fmt: skip
    return Header(
        format=FORMAT, department=made.department, department_name=made.department_name,
        facility_name=made.facility_name, written=made.written, seats=seats, log=log,
        server=carried.sealed(log, place(made.department, "server"), key), contents=closed(made, key, mine.signer),
    )  # fmt: skip
