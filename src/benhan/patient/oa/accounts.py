"""Which Official Account serves a facility, and a token of it that holds.

A facility has its own, or uses that of the facility that the operator named (`zalo_shared_facility`). A refresh token
is good once: whoever refreshes claims it first, in a transaction of its own, so one process does at a time; what comes
back is stored before anybody uses it. Where the answer is lost the old one is tried once more a minute later; refused,
the account has to be connected again, and the administrator's page says so. Source: shared/zalo/README.md (OAuth v4).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import msgspec

from benhan.core.access import Role, Subject, service
from benhan.core.access.audit import Event, record
from benhan.core.db import PLATFORM, Database, Row, Transaction
from benhan.core.db.background import Background
from benhan.core.kit.outside import NoAnswer, ask
from benhan.core.vault import Column
from benhan.settings import Settings

SECONDS: Final = 8.0
#: A token is refreshed so long before its end: a lost answer then stops no message.
AHEAD: Final = timedelta(hours=3)
#: So long a claimed refresh token is nobody else's: longer than any answer takes.
CLAIM: Final = timedelta(minutes=1)
#: What `trouble` says: Zalo did not take the refresh token; or, after an answer was lost.
REFUSED, LOST = "refused", "lost"
ACCESS, REFRESH = Column("oa_connection", "access"), Column("oa_connection", "refresh")

_SERVING: Final = """
select c.*, c.access_ends > now() as holds, c.access_ends < now() + $3::interval as soon
from oa_connection c join facility f on f.key = c.facility
where c.facility = $1 or ($2 <> '' and f.code = $2) order by (c.facility = $1) desc limit 1
"""
_CLAIM: Final = """
update oa_connection c set refreshing = now() from oa_connection before
where c.facility = $1 and before.facility = $1 and c.trouble = '' and c.access_ends < now() + $2::interval
    and (c.refreshing is null or c.refreshing < now() - $3::interval)
returning c.refresh, before.refreshing is not null as again
"""
_STORE: Final = """
update oa_connection set access = $2, refresh = $3, access_ends = now() + $4::interval, refreshing = null, trouble = ''
where facility = $1
"""
_DUE: Final = "select facility from oa_connection where trouble = '' and access_ends < now() + $1::interval"


class Tokens(msgspec.Struct, frozen=True):
    """What OAuth gives."""

    access: str
    refresh: str
    lasts: timedelta


class Held(msgspec.Struct, frozen=True):
    """An account with a token that holds: whose it is, and which of its templates carries which kind."""

    facility: int
    access: str
    templates: dict[str, str]


class App:
    """Our app at Zalo: what it asks of OAuth and of an account."""

    def __init__(self, settings: Settings, *, seconds: float = SECONDS) -> None:
        self.id, self._secret = settings.zalo_app_id, settings.zalo_app_secret.get_secret_value()
        self._oauth, self.openapi = settings.zalo_oauth.rstrip("/"), settings.zalo_openapi.rstrip("/")
        self.messages, self.shared = settings.zalo_messages.rstrip("/"), settings.zalo_shared_facility
        self.seconds = seconds

    @property
    def permission(self) -> str:
        """Where an administrator of the account lets our app in."""
        return f"{self._oauth}/v4/oa/permission"

    async def with_code(self, code: str, verifier: str) -> Tokens:
        """Tokens for a code. Source: RFC 7636 (PKCE).

        Raises:
            NoAnswer: Zalo gives none.
        """
        return await self._tokens(grant_type="authorization_code", code=code, code_verifier=verifier)

    async def with_refresh(self, refresh: str) -> Tokens:
        """New tokens for a refresh token, which is used up.

        Raises:
            NoAnswer: Zalo gives none; `perhaps`: it gave them to nobody.
        """
        return await self._tokens(grant_type="refresh_token", refresh_token=refresh)

    async def about(self, access: str) -> tuple[str, str]:
        """Id and name of the account that a token is of. What a browser says of it is not believed.

        Raises:
            NoAnswer.
        """
        address = f"{self.openapi}/v2.0/oa/getoa"
        said = await ask("GET", address, self.seconds, headers={"access_token": access})
        data = said.get("data")
        if said.get("error") != 0 or not isinstance(data, dict) or not data.get("oa_id"):
            raise NoAnswer("refused", str(said.get("error")))
        return str(data["oa_id"]), str(data.get("name") or "")[:100]

    async def _tokens(self, **form: str) -> Tokens:
        said = await ask(
            "POST", f"{self._oauth}/v4/oa/access_token", self.seconds, headers={"secret_key": self._secret},
            data={"app_id": self.id, **form},
        )  # fmt: skip
        try:
            lasts = timedelta(seconds=min(int(said["expires_in"]), 10**7))
            return Tokens(str(said["access_token"]), str(said["refresh_token"]), lasts)
        except (KeyError, ValueError):
            raise NoAnswer("refused", str(said.get("error") or "no token")) from None


def oa_app(settings: Settings) -> App | None:
    """Our app, where the operator named it."""
    named = settings.zalo_app_id and settings.zalo_app_secret.get_secret_value()
    return App(settings) if named else None


class Accounts:
    """The accounts of this installation, for whoever sends."""

    def __init__(self, app: App, database: Database) -> None:
        self.app, self._database = app, database

    async def held(self, facility: int) -> Held:
        """The account that serves a facility.

        Raises:
            NoAnswer: there is none, or its token does not hold and cannot be had now.
        """
        row = await self._row(facility)
        if row["soon"]:
            await self._refresh(row["facility"])
            row = await self._row(facility)
        if not row["holds"]:
            raise NoAnswer("refused", f"the account has to be connected again: {row['trouble'] or 'no token'}")
        async with self._database.transaction(row["facility"]) as tx:
            return Held(row["facility"], _shown(tx, ACCESS, row), msgspec.json.decode(row["templates"]))

    async def not_taken(self, held: Held) -> None:
        """Zalo did not take this token (-216, -220, -124): it holds no more, unless another has come since."""
        async with self._database.transaction(held.facility) as tx:
            row = await tx.fetchrow("select * from oa_connection where facility = $1 for update", held.facility)
            if row and _shown(tx, ACCESS, row) == held.access:
                await tx.execute(
                    "update oa_connection set access_ends = now() where facility = $1 and access_ends > now()",
                    held.facility,
                )

    async def due(self) -> list[int]:
        """Facilities whose token ends soon."""
        async with self._database.transaction(PLATFORM) as tx:
            return [row["facility"] for row in await tx.fetch(_DUE, AHEAD)]

    async def _row(self, facility: int) -> Row:
        async with self._database.transaction(PLATFORM) as tx:
            row = await tx.fetchrow(_SERVING, facility, self.app.shared, AHEAD)
        if row is None:
            raise NoAnswer("refused", "no account is connected")
        return row

    async def _refresh(self, facility: int) -> None:
        """Exchange the tokens, if nobody else is at it."""
        async with self._database.transaction(facility) as tx:
            row = await tx.fetchrow(_CLAIM, facility, AHEAD, CLAIM)
            refresh = REFRESH.show(tx, facility, str(facility), row["refresh"]) if row else ""
        if row is None:
            return
        try:
            tokens = await self.app.with_refresh(refresh)
        except NoAnswer as trouble:
            await self._not_refreshed(facility, trouble, again=row["again"])
            return
        async with self._database.transaction(facility) as tx:
            access, refresh = await hidden(tx, facility, tokens)
            await tx.execute(_STORE, facility, access, refresh, tokens.lasts)

    async def _not_refreshed(self, facility: int, trouble: NoAnswer, *, again: bool) -> None:
        """Refused: to be connected again. Everything else is tried again when the claim is over."""
        lost = LOST if again else REFUSED
        async with self._database.transaction(facility) as tx:
            if trouble.kind == "refused":
                await tx.execute(
                    "update oa_connection set trouble = $2, refreshing = null where facility = $1", facility, lost
                )
            elif not trouble.perhaps:  # it never came there: nothing was lost
                await tx.execute("update oa_connection set refreshing = null where facility = $1", facility)
            said = f"{lost}: {trouble}" if trouble.kind == "refused" else str(trouble)
            trace(tx, service(Role.TELLING_SERVICE, facility), "oa-refresh", allowed=False, said=said)


class Keeping(Background):
    """Refreshes the tokens of accounts before they end, so that one that rarely writes is not lost either."""

    failure = "tokens of an Official Account could not be refreshed"
    rest_seconds = 60.0

    def __init__(self, database: Database, accounts: Accounts) -> None:
        super().__init__(database)
        self._accounts = accounts

    async def turn(self) -> float:
        """All that end soon."""
        for facility in await self._accounts.due():
            try:
                await self._accounts.held(facility)
            except NoAnswer:  # noted in its row
                continue
        return self.rest_seconds


async def hidden(tx: Transaction, facility: int, tokens: Tokens) -> tuple[str, str]:
    """Both tokens as they are kept."""
    row = str(facility)
    return (
        await ACCESS.hide(tx, facility, row, tokens.access),
        await REFRESH.hide(tx, facility, row, tokens.refresh),
    )


def trace(tx: Transaction, who: Subject, action: str, *, allowed: bool = True, said: str = "") -> None:
    """What happened to an account stands in the audit."""
    record(tx, who, Event(action, allowed=allowed, rule=said[:200]))


def _shown(tx: Transaction, column: Column, row: Any) -> str:
    return column.show(tx, row["facility"], str(row["facility"]), row["access"])
