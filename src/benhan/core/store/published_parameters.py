"""Our search parameters as `SearchParameter` resources: what `GET /fhir/SearchParameter` shows, and nothing more.

Made from the tables that searches work by, so they say what is served; the follower of `terms_load` keeps them in
facility 0, where everybody may read them. A facility's own stand beside them as they were written.
"""

from __future__ import annotations

from hashlib import sha256

from benhan.core.fhir import codec, r4, systems
from benhan.core.fhir.definitions import PARAMETERS, PATH_OF_DEFINITION, SearchParameter
from benhan.core.fhir.own_parameters import OWN_PARAMETERS
from benhan.core.store.query.kinds import TABLE

#: Kept as columns of the record.
ON_RECORD = ("_id", "_lastUpdated")
OWN_PATH = f"{systems.BENHAN}/SearchParameter/"
DATE = "2026-11-22"
_COMPARATORS = ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
_COMPARED = frozenset({"date", "number", "quantity"})
#: The names of modifiers in FHIR's code list.
_MODIFIERS = {"of-type": "ofType"}


def edition() -> str:
    """Changes when what is served does."""
    return sha256(b"\n".join(codec.encode(one) for one in resources())).hexdigest()[:16]


def resources() -> list[r4.SearchParameter]:
    """One for each definition, by its id."""
    by_definition: dict[str, list[SearchParameter]] = {}
    for own in PARAMETERS.values():
        for one in own.values():
            if one.indexed or one.code in ON_RECORD:
                by_definition.setdefault(one.definition, []).append(one)
    titles = {f"benhan-{own.number}": own.title for own in OWN_PARAMETERS}
    return [_resource(name, same, titles.get(name)) for name, same in sorted(by_definition.items())]


def _resource(name: str, same: list[SearchParameter], title: str | None) -> r4.SearchParameter:
    one = same[0]
    everywhere = name.partition("-")[0]
    bases = [everywhere] if everywhere in ("Resource", "DomainResource") else sorted(each.type for each in same)
    return r4.SearchParameter(
        id=name,
        url=f"{OWN_PATH if title else PATH_OF_DEFINITION}{name}",
        version="4.0.1",
        name=one.code,
        status="active",
        date=DATE,
        publisher="Benhan" if title else "HL7",
        description=title or f"{one.code} ({', '.join(bases)})",
        code=one.code,
        base=bases,
        type=one.kind,
        expression=one.expression or None,
        xpathUsage="normal",
        target=list(one.targets) or None,
        multipleOr=True,
        multipleAnd=True,
        comparator=_COMPARATORS if one.kind in _COMPARED else None,
        modifier=_modifiers(one) or None,
        component=[
            r4.SearchParameterComponent(definition=f"{PATH_OF_DEFINITION}{part.definition}", expression=part.expression)
            for part in one.components
        ]
        or None,
    )


def _modifiers(one: SearchParameter) -> list[str]:
    if one.code in ON_RECORD:
        return []
    named = [_MODIFIERS.get(name, name) for name in TABLE[one.kind] if name]
    return [*named, "type"] if one.kind == "reference" else named
