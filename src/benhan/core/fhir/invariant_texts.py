"""What the invariants that people meet ask for, in Vietnamese; the others speak HL7's English."""

from __future__ import annotations

from benhan.core.language import later

SAID: dict[str, str] = {
    "ait-1": later("phải có trạng thái lâm sàng, trừ khi ghi nhầm"),
    "ait-2": later("bản ghi nhầm không có trạng thái lâm sàng"),
    "app-2": later("giờ bắt đầu và giờ kết thúc phải có cả hai hoặc không có"),
    "app-3": later("chỉ lịch hẹn đề xuất, đã huỷ hoặc đang chờ mới được thiếu giờ"),
    "att-1": later("có dữ liệu thì phải có kiểu nội dung"),
    "bdl-3": later("entry.request phải có ở batch, transaction, history và chỉ ở đó"),
    "bdl-7": later("fullUrl không được trùng, trừ khi khác phiên bản"),
    "con-4": later("có thời điểm khỏi bệnh thì trạng thái lâm sàng phải là đã khỏi, đã lui hoặc không hoạt động"),
    "con-5": later("chẩn đoán ghi nhầm không có trạng thái lâm sàng"),
    "cpt-2": later("có số điện thoại hay địa chỉ thì phải có loại liên lạc (system)"),
    "dom-2": later("tài nguyên nằm trong không được chứa tài nguyên khác"),
    "dom-3": later("tài nguyên nằm trong phải được tham chiếu tới"),
    "dom-4": later("tài nguyên nằm trong không có phiên bản riêng"),
    "dom-5": later("tài nguyên nằm trong không có nhãn bảo mật riêng"),
    "dom-6": later("nên có phần mô tả cho người đọc (text)"),
    "ext-1": later("phần mở rộng có giá trị hoặc có phần mở rộng con, không cả hai"),
    "obs-3": later("khoảng tham chiếu phải có cận dưới, cận trên hoặc mô tả"),
    "obs-6": later("đã có kết quả thì không ghi lý do thiếu kết quả"),
    "obs-7": later("thành phần trùng mã với chỉ số thì chỉ số không có kết quả riêng"),
    "org-1": later("tổ chức phải có tên hoặc mã định danh"),
    "pat-1": later("người liên hệ phải có tên, điện thoại, địa chỉ hoặc tổ chức"),
    "per-1": later("bắt đầu phải trước kết thúc"),
    "qty-3": later("có mã đơn vị thì phải có hệ mã"),
    "rat-1": later("tử số và mẫu số phải có cả hai hoặc không có"),
    "ref-1": later("tham chiếu “#…” phải trỏ tới tài nguyên nằm trong (contained)"),
    "rng-2": later("cận dưới không được lớn hơn cận trên"),
}
