"""`$meta`, `$meta-add`, `$meta-delete` on one record: its profiles, tags and security labels.

Standard: HL7 FHIR R4, Resource/$meta…, which lets a server change labels without a new version. Here a change of labels
is a change like any other: a new version in the history, with who and when, told to the change feed, and refused for
a signed paper. A version whose bytes could change afterwards would prove nothing (TT 13/2025/TT-BYT).
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.api import messages
from benhan.core.api.operations.inputs import inputs
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Malformed
from benhan.core.language import _


async def meta(request: Request, tx: Transaction, who: Subject) -> Response:
    """The labels of a record."""
    (await inputs(request)).only()
    return _answer(await _read(request, tx, who))


async def meta_add(request: Request, tx: Transaction, who: Subject) -> Response:
    """Add labels; those that are there already stay once."""
    given = await _given(request)
    found = await _read(request, tx, who)
    old = found.meta or r4.Meta()
    changed = msgspec.structs.replace(
        old,
        profile=_joined(old.profile, given.profile, str),
        tag=_joined(old.tag, given.tag, _label),
        security=_joined(old.security, given.security, _label),
    )
    return _answer(await _kept(tx, who, found, changed, messages.if_match(request)))


async def meta_delete(request: Request, tx: Transaction, who: Subject) -> Response:
    """Take labels away; those that are not there are no error."""
    given = await _given(request)
    found = await _read(request, tx, who)
    old = found.meta or r4.Meta()
    changed = msgspec.structs.replace(
        old,
        profile=_without(old.profile, given.profile, str),
        tag=_without(old.tag, given.tag, _label),
        security=_without(old.security, given.security, _label),
    )
    return _answer(await _kept(tx, who, found, changed, messages.if_match(request)))


async def _read(request: Request, tx: Transaction, who: Subject) -> r4.Resource:
    type_ = codec.resource_type(request.path_params["type"])
    return await store.read(tx, who, type_, request.path_params["id"])


async def _given(request: Request) -> r4.Meta:
    given = (await inputs(request)).only("meta").all("meta")
    if len(given) != 1 or not isinstance(given[0], r4.Meta):
        raise Malformed(_("Cần tham số meta (valueMeta)."), code="required", where="meta")
    return given[0]


async def _kept(
    tx: Transaction, who: Subject, found: r4.Resource, changed: r4.Meta, version: str | None
) -> r4.Resource:
    """The record with these labels; nothing is written where they are the same."""
    if changed == found.meta and version is None:
        return found
    seen = version or (found.meta.versionId if found.meta else None)
    return await store.update(tx, who, msgspec.structs.replace(found, meta=changed), if_match=seen)


def _answer(kept: r4.Resource) -> Response:
    return messages.answer(r4.Parameters(parameter=[r4.ParametersParameter(name="return", valueMeta=kept.meta)]))


def _label(coding: r4.Coding) -> tuple[str | None, str | None]:
    """Two labels are the same when system and code are."""
    return coding.system, coding.code


def _joined(old: list[Any] | None, more: list[Any] | None, key: Any) -> list[Any] | None:
    known = {key(one) for one in old or []}
    return [*(old or []), *(one for one in more or [] if key(one) not in known)] or None


def _without(old: list[Any] | None, gone: list[Any] | None, key: Any) -> list[Any] | None:
    named = {key(one) for one in gone or []}
    return [one for one in old or [] if key(one) not in named] or None
