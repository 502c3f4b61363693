"""`/noi-tru/khoa/…/sinh-hieu`: a round of vital signs by keyboard; the chart of a stay as on paper."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.forms import Form
from benhan.core.language import _
from benhan.hospital import stay as words
from benhan.hospital.visit import BREATHING, DIASTOLIC, PULSE, SPO2, SYSTOLIC, TEMPERATURE, VITALS, id_of
from benhan.hospital.vital_records import read_pressure
from benhan.hospital.vital_rules import POSSIBLE
from benhan.hospital.ward import board, moves, places, rounds, scores, sheet
from benhan.hospital.ward.board import Lying
from benhan.hospital.ward.pages_board import PATH, to_board
from benhan.hospital.ward.rounds import Measured

#: People on a page of a round: a form holds so many fields.
A_PAGE: Final = 30
NUMBERS: Final = {"mach": PULSE, "nhiet": TEMPERATURE, "tho": BREATHING, "spo2": SPO2}
SEEN: Final = ("hanh-vi", "da", "ho-hap")


class Row(board.Lying, frozen=True, kw_only=True):
    """Somebody of the round."""

    bed_name: str
    months: int | None
    encounter: r4.Encounter

    @property
    def child(self) -> bool:
        """Whether PEWS is asked."""
        return rounds.is_child(self.months)


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """Everybody in bed, in the order of the beds."""
    rows, more = await _rows(request, tx, who)
    return _page(request, rows, more, forms.blank(_fields(rows)), 200)


async def keep(request: Request, tx: Transaction, who: Subject) -> Response:
    """Keep what was typed: all of it, or nothing and what is wrong."""
    rows, more = await _rows(request, tx, who)
    form = await forms.read_form(request, _fields(rows))
    measured = [one for row in rows if (one := _measured(row, form))]
    doubts = [f"{row.name}: {text}" for row in rows if (one := _measured(row, form)) for text in one.doubts]
    if not measured and not form.errors:
        form.errors.add("", _("Chưa nhập số đo nào"))
    if doubts and not form["da-xem"]:
        form.errors.add("da-xem", "; ".join(doubts[:5]))
    if form.errors:
        return _page(request, rows, more, form, 422)
    await rounds.keep(tx, who, measured)
    return to_board(request.path_params["department"], "do")


async def chart(request: Request, tx: Transaction, who: Subject) -> Response:
    """Temperature and pulse of ten days on one sheet, the rest below; `?tu=` another ten."""
    stay = await moves.read(tx, who, request.path_params["stay"])
    (one,) = await board.lying(tx, who, [stay])
    asked = forms.read_query(request, [forms.day("tu", _("Từ ngày"))])
    began = words.began(stay)
    newest = clock.today() - timedelta(days=sheet.DAYS - 1)
    first = asked.values.get("tu") or (max(began.date(), newest) if began else newest)
    since, until = clock.day_bounds(first)[0], clock.day_bounds(first + timedelta(days=sheet.DAYS))[0]
    drawn = sheet.drawn(await rounds.of_stay(tx, who, stay.id or "", since, until), first)
    return pages.render(
        request, "ward/chart.html", one=one, sheet=drawn, path=PATH, line=sheet.path, columns=sheet.COLUMNS,
        vitals=VITALS, bed=words.bed_name(stay), department=words.department_name(stay), size=sheet,
        before=first - timedelta(days=sheet.DAYS), after=first + timedelta(days=sheet.DAYS),
    )  # fmt: skip


async def _rows(request: Request, tx: Transaction, who: Subject) -> tuple[list[Row], int]:
    """Who lies in the department, a page of them, and from where the next page begins (0: there is none)."""
    at, asked = request.path_params["department"], request.query_params.get("tu", "")
    first = int(asked) if asked.isdigit() and len(asked) < 4 else 0
    stays = {words.bed(one): one for one in await board.stays_of(tx, who, at) if one.status == words.PRESENT}
    beds = [one for one in await places.beds(tx, who, at) if one.id in stays]
    shown = [(one, stays[one.id]) for one in beds[first : first + A_PAGE]]
    people = await board.lying(tx, who, [stay for _bed, stay in shown])
    born = await store.read_many(tx, who, r4.Patient, [id_of(stay.subject) for _bed, stay in shown])
    rows = [
        _row(person, bed.name, stay, born.get(person.patient))
        for (bed, stay), person in zip(shown, people, strict=True)
    ]
    return rows, first + A_PAGE if len(beds) > first + A_PAGE else 0


def _row(person: Lying, bed: str, stay: r4.Encounter, patient: r4.Patient | None) -> Row:
    months = clock.age_months(patient.birthDate, clock.today()) if patient and patient.birthDate else None
    known = {name: getattr(person, name) for name in Lying.__struct_fields__}
    return Row(**known, bed_name=bed, months=months, encounter=stay)


def _fields(rows: list[Row]) -> list[forms.Field]:
    made: list[forms.Field] = [forms.flag("da-xem", _("Đã đo lại, đúng như vậy"))]
    for row in rows:
        for name, code in NUMBERS.items():
            low, high = (Decimal(str(bound)) for bound in POSSIBLE[code])
            whole = 1 if code == TEMPERATURE else 0
            label = _("%(what)s của %(name)s", what=_(VITALS[code][0]), name=row.name)
            made.append(forms.number(f"{row.stay}.{name}", label, lowest=low, highest=high, places=whole))
        pressure = _("%(what)s của %(name)s", what=_("Huyết áp"), name=row.name)
        made.append(forms.Field(f"{row.stay}.ha", pressure, "text", read_pressure, most=12))
        made += _child_fields(row) if row.child else _adult_fields(row)
    return made


def _adult_fields(row: Row) -> list[forms.Field]:
    return [
        forms.choice(
            f"{row.stay}.tri-giac", _("Tri giác của %(name)s", name=row.name),
            [(letter, _(text)) for letter, text in scores.ACVPU.items()],
        ),
        forms.flag(f"{row.stay}.oxy", _("%(name)s thở oxy", name=row.name)),
    ]  # fmt: skip


def _child_fields(row: Row) -> list[forms.Field]:
    grades = [(str(n), str(n)) for n in range(4)]
    texts = (_("Hành vi của %(name)s", name=row.name), _("Da, tuần hoàn của %(name)s", name=row.name),
             _("Gắng sức hô hấp của %(name)s", name=row.name))  # fmt: skip
    return [
        *(forms.choice(f"{row.stay}.{name}", text, grades) for name, text in zip(SEEN, texts, strict=True)),
        forms.flag(f"{row.stay}.khi-dung", _("%(name)s khí dung mỗi 15 phút hoặc nôn kéo dài sau mổ", name=row.name)),
    ]


def _measured(row: Row, form: Form) -> Measured | None:
    """What was typed for somebody; None where nothing was."""
    said = form.values
    values = {code: Decimal(n) for name, code in NUMBERS.items() if (n := said.get(f"{row.stay}.{name}")) is not None}
    if pressure := said.get(f"{row.stay}.ha"):
        values[SYSTOLIC], values[DIASTOLIC] = pressure
    if not values:
        return None
    seen = [int(one) if (one := said.get(f"{row.stay}.{name}")) else None for name in SEEN] if row.child else []
    return Measured(
        stay=row.encounter, months=row.months, values=values, seen=seen,
        consciousness=said.get(f"{row.stay}.tri-giac") or "", oxygen=bool(said.get(f"{row.stay}.oxy")),
        treated=bool(said.get(f"{row.stay}.khi-dung")),
    )  # fmt: skip


def _page(request: Request, rows: list[Row], more: int, form: Form, status: int) -> Response:
    return pages.render(
        request, "ward/round.html", status, rows=rows, form=form, path=PATH, more=more, numbers=NUMBERS,
        department=request.path_params["department"], seen=SEEN, acvpu=scores.ACVPU,
    )  # fmt: skip


_ROUND = f"{PATH}/khoa/{{department}}/sinh-hieu"
DOORS = [
    Door(_ROUND, show, Permission.WARD),
    Door(_ROUND, keep, Permission.WARD, ("POST",)),
    Door(f"{PATH}/luot/{{stay}}/chuc-nang-song", chart, Permission.WATCH_BEDS),
]
