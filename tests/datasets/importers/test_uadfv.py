"""UADFV: pairs by number, and no claim to other people's real/ and fake/."""

from pathlib import Path

import pytest
from trees import tree

from deepfake.base.errors import ManifestError
from deepfake.core.labels import FAKE, REAL
from deepfake.datasets.importers import uadfv
from deepfake.datasets.listing import COLUMNS

PAIR = ["real/0007.mp4", "fake/0007_fake.mp4"]


def test_real_and_fake_of_one_pair(tmp_path: Path) -> None:
    found = uadfv.listing(tree(tmp_path, *PAIR))
    empty = dict.fromkeys(COLUMNS, "")
    assert list(found.rows.columns) == COLUMNS
    assert found.rows.to_dict("records") == [
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
    assert found.notes == []


def test_original_need_not_be_there(tmp_path: Path) -> None:
    found = uadfv.listing(tree(tmp_path, "real/", "fake/0008_fake.mp4"))
    assert found.rows["original"].tolist() == ["real/0008.mp4"]


def test_frames_and_strange_names_are_left_out(tmp_path: Path) -> None:
    strange = ["real/frames/0007/000.png", "fake/frames/0007_fake/000.png", "fake/0009.mp4"]
    found = uadfv.listing(tree(tmp_path, *PAIR, *strange))
    assert found.rows["path"].tolist() == PAIR
    (note,) = found.notes
    assert note.startswith("3 files ")
    assert all(path in note for path in strange)


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
def test_does_not_claim_other_folders(tmp_path: Path, names: list[str]) -> None:
    assert not uadfv.recognises(tree(tmp_path, *names))


@pytest.mark.parametrize(
    ("there", "complaint"),
    [
        ("real/", "has no folder fake "),
        ("fake/", "has no folder real "),
        ("x/", "real and no fake"),
    ],
)
def test_missing_folder_is_named(tmp_path: Path, there: str, complaint: str) -> None:
    with pytest.raises(ManifestError, match=complaint):
        uadfv.listing(tree(tmp_path, there))


def test_empty_folders_give_no_rows(tmp_path: Path) -> None:
    assert uadfv.listing(tree(tmp_path, "real/", "fake/")).rows.empty
