"""The archive: the record file of a finished, signed visit is handed in, and taken out again with a written reason.

A record file is a DocumentManifest with the id of its visit, written by the program's service in the name of who asks,
so that no role and no program can write one. While it is `current` the visit is ARCHIVED (`rules/`): not a record of
the visit is touched, and its signatures hold as they did.

Source: Luật KCB 15/2023 Đ69k4; TT 33/2025/TT-BYT.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from benhan.core.access import Permission, Role, Subject
from benhan.core.access.audit import Event, record
from benhan.core.access.labels import KEPT, RECORD_FILE, TAKEN_OUT
from benhan.core.access.subject import in_name_of
from benhan.core.access.vocabulary import State
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid, NotFound
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.core.store.read import read, read_many
from benhan.core.store.records import NUMBERS, version_of
from benhan.core.store.sealed import CLOSED
from benhan.core.store.write import update

#: A reason to take a record file out, in characters.
MOST_WORDS: Final = 500
_SIGNED: Final = (
    f"select id from resource r where facility = $1 and type = $2 and id = any($3) and body is not null and {CLOSED}"
).format(r="r")


async def states(tx: Transaction, who: Subject, visits: Collection[str]) -> dict[str, State]:
    """The states of these visits; one that nobody signed is being treated.

    Raises:
        Forbidden: the caller does not keep the archive.
    """
    kept = await files(tx, who, visits)
    rows = await tx.look(_SIGNED, who.facility, NUMBERS["Encounter"], sorted(visits))
    found = dict.fromkeys(visits, State.TREATED) | {row["id"]: State.CLOSED for row in rows}
    return found | {id_: State.ARCHIVED for id_, one in kept.items() if one.status == KEPT}


async def files(tx: Transaction, who: Subject, visits: Collection[str]) -> dict[str, r4.DocumentManifest]:
    """The record files of these visits that were in the archive once, by visit.

    Raises:
        Forbidden: the caller does not keep the archive.
    """
    if not who.may(Permission.ARCHIVE):
        raise Forbidden(_("Chỉ phòng KHTH đưa hồ sơ vào lưu trữ và lấy ra."))
    return await read_many(tx, who, r4.DocumentManifest, visits)


async def archive(tx: Transaction, who: Subject, visit: str) -> None:
    """Hand the record file of a visit to the archive; with the commit it is closed as the rules say. Twice is once.

    Raises:
        Forbidden: the caller does not keep the archive, or may not read the visit; NotFound;
        Conflict: the visit is not finished and signed, or it is nobody's.
    """
    found = await read(tx, who, r4.Encounter, visit)
    state = (await states(tx, who, [visit]))[visit]
    if state is State.TREATED or not (found.subject and found.subject.reference):
        raise Conflict(_("Lượt khám chưa kết thúc và ký nên chưa lưu trữ được."), where="Encounter")
    if state is State.ARCHIVED:
        return
    file = r4.DocumentManifest(
        id=visit, status=KEPT, subject=found.subject, created=clock.fhir_instant(clock.now()),
        type=r4.CodeableConcept(coding=[r4.Coding(system=systems.RECORD_FILE, code=RECORD_FILE)]),
        author=_author(who), content=[r4.Reference(reference=f"Encounter/{visit}")],
    )  # fmt: skip
    before = (await files(tx, who, [visit])).get(visit)
    await _write(tx, who, "archive", file, before)


async def take_out(tx: Transaction, who: Subject, visit: str, reason: str) -> None:
    """Take the record file of a visit out of the archive; the reason stays with it and in the audit.

    Raises:
        Forbidden: the caller does not keep the archive; NotFound: it is not in the archive; Invalid: no reason.
    """
    file = (await files(tx, who, [visit])).get(visit)
    if file is None or file.status != KEPT:
        raise NotFound(_("Hồ sơ này không nằm trong lưu trữ."))
    if not reason.strip() or len(reason) > MOST_WORDS:
        raise Invalid(_("Ghi lý do lấy hồ sơ ra, tối đa %(n)s ký tự.", n=MOST_WORDS), where="reason")
    out = msgspec.structs.replace(file, status=TAKEN_OUT, description=reason.strip(), author=_author(who))
    await _write(tx, who, "archive-ended", out, file)


async def _write(
    tx: Transaction, who: Subject, action: str, file: r4.DocumentManifest, before: r4.DocumentManifest | None
) -> None:  # fmt: skip
    await update(tx, in_name_of(who, Role.ARCHIVE_SERVICE), file, if_match=version_of(before) if before else "0")
    patient = ((file.subject and file.subject.reference) or "").removeprefix("Patient/")
    record(tx, who, Event(action, "Encounter", file.id, patient, rule=action, detail=file.description or ""))


def _author(who: Subject) -> list[r4.Reference]:
    return [r4.Reference(reference=f"Practitioner/{who.practitioner}" if who.practitioner else None, display=who.name)]
