"""How a pack lies in its folder: one small header that is replaced at a stroke, and a file for each page, encrypted.

The header names who may open the pack, with its key sealed to each of them; in it lies the list of patients, encrypted
and signed. Each file has a random name and a key of its own, which stands in that list: so what did not change is
not written again though the key of the pack is another each time, and who has left the ward leaves the list. A header
is put in its place when everything that it names is there; what it does not name is swept away. Pure but for the disk.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from benhan.core.vault import Damaged, carried

FORMAT: Final = "benhan-ward-pack/1"
HEADER: Final = "pack.json"
LOG: Final = "log"
_SIGNATURE: Final = 64


class Stored(msgspec.Struct, frozen=True):
    """A file of the pack: its name, its key, the SHA-256 of what is in it."""

    file: str
    key: bytes
    digest: bytes
    size: int


class Paper(msgspec.Struct, frozen=True):
    """A paper of a patient, a PDF: what it is called, of when, and who signed it with a certificate ("" nobody)."""

    title: str
    when: str
    signer: str
    stored: Stored


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A patient of the ward: what its list shows, and her pages."""

    stay: str
    version: str
    patient: str
    name: str
    facts: str
    bed: str
    allergies: list[str]
    allergies_known: bool
    warning: str
    tone: str
    page: Stored
    sheet: Stored
    papers: list[Paper]

    @property
    def files(self) -> list[Stored]:
        """Everything that belongs to her."""
        return [self.page, self.sheet, *(one.stored for one in self.papers)]


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a pack: signed as a whole. `edition`: by which program its pages were drawn, `day`: on which day."""

    facility: str
    facility_name: str
    department: str
    department_name: str
    written: datetime
    feed: str
    day: str
    edition: str
    entries: list[Entry]


class Seat(msgspec.Struct, frozen=True):
    """Somebody who may open it: her key under her pass-phrase, and the key of the pack, sealed to her."""

    account: str
    login: str
    name: str
    wrapped: bytes
    sealed: bytes


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The header as it lies there. `server`: the key of the pack for who writes it again; `log`: logs are sealed to."""

    format: str
    department: str
    department_name: str
    facility_name: str
    written: datetime
    seats: list[Seat]
    server: bytes
    log: bytes
    contents: bytes


def place(department: str, what: str) -> str:
    """For which place something of a pack is encrypted."""
    return f"pack/{department}/{what}"


def closed(contents: Contents, key: bytes, signer: Ed25519PrivateKey) -> bytes:
    """The contents, signed and encrypted."""
    said = msgspec.json.encode(contents)
    return carried.encrypted(key, place(contents.department, "contents"), signer.sign(_named(said)) + said)


def opened(header: Header, key: bytes, signer: bytes) -> Contents:
    """The contents of a pack, whose signature is that of `signer` (Ed25519).

    Raises:
        Damaged: changed, another key, or signed by somebody else.
    """
    where = place(header.department, "contents")
    plain = carried.decrypted(key, where, header.contents)
    try:
        Ed25519PublicKey.from_public_bytes(signer).verify(plain[:_SIGNATURE], _named(plain[_SIGNATURE:]))
        return msgspec.json.decode(plain[_SIGNATURE:], type=Contents)
    except (InvalidSignature, msgspec.DecodeError, ValueError):
        raise Damaged(where, "not signed by this facility") from None


def _named(said: bytes) -> bytes:
    return FORMAT.encode() + b"\n" + said


class Folder:
    """A folder with a pack in it, or none yet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def header(self) -> Header | None:
        """What lies there; None where there is no pack.

        Raises:
            Damaged: it cannot be read.
        """
        try:
            given = (self.path / HEADER).read_bytes()
        except FileNotFoundError:
            return None
        try:
            found = msgspec.json.decode(given, type=Header)
        except msgspec.DecodeError as wrong:
            raise Damaged(str(self.path / HEADER), str(wrong)) from None
        if found.format != FORMAT:
            raise Damaged(str(self.path / HEADER), f"format {found.format}")
        return found

    def put(self, department: str, plain: bytes) -> Stored:
        """Write a file; nobody sees it before a header names it."""
        self._made()
        name, key = f"{secrets.token_hex(12)}.bin", secrets.token_bytes(carried.KEY)
        _written(self.path / name, carried.encrypted(key, place(department, name), plain))
        return Stored(name, key, sha256(plain).digest(), len(plain))

    def read(self, department: str, one: Stored) -> bytes:
        """What is in a file.

        Raises:
            Damaged: changed, or another one; FileNotFoundError: swept away since.
        """
        plain = carried.decrypted(one.key, place(department, one.file), (self.path / one.file).read_bytes())
        if sha256(plain).digest() != one.digest:
            raise Damaged(one.file, "not what was signed")
        return plain

    def whole(self, entry: Entry) -> bool:
        """Whether all files of a patient lie there."""
        return all((self.path / one.file).is_file() for one in entry.files)

    def publish(self, header: Header, files: Collection[str]) -> None:
        """Put a pack in the place of the one before, then sweep away what it does not name."""
        self._made()
        beside = self.path / f"{HEADER}.{secrets.token_hex(4)}.new"
        _written(beside, msgspec.json.encode(header))
        beside.replace(self.path / HEADER)
        _settled(self.path)
        self._sweep(files)

    def clear(self) -> None:
        """Take the pack away; the log stays."""
        (self.path / HEADER).unlink(missing_ok=True)
        self._sweep(())

    def _made(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o750)

    def _sweep(self, keep: Collection[str]) -> None:
        if not self.path.is_dir():
            return
        for one in self.path.iterdir():
            if one.suffix in (".bin", ".new") and one.name not in keep:
                with suppress(FileNotFoundError):
                    one.unlink()


def _written(path: Path, content: bytes) -> None:
    """A file that is there after a power cut, or not at all."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _settled(folder: Path) -> None:
    with suppress(OSError):  # not every share knows how
        at = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(at)
        finally:
            os.close(at)
