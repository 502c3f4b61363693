"""A record against the tree of a profile: cardinality, types, values, slices, bindings, invariants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import msgspec

from benhan.core.fhir import fhirpath, r4
from benhan.core.fhir.fhirpath.context import Context
from benhan.core.fhir.fhirpath.faults import Fault
from benhan.core.fhir.fhirpath.members import on_the_wire
from benhan.core.fhir.fhirpath.operators import OPERATORS
from benhan.core.fhir.fhirpath.values import is_type, plain
from benhan.core.fhir.outcome import issue
from benhan.core.fhir.profiles.match import holds, same, sort_of
from benhan.core.fhir.profiles.tree import Node
from benhan.core.fhir.references import pointed_type
from benhan.core.fhir.rules import rule_of
from benhan.core.language import _

MAX_ISSUES = 100
MAX_DEPTH = 8
#: Items that all conditions of one profile may look at together.
MOST = 400_000

_ENCODER = msgspec.json.Encoder(decimal_format="number")

Path = tuple[Any, ...]


class Question(NamedTuple):
    """A code asked of terminology, which the caller answers: its value set, how strongly it is bound, where it is."""

    value_set: str
    strength: str
    item: Any
    where: str


class Profiles(Protocol):
    """Where profiles are found."""

    def trees(self, address: str) -> list[tuple[str, Node]] | None: ...
    def base_type(self, address: str) -> str | None: ...
    def conforms(self, item: Any, address: str) -> bool | None: ...


class Visit:
    """One record against one profile: what was found, what terminology must be asked."""

    def __init__(self, record: Any, known: Profiles) -> None:
        self.record = record
        self.known = known
        self._depth = 0
        self._left = MOST
        self.issues: list[r4.OperationOutcomeIssue] = []
        self.questions: list[Question] = []

    def say(self, code: str, path: Path, message: str, severity: str = "error") -> None:
        """Report one thing at a place."""
        if len(self.issues) < MAX_ISSUES:
            where = expression(path)
            self.issues.append(issue(code, f"{where}: {message}", where=where, severity=severity))

    def below(self, item: Any, node: Node, path: Path) -> None:
        """Everything that the profile says of what is inside `item`."""
        for child in node.children.values():
            name = child.name.removesuffix("[x]")
            items, repeats = _values(item, name)
            self.element(items, child, _placed(path, name, repeats=repeats), path)

    def element(self, items: list[Any], node: Node, place: Callable[[int], Path], parent: Path) -> None:
        """All values of one element."""
        name = node.name.removesuffix("[x]")
        self.count(len(items), node, (parent, name, None))
        for at, item in enumerate(items):
            self.item(item, node, place(at))
        if node.slices:
            self.sliced(items, node, place, (parent, name, None))

    def count(self, number: int, node: Node, where: Path) -> None:
        """At least, at most."""
        label = f" ({node.slice})" if node.slice else ""
        if node.rules.min is not None and number < node.rules.min:
            least = node.rules.min
            message = _("cần ít nhất %(n)s giá trị%(slice)s, đang có %(have)s", n=least, slice=label, have=number)
            self.say("required", where, message)
        if node.most is not None and number > node.most:
            message = _("nhiều nhất %(n)s giá trị%(slice)s, đang có %(have)s", n=node.most, slice=label, have=number)
            self.say("structure", where, message)

    def item(self, item: Any, node: Node, path: Path) -> None:
        """One value of an element, or of a slice."""
        self.type(item, node, path)
        if (fixed := node.fixed) is not None and not same(item, fixed):
            self.say("value", path, _("phải đúng bằng %(value)s", value=_shown(fixed)))
        if (pattern := node.pattern) is not None and not holds(item, pattern):
            self.say("value", path, _("phải có %(value)s", value=_shown(pattern)))
        most, text = node.rules.maxLength, plain(item)
        if most is not None and isinstance(text, str) and len(text) > most:
            self.say("too-long", path, _("dài quá %(n)s ký tự", n=most))
        self.bounds(item, node, path)
        self.binding(item, node, path)
        self.invariants(item, node, path)
        if node.children:
            self.below(item, node, path)

    def type(self, item: Any, node: Node, path: Path) -> None:
        """The types, profiles of types, and targets that the profile leaves."""
        kinds = node.rules.type or ()
        if not kinds:
            return
        fitting = [kind for kind in kinds if is_type(item, _bare(kind.code)) or _bare(kind.code) not in _KNOWN]
        if not fitting:
            self.say("structure", path, _("kiểu phải là %(types)s", types=", ".join(str(k.code) for k in kinds)))
        self.profiles(item, [address for kind in fitting for address in kind.profile or ()], path)
        if isinstance(item, r4.Reference):
            self.target(item, [address for kind in fitting for address in kind.targetProfile or ()], path)

    def profiles(self, item: Any, addresses: list[str], path: Path) -> None:
        """Profiles of the type: of one, what is wrong is told in its place; of several, one must hold."""
        if len(addresses) == 1 and self._depth < MAX_DEPTH:
            self._depth += 1
            for _url, tree in self.known.trees(addresses[0]) or ():
                self.item(item, tree, path)
            self._depth -= 1
        elif addresses and all(self.known.conforms(item, address) is False for address in addresses):
            self.say("structure", path, _("không theo %(profile)s", profile=", ".join(addresses)))

    def target(self, item: r4.Reference, addresses: list[str], path: Path) -> None:
        """The type pointed at is that of one of the profiles named; whether the record conforms is not looked up."""
        kinds = {self.known.base_type(address) for address in addresses}
        pointed = pointed_type(item.reference) if item.reference else item.type
        if pointed and kinds and None not in kinds and "Resource" not in kinds and pointed not in kinds:
            self.say("structure", path, _("chỉ được trỏ tới %(types)s", types=", ".join(sorted(map(str, kinds)))))

    def bounds(self, item: Any, node: Node, path: Path) -> None:
        """Not below `minValue[x]`, not above `maxValue[x]`; what cannot be compared breaks neither."""
        if (least := node.least) is not None and _beyond(item, "<", least):
            self.say("value", path, _("không được nhỏ hơn %(value)s", value=_shown(least)))
        if (greatest := node.greatest) is not None and _beyond(item, ">", greatest):
            self.say("value", path, _("không được lớn hơn %(value)s", value=_shown(greatest)))

    def binding(self, item: Any, node: Node, path: Path) -> None:
        """Left as a question: terminology lives in the database."""
        bound = node.rules.binding
        if bound is None or not bound.valueSet or bound.strength == "example":
            return
        value = plain(item)
        if isinstance(value, str | r4.CodeableConcept | r4.Coding | r4.Quantity):
            self.questions.append(Question(bound.valueSet, bound.strength or "", value, expression(path)))

    def invariants(self, item: Any, node: Node, path: Path) -> None:
        """The profile's own conditions; one that cannot be evaluated is told as a warning."""
        for said in node.rules.constraint or ():
            if not said.expression or said.key in ("ele-1", "ext-1"):
                continue
            context = self.context(item)
            try:
                found = fhirpath.compile(said.expression).run(context)
            except fhirpath.BadExpression as fault:
                self.say("processing", path, _("không tính được %(key)s: %(why)s", key=said.key, why=fault), "warning")
                continue
            finally:
                self._left = context.left
            if found == [False]:
                message = _("không đúng quy tắc %(key)s của hồ sơ: %(human)s", key=said.key, human=said.human)
                self.say("invariant", path, message, said.severity or "error")

    def context(self, item: Any) -> Context:
        """The surroundings of a condition."""
        return Context([item], resource=self.record, root=self.record, conforms_to=self.known.conforms, most=self._left)

    def sliced(self, items: list[Any], node: Node, place: Callable[[int], Path], where: Path) -> None:
        """Each item goes to the first slice it belongs to; slices are counted, closed ones refuse the rest."""
        slicing = node.rules.slicing or r4.ElementDefinitionSlicing(rules="open")
        said = slicing.discriminator or _usual(node)
        slices = [(one, sort_of(one, said, self.known.conforms)) for one in node.slices.values()]
        members: dict[str, int] = {}
        order = [one.slice for one, _test in slices]
        last = -1
        for at, item in enumerate(items):
            found = next((one for one, test in slices if test(item)), None)
            if found is None:
                if slicing.rules == "closed":
                    names = ", ".join(map(str, order))
                    self.say("structure", place(at), _("không thuộc nhóm nào được phép: %(names)s", names=names))
                continue
            members[str(found.slice)] = members.get(str(found.slice), 0) + 1
            if slicing.ordered and order.index(found.slice) < last:
                self.say("structure", place(at), _("sai thứ tự các nhóm"))
            last = order.index(found.slice)
            self.item(item, found, place(at))
        for one, _test in slices:
            self.count(members.get(str(one.slice), 0), one, where)


def _beyond(item: Any, operator: str, bound: Any) -> bool:
    try:
        return OPERATORS[operator]([item], [bound]) == [True]
    except Fault:
        return False


def _placed(parent: Path, name: str, *, repeats: bool) -> Callable[[int], Path]:
    return lambda at: (parent, name, at if repeats else None)


def expression(path: Path) -> str:
    """`Patient.name[0].given` from the linked path made while visiting."""
    parent, name, at = path
    here = name if at is None else f"{name}[{at}]"
    return f"{expression(parent)}.{here}" if parent else str(here)


def _values(item: Any, name: str) -> tuple[list[Any], bool]:
    """The values of an element, and whether it repeats."""
    found = on_the_wire(item, name)
    return found, isinstance(getattr(item, "__struct_fields__", None), tuple) and _repeats(type(item), name)


def _repeats(kind: type[Any], name: str) -> bool:
    field = rule_of(kind.__name__).fields.get(name)
    return bool(field and field.list)


def _usual(node: Node) -> list[r4.ElementDefinitionSlicingDiscriminator]:
    """What slices are told apart by when nothing is said: choices by type, extensions by address."""
    if node.name.endswith("[x]"):
        return [r4.ElementDefinitionSlicingDiscriminator(type="type", path="$this")]
    if node.name in ("extension", "modifierExtension"):
        return [r4.ElementDefinitionSlicingDiscriminator(type="value", path="url")]
    return []


def _shown(value: Any) -> str:
    text = _json(value)
    return text if len(text) <= 200 else f"{text[:199]}…"


def _json(value: Any) -> str:
    return _ENCODER.encode(value).decode()


def _bare(code: str | None) -> str:
    return str(code).rpartition("/")[2].removeprefix("System.")


_KNOWN = frozenset({name for name in dir(r4) if name[:1].isupper()}) | frozenset(
    {"string", "boolean", "integer", "decimal", "code", "id", "uri", "url", "canonical", "markdown", "date", "dateTime"}
    | {"instant", "time", "base64Binary", "oid", "uuid", "positiveInt", "unsignedInt", "xhtml"}
)
