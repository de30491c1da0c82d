"""Celeb-DF: people and originals from the names, labels from the folders, 1 = REAL in the list."""

from pathlib import Path

import pandas as pd
import pytest
from trees import tree

from deepfake.base.errors import ManifestError
from deepfake.core.labels import FAKE, REAL
from deepfake.datasets.importers import celebdf
from deepfake.datasets.listing import COLUMNS

LIST = "List_of_testing_videos.txt"
VIDEOS = [
    "Celeb-real/id0_0000.mp4",
    "Celeb-synthesis/id0_id16_0000.mp4",
    "YouTube-real/00170.mp4",
]


def rows_of(root: Path) -> pd.DataFrame:
    return celebdf.listing(root).rows.set_index("path")


def test_real_fake_and_unknown_person(tmp_path: Path) -> None:
    listing = celebdf.listing(tree(tmp_path, *VIDEOS))
    assert list(listing.rows.columns) == COLUMNS
    empty = dict.fromkeys(COLUMNS, "")
    assert listing.rows.sort_values("path").to_dict("records") == [
        {
            **empty,
            "path": VIDEOS[0],
            "label": REAL,
            "method": "real",
            "target": "celebdf:id0",
        },
        {
            **empty,
            "path": VIDEOS[1],
            "label": FAKE,
            "method": "Celeb-DF",
            "target": "celebdf:id0",
            "source": "celebdf:id16",
            "original": VIDEOS[0],
        },
        {**empty, "path": VIDEOS[2], "label": REAL, "method": "real"},
    ]
    assert listing.notes == [f"{LIST} is missing: the official split is unknown"]


def test_listed_videos_are_test_and_all_others_train(tmp_path: Path) -> None:
    text = "1 YouTube-real/00170.mp4\n0 Celeb-synthesis/id0_id16_0000.mp4"  # no newline at the end
    listing = celebdf.listing(tree(tmp_path, *VIDEOS, files={LIST: text}))
    assert listing.rows.set_index("path").loc[VIDEOS, "official_split"].tolist() == [
        "train",
        "test",
        "test",
    ]
    assert listing.notes == []


def test_copies_with_videos_one_level_deeper(tmp_path: Path) -> None:
    paths = [path.replace("/", "/videos/") for path in VIDEOS]
    text = "\n".join(["1 Celeb-real/id0_0000.mp4", "0 Celeb-synthesis/id0_id16_0000.mp4", ""])
    table = rows_of(tree(tmp_path, *paths, files={LIST: text})).loc[paths]
    assert table["official_split"].tolist() == ["test", "test", "train"]
    assert table["original"].tolist() == ["", paths[0], ""]
    assert table["method"].tolist() == ["real", "Celeb-DF", "real"]


def test_third_version_has_methods(tmp_path: Path) -> None:
    fakes = [
        "Celeb-synthesis/FaceSwap/Celeb-DF/id0_id16_0000.mp4",
        "Celeb-synthesis/FaceSwap/BlendFace/id0_id16_0000.mp4",
        "Celeb-synthesis/TalkingFace/SadTalker/id3_0007.mp4",
    ]
    text = "0 Celeb-synthesis/FaceSwap/BlendFace/id0_id16_0000.mp4\n"
    table = rows_of(tree(tmp_path, *fakes, files={LIST: text})).loc[fakes]
    assert table["method"].tolist() == ["Celeb-DF", "BlendFace", "SadTalker"]
    assert table["label"].tolist() == [FAKE] * 3
    assert table["target"].tolist() == ["celebdf:id0", "celebdf:id0", "celebdf:id3"]
    assert table["source"].tolist() == ["celebdf:id16", "celebdf:id16", ""]
    assert table["original"].tolist() == [
        *["Celeb-real/id0_0000.mp4"] * 2,
        "Celeb-real/id3_0007.mp4",
    ]
    assert table["official_split"].tolist() == ["train", "test", "train"]


def test_absent_videos_and_other_files_are_noted(tmp_path: Path) -> None:
    others = ["Celeb-real/frames/id0_0000/000.png", "Celeb-synthesis/clip.mp4", "Celeb-real/a.txt"]
    text = "1 Celeb-real/id0_0000.mp4\n1 Celeb-real/id0_0001.mp4\n"
    listing = celebdf.listing(tree(tmp_path, *VIDEOS, *others, files={LIST: text}))
    assert sorted(listing.rows["path"]) == VIDEOS
    absent, left_out = listing.notes
    assert absent.splitlines() == [
        f"1 videos in {LIST} are not on disk:",
        "  Celeb-real/id0_0001.mp4",
    ]
    assert left_out.startswith("3 files ")
    assert all(path in left_out for path in others)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("0 Celeb-real/id0_0000.mp4", "contradicts the folder"),
        ("1 Celeb-synthesis/id0_id16_0000.mp4", "contradicts the folder"),
        ("REAL Celeb-real/id0_0000.mp4", "expected a line like '1 Celeb-real"),
        ("1 somewhere/id0_0000.mp4", "expected a line like '1 Celeb-real"),
        ("1", "expected a line like '1 Celeb-real"),
    ],
)
def test_invalid_line_of_the_list_is_named(tmp_path: Path, line: str, error: str) -> None:
    root = tree(tmp_path, *VIDEOS, files={LIST: f"1 YouTube-real/00170.mp4\n{line}\n"})
    with pytest.raises(ManifestError, match=error) as caught:
        celebdf.listing(root)
    assert str(caught.value).startswith(f"{root / LIST}, line 2: ")


def test_recognises(tmp_path: Path) -> None:
    assert celebdf.recognises(tree(tmp_path / "a", "Celeb-real/"))
    assert celebdf.recognises(tree(tmp_path / "b", "Celeb-synthesis/"))
    assert not celebdf.recognises(tree(tmp_path / "c", "real/id0_0000.mp4", "fake/"))


def test_folder_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="has none of the folders Celeb-real, YouTube-real"):
        celebdf.listing(tree(tmp_path, "real/a.mp4"))


def test_empty_folders_give_no_rows(tmp_path: Path) -> None:
    assert celebdf.listing(tree(tmp_path, "Celeb-real/", "Celeb-synthesis/")).rows.empty


def test_published_list(tmp_path: Path, repository: Path) -> None:
    """518 lines, 178 REAL and 340 FAKE, including the first and the last."""
    lists_folder = repository.parent / "shared" / "bench" / "dataset_files"
    path = lists_folder / f"celebdf_{LIST}"
    if not path.is_file():
        pytest.skip(f"needs the data set's own list in {lists_folder}")
    text = path.read_text()
    names = [line.split(" ")[1] for line in text.splitlines()]
    root = tree(tmp_path, *names, "Celeb-real/id0_9999.mp4", files={LIST: text})
    listing = celebdf.listing(root)
    table = listing.rows.set_index("path")
    test = table[table["official_split"] == "test"]
    assert test["label"].value_counts().to_dict() == {REAL: 178, FAKE: 340}
    assert test.loc["YouTube-real/00170.mp4", "label"] == REAL  # the first line
    assert test.loc[names[-1], "label"] == FAKE
    assert table.loc["Celeb-real/id0_9999.mp4", "official_split"] == "train"
    assert listing.notes == []
