"""The FHIR REST doors of single records. Each asks the store; the store asks the policy.

Searches: `searching.py`; bundles: `bundles.py`; operations: `operations/`; formats and compression: `wire.py`.
Standard: HL7 FHIR R4, 3.1.0 (create, read, vread, update, patch, delete, history, capabilities).
"""

from __future__ import annotations

from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject
from benhan.core.api import bundles, messages, patches
from benhan.core.api.addresses import id_of, query, type_of
from benhan.core.api.capability import statement
from benhan.core.api.histories import count_of, history_bundle, span_of
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Malformed, NotFound
from benhan.core.language import _
from benhan.core.store import conditional
from benhan.core.store.history import of_record, of_types, vread_stored
from benhan.core.store.read import read_stored


async def metadata(request: Request, tx: Transaction, who: Subject) -> Response:
    """What this server can do, from the same tables it works by."""
    return Response(statement(request.app, messages.base(request), who.facility), media_type=messages.JSON)


async def create(request: Request, tx: Transaction, who: Subject) -> Response:
    """`POST [type]`, conditional with `If-None-Exist`."""
    resource = await messages.read_resource(request, type_of(request))
    resource.id = None
    condition = request.headers.get("if-none-exist")
    if condition is None:
        return messages.written(request, await store.create_alone(tx, who, resource), 201)
    kept, made = await conditional.create_unless(tx, who, resource, query(condition.lstrip("?")))
    return messages.written(request, kept, 201 if made else 200)


async def read(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET [type]/[id]`: the stored bytes; 304 when the caller has them."""
    found = await read_stored(tx, who, codec.type_name(type_of(request)), id_of(request), alone=True)
    return messages.stored(request, found.body, found.version, found.updated)


async def vread(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET [type]/[id]/_history/[vid]`."""
    name = codec.type_name(type_of(request))
    found = await vread_stored(tx, who, name, id_of(request), request.path_params["vid"])
    return messages.stored(request, found.body or b"", found.version, found.updated)


async def update(request: Request, tx: Transaction, who: Subject) -> Response:
    """`PUT [type]/[id]`, guarded by `If-Match`. A body that changes nothing makes no version: 200, the same ETag."""
    resource = await messages.read_resource(request, type_of(request))
    if resource.id != id_of(request):
        raise Malformed(
            _("Mã trong nội dung (%(said)s) khác mã trên địa chỉ (%(id)s).", said=resource.id, id=id_of(request)),
            where=f"{codec.type_name(resource)}.id",
        )
    kept, made = await store.put(tx, who, resource, if_match=messages.if_match(request))
    return messages.written(request, kept, 201 if made else 200)


async def conditional_update(request: Request, tx: Transaction, who: Subject) -> Response:
    """`PUT [type]?…`: none matches → create, one → update, several → 412."""
    resource = await messages.read_resource(request, type_of(request))
    condition = query(request.url.query)
    kept, made = await conditional.update_where(tx, who, resource, condition, messages.if_match(request))
    return messages.written(request, kept, 201 if made else 200)


async def patch(request: Request, tx: Transaction, who: Subject) -> Response:
    """`PATCH [type]/[id]`: JSON Patch or FHIRPath Patch."""
    edit = await patches.read_patch(request)
    kept = await store.change(tx, who, type_of(request), id_of(request), edit, if_match=messages.if_match(request))
    return messages.written(request, kept, 200)


async def conditional_patch(request: Request, tx: Transaction, who: Subject) -> Response:
    """`PATCH [type]?…`: exactly one record must match."""
    type_, edit = type_of(request), await patches.read_patch(request)
    found = await conditional.only_match(tx, who, type_, query(request.url.query))
    if found is None:
        raise NotFound(_("Không có %(name)s khớp điều kiện.", name=codec.type_name(type_)))
    kept = await store.change(tx, who, type_, found.id or "", edit, if_match=messages.if_match(request))
    return messages.written(request, kept, 200)


async def delete(request: Request, tx: Transaction, who: Subject) -> Response:
    """`DELETE [type]/[id]`; what was never there is as gone as can be."""
    type_, id_ = type_of(request), id_of(request)
    with suppress(NotFound):
        await store.delete(tx, who, type_, id_, if_match=messages.if_match(request))
    return Response(status_code=204)


async def conditional_delete(request: Request, tx: Transaction, who: Subject) -> Response:
    """`DELETE [type]?…`: one record, or up to `_count` where the caller says so; more that match → 412, none is."""
    condition = query(request.url.query)
    most = count_of(condition["_count"][0], conditional.MAX_DELETED) if "_count" in condition else 1
    gone = await conditional.delete_where(
        tx, who, type_of(request), condition, most=most, if_match=messages.if_match(request)
    )
    return messages.done(_("Đã xoá %(n)s bản ghi.", n=gone)) if "_count" in condition else Response(status_code=204)


async def history(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET [type]/[id]/_history`, `GET [type]/_history`, `GET _history`: every version, newest first, in pages."""
    asked = query(request.url.query)
    span = span_of(asked)
    if "id" in request.path_params:
        page = await of_record(tx, who, type_of(request), id_of(request), span)
    else:
        names = [codec.type_name(type_of(request))] if "type" in request.path_params else None
        page = await of_types(tx, who, names, span)
    path = request.url.path.removeprefix("/fhir/")
    return messages.answer(history_bundle(messages.base(request), path, asked, page))


async def bundle(request: Request, tx: Transaction, who: Subject) -> Response:
    """`POST /fhir`: a batch or a transaction."""
    given = codec.decode(await messages.read_body(request), r4.Bundle)
    return messages.answer(await bundles.process(request, tx, who, given))


_P = Permission.FHIR
DOORS = [
    Door("/fhir/metadata", metadata, Permission.ANYONE),
    Door("/fhir", bundle, _P, ("POST",), again=True),
    Door("/fhir/", bundle, _P, ("POST",), again=True),
    Door("/fhir/_history", history, _P),
    Door("/fhir/{type:resource}", create, _P, ("POST",), again=True),
    Door("/fhir/{type:resource}", conditional_update, _P, ("PUT",), again=True),
    Door("/fhir/{type:resource}", conditional_patch, _P, ("PATCH",), again=True),
    Door("/fhir/{type:resource}", conditional_delete, _P, ("DELETE",), again=True),
    Door("/fhir/{type:resource}/_history", history, _P),
    Door("/fhir/{type:resource}/{id:one}", read, _P),
    Door("/fhir/{type:resource}/{id:one}", update, _P, ("PUT",), again=True),
    Door("/fhir/{type:resource}/{id:one}", patch, _P, ("PATCH",), again=True),
    Door("/fhir/{type:resource}/{id:one}", delete, _P, ("DELETE",), again=True),
    Door("/fhir/{type:resource}/{id:one}/_history", history, _P),
    Door("/fhir/{type:resource}/{id:one}/_history/{vid}", vread, _P),
]
