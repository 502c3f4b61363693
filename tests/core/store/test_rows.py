"""The rows of a record: bounded, whatever it holds, and written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Database
from benhan.core.fhir import codec, r4
from benhan.core.store.rows import MAX_WORDS, hash64, rows_of
from benhan.core.store.sounds import sound_words


@pytest.mark.parametrize(
    "content",
    [
        {"name": [{"text": "Gói n"}] * 200},
        {"name": [{"text": "漢字" * 2000, "family": "𐐷" * 4000}]},
        {"name": [{"text": f"tên{n} họ{n * 7}"} for n in range(2000)]},
        {"identifier": [{"system": "urn:oid:2.16.704.1", "value": "9" * 9000}]},
        {"meta": {"profile": ["http://vi.du/" + "đ" * 3000], "source": "urn:" + "ê" * 5000}},
    ],
    ids=["many names", "wide letters", "many words", "a long number", "long addresses"],
)
async def test_no_record_is_too_big_for_the_index(database: Database, loader: Subject, content: dict[str, Any]) -> None:
    patient = codec.decode(json.dumps({"resourceType": "Patient", **content}).encode(), r4.Patient)
    async with database.transaction(loader.facility) as tx:
        kept = await store.create(tx, loader, patient)
        assert await store.read(tx, loader, r4.Patient, kept.id or "")


def test_the_words_of_one_record_are_bounded() -> None:
    rows = rows_of(r4.Basic(id="b", code=r4.CodeableConcept(text="x"), text=_narrative(30_000)))
    assert len(rows.words) <= MAX_WORDS + 1


def test_a_record_knows_its_own_name_and_only_a_proper_id_is_a_compartment() -> None:
    about = r4.Reference(reference="Patient/" + "a" * 65)
    rows = rows_of(r4.Observation(id="o", status="final", code=r4.CodeableConcept(text="x"), subject=about))
    assert (10000, hash64("Observation/o")) in rows.tokens
    assert rows.patient is None


@pytest.mark.parametrize(
    ("heard", "written"),
    [("Dung", "Giung"), ("Zũng", "Dũng"), ("Trang", "Chang"), ("Sơn", "Xơn"), ("Nam", "Lam"), ("Ngà", "Nghà"),
     ("Lý", "Li"), ("Cường", "Cườn"), ("Việt", "Viếc")],
)  # fmt: skip
def test_names_that_sound_alike_are_found_for_each_other(heard: str, written: str) -> None:
    assert sound_words(heard) == sound_words(written)


def test_names_that_do_not_sound_alike_are_told_apart() -> None:
    assert len({tuple(sound_words(name)) for name in ("Bình", "Minh", "Thanh", "Hoa", "Lan", "Phúc", "Quân")}) == 7


def _narrative(words: int) -> r4.Narrative:
    body = " ".join(f"từ{n}" for n in range(words))
    return r4.Narrative(status="generated", div=f'<div xmlns="http://www.w3.org/1999/xhtml">{body}</div>')
