"""QR codes and Code 128 as SVG to stand in a page, or PNG to stand in a message.

The text is bounded by what the symbol holds; black on white always, so that it scans in dark mode too.
"""

from __future__ import annotations

import io
import re
from typing import Final

import segno
import zxingcpp

from benhan.core.fhir.outcome import Invalid
from benhan.core.kit.json_forms import Said
from benhan.core.language import _

#: More than any of our codes and links; a QR of this length still scans from a phone's screen.
QR_LIMIT: Final = 600
CODE128_LIMIT: Final = 48

_SIZE: Final = re.compile(r'<svg width="(\d+)" height="(\d+)" ')


def qr_svg(text: str, *, label: str) -> str:
    """A QR code as inline SVG, sized by the page. `label` says to a screen reader what it is for.

    Raises:
        Invalid: nothing to show, or longer than `QR_LIMIT`.
    """
    buffer = io.BytesIO()
    _qr(text).save(
        buffer,
        kind="svg",
        border=4,
        xmldecl=False,
        svgns=True,
        omitsize=True,
        light="#fff",
        title=label,
        svgclass="qr",
    )
    return buffer.getvalue().decode().replace("<svg ", '<svg role="img" ', 1)


class Qr(Said):
    """A QR code for who draws it herself: modules a side, the dark ones as an SVG path, without the quiet zone."""

    text: str
    size: int
    path: str


def qr_drawn(text: str) -> Qr | None:
    """The QR code of a text to draw; None where there is no text.

    Raises:
        Invalid: longer than `QR_LIMIT`.
    """
    if not text:
        return None
    rows = [bytes(row) for row in _qr(text).matrix]
    runs = (
        f"M{found.start()} {y}h{found.end() - found.start()}v1H{found.start()}z"
        for y, row in enumerate(rows) for found in re.finditer(rb"\x01+", row)
    )  # fmt: skip
    return Qr(text=text, size=len(rows), path="".join(runs))


def qr_png(text: str, *, scale: int = 8) -> bytes:
    """A QR code as PNG, `scale` pixels a module."""
    buffer = io.BytesIO()
    _qr(text).save(buffer, kind="png", border=4, scale=max(1, min(scale, 40)))
    return buffer.getvalue()


def code128_svg(text: str, *, label: str) -> str:
    """A Code 128 barcode as inline SVG: for labels of tubes and charts.

    Raises:
        Invalid: empty, longer than `CODE128_LIMIT`, or with letters a barcode cannot hold.
    """
    if not 0 < len(text) <= CODE128_LIMIT or not text.isascii() or not text.isprintable():
        raise Invalid(
            _("Nội dung này không làm được mã vạch."),
            advice=_("Chỉ dùng chữ không dấu và số, tối đa %(code128_limit)s.", code128_limit=CODE128_LIMIT),
        )
    drawn = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.Code128)
    written: str = zxingcpp.write_barcode_to_svg(drawn, add_quiet_zones=True)
    named = f'<svg role="img" aria-label="{_attribute(label)}" class="code128" preserveAspectRatio="none"'
    bare = written[written.index("<svg") :]
    return _SIZE.sub(lambda size: f'{named} viewBox="0 0 {size[1]} {size[2]}" ', bare, count=1)


def _qr(text: str) -> segno.QRCode:
    if not 0 < len(text) <= QR_LIMIT:
        raise Invalid(
            _("Nội dung này không làm được mã QR."), advice=_("Từ 1 đến %(qr_limit)s ký tự.", qr_limit=QR_LIMIT)
        )
    return segno.make_qr(text, error="m", boost_error=False)


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
