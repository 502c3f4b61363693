"""The master key: from a file, the environment, or a hardware module (PKCS#11). It wraps the keys of the facilities.

`file:/etc/benhan/master.key` (base64 of 32 bytes, readable by its owner alone), `env:NAME` (the same text), or a URI of
RFC 7512: `pkcs11:token=Benhan;object=master?module-path=/usr/lib/…/libsofthsm2.so&pin-source=file:/etc/benhan/pin`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path
from typing import Final, Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benhan.core.vault.envelope import NONCE, Damaged, Place

BYTES: Final = 32


class MasterError(ValueError):
    """The master key is not there, is none, or is not the one that wrapped the keys."""


class Master(Protocol):
    """What wraps keys. `id` tells one master key from another and gives nothing of it away."""

    id: str

    def wrap(self, key: bytes, place: Place) -> bytes:
        """A key that only this master key unwraps, and only at this place."""

    def unwrap(self, wrapped: bytes, place: Place) -> bytes:
        """The key.

        Raises:
            Damaged: it was changed, or stands at another place.
        """


class HeldMaster:
    """A master key that this process holds in memory."""

    def __init__(self, key: bytes) -> None:
        if len(key) != BYTES:
            raise MasterError(f"a master key is {BYTES} bytes, not {len(key)}")
        self.id = hmac.digest(key, b"benhan master key", hashlib.sha256)[:8].hex()
        self._key = AESGCM(key)

    def wrap(self, key: bytes, place: Place) -> bytes:
        """As `Master`."""
        nonce = secrets.token_bytes(NONCE)
        return nonce + self._key.encrypt(nonce, key, place.encode())

    def unwrap(self, wrapped: bytes, place: Place) -> bytes:
        """As `Master`."""
        try:
            return self._key.decrypt(wrapped[:NONCE], wrapped[NONCE:], place.encode())
        except Exception:
            raise Damaged(place, "a wrapped key was changed, or brought here from another place") from None


def master_of(source: str) -> Master:
    """The master key that a setting names.

    Raises:
        MasterError: there is none, or it lies open to others.
    """
    kind, _colon, rest = source.partition(":")
    match kind:
        case "file":
            return HeldMaster(_decoded(_read(Path(rest)), source))
        case "env":
            if not os.environ.get(rest):
                raise MasterError(f"{source}: the environment has no {rest}")
            return HeldMaster(_decoded(os.environ[rest], source))
        case "pkcs11":
            from benhan.core.vault.pkcs11 import token_master

            return token_master(source)
    raise MasterError("a master key is named by file:…, env:… or pkcs11:…")


def make_master(path: Path) -> None:
    """Make a master key; an existing one is left as it is."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(base64.b64encode(secrets.token_bytes(BYTES)).decode() + "\n")


def _read(path: Path) -> str:
    try:
        open_to = stat.S_IMODE(path.stat().st_mode) & 0o077
        text = path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as wrong:
        raise MasterError(f"file:{path}: {wrong}") from None
    if open_to:
        raise MasterError(f"file:{path}: others may read it; `chmod 600` it")
    return text


def _decoded(text: str, source: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise MasterError(f"{source}: it is no base64") from None
    if len(key) != BYTES:
        raise MasterError(f"{source}: it holds {len(key)} bytes, a master key has {BYTES}")
    return key
