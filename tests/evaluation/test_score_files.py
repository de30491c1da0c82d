"""Files with the scores of other detectors, and the videos of a split that they belong to."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepfake.core.labels import UNDECIDED
from deepfake.core.roc import roc_auc
from deepfake.core.tables import write_csv
from deepfake.evaluation.score_files import ScoreFileError, read_scores
from deepfake.evaluation.score_matching import (
    EMPTY_SCORE,
    NOT_IN_FILE,
    compare_auc,
    complete_split,
    match_scores,
    own_split,
    read_split,
)
from deepfake.params.schema import Params

SPLIT = pd.DataFrame(
    {
        "video_id": ["d/real/a", "d/real/b", "d/swap/a", "d/swap/c"],
        "dataset": "d",
        "path": ["real/a.mp4", "real/b.mp4", "fake/swap/a.mp4", "fake/swap/c.avi"],
        "label": [0, 0, 1, 1],
        "method": ["real", "real", "swap", "swap"],
        "group": [3, 3, 5, 7],
    }
)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "video_id,score\nx,0.25\ny,\n",
        "File;Prob\nx;0.25\ny;NaN\n",
        "filename\tsomething\tPRED\nx\t9\t0.25\ny\t9\t\n",
        "prediction,name\n0.25, x \nnone,./y\n",
    ],
)
def test_columns_are_found_by_many_names(tmp_path: Path, text: str) -> None:
    rows = read_scores(write(tmp_path / "scores.csv", text), "high").rows
    assert rows["name"].tolist() == ["x", "y"]
    assert rows["row"].tolist() == [2, 3]
    np.testing.assert_array_equal(rows["score"], [0.25, np.nan])


@pytest.mark.parametrize(
    "content",
    [
        [{"path": "x", "score": 0.25}, {"path": "y", "score": None}],
        {"path": ["x", "y"], "score": [0.25, None]},
        {"video": {"name": ["x", "y"], "pred": [0.25, None], "klass": [["a"], ["b"]]}},
    ],
)
def test_json(tmp_path: Path, content: object) -> None:
    rows = read_scores(write(tmp_path / "scores.json", json.dumps(content)), "high").rows
    assert rows["name"].tolist() == ["x", "y"]
    np.testing.assert_array_equal(rows["score"], [0.25, np.nan])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as a table"),
        ("score\n1\n", "no column of names: call it video_id, or one of path"),
        ("path,value\na,1\n", r"no column of scores: .* \(columns: path, value\)"),
        ("path,score\na,1\nb,high\nc,inf\n", "row 3: 'high'\n  row 4: 'inf'"),
        ("path,score,label\na,1,yes\n", "row 2: 'yes'"),
        ("path,score\na,1\nb,0\na,0\n", "rows 2 and 4 are of a"),
        ("path,score,Score\na,1,1\n", "several columns of one name"),
    ],
)
def test_an_unusable_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ScoreFileError, match=message):
        read_scores(write(tmp_path / "scores.csv", text), "high")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ScoreFileError, match=r"none\.csv cannot be read"):
        read_scores(tmp_path / "none.csv", "high")
    with pytest.raises(ScoreFileError, match="dvc repro split"):
        read_split(tmp_path / "none.csv")


@pytest.mark.parametrize(
    "name",
    [
        *("d/swap/c", "fake/swap/c.avi", "d/fake/swap/c.avi", "c.avi", "c"),
        *("/data/d/fake/swap/c.avi", "swap\\c.avi"),
    ],
)
def test_a_video_is_found_by_any_of_its_names(tmp_path: Path, name: str) -> None:
    scores = read_scores(write(tmp_path / "scores.csv", f"path,score\n{name},0.75\n"), "high")
    matched = match_scores(scores, SPLIT)
    videos = matched.videos.set_index("video_id")
    assert videos["score"].dropna().to_dict() == {"d/swap/c": 0.75}
    assert videos["verdict"].to_dict() == {
        **dict.fromkeys(SPLIT["video_id"], UNDECIDED),
        "d/swap/c": "FAKE",
    }
    assert matched.unknown == []


def test_every_video_and_every_row_is_counted(tmp_path: Path) -> None:
    """A file of another folder is not taken for the one of that name that the split has."""
    text = "path,score\nreal/a.mp4,0.1\nreal/b.mp4,\nother/c.avi,0.9\nz.mp4,0.9\n"
    matched = match_scores(read_scores(write(tmp_path / "s.csv", text), "high"), SPLIT)
    assert matched.videos["reason"].tolist() == ["", EMPTY_SCORE, NOT_IN_FILE, NOT_IN_FILE]
    assert matched.videos["verdict"].tolist() == ["REAL", *[UNDECIDED] * 3]
    assert matched.unknown == ["other/c.avi", "z.mp4"]


def test_a_name_that_fits_two_videos_and_two_names_of_one(tmp_path: Path) -> None:
    for text, message in (
        ("path,score\na.mp4,1\n", r"a\.mp4: d/real/a, d/swap/a"),
        ("path,score\nc.avi,1\nb,0\nd/swap/c,1\n", "rows 2 and 4 are of d/swap/c"),
    ):
        scores = read_scores(write(tmp_path / "scores.csv", text), "high")
        with pytest.raises(ScoreFileError, match=message):
            match_scores(scores, SPLIT)


def test_low_scores_that_mean_fake(tmp_path: Path) -> None:
    text = "path,score\nreal/a.mp4,0.9\nfake/swap/a.mp4,0.2\nfake/swap/c.avi,0.5\n"
    matched = match_scores(read_scores(write(tmp_path / "scores.csv", text), "low"), SPLIT)
    scores = matched.videos.set_index("video_id")["score"]
    assert scores.drop("d/real/b").to_dict() == pytest.approx(
        {"d/real/a": 0.1, "d/swap/a": 0.8, "d/swap/c": 0.5}
    )
    assert matched.videos["verdict"].tolist() == ["REAL", UNDECIDED, "FAKE", "FAKE"]


@pytest.mark.parametrize("fake", ["high", "low"])
def test_logits_need_a_threshold_and_keep_their_ranks(tmp_path: Path, fake: str) -> None:
    sign = 1 if fake == "high" else -1
    values = dict(zip(SPLIT["video_id"], (-60.0, -50.0, 0.0, 70.0), strict=True))
    text = "".join(f"{name},{sign * value}\n" for name, value in values.items())
    scores = read_scores(write(tmp_path / "scores.csv", f"path,score\n{text}"), fake)  # type: ignore[arg-type]
    with pytest.raises(ScoreFileError, match=r"not 0 to 1: .* with --threshold"):
        match_scores(scores, SPLIT)
    matched = match_scores(scores, SPLIT, threshold=0)
    assert matched.videos["verdict"].tolist() == ["REAL", "REAL", "FAKE", "FAKE"]
    assert matched.videos["score"].between(0, 1).all()
    assert matched.videos["score"].is_monotonic_increasing
    assert matched.videos["score"].is_unique


def test_the_threshold_of_the_file_itself(tmp_path: Path) -> None:
    """As in the output of `deepfake predict --csv`."""
    text = "path,score,threshold\nreal/a.mp4,0.6,0.7\nfake/swap/c.avi,0.8,0.7\n"
    scores = read_scores(write(tmp_path / "scores.csv", text), "high")
    found = match_scores(scores, SPLIT)
    assert found.videos["verdict"].tolist() == ["REAL", UNDECIDED, UNDECIDED, "FAKE"]
    assert match_scores(scores, SPLIT, threshold=0.5).videos["verdict"][0] == "FAKE"
    several = read_scores(write(tmp_path / "scores.csv", text.replace("0.7\nf", "0.1\nf")), "high")
    assert several.threshold is None


def test_labels_of_the_file_stand_in_for_a_split(tmp_path: Path) -> None:
    text = "name,score,correct_label,group\nx,0.1,REAL,p\ny,0.2,0,p\nz,0.9,fake,q\n"
    scores = read_scores(write(tmp_path / "scores.csv", text), "high")
    split = own_split(scores)
    assert split["group"].tolist() == [0, 0, 1]
    assert split["method"].tolist() == ["real", "real", "fake"]
    assert match_scores(scores, split).videos["label"].tolist() == [0, 0, 1]
    unlabelled = read_scores(write(tmp_path / "scores.csv", "name,score\nx,1\n"), "high")
    with pytest.raises(ScoreFileError, match="has no labels: name a split"):
        own_split(unlabelled)


def test_the_labels_of_the_split_count(tmp_path: Path) -> None:
    text = "path,score,label\nreal/a.mp4,0.9,1\nreal/b.mp4,0.9,0\n"
    matched = match_scores(read_scores(write(tmp_path / "scores.csv", text), "high"), SPLIT)
    assert matched.conflicts == ["real/a.mp4"]
    assert matched.videos["label"].tolist() == [0, 0, 1, 1]


def test_a_split_of_other_people(tmp_path: Path) -> None:
    write_csv(tmp_path / "split.csv", SPLIT[["path", "label"]])
    split = read_split(tmp_path / "split.csv")
    assert complete_split(SPLIT, Path("x.csv"))["group"].tolist() == [3, 3, 5, 7]
    assert split["video_id"].tolist() == SPLIT["path"].tolist()
    assert split["group"].is_unique
    people = SPLIT.assign(target=["a", "b", "a", "b"])
    assert complete_split(people, Path("x.csv"))["group"].tolist() == [0, 1, 0, 1]
    with pytest.raises(ScoreFileError, match=r"needs the columns path \(or video_id\) and label"):
        complete_split(SPLIT[["path"]], Path("x.csv"))
    with pytest.raises(ScoreFileError, match="labels other than 0"):
        complete_split(SPLIT.assign(label=2), Path("x.csv"))


def test_the_difference_of_two_detectors(params: Params) -> None:
    """On what both have scored: the same detector differs by nothing, a random one by much."""
    generator = np.random.default_rng(0)
    labels = np.arange(200) % 2
    good = pd.DataFrame(
        {
            "video_id": [f"v{number}" for number in range(200)],
            "label": labels,
            "group": np.arange(200) // 4,
            "score": labels * 0.5 + generator.random(200) * 0.6,
        }
    )
    random = good.assign(score=generator.random(200))
    random.loc[:9, "score"] = np.nan
    settings = params.evaluate
    same = compare_auc(good, good, settings)
    assert (same.low, same.high, same.videos, same.groups) == (0, 0, 200, 50)
    found = compare_auc(good, random, settings)
    assert found.videos == 190
    assert found.first == roc_auc(labels[10:], good["score"].to_numpy()[10:])
    assert 0.3 < found.low < found.first - found.second < found.high < 0.7
