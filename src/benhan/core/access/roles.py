"""Roles, and what each may do: the doors it may open, and the records it may touch. Read it like a form.

Letters of a record rule: c create, r read (with history), u update, d delete, s search.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What somebody is at a facility; one person may be several."""

    RECEPTION = "reception"
    DOCTOR = "doctor"
    NURSE = "nurse"
    LABORATORY = "laboratory"
    IMAGING = "imaging"
    PHARMACY = "pharmacy"
    CASHIER = "cashier"
    PLANNING = "planning"
    ADMINISTRATOR = "administrator"
    REVIEWER = "reviewer"
    PROVINCE = "province"
    PATIENT = "patient"
    # Not people:
    DISPLAY = "display"
    CLIENT = "client"
    PUBLIC = "public"
    BOOKING_SERVICE = "booking-service"
    FIGURES_SERVICE = "figures-service"
    SUBSCRIPTION_SERVICE = "subscription-service"
    LOADER = "loader"


#: What screens call the roles.
ROLE_NAMES = {
    Role.RECEPTION: "Tiếp đón",
    Role.DOCTOR: "Bác sĩ",
    Role.NURSE: "Điều dưỡng",
    Role.LABORATORY: "Xét nghiệm",
    Role.IMAGING: "Chẩn đoán hình ảnh",
    Role.PHARMACY: "Dược",
    Role.CASHIER: "Thu ngân",
    Role.PLANNING: "Phòng KHTH",
    Role.ADMINISTRATOR: "Quản trị",
    Role.REVIEWER: "Giám sát truy cập",
    Role.PROVINCE: "Sở Y tế",
    Role.PATIENT: "Người bệnh",
    Role.DISPLAY: "Màn hình chờ",
}


class Permission(StrEnum):
    """What a door asks for."""

    ANYONE = "anyone"
    SIGNED_IN = "signed-in"
    SCHEDULE = "schedule"
    RECEIVE = "receive"
    WATCH_QUEUE = "watch-queue"
    CALL_QUEUE = "call-queue"
    VITALS = "vitals"
    CONSULT = "consult"
    SIGN = "sign"
    READ_CHART = "read-chart"
    PRINT = "print"
    LABORATORY = "laboratory"
    IMAGING = "imaging"
    MEDICINES = "medicines"
    ADMINISTER = "administer"
    READ_AUDIT = "read-audit"
    EXPORT_AUDIT = "export-audit"
    OWN_RECORD = "own-record"
    PROVINCE_FIGURES = "province-figures"
    FHIR = "fhir"
    EXPORT = "export"
    IMPORT = "import"
    REINDEX = "reindex"
    TERMINOLOGY = "terminology"


_P = Permission
PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.RECEPTION: frozenset({_P.SIGNED_IN, _P.TERMINOLOGY, _P.SCHEDULE, _P.RECEIVE, _P.WATCH_QUEUE, _P.PRINT}),
    Role.DOCTOR: frozenset(
        {
            _P.SIGNED_IN,
            _P.TERMINOLOGY,
            _P.WATCH_QUEUE,
            _P.CALL_QUEUE,
            _P.VITALS,
            _P.CONSULT,
            _P.SIGN,
            _P.READ_CHART,
            _P.PRINT,
        }
    ),
    Role.NURSE: frozenset(
        {_P.SIGNED_IN, _P.TERMINOLOGY, _P.WATCH_QUEUE, _P.CALL_QUEUE, _P.VITALS, _P.READ_CHART, _P.PRINT}
    ),
    Role.LABORATORY: frozenset({_P.SIGNED_IN, _P.TERMINOLOGY, _P.WATCH_QUEUE, _P.CALL_QUEUE, _P.LABORATORY, _P.PRINT}),
    Role.IMAGING: frozenset({_P.SIGNED_IN, _P.TERMINOLOGY, _P.WATCH_QUEUE, _P.CALL_QUEUE, _P.IMAGING, _P.PRINT}),
    Role.PHARMACY: frozenset({_P.SIGNED_IN, _P.TERMINOLOGY, _P.WATCH_QUEUE, _P.MEDICINES}),
    Role.CASHIER: frozenset({_P.SIGNED_IN, _P.TERMINOLOGY, _P.WATCH_QUEUE}),
    Role.PLANNING: frozenset({_P.SIGNED_IN, _P.TERMINOLOGY, _P.SCHEDULE, _P.WATCH_QUEUE, _P.READ_CHART, _P.PRINT}),
    Role.ADMINISTRATOR: frozenset(
        {
            _P.SIGNED_IN,
            _P.TERMINOLOGY,
            _P.SCHEDULE,
            _P.WATCH_QUEUE,
            _P.MEDICINES,
            _P.ADMINISTER,
            _P.REINDEX,
            _P.READ_AUDIT,
        }
    ),
    Role.REVIEWER: frozenset({_P.SIGNED_IN, _P.READ_AUDIT, _P.EXPORT_AUDIT}),
    Role.PROVINCE: frozenset({_P.SIGNED_IN, _P.TERMINOLOGY, _P.PROVINCE_FIGURES}),
    Role.PATIENT: frozenset({_P.OWN_RECORD}),
    Role.DISPLAY: frozenset({_P.SIGNED_IN, _P.TERMINOLOGY, _P.WATCH_QUEUE}),
    Role.CLIENT: frozenset({_P.FHIR, _P.TERMINOLOGY}),
    Role.PUBLIC: frozenset(),
    Role.BOOKING_SERVICE: frozenset(),
    Role.FIGURES_SERVICE: frozenset(),
    Role.SUBSCRIPTION_SERVICE: frozenset(),
    Role.LOADER: frozenset(),
}

#: The house itself: who works where, when there is room. Everybody at the facility may read it.
_HOUSE = (
    "Organization Location HealthcareService Practitioner PractitionerRole Schedule Slot Medication "
    "CodeSystem ValueSet ConceptMap"
)
_CHART = (
    "Patient Encounter Appointment Task Observation Condition ServiceRequest DiagnosticReport MedicationRequest "
    "AllergyIntolerance Composition Provenance Coverage CoverageEligibilityResponse"
)

#: role → ((letters, types), …). `*` stands for every type. Nothing is allowed that does not stand here.
RECORD_RULES: dict[Role, tuple[tuple[str, str], ...]] = {
    Role.RECEPTION: (
        ("rs", _HOUSE),
        (
            "crus",
            "Patient Appointment Encounter Task Coverage CoverageEligibilityRequest CoverageEligibilityResponse "
            "RelatedPerson Schedule Slot",
        ),
        ("rs", "AllergyIntolerance ServiceRequest"),
    ),
    Role.DOCTOR: (
        ("rs", _HOUSE),
        ("rs", _CHART),
        (
            "crus",
            "Encounter Task Observation Condition ServiceRequest MedicationRequest AllergyIntolerance Composition",
        ),
        ("cru", "Appointment"),
        ("u", "Slot"),
        ("cr", "Provenance"),
    ),
    Role.NURSE: (
        ("rs", _HOUSE),
        ("rs", _CHART),
        ("crus", "Observation Task AllergyIntolerance"),
        ("u", "Encounter"),
    ),
    Role.LABORATORY: (
        ("rs", _HOUSE),
        ("rs", "Patient Encounter ServiceRequest Observation DiagnosticReport Task Condition AllergyIntolerance"),
        ("cu", "Observation DiagnosticReport Specimen Task Provenance"),
        ("u", "ServiceRequest"),
    ),
    Role.IMAGING: (
        ("rs", _HOUSE),
        ("rs", "Patient Encounter ServiceRequest Observation DiagnosticReport Task Condition AllergyIntolerance"),
        ("cu", "Observation DiagnosticReport Task Provenance"),
        ("u", "ServiceRequest"),
    ),
    Role.PHARMACY: (
        ("rs", _HOUSE),
        ("rs", "Patient Encounter MedicationRequest AllergyIntolerance Task"),
        ("cu", "Medication"),
    ),
    Role.CASHIER: (
        ("rs", _HOUSE),
        ("rs", "Patient Encounter ServiceRequest MedicationRequest Coverage Task"),
    ),
    Role.PLANNING: (("rs", _HOUSE), ("rs", _CHART), ("cu", "Schedule Slot Appointment")),
    Role.ADMINISTRATOR: (
        ("crus", _HOUSE),
        ("cruds", "SearchParameter"),
        ("rs", "Appointment"),
        ("u", "Appointment"),
        ("rs", "Task"),
    ),
    # Who was seen by whom, and whether there was a visit; nothing of what is in the chart.
    Role.REVIEWER: (("rs", "Organization Location Practitioner PractitionerRole Patient Encounter Appointment"),),
    Role.PROVINCE: (("rs", "CodeSystem ValueSet ConceptMap"),),
    Role.PATIENT: (
        ("rs", _CHART),
        ("rs", "Organization Location HealthcareService Practitioner Slot Schedule"),
    ),
    Role.DISPLAY: (("rs", "Location Organization HealthcareService Task"),),
    Role.CLIENT: (),  # what its scopes say
    Role.PUBLIC: (("rs", "Organization Location HealthcareService Practitioner PractitionerRole Schedule Slot"),),
    Role.BOOKING_SERVICE: (
        ("rs", "Organization Location HealthcareService Practitioner PractitionerRole Schedule Slot"),
        ("crus", "Appointment"),
        ("u", "Slot"),
    ),
    Role.SUBSCRIPTION_SERVICE: (("ru", "Subscription"),),
    Role.FIGURES_SERVICE: (("rs", "Encounter Appointment Condition Location HealthcareService Organization"),),
    Role.LOADER: (("crus", "*"),),
}

#: A patient reads her own compartment only; these types are the house's and carry no patient.
OPEN_TO_PATIENTS = frozenset(["Organization", "Location", "HealthcareService", "Practitioner", "Slot", "Schedule"])


class Interaction(StrEnum):
    """One letter of a record rule."""

    CREATE = "c"
    READ = "r"
    UPDATE = "u"
    DELETE = "d"
    SEARCH = "s"


def _compiled() -> dict[Role, dict[str, frozenset[str]]]:
    """role → type → letters; a wrong rule stops the program here."""
    table: dict[Role, dict[str, frozenset[str]]] = {}
    for role in Role:
        row: dict[str, frozenset[str]] = {}
        for letters, types in RECORD_RULES[role]:
            if unknown := set(letters) - set("cruds"):
                raise ValueError(f"record rule of {role}: unknown letters {unknown}")
            for type_name in types.split():
                row[type_name] = row.get(type_name, frozenset()) | frozenset(letters)
        table[role] = row
    return table


RECORDS = _compiled()
if missing := set(Role) - set(PERMISSIONS):
    raise ValueError(f"roles without a row in PERMISSIONS: {missing}")
