"""Evidence: a photograph or a paper, kept encrypted beside the entry that names it. Never changed, never deleted."""

from __future__ import annotations

from typing import Final

import msgspec

from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Invalid, NotFound
from benhan.core.kit import pictures
from benhan.core.kit.text import clip, nfc
from benhan.core.language import _
from benhan.core.vault import Column
from benhan.province.rollout.sites import new_id

MOST_BYTES: Final = 8 * 1024 * 1024
EXCEL: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_BODY: Final = Column("rollout_evidence", "body")
_ADD: Final = """
insert into rollout_evidence (facility, id, site, name, media, body, account) values ($1, $2, $3, $4, $5, $6, $7)
"""


class Evidence(msgspec.Struct, frozen=True):
    """A file."""

    site: str | None
    name: str
    media: str
    body: bytes


def read(body: bytes, name: str) -> Evidence:
    """What somebody sent: a PDF, or a JPEG without what it tells beside the picture.

    Raises:
        Invalid: it is neither, or too large.
    """
    if len(body) > MOST_BYTES:
        raise Invalid(_("Tệp lớn hơn %(n)s MB.", n=MOST_BYTES // 1024**2), where="file")
    if body[:5] == b"%PDF-":
        return Evidence(None, name, "application/pdf", body)
    if body[:2] == b"\xff\xd8":
        return Evidence(None, name, "image/jpeg", pictures.bare(body, MOST_BYTES))
    raise Invalid(_("Minh chứng là ảnh JPEG hoặc tệp PDF."), where="file")


async def keep(tx: Transaction, who: Subject, site: str | None, file: Evidence) -> str:
    """Keep a file; gives its id. A list that was brought in belongs to no single site."""
    id_ = new_id()
    body = await _BODY.hide_bytes(tx, who.facility, id_, file.body)
    await tx.execute(_ADD, who.facility, id_, site, clip(nfc(file.name), 200), file.media, body, who.account)
    tx.wrote = True
    return id_


async def show(tx: Transaction, who: Subject, id_: str) -> Evidence:
    """A file.

    Raises:
        NotFound: there is none of this id in this Department.
    """
    row = await tx.fetchrow(
        "select site, name, media, body from rollout_evidence where facility = $1 and id = $2", who.facility, id_
    )
    if row is None:
        raise NotFound(_("Không có tệp này."))
    return Evidence(row["site"], row["name"], row["media"], _BODY.show_bytes(tx, who.facility, id_, row["body"]))
