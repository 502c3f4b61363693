"""The doors of the clinic, gathered from its screens, and its place in the navigation."""

from __future__ import annotations

from benhan.core.access import Door, LiveDoor, Permission
from benhan.core.kit import pages
from benhan.core.kit.pages import NavItem
from benhan.core.language import later
from benhan.hospital import papers
from benhan.hospital.clinic import (
    pages_assessment,
    pages_conclusion,
    pages_consultation,
    pages_immunization,
    pages_medicines,
    pages_prescription,
)

pages.register("clinic", "benhan.hospital.clinic")

# The consultation comes last: its `/kham/{visit}` would also take `/kham/…` of the others.
DOORS: list[Door | LiveDoor] = [
    *pages_medicines.DOORS,
    *pages_prescription.DOORS,
    *pages_conclusion.DOORS,
    *pages_immunization.DOORS,
    *pages_assessment.DOORS,
    *pages_consultation.DOORS,
]
NAV: list[NavItem] = [NavItem(later("Khám"), "/kham", Permission.VITALS, "g k"), *pages_medicines.NAV]
PAPERS: dict[str, papers.Make] = {
    papers.VISIT_SHEET: pages_conclusion.paper_of_visit,
    papers.PRESCRIPTION: pages_conclusion.paper_of_prescription,
}
TO_SIGN: dict[str, papers.MakeToSign] = {
    papers.VISIT_SHEET: pages_conclusion.visit_to_sign,
    papers.PRESCRIPTION: pages_conclusion.prescription_to_sign,
}
