"""The app inside Zalo: its hosts on loopback, and its browser with the bridge."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from playwright.async_api import Page
from starlette.applications import Starlette

from benhan.patient import miniapp
from benhan.patient.zalo import Zalo
from tests.browser import PATIENCE_MS, chromium
from tests.journeys.handheld import SMALL
from tests.patient import telephones
from tests.standins.zalo import SECRET, ZaloStandIn, zalo_stand_in
from tests.standins.zalo.app_host import ROOT

ANDROID: Final = (
    "Mozilla/5.0 (Linux; Android 14; SM-A156E) AppleWebKit/537.36 Mobile Zalo android/25110100 ZaloTheme/light"
)


@contextmanager
def zalo_hosts(app: Starlette, address: str, phone: str) -> Iterator[tuple[ZaloStandIn, int]]:
    """Zalo's hosts, where somebody of her own holds this telephone; and the port of those with a certificate."""
    person = f"336863734{phone}"
    there = ZaloStandIn(www=miniapp.APP.out, backend=address)
    token = there.person("uat-1", person, telephones.international(phone))
    there.boot = {"user": {"id": person, "token": "uat-1", "phoneToken": token}, "deny": [], "qr": ""}
    with zalo_stand_in(there) as graph, zalo_stand_in(there, tls=True) as hosts:
        app.state.zalo = Zalo(graph, SECRET)
        yield there, int(hosts.rpartition(":")[2])
        app.state.zalo = None


@asynccontextmanager
async def zalo_browser(port: int) -> AsyncIterator[Page]:
    """The app as Zalo's browser opens it: its own hosts, its bridge; no script of it breaks."""
    hosts = f"--host-resolver-rules=MAP *.zalo.me:443 127.0.0.1:{port},MAP h5.zdn.vn:443 127.0.0.1:{port}"
    wrong: list[str] = []
    async with chromium(hosts, "--ignore-certificate-errors") as browser:
        context = await browser.new_context(
            viewport={"width": SMALL[0], "height": SMALL[1]}, user_agent=ANDROID, locale="vi-VN", has_touch=True,
            reduced_motion="reduce", timezone_id="Asia/Ho_Chi_Minh", ignore_https_errors=True,
        )  # fmt: skip
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        await page.goto(f"https://h5.zdn.vn{ROOT}/")
        yield page
    assert not wrong
