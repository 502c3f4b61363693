"""Makes the reference data in src/benhan/core/kit/codes/data from the public files they come from.

    python tools/build_codes.py SOURCE

SOURCE is a folder with `icd10/`, `catalog/` and `admin/` as named in docs/howto/reference-data.md. Rows are
written in the order in which a search should show them when nothing else decides. WHO's English titles
in the sources are never read.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benhan.core.kit.text import fold, nfc

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "src/benhan/core/kit/codes/data"
EVERYDAY = Path(__file__).parent / "codes" / "everyday.tsv"

Row = dict[str, str]


def rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def write(name: str, columns: Sequence[str], lines: Iterable[Row]) -> None:
    """One list: tab separated, a header, gzipped above 100 kB, the same bytes from the same source."""
    cells = [[nfc(row.get(column, "")) for column in columns] for row in lines]
    content = "\n".join("\t".join(line) for line in [list(columns), *cells]).encode() + b"\n"
    for old in (TARGET / f"{name}.tsv", TARGET / f"{name}.tsv.gz"):
        old.unlink(missing_ok=True)
    if len(content) > 100_000:
        (TARGET / f"{name}.tsv.gz").write_bytes(gzip.compress(content, 9, mtime=0))
    else:
        (TARGET / f"{name}.tsv").write_bytes(content)
    print(f"{name}: {len(cells)} rows")


def everyday(list_name: str) -> dict[str, tuple[int, str]]:
    """Code → place among the codes of every day, and the other words it is asked for by."""
    chosen = [row for row in csv.reader(EVERYDAY.open(encoding="utf-8"), delimiter="\t") if row and row[0] == list_name]
    return {row[1]: (place, row[2] if len(row) > 2 else "") for place, row in enumerate(chosen)}


def ranked(list_name: str, lines: list[Row]) -> list[Row]:
    """Everyday codes first, then by what each list prefers (`rank`), then short names before long ones."""
    usual = everyday(list_name)
    unknown = usual.keys() - {row["code"] for row in lines}
    if unknown:
        raise SystemExit(f"everyday.tsv names codes that {list_name} does not have: {sorted(unknown)}")
    for row in lines:
        _mark_everyday(row, usual)
    last = len(usual)
    return sorted(
        lines,
        key=lambda row: (
            usual.get(row["code"], (last, ""))[0],
            row.get("rank", ""),
            len(row["name"]),
            row["code"],
        ),
    )


def _mark_everyday(row: Row, usual: dict[str, tuple[int, str]]) -> None:
    if row["code"] in usual:
        row["also"] = usual[row["code"]][1]
        row["flags"] = f"{row.get('flags', '')} everyday".strip()


# ICD-10

FLAGS_2026 = {
    "camBenhChinh": "not_principal",
    "chiMaHoaNguyenNhanTuVong": "death_only",
    "chuYeuNamGioi": "male",
    "chuYeuNuGioi": "female",
    "coMaBonHoacNamKyTuCuTheHon": "needs_detail",
    "khongKhuyenKhichBenhChinh": "discouraged_principal",
}
ICD_COLUMNS = ("code", "name", "also", "flags", "chapter", "block", "mark")


def icd10(source: Path) -> None:
    old = rows(source / "icd10_qd4469_2020.csv")
    place = {row["category_code"]: (row["chapter_no"], row["block1_range"]) for row in old}
    has_detail = {row["category_code"] for row in old if "." in row["code"]}
    lines = [
        {
            "code": row["code"], "name": row["name_vi"], "chapter": row["chapter_no"], "block": row["block1_range"],
            "flags": " ".join(_flags_2020(row, has_detail)),
        }
        for row in old
    ]  # fmt: skip
    usual = everyday("icd10").keys() & {row["code"] for row in lines}
    write("icd10_2020", ICD_COLUMNS, _ranked_icd(lines, usual))
    current = [_line_2026(row, place) for row in rows(source / "icd10_tt06_2026_names_and_flags.csv")]
    names = {row["code"]: row["name"] for row in current}
    for row in current:
        if not row["name"]:  # the transcription lacks 179 sub-codes by site: the name of the code above them
            row["name"] = names.get(row["code"][:-1], "") or names[row["code"][:3]]
            row["flags"] = f"{row['flags']} name_of_parent".strip()
    write("icd10_2026", ICD_COLUMNS, ranked("icd10", current))
    _chapters(old)


def _ranked_icd(lines: list[Row], usual: Iterable[str]) -> list[Row]:
    places = everyday("icd10")
    kept = {code: places[code] for code in usual}
    for row in lines:
        _mark_everyday(row, kept)
    return sorted(lines, key=lambda r: (kept.get(r["code"], (len(places), ""))[0], len(r["name"]), r["code"]))


def _flags_2020(row: Row, has_detail: set[str]) -> Iterator[str]:
    if row["a2_not_principal"] == "1":
        yield "not_principal"
    if row["a4_sex_only"]:
        yield {"F": "female", "M": "male"}[row["a4_sex_only"]]
    if row["code"] in has_detail:
        yield "needs_detail"


def _line_2026(row: Row, place: dict[str, tuple[str, str]]) -> Row:
    code, mark = row["code"].rstrip("*†"), row["code"][-1] if row["code"][-1] in "*†" else ""
    chapter, block = place.get(code[:3], ("XXII" if code[0] == "U" else "", ""))
    flags = " ".join(flag for column, flag in FLAGS_2026.items() if row[column] == "1")
    return {"code": code, "name": row["name_vi"], "flags": flags, "chapter": chapter, "block": block,
            "mark": {"*": "asterisk", "†": "dagger", "": ""}[mark]}  # fmt: skip


def _chapters(old: list[Row]) -> None:
    chapters = {row["chapter_no"]: {"code": row["chapter_no"], "name": row["chapter_vi"], "range": row["chapter_range"]}
                for row in old}  # fmt: skip
    blocks = {row["block1_range"]: {"code": row["block1_range"], "name": row["block1_vi"], "chapter": row["chapter_no"]}
              for row in old if row["block1_range"]}  # fmt: skip
    write("icd10_chapters", ("code", "name", "range"), chapters.values())
    write("icd10_blocks", ("code", "name", "chapter"), blocks.values())


# Services

SERVICE_COLUMNS = ("code", "name", "also", "flags", "kind", "modality", "chapter")
CHAPTER_KIND = {
    "08": "traditional", "09": "anaesthesia", "17": "rehabilitation", "18": "imaging", "20": "endoscopy",
    "21": "imaging", "22": "laboratory", "23": "laboratory", "24": "laboratory", "25": "laboratory",
}  # fmt: skip
#: What a name begins with or holds (folded) decides before the chapter does; first match wins.
NAME_KIND = [
    ("surgery", r"^(cac )?(phau thuat|vi phau)"),
    ("anaesthesia", r"^(gay me|gay te|vo cam|hoi suc phau thuat)"),
    ("procedure", r"duoi huong dan|nut mach|stent|^(can thiep|choc|dot|tiem|dan luu|dieu tri|mo thong|tao hinh|"
                  r"truyen|gan|lay mau|lay don|rut mau|loc|trao doi|thay|dat|sinh thiet|tiep nhan|san xuat|dieu che)"),
    ("imaging", r"^(sieu am|chup (x quang|cat lop|cong huong tu|clvt|cht|spect|pet|mach|dong mach|tinh mach|mat|mo|"
                r"oct|dsa|day|ong|nieu|bang quang|tu cung|vu|vi)|x quang|xa hinh|spect|pet|dien tim|dien nao|dien co|"
                r"ghi dien|do chuc nang ho hap|holter|luu huyet nao|do mat do xuong|do loang xuong|"
                r"nghiem phap gang suc|theo doi dien tim|do luu huyet|chup anh)"),
    ("endoscopy", r"^noi soi"),
    ("laboratory", r"^(dinh luong|dinh tinh|xet nghiem|test |do hoat do|tong phan tich|dinh nhom mau|nhuom)"),
]  # fmt: skip
MODALITY = [
    ("MG", r"x quang (tuyen )?vu|nhu anh"), ("MR", r"cong huong tu|\bcht\b"),
    ("CT", r"cat lop vi tinh|\bclvt\b|\bct scan"),
    ("XA", r"\bdsa\b|so hoa xoa nen|so hoa xoa nen"), ("US", r"sieu am"), ("NM", r"xa hinh|spect"), ("PT", r"\bpet\b"),
    ("ECG", r"dien tim|holter"), ("EEG", r"dien nao"), ("EMG", r"dien co"), ("BMD", r"mat do xuong|loang xuong"),
    ("RESP", r"ho hap"), ("DX", r"x quang|chup (bung|nguc|so)"),
]  # fmt: skip


_PROTHROMBIN = "Thời gian prothrombin (PT: Prothrombin Time), (Các tên khác: TQ; Tỷ lệ Prothrombin)"
#: Names that the carrier ran together over a page break, read from the rows before and after.
CORRECTED = {
    "18.206": "Chụp cắt lớp vi tính động mạch chủ ngực (từ 64-128 dãy)",
    "18.207": "Chụp cắt lớp vi tính động mạch vành, tim (từ 64-128 dãy)",
    "18.466": "Chụp và nút động mạch tử cung dưới X-quang tăng sáng",
    "18.467": "Chụp và nút giãn tĩnh mạch tinh dưới X-quang tăng sáng",
    "19.416": "Xạ hình đánh giá luồng thông mạch máu (shunt) gan phổi",
    "19.417": "SPECT đánh giá luồng thông mạch máu (shunt) gan phổi",
    "22.2": f"{_PROTHROMBIN} bằng máy bán tự động",
    "22.3": f"{_PROTHROMBIN} phương pháp thủ công",
}


def services(source: Path) -> None:
    lines: list[Row] = []
    for row, code in _with_their_zeros(rows(source / "tt23_2024_appendix01.csv")):
        name = CORRECTED.get(code, row["name_vi"])
        words = fold(name)
        kind = _kind(row["chapter"][:2], words)
        rank = ("0" if kind in {"laboratory", "imaging"} else "1") + ("0" if row["chapter"][:2] >= "18" else "1")
        lines.append({
            "code": code, "name": name, "kind": kind, "chapter": row["chapter"][:2],
            "modality": _first(MODALITY, words) if kind == "imaging" else "",
            "flags": "supplement" if row["code"].startswith("BS_") else "", "rank": rank,
        })  # fmt: skip
    write("services", SERVICE_COLUMNS, ranked("services", lines))
    chapters = {row["chapter"][:2]: {"code": row["chapter"][:2], "name": row["chapter"][4:].capitalize()}
                for row in rows(source / "tt23_2024_appendix01.csv")}  # fmt: skip
    write("service_chapters", ("code", "name"), chapters.values())
    _second_appendix(source, {row["code"]: row["name"] for row in lines})


def _with_their_zeros(source: list[Row]) -> Iterator[tuple[Row, str]]:
    """Rows with their codes. The carrier stored 22.120 as the number 22.12; the order of the rows tells which.

    Codes run upwards within a chapter, so the smallest reading above the code before is the one meant.
    """
    chapter, last = "", 0
    for row in source:
        written = row["code"].removeprefix("BS_")
        if "." not in written:
            written = f"{written[:2]}.{written[2:]}"  # one row lost its dot: 19165
        head, _, tail = written.partition(".")
        if head != chapter:
            chapter, last = head, 0
        number = int(re.sub(r"\D", "", tail))
        readings = [number] if tail[-1].isalpha() or int(head) == 0 else [number * 10**zeros for zeros in range(4)]
        meant = next((reading for reading in readings if reading > last), number)
        last = meant
        yield row, f"{head}.{meant}{tail[-1] if tail[-1].isalpha() else ''}"


def _kind(chapter: str, words: str) -> str:
    found = _first(NAME_KIND, words)
    if chapter == "16" and found == "imaging" and "x quang" not in words and "chup" in words:
        return "procedure"  # "chụp" is also a dental crown
    return found or CHAPTER_KIND.get(chapter, "procedure")


def _first(table: list[tuple[str, str]], words: str) -> str:
    return next((value for value, pattern in table if re.search(pattern, words)), "")


def _second_appendix(source: Path, names: dict[str, str]) -> None:
    lines = []
    for row in rows(source / "tt23_2024_appendix02_partial.csv"):
        if not row["name_vi"].strip():
            continue
        link = row["link_code_pl01"].strip()
        same = [code for code in (link, f"{link}0", f"{link}00") if code in names]
        alike = [code for code in same if fold(names[code]) == fold(row["name_vi"])]
        certain = alike or (same if len(same) == 1 else [])
        lines.append({"code": f"II.{row['stt']}", "name": row["name_vi"], "chapter": row["chapter"],
                      "first_appendix": certain[0] if certain else ""})  # fmt: skip
    lines.sort(key=lambda row: (len(row["name"]), row["code"]))
    write("services_appendix_2", ("code", "name", "chapter", "first_appendix"), lines)


# Places


def places(source: Path) -> None:
    provinces = json.loads((source / "vn_units_34_2026-07-25.json").read_text(encoding="utf-8"))
    write(
        "provinces",
        ("code", "name", "also", "name_en"),
        ({"code": p["Code"], "name": p["FullName"], "also": p["Name"], "name_en": p["FullNameEn"]} for p in provinces),
    )
    wards = [
        {"code": w["Code"], "name": w["FullName"], "name_en": w["FullNameEn"],
         "also": f"{w['Name']}; {w['Name']} {p['Name']}; {w['FullName']} {p['FullName']}",
         "province": p["Code"], "province_name": p["FullName"]}
        for p in provinces for w in p["Wards"]
    ]  # fmt: skip
    wards.sort(key=lambda ward: (len(ward["name"]), ward["code"]))
    write("wards", ("code", "name", "also", "name_en", "province", "province_name"), wards)
    _old_wards(rows(source / "ward_conversion_2025.csv"))


#: Where the conversion has another code than the list of wards: Xã Ba Chẽ, Quảng Ninh.
OTHER_CODES = {"06970": "06978"}

_UNIT = re.compile(r"(Thành phố|Thị trấn|Thị xã|Phường|Huyện|Quận|Xã) (?!\d)")


def _old_wards(conversion: list[Row]) -> None:
    merged: dict[str, Row] = {}
    for row in sorted(conversion, key=lambda row: row["is_default"] != "1"):
        code = row["old_ward_code"] or row["old_district_code"]  # five island districts had no wards
        line = merged.setdefault(code, {
            "code": code, "name": ", ".join(filter(None, (row["old_ward"], row["old_district"], row["old_province"]))),
            "kind": row["kind"], "new": "", "also": _UNIT.sub("", f"{row['old_ward']}, {row['old_district']}"),
        })  # fmt: skip
        new = OTHER_CODES.get(row["new_ward_code"], row["new_ward_code"])
        line["new"] = f"{line['new']} {new}".strip()
    lines = sorted(merged.values(), key=lambda row: (len(row["name"]), row["code"]))
    write("wards_before_2025", ("code", "name", "also", "kind", "new"), lines)


# Small lists


#: Other names under which a people is asked for.
PEOPLE = {"Kinh": "Việt", "HMông": "H'Mông; Mông; Hơ-mông; Mèo", "Khơ-me": "Khơme; Khmer; Miên", "Co": "Cor",
          "Ê-đê": "Êđê; Rađê", "Gia-rai": "Giarai; Jrai", "Ba-na": "Bana; Bahnar", "Hoa": "Hán; Tàu"}  # fmt: skip


def catalogues(source: Path) -> None:
    simple = [
        ("occupations", "occupation_qd34_2020_level2.csv", "MA_NGHE_NGHIEP", "TEN_NGHE_NGHIEP"),
        ("departments", "department_codes_K01_K47_legacy.csv", "code", "name_vi"),
        ("card_checks", "portal_card_check_codes.csv", "code", "meaning_vi"),
        ("practice_scopes", "bhxh_practice_scope_codes_phamvi_cm.csv", "code", "title_vi"),
    ]
    write(
        "ethnic_groups",
        ("code", "name", "also"),
        (
            {
                "code": r["code"],
                "name": r["name_vi"],
                "also": PEOPLE.get(r["name_vi"], re.sub(r"\W", "", r["name_vi"])),
            }
            for r in rows(source / "ethnic_groups_vncore_cc0.csv")
        ),
    )
    for name, file, code, title in simple:
        write(name, ("code", "name"), ({"code": r[code], "name": r[title]} for r in rows(source / file)))
    write(
        "notifiable_diseases",
        ("code", "name", "reporting", "icd10"),
        (
            {"code": r["no"], "name": r["name_vi"], "reporting": r["reporting"], "icd10": r["icd10"]}
            for r in rows(source / "notifiable_diseases_qd97_2026.csv")
        ),
    )
    write(
        "visit_payers",
        ("code", "name", "rate", "note", "legal_basis", "status"),
        (
            {
                "code": r["code"],
                "name": r["name_vi"],
                **{k: r[k] for k in ("rate", "note", "legal_basis", "status")},
            }
            for r in rows(source / "ma_doituong_kcb_qd3276_2025.csv")
        ),
    )


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    TARGET.mkdir(parents=True, exist_ok=True)
    icd10(folder / "icd10")
    services(folder / "catalog")
    places(folder / "admin")
    catalogues(folder / "catalog")
