"""Reading the audit, taking it out, and running the hospital are three rights."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from benhan.core.access import Permission, Role, Subject
from benhan.core.access.scopes import parse_scopes
from benhan.hospital.review.pages import DOORS, PATH


def test_the_door_of_the_export_asks_for_the_right_to_take_out() -> None:
    assert {door.path: door.permission for door in DOORS} == {
        PATH: Permission.READ_AUDIT, f"{PATH}/xuat": Permission.EXPORT_AUDIT,
    }  # fmt: skip


def test_only_the_reviewer_takes_out_and_only_she_and_the_administrator_read(
    subject: Callable[..., Subject],
) -> None:
    outside = (Role.PATIENT, Role.RELATIVE, Role.PERSON, Role.CLIENT, Role.PUBLIC, Role.LOADER, Role.SHARED)
    people = [role for role in Role if role not in outside]
    doctor = subject("doctor")
    held = {
        role: msgspec.structs.replace(doctor, roles=frozenset({role}))
        for role in people if not role.endswith("-service")
    }  # fmt: skip
    assert {role for role, who in held.items() if who.may(Permission.READ_AUDIT)} == {Role.REVIEWER, Role.ADMINISTRATOR}
    assert {role for role, who in held.items() if who.may(Permission.EXPORT_AUDIT)} == {Role.REVIEWER}


def test_a_program_reads_it_by_its_scopes_and_never_takes_it_out_by_the_page() -> None:
    def may(scopes: str) -> bool:
        who = Subject(
            account="client:x", name="x", facility=1, facility_name="", roles=frozenset({Role.CLIENT}),
            scopes=parse_scopes(scopes),
        )  # fmt: skip
        assert not who.may(Permission.EXPORT_AUDIT)
        return who.may(Permission.READ_AUDIT)

    assert may("system/AuditEvent.rs") and may("system/*.rs")
    assert not any(map(may, ("system/AuditEvent.r", "system/AuditEvent.s", "system/Patient.rs", "bulk/export")))
