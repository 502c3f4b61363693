"""Orders: a place in the room's queue, no test twice by accident, back out until somebody begins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest

from benhan.core.fhir import r4, systems
from benhan.core.kit import codes
from benhan.core.kit.clock import now
from benhan.hospital import ordering as rules
from benhan.hospital import queue
from benhan.hospital.visit import concept, id_of, stamp, ticket_number
from tests.hospital.clinic.conftest import Clinic, measured

Client = Callable[..., Awaitable[httpx.AsyncClient]]
WITHIN = {"kind": {"laboratory", "imaging"}}


def service(name: str) -> str:
    return codes.services().find(name, 1, within=WITHIN)[0].code


BLOOD, CRP, XRAY, ULTRASOUND = map(
    service, ("Tổng phân tích tế bào máu", "CRP", "X quang ngực thẳng", "Siêu âm ổ bụng")
)  # fmt: skip


def ordered(code: str, days_ago: float, status: str = "active") -> r4.ServiceRequest:
    return r4.ServiceRequest(
        id="a", status=status, intent="order",
        subject=r4.Reference(reference="Patient/x"), code=concept(systems.SERVICES, code),
        encounter=r4.Reference(reference="Encounter/old"), authoredOn=stamp(now() - timedelta(days=days_ago)),
    )  # fmt: skip


def reported(order: str, days_ago: float) -> r4.DiagnosticReport:
    return r4.DiagnosticReport(
        status="final", code=concept(systems.SERVICES, "?"),
        basedOn=[r4.Reference(reference=f"ServiceRequest/{order}")],
        issued=stamp(now() - timedelta(days=days_ago)),
    )  # fmt: skip


def test_a_result_of_this_week_is_shown_before_the_same_is_ordered_again() -> None:
    blood = codes.services().get(BLOOD)
    assert blood is not None
    found = rules.repeats(blood, "new", [ordered(BLOOD, 3, status="completed")], [reported("a", 3)], now())
    assert "đã có kết quả ngày" in found[0].message
    assert rules.repeats(blood, "new", [ordered(BLOOD, 9, status="completed")], [reported("a", 9)], now()) == []
    assert rules.repeats(blood, "new", [ordered(BLOOD, 3, status="revoked")], [], now()) == []
    assert rules.repeats(blood, "new", [ordered(CRP, 0)], [], now()) == []


def test_an_order_can_be_taken_back_only_until_somebody_began() -> None:
    order = ordered(BLOOD, 0)
    assert rules.may_cancel(order, rules.state(order, [], None))
    begun = r4.Task(status="in-progress", intent="order")
    assert not rules.may_cancel(order, rules.state(order, [], begun))
    assert rules.state(order, [reported("a", 0)], None) == rules.READY


async def test_an_order_puts_the_patient_into_the_queue_of_the_right_room(enter: Client, clinic: Clinic) -> None:
    patient, visit, _ = await clinic.arrives()
    doctor = await enter()
    for code in (BLOOD, CRP, XRAY, ULTRASOUND):
        assert (await doctor.post(f"/kham/{visit.id}/chi-dinh", data={"service": code})).status_code == 303
    orders = await clinic.find(r4.ServiceRequest, encounter=f"Encounter/{visit.id}")
    assert len({systems.ORDER_NUMBER in str(one.identifier) for one in orders}) == 1
    assert {rules.kind_of(one) for one in orders} == {"laboratory", "imaging"}
    async with clinic.tx() as tx:
        tickets = await queue.of_visit(tx, clinic.house.loader, visit.id or "")
    places = {ticket_number(one)[0]: id_of(one.location) for one in tickets}
    assert places["X"] in ("phong-xn01", "phong-xn02")  # one ticket for both blood tests
    assert sorted(id_of(one.location) or "" for one in tickets if ticket_number(one)[0] == "H") == [
        "phong-ha01", "phong-ha02",
    ]  # fmt: skip
    assert all(one.for_ and one.for_.reference == f"Patient/{patient.id}" for one in tickets)


async def test_the_same_again_today_is_asked_about(enter: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    doctor, path = await enter(), f"/kham/{visit.id}/chi-dinh"
    await doctor.post(path, data={"service": BLOOD})
    asked = await doctor.post(path, data={"service": BLOOD})
    assert asked.status_code == 422
    assert "đã được chỉ định hôm nay" in asked.text
    assert len(await clinic.find(r4.ServiceRequest, encounter=f"Encounter/{visit.id}")) == 1
    assert (await doctor.post(path, data={"service": BLOOD, "confirmed": "1"})).status_code == 303
    assert len(await clinic.find(r4.ServiceRequest, encounter=f"Encounter/{visit.id}")) == 2


async def test_taking_the_last_order_back_gives_the_place_in_the_queue_back(enter: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    doctor, path = await enter(), f"/kham/{visit.id}/chi-dinh"
    for code in (BLOOD, CRP):
        await doctor.post(path, data={"service": code})
    first, second = await clinic.find(r4.ServiceRequest, encounter=f"Encounter/{visit.id}")

    async def laboratory_tickets() -> list[r4.Task]:
        async with clinic.tx() as tx:
            return [
                t for t in await queue.of_visit(tx, clinic.house.loader, visit.id or "") if "X-" in ticket_number(t)
            ]

    for _ in range(2):  # twice is no error
        assert (await doctor.post(f"{path}/{first.id}/huy")).status_code == 303
    assert len(await laboratory_tickets()) == 1
    await doctor.post(f"{path}/{second.id}/huy")
    assert await laboratory_tickets() == []


async def test_an_order_somebody_began_with_stays(enter: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    doctor, path = await enter(), f"/kham/{visit.id}/chi-dinh"
    await doctor.post(path, data={"service": BLOOD})
    (order,) = await clinic.find(r4.ServiceRequest, encounter=f"Encounter/{visit.id}")
    async with clinic.tx() as tx:
        ticket = next(
            t for t in await queue.of_visit(tx, clinic.house.loader, visit.id or "") if "X-" in ticket_number(t)
        )
        await queue.start(tx, clinic.house.loader, ticket)
    assert (await doctor.post(f"{path}/{order.id}/huy")).status_code == 409
    assert (await clinic.read(r4.ServiceRequest, order.id)).status == "active"


async def test_an_order_of_another_visit_cannot_be_taken_back_here(enter: Client, clinic: Clinic) -> None:
    _, one, _ = await clinic.arrives()
    _, other, _ = await clinic.arrives()
    doctor = await enter()
    await doctor.post(f"/kham/{one.id}/chi-dinh", data={"service": BLOOD})
    (order,) = await clinic.find(r4.ServiceRequest, encounter=f"Encounter/{one.id}")
    assert (await doctor.post(f"/kham/{other.id}/chi-dinh/{order.id}/huy")).status_code == 409


@pytest.mark.parametrize("code", ["", "khong-co", "1"])
async def test_what_is_not_in_the_list_cannot_be_ordered(code: str, enter: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    answer = await (await enter()).post(f"/kham/{visit.id}/chi-dinh", data={"service": code})
    assert answer.status_code == 422
    assert await clinic.find(r4.ServiceRequest, encounter=f"Encounter/{visit.id}") == []


async def test_a_procedure_is_not_ordered_here(enter: Client, clinic: Clinic) -> None:
    surgery = next(one.code for one in codes.services() if one["kind"] == "surgery")
    _, visit, _ = await clinic.arrives()
    answer = await (await enter()).post(f"/kham/{visit.id}/chi-dinh", data={"service": surgery})
    assert answer.status_code == 422


async def test_results_stand_beside_with_their_range_and_flag(enter: Client, clinic: Clinic) -> None:
    patient, visit, _ = await clinic.arrives()
    doctor = await enter()
    await doctor.post(f"/kham/{visit.id}/chi-dinh", data={"service": BLOOD})
    (order,) = await clinic.find(r4.ServiceRequest, encounter=f"Encounter/{visit.id}")
    await clinic.result(patient, visit, order, [measured("WBC", "13.2", "4.0", "10.0", "G/L", "H")])
    part = (await doctor.get(f"/kham/{visit.id}/ket-qua", headers={"HX-Request": "true"})).text
    assert "13,2" in part
    assert "4–10 G/L" in part
    assert "cao" in part
    assert "có kết quả" in part
    listed = (await doctor.get("/kham")).text
    assert "kết quả 1/1" in listed


async def test_services_are_found_as_people_say_them(enter: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    doctor, path = await enter(), f"/kham/{visit.id}/chi-dinh"
    found = (await doctor.get(path, params={"find": "ctm"}, headers={"HX-Request": "true"})).text
    assert "Tổng phân tích tế bào máu" in found
    assert "xét nghiệm" in found
