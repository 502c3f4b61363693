"""What a PDF's signatures say of it: who, when, whether anything was changed since, whether its issuer is trusted.

Nothing is fetched: the document carries the answers (B-LTA). Source: ETSI EN 319 102-1; ISO 32000-2, 12.8.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Final

import msgspec
from asn1crypto import cms, x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509 import load_der_x509_certificate
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESStatus
from pyhanko.sign.diff_analysis import DiffResult
from pyhanko.sign.general import SigningError
from pyhanko.sign.validation import async_validate_pdf_timestamp
from pyhanko.sign.validation.ades import ades_lta_validation
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.policy_decl import (
    LocalKnowledge,
    PdfSignatureValidationSpec,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.errors import PathError, ValidationError
from pyhanko_certvalidator.policy_decl import REQUIRE_REVINFO, CertRevTrustPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager

from benhan.core.signing.trust import Trust

#: Bytes of a document that is examined, and signatures in it.
MOST_BYTES: Final = 5_000_000
MOST_SIGNATURES: Final = 20
_BROKEN: Final = (
    PdfError, SigningError, SignatureValidationError, ValidationError, PathError, ValueError, KeyError,
    IndexError, TypeError, AttributeError, RecursionError, NotImplementedError, AssertionError, OverflowError,
)  # fmt: skip


_RANGE: Final = re.compile(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]")


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A signature in a document. `at`: its time stamp; `intact`: what it signed is unchanged; `trusted`: by the roots.

    `later`: something was added after it that is no further signature or time stamp.
    """

    name: str
    organization: str = ""
    serial: str = ""
    issuer: str = ""
    at: datetime | None = None
    intact: bool = False
    trusted: bool = False
    later: bool = False

    @property
    def good(self) -> bool:
        """Nothing is wrong with it."""
        return self.intact and self.trusted and not self.later


class Unreadable(Exception):  # noqa: N818 - what it is
    """This is no PDF that can be read."""


async def examine(trust: Trust, pdf: bytes) -> list[Found]:
    """The signatures of a document, oldest first, in a thread; none: it carries none.

    Raises:
        Unreadable: it is no PDF, or broken beyond reading.
    """
    return await asyncio.to_thread(lambda: asyncio.run(_examine(trust, pdf)))


async def _examine(trust: Trust, pdf: bytes) -> list[Found]:
    try:
        signatures = PdfFileReader(BytesIO(pdf)).embedded_regular_signatures[:MOST_SIGNATURES]
    except _BROKEN as wrong:
        raise Unreadable(str(wrong)) from None
    whole = _covered_to_the_end(pdf) and await _last_stamp_holds(trust, pdf)
    found = [await _one(trust, each) for each in signatures]
    return found if whole else [msgspec.structs.replace(one, later=True) for one in found]


def _covered_to_the_end(pdf: bytes) -> bool:
    """Whether the last signature or time stamp covers all but its own place, and that holds it and nothing else."""
    ranges = list(_RANGE.finditer(pdf))
    if not ranges:
        return False
    first, begin, end, rest = (int(one) for one in ranges[-1].groups())
    if first != 0 or end + rest != len(pdf) or not begin < end < len(pdf):
        return False
    place = pdf[begin:end]
    try:
        raw = bytes.fromhex(place[1:-1].decode("ascii"))
        kept = cms.ContentInfo.load(raw).dump()
    except ValueError:
        return False
    written = place[1:-1].decode("ascii")
    return (
        place == f"<{written}>".encode()
        and written in (raw.hex(), raw.hex().upper())
        and raw[len(kept) :].strip(b"\0") == b""
    )


async def _last_stamp_holds(trust: Trust, pdf: bytes) -> bool:
    """Whether the last time stamp, which nothing covers, is right in itself, to the certificates that it carries."""
    try:
        stamps = PdfFileReader(BytesIO(pdf)).embedded_timestamp_signatures
        if not stamps:
            return True
        context = ValidationContext(
            trust_roots=list(trust.roots), other_certs=list(trust.between), revocation_mode="soft-fail"
        )
        status = await async_validate_pdf_timestamp(stamps[-1], context)
        carried = [stamps[-1].signer_cert, *stamps[-1].other_embedded_certs]
        known = {one.dump() for one in (*trust.roots, *trust.between)}
        return bool(status.intact and status.valid) and all(_issued(one, carried, known) for one in carried)
    except _BROKEN:
        return False


def _issued(one: x509.Certificate, carried: Sequence[x509.Certificate], known: set[bytes]) -> bool:
    """Whether a certificate is known, or signed by one that is known or carried."""
    if one.dump() in known:
        return True
    made = load_der_x509_certificate(one.dump())
    for above in {*known, *(each.dump() for each in carried)}:
        with suppress(InvalidSignature, ValueError, TypeError):
            made.verify_directly_issued_by(load_der_x509_certificate(above))
            return True
    return False


async def _one(trust: Trust, each: Any) -> Found:
    try:
        found = _named(each.signer_cert)
        each.compute_integrity_info()
        later = not isinstance(each.diff_result, DiffResult)
        result = await ades_lta_validation(each, _asked(trust))
    except _BROKEN:
        return Found(name="?")
    valid = bool(result.api_status and result.api_status.intact and result.api_status.valid)
    return msgspec.structs.replace(
        found, at=result.best_signature_time.astimezone(UTC), intact=valid, later=later,
        trusted=result.ades_subindic.status is AdESStatus.PASSED,
    )  # fmt: skip


def _asked(trust: Trust) -> PdfSignatureValidationSpec:
    """By our roots alone, each certificate's answer required, nothing fetched."""
    policy = CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build(list(trust.roots)), revinfo_policy=CertRevTrustPolicy(REQUIRE_REVINFO)
    )
    return PdfSignatureValidationSpec(
        SignatureValidationSpec(
            cert_validation_policy=policy,
            revinfo_gathering_policy=RevocationInfoGatheringSpec(RevinfoOnlineFetchingRule.LOCAL_ONLY),
            local_knowledge=LocalKnowledge(known_certs=list(trust.between)),
            key_usage_settings=KeyUsageConstraints(key_usage=set()),
        )
    )


def _named(certificate: x509.Certificate) -> Found:
    said = certificate.subject.native
    issuer = certificate.issuer.native
    return Found(
        name=str(said.get("common_name") or certificate.subject.human_friendly),
        organization=str(said.get("organization_name") or ""), serial=f"{certificate.serial_number:x}",
        issuer=str(issuer.get("common_name") or certificate.issuer.human_friendly),
    )  # fmt: skip


def all_good(found: Sequence[Found]) -> bool:
    """There are signatures, and nothing is wrong with any."""
    return bool(found) and all(one.good for one in found)
