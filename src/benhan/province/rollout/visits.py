"""A visit to a facility: a note with photographs, tasks, who has done them; and reminders, which it confirms.

Each verb writes entries, the row and a trace, as `actions`; nothing is changed or deleted (ADR 33). A reminder reaches
whoever reports for the facility on her own pages here: the platform has no other way to staff (no e-mail, no SMS).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

import msgspec

from benhan.core.access import Permission, Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid, NotFound
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.province.rollout import evidence, reach, sites
from benhan.province.rollout.evidence import Evidence
from benhan.province.rollout.rules import Entry, What, state_of
from benhan.province.rollout.sites import Kept, Site, Task, Wanted

#: Photographs of one visit.
MOST_PHOTOS: Final = 3
#: A facility is not reminded again before.
REST_DAYS: Final = 3
#: Facilities whose tasks a page shows.
MOST_TASKS: Final = 300
#: Facilities that one step may remind.
MOST_REMINDED: Final = 2_000


async def visit(
    tx: Transaction, who: Subject, site: str, on: date, note: str, photos: Sequence[Evidence],
    task: dict[str, str] | None,
) -> Kept:  # fmt: skip
    """Write down a visit, and what was agreed to be done, if anything.

    Raises:
        NotFound, Forbidden: not hers. Invalid: a day to come, too many photographs, or a task without its parts.
    """
    before = await _mine(tx, who, site)
    if not who.may(Permission.ROLLOUT_OVERVIEW):
        raise Forbidden(_("Buổi thăm do cán bộ của Sở ghi."))
    if on > clock.today():
        raise Invalid(_("Ngày ở tương lai: ghi ngày đã tới thăm."), where="on")
    if len(photos) > MOST_PHOTOS:
        raise Invalid(_("Nhiều nhất %(n)s ảnh.", n=MOST_PHOTOS), where="file")
    kept = [await evidence.keep(tx, who, site, one) for one in photos]
    said: dict[str, Any] = {"note": note, "visit": True} | ({"photos": kept[1:]} if kept[1:] else {})
    ids = iter(await sites.numbers(tx, 2 if task else 1))
    entries = [Entry(id=next(ids), what=What.NOTE, said=said, holds=on, evidence=kept[0] if kept else None)]
    if task:
        must_be_task(task)
        entries.append(Entry(id=next(ids), what=What.TASK, said=task, holds=on))
    return await _added(tx, who, before, entries)


def must_be_task(said: dict[str, Any]) -> None:
    """Refuse a task that does not say what, by whom and until when.

    Raises:
        Invalid: what is missing.
    """
    for name in ("task", "whom", "until"):
        if not said.get(name):
            raise Invalid(_("Việc cần ghi: làm gì, ai làm, hạn nào."), where=name)


async def finish(tx: Transaction, who: Subject, site: str, of: int, note: str, file: Evidence | None) -> Kept:
    """Say that a task is done.

    Raises:
        NotFound, Forbidden: not hers. Conflict: it is not open any more.
    """
    before = await _mine(tx, who, site)
    if of not in {one.id for one in before.state.tasks}:
        raise Conflict(_("Việc này không còn mở."), advice=_("Tải lại trang."))
    kept = await evidence.keep(tx, who, site, file) if file else None
    [number] = await sites.numbers(tx, 1)
    said = {"of": of, "note": note}
    done = Entry(id=number, what=What.DONE, said=said, holds=clock.today(), evidence=kept)
    return await _added(tx, who, before, [done])


class Reminding(msgspec.Struct, frozen=True):
    """Whom a step would remind: how many, the first of them; how many are left out, reminded a few days ago."""

    count: int
    first: list[Site]
    rested: int

    @property
    def too_many(self) -> bool:
        """Whether they are more than one step may remind."""
        return self.count > MOST_REMINDED


async def whom(tx: Transaction, who: Subject, wanted: Wanted, shown: int) -> Reminding:
    """The facilities of her area that a reminder would go to, `shown` of them by name.

    Raises:
        Forbidden: the asker does not follow facilities.
    """
    today, hers = clock.today(), await _hers(tx, who, wanted)
    first, _more = await sites.find(tx, who, hers, today, shown)
    since, _no = hers.reminded or (today, False)
    rested = msgspec.structs.replace(hers, reminded=(since, True))
    return Reminding(
        await sites.count(tx, who, hers, today), first, await sites.count(tx, who, rested, today)
    )  # fmt: skip


async def _hers(tx: Transaction, who: Subject, wanted: Wanted) -> Wanted:
    """What is wanted, within her area, and not reminded a few days ago."""
    if not (who.may(Permission.ROLLOUT_OVERVIEW) and who.may(Permission.ROLLOUT_REPORT)):
        raise Forbidden(_("Chỉ cán bộ theo dõi của Sở được nhắc cơ sở."))
    mine = await reach.reach_of(tx, who)
    within = None if mine.everywhere else (sorted(mine.areas), sorted(mine.sites))
    since = clock.today() - timedelta(days=REST_DAYS)
    return msgspec.structs.replace(wanted, within=within, reminded=(since, False))


async def remind(tx: Transaction, who: Subject, wanted: Wanted, text: str) -> int:
    """Remind all of them in one step; gives how many. What each is told stands in its history.

    Raises:
        Forbidden: as `whom`. Invalid: nothing to say, nobody to tell, more than one step may remind.
    """
    told, more = await sites.find(tx, who, await _hers(tx, who, wanted), clock.today(), MOST_REMINDED)
    if not text:
        raise Invalid(_("Ghi lời nhắc."), where="text")
    if more:
        raise Invalid(_("Nhiều hơn %(n)s cơ sở: lọc bớt rồi nhắc.", n=MOST_REMINDED), where="")
    if not told:
        raise Invalid(_("Không có cơ sở nào để nhắc."), where="")
    said = await sites.entries(tx, who, [one.id for one in told])
    ids = await sites.numbers(tx, len(told))
    new = {
        one.id: [Entry(id=number, what=What.REMINDER, said={"text": text}, holds=clock.today())]
        for one, number in zip(told, ids, strict=True)
    }
    await sites.add(tx, who, new)
    await sites.keep(tx, who, {id_: state_of([*said.get(id_, []), *entries]) for id_, entries in new.items()})
    record(tx, who, Event("rollout-reminder", "Site", rule="permission rollout-report", detail=f"{len(told)}: {text}"))
    return len(told)


async def confirm(tx: Transaction, who: Subject, site: str, of: int) -> Kept:
    """The facility says that it has read a reminder. Not the Department in its place.

    Raises:
        NotFound: not hers. Forbidden: she does not report for it. Conflict: it was confirmed before.
    """
    before = await sites.locked(tx, who, site)
    await reach.must_write(tx, who, before.site)
    if who.may(Permission.ROLLOUT_OVERVIEW):
        raise Forbidden(_("Chỉ người báo cáo của cơ sở xác nhận đã đọc."))
    if of not in {one.id for one in before.state.unread}:
        raise Conflict(_("Lời nhắc này đã được xác nhận."), advice=_("Tải lại trang."))
    [number] = await sites.numbers(tx, 1)
    return await _added(
        tx, who, before, [Entry(id=number, what=What.SEEN, said={"of": of}, holds=clock.today())]
    )  # fmt: skip


async def _mine(tx: Transaction, who: Subject, site: str) -> Kept:
    """A site of hers, locked.

    Raises:
        NotFound, Forbidden: as `reach.must_write`.
    """
    before = await sites.locked(tx, who, site)
    await reach.must_write(tx, who, before.site)
    return before


async def to_do(tx: Transaction, who: Subject, *, everybodys: bool) -> list[tuple[Site, Task]]:
    """The open tasks of her sites, the earliest first; `everybodys`: of all that she may see."""
    mine = await reach.reach_of(tx, who)
    every = mine.everywhere or (everybodys and who.may(Permission.ROLLOUT_OVERVIEW))
    found = await sites.pressing(tx, who, None if every else sorted(mine.areas), sorted(mine.sites), MOST_TASKS)
    return sorted(((site, task) for site in found for task in site.tasks), key=lambda one: (one[1].until, one[1].id))


async def _added(tx: Transaction, who: Subject, before: Kept, entries: Sequence[Entry]) -> Kept:
    id_ = before.site.id
    await sites.add(tx, who, {id_: entries})
    await sites.keep(tx, who, {id_: state_of([*before.entries, *entries])})
    for one in entries:
        record(tx, who, Event(f"rollout-{one.what}", "Site", id_, detail=f"{one.id} {one.said.get('of', '')}".strip()))
    return await sites.one(tx, who, id_)


def number_of(written: str) -> int:
    """The number of an entry as an address says it.

    Raises:
        NotFound: it is none.
    """
    if not written.isascii() or not written.isdigit() or len(written) > 18:
        raise NotFound(_("Không có mục này."))
    return int(written)
