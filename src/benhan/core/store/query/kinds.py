"""Kind of parameter and modifier → condition: one table, read by searches and by the CapabilityStatement alike.

Standard: HL7 FHIR R4, 3.1.1.4.4–3.1.1.4.17. What does not stand in the table is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from benhan.core.fhir.definitions import PARAMETERS, TEXTS, SearchParameter
from benhan.core.fhir.outcome import Malformed
from benhan.core.kit.text import fold
from benhan.core.language import _
from benhan.core.store.query import values as read
from benhan.core.store.query.clauses import MARK, Amounts, Contains, Spans, Tokens, Under, Words
from benhan.core.store.query.combined import Compartment, Ids, Present, Without, either, every
from benhan.core.store.query.composites import composite, parted
from benhan.core.store.query.quantities import numbers, quantities
from benhan.core.store.rows import COMPARTMENT, KEYED, URI_LIMIT, WORD_LIMIT, exact_mark, hash64
from benhan.core.store.sounds import sound_words

#: What a reference points at, when few records do so: one person's, one visit's.
FEW_REFER = ("Patient/", "Encounter/")
#: Types of which one record may name several patients: their compartment column holds only the first.
SEVERAL_PATIENTS = frozenset(
    ["Account", "Appointment", "AuditEvent", "Contract", "Group", "Person", "Provenance", "Schedule"]
)
#: A reference without a type may mean so many types at most.
MAX_TARGETS = 8


class Pending(msgspec.Struct):
    """What must be asked of the store before the search runs: fills `into`.

    kind: `in` (codes of a value set), `below` and `above` (codes of a code system), `list` (ids in a List), `keyed`
    (`texts` are hashed with the facility's key; `argument` is what was written, which no trace repeats).
    """

    kind: str
    argument: str
    into: Tokens | Ids
    type: str = ""
    texts: list[str] = []


class Asked(msgspec.Struct):
    """One condition as it was asked: `code:modifier=text` of a type."""

    type: str
    parameter: SearchParameter
    modifier: str
    text: str
    #: Questions to the store are put here.
    pending: list[Pending]
    #: False inside a chain, where a record's own columns are not at hand.
    on_record: bool = True

    @property
    def name(self) -> str:
        """The name as written."""
        return f"{self.parameter.code}:{self.modifier}" if self.modifier else self.parameter.code

    @property
    def params(self) -> list[int]:
        """The numbers of the rows that answer it."""
        return list(self.parameter.numbers)

    @property
    def values(self) -> list[str]:
        """The alternatives, escapes kept."""
        return read.alternatives(self.name, self.text)


Build = Callable[[Asked], Any]


def clause(asked: Asked) -> Any:
    """The condition of a parameter with its modifier and values.

    Raises:
        Malformed: the modifier does not fit the kind, or a value cannot be read.
    """
    modifiers = TABLE[asked.parameter.kind]
    build = modifiers.get(asked.modifier)
    if build is None and asked.parameter.kind == "reference" and asked.modifier in asked.parameter.targets:
        build = _reference
    if build is None:
        raise _unsupported(asked, modifiers)
    return build(asked)


def _unsupported(asked: Asked, modifiers: dict[str, Build]) -> Malformed:
    known = ", ".join(f":{one}" for one in modifiers if one)
    return Malformed(
        _("Không hỗ trợ cách tìm “%(name)s” (%(kind)s).", name=asked.name[:80], kind=asked.parameter.kind),
        code="not-supported", where=asked.name[:60],
        advice=_("Dùng được: %(known)s.", known=known) if known else _("Xem CapabilityStatement tại /fhir/metadata."),
    )  # fmt: skip


def _missing(asked: Asked) -> Any:
    present = Present(asked.params, list(TABLES[asked.parameter.kind]))
    return Without(present) if read.truth(asked.name, asked.text) else present


# ── token ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _token(asked: Asked) -> Tokens:
    texts = [read.token(asked.name, one) for one in asked.values]
    return _hashed(asked, texts, rare="identifier" in asked.parameter.code, keyed=not KEYED.isdisjoint(asked.params))


def _hashed(asked: Asked, texts: list[str], *, rare: bool, keyed: bool) -> Tokens:
    """Rows of these tokens; `keyed`: by the facility's key, which is asked for before the search runs."""
    tokens = Tokens(asked.params, [hash64(text) for text in texts], rare=rare)
    if keyed:
        asked.pending.append(Pending("keyed", asked.text, tokens, texts=texts))
    return tokens


def _not(asked: Asked) -> Without:
    return Without(_token(asked))


def _of_type(asked: Asked) -> Tokens:
    texts = []
    for one in asked.values:
        parts = [read.plain(part) for part in read.pieces(one, "|")]
        if len(parts) != 3 or not all(parts):
            raise Malformed(_("%(name)s cần dạng hệ|mã|giá trị.", name=asked.name[:60]), where=asked.name[:60])
        texts.append("of-type " + "|".join(parts))
    return _hashed(asked, texts, rare=True, keyed=not KEYED.isdisjoint(asked.params))


def _in_value_set(asked: Asked) -> Tokens:
    tokens = Tokens(asked.params, [])
    asked.pending.append(Pending("in", read.plain(asked.text), tokens))
    return tokens


def _not_in_value_set(asked: Asked) -> Without:
    return Without(_in_value_set(asked))


def _along_hierarchy(asked: Asked) -> Tokens:
    """`:below` and `:above`: the code itself and those under it, or over it, in its code system."""
    tokens = Tokens(asked.params, [])
    for one in asked.values:
        asked.pending.append(Pending(asked.modifier, read.token(asked.name, one), tokens))
    return tokens


# ── string ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _words(asked: Asked) -> Words:
    return Words(asked.params, [read.words(asked.name, one) for one in asked.values])


def _string(asked: Asked) -> Any:
    """Words that begin so, in any order."""
    if asked.parameter.code == "phonetic":
        return Words(asked.params, [sound_words(" ".join(read.words(asked.name, one))) for one in asked.values])
    if asked.parameter.code not in TEXTS:
        return _words(asked)
    # The rows of a whole text hold no other words beside theirs: each word is asked alone.
    texts = [read.words(asked.name, one) for one in asked.values]
    return either([every([Words(asked.params, [[word]]) for word in text]) for text in texts])


def _exact(asked: Asked) -> Words:
    """Letter for letter: the words lead, and `whole` must hold the mark of the value as written."""
    texts = [read.plain(one) for one in asked.values]
    marked = [[word[:WORD_LIMIT] for word in fold(text).split()[: read.MAX_WORDS]] or [MARK] for text in texts]
    marks = [exact_mark(text).strip() for text in texts]
    return Words(asked.params, [[*words, mark] for words, mark in zip(marked, marks, strict=True)])


def _contains(asked: Asked) -> Contains:
    folded = [fold(read.plain(one)) for one in asked.values]
    if not all(folded):
        raise Malformed(_("Điều kiện %(name)s có giá trị trống.", name=asked.name[:60]), where=asked.name[:60])
    return Contains(asked.params, folded)


# ── reference, date, uri ───────────────────────────────────────────────────────────────────────────────────────────


def _reference(asked: Asked) -> Any:
    targets = [target for one in asked.values for target in _targets(asked, read.plain(one))]
    code = asked.parameter.code
    of_patients = code in COMPARTMENT and all(target.startswith("Patient/") for target in targets)
    if of_patients and asked.on_record and asked.type not in SEVERAL_PATIENTS:
        return Compartment([target.removeprefix("Patient/") for target in targets])
    rare = all(target.startswith(FEW_REFER) for target in targets)
    return Tokens(asked.params, [hash64(target) for target in targets], rare=rare)


def _targets(asked: Asked, text: str) -> list[str]:
    """`Type/id`, a URL or a canonical as it is; an id alone means each type that may stand there."""
    if "/" in text or ":" in text:
        return [text.partition("/_history/")[0]]
    if asked.modifier:
        return [f"{asked.modifier}/{text}"]
    allowed = asked.parameter.targets
    if asked.parameter.code in ("patient", "subject") and "Patient" in allowed:
        return [f"Patient/{text}"]
    if not 0 < len(allowed) <= MAX_TARGETS:
        raise Malformed(
            _("%(name)s cần dạng Loại/mã, ví dụ %(one)s.", name=asked.name[:60], one=f"Patient/{text[:40]}"),
            where=asked.name[:60],
        )
    return [f"{target}/{text}" for target in allowed]


def _identified(asked: Asked) -> Tokens:
    """`:identifier`: a reference that names its target by an identifier."""
    texts = [f"identifier {read.token(asked.name, one)}" for one in asked.values]
    return _hashed(asked, texts, rare=True, keyed=True)


def _date(asked: Asked) -> Spans:
    return Spans(asked.params, [read.span(asked.name, one) for one in asked.values])


def _uri(asked: Asked) -> Tokens:
    return Tokens(asked.params, [hash64(read.plain(one)) for one in asked.values])


def _uri_below(asked: Asked) -> Under:
    return Under(asked.params, [read.plain(one).rstrip("/")[:URI_LIMIT] for one in asked.values])


def _uri_above(asked: Asked) -> Tokens:
    """Over a path: the value itself and what it begins with, path by path."""
    return Tokens(asked.params, [hash64(path) for one in asked.values for path in above(read.plain(one))])


def above(uri: str) -> list[str]:
    """`http://a/b/c` → itself, `http://a/b/`, `http://a/b`, `http://a/`, `http://a`."""
    parts = urlsplit(uri)
    root = f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
    path, found = uri[len(root) :].rstrip("/"), [uri]
    while path:
        found += [root + path, root + path + "/"]
        path = path.rpartition("/")[0]
    return list(dict.fromkeys([*found, *([root, root + "/"] if root else [])]))[:64]


def _number(asked: Asked) -> Amounts:
    return numbers(asked.params, asked.name, asked.values)


def _quantity(asked: Asked) -> Amounts:
    return quantities(asked.params, asked.name, asked.values)


def _composite(asked: Asked) -> Any:
    """Values that stand together: in rows of their own, or, where each stands once in a record, as its components."""
    found: list[Any] = []
    if asked.params:
        found.append(composite(asked.params, asked.parameter, asked.name, asked.values))
    for codes in asked.parameter.wholes:
        for text in asked.values:
            parts = parted(asked.parameter, asked.name, text)
            asks = [
                Asked(asked.type, PARAMETERS[asked.type][code], "", part, asked.pending, on_record=False)
                for code, part in zip(codes, parts, strict=True)
            ]
            found.append(every([clause(one) for one in asks]))
    return either(found)


#: kind → modifier → condition. "" is none. A reference also takes the name of a type.
TABLE: dict[str, dict[str, Build]] = {
    "token": {
        "": _token, "missing": _missing, "not": _not, "text": _words, "in": _in_value_set, "not-in": _not_in_value_set,
        "below": _along_hierarchy, "above": _along_hierarchy, "of-type": _of_type,
    },
    "string": {"": _string, "missing": _missing, "exact": _exact, "contains": _contains},
    "reference": {"": _reference, "missing": _missing, "identifier": _identified},
    "date": {"": _date, "missing": _missing},
    "number": {"": _number, "missing": _missing},
    "quantity": {"": _quantity, "missing": _missing},
    "uri": {"": _uri, "missing": _missing, "below": _uri_below, "above": _uri_above},
    "composite": {"": _composite},
    "special": {},
}  # fmt: skip
#: kind → the index tables its values stand in.
TABLES: dict[str, tuple[str, ...]] = {
    "token": ("token", "word"), "string": ("word",), "reference": ("token",), "date": ("span",),
    "number": ("quantity",), "quantity": ("quantity",), "uri": ("token",),
}  # fmt: skip
