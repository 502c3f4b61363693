"""People for the tests of a broken glass: a patient whose record is closed, and somebody who needs it now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import msgspec
import pyotp

from benhan.core import store
from benhan.core.access import Role, Subject, second_factors
from benhan.core.access.doors import COOKIE
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock
from benhan.simulator import House
from tests.core.access.staff_people import Somebody, session_of, somebody
from tests.patient import people

Client = Callable[..., Awaitable[httpx.AsyncClient]]
PATH = "/mo-khan-cap"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
WHY = "bệnh nhân hôn mê, cần biết tiền sử"


class Closed(msgspec.Struct, frozen=True):
    """A patient whose whole record is very restricted, and a visit of hers in which nobody is named."""

    person: r4.Patient
    visit: str

    @property
    def id(self) -> str:
        return self.person.id or ""

    @property
    def number(self) -> str:
        return next(one.value or "" for one in self.person.identifier or [] if one.system == systems.PATIENT_NUMBER)


async def closed(database: Database, house: House, name: str = "Vi Thị Kín", label: str = "V") -> Closed:
    async with database.transaction(house.key) as tx:
        person = await people.patient(tx, house, name)
        visit = await people.visit(tx, house, person)
        labelled = msgspec.structs.replace(person, meta=r4.Meta(security=[r4.Coding(code=label)]))
        person = await store.update(tx, house.loader, labelled, if_match=None)
    return Closed(person, visit.id or "")


async def with_application(database: Database, one: Somebody) -> None:
    """An application of hers that showed its last code long ago."""
    at = clock.now() - timedelta(hours=1)
    who = Subject(account=one.id, name="", facility=one.facility, facility_name="", roles=frozenset())
    async with database.transaction(one.facility) as tx:
        assert await second_factors.set_application(tx, who, SECRET, pyotp.TOTP(SECRET).at(at), at)


async def at_work(
    client: Client, database: Database, house: House, role: Role = Role.DOCTOR, *, factor: bool = True
) -> tuple[httpx.AsyncClient, Somebody]:
    """Somebody signed in, and her browser."""
    one = await somebody(database, house.key, role)
    if factor:
        await with_application(database, one)
    browser = await client(None)
    browser.cookies.set(COOKIE, await session_of(database, one))
    return browser, one


def asked(whom: Closed, **other: str) -> dict[str, str]:
    """The form, filled."""
    return {"number": whom.number, "reason": "cap-cuu", "words": WHY, "hours": "2", "next": "/", **other}


async def code(database: Database, one: Somebody) -> str:
    """A code of her application that was not taken yet, however many were taken in these thirty seconds."""
    async with database.transaction(one.facility) as tx:
        await tx.execute("update account set totp_step = 0 where id = $1", one.id)
    return pyotp.TOTP(SECRET).at(clock.now())


async def breaks(
    browser: httpx.AsyncClient, database: Database, one: Somebody, whom: Closed, **other: str
) -> httpx.Response:
    """She breaks the glass, as the pages do it."""
    data = asked(whom, **other)
    return await browser.post(f"{PATH}/xac-nhan", data=data | {"code": await code(database, one)})


async def sees(browser: httpx.AsyncClient, whom: Closed) -> bool:
    """Whether the visit opens to her."""
    answer = await browser.get(f"/kham/{whom.visit}")
    assert answer.status_code in (200, 403)
    return answer.status_code == 200


async def rows(database: Database, house: House, whom: Closed, what: str = "count(*)") -> list[tuple[object, ...]]:
    async with database.transaction(house.key) as tx:
        found = await tx.fetch(f"select {what} from broken_glass where patient = $1 order by 1", whom.id)
    return [tuple(row.values()) for row in found]
