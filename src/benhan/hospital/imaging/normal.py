"""Normal reports to begin from: technique, findings, conclusion, in Benhan's own words, for the commonest services.

A reader takes one and changes what she sees; nothing is filled in by itself. Pure.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Normal(NamedTuple):
    """A report of somebody in whom nothing is wrong; `services` are the codes it is offered for first."""

    key: str
    name: str
    modality: str
    services: frozenset[str]
    technique: str
    findings: str
    conclusion: str


NORMAL: Final = (
    Normal(
        "x-quang-nguc", "X-quang ngực thẳng", "DX", frozenset({"18.119", "18.120"}),
        "Chụp X-quang ngực thẳng, tư thế đứng, hít sâu.",
        "Khung xương lồng ngực cân đối, không thấy tổn thương.\nHai phế trường sáng đều, không thấy nốt hay đám mờ.\n"
        "Rốn phổi hai bên không to.\nBóng tim không to, trung thất không lệch.\n"
        "Vòm hoành đều, góc sườn hoành hai bên nhọn.",
        "Hình ảnh tim phổi trong giới hạn bình thường.",
    ),
    Normal(
        "sieu-am-bung", "Siêu âm ổ bụng", "US", frozenset({"18.15", "2.314", "1.239", "3.171"}),
        "Siêu âm ổ bụng tổng quát, đầu dò cong 3,5 MHz.",
        "Gan: không to, bờ đều, nhu mô đồng nhất, không thấy khối khu trú.\n"
        "Đường mật trong và ngoài gan không giãn. Túi mật không căng, thành mỏng, không sỏi.\n"
        "Tụy: kích thước bình thường, nhu mô đều. Lách: không to.\n"
        "Hai thận: kích thước bình thường, không sỏi, không ứ nước.\n"
        "Bàng quang: thành đều, không sỏi. Không có dịch tự do ổ bụng.",
        "Hiện tại không thấy bất thường trên siêu âm ổ bụng.",
    ),
    Normal(
        "dien-tim", "Điện tim", "ECG", frozenset({"21.14", "2.85"}),
        "Điện tim 12 chuyển đạo, 25 mm/s, 10 mm/mV.",
        "Nhịp xoang đều, tần số … l/ph.\nTrục trung gian. PR … ms, QRS … ms, QTc … ms.\n"
        "Sóng P bình thường. Không thấy thay đổi ST-T.",
        "Điện tim trong giới hạn bình thường.",
    ),
    Normal(
        "ct-so-nao", "CT sọ não không tiêm", "CT", frozenset({"18.149", "18.154"}),
        "Chụp cắt lớp vi tính sọ não, không tiêm thuốc cản quang, cửa sổ nhu mô và xương.",
        "Nhu mô não hai bán cầu, thân não và tiểu não không thấy ổ tăng hay giảm tỷ trọng bất thường.\n"
        "Hệ thống não thất cân đối, không giãn. Đường giữa không lệch.\nCác rãnh cuộn não và bể đáy bình thường.\n"
        "Không thấy tụ máu nội sọ. Xương sọ không thấy đường vỡ.",
        "Không thấy bất thường trên phim cắt lớp vi tính sọ não không tiêm thuốc.",
    ),
    Normal(
        "sieu-am-tuyen-giap", "Siêu âm tuyến giáp", "US", frozenset({"18.1"}),
        "Siêu âm vùng cổ, đầu dò phẳng 7,5–12 MHz.",
        "Thùy phải và thùy trái: kích thước bình thường, nhu mô đồng nhất, không thấy nhân.\nEo tuyến không dày.\n"
        "Không thấy hạch cổ bệnh lý hai bên.",
        "Hiện tại không thấy bất thường trên siêu âm tuyến giáp (TIRADS 1).",
    ),
    Normal(
        "cot-song-that-lung", "X-quang cột sống thắt lưng", "DX", frozenset({"18.91"}),
        "Chụp X-quang cột sống thắt lưng thẳng và nghiêng.",
        "Trục cột sống thẳng, đường cong sinh lý giữ.\nCác thân đốt đều, không xẹp, không trượt.\n"
        "Khe đĩa đệm không hẹp. Cuống sống hai bên cân đối.",
        "Không thấy tổn thương xương cột sống thắt lưng trên phim.",
    ),
    Normal(
        "khop-goi", "X-quang khớp gối", "DX", frozenset({"18.112"}),
        "Chụp X-quang khớp gối thẳng và nghiêng.",
        "Trục xương đùi, xương chày bình thường.\nKhe khớp đều, không hẹp, không thấy gai xương.\n"
        "Không thấy đường gãy. Phần mềm quanh khớp không sưng.",
        "Không thấy tổn thương xương khớp gối trên phim.",
    ),
    Normal(
        "sieu-am-thai", "Siêu âm thai", "US", frozenset({"18.20"}),
        "Siêu âm thai qua thành bụng.",
        "Một thai trong buồng tử cung, ngôi …, tim thai … lần/phút, cử động tốt.\n"
        "BPD … mm, HC … mm, AC … mm, FL … mm; trọng lượng ước … g.\nỐi: AFI … cm. Nhau bám …, độ trưởng thành ….",
        "Một thai sống trong buồng tử cung, tương ứng … tuần … ngày.",
    ),
)  # fmt: skip


def offered(service: str, modality: str) -> list[Normal]:
    """The reports offered for a service: those made for it first, then others of the same machine."""
    fitting = [one for one in NORMAL if service in one.services]
    return fitting + [one for one in NORMAL if one.modality == modality and one not in fitting]


def normal(key: str) -> Normal | None:
    """The report with this key."""
    return next((one for one in NORMAL if one.key == key), None)


def blanks(text: str) -> int:
    """How many places of a report are still to be filled in ("…")."""
    return text.count("…")
