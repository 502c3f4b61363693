"""The FHIR REST doors. Each asks the store; the store asks the policy.

Standard: HL7 FHIR R4, 3.1.0 (create, read, vread, update, delete, history, search, batch, transaction, capabilities).
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject
from benhan.core.api import bundles, messages
from benhan.core.api.capability import capability_statement
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Invalid, Malformed
from benhan.core.store.read import read_stored
from benhan.core.store.records import instant

FORM = "application/x-www-form-urlencoded"
MAX_QUERY = 20_000


async def metadata(request: Request, tx: Transaction, who: Subject) -> Response:
    """What this server can do, from the same tables it works by."""
    return messages.answer(capability_statement(messages.base(request), request.app.state.operations))


async def create(request: Request, tx: Transaction, who: Subject) -> Response:
    """`POST [type]`, conditional with `If-None-Exist`."""
    resource = await messages.read_resource(request, _type(request))
    resource.id = None
    condition = request.headers.get("if-none-exist")
    kept, made = await bundles.create_unless(tx, who, resource, query(condition) if condition else None)
    return messages.written(request, kept, 201 if made else 200)


async def read(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET [type]/[id]`: the stored bytes; 304 when the caller has them."""
    stored = await read_stored(tx, who, codec.type_name(_type(request)), _id(request))
    headers = messages.entity_headers(str(stored.version), stored.updated)
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(stored.body, 200, headers, messages.JSON)


async def vread(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET [type]/[id]/_history/[vid]`."""
    found = await store.vread(tx, who, _type(request), _id(request), request.path_params["vid"])
    return messages.answer(found, headers=messages.version_headers(found))


async def update(request: Request, tx: Transaction, who: Subject) -> Response:
    """`PUT [type]/[id]`, guarded by `If-Match`."""
    resource = await messages.read_resource(request, _type(request))
    if resource.id != _id(request):
        raise Malformed(
            f"Mã trong nội dung ({resource.id}) khác mã trên địa chỉ ({_id(request)}).",
            where=f"{codec.type_name(resource)}.id",
        )
    kept = await store.update(tx, who, resource, if_match=messages.if_match(request))
    return messages.written(request, kept, 201 if messages.version(kept) == "1" else 200)


async def conditional_update(request: Request, tx: Transaction, who: Subject) -> Response:
    """`PUT [type]?…`: none matches → create, one → update, several → 412."""
    resource = await messages.read_resource(request, _type(request))
    kept, made = await bundles.put_where(tx, who, resource, query(request.url.query), messages.if_match(request))
    return messages.written(request, kept, 201 if made else 200)


async def delete(request: Request, tx: Transaction, who: Subject) -> Response:
    """`DELETE [type]/[id]`."""
    await store.delete(tx, who, _type(request), _id(request), if_match=messages.if_match(request))
    return Response(status_code=204)


async def history(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET [type]/[id]/_history`: every state, newest first."""
    type_, name = _type(request), request.path_params["type"]
    methods = {"c": "POST", "u": "PUT", "d": "DELETE"}
    states = await store.history(tx, who, type_, _id(request))
    entries = [
        r4.BundleEntry(
            fullUrl=f"{messages.base(request)}/{name}/{state.id}",
            resource=codec.decode(state.body, type_) if state.body else None,
            request=r4.BundleEntryRequest(method=methods[state.action], url=f"{name}/{state.id}"),
            response=r4.BundleEntryResponse(
                status="201" if state.action == "c" else "200",
                etag=f'W/"{state.version}"',
                lastModified=instant(state.updated),
            ),
        )
        for state in states
    ]
    return messages.answer(r4.Bundle(type="history", total=len(entries), entry=entries))


async def search(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET [type]?…` and `POST [type]/_search`."""
    type_, text = _type(request), request.url.query
    if request.method == "POST":
        if request.headers.get("content-type", "").partition(";")[0] != FORM:
            raise Malformed(f"_search nhận {FORM}.", where="Content-Type")
        text = (await request.body())[: MAX_QUERY + 1].decode("utf-8", "replace")
    asked = query(text)
    page = await store.search(tx, who, type_, asked)
    return messages.answer(_bundle(messages.base(request), codec.type_name(type_), text, page))


async def bundle(request: Request, tx: Transaction, who: Subject) -> Response:
    """`POST /fhir`: a batch or a transaction."""
    given = codec.decode(await messages.read_body(request), r4.Bundle)
    return messages.answer(await bundles.process(tx, who, given, messages.base(request)))


def query(text: str) -> dict[str, list[str]]:
    """A query string as parameters; a repeated one keeps all its values.

    Raises:
        Malformed: too long, or not a query.
    """
    if len(text) > MAX_QUERY:
        raise Malformed(f"Câu hỏi dài quá {MAX_QUERY} ký tự.", code="too-long", advice="Dùng POST _search, chia nhỏ.")
    asked: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, max_num_fields=200):
        asked.setdefault(name, []).append(value)
    return asked


def _bundle(base: str, name: str, text: str, page: store.Page[r4.Resource]) -> r4.Bundle:
    asked = [(key, value) for key, value in parse_qsl(text, keep_blank_values=True) if key != "_after"]
    links = [r4.BundleLink(relation="self", url=f"{base}/{name}?{urlencode(asked)}")]
    if page.next:
        links.append(r4.BundleLink(relation="next", url=f"{base}/{name}?{urlencode([*asked, ('_after', page.next)])}"))
    found = [(resource, "match") for resource in page.resources] + [(resource, "include") for resource in page.included]
    entries = [
        r4.BundleEntry(
            fullUrl=f"{base}/{codec.type_name(resource)}/{resource.id}",
            resource=resource,
            search=r4.BundleEntrySearch(mode=mode),
        )
        for resource, mode in found
    ]
    return r4.Bundle(type="searchset", total=page.total, link=links, entry=entries or None)


def _type(request: Request) -> type[r4.Resource]:
    return codec.resource_type(request.path_params["type"])


def _id(request: Request) -> str:
    id_: str = request.path_params["id"]
    if len(id_) > 64:
        raise Invalid("Mã bản ghi dài quá 64 ký tự.", where="id")
    return id_


_P = Permission.FHIR
DOORS = [
    Door("/fhir/metadata", metadata, Permission.ANYONE),
    Door("/fhir", bundle, _P, ("POST",)),
    Door("/fhir/{type}", search, _P),
    Door("/fhir/{type}", create, _P, ("POST",)),
    Door("/fhir/{type}", conditional_update, _P, ("PUT",)),
    Door("/fhir/{type}/_search", search, _P, ("POST",)),
    Door("/fhir/{type}/{id}", read, _P),
    Door("/fhir/{type}/{id}", update, _P, ("PUT",)),
    Door("/fhir/{type}/{id}", delete, _P, ("DELETE",)),
    Door("/fhir/{type}/{id}/_history", history, _P),
    Door("/fhir/{type}/{id}/_history/{vid}", vread, _P),
]
