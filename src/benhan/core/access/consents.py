"""Consent of a patient: for what it is asked, in which words, who may give it, and what it opens. Pure.

A consent is kept as a FHIR Consent, written by `core/store/consents.py` alone. What it opens becomes index rows of that
record (`store/rows.py`), of which `guarded` in PostgreSQL answers `Lift.CONSENT`: one for `Purpose.LABELLED` opens to
the people, departments and programs it names the records with the labels it names, while it is in force. It widens
nothing: it lifts rules that deny, and gives no letter to any role.

Source: Luật 91/2025/QH15 and NĐ 356/2025 (per purpose, not ticked before, says that the data are sensitive, provable:
who, when, version, channel; withdrawn at any time); FHIR R4 Consent.
"""

from __future__ import annotations

import tomllib
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

import msgspec

from benhan.core.access.labels import OPENABLE, SYSTEMS
from benhan.core.fhir import r4, systems
from benhan.core.fhir.moments import LATEST, Range, moment_range
from benhan.core.fhir.outcome import Malformed
from benhan.core.kit.clock import vn_date

#: Younger than the first a representative consents, from then to the second both do. Source: Luật 91/2025/QH15.
WITH_REPRESENTATIVE, ALONE = 7, 18
#: The identifier by which a consent names a program: the account it comes as.
PROGRAM: Final = f"{systems.BENHAN}/sid/program"


class Purpose(StrEnum):
    """For what a consent is asked. What needs none stands in `rules.NO_CONSENT_NEEDED`."""

    LABELLED = "labelled"
    FACILITIES = "facilities"
    RESEARCH = "research"
    CONTACT = "contact"
    REMOTE = "remote"


class Channel(StrEnum):
    """How a consent was given or withdrawn."""

    PERSONAL_PAGE = "personal-page"
    DESK = "desk"


class Giver(StrEnum):
    """Who gives a consent."""

    PATIENT = "patient"
    REPRESENTATIVE = "representative"
    BOTH = "both"


class Wording(msgspec.Struct, frozen=True):
    """A version of the text of a purpose. Versions that were shown are never changed: a new one is added."""

    purpose: Purpose
    version: date
    law: str
    vi_title: str
    vi: str
    en_title: str
    en: str

    def title(self, language: str) -> str:
        """What the purpose is called."""
        return self.en_title if language == "en" else self.vi_title

    def said(self, language: str, **named: str) -> str:
        """The text as it is shown: `facility`, `recipient`, `labels`, `until` filled in."""
        text = self.en if language == "en" else self.vi
        day = self.version.isoformat() if language == "en" else vn_date(self.version)
        return f"{self.title(language)}\n\n{text.strip().format(**named)}\n\n({self.law}; {day})"

    @property
    def uri(self) -> str:
        """The canonical of the text, as a Consent names it."""
        return f"{systems.BENHAN}/consent-text/{self.purpose}|{self.version.isoformat()}"


class Opened(msgspec.Struct, frozen=True):
    """What a consent opens: to whom, records with which labels, from when to when."""

    recipients: tuple[str, ...]
    labels: tuple[str, ...]
    since: datetime
    until: datetime


@cache
def wordings() -> tuple[Wording, ...]:
    """Every version of every text, the newest of a purpose last."""
    text = (files("benhan.core.access") / "consent_texts.toml").read_text("utf-8")
    found = msgspec.convert(tomllib.loads(text)["text"], list[Wording])
    return tuple(sorted(found, key=lambda one: one.version))


def wording(purpose: Purpose, on: date) -> Wording:
    """The text of a purpose that holds on a day."""
    return [one for one in wordings() if one.purpose == purpose and one.version <= on][-1]


def proof_of(text: str) -> str:
    """SHA-256 of the text as it was shown, in UTF-8, as 64 hexadecimal digits."""
    return sha256(text.encode()).hexdigest()


def who_gives(age: int) -> Giver:
    """Who has to give a consent for somebody of this age, in whole years."""
    if age < WITH_REPRESENTATIVE:
        return Giver.REPRESENTATIVE
    return Giver.BOTH if age < ALONE else Giver.PATIENT


def purpose_of(consent: r4.Consent) -> Purpose | None:
    """For what a consent was given; None: one of another house's."""
    codes = [
        one.code for category in consent.category for one in category.coding or () if one.system == systems.CONSENT
    ]
    return Purpose(codes[0]) if codes and codes[0] in set(Purpose) else None


def in_force(consent: r4.Consent, at: datetime) -> bool:
    """Whether it holds at a moment: not withdrawn, begun, not over."""
    found = _between(consent.provision.period) if consent.provision else None
    return consent.status == "active" and found is not None and found[0] <= at < found[1]


def opened_by(consent: r4.Consent) -> Opened | None:
    """What a consent opens; None where it opens nothing: withdrawn, for another purpose, or said otherwise than we do.

    Conditions that we do not read (classes, codes, single data, exceptions) make it open nothing: never more than said.
    """
    rule = consent.provision
    if purpose_of(consent) is not Purpose.LABELLED or consent.status != "active" or rule is None:
        return None
    if rule.type != "permit" or (time := _between(rule.period)) is None:
        return None
    if rule.provision or rule.class_ or rule.code or rule.data or rule.dataPeriod or rule.action or rule.purpose:
        return None
    recipients = tuple(name for actor in rule.actor or () if (name := _recipient(actor.reference)))
    known = (*SYSTEMS, systems.RECORD_STATE)
    labels = {one.code for one in rule.securityLabel or () if one.system in known and one.code in OPENABLE}
    if not recipients or not labels or time[1] <= time[0]:
        return None
    return Opened(recipients, tuple(sorted(code for code in labels if code)), *time)


def _recipient(reference: r4.Reference) -> str | None:
    """A person or department by its reference, a program by its account."""
    if reference.identifier and reference.identifier.system == PROGRAM:
        return reference.identifier.value
    return reference.reference


def _between(period: r4.Period | None) -> Range | None:
    """From when to when; None where no beginning is said. A day at the end is part of it."""
    if period is None or not period.start:
        return None
    try:
        since = moment_range(period.start)[0]
        return since, moment_range(period.end)[1] if period.end else LATEST
    except Malformed:
        return None
