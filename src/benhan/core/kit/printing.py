"""Papers as PDF: Typst templates filled with data, PDF/A for keeping and PDF/UA for reading aloud.

A template is a `.typ` file of kit ("ticket") or of a department, which imports the shared paper by
`#import "/core/kit/typst/document.typ": *`. Data travels as JSON and reaches the page as strings, so nothing
that was typed into a record can become markup. PDF/A-2a: ISO 19005-2; PDF/UA-1: ISO 14289-1.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import typst

import benhan
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import marks
from benhan.core.language import _

#: Templates see the package and nothing else of the machine.
ROOT: Final = Path(benhan.__file__).resolve().parent
_KIT: Final = ROOT / "core" / "kit"

#: More than the longest chart; larger data is a mistake.
DATA_LIMIT: Final = 4_000_000

#: Kept for decades and read aloud by a screen reader.
STANDARDS: Final = ["a-2a", "ua-1"]

_lock = threading.Lock()


async def render(template: Path | str, data: Mapping[str, Any]) -> bytes:
    """A PDF of the template with this data; about 10 ms a page, in a thread.

    Keys that the shared paper knows: `facility` (name, authority, department, address, phone), `date` (of the
    document, "2026-11-21"), `numbers` (pairs of label and value at the top right), `qr` (text to encode) with
    `qr_label`, `footer`, `patient` for `patient-block`. All else is the template's own.

    Raises:
        Invalid: the data is larger than `DATA_LIMIT`.
        FileNotFoundError: there is no such template in the package.
    """
    return await asyncio.to_thread(render_now, template, data)


def render_now(template: Path | str, data: Mapping[str, Any]) -> bytes:
    """As `render`, in this thread: for commands and tests."""
    return _compile(template, data, format="pdf", pdf_standards=STANDARDS)[0]


def render_pictures(template: Path | str, data: Mapping[str, Any], *, dpi: int = 203) -> list[bytes]:
    """The pages as PNG, at a label printer's resolution unless told."""
    return _compile(template, data, format="png", ppi=float(dpi))


def _compile(template: Path | str, data: Mapping[str, Any], **options: Any) -> list[bytes]:
    content = msgspec.json.encode(_with_marks(data)).decode()
    if len(content) > DATA_LIMIT:
        raise Invalid(_("Bản in quá dài."), advice=_("In từng phần."))
    path = _path(template)
    with _lock:  # the compiler keeps its fonts and what it has laid out; it is not made for two threads
        made = _compiler().compile(path, sys_inputs={"data": content}, **options)
    assert made is not None  # nothing only where an output file is named
    return made if isinstance(made, list) else [made]


def _with_marks(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data, with its `qr` drawn."""
    drawn = dict(data)
    if text := drawn.get("qr"):
        drawn["qr_svg"] = marks.qr_svg(text, label=drawn.get("qr_label", "Mã QR"))
    return drawn


def _path(template: Path | str) -> Path:
    path = (_KIT / "typst" / f"{template}.typ") if isinstance(template, str) else template
    resolved = path.resolve()
    if not resolved.is_relative_to(ROOT) or not resolved.is_file():
        raise FileNotFoundError(f"no template {template} in {ROOT}")
    return resolved


@cache
def _compiler() -> typst.Compiler:
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(_KIT / "fonts")])
    return typst.Compiler(root=str(ROOT), font_paths=fonts)
