"""What stays closed and what opens it again; what an emergency opens; for what the law asks no consent."""

from __future__ import annotations

from typing import Final

from benhan.core.access.rules.common import LAW_ARCHIVE, LAW_CONSENT, LAW_SIGNED
from benhan.core.access.vocabulary import (
    EVERY_TYPE,
    PERSONS_KNOWN_HERE,
    RESTRICTED,
    SENSITIVE,
    VERY_RESTRICTED,
    Break,
    Default,
    Deny,
    Lift,
    State,
)

_CLINICAL = "doctor nurse laboratory imaging planning administrator"
_LIFTS = (Lift.DEPARTMENT_CARE, Lift.BREAK_GLASS, Lift.CONSENT)
#: Who is no archive: everybody at the facility but planning, and programs.
_OUTSIDE_ARCHIVE = "reception doctor nurse laboratory imaging pharmacy cashier administrator reviewer client"

DENIED: Final[tuple[Deny, ...]] = (
    Deny(
        name="sensitive-outside-care", roles=f"{_CLINICAL} pharmacy cashier reviewer pack-service", may_not="rudspxh",
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
        name="very-restricted", roles=f"{_CLINICAL} reception pharmacy cashier reviewer pack-service",
        may_not="rudspxh", types=EVERY_TYPE, labels=VERY_RESTRICTED,
        unless=(Lift.MY_CARE, Lift.BREAK_GLASS, Lift.CONSENT),
        law="Luật 91/2025/QH15",
        vi="Bản ghi rất hạn chế chỉ mở cho chính người đang hoặc vừa chăm sóc người bệnh, không cho cả khoa.",
        en="Very restricted records open only to the person who gives the care, not to her department.",
    ),
    Deny(
        name="colleague-as-patient", roles=f"{_CLINICAL} pack-service", may_not="rudspxh", types=EVERY_TYPE,
        labels=PERSONS_KNOWN_HERE, unless=_LIFTS, law="Luật KCB 15/2023 Đ10, Đ69k3",
        vi="Hồ sơ của đồng nghiệp, người nhiều người biết chỉ mở cho người, khoa đang hoặc vừa chăm sóc.",
        en="A colleague's record, or that of somebody everybody knows, opens only to who cares for her.",
    ),
    Deny(
        name="restricted-by-the-patient", roles="planning administrator client", may_not="rudspxh", types=EVERY_TYPE,
        labels=RESTRICTED, unless=(Lift.DEPARTMENT_CARE, Lift.BREAK_GLASS), law=LAW_CONSENT,
        vi="Người bệnh đã yêu cầu hạn chế: hồ sơ chỉ dùng để chữa bệnh và việc luật buộc.",
        en="The patient asked for it: the record is used for care and for what the law orders, and nothing else.",
    ),
    Deny(
        name="signed-not-changed", roles=f"{_OUTSIDE_ARCHIVE} planning loader", may_not="u",
        types="Encounter Composition Condition MedicationRequest NutritionOrder Provenance QuestionnaireResponse",
        labels=State.CLOSED, unless=(), law=LAW_SIGNED,
        vi="Lượt khám đã xong và đã ký thì không ai sửa phiếu, chẩn đoán, đơn thuốc, chữ ký; chỉ ghi và ký bổ sung.",
        en="When a visit is finished and signed nobody changes its note, diagnoses, prescriptions, signatures: only "
        "signed additions.",
    ),
    Deny(
        name="signed-stay-not-changed", roles="ward-service", may_not="u", types="Encounter", labels=State.CLOSED,
        unless=(), law=LAW_SIGNED,
        vi="Đợt nằm viện đã xong và đã ký thì chương trình cũng không sửa; y lệnh đã ký thì chỉ ghi là ngừng, hết.",
        en="A stay that is finished and signed the program does not change either; of a signed order it keeps that it "
        "was stopped or ran out.",
    ),
    Deny(
        name="signed-readings-not-changed", roles="doctor nurse", may_not="u", types="Observation",
        labels=State.CLOSED, unless=(), law=LAW_SIGNED,
        vi="Nơi chỉ định, chăm sóc không sửa số đo, kết quả đã ký; nơi trả kết quả đính chính bằng bản mới, nêu lý do.",
        en="Who orders and cares does not change signed readings; who released a result corrects it, and says why.",
    ),
    Deny(
        name="signed-not-deleted", roles=f"{_OUTSIDE_ARCHIVE} planning loader", may_not="d", types=EVERY_TYPE,
        labels=State.CLOSED, unless=(), law=LAW_SIGNED,
        vi="Không ai xoá bản ghi của lượt khám đã xong và đã ký.",
        en="Nobody deletes a record of a visit that is finished and signed.",
    ),
    Deny(
        name="archived-opens-to-care", roles=f"{_OUTSIDE_ARCHIVE} pack-service", may_not="rs", types=EVERY_TYPE,
        labels=State.ARCHIVED,
        unless=(*_LIFTS, Lift.OWN_RECORD), law=LAW_ARCHIVE,
        vi="Hồ sơ đã lưu trữ chỉ mở cho phòng KHTH, người, khoa đang hoặc vừa chăm sóc, chính người bệnh, và ai được "
        "người bệnh đồng ý hay mở khẩn cấp.",
        en="An archived record opens to planning, to who cares for the patient or did lately, to herself, and to whom "
        "her consent or a broken glass lets in.",
    ),
    Deny(
        name="archived-not-changed", roles=f"{_OUTSIDE_ARCHIVE} planning loader", may_not="ud", types=EVERY_TYPE,
        labels=State.ARCHIVED, unless=(), law=LAW_ARCHIVE,
        vi="Hồ sơ đã lưu trữ không ai sửa, xoá; kết quả đến muộn là bản bổ sung.",
        en="Nobody changes or deletes an archived record; what comes late is an addition.",
    ),
    Deny(
        name="archived-copied-by-planning", roles=f"{_OUTSIDE_ARCHIVE} pack-service", may_not="pxh", types=EVERY_TYPE,
        labels=State.ARCHIVED, unless=(), law=LAW_ARCHIVE,
        vi="Hồ sơ đã lưu trữ chỉ phòng KHTH in, xuất, chia sẻ.",
        en="Of an archived record planning alone makes copies: prints, exports, shares.",
    ),
    Deny(
        name="licence-needed", roles="doctor", may_not="cu",
        types="Condition MedicationRequest Composition Provenance QuestionnaireResponse",
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
        law=LAW_CONSENT,
        vi="Chương trình không ghi, sửa, xoá đồng ý: nếu được, nó tự cho phép mình.",
        en="A program writes, changes and deletes no consent: it could allow itself what it likes.",
    ),
    Deny(
        name="archive-not-by-programs", roles="client", may_not="cud", types="DocumentManifest", unless=(),
        law=LAW_ARCHIVE,
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
