"""Reference data: ICD-10, services, places, peoples, occupations, departments and the lists of BHYT.

For every screen that asks for a code. Sources, licences and completeness: `data/README.md`.
Lists are read when first asked for and kept; `docs/howto/reference-data.md` says how they are renewed.
"""

from __future__ import annotations

import csv
import gzip
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Final

from benhan.core.kit.codes import addresses
from benhan.core.kit.codes.codelist import Code, CodeList
from benhan.core.kit.codes.laboratory import Analyte, Range, analyte, analytes, vital_range

__all__ = [
    "ALLERGY_GROUPS", "Analyte", "Code", "CodeList", "Range", "analyte", "analytes", "card_checks",
    "departments", "ethnic_groups", "icd10", "icd10_blocks", "icd10_chapters", "medicines_sample",
    "new_wards", "notifiable_diseases", "occupations", "place", "practice_scopes", "provinces", "service_chapters",
    "services", "services_appendix_2", "visit_payers", "vital_range", "wards", "wards_before_2025", "warm",
]  # fmt: skip

#: From this day visits are coded by the list of TT 06/2026/TT-BYT; visits that ended before, by QĐ 4469/2020.
ICD10_CHANGE: Final = date(2026, 7, 1)


def icd10(on: date) -> CodeList:
    """ICD-10 with Vietnamese names, as it is in force for a visit that ends on this day.

    Flags: not_principal (never the main diagnosis), death_only, male and female, needs_detail (a code with
    more characters must be chosen), discouraged_principal, name_of_parent (the name is of the code above).
    Columns: chapter (roman), block ("J09-J18"), mark ("dagger", "asterisk").
    Source: TT 06/2026/TT-BYT; QĐ 4469/QĐ-BYT of 28/10/2020.
    """
    return _list("icd10_2020" if on < ICD10_CHANGE else "icd10_2026")


def icd10_chapters() -> CodeList:
    """The 22 chapters of ICD-10; column: range."""
    return _list("icd10_chapters")


def icd10_blocks() -> CodeList:
    """Blocks of ICD-10 by their range ("J09-J18"); column: chapter."""
    return _list("icd10_blocks")


def services() -> CodeList:
    """Technical services of TT 23/2024/TT-BYT, appendix 1 (all 19,438).

    Columns: kind (laboratory, imaging, endoscopy, procedure, surgery, anaesthesia, rehabilitation,
    traditional; imaging holds the functional tests too, such as the electrocardiogram), modality (DICOM's
    word: DX, US, CT, MR, ECG …), chapter ("23"). Flag: supplement.
    """
    return _list("services")


def service_chapters() -> CodeList:
    """The 28 chapters of the services."""
    return _list("service_chapters")


def services_appendix_2() -> CodeList:
    """Services of TT 23/2024/TT-BYT, appendix 2, as far as they were had (6,304 of 9,128).

    The code is "II." and the number in the appendix. Columns: chapter, first_appendix (the code there, where
    it is certain).
    """
    return _list("services_appendix_2")


def provinces() -> CodeList:
    """The 34 provinces since 01/07/2025; column: name_en."""
    return _list("provinces")


def wards() -> CodeList:
    """The 3,321 wards since 01/07/2025; columns: province, province_name, name_en."""
    return _list("wards")


def wards_before_2025() -> CodeList:
    """The wards before 01/07/2025 ("xã cũ") with their district and province.

    Columns: kind ("whole", or "divided" between several new wards), new (codes of the new wards, the likeliest
    first, divided by spaces).
    """
    return _list("wards_before_2025")


def new_wards(old_code: str) -> list[Code]:
    """The wards of today that an old ward became, the likeliest first; empty for an unknown code."""
    old = wards_before_2025().get(old_code)
    return [ward for code in old["new"].split() if (ward := wards().get(code))] if old else []


def place(address: str) -> addresses.Place:
    """The ward of today in an address as a card prints it, old or new: `.wards` (the likeliest first), `.street`."""
    return addresses.place(address, wards(), wards_before_2025())


def ethnic_groups() -> CodeList:
    """The 54 peoples of Vietnam, foreigner and unknown, with the codes of the General Statistics Office."""
    return _list("ethnic_groups")


def occupations() -> CodeList:
    """Occupations of QĐ 34/2020/QĐ-TTg, level 2."""
    return _list("occupations")


def departments() -> CodeList:
    """Department codes K01–K47."""
    return _list("departments")


def card_checks() -> CodeList:
    """What the portal answers when it is asked about a card. Source: CV 1923/BHXH-CNTT."""
    return _list("card_checks")


def practice_scopes() -> CodeList:
    """Scopes of practice in the staff list of BHXH."""
    return _list("practice_scopes")


def notifiable_diseases() -> CodeList:
    """Diseases to be notified; columns: reporting (24h, 48h, weekly), icd10. Source: QĐ 97 of 30/06/2026."""
    return _list("notifiable_diseases")


def visit_payers() -> CodeList:
    """MA_DOITUONG_KCB: on what ground the fund pays. Source: QĐ 3276/QĐ-BYT 2025."""
    return _list("visit_payers")


#: The groups in which an allergy to one medicine is taken for an allergy to all, in Vietnamese.
ALLERGY_GROUPS: Final = {
    "penicillin": "Penicilin",
    "cephalosporin": "Cephalosporin",
    "macrolide": "Macrolid",
    "lincosamide": "Lincosamid",
    "quinolone": "Quinolon",
    "tetracycline": "Tetracyclin",
    "sulfonamide": "Sulfonamid",
    "sulfonamide_nonantibiotic": "Sulfonamid không kháng khuẩn",
    "sulfonylurea": "Sulfonylurê",
    "nitroimidazole": "Nitroimidazol",
    "aminoglycoside": "Aminoglycosid",
    "azole": "Thuốc chống nấm nhóm azol",
    "nsaid": "Thuốc chống viêm không steroid (NSAID)",
    "opioid": "Opioid",
    "ace_inhibitor": "Thuốc ức chế men chuyển",
    "arb": "Thuốc chẹn thụ thể angiotensin",
    "beta_blocker": "Thuốc chẹn beta",
    "dihydropyridine": "Thuốc chẹn kênh canxi nhóm dihydropyridin",
    "statin": "Statin",
    "ppi": "Thuốc ức chế bơm proton",
    "antihistamine": "Thuốc kháng histamin",
    "corticosteroid": "Corticosteroid",
    "insulin": "Insulin",
    "iodine": "Iod",
    "local_anaesthetic": "Thuốc tê tại chỗ",
}


def medicines_sample() -> CodeList:
    """A SAMPLE of generic names and strengths, so that a new hospital can try the prescription; not its stock.

    Columns: ingredients (INN, "; " between them), atc, strength, form, route, unit, allergy_groups (keys of
    `ALLERGY_GROUPS`, spaces between them), max_daily (adults, usual textbook maximum, "" where it depends),
    volume_ml (of one unit, liquids).
    """
    return _list("medicines_sample")


def warm() -> None:
    """Read and index the lists that screens search while somebody types; about half a second, once."""
    for entries in (icd10(ICD10_CHANGE), services(), wards(), wards_before_2025(), medicines_sample()):
        entries.warm()


@cache
def _list(name: str) -> CodeList:
    folder = files(__package__) / "data"
    sheet = folder / f"{name}.csv"
    if sheet.is_file():
        columns, *cells = csv.reader(sheet.read_text(encoding="utf-8").splitlines())
        return CodeList(name, columns, cells)
    packed = folder / f"{name}.tsv.gz"
    content = gzip.decompress(packed.read_bytes()) if packed.is_file() else (folder / f"{name}.tsv").read_bytes()
    header, *lines = content.decode().splitlines()
    return CodeList(name, header.split("\t"), [line.split("\t") for line in lines])
