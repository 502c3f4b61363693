"""The patient's app as a web app: built from `miniapp/`, served at `/di-dong/` to whoever has no Zalo.

It holds no record: what it shows it asks of `/app/…`, with the session of whoever signed in there. The same build goes
to Zalo (`benhan miniapp`). Its files have hashed names and are kept for a year; the page that names them is not kept.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from benhan.core.kit import assets

MOUNT: Final = "/di-dong"
APP: Final = assets.Bundle(assets.ROOT / "miniapp", Path(__file__).parent / "static")
PAGE: Final = "index.html"
#: How names of files end; every other address is one of the app.
KINDS: Final = (".js", ".css", ".json", ".html", ".map", ".br", ".gz")
#: What keeps its name from one build to the next.
ASKED_AGAIN: Final = frozenset({PAGE, "worker.js", "config.json", "app-config.json"})
#: What Zalo takes. Source: shared/zalo/README.md ("Limits at upload").
MOST_ZIP, MOST_FILE = 10 << 20, 3 << 20


def served() -> ASGIApp:
    """The app at `/di-dong/`: every address without a file of that name is the page itself.

    Raises:
        BuildFailed: it has not been built.
    """
    files = APP.files()
    files[PAGE] = files[PAGE].replace(b'="./', f'="{MOUNT}/'.encode())  # its addresses go deeper than the page lies

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        last = str(scope["path"]).rpartition("/")[2]
        name = last if last in files or last.endswith(KINDS) else PAGE
        kept = "no-cache" if name in ASKED_AGAIN else assets.FOREVER
        await assets.answer(files, name, scope, kept)(scope, receive, send)

    return serve


def packed(backend: str) -> bytes:
    """The zip to upload to Zalo, for the program at `backend`.

    Raises:
        ValueError: more than Zalo takes.
        BuildFailed: it has not been built.
    """
    files = {name: body for name, body in APP.files().items() if not name.endswith((".br", ".gz"))}
    files["config.json"] = json.dumps({"backend": backend.rstrip("/")}).encode()
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(name, files[name])
    if len(written.getvalue()) > MOST_ZIP or max(map(len, files.values())) > MOST_FILE:
        raise ValueError("Zalo nhận gói dưới 10 MB, mỗi tệp dưới 3 MB.")
    return written.getvalue()
