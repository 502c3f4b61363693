"""The plan of the demo hospital as data: departments, specialties, rooms, who works in them.

Department codes K01–K47 are those of `kit.codes.departments`. Every name of a person is invented.
"""

from __future__ import annotations

from typing import Final

import msgspec

from benhan.hospital.visit import CLINIC, EMERGENCY, IMAGING, LABORATORY, RECEPTION


class Specialty(msgspec.Struct, frozen=True):
    """What can be booked: a HealthcareService, held by a department."""

    key: str
    name: str
    department: str
    bookable: bool = True
    #: Its doctors also see people at a distance.
    remote: bool = False


class Room(msgspec.Struct, frozen=True):
    """A place where people are called: its code on the door, its name, what is done in it."""

    code: str
    name: str
    kind: str
    department: str
    specialty: str = ""
    #: DICOM's word for what an imaging room can make.
    modality: str = ""

    @property
    def way(self) -> str:
        """How one finds it, in words."""
        return WAYS[self.code]

    @property
    def id(self) -> str:
        """The id of its Location."""
        return f"phong-{self.code.lower()}"


class Staff(msgspec.Struct, frozen=True):
    """Somebody who works there: title, name, role in FHIR's words, room."""

    key: str
    title: str
    name: str
    gender: str
    role: str
    department: str
    room: str = ""
    specialty: str = ""

    @property
    def id(self) -> str:
        """The id of the Practitioner."""
        return f"nv-{self.key}"


SPECIALTIES: Final = (
    Specialty("noi", "Nội tổng quát", "K03", remote=True),
    Specialty("hohap", "Hô hấp", "K03"),
    Specialty("timmach", "Tim mạch", "K04"),
    Specialty("noitiet", "Nội tiết", "K08"),
    Specialty("xuongkhop", "Cơ xương khớp", "K06"),
    Specialty("nhi", "Nhi", "K18"),
    Specialty("san", "Sản phụ khoa", "K27"),
    Specialty("tmh", "Tai Mũi Họng", "K28"),
    Specialty("mat", "Mắt", "K30"),
    Specialty("rhm", "Răng Hàm Mặt", "K29"),
    Specialty("dalieu", "Da liễu", "K13"),
    Specialty("ngoai", "Ngoại tổng quát", "K19"),
    Specialty("capcuu", "Cấp cứu", "K02", bookable=False),
)

ROOMS: Final = (
    Room("PK01", "Phòng khám 1", CLINIC, "K18", "nhi"),
    Room("PK02", "Phòng khám 2", CLINIC, "K18", "nhi"),
    Room("PK03", "Phòng khám 3", CLINIC, "K03", "noi"),
    Room("PK04", "Phòng khám 4", CLINIC, "K03", "noi"),
    Room("PK05", "Phòng khám 5", CLINIC, "K03", "hohap"),
    Room("PK06", "Phòng khám 6", CLINIC, "K04", "timmach"),
    Room("PK07", "Phòng khám 7", CLINIC, "K08", "noitiet"),
    Room("PK08", "Phòng khám 8", CLINIC, "K06", "xuongkhop"),
    Room("PK09", "Phòng khám 9", CLINIC, "K27", "san"),
    Room("PK10", "Phòng khám 10", CLINIC, "K28", "tmh"),
    Room("PK11", "Phòng khám 11", CLINIC, "K30", "mat"),
    Room("PK12", "Phòng khám 12", CLINIC, "K29", "rhm"),
    Room("PK13", "Phòng khám 13", CLINIC, "K13", "dalieu"),
    Room("PK14", "Phòng khám 14", CLINIC, "K19", "ngoai"),
    Room("CC01", "Phòng cấp cứu", EMERGENCY, "K02", "capcuu"),
    Room("XN01", "Phòng lấy mẫu 1", LABORATORY, "K47"),
    Room("XN02", "Phòng lấy mẫu 2", LABORATORY, "K47"),
    Room("HA01", "Phòng X-quang", IMAGING, "K39", modality="DX"),
    Room("HA02", "Phòng siêu âm", IMAGING, "K39", modality="US"),
    Room("HA03", "Phòng CT", IMAGING, "K39", modality="CT"),
    Room("HA04", "Phòng điện tim", IMAGING, "K40", modality="ECG"),
    Room("TD01", "Quầy tiếp đón 1", RECEPTION, "K01"),
    Room("TD02", "Quầy tiếp đón 2", RECEPTION, "K01"),
)

#: The way to each room from the main hall.
WAYS: Final = {
    "PK01": "Tầng 1 nhà B: qua sảnh chính, rẽ trái, cửa đầu tiên",
    "PK02": "Tầng 1 nhà B: qua sảnh chính, rẽ trái, cửa thứ hai",
    "PK03": "Tầng 1 nhà B: qua sảnh chính, rẽ phải, cửa đầu tiên",
    "PK04": "Tầng 1 nhà B: qua sảnh chính, rẽ phải, cửa thứ hai",
    "PK05": "Tầng 1 nhà B: qua sảnh chính, rẽ phải, cuối hành lang",
    "PK06": "Tầng 2 nhà B: thang máy số 1, ra rẽ phải, cửa đầu tiên",
    "PK07": "Tầng 2 nhà B: thang máy số 1, ra rẽ phải, cửa thứ hai",
    "PK08": "Tầng 2 nhà B: thang máy số 1, ra rẽ phải, cuối hành lang",
    "PK09": "Tầng 2 nhà B: thang máy số 1, ra rẽ trái, cửa đầu tiên",
    "PK10": "Tầng 2 nhà B: thang máy số 1, ra rẽ trái, cửa thứ hai",
    "PK11": "Tầng 2 nhà B: thang máy số 1, ra rẽ trái, cuối hành lang",
    "PK12": "Tầng 3 nhà B: thang máy số 1, ra rẽ phải, cửa đầu tiên",
    "PK13": "Tầng 3 nhà B: thang máy số 1, ra rẽ phải, cửa thứ hai",
    "PK14": "Tầng 3 nhà B: thang máy số 1, ra rẽ trái, cửa đầu tiên",
    "CC01": "Tầng 1 nhà A: cổng số 2, theo vạch đỏ trên sàn",
    "XN01": "Tầng 1 nhà C: qua hành lang có mái, cửa đầu tiên bên trái",
    "XN02": "Tầng 1 nhà C: qua hành lang có mái, cửa thứ hai bên trái",
    "HA01": "Tầng 1 nhà C: qua hành lang có mái, rẽ phải, cửa đầu tiên",
    "HA02": "Tầng 1 nhà C: qua hành lang có mái, rẽ phải, cửa thứ hai",
    "HA03": "Tầng 1 nhà C: qua hành lang có mái, rẽ phải, cuối hành lang",
    "HA04": "Tầng 2 nhà C: thang bộ cạnh phòng lấy mẫu, rẽ phải",
    "TD01": "Tầng 1 nhà B: sảnh chính, bên trái cửa vào",
    "TD02": "Tầng 1 nhà B: sảnh chính, bên phải cửa vào",
}

DEPARTMENTS: Final = (
    "K01", "K02", "K03", "K04", "K06", "K08", "K13", "K18", "K19", "K27", "K28", "K29", "K30", "K39",
    "K40", "K44", "K47",
)  # fmt: skip

_D, _N = "doctor", "nurse"
STAFF: Final = (
    Staff("bs01", "BS", "Nguyễn Thu Hà", "female", _D, "K03", "PK03", "noi"),
    Staff("bs02", "BSCKI", "Trần Quốc Bảo", "male", _D, "K03", "PK04", "noi"),
    Staff("bs03", "ThS.BS", "Phạm Ngọc Lan", "female", _D, "K03", "PK05", "hohap"),
    Staff("bs04", "BSCKII", "Lê Đức Thắng", "male", _D, "K04", "PK06", "timmach"),
    Staff("bs05", "BS", "Vũ Hoàng Yến", "female", _D, "K08", "PK07", "noitiet"),
    Staff("bs06", "BSCKI", "Đỗ Minh Tuấn", "male", _D, "K06", "PK08", "xuongkhop"),
    Staff("bs07", "BS", "Hoàng Mai Anh", "female", _D, "K18", "PK01", "nhi"),
    Staff("bs08", "BSCKI", "Bùi Thế Vinh", "male", _D, "K18", "PK02", "nhi"),
    Staff("bs09", "BSCKII", "Ngô Thị Phương", "female", _D, "K27", "PK09", "san"),
    Staff("bs10", "BS", "Đặng Văn Khải", "male", _D, "K28", "PK10", "tmh"),
    Staff("bs11", "BS", "Lý Thanh Tâm", "female", _D, "K30", "PK11", "mat"),
    Staff("bs12", "BS", "Phan Gia Huy", "male", _D, "K29", "PK12", "rhm"),
    Staff("bs13", "BSCKI", "Dương Kim Oanh", "female", _D, "K13", "PK13", "dalieu"),
    Staff("bs14", "BSCKII", "Hồ Sỹ Cường", "male", _D, "K19", "PK14", "ngoai"),
    Staff("bs15", "BSCKI", "Tạ Quang Minh", "male", _D, "K02", "CC01", "capcuu"),
    Staff("bs16", "BS", "Võ Thị Hằng", "female", _D, "K02", "CC01", "capcuu"),
    Staff("bs17", "BSCKI", "Mai Xuân Trường", "male", _D, "K39", "HA01"),
    Staff("bs18", "BS", "Cao Thị Nhung", "female", _D, "K39", "HA02"),
    Staff("bs19", "BS", "Trịnh Công Danh", "male", _D, "K47", "XN01"),
    Staff("dd01", "CNĐD", "Nguyễn Thị Hoa", "female", _N, "K01"),
    Staff("dd02", "CNĐD", "Lương Thị Thơm", "female", _N, "K01"),
    Staff("dd03", "CNĐD", "Phùng Văn Hải", "male", _N, "K01"),
    Staff("dd04", "CNĐD", "Đinh Thị Ngân", "female", _N, "K18"),
    Staff("dd05", "CNĐD", "Quách Thị Loan", "female", _N, "K02"),
    Staff("kt01", "KTV", "Đoàn Văn Sơn", "male", "Kỹ thuật viên xét nghiệm", "K47", "XN01"),
    Staff("kt02", "KTV", "Nghiêm Thị Thu", "female", "Kỹ thuật viên xét nghiệm", "K47", "XN02"),
    Staff("kt03", "KTV", "Chu Đình Lộc", "male", "Kỹ thuật viên hình ảnh", "K39", "HA01"),
    Staff("kt04", "KTV", "Tô Thị Hạnh", "female", "Kỹ thuật viên hình ảnh", "K40", "HA04"),
    Staff("ds01", "DSĐH", "Lâm Thị Bích", "female", "pharmacist", "K44"),
    Staff("ds02", "DSCĐ", "Kiều Văn Nam", "male", "pharmacist", "K44"),
)

#: Hours in which people may be booked, and how long one booking lasts. Monday is 0.
BOOKING_HOURS: Final = ((7, 0, 11, 30), (13, 30, 16, 30))
SLOT_MINUTES: Final = 20
BOOKING_WEEKDAYS: Final = (0, 1, 2, 3, 4, 5)


def doctors_of(specialty: str) -> list[Staff]:
    """Who examines in a specialty."""
    return [one for one in STAFF if one.specialty == specialty and one.role == _D]


def rooms_of(specialty: str) -> list[Room]:
    """Where a specialty examines."""
    return [room for room in ROOMS if room.specialty == specialty]
