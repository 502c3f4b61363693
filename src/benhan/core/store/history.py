"""The life of one record, of all records of a type, of the whole facility: every version, newest first, in pages.

Each version is asked of the policy on its own: who is limited to one person sees of a record that was moved to her only
what was written since, and of one that was moved away nothing. Standard: HL7 FHIR R4, 3.1.0.9 (history).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from benhan.core.access import Decision, Interaction, Subject, decide
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Gone, Malformed, NotFound
from benhan.core.language import _
from benhan.core.store import guarding
from benhan.core.store.bodies import DAMAGED, body_of, opened, opened_one, told
from benhan.core.store.records import NAMES, NUMBERS, audited, audited_many, permit, reaches
from benhan.core.store.rows import rows_of

_STATE = f"h.type, h.id, h.version, h.updated, h.action, h.account, {body_of('h')}"
_SAME = "h.type, h.id, h.version, h.updated, h.action, h.account, h.body"
_ORDER = "h.updated desc, h.type desc, h.id desc, h.version desc"


class Version(msgspec.Struct, frozen=True):
    """One state in the life of a record; `body` is None where it was deleted."""

    id: str
    version: int
    updated: datetime
    action: str
    account: str
    body: bytes | None
    type: str = ""


class Span(msgspec.Struct, frozen=True):
    """Which versions: written since a moment; valid at some time in [lo, hi); at most `count`, after a cursor."""

    since: datetime | None = None
    at: tuple[datetime, datetime] | None = None
    count: int = 50
    after: str | None = None


class Page(msgspec.Struct, frozen=True):
    """Some versions, newest first, and where to go on."""

    states: list[Version]
    next: str | None
    #: How many there are in all, where the store knows without counting.
    total: int | None = None


async def history(tx: Transaction, who: Subject, type_: type[r4.R], id_: str) -> list[Version]:
    """Every state of a record, newest first.

    Raises:
        Forbidden, NotFound.
    """
    return (await of_record(tx, who, type_, id_, Span(count=2**31 - 2))).states


async def vread(tx: Transaction, who: Subject, type_: type[r4.R], id_: str, version: str) -> r4.R:
    """A former state of a record.

    Raises:
        Forbidden, NotFound; Gone: that version is its deletion.
    """
    state = await vread_stored(tx, who, codec.type_name(type_), id_, version)
    assert state.body is not None
    return codec.kept(state.body, type_)


async def vread_stored(tx: Transaction, who: Subject, name: str, id_: str, version: str) -> Version:
    """Like `vread`, as the stored bytes.

    Raises:
        Forbidden, NotFound; Gone: that version is its deletion.
    """
    decision = permit(who, Interaction.READ, name)
    number = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else -1
    rows = await tx.look(
        f"select {_STATE}, r.patient, r.facility, {guarding.said('$5::text')} as said"
        " from history h join resource r using (facility, type, id)"
        " where h.facility = any($1) and h.type = $2 and h.id = $3 and h.version = $4 order by h.facility desc limit 1",
        reaches(who, name), NUMBERS[name], id_, number, guarding.pass_of(decision.guard),
    )  # fmt: skip
    row = opened_one(tx, rows[0]) if rows else None
    if row is None or not _hers(decision, row, row["patient"]):
        raise NotFound(_("Không có bản %(version)s của %(name)s/%(id)s.", version=version[:20], name=name, id=id_[:64]))
    decision = guarding.ruled(decision, row["said"], f"{name}/{id_}")
    if await guarding.closed_versions(tx, decision, row["facility"], [row]):
        raise guarding.shut(decision.rule, name)
    if row["body"] is None:
        raise Gone(_("Bản %(version)s là lúc bản ghi bị xoá.", version=version), where=name)
    audited(tx, who, Interaction.READ, decision, name, id_, row["patient"], f"version {number}")
    return _version(row)


async def of_record(tx: Transaction, who: Subject, type_: type[r4.Resource], id_: str, span: Span) -> Page:
    """A page of the versions of one record.

    Raises:
        Forbidden, NotFound; Malformed: the cursor cannot be read.
    """
    name = codec.type_name(type_)
    decision = permit(who, Interaction.READ, name)
    found = await tx.look(
        f"select facility, version, patient, {guarding.said('$4::text')} as said from resource r"
        " where facility = any($1) and type = $2 and id = $3 order by facility desc limit 1",
        reaches(who, name), NUMBERS[name], id_, guarding.pass_of(decision.guard),
    )  # fmt: skip
    now = found[0] if found else None
    statement = _Statement(now["facility"] if now else who.facility, span)
    of_id = f"h.type = {statement.value(NUMBERS[name])}::smallint and h.id = {statement.value(id_)}"
    rows = await tx.look(
        f"select {_STATE}, {statement.value(now['patient'])}::text as patient from history h"
        f" where h.facility = $1 and {of_id}{statement.conditions()}"
        f" order by h.version desc limit {statement.limit()}",
        *statement.values,
    ) if now else []  # fmt: skip
    rows = opened(tx, rows)
    if now is None or decision.only_patient not in (None, now["patient"]):
        raise NotFound(_("Không có %(name)s/%(id)s.", name=name, id=id_[:64]), where=name)
    decision = guarding.ruled(decision, now["said"], f"{name}/{id_}")
    closed = await guarding.closed_versions(tx, decision, now["facility"], rows)
    audited(tx, who, Interaction.READ, decision, name, id_, now["patient"], "history")
    whole = decision.only_patient is None and span.since is None and span.at is None and not closed
    hers = [n not in closed and _hers(decision, row, now["patient"]) for n, row in enumerate(rows)]
    return _page(rows, span, hers, now["version"] if whole else None)


async def of_types(tx: Transaction, who: Subject, names: Sequence[str] | None, span: Span) -> Page:
    """A page of the versions of all records of these types; None: of every type the caller may read.

    Raises:
        Forbidden: one of the types may not be read, or none; Malformed: the cursor cannot be read.
    """
    asked = names if names is not None else [name for name in NUMBERS if decide(who, Interaction.READ, name).allowed]
    decisions = {name: permit(who, Interaction.READ, name) for name in asked or ("Patient",)}
    statement = _Statement(who.facility, span)
    everybody = [NUMBERS[name] for name, decision in decisions.items() if decision.only_patient is None]
    limited = {decision.only_patient for decision in decisions.values()} - {None}
    parts = [statement.of_types(everybody)] if everybody else []
    for patient in limited:
        types = [NUMBERS[name] for name, decision in decisions.items() if decision.only_patient == patient]
        parts.append(statement.of_patient(types, patient or ""))
    source = " union all ".join(f"({part})" for part in parts)
    rows = await tx.look(
        f"select {_SAME}, h.patient from ({source}) h order by {_ORDER} limit {statement.limit()}", *statement.values
    )
    rows = told(tx, rows)
    closed = await _closed(tx, who, decisions, rows)
    closed |= {n for n, row in enumerate(rows) if row["body"] == DAMAGED}
    hers = [
        n not in closed and _hers(decisions[NAMES[row["type"]]], row, row["patient"]) for n, row in enumerate(rows)
    ]  # fmt: skip
    page = _page(rows, span, hers, None)
    for name, decision in decisions.items():
        shown = [
            (row["id"], row["patient"])
            for n, row in enumerate(rows[: span.count]) if hers[n] and NAMES[row["type"]] == name
        ]  # fmt: skip
        audited_many(tx, who, decision, name, dict.fromkeys(shown), "history")
    for name in names or ("*",):
        audited(tx, who, Interaction.SEARCH, next(iter(decisions.values())), name, None, None, "history")
    return page


async def _closed(tx: Transaction, who: Subject, decisions: Mapping[str, Decision], rows: Sequence[Any]) -> set[int]:
    """Places of the versions that the caller's guard closes: by what the record carries now, or carried then."""
    closed: set[int] = set()
    by_pass: dict[str | None, list[int]] = {}
    for n, row in enumerate(rows):
        by_pass.setdefault(guarding.pass_of(decisions[NAMES[row["type"]]].guard), []).append(n)
    for held, places in by_pass.items():
        if held is None:
            continue
        decision = decisions[NAMES[rows[places[0]]["type"]]]
        names = [(NAMES[rows[n]["type"]], rows[n]["id"]) for n in places]
        still = await guarding.open_among(tx, decision, who.facility, sorted(set(names)))
        closed |= {n for n, name in zip(places, names, strict=True) if name not in still}
        then = await guarding.closed_versions(tx, decision, who.facility, [rows[n] for n in places])
        closed |= {places[n] for n in then}
    return closed


class _Statement:
    """The conditions of one page of history; every value travels as a parameter, $1 is the facility."""

    def __init__(self, facility: int, span: Span) -> None:
        self.values: list[Any] = [facility]
        self._span = span
        self._position = _position(span.after) if span.after else None

    def value(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"

    def limit(self) -> str:
        return self.value(self._span.count + 1)

    def of_types(self, types: list[int]) -> str:
        walk = (
            f"select {_STATE}, null::text as patient from history h"
            f" where h.facility = $1 and h.type = t.type{self.conditions()}"
            f" order by h.updated desc, h.id desc, h.version desc limit {self.limit()}"
        )
        newest = f"select h.* from unnest({self.value(types)}::smallint[]) t(type) cross join lateral ({walk}) h"
        return (
            f"select {_SAME}, r.patient from ({newest} order by {_ORDER} limit {self.limit()}) h"
            " join resource r on r.facility = $1 and r.type = h.type and r.id = h.id"
        )

    def of_patient(self, types: list[int], patient: str) -> str:
        return (
            f"select {_STATE}, r.patient from resource r join history h using (facility, type, id)"
            f" where r.facility = $1 and r.patient = {self.value(patient)}"
            f" and r.type = any({self.value(types)}::smallint[]){self.conditions()}"
            f" order by {_ORDER} limit {self.limit()}"
        )

    def conditions(self) -> str:
        found = ""
        if self._span.since is not None:
            found += f" and h.updated >= {self.value(self._span.since)}"
        if self._span.at is not None:
            lo, hi = self._span.at
            later = (
                "select n.updated from history n where n.facility = $1 and n.type = h.type and n.id = h.id"
                " and n.version = h.version + 1"
            )
            found += f" and h.updated < {self.value(hi)} and coalesce(({later}), 'infinity') > {self.value(lo)}"
        if self._position:
            updated, type_, id_, version = (self.value(part) for part in self._position)
            found += (
                f" and h.updated <= {updated} and (h.updated, h.type, h.id, h.version)"
                f" < ({updated}, {type_}::smallint, {id_}, {version}::int)"
            )
        return found


def _page(rows: Sequence[Any], span: Span, hers: Sequence[bool], total: int | None) -> Page:
    shown = [_version(row) for row, mine in zip(rows[: span.count], hers, strict=False) if mine]
    last = rows[span.count - 1] if len(rows) > span.count else None
    return Page(shown, _cursor(last) if last else None, total)


def _hers(decision: Decision, row: Any, patient: str | None) -> bool:
    """Whether a caller limited to one compartment may see this version: the one it was in when it was written."""
    only = decision.only_patient
    if only is None or patient != only or row["body"] is None:
        return only is None or patient == only
    return rows_of(codec.kept(row["body"], codec.resource_type(NAMES[row["type"]]))).patient == only


def _version(row: Any) -> Version:
    return Version(
        row["id"], row["version"], row["updated"], row["action"].decode(), row["account"], row["body"],
        NAMES[row["type"]],
    )  # fmt: skip


def _cursor(row: Any) -> str:
    place = [row["updated"].isoformat(), row["type"], row["id"], row["version"]]
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _position(cursor: str) -> tuple[datetime, int, str, int]:
    try:
        updated, type_, id_, version = json.loads(base64.urlsafe_b64decode(cursor))
        return datetime.fromisoformat(updated), int(type_), str(id_), int(version)
    except (ValueError, TypeError):
        raise Malformed(_("Vị trí trang không đọc được."), where="_after", advice=_("Xem lại từ trang đầu.")) from None
