"""The province's page `/so-y-te`: figures of a day, week, month or year, live, and to take away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import date, datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, LiveDoor, Permission, Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import PLATFORM, Transaction
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import clock, pages
from benhan.core.kit.clock import FIRST_YEAR, LAST_YEAR
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.hospital.visit import OUTCOMES
from benhan.province.population import figures as answers
from benhan.province.population import rules, sheets
from benhan.province.population.figures import Facility, Figures
from benhan.province.population.follower import Follower
from benhan.province.population.rules import Period

pages.register("population", "benhan.province.population")

KINDS: Final = {"ngay": later("Ngày"), "tuan": later("Tuần"), "thang": later("Tháng"), "nam": later("Năm")}
#: An open page asks this often whether figures changed; it is told so, never what they are.
LOOK_SECONDS: Final = 1.0
BREATH_SECONDS: Final = 15.0
_EXCEL: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


async def page(request: Request, tx: Transaction, who: Subject) -> Response:
    """`/so-y-te?ky=ngay&ngay=21/11/2026&co-so=01999`: the page; for htmx its figures only."""
    changed = await answers.changed(tx, who)  # before the figures: a change between the two is told by the stream
    places, only, found = await _asked(request, tx, who)
    template = "population/_figures.html" if pages.is_fragment(request) else "population/page.html"
    return pages.render(
        request, template, figures=found, places=places, only=only, kinds=KINDS, outcomes=OUTCOMES, rules=rules,
        at=lambda **other: _address(found.period, only, **other), told=told(found.period), drawn=_drawn(found),
        most=answers.MOST_DIAGNOSES, changed=changed,
    )  # fmt: skip


async def as_csv(request: Request, tx: Transaction, who: Subject) -> Response:
    """`/so-y-te/so-lieu.csv`: every table of the page."""
    _places, only, found = await _asked(request, tx, who)
    return _file(tx, who, sheets.as_csv(found), "text/csv; charset=utf-8", _name(found.period, only, "csv"))


async def as_excel(request: Request, tx: Transaction, who: Subject) -> Response:
    """`/so-y-te/so-lieu.xlsx`: every table of the page, a sheet each."""
    _places, only, found = await _asked(request, tx, who)
    return _file(tx, who, sheets.as_excel(found), _EXCEL, _name(found.period, only, "xlsx"))


async def news(request: Request, who: Subject) -> AsyncGenerator[str, None]:
    """`/so-y-te/truc-tiep?tu=…`: an event `figures` whenever figures have changed since then (those of the page)."""
    last = request.headers.get("last-event-id") or request.query_params.get("tu", "")
    return _events(request.app, who, last)


async def _events(app: Any, who: Subject, last: str) -> AsyncGenerator[str, None]:
    yield "retry: 2000\n\n"
    stopping: asyncio.Event = app.state.live.stopping
    quiet = 0.0
    while not stopping.is_set():
        if (at := (await _changed(app, who)).isoformat()) != last:
            last, quiet = at, 0.0
            yield f"id: {at}\nevent: figures\ndata: {{}}\n\n"
        elif quiet >= BREATH_SECONDS:
            quiet = 0.0
            yield ": \n\n"
        await asyncio.sleep(LOOK_SECONDS)
        quiet += LOOK_SECONDS


async def _changed(app: Any, who: Subject) -> datetime:
    async with app.state.database.transaction(PLATFORM) as tx:
        return await answers.changed(tx, who)


async def _asked(request: Request, tx: Transaction, who: Subject) -> tuple[list[Facility], Facility | None, Figures]:
    """What the address asks for: the facilities there are, the one asked for, its figures.

    Raises:
        Invalid: no such day or period; NotFound: no such facility.
    """
    query = request.query_params
    kind = query.get("ky") or "ngay"
    if kind not in KINDS:
        raise Invalid(_("Kỳ không đúng."), where="ky", advice=_("Chọn ngày, tuần, tháng hoặc năm."))
    day = clock.parse_date(query["ngay"], where="ngay") if query.get("ngay") else clock.today()
    if not FIRST_YEAR < day.year < LAST_YEAR:
        raise Invalid(_("Ngày nằm ngoài khoảng đếm được."), where="ngay")
    places = await answers.facilities(tx, who)
    only = answers.chosen(places, query.get("co-so"))
    return places, only, await answers.figures(tx, who, rules.period(kind, day), places, only)


def told(period: Period) -> str:
    """What a period is called: "Thứ bảy, 21/11/2026", "16/11 – 22/11/2026", "Tháng 11/2026", "Năm 2026"."""
    if period.kind == "ngay":
        return f"{_(clock.vn_weekday(period.first))}, {clock.vn_date(period.first)}"
    if period.kind == "tuan":
        return f"{period.first:%d/%m} – {clock.vn_date(period.last)}"
    if period.kind == "thang":
        return _("Tháng %(month)s", month=f"{period.first:%m/%Y}")
    return _("Năm %(year)s", year=period.first.year)


def _drawn(figures: Figures) -> dict[str, Any]:
    """Values and labels of the charts; what has not come yet is not drawn as nothing."""
    starts = list(figures.series)
    hours = list(figures.by_hour)
    every = 1 if len(starts) <= 16 else 5
    labels = [_label(one, figures.period.kind) if at % every == 0 else "" for at, one in enumerate(starts)]
    return {
        "labels": labels,
        "values": list(figures.series.values()),
        "hours": [f"{hour:02d}" for hour in hours],
        "median": [figures.by_hour[hour].median for hour in hours],
        "p90": [figures.by_hour[hour].p90 for hour in hours],
        "future": next((at for at, one in enumerate(starts) if _to_come(one, figures.period)), None),
    }


def _to_come(start: date | int, period: Period) -> bool:
    if isinstance(start, int):
        return period.first == clock.today() and start > clock.now().hour
    return start > clock.today()


def _label(start: date | int, kind: str) -> str:
    if isinstance(start, int):
        return f"{start:02d}"
    return f"T{start.month}" if kind == "nam" else f"{start:%d/%m}"


def _address(period: Period, only: Facility | None, **other: Any) -> str:
    """The address of this page with something else chosen."""
    day = other.get("day", period.first if other.get("kind") is None else min(period.last, clock.today()))
    said = {"ky": other.get("kind") or period.kind, "ngay": day.isoformat()}
    code = other.get("place", only.code if only else "")
    if code:
        said["co-so"] = code
    path: str = other.get("path", "/so-y-te")
    return path + "?" + "&".join(f"{name}={value}" for name, value in said.items())


def _file(tx: Transaction, who: Subject, content: bytes, type_: str, name: str) -> Response:
    record(tx, who, Event("export", "Encounter", rule="permission province-figures", detail=name))
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(content, media_type=type_, headers=headers)


def _name(period: Period, only: Facility | None, ending: str) -> str:
    whose = only.code if only else "dia-ban"
    return f"so-lieu-kham-{whose}-{period.kind}-{period.first.isoformat()}.{ending}"


_SEE: Final = Permission.PROVINCE_FIGURES
DOORS: list[Door | LiveDoor] = [
    Door("/so-y-te", page, _SEE),
    Door("/so-y-te/so-lieu.csv", as_csv, _SEE),
    Door("/so-y-te/so-lieu.xlsx", as_excel, _SEE),
    LiveDoor("/so-y-te/truc-tiep", news, _SEE),
]
NAV = [NavItem(later("Số liệu khám bệnh"), "/so-y-te", _SEE, "g s")]
FOLLOWERS = [Follower]
