"""The browser that the tests bring themselves: Chromium from npm, driven by Playwright.

Nothing needs to be installed on the machine: npm (of the machine or from the Node wheel) fetches the browser with its
libraries once into `.cache/browser/`. `BENHAN_CHROMIUM=/path/to/chromium` uses another one.

Fixtures: `browser` (one for the session), `open_page` (a page with a viewport, theme, with or without JavaScript) and
`axe` (accessibility violations of a page); `looks` shows an open page in several sizes and both themes. `serve` runs an
ASGI application on a free port of loopback.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import socket
import subprocess
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

import pytest
import pytest_asyncio
from granian.constants import Interfaces
from granian.server.embed import Server
from playwright.async_api import Browser, Page, async_playwright, expect

from benhan.core.kit import assets

ROOT: Final = Path(__file__).parents[1]
TOOLS: Final = ROOT / "tests" / "browser_tools"
HOME: Final = ROOT / ".cache" / "browser"
ARGUMENTS: Final = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--font-render-hinting=none",
]  # fmt: skip
#: What the pages are held to: WCAG 2.2 A and AA, and axe's own good practice.
RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: Only what is played is fetched before axe looks: no other rule of these asks for it.
LOOK: Final = """(tags) => axe.run(document, {
    runOnly: tags, resultTypes: ["violations"], preload: Boolean(document.querySelector("audio, video")),
})"""
DESK: Final = (1366, 768)
PHONE: Final = (390, 844)
#: In which sizes and themes (dark or not) a screen is looked at where nothing else is said.
EVERY_LOOK: Final = ((DESK, False), (DESK, True), (PHONE, True), (PHONE, False))
#: What a page may take for anything on a machine where everybody works at once; nothing is faster for it, or slower.
PATIENCE_MS: Final = 30_000
expect.set_options(timeout=PATIENCE_MS)

#: What broke in the servers of this worker (see `serve`).
BROKEN: list[BaseException] = []

OpenPage = Callable[..., Awaitable[Page]]
Axe = Callable[[Page], Awaitable[list[str]]]


class BrowserMissing(RuntimeError):  # noqa: N818 - what happened, as it is told
    """The browser for the tests could not be brought; the message says which part and why."""


def bring() -> Path:
    """The Chromium to use, fetched and unpacked on first use.

    Raises:
        BrowserMissing: it could not be fetched or unpacked.
    """
    if chosen := os.environ.get("BENHAN_CHROMIUM"):
        if not Path(chosen).is_file():
            raise BrowserMissing(f"BENHAN_CHROMIUM={chosen}: no such file")
        return Path(chosen)
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _fetch()
        return _unpacked()


def _fetch() -> None:
    wanted = (TOOLS / "package-lock.json").read_text()
    stamp = HOME / ".installed"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    shutil.rmtree(HOME / "unpacked", ignore_errors=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(TOOLS / name, HOME / name)
    command = [*assets.npm(), "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"]
    _run(command, "npm could not bring @sparticuz/chromium and axe-core")
    stamp.write_text(wanted)


def _unpacked() -> Path:
    packs, home = HOME / "node_modules/@sparticuz/chromium/bin", HOME / "unpacked"
    chromium = home / "chromium"
    if chromium.is_file():
        return chromium
    fresh = HOME / "unpacking"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    for name in ("al2023.tar", "swiftshader.tar", "fonts.tar", "chromium"):
        _run(
            [assets.node_path(), str(TOOLS / "unpack.js"), str(packs / f"{name}.br"), str(fresh / name)],
            f"{name}.br is damaged",
        )
        if name.endswith(".tar"):
            with tarfile.open(fresh / name) as archive:
                archive.extractall(fresh, filter="data")
            (fresh / name).unlink()
    (fresh / "own.conf").write_text(
        f"<fontconfig><dir>{home}/fonts</dir><cachedir>{home}/cache</cachedir></fontconfig>"
    )
    (fresh / "chromium").chmod(0o755)
    _run([str(fresh / "chromium"), "--version"], "Chromium does not start on this machine", env=_environment(fresh))
    fresh.rename(home)
    return chromium


def _environment(home: Path) -> dict[str, str]:
    """Where Chromium finds the libraries and fonts that came with it (after those of the machine)."""
    found = os.environ.get("LD_LIBRARY_PATH", "")
    libraries = os.pathsep.join(part for part in (found, str(home / "lib"), str(home)) if part)
    fonts = {} if Path("/etc/fonts/fonts.conf").is_file() else {"FONTCONFIG_FILE": str(home / "own.conf")}
    return {**os.environ, "LD_LIBRARY_PATH": libraries, **fonts}


def _run(command: list[str], failure: str, env: dict[str, str] | None = None) -> None:
    ran = subprocess.run(command, cwd=HOME, env=env, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise BrowserMissing(f"{failure} (set BENHAN_CHROMIUM to use another browser):\n{ran.stderr[-1500:]}")


@asynccontextmanager
async def chromium(*more: str) -> AsyncIterator[Browser]:
    """A Chromium with these arguments too."""
    path = await asyncio.to_thread(bring)
    env: dict[str, Any] = _environment(path.parent)
    async with async_playwright() as playwright:
        made = await playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *more], env=env)
        yield made
        await made.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all tests of this worker."""
    async with chromium() as one:
        yield one


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser) -> AsyncIterator[OpenPage]:
    """`await open_page(url, size=PHONE, dark=True, javascript=False, cookies={…})`: a page in a context of its own.

    A script error, something that the content security policy stopped, or an error of the server (whether or not
    anybody saw its answer) fails the test at its end.
    """
    wrong: list[str] = []
    BROKEN.clear()
    async with AsyncExitStack() as stack:

        async def open_(
            url: str,
            *,
            size: tuple[int, int] = DESK,
            dark: bool = False,
            javascript: bool = True,
            cookies: dict[str, str] | None = None,
        ) -> Page:
            context = await browser.new_context(
                viewport={"width": size[0], "height": size[1]},
                color_scheme="dark" if dark else "light",
                java_script_enabled=javascript,
                reduced_motion="reduce",
                locale="vi-VN",
                timezone_id="Asia/Ho_Chi_Minh",
            )
            stack.push_async_callback(context.close)
            for name, value in (cookies or {}).items():
                await context.add_cookies([{"name": name, "value": value, "url": urljoin(url, "/")}])
            page = await context.new_page()
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.on("console", lambda said: wrong.append(said.text) if "Security Policy" in said.text else None)
            page.set_default_timeout(PATIENCE_MS)
            await page.goto(url)
            return page

        yield open_
    assert not wrong, wrong
    if BROKEN:
        raise BROKEN[0]


@pytest.fixture(scope="session")
def axe() -> Axe:
    """`await axe(page)`: accessibility violations, one line each: rule, first element, what to do. [] is good."""
    bring_axe = (HOME / "node_modules/axe-core/axe.min.js").read_text

    async def violations(page: Page) -> list[str]:
        if not await page.evaluate("'axe' in window"):  # brought anew it would have to be compiled anew
            await page.evaluate(bring_axe())
        found = await page.evaluate(LOOK, RULES)
        return [
            f"{one['id']}: {node['html'][:160]} · {node['failureSummary']}"
            for one in found["violations"]
            for node in one["nodes"]
        ]

    return violations


async def looks(page: Page, *chosen: tuple[tuple[int, int], bool]) -> AsyncIterator[str]:
    """`async for look in looks(page, (DESK, False), (DESK, True))`: the open page in each size and theme (dark or not).

    A theme is colours in the styles and nothing else (web/src/styles/tokens.css), and what depends on the width follows
    it: a page of its own for each look would tell the same at three times the price.
    """
    for (width, height), dark in chosen or EVERY_LOOK:
        await page.set_viewport_size({"width": width, "height": height})
        await page.emulate_media(color_scheme="dark" if dark else "light")
        await page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        yield f"{width}-{'dark' if dark else 'light'}"


@contextmanager
def held_port() -> Iterator[int]:
    """A free port of loopback that stays ours: a server that shares its port, as ours does, may listen there.

    A port that is only looked up may be taken before the server listens; two servers of ours would then share it.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


@asynccontextmanager
async def serve(app: Any) -> AsyncIterator[str]:
    """Serve an ASGI application on a free port of loopback, in this event loop; gives its base URL.

    What it fails to handle is kept in BROKEN. Whoever made the application starts and stops what runs beside it: others
    go on using it when this server is gone.
    """

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        try:
            await app(scope, receive, send)
        except Exception as error:
            BROKEN.append(error)
            raise

    with held_port() as port:
        server = Server(watched, address="127.0.0.1", port=port, interface=Interfaces.ASGINL)
        running = asyncio.create_task(server.serve())
        try:
            async with asyncio.timeout(PATIENCE_MS / 1000):
                while not await _answers(port) and not running.done():  # noqa: ASYNC110 - the server has no event for it
                    await asyncio.sleep(0.02)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.stop()  # type: ignore[no-untyped-call]
            await running


async def _answers(port: int) -> bool:
    try:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
