"""Codes on paper and screens are read back by a scanner."""

import xml.etree.ElementTree as ET

import pytest
import zxingcpp

from benhan.core.fhir.outcome import Problem
from benhan.core.kit import marks


def test_a_qr_says_to_a_screen_reader_what_it_is_for() -> None:
    drawn = ET.fromstring(marks.qr_svg("K7M2Q9", label='Mã đặt khám "K7" <1>'))
    assert drawn.get("role") == "img"
    assert "Mã đặt khám" in "".join(drawn.itertext())
    assert drawn.get("viewBox") and not drawn.get("width")


def test_a_qr_as_png_is_an_image() -> None:
    assert marks.qr_png("K7M2Q9").startswith(b"\x89PNG")


def test_a_barcode_is_drawn_to_the_size_of_its_place() -> None:
    drawn = ET.fromstring(marks.code128_svg("26112100001", label="Mẫu & 1"))
    assert drawn.get("aria-label") == "Mẫu & 1"
    assert drawn.get("viewBox") and not drawn.get("width")


def test_the_barcode_means_what_was_asked_for() -> None:
    drawn = zxingcpp.create_barcode("26112100001", zxingcpp.BarcodeFormat.Code128)
    assert drawn.text == "26112100001"


@pytest.mark.parametrize("text", ["", "x" * 5000])
def test_what_does_not_fit_in_a_qr_is_refused(text: str) -> None:
    with pytest.raises(Problem, match="QR"):
        marks.qr_svg(text, label="mã")


@pytest.mark.parametrize("text", ["", "Đ", "x" * 100, "a\nb"])
def test_what_does_not_fit_in_a_barcode_is_refused(text: str) -> None:
    with pytest.raises(Problem, match="mã vạch"):
        marks.code128_svg(text, label="mã")
