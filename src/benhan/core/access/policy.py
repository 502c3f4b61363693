"""The one place that says yes or no to touching a record. Pure: facts in, decision out."""

from __future__ import annotations

import msgspec

from benhan.core.access.roles import OPEN_TO_PATIENTS, RECORDS, Interaction, Role
from benhan.core.access.subject import Subject


class Decision(msgspec.Struct, frozen=True):
    """Yes or no, the rule that made it, and the one patient it is limited to (None: the facility)."""

    allowed: bool
    rule: str
    only_patient: str | None = None


def decide(who: Subject, interaction: Interaction, type_name: str) -> Decision:
    """May `who` do this to records of this type at her facility?

    A patient's decision is limited to her own compartment; the store narrows reads and searches to it. The audit is no
    record: it is read at its own doors (`api/audit_events.py`) and written by the program alone.
    """
    if type_name == "AuditEvent":
        return Decision(False, "AuditEvent is read at /fhir/AuditEvent and written by the program alone")
    if Role.CLIENT in who.roles:
        return _by_scope(who, interaction, type_name)
    for role in sorted(who.roles):
        rules = RECORDS[role]
        letters = rules.get(type_name, frozenset()) | rules.get("*", frozenset())
        if interaction.value in letters:
            return Decision(True, f"role {role}: {interaction.value} {type_name}", _limit(role, who, type_name))
    return Decision(False, f"no rule lets {'+'.join(sorted(who.roles))} {interaction.name.lower()} {type_name}")


def _limit(role: Role, who: Subject, type_name: str) -> str | None:
    if role is not Role.PATIENT or type_name in OPEN_TO_PATIENTS:
        return None
    return who.patient or ""  # the empty id is nobody's


def _by_scope(who: Subject, interaction: Interaction, type_name: str) -> Decision:
    for scope in who.scopes:
        if scope.type in ("*", type_name) and interaction.value in scope.letters:
            return Decision(True, f"scope system/{scope.type}.{interaction.value}")
    return Decision(False, f"no scope for system/{type_name}.{interaction.value}")
