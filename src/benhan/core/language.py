"""Vietnamese first, complete English beside it.

The Vietnamese text is the key: `_("Tiếp đón")`. English lies in a gettext file `english.po` in the folder that uses
the text: the folders of core are learnt here, a department's when it registers its pages. The language of the request
is kept in a context variable, chosen by `?lang=`, then the cookie `lang`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

from babel.messages.pofile import read_po
from markupsafe import Markup, escape
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

LANGUAGES: Final = {"vi": "Tiếng Việt", "en": "English"}
COOKIE: Final = "lang"
#: Where the patient's app asks: it says its language with each request, as programs do.
APP: Final = "/app/"
FILE: Final = "english.po"

_current: ContextVar[str] = ContextVar("language", default="vi")
_english: dict[str, str] = {}


def current() -> str:
    """The language of this request: "vi" or "en"."""
    return _current.get()


def _(text: str, **values: object) -> str:
    """The text in the language of this request; `%(name)s` placeholders are filled from `values`."""
    said = translate(text)
    return said % values if values else said


def later(text: str) -> str:
    """Mark a text for translation where it is written (a table, a constant); `_` translates it where it is shown."""
    return text


def translate(text: str) -> str:
    """The text in the language of this request, placeholders untouched. Vietnamese where no English is known."""
    return _english.get(text, text) if current() == "en" else text


def in_markup(text: str, **values: object) -> Markup:
    """`_` for templates: the text and every value are escaped."""
    said = escape(translate(text))
    return Markup(said) % values if values else said  # noqa: S704 - escaped one line above


def accepted(said: str) -> str:
    """The language of `Accept-Language`: English where it stands before Vietnamese, else what is spoken already."""
    english, vietnamese = (said.lower().find(one) for one in ("en", "vi"))
    return "en" if english >= 0 and not 0 <= vietnamese < english else current()


def chosen(connection: HTTPConnection) -> str:
    """The language that the person asked for: `?lang=`, then the cookie, else Vietnamese."""
    for said in (connection.query_params.get("lang"), connection.cookies.get(COOKIE)):
        if said in LANGUAGES:
            return said
    return "vi"


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Say everything inside in this language (jobs, messages, printed sheets, tests)."""
    token = _current.set(language)
    try:
        yield
    finally:
        _current.reset(token)


class LanguageMiddleware:
    """Sets the language of each request before any text is made."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request in the language that it asks for."""
        if scope["type"] != "http" or not _asks(scope):
            await self.app(scope, receive, send)
            return
        asking = HTTPConnection(scope)
        of_app = scope["path"].startswith(APP)
        with speaking(accepted(asking.headers.get("accept-language", "")) if of_app else chosen(asking)):
            await self.app(scope, receive, send)


def _asks(scope: Scope) -> bool:
    """Whether a request may say its language, or another one is being spoken; a program's says nothing."""
    if scope["path"].startswith(APP):
        return True
    asked = b"lang=" in scope["query_string"] or any(name == b"cookie" for name, _value in scope["headers"])
    return asked or current() != "vi"


def learn(folder: Path) -> None:
    """Add the English texts of a folder's `english.po`, if it has one."""
    path = folder / FILE
    if path.is_file():
        _english.update(read(path))


def read(path: Path) -> dict[str, str]:
    """Vietnamese → English as a `.po` file says; entries without English are left out."""
    with path.open("rb") as file:
        catalog: Any = read_po(file, locale="en")
    return {str(message.id): str(message.string) for message in catalog if message.id and message.string}


for _folder in sorted(Path(__file__).parent.glob(f"*/{FILE}")):
    learn(_folder.parent)
