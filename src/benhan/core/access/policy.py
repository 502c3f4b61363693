"""The one place that says yes or no to touching a record. Pure: facts in, decision out.

`rules/` is checked and compiled here when the program starts. What a rule decides by the caller alone (role, type,
purpose, scope) is decided at once; what depends on the record (its labels, whether its patient is in her care) is left
in the decision as its `guard`. The store asks it of each record: as SQL (`core/store/guarding.py`), by `judge` here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Final

import msgspec

from benhan.core.access.acting import Part
from benhan.core.access.labels import LABELS, STATES, WHOLE_RECORD
from benhan.core.access.roles import Permission, Role
from benhan.core.access.rules import ALLOWED, BREAKING, DENIED, NO_CONSENT_NEEDED
from benhan.core.access.scopes import LABELLED, Condition, Narrowed, narrow
from benhan.core.access.subject import Subject
from benhan.core.access.vocabulary import (
    EVERY_TYPE,
    IMPERSONAL,
    Allow,
    Break,
    Default,
    Deny,
    Interaction,
    Lift,
    State,
)
from benhan.core.fhir import codec, r4

#: What the caller has or has not, whatever the record: decided before it is read.
OF_CALLER: Final = frozenset({Lift.SCOPE, Lift.LICENCE, Lift.RELATION})
TYPES: Final = frozenset(codec.type_name(one) for one in r4.RESOURCES)


class InvalidRule(ValueError):  # noqa: N818 - what it is
    """A rule that cannot be meant. It stops the program: a rule that is skipped would open or close something."""


class Closed(msgspec.Struct, frozen=True):
    """A rule that denies: the records it closes, and what opens them."""

    rule: str
    labels: frozenset[str]
    unless: tuple[Lift, ...]


class Guard(msgspec.Struct, frozen=True):
    """What is still to be asked of each record, and the caller as far as the answer depends on her."""

    closed: tuple[Closed, ...]
    #: References by which records of care name her, and her departments.
    mine: frozenset[str] = frozenset()
    departments: frozenset[str] = frozenset()
    #: Patients for whom she broke the glass.
    broken_glass: frozenset[str] = frozenset()
    #: By which names a consent opens records to her: her own, her departments', a program's account.
    recipients: frozenset[str] = frozenset()
    #: The one person she is or acts for.
    own: str | None = None


class Decision(msgspec.Struct, frozen=True):
    """Yes or no, the rule that made it, the one patient it is limited to (None: the facility), and what remains.

    `where`: only records that meet one of these sets of conditions (none: all).
    """

    allowed: bool
    rule: str
    only_patient: str | None = None
    guard: Guard | None = None
    where: tuple[tuple[Condition, ...], ...] = ()


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a record and of the caller's care for its patient."""

    patient: str | None = None
    #: With the states of the record.
    labels: frozenset[str] = frozenset()
    my_care: bool = False
    department_care: bool = False
    #: Labels to which the patient's consents in force open her records to the caller.
    consent: frozenset[str] = frozenset()


class Policy:
    """Rules, checked and ready to be asked."""

    def __init__(
        self, allowed: Sequence[Allow], denied: Sequence[Deny], breaking: Sequence[Break] = (),
        unasked: Sequence[Default] = (),
    ) -> None:  # fmt: skip
        """Check the rules.

        Raises:
            InvalidRule: a rule names what does not exist, says nothing, or has another's name.
        """
        rules: list[Allow | Deny | Break] = [*allowed, *denied, *breaking]
        for rule in rules:
            _check(rule)
        names = [rule.name for rule in rules]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InvalidRule(f"two rules are called {twice[0]}")
        if unknown := sorted({name for one in unasked for name in one.rules.split()} - set(names)):
            raise InvalidRule(f"no consent is needed for a rule that does not exist: {unknown[0]}")
        self._allowed, self._denied, self._breaking = tuple(allowed), tuple(denied), tuple(breaking)
        self.allowing = cache(self._allowing)
        self.closing = cache(self._closing)

    def _allowing(
        self, roles: frozenset[Role], purposes: frozenset[str], parts: frozenset[Part], letter: Interaction,
        type_name: str,
    ) -> Allow | None:  # fmt: skip
        """The rule that allows: one that holds for the whole facility before one that holds for her own record."""
        found = [
            rule for rule in self._allowed
            if letter in rule.may and _names(rule.types, type_name) and not roles.isdisjoint(rule.roles.split())
            and (not purposes or rule.purpose in purposes) and (rule.part is None or rule.part in parts)
        ]  # fmt: skip
        return min(found, key=lambda rule: rule.own, default=None)

    def _closing(self, roles: frozenset[Role], letter: Interaction, type_name: str) -> tuple[Closed, ...]:
        """The rules that deny records of a type: every one of every role, with what may lift it for her and this."""
        breaks = self.breaking(roles, letter) is not None
        return tuple(
            Closed(
                rule.name, frozenset(rule.labels.split()),
                tuple(lift for lift in rule.unless if breaks or lift is not Lift.BREAK_GLASS),
            )
            for rule in self._denied
            if letter in rule.may_not and not roles.isdisjoint(rule.roles.split())
            and (type_name not in IMPERSONAL if rule.types == EVERY_TYPE else type_name in rule.types.split())
        )  # fmt: skip

    def breaking(self, roles: frozenset[Role], letter: Interaction) -> Break | None:
        """The rule by which these roles may break the glass to do this."""
        return next(
            (rule for rule in self._breaking if letter in rule.may and not roles.isdisjoint(rule.roles.split())), None
        )


def _names(types: str, type_name: str) -> bool:
    return types == EVERY_TYPE or type_name in types.split()


def _check(rule: Allow | Deny | Break) -> None:
    letters, labels = (rule.may_not, rule.labels.split()) if isinstance(rule, Deny) else (rule.may, [])
    types = EVERY_TYPE if isinstance(rule, Break) else rule.types
    for what, given, known in (
        ("role", rule.roles.split(), {str(role) for role in Role}),
        ("letter", list(letters), {str(one) for one in Interaction}),
        ("type", [] if types == EVERY_TYPE else types.split(), TYPES),
        ("label", labels, LABELS | STATES),
    ):
        if unknown := [one for one in given if one not in known]:
            raise InvalidRule(f"rule {rule.name}: no {what} {unknown[0]!r}")
        if not given and what in ("role", "letter"):
            raise InvalidRule(f"rule {rule.name}: no {what} is named")
    if not types:
        raise InvalidRule(f"rule {rule.name}: no type is named")
    for text in (rule.name, rule.law, rule.vi, rule.en):
        if not text.strip():
            raise InvalidRule(f"rule {rule.name}: a name, a sentence in each language and an article are needed")
    if isinstance(rule, Deny):
        if not all(isinstance(one, Lift) for one in rule.unless):
            raise InvalidRule(f"rule {rule.name}: nothing lifts by {rule.unless!r}")
        if not labels and not OF_CALLER.issuperset(rule.unless):
            raise InvalidRule(f"rule {rule.name}: it closes every record, so only the caller's own can lift it")
        if State.CLOSED in labels and (len(labels) > 1 or rule.unless or not set(rule.may_not) <= set("ud")):
            raise InvalidRule(f"rule {rule.name}: {State.CLOSED} stands alone, takes u and d, and nothing lifts it")


POLICY: Final = Policy(ALLOWED, DENIED, BREAKING, NO_CONSENT_NEEDED)


def decide(who: Subject, interaction: Interaction, type_name: str, *, where: bool = False) -> Decision:
    """May `who` do this to records of this type at her facility?

    A patient's decision is limited to her own compartment; the store narrows reads and searches to it. The audit is no
    record: it is read at its own doors (`api/audit_events.py`) and written by the program alone.

    `where`: the caller holds conditions (`Decision.where`). To any other a right with conditions is none.
    """
    if type_name == "AuditEvent":
        return Decision(False, "AuditEvent is read at /fhir/AuditEvent and written by the program alone")
    roles = who.roles
    if Role.CLIENT in roles or who.program is not None:
        decision, roles = _by_scope(who, interaction, type_name, where=where), roles | {Role.CLIENT}
    else:
        decision = _by_role(who, interaction, type_name)
    closed = POLICY.closing(roles, interaction, type_name) if decision.allowed else ()
    return _left(who, decision, closed) if closed else decision


def may(who: Subject, interaction: Interaction, type_name: str) -> bool:
    """Whether a screen shows her the button that does this."""
    return decide(who, interaction, type_name).allowed


def breaking(who: Subject, interaction: Interaction = Interaction.READ) -> Break | None:
    """The rule by which she may break the glass. A program that comes for somebody may not, whoever she is."""
    return POLICY.breaking(who.roles, interaction) if who.program is None else None


def judge(decision: Decision, facts: Facts) -> tuple[bool, str]:
    """The decision about one record, and the rule that made it, with what lifted a rule that denies."""
    if not decision.allowed or decision.only_patient not in (None, facts.patient):
        return False, decision.rule
    lifted: list[str] = []
    for closed in decision.guard.closed if decision.guard else ():
        carried = closed.labels & {one.removeprefix(WHOLE_RECORD) for one in facts.labels}
        if not carried:
            continue
        assert decision.guard
        lift = next((one for one in closed.unless if _lifts(one, decision.guard, facts, carried)), None)
        if lift is None:
            return False, closed.rule
        lifted.append(f"{closed.rule} lifted by {lift}")
    return True, "; ".join([decision.rule, *lifted])


def _lifts(lift: Lift, guard: Guard, facts: Facts, carried: frozenset[str]) -> bool:
    """`carried`: the labels of the record that the rule is about; a consent opens it that names every one of them."""
    match lift:
        case Lift.MY_CARE:
            return facts.my_care
        case Lift.DEPARTMENT_CARE:
            return facts.my_care or facts.department_care
        case Lift.BREAK_GLASS:
            return facts.patient in guard.broken_glass
        case Lift.CONSENT:
            return carried <= facts.consent
        case Lift.OWN_RECORD:
            return guard.own is not None and facts.patient == guard.own
        case Lift.SCOPE | Lift.LICENCE | Lift.RELATION:
            return False  # who has it was asked before the record


@lru_cache(4096)
def _left(who: Subject, decision: Decision, closed: tuple[Closed, ...]) -> Decision:
    """What the rules that deny leave of a decision: nothing, or a guard to be asked of each record."""
    has = {
        Lift.LICENCE: who.licence,
        Lift.SCOPE: any(one.type == LABELLED for one in who.scopes),
        Lift.RELATION: who.relation is not None and who.relation.labelled,
    }
    closed = tuple(one for one in closed if not any(has.get(lift) for lift in one.unless))
    for one in closed:
        if not one.labels:
            return Decision(False, one.rule)
    return msgspec.structs.replace(decision, guard=_guard(who, closed)) if closed else decision


def _guard(who: Subject, closed: tuple[Closed, ...]) -> Guard:
    mine = frozenset({f"Practitioner/{who.practitioner}"}) if who.practitioner else frozenset()
    departments = frozenset(f"Organization/{one}" for one in who.departments)
    program = frozenset({who.account}) if Role.CLIENT in who.roles else frozenset()
    named = frozenset() if who.program else mine | departments | program  # a consent to her is none to her programs
    return Guard(closed, mine, departments, who.broken_glass, named, who.patient)


def _by_role(who: Subject, interaction: Interaction, type_name: str) -> Decision:
    parts = who.relation.parts if who.relation else frozenset()
    rule = POLICY.allowing(who.roles, who.purposes, parts, interaction, type_name)
    if rule is None:
        return Decision(False, f"no rule lets {'+'.join(sorted(who.roles))} {interaction.name.lower()} {type_name}")
    named = f"{rule.name} ({who.relation})" if who.relation and rule.own else rule.name
    return Decision(True, named, (who.patient or "") if rule.own else None)  # the empty id is nobody's


def _by_scope(who: Subject, interaction: Interaction, type_name: str, *, where: bool) -> Decision:
    """The scopes of a program; of one that comes for somebody, both they and her own rules have to allow it."""
    if who.program is None and interaction is Interaction.EXPORT and Permission.EXPORT in who.granted:
        return Decision(True, "scope bulk/export")
    contexts = ("system",) if who.program is None else ("user", "patient")
    said = narrow(who.scopes, interaction.value, type_name, contexts)
    if not said.allowed:
        return Decision(False, said.rule)
    if said.where and not where:
        return Decision(False, f"{said.rule}: only with conditions")
    if who.program is None:
        return Decision(True, said.rule, where=said.where)
    own = _by_role(who, interaction, type_name)
    rule = f"program {who.program}: {said.rule}; {own.rule}"
    return Decision(own.allowed, rule, _both_limits(who, said, own, type_name), where=said.where)


def _both_limits(who: Subject, said: Narrowed, own: Decision, type_name: str) -> str | None:
    if not said.only_launched or type_name in IMPERSONAL:
        return own.only_patient
    launched = who.launched or ""
    return launched if own.only_patient in (None, launched) else ""
