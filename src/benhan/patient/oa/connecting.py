"""What an administrator does with the facility's Official Account; each act stands in the audit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from benhan.core.access import Subject
from benhan.core.db import PLATFORM, Transaction
from benhan.core.fhir.outcome import Conflict, NotFound
from benhan.core.language import _
from benhan.core.store.rows import hash64
from benhan.patient.oa.accounts import Tokens, hidden, trace

_CONNECT = """
insert into oa_connection (facility, oa, name, access, refresh, access_ends, connected_by)
values ($1, $2, $3, $4, $5, now() + $6::interval, $7)
on conflict (facility) do update set oa = $2, name = $3, access = $4, refresh = $5, access_ends = now() + $6::interval,
    refreshing = null, trouble = '', connected = now(), connected_by = $7
"""


class Standing(msgspec.Struct, frozen=True):
    """The account as the administrator sees it. `trouble`: it has to be connected again."""

    oa: str
    name: str
    access_ends: datetime
    trouble: str
    templates: dict[str, str]
    hours: str
    connected: datetime
    connected_by: str


class Resting(msgspec.Struct, frozen=True):
    """A way (of one kind of message, or of all) by which nothing leaves for a while."""

    road: str
    kind: str
    until: datetime
    why: str
    error: str


async def standing(tx: Transaction, facility: int) -> Standing | None:
    """The account of a facility, if it connected one."""
    row = await tx.fetchrow(
        "select oa, name, access_ends, trouble, templates, hours, connected, connected_by from oa_connection"
        " where facility = $1", facility,
    )  # fmt: skip
    return msgspec.convert(dict(row) | {"templates": msgspec.json.decode(row["templates"])}, Standing) if row else None


async def resting(tx: Transaction, facility: int) -> list[Resting]:
    """What rests now."""
    rows = await tx.fetch(
        "select road, kind, until, why from oa_rest where facility = $1 and until > now() order by road, kind", facility
    )
    return [Resting(row["road"], row["kind"], row["until"], *row["why"].split(maxsplit=1)) for row in rows]


async def connect(tx: Transaction, who: Subject, oa: str, name: str, tokens: Tokens) -> None:
    """Keep an account as the facility's own, instead of the one before.

    Raises:
        Conflict: another facility has it: its events could not be told apart.
    """
    await tx.execute("select pg_advisory_xact_lock($1)", hash64(f"official account {oa}"))
    await tx.reach(PLATFORM)
    taken = await tx.fetchval("select true from oa_connection where oa = $1 and facility <> $2", oa, who.facility)
    await tx.reach(who.facility)
    if taken:
        raise Conflict(_("Tài khoản này đã nối với một cơ sở khác."), advice=_("Ngắt ở cơ sở kia trước."))
    access, refresh = await hidden(tx, who.facility, tokens)
    await tx.execute(_CONNECT, who.facility, oa, name, access, refresh, tokens.lasts, who.account)
    await tx.execute("delete from oa_rest where facility = $1", who.facility)
    trace(tx, who, "oa-connect", said=oa)


def not_connected(tx: Transaction, who: Subject, why: str) -> None:
    """It came to nothing."""
    trace(tx, who, "oa-connect", allowed=False, said=why)


async def set_templates(tx: Transaction, who: Subject, templates: Mapping[str, str], hours: str = "") -> None:
    """Which template carries which kind, and the hours it tells; what rested because of its template goes again.

    Raises:
        NotFound: no account is connected.
    """
    said = msgspec.json.encode(dict(templates)).decode()
    found = await tx.fetchval(
        "update oa_connection set templates = $2::text::jsonb, hours = $3 where facility = $1 returning true",
        who.facility,
        said,
        hours,
    )
    if not found:
        raise NotFound(_("Cơ sở chưa nối tài khoản nào."))
    await tx.execute("delete from oa_rest where facility = $1 and kind <> ''", who.facility)
    trace(tx, who, "oa-templates", said=said)


async def let_go(tx: Transaction, who: Subject) -> None:
    """Its tokens are gone; who met it is forgotten."""
    for table in ("oa_connection", "oa_rest", "oa_user", "oa_talk", "oa_line"):
        await tx.execute(f"delete from {table} where facility = $1", who.facility)
    trace(tx, who, "oa-let-go")
