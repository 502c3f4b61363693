"""Two days side by side: how many there were and were paperless on each, by owner, kind, wave and area. Sums only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import msgspec

from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.language import _
from benhan.province.rollout import figures
from benhan.province.rollout.figures import Count, Part, Sets


class Pair(msgspec.Struct, frozen=True):
    """One sort of facilities on both days."""

    name: str
    before: Count
    now: Count

    @property
    def more(self) -> int:
        """How many more are paperless (fewer: below zero)."""
        return self.now.done - self.before.done

    @property
    def points(self) -> int | None:
        """By how many percentage points the share grew; None where there was none on one of the days."""
        now, before = self.now.percent, self.before.percent
        return None if now is None or before is None else now - before


class Comparison(msgspec.Struct, frozen=True):
    """All tables, by their titles; the first row of the first is everything."""

    total: Pair
    tables: list[tuple[str, list[Pair]]]


async def compare(tx: Transaction, who: Subject, before: date, day: date, part: Part) -> Comparison:
    """Both days.

    Raises:
        Forbidden: the asker does not see the Department's view.
    """
    figures.must_oversee(who)
    then, now = [await figures.sums(tx, who.facility, one, part) for one in (before, day)]
    total = Pair(_("Tất cả"), figures.total_of(then), figures.total_of(now))
    return Comparison(total, [(title, list(_pairs(*sides))) for title, *sides in _sides(then, now) if sides[1]])


def _sides(then: Sets, now: Sets) -> Iterator[tuple[str, Sequence[Count], Sequence[Count]]]:
    for title, column in ((_("Theo khối"), "owner"), (_("Theo loại hình"), "kind")):
        yield title, figures.counts(then, (column,), column), figures.counts(now, (column,), column)
    yield _("Theo đợt"), figures.waves_of(then), figures.waves_of(now)
    yield _("Theo địa bàn"), figures.areas_of(then), figures.areas_of(now)


def _pairs(then: Sequence[Count], now: Sequence[Count]) -> Iterator[Pair]:
    """In the order of the later day; what was only on the earlier day last."""
    were, are = ({one.code: one for one in side} for side in (then, now))
    for code in [*are, *(code for code in were if code not in are)]:
        name = (are.get(code) or were[code]).name
        nothing = Count(code, name, 0, 0)
        yield Pair(name, were.get(code, nothing), are.get(code, nothing))
