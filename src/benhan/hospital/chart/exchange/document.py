"""A closed record as a FHIR document: its Composition first, then everything of the visit and what that points at.

Source: HL7 FHIR R4, 3.3 (documents); 2.36.5 (fullUrl). Provenance of the record, with its signature, is in it. What the
exporter may not read is not in it: she is asked like any reader.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4, systems
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.core.store.everything import SUPPORTING, Bounds, everything, references, resolve
from benhan.hospital.chart.exchange.facts import Collected
from benhan.hospital.chart.records.kept import Kept
from benhan.hospital.visit import concept, narrative

#: Records of one stay.
MOST: Final = 20_000
_PAGE: Final = 1000


async def bundle(tx: Transaction, who: Subject, of: Collected, base: str) -> r4.Bundle:
    """The document.

    Raises:
        Forbidden: she may not read the visit; Invalid: it has more records than any stay.
    """
    own = [of.kept.record, *of.kept.former]
    held: dict[str, r4.Resource] = {_name(one): one for one in (*own, of.facts.patient, of.facts.visit)}
    after, more = 0, True
    while more:
        page = await everything(tx, who, "Encounter", of.kept.visit, Bounds(count=_PAGE, after=after))
        held |= {_name(one): one for one in (*page.resources, *page.supporting)}
        after, more = page.next or 0, page.next is not None
        if len(held) > MOST:
            raise Invalid(_("Hồ sơ có quá %(n)s bản ghi.", n=MOST), code="too-costly")
    for one in await _signatures(tx, who, own, of.kept.visit):
        held[_name(one)] = one
    allergies = await store.search(
        tx, who, r4.AllergyIntolerance, {"patient": _name(of.facts.patient), "_count": "200"}
    )
    held |= {_name(one): one for one in allergies.resources}
    wanted = {
        target for one in held.values() for target in references(codec.encode(one))
        if target[0] in (*SUPPORTING, "Coverage", "Questionnaire") and "/".join(target) not in held
    }  # fmt: skip
    held |= await resolve(tx, who, sorted(wanted))
    paper = _paper(of.kept, held.values(), of.signatures[-1].when if of.signatures else of.kept.record.authored or "")
    base = f"{base.rstrip('/')}/fhir"
    return r4.Bundle(
        type="document", timestamp=clock.fhir_instant(clock.now()),
        identifier=r4.Identifier(system="urn:ietf:rfc:3986", value=f"urn:uuid:{_uuid(base, of.kept)}"),
        entry=[r4.BundleEntry(fullUrl=f"{base}/{_name(one)}", resource=one) for one in (paper, *held.values())],
    )  # fmt: skip


async def _signatures(
    tx: Transaction, who: Subject, own: Iterable[r4.QuestionnaireResponse], visit: str
) -> list[r4.Provenance]:  # fmt: skip
    targets = ",".join([f"Encounter/{visit}", *map(_name, own)])
    found = await store.search(tx, who, r4.Provenance, {"target": targets, "_count": "200"})
    return found.resources


def _paper(there: Kept, held: Iterable[r4.Resource], when: str) -> r4.Composition:
    """What the document is of; each kind of record has its section."""
    record = there.record
    sections: dict[str, list[r4.Reference]] = {}
    for one in held:
        if not isinstance(one, r4.Patient | r4.Encounter) and codec.type_name(one) not in SUPPORTING:
            sections.setdefault(codec.type_name(one), []).append(store.reference(one))
    author = record.author or record.source or r4.Reference(display="")
    return r4.Composition(
        id=f"{record.id}.document", status="final", title=there.form.title,
        date=when or clock.fhir_instant(clock.now()),
        type=concept(systems.LOINC, "34133-9", "Summarization of episode note"), subject=record.subject,
        encounter=record.encounter, author=[author],
        identifier=r4.Identifier(system=systems.FORM, value=there.form.code),
        section=[
            r4.CompositionSection(title=name, entry=entries, text=narrative(f"{name}: {len(entries)}"))
            for name, entries in sections.items()
        ],
    )  # fmt: skip


def _uuid(base: str, there: Kept) -> str:
    version = there.record.meta.versionId if there.record.meta else ""
    return str(uuid5(NAMESPACE_URL, f"{base}/{_name(there.record)}/_history/{version}"))


def _name(one: r4.Resource) -> str:
    return f"{codec.type_name(one)}/{one.id}"
