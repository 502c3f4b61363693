"""`/xac-thuc`: anybody checks a paper by its QR, or a signed PDF by sending it. Nothing of anybody's health is told.

What is told: whose paper, what kind, who signed it, when, whether it is unchanged. Who holds the paper knows the rest;
who guesses has 96 random bits before her. Source: NĐ 137/2024/NĐ-CP art. 5; Law 91/2025/QH15.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Final

import msgspec
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Permission, Role, Subject, service
from benhan.core.access.audit import Event, record
from benhan.core.db import PLATFORM, Row, Transaction
from benhan.core.fhir.outcome import Problem
from benhan.core.kit import forms, pages
from benhan.core.language import _
from benhan.core.signing.certificates import Means
from benhan.core.signing.examine import MOST_BYTES, Found, Unreadable, all_good, examine
from benhan.hospital import signing
from benhan.hospital.papers import NAMES
from benhan.hospital.signing import CHECKED_AT

pages.register("hospital", "benhan.hospital")

#: So many documents are examined at a time in one process; others are asked to come again.
AT_ONCE: Final = 2
#: Longer nobody waits for it.
SECONDS: Final = 20
_examining = 0


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a check told. `state`: good, changed, unknown (not ours, but well signed), unsigned, untrusted, none."""

    state: str
    kind: str = ""
    facility: str = ""
    signatures: tuple[Found, ...] = ()


async def by_code(request: Request, tx: Transaction, who: Subject) -> Response:
    """The paper of a QR."""
    await tx.reach(PLATFORM)
    row = await tx.fetchrow(f"{_PAPER} where s.code = $1", request.path_params["code"])
    said = Said(state="none")
    if row is not None and request.app.state.signing is not None:
        said = await _kept(tx, request.app.state.signing, row)
    return pages.render(request, "hospital/verify.html", 404 if row is None else 200, said=said, path=CHECKED_AT)


async def ask(request: Request, tx: Transaction, who: Subject) -> Response:
    """Where a PDF may be sent to be checked."""
    return pages.render(request, "hospital/verify.html", said=None, path=CHECKED_AT)


async def by_file(request: Request, tx: Transaction, who: Subject) -> Response:
    """A PDF that somebody sends: whether it is ours, and unchanged. It is not kept."""
    form = await forms.read_form(request, [], most_bytes=MOST_BYTES + forms.MOST_BYTES)
    pdf = await _sent(form)
    if not pdf.startswith(b"%PDF-") or len(pdf) > MOST_BYTES:
        wrong = _("Chọn một tệp PDF không quá 5 MB.")
        return pages.render(request, "hospital/verify.html", 422, said=None, wrong=wrong, path=CHECKED_AT)
    await tx.reach(PLATFORM)
    row = await tx.fetchrow(f"{_PAPER} where s.hash = $1", sha256(pdf).digest())
    means: Means | None = request.app.state.signing
    found = await _bounded(means, pdf) if means else []
    return pages.render(request, "hospital/verify.html", said=judged(row, found), path=CHECKED_AT)


def judged(row: Row | None, found: list[Found] | None) -> Said:
    """What to tell of a document by its hash among ours and by its signatures (None: broken beyond reading).

    One that is none of ours to the last byte is never called ours: what is not covered by a signature counts too.
    """
    if found is None:
        return Said(state="changed")
    kind, facility = (NAMES[row["kind"]], row["name"]) if row else ("", "")
    if not found:
        return Said(state="unsigned")
    if not all(one.intact and not one.later for one in found):
        state = "changed"
    elif not all_good(found):
        state = "untrusted"
    else:
        state = "good" if row else "unknown"
    return Said(state=state, kind=kind, facility=facility, signatures=tuple(found))


async def _kept(tx: Transaction, means: Means, row: Row) -> Said:
    """What is kept under a code, examined now."""
    await tx.reach(row["facility"])
    behind = service(Role.SIGNING_SERVICE, row["facility"], row["name"])
    pdf = await signing.document(tx, behind, row["document"])
    record(tx, behind, Event("paper-checked", "DocumentReference", row["document"], rule="code"))
    same = sha256(pdf).digest() == row["hash"]
    found = await _bounded(means, pdf)
    said = judged(row, found)
    return said if same else msgspec.structs.replace(said, state="changed")


async def _sent(form: forms.Form) -> bytes:
    """The file of a form; empty where there is none."""
    sent = form.files.get("tep")
    if not isinstance(sent, UploadFile):
        return b""
    try:
        return await sent.read()
    finally:
        await sent.close()


async def _bounded(means: Means, pdf: bytes) -> list[Found] | None:
    global _examining  # noqa: PLW0603 - how many this process examines now
    if _examining >= AT_ONCE:
        raise Problem(503, "throttled", _("Nhiều người đang kiểm tra."), advice=_("Thử lại sau ít phút."))
    _examining += 1
    try:
        async with asyncio.timeout(SECONDS):
            return await examine(means.trust, pdf)
    except (Unreadable, TimeoutError):
        return None
    finally:
        _examining -= 1


_PAPER: Final = "select s.*, f.name from signed_paper s join facility f on f.key = s.facility"
DOORS = [
    Door(CHECKED_AT, ask, Permission.ANYONE),
    Door(CHECKED_AT, by_file, Permission.ANYONE, ("POST",)),
    Door(f"{CHECKED_AT}/{{code}}", by_code, Permission.ANYONE),
]
