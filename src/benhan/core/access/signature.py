"""What a signature covers: records at their versions, who, when, and one SHA-256 over all of it. Pure.

A password asked again confirms it (Law 20/2023 art. 22.4); who has a certificate signs the same content with it as a
JWS (`core/signing`), in a Provenance of the same form. Source: HL7 FHIR R4 Provenance and Signature; the canonical
form follows RFC 8785 (sorted keys, no blanks, UTF-8), with numbers as they were written and text in NFC.
"""

from __future__ import annotations

import unicodedata
from base64 import b64decode, b64encode, urlsafe_b64decode
from binascii import Error as NotBase64
from collections.abc import Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

import msgspec

from benhan.core.fhir import codec, r4

#: The signer is the author of what she signs. Source: ASTM E1762-95 (2013), bound to Signature.type.
AUTHOR: Final = r4.Coding(
    system="urn:iso-astm:E1762-95:2013", code="1.2.840.10065.1.12.1.1", display="Author's Signature"
)
#: What the hash was taken over: our canonical JSON of records, account and time, first edition.
FORMAT: Final = "application/vnd.benhan.signed+json;edition=1"

#: A JWS is what was given (FHIR R4, Signature.sigFormat). Its header says the hash as `digest` (hex).
JOSE: Final = "application/jose"

_READER: Final = msgspec.json.Decoder(float_hook=Decimal)
_WRITER: Final = msgspec.json.Encoder(order="sorted", decimal_format="number")


class Signed(msgspec.Struct, frozen=True):
    """A signature as it was given: its hash (hex), signer, time (FHIR instant), records as `Type/id/_history/n`."""

    hash: str
    account: str
    name: str
    when: str
    records: tuple[str, ...]
    #: The JWS, where it was signed with a certificate (detached: over `content` of the records).
    jws: str = ""

    def matches(self, records: Sequence[r4.Resource]) -> bool:
        """Whether these records (the signed versions) still give the signed hash."""
        return content_hash(records, account=self.account, when=self.when) == self.hash


def canonical(value: Any) -> bytes:
    """One way to write a value of JSON: keys sorted, no blanks, NFC, digits of decimals kept."""
    return _WRITER.encode(_composed(value))


def record_hash(record: r4.Resource) -> str:
    """SHA-256 (hex) of one record without its `meta`, for telling whether its content changed."""
    return sha256(canonical(_content(record))).hexdigest()


def content_hash(records: Sequence[r4.Resource], *, account: str, when: str) -> str:
    """SHA-256 (hex) of records with their versions, the account and the time; the order of records does not count."""
    return sha256(content(records, account=account, when=when)).hexdigest()


def content(records: Sequence[r4.Resource], *, account: str, when: str) -> bytes:
    """What is signed: records with their versions, the account and the time, in one way of writing."""
    named = {versioned(record): _content(record) for record in records}
    return canonical({"account": account, "records": named, "when": when})


def versioned(record: r4.Resource) -> str:
    """A stored record by its version: `Composition/x/_history/3`."""
    version = record.meta.versionId if record.meta else None
    return f"{codec.type_name(record)}/{record.id}/_history/{version}"


def provenance(
    records: Sequence[r4.Resource],
    *,
    account: str,
    signer: r4.Reference,
    when: str,
    about: Sequence[r4.Reference] = (),
) -> r4.Provenance:
    """The signature of stored records by `signer` (who holds `account`) at `when`: create it in the same transaction.

    `about` names what else the signature is found by (the patient, the visit), without being signed content.
    """
    digest = bytes.fromhex(content_hash(records, account=account, when=when))
    names = [versioned(record) for record in records]
    return _provenance(names, account, signer, when, about, "application/octet-stream", digest)


def certified(
    names: Sequence[str], jws: str, *, account: str, signer: r4.Reference, when: str, about: Sequence[r4.Reference] = ()
) -> r4.Provenance:
    """The signature by a JWS of `content`; `names`: the records in it, by their versions. Else as `provenance`."""
    return _provenance(names, account, signer, when, about, JOSE, jws.encode())


def _provenance(
    names: Sequence[str], account: str, signer: r4.Reference, when: str, about: Sequence[r4.Reference], kind: str,
    data: bytes,
) -> r4.Provenance:  # fmt: skip
    who = r4.Reference(reference=signer.reference, display=signer.display, identifier=r4.Identifier(value=account))
    signature = r4.Signature(
        type=[AUTHOR], when=when, who=who, targetFormat=FORMAT, sigFormat=kind, data=b64encode(data).decode()
    )
    targets = [r4.Reference(reference=name) for name in names]
    return r4.Provenance(
        target=[*targets, *about], recorded=when, agent=[r4.ProvenanceAgent(who=who)], signature=[signature]
    )


def read(provenance: r4.Provenance) -> Signed | None:
    """The signature in a Provenance; None where there is none of our format."""
    for signature in provenance.signature or []:
        if signature.targetFormat != FORMAT or not signature.data or not signature.when:
            continue
        try:
            data = b64decode(signature.data, validate=True)
            jws = data.decode() if signature.sigFormat == JOSE else ""
            digest = _digest_in(jws) if jws else data.hex()
        except (NotBase64, ValueError, KeyError, msgspec.DecodeError):
            continue
        account = (signature.who.identifier and signature.who.identifier.value) or ""
        records = tuple(t.reference for t in provenance.target if t.reference and "/_history/" in t.reference)
        return Signed(digest, account, signature.who.display or account, signature.when, records, jws)
    return None


def _digest_in(jws: str) -> str:
    header = jws.partition(".")[0]
    return str(msgspec.json.decode(urlsafe_b64decode(header + "=" * (-len(header) % 4)))["digest"])


def _content(record: r4.Resource) -> Any:
    content = _READER.decode(codec.encode(record))
    content.pop("meta", None)  # the version is signed with the name of the record
    return content


def _composed(value: Any) -> Any:
    match value:
        case str():
            return unicodedata.normalize("NFC", value)
        case dict():
            return {_composed(key): _composed(one) for key, one in value.items()}
        case list() | tuple():
            return [_composed(one) for one in value]
    return value
