"""WildDeepfake: archives of crops, numbered per folder."""

from pathlib import Path

import pytest
from trees import tree

from deepfake.base.errors import ManifestError
from deepfake.datasets import scanning
from deepfake.datasets.importers import wilddeepfake


def test_archives_and_unpacked_folders(tmp_path: Path) -> None:
    names = (
        *("real_train/1.tar.gz", "real_test/1.tgz", "fake_train/1.tar", "fake_train/10.tar.gz"),
        *("fake_test/1/0.png", "fake_test/1/1.png", "fake_test/2/fake/7/0.png"),
    )
    root = tree(tmp_path, *names, "other/3.tar.gz")
    assert wilddeepfake.recognises(root)
    listing = wilddeepfake.listing(root)
    columns = ["path", "label", "method", "official_split"]
    assert sorted(listing.rows[columns].values.tolist()) == [
        ["fake_test/1", 1, "wild", "test"],
        ["fake_test/2", 1, "wild", "test"],
        ["fake_train/1.tar", 1, "wild", "train"],
        ["fake_train/10.tar.gz", 1, "wild", "train"],
        ["real_test/1.tgz", 0, "real", "test"],
        ["real_train/1.tar.gz", 0, "real", "train"],
    ]
    assert listing.notes == []
    assert (listing.rows[["target", "source", "original"]] == "").all(axis=None)
    rows = scanning.scan(root, "wild", "auto", "*").rows
    assert sorted(rows["video_id"]) == [
        *("wild/fake_test/1", "wild/fake_test/2", "wild/fake_train/1", "wild/fake_train/10"),
        *("wild/real_test/1", "wild/real_train/1"),
    ]
    assert (rows["kind"] == "frames").all()


def test_unpacked_archive_counts_once(tmp_path: Path) -> None:
    listing = wilddeepfake.listing(tree(tmp_path, "real_test/1.tar.gz", "real_test/1/0.png"))
    assert listing.rows["path"].tolist() == ["real_test/1"]
    assert listing.notes == [
        "1 archives are also unpacked, so the archives are left out:\n  real_test/1.tar.gz"
    ]


def test_empty_folder_does_not_replace_its_archive(tmp_path: Path) -> None:
    listing = wilddeepfake.listing(tree(tmp_path, "real_test/1.tar.gz", "real_test/1/"))
    assert listing.rows["path"].tolist() == ["real_test/1.tar.gz"]


def test_other_files_are_left_out(tmp_path: Path) -> None:
    others = ("fake_test/notes.txt", "fake_test/a/0.png", "fake_test/3/", "fake_test/4.zip")
    root = tree(tmp_path, *others, "fake_test/.DS_Store", "fake_test/5/0.PNG")
    listing = wilddeepfake.listing(root)
    assert listing.rows["path"].tolist() == ["fake_test/5"]
    assert listing.notes == [
        "4 files and folders are not numbered archives of images, left out:\n"
        "  fake_test/3\n  fake_test/4.zip\n  fake_test/a\n  ... and 1 more"
    ]


@pytest.mark.parametrize("names", [(), ("real/1.tar.gz", "fake/1.tar.gz"), ("real_train_old/1/",)])
def test_other_folders_are_not_recognised(tmp_path: Path, names: tuple[str, ...]) -> None:
    root = tree(tmp_path, *names)
    assert not wilddeepfake.recognises(root)
    with pytest.raises(
        ManifestError, match="has none of the folders real_train, real_test, fake_train, "
    ):
        wilddeepfake.listing(root)
