"""The lists that the program carries for its screens (`core/kit/codes`), as code systems of the platform.

One source, two uses: screens search the lists in memory; here each becomes a CodeSystem (content = not-present, since
a record of four megabytes helps nobody) whose concepts lie in the index. Sources and licences of the lists:
`core/kit/codes/data/README.md`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

import msgspec

from benhan.core.fhir import r4, systems
from benhan.core.kit import codes
from benhan.core.kit.codes import Code, CodeList

#: A list of no more concepts than these is in the record itself.
MOST_INSIDE: Final = 500
_B: Final = systems.BENHAN
_STATE: Final = "Văn bản của cơ quan nhà nước; không thuộc đối tượng bảo hộ quyền tác giả (Luật SHTT, điều 15)."
_LOINC: Final = (
    "This material contains content from LOINC (http://loinc.org). LOINC is copyright © Regenstrief Institute, Inc. and"
    " the LOINC Committee and is available at no cost under the license at http://loinc.org/license."
)
#: LOINC codes of the visit that no list has: sections of the note, blood pressure. The names are ours.
_VISIT_LOINC: Final = {
    "85354-9": "Huyết áp",
    "8480-6": "Huyết áp tâm thu",
    "8462-4": "Huyết áp tâm trương",
    "11488-4": "Bệnh án khám bệnh",
    "10154-3": "Lý do vào viện",
    "10164-2": "Quá trình bệnh lý",
    "11348-0": "Tiền sử",
    "29545-1": "Khám bệnh",
    "18776-5": "Hướng xử trí",
    "11502-2": "Kết quả xét nghiệm",
}


class Carried(msgspec.Struct, frozen=True):
    """One carried list as a code system."""

    id: str
    url: str
    title: str
    version: str
    dated: str
    source: str
    concepts: Callable[[], list[r4.CodeSystemConcept]]
    licence: str = _STATE
    value_set: str | None = None
    content: str = "complete"

    def record(self, concepts: list[r4.CodeSystemConcept]) -> r4.CodeSystem:
        """The CodeSystem; a long list's concepts are in the index only."""
        inside = len(concepts) <= MOST_INSIDE
        return r4.CodeSystem(
            id=self.id, url=self.url, version=self.version, name=_name(self.id), title=self.title, status="active",
            date=self.dated, language="vi", publisher="Benhan", description=self.source, copyright=self.licence,
            caseSensitive=False, content=self.content if inside else "not-present", count=len(concepts),
            hierarchyMeaning="is-a", concept=concepts if inside else None,
            valueSet=self.value_set or f"{_B}/ValueSet/{self.id}",
        )  # fmt: skip


def edition() -> str:
    """Changes when any carried list does, or how it becomes a code system."""
    digest = sha256()
    folder = files("benhan.core.kit.codes") / "data"
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        digest.update(entry.name.encode() + entry.read_bytes())
    digest.update((files("benhan.core.store") / "terms_carried.py").read_bytes())
    return digest.hexdigest()[:16]


def _concept(
    one: Code, *, parents: Iterable[str] = (), properties: dict[str, str] | None = None, english: str = ""
) -> r4.CodeSystemConcept:
    """An entry of a list: other names become designations, flags and columns properties."""
    names = [r4.CodeSystemConceptDesignation(language="vi", value=name) for name in _others(one)]
    if english:
        names.append(r4.CodeSystemConceptDesignation(language="en", value=english))
    said = [r4.CodeSystemConceptProperty(code=flag, valueBoolean=True) for flag in sorted(one.flags)]
    said += [
        r4.CodeSystemConceptProperty(code=name, valueCode=value) for name, value in (properties or {}).items() if value
    ]
    said += [r4.CodeSystemConceptProperty(code="parent", valueCode=parent) for parent in parents]
    return r4.CodeSystemConcept(code=one.code, display=one.name, designation=names or None, property=said or None)


def _others(one: Code) -> list[str]:
    names = (name.strip(" ,") for name in one["also"].split(";")) if one["also"] else ()
    return [name for name in dict.fromkeys(names) if name and name != one.name]


def _group(code: str, name: str, *parents: str) -> r4.CodeSystemConcept:
    """A heading that nobody chooses."""
    said = [r4.CodeSystemConceptProperty(code="notSelectable", valueBoolean=True)]
    said += [r4.CodeSystemConceptProperty(code="parent", valueCode=parent) for parent in parents]
    return r4.CodeSystemConcept(code=code, display=name, property=said)


def _flat(entries: CodeList) -> list[r4.CodeSystemConcept]:
    columns = ("chapter", "kind", "modality", "reporting", "first_appendix", "status")
    once = {one.code: one for one in reversed(list(entries))}  # some lists give a code again, with other dates
    return [_concept(one, properties={name: one[name] for name in columns}) for one in reversed(once.values())]


def _icd10(entries: CodeList) -> list[r4.CodeSystemConcept]:
    """Codes below the code they detail, else below their block; blocks below their chapter."""
    known = {one.code for one in entries}
    blocks = {one.code: one for one in codes.icd10_blocks()}
    made = []
    for one in entries:
        longer = (one.code[:end].rstrip(".") for end in range(len(one.code) - 1, 2, -1))
        above = next((code for code in longer if code in known), one["block"] if one["block"] in blocks else "")
        properties = {"chapter": one["chapter"], "block": one["block"], "mark": one["mark"]}
        made.append(_concept(one, parents=[above] if above else [], properties=properties))
    made += [_group(code, one.name, one["chapter"]) for code, one in blocks.items()]
    return made + [_group(one.code, one.name) for one in codes.icd10_chapters()]


def _services() -> list[r4.CodeSystemConcept]:
    made = [
        _concept(one, parents=[one["chapter"]], properties={"kind": one["kind"], "modality": one["modality"]})
        for one in codes.services()
    ]
    return made + [_group(one.code, one.name) for one in codes.service_chapters()]


def _places() -> list[r4.CodeSystemConcept]:
    made = [_concept(one, english=one["name_en"]) for one in codes.provinces()]
    return made + [_concept(one, parents=[one["province"]], english=one["name_en"]) for one in codes.wards()]


def _old_places() -> list[r4.CodeSystemConcept]:
    made = []
    for one in codes.wards_before_2025():
        concept = _concept(one, properties={"kind": one["kind"]})
        now = [r4.CodeSystemConceptProperty(code="replacedBy", valueCode=code) for code in one["new"].split()]
        made.append(msgspec.structs.replace(concept, property=[*(concept.property or ()), *now]))
    return made


def _loinc() -> list[r4.CodeSystemConcept]:
    """The LOINC codes that the program itself writes, by our Vietnamese names."""
    names = dict(_VISIT_LOINC)
    for file, key in (("analytes.toml", "analyte"), ("vitals.toml", "vital")):
        table: dict[str, Any] = tomllib.loads((files("benhan.core.kit.codes") / "data" / file).read_text("utf-8"))
        names |= {one["loinc"]: one["name"] for one in table[key]}
    return [r4.CodeSystemConcept(code=code, display=name) for code, name in sorted(names.items())]


def _list(
    name: str, url: str, title: str, version: str, dated: str, source: str, entries: Callable[[], CodeList]
) -> Carried:
    return Carried(name, url, title, version, dated, source, lambda: _flat(entries()))


def carried() -> Iterator[Carried]:
    """Every carried list as a code system, what screens ask for most first."""
    yield Carried(
        "icd-10-vn", systems.ICD10, "ICD-10 tiếng Việt", "TT06/2026", "2026-07-01",
        "Danh mục mã bệnh ICD-10, TT 06/2026/TT-BYT; cho lượt khám kết thúc từ 01/07/2026.",
        lambda: _icd10(codes.icd10(codes.ICD10_CHANGE)),
    )  # fmt: skip
    yield Carried(
        "dich-vu-ky-thuat", systems.SERVICES, "Dịch vụ kỹ thuật", "TT23/2024", "2024-10-18",
        "Danh mục kỹ thuật trong khám bệnh, chữa bệnh, TT 23/2024/TT-BYT, phụ lục 1.", _services,
    )  # fmt: skip
    yield Carried(
        "don-vi-hanh-chinh", systems.ADDRESS, "Đơn vị hành chính", "2025-07-01", "2025-07-01",
        "34 tỉnh, thành phố và 3.321 xã, phường, đặc khu từ 01/07/2025 (NQ 202/2025/QH15); mã của Cục Thống kê.",
        _places, licence="MIT (github thanglequoc/vietnamese-provinces-database)",
    )  # fmt: skip
    yield _list(
        "dan-toc", systems.ETHNICITY, "Dân tộc", "1.0", "2020-01-01", "54 dân tộc, mã của Cục Thống kê.",
        codes.ethnic_groups,
    )  # fmt: skip
    yield _list(
        "nghe-nghiep", systems.OCCUPATION, "Nghề nghiệp", "QD34/2020", "2020-11-26", "QĐ 34/2020/QĐ-TTg, cấp 2.",
        codes.occupations,
    )  # fmt: skip
    yield _list(
        "khoa", f"{_B}/CodeSystem/khoa", "Khoa", "K01-K47", "2018-01-01", "Mã khoa K01–K47.", codes.departments
    )  # fmt: skip
    yield _list(
        "doi-tuong-kcb", f"{_B}/CodeSystem/doi-tuong-kcb", "Đối tượng đến khám BHYT", "QD3276/2025", "2025-10-17",
        "MA_DOITUONG_KCB, QĐ 3276/QĐ-BYT.", codes.visit_payers,
    )  # fmt: skip
    yield _list(
        "pham-vi-hanh-nghe", f"{_B}/CodeSystem/pham-vi-hanh-nghe", "Phạm vi hành nghề", "1.0", "2025-01-01",
        "Danh mục nhân viên của BHXH.", codes.practice_scopes,
    )  # fmt: skip
    yield _list(
        "benh-truyen-nhiem", f"{_B}/CodeSystem/benh-truyen-nhiem", "Bệnh truyền nhiễm phải báo cáo", "QD97/2026",
        "2026-06-30", "QĐ 97 ngày 30/06/2026.", codes.notifiable_diseases,
    )  # fmt: skip
    yield Carried(
        "loinc-dung", systems.LOINC, "LOINC: các mã chương trình dùng", "2.78", "2024-08-06",
        "Chỉ những mã mà Benhan ghi ra; tên tiếng Việt là của Benhan.", _loinc, licence=_LOINC, content="fragment",
    )  # fmt: skip
    yield Carried(
        "icd-10-vn-2020", systems.ICD10, "ICD-10 tiếng Việt (đến 30/06/2026)", "QD4469/2020", "2020-10-28",
        "QĐ 4469/QĐ-BYT; cho lượt khám kết thúc trước 01/07/2026.",
        lambda: _icd10(codes.icd10(date(2026, 6, 30))), value_set=f"{_B}/ValueSet/icd-10-2020",
    )  # fmt: skip
    yield Carried(
        "dich-vu-ky-thuat-pl2", f"{systems.SERVICES}-pl2", "Dịch vụ kỹ thuật, phụ lục 2", "TT23/2024", "2024-10-18",
        "TT 23/2024/TT-BYT, phụ lục 2 (6.304 trong 9.128).", lambda: _flat(codes.services_appendix_2()),
    )  # fmt: skip
    yield Carried(
        "don-vi-hanh-chinh-cu", systems.ADDRESS, "Đơn vị hành chính trước 01/07/2025", "2025-06-30", "2025-06-30",
        "Xã, phường trước 01/07/2025; replacedBy là xã, phường ngày nay.", _old_places,
        licence="MIT (PyPI vietnamadminunits)", value_set=f"{_B}/ValueSet/don-vi-hanh-chinh-cu",
    )  # fmt: skip


def _name(id_: str) -> str:
    """A name for programs: letters and digits (cnl-0)."""
    return "".join(part.capitalize() for part in id_.replace("-", " ").split())
