"""Files with the scores of other detectors: a name and a score per video, in CSV or JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from deepfake.base.errors import DeepfakeError, format_list, repeated_rows
from deepfake.core.labels import LABEL_NAMES

Polarity = Literal["high", "low"]  # the scores that mean FAKE

# Names of columns in any case, those that say most first.
NAME_COLUMNS = (
    *("video_id", "path", "file_path", "filepath", "file", "filename", "file_name"),
    *("video", "image", "name"),
)
SCORE_COLUMNS = (
    *("score", "scores", "fake_score", "fake_prob", "prob_fake", "prob", "probability", "y_score"),
    *("logit", "prediction", "pred", "output"),
)
LABEL_COLUMNS = ("label", "correct_label", "true_label", "ground_truth", "gt", "y_true")
LABELS = {text: label for label, name in LABEL_NAMES.items() for text in (str(label), name.lower())}


class ScoreFileError(DeepfakeError):
    """A file of scores, or the split it belongs to, cannot be used."""


@dataclass(frozen=True)
class ScoreFile:
    """The rows of a file of scores.

    Attributes:
        path: the file.
        rows: row (its number in the file), name, score (NaN if empty) and, where the file has them, label, method and group.
        columns: names in the file of the columns of names and scores.
        fake: the scores of the file that mean FAKE.
        threshold: the value of a column of that name, if there is one; scores from here on (up to
            here, if low ones mean FAKE) are FAKE.
        probabilities: whether all scores are within 0 to 1.
    """

    path: Path
    rows: pd.DataFrame
    columns: tuple[str, str]
    fake: Polarity
    threshold: float | None
    probabilities: bool


def read_scores(path: Path, fake: Polarity) -> ScoreFile:
    """Read a CSV, TSV or JSON file with a name and a score per video.

    JSON is a list of records or an object of columns, also below one key. Columns are found by the
    names in `NAME_COLUMNS`, `SCORE_COLUMNS` and `LABEL_COLUMNS`, in any case.

    Args:
        path: the file.
        fake: "high" if high scores mean FAKE, "low" if low ones do.

    Raises:
        ScoreFileError: the file cannot be read, lacks a column, names a video twice, or has scores
            or labels that are none; the message names the rows.
    """
    table, first_row = _read_table(path)
    table.columns = [str(name).strip().lower() for name in table.columns]
    if not table.columns.is_unique:
        raise ScoreFileError(
            f"{path} has several columns of one name: {', '.join(map(str, table))}"
        )
    name, score = (
        _find_column(table, path, kind, choices)
        for kind, choices in (("names", NAME_COLUMNS), ("scores", SCORE_COLUMNS))
    )
    label = next((column for column in LABEL_COLUMNS if column in table), None)
    rows = pd.DataFrame({"row": range(first_row, first_row + len(table))})
    rows["name"] = [text.strip().replace("\\", "/").removeprefix("./") for text in table[name]]
    rows["score"] = _numbers(table[score], rows["row"], path)
    if label:
        rows["label"] = _labels(table[label], rows["row"], path)
    for column in ("method", "group"):
        if column in table:
            rows[column] = table[column]
    check_unique(rows, "name", path)
    probabilities = bool(rows["score"].dropna().between(0, 1).all())
    threshold = _common_threshold(table)
    return ScoreFile(path, rows, (name, score), fake, threshold, probabilities)


def _read_table(path: Path) -> tuple[pd.DataFrame, int]:
    """The table as text, and the number that its first row has in the file."""
    try:
        if path.suffix.lower() == ".json":
            return _from_json(json.loads(path.read_text(encoding="utf-8"))), 1
        with path.open(encoding="utf-8") as file:
            header = file.readline()
        separator = max(",;\t", key=header.count)
        return pd.read_csv(path, dtype=str, keep_default_na=False, sep=separator), 2
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ScoreFileError(
            f"{path} cannot be read as a table ({error}): give a CSV file with a header, or JSON"
        ) from error


def _from_json(content: Any) -> pd.DataFrame:
    while isinstance(content, dict) and len(content) == 1:
        (content,) = content.values()
    table = pd.DataFrame(content)
    return table.map(lambda value: "" if value is None else str(value))


def _common_threshold(table: pd.DataFrame) -> float | None:
    """The threshold in every row, as `deepfake predict --csv` writes it."""
    values = {*table["threshold"]} if "threshold" in table else set()
    number = pd.to_numeric(values.pop(), errors="coerce") if len(values) == 1 else np.nan
    return float(number) if np.isfinite(number) else None


def _find_column(table: pd.DataFrame, path: Path, kind: str, choices: Sequence[str]) -> str:
    found = next((column for column in choices if column in table), None)
    if found is None:
        raise ScoreFileError(
            f"{path} has no column of {kind}: call it {choices[0]}, or one of"
            f" {', '.join(choices[1:])} (columns: {', '.join(map(str, table))})"
        )
    return found


def _numbers(texts: pd.Series, rows: pd.Series, path: Path) -> pd.Series:
    """The scores; NaN where there is none."""
    stripped = texts.str.strip().str.lower()
    empty = stripped.isin(["", "nan", "none", "null", "na"])
    numbers = pd.to_numeric(stripped.where(~empty), errors="coerce")
    wrong = (numbers.isna() & ~empty) | np.isinf(numbers)
    _check_rows(texts, rows, wrong, f"{path} has scores that are no finite numbers:")
    return numbers.astype(float)


def _labels(texts: pd.Series, rows: pd.Series, path: Path) -> pd.Series:
    labels = texts.str.strip().str.lower().str.removesuffix(".0").map(LABELS)
    title = f"{path} has invalid labels, use REAL or 0 and FAKE or 1:"
    _check_rows(texts, rows, labels.isna(), title)
    return labels.astype(int)


def _check_rows(texts: pd.Series, rows: pd.Series, wrong: pd.Series, title: str) -> None:
    if wrong.any():
        lines = [f"row {rows[i]}: {texts[i]!r}" for i in texts.index[wrong]]
        raise ScoreFileError(format_list(title, lines))


def check_unique(rows: pd.DataFrame, column: str, path: Path) -> None:
    """Raise ScoreFileError, which names the rows, if several have the same value in a column."""
    if repeated := repeated_rows(rows["row"], rows[column]):
        raise ScoreFileError(format_list(f"{path}: keep one row for each video:", repeated))
