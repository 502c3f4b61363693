"""The app as it is built and served: small, complete in two languages, kept by browsers as far as it may be."""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
from collections.abc import Awaitable, Callable

import httpx
import pytest

from benhan.core.kit import assets
from benhan.patient import miniapp

SOURCE = assets.ROOT / "miniapp" / "src"
#: What a first visit may weigh, gzipped. Source: issue 5, item 1.
FIRST_LOAD = 250_000
Client = Callable[[str | None], Awaitable[httpx.AsyncClient]]


def built() -> dict[str, bytes]:
    return miniapp.APP.files()


def first() -> set[str]:
    """What is loaded before anything is seen."""
    config = json.loads(built()["app-config.json"])
    return {miniapp.PAGE, *config["listCSS"], *config["listSyncJS"], *config["listAsyncJS"]}


def test_a_first_visit_is_light_and_brings_nothing_of_zalo() -> None:
    files = built()
    in_zalo = {name for name in files if re.fullmatch(r"zalo\.[\w-]+\.module\.js", name)}
    assert in_zalo
    assert not in_zalo & first()
    assert sum(len(gzip.compress(files[name])) for name in first() | in_zalo) < FIRST_LOAD


def test_what_is_uploaded_is_what_zalo_takes() -> None:
    packed = miniapp.packed("https://benh-vien.vn/")
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert json.loads(archive.read("config.json")) == {"backend": "https://benh-vien.vn"}
        assert first() <= set(archive.namelist())
        assert not [name for name in archive.namelist() if name.endswith((".gz", ".br"))]


def test_every_text_has_its_english_and_every_english_its_text() -> None:
    sources = {path: path.read_text() for path in SOURCE.rglob("*.ts*")}
    english = set(re.findall(r'^  "(.+?)": "', sources.pop(SOURCE / "english.ts"), re.MULTILINE))
    said = {text for source in sources.values() for text in re.findall(r'\bt\(\s*"([^"]+)"', source)}
    everything = "\n".join(sources.values())
    assert said - english == set()
    assert {text for text in english if f'"{text}"' not in everything} == set()


@pytest.mark.asyncio(loop_scope="session")
async def test_the_page_is_asked_again_and_its_files_are_kept(client: Client) -> None:
    browser = await client(None)
    assert (await browser.get(miniapp.MOUNT)).headers["location"].endswith(f"{miniapp.MOUNT}/")
    for path in ("/", "/ho-so/ket-qua/2345-7", "/lich-hen/DK-7F4K-2Q9M"):
        page = await browser.get(miniapp.MOUNT + path)
        assert (page.status_code, page.headers["cache-control"]) == (200, "no-cache"), path
        assert "script-src 'self'" in page.headers["content-security-policy"]
    script = re.search(rf'src="({miniapp.MOUNT}/index\.[\w-]+\.module\.js)"', page.text)
    assert script
    kept = await browser.get(script.group(1), headers={"accept-encoding": "br"})
    assert (kept.headers["cache-control"], kept.headers["content-encoding"]) == (assets.FOREVER, "br")
    assert (await browser.get(f"{miniapp.MOUNT}/other.js")).status_code == 404
    assert (await browser.get(f"{miniapp.MOUNT}/../app.py")).status_code == 404
