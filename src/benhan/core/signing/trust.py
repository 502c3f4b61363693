"""Whether a certificate may sign now: its chain to a trusted root, its time, and what its issuers say of it today.

Every certificate of the chain is asked about, by OCSP or CRL; no answer is no signature. Source: NĐ 23/2025/NĐ-CP
art. 15–17 (checked at both levels before signing); RFC 5280, RFC 6960.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from asn1crypto import pem, x509
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import (
    ExpiredError,
    InsufficientRevinfoError,
    NotYetValidError,
    PathBuildingError,
    RevokedError,
    ValidationError,
)
from pyhanko_certvalidator.fetchers.aiohttp_fetchers import AIOHttpFetcherBackend
from pyhanko_certvalidator.fetchers.api import FetchLimits

from benhan.core.fhir.outcome import Conflict
from benhan.core.kit.clock import vn_datetime
from benhan.core.language import _

#: Seconds in which an issuer answers.
SECONDS: Final = 5
#: Questions at most for one signature; no certificate makes us fetch others.
_LIMITS: Final = FetchLimits(max_requests=20, max_cert_requests=0)
#: RSA keys shorter than this sign nothing. Source: NIST SP 800-131A.
SHORTEST_BITS: Final = 2048


class CannotSign(Conflict):
    """409: no signature comes about; `kind` says why in a word (`revoked`, `expired`, `no-answer`, …)."""

    def __init__(self, kind: str, message: str, *, advice: str | None = None) -> None:
        super().__init__(message, advice=advice)
        self.kind = kind


class Answer(msgspec.Struct, frozen=True):
    """What an issuer said of a certificate (by serial number, hex): `good`, or that its list does not name it."""

    kind: str
    serial: str
    said: str
    at: datetime


class Trust(msgspec.Struct, frozen=True):
    """The roots that this installation trusts, and certificates between them and signers."""

    roots: tuple[x509.Certificate, ...]
    between: tuple[x509.Certificate, ...] = ()

    @classmethod
    def of_file(cls, path: Path) -> Trust:
        """Read a PEM file: what signed itself is a root.

        Raises:
            ValueError: it is not there, holds no root, or is no PEM.
        """
        try:
            found = certificates(path.read_bytes())
        except OSError as wrong:
            raise ValueError(f"signing_roots: {wrong}") from None
        roots = tuple(one for one in found if one.issuer == one.subject)
        if not roots:
            raise ValueError(f"signing_roots: {path} holds no certificate that signed itself")
        return cls(roots, tuple(one for one in found if one.issuer != one.subject))

    @asynccontextmanager
    async def asking(self, chain: Sequence[x509.Certificate] = ()) -> AsyncGenerator[ValidationContext, None]:
        """A context that asks issuers; the line is closed at the end."""
        async with AIOHttpFetcherBackend(per_request_timeout=SECONDS, limits=_LIMITS) as fetchers:
            yield ValidationContext(
                trust_roots=list(self.roots), other_certs=[*self.between, *chain], allow_fetching=True,
                revocation_mode="require", fetchers=fetchers,
            )  # fmt: skip


def certificates(text: bytes) -> list[x509.Certificate]:
    """All certificates of a PEM text.

    Raises:
        ValueError: it is no PEM, or something in it is no certificate.
    """
    try:
        found = [x509.Certificate.load(der) for _name, _headers, der in pem.unarmor(text, multiple=True)]
        for one in found:
            one.subject.native  # noqa: B018 - read now, so that a bad one is refused here
    except (ValueError, TypeError) as wrong:
        raise ValueError(f"no certificates in PEM: {wrong}") from None
    return found


async def check(context: ValidationContext, certificate: x509.Certificate) -> None:
    """Ask whether a certificate may sign now.

    Raises:
        CannotSign: revoked, expired, not valid yet, not trusted, not made for signing, its issuer does not answer.
    """
    _made_for_signing(certificate)
    validity = certificate["tbs_certificate"]["validity"]
    try:
        asked: Any = CertificateValidator(certificate, validation_context=context)  # its methods say no types
        await asked.async_validate_usage(set())
    except RevokedError as wrong:
        raise CannotSign("revoked", _("Chứng thư số đã bị thu hồi: không ký được.")) from wrong
    except ExpiredError as wrong:
        ended = vn_datetime(validity["not_after"].native.isoformat())
        raise CannotSign("expired", _("Chứng thư số đã hết hạn %(when)s: không ký được.", when=ended)) from wrong
    except NotYetValidError as wrong:
        begins = vn_datetime(validity["not_before"].native.isoformat())
        raise CannotSign("too-early", _("Chứng thư số chỉ có hiệu lực từ %(when)s.", when=begins)) from wrong
    except InsufficientRevinfoError as wrong:
        raise CannotSign(
            "no-answer", _("Nơi cấp không trả lời chứng thư còn hiệu lực hay không: chưa ký được."),
            advice=_("Thử lại sau ít phút."),
        ) from wrong  # fmt: skip
    except (PathBuildingError, ValidationError) as wrong:
        raise CannotSign("untrusted", _("Chứng thư số không do nơi cấp được tin cậy cấp.")) from wrong


def answers(context: ValidationContext) -> list[Answer]:
    """What was answered of the certificates that a context was asked about."""
    found = [
        Answer("ocsp", f"{one['cert_id']['serial_number'].native:x}", said.name, one["this_update"].native)
        for response in context.ocsps
        for one in response.response_data["responses"]
        if (said := one["cert_status"])
    ]
    for listed in context.crls:
        about = listed["tbs_cert_list"]
        found.append(
            Answer("crl", "", f"not in the list of {listed.issuer.human_friendly}"[:200], about["this_update"].native)
        )
    return found


def _made_for_signing(certificate: x509.Certificate) -> None:
    public = certificate.public_key
    if public.algorithm != "rsa" or public.bit_size < SHORTEST_BITS:
        raise CannotSign("key", _("Chỉ ký được bằng khoá RSA từ 2048 bit."))
    usage = certificate.key_usage_value
    if usage is not None and not usage.native & {"digital_signature", "non_repudiation"}:
        raise CannotSign("usage", _("Chứng thư này không dùng để ký."))
