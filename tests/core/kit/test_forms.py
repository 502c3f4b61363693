"""Forms: typed values, an error beside each field, nothing too large."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile

from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import forms

FIELDS = [
    forms.text("name", "Họ và tên", required=True, most=20),
    forms.day("visit", "Ngày khám"),
    forms.birth_date("birth", "Ngày sinh"),
    forms.phone("phone", "Điện thoại"),
    forms.number("weight", "Cân nặng", lowest="0.3", highest=300, places=1, unit="kg"),
    forms.number("count", "Số lượng", lowest=1),
    forms.choice("sex", "Giới tính", [("female", "Nữ"), ("male", "Nam")]),
    forms.choices("days", "Thứ", [("mon", "Hai"), ("tue", "Ba")]),
    forms.flag("agrees", "Đồng ý"),
    forms.amount("price", "Giá"),
    forms.long_text("note", "Ghi chú"),
    forms.secret("password", "Mật khẩu", required=False),
]


def checked(**said: str | list[str]) -> forms.Form:
    pairs: list[tuple[str, str | UploadFile]] = [
        (name, item) for name, value in said.items() for item in (value if isinstance(value, list) else [value])
    ]
    return forms.check(FormData(pairs), FIELDS)


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("name", "  Đặng   Thị\tTâm ", "Đặng Thị Tâm"),
        ("name", "Đa\u0323\u0306ng", "Đặng"),
        ("visit", "21/11/2026", date(2026, 11, 21)),
        ("visit", "2026-11-21", date(2026, 11, 21)),
        ("birth", "1951", "1951"),
        ("phone", "+84 912 345 678", "0912345678"),
        ("weight", "38,5", Decimal("38.5")),
        ("count", "12", 12),
        ("sex", "female", "female"),
        ("days", ["mon", "tue"], ["mon", "tue"]),
        ("agrees", "1", True),
        ("price", "1.234.567 ₫", 1234567),
        ("note", "dòng 1\r\ndòng 2\x00", "dòng 1\ndòng 2"),
        ("password", "  có cách  ", "  có cách  "),
    ],
)
def test_what_is_typed_becomes_a_value(name: str, typed: Any, value: Any) -> None:
    form = checked(**{"name": "Tâm", name: typed})
    assert not form.errors
    assert form[name] == value


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("name", ""),
        ("name", "x" * 21),
        ("visit", "31/02/2026"),
        ("phone", "12"),
        ("weight", "900"),
        ("weight", "1e2"),
        ("weight", "NaN"),
        ("weight", "38,55"),
        ("count", "0"),
        ("count", "1,5"),
        ("sex", "x"),
        ("days", ["mon", "sun"]),
        ("price", "một"),
    ],
)
def test_what_cannot_be_read_is_told_beside_the_field_and_kept(name: str, typed: Any) -> None:
    form = checked(**{"name": "Tâm", name: typed})
    assert list(form.errors.by_field) == [name]
    assert form.typed(name) == typed
    with pytest.raises(Invalid):
        form.require()


def test_what_is_left_empty_is_none() -> None:
    form = checked(name="Tâm")
    assert (form["visit"], form["weight"], form["days"], form["agrees"]) == (None, None, [], False)


def test_a_password_is_never_shown_again() -> None:
    assert checked(name="", password="secret").typed("password") == ""


def test_a_rule_of_the_screen_joins_the_summary() -> None:
    form = checked(name="Tâm", visit="01/01/2027")
    form.errors.add("visit", "Không đặt quá 30 ngày")
    assert form.errors.get("visit") == "Không đặt quá 30 ngày"


def test_a_form_is_shown_with_values_as_people_write_them() -> None:
    form = forms.blank(FIELDS, visit=date(2026, 11, 21), weight=Decimal("38.5"), agrees=True, name=None)
    assert [form.typed(name) for name in ("visit", "weight", "agrees", "name")] == ["21/11/2026", "38,5", "1", ""]


async def test_a_body_that_is_too_large_or_broken_is_refused(kit_app: Starlette) -> None:
    transport = httpx.ASGITransport(kit_app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        assert (await client.post("/kit", content=b"name=" + b"x" * 300_000, headers=kind)).status_code == 413
        assert (await client.post("/kit", content=b"name=\xff", headers=kind)).status_code == 400
        assert (await client.post("/kit", content=b"name=%FF", headers=kind)).status_code == 400
