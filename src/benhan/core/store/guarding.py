"""What a decision leaves to be asked of each record, as SQL and in words: the one place that knows both.

A record that carries a label has marks: rows of `word` under MARK, one a label, filed under its patient. Most patients
have none, so one look into one index answers for most records; only behind it `guarded` (migration 0029) reads the
rules that deny and looks whether the patient is in the caller's care, or has consented (`rows.CONSENTED`). That a visit
is archived is a mark of its record file. That it is CLOSED is no mark: `sealed.py` asks it where something is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from benhan.core.access import Decision
from benhan.core.access.labels import LABELS, labels_of
from benhan.core.access.policy import Facts, Guard, judge
from benhan.core.access.vocabulary import CARE_DAYS, CARE_DAYS_BEFORE, Lift, State
from benhan.core.db import Row, Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Forbidden
from benhan.core.fhir.search import PARAMETERS
from benhan.core.language import _, later
from benhan.core.store.records import NUMBERS
from benhan.core.store.rows import MARK, hash64

#: Which records of care make a relation: the references that name who cares, the date, and when it never took place.
_TIES: Final = {
    "Encounter": ("participant", "practitioner", "service-provider", "location"),
    "Appointment": ("practitioner", "location"),
    "ServiceRequest": ("requester", "performer"),
    "Task": ("owner", "location"),
}
_DATES: Final = {"Encounter": "date", "Appointment": "date", "ServiceRequest": "authored", "Task": "authored-on"}
_VOID: Final = ("cancelled", "entered-in-error", "noshow", "revoked", "proposed", "rejected", "draft")


def _number(type_name: str, code: str) -> int:
    return PARAMETERS[type_name][code].id


#: What makes a care relation, as `in_care` reads it.
CARE: Final = {
    "types": [NUMBERS[name] for name in _TIES],
    "ties": [_number(name, code) for name, codes in _TIES.items() for code in codes],
    "dates": [_number(name, code) for name, code in _DATES.items()],
    "states": [_number(name, "status") for name in _TIES],
    "void": [hash64(code) for code in _VOID],
    "place": _number("Location", "organization"),
    "days": CARE_DAYS,
    "before": CARE_DAYS_BEFORE,
}

#: The marks of a patient. CASE is leakproof, `coalesce` is not: with it PostgreSQL reads, under row-level security,
#: every mark of the facility for every record.
_MARKS: Final = (
    "select from public.word g where g.facility = {r}.facility and g.param = " + f"{MARK}::smallint"
    " and g.word = case when {r}.patient is null then '' else {r}.patient end"
)
#: Whether `r` is of a patient (or of nobody) of whom something is labelled or archived. Fenced, or PostgreSQL plans it
#: a second time as a hash of all marks.
PROBE: Final = f"exists ({_MARKS} offset 0)"
#: Whether one of those marks is for the record `r`: its own, one of everything of its patient, or one of its visit.
#: Patients who came before have archived visits; what they are here for today is asked no further for that.
_TOUCHED: Final = f"""exists ({_MARKS} and case left(g.whole, 1)
    when '*' then true
    when '@' then split_part(g.whole, ' ', 2)::bigint = any(
        array(select t.hash from public.token t where t.rid = {{r}}.key))
    else g.rid = {{r}}.key end offset 0)"""
#: Whether no record of the facility is labelled: asked once a statement, where many rows would be looked at.
UNMARKED: Final = (
    f"(select not exists (select from public.word g where g.facility = $1 and g.param = {MARK}::smallint))"
)
#: Records of patients with a mark that are gathered to be counted by themselves; where there are more, each is asked.
_GATHERED: Final = 10_000
_MARKED: Final = f"""
select k.key from (select distinct g.word from public.word g where g.facility = $1 and g.param = {MARK}::smallint) m
cross join lateral (select k.key from public.resource k
                    where k.facility = $1 and k.patient = m.word and k.type = {{type}}::smallint offset 0) k
union select g.rid from public.word g where g.facility = $1 and g.param = {MARK}::smallint and g.word = ''
limit {_GATHERED + 1}
"""


def marked(type_name: str) -> tuple[str, str]:
    """SQL of the keys of a type that a label may close, and of whether they are few enough to be gathered."""
    keys = _MARKED.format(type=NUMBERS[type_name])
    return keys, f"(select count(*) <= {_GATHERED} from ({keys}) few)"


@lru_cache(4096)
def pass_of(guard: Guard | None) -> str | None:
    """What `guarded` needs to know of the caller; None where nothing is asked of a record."""
    if guard is None:
        return None
    return msgspec.json.encode(
        {
            "closed": [
                {"rule": one.rule, "labels": sorted(one.labels), "unless": one.unless}
                for one in guard.closed if State.CLOSED not in one.labels
            ],
            "mine": sorted(map(hash64, guard.mine)),
            "departments": sorted(map(hash64, guard.departments)),
            "broken_glass": sorted(guard.broken_glass),
            "recipients": sorted(guard.recipients),
            "own": guard.own,
            "care": CARE,
        }
    ).decode()  # fmt: skip


def said(place: str, r: str = "r") -> str:
    """SQL: what the pass that stands at `place` (null: none) says of the record `r` (see `guarded`)."""
    asked = f"guarded({r}.facility, {r}.patient, {r}.key, {place})"
    return f"case when {place} is not null and {_TOUCHED.format(r=r)} then {asked} end"


def is_open(place: str, r: str = "r") -> str:
    """SQL: whether the pass that stands at `place` opens the record `r`."""
    return f"coalesce(left({said(place, r)}, 1) <> '!', true)"


def opens(decision: Decision, value: Callable[[Any], str], r: str = "r") -> list[str]:
    """The condition on a record that a decision leaves; none where it leaves nothing."""
    held = pass_of(decision.guard)
    return [] if held is None else [is_open(f"{value(held)}::text", r)]


class Shut(Forbidden):
    """403: a rule closes this record. `record`: what it is called, where breaking the glass would open it to her."""

    record: str | None = None


def ruled(decision: Decision, said: str | None, record: str) -> Decision:
    """The decision about a record (`Type/id`) of which its pass said this: the rule names what lifted one that denies.

    Raises:
        Shut: a rule closes the record.
    """
    if said is None:
        return decision
    if said.startswith("!"):
        raise _shut(decision, said[1:], record)
    return msgspec.structs.replace(decision, rule=decision.rule + said)


def _shut(decision: Decision, rule: str, record: str) -> Shut:
    found = shut(rule)
    closed = decision.guard.closed if decision.guard else ()
    if any(one.rule == rule and Lift.BREAK_GLASS in one.unless for one in closed):
        found.record = record
    return found


_CARE_ALONE = later("Bản ghi này chỉ mở cho người đang chăm sóc người bệnh.")
#: Rules about a state, which is no secret, are told in words of their own.
_SAYS = {
    "archived-opens-to-care": later("Hồ sơ đã lưu trữ, chỉ mở cho phòng KHTH và người đang chăm sóc người bệnh."),
    "archived-not-changed": later("Hồ sơ đã lưu trữ nên không sửa, xoá được; phòng KHTH lấy ra được, có ghi lý do."),
    "archived-copied-by-planning": later("Hồ sơ đã lưu trữ, chỉ phòng KHTH in, xuất, chia sẻ."),
}


def shut(rule: str, where: str | None = None) -> Shut:
    """The refusal of a record that a rule closes. It does not say which label the record carries."""
    told = Shut(_(_SAYS.get(rule, _CARE_ALONE)), where=where, advice=_("Quy tắc: %(rule)s.", rule=rule))
    told.rule = rule
    return told


async def asked(tx: Transaction, decision: Decision, facility: int, name: str, id_: str) -> str | None:
    """What a decision's pass says of one record (see `guarded`); None of one that is not there."""
    held = pass_of(decision.guard)
    if held is None:
        return None
    rows = await tx.look(
        f"select {said('$4::text')} as said from resource r where facility = $1 and type = $2 and id = $3",
        facility, NUMBERS[name], id_, held,
    )  # fmt: skip
    return rows[0]["said"] if rows else None


async def open_among(
    tx: Transaction, decision: Decision, facility: int, names: Sequence[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Which of these records (type, id) a decision's guard leaves open; those that are not there are."""
    held = pass_of(decision.guard)
    if held is None or not names:
        return set(names)
    rows = await tx.look(
        "select r.type, r.id from unnest($2::smallint[], $3::text[]) asked(type, id) join resource r"
        f" on r.facility = $1 and r.type = asked.type and r.id = asked.id where not {is_open('$4::text')}",
        facility, [NUMBERS[name] for name, _id in names], [id_ for _name, id_ in names], held,
    )  # fmt: skip
    closed = {(row["type"], row["id"]) for row in rows}
    return {(name, id_) for name, id_ in names if (NUMBERS[name], id_) not in closed}


async def closed_versions(tx: Transaction, decision: Decision, facility: int, rows: Sequence[Row]) -> set[int]:
    """Places of the versions (rows with body and patient) that labels of their own close, whatever is carried now."""
    guard = decision.guard
    if guard is None:
        return set()
    labelled = {n: labels for n, row in enumerate(rows) if row["body"] and (labels := version_labels(row["body"]))}
    patients = sorted({rows[n]["patient"] for n in labelled if rows[n]["patient"]})
    known: dict[str, Row] = {}
    if patients:
        found = await tx.look(
            "select p, in_care($1, p, $3::bigint[], $5::jsonb) as mine, in_care($1, p, rooms_of($1, $4::bigint[],"
            f" {CARE['place']}::smallint), $5::jsonb) as department,"
            " consented($1, p, $6::text[], $7::text[]) as consent from unnest($2::text[]) p",
            facility, patients, [*map(hash64, guard.mine)], [*map(hash64, guard.departments)],
            msgspec.json.encode(CARE).decode(), sorted(guard.recipients), sorted(LABELS),
        )  # fmt: skip
        known = {row["p"]: row for row in found}
    closed = set()
    for n, labels in labelled.items():
        patient = rows[n]["patient"]
        facts = Facts(patient=patient, labels=labels)
        if one := known.get(patient or ""):
            facts = Facts(
                patient=patient, labels=labels, my_care=one["mine"], department_care=one["department"],
                consent=frozenset(one["consent"]),
            )  # fmt: skip
        if not judge(msgspec.structs.replace(decision, only_patient=None), facts)[0]:
            closed.add(n)
    return closed


def version_labels(body: bytes) -> frozenset[str]:
    """The labels that stand in stored bytes; what has no `security` is not decoded."""
    return frozenset(labels_of(codec.kept(body, r4.Resource))) if b'"security":' in body else frozenset()


__all__ = [
    "CARE", "UNMARKED", "Shut", "asked", "closed_versions", "is_open", "marked", "open_among", "opens",
    "pass_of", "ruled", "said", "shut",
]  # fmt: skip
