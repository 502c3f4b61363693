"""The Subject: who is asking. Every verb of the program takes one."""

from __future__ import annotations

import re

import msgspec

from benhan.core.access.roles import PERMISSIONS, Permission, Role

#: The scope that lets a program meet labelled records (`Lift.SCOPE`).
LABELLED = "labelled/read"
#: Scopes that are a word, not letters on a type.
_WORDS = frozenset({"bulk/export", "bulk/import", LABELLED})


class Scope(msgspec.Struct, frozen=True):
    """One SMART v2 scope of a program, such as `system/Observation.rs`."""

    type: str
    letters: frozenset[str]


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody (or some program) at one facility, for the length of a request."""

    account: str
    name: str
    facility: int
    facility_name: str
    facility_code: str = ""
    roles: frozenset[Role]
    departments: frozenset[str] = frozenset()
    practitioner: str | None = None
    patient: str | None = None
    scopes: tuple[Scope, ...] = ()
    #: Codes of v3-PurposeOfUse: only rules made for one of them let her do anything (none: whatever is hers).
    purposes: frozenset[str] = frozenset()
    #: Her practice licence holds, or her facility asks for none (`Lift.LICENCE`).
    licence: bool = True
    #: Patients for whom she broke the glass. Nothing sets it yet (issue 4, item 6).
    broken_glass: frozenset[str] = frozenset()
    session: str | None = None
    #: After so many idle minutes her screen is covered (0: never).
    lock_minutes: int = 0

    @property
    def known(self) -> bool:
        """Somebody who signed in (a person, a patient with a link, a program)."""
        return Role.PUBLIC not in self.roles

    def may(self, permission: Permission | str) -> bool:
        """Whether a door that asks for this permission opens."""
        if permission == Permission.ANYONE:
            return True
        return any(permission in PERMISSIONS[role] for role in self.roles) or permission in self.granted

    @property
    def granted(self) -> frozenset[Permission]:
        """What the scopes of a program open beside its role: taking out or bringing in everything at once.

        `bulk/export` and `bulk/import` say it alone; who may read and search (create and update) every type may too.
        The audit is read by who may read and search AuditEvent.
        """
        words = {one.type for one in self.scopes}
        everything = frozenset[str]().union(*(one.letters for one in self.scopes if one.type == "*"))
        bulk = {Permission.EXPORT: "rs", Permission.IMPORT: "cu"}
        found = {one for one, needs in bulk.items() if f"bulk/{one}" in words or everything >= set(needs)}
        if everything >= set("cruds"):
            found.add(Permission.REINDEX)
        if any(one.type in ("*", "AuditEvent") and one.letters >= set("rs") for one in self.scopes):
            found.add(Permission.READ_AUDIT)
        return frozenset(found)


_SCOPE = re.compile(r"system/(\*|[A-Z][A-Za-z]{1,40})\.(c?r?u?d?s?)")


def parse_scopes(text: str) -> tuple[Scope, ...]:
    """Read SMART v2 system scopes, separated by blanks.

    Source: SMART App Launch 2.2, section 3.1 (scopes for requesting FHIR resources).

    Raises:
        ValueError: a scope is not of the form `system/Type.cruds`.
    """
    scopes = []
    for word in text.split():
        if word in _WORDS:
            scopes.append(Scope(word, frozenset()))
            continue
        match = _SCOPE.fullmatch(word)
        if not match or not match[2]:
            raise ValueError(f"scope {word!r} is not of the form system/Type.cruds (letters in this order)")
        scopes.append(Scope(match[1], frozenset(match[2])))
    if not scopes:
        raise ValueError("at least one scope is needed, e.g. system/*.cruds")
    return tuple(scopes)


def service(role: Role, facility: int, facility_name: str = "") -> Subject:
    """The program itself, doing one job at a facility (booking for the public, counting for the province)."""
    return Subject(
        account=f"service:{role}",
        name=str(role),
        facility=facility,
        facility_name=facility_name,
        roles=frozenset({role}),
    )
