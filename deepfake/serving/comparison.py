"""Two results side by side, in words and numbers: of two files, or of two models for one file."""

from deepfake.core.labels import UNDECIDED
from deepfake.predict.result import Interval, Result
from deepfake.predict.worth import describe_thresholds, describe_worth

Row = tuple[str, str, str]


def comparison(first: Result, second: Result) -> list[Row]:
    """Rows of property, value of the first file, value of the second file."""
    return _rows(_file_values(first), _file_values(second))


def model_comparison(first: Result, second: Result) -> list[Row]:
    """Rows of property, value of the first model, value of the second model, for one file."""
    return _rows(_model_values(first), _model_values(second))


def _rows(first: dict[str, str], second: dict[str, str]) -> list[Row]:
    return [(name, first[name], second[name]) for name in first]


def _file_values(result: Result) -> dict[str, str]:
    size = f"{result.video.width} × {result.video.height}" if result.video.width else "-"
    people = {"people": str(len(result.faces)), "image size": size}
    return {"file": result.path, **_verdict_values(result), **people}


def _model_values(result: Result) -> dict[str, str]:
    point = result.operating_point
    return {
        "model": f"{result.model.name}, version {result.model.version}",
        **_verdict_values(result),
        "operating point": f"{point.name}. {describe_thresholds(point)}",
        "measured error rates": describe_worth(point) or "unknown",
    }


def _verdict_values(result: Result) -> dict[str, str]:
    return {
        "verdict": result.verdict,
        "score": "-" if result.score is None else f"{result.score:.2f}",
        "score range over frames (95 %)": _range_text(result.interval),
        "frames with a face": f"{result.frames_with_face} of {result.frames}",
        "remark": "; ".join(filter(None, (result.reason, result.note))) or "-",
    }


def _range_text(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}"


def difference(first: Result, second: Result) -> str:
    """A sentence on which file is more suspicious, and whether the score ranges overlap."""
    if first.score is None or second.score is None:
        return "Scores can be compared only if both files have one."
    apart = abs(round(first.score, 2) - round(second.score, 2))  # as they are shown
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


def agreement(first: Result, second: Result) -> str:
    """A sentence on whether two models give a file the same verdict, and what that means."""
    if first.verdict == second.verdict == UNDECIDED:
        return "Neither model gives a verdict."
    if first.verdict == second.verdict:
        return (
            f"Both models say {first.verdict}. Models that learnt from the same data can be wrong for"
            " the same reason."
        )
    return (
        f"The models differ: {first.verdict} and {second.verdict}. Compare their error rates. Scores"
        " of different models have different scales."
    )
