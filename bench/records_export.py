"""A month of closed records out of the house: `python -m bench.records_export [300]`.

Claim (issue 6): a month's export of 5,700 stays runs at ≥ 20 records/s. Measured: packages a second that lie whole and
flushed in a folder, each with HoSoBenhAn (JSON, XML), the FHIR document, its audit event; with the printed form and
without. A record: 01/BV1 filled in, 20 readings, 10 results, 6 orders, 5 medicines, a signature.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import asyncpg

from benhan.core import store
from benhan.core.access import Role, Subject, service, signature
from benhan.core.db import Database, create_database, migrate
from benhan.core.db.embedded import DATABASE, EmbeddedPostgres
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock
from benhan.core.store.together import Write, write_all
from benhan.hospital.chart.exchange import month
from benhan.hospital.chart.exchange.make import Way
from benhan.hospital.chart.forms import form
from benhan.hospital.chart.forms.questionnaires import questionnaire
from benhan.hospital.chart.records import kept
from benhan.hospital.visit import PULSE, concept, human_name, observation, stamp

RECORDS = 300
FORM = "01/BV1"


def a_stay(number: int) -> list[r4.Resource]:
    """The records of a closed stay; the signature follows when they have their versions."""
    patient, visit = f"p{number}-{uuid4().hex[:8]}", f"v{number}-{uuid4().hex[:8]}"
    subject, here = r4.Reference(reference=f"Patient/{patient}"), r4.Reference(reference=f"Encounter/{visit}")
    ended = clock.now() - timedelta(minutes=5)
    began = ended - timedelta(days=5)
    made = questionnaire(form(FORM))
    said = [
        r4.QuestionnaireResponseItem(linkId=link, answer=[r4.QuestionnaireResponseItemAnswer(valueString=text)])
        for link, text in (("patient-name", "Trần Thị Hoa"), ("bed", "P1-3"))
    ]
    words = r4.QuestionnaireResponseItemAnswer(valueString="Đau bụng. " * 30)
    prose = [
        r4.QuestionnaireResponseItem(linkId=link, answer=[words])
        for link in ("reason", "illness", "general", "digest", "summary-course", "summary-treatment")
    ]
    records: list[r4.Resource] = [
        r4.Patient(id=patient, name=[human_name("Trần Thị Hoa")], gender="female", birthDate="1958-11-23"),
        r4.Encounter(
            id=visit, status="finished", class_=r4.Coding(system=systems.ACT_CODE, code="IMP"), subject=subject,
            identifier=[r4.Identifier(system=systems.VISIT_NUMBER, value=f"BA-{number:06d}-{visit[-4:]}")],
            period=r4.Period(start=stamp(began), end=stamp(ended)),
        ),
        r4.QuestionnaireResponse(
            id=f"{visit}-1", status="completed", questionnaire=f"{made.url}|{made.version}", subject=subject,
            encounter=here, authored=stamp(ended), author=r4.Reference(display="BS. Bench"), item=[*said, *prose],
        ),
        r4.Condition(
            subject=subject, encounter=here, code=concept(systems.ICD10, "I10", "Tăng huyết áp"),
            clinicalStatus=concept(systems.CONDITION_CLINICAL, "active"),
        ),
    ]  # fmt: skip
    for hour in range(20):
        one = observation(patient, visit, concept(systems.LOINC, PULSE), "vital-signs", began + timedelta(hours=hour))
        one.valueQuantity = r4.Quantity(value=Decimal(80 + hour), unit="/min")
        records.append(one)
    for test in range(10):
        one = observation(patient, visit, r4.CodeableConcept(text=f"Xét nghiệm {test}"), "laboratory", began)
        one.valueQuantity = r4.Quantity(value=Decimal(test), unit="mmol/L")
        records.append(one)
    for order in range(6):
        records.append(r4.ServiceRequest(
            status="completed", intent="order", subject=subject, encounter=here, authoredOn=stamp(began),
            code=r4.CodeableConcept(text=f"Chỉ định {order}"),
        ))  # fmt: skip
    for medicine in range(5):
        records.append(r4.MedicationRequest(
            status="completed", intent="order", subject=subject, encounter=here, authoredOn=stamp(began),
            medicationCodeableConcept=r4.CodeableConcept(text=f"Thuốc {medicine}"),
            dosageInstruction=[r4.Dosage(text="Uống 1 viên sáng, 1 viên tối")],
        ))  # fmt: skip
    return records


async def filled(database: Database, loader: Subject, count: int) -> None:
    """So many closed and signed records."""
    async with database.transaction(loader.facility) as tx:
        await kept.keep_form(tx, loader, form(FORM))
    for number in range(count):
        async with database.transaction(loader.facility) as tx:
            outcomes = await write_all(tx, loader, [Write(one, new=True) for one in a_stay(number)])
            for one in outcomes:
                if isinstance(one, Exception):
                    raise one
                if isinstance(one, r4.QuestionnaireResponse):
                    me = r4.Reference(display="BS. Bench")
                    about = [one.encounter or r4.Reference(), one.subject or r4.Reference()]
                    await store.create(tx, loader, signature.provenance(
                        [one], account="bench", signer=me, when=clock.fhir_instant(clock.now()), about=about
                    ))  # fmt: skip


async def main() -> None:
    """A PostgreSQL of its own."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS
    with tempfile.TemporaryDirectory(prefix="bench-records-") as folder:
        os.chmod(folder, 0o755)  # noqa: PTH101 - PostgreSQL runs as somebody else
        postgres = EmbeddedPostgres(Path(folder) / "postgres", durable=True)
        postgres.start()
        try:
            await create_database(postgres.dsn(database="postgres"), DATABASE)
            await migrate(postgres.dsn())
            connection = await asyncpg.connect(postgres.dsn())
            key = await connection.fetchval(
                "insert into facility (key, code, name) values (1, 'B1', 'B') returning key"
            )
            database = await Database.connect(postgres.dsn("benhan_app"))
            loader = service(Role.LOADER, key, "B")
            await filled(database, loader, count)
            await connection.execute("vacuum (analyze)")
            for pdf in (False, True):
                began = time.perf_counter()
                way = Way("https://benhan.example", pdf=pdf)
                done = await month.export(database, loader, clock.today(), Path(folder) / f"pdf-{pdf}", way)
                took = time.perf_counter() - began
                load = os.getloadavg()[0]
                told = "with PDF" if pdf else "without"
                print(
                    f"{told}: {done.made} records, {done.made / took:.1f} a second, load {load:.1f}, {done.refused[:2]}"
                )
            await database.close()
            await connection.close()
        finally:
            postgres.stop()


if __name__ == "__main__":
    asyncio.run(main())
