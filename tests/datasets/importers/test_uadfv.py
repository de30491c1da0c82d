"""UADFV: videos are paired by number; folders real/ and fake/ with other names are not UADFV."""

from pathlib import Path

import pytest
from trees import tree

from deepfake.base.errors import ManifestError
from deepfake.core.labels import FAKE, REAL
from deepfake.datasets.importers import uadfv
from deepfake.datasets.listing import COLUMNS

PAIR = ["real/0007.mp4", "fake/0007_fake.mp4"]


def test_real_and_fake_of_one_pair(tmp_path: Path) -> None:
    listing = uadfv.listing(tree(tmp_path, *PAIR))
    empty = dict.fromkeys(COLUMNS, "")
    assert list(listing.rows.columns) == COLUMNS
    assert listing.rows.to_dict("records") == [
        {**empty, "path": PAIR[0], "label": REAL, "method": "real", "target": "uadfv:0007"},
        {
            **empty,
            "path": PAIR[1],
            "label": FAKE,
            "method": "FakeApp",
            "target": "uadfv:0007",
            "original": PAIR[0],
        },
    ]
    assert listing.notes == []


def test_original_need_not_be_on_disk(tmp_path: Path) -> None:
    listing = uadfv.listing(tree(tmp_path, "real/", "fake/0008_fake.mp4"))
    assert listing.rows["original"].tolist() == ["real/0008.mp4"]


def test_frames_and_other_names_are_left_out(tmp_path: Path) -> None:
    others = ["real/frames/0007/000.png", "fake/frames/0007_fake/000.png", "fake/0009.mp4"]
    listing = uadfv.listing(tree(tmp_path, *PAIR, *others))
    assert listing.rows["path"].tolist() == PAIR
    (note,) = listing.notes
    assert note.startswith("3 files ")
    assert all(path in note for path in others)


def test_recognises_with_folders_of_frames(tmp_path: Path) -> None:
    assert uadfv.recognises(
        tree(tmp_path, *PAIR, "real/frames/0007/000.png", "fake/._0007_fake.mp4")
    )


@pytest.mark.parametrize(
    "names",
    [
        ["real/a.mp4", "fake/b.mp4"],
        ["real/0007.mp4", "fake/0007.mp4"],
        ["real/0007.mp4", "fake/0007_fake.mp4", "fake/b_fake.mp4"],
        ["real/0007.mp4", "real/holiday.mp4", "fake/0007_fake.mp4"],
        ["real/0007.mp4", "fake/swap/0007_fake.mp4"],
        ["real/", "fake/"],
        ["real/0007.mp4"],
    ],
)
def test_other_folders_are_not_recognised(tmp_path: Path, names: list[str]) -> None:
    assert not uadfv.recognises(tree(tmp_path, *names))


@pytest.mark.parametrize(
    ("folder", "error"),
    [
        ("real/", "has no folder fake "),
        ("fake/", "has no folder real "),
        ("x/", "real and no fake"),
    ],
)
def test_missing_folder_is_named(tmp_path: Path, folder: str, error: str) -> None:
    with pytest.raises(ManifestError, match=error):
        uadfv.listing(tree(tmp_path, folder))


def test_empty_folders_give_no_rows(tmp_path: Path) -> None:
    assert uadfv.listing(tree(tmp_path, "real/", "fake/")).rows.empty
