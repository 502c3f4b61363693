"""The rules about records, to be read by a lawyer: who may do what with which records, and what stays closed.

A rule that allows gives letters on types to a role. A rule that denies closes records that carry a label, until
something lifts it; it wins over every rule that allows. Nothing is allowed that does not stand here. Each rule says in
Vietnamese and English what it means, and on which article it rests. `policy.py` checks and compiles them when the
program starts; docs/why/policy.md shows them as one table.

What the words mean stands in `vocabulary.py`. Letters: c create, r read (with history), u update, d delete, s search;
p print, x export, h share. Reading is not copying: who may read a record may not print or share it for that.
"""

from __future__ import annotations

from typing import Final

from benhan.core.access.acting import Part
from benhan.core.access.vocabulary import (
    EVERY_TYPE,
    PERSONS_KNOWN_HERE,
    RESTRICTED,
    SENSITIVE,
    VERY_RESTRICTED,
    Allow,
    Break,
    Default,
    Deny,
    Lift,
    Purpose,
    State,
)

#: The house itself: who works where, when there is room. Everybody at the facility may read it.
_HOUSE = (
    "Organization Location HealthcareService Practitioner PractitionerRole Schedule Slot Medication "
    "CodeSystem ValueSet ConceptMap"
)
_CHART = (
    "Patient Encounter Appointment Task Observation Condition ServiceRequest DiagnosticReport MedicationRequest "
    "AllergyIntolerance Immunization Composition Provenance Coverage CoverageEligibilityResponse Media"
)
_COPIED = "Patient Encounter MedicationRequest Composition DiagnosticReport"
_RESULTS = "Patient Encounter ServiceRequest Observation DiagnosticReport Task Condition AllergyIntolerance Media"
_LAW_CARE = "Luật KCB 15/2023 Đ69k3"
_LAW_TRACE = "TT 13/2025/TT-BYT Đ5"
_LAW_ACTING = "Luật KCB 15/2023 Đ8, Đ12; BLDS 91/2015 Đ46–63, Đ138"
_LAW_CONSENT = "Luật 91/2025/QH15; NĐ 356/2025/NĐ-CP"
_LAW_SIGNED = "TT 13/2025/TT-BYT; Luật KCB 15/2023 Đ7k10; Luật 20/2023 Đ23"
_LAW_PRICES = "Luật KCB 15/2023 Đ110"
_LAW_ARCHIVE = "Luật KCB 15/2023 Đ69k4; TT 33/2025/TT-BYT"

ALLOWED: Final[tuple[Allow, ...]] = (
    Allow(
        name="house", roles="reception doctor nurse laboratory imaging pharmacy cashier planning",
        may="rs", types=_HOUSE, purpose=Purpose.OPERATIONS, law=_LAW_TRACE,
        vi="Nhân viên xem khoa phòng, người làm việc, lịch và danh mục của cơ sở.",
        en="Staff see departments, people who work here, schedules and catalogues of the facility.",
    ),
    Allow(
        name="reception-registers", roles="reception", may="crus",
        types="Patient Appointment Encounter Task Coverage CoverageEligibilityRequest CoverageEligibilityResponse "
        "RelatedPerson Schedule Slot",
        purpose=Purpose.ADMINISTRATION, law="QĐ 1313/QĐ-BYT (bước 1–2)",
        vi="Tiếp đón đăng ký, đặt hẹn, mở lượt khám, kiểm tra thẻ BHYT.",
        en="Reception registers people, books, opens visits and checks insurance cards.",
    ),
    Allow(
        name="reception-sees-orders", roles="reception", may="rs", types="AllergyIntolerance ServiceRequest",
        purpose=Purpose.ADMINISTRATION, law="QĐ 1313/QĐ-BYT",
        vi="Tiếp đón xem chỉ định và dị ứng để hướng dẫn người bệnh.",
        en="Reception sees orders and allergies to guide the patient.",
    ),
    Allow(
        name="doctor-reads-chart", roles="doctor", may="rs", types=_CHART, purpose=Purpose.TREATMENT, law=_LAW_CARE,
        vi="Bác sĩ đọc hồ sơ bệnh án của cơ sở nơi người bệnh được chữa.",
        en="Doctors read the record at the facility that treats the patient.",
    ),
    Allow(
        name="doctor-writes-chart", roles="doctor", may="crus",
        types="Encounter Task Observation Condition ServiceRequest MedicationRequest AllergyIntolerance Immunization "
        "Composition",
        purpose=Purpose.TREATMENT, law="Luật KCB 15/2023 Đ69k1",
        vi="Bác sĩ ghi lượt khám, chẩn đoán, chỉ định, đơn thuốc, phiếu.",
        en="Doctors write visits, diagnoses, orders, prescriptions and papers.",
    ),
    Allow(
        name="doctor-books", roles="doctor", may="cru", types="Appointment", purpose=Purpose.TREATMENT,
        law="QĐ 1313/QĐ-BYT",
        vi="Bác sĩ hẹn tái khám.", en="Doctors book a return visit.",
    ),
    Allow(
        name="doctor-takes-slot", roles="doctor", may="u", types="Slot", purpose=Purpose.TREATMENT,
        law="QĐ 1313/QĐ-BYT",
        vi="Hẹn tái khám chiếm một chỗ trống.", en="A return visit takes a free slot.",
    ),
    Allow(
        name="doctor-signs", roles="doctor", may="cr", types="Provenance", purpose=Purpose.TREATMENT,
        law="TT 13/2025/TT-BYT; Luật 20/2023 Đ23",
        vi="Bác sĩ ký số phiếu.", en="Doctors sign papers.",
    ),
    Allow(
        name="nurse-reads-chart", roles="nurse", may="rs", types=_CHART, purpose=Purpose.TREATMENT, law=_LAW_CARE,
        vi="Điều dưỡng đọc hồ sơ bệnh án để chăm sóc.", en="Nurses read the record to give care.",
    ),
    Allow(
        name="nurse-measures", roles="nurse", may="crus", types="Observation Task AllergyIntolerance Immunization",
        purpose=Purpose.TREATMENT, law="Luật KCB 15/2023 Đ69k1",
        vi="Điều dưỡng ghi dấu hiệu sinh tồn, dị ứng, tiêm chủng, gọi số.",
        en="Nurses write vital signs, allergies and immunizations, and call.",
    ),
    Allow(
        name="nurse-moves-visit", roles="nurse", may="u", types="Encounter", purpose=Purpose.TREATMENT,
        law="QĐ 1313/QĐ-BYT",
        vi="Điều dưỡng chuyển trạng thái lượt khám.", en="Nurses move a visit along.",
    ),
    Allow(
        name="technician-reads", roles="laboratory imaging", may="rs", types=_RESULTS, purpose=Purpose.TREATMENT,
        law=_LAW_CARE,
        vi="Xét nghiệm, chẩn đoán hình ảnh đọc chỉ định và kết quả liên quan.",
        en="Laboratory and imaging read orders and the results that belong to them.",
    ),
    Allow(
        name="laboratory-reports", roles="laboratory", may="cu",
        types="Observation DiagnosticReport Specimen Task Provenance", purpose=Purpose.TREATMENT,
        law="QĐ 1313/QĐ-BYT (bước 3)",
        vi="Xét nghiệm nhận mẫu, ghi và trả kết quả.", en="The laboratory takes samples, writes and releases results.",
    ),
    Allow(
        name="imaging-reports", roles="imaging", may="cu", types="Observation DiagnosticReport Task Provenance",
        purpose=Purpose.TREATMENT, law="QĐ 1313/QĐ-BYT (bước 3)",
        vi="Chẩn đoán hình ảnh ghi và trả kết quả.", en="Imaging writes and releases results.",
    ),
    Allow(
        name="technician-moves-order", roles="laboratory imaging", may="u", types="ServiceRequest",
        purpose=Purpose.TREATMENT, law="QĐ 1313/QĐ-BYT (bước 3)",
        vi="Nơi thực hiện chuyển trạng thái chỉ định.", en="Who carries an order out moves it along.",
    ),
    Allow(
        name="pharmacy-reads", roles="pharmacy", may="rs",
        types="Patient Encounter MedicationRequest AllergyIntolerance Task",
        purpose=Purpose.TREATMENT, law=_LAW_CARE,
        vi="Dược đọc đơn và dị ứng để cấp thuốc.", en="The pharmacy reads prescriptions and allergies to dispense.",
    ),
    Allow(
        name="pharmacy-keeps-list", roles="pharmacy", may="cu", types="Medication", purpose=Purpose.OPERATIONS,
        law=_LAW_TRACE,
        vi="Dược giữ danh mục thuốc.", en="The pharmacy keeps the list of medicines.",
    ),
    Allow(
        name="cashier-reads", roles="cashier", may="rs",
        types="Patient Encounter ServiceRequest MedicationRequest Coverage Task", purpose=Purpose.PAYMENT,
        law="Luật KCB 15/2023 Đ69k3",
        vi="Thu ngân đọc dịch vụ và thuốc đã chỉ định để thu, thanh toán.",
        en="The cashier reads ordered services and medicines to charge and settle.",
    ),
    Allow(
        name="planning-reads-chart", roles="planning", may="rs", types=_CHART, purpose=Purpose.OPERATIONS,
        law="Luật KCB 15/2023 Đ69k4; TT 13/2025/TT-BYT Đ5",
        vi="Phòng KHTH đọc hồ sơ bệnh án để quản lý, lưu trữ.",
        en="Planning reads the record to manage and archive it.",
    ),
    Allow(
        name="planning-schedules", roles="planning", may="cu", types="Schedule Slot Appointment",
        purpose=Purpose.OPERATIONS, law="QĐ 1313/QĐ-BYT",
        vi="Phòng KHTH lập lịch khám.", en="Planning makes the schedules.",
    ),
    Allow(
        name="administrator-keeps-house", roles="administrator", may="crus", types=_HOUSE, purpose=Purpose.SYSTEM,
        law=_LAW_TRACE,
        vi="Quản trị giữ khoa phòng, người làm việc, danh mục.",
        en="The administrator keeps departments, people and catalogues.",
    ),
    Allow(
        name="administrator-defines-search", roles="administrator", may="cruds", types="SearchParameter",
        purpose=Purpose.SYSTEM, law=_LAW_TRACE,
        vi="Quản trị định nghĩa điều kiện tìm của cơ sở.",
        en="The administrator defines the facility's search parameters.",
    ),
    Allow(
        name="administrator-moves-bookings", roles="administrator", may="rus", types="Appointment",
        purpose=Purpose.ADMINISTRATION, law="QĐ 1313/QĐ-BYT",
        vi="Quản trị chuyển lịch hẹn khi lịch khám thay đổi.",
        en="The administrator moves bookings when schedules change.",
    ),
    Allow(
        name="administrator-sees-queues", roles="administrator", may="rs", types="Task",
        purpose=Purpose.ADMINISTRATION, law="QĐ 1313/QĐ-BYT",
        vi="Quản trị xem hàng chờ.", en="The administrator sees the queues.",
    ),
    Allow(
        name="reviewer-reads-visits", roles="reviewer", may="rs",
        types="Organization Location Practitioner PractitionerRole Patient Encounter Appointment",
        purpose=Purpose.OPERATIONS, law="TT 13/2025/TT-BYT Đ5",
        vi="Giám sát truy cập biết ai khám với ai, có lượt khám hay không; không đọc nội dung bệnh án.",
        en="The reviewer of access sees who was seen by whom and whether there was a visit; nothing of the chart.",
    ),
    Allow(
        name="province-reads-lists", roles="province", may="rs", types="CodeSystem ValueSet ConceptMap",
        purpose=Purpose.PUBLIC_HEALTH, law="TT 38/2024/TT-BYT",
        vi="Sở Y tế đọc danh mục dùng chung; số liệu không có tên ai.",
        en="The province reads shared lists; its figures name nobody.",
    ),
    Allow(
        name="patient-reads-own", roles="patient", may="rs", types=_CHART, own=True, purpose=Purpose.PATIENT,
        law="Luật KCB 15/2023 Đ12k1, Đ69k4",
        vi="Người bệnh đọc hồ sơ của chính mình.", en="Patients read their own record.",
    ),
    Allow(
        name="patient-copies-own", roles="patient", may="pxh", types=_COPIED, own=True, purpose=Purpose.PATIENT,
        law="Luật KCB 15/2023 Đ12k1, Đ69k4",
        vi="Người bệnh lấy bản in, bản sao hồ sơ của chính mình, và đưa cho ai mình muốn.",
        en="Patients take copies of their own record and show it to whom they like.",
    ),
    Allow(
        name="relative-copies", roles="relative", may="pxh", types=_COPIED, own=True, part=Part.CHART,
        purpose=Purpose.PATIENT, law=_LAW_ACTING,
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
        purpose=Purpose.PATIENT, law=_LAW_ACTING,
        vi="Người thân, nơi được chia sẻ, đọc phần hành chính của người bệnh.",
        en="Relatives, and to whom the record is shown, read who the patient is.",
    ),
    Allow(
        name="relative-follows-visits", roles="relative shared", may="rs", types="Encounter Appointment Task", own=True,
        part=Part.VISITS, purpose=Purpose.PATIENT, law=_LAW_ACTING,
        vi="Người thân theo dõi lịch hẹn, số thứ tự, lượt khám nếu được giao phần ấy.",
        en="Relatives follow appointments, tickets and visits where the relation says so.",
    ),
    Allow(
        name="relative-reads-results", roles="relative shared", may="rs",
        types="DiagnosticReport Observation ServiceRequest Media", own=True, part=Part.RESULTS, purpose=Purpose.PATIENT,
        law=_LAW_ACTING,
        vi="Người thân đọc kết quả nếu được giao phần ấy.",
        en="Relatives read results where the relation says so.",
    ),
    Allow(
        name="relative-reads-medicines", roles="relative shared", may="rs",
        types="MedicationRequest AllergyIntolerance", own=True, part=Part.MEDICINES, purpose=Purpose.PATIENT,
        law=_LAW_ACTING,
        vi="Người thân đọc đơn thuốc, dị ứng nếu được giao phần ấy.",
        en="Relatives read prescriptions and allergies where the relation says so.",
    ),
    Allow(
        name="relative-reads-chart", roles="relative shared", may="rs", types=_CHART, own=True, part=Part.CHART,
        purpose=Purpose.PATIENT, law=_LAW_ACTING,
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
        name="referral-kept", roles="booking-service", may="crs", types="Media", purpose=Purpose.PATIENT,
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
        name="prices-seen",
        roles="reception doctor nurse cashier planning administrator patient relative public booking-service "
        "payment-service notice-service",
        may="rs", types="ChargeItemDefinition PlanDefinition", purpose=Purpose.PAYMENT, law=_LAW_PRICES,
        vi="Ai cũng xem được bảng giá, gói khám của cơ sở.", en="Everybody may see the facility's prices and packages.",
    ),
    Allow(
        name="prices-kept", roles="administrator", may="cu", types="ChargeItemDefinition PlanDefinition",
        purpose=Purpose.PAYMENT, law=_LAW_PRICES,
        vi="Quản trị giữ bảng giá, gói khám.", en="The administrator keeps the price list and the packages.",
    ),
    Allow(
        name="prepayment-kept", roles="payment-service", may="crus", types="Invoice PaymentReconciliation",
        purpose=Purpose.PAYMENT, law=_LAW_PRICES,
        vi="Chương trình ghi khoản trả trước của lịch hẹn, tiền đã tới, tiền phải hoàn.",
        en="The program keeps what is paid before a visit, the money that came, and what is to be given back.",
    ),
    Allow(
        name="prepayment-of-booking", roles="payment-service", may="rs", types="Appointment", purpose=Purpose.PAYMENT,
        law=_LAW_PRICES,
        vi="Chương trình xem lịch hẹn được trả trước.", en="The program sees the appointment that is paid for.",
    ),
    Allow(
        name="prepayment-seen", roles="reception cashier", may="rs", types="Invoice", purpose=Purpose.PAYMENT,
        law=_LAW_PRICES,
        vi="Tiếp đón, thu ngân xem người bệnh đã trả trước bao nhiêu.",
        en="Reception and the cashier see what a patient has paid before.",
    ),
    Allow(
        name="notices-kept", roles="notice-service", may="crus", types="Communication Location",
        purpose=Purpose.OPERATIONS, law=_LAW_PRICES,
        vi="Chương trình giữ tin, địa chỉ, giờ mở cửa mà phòng KHTH viết cho mọi người xem.",
        en="The program keeps the news, the address and the hours that planning writes for everybody.",
    ),
    Allow(
        name="questions-kept", roles="question-service", may="crus", types="Communication", purpose=Purpose.TREATMENT,
        law=_LAW_CARE,
        vi="Chương trình giữ câu hỏi của người bệnh và câu trả lời của bác sĩ, dưới tên người viết.",
        en="The program keeps what patients ask doctors and what these answer, in the name of who wrote it.",
    ),
    Allow(
        name="question-files", roles="question-service", may="cr", types="DocumentReference",
        purpose=Purpose.TREATMENT, law=_LAW_CARE,
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
        name="planning-registers-answering", roles="planning", may="cu", types="PractitionerRole",
        purpose=Purpose.OPERATIONS, law="Luật KCB 15/2023 Đ9",
        vi="Phòng KHTH đăng ký bác sĩ trả lời câu hỏi và giờ trả lời.",
        en="Planning registers who answers questions, and in which hours.",
    ),
    Allow(
        name="relative-reads-questions", roles="relative", may="rs", types="Communication", own=True, part=Part.CHART,
        purpose=Purpose.PATIENT, law=_LAW_ACTING,
        vi="Người giám hộ, hoặc người được cử cho toàn bộ hồ sơ, đọc câu hỏi gửi bác sĩ và câu trả lời.",
        en="Guardians, and who was named for the whole record, read questions to doctors and the answers.",
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
        law=_LAW_TRACE,
        vi="Chương trình ghi trạng thái đăng ký nhận tin.", en="The program keeps the state of subscriptions.",
    ),
    Allow(
        name="figures-counted", roles="figures-service", may="rs",
        types="Encounter Appointment Condition Location HealthcareService Organization", purpose=Purpose.PUBLIC_HEALTH,
        law="TT 38/2024/TT-BYT",
        vi="Chương trình đếm số liệu cho Sở; không giữ tên ai.",
        en="The program counts figures for the province; no names.",
    ),
    Allow(
        name="loader-brings-in", roles="loader", may="crus", types=EVERY_TYPE, purpose=Purpose.SYSTEM, law=_LAW_TRACE,
        vi="Người vận hành nạp dữ liệu cũ của cơ sở.", en="The operator loads the facility's former data.",
    ),
    Allow(
        name="operator-exports", roles="loader", may="x", types=EVERY_TYPE, purpose=Purpose.SYSTEM, law=_LAW_TRACE,
        vi="Người vận hành xuất dữ liệu của cơ sở để chuyển đi.",
        en="The operator exports the facility's data to move it.",
    ),
    Allow(
        name="consents-kept", roles="rights-service", may="crus", types="Consent", purpose=Purpose.PATIENT,
        law=_LAW_CONSENT,
        vi="Chương trình ghi đồng ý của người bệnh khi chính họ, hoặc nhân viên tại quầy cùng họ, cho hay rút.",
        en="The program keeps a patient's consents as she, or staff with her at the desk, give and withdraw them.",
    ),
    Allow(
        name="requests-kept", roles="rights-service", may="crus", types="Communication", purpose=Purpose.PATIENT,
        law=_LAW_CONSENT,
        vi="Chương trình ghi yêu cầu của người bệnh về dữ liệu của mình, và câu trả lời của cơ sở.",
        en="The program keeps what patients ask about their data, and what the facility answers.",
    ),
    Allow(
        name="restriction-kept", roles="rights-service", may="u", types="Patient", purpose=Purpose.PATIENT,
        law=_LAW_CONSENT,
        vi="Chương trình gắn, bỏ nhãn hạn chế trên hồ sơ theo yêu cầu của người bệnh.",
        en="The program puts the label of a restriction on a record, and takes it off, as the patient asks.",
    ),
    Allow(
        name="archive-kept", roles="archive-service", may="cru", types="DocumentManifest",
        purpose=Purpose.OPERATIONS, law=_LAW_ARCHIVE,
        vi="Chương trình ghi việc đưa hồ sơ vào lưu trữ, lấy ra, khi phòng KHTH làm việc ấy.",
        en="The program keeps what planning hands to the archive and takes out of it.",
    ),
    Allow(
        name="archive-seen", roles="planning", may="rs", types="DocumentManifest", purpose=Purpose.OPERATIONS,
        law=_LAW_ARCHIVE,
        vi="Phòng KHTH xem hồ sơ nào đã lưu trữ, ai đưa vào, lấy ra, vì sao.",
        en="Planning sees which record files are archived, who put them there or took them out, and why.",
    ),
    Allow(
        name="own-requests-seen", roles="patient", may="rs", types="Communication", own=True,
        purpose=Purpose.PATIENT, law=_LAW_CONSENT,
        vi="Người bệnh xem yêu cầu của chính mình và câu trả lời.", en="Patients see what they asked and the answer.",
    ),
    Allow(
        name="consents-asked", roles="rights-service", may="rs", types="Patient Organization Practitioner",
        purpose=Purpose.PATIENT, law=_LAW_CONSENT,
        vi="Chương trình xem tuổi của người bệnh và tên người, khoa được nêu trong đồng ý.",
        en="The program sees the age of the patient and the names of people and departments that a consent names.",
    ),
    Allow(
        name="consents-seen", roles="reception doctor nurse planning", may="rs", types="Consent",
        purpose=Purpose.ADMINISTRATION, law=_LAW_CONSENT,
        vi="Nhân viên xem người bệnh đã đồng ý những gì.", en="Staff see to what a patient has consented.",
    ),
    Allow(
        name="own-consents-seen", roles="patient", may="rs", types="Consent", own=True,
        purpose=Purpose.PATIENT, law=_LAW_CONSENT,
        vi="Người bệnh xem những đồng ý của chính mình.", en="Patients see their own consents.",
    ),
    # Reading is not copying (Law 15/2023 art. 69: a copy leaves the house).
    Allow(
        name="visit-papers-printed", roles="doctor nurse planning", may="p",
        types="Encounter MedicationRequest Composition",
        purpose=Purpose.TREATMENT, law="Luật KCB 15/2023 Đ69; TT 13/2025/TT-BYT Đ5",
        vi="Bác sĩ, điều dưỡng, phòng KHTH in phiếu khám và đơn thuốc.",
        en="Doctors, nurses and planning print visit sheets and prescriptions.",
    ),
    Allow(
        name="results-printed", roles="doctor nurse laboratory imaging planning", may="p",
        types="DiagnosticReport", purpose=Purpose.TREATMENT, law="Luật KCB 15/2023 Đ69; TT 13/2025/TT-BYT Đ5",
        vi="Nơi trả kết quả và nơi điều trị in phiếu kết quả.",
        en="Who releases results and who treats the patient print them.",
    ),
    Allow(
        name="tickets-printed", roles="reception", may="p", types="Task", purpose=Purpose.ADMINISTRATION,
        law="QĐ 1313/QĐ-BYT",
        vi="Tiếp đón in phiếu số thứ tự.", en="Reception prints tickets.",
    ),
    Allow(
        name="consents-printed", roles="reception doctor nurse planning", may="p", types="Consent",
        purpose=Purpose.ADMINISTRATION, law=_LAW_CONSENT,
        vi="Nhân viên in bằng chứng đồng ý cho người bệnh.", en="Staff print the proof of a consent for the patient.",
    ),
    Allow(
        name="requests-exported", roles="planning", may="x", types="Communication", purpose=Purpose.OPERATIONS,
        law=_LAW_CONSENT,
        vi="Phòng KHTH xuất danh sách yêu cầu để báo cáo.", en="Planning exports the list of requests to report.",
    ),
    Allow(
        name="own-consents-printed", roles="patient", may="p", types="Consent", own=True,
        purpose=Purpose.PATIENT, law=_LAW_CONSENT,
        vi="Người bệnh in bằng chứng đồng ý của mình.", en="Patients print the proof of their consents.",
    ),
    Allow(
        name="medicines-exported", roles="pharmacy administrator", may="x", types="Medication",
        purpose=Purpose.OPERATIONS, law=_LAW_TRACE,
        vi="Dược, quản trị xuất danh mục thuốc.", en="The pharmacy and the administrator export the list of medicines.",
    ),
    Allow(
        name="own-record-handed-over", roles="reception doctor nurse laboratory imaging planning", may="h",
        types="Patient", purpose=Purpose.PATIENT, law="Luật KCB 15/2023 Đ12k1",
        vi="Nhân viên đưa người bệnh đường dẫn riêng tới hồ sơ của chính họ.",
        en="Staff hand patients a personal link to their own record.",
    ),
)  # fmt: skip

_CLINICAL = "doctor nurse laboratory imaging planning administrator"
_LIFTS = (Lift.DEPARTMENT_CARE, Lift.BREAK_GLASS, Lift.CONSENT)
#: Who is no archive: everybody at the facility but planning, and programs.
_OUTSIDE_ARCHIVE = "reception doctor nurse laboratory imaging pharmacy cashier administrator reviewer client"

DENIED: Final[tuple[Deny, ...]] = (
    Deny(
        name="sensitive-outside-care", roles=f"{_CLINICAL} pharmacy cashier reviewer", may_not="rudspxh",
        types=EVERY_TYPE, labels=SENSITIVE, unless=_LIFTS,
        law="Luật 91/2025/QH15; Luật 64/2006 (sửa đổi 71/2020) Đ30; Luật KCB 15/2023 Đ69k3",
        vi="Bản ghi nhạy cảm (HIV, tâm thần, …) chỉ mở cho người, khoa đang hoặc vừa chăm sóc người bệnh.",
        en="Sensitive records (HIV, mental health, …) open only to who cares for the patient, or did lately.",
    ),
    Deny(
        name="sensitive-at-the-desk", roles="reception", may_not="rudspxh",
        types="AllergyIntolerance ServiceRequest DiagnosticReport Consent", labels=SENSITIVE, unless=_LIFTS,
        law="Luật 91/2025/QH15; Luật 64/2006 (sửa đổi 71/2020) Đ30",
        vi="Tiếp đón không thấy chỉ định, kết quả nhạy cảm.", en="Reception does not see sensitive orders and results.",
    ),
    Deny(
        name="very-restricted", roles=f"{_CLINICAL} reception pharmacy cashier reviewer", may_not="rudspxh",
        types=EVERY_TYPE, labels=VERY_RESTRICTED, unless=(Lift.MY_CARE, Lift.BREAK_GLASS, Lift.CONSENT),
        law="Luật 91/2025/QH15",
        vi="Bản ghi rất hạn chế chỉ mở cho chính người đang hoặc vừa chăm sóc người bệnh, không cho cả khoa.",
        en="Very restricted records open only to the person who gives the care, not to her department.",
    ),
    Deny(
        name="colleague-as-patient", roles=_CLINICAL, may_not="rudspxh", types=EVERY_TYPE, labels=PERSONS_KNOWN_HERE,
        unless=_LIFTS, law="Luật KCB 15/2023 Đ10, Đ69k3",
        vi="Hồ sơ của đồng nghiệp, người nhiều người biết chỉ mở cho người, khoa đang hoặc vừa chăm sóc.",
        en="A colleague's record, or that of somebody everybody knows, opens only to who cares for her.",
    ),
    Deny(
        name="restricted-by-the-patient", roles="planning administrator client", may_not="rudspxh", types=EVERY_TYPE,
        labels=RESTRICTED, unless=(Lift.DEPARTMENT_CARE, Lift.BREAK_GLASS), law=_LAW_CONSENT,
        vi="Người bệnh đã yêu cầu hạn chế: hồ sơ chỉ dùng để chữa bệnh và việc luật buộc.",
        en="The patient asked for it: the record is used for care and for what the law orders, and nothing else.",
    ),
    Deny(
        name="signed-not-changed", roles=f"{_OUTSIDE_ARCHIVE} planning loader", may_not="u",
        types="Encounter Composition Condition MedicationRequest Provenance", labels=State.CLOSED, unless=(),
        law=_LAW_SIGNED,
        vi="Lượt khám đã xong và đã ký thì không ai sửa phiếu, chẩn đoán, đơn thuốc, chữ ký; chỉ ghi và ký bổ sung.",
        en="When a visit is finished and signed nobody changes its note, diagnoses, prescriptions, signatures: only "
        "signed additions.",
    ),
    Deny(
        name="signed-readings-not-changed", roles="doctor nurse", may_not="u", types="Observation",
        labels=State.CLOSED, unless=(), law=_LAW_SIGNED,
        vi="Nơi chỉ định, chăm sóc không sửa số đo, kết quả đã ký; nơi trả kết quả đính chính bằng bản mới, nêu lý do.",
        en="Who orders and cares does not change signed readings; who released a result corrects it, and says why.",
    ),
    Deny(
        name="signed-not-deleted", roles=f"{_OUTSIDE_ARCHIVE} planning loader", may_not="d", types=EVERY_TYPE,
        labels=State.CLOSED, unless=(), law=_LAW_SIGNED,
        vi="Không ai xoá bản ghi của lượt khám đã xong và đã ký.",
        en="Nobody deletes a record of a visit that is finished and signed.",
    ),
    Deny(
        name="archived-opens-to-care", roles=_OUTSIDE_ARCHIVE, may_not="rs", types=EVERY_TYPE, labels=State.ARCHIVED,
        unless=(*_LIFTS, Lift.OWN_RECORD), law=_LAW_ARCHIVE,
        vi="Hồ sơ đã lưu trữ chỉ mở cho phòng KHTH, người, khoa đang hoặc vừa chăm sóc, chính người bệnh, và ai được "
        "người bệnh đồng ý hay mở khẩn cấp.",
        en="An archived record opens to planning, to who cares for the patient or did lately, to herself, and to whom "
        "her consent or a broken glass lets in.",
    ),
    Deny(
        name="archived-not-changed", roles=f"{_OUTSIDE_ARCHIVE} planning loader", may_not="ud", types=EVERY_TYPE,
        labels=State.ARCHIVED, unless=(), law=_LAW_ARCHIVE,
        vi="Hồ sơ đã lưu trữ không ai sửa, xoá; kết quả đến muộn là bản bổ sung.",
        en="Nobody changes or deletes an archived record; what comes late is an addition.",
    ),
    Deny(
        name="archived-copied-by-planning", roles=_OUTSIDE_ARCHIVE, may_not="pxh", types=EVERY_TYPE,
        labels=State.ARCHIVED, unless=(), law=_LAW_ARCHIVE,
        vi="Hồ sơ đã lưu trữ chỉ phòng KHTH in, xuất, chia sẻ.",
        en="Of an archived record planning alone makes copies: prints, exports, shares.",
    ),
    Deny(
        name="licence-needed", roles="doctor", may_not="cu", types="Condition MedicationRequest Composition Provenance",
        unless=(Lift.LICENCE,), law="Luật KCB 15/2023 Đ19",
        vi="Nơi yêu cầu, chỉ người còn giấy phép hành nghề mới ghi chẩn đoán, kê đơn, ký.",
        en="Where the facility asks for it, only who holds a practice licence diagnoses, prescribes and signs.",
    ),
    Deny(
        name="minors-own-affairs", roles="relative shared", may_not="rudspxh", types=EVERY_TYPE, labels="ADOL",
        unless=(),
        law="Luật KCB 15/2023 Đ10; Luật Trẻ em 102/2016 Đ21",
        vi="Điều riêng tư của người chưa thành niên không mở cho cha mẹ, người giám hộ hay ai khác thay mặt.",
        en="A minor's own affairs open to nobody who acts for her, parents and guardians included.",
    ),
    Deny(
        name="labelled-to-relatives", roles="relative shared", may_not="rudspxh", types=EVERY_TYPE,
        labels=f"{SENSITIVE} {VERY_RESTRICTED}", unless=(Lift.RELATION,),
        law="Luật 91/2025/QH15; Luật 64/2006 (sửa đổi 71/2020) Đ30",
        vi="Bản ghi nhạy cảm không mở cho người thân, nơi được chia sẻ, trừ người giám hộ và ai được cho xem rõ ràng.",
        en="Sensitive records open to no relative but guardians, to nobody else whom the patient did not let in.",
    ),
    Deny(
        name="consent-not-by-programs", roles="client", may_not="cud", types="Consent", unless=(),
        law=_LAW_CONSENT,
        vi="Chương trình không ghi, sửa, xoá đồng ý: nếu được, nó tự cho phép mình.",
        en="A program writes, changes and deletes no consent: it could allow itself what it likes.",
    ),
    Deny(
        name="archive-not-by-programs", roles="client", may_not="cud", types="DocumentManifest", unless=(),
        law=_LAW_ARCHIVE,
        vi="Chương trình không đưa hồ sơ vào lưu trữ, không lấy ra.",
        en="A program puts nothing into the archive and takes nothing out.",
    ),
    Deny(
        name="labelled-to-programs", roles="client", may_not="rudspxh", types=EVERY_TYPE,
        labels=f"{SENSITIVE} {VERY_RESTRICTED} {PERSONS_KNOWN_HERE}", unless=(Lift.SCOPE, Lift.CONSENT),
        law="Luật 91/2025/QH15; Luật 64/2006 (sửa đổi 71/2020) Đ30",
        vi="Bản ghi có nhãn không ra khỏi cơ sở qua chương trình, trừ khi người quản trị cho riêng quyền ấy.",
        en="Labelled records do not leave by a program, unless its administrator gave it that scope by name.",
    ),
)  # fmt: skip

#: Reading and writing may save a life; a copy saves nobody (Law 91/2025 art. 19: no more than the emergency needs).
BREAKING: Final[tuple[Break, ...]] = (
    Break(
        name="emergency-opens", roles="doctor nurse", may="rsu",
        law="Luật 91/2025/QH15 Đ19; Luật KCB 15/2023 Đ69k3",
        vi="Bác sĩ, điều dưỡng mở khẩn cấp hồ sơ của một người bệnh, không quá 4 giờ, nêu lý do; lần nào cũng được báo "
        "cho người bệnh và xét lại. Chỉ xem và ghi, không in, không xuất, không chia sẻ.",
        en="In an emergency doctors and nurses open one patient's record for four hours at most and say why; the "
        "patient is told and each time is reviewed. To read and write only: not to print, export or share.",
    ),
)  # fmt: skip


#: For what no consent is asked: the patient reads it beside what she is asked for. Source: Luật 91/2025/QH15 (uses that
#: other laws order), and the law that each names.
NO_CONSENT_NEEDED: Final[tuple[Default, ...]] = (
    Default(
        name="care-here",
        rules="doctor-reads-chart doctor-writes-chart nurse-reads-chart nurse-measures technician-reads pharmacy-reads "
        "laboratory-reports imaging-reports",
        law="Luật KCB 15/2023 Đ69k1, Đ69k3",
        vi="Chữa bệnh tại chính cơ sở này: người đang khám, chữa, chăm sóc bạn đọc và ghi hồ sơ của bạn.",
        en="Care at this facility: those who examine and treat you read and write your record.",
    ),
    Default(
        name="insurance-settled", rules="cashier-reads", law="Luật KCB 15/2023 Đ69k3; QĐ 3176/QĐ-BYT",
        vi="Thanh toán bảo hiểm y tế: thu ngân và cơ quan bảo hiểm xã hội xem dịch vụ, thuốc cần thanh toán.",
        en="Settling health insurance: the cashier and the social insurance see the services and medicines to be paid.",
    ),
    Default(
        name="disease-notified", rules="figures-counted", law="TT 15/2026/TT-BYT; NĐ 102/2025/NĐ-CP Đ23k2",
        vi="Báo cáo bệnh truyền nhiễm phải báo cáo, và số liệu không có tên ai cho Sở Y tế.",
        en="Reporting notifiable diseases, and figures for the health department that name nobody.",
    ),
    Default(
        name="record-kept", rules="planning-reads-chart", law="TT 33/2025/TT-BYT; Luật KCB 15/2023 Đ69k4",
        vi="Lưu trữ hồ sơ bệnh án đủ số năm luật định.", en="Keeping the record for the years that the law orders.",
    ),
)  # fmt: skip
