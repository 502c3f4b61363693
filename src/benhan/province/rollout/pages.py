"""`/so-y-te/so-hoa`: the Department's view of the way to paperless, live; the facilities; totals for everybody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, LiveDoor, Permission, Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Invalid, NotFound
from benhan.core.kit import clock, pages
from benhan.core.kit.clock import FIRST_YEAR, LAST_YEAR
from benhan.core.kit.pages import NavItem
from benhan.core.kit.text import clip
from benhan.core.language import _, later
from benhan.province.rollout import figures, reach, sheets, sites, words
from benhan.province.rollout.facts import MOST_WAVE
from benhan.province.rollout.figures import GROUPS, Part, View
from benhan.province.rollout.sites import Wanted

pages.register("rollout", "benhan.province.rollout")

PATH: Final = "/so-y-te/so-hoa"
LIST: Final = f"{PATH}/co-so"
PUBLIC: Final = "/tien-do-so-hoa/{code}"
GROUP_NAMES: Final = {
    "benh-vien": later("Bệnh viện"), "khac": later("Cơ sở khác"), "tat-ca": later("Tất cả"),
}  # fmt: skip
#: The Department's pages, by where they are.
VIEWS: Final = {
    "": later("Tổng hợp"), "/ban-do": later("Bản đồ"), "/so-sanh": later("So sánh"),
    "/dau-tu": later("Nhà cung cấp, chi phí"),
}  # fmt: skip
STANDINGS: Final = {
    "paperless": later("Đã bỏ giấy"), "open": later("Chưa bỏ giấy"), "waits": later("Chờ xác minh"),
    "tasks": later("Có việc đang mở"), "unread": later("Chưa đọc lời nhắc"),
    "late": later("Quá hạn luật định"), "behind": later("Chậm hơn kế hoạch"),
    "assessment-sent": later("Tự đánh giá chờ Sở xem"), "assessment-returned": later("Tự đánh giá bị trả lại"),
    "gate-shut": later("Cổng vận hành đóng"), "blocked": later("Có việc bị chặn"),
}  # fmt: skip
#: What a page is compared with where nobody says: about five months before.
BACK_DAYS: Final = 150
SHOWN: Final = 50
LOOK_SECONDS: Final = 1.0
BREATH_SECONDS: Final = 15.0
_EXCEL: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


async def overview(request: Request, tx: Transaction, who: Subject) -> Response:
    """The figures; for htmx the part that changes."""
    last = await _last(tx, who)  # before the figures: a change between the two is told by the stream
    found = await asked_view(request, tx, who)
    template = "rollout/_overview.html" if pages.is_fragment(request) else "rollout/overview.html"
    return pages.render(request, template, **await _shown(tx, who, found), last=last)


async def chosen(
    tx: Transaction, who: Subject, way: str, part: Part, day: date, before: date
) -> dict[str, Any]:  # fmt: skip
    """What every page of the Department's has above it (`way`: which of VIEWS): the choice, where another one leads."""
    return {
        "waves": await sites.waves(tx, who), "here_path": PATH + way, "here_view": _(VIEWS[way]),
        "part": part, "day": day, "before_day": before, "groups": GROUP_NAMES, "path": PATH, "list_path": LIST,
        "owners": words.words().owner, "at": lambda **other: address(part, day, before, **other),
        "listed": lambda **other: _list_address(part, **other), "place": place_name(part.area),
        "views": [(_(name), address(part, day, before, path=PATH + way)) for way, name in VIEWS.items()],
    }  # fmt: skip


async def _shown(tx: Transaction, who: Subject, found: View) -> dict[str, Any]:
    return await chosen(tx, who, "", found.part, found.day, found.before.day) | {
        "view": found,
        "months": [f"{one.day:%m/%y}" for one in found.line], "done": [one.done for one in found.line],
        "begun": [one.begun for one in found.line], "percent": figures.percent,
    }  # fmt: skip


async def as_excel(request: Request, tx: Transaction, who: Subject) -> Response:
    """`…/tai-ve.xlsx`: every table of the page, and the facilities behind it."""
    found = await asked_view(request, tx, who)
    part = found.part
    wanted = Wanted(kinds=figures.kinds_of(part.group), owner=part.owner, area=part.area, wave=part.wave)
    rows, _more = await sites.find(tx, who, wanted, found.day, sheets.MOST)
    name = f"tien-do-so-hoa-{part.group}-{found.day.isoformat()}.xlsx"
    record(tx, who, Event("export", "Site", rule="permission rollout-overview", detail=f"{name}: {len(rows)} lines"))
    body = await asyncio.to_thread(sheets.as_excel, found, rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(body, 200, headers, _EXCEL)


async def listing(request: Request, tx: Transaction, who: Subject) -> Response:
    """The facilities, searched without accents, in pages; a reporter sees hers."""
    query = request.query_params
    today = clock.today()
    group = query.get("nhom") if query.get("nhom") in GROUPS else "tat-ca"
    mine = await reach.reach_of(tx, who)
    wanted = Wanted(
        text=clip(query.get("q", ""), 100), kinds=figures.kinds_of(group or ""), owner=query.get("khoi", "")[:20],
        area=query.get("noi", "")[:5], stage=query.get("giai-doan", "")[:20], standing=query.get("tinh-trang", "")[:20],
        wave=clip(query.get("dot", ""), MOST_WAVE),
        only=None if who.may(Permission.ROLLOUT_OVERVIEW) else sorted(mine.sites),
    )  # fmt: skip
    after = (query["sau"], query["sau-ma"]) if "sau" in query and "sau-ma" in query else None
    found, more = await sites.find(tx, who, wanted, today, SHOWN, after)
    count = await sites.count(tx, who, wanted, today)
    said = {name: value for name, value in query.items() if name not in ("sau", "sau-ma", "lang")}
    following = f"{LIST}?{urlencode(said | {'sau': more[0], 'sau-ma': more[1]})}" if more else None
    template = "rollout/_rows.html" if pages.is_fragment(request) else "rollout/list.html"
    return pages.render(
        request, template, found=found, count=count, following=following, wanted=wanted, group=group, path=PATH,
        list_path=LIST, groups=GROUP_NAMES, standings=STANDINGS, stages=words.stages().values(),
        waves=await sites.waves(tx, who), owners=words.words().owner, said=words.said,
        place=place_name(wanted.area), mine=mine,
    )  # fmt: skip


async def public(request: Request, tx: Transaction, who: Subject) -> Response:
    """`/tien-do-so-hoa/{code}`: how many hospitals of a Department's, for everybody. No facility is named."""
    code = request.path_params["code"][:20]
    row = await tx.first("select key, name from facility where code = $1", code)
    if row is None:
        raise NotFound(_("Không có Sở Y tế mang mã %(code)s.", code=code))
    today = clock.today()
    async with tx.database.transaction(row["key"]) as theirs:
        total, owners = await figures.totals(theirs, row["key"], today)
    if not total.n:
        raise NotFound(_("Cơ quan này chưa công bố tiến độ."))
    return pages.render(request, "rollout/public.html", name=row["name"], total=total, owners=owners)


async def news(request: Request, who: Subject) -> AsyncGenerator[str, None]:
    """`…/truc-tiep?tu=…`: an event `figures` whenever something was said since then."""
    last = request.headers.get("last-event-id") or request.query_params.get("tu", "")
    return _events(request.app, who, last)


async def _events(app: Any, who: Subject, last: str) -> AsyncGenerator[str, None]:
    yield "retry: 2000\n\n"
    stopping: asyncio.Event = app.state.live.stopping
    quiet = 0.0
    while not stopping.is_set():
        async with app.state.database.transaction(who.facility) as tx:
            now = await _last(tx, who)
        if now != last:
            last, quiet = now, 0.0
            yield f"id: {now}\nevent: figures\ndata: {{}}\n\n"
        elif quiet >= BREATH_SECONDS:
            quiet = 0.0
            yield ": \n\n"
        await asyncio.sleep(LOOK_SECONDS)
        quiet += LOOK_SECONDS


async def _last(tx: Transaction, who: Subject) -> str:
    found = await tx.fetchval("select max(id) from rollout_entry where facility = $1", who.facility)
    return str(found or 0)


async def asked_view(request: Request, tx: Transaction, who: Subject) -> View:
    """What the address asks for.

    Raises:
        Invalid: no such day or group.
    """
    part, day, before = asked_part(request)
    today = clock.today()
    return await figures.view(tx, who, day, before, part, today=today)


def asked_part(request: Request) -> tuple[Part, date, date]:
    """Which facilities an address asks for, on which day, compared with which.

    Raises:
        Invalid: no such day or group.
    """
    query = request.query_params
    group = query.get("nhom") or GROUPS[0]
    if group not in GROUPS:
        raise Invalid(_("Nhóm cơ sở không đúng."), where="nhom", advice=_("Chọn bệnh viện, cơ sở khác hoặc tất cả."))
    day = _day(query.get("ngay"), "ngay") or clock.today()
    before = _day(query.get("so-voi"), "so-voi") or day - timedelta(days=BACK_DAYS)
    part = Part(group, query.get("noi", "")[:5], query.get("khoi", "")[:20], clip(query.get("dot", ""), MOST_WAVE))
    return part, day, before


def place_name(code: str) -> str:
    return sites.place_name(code, "") or sites.place_name("", code)


def _day(written: str | None, where: str) -> date | None:
    if not written:
        return None
    day = clock.parse_date(written, where=where)
    if not FIRST_YEAR < day.year < LAST_YEAR:
        raise Invalid(_("Ngày nằm ngoài khoảng đếm được."), where=where)
    return day


def address(part: Part, day: date, before: date, **other: str) -> str:
    """A page of the Department's with this choice; `path`: which."""
    said = {
        "nhom": part.group, "ngay": day.isoformat(), "so-voi": before.isoformat(), "noi": part.area,
        "khoi": part.owner, "dot": part.wave,
    } | {name: value for name, value in other.items() if name != "path"}  # fmt: skip
    return f"{other.get('path', PATH)}?{urlencode({name: value for name, value in said.items() if value})}"


def _list_address(part: Part, **other: str) -> str:
    said = {"nhom": part.group, "noi": part.area, "khoi": part.owner, "dot": part.wave} | {
        name.replace("_", "-"): value for name, value in other.items()
    }
    return f"{LIST}?{urlencode({name: value for name, value in said.items() if value})}"


_SEE: Final = Permission.ROLLOUT_OVERVIEW
DOORS: list[Door | LiveDoor] = [
    Door(PATH, overview, _SEE),
    Door(f"{PATH}/tai-ve.xlsx", as_excel, _SEE),
    LiveDoor(f"{PATH}/truc-tiep", news, _SEE),
    Door(LIST, listing, Permission.ROLLOUT),
    Door(PUBLIC, public, Permission.ANYONE),
]
NAV = [
    NavItem(later("Tiến độ số hoá"), PATH, _SEE, "g t"),
    NavItem(later("Cơ sở"), LIST, Permission.ROLLOUT, "g c"),
]
