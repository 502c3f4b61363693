"""A stand-in of who issues certificates: a root, an issuer below it, OCSP, lists, time stamps; on one loopback server.

What it issues is made in memory, once for a process (RSA keys take long), and worth nothing anywhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from asn1crypto import keys as asn1_keys
from asn1crypto import tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID as Access
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign.timestamps import DummyTimeStamper

from tests.standins.loopback import serving

DAY: Final = timedelta(days=1)
SHA256: Final = hashes.SHA256()


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """The key of somebody, always the same in this process."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _name(common: str, organization: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organization:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


class Authority:
    """The issuers. `mark`: another one's keys.

    `revoked`: serials; `silent`: OCSP and lists do not answer; `no_stamps`: nor does the clock.
    """

    def __init__(self, mark: str = "") -> None:
        self.address, self.mark = "", mark
        self.revoked: set[int] = set()
        self.silent = self.no_stamps = False
        self.asked: list[str] = []
        self._serial = 1000

    def open(self, address: str) -> None:
        """It stands at an address: its certificates name it."""
        self.address, now = address, datetime.now(UTC)
        root, below = _name("Root CA thử nghiệm"), _name("CA cấp dưới thử nghiệm")
        self.root = self._sign(root, root, self._public("root"), "root", now - DAY, now + 3650 * DAY, ca=True)
        self.issuer = self._sign(below, root, self._public("issuer"), "root", now - DAY, now + 1800 * DAY, ca=True)
        clock = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        self.clock = self._sign(
            _name("TSA thử nghiệm"), below, self._public("clock"), "issuer", now - DAY, now + 900 * DAY, more=clock
        )

    def _public(self, name: str) -> rsa.RSAPublicKey:
        return rsa_key(name + self.mark).public_key()

    def issue(
        self,
        name: str,
        key: rsa.RSAPublicKey,
        *,
        organization: str = "",
        begins: timedelta = -DAY,
        ends: timedelta = 300 * DAY,
    ) -> x509.Certificate:
        """A certificate for somebody's key."""
        now = datetime.now(UTC)
        return self._sign(_name(name, organization), self.issuer.subject, key, "issuer", now + begins, now + ends)

    @property
    def pem(self) -> bytes:
        """The file of roots, and of what stands between."""
        return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in (self.root, self.issuer))

    def _sign(
        self, subject: x509.Name, by: x509.Name, key: Any, signer: str, begins: datetime, ends: datetime,
        *, ca: bool = False, more: Any = None,
    ) -> x509.Certificate:  # fmt: skip
        self._serial += 1
        above = rsa_key(signer + self.mark).public_key()
        usage = dict.fromkeys(
            ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False,
        ) | ({"key_cert_sign": True, "crl_sign": True, "digital_signature": True} if ca else
             {"digital_signature": True, "content_commitment": True})  # fmt: skip
        made = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(by).public_key(key)
            .serial_number(self._serial).not_valid_before(begins).not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above), critical=False)
        )  # fmt: skip
        if signer == "root":
            where = x509.UniformResourceIdentifier(f"{self.address}/crl")
            made = made.add_extension(
                x509.CRLDistributionPoints([x509.DistributionPoint([where], None, None, None)]), critical=False
            )
        else:
            where = x509.UniformResourceIdentifier(f"{self.address}/ocsp")
            made = made.add_extension(
                x509.AuthorityInformationAccess([x509.AccessDescription(Access.OCSP, where)]), critical=False
            )
        if more is not None:
            made = made.add_extension(more, critical=True)
        return made.sign(rsa_key(signer + self.mark), SHA256)

    def answer(self, path: str, body: bytes) -> tuple[str, bytes] | None:
        """What it says at an address; None: nothing."""
        self.asked.append(path)
        if path == "/tsa":
            return None if self.no_stamps else ("application/timestamp-reply", self._stamp(body))
        if self.silent:
            return None
        return (
            ("application/pkix-crl", self._list())
            if path == "/crl"
            else ("application/ocsp-response", self._said(body))
        )

    def _stamp(self, body: bytes) -> bytes:
        def asn1(one: x509.Certificate) -> asn1_x509.Certificate:
            return asn1_x509.Certificate.load(one.public_bytes(serialization.Encoding.DER))

        raw = rsa_key("clock" + self.mark).private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        clock = DummyTimeStamper(asn1(self.clock), asn1_keys.PrivateKeyInfo.load(raw), [asn1(self.issuer)])
        answer: bytes = asyncio.run(clock.async_request_tsa_response(tsp.TimeStampReq.load(body))).dump()
        return answer

    def _list(self) -> bytes:
        now = datetime.now(UTC)
        made = x509.CertificateRevocationListBuilder().issuer_name(self.root.subject).last_update(now - DAY)
        made = made.next_update(now + 30 * DAY).add_extension(x509.CRLNumber(1), critical=False)
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(rsa_key("root" + self.mark).public_key())
        made = made.add_extension(above, critical=False)
        return made.sign(rsa_key("root" + self.mark), SHA256).public_bytes(serialization.Encoding.DER)

    def _said(self, body: bytes) -> bytes:
        asked, now = ocsp.load_der_ocsp_request(body), datetime.now(UTC)
        gone = asked.serial_number in self.revoked
        made = ocsp.OCSPResponseBuilder().add_response_by_hash(
            issuer_name_hash=asked.issuer_name_hash, issuer_key_hash=asked.issuer_key_hash,
            serial_number=asked.serial_number, algorithm=asked.hash_algorithm,
            cert_status=ocsp.OCSPCertStatus.REVOKED if gone else ocsp.OCSPCertStatus.GOOD,
            this_update=now - timedelta(minutes=5), next_update=now + DAY,
            revocation_time=now - timedelta(hours=1) if gone else None,
            revocation_reason=x509.ReasonFlags.key_compromise if gone else None,
        )  # fmt: skip
        made = made.responder_id(ocsp.OCSPResponderEncoding.HASH, self.issuer).certificates([self.issuer])
        return made.sign(rsa_key("issuer" + self.mark), SHA256).public_bytes(serialization.Encoding.DER)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("content-length", "0"))))

    def _answer(self, body: bytes) -> None:
        said = self.server.authority.answer(self.path, body)
        kind, raw = said or ("text/plain", b"")
        self.send_response(200 if said else 503)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    authority: Authority


@contextmanager
def running(authority: Authority) -> Iterator[Authority]:
    """Run it."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.authority = authority
    with serving(server) as address:
        authority.open(address)
        yield authority
