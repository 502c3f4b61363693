"""The hours within which an account may be used, and what they are called. `within_hours` in the database decides.

A span past midnight belongs to the day on which it began: 19:00–07:00 on Friday ends on Saturday morning.
"""

from __future__ import annotations

from datetime import time

import msgspec

from benhan.core.language import _

EVERY_DAY = 127


class Hours(msgspec.Struct, frozen=True):
    """Days of the week as bits (bit 0: Monday), from and to by the clock of Vietnam (None: all day)."""

    days: int = EVERY_DAY
    opens: time | None = None
    closes: time | None = None

    @property
    def any_time(self) -> bool:
        """Whether there is no limit."""
        return self.days == EVERY_DAY and self.opens is None

    def on(self) -> list[int]:
        """The days, Monday = 0."""
        return [day for day in range(7) if self.days >> day & 1]

    def in_words(self) -> str:
        """As a person says it: "T2, T3, T4 · 07:00–17:00"."""
        if self.any_time:
            return _("mọi lúc")
        days = _("mọi ngày") if self.days == EVERY_DAY else ", ".join(day_names()[day] for day in self.on())
        if self.opens is None or self.closes is None:
            return days
        return f"{days} · {self.opens:%H:%M}–{self.closes:%H:%M}"


def day_names() -> list[str]:
    """The days of the week, Monday first, as they stand in a roster."""
    return [_("T2"), _("T3"), _("T4"), _("T5"), _("T6"), _("T7"), _("CN")]
