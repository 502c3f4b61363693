"""What the server says of a Subscription: active, error, off. Written into the resource and beside it at once."""

from __future__ import annotations

from typing import Final

import msgspec

from benhan.core.access import Role, service
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Gone, NotFound
from benhan.core.language import later
from benhan.core.store.read import read
from benhan.core.store.records import NUMBERS
from benhan.core.store.write import update

#: Why a subscription stands still, as its owner and the administrator read it. English, for other software.
OWNER_GONE: Final = "The account that subscribed may no longer read these records."
ENDED: Final = "The subscription has ended."
TOO_MANY: Final = "Too many notifications in a row could not be delivered."
#: The same texts on the administrator's page.
SAID: Final = {
    OWNER_GONE: later("Tài khoản đăng ký không còn quyền đọc các hồ sơ này."),
    ENDED: later("Đăng ký đã hết hạn."),
    TOO_MANY: later("Quá nhiều thông báo liên tiếp không gửi được."),
}

_STATE = "update subscription set status = $3, error = $4 where facility = $1 and id = $2"
#: The record first, as its owner's own writes do: so that the two wait for each other, and never in a circle.
_RECORD = "select from resource where facility = $1 and type = $2 and id = $3 for update"
_CLAIM = "select claim from subscription where facility = $1 and id = $2 for update"


async def say(tx: Transaction, facility: int, id_: str, claim: str, status: str, error: str | None = None) -> None:
    """Set the state of a subscription in hand, in a transaction of its own at its facility.

    Nothing is said where its owner has changed or stopped it meanwhile.
    """
    await tx.execute(_RECORD, facility, NUMBERS["Subscription"], id_)
    if await tx.fetchval(_CLAIM, facility, id_) != claim:
        return
    await tx.execute(_STATE, facility, id_, status, error)
    who = service(Role.SUBSCRIPTION_SERVICE, facility)
    try:
        kept = await read(tx, who, r4.Subscription, id_)
    except (NotFound, Gone):
        return
    if (kept.status, kept.error) != (status, error):
        await update(tx, who, msgspec.structs.replace(kept, status=status, error=error), if_match=None)
