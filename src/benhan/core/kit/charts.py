"""Small charts as SVG made on the server: they need no script, print as they are and follow dark mode by CSS class.

Each takes plain numbers and returns markup with a title and description for screen readers (`role="img"`). Why not
Vega-Lite: docs/adr/0004-charts-as-server-svg.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from markupsafe import Markup

Number = int | float
_EMPTY: Final = Markup("")


class Band(NamedTuple):
    """A normal range, in the unit of the values."""

    low: Number
    high: Number


class Frame(NamedTuple):
    """The drawing area and the range of values that it shows."""

    width: float
    height: float
    low: float
    high: float
    left: float = 5
    top: float = 5
    right: float = 5
    bottom: float = 5

    def x(self, at: float) -> float:
        """Place of a share 0…1 of the width."""
        return round(self.left + at * (self.width - self.left - self.right), 2)

    def y(self, value: float) -> float:
        """Place of a value."""
        share = (value - self.low) / (self.high - self.low or 1)
        return round(self.height - self.bottom - share * (self.height - self.top - self.bottom), 2)


def sparkline(
    *series: Sequence[Number | None],
    title: str,
    band: Band | tuple[Number, Number] | None = None,
    description: str = "",
    width: int = 220,
    height: int = 64,
) -> Markup:
    """One or more lines without axes, with the normal range behind; the last value gets a dot.

    None is a gap. Values outside the band are told in the description when none is given.
    """
    frame = _frame(series, band, width, height)
    parts = [_band(frame, band)]
    parts += [_line(frame, values, number) for number, values in enumerate(series, 1)]
    parts += [_last_dot(frame, values, number, band) for number, values in enumerate(series, 1)]
    return _svg(frame, title, description or _told(series, band), parts)


def line(
    labels: Sequence[str],
    *series: Sequence[Number | None],
    title: str,
    band: Band | tuple[Number, Number] | None = None,
    target: Number | None = None,
    whole: bool = False,
    description: str = "",
    width: int = 300,
    height: int = 120,
) -> Markup:
    """Lines with a dot for each value, first, middle and last label below, lowest and highest value at the side.

    `target`: a dashed line at this value. `whole`: the side counts from 0 in whole numbers.
    """
    reached = [*series, [target]] if target is not None else series
    frame = _frame(reached, band, width, height)
    if whole:
        highest = max((value for values in reached for value in values if value is not None), default=0)
        frame = frame._replace(low=0, high=_round_above(highest))
    frame = frame._replace(left=max(30, 12 + 6 * len(_figure(frame.high))), bottom=18, top=8, right=8)
    steps = max(len(labels) - 1, 1)
    ticks = sorted({0, len(labels) // 2, len(labels) - 1}) if labels else []
    parts = [_band(frame, band), _scale(frame), _target(frame, target)]
    for number, values in enumerate(series, 1):
        parts.append(_line(frame, values, number))
        parts += [_dot(frame.x(at / steps), frame.y(v), number, _outside(v, band)) for at, v in _known(values)]
    parts += [_label(frame.x(at / steps), height - 3, labels[at], _anchor(at, len(labels))) for at in ticks]
    return _svg(frame, title, description or _told(series, band), parts)


def bars(
    values: Sequence[Number],
    *,
    title: str,
    labels: Sequence[str] = (),
    future_from: int | None = None,
    description: str = "",
    width: int = 300,
    height: int = 64,
) -> Markup:
    """Upright bars from zero; those from index `future_from` on are pale (booked, not come yet)."""
    frame = Frame(width, height, 0, max([*values, 1]), 2, 4, 2, 16 if labels else 2)
    wide = (width - 4) / max(len(values), 1)
    parts = [_EMPTY]
    for at, value in enumerate(values):
        kind = " future" if future_from is not None and at >= future_from else ""
        top = frame.y(value)
        parts.append(
            Markup('<rect class="bar-mark{}" x="{}" y="{}" width="{}" height="{}" rx="1.5"/>').format(
                kind, round(2 + at * wide + wide * 0.12, 2), top, round(wide * 0.76, 2), round(frame.y(0) - top, 2)
            )
        )
        if labels:
            parts.append(_label(2 + (at + 0.5) * wide, height - 3, labels[at], "middle"))
    return _svg(frame, title, description or _told([values], None), parts)


def share(parts: Sequence[tuple[str, Number]], *, title: str, rest: str | None = None, legend: bool = True) -> Markup:
    """One bar cut into shares of a whole, named below; `rest` names a last part that is drawn pale."""
    whole = sum(value for _name, value in parts) or 1
    names = [f"s{number}" for number in range(1, len(parts) + 1)]
    if rest is not None:
        names[-1] = "rest"
    drawn, start = [], 0.0
    for (_name, value), name in zip(parts, names, strict=True):
        size = 300 * value / whole
        drawn.append(
            Markup('<rect class="part {}" x="{}" y="0" width="{}" height="10"/>').format(
                name, round(start, 2), round(size, 2)
            )
        )
        start += size
    told = ", ".join(f"{name} {_percent(value, whole)}" for name, value in parts)
    clip = Markup('<svg x="0" y="0" width="300" height="10">{}</svg>').format(Markup("").join(drawn))
    bar = _svg(Frame(300, 10, 0, 1), title, told, [clip], classes="chart share-chart", stretch=True)
    return bar + (_legend(parts, names, whole) if legend else _EMPTY)


def _legend(parts: Sequence[tuple[str, Number]], names: Sequence[str], whole: Number) -> Markup:
    swatch = Markup(
        '<svg class="chart" viewBox="0 0 10 10" aria-hidden="true">'
        '<rect class="part {}" width="10" height="10" rx="3"/></svg>'
    )
    items = [
        Markup("<li>{}{} {}</li>").format(swatch.format(key), name, _percent(value, whole))
        for (name, value), key in zip(parts, names, strict=True)
    ]
    return Markup('<ul class="legend">{}</ul>').format(Markup("").join(items))


def _percent(value: Number, whole: Number) -> str:
    return f"{100 * value / whole:.0f} %"


def _frame(
    series: Sequence[Sequence[Number | None]], band: tuple[Number, Number] | None, width: int, height: int
) -> Frame:
    known = [value for values in series for value in values if value is not None]
    known += list(band or ())
    low, high = (min(known), max(known)) if known else (0, 1)
    spare = (high - low) * 0.08 or 1
    return Frame(width, height, low - spare, high + spare)


def _svg(
    frame: Frame, title: str, description: str, parts: Sequence[Markup], classes: str = "chart", stretch: bool = False
) -> Markup:
    label = f"{title}. {description}" if description else title
    return Markup('<svg class="{}" role="img" aria-label="{}" viewBox="0 0 {} {}"{}><title>{}</title>{}</svg>').format(
        classes,
        label,
        frame.width,
        frame.height,
        Markup(' preserveAspectRatio="none"') if stretch else _EMPTY,
        title,
        Markup("").join(parts),
    )


def _band(frame: Frame, band: tuple[Number, Number] | None) -> Markup:
    if band is None:
        return _EMPTY
    top, bottom = frame.y(band[1]), frame.y(band[0])
    return Markup('<rect class="band" x="{}" y="{}" width="{}" height="{}"/>').format(
        frame.left, top, frame.width - frame.left - frame.right, round(bottom - top, 2)
    )


def _line(frame: Frame, values: Sequence[Number | None], number: int) -> Markup:
    steps = max(len(values) - 1, 1)
    path, pen = [], "M"
    for at, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        path.append(f"{pen}{frame.x(at / steps)} {frame.y(value)}")
        pen = "L"
    return Markup('<path class="series s{}" d="{}"/>').format(number, "".join(path))


def _last_dot(frame: Frame, values: Sequence[Number | None], number: int, band: tuple[Number, Number] | None) -> Markup:
    known = _known(values)
    if not known:
        return _EMPTY
    at, value = known[-1]
    return _dot(frame.x(at / max(len(values) - 1, 1)), frame.y(value), number, _outside(value, band))


def _dot(x: float, y: float, number: int, outside: bool) -> Markup:
    return Markup('<circle class="dot s{}{}" cx="{}" cy="{}" r="3"/>').format(number, " out" if outside else "", x, y)


def _scale(frame: Frame) -> Markup:
    marks = []
    for value in (frame.low, (frame.low + frame.high) / 2, frame.high):
        y = frame.y(value)
        marks.append(
            Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
                frame.left, frame.width - frame.right, y, y
            )
        )
        marks.append(_label(frame.left - 4, y + 3, _figure(value), "end"))
    return Markup("").join(marks)


def _target(frame: Frame, target: Number | None) -> Markup:
    if target is None:
        return _EMPTY
    y = frame.y(target)
    return Markup('<line class="target" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
        frame.left, frame.width - frame.right, y, y
    )


def _round_above(value: Number) -> int:
    """The first round even number that is not below a value: 2, 4, 6, 8, 10, 20, 40 … Its half is whole, too."""
    power: int = 10 ** (len(str(int(value))) - 1)
    return next(times * power for times in (2, 4, 6, 8, 10, 20) if times * power >= value)


def _label(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(round(x, 2), round(y, 2), anchor, text)


def _anchor(at: int, count: int) -> str:
    return "start" if at == 0 else "end" if at == count - 1 else "middle"


def _known(values: Sequence[Number | None]) -> list[tuple[int, Number]]:
    return [(at, value) for at, value in enumerate(values) if value is not None]


def _outside(value: Number, band: tuple[Number, Number] | None) -> bool:
    return band is not None and not band[0] <= value <= band[1]


def _told(series: Sequence[Sequence[Number | None]], band: tuple[Number, Number] | None) -> str:
    said = ["; ".join(_figure(value) for _at, value in _known(values)) for values in series]
    return " | ".join(said) + (f" ({_figure(band[0])}–{_figure(band[1])})" if band else "")


def _figure(value: Number) -> str:
    return f"{value:.1f}".removesuffix(".0").replace(".", ",")
