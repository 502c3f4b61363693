"""Making a package: of one closed record, or of all closed records of a patient; each with the trace of its copy.

Reading is not copying: she is asked for the export of each visit, and every record in it is one that she may read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benhan.core import store
from benhan.core.access import Interaction, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Forbidden, Invalid, NotFound
from benhan.core.kit import clock, printing
from benhan.core.kit.text import nfc
from benhan.core.language import _, speaking
from benhan.hospital import signing
from benhan.hospital.chart.exchange import document, facts, mapping, package, tree
from benhan.hospital.chart.exchange.facts import Collected
from benhan.hospital.chart.exchange.package import FORMAT, Manifest
from benhan.hospital.chart.forms.sheets import TEMPLATE, sheet
from benhan.hospital.chart.packs import keys
from benhan.hospital.chart.records import conversion, kept
from benhan.hospital.chart.records.clocks import is_record
from benhan.hospital.chart.records.kept import Kept
from benhan.hospital.visit import id_of

#: The longest reason; records of one patient in one package.
MOST_WORDS, MOST_RECORDS = 500, 60


class Way(msgspec.Struct, frozen=True):
    """How packages are made here: the address of this server, a mapping of the hospital's own, with PDFs or without."""

    base: str
    mapping: Path | None = None
    pdf: bool = True


async def of_visits(tx: Transaction, who: Subject, visits: Sequence[str], reason: str, way: Way) -> bytes:
    """The package of the closed records of these visits.

    Raises:
        Invalid: no reason, or too many records; Conflict: one is not closed; NotFound, Forbidden.
    """
    why = nfc(reason).strip()
    if not why or len(why) > MOST_WORDS:
        raise Invalid(_("Ghi lý do xuất, tối đa %(n)s ký tự.", n=MOST_WORDS), where="reason")
    if len(visits) > MOST_RECORDS:
        raise Invalid(_("Nhiều nhất %(n)s hồ sơ một gói.", n=MOST_RECORDS), where="visits")
    files: dict[str, bytes] = {}
    remarks: list[str] = []
    named = []
    for visit in visits:
        collected = await facts.collect(tx, who, visit)
        await _copied(tx, who, collected, why)
        some, said = await _files(tx, who, collected, way)
        files |= some
        remarks += said
        named.append(f"QuestionnaireResponse/{collected.kept.record.id}")
    remarks.append("Bản ghi mà người xuất không được đọc thì không có trong gói.")
    manifest = Manifest(
        format=FORMAT, facility=who.facility_code, facility_name=who.facility_name, exported=clock.now(), by=who.name,
        reason=why, records=named, remarks=remarks, key="", files=[],
    )  # fmt: skip
    signer = (await keys.of_facility(tx, who.facility)).signer
    return await asyncio.to_thread(package.packed, files, manifest, signer)


async def closed_of(tx: Transaction, who: Subject, patient: str) -> list[str]:
    """The visits of a patient whose record is closed, the oldest first."""
    asked = {"subject": f"Patient/{patient}", "_sort": "authored", "_count": "200"}
    found = (await store.search(tx, who, r4.QuestionnaireResponse, asked)).resources
    last: dict[str, r4.QuestionnaireResponse] = {}
    for one in sorted(filter(is_record, found), key=lambda one: one.id or ""):
        last[id_of(one.encounter) or ""] = one  # opened again, it is no closed one
    return [visit for visit, one in last.items() if one.status == "completed"]


async def _copied(tx: Transaction, who: Subject, of: Collected, why: str) -> None:
    patient = id_of(of.kept.record.subject)
    await store.copied(tx, who, Interaction.EXPORT, "Encounter", of.kept.visit, patient, f"record package: {why}")


async def _files(tx: Transaction, who: Subject, of: Collected, way: Way) -> tuple[dict[str, bytes], list[str]]:
    visit = of.kept.visit
    with speaking("vi"):
        made = mapping.filled(mapping.mapping(way.mapping), of.names)
    remarks = [f"{visit}: {one.where}: {one.what}" for one in [*made.cut, *tree.wrong(made.tree)]]
    bundle = await document.bundle(tx, who, of, way.base)
    files = {
        f"hosobenhan/{visit}.json": tree.as_json(made.tree), f"hosobenhan/{visit}.xml": tree.as_xml(made.tree),
        f"fhir/{visit}.json": codec.encode(bundle),
    }  # fmt: skip
    if way.pdf:
        for one in (*of.kept.former, of.kept.record):
            files[f"pdf/benh-an-{one.id}.pdf"] = await _printed(tx, who, one)
    for paper in await signing.of_visit(tx, who, visit):
        try:
            pdf = await signing.original(tx, who, visit, paper.kind, Interaction.EXPORT)
            files[f"pdf/{paper.kind}-{visit}.pdf"] = pdf
        except (Forbidden, NotFound) as shut:
            remarks.append(f"{visit}: {paper.kind}: {shut.message}")
    return files, remarks


async def _printed(tx: Transaction, who: Subject, record: r4.QuestionnaireResponse) -> bytes:
    form = await kept.form_of(tx, who, record)
    with speaking("vi"):
        data = {**sheet(form, record), **conversion.footer(who, Kept(record, form, []))}
    return await printing.render(TEMPLATE, data)
