"""Papers come out of the printer complete, with the record's own words and nothing else."""

import re
import zlib
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import pytest
import zxingcpp

from benhan.core.fhir.outcome import Problem
from benhan.core.kit import printing

HOSPITAL = {"name": "Bệnh viện Đa khoa tỉnh", "authority": "Sở Y tế", "address": "Số 1", "phone": "0275 3822 168"}
PAPER = {
    "facility": HOSPITAL,
    "date": "2026-11-21",
    "title": "Phiếu khám bệnh",
    "qr": "https://benhvien.example/so/ABCDEF",
    "patient": {"name": "Đặng Thị Tâm", "birth": "21/11/1978", "gender": "Nữ", "allergies": "Penicillin"},
    "rows": [["1", "Glucose", "5,1", "mmol/L"]],
}
TICKET = {"facility": HOSPITAL, "date": "2026-11-21", "number": "N-047", "room": "Phòng khám 3", "qr": "N-047"}


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", _unpacked(pdf)))


def _unpacked(pdf: bytes) -> bytes:
    """The file with its compressed streams opened."""
    parts = [pdf]
    for found in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            parts.append(zlib.decompress(found[1]))
        except zlib.error:
            continue
    return b"\n".join(parts)


def codes_in(png: bytes) -> list[str]:
    """The codes that a scanner reads in a PNG of 8-bit RGB or RGBA."""
    width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
    deep, kind_of = {2: (3, zxingcpp.ImageFormat.RGB), 6: (4, zxingcpp.ImageFormat.RGBA)}[png[25]]
    packed = b"".join(found[1] for found in _chunks(png) if found[0] == b"IDAT")
    lines, stride = zlib.decompress(packed), deep * width
    above, pixels = bytearray(stride), bytearray()
    for start in range(0, len(lines), stride + 1):
        kind, line = lines[start], bytearray(lines[start + 1 : start + 1 + stride])
        for part in range(deep) if kind else ():
            line[part::deep] = _unfiltered(kind, line[part::deep], above[part::deep])
        pixels += line
        above = line
    kept = bytes(pixels)  # a view of them holds no reference
    return [code.text for code in zxingcpp.read_barcodes(zxingcpp.ImageView(kept, width, height, kind_of))]


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(png):
        size = int.from_bytes(png[at : at + 4], "big")
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        at += size + 12


def _unfiltered(kind: int, line: bytearray, above: bytearray) -> bytes:
    """One colour of a line. Source: ISO/IEC 15948 (PNG) 9.2; millions of points, so each kind has a loop of its own."""
    if kind == 1:
        return bytes(value & 255 for value in accumulate(line))
    if kind == 2:
        return bytes((value + up) & 255 for value, up in zip(line, above, strict=True))
    made, left, corner = bytearray(), 0, 0
    for value, up in zip(line, above, strict=True):
        near = (left + up) // 2 if kind == 3 else left if up == corner else _paeth(left, up, corner)
        left, corner = (value + near) & 255, up
        made.append(left)
    return bytes(made)


def _paeth(left: int, up: int, corner: int) -> int:
    to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    if to_left <= to_up and to_left <= to_corner:
        return left
    return up if to_up <= to_corner else corner


async def test_a_paper_is_a_pdf_for_keeping_and_for_reading_aloud() -> None:
    pdf = await printing.render("specimen", PAPER)
    content = _unpacked(pdf)
    assert pdf.startswith(b"%PDF-")
    assert b"<pdfaid:part>2</pdfaid:part>" in content
    assert b"<pdfuaid:part>1</pdfuaid:part>" in content
    assert "Phiếu khám bệnh".encode() in content
    assert pages(pdf) == 1


def test_a_long_paper_runs_over_pages() -> None:
    rows = [[str(n), f"Xét nghiệm {n}", "1", "g/L"] for n in range(120)]
    assert pages(printing.render_now("specimen", {**PAPER, "rows": rows})) > 2


@pytest.mark.parametrize("name", ["*đậm* #panic() $x$", '#image("/etc/passwd")', "]#[", "\\u{0}", "=tiêu đề"])
def test_markup_in_a_name_stays_text(name: str) -> None:
    plain = printing.render_pictures("specimen", PAPER, dpi=40)
    marked = printing.render_pictures("specimen", {**PAPER, "patient": {"name": name}}, dpi=40)
    assert len(plain) == len(marked) == 1


def test_a_ticket_is_as_wide_as_its_paper_and_no_longer_than_it_must_be() -> None:
    [picture] = printing.render_pictures("ticket", TICKET, dpi=203)
    width, height = (int.from_bytes(picture[at : at + 4], "big") for at in (16, 20))
    assert 635 <= width <= 645  # 80 mm
    assert 300 < height < 900


def test_the_qr_on_a_ticket_is_read_by_a_scanner() -> None:
    [picture] = printing.render_pictures("ticket", TICKET, dpi=203)
    assert codes_in(picture) == ["N-047"]


def test_a_paper_with_only_a_title_is_still_a_paper() -> None:
    assert pages(printing.render_now("specimen", {"title": "Trống"})) == 1


def test_a_template_outside_the_program_is_not_read(tmp_path: Path) -> None:
    stranger = tmp_path / "x.typ"
    stranger.write_text('#read("/etc/passwd")')
    for template in (stranger, Path("/etc/passwd"), "khong-co", "../../../../etc/passwd"):
        with pytest.raises(FileNotFoundError):
            printing.render_now(template, {})


def test_too_much_data_is_refused() -> None:
    with pytest.raises(Problem, match="quá dài"):
        printing.render_now("specimen", {"note": "x" * (printing.DATA_LIMIT + 1)})
