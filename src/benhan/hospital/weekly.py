"""Hours of a week: on which weekdays from when to when, as FHIR, a form and the app have them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import time
from typing import Final

import msgspec

from benhan.core.kit import forms
from benhan.core.kit.forms import Form
from benhan.core.kit.json_forms import Said
from benhan.core.language import _, later

#: FHIR's days-of-week, Monday first; and as people write them.
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_NAMES: Final = (
    later("T2"), later("T3"), later("T4"), later("T5"), later("T6"), later("T7"), later("CN"),
)  # fmt: skip
#: Sessions that a form has.
SESSIONS: Final = (1, 2)


class Session(msgspec.Struct, frozen=True):
    """On these weekdays (Monday is 0) from `start` to `end`."""

    days: tuple[int, ...]
    start: time
    end: time

    @property
    def sound(self) -> bool:
        """Whether it has a day, and ends after it begins."""
        return bool(self.days) and self.start < self.end


class Hours(Said):
    """A session as people read it: weekdays in short, from, until."""

    days: list[str]
    start: str
    end: str


def session(days: Iterable[str] | None, start: str | None, end: str | None) -> Session | None:
    """A session as FHIR has it; None: it says no times."""
    if not (start and end):
        return None
    return Session(tuple(map(DAYS.index, days or ())), time.fromisoformat(start), time.fromisoformat(end))


def said(days: Iterable[int], start: time, end: time) -> Hours:
    """For people."""
    return Hours(days=[_(DAY_NAMES[day]) for day in days], start=f"{start:%H:%M}", end=f"{end:%H:%M}")


def fields(begins: str, ends: str) -> list[forms.Field]:
    """The fields of a form, under these labels."""
    options = [(code, _(name)) for code, name in zip(DAYS, DAY_NAMES, strict=True)]
    made: list[forms.Field] = []
    for n in SESSIONS:
        made += [
            forms.choices(f"days{n}", _("Buổi %(n)s", n=n), options), forms.time_of_day(f"start{n}", begins),
            forms.time_of_day(f"end{n}", ends),
        ]  # fmt: skip
    return made


def typed(form: Form) -> tuple[Session, ...]:
    """The sessions that were typed; one without both times does not count."""
    return tuple(
        Session(tuple(map(DAYS.index, form[f"days{n}"])), form[f"start{n}"], form[f"end{n}"])
        for n in SESSIONS
        if form[f"start{n}"] and form[f"end{n}"]
    )


def filled(sessions: Iterable[Session]) -> dict[str, object]:
    """The values of the fields for these sessions."""
    values: dict[str, object] = {}
    for n, one in zip(SESSIONS, sessions, strict=False):
        values |= {f"days{n}": [DAYS[day] for day in one.days], f"start{n}": one.start, f"end{n}": one.end}
    return values
