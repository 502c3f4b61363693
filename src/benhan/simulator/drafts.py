"""A visit under way to become records: what all of them need, and who writes them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from benhan.core.fhir import r4
from benhan.core.kit.clock import age_months
from benhan.hospital.visit import IMAGING, LABORATORY
from benhan.simulator import words
from benhan.simulator.timeline import Visit

NURSE: Final = r4.Reference(reference="Practitioner/nv-dd01", display="CNĐD Nguyễn Thị Hoa")
WORKERS: Final = {
    LABORATORY: r4.Reference(reference="Practitioner/nv-kt01", display="KTV Đoàn Văn Sơn"),
    IMAGING: r4.Reference(reference="Practitioner/nv-bs17", display="BSCKI Mai Xuân Trường"),
}


class Draft(msgspec.Struct, frozen=True):
    """A visit at a moment, with the references that all its records carry."""

    visit: Visit
    now: datetime
    subject: r4.Reference
    encounter: r4.Reference
    doctor: r4.Reference

    @property
    def months(self) -> int:
        """The patient's age on the day, in whole months."""
        return age_months(self.visit.person.born, self.visit.arrived.date())

    @property
    def concluding(self) -> bool:
        """Diagnosis and prescription stand once the doctor has everything she asked for."""
        known = max((stop.result for stop in self.visit.stops), default=self.visit.started)
        return known + timedelta(minutes=2) <= self.now

    @property
    def ended(self) -> bool:
        """Whether the visit is over."""
        return self.visit.ended <= self.now


def draft_of(visit: Visit, now: datetime) -> Draft:
    """A visit as it stands at a moment."""
    return Draft(
        visit=visit,
        now=now,
        subject=r4.Reference(reference=f"Patient/{visit.person.id}", display=visit.person.name),
        encounter=r4.Reference(reference=f"Encounter/{visit.id}"),
        doctor=words.doctor(visit.doctor),
    )
