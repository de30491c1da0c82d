"""Curves of two revisions in one chart, as SVG that takes its colours from the page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from markupsafe import Markup

from deepfake.review.html import render

Point = tuple[float, float]
Interval = tuple[float, float]

WIDTH, HEIGHT = 320, 250  # of a chart, in units of its SVG, as all lengths here
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 12, 40  # margins
MAX_POINTS = 400  # of a line; more are closer together than a pixel
MAX_TICKS = 4
MAX_DOTS = 20  # points of a line that are drawn as dots too
UNIT: Interval = (0.0, 1.0)


@dataclass(frozen=True)
class Curve:
    """What to draw of a table.

    Attributes:
        title: of the chart.
        x, y: columns.
        x_label, y_label: of the axes.
        x_range, y_range: of the axes; None for that of the values.
        reference: a line to compare with, such as that of chance.
    """

    title: str
    x: str
    y: str
    x_label: str
    y_label: str
    x_range: Interval | None = UNIT
    y_range: Interval | None = UNIT
    reference: Sequence[Point] = ()


def draw(curve: Curve, old: pd.DataFrame | None, new: pd.DataFrame | None) -> Markup:
    """One chart as SVG, with a line for each table that there is.

    Args:
        curve: what to draw.
        old, new: with the columns of `curve`; rows without a value are left out.
    """
    lines = {side: _points(curve, table) for side, table in (("old", old), ("new", new))}
    points = [point for line in lines.values() for point in line]
    x_ticks, y_ticks = (
        _ticks(given or _range([point[axis] for point in points]))
        for axis, given in enumerate((curve.x_range, curve.y_range))
    )
    place = partial(_place, (x_ticks[0], x_ticks[-1]), (y_ticks[0], y_ticks[-1]))
    return Markup(
        render(
            "chart.html",
            curve=curve,
            size=(WIDTH, HEIGHT),
            frame=(LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM),
            x_ticks=[(place((tick, y_ticks[0]))[0], f"{tick:g}") for tick in x_ticks],
            y_ticks=[(place((x_ticks[0], tick))[1], f"{tick:g}") for tick in y_ticks],
            reference=_path(curve.reference, place),
            lines={side: _path(line, place) for side, line in lines.items() if line},
            dots={
                side: [place(point) for point in line]
                for side, line in lines.items()
                if len(line) <= MAX_DOTS
            },
        )
    )


def _points(curve: Curve, table: pd.DataFrame | None) -> list[Point]:
    if table is None:
        return []
    rows = table[[curve.x, curve.y]].dropna().astype(float)
    places = np.linspace(0, len(rows) - 1, min(len(rows), MAX_POINTS)).round().astype(int)
    chosen = rows.iloc[places]
    return [(x, y) for x, y in chosen.itertuples(index=False)]


def _range(values: Sequence[float]) -> Interval:
    return (min(values), max(values)) if values else UNIT


def _ticks(limits: Interval) -> list[float]:
    """Round numbers whose first and last enclose the limits."""
    from matplotlib.ticker import MaxNLocator  # takes half a second

    values = MaxNLocator(MAX_TICKS, steps=[1, 2, 2.5, 5, 10]).tick_values(*limits)
    return [float(value) for value in np.round(values, 6)]


def _place(x_range: Interval, y_range: Interval, point: Point) -> Point:
    """The position of a point, from the upper left corner."""
    x, y = (
        (value - low) / ((high - low) or 1.0)
        for value, (low, high) in zip(point, (x_range, y_range), strict=True)
    )
    return LEFT + x * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y * (HEIGHT - TOP - BOTTOM)


def _path(points: Sequence[Point], place: Callable[[Point], Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, points))
