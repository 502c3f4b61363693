"""Writes that name their record by a search: create unless it exists, update or delete where it is.

Behind `If-None-Exist` stands a primary key: what is created under a condition holds the text of that condition in
`once` (facility, text). Whoever comes second waits there for the first, then gets the first one's record.
Standard: HL7 FHIR R4, 3.1.0.8.1 (conditional create), 3.1.0.4.3 (update), 3.1.0.7.1 (delete).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Malformed, VersionConflict
from benhan.core.language import _
from benhan.core.store.read import read
from benhan.core.store.records import new_id
from benhan.core.store.search import search
from benhan.core.store.write import AlreadyExists, create, delete, update
from benhan.core.vault import Keys, keys_of

Params = Mapping[str, str | Sequence[str]]

#: What says how to answer, not which records.
NO_CONDITION = frozenset(
    ["_count", "_sort", "_format", "_pretty", "_summary", "_elements", "_total", "_include", "_revinclude"]
)
#: How many records one conditional delete may take away.
MAX_DELETED = 100


async def only_match(tx: Transaction, who: Subject, type_: type[r4.R], condition: Params) -> r4.R | None:
    """The one record that meets the condition, if any.

    Raises:
        Forbidden; Malformed: no condition, or one that is not known; VersionConflict: several records meet it.
    """
    found = await _matches(tx, who, type_, condition, 1)
    return found[0] if found else None


async def create_unless(tx: Transaction, who: Subject, resource: r4.R, condition: Params) -> tuple[r4.R, bool]:
    """Create, unless a record meets the condition; gives the record and whether it is new.

    A record created under a condition that it does not meet itself is still found by the next one who asks so.

    Raises:
        Forbidden, Invalid, Malformed, AlreadyExists; VersionConflict: several records meet the condition.
    """
    resource.id = resource.id or new_id()
    existing = await only_match(tx, who, type(resource), condition)
    if existing is not None:
        return existing, False
    claim = claim_of(await keys_of(tx, who.facility), codec.type_name(resource), condition)
    try:
        async with tx.savepoint():
            return await create(tx, who, resource, claims=[claim]), True
    except AlreadyExists:
        existing = await only_match(tx, who, type(resource), condition)
        existing = existing or await _holder(tx, who, type(resource), claim)
        if existing is None:
            raise
        return existing, False


async def update_where(
    tx: Transaction, who: Subject, resource: r4.R, condition: Params, if_match: str | None = None
) -> tuple[r4.R, bool]:
    """Conditional update: none meets the condition → create, one → update; gives the record and whether it is new.

    Raises:
        Forbidden, Invalid, Malformed; VersionConflict: several records meet the condition, or it moved on.
    """
    existing = await only_match(tx, who, type(resource), condition)
    if existing is None:
        return await create_unless(tx, who, resource, condition)
    if resource.id not in (None, existing.id):
        raise Malformed(
            _("Mã trong nội dung (%(given)s) khác mã bản ghi khớp điều kiện (%(found)s).",
              given=resource.id, found=existing.id),
            where=f"{codec.type_name(resource)}.id",
        )  # fmt: skip
    resource.id = existing.id
    return await update(tx, who, resource, if_match=if_match), False


async def delete_where(
    tx: Transaction, who: Subject, type_: type[r4.R], condition: Params, *, most: int = 1, if_match: str | None = None
) -> int:
    """Conditional delete; gives how many records were taken away. More than `most` that meet it: none is.

    Raises:
        Forbidden, Malformed, Conflict; VersionConflict: more than `most` meet the condition, or it moved on.
    """
    found = await _matches(tx, who, type_, condition, most)
    for one in found:
        await delete(tx, who, type_, one.id or "", if_match=if_match)
    return len(found)


def claim_of(keys: Keys, name: str, condition: Params) -> str:
    """The text that may exist once: a type and the condition under which a record of it was created.

    The condition may be somebody's number: it is hashed with the facility's key.
    """
    asked = sorted((key, *([value] if isinstance(value, str) else sorted(value))) for key, value in condition.items())
    return f"{name} unless {blake2b(repr(asked).encode(), digest_size=16, key=keys.index).hexdigest()}"


async def _matches(tx: Transaction, who: Subject, type_: type[r4.R], condition: Params, most: int) -> list[r4.R]:
    name = codec.type_name(type_)
    asked = {key: value for key, value in condition.items() if key not in NO_CONDITION}
    if not asked:
        raise Malformed(
            _("Cần điều kiện tìm để biết bản ghi %(name)s nào.", name=name),
            where=name,
            advice=_("Dùng %(name)s/[mã] hoặc %(name)s?điều-kiện.", name=name),
        )
    page = await search(tx, who, type_, {**asked, "_count": str(most + 1)})
    if len(page.resources) > most:
        raise VersionConflict(
            _("Hơn %(most)s bản ghi %(name)s khớp điều kiện.", most=most, name=name),
            code="multiple-matches",
            where=name,
            advice=_("Thêm điều kiện cho đến khi chỉ còn bản ghi cần tìm."),
        )
    return page.resources


async def _holder(tx: Transaction, who: Subject, type_: type[r4.R], claim: str) -> r4.R | None:
    id_ = await tx.fetchval(
        "select r.id from once o join resource r on r.key = o.rid where o.facility = $1 and o.what = $2",
        who.facility, claim,
    )  # fmt: skip
    return await read(tx, who, type_, id_) if id_ else None
