"""A stand-in of Zalo's servers: who somebody is, the Official Account, its events, the host of Mini Apps.

    python -m tests.standins.zalo --port 8461 --app 8443 --www miniapp/www --events http://127.0.0.1:8400/zalo/webhook

Protocol: shared/zalo/README.md and zalo-errors.json. Every answer is HTTP 200 and says in `error` what is wrong. Every
number, name and token in it is invented. `graph`: who calls; `account`: OAuth v4 and messages; `events`: webhooks,
signed; `payment`: orders and their callbacks; `app_host`: pages of a Mini App; `server`: all of it on loopback.
"""

from tests.standins.zalo.account import (
    APP,
    FIRST_ACCESS,
    FIRST_REFRESH,
    GLASS_TEMPLATE,
    OA,
    SECRET,
    TEMPLATE,
    TEMPLATES,
    Account,
)
from tests.standins.zalo.events import MINI_APP_KEY, OA_SECRET, deliver, event, signature, withdrawal
from tests.standins.zalo.server import ZaloStandIn, zalo_stand_in

__all__ = [
    "APP", "FIRST_ACCESS", "FIRST_REFRESH", "GLASS_TEMPLATE", "MINI_APP_KEY", "OA", "OA_SECRET", "SECRET", "TEMPLATE",
    "TEMPLATES", "Account", "ZaloStandIn", "deliver", "event", "signature", "withdrawal", "zalo_stand_in",
]  # fmt: skip
