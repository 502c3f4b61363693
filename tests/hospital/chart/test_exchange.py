"""Records that leave the house: HoSoBenhAn, a FHIR document, a package in which every change shows, a month."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import httpx
import jsonschema_rs
import pytest
from lxml import etree
from typer.testing import CliRunner

from benhan.cli import cli
from benhan.core.access import Role, service
from benhan.core.db import Database
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import clock
from benhan.core.store.everything import references
from benhan.hospital.chart.exchange import mapping, month, tree
from benhan.hospital.chart.exchange.make import Way
from benhan.hospital.chart.exchange.package import verified
from benhan.simulator import House
from tests.hospital.chart.stays import Stay, stay

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
SCHEMAS = Path(tree.__file__).parent
WHY = "Chuyển viện theo yêu cầu của người bệnh"


def changed_byte(content: bytes) -> bytes:
    at = len(content) // 2
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def lying(folder: Path) -> dict[str, bytes]:
    """What lies in a folder."""
    return {one.name: one.read_bytes() for one in folder.iterdir()}


class Stopped(Exception):  # noqa: N818 - what happened
    """Somebody stopped it."""


async def closed(database: Database, hospital: House) -> Stay:
    """A stay whose record is closed and signed."""
    bed = await stay(database, hospital)
    await bed.opens()
    await bed.admits()
    await bed.fills()
    await bed.leaves()
    await bed.closes()
    return bed


async def copies(bed: Stay) -> list[str]:
    """What the audit tells of copies of this visit."""
    async with bed.database.transaction(bed.house.key) as tx:
        rows = await tx.fetch("select detail from audit where action = 'export' and id = $1", bed.visit)
    return [row["detail"] for row in rows]


async def test_nobody_another_hospital_and_the_wrong_role_come_through_no_door(
    client: Client, database: Database, hospital: House, other_hospital: House
) -> None:
    bed = await stay(database, hospital)
    await bed.opens()
    both = [("GET", f"{bed.address}/xuat"), ("POST", f"{bed.address}/xuat")]
    said = {"what": "ho-so", "reason": WHY}
    unknown = await client(None)
    assert {(await unknown.request(*one)).status_code for one in both} == {303}
    for role in ("doctor", "nurse", "reception", "administrator", "reviewer"):
        inside = await client(role)
        assert {(await inside.request(*one, data=said)).status_code for one in both} == {403}, role
    stranger = await client("planning", other_hospital)
    assert {(await stranger.request(*one, data=said)).status_code for one in both} == {404}
    planning = await client("planning")
    still_open = await planning.post(both[1][1], data=said)
    assert still_open.status_code == 422 and "chưa đóng" in still_open.text
    assert await copies(bed) == []


async def test_a_closed_record_is_one_package_in_which_every_change_shows(
    client: Client, database: Database, hospital: House, tmp_path: Path
) -> None:
    bed = await closed(database, hospital)
    planning = await client("planning")
    assert (await planning.post(f"{bed.address}/xuat", data={"what": "ho-so", "reason": " "})).status_code == 422
    given = await planning.post(f"{bed.address}/xuat", data={"what": "nguoi-benh", "reason": WHY})
    assert given.status_code == 200
    assert await copies(bed) == [f"record package: {WHY}"]
    file = tmp_path / "goi.zip"
    file.write_bytes(given.content)
    report = verified(file)
    assert report.good and any("chữ ký của" in one and "fhir/" in one for one in report.right)
    assert CliRunner().invoke(cli, ["chart", "verify", str(file)]).exit_code == 0
    assert not verified(file, key="khoá của ai khác").good
    with ZipFile(file) as zipped:
        parts = {one: zipped.read(one) for one in zipped.namelist()}
    for name in parts:
        changed = BytesIO()
        with ZipFile(changed, "w", ZIP_DEFLATED) as zipped:
            for one, content in parts.items():
                zipped.writestr(one, changed_byte(content) if one == name else content)
        assert not verified(changed).good, name
    document = json.loads(parts[f"hosobenhan/{bed.visit}.json"])
    jsonschema_rs.validator_for(json.loads((SCHEMAS / "hosobenhan.schema.json").read_text())).validate(document)
    written = etree.fromstring(parts[f"hosobenhan/{bed.visit}.xml"])
    etree.XMLSchema(etree.parse(str(SCHEMAS / "hosobenhan.xsd"))).assertValid(written)
    assert tree.read(parts[f"hosobenhan/{bed.visit}.json"]) == document[tree.ROOT]
    facts = document[tree.ROOT]["ThongTinBenhNhan"]
    assert (facts["loaiba"], facts["hoten"], facts["ngaysinh"]) == ("BA-01", "Trần Thị Hoa", "23/11/1958")
    assert facts["thoigianvaovien"] == f"{clock.local(bed.admitted):%d/%m/%Y %H:%M:%S}.000"
    assert document[tree.ROOT]["ThongTinVaoVien"]["mach"] == written.findtext(".//ThongTinVaoVien/mach") == "88"
    assert document[tree.ROOT]["ThongTinVaoVien"]["khambenh_chandoanvaovienmaicd"] == "I10"
    assert document[tree.ROOT]["GiayChuyenVien"] == "" and "GiayChuyenVien" in {one.tag for one in written}
    bundle = codec.decode(parts[f"fhir/{bed.visit}.json"], r4.Bundle)
    first, *others = [one.resource for one in bundle.entry or [] if one.resource]
    assert bundle.type == "document" and isinstance(first, r4.Composition) and bundle.identifier and bundle.timestamp
    there = {(codec.type_name(one), one.id) for one in others}
    assert set(references(codec.encode(first))) - {("Practitioner", bed.doctor.practitioner)} <= there
    assert {"Provenance", "QuestionnaireResponse", "Observation", "Condition", "AllergyIntolerance"} <= {
        name for name, _id in there
    }
    assert parts[f"pdf/benh-an-{bed.visit}-1.pdf"].startswith(b"%PDF")


async def test_a_month_goes_on_where_it_was_stopped(database: Database, hospital: House, tmp_path: Path) -> None:
    beds = [await closed(database, hospital) for _ in range(2)]
    who, way = service(Role.LOADER, hospital.key, hospital.name), Way("https://benhan.example", pdf=False)
    wanted = {f"{bed.visit}-1.zip" for bed in beds}

    def stops(_done: int, _all: int) -> None:
        raise Stopped

    (tmp_path / "half.part").write_bytes(b"half a package")
    with pytest.raises(ExceptionGroup):
        await month.export(database, who, clock.today(), tmp_path, way, stops, together=1)
    first = {name: content for name, content in lying(tmp_path).items() if name.endswith(".zip")}
    done = await month.export(database, who, clock.today(), tmp_path, way)
    files = lying(tmp_path)
    assert wanted <= set(files) and not any(one.endswith(".part") for one in files)
    assert first and done.there == len(first) and first.items() <= files.items()
    assert {len(await copies(bed)) for bed in beds} == {1}
    listed = json.loads((tmp_path / month.LIST).read_text())
    assert set(listed["packages"]) == {one for one in files if one.endswith(".zip")}
    assert all(verified(tmp_path / name).good for name in wanted)
    again = await month.export(database, who, clock.today(), tmp_path, way)
    assert again.made == 0 and {len(await copies(bed)) for bed in beds} == {1}


@pytest.mark.parametrize(
    ("given", "where"),
    [
        (b"<HoSoBenhAn><x></HoSoBenhAn>", "dòng 1"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><HoSoBenhAn/>', "HoSoBenhAn"),
        (b"<Khac/>", "HoSoBenhAn"), (b'{"HoSoBenhAn": 3}', "HoSoBenhAn"), (b'{"HoSoBenhAn": ', "HoSoBenhAn"),
        (b"<HoSoBenhAn>" + b"<a>" * 30 + b"</a>" * 30 + b"</HoSoBenhAn>", "a"),
    ],
)  # fmt: skip
async def test_a_file_that_is_no_such_document_is_refused_with_where(given: bytes, where: str) -> None:
    with pytest.raises(Invalid) as refused:
        tree.read(given)
    assert where in str(refused.value.where)


async def test_fields_that_are_wrong_are_named_and_a_hospital_may_map_otherwise(tmp_path: Path) -> None:
    said = {"ThongTinBenhNhan": {"cccd_so": "0" * 16, "la": "x"}, "ThongTinDieuTri": [{}, {}]}
    assert [one.where for one in tree.wrong(said)] == [
        "HoSoBenhAn.ThongTinBenhNhan.cccd_so", "HoSoBenhAn.ThongTinBenhNhan.la", "HoSoBenhAn.ThongTinDieuTri",
    ]  # fmt: skip
    file = tmp_path / "khac.xml"
    for given, code in (
        (tree.as_xml({"ThongTinBenhNhan": {"hoten": "Lê A & B"}}), 0),
        (tree.as_json(said), 1),
        (b"<", 1),
    ):
        file.write_bytes(given)
        assert CliRunner().invoke(cli, ["chart", "check", str(file)]).exit_code == code
    own = tmp_path / "anh-xa.toml"
    own.write_text('[ThongTinBenhNhan]\ngioitinh = "patient.number"\n', "utf-8")
    made = mapping.filled(mapping.mapping(own), {"patient.number": "BN1", "patient.cccd": "1" * 20})
    assert made.tree["ThongTinBenhNhan"]["gioitinh"] == "BN1"
    assert [one.where for one in made.cut] == ["HoSoBenhAn.ThongTinBenhNhan.cccd_so"]
    own.write_text('[ThongTinBenhNhan]\nkhongco = "x"\n', "utf-8")
    mapping.mapping.cache_clear()
    with pytest.raises(ValueError, match="khongco"):
        mapping.mapping(own)
    assert any(one.where.endswith("loaiba") for one in mapping.unsettled(mapping.mapping()))
