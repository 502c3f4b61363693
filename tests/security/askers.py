"""Whoever may come to the four hospitals, and what each may hear: the test's own judge, apart from the program's.

It goes by the tables that a lawyer reads (`core/access/roles.py`) and by nothing that the program computes from them.
What labels and consent take away belongs into `may_hear`, beside the patient's own wall.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from random import Random

import msgspec

from benhan.core.access import Permission, Role, people, relations, service
from benhan.core.access.accounts import create_client, hashed, open_session
from benhan.core.access.acting import Kind, Part
from benhan.core.access.relations import Naming
from benhan.core.access.roles import PERMISSIONS
from benhan.core.access.rules import ALLOWED
from benhan.core.access.sessions import Visitor
from benhan.core.db import PLATFORM, Database, Transaction
from benhan.core.store.records import NUMBERS
from tests.asking import Headers, as_program, as_session
from tests.core.access.reference_policy import letters_of
from tests.security.marks import LETTERS, Mark
from tests.security.world import World

#: The house's own records, which a patient sees beside hers.
_OPEN_TO_PATIENTS = frozenset(
    name for rule in ALLOWED if "patient" in rule.roles.split() and not rule.own for name in rule.types.split()
)

#: What programs are allowed at each hospital: scopes and the types they show.
PROGRAMS: dict[str, frozenset[str]] = {
    "system/*.cruds bulk/export bulk/import": frozenset(NUMBERS),
    "system/*.rs": frozenset(NUMBERS),
    "system/Patient.rs system/Encounter.rs system/Observation.r": frozenset(["Patient", "Encounter", "Observation"]),
    "system/Observation.rs system/Location.s bulk/export": frozenset(["Observation", "Location"]),
    "system/Practitioner.rs": frozenset(["Practitioner"]),
}
PATIENTS_A_HOSPITAL = 3


class Asker(msgspec.Struct, frozen=True):
    """Somebody, as she asks."""

    name: str
    #: Letter of her hospital; the province and strangers have none.
    hospital: str
    headers: Headers
    types: frozenset[str]
    permissions: frozenset[Permission] = frozenset()
    #: Her number in the marks, where she is a patient.
    patient: int | None = None

    def may_hear(self, mark: Mark, path: str, house: str) -> bool:
        """Whether this text may stand in the answer of an address. `house`: where a stranger asked about."""
        where = house if path.startswith("/app/facilities/") else self.hospital or house
        if mark.hospital != where or mark.type not in self.types | _beside(path, self.permissions):
            return False
        return self.patient is None or mark.type in _OPEN_TO_PATIENTS or mark.patient == self.patient


def _beside(path: str, permissions: frozenset[Permission]) -> frozenset[str]:
    """What an address shows beside the rules of a role: booking is everybody's, the audit names whom it is about."""
    if path.startswith(("/dat-kham", "/app/facilities", "/app/bookings")):
        return shown_to(Role.BOOKING_SERVICE)
    if path.startswith("/quan-tri/nhat-ky") and Permission.READ_AUDIT in permissions:
        return frozenset(["Patient"])
    return frozenset()


async def askers(database: Database, world: World) -> list[Asker]:
    """One of each role at each hospital, three of its patients, its programs; the province; a stranger."""
    found = [Asker("nobody", "", [], shown_to(Role.PUBLIC))]
    province = world.province
    async with database.transaction(province.key) as tx:
        token = await open_session(tx, province.key, account=province.accounts[0].id, hours=12)
    found.append(_person("province", "", token, Role.PROVINCE))
    for letter in LETTERS:
        found += [one async for one in _at(database, world, letter)]
    return found


async def _at(database: Database, world: World, letter: str) -> AsyncIterator[Asker]:
    house = world.houses[letter]
    async with database.transaction(house.key) as tx:
        for role, login in house.logins.items():
            account = next(one.id for one in house.accounts if one.login == login)
            token = await open_session(tx, house.key, account=account, hours=12)
            yield _person(f"{role} at {letter}", letter, token, role)
            if role is Role.DOCTOR:  # every hospital has the same patients: hers opens nobody elsewhere
                broken = await open_session(tx, house.key, account=account, hours=12)
                await _break_glass(tx, house.key, account, broken, sorted(world.seen)[0])
                yield _person(f"broken glass at {letter}", letter, broken, role)
        parts = iter(Part)
        # Not the same people in each hospital, but of people whom each of them has.
        for patient in Random(letter).sample(sorted(world.seen), PATIENTS_A_HOSPITAL):
            token = await open_session(tx, house.key, patient=patient, hours=12)
            one = _person(f"{patient} at {letter}", letter, token, Role.PATIENT)
            yield msgspec.structs.replace(one, patient=world.patients[patient])
            if part := next(parts, None):
                yield await _relative(tx, letter, house.key, patient, world.patients[patient], part)
        for scopes, types in PROGRAMS.items():
            token = await create_client(tx, house.key, scopes, scopes)
            permissions = PERMISSIONS[Role.CLIENT]
            yield Asker(f"{scopes} at {letter}", letter, as_program(token), types, permissions)


async def _break_glass(tx: Transaction, facility: int, account: str, token: str, patient: str) -> None:
    await tx.execute(
        "insert into broken_glass (id, facility, account, patient, shown, reason, words, factor, ends, review_by)"
        " values ($1, $2, $3, $4, '', 'cap-cuu', '', 'code', now() + interval '4 hours', now())",
        token[:20], facility, account, patient,
    )  # fmt: skip
    await tx.execute("update session set glass = $1 where token_hash = $2", token[:20], hashed(token))


async def _relative(tx: Transaction, letter: str, facility: int, patient: str, number: int, part: Part) -> Asker:
    """Somebody who acts for a patient, in one part of her record."""
    await tx.reach(PLATFORM)
    person = await people.add(tx, "Người Thân")
    naming = Naming(
        name="Người Thân", phone="0900000000", birth=date(1980, 1, 1), kind=Kind.NAMED, parts=frozenset({part}),
        labelled=False, ends=None, proof="",
    )  # fmt: skip
    about, desk = f"{letter}-{patient}-{part}", service(Role.RECEPTION, facility)
    await relations.add(tx, desk, about, patient, "người bệnh", naming)
    await people.take(tx, person, [about])
    await relations.accept(tx, msgspec.structs.replace(desk, person=person), about)
    [record] = await people.records(tx, person)
    token = await people.open_session(tx, person, facility, record, Visitor(), "test")
    await tx.reach(facility)
    types = frozenset(
        name for rule in ALLOWED
        if Role.RELATIVE in rule.roles.split() and rule.part in (None, part) and set(rule.may) & set("rs")
        for name in rule.types.split()
    )  # fmt: skip
    permissions = PERMISSIONS[Role.RELATIVE] | PERMISSIONS[Role.PERSON]
    return Asker(f"relative ({part}) of {patient} at {letter}", letter, as_session(token), types, permissions, number)


def _person(name: str, letter: str, token: str, role: Role) -> Asker:
    return Asker(name, letter, as_session(token), shown_to(role), PERMISSIONS[role])


def shown_to(*roles: Role) -> frozenset[str]:
    """The types that the rules let these roles read or find."""
    return frozenset(name for role in roles for name, letters in letters_of(role).items() if letters & set("rs"))
