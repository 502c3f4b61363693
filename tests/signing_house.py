"""A house that signs: a stand-in authority, a doctor's key in SoftHSM2, another's at a stand-in of remote signing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pkcs11
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pkcs11.util.rsa import encode_rsa_public_key
from pkcs11.util.x509 import decode_x509_certificate

from benhan.core.signing.certificates import Means
from benhan.core.signing.pades import Holder
from benhan.core.signing.signers import RemoteSigner, Signer, TokenSigner
from benhan.core.signing.trust import Trust, certificates
from tests.softhsm import LABEL, PIN_NAME, Token, opened
from tests.standins.authority import Authority, rsa_key, running
from tests.standins.remote_signer import SECRET, Provider, remote_signer

PEM = serialization.Encoding.PEM


@dataclass
class House:
    """What the tests turn, and what signs."""

    authority: Authority
    provider: Provider
    means: Means

    def remote(self, user: str, name: str, **when: object) -> x509.Certificate:
        """Somebody's certificate at the provider of remote signing."""
        key = rsa_key("remote")
        made = self.authority.issue(name, key.public_key(), organization="BVĐK Sông Hồng", **when)  # type: ignore[arg-type]
        chain = made.public_bytes(PEM) + self.authority.issuer.public_bytes(PEM)
        self.provider.users[user] = (key, chain.decode())
        return made


def holder(authority: Authority, name: str, key: rsa.RSAPrivateKey) -> Holder:
    """A certificate for a key, and what stands above it."""
    made = authority.issue(name, key.public_key())
    return Holder(asn1(made), (asn1(authority.issuer),))


def asn1(one: x509.Certificate) -> asn1_x509.Certificate:
    """The same certificate, for pyHanko."""
    return asn1_x509.Certificate.load(one.public_bytes(serialization.Encoding.DER))


def key_in(token: Token, authority: Authority, label: str, name: str) -> None:
    """A key that is made in the token and never leaves it, and its certificate beside it."""
    with opened(token.module) as session:
        public, _private = session.generate_keypair(pkcs11.KeyType.RSA, 2048, label=label, store=True)
        read = serialization.load_der_public_key(asn1_public(encode_rsa_public_key(public)))
        assert isinstance(read, rsa.RSAPublicKey)
        made = authority.issue(name, read, organization="BVĐK Sông Hồng")
        kept = decode_x509_certificate(made.public_bytes(serialization.Encoding.DER))
        kept[pkcs11.Attribute.TOKEN], kept[pkcs11.Attribute.LABEL] = True, label
        session.create_object(kept)


def asn1_public(raw: bytes) -> bytes:
    """SubjectPublicKeyInfo of a raw RSA public key."""
    from asn1crypto.keys import PublicKeyInfo, RSAPublicKey

    wrapped: bytes = PublicKeyInfo.wrap(RSAPublicKey.load(raw), "rsa").dump()
    return wrapped


@contextmanager
def house(token: Token | None = None, mark: str = "") -> Iterator[House]:
    """Run it all."""
    provider = Provider()
    with running(Authority(mark)) as authority, remote_signer(provider) as address:
        root, issuer = certificates(authority.pem)
        signers: dict[str, Signer] = {"remote": RemoteSigner(address, SECRET)}
        if token:
            where = f"pkcs11:token={LABEL.replace(' ', '%20')}?module-path={token.module}&pin-source=env:{PIN_NAME}"
            signers["token"] = TokenSigner(where)
        yield House(authority, provider, Means(Trust((root,), (issuer,)), f"{authority.address}/tsa", signers))
