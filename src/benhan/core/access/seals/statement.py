"""What is signed: a short text for each seal, and the keys it is signed with. Pure.

benhan-audit/1
facility 1
number 17
rows 12001-12345
last 734-99812
leaves <SHA-256 of the kept leaves of these rows>
root <Merkle tree hash of all rows so far>
at 2026-11-22T05:00:00.123456+00:00
previous <SHA-256 of the statement before, 64 zeros before the first>
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

FORMAT: Final = "benhan-audit/1"
#: Before the first statement.
NOTHING: Final = bytes(32)
_FIELDS = ("facility", "number", "rows", "last", "leaves", "root", "at", "previous")


class Statement(msgspec.Struct, frozen=True):
    """One seal: rows (first, size] of a facility's audit in their order, the last of them at (xid, seq)."""

    facility: int
    number: int
    first: int
    size: int
    xid: int
    seq: int
    leaves: bytes
    root: bytes
    at: datetime
    previous: bytes

    def text(self) -> bytes:
        """The bytes that are signed."""
        said = (
            self.facility, self.number, f"{self.first + 1}-{self.size}", f"{self.xid}-{self.seq}", self.leaves.hex(),
            self.root.hex(), self.at.isoformat(), self.previous.hex(),
        )  # fmt: skip
        lines = [FORMAT, *(f"{name} {value}" for name, value in zip(_FIELDS, said, strict=True))]
        return "".join(f"{line}\n" for line in lines).encode()

    def digest(self) -> bytes:
        """What the next statement names as `previous`."""
        return sha256(self.text()).digest()


class Signed(msgspec.Struct, frozen=True):
    """A statement with its signature and the id of the key."""

    statement: Statement
    key: bytes
    signature: bytes

    def good(self, keys: Mapping[bytes, Ed25519PublicKey]) -> bool:
        """Whether one of these keys has signed it."""
        if (known := keys.get(self.key)) is None:
            return False
        try:
            known.verify(self.signature, self.statement.text())
        except InvalidSignature:
            return False
        return True


def read_statement(text: bytes) -> Statement:
    """A statement from its bytes.

    Raises:
        ValueError: it is none, or not exactly as one is written.
    """
    try:
        lines = text.decode("ascii").split("\n")
        values = dict(line.split(" ", 1) for line in lines[1:-1])
        first, size = map(int, values["rows"].split("-"))
        xid, seq = map(int, values["last"].split("-"))
        found = Statement(
            int(values["facility"]), int(values["number"]), first - 1, size, xid, seq,
            bytes.fromhex(values["leaves"]), bytes.fromhex(values["root"]), datetime.fromisoformat(values["at"]),
            bytes.fromhex(values["previous"]),
        )  # fmt: skip
    except (KeyError, UnicodeDecodeError) as error:
        raise ValueError(f"not a statement: {error}") from None
    if found.text() != text:
        raise ValueError("not a statement: it is written otherwise")
    return found


class Key:
    """The private key that seals are signed with."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key()
        self.id = key_id(self.public)

    def sign(self, statement: Statement) -> Signed:
        """The statement, signed."""
        return Signed(statement, self.id, self._private.sign(statement.text()))


def key_id(public: Ed25519PublicKey) -> bytes:
    """Eight bytes by which a key is known: of the SHA-256 of the raw public key."""
    return sha256(public.public_bytes_raw()).digest()[:8]


def public_pem(public: Ed25519PublicKey) -> bytes:
    """A public key as a PEM file."""
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def read_public(pem: bytes) -> Ed25519PublicKey:
    """A public key out of a PEM file, of itself or of its private key.

    Raises:
        ValueError: there is no Ed25519 key in it.
    """
    private = b"PRIVATE KEY" in pem
    found = serialization.load_pem_private_key(pem, None) if private else serialization.load_pem_public_key(pem)
    if isinstance(found, Ed25519PrivateKey):
        return found.public_key()
    if isinstance(found, Ed25519PublicKey):
        return found
    raise ValueError("not an Ed25519 key")


def read_key(path: Path) -> Key:
    """The private key of a PEM file.

    Raises:
        OSError: it cannot be read; ValueError: there is no Ed25519 private key in it.
    """
    found = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(found, Ed25519PrivateKey):
        raise ValueError(f"{path}: not an Ed25519 private key")
    return Key(found)


def make_key(path: Path) -> Key:
    """A new private key in a file that only its owner may read; an existing one is left as it is and read."""
    if path.exists():
        return read_key(path)
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(pem)
    return Key(private)
