"""The wards of the demo: rooms and beds, people in them with a round of vital signs, some who wait.

Done by the verbs that nurses use, so that what they hold to holds here too. Once: beds that are there are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Final

from benhan.core import store
from benhan.core.access import Role
from benhan.core.db import Database, Transaction
from benhan.core.fhir import r4
from benhan.core.kit import clock
from benhan.hospital import admission
from benhan.hospital import stay as words
from benhan.hospital.visit import BREATHING, DIASTOLIC, PULSE, SPO2, SYSTOLIC, TEMPERATURE, full_name
from benhan.hospital.ward import moves, places, rounds
from benhan.hospital.ward.rounds import Measured
from benhan.simulator.house import House, department_id

#: Department → rooms of six beds, people in bed, people who wait, why they are here.
WARDS: Final = {
    "K03": (4, 17, 2, ("Viêm phổi thuỳ", "Đợt cấp COPD", "Viêm dạ dày cấp", "Suy thận cấp")),
    "K04": (3, 13, 1, ("Suy tim độ III", "Nhồi máu cơ tim ngày thứ 3", "Rung nhĩ")),
    "K18": (3, 11, 1, ("Viêm tiểu phế quản", "Sốt xuất huyết Dengue", "Tiêu chảy cấp")),
    "K19": (3, 12, 2, ("Viêm ruột thừa đã mổ", "Sỏi mật", "Thoát vị bẹn")),
}  # fmt: skip
BEDS_A_ROOM: Final = 6
#: A child is below so many years; she lies in paediatrics (K18).
CHILD_YEARS: Final = 15


async def fill_wards(database: Database, house: House) -> int:
    """Gives how many were admitted; 0 where the wards are there already."""
    chance, admitted = Random("wards"), 0  # noqa: S311 - a seed, no secret
    async with database.transaction(house.key) as tx:
        if await places.beds(tx, house.loader, department_id([*WARDS][-1])):
            return 0
    people = await _people(database, house)
    for code, (rooms, lying, waiting, reasons) in WARDS.items():
        id_ = department_id(code)
        async with database.transaction(house.key) as tx:
            department = await store.read(tx, house.loader, r4.Organization, id_)
            if await places.beds(tx, house.loader, id_):
                continue
            made = [
                await places.make(tx, house.loader, department, f"P{n}01", f"Buồng {n}01", BEDS_A_ROOM)
                for n in range(1, rooms + 1)
            ]
            beds = [bed for some in made for bed in some]
            chosen = chance.sample(range(len(beds)), min(lying, len(beds)))
            for n in range(len(chosen) + waiting):
                if (person := next(people[code == "K18"], None)) is None:
                    break
                at = clock.now() - timedelta(hours=chance.randint(2, 190))
                stay = await admission.ask(tx, house.subject(Role.DOCTOR), admission.Request(
                    patient=store.reference(person, full_name(person)),
                    department=store.reference(department, department.name), source=chance.choice(("outp", "emd")),
                    reason=chance.choice(reasons), urgency=chance.choice(("R", "R", "UR", "EM")),
                ), at=at)  # fmt: skip
                if n < len(chosen):
                    doctor, given = house.subject(Role.DOCTOR), beds[chosen[n]].id
                    stay = await moves.place(tx, doctor, stay.id or "", given, at=at + timedelta(hours=1))
                    await _measured(tx, house, stay, person, chance)
                admitted += 1
            free = [bed for n, bed in enumerate(beds) if n not in chosen]
            for bed, state in zip(free, (words.TO_CLEAN, words.SHUT), strict=False):
                await places.mark(tx, house.subject(Role.NURSE), bed.id, state)
    return admitted


async def _people(database: Database, house: House) -> dict[bool, Iterator[r4.Patient]]:
    """People of the house, children (True) and grown ones apart."""
    limit = clock.today().replace(day=1).replace(year=clock.today().year - CHILD_YEARS)
    found = {}
    async with database.transaction(house.key) as tx:
        for child, sign in ((True, "ge"), (False, "lt")):
            asked = {"birthdate": f"{sign}{limit}", "active": "true", "_count": "60"}
            page = await store.search(tx, house.loader, r4.Patient, asked)
            found[child] = iter([one for one in page.resources if one.birthDate and not one.deceasedDateTime])
    return found


async def _measured(tx: Transaction, house: House, stay: r4.Encounter, person: r4.Patient, chance: Random) -> None:
    """Four rounds of the last day; one in six is ill enough that a doctor is called."""
    months = clock.age_months(person.birthDate, clock.today()) if person.birthDate else None
    child, ill = rounds.is_child(months), chance.random() < 1 / 6
    began = words.began(stay) or clock.now()
    for hours in (19, 13, 7, 1):
        if (at := clock.now() - timedelta(hours=hours)) < began:
            continue
        values = {
            PULSE: Decimal(chance.randint(88, 112) + 20 * ill + 15 * child),
            TEMPERATURE: Decimal(chance.randint(366, 378) + 12 * ill) / 10,
            BREATHING: Decimal(chance.randint(15, 20) + 6 * ill + 8 * child),
            SPO2: Decimal(chance.randint(95, 99) - 4 * ill),
            SYSTOLIC: Decimal(chance.randint(105, 138) - 12 * child), DIASTOLIC: Decimal(chance.randint(60, 80)),
        }  # fmt: skip
        one = Measured(stay=stay, months=months, values=values, seen=(int(ill), 0, int(ill)), oxygen=ill)
        await rounds.keep(tx, house.subject(Role.NURSE), [one], at=at)
