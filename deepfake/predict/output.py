"""Results as a table for people, as JSON, and as CSV."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from deepfake.base.text import printable
from deepfake.core.labels import FAKE, LABEL_NAMES, REAL, UNDECIDED
from deepfake.model.operating_points import Measured, OperatingPoint
from deepfake.predict.result import BORDERLINE, Face, Interval, Result
from deepfake.predict.worth import describe_thresholds, describe_worth

DIGITS = 6  # decimals of scores in JSON and CSV
COLORS = {
    LABEL_NAMES[FAKE]: "bold red",
    LABEL_NAMES[REAL]: "bold green",
    UNDECIDED: "bold yellow",
}
FILE_COLUMNS = (
    *("path", "verdict", "score", "low", "high", "frames_agree"),
    *("model", "model_version", "operating_point", "threshold", "real_below"),
    *("false_positive_rate", "false_negative_rate"),
    *("people", "frames", "frames_with_face", "coverage", "reason", "note"),
)
FRAME_COLUMNS = (
    *("path", "track", "frame", "seconds", "score", "left", "top", "right", "bottom"),
    *("model", "model_version"),
)


def as_record(result: Result, with_frames: bool) -> dict[str, Any]:
    """Everything except the crops, for JSON; single frames only `with_frames`."""
    return {
        "path": result.path,
        "verdict": result.verdict,
        "score": _rounded(result.score),
        "interval": _bounds(result.interval),
        "frames_agree": result.frames_agree,
        "model": asdict(result.model),
        "operating_point": result.operating_point.name,
        "threshold": _rounded(result.thresholds.fake_from),
        "real_below": _rounded(result.thresholds.real_below),
        "measured_on_test": _measured_record(result.operating_point.measured),
        "calibrated": result.calibrated,
        "reason": result.reason,
        "note": result.note,
        "status": result.video.status,
        "people": len(result.faces),
        "frames": result.frames,
        "frames_with_face": result.frames_with_face,
        "coverage": _rounded(result.coverage),
        "faces": [_face_record(face, with_frames) for face in result.faces],
    }


def as_json(result: Result, with_frames: bool) -> str:
    """`as_record` as one line."""
    return json.dumps(as_record(result, with_frames))


def _measured_record(measured: Measured | None) -> dict[str, Any] | None:
    """How often the operating point is wrong; the thresholds are in the record of the file."""
    if measured is None:
        return None
    return {name: value for name, value in asdict(measured).items() if name != "thresholds"}


def _face_record(face: Face, with_frames: bool) -> dict[str, Any]:
    record: dict[str, Any] = {
        "track": face.track,
        "score": _rounded(face.score),
        "interval": _bounds(face.interval),
        "reason": face.reason,
        "frames": len(face.frames),
        "coverage": _rounded(face.coverage),
    }
    if with_frames:
        record["scores"] = [
            {
                "frame": one.frame,
                "seconds": _rounded(one.seconds),
                "score": _rounded(one.score),
                "box": list(one.box),
            }
            for one in face.frames
        ]
    return record


def csv_header(with_frames: bool) -> str:
    """The first line of the CSV."""
    return csv_line(FRAME_COLUMNS if with_frames else FILE_COLUMNS)


def as_csv(result: Result, with_frames: bool) -> str:
    """One line for the file; `with_frames`, one line for each face in each frame instead."""
    return "\n".join(map(csv_line, _frame_rows(result) if with_frames else [file_row(result)]))


def file_row(result: Result) -> list[Any]:
    """The values of `FILE_COLUMNS`; None where there is none."""
    low, high = result.interval or (None, None)
    thresholds, measured = result.thresholds, result.operating_point.measured
    return [
        printable(result.path),
        result.verdict,
        *map(_rounded, (result.score, low, high)),
        result.frames_agree,
        result.model.name,
        result.model.version,
        result.operating_point.name,
        *map(_rounded, (thresholds.fake_from, thresholds.real_below)),
        measured and measured.false_positive_rate.value,
        measured and measured.false_negative_rate.value,
        len(result.faces),
        result.frames,
        result.frames_with_face,
        _rounded(result.coverage),
        printable(result.reason),
        printable(result.note),
    ]


def _frame_rows(result: Result) -> list[list[Any]]:
    path, model = printable(result.path), (result.model.name, result.model.version)
    return [
        [path, face.track, one.frame, _rounded(one.seconds), _rounded(one.score), *one.box, *model]
        for face in result.faces
        for one in face.frames
    ]


def csv_line(values: Iterable[Any]) -> str:
    """One line of CSV, without its end; booleans are true and false, as in JSON."""
    text = io.StringIO()
    row = [str(value).lower() if isinstance(value, bool) else value for value in values]
    csv.writer(text, lineterminator="").writerow(row)
    return text.getvalue()


def as_text(result: Result) -> str:
    """One line for people: verdict, score, file and remarks."""
    return "  ".join(
        filter(
            None,
            (
                f"{result.verdict:<{len(UNDECIDED)}}",
                _two_decimals(result.score),
                printable(result.path),
                _remarks(result),
            ),
        )
    )


def _remarks(result: Result) -> str:
    borderline = BORDERLINE if result.frames_agree is False else ""
    return printable("; ".join(filter(None, [result.reason, result.note, borderline])))


def new_table(point: OperatingPoint, calibrated: bool) -> Table:
    """The table for people, without rows.

    Args:
        point: the operating point of the verdicts.
        calibrated: whether the scores are probabilities.
    """
    lines = [
        f"Operating point: {point.name}. {describe_thresholds(point)}",
        describe_worth(point),
        "A score is a statistical hint, not a proof.",
    ]
    table = Table(
        caption="\n".join(filter(None, lines)),
        caption_justify="left",
        box=None,
        pad_edge=False,
    )
    table.add_column("verdict", no_wrap=True)
    title = "score" if calibrated else "score (not\ncalibrated)"
    table.add_column(title, no_wrap=True, justify="right")
    table.add_column("score range\nover frames (95 %)", no_wrap=True)
    table.add_column("people", no_wrap=True)
    table.add_column("frames", no_wrap=True)
    table.add_column("file", overflow="fold")
    table.add_column("remark", overflow="fold")
    return table


def add_rows(table: Table, result: Result, with_frames: bool) -> None:
    """Add a row for the file, one per person if there are several, and one per frame if wanted."""
    table.add_row(
        Text(result.verdict, COLORS[result.verdict]),
        _two_decimals(result.score),
        _range_text(result.interval),
        str(len(result.faces)),
        f"{result.frames_with_face} of {result.frames}",
        Text(printable(result.path)),
        Text(_remarks(result)),
    )
    for number, face in enumerate(result.people, 1):
        if with_frames or len(result.faces) > 1:
            _add_person(table, result, face, number)
        for one in face.frames if with_frames else ():
            time = "" if one.seconds is None else f", {one.seconds:.1f} s"
            name = Text(f"    frame {one.frame}{time}")
            table.add_row("", _two_decimals(one.score), "", "", "", name, "", style="dim")


def _add_person(table: Table, result: Result, face: Face, number: int) -> None:
    table.add_row(
        "",
        _two_decimals(face.score),
        _range_text(face.interval),
        "",
        f"{len(face.frames)} of {result.frames}",
        Text(f"  Person {number}"),
        face.reason,
        style="dim",
    )


def _two_decimals(score: float | None) -> str:
    return "-" if score is None else f"{score:.2f}"


def _range_text(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}"


def _bounds(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [round(bound, DIGITS) for bound in interval]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
