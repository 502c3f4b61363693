"""Papers that wait for a doctor's certificate, and those that were signed with one.

A visit ends with her password (`clinic/conclusion.py`), so nobody waits for a telephone or a time stamp; its papers
then wait here. Law 20/2023/QH15 art. 22–23; TT 13/2025/TT-BYT art. 3. How they are signed: `signing_batches.py`;
why so: docs/adr/0028.
"""

from __future__ import annotations

import secrets
from base64 import b64decode
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Interaction, Role, Subject, signature
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import NotFound
from benhan.core.language import _
from benhan.core.signing import certificates, detached
from benhan.hospital.papers import Certified, Wanted

PATH: Final = "/ky-so"
CHECKED_AT: Final = "/xac-thuc"


class Waiting(msgspec.Struct, frozen=True):
    """A paper that waits for somebody's certificate."""

    id: str
    visit: str
    patient: str
    kind: str
    since: datetime
    trouble: str


async def signs(tx: Transaction, who: Subject) -> bool:
    """Whether she has a certificate."""
    return await certificates.of_account(tx, who.facility, who.account) is not None


async def expect(tx: Transaction, who: Subject, visit: r4.Encounter, kinds: Sequence[str]) -> None:
    """Papers of a visit wait for her certificate, if she has one. What waits already is not asked for twice."""
    if not await signs(tx, who):
        return
    patient = (visit.subject.reference or "").removeprefix("Patient/") if visit.subject else ""
    for kind in kinds:
        await tx.execute(
            "insert into paper_to_sign (facility, id, account, visit, patient, kind) values ($1, $2, $3, $4, $5, $6)"
            " on conflict (facility, visit, kind, account) where state <> 'signed'"
            " do update set state = 'waiting', batch = null, prepared = null, signatures = null",
            who.facility, secrets.token_hex(8), who.account, visit.id, patient, kind,
        )  # fmt: skip


async def waiting(tx: Transaction, who: Subject) -> list[Waiting]:
    """What waits for her certificate, the oldest first."""
    rows = await tx.look(
        "select id, visit, patient, kind, since, trouble from paper_to_sign"
        " where facility = $1 and account = $2 and state = 'waiting' order by since, kind desc limit 500",
        who.facility, who.account,
    )  # fmt: skip
    return [Waiting(*(row[name] for name in Waiting.__struct_fields__)) for row in rows]


async def of_paper(tx: Transaction, who: Subject, of: Wanted, kind: str) -> Certified | None:
    """Who signed this paper, for its copy on paper; None: nobody with a certificate, or it changed since."""
    rows = await tx.look(
        "select code, signer, serial, at from signed_paper s where facility = $1 and visit = $2 and kind = $3"
        " and not exists (select from paper_to_sign p where p.facility = s.facility and p.visit = s.visit"
        " and p.kind = s.kind and p.state <> 'signed') order by made desc limit 1",
        who.facility, of.visit, kind,
    )  # fmt: skip
    if not rows:
        return None
    row = rows[0]
    return Certified(row["signer"], row["serial"], row["at"], link(of.base, row["code"]), who.name or who.account)


class Kept(msgspec.Struct, frozen=True):
    """A paper that was signed: what it is, who signed it, when by the time stamp."""

    kind: str
    name: str
    when: datetime


async def of_visit(tx: Transaction, who: Subject, visit: str) -> list[Kept]:
    """The papers of a visit that were signed with a certificate, each kind by its last signature."""
    rows = await tx.look(
        "select distinct on (kind) kind, signer, at from signed_paper where facility = $1 and visit = $2"
        " order by kind, made desc",
        who.facility, visit,
    )  # fmt: skip
    return [Kept(row["kind"], row["signer"], row["at"]) for row in rows]


async def original(tx: Transaction, who: Subject, visit: str, kind: str, how: Interaction = Interaction.PRINT) -> bytes:
    """The signed PDF itself, and the trace of its copy: to whom every record that stands in it is open.

    Raises:
        NotFound: there is none; Forbidden: she may not copy it, or not read all of it.
    """
    rows = await tx.look(
        "select document, code from signed_paper where facility = $1 and visit = $2 and kind = $3"
        " order by made desc limit 1",
        who.facility, visit, kind,
    )  # fmt: skip
    if not rows:
        raise NotFound(_("Giấy này chưa ký số."))
    found = await store.read(tx, who, r4.Encounter, visit)
    patient = (found.subject.reference or "").removeprefix("Patient/") if found.subject else None
    await store.copied(tx, who, how, "Encounter", visit, patient, f"{kind} {rows[0]['code']}")
    kept = await store.read(tx, in_name_of(who, Role.SIGNING_SERVICE), r4.DocumentReference, rows[0]["document"])
    for one in (kept.context and kept.context.related) or []:
        name, id_ = (one.reference or "").partition("/_history/")[0].split("/")
        await store.read(tx, who, codec.resource_type(name), id_)
    return _pdf(kept)


async def document(tx: Transaction, behind: Subject, id_: str) -> bytes:
    """A signed PDF as it is kept."""
    return _pdf(await store.read(tx, behind, r4.DocumentReference, id_))


def _pdf(kept: r4.DocumentReference) -> bytes:
    return b64decode(kept.content[0].attachment.data or "")


def holds(signed: signature.Signed, records: Sequence[r4.Resource]) -> bool:
    """Whether these records (the signed versions) still give what was signed, by password or certificate."""
    if not signed.jws:
        return signed.matches(records)
    return detached.holds(signed.jws, signature.content(records, account=signed.account, when=signed.when))


def link(base: str, code: str) -> str:
    """Where anybody checks a paper."""
    return f"{base.rstrip('/')}{CHECKED_AT}/{code}"
