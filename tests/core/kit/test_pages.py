"""The shell: who sees what, in which language and theme, and assets that browsers keep."""

from __future__ import annotations

from collections.abc import AsyncIterator
from xml.etree import ElementTree

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from benhan.core.kit import assets, charts, pages


@pytest_asyncio.fixture
async def client(kit_app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(kit_app), base_url="http://benhan") as made:
        yield made


async def test_the_navigation_shows_what_the_person_may_use(client: httpx.AsyncClient) -> None:
    page = (await client.get("/kit")).text
    assert 'href="/tiep-don"' in page
    assert 'href="/so-y-te"' not in page


def test_the_longest_entry_that_leads_here_is_the_current_one() -> None:
    nav = [pages.NavItem(path, path, None) for path in ("/", "/tiep-don", "/tiep-don/nguoi-benh")]
    assert pages._here("/tiep-don/nguoi-benh/7", nav) == "/tiep-don/nguoi-benh"
    assert pages._here("/tiep-don", nav) == "/tiep-don"
    assert pages._here("/kham", nav[1:]) is None


async def test_a_page_in_english_is_remembered(client: httpx.AsyncClient) -> None:
    page = await client.get("/kit?lang=en")
    assert '<html lang="en"' in page.text
    assert "Vital signs" in page.text
    assert page.headers["content-language"] == "en"
    assert '<html lang="en"' in (await client.get("/kit")).text


@pytest.mark.parametrize("back", ["https://elsewhere.vn/", "//elsewhere.vn", "/\\elsewhere.vn", "javascript:alert(1)"])
async def test_preferences_never_lead_to_another_site(client: httpx.AsyncClient, back: str) -> None:
    answer = await client.post("/tuy-chon", data={"theme": "dark", "back": back})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_a_page_holds_no_inline_script_and_no_inline_style(client: httpx.AsyncClient) -> None:
    page = (await client.get("/kit")).text
    assert " style=" not in page
    assert " onclick=" not in page
    assert "<script>" not in page


async def test_a_page_is_not_kept_by_the_browser_and_an_asset_forever(client: httpx.AsyncClient) -> None:
    assert (await client.get("/kit")).headers["cache-control"] == "no-store"
    style = await client.get(assets.url("main.css"), headers={"Accept-Encoding": "gzip"})
    assert "immutable" in style.headers["cache-control"]
    assert style.headers["content-encoding"] == "gzip"
    assert style.headers["content-type"].startswith("text/css")


@pytest.mark.parametrize("name", ["manifest.json", "../pages.py", "nothing.js", ".stamp"])
async def test_nothing_but_the_assets_is_served(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.get(f"/static/{name}")).status_code == 404


async def test_what_a_page_loads_is_small(client: httpx.AsyncClient) -> None:
    sizes = [
        len((assets.STATIC / (assets.url(n).rpartition("/")[2] + ".br")).read_bytes()) for n in ("main.js", "main.css")
    ]
    assert sum(sizes) < 60_000


def test_every_icon_that_a_screen_names_is_in_the_sprite() -> None:
    sprite = ElementTree.fromstring(next(assets.STATIC.glob("icons-*.svg")).read_text())
    names = {symbol.get("id") for symbol in sprite}
    assert {"alert-circle", "check", "chevron-down", "logout", "search", "trash", "user", "x"} <= names


@pytest.mark.parametrize(
    ("key", "shown"),
    [("enter", "Enter"), ("shift+enter", "Shift Enter"), ("g o", "g o"), ("+", "+"), ("escape|x", "Esc")],
)
def test_keys_are_shown_as_on_the_keyboard(key: str, shown: str) -> None:
    assert pages.key_shown(key) == shown


@pytest.mark.parametrize(
    "drawing",
    [
        charts.sparkline([3.9, None, 7.1], title="Đường huyết <mmol>", band=(3.9, 6.4)),
        charts.sparkline([], title="Trống"),
        charts.line(["a", "b"], [1, 2], [3, None], title="Hai đường"),
        charts.line([], [], title="Trống"),
        charts.bars([0, 0], title="Không"),
        charts.bars([1, 5], title="Lượt", labels=["7h", "8h"], future_from=1),
        charts.share([("a", 0), ("b", 0)], title="Không", legend=False),
    ],
)
def test_a_chart_is_an_image_with_a_name(drawing: str) -> None:
    image = ElementTree.fromstring(drawing)
    assert image.get("role") == "img"
    assert image.get("aria-label")
    assert "nan" not in drawing


def test_a_chart_tells_its_values() -> None:
    assert "3,9; 7,1 (3,9–6,4)" in charts.sparkline([3.9, 7.1], title="Đường huyết", band=(3.9, 6.4))
