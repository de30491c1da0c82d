"""Splits by lists: every person in one split, and the lists of the repository can be made again."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from deepfake.core.tables import read_csv
from deepfake.experiments.split_lists import make_split_list, random_split, with_official_split
from deepfake.params.overlay import ExperimentError

SHARES = {"train": 0.6, "val": 0.15, "test": 0.25}
LISTS = "experiments/splits"


def test_a_random_split_has_the_shares_asked_for_and_depends_on_the_seed() -> None:
    chosen = random_split(1000, SHARES, 0)
    assert {name: chosen.count(name) for name in SHARES} == {"train": 600, "val": 150, "test": 250}
    assert chosen == random_split(1000, SHARES, 0)
    assert chosen != random_split(1000, SHARES, 1)
    assert random_split(0, SHARES, 0) == []


def test_no_person_is_in_two_splits_and_every_stratum_has_the_shares() -> None:
    rows = [
        (f"{source}{i}.jpg", f"{source}:{i // 2}", source) for source in "ab" for i in range(80)
    ]
    rows += [(f"c{i}.jpg", "", "c") for i in range(40)]
    table = pd.DataFrame(rows, columns=["path", "target", "source"])
    listed = make_split_list(table, "mine", "source", SHARES, 0)
    assert listed["video_id"].tolist() == sorted(f"mine/{path[:-4]}" for path, _, _ in rows)
    split = listed.set_index("video_id")["split"]
    split = pd.Series([split[f"mine/{path[:-4]}"] for path in table["path"]])
    assert split[:160].groupby(table["target"]).nunique().eq(1).all()
    counts = pd.crosstab(table["source"], split)
    assert counts.loc["a"].to_dict() == {"train": 48, "val": 12, "test": 20}
    assert counts.loc["c"].to_dict() == {"train": 24, "val": 6, "test": 10}
    shuffled = table.sample(frac=1, random_state=0)
    assert make_split_list(shuffled, "mine", "source", SHARES, 0).equals(listed)


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame({"path": ["real/a.jpg", "real/b.mp4", "c.jpg", "d.e.jpg"], "label": 0})


def test_a_list_gives_the_splits_and_drops_the_rest(
    tmp_path: Path, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "video_id,split\nmine/real/a,val\nmine/real/b,left_out\nmine/d.e,train\nmine/x,test\n"
    (tmp_path / "list.csv").write_text(text)
    found = with_official_split(table, "mine", "list.csv", tmp_path)
    assert dict(zip(found["path"], found["official_split"], strict=True)) == {
        "real/a.jpg": "val",
        "d.e.jpg": "train",
    }
    assert capsys.readouterr().out == (
        "mine: 1 of 4 videos are left out by list.csv, and 1 are not in it\n"
    )


def test_one_split_for_all(table: pd.DataFrame) -> None:
    found = with_official_split(table, "mine", "train", Path())
    assert found["official_split"].tolist() == ["train"] * 4


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, r"experiment\.official_split\.mine: .*list\.csv not found; name train, val, test"),
        ("video_id\nmine/c\n", "must have the columns video_id, split"),
        ("video_id,split\nmine/c,val\nmine/c,val\n", "each video once"),
        ("video_id,split\nmine/c,dev\n", "split dev must be one of train, val, test, left_out"),
    ],
)
def test_a_bad_list_is_named(
    tmp_path: Path, table: pd.DataFrame, text: str | None, complaint: str
) -> None:
    if text:
        (tmp_path / "list.csv").write_text(text)
    with pytest.raises(ExperimentError, match=complaint):
        with_official_split(table, "mine", "list.csv", tmp_path)


@pytest.mark.parametrize(
    ("name", "stratum", "held_out"),
    [("real_faces", "source", 0.3), ("synthetic_faces", "label", 0.33)],
)
def test_lists_of_the_repository_divide_people(
    repository: Path, bench: Path, name: str, stratum: str, held_out: float
) -> None:
    listed = read_csv(repository / LISTS / f"{name}.csv").set_index("video_id")["split"]
    table = read_csv(bench / name / "labels.csv")
    split = pd.Series([listed[f"{name}/{path.rsplit('.', 1)[0]}"] for path in table["path"]])
    if "identity" in table:
        assert split.groupby(table["identity"]).nunique().eq(1).all()
    shares = pd.crosstab(table[stratum], split, normalize="index")
    assert shares["test"].tolist() == pytest.approx([held_out] * len(shares), abs=0.002)


def test_lists_of_the_repository_can_be_made_again(
    repository: Path, bench: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "benchmarks/split_lists.py", "--bench", bench, "--out", tmp_path]
    subprocess.run(command, cwd=repository, check=True, env={"PYTHONPATH": str(repository)})
    names = [path.name for path in sorted(tmp_path.iterdir())]
    assert names == ["real_faces.csv", "synthetic_faces.csv"]
    for name in names:
        assert (tmp_path / name).read_bytes() == (repository / LISTS / name).read_bytes()
