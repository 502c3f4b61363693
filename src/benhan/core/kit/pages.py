"""Pages: one Jinja environment, the shell around every screen, language and theme.

Departments register their template folder once (`register("reception", "benhan.hospital.reception")`) and call
`render(request, "reception/desk.html", …)`. Undefined names are errors; everything is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from benhan.core import language
from benhan.core.kit import assets, charts, clock, marks, money, text
from benhan.core.kit.compiled import Compiled

#: Only our own scripts and styles, nothing inline; pictures and PDFs may also be made in the page.
CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; media-src 'self'; frame-src 'self'; form-action 'self'; "
    "frame-ancestors 'self'; base-uri 'none'; object-src 'none'"
)
#: Headers that the edge puts on every page.
HEADERS: Final = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(), payment=()",
}
THEMES: Final = {
    "auto": language.later("Theo máy"),
    "light": language.later("Sáng"),
    "dark": language.later("Tối"),
}
#: And where the public address is https://: browsers come back by nothing else. Source: OWASP ASVS 5.0 3.4.1.
HTTPS_HEADERS: Final = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}
PREFERENCES_PATH: Final = "/tuy-chon"
#: Under which name a request carries where the change feed stood when it came in; what a page shows is no older.
FEED: Final = "benhan.feed"
_YEAR: Final = 31_536_000
_PRIVATE: Final = {"Cache-Control": "no-store", "Vary": "Cookie, HX-Request"}

_folders: dict[str, FileSystemLoader] = {}


class NavItem(NamedTuple):
    """One entry of the navigation: a label (Vietnamese, `later`), where it leads, who sees it, its key ("g t")."""

    label: str
    path: str
    permission: Any
    key: str | None = None


def register(name: str, package: str) -> None:
    """Make `name/….html` the templates of a package (its folder `templates/`) and learn its english.po."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise LookupError(f"không có gói {package}")
    folder = Path(spec.origin).parent
    _folders[name] = FileSystemLoader(folder / "templates")
    language.learn(folder)
    environment.cache_clear()


def render(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """A page or fragment. Every template also sees `request`, `who`, `nav`, `lang`, `theme` and the kit's words."""
    with language.speaking(language.chosen(request)):
        body = environment().get_template(template).render({**_shell(request), "status": status, **context})
    response = HTMLResponse(body, status, {**_PRIVATE, "Content-Language": language.chosen(request)})
    asked = request.query_params.get("lang")
    if asked in language.LANGUAGES and asked != request.cookies.get(language.COOKIE):
        _remember(request, response, language.COOKIE, asked)
    return response


def is_fragment(request: Request) -> bool:
    """Whether htmx asks for a part of a page (not a boosted or restored whole page)."""
    headers = request.headers
    return headers.get("HX-Request") == "true" and "HX-History-Restore-Request" not in headers


@cache
def environment() -> Environment:
    """The one Jinja environment, with the templates of everybody who registered."""
    loaders = {"kit": FileSystemLoader(Path(__file__).parent / "templates"), **_folders}
    made = Environment(
        loader=ChoiceLoader([PrefixLoader(loaders)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"],
        bytecode_cache=Compiled(),
    )
    made.globals.update(_=language.in_markup, asset=assets.url, charts=charts, now=clock.now, today=clock.today)
    made.filters.update(_filters())
    return made


def _filters() -> dict[str, Callable[..., Any]]:
    return {
        "vn_date": clock.vn_date,
        "vn_time": clock.vn_time,
        "vn_datetime": clock.vn_datetime,
        "age": clock.age,
        "left": clock.left,
        "vnd": money.vnd,
        "figures": money.figures,
        "quantity": money.quantity,
        "phone": text.phone_shown,
        "initials": text.initials,
        "attributes": attributes,
        "key_shown": key_shown,
        "qr": qr,
        "barcode": barcode,
    }


def qr(code: str, label: str) -> Markup:
    """A QR code in the page; `label` says to a screen reader what it is for."""
    return Markup(marks.qr_svg(code, label=label))  # noqa: S704 - segno escapes the title


def barcode(code: str, label: str) -> Markup:
    """A Code 128 barcode in the page."""
    return Markup(marks.code128_svg(code, label=label))  # noqa: S704 - marks escapes the label


_KEYS: Final = {"escape": "Esc", "arrowup": "↑", "arrowdown": "↓", "arrowleft": "←", "arrowright": "→"}


def key_shown(key: str) -> str:
    """A key as it stands on the keyboard: "shift+enter" → "Shift Enter", "g o" → "g o"; the first of several."""
    parts = key.partition("|")[0].strip().split("+") if len(key) > 1 else [key]
    return " ".join(part if " " in part or len(part) == 1 else _KEYS.get(part, part.capitalize()) for part in parts)


def attributes(named: Mapping[str, object]) -> Markup:
    """Further attributes of a macro: hx_post="/x" → ` hx-post="/x"`; True stands alone, None and False go."""
    said = ((name.rstrip("_").replace("_", "-"), value) for name, value in named.items())
    return Markup("").join(
        Markup(" {}").format(name) if value is True else Markup(' {}="{}"').format(name, value)
        for name, value in said
        if value is not None and value is not False
    )


def _shell(request: Request) -> dict[str, Any]:
    who = getattr(request.state, "who", None)
    nav = [item for item in getattr(request.app.state, "nav", ()) if who is not None and who.may(item.permission)]
    return {
        "request": request,
        "who": who,
        "nav": nav,
        "nav_here": _here(request.url.path, nav),
        "lang": language.chosen(request),
        "theme": theme(request),
        "themes": THEMES,
        "languages": language.LANGUAGES,
        "preferences_path": PREFERENCES_PATH,
        "feed": request.scope.get(FEED, "") if who else "",
        "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
    }


def _here(path: str, nav: Sequence[NavItem]) -> str | None:
    """The path of the entry under which this page lies: of several, the longest."""
    under = [item.path for item in nav if path == item.path or path.startswith(item.path.rstrip("/") + "/")]
    return max(under, key=len, default=None)


def theme(request: Request) -> str:
    """The theme that the person chose: auto, light or dark."""
    said = request.cookies.get("theme", "auto")
    return said if said in THEMES else "auto"


async def preferences(request: Request) -> Response:
    """`POST /tuy-chon` (lang, theme, back): remember the choice and go back. For everybody; touches no record."""
    form = await request.form(max_files=0, max_fields=5)
    response = RedirectResponse(_own_path(str(form.get("back", "/"))), 303)
    for name, allowed in ((language.COOKIE, language.LANGUAGES), ("theme", THEMES)):
        if (said := form.get(name)) in allowed:
            _remember(request, response, name, str(said))
    return response


def _own_path(address: str) -> str:
    """An address of this site, as a path: never a way to another host."""
    parts = urlsplit(address)
    safe = not parts.scheme and not parts.netloc and parts.path.startswith("/") and "\\" not in address
    return address if safe and not address.startswith("//") else "/"


def _remember(request: Request, response: Response, name: str, value: str) -> None:
    secure = request.url.scheme == "https"
    response.set_cookie(name, value, max_age=_YEAR, httponly=True, secure=secure, samesite="lax")
