"""One account for each role of the demo, each of them linked to the person it stands for."""

from __future__ import annotations

import msgspec

from benhan.core.access import Role
from benhan.core.access.accounts import create_account
from benhan.core.db import Database
from benhan.simulator.house import House
from benhan.simulator.plan import STAFF

#: Printed by `benhan demo`, and good for nothing else: production makes no such accounts.
DEMO_PASSWORD = "song-hong-2026-demo"  # noqa: S105


class Account(msgspec.Struct, frozen=True):
    """How somebody signs in, and as whom."""

    login: str
    name: str
    role: Role
    staff: str = ""


#: login → role; doctors and technicians are the people of the plan.
HOSPITAL_ACCOUNTS = (
    Account("tiepdon", "Trần Thị Mận", Role.RECEPTION),
    Account("tiepdon2", "Nguyễn Văn Lợi", Role.RECEPTION),
    Account("bacsi", "", Role.DOCTOR, "bs01"),
    Account("bacsi2", "", Role.DOCTOR, "bs02"),
    Account("bacsi.hohap", "", Role.DOCTOR, "bs03"),
    Account("bacsi.timmach", "", Role.DOCTOR, "bs04"),
    Account("bacsi.nhi", "", Role.DOCTOR, "bs07"),
    Account("bacsi.san", "", Role.DOCTOR, "bs09"),
    Account("bacsi.capcuu", "", Role.DOCTOR, "bs15"),
    Account("dieuduong", "", Role.NURSE, "dd01"),
    Account("xetnghiem", "", Role.LABORATORY, "kt01"),
    Account("cdha", "", Role.IMAGING, "bs17"),
    Account("duoc", "", Role.PHARMACY, "ds01"),
    Account("thungan", "Vương Thị Sen", Role.CASHIER),
    Account("khth", "Hà Quốc Việt", Role.PLANNING),
    Account("quantri", "Đào Thanh Tùng", Role.ADMINISTRATOR),
    Account("manhinh", "Màn hình sảnh chờ", Role.DISPLAY),
)
PROVINCE_ACCOUNTS = (Account("soyte", "Lại Thị Thanh", Role.PROVINCE),)


async def create_accounts(
    database: Database,
    house: House,
    *,
    password: str = DEMO_PASSWORD,
    prefix: str = "",
    accounts: tuple[Account, ...] = HOSPITAL_ACCOUNTS,
) -> list[Account]:
    """Make the accounts that are not there yet; gives all of them, with `prefix` before each login.

    Logins are unique on the platform, so a second hospital needs a prefix.

    Raises:
        Conflict: another facility has such a login.
    """
    people = {one.key: one for one in STAFF}
    made = []
    async with database.transaction(house.facility) as tx:
        there = {row["login"] for row in await tx.fetch("select login from account")}
    for account in accounts:
        person = people.get(account.staff)
        name = f"{person.title} {person.name}" if person else account.name
        one = msgspec.structs.replace(account, login=prefix + account.login, name=name)
        made.append(one)
        if one.login not in there:
            async with database.transaction(house.facility) as tx:
                await create_account(
                    tx, house.facility, one.login, password, name, [one.role], person.id if person else None
                )
    return made
