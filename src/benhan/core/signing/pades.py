"""PDF signatures by PAdES B-LTA: prepared to a hash, signed elsewhere, finished with stamps and answers.

Between the two steps a person may confirm on her telephone, so what is prepared can be kept. Source: ETSI EN 319 142-1
(B-LTA); RFC 3161 (time stamps); ISO 32000-2, 12.8. Each step runs a loop of its own in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from hashlib import sha256
from io import BytesIO
from typing import Final

import msgspec
from asn1crypto import cms, x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import ExternalSigner, PdfSignatureMetadata, PdfSigner
from pyhanko.sign.signers.pdf_byterange import PreparedByteRangeDigest
from pyhanko.sign.signers.pdf_signer import (
    DSSContentSettings,
    PdfTBSDocument,
    PostSignInstructions,
    TimestampDSSContentSettings,
)
from pyhanko.sign.timestamps import HTTPTimeStamper
from pyhanko.sign.timestamps.common_utils import TimestampRequestError
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from benhan.core.language import _
from benhan.core.signing.signers import signed_by
from benhan.core.signing.trust import SECONDS, Answer, CannotSign, Trust, answers, check

#: The last time stamp covers every answer: nothing is written behind it.
_ANSWERS_FIRST: Final = DSSContentSettings(
    include_vri=False, next_ts_settings=TimestampDSSContentSettings(include_vri=False, update_before_ts=True)
)


class Prepared(msgspec.Struct, frozen=True):
    """A PDF with a place for a signature: what is signed is `hash`. `original`: how long it was before."""

    field: str
    reason: str
    output: bytes
    original: int
    digest: bytes
    start: int
    end: int
    attributes: bytes

    @property
    def hash(self) -> bytes:
        """SHA-256 of the attributes that are signed (they hold the hash of the document)."""
        return sha256(self.attributes).digest()


class Sealed(msgspec.Struct, frozen=True):
    """A signed PDF, and what its issuers said of the certificates in it."""

    pdf: bytes
    answers: tuple[Answer, ...]


class Holder(msgspec.Struct, frozen=True):
    """A certificate and those above it."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def name(self) -> str:
        """Whom it names."""
        return str(self.certificate.subject.native.get("common_name") or self.certificate.subject.human_friendly)


async def prepare(
    trust: Trust, tsa: str, holder: Holder, documents: Sequence[tuple[bytes, str]], reason: str
) -> list[Prepared]:
    """Make a place for a signature in each document (its bytes, the name of the new field).

    Raises:
        CannotSign: the certificate may not sign now, or no time stamps are to be had.
    """
    return await asyncio.to_thread(lambda: asyncio.run(_prepare(trust, tsa, holder, documents, reason)))


async def finish(trust: Trust, tsa: str, holder: Holder, prepared: Prepared, signature: bytes) -> Sealed:
    """The signed document. The certificate is asked about again: its answers of now go into the document.

    Raises:
        CannotSign: this is not the signature of the hash, the certificate may not sign any more, no time stamps.
    """
    return await asyncio.to_thread(lambda: asyncio.run(_finish(trust, tsa, holder, prepared, signature)))


async def may_sign(trust: Trust, holder: Holder) -> tuple[Answer, ...]:
    """What the issuers say of a certificate now. Raises: CannotSign."""

    async def asked() -> tuple[Answer, ...]:
        async with trust.asking(holder.chain) as context:
            await check(context, holder.certificate)
            return tuple(answers(context))

    return await asyncio.to_thread(lambda: asyncio.run(asked()))


async def _prepare(
    trust: Trust, tsa: str, holder: Holder, documents: Sequence[tuple[bytes, str]], reason: str
) -> list[Prepared]:
    stamps = HTTPTimeStamper(tsa, timeout=SECONDS)
    made = []
    async with trust.asking(holder.chain) as context:
        await check(context, holder.certificate)
        for pdf, field in documents:
            signer = _signer(holder, context, stamps, field, reason)
            try:
                place, _tbs, output = await signer.async_digest_doc_for_signing(IncrementalPdfFileWriter(BytesIO(pdf)))
            except (SigningError, TimestampRequestError) as wrong:
                raise _no_stamps() from wrong
            attributes = await signer.signer.signed_attrs(place.document_digest, "sha256", use_pades=True)
            output.seek(0)
            made.append(
                Prepared(
                    field, reason, output.read(), len(pdf), place.document_digest, place.reserved_region_start,
                    place.reserved_region_end, attributes.dump(),
                )
            )  # fmt: skip
    return made


async def _finish(trust: Trust, tsa: str, holder: Holder, prepared: Prepared, signature: bytes) -> Sealed:
    if not signed_by(holder.certificate, prepared.hash, signature):
        raise CannotSign("wrong-hash", _("Chữ ký nhận về không phải của văn bản này: không dùng."))
    stamps = HTTPTimeStamper(tsa, timeout=SECONDS)
    async with trust.asking(holder.chain) as context:
        await check(context, holder.certificate)
        signer = _signer(holder, context, stamps, prepared.field, prepared.reason)
        writer = IncrementalPdfFileWriter(BytesIO(prepared.output[: prepared.original]))
        try:
            known = await signer.init_signing_session(writer).perform_presign_validation(writer)
            assert known is not None  # there is a context
            made = ExternalSigner(holder.certificate, _above(holder), signature_value=signature)
            signed = await made.async_sign_prescribed_attributes(
                "sha256", signed_attrs=cms.CMSAttributes.load(prepared.attributes), timestamper=stamps
            )
            output = BytesIO(prepared.output)
            after = PostSignInstructions(
                known, timestamper=stamps, timestamp_md_algorithm="sha256", dss_settings=_ANSWERS_FIRST
            )
            place = PreparedByteRangeDigest(prepared.digest, prepared.start, prepared.end)
            await PdfTBSDocument.async_finish_signing(output, place, signed, after, context)
        except (SigningError, TimestampRequestError) as wrong:
            raise _no_stamps() from wrong
        return Sealed(output.getvalue(), tuple(answers(context)))


def _signer(holder: Holder, context: ValidationContext, stamps: HTTPTimeStamper, field: str, reason: str) -> PdfSigner:
    how = PdfSignatureMetadata(
        field_name=field, md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES, reason=reason, name=holder.name,
        embed_validation_info=True, use_pades_lta=True, validation_context=context, signer_key_usage=set(),
    )  # fmt: skip
    return PdfSigner(how, signer=ExternalSigner(holder.certificate, _above(holder), 256), timestamper=stamps)


def _above(holder: Holder) -> SimpleCertificateStore:
    store: SimpleCertificateStore = SimpleCertificateStore.from_certs(holder.chain)  # type: ignore[no-untyped-call]
    return store


def _no_stamps() -> CannotSign:
    return CannotSign("no-stamp", _("Không có dấu thời gian: chưa ký được."), advice=_("Thử lại sau ít phút."))
