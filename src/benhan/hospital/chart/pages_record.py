"""`/benh-an/{visit}`: the record of a visit, page by page; what is typed keeps itself and overwrites nobody.

Every part works without scripts: the pages are links, each is a plain form. Called by the doctors of the department.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Interaction, Permission, Subject, may
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.kit import clock, forms, pages
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital.chart.forms.filling import filled_in
from benhan.hospital.chart.forms.structure import Form, Item, Kind
from benhan.hospital.chart.records import checking, gathering, kept, life, lists, merging
from benhan.hospital.chart.records.answers import Flat, all_of, flat, rows_of
from benhan.hospital.chart.records.entries import Said, shown, typed, units, whole
from benhan.hospital.chart.records.gathering import Facts
from benhan.hospital.chart.records.kept import Kept
from benhan.hospital.chart.records.life import Event, State
from benhan.hospital.chart.records.sections import Section, section, sections
from benhan.hospital.chart.records.view import Page, words

PATH: Final = "/benh-an"
#: A page of a record has more fields than other forms: an eye's examination, 180, each with its marker.
_MOST_BYTES: Final = 512 * 1024


async def page(request: Request, tx: Transaction, who: Subject) -> Response:
    """A page of the record; where there is none yet, the choice of its form."""
    found = await gathering.facts(tx, who, request.path_params["visit"])
    there = await kept.find(tx, who, found.visit.id or "")
    if there is None or request.query_params.get("mau") == "doi":
        return await _choice(request, tx, who, found, there)
    return await _show(request, tx, who, found, there)


async def open_record(request: Request, tx: Transaction, who: Subject) -> Response:
    """Open the record with a form, or give a draft another one."""
    form = await forms.read_form(request, [forms.text("mau", _("Mẫu hồ sơ"), required=True, most=10)])
    form.require()
    found = await gathering.facts(tx, who, request.path_params["visit"])
    await kept.open_record(tx, who, found, form["mau"])
    return _to(found.visit.id)


async def save(request: Request, tx: Transaction, who: Subject) -> Response:
    """Keep a page: from a button (on to where it says), or while somebody writes (204, the new seal as ETag)."""
    visit = await store.read(tx, who, r4.Encounter, request.path_params["visit"])
    there = await kept.the(tx, who, visit.id or "")
    here = section(there.form, request.query_params.get("muc"))
    posted = await forms.posted(request, most_bytes=_MOST_BYTES)
    read, form = typed(here.items, posted, there.said, _day(visit))
    if form.errors:
        return await _wrong(request, tx, who, there, form)
    _chosen(posted, read, here)
    if "lay" in posted:
        _taken(posted, read, there.form, await gathering.facts(tx, who, there.visit))
    try:
        async with tx.savepoint():
            there = await kept.save(tx, who, visit, here, read, str(posted.get("version", "")))
    except kept.Clash as clash:
        return await _clash(request, tx, who, clash, here)
    if "benhan-autosave" in request.headers:
        return Response(status_code=204, headers={"ETag": f'W/"{_seal(here, there, read)}"'})
    if pages.is_fragment(request):  # after a clash was settled: the page as it stands now
        return await _show(request, tx, who, await gathering.facts(tx, who, there.visit), there)
    onwards = min(here.number + 1, len(sections(there.form))) if "sau" in posted else here.number
    return _to(visit.id, onwards)


async def admit(request: Request, tx: Transaction, who: Subject) -> Response:
    """Take a draft on."""
    visit = await store.read(tx, who, r4.Encounter, request.path_params["visit"])
    await kept.admit(tx, who, visit)
    return _to(visit.id)


async def contents(request: Request, tx: Transaction, who: Subject) -> Response:
    """The list of pages with what each lacks, what follows from the answers, and whether others wrote on this page."""
    there = await kept.the(tx, who, request.path_params["visit"])
    here = section(there.form, request.query_params.get("muc"))
    seen = request.query_params.get("version", "")
    news = bool(seen) and seen != merging.seal(units(here.items), there.said)
    return pages.render(request, "chart/_contents.html", news=news, **_contents(there, here))


async def find_code(request: Request, tx: Transaction, who: Subject) -> Response:
    """Codes of a list, as somebody types in a field of the form."""
    visit = await store.read(tx, who, r4.Encounter, request.path_params["visit"])
    query = next(iter(request.query_params.values()), "")[:200]
    found = lists.find(request.path_params["list"], query, _day(visit))
    return pages.render(request, "chart/_codes.html", found=found, query=query)


# ── What a page shows ───────────────────────────────────────────────────────────────────────────────────────────


async def _show(
    request: Request, tx: Transaction, who: Subject, found: Facts, there: Kept,
    form: forms.Form | None = None, clash: dict[str, Any] | None = None,
) -> Response:  # fmt: skip
    here = section(there.form, request.query_params.get("muc"))
    template = "chart/_page.html" if pages.is_fragment(request) else "chart/record.html"
    status = 412 if clash else 422 if form else 200
    shown = {**await context(tx, who, found, there), **_contents(there, here)}
    drawn = _page(found, there, form, request.query_params.get("o", "")).lines(here.items)
    return pages.render(
        request, template, status, **shown, lines=drawn,
        version=merging.seal(units(here.items), there.said), clash=clash, news=False,
        errors=[(form.fields[name].label, said) for name, said in form.errors.items()] if form else [],
    )  # fmt: skip


async def context(tx: Transaction, who: Subject, found: Facts, there: Kept) -> dict[str, Any]:
    """What every screen of one record shows: whose it is, where it stands, what she may do."""
    mine = who.may(Permission.CONSULT) and await kept.belongs(tx, who, found.visit)
    writes = mine and may(who, Interaction.UPDATE, "QuestionnaireResponse")
    letters = await store.may_now(tx, who, "QuestionnaireResponse", there.record.id or "", Interaction.PRINT)
    sex = {"male": _("Nam"), "female": _("Nữ")}.get(found.patient.gender or "", "")
    return {
        "path": PATH, "visit": found.visit.id, "facts": found, "kept": there, "mine": mine,
        "state": there.state, "states": life.NAMES, "editable": writes and life.allows(there.state, Event.WRITE),
        "may_print": bool(letters) and who.may(Permission.PRINT), "stored": version_of(there.record),
        "about": [sex, clock.age(found.patient.birthDate, clock.today()), found.number],
        "came": found.visit.period.start if found.visit.period else None,
    }  # fmt: skip


def _contents(there: Kept, here: Section) -> dict[str, Any]:
    every = sections(there.form)
    made = [(one, there.said[one.link]) for one in there.form.walk() if one.calculation and one.link in there.said]
    return {
        "path": PATH, "visit": there.visit, "sections": every, "here": here,
        "lacks": checking.missing_on(there.form, there.record, every),
        "calculated": [(one.text or one.prefix, shown(given[0]), one.unit.strip("‹›")) for one, given in made if given],
    }  # fmt: skip


def _page(found: Facts, there: Kept, form: forms.Form | None, focus: str) -> Page:
    known = flat(there.form, filled_in(there.form, found.found)) if there.record.status == "in-progress" else {}
    return Page(there.said, all_of(there.record), known, lambda item: gathering.source(item, found), form, focus)


async def _choice(request: Request, tx: Transaction, who: Subject, found: Facts, there: Kept | None) -> Response:
    state = there.state if there else State.DRAFT
    may_open = (
        who.may(Permission.CONSULT) and may(who, Interaction.CREATE, "QuestionnaireResponse")
        and life.allows(state, Event.CHANGE_FORM) and await kept.belongs(tx, who, found.visit)
    )  # fmt: skip
    sex = {"male": _("Nam"), "female": _("Nữ")}.get(found.patient.gender or "", "")
    return pages.render(
        request, "chart/choose.html", path=PATH, visit=found.visit.id, facts=found, forms=kept.record_forms(),
        may_open=may_open, current=there.form.code if there else None,
        about=[sex, clock.age(found.patient.birthDate, clock.today()), found.number],
    )  # fmt: skip


# ── What was typed ──────────────────────────────────────────────────────────────────────────────────────────────


async def _wrong(request: Request, tx: Transaction, who: Subject, there: Kept, form: forms.Form) -> Response:
    if pages.is_fragment(request):
        said = [(form.fields[name].label, message) for name, message in form.errors.items()]
        return pages.render(request, "chart/_wrong.html", 422, errors=said)
    return await _show(request, tx, who, await gathering.facts(tx, who, there.visit), there, form)


async def _clash(
    request: Request, tx: Transaction, who: Subject, clash: kept.Clash, here: Section
) -> Response:  # fmt: skip
    theirs = clash.kept.said
    both = [
        (one, _told(one.item, one.key, theirs), _told(one.item, one.key, clash.typed[one.key])) for one in clash.units
    ]
    mine = [(key, shown(one)) for said in clash.typed.values() for key, given in said.items() for one in given]
    said = {
        "path": PATH, "visit": clash.kept.visit, "here": here, "both": both, "mine": mine,
        "sent": list(clash.typed), "clash_version": merging.seal(units(here.items), theirs),
    }  # fmt: skip
    if pages.is_fragment(request):
        answer = pages.render(request, "chart/_clash.html", 412, **said)
        answer.headers.update({"HX-Retarget": "#record-problems", "HX-Reswap": "innerHTML"})
        return answer
    return await _show(request, tx, who, await gathering.facts(tx, who, clash.kept.visit), clash.kept, clash=said)


def _told(item: Item, key: str, said: Flat) -> str:
    """A field in words; a table row by row."""
    if item.kind is not Kind.TABLE:
        return "; ".join(words(one) for one in said.get(key, []))
    rows = [
        " · ".join(words(one) for column in item.items for one in said.get(f"{column.link}@{row}", []))
        for row in range(rows_of(item, said))
    ]
    return "\n".join(rows)


def _chosen(posted: FormData, read: dict[str, Said], here: Section) -> None:
    """After a clash: a field of which she took what stands there is left alone."""
    for one in units(here.items):
        if posted.get(f"keep:{one.key}") == "theirs":
            read.pop(one.key, None)


def _taken(posted: FormData, read: dict[str, Said], form: Form, found: Facts) -> None:
    """What she takes over from the record by its button."""
    if link := posted.get("lay"):
        known = flat(form, filled_in(form, found.found))
        if isinstance(link, str) and link in known and link in read:
            read[link] = {link: known[link]}


def _seal(here: Section, there: Kept, read: dict[str, Said]) -> str:
    """The seal of the page as its writer sees it: what she sent, not what others wrote beside it meanwhile."""
    return merging.seal(units(here.items), whole(there.said, read, there.tables))


def _day(visit: r4.Encounter) -> date:
    """The day whose code lists count: that of the end of the visit, or today."""
    return clock.day_of(visit.period.end if visit.period else None) or clock.today()


def _to(visit: str | None, number: int | None = None) -> Response:
    return RedirectResponse(f"{PATH}/{visit}" + (f"?muc={number}" if number else ""), 303)


_C, _R = Permission.CONSULT, Permission.READ_CHART
DOORS = [
    Door(f"{PATH}/{{visit}}", page, _R),
    Door(f"{PATH}/{{visit}}", open_record, _C, ("POST",)),
    Door(f"{PATH}/{{visit}}/ghi", save, _C, ("POST",)),
    Door(f"{PATH}/{{visit}}/lap", admit, _C, ("POST",)),
    Door(f"{PATH}/{{visit}}/muc-luc", contents, _R),
    Door(f"{PATH}/{{visit}}/tim/{{list}}", find_code, _C),
]
