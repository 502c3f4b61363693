"""`$validate`: what a write would say of a record, with advice besides, and nothing kept.

On a type with the record in the body, or on a stored record; `mode` create, update or delete asks also whether that
may be done; `profile` asks for a profile beside those claimed and demanded. The answer is 200 with an OperationOutcome,
whatever was found. Standard: HL7 FHIR R4, Resource/$validate.
"""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from benhan.core import store
from benhan.core.access import Door, Interaction, Permission, Subject
from benhan.core.api import messages
from benhan.core.api.addresses import id_of, type_of
from benhan.core.api.capability import Operation
from benhan.core.api.operations.inputs import Inputs, inputs
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4, validation
from benhan.core.fhir.advice import advised
from benhan.core.fhir.outcome import Malformed, Problem, issue
from benhan.core.fhir.profiles import claimed
from benhan.core.fhir.profiles.extensions import unknown
from benhan.core.language import _
from benhan.core.store import conformance
from benhan.core.store.records import permit

MODES = ("create", "update", "delete", "profile")

_BYTE = re.compile(r"\(byte (\d+)\)")
_WRAPPED = re.compile(r"^Parameters\.parameter\[\d+\]\.resource(?=\.|$)")

Issues = list[r4.OperationOutcomeIssue]


async def of_type(request: Request, tx: Transaction, who: Subject) -> Response:
    """`POST [type]/$validate`: a record that is not kept yet."""
    type_ = type_of(request)
    permit(who, Interaction.READ, codec.type_name(type_))
    body = await messages.read_body(request)
    try:
        resource, asked = _given(codec.decode(body), request)
    except Problem as problem:
        return _answer(_unreadable(problem, body, codec.type_name(type_)))
    if resource is None:
        raise Malformed(_("Cần bản ghi để kiểm: gửi chính nó, hoặc tham số resource."), where="resource")
    if not isinstance(resource, type_):
        message = _("Cần %(type)s, nhận được %(other)s.", type=codec.type_name(type_), other=codec.type_name(resource))
        return _answer([issue("structure", message, where=codec.type_name(resource))])
    return _answer(await _found(tx, who, resource, asked))


async def of_one(request: Request, tx: Transaction, who: Subject) -> Response:
    """`GET|POST [type]/[id]/$validate`: a stored record, or what would replace it."""
    type_, id_ = type_of(request), id_of(request)
    stored = await store.read(tx, who, type_, id_)
    if request.method == "GET":
        return _answer(await _found(tx, who, stored, await inputs(request)))
    body = await messages.read_body(request)
    try:
        resource, asked = _given(codec.decode(body), request)
    except Problem as problem:
        return _answer(_unreadable(problem, body, codec.type_name(type_)))
    issues = await _found(tx, who, resource if resource is not None else stored, asked)
    if resource is not None and (not isinstance(resource, type_) or resource.id != id_):
        issues.append(issue("invalid", _("Loại và mã phải là của bản ghi trên địa chỉ."), where="id"))
    return _answer(issues)


def _given(body: r4.Resource, request: Request) -> tuple[r4.Resource | None, Inputs]:
    """The record and the inputs: Parameters that hold a `resource`, `mode` or `profile` are the operation's own."""
    asked: dict[str, list[object]] = {}
    for name in ("mode", "profile"):
        if name in request.query_params:
            asked[name] = list(request.query_params.getlist(name))
    if not isinstance(body, r4.Parameters):
        return body, Inputs(asked)
    resource: r4.Resource | None = None
    for parameter in body.parameter or []:
        if parameter.name == "resource" and parameter.resource is not None:
            resource = parameter.resource
        elif parameter.name in ("mode", "profile"):
            value = parameter.valueCode or parameter.valueCanonical or parameter.valueUri or parameter.valueString
            asked.setdefault(parameter.name, []).append(value)
        else:
            raise Malformed(
                _("$validate không có tham số “%(name)s”.", name=str(parameter.name)[:60]),
                code="not-supported", where=str(parameter.name)[:60],
            )  # fmt: skip
    return resource, Inputs(asked)


async def _found(tx: Transaction, who: Subject, resource: r4.Resource, asked: Inputs) -> Issues:
    """Errors and advice, by R4's rules and by profiles."""
    mode = asked.text("mode")
    if mode is not None and mode not in MODES:
        raise Malformed(_("mode là một trong %(known)s.", known=", ".join(MODES)), code="value", where="mode")
    issues = await _allowed(tx, who, resource, mode)
    if mode == "delete":
        return issues
    rules = await conformance.rules_of(tx, who)
    name = codec.type_name(resource)
    wanted = dict.fromkeys((*asked.texts("profile"), *claimed(resource), *rules.demanded.get(name, ())))
    issues += validation.validate(resource, warnings=True)
    issues += unknown(resource, rules.known.extensions, conformance.told_policy())
    issues += await conformance.told(tx, who, resource, wanted, rules)
    issues += await conformance.bound(tx, who, advised(resource))
    return issues


async def _allowed(tx: Transaction, who: Subject, resource: r4.Resource, mode: str | None) -> Issues:
    """Whether the person may do it, and whether the record is there or not as the mode needs."""
    name = codec.type_name(resource)
    doing = {"create": Interaction.CREATE, "update": Interaction.UPDATE, "delete": Interaction.DELETE}.get(mode or "")
    issues: Issues = []
    if doing is None:
        return issues
    try:
        permit(who, doing, name)
    except Problem as problem:
        issues += problem.outcome().issue
    if doing is Interaction.UPDATE and not resource.id:
        issues.append(issue("required", _("Thiếu mã bản ghi khi cập nhật."), where=f"{name}.id"))
    if doing is not Interaction.CREATE and resource.id:
        try:
            await store.read(tx, who, type(resource), resource.id)
        except Problem as problem:
            issues += problem.outcome().issue if doing is Interaction.DELETE or problem.status != 404 else []
    return issues


def _unreadable(problem: Problem, body: bytes, name: str) -> Issues:
    """A body that is no resource: the same answer as to a write, its place named from the record, with the line."""
    if problem.status not in (400, 413, 422):
        raise problem
    issues = problem.outcome().issue
    at = _BYTE.search(problem.message)
    for one in issues:
        one.expression = [_WRAPPED.sub(name, where) for where in one.expression or ()] or None
        if at:
            before = body[: int(at.group(1))]
            line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
            one.location = [f"line {line}, column {column}"]
    return issues


def _answer(issues: Issues) -> Response:
    """The outcome; when there is nothing to say it says so."""
    fine = issue("informational", _("Không thấy lỗi."), severity="information")
    return messages.answer(r4.OperationOutcome(issue=issues or [fine]))


_P = Permission.FHIR
DOORS = [
    Door("/fhir/{type:resource}/$validate", of_type, _P, ("POST",)),
    Door("/fhir/{type:resource}/{id:one}/$validate", of_one, _P, ("GET", "POST")),
]

OPERATIONS = [
    Operation("validate", "http://hl7.org/fhir/OperationDefinition/Resource-validate", ("*",)),
]
