"""The search doors: one type, several, a compartment. Found records go out as the bytes they lie in.

A parameter that we do not know is left out, named in the answer and absent from its `self` link, or refused under
`Prefer: handling=strict`; one that we know but cannot read is always refused. Standard: HL7 FHIR R4, 3.1.1, 3.1.0.9.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

import msgspec
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Interaction, Permission, Subject, decide
from benhan.core.api import messages
from benhan.core.api.addresses import type_of
from benhan.core.db import Transaction
from benhan.core.fhir import codec, compartments, r4, summary
from benhan.core.fhir.definitions import PARAMETERS
from benhan.core.fhir.outcome import Malformed, NotFound, issue
from benhan.core.language import _
from benhan.core.store.along import MOST
from benhan.core.store.found import Found
from benhan.core.store.records import NUMBERS
from benhan.core.store.search import Answer, Within, find

FORM = "application/x-www-form-urlencoded"
MAX_QUERY = 20_000
#: A body may say more than an address.
MAX_FORM = 200_000
MAX_FIELDS = 200
#: Types of a system search at most, when it names them.
MAX_TYPES = 40

Params = dict[str, list[str]]


async def search(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET [type]?…` and `POST [type]/_search`."""
    name = codec.type_name(type_of(request))
    params = await asked(request)
    return await _answered(request, tx, who, [name], params, f"/{name}")


async def search_system(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET /?_type=…` and `POST /_search`: several types in one order."""
    params = await asked(request)
    named = params.pop("_type", None)
    types = _named(named) if named else [one for one in NUMBERS if _may(who, one)]
    return await _answered(request, tx, who, types, params, "", _type=",".join(types) if named else None)


async def search_compartment(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET Patient/[id]/Observation?…`, `GET Patient/[id]/*?_type=…`: what belongs to one record."""
    within = Within(request.path_params["compartment"], request.path_params["id"][:64])
    name = request.path_params["type"]
    if within.name not in compartments.compartments():
        raise NotFound(_("Không có gì ở địa chỉ này."), where=request.url.path[:200])
    params = await asked(request)
    path = f"/{within.name}/{within.id}/{name}"
    if name != "*":
        return await _answered(request, tx, who, [_type(name)], params, path, within)
    named = params.pop("_type", None)
    holds = compartments.types(within.name)
    types = _named(named) if named else [one for one in holds if _may(who, one)]
    return await _answered(request, tx, who, types, params, path, within, _type=",".join(types) if named else None)


def _named(values: Sequence[str]) -> list[str]:
    """The types of `_type`.

    Raises:
        NotFound: there is no such type; Malformed: too many.
    """
    types = list(dict.fromkeys(one for value in values for one in value.split(",") if one))
    if not 0 < len(types) <= MAX_TYPES:
        raise Malformed(_("_type cần từ 1 đến %(n)s loại.", n=MAX_TYPES), where="_type")
    return [_type(one) for one in types]


def _type(name: str) -> str:
    return codec.type_name(codec.resource_type(name))


def _may(who: Subject, name: str) -> bool:
    return decide(who, Interaction.SEARCH, name).allowed


async def _answered(
    request: Request, tx: Transaction, who: Subject, types: Sequence[str], params: Params, path: str,
    within: Within | None = None, **more: str | None,
) -> Response:  # fmt: skip
    """Search, and the page as a Bundle."""
    base = messages.base(request)
    handling = messages.preference(request, "handling")
    answer = await found(tx, who, types, params, base, within, strict=handling, alone=True)
    body = bundle(base, path, answer, [(key, value) for key, value in more.items() if value])
    return Response(body, 200, {}, messages.JSON)


async def found(
    tx: Transaction, who: Subject, types: Sequence[str], params: Params, base: str, within: Within | None = None,
    strict: str | None = None, *, alone: bool = False,
) -> Answer:  # fmt: skip
    """The page that a query asks for; absolute references to ourselves are made relative. `alone`: as `find`."""
    local = {name: [_local(value, base) for value in values] for name, values in params.items()}
    return await find(tx, who, types, local, within=within, lenient=strict != "strict", alone=alone)


def _local(value: str, base: str) -> str:
    """References to records of ours without our address; what has a canonical address of its own keeps it."""
    if base not in value:
        return value
    return re.sub(re.escape(base) + r"/([A-Z][A-Za-z]{1,40})(?=/)", _relative, value)


def _relative(found: re.Match[str]) -> str:
    return found[0] if "url" in PARAMETERS.get(found[1], {}) else found[1]


async def answer_bundle(tx: Transaction, who: Subject, base: str, url: str) -> r4.Bundle:
    """What `GET url` answers (`Patient?name=x`), for an entry of a batch.

    Raises:
        NotFound: there is no such type; and what a search raises.
    """
    name, _mark, text = url.partition("?")
    answer = await found(tx, who, [_type(name)], query(text), base, strict="strict")
    return codec.decode(bundle(base, f"/{name}", answer), r4.Bundle)


async def asked(request: Request) -> Params:
    """The parameters in the address, and those of a POST `_search` in its body.

    Raises:
        Malformed: too long, too many, or not a form.
    """
    params = query(request.scope["query_string"].decode("utf-8", "replace"))
    if request.method != "POST":
        return params
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM:
        raise Malformed(_("_search nhận %(form)s.", form=FORM), where="Content-Type")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_FORM:
            raise _too_long(MAX_FORM)
    for name, values in query(body.decode("utf-8", "replace"), MAX_FORM).items():
        params.setdefault(name, []).extend(values)
    return params


def query(text: str, most: int = MAX_QUERY) -> Params:
    """A query string as parameters; a repeated one keeps all its values.

    Raises:
        Malformed: too long, or not a query.
    """
    if len(text) > most:
        raise _too_long(most)
    params: Params = {}
    try:
        for name, value in parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS):
            params.setdefault(name, []).append(value)
    except ValueError:
        raise Malformed(_("Quá %(n)s điều kiện tìm.", n=MAX_FIELDS), code="too-costly") from None
    if any("\0" in name or any("\0" in value for value in values) for name, values in params.items()):
        raise Malformed(_("Câu hỏi có ký tự không hợp lệ."), code="value")
    return params


def _too_long(most: int) -> Malformed:
    return Malformed(
        _("Câu hỏi dài quá %(n)s ký tự.", n=most), code="too-long", advice=_("Dùng POST _search, chia nhỏ.")
    )


# ── the Bundle ─────────────────────────────────────────────────────────────────────────────────────────────────────


def bundle(base: str, path: str, answer: Answer, more: Sequence[tuple[str, str]] = ()) -> bytes:
    """A page as a searchset: stored bytes are joined, not read, unless a part of each record is asked for."""
    parts = [b'{"resourceType":"Bundle","type":"searchset"']
    if answer.total is not None:
        parts.append(b',"total":%d' % answer.total)
    parts += [b',"link":', msgspec.json.encode(_links(base, path, answer, more))]
    entries = [_entry(base, one, b"match", answer) for one in answer.found]
    entries += [_entry(base, one, b"include", answer) for one in answer.included]
    if said := _said(answer):
        outcome = codec.encode(r4.OperationOutcome(issue=said))
        entries.append(b'{"resource":' + outcome + b',"search":{"mode":"outcome"}}')
    if entries:
        parts += [b',"entry":[', b",".join(entries), b"]"]
    return b"".join([*parts, b"}"])


def _entry(base: str, one: Found, mode: bytes, answer: Answer) -> bytes:
    asked = answer.query
    body = one.body
    if asked.elements or asked.summary not in ("false", "count"):
        kept = codec.kept(body, codec.resource_type(one.type))
        elements = asked.elements if one.type == asked.type or mode == b"match" else []
        body = codec.encode(summary.part(kept, asked.summary, elements))
    address = msgspec.json.encode(f"{base}/{one.type}/{one.id}")
    return b'{"fullUrl":' + address + b',"resource":' + body + b',"search":{"mode":"' + mode + b'"}}'


def _links(base: str, path: str, answer: Answer, more: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """`self` says what was used; `next` begins behind this page, `first` at the beginning."""
    used = [*more, *answer.query.used]
    start = [(name, value) for name, value in used if name != "_after"]
    links = [("self", used)]
    if len(start) != len(used):
        links.append(("first", start))
    if answer.next:
        links.append(("next", [*start, ("_after", answer.next)]))
    return [
        {"relation": relation, "url": f"{base}{path}" + (f"?{urlencode(pairs)}" if pairs else "")}
        for relation, pairs in links
    ]


def _said(answer: Answer) -> list[r4.OperationOutcomeIssue]:
    """What the caller must know of the answer beside what it holds."""
    said = [
        issue(
            "not-supported",
            _("Không có điều kiện tìm “%(name)s”: đã bỏ qua.", name=name[:100]),
            where=name[:100],
            severity="warning",
            advice=_("Gửi Prefer: handling=strict để bị từ chối thay vì bỏ qua."),
        )
        for name in answer.query.ignored
    ]
    if answer.cut:
        said.append(
            issue(
                "too-costly",
                _("Có hơn %(n)s bản ghi kèm theo: chỉ gửi chừng ấy.", n=MOST),
                severity="warning",
                advice=_("Giảm _count hoặc bớt điều kiện kèm theo."),
            )
        )
    return said


class _Members(StringConvertor):
    """The third part of a compartment search: a type, or `*` for every type."""

    regex = r"[A-Za-z][A-Za-z-]*|\*"


register_url_convertor("members", _Members())

_P = Permission.FHIR
DOORS = [
    Door("/fhir", search_system, _P),
    Door("/fhir/", search_system, _P),
    Door("/fhir/_search", search_system, _P, ("POST",)),
    Door("/fhir/{type:resource}", search, _P),
    Door("/fhir/{type:resource}/_search", search, _P, ("POST",)),
    Door("/fhir/{compartment:resource}/{id:one}/{type:members}", search_compartment, _P),
    Door("/fhir/{compartment:resource}/{id:one}/{type:members}/_search", search_compartment, _P, ("POST",)),
]
