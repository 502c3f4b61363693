"""A passkey's device in software: makes and uses keys as WebAuthn says, and lies where a test tells it to.

Source: W3C WebAuthn Level 3, sections 6.1 (authenticator data), 6.5 (attestation), 8.7 (none attestation).
"""

from __future__ import annotations

import json
import secrets
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, encode_cbor

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


class Authenticator:
    """One device with one passkey."""

    def __init__(self, origin: str, host: str) -> None:
        self.origin = origin
        self.host = host
        self.id = secrets.token_bytes(16)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.count = 0
        self.user = b""

    def create(self, options: dict[str, Any], **lies: Any) -> str:
        """Make the passkey; what the page would send."""
        self.user = base64url_to_bytes(options["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + encode_cbor(public)
        data = self._data(ATTESTED, **lies) + attested
        return self._said(
            self._client("webauthn.create", options, **lies),
            attestationObject=encode_cbor({"fmt": "none", "attStmt": {}, "authData": data}),
        )

    def get(self, options: dict[str, Any], **lies: Any) -> str:
        """Sign a question; what the page would send. `count` lies about how often it was used."""
        self.count = lies.get("count", self.count + 1)
        data, client = self._data(0, **lies), self._client("webauthn.get", options, **lies)
        signature = self.key.sign(data + sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._said(client, authenticatorData=data, signature=signature, userHandle=self.user)

    def _data(self, flags: int, **lies: Any) -> bytes:
        flags |= PRESENT | (VERIFIED if lies.get("verified", True) else 0)
        host = sha256(lies.get("host", self.host).encode()).digest()
        return host + bytes([flags]) + int(self.count).to_bytes(4, "big")

    def _client(self, kind: str, options: dict[str, Any], **lies: Any) -> bytes:
        said = {
            "type": lies.get("type", kind), "challenge": lies.get("challenge", options["challenge"]),
            "origin": lies.get("origin", self.origin), "crossOrigin": False,
        }  # fmt: skip
        return json.dumps(said).encode()

    def _said(self, client: bytes, **response: bytes) -> str:
        id_ = bytes_to_base64url(self.id)
        parts = {name: bytes_to_base64url(value) for name, value in {"clientDataJSON": client, **response}.items()}
        return json.dumps(
            {"id": id_, "rawId": id_, "type": "public-key", "response": parts, "clientExtensionResults": {}}
        )
