"""What the people who work at a facility, and at the department of health, may do."""

from __future__ import annotations

from typing import Final

from benhan.core.access.rules.common import (
    CHART,
    HOUSE,
    LAW_ARCHIVE,
    LAW_CARE,
    LAW_CONSENT,
    LAW_PRICES,
    LAW_TRACE,
    RESULTS,
)
from benhan.core.access.vocabulary import Allow, Purpose

STAFF: Final[tuple[Allow, ...]] = (
    Allow(
        name="house", roles="reception doctor nurse laboratory imaging pharmacy cashier planning",
        may="rs", types=HOUSE, purpose=Purpose.OPERATIONS, law=LAW_TRACE,
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
        name="doctor-reads-chart", roles="doctor", may="rs", types=CHART, purpose=Purpose.TREATMENT, law=LAW_CARE,
        vi="Bác sĩ đọc hồ sơ bệnh án của cơ sở nơi người bệnh được chữa.",
        en="Doctors read the record at the facility that treats the patient.",
    ),
    Allow(
        name="doctor-writes-chart", roles="doctor", may="crus",
        types="Encounter Task Observation Condition ServiceRequest MedicationRequest NutritionOrder AllergyIntolerance "
        "Immunization Composition",
        purpose=Purpose.TREATMENT, law="Luật KCB 15/2023 Đ69k1",
        vi="Bác sĩ ghi lượt khám, chẩn đoán, chỉ định, đơn thuốc, phiếu.",
        en="Doctors write visits, diagnoses, orders, prescriptions and papers.",
    ),
    Allow(
        name="record-written", roles="doctor", may="crus", types="QuestionnaireResponse", purpose=Purpose.TREATMENT,
        law="Luật KCB 15/2023 Đ69k1; TT 32/2023/TT-BYT Đ52",
        vi="Bác sĩ lập, ghi, đóng hồ sơ bệnh án theo mẫu.", en="Doctors open, write and close the forms of the record.",
    ),
    Allow(
        name="record-read", roles="nurse planning", may="rs", types="QuestionnaireResponse",
        purpose=Purpose.TREATMENT, law=LAW_CARE,
        vi="Điều dưỡng, phòng KHTH đọc hồ sơ bệnh án theo mẫu.", en="Nurses and planning read the forms of the record.",
    ),
    Allow(
        name="reopening-decided", roles="planning", may="u", types="Task", purpose=Purpose.OPERATIONS,
        law="TT 13/2025/TT-BYT Đ3; Luật KCB 15/2023 Đ7k10",
        vi="Phòng KHTH duyệt hoặc từ chối đề nghị mở lại hồ sơ đã đóng.",
        en="Planning grants or refuses what a doctor asks: that a closed record is opened again.",
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
        name="nurse-reads-chart", roles="nurse", may="rs", types=CHART, purpose=Purpose.TREATMENT, law=LAW_CARE,
        vi="Điều dưỡng đọc hồ sơ bệnh án để chăm sóc.", en="Nurses read the record to give care.",
    ),
    Allow(
        name="nurse-measures", roles="nurse", may="crus", types="Observation Task AllergyIntolerance Immunization",
        purpose=Purpose.TREATMENT, law="Luật KCB 15/2023 Đ69k1",
        vi="Điều dưỡng ghi dấu hiệu sinh tồn, dị ứng, tiêm chủng, gọi số.",
        en="Nurses write vital signs, allergies and immunizations, and call.",
    ),
    Allow(
        name="medicines-given", roles="nurse doctor", may="cu", types="MedicationAdministration",
        purpose=Purpose.TREATMENT, law="TT 23/2011/TT-BYT Đ5; TT 31/2021/TT-BYT",
        vi="Điều dưỡng, bác sĩ ghi liều thuốc đã cho dùng, bị từ chối hoặc không dùng.",
        en="Nurses and doctors write that a dose was given, refused or omitted.",
    ),
    Allow(
        name="nurse-moves-visit", roles="nurse", may="u", types="Encounter", purpose=Purpose.TREATMENT,
        law="QĐ 1313/QĐ-BYT",
        vi="Điều dưỡng chuyển trạng thái lượt khám.", en="Nurses move a visit along.",
    ),
    Allow(
        name="technician-reads", roles="laboratory imaging", may="rs", types=RESULTS, purpose=Purpose.TREATMENT,
        law=LAW_CARE,
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
        purpose=Purpose.TREATMENT, law=LAW_CARE,
        vi="Dược đọc đơn và dị ứng để cấp thuốc.", en="The pharmacy reads prescriptions and allergies to dispense.",
    ),
    Allow(
        name="pharmacy-keeps-list", roles="pharmacy", may="cu", types="Medication", purpose=Purpose.OPERATIONS,
        law=LAW_TRACE,
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
        name="planning-reads-chart", roles="planning", may="rs", types=CHART, purpose=Purpose.OPERATIONS,
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
        name="administrator-keeps-house", roles="administrator", may="crus", types=HOUSE, purpose=Purpose.SYSTEM,
        law=LAW_TRACE,
        vi="Quản trị giữ khoa phòng, người làm việc, danh mục.",
        en="The administrator keeps departments, people and catalogues.",
    ),
    Allow(
        name="administrator-defines-search", roles="administrator", may="cruds", types="SearchParameter",
        purpose=Purpose.SYSTEM, law=LAW_TRACE,
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
        name="prices-kept", roles="administrator", may="cu", types="ChargeItemDefinition PlanDefinition",
        purpose=Purpose.PAYMENT, law=LAW_PRICES,
        vi="Quản trị giữ bảng giá, gói khám.", en="The administrator keeps the price list and the packages.",
    ),
    Allow(
        name="prepayment-seen", roles="reception cashier", may="rs", types="Invoice", purpose=Purpose.PAYMENT,
        law=LAW_PRICES,
        vi="Tiếp đón, thu ngân xem người bệnh đã trả trước bao nhiêu.",
        en="Reception and the cashier see what a patient has paid before.",
    ),
    Allow(
        name="planning-registers-answering", roles="planning", may="cu", types="PractitionerRole",
        purpose=Purpose.OPERATIONS, law="Luật KCB 15/2023 Đ9",
        vi="Phòng KHTH đăng ký bác sĩ trả lời câu hỏi và giờ trả lời.",
        en="Planning registers who answers questions, and in which hours.",
    ),
    Allow(
        name="archive-seen", roles="planning", may="rs", types="DocumentManifest", purpose=Purpose.OPERATIONS,
        law=LAW_ARCHIVE,
        vi="Phòng KHTH xem hồ sơ nào đã lưu trữ, ai đưa vào, lấy ra, vì sao.",
        en="Planning sees which record files are archived, who put them there or took them out, and why.",
    ),
    Allow(
        name="consents-seen", roles="reception doctor nurse planning", may="rs", types="Consent",
        purpose=Purpose.ADMINISTRATION, law=LAW_CONSENT,
        vi="Nhân viên xem người bệnh đã đồng ý những gì.", en="Staff see to what a patient has consented.",
    ),
    # Reading is not copying (Law 15/2023 art. 69: a copy leaves the house).
    Allow(
        name="visit-papers-printed", roles="doctor nurse planning", may="p",
        types="Encounter MedicationRequest Composition QuestionnaireResponse",
        purpose=Purpose.TREATMENT, law="Luật KCB 15/2023 Đ69; TT 13/2025/TT-BYT Đ5",
        vi="Bác sĩ, điều dưỡng, phòng KHTH in phiếu khám, đơn thuốc, hồ sơ bệnh án.",
        en="Doctors, nurses and planning print visit sheets, prescriptions and the forms of the record.",
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
        purpose=Purpose.ADMINISTRATION, law=LAW_CONSENT,
        vi="Nhân viên in bằng chứng đồng ý cho người bệnh.", en="Staff print the proof of a consent for the patient.",
    ),
    Allow(
        name="record-exported", roles="planning", may="x", types="Encounter", purpose=Purpose.OPERATIONS,
        law="Luật KCB 15/2023 Đ69; CV 365/TTYQG-GPQLCL (III.1.1 d)",
        vi="Phòng KHTH xuất hồ sơ bệnh án đã đóng, nêu lý do.",
        en="Planning exports closed records, and says why.",
    ),
    Allow(
        name="requests-exported", roles="planning", may="x", types="Communication", purpose=Purpose.OPERATIONS,
        law=LAW_CONSENT,
        vi="Phòng KHTH xuất danh sách yêu cầu để báo cáo.", en="Planning exports the list of requests to report.",
    ),
    Allow(
        name="medicines-exported", roles="pharmacy administrator", may="x", types="Medication",
        purpose=Purpose.OPERATIONS, law=LAW_TRACE,
        vi="Dược, quản trị xuất danh mục thuốc.", en="The pharmacy and the administrator export the list of medicines.",
    ),
    Allow(
        name="own-record-handed-over", roles="reception doctor nurse laboratory imaging planning", may="h",
        types="Patient", purpose=Purpose.PATIENT, law="Luật KCB 15/2023 Đ12k1",
        vi="Nhân viên đưa người bệnh đường dẫn riêng tới hồ sơ của chính họ.",
        en="Staff hand patients a personal link to their own record.",
    ),
)  # fmt: skip
