"""FHIRPath Patch: a Parameters resource of add, insert, delete, replace and move.

Standard: HL7 FHIR R4, 3.1.0.6.3 (fhirpatch.html).
"""

from __future__ import annotations

from typing import Any

import msgspec

from benhan.core.fhir import codec, fhirpath, r4
from benhan.core.fhir.fhirpath.members import attribute
from benhan.core.fhir.outcome import Invalid, Malformed
from benhan.core.fhir.patch import MAX_OPERATIONS, Edit, checked
from benhan.core.fhir.rules import Rule, rule_of
from benhan.core.language import _

KINDS = ("add", "insert", "delete", "replace", "move")
#: Nesting of a value that is given part by part.
MAX_PARTS = 20

Part = r4.ParametersParameter


def read_path_patch(given: r4.Parameters) -> Edit:
    """The patch as an edit of a resource: it gives the edited one and may change the given one on the way.

    The edit raises Malformed where a path cannot be evaluated, Invalid where it does not find what it must, or where
    the result is no resource.

    Raises:
        Malformed: not a FHIRPath Patch, or too long.
    """
    operations = given.parameter or []
    if not operations or len(operations) > MAX_OPERATIONS or any(one.name != "operation" for one in operations):
        raise Malformed(
            _("FHIRPath Patch gồm từ 1 đến %(n)s tham số “operation”.", n=MAX_OPERATIONS), where="Parameters.parameter"
        )
    steps = [_Step(one, n) for n, one in enumerate(operations)]

    def edit(resource: r4.R) -> r4.R:
        for step in steps:
            step.apply(resource)
        return checked(codec.encode(resource), type(resource))

    return edit


class _Step:
    """One operation."""

    def __init__(self, given: Part, n: int) -> None:
        self._where = f"Parameters.parameter[{n}]"
        self._parts = {part.name: part for part in given.part or []}
        self._kind = self._text("type")
        self._path = self._text("path")
        if self._kind not in KINDS:
            raise Malformed(_("Thao tác “%(said)s” không có trong FHIRPath Patch.", said=self._kind), where=self._where)
        fhirpath.compile(self._path)

    def apply(self, resource: r4.Resource) -> None:
        match self._kind:
            case "add":
                self._add(resource)
            case "insert":
                owner, name, count = self._collection(resource)
                at = self._number("index", count)
                _beside(owner, name, lambda siblings: siblings.insert(at, None))
                owner_list(owner, name).insert(at, self._value(owner, name)[1])
            case "delete":
                self._delete(resource)
            case "replace":
                self._replace(resource)
            case "move":
                owner, name, count = self._collection(resource)
                source, to = self._number("source", count - 1), self._number("destination", count - 1)
                _beside(owner, name, lambda siblings: siblings.insert(to, siblings.pop(source)))
                items = owner_list(owner, name)
                items.insert(to, items.pop(source))

    def _add(self, resource: r4.Resource) -> None:
        found = fhirpath.compile(self._path)(resource)
        if len(found) != 1 or not isinstance(found[0], msgspec.Struct):
            raise self._found(len(found))
        owner, name = found[0], self._text("name")
        wire, value = self._value(owner, name)
        field = rule_of(type(owner).__name__).fields[wire]
        if field.list:
            _beside(owner, wire, lambda siblings: siblings.append(None))
            setattr(owner, attribute(wire), [*(getattr(owner, attribute(wire)) or []), value])
        elif any(getattr(owner, attribute(one), None) is not None for one in _variants(owner, name)):
            raise Invalid(_("%(name)s đã có; dùng replace.", name=name), where=self._where, code="processing")
        else:
            setattr(owner, attribute(wire), value)

    def _delete(self, resource: r4.Resource) -> None:
        places = fhirpath.locate(resource, self._path)
        if len(places) > 1:
            raise self._found(len(places))
        for owner, name, wire, at in places:
            if at is None:
                setattr(owner, name, None)
                if hasattr(owner, f"_{wire}"):
                    setattr(owner, f"_{wire}", None)
            else:
                _beside(owner, wire, lambda siblings, at=at: siblings.pop(at))
                items = getattr(owner, name)
                del items[at]
                setattr(owner, name, items or None)

    def _replace(self, resource: r4.Resource) -> None:
        places = fhirpath.locate(resource, self._path)
        if len(places) != 1:
            raise self._found(len(places))
        owner, name, wire, at = places[0]
        choice = next((one for one in _rule(owner).choices if wire in _variants(owner, one)), wire)
        to, value = self._value(owner, choice)
        if at is not None:
            getattr(owner, name)[at] = value
            return
        setattr(owner, name, None)
        setattr(owner, attribute(to), value)

    def _collection(self, resource: r4.Resource) -> tuple[Any, str, int]:
        """The list that the path finds all of: its owner, its name and how long it is."""
        places = fhirpath.locate(resource, self._path)
        if not places or places[0].at is None or any(p.owner is not places[0].owner for p in places):
            raise Invalid(
                _("%(path)s không phải một danh sách có phần tử.", path=self._path[:200]), where=self._where,
                code="processing", advice=_("Với danh sách trống, dùng add."),
            )  # fmt: skip
        owner, _name, wire, _at = places[0]
        return owner, wire, len(owner_list(owner, wire))

    def _value(self, owner: Any, name: str) -> tuple[str, Any]:
        """The element that the value goes to (`deceasedBoolean` for `deceased`) and the value."""
        return _given(self._part("value"), owner, name, self._where, 0)

    def _part(self, name: str) -> Part:
        if name not in self._parts:
            raise Malformed(_("Thiếu phần “%(name)s”.", name=name), code="required", where=self._where)
        return self._parts[name]

    def _text(self, name: str) -> str:
        part = self._part(name)
        text = part.valueString or part.valueCode
        if text is None:
            raise Malformed(_("Phần “%(name)s” cần valueString hoặc valueCode.", name=name), where=self._where)
        return text

    def _number(self, name: str, most: int) -> int:
        at = self._part(name).valueInteger
        if at is None or not 0 <= at <= most:
            raise Invalid(
                _("“%(name)s” cần một vị trí từ 0 đến %(most)s.", name=name, most=most), where=self._where, code="value"
            )
        return at

    def _found(self, number: int) -> Invalid:
        return Invalid(
            _("%(path)s cần tìm ra đúng một phần tử, nay ra %(n)s.", path=self._path[:200], n=number),
            code="processing", where=self._where,
        )  # fmt: skip


def _given(part: Part, owner: Any, name: str, where: str, depth: int) -> tuple[str, Any]:
    """A value of a part, as an element of `owner`: a data type in `value[x]`, or a structure part by part."""
    rule = _rule(owner)
    variants = _variants(owner, name)
    if depth > MAX_PARTS or not variants:
        raise Invalid(
            _("%(owner)s không có phần tử “%(name)s”.", owner=type(owner).__name__, name=name[:60]), where=where
        )
    for wire in rule_of("ParametersParameter").choices["value"][1]:
        value = getattr(part, wire)
        if value is not None:
            typed = name + wire.removeprefix("value")
            return (typed if typed in variants else variants[0]), value
    if part.resource is not None:
        return variants[0], part.resource
    struct = rule.fields[variants[0]].type
    if not part.part or struct[:1].islower() or len(variants) > 1:
        raise Malformed(_("Phần “value” không có giá trị."), code="required", where=where)
    fields: dict[str, Any] = {}
    made = getattr(r4, struct)
    for inner in part.part:
        wire, value = _given(inner, made, inner.name or "", where, depth + 1)
        if _rule(made).fields[wire].list:
            fields.setdefault(attribute(wire), []).append(value)
        else:
            fields[attribute(wire)] = value
    try:
        return variants[0], made(**fields)
    except TypeError as error:
        raise Invalid(_("Giá trị thiếu phần tử bắt buộc: %(error)s", error=str(error)), where=where) from None


def _rule(owner: Any) -> Rule:
    return rule_of(owner.__name__ if isinstance(owner, type) else type(owner).__name__)


def _variants(owner: Any, name: str) -> tuple[str, ...]:
    """The wire names of an element: itself, or every type of a choice; none where there is no such element."""
    rule = _rule(owner)
    return (name,) if name in rule.fields else rule.choices.get(name, (0, ()))[1]


def owner_list(owner: Any, wire: str) -> list[Any]:
    """The list that an element is."""
    items: list[Any] = getattr(owner, attribute(wire))
    return items


def _beside(owner: Any, wire: str, act: Any) -> None:
    """Keep the siblings of a list of primitives in step with what is about to happen to it."""
    siblings = getattr(owner, f"_{wire}", None)
    if isinstance(siblings, list):
        siblings += [None] * (len(owner_list(owner, wire) or ()) - len(siblings))
        act(siblings)
        if not any(siblings):
            setattr(owner, f"_{wire}", None)
