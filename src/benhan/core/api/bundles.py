"""Batch and transaction bundles, and the conditional writes they share with the plain doors.

Standard: HL7 FHIR R4, 3.1.0.11. A transaction happens whole or not at all: it is one database transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.api.messages import etag
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Invalid, Malformed, Problem, VersionConflict
from benhan.core.store.records import new_id

MAX_ENTRIES = 2000
#: A transaction deletes first, then creates, then updates, then reads.
ORDER = ("DELETE", "POST", "PUT", "GET")

Params = dict[str, list[str]]


async def process(tx: Transaction, who: Subject, given: r4.Bundle, base: str) -> r4.Bundle:
    """Carry out a batch or a transaction; gives the response bundle, entries in the order they came.

    Raises:
        Invalid, Malformed: the bundle is of another type, or too large; in a transaction also whatever an entry raises,
        its place named.
    """
    entries = given.entry or []
    if given.type not in ("batch", "transaction"):
        raise Invalid("Bundle cần loại batch hoặc transaction.", where="Bundle.type")
    if len(entries) > MAX_ENTRIES:
        raise Invalid(f"Bundle có quá {MAX_ENTRIES} mục.", code="too-costly", where="Bundle.entry")
    if given.type == "batch":
        answers = [await _alone(tx, who, entry, n) for n, entry in enumerate(entries)]
    else:
        answers = await _together(tx, who, entries, base)
    return r4.Bundle(type=f"{given.type}-response", entry=answers or None)


async def create_unless(tx: Transaction, who: Subject, resource: r4.R, condition: Params | None) -> tuple[r4.R, bool]:
    """Create, unless the condition finds a record; gives the record and whether it is new."""
    resource.id = resource.id or new_id()
    kept = await store.create(tx, who, resource, if_none_exist=condition)
    return kept, kept.id == resource.id


async def put_where(
    tx: Transaction, who: Subject, resource: r4.R, condition: Params, if_match: str | None
) -> tuple[r4.R, bool]:
    """Conditional update; gives the record and whether it is new.

    Raises:
        VersionConflict: several records match; Malformed: no condition.
    """
    if not condition:
        raise Malformed("PUT không có mã cần điều kiện tìm.", advice="Dùng PUT [loại]/[mã] hoặc PUT [loại]?điều-kiện.")
    page = await store.search(tx, who, type(resource), {**condition, "_count": "2"})
    if len(page.resources) > 1:
        raise VersionConflict("Nhiều bản ghi khớp điều kiện.", code="multiple-matches")
    if not page.resources:
        return await create_unless(tx, who, resource, condition)
    resource.id = page.resources[0].id
    return await store.update(tx, who, resource, if_match=if_match), False


async def _alone(tx: Transaction, who: Subject, entry: r4.BundleEntry, n: int) -> r4.BundleEntry:
    """One entry of a batch: its failure is its own."""
    try:
        async with tx.savepoint():
            return await _carry_out(tx, who, entry, n)
    except Problem as problem:
        response = r4.BundleEntryResponse(status=str(problem.status), outcome=problem.outcome())
        return r4.BundleEntry(response=response)


async def _together(tx: Transaction, who: Subject, entries: list[r4.BundleEntry], base: str) -> list[r4.BundleEntry]:
    places = await _places(tx, who, entries, base)
    for entry in entries:
        for reference in _references(entry.resource):
            await _point(tx, who, reference, places)
    answers: dict[int, r4.BundleEntry] = {}
    turns = [ORDER.index(_request(entry, n).method or "GET") for n, entry in enumerate(entries)]
    for n in sorted(range(len(entries)), key=turns.__getitem__):
        try:
            answers[n] = await _carry_out(tx, who, entries[n], n)
        except Problem as problem:
            problem.where = f"Bundle.entry[{n}]" + (f" ({problem.where})" if problem.where else "")
            raise
    return [answers[n] for n in range(len(entries))]


async def _places(tx: Transaction, who: Subject, entries: list[r4.BundleEntry], base: str) -> dict[str, str]:
    """fullUrl → `Type/id` as it will be; new records get their id now, so that others can point at them."""
    places = {}
    for n, entry in enumerate(entries):
        request = _request(entry, n)
        if entry.resource is None or request.method not in ("POST", "PUT"):
            continue
        name = codec.type_name(entry.resource)
        if request.method == "POST":
            entry.resource.id = new_id()
            if request.ifNoneExist:
                page = await store.search(tx, who, type(entry.resource), {**_query(request.ifNoneExist), "_count": "1"})
                place = f"{name}/{page.resources[0].id}" if page.resources else f"{name}/{entry.resource.id}"
            else:
                place = f"{name}/{entry.resource.id}"
        else:
            place = (request.url or "").partition("?")[0]
        if entry.fullUrl:
            if entry.fullUrl in places:
                raise Invalid("fullUrl có hai lần trong Bundle.", where=f"Bundle.entry[{n}].fullUrl")
            places[entry.fullUrl] = place
            places[entry.fullUrl.removeprefix(f"{base}/")] = place
    return places


async def _point(tx: Transaction, who: Subject, reference: r4.Reference, places: dict[str, str]) -> None:
    """Let a reference inside the bundle (or a conditional one) point at the stored record."""
    target = reference.reference
    if not target:
        return
    if target in places:
        reference.reference = places[target]
    elif "?" in target:
        name, _, condition = target.partition("?")
        page = await store.search(tx, who, codec.resource_type(name), {**_query(condition), "_count": "2"})
        if len(page.resources) != 1:
            raise VersionConflict(
                f"Tham chiếu có điều kiện {target[:100]} khớp {len(page.resources)} bản ghi.", code="multiple-matches"
            )
        reference.reference = f"{name}/{page.resources[0].id}"


def _references(value: Any) -> Iterator[r4.Reference]:
    """Every Reference inside a resource."""
    if isinstance(value, r4.Reference):
        yield value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _references(getattr(value, name))
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


async def _carry_out(tx: Transaction, who: Subject, entry: r4.BundleEntry, n: int) -> r4.BundleEntry:
    request = _request(entry, n)
    path, _, condition = (request.url or "").partition("?")
    name, _, id_ = path.partition("/")
    type_ = codec.resource_type(name)
    match request.method, entry.resource:
        case "POST", r4.Resource() as resource if isinstance(resource, type_):
            if_none_exist = _query(request.ifNoneExist) if request.ifNoneExist else None
            kept, made = await create_unless(tx, who, resource, if_none_exist)
            return _answer(kept, made)
        case "PUT", r4.Resource() as resource if isinstance(resource, type_):
            if not id_:
                kept, made = await put_where(tx, who, resource, _query(condition), etag(request.ifMatch))
                return _answer(kept, made)
            resource.id = id_
            kept = await store.update(tx, who, resource, if_match=etag(request.ifMatch))
            return _answer(kept, kept.meta is not None and kept.meta.versionId == "1")
        case "DELETE", _ if id_:
            await store.delete(tx, who, type_, id_, if_match=etag(request.ifMatch))
            return r4.BundleEntry(response=r4.BundleEntryResponse(status="204"))
        case "GET", _ if id_:
            found = await store.read(tx, who, type_, id_)
            return r4.BundleEntry(resource=found, response=r4.BundleEntryResponse(status="200"))
        case "GET", _:
            page = await store.search(tx, who, type_, _query(condition))
            matches = [
                r4.BundleEntry(resource=one, search=r4.BundleEntrySearch(mode="match")) for one in page.resources
            ]
            answer = r4.Bundle(type="searchset", total=page.total, entry=matches or None)
            return r4.BundleEntry(resource=answer, response=r4.BundleEntryResponse(status="200"))
    raise Invalid(
        f"Không làm được {request.method} {request.url}.", code="not-supported", where=f"Bundle.entry[{n}].request"
    )


def _answer(kept: r4.Resource, made: bool) -> r4.BundleEntry:
    assert kept.meta and kept.meta.versionId
    return r4.BundleEntry(
        resource=kept,
        response=r4.BundleEntryResponse(
            status="201" if made else "200",
            location=f"{codec.type_name(kept)}/{kept.id}/_history/{kept.meta.versionId}",
            etag=f'W/"{kept.meta.versionId}"',
            lastModified=kept.meta.lastUpdated,
        ),
    )


def _request(entry: r4.BundleEntry, n: int) -> r4.BundleEntryRequest:
    if entry.request is None or not entry.request.url or entry.request.method not in ORDER:
        raise Invalid(
            "Mục cần request với method POST, PUT, DELETE hoặc GET và url.", where=f"Bundle.entry[{n}].request"
        )
    return entry.request


def _query(text: str) -> Params:
    asked: Params = {}
    for name, value in parse_qsl(text.lstrip("?"), keep_blank_values=True, max_num_fields=200):
        asked.setdefault(name, []).append(value)
    return asked
