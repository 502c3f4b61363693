"""What leaves this server encrypted: to somebody's key, which her pass-phrase alone opens. Pure.

A value is sealed to a public key by whoever has it (ephemeral X25519, HKDF-SHA-256, AES-256-GCM) and opened with the
private one. A private key travels wrapped by a pass-phrase (Argon2id). Everything is bound to its place, as in
`envelope`. Source: RFC 7748, RFC 5869, RFC 9106 (Argon2id, second recommended option); NIST SP 800-38D.
"""

from __future__ import annotations

import secrets
from typing import Final

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from benhan.core.vault.envelope import NONCE, Damaged, Place

KEY: Final = 32
_SALT: Final = 16
#: Passes, KiB and lanes. Source: RFC 9106, section 4 (64 MiB).
_PASSES, _MEMORY, _LANES = 3, 65536, 4


def new_key() -> tuple[bytes, bytes]:
    """A private key and its public one."""
    private = X25519PrivateKey.generate()
    return private.private_bytes_raw(), private.public_key().public_bytes_raw()


def public_of(private: bytes) -> bytes:
    """The public key of a private one."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def encrypted(key: bytes, place: Place, plain: bytes) -> bytes:
    """A value under a key of 32 bytes, for this place."""
    nonce = secrets.token_bytes(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain, place.encode())


def decrypted(key: bytes, place: Place, given: bytes) -> bytes:
    """The value.

    Raises:
        Damaged: another key, or it was changed, or made for another place.
    """
    try:
        return AESGCM(key).decrypt(given[:NONCE], given[NONCE:], place.encode())
    except Exception:
        raise Damaged(place, "changed, of another key, or brought here from another place") from None


def sealed(public: bytes, place: Place, plain: bytes) -> bytes:
    """A value that only the holder of the private key opens."""
    mine = X25519PrivateKey.generate()
    shared = mine.exchange(X25519PublicKey.from_public_bytes(public))
    mark = mine.public_key().public_bytes_raw()
    return mark + encrypted(_derived(shared, mark + public), place, plain)


def unsealed(private: bytes, place: Place, given: bytes) -> bytes:
    """What was sealed to the public key.

    Raises:
        Damaged: it was sealed to another key, or changed.
    """
    mark = given[:KEY]
    try:
        key = X25519PrivateKey.from_private_bytes(private)
        shared = key.exchange(X25519PublicKey.from_public_bytes(mark))
    except ValueError:
        raise Damaged(place, "no sealed value") from None
    return decrypted(_derived(shared, mark + key.public_key().public_bytes_raw()), place, given[KEY:])


def wrapped(words: str, place: Place, plain: bytes) -> bytes:
    """A value that opens by a pass-phrase; takes some tenths of a second, as does every guess."""
    salt = secrets.token_bytes(_SALT)
    return salt + encrypted(_stretched(words, salt), place, plain)


def unwrapped(words: str, place: Place, given: bytes) -> bytes:
    """What `wrapped` made.

    Raises:
        Damaged: another pass-phrase, or it was changed.
    """
    return decrypted(_stretched(words, given[:_SALT].ljust(_SALT, b"\0")), place, given[_SALT:])


def _derived(shared: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), KEY, None, b"benhan carried" + info).derive(shared)


def _stretched(words: str, salt: bytes) -> bytes:
    return hash_secret_raw(words.encode(), salt, _PASSES, _MEMORY, _LANES, KEY, Type.ID)
