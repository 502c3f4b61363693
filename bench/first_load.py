"""How soon the patient's app is usable on a slow phone: a throttled line and a quarter of the processor, nothing kept.

    python -m bench.first_load http://127.0.0.1:8400      # a server that runs: `benhan demo`, `benhan up`

Usable: the first field takes letters. Source of the profiles: Lighthouse ("slow 4G") and DevTools ("fast 3G").
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from benhan.patient import miniapp
from tests.browser import chromium
from tests.journeys.handheld import SMALL

#: Name → round trip in milliseconds, kilobits a second.
LINES: Final = {"slow 4G": (150, 1638), "fast 3G": (300, 1600), "3G": (300, 750)}
SLOWER: Final = 4
WEIGHT: Final = """performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation"))
  .filter((one) => one.name.includes("/di-dong/")).reduce((sum, one) => sum + one.transferSize, 0)"""


async def measure(address: str) -> None:
    """One first visit on each line."""
    async with chromium() as browser:
        for name, (delay, kilobits) in LINES.items():
            size = {"width": SMALL[0], "height": SMALL[1]}
            context = await browser.new_context(viewport=size, service_workers="block")  # type: ignore[arg-type]
            page = await context.new_page()
            tools = await context.new_cdp_session(page)
            speed = kilobits * 1024 // 8
            line = {"offline": False, "latency": delay, "downloadThroughput": speed, "uploadThroughput": speed}
            await tools.send("Network.emulateNetworkConditions", line)
            await tools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
            await page.goto(f"{address}{miniapp.MOUNT}/", wait_until="commit")
            await page.wait_for_selector("input")
            usable, weight = round(await page.evaluate("performance.now()")), await page.evaluate(WEIGHT)
            print(f"{name}: usable after {usable} ms, {weight / 1000:.0f} KB")
            await context.close()


if __name__ == "__main__":
    asyncio.run(measure(sys.argv[1].rstrip("/")))
