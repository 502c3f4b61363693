"""The code lists that fields of a form take their codes from. Words that no list has stay words (open-choice). Pure.

Source: TT 06/2026/TT-BYT (ICD-10), QĐ 34/2020/QĐ-TTg (occupations), the General Statistics Office (peoples, wards).
A list of diseases of traditional medicine is not in the project: such a field takes words.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Final

from benhan.core.fhir import r4, systems
from benhan.core.kit import codes
from benhan.core.kit.codes import Code, CodeList
from benhan.core.kit.text import fold

_LISTS: Final[dict[str, tuple[str, Callable[[date], CodeList]]]] = {
    "icd10": (systems.ICD10, codes.icd10),
    "occupation": (systems.OCCUPATION, lambda _on: codes.occupations()),
    "ethnicity": (systems.ETHNICITY, lambda _on: codes.ethnic_groups()),
    "ward": (systems.ADDRESS, lambda _on: codes.wards()),
}
#: Systems whose codes a person reads and types.
_READ: Final = frozenset({systems.ICD10, systems.TRADITIONAL_DISEASES})
SHOWN: Final = 10


def label(coding: r4.Coding) -> str:
    """A code as its field shows it: "J18.9 Viêm phổi", "Kinh"."""
    name = coding.display or coding.code or ""
    return f"{coding.code} {name}" if coding.system in _READ and name != coding.code else name


def find(name: str, query: str, on: date) -> list[tuple[Code, str]]:
    """Entries that somebody means while she types, each with what the field will show."""
    if name not in _LISTS:
        return []
    system, book = _LISTS[name]
    return [(one, label(_coding(system, one))) for one in book(on).find(query, SHOWN)]


def answer(name: str, written: str, on: date) -> r4.QuestionnaireResponseItemAnswer:
    """What was typed as a code of the list; where the list has none, as words.

    A doctor may say a disease in her own words behind its code: they are kept as what the code is called here.
    """
    found = _found(name, written, on)
    if found is None:
        return r4.QuestionnaireResponseItemAnswer(valueString=written)
    return r4.QuestionnaireResponseItemAnswer(valueCoding=found)


def _found(name: str, written: str, on: date) -> r4.Coding | None:
    if name not in _LISTS:
        return None
    system, book = _LISTS[name]
    if system in _READ:
        code, _blank, words = written.partition(" ")
        entry = _disease(book(on), code.upper())
        return r4.Coding(system=system, code=entry.code, display=words.strip() or entry.name) if entry else None
    entry = next((one for one in book(on).find(written, 3) if fold(one.name) == fold(written)), None)
    return _coding(system, entry) if entry else None


def _disease(book: CodeList, code: str) -> Code | None:
    """The entry of a code, also where its dot was left out."""
    return book.get(code) or (book.get(f"{code[:3]}.{code[3:]}") if len(code) > 3 else None)


def _coding(system: str, entry: Code) -> r4.Coding:
    return r4.Coding(system=system, code=entry.code, display=entry.name)
