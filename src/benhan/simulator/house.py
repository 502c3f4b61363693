"""Build the demo hospital: departments, rooms, services, staff, schedules with slots, accounts. And the Sở Y tế."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

import asyncpg
import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.core.kit import codes
from benhan.core.kit.clock import ZONE, today
from benhan.hospital.visit import concept, human_name, stamp
from benhan.simulator import medicines, plan
from benhan.simulator.accounts import (
    DEMO_PASSWORD,
    HOSPITAL_ACCOUNTS,
    PROVINCE_ACCOUNTS,
    Account,
    create_accounts,
)

#: Facility codes from 9990 on are not given out: the demo cannot be taken for a real hospital's.
DEMO_CODE = "01999"
PROVINCE_CODE = "01000"
DEMO_PROVINCE = "01"
BATCH = 1500


class House(msgspec.Struct, frozen=True, kw_only=True):
    """A facility that stands: its key in the tables, and who works there."""

    key: int
    code: str
    name: str
    accounts: tuple[Account, ...] = ()
    password: str = DEMO_PASSWORD

    @property
    def organization(self) -> str:
        """The id of its Organization."""
        return f"cs-{self.code}"

    @property
    def loader(self) -> Subject:
        """Who brings records in."""
        return service(Role.LOADER, self.key, self.name)

    @property
    def logins(self) -> dict[Role, str]:
        """The first account of each role."""
        return {account.role: account.login for account in reversed(self.accounts)}

    def subject(self, role: Role) -> Subject:
        """Somebody with this role, as if signed in.

        Raises:
            StopIteration: nobody here has this role.
        """
        account = next(account for account in self.accounts if account.role is role)
        return Subject(
            account=account.id, name=account.name, facility=self.key, facility_name=self.name,
            facility_code=self.code, roles=frozenset({role}), practitioner=account.practitioner,
        )  # fmt: skip


async def build_house(
    database: Database,
    owner_dsn: str,
    *,
    code: str = DEMO_CODE,
    name: str = "BVĐK Sông Hồng",
    first_day: date | None = None,
    days: int = 14,
) -> House:
    """Found the hospital, or find it again: everything that is there already is left as it is.

    `owner_dsn` is the role that owns the tables: who serves requests may not found facilities. Slots are made for
    `days` days from `first_day` (default today), so building again later adds the days that have come nearer.
    Logins are unique on the platform: those of the demo hospital are bare, those of another carry its code.
    """
    key = await found_facility(owner_dsn, code, name, DEMO_PROVINCE)
    house = House(key=key, code=code, name=name)
    records = [*_places(house), *_people(house), *medicines.sample(), *_schedules()]
    records += slots(first_day or today(), days)
    if await load_all(database, house.loader, records):
        await analyze(owner_dsn)
    prefix = "" if code == DEMO_CODE else f"{code}."
    accounts = await create_accounts(database, key, HOSPITAL_ACCOUNTS, prefix=prefix)
    return msgspec.structs.replace(house, accounts=accounts)


async def build_province(
    database: Database, owner_dsn: str, *, code: str = PROVINCE_CODE, name: str = "Sở Y tế Hà Nội"
) -> House:
    """Found the department of health: a facility that keeps no patients."""
    key = await found_facility(owner_dsn, code, name, DEMO_PROVINCE, treats=False)
    house = House(key=key, code=code, name=name)
    await load_all(database, house.loader, [_organization(house, "govt", "Government")])
    prefix = "" if code == PROVINCE_CODE else f"{code}."
    return msgspec.structs.replace(
        house, accounts=await create_accounts(database, key, PROVINCE_ACCOUNTS, prefix=prefix)
    )


async def found_facility(owner_dsn: str, code: str, name: str, province: str, *, treats: bool = True) -> int:
    """The key of a facility; made when there is none of this code. `treats`: whether it has patients."""
    connection = await asyncpg.connect(owner_dsn)
    try:
        async with connection.transaction():
            await connection.execute("lock table facility in exclusive mode")
            key: int = await connection.fetchval(
                "insert into facility (key, code, name, province, treats)"
                " select greatest(max(key), 0) + 1, $1, $2, $3, $4 from facility"
                " on conflict (code) do update set name = facility.name returning key",
                code, name, province, treats,
            )  # fmt: skip
        return key
    finally:
        await connection.close()


async def analyze(owner_dsn: str) -> None:
    """Let PostgreSQL count what was brought in, so that it plans well at once."""
    connection = await asyncpg.connect(owner_dsn)
    try:
        await connection.execute("analyze")
    finally:
        await connection.close()


async def load_all(database: Database, who: Subject, records: list[r4.Resource]) -> int:
    """Load records in transactions of bounded size; gives how many were new."""
    new = 0
    for start in range(0, len(records), BATCH):
        async with database.transaction(who.facility) as tx:
            new += await store.load(tx, who, records[start : start + BATCH])
    return new


def _places(house: House) -> Iterator[r4.Resource]:
    yield _organization(house, "prov", "Healthcare Provider")
    names = codes.departments()
    for code in plan.DEPARTMENTS:
        entry = names.get(code)
        assert entry
        yield r4.Organization(
            id=department_id(code),
            identifier=[r4.Identifier(system=systems.DEPARTMENT_CODE, value=code)],
            active=True,
            type=[concept(systems.ORGANIZATION_TYPE, "dept", "Hospital Department")],
            name=entry.name,
            partOf=_to("Organization", house.organization, house.name),
        )
    yield from map(_location, plan.ROOMS)
    for specialty in plan.SPECIALTIES:
        yield r4.HealthcareService(
            id=service_id(specialty.key),
            active=True,
            providedBy=_to("Organization", department_id(specialty.department)),
            type=[concept(systems.SPECIALTY, specialty.key, specialty.name)],
            specialty=[concept(systems.SPECIALTY, specialty.key, specialty.name)],
            location=[_to("Location", room.id, room.name) for room in plan.rooms_of(specialty.key)],
            name=specialty.name,
            characteristic=[concept(systems.REMOTE, "offered", "Khám từ xa")] if specialty.remote else None,
            appointmentRequired=False,
        )


def _organization(house: House, type_: str, display: str) -> r4.Organization:
    return r4.Organization(
        id=house.organization,
        identifier=[r4.Identifier(system=systems.PROVIDER_CODE, value=house.code)],
        active=True,
        type=[concept(systems.ORGANIZATION_TYPE, type_, display)],
        name=house.name,
        address=[r4.Address(text="Dữ liệu mẫu, không phải cơ sở có thật", city="Thành phố Hà Nội", country="VN")],
    )


def _location(room: plan.Room) -> r4.Location:
    kinds = [concept(systems.ROOM_TYPE, room.kind)]
    if room.modality:
        kinds.append(concept(systems.DICOM, room.modality))
    return r4.Location(
        id=room.id,
        identifier=[r4.Identifier(system=systems.ROOM_CODE, value=room.code)],
        status="active",
        name=room.name,
        description=room.way,
        mode="instance",
        type=kinds,
        managingOrganization=_to("Organization", department_id(room.department)),
    )


def _people(house: House) -> Iterator[r4.Resource]:
    for number, one in enumerate(plan.STAFF, 1):
        name = msgspec.structs.replace(human_name(one.name), prefix=[one.title])
        yield r4.Practitioner(
            id=one.id,
            identifier=[
                r4.Identifier(system=systems.EMPLOYEE_NUMBER, value=f"{house.code}-{number:03d}"),
                r4.Identifier(system=systems.PRACTICE_CERTIFICATE, value=f"999{number:03d}/MAU-GPHN"),
            ],
            active=True,
            name=[name],
            gender=one.gender,
        )
        room = next((room for room in plan.ROOMS if room.code == one.room), None)
        yield r4.PractitionerRole(
            id=f"vt-{one.key}",
            active=True,
            practitioner=_to("Practitioner", one.id, one.name),
            organization=_to("Organization", department_id(one.department)),
            code=[_work(one.role)],
            specialty=[_specialty(one.specialty)] if one.specialty else None,
            location=[_to("Location", room.id, room.name)] if room else None,
            healthcareService=[_to("HealthcareService", service_id(one.specialty))] if one.specialty else None,
        )


def _work(role: str) -> r4.CodeableConcept:
    if role in ("doctor", "nurse", "pharmacist"):
        return concept(systems.PRACTITIONER_ROLE, role)
    return r4.CodeableConcept(text=role)


def _schedules() -> Iterator[r4.Resource]:
    for doctor, room in bookable():
        yield r4.Schedule(
            id=schedule_id(doctor),
            active=True,
            serviceType=[_specialty(doctor.specialty)],
            specialty=[_specialty(doctor.specialty)],
            actor=[
                _to("HealthcareService", service_id(doctor.specialty), specialty_name(doctor.specialty)),
                _to("Practitioner", doctor.id, doctor.name),
                _to("Location", room.id, room.name),
            ],
        )


def slots(first: date, days: int) -> Iterator[r4.Slot]:
    """The free slots of every bookable doctor on the working days among `days` days from `first`."""
    for offset in range(days):
        day = first + timedelta(days=offset)
        if day.weekday() in plan.BOOKING_WEEKDAYS:
            for doctor, _ in bookable():
                for start in slot_times(day):
                    yield slot(doctor, start)


def slot_times(day: date) -> Iterator[datetime]:
    """When the bookings of a day begin."""
    for hour, minute, end_hour, end_minute in plan.BOOKING_HOURS:
        at = datetime.combine(day, time(hour, minute), ZONE)
        while at < datetime.combine(day, time(end_hour, end_minute), ZONE):
            yield at
            at += timedelta(minutes=plan.SLOT_MINUTES)


def slot(doctor: plan.Staff, start: datetime, status: str = "free") -> r4.Slot:
    """One slot of a doctor."""
    return r4.Slot(
        id=f"{schedule_id(doctor)}-{start:%Y%m%d-%H%M}",
        serviceType=[_specialty(doctor.specialty)],
        specialty=[_specialty(doctor.specialty)],
        schedule=_to("Schedule", schedule_id(doctor)),
        status=status,
        start=stamp(start),
        end=stamp(start + timedelta(minutes=plan.SLOT_MINUTES)),
    )


def bookable() -> Iterator[tuple[plan.Staff, plan.Room]]:
    """Doctors whose time can be booked, with their rooms."""
    open_to_all = {specialty.key for specialty in plan.SPECIALTIES if specialty.bookable}
    rooms = {room.code: room for room in plan.ROOMS}
    for one in plan.STAFF:
        if one.specialty in open_to_all and one.role == "doctor":
            yield one, rooms[one.room]


def department_id(code: str) -> str:
    """The id of a department's Organization."""
    return f"khoa-{code.lower()}"


def service_id(specialty: str) -> str:
    """The id of a specialty's HealthcareService."""
    return f"ck-{specialty}"


def schedule_id(doctor: plan.Staff) -> str:
    """The id of a doctor's Schedule."""
    return f"lich-{doctor.key}"


def specialty_name(key: str) -> str:
    """What screens call a specialty."""
    return next(specialty.name for specialty in plan.SPECIALTIES if specialty.key == key)


def _specialty(key: str) -> r4.CodeableConcept:
    return concept(systems.SPECIALTY, key, specialty_name(key))


def _to(type_: str, id_: str, display: str | None = None) -> r4.Reference:
    return r4.Reference(reference=f"{type_}/{id_}", display=display)
