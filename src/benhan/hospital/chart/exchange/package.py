"""Records in one file that can be verified without us: FHIR, HoSoBenhAn, PDFs, their hashes, the facility's signature.

A zip with `manifest.json` (each file with its SHA-256, who exported what, when, why) and `manifest.sig` (Ed25519 over
the manifest's bytes). `verified` needs the file alone; who knows the facility's key beforehand names it too. The seal
certificate of an organisation is not used yet: the program has none (ADR 28). Source: RFC 8032; CV 365 d, V.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from benhan.core.access import signature
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Problem
from benhan.core.language import _
from benhan.hospital import signing

FORMAT: Final = "benhan-records/1"
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
#: Files of a package, and bytes of one and of all of them, when it is verified.
MOST_FILES, MOST_BYTES, MOST_OF_ALL = 20_000, 256 * 1024 * 1024, 2 * 1024 * 1024 * 1024
#: Entries of a zip need a time; ours say nothing by it, so the same content gives the same file.
_TIME: Final = (2000, 1, 1, 0, 0, 0)


class Part(msgspec.Struct, frozen=True):
    """A file of the package."""

    name: str
    sha256: str
    size: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a package, from where, for what. `remarks`: what did not fit, or is left out."""

    format: str
    facility: str
    facility_name: str
    exported: datetime
    by: str
    reason: str
    records: list[str]
    remarks: list[str]
    key: str
    files: list[Part]


class Report(msgspec.Struct, frozen=True):
    """What became of verifying: what is right, what is wrong."""

    right: list[str]
    wrong: list[str]

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong


def packed(files: Mapping[str, bytes], manifest: Manifest, signer: Ed25519PrivateKey) -> bytes:
    """The package; `manifest.files` and `manifest.key` are filled in here."""
    parts = [Part(name, sha256(content).hexdigest(), len(content)) for name, content in sorted(files.items())]
    key = b64encode(signer.public_key().public_bytes_raw()).decode()
    said = msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(manifest, files=parts, key=key)), indent=1)
    into = BytesIO()
    with ZipFile(into, "w", ZIP_DEFLATED) as zipped:
        for name, content in ((MANIFEST, said), (SIGNATURE, b64encode(signer.sign(said))), *sorted(files.items())):
            zipped.writestr(ZipInfo(name, _TIME), content, ZIP_DEFLATED)
    return into.getvalue()


def verified(package: Path | BinaryIO, key: str = "") -> Report:
    """Everything that can be held against a package. `key`: the facility's public key (base64), where it is known."""
    right: list[str] = []
    wrong: list[str] = []
    try:
        with ZipFile(package) as zipped:
            manifest = _manifest(zipped, key, right, wrong)
            if manifest is not None:
                _files(zipped, manifest, right, wrong)
    except (BadZipFile, OSError, KeyError, RuntimeError, msgspec.DecodeError, ValueError) as broken:
        wrong.append(_("Gói không đọc được: %(why)s", why=str(broken)[:200]))
    return Report(right, wrong)


def _manifest(zipped: ZipFile, key: str, right: list[str], wrong: list[str]) -> Manifest | None:
    if len(zipped.namelist()) > MOST_FILES or sum(one.file_size for one in zipped.infolist()) > MOST_OF_ALL:
        wrong.append(_("Gói quá lớn để kiểm."))
        return None
    said = _content(zipped, MANIFEST)
    manifest = msgspec.json.decode(said, type=Manifest)
    if manifest.format != FORMAT:
        wrong.append(_("Định dạng gói lạ: %(format)s", format=manifest.format))
        return None
    if key and key != manifest.key:
        wrong.append(_("Khoá của gói không phải khoá bạn nêu."))
    try:
        public = Ed25519PublicKey.from_public_bytes(b64decode(manifest.key))
        public.verify(b64decode(_content(zipped, SIGNATURE)), said)
        right.append(_("Chữ ký của %(name)s đúng (khoá %(key)s)", name=manifest.facility_name, key=manifest.key))
    except (InvalidSignature, ValueError):
        wrong.append(_("Chữ ký của gói sai: danh mục đã bị đổi."))
    return manifest


def _files(zipped: ZipFile, manifest: Manifest, right: list[str], wrong: list[str]) -> None:
    there = [one for one in zipped.namelist() if one not in (MANIFEST, SIGNATURE)]
    named = {one.name for one in manifest.files}
    wrong += [_("%(name)s: không có trong danh mục", name=one) for one in there if one not in named]
    wrong += [_("%(name)s: có hai lần", name=one) for one in sorted({one for one in there if there.count(one) > 1})]
    for part in manifest.files:
        if part.name not in there:
            wrong.append(_("%(name)s: thiếu", name=part.name))
            continue
        content = _content(zipped, part.name)
        if sha256(content).hexdigest() != part.sha256:
            wrong.append(_("%(name)s: đã bị đổi", name=part.name))
        elif part.name.startswith("fhir/"):
            _signatures(part.name, content, right, wrong)
    right.append(_("%(n)s tệp theo danh mục", n=len(manifest.files)))


def _content(zipped: ZipFile, name: str) -> bytes:
    if zipped.getinfo(name).file_size > MOST_BYTES:
        raise ValueError(f"{name}: > {MOST_BYTES} bytes")
    return zipped.read(name)


def _signatures(name: str, content: bytes, right: list[str], wrong: list[str]) -> None:
    """The signatures of a FHIR document, over the records beside them."""
    try:
        bundle = codec.decode(content, r4.Bundle)
    except Problem as broken:
        wrong.append(f"{name}: {broken.message}")
        return
    records = {signature.versioned(one.resource): one.resource for one in bundle.entry or [] if one.resource}
    for one in bundle.entry or []:
        given = signature.read(one.resource) if isinstance(one.resource, r4.Provenance) else None
        if given is None:
            continue
        signed = [records[ref] for ref in given.records if ref in records]
        if len(signed) != len(given.records):
            continue  # of records, or versions, that are not in this document
        who = _("%(name)s, %(when)s", name=given.name, when=given.when)
        if signing.holds(given, signed):
            right.append(_("%(file)s: chữ ký của %(who)s đúng", file=name, who=who))
        else:
            wrong.append(_("%(file)s: chữ ký của %(who)s không khớp nội dung", file=name, who=who))
