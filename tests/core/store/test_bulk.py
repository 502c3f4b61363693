"""`benhan load`: records from files come in once, whole, and as often as one likes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.scopes import parse_scopes
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.store.bulk import BATCH, Tally, load_paths


class Desk:
    """Loads files and looks at what became of them."""

    def __init__(self, database: Database, who: Subject, folder: Path) -> None:
        self.database, self.who, self.folder = database, who, folder
        self.rejects = folder / "rejects.ndjson"

    def ndjson(self, *records: dict[str, Any] | str, name: str = "records.ndjson") -> Path:
        """A file with one record a line."""
        lines = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in records]
        path = self.folder / name
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path

    def json(self, record: dict[str, Any], name: str) -> Path:
        """A file with one resource or Bundle."""
        path = self.folder / name
        path.write_text(json.dumps(record, indent=1), "utf-8")
        return path

    async def loads(self, *paths: Path) -> Tally:
        """Run the loader."""
        return await load_paths(self.database, self.who, paths, rejects=self.rejects)

    async def reads(self, type_: type[r4.R], id_: str) -> r4.R:
        """What the store holds."""
        async with self.database.transaction(self.who.facility) as tx:
            return await store.read(tx, self.who, type_, id_)

    async def versions(self, type_: type[r4.Resource], id_: str) -> int:
        """How many versions there are."""
        async with self.database.transaction(self.who.facility) as tx:
            return len(await store.history(tx, self.who, type_, id_))

    def reasons(self) -> list[dict[str, Any]]:
        """The file of rejects."""
        return [json.loads(line) for line in self.rejects.read_text("utf-8").splitlines()]


@pytest.fixture
def desk(database: Database, loader: Subject, tmp_path: Path) -> Desk:
    """A desk with an empty folder."""
    return Desk(database, loader, tmp_path)


def patient(id_: str, name: str = "Đặng Thị Tâm") -> dict[str, Any]:
    """A small patient."""
    return {"resourceType": "Patient", "id": id_, "name": [{"text": name}], "birthDate": "1961-04-12"}


async def test_records_of_a_file_come_in_and_a_second_run_changes_nothing(desk: Desk) -> None:
    ids = [f"tai-{uuid4()}" for _ in range(3)]
    path = desk.ndjson(*(patient(id_) for id_ in ids))
    assert await desk.loads(path) == Tally(created=3)
    assert await desk.loads(path) == Tally(unchanged=3)
    assert await desk.versions(r4.Patient, ids[0]) == 1
    assert not desk.rejects.exists()


async def test_other_content_under_a_known_id_becomes_a_new_version(desk: Desk) -> None:
    id_ = f"tai-{uuid4()}"
    await desk.loads(desk.ndjson(patient(id_)))
    assert await desk.loads(desk.ndjson(patient(id_, "Đặng Thị Tâm An"))) == Tally(updated=1)
    assert (await desk.reads(r4.Patient, id_)).name[0].text == "Đặng Thị Tâm An"  # type: ignore[index]


async def test_loading_again_does_not_undo_what_somebody_corrected_since(desk: Desk) -> None:
    id_ = f"tai-{uuid4()}"
    path = desk.ndjson(patient(id_))
    await desk.loads(path)
    async with desk.database.transaction(desk.who.facility) as tx:
        corrected = await store.read(tx, desk.who, r4.Patient, id_)
        corrected.birthDate = "1962-04-12"
        await store.update(tx, desk.who, corrected, if_match=None)
    assert await desk.loads(path) == Tally(unchanged=1)
    assert (await desk.reads(r4.Patient, id_)).birthDate == "1962-04-12"


async def test_what_was_deleted_here_stays_deleted(desk: Desk) -> None:
    id_ = f"tai-{uuid4()}"
    await desk.loads(desk.ndjson(patient(id_)))
    program = msgspec.structs.replace(desk.who, roles=frozenset({Role.CLIENT}), scopes=parse_scopes("system/*.cruds"))
    async with desk.database.transaction(desk.who.facility) as tx:
        await store.delete(tx, program, r4.Patient, id_)
    assert await desk.loads(desk.ndjson(patient(id_))) == Tally(unchanged=1)
    assert await desk.loads(desk.ndjson(patient(id_, "Tên khác"))) == Tally(rejected=1)
    assert desk.reasons()[0]["outcome"]["issue"][0]["code"] == "deleted"


async def test_only_the_bad_ones_are_left_out_each_with_its_line_and_reason(desk: Desk) -> None:
    good, bad = f"tai-{uuid4()}", f"tai-{uuid4()}"
    path = desk.ndjson(
        patient(good), {**patient(bad), "gender": "nữ"}, "{not json", {"resourceType": "Patience"}, patient(f"{good}-2")
    )
    assert await desk.loads(path) == Tally(created=2, rejected=3)
    rejected = {row["line"]: row for row in desk.reasons()}
    assert sorted(rejected) == [2, 3, 4]
    assert rejected[2]["id"] == f"Patient/{bad}"
    assert rejected[2]["file"] == str(path)
    assert rejected[2]["outcome"]["issue"][0]["expression"] == ["Patient.gender"]


async def test_what_another_record_holds_already_is_refused_alone(desk: Desk) -> None:
    number = [{"system": "http://fhir.ehealth.gov.vn/core/sid/citizen_id", "value": f"099{uuid4().int % 10**9:09d}"}]
    first, second, third = (f"tai-{uuid4()}" for _ in range(3))
    path = desk.ndjson(
        {**patient(first), "identifier": number}, {**patient(second), "identifier": number}, patient(third)
    )
    assert await desk.loads(path) == Tally(created=2, rejected=1)
    assert desk.reasons()[0]["id"] == f"Patient/{second}"


async def test_entries_of_a_transaction_find_one_another(desk: Desk) -> None:
    person, visit = str(uuid4()), str(uuid4())
    bundle = {
        "resourceType": "Bundle",
        "id": "type",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": f"urn:uuid:{visit}",
                "resource": {
                    "resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"},
                    "subject": {"reference": f"urn:uuid:{person}"},
                },
                "request": {"method": "POST", "url": "Encounter"},
            },
            {
                "fullUrl": f"urn:uuid:{person}",
                "resource": {"resourceType": "Patient", "name": [{"text": 'Có "ngoặc" và { trong tên'}]},
                "request": {"method": "POST", "url": "Patient"},
            },
        ],
    }  # fmt: skip
    path = desk.json(bundle, "bundle.json")
    assert await desk.loads(path) == Tally(created=2)
    assert await desk.loads(path) == Tally(unchanged=2)
    kept = await desk.reads(r4.Encounter, visit)
    assert kept.subject == r4.Reference(reference=f"Patient/{person}")


async def test_a_document_is_kept_as_the_bundle_it_is(desk: Desk) -> None:
    id_ = f"tai-{uuid4()}"
    paper = {
        "resourceType": "Composition", "status": "final", "type": {"text": "x"}, "date": "2026-11-21", "title": "x",
        "author": [{"display": "x"}],
    }  # fmt: skip
    document = {
        "resourceType": "Bundle", "id": id_, "type": "document", "timestamp": "2026-11-21T07:30:00+07:00",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid4()}"},
        "entry": [{"fullUrl": f"urn:uuid:{uuid4()}", "resource": paper}],
    }  # fmt: skip
    assert await desk.loads(desk.json(document, "document.json")) == Tally(created=1)
    assert (await desk.reads(r4.Bundle, id_)).type == "document"


async def test_a_folder_is_read_whole_also_what_is_packed(desk: Desk) -> None:
    inner = desk.folder / "sources"
    inner.mkdir()
    (inner / "a.json").write_text(json.dumps(patient(f"tai-{uuid4()}")))
    with gzip.open(inner / "b.ndjson.gz", "wt") as packed:
        packed.write("\n".join(json.dumps(patient(f"tai-{uuid4()}")) for _ in range(2)))
    (inner / "notes.txt").write_text("not for us")
    (inner / "empty.json").write_text("")
    assert await desk.loads(inner) == Tally(created=3, rejected=1)


async def test_a_record_without_an_id_gets_the_same_one_every_time(desk: Desk) -> None:
    one = {"resourceType": "Patient", "name": [{"text": f"Không mã {uuid4()}"}]}
    path = desk.ndjson(one)
    assert await desk.loads(path) == Tally(created=1)
    assert await desk.loads(path) == Tally(unchanged=1)


async def test_a_load_that_was_killed_goes_on_where_it_stopped(desk: Desk) -> None:
    marker = uuid4()
    path = desk.ndjson(*(patient(f"tai-{marker}-{n}") for n in range(BATCH * 3)))

    class StoppedError(Exception):
        pass

    def kill(_file: str, done: int, total: int) -> None:
        if done > total / 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        await load_paths(desk.database, desk.who, [path], rejects=desk.rejects, progress=kill)
    tally = await desk.loads(path)
    assert tally.created + tally.unchanged == BATCH * 3
    assert tally.created
    assert tally.unchanged
    assert await desk.versions(r4.Patient, f"tai-{marker}-0") == 1


async def test_the_same_person_twice_in_one_file_is_no_clash(desk: Desk) -> None:
    id_ = f"tai-{uuid4()}"
    path = desk.ndjson(patient(id_), patient(id_), patient(id_, "Tên mới"))
    assert await desk.loads(path) == Tally(created=1, updated=1, unchanged=1)
    assert await desk.loads(path) == Tally(unchanged=3)
