"""What patients may do with their own record, relatives and whom it is shared with; what anybody may see."""

from __future__ import annotations

from typing import Final

from benhan.core.access.acting import Part
from benhan.core.access.rules.common import CHART, COPIED, LAW_ACTING, LAW_CONSENT, LAW_PRICES
from benhan.core.access.vocabulary import Allow, Purpose

PATIENTS: Final[tuple[Allow, ...]] = (
    Allow(
        name="patient-reads-own", roles="patient", may="rs", types=CHART, own=True, purpose=Purpose.PATIENT,
        law="Luật KCB 15/2023 Đ12k1, Đ69k4",
        vi="Người bệnh đọc hồ sơ của chính mình.", en="Patients read their own record.",
    ),
    Allow(
        name="patient-copies-own", roles="patient", may="pxh", types=COPIED, own=True, purpose=Purpose.PATIENT,
        law="Luật KCB 15/2023 Đ12k1, Đ69k4",
        vi="Người bệnh lấy bản in, bản sao hồ sơ của chính mình, và đưa cho ai mình muốn.",
        en="Patients take copies of their own record and show it to whom they like.",
    ),
    Allow(
        name="relative-copies", roles="relative", may="pxh", types=COPIED, own=True, part=Part.CHART,
        purpose=Purpose.PATIENT, law=LAW_ACTING,
        vi="Người giám hộ, hoặc người được cử cho toàn bộ hồ sơ, lấy bản sao và đưa cho nơi khám khác.",
        en="Guardians, and who was named for the whole record, take copies of it and show it to doctors elsewhere.",
    ),
    Allow(
        name="shared-copied", roles="shared", may="x", types="Patient Encounter", own=True, part=Part.CHART,
        purpose=Purpose.TREATMENT, law="Luật KCB 15/2023 Đ12k1",
        vi="Bác sĩ nơi khác được người bệnh chia sẻ thì lấy được bản dữ liệu của phần được chia sẻ.",
        en="A doctor elsewhere, to whom the patient shows her record, takes the data of what is shown.",
    ),
    Allow(
        name="patient-names-relatives", roles="patient", may="cru", types="RelatedPerson", own=True,
        purpose=Purpose.PATIENT, law="Luật KCB 15/2023 Đ8; BLDS 91/2015 Đ138",
        vi="Người bệnh cử người thân và chấm dứt việc ấy.", en="Patients name relatives, and end it.",
    ),
    Allow(
        name="relative-knows-whom", roles="relative shared", may="rs", types="Patient", own=True,
        purpose=Purpose.PATIENT, law=LAW_ACTING,
        vi="Người thân, nơi được chia sẻ, đọc phần hành chính của người bệnh.",
        en="Relatives, and to whom the record is shown, read who the patient is.",
    ),
    Allow(
        name="relative-follows-visits", roles="relative shared", may="rs", types="Encounter Appointment Task", own=True,
        part=Part.VISITS, purpose=Purpose.PATIENT, law=LAW_ACTING,
        vi="Người thân theo dõi lịch hẹn, số thứ tự, lượt khám nếu được giao phần ấy.",
        en="Relatives follow appointments, tickets and visits where the relation says so.",
    ),
    Allow(
        name="relative-reads-results", roles="relative shared", may="rs",
        types="DiagnosticReport Observation ServiceRequest Media", own=True, part=Part.RESULTS, purpose=Purpose.PATIENT,
        law=LAW_ACTING,
        vi="Người thân đọc kết quả nếu được giao phần ấy.",
        en="Relatives read results where the relation says so.",
    ),
    Allow(
        name="relative-reads-medicines", roles="relative shared", may="rs",
        types="MedicationRequest AllergyIntolerance", own=True, part=Part.MEDICINES, purpose=Purpose.PATIENT,
        law=LAW_ACTING,
        vi="Người thân đọc đơn thuốc, dị ứng nếu được giao phần ấy.",
        en="Relatives read prescriptions and allergies where the relation says so.",
    ),
    Allow(
        name="relative-reads-chart", roles="relative shared", may="rs", types=CHART, own=True, part=Part.CHART,
        purpose=Purpose.PATIENT, law=LAW_ACTING,
        vi="Người giám hộ, người được cử cho toàn bộ hồ sơ, và bác sĩ nơi khác được chia sẻ, đọc hồ sơ.",
        en="Guardians, who was named for the whole record, and a doctor elsewhere to whom it is shown, read it.",
    ),
    Allow(
        name="patient-sees-house", roles="patient relative shared", may="rs",
        types="Organization Location HealthcareService Practitioner Slot Schedule Medication", purpose=Purpose.PATIENT,
        law="Luật KCB 15/2023 Đ9",
        vi="Người bệnh xem nơi khám, người khám, lịch còn trống, danh mục thuốc.",
        en="Patients see places, people, free slots and the list of medicines.",
    ),
    Allow(
        name="display-shows-queue", roles="display", may="rs", types="Location Organization HealthcareService Task",
        purpose=Purpose.ADMINISTRATION, law="QĐ 1313/QĐ-BYT",
        vi="Màn hình chờ hiện số và phòng.", en="Waiting room displays show numbers and rooms.",
    ),
    Allow(
        name="public-sees-house", roles="public booking-service", may="rs",
        types="Organization Location HealthcareService Practitioner PractitionerRole Schedule Slot",
        purpose=Purpose.PATIENT, law="Luật KCB 15/2023 Đ9",
        vi="Ai cũng xem được nơi khám và lịch còn trống.", en="Everybody sees where there is care and when.",
    ),
    Allow(
        name="prices-seen",
        roles="reception doctor nurse cashier planning administrator patient relative public booking-service "
        "payment-service notice-service",
        may="rs", types="ChargeItemDefinition PlanDefinition", purpose=Purpose.PAYMENT, law=LAW_PRICES,
        vi="Ai cũng xem được bảng giá, gói khám của cơ sở.", en="Everybody may see the facility's prices and packages.",
    ),
    Allow(
        name="relative-reads-questions", roles="relative", may="rs", types="Communication", own=True, part=Part.CHART,
        purpose=Purpose.PATIENT, law=LAW_ACTING,
        vi="Người giám hộ, hoặc người được cử cho toàn bộ hồ sơ, đọc câu hỏi gửi bác sĩ và câu trả lời.",
        en="Guardians, and who was named for the whole record, read questions to doctors and the answers.",
    ),
    Allow(
        name="own-requests-seen", roles="patient", may="rs", types="Communication", own=True,
        purpose=Purpose.PATIENT, law=LAW_CONSENT,
        vi="Người bệnh xem yêu cầu của chính mình và câu trả lời.", en="Patients see what they asked and the answer.",
    ),
    Allow(
        name="own-consents-seen", roles="patient", may="rs", types="Consent", own=True,
        purpose=Purpose.PATIENT, law=LAW_CONSENT,
        vi="Người bệnh xem những đồng ý của chính mình.", en="Patients see their own consents.",
    ),
    Allow(
        name="own-consents-printed", roles="patient", may="p", types="Consent", own=True,
        purpose=Purpose.PATIENT, law=LAW_CONSENT,
        vi="Người bệnh in bằng chứng đồng ý của mình.", en="Patients print the proof of their consents.",
    ),
)  # fmt: skip
