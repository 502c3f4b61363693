"""Everything of a record that the law gives its patient, in one piece: a FHIR Bundle, and one PDF of the history.

Bounded: of a larger record the bundle has the first `most` and what stands on the same page, and says so in an
OperationOutcome; the paper says how many visits it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.kit import clock
from benhan.core.language import _, speaking
from benhan.core.store.everything import Bounds, everything
from benhan.hospital.visit import OUTCOMES, full_name
from benhan.patient import record, rules
from benhan.patient.record import Told

MOST_RECORDS: Final = 5_000
PAGE: Final = 500
PAPER: Final = Path(__file__).with_name("history.typ")


async def bundle_of(
    tx: Transaction, who: Subject, base: str, visit: str | None = None, *, most: int = MOST_RECORDS
) -> r4.Bundle:
    """Her record, or one visit with who she is, as a Bundle of type collection: what the policy lets `who` read.

    `base`: the address of this server, under which the entries are known.

    Raises:
        NotFound, Forbidden: it is not hers.
    """
    focus, id_ = ("Encounter", visit) if visit else ("Patient", who.patient)
    found: dict[str, r4.Resource] = {}
    after: int | None = 0
    while after is not None and len(found) < most:
        page = await everything(tx, who, focus, id_, Bounds(count=min(PAGE, most), after=after))
        for one in [*page.resources, *page.supporting]:
            found[f"{codec.type_name(one)}/{one.id}"] = one
        after = page.next
    if visit:
        person = await record.person(tx, who)
        found[f"Patient/{person.id}"] = person
    entries = [r4.BundleEntry(fullUrl=f"{base.rstrip('/')}/fhir/{name}", resource=one) for name, one in found.items()]
    if after is not None:
        entries.append(r4.BundleEntry(resource=_cut(len(found))))
    return r4.Bundle(type="collection", timestamp=clock.now().isoformat(timespec="seconds"), entry=entries or None)


def _cut(count: int) -> r4.OperationOutcome:
    """Says that there is more."""
    said = _("Bản này có %(n)s bản ghi đầu; hồ sơ còn nhiều hơn. Hỏi phòng KHTH của bệnh viện.", n=count)
    return r4.OperationOutcome(issue=[r4.OperationOutcomeIssue(severity="warning", code="too-long", diagnostics=said)])


async def history_data(tx: Transaction, who: Subject, told: Sequence[Told]) -> dict[str, Any]:
    """What stands on the paper of the whole history. Papers are Vietnamese whatever the screen speaks."""
    person = await record.person(tx, who)
    curves, _findings = await record.reports(tx, who)
    allergies = await record.allergies(tx, who)
    vaccinated = await record.immunizations(tx, who)
    today = clock.today()
    with speaking("vi"):
        return {
            "facility": {"name": who.facility_name},
            "date": today.isoformat(),
            "numbers": [["Ngày in", clock.vn_date(today)]],
            "footer": f"Bản sao do người bệnh lấy lúc {clock.vn_datetime(clock.now())}",
            "patient": {
                "name": full_name(person), "birth": clock.vn_date(person.birthDate), "number": rules.number_of(person),
                "age": clock.age(person.birthDate, today), "allergies": "; ".join(one.name for one in allergies),
            },
            "vaccinated": [
                [one.name, str(one.dose or ""), clock.vn_date(one.day), one.lot, one.place] for one in vaccinated
            ],
            "measured": [_measured(one) for one in curves],
            "visits": [_visit(one) for one in told],
            "cut": len(told) >= int(record.MOST_VISITS),
        }  # fmt: skip


def _measured(one: rules.Curve) -> list[str]:
    last = one.last
    before = " → ".join(value.value for value in one.course[-6:-1])
    return [last.name, f"{last.value} {last.unit}".strip(), last.range, clock.vn_date(last.when.date()), before]


def _visit(told: Told) -> dict[str, Any]:
    return {
        "day": clock.vn_datetime(told.when) if told.when else "",
        "about": " · ".join(filter(None, (told.place, told.doctor, told.reason))),
        "diagnoses": told.diagnoses,
        "advice": "\n".join(filter(None, (told.advice, *told.addenda))),
        "outcome": _(OUTCOMES[told.outcome]) if told.outcome in OUTCOMES else "",
        "results": [[one.name, f"{one.value} {one.unit}".strip(), one.range] for one in told.results],
        "findings": [[one.name, "\n".join(filter(None, (one.conclusion, one.text)))] for one in told.findings],
        "medicines": [[one.title, one.directions, one.quantity] for one in told.medicines],
    }
