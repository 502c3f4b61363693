"""Conversations with the Official Account: the program answers simple things, staff everything else.

The program knows plain words with their accents folded. What is hers (her number, her appointment) it says to an
account that Zalo links to a person with a record here, and nothing of her health to anybody. What it does not
understand it hands over; until staff hand it back it is silent. Lines are encrypted; they go when she withdraws, or
after `KEPT`.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.access.audit import Event, record
from benhan.core.db import PLATFORM, Database, Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict, NotFound
from benhan.core.kit import clock
from benhan.core.kit.outside import NoAnswer, ask
from benhan.core.kit.text import fold
from benhan.core.language import _
from benhan.core.vault import Column
from benhan.hospital import emergency, queue
from benhan.hospital.visit import WAITING, id_of, moment, stamp, ticket_number
from benhan.patient.oa.accounts import Accounts

#: So long an account may answer after she wrote; then Zalo refuses (-230). Free of charge for the first two days.
ANSWERABLE, FREE = timedelta(days=7), timedelta(hours=48)
MOST_TEXT: Final = 2000
#: Lines of a conversation that are shown, conversations in the list.
MOST_LINES, MOST_TALKS = 100, 100
#: Lines are kept so long.
KEPT: Final = timedelta(days=180)
USER, PROGRAM = "user", "program"
TEXT: Final = Column("oa_line", "text")
REPLY: Final = "/v3.0/oa/message/cs"


class Wish(StrEnum):
    """What somebody wants to know."""

    EMERGENCY = "emergency"
    TICKET = "ticket"
    APPOINTMENT = "appointment"
    HOURS = "hours"
    STAFF = "staff"


#: Words (folded) by which a wish is known, the first that matches counts.
WORDS: Final = {
    Wish.EMERGENCY: ("cap cuu", "chay mau"),  # and what `hospital/emergency.py` hears
    Wish.STAFF: ("nhan vien", "gap nguoi", "tu van", "khieu nai"),
    Wish.TICKET: ("so thu tu", "so cua toi", "toi luot", "den luot", "bao lau nua", "con may nguoi", "hang doi"),
    Wish.APPOINTMENT: ("lich hen", "lich kham", "hen kham", "tai kham", "dat lich"),
    Wish.HOURS: ("gio lam viec", "may gio", "mo cua", "gio kham", "lam viec"),
}
SAID: Final = {
    "emergency": "Nếu nguy cấp, gọi 115 ngay hoặc tới khoa Cấp cứu gần nhất. Tin nhắn này không có người trực. "
    "Chúng tôi đã chuyển lời của bạn tới nhân viên.",
    "staff": "Chúng tôi đã chuyển lời của bạn tới nhân viên; bệnh viện trả lời trong giờ làm việc. "
    "Xin đừng gửi chuyện bệnh ở đây: hỏi bác sĩ trong ứng dụng Bệnh Án.",
    "unknown": "Để xem số thứ tự và lịch hẹn của bạn, mở ứng dụng Bệnh Án và đăng nhập bằng Zalo một lần.",
    "no-ticket": "Bạn không có số thứ tự nào đang chờ hôm nay.",
    "ticket": "Số %(number)s: còn %(ahead)s người trước bạn.",
    "no-appointment": "Bạn chưa có lịch hẹn nào sắp tới. Đặt lịch ở ứng dụng Bệnh Án.",
    "appointment": "Lịch hẹn gần nhất của bạn: %(time)s.",
    "hours": "Giờ làm việc: %(hours)s",
}


class Talk(msgspec.Struct, frozen=True):
    """A conversation in the inbox. `name`: of the person that Zalo links, if any."""

    user: str
    name: str
    handed: datetime | None
    last: datetime
    spoke: datetime | None

    @property
    def shown(self) -> str:
        """How she is called in the list."""
        return self.name or f"Zalo …{self.user[-4:]}"

    def answerable(self, now: datetime) -> bool:
        """Whether Zalo takes an answer yet."""
        return self.spoke is not None and now < self.spoke + ANSWERABLE

    def free(self, now: datetime) -> bool:
        """Whether it costs nothing."""
        return self.spoke is not None and now < self.spoke + FREE


class Line(msgspec.Struct, frozen=True):
    """One thing said. `waits`: it is not sent yet."""

    at: datetime
    by: str
    text: str
    waits: bool
    trouble: str


_TALK: Final = """
select t.oa_user as user, coalesce(p.name, '') as name, t.handed, t.last, u.spoke
from oa_talk t left join oa_user u on u.facility = t.facility and u.id = t.oa_user
left join person p on p.facility = 0 and p.zalo = u.by_app and u.by_app <> '' where t.facility = $1
"""
_PERSON: Final = """
select o.patient from oa_user u join person p on p.zalo = u.by_app join person_record o on o.person = p.id
where u.facility = $1 and u.id = $2 and u.by_app <> '' and o.facility = $1
"""
_NEXT: Final = """
update oa_line l set next = null, trouble = 'perhaps' from (
    select facility, id from oa_line where next <= now() order by next limit 1 for update skip locked) due
where l.facility = due.facility and l.id = due.id returning l.facility, l.id, l.oa_user, l.text
"""


def wish_of(text: str) -> Wish | None:
    """What is asked for in plain words; None: not understood."""
    folded = f" {fold(text)} "
    if emergency.heard(text):
        return Wish.EMERGENCY
    return next((wish for wish, words in WORDS.items() if any(f" {one} " in folded for one in words)), None)


async def heard(tx: Transaction, facility: int, user: str, kind: str, text: str) -> None:
    """She wrote something (`kind`: text, image, …): it is kept, and answered or handed over."""
    await tx.reach(facility)
    await _say(tx, facility, user, USER, text[:MOST_TEXT] if kind == "text" else f"[{kind[:20]}]")
    handed = await tx.fetchval(
        "insert into oa_talk (facility, oa_user) values ($1, $2) on conflict (facility, oa_user) do update"
        " set last = now() returning handed", facility, user,
    )  # fmt: skip
    wish = wish_of(text) if kind == "text" else Wish.STAFF
    if wish is Wish.EMERGENCY or (handed is None and wish in (None, Wish.STAFF)):
        await tx.execute(
            "update oa_talk set handed = coalesce(handed, now()) where facility = $1 and oa_user = $2", facility, user
        )
        await _say(tx, facility, user, PROGRAM, SAID["emergency" if wish is Wish.EMERGENCY else "staff"])
    elif handed is None and wish:
        await _say(tx, facility, user, PROGRAM, await _answer(tx, facility, user, wish))


async def _answer(tx: Transaction, facility: int, user: str, wish: Wish) -> str:
    """What the program says. Her number and her time only to an account that is linked to her; nothing of health."""
    if wish is Wish.HOURS:
        hours = await tx.fetchval("select hours from oa_connection where facility = $1", facility)
        return SAID["hours"] % {"hours": hours} if hours else SAID["staff"]
    await tx.reach(PLATFORM)
    patient = await tx.fetchval(_PERSON, facility, user)
    await tx.reach(facility)
    if patient is None:
        return SAID["unknown"]
    return await (_ticket if wish is Wish.TICKET else _appointment)(tx, facility, patient)


async def _ticket(tx: Transaction, facility: int, patient: str) -> str:
    who = service(Role.TELLING_SERVICE, facility)
    params = {"patient": f"Patient/{patient}", "status": WAITING, "_sort": "-authored-on", "_count": "1"}
    ticket = await store.first(tx, who, r4.Task, params)
    room = id_of(ticket.location) if ticket else None
    if ticket is None or room is None:
        return SAID["no-ticket"]
    ahead = (await queue.lines(tx, service(Role.DISPLAY, facility), [room]))[room].ahead_of(ticket)
    return (
        SAID["ticket"] % {"number": ticket_number(ticket), "ahead": ahead} if ahead is not None else SAID["no-ticket"]
    )


async def _appointment(tx: Transaction, facility: int, patient: str) -> str:
    params = {"patient": f"Patient/{patient}", "status": "booked", "date": f"ge{stamp(clock.now())}", "_sort": "date"}
    found = await store.first(tx, service(Role.TELLING_SERVICE, facility), r4.Appointment, params)
    start = moment(found.start) if found else None
    return SAID["appointment"] % {"time": clock.vn_datetime(start)} if start else SAID["no-appointment"]


async def talks(tx: Transaction, who: Subject) -> list[Talk]:
    """The conversations of a facility: those that wait for staff first, the longest of them above."""
    order = f" order by t.handed is null, t.handed, t.last desc limit {MOST_TALKS}"
    await tx.reach(PLATFORM)  # a person is of the platform
    rows = await tx.fetch(_TALK + order, who.facility)
    await tx.reach(who.facility)
    return [Talk(*row.values()) for row in rows]


async def one(tx: Transaction, who: Subject, user: str) -> tuple[Talk, list[Line]]:
    """A conversation and its lines, the oldest first; that it was read stands in the audit.

    Raises:
        NotFound: there is none.
    """
    await tx.reach(PLATFORM)
    row = await tx.fetchrow(_TALK + " and t.oa_user = $2", who.facility, user)
    await tx.reach(who.facility)
    if row is None:
        raise NotFound(_("Không có cuộc trò chuyện này."))
    rows = await tx.fetch(
        "select id, at, by, text, next is not null as waits, trouble from oa_line where facility = $1 and oa_user = $2"
        " order by at desc, id limit $3", who.facility, user, MOST_LINES,
    )  # fmt: skip
    record(tx, who, Event("read-talk", rule="own-facility", detail=user))
    return Talk(*row.values()), [_line(tx, who.facility, one) for one in reversed(rows)]


async def reply(tx: Transaction, who: Subject, user: str, text: str) -> None:
    """Staff answer; it leaves at once after the commit.

    Raises:
        NotFound: there is no such conversation; Conflict: Zalo takes no answer any more.
    """
    found, _lines = await one(tx, who, user)
    if not found.answerable(clock.now()):
        raise Conflict(_("Người này đã im hơn bảy ngày: Zalo không cho trả lời nữa."), where="text")
    await _say(tx, who.facility, user, who.account, text)
    record(tx, who, Event("reply-talk", rule="own-facility", detail=user))


async def hand_back(tx: Transaction, who: Subject, user: str) -> None:
    """The program answers again."""
    await tx.execute("update oa_talk set handed = null where facility = $1 and oa_user = $2", who.facility, user)
    record(tx, who, Event("hand-back-talk", rule="own-facility", detail=user))


async def send_one(database: Database, accounts: Accounts) -> bool:
    """Send one line that waits; False: none does. Nobody knows of one whose answer is lost: it is not sent again."""
    async with database.transaction(PLATFORM) as tx:
        row = await tx.fetchrow(_NEXT)
        text = TEXT.show(tx, row["facility"], row["id"], row["text"]) if row else ""
    if row is None:
        return False
    trouble = ""
    try:
        await _post(accounts, row["facility"], row["oa_user"], text)
    except NoAnswer as wrong:
        trouble = f"{'perhaps ' if wrong.perhaps else ''}{wrong}"
    async with database.transaction(row["facility"]) as tx:
        await tx.execute(
            "update oa_line set trouble = $3 where facility = $1 and id = $2", row["facility"], row["id"], trouble[:200]
        )
    return True


async def _post(accounts: Accounts, facility: int, user: str, text: str) -> None:
    held = await accounts.held(facility)
    for _again in range(2):
        said: dict[str, Any] = await ask(
            "POST", accounts.app.openapi + REPLY, accounts.app.seconds, headers={"access_token": held.access},
            json={"recipient": {"user_id": user}, "message": {"text": text}},
        )  # fmt: skip
        if said.get("error") not in (-216, -220, -124):
            break
        await accounts.not_taken(held)
        held = await accounts.held(facility)
    if said.get("error") != 0:
        raise NoAnswer("refused", str(said.get("error")))


async def _say(tx: Transaction, facility: int, user: str, by: str, text: str) -> None:
    id_ = secrets.token_hex(8)
    await tx.execute(
        "insert into oa_line (facility, id, oa_user, at, by, text, next) values ($1, $2, $3, clock_timestamp(), $4, $5,"
        " case when $4 <> 'user' then now() end)",
        facility, id_, user, by, await TEXT.hide(tx, facility, id_, text),
    )  # fmt: skip


def _line(tx: Transaction, facility: int, row: Any) -> Line:
    text = TEXT.show(tx, facility, row["id"], row["text"])
    return Line(row["at"], row["by"], text, row["waits"], row["trouble"])
