"""What the patient carries home: a pharmacy can scan it, and everybody can see who signed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict
from benhan.core.kit import printing
from benhan.core.kit.clock import today
from benhan.hospital.clinic import conclusion, documents, prescribing
from benhan.simulator import House
from tests.core.kit.test_printing import codes_in

from .rooms import HOME, Room, room, stocked, twice

VERIFY = "http://127.0.0.1:8400/kham/x/chu-ky"


@pytest.fixture
async def visit(database: Database, loader: Subject, subject: Callable[..., Subject]) -> Room:
    medicines = await stocked(database, loader)
    made = await room(database, loader, subject("doctor"))
    for name in ("Paracetamol", "Morphin"):
        async with database.transaction(made.doctor.facility) as tx:
            await prescribing.add(tx, made.doctor, made.visit, medicines[name], twice(4))
    return made


async def signed(here: Room, password: str) -> None:
    shown = await here.seal()
    async with here.database.transaction(here.doctor.facility) as tx:
        await conclusion.sign(tx, here.doctor, here.visit, HOME, shown, password)


async def data(here: Room, make: Any) -> dict[str, Any]:
    async with here.database.transaction(here.doctor.facility) as tx:
        visit = await store.read(tx, here.doctor, r4.Encounter, here.visit)
        found: dict[str, Any] = await make(tx, here.doctor, visit, VERIFY)
    return found


def scanned(picture: bytes) -> set[str]:
    return set(codes_in(picture))


async def test_each_kind_has_its_page_with_a_code_that_scans(visit: Room, hospital: House) -> None:
    await signed(visit, hospital.password)
    paper = await data(visit, documents.prescription_data)
    narcotic, ordinary = paper["sheets"]
    pages = printing.render_pictures(documents.PRESCRIPTION, paper, dpi=150)
    assert [narcotic["title"], ordinary["title"]] == ["Đơn thuốc gây nghiện", "Đơn thuốc"]
    assert len(pages) == 2 and narcotic["code"] != ordinary["code"]
    assert scanned(pages[1]) == {ordinary["code"], VERIFY}


async def test_quantities_stand_in_two_digits_and_narcotics_also_in_words(visit: Room, hospital: House) -> None:
    await signed(visit, hospital.password)
    narcotic, ordinary = (await data(visit, documents.prescription_data))["sheets"]
    assert ordinary["lines"][0]["quantity"] == "08 viên" and ordinary["lines"][0]["words"] == ""
    assert narcotic["lines"][0]["words"] == "Tám viên"
    assert ordinary["lines"][0]["directions"] == "Uống: ngày 2 lần, mỗi lần 1 viên (sáng, tối), sau ăn"


async def test_the_foot_says_who_signed_when_and_the_beginning_of_the_hash(visit: Room, hospital: House) -> None:
    await signed(visit, hospital.password)
    paper = await data(visit, documents.visit_sheet_data)
    ((_provenance, signature),) = [(one, s) for s, one in await _signatures(visit)]
    assert paper["signer"] == visit.doctor.name
    assert signature.hash[:16] in paper["footer"]
    assert paper["date"] == today().isoformat()


async def test_an_unsigned_visit_prints_as_a_draft_and_its_prescription_not_at_all(visit: Room) -> None:
    paper = await data(visit, documents.visit_sheet_data)
    assert paper["signer"] == "" and "qr" not in paper
    assert printing.render_now(documents.VISIT_SHEET, paper).startswith(b"%PDF-")
    with pytest.raises(Conflict):
        await data(visit, documents.prescription_data)


async def test_markup_in_what_was_typed_stays_text(visit: Room, hospital: House) -> None:
    await signed(visit, hospital.password)
    paper = await data(visit, documents.visit_sheet_data)
    paper["sections"] = [["Khám", '#set page(fill: red) #image("/etc/passwd") *x* $a$']]
    assert printing.render_now(documents.VISIT_SHEET, paper).startswith(b"%PDF-")


async def _signatures(here: Room) -> Any:
    async with here.database.transaction(here.doctor.facility) as tx:
        visit = await store.read(tx, here.doctor, r4.Encounter, here.visit)
        return await conclusion.signatures(tx, here.doctor, visit)
