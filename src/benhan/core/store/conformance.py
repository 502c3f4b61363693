"""Profiles at the door of the store: those a record claims, and those its facility demands.

A facility demands profiles with a stored `CapabilityStatement` of kind "requirements", status "active": every record
of a type must follow `rest.resource.profile`. Definitions are the project's own and the StructureDefinitions stored at
the facility or at the platform; a process learns of changes within `REFRESH` seconds. What is claimed and not known
refuses nothing. Standard: FHIR R4, sections 5.1 and 2.5.1 (modifier extensions).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from time import monotonic
from typing import Literal

import asyncpg
import msgspec

from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Invalid, Problem, issue
from benhan.core.fhir.profiles import Known, Question, carried, claimed
from benhan.core.fhir.profiles.extensions import unknown
from benhan.core.language import _
from benhan.core.store.records import NUMBERS
from benhan.core.store.terms_bind import member_of

#: Seconds after which stored definitions are looked at again.
REFRESH = 5.0
#: How many definitions one facility may have.
MOST = 2_000

Policy = Literal["ignore", "warn", "error"]

_SIGNS = """
select key, version from resource
where facility = any($1) and type = any($2::smallint[]) and body is not null order by key limit $3
"""
_BODIES = "select body from resource where key = any($1) order by facility, key"
_TYPES = [NUMBERS["StructureDefinition"], NUMBERS["CapabilityStatement"]]
_MODIFIER = b'"modifierExtension"'
_log = logging.getLogger(__name__)


class Rules(msgspec.Struct):
    """What a facility knows and demands, as last read: `demanded` by resource type."""

    known: Known
    demanded: dict[str, tuple[str, ...]]
    signs: tuple[tuple[int, int], ...] = ()
    until: float = 0.0


_rules: dict[int, Rules] = {}
_policy: Policy = "ignore"


def unknown_extensions(policy: Policy) -> None:
    """What is done with extensions that nobody here has defined (the operator's setting)."""
    global _policy  # noqa: PLW0603 - a setting of the process
    _policy = policy


def told_policy() -> Policy:
    """The setting as `$validate` speaks of it: what a write ignores is still worth a warning there."""
    return "error" if _policy == "error" else "warn"


async def held(tx: Transaction, who: Subject, resource: r4.Resource, body: bytes) -> None:
    """Refuse a record that breaks a profile it claims or its facility demands; called before every write.

    Raises:
        Invalid: with all the errors.
    """
    rules = await rules_of(tx, who)
    name = codec.type_name(resource)
    wanted = rules.demanded.get(name, ()) + claimed(resource)
    issues: list[r4.OperationOutcomeIssue] = []
    if _policy == "error" or _MODIFIER in body:
        issues += unknown(resource, rules.known.extensions, _policy)
    if wanted:
        issues += await told(tx, who, resource, dict.fromkeys(wanted), rules)
    errors = [one for one in issues if one.severity in ("error", "fatal")]
    if errors:
        first = errors[0]
        said = (first.details and first.details.text) or ""
        where = first.expression[0] if first.expression else None
        raise Invalid(said, code=first.code, where=where, issues=errors)


def at_ease(who: Subject, resource: r4.Resource) -> bool:
    """Whether `held` has surely nothing to say: no profile claimed or demanded, no modifier, and that known for now."""
    rules = _rules.get(who.facility)
    if rules is None or monotonic() >= rules.until or _policy == "error":
        return False
    wanted = claimed(resource) or codec.type_name(resource) in rules.demanded
    return not wanted and _MODIFIER not in codec.encode(resource)


def forget(who: Subject, type_name: str) -> None:
    """A definition was written here: look again at the next write."""
    if NUMBERS[type_name] in _TYPES:
        for rules in _rules.values() if who.facility == 0 else [_rules[who.facility]] if who.facility in _rules else []:
            rules.until = 0.0


async def rules_of(tx: Transaction, who: Subject) -> Rules:
    """What this facility knows and demands; asks the database at most every `REFRESH` seconds."""
    found = _rules.get(who.facility)
    if found is not None and monotonic() < found.until:
        return found
    rows = await tx.look(_SIGNS, list({who.facility, 0}), _TYPES, MOST)
    signs = tuple((row["key"], row["version"]) for row in rows)
    if found is None or found.signs != signs:
        found = _read(await tx.look(_BODIES, [key for key, _version in signs]) if signs else [])
        found.signs = signs
        _rules[who.facility] = found
    found.until = monotonic() + REFRESH
    return found


def _read(rows: Sequence[asyncpg.Record]) -> Rules:
    stored = [codec.kept(row["body"], r4.Resource) for row in rows]
    definitions = [one for one in stored if isinstance(one, r4.StructureDefinition) and one.derivation == "constraint"]
    demanded: dict[str, tuple[str, ...]] = {}
    for one in stored:
        if isinstance(one, r4.CapabilityStatement) and one.kind == "requirements" and one.status == "active":
            for part in [part for rest in one.rest or () for part in rest.resource or ()]:
                if part.type and part.profile:
                    demanded[part.type] = (*demanded.get(part.type, ()), part.profile)
    return Rules(Known(definitions, carried()), demanded)


async def told(
    tx: Transaction, who: Subject, resource: r4.Resource, addresses: dict[str, None], rules: Rules
) -> list[r4.OperationOutcomeIssue]:
    """Everything the profiles say of a record, errors and warnings; unknown profiles as information."""
    issues: list[r4.OperationOutcomeIssue] = []
    for address in addresses:
        try:
            visit = rules.known.check(resource, address)
        except Problem as problem:
            _log.warning("profile %s cannot be used: %s", address, problem)
            issues.append(issue("processing", f"{address}: {problem.message}", severity="warning"))
            continue
        for url in [address] if visit is None else rules.known.missing(address):
            message = _("Không có hồ sơ chuẩn %(url)s ở đây, nên chưa kiểm được.", url=url)
            issues.append(issue("not-found", message, where="meta.profile", severity="information"))
        if visit is not None:
            issues += visit.issues
            issues += await bound(tx, who, visit.questions)
    return issues


async def bound(tx: Transaction, who: Subject, questions: list[Question]) -> list[r4.OperationOutcomeIssue]:
    """The answers of terminology: outside a required value set is an error, outside another one a warning."""
    if not questions:
        return []
    sets = dict.fromkeys(question.value_set for question in questions)
    known = await member_of(tx, who, sets, [question.item for question in questions])
    issues = []
    for question in questions:
        if known(question.item, question.value_set) is False:
            severity = "error" if question.strength == "required" else "warning"
            message = _("mã không thuộc danh mục %(url)s", url=question.value_set)
            issues.append(
                issue("code-invalid", f"{question.where}: {message}", where=question.where, severity=severity)
            )
    return issues
