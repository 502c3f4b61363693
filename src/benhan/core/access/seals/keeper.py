"""The outside keeper: where signed statements are handed to, so that who rules the database cannot take them back."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from benhan.core.access.seals.statement import Signed, key_id, public_pem, read_public, read_statement

#: Bytes at the end of a file in which its newest statement stands.
_TAIL: Final = 20_000


class Damaged(ValueError):  # noqa: N818 - what it is, not that it failed
    """Something the keeper keeps cannot be read."""


class Keeper(Protocol):
    """Whoever keeps statements outside the database: a directory, another node."""

    def keys(self) -> dict[bytes, Ed25519PublicKey]:
        """The public keys it was told of, by their id."""

    def meet(self, public: Ed25519PublicKey) -> None:
        """Be told of a public key."""

    def facilities(self) -> list[int]:
        """The facilities of which it keeps anything."""

    def last(self, facility: int) -> Signed | None:
        """The newest statement of a facility."""

    def kept(self, facility: int) -> Iterator[Signed | Damaged]:
        """All statements of a facility, oldest first."""

    def keep(self, signed: Signed) -> bool:
        """Keep a statement, durably; False where it has it already, or a later one."""


class _Line(msgspec.Struct, frozen=True):
    statement: str
    key: str
    signature: str


class Directory:
    """A keeper that is a folder, best on another machine: `keys/*.pem`, and a file for each facility that only grows.

    Several processes may hand over at once; each file is locked while it grows.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keys(self) -> dict[bytes, Ed25519PublicKey]:
        """The public keys it was told of."""
        found = [read_public(path.read_bytes()) for path in sorted((self.folder / "keys").glob("*.pem"))]
        return {key_id(public): public for public in found}

    def meet(self, public: Ed25519PublicKey) -> None:
        """Keep a public key beside the statements.

        Raises:
            OSError: it cannot be written.
        """
        path = self.folder / "keys" / f"{key_id(public).hex()}.pem"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            part = path.with_suffix(f".{os.getpid()}")
            _durably(part, public_pem(public))
            part.replace(path)
            _settle(path.parent)

    def facilities(self) -> list[int]:
        """The facilities of which there is a file."""
        return sorted(int(path.stem) for path in self.folder.glob("*.ndjson") if path.stem.isdigit())

    def last(self, facility: int) -> Signed | None:
        """The newest statement that can be read."""
        path = self._file(facility)
        if not path.exists():
            return None
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            lines = file.read().split(b"\n")
        found = (_read(line, path.name) for line in reversed(lines) if line.endswith(b"}"))
        return next((one for one in found if isinstance(one, Signed)), None)

    def kept(self, facility: int) -> Iterator[Signed | Damaged]:
        """The lines of a facility's file; one that a power cut left without its end was never acknowledged."""
        path = self._file(facility)
        if not path.exists():
            return
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip() and line.endswith(b"}\n"):
                    yield _read(line, f"{path.name}:{number}")

    def keep(self, signed: Signed) -> bool:
        """Append a line and wait until it is on the disk.

        Raises:
            OSError: it cannot be written.
        """
        line = _Line(signed.statement.text().decode(), signed.key.hex(), signed.signature.hex())
        with self._growing(signed.statement.facility) as file:
            last = self.last(signed.statement.facility)
            if last is not None and last.statement.number >= signed.statement.number:
                return False
            torn = file.tell() and _last_byte(Path(file.name)) != b"\n"
            os.write(file.fileno(), (b"\n" if torn else b"") + msgspec.json.encode(line) + b"\n")
            os.fsync(file.fileno())
        _settle(self.folder)
        return True

    def _file(self, facility: int) -> Path:
        return self.folder / f"{facility}.ndjson"

    @contextmanager
    def _growing(self, facility: int) -> Iterator[BinaryIO]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._file(facility).open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0, os.SEEK_END)
            yield file


def _read(line: bytes, place: str) -> Signed | Damaged:
    try:
        found = msgspec.json.decode(line, type=_Line)
        return Signed(
            read_statement(found.statement.encode()), bytes.fromhex(found.key), bytes.fromhex(found.signature)
        )
    except (ValueError, msgspec.MsgspecError) as error:
        return Damaged(f"{place}: {error}")


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read()


def _durably(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _settle(folder: Path) -> None:
    """Make a new name in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
