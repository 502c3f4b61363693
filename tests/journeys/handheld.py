"""Somebody with the patient's app in her hand: a phone of 360 by 740, each screen looked at as she sees it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from playwright.async_api import Page, expect

from tests.browser import Axe

SMALL = (360, 740)
#: What a thumb would miss: lower than 48 pixels (WCAG 2.2, 2.5.5 asks 44), and neither in a text nor a whole card.
WRONG = """() => [...document.querySelectorAll("a, button, input, summary")]
  .filter((one) => one.offsetHeight && !one.closest("p, .skip, .notice"))
  .filter((one) => ![one, one.closest("label"), one.closest(".measured")].some((box) => box?.offsetHeight >= 48))
  .map((one) => one.outerHTML)
  .concat(document.documentElement.scrollWidth > window.innerWidth ? ["wider than the screen"] : [])"""


async def picture(page: Page, shots: Path | None, name: str, **how: Any) -> None:
    """A picture for whoever wants some."""
    if shots:
        await page.screenshot(path=shots / f"{name}.png", **how)


class Handheld:
    """A page with the app in it."""

    def __init__(self, page: Page, axe: Axe, shots: Path | None, name: str) -> None:
        self.page, self._axe, self.shots, self._name, self._count = page, axe, shots, name, 0

    async def sees(self, *texts: str | re.Pattern[str]) -> None:
        """Every text stands on the screen."""
        for text in texts:
            await expect(self.page.locator("#app")).to_contain_text(text)

    async def no_longer_sees(self, text: str) -> None:
        """It is gone."""
        await expect(self.page.locator("#app")).not_to_contain_text(text)

    async def taps(self, name: str | re.Pattern[str], role: str = "button") -> None:
        """A button, or what else has that name."""
        found = self.page.get_by_role(role, name=name, exact=isinstance(name, str)).first  # type: ignore[arg-type]
        await found.click()

    async def goes(self, name: str | re.Pattern[str]) -> None:
        """A link; the focus is then on the heading of where it leads."""
        await self.taps(name, "link")
        await expect(self.page.locator("h1")).to_be_focused()

    async def fills(self, label: str, value: str) -> None:
        """A field by its name."""
        await self.page.get_by_label(label, exact=True).fill(value)

    async def looks(self, screen: str) -> None:
        """A picture of what she sees; and all of the screen is open to everybody, and nothing wider than it."""
        self._count += 1
        await picture(self.page, self.shots, f"{self._name}-{self._count:02}-{screen}")
        wide, high = SMALL
        whole = await self.page.evaluate("document.documentElement.scrollHeight")
        await self.page.set_viewport_size({"width": wide, "height": max(high, whole)})  # nothing under the tabs
        wrong = [*await self._axe(self.page), *await self.page.evaluate(WRONG)]
        await self.page.set_viewport_size({"width": wide, "height": high})
        assert not wrong, f"{screen}: {wrong}"
