"""Types and laws that several rules name."""

from __future__ import annotations

#: The house itself: who works where, when there is room. Everybody at the facility may read it.
HOUSE = (
    "Organization Location HealthcareService Practitioner PractitionerRole Schedule Slot Medication "
    "CodeSystem ValueSet ConceptMap Questionnaire"
)
CHART = (
    "Patient Encounter Appointment Task Observation Condition ServiceRequest DiagnosticReport MedicationRequest "
    "NutritionOrder MedicationAdministration AllergyIntolerance Immunization Composition Provenance Coverage "
    "CoverageEligibilityResponse Media"
)
COPIED = "Patient Encounter MedicationRequest Composition DiagnosticReport"
RESULTS = "Patient Encounter ServiceRequest Observation DiagnosticReport Task Condition AllergyIntolerance Media"
LAW_CARE = "Luật KCB 15/2023 Đ69k3"
LAW_TRACE = "TT 13/2025/TT-BYT Đ5"
LAW_ACTING = "Luật KCB 15/2023 Đ8, Đ12; BLDS 91/2015 Đ46–63, Đ138"
LAW_CONSENT = "Luật 91/2025/QH15; NĐ 356/2025/NĐ-CP"
LAW_SIGNED = "TT 13/2025/TT-BYT; Luật KCB 15/2023 Đ7k10; Luật 20/2023 Đ23"
LAW_PRICES = "Luật KCB 15/2023 Đ110"
LAW_ARCHIVE = "Luật KCB 15/2023 Đ69k4; TT 33/2025/TT-BYT"
