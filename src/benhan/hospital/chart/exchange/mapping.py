"""Our names into the Ministry's fields, as hosobenhan.toml says; a hospital's own file may differ. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from tomllib import TOMLDecodeError, loads
from typing import Any, Final

import msgspec

from benhan.core.language import _
from benhan.hospital.chart.exchange.tree import ROOT, Tree, Wrong

_OWN: Final = Path(__file__).with_name("hosobenhan.toml")
Said = dict[str, Any]


class Source(msgspec.Struct, frozen=True):
    """Where a field's value is from: a name of `facts`; its length (0: any); a remark, "?…" where something is open."""

    name: str
    most: int
    remark: str

    @classmethod
    def read(cls, written: str) -> Source:
        """`name | most | remark`."""
        name, most, remark, *_more = [*(part.strip() for part in written.split("|")), "", "", ""]
        return cls(name, int(most or 0), remark)


class Filled(msgspec.Struct, frozen=True):
    """A document, and what of our record did not fit into it."""

    tree: Tree
    cut: list[Wrong]


@lru_cache(8)
def mapping(other: Path | None = None) -> Said:
    """The mapping; what `other` names stands in the place of ours.

    Raises:
        ValueError: the file is no mapping; says where.
    """
    said = loads(_OWN.read_text("utf-8"))
    if other is None:
        return said
    try:
        theirs = loads(other.read_text("utf-8"))
    except (OSError, TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise ValueError(f"{other}: {wrong}") from None
    return _laid_over(said, theirs, str(other))


def _laid_over(said: Said, theirs: Said, where: str) -> Said:
    made = dict(said)
    for name, one in theirs.items():
        here = f"{where}: {name}"
        if name not in said:
            raise ValueError(f"{here}: HoSoBenhAn has no such field")
        if isinstance(one, dict) is not isinstance(said[name], dict):
            raise ValueError(f"{here}: a field is a text, a group a table")
        made[name] = _laid_over(said[name], one, here) if isinstance(one, dict) else one
    return made


def unsettled(said: Said, where: str = ROOT) -> list[Wrong]:
    """What the source leaves open, as it is marked: field and remark."""
    found: list[Wrong] = []
    for name, one in said.items():
        here = f"{where}.{name}"
        if isinstance(one, dict):
            found += unsettled(one, here)
        elif name != "*" and (remark := Source.read(one).remark).startswith("?"):
            found.append(Wrong(here, remark.lstrip("? ")))
    return found


def filled(said: Said, names: Mapping[str, Any]) -> Filled:
    """The document of a record, whose names and lists are these."""
    cut: list[Wrong] = []
    tree = {name: _group(one, names, f"{ROOT}.{name}", cut) for name, one in said.items()}
    return Filled(tree, cut)


def _group(said: Said, names: Mapping[str, Any], where: str, cut: list[Wrong]) -> Any:
    if not said:
        return ""
    repeated = said.get("*")
    fields = {name: one for name, one in said.items() if name != "*"}
    if repeated is None:
        return {name: _value(one, names, f"{where}.{name}", cut) for name, one in fields.items()}
    rows = names.get(repeated) or []
    return [
        {name: _value(one, {**names, **row}, f"{where}[{number}].{name}", cut) for name, one in fields.items()}
        for number, row in enumerate(rows, 1)
    ] or ""  # fmt: skip


def _value(one: Any, names: Mapping[str, Any], where: str, cut: list[Wrong]) -> Any:
    if isinstance(one, dict):
        return _group(one, names, where, cut)
    source = Source.read(one)
    said = str(names.get(source.name) or "") if source.name else ""
    if source.most and len(said) > source.most:
        cut.append(Wrong(where, _("dài %(n)s ký tự, cắt còn %(most)s", n=len(said), most=source.most)))
        said = said[: source.most]
    return said
