"""Small charts of scores as SVG, without a library, so that a report can hold them inline.

Their colours are CSS variables of the page, which has a light and a dark set of them. Their margins
have room for the larger letters that charts.css takes where they are shown small.
"""

from collections.abc import Sequence

from deepfake.predict.result import FaceFrame, Interval

WIDTH = 640  # of a chart, in its own units
GAUGE_HEIGHT, BAR_TOP, BAR_HEIGHT = 74, 26, 16
LINE_HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 150, 56, 8, 10, 24  # of the timeline, with its margins
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def gauge(score: float | None, threshold: float, interval: Interval | None) -> str:
    """A bar from 0 to 1 with the threshold, the interval and the score on it."""
    edge = _across(threshold)
    middle = BAR_TOP + BAR_HEIGHT / 2
    parts = [
        _rect(_across(0), BAR_TOP, edge - _across(0), BAR_HEIGHT, "real"),
        _rect(edge, BAR_TOP, _across(1) - edge, BAR_HEIGHT, "fake"),
        _line(edge, BAR_TOP - 6, edge, BAR_TOP + BAR_HEIGHT + 6, "threshold"),
        _text(_inside(edge, 80), GAUGE_HEIGHT - 8, f"threshold {threshold:.2f}", "middle"),
    ]
    if threshold > 0.25:
        parts.append(_text(_across(0), GAUGE_HEIGHT - 8, "0 REAL", "start"))
    if threshold < 0.75:
        parts.append(_text(_across(1), GAUGE_HEIGHT - 8, "FAKE 1", "end"))
    if interval is not None:
        low, high = map(_across, interval)
        parts.append(_line(low, middle, high, middle, "interval"))
        parts += [_line(end, middle - 6, end, middle + 6, "interval") for end in (low, high)]
    if score is not None:
        at = _across(score)
        parts.append(f'<circle class="score" cx="{at:.1f}" cy="{middle:.1f}" r="7"/>')
        parts.append(_text(_inside(at, 34), BAR_TOP - 10, f"{score:.2f}", "middle", "strong"))
    label = "no score" if score is None else f"score {score:.2f}, threshold {threshold:.2f}"
    return _svg(GAUGE_HEIGHT, label, parts)


def timeline(frames: Sequence[FaceFrame], threshold: float) -> str:
    """The scores of a person's frames over time, with the threshold as a dashed line.

    Frames are placed by their seconds, or by their numbers where there is no frame rate.
    """
    when = _moments(frames)
    unit = "" if any(one.seconds is None for one in frames) else " s"
    first, last = min(when, default=0.0), max(when, default=0.0)
    places = dots(frames)
    parts = [_line(LEFT, _up(value), WIDTH - RIGHT, _up(value), "grid") for value in TICKS]
    parts += [_text(LEFT - 6, _up(value) + 4, f"{value:g}", "end") for value in TICKS]
    parts.append(_line(LEFT, _up(threshold), WIDTH - RIGHT, _up(threshold), "threshold dashed"))
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts.append(f'<polyline class="curve" points="{path}"/>')
    for (x, y), one in zip(places, frames, strict=True):
        side = "fake" if one.score >= threshold else "real"
        title = f"<title>frame {one.frame}: {one.score:.2f}</title>"
        parts.append(f'<circle class="dot {side}" cx="{x:.1f}" cy="{y:.1f}" r="4">{title}</circle>')
    ends = [(LEFT + 8, first, "start")]
    ends += [(WIDTH - RIGHT - 8, last, "end")] if last > first else []
    parts += [
        _text(x, LINE_HEIGHT - 6, f"{at:.1f}{unit}" if unit else f"frame {at:.0f}", anchor)
        for x, at, anchor in ends
    ]
    return _svg(LINE_HEIGHT, "score of each frame over time", parts)


def dots(frames: Sequence[FaceFrame]) -> list[tuple[float, float]]:
    """Where the timeline puts each frame: x and y in units of the chart, from its left upper corner."""
    when = _moments(frames)
    first, last = min(when, default=0.0), max(when, default=0.0)
    span = (last - first) or 1.0
    inner = WIDTH - LEFT - RIGHT
    return [
        (LEFT + 8 + (inner - 16) * (at - first) / span, _up(one.score))
        for at, one in zip(when, frames, strict=True)
    ]


def _moments(frames: Sequence[FaceFrame]) -> list[float]:
    """When each frame is shown, in seconds or by its number."""
    return [one.frame if one.seconds is None else one.seconds for one in frames]


def _across(value: float) -> float:
    """Place of a score on the gauge."""
    return 10 + (WIDTH - 20) * value


def _inside(x: float, half: float) -> float:
    """The place nearest to `x` at which a text of twice `half` is not cut off."""
    return min(max(x, half), WIDTH - half)


def _up(value: float) -> float:
    """Place of a score on the timeline."""
    return TOP + (LINE_HEIGHT - TOP - BOTTOM) * (1 - value)


def _svg(height: int, label: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">'
        + "".join(parts)
        + "</svg>"
    )


def _rect(x: float, y: float, width: float, height: float, kind: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="{kind}" {place}/>'


def _line(x: float, y: float, to_x: float, to_y: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"/>'


def _text(x: float, y: float, words: str, anchor: str, kind: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{words}</text>'
