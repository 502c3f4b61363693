"""Roles, and the doors each may open. Read it like a form. The records it may touch: `rules/`."""

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
    #: Of a Department of Health: who follows the facilities of an area, looks at evidence, reports for a facility.
    ROLLOUT_OFFICER = "rollout-officer"
    ROLLOUT_VERIFIER = "rollout-verifier"
    ROLLOUT_REPORTER = "rollout-reporter"
    PATIENT = "patient"
    RELATIVE = "relative"
    PERSON = "person"
    #: A doctor elsewhere to whom a patient shows her record (`shares`); she comes by no door of her own.
    SHARED = "shared"
    # Not people:
    DISPLAY = "display"
    CLIENT = "client"
    PUBLIC = "public"
    BOOKING_SERVICE = "booking-service"
    FIGURES_SERVICE = "figures-service"
    FINDER_SERVICE = "finder-service"
    PHONE_SERVICE = "phone-service"
    SUBSCRIPTION_SERVICE = "subscription-service"
    TELLING_SERVICE = "telling-service"
    RIGHTS_SERVICE = "rights-service"
    RELATION_SERVICE = "relation-service"
    ARCHIVE_SERVICE = "archive-service"
    ARRIVAL_SERVICE = "arrival-service"
    FEEDBACK_SERVICE = "feedback-service"
    PAYMENT_SERVICE = "payment-service"
    ELIGIBILITY_SERVICE = "eligibility-service"
    QUESTION_SERVICE = "question-service"
    REMOTE_SERVICE = "remote-service"
    NOTICE_SERVICE = "notice-service"
    WARD_SERVICE = "ward-service"
    SIGNING_SERVICE = "signing-service"
    PACK_SERVICE = "pack-service"
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
    Role.ROLLOUT_OFFICER: "Cán bộ theo dõi số hoá",
    Role.ROLLOUT_VERIFIER: "Xác minh số hoá",
    Role.ROLLOUT_REPORTER: "Cơ sở báo cáo số hoá",
    Role.PATIENT: "Người bệnh",
    Role.RELATIVE: "Người thân",
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
    BREAK_GLASS = "break-glass"
    PRINT = "print"
    SHARE = "share"
    LABORATORY = "laboratory"
    IMAGING = "imaging"
    MEDICINES = "medicines"
    ADMINISTER = "administer"
    READ_AUDIT = "read-audit"
    EXPORT_AUDIT = "export-audit"
    JUDGE_ACCESS = "judge-access"
    OWN_RECORD = "own-record"
    NAME_RELATIVES = "name-relatives"
    OWN_RIGHTS = "own-rights"
    OWN_PERSON = "own-person"
    OWN_SESSION = "own-session"
    CONSENTS = "consents"
    ANSWER_REQUESTS = "answer-requests"
    FEEDBACK = "feedback"
    CASH = "cash"
    ANSWER_QUESTIONS = "answer-questions"
    FACILITY_PAGE = "facility-page"
    ARCHIVE = "archive"
    EXPORT_CHART = "export-chart"
    WATCH_BEDS = "watch-beds"
    WARD = "ward"
    PROVINCE_FIGURES = "province-figures"
    ROLLOUT = "rollout"
    ROLLOUT_OVERVIEW = "rollout-overview"
    ROLLOUT_REPORT = "rollout-report"
    ROLLOUT_VERIFY = "rollout-verify"
    ROLLOUT_LEAD = "rollout-lead"
    FHIR = "fhir"
    EXPORT = "export"
    IMPORT = "import"
    REINDEX = "reindex"
    TERMINOLOGY = "terminology"


_P = Permission
PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.RECEPTION: frozenset(
        {_P.SIGNED_IN, _P.TERMINOLOGY, _P.SCHEDULE, _P.RECEIVE, _P.WATCH_QUEUE, _P.PRINT, _P.SHARE, _P.CONSENTS}
    ),
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
            _P.BREAK_GLASS,
            _P.PRINT,
            _P.SHARE,
            _P.CONSENTS,
            _P.ANSWER_QUESTIONS,
            _P.WATCH_BEDS,
            _P.WARD,
        }
    ),
    Role.NURSE: frozenset(
        {
            _P.SIGNED_IN,
            _P.TERMINOLOGY,
            _P.WATCH_QUEUE,
            _P.CALL_QUEUE,
            _P.VITALS,
            _P.READ_CHART,
            _P.BREAK_GLASS,
            _P.PRINT,
            _P.SHARE,
            _P.CONSENTS,
            _P.WATCH_BEDS,
            _P.WARD,
        }
    ),
    Role.LABORATORY: frozenset(
        {_P.SIGNED_IN, _P.TERMINOLOGY, _P.WATCH_QUEUE, _P.CALL_QUEUE, _P.LABORATORY, _P.PRINT, _P.SHARE}
    ),
    Role.IMAGING: frozenset(
        {_P.SIGNED_IN, _P.TERMINOLOGY, _P.WATCH_QUEUE, _P.CALL_QUEUE, _P.IMAGING, _P.PRINT, _P.SHARE}
    ),
    Role.PHARMACY: frozenset({_P.SIGNED_IN, _P.TERMINOLOGY, _P.WATCH_QUEUE, _P.MEDICINES}),
    Role.CASHIER: frozenset({_P.SIGNED_IN, _P.TERMINOLOGY, _P.WATCH_QUEUE, _P.CASH}),
    Role.PLANNING: frozenset(
        {
            _P.SIGNED_IN,
            _P.TERMINOLOGY,
            _P.SCHEDULE,
            _P.WATCH_QUEUE,
            _P.READ_CHART,
            _P.PRINT,
            _P.SHARE,
            _P.CONSENTS,
            _P.ANSWER_REQUESTS,
            _P.FEEDBACK,
            _P.FACILITY_PAGE,
            _P.ARCHIVE,
            _P.EXPORT_CHART,
            _P.WATCH_BEDS,
        }
    ),
    Role.ADMINISTRATOR: frozenset(
        {
            _P.SIGNED_IN,
            _P.TERMINOLOGY,
            _P.SCHEDULE,
            _P.WATCH_QUEUE,
            _P.MEDICINES,
            _P.ADMINISTER,
            _P.REINDEX,
            _P.FEEDBACK,
            _P.READ_AUDIT,
        }
    ),
    Role.REVIEWER: frozenset({_P.SIGNED_IN, _P.READ_AUDIT, _P.EXPORT_AUDIT, _P.JUDGE_ACCESS}),
    Role.PROVINCE: frozenset(
        {
            _P.SIGNED_IN,
            _P.TERMINOLOGY,
            _P.PROVINCE_FIGURES,
            _P.ROLLOUT,
            _P.ROLLOUT_OVERVIEW,
            _P.ROLLOUT_REPORT,
            _P.ROLLOUT_LEAD,
        }
    ),
    Role.ROLLOUT_OFFICER: frozenset({_P.SIGNED_IN, _P.ROLLOUT, _P.ROLLOUT_OVERVIEW, _P.ROLLOUT_REPORT}),
    Role.ROLLOUT_VERIFIER: frozenset({_P.SIGNED_IN, _P.ROLLOUT, _P.ROLLOUT_OVERVIEW, _P.ROLLOUT_VERIFY}),
    Role.ROLLOUT_REPORTER: frozenset({_P.SIGNED_IN, _P.ROLLOUT, _P.ROLLOUT_REPORT}),
    Role.PATIENT: frozenset({_P.OWN_SESSION, _P.OWN_RECORD, _P.NAME_RELATIVES, _P.OWN_RIGHTS}),
    Role.RELATIVE: frozenset({_P.OWN_SESSION, _P.OWN_RECORD}),
    #: Held beside PATIENT or RELATIVE by who signed in as a person; alone before she chose whose record.
    Role.PERSON: frozenset({_P.OWN_SESSION, _P.OWN_PERSON}),
    Role.SHARED: frozenset(),
    Role.DISPLAY: frozenset({_P.SIGNED_IN, _P.TERMINOLOGY, _P.WATCH_QUEUE}),
    Role.CLIENT: frozenset({_P.FHIR, _P.TERMINOLOGY}),
    Role.PUBLIC: frozenset(),
    Role.BOOKING_SERVICE: frozenset(),
    Role.FIGURES_SERVICE: frozenset(),
    Role.FINDER_SERVICE: frozenset(),
    Role.PHONE_SERVICE: frozenset(),
    Role.SUBSCRIPTION_SERVICE: frozenset(),
    Role.TELLING_SERVICE: frozenset(),
    Role.RIGHTS_SERVICE: frozenset(),
    Role.RELATION_SERVICE: frozenset(),
    Role.ARCHIVE_SERVICE: frozenset(),
    Role.ARRIVAL_SERVICE: frozenset(),
    Role.FEEDBACK_SERVICE: frozenset(),
    Role.PAYMENT_SERVICE: frozenset(),
    Role.ELIGIBILITY_SERVICE: frozenset(),
    Role.QUESTION_SERVICE: frozenset(),
    Role.REMOTE_SERVICE: frozenset(),
    Role.NOTICE_SERVICE: frozenset(),
    Role.WARD_SERVICE: frozenset(),
    Role.SIGNING_SERVICE: frozenset(),
    Role.PACK_SERVICE: frozenset(),
    Role.LOADER: frozenset(),
}

#: The roles of a Department of Health; the operator gives them, no hospital does.
PROVINCE_ROLES = (Role.PROVINCE, Role.ROLLOUT_OFFICER, Role.ROLLOUT_VERIFIER, Role.ROLLOUT_REPORTER)

if missing := set(Role) - set(PERMISSIONS):
    raise ValueError(f"roles without a row in PERMISSIONS: {missing}")
