"""What a consent says, and what it opens: never more than it says."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from benhan.core.access.consents import (
    Giver,
    Purpose,
    in_force,
    opened_by,
    proof_of,
    purpose_of,
    who_gives,
    wording,
    wordings,
)
from benhan.core.fhir import r4, systems
from benhan.core.store.rows import CONSENTED, rows_of
from tests.core.access.reference_policy import Consent
from tests.core.store.guarded import consent

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
DAY = timedelta(days=1)
#: The last second of a period is part of it.
SECOND = timedelta(seconds=1)
PLAIN = Consent("a", frozenset(["Practitioner/b1"]), frozenset(["HIV", "PSY"]), NOW - DAY, NOW + DAY)
NAMES = {"facility": "Bệnh viện A", "recipient": "Bác sĩ B", "labels": "HIV", "until": "đến khi rút"}


@pytest.mark.parametrize("purpose", list(Purpose))
@pytest.mark.parametrize("language", ["vi", "en"])
def test_every_text_says_that_the_data_are_sensitive_and_that_it_can_be_withdrawn(
    purpose: Purpose, language: str
) -> None:
    said = wording(purpose, date(2026, 11, 22)).said(language, **NAMES)
    assert (
        ("nhạy cảm" in said and "rút lại" in said) if language == "vi" else ("sensitive" in said and "withdraw" in said)
    )
    assert "Bệnh viện A" in said and "Luật 91/2025/QH15" in said and "{" not in said
    assert said.endswith("; 22/11/2026)" if language == "vi" else "; 2026-11-22)")


def test_a_version_that_was_shown_is_never_changed() -> None:
    """Whoever edits a text writes a new version; the hashes of the old ones stand here."""
    hashes = {f"{one.purpose} {one.version}": proof_of(msgspec.json.encode(one).decode())[:16] for one in wordings()}
    assert hashes == {
        "labelled 2026-11-22": "eafdeaf0cd8c2e2a",
        "facilities 2026-11-22": "5c9c384833f1fa09",
        "remote 2026-11-22": "45a4478a7d78bf1d",
        "research 2026-11-22": "d68cd21e65ff70d1",
        "contact 2026-11-22": "a8f70f2b0d088c2a",
    }


def test_the_text_of_a_day_is_the_newest_of_that_day() -> None:
    with pytest.raises(IndexError):
        wording(Purpose.RESEARCH, date(2026, 11, 21))
    assert wording(Purpose.RESEARCH, date(2030, 1, 1)).version == date(2026, 11, 22)


@pytest.mark.parametrize(
    ("age", "giver"),
    [(0, "representative"), (6, "representative"), (7, "both"), (17, "both"), (18, "patient"), (90, "patient")],
)
def test_who_gives_it_at_which_age(age: int, giver: str) -> None:
    assert who_gives(age) is Giver(giver)


def test_it_opens_to_whom_it_names_the_labels_it_names_while_it_holds() -> None:
    found = opened_by(consent(PLAIN, "x"))
    assert found is not None
    assert (found.recipients, found.labels) == (("Practitioner/b1",), ("HIV", "PSY"))
    assert (found.since, found.until) == (NOW - DAY, NOW + DAY + SECOND)
    rows = rows_of(consent(PLAIN, "x"))
    assert [(word, whole) for param, word, whole in rows.words if param == CONSENTED] == [
        ("a", "HIV Practitioner/b1"), ("a", "PSY Practitioner/b1")
    ]  # fmt: skip
    assert (CONSENTED, NOW - DAY, NOW + DAY + SECOND) in rows.spans


def _without(**parts: object) -> r4.Consent:
    one = consent(PLAIN, "x")
    assert one.provision
    return msgspec.structs.replace(one, provision=msgspec.structs.replace(one.provision, **parts))


@pytest.mark.parametrize(
    "one",
    [
        consent(msgspec.structs.replace(PLAIN, withdrawn=True), "x"),
        consent(msgspec.structs.replace(PLAIN, labels=frozenset()), "x"),
        consent(msgspec.structs.replace(PLAIN, labels=frozenset(["SECRET"])), "x"),
        consent(msgspec.structs.replace(PLAIN, recipients=frozenset()), "x"),
        consent(msgspec.structs.replace(PLAIN, ends=PLAIN.begins - DAY), "x"),
        _without(type="deny"), _without(type=None), _without(period=None), _without(period=r4.Period(end="2027-01-01")),
        _without(provision=[r4.ConsentProvision(type="deny")]), _without(class_=[r4.Coding(code="Observation")]),
        _without(code=[r4.CodeableConcept(text="x")]), _without(dataPeriod=r4.Period(start="2026-01-01")),
        _without(purpose=[r4.Coding(code="HRESCH")]), _without(action=[r4.CodeableConcept(text="collect")]),
        msgspec.structs.replace(consent(PLAIN, "x"), category=[r4.CodeableConcept(text="labelled")]),
        msgspec.structs.replace(
            consent(PLAIN, "x"),
            category=[r4.CodeableConcept(coding=[r4.Coding(system=systems.CONSENT, code="research")])],
        ),
        msgspec.structs.replace(consent(PLAIN, "x"), provision=None),
    ],
)  # fmt: skip
def test_what_is_withdrawn_narrower_or_of_another_kind_opens_nothing(one: r4.Consent) -> None:
    assert opened_by(one) is None
    assert not [row for row in rows_of(one).words if row[0] == CONSENTED]


def test_it_holds_from_its_first_moment_to_before_its_last() -> None:
    one = consent(PLAIN, "x")
    assert [in_force(one, NOW + n * DAY) for n in (-2, -1, 0, 1, 2)] == [False, True, True, True, False]
    assert not in_force(consent(msgspec.structs.replace(PLAIN, withdrawn=True), "x"), NOW)
    assert purpose_of(one) is Purpose.LABELLED
    day = _without(period=r4.Period(start="2026-11-01", end="2026-11-22"))
    assert in_force(day, datetime(2026, 11, 22, 16, 59, tzinfo=UTC)), "the last day is part of it"
    assert not in_force(day, datetime(2026, 11, 22, 17, 0, tzinfo=UTC))
