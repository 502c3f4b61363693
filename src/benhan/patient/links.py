"""Making a personal link, and opening it with the birth date."""

from __future__ import annotations

from datetime import date

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.personal_links import create_link, holder, open_with_birth_date
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Invalid
from benhan.core.language import _

ROOT = "/nguoi-benh"


async def personal_link(tx: Transaction, who: Subject, patient: str, base: str) -> tuple[r4.Patient, str]:
    """A new link to a patient's record, and the patient; `base` is the address of this server.

    Raises:
        Forbidden, NotFound, Gone: not a patient of whom `who` may know; Invalid: her birth date is not known.
    """
    person = await store.read(tx, who, r4.Patient, patient)
    if not person.birthDate:
        raise Invalid(
            _("Hồ sơ chưa có ngày sinh nên liên kết không mở được."),
            where="Patient.birthDate",
            advice=_("Ghi ngày sinh (hoặc năm sinh) rồi làm lại."),
        )
    token = await create_link(tx, who, patient)
    return person, f"{base.rstrip('/')}{ROOT}/{token}"


async def enter(tx: Transaction, token: str, given: date) -> str | None:
    """Open a session with a link and a birth date; gives its token, None where the date is wrong.

    Raises:
        NotFound: the link does not exist (any more); Forbidden: too many wrong dates.
    """
    facility, patient = await holder(tx, token)
    door = Subject(
        account="service:personal-link", name="", facility=facility, facility_name="",
        roles=frozenset({Role.PATIENT}), patient=patient,
    )  # fmt: skip
    person = await store.read(tx, door, r4.Patient, patient)
    return await open_with_birth_date(tx, token, given, person.birthDate)


async def facility_of(tx: Transaction, token: str) -> str:
    """The name of the facility whose link this is.

    Raises:
        NotFound, Forbidden: as `enter`.
    """
    facility, _patient = await holder(tx, token)
    name: str = await tx.fetchval("select name from facility where key = $1", facility)
    return name
