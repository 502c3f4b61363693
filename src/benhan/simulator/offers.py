"""What the demo hospital offers on a telephone: prices, who answers questions and when, its hours and its news.

All of it is invented. No account for payments: a bank's number that is nobody's cannot be made up.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Final

from benhan.core import store
from benhan.core.access import Role
from benhan.core.db import Database, Transaction
from benhan.core.kit import clock, codes
from benhan.hospital import prices
from benhan.hospital.noticeboard import actions as board
from benhan.hospital.noticeboard.rules import Details, News, State
from benhan.hospital.questions import roster
from benhan.hospital.weekly import Session
from benhan.simulator import plan
from benhan.simulator.house import House, bookable, service_id, specialty_name
from benhan.simulator.services import SERVICES

MARK: Final = "simulator:offers"
EXAMINATION: Final = 45_000
#: Code of the Ministry's list, or its chapter → đồng; any other is laboratory.
COSTS: Final = {"18.149": 550_000, "18": 95_000, "21": 40_000}
LABORATORY: Final = 38_000
EVENINGS: Final = (Session(tuple(range(7)), time(7), time(21)),)
HOUSE: Final = Details(
    about="Bệnh viện trình diễn của Benhan: người, giá và tin đều là bịa đặt.",
    address="Số 1 đường Sông Hồng (địa chỉ bịa đặt)",
    sessions=(Session(plan.BOOKING_WEEKDAYS, time(6, 30), time(16, 30)),),
    latitude=Decimal("21.0405"), longitude=Decimal("105.8655"),
)  # fmt: skip
#: Title, words, for how many days.
NEWS: Final = (
    ("Khám cả sáng thứ bảy", "Phòng khám nội, nhi và sản nhận khám từ 6:30. Đặt trước trên ứng dụng để không chờ.", 60),
    ("Đã có vắc xin cúm mùa", "Tiêm các buổi chiều trong tuần ở phòng tiêm chủng. Mang theo sổ tiêm nếu có.", 45),
)  # fmt: skip


async def offer(database: Database, house: House) -> None:
    """Put it all up; where that was done before, nothing is changed."""
    async with database.transaction(house.key) as tx:
        if await store.number(tx, house.loader, MARK) == 1:
            await _prices(tx, house)
            await _answers(tx, house)
            await _board(tx, house, clock.today())


async def _prices(tx: Transaction, house: House) -> None:
    for code, amount in _costs():
        await prices.keep(tx, house.loader, code, amount, clock.today())


def _costs() -> Iterator[tuple[str, int]]:
    yield from ((one.key, EXAMINATION) for one in plan.SPECIALTIES)
    known = codes.services()
    for code in sorted({code for group in SERVICES.values() for code in group}):
        if known.get(code):
            yield code, COSTS.get(code, COSTS.get(code.partition(".")[0], LABORATORY))


async def _answers(tx: Transaction, house: House) -> None:
    planning = house.subject(Role.PLANNING)
    for doctor, _room in bookable():
        offered = service_id(doctor.specialty), specialty_name(doctor.specialty)
        await roster.register(tx, planning, (doctor.id, doctor.name), offered, EVENINGS)


async def _board(tx: Transaction, house: House, today: date) -> None:
    planning = house.subject(Role.PLANNING)
    await board.keep_details(tx, planning, HOUSE)
    for title, words, days in NEWS:
        last = today + timedelta(days=days)
        written = News(id="", state=State.DRAFT, title=title, words=words, first=today, last=last)
        kept = await board.write(tx, planning, written)
        await board.put(tx, planning, kept.id, State.OUT)
