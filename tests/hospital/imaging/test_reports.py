"""A reading from draft to correction, through the form and without script."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest

from benhan.core import store
from benhan.core.fhir import r4, systems
from benhan.hospital.imaging.normal import NORMAL, offered
from benhan.hospital.imaging.reports import Text, begin_from
from benhan.hospital.visit import code_of
from tests.hospital.orders_day import Day, Sent

Client = Callable[..., Awaitable[httpx.AsyncClient]]
CHEST, ABDOMEN, HEART = "18.119", "18.15", "21.14"


def form(action: str = "release", version: str = "0", **more: str) -> dict[str, str]:
    text = {"technique": "Thẳng", "findings": "Đám mờ đáy phổi phải.\nTim không to.", "conclusion": "Viêm phổi phải"}
    return {**text, "action": action, "version": version, **more}


@pytest.fixture
async def reader(client: Client) -> httpx.AsyncClient:
    return await client("imaging")


def url(sent: Sent, at: int = 0) -> str:
    return f"/chan-doan-hinh-anh/{sent.orders[at].id}"


async def test_a_draft_is_preliminary_and_leaves_the_order_open(day: Day, reader: httpx.AsyncClient) -> None:
    sent = await day.sends(CHEST)
    assert (await reader.post(url(sent), data=form("draft"))).status_code == 303
    [report] = await day.of_order(sent.orders[0], r4.DiagnosticReport)
    assert report.status == "preliminary"
    assert (await day.now_is(sent.orders[0])).status == "active"


async def test_a_release_gives_findings_and_conclusion_to_the_doctor(day: Day, reader: httpx.AsyncClient) -> None:
    sent = await day.sends(CHEST)
    assert (await reader.post(url(sent), data=form())).status_code == 303
    [report] = await day.of_order(sent.orders[0], r4.DiagnosticReport)
    [found] = await day.of_order(sent.orders[0], r4.Observation)
    assert (report.status, report.conclusion) == ("final", "Viêm phổi phải")
    assert code_of((report.category or [])[0], systems.DIAGNOSTIC_SERVICE) == "RAD"
    assert found.valueString == "Đám mờ đáy phổi phải.\nTim không to." and found.method and found.method.text == "Thẳng"
    assert [one.reference for one in report.result or []] == [f"Observation/{found.id}"]
    assert report.encounter and report.subject and report.resultsInterpreter and report.issued
    assert (await day.now_is(sent.orders[0])).status == "completed"
    assert [one.status for one in await day.tickets(sent)] == ["completed"]


async def test_each_room_has_its_own_ticket_and_only_its_own_is_closed(day: Day, reader: httpx.AsyncClient) -> None:
    sent = await day.sends(CHEST, ABDOMEN)
    await reader.post(url(sent), data=form())
    states = {(one.location.display if one.location else ""): one.status for one in await day.tickets(sent)}
    assert states == {"Phòng X-quang": "completed", "Phòng siêu âm": "requested"}


async def test_the_same_release_sent_twice_writes_once(day: Day, reader: httpx.AsyncClient) -> None:
    sent = await day.sends(CHEST)
    for _time in range(2):
        assert (await reader.post(url(sent), data=form())).status_code == 303
    [report] = await day.of_order(sent.orders[0], r4.DiagnosticReport)
    assert report.meta and report.meta.versionId == "1"


async def test_another_text_on_an_old_version_is_shown_not_written(day: Day, reader: httpx.AsyncClient) -> None:
    sent = await day.sends(CHEST)
    await reader.post(url(sent), data=form("draft"))
    answer = await reader.post(url(sent), data=form("draft", conclusion="Bình thường"))
    assert answer.status_code == 409
    assert "Kết luận đang lưu" in answer.text and "Bình thường</textarea>" in answer.text
    [report] = await day.of_order(sent.orders[0], r4.DiagnosticReport)
    assert report.conclusion == "Viêm phổi phải"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"findings": ""}, "Nhập mô tả"),
        ({"conclusion": " "}, "Nhập kết luận"),
        ({"findings": "Nhịp xoang, tần số … l/ph"}, "chưa điền"),
        ({"conclusion": "x" * 2001}, "Dài quá"),
    ],
)
async def test_a_report_that_is_not_whole_is_not_released(
    day: Day, reader: httpx.AsyncClient, change: dict[str, str], said: str
) -> None:
    sent = await day.sends(CHEST)
    answer = await reader.post(url(sent), data=form(**change))
    assert answer.status_code == 422 and said in answer.text
    assert await day.of_order(sent.orders[0], r4.DiagnosticReport) == []


async def test_a_correction_needs_a_reason_and_keeps_the_former_report(day: Day, reader: httpx.AsyncClient) -> None:
    sent = await day.sends(CHEST)
    await reader.post(url(sent), data=form())
    fixed = form("correct", "1", conclusion="Viêm phổi trái", sua="1")
    assert (await reader.post(url(sent), data=fixed)).status_code == 422
    assert (await reader.post(url(sent), data={**fixed, "reason": "nhầm bên"})).status_code == 303
    [report] = await day.of_order(sent.orders[0], r4.DiagnosticReport)
    assert (report.status, report.conclusion) == ("corrected", "Viêm phổi trái")
    async with day.tx() as tx:
        past = await store.history(tx, day.house.loader, r4.DiagnosticReport, report.id or "")
    assert "Viêm phổi phải".encode() in (past[-1].body or b"")
    assert "Sửa kết quả: nhầm bên" in (await reader.get(url(sent))).text


async def test_a_normal_report_fills_what_is_empty_and_saves_nothing(day: Day, reader: httpx.AsyncClient) -> None:
    sent = await day.sends(HEART)
    assert 'value="dien-tim"' in (await reader.get(url(sent))).text
    begun = await reader.post(url(sent), data={"mau": "dien-tim", "version": "0", "findings": "Rung nhĩ"})
    assert "Điện tim 12 chuyển đạo" in begun.text and "Rung nhĩ</textarea>" in begun.text
    assert await day.of_order(sent.orders[0], r4.DiagnosticReport) == []


def test_another_normal_report_replaces_an_untouched_one_but_never_what_the_reader_wrote() -> None:
    chest, abdomen = NORMAL[:2]
    begun = begin_from(Text("", "Đám mờ", ""), chest)
    assert begun == Text(chest.technique, "Đám mờ", chest.conclusion)
    assert begin_from(begun, abdomen) == Text(abdomen.technique, "Đám mờ", abdomen.conclusion)


async def test_markup_in_a_report_stays_text(day: Day, reader: httpx.AsyncClient) -> None:
    sent = await day.sends(CHEST)
    await reader.post(url(sent), data=form(findings="<script>alert(1)</script>"))
    assert "<script>alert(1)" not in (await reader.get(url(sent))).text


async def test_former_reports_stand_beside_the_new_one(day: Day, reader: httpx.AsyncClient) -> None:
    sent = await day.sends(CHEST)
    await reader.post(url(sent), data=form())
    again = await day.sends(ABDOMEN, patient=sent.patient)
    assert "Viêm phổi phải" in (await reader.get(url(again))).text


async def test_the_sheet_is_printed_and_the_printing_is_audited(day: Day, reader: httpx.AsyncClient) -> None:
    sent = await day.sends(CHEST)
    assert (await reader.get(f"{url(sent)}/phieu.pdf")).status_code == 404
    await reader.post(url(sent), data=form())
    paper = await reader.get(f"{url(sent)}/phieu.pdf")
    assert paper.status_code == 200 and paper.content.startswith(b"%PDF")
    [report] = await day.of_order(sent.orders[0], r4.DiagnosticReport)
    async with day.tx() as tx:
        kept = await tx.fetchval("select count(*) from audit where action = 'print' and id = $1", report.id)
    assert kept == 1
    assert (await day.her_own(reader, sent, f"hinh-anh.{sent.orders[0].id}")).content.startswith(b"%PDF")


async def test_a_laboratory_order_is_not_read_here(day: Day, reader: httpx.AsyncClient) -> None:
    sent = await day.sends("23.75")
    assert (await reader.get(url(sent))).status_code == 409


def test_the_commonest_services_have_a_normal_report_of_their_own() -> None:
    for code in (CHEST, ABDOMEN, HEART, "18.149", "18.1", "18.91", "18.112", "18.20"):
        assert code in offered(code, "")[0].services
    assert len(NORMAL) == 8
