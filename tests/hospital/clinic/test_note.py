"""One note, several writers: what is merged, what is asked, and that nothing is lost."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

import httpx
import pytest

from benhan.core.fhir import r4
from benhan.hospital.clinic import note
from benhan.hospital.visit import EXAMINATION, ILLNESS, PAST, REASON, SECTIONS, section_text
from benhan.hospital.writing import merge
from tests.hospital.clinic.conftest import Clinic

Client = Callable[..., Awaitable[httpx.AsyncClient]]
AUTOSAVE = {"Benhan-Autosave": "1", "HX-Request": "true"}
EMPTY = note.seal({})


def sealed(answer: httpx.Response) -> str:
    return answer.headers["etag"].removeprefix('W/"').removesuffix('"')


async def written(clinic: Clinic, visit: r4.Encounter) -> r4.Composition:
    found = await clinic.find(r4.Composition, encounter=f"Encounter/{visit.id}")
    assert len(found) == 1
    return found[0]


def test_only_what_i_changed_is_taken_from_me() -> None:
    seen = note.seal({ILLNESS: "ho", PAST: "khỏe"})
    merged = merge({ILLNESS: "ho", PAST: "mổ ruột thừa"}, {ILLNESS: "ho, sốt", PAST: "khỏe"}, seen, SECTIONS)
    assert merged.clashes == []
    assert (merged.texts[ILLNESS], merged.texts[PAST]) == ("ho, sốt", "mổ ruột thừa")


def test_the_same_section_changed_twice_is_a_clash() -> None:
    merged = merge({ILLNESS: "sốt"}, {ILLNESS: "ho"}, note.seal({ILLNESS: ""}), SECTIONS)
    assert merged.clashes == [ILLNESS]


def test_two_who_wrote_the_same_words_do_not_clash() -> None:
    assert merge({ILLNESS: "ho"}, {ILLNESS: "ho"}, EMPTY, SECTIONS).clashes == []


def test_a_form_without_a_seal_never_overwrites() -> None:
    assert merge({ILLNESS: "sốt"}, {ILLNESS: "ho"}, "", SECTIONS).clashes == [ILLNESS]


async def test_writing_saves_itself_and_the_next_save_goes_on_from_there(enter: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    doctor, path = await enter(), f"/kham/{visit.id}/ghi-chep"
    first = await doctor.post(path, data={"illness": "Ho", "version": EMPTY}, headers=AUTOSAVE)
    assert first.status_code == 204
    data = {"illness": "Ho, sốt\ntừ hôm qua", "version": sealed(first)}
    assert (await doctor.post(path, data=data, headers=AUTOSAVE)).status_code == 204
    kept = await written(clinic, visit)
    assert kept.status == "preliminary"
    assert section_text(kept, ILLNESS) == "Ho, sốt\ntừ hôm qua"
    assert (await clinic.read(r4.Encounter, visit.id)).status == "in-progress"  # who writes has begun


async def test_saving_the_same_again_writes_nothing(enter: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    doctor, path = await enter(), f"/kham/{visit.id}/ghi-chep"
    for _ in range(3):
        await doctor.post(path, data={"illness": "Ho", "version": EMPTY}, headers=AUTOSAVE)
    kept = await written(clinic, visit)
    assert kept.meta is not None
    assert kept.meta.versionId == "1"


async def test_different_sections_by_two_people_are_both_kept(enter: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    first, second, path = await enter(), await enter("bacsi2"), f"/kham/{visit.id}/ghi-chep"
    await first.post(path, data={"illness": "Ho", "past": "", "version": EMPTY}, headers=AUTOSAVE)
    answer = await second.post(path, data={"illness": "", "past": "Hen", "version": EMPTY}, headers=AUTOSAVE)
    assert answer.status_code == 204
    kept = await written(clinic, visit)
    assert (section_text(kept, ILLNESS), section_text(kept, PAST)) == ("Ho", "Hen")
    assert len(kept.author) == 2
    # The second page still shows no illness: going on with it must not erase what the first wrote.
    data = {"illness": "", "past": "Hen, dị ứng phấn hoa", "version": sealed(answer)}
    assert (await second.post(path, data=data, headers=AUTOSAVE)).status_code == 204
    assert section_text(await written(clinic, visit), ILLNESS) == "Ho"


async def test_the_second_in_the_same_section_sees_both_texts_and_chooses(enter: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    first, second, path = await enter(), await enter("bacsi2"), f"/kham/{visit.id}/ghi-chep"
    await first.post(path, data={"examination": "Phổi ran ẩm", "version": EMPTY}, headers=AUTOSAVE)
    mine = {"examination": "Phổi trong", "version": EMPTY}
    answer = await second.post(path, data=mine, headers=AUTOSAVE)
    assert answer.status_code == 412
    assert "Phổi ran ẩm" in answer.text
    assert "Phổi trong" in answer.text
    assert section_text(await written(clinic, visit), EXAMINATION) == "Phổi ran ẩm"
    whole_page = await second.post(path, data=mine)  # the same with scripts off: the whole page, with the choice
    assert whole_page.status_code == 412
    assert 'name="keep_examination"' in whole_page.text
    now = note.seal({EXAMINATION: "Phổi ran ẩm"})
    chosen = mine | {"version": now, "keep_examination": "both", "theirs_examination": "Phổi ran ẩm"}
    assert (await second.post(path, data=chosen)).status_code == 303
    assert section_text(await written(clinic, visit), EXAMINATION) == "Phổi ran ẩm\nPhổi trong"


async def test_who_chooses_overwrites_no_other_section(enter: Client, clinic: Clinic) -> None:
    """The form of the choice carries every section: what a colleague wrote elsewhere stands in it as she wrote it."""
    _, visit, _ = await clinic.arrives()
    first, second, path = await enter(), await enter("bacsi2"), f"/kham/{visit.id}/ghi-chep"
    theirs = {"examination": "Phổi ran ẩm", "past": "Mổ ruột thừa", "version": EMPTY}
    await first.post(path, data=theirs, headers=AUTOSAVE)
    mine = {"examination": "Phổi trong", "past": "", "illness": "Ho", "version": EMPTY}
    answer = await second.post(path, data=mine, headers=AUTOSAVE)
    sent = dict(re.findall(r'<textarea name="(\w+)" hidden>(.*?)</textarea>', answer.text, re.DOTALL))
    version = re.search(r'name="version" value="([^"]*)"', answer.text)
    assert version
    chosen = sent | {"version": version[1], "keep_examination": "mine"}
    assert (await second.post(path, data=chosen)).status_code == 303
    kept = await written(clinic, visit)
    said = [section_text(kept, code) for code in (EXAMINATION, PAST, ILLNESS)]
    assert said == ["Phổi trong", "Mổ ruột thừa", "Ho"]


@pytest.mark.parametrize(("keep", "stays"), [("theirs", "Phổi ran ẩm"), ("mine", "Phổi trong")])
async def test_either_text_can_be_chosen(keep: str, stays: str, enter: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    doctor, path = await enter(), f"/kham/{visit.id}/ghi-chep"
    await doctor.post(path, data={"examination": "Phổi ran ẩm", "version": EMPTY})
    data = {"examination": "Phổi trong", "version": note.seal({EXAMINATION: "Phổi ran ẩm"}), "keep_examination": keep}
    assert (await doctor.post(path, data=data)).status_code == 303
    assert section_text(await written(clinic, visit), EXAMINATION) == stays


async def test_ten_saves_at_one_moment_lose_no_section(enter: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    doctor, path = await enter(), f"/kham/{visit.id}/ghi-chep"
    await doctor.post(f"/kham/{visit.id}/bat-dau")
    fields = ("reason", "illness", "past", "examination", "advice")
    saves = [doctor.post(path, data={name: f"chữ {name}", "version": EMPTY}, headers=AUTOSAVE) for name in fields]
    answers = await asyncio.gather(*saves)
    kept = await written(clinic, visit)
    for name, code, answer in zip(fields, note.texts_of(kept), answers, strict=True):
        assert answer.status_code in (204, 409, 412), answer.text
        if answer.status_code == 204:
            assert section_text(kept, code) == f"chữ {name}"


async def test_markup_in_a_note_stays_text(enter: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    doctor, text = await enter(), "<script>alert(1)</script> & <b>đau</b>"
    await doctor.post(f"/kham/{visit.id}/ghi-chep", data={"reason": text, "version": EMPTY})
    assert section_text(await written(clinic, visit), REASON) == text
    assert "<script>alert" not in (await doctor.get(f"/kham/{visit.id}")).text


async def test_a_section_the_form_does_not_carry_is_left_alone_and_an_empty_one_is_emptied(
    enter: Client, clinic: Clinic
) -> None:
    _, visit, _ = await clinic.arrives()
    doctor, path = await enter(), f"/kham/{visit.id}/ghi-chep"
    await doctor.post(path, data={"reason": "Ho", "past": "Hen", "version": EMPTY})
    await doctor.post(path, data={"past": "", "version": note.seal({REASON: "Ho", PAST: "Hen"})})
    kept = await written(clinic, visit)
    assert (section_text(kept, REASON), section_text(kept, PAST)) == ("Ho", "")


async def test_too_long_a_section_is_refused_and_changes_nothing(enter: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    doctor = await enter()
    answer = await doctor.post(f"/kham/{visit.id}/ghi-chep", data={"reason": "a" * 9000, "version": EMPTY})
    assert answer.status_code == 422
    assert await clinic.find(r4.Composition, encounter=f"Encounter/{visit.id}") == []


async def test_a_signed_note_is_not_changed(enter: Client, clinic: Clinic) -> None:
    import msgspec

    from benhan.core import store

    _, visit, _ = await clinic.arrives()
    doctor, path = await enter(), f"/kham/{visit.id}/ghi-chep"
    await doctor.post(path, data={"reason": "Ho", "version": EMPTY})
    signed = msgspec.structs.replace(await written(clinic, visit), status="final")
    async with clinic.tx() as tx:
        await store.update(tx, clinic.house.loader, signed, if_match=None)
    answer = await doctor.post(path, data={"reason": "Sốt", "version": note.seal({REASON: "Ho"})}, headers=AUTOSAVE)
    assert answer.status_code == 409
    assert section_text(await written(clinic, visit), REASON) == "Ho"


async def test_others_changes_are_told(enter: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    first, second = await enter(), await enter("bacsi2")
    await second.post(f"/kham/{visit.id}/ghi-chep", data={"past": "Hen", "version": EMPTY})
    news = (await first.get(f"/kham/{visit.id}/ghi-chep/moi", params={"version": EMPTY})).text
    assert "Trần Quốc Bảo vừa sửa mục Tiền sử" in news
