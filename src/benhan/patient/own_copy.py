"""Everything of her record to take away: made in the background, handed out by addresses that open once.

Whoever asked is looked up again at each step: her session over, her relation ended, nothing more is made. What was made
lies encrypted for a day. Law 15/2023 art. 12; Law 91/2025/QH15 (a copy of one's data). Contract: app-api.md.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core import store
from benhan.core.access import Door, Interaction, Permission, Subject, handouts
from benhan.core.access.callers import holder_of
from benhan.core.db import PLATFORM, Database, Transaction
from benhan.core.db.background import Background
from benhan.core.fhir import codec
from benhan.core.fhir.outcome import NotFound, Problem
from benhan.core.kit import clock, json_forms, printing
from benhan.core.kit.json_forms import Said
from benhan.core.language import _
from benhan.core.vault import Column
from benhan.hospital.papers import pdf
from benhan.patient import addresses, record, whole

PATH: Final = "/app/copies"
IDLE_SECONDS: Final = 1.0
#: One process has it in hand for so long; after so many tries it has failed. Of one day, so many are made.
IN_HAND, TRIES, A_DAY = timedelta(minutes=5), 3, 5
#: More than this is not handed out in one piece.
MOST_BYTES: Final = 60_000_000
FILES: Final = {"bundle": "ho-so.json", "paper": "lich-su-kham.pdf"}
_BUNDLE, _PAPER = Column("own_copy", "bundle"), Column("own_copy", "paper")
_TAKE: Final = """
update own_copy set tries = tries + 1, state = 'working', next = now() + $1::interval
where (facility, id) = (select facility, id from own_copy where next <= now() order by next limit 1
    for update skip locked)
returning facility, id, session, patient, tries
"""


class Copy(Said):
    """How far it is: waiting, working, done, failed; done, until when it can be fetched."""

    id: str
    state: str
    seen: int
    total: int
    made: datetime
    ends: datetime


async def mine(request: Request, tx: Transaction, who: Subject) -> Response:
    """Those of this record that she asked for, the newest first."""
    rows = await tx.fetch(
        "select id, state, seen, total, made, ends from own_copy where facility = $1 and patient = $2 and ends > now()"
        " and left(encode(session, 'hex'), 16) = $3 order by made desc limit 5",
        who.facility, who.patient, who.session,
    )  # fmt: skip
    return json_forms.answer({"copies": [
        Copy(id=row["id"], state=row["state"], seen=row["seen"], total=row["total"], made=clock.local(row["made"]),
             ends=clock.local(row["ends"])) for row in rows
    ]})  # fmt: skip


async def begin(request: Request, tx: Transaction, who: Subject) -> Response:
    """Make one."""
    await store.copied(tx, who, Interaction.EXPORT, "Patient", who.patient, who.patient, "everything")
    await tx.execute("select pg_advisory_xact_lock(hashtext($1))", f"copy {who.facility} {who.patient}")
    lately = await tx.fetchval(
        "select count(*) from own_copy where facility = $1 and patient = $2 and made > now() - interval '1 day'",
        who.facility, who.patient,
    )  # fmt: skip
    if lately >= A_DAY:
        raise Problem(
            429, "throttled", _("Hôm nay đã tạo %(n)s bản sao của hồ sơ này.", n=lately), advice=_("Mai làm lại.")
        )
    await tx.execute(
        "insert into own_copy (facility, id, patient, session) select s.facility, $3, $4, s.token_hash"
        f" from {handouts.SESSION}", who.facility, who.session, secrets.token_hex(8), who.patient,
    )  # fmt: skip
    answer = await mine(request, tx, who)
    answer.status_code = 202
    return answer


async def address(request: Request, tx: Transaction, who: Subject) -> Response:
    """An address for one of its files."""
    copy, file = request.path_params["copy"], request.path_params["file"]
    done = file in FILES and await tx.fetchval(
        "select true from own_copy where facility = $1 and id = $2 and patient = $3 and state = 'done' and ends > now()"
        " and left(encode(session, 'hex'), 16) = $4", who.facility, copy, who.patient, who.session,
    )  # fmt: skip
    if not done:
        raise NotFound(_("Không có bản sao này."), advice=_("Tạo bản sao mới."))
    return await addresses.given(request, tx, who, f"copy/{copy}/{file}")


async def open_file(request: Request, tx: Transaction, who: Subject, rest: str) -> Response:
    """A file of hers, at an address that opens once."""
    copy, _slash, file = rest.partition("/")
    column = _BUNDLE if file == "bundle" else _PAPER
    kept = await tx.fetchval(
        f"select {'bundle' if file == 'bundle' else 'paper'} from own_copy"
        " where facility = $1 and id = $2 and patient = $3 and ends > now()",
        who.facility, copy, who.patient,
    )  # fmt: skip
    if kept is None:
        raise NotFound(_("Không có bản sao này."))
    await store.copied(tx, who, Interaction.EXPORT, "Patient", who.patient, who.patient, f"everything, {file}")
    body = column.show_bytes(tx, who.facility, copy, kept)
    if file == "paper":
        return pdf(body, FILES[file].removesuffix(".pdf"), kept=True)
    headers = {"Content-Disposition": f'attachment; filename="{FILES[file]}"', "Cache-Control": "no-store"}
    return Response(body, 200, headers, "application/fhir+json")


class Copying(Background):
    """Makes what was asked for, for as long as the process runs; any number of processes may."""

    failure = "a patient's copy of her record could not be made"

    def __init__(self, database: Database, base: str) -> None:
        super().__init__(database)
        self._base = base

    async def turn(self) -> float:
        """One copy, from beginning to end."""
        async with self._database.transaction(PLATFORM) as tx:
            await tx.execute("delete from own_copy where ends < now()")
            row = await tx.fetchrow(_TAKE, IN_HAND)
        if row is None:
            return IDLE_SECONDS
        facility, id_ = row["facility"], row["id"]
        try:
            if row["tries"] > TRIES:
                raise Problem(500, "exception", "too many tries")
            bundle, paper = await self._make(facility, id_, row["session"], row["patient"])
        except Problem as trouble:
            await self._end(facility, id_, "failed", trouble.message)
            return 0
        async with self._database.transaction(facility) as tx:
            await tx.execute(
                "update own_copy set state = 'done', next = null, bundle = $3, paper = $4"
                " where facility = $1 and id = $2", facility, id_,
                await _BUNDLE.hide_bytes(tx, facility, id_, bundle), await _PAPER.hide_bytes(tx, facility, id_, paper),
            )  # fmt: skip
        return 0

    async def _make(self, facility: int, id_: str, session: bytes, patient: str) -> tuple[bytes, bytes]:
        """Its two files.

        Raises:
            Problem: whoever asked may not any more, or it is too large.
        """
        async with self._database.transaction(facility) as tx:
            visits = [one.id or "" for one in await record.visits(tx, await _asker(tx, facility, session, patient))]
        total = 1 + len(visits)
        async with self._database.transaction(facility) as tx:
            who = await _asker(tx, facility, session, patient)
            bundle = codec.encode(await whole.bundle_of(tx, who, self._base))
        await self._tell(facility, id_, 1, total)
        told = []
        for seen, visit in enumerate(visits, 2):
            async with self._database.transaction(facility) as tx:
                told.append(await record.told(tx, await _asker(tx, facility, session, patient), visit))
            await self._tell(facility, id_, seen, total)
        async with self._database.transaction(facility) as tx:
            data = await whole.history_data(tx, await _asker(tx, facility, session, patient), told)
        paper = await printing.render(whole.PAPER, data)
        if len(bundle) + len(paper) > MOST_BYTES:
            raise Problem(
                413, "too-long", _("Hồ sơ quá lớn để tải một lần."), advice=_("Hỏi phòng KHTH của bệnh viện.")
            )
        return bundle, paper

    async def _tell(self, facility: int, id_: str, seen: int, total: int) -> None:
        async with self._database.transaction(facility) as tx:
            await tx.execute(
                "update own_copy set seen = $3, total = $4 where facility = $1 and id = $2", facility, id_, seen, total
            )

    async def _end(self, facility: int, id_: str, state: str, trouble: str) -> None:
        async with self._database.transaction(facility) as tx:
            await tx.execute(
                "update own_copy set state = $3, trouble = $4, next = null where facility = $1 and id = $2",
                facility, id_, state, trouble[:300],
            )  # fmt: skip


async def _asker(tx: Transaction, facility: int, session: bytes, patient: str) -> Subject:
    """Who asked, as she is now.

    Raises:
        NotFound: her session is over, or it is another record's by now.
    """
    who = await holder_of(tx, session)
    await tx.reach(facility)
    if who is None or who.patient != patient:
        raise NotFound("her session is over")
    return who


HANDED_OUT = {"copy": open_file}
_OWN = Permission.OWN_RECORD
DOORS = [
    Door(PATH, mine, _OWN, app=True),
    Door(PATH, begin, _OWN, ("POST",), app=True),
    Door(f"{PATH}/{{copy}}/{{file}}", address, _OWN, ("POST",), app=True),
]
