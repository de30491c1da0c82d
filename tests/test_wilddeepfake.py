"""WildDeepfake: archives of crops whose numbers start anew in each folder."""

from pathlib import Path

from trees import tree

from deepfake import scanning
from deepfake.datasets import wilddeepfake


def test_archives_and_unpacked_folders(tmp_path: Path) -> None:
    names = ("real_train/1.tar.gz", "fake_train/1.tar.gz", "fake_test/2/0.png", "fake_test/2/1.png")
    root = tree(tmp_path, *names, "fake_test/notes.txt", "other/3.tar.gz")
    assert wilddeepfake.recognises(root)
    found = wilddeepfake.listing(root)
    assert found.rows[["path", "label", "method", "official_split"]].values.tolist() == [
        ["fake_test/2", 1, "wild", "test"],
        ["fake_train/1.tar.gz", 1, "wild", "train"],
        ["real_train/1.tar.gz", 0, "real", "train"],
    ]
    assert found.notes == ["1 files are no archives, left out:\n  fake_test/notes.txt"]
    rows = scanning.scan(root, "wild", "auto", "*").rows
    assert rows["video_id"].is_unique
    assert (rows["kind"] == "frames").all()


def test_empty(tmp_path: Path) -> None:
    assert not wilddeepfake.recognises(tmp_path)
    assert wilddeepfake.listing(tmp_path).rows.empty
