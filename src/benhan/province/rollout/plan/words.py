"""The kinds of work, the list to begin with, and devices, as `plan.toml` carries them. Pure."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from benhan.core.language import current, later
from benhan.province.rollout.words import Word

#: How an item of work stands.
STATES: Final = {
    "todo": later("Chưa làm"), "doing": later("Đang làm"), "done": later("Xong"), "blocked": later("Bị chặn"),
}  # fmt: skip
TONES: Final = {"todo": "grey", "doing": "info", "done": "ok", "blocked": "bad"}
#: Forms go from a demonstration over trial with users to daily use.
PHASES: Final = {"demo": later("Trình diễn"), "uat": later("Chạy thử với khoa"), "live": later("Chạy chính thức")}


class Item(msgspec.Struct, frozen=True):
    """An item of the list to begin with."""

    code: str
    kind: str
    vi: str
    en: str
    weeks: int
    gate: bool = False
    after: str = ""

    def __str__(self) -> str:
        return self.en if current() == "en" else self.vi


class _Plan(msgspec.Struct, frozen=True):
    kind: tuple[Word, ...]
    item: tuple[Item, ...]
    device: tuple[Word, ...]


@cache
def _plan() -> _Plan:
    text = (files("benhan.province.rollout.plan") / "plan.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), _Plan)


def kinds() -> dict[str, Word]:
    """The nine kinds of work by code."""
    return {one.code: one for one in _plan().kind}


def devices() -> dict[str, Word]:
    """Kinds of devices by code."""
    return {one.code: one for one in _plan().device}


def first_items() -> tuple[Item, ...]:
    """The list that a facility begins with."""
    return _plan().item
