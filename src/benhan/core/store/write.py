"""Create, update, delete: permission → version → stamp → validation → row, history, index, audit, feed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import asyncpg
import msgspec

from benhan.core.access import Decision, Interaction, Subject, decide
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Conflict, Forbidden, Gone, Invalid, NotFound, VersionConflict
from benhan.core.fhir.validation import check
from benhan.core.language import _
from benhan.core.store import conformance, guarding, parameters, terms_index
from benhan.core.store.bodies import body_of, hidden, is_hidden, opened_one
from benhan.core.store.records import NUMBERS, audited, new_id, now, permit, stamped
from benhan.core.store.rows import INDEX_VERSION, MARK, Rows, columns
from benhan.core.store.sealed import CLOSED, closing, refuse_if_closed
from benhan.core.store.subscriptions import registry as subscriptions
from benhan.core.vault import keys_of

_PUT = (
    "select put($1,$2,$3,$4,$5,$6,$7,$8,$9,$10::smallint[],$11::bigint[],$12::smallint[],$13::text[],$14::text[],"
    "$15::smallint[],$16::timestamptz[],$17::timestamptz[],$18::smallint[],$19::bigint[],$20::float8[],$21::float8[],"
    "$22::text[],$23::smallint,$24::int)"
)
_CURRENT = (
    f"select version, patient, updated, {body_of('r')}, {guarding.said('$4::text')} as said,"
    f" case when $5::boolean then {CLOSED.format(r='r')} end as closed from resource r"
    " where facility = $1 and type = $2 and id = $3 for update"
)


#: What `put` raises when something that may exist once exists already.
TAKEN = "BH409"


class AlreadyExists(Conflict):
    """Something that may exist once exists already; `what` is the key of `core.store.uniqueness`."""

    def __init__(self, what: str) -> None:
        super().__init__(
            _("Đã có một bản ghi khác giữ %(what)s", what=what), code="duplicate", advice=_("Mở bản ghi đã có.")
        )
        self.what = what


class _Current(msgspec.Struct):
    version: int
    patient: str | None
    updated: datetime
    body: bytes | None
    #: What the caller's pass says of it (`guarding.py`).
    said: str | None = None
    #: Whether it is closed (`sealed.py`); None where no rule asks.
    closed: bool | None = None

    @property
    def deleted(self) -> bool:
        """Whether only its history is left."""
        return self.body is None


async def create(
    tx: Transaction,
    who: Subject,
    resource: r4.R,
    *,
    if_none_exist: Mapping[str, str | Sequence[str]] | None = None,
    claims: Sequence[str] = (),
) -> r4.R:
    """Keep a new record; gives it back with id, version and time.

    An id that is set is kept (and must be free). `if_none_exist` is a search: if exactly one record matches,
    that one is given back and nothing is written. `claims` are further texts that may exist once in the facility.

    Raises:
        Forbidden, Invalid, AlreadyExists; VersionConflict: several records match `if_none_exist`.
    """
    if if_none_exist is not None:
        from benhan.core.store.conditional import create_unless

        return (await create_unless(tx, who, resource, if_none_exist))[0]
    name = codec.type_name(resource)
    decision = permit(who, Interaction.CREATE, name)
    kept = stamped(resource, resource.id or new_id(), 1, moment := now())
    if name == "Subscription":
        kept = await subscriptions.accepted(tx, who, kept)
    rows = await _put(tx, who, kept, 0, moment, "c", claims)
    if rows is None:
        raise Conflict(
            _("%(name)s/%(id)s đã tồn tại.", name=name, id=kept.id),
            where=f"{name}.id", advice=_("Cập nhật bản ghi đã có."),
        )  # fmt: skip
    _within(decision.only_patient, rows.patient, name)
    audited(tx, who, Interaction.CREATE, decision, name, kept.id, rows.patient)
    return kept


async def update(tx: Transaction, who: Subject, resource: r4.R, *, if_match: str | None) -> r4.R:
    """Replace a record (or bring one with a given id into being); gives it back with its new version.

    Raises:
        As `put`.
    """
    return (await put(tx, who, resource, if_match=if_match))[0]


async def put(tx: Transaction, who: Subject, resource: r4.R, *, if_match: str | None) -> tuple[r4.R, bool]:
    """Replace a record or bring one with a given id into being; gives it with its version, and whether it is new.

    `if_match` is the version the change was made on; None replaces whatever is there. Where nothing would change, no
    version is made: the record comes back as it is, and no subscriber is told.

    Raises:
        Forbidden, Invalid, AlreadyExists; VersionConflict: somebody changed it in between; Conflict: it is signed.
    """
    name = codec.type_name(resource)
    if not resource.id:
        raise Invalid(_("Thiếu mã bản ghi khi cập nhật."), code="required", where=f"{name}.id")
    current = await _current(tx, who, name, resource.id, decide(who, Interaction.UPDATE, name))
    decision = permit(who, Interaction.UPDATE if current else Interaction.CREATE, name)
    if current:
        _within(decision.only_patient, current.patient, name)
        decision = guarding.ruled(decision, current.said, f"{name}/{resource.id}")
    version = current.version if current else 0
    if if_match is not None and if_match != str(version):
        raise _moved_on(name, resource.id, version)
    if current:
        same = stamped(resource, resource.id, version, current.updated)
        if codec.encode(same) == current.body:
            audited(tx, who, Interaction.UPDATE, decision, name, resource.id, current.patient, "unchanged")
            return same, False
        refuse_if_closed(decision, current.closed, f"{name}/{resource.id}")
    kept = stamped(resource, resource.id, version + 1, moment := now())
    if name == "Subscription":
        kept = await subscriptions.accepted(tx, who, kept)
    new = current is None or current.deleted
    rows = await _put(tx, who, kept, version, moment, "c" if new else "u")
    if rows is None:
        raise _moved_on(name, resource.id, version)
    _within(decision.only_patient, rows.patient, name)
    audited(tx, who, Interaction.UPDATE, decision, name, kept.id, rows.patient, f"version {version + 1}")
    return kept, new


async def change(
    tx: Transaction,
    who: Subject,
    type_: type[r4.R],
    id_: str,
    edit: Callable[[r4.R], r4.R],
    *,
    if_match: str | None = None,
) -> r4.R:
    """Edit a record as it is now (a patch): nobody else changes it between the reading and the writing.

    Raises:
        Forbidden: it may not be read, or not updated; NotFound, Gone; what `edit` raises; as `update`.
    """
    name = codec.type_name(type_)
    decision = permit(who, Interaction.READ, name)
    permit(who, Interaction.UPDATE, name)
    current = await _current(tx, who, name, id_, decision)
    if current is None or decision.only_patient not in (None, current.patient):
        raise NotFound(_("Không có %(name)s/%(id)s.", name=name, id=id_[:64]), where=name)
    guarding.ruled(decision, current.said, f"{name}/{id_}")
    if current.body is None:
        raise Gone(_("%(name)s/%(id)s đã bị xoá.", name=name, id=id_), where=name)
    edited = edit(codec.kept(current.body, type_))
    if edited.id != id_:
        raise Invalid(_("Không sửa được mã của bản ghi."), where=f"{name}.id")
    return await update(tx, who, edited, if_match=if_match or str(current.version))


async def delete(tx: Transaction, who: Subject, type_: type[r4.R], id_: str, *, if_match: str | None = None) -> None:
    """Take a record out of sight; its history stays. Deleting twice is no error.

    Raises:
        Forbidden, NotFound, VersionConflict; Conflict: it is signed.
    """
    name = codec.type_name(type_)
    decision = permit(who, Interaction.DELETE, name)
    current = await _current(tx, who, name, id_, decision)
    if current is None:
        raise NotFound(_("Không có %(name)s/%(id)s.", name=name, id=id_[:64]), where=name)
    _within(decision.only_patient, current.patient, name)
    decision = guarding.ruled(decision, current.said, f"{name}/{id_}")
    if current.deleted:
        return
    if if_match is not None and if_match != str(current.version):
        raise _moved_on(name, id_, current.version)
    refuse_if_closed(decision, current.closed, f"{name}/{id_}")
    nothing = Rows(current.patient, [], _marks(current), [], [], [], generation=parameters.generation())
    await _call_put(tx, who, name, id_, current.version, now(), None, "d", nothing)
    await terms_index.removed(tx, name, who.facility, id_)
    if name == "SearchParameter":
        await parameters.removed(tx, who, id_)
    if name == "Subscription":
        await subscriptions.removed(tx, who.facility, id_)
    audited(tx, who, Interaction.DELETE, decision, name, id_, current.patient)


def _marks(gone: _Current) -> list[tuple[int, str, str]]:
    """What a deleted record keeps of its index rows: its labels guard its history."""
    labels = sorted(guarding.version_labels(gone.body)) if gone.body else []
    return [(MARK, gone.patient or "", label) for label in labels]


async def _current(tx: Transaction, who: Subject, name: str, id_: str, decision: Decision) -> _Current | None:
    held, asks = guarding.pass_of(decision.guard), closing(decision) is not None
    row = await tx.fetchrow(_CURRENT, who.facility, NUMBERS[name], id_, held, asks)
    row = opened_one(tx, row) if row else None
    return _Current(**{one: row[one] for one in _Current.__struct_fields__}) if row else None


async def _put(
    tx: Transaction,
    who: Subject,
    kept: r4.Resource,
    version: int,
    moment: datetime,
    action: str,
    claims: Sequence[str] = (),
) -> Rows | None:
    """Validate and write; None when the row has moved on."""
    check(kept)
    said = codec.encode(kept)
    await conformance.held(tx, who, kept, said)
    rows = parameters.rows(await keys_of(tx, who.facility), kept)
    rows.once = [*rows.once, *claims]
    assert kept.id
    name = codec.type_name(kept)
    rid = await _call_put(tx, who, name, kept.id, version, moment, said, action, rows)
    if rid is not None:
        await terms_index.written(tx, who, kept, rid, version + 1)
        await parameters.written(tx, who, kept)
        conformance.forget(who, name)
    return rows if rid is not None else None


async def _call_put(
    tx: Transaction,
    who: Subject,
    name: str,
    id_: str,
    version: int,
    moment: datetime,
    said: bytes | None,
    action: str,
    rows: Rows,
) -> int | None:
    if said is not None and is_hidden(name, rows):
        said = hidden(await keys_of(tx, who.facility), NUMBERS[name], id_, version + 1, said)
    try:
        tx.wrote = True
        key: int | None = await tx.fetchval(
            _PUT, who.facility, NUMBERS[name], id_, version, moment, rows.patient, said, action.encode(), who.account,
            *columns(rows), INDEX_VERSION, rows.generation,
        )  # fmt: skip
    except asyncpg.PostgresError as error:
        if error.sqlstate == TAKEN:
            raise AlreadyExists(str(error)) from None
        raise
    return key


def _within(only: str | None, patient: str | None, name: str) -> None:
    if only is not None and only != patient:
        raise Forbidden(_("%(name)s này không thuộc hồ sơ của bạn.", name=name), where=name)


def _moved_on(name: str, id_: str, version: int) -> VersionConflict:
    return VersionConflict(
        _("%(name)s/%(id)s đã được người khác sửa (nay là bản %(version)s).", name=name, id=id_, version=version),
        where=name,
        advice=_("Mở lại bản mới nhất, xem thay đổi rồi sửa tiếp."),
    )
