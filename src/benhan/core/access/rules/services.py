"""What the program may do on its own account, one role for each of its services, and what an operator loads."""

from __future__ import annotations

from typing import Final

from benhan.core.access.rules.common import (
    CHART,
    HOUSE,
    LAW_ARCHIVE,
    LAW_CARE,
    LAW_CONSENT,
    LAW_PRICES,
    LAW_SIGNED,
    LAW_TRACE,
)
from benhan.core.access.vocabulary import EVERY_TYPE, Allow, Purpose

SERVICES: Final[tuple[Allow, ...]] = (
    Allow(
        name="booking-books", roles="booking-service", may="crus", types="Appointment", purpose=Purpose.PATIENT,
        law="QĐ 1313/QĐ-BYT (bước 1)",
        vi="Cổng đặt khám giữ lịch hẹn cho người đặt.", en="The booking service keeps appointments for who books.",
    ),
    Allow(
        name="booking-takes-slot", roles="booking-service", may="u", types="Slot", purpose=Purpose.PATIENT,
        law="QĐ 1313/QĐ-BYT (bước 1)",
        vi="Một lịch hẹn chiếm một chỗ trống.", en="An appointment takes a free slot.",
    ),
    Allow(
        name="arrival-knows-whom", roles="arrival-service", may="rs",
        types="Patient Organization Location HealthcareService Practitioner PractitionerRole", purpose=Purpose.PATIENT,
        law="QĐ 1313/QĐ-BYT (bước 1–2)",
        vi="Chương trình đọc người tự báo đã đến là ai, và khám ở phòng nào.",
        en="The program reads who says that she has come, and which room awaits her.",
    ),
    Allow(
        name="arrival-received", roles="arrival-service", may="crus", types="Appointment Encounter Task",
        purpose=Purpose.PATIENT, law="QĐ 1313/QĐ-BYT (bước 1–2)",
        vi="Người có hẹn quét mã ở cửa thì chương trình mở lượt khám và cấp số, như quầy tiếp đón.",
        en="Who is booked and scans the code at the entrance is received by the program as by the desk.",
    ),
    Allow(
        name="feedback-kept", roles="feedback-service", may="crus", types="Communication", purpose=Purpose.OPERATIONS,
        law="Luật KCB 15/2023 Đ14",
        vi="Chương trình giữ lời khen, lời phàn nàn của người bệnh và câu trả lời của cơ sở.",
        en="The program keeps what patients praise and complain of, and what the facility answers.",
    ),
    Allow(
        name="feedback-pictures", roles="feedback-service", may="cr", types="Binary", purpose=Purpose.OPERATIONS,
        law="Luật KCB 15/2023 Đ14",
        vi="Chương trình giữ ảnh gửi kèm góp ý.", en="The program keeps the pictures sent with feedback.",
    ),
    Allow(
        name="surveys-kept", roles="feedback-service", may="crs", types="QuestionnaireResponse",
        purpose=Purpose.OPERATIONS, law="Luật KCB 15/2023 Đ14; QĐ 3869/QĐ-BYT",
        vi="Chương trình giữ câu trả lời khảo sát sau lượt khám, không ghi của ai.",
        en="The program keeps what is answered after a visit, and not by whom.",
    ),
    Allow(
        name="feedback-places", roles="feedback-service", may="rs", types="Organization", purpose=Purpose.OPERATIONS,
        law="Luật KCB 15/2023 Đ14",
        vi="Chương trình đọc tên khoa phòng được góp ý.", en="The program reads the names of the places concerned.",
    ),
    Allow(
        name="insurance-asked", roles="eligibility-service", may="crus",
        types="Coverage CoverageEligibilityRequest CoverageEligibilityResponse", purpose=Purpose.PAYMENT,
        law="Luật BHYT Đ28; CV 1923/BHXH-CNTT",
        vi="Người bệnh đặt khám bằng BHYT thì chương trình tra thẻ của chính họ, và giữ câu trả lời.",
        en="When a patient books on her insurance the program checks her card and keeps the answer.",
    ),
    Allow(
        name="referral-kept", roles="booking-service", may="crus", types="Media", purpose=Purpose.PATIENT,
        law="TT 01/2025/TT-BYT Đ9–10; QĐ 1313/QĐ-BYT (bước 1)",
        vi="Chương trình giữ ảnh giấy chuyển, giấy hẹn mà người bệnh gửi kèm lịch hẹn của mình; tiếp đón xem qua đó.",
        en="The program keeps the photos of referrals and slips that patients send with their appointment, and shows "
        "them to the desk.",
    ),
    Allow(
        name="referral-pictures", roles="booking-service", may="cr", types="Binary", purpose=Purpose.PATIENT,
        law="TT 01/2025/TT-BYT Đ9–10; QĐ 1313/QĐ-BYT (bước 1)",
        vi="Chương trình giữ chính các ảnh ấy, chỉ mở qua lịch hẹn.",
        en="The program keeps these pictures themselves, which open by the appointment alone.",
    ),
    Allow(
        name="prepayment-kept", roles="payment-service", may="crus", types="Invoice PaymentReconciliation",
        purpose=Purpose.PAYMENT, law=LAW_PRICES,
        vi="Chương trình ghi khoản trả trước của lịch hẹn, tiền đã tới, tiền phải hoàn.",
        en="The program keeps what is paid before a visit, the money that came, and what is to be given back.",
    ),
    Allow(
        name="prepayment-of-booking", roles="payment-service", may="rs", types="Appointment", purpose=Purpose.PAYMENT,
        law=LAW_PRICES,
        vi="Chương trình xem lịch hẹn được trả trước.", en="The program sees the appointment that is paid for.",
    ),
    Allow(
        name="signed-papers-kept", roles="signing-service", may="cr", types="DocumentReference",
        purpose=Purpose.TREATMENT, law=LAW_SIGNED,
        vi="Chương trình giữ bản PDF mà bác sĩ đã ký bằng chứng thư số.",
        en="The program keeps the PDF that a doctor signed with her certificate.",
    ),
    Allow(
        name="pack-read", roles="pack-service", may="rs", types=f"{CHART} QuestionnaireResponse {HOUSE}",
        purpose=Purpose.TREATMENT, law="Luật KCB 15/2023 Đ69k3; CV 365/TTYQG-GPQLCL",
        vi="Chương trình đọc hồ sơ của người đang nằm ở một khoa, với mắt của khoa ấy, để viết gói dự phòng.",
        en="The program reads the records of who lies in a department, with that department's eyes, to write its pack.",
    ),
    Allow(
        name="pack-copied", roles="pack-service", may="px", types="Encounter", purpose=Purpose.TREATMENT,
        law="Luật KCB 15/2023 Đ69; CV 365/TTYQG-GPQLCL",
        vi="Chương trình chép hồ sơ ấy, mã hoá, vào gói mà khoa mở được khi mất hệ thống.",
        en="The program copies these records, encrypted, into the pack that the ward opens when everything is down.",
    ),
    Allow(
        name="notices-kept", roles="notice-service", may="crus", types="Communication Location",
        purpose=Purpose.OPERATIONS, law=LAW_PRICES,
        vi="Chương trình giữ tin, địa chỉ, giờ mở cửa mà phòng KHTH viết cho mọi người xem.",
        en="The program keeps the news, the address and the hours that planning writes for everybody.",
    ),
    Allow(
        name="stays-kept", roles="ward-service", may="crus", types="Encounter Location Task", purpose=Purpose.TREATMENT,
        law="Luật KCB 15/2023 Đ69k1; TT 32/2023/TT-BYT (43, 44/BV2)",
        vi="Chương trình ghi ai nằm giường nào, chuyển khoa, ra viện, khi bác sĩ, điều dưỡng làm việc ấy.",
        en="The program keeps who lies in which bed, is transferred or leaves, as doctors and nurses do it.",
    ),
    Allow(
        name="orders-ended", roles="ward-service", may="u", types="MedicationRequest ServiceRequest NutritionOrder",
        purpose=Purpose.TREATMENT, law="Luật KCB 15/2023 Đ69k1; TT 32/2023/TT-BYT (36/BV2)",
        vi="Chương trình ghi y lệnh đã ký là ngừng, hết hoặc được ghi tiếp, khi bác sĩ ký tờ điều trị.",
        en="The program keeps that a signed order was stopped, ran out or was carried on, as a doctor signs the sheet.",
    ),
    Allow(
        name="order-sets-kept", roles="ward-service", may="cu", types="PlanDefinition", purpose=Purpose.TREATMENT,
        law="Luật KCB 15/2023 Đ69k1",
        vi="Chương trình giữ bộ y lệnh mẫu của khoa khi bác sĩ của khoa lập hoặc bỏ.",
        en="The program keeps a department's order sets as its doctors make or retire them.",
    ),
    Allow(
        name="death-kept", roles="ward-service", may="ru", types="Patient", purpose=Purpose.TREATMENT,
        law="Luật KCB 15/2023 Đ69k1; Luật Hộ tịch 60/2014 Đ32–34",
        vi="Chương trình ghi giờ tử vong vào hồ sơ người bệnh khi bác sĩ kết luận.",
        en="The program writes the time of death into the patient's record as a doctor concludes it.",
    ),
    Allow(
        name="questions-kept", roles="question-service", may="crus", types="Communication", purpose=Purpose.TREATMENT,
        law=LAW_CARE,
        vi="Chương trình giữ câu hỏi của người bệnh và câu trả lời của bác sĩ, dưới tên người viết.",
        en="The program keeps what patients ask doctors and what these answer, in the name of who wrote it.",
    ),
    Allow(
        name="question-files", roles="question-service", may="cr", types="DocumentReference",
        purpose=Purpose.TREATMENT, law=LAW_CARE,
        vi="Chương trình giữ ảnh, giấy tờ gửi kèm câu hỏi và câu trả lời.",
        en="The program keeps the pictures and papers sent with questions and answers.",
    ),
    Allow(
        name="questions-routed", roles="question-service", may="rs", types="PractitionerRole",
        purpose=Purpose.OPERATIONS, law="Luật KCB 15/2023 Đ9",
        vi="Chương trình đọc bác sĩ nào trả lời chuyên khoa nào, giờ nào.",
        en="The program reads which doctor answers for which specialty, and when.",
    ),
    Allow(
        name="remote-asked", roles="remote-service", may="crus", types="Task Communication", purpose=Purpose.PATIENT,
        law="Luật KCB 15/2023 Đ80; NĐ 96/2023/NĐ-CP Đ87",
        vi="Chương trình giữ yêu cầu khám từ xa của người bệnh và điều họ kể.",
        en="The program keeps what patients ask and tell when they want to be seen at a distance.",
    ),
    Allow(
        name="remote-pictures", roles="remote-service", may="cr", types="Binary", purpose=Purpose.PATIENT,
        law="Luật KCB 15/2023 Đ80; NĐ 96/2023/NĐ-CP Đ87",
        vi="Chương trình giữ ảnh gửi kèm yêu cầu khám từ xa.", en="The program keeps the pictures sent with it.",
    ),
    Allow(
        name="remote-offered", roles="remote-service", may="rs",
        types="Patient HealthcareService Practitioner PractitionerRole", purpose=Purpose.PATIENT,
        law="NĐ 96/2023/NĐ-CP Đ87k2",
        vi="Chương trình đọc chuyên khoa, bác sĩ đã công bố khám từ xa.",
        en="The program reads which specialties and doctors see people at a distance.",
    ),
    Allow(
        name="numbers-found", roles="finder-service", may="rs", types="Patient Encounter",
        purpose=Purpose.OPERATIONS, law="Luật 91/2025/QH15 Đ19; TT 13/2025/TT-BYT Đ5",
        vi="Chương trình tìm người bệnh theo số để mở khẩn cấp hồ sơ, để giám sát truy cập; không cho ai xem gì thêm.",
        en="The program finds a patient by a number, to break the glass or to review access; it shows nothing more.",
    ),
    Allow(
        name="phone-finds-record", roles="phone-service", may="rs", types="Patient", purpose=Purpose.PATIENT,
        law="Luật KCB 15/2023 Đ12k1",
        vi="Chương trình tìm hồ sơ theo số điện thoại đã chứng minh, rồi hỏi ngày sinh.",
        en="The program finds records by a telephone that was proved, then asks for the birth date.",
    ),
    Allow(
        name="relation-left", roles="relation-service", may="ru", types="RelatedPerson", purpose=Purpose.PATIENT,
        law="BLDS 91/2015 Đ140, Đ62",
        vi="Chương trình ghi vào hồ sơ rằng người thay mặt đã thôi.",
        en="The program writes into the record that somebody acts for the patient no more.",
    ),
    Allow(
        name="glass-told", roles="telling-service", may="r", types="Patient RelatedPerson", purpose=Purpose.PATIENT,
        law="Luật 91/2025/QH15 Đ19",
        vi="Chương trình xem điện thoại của người bệnh, hoặc của người giám hộ trẻ, để báo hồ sơ vừa được mở khẩn cấp.",
        en="The program sees the telephone of a patient, or of a child's guardian, to tell of a broken glass.",
    ),
    Allow(
        name="messages-made", roles="telling-service", may="rs",
        types="Appointment Task DiagnosticReport Communication Encounter",
        purpose=Purpose.PATIENT, law="QĐ 1313/QĐ-BYT; Luật KCB 15/2023 Đ10",
        vi="Chương trình xem lịch hẹn, số thứ tự, phiếu đã trả, câu trả lời, lượt khám đã xong để nhắn người bệnh rằng "
        "có việc; tin không nói về bệnh.",
        en="The program sees appointments, tickets, released reports, answers and ended visits to tell patients that "
        "there is something to see or say; a message says nothing of health.",
    ),
    Allow(
        name="subscriptions-kept", roles="subscription-service", may="ru", types="Subscription", purpose=Purpose.SYSTEM,
        law=LAW_TRACE,
        vi="Chương trình ghi trạng thái đăng ký nhận tin.", en="The program keeps the state of subscriptions.",
    ),
    Allow(
        name="figures-counted", roles="figures-service", may="rs",
        types="Encounter Appointment Condition Location HealthcareService Organization QuestionnaireResponse"
        " MedicationRequest", purpose=Purpose.PUBLIC_HEALTH,
        law="TT 38/2024/TT-BYT",
        vi="Chương trình đếm số liệu cho Sở; không giữ tên ai.",
        en="The program counts figures for the province; no names.",
    ),
    Allow(
        name="loader-brings-in", roles="loader", may="crus", types=EVERY_TYPE, purpose=Purpose.SYSTEM, law=LAW_TRACE,
        vi="Người vận hành nạp dữ liệu cũ của cơ sở.", en="The operator loads the facility's former data.",
    ),
    Allow(
        name="operator-exports", roles="loader", may="x", types=EVERY_TYPE, purpose=Purpose.SYSTEM, law=LAW_TRACE,
        vi="Người vận hành xuất dữ liệu của cơ sở để chuyển đi.",
        en="The operator exports the facility's data to move it.",
    ),
    Allow(
        name="consents-kept", roles="rights-service", may="crus", types="Consent", purpose=Purpose.PATIENT,
        law=LAW_CONSENT,
        vi="Chương trình ghi đồng ý của người bệnh khi chính họ, hoặc nhân viên tại quầy cùng họ, cho hay rút.",
        en="The program keeps a patient's consents as she, or staff with her at the desk, give and withdraw them.",
    ),
    Allow(
        name="requests-kept", roles="rights-service", may="crus", types="Communication", purpose=Purpose.PATIENT,
        law=LAW_CONSENT,
        vi="Chương trình ghi yêu cầu của người bệnh về dữ liệu của mình, và câu trả lời của cơ sở.",
        en="The program keeps what patients ask about their data, and what the facility answers.",
    ),
    Allow(
        name="restriction-kept", roles="rights-service", may="u", types="Patient", purpose=Purpose.PATIENT,
        law=LAW_CONSENT,
        vi="Chương trình gắn, bỏ nhãn hạn chế trên hồ sơ theo yêu cầu của người bệnh.",
        en="The program puts the label of a restriction on a record, and takes it off, as the patient asks.",
    ),
    Allow(
        name="forms-kept", roles="archive-service", may="cr", types="Questionnaire", purpose=Purpose.OPERATIONS,
        law="TT 32/2023/TT-BYT Đ51",
        vi="Chương trình giữ nguyên bản mẫu mà một hồ sơ được lập theo.",
        en="The program keeps the very version of a form by which a record is opened.",
    ),
    Allow(
        name="archive-kept", roles="archive-service", may="cru", types="DocumentManifest",
        purpose=Purpose.OPERATIONS, law=LAW_ARCHIVE,
        vi="Chương trình ghi việc đưa hồ sơ vào lưu trữ, lấy ra, khi phòng KHTH làm việc ấy.",
        en="The program keeps what planning hands to the archive and takes out of it.",
    ),
    Allow(
        name="consents-asked", roles="rights-service", may="rs", types="Patient Organization Practitioner",
        purpose=Purpose.PATIENT, law=LAW_CONSENT,
        vi="Chương trình xem tuổi của người bệnh và tên người, khoa được nêu trong đồng ý.",
        en="The program sees the age of the patient and the names of people and departments that a consent names.",
    ),
)  # fmt: skip
