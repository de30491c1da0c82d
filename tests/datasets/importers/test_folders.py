"""real/ and fake/: the folder gives the label, a folder below fake/ the method."""

from pathlib import Path

import pytest
from trees import tree

from deepfake.base.errors import ManifestError
from deepfake.datasets.importers import folders
from deepfake.datasets.listing import COLUMNS


def test_label_and_method(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        *("real/b.mp4", "real/phone/a.jpg", "fake/c.mp4", "fake/swap/d.mp4", "fake/swap/x/e.mp4"),
        *("other/f.mp4", "g.mp4"),
    )
    listing = folders.listing(root)
    table = listing.rows
    assert listing.notes == [
        "2 files and folders beside real/ and fake/, left out:\n  g.mp4\n  other"
    ]
    assert table[["path", "label", "method"]].values.tolist() == [
        ["fake/c.mp4", 1, "fake"],
        ["fake/swap/d.mp4", 1, "swap"],
        ["fake/swap/x/e.mp4", 1, "swap"],
        ["real/b.mp4", 0, "real"],
        ["real/phone/a.jpg", 0, "real"],
    ]
    assert (table[["compression", "target", "source", "original", "official_split"]] == "").all(
        axis=None
    )


@pytest.mark.parametrize("hidden", ["real/.DS_Store", "fake/._a.mp4", "fake/swap/.a.mp4"])
def test_hidden_files_are_left_out(tmp_path: Path, hidden: str) -> None:
    root = tree(tmp_path, "real/a.mp4", "fake/b.mp4", hidden)
    listing = folders.listing(root)
    assert listing.rows["path"].tolist() == ["fake/b.mp4", "real/a.mp4"]
    assert listing.notes == [f"1 file skipped: 1 hidden ({hidden})"]


def test_hidden_folders_are_left_out(tmp_path: Path) -> None:
    root = tree(tmp_path, "real/a.mp4", "fake/b.mp4", "fake/.trash/c.mp4")
    listing = folders.listing(root)
    assert listing.rows["path"].tolist() == ["fake/b.mp4", "real/a.mp4"]
    assert listing.notes == ["1 file skipped: 1 hidden (fake/.trash)"]


def test_files_of_other_kinds_are_skipped_with_a_note(tmp_path: Path) -> None:
    others = ("real/Thumbs.db", "real/desktop.ini", "fake/README.txt", "fake/swap/notes.txt")
    root = tree(tmp_path, "real/a.WMV", "real/b.jfif", "fake/c.mts", *others)
    listing = folders.listing(root)
    assert listing.rows["path"].tolist() == ["fake/c.mts", "real/a.WMV", "real/b.jfif"]
    assert listing.notes == [
        "4 files skipped: 2 .txt (fake/README.txt), 1 .db (real/Thumbs.db),"
        " 1 .ini (real/desktop.ini)"
    ]


def test_linked_folders_are_entered(tmp_path: Path) -> None:
    """The folder of a label, the folder of a method, and a link that leads back."""
    tree(tmp_path, "elsewhere/real/a.mp4", "elsewhere/swap/b.mp4", "root/fake/c.mp4")
    (tmp_path / "root/real").symlink_to(tmp_path / "elsewhere/real")
    (tmp_path / "root/fake/swap").symlink_to(tmp_path / "elsewhere/swap")
    (tmp_path / "elsewhere/swap/up").symlink_to(tmp_path / "root")
    table = folders.listing(tmp_path / "root").rows
    assert table[["path", "method"]].values.tolist() == [
        ["fake/c.mp4", "fake"],
        ["fake/swap/b.mp4", "swap"],
        ["real/a.mp4", "real"],
    ]


def test_empty_folders_give_no_rows(tmp_path: Path) -> None:
    table = folders.listing(tree(tmp_path, "real/", "fake/", "fake/swap/")).rows
    assert table.empty
    assert list(table.columns) == COLUMNS


@pytest.mark.parametrize(
    ("folder", "error"),
    [
        ("real/", "has no folder fake "),
        ("fake/", "has no folder real "),
        ("genuine/", "has no folder real and no fake "),
        ("train/Real/", "has no folder fake "),
    ],
)
def test_missing_folder_is_named(tmp_path: Path, folder: str, error: str) -> None:
    with pytest.raises(ManifestError) as caught:
        folders.listing(tree(tmp_path, folder))
    assert str(caught.value).startswith(f"{tmp_path} {error}")


def test_folders_in_other_cases(tmp_path: Path) -> None:
    table = folders.listing(tree(tmp_path, "Real/a.mp4", "FAKE/swap/b.mp4")).rows
    assert table[["path", "label", "method"]].values.tolist() == [
        ["FAKE/swap/b.mp4", 1, "swap"],
        ["Real/a.mp4", 0, "real"],
    ]


def test_folders_of_splits(tmp_path: Path) -> None:
    """As many data sets on Kaggle are laid out."""
    root = tree(
        tmp_path, "train/real/a.jpg", "Train/fake/b.jpg", "valid/Fake/c.jpg", "test/fake/d.jpg"
    )
    assert folders.recognises(root)
    table = folders.listing(root).rows
    assert table[["path", "label", "official_split"]].values.tolist() == [
        ["Train/fake/b.jpg", 1, "train"],
        ["test/fake/d.jpg", 1, "test"],
        ["train/real/a.jpg", 0, "train"],
        ["valid/Fake/c.jpg", 1, "val"],
    ]
