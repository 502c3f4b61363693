"""Run it until Ctrl-C: the hosts for our server on --port, the Mini App's host over TLS on --app."""

from __future__ import annotations

import argparse
import threading
from contextlib import ExitStack
from pathlib import Path

from tests.standins.zalo.events import deliver, event, signature
from tests.standins.zalo.server import ZaloStandIn, zalo_stand_in

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8461)
parser.add_argument("--app", type=int, default=0, help="port of the Mini App's host (TLS)")
parser.add_argument("--www", type=Path, help="folder of the built Mini App")
parser.add_argument("--backend", default="http://127.0.0.1:8400", help="address of our server, for the Mini App")
parser.add_argument("--phone", default="84912345678", help="telephone of who holds the telephone")
parser.add_argument("--events", default="", help="address of the webhook: tells it that somebody follows")
told = parser.parse_args()
stand_in = ZaloStandIn(www=told.www, backend=told.backend)
phone_token = stand_in.person("uat-1", "3368637342326461234", told.phone)
stand_in.boot["user"] = {"id": "3368637342326461234", "token": "uat-1", "phoneToken": phone_token}
with ExitStack() as running:
    print(running.enter_context(zalo_stand_in(stand_in, told.port)), flush=True)
    if told.app:
        print(running.enter_context(zalo_stand_in(stand_in, told.app, tls=True)), flush=True)
    if told.events:
        raw = event("follow", "7279905758396907775", by_app="3368637342326461234")
        print(deliver(told.events, raw, signature(raw)), flush=True)
    threading.Event().wait()
