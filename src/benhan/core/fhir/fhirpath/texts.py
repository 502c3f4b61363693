"""Functions on strings. Patterns run with a limit of time. Standard: FHIRPath 2.0, section 5.6."""

from __future__ import annotations

import base64
import binascii
import html
import json
from functools import lru_cache, partial
from time import thread_time
from typing import Any

import regex  # type: ignore[import-untyped]

from benhan.core.fhir.fhirpath.context import Context, Items
from benhan.core.fhir.fhirpath.faults import Fault
from benhan.core.fhir.fhirpath.operators import EMPTY, answer, bounded, single
from benhan.core.fhir.fhirpath.registry import eager
from benhan.core.fhir.fhirpath.tokens import unescaped
from benhan.core.language import _

#: Seconds one pattern may take on one text.
MAX_TIME = 0.25
_ITEMS_A_SECOND = 200_000
_MAX_PATTERN = 2_000


def text_of(items: Items) -> str | None:
    """The only item as a string, or None when there is none.

    Raises:
        Fault: something else.
    """
    value = single(items)
    if value is None or type(value) is str:
        return value
    said = getattr(value, "text", None)
    if isinstance(said, str):
        return said
    raise Fault(_("cần một chuỗi"))


def _number(items: Items) -> int | None:
    value = single(items)
    if value is None or type(value) is int:
        return value
    raise Fault(_("cần một số nguyên"))


@eager("indexOf", 1)
def index_of(_context: Context, items: Items, part: Items) -> Items:
    text, wanted = text_of(items), text_of(part)
    return EMPTY if text is None or wanted is None else [text.find(wanted)]


@eager("lastIndexOf", 1)
def last_index_of(_context: Context, items: Items, part: Items) -> Items:
    text, wanted = text_of(items), text_of(part)
    return EMPTY if text is None or wanted is None else [text.rfind(wanted)]


@eager("substring", 1, 2)
def substring(_context: Context, items: Items, start: Items, length: Items | None = None) -> Items:
    text, at = text_of(items), _number(start)
    if text is None or at is None or not 0 <= at < len(text):
        return EMPTY
    size = None if length is None else _number(length)
    return [text[at:] if size is None else text[at : at + max(0, size)]]


@eager("startsWith", 1)
def starts_with(_context: Context, items: Items, part: Items) -> Items:
    text, wanted = text_of(items), text_of(part)
    return EMPTY if text is None or wanted is None else answer(text.startswith(wanted))


@eager("endsWith", 1)
def ends_with(_context: Context, items: Items, part: Items) -> Items:
    text, wanted = text_of(items), text_of(part)
    return EMPTY if text is None or wanted is None else answer(text.endswith(wanted))


@eager("contains", 1)
def contains(_context: Context, items: Items, part: Items) -> Items:
    text, wanted = text_of(items), text_of(part)
    return EMPTY if text is None or wanted is None else answer(wanted in text)


@eager("upper")
def upper(_context: Context, items: Items) -> Items:
    text = text_of(items)
    return EMPTY if text is None else [text.upper()]


@eager("lower")
def lower(_context: Context, items: Items) -> Items:
    text = text_of(items)
    return EMPTY if text is None else [text.lower()]


@eager("trim")
def trim(_context: Context, items: Items) -> Items:
    text = text_of(items)
    return EMPTY if text is None else [text.strip()]


@eager("length")
def length(_context: Context, items: Items) -> Items:
    text = text_of(items)
    return EMPTY if text is None else [len(text)]


@eager("toChars")
def to_chars(context: Context, items: Items) -> Items:
    text = text_of(items)
    context.spend(len(text or ""))
    return list(text or "")


@eager("split", 1)
def split(context: Context, items: Items, separator: Items) -> Items:
    text, by = text_of(items), text_of(separator)
    if text is None or by is None:
        return EMPTY
    context.spend(len(text))
    return list(text) if by == "" else list(text.split(by))


@eager("join", 0, 1)
def join(_context: Context, items: Items, separator: Items = EMPTY) -> Items:
    if not items:
        return EMPTY
    parts = [text_of([item]) for item in items]
    return [bounded((text_of(separator) or "").join(part for part in parts if part is not None))]


@eager("replace", 2)
def replace(_context: Context, items: Items, part: Items, by: Items) -> Items:
    text, wanted, new = text_of(items), text_of(part), text_of(by)
    if text is None or wanted is None or new is None:
        return EMPTY
    if len(new) * (text.count(wanted) + 1) > 1_000_000:
        raise Fault(_("chuỗi quá dài"))
    return [text.replace(wanted, new)]


@eager("matches", 1, 2)
def matches(context: Context, items: Items, pattern: Items, flags: Items = EMPTY) -> Items:
    text, wanted = text_of(items), text_of(pattern)
    if text is None or wanted is None:
        return EMPTY
    return answer(_timed(context, _compiled(wanted, text_of(flags) or "").search, text) is not None)


@eager("matchesFull", 1, 2)
def matches_full(context: Context, items: Items, pattern: Items, flags: Items = EMPTY) -> Items:
    text, wanted = text_of(items), text_of(pattern)
    if text is None or wanted is None:
        return EMPTY
    return answer(_timed(context, _compiled(wanted, text_of(flags) or "").fullmatch, text) is not None)


@eager("replaceMatches", 2)
def replace_matches(context: Context, items: Items, pattern: Items, by: Items) -> Items:
    text, wanted, new = text_of(items), text_of(pattern), text_of(by)
    if text is None or wanted is None or new is None:
        return EMPTY
    if wanted == "":
        return [text]
    template = regex.sub(r"\$(\d+|\{\w+\})", lambda found: rf"\g<{found.group(1).strip('{}')}>", new)
    substitute = partial(_compiled(wanted, "").sub, template)
    try:
        return [bounded(_timed(context, substitute, text))]
    except (regex.error, IndexError) as error:
        raise Fault(_("mẫu thay thế sai: %(why)s", why=error)) from None


@lru_cache(maxsize=512)
def _compiled(pattern: str, flags: str) -> Any:
    if len(pattern) > _MAX_PATTERN:
        raise Fault(_("mẫu quá dài"))
    how = regex.DOTALL | (regex.IGNORECASE if "i" in flags else 0) | (regex.MULTILINE if "m" in flags else 0)
    try:
        return regex.compile(pattern, how)
    except (regex.error, RecursionError, OverflowError) as error:
        raise Fault(_("mẫu không đúng: %(why)s", why=error)) from None


def _timed(context: Context, act: Any, text: str) -> Any:
    """A slow pattern also uses up what the whole evaluation may look at."""
    start = thread_time()
    try:
        return act(text, timeout=MAX_TIME)
    except TimeoutError:
        raise Fault(_("mẫu chạy quá lâu")) from None
    finally:
        context.spend(int((thread_time() - start) * _ITEMS_A_SECOND))


@eager("encode", 1)
def encode(_context: Context, items: Items, form: Items) -> Items:
    text, how = text_of(items), text_of(form)
    if text is None:
        return EMPTY
    body = text.encode()
    match how:
        case "hex":
            return [body.hex()]
        case "base64":
            return [base64.b64encode(body).decode()]
        case "urlbase64":
            return [base64.urlsafe_b64encode(body).decode()]
    return EMPTY


@eager("decode", 1)
def decode(_context: Context, items: Items, form: Items) -> Items:
    text, how = text_of(items), text_of(form)
    if text is None:
        return EMPTY
    try:
        match how:
            case "hex":
                return [bytes.fromhex(text).decode()]
            case "base64":
                return [base64.b64decode(text, validate=True).decode()]
            case "urlbase64":
                return [base64.urlsafe_b64decode(text).decode()]
    except (ValueError, binascii.Error):
        raise Fault(_("không giải mã được")) from None
    return EMPTY


@eager("escape", 1)
def escape(_context: Context, items: Items, form: Items) -> Items:
    text, how = text_of(items), text_of(form)
    if text is None:
        return EMPTY
    if how == "html":
        return [html.escape(text, quote=True)]
    return [json.dumps(text, ensure_ascii=False)[1:-1]] if how == "json" else EMPTY


@eager("unescape", 1)
def unescape(_context: Context, items: Items, form: Items) -> Items:
    text, how = text_of(items), text_of(form)
    if text is None:
        return EMPTY
    if how == "html":
        return [html.unescape(text)]
    return [unescaped(text)] if how == "json" else EMPTY
