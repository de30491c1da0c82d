"""Small charts of scores as SVG, made without a library, for reports to hold inline.

Their colours are CSS variables of the page, which sets them for light and dark mode. Horizontal
positions are in percent and vertical ones in pixels, so that a chart is as wide as its place while its
text keeps the size that charts.css sets.
"""

from collections.abc import Sequence
from itertools import pairwise

from deepfake.core.labels import FAKE, LABEL_NAMES, REAL, UNDECIDED
from deepfake.model.operating_points import Thresholds
from deepfake.predict.result import FaceFrame, Interval

WIDTH = 100  # of a chart, in percent, as all horizontal positions
GAUGE_HEIGHT, BAR_TOP, BAR_HEIGHT = 92, 26, 18  # pixels, as all vertical positions
END = 2  # percent left and right of the gauge
LINE_HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 170, 14, 2, 12, 28  # of the timeline, with its margins
INSET = 2  # percent between the margins of the timeline and its first and last frame
TICKS = (0.0, 0.5, 1.0)
# Half of the width of the text that may be cut off, in percent of the narrowest chart (280 pixels).
HALF_SCORE, HALF_THRESHOLDS = 6, 31
MARKS = {  # a shape for each verdict, around 0, 0
    LABEL_NAMES[FAKE]: '<path d="M0 -6 6 5 -6 5Z"/>',
    LABEL_NAMES[REAL]: '<circle r="5"/>',
    UNDECIDED: '<path d="M0 -6 6 0 0 6 -6 0Z"/>',
}


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
    x = _inside((edges[0] + edges[-1]) / 2, HALF_THRESHOLDS)
    parts.append(_text(x, GAUGE_HEIGHT - 6, threshold_text(thresholds), "middle"))
    parts.append(_text(start, BAR_TOP + BAR_HEIGHT + 20, "0 REAL", "start"))
    parts.append(_text(end, BAR_TOP + BAR_HEIGHT + 20, "FAKE 1", "end"))
    if interval is not None:
        low, high = map(_gauge_x, interval)
        parts.append(_line(low, middle, high, middle, "interval"))
        parts += [_line(edge, middle - 6, edge, middle + 6, "interval") for edge in (low, high)]
    if score is not None:
        x = _gauge_x(score)
        parts.append(f'<circle class="score" cx="{x:.2f}%" cy="{middle:.1f}" r="7"/>')
        parts.append(
            _text(_inside(x, HALF_SCORE), BAR_TOP - 10, f"{score:.2f}", "middle", "strong")
        )
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
    parts += [_text(LEFT - 2, _timeline_y(value) + 5, f"{value:g}", "end") for value in TICKS]
    for threshold in _edges(thresholds):
        y = _timeline_y(threshold)
        parts.append(_line(LEFT, y, WIDTH - RIGHT, y, "threshold dashed"))
    parts += [_line(*start, *end, "curve") for start, end in pairwise(points)]
    for (x, y), one in zip(points, frames, strict=True):
        verdict = thresholds.verdict(one.score)
        mark = f"<title>frame {one.frame}: {one.score:.2f}</title>{MARKS[verdict]}"
        place = f'x="{x:.2f}%" y="{y:.1f}" overflow="visible"'
        parts.append(f'<svg class="dot {verdict.lower()}" {place}>{mark}</svg>')
    ends = [(LEFT + INSET, first, "start")]
    ends += [(WIDTH - RIGHT - INSET, last, "end")] if last > first else []
    parts += [
        _text(x, LINE_HEIGHT - 6, f"{time:.1f}{unit}" if unit else f"frame {time:.0f}", anchor)
        for x, time, anchor in ends
    ]
    return _svg(LINE_HEIGHT, "score of each frame over time", parts)


def timeline_points(frames: Sequence[FaceFrame]) -> list[tuple[float, float]]:
    """The position of each frame on the timeline: percent from the left, pixels from the top."""
    times = _times(frames)
    first, last = min(times, default=0.0), max(times, default=0.0)
    span = (last - first) or 1.0
    inner = WIDTH - LEFT - RIGHT
    return [
        (LEFT + INSET + (inner - 2 * INSET) * (time - first) / span, _timeline_y(one.score))
        for time, one in zip(times, frames, strict=True)
    ]


def _times(frames: Sequence[FaceFrame]) -> list[float]:
    """Time of each frame in seconds, or its number if there is no frame rate."""
    return [one.frame if one.seconds is None else one.seconds for one in frames]


def _gauge_x(score: float) -> float:
    return END + (WIDTH - 2 * END) * score


def _inside(x: float, half_width: float) -> float:
    """The position closest to `x` at which a text of twice `half_width` is not cut off."""
    return min(max(x, half_width), WIDTH - half_width)


def _timeline_y(score: float) -> float:
    return TOP + (LINE_HEIGHT - TOP - BOTTOM) * (1 - score)


def _svg(height: int, label: str, parts: Sequence[str]) -> str:
    return (
        f'<svg class="plot" height="{height}" role="img" aria-label="{label}">'
        + "".join(parts)
        + "</svg>"
    )


def _rect(x: float, y: float, width: float, height: float, css_class: str) -> str:
    position = f'x="{x:.2f}%" y="{y:.1f}" width="{width:.2f}%" height="{height:.1f}"'
    return f'<rect class="{css_class}" {position}/>'


def _line(x: float, y: float, to_x: float, to_y: float, css_class: str) -> str:
    ends = f'x1="{x:.2f}%" y1="{y:.1f}" x2="{to_x:.2f}%" y2="{to_y:.1f}"'
    return f'<line class="{css_class}" {ends}/>'


def _text(x: float, y: float, text: str, anchor: str, css_class: str = "") -> str:
    position = f'x="{x:.2f}%" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{css_class}" {position}>{text}</text>'
