"""A master key that never leaves its hardware module: the module itself wraps and unwraps (CKM_AES_GCM).

Needs the package `python-pkcs11` (`pip install benhan[pkcs11]`) and the module of the maker. The PIN comes from a file
or the environment, never from the address. Source: PKCS#11 3.0, 2.12 (AES-GCM); RFC 7512 (the address).
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from benhan.core.vault.envelope import NONCE, Damaged, Place
from benhan.core.vault.master import BYTES, MasterError

_TAG_BITS = 128


class TokenMaster:
    """An AES key of 256 bits in a token."""

    def __init__(self, name: str, key: Any, module: Any) -> None:
        self.id = name
        self._key = key
        self._module = module

    def wrap(self, key: bytes, place: Place) -> bytes:
        """As `Master`."""
        nonce = secrets.token_bytes(NONCE)
        return nonce + bytes(self._key.encrypt(key, **self._how(nonce, place)))

    def unwrap(self, wrapped: bytes, place: Place) -> bytes:
        """As `Master`."""
        try:
            return bytes(self._key.decrypt(wrapped[NONCE:], **self._how(wrapped[:NONCE], place)))
        except self._module.PKCS11Error:
            raise Damaged(place, "a wrapped key was changed, or brought here from another place") from None

    def _how(self, nonce: bytes, place: Place) -> dict[str, Any]:
        given = self._module.GCMParams(nonce, aad=place.encode(), tag_bits=_TAG_BITS)
        return {"mechanism": self._module.Mechanism.AES_GCM, "mechanism_param": given}


def token_master(address: str) -> TokenMaster:
    """The key of an address by RFC 7512.

    Raises:
        MasterError: package, module, token, PIN or key is not there.
    """
    module, path, asked = _module(), *_parts(address)
    try:
        token = module.lib(asked["module-path"]).get_token(token_label=path["token"])
        session = _session(module, token, _pin(address, asked.get("pin-source", "")))
        key = session.get_key(
            object_class=module.ObjectClass.SECRET_KEY, key_type=module.KeyType.AES, label=path["object"]
        )
        length = key[module.Attribute.VALUE_LEN]
    except KeyError as missing:
        raise MasterError(f"{address}: {missing.args[0]} is missing") from None
    except (module.PKCS11Error, RuntimeError, OSError) as wrong:
        raise MasterError(f"{address}: {type(wrong).__name__} {wrong}".rstrip()) from None
    if length != BYTES:
        raise MasterError(f"{address}: the key has {length} bytes, a master key has {BYTES}")
    return TokenMaster(f"pkcs11 {path['token']}/{path['object']}", key, module)


def pkcs11_session(address: str) -> tuple[Any, Any]:
    """An open session with the token of an address, and the package: for keys that sign (`core.signing`).

    Raises:
        MasterError: package, module, token or PIN is not there.
    """
    module, path, asked = _module(), *_parts(address)
    try:
        token = module.lib(asked["module-path"]).get_token(token_label=path["token"])
        return _session(module, token, _pin(address, asked.get("pin-source", ""))), module
    except KeyError as missing:
        raise MasterError(f"{address}: {missing.args[0]} is missing") from None
    except (module.PKCS11Error, RuntimeError, OSError) as wrong:
        raise MasterError(f"{address}: {type(wrong).__name__} {wrong}".rstrip()) from None


def _session(module: Any, token: Any, pin: str) -> Any:
    """A session in which the user is known; all sessions of a process with a token are, once one is."""
    try:
        return token.open(user_pin=pin)
    except module.UserAlreadyLoggedIn:
        return token.open()


def _module() -> Any:
    try:
        import pkcs11
    except ImportError:
        raise MasterError("a master key in a hardware module needs the package python-pkcs11") from None
    return pkcs11


def _parts(address: str) -> tuple[dict[str, str], dict[str, str]]:
    path, _mark, asked = address.removeprefix("pkcs11:").partition("?")
    return _pairs(path, ";"), _pairs(asked, "&")


def _pairs(text: str, between: str) -> dict[str, str]:
    pairs = (one.partition("=") for one in text.split(between) if one)
    return {name: unquote(value) for name, _equals, value in pairs}


def _pin(address: str, source: str) -> str:
    """The PIN, from where `pin-source` says."""
    kind, _colon, rest = source.partition(":")
    if kind == "env" and os.environ.get(rest):
        return os.environ[rest]
    if kind == "file":
        return Path(rest).read_text("utf-8").strip()
    raise MasterError(f"{address}: pin-source is file:… or env:… and must be there")
