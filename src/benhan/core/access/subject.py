"""The Subject: who is asking. Every verb of the program takes one."""

from __future__ import annotations

from datetime import datetime

import msgspec

from benhan.core.access.acting import Relation
from benhan.core.access.roles import PERMISSIONS, Permission, Role
from benhan.core.access.scopes import Scope
from benhan.core.fhir.outcome import Forbidden
from benhan.core.language import _


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
    #: Whose record it is: her own, or that of the patient for whom she acts (`relation`).
    patient: str | None = None
    #: Her account as a person, and the relation in which she acts for somebody else.
    person: str | None = None
    relation: Relation | None = None
    scopes: tuple[Scope, ...] = ()
    #: Codes of v3-PurposeOfUse: only rules made for one of them let her do anything (none: whatever is hers).
    purposes: frozenset[str] = frozenset()
    #: Her practice licence holds, or her facility asks for none (`Lift.LICENCE`).
    licence: bool = True
    #: The patient for whom she broke the glass, until when, and how every page calls the patient meanwhile (`glass`).
    broken_glass: frozenset[str] = frozenset()
    glass_ends: datetime | None = None
    glass_shown: str = ""
    #: The program that comes for her, with `scopes` and no more than they say.
    program: str | None = None
    #: The one patient that the program was started for.
    launched: str | None = None
    session: str | None = None
    #: After so many idle minutes her screen is covered (0: never).
    lock_minutes: int = 0

    @property
    def known(self) -> bool:
        """Somebody who signed in (a person, a patient with a link, a program)."""
        return Role.PUBLIC not in self.roles

    def may(self, permission: Permission | str) -> bool:
        """Whether a door that asks for this permission opens. A program that comes for her opens no screen."""
        if permission == Permission.ANYONE:
            return True
        if self.program is not None:
            return permission == Permission.FHIR
        return any(permission in PERMISSIONS[role] for role in self.roles) or permission in self.granted

    def must_administer(self, where: str) -> None:
        """Refuse whoever does not administer the facility.

        Raises:
            Forbidden: about `where`, what she would have touched.
        """
        if not self.may(Permission.ADMINISTER):
            raise Forbidden(_("Chỉ quản trị của cơ sở được làm việc này."), where=where)

    @property
    def granted(self) -> frozenset[Permission]:
        """What the scopes of a program of its own open beside its role: taking out or bringing in everything at once.

        `bulk/export` and `bulk/import` say it alone; who may read and search (create and update) every type may too.
        The audit is read by who may read and search AuditEvent.
        """
        if not self.scopes:
            return frozenset()
        words = {one.type for one in self.scopes}
        everything = frozenset[str]().union(*(one.letters for one in self.scopes if one.type == "*"))
        bulk = {Permission.EXPORT: "rs", Permission.IMPORT: "cu"}
        found = {one for one, needs in bulk.items() if f"bulk/{one}" in words or everything >= set(needs)}
        if everything >= set("cruds"):
            found.add(Permission.REINDEX)
        if any(one.type in ("*", "AuditEvent") and one.letters >= set("rs") and not one.where for one in self.scopes):
            found.add(Permission.READ_AUDIT)
        return frozenset(found)


def service(role: Role, facility: int, facility_name: str = "") -> Subject:
    """The program itself, doing one job at a facility (booking for the public, counting for the province)."""
    return Subject(
        account=f"service:{role}",
        name=str(role),
        facility=facility,
        facility_name=facility_name,
        roles=frozenset({role}),
    )


def in_name_of(who: Subject, role: Role) -> Subject:
    """The program's own service, doing for somebody what no role may: history and audit name her."""
    return Subject(
        account=who.account, name=who.name, session=who.session, facility=who.facility,
        facility_name=who.facility_name, facility_code=who.facility_code, roles=frozenset({role}),
    )  # fmt: skip
