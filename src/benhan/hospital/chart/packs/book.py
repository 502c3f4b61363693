"""The log of who opened what of a pack: each line encrypted to the hospital, chained to the line before.

Who sits at the ward's computer can read none of it and change none of it unnoticed; she can cut off its end, and that
no program on her own computer can keep her from (ADR 37). A line is in the file before the page is shown. One file for
each time the viewer is started. Pure but for the disk.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Final

import msgspec

from benhan.core.vault import Damaged, carried

#: Lines of one log that are read at once; longer ones are read on the next time.
MOST: Final = 20_000


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody opened something. `act`: signed-in, refused, list, patient, paper; `written`: of when the pack was."""

    act: str
    at: datetime
    account: str
    name: str
    device: str
    written: datetime
    patient: str = ""
    stay: str = ""
    what: str = ""


class Line(msgspec.Struct, frozen=True):
    """A line as it lies there."""

    number: int
    sealed: bytes
    chain: bytes


class Book:
    """A log that is being written."""

    def __init__(self, folder: Path, department: str, public: bytes) -> None:
        """Begin a file.

        Raises:
            OSError: the folder cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}.log"
        self._department, self._public = department, public
        self._number, self._chain = 0, first(self.path.name)
        self._one_at_a_time = Lock()
        self.path.touch(exist_ok=False)

    def note(self, opened: Opened) -> None:
        """Write a line, before what it tells of is shown.

        Raises:
            OSError: it cannot be written.
        """
        with self._one_at_a_time, self.path.open("ab") as file:
            number = self._number + 1
            sealed = carried.sealed(
                self._public, place(self._department, self.path.name, number), msgspec.json.encode(opened)
            )
            chain = following(self._chain, sealed)
            file.write(msgspec.json.encode(Line(number, sealed, chain)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
            self._number, self._chain = number, chain


def first(name: str) -> bytes:
    """What the first line of a file is chained to."""
    return sha256(name.encode()).digest()


def following(chain: bytes, sealed: bytes) -> bytes:
    """The chain behind a line."""
    return sha256(chain + sealed).digest()


def place(department: str, name: str, number: int) -> str:
    """For which place a line is sealed."""
    return f"pack-log/{department}/{name}/{number}"


def read(path: Path, department: str, private: bytes, after: int, chain: bytes) -> Iterator[tuple[Opened, Line]]:
    """The lines behind line `after`, whose chain was `chain`; a line that is still being written is left for later.

    Those before are looked through again: what was read once and is changed now shows too.

    Raises:
        Damaged: a line was changed, taken out, put in, or is missing.
    """
    here = first(path.name)
    lines = path.read_bytes().split(b"\n")[:-1]
    if len(lines) < after:
        raise Damaged(path.name, f"{after} lines were there, now {len(lines)}")
    for number, given in enumerate(lines[: after + MOST], 1):
        line = _line(path, number, given)
        here = following(here, line.sealed)
        if line.number != number or line.chain != here or (number == after and here != chain):
            raise Damaged(f"{path.name}:{number}", "not the line that followed")
        if number > after:
            plain = carried.unsealed(private, place(department, path.name, number), line.sealed)
            yield msgspec.json.decode(plain, type=Opened), line


def _line(path: Path, number: int, given: bytes) -> Line:
    try:
        return msgspec.json.decode(given, type=Line)
    except msgspec.DecodeError as wrong:
        raise Damaged(f"{path.name}:{number}", str(wrong)) from None
