"""One value, encrypted: which key, a nonce, the ciphertext with its tag. Pure.

It opens only at the place it was made for: table, row and column are authenticated with it (AAD), so a ciphertext that
somebody copied to another row, facility or column is refused. Source: RFC 5116; NIST SP 800-38D, 8.2.2 (random nonces:
2³² values of one key at most).
"""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

#: Begins an envelope. No JSON text begins so.
MARK: Final = b"\x01"
KEY_ID: Final = 8
NONCE: Final = 12
#: Bytes that an envelope adds: mark, key, nonce, tag.
ADDED: Final = len(MARK) + KEY_ID + NONCE + 16
#: Where a value stands: `table/facility/row/column`.
Place = str


class Damaged(Exception):  # noqa: N818 - what the value is
    """It does not open where it stands: changed, or brought here from another place, or its key is not there."""

    def __init__(self, place: Place, why: str) -> None:
        super().__init__(f"{place}: {why}")
        self.place = place


def encrypted(key_id: bytes, key: AESGCM, place: Place, plain: bytes) -> bytes:
    """The envelope of a value for this place."""
    nonce = secrets.token_bytes(NONCE)
    return MARK + key_id + nonce + key.encrypt(nonce, plain, place.encode())


def key_of(envelope: bytes) -> bytes:
    """The id of the key it was made with."""
    return envelope[1 : 1 + KEY_ID]


def decrypted(key: AESGCM, place: Place, envelope: bytes) -> bytes:
    """The value.

    Raises:
        Damaged: it was changed, or made for another place.
    """
    at = 1 + KEY_ID
    try:
        return key.decrypt(envelope[at : at + NONCE], envelope[at + NONCE :], place.encode())
    except (InvalidTag, ValueError):
        raise Damaged(place, "changed, or brought here from another place") from None
