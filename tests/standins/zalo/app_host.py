"""h5.zdn.vn and h5.zalo.me: the pages of a Mini App as Zalo's browser gets them, with the bridge in them.

The folder is what the build made (`index.html`, `app-config.json`, …). `bridge.js` beside this file plays the browser
of a telephone; without it pages are served as they are.
"""

from __future__ import annotations

import json
import mimetypes
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.standins.zalo.account import APP

BRIDGE = Path(__file__).with_name("bridge.js")
ROOT = f"/zapps/{APP}"


@dataclass
class AppHost:
    """The app's folder, and who holds the telephone."""

    www: Path | None = None
    #: What `bridge.js` reads as `window.__ZALO_STANDIN__`: user, denied scopes, what a camera sees.
    boot: dict[str, Any] = field(default_factory=lambda: {"user": {}, "deny": []})
    #: Address of our server: all that the app's `config.json` says.
    backend: str = ""

    def page(self, path: str) -> tuple[bytes, str]:
        """A file of the app; every other address is its first page. Gives the bytes and their type."""
        if self.www is None:
            return b"", "text/plain"
        if path == f"{ROOT}/config.json":
            return json.dumps({"backend": self.backend}).encode(), "application/json"
        base = self.www.resolve()
        file = (base / path.removeprefix(ROOT).lstrip("/")).resolve()
        if not file.is_relative_to(base) or not file.is_file():
            file = base / "index.html"
        raw = file.read_bytes()
        if file.name == "index.html":
            raw = raw.replace(b"<head>", b"<head>" + self._injected().encode(), 1)
        return raw, mimetypes.guess_type(file)[0] or "application/octet-stream"

    def api(self, path: str) -> dict[str, Any]:
        """h5.zalo.me, as zmp-sdk asks it."""
        if path == "/openapi/access_token":
            token = self.boot["user"].get("token", "uat-1")
            return {"access_token": token, "refresh_token": "r-1", "expires_in": "3600"}
        if path == "/apis/users/auth-settings":
            scopes = ("scope.userInfo", "scope.userPhonenumber", "scope.userLocation")
            return {"err": 0, "msg": "ok", "data": {one: one not in self.boot["deny"] for one in scopes}}
        if path == "/apps/get-info":
            data = {"name": "Bệnh Án", "version": "1", "description": "", "appUrl": f"https://zalo.me/s/{APP}",
                    "qrCodeUrl": "", "logoUrl": "", "cateType": "7", "zaloAppId": APP}  # fmt: skip
            return {"err": 0, "data": data}
        return {"err": 0, "data": {}}

    def _injected(self) -> str:
        if not BRIDGE.exists():
            return f'<base href="{ROOT}/">'
        config = self.www / "app-config.json" if self.www else Path()
        said = {"appId": APP, "zaloAppId": APP, "version": "1", **self.boot,
                "appConfig": json.loads(config.read_text("utf-8")) if config.is_file() else {}}  # fmt: skip
        text = json.dumps(said).replace("<", "\\u003c")
        return (
            f'<base href="{ROOT}/"><script>window.__ZALO_STANDIN__={text};</script>'
            f"<script>{BRIDGE.read_text('utf-8')}</script>"
        )
