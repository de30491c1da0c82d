"""Small charts of scores as SVG, made without a library, for reports to hold inline.

Their colours are CSS variables of the page, which sets them for light and dark mode. Their margins
leave room for the larger text that charts.css sets on narrow screens.
"""

from collections.abc import Sequence

from deepfake.model.operating_points import Thresholds
from deepfake.predict.result import FaceFrame, Interval

WIDTH = 640  # of a chart, in units of its SVG, as all lengths here
GAUGE_HEIGHT, BAR_TOP, BAR_HEIGHT = 74, 26, 16
LINE_HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 150, 56, 8, 10, 24  # of the timeline, with its margins
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def gauge(score: float | None, thresholds: Thresholds, interval: Interval | None) -> str:
    """A bar from 0 to 1 with the thresholds, the interval and the score on it."""
    edges = [_gauge_x(threshold) for threshold in _edges(thresholds)]
    start, end = _gauge_x(0), _gauge_x(1)
    middle = BAR_TOP + BAR_HEIGHT / 2
    parts = [
        _rect(start, BAR_TOP, edges[0] - start, BAR_HEIGHT, "real"),
        _rect(edges[0], BAR_TOP, edges[-1] - edges[0], BAR_HEIGHT, "undecided"),
        _rect(edges[-1], BAR_TOP, end - edges[-1], BAR_HEIGHT, "fake"),
        *(_line(x, BAR_TOP - 6, x, BAR_TOP + BAR_HEIGHT + 6, "threshold") for x in edges),
    ]
    x = _inside((edges[0] + edges[-1]) / 2, 80)
    parts.append(_text(x, GAUGE_HEIGHT - 8, threshold_text(thresholds), "middle"))
    if x > 0.25 * WIDTH:
        parts.append(_text(start, GAUGE_HEIGHT - 8, "0 REAL", "start"))
    if x < 0.75 * WIDTH:
        parts.append(_text(end, GAUGE_HEIGHT - 8, "FAKE 1", "end"))
    if interval is not None:
        low, high = map(_gauge_x, interval)
        parts.append(_line(low, middle, high, middle, "interval"))
        parts += [_line(end, middle - 6, end, middle + 6, "interval") for end in (low, high)]
    if score is not None:
        x = _gauge_x(score)
        parts.append(f'<circle class="score" cx="{x:.1f}" cy="{middle:.1f}" r="7"/>')
        parts.append(_text(_inside(x, 34), BAR_TOP - 10, f"{score:.2f}", "middle", "strong"))
    label = "no score" if score is None else f"score {score:.2f}, {threshold_text(thresholds)}"
    return _svg(GAUGE_HEIGHT, label, parts)


def threshold_text(thresholds: Thresholds) -> str:
    """The threshold, or both, in a few words.

    >>> threshold_text(Thresholds(0.2, 0.7))
    'thresholds 0.20 and 0.70'
    """
    edges = " and ".join(f"{threshold:.2f}" for threshold in _edges(thresholds))
    return f"threshold{'s' if thresholds.leave_undecided else ''} {edges}"


def _edges(thresholds: Thresholds) -> list[float]:
    """The different thresholds, in ascending order."""
    return sorted({thresholds.real_below, thresholds.fake_from})


def timeline(frames: Sequence[FaceFrame], thresholds: Thresholds) -> str:
    """The scores of a person's frames over time, with the thresholds as dashed lines.

    The horizontal position of a frame is its time in seconds, or its number if there is no frame
    rate.
    """
    times = _times(frames)
    unit = "" if any(one.seconds is None for one in frames) else " s"
    first, last = min(times, default=0.0), max(times, default=0.0)
    points = timeline_points(frames)
    parts = [
        _line(LEFT, _timeline_y(value), WIDTH - RIGHT, _timeline_y(value), "grid")
        for value in TICKS
    ]
    parts += [_text(LEFT - 6, _timeline_y(value) + 4, f"{value:g}", "end") for value in TICKS]
    for threshold in _edges(thresholds):
        y = _timeline_y(threshold)
        parts.append(_line(LEFT, y, WIDTH - RIGHT, y, "threshold dashed"))
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts.append(f'<polyline class="curve" points="{path}"/>')
    for (x, y), one in zip(points, frames, strict=True):
        side = thresholds.verdict(one.score).lower()
        title = f"<title>frame {one.frame}: {one.score:.2f}</title>"
        parts.append(f'<circle class="dot {side}" cx="{x:.1f}" cy="{y:.1f}" r="4">{title}</circle>')
    ends = [(LEFT + 8, first, "start")]
    ends += [(WIDTH - RIGHT - 8, last, "end")] if last > first else []
    parts += [
        _text(x, LINE_HEIGHT - 6, f"{time:.1f}{unit}" if unit else f"frame {time:.0f}", anchor)
        for x, time, anchor in ends
    ]
    return _svg(LINE_HEIGHT, "score of each frame over time", parts)


def timeline_points(frames: Sequence[FaceFrame]) -> list[tuple[float, float]]:
    """The position of each frame on the timeline: x and y from its upper left corner."""
    times = _times(frames)
    first, last = min(times, default=0.0), max(times, default=0.0)
    span = (last - first) or 1.0
    inner = WIDTH - LEFT - RIGHT
    return [
        (LEFT + 8 + (inner - 16) * (time - first) / span, _timeline_y(one.score))
        for time, one in zip(times, frames, strict=True)
    ]


def _times(frames: Sequence[FaceFrame]) -> list[float]:
    """Time of each frame in seconds, or its number if there is no frame rate."""
    return [one.frame if one.seconds is None else one.seconds for one in frames]


def _gauge_x(score: float) -> float:
    return 10 + (WIDTH - 20) * score


def _inside(x: float, half_width: float) -> float:
    """The position closest to `x` at which a text of twice `half_width` is not cut off."""
    return min(max(x, half_width), WIDTH - half_width)


def _timeline_y(score: float) -> float:
    return TOP + (LINE_HEIGHT - TOP - BOTTOM) * (1 - score)


def _svg(height: int, label: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">'
        + "".join(parts)
        + "</svg>"
    )


def _rect(x: float, y: float, width: float, height: float, css_class: str) -> str:
    position = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="{css_class}" {position}/>'


def _line(x: float, y: float, to_x: float, to_y: float, css_class: str) -> str:
    return f'<line class="{css_class}" x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str, css_class: str = "") -> str:
    return f'<text class="{css_class}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
