"""Where records to load come from: NDJSON, Bundles, folders of JSON. Read bit by bit, never a whole file at once.

A Bundle's references to its own entries (`urn:uuid:…`, or the full URL) become `Type/id`. Standard: HL7 FHIR R4
Bundle, sections "References" and "Resolving references in Bundles"; Bulk Data (NDJSON).
"""

from __future__ import annotations

import gzip
import mmap
import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec

from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Malformed
from benhan.core.fhir.search import PARAMETERS
from benhan.core.language import _

LINES: Final = (".ndjson", ".jsonl")
ENDINGS: Final = (".json", *LINES)
#: Bundles that are only a wrapping. A document, a message or a history is a record in its own right, or a log.
WRAPPINGS: Final = frozenset({"collection", "transaction", "batch", "searchset"})

#: A bracket, or a string: of a key the colon is a part.
_TOKENS: Final = re.compile(rb'("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}\[\]]', re.DOTALL)
_REFERENCE: Final = re.compile(rb'("reference"\s*:\s*")([^"#][^"]*)"')
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")


class Raw(msgspec.Struct, frozen=True):
    """The bytes of one record: where they stood, and the id it takes when it names none (a Bundle entry's)."""

    file: str
    line: int
    body: bytes
    fallback: str | None = None


class _Entry(msgspec.Struct, rename={"full_url": "fullUrl"}):
    full_url: str | None = None
    resource: msgspec.Raw = msgspec.Raw(b"")
    search: dict[str, Any] | None = None


class _Named(msgspec.Struct, rename={"type": "resourceType"}):
    type: str = ""
    id: str | None = None


_ENTRY: Final = msgspec.json.Decoder(_Entry)
_NAMED: Final = msgspec.json.Decoder(_Named)


def files(paths: Iterable[Path]) -> list[Path]:
    """The files that the paths name; of a folder, everything in it that may hold records, in order of name."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(one for one in path.rglob("*") if _is_source(one)) if path.is_dir() else [path]
        found += inside
    return found


def records(path: Path) -> Iterator[tuple[int, Raw]]:
    """Everything in a file, each with how many bytes of the file have been read by then."""
    name = path.name.removesuffix(".gz")
    if name.endswith(LINES):
        yield from _lines(path)
    else:
        yield from _document(path)


def _is_source(path: Path) -> bool:
    return path.is_file() and path.name.removesuffix(".gz").endswith(ENDINGS)


def _lines(path: Path) -> Iterator[tuple[int, Raw]]:
    with path.open("rb") as raw:
        text = gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
        number = 0
        while line := text.readline(codec.MAX_BYTES + 1):
            number += 1
            if line.strip():
                yield raw.tell(), Raw(str(path), number, line)


def _document(path: Path) -> Iterator[tuple[int, Raw]]:
    size = path.stat().st_size
    if path.suffix == ".gz":
        with gzip.open(path) as text:
            yield from ((size, raw) for _at, raw in _resource_or_bundle(path, text.read()))
    elif size:
        with path.open("rb") as raw, mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as text:
            yield from _resource_or_bundle(path, text)
    else:
        yield 0, Raw(str(path), 1, b"")


def _resource_or_bundle(path: Path, text: bytes | mmap.mmap) -> Iterator[tuple[int, Raw]]:
    if _bundle_type(text) in WRAPPINGS:
        yield from _bundle(path, text)
    else:
        yield len(text), Raw(str(path), 1, text[: codec.MAX_BYTES + 1])


def _bundle(path: Path, text: bytes | mmap.mmap) -> Iterator[tuple[int, Raw]]:
    names = {url: name for _start, _end, entry in _entries(text) if (url := entry.full_url) and (name := _name(entry))}
    line, counted = 1, 0
    for start, end, entry in _entries(text):
        line, counted = line + text[counted:start].count(b"\n"), start
        body = bytes(entry.resource)
        if body and (entry.search or {}).get("mode") != "outcome":
            body = _REFERENCE.sub(lambda match: _resolved(match, names), body)
            yield end, Raw(str(path), line, body, _id_of(entry.full_url))


def _entries(text: bytes | mmap.mmap) -> Iterator[tuple[int, int, _Entry]]:
    """The entries of a Bundle, found by counting brackets: (start, end, entry)."""
    depth, start, key, inside = 0, 0, b"", False
    for token in _TOKENS.finditer(text):
        sign = token[0]
        if sign in (b"{", b"["):
            inside = inside or (depth == 1 and sign == b"[" and key == b'"entry"')
            depth += 1
            if inside and depth == 3:
                start = token.start()
        elif sign in (b"}", b"]"):
            if inside and depth == 3:
                yield start, token.end(), _entry(text[start : token.end()])
            depth -= 1
            inside = inside and depth > 1
        elif depth == 1 and token[2]:
            key = token[1]


def _bundle_type(text: bytes | mmap.mmap) -> str | None:
    """The type of a Bundle; None for anything else. Only its own level is looked at."""
    depth, key, said = 0, b"", dict[bytes, str]()
    for token in _TOKENS.finditer(text):
        sign = token[0]
        if sign in (b"{", b"["):
            depth += 1
        elif sign in (b"}", b"]"):
            depth -= 1
        elif depth == 1 and token[2]:
            key = token[1]
        elif depth == 1:
            said[key] = sign[1:-1].decode(errors="replace")
            if said.get(b'"resourceType"', "Bundle") != "Bundle":
                return None
            if b'"resourceType"' in said and b'"type"' in said:
                return said[b'"type"']
    return None


def _entry(text: bytes) -> _Entry:
    try:
        return _ENTRY.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Entry(resource=msgspec.Raw(text))  # decoded again as a record, which says what is wrong


def _name(entry: _Entry) -> str | None:
    """`Type/id` under which an entry will be kept."""
    try:
        named = _NAMED.decode(entry.resource)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    id_ = named.id or _id_of(entry.full_url)
    return f"{named.type}/{id_}" if named.type in PARAMETERS and id_ else None


def _id_of(url: str | None) -> str | None:
    """The id in `urn:uuid:…` or at the end of a URL."""
    last = re.split(r"[/:]", url)[-1] if url else ""
    return last if _ID.fullmatch(last) else None


def _resolved(match: re.Match[bytes], names: dict[str, str]) -> bytes:
    name = names.get(match[2].decode(errors="replace"))
    return match[1] + name.encode() + b'"' if name else match[0]


def understood(raw: Raw) -> r4.Resource:
    """The record, with an id.

    Raises:
        Malformed, TooLarge: it is none.
    """
    if not raw.body:
        raise Malformed(_("Tệp rỗng"))
    record = codec.decode(raw.body)
    if not record.id:
        return msgspec.structs.replace(record, id=raw.fallback or content_id(record))
    return record


def name_of(raw: Raw) -> str | None:
    """`Type/id` of what could not be understood, as far as it says so."""
    return _name(_Entry(resource=msgspec.Raw(raw.body)))


def content_id(record: r4.Resource) -> str:
    """The id of a record that came without one: the same content always gets the same."""
    bare = msgspec.structs.replace(record, meta=None)
    return sha256(codec.type_name(record).encode() + codec.encode(bare)).hexdigest()[:40]
