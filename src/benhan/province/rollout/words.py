"""The words of the tracker and the steps of its way, as `words.toml` and `stages.toml` carry them. Pure."""

from __future__ import annotations

import tomllib
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

from benhan.core.kit.text import fold
from benhan.core.language import current

_FOLDER: Final = files("benhan.province.rollout")


class Word(msgspec.Struct, frozen=True):
    """One word of a list: a kind, an owner, a way … `also`: how lists from elsewhere write it, folded."""

    code: str
    vi: str
    en: str
    also: tuple[str, ...] = ()
    #: A kind that counts among hospitals.
    hospital: bool = False
    #: An owner that is the state's.
    public: bool = False

    def __str__(self) -> str:
        return self.en if current() == "en" else self.vi


class Stage(msgspec.Struct, frozen=True):
    """A step of the way: what it needs, what may follow, whether it counts as paperless."""

    code: str
    vi: str
    en: str
    next: tuple[str, ...]
    needs: tuple[str, ...] = ()
    verified: bool = False
    counts: bool = False

    def __str__(self) -> str:
        return self.en if current() == "en" else self.vi


class Deadline(msgspec.Struct, frozen=True):
    """Until when, by law, and the day that forecasts look at."""

    hospital: bool
    day: date
    target: date


class Words(msgspec.Struct, frozen=True):
    """All lists."""

    deadline: tuple[Deadline, ...]
    kind: tuple[Word, ...]
    owner: tuple[Word, ...]
    level: tuple[Word, ...]
    scope: tuple[Word, ...]
    way: tuple[Word, ...]
    money: tuple[Word, ...]
    delay: tuple[Word, ...]


@cache
def words() -> Words:
    """The lists as they are carried here."""
    return msgspec.convert(_read("words.toml"), Words)


@cache
def stages() -> dict[str, Stage]:
    """The steps by code, in their order."""
    found = msgspec.convert(_read("stages.toml")["stage"], list[Stage])
    return {one.code: one for one in found}


FIRST: Final = "not-started"
DECIDED: Final = "decided"


def listed(name: str) -> dict[str, Word]:
    """A list by code."""
    return {one.code: one for one in getattr(words(), name)}


def said(name: str, code: str) -> str:
    """A word in the language of the request; a code that is not on its list as it is."""
    found: Word | Stage | None = stages().get(code) if name == "stage" else listed(name).get(code)
    return str(found) if found else code


def meant(name: str, written: str) -> str | None:
    """The code that a list from elsewhere means; None where it cannot be told."""
    return _meanings(name).get(fold(written))


def is_hospital(kind: str) -> bool:
    """Whether facilities of a kind count among the hospitals."""
    found = listed("kind").get(kind)
    return found is not None and found.hospital


def hospital_kinds() -> list[str]:
    """The kinds that count among the hospitals."""
    return [one.code for one in words().kind if one.hospital]


def public_owners() -> list[str]:
    """The owners that are the state's: the Department's own and the ministries'."""
    return [one.code for one in words().owner if one.public]


def deadline(*, hospital: bool) -> Deadline:
    """Until when hospitals, or other facilities, keep no paper any more."""
    return next(one for one in words().deadline if one.hospital == hospital)


@cache
def _meanings(name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in getattr(words(), name):
        for text in (one.code, fold(one.vi), fold(one.en), *one.also):
            found.setdefault(fold(text), one.code)
    return found


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / name).read_text("utf-8"))
