"""Many papers, one confirmation: hashes go out, signatures come back, each paper is finished, checked and kept.

Nothing is kept of a paper that does not verify as anybody would verify it. Source: as `signing.py`.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha1, sha256
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject, signature
from benhan.core.access.audit import Event, record
from benhan.core.access.subject import in_name_of
from benhan.core.db import Row, Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, NotFound, Problem
from benhan.core.kit.clock import now
from benhan.core.language import _
from benhan.core.signing import certificates, detached, pades
from benhan.core.signing.certificates import Certificate, Means
from benhan.core.signing.examine import Found, Unreadable, all_good, examine
from benhan.core.signing.signers import signed_by
from benhan.core.signing.trust import CannotSign
from benhan.core.vault import Column
from benhan.hospital.papers import NAMES, OF_A_STAY, Certified, MakeToSign, Wanted
from benhan.hospital.signing import Waiting, link, waiting

#: Papers of one confirmation, and papers that one request finishes.
MOST, STEP = 40, 3
#: So long somebody may take to confirm on her telephone.
WAIT: Final = timedelta(minutes=10)
_PREPARED: Final = Column("paper_to_sign", "prepared")


class Batch(msgspec.Struct, frozen=True):
    """How far a confirmation has come. `state`: waiting (for her telephone), open, ended."""

    id: str
    state: str
    trouble: str
    made: datetime
    signed: int
    left: int
    failed: int


class _Kept(msgspec.Struct, frozen=True):
    """What must be known of a paper between its hash and its signature."""

    prepared: pades.Prepared
    header: str
    hash: bytes
    records: tuple[str, ...]
    when: str
    code: str


async def begin(
    tx: Transaction, who: Subject, means: Means, makers: Mapping[str, MakeToSign], base: str, ids: Sequence[str]
) -> str:
    """Make the papers, send their hashes out; gives the batch. Nothing is written before that.

    Raises:
        CannotSign: no certificate, it may not sign, no stamps, no holder; Conflict: none of them waits any more.
    """
    certificate = await certificates.of_account(tx, who.facility, who.account)
    if certificate is None:
        raise CannotSign("no-certificate", _("Tài khoản này chưa có chứng thư số."))
    chosen = [one for one in await waiting(tx, who) if one.id in set(ids)][:MOST]
    if not chosen:
        raise Conflict(_("Không có phiếu nào chờ ký."))
    made, troubles = await _made(tx, who, means, certificate, makers, base, chosen)
    signer = means.signer(certificate.kind)
    hashes = [each for _one, kept in made for each in (kept.prepared.hash, kept.hash)]
    asked = await signer.ask(certificate.key, hashes, _("Ký %(n)s phiếu", n=len(made)))
    batch = secrets.token_hex(8)
    await tx.execute(
        "insert into signing_batch (facility, id, account, certificate, ticket, state) values ($1, $2, $3, $4, $5, $6)",
        who.facility, batch, who.account, certificate.id, asked.ticket, "waiting" if asked.ticket else "open",
    )  # fmt: skip
    for place, (one, kept) in enumerate(made):
        hidden = await _PREPARED.hide_bytes(tx, who.facility, one.id, msgspec.msgpack.encode(kept))
        await tx.execute(
            "update paper_to_sign set state = 'prepared', batch = $3, place = $4, prepared = $5, signatures = $6,"
            " trouble = '' where facility = $1 and id = $2 and state = 'waiting'",
            who.facility, one.id, batch, place, hidden, _pair(asked.signatures, place),
        )  # fmt: skip
    for one, said in troubles:
        await _failed(tx, who, one.id, said)
    record(tx, who, Event("sign-asked", rule=certificate.kind, detail=" ".join(one.id for one, _kept in made)))
    return batch


async def proceed(tx: Transaction, who: Subject, means: Means, id_: str) -> Batch:
    """Go on with a batch: ask whether she has confirmed, or finish the next papers.

    Raises:
        NotFound: there is none of hers.
    """
    row = await _batch(tx, who, id_)
    if row["state"] == "waiting":
        await _answered(tx, who, means, row)
    elif row["state"] == "open":
        await _finish_next(tx, who, means, row)
    return await state(tx, who, id_)


async def state(tx: Transaction, who: Subject, id_: str) -> Batch:
    """How far a batch has come. Raises: NotFound."""
    row = await _batch(tx, who, id_)
    counted = await tx.look(
        "select count(*) filter (where state = 'signed') as signed,"
        " count(*) filter (where state = 'prepared') as left_,"
        " count(*) filter (where state = 'waiting') as failed from paper_to_sign where facility = $1 and batch = $2",
        who.facility, id_,
    )  # fmt: skip
    found = counted[0]
    return Batch(id_, row["state"], row["trouble"], row["made"], found["signed"], found["left_"], found["failed"])


async def troubles(tx: Transaction, who: Subject, id_: str) -> list[Waiting]:
    """The papers of a batch that did not come about, each with why."""
    rows = await tx.look(
        "select id, visit, patient, kind, since, trouble from paper_to_sign"
        " where facility = $1 and account = $2 and batch = $3 and state = 'waiting' order by since",
        who.facility, who.account, id_,
    )  # fmt: skip
    return [Waiting(*(row[name] for name in Waiting.__struct_fields__)) for row in rows]


async def _made(
    tx: Transaction, who: Subject, means: Means, certificate: Certificate, makers: Mapping[str, MakeToSign],
    base: str, chosen: Sequence[Waiting],
) -> tuple[list[tuple[Waiting, _Kept]], list[tuple[Waiting, str]]]:  # fmt: skip
    at, found, troubled = now(), [], []
    when = at.isoformat(timespec="milliseconds")
    for one in chosen:
        code = secrets.token_hex(12)
        said = Certified(certificate.name, certificate.serial, at, link(base, code))
        try:
            made = await makers[one.kind](tx, who, Wanted(one.visit, "", base, said))
        except Problem as problem:
            troubled.append((one, problem.message))
            continue
        content = signature.content(made.records, account=who.account, when=when)
        token = detached.unsigned(certificate.holder, content, when)
        names = tuple(map(signature.versioned, made.records))
        found.append((one, made.pdf, token, names, code))
    if not found:
        raise Conflict(troubled[0][1])
    documents = [(pdf, "Signature1") for _one, pdf, *_rest in found]
    ready = await pades.prepare(means.trust, means.tsa, certificate.holder, documents, _("Ký hồ sơ bệnh án"))
    kept = [
        (one, _Kept(prepared, token.header, token.hash, names, when, code))
        for (one, _pdf, token, names, code), prepared in zip(found, ready, strict=True)
    ]
    return kept, troubled


async def _answered(tx: Transaction, who: Subject, means: Means, batch: Row) -> None:
    certificate = await certificates.of_account(tx, who.facility, who.account)
    try:
        if certificate is None or certificate.id != batch["certificate"]:
            raise CannotSign("no-certificate", _("Chứng thư của lần ký này đã ngừng dùng."))
        given = await means.signer(certificate.kind).answer(batch["ticket"])
        if given is None:
            if now() - batch["made"] > WAIT:
                raise CannotSign("timed-out", _("Quá thời gian xác nhận trên điện thoại: chưa ký."))
            return None
        rows = await _prepared(tx, who, batch["id"], MOST)
        if len(given) != 2 * len(rows):
            raise CannotSign("unreadable", _("Nơi ký số từ xa trả lời không đọc được."))
    except CannotSign as wrong:
        if wrong.kind == "no-provider":
            return None  # asked again by the next request, until the time is over
        return await _given_up(tx, who, batch["id"], wrong.message)
    for row in rows:
        await tx.execute(
            "update paper_to_sign set signatures = $3 where facility = $1 and id = $2 and state = 'prepared'",
            who.facility, row["id"], _pair(given, row["place"]),
        )  # fmt: skip
    await _now(tx, who, batch["id"], "open", "")
    return None


async def _finish_next(tx: Transaction, who: Subject, means: Means, batch: Row) -> None:
    certificate = await certificates.of_account(tx, who.facility, who.account)
    if certificate is None or certificate.id != batch["certificate"]:
        return await _given_up(tx, who, batch["id"], _("Chứng thư của lần ký này đã ngừng dùng."))
    rows = await _prepared(tx, who, batch["id"], STEP)
    finished: list[tuple[Row, _Kept, pades.Sealed, Found] | tuple[Row, str]] = []
    for row in rows:
        kept = msgspec.msgpack.decode(_PREPARED.show_bytes(tx, who.facility, row["id"], row["prepared"]), type=_Kept)
        try:
            finished.append((row, kept, *await _finished(means, certificate, kept, row["signatures"])))
        except CannotSign as wrong:
            finished.append((row, wrong.message))
    for each in finished:
        if len(each) == 2:
            await _failed(tx, who, each[0]["id"], each[1])
        else:
            await _keep(tx, who, certificate, batch, *each)
    if len(rows) < STEP:
        await _now(tx, who, batch["id"], "ended", "")
    return None


async def _finished(
    means: Means, certificate: Certificate, kept: _Kept, signatures: Sequence[bytes]
) -> tuple[pades.Sealed, Found]:
    """The signed paper, read again as anybody would."""
    sealed = await pades.finish(means.trust, means.tsa, certificate.holder, kept.prepared, signatures[0])
    if not signed_by(certificate.holder.certificate, kept.hash, signatures[1]):
        raise CannotSign("wrong-hash", _("Chữ ký nhận về không phải của văn bản này: không dùng."))
    try:
        found = await examine(means.trust, sealed.pdf)
    except Unreadable:
        found = []
    if not all_good(found):
        raise CannotSign("not-good", _("Văn bản ký xong kiểm tra không đạt: không dùng."))
    return sealed, found[-1]


async def _keep(
    tx: Transaction, who: Subject, certificate: Certificate, batch: Row, row: Row, kept: _Kept, sealed: pades.Sealed,
    found: Found,
) -> None:  # fmt: skip
    """Document, signature and what the QR leads to, in this transaction; by whoever comes first."""
    first = await tx.fetchval(
        "update paper_to_sign set state = 'signed', prepared = null, signatures = null, trouble = ''"
        " where facility = $1 and id = $2 and state = 'prepared' and batch = $3 returning true",
        who.facility, row["id"], batch["id"],
    )  # fmt: skip
    if not first:
        return
    document = await store.create(tx, in_name_of(who, Role.SIGNING_SERVICE), _reference(who, row, kept, sealed.pdf))
    about = [f"DocumentReference/{document.id}", f"Patient/{row['patient']}"]
    if row["kind"] not in OF_A_STAY:
        about.append(f"Encounter/{row['visit']}")
    signed = signature.certified(
        kept.records, detached.joined(kept.header, row["signatures"][1]), account=who.account, signer=_writer(who),
        when=kept.when, about=[r4.Reference(reference=one) for one in about],
    )  # fmt: skip
    signed.extension = [_evidence(certificate, batch, sealed, found)]
    provenance = await store.create(tx, who, signed)
    await tx.execute(
        "insert into signed_paper"
        " (facility, code, kind, visit, document, hash, signer, organization, serial, issuer, at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        who.facility, kept.code, row["kind"], row["visit"], document.id, sha256(sealed.pdf).digest(), found.name,
        found.organization, found.serial, found.issuer, found.at,
    )  # fmt: skip
    said = f"DocumentReference/{document.id} {certificate.serial}"
    record(tx, who, Event("sign", "Provenance", provenance.id, row["patient"], rule="certificate", detail=said))


def _reference(who: Subject, row: Row, kept: _Kept, pdf: bytes) -> r4.DocumentReference:
    title = NAMES[row["kind"]]
    return r4.DocumentReference(
        masterIdentifier=r4.Identifier(system=systems.SIGNED_PAPER, value=kept.code),
        status="current", docStatus="final",
        type=r4.CodeableConcept(coding=[r4.Coding(system=systems.PAPER, code=row["kind"], display=title)]),
        subject=r4.Reference(reference=f"Patient/{row['patient']}"), date=kept.when, author=[_writer(who)],
        authenticator=_writer(who), custodian=r4.Reference(display=who.facility_name),
        content=[r4.DocumentReferenceContent(attachment=r4.Attachment(
            contentType="application/pdf", data=b64encode(pdf).decode(), size=len(pdf), title=title,
            hash=b64encode(sha1(pdf, usedforsecurity=False).digest()).decode(),  # FHIR R4 asks for SHA-1 here
            creation=kept.when,
        ))],
        context=r4.DocumentReferenceContext(
            encounter=[r4.Reference(reference=f"Encounter/{row['visit']}")],
            related=[r4.Reference(reference=name) for name in kept.records],
        ),
    )  # fmt: skip


def _evidence(certificate: Certificate, batch: Row, sealed: pades.Sealed, found: Found) -> r4.Extension:
    """What the law asks to be kept beside a signature. Source: TT 13/2025/TT-BYT art. 3; NĐ 23/2025/NĐ-CP art. 15."""
    said = [
        ("method", f"{certificate.kind} {batch['ticket']}".strip()), ("pdf-sha256", sha256(sealed.pdf).hexdigest()),
        ("certificate", f"{found.serial} · {found.name} · {found.issuer}"),
        ("certificate-sha256", sha256(certificate.holder.certificate.dump()).hexdigest()),
        ("time-stamp", found.at.isoformat() if found.at else ""),
        *(("revocation", f"{one.kind} {one.serial} {one.said} {one.at.isoformat()}") for one in sealed.answers),
    ]  # fmt: skip
    inside = [r4.Extension(url=url, valueString=value) for url, value in said if value]
    return r4.Extension(url=systems.EXTENSION_SIGNING, extension=inside)


async def _batch(tx: Transaction, who: Subject, id_: str) -> Row:
    rows = await tx.look(
        "select * from signing_batch where facility = $1 and id = $2 and account = $3", who.facility, id_, who.account
    )
    if not rows:
        raise NotFound(_("Không có lần ký này."))
    return rows[0]


async def _prepared(tx: Transaction, who: Subject, batch: str, most: int) -> list[Row]:
    return await tx.look(
        "select * from paper_to_sign where facility = $1 and account = $2 and batch = $3 and state = 'prepared'"
        " order by place limit $4",
        who.facility, who.account, batch, most,
    )  # fmt: skip


async def _failed(tx: Transaction, who: Subject, id_: str, why: str) -> None:
    await tx.execute(
        "update paper_to_sign set state = 'waiting', prepared = null, signatures = null, trouble = $3"
        " where facility = $1 and id = $2 and state <> 'signed'",
        who.facility, id_, why,
    )  # fmt: skip


async def _given_up(tx: Transaction, who: Subject, batch: str, why: str) -> None:
    await tx.execute(
        "update paper_to_sign set state = 'waiting', prepared = null, signatures = null, trouble = $3"
        " where facility = $1 and batch = $2 and state = 'prepared'",
        who.facility, batch, why,
    )  # fmt: skip
    await _now(tx, who, batch, "ended", why)
    record(tx, who, Event("sign-refused", rule=batch, allowed=False, detail=why))


async def _now(tx: Transaction, who: Subject, batch: str, state: str, trouble: str) -> None:
    await tx.execute(
        "update signing_batch set state = $3, trouble = $4 where facility = $1 and id = $2",
        who.facility, batch, state, trouble,
    )  # fmt: skip


def _pair(signatures: Sequence[bytes], place: int) -> list[bytes] | None:
    """The signatures of the paper at a place: of its PDF, of its records."""
    return list(signatures[2 * place : 2 * place + 2]) or None


def _writer(who: Subject) -> r4.Reference:
    reference = f"Practitioner/{who.practitioner}" if who.practitioner else None
    return r4.Reference(reference=reference, display=who.name or who.account)
