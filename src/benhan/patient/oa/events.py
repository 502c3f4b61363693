"""Events that were kept, and dealing with them: who follows, what arrived, what somebody wrote, who withdrew.

Each event is dealt with in one transaction that also ends it: a process that dies leaves it to the next one. What it
said is gone then.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from typing import Any, Final

from benhan.core.access import Role, people, service
from benhan.core.access.audit import Event, record
from benhan.core.db import PLATFORM, Database, Transaction
from benhan.core.db.background import Background
from benhan.core.vault import Column
from benhan.patient import outbox
from benhan.patient.oa import talk
from benhan.patient.oa.accounts import Accounts

IDLE_SECONDS: Final = 1.0
SWEEP_SECONDS: Final = 3600.0
BODY: Final = Column("oa_event", "body")
#: A withdrawal has no facility of its own.
OF_MINI_APP: Final = 0
#: Begins the name of what somebody said.
SPEAKING: Final = "user_send_"

_KEEP: Final = """
insert into oa_event (facility, id, name, body) values ($1, $2, $3, $4) on conflict (facility, id) do nothing
"""
_TAKE: Final = """
select facility, id, name, body, tries from oa_event where next <= now() order by next, came limit 1
for update skip locked
"""
#: It waits half a minute, doubled each time; after eight tries it is given up, and stays in the table.
_LATER: Final = """
update oa_event set tries = tries + 1, next = case when tries < 8 then now() + interval '30 s' * 2 ^ tries end
where facility = $1 and id = $2
"""
_DONE: Final = "update oa_event set next = null, body = null where facility = $1 and id = $2"
_MET: Final = """
insert into oa_user (facility, id, by_app, follows, spoke) values ($1, $2, $3, coalesce($4, false), $5)
on conflict (facility, id) do update set follows = coalesce($4, oa_user.follows),
    by_app = case when $3 = '' then oa_user.by_app else $3 end, spoke = greatest(oa_user.spoke, $5)
"""


async def facility_of(tx: Transaction, said: dict[str, Any]) -> int | None:
    """The facility whose account an event is of; None: it is connected here no more."""
    named = [said.get("oa_id"), _id(said, "recipient"), _id(said, "sender")]
    asked = [str(one) for one in named if one]
    found: int | None = await tx.fetchval("select facility from oa_connection where oa = any($1) limit 1", asked)
    return found


async def keep(tx: Transaction, facility: int, name: str, said: dict[str, Any], raw: bytes) -> None:
    """Keep an event, once: Zalo calls a message by its number, everything else is its own bytes."""
    message = said.get("message")
    number = message.get("msg_id") if isinstance(message, dict) else None
    id_ = f"{name} {number}"[:150] if number else hashlib.sha256(raw).hexdigest()
    await tx.execute(_KEEP, facility, id_, name, await BODY.hide(tx, facility, id_, raw.decode("utf-8", "replace")))


class Hearing(Background):
    """Deals with events, and sends what is to be answered."""

    failure = "an event of Zalo could not be dealt with"

    def __init__(self, database: Database, accounts: Accounts) -> None:
        super().__init__(database)
        self._accounts, self._swept = accounts, time.monotonic()

    async def turn(self) -> float:
        """One event, or else one answer, or else what is too old goes."""
        if await self._hear() or await talk.send_one(self._database, self._accounts):
            return 0
        if self._swept + SWEEP_SECONDS < time.monotonic():
            async with self._database.transaction(PLATFORM) as tx:
                await sweep(tx)
            self._swept = time.monotonic()
        return IDLE_SECONDS

    async def _hear(self) -> bool:
        async with self._database.transaction(PLATFORM) as tx:
            row = await tx.fetchrow(_TAKE)
            if row is None:
                return False
            facility, id_ = row["facility"], row["id"]
            try:
                async with tx.savepoint():
                    await _deal(tx, facility, row["name"], json.loads(BODY.show(tx, facility, id_, row["body"])))
            except Exception:
                logging.getLogger(__name__).exception(self.failure)
                done = _LATER
            else:
                done = _DONE
            await tx.reach(PLATFORM)
            await tx.execute(done, facility, id_)
            return True


async def sweep(tx: Transaction) -> None:
    """Events that Zalo sends no more, and lines that are too old. Reaches over the platform."""
    await tx.execute("delete from oa_event where next is null and body is null and came < now() - interval '1 day'")
    await tx.execute("delete from oa_line where at < now() - $1::interval", talk.KEPT)


async def _deal(tx: Transaction, facility: int, name: str, said: dict[str, Any]) -> None:
    if facility == OF_MINI_APP:
        return await forget(tx, str(said.get("userId") or ""))
    if name == "user_received_message":
        await tx.reach(facility)
        await outbox.note_received(tx, facility, str(_message(said).get("msg_id") or ""))
        return None
    user = _id(said, "follower") or _id(said, "sender")
    if not user or user == said.get("oa_id"):
        return None
    await met(tx, facility, user, name, str(said.get("user_id_by_app") or ""))
    if name.startswith(SPEAKING):
        text = str(_message(said).get("text") or "") if name == "user_send_text" else ""
        await talk.heard(tx, facility, user, name.removeprefix(SPEAKING), text)
    return None


async def met(tx: Transaction, facility: int, user: str, name: str, by_app: str) -> None:
    """Note who met the account: her id there, which of our app is hers, whether she follows."""
    follows = {"follow": True, "unfollow": False, "user_submit_info": None}.get(name)
    spoke = name != "unfollow"
    await tx.reach(facility)
    now = await tx.fetchval("select now()") if spoke else None
    await tx.execute(_MET, facility, user, by_app, follows, now)


async def forget(tx: Transaction, zalo: str) -> None:
    """Somebody withdrew the Mini App's permission: what Zalo gave us of her goes.

    Gone: that Zalo opens her account, her sessions, her ids at Official Accounts, her conversations. What stays,
    because the law orders it: her medical record and who may open it by a code (Law 15/2023 art. 69), that messages
    were sent to her, and the audit.
    """
    await tx.reach(PLATFORM)
    gone = 0
    for table in ("oa_line", "oa_talk"):
        status = await tx.execute(
            f"delete from {table} t using oa_user u where u.by_app = $1 and u.by_app <> ''"
            " and t.facility = u.facility and t.oa_user = u.id", zalo,
        )  # fmt: skip
        gone += int(status.split()[-1])
    await tx.execute("delete from oa_user where by_app = $1 and by_app <> ''", zalo)
    person = await people.forget_zalo(tx, zalo)
    detail = f"gone: Zalo's link{' of ' + person if person else ''}, ids, {gone} of conversations; stays: record, audit"
    await tx.reach(PLATFORM)
    record(tx, service(Role.TELLING_SERVICE, 0), Event("zalo-withdrawn", rule="user.revoke.consent", detail=detail))


def _id(said: dict[str, Any], name: str) -> str:
    one = said.get(name)
    return str(one.get("id") or "")[:60] if isinstance(one, dict) else ""


def _message(said: dict[str, Any]) -> dict[str, Any]:
    one = said.get("message")
    return one if isinstance(one, dict) else {}
