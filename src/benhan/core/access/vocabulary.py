"""The words in which `rules/` is written: letters, purposes, lifts, labels, and what a rule says."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from benhan.core.access.acting import Part


class Interaction(StrEnum):
    """One letter of a rule."""

    CREATE = "c"
    READ = "r"
    UPDATE = "u"
    DELETE = "d"
    SEARCH = "s"
    PRINT = "p"
    EXPORT = "x"
    SHARE = "h"


class Purpose(StrEnum):
    """What it is done for. Codes: HL7 v3-PurposeOfUse."""

    TREATMENT = "TREAT"
    PAYMENT = "HPAYMT"
    OPERATIONS = "HOPERAT"
    ADMINISTRATION = "PATADMIN"
    PUBLIC_HEALTH = "PUBHLTH"
    PATIENT = "PATRQT"
    SYSTEM = "HSYSADMIN"


class Lift(StrEnum):
    """What opens a record that a rule denies."""

    #: She herself takes part in the patient's care, now or within CARE_DAYS (`Guard.mine`).
    MY_CARE = "my-care"
    #: Her department does, or she herself.
    DEPARTMENT_CARE = "department-care"
    #: She broke the glass for this patient (`BREAKING` says who may, and what it opens).
    BREAK_GLASS = "break-glass"
    #: A consent of the patient in force names the caller (or her department, the program) and every label of the
    #: record that the rule is about (`consents.py`).
    CONSENT = "consent"
    #: The administrator gave the program the scope `labelled/read`.
    SCOPE = "scope"
    #: The relation in which she acts for the patient includes labelled records.
    RELATION = "relation"
    #: Her practice licence holds, or her facility asks for none.
    LICENCE = "licence"
    #: It is the record of the one person she is or acts for, also through a program that comes for her.
    OWN_RECORD = "own-record"


class State(StrEnum):
    """The state of a record, by its visit. A rule names CLOSED or ARCHIVED as it names labels; no record carries them.

    Source: Luật KCB 15/2023 Đ69k3 (while treated), Đ69k4 (archived); TT 13/2025/TT-BYT (signed: only added to).
    """

    TREATED = "TREATED"
    #: Its visit is finished and signed, or it is signed itself. Asked where something is changed or deleted.
    CLOSED = "CLOSED"
    #: The record file of its visit was handed to the archive (`core/store/archive.py`).
    ARCHIVED = "ARCHIVED"


#: So many hours a broken glass holds at most.
GLASS_HOURS: Final = 4
#: So many days after its end a visit, an appointment, an order or a task still makes a care relation.
CARE_DAYS: Final = 30
#: An appointment makes one from so many days before.
CARE_DAYS_BEFORE: Final = 1
#: Stands for every type; in a rule that denies, for every one that may speak of a patient.
EVERY_TYPE: Final = "*"
#: Types that speak of no patient: no label closes them.
IMPERSONAL: Final = frozenset(
    [
        "CapabilityStatement",
        "ChargeItemDefinition",
        "CodeSystem",
        "ConceptMap",
        "HealthcareService",
        "Location",
        "Medication",
        "NamingSystem",
        "OperationDefinition",
        "Organization",
        "PlanDefinition",
        "Practitioner",
        "PractitionerRole",
        "Questionnaire",
        "Schedule",
        "SearchParameter",
        "Slot",
        "StructureDefinition",
        "Subscription",
        "ValueSet",
    ]
)

#: Labels of `meta.security`. HL7 v3-Confidentiality R (restricted) and V (very restricted); v3-ActCode for what it is
#: about: HIV, mental health, substance abuse, sexual and reproductive health, sexual assault and domestic violence, a
#: minor's own affairs.
SENSITIVE: Final = "R HIV PSY ETH SUD STD SEX SDV ADOL"
VERY_RESTRICTED: Final = "V"
#: On a Patient: somebody who works here, somebody everybody knows.
PERSONS_KNOWN_HERE: Final = "EMP CEL"
#: On a Patient who asked that her record is used for care alone (v3-ActCode, RefrainPolicy: no reuse).
RESTRICTED: Final = "NOREUSE"


class Default(msgspec.Struct, frozen=True, kw_only=True):
    """A use of records that the law allows without the patient's consent, and the rules that rest on it.

    `rules`: none where the program does not do it yet.
    """

    name: str
    rules: str
    law: str
    vi: str
    en: str


class Allow(msgspec.Struct, frozen=True, kw_only=True):
    """Gives a role letters on types; `own`: only in the compartment of the one person she is or stands for.

    `part`: only to who acts for a patient in a relation that includes this part of the record.
    """

    name: str
    roles: str
    may: str
    types: str
    purpose: Purpose
    law: str
    vi: str
    en: str
    own: bool = False
    part: Part | None = None


class Deny(msgspec.Struct, frozen=True, kw_only=True):
    """Takes letters on records that carry one of these labels (none: on all) from roles, unless something lifts it."""

    name: str
    roles: str
    may_not: str
    types: str
    labels: str = ""
    unless: tuple[Lift, ...]
    law: str
    vi: str
    en: str


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """Lets roles break the glass for one patient: for these letters it lifts the rules that name it, for no other."""

    name: str
    roles: str
    may: str
    law: str
    vi: str
    en: str
