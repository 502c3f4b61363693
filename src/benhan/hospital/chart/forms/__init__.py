"""The forms of the record as the Ministry prints them, kept as readable text: one `.form` file for each paper.

`form("01/BV1")` gives one; `questionnaires` makes it FHIR, `filling` fills in what the record knows, `answering` checks
answers, `sheets` prints. `records/` fills them in on screens. How to write one: docs/howto/forms.md; why so: ADR 27.
Source: TT 32/2023/TT-BYT, Phụ lục XXVIII (BV1), XXIX (BV2).
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from benhan.core.fhir.outcome import NotFound
from benhan.core.language import _
from benhan.hospital.chart.forms.checks import check
from benhan.hospital.chart.forms.reading import Blocks, blocks_of, read
from benhan.hospital.chart.forms.structure import Form

_FOLDER = files("benhan.hospital.chart.forms")


@cache
def blocks() -> Blocks:
    """What the forms share, of all files in `blocks/`."""
    return blocks_of((path.name, path.read_text("utf-8")) for path in _files("blocks"))


@cache
def forms() -> dict[str, Form]:
    """Every form by its code, in the order of the codes.

    Raises:
        FormError: a file is not a form; names file, line and what to do.
    """
    found = [check(read(path.name, path.read_text("utf-8"), blocks())) for path in _files("papers")]
    return {form.code: form for form in sorted(found, key=lambda form: (form.code[3:], form.code))}


def form(code: str) -> Form:
    """The form of a code such as "01/BV1".

    Raises:
        NotFound: there is no such form.
    """
    found = forms().get(code)
    if found is None:
        raise NotFound(_("Không có mẫu %(code)s.", code=code), advice=_("Xem danh sách mẫu hồ sơ bệnh án."))
    return found


def _files(folder: str) -> list[Traversable]:
    return sorted((_FOLDER / folder).iterdir(), key=lambda path: path.name)
