"""Keeping the board: a Location for where and when, Communications without a patient for news, in the transaction."""

from __future__ import annotations

from datetime import date
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Permission, Role, Subject, service
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4, systems
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid, NotFound
from benhan.core.language import _
from benhan.hospital import prices
from benhan.hospital.noticeboard import rules
from benhan.hospital.noticeboard.rules import Details, News, State
from benhan.hospital.prices import Price

_OURS: Final = {"category": f"{systems.NEWS}|", "_count": "200"}
#: The site of the house, of which there is one.
_SITE: Final = "co-so"


async def board(tx: Transaction, who: Subject, on: date) -> tuple[Details, list[News]]:
    """What everybody sees on a day: where, when, and the news."""
    behind = service(Role.NOTICE_SERVICE, who.facility)
    found = (await store.search(tx, behind, r4.Communication, {**_OURS, "status": State.OUT})).resources
    shown = [one for one in map(rules.news, found) if one.shown(on)]
    return await _details(tx, behind), rules.in_order(shown)


async def costs(tx: Transaction, who: Subject, on: date) -> list[Price]:
    """What each service costs on a day, by name."""
    found = await prices.every(tx, service(Role.NOTICE_SERVICE, who.facility))
    return sorted(prices.in_force(found, on).values())


async def every(tx: Transaction, who: Subject) -> tuple[Details, list[News]]:
    """What the office has: drafts too.

    Raises:
        Forbidden: she keeps no board.
    """
    behind = _office(who)
    found = (await store.search(tx, behind, r4.Communication, _OURS)).resources
    return await _details(tx, behind), rules.in_order(map(rules.news, found))


async def one(tx: Transaction, who: Subject, id_: str) -> News:
    """A piece of news.

    Raises:
        Forbidden, NotFound.
    """
    return rules.news(await store.read(tx, _office(who), r4.Communication, id_))


async def keep_details(tx: Transaction, who: Subject, house: Details) -> None:
    """Where the house is and when it is open, from now on.

    Raises:
        Forbidden; Invalid: hours that end before they begin, or half a position.
    """
    if not all(each.sound for each in house.sessions):
        raise Invalid(_("Mỗi buổi cần ngày trong tuần, giờ mở trước giờ đóng."), where="days1")
    if (house.latitude is None) is not (house.longitude is None):
        raise Invalid(_("Nhập cả vĩ độ và kinh độ."), where="vi-do")
    await store.update(tx, _office(who), rules.location(_SITE, who.facility_name, house), if_match=None)


async def undo_details(tx: Transaction, who: Subject) -> None:
    """As it was before the last change; a second time: as it was after it.

    Raises:
        Forbidden; Conflict: nothing was changed yet.
    """
    versions = await _versions(tx, _office(who))
    if len(versions) < 2 or versions[1].body is None:
        raise Conflict(_("Chưa có gì để hoàn tác."))
    former = codec.kept(versions[1].body, r4.Location)
    await store.update(tx, _office(who), former, if_match=None)


async def write(tx: Transaction, who: Subject, news: News) -> News:
    """Keep a piece of news: a new one is a draft, one that is out stays out.

    Raises:
        Forbidden, NotFound; Invalid: it ends before it begins.
    """
    if news.last < news.first:
        raise Invalid(_("Ngày cuối phải sau ngày đầu."), where="den")
    if not news.id:
        return rules.news(await store.create(tx, _office(who), rules.communication(news)))
    before = await one(tx, who, news.id)
    written = rules.communication(msgspec.structs.replace(news, state=before.state))
    return rules.news(await store.update(tx, _office(who), written, if_match=None))


async def put(tx: Transaction, who: Subject, id_: str, state: State) -> None:
    """Out, or taken back.

    Raises:
        Forbidden, NotFound.
    """
    news = await one(tx, who, id_)
    written = rules.communication(msgspec.structs.replace(news, state=state))
    await store.update(tx, _office(who), written, if_match=None)


async def _details(tx: Transaction, behind: Subject) -> Details:
    found = (await store.read_many(tx, behind, r4.Location, [_SITE])).get(_SITE)
    return rules.details(found) if found else Details()


async def _versions(tx: Transaction, behind: Subject) -> list[store.Version]:
    try:
        return await store.history(tx, behind, r4.Location, _SITE)
    except NotFound:
        return []


def _office(who: Subject) -> Subject:
    if not who.may(Permission.FACILITY_PAGE):
        raise Forbidden(_("Chỉ phòng KHTH sửa trang cơ sở."))
    return in_name_of(who, Role.NOTICE_SERVICE)
