"""History as a Bundle, and what may be asked of it.

Standard: HL7 FHIR R4, 3.1.0.9 (history).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from benhan.core.fhir import codec, r4
from benhan.core.fhir.moments import moment_range
from benhan.core.fhir.outcome import Malformed
from benhan.core.language import _
from benhan.core.store.history import Page, Span, Version
from benhan.core.store.records import instant

#: What a history understands; the rest of HTTP's own is `wire.py`'s.
ASKED = ("_since", "_at", "_count", "_after")
OF_THE_WIRE = ("_format", "_pretty")
MAX_COUNT = 1000

_DONE = {"c": ("POST", "201"), "u": ("PUT", "200"), "d": ("DELETE", "204")}


def span_of(asked: Mapping[str, list[str]]) -> Span:
    """Which versions are asked for.

    Raises:
        Malformed: a parameter that history does not have, is repeated, or cannot be read.
    """
    for name, values in asked.items():
        if name not in (*ASKED, *OF_THE_WIRE) or len(values) > 1:
            raise Malformed(
                _("Lịch sử không nhận “%(name)s”, hoặc chỉ nhận một lần.", name=name[:60]), code="not-supported",
                where=name[:60], advice=_("Có thể dùng: %(known)s.", known=", ".join(ASKED)),
            )  # fmt: skip
    said = {name: values[0] for name, values in asked.items()}
    return Span(
        since=moment_range(said["_since"])[0] if "_since" in said else None,
        at=moment_range(said["_at"]) if "_at" in said else None,
        count=count_of(said["_count"], MAX_COUNT) if "_count" in said else Span().count,
        after=said.get("_after"),
    )


def count_of(text: str, most: int) -> int:
    """A number of records from 1 to `most`; more is cut to it.

    Raises:
        Malformed: it is no such number.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise Malformed(_("_count cần một số nguyên dương."), code="value", where="_count")
    return min(int(text), most)


def history_bundle(base: str, path: str, asked: Mapping[str, list[str]], page: Page) -> r4.Bundle:
    """A page of versions as a Bundle, with the way to the next."""
    words = [(name, values[0]) for name, values in asked.items() if name != "_after"]
    links = [r4.BundleLink(relation="self", url=f"{base}/{path}?{urlencode(words)}".rstrip("?"))]
    if page.next:
        links.append(r4.BundleLink(relation="next", url=f"{base}/{path}?{urlencode([*words, ('_after', page.next)])}"))
    entries = [_entry(base, state) for state in page.states]
    return r4.Bundle(type="history", total=page.total, link=links, entry=entries or None)


def _entry(base: str, state: Version) -> r4.BundleEntry:
    method, status = _DONE[state.action]
    place = f"{state.type}/{state.id}"
    return r4.BundleEntry(
        fullUrl=f"{base}/{place}",
        resource=codec.kept(state.body, r4.Resource) if state.body else None,
        request=r4.BundleEntryRequest(method=method, url=state.type if method == "POST" else place),
        response=r4.BundleEntryResponse(
            status=status, etag=f'W/"{state.version}"', lastModified=instant(state.updated)
        ),
    )
