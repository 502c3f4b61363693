"""JWS beside records: over their canonical bytes, which are not carried along; the certificate is.

Source: RFC 7515, appendix F (detached content), 4.1.6–4.1.8 (x5c, x5t#S256); HL7 FHIR R4, Signature (application/jose).
"""

from __future__ import annotations

from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any

import msgspec
from asn1crypto import pem, x509
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from benhan.core.signing.pades import Holder


class _Registry(jws.JWSRegistry):
    """Headers carry a chain of certificates."""

    max_header_length = 32_000


class Unsigned(msgspec.Struct, frozen=True):
    """A JWS before its signature: its header as it is sent, and the hash that is signed."""

    header: str
    hash: bytes


def unsigned(holder: Holder, content: bytes, when: str) -> Unsigned:
    """What must be signed, for this content at this time (FHIR instant)."""
    header = {
        "alg": "RS256",
        "sigT": when,
        "digest": sha256(content).hexdigest(),
        "x5t#S256": _base64(sha256(holder.certificate.dump()).digest()),
        "x5c": [b64encode(one.dump()).decode() for one in (holder.certificate, *holder.chain)],
    }
    said = _base64(msgspec.json.encode(header))
    return Unsigned(said, sha256(f"{said}.{_base64(content)}".encode()).digest())


def joined(header: str, signature: bytes) -> str:
    """The JWS, its content left out."""
    return f"{header}..{_base64(signature)}"


def holds(token: str, content: bytes) -> bool:
    """Whether a JWS is that of this content, by the certificate that it carries; its issuers are not asked."""
    try:
        key = RSAKey.import_key(_certificate_pem(token))
        jws.deserialize_compact(token, key, ["RS256"], _Registry(strict_check_header=False), payload=content)
    except (JoseError, ValueError, KeyError, IndexError, TypeError, msgspec.DecodeError):
        return False
    return True


def certificate(token: str) -> x509.Certificate:
    """The signer's certificate in a JWS.

    Raises:
        ValueError: there is none that can be read.
    """
    part = token.partition(".")[0]
    try:
        header: dict[str, Any] = msgspec.json.decode(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return x509.Certificate.load(b64decode(header["x5c"][0]))
    except (KeyError, IndexError, TypeError, ValueError, msgspec.DecodeError) as wrong:
        raise ValueError(f"no certificate in this JWS: {wrong}") from None


def _certificate_pem(token: str) -> bytes:
    return bytes(pem.armor("PUBLIC KEY", certificate(token).public_key.dump()))


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
