"""Two results beside each other, in words and numbers."""

from deepfake.predict.result import Interval, Result

Row = tuple[str, str, str]


def comparison(first: Result, second: Result) -> list[Row]:
    """What is compared, and its value in either file."""
    rows = [_values(result) for result in (first, second)]
    return [(name, rows[0][name], rows[1][name]) for name in rows[0]]


def _values(result: Result) -> dict[str, str]:
    picture = f"{result.video.width} × {result.video.height}" if result.video.width else "-"
    return {
        "file": result.path,
        "verdict": result.verdict,
        "score": "-" if result.score is None else f"{result.score:.2f}",
        "95 % range": _range(result.interval),
        "people": str(len(result.faces)),
        "frames with a face": f"{result.frames_with_face} of {result.frames}",
        "picture": picture,
        "remark": "; ".join(filter(None, (result.reason, result.note))) or "-",
    }


def _range(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}"


def difference(first: Result, second: Result) -> str:
    """A sentence on which file is the more suspicious, and whether that is more than chance."""
    if first.score is None or second.score is None:
        return "Scores can be compared only where both files have one."
    apart = abs(first.score - second.score)
    if apart < 0.005:
        return "Both files have the same score."
    higher = "first" if first.score > second.score else "second"
    words = f"The {higher} file scores {apart:.2f} higher"
    if first.interval is None or second.interval is None:
        return f"{words}; there are too few frames to say how steady that is."
    low, high = sorted((first.interval, second.interval))
    if low[1] >= high[0]:
        return f"{words}, but their 95 % ranges overlap: other frames might turn it around."
    return f"{words}, and their 95 % ranges do not overlap."
