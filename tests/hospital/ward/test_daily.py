"""The daily sheet: written on a round, signed at each writing, carried on line by line, never changed afterwards."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from html import unescape

import httpx
import msgspec
import pytest

from benhan.core import store
from benhan.core.access import Role
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import clock, codes
from benhan.core.store.records import version_of
from benhan.hospital import medicines
from benhan.hospital import visit as words
from benhan.hospital.daily import COURSE, SUBJECTIVE
from benhan.hospital.medicines import Medicine
from benhan.hospital.ward import dosing, entries, written
from benhan.hospital.ward.pages import DOORS
from benhan.hospital.writing import seal
from benhan.simulator import House
from benhan.simulator.accounts import DEMO_PASSWORD
from tests.hospital.ward.house import Inside

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
EMPTY = seal({}, COURSE)
CEFTRIAXONE = Medicine(
    code="W-CEF", name="Ceftriaxon", strength="1 g", form="Bột pha tiêm", unit="lọ", route="Tiêm tĩnh mạch",
    atc="J01DD04",
)  # fmt: skip
SALINE = Medicine(
    code="W-NACL", name="Natri clorid", strength="0,9%", form="Dung dịch tiêm truyền", unit="chai",
    route="Truyền tĩnh mạch", pack_ml=Decimal(500),
)  # fmt: skip
AMOXICILLIN = Medicine(
    code="W-AMOX", name="Amoxicilin", strength="500 mg", form="Viên nang", unit="viên", atc="J01CA04"
)  # fmt: skip


async def stocked(inside: Inside) -> None:
    """The medicines of these tests are on the hospital's list."""
    async with inside.tx() as tx:
        await store.load(tx, inside.house.loader, list(map(medicines.resource, (CEFTRIAXONE, SALINE, AMOXICILLIN))))


def at(stay: r4.Encounter, *more: str) -> str:
    return "/".join((f"/noi-tru/luot/{stay.id}/to-dieu-tri", *more))


def hidden(page: httpx.Response, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page.text)
    assert found, name
    return unescape(found[1])


async def signs(doctor: httpx.AsyncClient, stay: r4.Encounter, password: str = DEMO_PASSWORD) -> httpx.Response:
    page = await doctor.get(at(stay, "ky"))
    said = {"y-lenh": hidden(page, "y-lenh"), "phieu": hidden(page, "phieu"), "password": password}
    return await doctor.post(at(stay, "ky"), data=said)


def injection(**more: str) -> dict[str, str]:
    return {"medicine": medicines.medicine_id("W-CEF"), "lieu": "1", "gio": "8 20h", "ngay": "1",
            "duong": "Tiêm tĩnh mạch", "don-vi": "giọt/phút"} | more  # fmt: skip


async def orders_of(inside: Inside, stay: r4.Encounter, *status: str) -> dict[str, r4.MedicationRequest]:
    found = await inside.found(r4.MedicationRequest, encounter=f"Encounter/{stay.id}", status=",".join(status))
    return {words.code_of(one.medicationCodeableConcept, systems.MEDICINE_CODE) or "": one for one in found}


async def test_a_day_is_written_signed_and_carried_on_by_choice(client: Client, inside: Inside) -> None:
    await stocked(inside)
    department = await inside.department("Khoa Tờ")
    beds = await inside.beds(department, 2)
    stay, other = [await inside.lies(department, bed) for bed in beds]
    doctor, nurse = await client(Role.DOCTOR), await client(Role.NURSE)
    board = f"/noi-tru/khoa/{department.id}"
    assert (await nurse.get(board)).text.count("chưa ghi hôm nay") == 2

    kept = await doctor.post(at(stay), data={"s": "Đỡ ho", "a": "Viêm phổi ngày 2", "version": EMPTY, "di": "ky"})
    assert kept.headers["location"] == at(stay, "ky")
    assert (await doctor.post(at(stay, "thuoc"), data=injection(gio="8 nữa"))).status_code == 422
    assert (await doctor.post(at(stay, "thuoc"), data=injection())).status_code == 303
    infusion = {"medicine": medicines.medicine_id("W-NACL"), "lieu": "1", "gio": "9", "duong": "Truyền tĩnh mạch"}
    assert (await doctor.post(at(stay, "thuoc"), data=injection(**infusion))).status_code == 422  # no rate
    infusion["toc-do"] = "30"
    assert (await doctor.post(at(stay, "thuoc"), data=injection(**infusion))).status_code == 303
    assert (await doctor.post(at(stay, "dich-vu"), data={"service": "không-có"})).status_code == 422
    test = _a_test()
    assert (await doctor.post(at(stay, "dich-vu"), data={"service": test, "gap": "1"})).status_code == 303
    assert (await doctor.post(at(stay, "dich-vu"), data={"service": test})).status_code == 422  # today already
    for kind, text in (("che-do-an", "Cháo"), ("cham-soc", "cap-1"), ("cham-soc", "cap-2"), ("theo-doi", "HA/4 giờ")):
        await doctor.post(at(stay, "khac"), data={"loai": kind, "noi-dung": text})
    assert not await orders_of(inside, stay, "active")  # nothing is in force before it is signed
    assert (await signs(doctor, stay, "không phải")).status_code == 422
    assert (await signs(doctor, stay)).headers["location"] == at(other)

    first = await orders_of(inside, stay, "active")
    assert set(first) == {"W-CEF", "W-NACL"}
    assert first["W-CEF"].dosageInstruction[0].text == "Tiêm tĩnh mạch: mỗi lần 1 lọ, ngày 2 lần (8h, 20h)"  # type: ignore[index]
    asked = await inside.found(r4.ServiceRequest, encounter=f"Encounter/{stay.id}", status="active")
    said = {words.display_of(one.code): bool(one.identifier) for one in asked}
    assert said.pop("Chăm sóc cấp 2") is False and said.pop("HA/4 giờ") is False and list(said.values()) == [True]
    (entry,) = await inside.found(r4.Composition, encounter=f"Encounter/{stay.id}", status="final")
    (signature,) = await inside.found(r4.Provenance, target=f"Composition/{entry.id}")
    signed = [one.reference or "" for one in signature.target]
    assert sum("/_history/" in one for one in signed) == 7 and f"Encounter/{stay.id}" not in signed
    with pytest.raises(Conflict):
        async with inside.tx() as tx:
            changed = msgspec.structs.replace(entry, title="khác")
            await store.update(tx, inside.who(Role.DOCTOR), changed, if_match=version_of(entry))
    with pytest.raises(Conflict):
        async with inside.tx() as tx:
            dose = msgspec.structs.replace(first["W-CEF"], dosageInstruction=None)
            await store.update(tx, inside.who(Role.DOCTOR), dose, if_match=version_of(first["W-CEF"]))
    assert (await nurse.get(board)).text.count("chưa ghi hôm nay") == 1

    ref = {code: f"MedicationRequest/{one.id}" for code, one in first.items()}
    assert (await doctor.post(at(stay, "ghi-tiep"), data={"y-lenh": ["nothing"]})).status_code == 422
    assert (await doctor.post(at(stay, "ngung"), data={"y-lenh": ref["W-NACL"], "ly-do": " "})).status_code == 422
    await doctor.post(at(stay, "ngung"), data={"y-lenh": ref["W-NACL"], "ly-do": "Đã ăn được"})
    for _twice in range(2):
        assert (await doctor.post(at(stay, "ghi-tiep"), data={"y-lenh": [ref["W-CEF"]]})).status_code == 303
    assert (await doctor.post(at(stay, "ngung"), data={"y-lenh": ref["W-CEF"], "ly-do": "x"})).status_code == 409
    page = (await doctor.get(at(stay, "ky"))).text
    assert "Không ghi tiếp, sẽ hết hạn" in page and "Cháo" in page
    await signs(doctor, stay)
    now = await orders_of(inside, stay, "active")
    assert set(now) == {"W-CEF"} and now["W-CEF"].priorPrescription.reference == ref["W-CEF"]  # type: ignore[union-attr]
    former = await inside.found(r4.MedicationRequest, encounter=f"Encounter/{stay.id}", status="completed,stopped")
    assert {(one.id, one.status, words.display_of(one.statusReason)) for one in former} == {
        (first["W-CEF"].id, "completed", ""), (first["W-NACL"].id, "stopped", "Đã ăn được"),
    }  # fmt: skip

    begun = await doctor.post(at(stay, "lan", entry.id or ""), data={"cach": "thay"})
    assert begun.status_code == 303
    assert (await doctor.post(at(stay, "lan", entry.id or ""), data={"cach": "them"})).status_code == 409
    page = await doctor.get(at(stay))
    await doctor.post(at(stay), data={"s": "Đỡ ho, còn sốt", "version": hidden(page, "version"),
                                      "mieng-luc": "00:00"})  # fmt: skip
    await signs(doctor, stay)
    read = (await nurse.get(at(stay))).text
    assert "<s><b>S:</b> Đỡ ho</s>" in re.sub(r"\s*\n\s*", "", read) and "y lệnh miệng 00:00" in read
    assert 'id="entry"' not in read and "Ký" not in read.split('class="bar"')[1]
    paper = await nurse.get(f"{at(stay)}.pdf")
    assert paper.status_code == 200 and paper.content.startswith(b"%PDF")
    assert (await (await client(Role.RECEPTION)).get(f"{at(stay)}.pdf")).status_code == 403


async def test_what_is_written_in_two_windows_is_chosen_and_what_changed_is_not_signed(
    client: Client, inside: Inside
) -> None:
    await stocked(inside)
    department = await inside.department("Khoa Hai")
    (bed,) = await inside.beds(department, 1)
    stay, doctor = await inside.lies(department, bed), await client(Role.DOCTOR)
    itself = {"Benhan-Autosave": "1", "HX-Request": "true"}
    saved = await doctor.post(at(stay), data={"s": "Ho", "version": EMPTY}, headers=itself)
    assert saved.status_code == 204 and saved.headers["etag"] == f'W/"{seal({SUBJECTIVE: "Ho"}, COURSE)}"'
    clash = await doctor.post(at(stay), data={"s": "Sốt", "version": EMPTY}, headers=itself)
    assert clash.status_code == 412 and "Sốt" in clash.text and "Ho" in clash.text
    (draft,) = await inside.found(r4.Composition, encounter=f"Encounter/{stay.id}")
    assert words.section_text(draft, SUBJECTIVE) == "Ho"

    async with inside.tx() as tx:
        await store.create(tx, inside.who(Role.DOCTOR), _allergy(stay))
    amoxicillin = injection(medicine=medicines.medicine_id("W-AMOX"), duong="Uống")
    refused = await doctor.post(at(stay, "thuoc"), data=amoxicillin)
    assert refused.status_code == 422 and "Dị ứng Penicillin" in refused.text
    assert (await doctor.post(at(stay, "thuoc"), data=amoxicillin | {"override": "đã thử test"})).status_code == 303
    assert (await doctor.post(at(stay, "luu-bo"), data={"ten-bo": " "})).status_code == 422
    page = await doctor.get(at(stay, "ky"))
    await doctor.post(at(stay, "thuoc"), data=injection())
    said = {"y-lenh": hidden(page, "y-lenh"), "phieu": hidden(page, "phieu"), "password": DEMO_PASSWORD}
    late = await doctor.post(at(stay, "ky"), data=said)
    assert late.status_code == 422 and "thay đổi từ lúc mở trang" in late.text

    assert (await doctor.post(at(stay, "luu-bo"), data={"ten-bo": "Viêm phổi"})).status_code == 303
    assert (await doctor.post(at(stay, "luu-bo"), data={"ten-bo": "viêm phổi"})).status_code == 409
    said |= {"y-lenh": hidden(await doctor.get(at(stay, "ky")), "y-lenh")}
    for _twice in range(2):
        assert (await doctor.post(at(stay, "ky"), data=said)).status_code == 303
    assert len(await inside.found(r4.Composition, encounter=f"Encounter/{stay.id}")) == 1
    active = await orders_of(inside, stay, "active")
    issue = next(one for one in active["W-AMOX"].contained or [] if isinstance(one, r4.DetectedIssue))
    assert "Dị ứng Penicillin" in (issue.detail or "")

    (made,) = [one for one in await inside.found(r4.PlanDefinition, status="active") if one.title == "Viêm phổi"]
    assert (await doctor.post(at(stay, "dung-bo"), data={"bo": made.id})).status_code == 422  # the allergy stands
    elsewhere = await inside.department("Khoa Khác")
    again = await inside.lies(elsewhere, (await inside.beds(elsewhere, 1))[0])
    assert (await doctor.post(at(again, "dung-bo"), data={"bo": made.id})).status_code == 404
    await doctor.post(at(stay, "dung-bo"), data={"bo": made.id, "viec": "bo"})
    assert (await inside.found(r4.PlanDefinition, _id=made.id or ""))[0].status == "retired"


async def test_the_round_says_who_is_not_written_and_signs_its_drafts_at_once(client: Client, inside: Inside) -> None:
    department = await inside.department("Khoa Vòng")
    first, second, third = [await inside.lies(department, bed) for bed in await inside.beds(department, 3)]
    doctor, walk = await client(Role.DOCTOR), f"/noi-tru/khoa/{department.id}/di-buong"
    onwards = await doctor.post(at(first), data={"s": "Khỏe", "version": EMPTY, "di": "sau"})
    assert onwards.headers["location"] == at(second)
    last = await doctor.post(at(second), data={"p": "Ra viện mai", "version": EMPTY, "di": "ky"})
    assert last.headers["location"] == at(second, "ky")
    page = (await doctor.get(walk)).text
    assert page.count(">nháp của bạn<") == 2 and "3/3 người chưa ghi hôm nay" in page
    assert (await doctor.post(walk, data={"password": "sai"})).status_code == 422
    assert (await doctor.post(walk, data={"password": DEMO_PASSWORD})).headers["location"] == f"{walk}?ky=2"
    assert "1/3 người chưa ghi hôm nay" in (await doctor.get(walk)).text
    assert (await doctor.post(at(third, "ky"), data={"password": DEMO_PASSWORD})).status_code in (303, 422)
    assert not await inside.found(r4.Composition, encounter=f"Encounter/{third.id}")

    now = clock.now()
    noon = now.replace(hour=5, minute=0)  # noon in Vietnam
    ago = {hours: noon - timedelta(hours=hours) for hours in (1, 13, 23, 25)}
    states = [written.state(ago[one], None, noon) for one in (1, 13, 23, 25)]
    assert states == [written.DONE, written.DUE, written.DUE, written.OVERDUE]
    assert [written.state(None, ago[one], noon) for one in (1, 25)] == [written.DUE, written.OVERDUE]
    assert dosing.parse_hours("8, 14h30 20:00 8h") == ("08:00", "14:30", "20:00")
    for bad in ("24", "8h60", "sáng", ""):
        with pytest.raises(Invalid):
            dosing.parse_hours(bad)


async def test_doors_of_the_sheet_know_who_may_come(
    client: Client, inside: Inside, other_hospital: House
) -> None:  # fmt: skip
    department = await inside.department("Khoa Cửa")
    (bed,) = await inside.beds(department, 1)
    stay = await inside.lies(department, bed)
    nobody, stranger = await client(None), await client(Role.DOCTOR, other_hospital)
    nurse, desk = await client(Role.NURSE), await client(Role.RECEPTION)
    ours = [one for one in DOORS if "to-dieu-tri" in one.path or "di-buong" in one.path]
    assert len(ours) == 20
    for door in ours:
        path = door.path.format(stay=stay.id, department=department.id, entry="x")
        for method in door.methods:
            said = {"cach": "thay", "y-lenh": "x", "ly-do": "x", "loai": "theo-doi", "noi-dung": "x", "bo": "x"}
            how = {"data": said | {"password": DEMO_PASSWORD}} if method == "POST" else {}
            assert (await nobody.request(method, path, **how)).status_code in (303, 401), path  # type: ignore[arg-type]
            assert (await stranger.request(method, path, **how)).status_code in (403, 404), path  # type: ignore[arg-type]
            assert (await desk.request(method, path, **how)).status_code == 403, path  # type: ignore[arg-type]
            answer = (await nurse.request(method, path, **how)).status_code  # type: ignore[arg-type]
            reads = method == "GET" and door.permission in ("watch-beds", "print")
            assert (answer in (200, 409)) is reads and (answer == 403) is not reads, path
    assert not await inside.found(r4.Composition, encounter=f"Encounter/{stay.id}")
    async with inside.tx() as tx:
        found = await entries.sheet(tx, inside.who(Role.NURSE), stay)
    assert found.draft is None and not found.signed


def _a_test() -> str:
    return next(one.code for one in codes.services() if one["kind"] == "laboratory")


def _allergy(stay: r4.Encounter) -> r4.AllergyIntolerance:
    return r4.AllergyIntolerance(
        clinicalStatus=words.concept(systems.ALLERGY_CLINICAL, "active"),
        verificationStatus=words.concept(systems.ALLERGY_VERIFICATION, "confirmed"),
        code=words.concept(systems.ALLERGY_CLASS, "penicillin", "Penicillin"),
        patient=r4.Reference(reference=stay.subject.reference if stay.subject else None),
    )  # fmt: skip
