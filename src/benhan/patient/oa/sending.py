"""Two ways of the Official Account: a template message by her id there, and one by her telephone.

What an error means is a table. Some say that she cannot be reached so (the next way is tried), some that this way, or
one kind of message, rests for a while: that is kept for every process and stands on the administrator's page.
Source: shared/zalo/README.md, zalo-errors.json.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final

from benhan.core.db import PLATFORM, Database
from benhan.core.kit import clock
from benhan.core.kit.outside import NoAnswer, ask
from benhan.patient.messages import Kind, Message, NotNow, Sender, ShortMessage, To, international
from benhan.patient.oa.accounts import Accounts, Held, oa_app
from benhan.settings import Settings

#: What a parameter is called in templates of Zalo, where it is not as here.
PARAMETERS: Final[dict[Kind, dict[str, str]]] = {"code": {"code": "otp"}}


class Verdict(StrEnum):
    """What an error means for what is sent next."""

    TOKEN = "token"  # noqa: S105 - the token is to be refreshed, and the message sent once more
    NEXT = "next"  # she cannot be reached by this way
    BACK_OFF = "back-off"  # too many at once: this way rests a little
    MORNING = "morning"  # quiet hours
    TOMORROW = "tomorrow"  # the quota of the account for today is used up
    KIND_TOMORROW = "kind-tomorrow"  # that of this template
    TEMPLATE = "template"  # the template is not (any more) approved
    BALANCE = "balance"  # nobody paid


#: An error that is not here is one of this message or person: the next way is tried.
VERDICTS: Final = {
    -216: Verdict.TOKEN, -220: Verdict.TOKEN, -124: Verdict.TOKEN,
    -32: Verdict.BACK_OFF,
    -234: Verdict.MORNING, -133: Verdict.MORNING,
    -144: Verdict.TOMORROW, -211: Verdict.TOMORROW, -147: Verdict.KIND_TOMORROW,
    -131: Verdict.TEMPLATE, -109: Verdict.TEMPLATE, -117: Verdict.TEMPLATE, -146: Verdict.TEMPLATE,
    -115: Verdict.BALANCE, -137: Verdict.BALANCE, -126: Verdict.BALANCE, -321: Verdict.BALANCE,
    -118: Verdict.NEXT, -119: Verdict.NEXT, -114: Verdict.NEXT, -213: Verdict.NEXT, -217: Verdict.NEXT,
    -227: Verdict.NEXT, -230: Verdict.NEXT, -232: Verdict.NEXT, -244: Verdict.NEXT, -249: Verdict.NEXT,
}  # fmt: skip
#: These rest one kind of message; the others the whole way.
_OF_KIND: Final = frozenset({Verdict.KIND_TOMORROW, Verdict.TEMPLATE})
#: These ask for patience; the others send the message by the next way.
PATIENT: Final = frozenset({Verdict.BACK_OFF, Verdict.MORNING})
BACK_OFF: Final = timedelta(seconds=30)
UNPAID: Final = timedelta(hours=1)
#: No message but an urgent one between these hours. Source: Zalo (-234), Nghị định 91/2020/NĐ-CP art. 13.
NIGHT_BEGINS, NIGHT_ENDS = time(22), time(6)

_RESTING: Final = """
select until, why from oa_rest where facility = $1 and road = $2 and kind in ('', $3) and until > now()
order by until desc limit 1
"""
_REST: Final = """
insert into oa_rest (facility, road, kind, until, why) values ($1, $2, $3, $4, $5)
on conflict (facility, road, kind) do update set until = $4, why = $5
"""
_USER: Final = """
select u.id from oa_user u join person p on p.zalo = u.by_app
where u.facility = $1 and u.by_app <> '' and p.id = $2 and u.follows
"""


class ZaloTemplate(ABC):
    """What both ways share: the token, what rests, and what an error means."""

    name = "zalo"
    road: str
    path: str

    def __init__(self, database: Database, accounts: Accounts) -> None:
        self._database, self._accounts = database, accounts

    @abstractmethod
    async def address(self, held: Held, to: To) -> dict[str, str]:
        """How she is named on this way.

        Raises:
            NoAnswer: she has no name on it.
        """

    @property
    @abstractmethod
    def host(self) -> str:
        """Base URL."""

    async def send(self, to: To, message: Message) -> str:
        """Send it by the template that was approved for its kind; a token that does not hold is exchanged once."""
        held = await self._accounts.held(to.facility)
        if not (template := held.templates.get(message.kind)):
            raise NoAnswer("refused", f"no template for {message.kind}")
        named = await self.address(held, to)
        await self._refuse_resting(held, message.kind)
        names = PARAMETERS.get(message.kind, {})
        body = {
            **named, "template_id": template, "tracking_id": message.reference,
            "template_data": {names.get(name, name): value for name, value in message.values.items()},
        }  # fmt: skip
        said = await self._asked(held, body)
        if _verdict(said) is Verdict.TOKEN:
            await self._accounts.not_taken(held)
            held = await self._accounts.held(to.facility)
            said = await self._asked(held, body)
        if said.get("error") != 0:
            await self._not_taken(held, message.kind, said)
        data = said.get("data")
        return str(data.get("msg_id") or "")[:100] if isinstance(data, dict) else ""

    async def _asked(self, held: Held, body: dict[str, Any]) -> dict[str, Any]:
        seconds = self._accounts.app.seconds
        return await ask("POST", self.host + self.path, seconds, headers={"access_token": held.access}, json=body)

    async def _refuse_resting(self, held: Held, kind: Kind) -> None:
        async with self._database.transaction(held.facility) as tx:
            row = await tx.fetchrow(_RESTING, held.facility, self.road, kind)
        if row is None:
            return
        if Verdict(row["why"].split()[0]) in PATIENT:
            raise NotNow(f"rests: {row['why']}", row["until"])
        raise NoAnswer("refused", f"rests: {row['why']}")

    async def _not_taken(self, held: Held, kind: Kind, said: dict[str, Any]) -> None:
        """Note what rests from now on.

        Raises:
            NotNow: later by this way; NoAnswer: the next way.
        """
        verdict, error = _verdict(said), str(said.get("error"))
        until = rests_until(verdict, clock.now())
        if until is None:
            raise NoAnswer("refused", error)
        async with self._database.transaction(held.facility) as tx:
            of = kind if verdict in _OF_KIND else ""
            await tx.execute(_REST, held.facility, self.road, of, until, f"{verdict} {error}")
        if verdict in PATIENT:
            raise NotNow(error, until)
        raise NoAnswer("refused", error)


class ToUser(ZaloTemplate):
    """By her id at the Official Account. Zalo: POST openapi…/v3.0/oa/message/template."""

    road, path = "user", "/v3.0/oa/message/template"

    @property
    def host(self) -> str:
        """The account's."""
        return self._accounts.app.openapi

    async def address(self, held: Held, to: To) -> dict[str, str]:
        """Her id there, where she follows the account and her Zalo opens her record."""
        async with self._database.transaction(held.facility) as tx:
            await tx.reach(PLATFORM)  # a person is of the platform
            user = await tx.fetchval(_USER, held.facility, to.person) if to.person else None
        if user is None:
            raise NoAnswer("refused", "no id at the account")
        return {"user_id": user}


class ToPhone(ZaloTemplate):
    """By her telephone. Zalo: POST business.openapi…/message/template."""

    road, path = "phone", "/message/template"

    @property
    def host(self) -> str:
        """That of messages by telephone."""
        return self._accounts.app.messages

    async def address(self, held: Held, to: To) -> dict[str, str]:
        """Her telephone."""
        if not to.phone:
            raise NoAnswer("refused", "no telephone")
        return {"phone": international(to.phone)}


def senders(settings: Settings, database: Database) -> list[Sender]:
    """The ways that the operator set up, in the order in which they are tried: both of Zalo, then short messages."""
    found: list[Sender] = []
    if app := oa_app(settings):
        accounts = Accounts(app, database)
        found += [ToUser(database, accounts), ToPhone(database, accounts)]
    if settings.sms_gateway:
        token = settings.sms_token.get_secret_value()
        found.append(ShortMessage(settings.sms_gateway, token, settings.sms_sender, settings.sms_texts))
    return found


def rests_until(verdict: Verdict | None, now: datetime) -> datetime | None:
    """Until when nothing goes this way; None: it does not rest."""
    match verdict:
        case Verdict.BACK_OFF:
            return now + BACK_OFF
        case Verdict.BALANCE:
            return now + UNPAID
        case Verdict.MORNING:
            return morning(now) or now + UNPAID
        case Verdict.TOMORROW | Verdict.KIND_TOMORROW | Verdict.TEMPLATE:
            return clock.day_bounds(clock.local(now).date())[1]
        case _:
            return None


def morning(at: datetime) -> datetime | None:
    """When the quiet hours end that this moment falls into; None: it is in none."""
    here = clock.local(at)
    if NIGHT_ENDS <= here.time() < NIGHT_BEGINS:
        return None
    ends = here.replace(hour=NIGHT_ENDS.hour, minute=0, second=0, microsecond=0)
    return ends if here.time() < NIGHT_ENDS else ends + timedelta(days=1)


def _verdict(said: dict[str, Any]) -> Verdict | None:
    if (error := said.get("error")) == 0:
        return None
    return VERDICTS.get(error, Verdict.NEXT) if isinstance(error, int) else Verdict.NEXT
