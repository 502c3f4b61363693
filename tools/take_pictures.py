"""The pictures of the README: a fresh demo, a real browser, one PNG a screen in docs/pictures.

Run `uv run python tools/take_pictures.py` (about two minutes). The people in the pictures come from the simulator.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))
from benhan.simulator.accounts import DEMO_PASSWORD
from tests.browser import ARGUMENTS, DESK, PHONE, bring
from tests.conftest import free_port

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
#: name → login (None: nobody), address or a link to follow, phone, dark.
PICTURES: tuple[tuple[str, str | None, str, bool, bool], ...] = (
    ("reception", "tiepdon", "/tiep-don", False, False),
    ("queue", "tiepdon", "/hang-doi", False, False),
    ("hall", "manhinh", "/man-hinh", False, False),
    ("worklist", "bacsi", "/kham", False, False),
    ("laboratory", "xetnghiem", "/xet-nghiem", False, False),
    ("imaging", "cdha", "/chan-doan-hinh-anh", False, False),
    ("province", "soyte", "/so-y-te", False, False),
    ("booking", None, "/dat-kham", True, False),
    ("province-phone", "soyte", "/so-y-te", True, True),
)


def main() -> None:
    """Start a demo of its own, take the pictures, stop it."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="benhan-pictures-") as name:
        Path(name).chmod(0o755)
        command = [sys.executable, "-m", "benhan.cli", "demo", "--data", name, "--port", str(port)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as demo:
            try:
                _wait(f"http://127.0.0.1:{port}/readyz")
                asyncio.run(_take(f"http://127.0.0.1:{port}"))
            finally:
                demo.terminate()


def _wait(address: str) -> None:
    for _ in range(600):
        try:
            if urllib.request.urlopen(address, timeout=2).status == 200:
                return
        except OSError:
            time.sleep(0.5)
    raise SystemExit("the demo did not become ready")


async def _take(base: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(bring()), args=ARGUMENTS)
        for name, login, path, phone, dark in PICTURES:
            page = await _page(browser, phone=phone, dark=dark)
            await _sign_in(page, base, login)
            await page.goto(base + path)
            if name == "reception":
                await _somebody_at_the_desk(page, base)
            await _shoot(page, name)
            if name == "worklist":
                await _consultation(page)
        await browser.close()


async def _somebody_at_the_desk(page: Page, base: str) -> None:
    """A patient found by name, standing before the desk."""
    await page.goto(f"{base}/tiep-don/nguoi-benh?q=dang+thi")
    await page.locator('main a[href^="/tiep-don/nguoi/"]').first.click()


async def _consultation(page: Page) -> None:
    """The doctor opens a visit whose results are back."""
    await page.locator("#can-ky li:has(.pill.ok) a").first.click()
    await _shoot(page, "consultation")


async def _page(browser: Browser, *, phone: bool, dark: bool) -> Page:
    width, height = PHONE if phone else DESK
    context = await browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", locale="vi-VN"
    )
    return await context.new_page()


async def _sign_in(page: Page, base: str, login: str | None) -> None:
    if login is None:
        return
    await page.goto(f"{base}/dang-nhap")
    await page.fill("#login", login)
    await page.fill("#password", DEMO_PASSWORD)
    async with page.expect_navigation():
        await page.keyboard.press("Enter")


async def _shoot(page: Page, name: str) -> None:
    await page.wait_for_load_state("load")
    await page.wait_for_timeout(600)
    await page.screenshot(path=FOLDER / f"{name}.png")
    print(name)


if __name__ == "__main__":
    main()
