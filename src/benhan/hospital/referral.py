"""Papers of elsewhere that a patient sends with her booking: a referral, an appointment slip, as photos.

A photo is a Media that carries the code of the booking; its bytes are a Binary that nobody opens but through it. The
desk and whoever examines see them; they are the patient's word, checked against the paper at the desk. The desk reads
no other Media: to it the booking's service shows them, in its name.
"""

from __future__ import annotations

import base64
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Permission, Role, Subject
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import NotFound
from benhan.core.kit import clock
from benhan.core.store.records import version_of
from benhan.hospital.visit import id_of, identifier, stamp

PATH: Final = "/giay-chuyen"
_PHOTO: Final = r4.CodeableConcept(
    coding=[r4.Coding(system="http://terminology.hl7.org/CodeSystem/media-type", code="image", display="Image")]
)


async def of_booking(tx: Transaction, who: Subject, booking: str) -> list[r4.Media]:
    """The photos of a booking (its code), in the order in which they came."""
    asked = {"identifier": f"{systems.OF_BOOKING}|{booking}", "status": "completed", "_count": "20"}
    return (await store.search(tx, _reader(who), r4.Media, asked)).resources[::-1]


async def keep(tx: Transaction, who: Subject, booking: r4.Appointment, code: str, picture: bytes) -> r4.Media:
    """Keep one photo, bare of what it tells beside the picture (`kit/pictures.py`)."""
    data = base64.b64encode(picture).decode()
    body = await store.create(tx, who, r4.Binary(contentType="image/jpeg", data=data))
    patient = next((one.actor for one in booking.participant if _is_patient(one.actor)), None)
    return await store.create(tx, who, r4.Media(
        status="completed", type=_PHOTO, subject=patient, createdDateTime=stamp(clock.now()),
        identifier=[r4.Identifier(system=systems.OF_BOOKING, value=code)], partOf=[store.reference(booking)],
        content=r4.Attachment(contentType="image/jpeg", url=f"Binary/{body.id}", size=len(picture)),
    ))  # fmt: skip


async def picture(tx: Transaction, who: Subject, id_: str) -> bytes:
    """The bytes of a photo, for who may read it and its patient.

    Raises:
        NotFound, Forbidden.
    """
    found = await store.read(tx, _reader(who), r4.Media, id_)
    if not identifier(found, systems.OF_BOOKING) or not (found.content.url or "").startswith("Binary/"):
        raise NotFound(f"Media/{id_}")
    if found.subject:
        await store.read(tx, who, r4.Patient, id_of(found.subject) or "")
    elif not who.may(Permission.RECEIVE):  # of a guest who has not come: the desk alone
        raise NotFound(f"Media/{id_}")
    body = id_of(r4.Reference(reference=found.content.url)) or ""
    kept = await store.read(tx, in_name_of(who, Role.BOOKING_SERVICE), r4.Binary, body)
    return base64.b64decode(kept.data or "")


async def belong(tx: Transaction, who: Subject, booking: str, patient: r4.Reference | None) -> None:
    """The guest of a booking (its code) has a record now, and her photos stand in it; None: she has none after all."""
    behind = in_name_of(who, Role.BOOKING_SERVICE)
    for one in await of_booking(tx, behind, booking):
        if id_of(one.subject) != id_of(patient):
            moved = msgspec.structs.replace(one, subject=patient)
            await store.update(tx, behind, moved, if_match=version_of(one))


def _reader(who: Subject) -> Subject:
    return in_name_of(who, Role.BOOKING_SERVICE) if who.may(Permission.RECEIVE) else who


def _is_patient(actor: r4.Reference | None) -> bool:
    return bool(actor and (actor.reference or "").startswith("Patient/"))
