"""One account for each role of the demo, each of them linked to the person it stands for."""

from __future__ import annotations

import msgspec

from benhan.core.access import Role
from benhan.core.access.accounts import create_account, logins
from benhan.core.access.passwords import hash_of
from benhan.core.db import Database
from benhan.simulator.plan import STAFF

#: Printed by `benhan demo`, and good for nothing else: production makes no such accounts.
DEMO_PASSWORD = "song-hong-2026-demo"  # noqa: S105


class Account(msgspec.Struct, frozen=True):
    """How somebody signs in, and as whom."""

    login: str
    name: str
    role: Role
    staff: str = ""
    id: str = ""

    @property
    def practitioner(self) -> str | None:
        """The id of the Practitioner this account belongs to."""
        return next((one.id for one in STAFF if one.key == self.staff), None)


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
    Account("giamsat", "Bùi Thị Hiền", Role.REVIEWER),
    Account("manhinh", "Màn hình sảnh chờ", Role.DISPLAY),
)
PROVINCE_ACCOUNTS = (
    Account("soyte", "Lại Thị Thanh", Role.PROVINCE),
    Account("soyte.theodoi", "Mạc Văn Khôi", Role.ROLLOUT_OFFICER),
    Account("soyte.xacminh", "Tạ Thị Hoà", Role.ROLLOUT_VERIFIER),
    Account("soyte.coso", "Phùng Văn Đạt", Role.ROLLOUT_REPORTER),
)


async def create_accounts(
    database: Database,
    facility: int,
    accounts: tuple[Account, ...],
    *,
    password: str = DEMO_PASSWORD,
    prefix: str = "",
) -> tuple[Account, ...]:
    """Make the accounts that are not there yet; gives all of them with their ids, `prefix` before each login.

    Raises:
        Conflict: another facility has such a login.
    """
    people = {one.key: f"{one.title} {one.name}" for one in STAFF}
    made = []
    async with database.transaction(facility) as tx:
        there = await logins(tx)
    digest: str | None = None  # of all of them: the password is the same and no secret
    for account in accounts:
        login, name = prefix + account.login, people.get(account.staff, account.name)
        id_ = there.get(login)
        if id_ is None:
            digest = digest or await hash_of(password)
            async with database.transaction(facility) as tx:
                id_ = await create_account(
                    tx, facility, login, password, name, [account.role], account.practitioner, digest=digest
                )
        made.append(msgspec.structs.replace(account, login=login, name=name, id=id_))
    return tuple(made)
