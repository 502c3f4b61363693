"""Fifty people at work at once: what each does, again and again, with a pause to read, write and talk in between.

Every step asks what the real page would ask: pages, fragments while typing, forms with the hidden fields that the
page before gave. A journey that cannot go on (nobody waits, somebody was faster) begins anew.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from random import Random

import msgspec

from bench.browser import Answer, Browser
from benhan.simulator import House

#: The rooms whose doctors are on duty, with their logins.
DOCTORS = {
    "bacsi": "phong-pk03", "bacsi2": "phong-pk04", "bacsi.hohap": "phong-pk05", "bacsi.timmach": "phong-pk06",
    "bacsi.nhi": "phong-pk01", "bacsi.san": "phong-pk09",
}  # fmt: skip
DIAGNOSES = ("J02.9", "J06.9", "I10", "K29.7", "E11.9", "M54.56")
TYPED = ("viem hong", "tang huyet ap", "dai thao duong", "dau lung", "viem da day")
#: Too common to find one person; typed all the same.
COMMON = ("Nguyễn Thị", "Nguyễn Văn", "Trần Thị", "Lê Văn", "nguyen van")
SERVICES = ("cong thuc mau", "glucose", "sieu am o bung", "x quang nguc")


class Sample(msgspec.Struct, frozen=True):
    """What is known of the hospital's people: names as they are typed, and numbers that identify."""

    names: list[str]
    numbers: list[str]
    phones: list[str]
    ids: list[str]


class Desk(msgspec.Struct):
    """One virtual user: a browser, a chance of its own, how long it pauses on average (seconds)."""

    browser: Browser
    chance: Random
    pause: float
    house: House
    sample: Sample

    async def think(self) -> None:
        """Read, write, talk."""
        await asyncio.sleep(self.chance.expovariate(1 / self.pause) if self.pause else 0)

    async def sign_in(self, login: str) -> None:
        """Begin the shift."""
        await self.browser.post("sign in", "/dang-nhap", {"login": login, "password": self.house.password})


Shift = Callable[[Desk], Awaitable[None]]


async def reception(desk: Desk) -> None:
    """Scan or type, look, receive."""
    await desk.browser.get("page /tiep-don", "/tiep-don")
    await desk.think()
    found = await desk.browser.post("search at the desk", "/tiep-don", {"q": _asked(desk)})
    if found.status == 303:
        person = await desk.browser.follow("page /tiep-don/nguoi", found)
    elif links := re.findall(r'href="(/tiep-don/nguoi/[^"]+)"', found.text):
        await desk.think()
        person = await desk.browser.get("page /tiep-don/nguoi", desk.chance.choice(links[:9]).replace("&amp;", "&"))
    else:
        return
    await desk.think()
    fields = {name: _hidden(person, name) for name in ("patient", "booking", "key", "scanned")}
    fields |= {"room": desk.chance.choice(list(DOCTORS.values())), "reason": "Đau họng, ho"}
    received = await desk.browser.post("check-in", "/tiep-don/nhan", fields)
    if received.status == 303:
        await desk.browser.follow("page /tiep-don", received)
    await desk.think()


async def people(desk: Desk) -> None:
    """Look somebody up while typing, letter by letter."""
    await desk.browser.get("page /tiep-don/nguoi-benh", "/tiep-don/nguoi-benh")
    name = desk.chance.choice(desk.sample.names)
    for end in range(4, len(name) + 1, 3):
        await desk.browser.get("search as you type", "/tiep-don/nguoi-benh", fragment=True, q=name[:end])
        await asyncio.sleep(min(desk.pause, 0.25))
    await desk.think()


async def consultation(desk: Desk) -> None:
    """Call, begin, read, measure, write, diagnose, order, go on."""
    listed = await desk.browser.get("page /kham", "/kham")
    await desk.think()
    called = re.search(r'action="/kham/bat-dau"><input type="hidden" name="ticket" value="([^"]+)"', listed.text)
    if called is None:
        await desk.browser.post("call next", "/kham/goi", {})
        return
    begun = await desk.browser.post("begin a visit", "/kham/bat-dau", {"ticket": called[1]})
    if begun.status != 303:
        return
    place = begun.headers["location"]
    page = await desk.browser.follow("page /kham/{visit}", begun)
    await desk.think()
    measured = {"pulse": "78", "temperature": "36.8", "pressure": "128/82", "spo2": "98", "confirmed": "1"}
    await desk.browser.post("save vitals", f"{place}/sinh-hieu", measured)
    await _write(desk, place, page)
    await desk.browser.get("search ICD-10", f"{place}/chan-doan", fragment=True, icd=desk.chance.choice(TYPED))
    diagnosis = {"code": desk.chance.choice(DIAGNOSES), "main": "1", "confirmed": "1"}
    await desk.browser.post("add diagnosis", f"{place}/chan-doan", diagnosis)
    await desk.think()
    services = await desk.browser.get(
        "search services", f"{place}/chi-dinh", fragment=True, find=desk.chance.choice(SERVICES)
    )
    if codes := re.findall(r'data-value="([^"]+)"', services.text):
        await desk.browser.post("place order", f"{place}/chi-dinh", {"service": codes[0], "confirmed": "1"})
    await desk.browser.get("page /kham/{visit}", place)
    await desk.think()


async def _write(desk: Desk, place: str, page: Answer) -> None:
    version = _hidden(page, "version")
    for words in ("Ho, đau họng 3 ngày", "Ho, đau họng 3 ngày, không sốt"):
        await desk.think()
        fields = {"reason": "Đau họng", "illness": words, "version": version}
        kept = await desk.browser.post("autosave note", f"{place}/ghi-chep", fields, Benhan_Autosave="1")
        version = kept.headers.get("etag", "").removeprefix('W/"').removesuffix('"')


async def nurse(desk: Desk) -> None:
    """The list of the room, somebody's vital signs."""
    listed = await desk.browser.get("page /kham", "/kham")
    await desk.think()
    if visits := re.findall(r'href="/kham/([^"/?]+)', listed.text):
        await desk.browser.get("page /kham/{visit}/sinh-hieu", f"/kham/{desk.chance.choice(visits)}/sinh-hieu")
    await desk.think()


def orders(path: str) -> Shift:
    """The work list of laboratory or imaging, and one of its entries."""

    async def shift(desk: Desk) -> None:
        listed = await desk.browser.get(f"page {path}", path)
        await desk.think()
        if rows := re.findall(rf'href="({path}/[^"/?]+)"', listed.text):
            await desk.browser.get(f"page {path}/{{one}}", desk.chance.choice(rows))
        await desk.think()

    return shift


async def queues(desk: Desk) -> None:
    """The queues of all rooms, the hall display, the door of a room."""
    await desk.browser.get("page /hang-doi", "/hang-doi")
    await desk.think()
    await desk.browser.get("page /man-hinh", "/man-hinh")
    await desk.think()
    await desk.browser.get("page /man-hinh/{room}", f"/man-hinh/{desk.chance.choice(list(DOCTORS.values()))}")
    await desk.think()


async def planning(desk: Desk) -> None:
    """Today's bookings and the doctors' schedules."""
    await desk.browser.get("page /lich-hen", "/lich-hen")
    await desk.think()
    await desk.browser.get("page /lich-kham", "/lich-kham")
    await desk.think()


async def booking(desk: Desk) -> None:
    """Somebody at home looks for a time."""
    await desk.browser.get("page /dat-kham", "/dat-kham")
    await desk.think()


#: Fifty at once: how many of each, what they do, and the logins they share.
PEOPLE: tuple[tuple[int, Shift, tuple[str, ...]], ...] = (
    (10, reception, ("tiepdon", "tiepdon2")),
    (3, people, ("tiepdon", "tiepdon2")),
    (18, consultation, tuple(DOCTORS)),
    (6, nurse, ("dieuduong",)),
    (4, orders("/xet-nghiem"), ("xetnghiem",)),
    (3, orders("/chan-doan-hinh-anh"), ("cdha",)),
    (2, queues, ("manhinh",)),
    (2, planning, ("khth",)),
    (2, booking, ("",)),
)


#: People each desk receives before the clock runs, so that every room has somebody waiting in every run.
RECEIVED_BEFORE = 6


async def arrive(desk: Desk, shift: Shift, login: str) -> None:
    """Sign in, take a place, and do everything once that is slower the first time (templates, statements, lists)."""
    desk.browser.measured = False
    if login:
        await desk.sign_in(login)
    if room := DOCTORS.get(login, "phong-pk03" if shift is nurse else None):
        await desk.browser.post("choose room", "/kham/phong", {"room": room})
    pause, desk.pause = desk.pause, 0.0
    for _ in range(RECEIVED_BEFORE if shift is reception else 1):
        await shift(desk)
    desk.pause, desk.browser.measured = pause, True


async def work(desk: Desk, shift: Shift) -> None:
    """One user's shift until she is sent home; people do not all begin in the same second."""
    await asyncio.sleep(desk.chance.uniform(0, desk.pause))
    while True:
        await shift(desk)


def _asked(desk: Desk) -> str:
    """What is scanned or typed at the desk: half numbers, a third names, some telephones, some only common words."""
    dice, sample, chance = desk.chance.random(), desk.sample, desk.chance
    if dice < 0.5:
        return chance.choice(sample.numbers)
    if dice < 0.8:
        return chance.choice(sample.names)
    if dice < 0.95:
        return chance.choice(sample.phones)
    return chance.choice(COMMON)


def _hidden(page: Answer, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page.text)
    return found[1] if found else ""
