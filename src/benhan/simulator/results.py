"""Orders and their results, as laboratory and imaging write them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from benhan.core.fhir import r4, systems
from benhan.core.kit import codes
from benhan.core.kit.clock import fhir_instant
from benhan.hospital.visit import EMERGENCY, LABORATORY, stamp
from benhan.simulator import services, words
from benhan.simulator.drafts import WORKERS, Draft
from benhan.simulator.timeline import Stop


def order(draft: Draft, id_: str, stop: Stop, number: int, done: bool) -> r4.ServiceRequest:
    """What the doctor asked for."""
    return r4.ServiceRequest(
        id=id_,
        identifier=[r4.Identifier(system=systems.ORDER_NUMBER, value=stop.numbers[number])],
        status="completed" if done else "active",
        intent="order",
        category=[words.category(stop.kind)],
        priority="urgent" if draft.visit.room.kind == EMERGENCY else "routine",
        code=words.service(stop.services[number].code),
        subject=draft.subject,
        encounter=draft.encounter,
        authoredOn=stamp(stop.queued),
        requester=draft.doctor,
        reasonCode=[r4.CodeableConcept(text=draft.visit.disease.complaint)],
    )


def result(
    draft: Draft, stop: Stop, order: r4.ServiceRequest, service: codes.Code
) -> Iterator[r4.Observation | r4.DiagnosticReport]:
    """The values or the findings, and the report that holds them."""
    visit = draft.visit
    about = r4.Reference(reference=f"ServiceRequest/{order.id}")
    found: list[r4.Observation] = []
    conclusion = None
    if stop.kind == LABORATORY:
        values = services.measured(visit.chance, service.code, visit.disease.code, visit.person.gender, draft.months)
        found = [_value(draft, stop, about, f"{order.id}-{n}", value) for n, value in enumerate(values)]
    else:
        findings, conclusion = services.seen(visit.chance, service.code, visit.disease.code)
        found = [_findings(draft, stop, about, f"{order.id}-0", service, findings)]
    yield from found
    yield r4.DiagnosticReport(
        id=f"{order.id}-kq",
        basedOn=[about],
        status="final",
        category=[words.report_category(stop.kind)],
        code=words.service(service.code),
        subject=draft.subject,
        encounter=draft.encounter,
        effectiveDateTime=stamp(stop.done),
        issued=fhir_instant(stop.result),
        performer=[WORKERS[stop.kind]],
        resultsInterpreter=[WORKERS[stop.kind]],
        result=[r4.Reference(reference=f"Observation/{one.id}") for one in found] or None,
        conclusion=conclusion,
    )


def _value(draft: Draft, stop: Stop, about: r4.Reference, id_: str, value: services.Value) -> r4.Observation:
    one = value.analyte
    bounds = one.range_for(draft.visit.person.gender, draft.months) if value.number is not None else None
    return r4.Observation(
        id=id_,
        basedOn=[about],
        status="final",
        category=[words.observed("laboratory")],
        code=words.analyte(one.loinc, one.name),
        subject=draft.subject,
        encounter=draft.encounter,
        effectiveDateTime=stamp(stop.done),
        issued=fhir_instant(stop.result),
        performer=[WORKERS[stop.kind]],
        valueQuantity=_quantity(value.number, one) if value.number is not None else None,
        valueCodeableConcept=r4.CodeableConcept(text=value.word) if value.word else None,
        interpretation=[words.flag(value.flag)] if value.flag else None,
        referenceRange=[
            r4.ObservationReferenceRange(
                low=_quantity(bounds.low, one) if bounds.low is not None else None,
                high=_quantity(bounds.high, one) if bounds.high is not None else None,
                text=bounds.shown(),
            )
        ]
        if bounds and bounds.shown()
        else None,
    )


def _findings(
    draft: Draft, stop: Stop, about: r4.Reference, id_: str, service: codes.Code, text: str
) -> r4.Observation:
    return r4.Observation(
        id=id_,
        basedOn=[about],
        status="final",
        category=[words.observed("imaging")],
        code=words.service(service.code),
        subject=draft.subject,
        encounter=draft.encounter,
        effectiveDateTime=stamp(stop.done),
        issued=fhir_instant(stop.result),
        performer=[WORKERS[stop.kind]],
        valueString=text,
    )


def _quantity(value: Decimal, one: codes.Analyte) -> r4.Quantity:
    return r4.Quantity(
        value=value, unit=one.unit or None, system=systems.UCUM if one.ucum else None, code=one.ucum or None
    )
