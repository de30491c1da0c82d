"""Two results side by side, in words and numbers."""

from deepfake.predict.result import Interval, Result

Row = tuple[str, str, str]


def comparison(first: Result, second: Result) -> list[Row]:
    """Rows of property, value of the first file, value of the second file."""
    values = [_values(result) for result in (first, second)]
    return [(name, values[0][name], values[1][name]) for name in values[0]]


def _values(result: Result) -> dict[str, str]:
    size = f"{result.video.width} × {result.video.height}" if result.video.width else "-"
    return {
        "file": result.path,
        "verdict": result.verdict,
        "score": "-" if result.score is None else f"{result.score:.2f}",
        "score range over frames (95 %)": _range_text(result.interval),
        "people": str(len(result.faces)),
        "frames with a face": f"{result.frames_with_face} of {result.frames}",
        "image size": size,
        "remark": "; ".join(filter(None, (result.reason, result.note))) or "-",
    }


def _range_text(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}"


def difference(first: Result, second: Result) -> str:
    """A sentence on which file is more suspicious, and whether the score ranges overlap."""
    if first.score is None or second.score is None:
        return "Scores can be compared only if both files have one."
    apart = abs(first.score - second.score)
    if apart < 0.005:
        return "Both files have the same score."
    higher = "first" if first.score > second.score else "second"
    sentence = f"The {higher} file scores {apart:.2f} higher"
    if first.interval is None or second.interval is None:
        return f"{sentence}, but there are too few frames for a score range."
    low, high = sorted((first.interval, second.interval))
    if low[1] >= high[0]:
        return f"{sentence}, but the score ranges overlap: other frames could reverse the order."
    return f"{sentence}, and the score ranges do not overlap."
