"""Write `src/benhan/data/terminology/hl7.ndjson.xz` from HL7's own packages (npm; both CC0 1.0).

Run `python tools/build_terminology.py`. CodeSystems with their concepts, ValueSets and ConceptMaps of
`hl7.terminology.r4` 7.0.1 and of FHIR R4 itself (`hl7.fhir.r4.examples` 4.0.1), without narratives, retired records,
examples, and code systems that are somebody else's. Each is decoded and validated as the store would.
"""

from __future__ import annotations

import json
import lzma
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Problem
from benhan.core.fhir.units import SYSTEM as UCUM
from benhan.core.fhir.units import canonical
from benhan.core.fhir.validation import check

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "src" / "benhan" / "data" / "terminology"
#: Package, version, folder of the cache. What comes first wins where both have an address.
PACKAGES = (("hl7.terminology.r4", "7.0.1", "terminology"), ("hl7.fhir.r4.examples", "4.0.1", "examples"))
KINDS = ("CodeSystem", "ValueSet", "ConceptMap")
#: What the packages publish for HL7; other owners' systems (DICOM, CDC …) are left to their owners.
OWN = ("http://terminology.hl7.org/", "http://hl7.org/fhir/", "urn:oid:2.16.840.1.113883.5", "http://cda-validation")
DROPPED = ("text", "extension", "contact", "meta", "experimental", "immutable", "contained", "identifier", "useContext",
           "jurisdiction", "modifierExtension")  # fmt: skip
#: Made-up codes under the name of a real code system.
MADE_UP = ("http://hl7.org/fhir/ValueSet/icd-10",)
UCUM_COMMON = "http://hl7.org/fhir/ValueSet/ucum-common"

Record = dict[str, Any]


def main() -> None:
    """Fetch, sift, validate, write; say what was left out."""
    chosen: dict[str, Record] = {}
    left: Counter[str] = Counter()
    for package, version, folder in PACKAGES:
        for record in records(fetch(package, version, folder)):
            if why := unwanted(record):
                left[why] += 1
            elif record["url"] in chosen:
                left["the newer package has it"] += 1
            else:
                chosen[record["url"]] = bare(record)
    chosen[UCUM] = units(chosen)
    kept = valid(with_own_ids(chosen), left)
    TARGET.mkdir(parents=True, exist_ok=True)
    packed = lzma.compress(b"".join(line + b"\n" for line in kept), preset=9 | lzma.PRESET_EXTREME)
    (TARGET / "hl7.ndjson.xz").write_bytes(packed)
    print(f"{len(kept)} records, {len(packed)} bytes; left out: {dict(left)}")


def fetch(package: str, version: str, folder: str) -> Path:
    """The folder of an npm package in the cache; packed and unpacked, since its dependencies are not on npm."""
    cache = ROOT / ".cache" / folder
    installed = cache / "node_modules" / package
    if installed.is_dir():
        return installed
    unpacked = cache / "package"
    if not unpacked.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        npm = shutil.which("npm") or "npm"
        subprocess.run([npm, "pack", f"{package}@{version}"], cwd=cache, check=True)
        with tarfile.open(cache / f"{package}-{version}.tgz") as archive:
            archive.extractall(cache, filter="data")
    return unpacked


def records(folder: Path) -> Iterator[Record]:
    """The terminology of a package, in order of kind and name."""
    for kind in KINDS:
        for path in sorted(folder.glob(f"{kind}-*.json")):
            record: Record = json.loads(path.read_text("utf-8"))
            if record.get("resourceType") == kind:
                yield record


def unwanted(record: Record) -> str | None:
    """Why a record is not carried."""
    url = record.get("url", "")
    if not url.startswith(OWN):
        return "not HL7's own"
    if record.get("status") == "retired":
        return "retired"
    if "example" in record.get("id", "") or "example" in url:
        return "example"
    if url in MADE_UP:
        return "example"
    if record["resourceType"] == "CodeSystem" and not record.get("concept"):
        return "code system without concepts"
    return None


def bare(record: Record) -> Record:
    """A record without what only a reader of the web page needs."""
    for one in (_without(one) for one in walk(record)):
        one.pop("extension", None)
    for part in ("include", "exclude"):
        for one in record.get("compose", {}).get(part, ()):
            one.pop("version", None)  # often of an edition that is in neither package; they belong together as they are
    return {key: value for key, value in record.items() if key not in DROPPED and not key.startswith("_")}


def walk(value: object) -> Iterator[Record]:
    """Every object inside."""
    if isinstance(value, dict):
        yield value
        for inner in list(value.values()):
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def _without(one: Record) -> Record:
    for key in [key for key in one if key.startswith("_")]:
        del one[key]
    return one


def units(chosen: dict[str, Record]) -> Record:
    """UCUM: a grammar, of which HL7's list of common units is shown."""
    include = chosen[UCUM_COMMON]["compose"]["include"][0]
    known = [{"code": one["code"], "display": one["display"]} for one in include["concept"] if canonical(one["code"])]
    return {
        "resourceType": "CodeSystem", "id": "ucum", "url": UCUM, "name": "UCUM", "title": "UCUM", "status": "active",
        "version": "2.1", "date": "2017-11-21", "content": "fragment", "caseSensitive": True, "compositional": True,
        "copyright": "UCUM is copyright © 1999-2013 Regenstrief Institute, Inc. and the UCUM Organization,"
        " Indianapolis, IN; used by the UCUM Terms of Use (https://ucum.org/license).",
        "description": "Units are built by a grammar; listed here are the common ones (HL7 value set ucum-common).",
        "concept": list({one["code"]: one for one in known}.values()),
    }  # fmt: skip


def with_own_ids(chosen: dict[str, Record]) -> Iterator[Record]:
    """Two records of a type never share an id."""
    taken: set[tuple[str, str]] = set()
    for record in chosen.values():
        place = (record["resourceType"], record["id"])
        if place in taken:
            record["id"] = f"r4-{record['id']}"[:64]
        taken.add((record["resourceType"], record["id"]))
        yield record


def valid(chosen: Iterator[Record], left: Counter[str]) -> list[bytes]:
    """The records as the store encodes them; those that it would refuse are named and left out."""
    lines = []
    for record in chosen:
        try:
            decoded = codec.decode(msgspec.json.encode(record))
            check(decoded)
        except Problem as problem:
            print(f"{record['resourceType']}/{record['id']}: {problem.message}", file=sys.stderr)
            left["invalid"] += 1
            continue
        assert isinstance(decoded, r4.CodeSystem | r4.ValueSet | r4.ConceptMap)
        lines.append(codec.encode(decoded))
    return lines


if __name__ == "__main__":
    main()
