"""A record as rows: what `put` and COPY write. Pure.

token     hash64 of: `code`, `system|code`, `system|`; `Type/id` or a URL of a reference; a URI; `identifier …` of a
          reference by identifier; `of-type system|code|value`; `hash$hash` of a composite; and under SELF the record's
          own `Type/id`, by which references find it
word      a folded word, with all words of its parameter beside it (`whole`), and marks of the exact values; the value
          as a whole (begins with WHOLE); a sound; a URI, for what lies below it; under MARK a label of the record, or
          what a record file says of its visit; under CONSENTED a label and to whom a consent opens it
span      a half-open interval of time; under CONSENTED that of a consent
quantity  a number or quantity from lo to hi, once for each way its unit may be asked for; a composite that ends in one
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from itertools import islice, product
from math import inf
from typing import Any

import msgspec

from benhan.core.access.consents import opened_by
from benhan.core.access.labels import archived_visits, labels_of
from benhan.core.access.vocabulary import State
from benhan.core.fhir import codec, r4, search, texts, units
from benhan.core.kit.text import FOLD_LIMIT, fold
from benhan.core.store.sounds import sound
from benhan.core.store.uniqueness import once
from benhan.core.vault.keyring import keyed

#: The version of the rules below and in `core.fhir.search`. Raise it with every change of what is indexed: at the next
#: start the records are indexed again in the background (`store/reindex.py`).
INDEX_VERSION = 2
#: Types whose records say who somebody is and where to reach her.
PEOPLE = frozenset({"Patient", "Person", "RelatedPerson", "Practitioner", "Coverage"})
#: Parameters whose values nobody may guess from their hash: of an identifier there are too few to try.
KEYED = frozenset(
    own[code].id
    for name, own in search.PARAMETERS.items()
    for code in ("identifier", "phone", "email", "telecom", "guest-phone", "guest-cccd")
    if (name in PEOPLE or code.startswith("guest-")) and code in own
)
#: The number under which every record has its own `Type/id`.
SELF = 10000
#: The number under which a labelled record has its marks (`guarding.py`): word rows of its patient and each label.
MARK = 9999
#: Begins a mark that holds for whatever names a visit, and the visit itself: a state, a blank, the visit's hash.
OF_VISIT = "@"
#: The number under which a consent has what it opens (`guarded`): word rows of its patient, each label and recipient,
#: and the span in which it does.
CONSENTED = 9998
#: Any unit.
ANY_UNIT = 0
WORD_LIMIT = 64
URI_LIMIT = 512
#: Bytes of what stands beside a word: all of it is in the index, whose rows hold 2,704. What is longer is cut.
WHOLE_LIMIT, MARKS_LIMIT = 1200, 900
#: A longer key of something that may exist once is kept by its beginning and its hash.
ONCE_LIMIT = 400
#: Words of one record's narrative and texts.
MAX_WORDS = 2000
#: Rows of one composite in one record.
MAX_COMBINED = 1000
#: Characters of a text that is kept in memory with its words.
REMEMBERED = 300
#: Begins the word row that holds whole values; no word of a text begins so.
WHOLE = "\x01"
#: Codes of the search parameters that name the patient whose compartment a record is in.
COMPARTMENT = ("patient", "subject")
_PATIENT = re.compile(r"Patient/([A-Za-z0-9\-.]{1,64})")


class Rows(msgspec.Struct):
    """The index rows of one record, by table."""

    patient: str | None
    tokens: list[tuple[int, int]]
    words: list[tuple[int, str, str]]
    spans: list[tuple[int, datetime, datetime]]
    quantities: list[tuple[int, int, float, float]]
    once: list[str]
    #: Whether it carries a label, or says of somebody who she is: it is encrypted (`bodies.py`).
    secret: bool = False
    #: Of the search parameters it was indexed by (`store/parameters.py`); 1: R4's and ours only.
    generation: int = 1


@lru_cache(65536)
def hash64(text: str) -> int:
    """64 signed bits of a token; two of 10⁸ different tokens collide with probability 3·10⁻⁴."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


def token_hashes(system: str | None, code: str) -> tuple[int, int]:
    """A token is found by `code` alone and by `system|code` (`|code` when it has no system)."""
    return hash64(code), hash64(f"{system or ''}|{code}")


def exact_mark(value: str) -> str:
    """What `whole` holds of a value as it is written (`:exact`); with a blank before it."""
    return f" ={hash64('exact ' + unicodedata.normalize('NFC', value)) & 0xFFFFFFFF:08x}"


def rows_of(resource: r4.Resource, further: search.Plan = (), key: bytes = b"", others: tuple[bytes, ...] = ()) -> Rows:
    """Index a record; `resource.id` must be set. `further` are its facility's own parameters, `key` its index key.

    `others`: there are records beside it that say what may exist once by these keys, or by none (empty); it says all.
    """
    index = search.index(resource, further)
    tokens, quantities = _tokens(index, key), _quantities(index.quantities)
    quantities |= {(param, ANY_UNIT, _low(lo, float), _high(hi, float)) for param, lo, hi in index.numbers}
    words: list[tuple[int, str, str]] = []
    spans = set(index.dates)
    if index.composites:
        _combine(index, tokens, words, quantities)
    tokens.add((SELF, hash64(f"{type(resource).__name__}/{resource.id}")))
    labels, about_somebody = labels_of(resource), says_who(resource)
    if hides_text(resource):
        index.strings = []
    words += _words(index)
    if not (labels or hides_text(resource)):
        words += _content(resource, words, numbers=not about_somebody)
    patient = _compartment(resource, index.references)
    words += [(MARK, patient or "", label) for label in labels]
    if patient:
        words += [(MARK, patient, f"{OF_VISIT}{State.ARCHIVED} {hash64(one)}") for one in archived_visits(resource)]
    if isinstance(resource, r4.Consent) and (opened := opened_by(resource)):
        spans.add((CONSENTED, opened.since, opened.until))
        words += [(CONSENTED, patient or "", f"{label} {to}") for label in opened.labels for to in opened.recipients]
    return Rows(
        patient=patient,
        tokens=sorted(tokens),
        words=words,
        spans=sorted(spans),
        quantities=sorted(quantities),
        once=claims(resource, key, others),
        secret=about_somebody or bool(labels),
    )


def hides_text(resource: r4.Resource) -> bool:
    """Whether its strings are read in it and found nowhere else: what is labelled, and what a program watches for.

    Of a labelled person the name is found, and nothing of her narrative and other texts; of what else is labelled its
    codes, and what they say.
    """
    if type(resource).__name__ in PEOPLE:
        return False
    return bool(labels_of(resource)) or isinstance(resource, r4.Subscription)


def says_who(resource: r4.Resource) -> bool:
    """Whether it is a person's record, or holds one (the guest of a booking)."""
    inside = getattr(resource, "contained", None) or ()
    return type(resource).__name__ in PEOPLE or any(type(one).__name__ in PEOPLE for one in inside)


def claims(resource: r4.Resource, key: bytes, others: tuple[bytes, ...] = ()) -> list[str]:
    """What no other record of its facility may say; of a person by the keyed hash."""
    said = once(resource)
    if key and type(resource).__name__ in PEOPLE:
        said = [hidden_claim(what, by) if by else what for by in (key, *others) for what in said]
    return [what if len(what) <= ONCE_LIMIT else f"{what[:ONCE_LIMIT]}…{hash64(what):x}" for what in said]


def hidden_claim(what: str, key: bytes) -> str:
    """`Patient system|value` with the keyed hash of all of it in the place of the value."""
    return f"{what.partition('|')[0]}|#{keyed(key, what) & (2**64 - 1):016x}"


def hashed(param: int, key: bytes, text: str) -> int:
    """The hash of a token of a parameter: keyed where nobody may guess its value."""
    return keyed(key, text) if key and param in KEYED else hash64(text)


def _tokens(index: search.Index, key: bytes) -> set[tuple[int, int]]:
    tokens: set[tuple[int, int]] = set()
    for param, system, code in index.tokens:
        if code and key and param in KEYED:
            tokens.update([(param, keyed(key, code)), (param, keyed(key, f"{system or ''}|{code}"))])
            tokens.update([(param, hash64(f"{system}|"))] if system else ())
        elif code:
            tokens.update(_token(param, system, code))
    tokens.update((param, hash64(target)) for param, target in index.references)
    for param, uri in index.uris:
        tokens.add((param, hash64(uri)))
        if "|" in uri:
            tokens.add((param, hash64(uri.partition("|")[0])))
    for param, system, value in index.identifiers:
        said = (f"identifier {one}" for one in (value, f"{system or ''}|{value}"))
        tokens.update((param, keyed(key, one) if key else hash64(one)) for one in said)
    for param, system, code, value in index.typed:
        tokens.add((param, hashed(param, key, f"of-type {system or ''}|{code}|{value}")))
    return tokens


@lru_cache(16384)
def _token(param: int, system: str | None, code: str) -> tuple[tuple[int, int], ...]:
    """The rows of one token: by its code, by both, and by its system."""
    rows = [(param, hashed) for hashed in token_hashes(system, code)]
    return (*rows, (param, hash64(f"{system}|"))) if system else tuple(rows)


# ── words ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _words(index: search.Index) -> list[tuple[int, str, str]]:
    """Rows of strings (with the whole values and exact marks), of what tokens say, of sounds and of URIs."""
    rows: list[tuple[int, str, str]] = []
    for param, values in _by_param(index.strings).items():
        made = _sounds if param in search.PHONETIC else _string
        rows += [(param, word, whole) for word, whole in _remembered(made, values)]
    for param, values in _by_param(index.texts).items():
        rows += [(param, word, whole) for word, whole in _remembered(_each_word, values)]
    rows += [(param, uri[:URI_LIMIT], "") for param, uri in dict.fromkeys(index.uris)]
    return rows


def _by_param(rows: list[tuple[int, str]]) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for param, value in rows:
        found[param] = (*found.get(param, ()), value)
    return found


def _remembered(made: Any, values: tuple[str, ...]) -> list[tuple[str, str]]:
    """Names and codes come again and again; a long text does not, and would fill the memory."""
    rows: list[tuple[str, str]] = (made if sum(map(len, values)) <= REMEMBERED else made.__wrapped__)(values)
    return rows


@lru_cache(16384)
def _string(values: tuple[str, ...]) -> list[tuple[str, str]]:
    """One row a word, each with all words; and one row that holds the values in their order.

    The last is for pieces of a value (`:contains`) and for sorting; its word is the first value.
    """
    folded = [fold(value) for value in values]
    marks = "".join(dict.fromkeys(exact_mark(value) for value in values))
    rows = _with_all({word[:WORD_LIMIT] for value in folded for word in value.split()} or {"="}, marks)
    rows.append((WHOLE + folded[0][:WORD_LIMIT], _cut("\n".join(dict.fromkeys(folded)), WHOLE_LIMIT)))
    return rows


@lru_cache(16384)
def _each_word(values: tuple[str, ...]) -> list[tuple[str, str]]:
    return _with_all({word[:WORD_LIMIT] for value in values for word in fold(value).split()})


@lru_cache(16384)
def _sounds(values: tuple[str, ...]) -> list[tuple[str, str]]:
    return _with_all({sound(word)[:WORD_LIMIT] for value in values for word in fold(value).split()})


def _with_all(words: set[str], marks: str = "") -> list[tuple[str, str]]:
    """One row a word; `whole` holds all of them, each after a blank, for further words of a query."""
    ordered = sorted(words)
    whole = _cut(" " + " ".join(ordered), WHOLE_LIMIT) + marks[:MARKS_LIMIT]
    return [(word, whole) for word in ordered]


def _cut(text: str, size: int) -> str:
    """At most so many bytes."""
    return text[:size] if text.isascii() else text.encode()[:size].decode(errors="ignore")


def _content(resource: r4.Resource, rows: list[tuple[int, str, str]], *, numbers: bool) -> list[tuple[int, str, str]]:
    """The words of the narrative, and those of every other text that no row holds yet.

    Without `numbers` none that has a digit: a person's identifiers and telephones are found by their own parameters.
    """
    found = _all_content(resource, rows)
    return found if numbers else [row for row in found if not any(map(str.isdigit, row[1]))]


def _all_content(resource: r4.Resource, rows: list[tuple[int, str, str]]) -> list[tuple[int, str, str]]:
    parameters = search.PARAMETERS[type(resource).__name__]
    known: set[str] = set()
    found: list[tuple[int, str, str]] = []
    if "_text" in parameters and (text := texts.narrative(resource)):
        known.update(islice(_pieces(text), MAX_WORDS))
        found = [(parameters["_text"].id, word, "") for word in sorted(known)]
    known.update([word for _, word, _ in rows])
    param = parameters["_content"].id
    for text in texts.texts_in(resource):
        for word in _folded(text) if len(text) <= REMEMBERED else _pieces(text):
            if word not in known:
                known.add(word)
                found.append((param, word, ""))
        if len(found) > MAX_WORDS:
            break
    return found[:MAX_WORDS]


@lru_cache(32768)
def _folded(text: str) -> tuple[str, ...]:
    return tuple([word[:WORD_LIMIT] for word in fold(text).split()])


def _pieces(text: str) -> Iterator[str]:
    """The words of a long text."""
    for start in range(0, min(len(text), texts.MAX_CHARACTERS), FOLD_LIMIT):
        yield from (word[:WORD_LIMIT] for word in fold(text[start : start + FOLD_LIMIT]).split())


# ── quantities and composites ──────────────────────────────────────────────────────────────────────────────────────

_Amount = tuple[int, Decimal | None, Decimal | None, str | None, str | None]


def _quantities(amounts: list[_Amount]) -> set[tuple[int, int, float, float]]:
    """One row for each way the unit may be asked for: any; UCUM's canonical one, or the code as written."""
    found = set()
    for param, lo, hi, system, code in amounts:
        found.add((param, ANY_UNIT, _low(lo, float), _high(hi, float)))
        if code is None:
            continue
        if system == units.SYSTEM and (unit := units.canonical(code)):
            name = hash64(f"ucum|{unit.name}")
            found.add((param, name, _low(lo, unit.convert), _high(hi, unit.convert)))
        else:
            found.update((param, name, _low(lo, float), _high(hi, float)) for name in token_hashes(system, code))
    return found


def _low(value: Decimal | None, convert: Any) -> float:
    return -inf if value is None else convert(value)


def _high(value: Decimal | None, convert: Any) -> float:
    return inf if value is None else convert(value)


def _combine(
    index: search.Index,
    tokens: set[tuple[int, int]],
    words: list[tuple[int, str, str]],
    quantities: set[tuple[int, int, float, float]],
) -> None:
    """A composite: the hash of the first component becomes part of the row of the last."""
    for param, (first, *between, last) in index.composites:
        for head in _heads(first)[:MAX_COMBINED]:
            if between:
                pairs = product(between[0].numbers, last.numbers)
                quantities |= {(param, head, _low(a, float), _high(b, float)) for (_, a, _), (_, _, b) in pairs}
                continue
            tokens |= {(param, hash64(f"{head}${h}")) for h in _heads(last)[:MAX_COMBINED]}
            quantities |= {
                (param, hash64(f"{head}${unit}"), lo, hi) for _, unit, lo, hi in _quantities(last.quantities)
            }
            quantities |= {
                (param, hash64(f"{head}${ANY_UNIT}"), _low(lo, float), _high(hi, float)) for _, lo, hi in last.numbers
            }
            quantities |= {(param, head, lo.timestamp(), hi.timestamp()) for _, lo, hi in last.dates}
            place = f"{head & (2**64 - 1):016x} "
            words += [(param, place + fold(value)[:WORD_LIMIT], "") for _, value in dict.fromkeys(last.strings)]


def _heads(part: search.Index) -> list[int]:
    """The hashes of a token (`code`, `system|code`), a reference or a URI that is one component of a composite."""
    found = [h for _, system, code in part.tokens if code for h in token_hashes(system, code)]
    found += [hash64(target) for _, target in part.references]
    return list(dict.fromkeys(found + [hash64(uri) for _, uri in part.uris]))


def _compartment(resource: r4.Resource, references: list[tuple[int, str]]) -> str | None:
    if isinstance(resource, r4.Patient):
        return resource.id
    parameters = search.PARAMETERS.get(codec.type_name(resource), {})
    for code in COMPARTMENT:
        if code in parameters:
            for param, target in references:
                if param == parameters[code].id and (patient := _PATIENT.fullmatch(target)):
                    return patient[1]
    return None


def columns(rows: Rows) -> tuple[Any, ...]:
    """The index rows as the arrays that `put` takes."""
    return (
        [param for param, _ in rows.tokens],
        [value for _, value in rows.tokens],
        [param for param, _, _ in rows.words],
        [word for _, word, _ in rows.words],
        [whole for _, _, whole in rows.words],
        [param for param, _, _ in rows.spans],
        [lo for _, lo, _ in rows.spans],
        [hi for _, _, hi in rows.spans],
        [param for param, _, _, _ in rows.quantities],
        [unit for _, unit, _, _ in rows.quantities],
        [lo for _, _, lo, _ in rows.quantities],
        [hi for _, _, _, hi in rows.quantities],
        rows.once,
    )
