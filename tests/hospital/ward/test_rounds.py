"""Vital signs of a round: scores as their sources say, all of a round or nothing, a doctor called, the chart."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal

import httpx
import pytest

from benhan.core.access import Role
from benhan.core.fhir import r4
from benhan.core.kit import clock
from benhan.hospital.visit import BREATHING, DIASTOLIC, PULSE, SPO2, SYSTOLIC, TEMPERATURE
from benhan.hospital.vital_rules import Range
from benhan.hospital.ward import rounds, scores
from benhan.hospital.ward.rounds import Measured
from tests.hospital.ward.house import Inside

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
WELL = {BREATHING: "16", SPO2: "97", SYSTOLIC: "120", PULSE: "80", TEMPERATURE: "37.0"}


def _news(oxygen: bool = False, second: bool = False, mind: str = "A", **other: str) -> scores.Score | None:
    names = {"rr": BREATHING, "spo2": SPO2, "sbp": SYSTOLIC, "hr": PULSE, "t": TEMPERATURE}
    values = WELL | {names[name]: value for name, value in other.items()}
    return scores.news2({code: Decimal(v) for code, v in values.items()}, mind, oxygen=oxygen, second=second)


@pytest.mark.parametrize(
    ("name", "edges"),
    [
        ("rr", {"8": 3, "9": 1, "11": 1, "12": 0, "20": 0, "21": 2, "24": 2, "25": 3}),
        ("spo2", {"91": 3, "92": 2, "93": 2, "94": 1, "95": 1, "96": 0}),
        ("sbp", {"90": 3, "91": 2, "100": 2, "101": 1, "110": 1, "111": 0, "219": 0, "220": 3}),
        ("hr", {"40": 3, "41": 1, "50": 1, "51": 0, "90": 0, "91": 1, "110": 1, "111": 2, "130": 2, "131": 3}),
        ("t", {"35.0": 3, "35.1": 1, "36.0": 1, "36.1": 0, "38.0": 0, "38.1": 1, "39.0": 1, "39.1": 2}),
    ],
)
async def test_each_parameter_has_the_points_of_the_chart(name: str, edges: dict[str, int]) -> None:
    assert {value: score.total for value in edges if (score := _news(**{name: value}))} == edges


async def test_the_sum_and_a_single_three_say_what_is_asked() -> None:
    def risk(score: scores.Score | None) -> str:
        assert score
        return score.risk

    assert risk(_news()) == scores.LOW
    assert risk(_news(mind="C")) == scores.WATCH
    assert risk(_news(oxygen=True, t="39.1", hr="91")) == scores.MEDIUM
    assert risk(_news(oxygen=True, mind="V", rr="21")) == scores.HIGH
    on_air = [(s.total if (s := _news(second=True, spo2=v)) else None) for v in ("83", "85", "87", "90", "99")]
    on_oxygen = [
        (s.total - 2 if (s := _news(oxygen=True, second=True, spo2=v)) else None) for v in ("92", "93", "95", "97")
    ]
    assert (on_air, on_oxygen) == ([3, 2, 1, 0, 0], [0, 1, 2, 3])
    assert scores.news2({PULSE: Decimal(80)}, "A", oxygen=False) is None


@pytest.mark.parametrize(
    ("pulse", "breaths", "seen", "total"),
    [
        ("120", "30", (0, 0, 0), 0), ("150", "30", (0, 0, 0), 2), ("160", "30", (0, 0, 0), 3),
        ("79", "30", (0, 1, 0), 3), ("120", "51", (0, 0, 0), 1), ("120", "61", (0, 0, 0), 2),
        ("120", "15", (1, 0, 0), 4), ("150", "30", (3, 2, 1), 6),
    ],
)  # fmt: skip
async def test_a_childs_pulse_and_breaths_raise_what_is_seen(
    pulse: str, breaths: str, seen: tuple[int, int, int], total: int
) -> None:
    usual = Range(Decimal(80), Decimal(130)), Range(Decimal(20), Decimal(40))
    found = scores.pews({PULSE: Decimal(pulse), BREATHING: Decimal(breaths)}, *usual, seen)
    assert found and found.total == total


async def test_a_round_is_kept_whole_and_calls_a_doctor(client: Client, inside: Inside) -> None:
    department = await inside.department("Khoa Đo")
    beds = await inside.beds(department, 3)
    ill, well, child = [
        await inside.lies(department, bed, birth)
        for bed, birth in zip(beds, ("1950-02-03", "1960-02-03", "2022-02-03"), strict=True)
    ]
    nurse, at = await client(Role.NURSE), f"/noi-tru/khoa/{department.id}/sinh-hieu"
    typed = {
        **_row(ill, mach="118", nhiet="39,2", ha="98/60", tho="26", spo2="90", **{"tri-giac": "A", "oxy": "1"}),
        **_row(well, mach="72", nhiet="36,8", ha="118/70", tho="16", spo2="98", **{"tri-giac": "A"}),
        **_row(child, mach="110", tho="24", **{"hanh-vi": "0", "da": "0", "ho-hap": "0"}),
    }
    wrong = await nurse.post(at, data=typed | {f"{well.id}.ha": "118"})
    assert wrong.status_code == 422 and "39,2" in wrong.text
    assert (await nurse.post(at, data=typed | {f"{well.id}.mach": "30"})).status_code == 422  # asked once more
    assert not await inside.found(r4.Observation, encounter=f"Encounter/{ill.id}")
    async with inside.tx() as tx:
        await rounds.keep(tx, inside.who(Role.NURSE), [_before(ill)], at=clock.now() - timedelta(hours=2))
    (task,) = await inside.found(r4.Task, focus=f"Encounter/{ill.id}")
    assert (task.priority, task.description) == ("urgent", "NEWS2 5")
    assert (await nurse.post(at, data=typed)).status_code == 303

    kept = {one.id: await inside.found(r4.Observation, encounter=f"Encounter/{one.id}") for one in (ill, well, child)}
    totals = {id_: [one.valueInteger for one in found if one.valueInteger is not None] for id_, found in kept.items()}
    assert {id_: sorted(found) for id_, found in totals.items()} == {ill.id: [5, 14], well.id: [0], child.id: [0]}
    (task,) = await inside.found(r4.Task, focus=f"Encounter/{ill.id}")
    assert (task.priority, task.description) == ("stat", "NEWS2 14")
    shown = (await nurse.get(f"/noi-tru/khoa/{department.id}")).text
    assert "NEWS2 14" in shown and "Cần bác sĩ" in shown
    await nurse.post(at, data=typed)
    assert len(await inside.found(r4.Task, focus=f"Encounter/{ill.id}")) == 1
    assert (await nurse.post(f"/noi-tru/bao/{task.id}", data={"viec": "BS đã khám, thở oxy 5 l/ph"})).status_code == 303
    assert (await nurse.post(f"/noi-tru/bao/{task.id}", data={"viec": "lần nữa"})).status_code == 409

    chart = (await nurse.get(f"/noi-tru/luot/{ill.id}/chuc-nang-song")).text
    assert "98/60" in chart and chart.count("<circle") == 6 and "NEWS2 14" in chart
    desk = await client(Role.RECEPTION)
    assert (await desk.get(f"/noi-tru/luot/{ill.id}/chuc-nang-song")).status_code == 403


def _before(stay: r4.Encounter) -> Measured:
    values = WELL | {TEMPERATURE: "39.1", PULSE: "92", DIASTOLIC: "60"}
    return Measured(stay=stay, months=900, values={code: Decimal(v) for code, v in values.items()}, oxygen=True)


def _row(stay: r4.Encounter, **typed: str) -> dict[str, str]:
    return {f"{stay.id}.{name}": value for name, value in typed.items()}
