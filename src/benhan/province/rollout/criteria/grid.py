"""The criteria as `criteria.toml` carries them, and the words of an answer. Pure."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from benhan.core.language import current, later

#: What a facility may say of itself. `Đạt/Một phần/Không` is the usual grid; "does not apply" where a criterion allows.
ANSWERS: Final = {
    "met": later("Đạt"), "partly": later("Đạt một phần"), "not": later("Chưa đạt"), "na": later("Không áp dụng"),
}  # fmt: skip
TONES: Final = {"met": "ok", "partly": "warn", "not": "bad", "na": "grey"}


class Group(msgspec.Struct, frozen=True):
    """Criteria of one paper. `law`: a circular, not guidance."""

    code: str
    vi: str
    en: str
    law: bool = False

    def __str__(self) -> str:
        return self.en if current() == "en" else self.vi


class Criterion(msgspec.Struct, frozen=True):
    """One criterion: where it is from, what it asks, which evidence suffices."""

    code: str
    group: str
    source: str
    vi: str
    en: str
    proof_vi: str
    proof_en: str
    na: bool = False
    unsure: bool = False
    reading: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.en if current() == "en" else self.vi

    @property
    def proof(self) -> str:
        """Which evidence suffices, in the language of the request."""
        return self.proof_en if current() == "en" else self.proof_vi

    @property
    def answers(self) -> list[str]:
        """What may be said of it."""
        return [one for one in ANSWERS if one != "na" or self.na]


class _Grid(msgspec.Struct, frozen=True):
    group: tuple[Group, ...]
    criterion: tuple[Criterion, ...]


@cache
def _grid() -> _Grid:
    text = (files("benhan.province.rollout.criteria") / "criteria.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), _Grid)


def groups() -> tuple[Group, ...]:
    """The papers that the criteria are from."""
    return _grid().group


@cache
def criteria() -> dict[str, Criterion]:
    """All criteria by code, in their order."""
    return {one.code: one for one in _grid().criterion}


@cache
def of_law() -> frozenset[str]:
    """The codes of those that a circular asks for."""
    law = {one.code for one in groups() if one.law}
    return frozenset(code for code, one in criteria().items() if one.group in law)
