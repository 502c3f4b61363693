"""The terminology doors: what a value set holds, what a code means, whether it is good, what it becomes elsewhere.

Open to programs with a scope for the type and to signed-in staff: terminology is no patient's data. Each operation
answers GET and POST, on the type and on one record. Standard: HL7 FHIR R4, terminology service (4.7).
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Interaction, Permission, Subject
from benhan.core.api import messages
from benhan.core.api.capability import Operation
from benhan.core.api.operations.inputs import Inputs, inputs
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Malformed, NotFound
from benhan.core.language import _
from benhan.core.store import terms_ask, terms_expand, terms_find, terms_translate
from benhan.core.store.records import permit
from benhan.core.store.terms_ask import Known, Verdict
from benhan.core.store.terms_load import Follower

#: How far a page may begin.
MOST_OFFSET = 1_000_000

_LANGUAGE = ("displayLanguage",)
_EXPAND = (
    "url", "valueSet", "valueSetVersion", "filter", "offset", "count", "activeOnly", "includeDesignations",
    "includeDefinition", "excludeNested", "excludeNotForUI", "displayLanguage",
)  # fmt: skip
_VALIDATE = (
    "url", "valueSet", "valueSetVersion", "code", "system", "systemVersion", "display", "coding", "codeableConcept",
    "inferSystem", "abstract", "displayLanguage",
)  # fmt: skip
_VALIDATE_SYSTEM = ("url", "version", "code", "display", "coding", "codeableConcept", "displayLanguage")
_LOOKUP = ("system", "code", "version", "coding", "property", "displayLanguage")
_SUBSUMES = ("system", "version", "codeA", "codeB", "codingA", "codingB")
_TRANSLATE = (
    "url", "conceptMap", "conceptMapVersion", "code", "system", "version", "coding", "codeableConcept", "source",
    "target", "targetsystem", "reverse",
)  # fmt: skip


async def expand(request: Request, tx: Transaction, who: Subject) -> Response:
    """`ValueSet/$expand`: the codes of a value set, in pages or by a typed text."""
    asked = (await inputs(request)).only(*_EXPAND)
    value_set = await _value_set(request, tx, who, asked)
    wanted = terms_expand.Asked(
        text=asked.text("filter") or "",
        offset=asked.number("offset", most=MOST_OFFSET) or 0,
        count=asked.number("count", most=MOST_OFFSET),
        active_only=asked.flag("activeOnly"),
        selectable_only=asked.flag("excludeNotForUI"),
        designations=asked.flag("includeDesignations"),
        definition=asked.flag("includeDefinition"),
        language=asked.text("displayLanguage"),
    )
    return messages.answer(await terms_expand.expand(tx, who, value_set, wanted))


async def validate_in_set(request: Request, tx: Transaction, who: Subject) -> Response:
    """`ValueSet/$validate-code`: is this code (one of these) in the value set, under its right name?"""
    asked = (await inputs(request)).only(*_VALIDATE)
    value_set = await _value_set(request, tx, who, asked)
    codings, infer, abstract = _codings(asked, "code", "coding"), asked.flag("inferSystem"), asked.flag("abstract")
    verdict = await terms_ask.validate_in_set(tx, who, value_set, codings, infer=infer, abstract=abstract)
    return _verdict(verdict)


async def validate_in_system(request: Request, tx: Transaction, who: Subject) -> Response:
    """`CodeSystem/$validate-code`: does the code system have this code, under this name?"""
    asked = (await inputs(request)).only(*_VALIDATE_SYSTEM)
    own = await terms_find.system_of_id(tx, who, id_) if (id_ := _id(request)) else None
    url, version = (own.url, own.version or None) if own else (asked.text("url"), asked.text("version"))
    verdict = Verdict(False, message=_("Không có mã nào để kiểm tra."))
    for coding in _codings(asked, "code", "coding", system=url):
        if url is not None and coding.system not in (None, url):
            continue
        verdict = await terms_ask.validate_in_system(
            tx, who, coding.system or _needed(url, "url"), coding.code or "", coding.display, version or coding.version
        )
        if verdict.good:
            break
    return _verdict(verdict)


async def lookup(request: Request, tx: Transaction, who: Subject) -> Response:
    """`CodeSystem/$lookup`: everything the store knows of a code."""
    asked = (await inputs(request)).only(*_LOOKUP)
    coding = _codings(asked, "code", "coding", system=asked.text("system"), version=asked.text("version"))[0]
    known = await terms_ask.lookup(tx, who, _needed(coding.system, "system"), coding.code or "", coding.version)
    return messages.answer(_known(known, asked.texts("property"), asked.text("displayLanguage")))


async def subsumes(request: Request, tx: Transaction, who: Subject) -> Response:
    """`CodeSystem/$subsumes`: which of two codes is the wider."""
    asked = (await inputs(request)).only(*_SUBSUMES)
    own = await terms_find.system_of_id(tx, who, id_) if (id_ := _id(request)) else None
    url = own.url if own else asked.text("system")
    version = (own.version or None) if own else asked.text("version")
    first = _codings(asked, "codeA", "codingA", system=url)[0]
    second = _codings(asked, "codeB", "codingB", system=url)[0]
    if first.system != second.system:
        raise Malformed(_("Hai mã phải cùng một hệ mã."), where="codingB.system")
    system = _needed(first.system, "system")
    outcome = await terms_ask.subsumes(tx, who, system, first.code or "", second.code or "", version)
    return messages.answer(_parameters(r4.ParametersParameter(name="outcome", valueCode=outcome)))


async def translate(request: Request, tx: Transaction, who: Subject) -> Response:
    """`ConceptMap/$translate`: the code of another system that stands for this one; with `reverse` backwards."""
    asked = (await inputs(request)).only(*_TRANSLATE)
    given = await _concept_map(request, tx, who, asked)
    route = terms_translate.Route(
        asked.text("source"), asked.text("target"), asked.text("targetsystem"), asked.flag("reverse")
    )
    codings = _codings(asked, "code", "coding")
    found = await terms_translate.translate(tx, who, codings, route, given)
    good = any(match.good for match in found)
    parts = [r4.ParametersParameter(name="result", valueBoolean=good)]
    if not good:
        parts.append(r4.ParametersParameter(name="message", valueString=_("Không có mã tương ứng.")))
    return messages.answer(_parameters(*parts, *(_match(one) for one in found)))


# ── What an operation is given ─────────────────────────────────────────────────────────────────────────────────────


async def _value_set(request: Request, tx: Transaction, who: Subject, asked: Inputs) -> r4.ValueSet:
    """The value set of the address, in the body, or by its canonical URL.

    Raises:
        Malformed: none or several are named. NotFound: it is not here.
    """
    if id_ := _id(request):
        return await terms_find.stored(tx, who, r4.ValueSet, id_)
    if asked.all("valueSet"):
        permit(who, Interaction.READ, "ValueSet")
        return asked.resource("valueSet", r4.ValueSet)
    url = _needed(asked.text("url"), "url")
    version = asked.text("valueSetVersion")
    permit(who, Interaction.READ, "ValueSet")
    found = await terms_find.value_set(tx, who, f"{url}|{version}" if version else url)
    if found is None:
        raise _unknown("ValueSet", url)
    return found


async def _concept_map(request: Request, tx: Transaction, who: Subject, asked: Inputs) -> r4.ConceptMap | None:
    if id_ := _id(request):
        return await terms_find.stored(tx, who, r4.ConceptMap, id_)
    if asked.all("conceptMap"):
        return asked.resource("conceptMap", r4.ConceptMap)
    url = asked.text("url")
    if url is None:
        return None
    found = await terms_find.by_address(tx, who, r4.ConceptMap, url, asked.text("conceptMapVersion"))
    if found is None:
        raise _unknown("ConceptMap", url)
    return found


def _codings(
    asked: Inputs, code: str, coding: str, *, system: str | None = None, version: str | None = None
) -> list[r4.Coding]:
    """The codes asked about, in one of the three ways to name them.

    Raises:
        Malformed: none is named.
    """
    if (text := asked.text(code)) is not None:
        own = system or _text(asked, "system")
        own_version = version or _text(asked, "systemVersion") or _text(asked, "version")
        return [r4.Coding(system=own, code=text, display=_text(asked, "display"), version=own_version)]
    found: list[Any] = asked.all(coding)
    if coding == "coding" and asked.all("codeableConcept"):
        found = [one for given in asked.all("codeableConcept") for one in getattr(given, "coding", None) or ()]
        if not found:
            raise Malformed(_("codeableConcept không có mã nào."), where="codeableConcept")
    codings = [_coding(one, coding) for one in found]
    if not codings:
        raise Malformed(_("Cần %(code)s hoặc %(coding)s.", code=code, coding=coding), code="required", where=code)
    return codings


def _coding(given: object, name: str) -> r4.Coding:
    """A Coding, or `system|code` in a query.

    Raises:
        Malformed: neither.
    """
    if isinstance(given, r4.Coding):
        return given
    if isinstance(given, str) and "|" in given:
        system, _bar, code = given.partition("|")
        return r4.Coding(system=system or None, code=code or None)
    raise Malformed(_("%(name)s cần một Coding, hoặc hệ|mã.", name=name), where=name)


def _text(asked: Inputs, name: str) -> str | None:
    return asked.text(name) if asked.all(name) else None


def _needed(value: str | None, name: str) -> str:
    if not value:
        raise Malformed(_("Cần tham số %(name)s.", name=name), code="required", where=name)
    return value


def _id(request: Request) -> str | None:
    return request.path_params.get("id")


def _unknown(name: str, what: str) -> NotFound:
    return NotFound(
        _("Không có %(type)s %(what)s trong kho.", type=name, what=what[:200]), where=name,
        advice=_("Xem các bản ghi tại /fhir/%(type)s.", type=name),
    )  # fmt: skip


# ── What it answers ────────────────────────────────────────────────────────────────────────────────────────────────


def _parameters(*parts: r4.ParametersParameter) -> r4.Parameters:
    return r4.Parameters(parameter=list(parts))


def _verdict(verdict: Verdict) -> Response:
    parts = [r4.ParametersParameter(name="result", valueBoolean=verdict.good)]
    if verdict.message:
        parts.append(r4.ParametersParameter(name="message", valueString=verdict.message))
    if verdict.display:
        parts.append(r4.ParametersParameter(name="display", valueString=verdict.display))
    if verdict.code:
        parts.append(r4.ParametersParameter(name="code", valueCode=verdict.code))
    if verdict.system:
        parts.append(r4.ParametersParameter(name="system", valueUri=verdict.system))
    return messages.answer(_parameters(*parts))


def _known(known: Known, wanted: list[str], language: str | None) -> r4.Parameters:
    """The answer of `$lookup`; `property` limits what is told."""
    concept, made = known.concept, r4.ParametersParameter
    parts = [made(name="name", valueString=known.of.title or known.of.url)]
    if known.of.version:
        parts.append(made(name="version", valueString=known.of.version))
    parts.append(made(name="display", valueString=terms_ask.shown(known, language)))
    if concept.definition and _asked(wanted, "definition"):
        parts.append(made(name="definition", valueString=concept.definition))
    if _asked(wanted, "designation"):
        parts += [_designation(one) for one in concept.designation or ()]
    parts += [_property(one) for one in concept.property or () if one.code and _asked(wanted, one.code)]
    near = [("parent", known.parents), ("child", known.children)]
    told = {(one.code, one.valueCode) for one in concept.property or ()}
    parts += [
        made(
            name="property",
            part=[
                made(name="code", valueCode=name),
                made(name="value", valueCode=code),
                made(name="description", valueString=display),
            ],
        )
        for name, codes in near
        for code, display in codes
        if _asked(wanted, name) and (name, code) not in told
    ]
    if known.inactive and _asked(wanted, "inactive") and not any(c == "inactive" for c, _v in told):
        parts.append(
            made(name="property", part=[made(name="code", valueCode="inactive"), made(name="value", valueBoolean=True)])
        )
    return _parameters(*parts)


def _asked(wanted: list[str], name: str) -> bool:
    return not wanted or name in wanted or "*" in wanted


def _designation(one: r4.CodeSystemConceptDesignation) -> r4.ParametersParameter:
    parts = []
    if one.language:
        parts.append(r4.ParametersParameter(name="language", valueCode=one.language))
    if one.use:
        parts.append(r4.ParametersParameter(name="use", valueCoding=one.use))
    parts.append(r4.ParametersParameter(name="value", valueString=one.value))
    return r4.ParametersParameter(name="designation", part=parts)


def _property(one: r4.CodeSystemConceptProperty) -> r4.ParametersParameter:
    value = r4.ParametersParameter(
        name="value", valueCode=one.valueCode, valueCoding=one.valueCoding, valueString=one.valueString,
        valueInteger=one.valueInteger, valueBoolean=one.valueBoolean, valueDateTime=one.valueDateTime,
        valueDecimal=one.valueDecimal,
    )  # fmt: skip
    return r4.ParametersParameter(
        name="property", part=[r4.ParametersParameter(name="code", valueCode=one.code), value]
    )


def _match(one: terms_translate.Match) -> r4.ParametersParameter:
    parts = [r4.ParametersParameter(name="equivalence", valueCode=one.equivalence)]
    if one.code:
        concept = r4.Coding(system=one.system, code=one.code, display=one.display, version=one.version)
        parts.append(r4.ParametersParameter(name="concept", valueCoding=concept))
    if one.source:
        parts.append(r4.ParametersParameter(name="source", valueUri=one.source))
    return r4.ParametersParameter(name="match", part=parts)


_BOTH = ("GET", "POST")
_BY_TYPE = (
    ("ValueSet", "expand", expand, True),
    ("ValueSet", "validate-code", validate_in_set, True),
    ("CodeSystem", "lookup", lookup, False),
    ("CodeSystem", "validate-code", validate_in_system, True),
    ("CodeSystem", "subsumes", subsumes, True),
    ("ConceptMap", "translate", translate, True),
)
FOLLOWERS = [Follower]
DOORS = [
    Door(f"/fhir/{type_}{at}/${name}", endpoint, Permission.TERMINOLOGY, _BOTH)
    for type_, name, endpoint, of_one in _BY_TYPE
    for at in (("", "/{id}") if of_one else ("",))
]
OPERATIONS = [
    Operation(name, f"http://hl7.org/fhir/OperationDefinition/{type_}-{name}", (type_,))
    for type_, name, _endpoint, _of_one in _BY_TYPE
]
