"""Forms: bounded reading, every error beside its field, typed values kept.

A screen declares its fields once, reads them with `await read_form(request, FIELDS)`, and where `form.errors` is
not empty renders the same page again with status 422: the macros `error_summary(form)` and `field(form, "name")` show
what was wrong and what was typed (pattern: GOV.UK and NHS error summary).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import time
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from unicodedata import category, normalize
from urllib.parse import parse_qsl

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from benhan.core.fhir.outcome import Invalid, Malformed, TooLarge
from benhan.core.kit import clock, money
from benhan.core.kit import text as words
from benhan.core.language import _

MOST_BYTES: Final = 256 * 1024
MOST_FIELDS: Final = 500

Choices = Sequence[tuple[str, str]]
Read = Callable[[str, "Field"], Any]


@dataclass(frozen=True)
class Field:
    """One field: how it is named, labelled, read and bounded. Made by `text()`, `number()`, `day()` and so on."""

    name: str
    label: str
    kind: str
    read: Read
    required: bool = False
    hint: str = ""
    most: int = 200
    lowest: Decimal | None = None
    highest: Decimal | None = None
    choices: Choices = ()
    many: bool = False
    unit: str = ""
    places: int = 0


def text(name: str, label: str, *, required: bool = False, most: int = 200, hint: str = "") -> Field:
    """One line of text of at most `most` characters, NFC, spaces squeezed."""
    return Field(name, label, "text", _text, required, hint, most)


def long_text(name: str, label: str, *, required: bool = False, most: int = 4000, hint: str = "") -> Field:
    """Several lines of text; line breaks are kept."""
    return Field(name, label, "long", _long_text, required, hint, most)


def number(
    name: str,
    label: str,
    *,
    lowest: float | str | Decimal | None = None,
    highest: float | str | Decimal | None = None,
    places: int = 0,
    required: bool = False,
    unit: str = "",
    hint: str = "",
) -> Field:
    """A number within bounds as `Decimal` (`int` when `places` is 0); "38,5" and "38.5" both count."""
    low, high = (None if bound is None else Decimal(str(bound)) for bound in (lowest, highest))
    return Field(name, label, "number", _number, required, hint, 20, lowest=low, highest=high, unit=unit, places=places)


def day(name: str, label: str, *, required: bool = False, hint: str = "") -> Field:
    """A whole day as `date`, typed dd/mm/yyyy (or ddmmyyyy, or ISO)."""
    return Field(name, label, "day", _day, required, hint or _("ngày/tháng/năm"), 20)


def time_of_day(name: str, label: str, *, required: bool = False, hint: str = "") -> Field:
    """A time by the clock as `time`, typed 07:30, 7h30 or 0730."""
    return Field(name, label, "text", _time, required, hint or _("giờ:phút, ví dụ 07:30"), 10)


def birth_date(name: str, label: str, *, required: bool = False, hint: str = "") -> Field:
    """A birth date as a FHIR date, which may be only a year or a month: "1951", "1951-04"."""
    return Field(name, label, "day", _birth_date, required, hint or _("ngày/tháng/năm, hoặc chỉ năm"), 20)


def phone(name: str, label: str, *, required: bool = False, hint: str = "") -> Field:
    """A telephone number in its stored form ("0912345678")."""
    return Field(name, label, "tel", _phone, required, hint, 40)


def amount(name: str, label: str, *, required: bool = False, hint: str = "") -> Field:
    """An amount of đồng as `int`; "1.234.567 ₫" counts."""
    return Field(name, label, "amount", _amount, required, hint, 30, unit="₫")


def choice(name: str, label: str, choices: Choices, *, required: bool = False, hint: str = "") -> Field:
    """One of `choices` [(value, label)]; shown as a list, or as a row of buttons with `field(…, as="segment")`."""
    return Field(name, label, "choice", _choice, required, hint, choices=choices)


def choices(name: str, label: str, options: Choices, *, required: bool = False, hint: str = "") -> Field:
    """Any of `options` as a list of values, shown as boxes."""
    return Field(name, label, "choices", _choice, required, hint, choices=options, many=True)


def flag(name: str, label: str, *, hint: str = "") -> Field:
    """A single box: True or False."""
    return Field(name, label, "flag", lambda written, _field: written not in {"", "0"}, False, hint)


def hidden(name: str, *, required: bool = False, most: int = 200) -> Field:
    """A value that the page carries (version, id picked by a search field)."""
    return Field(name, name, "hidden", _text, required, "", most)


def secret(name: str, label: str, *, required: bool = True, most: int = 200, hint: str = "") -> Field:
    """A password: never shown again, not changed in any way."""
    return Field(name, label, "secret", lambda written, _field: written, required, hint, most)


@dataclass
class FormErrors:
    """What is wrong, per field, in the order of the fields. Falsy when nothing is."""

    by_field: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, message: str) -> None:
        """Say what is wrong with a field (the first thing said stays). "" is the form as a whole."""
        self.by_field.setdefault(name, message)

    def __bool__(self) -> bool:
        return bool(self.by_field)

    def get(self, name: str) -> str | None:
        """What is wrong with this field, or None."""
        return self.by_field.get(name)

    def items(self) -> Iterable[tuple[str, str]]:
        """(field name, message) pairs."""
        return self.by_field.items()


@dataclass
class Form:
    """A form as read or as to be shown: fields, what was typed, values that could be read, errors."""

    fields: dict[str, Field]
    raw: dict[str, str | list[str]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    errors: FormErrors = field(default_factory=FormErrors)
    files: dict[str, UploadFile] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        """The value of a field; None (or [], False) when left empty or unreadable."""
        return self.values[name]

    def typed(self, name: str) -> str | list[str]:
        """What stands in the field when the page is shown (again)."""
        return self.raw.get(name, [] if self.fields[name].many else "")

    def require(self) -> None:
        """Raise the errors as one `Invalid`, for callers without a page.

        Raises:
            Invalid: there is at least one error.
        """
        for name, message in self.errors.items():
            raise Invalid(message, where=name)


def blank(fields: Sequence[Field], **values: Any) -> Form:
    """An empty form to show, prefilled with `values`."""
    form = Form({one.name: one for one in fields})
    for name, value in values.items():
        if value is not None:
            form.raw[name] = [str(item) for item in value] if isinstance(value, list) else _shown(value)
    form.values = dict.fromkeys(form.fields) | values
    return form


async def read_form(request: Request, fields: Sequence[Field], *, most_bytes: int = MOST_BYTES) -> Form:
    """Read and check a posted form.

    Raises:
        TooLarge: more than `most_bytes` bytes were sent.
        Malformed: the body is not a form.
    """
    return check(await posted(request, most_bytes=most_bytes), fields)


def read_query(request: Request, fields: Sequence[Field]) -> Form:
    """Read and check the query string as a form (searches, filters)."""
    return check(_form_data(request.query_params.multi_items()), fields)


def check(posted: FormData, fields: Sequence[Field]) -> Form:
    """Check what was posted against the fields: values where they can be read, an error where not."""
    form = Form({one.name: one for one in fields})
    for one in fields:
        said = [_clean(item, one) for item in posted.getlist(one.name) if isinstance(item, str)]
        if one.many:
            form.raw[one.name] = said
            form.values[one.name] = [value for item in said if (value := _value(form, one, item)) is not None]
            if one.required and not said:
                form.errors.add(one.name, _required(one))
        else:
            written = said[-1] if said else ""
            form.raw[one.name] = "" if one.kind == "secret" else written
            form.values[one.name] = _value(form, one, written)
    form.files = {name: item for name, item in posted.multi_items() if isinstance(item, UploadFile)}
    return form


def _value(form: Form, one: Field, written: str) -> Any:
    if written.strip() == "" and one.kind != "flag":
        if one.required and not one.many:
            form.errors.add(one.name, _required(one))
        return None
    try:
        if len(written) > one.most:
            raise Invalid(_("Dài quá: tối đa %(n)s ký tự, đang có %(now)s", n=one.most, now=len(written)))
        return one.read(written, one)
    except Invalid as wrong:
        form.errors.add(one.name, wrong.message)
        return None


def _required(one: Field) -> str:
    verb = _("Chọn") if one.choices else _("Nhập")
    return f"{verb} {one.label[:1].lower()}{one.label[1:]}"


def _clean(written: str, one: Field) -> str:
    if one.kind == "secret":
        return written
    kept = "".join(c for c in normalize("NFC", written.replace("\r\n", "\n")) if c in "\n\t" or category(c) != "Cc")
    return kept.strip() if one.kind == "long" else " ".join(kept.split())


def _text(written: str, _one: Field) -> str:
    return written


def _long_text(written: str, _one: Field) -> str:
    return written


def _number(written: str, one: Field) -> Decimal | int:
    try:
        value = Decimal(written.replace(" ", "").replace(",", "."))
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or "e" in written.lower():
        raise Invalid(_("Nhập một số, ví dụ %(example)s", example="38,5" if one.places else "12"))
    exponent = value.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > one.places:
        raise Invalid(_("Nhiều nhất %(n)s chữ số sau dấu phẩy", n=one.places))
    _within(value, one)
    return value if one.places else int(value)


def _within(value: Decimal, one: Field) -> None:
    unit = f" {one.unit}" if one.unit else ""
    if one.lowest is not None and value < one.lowest:
        raise Invalid(_("Phải từ %(n)s trở lên", n=f"{money.quantity(one.lowest)}{unit}"))
    if one.highest is not None and value > one.highest:
        raise Invalid(_("Không được quá %(n)s", n=f"{money.quantity(one.highest)}{unit}"))


def _day(written: str, one: Field) -> Any:
    return clock.parse_date(written, where=one.name)


def _time(written: str, _one: Field) -> time:
    found = re.fullmatch(r"(\d{1,2})[:hg. ]?(\d{2})?", written.lower(), re.ASCII)
    if not found or int(found[1]) > 23 or int(found[2] or 0) > 59:
        raise Invalid(_("Nhập giờ, ví dụ 07:30"))
    return time(int(found[1]), int(found[2] or 0))


def _birth_date(written: str, one: Field) -> str:
    return clock.fhir_date(written, where=one.name)


def _phone(written: str, _one: Field) -> str:
    return words.phone(written)


def _amount(written: str, one: Field) -> int:
    return money.parse_vnd(written, where=one.name)


def _choice(written: str, one: Field) -> str:
    if written not in {value for value, _label in one.choices}:
        raise Invalid(_("Chọn một trong danh sách"))
    return written


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, Decimal | float):
        return str(value).replace(".", ",")
    if isinstance(value, time):
        return f"{value:%H:%M}"
    return clock.vn_date(value) if hasattr(value, "isoformat") else str(value)


async def posted(request: Request, *, most_bytes: int = MOST_BYTES) -> FormData:
    """What was sent, unchecked, for a screen whose fields are not known before: bounded in bytes and fields.

    Raises:
        TooLarge, Malformed: as `read_form`.
    """
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await _multipart(request, most_bytes)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise _too_large(most_bytes)
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:  # UnicodeDecodeError is one
        raise Malformed(_("Biểu mẫu gửi lên không đọc được"), advice=_("Tải lại trang rồi thử lại")) from None
    return _form_data(pairs)


def _form_data(pairs: Iterable[tuple[str, str]]) -> FormData:
    return FormData([(name, value) for name, value in pairs])


async def _multipart(request: Request, most: int) -> FormData:
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > most:
        raise _too_large(most)
    try:
        return await request.form(max_files=5, max_fields=MOST_FIELDS, max_part_size=most)
    except HTTPException:
        raise Malformed(_("Biểu mẫu gửi lên không đọc được"), advice=_("Tải lại trang rồi thử lại")) from None


def _too_large(most: int) -> TooLarge:
    return TooLarge(_("Gửi lên quá nhiều: tối đa %(n)s KB", n=most // 1024))


def relabelled(one: Field, label: str) -> Field:
    """The same field under another label (the same Spec on two screens)."""
    return replace(one, label=label)


def from_mapping(values: Mapping[str, str], fields: Sequence[Field]) -> Form:
    """Check values that came by another way than a form (a scanner's code, a row of a sheet)."""
    return check(_form_data(values.items()), fields)
