"""What is signed cannot be changed through any door of the store."""

from __future__ import annotations

import msgspec
import pytest

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.scopes import parse_scopes
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict
from tests.core.store.people import person


async def test_a_signed_note_and_its_signature_stay_as_they_are(database: Database, loader: Subject) -> None:
    program = msgspec.structs.replace(loader, roles=frozenset({Role.CLIENT}), scopes=parse_scopes("system/*.cruds"))
    async with database.transaction(loader.facility) as tx:
        patient = await store.create(tx, loader, person("Đã Ký"))
        note = await store.create(tx, loader, _note(store.reference(patient)))
        unsigned = await store.update(tx, program, msgspec.structs.replace(note, title="Sửa được"), if_match="1")
        signature = await store.create(tx, loader, _signature(store.reference(unsigned), store.reference(patient)))
    forged = msgspec.structs.replace(signature, recorded="2020-01-01T00:00:00Z")
    for changed in (msgspec.structs.replace(unsigned, title="Sửa lén"), forged):
        with pytest.raises(Conflict, match="đã được ký"):
            async with database.transaction(loader.facility) as tx:
                await store.update(tx, program, changed, if_match=None)
        with pytest.raises(Conflict, match="đã được ký"):
            async with database.transaction(loader.facility) as tx:
                await store.delete(tx, program, type(changed), changed.id or "")
    async with database.transaction(loader.facility) as tx:
        assert (await store.read(tx, loader, r4.Composition, note.id or "")).title == "Sửa được"


def _note(subject: r4.Reference) -> r4.Composition:
    return r4.Composition(
        status="final", type=r4.CodeableConcept(text="Phiếu khám"), subject=subject, date="2026-11-21",
        author=[subject], title="Phiếu khám",
    )  # fmt: skip


def _signature(target: r4.Reference, who: r4.Reference) -> r4.Provenance:
    kind = r4.Coding(system="urn:iso-astm:E1762-95:2013", code="1.2.840.10065.1.12.1.1")
    now = "2026-11-21T08:00:00+07:00"
    return r4.Provenance(
        target=[target], recorded=now, agent=[r4.ProvenanceAgent(who=who)],
        signature=[r4.Signature(type=[kind], when=now, who=who, data="aGFzaA==")],
    )  # fmt: skip
