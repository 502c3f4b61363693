"""What is ordered and what comes out: services of the Ministry's list, values of analytes, words of imaging."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from random import Random
from typing import Final

import msgspec

from benhan.core.kit import codes
from benhan.core.kit.codes import Analyte

#: A word of the table of diseases → codes of services (TT 23/2024/TT-BYT).
SERVICES: Final = {
    "ctm": ("22.121",),
    "crp": ("23.228",),
    "ns1": ("24.183",),
    "menGan": ("23.20", "23.19"),
    "dienGiai": ("23.58",),
    "mau": ("23.75", "23.166", "23.51"),
    "nuocTieu": ("23.206",),
    "lipid": ("23.41", "23.158", "23.84", "23.112"),
    "duong": ("23.75",),
    "hba1c": ("23.83",),
    "tsh": ("23.162",),
    "ft4": ("23.69",),
    "urat": ("23.3",),
    "hbsag": ("24.117",),
    "troponin": ("23.160",),
    "sieuamBung": ("18.15",),
    "sieuamThai": ("18.20",),
    "xqPhoi": ("18.119",),
    "xqLung": ("18.91",),
    "xqGoi": ("18.112",),
    "xqCo": ("18.86",),
    "xqXoang": ("18.72",),
    "xqRang": ("18.81",),
    "xqCoChan": ("18.115",),
    "ctSo": ("18.149",),
    "dienTim": ("21.14",),
}

#: What a disease does to a value: ICD-10 → analyte → (mean, spread), in the unit of the analyte.
SHIFTS: Final[dict[str, dict[str, tuple[float, float]]]] = {
    "A97.0": {"wbc": (3.3, 0.7), "plt": (118, 32), "hct": (43, 3)},
    "J11.1": {"wbc": (5.2, 1.2), "lymph_percent": (42, 6)},
    "J18.9": {"wbc": (13.8, 2.6), "neut_percent": (80, 5), "crp": (64, 28)},
    "J20.9": {"wbc": (10.6, 2.2), "crp": (14, 8)},
    "J03.9": {"wbc": (13.0, 2.2), "neut_percent": (78, 5)},
    "R56.0": {"wbc": (13.5, 3.0), "crp": (30, 15)},
    "R10.4": {"wbc": (11.2, 2.6), "crp": (18, 12)},
    "A09.9": {"wbc": (10.8, 2.2), "sodium": (135, 2.5), "potassium": (3.5, 0.3)},
    "D50.9": {"hgb": (94, 9), "mcv": (73, 4), "mch": (23.5, 1.8), "ferritin": (9, 4)},
    "E11.9": {"glucose": (8.9, 2.3), "hba1c": (7.7, 1.2), "triglyceride": (2.2, 0.8), "cholesterol": (5.2, 0.8)},
    "E78.5": {"cholesterol": (6.4, 0.7), "triglyceride": (2.9, 1.0), "ldl": (4.2, 0.6)},
    "I10": {"cholesterol": (5.3, 0.8), "ldl": (3.2, 0.7)},
    "I25.9": {"cholesterol": (5.0, 0.9), "ldl": (2.9, 0.8)},
    "M10.9": {"uric_acid": (512, 62), "crp": (22, 12)},
    "N18.9": {"creatinine": (168, 38), "urea": (11.4, 2.8), "potassium": (4.8, 0.4)},
    "E03.9": {"tsh": (7.4, 2.6), "ft4": (11, 2)},
    "E05.9": {"tsh": (0.03, 0.02), "ft4": (38, 8)},
    "B18.1": {"ast": (46, 16), "alt": (58, 22)},
    "K80.2": {"ast": (42, 14), "alt": (48, 18)},
    "N20.0": {"creatinine": (98, 16)},
}

#: Results in words: ICD-10 → analyte → (word, share).
WORDS: Final[dict[str, dict[str, tuple[str, float]]]] = {
    "A97.0": {"dengue_ns1": ("Dương tính", 0.75)},
    "B18.1": {"hbsag": ("Dương tính", 1.0)},
    "N30.0": {"urine_leukocytes": ("2+", 0.9), "urine_nitrite": ("Dương tính", 0.6), "urine_blood": ("1+", 0.4)},
    "N20.0": {"urine_blood": ("2+", 0.8)},
    "E11.9": {"urine_glucose": ("2+", 0.4), "urine_protein": ("Vết", 0.2)},
    "N18.9": {"urine_protein": ("2+", 0.7)},
    "O21.0": {"urine_ketones": ("2+", 0.7)},
}

#: Service → (findings, conclusion) where nothing is wrong.
NORMAL: Final = {
    "18.15": ("Gan không to, nhu mô đều. Túi mật không sỏi. Tụy, lách bình thường. Hai thận không sỏi, không ứ nước.",
              "Hiện không thấy bất thường trên siêu âm ổ bụng."),
    "18.20": ("Một thai trong buồng tử cung, tim thai 148 lần/phút, ối bình thường, rau bám thân tử cung.",
              "Một thai phát triển tương ứng tuổi thai."),
    "18.119": ("Hai phế trường sáng đều. Bóng tim không to. Góc sườn hoành hai bên tù nhọn bình thường.",
               "Hình ảnh tim phổi bình thường trên phim X-quang."),
    "18.91": ("Trục cột sống thẳng, không thấy xẹp thân đốt sống.", "Không thấy tổn thương xương trên phim chụp."),
    "18.112": ("Khe khớp đều, không gai xương.", "Không thấy tổn thương xương khớp gối trên phim chụp."),
    "18.86": ("Đường cong sinh lý bình thường, các thân đốt đều.", "Không thấy tổn thương xương cột sống cổ."),
    "18.72": ("Các xoang sáng đều.", "Không thấy hình ảnh viêm xoang."),
    "18.81": ("Quanh chóp răng không thấy vùng thấu quang.", "Không thấy tổn thương quanh chóp."),
    "18.115": ("Không thấy đường gãy xương, khe khớp đều.", "Không thấy gãy xương vùng cổ chân."),
    "18.149": ("Nhu mô não không thấy ổ tăng giảm tỷ trọng bất thường. Hệ thống não thất cân đối.",
               "Không thấy tổn thương nội sọ trên phim chụp."),
    "21.14": ("Nhịp xoang đều, trục trung gian, không thay đổi ST-T.", "Điện tim trong giới hạn bình thường."),
}  # fmt: skip

#: (ICD-10, service) → (findings, conclusion) where it shows.
FOUND: Final = {
    ("J18.9", "18.119"): ("Đám mờ không đồng nhất đáy phổi phải.", "Hình ảnh viêm phổi thùy dưới phổi phải."),
    ("J20.9", "18.119"): ("Rốn phổi hai bên đậm.", "Hình ảnh viêm phế quản."),
    ("J44.9", "18.119"): ("Lồng ngực giãn, hai phế trường tăng sáng.", "Hình ảnh khí phế thũng hai phổi."),
    ("I50.9", "18.119"): ("Bóng tim to, chỉ số tim ngực 0,58, rốn phổi đậm.", "Tim to, ứ huyết phổi nhẹ."),
    ("M17.9", "18.112"): ("Hẹp khe khớp đùi chày trong, gai xương bờ mâm chày.", "Thoái hóa khớp gối hai bên."),
    ("M54.5", "18.91"): ("Gai xương bờ trước thân L3–L5.", "Thoái hóa cột sống thắt lưng."),
    ("M47.8", "18.91"): ("Gai xương các thân đốt, hẹp khe L4–L5.", "Thoái hóa cột sống thắt lưng."),
    ("M54.2", "18.86"): ("Mất đường cong sinh lý, gai xương C5–C6.", "Thoái hóa cột sống cổ."),
    ("J32.9", "18.72"): ("Mờ xoang hàm hai bên.", "Hình ảnh viêm xoang hàm hai bên."),
    ("K04.0", "18.81"): ("Vùng thấu quang quanh chóp răng 46.", "Viêm quanh chóp răng 46."),
    ("K01.1", "18.81"): ("Răng 38 mọc lệch gần 45 độ.", "Răng 38 mọc lệch."),
    ("N20.0", "18.15"): ("Sỏi niệu quản phải đoạn 1/3 trên 7 mm, thận phải ứ nước độ I.", "Sỏi niệu quản phải."),
    ("K80.2", "18.15"): ("Túi mật có sỏi 12 mm, thành không dày.", "Sỏi túi mật."),
    ("B18.1", "18.15"): ("Nhu mô gan thô, bờ đều.", "Nhu mô gan thô."),
    ("I25.9", "21.14"): ("Nhịp xoang, ST chênh xuống 0,5 mm V4–V6.", "Thiếu máu cơ tim vùng thành bên."),
    ("I48.9", "21.14"): ("Mất sóng P, RR không đều, tần số 96.", "Rung nhĩ."),
    ("I50.9", "21.14"): ("Nhịp xoang, dày thất trái.", "Dày thất trái."),
    ("I10", "21.14"): ("Nhịp xoang, trục trái, dày thất trái theo Sokolow-Lyon.", "Dày thất trái."),
}


class Value(msgspec.Struct, frozen=True):
    """One measured value: a number or a word, with its flag."""

    analyte: Analyte
    number: Decimal | None
    word: str
    flag: str | None


@cache
def service(code: str) -> codes.Code:
    """A service of the list."""
    found = codes.services().get(code)
    assert found, code
    return found


def ordered(tests: dict[str, float], chance: Random) -> list[codes.Code]:
    """The services ordered this time, each once."""
    found: dict[str, None] = {}
    for test, share in tests.items():
        if chance.random() < share:
            found.update(dict.fromkeys(SERVICES[test]))
    return [service(code) for code in found]


def measured(chance: Random, service_code: str, disease: str, sex: str, months: int) -> list[Value]:
    """What the laboratory finds for somebody with this disease."""
    shifts, words = SHIFTS.get(disease, {}), WORDS.get(disease, {})
    return [
        _word(chance, one, words.get(one.key))
        if one.choices
        else _number(chance, one, shifts.get(one.key), sex, months)
        for one in codes.analytes(service_code)
    ]


def seen(chance: Random, service_code: str, disease: str) -> tuple[str, str]:
    """Findings and conclusion of an imaging service."""
    found = FOUND.get((disease, service_code))
    return found if found and chance.random() < 0.8 else NORMAL[service_code]


def _word(chance: Random, one: Analyte, shift: tuple[str, float] | None) -> Value:
    usual = one.expected[0] if one.expected else one.choices[0]
    word = shift[0] if shift and chance.random() < shift[1] else usual
    return Value(one, None, word, one.flag(word, None, 0))


def _number(chance: Random, one: Analyte, shift: tuple[float, float] | None, sex: str, months: int) -> Value:
    bounds = one.range_for(sex, months)
    if shift:
        number = max(chance.gauss(*shift), shift[0] * 0.2)
    else:
        high = float(bounds.high) if bounds and bounds.high is not None else None
        low = float(bounds.low) if bounds and bounds.low is not None else 0.0
        if high is None:
            high = low * 1.6 or 1.0
        number = chance.triangular(low, high)
        if chance.random() < 0.06:
            number = high * chance.uniform(1.02, 1.18)
    value = Decimal(f"{number:.{one.decimals}f}")
    return Value(one, value, "", bounds.flag(value) if bounds else None)
