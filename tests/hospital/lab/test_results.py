"""From the typed value to the record: draft, release, correction, two people at once. Forms, without script."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from benhan.core import store
from benhan.core.fhir import r4, systems
from benhan.core.kit.clock import now, vn_date, vn_time
from benhan.hospital.visit import code_of
from tests.hospital.orders_day import Day, Sent

Client = Callable[..., Awaitable[httpx.AsyncClient]]
GLUCOSE, BLOOD, URINE, CULTURE = "23.75", "22.121", "23.206", "24.1"
GLUCOSE_LOINC = "14749-6"


def field(order: r4.ServiceRequest, code: str = GLUCOSE_LOINC) -> str:
    return f"{order.id}.{code}"


def form(sent: Sent, value: str, *, version: str = "0", action: str = "release", **more: str) -> dict[str, str]:
    order = sent.orders[0]
    return {f"{order.id}.version": version, field(order): value, "action": action, **more}


@pytest.fixture
async def lab(client: Client) -> httpx.AsyncClient:
    return await client("laboratory")


def url(sent: Sent) -> str:
    return f"/xet-nghiem/{sent.visit.id}"


async def test_a_draft_is_preliminary_and_leaves_the_order_open(day: Day, lab: httpx.AsyncClient) -> None:
    sent = await day.sends(GLUCOSE)
    answer = await lab.post(url(sent), data=form(sent, "5,60", action="draft"))
    assert answer.status_code == 303
    [value] = await day.of_order(sent.orders[0], r4.Observation)
    [report] = await day.of_order(sent.orders[0], r4.DiagnosticReport)
    assert (value.status, report.status) == ("preliminary", "preliminary")
    assert value.valueQuantity and str(value.valueQuantity.value) == "5.60"
    assert (await day.now_is(sent.orders[0])).status == "active"


async def test_a_release_closes_report_order_and_ticket_in_one_step(day: Day, lab: httpx.AsyncClient) -> None:
    sent = await day.sends(GLUCOSE)
    answer = await lab.post(url(sent), data=form(sent, "7,2"))
    assert answer.status_code == 303, answer.text
    [value] = await day.of_order(sent.orders[0], r4.Observation)
    [report] = await day.of_order(sent.orders[0], r4.DiagnosticReport)
    assert (value.status, report.status) == ("final", "final")
    assert (await day.now_is(sent.orders[0])).status == "completed"
    assert [ticket.status for ticket in await day.tickets(sent)] == ["completed"]


async def test_the_record_says_what_the_contract_wants(day: Day, lab: httpx.AsyncClient) -> None:
    sent = await day.sends(GLUCOSE)
    await lab.post(url(sent), data=form(sent, "7,2"))
    [value] = await day.of_order(sent.orders[0], r4.Observation)
    [report] = await day.of_order(sent.orders[0], r4.DiagnosticReport)
    assert value.subject and value.subject.reference == f"Patient/{sent.patient.id}"
    assert value.encounter and value.encounter.reference == f"Encounter/{sent.visit.id}"
    assert code_of(value.code, systems.LOINC) == GLUCOSE_LOINC
    assert [code_of(one, systems.INTERPRETATION) for one in value.interpretation or []] == ["H"]
    assert value.referenceRange and value.referenceRange[0].high and value.referenceRange[0].text
    assert value.performer and value.effectiveDateTime and value.issued
    assert value.valueQuantity and value.valueQuantity.system == systems.UCUM and value.valueQuantity.code
    assert [one.reference for one in report.result or []] == [f"Observation/{value.id}"]
    assert report.basedOn and report.resultsInterpreter and report.issued


async def test_the_same_release_sent_twice_writes_once(day: Day, lab: httpx.AsyncClient) -> None:
    sent = await day.sends(GLUCOSE)
    for _time in range(2):
        assert (await lab.post(url(sent), data=form(sent, "5,6"))).status_code == 303
    [report] = await day.of_order(sent.orders[0], r4.DiagnosticReport)
    assert report.meta and report.meta.versionId == "1"


async def test_another_value_on_an_old_version_is_shown_not_written(day: Day, lab: httpx.AsyncClient) -> None:
    sent = await day.sends(GLUCOSE)
    await lab.post(url(sent), data=form(sent, "5,6", action="draft"))
    answer = await lab.post(url(sent), data=form(sent, "9,9", action="draft"))
    assert answer.status_code == 409
    assert "đang lưu: 5,6" in answer.text and 'value="9,9"' in answer.text
    [value] = await day.of_order(sent.orders[0], r4.Observation)
    assert value.valueQuantity and str(value.valueQuantity.value) == "5.6"
    decided = await lab.post(url(sent), data=form(sent, "9,9", action="draft", version="1"))
    assert decided.status_code == 303


async def test_a_wrong_value_is_named_beside_its_field_and_changes_nothing(day: Day, lab: httpx.AsyncClient) -> None:
    sent = await day.sends(GLUCOSE)
    answer = await lab.post(url(sent), data=form(sent, "560"))
    assert answer.status_code == 422
    assert "không thể có" in answer.text and 'value="560"' in answer.text
    assert await day.of_order(sent.orders[0], r4.Observation) == []


async def test_a_critical_value_goes_out_only_after_the_doctor_was_told(day: Day, lab: httpx.AsyncClient) -> None:
    sent = await day.sends(GLUCOSE)
    asked = await lab.post(url(sent), data=form(sent, "1,5"))
    assert asked.status_code == 422 and "Giá trị nguy kịch" in asked.text
    assert await day.of_order(sent.orders[0], r4.DiagnosticReport) == []
    told = {"told": "1", "told_name": "BS Nguyễn Thu Hà"}
    assert (await lab.post(url(sent), data=form(sent, "1,5", **told))).status_code == 303
    [value] = await day.of_order(sent.orders[0], r4.Observation)
    assert [code_of(one) for one in value.interpretation or []] == ["LL"]
    note = (value.note or [])[0]
    assert "BS Nguyễn Thu Hà" in (note.text or "") and note.time and note.authorReference


async def test_empty_lines_of_a_panel_are_asked_about_once(day: Day, lab: httpx.AsyncClient) -> None:
    sent = await day.sends(BLOOD)
    order = sent.orders[0]
    data = {f"{order.id}.version": "0", field(order, "718-7"): "131", "action": "release"}
    asked = await lab.post(url(sent), data=data)
    assert asked.status_code == 422 and "Còn 13 ô trống" in asked.text
    assert (await lab.post(url(sent), data={**data, "incomplete": "1"})).status_code == 303
    assert len(await day.of_order(order, r4.Observation)) == 1


async def test_an_order_without_values_stays_open_and_keeps_the_ticket(day: Day, lab: httpx.AsyncClient) -> None:
    sent = await day.sends(GLUCOSE, URINE)
    first, second = sent.orders
    data = {f"{first.id}.version": "0", f"{second.id}.version": "0", field(first): "5,1", "action": "release"}
    assert (await lab.post(url(sent), data=data)).status_code == 303
    assert (await day.now_is(first)).status == "completed"
    assert (await day.now_is(second)).status == "active"
    assert all(ticket.status == "requested" for ticket in await day.tickets(sent))


async def test_a_correction_needs_a_reason_and_the_old_value_stays_in_the_history(
    day: Day, lab: httpx.AsyncClient
) -> None:
    sent = await day.sends(GLUCOSE)
    await lab.post(url(sent), data=form(sent, "5,6"))
    fix = {**form(sent, "6,5", version="1", action="correct"), "sua": sent.orders[0].id or ""}
    assert (await lab.post(url(sent), data=fix)).status_code == 422
    assert (await lab.post(url(sent), data={**fix, "reason": "gõ nhầm số"})).status_code == 303
    [value] = await day.of_order(sent.orders[0], r4.Observation)
    [report] = await day.of_order(sent.orders[0], r4.DiagnosticReport)
    assert (value.status, report.status) == ("corrected", "corrected")
    assert any("gõ nhầm số" in (note.text or "") for note in value.note or [])
    async with day.tx() as tx:
        past = await store.history(tx, day.house.loader, r4.Observation, value.id or "")
    assert len(past) == 2 and b"5.6" in (past[-1].body or b"")
    assert "gõ nhầm số" in (await lab.get(url(sent))).text


async def test_a_released_value_cannot_be_changed_without_correction(day: Day, lab: httpx.AsyncClient) -> None:
    sent = await day.sends(GLUCOSE)
    await lab.post(url(sent), data=form(sent, "5,6"))
    answer = await lab.post(url(sent), data=form(sent, "9,9", version="1"))
    assert answer.status_code == 409
    [value] = await day.of_order(sent.orders[0], r4.Observation)
    assert value.valueQuantity and str(value.valueQuantity.value) == "5.6"


async def test_a_service_without_a_table_takes_words_and_a_mark(day: Day, lab: httpx.AsyncClient) -> None:
    sent = await day.sends(CULTURE)
    order = sent.orders[0]
    data = {
        f"{order.id}.version": "0", f"{order.id}.value": "Không thấy vi khuẩn <b>", f"{order.id}.odd": "1",
        "action": "release",
    }  # fmt: skip
    assert (await lab.post(url(sent), data=data)).status_code == 303
    [value] = await day.of_order(order, r4.Observation)
    assert value.valueString == "Không thấy vi khuẩn <b>"
    assert [code_of(one) for one in value.interpretation or []] == ["A"]
    assert "<b>" not in (await lab.get(url(sent))).text.split("Không thấy vi khuẩn ")[1][:10]


async def test_an_order_taken_back_while_values_are_typed_is_not_released(day: Day, lab: httpx.AsyncClient) -> None:
    from benhan.core.access import Role
    from benhan.hospital.clinic import orders as clinic_orders

    sent = await day.sends(GLUCOSE)
    async with day.tx() as tx:
        await clinic_orders.cancel(tx, day.who(Role.DOCTOR), sent.visit, sent.orders[0].id or "")
    answer = await lab.post(url(sent), data=form(sent, "5,6"))
    assert answer.status_code == 422
    assert await day.of_order(sent.orders[0], r4.Observation) == []


async def test_former_values_stand_beside_the_field(day: Day, lab: httpx.AsyncClient) -> None:
    sent = await day.sends(GLUCOSE)
    await lab.post(url(sent), data=form(sent, "5,6"))
    again = await day.sends(GLUCOSE, patient=sent.patient)
    assert "5,6 ·" in (await lab.get(url(again))).text


async def test_the_flag_is_told_while_typing(lab: httpx.AsyncClient) -> None:
    asked: dict[str, Any] = {"field": "x", "x": "7,2", "loinc": GLUCOSE_LOINC, "sex": "female", "months": "480"}
    assert "Cao" in (await lab.get("/xet-nghiem/co", params=asked)).text
    assert "nguy kịch" in (await lab.get("/xet-nghiem/co", params={**asked, "x": "1,5"})).text
    assert "không thể có" in (await lab.get("/xet-nghiem/co", params={**asked, "x": "720"})).text


async def test_the_sheet_is_printed_and_the_printing_is_audited(day: Day, lab: httpx.AsyncClient) -> None:
    sent = await day.sends(GLUCOSE)
    assert (await lab.get(f"{url(sent)}/phieu.pdf")).status_code == 404
    await lab.post(url(sent), data=form(sent, "7,2"))
    paper = await lab.get(f"{url(sent)}/phieu.pdf")
    assert paper.status_code == 200 and paper.content.startswith(b"%PDF")
    [report] = await day.of_order(sent.orders[0], r4.DiagnosticReport)
    async with day.tx() as tx:
        kept = await tx.fetchval("select count(*) from audit where action = 'print' and id = $1", report.id)
    assert kept == 1
    assert (await day.her_own(lab, sent, "xet-nghiem")).content.startswith(b"%PDF")


async def test_two_who_release_at_the_same_moment_do_not_overwrite_each_other(day: Day, lab: httpx.AsyncClient) -> None:
    sent = await day.sends(GLUCOSE)
    answers = await asyncio.gather(*(lab.post(url(sent), data=form(sent, value)) for value in ("5,6", "6,1")))
    assert sorted(one.status_code for one in answers) in ([303, 409], [303, 412])
    [value] = await day.of_order(sent.orders[0], r4.Observation)
    won = "5.6" if answers[0].status_code == 303 else "6.1"
    assert value.valueQuantity and str(value.valueQuantity.value) == won


async def test_the_sample_time_is_checked_and_kept(day: Day, lab: httpx.AsyncClient) -> None:
    sent = await day.sends(GLUCOSE)
    later = vn_time(now() + timedelta(hours=1)) + f" {vn_date((now() + timedelta(hours=1)).date())}"
    for wrong in ("25:00", "sáng", later, "07:00 01/01/2020"):
        assert (await lab.post(url(sent), data=form(sent, "5,6", taken=wrong))).status_code == 422, wrong
    taken = now() - timedelta(minutes=20)
    said = f"{vn_time(taken)} {vn_date(taken.date())}"
    assert (await lab.post(url(sent), data=form(sent, "5,6", taken=said))).status_code == 303
    [value] = await day.of_order(sent.orders[0], r4.Observation)
    assert vn_time(value.effectiveDateTime) == vn_time(taken)
