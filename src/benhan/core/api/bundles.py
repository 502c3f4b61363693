"""Batch and transaction bundles.

An entry is a request like any other and goes through the same door (`dispatch.py`). In a batch each has a savepoint of
its own. A transaction happens whole or not at all; its creates and updates are written together (`store.write_all`).
Standard: HL7 FHIR R4, 3.1.0.11.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.access.audit import Event, record
from benhan.core.api import messages
from benhan.core.api.addresses import query
from benhan.core.api.dispatch import through_its_door
from benhan.core.api.links import Link, links
from benhan.core.api.patches import patch_in
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Invalid, Problem, VersionConflict, issue
from benhan.core.language import _
from benhan.core.store import conditional
from benhan.core.store.records import new_id
from benhan.core.store.together import Write
from benhan.core.vault import Keys, keys_of

MAX_ENTRIES = 2000
#: A transaction deletes first, then creates, then updates, then reads.
ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}
SAFE = ("GET", "HEAD")


class Entry(msgspec.Struct):
    """One entry, understood: its place in the Bundle, what is asked, what pointed elsewhere when it came."""

    n: int
    given: r4.BundleEntry
    method: str
    url: str
    links: list[Link] = []
    #: The id that came in the body.
    id: str | None = None
    #: The record that a create or update becomes, where it is written together with others, and whether it is new.
    target: str = ""
    new: bool = False

    @property
    def path(self) -> str:
        return self.url.partition("?")[0]

    @property
    def condition(self) -> str:
        """What the record must meet that a conditional create or update means."""
        assert self.given.request
        if self.method == "POST":
            return (self.given.request.ifNoneExist or "").lstrip("?")
        return "" if "/" in self.path else self.url.partition("?")[2]

    @property
    def together(self) -> bool:
        """Whether it is a plain create or update of a record."""
        resource = self.given.resource
        if self.method not in ("POST", "PUT") or resource is None or "$" in self.path or "_" in self.path:
            return False
        return self.path.partition("/")[0] == codec.type_name(resource)


async def process(request: Request, tx: Transaction, who: Subject, given: r4.Bundle) -> r4.Bundle:
    """Carry out a batch or a transaction; gives the response bundle, entries in the order they came.

    Raises:
        Invalid, Malformed: the bundle is of another type, or too large; in a transaction also whatever an entry raises,
        its place named.
    """
    if given.type not in ("batch", "transaction"):
        raise Invalid(_("Bundle cần loại batch hoặc transaction."), where="Bundle.type")
    if len(given.entry or ()) > MAX_ENTRIES:
        raise Invalid(_("Bundle có quá %(n)s mục.", n=MAX_ENTRIES), code="too-costly", where="Bundle.entry")
    if given.type == "batch":
        answers = [await _alone(request, tx, who, one, n) for n, one in enumerate(given.entry or ())]
    else:
        entries = [_understood(one, n) for n, one in enumerate(given.entry or ())]
        answers = await _Together(request, tx, who, entries).carry_out()
    return r4.Bundle(type=f"{given.type}-response", entry=answers or None)


async def _alone(request: Request, tx: Transaction, who: Subject, given: r4.BundleEntry, n: int) -> r4.BundleEntry:
    """One entry of a batch: its failure is its own."""
    try:
        entry = _understood(given, n)
        if entry.method in SAFE:
            return await _dispatched(request, tx, who, entry)
        async with tx.savepoint():
            return await _dispatched(request, tx, who, entry)
    except Problem as problem:
        if problem.status in (401, 403) or problem.rule:
            detail = f"{given.request and given.request.method} {given.request and given.request.url}"
            record(tx, who, Event("refused", allowed=False, rule=problem.rule or problem.message, detail=detail))
        response = r4.BundleEntryResponse(status=str(problem.status), outcome=problem.outcome())
        return r4.BundleEntry(response=response)


class _Together:
    """A transaction: entries that succeed or fail together."""

    def __init__(self, request: Request, tx: Transaction, who: Subject, entries: list[Entry]) -> None:
        self._request, self._tx, self._who = request, tx, who
        self._entries = entries
        self._base = messages.base(request)
        self._places: dict[str, str] = {}
        self._answers: dict[int, r4.BundleEntry] = {}

    async def carry_out(self) -> list[r4.BundleEntry]:
        """Delete, then create and update together, then patch, then read.

        Raises:
            Invalid: two entries mean the same record; Problem: an entry failed, its place named.
        """
        writes = [entry for entry in self._entries if entry.together]
        for entry in self._entries:
            entry.links = list(links(entry.given.resource)) if entry.given.resource is not None else []
        _refuse_twice([entry.given.fullUrl for entry in writes if entry.given.fullUrl], "fullUrl")
        for entry in self._turn("DELETE"):
            await self._one(entry)
        await self._write_unless_raced(writes)
        for method in ("POST", "PUT", "PATCH", "GET", "HEAD"):
            for entry in self._turn(method):
                for link in entry.links:
                    link.point(self._places)
                await self._one(entry)
        return [self._answers[entry.n] for entry in self._entries]

    def _turn(self, method: str) -> list[Entry]:
        return [one for one in self._entries if one.method == method and not one.together]

    async def _one(self, entry: Entry) -> None:
        try:
            self._answers[entry.n] = await _dispatched(self._request, self._tx, self._who, entry)
        except Problem as problem:
            raise _placed(problem, entry.n) from None

    async def _write_unless_raced(self, writes: list[Entry]) -> None:
        """Where somebody creates the same under a condition at the same moment, look again and take hers."""
        if not any(entry.condition for entry in writes):
            await self._write(writes)
            return
        try:
            async with self._tx.savepoint():
                await self._write(writes)
        except store.AlreadyExists:
            await self._write(writes)

    async def _write(self, writes: list[Entry]) -> None:
        """Find what conditions mean, give every record its address, let references point there, write."""
        found: dict[int, r4.Resource] = {}
        for entry in writes:
            try:
                existing = await self._place(entry)
            except Problem as problem:
                raise _placed(problem, entry.n) from None
            if existing is not None:
                found[entry.n] = existing
        changed = [entry.target for entry in writes if entry.n not in found]
        changed += [one.path for one in self._entries if one.method in ("PATCH", "DELETE") and "/" in one.path]
        _refuse_twice(changed, "request.url")
        ready = [entry for entry in writes if entry.n not in found and await self._point(entry, last=False)]
        await self._put(ready)
        waiting = [entry for entry in writes if entry.n not in found and entry not in ready]
        for entry in waiting:
            await self._point(entry, last=True)
        await self._put(waiting)
        for n, existing in found.items():
            self._answers[n] = _answered(self._request, existing, "200")

    async def _place(self, entry: Entry) -> r4.Resource | None:
        """Give an entry its address; a conditional create gives the record that is there already."""
        resource, existing = entry.given.resource, None
        assert resource is not None
        name, _gap, id_ = entry.path.partition("/")
        if entry.condition:
            existing = await conditional.only_match(self._tx, self._who, type(resource), query(entry.condition))
        if entry.method == "POST":
            resource.id = existing.id if existing else new_id()
        elif id_ or existing:
            resource.id = id_ or (existing.id if existing else None)
            if entry.id != resource.id and (id_ or entry.id):
                raise Invalid(
                    _("Mã trong nội dung (%(said)s) khác mã trên địa chỉ (%(id)s).", said=entry.id, id=resource.id),
                    where=f"{name}.id",
                )
        else:
            resource.id = entry.id or new_id()
        entry.new = not id_ and existing is None
        entry.target = f"{name}/{resource.id}"
        self._places |= dict.fromkeys(_addresses(entry.given.fullUrl), entry.target)
        return existing if entry.method == "POST" else None

    async def _point(self, entry: Entry, *, last: bool) -> bool:
        """Let everything inside point at where it is kept; False where a condition finds nothing yet."""
        for link in entry.links:
            if link.condition and link.condition not in self._places:
                name, _gap, condition = link.condition.partition("?")
                try:
                    one = await conditional.only_match(self._tx, self._who, codec.resource_type(name), query(condition))
                except Problem as problem:
                    raise _placed(problem, entry.n) from None
                if one is None and not last:
                    return False
                if one is None:
                    raise _placed(_no_match(link.condition), entry.n)
                self._places[link.condition] = f"{name}/{one.id}"
            link.point(self._places)
        return True

    async def _put(self, entries: list[Entry]) -> None:
        # In the order of their addresses, so that two transactions never wait for each other's records.
        entries = sorted(entries, key=lambda entry: (not entry.new, "" if entry.new else entry.target))
        keys = await keys_of(self._tx, self._who.facility)
        made = await store.write_all(self._tx, self._who, [_write(keys, entry) for entry in entries])
        for entry, kept in zip(entries, made, strict=True):
            if isinstance(kept, Problem):
                raise _placed(kept, entry.n)
            self._answers[entry.n] = _answered(self._request, kept[0], "201" if kept[1] else "200")


def _refuse_twice(addresses: Sequence[str], where: str) -> None:
    twice = [address for address, times in Counter(addresses).items() if times > 1]
    if twice:
        raise Invalid(
            _("%(address)s có trong nhiều mục của cùng một transaction.", address=twice[0][:200]),
            code="duplicate", where=f"Bundle.entry.{where}",
        )  # fmt: skip


def _write(keys: Keys, entry: Entry) -> Write:
    resource, asked = entry.given.resource, entry.given.request
    assert resource is not None and asked is not None
    if entry.new:
        asking = [query(entry.condition)] if entry.condition else []
        claims = [conditional.claim_of(keys, codec.type_name(resource), one) for one in asking]
        return Write(resource, new=True, claims=claims)
    return Write(resource, if_match=messages.etag(asked.ifMatch))


async def _dispatched(request: Request, tx: Transaction, who: Subject, entry: Entry) -> r4.BundleEntry:
    asked = entry.given.request
    assert asked is not None
    kind, body = messages.JSON, b""
    if entry.method == "PATCH":
        kind, body = patch_in(entry.given.resource)
    elif entry.given.resource is not None:
        body = codec.encode(entry.given.resource)
    headers = {
        "content-type": kind, "if-match": asked.ifMatch, "if-none-match": asked.ifNoneMatch,
        "if-modified-since": asked.ifModifiedSince, "if-none-exist": asked.ifNoneExist,
    }  # fmt: skip
    said = {name: value for name, value in headers.items() if value}
    response = await through_its_door(request, tx, who, entry.method, entry.url, said, body)
    answer = _entry(request, response)
    if entry.method == "HEAD":
        answer.resource = None
    return answer


def _entry(request: Request, response: Response) -> r4.BundleEntry:
    """What a door answered, as an entry."""
    headers = response.headers
    said = r4.BundleEntryResponse(
        status=str(response.status_code),
        location=(headers.get("location") or "").removeprefix(f"{messages.base(request)}/") or None,
        etag=headers.get("etag"),
    )
    body: Any = getattr(response, "body", None)
    if body is None:
        raise Invalid(_("Địa chỉ này không trả lời được trong Bundle."), code="not-supported")
    resource = codec.kept(bytes(body), r4.Resource) if body else None
    if isinstance(resource, r4.OperationOutcome):
        said.outcome, resource = resource, None
    if resource is not None and resource.meta and said.etag:
        said.lastModified = resource.meta.lastUpdated
    return r4.BundleEntry(resource=resource, response=said)


def _answered(request: Request, kept: r4.Resource, status: str) -> r4.BundleEntry:
    assert kept.meta
    said = r4.BundleEntryResponse(
        status=status, location=f"{codec.type_name(kept)}/{kept.id}/_history/{messages.version(kept)}",
        etag=f'W/"{messages.version(kept)}"', lastModified=kept.meta.lastUpdated,
    )  # fmt: skip
    wanted = messages.preference(request, "return")
    if wanted == "OperationOutcome":
        said.outcome = r4.OperationOutcome(issue=[issue("informational", _("Đã lưu."), severity="information")])
    return r4.BundleEntry(resource=kept if wanted in (None, "representation") else None, response=said)


def _understood(given: r4.BundleEntry, n: int) -> Entry:
    """The entry, where it says what to do.

    Raises:
        Invalid: it does not.
    """
    asked = given.request
    if asked is None or not asked.url or asked.method not in ORDER:
        raise Invalid(
            _("Mục cần request với method và url."), where=f"Bundle.entry[{n}].request", code="required",
            advice=_("Method: %(methods)s.", methods=", ".join(ORDER)),
        )  # fmt: skip
    return Entry(n, given, asked.method, asked.url, id=given.resource.id if given.resource else None)


def _addresses(full: str | None) -> list[str]:
    """The texts that mean an entry: its fullUrl, and `Type/id` where it ends in that."""
    if not full:
        return []
    tail = "/".join(full.rsplit("/", 2)[-2:])
    return [full, tail] if full.startswith("http") and tail.count("/") == 1 else [full]


def _no_match(condition: str) -> VersionConflict:
    return VersionConflict(
        _("Tham chiếu có điều kiện %(condition)s không khớp bản ghi nào.", condition=condition[:100]), code="not-found"
    )


def _placed(problem: Problem, n: int) -> Problem:
    """The problem, with the place of its entry."""
    place = f"Bundle.entry[{n}]"
    problem.where = f"{place} ({problem.where})" if problem.where else place
    for one in problem.issues or ():
        one.expression = [place, *(one.expression or [])]
    return problem
