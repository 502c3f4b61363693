"""The rules about records: checked when the program starts, and decided as plain reading of them decides."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from benhan.core.access import Interaction, Role, Subject, decide, may
from benhan.core.access.acting import Kind, Part, Relation
from benhan.core.access.labels import LABELS, OPENABLE, STATES, WHOLE_RECORD, labels_of
from benhan.core.access.policy import Decision, Facts, InvalidRule, Policy, breaking, judge
from benhan.core.access.roles import PERMISSIONS, Permission
from benhan.core.access.rules import ALLOWED, BREAKING, DENIED, NO_CONSENT_NEEDED
from benhan.core.access.scopes import parse, parse_scopes
from benhan.core.access.vocabulary import Allow, Break, Deny, Lift, Purpose
from benhan.core.fhir import r4
from tests.core.access import reference_policy as reference
from tools import policy_table

NOW = datetime(2026, 11, 22, tzinfo=UTC)
TYPES = (
    "Patient", "Observation", "Condition", "Encounter", "Task", "MedicationRequest", "ServiceRequest", "Composition",
    "Consent", "Location", "Medication", "Appointment", "AllergyIntolerance", "Provenance", "Group",
)  # fmt: skip
#: In an order of their own, made once: what stands in a set has none to choose from.
EVERYBODY = [one for one in Role if one is not Role.CLIENT]
EVERY_LETTER, EVERY_PART, EVERY_KIND, EVERY_PURPOSE = list(Interaction), list(Part), list(Kind), list(map(str, Purpose))
EVERY_LABEL, EVERY_MARK, EVERY_OPENABLE = sorted(LABELS), sorted(LABELS | STATES), sorted(OPENABLE)
SCOPES = ("system/*.rs", "system/Observation.cruds", "system/*.cruds labelled/read", "system/Patient.r", "bulk/import")


def anybody(chance: random.Random) -> Subject:
    """Somebody with one role or two, here or there, for this purpose or any."""
    client = chance.random() < 0.1
    roles = {Role.CLIENT} if client else set(chance.sample(EVERYBODY, chance.choice([1, 1, 2])))
    return Subject(
        account="x", name="", facility=1, facility_name="", roles=frozenset(roles),
        practitioner=chance.choice([None, "p1", "p2"]), patient=chance.choice([None, "a", "b"]),
        departments=frozenset(chance.sample(["d1", "d2"], chance.choice([0, 0, 1, 2]))),
        scopes=parse_scopes(chance.choice(SCOPES)) if client else (),
        purposes=frozenset(chance.sample(EVERY_PURPOSE, 2)) if chance.random() < 0.1 else frozenset(),
        relation=relation_of(chance) if Role.RELATIVE in roles else None,
        licence=chance.random() < 0.8, broken_glass=frozenset(["a"]) if chance.random() < 0.1 else frozenset(),
    )  # fmt: skip


def relation_of(chance: random.Random) -> Relation:
    """In which somebody acts, and how far."""
    parts = frozenset(chance.sample(EVERY_PART, chance.choice([1, 1, 2])))
    return Relation("r", chance.choice(EVERY_KIND), parts, chance.random() < 0.5)


def care_of(chance: random.Random, who: Subject) -> tuple[list[reference.Care], bool, bool]:
    """Whether she, or her department, cares for the patient `a`; as records of care and as facts."""
    mine, department = chance.random() < 0.3, chance.random() < 0.3
    names = {f"Practitioner/{who.practitioner}"} if mine and who.practitioner else set()
    names |= {f"Organization/{one}" for one in who.departments} if department else set()
    care = [reference.Care("a", frozenset(names), NOW, NOW)]
    return care, mine and bool(who.practitioner), department and bool(who.departments)


def consent_of(chance: random.Random, who: Subject) -> tuple[list[reference.Consent], frozenset[str]]:
    """A consent of the patient `a` that names her or not, and holds or not; as a record and as facts."""
    labels = frozenset(chance.sample(EVERY_OPENABLE, chance.choice([1, 3, 9])))
    names = [f"Practitioner/{who.practitioner}", *(f"Organization/{one}" for one in who.departments)]
    names += [who.account] if Role.CLIENT in who.roles else []
    hers = chance.random() < 0.3 and (who.practitioner is not None or names[0] != names[-1])
    begins, ends = chance.choice([(-1, 1), (-1, 1), (-2, 0), (1, 2)])
    one = reference.Consent(
        "a", frozenset([names[-1]] if hers else ["Practitioner/p9"]), labels,
        NOW + timedelta(days=begins), NOW + timedelta(days=ends), chance.random() < 0.2,
    )  # fmt: skip
    in_force = hers and (begins, ends) == (-1, 1) and not one.withdrawn
    return [one], labels if in_force else frozenset()


def test_the_engine_decides_as_the_rules_read_in_100_000_cases() -> None:
    chance = random.Random(20261122)
    seen: set[bool] = set()
    for _ in range(100_000):
        who, letter, name = anybody(chance), chance.choice(EVERY_LETTER), chance.choice(TYPES)
        labels = frozenset(chance.sample(EVERY_MARK, chance.choice([0, 0, 1, 2])))
        wide = frozenset(chance.sample(EVERY_LABEL, chance.choice([0, 0, 0, 1])))
        patient = chance.choice(["a", "a", "b", None])
        care, mine, department = care_of(chance, who)
        consents, agreed = consent_of(chance, who)
        facts = Facts(
            patient=patient, labels=labels | {WHOLE_RECORD + one for one in wide},
            consent=agreed if patient == "a" else frozenset(),
            my_care=mine and patient == "a", department_care=department and patient == "a",
        )  # fmt: skip
        if letter is Interaction.EXPORT and Role.CLIENT in who.roles:
            continue  # what the bulk scopes grant beside their letters: test_a_program_exports_by_its_bulk_scope
        said, rule = judge(decide(who, letter, name), facts)
        case = reference.Case(name, patient, labels, wide)
        assert said is reference.may(who, letter, case, care, {}, NOW, consents), (who, letter, case, rule)
        seen.add(said)
    assert seen == {True, False}


def test_a_program_exports_by_its_bulk_scope() -> None:
    who = Subject(
        account="client:x", name="", facility=1, facility_name="", roles=frozenset({Role.CLIENT}),
        scopes=parse_scopes("system/Observation.rs bulk/export"),
    )  # fmt: skip
    assert decide(who, Interaction.EXPORT, "Observation").allowed
    bare = msgspec.structs.replace(who, scopes=parse_scopes("system/Observation.rs"))
    assert not decide(bare, Interaction.EXPORT, "Observation").allowed


@pytest.mark.parametrize("role", [Role.DOCTOR, Role.PATIENT])
def test_a_program_that_comes_for_somebody_meets_labelled_records_by_their_scope_alone(role: Role) -> None:
    """Her care for the patient, or that it is her own record, opens them to her; not to what she lets in."""
    who = Subject(
        account="x", name="", facility=1, facility_name="", roles=frozenset({role}), practitioner="p1", patient="a",
        program="máy", scopes=parse("user/*.rs"),
    )  # fmt: skip
    facts = Facts(patient="a", labels=frozenset({"HIV"}), my_care=True)
    assert judge(decide(who, Interaction.READ, "Observation"), facts) == (False, "labelled-to-programs")
    assert judge(decide(who, Interaction.READ, "Observation"), Facts(patient="a"))[0]
    given = msgspec.structs.replace(who, scopes=parse("user/*.rs labelled/read"))
    assert judge(decide(given, Interaction.READ, "Observation"), facts)[0]
    elsewhere = msgspec.structs.replace(facts, patient="b", my_care=False)
    assert not judge(decide(given, Interaction.READ, "Observation"), elsewhere)[0]
    alone = msgspec.structs.replace(who, scopes=(), program=None)
    assert judge(decide(alone, Interaction.READ, "Observation"), facts)[0]


GOOD = Allow(
    name="x", roles="doctor", may="r", types="Patient", purpose=Purpose.TREATMENT, law="Luật", vi="Có.", en="Yes."
)
BAR = Deny(
    name="y",
    roles="doctor",
    may_not="r",
    types="*",
    labels="R",
    unless=(Lift.MY_CARE,),
    law="Luật",
    vi="Không.",
    en="No.",
)

GLASS = Break(name="z", roles="doctor", may="r", law="Luật", vi="Mở.", en="Open.")


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        (GOOD, {"roles": "docter"}), (GOOD, {"roles": ""}), (GOOD, {"may": "z"}), (GOOD, {"may": ""}),
        (GOOD, {"types": "Patiant"}), (GOOD, {"types": ""}), (GOOD, {"law": " "}), (GOOD, {"vi": ""}),
        (GOOD, {"en": ""}), (GOOD, {"name": ""}), (BAR, {"labels": "SECRET"}), (BAR, {"may_not": "rq"}),
        (BAR, {"unless": ("sometimes",)}), (BAR, {"labels": ""}), (BAR, {"types": "Everything"}),
        (BAR, {"roles": "everybody"}), (BAR, {"name": "x"}), (GLASS, {"roles": "everybody"}), (GLASS, {"may": ""}),
        (GLASS, {"law": ""}), (GLASS, {"name": "y"}), (BAR, {"labels": "CLOSED", "may_not": "u"}),
        (BAR, {"labels": "CLOSED", "unless": ()}), (BAR, {"labels": "CLOSED R", "may_not": "u", "unless": ()}),
        (BAR, {"labels": "TREATED"}),
    ],
)  # fmt: skip
def test_an_invalid_rule_stops_the_program(rule: Allow | Deny | Break, change: dict[str, object]) -> None:
    bad = msgspec.structs.replace(rule, **change)
    given: list[Allow | Deny | Break] = [GOOD, BAR, GLASS] if "name" in change else [GOOD]
    allowed, denied, breaks = ([one for one in [*given, bad] if isinstance(one, kind)] for kind in (Allow, Deny, Break))
    with pytest.raises(InvalidRule):
        Policy(allowed, denied, breaks)  # type: ignore[arg-type]
    Policy([GOOD], [BAR], [GLASS])


def test_deny_wins_over_every_rule_that_allows_whatever_other_roles_she_has() -> None:
    both = Subject(
        account="x", name="", facility=1, facility_name="", roles=frozenset({Role.DOCTOR, Role.RECEPTION}),
        practitioner="p1",
    )  # fmt: skip
    facts = Facts(patient="a", labels=frozenset({"*EMP"}))
    assert not judge(decide(both, Interaction.READ, "Patient"), facts)[0]
    said, rule = judge(decide(both, Interaction.READ, "Patient"), msgspec.structs.replace(facts, my_care=True))
    assert (said, rule) == (True, "reception-registers; colleague-as-patient lifted by department-care")


def test_the_rule_that_closes_is_named() -> None:
    who = Subject(account="x", name="", facility=1, facility_name="", roles=frozenset({Role.NURSE}))
    facts = Facts(patient="a", labels=frozenset({"HIV"}), department_care=True)
    assert judge(decide(who, Interaction.READ, "Condition"), facts)[0]
    very = msgspec.structs.replace(facts, labels=frozenset({"V"}))
    assert judge(decide(who, Interaction.READ, "Condition"), very) == (False, "very-restricted")


#: Roles that no rule about labels names: the program's own services, and reception but for some types.
UNASKED = frozenset({
    Role.RECEPTION, Role.FINDER_SERVICE, Role.RIGHTS_SERVICE, Role.FIGURES_SERVICE, Role.ARRIVAL_SERVICE, Role.LOADER,
    Role.TELLING_SERVICE, Role.WARD_SERVICE,
})  # fmt: skip


@pytest.mark.parametrize("role", list(Role))
def test_a_broken_glass_opens_to_read_and_write_and_copies_nothing(role: Role) -> None:
    facts = Facts(patient="a", labels=frozenset({"HIV"}))
    who = Subject(
        account="x", name="", facility=1, facility_name="", roles=frozenset({role}), broken_glass=frozenset({"a"})
    )
    opened = {one for one in Interaction if judge(decide(who, one, "Encounter"), facts)[0]}
    assert role is Role.LOADER or not opened & set("pxh")
    if role not in UNASKED:
        assert bool(opened) is (role in (Role.DOCTOR, Role.NURSE))
        other = msgspec.structs.replace(facts, patient="b")
        assert not any(judge(decide(who, Interaction(one), "Encounter"), other)[0] for one in "rsu")


def test_who_may_break_the_glass_is_whom_the_door_lets_in_and_never_a_program() -> None:
    may = {role for role in Role if Permission.BREAK_GLASS in PERMISSIONS[role]}
    assert may == {Role(name) for rule in BREAKING for name in rule.roles.split()}
    for role in Role:
        who = Subject(account="x", name="", facility=1, facility_name="", roles=frozenset({role}))
        assert (breaking(who) is not None) is (role in may)
        assert breaking(msgspec.structs.replace(who, program="phần mềm")) is None


def test_nothing_pretends_that_there_is_consent_or_a_broken_glass() -> None:
    assert Facts().consent == frozenset()
    assert Subject(account="x", name="", facility=1, facility_name="", roles=frozenset()).broken_glass == frozenset()


def test_a_consent_lifts_a_rule_that_names_every_label_the_rule_is_about() -> None:
    who = Subject(account="x", name="", facility=1, facility_name="", roles=frozenset({Role.NURSE}))
    decision = decide(who, Interaction.READ, "Condition")
    facts = Facts(patient="a", labels=frozenset({"HIV", "PSY", "*EMP"}), consent=frozenset({"HIV", "EMP"}))
    assert judge(decision, facts) == (False, "sensitive-outside-care")
    both = msgspec.structs.replace(facts, consent=frozenset({"HIV", "EMP", "PSY"}))
    assert judge(decision, both)[0]
    assert not judge(decide(who, Interaction.UPDATE, "Condition"), both)[0], "it gives no letter to a role"


def test_a_use_without_consent_rests_on_rules_that_exist() -> None:
    known = {one.name for one in ALLOWED}
    for one in NO_CONSENT_NEEDED:
        assert set(one.rules.split()) <= known and one.law and one.vi and one.en
    with pytest.raises(InvalidRule):
        Policy(ALLOWED, DENIED, BREAKING, [msgspec.structs.replace(NO_CONSENT_NEEDED[0], rules="doctor-reads-all")])


@pytest.mark.parametrize("scopes", ["system/*.cruds labelled/read", "system/Consent.cud bulk/import"])
def test_no_program_writes_a_consent(scopes: str) -> None:
    who = Subject(
        account="client:x", name="", facility=1, facility_name="", roles=frozenset({Role.CLIENT}),
        scopes=parse_scopes(scopes),
    )  # fmt: skip
    for letter in (Interaction.CREATE, Interaction.UPDATE, Interaction.DELETE):
        assert decide(who, letter, "Consent") == Decision(False, "consent-not-by-programs")
    for role in set(Role) - {Role.RIGHTS_SERVICE, Role.LOADER}:
        person = msgspec.structs.replace(who, roles=frozenset({role}), scopes=())
        assert not decide(person, Interaction.CREATE, "Consent").allowed, role


def test_without_a_licence_a_doctor_writes_no_diagnosis_where_one_is_asked_for() -> None:
    who = Subject(account="x", name="", facility=1, facility_name="", roles=frozenset({Role.DOCTOR}), licence=False)
    assert decide(who, Interaction.CREATE, "MedicationRequest") == Decision(False, "licence-needed")
    assert decide(who, Interaction.READ, "MedicationRequest").allowed
    assert may(msgspec.structs.replace(who, licence=True), Interaction.CREATE, "MedicationRequest")


@pytest.mark.parametrize("role", [one for one in Role if one is not Role.LOADER])
def test_reading_is_not_copying(role: Role) -> None:
    """Who may read everything of a type has not got the right to copy it for that."""
    for rule in ALLOWED:
        assert not (set("px") & set(rule.may) and set("rs") & set(rule.may)), rule.name
    assert not may(
        Subject(account="x", name="", facility=1, facility_name="", roles=frozenset({role})),
        Interaction.EXPORT,
        "Observation",
    )


def test_labels_are_read_from_the_systems_of_hl7_and_from_none() -> None:
    def labelled(system: str | None, code: str) -> tuple[str, ...]:
        return labels_of(
            r4.Condition(subject=r4.Reference(), meta=r4.Meta(security=[r4.Coding(system=system, code=code)]))
        )

    assert labelled("http://terminology.hl7.org/CodeSystem/v3-ActCode", "HIV") == ("HIV",)
    assert labelled("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "V") == ("V",)
    assert labelled(None, "R") == ("R",)
    assert labelled("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "N") == ()
    assert labelled("http://example.org/colours", "R") == ()
    assert labels_of(r4.Patient(meta=r4.Meta(security=[r4.Coding(code="EMP")]))) == ("*EMP",)
    assert labels_of(r4.Patient()) == ()


def test_every_rule_has_a_name_of_its_own_and_says_its_law() -> None:
    laws = [rule.law for rule in (*ALLOWED, *DENIED, *BREAKING)]
    assert all(any(mark in law for mark in ("Đ", "QĐ", "TT", "Luật")) for law in laws)


def test_the_table_in_the_documents_is_the_rules() -> None:
    page = policy_table.PAGE.read_text("utf-8")
    assert page == policy_table.written(page), "python tools/policy_table.py"
