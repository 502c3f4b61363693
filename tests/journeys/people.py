"""The people of a journey: each sits at a screen of her own, and has a keyboard (or, without scripts, a finger)."""

from __future__ import annotations

import re

from playwright.async_api import Locator, Page, expect


class Person:
    """Somebody at a screen."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address

    async def opens(self, path: str) -> None:
        """Go to an address."""
        await self.page.goto(path if path.startswith("http") else f"{self.address}{path}")

    async def signs_in(self, login: str, password: str) -> None:
        """The sign-in form, by keyboard."""
        await self.opens("/dang-nhap")
        await self.tabs_to(self.page.locator("#login"))
        await self.types(login)
        await self.presses("Tab")
        await self.types(password)
        async with self.page.expect_navigation():
            await self.presses("Enter")

    async def types(self, text: str) -> None:
        """Type where the focus is, once the page is there."""
        await self.page.wait_for_load_state()
        await self.page.keyboard.type(text, delay=15)

    async def presses(self, *keys: str) -> None:
        """Press keys, one after the other, once the page is there."""
        await self.page.wait_for_load_state()
        for key in keys:
            await self.page.keyboard.press(key)

    async def tabs_to(self, target: Locator, most: int = 120) -> None:
        """Reach something with the Tab key alone."""
        await expect(target).to_be_visible()
        for _ in range(most):
            if await target.evaluate("one => one === document.activeElement"):
                return
            await self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not reach {target}")

    async def chooses(self, target: Locator) -> None:
        """Reach something with Tab and press Enter on it."""
        await self.tabs_to(target)
        await self.presses("Enter")

    async def fills(self, selector: str, text: str) -> None:
        """Reach a field with Tab and type over what is in it."""
        await self.tabs_to(self.page.locator(selector))
        await self.presses("ControlOrMeta+a")
        await self.types(text)

    async def sees(self, *texts: str | re.Pattern[str], place: str = "main") -> None:
        """Wait until these words stand on the screen."""
        for text in texts:
            await expect(self.page.locator(place).first).to_contain_text(text)

    async def has_focus_in(self, place: str) -> None:
        """Wait until the focus is inside a part of the screen."""
        await expect(self.page.locator(f"{place}:focus-within")).to_be_visible()

    async def finds(self, pattern: str, place: str = "main") -> str:
        """The first text of a pattern on the screen."""
        await expect(self.page.locator(place).first).to_contain_text(re.compile(pattern))
        found = re.search(pattern, await self.page.locator(place).first.inner_text())
        assert found
        return found.group()

    async def is_at(self, pattern: str) -> None:
        """Wait until the address is like this."""
        await self.page.wait_for_url(re.compile(pattern))
