"""Scopes of a program: what it may do for somebody (`patient/`, `user/`), or for itself (`system/`).

A scope only ever narrows: the rules of the person, or the registration of the program, are asked beside it.
Source: SMART App Launch 2.2, section 3 (scopes v2; the v1 forms `.read`, `.write`, `.*` are read as their v2 meaning).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from benhan.core.fhir.definitions import PARAMETERS

#: Words that are no right to records: who she is, how long it lasts, which patient is meant.
WORDS: Final = ("openid", "fhirUser", "launch", "launch/patient", "online_access", "offline_access")
#: The scope without which no program meets labelled records, whoever it comes for (`Lift.SCOPE`).
LABELLED: Final = "labelled/read"
#: Rights of a program of its own beside records.
BULK: Final = ("bulk/export", "bulk/import", LABELLED)
#: SMART v1 → v2.
_FORMER: Final = {"read": "rs", "write": "cud", "*": "cruds"}
_SCOPE: Final = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]{1,40})\.(read|write|\*|c?r?u?d?s?)(?:\?(.+))?")
#: Conditions of one scope at most.
_CONDITIONS: Final = 5

#: One condition of a search: the parameter, its value.
Condition = tuple[str, str]


class Scope(msgspec.Struct, frozen=True):
    """One right to records, such as `patient/Observation.rs?category=laboratory`. `type` may be `*`."""

    type: str
    letters: frozenset[str]
    context: str = "system"
    where: tuple[Condition, ...] = ()

    def __str__(self) -> str:
        if self.type in BULK:
            return self.type
        letters = "".join(one for one in "cruds" if one in self.letters)
        asked = "&".join(f"{name}={value}" for name, value in self.where)
        return f"{self.context}/{self.type}.{letters}" + (f"?{asked}" if asked else "")


class Narrowed(msgspec.Struct, frozen=True):
    """What the scopes leave of a right: nothing, one patient's records, those that meet one of these conditions."""

    allowed: bool
    rule: str
    only_launched: bool = False
    where: tuple[tuple[Condition, ...], ...] = ()


def parse_scopes(text: str) -> tuple[Scope, ...]:
    """Read scopes of a program that comes for itself, separated by blanks.

    Raises:
        ValueError: one is not of the form `system/Type.cruds`, or there is none.
    """
    scopes = parse(text, ("system",))
    if not scopes:
        raise ValueError("at least one scope is needed, e.g. system/*.cruds")
    return scopes


def parse(text: str, contexts: Sequence[str] = ("patient", "user", "system")) -> tuple[Scope, ...]:
    """The rights among scopes that are separated by blanks; words such as `openid` are none.

    Raises:
        ValueError: one cannot be read, or is of another context.
    """
    return tuple(_scope(word, contexts) for word in text.split() if word not in WORDS)


def readable(text: str, contexts: Sequence[str]) -> tuple[Scope, ...]:
    """The same, leaving out what cannot be read: a server gives less than is asked (RFC 6749, 3.3)."""
    found: list[Scope] = []
    for word in text.split():
        try:
            found += parse(word, contexts)
        except ValueError:
            continue
    return tuple(found)


def words(text: str) -> frozenset[str]:
    """Those that are no right to records."""
    return frozenset(text.split()) & frozenset(WORDS)


def meet(asked: Iterable[Scope], limit: Iterable[Scope]) -> tuple[Scope, ...]:
    """What two sets of scopes both allow: never more than either."""
    limits = list(limit)
    found: dict[Scope, None] = {}
    for one in asked:
        for other in limits:
            if (both := _both(one, other)) is not None:
                found[both] = None
    return tuple(found)


def narrow(scopes: Iterable[Scope], letter: str, type_name: str, contexts: Sequence[str]) -> Narrowed:
    """What scopes of these contexts say of an interaction (a letter of `cruds`) with records of a type.

    A scope without conditions goes before those with; of these the first context that has one speaks alone.
    """
    meant = [one for one in scopes if one.type in ("*", type_name) and letter in one.letters]
    for plain in (True, False):
        for context in contexts:
            found = [one for one in meant if one.context == context and plain is not bool(one.where)]
            if found:
                said = f"scope {context}/{found[0].type}.{letter}"
                where = () if plain else tuple(one.where for one in found)
                return Narrowed(True, said, context == "patient", where)
    return Narrowed(False, f"no scope for {contexts[0]}/{type_name}.{letter}")


def _scope(word: str, contexts: Sequence[str]) -> Scope:
    if word == LABELLED or (word in BULK and "system" in contexts):
        return Scope(word, frozenset())
    match = _SCOPE.fullmatch(word)
    if not match or not match[3] or match[1] not in contexts:
        said = " or ".join(f"{one}/Type.cruds" for one in contexts)
        raise ValueError(f"scope {word!r} is not of the form {said} (letters in this order)")
    letters = frozenset(_FORMER.get(match[3], match[3]))
    return Scope(match[2], letters, match[1], _conditions(word, match[2], letters, match[4] or ""))


def _conditions(word: str, type_name: str, letters: frozenset[str], asked: str) -> tuple[Condition, ...]:
    """The conditions of a scope: only on codes, only on reading, so that every door can hold them."""
    found = tuple(sorted(set(parse_qsl(asked, keep_blank_values=True))))
    if not asked:
        return ()
    known = PARAMETERS.get(type_name, {})
    good = all(name in known and known[name].kind == "token" and value for name, value in found)
    if not found or len(found) > _CONDITIONS or not good or letters - {"r", "s"}:
        raise ValueError(f"scope {word!r}: conditions are codes of one type, for reading and searching (rs)")
    return found


def _both(one: Scope, other: Scope) -> Scope | None:
    if one.context != other.context or ((one.type in BULK or other.type in BULK) and one.type != other.type):
        return None
    if one.type in BULK:
        return one
    if "*" not in (one.type, other.type) and one.type != other.type:
        return None
    letters = one.letters & other.letters
    where = tuple(sorted({*one.where, *other.where}))
    if where:
        letters &= {"r", "s"}
    type_name = other.type if one.type == "*" else one.type
    return Scope(type_name, letters, one.context, where) if letters else None
