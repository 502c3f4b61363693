"""Doors of the hospital's medicine list: look, import with a preview, export."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Interaction, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import forms, pages
from benhan.core.kit.pages import NavItem
from benhan.core.kit.text import clip, fold
from benhan.core.language import _, later
from benhan.hospital import medicines
from benhan.hospital.clinic import medicines_import as sheets
from benhan.hospital.clinic.medicines_import import COLUMNS, Comparison, Table

#: Lines on one page of the list, in a preview, and errors shown of an import.
SHOWN, PREVIEWED, ERRORS_SHOWN = 50, 20, 100
#: A whole list, page by page, when it is exported.
EXPORT_PAGE = "1000"


async def listing(request: Request, tx: Transaction, who: Subject) -> Response:
    """The list, searched without accents."""
    asked = clip(request.query_params.get("thuoc", ""), 100)
    following = None
    if fold(asked):
        found = await medicines.find(tx, who, asked, most=SHOWN)
    else:
        params = {"status": "active", "_count": str(SHOWN), "_sort": "-_lastUpdated"}
        if after := request.query_params.get("sau"):
            params["_after"] = after
        page = await store.search(tx, who, r4.Medication, params)
        found = [medicines.of(one) for one in page.resources]
        following = f"/thuoc?sau={page.next}" if page.next else None
    return pages.render(
        request, "clinic/medicine_list.html", found=found, asked=asked, following=following,
        kinds=medicines.KINDS, done=_done(request),
    )  # fmt: skip


async def upload(request: Request, tx: Transaction, who: Subject) -> Response:
    """Choose a file; POST shows what is in it and what an import would do, `confirm` does it."""
    if request.method == "GET":
        return pages.render(
            request, "clinic/medicine_upload.html", columns=_labels(needed=True), others=_labels(needed=False)
        )
    fields = [
        forms.hidden("packed", most=8 * 1024 * 1024),
        forms.hidden("confirm"),
        *(forms.hidden(f"column-{field}") for field in COLUMNS),
    ]
    form = await forms.read_form(request, fields, most_bytes=sheets.MOST_BYTES + 4 * 1024 * 1024)
    if form["packed"]:
        table = await asyncio.to_thread(sheets.unpacked, form["packed"])
        columns = {field: int(place) for field in COLUMNS if (place := form[f"column-{field}"] or "").isdigit()}
    else:
        table = await _uploaded(form)
        columns = sheets.match(table.heading)
    return await _preview(request, tx, who, table, columns, confirmed=form["confirm"] == "1")


async def export(request: Request, tx: Transaction, who: Subject) -> Response:
    """The whole list as CSV."""
    lines, after = [], None
    while True:
        params = {"status": "active", "_count": EXPORT_PAGE} | ({"_after": after} if after else {})
        page = await store.search(tx, who, r4.Medication, params)
        lines += [medicines.of(one) for one in page.resources]
        after = page.next
        if not after:
            break
    await store.copied(tx, who, Interaction.EXPORT, "Medication", None, None, f"{len(lines)} lines")
    headers = {"Content-Disposition": 'attachment; filename="thuoc.csv"', "Cache-Control": "no-store"}
    body = sheets.export(sorted(lines, key=lambda one: (fold(one.name), one.code)))
    return Response(body, 200, headers, "text/csv; charset=utf-8")


async def _preview(
    request: Request, tx: Transaction, who: Subject, table: Table, columns: dict[str, int], *, confirmed: bool
) -> Response:
    wrong, checked, result = "", sheets.Checked([], []), Comparison([], [], 0)
    try:
        checked = sheets.check(table, columns)
        result = await (sheets.keep if confirmed else sheets.compare)(tx, who, checked.medicines)
        if confirmed:
            counts = f"moi={len(result.new)}&sua={len(result.changed)}&giu={result.same}&loi={len(checked.errors)}"
            return RedirectResponse(f"/thuoc?{counts}", 303)
    except Invalid as problem:
        wrong = problem.message
    return pages.render(
        request,
        "clinic/medicine_preview.html",
        422 if wrong else 200,
        table=table,
        rows=table.rows[:PREVIEWED],
        choices=list(enumerate(table.heading)),
        columns=columns,
        fields=[(field, _(label), needed) for field, (label, needed, _names) in COLUMNS.items()],
        packed=sheets.packed(table),
        wrong=wrong,
        errors=checked.errors[:ERRORS_SHOWN],
        error_count=len(checked.errors),
        result=result,
        good=len(checked.medicines),
    )


async def _uploaded(form: forms.Form) -> Table:
    file = form.files.get("file")
    if file is None or not file.filename:
        raise Invalid(_("Chọn một tệp Excel (.xlsx) hoặc CSV."), where="file")
    content = await file.read()
    await file.close()
    return await asyncio.to_thread(sheets.read, content, file.filename)  # a large sheet takes seconds


def _labels(*, needed: bool) -> list[str]:
    return [_(label) for label, always, _names in COLUMNS.values() if always == needed]


def _done(request: Request) -> dict[str, int] | None:
    counts = {name: request.query_params.get(name, "") for name in ("moi", "sua", "giu", "loi")}
    return {name: int(n[:6]) for name, n in counts.items()} if all(n.isdigit() for n in counts.values()) else None


DOORS: list[Door] = [
    Door("/thuoc", listing, Permission.MEDICINES),
    Door("/thuoc/nhap", upload, Permission.MEDICINES, ("GET", "POST")),
    Door("/thuoc/tai-ve.csv", export, Permission.MEDICINES),
]
NAV: list[NavItem] = [NavItem(later("Danh mục thuốc"), "/thuoc", Permission.MEDICINES, "g m")]
