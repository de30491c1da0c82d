"""Scores of videos in git: with names, with digests of the names, or none."""

from pathlib import Path

import pandas as pd
import pytest

from deepfake.core.tables import read_csv, write_csv
from deepfake.evaluation.score_files import read_scores
from deepfake.evaluation.score_tables import COLUMNS, FLOAT_FORMAT, name_digest, score_table

VIDEOS = pd.DataFrame(
    {
        "video_id": ["d/swap//b", "d/real//007", "d/real//a"],
        "dataset": "d",
        "path": ["fake/b.mp4", "007.mp4", "a.mp4"],
        "label": [1, 0, 0],
        "method": ["swap", "real", "real"],
        "group": [4, 5, 5],
        "score": [0.123456789, float("nan"), 0.00001234567],
        "verdict": ["REAL", "UNDECIDED", "REAL"],
        "reason": ["", "no face found", ""],
        "track": [0, float("nan"), 1],
        "frames": [6, float("nan"), 3],
    }
)


def written(path: Path, videos: pd.DataFrame = VIDEOS) -> list[str]:
    write_csv(path, score_table(videos, "names"), FLOAT_FORMAT)
    return path.read_text().splitlines()


def test_a_row_per_video_sorted_by_its_name(tmp_path: Path) -> None:
    header, *rows = written(tmp_path / "test.tsv")
    assert header.split("\t") == COLUMNS
    assert rows == [
        "d/real//007\t0\treal\td\t5\t\tUNDECIDED\tno face found\t",
        "d/real//a\t0\treal\td\t5\t1.2346e-05\tREAL\t\t3",
        "d/swap//b\t1\tswap\td\t4\t0.12346\tREAL\t\t6",
    ]
    assert written(tmp_path / "test.tsv", VIDEOS[::-1]) == [header, *rows]


def test_the_file_can_be_read_again_also_by_deepfake_evaluate(tmp_path: Path) -> None:
    written(tmp_path / "test.tsv")
    assert read_csv(tmp_path / "test.tsv")["reason"].tolist() == ["no face found", "", ""]
    scores = read_scores(tmp_path / "test.tsv", "high")
    assert scores.columns == ("video_id", "score")
    assert scores.rows["label"].tolist() == [0, 0, 1]


def test_digests_are_stable_and_hide_the_names() -> None:
    table = score_table(VIDEOS, "digests")
    assert {*table["video_id"]} == {name_digest(name) for name in VIDEOS["video_id"]}
    assert table["video_id"].is_monotonic_increasing
    others = [column for column in COLUMNS if column != "video_id"]
    by_digest = table.set_index("video_id")[others]
    named = VIDEOS.assign(video_id=VIDEOS["video_id"].map(name_digest)).set_index("video_id")
    pd.testing.assert_frame_equal(by_digest.sort_index(), named[others].sort_index())
    text = table.to_csv()
    assert not any(name in text for name in [*VIDEOS["video_id"], *VIDEOS["path"]])


@pytest.mark.parametrize(("videos", "names"), [(VIDEOS, "none"), (VIDEOS[:0], "names")])
def test_without_rows_the_columns_remain(videos: pd.DataFrame, names: str) -> None:
    table = score_table(videos, names)  # type: ignore[arg-type]
    assert table.empty
    assert list(table) == COLUMNS
